/* SPDX-License-Identifier: MIT */
/*
 * Evaluation by slabs: whatever the cuts, the bits of nexpr_evaluate on whole arrays. Every slab gets memory of its own that
 * holds no element more than was asked for, so that sanitizers see who reads beside it.
 */
#include "fixture.h"

#include <stdlib.h>

enum { INPUTS = 3, MOST_RESULTS = 4, MOST_ITEMS = 1 << 18 };

/* a, b and c of an expression, and its results as nexpr_evaluate has them. */
typedef struct job {
    nexpr *expr;
    nexpr_array inputs[INPUTS];
    const nexpr_array *input_list[INPUTS];
    nexpr_array wanted[MOST_RESULTS];
    char *got[MOST_RESULTS];
    int64_t distance[INPUTS]; /* of elements, in bytes */
    int result_count;
} job;

static unsigned long random_state = 1;

static int64_t random_below(int64_t n) {
    random_state = random_state * 6364136223846793005ul + 1442695040888963407ul;
    return (int64_t)((random_state >> 33) % (unsigned long)n);
}

static int64_t count_of(const nexpr_array *a) {
    int64_t count = 1;
    for (int k = 0; k < a->ndim; k++) count *= a->shape[k];
    return count;
}

static double *fill(double *values, int64_t count) {
    for (int64_t i = 0; i < count; i++) values[i] = (double)(random_below(2000001) - 1000000) / 4099.0;
    return values;
}

static job make_job(const char *text, const nexpr_array *inputs, const nexpr_run_options *run) {
    job j = {.expr = compile(text, inputs[0].dtype, inputs[1].dtype, inputs[2].dtype)};
    nexpr_error err = nexpr_error_init();
    nexpr_array *outputs[MOST_RESULTS];
    j.result_count = nexpr_result_count(j.expr);
    for (int i = 0; i < INPUTS; i++) {
        j.inputs[i] = inputs[i];
        j.distance[i] = (int64_t)nexpr_dtype_size(inputs[i].dtype);
        if (inputs[i].strides) j.distance[i] = inputs[i].strides[inputs[i].ndim - 1];
        j.input_list[i] = &inputs[i];
    }
    for (int i = 0; i < j.result_count; i++) {
        j.wanted[i] = nexpr_array_init();
        outputs[i] = &j.wanted[i];
    }
    int ndim;
    int64_t shape[NEXPR_MAX_NDIM];
    for (int i = 0; i < j.result_count; i++) { /* in C order, as slabs have them */
        assert_ok(nexpr_result_shape(j.expr, j.input_list, i, &ndim, shape, &err), &err);
        int64_t *own = malloc(sizeof shape);
        memcpy(own, shape, sizeof shape);
        j.wanted[i].dtype = nexpr_result_dtype(j.expr, i);
        j.wanted[i].ndim = ndim;
        j.wanted[i].shape = own;
        const size_t bytes = (size_t)count_of(&j.wanted[i]) * nexpr_dtype_size(j.wanted[i].dtype);
        j.wanted[i].data = malloc(bytes + 1);
        j.got[i] = malloc(bytes + 1);
        memset(j.got[i], 0x5A, bytes);
    }
    assert_ok(nexpr_evaluate(j.expr, NULL, j.input_list, outputs, run, &err), &err);
    return j;
}

static void free_job(job *j) {
    for (int i = 0; i < j->result_count; i++) {
        free(j->wanted[i].data);
        free((void *)(uintptr_t)j->wanted[i].shape);
        free(j->got[i]);
    }
    nexpr_free(&j->expr);
}

/* The memory of a slab: what it asks of each input, and room for what it makes. */
typedef struct slab {
    char *in[INPUTS], *out[MOST_RESULTS];
    const void *input_data[INPUTS];
    void *output_data[MOST_RESULTS];
} slab;

