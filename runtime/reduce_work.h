/* SPDX-License-Identifier: MIT */
/* What the tasks of reductions (reduce.c) and of running reductions (scan.c) share: nodes of the tree, and elements. */
#ifndef NX_RUNTIME_REDUCE_WORK_H
#define NX_RUNTIME_REDUCE_WORK_H

#include "runtime/reduce.h"

#include <string.h>

/* A node of the tree, or an array of them, in a worker's memory or among those of the groups. */
typedef struct nx_tree_nodes {
    char *value, *extra;
} nx_tree_nodes;

/* What a task works with. */
typedef struct nx_reduce_work {
    const nx_nest_args *args;
    const nx_nest *nest;
    nx_reduce *r;
    void *scratch;          /* the backend's */
    const char **inputs;    /* addresses for the backend */
    char **outputs;
    char *buffers, *states; /* of the worker */
    nx_vm_fault *fault;     /* likewise */
    char *kept;             /* results that the worker keeps, from kept element `first_kept` on */
    int64_t first_kept;
    bool is_direct;
    int worker;
} nx_reduce_work;

/* A task in the terms of the tree. */
typedef struct nx_reduce_task {
    int64_t kept, count; /* kept elements from `kept` on */
    int64_t group;
} nx_reduce_task;

nx_reduce_work nx_reduce_work_of(const nx_nest_args *args, int worker);
nx_reduce_task nx_reduce_task_of(const nx_reduce *r, int64_t task);

/* Whether the rest of a task does not matter any more. */
bool nx_reduce_is_cancelled(const nx_reduce_work *w);

static inline int64_t nx_min_i64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t nx_value_size(const nx_reduce_part *part) {
    return (int64_t)nexpr_dtype_size(part->loop);
}

/* `count` nodes further. */
static inline nx_tree_nodes nx_nodes_at(const nx_reduce_part *part, nx_tree_nodes first, int64_t count) {
    if (!count) return first;
    return (nx_tree_nodes){first.value + count * nx_value_size(part),
                           first.extra ? first.extra + count * (int64_t)sizeof(int64_t) : NULL};
}

/* Those of a group, from kept element `kept` on. */
static inline nx_tree_nodes nx_group_nodes(const nx_reduce *r, const nx_reduce_part *part, int64_t group, int64_t kept) {
    return nx_nodes_at(part, (nx_tree_nodes){part->value, part->extra}, group * r->kept.count + kept);
}

/* The same for a task, which may keep what it makes: tasks write by this one. */
static inline nx_tree_nodes nx_task_nodes(const nx_reduce_work *w, const nx_reduce_part *part, int64_t group, int64_t kept) {
    if (!part->is_kept) return nx_group_nodes(w->r, part, group, kept);
    char *extra = part->extra ? part->extra + kept * (int64_t)sizeof(int64_t) : NULL; /* of one group */
    return (nx_tree_nodes){w->kept + part->kept_at + (kept - w->first_kept) * nx_value_size(part), extra};
}

/* A worker's memory for nodes of a part. */
static inline nx_tree_nodes nx_part_nodes(const nx_reduce_work *w, uint32_t part) {
    char *at = w->states;
    for (uint32_t p = 0;; p++) {
        const nx_reduce_part *x = &w->r->parts[p];
        const bool has_extra = x->kernels->has_extra;
        if (p == part && !has_extra) return (nx_tree_nodes){at, NULL};
        const size_t bytes = nx_reduce_nodes_bytes(w->r, (size_t)nx_value_size(x));
        if (p == part) return (nx_tree_nodes){at, at + bytes};
        at += bytes + (has_extra ? nx_reduce_nodes_bytes(w->r, sizeof(int64_t)) : 0);
    }
}

/* Those behind the nodes of the group's leaves: one for each lane, or for rows' leaves on their way to odd targets. */
static inline nx_tree_nodes nx_lane_nodes(const nx_reduce_work *w, uint32_t part) {
    return nx_nodes_at(&w->r->parts[part], nx_part_nodes(w, part), w->r->group_leaves);
}

/* Of so many rows, those whose leaves are made at once. */
static inline int64_t nx_reduce_most_rows(const nx_reduce *r, int64_t rows) {
    return r->has_odd_targets ? nx_min_i64(rows, NX_LANES) : rows;
}

