/* SPDX-License-Identifier: MIT */
/*
 * Where the VM stands: each expression through a prepared plan, beside the loops that one would write in C for it, on the
 * same arrays, alternating in one process. The rows are in expr_rows.def. README.md explains the figures.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/expr_arrays.h"
#include "bench/timing.h"

enum { PAIRS = 9 };
static const double LEAST_NS = 2e6;

#define ROW(name, text, layout, columns, kind, result, a, b, c, formula)                              \
    {#name, text, LAYOUT_##layout, columns, HAS_##kind, dtype_##result, {dtype_##a, dtype_##b, dtype_##c}, \
     bench_strict_##name, bench_fast_##name},
enum { HAS_PLAIN, HAS_MATH64, HAS_MATH32 };
static const bench_row rows[] = {
#include "bench/expr_rows.def"
};
enum { ROW_COUNT = sizeof rows / sizeof *rows };

/* One row at one size in so many threads. */
typedef struct measurement {
    const bench_row *row;
    bench_arrays arrays;
    nexpr_plan *plan;
    bool parallel;
} measurement;

static void die(const char *what, const nexpr_error *err) {
    fprintf(stderr, "expr_bench: %s: %s\n", what, err->message);
    exit(1);
}

static void run_plan(void *user) {
    measurement *m = user;
    nexpr_error err = nexpr_error_init();
    if (nexpr_plan_run(m->plan, m->arrays.data, (void *[]){m->arrays.output.array.data}, &err)) die(m->row->text, &err);
}

static void run_loop(measurement *m, bench_loop *loop) {
    loop(m->parallel, m->arrays.rows, m->arrays.columns, m->arrays.output.array.data, m->arrays.data);
}

static void run_strict(void *user) {
    measurement *m = user;
    run_loop(m, m->row->strict);
}

static void run_fast(void *user) {
    measurement *m = user;
    run_loop(m, m->row->fast);
}

static nexpr *compile(const bench_row *row) {
    nexpr_error err = nexpr_error_init();
    nexpr_input input[BENCH_MAX_INPUTS];
    const nexpr_input *inputs[BENCH_MAX_INPUTS];
    nexpr_program *program;
    nexpr *expr;
    int count = 0;
    for (; count < BENCH_MAX_INPUTS && row->inputs[count] != dtype_none; count++) {
        input[count] = nexpr_input_init((const char *[]){"a", "b", "c"}[count], (nexpr_dtype)row->inputs[count], -1);
        inputs[count] = &input[count];
    }
    if (nexpr_parse(NULL, row->text, SIZE_MAX, NULL, &program, &err)) die(row->text, &err);
    if (nexpr_compile(NULL, program, inputs, count, NULL, NULL, &expr, &err)) die(row->text, &err);
    nexpr_program_free(&program);
    if ((int)nexpr_result_dtype(expr, 0) != row->result) {
        fprintf(stderr, "expr_bench: %s: the result is %s, not %s\n", row->text,
                nexpr_dtype_name(nexpr_result_dtype(expr, 0)), nexpr_dtype_name((nexpr_dtype)row->result));
        exit(1);
    }
    return expr;
}

static void make_plan(measurement *m, int threads) {
    nexpr_error err = nexpr_error_init();
    nexpr_run_options run = nexpr_run_options_init();
    const nexpr_array *inputs[BENCH_MAX_INPUTS];
    nexpr *expr = compile(m->row);
    run.threads = threads;
    for (int k = 0; k < m->arrays.input_count; k++) inputs[k] = &m->arrays.input[k].array;
    if (nexpr_plan_new(expr, NULL, inputs, (const nexpr_array *[]){&m->arrays.output.array}, &run, &m->plan, &err)) {
        die(m->row->text, &err);
    }
    nexpr_free(&expr);
}

/* Whether two elements agree, to `bound` relative to 1 or to the larger one if they are floats. */
static bool is_close(double x, double y, double bound) {
    return fabs(x - y) <= bound * (1 + fabs(y));
}

static bool same_elements(nexpr_dtype dtype, size_t n, const void *x, const void *y) {
    size_t parts = dtype == NEXPR_COMPLEX128 ? 2 : 1;
    for (size_t i = 0; i < n * parts; i++) {
        if (dtype == NEXPR_FLOAT32) {
            if (!is_close(((const float *)x)[i], ((const float *)y)[i], 1e-5)) return false;
        } else if (!is_close(((const double *)x)[i], ((const double *)y)[i], 1e-13)) {
            return false;
        }
    }
    return true;
}

static void check_answer(measurement *m, const char *build, void (*run)(void *), bool is_exact) {
    nexpr_dtype dtype = m->arrays.output.array.dtype;
    size_t bytes = m->arrays.n * nexpr_dtype_size(dtype);
    bool is_float = dtype >= NEXPR_FLOAT16;
    void *ours = malloc(bytes), *output = m->arrays.output.array.data;
    if (!ours) exit(1);
    run_plan(m);
    memcpy(ours, output, bytes);
    memset(output, 0, bytes);
    run(m);
    if (is_exact || !is_float ? memcmp(ours, output, bytes) != 0 : !same_elements(dtype, m->arrays.n, ours, output)) {
        fprintf(stderr, "expr_bench: %s: the answer is not that of the %s loop\n", m->row->text, build);
        exit(1);
    }
    free(ours);
}

static void measure(const bench_row *row, size_t n, int threads) {
    measurement m = {.row = row, .parallel = threads != 1};
    double ns[3], ratio[3];
    bench_arrays_make(&m.arrays, row, n);
    make_plan(&m, threads);
    check_answer(&m, "strict", run_strict, true);
    check_answer(&m, "fast", run_fast, false);
    bench_compare((bench_call[]){{run_plan, &m}, {run_strict, &m}, {run_fast, &m}}, 3, PAIRS, LEAST_NS, ns, ratio);
    printf("%-36.36s %-10s %9zu %9.3f %7.1f %9.3f %6.2f %9.3f %6.2f\n", row->text,
           nexpr_dtype_name(m.arrays.output.array.dtype), n, ns[0] / (double)n, (double)m.arrays.bytes / ns[0],
           ns[1] / (double)n, ratio[1], ns[2] / (double)n, ratio[2]);
    fflush(stdout);
    nexpr_plan_free(&m.plan);
    bench_arrays_free(&m.arrays);
}

int main(int argc, char **argv) {
    static const size_t sizes[] = {1, 1000, 4096, 10000, 65536, 1 << 24};
    printf("%-36s %-10s %9s %9s %7s %9s %6s %9s %6s\n", "expression", "dtype", "n", "ns/item", "GB/s", "strict ns", "ratio",
           "fast ns", "ratio");
    for (int r = 0; r < ROW_COUNT; r++) {
        for (int i = 1; i < argc; i++) measure(&rows[r], strtoull(argv[i], NULL, 10), 1);
        for (size_t i = 0; argc < 2 && i < sizeof sizes / sizeof *sizes; i++) measure(&rows[r], sizes[i], 1);
    }
    nexpr_context_free_default();
    return 0;
}
