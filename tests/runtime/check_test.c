/* SPDX-License-Identifier: MIT */
/* The numerical guard through the API; what it finds is tests/python/check_test.py's matter. */
#include "fixture.h"

#include "tests/support/failing_allocator.h"

#include <math.h>
#include <stdlib.h>

enum { ITEMS = 5000 };

static double x[ITEMS], y[ITEMS];

static nexpr *compile_checked(nexpr_context *context, const char *text, nexpr_status *ret_status) {
    nexpr_options options = nexpr_options_init();
    nexpr_input a = nexpr_input_init("a", F64, -1);
    nexpr_error err = nexpr_error_init();
    nexpr_program *program = NULL;
    nexpr *expr = NULL;
    options.check = true;
    *ret_status = nexpr_parse(context, text, SIZE_MAX, &options, &program, &err);
    if (*ret_status) return NULL;
    *ret_status = nexpr_compile(context, program, (const nexpr_input *const[]){&a}, 1, NULL, &options, &expr, &err);
    nexpr_program_free(&program);
    return expr;
}

static void checks_are_described(void **state) {
    nexpr_status status;
    nexpr *expr = compile_checked(NULL, "1 + 2.5/a", &status);
    nexpr_check check = nexpr_check_init();
    (void)state;
    assert_non_null(expr);
    const int count = nexpr_check_count(expr);
    bool has_division = false;
    assert_int_equal(nexpr_result_count(expr), 1 + 2 * count);
    for (int i = 0; i < count; i++) {
        assert_int_equal(nexpr_check_describe(expr, i, &check), NEXPR_OK);
        assert_int_equal(check.count, 1 + 2 * i);
        assert_int_equal(check.first, 2 + 2 * i);
        assert_int_equal(nexpr_result_dtype(expr, check.count), NEXPR_INT64);
        if (check.kind != NEXPR_CHECK_DIVISION) continue;
        has_division = true;
        assert_string_equal(check.operation, "divide");
        assert_int_equal(check.dtype, F64);
        assert_int_equal(check.begin, 4);
        assert_int_equal(check.end, 9);
    }
    assert_true(has_division);
    assert_int_equal(nexpr_check_describe(expr, count, &check), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_check_describe(expr, -1, &check), NEXPR_ARGUMENT);
    check.size = 0;
    assert_int_equal(nexpr_check_describe(expr, 0, &check), NEXPR_ARGUMENT);
    nexpr_free(&expr);
}

static void kinds_have_words(void **state) {
    (void)state;
    assert_string_equal(nexpr_check_text(NEXPR_CHECK_DIVISION), "division by zero");
    for (int k = 0; k < NEXPR_CHECK_KINDS; k++) assert_non_null(nexpr_check_text((nexpr_check_kind)k));
    assert_null(nexpr_check_text(NEXPR_CHECK_KINDS));
    assert_null(nexpr_check_text((nexpr_check_kind)-1));
}

static void without_the_option_there_are_none(void **state) {
    nexpr *expr = compile("1/a", F64, NONE, NONE);
    (void)state;
    assert_int_equal(nexpr_check_count(expr), 0);
    assert_int_equal(nexpr_result_count(expr), 1);
    nexpr_free(&expr);
}

static void shapes_of_checks(void **state) {
    nexpr_status status;
    nexpr *expr = compile_checked(NULL, "sum(1/a, axis=0)", &status);
    const nexpr_array a = array_of(x, F64, 2, DIMS(5, 7), NULL);
    nexpr_error err = nexpr_error_init();
    int64_t shape[NEXPR_MAX_NDIM];
    int ndim;
    (void)state;
    for (int i = 0; i < nexpr_check_count(expr); i++) {
        nexpr_check check = nexpr_check_init();
        assert_int_equal(nexpr_check_describe(expr, i, &check), NEXPR_OK);
        assert_ok(nexpr_check_shape(expr, (const nexpr_array *const[]){&a}, i, &ndim, shape, &err), &err);
        const bool is_sum = !strcmp(check.operation, "sum");
        if (strcmp(check.operation, "divide") && !is_sum) continue;
        assert_int_equal(ndim, is_sum ? 1 : 2);
        assert_int_equal(shape[0], is_sum ? 7 : 5);
    }
    assert_int_equal(nexpr_check_shape(expr, NULL, 99, &ndim, shape, &err), NEXPR_ARGUMENT);
    nexpr_free(&expr);
}

/* The same counts with either backend, and the same bits as without checks. */
static void every_backend_finds_the_same(void **state) {
    const nexpr_array a = array_of(x, F64, 1, DIMS(ITEMS), NULL);
    nexpr_error err = nexpr_error_init();
    nexpr_status status;
    nexpr *expr = compile_checked(NULL, "log(a)/a", &status);
    int64_t numbers[2][16] = {{0}};
    (void)state;
    assert_true(nexpr_result_count(expr) <= 17);
    for (int backend = 0; backend < 2; backend++) {
        nexpr_run_options run = nexpr_run_options_init();
        nexpr_array outputs[17];
        nexpr_array *list[17];
        run.backend = backend ? NEXPR_BACKEND_JIT : NEXPR_BACKEND_VM;
        for (int i = 0; i < nexpr_result_count(expr); i++) {
            outputs[i] = i ? array_of(&numbers[backend][i - 1], I64, 0, NULL, NULL) : array_of(y, F64, 1, DIMS(ITEMS), NULL);
            list[i] = &outputs[i];
        }
        assert_ok(nexpr_evaluate(expr, NULL, (const nexpr_array *const[]){&a}, list, &run, &err), &err);
        assert_true(isnan(y[1]) && isinf(y[2]));
    }
    assert_memory_equal(numbers[0], numbers[1], sizeof numbers[0]);
    nexpr_free(&expr);
}

static void allocations_that_fail(void **state) {
    nexpr_context_options options = nexpr_context_options_init();
    nexpr_error err = nexpr_error_init();
    failing_allocator failing;
    nexpr_context *context;
    nexpr_status status = NEXPR_MEMORY;
    (void)state;
    options.allocator = failing_allocator_init(&failing, -1);
    options.threads = 1;
    assert_ok(nexpr_context_new(&options, &context, &err), &err);
    const long blocks = atomic_load(&failing.live_blocks);
    long n = 0;
    for (; status; n++) {
        failing.fail_at = atomic_load(&failing.calls) + n;
        nexpr *expr = compile_checked(context, "sqrt(a)/sum(int8(a)) + cumsum(a)", &status);
        assert_true(status == NEXPR_OK || status == NEXPR_MEMORY);
        nexpr_free(&expr);
        assert_int_equal(atomic_load(&failing.live_blocks), blocks);
    }
    assert_true(n > 5);
    nexpr_context_free(&context);
    assert_int_equal(atomic_load(&failing.live_bytes), 0);
}

int main(void) {
    for (int i = 0; i < ITEMS; i++) x[i] = i % 3 - 1 == 0 ? -1.5 : i % 3 ? 0.0 : i + 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_are_described),
        cmocka_unit_test(kinds_have_words),
        cmocka_unit_test(without_the_option_there_are_none),
        cmocka_unit_test(shapes_of_checks),
        cmocka_unit_test(every_backend_finds_the_same),
        cmocka_unit_test(allocations_that_fail),
    };
    setenv("XDG_CACHE_HOME", "/dev/null", 1); /* nothing is kept, and nothing found */
    return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
