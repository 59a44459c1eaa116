/* SPDX-License-Identifier: MIT */
/* The arrays of one row at one size: where they lie in memory, and what is in them. */
#ifndef BENCH_EXPR_ARRAYS_H
#define BENCH_EXPR_ARRAYS_H

#include "bench/expr_reference.h"

typedef struct bench_operand {
    nexpr_array array;
    int64_t shape[2], strides[2];
    void *region; /* what was mapped */
    size_t region_bytes;
} bench_operand;

typedef struct bench_arrays {
    const bench_row *row;
    size_t rows, columns, n; /* n = rows * columns */
    size_t results;          /* elements of all results, or numbers */
    int input_count;
    bench_operand input[BENCH_MAX_INPUTS], output;
    bench_operand plain;                  /* LAYOUT_TRANSPOSED_PLAIN: the first input in C order */
    const void *data[BENCH_MAX_INPUTS];   /* of the inputs; the first one's where there is none */
    const void *c_data[BENCH_MAX_INPUTS]; /* the same, for the loops in C */
    size_t bytes;                         /* of the elements that are read and written */
} bench_arrays;

/* Maps and fills the arrays for about n elements; false if the row has no such size: less than two rows. Exits if there is
 * no memory. `stagger`: each array begins at another offset within a page. */
bool bench_arrays_make(bench_arrays *arrays, const bench_row *row, size_t n, bool stagger);
void bench_arrays_free(bench_arrays *arrays);

#endif
