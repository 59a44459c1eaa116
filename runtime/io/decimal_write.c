/* SPDX-License-Identifier: MIT */
/*
 * Number to text. The decimal numbers that read back as a float are those between the halves to its neighbours. Among the
 * powers of ten, the largest one that is not longer than this interval has one multiple in it or several, and ten times it
 * none or one: that one is the shortest, else the nearest multiple is. The three bounds are computed to 128 bits and then
 * cut off with a sticky last bit, which is enough to compare them exactly (R. Giulietti, The Schubfach way to render
 * doubles, 2020, has the proof; tests/io/csv_decimal_test.c the measurements).
 */
#include "runtime/io/decimal.h"

#include <string.h>

/* ------------------------------------------------------------------------------------------------ shortest digits -- */

/* floor(log10(2^e)) and floor(log10(3/4 * 2^e)) for the exponents of float64. */
static int floor_log10_of_2(int e) {
    return (int)((int64_t)e * 661971961083 >> 41);
}

static int floor_log10_of_3_quarters(int e) {
    return (int)(((int64_t)e * 661971961083 - 274743187321) >> 41);
}

/* power * x / 2^127, cut off, with its last bit set if something was cut. */
static uint64_t multiply_sticky(nx_wide power, uint64_t x) {
    uint64_t low = (uint64_t)power & INT64_MAX, high = (uint64_t)(power >> 63);
    nx_wide top = (nx_wide)high * x, bottom = (nx_wide)low * x;
    uint64_t middle = ((uint64_t)top >> 1) + (uint64_t)(bottom >> 64);
    return ((uint64_t)(top >> 64) + (middle >> 63)) | ((middle & INT64_MAX) != 0);
}

typedef struct decimal {
    uint64_t digits;
    int exponent;
} decimal;

/* Of `lower` and the next multiple the one that lies between the bounds; both or none: false. All are in quarters. */
static bool choose(uint64_t lower, uint64_t step, uint64_t least, uint64_t most, uint64_t *ret) {
    bool has_lower = least <= lower << 2, has_upper = (lower + step) << 2 <= most;
    *ret = has_lower ? lower : lower + step;
    return has_lower != has_upper;
}

/* The shortest decimal number that reads back as mantissa * 2^exponent, which is not 0. */
static decimal shortest(uint64_t mantissa, int exponent, const nx_float_format *f) {
    bool is_odd = mantissa & 1; /* then halves round away from it */
    bool is_power = mantissa == UINT64_C(1) << (f->precision - 1) && exponent > f->least_exponent;
    int k = is_power ? floor_log10_of_3_quarters(exponent) : floor_log10_of_2(exponent);
    nx_power p = nx_powers[-k - NX_POWER_FIRST];
    nx_wide power = (((nx_wide)p.high << 64 | p.low) >> 2) + 1;
    int shift = exponent + nx_floor_log2_power(-k) + 2;
    uint64_t value = multiply_sticky(power, mantissa * 4 << shift);
    uint64_t least = multiply_sticky(power, (mantissa * 4 - (is_power ? 1 : 2)) << shift) + is_odd;
    uint64_t most = multiply_sticky(power, (mantissa * 4 + 2) << shift) - is_odd;
    uint64_t cut = value >> 2, chosen;
    if (choose(cut / 10 * 10, 10, least, most, &chosen)) return (decimal){chosen, k};
    if (!choose(cut, 1, least, most, &chosen)) {
        uint64_t middle = 4 * cut + 2;
        chosen = value < middle || (value == middle && !(cut & 1)) ? cut : cut + 1;
    }
    return (decimal){chosen, k};
}

/* ------------------------------------------------------------------------------------------------------ integers -- */

