/* SPDX-License-Identifier: MIT */
/* Results as long as a mask has trues: with masks that change from call to call, on kept plans and without memory. */
#include "tests/runtime/fixture.h"

#include <stdlib.h>

enum { MOST = 300000 };
static const int64_t sizes[] = {0, 1, 8, 4096, 10001, MOST}; /* no multiples of 7 */

typedef struct program {
    const char *text;
    double factor;    /* of the elements that stay */
    bool is_of_means; /* the limit is the mean, whatever b is */
    nexpr *expr;
} program;

static program programs[] = {
    {.text = "a[a > b]", .factor = 1},
    {.text = "(2*a)[~(a <= b)]", .factor = 2},
    {.text = "a[a > mean(a)]", .factor = 1, .is_of_means = true},
    {.text = "a[::-1][a[::-1] > b]", .factor = 0}, /* from the end */
};

static double a[MOST], expected[MOST];

/* The result that a loop makes of n elements, 0 to n - 1 in some order; how many. */
static int64_t make_expected(const program *p, int64_t n, double limit) {
    int64_t count = 0;
    if (p->is_of_means) limit = (double)(n - 1) / 2;
    for (int64_t i = 0; i < n; i++) {
        const double x = p->factor > 0 ? a[i] : a[n - 1 - i];
        if (x > limit) expected[count++] = p->factor > 0 ? x * p->factor : x;
    }
    return count;
}

static void check_one(nexpr_context *context, const program *p, int64_t n, double limit, nexpr_run_options *run) {
    nexpr_error err = nexpr_error_init();
    const nexpr_array x = array_of(a, F64, 1, &n, NULL), y = array_of(&limit, F64, 0, NULL, NULL);
    nexpr_array r = nexpr_array_init();
    for (int64_t i = 0; i < n; i++) a[i] = (double)(i * 7 % n);
    const int64_t count = make_expected(p, n, limit);
    assert_ok(nexpr_evaluate(p->expr, context, (const nexpr_array *[]){&x, &y}, (nexpr_array *[]){&r}, run, &err), &err);
    assert_int_equal(r.ndim, 1);
    assert_int_equal(r.shape[0], count);
    assert_memory_equal(r.data, expected, (size_t)count * sizeof *expected);
    if (count) { /* the same to an array that is given */
        memset(r.data, 0, (size_t)count * sizeof *expected);
        assert_ok(nexpr_evaluate(p->expr, context, (const nexpr_array *[]){&x, &y}, (nexpr_array *[]){&r}, run, &err), &err);
        assert_memory_equal(r.data, expected, (size_t)count * sizeof *expected);
    }
    nexpr_array_free(&r);
}

static void what_stays_may_change(void **state) {
    (void)state;
    for (int backend = NEXPR_BACKEND_VM; backend <= NEXPR_BACKEND_JIT; backend++) {
        for (int threads = 1; threads <= 4; threads++) {
            nexpr_run_options run = nexpr_run_options_init();
            run.threads = threads;
            run.backend = (nexpr_backend)backend;
            for (int i = 0; i < LENGTH(programs) * LENGTH(sizes); i++) {
                const program *p = &programs[i % LENGTH(programs)];
                const int64_t n = sizes[i / LENGTH(programs)];
                for (int tenths = -1; tenths <= 11; tenths += 3) check_one(NULL, p, n, (double)(n * tenths) / 10, &run);
            }
        }
    }
}

static void masks_have_the_shape_of_what_they_choose_from(void **state) {
    (void)state;
    enum { ROWS = 3, COLUMNS = 4 };
    nexpr_error err = nexpr_error_init();
    double limit = 4;
    nexpr *e = compile("a.T[a.T > b]", F64, F64, NONE), *other = compile("a[b > 1]", F64, F64, NONE);
    const nexpr_array x = array_of(a, F64, 2, DIMS(ROWS, COLUMNS), NULL), y = array_of(&limit, F64, 0, NULL, NULL);
    const nexpr_array shorter = array_of(a, F64, 1, DIMS(COLUMNS), NULL);
    const nexpr_array longer = array_of(a, F64, 1, DIMS(ROWS * COLUMNS), NULL);
    const nexpr_array *const unlike[] = {&longer, &shorter};
    for (int i = 0; i < ROWS * COLUMNS; i++) a[i] = i;
    for (int round = 0; round < 3; round++) {
        nexpr_array r = nexpr_array_init();
        assert_ok(nexpr_evaluate(e, NULL, (const nexpr_array *[]){&x, &y}, (nexpr_array *[]){&r}, NULL, &err), &err);
        assert_int_equal(r.shape[0], 7);
        assert_memory_equal(r.data, ((double[]){8, 5, 9, 6, 10, 7, 11}), 7 * sizeof(double));
        nexpr_array_free(&r);
        assert_int_equal(nexpr_evaluate(other, NULL, unlike, (nexpr_array *[]){&r}, NULL, &err), NEXPR_SHAPE);
        assert_null(r.data);
    }
    nexpr_free(&e);
    nexpr_free(&other);
}

