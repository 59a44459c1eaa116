/* SPDX-License-Identifier: MIT */
/*
 * The shortest digits are found by trying: a float with `dig` decimal digits of guaranteed precision needs at least that
 * many (trailing zeros aside) unless it is subnormal, and at most three more. Where a precision cuts digits off, the exact
 * value is rounded, half to even, which is what printf does.
 */
#include "cli/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Digits that every normal number keeps, digits that suffice, the least normal number, the magnitude from which NumPy prints
 * a scalar with an exponent. */
typedef struct precision_row {
    int kept, enough;
    double least_normal, large;
} precision_row;

static precision_row precision_of(nexpr_dtype dtype) {
    switch (dtype) {
    case NEXPR_FLOAT16: return (precision_row){3, 5, 0x1p-14, 1e3};
    case NEXPR_FLOAT32: return (precision_row){FLT_DIG, FLT_DECIMAL_DIG, FLT_MIN, 1e6};
    default: return (precision_row){DBL_DIG, DBL_DECIMAL_DIG, DBL_MIN, 1e16};
    }
}

/* --------------------------------------------------------------------------------------------------------- values -- */

static double from_half(uint16_t bits) {
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double x = exponent == 31 ? (fraction ? NAN : INFINITY)
             : exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    return bits >> 15 ? -x : x;
}

/* To the nearest float16, half to even: 11 bits of a normal number, multiples of 2^-24 below. */
static double round_to_half(double x) {
    int exponent;
    if (!isfinite(x) || x == 0) return x;
    frexp(x, &exponent);
    int unit = exponent - 11 > -24 ? exponent - 11 : -24;
    double rounded = ldexp(rint(ldexp(x, -unit)), unit);
    return fabs(rounded) > 65504 ? copysign(INFINITY, x) : rounded;
}

double number_round(double x, nexpr_dtype dtype) {
    return dtype == NEXPR_FLOAT16 ? round_to_half(x) : dtype == NEXPR_FLOAT32 ? (double)(float)x : x;
}

#define READ_BOOL(ctype) (number){.kind = NUMBER_BOOL, .u = *(const uint8_t *)at != 0}
#define READ_INT(ctype) read_int((ctype)-1 < (ctype)1, sizeof(ctype), at)
#define READ_REAL(ctype) (number){.kind = NUMBER_REAL, .re = read_real(sizeof(ctype), at)}
#define READ_COMPLEX(ctype)                                                       \
    (number){.kind = NUMBER_COMPLEX, .re = read_real(sizeof(ctype), at),          \
             .im = read_real(sizeof(ctype), (const char *)at + sizeof(ctype))}

static double read_real(size_t size, const void *at) {
    uint16_t half;
    float single;
    double value;
    switch (size) {
    case sizeof half: return from_half(*(const uint16_t *)memcpy(&half, at, sizeof half));
    case sizeof single: return (double)*(const float *)memcpy(&single, at, sizeof single);
    default: return *(const double *)memcpy(&value, at, sizeof value);
    }
}

/* Little endian or not: the value is the low or the high end of its 8 bytes, extended. */
static number read_int(bool is_signed, size_t size, const void *at) {
    uint64_t u = 0;
    const unsigned char *bytes = at;
    for (size_t i = 0; i < size; i++) {
        size_t k = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? size - 1 - i : i;
        u = u << 8 | bytes[k];
    }
    if (!is_signed) return (number){.kind = NUMBER_UNSIGNED, .u = u};
    uint64_t sign = UINT64_C(1) << (8 * size - 1);
    return (number){.kind = NUMBER_SIGNED, .i = (int64_t)((u ^ sign) - sign)};
}

number number_read(nexpr_dtype dtype, const void *at) {
    number x = {0};
    switch (dtype) {
#define X(id, suffix, name, class, ctype) \
    case NEXPR_##id: x = READ_##class(ctype); break;
        NEXPR_DTYPE_MAP(X)
#undef X
    default: break;
    }
    x.dtype = dtype == NEXPR_COMPLEX64 ? NEXPR_FLOAT32 : dtype == NEXPR_COMPLEX128 ? NEXPR_FLOAT64 : dtype;
    return x;
}

/* --------------------------------------------------------------------------------------------------------- floats -- */

/* Removes zeros behind the last other digit of "ddd.ddd". */
static void trim_zeros(char *text) {
    size_t n = strlen(text);
    while (n && text[n - 1] == '0') n--;
    text[n] = 0;
}

static bool reads_back(const char *text, double x, nexpr_dtype dtype) {
    if (dtype == NEXPR_FLOAT32) return (double)strtof(text, NULL) == x;
    return number_round(strtod(text, NULL), dtype) == x;
}

