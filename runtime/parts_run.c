/* SPDX-License-Identifier: MIT */
/*
 * Stretches of a part's pass. A stretch's pass has a shorter axis, and its sources lie in what it was given: an array's
 * stretch along one axis, in C order, in which strides differ from those of the whole if axes before that one are longer
 * than 1.
 */
#include "runtime/parts.h"

#include "runtime/compress.h"
#include "runtime/fpenv.h"
#include "runtime/idle.h"
#include "vm/kernels.h"

#include <string.h>

/* Nodes of leaves that a slab of a reduction leaves at most, in elements, and the elements that are worth a slab. */
enum { SLAB_NODES = 1 << 20, SLAB_ITEMS = 1 << 22 };

/* Indices [begin, end) of the cut axis, and what there is of the needs. */
typedef struct stretch {
    int64_t begin, end;
    const nexpr_part_view *views;
} stretch;

/* ----------------------------------------------------------------------------------------------------------- units -- */

void nx_parts_units(const nx_parts *parts, int part, int64_t *ret_begin, int64_t *ret_end) {
    const nx_part_pass *p = parts->current;
    const int64_t *begin = p->leaves ? p->leaves : p->begin, *end = p->leaves ? p->leaves + 1 : p->end;
    *ret_begin = p->axis < 0 ? 0 : begin[part];
    *ret_end = p->axis < 0 ? 1 : end[part];
}

static int64_t leaf_items(const nx_part_pass *p) {
    return p->pass.by_rows ? NX_LEAF_ROWS : NX_LEAF_ITEMS;
}

/* The indices that units need to be read of the pass's axis. */
void nx_parts_rows(const nx_parts *parts, int64_t begin, int64_t end, int64_t *ret_begin, int64_t *ret_end) {
    const nx_part_pass *p = parts->current;
    *ret_begin = p->axis < 0 ? 0 : begin;
    *ret_end = p->axis < 0 ? 0 : end;
    if (!p->leaves) return;
    const int64_t row = nx_parts_row_items(p), all = row * p->pass.shape->extent[p->axis], n = leaf_items(p);
    *ret_begin = begin * n / row;
    *ret_end = begin < end ? (nx_min_i64(all, end * n) + row - 1) / row : *ret_begin;
}

static stretch stretch_of(const nx_parts *parts, int64_t begin, int64_t end, const nexpr_part_view *views) {
    stretch st = {.views = views};
    nx_parts_rows(parts, begin, end, &st.begin, &st.end);
    return st;
}

void nx_parts_need(const nx_parts *parts, uint32_t k, int64_t begin, int64_t end, int64_t *ret_begin, int64_t *ret_end) {
    const nx_part_pass *p = parts->current;
    const nx_part_need *need = &p->needs[k];
    const nx_part_array *array = &parts->arrays[need->array];
    const stretch st = stretch_of(parts, begin, end, NULL);
    bool is_first = true;
    *ret_begin = *ret_end = 0;
    if (need->axis < 0 || !array->shape.count || !p->pass.shape->count || (p->axis >= 0 && st.begin >= st.end)) return;
    for (uint32_t i = 0; i < p->pass.ir.input_count; i++) {
        const nx_source *source = &p->pass.sources[i];
        nx_reach reach;
        if (source->kind == NX_SOURCE_INDEX || p->need_of[i] != k) continue;
        nx_find_reach(&p->pass, source, array, p->axis, st.begin, st.end, &reach);
        const int64_t from = reach.begin[need->axis], to = reach.end[need->axis];
        *ret_begin = is_first ? from : nx_min_i64(*ret_begin, from);
        *ret_end = is_first || to > *ret_end ? to : *ret_end;
        is_first = false;
    }
}

/* ---------------------------------------------------------------------------------------------- a stretch's pass -- */

/* Such an input has one need, and stays an input. */
static bool is_swapped(const nx_parts *parts, uint32_t array) {
    return array < parts->input_count && parts->orders[array] == NEXPR_SWAPPED;
}

