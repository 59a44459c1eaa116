/* SPDX-License-Identifier: MIT */
/*
 * Words of the ops for complex64 and complex128. Products are the plain formula, quotients Smith's, which NumPy uses: it
 * divides numerator and denominator by the larger part of the denominator. The order is lexicographic, and false where a
 * part that decides, or the imaginary part behind it, is NaN. STORE makes each part that is NaN the canonical NaN.
 */
#ifndef NX_VM_CLASS_COMPLEX_H
#define NX_VM_CLASS_COMPLEX_H

#include "vm/template.h"

#include <math.h>
#include <stdbool.h>

typedef CTYPE R;
typedef struct T {
    R re, im;
} T;

static inline R canonical(R v) {
    return v == v ? v : (R)NAN;
}

#define LOAD_T(v) (v)
#define LOAD_R(v) (v)
#define STORE_T(v) canonical_pair(v)
#define STORE_R(v) canonical(v)

#define IN_B DROP
#define IN_BI DROP
#define IN_BIF DROP
#define IN_BIFC KEEP
#define IN_I DROP
#define IN_IF DROP
#define IN_IFC KEEP
#define IN_F DROP
#define IN_FH DROP
#define IN_FC KEEP
#define IN_C KEEP
#define IN_WIDE CAT2(IF_WIDE_, SUFFIX)
#define IN_ORDERED KEEP
#define IN_BOOL DROP
#define IN_DOUBLE DROP
#define IF_WIDE_c64 DROP
#define IF_WIDE_c128 KEEP
#define UNLESS_NONE KEEP
#define UNLESS_C DROP
#define UNLESS_F KEEP
#define UNLESS_FC DROP

#define M_c64(function) function##f
#define M_c128(function) function
#define M CAT2(M_, SUFFIX)

static inline T make(R re, R im) {
    return (T){re, im};
}

static inline T canonical_pair(T v) {
    return make(canonical(v.re), canonical(v.im));
}

/* gcc 12 makes fused operations of products whose sums and differences alternate, whatever -ffp-contract says. */
#if defined __has_builtin
#if __has_builtin(__builtin_assoc_barrier)
#define UNFUSED(product) __builtin_assoc_barrier(product)
#endif
#endif
#ifndef UNFUSED
#define UNFUSED(product) (product)
#endif

static inline T multiply(T x, T y) {
    return make(UNFUSED(x.re * y.re) - UNFUSED(x.im * y.im), UNFUSED(x.re * y.im) + UNFUSED(x.im * y.re));
}

/* `wide`: the real part of y is the larger one. Selects of parts stand for the two branches of Smith's algorithm. */
static inline T divide(T x, T y) {
    const bool wide = M(fabs)(y.re) >= M(fabs)(y.im), zero = (y.re == 0) & (y.im == 0);
    const R large = wide ? y.re : y.im, small = wide ? y.im : y.re;
    const R ratio = small / large, scale = 1 / (large + small * ratio);
    const R first = wide ? x.re : x.im, second = wide ? x.im : x.re;
    const R product = UNFUSED(first * ratio);
    const R re = (first + UNFUSED(second * ratio)) * scale;
    const R im = ((wide ? second : product) - (wide ? product : second)) * scale;
    const R nothing = M(fabs)(y.re);
    return make(zero ? x.re / nothing : re, zero ? x.im / nothing : im);
}

static inline T reciprocal(T x) {
    const bool wide = M(fabs)(x.im) <= M(fabs)(x.re);
    const R large = wide ? x.re : x.im, small = wide ? x.im : x.re;
    const R ratio = small / large, length = large + small * ratio;
    return make((wide ? 1 : ratio) / length, -(wide ? ratio : 1) / length);
}

#define ADD(x, y) make((x).re + (y).re, (x).im + (y).im)
#define SUB(x, y) make((x).re - (y).re, (x).im - (y).im)
#define MUL(x, y) multiply(x, y)
#define DIV(x, y) divide(x, y)
#define NEG(x) make(-(x).re, -(x).im)
#define POS(x) (x)
#define RECIPROCAL(x) reciprocal(x)
#define RINT(x) make(M(rint)((x).re), M(rint)((x).im))

