/* SPDX-License-Identifier: MIT */
/* Writing a function as operations: each takes operands and gives one, typed as the same operation in the text would be. */
#ifndef NX_ENGINE_COMPOSE_H
#define NX_ENGINE_COMPOSE_H

#include "engine/apply.h"

/* The function that is written. */
typedef struct nx_compose {
    nx_builder *b;
    const nx_operand *args; /* of a FUN row: all its parameters */
    nx_span span, word;
    nexpr_error *err;
} nx_compose;

nexpr_status nx_compose1(const nx_compose *x, nx_op op, nx_operand arg, nx_operand *ret);
nexpr_status nx_compose2(const nx_compose *x, nx_op op, nx_operand first, nx_operand second, nx_operand *ret);
nexpr_status nx_compose_where(const nx_compose *x, nx_operand condition, nx_operand yes, nx_operand no, nx_operand *ret);
nexpr_status nx_compose_cast(const nx_compose *x, nx_operand arg, nexpr_dtype dtype, nx_operand *ret);
/* A weak literal: an int or a float. */
nexpr_status nx_compose_number(const nx_compose *x, double value, bool is_int, nx_operand *ret);
/* The argument as a value with a dtype: where NumPy takes asarray of it. */
nexpr_status nx_compose_strong(const nx_compose *x, nx_operand arg, nx_operand *ret);
nx_class nx_compose_class(const nx_compose *x, nx_operand arg);

#endif
