/* SPDX-License-Identifier: MIT */
/*
 * The words in which the templates of math/ are written, for one precision and one instruction set: the build defines
 * NX_PRECISION (32 or 64) and NX_ISA (baseline, avx2 or avx512) for each object.
 *
 *   T V M WIDTH      element, vector, mask (all bits of a lane or none), lanes
 *   vf32 vf64        the vectors of both precisions, with masks vi32 vi64 and bits vu32 vu64; V is one of them
 *   v_*(...)         functions on either; + - * / < <= == != on vectors and & | ~ on masks are the compiler's
 *   NX_MATH_REAL(op) name of the real kernel of this precision and instruction set
 *
 * One vector is one register. Everything here is exact or correctly rounded but v_muladd, which is fused where the
 * machine has FMA and rounded twice in the baseline.
 */
#ifndef NX_MATH_VEC_H
#define NX_MATH_VEC_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NX_MATH_CAT_(a, b, c, d) a##b##c##d
#define NX_MATH_CAT(a, b, c, d) NX_MATH_CAT_(a, b, c, d)

#define NX_ISA_IS_baseline 0
#define NX_ISA_IS_avx2 1
#define NX_ISA_IS_avx512 2
#define NX_ISA_LEVEL NX_MATH_CAT(NX_ISA_IS_, NX_ISA, , )
#define NX_HAS_FMA (NX_ISA_LEVEL > 0)

#if NX_ISA_LEVEL == 2
#define VEC_BYTES 64
#define VEC_INTRINSIC(op, suffix) _mm512_##op##_##suffix
#elif NX_ISA_LEVEL == 1
#define VEC_BYTES 32
#define VEC_INTRINSIC(op, suffix) _mm256_##op##_##suffix
#else
#define VEC_BYTES 16
#define VEC_INTRINSIC(op, suffix) _mm_##op##_##suffix
#endif

typedef float vf32 __attribute__((vector_size(VEC_BYTES)));
typedef int32_t vi32 __attribute__((vector_size(VEC_BYTES)));
typedef uint32_t vu32 __attribute__((vector_size(VEC_BYTES)));
typedef double vf64 __attribute__((vector_size(VEC_BYTES)));
typedef int64_t vi64 __attribute__((vector_size(VEC_BYTES)));
typedef uint64_t vu64 __attribute__((vector_size(VEC_BYTES)));
typedef float vf32_half __attribute__((vector_size(VEC_BYTES / 2)));

#define VEC_FN static inline __attribute__((always_inline, unused))
/* Picks the function for the precision of x. */
#define VEC_PICK(name, x) _Generic((x), vf64: name##_f64, vf32: name##_f32)

enum { WIDTH_F32 = VEC_BYTES / 4, WIDTH_F64 = VEC_BYTES / 8 };

VEC_FN bool v_any_lane(vi32 m) {
#if NX_ISA_LEVEL == 2
    return _mm512_test_epi32_mask((__m512i)m, (__m512i)m) != 0;
#else
    return VEC_INTRINSIC(movemask, ps)((vf32)m) != 0;
#endif
}

#define VEC_T float
#define VEC_I int32_t
#define VEC_U uint32_t
#define VEC_S f32
#define VEC_P ps
#define VEC_MI vi32
#define VEC_MU vu32
#define VEC_MAGIC 0x1p23f
#include "math/vec_tmpl.h"
#define VEC_T double
#define VEC_I int64_t
#define VEC_U uint64_t
#define VEC_S f64
#define VEC_P pd
#define VEC_MI vi64
#define VEC_MU vu64
#define VEC_MAGIC 0x1p52
#include "math/vec_tmpl.h"

#define v_abs(x) VEC_PICK(v_abs, x)(x)
/* |x| with the sign bit of s. */
#define v_copysign(x, s) VEC_PICK(v_copysign, x)(x, s)
/* x with its sign flipped where s is negative (-0 included). */
#define v_mulsign(x, s) VEC_PICK(v_mulsign, x)(x, s)
/* Lane by lane m ? a : b, m a mask of the same width. */
#define v_select(m, a, b) VEC_PICK(v_select, a)(m, a, b)
/* Whether any lane of a mask is set. */
#define v_any(m) v_any_lane((vi32)(m))
#define v_sqrt(x) VEC_PICK(v_sqrt, x)(x)
#define v_trunc(x) VEC_PICK(v_trunc, x)(x)
#define v_floor(x) VEC_PICK(v_floor, x)(x)
/* Nearest integer, half to even. */
#define v_rint(x) VEC_PICK(v_rint, x)(x)
/* a*b + c. */
#define v_muladd(a, b, c) VEC_PICK(v_muladd, a)(a, b, c)
/* The smaller, larger one; b if either is NaN. */
#define v_min(a, b) VEC_PICK(v_min, a)(a, b)
#define v_max(a, b) VEC_PICK(v_max, a)(a, b)
/* The mask of lanes whose sign bit is set; of NaN; of finite values. */
#define v_signbit(x) VEC_PICK(v_signbit, x)(x)
#define v_isnan(x) VEC_PICK(v_isnan, x)(x)
#define v_isfinite(x) VEC_PICK(v_isfinite, x)(x)
/* x with any NaN replaced by the canonical one. */
#define v_canonical(x) VEC_PICK(v_canonical, x)(x)
/* Whether every lane is below a constant; NaN is not. */
#define v_all_below(x, limit) VEC_PICK(v_all_below, x)(x, limit)
/* Error of the rounded product p = a*b, exactly unless it underflows (or, without FMA, a, b or p are huge). */
#define v_mul_error(a, b, p) VEC_PICK(v_mul_error, a)(a, b, p)

/* Whether every lane is positive, normal and finite. */
VEC_FN bool v_all_positive_normal(vf64 x) {
#if NX_ISA_LEVEL == 2
    return _mm512_fpclass_pd_mask(x, 0xff) == 0;
#else
    return VEC_INTRINSIC(movemask, pd)((vf64)~((x >= 0x1p-1022) & (x < __builtin_inf()))) == 0;
#endif
}

#if NX_PRECISION == 32
typedef float T;
typedef vf32 V;
typedef vi32 M;
enum { WIDTH = WIDTH_F32 };
#define NX_MATH_REAL(op) NX_MATH_CAT(nx_math_, op, _f32_, NX_ISA)
/* Unaligned load and store of WIDTH elements; every element the same. */
#define v_load(p) v_load_f32(p)
#define v_store(p, x) v_store_f32(p, x)
#define v_set1(c) v_set1_f32(c)
#else
typedef double T;
typedef vf64 V;
typedef vi64 M;
enum { WIDTH = WIDTH_F64 };
#define NX_MATH_REAL(op) NX_MATH_CAT(nx_math_, op, _f64_, NX_ISA)
#define v_load(p) v_load_f64(p)
#define v_store(p, x) v_store_f64(p, x)
#define v_set1(c) v_set1_f64(c)
#endif

/* WIDTH_F64 floats as doubles and back, rounded once. */
VEC_FN vf64 v_load_widened(const float *p) {
    vf32_half half;
    memcpy(&half, p, sizeof half);
    return __builtin_convertvector(half, vf64);
}

VEC_FN void v_store_narrowed(float *p, vf64 x) {
    vf32_half half = __builtin_convertvector(x, vf32_half);
    memcpy(p, &half, sizeof half);
}

#endif
