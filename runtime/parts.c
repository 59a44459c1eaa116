/* SPDX-License-Identifier: MIT */
/*
 * Passes of a part. A part's pass has a shorter axis, and its sources lie in what it was given: an array's stretch along
 * one axis, in C order, in which strides differ from those of the whole if axes before that one are longer than 1.
 */
#include "runtime/parts.h"

#include "runtime/compress.h"
#include "runtime/fpenv.h"
#include "vm/kernels.h"

#include <string.h>

/* Nodes of leaves that a slab of a reduction leaves at most, in elements, and the elements that are worth a slab. */
enum { SLAB_NODES = 1 << 20, SLAB_ITEMS = 1 << 22 };

/* -------------------------------------------------------------------------------------------------------- planning -- */

static nexpr_status copy_cut(nx_parts *parts, const nx_cut *from, nx_cut *ret, nexpr_error *err) {
    const size_t count = (size_t)parts->count + 1;
    *ret = (nx_cut){.axis = -1};
    if (from->axis < 0) return NEXPR_OK;
    int64_t *bounds = nx_arena_alloc(&parts->arena, count, sizeof *bounds);
    if (!bounds) return nx_fail_memory(err);
    memcpy(bounds, from->bounds, count * sizeof *bounds);
    *ret = (nx_cut){from->axis, bounds};
    return NEXPR_OK;
}

static nexpr_status copy_inputs(nx_parts *parts, const nexpr_array *const *inputs, const nx_cut *cuts, nexpr_error *err) {
    const uint8_t *used = nx_expr_used(parts->expr, parts->output_count);
    for (uint32_t i = 0; i < parts->input_count; i++) {
        if (!used[i]) continue;
        nx_part_array *array = &parts->arrays[i];
        NX_TRY(nx_check_input(parts->expr, inputs, i, err));
        *array = (nx_part_array){.dtype = inputs[i]->dtype, .is_known = true};
        parts->orders[i] = inputs[i]->byte_order;
        NX_TRY(nx_check_input_dtype(parts->expr, inputs, i, err));
        NX_TRY(nx_array_shape(inputs[i], &array->shape, err));
        NX_TRY(copy_cut(parts, &cuts[i], &array->cut, err));
    }
    return NEXPR_OK;
}

/* The passes, for inputs that lie in C order. */
static nexpr_status make_schedule(nx_parts *parts, nexpr_error *err) {
    const nx_ir *ir = &parts->expr->ir;
    nx_layout *layouts = nx_arena_alloc(&parts->arena, parts->input_count, sizeof *layouts);
    if (!layouts) return nx_fail_memory(err);
    for (uint32_t i = 0; i < parts->input_count; i++) {
        const nx_part_array *array = &parts->arrays[i];
        const int64_t size = (int64_t)nexpr_dtype_size(array->dtype);
        if (!array->is_known) continue;
        int64_t *strides = nx_arena_alloc(&parts->arena, (size_t)array->shape.ndim + 1, sizeof *strides);
        if (!strides) return nx_fail_memory(err);
        nx_c_strides(&array->shape, size, strides);
        layouts[i] = (nx_layout){&array->shape, strides, parts->orders[i] == NEXPR_SWAPPED && size > 1};
    }
    return nx_schedule_make(ir, layouts, parts->expr->lengths, NULL, parts->expr->max_nodes, &parts->arena, &parts->schedule,
                            err);
}

static nexpr_status make_parts(nx_parts *parts, const nexpr_array *const *inputs, const nx_cut *cuts, nexpr_error *err) {
    if (parts->expr->has_lengths && !parts->expr->lengths) {
        return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "an extent depends on the data, and was not counted");
    }
    nx_part_array *known = nx_arena_alloc(&parts->arena, parts->input_count, sizeof *known);
    parts->orders = nx_arena_alloc(&parts->arena, parts->input_count, sizeof *parts->orders);
    parts->arrays = known;
    if (!known || !parts->orders) return nx_fail_memory(err);
    NX_TRY(copy_inputs(parts, inputs, cuts, err));
    NX_TRY(make_schedule(parts, err));
    parts->array_count = parts->input_count + parts->schedule.temporary_count + parts->output_count;
    parts->arrays = nx_arena_alloc(&parts->arena, parts->array_count, sizeof *parts->arrays);
    if (!parts->arrays) return nx_fail_memory(err);
    memcpy(parts->arrays, known, parts->input_count * sizeof *known);
    return NEXPR_OK;
}

