/* SPDX-License-Identifier: MIT */
/*
 * Words of the ops for int8 to uint64. Arithmetic is done in an unsigned type at least as wide as unsigned int and cut to
 * T, so that it wraps and is never undefined; words that branch are written with selects, so that loops vectorise.
 */
#ifndef NX_VM_CLASS_INT_H
#define NX_VM_CLASS_INT_H

#include "vm/template.h"

typedef CTYPE T;
typedef T R;

#define LOAD_T(v) (v)
#define LOAD_R(v) (v)
#define STORE_T(v) ((T)(v))
#define STORE_R(v) ((T)(v))

#define IN_B DROP
#define IN_BI KEEP
#define IN_BIF KEEP
#define IN_BIFC KEEP
#define IN_I KEEP
#define IN_IF KEEP
#define IN_IFC KEEP
#define IN_F DROP
#define IN_FH DROP
#define IN_FC DROP
#define IN_C DROP
#define IN_WIDE CAT2(IF_WIDE_, SUFFIX)
#define IN_ORDERED KEEP
#define IN_BOOL DROP
#define IN_DOUBLE DROP
#define IF_WIDE_i8 DROP
#define IF_WIDE_u8 DROP
#define IF_WIDE_i16 DROP
#define IF_WIDE_u16 DROP
#define IF_WIDE_i32 DROP
#define IF_WIDE_u32 DROP
#define IF_WIDE_i64 KEEP
#define IF_WIDE_u64 KEEP
#define UNLESS_NONE KEEP
#define UNLESS_C KEEP
#define UNLESS_F KEEP
#define UNLESS_FC KEEP

/* The unsigned and signed types of T's width. */
#define UNSIGNED_i8 uint8_t
#define UNSIGNED_u8 uint8_t
#define UNSIGNED_i16 uint16_t
#define UNSIGNED_u16 uint16_t
#define UNSIGNED_i32 uint32_t
#define UNSIGNED_u32 uint32_t
#define UNSIGNED_i64 uint64_t
#define UNSIGNED_u64 uint64_t
typedef CAT2(UNSIGNED_, SUFFIX) U;
typedef __typeof__((U)0 + 0u) W; /* in which the unsigned work is done */

enum { WIDTH = sizeof(T) * 8, IS_SIGNED = (T)-1 < (T)1 };
#define SIGN_BIT ((U)((U)1 << (WIDTH - 1)))
#define T_MIN ((T)(IS_SIGNED ? SIGN_BIT : 0))
#define T_MAX ((T)(IS_SIGNED ? SIGN_BIT - 1 : (U)-1))

#define ADD(x, y) ((T)((W)(x) + (W)(y)))
#define SUB(x, y) ((T)((W)(x) - (W)(y)))
#define MUL(x, y) ((T)((W)(x) * (W)(y)))
#define NEG(x) ((T)(0 - (W)(x)))
#define POS(x) (x)
#define NEGATIVE(x) (IS_SIGNED && ((U)(x) & SIGN_BIT) != 0)
#define ABS(x) (NEGATIVE(x) ? NEG(x) : (x))
#define SIGN(x) (NEGATIVE(x) ? -1 : (x) != 0)
#define IS_MINUS_ONE(x) (IS_SIGNED && (x) == (T)-1)
#define RECIPROCAL(x) ((x) == 1 || IS_MINUS_ONE(x) ? (x) : 0)
#define FLOOR(x) (x)
#define CEIL(x) (x)
#define TRUNC(x) (x)

/*
 * x / y truncated, for y neither 0 nor -1. There is no vector instruction for it, but for floating point there is, and it
 * is exact: a quotient that is no integer is at least 1/|y| away from one, and its rounding error is less than that as
 * long as |x| < 2^p, p being the precision.
 */
static inline T quotient(T x, T y) {
    if (sizeof(T) < 4) return (T)(int32_t)((float)x / (float)y);
    if (sizeof(T) == 4) return (T)((double)x / (double)y);
    return x / y;
}

/* A divisor that quotient() takes; results for 0 and -1 are selected afterwards. */
#define SAFE_DIVISOR(y) ((y) == 0 || IS_MINUS_ONE(y) ? (T)1 : (y))

static inline T floor_divide(T x, T y) {
    const T d = SAFE_DIVISOR(y), q = quotient(x, d), m = SUB(x, MUL(q, d));
    const T floor = SUB(q, m != 0 && NEGATIVE(m) != NEGATIVE(d));
    return y == 0 ? 0 : IS_MINUS_ONE(y) ? NEG(x) : floor;
}

static inline T fmod_int(T x, T y) {
    const T d = SAFE_DIVISOR(y);
    return SUB(x, MUL(quotient(x, d), d)); /* d = 1 leaves 0, as 0 and -1 want */
}

static inline T mod(T x, T y) {
    const T m = fmod_int(x, y);
    return m != 0 && NEGATIVE(m) != NEGATIVE(y) ? ADD(m, y) : m;
}

static inline T power(T x, T y) {
    if (NEGATIVE(y)) return x == 1 || IS_MINUS_ONE(x) ? ((U)y & 1 ? x : 1) : 0;
    W r = 1, square = (W)x;
    for (U e = (U)y; e; e >>= 1) {
        if (e & 1) r *= square;
        square *= square;
    }
    return (T)r;
}

#define FLOORDIV(x, y) floor_divide(x, y)
#define MOD(x, y) mod(x, y)
#define FMOD(x, y) fmod_int(x, y)
#define POW(x, y) power(x, y)

