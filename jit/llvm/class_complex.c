/* SPDX-License-Identifier: MIT */
/*
 * The words of the ops for complex64 and complex128, step by step those of vm/class_complex.h, whose bits they have to give:
 * plain products, Smith's quotients, lexicographic order.
 */
#include "jit/llvm/emit.h"

#include <math.h>

#define LOWERINGS lowerings_complex
#define STEPS steps_complex
#define IN_B DROP
#define IN_I DROP
#define IN_F DROP
#define IN_C KEEP
#define IN_BI DROP
#define IN_IF DROP
#define IN_FC KEEP
#define IN_BIF DROP
#define IN_IFC KEEP
#define IN_BIFC KEEP
#define IN_WIDE KEEP
#define IN_ORDERED KEEP
#define IN_BOOL DROP

#define RE_OF(x) ((x).part[0])
#define IM_OF(x) ((x).part[1])
#define CONSTANT(v) real_constant(e, e->loop, v)

static vec magnitude(emitter *e, vec part) {
    return intrinsic1(e, "llvm.fabs", part);
}

static value multiply(emitter *e, value x, value y) {
    const vec re = f_sub(e, f_mul(e, RE_OF(x), RE_OF(y)), f_mul(e, IM_OF(x), IM_OF(y)));
    const vec im = f_add(e, f_mul(e, RE_OF(x), IM_OF(y)), f_mul(e, IM_OF(x), RE_OF(y)));
    return pair(re, im);
}

static vec is_zero(emitter *e, value x) {
    const vec zero = zero_like(RE_OF(x));
    return i_and(e, f_eq(e, RE_OF(x), zero), f_eq(e, IM_OF(x), zero));
}

/* `wide`: the real part of y is the larger one. Selects of parts stand for the two branches of Smith's algorithm. */
static value divide(emitter *e, value x, value y) {
    const vec wide = f_le(e, magnitude(e, IM_OF(y)), magnitude(e, RE_OF(y))), zero = is_zero(e, y);
    const vec large = choose(e, wide, RE_OF(y), IM_OF(y)), small = choose(e, wide, IM_OF(y), RE_OF(y));
    const vec ratio = f_div(e, small, large);
    const vec scale = f_div(e, CONSTANT(1), f_add(e, large, f_mul(e, small, ratio)));
    const vec first = choose(e, wide, RE_OF(x), IM_OF(x)), second = choose(e, wide, IM_OF(x), RE_OF(x));
    const vec product = f_mul(e, first, ratio);
    const vec re = f_mul(e, f_add(e, first, f_mul(e, second, ratio)), scale);
    const vec left = choose(e, wide, second, product), right = choose(e, wide, product, second);
    const vec im = f_mul(e, f_sub(e, left, right), scale);
    const vec nothing = magnitude(e, RE_OF(y));
    return pair(choose(e, zero, f_div(e, RE_OF(x), nothing), re), choose(e, zero, f_div(e, IM_OF(x), nothing), im));
}

static value reciprocal(emitter *e, value x) {
    const vec wide = f_le(e, magnitude(e, IM_OF(x)), magnitude(e, RE_OF(x)));
    const vec large = choose(e, wide, RE_OF(x), IM_OF(x)), small = choose(e, wide, IM_OF(x), RE_OF(x));
    const vec ratio = f_div(e, small, large), length = f_add(e, large, f_mul(e, small, ratio));
    const vec one = CONSTANT(1), re = choose(e, wide, one, ratio), im = f_neg(e, choose(e, wide, ratio, one));
    return pair(f_div(e, re, length), f_div(e, im, length));
}

static vec is_nan(emitter *e, value x) {
    return f_unordered(e, RE_OF(x), IM_OF(x));
}

static vec is_ordered(emitter *e, vec x, vec y) {
    return LLVMBuildFCmp(e->builder, LLVMRealORD, x, y, "");
}

static vec is_less(emitter *e, value x, value y) {
    const vec below = i_and(e, f_lt(e, RE_OF(x), RE_OF(y)), is_ordered(e, IM_OF(x), IM_OF(y)));
    return i_or(e, below, i_and(e, f_eq(e, RE_OF(x), RE_OF(y)), f_lt(e, IM_OF(x), IM_OF(y))));
}

