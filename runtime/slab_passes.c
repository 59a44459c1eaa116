/* SPDX-License-Identifier: MIT */
/* How passes can be cut into rows: leading axes become one, and what elements a row needs is found by their addresses. */
#include "runtime/slabs.h"

#include <string.h>

/* ------------------------------------------------------------------------------------------------------ leading axes -- */

static bool is_reduced(const nx_pass *pass, int axis) {
    return pass->kind == NX_PASS_REDUCE && pass->is_reduced[axis];
}

static bool is_mergeable(const nx_pass *pass) {
    const int64_t *extent = pass->shape->extent;
    if (is_reduced(pass, 0) != is_reduced(pass, 1)) return false;
    for (uint32_t k = 0; k < pass->ir.input_count; k++) {
        const int64_t *stride = pass->sources[k].stride;
        if (stride[0] != stride[1] * extent[1]) return false;
    }
    return true;
}

static void drop_axis(nx_pass *pass, nx_shape *shape, int axis) {
    const size_t behind = (size_t)(shape->ndim - 1 - axis);
    memmove(shape->extent + axis, shape->extent + axis + 1, behind * sizeof *shape->extent);
    for (uint32_t k = 0; k < pass->ir.input_count; k++) {
        int64_t *stride = pass->sources[k].stride;
        memmove(stride + axis, stride + axis + 1, behind * sizeof *stride);
    }
    if (pass->kind != NX_PASS_ELEMENTWISE) {
        memmove(pass->is_reduced + axis, pass->is_reduced + axis + 1, behind * sizeof *pass->is_reduced);
    }
    shape->ndim--;
}

/* Makes the first axis as long as it can be; it is there, if only with one row. What runs keeps its axes. */
static void merge_leading_axes(nx_pass *pass, nx_shape *shape) {
    while (shape->ndim > 1 && pass->kind != NX_PASS_SCAN) {
        if (shape->extent[0] == 1) {
            drop_axis(pass, shape, 0);
        } else if (shape->extent[1] == 1) {
            drop_axis(pass, shape, 1);
        } else if (is_mergeable(pass)) {
            shape->extent[1] *= shape->extent[0];
            drop_axis(pass, shape, 0);
        } else {
            return;
        }
    }
}

/* A copy of the pass whose shape, strides and flags may be changed. */
static nexpr_status copy_pass(nexpr_slabs *s, const nx_pass *from, nx_pass *ret, nexpr_error *err) {
    const uint32_t sources = from->ir.input_count;
    const size_t axes = (size_t)from->shape->ndim + 1;
    nx_shape *shape = nx_arena_alloc(&s->arena, 1, sizeof *shape);
    *ret = *from;
    ret->sources = nx_arena_alloc(&s->arena, sources, sizeof *ret->sources);
    ret->is_reduced = nx_arena_alloc(&s->arena, axes, sizeof *ret->is_reduced);
    if (!shape || !ret->sources || !ret->is_reduced) return nx_fail_memory(err);
    for (uint32_t k = 0; k < sources; k++) {
        ret->sources[k] = from->sources[k];
        ret->sources[k].stride = nx_arena_alloc(&s->arena, axes, sizeof(int64_t));
        if (!ret->sources[k].stride) return nx_fail_memory(err);
        memcpy(ret->sources[k].stride, from->sources[k].stride, (axes - 1) * sizeof(int64_t));
    }
    if (from->is_reduced) memcpy(ret->is_reduced, from->is_reduced, axes - 1);
    *shape = *from->shape;
    if (!shape->ndim) shape->extent[shape->ndim++] = 1;
    merge_leading_axes(ret, shape);
    ret->shape = shape;
    return NEXPR_OK;
}

/* ------------------------------------------------------------------------------------------------------------ inputs -- */

