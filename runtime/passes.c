/* SPDX-License-Identifier: MIT */
/*
 * A pass is a nest whose inputs are its sources: several may be views of one input, and some are temporaries, which are
 * numbered behind the plan's inputs and, as targets, behind its outputs.
 */
#include "runtime/passes.h"

#include "runtime/compress.h"
#include "runtime/reduce.h"
#include "vm/kernels.h"

#include <string.h>

nexpr_status nx_find_layouts(const nexpr *e, const nexpr_array *const *inputs, nx_arena *arena, nx_layout **ret,
                             nexpr_error *err) {
    const uint8_t *used = nx_expr_used(e, e->ir.result_count);
    nx_layout *layouts = nx_arena_alloc(arena, e->ir.input_count, sizeof *layouts);
    if (!layouts) return nx_fail_memory(err);
    for (uint32_t i = 0; i < e->ir.input_count; i++) {
        if (!used[i]) continue;
        NX_TRY(nx_check_input(e, inputs, i, err));
        const nexpr_array *array = inputs[i];
        nx_shape *shape = nx_arena_alloc(arena, 1, sizeof *shape);
        int64_t *strides = nx_arena_alloc(arena, (size_t)array->ndim + 1, sizeof *strides);
        if (!shape || !strides) return nx_fail_memory(err);
        NX_TRY(nx_array_shape(array, shape, err));
        nx_array_strides(array, strides);
        layouts[i] = (nx_layout){shape, strides, array->byte_order == NEXPR_SWAPPED && nexpr_dtype_size(array->dtype) > 1};
    }
    *ret = layouts;
    return NEXPR_OK;
}

nexpr_status nx_find_result_shapes(const nexpr *e, const nexpr_array *const *inputs, nx_arena *arena, nx_shape *ret,
                                   nexpr_error *err) {
    const uint32_t count = e->ir.result_count;
    for (uint32_t i = 0; i < count && !e->is_scheduled; i++) NX_TRY(nx_broadcast(e, inputs, nx_expr_used(e, i), &ret[i], err));
    if (!e->is_scheduled) return NEXPR_OK;
    nx_layout *layouts;
    const nx_shape **shapes = nx_arena_alloc(arena, count, sizeof *shapes);
    if (!shapes) return nx_fail_memory(err);
    NX_TRY(nx_find_layouts(e, inputs, arena, &layouts, err));
    NX_TRY(nx_result_shapes(&e->ir, layouts, e->lengths, arena, shapes, err));
    for (uint32_t i = 0; i < count; i++) ret[i] = *shapes[i];
    return NEXPR_OK;
}

/* Of a program with views: those of the pass that computes it. */
static nexpr_status find_scheduled_result(const nexpr *e, const nexpr_array *const *inputs, uint32_t result, nx_arena *arena,
                                          nx_shape *ret_shape, int64_t *ret_strides, nexpr_error *err) {
    nx_layout *layouts;
    nx_schedule schedule;
    NX_TRY(nx_find_layouts(e, inputs, arena, &layouts, err));
    NX_TRY(nx_schedule_make(&e->ir, layouts, e->lengths, NULL, e->max_nodes, arena, &schedule, err));
    for (uint32_t p = 0; p < schedule.pass_count; p++) {
        const nx_pass *pass = &schedule.passes[p];
        for (uint32_t t = 0; t < pass->ir.result_count && pass->kind == NX_PASS_ELEMENTWISE; t++) {
            if (pass->targets[t].is_temporary || pass->targets[t].index != result) continue;
            *ret_shape = *pass->shape;
            nx_nest_order_like_sources(pass, nexpr_dtype_size(nexpr_result_dtype(e, (int)result)), ret_strides);
        }
    }
    return NEXPR_OK;
}

nexpr_status nx_find_new_result(const nexpr *e, const nexpr_allocator *allocator, const nexpr_array *const *inputs,
                                uint32_t result, nx_shape *ret_shape, int64_t *ret_strides, nexpr_error *err) {
    if (!e->is_scheduled) {
        const uint8_t *used = nx_expr_used(e, result);
        NX_TRY(nx_broadcast(e, inputs, used, ret_shape, err));
        nx_nest_order_like(e, inputs, used, ret_shape, nexpr_dtype_size(nexpr_result_dtype(e, (int)result)), ret_strides);
        return NEXPR_OK;
    }
    nx_arena arena;
    nx_arena_init(&arena, allocator);
    nexpr_status status = find_scheduled_result(e, inputs, result, &arena, ret_shape, ret_strides, err);
    nx_arena_free(&arena);
    return status;
}

