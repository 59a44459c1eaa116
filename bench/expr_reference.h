/* SPDX-License-Identifier: MIT */
/*
 * The rows of expr_rows.def and reduce_rows.def and their loops in C. Each row has three: strict, compiled without any
 * licence and with the math functions of nexpr; fast, compiled with -ffast-math and the vector functions of libm; plain,
 * compiled as most are. See README.md.
 */
#ifndef BENCH_EXPR_REFERENCE_H
#define BENCH_EXPR_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nexpr.h"

/* item_f64 and so on: what an element is in C; dtype_f64 and so on: its dtype. */
#define BENCH_ITEM_BOOL(ctype) ctype
#define BENCH_ITEM_INT(ctype) ctype
#define BENCH_ITEM_REAL(ctype) ctype
#define BENCH_ITEM_COMPLEX(ctype) struct { ctype re, im; }
#define X(id, suffix, name, class, ctype) typedef BENCH_ITEM_##class(ctype) item_##suffix;
NEXPR_DTYPE_MAP(X)
#undef X
typedef uint8_t item_none;

enum {
#define X(id, suffix, name, class, ctype) dtype_##suffix = NEXPR_##id,
    NEXPR_DTYPE_MAP(X)
#undef X
    dtype_none = -1
};

enum { BENCH_MAX_INPUTS = 3, BENCH_MAX_RESULTS = 2, BENCH_MOST_POINTS = 2000 };

/* Where the elements lie. What is not said here is contiguous; the result always is. */
typedef enum bench_layout {
    LAYOUT_FLAT,
    LAYOUT_STRIDED,          /* a and b: every second element */
    LAYOUT_SWAPPED,          /* a and b: the other byte order */
    LAYOUT_ROW,              /* a matrix and b a row of it */
    LAYOUT_COLUMN,           /* a matrix and b a column of it */
    LAYOUT_TRANSPOSED,       /* a square in Fortran order, b in C order */
    LAYOUT_TRANSPOSED_PLAIN, /* the same; the loops in C have a in C order too */
    LAYOUT_UNALIGNED,        /* everything is one element behind a multiple of 64 bytes */
    LAYOUT_FRESH,            /* a new output for every call, freed behind it; in C from malloc */
    LAYOUT_FRESH_REUSED,     /* the same; the loops in C write to one output again and again */
    LAYOUT_FRESH_CACHED,     /* the same with nexpr's cache of buffers */
    LAYOUT_PAIR,             /* two results, one behind the other */
    /* Those of reduce_rows.def. A matrix is a square, as nearly as may be. */
    LAYOUT_TOTAL,            /* the result is a number, or two of them */
    LAYOUT_COLUMN_TOTALS,    /* of a matrix: one number per column */
    LAYOUT_ROW_TOTALS,       /* of a matrix: one number per row */
    LAYOUT_MATRIX,           /* of a matrix: one */
    LAYOUT_INNER,            /* of a matrix: one without its border */
    LAYOUT_LARGE_SQUARE,     /* the same as LAYOUT_MATRIX, of four times as many elements */
    LAYOUT_POINTS,           /* points of three coordinates; the result is a matrix of as many rows and columns */
    LAYOUT_SHORTER,          /* the result has one element less */
    LAYOUT_FEW,              /* b is a mask, in which 10 % are true; the result is fresh, and has as many elements */
    LAYOUT_MOST,             /* the same with 90 % */
    LAYOUT_GATHER,           /* b is indices of a, at random */
} bench_layout;

/* Computes rows * columns elements, in all threads if `parallel`. Inputs that the row does not have are any address with a
 * byte per element. */
typedef void bench_loop(bool parallel, size_t rows, size_t columns, void *r, const void *const *inputs);

/* A row of the table. */
typedef struct bench_row {
    const char *name, *text, *note;
    bench_layout layout;
    size_t columns;
    bool has_math;
    int result, inputs[BENCH_MAX_INPUTS]; /* dtypes, dtype_none for no input */
    bench_loop *strict, *fast;
    int results;  /* numbers or arrays that the text gives */
    double bound; /* how far the strict loop's answer may be from nexpr's, relative; 0: not at all */
    bench_loop *plain; /* for bench/run alone */
} bench_row;

#define ROW(name, ...) bench_loop bench_strict_##name, bench_fast_##name, bench_plain_##name;
#define PAIR_ROW ROW
#include "bench/expr_rows.def"
#define REDUCE_ROW(name, ...) bench_loop bench_strict_##name, bench_fast_##name, bench_plain_##name;
#include "bench/reduce_rows.def"

#endif
