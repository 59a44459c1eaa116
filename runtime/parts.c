/* SPDX-License-Identifier: MIT */
/* The passes of a program over cut arrays, and how what they fill is cut. runtime/parts_run.c computes them. */
#include "runtime/parts.h"

#include "runtime/fpenv.h"

#include <string.h>

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

/* Whether the pass that computes the node fills an array of its shape: not if axes are kept that it has not, nor if it is
 * known only at the end of the pass. */
static bool is_filled_directly(const nx_ir *ir, nx_ref node) {
    const nx_node *n = &ir->nodes[node];
    if (n->kind == NX_NODE_OP && n->arity) n = &ir->nodes[n->arg[0]]; /* a sum may end with + 0.0 */
    if (n->kind == NX_NODE_COMPRESS) return false;
    return n->kind != NX_NODE_REDUCE || ir->views[n->index].kind != NX_VIEW_REDUCED_KEPT;
}

/* The passes, for inputs that lie in C order. */
static nexpr_status make_schedule(nx_parts *parts, nexpr_error *err) {
    const nx_ir *ir = &parts->expr->ir;
    nx_layout *layouts = nx_arena_alloc(&parts->arena, parts->input_count, sizeof *layouts);
    bool *takes_directly = nx_arena_alloc(&parts->arena, parts->output_count, sizeof *takes_directly);
    if (!layouts || !takes_directly) return nx_fail_memory(err);
    for (uint32_t i = 0; i < parts->output_count; i++) takes_directly[i] = is_filled_directly(ir, ir->results[i].node);
    for (uint32_t i = 0; i < parts->input_count; i++) {
        const nx_part_array *array = &parts->arrays[i];
        const int64_t size = (int64_t)nexpr_dtype_size(array->dtype);
        if (!array->is_known) continue;
        int64_t *strides = nx_arena_alloc(&parts->arena, (size_t)array->shape.ndim + 1, sizeof *strides);
        if (!strides) return nx_fail_memory(err);
        nx_c_strides(&array->shape, size, strides);
        layouts[i] = (nx_layout){&array->shape, strides, parts->orders[i] == NEXPR_SWAPPED && size > 1};
    }
    return nx_schedule_make(ir, layouts, parts->expr->lengths, takes_directly, parts->expr->max_nodes, &parts->arena,
                            &parts->schedule, err);
}

/* Which pass is the last one to read each array. */
static nexpr_status note_uses(nx_parts *parts, nexpr_error *err) {
    parts->last_use = nx_arena_alloc(&parts->arena, parts->array_count, sizeof *parts->last_use);
    if (!parts->last_use) return nx_fail_memory(err);
    for (uint32_t p = 0; p < parts->schedule.pass_count; p++) {
        const nx_pass *pass = &parts->schedule.passes[p];
        for (uint32_t k = 0; k < pass->ir.input_count; k++) {
            if (pass->sources[k].kind == NX_SOURCE_INDEX) continue;
            parts->last_use[nx_parts_array_of(parts, &pass->sources[k])] = p + 1;
        }
    }
    return NEXPR_OK;
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
    parts->decided = nx_arena_alloc(&parts->arena, parts->schedule.pass_count, sizeof *parts->decided);
    if (!parts->arrays || !parts->decided) return nx_fail_memory(err);
    memcpy(parts->arrays, known, parts->input_count * sizeof *known);
    return note_uses(parts, err);
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
    nx_parts_reduce_drop(parts);
    for (uint32_t p = 0; p < parts->decided_count; p++) nx_parts_drop_plans(&parts->decided[p]);
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
    const nx_pass *pass = &parts->current->pass;
    return pass->kind == NX_PASS_ELEMENTWISE ? pass->ir.result_count : pass->reduction_count;
}

uint32_t nx_parts_target(const nx_parts *parts, uint32_t k) {
    const nx_pass *pass = &parts->current->pass;
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
    const nx_part_pass *p = parts->current;
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
        *array = (nx_part_array){.dtype = target_dtype(parts, target), .shape = shape};
        array->cut = (nx_cut){axis, bounds};
        if (p->pass.kind != NX_PASS_COMPRESS) continue;
        const int64_t count = parts->schedule.temporaries[target - parts->input_count].count;
        array->shape = (nx_shape){1, count, {count}};
    }
    return NEXPR_OK;
}

/* Decides on the next pass. */
static nexpr_status decide(nx_parts *parts, nexpr_error *err) {
    nx_part_pass *p = &parts->decided[parts->next];
    *p = (nx_part_pass){.pass = parts->schedule.passes[parts->next], .axis = -1};
    NX_TRY(nx_parts_choose(parts, &parts->arena, p, err));
    parts->current = p;
    NX_TRY(set_targets(parts, err));
    parts->decided_count++;
    return NEXPR_OK;
}

nexpr_status nx_parts_next(nx_parts *parts, bool *ret, nexpr_error *err) {
    nx_parts_reduce_drop(parts);
    parts->between.call = NULL;
    *ret = parts->next < parts->schedule.pass_count;
    if (!*ret) return NEXPR_OK;
    if (parts->next == parts->decided_count) NX_TRY(decide(parts, err));
    parts->current = &parts->decided[parts->next++];
    parts->current->run_count = 0;
    for (uint32_t k = 0; k < nx_parts_target_count(parts); k++) parts->arrays[nx_parts_target(parts, k)].is_known = true;
    return NEXPR_OK;
}

bool nx_parts_is_repeatable(const nx_parts *parts) {
    for (uint32_t p = 0; p < parts->schedule.pass_count; p++) {
        const nx_pass_kind kind = parts->schedule.passes[p].kind;
        if (kind == NX_PASS_COMPRESS || kind == NX_PASS_SCAN) return false;
    }
    return true;
}

void nx_parts_rewind(nx_parts *parts) {
    nx_parts_reduce_drop(parts);
    parts->next = 0;
    for (uint32_t i = parts->input_count; i < parts->array_count; i++) parts->arrays[i].is_known = false;
}
