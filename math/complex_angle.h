/* SPDX-License-Identifier: MIT */
/* Sine and cosine of an angle that is a sum of two float64, for angles that were themselves computed with care. */
#ifndef NX_MATH_COMPLEX_ANGLE_H
#define NX_MATH_COMPLEX_ANGLE_H

#include "math/complex_block.h"

/* log(2) to 107 bits. */
#define LN2_HIGH 0x1.62e42fefa39efp-1
#define LN2_LOW 0x1.abc9e3b39803fp-56

/* From here on the lower part is no longer small: it is an angle of its own. */
#define ANGLE_LARGE 0x1p24

static void rotate_large(size_t n, double *s, double *c, const double *high, const double *low) {
    block sl, cl;
    NX_MATH_REAL(sincos)(n, sl, cl, low);
    EACH_VECTOR(i, n) {
        V sh = v_load(s + i), ch = v_load(c + i), sli = v_load(sl + i), cli = v_load(cl + i);
        M large = v_abs(v_load(high + i)) >= ANGLE_LARGE;
        v_store(s + i, v_select(large, sh * cli + ch * sli, sh));
        v_store(c + i, v_select(large, ch * cli - sh * sli, ch));
    }
}

/* s + ic = the sine and cosine of high + low, where |low| is at most an ulp of high. */
static void sincos_sum(size_t n, double *s, double *c, const double *high, const double *low) {
    M any = (M)v_set1(0);
    NX_MATH_REAL(sincos)(n, s, c, high);
    EACH_VECTOR(i, n) {
        V sh = v_load(s + i), ch = v_load(c + i), l = v_load(low + i);
        M large = v_abs(v_load(high + i)) >= ANGLE_LARGE;
        any |= large;
        v_store(s + i, v_select(large, sh, sh + ch * l));
        v_store(c + i, v_select(large, ch, ch - sh * l));
    }
    if (v_any(any)) rotate_large(n, s, c, high, low);
}

#endif
