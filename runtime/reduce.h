/* SPDX-License-Identifier: MIT */
/*
 * Nests that reduce. The axes of such a nest are those of its shape, in logical order, because the tree of
 * engine/reducers.def is one of logical indices: kept axes and reduced axes, neighbours of one sort merged where all
 * operands allow it. Threads take tasks: a stretch of kept elements and a group of leaves, a power of two of them, so that
 * what a task leaves is a node of the tree. At the end the nodes of the groups are combined.
 *
 * The backend writes the elements of some leaves into a buffer, from which the kernels of vm/reduce.h reduce them. Arrays
 * that lie as a buffer would are reduced where they are; elements of long rows can also be added to the lanes of their leaf
 * as they are computed. Machine code can make nodes by itself: then it gets these, and there is nothing in the buffer.
 */
#ifndef NX_RUNTIME_REDUCE_H
#define NX_RUNTIME_REDUCE_H

#include "runtime/nest.h"
#include "vm/reduce.h"

typedef struct nx_reduce_part {
    const nx_reduce_kernels *kernels;
    const nx_reduce_kernels *extremum; /* argmin and argmax: of what their index is the place; else NULL */
    nx_reducer reducer;
    nexpr_dtype loop;
    bool adds_zero;       /* +0.0 to each result */
    uint32_t operand;     /* output of the nest */
    uint32_t target;      /* in the plan's table of outputs and temporaries */
    char *value, *extra;  /* nodes of the groups: [group][kept element]; of one group, what is the result is the target */
    bool value_is_target, extra_is_target;
    bool is_kept;         /* value_is_target: a worker has a task's results, for the nest that goes along, and nobody else */
    int64_t kept_at;      /* bytes, behind what else a worker has */
    nx_span span;         /* in the text */
} nx_reduce_part;

/* Axes of one sort, in logical order. */
typedef struct nx_reduce_axes {
    int ndim;
    int axis[NX_NEST_AXES]; /* of the nest */
    int64_t extent[NX_NEST_AXES];
    int64_t count;          /* elements */
} nx_reduce_axes;

typedef struct nx_reduce_slab nx_reduce_slab; /* runtime/reduce_slab.h */

/* What comes before the elements that a nest runs a reduction over: nodes of the tree, from the first leaf on, those of
 * leaves [bounds[q], bounds[q + 1]) for q < count as few as can be. A node is the values of all kept elements, then what is
 * extra. */
typedef struct nx_prior {
    const char *nodes;
    const int64_t *bounds;
    int count;
    int64_t leaves; /* in all */
} nx_prior;

struct nx_reduce {
    nx_reduce_part *parts;
    uint32_t part_count;
    bool by_rows;         /* the last axis is kept: leaves of rows */
    bool rows_are_kept;   /* else: whether the outer one of the backend's two axes is kept */
    bool has_lanes;       /* all nodes are values alone, so that lanes are nodes too */
    bool folds;           /* what is computed is added to lanes at once, and no buffer is needed */
    bool leaves_are_rows; /* folds: of the backend, whose rows are else kept elements */
    bool has_places;      /* argmin or argmax: in arrays the VM looks for them in the leaf with the extremum only */
    bool is_leaf;         /* one kept element, all elements are one leaf, and a task writes the result */
    bool stops_early;     /* one element of any and all: its first witness ends it */
    nx_reduce_axes kept, reduced;
    int64_t leaf_items, leaf_count;
    int64_t group_leaves, group_count;
    int64_t task_groups, group_tasks; /* groups of a task: of slabs, whose groups are leaves, several; and how many tasks */
    int64_t width;        /* kept elements of a task, at most */
    int64_t row_width;    /* those that are divided by it: by rows the length of the innermost kept axis, else all */
    int64_t capacity;     /* elements of a buffer */
    int64_t node_slots;   /* nodes of a part that a worker holds, each of `node_cols` kept elements */
    int64_t node_cols;
    int64_t folded_leaves; /* folds: of which there are lanes at once */
    int64_t kept_bytes;   /* of results that a worker keeps */
    int spare_slots;      /* the last ones, for what is not on the stack */
    bool is_prefix;       /* only the groups' nodes are wanted, for `prefix` of another nest */
    bool scans;           /* the nest runs its one reduction along its one axis, to a target in memory */
    bool compresses;      /* the nest leaves out elements (runtime/compress.h); its part counts those that stay */
    int64_t stay_count;   /* is_prefix, compresses: after a run, how many stay */
    const nx_prior *prior;    /* scans: NULL: nothing comes before */
    const nx_reduce *prefix;  /* scans, compresses: who has the nodes of the groups; NULL: there is one group */
    nx_reduce_slab *slab;     /* NULL, or the nest has a stretch of the reduced elements, and a group is a leaf in it */
    int64_t target_stride[NX_NEST_AXES]; /* of what scans and its prefix: bytes, by axis */
    bool has_odd_targets; /* of this run: one is not aligned to its elements, and nodes are copied to it */
    int *direct;          /* by output of the nest: the input that it is, or -1 */
    nx_vm_node *nodes;    /* by part: what machine code can add its elements to; NULL: it must not */
    bool is_end_to_end;   /* rows_are_kept: in memory rows follow one another, if all is direct */
    _Atomic uint32_t settled; /* parts whose witness was found */
};

/* Arranges a nest whose operands are set as for nx_nest_arrange, and whose `reduce` has its parts, its direct inputs, and of
 * one that scans the target's strides by the shape's axes. may_share: threads have to share a row.
 * The partial nodes come from the arena. Errors: MEMORY. */
nexpr_status nx_reduce_arrange(nx_nest *nest, const nx_pass *pass, bool may_share, nx_arena *arena, nexpr_error *err);
/* Bytes of buffers and states that a worker needs behind the backend's scratch. */
size_t nx_reduce_worker_bytes(const nx_nest *nest);
void nx_reduce_cut_tasks(nx_nest *nest);
/* Before the tasks of a run; targets are the plan's table. */
void nx_reduce_begin(nx_nest *nest, void *const *targets);
/* The kept elements of a task, in their logical order. */
void nx_reduce_kept_of(const nx_reduce *r, int64_t task, int64_t *ret_first, int64_t *ret_count);
/* As nx_nest_run. */
void nx_reduce_run(const nx_nest_args *args, int64_t task, int worker);
/* After them: combines the groups' nodes and writes the results. */
void nx_reduce_end(nx_nest *nest, void *const *targets);

/* How many times the nest's axes, which may tell of some columns only, have to be counted. */
double nx_reduce_share(const nx_reduce *r);

/* runtime/reduce_plan.c, for the tasks: whether the operands lie in memory as the kernels want them; bytes of a buffer, and
 * of one part's nodes of this size. */
bool nx_reduce_is_direct(const nx_nest *nest);
size_t nx_reduce_buffer_bytes(const nx_nest *nest, uint32_t operand);
size_t nx_reduce_nodes_bytes(const nx_reduce *r, size_t item_size);

#endif
