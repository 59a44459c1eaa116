/* SPDX-License-Identifier: MIT */
/*
 * Vector math: the kernels of the ops that the column `math` of engine/ops.def gives to this folder, for float32, float64,
 * complex64 and complex128 and each instruction set. This is the only door to SLEEF. nx_math_<op>_<dtype>_<isa> are the
 * functions behind it.
 */
#ifndef NX_MATH_MATH_H
#define NX_MATH_MATH_H

#include "engine/kernel.h"
#include "engine/ops.h"

/* The kernel of op for dtype in the given form; NULL if math/ has none. Thread-safe; returns static functions. */
nx_kernel *nx_math_kernel(nx_isa isa, nx_op op, nexpr_dtype dtype, unsigned form);

#endif