/* ---------------------------------------------------------------------------------------------------------- plans -- */

/* Sources are numbered: the inputs, the temporaries, and the place that indices count from. */
static uint32_t source_number(const nexpr_plan *plan, const nx_source *source) {
    switch (source->kind) {
    case NX_SOURCE_INPUT: return source->index;
    case NX_SOURCE_TEMPORARY: return plan->input_count + source->index;
    default: return plan->input_count + plan->temporary_count;
    }
}

static void set_source(const nexpr_plan *plan, const nx_pass *pass, uint32_t k, nx_nest_operand *x) {
    const nx_source *source = &pass->sources[k];
    x->dtype = pass->ir.inputs[k].dtype;
    x->is_used = true;
    x->is_index = source->kind == NX_SOURCE_INDEX;
    x->index = source_number(plan, source);
    x->swapped = source->kind == NX_SOURCE_INPUT && plan->inputs[source->index].array.byte_order == NEXPR_SWAPPED &&
                 nexpr_dtype_size(x->dtype) > 1;
    x->offset = source->offset;
    x->table_stride = source->table_stride;
    x->table_count = source->table_count;
    memcpy(x->stride, source->stride, (size_t)pass->shape->ndim * sizeof *x->stride);
}

static uint32_t target_number(const nexpr_plan *plan, const nx_target *target) {
    return target->is_temporary ? plan->output_count + target->index : target->index;
}

static void set_target(const nexpr_plan *plan, const nx_schedule *schedule, const nx_pass *pass, uint32_t k,
                       nx_nest_operand *x) {
    const nx_target *target = &pass->targets[k];
    if (!target->is_temporary) {
        nx_nest_set_operand(x, &plan->outputs[target->index], pass->shape, target->index);
        return;
    }
    *x = (nx_nest_operand){.dtype = schedule->temporaries[target->index].dtype, .is_used = true, .stride = x->stride,
                           .index = target_number(plan, target)};
    nx_c_strides(pass->shape, (int64_t)nexpr_dtype_size(x->dtype), x->stride);
}

static const nx_reduce_kernels *extremum_of(nx_reducer reducer, nexpr_dtype loop) {
    if (!nx_reducer_gives_index(reducer)) return NULL;
    return nx_vm_reduce_kernels(nx_isa_current(), reducer == NX_REDUCER_argmin ? NX_REDUCER_min : NX_REDUCER_max, loop);
}

/* What the nest reduces. */
static nexpr_status set_reductions(nexpr_plan *plan, const nx_pass *pass, nx_nest *nest, nexpr_error *err) {
    nx_reduce *r = nest->reduce = nx_arena_alloc(&plan->arena, 1, sizeof *r);
    if (!r) return nx_fail_memory(err);
    r->parts = nx_arena_alloc(&plan->arena, pass->reduction_count, sizeof *r->parts);
    r->direct = nx_arena_alloc(&plan->arena, nest->output_count, sizeof *r->direct);
    if (!r->parts || !r->direct) return nx_fail_memory(err);
    for (uint32_t k = 0; k < nest->output_count; k++) {
        const nx_node *root = &pass->ir.nodes[pass->ir.results[k].node];
        nx_nest_operand *x = &nest->operands[nest->input_count + k];
        *x = (nx_nest_operand){.dtype = (nexpr_dtype)root->dtype, .is_used = true, .is_buffer = true, .stride = x->stride};
        r->direct[k] = root->kind == NX_NODE_INPUT ? (int)root->index : -1;
    }
    for (; r->part_count < pass->reduction_count; r->part_count++) {
        const nx_reduction *from = &pass->reductions[r->part_count];
        r->parts[r->part_count] = (nx_reduce_part){
            .kernels = nx_vm_reduce_kernels(nx_isa_current(), from->reducer, from->loop),
            .extremum = extremum_of(from->reducer, from->loop), .reducer = from->reducer, .loop = from->loop,
            .adds_zero = from->adds_zero, .operand = from->operand,
            .target = target_number(plan, &from->target), .span = from->span};
    }
    return NEXPR_OK;
}

