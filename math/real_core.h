/* SPDX-License-Identifier: MIT */
/*
 * exp and log beyond float64: the core of what SLEEF lacks near the edges (real_f64.h). Numbers are sums hi + lo of two
 * float64 where a relative error of 2^-65 is needed. x is reduced to r with |r| <= log(2)/2, or to m in
 * [1/sqrt(2), sqrt(2)), and a Taylor polynomial follows.
 */
#ifndef NX_MATH_REAL_CORE_H
#define NX_MATH_REAL_CORE_H

/*
 * A function of ours has two parts: f_usual, for vectors of which f_is_usual is true, is branchless and never gives NaN;
 * f_rare takes any vector, and gives a lane of usual value the bits that f_usual gives it. PARTS_<op> names the parts;
 * FROM_PARTS makes real_<op> of them, and real_tmpl.c a loop without calls, so that the constants stay in registers.
 */
#define RARE_FN static __attribute__((noinline, unused))
#define PARTS_1(is_usual, usual, rare) (__builtin_expect(is_usual(x), 1) ? usual(x) : rare(x))
#define PARTS_2(is_usual, usual, rare) (__builtin_expect(is_usual(x, y), 1) ? usual(x, y) : rare(x, y))
#define FROM_PARTS_1(op) \
    VEC_FN vf64 real_##op(vf64 x) { return PARTS_##op; }
#define FROM_PARTS_2(op) \
    VEC_FN vf64 real_##op(vf64 x, vf64 y) { return PARTS_##op; }

typedef struct pair {
    vf64 hi, lo;
} pair;

/* Products of these HI with integers up to 2^20 are exact. */
#define LN2_HI 0x1.62e42fee00000p-1
#define LN2_LO 0x1.a39ef35793c76p-33
#define LN2 0x1.62e42fefa39efp-1
#define LOG10_E 0x1.bcb7b1526e50ep-2
#define LOG10_2_HI 0x1.3441350800000p-2
#define LOG10_2_LO 0x1.f79fef311f12bp-34
/* x + this, rounded, has the nearest integer in its lowest bits, for |x| < 2^51. */
#define ROUND_MAGIC 0x1.8p52
#define LOG2_E 0x1.71547652b82fep+0
#define LOG2_10 0x1.a934f0979a371p+1
#define LN10_HI 0x1.26bb1bbb55516p+1
#define LN10_LO -0x1.f48ad494ea3e9p-53

/* c[0] + c[1]*x + ...: Estrin's scheme for short dependency chains; unrolled, because count is constant. */
VEC_FN vf64 polynomial(vf64 x, const double *c, int count) {
    vf64 term[16], power = x;
    for (int i = 0; i < count; i++) term[i] = v_set1_f64(c[i]);
    for (int n = count; n > 1; n = (n + 1) / 2, power *= power) {
        for (int i = 0; i < n / 2; i++) term[i] = v_muladd(term[2 * i + 1], power, term[2 * i]);
        if (n % 2) term[n / 2] = term[n - 1];
    }
    return term[0];
}

/* The same by Horner's scheme for even and odd powers apart: fewer multiplications where the square is needed anyway. */
VEC_FN vf64 polynomial_two_chains(vf64 x, vf64 square, const double *c, int count) {
    vf64 even = v_set1_f64(c[(count - 1) & ~1]), odd = v_set1_f64(c[(count - 2) | 1]);
    for (int i = ((count - 1) & ~1) - 2; i >= 0; i -= 2) even = v_muladd(even, square, v_set1_f64(c[i]));
    for (int i = ((count - 2) | 1) - 2; i >= 0; i -= 2) odd = v_muladd(odd, square, v_set1_f64(c[i]));
    return v_muladd(odd, x, even);
}

VEC_FN vf64 polynomial_horner(vf64 x, const double *c, int count) {
    vf64 r = v_set1_f64(c[count - 1]);
    for (int i = count - 2; i >= 0; i--) r = v_muladd(r, x, v_set1_f64(c[i]));
    return r;
}