/* The distance of an input's elements, if they lie in C order at equal distances; else 0. */
static int64_t find_distance(const nx_layout *input, int64_t item_size) {
    const nx_shape *shape = input->shape;
    int64_t distance = 0, expected = 0;
    for (int k = shape->ndim - 1; k >= 0; k--) {
        if (shape->extent[k] == 1) continue;
        if (!distance) distance = expected = input->strides[k];
        if (input->strides[k] != expected) return 0;
        expected *= shape->extent[k];
    }
    if (!distance) distance = item_size;
    return distance >= item_size ? distance : 0;
}

/* The elements of the input that a row of the source needs, relative to row*row_items: from *ret_before up to *ret_end. */
static void find_reach(const nx_pass *pass, const nx_source *source, int64_t distance, int64_t *ret_before,
                       int64_t *ret_end) {
    int64_t low = source->offset, high = source->offset;
    for (int k = 1; k < pass->shape->ndim; k++) {
        const int64_t reach = source->stride[k] * (pass->shape->extent[k] - 1);
        *(reach < 0 ? &low : &high) += reach;
    }
    const int64_t table = source->table_stride * (source->table_count ? source->table_count - 1 : 0);
    *(table < 0 ? &low : &high) += table;
    *ret_before = low / distance;
    *ret_end = high / distance + 1;
}

/* What the source needs of its input, with what other sources of the pass need of it. */
static void add_use(const nx_pass *pass, const nx_source *source, const nx_layout *input, int64_t distance,
                    nexpr_slab_part *part) {
    const int64_t row_items = distance ? source->stride[0] / distance : 0; /* 0: another distance, or none */
    const bool is_first = part->use == NEXPR_SLAB_NOT;
    bool by_rows = row_items > 0 && (is_first || (part->use == NEXPR_SLAB_ROWS && part->row_items == row_items));
    int64_t before = 0, end = 0;
    if (by_rows) {
        find_reach(pass, source, distance, &before, &end);
        if (!is_first && part->before < before) before = part->before;
        if (!is_first && part->row_items + part->behind > end) end = part->row_items + part->behind;
        by_rows = end - before <= input->shape->count / 2; /* otherwise nearly all of it is there anyway */
    }
    *part = (nexpr_slab_part){.size = sizeof *part, .use = by_rows ? NEXPR_SLAB_ROWS : NEXPR_SLAB_WHOLE};
    if (!by_rows) return;
    part->row_items = row_items;
    part->before = before;
    part->behind = end - row_items;
}

static nexpr_status find_inputs(nexpr_slabs *s, nx_slab_pass *p, const nx_layout *inputs, nexpr_error *err) {
    nx_pass *pass = &p->pass;
    p->inputs = nx_arena_alloc(&s->arena, s->input_count, sizeof *p->inputs);
    p->steps = nx_arena_alloc(&s->arena, pass->ir.input_count, sizeof *p->steps);
    if (!p->inputs || !p->steps) return nx_fail_memory(err);
    for (uint32_t k = 0; k < pass->ir.input_count && pass->shape->count; k++) {
        const nx_source *source = &pass->sources[k];
        if (source->kind != NX_SOURCE_INPUT) continue;
        const int64_t item_size = (int64_t)nexpr_dtype_size(s->inputs[source->index].dtype);
        add_use(pass, source, &inputs[source->index], find_distance(&inputs[source->index], item_size),
                &p->inputs[source->index]);
        if (p->is_one) p->inputs[source->index].use = NEXPR_SLAB_WHOLE;
    }
    for (uint32_t k = 0; k < pass->ir.input_count; k++) {
        nx_source *source = &pass->sources[k];
        const nexpr_slab_part *part = &p->inputs[source->index];
        p->steps[k] = source->stride[0];
        if (source->kind != NX_SOURCE_INPUT || part->use != NEXPR_SLAB_ROWS) continue;
        p->steps[k] = 0;
        source->offset -= part->before * (source->stride[0] / part->row_items);
    }
    return NEXPR_OK;
}