/* A nest behind the last one with the pass's program and sources. */
static nexpr_status start_nest(nexpr_plan *plan, const nx_pass *pass, nx_nest **ret, nexpr_error *err) {
    nx_nest *nest = &plan->nests[plan->nest_count];
    nx_vm_program *program;
    NX_TRY(nx_nest_init(plan, nest, pass->ir.input_count, pass->ir.result_count, err));
    for (uint32_t k = 0; k < nest->input_count; k++) set_source(plan, pass, k, &nest->operands[k]);
    NX_TRY(nx_vm_compile(&pass->ir, &program, err));
    nest->program = program;
    *ret = nest;
    return NEXPR_OK;
}

static nexpr_status make_nest(nexpr_plan *plan, const nx_schedule *schedule, const nx_pass *pass, nexpr_error *err) {
    nx_nest *nest;
    NX_TRY(start_nest(plan, pass, &nest, err));
    for (uint32_t k = 0; k < nest->output_count; k++) {
        set_target(plan, schedule, pass, k, &nest->operands[nest->input_count + k]);
    }
    nx_nest_arrange(nest, pass->shape);
    return nx_plan_add_nest(plan, err);
}

static nexpr_status make_reducing_nest(nexpr_plan *plan, const nx_pass *pass, nx_reduce_slab *slab, nexpr_error *err) {
    nx_nest *nest;
    NX_TRY(start_nest(plan, pass, &nest, err));
    NX_TRY(set_reductions(plan, pass, nest, err));
    nest->reduce->slab = slab;
    NX_TRY(nx_reduce_arrange(nest, pass, false, &plan->arena, err));
    return nx_plan_add_nest(plan, err);
}

static nexpr_status start_compressing_nest(nexpr_plan *plan, const nx_pass *pass, nx_nest **ret, nexpr_error *err) {
    NX_TRY(start_nest(plan, pass, ret, err));
    NX_TRY(set_reductions(plan, pass, *ret, err));
    nx_reduce_part *part = &(*ret)->reduce->parts[0];
    (*ret)->reduce->compresses = true;
    part->reducer = NX_REDUCER_sum;
    part->loop = NEXPR_INT64;
    part->kernels = nx_vm_reduce_kernels(nx_isa_current(), part->reducer, part->loop);
    return NEXPR_OK;
}

/* The pass without the elements; its program reads only what the mask is made of, its nest is arranged as the other
 * one, so that their groups are the same. */
static nexpr_status start_counting_nest(nexpr_plan *plan, const nx_pass *pass, nx_nest **ret, nexpr_error *err) {
    nx_pass mask = *pass;
    mask.ir.results += NX_COMPRESS_MASK;
    mask.ir.result_count = 1;
    NX_TRY(start_compressing_nest(plan, &mask, ret, err));
    (*ret)->reduce->is_prefix = true;
    return NEXPR_OK;
}

/* Two nests, if threads share the work or the count is asked for: the first one counts what comes before each group of
 * leaves. */
static nexpr_status make_compressing_nests(nexpr_plan *plan, const nx_pass *pass, bool counts, nexpr_error *err) {
    const bool may_share = nx_plan_threads(plan) > 1;
    nx_nest *nest;
    NX_TRY(start_counting_nest(plan, pass, &nest, err));
    nx_reduce *prefix = nest->reduce;
    NX_TRY(nx_reduce_arrange(nest, pass, may_share, &plan->arena, err));
    if (prefix->group_count > 1 || counts || plan->is_counted) NX_TRY(nx_plan_add_nest(plan, err));
    if (counts) return NEXPR_OK;
    NX_TRY(start_compressing_nest(plan, pass, &nest, err));
    nest->reduce->prefix = prefix->group_count > 1 ? prefix : NULL;
    NX_TRY(nx_reduce_arrange(nest, pass, may_share, &plan->arena, err));
    return nx_plan_add_nest(plan, err);
}

static void lay_target(nx_reduce *scan, const nx_pass *pass) {
    nx_c_strides(pass->shape, (int64_t)nexpr_dtype_size(scan->parts->loop), scan->target_stride);
}