static void begin_slab(const job *j, const nexpr_slabs *slabs, int pass, int64_t first, int64_t count, slab *s) {
    *s = (slab){.in = {NULL}};
    for (int i = 0; i < INPUTS; i++) {
        nexpr_slab_part part = nexpr_slab_part_init();
        assert_int_equal(nexpr_slabs_input(slabs, pass, i, &part), NEXPR_OK);
        if (part.use == NEXPR_SLAB_WHOLE) s->input_data[i] = j->inputs[i].data;
        if (part.use != NEXPR_SLAB_ROWS) continue;
        const int64_t begin = first * part.row_items + part.before, end = (first + count) * part.row_items + part.behind;
        assert_true(begin >= 0 && begin < end && end <= count_of(&j->inputs[i]));
        const size_t bytes = (size_t)((end - begin - 1) * j->distance[i]) + nexpr_dtype_size(j->inputs[i].dtype);
        s->in[i] = malloc(bytes);
        memcpy(s->in[i], (char *)j->inputs[i].data + begin * j->distance[i], bytes);
        s->input_data[i] = s->in[i];
    }
    for (int i = 0; i < j->result_count; i++) {
        nexpr_slab_part part = nexpr_slab_part_init();
        assert_int_equal(nexpr_slabs_result(slabs, pass, i, &part), NEXPR_OK);
        if (part.use == NEXPR_SLAB_ROWS) {
            s->out[i] = malloc((size_t)(count * part.row_items) * nexpr_dtype_size(j->wanted[i].dtype) + 1);
        }
        s->output_data[i] = s->out[i];
    }
}

static void end_slab(job *j, const nexpr_slabs *slabs, int pass, int64_t first, int64_t count, slab *s) {
    for (int i = 0; i < INPUTS; i++) free(s->in[i]);
    for (int i = 0; i < j->result_count; i++) {
        nexpr_slab_part part = nexpr_slab_part_init();
        nexpr_slabs_result(slabs, pass, i, &part);
        const int64_t item = (int64_t)nexpr_dtype_size(j->wanted[i].dtype);
        if (s->out[i]) memcpy(j->got[i] + first * part.row_items * item, s->out[i], (size_t)(count * part.row_items * item));
        free(s->out[i]);
    }
}

/* most_rows 0: any number of rows at a time. */
static nexpr_status run_slabs(job *j, nexpr_slabs *slabs, int64_t most_rows, nexpr_error *err) {
    for (int p = 0; p < nexpr_slabs_pass_count(slabs); p++) {
        const int64_t rows = nexpr_slabs_rows(slabs, p);
        for (int64_t first = 0, count; first < rows; first += count) {
            slab s;
            count = most_rows ? most_rows : 1 + random_below(1 + random_below(rows));
            if (count > rows - first) count = rows - first;
            begin_slab(j, slabs, p, first, count, &s);
            const nexpr_status status = nexpr_slabs_run(slabs, p, first, count, s.input_data, s.output_data, err);
            end_slab(j, slabs, p, first, count, &s);
            if (status) return status;
        }
        const nexpr_status status = nexpr_slabs_end_pass(slabs, p, (void *const *)j->got, err);
        if (status) return status;
    }
    return NEXPR_OK;
}

static void compare(const job *j, const char *text, int64_t most_rows) {
    for (int i = 0; i < j->result_count; i++) {
        const size_t bytes = (size_t)count_of(&j->wanted[i]) * nexpr_dtype_size(j->wanted[i].dtype);
        if (!memcmp(j->got[i], j->wanted[i].data, bytes)) continue;
        fail_msg("%s: result %d is another one by slabs of %lld rows", text, i, (long long)most_rows);
    }
}

/* Random cuts, and slabs of one row and of a few; threads 1 to 4. */
static void check(const char *text, const nexpr_array *inputs) {
    static const int64_t most[] = {0, 0, 0, 1, 2, 255, 256, 300, 4096, 1 << 20};
    nexpr_error err = nexpr_error_init();
    for (int i = 0; i < LENGTH(most); i++) {
        nexpr_run_options run = nexpr_run_options_init();
        nexpr_slabs *slabs;
        run.threads = 1 + i % 4;
        job j = make_job(text, inputs, &run);
        assert_ok(nexpr_slabs_new(j.expr, NULL, j.input_list, &run, &slabs, &err), &err);
        assert_ok(run_slabs(&j, slabs, most[i] == 1 && nexpr_slabs_rows(slabs, 0) > 3000 ? 37 : most[i], &err), &err);
        compare(&j, text, most[i]);
        nexpr_slabs_free(&slabs);
        free_job(&j);
    }
}

