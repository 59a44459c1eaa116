/* SPDX-License-Identifier: MIT */
/*
 * The decimal point is the only part of a number that depends on the locale, so none ever passes through the C library:
 * "1.25" is read as "125e-2", and of printf's output only the digits are used. Small numbers take a way of one exact
 * operation: integers up to 2^53 and powers of ten up to 10^22 are doubles, so their product or quotient is rounded once.
 */
#include "engine/float_text.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The middle between two doubles has at most 768 digits; whether any digit behind them is set, one more tells. */
enum { DECIDING_DIGITS = 780, MAX_EXPONENT = 99999, EXACT_POWERS = 23, SHORTEST_MAX = 17 };

/* 0.d1d2d3... * 10^exponent without leading zeros */
typedef struct decimal {
    char digits[DECIDING_DIGITS + 1];
    int count;
    int64_t exponent;
} decimal;

static void add_digit(decimal *d, char digit, bool behind_point) {
    if (!behind_point && (d->count || digit != '0')) d->exponent++;
    if (behind_point && !d->count && digit == '0') d->exponent--;
    if (!d->count && digit == '0') return;
    if (d->count < DECIDING_DIGITS) d->digits[d->count++] = digit;
    else if (digit != '0') d->digits[DECIDING_DIGITS - 1] |= 1; /* sticky: odd, so no longer half way */
}

static int64_t parse_exponent(const char *text, const char *end) {
    bool negative = *text == '-';
    int64_t value = 0;
    if (*text == '-' || *text == '+') text++;
    for (; text < end; text++) {
        if (*text != '_' && value < INT32_MAX) value = value * 10 + (*text - '0');
    }
    return negative ? -value : value;
}

static void parse_decimal(decimal *d, const char *text, size_t length) {
    bool behind_point = false;
    d->count = 0;
    d->exponent = 0;
    for (const char *end = text + length; text < end; text++) {
        if (*text == '_') continue;
        if (*text == '.') {
            behind_point = true;
        } else if (*text == 'e' || *text == 'E') {
            d->exponent += parse_exponent(text + 1, end);
            break;
        } else {
            add_digit(d, *text, behind_point);
        }
    }
}

/* digits * 10^exponent by one exact operation; false if that cannot be done. */
static bool parse_fast(const decimal *d, int64_t exponent, double *ret) {
    static const double powers[EXACT_POWERS] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (d->count > 15 || exponent <= -EXACT_POWERS || exponent >= EXACT_POWERS) return false;
    int64_t mantissa = 0;
    for (int i = 0; i < d->count; i++) mantissa = mantissa * 10 + (d->digits[i] - '0');
    *ret = exponent < 0 ? (double)mantissa / powers[-exponent] : (double)mantissa * powers[exponent];
    return true;
}

static double parse_slow(const decimal *d, int64_t exponent) {
    char text[DECIDING_DIGITS + 32];
    memcpy(text, d->digits, (size_t)d->count);
    snprintf(text + d->count, sizeof text - (size_t)d->count, "e%d", (int)exponent);
    int saved = errno;
    double v = strtod(text, NULL);
    errno = saved;
    return v;
}

double nx_float_parse(const char *text, size_t length) {
    decimal d;
    double v;
    parse_decimal(&d, text, length);
    if (!d.count) return 0.0;
    int64_t exponent = d.exponent - d.count;
    if (parse_fast(&d, exponent, &v)) return v;
    if (exponent > MAX_EXPONENT) exponent = MAX_EXPONENT;
    if (exponent < -MAX_EXPONENT) exponent = -MAX_EXPONENT;
    return parse_slow(&d, exponent);
}

/* The `count` digits nearest to v > 0 into d. */
static void nearest_digits(decimal *d, double v, int count) {
    char text[SHORTEST_MAX + 16];
    snprintf(text, sizeof text, "%.*e", count - 1, v);
    const char *c = text;
    for (d->count = 0; *c != 'e'; c++) {
        if (*c >= '0' && *c <= '9' && d->count < SHORTEST_MAX) d->digits[d->count++] = *c;
    }
    d->exponent = parse_exponent(c + 1, c + strlen(c)) + 1;
}

/* One more in the last digit. */
static void step_up(decimal *d) {
    int i = d->count - 1;
    while (i >= 0 && d->digits[i] == '9') d->digits[i--] = '0';
    if (i >= 0) {
        d->digits[i]++;
    } else {
        d->digits[0] = '1';
        d->exponent++;
    }
}

/* Below a power of two doubles lie twice as dense, so the text above it may read as v where the nearest one does not. */
static void shortest_digits(decimal *d, double v) {
    for (int count = 1; count < SHORTEST_MAX; count++) {
        nearest_digits(d, v, count);
        if (parse_slow(d, d->exponent - d->count) == v) return;
        step_up(d);
        if (parse_slow(d, d->exponent - d->count) == v) return;
    }
    nearest_digits(d, v, SHORTEST_MAX);
}

const char *nx_float_text(double v, bool point, char buffer[NX_FLOAT_TEXT_MAX]) {
    const char *sign = signbit(v) && !isnan(v) ? "-" : "";
    decimal d = {.digits = "0", .count = 1, .exponent = 1};
    if (!isfinite(v)) {
        snprintf(buffer, NX_FLOAT_TEXT_MAX, "%s%s", sign, isnan(v) ? "nan" : "inf");
        return buffer;
    }
    if (v != 0) shortest_digits(&d, fabs(v));
    while (d.count > 1 && d.digits[d.count - 1] == '0') d.count--;
    int n = d.count, e = (int)d.exponent;
    const char *tail = point ? ".0" : "";
    if (e < -3 || e > 16) {
        snprintf(buffer, NX_FLOAT_TEXT_MAX, "%s%c%s%.*se%c%02d", sign, d.digits[0], n > 1 ? "." : "", n - 1, d.digits + 1,
                 e < 1 ? '-' : '+', abs(e - 1));
    } else if (e <= 0) {
        snprintf(buffer, NX_FLOAT_TEXT_MAX, "%s0.%.*s%.*s", sign, -e, "000", n, d.digits);
    } else if (e < n) {
        snprintf(buffer, NX_FLOAT_TEXT_MAX, "%s%.*s.%.*s", sign, e, d.digits, n - e, d.digits + e);
    } else {
        snprintf(buffer, NX_FLOAT_TEXT_MAX, "%s%.*s%.*s%s", sign, n, d.digits, e - n, "0000000000000000", tail);
    }
    return buffer;
}
