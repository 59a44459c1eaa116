/* SPDX-License-Identifier: MIT */
/*
 * absolute, sign, sqrt and the logarithms of complex numbers, for one precision and one instruction set
 * (math/complex_block.h).
 *
 * log|z| is half the logarithm of x^2 + y^2. Near |z| = 1 it is half of log1p(x^2 + y^2 - 1), where the difference is summed
 * without rounding the squares, so that the real part is accurate even where it is tiny beside the imaginary one.
 */
#include "math/complex_dd.h"
#include "math/complex_sqrt.h"

#include <math.h>

void NX_MATH_COMPLEX(absolute)(size_t n, void *r, const void *const *z) {
    block x, y;
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t k = block_length(n, i), whole = block_load(k, x, y, (const part *)z[0] + 2 * i);
        real_2(NX_MATH_REAL(hypot), whole, x, x, y);
        for (size_t j = 0; j < k; j++) ((part *)r)[i + j] = (part)x[j];
    }
}

/* z/|z|; 0 for 0; of an infinite part the sign; NaN for two infinite parts. */
static void c_sign(size_t n, double *x, double *y) {
    EACH_VECTOR(i, n) {
        V x0 = v_load(x + i), y0 = v_load(y + i), scale = scale_for(v_max(v_abs(x0), v_abs(y0)));
        M xinf = is_inf(x0), yinf = is_inf(y0), zero = (x0 == 0) & (y0 == 0);
        V xs = x0 * scale, ys = y0 * scale, size = v_sqrt(xs * xs + ys * ys);
        V nan = v_set1(NAN), sign_x = v_copysign(v_set1(1), x0), sign_y = v_copysign(v_set1(1), y0);
        V re = v_select(xinf, v_select(yinf, nan, sign_x), select1(yinf | zero, 0, xs / size));
        V im = v_select(yinf, v_select(xinf, nan, sign_y), select1(xinf | zero, 0, ys / size));
        v_store(x + i, v_select(re == re, re, nan));
        v_store(y + i, im);
    }
}

static void c_sqrt(size_t n, double *x, double *y) {
    EACH_VECTOR(i, n) {
        V x0 = v_load(x + i), y0 = v_load(y + i), re, im, inf = v_set1(INFINITY);
        sqrt_parts(x0, y0, &re, &im);
        M yinf = is_inf(y0), down = x0 == -INFINITY, up = x0 == INFINITY;
        V zero = v_select(v_isnan(y0), y0, v_set1(0));
        re = v_select(yinf | up, inf, v_select(down, zero, re));
        im = v_select(yinf | down, v_copysign(inf, y0), v_select(up, v_copysign(zero, y0), im));
        v_store(x + i, re);
        v_store(y + i, im);
    }
}

/* A base of logarithms: its kernel, 1/log(base), and the logarithm of 2^600. */
typedef struct log_base {
    nx_kernel *log;
    double factor, scale;
} log_base;

/* (x + e)^2 + y^2 - 1 where that is near 0, |e| at most half an ulp of x. */
VEC_FN V square_minus_1(V x, V e, V y) {
    dd p = dd_product(x, x), q = dd_product(y, y);
    dd a = dd_sum(v_max(p.h, q.h), v_set1(-1)), b = dd_sum(a.h, v_min(p.h, q.h));
    return b.h + ((a.l + b.l) + (p.l + q.l) + 2 * x * e);
}

/* Half of log1p of d[] where near[] is not 0, into r. */
static void log_near_1(const log_base *base, size_t n, double *r, double *d, const double *near) {
    real_1(NX_MATH_REAL(log1p), n, d, d);
    EACH_VECTOR(i, n) v_store(r + i, v_select(v_load(near + i) != 0, 0.5 * base->factor * v_load(d + i), v_load(r + i)));
}

/* r = log|x + e + iy|, where e (NULL: 0) is the rounding error of x. */
static void log_modulus(const log_base *base, size_t n, double *r, const double *x, const double *e, const double *y) {
    block d, near;
    M any = (M)v_set1(0);
    EACH_VECTOR(i, n) {
        V x0 = v_load(x + i), y0 = v_load(y + i), e0 = e ? v_load(e + i) : v_set1(0);
        V scale = scale_for(v_max(v_abs(x0), v_abs(y0))), xs = x0 * scale, ys = y0 * scale, q = xs * xs + ys * ys;
        M close = (scale == 1) & (q > 0.5) & (q < 2);
        any |= close;
        v_store(near + i, select1(close, 1, v_set1(0)));
        v_store(d + i, v_select(close, square_minus_1(x0, e0, y0), v_set1(0)));
        v_store(r + i, select1(is_inf(x0) | is_inf(y0), INFINITY, q));
    }
    real_1(base->log, n, r, r);
    EACH_VECTOR(i, n) {
        V scale = scale_for(v_max(v_abs(v_load(x + i)), v_abs(v_load(y + i))));
        V shift = select1(scale > 1, -base->scale, select1(scale < 1, base->scale, v_set1(0)));
        v_store(r + i, 0.5 * v_load(r + i) + shift);
    }
    if (v_any(any)) log_near_1(base, n, r, d, near);
}

VEC_FN void log_parts(const log_base *base, size_t n, double *x, const double *e, double *y) {
    block r;
    log_modulus(base, n, r, x, e, y);
    real_2(NX_MATH_REAL(arctan2), n, y, y, x);
    EACH_VECTOR(i, n) {
        v_store(x + i, v_load(r + i));
        v_store(y + i, base->factor * v_load(y + i));
    }
}

static const log_base base_e = {NX_MATH_REAL(log), 1, 0x1.9fe3682cd3be4p+8};

static void c_log(size_t n, double *x, double *y) {
    log_parts(&base_e, n, x, NULL, y);
}

static void c_log2(size_t n, double *x, double *y) {
    static const log_base base_2 = {NX_MATH_REAL(log2), 0x1.71547652b82fep+0, SCALE_BITS};
    log_parts(&base_2, n, x, NULL, y);
}

static void c_log10(size_t n, double *x, double *y) {
    static const log_base base_10 = {NX_MATH_REAL(log10), 0x1.bcb7b1526e50ep-2, 0x1.693c6a27ae2f7p+7};
    log_parts(&base_10, n, x, NULL, y);
}

static void c_log1p(size_t n, double *x, double *y) {
    block e;
    EACH_VECTOR(i, n) {
        dd sum = dd_sum(v_load(x + i), v_set1(1));
        v_store(x + i, sum.h);
        v_store(e + i, sum.l);
    }
    log_parts(&base_e, n, x, e, y);
}

COMPLEX_KERNEL_1(sign, c_sign)
COMPLEX_KERNEL_1(sqrt, c_sqrt)
COMPLEX_KERNEL_1(log, c_log)
COMPLEX_KERNEL_1(log2, c_log2)
COMPLEX_KERNEL_1(log10, c_log10)
COMPLEX_KERNEL_1(log1p, c_log1p)