/* Two nests, if threads have to share rows: the first one reduces what comes before each group of leaves. */
static nexpr_status make_scanning_nests(nexpr_plan *plan, const nx_pass *pass, const nx_prior *prior, nexpr_error *err) {
    const bool may_share = nx_plan_threads(plan) > 1;
    nx_nest *nest;
    nx_reduce *prefix;
    NX_TRY(start_nest(plan, pass, &nest, err));
    NX_TRY(set_reductions(plan, pass, nest, err));
    prefix = nest->reduce;
    prefix->is_prefix = true;
    prefix->prior = prior;
    lay_target(prefix, pass);
    NX_TRY(nx_reduce_arrange(nest, pass, may_share, &plan->arena, err));
    if (prefix->group_count > 1) NX_TRY(nx_plan_add_nest(plan, err));
    NX_TRY(start_nest(plan, pass, &nest, err));
    NX_TRY(set_reductions(plan, pass, nest, err));
    nest->reduce->scans = true;
    nest->reduce->prior = prior;
    nest->reduce->prefix = prefix->group_count > 1 ? prefix : NULL;
    lay_target(nest->reduce, pass);
    NX_TRY(nx_reduce_arrange(nest, pass, may_share, &plan->arena, err));
    return nx_plan_add_nest(plan, err);
}

/* Whether workers keep what the temporary would hold. */
static bool is_kept(const nexpr_plan *plan, uint32_t temporary) {
    bool found = false;
    for (uint32_t i = 0; i < plan->nest_count; i++) {
        const nx_reduce *r = plan->nests[i].reduce;
        for (uint32_t p = 0; r && p < r->part_count; p++) {
            found |= r->parts[p].is_kept && r->parts[p].target == plan->output_count + temporary;
        }
    }
    return found;
}

static nexpr_status take_temporaries(nexpr_plan *plan, const nx_schedule *schedule, nexpr_error *err) {
    plan->temporaries = nx_arena_alloc(&plan->arena, schedule->temporary_count, sizeof *plan->temporaries);
    if (!plan->temporaries) return nx_fail_memory(err);
    for (uint32_t i = 0; i < schedule->temporary_count; i++) {
        const nx_temporary *t = &schedule->temporaries[i];
        if (is_kept(plan, i)) continue;
        const size_t bytes = (size_t)t->count * nexpr_dtype_size(t->dtype);
        plan->temporaries[i] = nx_buffer_take(plan->context->buffers, bytes, 0);
        if (!plan->temporaries[i]) return nx_fail_memory(err);
        plan->temporary_bytes += bytes;
    }
    return NEXPR_OK;
}

/* Whether an output is as a temporary with the result would be. */
static bool is_plain(const nexpr *e, const nexpr_array *array, uint32_t result) {
    int64_t step = (int64_t)nexpr_dtype_size(array->dtype);
    if (array->dtype != nexpr_result_dtype(e, (int)result) || array->byte_order != NEXPR_NATIVE) return false;
    for (int i = array->ndim - 1; i >= 0; i--) {
        if (array->shape[i] != 1 && array->strides[i] != step) return false;
        step *= array->shape[i];
    }
    return true;
}

nexpr_status nx_plan_add_pass(nexpr_plan *plan, const nx_schedule *schedule, const nx_pass *pass, nx_pass_piece piece,
                              nexpr_error *err) {
    switch (pass->kind) {
    case NX_PASS_ELEMENTWISE: return make_nest(plan, schedule, pass, err);
    case NX_PASS_REDUCE: return make_reducing_nest(plan, pass, piece.slab, err);
    case NX_PASS_SCAN: return make_scanning_nests(plan, pass, piece.prior, err);
    default: return make_compressing_nests(plan, pass, piece.counts, err);
    }
}

/* ---------------------------------------------------------------------------------------------------------- tails -- */

/* The part of the reduction that the operand of another nest is the result of; NULL: it is of none. */
static nx_reduce_part *part_of(const nexpr_plan *plan, const nx_nest *nest, const nx_nest_operand *x) {
    for (uint32_t p = 0; p < nest->reduce->part_count && !x->is_index && x->index >= plan->input_count; p++) {
        nx_reduce_part *part = &nest->reduce->parts[p];
        if (part->target == x->index - plan->input_count + plan->output_count) return part;
    }
    return NULL;
}

/* Whether the elements of the second nest are those that the first one keeps, in their order, and what it reads of them is
 * the element that it computes. Each task of a reduction in one group knows the results of its kept elements. */
