/* SPDX-License-Identifier: MIT */
/*
 * Powers of complex numbers, for one precision and one instruction set (math/complex_block.h). As in NumPy there are four
 * cases, chosen by the operands alone:
 *
 *   - z^0 = 1; 0^w = 0 if w has a positive real part, NaN otherwise
 *   - z^1, z^2, z^3: z itself, one and two plain multiplications (unless they might overflow)
 *   - z^n for the other integers of -99 to 99: by squaring, in twice the precision, so that what is exact stays exact
 *   - else exp(w log z), with log z and the product in twice the precision
 *
 * Infinite or NaN operands of the last case are C99's exp(w * log z).
 */
#include "math/complex_angle.h"
#include "math/complex_exp.h"
#include "math/complex_log_dd.h"

#include <math.h>

#if NX_COMPLEX == 64
typedef float _Complex complex_part;
#else
typedef double _Complex complex_part;
#endif

enum { INTEGER_LIMIT = 100, INTEGER_BITS_USED = 7 };

typedef struct vc {
    V x, y;
} vc;

/* z = x + iy, w = u + iv. */
typedef struct operands {
    const double *x, *y, *u, *v;
} operands;

typedef struct ddc {
    dd x, y;
} ddc;

VEC_FN vc vc_mul(vc a, vc b) {
    return (vc){a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x};
}

VEC_FN ddc ddc_mul(ddc a, ddc b) {
    return (ddc){
        dd_add(dd_mul(a.x, b.x), dd_negative(dd_mul(a.y, b.y))),
        dd_add(dd_mul(a.x, b.y), dd_mul(a.y, b.x)),
    };
}

VEC_FN ddc ddc_select(M m, ddc a, ddc b) {
    return (ddc){dd_select(m, a.x, b.x), dd_select(m, a.y, b.y)};
}

/* The cases. */
VEC_FN M is_integer_power(V u, V v) {
    return (v == 0) & (v_abs(u) < INTEGER_LIMIT) & (v_rint(u) == u);
}

VEC_FN M is_finite(V x, V y) {
    return v_isfinite(x) & v_isfinite(y);
}

/* The square and cube of huge numbers are left to power_integer, which knows an overflow from infinity - infinity. */
VEC_FN M is_plain_power(V x, V y, V u, V v) {
    M huge = is_finite(x, y) & (v_max(v_abs(x), v_abs(y)) >= 0x1p340);
    return (v == 0) & ((u == 1) | (~huge & ((u == 2) | (u == 3))));
}

/* Lanes of `keep`, and 1 elsewhere. */
VEC_FN vc or_1(M keep, V x, V y) {
    return (vc){select1(~keep, 1, x), select1(~keep, 0, y)};
}

/* Powers z^1, z^2, z^3 of the lanes that ask for them, 0^w and z^0. */
static void power_plain(size_t n, double *rx, double *ry, const operands *o) {
    EACH_VECTOR(i, n) {
        vc z = {v_load(o->x + i), v_load(o->y + i)}, square = vc_mul(z, z), cube = vc_mul(z, square);
        V ui = v_load(o->u + i), vi = v_load(o->v + i), re = v_load(rx + i), im = v_load(ry + i);
        M plain = is_plain_power(z.x, z.y, ui, vi), zero = (z.x == 0) & (z.y == 0), one = (ui == 0) & (vi == 0);
        re = v_select(plain, v_select(ui == 1, z.x, v_select(ui == 2, square.x, cube.x)), re);
        im = v_select(plain, v_select(ui == 1, z.y, v_select(ui == 2, square.y, cube.y)), im);
        re = v_select(zero, select1(ui > 0, 0, v_set1(NAN)), re);
        im = v_select(zero, select1(ui > 0, 0, v_set1(NAN)), im);
        v_store(rx + i, select1(one, 1, re));
        v_store(ry + i, select1(one, 0, im));
    }
}

/* p^m for integers 0 <= m < INTEGER_LIMIT. */
VEC_FN ddc power_by_squaring(ddc p, M m) {
    ddc r = {dd_set1(1, 0), dd_set1(0, 0)};
    for (int bit = 0; bit < INTEGER_BITS_USED; bit++) {
        M rest = m >> bit;
        if (!v_any(rest != 0)) break;
        r = ddc_select((rest & 1) != 0, ddc_mul(r, p), r);
        p = ddc_mul(p, p);
    }
    return r;
}

