/* SPDX-License-Identifier: MIT */
/*
 * The numerical guard: for every operation of a program, whether it made NaN, infinities and the like out of operands that
 * had none. Such an event is an expression like any other, made of the operation's operands and result; how often there is
 * one, and the first place, are two more results of the program. So whoever evaluates programs evaluates checks.
 */
#ifndef NX_ENGINE_CHECK_H
#define NX_ENGINE_CHECK_H

#include "engine/build.h"

typedef struct nx_check {
    nexpr_check_kind kind;
    nx_ref mask;     /* true where it happens, of the operation's shape */
    nx_span span;    /* of the operation */
    const char *operation;
    nexpr_dtype dtype; /* of its result */
} nx_check;

/* Makes the checks of all that the results need, and two results of each behind them: how many elements, and the index of
 * the first one in C order, both int64. Errors: LIMIT, MEMORY. */
nexpr_status nx_add_checks(nx_builder *b, nx_check **ret_checks, uint32_t *ret_count, nexpr_error *err);

#endif
