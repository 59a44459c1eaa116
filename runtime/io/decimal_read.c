/* SPDX-License-Identifier: MIT */
/*
 * Text to number. Up to 19 digits and a power of ten from the table give the 128 leading bits of the number and a bound of
 * what is missing. Unless half a unit of the result lies within that bound, the bits tell how to round. Else, which
 * random digits never meet, the number is compared with the half exactly, as integers of up to 4096 bits.
 */
#include "runtime/io/decimal.h"

#include <string.h>

/* A half of float64 has at most 767 digits, so more of them only matter by not being 0. */
enum { DIGITS_KEPT = 19, DIGITS_COMPARED = 800, LIMBS = 64, EXPONENT_MAX = 1 << 20 };

const nx_power nx_powers[NX_POWER_LAST - NX_POWER_FIRST + 1] = {
#define P(k, high, low) [(k) - NX_POWER_FIRST] = {UINT64_C(high), UINT64_C(low)},
#include "runtime/io/decimal_powers.def"
#undef P
};

/* ------------------------------------------------------------------------------------------------------- scanning -- */

static bool is_digit(char c) {
    return (unsigned char)(c - '0') < 10;
}

/* Eight bytes, the first lowest. */
static uint64_t load8(const char *at) {
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? v : __builtin_bswap64(v);
}

/* A bit in the highest place of every byte that is no digit, up to the first of them; more than that above it. */
static uint64_t other_bytes(uint64_t v) {
    return ((v + 0x4646464646464646) | (v - 0x3030303030303030)) & 0x8080808080808080;
}

/* The number of eight digits; a byte of 0 is a digit 0. Pairs are put together, then pairs of pairs, then these. */
static uint64_t value8(uint64_t v) {
    v = (v & 0x0F0F0F0F0F0F0F0F) * (10 << 8 | 1) >> 8;
    v = (v & 0x00FF00FF00FF00FF) * (UINT64_C(100) << 16 | 1) >> 16;
    return (v & 0x0000FFFF0000FFFF) * (UINT64_C(10000) << 32 | 1) >> 32;
}

/* Appends digits to *value, modulo 2^64; returns their end. */
static inline const char *scan_digits(const char *at, uint64_t *value) {
    static const uint32_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    for (;; at += 8) {
        uint64_t v = load8(at), other = other_bytes(v);
        if (other) {
            int n = __builtin_ctzll(other) / 8;
            *value = *value * powers[n] + value8(v << 8 * (7 - n) << 8);
            return at + n;
        }
        *value = *value * 100000000 + value8(v);
    }
}

static inline const char *skip_digits(const char *at) {
    for (;; at += 8) {
        uint64_t other = other_bytes(load8(at));
        if (other) return at + __builtin_ctzll(other) / 8;
    }
}

/* The digits again, if there are more than 19 with leading zeros: those that count. `fraction` is their number behind the
 * point. */
static void scan_many(const char *end, int fraction, nx_decimal *d) {
    int kept = 0, dropped = 0;
    d->digits = 0;
    for (const char *at = d->text; at < end; at++) {
        if (*at == '.') continue;
        if (kept == DIGITS_KEPT) {
            dropped++;
        } else if (kept || *at != '0') {
            d->digits = d->digits * 10 + (uint64_t)(*at - '0');
            kept++;
        }
    }
    d->is_cut = dropped > 0;
    d->exponent = dropped - fraction;
}

/* The exponent behind an 'e'; NULL if there is no digit. */
static const char *scan_exponent(const char *at, int *exponent) {
    bool is_negative = *at == '-';
    at += is_negative || *at == '+';
    if (!is_digit(*at)) return NULL;
    int value = 0;
    for (; is_digit(*at); at++) {
        if (value < EXPONENT_MAX) value = value * 10 + (*at - '0');
    }
    *exponent += is_negative ? -value : value;
    return at;
}

static const char *scan_word(const char *at, nx_decimal *d) {
    static const struct {
        const char *text;
        int kind;
    } words[] = {{"nan", NX_DECIMAL_NAN}, {"infinity", NX_DECIMAL_INF}, {"inf", NX_DECIMAL_INF}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i].text), same = 0;
        while (same < n && (at[same] | 0x20) == words[i].text[same]) same++;
        if (same < n) continue;
        d->kind = words[i].kind;
        return at + n;
    }
    return NULL;
}

static inline __attribute__((always_inline)) const char *scan(const char *text, nx_decimal *ret) {
    *ret = (nx_decimal){.is_negative = *text == '-', .is_integer = true};
    text += *text == '-' || *text == '+';
    ret->text = text;
    const char *at = scan_digits(text, &ret->digits);
    ptrdiff_t count = at - text, fraction = 0;
    if (*at == '.') {
        ret->is_integer = false;
        const char *first = at + 1;
        at = scan_digits(first, &ret->digits);
        fraction = at - first;
        count += fraction;
    }
    if (__builtin_expect(!count, 0)) return ret->is_integer ? scan_word(text, ret) : NULL;
    ret->exponent = -(int)fraction;
    if (__builtin_expect(count > DIGITS_KEPT, 0)) scan_many(at, (int)fraction, ret);
    if ((*at | 0x20) != 'e') return at;
    ret->is_integer = false;
    return scan_exponent(at + 1, &ret->exponent);
}

