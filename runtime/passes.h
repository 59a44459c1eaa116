/* SPDX-License-Identifier: MIT */
/* Programs with views: their results' shapes, and a plan's nests out of the passes of engine/schedule.h. */
#ifndef NX_RUNTIME_PASSES_H
#define NX_RUNTIME_PASSES_H

#include "engine/schedule.h"
#include "runtime/plan.h"

/* The shapes of all results, with views or without. Scratch memory comes from the arena. Errors: SHAPE, LIMIT, VALUE,
 * ARGUMENT, MEMORY. */
nexpr_status nx_find_result_shapes(const nexpr *e, const nexpr_array *const *inputs, nx_arena *arena, nx_shape *ret,
                                   nexpr_error *err);
/* Shape and strides of a new array for a result, with the axes in the order of what it is computed from. Scratch memory
 * comes from the allocator. The same errors. */
nexpr_status nx_find_new_result(const nexpr *e, const nexpr_allocator *allocator, const nexpr_array *const *inputs,
                                uint32_t result, nx_shape *ret_shape, int64_t *ret_strides, nexpr_error *err);
/* The inputs that are used, as the scheduler wants them. */
nexpr_status nx_find_layouts(const nexpr *e, const nexpr_array *const *inputs, nx_arena *arena, nx_layout **ret,
                             nexpr_error *err);
/* What else a pass is when it is a piece of another one. */
struct nx_reduce_slab;
struct nx_prior;
typedef struct nx_pass_piece {
    struct nx_reduce_slab *slab;  /* of a reduction whose first axis comes in slabs */
    const struct nx_prior *prior; /* of a running one: what comes before */
    bool counts;                  /* of one that compresses: it only counts, and makes one nest */
} nx_pass_piece;
/* Makes the nests of a pass, at most two, in a plan that has room for them and whose operands are set. */
nexpr_status nx_plan_add_pass(nexpr_plan *plan, const nx_schedule *schedule, const nx_pass *pass, nx_pass_piece piece,
                              nexpr_error *err);
/* Makes the nests of a plan whose operands are set, and its temporaries. */
nexpr_status nx_plan_make_passes(nexpr_plan *plan, const nexpr_array *const *inputs, nexpr_error *err);

#endif