nexpr_status nx_parts_new(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs, const nx_cut *cuts,
                          int count, const nexpr_run_options *run, nx_parts **ret, nexpr_error *err) {
    nexpr_run_options options = nexpr_run_options_init();
    NX_TRY(nx_context_get(context, &context, err));
    NX_TRY(NX_READ_STRUCT(&options, run, err));
    options.progress = NULL;
    nx_parts *parts = nx_allocate(context->memory.use, 1, sizeof *parts);
    if (!parts) return nx_fail_memory(err);
    *parts = (nx_parts){.expr = nx_expr_ref(expr), .context = context, .run = options, .count = count,
                        .input_count = expr->ir.input_count, .output_count = expr->ir.result_count};
    nx_memory_init(&parts->memory, context->memory.use);
    nx_arena_init(&parts->arena, parts->memory.use);
    const unsigned saved = nx_fpenv_enter();
    const nexpr_status status = make_parts(parts, inputs, cuts, err);
    nx_fpenv_leave(saved);
    if (status) nx_parts_free(&parts);
    else *ret = parts;
    return status;
}

void nx_parts_free(nx_parts **ret_parts) {
    nx_parts *parts = *ret_parts;
    *ret_parts = NULL;
    if (!parts) return;
    nexpr_free(&parts->expr);
    nx_arena_free(&parts->arena);
    nx_memory memory = parts->memory;
    nx_release(memory.use ? &memory.copy : NULL, parts, 1, sizeof *parts);
}

/* --------------------------------------------------------------------------------------------------------- targets -- */

static bool has_targets_of_its_shape(const nx_pass *pass) {
    return pass->kind == NX_PASS_ELEMENTWISE || pass->kind == NX_PASS_SCAN;
}

uint32_t nx_parts_target_count(const nx_parts *parts) {
    const nx_pass *pass = &parts->current.pass;
    return pass->kind == NX_PASS_ELEMENTWISE ? pass->ir.result_count : pass->reduction_count;
}

uint32_t nx_parts_target(const nx_parts *parts, uint32_t k) {
    const nx_pass *pass = &parts->current.pass;
    const nx_target *target = pass->kind == NX_PASS_ELEMENTWISE ? &pass->targets[k] : &pass->reductions[k].target;
    return parts->input_count + target->index + (target->is_temporary ? 0 : parts->schedule.temporary_count);
}

/* The shape of what the pass fills, and the axis of it that is cut. */
static void find_target_shape(const nx_part_pass *p, nx_shape *ret, int *ret_axis) {
    const nx_pass *pass = &p->pass;
    const bool is_whole = has_targets_of_its_shape(pass);
    *ret = (nx_shape){.count = 1};
    *ret_axis = -1;
    for (int i = 0; i < pass->shape->ndim; i++) {
        if (!is_whole && pass->is_reduced[i]) continue;
        if (i == p->axis) *ret_axis = ret->ndim;
        ret->count *= ret->extent[ret->ndim++] = pass->shape->extent[i];
    }
}

static nexpr_dtype target_dtype(const nx_parts *parts, uint32_t target) {
    const uint32_t index = target - parts->input_count, temporaries = parts->schedule.temporary_count;
    if (index < temporaries) return parts->schedule.temporaries[index].dtype;
    return nexpr_result_dtype(parts->expr, (int)(index - temporaries));
}