/* Source i in what there is of its array. */
static void place_source(const nx_parts *parts, stretch st, uint32_t i, nx_source *to) {
    const nx_part_pass *p = parts->current;
    const nx_source *from = &p->pass.sources[i];
    if (p->axis >= 0) to->offset += st.begin * from->stride[p->axis];
    if (from->kind == NX_SOURCE_INDEX) return;
    const uint32_t k = p->need_of[i];
    const nx_part_need *need = &p->needs[k];
    if (!is_swapped(parts, need->array)) {
        to->kind = NX_SOURCE_TEMPORARY;
        to->index = parts->schedule.temporary_count + 1 + k;
    }
    const nexpr_part_view *view = &st.views[k];
    const nx_part_array *array = &parts->arrays[need->array];
    const int64_t size = (int64_t)nexpr_dtype_size(array->dtype);
    if (need->axis < 0 || !array->shape.count) return;
    if (need->axis <= nx_leading_axis(&array->shape)) {
        to->offset -= view->begin * (array->shape.count / array->shape.extent[need->axis]) * size;
        return;
    }
    nx_reach reach;
    int64_t strides[NEXPR_MAX_NDIM], step;
    nx_shape own = array->shape;
    nx_find_reach(&p->pass, from, array, p->axis, st.begin, st.end, &reach);
    own.extent[need->axis] = view->end - view->begin;
    nx_c_strides(&own, size, strides);
    to->offset = -view->begin * strides[need->axis];
    for (int n = 0; n < own.ndim; n++) to->offset += reach.first[n] * strides[n];
    for (int n = 0; n < p->pass.shape->ndim; n++) {
        to->stride[n] = reach.axis[n] < 0 ? 0 : reach.step[n] * strides[reach.axis[n]];
    }
    if (!from->table_count) return;
    const bool is_one = from->table_count == 1; /* entry, which no step is taken to */
    const int axis = is_one ? -1 : nx_find_axis(&array->shape, from->table_stride / size, from->table_count, &step);
    to->table_stride = axis < 0 ? 0 : step * strides[axis];
}

/* A copy whose shape, sources and flags are its own. */
static nexpr_status copy_pass(const nx_pass *from, nx_arena *arena, nx_pass *ret, nx_shape **ret_shape, nexpr_error *err) {
    const size_t axes = (size_t)from->shape->ndim;
    nx_shape *shape = nx_arena_alloc(arena, 1, sizeof *shape);
    *ret = *from;
    ret->ir.arena = arena;
    ret->sources = nx_arena_alloc(arena, from->ir.input_count, sizeof *ret->sources);
    ret->is_reduced = nx_arena_alloc(arena, axes + 1, sizeof *ret->is_reduced);
    if (!shape || !ret->sources || !ret->is_reduced) return nx_fail_memory(err);
    *shape = *from->shape;
    ret->shape = *ret_shape = shape;
    if (from->is_reduced) memcpy(ret->is_reduced, from->is_reduced, axes * sizeof *ret->is_reduced);
    for (uint32_t k = 0; k < from->ir.input_count; k++) {
        nx_source *source = &ret->sources[k];
        *source = from->sources[k];
        source->stride = nx_arena_alloc(arena, axes + 1, sizeof *source->stride);
        if (!source->stride) return nx_fail_memory(err);
        memcpy(source->stride, from->sources[k].stride, axes * sizeof *source->stride);
    }
    return NEXPR_OK;
}

static void rotate(int64_t *values, int axis) {
    const int64_t value = values[axis];
    memmove(values + 1, values, (size_t)axis * sizeof *values);
    values[0] = value;
}

/* Makes the axis, which is reduced, the first one: the order of the reduced elements, and that of the kept ones, stays. */
static void put_first(nx_pass *pass, nx_shape *shape, int axis) {
    rotate(shape->extent, axis);
    for (uint32_t k = 0; k < pass->ir.input_count; k++) rotate(pass->sources[k].stride, axis);
    memmove(pass->is_reduced + 1, pass->is_reduced, (size_t)axis * sizeof *pass->is_reduced);
    pass->is_reduced[0] = true;
}

static nexpr_status make_stretch(const nx_parts *parts, stretch st, nx_arena *arena, nx_pass *ret, nexpr_error *err) {
    const nx_part_pass *p = parts->current;
    nx_shape *shape;
    NX_TRY(copy_pass(&p->pass, arena, ret, &shape, err));
    for (uint32_t k = 0; k < ret->ir.input_count; k++) place_source(parts, st, k, &ret->sources[k]);
    if (p->axis >= 0 && shape->count) {
        shape->count = shape->count / shape->extent[p->axis] * (st.end - st.begin);
        shape->extent[p->axis] = st.end - st.begin;
    }
    if (p->leaves && ret->kind == NX_PASS_REDUCE) put_first(ret, shape, p->axis);
    return NEXPR_OK;
}

