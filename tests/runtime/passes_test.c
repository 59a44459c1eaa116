/* SPDX-License-Identifier: MIT */
/*
 * Plans of several passes, and the ways in which a run takes them: what follows on the elements that a reduction keeps goes
 * along with its tasks; plans of one task each run at once. A run that is profiled has its passes apart: all have its bits.
 */
#include "tests/runtime/fixture.h"

#include "tests/support/counting.h"

#include <stdlib.h>

enum { MANY = 3000, FEW = 50, LITTLE = 40, MOST = MANY * FEW, MOST_KEPT = MANY * FEW };

/* Of inputs a, of rows and columns, and b, of the first result's shape. */
typedef struct text {
    const char *text;
    int results;
    char shape; /* of the results: 'r' one per row, 'c' one per column, 'm' like a, 's' one */
} text;

static const text texts[] = {
    {"sum(a)", 1, 's'},
    {"sqrt(sum(a * a))", 1, 's'},
    {"mean(a) + std(a), max(a)", 2, 's'},
    {"any(a > 0.5)", 1, 's'},
    {"sum(a, axis=1)", 1, 'r'},
    {"sqrt(sum(a * a, axis=1))", 1, 'r'},
    {"mean(a, axis=1)", 1, 'r'},
    {"std(a, axis=1)", 1, 'r'},
    {"sum(a, axis=1) + b", 1, 'r'},
    {"max(a, axis=1)", 1, 'r'},
    {"argmin(a, axis=1)", 1, 'r'},
    {"max(a, axis=1) - min(a, axis=1)", 1, 'r'},
    {"argmax(a, axis=1) * 2 - min(a, axis=1)", 1, 'r'},
    {"sum(a > 0.5, axis=1) + 1", 1, 'r'},
    {"sum(a, axis=1)[::-1] + b", 1, 'r'},
    {"sum(a, axis=1) - sum(a, axis=1)[::-1]", 1, 'r'},
    {"sum(a, axis=1) / max(a)", 1, 'r'},
    {"sqrt(sum(a * a, axis=1)), sum(a * a, axis=1)", 2, 'r'},
    {"sqrt(sum(a * a, axis=1)), sum(a * a, axis=1) * 3 + b", 2, 'r'},
    {"sqrt(sum(a * a, axis=1)), cumsum(sum(a * a, axis=1))", 2, 'r'},
    {"cumsum(sum(a * a, axis=1)), sqrt(sum(a * a, axis=1))", 2, 'r'},
    {"sqrt(sum(a * a, axis=1)), sum(a * a, axis=1) - cumsum(sum(a * a, axis=1))", 2, 'r'},
    {"mean(a, axis=0)", 1, 'c'},
    {"std(a * 2, axis=0) + b", 1, 'c'},
    {"cumsum(a, axis=0) * 2", 1, 'm'},
    {"cumsum(a, axis=0)", 1, 'm'},
    {"cumsum(a * 2, axis=1)", 1, 'm'},
    {"a - mean(a, axis=1, keepdims=True)", 1, 'm'},
    {"(a - mean(a, axis=0)) / std(a, axis=0)", 1, 'm'},
};

/* How the results lie. */
typedef enum layout { PLAIN, MISALIGNED, SPREAD, REVERSED, SWAPPED, LAYOUTS } layout;
enum { RESULT_BYTES = 2 * 8 * MOST_KEPT + 64 };

typedef struct run_case {
    const text *text;
    int64_t rows, cols;
    int threads;
    nexpr_backend backend;
    layout layout;
} run_case;

static double elements[MOST], others[MOST_KEPT];
static char results[2][2][RESULT_BYTES] __attribute__((aligned(64))); /* by run, by result */

static int shape_of(const run_case *c, int64_t shape[2]) {
    shape[0] = c->text->shape == 'c' ? c->cols : c->rows;
    shape[1] = c->cols;
    return c->text->shape == 's' ? 0 : c->text->shape == 'm' ? 2 : 1;
}