/* How the targets are cut, but for what is compressed along the cut axis: that is known when it was counted. */
static nexpr_status set_targets(nx_parts *parts, nexpr_error *err) {
    const nx_part_pass *p = &parts->current;
    nx_shape shape;
    int axis;
    find_target_shape(p, &shape, &axis);
    int64_t *bounds = nx_arena_alloc(&parts->arena, (size_t)parts->count + 1, sizeof *bounds);
    if (!bounds) return nx_fail_memory(err);
    if (axis >= 0) {
        memcpy(bounds, p->begin, (size_t)parts->count * sizeof *bounds);
        bounds[parts->count] = shape.extent[axis];
    }
    for (uint32_t k = 0; k < nx_parts_target_count(parts); k++) {
        const uint32_t target = nx_parts_target(parts, k);
        nx_part_array *array = &parts->arrays[target];
        *array = (nx_part_array){.dtype = target_dtype(parts, target), .is_known = true, .shape = shape};
        array->cut = (nx_cut){axis, bounds};
        if (p->pass.kind != NX_PASS_COMPRESS) continue;
        const int64_t count = parts->schedule.temporaries[target - parts->input_count].count;
        array->shape = (nx_shape){1, count, {count}};
    }
    return NEXPR_OK;
}

nexpr_status nx_parts_next(nx_parts *parts, bool *ret, nexpr_error *err) {
    *ret = parts->next < parts->schedule.pass_count;
    if (!*ret) return NEXPR_OK;
    parts->current = (nx_part_pass){.pass = parts->schedule.passes[parts->next++], .axis = -1};
    NX_TRY(nx_parts_choose(parts, &parts->arena, &parts->current, err));
    return set_targets(parts, err);
}

static int64_t rows_bytes(const nx_part_array *array, int axis, int64_t rows) {
    const int64_t bytes = array->shape.count * (int64_t)nexpr_dtype_size(array->dtype);
    return axis < 0 || !bytes ? bytes : bytes / array->shape.extent[axis] * rows;
}

int64_t nx_parts_own_bytes(const nx_parts *parts, uint32_t index, int part) {
    const nx_part_array *array = &parts->arrays[index];
    const int axis = array->cut.axis;
    return rows_bytes(array, axis, axis < 0 ? 0 : array->cut.bounds[part + 1] - array->cut.bounds[part]);
}

int64_t nx_parts_need_bytes(const nx_parts *parts, uint32_t index, int part) {
    const nx_part_need *need = &parts->current.needs[index];
    return rows_bytes(&parts->arrays[need->array], need->axis, need->axis < 0 ? 0 : need->end[part] - need->begin[part]);
}

/* ------------------------------------------------------------------------------------------------- a part's pass -- */

/* [begin, end) of the cut axis, which part `part` computes. */
typedef struct stretch {
    int part;
    int64_t begin, end;
} stretch;

static const nx_part_need *need_of(const nx_parts *parts, uint32_t array) {
    const nx_part_need *need = parts->current.needs;
    while (need->array != array) need++;
    return need;
}

/* The source in the stretch of its array that the part has. */
static void place_source(const nx_parts *parts, stretch st, const nx_source *from, nx_source *to) {
    const nx_part_pass *p = &parts->current;
    if (p->axis >= 0) to->offset += st.begin * from->stride[p->axis];
    if (from->kind == NX_SOURCE_INDEX) return;
    const nx_part_need *need = need_of(parts, nx_parts_array_of(parts, from));
    const nx_part_array *array = &parts->arrays[need->array];
    const int64_t size = (int64_t)nexpr_dtype_size(array->dtype);
    if (need->axis < 0) return;
    if (need->axis <= nx_leading_axis(&array->shape)) {
        to->offset -= need->begin[st.part] * (array->shape.count / array->shape.extent[need->axis]) * size;
        return;
    }
    nx_reach reach;
    int64_t strides[NEXPR_MAX_NDIM], step;
    nx_shape own = array->shape;
    nx_find_reach(&p->pass, from, array, p->axis, st.begin, st.end, &reach);
    own.extent[need->axis] = need->end[st.part] - need->begin[st.part];
    nx_c_strides(&own, size, strides);
    to->offset = -need->begin[st.part] * strides[need->axis];
    for (int k = 0; k < own.ndim; k++) to->offset += reach.first[k] * strides[k];
    for (int i = 0; i < p->pass.shape->ndim; i++) {
        to->stride[i] = reach.axis[i] < 0 ? 0 : reach.step[i] * strides[reach.axis[i]];
    }
    if (!from->table_count) return;
    const int k = nx_find_axis(&array->shape, from->table_stride / size, from->table_count, &step);
    to->table_stride = k < 0 ? 0 : step * strides[k];
}