/* ------------------------------------------------------------------------------------------------------------ plans -- */

/* Needs are numbered behind the inputs, the temporaries and the place that indices count from (runtime/passes.c). */
static size_t need_number(const nx_parts *parts, uint32_t need) {
    return parts->input_count + parts->schedule.temporary_count + 1 + need;
}

static void set_operands(const nx_parts *parts, const nx_pass *pass, nexpr_plan *plan) {
    for (uint32_t i = 0; i < parts->input_count; i++) {
        plan->inputs[i].array = (nexpr_array){.dtype = parts->arrays[i].dtype, .byte_order = parts->orders[i]};
    }
    for (uint32_t k = 0; k < pass->ir.result_count && pass->kind == NX_PASS_ELEMENTWISE; k++) {
        const nx_target *target = &pass->targets[k];
        if (target->is_temporary) continue;
        plan->outputs[target->index] = (nx_plan_operand){.is_used = true};
        plan->outputs[target->index].array = (nexpr_array){.dtype = nexpr_result_dtype(parts->expr, (int)target->index),
                                                           .ndim = pass->shape->ndim, .shape = pass->shape->extent};
    }
}

static nexpr_status fill_plan(const nx_parts *parts, const nx_pass *pass, nx_pass_piece piece, nexpr_plan *plan,
                              nexpr_error *err) {
    set_operands(parts, pass, plan);
    const size_t temporaries = parts->schedule.temporary_count;
    plan->temporaries = nx_arena_alloc(&plan->arena, temporaries, sizeof *plan->temporaries);
    plan->nests = nx_arena_alloc(&plan->arena, 2, sizeof *plan->nests);
    if (!plan->temporaries || !plan->nests) return nx_fail_memory(err);
    plan->temporary_count = parts->schedule.temporary_count;
    NX_TRY(nx_plan_add_pass(plan, &parts->schedule, pass, piece, err));
    NX_TRY(nx_plan_finish(plan, err));
    const size_t numbers = need_number(parts, parts->current->need_count);
    plan->all_inputs = nx_arena_alloc(&plan->arena, numbers, sizeof *plan->all_inputs);
    plan->all_outputs = nx_arena_alloc(&plan->arena, parts->output_count + temporaries, sizeof *plan->all_outputs);
    return plan->all_inputs && plan->all_outputs ? NEXPR_OK : nx_fail_memory(err);
}

static void set_addresses(const nx_parts *parts, const nexpr_part_view *views, void *const *targets, nexpr_plan *plan) {
    const nx_part_pass *p = parts->current;
    for (uint32_t k = 0; k < p->need_count; k++) {
        plan->all_inputs[is_swapped(parts, p->needs[k].array) ? p->needs[k].array : need_number(parts, k)] = views[k].data;
    }
    plan->all_inputs[parts->input_count + parts->schedule.temporary_count] = NX_INDEX_BASE;
    for (uint32_t k = 0; targets && k < nx_parts_target_count(parts); k++) {
        const uint32_t index = nx_parts_target(parts, k) - parts->input_count, temporaries = parts->schedule.temporary_count;
        const bool is_temporary = index < temporaries;
        plan->all_outputs[is_temporary ? parts->output_count + index : index - temporaries] = targets[k];
    }
}

static nexpr_status plan_stretch(const nx_parts *parts, stretch st, nx_pass_piece piece, nexpr_plan **ret,
                                 nexpr_error *err) {
    nx_pass pass;
    NX_TRY(nx_plan_start(parts->expr, parts->context, &parts->run, ret, err));
    nexpr_status status = make_stretch(parts, st, &(*ret)->arena, &pass, err);
    if (!status) status = fill_plan(parts, &pass, piece, *ret, err);
    if (status) nexpr_plan_free(ret);
    return status;
}

/* Where the plan of the stretch that is next is, or will be. */
static nx_part_plan *place_of(nx_parts *parts) {
    return &parts->current->plans[parts->current->run_count++ % NX_PART_PLANS];
}

static bool fits(const nx_parts *parts, const nx_part_plan *x, stretch st, nx_pass_piece piece) {
    if (!x->plan || x->begin != st.begin || x->end != st.end || x->is_reduced != !!piece.slab) return false;
    for (uint32_t k = 0; k < parts->current->need_count; k++) {
        if (x->views[k].begin != st.views[k].begin || x->views[k].end != st.views[k].end) return false;
    }
    return true;
}