/* A result in `memory`; its first element is where it ends up. */
static nexpr_array result_at(const run_case *c, char *memory, nexpr_dtype dtype, int ndim, const int64_t *shape,
                             int64_t *strides) {
    const int64_t size = (int64_t)nexpr_dtype_size(dtype), step = c->layout == SPREAD ? 2 * size : size;
    int64_t count = 1;
    for (int i = ndim - 1; i >= 0; i--) {
        strides[i] = step * count;
        count *= shape[i];
    }
    nexpr_array r = array_of(memory + (c->layout == MISALIGNED && size > 1 ? 1 : 0), dtype, ndim, shape, strides);
    for (int i = 0; i < ndim && c->layout == REVERSED; i++) {
        r.data = (char *)r.data + (shape[i] - 1) * strides[i];
        strides[i] = -strides[i];
    }
    if (c->layout == SWAPPED) r.byte_order = NEXPR_SWAPPED;
    return r;
}

static void read_element(const nexpr_array *r, int64_t index, char ret[8]) {
    const size_t size = nexpr_dtype_size(r->dtype);
    const char *at = r->data;
    for (int i = r->ndim - 1; i >= 0; i--) {
        at += index % r->shape[i] * r->strides[i];
        index /= r->shape[i];
    }
    for (size_t i = 0; i < size; i++) ret[i] = at[r->byte_order == NEXPR_SWAPPED ? size - 1 - i : i];
}

/* Runs the text thrice, so that short ways are taken too. */
static void run_once(const run_case *c, const nexpr *e, nexpr_profile *profile, nexpr_array *r) {
    nexpr_error err = nexpr_error_init();
    nexpr_run_options run = nexpr_run_options_init();
    nexpr_plan *plan;
    const nexpr_array a = array_of(NULL, F64, 2, DIMS(c->rows, c->cols), NULL);
    const nexpr_array b = array_of(NULL, F64, r->ndim, r->shape, NULL), *outs[2] = {&r[0], &r[1]};
    run.threads = c->threads;
    run.backend = c->backend;
    run.profile = profile;
    assert_ok(nexpr_plan_new(e, NULL, (const nexpr_array *[]){&a, &b}, outs, &run, &plan, &err), &err);
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < c->text->results; k++) memset(results[profile != NULL][k], 0x55, RESULT_BYTES);
        assert_ok(nexpr_plan_run(plan, (const void *[]){elements, others}, (void *[]){r[0].data, r[1].data}, &err), &err);
    }
    nexpr_plan_free(&plan);
}

static void has_the_bits_of_passes_apart(const run_case *c) {
    int64_t shape[2], strides[2][2][2], count = 1;
    const int ndim = shape_of(c, shape);
    const run_case plain = {c->text, c->rows, c->cols, 1, NEXPR_BACKEND_VM, PLAIN};
    nexpr_array r[2][2];
    nexpr_error err = nexpr_error_init();
    nexpr_profile *profile;
    nexpr *e = compile(c->text->text, F64, F64, NONE);
    for (int i = 0; i < ndim; i++) count *= shape[i];
    for (int k = 0; k < 2; k++) {
        const nexpr_dtype dtype = nexpr_result_dtype(e, k < c->text->results ? k : 0);
        r[0][k] = result_at(c, results[0][k], dtype, ndim, shape, strides[0][k]);
        r[1][k] = result_at(&plain, results[1][k], dtype, ndim, shape, strides[1][k]);
    }
    assert_ok(nexpr_profile_new(NULL, NULL, NULL, &profile, &err), &err);
    run_once(&plain, e, profile, r[1]);
    run_once(c, e, NULL, r[0]);
    for (int k = 0; k < c->text->results; k++) {
        for (int64_t i = 0; i < count; i++) {
            char have[8] = {0}, want[8] = {0};
            read_element(&r[0][k], i, have);
            read_element(&r[1][k], i, want);
            if (!memcmp(have, want, sizeof have)) continue;
            fail_msg("%s, %d x %d, %d threads, backend %d, layout %d: element %d of result %d", c->text->text, (int)c->rows,
                     (int)c->cols, c->threads, (int)c->backend, (int)c->layout, (int)i, k);
        }
    }
    nexpr_profile_free(&profile);
    nexpr_free(&e);
}

