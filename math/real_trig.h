/* SPDX-License-Identifier: MIT */
/*
 * Sine and cosine, for machines with FMA. |x| = n*pi/2 + r + low with |r| <= pi/4: pi/2 is a sum of three, of which n times
 * the first leaves |x| without rounding and n times the second is exact, for n up to 2^20. Larger |x| are rare and left to
 * SLEEF, each lane for itself. Polynomials: tables/minimax.py.
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

#endif
#endif
