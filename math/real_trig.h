/* SPDX-License-Identifier: MIT */
/*
 * Sine, cosine and arctangents, for machines with FMA. For sine and cosine, |x| = n*pi/2 + r + low with |r| <= pi/4: pi/2
 * is a sum of three, of which n times the first leaves |x| without rounding and n times the second is exact, for n up to
 * 2^20. Larger |x| are rare and left to SLEEF, each lane for itself. Polynomials: tables/minimax.py.
 */
#ifndef NX_MATH_REAL_TRIG_H
#define NX_MATH_REAL_TRIG_H

#include "math/real_core.h"

#if NX_HAS_FMA

#define PI_2_HI 0x1.921fb54442d18p+0
#define PI_2_MID 0x1.1a62633100000p-54
#define PI_2_LO 0x1.1701b839a2520p-88
#define TWO_PI 0x1.45f306dc9c883p-1
#define TRIG_REACH 0x1.8p20

/* |x| less the nearest multiple of pi/2, and that multiple: modulo 4 in the lowest bits. */
typedef struct angle {
    vf64 r, low;
    vu64 quadrant;
} angle;

VEC_FN angle reduce_angle(vf64 a) {
    vf64 biased = v_muladd(a, v_set1_f64(TWO_PI), v_set1_f64(ROUND_MAGIC)), minus_n = ROUND_MAGIC - biased;
    vf64 whole = v_muladd(minus_n, v_set1_f64(PI_2_HI), a), r = v_muladd(minus_n, v_set1_f64(PI_2_MID), whole);
    vf64 low = v_muladd(minus_n, v_set1_f64(PI_2_LO), v_muladd(minus_n, v_set1_f64(PI_2_MID), whole - r));
    return (angle){r, low, (vu64)biased};
}

/*
 * The cosine of r + low in the lanes chosen, the sine in the others: z = r*r, and
 *
 *   sin = r + (r*z*S(z) + low*(1 - z/2))        cos = (1 - z/2) + (z*z*C(z) - lost/2), lost = (r + low)^2 - z
 *
 * One polynomial with chosen coefficients, where choosing is cheaper than another one.
 */
VEC_FN vf64 sine_or_cosine(angle x, vchoice is_cosine) {
    static const double s[] = {-0x1.5555555555549p-3, 0x1.111111110f8a4p-7, -0x1.a01a019c15b25p-13,
                               0x1.71de357aaa682p-19, -0x1.ae5e6839989c7p-26, 0x1.5d93848d5cd93p-33};
    static const double c[] = {0x1.555555555554cp-5, -0x1.6c16c16c1521dp-10, 0x1.a01a019cbf0b8p-16,
                               -0x1.27e4f812622b8p-22, 0x1.1ee9f10d545b4p-29, -0x1.8fb10804a0218p-37};
    vf64 r = x.r, low = x.low, z = r * r, half = 0.5 * z, near = 1 - half;
    vf64 lost = v_muladd(r, low + low, v_muladd(r, r, -z));
    vf64 sine_tail = v_muladd(-half, low, low);
    vf64 cosine_tail = v_muladd(lost, v_set1_f64(-0.5), (1 - near) - half);
#if NX_ISA_LEVEL == 2
    vf64 k[6];
    for (int i = 0; i < 6; i++) k[i] = v_choose(is_cosine, v_set1_f64(c[i]), v_set1_f64(s[i]));
    vf64 square = z * z, odd = v_muladd(v_muladd(k[5], square, k[3]), square, k[1]);
    vf64 p = v_muladd(odd, z, v_muladd(v_muladd(k[4], square, k[2]), square, k[0]));
#else
    vf64 square = z * z;
    vf64 p = v_choose(is_cosine, polynomial_two_chains(z, square, c, 6), polynomial_two_chains(z, square, s, 6));
#endif
    vf64 scale = z * v_choose(is_cosine, z, r), tail = v_choose(is_cosine, cosine_tail, sine_tail);
    return v_choose(is_cosine, near, r) + v_muladd(scale, p, tail);
}

/* The sign of the first or second half turn, in the sign bit. */
VEC_FN vf64 half_turn(vu64 quadrant) {
    return (vf64)((quadrant & 2) << 62);
}

VEC_FN bool trig_is_usual(vf64 x) {
    return v_all_below(v_abs(x), TRIG_REACH);
}

VEC_FN vf64 sin_usual(vf64 x) {
    angle a = reduce_angle(v_abs(x));
    return v_mulsign(v_mulsign(sine_or_cosine(a, v_choice_odd(a.quadrant)), half_turn(a.quadrant)), x);
}

