/* SPDX-License-Identifier: MIT */
/* How constants and names look in a listing. */
#include "fixture.h"

#include <locale.h>
#include <stdio.h>

/* The listing of a program that returns one constant. */
static void assert_constant(nexpr_dtype dtype, nx_value value, const char *expected) {
    char text[200], line[200];
    builder b;
    builder_init(&b);
    add_result(&b, constant(&b, dtype, value));
    nx_vm_listing(compile(&b), text, sizeof text);
    snprintf(line, sizeof line, "return %s\n", expected);
    assert_string_equal(text, line);
    builder_free(&b);
}

static void integers_and_bools_are_exact(void **state) {
    (void)state;
    assert_constant(NEXPR_BOOL, (nx_value){.b = 1}, "True");
    assert_constant(NEXPR_BOOL, (nx_value){.b = 0}, "False");
    assert_constant(NEXPR_INT8, (nx_value){.i8 = -128}, "-128");
    assert_constant(NEXPR_UINT8, (nx_value){.u8 = 255}, "255");
    assert_constant(NEXPR_INT16, (nx_value){.i16 = -32768}, "-32768");
    assert_constant(NEXPR_UINT16, (nx_value){.u16 = 65535}, "65535");
    assert_constant(NEXPR_INT32, (nx_value){.i32 = INT32_MIN}, "-2147483648");
    assert_constant(NEXPR_UINT32, (nx_value){.u32 = UINT32_MAX}, "4294967295");
    assert_constant(NEXPR_INT64, (nx_value){.i64 = INT64_MIN}, "-9223372036854775808");
    assert_constant(NEXPR_UINT64, (nx_value){.u64 = UINT64_MAX}, "18446744073709551615");
}

static void floats_have_the_fewest_digits_that_read_back(void **state) {
    (void)state;
    assert_constant(NEXPR_FLOAT64, (nx_value){.f64 = 4.5}, "4.5");
    assert_constant(NEXPR_FLOAT64, (nx_value){.f64 = 0.1}, "0.1");
    assert_constant(NEXPR_FLOAT64, (nx_value){.f64 = 0.1 + 0.2}, "0.30000000000000004");
    assert_constant(NEXPR_FLOAT64, (nx_value){.f64 = -0.0}, "-0.0");
    assert_constant(NEXPR_FLOAT64, (nx_value){.f64 = 100}, "100.0");
    assert_constant(NEXPR_FLOAT64, (nx_value){.f64 = 1e300}, "1e+300");
    assert_constant(NEXPR_FLOAT64, (nx_value){.f64 = 5e-324}, "5e-324");
    assert_constant(NEXPR_FLOAT64, (nx_value){.f64 = -__builtin_inf()}, "-inf");
    assert_constant(NEXPR_FLOAT64, (nx_value){.f64 = __builtin_nan("")}, "nan");
    assert_constant(NEXPR_FLOAT32, (nx_value){.f32 = 0.1f}, "0.1");
    assert_constant(NEXPR_FLOAT32, (nx_value){.f32 = 16777216}, "16777216.0");
    assert_constant(NEXPR_FLOAT16, (nx_value){.f16 = 0x3C00}, "1.0");
    assert_constant(NEXPR_FLOAT16, (nx_value){.f16 = 0xFBFF}, "-65504.0");
    assert_constant(NEXPR_FLOAT16, (nx_value){.f16 = 0x0001}, "5.9604645e-08");
    assert_constant(NEXPR_FLOAT16, (nx_value){.f16 = 0x7C00}, "inf");
    assert_constant(NEXPR_FLOAT16, (nx_value){.f16 = 0x7E00}, "nan");
    assert_constant(NEXPR_COMPLEX64, (nx_value){.c64 = {0.1f, -0.0f}}, "complex(0.1, -0.0)");
    assert_constant(NEXPR_COMPLEX128, (nx_value){.c128 = {1, -2.5}}, "complex(1.0, -2.5)");
}

static void the_decimal_point_does_not_depend_on_the_locale(void **state) {
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "ps_AF"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++) found = setlocale(LC_NUMERIC, names[i]);
    if (!found) skip();
    assert_constant(NEXPR_FLOAT64, (nx_value){.f64 = -1.5e300}, "-1.5e+300");
    assert_constant(NEXPR_FLOAT64, (nx_value){.f64 = 3}, "3.0");
    setlocale(LC_NUMERIC, "C");
}

static void names_that_look_like_something_else_are_quoted(void **state) {
    (void)state;
    static const char *const names[] = {"x", "_x1", "\xC3\xA9t\xC3\xA9", "r", "rx", "r12", "my column", "2x", ""};
    char text[200];
    builder b;
    builder_init(&b);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) add_result(&b, input(&b, names[i], NEXPR_INT8));
    nx_vm_listing(compile(&b), text, sizeof text);
    assert_string_equal(text, "return x, _x1, \xC3\xA9t\xC3\xA9, r, rx, `r12`, `my column`, `2x`, ``\n");
    builder_free(&b);
}

static void a_short_buffer_gets_what_fits(void **state) {
    (void)state;
    char text[8] = "xxxxxxx";
    builder b;
    builder_init(&b);
    add_result(&b, f64(&b, 4.5));
    nx_vm_program *program = compile(&b);
    assert_int_equal(nx_vm_listing(program, NULL, 0), strlen("return 4.5\n"));
    assert_int_equal(nx_vm_listing(program, text, 1), strlen("return 4.5\n"));
    assert_string_equal(text, "");
    assert_int_equal(text[1], 'x');
    nx_vm_listing(program, text, 7);
    assert_string_equal(text, "return");
    builder_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_and_bools_are_exact),
        cmocka_unit_test(floats_have_the_fewest_digits_that_read_back),
        cmocka_unit_test(the_decimal_point_does_not_depend_on_the_locale),
        cmocka_unit_test(names_that_look_like_something_else_are_quoted),
        cmocka_unit_test(a_short_buffer_gets_what_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
