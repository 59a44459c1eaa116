/* SPDX-License-Identifier: MIT */
/*
 * The ops for float32 operands, computed in float64 to about 2^-36, so that the rounded results are off by little more than
 * half a unit. Operands are floats: nothing here can overflow or lose a subnormal before the rounding. From SLEEF come the
 * functions whose error of 3.5 units in float64 is far below that, and gamma and lgamma.
 */
#ifndef NX_MATH_REAL_F32_H
#define NX_MATH_REAL_F32_H

#include "math/real_exp.h"
#include "math/real_log.h"
#include "math/real_trig.h"

#define FROM_SLEEF_1(id, name, accuracy) \
    VEC_FN vf64 id(vf64 x) { return SLEEF(name, accuracy)(x); }
#define FROM_SLEEF_2(id, name, accuracy) \
    VEC_FN vf64 id(vf64 x, vf64 y) { return SLEEF(name, accuracy)(x, y); }

FROM_SLEEF_1(real_tan, tan, u35)
FROM_SLEEF_1(real_arcsin, asin, u35)
FROM_SLEEF_1(real_arccos, acos, u35)
FROM_SLEEF_1(sleef_gamma, tgamma, u10)
FROM_SLEEF_1(real_lgamma, lgamma, u10)

#if NX_HAS_FMA
#define PARTS_sin PARTS_1(trig_is_usual_f32, sin_usual_f32, sin_rare_f32)
FROM_PARTS_1(sin)
#define PARTS_cos PARTS_1(trig_is_usual_f32, cos_usual_f32, cos_rare_f32)
FROM_PARTS_1(cos)
#define PARTS_arctan PARTS_1(arctan_is_usual, arctan_usual_f32, arctan_rare_f32)
FROM_PARTS_1(arctan)
#define PARTS_arctan2 PARTS_2(arctan2_is_usual, arctan2_usual_f32, arctan2_rare_f32)
FROM_PARTS_2(arctan2)
#else
FROM_SLEEF_1(real_arctan, atan, u35)
FROM_SLEEF_2(real_arctan2, atan2, u35)
FROM_SLEEF_1(real_sin, sin, u35)

/* Of |x|, because SLEEF's is not quite even. */
VEC_FN vf64 real_cos(vf64 x) {
    return SLEEF(cos, u35)(v_abs(x));
}
#endif

/* --------------------------------------------------------------------------------------------------- logarithms -- */

/* log(m) for m in [1/sqrt(2), sqrt(2)). */
VEC_FN vf64 short_log(vf64 m) {
    static const double c[] = {
        0x1.5555555555555p-1, 0x1.999999999999ap-2, 0x1.2492492492492p-2, 0x1.c71c71c71c71cp-3, 0x1.745d1745d1746p-3,
        0x1.3b13b13b13b14p-3, 0x1.1111111111111p-3, 0x1.e1e1e1e1e1e1ep-4,
    };
    vf64 f = m - 1, s = f / (2 + f), z = s * s;
    return v_muladd(s * z, polynomial(z, c, 8), 2 * s);
}

/* r where x is positive and finite, else what a logarithm is there. */
VEC_FN vf64 log_domain(vf64 x, vf64 r) {
    vf64 edge = v_select(x == 0, v_set1_f64(-INFINITY), v_select(x > 0, x, v_set1_f64(NAN)));
    return v_select((x > 0) & (x < INFINITY), r, edge);
}

#if NX_HAS_FMA
#define PARTS_log PARTS_1(log_is_usual, log_usual_f32, log_rare_f32)
FROM_PARTS_1(log)
#else
VEC_FN vf64 real_log(vf64 x) {
    vf64 e, m = split_exponent(x, &e);
    return log_domain(x, v_muladd(e, v_set1_f64(LN2), short_log(m)));
}
#endif

VEC_FN vf64 real_log2(vf64 x) {
    vf64 e, m = split_exponent(x, &e);
    return log_domain(x, v_muladd(short_log(m), v_set1_f64(LOG2_E), e));
}

