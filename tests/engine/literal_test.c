/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic of literals: the rows below show the laws; tests/parser/python_test.py compares thousands of random operands
 * with Python. Elements: NumPy's rounding of Python numbers.
 */
#include "engine/literal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const nx_span place = {3, 7};

/* "True", "12", "-12", "1.5", "-inf", "nan", "2j", "(1+2j)" is written "1+2j": as much of Python as rows need. */
static nx_literal read_literal(const char *text) {
    nx_literal r = {.kind = NX_LITERAL_BOOL};
    const bool minus = *text == '-';
    const char *digits = text + minus, *plus = strchr(digits, '+');
    if (!strcmp(text, "True") || !strcmp(text, "False")) {
        r.integer = nx_bigint_from_i64(*text == 'T');
    } else if (text[strlen(text) - 1] == 'j') {
        r.kind = NX_LITERAL_COMPLEX;
        r.re = plus ? strtod(text, NULL) : 0.0;
        r.im = strtod(plus ? plus : text, NULL);
    } else if (strpbrk(text, ".en")) {
        r.kind = NX_LITERAL_FLOAT;
        r.re = strtod(text, NULL);
    } else {
        r.kind = NX_LITERAL_INT;
        assert_true(nx_bigint_parse(&r.integer, digits, strlen(digits), 10));
        if (minus) nx_bigint_negate(&r.integer, &r.integer);
    }
    return r;
}

static nexpr_status apply(nx_op op, const char *x, const char *y, char text[64], nexpr_error *err) {
    nx_literal args[2] = {read_literal(x)}, r;
    if (y) args[1] = read_literal(y);
    nexpr_status status = nx_literal_apply(op, args, y ? 2 : 1, place, &r, err);
    if (!status) nx_literal_text(&r, text, 64);
    return status;
}