/* ----------------------------------------------------------------------------------------------------------- results -- */

static void set_result(nx_slab_pass *p, const nx_target *target, int64_t count) {
    if (target->is_temporary) return;
    nexpr_slab_part *part = &p->results[target->index];
    *part = (nexpr_slab_part){.size = sizeof *part, .use = p->is_carried ? NEXPR_SLAB_WHOLE : NEXPR_SLAB_ROWS};
    if (!p->is_carried) part->row_items = p->rows ? count / p->rows : 0;
}

uint32_t nx_slab_target_count(const nx_pass *pass) {
    return pass->kind == NX_PASS_ELEMENTWISE ? pass->ir.result_count : pass->reduction_count;
}

const nx_target *nx_slab_target(const nx_pass *pass, uint32_t k) {
    return pass->kind == NX_PASS_ELEMENTWISE ? &pass->targets[k] : &pass->reductions[k].target;
}

/* Elements of each target of the pass. */
static int64_t count_target(const nx_pass *pass) {
    int64_t count = 1;
    for (int k = 0; k < pass->shape->ndim; k++) count *= is_reduced(pass, k) ? 1 : pass->shape->extent[k];
    return count;
}

static nexpr_status find_results(nexpr_slabs *s, nx_slab_pass *p, nexpr_error *err) {
    p->results = nx_arena_alloc(&s->arena, s->output_count, sizeof *p->results);
    if (!p->results) return nx_fail_memory(err);
    for (uint32_t k = 0; k < nx_slab_target_count(&p->pass); k++) {
        set_result(p, nx_slab_target(&p->pass, k), count_target(&p->pass));
    }
    return NEXPR_OK;
}

static nexpr_status start_reduction(nexpr_slabs *s, nx_slab_pass *p, nexpr_error *err) {
    uint32_t *targets = nx_arena_alloc(&s->arena, p->pass.reduction_count, sizeof *targets);
    if (!targets) return nx_fail_memory(err);
    for (uint32_t k = 0; k < p->pass.reduction_count; k++) {
        const nx_target *target = &p->pass.reductions[k].target;
        targets[k] = (target->is_temporary ? s->output_count : 0) + target->index;
    }
    NX_TRY(nx_reduce_slab_init(&p->reduction, &p->pass, targets, &s->arena, err));
    s->state_bytes += nx_reduce_slab_bytes(&p->reduction);
    const int64_t nodes = 3 * p->reduction.all.kept.count; /* of the leaves of a slab, at least */
    for (uint32_t k = 0; k < p->pass.reduction_count; k++) s->bytes += nodes * 2 * (int64_t)sizeof(int64_t);
    return NEXPR_OK;
}

static nexpr_status cut_pass(nexpr_slabs *s, const nx_pass *from, nx_slab_pass *p, const nx_layout *inputs,
                             nexpr_error *err) {
    NX_TRY(copy_pass(s, from, &p->pass, err));
    p->is_one = from->kind == NX_PASS_COMPRESS || (from->kind == NX_PASS_SCAN && p->pass.is_reduced[0]);
    p->rows = p->is_one ? 1 : p->pass.shape->extent[0];
    p->is_carried = is_reduced(&p->pass, 0);
    NX_TRY(find_inputs(s, p, inputs, err));
    NX_TRY(find_results(s, p, err));
    return p->is_carried ? start_reduction(s, p, err) : NEXPR_OK;
}

nexpr_status nx_slabs_cut(nexpr_slabs *s, const nx_layout *inputs, nexpr_error *err) {
    s->passes = nx_arena_alloc(&s->arena, s->schedule.pass_count, sizeof *s->passes);
    if (!s->passes) return nx_fail_memory(err);
    for (uint32_t p = 0; p < s->schedule.pass_count; p++) {
        NX_TRY(cut_pass(s, &s->schedule.passes[p], &s->passes[p], inputs, err));
    }
    return NEXPR_OK;
}