static const char pairs[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
    "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

/* Writes the digits so that they end at `end`; returns their begin. */
static char *write_digits_before(char *end, uint64_t x) {
    for (; x >= 100; x /= 100) memcpy(end -= 2, pairs + x % 100 * 2, 2);
    if (x >= 10) return memcpy(end - 2, pairs + x * 2, 2);
    *--end = (char)('0' + x);
    return end;
}

static char *write_unsigned(char *to, uint64_t x) {
    char digits[20], *end = digits + sizeof digits, *begin = write_digits_before(end, x);
    size_t n = (size_t)(end - begin);
    memcpy(to, begin, n);
    return to + n;
}

static char *write_signed(char *to, int64_t x) {
    if (x < 0) *to++ = '-';
    return write_unsigned(to, x < 0 ? 0 - (uint64_t)x : (uint64_t)x);
}

/* --------------------------------------------------------------------------------------------------------- floats -- */

static char *write_text(char *to, const char *text) {
    size_t n = strlen(text);
    memcpy(to, text, n);
    return to + n;
}

/* "12.5", "0.001" or "1200"; `point` is the number of digits before the point, which may be beyond them either way. */
static char *write_positional(char *to, const char *digits, int count, int point) {
    if (point <= 0) {
        to = write_text(to, "0.");
        memset(to, '0', (size_t)-point);
        memcpy(to - point, digits, (size_t)count);
        return to - point + count;
    }
    int before = count < point ? count : point;
    memcpy(to, digits, (size_t)before);
    memset(to + before, '0', (size_t)(point - before));
    to += point;
    if (count <= point) return to;
    *to++ = '.';
    memcpy(to, digits + point, (size_t)(count - point));
    return to + count - point;
}

/* "1e-05" or "1.25e+20" */
static char *write_scientific(char *to, const char *digits, int count, int exponent) {
    *to++ = *digits;
    if (count > 1) {
        *to++ = '.';
        memcpy(to, digits + 1, (size_t)count - 1);
        to += count - 1;
    }
    to = write_text(to, exponent < 0 ? "e-" : "e+");
    unsigned size = (unsigned)(exponent < 0 ? -exponent : exponent);
    if (size < 10) *to++ = '0';
    return write_unsigned(to, size);
}

/* Python's spelling; `whole` goes behind a number without point and exponent. */
static char *write_float(char *to, uint64_t bits, nexpr_dtype dtype, const char *whole) {
    nx_float_format f = nx_float_format_of(dtype);
    uint64_t hidden = UINT64_C(1) << (f.precision - 1), size = bits & (f.infinity | (hidden - 1));
    if (size > f.infinity) return write_text(to, "nan");
    if (bits != size) *to++ = '-';
    if (size == f.infinity) return write_text(to, "inf");
    if (!size) return write_text(write_text(to, "0"), whole);
    int biased = (int)(size / hidden);
    decimal x = biased ? shortest(size % hidden + hidden, f.least_exponent + biased - 1, &f)
                       : shortest(size, f.least_exponent, &f);
    char buffer[20], *end = buffer + sizeof buffer, *digits = write_digits_before(end, x.digits);
    int point = x.exponent + (int)(end - digits);
    while (end[-1] == '0') end--;
    int count = (int)(end - digits);
    if (point <= -4 || point > 16) return write_scientific(to, digits, count, point - 1);
    to = write_positional(to, digits, count, point);
    return count <= point ? write_text(to, whole) : to;
}

/* Python's repr: without a real part that is a positive 0, with one in parentheses. */
static char *write_complex(char *to, uint64_t re, uint64_t im, nexpr_dtype dtype) {
    if (!re) return write_text(write_float(to, im, dtype, ""), "j");
    *to++ = '(';
    to = write_float(to, re, dtype, "");
    char *sign = to++;
    char *end = write_float(to, im, dtype, "");
    if (*to == '-') {
        memmove(sign, to, (size_t)(end - to));
        end--;
    } else {
        *sign = '+';
    }
    return write_text(end, "j)");
}

/* ------------------------------------------------------------------------------------------------------- elements -- */

/* An unsigned integer of `size` bytes of native order. */
static uint64_t load_bits(const void *at, size_t size) {
    uint8_t b8;
    uint16_t b16;
    uint32_t b32;
    uint64_t b64;
    switch (size) {
    case 1: return *(const uint8_t *)memcpy(&b8, at, 1);
    case 2: return *(const uint16_t *)memcpy(&b16, at, 2);
    case 4: return *(const uint32_t *)memcpy(&b32, at, 4);
    default: return *(const uint64_t *)memcpy(&b64, at, 8);
    }
}

static char *write_integer(char *to, uint64_t bits, size_t size, bool is_signed) {
    if (!is_signed) return write_unsigned(to, bits);
    int unused = 64 - 8 * (int)size;
    return write_signed(to, (int64_t)(bits << unused) >> unused);
}

#define WRITE_BOOL(ctype) write_text(text, load_bits(at, 1) ? "True" : "False")
#define WRITE_INT(ctype) write_integer(text, load_bits(at, sizeof(ctype)), sizeof(ctype), (ctype)-1 < (ctype)1)
#define WRITE_REAL(ctype) write_float(text, load_bits(at, sizeof(ctype)), dtype, ".0")
#define WRITE_COMPLEX(ctype) \
    write_complex(text, load_bits(at, sizeof(ctype)), load_bits((const char *)at + sizeof(ctype), sizeof(ctype)), dtype)

size_t nx_decimal_write(nexpr_dtype dtype, const void *at, char text[NX_DECIMAL_TEXT_MAX]) {
    char *end = text;
    switch (dtype) {
#define X(id, suffix, name, class, ctype) \
    case NEXPR_##id: end = WRITE_##class(ctype); break;
        NEXPR_DTYPE_MAP(X)
#undef X
    default: break;
    }
    return (size_t)(end - text);
}