static double *values[INPUTS];

static void fill_inputs(nexpr_array *inputs, const int64_t *shape) {
    for (int i = 0; i < INPUTS; i++) inputs[i] = array_of(values[i], F64, 2, shape, NULL);
}

/* a, b and c of one shape. */
static void check_shapes(const char *const *texts, int count, int ndim, const int64_t *shape) {
    nexpr_array inputs[INPUTS];
    for (int i = 0; i < INPUTS; i++) inputs[i] = array_of(values[i], F64, ndim, shape, NULL);
    for (int i = 0; i < count; i++) check(texts[i], inputs);
}

static void reductions_along_any_axis(void **state) {
    static const char *const texts[] = {
        "sum(a)", "sum(a, axis=0)", "sum(a, axis=1)", "mean(a), std(a)", "mean(a, axis=0), std(a, axis=0)",
        "mean(a, axis=1), var(a, axis=1)", "argmax(a), argmin(a, axis=0), argmax(a, axis=1)", "min(a), max(a), sum(a*b)",
        "any(a > 200), all(a > -300)", "any(a > 240, axis=0)", "prod(a/200, axis=0)", "ptp(a, axis=0), norm(a)",
        "sum(-0.0*abs(a)), sum(-0.0*abs(a), axis=0), sum(-0.0*abs(a), axis=1)",
    };
    (void)state;
    check_shapes(texts, LENGTH(texts), 2, DIMS(1003, 31));
    check_shapes(texts, LENGTH(texts), 2, DIMS(70, 1700));
    check_shapes(texts, LENGTH(texts), 2, DIMS(9001, 1));
    check_shapes(texts, LENGTH(texts), 2, DIMS(5001, 3));
    check_shapes(texts, LENGTH(texts), 2, DIMS(1, 5000));
}

static void reductions_of_several_axes(void **state) {
    static const char *const texts[] = {
        "sum(a, axis=(0, 2))", "sum(a, axis=(0, 1))", "sum(a, axis=(1, 2))", "var(a, axis=(0, 2))", "std(a, axis=(0, 1))",
        "sum(a), sum(a, axis=0), sum(a, axis=1), sum(a, axis=2)", "argmin(a), max(a, axis=(0, 2))",
    };
    (void)state;
    check_shapes(texts, LENGTH(texts), 3, DIMS(301, 7, 13));
    check_shapes(texts, LENGTH(texts), 3, DIMS(11, 3, 900));
    check_shapes(texts, LENGTH(texts), 3, DIMS(2000, 1, 9));
}

static void results_that_feed_later_passes(void **state) {
    static const char *const texts[] = {
        "(a - mean(a))/std(a)", "(a - mean(a, axis=0))/std(a, axis=0)",
        "(a - mean(a, axis=1, keepdims=True))/std(a, axis=1, keepdims=True)", "sum((a - mean(a))**2), a - min(a, axis=0)",
        "a/sum(a, axis=0) + b/sum(b)", "m = mean(a, axis=0); m, std(a, axis=0), a - m", "sum(abs(a - max(b))*c, axis=0)",
        "a*2 + 1", "cumsum(a, axis=1)", "cumsum(sum(a, axis=0)), sum(a) + index(a, 0)",
    };
    (void)state;
    check_shapes(texts, LENGTH(texts), 2, DIMS(900, 41));
    check_shapes(texts, LENGTH(texts), 2, DIMS(30, 1500));
    check_shapes(texts, LENGTH(texts), 2, DIMS(2003, 4));
}

static void views_that_stay_near_their_rows(void **state) {
    static const char *const texts[] = {
        "a[1:] - a[:-1]", "sum((a[1:] - a[:-1])**2)",
        "a[2:, 1:-1] + a[:-2, 1:-1] + a[1:-1, 2:] + a[1:-1, :-2] - 4*a[1:-1, 1:-1]",
        "a[:, ::-1]*2", "a[::3] + b[::3]", "sum(a[5:], axis=0)", "reshape(a, -1)[3:]*2", "sum(a[:, 0]*b[:, 1])",
        "a + b[0]", "a + index(a, 0)*index(a, 1)", "sum(a*index(a, 0), axis=0)", "argmax(a[::-1, 0])",
    };
    (void)state;
    check_shapes(texts, LENGTH(texts), 2, DIMS(700, 53));
}

