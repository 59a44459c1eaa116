/* SPDX-License-Identifier: MIT */
/* The words of the ops for float32 and float64, step by step those of vm/class_real.h, whose bits they have to give. */
#include "jit/llvm/emit.h"

#include <math.h>

#define LOWERINGS lowerings_real
#define STEPS steps_real
#define IN_B DROP
#define IN_I DROP
#define IN_F KEEP
#define IN_C DROP
#define IN_BI DROP
#define IN_IF KEEP
#define IN_FC KEEP
#define IN_BIF KEEP
#define IN_IFC KEEP
#define IN_BIFC KEEP
#define IN_WIDE KEEP
#define IN_ORDERED KEEP
#define IN_BOOL DROP

#define P(x) ((x).part[0])
#define CONSTANT(v) real_constant(e, e->loop, v)

static vec is_nan(emitter *e, vec x) {
    return f_unordered(e, x, x);
}

static vec magnitude(emitter *e, vec x) {
    return intrinsic1(e, "llvm.fabs", x);
}

static vec sign(emitter *e, vec x) {
    const vec zero = zero_like(x), one = intrinsic2(e, "llvm.copysign", CONSTANT(1), x);
    return choose(e, is_nan(e, x), x, choose(e, f_eq(e, x, zero), zero, one));
}

static vec copy_sign(emitter *e, vec x, vec y) {
    return intrinsic2(e, "llvm.copysign", x, choose(e, is_nan(e, y), CONSTANT(1), y));
}

static vec heaviside(emitter *e, vec x, vec y) {
    const vec zero = zero_like(x), step = choose(e, f_lt(e, zero, x), CONSTANT(1), zero);
    return choose(e, is_nan(e, x), x, choose(e, f_eq(e, x, zero), y, step));
}

/* The factor is rounded to the dtype, then the product. */
static vec scaled(emitter *e, vec x, double factor, float factor_f32) {
    return f_mul(e, x, CONSTANT(e->loop == NEXPR_FLOAT32 ? (double)factor_f32 : factor));
}

/* If x and y compare equal, y. These are one instruction, which returns y for a NaN. */
static vec lesser(emitter *e, vec x, vec y) {
    return choose(e, f_lt(e, x, y), x, y);
}

static vec greater(emitter *e, vec x, vec y) {
    return choose(e, f_lt(e, y, x), x, y);
}

static vec clip(emitter *e, vec x, vec low, vec high) {
    const vec raised = choose(e, f_lt(e, x, low), low, x);
    vec r = choose(e, f_lt(e, high, raised), high, raised);
    r = choose(e, is_nan(e, x), x, r);
    r = choose(e, is_nan(e, low), low, r);
    return choose(e, is_nan(e, high), high, r);
}

static vec sign_bit(emitter *e, vec x) {
    const vec bits = bits_as(e, x, int_type(e, part_bits(e->loop)));
    return i_and(e, s_lt(e, bits, zero_like(bits)), f_eq(e, x, x));
}

#define PI 3.14159265358979323846

#define ADD(x, y) single(f_add(e, P(x), P(y)))
#define SUB(x, y) single(f_sub(e, P(x), P(y)))
#define MUL(x, y) single(f_mul(e, P(x), P(y)))
#define DIV(x, y) single(f_div(e, P(x), P(y)))
#define NEG(x) single(f_neg(e, P(x)))
#define POS(x) (x)
#define ABS(x) single(magnitude(e, P(x)))
#define SIGN(x) single(sign(e, P(x)))
#define SQRT(x) single(intrinsic1(e, "llvm.sqrt", P(x)))
#define RECIPROCAL(x) single(f_div(e, CONSTANT(1), P(x)))
#define FMA(x, y, z) single(intrinsic(e, "llvm.fma", 3, (vec[]){P(x), P(y), P(z)}))
#define COPYSIGN(x, y) single(copy_sign(e, P(x), P(y)))
#define HEAVISIDE(x, y) single(heaviside(e, P(x), P(y)))
#define FLOOR(x) single(intrinsic1(e, "llvm.floor", P(x)))
#define CEIL(x) single(intrinsic1(e, "llvm.ceil", P(x)))
#define TRUNC(x) single(intrinsic1(e, "llvm.trunc", P(x)))
#define RINT(x) single(intrinsic1(e, "llvm.rint", P(x)))
#define DEG2RAD(x) single(scaled(e, P(x), PI / 180, (float)PI / 180))
#define RAD2DEG(x) single(scaled(e, P(x), 180 / PI, 180 / (float)PI))

#define MINIMUM(x, y) single(choose(e, is_nan(e, P(x)), P(x), lesser(e, P(x), P(y))))
#define MAXIMUM(x, y) single(choose(e, is_nan(e, P(x)), P(x), greater(e, P(x), P(y))))
#define FMIN(x, y) single(choose(e, is_nan(e, P(y)), P(x), lesser(e, P(x), P(y))))
#define FMAX(x, y) single(choose(e, is_nan(e, P(y)), P(x), greater(e, P(x), P(y))))
#define CLIP(x, low, high) single(clip(e, P(x), P(low), P(high)))

#define EQ(x, y) single(f_eq(e, P(x), P(y)))
#define NE(x, y) single(f_ne(e, P(x), P(y)))
#define LT(x, y) single(f_lt(e, P(x), P(y)))
#define LE(x, y) single(f_le(e, P(x), P(y)))
#define TRUTH(x) f_ne(e, P(x), zero_like(P(x)))
#define WHERE(c, x, y) single(choose(e, P(c), P(x), P(y)))
#define ISNAN(x) single(is_nan(e, P(x)))
#define ISINF(x) single(f_eq(e, magnitude(e, P(x)), CONSTANT(INFINITY)))
#define ISFINITE(x) single(f_lt(e, magnitude(e, P(x)), CONSTANT(INFINITY)))
#define SIGNBIT(x) single(sign_bit(e, P(x)))

#define RE(x) (x)
#define IM(x) single(zero_like(P(x)))
#define CONJ(x) (x)

#include "jit/llvm/lower_tmpl.h"