static void what_is_wrong_is_said(void **state) {
    (void)state;
    const int cancel = 1;
    const int64_t n = 100;
    double limit = 1;
    nexpr_error err = nexpr_error_init();
    nexpr_array x = array_of(a, F64, 1, &n, NULL), r = nexpr_array_init();
    const nexpr_array y = array_of(&limit, F64, 0, NULL, NULL);
    nexpr_run_options run = nexpr_run_options_init();
    const nexpr_array *const in[] = {&x, &y};
    nexpr_array *const out[] = {&r};
    for (int round = 0; round < 2; round++) { /* on a new plan, and on a kept one */
        run.cancel = &cancel;
        assert_int_equal(nexpr_evaluate(programs[0].expr, NULL, in, out, &run, &err), NEXPR_CANCELLED);
        run.cancel = NULL;
        x.data = NULL;
        assert_int_equal(nexpr_evaluate(programs[0].expr, NULL, in, out, &run, &err), NEXPR_ARGUMENT);
        assert_non_null(strstr(err.message, "'a'"));
        x.data = a;
        run.threads = -1;
        assert_int_equal(nexpr_evaluate(programs[0].expr, NULL, in, out, &run, &err), NEXPR_ARGUMENT);
        run.threads = 0;
        assert_int_equal(nexpr_evaluate(programs[0].expr, NULL, in, (nexpr_array *[]){NULL}, &run, &err), NEXPR_ARGUMENT);
        assert_ok(nexpr_evaluate(programs[0].expr, NULL, in, out, &run, &err), &err);
        nexpr_array_free(&r);
    }
}

/* --------------------------------------------------------------------------------------------------------- memory -- */

typedef struct scarce {
    int64_t left, live; /* allocations; bytes */
} scarce;

static void *scarce_allocate(void *user, size_t bytes) {
    scarce *s = user;
    if (s->left-- <= 0) return NULL;
    s->live += (int64_t)bytes;
    return malloc(bytes);
}

static void scarce_release(void *user, void *memory, size_t bytes) {
    ((scarce *)user)->live -= (int64_t)bytes;
    free(memory);
}

static void allocations_that_fail(void **state) {
    (void)state;
    const int64_t n = 1000;
    double limit = 10;
    scarce memory = {.left = INT64_MAX};
    nexpr_allocator allocator = {sizeof allocator, &memory, scarce_allocate, scarce_release};
    nexpr_context_options options = nexpr_context_options_init();
    nexpr_error err = nexpr_error_init();
    nexpr_context *context;
    const nexpr_array x = array_of(a, F64, 1, &n, NULL), y = array_of(&limit, F64, 0, NULL, NULL);
    const nexpr_array *const in[] = {&x, &y};
    options.allocator = &allocator;
    options.run_backend = NEXPR_BACKEND_VM;
    nexpr_status status = NEXPR_MEMORY;
    for (int64_t left = 0; status; left++) {
        memory.left = INT64_MAX;
        assert_ok(nexpr_context_new(&options, &context, &err), &err);
        memory.left = left;
        nexpr_array r = nexpr_array_init();
        status = nexpr_evaluate(programs[2].expr, context, in, (nexpr_array *[]){&r}, NULL, &err);
        assert_true(!status || (status == NEXPR_MEMORY && !r.data));
        nexpr_array_free(&r);
        nexpr_context_free(&context);
        assert_int_equal(memory.live, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stays_may_change),
        cmocka_unit_test(masks_have_the_shape_of_what_they_choose_from),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(allocations_that_fail),
    };
    setenv("XDG_CACHE_HOME", "/dev/null", 1); /* nothing is kept, and nothing found */
    for (int i = 0; i < LENGTH(programs); i++) programs[i].expr = compile(programs[i].text, F64, F64, NONE);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (int i = 0; i < LENGTH(programs); i++) nexpr_free(&programs[i].expr);
    return failed;
}