static void views_that_need_the_whole(void **state) {
    static const char *const texts[] = {"a + a[::-1]", "sum(a + a.T)", "sum(a.T, axis=0)", "cumsum(a, axis=0) + b"};
    nexpr_array inputs[INPUTS];
    nexpr_slab_part part = nexpr_slab_part_init();
    nexpr_error err = nexpr_error_init();
    nexpr_slabs *slabs;
    (void)state;
    check_shapes(texts, LENGTH(texts), 2, DIMS(90, 90));
    fill_inputs(inputs, DIMS(90, 90));
    job j = make_job("a + a[::-1] + b", inputs, NULL);
    assert_ok(nexpr_slabs_new(j.expr, NULL, j.input_list, NULL, &slabs, &err), &err);
    assert_int_equal(nexpr_slabs_input(slabs, 0, 0, &part), NEXPR_OK);
    assert_int_equal(part.use, NEXPR_SLAB_WHOLE);
    assert_int_equal(nexpr_slabs_input(slabs, 0, 1, &part), NEXPR_OK);
    assert_int_equal(part.use, NEXPR_SLAB_ROWS);
    nexpr_slabs_free(&slabs);
    free_job(&j);
}

/* Elements 24 bytes apart, one of them in the other order of bytes; broadcast shapes. */
static void records_and_swapped_bytes(void **state) {
    static const char *const texts[] = {"sum(a*b + c, axis=0)", "mean(a), argmin(b)", "(a - mean(b, axis=0))*c"};
    nexpr_array inputs[INPUTS] = {
        array_of(values[0], F64, 2, DIMS(500, 40), DIMS(40 * 24, 24)),
        array_of((char *)values[1] + 4, F32, 2, DIMS(500, 40), NULL),
        array_of(values[2], I32, 1, DIMS(40), DIMS(12)),
    };
    (void)state;
    inputs[2].byte_order = NEXPR_SWAPPED;
    for (int i = 0; i < LENGTH(texts); i++) check(texts[i], inputs);
}

static void empty_arrays(void **state) {
    static const char *const texts[] = {"sum(a), a*2", "sum(a, axis=0), any(a > 0, axis=1)", "prod(a, axis=1) + 1"};
    (void)state;
    check_shapes(texts, LENGTH(texts), 2, DIMS(0, 7));
    check_shapes(texts, LENGTH(texts), 2, DIMS(7, 0));
}

/* Lengths that depend on data are refused before anything is read, also where only a reduction of them is a result. */
static void lengths_that_depend_on_data(void **state) {
    static const char *const texts[] = {
        "a[a > 0]", "b, a[a > 0]*2", "cumsum(a[b > c])[-1]", "max(a[a > 0])", "a[a > 0].size*1.0", "reshape(a[a > 0], (1, -1))",
    };
    nexpr_array inputs[INPUTS];
    const nexpr_array *list[INPUTS] = {&inputs[0], &inputs[1], &inputs[2]};
    nexpr_error err = nexpr_error_init();
    (void)state;
    fill_inputs(inputs, DIMS(50, 7));
    for (int i = 0; i < LENGTH(texts); i++) {
        nexpr *expr = compile(texts[i], F64, F64, F64);
        nexpr_slabs *slabs = NULL;
        assert_int_equal(nexpr_slabs_new(expr, NULL, list, NULL, &slabs, &err), NEXPR_ARGUMENT);
        assert_null(slabs);
        assert_string_equal(err.message, "cannot be evaluated by slabs: an extent depends on the data; use nexpr_evaluate");
        nexpr_free(&expr);
    }
    check("sum(a[b > 0]), mean(a[a > 0])", inputs);
}