static void operators_give_the_values_of_python(void **state) {
    static const struct { nx_op op; const char *x, *y, *result; } rows[] = {
        {NX_OP_add, "True", "True", "2"}, {NX_OP_negative, "True", NULL, "-1"}, {NX_OP_positive, "True", NULL, "1"},
        {NX_OP_invert, "True", NULL, "-2"}, {NX_OP_bitwise_and, "True", "False", "False"},
        {NX_OP_bitwise_xor, "True", "1", "0"},
        {NX_OP_divide, "True", "True", "1.0"}, {NX_OP_left_shift, "True", "3", "8"}, {NX_OP_divide, "7", "2", "3.5"},
        {NX_OP_floor_divide, "-7", "2", "-4"}, {NX_OP_remainder, "-7", "2", "1"}, {NX_OP_remainder, "7", "-2", "-1"},
        {NX_OP_power, "2", "100", "1267650600228229401496703205376"}, {NX_OP_power, "2", "-1", "0.5"},
        {NX_OP_power, "0", "0", "1"},
        {NX_OP_add, "9007199254740993", "0.0", "9007199254740992.0"},
        {NX_OP_equal, "9007199254740993", "9007199254740992.0", "False"},
        {NX_OP_greater, "9007199254740993", "9007199254740992.0", "True"}, {NX_OP_less, "1", "inf", "True"},
        {NX_OP_less, "nan", "1", "False"}, {NX_OP_not_equal, "nan", "nan", "True"},
        {NX_OP_greater_equal, "nan", "nan", "False"},
        {NX_OP_floor_divide, "-7.5", "2", "-4.0"}, {NX_OP_remainder, "-7.5", "2", "0.5"},
        {NX_OP_remainder, "-4.0", "2", "0.0"},
        {NX_OP_remainder, "4.0", "-2", "-0.0"}, {NX_OP_floor_divide, "-0.0", "2", "-0.0"},
        {NX_OP_floor_divide, "1.0", "0.1", "9.0"},
        {NX_OP_remainder, "5.0", "inf", "5.0"}, {NX_OP_remainder, "-5.0", "inf", "inf"},
        {NX_OP_floor_divide, "-5.0", "inf", "-1.0"},
        {NX_OP_power, "nan", "0", "1.0"}, {NX_OP_power, "1.0", "nan", "1.0"}, {NX_OP_power, "-1.0", "inf", "1.0"},
        {NX_OP_power, "0.5", "-inf", "inf"}, {NX_OP_power, "-inf", "3.0", "-inf"}, {NX_OP_power, "-inf", "-3.0", "-0.0"},
        {NX_OP_power, "-0.0", "3.0", "-0.0"}, {NX_OP_power, "-0.0", "2.0", "0.0"}, {NX_OP_power, "-2.0", "3.0", "-8.0"},
        {NX_OP_power, "-1", "0.5", "(6.123233995736766e-17+1j)"}, {NX_OP_power, "2j", "2", "(-4+0j)"},
        {NX_OP_power, "1+2j", "-1", "(0.2-0.4j)"}, {NX_OP_power, "1+2j", "0", "(1+0j)"}, {NX_OP_power, "0j", "2.5", "0j"},
        {NX_OP_multiply, "1+2j", "3+4j", "(-5+10j)"}, {NX_OP_divide, "1+2j", "3+4j", "(0.44+0.08j)"},
        {NX_OP_add, "1", "2j", "(1+2j)"},
        {NX_OP_negative, "2j", NULL, "(-0-2j)"}, {NX_OP_equal, "1", "1+0j", "True"},
        {NX_OP_equal, "9007199254740993", "9007199254740992+0j", "False"},
        {NX_OP_not_equal, "1j", "1", "True"}, {NX_OP_real, "1+2j", NULL, "1.0"}, {NX_OP_imag, "1+2j", NULL, "2.0"},
        {NX_OP_imag, "7", NULL, "0"}, {NX_OP_real, "True", NULL, "1"}, {NX_OP_imag, "1.5", NULL, "0.0"},
        {NX_OP_logical_and, "1", "0.5", "True"},
        {NX_OP_logical_or, "0", "0j", "False"}, {NX_OP_logical_xor, "2", "nan", "False"},
        {NX_OP_logical_not, "0.0", NULL, "True"},
        {NX_OP_right_shift, "-5", "1", "-3"}, {NX_OP_right_shift, "-5", "99999999999999999999999", "-1"},
        {NX_OP_left_shift, "0", "99999999999999999999999", "0"}, {NX_OP_power, "-1", "99999999999999999999999", "-1"},
        {NX_OP_bitwise_or, "-8", "3", "-5"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];
        assert_int_equal(apply(rows[i].op, rows[i].x, rows[i].y, text, NULL), NEXPR_OK);
        assert_string_equal(text, rows[i].result);
    }
}

