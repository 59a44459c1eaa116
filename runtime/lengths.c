/* SPDX-License-Identifier: MIT */
/* Each count is a node of the expression: it is made the one result of a copy that shares all else, and evaluated. */
#include "runtime/lengths.h"

#include <string.h>

static void copy_expr(const nexpr *e, nexpr *ret) {
    *ret = (nexpr){.references = 1, .memory = e->memory, .ir = e->ir, .is_scheduled = true, .has_lengths = true,
                   .max_nodes = e->max_nodes, .code = e->code, .is_used = e->is_used};
}

static nexpr_status evaluate_count(const nexpr *e, nexpr_context *context, const nexpr_array *const *inputs, nx_ref node,
                                   const int64_t *lengths, const nexpr_run_options *run, nx_arena *arena, int64_t *ret,
                                   nexpr_error *err) {
    const uint32_t input_count = e->ir.input_count;
    const uint8_t *used = nx_expr_used(e, e->ir.result_count);
    nx_ir_result result = {.node = node};
    nexpr counting;
    copy_expr(e, &counting);
    counting.lengths = lengths;
    counting.ir.results = &result;
    counting.ir.result_count = 1;
    counting.is_used = nx_arena_alloc(arena, 2 * (size_t)input_count + 1, 1);
    const void **data = nx_arena_alloc(arena, (size_t)input_count + 1, sizeof *data);
    if (!counting.is_used || !data) return nx_fail_memory(err);
    for (uint32_t i = 0; i < input_count; i++) {
        counting.is_used[i] = counting.is_used[input_count + i] = used[i];
        data[i] = used[i] ? inputs[i]->data : NULL;
    }
    nexpr_array count = nexpr_array_init();
    count.data = ret;
    count.dtype = NEXPR_INT64;
    nexpr_plan *plan;
    NX_TRY(nexpr_plan_new(&counting, context, inputs, (const nexpr_array *const[]){&count}, run, &plan, err));
    void *out = ret;
    const nexpr_status status = nexpr_plan_run(plan, data, &out, err);
    nexpr_plan_free(&plan);
    return status;
}

/* Whether the results need the node's length. */
static nexpr_status mark_needed(const nx_ir *ir, nx_arena *arena, uint8_t **ret, nexpr_error *err) {
    uint8_t *needed = nx_arena_alloc(arena, ir->node_count, 1);
    if (!needed) return nx_fail_memory(err);
    for (uint32_t r = 0; r < ir->result_count; r++) needed[ir->results[r].node] = 1;
    for (nx_ref i = ir->node_count; i-- > 0;) {
        if (needed[i]) nx_ir_mark_operands(ir, i, needed);
    }
    *ret = needed;
    return NEXPR_OK;
}

/* A count that was evaluated before, of the same mask. */
static bool is_known(const nx_ir *ir, nx_ref node, const uint8_t *needed, int64_t *lengths) {
    for (nx_ref i = 0; i < node; i++) {
        const nx_node *other = &ir->nodes[i];
        if (!needed[i] || other->kind != NX_NODE_COMPRESS || other->arg[2] != ir->nodes[node].arg[2]) continue;
        lengths[node] = lengths[i];
        return true;
    }
    return false;
}

nexpr_status nx_find_lengths(const nexpr *e, nexpr_context *context, const nexpr_array *const *inputs,
                             const nexpr_run_options *run, nx_arena *arena, nexpr *ret, nexpr_error *err) {
    const nx_ir *ir = &e->ir;
    uint8_t *needed = NULL;
    int64_t *lengths = nx_arena_alloc(arena, ir->node_count, sizeof *lengths);
    if (!lengths) return nx_fail_memory(err);
    NX_TRY(mark_needed(ir, arena, &needed, err));
    for (nx_ref i = 0; i < ir->node_count; i++) {
        if (!needed[i] || ir->nodes[i].kind != NX_NODE_COMPRESS || is_known(ir, i, needed, lengths)) continue;
        NX_TRY(evaluate_count(e, context, inputs, ir->nodes[i].arg[2], lengths, run, arena, &lengths[i], err));
    }
    copy_expr(e, ret);
    ret->lengths = lengths;
    return NEXPR_OK;
}