/* Keeps the plan in its place, or frees it. */
static void keep(const nx_parts *parts, nx_part_plan *x, stretch st, nx_pass_piece piece, nexpr_plan *plan) {
    const uint32_t needs = parts->current->need_count;
    const bool is_special = piece.counts || piece.prior || !nx_idle_may_keep(parts->context, plan);
    nexpr_part_view *views = is_special ? NULL : nx_arena_alloc(&plan->arena, (size_t)needs + 1, sizeof *views);
    if (!views) {
        nexpr_plan_free(&plan);
        return;
    }
    if (needs) memcpy(views, st.views, needs * sizeof *views);
    nexpr_plan_free(&x->plan);
    *x = (nx_part_plan){plan, piece.slab, st.begin, st.end, views};
}

void nx_parts_drop_plans(nx_part_pass *p) {
    for (int i = 0; i < NX_PART_PLANS; i++) nexpr_plan_free(&p->plans[i].plan);
}

/* Runs a stretch of the current pass; ret_count: of a piece that counts, how many stay. */
static nexpr_status run_stretch(nx_parts *parts, stretch st, nx_pass_piece piece, void *const *targets, int64_t *ret_count,
                                nexpr_error *err) {
    nx_part_plan *place = place_of(parts);
    const bool is_kept = fits(parts, place, st, piece);
    nexpr_plan *plan = place->plan;
    if (!is_kept) NX_TRY(plan_stretch(parts, st, piece, &plan, err));
    plan->between = parts->between;
    set_addresses(parts, st.views, targets, plan);
    const nexpr_status status = nx_plan_run_nests(plan, 0, plan->nest_count, plan->all_inputs, plan->all_outputs, err);
    if (!status && ret_count) *ret_count = plan->nests[0].reduce->stay_count;
    if (!is_kept) keep(parts, place, st, piece, plan);
    return status;
}

static bool has_nothing(const nx_parts *parts, stretch st) {
    return parts->current->axis >= 0 && (!parts->current->pass.shape->count || st.begin >= st.end);
}

/* ----------------------------------------------------------------------------------------------------------- nodes -- */

bool nx_parts_counts(const nx_part_pass *p) {
    return p->pass.kind == NX_PASS_COMPRESS && p->axis >= 0;
}

/* Describes what is reduced, for all leaves. What runs along the axis leaves the same nodes. */
static nexpr_status describe_tree(nx_parts *parts, nx_reduce_slab *ret, nexpr_error *err) {
    const nx_part_pass *p = parts->current;
    nx_pass pass;
    nx_shape *shape;
    nx_arena *arena = &parts->arena;
    uint32_t *targets = nx_arena_alloc(arena, p->pass.reduction_count, sizeof *targets);
    if (!targets) return nx_fail_memory(err);
    NX_TRY(copy_pass(&p->pass, arena, &pass, &shape, err));
    put_first(&pass, shape, p->axis);
    for (uint32_t k = 0; k < pass.reduction_count; k++) targets[k] = k;
    NX_TRY(nx_reduce_slab_init(ret, &pass, targets, arena, err));
    ret->is_part = true;
    return NEXPR_OK;
}

/* The tree of the current pass, without any leaf. */
static nexpr_status start_tree(nx_parts *parts, nexpr_error *err) {
    nx_part_tree *n = &parts->current->tree;
    if (!n->fresh.is_part) NX_TRY(describe_tree(parts, &n->fresh, err));
    n->slab = n->fresh;
    n->memory = nx_buffer_take(parts->context->buffers, nx_reduce_slab_bytes(&n->slab), 0);
    if (!n->memory) return nx_fail_memory(err);
    nx_reduce_slab_start(&n->slab, n->memory);
    return NEXPR_OK;
}

static void end_tree(nx_part_tree *n) {
    nx_buffer_give(n->memory);
    n->memory = NULL;
}

void nx_parts_reduce_drop(nx_parts *parts) {
    if (parts->reducing) end_tree(parts->reducing);
    parts->reducing = NULL;
}

nexpr_status nx_parts_reduce_begin(nx_parts *parts, int part, void *ret_nodes, nexpr_error *err) {
    const nx_part_pass *p = parts->current;
    nx_parts_reduce_drop(parts);
    nx_part_tree *n = parts->reducing = &parts->current->tree;
    n->ret = ret_nodes;
    n->part = part;
    n->counted = 0;
    if (!p->leaves || p->leaves[part] == p->leaves[part + 1]) return NEXPR_OK;
    NX_TRY(start_tree(parts, err));
    n->slab.nodes = ret_nodes;
    n->slab.first_leaf = p->leaves[part];
    return NEXPR_OK;
}

