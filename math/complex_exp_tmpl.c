/* SPDX-License-Identifier: MIT */
/*
 * exp, exp2, expm1 and the trigonometric and hyperbolic functions of complex numbers, for one precision and one
 * instruction set (math/complex_block.h).
 *
 * sin z, tan z are sinh, tanh with the parts of argument and result swapped; cos z is the conjugate of cosh of the swapped
 * argument. sinh and cosh are built from expm1 alone: e^a = 1 + expm1(a) loses nothing for a >= 0.
 */
#include "math/complex_angle.h"
#include "math/complex_exp.h"

#include <math.h>

#define SINCOS NX_MATH_REAL(sincos)

static void c_exp(size_t n, double *x, double *y) {
    block e, s, c;
    exp_reduced(NX_MATH_REAL(exp), &range_e, n, e, x);
    SINCOS(n, s, c, y);
    EACH_VECTOR(i, n) {
        V re = v_load(x + i), im = v_load(y + i);
        exp_join(&range_e, v_load(e + i), v_load(s + i), v_load(c + i), &re, &im);
        v_store(x + i, re);
        v_store(y + i, im);
    }
}

static void c_exp2(size_t n, double *x, double *y) {
    static const exp_range range_2 = {1020, -1000, 900, 0x1p900, 0x1p-900};
    block e, s, c, high, low;
    exp_reduced(NX_MATH_REAL(exp2), &range_2, n, e, x);
    EACH_VECTOR(i, n) {
        V im = v_load(y + i), p = im * LN2_HIGH;
        V q = v_mul_error(im, v_set1(LN2_HIGH), p) + im * LN2_LOW;
        v_store(high + i, p);
        v_store(low + i, select1(v_abs(im) >= 0x1p900, 0, q));
    }
    sincos_sum(n, s, c, high, low);
    EACH_VECTOR(i, n) {
        V re = v_load(x + i), im = v_load(y + i);
        exp_join(&range_2, v_load(e + i), v_load(s + i), v_load(c + i), &re, &im);
        v_store(x + i, re);
        v_store(y + i, im);
    }
}

/* Real part: expm1(x) cos y - (1 - cos y), the last without cancellation; from 40 on the 1 does not count. */
static void c_expm1(size_t n, double *x, double *y) {
    block e, m, s, c;
    exp_reduced(NX_MATH_REAL(exp), &range_e, n, e, x);
    real_1(NX_MATH_REAL(expm1), n, m, x);
    SINCOS(n, s, c, y);
    EACH_VECTOR(i, n) {
        V x0 = v_load(x + i), y0 = v_load(y + i), si = v_load(s + i), ci = v_load(c + i);
        V versine = v_select(ci > 0, si * si / (1 + ci), 1 - ci);
        V small = v_load(m + i) * ci - versine, re = x0, im = y0;
        exp_join(&range_e, v_load(e + i), si, ci, &re, &im);
        v_store(x + i, select1(~v_isfinite(y0), NAN, v_select(x0 > 40, re, small)));
        v_store(y + i, select1(~v_isfinite(y0), NAN, im));
    }
}

/* sinh and cosh of a >= 0 up to the factors of exp_reduce_twice, from m = expm1(a reduced). */
VEC_FN void sinh_cosh(V a, V m, V *sh, V *ch) {
    V e = m + 1;
    *sh = 0.5 * v_select(a < 22, m + m / e, e);
    *ch = 0.5 * v_select(a < 22, e + 1 / e, e);
}

/* m = expm1(|x| reduced). */
static void hyperbolic_parts(size_t n, double *m, const double *x) {
    EACH_VECTOR(i, n) v_store(m + i, v_abs(v_load(x + i)));
    exp_reduced(NX_MATH_REAL(expm1), &range_e, n, m, m);
}