static bool is_tail(const nexpr_plan *plan, const nx_nest *nest, const nx_nest *tail) {
    const nx_reduce *r = nest->reduce;
    if (!r || r->group_count != 1 || nest->task_count < 2) return false;
    if (r->slab || r->scans || r->compresses || r->is_prefix) return false;
    if (tail->reduce || tail->count != r->kept.count || nx_vm_can_fault(tail->code)) return false;
    if (tail->axes != 2 || tail->extent[0] != 1) return false;
    bool reads_any = false;
    for (uint32_t k = 0; k < tail->input_count; k++) {
        const nx_nest_operand *x = &tail->operands[k];
        const nx_reduce_part *part = part_of(plan, nest, x);
        if (!part) continue;
        if (x->offset || x->table_count) return false;
        if (tail->count > 1 && x->stride[1] != (int64_t)nexpr_dtype_size(x->dtype)) return false;
        reads_any = true;
    }
    return reads_any;
}

/* Whether no nest but the tail reads what this operand of it reads. */
static bool is_read_elsewhere(const nexpr_plan *plan, const nx_nest *tail, uint32_t index) {
    bool found = false;
    for (uint32_t i = 0; i < plan->nest_count; i++) {
        const nx_nest *nest = &plan->nests[i];
        for (uint32_t k = 0; k < nest->input_count && nest != tail; k++) {
            const nx_nest_operand *x = &nest->operands[k];
            found |= x->is_used && !x->is_index && x->index == index;
        }
    }
    return found;
}

/* Results that only the tail reads stay with the worker that makes them. */
static void keep_results(const nexpr_plan *plan, nx_nest *nest, nx_nest *tail) {
    nx_reduce *r = nest->reduce;
    for (uint32_t k = 0; k < tail->input_count; k++) {
        nx_nest_operand *x = &tail->operands[k];
        nx_reduce_part *part = part_of(plan, nest, x);
        if (!part || !part->value_is_target || is_read_elsewhere(plan, tail, x->index)) continue;
        x->kept_part = (uint32_t)(part - r->parts) + 1;
        if (part->is_kept) continue;
        part->is_kept = true;
        part->kept_at = r->kept_bytes;
        r->kept_bytes += (r->width * (int64_t)nexpr_dtype_size(part->loop) + 63) / 64 * 64;
    }
    nx_nest_measure_worker(nest);
}

/* Nests that go along with the one before, where that has several tasks. Who measures nests, or tells of each what became of
 * it, has them apart. */
static void join_tails(nexpr_plan *plan) {
    if (plan->run.profile || plan->context->report.call) return;
    for (uint32_t i = 0; i + 1 < plan->nest_count; i++) {
        nx_nest *nest = &plan->nests[i], *tail = nest + 1;
        nest->has_tail = is_tail(plan, nest, tail);
        if (nest->has_tail) keep_results(plan, nest, tail);
    }
}

nexpr_status nx_plan_make_passes(nexpr_plan *plan, const nexpr_array *const *inputs, nexpr_error *err) {
    const nexpr *e = plan->expr;
    nx_layout *layouts;
    nx_schedule schedule;
    NX_TRY(nx_find_layouts(e, inputs, &plan->arena, &layouts, err));
    bool *takes_directly = nx_arena_alloc(&plan->arena, plan->output_count, sizeof *takes_directly);
    if (!takes_directly) return nx_fail_memory(err);
    for (uint32_t i = 0; i < plan->output_count; i++) takes_directly[i] = is_plain(e, &plan->outputs[i].array, i);
    NX_TRY(nx_schedule_make(&e->ir, layouts, e->lengths, takes_directly, e->max_nodes, &plan->arena, &schedule, err));
    plan->temporary_count = schedule.temporary_count;
    plan->nests = nx_arena_alloc(&plan->arena, schedule.pass_count, 2 * sizeof *plan->nests);
    if (!plan->nests) return nx_fail_memory(err);
    for (uint32_t p = 0; p < schedule.pass_count; p++) {
        NX_TRY(nx_plan_add_pass(plan, &schedule, &schedule.passes[p], (nx_pass_piece){0}, err));
    }
    join_tails(plan);
    return take_temporaries(plan, &schedule, err);
}
