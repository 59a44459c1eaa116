/* SPDX-License-Identifier: MIT */
/* Where math ops are tested: everywhere, but most densely where they are hard. */
#ifndef NX_TESTS_MATH_POINTS_H
#define NX_TESTS_MATH_POINTS_H

#include "engine/ops.h"

/* Fills x and y (for binary ops) with count points, all values of dtype (float32 or float64); the same for the same
 * arguments. */
void points_make(nx_op op, nexpr_dtype dtype, uint64_t seed, size_t count, double *x, double *y);

/* 64 random bits; state is not 0. */
uint64_t points_random(uint64_t *state);

#endif