#define MINIMUM(x, y) ((x) < (y) ? (x) : (y))
#define MAXIMUM(x, y) ((x) > (y) ? (x) : (y))
#define FMIN MINIMUM
#define FMAX MAXIMUM
static inline T clip(T x, T low, T high) {
    const T raised = MAXIMUM(x, low);
    return MINIMUM(raised, high);
}
#define CLIP(x, low, high) clip(x, low, high)

/* What reductions start from. No element changes when it is combined with it. */
#define ZERO ((T)0)
#define NEGATIVE_ZERO ZERO
#define ONE ((T)1)
#define GREATEST T_MAX
#define LEAST T_MIN
#define GREATEST_OR_NAN GREATEST
#define LEAST_OR_NAN LEAST
typedef U MARK; /* an integer of T's width */
#define LESSER MINIMUM
#define GREATER MAXIMUM
#define FIRST_NAN(x, y) ((void)(x), (y))
#define NAN_SPOILS false

static inline U magnitude(T x) {
    return (U)ABS(x);
}

/* Stein's algorithm: halves and subtracts. */
static inline U gcd(U a, U b) {
    if (a == 0 || b == 0) return a | b;
    const int twos = __builtin_ctzll(a | b);
    a = (U)(a >> __builtin_ctzll(a));
    while (b) {
        b = (U)(b >> __builtin_ctzll(b));
        const U less = a < b ? a : b;
        b = (U)(a < b ? b - a : a - b);
        a = less;
    }
    return (U)(a << twos);
}

static inline T lcm(U a, U b) {
    const U divisor = gcd(a, b);
    return divisor ? (T)((W)(a / divisor) * (W)b) : 0;
}
#define GCD(x, y) ((T)gcd(magnitude(x), magnitude(y)))
#define LCM(x, y) lcm(magnitude(x), magnitude(y))

#define EQ(x, y) ((x) == (y))
#define NE(x, y) ((x) != (y))
#define LT(x, y) ((x) < (y))
#define LE(x, y) ((x) <= (y))
#define TRUTH(x) ((x) != 0)
#define WHERE(c, x, y) ((c) ? (x) : (y))
#define ISNAN(x) ((void)(x), 0)
#define ISINF(x) ((void)(x), 0)
#define ISFINITE(x) ((void)(x), 1)

#define AND(x, y) ((x) & (y))
#define OR(x, y) ((x) | (y))
#define XOR(x, y) ((x) ^ (y))
#define INVERT(x) (~(x))

/* A count that is negative is a large one as unsigned. */
#define COUNT_FITS(y) ((U)(y) < WIDTH)
#define SHL(x, y) (COUNT_FITS(y) ? (T)((W)(x) << ((y) & (WIDTH - 1))) : 0)
static inline T shift_right(T x, T y) {
    const T filled = IS_SIGNED ? (T)(x >> (WIDTH - 1)) : 0;
    return COUNT_FITS(y) ? (T)(x >> (y & (WIDTH - 1))) : filled;
}
#define SHR(x, y) shift_right(x, y)

/* Adds bits in pairs, the pairs in fours, the fours in bytes, and the bytes. (Not by a product, the usual last step: gcc
 * would know it for what it is and count with a scalar instruction.) */
static inline uint8_t popcount(U v) {
    const U ones = (U)-1;
    v = (U)(v - ((v >> 1) & (ones / 3)));
    v = (U)((v & (ones / 5)) + ((v >> 2) & (ones / 5)));
    v = (U)((v + (v >> 4)) & (ones / 17));
    if (WIDTH > 8) v = (U)(v + (v >> 8));
    if (WIDTH > 16) v = (U)(v + (v >> 16 % WIDTH));
    if (WIDTH > 32) v = (U)(v + (v >> 32 % WIDTH));
    return (uint8_t)(v & 127);
}
#define POPCOUNT(x) popcount(magnitude(x))

#define RE(x) (x)
#define IM(x) ((void)(x), 0)
#define CONJ(x) (x)

/* Casts to T. From real numbers: truncated, saturated, 0 for NaN; both limits are exact in S, being powers of two. */
typedef T CARRIER;
#define FROM_BOOL(v, S) ((v) != 0)
#define FROM_INT(v, S) ((T)(v))
static inline int32_t clamped_float(float v) { /* T of at most 16 bits, whose limits are floats */
    const float high = v > (float)T_MAX ? (float)T_MAX : v, both = high < (float)T_MIN ? (float)T_MIN : high;
    return (int32_t)(v == v ? both : 0);
}
static inline T clamped_double(double v) { /* T of at most 32 bits */
    const double high = v > (double)T_MAX ? (double)T_MAX : v, both = high < (double)T_MIN ? (double)T_MIN : high;
    return (T)(sizeof(T) < 4 ? (T)(int32_t)(v == v ? both : 0) : (T)(v == v ? both : 0));
}
#define LIMITS_ARE_EXACT(S) (sizeof(T) < (sizeof(S) == 4 ? 4 : 8))
#define FROM_REAL(v, S)                                                                                  \
    (LIMITS_ARE_EXACT(S) ? (sizeof(S) == 4 ? (T)clamped_float((float)(v)) : clamped_double((double)(v))) \
     : (v) != (v) ? 0                                                                                    \
     : (v) >= (S)SIGN_BIT * (IS_SIGNED ? 1 : 2) ? T_MAX                                                  \
     : (v) <= (S)T_MIN ? T_MIN                                                                           \
                       : (T)(v))
#define IF_FROM_COMPLEX DROP

#endif