static void rows_come_in_order(void **state) {
    nexpr_array inputs[INPUTS];
    nexpr_error err = nexpr_error_init();
    nexpr_slabs *slabs;
    slab s;
    (void)state;
    fill_inputs(inputs, DIMS(50, 7));
    job j = make_job("a - mean(a, axis=0)", inputs, NULL);
    assert_ok(nexpr_slabs_new(j.expr, NULL, j.input_list, NULL, &slabs, &err), &err);
    assert_int_equal(nexpr_slabs_pass_count(slabs), 2);
    begin_slab(&j, slabs, 0, 0, 20, &s);
    assert_int_equal(nexpr_slabs_run(slabs, 0, 1, 20, s.input_data, s.output_data, &err), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_slabs_run(slabs, 0, 0, 51, s.input_data, s.output_data, &err), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_slabs_run(slabs, 2, 0, 20, s.input_data, s.output_data, &err), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_slabs_run(slabs, 0, 0, 20, NULL, NULL, &err), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_slabs_run(slabs, 0, 0, 20, s.input_data, s.output_data, &err), NEXPR_OK);
    assert_int_equal(nexpr_slabs_end_pass(slabs, 0, NULL, &err), NEXPR_ARGUMENT);
    end_slab(&j, slabs, 0, 0, 20, &s);
    assert_int_equal(nexpr_slabs_rows(slabs, 2), -1);
    nexpr_slabs_free(&slabs);
    nexpr_slabs_free(&slabs);
    free_job(&j);
}

/* ------------------------------------------------------------------------------------------------ failing allocations -- */

typedef struct ration {
    int64_t left, used; /* allocations; bytes */
} ration;

static void *allocate(void *user, size_t bytes) {
    ration *r = user;
    if (r->left-- <= 0) return NULL;
    r->used += (int64_t)bytes;
    return malloc(bytes);
}

static void release(void *user, void *memory, size_t bytes) {
    ((ration *)user)->used -= (int64_t)bytes;
    free(memory);
}

/* With the n-th allocation failing: MEMORY, or the right bits, and nothing is left over. */
static bool try_ration(job *j, nexpr_context *context, ration *r, int64_t n) {
    nexpr_error err = nexpr_error_init();
    nexpr_slabs *slabs = NULL;
    const int64_t used = r->used;
    r->left = n;
    nexpr_status status = nexpr_slabs_new(j->expr, context, j->input_list, NULL, &slabs, &err);
    if (!status) status = run_slabs(j, slabs, 100, &err);
    if (status) assert_int_equal(status, NEXPR_MEMORY);
    nexpr_slabs_free(&slabs);
    assert_int_equal(r->used, used);
    return !status;
}

static void allocations_that_fail(void **state) {
    nexpr_array inputs[INPUTS];
    ration r = {.left = INT64_MAX};
    nexpr_allocator allocator = {sizeof allocator, &r, allocate, release};
    nexpr_context_options options = nexpr_context_options_init();
    nexpr_error err = nexpr_error_init();
    nexpr_context *context;
    (void)state;
    options.allocator = &allocator;
    options.cached_bytes = SIZE_MAX;
    options.threads = 1;
    assert_ok(nexpr_context_new(&options, &context, &err), &err);
    fill_inputs(inputs, DIMS(333, 40));
    job j = make_job("(a - mean(a))/std(a, axis=0), argmax(b)", inputs, NULL);
    int64_t n = 0;
    while (!try_ration(&j, context, &r, n)) n++;
    assert_true(n > 20);
    compare(&j, "with failing allocations", 100);
    r.left = INT64_MAX;
    free_job(&j);
    nexpr_context_free(&context);
    assert_int_equal(r.used, 0);
}

int main(void) {
    for (int i = 0; i < INPUTS; i++) values[i] = fill(malloc(MOST_ITEMS * sizeof *values[i]), MOST_ITEMS);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reductions_along_any_axis),
        cmocka_unit_test(reductions_of_several_axes),
        cmocka_unit_test(results_that_feed_later_passes),
        cmocka_unit_test(views_that_stay_near_their_rows),
        cmocka_unit_test(views_that_need_the_whole),
        cmocka_unit_test(records_and_swapped_bytes),
        cmocka_unit_test(empty_arrays),
        cmocka_unit_test(lengths_that_depend_on_data),
        cmocka_unit_test(rows_come_in_order),
        cmocka_unit_test(allocations_that_fail),
    };
    setenv("NEXPR_BACKEND", "vm", 1); /* what is allocated must not depend on time */
    const int failed = cmocka_run_group_tests_name("slabs", tests, NULL, NULL);
    for (int i = 0; i < INPUTS; i++) free(values[i]);
    return failed;
}
