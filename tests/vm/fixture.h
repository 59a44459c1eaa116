/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the VM share: IR built by hand, arrays of every layout, and a reference that evaluates one element at a
 * time with nx_vm_evaluate. check_program runs a program and compares every byte of every output's memory.
 */
#ifndef NX_TESTS_VM_FIXTURE_H
#define NX_TESTS_VM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vm/kernels.h"
#include "vm/vm.h"

/* ---- IR ---- */

typedef struct builder {
    nx_arena arena;
    nx_ir ir;
    size_t node_capacity, value_capacity, input_capacity, result_capacity;
} builder;

void builder_init(builder *b);
void builder_free(builder *b);
nx_ref input(builder *b, const char *name, nexpr_dtype dtype);
/* One that is no array. */
nx_ref input_indices(builder *b, const char *name);
nx_ref constant(builder *b, nexpr_dtype dtype, nx_value value);
nx_ref f64(builder *b, double value);
nx_ref cast(builder *b, nexpr_dtype to, nx_ref x);
nx_ref op(builder *b, nx_op id, nexpr_dtype loop, const nx_ref *args);
/* With the first operand's dtype (the second's, if the first is bool) as the loop. */
nx_ref op1(builder *b, nx_op id, nx_ref x);
nx_ref op2(builder *b, nx_op id, nx_ref x, nx_ref y);
nx_ref op3(builder *b, nx_op id, nx_ref x, nx_ref y, nx_ref z);
/* args: the element and the tables. */
nx_ref lookup(builder *b, nx_lookup id, nexpr_dtype loop, int tables, const nx_ref *args);
void add_result(builder *b, nx_ref node);
nx_vm_program *compile(builder *b);
/* Adds a float64, a float32, a bool and a complex128 input, and one result that needs them all. */
void build_mixed(builder *b);

/* ---- arrays ---- */

/* X(id, swapped, misaligned, row stride and column stride in items, as a function of the length of a row) */
#define LAYOUT_MAP(X)                                        \
    X(CONTIGUOUS, 0, 0, cols, 1)                             \
    X(STRIDED, 0, 0, 2 * cols + 3, 2)                        \
    X(GAPS, 0, 0, cols + 2, 1)                               \
    X(NEGATIVE, 0, 0, -cols, -1)                             \
    X(ROWS_DOWN, 0, 0, -cols, 1)                             \
    X(SWAPPED, 1, 0, cols, 1)                                \
    X(MISALIGNED, 0, 1, cols, 1)                             \
    X(SWAPPED_MISALIGNED_STRIDED, 1, 1, -3 * cols, 3)        \
    X(TRANSPOSED, 0, 0, 1, rows)                             \
    X(TRANSPOSED_DOWN, 1, 1, -1, -rows - 3)                  \
    X(TRANSPOSED_STRIDED, 0, 0, 2, 2 * rows + 1)             \
    X(COLUMN, 0, 0, 1, 0)                                    \
    X(ROW, 0, 0, 0, 1)                                       \
    X(ROW_STRIDED, 0, 0, 0, 3)                               \
    X(ROW_BACKWARDS, 1, 1, 0, -2)                            \
    X(COLUMN_SWAPPED, 1, 0, 3, 0)                            \
    X(SCALAR, 0, 0, 0, 0)                                    \
    X(SCALAR_SWAPPED, 1, 1, 0, 0)

typedef enum layout_kind {
#define X(id, ...) LAYOUT_##id,
    LAYOUT_MAP(X)
#undef X
    LAYOUT_COUNT,
    LAYOUT_BROADCAST = LAYOUT_COLUMN /* from here on not for outputs */
} layout_kind;

typedef struct array {
    nx_vm_operand operand;
    char *memory; /* all of it */
    char *data;   /* element [0, 0] */
    size_t bytes;
    int64_t count[2];
} array;

array array_new(nexpr_dtype dtype, layout_kind kind, const int64_t count[2]);
/* Indices with the strides that such an array of int64 has, in no memory. */
array array_indices(layout_kind kind, const int64_t count[2]);
void array_free(array *a);
/* Random elements, many of them special. */
void array_fill(array *a, uint64_t *seed);
nx_value array_get(const array *a, int64_t row, int64_t col);
void array_set(array *a, int64_t row, int64_t col, nx_value value);
uint64_t next_random(uint64_t *seed);
nx_value random_value(nexpr_dtype dtype, uint64_t *seed);

/* ---- running ---- */

enum { MAX_OPERANDS = 32 };

typedef struct run_case {
    int64_t count[2];
    layout_kind inputs[MAX_OPERANDS], outputs[MAX_OPERANDS];
    nexpr_dtype output_dtypes[MAX_OPERANDS]; /* used if has_output_dtypes */
    bool has_output_dtypes, non_temporal, is_cold;
    bool has_segments; /* linked for them; check_program does both */
    int block_items;
    int64_t piece[2]; /* the rectangles that it is run in; 0: all at once */
    uint64_t seed;
} run_case;

/* Links and runs the program on these arrays; scratch memory that was written beyond its end fails the test. */
nx_vm_fault run_program(const nx_vm_program *program, const nx_ir *ir, const run_case *c, const array *in, const array *out);
/* Runs the program on random inputs, and fails the test unless every byte is as the reference says. */
void check_program(builder *b, const nx_vm_program *program, const run_case *c);
/* All results of one element; nodes are evaluated one by one. */
void reference(const nx_ir *ir, const nx_value *inputs, nx_value *scratch);
nx_value reference_cast(nexpr_dtype from, nexpr_dtype to, nx_value value);

#endif