/* A copy whose shape, sources and flags are its own. */
static nexpr_status copy_pass(const nx_pass *from, nx_arena *arena, nx_pass *ret, nexpr_error *err) {
    const size_t axes = (size_t)from->shape->ndim;
    nx_shape *shape = nx_arena_alloc(arena, 1, sizeof *shape);
    *ret = *from;
    ret->ir.arena = arena;
    ret->sources = nx_arena_alloc(arena, from->ir.input_count, sizeof *ret->sources);
    ret->is_reduced = nx_arena_alloc(arena, axes + 1, sizeof *ret->is_reduced);
    if (!shape || !ret->sources || !ret->is_reduced) return nx_fail_memory(err);
    *shape = *from->shape;
    ret->shape = shape;
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
    const nx_part_pass *p = &parts->current;
    nx_shape *shape = nx_arena_alloc(arena, 1, sizeof *shape);
    if (!shape) return nx_fail_memory(err);
    NX_TRY(copy_pass(&p->pass, arena, ret, err));
    for (uint32_t k = 0; k < ret->ir.input_count; k++) place_source(parts, st, &p->pass.sources[k], &ret->sources[k]);
    *shape = *p->pass.shape;
    if (p->axis >= 0 && shape->count) {
        shape->count = shape->count / shape->extent[p->axis] * (st.end - st.begin);
        shape->extent[p->axis] = st.end - st.begin;
    }
    ret->shape = shape;
    if (p->leaves && ret->kind == NX_PASS_REDUCE) put_first(ret, shape, p->axis);
    return NEXPR_OK;
}

/* ------------------------------------------------------------------------------------------------------------ plans -- */

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
    plan->all_inputs = nx_arena_alloc(&plan->arena, parts->input_count + temporaries + 1, sizeof *plan->all_inputs);
    plan->all_outputs = nx_arena_alloc(&plan->arena, parts->output_count + temporaries, sizeof *plan->all_outputs);
    if (!plan->temporaries || !plan->nests || !plan->all_inputs || !plan->all_outputs) return nx_fail_memory(err);
    plan->temporary_count = parts->schedule.temporary_count;
    NX_TRY(nx_plan_add_pass(plan, &parts->schedule, pass, piece, err));
    return nx_plan_finish(plan, err);
}

static void set_addresses(const nx_parts *parts, const void *const *needs, void *const *targets, nexpr_plan *plan) {
    const nx_part_pass *p = &parts->current;
    for (uint32_t k = 0; k < p->need_count; k++) plan->all_inputs[p->needs[k].array] = needs[k];
    plan->all_inputs[parts->input_count + parts->schedule.temporary_count] = NX_INDEX_BASE;
    for (uint32_t k = 0; targets && k < nx_parts_target_count(parts); k++) {
        const uint32_t index = nx_parts_target(parts, k) - parts->input_count, temporaries = parts->schedule.temporary_count;
        const bool is_temporary = index < temporaries;
        plan->all_outputs[is_temporary ? parts->output_count + index : index - temporaries] = targets[k];
    }
}

/* Runs a stretch of the current pass; ret_count: of a piece that counts, how many stay. */
static nexpr_status run_stretch(nx_parts *parts, stretch st, nx_pass_piece piece, const void *const *needs,
                                void *const *targets, int64_t *ret_count, nexpr_error *err) {
    nexpr_plan *plan;
    nx_pass pass;
    NX_TRY(nx_plan_start(parts->expr, parts->context, &parts->run, &plan, err));
    nexpr_status status = make_stretch(parts, st, &plan->arena, &pass, err);
    if (!status) status = fill_plan(parts, &pass, piece, plan, err);
    if (!status) {
        set_addresses(parts, needs, targets, plan);
        status = nx_plan_run_nests(plan, plan->all_inputs, plan->all_outputs, err);
    }
    if (!status && ret_count) *ret_count = plan->nests[0].reduce->stay_count;
    nexpr_plan_free(&plan);
    return status;
}

static stretch stretch_of(const nx_parts *parts, int part) {
    const nx_part_pass *p = &parts->current;
    if (p->axis < 0) return (stretch){.part = part};
    return (stretch){part, p->begin[part], p->end[part]};
}

