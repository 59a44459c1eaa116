/* SPDX-License-Identifier: MIT */
/*
 * Plans of evaluations in one call, kept for the next call with the same expression and arrays of the same layout: making
 * one takes longer than computing some thousand elements. A few small ones, in a context; taking one out and putting it
 * back is an exchange of a pointer, so that a plan belongs to one thread at a time, and nobody waits.
 */
#ifndef NX_RUNTIME_IDLE_H
#define NX_RUNTIME_IDLE_H

#include "runtime/plan.h"

/* The plan for this evaluation, if there is one: the caller's until it is given back. An output may be NULL: a new one, that
 * the plan has the layout of. NULL also for arrays or options that nexpr_plan_new would find fault with. */
nexpr_plan *nx_idle_take(nexpr_context *context, const nexpr *expr, const nexpr_array *const *inputs,
                         const nexpr_array *const *outputs, const nexpr_run_options *run);
/* Keeps the plan, or frees it. */
void nx_idle_give(nexpr_context *context, nexpr_plan **plan);
/* Frees all plans that the context keeps. */
void nx_idle_drop(nexpr_context *context);

/* Whether what is made for such a run may be kept at all: reports are made when plans are freed, and an expression must not
 * outlive its allocator. */
bool nx_idle_allows(const nexpr_context *context, const nexpr *expr, const nexpr_run_options *run);
/* Whether the plan may: nor may a copy of an expression outlive its lengths, and much memory is not kept. */
bool nx_idle_may_keep(const nexpr_context *context, const nexpr_plan *plan);
bool nx_idle_are_same(const nexpr_run_options *x, const nexpr_run_options *y);

#endif