VEC_FN vf64 real_log10(vf64 x) {
    return real_log(x) * LOG10_E;
}

/* What 1 + x loses in rounding is added to the logarithm of the sum. */
VEC_FN vf64 real_log1p(vf64 x) {
    vf64 u = 1 + x, e, m = split_exponent(u, &e);
    vf64 r = v_muladd(e, v_set1_f64(LN2), short_log(m)) + (x - (u - 1)) / u;
    return v_copysign(log_domain(u, r), x);
}

/* -------------------------------------------------------------------------------------------------- exponentials -- */

/* e^r - 1 for |r| <= log(2)/2. */
VEC_FN vf64 short_expm1(vf64 r) {
    static const double c[] = {
        0x1.0000000000000p-1, 0x1.5555555555555p-3, 0x1.5555555555555p-5, 0x1.1111111111111p-7,
        0x1.6c16c16c16c17p-10, 0x1.a01a01a01a01ap-13, 0x1.a01a01a01a01ap-16, 0x1.71de3a556c734p-19,
        0x1.27e4fb7789f5cp-22, 0x1.ae64567f544e4p-26,
    };
    return v_muladd(r * r, polynomial(r, c, 10), r);
}

/* e^r * 2^n for |n| <= 200. */
VEC_FN vf64 short_exp(vf64 r, vf64 n) {
    vf64 power = power_of_two(n);
    return v_muladd(short_expm1(r), power, power);
}

VEC_FN vf64 real_exp(vf64 x) {
#if NX_HAS_FMA
    return exp_f32(x);
#else
    x = clamp(x, 120);
    vf64 n = v_rint(x * LOG2_E);
    return short_exp(v_muladd(-n, v_set1_f64(LN2), x), n);
#endif
}

VEC_FN vf64 real_exp2(vf64 x) {
    x = clamp(x, 160);
    vf64 n = v_rint(x);
    return short_exp((x - n) * LN2, n);
}

VEC_FN vf64 real_exp10(vf64 x) {
    x = clamp(x, 50);
    vf64 n = v_rint(x * LOG2_10);
    vf64 r = v_muladd(-n, v_set1_f64(LOG10_2_HI), x) - n * LOG10_2_LO;
    return short_exp(r * LN10_HI, n);
}

/* 2^n * (e^r - 1) + (2^n - 1): the second part is exact or far larger than its error. */
VEC_FN vf64 real_expm1(vf64 x) {
    vf64 a = clamp(x, 120), n = v_rint(a * LOG2_E), power = power_of_two(n);
    vf64 r = v_muladd(-n, v_set1_f64(LN2), a);
    return v_copysign(v_muladd(short_expm1(r), power, power - 1), x);
}

VEC_FN vf64 real_power(vf64 x, vf64 y) {
    vf64 e, m = split_exponent(v_abs(x), &e);
    vf64 r = real_exp(y * v_muladd(e, v_set1_f64(LN2), short_log(m)));
    return power_fixed(x, y, r);
}

VEC_FN vf64 real_cbrt(vf64 x) {
    return v_copysign(real_exp(real_log(v_abs(x)) * (1.0 / 3)), x);
}

VEC_FN vf64 real_hypot(vf64 x, vf64 y) {
    vf64 r = v_sqrt(v_muladd(x, x, y * y));
    return v_select((v_abs(x) == INFINITY) | (v_abs(y) == INFINITY), v_set1_f64(INFINITY), r);
}

/* The larger one plus the logarithm of 1 + e^-|x - y|; NumPy's algorithm. */
VEC_FN vf64 real_logaddexp(vf64 x, vf64 y) {
    vf64 d = x - y, r = v_max(x, y) + real_log1p(real_exp(-v_abs(d)));
    return v_select(x == y, x + LN2, v_select(v_isnan(d), d, r));
}

VEC_FN vf64 real_logaddexp2(vf64 x, vf64 y) {
    vf64 d = x - y, r = v_max(x, y) + LOG2_E * real_log1p(real_exp2(-v_abs(d)));
    return v_select(x == y, x + 1, v_select(v_isnan(d), d, r));
}

