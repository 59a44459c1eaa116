/* SPDX-License-Identifier: MIT */
/*
 * Reductions along axes of which the first one comes in slabs. A slab's nest has a stretch of the reduced elements: leaves
 * are those of all of them, so that the ends of a slab may cut one. Whole leaves are nodes at once; what a cut one has so
 * far goes on to the next slab: as elements, where a leaf is one of elements, or as its running node, where it is one of
 * rows. Finished nodes are pushed on a stack in their order, which makes the tree.
 *
 * Of a part (runtime/parts.h) only whole leaves count, those of a slab [slab_leaf, slab_end); the stack keeps what cannot be
 * combined without the leaves before the part.
 */
#ifndef NX_RUNTIME_REDUCE_SLAB_H
#define NX_RUNTIME_REDUCE_SLAB_H

#include "engine/schedule.h"
#include "runtime/reduce_work.h"

struct nx_reduce_slab {
    nx_reduce all;          /* of the stack: what a worker has, for all leaves and all kept elements */
    char *states;           /* the stack; its new slot is the node of the leaf that was cut, if leaves are of rows */
    char *carry[2];         /* leaves of elements that were cut: operand by operand, then [kept][leaf_room] */
    int64_t leaf_room;      /* elements of a leaf there */
    int current;            /* which one has the leaf at the beginning of the slab */
    int64_t row_items;      /* reduced elements in a row of the pass */
    int64_t before;         /* in the slabs before */
    int64_t leaves;         /* whole ones among these */
    bool is_part;
    int64_t first_leaf, slab_leaf, slab_end; /* of a part */
    uint64_t held;          /* slots of the stack that hold a node, of a part */
    char *nodes;            /* where the next one goes */
};

/* Describes what the pass reduces, of which the first axis is reduced; targets is by reduction, as in nx_reduce_part. Takes
 * no memory but for the parts. Errors: MEMORY. */
nexpr_status nx_reduce_slab_init(nx_reduce_slab *slab, const nx_pass *pass, const uint32_t *targets, nx_arena *arena,
                                 nexpr_error *err);
/* Bytes that it needs at nx_reduce_slab_start, aligned to 64. */
size_t nx_reduce_slab_bytes(const nx_reduce_slab *slab);
void nx_reduce_slab_start(nx_reduce_slab *slab, char *memory);

/* What reduce.c calls for a nest with a slab: before and after its tasks, and for one. */
void nx_reduce_slab_begin(nx_nest *nest);
void nx_reduce_slab_end(nx_nest *nest);
void nx_reduce_slab_run(const nx_reduce_work *w, nx_reduce_task t);

/* Of a part: writes what the stack still holds behind the nodes. */
void nx_reduce_slab_leave(nx_reduce_slab *slab);
/* Of the whole: takes the nodes that leaves [leaf, end) left, behind those before. Returns where they end. */
const char *nx_reduce_slab_take(nx_reduce_slab *slab, int64_t leaf, int64_t end, const char *nodes);
/* Bytes of a node with those of all reductions. */
int64_t nx_reduce_slab_node_bytes(const nx_reduce_slab *slab);

/* Writes the results, when all slabs were run. targets is the plan's table. */
void nx_reduce_slab_finish(nx_reduce_slab *slab, void *const *targets);

#endif
