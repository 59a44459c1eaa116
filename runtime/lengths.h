/* SPDX-License-Identifier: MIT */
/* Extents that depend on the data, as of a[mask]: counted before what has them is planned. */
#ifndef NX_RUNTIME_LENGTHS_H
#define NX_RUNTIME_LENGTHS_H

#include "runtime/expr.h"

/* Fills *ret with a copy of e that knows these extents for these inputs, for plans that are freed before the arena is. Runs
 * parts of the expression. Errors: those of a run. */
nexpr_status nx_find_lengths(const nexpr *e, nexpr_context *context, const nexpr_array *const *inputs,
                             const nexpr_run_options *run, nx_arena *arena, nexpr *ret, nexpr_error *err);

#endif