/* Of one task, of several, and of several in the other direction. */
static void what_follows_on_kept_elements_has_the_same_bits(void **state) {
    (void)state;
    static const int64_t shapes[][2] = {{LITTLE, LITTLE}, {MANY, FEW}, {FEW, MANY}, {1, 7}, {MANY, 1}};
    for (int i = 0; i < MOST; i++) elements[i] = (i * 7919 % 1009) / 1009.0;
    for (int i = 0; i < MOST_KEPT; i++) others[i] = i * 0.125;
    for (int t = 0; t < LENGTH(texts); t++) {
        for (int s = 0; s < LENGTH(shapes); s++) {
            for (int l = 0; l < LAYOUTS; l++) {
                const nexpr_backend backend = l % 2 ? NEXPR_BACKEND_VM : NEXPR_BACKEND_JIT;
                run_case c = {&texts[t], shapes[s][0], shapes[s][1], 1, backend, (layout)l};
                has_the_bits_of_passes_apart(&c);
                c.threads = 3;
                has_the_bits_of_passes_apart(&c);
            }
        }
    }
}

/* ------------------------------------------------------------------------------------------------------ addresses -- */

enum { ITEMS = 20, POOL_BYTES = 1024 };

/* Where a, b and the result lie in a pool, in bytes from its beginning; -1: NULL. */
typedef struct places {
    int a, b, r;
    nexpr_status status;
} places;

/* sum(a * b) + 1, or a[::-1] - b. */
static void run_at(nexpr_plan *plan, const places *at, bool is_sum) {
    static char pool[POOL_BYTES] __attribute__((aligned(64)));
    double a[ITEMS], b[ITEMS], r[ITEMS], sum = 0;
    nexpr_error err = nexpr_error_init();
    for (size_t i = 0; i < POOL_BYTES; i++) pool[i] = 0;
    for (int i = 0; i < ITEMS && at->a >= 0; i++) memcpy(pool + at->a + 8 * i, &(double){i + 1}, 8);
    for (int i = 0; i < ITEMS; i++) memcpy(pool + at->b + 8 * i, &(double){3 * i + 1}, 8);
    if (at->a >= 0) memcpy(a, pool + at->a, sizeof a);
    memcpy(b, pool + at->b, sizeof b);
    const void *in[] = {at->a < 0 ? NULL : pool + at->a, pool + at->b};
    void *out[] = {at->r < 0 ? NULL : pool + at->r};
    assert_int_equal(nexpr_plan_run(plan, in, out, &err), at->status);
    if (at->status) return;
    memcpy(r, pool + at->r, sizeof r);
    for (int i = 0; i < ITEMS; i++) sum += a[i] * b[i];
    if (is_sum) assert_true(r[0] == sum + 1);
    for (int i = 0; i < ITEMS && !is_sum; i++) assert_true(r[i] == a[ITEMS - 1 - i] - b[i]);
}

static void addresses_may_change_from_run_to_run(void **state) {
    (void)state;
    static const places table[] = {
        {0, 192, 384, NEXPR_OK},
        {0, 0, 384, NEXPR_OK},
        {3, 192, 384, NEXPR_OK},   /* not aligned */
        {0, 192, 388, NEXPR_OK},
        {0, 192, 0, NEXPR_OK},     /* on an input */
        {0, 192, 192, NEXPR_OK},
        {0, 192, 8, NEXPR_OK},
        {0, 192, 184, NEXPR_OK},
        {-1, 192, 384, NEXPR_ARGUMENT},
        {0, 192, -1, NEXPR_ARGUMENT},
    };
    nexpr_error err = nexpr_error_init();
    const nexpr_array x = array_of(NULL, F64, 1, DIMS(ITEMS), NULL);
    const nexpr_array one = array_of(NULL, F64, 0, DIMS(0), NULL);
    for (int is_sum = 0; is_sum < 2; is_sum++) {
        nexpr *e = compile(is_sum ? "sum(a * b) + 1" : "a[::-1] - b", F64, F64, NONE);
        for (int backend = NEXPR_BACKEND_AUTO; backend <= NEXPR_BACKEND_JIT; backend++) {
            nexpr_run_options run = nexpr_run_options_init();
            nexpr_plan *plan;
            run.backend = (nexpr_backend)backend;
            assert_ok(nexpr_plan_new(e, NULL, (const nexpr_array *[]){&x, &x}, (const nexpr_array *[]){is_sum ? &one : &x},
                                     &run, &plan, &err), &err);
            for (int i = 0; i < LENGTH(table) * LENGTH(table); i++) {
                run_at(plan, &table[i % LENGTH(table)], is_sum);
                run_at(plan, &table[i / LENGTH(table)], is_sum);
            }
            nexpr_plan_free(&plan);
        }
        nexpr_free(&e);
    }
}

