/* SPDX-License-Identifier: MIT */
/*
 * The exponential, for machines with FMA. x = n*log(2) + r with |r| <= log(2)/2; e^r is 1 + r and a rest, where 1 + r is
 * kept as an exact sum of two, so that little more than the last rounding is lost. Vectors with a lane whose result may
 * leave the normal range are done, with the same steps, by a function of their own. Polynomials: tables/minimax.py.
 */
#ifndef NX_MATH_REAL_EXP_H
#define NX_MATH_REAL_EXP_H

#include "math/real_core.h"

#if NX_HAS_FMA

/* (e^r - 1 - r) / r^2: exp. */
VEC_FN vf64 exp_tail(vf64 r) {
    static const double c[] = {
        0x1.000000000000ap-1, 0x1.55555555554fap-3, 0x1.555555555087cp-5, 0x1.1111111127bc1p-7, 0x1.6c16c1842a2ddp-10,
        0x1.a01a012a61a12p-13, 0x1.a0199a0c19ccfp-16, 0x1.71df253f8af97p-19, 0x1.28ad731740566p-22, 0x1.ad7f88b9dd914p-26,
    };
    return polynomial_two_chains(r, r * r, c, 10);
}

/* e^x = result * 2^n. */
VEC_FN vf64 exp_significand(vf64 x, vf64 *ret_biased) {
    vf64 biased = v_muladd(x, v_set1_f64(LOG2_E), v_set1_f64(ROUND_MAGIC)), n = biased - ROUND_MAGIC;
    vf64 h = v_muladd(-n, v_set1_f64(LN2_HI), x), low = n * LN2_LO, r = h - low;
    vf64 rest = v_muladd(r * r, exp_tail(r), -low), sum = 1 + h;
    *ret_biased = biased;
    return sum + (((1 - sum) + h) + rest);
}

/* y * 2^n for n in the lowest bits, without a check. */
VEC_FN vf64 add_exponent(vf64 y, vf64 biased) {
    return (vf64)((vu64)y + ((vu64)biased << 52));
}

VEC_FN bool exp_is_usual(vf64 x) {
    return v_all_below(v_abs(x), 708);
}

VEC_FN vf64 exp_usual(vf64 x) {
    vf64 biased, y = exp_significand(x, &biased);
    return add_exponent(y, biased);
}

RARE_FN vf64 exp_rare(vf64 x) {
    vf64 biased, y = exp_significand(clamp(x, 800), &biased);
    return scale(y, biased - ROUND_MAGIC);
}

/* e^(x + tail), tail small beside x or 1; overflows and underflows as it should. */
VEC_FN vf64 exp_of_sum(vf64 x, vf64 tail) {
    x = clamp(x, 800);
    vf64 n = v_muladd(x, v_set1_f64(LOG2_E), v_set1_f64(ROUND_MAGIC)) - ROUND_MAGIC;
    vf64 h = v_muladd(-n, v_set1_f64(LN2_HI), x), low = v_muladd(-n, v_set1_f64(LN2_LO), tail), r = h + low;
    vf64 rest = v_muladd(r * r, exp_tail(r), v_muladd(r, (h - r) + low, low)), sum = 1 + h;
    return scale(sum + (((1 - sum) + h) + rest), n);
}

/* e^x - 1 for x in [0, 40]; NaN stays. */
VEC_FN pair expm1_pair(vf64 x) {
    static const double c[] = {
        0x1.0000000000000p-1, 0x1.5555555555559p-3, 0x1.555555555555ap-5, 0x1.111111110f6aep-7, 0x1.6c16c16c1442bp-10,
        0x1.a01a01afe5356p-13, 0x1.a01a01b0bfcd0p-16, 0x1.71ddf85377f97p-19, 0x1.27e4c5920f230p-22, 0x1.af5ebf4cfa2b4p-26,
        0x1.1f957605c7e6dp-29,
    };
    vf64 biased = v_muladd(x, v_set1_f64(LOG2_E), v_set1_f64(ROUND_MAGIC + 1023)), minus_n = (ROUND_MAGIC + 1023) - biased;
    vf64 h = v_muladd(minus_n, v_set1_f64(LN2_HI), x), low = minus_n * LN2_LO, r = h + low, square = r * r;
    vf64 rest = v_muladd(r, (h - r) + low, v_muladd(square, polynomial_two_chains(r, square, c, 11), low));
    pair e = add_ordered(h, rest); /* e^(h + low) - 1 */
    vf64 power = (vf64)((vu64)biased << 52);
    pair sum = add_ordered(power - 1, power * e.hi);
    return (pair){sum.hi, v_muladd(power, e.lo, sum.lo)};
}

/* e / (e + 2) for e = e^2|x| - 1; from 20 on it is 1. */
VEC_FN vf64 tanh_by_expm1(vf64 x) {
    vf64 a = v_min(v_set1_f64(20), v_abs(x));
    pair e = expm1_pair(a + a), d = add_exact(e.hi, v_set1_f64(2));
    d.lo += e.lo;
    vf64 inverse = 1 / d.hi, q = e.hi * inverse;
    vf64 left = v_muladd(-q, d.hi, e.hi) + v_muladd(-q, d.lo, e.lo);
    return v_copysign(v_select(a < 0x1p-27, a, v_muladd(left, inverse, q)), x);
}

/* To 2^-34, for operands that were float32; NaN stays. */
VEC_FN vf64 exp_f32(vf64 x) {
    static const double c[] = {
        0x1.0000003a21fa7p-1, 0x1.55555443162b4p-3, 0x1.55548dc5e6070p-5,
        0x1.111270d8aa398p-7, 0x1.6d8d065b85553p-10, 0x1.9f087171dfd9dp-13,
    };
    x = clamp(x, 120);
    vf64 biased = v_muladd(x, v_set1_f64(LOG2_E), v_set1_f64(ROUND_MAGIC + 1023)), n = biased - (ROUND_MAGIC + 1023);
    vf64 r = v_muladd(-n, v_set1_f64(LN2), x), square = r * r, power = (vf64)((vu64)biased << 52);
    return v_muladd(v_muladd(square, polynomial_two_chains(r, square, c, 6), r), power, power);
}

#endif
#endif