const char *nx_decimal_scan(const char *text, nx_decimal *ret) {
    return scan(text, ret);
}

const char *nx_decimal_skim(const char *text, bool *ret_integer) {
    text += *text == '-' || *text == '+';
    const char *at = skip_digits(text);
    ptrdiff_t count = at - text;
    *ret_integer = *at != '.' && (*at | 0x20) != 'e';
    if (*ret_integer) return count > 0 && count < DIGITS_KEPT ? at : NULL;
    if (*at == '.') {
        const char *first = at + 1;
        at = skip_digits(first);
        count += at - first;
    }
    int exponent = 0;
    if (!count) return NULL;
    return (*at | 0x20) == 'e' ? scan_exponent(at + 1, &exponent) : at;
}

/* -------------------------------------------------------------------------------------------------- long integers -- */

/* Lowest limb first; at most 4096 bits, of which what is compared here needs 2,900. */
typedef struct integer {
    int count;
    uint64_t limbs[LIMBS];
} integer;

/* x = x * factor + more */
static void multiply_add(integer *x, uint64_t factor, uint64_t more) {
    for (int i = 0; i < x->count; i++) {
        nx_wide product = (nx_wide)x->limbs[i] * factor + more;
        x->limbs[i] = (uint64_t)product;
        more = (uint64_t)(product >> 64);
    }
    if (more) x->limbs[x->count++] = more;
}

static void multiply_power_of_5(integer *x, int exponent) {
    uint64_t five_27 = UINT64_C(7450580596923828125), rest = 1;
    for (; exponent >= 27; exponent -= 27) multiply_add(x, five_27, 0);
    while (exponent-- > 0) rest *= 5;
    multiply_add(x, rest, 0);
}

static void shift_left(integer *x, int bits) {
    int whole = bits / 64;
    multiply_add(x, UINT64_C(1) << bits % 64, 0);
    memmove(x->limbs + whole, x->limbs, (size_t)x->count * sizeof *x->limbs);
    memset(x->limbs, 0, (size_t)whole * sizeof *x->limbs);
    x->count += whole;
}

static int compare(const integer *x, const integer *y) {
    if (x->count != y->count) return x->count < y->count ? -1 : 1;
    for (int i = x->count - 1; i >= 0; i--) {
        if (x->limbs[i] != y->limbs[i]) return x->limbs[i] < y->limbs[i] ? -1 : 1;
    }
    return 0;
}

/* All digits of d as an integer times 10^*ret_exponent; beyond DIGITS_COMPARED a 1 stands for those that are not 0. */
static void read_digits(const nx_decimal *d, integer *x, int *ret_exponent) {
    int kept = 0;
    bool is_more = false;
    x->count = 0;
    for (const char *at = d->text; is_digit(*at) || *at == '.'; at++) {
        if (*at == '.' || (!kept && *at == '0')) continue;
        if (kept == DIGITS_COMPARED) {
            is_more |= *at != '0';
        } else {
            multiply_add(x, 10, (uint64_t)(*at - '0'));
            kept++;
        }
    }
    if (is_more) multiply_add(x, 10, 1);
    *ret_exponent = d->exponent + (d->is_cut ? DIGITS_KEPT - kept : 0) - is_more;
}

/* The sign of d - (mantissa + 1/2) * 2^exponent. */
static int compare_with_half(const nx_decimal *d, uint64_t mantissa, int exponent) {
    integer x, y = {.count = 1, .limbs = {2 * mantissa + 1}};
    int ten;
    read_digits(d, &x, &ten);
    int two = exponent - 1 - ten; /* x * 5^ten against y * 2^two */
    if (ten < 0) multiply_power_of_5(&y, -ten);
    else multiply_power_of_5(&x, ten);
    if (two < 0) shift_left(&x, -two);
    else shift_left(&y, two);
    return compare(&x, &y);
}

/* ------------------------------------------------------------------------------------------------------- rounding -- */

static int leading_zeros(nx_wide x) {
    uint64_t high = (uint64_t)(x >> 64);
    return high ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)x);
}

/* The leading bits of a number: it is at least bits * 2^exponent, and below (bits + missing) * 2^exponent. */
typedef struct leading {
    nx_wide bits, missing;
    int exponent;
    bool is_exact;
} leading;

