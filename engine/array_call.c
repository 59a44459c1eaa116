/* SPDX-License-Identifier: MIT */
#include "engine/array_call.h"

#include "engine/view_call.h"

#include <string.h>

nexpr_status nx_expand_array(nx_builder *b, nx_array_fun fun, nx_values values, const nx_ast_node *node,
                             const nx_binding *bound, nx_operand *ret, nexpr_error *err) {
    typedef nexpr_status expand(const nx_array_call *c, nx_operand *ret);
    static expand *const expansions[NX_ARRAY_COUNT] = {
#define ARRAY(id, ...) [NX_ARRAY_##id] = nx_expand_##id,
#include "engine/ops.def"
    };
    const nx_array_call c = {.x = {.b = b, .span = node->span, .word = node->word, .err = err}, .values = values,
                             .node = node, .bound = bound};
    if (nx_is_given(&c, "out")) {
        return nx_fail(err, NEXPR_TYPE, nx_arg_span(&c, "out"),
                       "'out' is not taken: an expression gives its value, which the caller puts where it belongs");
    }
    return expansions[fun](&c, ret);
}

/* The argument's node of the AST; NULL if it is not given. */
static const nx_ast_node *find_arg(const nx_array_call *c, const char *param) {
    const int i = nx_find_param(c->bound, param);
    if (i < 0 || c->bound->arg[i] == NX_ABSENT) return NULL;
    const nx_ast_node *node = &c->values.ast->nodes[c->values.ast->args[c->bound->arg[i]].node];
    return node->kind == NX_AST_NONE ? NULL : node;
}

static const nx_operand *value_of(const nx_array_call *c, const nx_ast_node *node) {
    return &c->values.at[node - c->values.ast->nodes];
}

bool nx_is_given(const nx_array_call *c, const char *param) {
    return find_arg(c, param) != NULL;
}

nx_span nx_arg_span(const nx_array_call *c, const char *param) {
    return find_arg(c, param)->span;
}

/* ---------------------------------------------------------------------------------------------------- operands -- */

nexpr_status nx_arg_operand(const nx_array_call *c, const char *param, nx_operand *ret) {
    const int i = nx_find_param(c->bound, param);
    if (c->bound->arg[i] != NX_ABSENT) return nx_bound_operand(c->values, c->node, c->bound->arg[i], ret, c->x.err);
    return nx_fail(c->x.err, NEXPR_TYPE, c->node->span, "'%s' needs the argument '%s'", c->node->name, param);
}

nexpr_status nx_arg_array(const nx_array_call *c, const char *param, nx_operand *ret) {
    NX_TRY(nx_arg_operand(c, param, ret));
    return nx_compose_strong(&c->x, *ret, ret);
}

nexpr_status nx_arg_scalar(const nx_array_call *c, const char *param, nx_operand *ret) {
    NX_TRY(nx_arg_operand(c, param, ret));
    if (ret->literal || ret->is_weak) return NEXPR_OK;
    return nx_view_operand(c, *ret, &(nx_view){.kind = NX_VIEW_broadcast_to, .has_numbers = true}, ret);
}

/* ---------------------------------------------------------------------------------------------------- settings -- */

nexpr_status nx_arg_switch(const nx_array_call *c, const char *param, bool *ret) {
    const nx_ast_node *node = find_arg(c, param);
    if (!node) return NEXPR_OK;
    const nx_literal *literal = nx_is_word(node) ? NULL : value_of(c, node)->literal;
    if (!literal || literal->kind != NX_LITERAL_BOOL) {
        return nx_fail(c->x.err, NEXPR_TYPE, node->span, "'%s' has to be True or False", param);
    }
    *ret = literal->integer.count != 0;
    return NEXPR_OK;
}

nexpr_status nx_arg_dtype(const nx_array_call *c, nexpr_dtype *ret) {
    static const struct { const char *name; nexpr_dtype dtype; } of_python[] = {
        {"int", NEXPR_INT64}, {"float", NEXPR_FLOAT64}, {"complex", NEXPR_COMPLEX128},
    };
    const nx_ast_node *node = find_arg(c, "dtype");
    if (!node) return NEXPR_OK;
    if (node->kind != NX_AST_NAME && node->kind != NX_AST_STRING) {
        return nx_fail(c->x.err, NEXPR_TYPE, node->span, "'dtype' has to be the name of a dtype, such as float32");
    }
    for (size_t i = 0; i < sizeof of_python / sizeof *of_python; i++) {
        if (strcmp(node->name, of_python[i].name)) continue;
        *ret = of_python[i].dtype;
        return NEXPR_OK;
    }
    const nexpr_status status = nexpr_dtype_find(node->name, ret, c->x.err);
    if (status && c->x.err) {
        c->x.err->begin = node->span.begin;
        c->x.err->end = node->span.end;
    }
    return status;
}

