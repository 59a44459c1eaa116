/* SPDX-License-Identifier: MIT */
/*
 * The ops in float64, within the bounds of ops.def. Where SLEEF is within them it is taken as it is; the comment over each
 * repair says what is wrong. Repairs of rare values stand behind a test for any such lane and leave the other lanes alone.
 */
#ifndef NX_MATH_REAL_F64_H
#define NX_MATH_REAL_F64_H

#include "math/real_exp.h"
#include "math/real_log.h"
#include "math/real_trig.h"

#define FROM_SLEEF_1(id, name, accuracy) \
    VEC_FN vf64 id(vf64 x) { return SLEEF(name, accuracy)(x); }
#define FROM_SLEEF_2(id, name, accuracy) \
    VEC_FN vf64 id(vf64 x, vf64 y) { return SLEEF(name, accuracy)(x, y); }

FROM_SLEEF_1(real_cbrt, cbrt, u10)
FROM_SLEEF_2(real_hypot, hypot, u05)
FROM_SLEEF_1(real_exp2, exp2, u10)
FROM_SLEEF_1(real_expm1, expm1, u10)
FROM_SLEEF_1(real_log2, log2, u10)
FROM_SLEEF_1(real_log10, log10, u10)
FROM_SLEEF_1(real_arcsin, asin, u10)
FROM_SLEEF_1(real_arccos, acos, u10)
FROM_SLEEF_1(real_erf, erf, u10)
FROM_SLEEF_1(real_erfc, erfc, u15)

FROM_SLEEF_1(sleef_log1p, log1p, u10)
FROM_SLEEF_1(sleef_tan, tan, u10)
FROM_SLEEF_1(sleef_sinh, sinh, u10)
FROM_SLEEF_1(sleef_cosh, cosh, u10)
FROM_SLEEF_1(sleef_arcsinh, asinh, u10)
FROM_SLEEF_1(sleef_arccosh, acosh, u10)
FROM_SLEEF_1(sleef_arctanh, atanh, u10)
FROM_SLEEF_1(sleef_gamma, tgamma, u10)
FROM_SLEEF_1(sleef_lgamma, lgamma, u10)

#if NX_HAS_FMA
#define PARTS_exp PARTS_1(exp_is_usual, exp_usual, exp_rare)
FROM_PARTS_1(exp)
#define PARTS_log PARTS_1(log_is_usual, log_usual, log_rare)
FROM_PARTS_1(log)
#define PARTS_sin PARTS_1(trig_is_usual, sin_usual, sin_rare)
FROM_PARTS_1(sin)
#define PARTS_cos PARTS_1(trig_is_usual, cos_usual, cos_rare)
FROM_PARTS_1(cos)
#define PARTS_arctan PARTS_1(arctan_is_usual, arctan_usual, arctan_rare)
FROM_PARTS_1(arctan)
#define PARTS_arctan2 PARTS_2(arctan2_is_usual, arctan2_usual, arctan2_rare)
FROM_PARTS_2(arctan2)
#else
FROM_SLEEF_1(real_arctan, atan, u10)
FROM_SLEEF_2(real_arctan2, atan2, u10)
FROM_SLEEF_1(real_log, log, u10)
FROM_SLEEF_1(real_sin, sin, u10)

/* SLEEF's overflows before 709.7827. */
VEC_FN vf64 real_exp(vf64 x) {
    return exp_scaled(x, v_set1_f64(0), 0);
}

/* Of |x|, because SLEEF's is not quite even. */
VEC_FN vf64 real_cos(vf64 x) {
    return SLEEF(cos, u10)(v_abs(x));
}
#endif

/* Where x is so small that an odd function with slope 1 is x to the last bit. */
VEC_FN vf64 identity_near_zero(vf64 x, vf64 r) {
    return v_select(v_abs(x) < 0x1p-27, x, r);
}