static void a_cancelled_run_says_so(void **state) {
    (void)state;
    int cancel = 0;
    double x[4] = {1, 2, 3, 4}, y = 0;
    nexpr_error err = nexpr_error_init();
    nexpr_run_options run = nexpr_run_options_init();
    const nexpr_array a = array_of(NULL, F64, 1, DIMS(4), NULL), r = array_of(NULL, F64, 0, DIMS(0), NULL);
    nexpr *e = compile("sum(a)", F64, NONE, NONE);
    nexpr_plan *plan;
    run.cancel = &cancel;
    assert_ok(nexpr_plan_new(e, NULL, (const nexpr_array *[]){&a}, (const nexpr_array *[]){&r}, &run, &plan, &err), &err);
    for (int i = 0; i < 4; i++) {
        cancel = i % 2;
        const nexpr_status expected = cancel ? NEXPR_CANCELLED : NEXPR_OK;
        assert_int_equal(nexpr_plan_run(plan, (const void *[]){x}, (void *[]){&y}, &err), expected);
    }
    assert_true(y == 10);
    nexpr_plan_free(&plan);
    nexpr_free(&e);
}

/* --------------------------------------------------------------------------------------------------------- memory -- */

static void distances_need_no_memory_of_their_size(void **state) {
    (void)state;
    enum { POINTS = 700 };
    static double x[POINTS * 3], y[POINTS * POINTS];
    counting count = {0};
    nexpr_allocator allocator = counting_allocator(&count);
    nexpr_context_options options = nexpr_context_options_init();
    nexpr_context *context;
    nexpr_error err = nexpr_error_init();
    const nexpr_array a = array_of(NULL, F64, 2, DIMS(POINTS, 3), NULL);
    const nexpr_array r = array_of(NULL, F64, 2, DIMS(POINTS, POINTS), NULL);
    nexpr *e = compile("sqrt(sum((a[:, newaxis] - a)**2, axis=-1))", F64, NONE, NONE);
    nexpr_plan *plan;
    options.allocator = &allocator;
    options.threads = 1;
    options.run_backend = NEXPR_BACKEND_VM;
    for (int i = 0; i < POINTS; i++) x[3 * i] = i;
    assert_ok(nexpr_context_new(&options, &context, &err), &err);
    assert_ok(nexpr_plan_new(e, context, (const nexpr_array *[]){&a}, (const nexpr_array *[]){&r}, NULL, &plan, &err), &err);
    assert_ok(nexpr_plan_run(plan, (const void *[]){x}, (void *[]){y}, &err), &err);
    const size_t calls = count.calls;
    assert_ok(nexpr_plan_run(plan, (const void *[]){x}, (void *[]){y}, &err), &err);
    assert_int_equal(count.calls, calls);
    assert_true(count.most < sizeof y / 2);
    for (int i = 0; i < POINTS; i++) assert_true(y[i * POINTS] == i);
    nexpr_plan_free(&plan);
    nexpr_free(&e);
    nexpr_context_free(&context);
    assert_int_equal(count.live, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_follows_on_kept_elements_has_the_same_bits),
        cmocka_unit_test(addresses_may_change_from_run_to_run),
        cmocka_unit_test(a_cancelled_run_says_so),
        cmocka_unit_test(distances_need_no_memory_of_their_size),
    };
    setenv("XDG_CACHE_HOME", "/dev/null", 1); /* nothing is kept, and nothing found */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
