/* SPDX-License-Identifier: MIT */
/*
 * A program over arrays that are cut into parts, each held by someone else: other processes, or one after the other. Here it
 * is decided who computes what, and computed; whoever calls moves what is asked for. Everybody makes the same decisions.
 *
 * Passes (engine/schedule.h) are run one after the other. Of each, an axis is cut: a part computes a stretch of it, and
 * needs of every array that the pass reads a stretch along one axis, which may be more than it has (shifted slices), or
 * lie across it (a.T). Of all cuts that one is taken for which the fewest bytes have to move. What is small, and is there
 * as a whole, everybody computes. A reduction along the cut axis leaves nodes of its tree: a leaf belongs to the part that
 * has its first element, so that the bits are those of nexpr_evaluate, whatever the cuts.
 */
#ifndef NX_RUNTIME_PARTS_H
#define NX_RUNTIME_PARTS_H

#include "nexpr_parts.h"

#include "runtime/passes.h"
#include "runtime/reduce_slab.h"

/* How an array is cut: part r has [bounds[r], bounds[r + 1]) of the axis. */
typedef struct nx_cut {
    int axis;              /* -1: everybody has all of it */
    const int64_t *bounds; /* parts + 1 */
} nx_cut;

/* Numbered: the inputs, the temporaries, the results. Parts lie in C order. */
typedef struct nx_part_array {
    nexpr_dtype dtype;
    bool is_known; /* its shape and cut are: of an input that is used at once, of others once the pass is that fills them */
    nx_shape shape;
    nx_cut cut;
} nx_part_array;

/* What a pass reads of an array, by sources that go the same way through it: part r needs [begin[r], end[r]) of the axis,
 * and all of the others. Of a + a.T there are two: rows of a, and columns. */
typedef struct nx_part_need {
    uint32_t array;
    int way;  /* that the cut axis goes: see way_of in parts_choose.c */
    int axis; /* -1: all */
    int64_t *begin, *end;
} nx_part_need;

/* A reduction that is being made, or was, and what comes before a running function. */
typedef struct nx_part_tree {
    nx_reduce_slab fresh; /* as it begins, but for its memory; described once it has a part */
    nx_reduce_slab slab;
    char *memory;
    void *ret; /* where the nodes go */
    int part;
    int64_t counted;
} nx_part_tree;

/* The plan of a stretch that was run: for the next time, if there is the same of each need then. */
typedef struct nx_part_plan {
    nexpr_plan *plan; /* NULL: none */
    bool is_reduced;  /* by the pass's tree */
    int64_t begin, end;
    nexpr_part_view *views; /* by need, in the plan's memory */
} nx_part_plan;

enum { NX_PART_PLANS = 4 };

typedef struct nx_part_pass {
    nx_pass pass;
    int axis;             /* that is cut; -1: everybody computes all */
    int64_t *begin, *end; /* what part r reads of it; what it computes, too, unless it is reduced along it */
    int64_t *leaves;      /* reduced along the axis: part r has leaves [leaves[r], leaves[r + 1]); else NULL */
    nx_part_need *needs;
    uint32_t *need_of;    /* by source */
    uint32_t need_count;
    double moved;         /* bytes that have to move */
    nx_part_tree tree;    /* of what is reduced along the axis */
    nx_part_plan plans[NX_PART_PLANS];
    uint32_t run_count;   /* of stretches: the plan of the next one has its place by it */
} nx_part_pass;

/* The passes of one expression whose extents are known. */
typedef struct nx_parts {
    nx_memory memory;
    nx_arena arena;
    nexpr *expr;
    nexpr_context *context;
    nexpr_run_options run;
    int count;
    nx_schedule schedule;
    nx_part_array *arrays;
    nexpr_byte_order *orders; /* by input */
    uint32_t *last_use;       /* by array: the last pass that reads it, counted from 1; 0: none */
    uint32_t input_count, output_count, array_count;
    nx_part_pass *decided;    /* by pass */
    uint32_t decided_count;
    nx_part_pass *current;    /* of these; NULL before the first */
    uint32_t next;
    const char *nodes;        /* of all parts, once it has settled */
    nx_part_tree *reducing;   /* NULL: none is being made */
    nx_between between;       /* of the current pass */
    nx_prior prior;           /* of a running function that is cut along its axis: the nodes of all leaves before */
    int64_t *prior_bounds;
} nx_parts;

