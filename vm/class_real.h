/* SPDX-License-Identifier: MIT */
/*
 * Words of the ops for float32 and float64. STORE makes a NaN the canonical one, so words need not care which NaN they
 * return. Selects, not branches: all loops vectorise.
 */
#ifndef NX_VM_CLASS_REAL_H
#define NX_VM_CLASS_REAL_H

#include "vm/template.h"

#include <math.h>
#include <stdbool.h>

typedef CTYPE T;
typedef T R;

static inline T canonical(T v) {
    return v == v ? v : (T)NAN;
}

#define LOAD_T(v) (v)
#define LOAD_R(v) (v)
#define STORE_T(v) canonical(v)
#define STORE_R(v) canonical(v)

#define IN_B DROP
#define IN_BI DROP
#define IN_BIF KEEP
#define IN_BIFC KEEP
#define IN_I DROP
#define IN_IF KEEP
#define IN_IFC KEEP
#define IN_F KEEP
#define IN_FH KEEP
#define IN_FC KEEP
#define IN_C DROP
#define IN_WIDE CAT2(IF_DOUBLE_, SUFFIX)
#define IN_ORDERED KEEP
#define IN_BOOL DROP
#define IN_DOUBLE CAT2(IF_DOUBLE_, SUFFIX)
#define IF_DOUBLE_f32 DROP
#define IF_DOUBLE_f64 KEEP
#define UNLESS_NONE KEEP
#define UNLESS_C KEEP
#define UNLESS_F DROP
#define UNLESS_FC DROP

/* M(sqrt) is sqrtf or sqrt. */
#define M_f32(function) function##f
#define M_f64(function) function
#define M CAT2(M_, SUFFIX)

/* T's bits. */
#define BITS_f32 int32_t
#define BITS_f64 int64_t
typedef CAT2(BITS_, SUFFIX) S_BITS;
#define SIGN_MASK ((S_BITS)((uint64_t)1 << (sizeof(T) * 8 - 1)))