static void what_python_refuses_fails_at_its_place(void **state) {
    static const struct { nx_op op; const char *x, *y; nexpr_status status; } rows[] = {
        {NX_OP_divide, "1", "0", NEXPR_VALUE}, {NX_OP_floor_divide, "1", "False", NEXPR_VALUE},
        {NX_OP_remainder, "1", "0", NEXPR_VALUE},
        {NX_OP_divide, "1.0", "-0.0", NEXPR_VALUE}, {NX_OP_floor_divide, "1.0", "0", NEXPR_VALUE},
        {NX_OP_remainder, "1.0", "0.0", NEXPR_VALUE},
        {NX_OP_divide, "1j", "0", NEXPR_VALUE}, {NX_OP_power, "0", "-1", NEXPR_VALUE},
        {NX_OP_power, "0.0", "-inf", NEXPR_OK},
        {NX_OP_power, "0.0", "-2.5", NEXPR_VALUE}, {NX_OP_power, "0j", "-1", NEXPR_VALUE},
        {NX_OP_power, "0j", "1j", NEXPR_VALUE},
        {NX_OP_power, "1e300", "2", NEXPR_VALUE}, {NX_OP_power, "1e300j", "2", NEXPR_VALUE},
        {NX_OP_multiply, "1e300", "1e300", NEXPR_OK},
        {NX_OP_left_shift, "1", "-1", NEXPR_VALUE}, {NX_OP_right_shift, "1", "-1", NEXPR_VALUE},
        {NX_OP_left_shift, "1", "2048", NEXPR_VALUE},
        {NX_OP_left_shift, "1", "99999999999999999999999", NEXPR_VALUE}, {NX_OP_power, "2", "2048", NEXPR_VALUE},
        {NX_OP_power, "2", "2047", NEXPR_OK},
        {NX_OP_power, "2", "99999999999999999999999", NEXPR_VALUE}, {NX_OP_invert, "1.5", NULL, NEXPR_TYPE},
        {NX_OP_invert, "1j", NULL, NEXPR_TYPE},
        {NX_OP_bitwise_and, "1.5", "2", NEXPR_TYPE}, {NX_OP_left_shift, "1", "2.0", NEXPR_TYPE},
        {NX_OP_floor_divide, "1j", "2", NEXPR_TYPE},
        {NX_OP_remainder, "2", "1j", NEXPR_TYPE}, {NX_OP_less, "1j", "2", NEXPR_TYPE},
        {NX_OP_greater_equal, "1", "1j", NEXPR_TYPE},
        {NX_OP_bitwise_xor, "1j", "True", NEXPR_TYPE}, {NX_OP_sin, "1", NULL, NEXPR_TYPE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];
        nexpr_error err = nexpr_error_init();
        assert_int_equal(apply(rows[i].op, rows[i].x, rows[i].y, text, &err), rows[i].status);
        if (!rows[i].status) continue;
        assert_int_equal(err.status, rows[i].status);
        assert_int_equal(err.begin, place.begin);
        assert_int_equal(err.end, place.end);
    }
}

static nx_literal power_of_two(int exponent) {
    nx_literal r = {.kind = NX_LITERAL_INT, .integer = nx_bigint_from_i64(1)};
    assert_true(nx_bigint_shl(&r.integer, &r.integer, (uint64_t)exponent));
    return r;
}

static void integers_beyond_float64_do_not_meet_floats(void **state) {
    nx_literal args[2] = {power_of_two(1024), read_literal("1.0")}, r;
    nx_value value;
    (void)state;
    assert_int_equal(nx_literal_apply(NX_OP_add, args, 2, place, &r, NULL), NEXPR_VALUE);
    assert_int_equal(nx_literal_apply(NX_OP_divide, args, 2, place, &r, NULL), NEXPR_VALUE);
    assert_int_equal(nx_literal_apply(NX_OP_greater, args, 2, place, &r, NULL), NEXPR_OK);
    assert_int_equal(r.integer.count, 1);
    assert_int_equal(nx_literal_to_value(&args[0], NEXPR_FLOAT32, place, &value, NULL), NEXPR_VALUE);
    assert_int_equal(nx_literal_to_value(&args[0], NEXPR_COMPLEX128, place, &value, NULL), NEXPR_VALUE);
}

static void the_ternary_hands_its_operand_on(void **state) {
    nx_literal args[3] = {read_literal("2"), read_literal("True"), read_literal("1.5")}, r;
    (void)state;
    assert_int_equal(nx_literal_apply(NX_OP_where, args, 3, place, &r, NULL), NEXPR_OK);
    assert_int_equal(r.kind, NX_LITERAL_BOOL);
    args[0] = read_literal("0.0");
    assert_int_equal(nx_literal_apply(NX_OP_where, args, 3, place, &args[0], NULL), NEXPR_OK);
    assert_int_equal(args[0].kind, NX_LITERAL_FLOAT);
    assert_true(args[0].re == 1.5);
}

static nx_value value_of(const char *text, nexpr_dtype dtype) {
    nx_value value;
    nx_literal literal = read_literal(text);
    memset(&value, 0xFF, sizeof value);
    assert_int_equal(nx_literal_to_value(&literal, dtype, place, &value, NULL), NEXPR_OK);
    return value;
}

