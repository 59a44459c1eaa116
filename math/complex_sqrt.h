/* SPDX-License-Identifier: MIT */
/*
 * Scaling, modulus and square root of one vector of complex numbers without overflow or underflow on the way: numbers whose
 * larger part is near the ends of the range are multiplied by a power of two that brings their squares into the middle.
 */
#ifndef NX_MATH_COMPLEX_SQRT_H
#define NX_MATH_COMPLEX_SQRT_H

#include "math/complex_block.h"

enum { SCALE_BITS = 600 };

/* 2^600, 1 or 2^-600, for the larger part m >= 0. */
VEC_FN V scale_for(V m) {
    return select1(m >= 0x1p500, 0x1p-600, select1(m <= 0x1p-400, 0x1p600, v_set1(1)));
}

/* Principal root of finite x + iy; each part is accurate. C99's signs of zeros. */
VEC_FN void sqrt_parts(V x, V y, V *re, V *im) {
    V scale = scale_for(v_max(v_abs(x), v_abs(y)));
    V back = select1(scale > 1, 0x1p-300, select1(scale < 1, 0x1p300, v_set1(1)));
    V xs = v_abs(x * scale), ys = v_abs(y * scale);
    V root = v_sqrt((xs + v_sqrt(xs * xs + ys * ys)) * 0.5);
    V other = v_select(root == 0, ys, ys / (root + root));
    *re = v_select(x < 0, other, root) * back;
    *im = v_copysign(v_select(x < 0, root, other) * back, y);
}

#endif
