/* SPDX-License-Identifier: MIT */
/*
 * nexpr_parts: evaluation by parts, of any expression, over arrays that are cut and held by several: processes, machines, or
 * one after the other. nexpr decides who computes what, and computes; the caller moves what is asked for. libnexpr-mpi is
 * such a caller.
 *
 *   nexpr_parts_new       expression, how its inputs are cut          -> nexpr_parts, the same everywhere
 *   nexpr_parts_next                                                  -> the next step, until there is none
 *     a pass:    nexpr_parts_need       what a stretch of it needs of which array; get it
 *                nexpr_parts_run        elements of its targets
 *       if it leaves nodes first:
 *                nexpr_parts_reduce_begin, _add, _end                 -> nodes of each part; everybody gets them all
 *                nexpr_parts_settle     then run as above, or, if it is a reduction:
 *                nexpr_parts_finish     its targets
 *     a length:  nexpr_parts_set_length of an extent that depends on the data
 *   nexpr_parts_free
 *
 * Of each pass an axis is cut, that for which the fewest bytes have to move; what is small, and there as a whole, everybody
 * computes. A pass's part is a number of units (indices of the axis, or leaves of a reduction's tree), which may be computed
 * all at once or in stretches, in order. The bits are those of nexpr_evaluate, whatever the cuts and the stretches.
 *
 * Everybody has to make the same calls of _new, _next, _set_length, _settle; the outcome is then the same. The conventions
 * are those of nexpr.h. An object is used by one thread at a time; its context has to outlive it.
 */
#ifndef NEXPR_PARTS_H
#define NEXPR_PARTS_H

#include "nexpr.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nexpr_parts nexpr_parts;

/* How an array is cut: part r has [bounds[r], bounds[r + 1]) of the axis, and all of the others. */
typedef struct nexpr_cut {
    size_t size;
    int axis;              /* -1: everybody has all of it */
    const int64_t *bounds; /* parts + 1, from 0 up to the axis's length */
} nexpr_cut;

NEXPR_API nexpr_cut nexpr_cut_init(void);

/*
 * `inputs` describe the whole arrays; neither their data nor their strides are looked at: parts lie in C order. cuts[i] is
 * that of inputs[i]; NULL: everybody has it. Both are copied. `count` is how many parts there are. run may be NULL; its
 * progress is not used. Errors: those of nexpr_plan_new.
 */
NEXPR_API nexpr_status nexpr_parts_new(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                                       const nexpr_cut *const *cuts, int count, const nexpr_run_options *run,
                                       nexpr_parts **ret_parts, nexpr_error *err);
NEXPR_API void nexpr_parts_free(nexpr_parts **parts);

typedef enum nexpr_parts_step {
    NEXPR_PARTS_END,    /* all results are there */
    NEXPR_PARTS_PASS,   /* the next pass */
    NEXPR_PARTS_LENGTH, /* result 0 is an int64 without axes, which everybody has: it is to be given to _set_length. Then all
                           arrays but the inputs are forgotten: other passes follow */
} nexpr_parts_step;

/* Goes on to the next step. Errors: MEMORY, SHAPE. */
NEXPR_API nexpr_status nexpr_parts_next(nexpr_parts *parts, nexpr_parts_step *ret_step, nexpr_error *err);
/* Errors: ARGUMENT (no length is wanted, or it is negative), and those of nexpr_parts_new. */
NEXPR_API nexpr_status nexpr_parts_set_length(nexpr_parts *parts, int64_t length, nexpr_error *err);

/* Arrays are numbered: inputs, then those that passes hand on, then results. */
typedef struct nexpr_part_array {
    size_t size;
    nexpr_dtype dtype;
    int ndim;
    const int64_t *shape;  /* belongs to the object, as do the bounds */
    int axis;              /* -1: everybody has all of it */
    const int64_t *bounds;
    bool is_known;         /* an input that is used, or what a pass up to the current one fills */
    bool is_wanted;        /* a pass behind the current one reads it, or it is a result */
} nexpr_part_array;

NEXPR_API nexpr_part_array nexpr_part_array_init(void);
NEXPR_API int nexpr_parts_array_count(const nexpr_parts *parts);
/* The number of result `index`. */
NEXPR_API int nexpr_parts_result(const nexpr_parts *parts, int index);
/* ret_array->size must be set. ARGUMENT: there is no such array. */
NEXPR_API nexpr_status nexpr_parts_array(const nexpr_parts *parts, int array, nexpr_part_array *ret_array);