/* r * 2^k, rounded once; |r| is between 2^-150 and 2^150. */
VEC_FN V scale_power(V r, V k) {
    k = v_max(v_min(k, v_set1(1400)), v_set1(-1400));
    V first = v_max(v_min(k, v_set1(800)), v_set1(-800));
    return r * power_of_2(integer_of(first)) * power_of_2(integer_of(k - first));
}

/* z^u for finite z not 0 and an integer u: z is scaled to about 1, the power scaled back. */
VEC_FN vc integer_power(vc z, V u) {
    V scale = scale_for(v_max(v_abs(z.x), v_abs(z.y)));
    z = (vc){z.x * scale, z.y * scale};
    M e = ((M)v_max(v_abs(z.x), v_abs(z.y)) >> 52) - EXPONENT_BIAS;
    V down = power_of_2(-e), zero = v_set1(0), one = v_set1(1);
    V exponent = integer_as(e) - select1(scale > 1, SCALE_BITS, select1(scale < 1, -SCALE_BITS, zero));
    ddc r = power_by_squaring((ddc){{z.x * down, zero}, {z.y * down, zero}}, integer_of(v_abs(u)));
    dd size = dd_add(dd_mul(r.x, r.x), dd_mul(r.y, r.y));
    size = dd_select(u < 0, size, (dd){one, zero});
    V x = dd_div(r.x, size).h, y = dd_div(r.y, size).h;
    x = v_select(u < 0, x + 0.0, x);
    y = v_select(u < 0, 0.0 - y, y);
    return (vc){scale_power(x, exponent * u), scale_power(y, exponent * u)};
}

static void power_integer(size_t n, double *rx, double *ry, const operands *o) {
    EACH_VECTOR(i, n) {
        V xi = v_load(o->x + i), yi = v_load(o->y + i), ui = v_load(o->u + i), vi = v_load(o->v + i);
        M integer = is_integer_power(ui, vi), finite = is_finite(xi, yi), zero = (xi == 0) & (yi == 0);
        if (!v_any(integer)) continue;
        vc r = integer_power(or_1(integer & finite & ~zero, xi, yi), select1(~integer, 0, ui));
        v_store(rx + i, v_select(integer, select1(~finite, NAN, r.x), v_load(rx + i)));
        v_store(ry + i, v_select(integer, select1(~finite, NAN, r.y), v_load(ry + i)));
    }
}

/* a * back, or a itself where the product is of no use: an angle so large is noise. */
VEC_FN dd scale_angle(dd a, V back) {
    back = select1(v_abs(a.h) > 0x1p1000, 1, back);
    return (dd){a.h * back, a.l * back};
}

/* w log z, from operands that are finite, z not 0. A huge w is scaled down on the way, for products may overflow. */
static void power_exponent(size_t n, double *re, double *re_low, double *im, double *im_low, const operands *o) {
    EACH_VECTOR(i, n) {
        V xi = v_load(o->x + i), yi = v_load(o->y + i), ui = v_load(o->u + i), vi = v_load(o->v + i);
        M regular = is_finite(xi, yi) & is_finite(ui, vi) & ((xi != 0) | (yi != 0));
        vc z = or_1(regular, xi, yi), w = or_1(regular, ui, vi);
        M huge = v_max(v_abs(w.x), v_abs(w.y)) > 0x1p1000;
        V scale = select1(huge, 0x1p-20, v_set1(1)), back = select1(huge, 0x1p20, v_set1(1));
        w = (vc){w.x * scale, w.y * scale};
        dd modulus, angle;
        log_dd(z.x, z.y, &modulus, &angle);
        dd p = dd_add(dd_mul1(modulus, w.x), dd_negative(dd_mul1(angle, w.y)));
        dd q = dd_add(dd_mul1(angle, w.x), dd_mul1(modulus, w.y));
        q = scale_angle(q, back);
        v_store(re + i, p.h * back);
        v_store(re_low + i, p.l * back);
        v_store(im + i, q.h);
        v_store(im_low + i, q.l);
    }
}

static void power_general(size_t n, double *rx, double *ry, const operands *o) {
    block re, re_low, im, im_low, e, s, c;
    power_exponent(n, re, re_low, im, im_low, o);
    exp_reduced(NX_MATH_REAL(exp), &range_e, n, e, re);
    sincos_sum(n, s, c, im, im_low);
    EACH_VECTOR(i, n) {
        V p = v_load(re + i), q = v_load(im + i), ei = v_load(e + i);
        ei += v_select(is_inf(ei), v_set1(0), ei * v_load(re_low + i));
        exp_join(&range_e, ei, v_load(s + i), v_load(c + i), &p, &q);
        v_store(rx + i, p);
        v_store(ry + i, q);
    }
}