static inline int less(T x, T y) {
    return ((x.re < y.re) & !isunordered(x.im, y.im)) | ((x.re == y.re) & (x.im < y.im));
}

static inline int less_equal(T x, T y) {
    return ((x.re < y.re) & !isunordered(x.im, y.im)) | ((x.re == y.re) & (x.im <= y.im));
}

#define EQ(x, y) (((x).re == (y).re) & ((x).im == (y).im))
#define NE(x, y) (((x).re != (y).re) | ((x).im != (y).im))
#define LT(x, y) less(x, y)
#define LE(x, y) less_equal(x, y)
#define TRUTH(x) (((x).re != 0) | ((x).im != 0))
#define WHERE(c, x, y) make((c) ? (x).re : (y).re, (c) ? (x).im : (y).im)
#define ISNAN(x) isunordered((x).re, (x).im)
#define ISINF(x) ((M(fabs)((x).re) == (R)INFINITY) | (M(fabs)((x).im) == (R)INFINITY))
#define ISFINITE(x) ((M(fabs)((x).re) < (R)INFINITY) & (M(fabs)((x).im) < (R)INFINITY))

/* If they compare equal, x. A NaN in either part makes the number a NaN. */
#define MINIMUM(x, y) WHERE(ISNAN(x) | less_equal(x, y), x, y)
#define MAXIMUM(x, y) WHERE(ISNAN(x) | less_equal(y, x), x, y)
#define FMIN(x, y) WHERE(ISNAN(y) | less_equal(x, y), x, y)
#define FMAX(x, y) WHERE(ISNAN(y) | less_equal(y, x), x, y)

/* What reductions start from. Of the last, combined with a number that has one NaN, other NaNs come; and infinite parts
 * times ONE are NaN. */
#define ZERO make(0, 0)
#define NEGATIVE_ZERO make((R)-0.0, (R)-0.0)
#define ONE make(1, 0)
#define GREATEST make((R)INFINITY, (R)INFINITY)
#define LEAST make((R)-INFINITY, (R)-INFINITY)
#define GREATEST_OR_NAN make((R)NAN, (R)NAN)
#define LEAST_OR_NAN GREATEST_OR_NAN
#define MARK_c64 int32_t
#define MARK_c128 int64_t
typedef CAT2(MARK_, SUFFIX) MARK; /* an integer of R's width */
/* MINIMUM and MAXIMUM of numbers, blind to NaN; of two of which one is NaN, the first NaN. */
#define LESSER(x, y) WHERE(less(y, x), y, x)
#define GREATER(x, y) WHERE(less(x, y), y, x)
#define FIRST_NAN(x, y) WHERE(ISNAN(x), x, y)
#define NAN_SPOILS true

/* NumPy's clip has an order of its own: it looks at imaginary parts only to break ties. */
static inline int clip_less(T x, T y) {
    return ((x.re == y.re) & (x.im < y.im)) | (x.re < y.re);
}

static inline T clip(T x, T low, T high) {
    const int stays = ISNAN(x) | clip_less(low, x);
    const T raised = WHERE(stays, x, low);
    const int fits = ISNAN(x) | ((stays == 0) & ISNAN(low)) | clip_less(raised, high); /* first two: raised is NaN */
    return WHERE(fits, raised, high);
}
#define CLIP(x, low, high) clip(x, low, high)

#define RE(x) ((x).re)
#define IM(x) ((x).im)
#define CONJ(x) make((x).re, -(x).im)
#define MAKE(x, y) make(x, y)

/* Casts to T. */
typedef T CARRIER;
#define FROM_BOOL(v, S) make((v) != 0, 0)
#define FROM_INT(v, S) make((R)(v), 0)
#define FROM_REAL(v, S) make(canonical((R)(v)), 0)
#define FROM_COMPLEX(v, S) make(canonical((R)(v).re), canonical((R)(v).im))
#define IF_FROM_COMPLEX KEEP

#endif
