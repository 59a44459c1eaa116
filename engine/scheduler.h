/* SPDX-License-Identifier: MIT */
/* What the parts of the scheduler share: schedule_shapes.c, schedule_few.c, schedule_layouts.c and schedule.c, in the order
 * of their work. */
#ifndef NX_ENGINE_SCHEDULER_H
#define NX_ENGINE_SCHEDULER_H

#include "engine/schedule.h"

/* A node with a map, which tells the index along each of its axes in terms of the pass's. */
typedef struct nx_demand {
    const nx_axis *map;
    struct nx_demand *arg[NX_MAX_ARITY];
    struct nx_demand **few; /* of a reduction of few elements: these */
    nx_ref built;           /* in the pass */
    struct nx_demand *next; /* of the same node */
} nx_demand;

/* Where the elements of a node lie, if they do: strides by axis; NULL: it has to be computed. */
typedef struct nx_node_layout {
    nx_source_kind kind;
    uint32_t index;
    int64_t offset;
    const int64_t *strides;
} nx_node_layout;

typedef struct nx_node_state {
    bool has_shape;       /* its shape is needed */
    bool is_computed;     /* its elements are too */
    uint32_t level;       /* passes that have to come one after the other before it can be read */
    const nx_shape *shape;
    const nx_axis *axes;  /* the axes of its array in terms of its own, if a view tells them */
    bool is_known;        /* one element, which is known with the shapes: an extent, or what is made of such */
    nx_value value;
    uint32_t value_index; /* its place among the passes' constants */
    uint32_t readers;     /* nodes and results that read its elements */
    uint32_t few;         /* of a reduction that is computed where it is read: its elements; 0 of all else */
    nx_ref end;           /* of a reduction: the addition of +0.0 that alone reads it and is done where it ends; 0: none */
    nx_node_layout layout;
    nx_demand *demands;   /* of the pass that is being made */
} nx_node_state;

/* A node whose elements go to memory before others can read them. */
typedef struct nx_barrier {
    nx_ref root;     /* what the pass computes */
    nx_ref node;     /* the reduction or reshape */
    uint32_t level;  /* of the root */
    nx_target target;
    bool is_done;
} nx_barrier;

typedef struct nx_scheduler {
    const nx_ir *ir;
    const nx_layout *inputs;
    const int64_t *lengths; /* by node, of what compresses; NULL: not known */
    const bool *takes_directly; /* by result: a temporary that it only copies may be its own array */
    nx_arena *arena;
    nexpr_error *err;
    nx_node_state *state;
    nx_value *values; /* the IR's constants, then the extents */
    uint32_t value_count;
    nx_barrier *barriers;
    uint32_t barrier_count;
    nx_schedule *ret;
    size_t demand_count, max_demands, pass_capacity, temporary_capacity, barrier_capacity;
} nx_scheduler;

/* Zeroed memory from the arena, at least one item; NULL: none left. */
static inline void *nx_scheduler_take(const nx_scheduler *s, size_t count, size_t size) {
    return nx_arena_alloc(s->arena, count ? count : 1, size);
}

static inline const nx_view *nx_scheduler_view(const nx_scheduler *s, const nx_node *node) {
    return &s->ir->views[node->index];
}

/* Whether operand k is read, and not only asked for its shape. */
static inline bool nx_is_read(const nx_node *node, int k) {
    if (node->kind == NX_NODE_LIKE || node->kind == NX_NODE_ALONG) return k < 1;
    if (node->kind == NX_NODE_COMPRESS) return k < 2;
    return node->kind != NX_NODE_EXTENT && node->kind != NX_NODE_INDEX;
}

static inline bool nx_is_reshape(const nx_scheduler *s, const nx_node *node) {
    return node->kind == NX_NODE_VIEW && nx_scheduler_view(s, node)->kind == NX_VIEW_reshape;
}

/* Whether the node is an array that a lookup reads, and the axis along which it does. */
static inline bool nx_is_table(const nx_scheduler *s, const nx_node *node) {
    if (node->kind != NX_NODE_VIEW) return false;
    const uint8_t kind = nx_scheduler_view(s, node)->kind;
    return kind == NX_VIEW_TABLE || kind == NX_VIEW_DENSE_TABLE;
}

static inline int nx_table_axis(const nx_scheduler *s, const nx_node *node) {
    const int64_t axis = nx_scheduler_view(s, node)->numbers[0];
    return (int)(axis < 0 ? axis + s->state[node->arg[0]].shape->ndim : axis);
}

/* Upwards: shapes, and what is needed. */
nexpr_status nx_schedule_shapes(nx_scheduler *s);
/* Downwards and upwards: which reductions are computed where they are read. */
nexpr_status nx_schedule_few(nx_scheduler *s);
/* Upwards: layouts, levels and barriers. */
nexpr_status nx_schedule_layouts(nx_scheduler *s);

#endif
