/* SPDX-License-Identifier: MIT */
/*
 * The real kernels by name, for those who build on them (complex functions) and for the table in math.c:
 *
 *   nx_math_<op>_<f32|f64>_<isa>          form 0, for each op of engine/ops.def whose column math contains F
 *   nx_math_<op>_<f32|f64>_<isa>_form1    binary ops: the first operand is a scalar
 *   nx_math_<op>_<f32|f64>_<isa>_form2    binary ops: the second operand is a scalar
 *
 * and functions of several results that are no ops. Inside a template (math/vec.h) the spelling is NX_MATH_REAL(op).
 */
#ifndef NX_MATH_REAL_H
#define NX_MATH_REAL_H

#include "engine/kernel.h"

/* Whether a row of ops.def has real kernels: NX_MATH_IF_F(tokens), where F is the row's word in the column math. */
#define NX_MATH_IF_NONE(...)
#define NX_MATH_IF_C(...)
#define NX_MATH_IF_F(...) __VA_ARGS__
#define NX_MATH_IF_FC(...) __VA_ARGS__

#define NX_MATH_DECLARE_T_T(name) nx_kernel name;
#define NX_MATH_DECLARE_TT_T(name) nx_kernel name, name##_form1, name##_form2;
#define NX_MATH_DECLARE_ISAS(sig, name)    \
    NX_MATH_DECLARE_##sig(name##_baseline) \
    NX_MATH_DECLARE_##sig(name##_avx2)     \
    NX_MATH_DECLARE_##sig(name##_avx512)

#define OP(id, group, names, syntax, sig, domain, promote, meaning, math, ...)                 \
    NX_MATH_IF_##math(NX_MATH_DECLARE_ISAS(sig, nx_math_##id##_f32) NX_MATH_DECLARE_ISAS(sig, nx_math_##id##_f64))
#include "engine/ops.def"

/* s = sin(x) and c = cos(x), the same bits as the two ops. s or c may be equal to x. */
typedef void nx_math_sincos_f32(size_t n, float *s, float *c, const float *x);
typedef void nx_math_sincos_f64(size_t n, double *s, double *c, const double *x);
nx_math_sincos_f32 nx_math_sincos_f32_baseline, nx_math_sincos_f32_avx2, nx_math_sincos_f32_avx512;
nx_math_sincos_f64 nx_math_sincos_f64_baseline, nx_math_sincos_f64_avx2, nx_math_sincos_f64_avx512;

#endif
