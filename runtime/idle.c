/* SPDX-License-Identifier: MIT */
#include "runtime/idle.h"

/* A plan with more memory than this is not kept. */
enum { MOST_BYTES = 512 << 10 };

/* Where plans of an expression are: there, or in the place beside it, so that two threads may evaluate the same. */
static size_t place_of(const nexpr *expr) {
    return ((uintptr_t)expr >> 6) * 0x9E3779B1u / 64 % NX_IDLE_PLANS;
}

/* An array without axes has no shape, and one without strides lies in one run. */
static bool is_like(const nexpr_array *array, const nexpr_array *planned) {
    if (array->dtype != planned->dtype || array->ndim != planned->ndim) return false;
    if (array->byte_order != planned->byte_order) return false;
    int64_t inner = (int64_t)nexpr_dtype_size(array->dtype);
    for (int k = array->ndim - 1; k >= 0; k--) {
        if (array->shape[k] != planned->shape[k]) return false;
        if ((array->strides ? array->strides[k] : inner) != planned->strides[k]) return false;
        inner *= array->shape[k];
    }
    return true;
}

/* Field by field: there are gaps between them, and `size` is what the caller's header says. */
bool nx_idle_are_same(const nexpr_run_options *x, const nexpr_run_options *y) {
    return x->threads == y->threads && x->block_items == y->block_items && x->cancel == y->cancel &&
           x->progress == y->progress && x->progress_user == y->progress_user && x->chunk_bytes == y->chunk_bytes &&
           x->backend == y->backend && x->profile == y->profile;
}

static bool fits(const nexpr_plan *plan, const nexpr *expr, const nexpr_array *const *inputs,
                 const nexpr_array *const *outputs, const nexpr_run_options *run) {
    if (plan->expr != expr || !nx_idle_are_same(&plan->run, run)) return false;
    for (uint32_t i = 0; i < plan->input_count; i++) {
        const nx_plan_operand *x = &plan->inputs[i];
        if (x->is_used && (nx_check_array(inputs[i], false, (int)i, NULL) || !is_like(inputs[i], &x->array))) return false;
    }
    for (uint32_t i = 0; i < plan->output_count; i++) {
        const nx_plan_operand *x = &plan->outputs[i];
        if (!outputs[i] ? !x->is_new : nx_check_array(outputs[i], true, (int)i, NULL) || !is_like(outputs[i], &x->array)) {
            return false;
        }
    }
    return true;
}

nexpr_plan *nx_idle_take(nexpr_context *context, const nexpr *expr, const nexpr_array *const *inputs,
                         const nexpr_array *const *outputs, const nexpr_run_options *run) {
    nexpr_run_options options = nexpr_run_options_init();
    if (NX_READ_STRUCT(&options, run, NULL) || (!inputs && expr->ir.input_count)) return NULL;
    for (size_t i = 0; i < 2; i++) {
        _Atomic(nexpr_plan *) *place = &context->idle[place_of(expr) ^ i];
        nexpr_plan *plan = atomic_load_explicit(place, memory_order_relaxed) ? atomic_exchange(place, NULL) : NULL;
        if (plan && fits(plan, expr, inputs, outputs, &options)) return plan;
        if (plan) nx_idle_give(context, &plan);
    }
    return NULL;
}

bool nx_idle_allows(const nexpr_context *context, const nexpr *expr, const nexpr_run_options *run) {
    const nexpr_allocator *own = expr->memory.use, *ours = context->memory.use;
    if (context->report.call || run->profile) return false;
    return !own || (ours && own->user == ours->user && own->release == ours->release);
}

bool nx_idle_may_keep(const nexpr_context *context, const nexpr_plan *plan) {
    if ((plan->expr->has_lengths && !plan->is_counted) || !nx_idle_allows(context, plan->expr, &plan->run)) return false;
    return (size_t)plan->worker_count * plan->worker_bytes + plan->temporary_bytes <= MOST_BYTES;
}

void nx_idle_give(nexpr_context *context, nexpr_plan **ret_plan) {
    nexpr_plan *plan = *ret_plan;
    *ret_plan = NULL;
    if (!plan) return;
    const size_t first = place_of(plan->expr);
    for (size_t i = 0; i < 2 && plan && nx_idle_may_keep(context, plan); i++) {
        nexpr_plan *none = NULL;
        if (atomic_compare_exchange_strong(&context->idle[first ^ i], &none, plan)) plan = NULL;
    }
    if (plan && nx_idle_may_keep(context, plan)) plan = atomic_exchange(&context->idle[first], plan);
    nexpr_plan_free(&plan);
}

void nx_idle_drop(nexpr_context *context) {
    for (size_t i = 0; i < NX_IDLE_PLANS; i++) {
        nexpr_plan *plan = atomic_exchange(&context->idle[i], NULL);
        nexpr_plan_free(&plan);
    }
}