/* Leaves of a slab: enough to be worth it, and as few as their nodes ask for. */
static int64_t leaves_of_slab(const nx_reduce_slab *slab) {
    const int64_t kept = slab->all.kept.count ? slab->all.kept.count : 1;
    int64_t most = SLAB_NODES / kept;
    if (most > SLAB_ITEMS / (slab->all.leaf_items * kept) + 16) most = SLAB_ITEMS / (slab->all.leaf_items * kept) + 16;
    return most < 1 ? 1 : most;
}

static nexpr_status reduce_leaves(nx_parts *parts, int64_t begin, int64_t end, const nexpr_part_view *views,
                                  nexpr_error *err) {
    nx_reduce_slab *slab = &parts->reducing->slab;
    const int64_t row = nx_parts_row_items(parts->current), step = leaves_of_slab(slab);
    for (int64_t leaf = begin; leaf < end; leaf += step) {
        slab->slab_leaf = leaf;
        slab->slab_end = nx_min_i64(leaf + step, end);
        const stretch st = stretch_of(parts, leaf, slab->slab_end, views);
        slab->before = st.begin * row;
        NX_TRY(run_stretch(parts, st, (nx_pass_piece){.slab = slab}, NULL, NULL, err));
    }
    return NEXPR_OK;
}

static nexpr_status count_rows(nx_parts *parts, stretch st, int64_t *ret, nexpr_error *err) {
    *ret = 0;
    return has_nothing(parts, st) ? NEXPR_OK : run_stretch(parts, st, (nx_pass_piece){.counts = true}, NULL, ret, err);
}

nexpr_status nx_parts_reduce_add(nx_parts *parts, int64_t begin, int64_t end, const nexpr_part_view *views,
                                 nexpr_error *err) {
    int64_t count;
    nx_pass *pass = &parts->current->pass;
    if (nx_parts_counts(parts->current)) {
        NX_TRY(count_rows(parts, stretch_of(parts, begin, end, views), &count, err));
        parts->reducing->counted += count;
        return NEXPR_OK;
    }
    if (begin >= end) return NEXPR_OK;
    const nx_pass_kind kind = pass->kind;
    pass->kind = NX_PASS_REDUCE;
    const nexpr_status status = reduce_leaves(parts, begin, end, views, err);
    pass->kind = kind;
    return status;
}

void nx_parts_reduce_end(nx_parts *parts) {
    nx_part_tree *n = parts->reducing;
    if (n && nx_parts_counts(parts->current)) memcpy(n->ret, &n->counted, sizeof n->counted);
    else if (n && n->memory) nx_reduce_slab_leave(&n->slab);
    nx_parts_reduce_drop(parts);
}

/* Of one node of the current pass, with all reductions. */
static int64_t node_bytes(const nx_parts *parts) {
    const nx_pass *pass = &parts->current->pass;
    int64_t kept = 1, bytes = 0;
    for (int i = 0; i < pass->shape->ndim; i++) kept *= pass->is_reduced[i] ? 1 : pass->shape->extent[i];
    for (uint32_t k = 0; k < pass->reduction_count; k++) {
        const nx_reduction *reduction = &pass->reductions[k];
        const nx_reduce_part part = {.loop = reduction->loop, .reducer = reduction->reducer,
                                     .kernels = nx_vm_reduce_kernels(nx_isa_current(), reduction->reducer, reduction->loop)};
        bytes += nx_node_bytes(&part, kept);
    }
    return bytes;
}

int64_t nx_parts_node_bytes(const nx_parts *parts, int part) {
    const nx_part_pass *p = parts->current;
    int64_t nodes = 0;
    if (nx_parts_counts(p)) return sizeof(int64_t);
    if (!p->leaves) return 0;
    for (int64_t leaf = p->leaves[part]; leaf < p->leaves[part + 1]; nodes++) {
        leaf += (int64_t)1 << nx_node_level(leaf, p->leaves[part + 1]);
    }
    return nodes * node_bytes(parts);
}

