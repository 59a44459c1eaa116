/* SPDX-License-Identifier: MIT */
/*
 * What `run` calls through ctypes: the rows of expr_rows.def and reduce_rows.def, their arrays, and clocks around calls of
 * loops and plans. A call through ctypes takes about a microsecond, so both are called so many times in here, between two
 * looks at the clock.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/expr_arrays.h"
#include "bench/timing.h"

#define API __attribute__((visibility("default")))

enum { HAS_PLAIN, HAS_MATH64, HAS_MATH32, HAS_INLINED64, HAS_INLINED32 };
#define LOOPS(name) bench_strict_##name, bench_fast_##name
#define ROW(name, text, note, layout, columns, kind, result, a, b, c, formula)                                   \
    {#name, text, note, LAYOUT_##layout, columns, HAS_##kind, dtype_##result, {dtype_##a, dtype_##b, dtype_##c}, \
     LOOPS(name), 1, 0, bench_plain_##name},
#define PAIR_ROW(name, text, note, p_is, q_is, first, second)                                           \
    {#name, text, note, LAYOUT_PAIR, 0, HAS_MATH64, dtype_f64, {dtype_f64, dtype_f64, dtype_f64}, \
     LOOPS(name), 2, 0, bench_plain_##name},
#define REDUCE_ROW(name, text, note, layout, results, result, a, b, bound)                                        \
    {#name, text, note, LAYOUT_##layout, 0, false, dtype_##result, {dtype_##a, dtype_##b, dtype_none}, LOOPS(name), \
     results, bound, bench_plain_##name},
static const bench_row rows[] = {
#include "bench/expr_rows.def"
#include "bench/reduce_rows.def"
};

API int bench_row_count(void);
API const bench_row *bench_row_at(int index);
API bench_arrays *bench_arrays_new(int row, size_t n);
API void bench_arrays_drop(bench_arrays *arrays);
API double bench_repeat_loop(bench_loop *loop, bool parallel, const bench_arrays *arrays, void *output, long calls);
API double bench_repeat_fresh_loop(bench_loop *loop, bool parallel, const bench_arrays *arrays, size_t bytes, long calls);
API double bench_repeat_plan(nexpr_plan *plan, const void *const *inputs, void *const *outputs, long calls);
API double bench_repeat_evaluate(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                                 const nexpr_run_options *run, long calls);
API const char *bench_flags(int build);
API ptrdiff_t bench_find_difference(int dtype, size_t n, const void *x, const void *y, double bound);

int bench_row_count(void) {
    return sizeof rows / sizeof *rows;
}

const bench_row *bench_row_at(int index) {
    return &rows[index];
}

/* Those of the plain, the strict and the fast loops, in words with blanks between them. */
const char *bench_flags(int build) {
    static const char *const flags[] = {BENCH_FLAGS};
    return flags[build];
}

/* NULL if the row has no such size. */
bench_arrays *bench_arrays_new(int row, size_t n) {
    bench_arrays *arrays = malloc(sizeof *arrays);
    if (arrays && bench_arrays_make(arrays, &rows[row], n, false)) return arrays;
    free(arrays);
    return NULL;
}

void bench_arrays_drop(bench_arrays *arrays) {
    bench_arrays_free(arrays);
    free(arrays);
}

/* From here on: nanoseconds of so many calls; below 0 if one failed. */
double bench_repeat_loop(bench_loop *loop, bool parallel, const bench_arrays *arrays, void *output, long calls) {
    const double start = bench_now_ns();
    for (long i = 0; i < calls; i++) loop(parallel, arrays->rows, arrays->columns, output, arrays->c_data);
    return bench_now_ns() - start;
}

/* The same, with an output from malloc for each call. */
double bench_repeat_fresh_loop(bench_loop *loop, bool parallel, const bench_arrays *arrays, size_t bytes, long calls) {
    const double start = bench_now_ns();
    for (long i = 0; i < calls; i++) {
        void *output = malloc(bytes);
        if (!output) return -1;
        loop(parallel, arrays->rows, arrays->columns, output, arrays->c_data);
        free(output);
    }
    return bench_now_ns() - start;
}

double bench_repeat_plan(nexpr_plan *plan, const void *const *inputs, void *const *outputs, long calls) {
    const double start = bench_now_ns();
    for (long i = 0; i < calls; i++) {
        if (nexpr_plan_run(plan, inputs, outputs, NULL)) return -1;
    }
    return bench_now_ns() - start;
}

/* Of an expression with one result. */
double bench_repeat_evaluate(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                             const nexpr_run_options *run, long calls) {
    const double start = bench_now_ns();
    for (long i = 0; i < calls; i++) {
        nexpr_array result = nexpr_array_init();
        if (nexpr_evaluate(expr, context, inputs, (nexpr_array *[]){&result}, run, NULL)) return -1;
        nexpr_array_free(&result);
    }
    return bench_now_ns() - start;
}

/* -------------------------------------------------------------------------------------------------------- answers -- */

static bool is_near(double x, double y, double bound) {
    return x == y || fabs(x - y) <= bound * (1 + fabs(y)) || (isnan(x) && isnan(y));
}

#define DIFFERENCE_OF(T)                                              \
    for (size_t i = 0; i < n; i++) {                                  \
        if (!is_near(((const T *)x)[i], ((const T *)y)[i], bound)) return (ptrdiff_t)i; \
    }                                                                 \
    return -1

/* The index of the first element that is farther from y's than `bound`, relative and absolute; -1 if there is none. What is
 * no float has to be equal, byte by byte. Complex numbers are twice as many floats. */
ptrdiff_t bench_find_difference(int dtype, size_t n, const void *x, const void *y, double bound) {
    const size_t item = nexpr_dtype_size((nexpr_dtype)dtype);
    if (dtype == NEXPR_COMPLEX64 || dtype == NEXPR_COMPLEX128) n *= 2;
    if (dtype == NEXPR_FLOAT64 || dtype == NEXPR_COMPLEX128) {
        DIFFERENCE_OF(double);
    }
    if (dtype == NEXPR_FLOAT32 || dtype == NEXPR_COMPLEX64) {
        DIFFERENCE_OF(float);
    }
    const char *p = x, *q = y;
    for (size_t i = 0; i < n; i++) {
        if (memcmp(p + i * item, q + i * item, item)) return (ptrdiff_t)i;
    }
    return -1;
}
