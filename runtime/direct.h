/* SPDX-License-Identifier: MIT */
/*
 * The short way through a plan. Where a run is one task of each loop nest, and nothing is to be done around it, what is left
 * to do is to look at the addresses and to call the backend, or the one task of a reduction. Whatever is unusual takes the
 * long way (runtime/plan.c), which also finds out what is wrong; both have the same effects.
 */
#ifndef NX_RUNTIME_DIRECT_H
#define NX_RUNTIME_DIRECT_H

#include "runtime/plan.h"

/* Notes whether the plan's runs may be direct, after its nests were linked. */
void nx_direct_prepare(nexpr_plan *plan);
/* Runs the plan, if it is one whose runs may be. False: nothing was done. */
bool nx_direct_run(nexpr_plan *plan, const void *const *in, void *const *out);

#endif