static nexpr_status settle_counts(nx_parts *parts, const char *nodes, nexpr_error *err) {
    nx_part_array *array = &parts->arrays[nx_parts_target(parts, 0)];
    int64_t *bounds = nx_arena_alloc(&parts->arena, (size_t)parts->count + 1, sizeof *bounds);
    if (!bounds) return nx_fail_memory(err);
    for (int r = 0; r < parts->count; r++) {
        int64_t count;
        memcpy(&count, nodes + (size_t)r * sizeof count, sizeof count);
        bounds[r + 1] = bounds[r] + count;
    }
    array->cut = (nx_cut){0, bounds};
    return NEXPR_OK;
}

nexpr_status nx_parts_settle(nx_parts *parts, const void *nodes, nexpr_error *err) {
    parts->nodes = nodes;
    return nx_parts_counts(parts->current) ? settle_counts(parts, nodes, err) : NEXPR_OK;
}

nexpr_status nx_parts_finish(nx_parts *parts, void *const *targets, nexpr_error *err) {
    const nx_part_pass *p = parts->current;
    const char *nodes = parts->nodes;
    nx_parts_reduce_drop(parts);
    nx_part_tree *n = parts->reducing = &parts->current->tree;
    NX_TRY(start_tree(parts, err));
    for (int r = 0; r < parts->count; r++) nodes = nx_reduce_slab_take(&n->slab, p->leaves[r], p->leaves[r + 1], nodes);
    nx_reduce_slab_finish(&n->slab, targets);
    nx_parts_reduce_drop(parts);
    return NEXPR_OK;
}

/* --------------------------------------------------------------------------------------------------------- running -- */

/* Room for the nodes of all leaves before any of a part's. */
static nexpr_status start_prior(nx_parts *parts, int part, nexpr_error *err) {
    const nx_part_pass *p = parts->current;
    const size_t most = 2 * 64 * (size_t)node_bytes(parts);
    size_t before = 0;
    for (int r = 0; r < part; r++) before += (size_t)nx_parts_node_bytes(parts, r);
    char *nodes = nx_arena_alloc(&parts->arena, before + most, 1);
    int64_t *bounds = nx_arena_alloc(&parts->arena, (size_t)part + 2, sizeof *bounds);
    if (!nodes || !bounds) return nx_fail_memory(err);
    memcpy(nodes, parts->nodes, before);
    memcpy(bounds, p->leaves, ((size_t)part + 1) * sizeof *bounds);
    NX_TRY(nx_parts_reduce_begin(parts, part, nodes + before, err));
    parts->prior = (nx_prior){nodes, bounds, part, p->leaves[part]};
    parts->prior_bounds = bounds;
    return NEXPR_OK;
}

/* The nodes of the part's leaves before `leaf`: those that are done, and what the stack holds, which stays. */
static void extend_prior(nx_parts *parts, int64_t leaf) {
    nx_reduce_slab *slab = &parts->reducing->slab;
    char *nodes = slab->nodes;
    const uint64_t held = slab->held;
    nx_reduce_slab_leave(slab);
    slab->nodes = nodes;
    slab->held = held;
    parts->prior.count = parts->reducing->part + 1;
    parts->prior_bounds[parts->prior.count] = leaf;
    parts->prior.leaves = leaf;
}

/* A running function. Behind a stretch that is not the part's last one, what it leaves comes before the next. */
static nexpr_status run_scan(nx_parts *parts, int part, int64_t begin, int64_t end, stretch st, void *const *targets,
                             nexpr_error *err) {
    const int64_t *leaves = parts->current->leaves;
    if (begin == leaves[part]) NX_TRY(start_prior(parts, part, err));
    NX_TRY(run_stretch(parts, st, (nx_pass_piece){.prior = &parts->prior}, targets, NULL, err));
    if (end >= leaves[part + 1]) return NEXPR_OK;
    NX_TRY(nx_parts_reduce_add(parts, begin, end, st.views, err));
    extend_prior(parts, end);
    return NEXPR_OK;
}

nexpr_status nx_parts_run(nx_parts *parts, int part, int64_t begin, int64_t end, const nexpr_part_view *views,
                          void *const *targets, int64_t *ret_count, nexpr_error *err) {
    const stretch st = stretch_of(parts, begin, end, views);
    const nx_part_pass *p = parts->current;
    if (ret_count) *ret_count = 0;
    if (has_nothing(parts, st)) return NEXPR_OK;
    if (p->pass.kind == NX_PASS_SCAN && p->leaves) return run_scan(parts, part, begin, end, st, targets, err);
    if (nx_parts_counts(p) && ret_count) NX_TRY(count_rows(parts, st, ret_count, err));
    return run_stretch(parts, st, (nx_pass_piece){0}, targets, NULL, err);
}
