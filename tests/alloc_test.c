/* SPDX-License-Identifier: MIT */
/*
 * Every allocation fails in turn, in everything that the public header can do with an expression: each time there is a clean
 * MEMORY or the right result, and nothing is leaked.
 */
#include "tests/support/failing_allocator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 3000 };

static double a_data[COUNT], b_data[COUNT], c_data[COUNT + 1];
static int32_t i_data[COUNT];

/* The arrays a, b (float64) and i (int32) of COUNT elements, and room for results. */
typedef struct fixture {
    int64_t shape[1], strides[1];
    nexpr_array arrays[3], results[2];
    const nexpr_array *inputs[3];
    nexpr_array *outputs[2];
    nexpr_context *context;
    nexpr_error err;
} fixture;

static nexpr_array array_of(fixture *f, void *data, nexpr_dtype dtype) {
    nexpr_array array = nexpr_array_init();
    array.data = data;
    array.dtype = dtype;
    array.ndim = 1;
    array.shape = f->shape;
    return array;
}

static void prepare(fixture *f) {
    f->shape[0] = COUNT;
    f->arrays[0] = array_of(f, a_data, NEXPR_FLOAT64);
    f->arrays[1] = array_of(f, b_data, NEXPR_FLOAT64);
    f->arrays[2] = array_of(f, i_data, NEXPR_INT32);
    for (int i = 0; i < 3; i++) f->inputs[i] = &f->arrays[i];
    for (int i = 0; i < 2; i++) {
        f->results[i] = nexpr_array_init();
        f->outputs[i] = &f->results[i];
    }
    for (int i = 0; i < COUNT; i++) {
        a_data[i] = i;
        b_data[i] = 0.5 * i;
        i_data[i] = -i;
    }
    f->context = NULL;
    f->err = nexpr_error_init();
}

static nexpr_status compile(fixture *f, const char *text, nexpr **ret) {
    nexpr_input inputs[3] = {nexpr_input_init("a", NEXPR_FLOAT64, 1), nexpr_input_init("b", NEXPR_FLOAT64, -1),
                             nexpr_input_init("i", NEXPR_INT32, 1)};
    const nexpr_input *list[3] = {&inputs[0], &inputs[1], &inputs[2]};
    nexpr_program *program = NULL;
    nexpr_status status = nexpr_parse(f->context, text, SIZE_MAX, NULL, &program, &f->err);
    if (status == NEXPR_OK) status = nexpr_compile(f->context, program, list, 3, NULL, NULL, ret, &f->err);
    nexpr_program_free(&program);
    return status;
}

/* What is run with each allocation failing: it frees whatever it made, and checks what came out. */
typedef nexpr_status scenario(fixture *f);

static nexpr_status run_compiled(fixture *f, const char *text) {
    nexpr *expr = NULL;
    nexpr_status status = compile(f, text, &expr);
    if (status == NEXPR_OK) status = nexpr_evaluate(expr, f->context, f->inputs, f->outputs, NULL, &f->err);
    nexpr_free(&expr);
    return status;
}

static nexpr_status outputs_are_allocated(fixture *f) {
    nexpr_status status = run_compiled(f, "t = 2*a - 4.5*b; sin(i) if a > 3 else b // 3, t");
    if (status == NEXPR_OK) assert_true(((double *)f->results[1].data)[4] == -1);
    for (int i = 0; i < 2; i++) nexpr_array_free(&f->results[i]);
    return status;
}

static nexpr_status an_output_overlaps_an_input(fixture *f) {
    for (int i = 0; i <= COUNT; i++) c_data[i] = i;
    f->results[0] = array_of(f, c_data + 1, NEXPR_FLOAT64);
    f->arrays[0].data = c_data;
    nexpr_status status = run_compiled(f, "a + b*0 + 1");
    if (status == NEXPR_OK) assert_true(c_data[COUNT] == COUNT);
    return status;
}

static nexpr_status inputs_are_swapped_and_reversed(fixture *f) {
    f->strides[0] = -(int64_t)sizeof(double);
    f->arrays[0].data = a_data + COUNT - 1;
    f->arrays[0].strides = f->strides;
    f->arrays[2].byte_order = NEXPR_SWAPPED;
    nexpr_status status = run_compiled(f, "a + (i & 0)");
    if (status == NEXPR_OK) assert_true(((double *)f->results[0].data)[0] == COUNT - 1);
    nexpr_array_free(&f->results[0]);
    return status;
}

static nexpr_status views_are_copied_and_moved(fixture *f) {
    nexpr_status status = run_compiled(f, "a[1:] - a[:-1], reshape(a * 1 + b * 0, (1, -1)).T[::-1, 0]");
    if (status == NEXPR_OK) {
        assert_true(((double *)f->results[0].data)[0] == 1);
        assert_true(((double *)f->results[1].data)[0] == COUNT - 1);
    }
    for (int i = 0; i < 2; i++) nexpr_array_free(&f->results[i]);
    return status;
}

static nexpr_status arrays_are_reduced_and_run_along(fixture *f) {
    nexpr_status status = run_compiled(f, "sum(a, where=a > 0, initial=1) + 0*var(b, ddof=1, where=b > 1) + 0*dot(a, a), "
                                          "cumsum(diff(a, n=1, axis=-1)) - min(a)");
    if (status == NEXPR_OK) {
        assert_true(((double *)f->results[0].data)[0] == 1 + COUNT * (COUNT - 1) / 2);
        assert_true(((double *)f->results[1].data)[COUNT - 2] == COUNT - 1);
    }
    for (int i = 0; i < 2; i++) nexpr_array_free(&f->results[i]);
    return status;
}