/* One node of 8 bytes is what short runs copy. */
static inline void nx_copy_nodes(const nx_reduce_part *part, nx_tree_nodes to, nx_tree_nodes from, int64_t count) {
    const size_t bytes = (size_t)(count * nx_value_size(part));
    if (bytes == 8) memcpy(to.value, from.value, 8);
    else memcpy(to.value, from.value, bytes);
    if (to.extra) memcpy(to.extra, from.extra, (size_t)count * sizeof(int64_t));
}

/* Makes results of the nodes of all elements, of `count` kept ones. */
void nx_end_nodes(const nx_reduce_part *part, nx_tree_nodes all, int64_t count);

/* Of `cols` kept elements: the left nodes with the right ones, of so many elements each, in place of the left ones. */
void nx_merge_nodes(const nx_reduce_part *part, int64_t cols, nx_tree_nodes left, nx_tree_nodes right, int64_t left_count,
                    int64_t right_count);
/* Combines `count` nodes of `cols` kept elements each, of `unit` elements of `total` in all, by the tree, in the first one. */
void nx_combine_nodes(const nx_reduce_part *part, nx_tree_nodes first, int64_t count, int64_t cols, int64_t unit,
                      int64_t total);

/*
 * A worker's nodes of a part as a stack: slot j holds a node of 2^j leaves if bit j of the number of leaves is set. What
 * comes next is in the last slot but `r->spare_slots`.
 */
nx_tree_nodes nx_slot(const nx_reduce_work *w, uint32_t part, int j);
nx_tree_nodes nx_new_slot(const nx_reduce_work *w, uint32_t part);
/* Puts the new node, of 2^level leaves with `items` elements, behind `leaves` others; only the last of all may have less
 * elements than its leaves could. */
void nx_push_node(const nx_reduce_work *w, uint32_t part, int level, int64_t leaves, int64_t items, int64_t cols);

/* The node of all leaves on the stack; `items` elements in all. */
nx_tree_nodes nx_pop_nodes(const nx_reduce_work *w, uint32_t part, int64_t leaves, int64_t items, int64_t cols);

/* Of the fewest nodes that leaves [leaf, end) make, the level of the first one; and bytes of a node of so many kept elements,
 * with its extra. */
int nx_node_level(int64_t leaf, int64_t end);
int64_t nx_node_bytes(const nx_reduce_part *part, int64_t kept);

/* Computes a rectangle of the backend's two axes, from these elements on, into the buffers from item `at` on, or adds it to
 * the lanes. */
void nx_reduce_compute(const nx_reduce_work *w, int64_t kept, int64_t reduced, int64_t rows, int64_t cols, int64_t at);
/* By rows: adds rows [at, end) to the new nodes of all parts, of which row `first` is the first one, if machine code does
 * that by itself. Returns the row that comes next, or `at`: it does not. */
int64_t nx_reduce_step(const nx_reduce_work *w, int64_t kept, int64_t cols, int64_t first, int64_t at, int64_t end);
/* The leaves of `count` elements of a row at x, of which the first is number `first`; runtime/reduce.c. */
void nx_reduce_row(const nx_reduce_part *part, const char *x, int64_t first, int64_t count, nx_tree_nodes spare,
                   nx_tree_nodes to);
/* The leaves of `count` elements of a row, whole ones or the last one, into the part's nodes from `leaf` on, if machine code
 * makes leaves. */
bool nx_reduce_leaves(const nx_reduce_work *w, int64_t kept, int64_t first, int64_t count, int64_t leaf);
/* The nodes of some of `count` rows that are leaves, or of the only one, likewise: how many. */
int64_t nx_reduce_short_rows(const nx_reduce_work *w, int64_t kept, int64_t count);
/* Computes `count` reduced elements of one kept one, end to end, likewise. */
void nx_reduce_fill(const nx_reduce_work *w, int64_t kept, int64_t reduced, int64_t count);
char *nx_reduce_buffer(const nx_reduce_work *w, uint32_t operand);
/* Where the kernels find the elements of a part's operand, from this one on. */
const char *nx_reduce_elements(const nx_reduce_work *w, const nx_reduce_part *part, int64_t kept, int64_t reduced);
/* By rows: the first row of [at, end) that cannot be computed, or found in memory, with the row `at`; bytes between rows. */
int64_t nx_reduce_rows_end(const nx_reduce_work *w, int64_t at, int64_t end);
int64_t nx_reduce_row_stride(const nx_reduce_work *w, const nx_reduce_part *part);
/* Bytes from the first element to this one by the strides of the nest's axes. */
int64_t nx_reduce_offset(const nx_reduce *r, const int64_t *stride, int64_t kept, int64_t reduced);

#endif
