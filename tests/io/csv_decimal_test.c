/* SPDX-License-Identifier: MIT */
/*
 * The digits that are written: they read back the same, no shorter ones do, and of those as short they are the nearest.
 * printf and strtod are the judges: if the nearest number with a digit less reads back as another, so does every other with
 * so few digits. Every float16, and float32 and float64 by a walk over all bit patterns; the argument is its density, one
 * pattern in so many of float32, and as many of float64 (1: all float32, ten minutes).
 */
#include "tests/io/fixture.h"

#include "runtime/io/decimal.h"

#include <math.h>

static uint64_t density = 4099;

static void write_text(nexpr_dtype dtype, const void *at, char text[NX_DECIMAL_TEXT_MAX + NX_DECIMAL_PADDING]) {
    memset(text, 0, NX_DECIMAL_TEXT_MAX + NX_DECIMAL_PADDING);
    nx_decimal_write(dtype, at, text);
}

/* Significant digits, without zeros at either end, packed into `ret`; returns their number. */
static int digits_of(const char *text, char ret[NX_DECIMAL_TEXT_MAX]) {
    int n = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text >= '0' && *text <= '9' && (n || *text != '0')) ret[n++] = *text;
    }
    while (n && ret[n - 1] == '0') n--;
    ret[n] = 0;
    return n;
}

static uint64_t read_text(nexpr_dtype dtype, const char *text) {
    nx_decimal d;
    const char *end = nx_decimal_scan(text, &d);
    assert_true(end && !*end);
    return nx_decimal_to_float(&d, dtype);
}

static void check(nexpr_dtype dtype, uint64_t bits, double value) {
    char text[NX_DECIMAL_TEXT_MAX + NX_DECIMAL_PADDING], digits[NX_DECIMAL_TEXT_MAX], other[64 + NX_DECIMAL_PADDING] = "";
    const char *name = nexpr_dtype_name(dtype);
    unsigned long long shown = bits;
    size_t skip = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : sizeof bits - nexpr_dtype_size(dtype);
    write_text(dtype, (const char *)&bits + skip, text);
    if (read_text(dtype, text) != bits) fail_msg("%s %llx: %s reads back as another", name, shown, text);
    int n = digits_of(text, digits);
    if (dtype == NEXPR_FLOAT64 && strtod(text, NULL) != value) fail_msg("strtod reads %s as another", text);
    if (dtype == NEXPR_FLOAT32 && (double)strtof(text, NULL) != value) fail_msg("strtof reads %s as another", text);
    if (n < 1 || value == 0) return;
    snprintf(other, 64, "%.*e", n - 1, value);
    char others[NX_DECIMAL_TEXT_MAX];
    digits_of(other, others);
    if (read_text(dtype, other) == bits && strcmp(digits, others)) fail_msg("%s is nearer than %s", other, text);
    if (n == 1) return;
    snprintf(other, 64, "%.*e", n - 2, value);
    if (read_text(dtype, other) == bits) fail_msg("%s %llx: %s is shorter than %s", name, shown, other, text);
}

static double half_value(uint64_t bits) {
    int exponent = (int)(bits >> 10), fraction = (int)(bits & 1023);
    return exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
}

static double single_value(uint64_t bits) {
    uint32_t low = (uint32_t)bits;
    float x;
    memcpy(&x, &low, sizeof x);
    return x;
}

static double double_value(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void every_float16_is_written_shortest(void **state) {
    (void)state;
    for (uint64_t bits = 0; bits < 0x7C00; bits++) check(NEXPR_FLOAT16, bits, half_value(bits));
}

static void float32_is_written_shortest(void **state) {
    (void)state;
    for (uint64_t bits = density / 3; bits < 0x7F800000; bits += density) check(NEXPR_FLOAT32, bits, single_value(bits));
}

/* Around the powers of two the distance to the lower neighbour is half of that to the upper one. */
static void floats_beside_powers_of_two_are_written_shortest(void **state) {
    (void)state;
    for (uint64_t e = 0; e < 2047; e++) {
        for (int d = -3; d <= 3; d++) {
            uint64_t bits = (e << 52) + (uint64_t)d;
            if (bits < UINT64_C(0x7FF0000000000000)) check(NEXPR_FLOAT64, bits, double_value(bits));
            bits = (e << 23) + (uint64_t)d;
            if (bits < 0x7F800000) check(NEXPR_FLOAT32, bits, single_value(bits));
        }
    }
}

static void float64_is_written_shortest(void **state) {
    (void)state;
    uint64_t step = (UINT64_C(0x7FF0000000000000) / 0x7F800000 * density) | 1;
    for (uint64_t bits = step / 3; bits < UINT64_C(0x7FF0000000000000); bits += step) {
        check(NEXPR_FLOAT64, bits, double_value(bits));
    }
}

/* Numbers that people write: few digits. */
static void short_numbers_keep_their_digits(void **state) {
    (void)state;
    for (int k = 1; k < 200000; k++) {
        double x = k / 1000.0;
        uint64_t bits;
        memcpy(&bits, &x, sizeof bits);
        check(NEXPR_FLOAT64, bits, x);
    }
}

int main(int argc, char **argv) {
    if (argc > 1) density = strtoull(argv[1], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_float16_is_written_shortest),
        cmocka_unit_test(float32_is_written_shortest),
        cmocka_unit_test(floats_beside_powers_of_two_are_written_shortest),
        cmocka_unit_test(float64_is_written_shortest),
        cmocka_unit_test(short_numbers_keep_their_digits),
    };
    return cmocka_run_group_tests_name("csv_decimal", tests, NULL, NULL);
}