static vec is_less_or_equal(emitter *e, value x, value y) {
    const vec below = i_and(e, f_lt(e, RE_OF(x), RE_OF(y)), is_ordered(e, IM_OF(x), IM_OF(y)));
    return i_or(e, below, i_and(e, f_eq(e, RE_OF(x), RE_OF(y)), f_le(e, IM_OF(x), IM_OF(y))));
}

static value where(emitter *e, vec c, value x, value y) {
    return pair(choose(e, c, RE_OF(x), RE_OF(y)), choose(e, c, IM_OF(x), IM_OF(y)));
}

/* NumPy's clip has an order of its own: it looks at imaginary parts only to break ties. */
static vec clip_less(emitter *e, value x, value y) {
    const vec tie = i_and(e, f_eq(e, RE_OF(x), RE_OF(y)), f_lt(e, IM_OF(x), IM_OF(y)));
    return i_or(e, tie, f_lt(e, RE_OF(x), RE_OF(y)));
}

static value clip(emitter *e, value x, value low, value high) {
    const vec stays = i_or(e, is_nan(e, x), clip_less(e, low, x));
    const value raised = where(e, stays, x, low);
    const vec raised_is_nan = i_or(e, is_nan(e, x), i_and(e, i_not(e, stays), is_nan(e, low)));
    return where(e, i_or(e, raised_is_nan, clip_less(e, raised, high)), raised, high);
}

/* Both parts compared with infinity: `compare` of the magnitudes, combined. */
static value is_finite(emitter *e, value x) {
    const vec infinity = CONSTANT(INFINITY);
    return single(i_and(e, f_lt(e, magnitude(e, RE_OF(x)), infinity), f_lt(e, magnitude(e, IM_OF(x)), infinity)));
}

static value is_infinite(emitter *e, value x) {
    const vec infinity = CONSTANT(INFINITY);
    return single(i_or(e, f_eq(e, magnitude(e, RE_OF(x)), infinity), f_eq(e, magnitude(e, IM_OF(x)), infinity)));
}

static value round_parts(emitter *e, value x) {
    return pair(intrinsic1(e, "llvm.rint", RE_OF(x)), intrinsic1(e, "llvm.rint", IM_OF(x)));
}

#define ADD(x, y) pair(f_add(e, RE_OF(x), RE_OF(y)), f_add(e, IM_OF(x), IM_OF(y)))
#define SUB(x, y) pair(f_sub(e, RE_OF(x), RE_OF(y)), f_sub(e, IM_OF(x), IM_OF(y)))
#define MUL(x, y) multiply(e, x, y)
#define DIV(x, y) divide(e, x, y)
#define NEG(x) pair(f_neg(e, RE_OF(x)), f_neg(e, IM_OF(x)))
#define POS(x) (x)
#define RECIPROCAL(x) reciprocal(e, x)
#define RINT(x) round_parts(e, x)

#define EQ(x, y) single(i_and(e, f_eq(e, RE_OF(x), RE_OF(y)), f_eq(e, IM_OF(x), IM_OF(y))))
#define NE(x, y) single(i_or(e, f_ne(e, RE_OF(x), RE_OF(y)), f_ne(e, IM_OF(x), IM_OF(y))))
#define LT(x, y) single(is_less(e, x, y))
#define LE(x, y) single(is_less_or_equal(e, x, y))
#define TRUTH(x) i_not(e, is_zero(e, x))
#define WHERE(c, x, y) where(e, (c).part[0], x, y)
#define ISNAN(x) single(is_nan(e, x))
#define ISINF(x) is_infinite(e, x)
#define ISFINITE(x) is_finite(e, x)

/* If they compare equal, x. A NaN in either part makes the number a NaN. */
#define MINIMUM(x, y) where(e, i_or(e, is_nan(e, x), is_less_or_equal(e, x, y)), x, y)
#define MAXIMUM(x, y) where(e, i_or(e, is_nan(e, x), is_less_or_equal(e, y, x)), x, y)
#define FMIN(x, y) where(e, i_or(e, is_nan(e, y), is_less_or_equal(e, x, y)), x, y)
#define FMAX(x, y) where(e, i_or(e, is_nan(e, y), is_less_or_equal(e, y, x)), x, y)
#define CLIP(x, low, high) clip(e, x, low, high)

#define RE(x) single(RE_OF(x))
#define IM(x) single(IM_OF(x))
#define CONJ(x) pair(RE_OF(x), f_neg(e, IM_OF(x)))
#define MAKE(x, y) pair(RE_OF(x), RE_OF(y))

#include "jit/llvm/lower_tmpl.h"