VEC_FN pair add_exact(vf64 a, vf64 b) {
    vf64 sum = a + b, part = sum - a;
    return (pair){sum, (a - (sum - part)) + (b - part)};
}

/* For |a| >= |b|, or a = 0. */
VEC_FN pair add_ordered(vf64 a, vf64 b) {
    vf64 sum = a + b;
    return (pair){sum, b - (sum - a)};
}

VEC_FN pair mul_exact(vf64 a, vf64 b) {
    vf64 product = a * b;
    return (pair){product, v_mul_error(a, b, product)};
}

/* The parts of the result may overlap by a few bits. */
VEC_FN pair mul_pairs(pair a, pair b) {
    pair p = mul_exact(a.hi, b.hi);
    return (pair){p.hi, v_muladd(a.hi, b.lo, v_muladd(a.lo, b.hi, p.lo))};
}

/* For |a| >= |b|. */
VEC_FN pair add_pairs(pair a, pair b) {
    pair s = add_ordered(a.hi, b.hi);
    return add_ordered(s.hi, s.lo + (a.lo + b.lo));
}

/* 2^n for integers n in [-1022, 1023]: n + 1023 becomes the exponent. */
VEC_FN vf64 power_of_two(vf64 n) {
    return (vf64)((vu64)(n + (0x1p52 + 1023)) << 52);
}

/* y * 2^n for |n| <= 2000 and y near 1, rounded once more if the result is subnormal. */
VEC_FN vf64 scale(vf64 y, vf64 n) {
#if NX_ISA_LEVEL == 2
    return _mm512_scalef_pd(y, n);
#endif
    vf64 half = v_rint(n * 0.5);
    return y * power_of_two(half) * power_of_two(n - half);
}

/* e^r - 1 - r over r^2, for |r| <= log(2)/2. */
VEC_FN vf64 exp_rest(vf64 r) {
    static const double c[] = {
        0x1.0000000000000p-1, 0x1.5555555555555p-3, 0x1.5555555555555p-5, 0x1.1111111111111p-7, 0x1.6c16c16c16c17p-10,
        0x1.a01a01a01a01ap-13, 0x1.a01a01a01a01ap-16, 0x1.71de3a556c734p-19, 0x1.27e4fb7789f5cp-22, 0x1.ae64567f544e4p-26,
        0x1.1eed8eff8d898p-29, 0x1.6124613a86d09p-33,
    };
    return polynomial(r, c, 12);
}

/* e^(r + tail) * 2^n, tail small beside |r| <= log(2)/2. */
VEC_FN vf64 exp_reduced(vf64 r, vf64 tail, vf64 n) {
    pair arg = add_ordered(r, tail), sum = add_ordered(v_set1_f64(1), arg.hi);
    vf64 rest = arg.hi * arg.hi * exp_rest(arg.hi);
    return scale(sum.hi + (sum.lo + (rest + arg.lo * sum.hi)), n);
}

/* NaN stays. */
VEC_FN vf64 clamp(vf64 x, double limit) {
    return v_max(v_set1_f64(-limit), v_min(v_set1_f64(limit), x));
}

/* e^(x + tail) * 2^k; overflows and underflows as it should. */
VEC_FN vf64 exp_scaled(vf64 x, vf64 tail, double k) {
    x = clamp(x, 800);
    vf64 n = v_rint(x * LOG2_E);
    return exp_reduced(v_muladd(-n, v_set1_f64(LN2_HI), x), v_muladd(-n, v_set1_f64(LN2_LO), tail), n + k);
}

