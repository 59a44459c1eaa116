/* SPDX-License-Identifier: MIT */
/*
 * What an expression tells of its sub-expressions (terms), and of the values that they came to, which are the lines of
 * nexpr_ir and of nexpr_listing. Each knows its node of the IR, so shapes are found for all of them at once.
 */
#include "runtime/passes.h"
#include "vm/program.h"

#include <string.h>

nexpr_term nexpr_term_init(void) {
    return (nexpr_term){.size = sizeof(nexpr_term)};
}

nexpr_value nexpr_value_init(void) {
    return (nexpr_value){.size = sizeof(nexpr_value)};
}

int nexpr_term_count(const nexpr *expr) {
    return (int)expr->ir.term_count;
}

int nexpr_value_count(const nexpr *expr) {
    return (int)expr->code->code_count;
}

nexpr_status nx_expr_number_values(nexpr *e, nexpr_error *err) {
    e->value_of = nx_arena_alloc(&e->arena, e->ir.node_count, sizeof *e->value_of);
    if (!e->value_of) return nx_fail_memory(err);
    for (uint32_t i = 0; i < e->code->code_count; i++) e->value_of[e->code->code[i].node] = i + 1;
    return NEXPR_OK;
}

nexpr_status nexpr_term_describe(const nexpr *expr, int index, nexpr_term *ret) {
    if (index < 0 || index >= nexpr_term_count(expr) || ret->size < sizeof(size_t)) return NEXPR_ARGUMENT;
    const nx_ir_term *term = &expr->ir.terms[index];
    nexpr_term all = {.size = ret->size, .begin = term->span.begin, .end = term->span.end, .dtype = NEXPR_DTYPE_COUNT,
                      .value = -1, .input = -1};
    if (term->node != NX_NO_NODE) {
        const nx_node *node = &expr->ir.nodes[term->node];
        all.dtype = (nexpr_dtype)node->dtype;
        all.value = (int)expr->value_of[term->node] - 1;
        if (node->kind == NX_NODE_INPUT) all.input = (int)node->index;
    }
    memcpy(ret, &all, ret->size < sizeof all ? ret->size : sizeof all);
    return NEXPR_OK;
}

nexpr_status nexpr_value_describe(const nexpr *expr, int index, nexpr_value *ret) {
    if (index < 0 || index >= nexpr_value_count(expr) || ret->size < sizeof(size_t)) return NEXPR_ARGUMENT;
    const nx_vm_instruction *made = &expr->code->code[index];
    const nexpr_value all = {.size = ret->size, .begin = made->span.begin, .end = made->span.end,
                             .dtype = (nexpr_dtype)made->dtype, .uses = (int)made->uses, .nest = (int)made->nest};
    memcpy(ret, &all, ret->size < sizeof all ? ret->size : sizeof all);
    return NEXPR_OK;
}

/* ---------------------------------------------------------------------------------------------------------- shapes -- */

/* Nodes that are computed, or could be: all inputs below are used, so that their shapes are known. */
static void mark_known(const nexpr *e, bool only_computed, uint8_t *known) {
    const nx_ir *ir = &e->ir;
    const uint8_t *used = nx_expr_used(e, ir->result_count);
    for (nx_ref i = 0; i < ir->node_count; i++) {
        const nx_node *node = &ir->nodes[i];
        const nx_view *view = nx_node_has_view(node) ? &ir->views[node->index] : NULL;
        known[i] = node->kind == NX_NODE_INPUT ? used[node->index] : 1;
        if (only_computed && node->kind != NX_NODE_INPUT && node->kind != NX_NODE_CONST) known[i] = e->value_of[i] != 0;
        for (int k = 0; k < node->arity; k++) known[i] &= known[node->arg[k]];
        for (uint32_t k = 0; view && view->nodes && k < view->count; k++) {
            if (view->nodes[k]) known[i] &= known[view->nodes[k] - 1];
        }
    }
}

/* The shapes of all known nodes, as those of results; by node, NULL for others. */
static nexpr_status find_shapes(const nexpr *e, const nx_layout *layouts, bool only_computed, nx_arena *arena,
                                const nx_shape ***ret, nexpr_error *err) {
    nx_ir ir = e->ir;
    uint8_t *known = nx_arena_alloc(arena, ir.node_count, 1);
    const nx_shape **packed = nx_arena_alloc(arena, ir.node_count, sizeof(*packed));
    const nx_shape **shapes = nx_arena_alloc(arena, ir.node_count, sizeof(*shapes));
    ir.results = nx_arena_alloc(arena, ir.node_count, sizeof *ir.results);
    if (!known || !packed || !shapes || !ir.results) return nx_fail_memory(err);
    ir.result_count = 0;
    mark_known(e, only_computed, known);
    for (nx_ref i = 0; i < ir.node_count; i++) {
        if (known[i]) ir.results[ir.result_count++].node = i;
    }
    NX_TRY(nx_result_shapes(&ir, layouts, e->lengths, arena, packed, err));
    for (uint32_t r = 0; r < ir.result_count; r++) shapes[ir.results[r].node] = packed[r];
    *ret = shapes;
    return NEXPR_OK;
}

/* What is not computed may have no shape, and is then left out. */
static nexpr_status find_all(const nexpr *e, const nexpr_array *const *inputs, nx_arena *arena, const nx_shape ***ret,
                             nexpr_error *err) {
    nx_layout *layouts;
    NX_TRY(nx_find_layouts(e, inputs, arena, &layouts, err));
    if (!find_shapes(e, layouts, false, arena, ret, NULL)) return NEXPR_OK;
    return find_shapes(e, layouts, true, arena, ret, err);
}

static void tell_shapes(const nexpr *e, const nx_shape *const *shapes, nexpr_shape_call *call, void *user) {
    static const int64_t none[1];
    for (uint32_t i = 0; i < e->code->code_count; i++) {
        const nx_shape *shape = shapes[e->code->code[i].node];
        if (shape) call(user, -1, (int)i, shape->ndim, shape->extent);
    }
    for (uint32_t i = 0; i < e->ir.term_count; i++) {
        const nx_ref node = e->ir.terms[i].node;
        if (node == NX_NO_NODE) call(user, (int)i, -1, 0, none);
        else if (shapes[node]) call(user, (int)i, -1, shapes[node]->ndim, shapes[node]->extent);
    }
}

nexpr_status nexpr_term_shapes(const nexpr *expr, const nexpr_array *const *inputs, nexpr_shape_call *call, void *user,
                               nexpr_error *err) {
    const nx_shape **shapes;
    nx_arena arena;
    nx_arena_init(&arena, expr->memory.use);
    const nexpr_status status = find_all(expr, inputs, &arena, &shapes, err);
    if (!status) tell_shapes(expr, shapes, call, user);
    nx_arena_free(&arena);
    return status;
}
