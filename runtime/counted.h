/* SPDX-License-Identifier: MIT */
/*
 * Plans of expressions whose one result is what compresses, as a[mask]: `is_counted` of the expression. How many elements
 * the result has depends on the data, but nothing else of the plan does. A run counts, then the result is allocated, and
 * filled.
 */
#ifndef NX_RUNTIME_COUNTED_H
#define NX_RUNTIME_COUNTED_H

#include "runtime/plan.h"

/* Not for runs that are reported or profiled, which tell of the two steps as runs of their own (runtime/lengths.h). The
 * layout of its output is that of a new one of no elements. Errors: those of nexpr_plan_new. */
nexpr_status nx_counted_new(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                            const nexpr_run_options *run, nexpr_plan **ret_plan, nexpr_error *err);
/* Errors: those of nexpr_plan_run. */
nexpr_status nx_counted_count(nexpr_plan *plan, const nexpr_array *const *inputs, int64_t *ret_count, nexpr_error *err);
/* Fills the result, of so many elements, after the count. */
nexpr_status nx_counted_fill(nexpr_plan *plan, void *result, nexpr_error *err);

#endif
