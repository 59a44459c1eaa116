/* SPDX-License-Identifier: MIT */
/*
 * The logarithms, for machines with FMA. x = 2^e * (1 + f) with 1 + f in [1/sqrt(2), sqrt(2)), and
 *
 *   log(1 + f) = f - f^2/2 + s*(f^2/2 + z*P(z))     s = f/(2 + f), z = s^2
 *
 * where e*log(2) + f is kept as an exact sum of two, so that little more than the last rounding is lost. Lanes that are
 * subnormal or have no logarithm are done by a function of their own. Polynomials: tables/minimax.py.
 */
#ifndef NX_MATH_REAL_LOG_H
#define NX_MATH_REAL_LOG_H

#include "math/real_core.h"

#if NX_HAS_FMA

/* x = 2^e * m for normal x > 0. */
VEC_FN vf64 split_normal(vf64 x, vf64 *ret_e) {
    const uint64_t root = 0x3fe6a09e667f3bcd; /* of 1/2 */
#if NX_ISA_LEVEL == 2
    vu64 bits = (vu64)x - root;
    *ret_e = __builtin_convertvector((vi64)bits >> 52, vf64);
#else
    vu64 bits = (vu64)x + (0x3ff0000000000000 - root);
    *ret_e = (vf64)(bits >> 52 | 0x4330000000000000) - (0x1p52 + 1023);
#endif
    return (vf64)((bits & 0x000fffffffffffff) + root);
}

/* log(m) + e*log(2). */
VEC_FN vf64 log_of_parts(vf64 m, vf64 e) {
    static const double c[] = {
        0x1.5555555555592p-1, 0x1.999999997ff07p-2, 0x1.24924941e3052p-2, 0x1.c71c521277951p-3,
        0x1.74663d64ce428p-3, 0x1.39a1dac0d23e6p-3, 0x1.2f0459ad41263p-3,
    };
    vf64 f = m - 1, s = f / (2 + f), z = s * s, half = 0.5 * f;
    vf64 inner = v_muladd(z, polynomial_two_chains(z, z * z, c, 7), half * f);
    vf64 small = v_muladd(-half, f, v_muladd(s, inner, e * LN2_LO));
    vf64 whole = e * LN2_HI, sum = whole + f;
    return sum + (((whole - sum) + f) + small);
}

static __attribute__((noinline, unused)) vf64 log_edges(vf64 x) {
    vi64 subnormal = x < 0x1p-1022, normal = (x > 0) & (x < INFINITY);
    vf64 e, m = split_normal(v_select(normal, v_select(subnormal, x * 0x1p54, x), v_set1_f64(1)), &e);
    vf64 r = log_of_parts(m, v_select(subnormal, e - 54, e));
    vf64 edge = v_select(x == 0, v_set1_f64(-INFINITY), v_select(x > 0, x, v_set1_f64(NAN)));
    return v_select(normal, r, edge);
}

/* The same to 2^-36, for operands that were float32. */
VEC_FN vf64 log_of_parts_f32(vf64 m, vf64 e) {
    static const double c[] = {0x1.555554fd95148p-1, 0x1.999a7a9c6cd0bp-2, 0x1.2438d27a7563fp-2, 0x1.e2f7386594791p-3};
    vf64 f = m - 1, s = f / (2 + f), z = s * s;
    vf64 bend = v_muladd(z, polynomial_two_chains(z, z * z, c, 4), -f);
    return v_muladd(e, v_set1_f64(LN2), v_muladd(s, bend, f));
}

static __attribute__((noinline, unused)) vf64 log_edges_f32(vf64 x) {
    vi64 normal = (x > 0) & (x < INFINITY);
    vf64 e, m = split_normal(v_select(normal, x, v_set1_f64(1)), &e);
    vf64 edge = v_select(x == 0, v_set1_f64(-INFINITY), v_select(x > 0, x, v_set1_f64(NAN)));
    return v_select(normal, log_of_parts_f32(m, e), edge);
}

VEC_FN vf64 log_fast_f32(vf64 x) {
    if (__builtin_expect(!v_all_positive_normal(x), 0)) return log_edges_f32(x);
    vf64 e, m = split_normal(x, &e);
    return log_of_parts_f32(m, e);
}

VEC_FN vf64 log_fast(vf64 x) {
    if (__builtin_expect(!v_all_positive_normal(x), 0)) return log_edges(x);
    vf64 e, m = split_normal(x, &e);
    return log_of_parts(m, e);
}

#endif
#endif
