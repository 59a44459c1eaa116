/* SPDX-License-Identifier: MIT */
/*
 * A pass is a nest whose inputs are its sources: several may be views of one input, and some are temporaries, which are
 * numbered behind the plan's inputs and, as targets, behind its outputs.
 */
#include "runtime/passes.h"

#include <string.h>

/* The inputs that are used, as the scheduler wants them. */
static nexpr_status find_layouts(const nexpr *e, const nexpr_array *const *inputs, nx_arena *arena, nx_layout **ret,
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
        layouts[i] = (nx_layout){shape, strides};
    }
    *ret = layouts;
    return NEXPR_OK;
}

nexpr_status nx_find_result_shapes(const nexpr *e, const nexpr_array *const *inputs, nx_arena *arena, nx_shape *ret,
                                   nexpr_error *err) {
    const uint32_t count = e->ir.result_count;
    for (uint32_t i = 0; i < count && !e->has_views; i++) NX_TRY(nx_broadcast(e, inputs, nx_expr_used(e, i), &ret[i], err));
    if (!e->has_views) return NEXPR_OK;
    nx_layout *layouts;
    const nx_shape **shapes = nx_arena_alloc(arena, count, sizeof *shapes);
    if (!shapes) return nx_fail_memory(err);
    NX_TRY(find_layouts(e, inputs, arena, &layouts, err));
    NX_TRY(nx_result_shapes(&e->ir, layouts, arena, shapes, err));
    for (uint32_t i = 0; i < count; i++) ret[i] = *shapes[i];
    return NEXPR_OK;
}

/* Of a program with views: those of the pass that computes it. */
static nexpr_status find_scheduled_result(const nexpr *e, const nexpr_array *const *inputs, uint32_t result, nx_arena *arena,
                                          nx_shape *ret_shape, int64_t *ret_strides, nexpr_error *err) {
    nx_layout *layouts;
    nx_schedule schedule;
    NX_TRY(find_layouts(e, inputs, arena, &layouts, err));
    NX_TRY(nx_schedule_make(&e->ir, layouts, e->max_nodes, arena, &schedule, err));
    for (uint32_t p = 0; p < schedule.pass_count; p++) {
        const nx_pass *pass = &schedule.passes[p];
        for (uint32_t t = 0; t < pass->ir.result_count; t++) {
            if (pass->targets[t].is_temporary || pass->targets[t].index != result) continue;
            *ret_shape = *pass->shape;
            nx_nest_order_like_sources(pass, nexpr_dtype_size(nexpr_result_dtype(e, (int)result)), ret_strides);
        }
    }
    return NEXPR_OK;
}

nexpr_status nx_find_new_result(const nexpr *e, const nexpr_allocator *allocator, const nexpr_array *const *inputs,
                                uint32_t result, nx_shape *ret_shape, int64_t *ret_strides, nexpr_error *err) {
    if (!e->has_views) {
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

static void set_source(const nexpr_plan *plan, const nx_pass *pass, uint32_t k, nx_nest_operand *x) {
    const nx_source *source = &pass->sources[k];
    x->dtype = pass->ir.inputs[k].dtype;
    x->is_used = true;
    x->index = source->is_temporary ? plan->input_count + source->index : source->index;
    x->swapped = !source->is_temporary && plan->inputs[source->index].array.byte_order == NEXPR_SWAPPED &&
                 nexpr_dtype_size(x->dtype) > 1;
    x->offset = source->offset;
    memcpy(x->stride, source->stride, (size_t)pass->shape->ndim * sizeof *x->stride);
}

static void set_target(const nexpr_plan *plan, const nx_schedule *schedule, const nx_pass *pass, uint32_t k,
                       nx_nest_operand *x) {
    const nx_target *target = &pass->targets[k];
    if (!target->is_temporary) {
        nx_nest_set_operand(x, &plan->outputs[target->index], pass->shape, target->index);
        return;
    }
    *x = (nx_nest_operand){.dtype = schedule->temporaries[target->index].dtype, .is_used = true, .stride = x->stride,
                           .index = plan->output_count + target->index};
    int64_t step = (int64_t)nexpr_dtype_size(x->dtype);
    for (int i = pass->shape->ndim - 1; i >= 0; i--) {
        x->stride[i] = step;
        step *= pass->shape->extent[i];
    }
}

static nexpr_status make_nest(nexpr_plan *plan, const nx_schedule *schedule, const nx_pass *pass, nexpr_error *err) {
    nx_nest *nest = &plan->nests[plan->nest_count];
    const uint32_t inputs = pass->ir.input_count, outputs = pass->ir.result_count;
    nx_vm_program *program;
    NX_TRY(nx_nest_init(plan, nest, inputs, outputs, err));
    for (uint32_t k = 0; k < inputs; k++) set_source(plan, pass, k, &nest->operands[k]);
    for (uint32_t k = 0; k < outputs; k++) set_target(plan, schedule, pass, k, &nest->operands[inputs + k]);
    NX_TRY(nx_vm_compile(&pass->ir, &program, err));
    nest->program = program;
    return nx_plan_add_nest(plan, pass->shape, err);
}

static nexpr_status take_temporaries(nexpr_plan *plan, const nx_schedule *schedule, nexpr_error *err) {
    plan->temporaries = nx_arena_alloc(&plan->arena, schedule->temporary_count, sizeof *plan->temporaries);
    if (!plan->temporaries) return nx_fail_memory(err);
    for (; plan->temporary_count < schedule->temporary_count; plan->temporary_count++) {
        const nx_temporary *t = &schedule->temporaries[plan->temporary_count];
        char *data = nx_buffer_take(plan->context->buffers, (size_t)t->count * nexpr_dtype_size(t->dtype), 0);
        if (!data) return nx_fail_memory(err);
        plan->temporaries[plan->temporary_count] = data;
    }
    return NEXPR_OK;
}

nexpr_status nx_plan_make_passes(nexpr_plan *plan, const nexpr_array *const *inputs, nexpr_error *err) {
    const nexpr *e = plan->expr;
    nx_layout *layouts;
    nx_schedule schedule;
    NX_TRY(find_layouts(e, inputs, &plan->arena, &layouts, err));
    NX_TRY(nx_schedule_make(&e->ir, layouts, e->max_nodes, &plan->arena, &schedule, err));
    NX_TRY(take_temporaries(plan, &schedule, err));
    plan->nests = nx_arena_alloc(&plan->arena, schedule.pass_count, sizeof *plan->nests);
    if (!plan->nests) return nx_fail_memory(err);
    for (uint32_t p = 0; p < schedule.pass_count; p++) NX_TRY(make_nest(plan, &schedule, &schedule.passes[p], err));
    return NEXPR_OK;
}