VEC_FN vf64 cos_usual(vf64 x) {
    angle a = reduce_angle(v_abs(x));
    vu64 next = a.quadrant + 1;
    return v_mulsign(sine_or_cosine(a, v_choice_odd(next)), half_turn(next));
}

RARE_FN vf64 sin_rare(vf64 x) {
    return v_select(v_abs(x) < TRIG_REACH, sin_usual(x), SLEEF(sin, u10)(x));
}

RARE_FN vf64 cos_rare(vf64 x) {
    return v_select(v_abs(x) < TRIG_REACH, cos_usual(x), SLEEF(cos, u10)(v_abs(x)));
}

/* The same to 2^-36, for operands that were float32: none of them below 2^30 is nearer to a multiple of pi/2 than 2^-40. */
#define TRIG_REACH_F32 0x1p30

VEC_FN bool trig_is_usual_f32(vf64 x) {
    return v_all_below(v_abs(x), TRIG_REACH_F32);
}

VEC_FN vf64 sine_or_cosine_f32(vf64 r, vchoice is_cosine) {
    static const double s[] = {-0x1.5555554cb93b3p-3, 0x1.11110895c6dfbp-7, -0x1.a00f9d57fa27fp-13, 0x1.6cd84aa0358dap-19};
    static const double c[] = {0x1.5555554f4dcfbp-5, -0x1.6c16b8982ec02p-10, 0x1.a0111fb0d4d44p-16, -0x1.242abb205dbe0p-22};
    vf64 z = r * r, sine = v_muladd(r * z, polynomial_horner(z, s, 4), r);
    vf64 cosine = v_muladd(z, v_muladd(z, polynomial_horner(z, c, 4), v_set1_f64(-0.5)), v_set1_f64(1));
    return v_choose(is_cosine, cosine, sine);
}

VEC_FN vf64 reduce_angle_f32(vf64 a, vu64 *ret_quadrant) {
    vf64 biased = v_muladd(a, v_set1_f64(TWO_PI), v_set1_f64(ROUND_MAGIC)), minus_n = ROUND_MAGIC - biased;
    *ret_quadrant = (vu64)biased;
    return v_muladd(minus_n, v_set1_f64(0x1.1a62633145c07p-54), v_muladd(minus_n, v_set1_f64(PI_2_HI), a));
}

VEC_FN vf64 sin_usual_f32(vf64 x) {
    vu64 quadrant;
    vf64 r = reduce_angle_f32(v_abs(x), &quadrant);
    return v_mulsign(v_mulsign(sine_or_cosine_f32(r, v_choice_odd(quadrant)), half_turn(quadrant)), x);
}

VEC_FN vf64 cos_usual_f32(vf64 x) {
    vu64 quadrant;
    vf64 r = reduce_angle_f32(v_abs(x), &quadrant);
    return v_mulsign(sine_or_cosine_f32(r, v_choice_odd(quadrant + 1)), half_turn(quadrant + 1));
}

RARE_FN vf64 sin_rare_f32(vf64 x) {
    return v_select(v_abs(x) < TRIG_REACH_F32, sin_usual_f32(x), SLEEF(sin, u35)(x));
}

RARE_FN vf64 cos_rare_f32(vf64 x) {
    return v_select(v_abs(x) < TRIG_REACH_F32, cos_usual_f32(x), SLEEF(cos, u35)(v_abs(x)));
}

/* ---------------------------------------------------------------------------------------------------- arctangent -- */

/*
 * The angle of (x, y) is m*pi/4 + atan(q) or m*pi/4 - atan(q), |q| <= tan(pi/8): q is the smaller of |x|, |y| over the
 * larger, or, if that is more, their difference over their sum.
 */
typedef struct octant {
    pair numerator, denominator;
    vf64 m;
    vi64 minus; /* the sign bit of lanes with m*pi/4 - atan(q), and others */
} octant;

VEC_FN octant find_octant(vf64 y, vf64 x) {
    vf64 ax = v_abs(x), ay = v_abs(y), low = v_min(ax, ay), high = v_max(ax, ay);
    vi64 steep = ay > ax, left = v_signbit(x), beyond = low > high * 0.41421356237309503;
    pair sum = add_ordered(high, low), difference = add_ordered(-high, low);
    vf64 zero = v_set1_f64(0), m = v_select(beyond, v_set1_f64(1), zero);
    m = v_select(steep, 2 - m, m);
    return (octant){
        .numerator = {v_select(beyond, difference.hi, low), v_select(beyond, difference.lo, zero)},
        .denominator = {v_select(beyond, sum.hi, high), v_select(beyond, sum.lo, zero)},
        .m = v_select(left, 4 - m, m),
        .minus = steep ^ left,
    };
}