static bool has_nothing(const nx_parts *parts, stretch st) {
    return !parts->current.pass.shape->count || (parts->current.axis >= 0 && st.begin >= st.end);
}

nexpr_status nx_parts_run(nx_parts *parts, int part, const void *const *needs, void *const *targets, nexpr_error *err) {
    const stretch st = stretch_of(parts, part);
    if (parts->current.axis >= 0 && has_nothing(parts, st)) return NEXPR_OK;
    const unsigned saved = nx_fpenv_enter();
    const nexpr_status status = run_stretch(parts, st, (nx_pass_piece){0}, needs, targets, NULL, err);
    nx_fpenv_leave(saved);
    return status;
}

/* ----------------------------------------------------------------------------------------------------------- nodes -- */

static bool counts(const nx_part_pass *p) {
    return p->pass.kind == NX_PASS_COMPRESS && p->axis >= 0;
}

/* The description of what is reduced, for all leaves, and its memory. */
static nexpr_status start_slab(const nx_parts *parts, nx_arena *arena, nx_reduce_slab *slab, char **ret_memory,
                               nexpr_error *err) {
    const nx_part_pass *p = &parts->current;
    nx_pass pass;
    uint32_t *targets = nx_arena_alloc(arena, p->pass.reduction_count, sizeof *targets);
    nx_shape *shape = nx_arena_alloc(arena, 1, sizeof *shape);
    if (!targets || !shape) return nx_fail_memory(err);
    NX_TRY(copy_pass(&p->pass, arena, &pass, err));
    *shape = *p->pass.shape;
    pass.shape = shape;
    put_first(&pass, shape, p->axis);
    for (uint32_t k = 0; k < pass.reduction_count; k++) targets[k] = k;
    NX_TRY(nx_reduce_slab_init(slab, &pass, targets, arena, err));
    slab->is_part = true;
    *ret_memory = nx_buffer_take(parts->context->buffers, nx_reduce_slab_bytes(slab), 0);
    if (!*ret_memory) return nx_fail_memory(err);
    nx_reduce_slab_start(slab, *ret_memory);
    return NEXPR_OK;
}

/* Leaves of a slab: enough to be worth it, and as few as their nodes ask for. */
static int64_t leaves_of_slab(const nx_reduce_slab *slab) {
    const int64_t kept = slab->all.kept.count ? slab->all.kept.count : 1;
    int64_t most = SLAB_NODES / kept;
    if (most > SLAB_ITEMS / (slab->all.leaf_items * kept) + 16) most = SLAB_ITEMS / (slab->all.leaf_items * kept) + 16;
    return most < 1 ? 1 : most;
}

static nexpr_status reduce_leaves(nx_parts *parts, int part, nx_reduce_slab *slab, const void *const *needs,
                                  nexpr_error *err) {
    const nx_part_pass *p = &parts->current;
    const int64_t row = nx_parts_row_items(p), n = slab->all.leaf_items, last = p->leaves[part + 1];
    const int64_t all = slab->all.reduced.count, step = leaves_of_slab(slab);
    slab->first_leaf = p->leaves[part];
    for (int64_t leaf = slab->first_leaf; leaf < last; leaf += step) {
        slab->slab_leaf = leaf;
        slab->slab_end = leaf + step < last ? leaf + step : last;
        const int64_t items_end = slab->slab_end * n < all ? slab->slab_end * n : all;
        const stretch st = {part, leaf * n / row, (items_end + row - 1) / row};
        slab->before = st.begin * row;
        NX_TRY(run_stretch(parts, st, (nx_pass_piece){.slab = slab}, needs, NULL, NULL, err));
    }
    nx_reduce_slab_leave(slab);
    return NEXPR_OK;
}