/* The current pass. */
typedef struct nexpr_part_pass {
    size_t size;
    int need_count, target_count;
    bool is_cut;         /* else everybody computes all of it: one unit */
    bool leaves_nodes;   /* nodes of all parts come first */
    bool is_reduction;   /* these make the targets: nexpr_parts_finish, and no run */
    bool appends;        /* what is kept of a stretch is appended to the part's target: run says how much it was */
    bool is_counting;    /* a length will be wanted: results are not yet those of the expression */
    double moved;        /* bytes that have to move for it */
} nexpr_part_pass;

NEXPR_API nexpr_part_pass nexpr_part_pass_init(void);
/* ret_pass->size must be set. ARGUMENT: the step is no pass. */
NEXPR_API nexpr_status nexpr_parts_pass(const nexpr_parts *parts, nexpr_part_pass *ret_pass);
/* The units of a part. */
NEXPR_API void nexpr_parts_units(const nexpr_parts *parts, int part, int64_t *ret_begin, int64_t *ret_end);
/* The array that a need is of, and the axis of which a stretch of units needs [begin, end); -1: all of the array. */
NEXPR_API int nexpr_parts_need_array(const nexpr_parts *parts, int need, int *ret_axis);
NEXPR_API void nexpr_parts_need(const nexpr_parts *parts, int need, int64_t begin, int64_t end, int64_t *ret_begin,
                                int64_t *ret_end);
/* The array that a target is; the indices of its cut axis that a stretch of units computes, if it is cut. Of one that is
 * appended to: end - begin of them at most. */
NEXPR_API int nexpr_parts_target(const nexpr_parts *parts, int target);
NEXPR_API void nexpr_parts_target_rows(const nexpr_parts *parts, int64_t begin, int64_t end, int64_t *ret_begin,
                                       int64_t *ret_end);

/* What the thread that calls _run or _reduce_add calls between blocks of the current pass, some ten microseconds apart, so
 * that messages go on meanwhile; NULL: nothing. It must not use the object. */
typedef void nexpr_parts_call(void *user);
NEXPR_API void nexpr_parts_between(nexpr_parts *parts, nexpr_parts_call *call, void *user);

/* What there is of a needed array: [begin, end) of the need's axis, in C order. It may be more than is needed. */
typedef struct nexpr_part_view {
    const void *data;
    int64_t begin, end;
} nexpr_part_view;

/*
 * Computes units [begin, end): for each target what the stretch has of it, contiguous in C order. A pass that leaves nodes
 * has settled, and its stretches come in order. ret_count, which may be NULL: elements that were appended.
 * Errors: MEMORY, CANCELLED.
 */
NEXPR_API nexpr_status nexpr_parts_run(nexpr_parts *parts, int part, int64_t begin, int64_t end, const nexpr_part_view *views,
                                       void *const *targets, int64_t *ret_count, nexpr_error *err);

/* Bytes of the nodes that a part leaves. */
NEXPR_API int64_t nexpr_parts_node_bytes(const nexpr_parts *parts, int part);
/* Makes the nodes of a part, in stretches of its units. _end is called after any failure too. Errors: MEMORY, CANCELLED. */
NEXPR_API nexpr_status nexpr_parts_reduce_begin(nexpr_parts *parts, int part, void *ret_nodes, nexpr_error *err);
NEXPR_API nexpr_status nexpr_parts_reduce_add(nexpr_parts *parts, int64_t begin, int64_t end, const nexpr_part_view *views,
                                              nexpr_error *err);
NEXPR_API void nexpr_parts_reduce_end(nexpr_parts *parts);
/* Takes the nodes of all parts, one behind the other, which have to stay until the next step. What is appended to is cut
 * from here on. Errors: MEMORY. */
NEXPR_API nexpr_status nexpr_parts_settle(nexpr_parts *parts, const void *nodes, nexpr_error *err);
/* Writes the targets of a reduction: all of each. Errors: MEMORY. */
NEXPR_API nexpr_status nexpr_parts_finish(nexpr_parts *parts, void *const *targets, nexpr_error *err);

#ifdef __cplusplus
}
#endif
#endif
