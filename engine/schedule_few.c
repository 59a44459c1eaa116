/* SPDX-License-Identifier: MIT */
/*
 * Between the first and the second sweep of the scheduler: which reductions have so few elements that they are computed
 * where they are read, as a[:, 0] + a[:, 1] is, without a pass and a temporary. That pays as long as nothing is computed
 * twice: all that reads the reduction is in one pass, and has no more elements than it.
 */
#include "engine/scheduler.h"

enum {
    MOST_FEW = 4,   /* elements; of more the tree's kernels do better */
    LEAST_KEPT = 8, /* a vector of them */
    MOST_WORK = 64, /* operations on an element of the result */
};

/* In place of a pass. */
#define NO_PASS 0u
#define SEVERAL_PASSES UINT32_MAX

static void note_reader(uint32_t *pass, uint32_t reader) {
    *pass = *pass == NO_PASS || *pass == reader ? reader : SEVERAL_PASSES;
}

/* Whether the node shows all elements of its array, in their order. */
static bool keeps_order(const nx_node_state *state, const nx_shape *array) {
    int last = -1;
    for (int k = 0; k < array->ndim; k++) {
        const nx_axis own = state->axes[k];
        if (array->extent[k] == 1) continue;
        if (own.axis <= last || own.offset || own.step != 1) return false;
        last = own.axis;
    }
    return state->shape->count == array->count;
}

/* The pass in which node i, itself in pass `own`, reads its k-th operand. */
static uint32_t pass_of_arg(const nx_scheduler *s, nx_ref i, int k, uint32_t own) {
    const nx_node *node = &s->ir->nodes[i];
    const nx_shape *arg = s->state[node->arg[k]].shape;
    switch ((nx_node_kind)node->kind) {
    case NX_NODE_REDUCE:
    case NX_NODE_SCAN:
    case NX_NODE_COMPRESS: return s->ir->result_count + 1 + i;
    case NX_NODE_VIEW:
        if (nx_is_reshape(s, node) || nx_is_table(s, node)) return s->ir->result_count + 1 + i;
        return keeps_order(&s->state[i], arg) ? own : SEVERAL_PASSES;
    case NX_NODE_ALONG: return keeps_order(&s->state[i], arg) ? own : SEVERAL_PASSES;
    default: return s->state[i].shape->count == arg->count ? own : SEVERAL_PASSES;
    }
}

/* Downwards: the pass that reads each node, by node. Results of one shape are one pass. */
static uint32_t *find_passes(const nx_scheduler *s) {
    const nx_ir *ir = s->ir;
    uint32_t *pass = nx_scheduler_take(s, ir->node_count, sizeof *pass);
    for (uint32_t r = 0; pass && r < ir->result_count; r++) {
        uint32_t first = 0;
        while (!nx_shape_equal(s->state[ir->results[first].node].shape, s->state[ir->results[r].node].shape)) first++;
        note_reader(&pass[ir->results[r].node], first + 1);
    }
    for (nx_ref i = ir->node_count; pass && i-- > 0;) {
        const nx_node *node = &ir->nodes[i];
        for (int k = 0; s->state[i].is_computed && k < node->arity; k++) {
            if (nx_is_read(node, k)) note_reader(&pass[node->arg[k]], pass_of_arg(s, i, k, pass[i]));
        }
    }
    return pass;
}

/* Elements of the reduction that it is, if these are few and along the last axis that is longer than 1; else 0. */
static uint32_t count_few(const nx_scheduler *s, nx_ref i) {
    const nx_node *node = &s->ir->nodes[i];
    const nx_node_state *state = &s->state[i];
    uint16_t op;
    if (node->kind != NX_NODE_REDUCE || !nx_reducer_find_op((nx_reducer)node->op, &op)) return 0;
    const nx_shape *shape = s->state[node->arg[0]].shape;
    if (state->shape->count < LEAST_KEPT || shape->count > state->shape->count * MOST_FEW) return 0;
    int last = shape->ndim - 1;
    while (last > 0 && shape->extent[last] == 1) last--;
    return state->axes[last].axis < 0 ? (uint32_t)(shape->count / state->shape->count) : 0;
}

/* Operations on an element of node i in its pass. */
static uint32_t work_of(const nx_scheduler *s, nx_ref i, const uint32_t *work) {
    const nx_node *node = &s->ir->nodes[i];
    if (node->kind == NX_NODE_REDUCE || node->kind == NX_NODE_SCAN || node->kind == NX_NODE_COMPRESS) return 0;
    if (nx_is_reshape(s, node) || nx_is_table(s, node)) return 0;
    uint32_t sum = node->kind == NX_NODE_OP || node->kind == NX_NODE_CAST || node->kind == NX_NODE_LOOKUP;
    for (int k = 0; k < node->arity; k++) sum += work[node->arg[k]];
    return sum < MOST_WORK ? sum : MOST_WORK;
}

nexpr_status nx_schedule_few(nx_scheduler *s) {
    const uint32_t *pass = find_passes(s);
    uint32_t *work = nx_scheduler_take(s, s->ir->node_count, sizeof *work);
    if (!pass || !work) return nx_fail_memory(s->err);
    for (nx_ref i = 0; i < s->ir->node_count; i++) {
        if (!s->state[i].is_computed) continue;
        work[i] = work_of(s, i, work);
        const uint32_t few = pass[i] == SEVERAL_PASSES ? 0 : count_few(s, i);
        const uint32_t all = few * (work[s->ir->nodes[i].arg[0]] + 1);
        if (!few || all > MOST_WORK) continue;
        s->state[i].few = few;
        work[i] = all;
    }
    return NEXPR_OK;
}
