/* SPDX-License-Identifier: MIT */
/*
 * From a program that is not elementwise to passes over arrays. Views move down to the inputs: an element of a view of a+b
 * is the sum of elements of views of a and b. So a pass knows only operations on elements, and its inputs are sources:
 * arrays with a byte offset and strides. What ends a pass is what needs all elements of an operand, or other elements than
 * its own: a reduction, a running reduction, and a reshape of what is not laid out for it. These fill temporaries that
 * later passes read. Reductions of one shape along the same axes share a pass.
 */
#ifndef NX_ENGINE_SCHEDULE_H
#define NX_ENGINE_SCHEDULE_H

#include "engine/ir.h"

/* An array that a program gets. strides are in bytes. */
typedef struct nx_layout {
    const nx_shape *shape; /* NULL: the program does not use it */
    const int64_t *strides;
    bool is_swapped;       /* of the other byte order */
} nx_layout;

typedef enum nx_source_kind {
    NX_SOURCE_INPUT,
    NX_SOURCE_TEMPORARY, /* in C order */
    NX_SOURCE_INDEX,     /* no memory: the offset in bytes is the value */
} nx_source_kind;

/* What a pass reads. */
typedef struct nx_source {
    nx_source_kind kind;
    uint32_t index;
    int64_t offset;  /* bytes to the first element */
    int64_t *stride; /* by axis of the pass; 0 where it does not vary */
    int64_t table_stride, table_count; /* of the axis along which a lookup reads it; 0 if none does */
} nx_source;

typedef struct nx_target {
    bool is_temporary; /* else a result */
    uint32_t index;
} nx_target;

/* A reduction of one of the pass's results. */
typedef struct nx_reduction {
    nx_reducer reducer;
    nexpr_dtype loop;
    uint32_t operand; /* result of the pass's IR */
    bool adds_zero;   /* +0.0 to each result, so that -0.0 becomes +0.0 */
    nx_target target; /* the kept elements in C order */
    nx_span span;
} nx_reduction;

typedef enum nx_pass_kind {
    NX_PASS_ELEMENTWISE,
    NX_PASS_REDUCE,
    NX_PASS_SCAN,
    NX_PASS_COMPRESS, /* result 0 of the IR where result 1 is true; the one reduction's target */
} nx_pass_kind;

/* Everything that has one shape and is computed at once. */
typedef struct nx_pass {
    nx_pass_kind kind;
    const nx_shape *shape;
    nx_ir ir;                 /* inputs are the sources; results the targets', or the operands of reductions */
    nx_source *sources;
    nx_target *targets;       /* elementwise: by result of the IR */
    nx_reduction *reductions; /* reduce: all; scan: one */
    uint32_t reduction_count;
    bool *is_reduced;         /* by axis; scan: the one axis */
    bool by_rows;             /* leaves are of rows (engine/reducers.def): the last axis that is longer than 1 is kept */
} nx_pass;

typedef struct nx_temporary {
    nexpr_dtype dtype;
    int64_t count; /* elements */
} nx_temporary;

typedef struct nx_schedule {
    nx_pass *passes; /* in an order in which temporaries are filled before they are read */
    uint32_t pass_count;
    nx_temporary *temporaries;
    uint32_t temporary_count;
} nx_schedule;

/* Strides of an array in C order. */
void nx_c_strides(const nx_shape *shape, int64_t item_size, int64_t *ret);
/* Shapes of all results, in order. inputs are by input of the IR; lengths by node, for those that compress: with NULL, an
 * extent that depends on the data is -1. Errors: SHAPE, LIMIT, VALUE, MEMORY, with their place. */
nexpr_status nx_result_shapes(const nx_ir *ir, const nx_layout *inputs, const int64_t *lengths, nx_arena *arena,
                              const nx_shape **ret, nexpr_error *err);
/* The passes of all results. takes_directly, by result (NULL: none): whether its array can take the place of a temporary that
 * it would be copied from: contiguous, in C order and of the result's dtype. max_nodes bounds the nodes of all passes
 * together. The same errors. */
nexpr_status nx_schedule_make(const nx_ir *ir, const nx_layout *inputs, const int64_t *lengths, const bool *takes_directly,
                              size_t max_nodes, nx_arena *arena, nx_schedule *ret, nexpr_error *err);

#endif
