/* SPDX-License-Identifier: MIT */
/*
 * The passes of an expression as slabs see them. A pass's leading axes are one, where every operand allows it. An input that
 * comes by rows lies at the address of the slab, as the same pass with a shorter first axis would want it; everything else
 * is whole, and its operands move on from slab to slab by the stride of the first axis.
 */
#ifndef NX_RUNTIME_SLABS_H
#define NX_RUNTIME_SLABS_H

#include "runtime/passes.h"
#include "runtime/reduce_slab.h"

typedef struct nx_slab_pass {
    nx_pass pass;                     /* its first axis is that of the rows */
    int64_t rows, next;               /* all, and computed ones */
    bool is_one;                      /* it cannot be cut, and has one row */
    bool is_carried;                  /* the first axis is reduced */
    bool is_ended;
    nexpr_slab_part *inputs, *results;
    int64_t *steps;                   /* by source: bytes from row to row, of those that are whole */
    nx_reduce_slab reduction;         /* carried */
    nexpr_plan *plan;                 /* for plan_rows rows; NULL: none yet */
    int64_t plan_rows;
    int64_t *offsets;                 /* of the plan's nests: of each source, for the first slab */
} nx_slab_pass;

struct nexpr_slabs {
    nx_memory memory;
    nx_arena arena;
    nexpr *expr;
    nexpr_context *context;
    nexpr_run_options run;
    nexpr_array *inputs; /* dtype and order of bytes of each */
    nx_schedule schedule;
    nx_slab_pass *passes;
    char **temporaries;  /* NULL each until the first run */
    bool has_memory;     /* they are there */
    char *states;        /* of all reductions that are carried */
    size_t state_bytes;
    int64_t bytes;
    uint32_t input_count, output_count;
};

/* runtime/slab_passes.c: finds out how the passes can be cut. Errors: ARGUMENT, MEMORY. */
nexpr_status nx_slabs_cut(nexpr_slabs *slabs, const nx_layout *inputs, nexpr_error *err);
/* What a pass fills. */
uint32_t nx_slab_target_count(const nx_pass *pass);
const nx_target *nx_slab_target(const nx_pass *pass, uint32_t index);

#endif