/* As a reduction: what runs along the axis leaves the same nodes. */
static nexpr_status reduce_part(nx_parts *parts, int part, const void *const *needs, void *ret_nodes, nexpr_error *err) {
    nx_arena arena;
    nx_reduce_slab slab;
    char *memory = NULL;
    const nx_pass_kind kind = parts->current.pass.kind;
    nx_arena_init(&arena, parts->memory.use);
    parts->current.pass.kind = NX_PASS_REDUCE;
    nexpr_status status = start_slab(parts, &arena, &slab, &memory, err);
    slab.nodes = ret_nodes;
    if (!status) status = reduce_leaves(parts, part, &slab, needs, err);
    parts->current.pass.kind = kind;
    nx_buffer_give(memory);
    nx_arena_free(&arena);
    return status;
}

nexpr_status nx_parts_reduce(nx_parts *parts, int part, const void *const *needs, void *ret_nodes, nexpr_error *err) {
    const stretch st = stretch_of(parts, part);
    const bool is_counted = counts(&parts->current);
    int64_t count = 0;
    nexpr_status status = NEXPR_OK;
    const unsigned saved = nx_fpenv_enter();
    if (!has_nothing(parts, st)) {
        status = is_counted ? run_stretch(parts, st, (nx_pass_piece){.counts = true}, needs, NULL, &count, err)
                            : reduce_part(parts, part, needs, ret_nodes, err);
    }
    nx_fpenv_leave(saved);
    if (is_counted) memcpy(ret_nodes, &count, sizeof count);
    return status;
}

/* Of one node of the current pass, with all reductions. */
static int64_t node_bytes(const nx_parts *parts) {
    const nx_pass *pass = &parts->current.pass;
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
    const nx_part_pass *p = &parts->current;
    int64_t nodes = 0;
    if (counts(p)) return sizeof(int64_t);
    if (!p->leaves) return 0;
    for (int64_t leaf = p->leaves[part]; leaf < p->leaves[part + 1]; nodes++) {
        leaf += (int64_t)1 << nx_node_level(leaf, p->leaves[part + 1]);
    }
    return nodes * node_bytes(parts);
}

nexpr_status nx_parts_settle(nx_parts *parts, const void *nodes, nexpr_error *err) {
    if (!counts(&parts->current)) return NEXPR_OK;
    nx_part_array *array = &parts->arrays[nx_parts_target(parts, 0)];
    int64_t *bounds = nx_arena_alloc(&parts->arena, (size_t)parts->count + 1, sizeof *bounds);
    if (!bounds) return nx_fail_memory(err);
    for (int r = 0; r < parts->count; r++) {
        int64_t count;
        memcpy(&count, (const char *)nodes + (size_t)r * sizeof count, sizeof count);
        bounds[r + 1] = bounds[r] + count;
    }
    array->cut = (nx_cut){0, bounds};
    return NEXPR_OK;
}

static nexpr_status finish_reduction(nx_parts *parts, const void *nodes, void *const *targets, nexpr_error *err) {
    const nx_part_pass *p = &parts->current;
    nx_arena arena;
    nx_reduce_slab slab;
    char *memory = NULL;
    nx_arena_init(&arena, parts->memory.use);
    const nexpr_status status = start_slab(parts, &arena, &slab, &memory, err);
    for (int r = 0; r < parts->count && !status; r++) {
        nodes = nx_reduce_slab_take(&slab, p->leaves[r], p->leaves[r + 1], nodes);
    }
    if (!status) nx_reduce_slab_finish(&slab, targets);
    nx_buffer_give(memory);
    nx_arena_free(&arena);
    return status;
}

nexpr_status nx_parts_finish(nx_parts *parts, int part, const void *const *needs, const void *nodes, void *const *targets,
                             nexpr_error *err) {
    const nx_part_pass *p = &parts->current;
    const stretch st = stretch_of(parts, part);
    nexpr_status status = NEXPR_OK;
    const unsigned saved = nx_fpenv_enter();
    if (p->pass.kind == NX_PASS_REDUCE) {
        status = finish_reduction(parts, nodes, targets, err);
    } else if (!has_nothing(parts, st)) {
        nx_prior prior = {.nodes = nodes};
        if (p->leaves) prior = (nx_prior){nodes, p->leaves, part, p->leaves[part]};
        status = run_stretch(parts, st, (nx_pass_piece){.prior = p->leaves ? &prior : NULL}, needs, targets, NULL, err);
    }
    nx_fpenv_leave(saved);
    return status;
}
