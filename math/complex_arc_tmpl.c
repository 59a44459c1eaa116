/* SPDX-License-Identifier: MIT */
/*
 * The inverse trigonometric and hyperbolic functions of complex numbers, for one precision and one instruction set
 * (math/complex_block.h).
 *
 * arcsin and arccos are Kahan's formulas: with sqrt(1 - z) = a - ib and sqrt(1 + z) = c + id, all parts >= 0 where z is in
 * the first quadrant, arcsin z = atan(x / (ac + bd)) + i arcsinh(ad + bc) and arccos z = 2 atan(a / c) - i (the same);
 * no sum cancels. Other quadrants follow by symmetry, from the sign bits, which settles the branch cuts. arccosh z has the
 * parts of arccos z; arcsinh, arctan are arcsin, arctanh with the parts of argument and result swapped.
 */
#include "math/complex_sqrt.h"

#include <math.h>

#define PI_2 0x1.921fb54442d18p+0
#define LN2 0x1.62e42fefa39efp-1
/* Larger parts than 2^1000 are scaled down by 2^60, which is far above 1 still. */
#define HUGE_PART 0x1p1000
#define HUGE_SCALE 0x1p-60
#define HUGE_LOG (60 * LN2)
/* Below 2^-28 arcsin z is z. */
#define TINY_PART 0x1p-28

/* What both functions are made of, for |x| and |y|: the roots' real parts a, c, and products p = ac + bd, q = ad + bc. */
typedef struct arc_parts {
    V a, c, p, q;
} arc_parts;

VEC_FN arc_parts kahan(V x, V y) {
    V a, b, c, d, one = v_set1(1);
    M huge = v_max(x, y) > HUGE_PART;
    V scale = select1(huge, HUGE_SCALE, one);
    x *= scale;
    y *= scale;
    sqrt_parts(one - x, y, &a, &b);
    sqrt_parts(one + x, y, &c, &d);
    return (arc_parts){a, c, a * c + b * d, a * d + b * c};
}

/* r = arcsinh(q), put right for huge and infinite x + iy. */
static void arc_modulus(size_t n, double *r, const double *q, const double *x, const double *y) {
    real_1(NX_MATH_REAL(arcsinh), n, r, q);
    EACH_VECTOR(i, n) {
        V x0 = v_abs(v_load(x + i)), y0 = v_abs(v_load(y + i)), ri = v_load(r + i);
        ri += select1(v_max(x0, y0) > HUGE_PART, HUGE_LOG, v_set1(0));
        v_store(r + i, select1(is_inf(x0) | is_inf(y0), INFINITY, ri));
    }
}

static void c_arcsin(size_t n, double *x, double *y) {
    block p, q, numerator;
    EACH_VECTOR(i, n) {
        V x0 = v_abs(v_load(x + i)), y0 = v_abs(v_load(y + i));
        M inf = is_inf(x0) | is_inf(y0);
        arc_parts parts = kahan(x0, y0);
        v_store(numerator + i, v_select(~inf & (v_max(x0, y0) > HUGE_PART), x0 * HUGE_SCALE, x0));
        v_store(p + i, v_select(inf, y0, parts.p));
        v_store(q + i, parts.q);
    }
    arc_modulus(n, q, q, x, y);
    real_2(NX_MATH_REAL(arctan2), n, p, numerator, p);
    EACH_VECTOR(i, n) {
        V x0 = v_load(x + i), y0 = v_load(y + i);
        M tiny = (v_abs(x0) < TINY_PART) & (v_abs(y0) < TINY_PART);
        v_store(x + i, v_select(tiny | (x0 == 0), x0, v_copysign(v_load(p + i), x0)));
        v_store(y + i, v_select(tiny, y0, v_copysign(v_load(q + i), y0)));
    }
}

/* The parts of arccos z = re - i im for y >= 0, im >= 0. */
static void arccos_parts(size_t n, double *re, double *im, const double *x, const double *y) {
    block a, c;
    EACH_VECTOR(i, n) {
        V x0 = v_load(x + i), x1 = v_abs(x0), y1 = v_abs(v_load(y + i));
        M inf = is_inf(x0) | is_inf(y1), left = v_signbit(x0);
        arc_parts parts = kahan(x1, y1);
        v_store(a + i, v_select(inf, y1, v_select(left, parts.c, parts.a)));
        v_store(c + i, v_select(inf, x0, v_select(left, parts.a, parts.c)));
        v_store(im + i, parts.q);
    }
    arc_modulus(n, im, im, x, y);
    real_2(NX_MATH_REAL(arctan2), n, re, a, c);
    EACH_VECTOR(i, n) {
        V x0 = v_load(x + i), y0 = v_load(y + i), angle = v_load(re + i);
        angle = v_select(is_inf(x0) | is_inf(y0), angle, 2 * angle);
        v_store(re + i, select1((x0 == 0) & v_isnan(y0), PI_2, angle));
    }
}

