/* SPDX-License-Identifier: MIT */
/*
 * Where the VM stands: each expression through a prepared plan, beside the loop that one would write in C for it, on the
 * same arrays, alternating in one process. The loops are in expr_reference.c, compiled with -O3 -march=native
 * -ffp-contract=off; they stand for what a compiler makes of strict C.
 *
 *   expr_bench [N]...      elements per array; 4096, 65536 and 2^24 without arguments
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/expr_reference.h"
#include "nexpr.h"

enum { PAIRS = 9, LEAST_NS = 2000000 };

typedef struct measurement {
    nexpr_plan *plan;
    const bench_row *row;
    const void *inputs[2];
    void *output, *reference;
    size_t n;
} measurement;

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

static void die(const char *what, const nexpr_error *err) {
    fprintf(stderr, "expr_bench: %s: %s\n", what, err->message);
    exit(1);
}

static void run_plan(const measurement *m) {
    nexpr_error err = nexpr_error_init();
    if (nexpr_plan_run(m->plan, m->inputs, (void *[]){m->output}, &err)) die(m->row->text, &err);
}

static void run_reference(const measurement *m) {
    m->row->loop(m->n, m->reference, m->inputs[0], m->inputs[1]);
}

/* Nanoseconds per call, over as many calls as take LEAST_NS. */
static double time_calls(void (*run)(const measurement *), const measurement *m) {
    for (long calls = 1;; calls *= 2) {
        double start = now_ns();
        for (long i = 0; i < calls; i++) run(m);
        double ns = now_ns() - start;
        if (ns >= LEAST_NS) return ns / (double)calls;
    }
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare_doubles);
    return values[count / 2];
}

/* The answers agree to a few units in the last place; the loops call other math functions than nexpr does. */
static void check_answer(const measurement *m) {
    run_plan(m);
    run_reference(m);
    for (size_t i = 0; i < m->n; i++) {
        double x = m->row->is_float32 ? ((float *)m->output)[i] : ((double *)m->output)[i];
        double y = m->row->is_float32 ? ((float *)m->reference)[i] : ((double *)m->reference)[i];
        double bound = (m->row->is_float32 ? 1e-5 : 1e-13) * (1 + fabs(y));
        if (fabs(x - y) <= bound) continue;
        fprintf(stderr, "expr_bench: %s: element %zu is %.17g, but the loop gives %.17g\n", m->row->text, i, x, y);
        exit(1);
    }
}

static void measure(const measurement *m) {
    double ours[PAIRS], theirs[PAIRS], ratios[PAIRS];
    check_answer(m);
    for (int i = 0; i < PAIRS; i++) {
        ours[i] = time_calls(run_plan, m);
        theirs[i] = time_calls(run_reference, m);
        ratios[i] = ours[i] / theirs[i];
    }
    size_t item = m->row->is_float32 ? sizeof(float) : sizeof(double);
    double ns = median(ours, PAIRS);
    printf("%-36s %-8s %9zu %9.3f %9.3f %8.1f %7.2f\n", m->row->text, m->row->is_float32 ? "float32" : "float64", m->n,
           ns / (double)m->n, median(theirs, PAIRS) / (double)m->n, 3 * (double)(item * m->n) / ns, median(ratios, PAIRS));
    fflush(stdout);
}

static void fill(void *data, size_t n, bool is_float32, double offset) {
    for (size_t i = 0; i < n; i++) {
        double x = offset + 0.5 * (double)(i % 1024) / 1024;
        if (is_float32) ((float *)data)[i] = (float)x;
        else ((double *)data)[i] = x;
    }
}

static nexpr_plan *make_plan(const bench_row *row, size_t n) {
    nexpr_error err = nexpr_error_init();
    nexpr_dtype dtype = row->is_float32 ? NEXPR_FLOAT32 : NEXPR_FLOAT64;
    nexpr_input a = nexpr_input_init("a", dtype, 1), b = nexpr_input_init("b", dtype, 1);
    nexpr_run_options run = nexpr_run_options_init();
    int64_t shape[] = {(int64_t)n};
    nexpr_array array = nexpr_array_init();
    nexpr_program *program;
    nexpr *expr;
    nexpr_plan *plan;
    array.dtype = dtype;
    array.ndim = 1;
    array.shape = shape;
    run.threads = 1;
    if (nexpr_parse(NULL, row->text, SIZE_MAX, NULL, &program, &err)) die(row->text, &err);
    if (nexpr_compile(NULL, program, (const nexpr_input *[]){&a, &b}, 2, NULL, NULL, &expr, &err)) die(row->text, &err);
    if (nexpr_plan_new(expr, NULL, (const nexpr_array *[]){&array, &array}, (const nexpr_array *[]){&array}, &run, &plan,
                       &err)) {
        die(row->text, &err);
    }
    nexpr_program_free(&program);
    nexpr_free(&expr);
    return plan;
}

static void bench_size(size_t n) {
    size_t bytes = (n * sizeof(double) + 63) / 64 * 64;
    void *a = aligned_alloc(64, bytes), *b = aligned_alloc(64, bytes), *x = aligned_alloc(64, bytes),
         *y = aligned_alloc(64, bytes);
    if (!a || !b || !x || !y) exit(1);
    for (int i = 0; i < bench_row_count; i++) {
        const bench_row *row = &bench_rows[i];
        measurement m = {make_plan(row, n), row, {a, b}, x, y, n};
        fill(a, n, row->is_float32, 0.25);
        fill(b, n, row->is_float32, 0.5);
        measure(&m);
        nexpr_plan_free(&m.plan);
    }
    free(a);
    free(b);
    free(x);
    free(y);
}

int main(int argc, char **argv) {
    static const size_t sizes[] = {4096, 65536, 1 << 24};
    printf("%-36s %-8s %9s %9s %9s %8s %7s\n", "expression", "dtype", "n", "ns/item", "C ns/item", "GB/s", "ratio");
    for (int i = 1; i < argc; i++) bench_size(strtoull(argv[i], NULL, 10));
    for (size_t i = 0; argc < 2 && i < sizeof sizes / sizeof *sizes; i++) bench_size(sizes[i]);
    nexpr_context_free_default();
    return 0;
}
