/* SPDX-License-Identifier: MIT */
#include "runtime/counted.h"

#include "runtime/fpenv.h"
#include "runtime/passes.h"
#include "runtime/reduce.h"

/* The last nest compresses, and the one before it counts. */
static nexpr_status make(nexpr_plan *plan, const nexpr_array *const *inputs, nexpr_error *err) {
    int64_t *axis = nx_arena_alloc(&plan->arena, 2, sizeof *axis);
    if (!axis) return nx_fail_memory(err);
    const nexpr_dtype dtype = nexpr_result_dtype(plan->expr, 0);
    axis[1] = (int64_t)nexpr_dtype_size(dtype);
    plan->is_counted = true;
    plan->outputs[0] = (nx_plan_operand){.is_used = true, .is_new = true};
    plan->outputs[0].array = (nexpr_array){.size = sizeof(nexpr_array), .dtype = dtype, .ndim = 1, .shape = axis,
                                           .strides = axis + 1};
    NX_TRY(nx_plan_set_inputs(plan, inputs, err));
    NX_TRY(nx_plan_make_passes(plan, inputs, err));
    return nx_plan_finish(plan, err);
}

nexpr_status nx_counted_new(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                            const nexpr_run_options *run, nexpr_plan **ret_plan, nexpr_error *err) {
    nexpr_run_options options;
    NX_TRY(nx_plan_read_options(run, &options, err));
    NX_TRY(nx_plan_start(expr, context, &options, ret_plan, err));
    const unsigned saved = nx_fpenv_enter();
    const nexpr_status status = make(*ret_plan, inputs, err);
    nx_fpenv_leave(saved);
    if (status) nexpr_plan_free(ret_plan);
    return status;
}

static nexpr_status run(nexpr_plan *plan, uint32_t first, uint32_t end, nexpr_error *err) {
    const unsigned saved = nx_fpenv_enter();
    const nexpr_status status = nx_plan_run_nests(plan, first, end, plan->all_inputs, plan->all_outputs, err);
    nx_fpenv_leave(saved);
    return status;
}

nexpr_status nx_counted_count(nexpr_plan *plan, const nexpr_array *const *inputs, int64_t *ret_count, nexpr_error *err) {
    const nx_nest *counting = &plan->nests[plan->nest_count - 2];
    char *none = NULL;
    const void **in = plan->all_inputs; /* where nx_plan_fill_tables finds them in their places */
    for (uint32_t i = 0; i < plan->input_count; i++) in[i] = plan->inputs[i].is_used ? inputs[i]->data : NULL;
    NX_TRY(nx_plan_check_inputs(plan, in, err));
    nx_plan_fill_tables(plan, in, &none, NULL);
    NX_TRY(run(plan, 0, plan->nest_count - 1, err));
    *ret_count = counting->reduce->stay_count;
    return NEXPR_OK;
}

nexpr_status nx_counted_fill(nexpr_plan *plan, void *result, nexpr_error *err) {
    plan->all_outputs[0] = result;
    return run(plan, plan->nest_count - 1, plan->nest_count, err);
}