static void c_arccos(size_t n, double *x, double *y) {
    block re, im;
    arccos_parts(n, re, im, x, y);
    EACH_VECTOR(i, n) {
        v_store(x + i, v_load(re + i));
        v_store(y + i, -v_copysign(v_load(im + i), v_load(y + i)));
    }
}

static void c_arccosh(size_t n, double *x, double *y) {
    block re, im;
    arccos_parts(n, re, im, x, y);
    EACH_VECTOR(i, n) {
        v_store(x + i, v_load(im + i));
        v_store(y + i, v_copysign(v_load(re + i), v_load(y + i)));
    }
}

/* Scale for arctanh: squares of numbers above 2^500 would overflow. */
VEC_FN V arctanh_scale(V x, V y) {
    return select1(v_max(x, y) >= 0x1p500, 0x1p-600, v_set1(1));
}

/* Where |1 - z|^2 would underflow, at x = 1: log(2/y) / 2. */
static void arctanh_near_1(size_t n, double *re, const double *x, const double *y) {
    block l;
    EACH_VECTOR(i, n) v_store(l + i, v_abs(v_load(y + i)));
    real_1(NX_MATH_REAL(log), n, l, l);
    EACH_VECTOR(i, n) {
        M near = (v_abs(v_load(x + i)) == 1) & (v_abs(v_load(y + i)) < 0x1p-400);
        v_store(re + i, v_select(near, 0.5 * (LN2 - v_load(l + i)), v_load(re + i)));
    }
}

/* re = log1p(4x / |1 - z|^2) / 4, im = atan2(2y, (1 - x)(1 + x) - y^2) / 2, for |x| and |y|. */
static void arctanh_parts(size_t n, double *re, double *im, const double *x, const double *y) {
    block denominator;
    M any = (M)v_set1(0);
    EACH_VECTOR(i, n) {
        V x0 = v_abs(v_load(x + i)), y0 = v_abs(v_load(y + i)), one = arctanh_scale(x0, y0);
        M near = (x0 == 1) & (y0 < 0x1p-400);
        any |= near;
        V xs = x0 * one, ys = y0 * one, u = one - xs;
        v_store(re + i, select1(near, 1, 4 * one * xs / (u * u + ys * ys)));
        v_store(im + i, 2 * one * ys);
        v_store(denominator + i, u * (one + xs) - ys * ys);
    }
    real_1(NX_MATH_REAL(log1p), n, re, re);
    real_2(NX_MATH_REAL(arctan2), n, im, im, denominator);
    EACH_VECTOR(i, n) {
        v_store(re + i, 0.25 * v_load(re + i));
        v_store(im + i, 0.5 * v_load(im + i));
    }
    if (v_any(any)) arctanh_near_1(n, re, x, y);
}

static void c_arctanh(size_t n, double *x, double *y) {
    block re, im;
    arctanh_parts(n, re, im, x, y);
    EACH_VECTOR(i, n) {
        V x0 = v_load(x + i), y0 = v_load(y + i);
        M inf = is_inf(x0) | is_inf(y0);
        V a = select1((x0 == 0) | inf, 0, v_load(re + i));
        V b = v_select(inf, v_select(v_isnan(y0), y0, v_set1(PI_2)), v_load(im + i));
        v_store(x + i, v_copysign(a, x0));
        v_store(y + i, v_copysign(b, y0));
    }
}

static void c_arcsinh(size_t n, double *x, double *y) {
    c_arcsin(n, y, x);
}

static void c_arctan(size_t n, double *x, double *y) {
    c_arctanh(n, y, x);
}

COMPLEX_KERNEL_1(arcsin, c_arcsin)
COMPLEX_KERNEL_1(arccos, c_arccos)
COMPLEX_KERNEL_1(arctan, c_arctan)
COMPLEX_KERNEL_1(arcsinh, c_arcsinh)
COMPLEX_KERNEL_1(arccosh, c_arccosh)
COMPLEX_KERNEL_1(arctanh, c_arctanh)
