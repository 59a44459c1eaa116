/* SPDX-License-Identifier: MIT */
/* The rows of expr_bench: an expression of a and b, and the loop one would write for it. */
#ifndef BENCH_EXPR_REFERENCE_H
#define BENCH_EXPR_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct bench_row {
    const char *text;
    void (*loop)(size_t n, void *r, const void *a, const void *b);
    bool is_float32; /* else float64 */
} bench_row;

extern const bench_row bench_rows[];
extern const int bench_row_count;

#endif
