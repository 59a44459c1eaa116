/* SPDX-License-Identifier: MIT */
/*
 * Which tier runs. With AUTO the VM does, until it has taken so much longer than machine code would that compiling it twice
 * would have paid: in this run, by the rate that is measured and what is left to do, or in all runs of the expression so
 * far. Where no gain is foreseen, as where memory limits it, the VM's time pays: what it took is ten times what compiling
 * will. Whichever was faster, when both were measured, stays.
 */
#ifndef NX_RUNTIME_CHOOSE_H
#define NX_RUNTIME_CHOOSE_H

#include "runtime/plan.h"

/* The backend that is meant by what a run asks for, in a context. */
nexpr_backend nx_choose_backend(const nexpr_context *context, nexpr_backend asked);

/* At the beginning of a run: nest->weight becomes the number of runs that this one stands for in what follows; 0: nothing of
 * it is done. Looking costs as much as a run of a few elements, so of short runs one in some is looked at. */
void nx_choose_weight(const nexpr_plan *plan, nx_nest *nest);
/* The code of a run at whose beginning, and after which, nothing is to be decided or measured; NULL: it is not such a run.
 * nest->runs is to be counted up if it is done. */
const nx_vm_code *nx_choose_at_once(const nexpr_plan *plan, const nx_nest *nest);
/* Before the nest is linked for a run: whether it shall have the second tier, which it has not. */
bool nx_choose_tier(const nexpr_plan *plan, const nx_nest *nest);
/* After that: asks for the kernels, if that is due before the run; for JIT it waits. */
void nx_choose_before(nexpr_plan *plan, nx_nest *nest);
/* During the run, of any task: `done` of the nest's elements were computed in `seconds`. */
void nx_choose_during(const nexpr_plan *plan, const nx_nest *nest, int64_t done, double seconds);
/* After a measured run. */
void nx_choose_after(const nexpr_plan *plan, nx_nest *nest, double seconds);
/* After it was linked for other addresses: what was measured says nothing any more. */
void nx_choose_anew(nx_nest *nest);
/* Whether a run of the nest is to be measured. */
bool nx_choose_measures(const nexpr_plan *plan, const nx_nest *nest);

/* What decides with AUTO. */
typedef struct nx_choice {
    double gain_ms, bill_ms;
    bool is_memory_bound;
} nx_choice;
nx_choice nx_choose_explain(const nexpr_plan *plan, const nx_nest *nest);

#endif
