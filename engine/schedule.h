/* SPDX-License-Identifier: MIT */
/*
 * From a program with views to passes over arrays. Views move down to the inputs: an element of a view of a+b is the sum of
 * elements of views of a and b. So a pass knows only operations on elements, and its inputs are sources: arrays with a byte
 * offset and strides. What cannot be a view, a reshape of what is not laid out for it, is a temporary that an earlier pass
 * fills.
 */
#ifndef NX_ENGINE_SCHEDULE_H
#define NX_ENGINE_SCHEDULE_H

#include "engine/ir.h"

/* An array that a program gets. strides are in bytes. */
typedef struct nx_layout {
    const nx_shape *shape; /* NULL: the program does not use it */
    const int64_t *strides;
} nx_layout;

/* An input or temporary, in C order, as a pass reads it. */
typedef struct nx_source {
    bool is_temporary;
    uint32_t index;
    int64_t offset;  /* bytes to the first element */
    int64_t *stride; /* by axis of the pass; 0 where it does not vary */
} nx_source;

typedef struct nx_target {
    bool is_temporary; /* else a result */
    uint32_t index;
} nx_target;

/* Everything that has one shape and is computed at once. */
typedef struct nx_pass {
    const nx_shape *shape;
    nx_ir ir;            /* inputs are the sources, results the targets; no views */
    nx_source *sources;
    nx_target *targets;
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

/* Shapes of all results, in order. inputs are by input of the IR. Errors: SHAPE, LIMIT, VALUE, MEMORY, with their place. */
nexpr_status nx_result_shapes(const nx_ir *ir, const nx_layout *inputs, nx_arena *arena, const nx_shape **ret,
                              nexpr_error *err);
/* The passes of all results. max_nodes bounds the nodes of all passes together. The same errors. */
nexpr_status nx_schedule_make(const nx_ir *ir, const nx_layout *inputs, size_t max_nodes, nx_arena *arena, nx_schedule *ret,
                              nexpr_error *err);

#endif