/* 10^k as the compiler rounds it. */
static __attribute__((noinline)) vf64 exp10_integers(vf64 x, vf64 r, vi64 integer) {
#define DECADE(p, d) p##d##0, p##d##1, p##d##2, p##d##3, p##d##4, p##d##5, p##d##6, p##d##7, p##d##8, p##d##9
#define DECADES(p, d) DECADE(p, d##0), DECADE(p, d##1), DECADE(p, d##2), DECADE(p, d##3), DECADE(p, d##4), \
                      DECADE(p, d##5), DECADE(p, d##6), DECADE(p, d##7), DECADE(p, d##8), DECADE(p, d##9)
    static const double up[] = {DECADES(1e, ), DECADES(1e, 1), DECADES(1e, 2),
                                1e300, 1e301, 1e302, 1e303, 1e304, 1e305, 1e306, 1e307, 1e308};
    static const double down[] = {DECADES(1e-, ), DECADES(1e-, 1), DECADES(1e-, 2), DECADE(1e-, 30), DECADE(1e-, 31),
                                  1e-320, 1e-321, 1e-322, 1e-323};
#undef DECADES
#undef DECADE
    for (int i = 0; i < WIDTH_F64; i++) {
        if (integer[i] && x[i] <= 308 && x[i] >= -323) r[i] = x[i] < 0 ? down[(int)-x[i]] : up[(int)x[i]];
    }
    return r;
}

VEC_FN vf64 real_exp10(vf64 x) {
    vf64 a = clamp(x, 400), n = v_rint(a * LOG2_10), ln10 = v_set1_f64(LN10_HI);
    pair r = add_ordered(v_muladd(-n, v_set1_f64(LOG10_2_HI), a), -n * LOG10_2_LO);
    pair scaled = mul_exact(r.hi, ln10);
    vf64 result = exp_reduced(scaled.hi, scaled.lo + (r.lo * LN10_HI + r.hi * LN10_LO), n);
    vi64 integer = (v_rint(x) == x) & (v_abs(x) < 400);
    return __builtin_expect(v_any(integer), 0) ? exp10_integers(x, result, integer) : result;
}

/* SLEEF's overflows before 1.8e308. */
VEC_FN vf64 real_log1p(vf64 x) {
    vf64 r = sleef_log1p(x);
    vi64 huge = x > 0x1p60;
    r = v_select(v_abs(x) < 0x1p-54, x, r);
    return __builtin_expect(v_any(huge), 0) ? v_select(huge, real_log(x), r) : r;
}

/* Powers are e^(y * log(x)) beyond float64; SLEEF's pow overflows early. From 2^100 on all y do the same to x != 1. */

/* e^(y*l) for finite y. */
VEC_FN vf64 exp_of_product(vf64 y, pair l) {
    pair product = mul_exact(y, l.hi);
    vf64 tail = clamp(v_muladd(y, l.lo, product.lo), 1); /* less than 1 unless the result is 0 or infinite */
#if NX_HAS_FMA
    return exp_of_sum(product.hi, tail);
#else
    return exp_scaled(product.hi, tail, 0);
#endif
}

#if NX_HAS_FMA
VEC_FN bool power_is_usual(vf64 x, vf64 y) {
    int usual_x = v_all_positive_normal(x), usual_y = v_all_below(v_abs(y), 0x1p100), special = v_any((y == 1) | (y == 2));
    return usual_x & usual_y & !special; /* one branch */
}

VEC_FN vf64 power_usual(vf64 x, vf64 y) {
    vf64 e, m = split_normal(x, &e);
    return exp_of_product(y, log_pair_of_parts(m, e));
}

RARE_FN vf64 power_rare(vf64 x, vf64 y) {
    return power_fixed(x, y, exp_of_product(clamp(y, 0x1p100), log_pair(v_abs(x))));
}

#define PARTS_power PARTS_2(power_is_usual, power_usual, power_rare)
FROM_PARTS_2(power)
#else
VEC_FN vf64 real_power(vf64 x, vf64 y) {
    return power_fixed(x, y, exp_of_product(clamp(y, 0x1p100), log_pair(v_abs(x))));
}
#endif

VEC_FN vf64 real_tan(vf64 x) {
    return identity_near_zero(x, sleef_tan(x));
}

VEC_FN vf64 real_tanh(vf64 x) {
#if NX_HAS_FMA
    return tanh_by_expm1(x);
#else
    return identity_near_zero(x, SLEEF(tanh, u10)(x));
#endif
}

VEC_FN vf64 real_arctanh(vf64 x) {
    return identity_near_zero(x, sleef_arctanh(x));
}

/* e^|x| / 2, which is sinh and cosh where it is large; SLEEF's overflow at 709.78. */
VEC_FN vf64 half_exp(vf64 x) {
    return exp_scaled(v_abs(x), v_set1_f64(0), -1);
}

VEC_FN vf64 real_sinh(vf64 x) {
    vf64 r = identity_near_zero(x, sleef_sinh(x));
    vi64 huge = v_abs(x) > 700;
    return __builtin_expect(v_any(huge), 0) ? v_select(huge, v_copysign(half_exp(x), x), r) : r;
}

VEC_FN vf64 real_cosh(vf64 x) {
    vf64 r = sleef_cosh(x);
    vi64 huge = v_abs(x) > 700;
    return __builtin_expect(v_any(huge), 0) ? v_select(huge, half_exp(x), r) : r;
}

/* log(2x), which is arcsinh and arccosh where x*x is infinite; SLEEF's are infinite there. */
static __attribute__((noinline)) vf64 log_of_double(vf64 x) {
    pair l = log_pair(v_select(x < INFINITY, x, v_set1_f64(1)));
    pair sum = add_ordered(l.hi, v_set1_f64(LN2));
    return v_select(x < INFINITY, sum.hi + (sum.lo + l.lo), x);
}

/* Of |x|, because SLEEF's without FMA is not quite odd. */
VEC_FN vf64 real_arcsinh(vf64 x) {
    vf64 a = v_abs(x), r = identity_near_zero(a, sleef_arcsinh(a));
    vi64 huge = a > 0x1p500;
    return v_copysign(__builtin_expect(v_any(huge), 0) ? v_select(huge, log_of_double(a), r) : r, x);
}

VEC_FN vf64 real_arccosh(vf64 x) {
    vf64 r = sleef_arccosh(x);
    vi64 huge = x > 0x1p500;
    return __builtin_expect(v_any(huge), 0) ? v_select(huge, log_of_double(x), r) : r;
}

/* sin(pi*f) for |f| <= 1/2 by Taylor: of the sine below 1/4, above it of the cosine of what is left. */
VEC_FN pair sin_pi(vf64 f) {
    static const double sine[] = {-0x1.5555555555555p-3, 0x1.1111111111111p-7, -0x1.a01a01a01a01ap-13, 0x1.71de3a556c734p-19,
                                  -0x1.ae64567f544e4p-26, 0x1.6124613a86d09p-33, -0x1.ae7f3e733b81fp-41,
                                  0x1.952c77030ad4ap-49};
    static const double cosine[] = {0x1.5555555555555p-5, -0x1.6c16c16c16c17p-10, 0x1.a01a01a01a01ap-16,
                                    -0x1.27e4fb7789f5cp-22, 0x1.1eed8eff8d898p-29, -0x1.93974a8c07c9dp-37,
                                    0x1.ae7f3e733b81fp-45, -0x1.6827863b97d97p-53};
    const pair pi = {v_set1_f64(0x1.921fb54442d18p+1), v_set1_f64(0x1.1a62633145c07p-53)};
    vi64 is_sine = v_abs(f) < 0.25;
    pair y = mul_pairs(pi, (pair){v_select(is_sine, f, 0.5 - v_abs(f)), v_set1_f64(0)}), z = mul_pairs(y, y);
    pair s = add_ordered(y.hi, y.lo + y.hi * z.hi * polynomial(z.hi, sine, 8));
    pair c = add_ordered(v_set1_f64(1), -0.5 * z.hi);
    c = add_ordered(c.hi, c.lo - 0.5 * z.lo + z.hi * z.hi * polynomial(z.hi, cosine, 8));
    return (pair){v_select(is_sine, s.hi, v_copysign(c.hi, f)), v_select(is_sine, s.lo, v_mulsign(c.lo, f))};
}

/* log(gamma(z)) for z > 150: Stirling's series. */
VEC_FN pair stirling(vf64 z) {
    const pair half_log_2_pi = {v_set1_f64(0x1.d67f1c864beb5p-1), v_set1_f64(-0x1.65b5a1b7ff5dfp-55)};
    pair l = log_pair(z), product = mul_pairs((pair){z - 0.5, v_set1_f64(0)}, l);
    vf64 u = 1 / z, rest = u * (0x1.5555555555555p-4 - u * u * (0x1.6c16c16c16c17p-9 - u * u * 0x1.a01a01a01a01ap-11));
    pair sum = add_pairs(product, (pair){-z, v_set1_f64(0)});
    return add_pairs(sum, add_pairs(half_log_2_pi, (pair){rest, v_set1_f64(0)}));
}

/* |gamma(x)| = pi / (sin(pi*x) * gamma(1 - x)) for x in [-200, -160], where gamma(1 - x) is huge. */
static __attribute__((noinline)) vf64 gamma_reflected(vf64 x) {
    pair l = stirling(1 - x);
    vf64 n = v_rint(l.hi * -LOG2_E);
    pair r = add_ordered(v_muladd(-n, v_set1_f64(LN2_HI), -l.hi), v_muladd(-n, v_set1_f64(LN2_LO), -l.lo));
    pair e = add_ordered(v_set1_f64(1), r.hi), s = sin_pi(x - v_rint(x));
    e = add_ordered(e.hi, e.lo + (r.hi * r.hi * exp_rest(r.hi) + r.lo * e.hi));
    e = mul_pairs(e, (pair){v_set1_f64(0x1.921fb54442d18p+1), v_set1_f64(0x1.1a62633145c07p-53)});
    vf64 q = e.hi / s.hi;
    pair p = mul_exact(q, s.hi);
    q += (((e.hi - p.hi) - p.lo) + (e.lo - q * s.lo)) / s.hi;
    return scale(v_abs(q), n);
}

/* SLEEF's is wrong near poles below -171, and its zeros have lost their sign: negative on (-1, 0), (-3, -2), ... */
VEC_FN vf64 real_gamma(vf64 x) {
    vf64 r = sleef_gamma(x);
    vi64 low = (x < -160) & (v_rint(x) != x);
    if (__builtin_expect(!v_any(low), 1)) return r;
    vf64 down = v_floor(x), g = gamma_reflected(v_max(v_select(low, x, v_set1_f64(-170.5)), v_set1_f64(-200)));
    g = v_select(x < -199, v_set1_f64(0), g);
    return v_select(low, v_select(v_floor(down * 0.5) != down * 0.5, -g, g), r);
}

/* x * (log(x) - 1): all that is left of Stirling's series. SLEEF's is infinite from 2.5e305. */
static __attribute__((noinline)) vf64 lgamma_huge(vf64 x) {
    pair l = log_pair(v_select(x < INFINITY, x, v_set1_f64(0x1p1000)));
    l = add_ordered(l.hi - 1, ((l.hi - (l.hi - 1)) - 1) + l.lo);
    pair product = mul_exact(x * 0x1p-100, l.hi);
    vf64 r = product.hi + (product.lo + x * 0x1p-100 * l.lo);
    return v_select(x < INFINITY, r * 0x1p100, x);
}

VEC_FN vf64 real_lgamma(vf64 x) {
    vf64 r = sleef_lgamma(x);
    vi64 huge = x > 0x1p900;
    return __builtin_expect(v_any(huge), 0) ? v_select(huge, lgamma_huge(x), r) : r;
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

#endif
