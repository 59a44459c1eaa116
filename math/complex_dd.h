/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic on unevaluated sums h + l of two float64, |l| at most half an ulp of h: about 103 bits. Operands are finite and
 * far enough from the ends of the range that products and their errors neither overflow nor underflow.
 */
#ifndef NX_MATH_COMPLEX_DD_H
#define NX_MATH_COMPLEX_DD_H

#include "math/complex_block.h"

typedef struct dd {
    V h, l;
} dd;

VEC_FN dd dd_set1(double h, double l) {
    return (dd){v_set1(h), v_set1(l)};
}

/* a + b, exactly. */
VEC_FN dd dd_sum(V a, V b) {
    V h = a + b, t = h - a;
    return (dd){h, (a - (h - t)) + (b - t)};
}

/* The same where |a| >= |b| or a is 0. */
VEC_FN dd dd_sum_ordered(V a, V b) {
    V h = a + b;
    return (dd){h, b - (h - a)};
}

/* a * b, exactly. */
VEC_FN dd dd_product(V a, V b) {
    V h = a * b;
    return (dd){h, v_mul_error(a, b, h)};
}

VEC_FN dd dd_negative(dd a) {
    return (dd){-a.h, -a.l};
}

VEC_FN dd dd_select(M m, dd a, dd b) {
    return (dd){v_select(m, a.h, b.h), v_select(m, a.l, b.l)};
}

VEC_FN dd dd_mulsign(dd a, V s) {
    return (dd){v_mulsign(a.h, s), v_mulsign(a.l, s)};
}

/* The error is relative to |a| + |b|. */
VEC_FN dd dd_add(dd a, dd b) {
    dd s = dd_sum(a.h, b.h);
    return dd_sum_ordered(s.h, s.l + (a.l + b.l));
}

/* The same where |a| >= |b|. */
VEC_FN dd dd_add_ordered(dd a, dd b) {
    dd s = dd_sum_ordered(a.h, b.h);
    return dd_sum_ordered(s.h, s.l + (a.l + b.l));
}

VEC_FN dd dd_add1(dd a, V b) {
    dd s = dd_sum(a.h, b);
    return dd_sum_ordered(s.h, s.l + a.l);
}

VEC_FN dd dd_mul(dd a, dd b) {
    dd p = dd_product(a.h, b.h);
    return dd_sum_ordered(p.h, p.l + (a.h * b.l + a.l * b.h));
}

VEC_FN dd dd_mul1(dd a, V b) {
    dd p = dd_product(a.h, b);
    return dd_sum_ordered(p.h, p.l + a.l * b);
}

VEC_FN dd dd_div(dd a, dd b) {
    V first = a.h / b.h;
    dd p = dd_product(first, b.h);
    V rest = ((a.h - p.h) - p.l) + (a.l - first * b.l);
    return dd_sum_ordered(first, rest / b.h);
}

#endif