/* With the upper half of the power of ten, or with all of it. */
static leading lead(const nx_decimal *d, bool with_low) {
    int shift = __builtin_clzll(d->digits);
    uint64_t digits = d->digits << shift;
    nx_power power = nx_powers[d->exponent - NX_POWER_FIRST];
    nx_wide high = (nx_wide)digits * power.high, low = with_low ? (nx_wide)digits * power.low : 0;
    leading x = {.bits = high + (low >> 64), .missing = with_low ? 2 : ((nx_wide)1 << 64) + 1};
    x.exponent = nx_floor_log2_power(d->exponent) - 127 - shift + 64;
    if (d->is_cut) x.missing += ((nx_wide)2 << 64) << shift;
    x.is_exact = with_low && !(uint64_t)low && d->exponent >= 0 && d->exponent <= NX_POWER_EXACT_LAST && !d->is_cut;
    return x;
}

/* Bits of the float for mantissa * 2^exponent; a mantissa that became one bit longer is right too. */
static uint64_t pack(uint64_t mantissa, int exponent, const nx_float_format *f) {
    if (mantissa >> (f->precision - 1)) mantissa += (uint64_t)(exponent - f->least_exponent) << (f->precision - 1);
    return mantissa < f->infinity ? mantissa : f->infinity;
}

/* Rounds if the leading bits suffice. If not, *ret_mantissa and *ret_exponent are what it is rounded down to. */
static inline __attribute__((always_inline)) bool round_leading(const leading *x, const nx_float_format *f,
                                                               uint64_t *ret_mantissa, int *ret_exponent) {
    int exponent = x->exponent + 128 - leading_zeros(x->bits) - f->precision;
    if (exponent < f->least_exponent) exponent = f->least_exponent;
    int drop = exponent - x->exponent;
    *ret_exponent = exponent;
    *ret_mantissa = 0;
    if (drop >= 128) return drop > 129;
    nx_wide half = (nx_wide)1 << (drop - 1), rest = x->bits & (2 * half - 1);
    uint64_t mantissa = *ret_mantissa = (uint64_t)(x->bits >> drop);
    if (rest > half) *ret_mantissa = mantissa + 1;
    else if (x->is_exact && rest == half) *ret_mantissa = mantissa + (mantissa & 1);
    else return x->is_exact || rest + x->missing <= half;
    return true;
}

static inline __attribute__((always_inline)) uint64_t round_finite(const nx_decimal *d, const nx_float_format *f) {
    if (!d->digits || d->exponent < NX_POWER_FIRST) return 0;
    if (d->exponent > 308) return f->infinity;
    uint64_t mantissa;
    int exponent;
    leading x = lead(d, false);
    if (__builtin_expect(!round_leading(&x, f, &mantissa, &exponent), 0)) {
        x = lead(d, true);
        if (!round_leading(&x, f, &mantissa, &exponent)) {
            int sign = compare_with_half(d, mantissa, exponent);
            mantissa += sign > 0 || (sign == 0 && mantissa & 1);
        }
    }
    if (exponent > 1024) return f->infinity;
    return pack(mantissa, exponent, f);
}

static inline __attribute__((always_inline)) uint64_t to_float(const nx_decimal *d, nx_float_format f) {
    uint64_t quiet = f.infinity | UINT64_C(1) << (f.precision - 2), sign = f.infinity << 1 & ~f.infinity;
    if (d->kind == NX_DECIMAL_NAN) return quiet;
    uint64_t bits = d->kind == NX_DECIMAL_INF ? f.infinity : round_finite(d, &f);
    return d->is_negative ? bits | sign : bits;
}

const char *nx_decimal_read_float64(const char *text, uint64_t *ret_bits) {
    nx_decimal d;
    const char *end = scan(text, &d);
    if (end) *ret_bits = to_float(&d, nx_float_format_of(NEXPR_FLOAT64));
    return end;
}

/* The usual format is a constant to the compiler. */
uint64_t nx_decimal_to_float(const nx_decimal *d, nexpr_dtype dtype) {
    if (dtype == NEXPR_FLOAT64) return to_float(d, nx_float_format_of(NEXPR_FLOAT64));
    return to_float(d, nx_float_format_of(dtype));
}

/* ------------------------------------------------------------------------------------------------------- integers -- */

bool nx_decimal_to_uint64(const nx_decimal *d, uint64_t *ret) {
    if (!d->is_integer || d->kind || (d->is_negative && d->digits)) return false;
    uint64_t value = d->digits;
    if (d->is_cut) {
        const char *at = d->text;
        while (*at == '0') at++;
        uint64_t last = (uint64_t)(at[DIGITS_KEPT] - '0');
        if (is_digit(at[DIGITS_KEPT + 1]) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, last, &value)) return false;
    }
    *ret = value;
    return true;
}

bool nx_decimal_to_int64(const nx_decimal *d, int64_t *ret) {
    if (!d->is_integer || d->kind || d->is_cut || d->digits > (uint64_t)INT64_MAX + d->is_negative) return false;
    *ret = (int64_t)(d->is_negative ? 0 - d->digits : d->digits);
    return true;
}
