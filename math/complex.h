/* SPDX-License-Identifier: MIT */
/*
 * The complex kernels by name, for the table in math.c and for the tests:
 *
 *   nx_math_<op>_<c64|c128>_<isa>          form 0, for each op of engine/ops.def whose column math contains C
 *   nx_math_<op>_<c64|c128>_<isa>_form1    binary ops: the first operand is a scalar
 *   nx_math_<op>_<c64|c128>_<isa>_form2    binary ops: the second operand is a scalar
 */
#ifndef NX_MATH_COMPLEX_H
#define NX_MATH_COMPLEX_H

#include "engine/kernel.h"

/* Whether a row of ops.def has complex kernels: NX_MATH_COMPLEX_IF_C(tokens), where C is the row's
 * word in the column math. */
#define NX_MATH_COMPLEX_IF_NONE(...)
#define NX_MATH_COMPLEX_IF_F(...)
#define NX_MATH_COMPLEX_IF_C(...) __VA_ARGS__
#define NX_MATH_COMPLEX_IF_FC(...) __VA_ARGS__

#define NX_MATH_COMPLEX_DECLARE_T_T(name) nx_kernel name;
#define NX_MATH_COMPLEX_DECLARE_T_R(name) nx_kernel name;
#define NX_MATH_COMPLEX_DECLARE_TT_T(name) nx_kernel name, name##_form1, name##_form2;
#define NX_MATH_COMPLEX_DECLARE_ISAS(sig, name)    \
    NX_MATH_COMPLEX_DECLARE_##sig(name##_baseline) \
    NX_MATH_COMPLEX_DECLARE_##sig(name##_avx2)     \
    NX_MATH_COMPLEX_DECLARE_##sig(name##_avx512)

#define OP(id, group, names, syntax, sig, domain, promote, meaning, math, ...)       \
    NX_MATH_COMPLEX_IF_##math(NX_MATH_COMPLEX_DECLARE_ISAS(sig, nx_math_##id##_c64)  \
                              NX_MATH_COMPLEX_DECLARE_ISAS(sig, nx_math_##id##_c128))
#include "engine/ops.def"

#endif
