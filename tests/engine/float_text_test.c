/* SPDX-License-Identifier: MIT */
#include "engine/float_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double parse(const char *text) {
    return nx_float_parse(text, strlen(text));
}

static void decimals_are_read_as_the_nearest_double(void **state) {
    static const struct { const char *text; double value; } rows[] = {
        {"0", 0}, {"0.0", 0}, {"0e5", 0}, {".5", 0.5}, {"1.", 1}, {"1_0.5e1_0", 10.5e10}, {"1e22", 1e22}, {"1e23", 1e23},
        {"0.1", 0.1}, {"123456789012345678", 123456789012345678.0}, {"9007199254740993", 9007199254740992.0},
        {"9007199254740993.0000000000000000000000000000001", 9007199254740994.0}, {"1E-5", 1e-5}, {"1e+2", 100},
        {"4.9e-324", 5e-324}, {"2.4703282292062327e-324", 0}, {"2.4703282292062328e-324", 5e-324},
        {"1.7976931348623158e308", 1.7976931348623157e308}, {"1.7976931348623159e308", INFINITY}, {"1e400", INFINITY},
        {"1e99999999999999999999", INFINITY}, {"1e-99999999999999999999", 0}, {"0e99999999999999999999", 0},
        {"2.2250738585072011e-308", 2.2250738585072011e-308}, {"0.000000000000000000000000000001", 1e-30},
        {"100000000000000000000000000000000000000000", 1e41}, {"00012.5", 12.5},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) assert_true(parse(rows[i].text) == rows[i].value);
}

/* The middle between 1 and the next double, then zeros, then one digit far behind. */
static void a_digit_far_behind_breaks_a_tie(void **state) {
    enum { LENGTH = 4000 };
    static const char middle[] = "1.00000000000000011102230246251565404236316680908203125";
    char text[LENGTH + 1];
    (void)state;
    memset(text, '0', LENGTH);
    memcpy(text, middle, sizeof middle - 1);
    text[LENGTH] = 0;
    assert_true(parse(text) == 1.0);
    text[LENGTH - 1] = '1';
    assert_true(parse(text) == 1.0 + 0x1p-52);
}

static void texts_are_those_of_python(void **state) {
    static const struct { double value; const char *text, *short_text; } rows[] = {
        {0.0, "0.0", "0"}, {-0.0, "-0.0", "-0"}, {1, "1.0", "1"}, {-1.5, "-1.5", "-1.5"}, {0.1, "0.1", "0.1"},
        {1e15, "1000000000000000.0", "1000000000000000"}, {1e16, "1e+16", "1e+16"},
        {123456789012345680.0, "1.2345678901234568e+17", ""},
        {1e-4, "0.0001", "0.0001"}, {1e-5, "1e-05", "1e-05"}, {5e-324, "5e-324", "5e-324"}, {1e100, "1e+100", "1e+100"},
        {1.7976931348623157e308, "1.7976931348623157e+308", ""}, {INFINITY, "inf", "inf"}, {-INFINITY, "-inf", "-inf"},
        {NAN, "nan", "nan"}, {-NAN, "nan", "nan"}, {1.0 / 3, "0.3333333333333333", ""},
        {0x1p-44, "5.684341886080802e-14", ""},
        {9007199254740993.0, "9007199254740992.0", ""}, {0x1p-1022, "2.2250738585072014e-308", ""}, {12.5, "12.5", "12.5"},
        {9.5367431640625e-07, "9.5367431640625e-07", ""}, {1e23, "1e+23", "1e+23"},
    };
    char buffer[NX_FLOAT_TEXT_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(nx_float_text(rows[i].value, true, buffer), rows[i].text);
        if (*rows[i].short_text) assert_string_equal(nx_float_text(rows[i].value, false, buffer), rows[i].short_text);
    }
}

static void every_text_reads_back(void **state) {
    uint64_t random = 88172645463325252;
    char buffer[NX_FLOAT_TEXT_MAX];
    (void)state;
    for (int i = 0; i < 20000; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        double v = i < 2098 ? ldexp(1.0, i - 1074) : 0;
        if (i >= 2098) memcpy(&v, &random, sizeof v);
        if (!isfinite(v) || signbit(v)) continue;
        assert_true(parse(nx_float_text(v, true, buffer)) == v);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_are_read_as_the_nearest_double),
        cmocka_unit_test(a_digit_far_behind_breaks_a_tie),
        cmocka_unit_test(texts_are_those_of_python),
        cmocka_unit_test(every_text_reads_back),
    };
    return cmocka_run_group_tests_name("float_text", tests, NULL, NULL);
}
