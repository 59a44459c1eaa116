/* SPDX-License-Identifier: MIT */
/*
 * Words of the few ops that float16 does not compute in float32: a result of theirs, rounded to float32 first, could be
 * another one. All work on the 16 bits.
 */
#ifndef NX_VM_CLASS_HALF_H
#define NX_VM_CLASS_HALF_H

#include "vm/half.h"
#include "vm/template.h"

#include <stdbool.h>

typedef CTYPE T;
typedef T R;

static inline bool is_nan(T v) {
    return (v & 0x7fff) > NX_HALF_INF;
}

static inline T canonical(T v) {
    return is_nan(v) ? NX_HALF_NAN : v;
}

#define LOAD_T(v) (v)
#define STORE_T(v) canonical((T)(v))

#define IN_B DROP
#define IN_BI DROP
#define IN_BIF DROP
#define IN_BIFC DROP
#define IN_I DROP
#define IN_IF DROP
#define IN_IFC DROP
#define IN_F DROP
#define IN_FH KEEP
#define IN_FC DROP
#define IN_C DROP
#define UNLESS_NONE KEEP

/*
 * The product is exact in double, the sum is not. Its error (Knuth's two-sum) says how to round it to odd: towards the
 * true value if the last bit is even.
 */
static inline T fma_half(T x, T y, T z) {
    const double a = (double)nx_half_to_float(x) * (double)nx_half_to_float(y), b = (double)nx_half_to_float(z);
    double sum = a + b;
    const double shifted = sum - a, error = (a - (sum - shifted)) + (b - shifted);
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    const uint64_t step = (error > 0) == (sum > 0) ? 1 : (uint64_t)-1;
    bits += (error > 0 || error < 0) && !(bits & 1) ? step : 0;
    memcpy(&sum, &bits, sizeof sum);
    return nx_half_from_double(sum);
}
#define FMA(x, y, z) fma_half(x, y, z)

/* A float16's place on the line: bits of magnitudes are in the order of the magnitudes. */
static inline int place(T v) {
    return v & NX_HALF_SIGN ? -(v & 0x7fff) : v;
}

static inline T next_after(T x, T y) {
    const int from = place(x), to = place(y);
    const T step = (from < to) == (from > 0) ? 1 : (T)-1;
    const T next = from == 0 ? (T)((y & NX_HALF_SIGN) | 1) : (T)(x + step);
    return is_nan(x) || is_nan(y) ? NX_HALF_NAN : from == to ? x : next;
}
#define NEXTAFTER(x, y) next_after(x, y)

/*
 * The distance to the next number above, positive in float16: 2^(e - 25) for the biased exponent e, one less below a
 * negative power of two, whose neighbour above is nearer to 0.
 */
static inline T spacing(T x) {
    const bool boundary = (x & NX_HALF_SIGN) && !(x & 0x3ff);
    const int exponent = (x >> 10 & 31) - boundary, subnormal = exponent < 1 ? 0 : exponent - 1;
    const T r = exponent > 10 ? (T)((exponent - 10) << 10) : (T)(1u << (subnormal & 15));
    return (x & NX_HALF_INF) == NX_HALF_INF ? NX_HALF_NAN : x == NX_HALF_MAX ? NX_HALF_INF : r;
}
#define SPACING(x) spacing(x)

/* Casts to float16 give a float that remains to be rounded. Integers far beyond its range are infinite all the same. */
typedef float CARRIER;

static inline float float_from_signed(int64_t v) {
    const int64_t high = v > 65536 ? 65536 : v;
    return (float)(int32_t)(high < -65536 ? -65536 : high);
}

static inline float float_from_unsigned(uint64_t v) {
    return (float)(int32_t)(v > 65536 ? 65536 : v);
}

static inline float canonical_float(float v) {
    return v == v ? v : nx_float_from_bits(0x7fc00000u);
}

#define FROM_BOOL(v, S) ((v) != 0)
#define FROM_INT(v, S) \
    (sizeof(S) < 4 ? (float)(v) : (S)-1 < (S)1 ? float_from_signed((int64_t)(v)) : float_from_unsigned((uint64_t)(v)))
#define FROM_REAL(v, S) canonical_float(sizeof(S) == 8 ? nx_float_to_odd((double)(v)) : (float)(v))
#define IF_FROM_COMPLEX DROP

#endif