/* x = m * 2^e for positive finite x. */
VEC_FN vf64 split_exponent(vf64 x, vf64 *ret_e) {
    const uint64_t root = 0x3fe6a09e667f3bcd; /* of 1/2 */
    vi64 subnormal = x < 0x1p-1022;
    vu64 bits = (vu64)v_select(subnormal, x * 0x1p54, x), field = (bits + (0x3ff0000000000000 - root)) >> 52;
    vf64 bias = v_select(subnormal, v_set1_f64(0x1p52 + 1023 + 54), v_set1_f64(0x1p52 + 1023));
    *ret_e = (vf64)(field + 0x4330000000000000) - bias;
    return (vf64)(bits - ((field - 1023) << 52));
}

/* log(m) for m in [1/sqrt(2), sqrt(2)): 2*atanh(s), s = (m - 1)/(m + 1). */
VEC_FN pair log_reduced(vf64 m) {
    static const double c[] = {
        0x1.999999999999ap-2, 0x1.2492492492492p-2, 0x1.c71c71c71c71cp-3, 0x1.745d1745d1746p-3, 0x1.3b13b13b13b14p-3,
        0x1.1111111111111p-3, 0x1.e1e1e1e1e1e1ep-4, 0x1.af286bca1af28p-4, 0x1.8618618618618p-4, 0x1.642c8590b2164p-4,
        0x1.47ae147ae147bp-4,
    };
    vf64 f = m - 1;
    pair d = add_ordered(v_set1_f64(2), f), s;
    vf64 inverse = 1 / d.hi;
    s.hi = f * inverse;
    pair p = mul_exact(s.hi, d.hi);
    s.lo = (((f - p.hi) - p.lo) - s.hi * d.lo) * inverse;
    pair z = mul_pairs(s, s), q = add_ordered(v_set1_f64(0x1.5555555555555p-1), z.hi * polynomial(z.hi, c, 11));
    q.lo += v_muladd(z.lo, v_set1_f64(c[0]), v_set1_f64(0x1.5555555555555p-55));
    pair rest = mul_pairs(mul_pairs(z, s), q), sum = add_ordered(2 * s.hi, rest.hi);
    return (pair){sum.hi, sum.lo + v_muladd(s.lo, v_set1_f64(2), rest.lo)};
}

/* log(m) + e*log(2) for m in [1/sqrt(2), sqrt(2)). */
VEC_FN pair log_pair_of_parts(vf64 m, vf64 e) {
    pair l = log_reduced(m);
    pair sum = add_exact(e * LN2_HI, l.hi);
    return add_ordered(sum.hi, sum.lo + v_muladd(e, v_set1_f64(LN2_LO), l.lo));
}

/* log(x) for positive finite x. */
VEC_FN pair log_pair(vf64 x) {
    vf64 e, m = split_exponent(x, &e);
    return log_pair_of_parts(m, e);
}

/* x**y for the operands where it is no exponential of y * log|x|: the special values of C99, and what is known exactly. */
static __attribute__((noinline)) vf64 power_special(vf64 x, vf64 y, vf64 r) {
    const vf64 zero = v_set1_f64(0), one = v_set1_f64(1), inf = v_set1_f64(INFINITY), nan = v_set1_f64(NAN);
    vf64 a = v_abs(x);
    vi64 integer = v_rint(y) == y, odd = integer & (v_rint(y * 0.5) != y * 0.5);
    r = v_select((a == 0) | (a == inf), v_select((a == 0) == (y < 0), inf, zero), r);
    r = v_select(a == 1, one, r);
    r = v_select((x < 0) & (a < inf) & ~integer, nan, r);
    r = v_select(odd, v_mulsign(r, x), r);
    r = v_select(v_isnan(x), x, v_select(v_isnan(y), y, r));
    r = v_select(y == 1, x, r);
    r = v_select(y == 2, x * x, r);
    return v_select((y == 0) | (x == 1), one, r);
}

VEC_FN vf64 power_fixed(vf64 x, vf64 y, vf64 r) {
    vi64 common = (x > 0) & (x < INFINITY) & (v_abs(y) < INFINITY) & (y != 1) & (y != 2);
    return __builtin_expect(v_any(~common), 0) ? v_select(common, r, power_special(x, y, r)) : r;
}

#endif