/* ---------------------------------------------------------------------------------------------------- hyperbolic -- */

VEC_FN vf64 real_sinh(vf64 x) {
    vf64 e = real_expm1(v_abs(x));
    return v_copysign(0.5 * (e + e / (e + 1)), x);
}

VEC_FN vf64 real_cosh(vf64 x) {
    vf64 e = real_exp(v_abs(x));
    return 0.5 * (e + 1 / e);
}

VEC_FN vf64 real_tanh(vf64 x) {
    vf64 e = real_expm1(2 * v_abs(x));
    return v_copysign(e / (e + 2), x);
}

VEC_FN vf64 real_arcsinh(vf64 x) {
    vf64 a = v_abs(x), square = a * a;
    vf64 r = real_log1p(a + square / (1 + v_sqrt(1 + square)));
    return v_copysign(v_select(a < INFINITY, r, a), x);
}

VEC_FN vf64 real_arccosh(vf64 x) {
    vf64 t = x - 1;
    return v_select(x < 1, v_set1_f64(NAN), real_log1p(t + v_sqrt(t * (t + 2))));
}

VEC_FN vf64 real_arctanh(vf64 x) {
    vf64 a = v_abs(x);
    return v_copysign(0.5 * real_log1p(2 * a / (1 - a)), x);
}

/* -------------------------------------------------------------------------------------------------------- special -- */

/* erfc(x) for x >= 0: e^(-x*x) times a function of u = (x - 4)/(x + 4) that was interpolated at Chebyshev nodes. */
VEC_FN vf64 erfc_positive(vf64 x) {
    static const double c[] = {
        0x1.18932bf08e5a7p-3, -0x1.0949227374aedp-2, 0x1.bff01a5f407e8p-3, -0x1.506666f687610p-3,
        0x1.be502c54d93bbp-4, -0x1.027d57297744bp-4, 0x1.0066dcd0a490ap-5, -0x1.a4def1f9ecdffp-7,
        0x1.0a18dd4d2d52cp-8, -0x1.a2e37d6e6b261p-11, -0x1.6ebef1efeafcdp-16, 0x1.48389a5b9a4a1p-14,
        -0x1.8442189233cb9p-16, -0x1.173d8cd1025fap-20, 0x1.47f4ac7736885p-18, 0x1.02290e9f2d5e4p-20,
    };
    vf64 a = v_min(v_set1_f64(10.2), x), u = (a - 4) / (a + 4);
    return real_exp(-a * a) * polynomial(u, c, 16);
}

VEC_FN vf64 real_erfc(vf64 x) {
    vf64 r = erfc_positive(v_abs(x));
    return v_select(x < 0, 2 - r, r);
}

/* Taylor near 0. */
VEC_FN vf64 real_erf(vf64 x) {
    static const double c[] = {
        0x1.20dd750429b6dp+0, -0x1.812746b0379e7p-2, 0x1.ce2f21a042be2p-4, -0x1.b82ce31288b51p-6,
        0x1.565bcd0e6a53fp-8, -0x1.c02db40040b86p-11, 0x1.f9a326f9b89b7p-14, -0x1.f4d25c3e0c2ebp-17,
        0x1.b9e6c9dc651a3p-20, -0x1.5f742ec43e71ap-23, 0x1.fcc5720624c1cp-27, -0x1.51d7181c5d36dp-30,
    };
    vf64 a = v_abs(x), near = x * polynomial(x * x, c, 12);
    return v_select(a < 0.75, near, v_copysign(1 - erfc_positive(a), x));
}

/* Gamma is negative on (-1, 0), (-3, -2), ...; the zeros below have the sign too. */
VEC_FN vf64 real_gamma(vf64 x) {
    vf64 r = sleef_gamma(x), down = v_floor(x);
    vi64 negative = v_floor(down * 0.5) != down * 0.5;
    vf64 zero = v_select(negative, v_set1_f64(-0.0), v_set1_f64(0));
    return v_select((x < -60) & (down != x), zero, r);
}

#endif