/* PI_4_HI times an integer up to 4 is exact. */
#define PI_4_HI 0x1.921fb54442d18p-1
#define PI_4_LO 0x1.1a62633145c07p-55

VEC_FN vf64 arctan2_usual(vf64 y, vf64 x) {
    static const double c[] = {
        -0x1.555555555553dp-2, 0x1.999999999589cp-3, -0x1.24924922af53fp-3, 0x1.c71c70e712baap-4, -0x1.745cf901b1114p-4,
        0x1.3b111c6567280p-4, -0x1.10ebe737aa3b5p-4, 0x1.df12982347fe2p-5, -0x1.9ce4c0eadbd98p-5, 0x1.380bde165b961p-5,
        -0x1.25f40abc9b807p-6,
    };
    octant o = find_octant(y, x);
    vf64 inverse = 1 / o.denominator.hi, q = o.numerator.hi * inverse, z = q * q;
    vf64 left = v_muladd(-q, o.denominator.hi, o.numerator.hi) + v_muladd(-q, o.denominator.lo, o.numerator.lo);
    vf64 low = left * inverse, rest = v_muladd(q * z, polynomial_two_chains(z, z * z, c, 11), v_muladd(-z, low, low));
    pair sum = add_ordered(o.m * PI_4_HI, v_mulsign(q, (vf64)o.minus));
    return v_copysign(sum.hi + (sum.lo + v_muladd(o.m, v_set1_f64(PI_4_LO), v_mulsign(rest, (vf64)o.minus))), y);
}

/* Operands for which nothing over- or underflows on the way: 0 is one, if the other is not. */
VEC_FN vf64 arctan2_least(vf64 y, vf64 x) {
    vf64 ax = v_abs(x), ay = v_abs(y), low = v_min(ax, ay);
    return v_select(low == 0, v_max(ax, ay), low);
}

VEC_FN bool arctan2_is_usual(vf64 y, vf64 x) {
    int below = v_all_below(v_abs(x) + v_abs(y), 0x1p500), above = v_all_below(-arctan2_least(y, x), -0x1p-500);
    return below & above; /* one branch */
}

VEC_FN vi64 arctan2_usual_lanes(vf64 y, vf64 x) {
    return (v_abs(x) + v_abs(y) < 0x1p500) & (arctan2_least(y, x) > 0x1p-500);
}

RARE_FN vf64 arctan2_rare(vf64 y, vf64 x) {
    return v_select(arctan2_usual_lanes(y, x), arctan2_usual(y, x), SLEEF(atan2, u10)(y, x));
}

VEC_FN vf64 arctan2_usual_f32(vf64 y, vf64 x) {
    static const double c[] = {
        -0x1.5555554efd7e7p-2, 0x1.9999921685e6fp-3, -0x1.2490c6de615c0p-3, 0x1.c6d26fe28ffc3p-4,
        -0x1.7087388ce7c94p-4, 0x1.1e6fa39b3e744p-4, -0x1.36ee6003eb9c6p-5,
    };
    octant o = find_octant(y, x);
    vf64 q = o.numerator.hi / o.denominator.hi, z = q * q;
    vf64 turn = v_muladd(q * z, polynomial_two_chains(z, z * z, c, 7), q);
    return v_copysign(v_muladd(o.m, v_set1_f64(PI_4_HI + PI_4_LO), v_mulsign(turn, (vf64)o.minus)), y);
}

RARE_FN vf64 arctan2_rare_f32(vf64 y, vf64 x) {
    return v_select(arctan2_usual_lanes(y, x), arctan2_usual_f32(y, x), SLEEF(atan2, u35)(y, x));
}

/* The angle of (1, x) has no small denominator. */
VEC_FN bool arctan_is_usual(vf64 x) {
    return v_all_below(v_abs(x), 0x1p500);
}

VEC_FN vf64 arctan_usual(vf64 x) {
    return arctan2_usual(x, v_set1_f64(1));
}

RARE_FN vf64 arctan_rare(vf64 x) {
    return v_select(v_abs(x) < 0x1p500, arctan_usual(x), SLEEF(atan, u10)(x));
}

VEC_FN vf64 arctan_usual_f32(vf64 x) {
    return arctan2_usual_f32(x, v_set1_f64(1));
}

RARE_FN vf64 arctan_rare_f32(vf64 x) {
    return v_select(v_abs(x) < 0x1p500, arctan_usual_f32(x), SLEEF(atan, u35)(x));
}

#endif
#endif
