/* SPDX-License-Identifier: MIT */
/*
 * Extents that depend on the data, as of a[mask]: counted before what has them is planned. Each count is a node of the
 * expression; it is made the one result of a copy that shares all else, to be evaluated by whoever has the arrays:
 *
 *   nx_lengths_init
 *   while (counting = nx_lengths_next(...)): evaluate it, and give what it is to nx_lengths_set
 *   lengths.known is the expression with all its extents
 */
#ifndef NX_RUNTIME_LENGTHS_H
#define NX_RUNTIME_LENGTHS_H

#include "runtime/expr.h"

typedef struct nx_lengths {
    nexpr known, counting; /* for plans that are freed before the arena is */
    nx_ir_result result;   /* of what counts */
    const nexpr *expr;
    int64_t *lengths;      /* by node */
    uint8_t *needed;       /* by node: whether a result needs it */
    nx_ref at;             /* the node whose count is next */
} nx_lengths;

/* The arena has to outlive it; it must not move. Errors: MEMORY. */
nexpr_status nx_lengths_init(nx_lengths *lengths, const nexpr *e, nx_arena *arena, nexpr_error *err);
/* An expression whose only result is an integer scalar; NULL: all is known. */
nexpr *nx_lengths_next(nx_lengths *lengths);
void nx_lengths_set(nx_lengths *lengths, int64_t count);

/* All of it for these inputs. Runs parts of the expression. Errors: those of a run. */
nexpr_status nx_find_lengths(nx_lengths *lengths, const nexpr *e, nexpr_context *context, const nexpr_array *const *inputs,
                             const nexpr_run_options *run, nx_arena *arena, nexpr_error *err);

#endif