static inline S_BITS to_bits(T v) {
    S_BITS bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static inline T from_bits(S_BITS bits) {
    T v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

#define ADD(x, y) ((x) + (y))
#define SUB(x, y) ((x) - (y))
#define MUL(x, y) ((x) * (y))
#define DIV(x, y) ((x) / (y))
#define NEG(x) (-(x))
#define POS(x) (x)
#define ABS(x) M(fabs)(x)
static inline T sign(T x) {
    const T one = M(copysign)(1, x), r = x == 0 ? 0 : one;
    return x != x ? x : r;
}
#define SIGN(x) sign(x)
#define SQRT(x) M(sqrt)(x)
#define RECIPROCAL(x) (1 / (x))
#define FMA(x, y, z) M(fma)(x, y, z)
#define COPYSIGN(x, y) M(copysign)(x, (y) == (y) ? (y) : 1)
static inline T heaviside(T x, T y) {
    const T step = x > 0 ? 1 : 0, r = x == 0 ? y : step;
    return x != x ? x : r;
}
#define HEAVISIDE(x, y) heaviside(x, y)
#define FLOOR(x) M(floor)(x)
#define CEIL(x) M(ceil)(x)
#define TRUNC(x) M(trunc)(x)
#define RINT(x) M(rint)(x)

/* The factor is rounded to T, then the product. */
#define PI ((T)3.14159265358979323846)
#define DEG2RAD(x) ((x) * (PI / 180))
#define RAD2DEG(x) ((x) * (180 / PI))

/* Bits of magnitudes are in the order of the magnitudes; the neighbour of 0 has y's sign. */
static inline T next_after(T x, T y) {
    const S_BITS bits = to_bits(x), away = (x < y) == (x > 0) ? 1 : -1;
    const T near_zero = from_bits((to_bits(y) & SIGN_MASK) | 1);
    const T next = x == 0 ? near_zero : from_bits(bits + away);
    return x == y ? y : isunordered(x, y) ? (T)NAN : next;
}
#define NEXTAFTER(x, y) next_after(x, y)

/* To the neighbour away from 0: negative for negative x, but for -0. */
static inline T spacing(T x) {
    const T next = x == 0 ? from_bits(1) : from_bits(to_bits(x) + 1);
    return M(fabs)(x) < (T)INFINITY ? next - x : (T)NAN;
}
#define SPACING(x) spacing(x)

static inline int64_t clamp(int64_t v, int64_t low, int64_t high) {
    v = v < low ? low : v;
    return v > high ? high : v;
}

/* 2^e for -1022 <= e <= 1023. */
static inline double power_of_two(int64_t e) {
    const int64_t bits = (e + 1023) << 52;
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* In double every product below is exact, and the cast rounds. */
static inline float ldexp_f32(float x, int64_t e) {
    return (float)((double)x * power_of_two(clamp(e, -400, 400)));
}

/*
 * In three steps, the first one as large as can be. A step down that is not the last is by 2^-969: if it is inexact, what
 * is left is below 2^-1022 and at least 2^-53 is still to come, which gives 0. So only one step rounds.
 */
static inline double ldexp_f64(double x, int64_t e) {
    e = clamp(e, -2 * 969 - 1022, 3 * 1023);
    const int64_t first = e < -1022 ? -969 : clamp(e, -1022, 1023);
    e -= first;
    const int64_t second = e < -1022 ? -969 : clamp(e, -1022, 1023);
    return x * power_of_two(first) * power_of_two(second) * power_of_two(e - second);
}
#define LDEXP CAT2(ldexp_, SUFFIX)

/* If x and y compare equal, y. fmin and fmax take the other one for a NaN. */
static inline T minimum(T x, T y) {
    const T r = x < y ? x : y;
    return x != x ? x : r;
}
static inline T maximum(T x, T y) {
    const T r = x > y ? x : y;
    return x != x ? x : r;
}
#define MINIMUM(x, y) minimum(x, y)
#define MAXIMUM(x, y) maximum(x, y)
#define FMIN(x, y) ((y) != (y) ? (x) : (x) < (y) ? (x) : (y))
#define FMAX(x, y) ((y) != (y) ? (x) : (x) > (y) ? (x) : (y))
/* As NumPy's clip with scalar bounds: x stays if it compares equal to a bound. */
static inline T clip(T x, T low, T high) {
    const T raised = x < low ? low : x;
    T r = raised > high ? high : raised;
    r = x != x ? x : r;
    r = low != low ? low : r;
    return high != high ? high : r;
}
#define CLIP(x, low, high) clip(x, low, high)

/* What reductions start from. No element changes when it is combined with it. */
#define ZERO ((T)0)
#define NEGATIVE_ZERO ((T)-0.0)
#define ONE ((T)1)
#define GREATEST ((T)INFINITY)
#define LEAST ((T)-INFINITY)
#define GREATEST_OR_NAN ((T)NAN)
#define LEAST_OR_NAN ((T)NAN)
typedef S_BITS MARK; /* an integer of T's width */
/* MINIMUM and MAXIMUM of numbers, blind to NaN: one instruction. Of two of which one is NaN, the first NaN. */
#define LESSER(x, y) ((x) < (y) ? (x) : (y))
#define GREATER(x, y) ((x) > (y) ? (x) : (y))
#define FIRST_NAN(x, y) ((void)(x), (void)(y), (T)NAN)
#define NAN_SPOILS true

#define EQ(x, y) ((x) == (y))
#define NE(x, y) ((x) != (y))
#define LT(x, y) ((x) < (y))
#define LE(x, y) ((x) <= (y))
#define TRUTH(x) ((x) != 0)
#define WHERE(c, x, y) ((c) ? (x) : (y))
#define ISNAN(x) ((x) != (x))
#define ISINF(x) (M(fabs)(x) == (T)INFINITY)
#define ISFINITE(x) (M(fabs)(x) < (T)INFINITY)
#define SIGNBIT(x) ((to_bits(x) < 0) & ((x) == (x)))

#define RE(x) (x)
#define IM(x) ((void)(x), (T)0)
#define CONJ(x) (x)

/* Casts to T. */
typedef T CARRIER;
#define FROM_BOOL(v, S) ((v) != 0)
#define FROM_INT(v, S) ((T)(v))
#define FROM_REAL(v, S) canonical((T)(v))
#define IF_FROM_COMPLEX DROP

#endif