/* log *= w, by C's multiplication, which finds infinities; but a product that overflows beside a NaN is no infinity. */
static void multiply_log(part log[2], const part w[2]) {
    if (isinf(log[0]) || isinf(log[1]) || isinf(w[0]) || isinf(w[1])) {
        complex_part a, b;
        memcpy(&a, log, sizeof a);
        memcpy(&b, w, sizeof b);
        a = b * a;
        memcpy(log, &a, sizeof a);
    } else {
        /* volatile: gcc 12 fuses alternating sums of products in spite of -ffp-contract=off */
        const volatile part re[2] = {w[0] * log[0], w[1] * log[1]}, im[2] = {w[0] * log[1], w[1] * log[0]};
        log[0] = re[0] - re[1];
        log[1] = im[0] + im[1];
    }
}

/* exp(w * log z) by the kernels and C's multiplication, for the lanes of the general case that are not finite. */
static void power_special(size_t n, double *rx, double *ry, const operands *o) {
    part z[2 * BLOCK];
    for (size_t i = 0; i < n; i++) z[2 * i] = (part)o->x[i], z[2 * i + 1] = (part)o->y[i];
    NX_MATH_COMPLEX(log)(n, z, (const void *const[]){z});
    for (size_t i = 0; i < n; i++) {
        const part exponent[2] = {(part)o->u[i], (part)o->v[i]};
        multiply_log(z + 2 * i, exponent);
    }
    NX_MATH_COMPLEX(exp)(n, z, (const void *const[]){z});
    for (size_t i = 0; i < n; i++) {
        if (isfinite(o->x[i]) && isfinite(o->y[i]) && isfinite(o->u[i]) && isfinite(o->v[i])) continue;
        rx[i] = (double)z[2 * i];
        ry[i] = (double)z[2 * i + 1];
    }
}

/* x + iy to the power u + iv, in place. */
static void c_power(size_t n, double *x, double *y, const double *u, const double *v) {
    block rx, ry;
    const operands o = {x, y, u, v};
    M general = (M)v_set1(0), special = general, integer = general;
    EACH_VECTOR(i, n) {
        V xi = v_load(x + i), yi = v_load(y + i), ui = v_load(u + i), vi = v_load(v + i);
        M whole = is_integer_power(ui, vi);
        integer |= whole & ~is_plain_power(xi, yi, ui, vi) & (ui != 0);
        general |= ~whole;
        special |= ~whole & ~(is_finite(ui, vi) & is_finite(xi, yi));
        v_store(rx + i, v_set1(0));
        v_store(ry + i, v_set1(0));
    }
    if (v_any(general)) power_general(n, rx, ry, &o);
    if (v_any(special)) power_special(n, rx, ry, &o);
    if (v_any(integer)) power_integer(n, rx, ry, &o);
    power_plain(n, rx, ry, &o);
    memcpy(x, rx, n * sizeof *x);
    memcpy(y, ry, n * sizeof *y);
}

/* Form 1: z is one number; form 2: w is. */
VEC_FN void map_power(int form, size_t n, part *r, const part *z, const part *w) {
    block x, y, u, v;
    part scalar[2 * BLOCK];
    const part *one = form == 1 ? z : w;
    for (size_t i = 0; form && i < block_length(n, 0); i++) memcpy(scalar + 2 * i, one, 2 * sizeof *one);
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t k = block_length(n, i), whole = block_load(k, x, y, form == 1 ? scalar : z + 2 * i);
        block_load(k, u, v, form == 2 ? scalar : w + 2 * i);
        c_power(whole, x, y, u, v);
        block_store(k, r + 2 * i, x, y);
    }
}

#define POWER_KERNEL(suffix, form)                                                                      \
    void NX_MATH_CAT(NX_MATH_COMPLEX(power), suffix, , )(size_t n, void *r, const void *const *x) { \
        map_power(form, n, r, x[0], x[1]);                                                          \
    }
POWER_KERNEL(, 0)
POWER_KERNEL(_form1, 1)
POWER_KERNEL(_form2, 2)