/* inputs are those of the whole, of which data is not looked at, and cuts how each is cut. Extents that depend on data have
 * to be known. The parts that are made keep a reference to expr, and use the context. Errors: those of nexpr_plan_new. */
nexpr_status nx_parts_new(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                          const nx_cut *cuts, int count, const nexpr_run_options *run, nx_parts **ret, nexpr_error *err);
void nx_parts_free(nx_parts **parts);

/* Whether it can begin anew, and have everything that was decided and planned decided: not where that depends on data. */
bool nx_parts_is_repeatable(const nx_parts *parts);
void nx_parts_rewind(nx_parts *parts);

/* runtime/parts_steps.c. Frees what a context keeps for calls to come. */
void nx_parts_drop_idle(nexpr_context *context);

/* Goes on to the next pass, parts->current, decides on it, and sets how its targets are cut. *ret: whether there is one.
 * Errors: MEMORY. */
nexpr_status nx_parts_next(nx_parts *parts, bool *ret, nexpr_error *err);
/* Arrays that the pass fills, by number. */
uint32_t nx_parts_target_count(const nx_parts *parts);
uint32_t nx_parts_target(const nx_parts *parts, uint32_t index);
/* runtime/parts_run.c: as nexpr_parts_... of nexpr_parts.h, for the current pass, in the floating-point environment of nexpr. */
void nx_parts_units(const nx_parts *parts, int part, int64_t *ret_begin, int64_t *ret_end);
void nx_parts_need(const nx_parts *parts, uint32_t need, int64_t begin, int64_t end, int64_t *ret_begin, int64_t *ret_end);
/* The indices of the pass's axis that units belong to; two parts may both read one, of which a leaf has some elements. */
void nx_parts_rows(const nx_parts *parts, int64_t begin, int64_t end, int64_t *ret_begin, int64_t *ret_end);
nexpr_status nx_parts_run(nx_parts *parts, int part, int64_t begin, int64_t end, const nexpr_part_view *views,
                          void *const *targets, int64_t *ret_count, nexpr_error *err);
int64_t nx_parts_node_bytes(const nx_parts *parts, int part);
nexpr_status nx_parts_reduce_begin(nx_parts *parts, int part, void *ret_nodes, nexpr_error *err);
nexpr_status nx_parts_reduce_add(nx_parts *parts, int64_t begin, int64_t end, const nexpr_part_view *views,
                                 nexpr_error *err);
void nx_parts_reduce_end(nx_parts *parts);
/* Ends it without its nodes. */
void nx_parts_reduce_drop(nx_parts *parts);
void nx_parts_drop_plans(nx_part_pass *p);
nexpr_status nx_parts_settle(nx_parts *parts, const void *nodes, nexpr_error *err);
nexpr_status nx_parts_finish(nx_parts *parts, void *const *targets, nexpr_error *err);
/* Whether it compresses along the axis that is cut: counts take the place of nodes. */
bool nx_parts_counts(const nx_part_pass *p);

/* runtime/parts_choose.c. Where the elements lie that a source reads for a stretch of the pass's axis. */
typedef struct nx_reach {
    bool is_aligned;                /* each axis of the pass goes along one axis of the array */
    int axis[NEXPR_MAX_NDIM];       /* aligned: by axis of the pass: which one; -1: none */
    int64_t step[NEXPR_MAX_NDIM];   /* by how many elements of it */
    int64_t first[NEXPR_MAX_NDIM];  /* by axis of the array: index of the first element */
    int64_t begin[NEXPR_MAX_NDIM], end[NEXPR_MAX_NDIM];
} nx_reach;
void nx_find_reach(const nx_pass *pass, const nx_source *source, const nx_part_array *array, int axis, int64_t begin,
                   int64_t end, nx_reach *ret);
/* The axis of the array that a step of so many elements goes along, `extent` times; -1 if it goes along more than one. */
int nx_find_axis(const nx_shape *shape, int64_t stride, int64_t extent, int64_t *ret_step);
/* The first axis that is longer than 1: contiguous elements are a stretch of it. 0 without one. */
int nx_leading_axis(const nx_shape *shape);
/* Fills p but for its pass. Errors: MEMORY. */
nexpr_status nx_parts_choose(const nx_parts *parts, nx_arena *arena, nx_part_pass *p, nexpr_error *err);
uint32_t nx_parts_array_of(const nx_parts *parts, const nx_source *source);

/* Elements of the reduced axes for each index of the cut one, which is the first of them. */
int64_t nx_parts_row_items(const nx_part_pass *p);

#endif
