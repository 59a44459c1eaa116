/* SPDX-License-Identifier: MIT */
/*
 * Numbers in text, both ways and exactly: reading rounds the decimal number once, half to even, and writing finds the
 * shortest digits that read back the same, the nearest of these. Both compute with integers only, so neither the locale nor
 * the rounding mode of the caller matters.
 */
#ifndef NX_IO_DECIMAL_H
#define NX_IO_DECIMAL_H

#include "nexpr.h"

enum {
    NX_DECIMAL_PADDING = 8,   /* bytes behind a text that may be looked at; the first must not be part of a number */
    NX_DECIMAL_TEXT_MAX = 72, /* bytes that nx_decimal_write writes at most */
};

/* ------------------------------------------------------------------------------------------------------- reading -- */

/* A number as it is written: digits * 10^exponent, and if it is cut up to one more digit's unit. */
typedef struct nx_decimal {
    const char *text; /* of the first digit */
    uint64_t digits;  /* the first 19 that count */
    int exponent;
    bool is_negative;
    bool is_integer; /* neither a point nor an exponent */
    bool is_cut;     /* there are more digits than 19 */
    enum { NX_DECIMAL_FINITE, NX_DECIMAL_INF, NX_DECIMAL_NAN } kind;
} nx_decimal;

/* Scans a number in Python's spelling without underscores: an optional sign, digits with or without a point and an exponent,
 * or inf, infinity, nan in any case. Returns its end, or NULL if there is none. */
const char *nx_decimal_scan(const char *text, nx_decimal *ret);

/* The end of a number, without its value, and whether it is an integer. NULL also if it may be none of int64, or is a word:
 * then only nx_decimal_scan can tell. */
const char *nx_decimal_skim(const char *text, bool *ret_integer);
/* Both in one: nx_decimal_scan and nx_decimal_to_float. */
const char *nx_decimal_read_float64(const char *text, uint64_t *ret_bits);

/* The bits of the nearest float64, float32 or float16; infinite beyond the largest. */
uint64_t nx_decimal_to_float(const nx_decimal *d, nexpr_dtype dtype);
/* An integer's value; false if it is none that fits 64 bits. */
bool nx_decimal_to_int64(const nx_decimal *d, int64_t *ret);
bool nx_decimal_to_uint64(const nx_decimal *d, uint64_t *ret);

/* ------------------------------------------------------------------------------------------------------- writing -- */

/* Writes an element of native byte order as Python does: True, -3, 1.0, 1e-05, nan, inf, (1+2j); floats of any width with
 * their own shortest digits. Returns the number of bytes; there is no NUL. */
size_t nx_decimal_write(nexpr_dtype dtype, const void *at, char text[NX_DECIMAL_TEXT_MAX]);

/* ---------------------------------------------------------------------------------------------- shared by the two -- */

__extension__ typedef unsigned __int128 nx_wide;

/* A binary format: a number is mantissa * 2^exponent, with `precision` bits of mantissa, 2^(precision-1) or more unless
 * exponent is the least. */
typedef struct nx_float_format {
    int precision, least_exponent;
    uint64_t infinity; /* its bits */
} nx_float_format;

static inline nx_float_format nx_float_format_of(nexpr_dtype dtype) {
    switch (dtype) {
    case NEXPR_FLOAT16: return (nx_float_format){11, -24, UINT64_C(0x7C00)};
    case NEXPR_FLOAT32:
    case NEXPR_COMPLEX64: return (nx_float_format){24, -149, UINT64_C(0x7F800000)};
    default: return (nx_float_format){53, -1074, UINT64_C(0x7FF0000000000000)};
    }
}

enum { NX_POWER_FIRST = -342, NX_POWER_LAST = 324, NX_POWER_EXACT_LAST = 55 };
/* The 128 leading bits of 10^k, cut off: exact for k from 0 to NX_POWER_EXACT_LAST. */
typedef struct nx_power {
    uint64_t high, low;
} nx_power;
extern const nx_power nx_powers[NX_POWER_LAST - NX_POWER_FIRST + 1];

/* floor(log2(10^k)), for the k of the table. */
static inline int nx_floor_log2_power(int k) {
    return (k * 1741647) >> 19;
}

#endif
