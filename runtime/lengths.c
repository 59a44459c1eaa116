/* SPDX-License-Identifier: MIT */
#include "runtime/lengths.h"

#include <string.h>

static nexpr copy_expr(const nexpr *e) {
    return (nexpr){.references = 1, .memory = e->memory, .ir = e->ir, .is_scheduled = true, .has_lengths = true,
                   .max_nodes = e->max_nodes, .code = e->code, .is_used = e->is_used, .parse_ticks = e->parse_ticks,
                   .compile_ticks = e->compile_ticks, .whole = (nexpr *)(uintptr_t)e};
}

/* Marks what the results need. */
static void mark_needed(const nx_ir *ir, uint8_t *needed) {
    for (uint32_t r = 0; r < ir->result_count; r++) needed[ir->results[r].node] = 1;
    for (nx_ref i = ir->node_count; i-- > 0;) {
        if (needed[i]) nx_ir_mark_operands(ir, i, needed);
    }
}

nexpr_status nx_lengths_init(nx_lengths *l, const nexpr *e, nx_arena *arena, nexpr_error *err) {
    const uint32_t inputs = e->ir.input_count;
    const uint8_t *used = nx_expr_used(e, e->ir.result_count);
    *l = (nx_lengths){.known = copy_expr(e), .counting = copy_expr(e), .expr = e};
    l->lengths = nx_arena_alloc(arena, e->ir.node_count, sizeof *l->lengths);
    l->needed = nx_arena_alloc(arena, e->ir.node_count, 1);
    l->counting.is_used = nx_arena_alloc(arena, 2 * (size_t)inputs + 1, 1);
    if (!l->lengths || !l->needed || !l->counting.is_used) return nx_fail_memory(err);
    mark_needed(&e->ir, l->needed);
    memcpy(l->counting.is_used, used, inputs);
    memcpy(l->counting.is_used + inputs, used, inputs);
    l->known.lengths = l->counting.lengths = l->lengths;
    l->counting.ir.results = &l->result;
    l->counting.ir.result_count = 1;
    return NEXPR_OK;
}

/* A count that was found before, of the same mask. */
static bool find_known(nx_lengths *l) {
    const nx_node *nodes = l->expr->ir.nodes;
    for (nx_ref i = 0; i < l->at; i++) {
        if (!l->needed[i] || nodes[i].kind != NX_NODE_COMPRESS || nodes[i].arg[2] != nodes[l->at].arg[2]) continue;
        l->lengths[l->at] = l->lengths[i];
        return true;
    }
    return false;
}

nexpr *nx_lengths_next(nx_lengths *l) {
    for (; l->at < l->expr->ir.node_count; l->at++) {
        const nx_node *node = &l->expr->ir.nodes[l->at];
        if (!l->needed[l->at] || node->kind != NX_NODE_COMPRESS || find_known(l)) continue;
        l->result = (nx_ir_result){.node = node->arg[2]};
        return &l->counting;
    }
    return NULL;
}

void nx_lengths_set(nx_lengths *l, int64_t count) {
    l->lengths[l->at++] = count;
}

static nexpr_status evaluate_count(const nexpr *counting, nexpr_context *context, const nexpr_array *const *inputs,
                                   const void *const *data, const nexpr_run_options *run, int64_t *ret, nexpr_error *err) {
    nexpr_array count = nexpr_array_init();
    nexpr_plan *plan;
    void *out = ret;
    count.data = ret;
    count.dtype = NEXPR_INT64;
    NX_TRY(nexpr_plan_new(counting, context, inputs, (const nexpr_array *const[]){&count}, run, &plan, err));
    const nexpr_status status = nexpr_plan_run(plan, data, &out, err);
    nexpr_plan_free(&plan);
    return status;
}

nexpr_status nx_find_lengths(nx_lengths *l, const nexpr *e, nexpr_context *context, const nexpr_array *const *inputs,
                             const nexpr_run_options *run, nx_arena *arena, nexpr_error *err) {
    const uint8_t *used = nx_expr_used(e, e->ir.result_count);
    const void **data = nx_arena_alloc(arena, (size_t)e->ir.input_count + 1, sizeof *data);
    if (!data) return nx_fail_memory(err);
    for (uint32_t i = 0; i < e->ir.input_count; i++) data[i] = used[i] ? inputs[i]->data : NULL;
    NX_TRY(nx_lengths_init(l, e, arena, err));
    for (nexpr *counting; (counting = nx_lengths_next(l));) {
        int64_t count;
        NX_TRY(evaluate_count(counting, context, inputs, data, run, &count, err));
        nx_lengths_set(l, count);
    }
    return NEXPR_OK;
}
