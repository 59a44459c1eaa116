/* SPDX-License-Identifier: MIT */
/*
 * The logarithm of a complex number to about 100 bits of its modulus, for powers: their relative error is the absolute error
 * of exponent * log z, which may be large.
 *
 * log|z| = (k log 2 + log(1 + d)) / 2 with 1/sqrt 2 < 1 + d < sqrt 2, and d exact where |z| is near 1. log(1 + d) and the
 * angle are each a table's value at a fraction c = j/64 and an odd series in a quotient r of at most 1/128:
 *   log(q) = log c + 2 artanh((q - c) / (q + c)),  atan(b/a) = atan c + atan((b - ca) / (a + cb))
 */
#ifndef NX_MATH_COMPLEX_LOG_DD_H
#define NX_MATH_COMPLEX_LOG_DD_H

#include "math/complex_angle.h"
#include "math/complex_dd.h"
#include "math/complex_sqrt.h"
#include "math/complex_tables.h"

/* Integers as float64 and back, from -2^51 to 2^51: the low bits of 1.5 * 2^52 + j. */
#define INTEGER_MAGIC 0x1.8p52
#define INTEGER_BITS 0x4338000000000000
#define EXPONENT_BIAS 1023

VEC_FN M integer_of(V j) {
    return (M)(j + INTEGER_MAGIC) - INTEGER_BITS;
}

VEC_FN V integer_as(M j) {
    return (V)(j + INTEGER_BITS) - INTEGER_MAGIC;
}

/* 2^k for -1022 <= k <= 1023. */
VEC_FN V power_of_2(M k) {
    return (V)((k + EXPONENT_BIAS) << 52);
}

/* Row j of a table. */
VEC_FN dd table_row(const double (*table)[2], V j) {
    M row = integer_of(j);
    double h[WIDTH], l[WIDTH];
    for (int k = 0; k < WIDTH; k++) {
        h[k] = table[row[k]][0];
        l[k] = table[row[k]][1];
    }
    return (dd){v_load(h), v_load(l)};
}

/* r (1 + z/3 + z^2/5 + z^3/7 + ...) with z = r^2 for artanh, -r^2 for atan; |r| <= 1/128, so z^8 does not count. */
VEC_FN dd odd_series(dd r, double sign) {
    dd z = dd_mul(r, r);
    z = sign < 0 ? dd_negative(z) : z;
    V tail = 1 / 9.0 + z.h * (1 / 11.0 + z.h * (1 / 13.0 + z.h * (1 / 15.0)));
    dd t = dd_add1(dd_set1(0x1.2492492492492p-3, 0x1.2492492492492p-57), z.h * tail);
    t = dd_add_ordered(dd_set1(0x1.999999999999ap-3, -0x1.999999999999ap-57), dd_mul(z, t));
    t = dd_add_ordered(dd_set1(0x1.5555555555555p-2, 0x1.5555555555555p-56), dd_mul(z, t));
    return dd_add_ordered(r, dd_mul(r, dd_mul(z, t)));
}

/* X^2 h + Y^2 h - 1, h = 1 or 1/2, with an error far below that of the squares where the sum cancels. */
VEC_FN dd square_minus_1(V x, V y, V h) {
    dd p = dd_product(x, x), q = dd_product(y, y);
    p = (dd){p.h * h, p.l * h};
    q = (dd){q.h * h, q.l * h};
    dd a = dd_sum(v_max(p.h, q.h), v_set1(-1)), b = dd_sum(a.h, v_min(p.h, q.h));
    return dd_add(dd_add1(dd_sum(a.l, b.l), b.h), dd_sum(p.l, q.l));
}

VEC_FN dd log_1_plus(dd d) {
    V c = v_rint((1 + d.h) * TABLE_STEPS);
    dd row = table_row(log_table, c - LOG_FIRST);
    c *= 1.0 / TABLE_STEPS;
    dd r = dd_div(dd_add1(d, 1 - c), dd_add1(d, 1 + c)), s = odd_series(r, 1);
    return dd_add(row, (dd){2 * s.h, 2 * s.l});
}

VEC_FN dd angle_dd(V x, V y) {
    V a = v_max(v_abs(x), v_abs(y)), b = v_min(v_abs(x), v_abs(y)), c = v_rint(b / a * TABLE_STEPS);
    dd row = table_row(atan_table, c);
    c *= 1.0 / TABLE_STEPS;
    dd r = dd_div(dd_add1(dd_negative(dd_product(c, a)), b), dd_add1(dd_product(c, b), a));
    dd angle = dd_add(row, odd_series(r, -1));
    dd other = dd_add(dd_set1(0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54), dd_negative(angle));
    angle = dd_select(v_abs(y) > v_abs(x), other, angle);
    other = dd_add(dd_set1(0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53), dd_negative(angle));
    return dd_mulsign(dd_select(v_signbit(x), other, angle), y);
}

/* log(x + iy) = modulus + i angle; x and y finite and not both 0. */
VEC_FN void log_dd(V x, V y, dd *modulus, dd *angle) {
    V scale = scale_for(v_max(v_abs(x), v_abs(y)));
    V xs = x * scale, ys = y * scale, q = xs * xs + ys * ys;
    M k = ((M)(q * 0x1.6a09e667f3bcdp-1) >> 52) - (EXPONENT_BIAS - 1);
    M half = k >> 1;
    V down = power_of_2(-half), odd = v_select((k & 1) == 0, v_set1(1), v_set1(0.5));
    xs *= down;
    ys *= down;
    V twice = integer_as(k) - select1(scale > 1, 2 * SCALE_BITS, select1(scale < 1, -2 * SCALE_BITS, v_set1(0)));
    dd sum = dd_add(dd_mul1(dd_set1(LN2_HIGH, LN2_LOW), twice), log_1_plus(square_minus_1(xs, ys, odd)));
    *modulus = (dd){0.5 * sum.h, 0.5 * sum.l};
    *angle = angle_dd(xs, ys);
}

#endif
