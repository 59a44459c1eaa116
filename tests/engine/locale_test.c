/* SPDX-License-Identifier: MIT */
/*
 * Numbers in a locale whose decimal point is a comma. Few machines have one installed, so the two functions of the C library
 * that look at the locale are replaced by ones that behave as if.
 */
#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Reads "1,5" and stops at the point of "1.5". */
static double comma_strtod(const char *text, char **end) {
    char copy[1024];
    size_t length = strcspn(text, ".");
    assert_true(length < sizeof copy);
    memcpy(copy, text, length);
    copy[length] = 0;
    char *comma = strchr(copy, ',');
    if (comma) *comma = '.';
    return strtod(copy, end);
}

/* Writes "1,5e+00" for %e; literal points of the format stay. */
__attribute__((format(printf, 3, 4))) static int comma_snprintf(char *buffer, size_t capacity, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(buffer, capacity, format, args);
    va_end(args);
    char *point = strstr(format, "%.*e") ? strchr(buffer, '.') : NULL;
    if (point) *point = ',';
    return n;
}

#undef snprintf
#undef strtod
#define snprintf comma_snprintf
#define strtod comma_strtod
#include "engine/float_text.c"

static void numbers_are_read_with_a_point(void **state) {
    (void)state;
    assert_true(nx_float_parse("1.5", 3) == 1.5);
    assert_true(nx_float_parse("0.12345678901234567890", 22) == 0.12345678901234567890);
    assert_true(nx_float_parse("1.7976931348623157e308", 22) == 1.7976931348623157e308);
}

static void numbers_are_written_with_a_point(void **state) {
    char buffer[NX_FLOAT_TEXT_MAX];
    (void)state;
    assert_string_equal(nx_float_text(0.1234567890123456789, true, buffer), "0.12345678901234568");
    assert_string_equal(nx_float_text(-1.5e300, true, buffer), "-1.5e+300");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_with_a_point),
        cmocka_unit_test(numbers_are_written_with_a_point),
    };
    return cmocka_run_group_tests_name("locale", tests, NULL, NULL);
}