static bool is_length(const nx_array_call *c, const nx_ast_node *node) {
    const nx_operand *x = value_of(c, node);
    return !nx_is_word(node) && !x->literal && x->is_weak && nx_operand_dtype(c->x.b, x) == NEXPR_INT64;
}

static nexpr_status read_integer(const nx_array_call *c, const char *param, const nx_ast_node *node, int64_t *ret) {
    const nx_literal *literal = nx_is_word(node) ? NULL : value_of(c, node)->literal;
    if (!literal || literal->kind != NX_LITERAL_INT) {
        const bool is_min = !strcmp(c->node->name, "min"), is_two = is_min || !strcmp(c->node->name, "max");
        return nx_fail(c->x.err, NEXPR_TYPE, node->span, "'%s' of '%s' has to be an integer, written as a number%s", param,
                       c->node->name, !is_two ? "" : is_min ? "; the lesser of two arrays is minimum(a, b)"
                                                            : "; the greater of two arrays is maximum(a, b)");
    }
    if (nx_bigint_to_i64(&literal->integer, ret)) return NEXPR_OK;
    return nx_fail(c->x.err, NEXPR_VALUE, node->span, "'%s' does not fit 64 bits", param);
}

nexpr_status nx_arg_integer(const nx_array_call *c, const char *param, int64_t *ret) {
    const nx_ast_node *node = find_arg(c, param);
    return node ? read_integer(c, param, node, ret) : NEXPR_OK;
}

nexpr_status nx_arg_integers(const nx_array_call *c, const char *param, uint32_t most, nx_view *ret) {
    const nx_ast_node *node = find_arg(c, param);
    if (!node) return NEXPR_OK;
    const bool is_tuple = node->kind == NX_AST_TUPLE;
    const uint32_t count = is_tuple ? node->arg_count : 1;
    if (count > most || (is_tuple && most == 1)) {
        return nx_fail(c->x.err, NEXPR_TYPE, node->span, "'%s' of '%s' has to be %s", param, c->node->name,
                       most == 1 ? "an integer, not a tuple" : "an integer, or a tuple of two at most");
    }
    nx_arena *arena = c->x.b->ir->arena;
    int64_t *numbers = nx_arena_alloc(arena, count, sizeof *numbers);
    nx_span *spans = nx_arena_alloc(arena, count, sizeof *spans);
    uint32_t *nodes = nx_arena_alloc(arena, count, sizeof *nodes);
    if (!numbers || !spans || !nodes) return nx_fail_memory(c->x.err);
    for (uint32_t i = 0; i < count; i++) {
        const nx_ast_node *item = is_tuple ? &c->values.ast->nodes[c->values.ast->args[node->first_arg + i].node] : node;
        spans[i] = item->span;
        if (!strcmp(param, "shape") && is_length(c, item)) {
            nodes[i] = value_of(c, item)->node + 1;
            ret->nodes = nodes;
        } else {
            NX_TRY(read_integer(c, param, item, &numbers[i]));
        }
    }
    ret->has_numbers = true;
    ret->count = count;
    ret->numbers = numbers;
    ret->spans = spans;
    return NEXPR_OK;
}

/* ------------------------------------------------------------------------------------------------------- views -- */

nexpr_status nx_view_of_number(const nx_array_call *c, nx_view_kind kind, int64_t number, nx_span span, nx_view *ret) {
    nx_arena *arena = c->x.b->ir->arena;
    int64_t *numbers = nx_arena_alloc(arena, 1, sizeof *numbers);
    nx_span *spans = nx_arena_alloc(arena, 1, sizeof *spans);
    if (!numbers || !spans) return nx_fail_memory(c->x.err);
    *numbers = number;
    *spans = span;
    *ret = (nx_view){.kind = (uint8_t)kind, .has_numbers = true, .count = 1, .numbers = numbers, .spans = spans};
    return NEXPR_OK;
}

nexpr_status nx_view_of_operand(const nx_array_call *c, nx_view_kind kind, nx_operand number, nx_view *ret) {
    uint32_t *nodes = nx_arena_alloc(c->x.b->ir->arena, 1, sizeof *nodes);
    if (!nodes) return nx_fail_memory(c->x.err);
    NX_TRY(nx_view_of_number(c, kind, 0, number.span, ret));
    *nodes = number.node + 1;
    ret->nodes = nodes;
    return NEXPR_OK;
}

nexpr_status nx_view_operand(const nx_array_call *c, nx_operand x, const nx_view *view, nx_operand *ret) {
    nx_ref node, result;
    NX_TRY(nx_operand_to_node(c->x.b, &x, &node, c->x.err));
    NX_TRY(nx_build_view(c->x.b, node, view, x.span, &result, c->x.err));
    *ret = nx_operand_node(result, x.span);
    return NEXPR_OK;
}