/* The shortest digits of abs(x) without zeros at their end, and the exponent of the first; returns their number. */
static int shortest(double x, nexpr_dtype dtype, char digits[DBL_DECIMAL_DIG + 1], int *ret_exponent) {
    precision_row row = precision_of(dtype);
    char text[64];
    x = fabs(x);
    int n = x < row.least_normal ? 1 : row.kept;
    for (;; n++) {
        snprintf(text, sizeof text, "%.*e", n - 1, x);
        if (n >= row.enough || reads_back(text, x, dtype)) break;
    }
    int count = 0;
    const char *at = text;
    for (; *at != 'e'; at++) {
        if (*at != '.') digits[count++] = *at;
    }
    *ret_exponent = atoi(at + 1);
    while (count > 1 && digits[count - 1] == '0') count--;
    digits[count] = 0;
    return count;
}

void number_positional(double x, nexpr_dtype dtype, int precision, char *text) {
    char digits[DBL_DECIMAL_DIG + 1];
    int exponent, count = shortest(x, dtype, digits, &exponent);
    if (precision != ALL_DIGITS && count - 1 - exponent > precision) {
        size_t n = (size_t)snprintf(text, NUMBER_TEXT_MAX, "%#.*f", precision, x);
        if (n < NUMBER_TEXT_MAX) trim_zeros(text);
        return;
    }
    if (signbit(x)) *text++ = '-';
    for (int i = exponent < 0 ? exponent : 0; i < count || i <= exponent; i++) {
        *text++ = i >= 0 && i < count ? digits[i] : '0';
        if (i == exponent) *text++ = '.';
    }
    *text = 0;
}

int number_scientific(double x, nexpr_dtype dtype, int precision, char *text) {
    char digits[DBL_DECIMAL_DIG + 1];
    int exponent, places = shortest(x, dtype, digits, &exponent) - 1;
    if (precision != ALL_DIGITS && places > precision) places = precision;
    snprintf(text, NUMBER_TEXT_MAX, "%#.*e", places, x);
    char *e = strchr(text, 'e'), tail[16];
    snprintf(tail, sizeof tail, "%s", e);
    *e = 0;
    trim_zeros(text);
    places = (int)(strlen(text) - (size_t)(strchr(text, '.') - text) - 1);
    strcat(text, tail);
    return places;
}

void number_scientific_fixed(double x, int places, int exponent_digits, char *text) {
    snprintf(text, NUMBER_TEXT_MAX, "%#.*e", places, x);
    char *digits = strchr(text, 'e') + 2;
    int missing = exponent_digits - (int)strlen(digits);
    if (missing <= 0) return;
    memmove(digits + missing, digits, strlen(digits) + 1);
    memset(digits, '0', (size_t)missing);
}

/* -------------------------------------------------------------------------------------------------------- scalars -- */

static const char *not_finite(double x) {
    return isnan(x) ? "nan" : x > 0 ? "inf" : "-inf";
}

/* Without a point if whole is "", else with `whole` behind a point at the end. */
static void scalar_float(double x, nexpr_dtype dtype, int precision, const char *whole, char *text) {
    if (!isfinite(x)) {
        strcpy(text, not_finite(x));
    } else if (x == 0 || (fabs(x) < precision_of(dtype).large && fabs(x) >= 1e-4)) {
        number_positional(x, dtype, precision, text);
        size_t n = strlen(text);
        if (text[n - 1] == '.') strcpy(text + n - !*whole, whole);
    } else {
        number_scientific(x, dtype, precision, text);
        char *point = strstr(text, ".e");
        if (point) memmove(point, point + 1, strlen(point));
    }
}

static void complex_parts(const number *x, int precision, char *text) {
    scalar_float(x->re, x->dtype, precision, "", text);
    char imaginary[NUMBER_TEXT_MAX];
    scalar_float(x->im, x->dtype, precision, "", imaginary);
    size_t n = strlen(text);
    snprintf(text + n, NUMBER_TEXT_MAX - n, "%s%sj", imaginary[0] == '-' ? "" : "+", imaginary);
}

void number_word(const number *x, int precision, char *text) {
    switch (x->kind) {
    case NUMBER_BOOL: strcpy(text, x->u ? "True" : "False"); return;
    case NUMBER_SIGNED: snprintf(text, NUMBER_TEXT_MAX, "%lld", (long long)x->i); return;
    case NUMBER_UNSIGNED: snprintf(text, NUMBER_TEXT_MAX, "%llu", (unsigned long long)x->u); return;
    case NUMBER_REAL: scalar_float(x->re, x->dtype, precision, "0", text); return;
    case NUMBER_COMPLEX: complex_parts(x, precision, text); return;
    }
}

void number_scalar(const number *x, int precision, char *text) {
    if (x->kind != NUMBER_COMPLEX) {
        number_word(x, precision, text);
    } else if (x->re == 0 && !signbit(x->re)) {
        scalar_float(x->im, x->dtype, precision, "", text);
        strcat(text, "j");
    } else {
        text[0] = '(';
        complex_parts(x, precision, text + 1);
        strcat(text, ")");
    }
}
