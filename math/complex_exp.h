/* SPDX-License-Identifier: MIT */
/*
 * exp(x + iy) = e^x (cos y + i sin y), the pieces of it that several templates use.
 *
 * e^x is kept as the product of a kernel's value, which is a normal number, and two powers that the multiplications with
 * cos y or sin y come before: so a result overflows or becomes subnormal only if its value does, rounded once.
 */
#ifndef NX_MATH_COMPLEX_EXP_H
#define NX_MATH_COMPLEX_EXP_H

#include "math/complex_block.h"

/* One step toward 0: x above `most` or below `least` moves by `step`, and base^step or its reciprocal is left over. */
typedef struct exp_range {
    double most, least, step, up, down;
} exp_range;

static const exp_range range_e = {708, -700, 600, 3.7730203009299398234e260, 2.6503965530043108163e-261};

/* Twice covers whatever is not surely infinite or 0: a nonzero sine or cosine is at least 2^-1074. */
VEC_FN V exp_reduce(const exp_range *range, V x, V *f) {
    M above = x > range->most, below = x < range->least;
    *f = select1(above, range->up, select1(below, range->down, v_set1(1)));
    return x - select1(above, range->step, select1(below, -range->step, v_set1(0)));
}

VEC_FN V exp_reduce_twice(const exp_range *range, V x, V *f, V *g) {
    return exp_reduce(range, exp_reduce(range, x, f), g);
}

/* r = e^x up to the factors that exp_join puts back. */
VEC_FN void exp_reduced(nx_kernel *base_to, const exp_range *range, size_t n, double *r, const double *x) {
    EACH_VECTOR(i, n) {
        V f, g;
        v_store(r + i, exp_reduce_twice(range, v_load(x + i), &f, &g));
    }
    real_1(base_to, n, r, r);
}

/* x + iy becomes e^x (c + is), for e from exp_reduced, s and c those of the angle y. C99's special values. A part that
 * is lost in the noise of its angle, as happens in powers only, stays 0 even if e^x is infinite. */
VEC_FN void exp_join(const exp_range *range, V e, V s, V c, V *x, V *y) {
    V f, g, x0 = *x, y0 = *y;
    exp_reduce_twice(range, x0, &f, &g);
    V re = v_select(c == 0, c, e * c * f * g), im = v_select(s == 0, s, e * s * f * g);
    M lost = is_inf(x0) & ~v_isfinite(y0);
    re = v_select(lost, select1(x0 < 0, 0, x0), re);
    im = v_select(lost & (x0 < 0), v_copysign(v_set1(0), y0), im);
    *x = re;
    *y = v_select(y0 == 0, y0, im);
}

#endif
