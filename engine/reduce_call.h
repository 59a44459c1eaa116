/* SPDX-License-Identifier: MIT */
/* What reductions have in common: the array, the axes, the mask, and the steps they are made of. */
#ifndef NX_ENGINE_REDUCE_CALL_H
#define NX_ENGINE_REDUCE_CALL_H

#include "engine/array_call.h"

typedef struct nx_reduce_call {
    const nx_array_call *c;
    nx_operand a;        /* a node */
    nexpr_dtype dtype;   /* of a, or the one that was asked for */
    nx_view axes;        /* REDUCED or REDUCED_KEPT */
    bool has_dtype, has_where, has_initial;
    nx_operand where;    /* bool, of a's shape */
    nx_operand initial;
} nx_reduce_call;

enum { NX_ALL_AXES = NEXPR_MAX_NDIM };

/* Reads the array `name` and all that the parameters allow; most: how many axes there may be. */
nexpr_status nx_read_reduction(const nx_array_call *c, const char *name, uint32_t most, nx_reduce_call *ret);

/* sum(a[m]) as sum(a, where=m), for reducers to which nothing is neutral: a[m] is not made. */
nexpr_status nx_see_through_mask(nx_reduce_call *r);

/* int64, uint64, float64 or complex128: what elements of dtype are added and multiplied in. */
nexpr_dtype nx_accumulator(nexpr_dtype dtype);
/* NumPy's dtype of a sum: at least 64 bits for integers. */
nexpr_dtype nx_sum_dtype(nexpr_dtype dtype);
/* What elements of dtype are compared in: one of the reducers' ordered loops. */
nexpr_dtype nx_ordered_dtype(nexpr_dtype dtype);

/* x reduced; its dtype is the loop's. */
nexpr_status nx_reduce(const nx_reduce_call *r, nx_reducer reducer, nx_operand x, bool may_be_empty, nx_operand *ret);
/* The sum of x, of an accumulator's dtype, where the mask is true; -0 if there is only -0. */
nexpr_status nx_reduce_sum(const nx_reduce_call *r, nx_operand x, nx_operand *ret);
/* A sum that is +0 rather than -0, as NumPy has it: the reducer's lanes start from -0, NumPy's sums from +0.
 * It is an addition of +0.0, which the scheduler makes the end of the reduction. */
nexpr_status nx_avoid_negative_zero(const nx_compose *x, nx_operand *sum);
/* How many elements become one, where the mask is true; float64. */
nexpr_status nx_reduce_count(const nx_reduce_call *r, nx_operand *ret);
/* x where the mask is true, else `other`. */
nexpr_status nx_masked(const nx_reduce_call *r, nx_operand x, nx_operand other, nx_operand *ret);
/* sum or prod of `r`, with its dtype, mask and initial value. */
nexpr_status nx_accumulate(const nx_reduce_call *r, nx_reducer reducer, nx_operand *ret);
/* The square of x's modulus, in float64. */
nexpr_status nx_squared(const nx_compose *x, nx_operand z, nx_operand *ret);
/* x with another value where it is NaN. */
nexpr_status nx_without_nan(const nx_compose *x, nx_operand a, double value, nx_operand *ret);

#endif
