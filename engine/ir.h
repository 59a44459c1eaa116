/* SPDX-License-Identifier: MIT */
/*
 * The typed expression: a DAG of nodes in one array, arguments before users, equal nodes only once. It is what every
 * backend gets. Invariants: every node has its dtype; every operand has exactly the dtype that the op's loop wants (casts
 * are nodes); float16 occurs only in inputs, constants, casts and the ops of domain FH; every input that decides a
 * result's shape is reachable from that result.
 */
#ifndef NX_ENGINE_IR_H
#define NX_ENGINE_IR_H

#include "engine/arena.h"
#include "engine/kernel.h"
#include "engine/ops.h"
#include "engine/status.h"
#include "engine/value.h"
#include "engine/view.h"

typedef uint32_t nx_ref; /* index of a node */

typedef enum nx_node_kind { NX_NODE_INPUT, NX_NODE_CONST, NX_NODE_CAST, NX_NODE_OP, NX_NODE_VIEW } nx_node_kind;

typedef struct nx_node {
    uint8_t kind;
    uint8_t dtype;  /* of the result */
    uint8_t loop;   /* NX_NODE_OP: dtype T of the kernel; NX_NODE_CAST: dtype of the argument */
    uint8_t arity;
    uint16_t op;    /* NX_NODE_OP */
    uint16_t pad;
    nx_ref arg[NX_MAX_ARITY];
    uint32_t index; /* NX_NODE_INPUT: which; NX_NODE_CONST, NX_NODE_VIEW: index of its value or view */
    nx_span span;   /* the place in the text that first asked for it */
} nx_node;

typedef struct nx_ir_input {
    const char *name;
    nexpr_dtype dtype;
    int ndim; /* -1: any */
} nx_ir_input;

typedef struct nx_ir_result {
    const char *name; /* NULL: none */
    nx_ref node;
} nx_ir_result;

typedef struct nx_ir {
    nx_arena *arena;
    nx_node *nodes;
    nx_value *values; /* constants; they have the dtype of their node */
    nx_view *views;
    nx_ir_input *inputs;
    nx_ir_result *results;
    uint32_t node_count, value_count, view_count, input_count, result_count;
} nx_ir;

#endif
