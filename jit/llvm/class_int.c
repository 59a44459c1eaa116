/* SPDX-License-Identifier: MIT */
/* The words of the ops for int8 to uint64. What depends on signs asks for the loop's dtype. */
#include "jit/llvm/emit.h"

#define LOWERINGS lowerings_int
#define STEPS steps_int
#define IN_B DROP
#define IN_I KEEP
#define IN_F DROP
#define IN_C DROP
#define IN_BI KEEP
#define IN_IF KEEP
#define IN_FC DROP
#define IN_BIF KEEP
#define IN_IFC KEEP
#define IN_BIFC KEEP
#define IN_WIDE KEEP
#define IN_ORDERED KEEP
#define IN_BOOL DROP

#define P(x) ((x).part[0])
#define CONSTANT(v) int_constant(e, part_bits(e->loop), (uint64_t)(v))

static bool is_signed(const emitter *e) {
    return nx_dtype_is_signed(e->loop);
}

static vec lesser(emitter *e, vec x, vec y) {
    return intrinsic2(e, is_signed(e) ? "llvm.smin" : "llvm.umin", x, y);
}

static vec greater(emitter *e, vec x, vec y) {
    return intrinsic2(e, is_signed(e) ? "llvm.smax" : "llvm.umax", x, y);
}

static vec is_less(emitter *e, vec x, vec y) {
    return is_signed(e) ? s_lt(e, x, y) : u_lt(e, x, y);
}

static vec is_less_or_equal(emitter *e, vec x, vec y) {
    return is_signed(e) ? s_le(e, x, y) : u_le(e, x, y);
}

/* That of the least number is itself. */
static vec magnitude(emitter *e, vec x) {
    return is_signed(e) ? intrinsic2(e, "llvm.abs", x, LLVMConstInt(int_type(e, 1), 0, false)) : x;
}

static vec sign(emitter *e, vec x) {
    const vec zero = zero_like(x), one = CONSTANT(1);
    const vec positive = choose(e, i_ne(e, x, zero), one, zero);
    return is_signed(e) ? choose(e, s_lt(e, x, zero), CONSTANT(-1), positive) : positive;
}

/* 1 and -1 are their own, all others have 0. */
static vec reciprocal(emitter *e, vec x) {
    const vec one = i_eq(e, x, CONSTANT(1));
    const vec stays = is_signed(e) ? i_or(e, one, i_eq(e, x, CONSTANT(-1))) : one;
    return choose(e, stays, x, zero_like(x));
}

/* A count that is negative is a large one as unsigned. */
static vec count_fits(emitter *e, vec y) {
    return u_lt(e, y, CONSTANT(part_bits(e->loop)));
}

static vec masked_count(emitter *e, vec y) {
    return i_and(e, y, CONSTANT(part_bits(e->loop) - 1));
}

static vec shift_left(emitter *e, vec x, vec y) {
    return choose(e, count_fits(e, y), i_shl(e, x, masked_count(e, y)), zero_like(x));
}

static vec shift_right(emitter *e, vec x, vec y) {
    if (!is_signed(e)) return choose(e, count_fits(e, y), i_lshr(e, x, masked_count(e, y)), zero_like(x));
    const vec last = CONSTANT(part_bits(e->loop) - 1);
    return i_ashr(e, x, choose(e, count_fits(e, y), y, last));
}

/* A byte. */
static vec bit_count(emitter *e, vec x) {
    const vec count = intrinsic1(e, "llvm.ctpop", magnitude(e, x));
    return part_bits(e->loop) == 8 ? count : cut(e, count, int_type(e, 8));
}

value integer_power(emitter *e, value x, unsigned exponent) {
    vec r = NULL, square = P(x);
    for (unsigned left = exponent; left; left >>= 1) {
        if (left & 1) r = r ? i_mul(e, r, square) : square;
        if (left > 1) square = i_mul(e, square, square);
    }
    return single(r ? r : CONSTANT(1));
}

#define ADD(x, y) single(i_add(e, P(x), P(y)))
#define SUB(x, y) single(i_sub(e, P(x), P(y)))
#define MUL(x, y) single(i_mul(e, P(x), P(y)))
#define NEG(x) single(i_neg(e, P(x)))
#define POS(x) (x)
#define ABS(x) single(magnitude(e, P(x)))
#define SIGN(x) single(sign(e, P(x)))
#define RECIPROCAL(x) single(reciprocal(e, P(x)))
#define FLOOR(x) (x)
#define CEIL(x) (x)
#define TRUNC(x) (x)
#define MINIMUM(x, y) single(lesser(e, P(x), P(y)))
#define MAXIMUM(x, y) single(greater(e, P(x), P(y)))
#define FMIN MINIMUM
#define FMAX MAXIMUM
#define CLIP(x, low, high) single(lesser(e, greater(e, P(x), P(low)), P(high)))

#define EQ(x, y) single(i_eq(e, P(x), P(y)))
#define NE(x, y) single(i_ne(e, P(x), P(y)))
#define LT(x, y) single(is_less(e, P(x), P(y)))
#define LE(x, y) single(is_less_or_equal(e, P(x), P(y)))
#define TRUTH(x) i_ne(e, P(x), zero_like(P(x)))
#define WHERE(c, x, y) single(choose(e, P(c), P(x), P(y)))
#define ISNAN(x) single(bool_constant(e, false))
#define ISINF(x) single(bool_constant(e, false))
#define ISFINITE(x) single(bool_constant(e, true))

#define AND(x, y) single(i_and(e, P(x), P(y)))
#define OR(x, y) single(i_or(e, P(x), P(y)))
#define XOR(x, y) single(i_xor(e, P(x), P(y)))
#define INVERT(x) single(i_not(e, P(x)))
#define SHL(x, y) single(shift_left(e, P(x), P(y)))
#define SHR(x, y) single(shift_right(e, P(x), P(y)))
#define POPCOUNT(x) single(bit_count(e, P(x)))

#define RE(x) (x)
#define IM(x) single(zero_like(P(x)))
#define CONJ(x) (x)

#include "jit/llvm/lower_tmpl.h"