static void c_sinh(size_t n, double *x, double *y) {
    block m, s, c;
    hyperbolic_parts(n, m, x);
    SINCOS(n, s, c, y);
    EACH_VECTOR(i, n) {
        V x0 = v_load(x + i), y0 = v_load(y + i), a = v_abs(x0), f, g, sh, ch;
        exp_reduce_twice(&range_e, a, &f, &g);
        sinh_cosh(a, v_load(m + i), &sh, &ch);
        V re = v_mulsign(sh, x0) * v_load(c + i) * f * g, im = ch * v_load(s + i) * f * g;
        M lost = ~v_isfinite(y0) & (is_inf(x0) | (x0 == 0));
        v_store(x + i, v_select(lost, x0, re));
        v_store(y + i, v_select(y0 == 0, y0, im));
    }
}

static void c_cosh(size_t n, double *x, double *y) {
    block m, s, c;
    hyperbolic_parts(n, m, x);
    SINCOS(n, s, c, y);
    EACH_VECTOR(i, n) {
        V x0 = v_load(x + i), y0 = v_load(y + i), a = v_abs(x0), f, g, sh, ch;
        exp_reduce_twice(&range_e, a, &f, &g);
        sinh_cosh(a, v_load(m + i), &sh, &ch);
        V re = ch * v_load(c + i) * f * g, im = v_mulsign(sh, x0) * v_load(s + i) * f * g;
        v_store(x + i, v_select(is_inf(x0) & ~v_isfinite(y0), a, re));
        im = v_select((x0 == 0) & ~v_isfinite(y0), v_set1(0), im);
        v_store(y + i, v_select(y0 == 0, v_mulsign(y0, x0), im));
    }
}

/* sinh x cosh x / (sinh^2 x + cos^2 y) + i sin y cos y / (the same): no sum cancels.
 * From 22 on 1 and 4 sin y cos y e^-2a. */
static void c_tanh(size_t n, double *x, double *y) {
    block m, s, c;
    EACH_VECTOR(i, n) {
        V a = v_abs(v_load(x + i));
        v_store(m + i, select1(a > 700, 700, a));
    }
    real_1(NX_MATH_REAL(expm1), n, m, m);
    SINCOS(n, s, c, y);
    EACH_VECTOR(i, n) {
        V x0 = v_load(x + i), y0 = v_load(y + i), a = v_abs(x0), sh, ch;
        V mi = v_load(m + i), si = v_load(s + i), ci = v_load(c + i), e = mi + 1;
        sinh_cosh(a, mi, &sh, &ch);
        V d = sh * sh + ci * ci, product = si * ci;
        V re = select1(a >= 22, 1, sh * ch / d);
        V im = v_select(a >= 22, 4 * product / e / e, product / d);
        M lost = ~v_isfinite(y0);
        re = v_select(lost & ~is_inf(x0), select1(x0 == 0, 0, v_set1(NAN)), re);
        im = v_select(lost & is_inf(x0), v_copysign(v_set1(0), y0), im);
        v_store(x + i, v_mulsign(re, x0));
        v_store(y + i, v_select(y0 == 0, y0, im));
    }
}

static void c_sin(size_t n, double *x, double *y) {
    c_sinh(n, y, x);
}

static void c_tan(size_t n, double *x, double *y) {
    c_tanh(n, y, x);
}

static void c_cos(size_t n, double *x, double *y) {
    c_cosh(n, y, x);
    EACH_VECTOR(i, n) {
        V re = v_load(y + i), im = v_load(x + i);
        v_store(x + i, re);
        v_store(y + i, -im);
    }
}

COMPLEX_KERNEL_1(exp, c_exp)
COMPLEX_KERNEL_1(exp2, c_exp2)
COMPLEX_KERNEL_1(expm1, c_expm1)
COMPLEX_KERNEL_1(sin, c_sin)
COMPLEX_KERNEL_1(cos, c_cos)
COMPLEX_KERNEL_1(tan, c_tan)
COMPLEX_KERNEL_1(sinh, c_sinh)
COMPLEX_KERNEL_1(cosh, c_cosh)
COMPLEX_KERNEL_1(tanh, c_tanh)
