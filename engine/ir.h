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
#include "engine/lookup.h"
#include "engine/ops.h"
#include "engine/reducer.h"
#include "engine/status.h"
#include "engine/value.h"
#include "engine/view.h"

typedef uint32_t nx_ref; /* index of a node */

typedef enum nx_node_kind {
    NX_NODE_INPUT,
    NX_NODE_CONST,
    NX_NODE_CAST,
    NX_NODE_OP,
    NX_NODE_VIEW,   /* arg[0] seen otherwise */
    NX_NODE_REDUCE, /* arg[0] reduced along axes */
    NX_NODE_SCAN,   /* the reductions of all beginnings of arg[0] along one axis, each with its last element */
    NX_NODE_EXTENT, /* int64, a scalar: the product of the lengths of arg[0]'s axes; arg[0] is not computed */
    NX_NODE_INDEX,  /* int64: the index along an axis of arg[0], or in C order; arg[0] is not computed */
    NX_NODE_ALONG,  /* arg[0], whose shape is that of arg[1], or the lengths of some of its axes, along which it then lies;
                       arg[1] is not computed */
    NX_NODE_LIKE,   /* arg[0] broadcast to the shape of arg[1]; arg[1] is not computed */
    NX_NODE_COMPRESS, /* the elements of arg[0], in C order, where arg[1] is true; arg[2] is their number */
    NX_NODE_LOOKUP, /* a lookup of arg[0] in the others: arrays, or constants */
} nx_node_kind;

enum {
    NX_MAY_BE_EMPTY = 1, /* NX_NODE_REDUCE: the reduction of nothing is the reducer's start, and no error */
    NX_COUNTS_AXES = 2,  /* NX_NODE_EXTENT: how many axes there are, instead of their lengths */
    NX_IS_MASK = 4,      /* NX_NODE_ALONG: it is the mask of arg[1], whose shape it has */
    NX_IS_HIDDEN = 1 << 15, /* NX_NODE_OP, NX_NODE_CAST: of a function that may drop it; it is not checked (engine/check.h) */
};

typedef struct nx_node {
    uint8_t kind;
    uint8_t dtype;  /* of the result */
    uint8_t loop;   /* NX_NODE_OP, _REDUCE, _SCAN, _LOOKUP: dtype T of the kernel; all others: dtype of the argument */
    uint8_t arity;
    uint16_t op;    /* NX_NODE_OP; NX_NODE_REDUCE, NX_NODE_SCAN: the reducer; NX_NODE_LOOKUP: which */
    uint16_t flags; /* NX_MAY_BE_EMPTY, NX_COUNTS_AXES, NX_IS_MASK; NX_NODE_LOOKUP of a pass: the axis of the table */
    nx_ref arg[NX_MAX_ARITY];
    uint32_t index; /* NX_NODE_INPUT: which; NX_NODE_CONST: its value; nx_node_has_view: the view that tells axes */
    nx_span span;   /* the place in the text that first asked for it */
} nx_node;

/* Whether the node's index is that of a view. */
static inline bool nx_node_has_view(const nx_node *node) {
    return node->kind >= NX_NODE_VIEW && node->kind <= NX_NODE_ALONG;
}

typedef struct nx_ir_input {
    const char *name;
    nexpr_dtype dtype;
    int ndim;      /* -1: any */
    bool is_index; /* of a pass: no array but integers, which the place of an element tells */
} nx_ir_input;

typedef struct nx_ir_result {
    const char *name; /* NULL: none */
    nx_ref node;
} nx_ir_result;

#define NX_NO_NODE UINT32_MAX

/* A sub-expression of the text. */
typedef struct nx_ir_term {
    nx_span span;
    nx_ref node; /* NX_NO_NODE: a literal */
} nx_ir_term;

/* What was written otherwise than it is computed, with the same bits. */
typedef struct nx_rewrite {
    enum {
        NX_REWRITE_CONSTANT,   /* an operation on constants was done */
        NX_REWRITE_IDENTITY,   /* an operation that changes nothing was left out */
        NX_REWRITE_RECIPROCAL, /* a division became a multiplication */
        NX_REWRITE_FMA,        /* a product and a sum are rounded once */
    } kind;
    nx_span span;
} nx_rewrite;

/* Evaluates a node whose arguments are the given constants: the VM's kernels, handed in by runtime/. */
typedef void nx_evaluate(const nx_node *node, const nx_value *args, nx_value *ret);

typedef struct nx_ir {
    nx_arena *arena;
    nx_evaluate *evaluate;
    nx_node *nodes;
    nx_value *values; /* constants; they have the dtype of their node */
    nx_view *views;
    nx_ir_input *inputs;
    nx_ir_result *results;
    nx_rewrite *rewrites; /* in the order in which they were made */
    nx_ir_term *terms;    /* operands before what they are operands of */
    uint32_t node_count, value_count, view_count, input_count, result_count, rewrite_count, term_count;
} nx_ir;

/* Marks what node i needs: its arguments, and what tells the numbers of its view. */
static inline void nx_ir_mark_operands(const nx_ir *ir, nx_ref i, uint8_t *needed) {
    const nx_node *node = &ir->nodes[i];
    const nx_view *view = nx_node_has_view(node) ? &ir->views[node->index] : NULL;
    for (int k = 0; k < node->arity; k++) needed[node->arg[k]] = 1;
    for (uint32_t k = 0; view && view->nodes && k < view->count; k++) {
        if (view->nodes[k]) needed[view->nodes[k] - 1] = 1;
    }
}

#endif