static void half_precision_is_rounded_once(void **state) {
    static const struct { double value; uint16_t bits; } rows[] = {
        {0.0, 0x0000}, {-0.0, 0x8000}, {1.0, 0x3C00}, {-2.0, 0xC000}, {65504, 0x7BFF}, {65519.999, 0x7BFF}, {65520, 0x7C00},
        {70000, 0x7C00}, {-INFINITY, 0xFC00}, {NAN, 0x7E00}, {-NAN, 0x7E00}, {0x1p-14, 0x0400}, {0x1p-24, 0x0001},
        {0x1p-25, 0x0000},
        {0x1.000001p-25, 0x0001}, {0x1.8p-24, 0x0002}, {0x1.ff8p-15, 0x03FF}, {0x1.ffcp-15, 0x0400},
        {1 + 0x1p-11, 0x3C00}, {1 + 0x1p-11 + 0x1p-40, 0x3C01}, {1 + 0x3p-11, 0x3C02}, {2049.0000001, 0x6801},
        {5e-324, 0x0000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nx_literal literal = {.kind = NX_LITERAL_FLOAT, .re = rows[i].value};
        nx_value value;
        assert_int_equal(nx_literal_to_value(&literal, NEXPR_FLOAT16, place, &value, NULL), NEXPR_OK);
        assert_int_equal(value.f16, rows[i].bits);
    }
}

static void numbers_become_elements_as_in_numpy(void **state) {
    (void)state;
    assert_int_equal(value_of("True", NEXPR_BOOL).b, 1);
    assert_int_equal(value_of("True", NEXPR_INT16).i16, 1);
    assert_int_equal(value_of("-128", NEXPR_INT8).i8, -128);
    assert_int_equal(value_of("255", NEXPR_UINT8).u8, 255);
    assert_true(value_of("18446744073709551615", NEXPR_UINT64).u64 == UINT64_MAX);
    assert_true(value_of("-9223372036854775808", NEXPR_INT64).i64 == INT64_MIN);
    assert_true(value_of("16777217", NEXPR_FLOAT32).f32 == 16777216.0f);
    /* by way of double, as in NumPy: rounded directly it would be 2^60 + 2^37 */
    assert_true(value_of("1152921573326323713", NEXPR_FLOAT32).f32 == 0x1p60f);
    assert_int_equal(value_of("70000", NEXPR_FLOAT16).f16, 0x7C00);
    assert_true(isinf(value_of("1e39", NEXPR_FLOAT32).f32));
    assert_true(value_of("1+2j", NEXPR_COMPLEX64).c64[1] == 2.0f);
    assert_true(value_of("3", NEXPR_COMPLEX128).c128[0] == 3.0 && value_of("3", NEXPR_COMPLEX128).c128[1] == 0.0);
    assert_true(value_of("-nan", NEXPR_FLOAT64).u64 == 0x7FF8000000000000);
    assert_int_equal(value_of("-nan", NEXPR_FLOAT32).u32, 0x7FC00000);
}

static void unused_bytes_of_an_element_are_zero(void **state) {
    (void)state;
    for (int dtype = 0; dtype < NEXPR_DTYPE_COUNT; dtype++) {
        nx_value value = value_of("True", (nexpr_dtype)dtype);
        const unsigned char *bytes = (const unsigned char *)&value;
        for (size_t i = nexpr_dtype_size((nexpr_dtype)dtype); i < sizeof value; i++) assert_int_equal(bytes[i], 0);
    }
}

static void an_integer_has_to_fit_its_dtype(void **state) {
    static const struct { nexpr_dtype dtype; const char *below, *least, *greatest, *above; } rows[] = {
        {NEXPR_INT8, "-129", "-128", "127", "128"}, {NEXPR_UINT8, "-1", "0", "255", "256"},
        {NEXPR_INT16, "-32769", "-32768", "32767", "32768"}, {NEXPR_UINT16, "-1", "0", "65535", "65536"},
        {NEXPR_INT32, "-2147483649", "-2147483648", "2147483647", "2147483648"},
        {NEXPR_UINT32, "-1", "0", "4294967295", "4294967296"},
        {NEXPR_INT64, "-9223372036854775809", "-9223372036854775808", "9223372036854775807", "9223372036854775808"},
        {NEXPR_UINT64, "-1", "0", "18446744073709551615", "18446744073709551616"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nx_literal below = read_literal(rows[i].below), least = read_literal(rows[i].least);
        nx_literal greatest = read_literal(rows[i].greatest), above = read_literal(rows[i].above);
        nexpr_error err = nexpr_error_init();
        nx_value value;
        assert_int_equal(nx_literal_range(&below, rows[i].dtype), -1);
        assert_int_equal(nx_literal_range(&least, rows[i].dtype), 0);
        assert_int_equal(nx_literal_range(&greatest, rows[i].dtype), 0);
        assert_int_equal(nx_literal_range(&above, rows[i].dtype), 1);
        assert_int_equal(nx_literal_to_value(&above, rows[i].dtype, place, &value, &err), NEXPR_VALUE);
        assert_non_null(strstr(err.message, rows[i].above));
        assert_non_null(strstr(err.message, nexpr_dtype_name(rows[i].dtype)));
        assert_non_null(strstr(err.message, rows[i].least));
        assert_non_null(strstr(err.message, rows[i].greatest));
    }
}

static void a_kind_does_not_become_a_lesser_one(void **state) {
    nx_literal integer = read_literal("1"), real = read_literal("1.0"), complex = read_literal("1j");
    nx_value value;
    (void)state;
    assert_int_equal(nx_literal_to_value(&integer, NEXPR_BOOL, place, &value, NULL), NEXPR_TYPE);
    assert_int_equal(nx_literal_to_value(&real, NEXPR_INT64, place, &value, NULL), NEXPR_TYPE);
    assert_int_equal(nx_literal_to_value(&complex, NEXPR_FLOAT64, place, &value, NULL), NEXPR_TYPE);
}

static void strong_dtypes_follow_the_kind(void **state) {
    (void)state;
    static const struct { const char *text; nexpr_dtype dtype; } rows[] = {
        {"True", NEXPR_BOOL}, {"1", NEXPR_INT64}, {"1.0", NEXPR_FLOAT64}, {"1j", NEXPR_COMPLEX128}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nx_literal literal = read_literal(rows[i].text);
        assert_int_equal(nx_literal_dtype(&literal), rows[i].dtype);
    }
}

static void long_texts_are_cut_to_the_room_there_is(void **state) {
    char buffer[16];
    nx_literal big = power_of_two(200);
    (void)state;
    assert_string_equal(nx_literal_text(&big, buffer, sizeof buffer), "160693804425...");
    assert_string_equal(nx_literal_text(&big, buffer, 1), "");
    assert_string_equal(nx_literal_text(&big, buffer, 3), "16");
    nx_literal zero = read_literal("0"), minus = read_literal("-1000000000000000000");
    assert_string_equal(nx_literal_text(&zero, buffer, sizeof buffer), "0");
    char room[32];
    assert_string_equal(nx_literal_text(&minus, room, sizeof room), "-1000000000000000000");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_give_the_values_of_python),
        cmocka_unit_test(what_python_refuses_fails_at_its_place),
        cmocka_unit_test(integers_beyond_float64_do_not_meet_floats),
        cmocka_unit_test(the_ternary_hands_its_operand_on),
        cmocka_unit_test(half_precision_is_rounded_once),
        cmocka_unit_test(numbers_become_elements_as_in_numpy),
        cmocka_unit_test(unused_bytes_of_an_element_are_zero),
        cmocka_unit_test(an_integer_has_to_fit_its_dtype),
        cmocka_unit_test(a_kind_does_not_become_a_lesser_one),
        cmocka_unit_test(strong_dtypes_follow_the_kind),
        cmocka_unit_test(long_texts_are_cut_to_the_room_there_is),
    };
    return cmocka_run_group_tests_name("literal", tests, NULL, NULL);
}