static nexpr_status lengths_stand_in_views_and_generators(fixture *f) {
    nexpr_status status = run_compiled(f, "arange(a.shape[0] - 2, a.size) + a[:a.size//2][0], "
                                          "average(full((2, 3), 4.0), axis=1, weights=linspace(1, 2, 3))");
    if (status == NEXPR_OK) {
        assert_true(((double *)f->results[0].data)[1] == COUNT - 1);
        assert_true(((double *)f->results[1].data)[1] == 4);
    }
    for (int i = 0; i < 2; i++) nexpr_array_free(&f->results[i]);
    return status;
}

static nexpr_status a_plan_runs_twice(fixture *f) {
    nexpr *expr = NULL;
    nexpr_plan *plan = NULL;
    const void *inputs[3] = {a_data, b_data, i_data};
    void *outputs[1] = {c_data};
    f->results[0] = array_of(f, c_data, NEXPR_FLOAT64);
    const nexpr_array *results[1] = {&f->results[0]};
    nexpr_status status = compile(f, "exp(a*0) + b", &expr);
    if (status == NEXPR_OK) status = nexpr_plan_new(expr, f->context, f->inputs, results, NULL, &plan, &f->err);
    for (int i = 0; i < 2 && status == NEXPR_OK; i++) status = nexpr_plan_run(plan, inputs, outputs, &f->err);
    if (status == NEXPR_OK) assert_true(c_data[2] == 2);
    nexpr_plan_free(&plan);
    nexpr_free(&expr);
    return status;
}

static nexpr_status a_text_is_cached(fixture *f) {
    static const char *const names[3] = {"a", "b", "i"};
    nexpr_status status = NEXPR_OK;
    for (int i = 0; i < 3 && status == NEXPR_OK; i++) {
        const char *text = i == 1 ? "a - b" : "a + b";
        status = nexpr_evaluate_text(f->context, text, names, f->inputs, 3, f->outputs, 1, NULL, NULL, &f->err);
        if (status == NEXPR_OK) assert_true(((double *)f->results[0].data)[2] == (i == 1 ? 1 : 3));
        nexpr_array_free(&f->results[0]);
    }
    return status;
}

static nexpr_status read_counting(void *user, int64_t first, int64_t count, void *data, nexpr_error *err) {
    (void)user, (void)err;
    for (int64_t i = 0; i < count; i++) ((double *)data)[i] = (double)(first + i);
    return NEXPR_OK;
}

static nexpr_status write_to_c(void *user, int64_t first, int64_t count, const void *data, nexpr_error *err) {
    (void)user, (void)err;
    memcpy(c_data + first, data, (size_t)count * sizeof(double));
    return NEXPR_OK;
}

static nexpr_status a_stream_is_read_and_written(fixture *f) {
    nexpr *expr = NULL;
    nexpr_source source = nexpr_source_init();
    nexpr_sink sink = nexpr_sink_init();
    nexpr_run_options run = nexpr_run_options_init();
    source.read = read_counting;
    sink.write = write_to_c;
    sink.dtype = NEXPR_FLOAT64;
    run.chunk_bytes = 8192;
    const nexpr_source *sources[3] = {&source, NULL, NULL};
    const nexpr_sink *sinks[1] = {&sink};
    nexpr_status status = compile(f, "a * 2 + b*0", &expr);
    if (status == NEXPR_OK) status = nexpr_stream(expr, f->context, f->inputs, sources, sinks, &run, &f->err);
    if (status == NEXPR_OK) assert_true(c_data[COUNT - 1] == 2 * (COUNT - 1));
    nexpr_free(&expr);
    return status;
}

/* Runs a scenario with allocation 0, 1, 2, ... failing, or all from it on, until none fails. */
static void fail_every_allocation_of(scenario *run, bool all_later) {
    failing_allocator failing;
    for (long n = 0;; n++) {
        fixture f;
        prepare(&f);
        nexpr_context_options options = nexpr_context_options_init();
        options.allocator = failing_allocator_init(&failing, n);
        options.threads = 2;
        failing.fail_all_later = all_later;
        nexpr_status status = nexpr_context_new(&options, &f.context, &f.err);
        if (status == NEXPR_OK) status = run(&f);
        nexpr_context_free(&f.context);
        assert_int_equal(failing.live_blocks, 0);
        assert_int_equal(failing.live_bytes, 0);
        if (!failing.failed) {
            assert_int_equal(status, NEXPR_OK);
            assert_true(n > 5);
            return;
        }
        if (status != NEXPR_OK) { /* some failures are survived: fewer threads, nothing cached */
            assert_int_equal(status, NEXPR_MEMORY);
            assert_int_equal(f.err.status, NEXPR_MEMORY);
            assert_true(f.err.message[0] != '\0');
        }
    }
}

#define FOR_EACH_SCENARIO(X)                 \
    X(outputs_are_allocated)                 \
    X(an_output_overlaps_an_input)           \
    X(views_are_copied_and_moved)            \
    X(arrays_are_reduced_and_run_along)      \
    X(lengths_stand_in_views_and_generators) \
    X(inputs_are_swapped_and_reversed)       \
    X(a_plan_runs_twice)                     \
    X(a_text_is_cached)                      \
    X(a_stream_is_read_and_written)

#define X(name)                                                      \
    static void no_allocation_may_fail_badly_when_##name(void **s) { \
        (void)s;                                                     \
        fail_every_allocation_of(name, false);                       \
        fail_every_allocation_of(name, true);                        \
    }
FOR_EACH_SCENARIO(X)
#undef X

int main(void) {
    const struct CMUnitTest tests[] = {
#define X(name) cmocka_unit_test(no_allocation_may_fail_badly_when_##name),
        FOR_EACH_SCENARIO(X)
#undef X
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
