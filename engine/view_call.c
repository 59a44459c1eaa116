/* SPDX-License-Identifier: MIT */
/* Everything that a view says is an integer, a literal or one that is known with the shapes, such as a.size//2: it becomes a
 * number of nx_view, with its place in the text. */
#include "engine/view_call.h"

#include "engine/select.h"

#include <string.h>

/* A view while it is put together. */
typedef struct view_builder {
    nx_builder *b;
    nx_values values;
    nexpr_error *err;
    nx_view view;
    int64_t *numbers;
    uint32_t *nodes;
    nx_span *spans;
} view_builder;

/* A number of a view: what it is, or 1 + the node that tells. */
typedef struct number {
    int64_t value;
    uint32_t node;
} number;

static nexpr_status reserve(view_builder *v, size_t count) {
    nx_arena *arena = v->b->ir->arena;
    v->view.numbers = v->numbers = nx_arena_alloc(arena, count, sizeof *v->numbers);
    v->view.spans = v->spans = nx_arena_alloc(arena, count, sizeof *v->spans);
    v->nodes = nx_arena_alloc(arena, count, sizeof *v->nodes);
    return v->numbers && v->spans && v->nodes ? NEXPR_OK : nx_fail_memory(v->err);
}

static void add_number(view_builder *v, number given, nx_span span) {
    v->numbers[v->view.count] = given.value;
    v->nodes[v->view.count] = given.node;
    if (given.node) v->view.nodes = v->nodes;
    v->spans[v->view.count++] = span;
}

/* The node as an integer; `what` is what has to be one. */
static nexpr_status read_integer(const view_builder *v, nx_ast_ref ref, const char *what, number *ret) {
    const nx_operand *x = &v->values.at[ref];
    const nx_literal *literal = x->literal;
    const nx_span span = v->values.ast->nodes[ref].span;
    const bool is_operand = !nx_is_word(&v->values.ast->nodes[ref]);
    if (is_operand && !literal && x->is_weak && nx_operand_dtype(v->b, x) == NEXPR_INT64) {
        *ret = (number){.node = x->node + 1};
        return NEXPR_OK;
    }
    if (!is_operand || !literal || literal->kind != NX_LITERAL_INT) {
        return nx_fail(v->err, NEXPR_TYPE, span, "%s has to be an integer, written as a number or made of lengths", what);
    }
    *ret = (number){.node = 0};
    if (nx_bigint_to_i64(&literal->integer, &ret->value)) return NEXPR_OK;
    return nx_fail(v->err, NEXPR_VALUE, span, "%s does not fit 64 bits", what);
}

static nexpr_status finish(const view_builder *v, const nx_operand *x, nx_span span, nx_operand *ret) {
    nx_ref array, result;
    if (x->literal) {
        return nx_fail(v->err, NEXPR_TYPE, x->span, "a number has no axes; an array of one dtype is written float64(...)");
    }
    NX_TRY(nx_operand_to_node(v->b, x, &array, v->err));
    NX_TRY(nx_build_view(v->b, array, &v->view, span, &result, v->err));
    *ret = nx_operand_node(result, span);
    return NEXPR_OK;
}

/* ---------------------------------------------------------------------------------------------------------- index -- */

static const nx_ast_node *arg_node(const view_builder *v, const nx_ast_node *node, uint32_t i) {
    return &v->values.ast->nodes[v->values.ast->args[node->first_arg + i].node];
}

static nexpr_status read_slice(const view_builder *v, const nx_ast_node *node, number item[NX_ITEM_WORDS]) {
    item[NX_ITEM_KIND].value = NX_ITEM_SLICE;
    for (uint32_t i = 0; i < 3; i++) {
        const nx_ast_node *part = arg_node(v, node, i);
        if (part->kind == NX_AST_NONE) continue;
        item[NX_ITEM_GIVEN].value |= 1 << i;
        NX_TRY(read_integer(v, v->values.ast->args[node->first_arg + i].node, "a bound or step of a slice",
                            &item[NX_ITEM_START + i]));
        if (i == 2 && !item[NX_ITEM_STEP].value && !item[NX_ITEM_STEP].node) {
            return nx_fail(v->err, NEXPR_VALUE, part->span, "the step of a slice cannot be 0");
        }
    }
    return NEXPR_OK;
}

static nexpr_status read_item(const view_builder *v, nx_ast_ref ref, number item[NX_ITEM_WORDS]) {
    const nx_ast_node *node = &v->values.ast->nodes[ref];
    switch (node->kind) {
    case NX_AST_SLICE: return read_slice(v, node, item);
    case NX_AST_ELLIPSIS: item[NX_ITEM_KIND].value = NX_ITEM_ELLIPSIS; return NEXPR_OK;
    case NX_AST_NONE: item[NX_ITEM_KIND].value = NX_ITEM_NEW_AXIS; return NEXPR_OK;
    default: item[NX_ITEM_KIND].value = NX_ITEM_INTEGER; return read_integer(v, ref, "an index", &item[NX_ITEM_START]);
    }
}

/* Item `taken`, if it is not 0, stands for all of its axis. */
static nexpr_status apply_items(nx_builder *b, nx_values values, const nx_ast_node *node, uint32_t taken, nx_operand *ret,
                                nexpr_error *err) {
    view_builder v = {.b = b, .values = values, .err = err, .view = {.kind = NX_VIEW_INDEX, .has_numbers = true}};
    bool has_ellipsis = false;
    NX_TRY(reserve(&v, (size_t)node->arg_count * NX_ITEM_WORDS));
    for (uint32_t i = 1; i < node->arg_count; i++) {
        const nx_ast_ref ref = values.ast->args[node->first_arg + i].node;
        const nx_span span = values.ast->nodes[ref].span;
        number item[NX_ITEM_WORDS] = {{0}};
        if (i != taken) NX_TRY(read_item(&v, ref, item));
        else item[NX_ITEM_KIND].value = NX_ITEM_SLICE;
        const bool is_ellipsis = item[NX_ITEM_KIND].value == NX_ITEM_ELLIPSIS;
        if (is_ellipsis && has_ellipsis) {
            return nx_fail(err, NEXPR_SYNTAX, span, "an index has at most one '...'");
        }
        has_ellipsis |= is_ellipsis;
        for (int k = 0; k < NX_ITEM_WORDS; k++) add_number(&v, item[k], span);
    }
    const nx_ast_ref base = values.ast->args[node->first_arg].node;
    nx_operand x = values.at[base];
    x.span = values.ast->nodes[base].span;
    return finish(&v, &x, node->span, ret);
}

nexpr_status nx_apply_index(nx_builder *b, nx_values values, const nx_ast_node *node, nx_operand *ret, nexpr_error *err) {
    uint32_t taken;
    bool is_masked;
    NX_TRY(nx_find_mask(b, values, node, &is_masked, err));
    if (is_masked) return nx_take_by_mask(b, values, node, ret, err);
    NX_TRY(nx_find_index_array(b, values, node, &taken, err));
    NX_TRY(apply_items(b, values, node, taken, ret, err));
    return taken ? nx_take_by_item(b, values, node, taken, *ret, ret, err) : NEXPR_OK;
}

/* --------------------------------------------------------------------------------------- a.shape[k], a.size, a.ndim -- */

/* The node as the shape of something: that something's node, else NULL. */
static const nx_ast_node *shape_of(const nx_ast *ast, const nx_ast_node *node) {
    if (node->kind != NX_AST_INDEX) return NULL;
    const nx_ast_node *base = &ast->nodes[ast->args[node->first_arg].node];
    return base->kind == NX_AST_ATTRIBUTE && !strcmp(base->name, "shape") ? base : NULL;
}

bool nx_is_length(const nx_ast *ast, const nx_ast_node *node) {
    return shape_of(ast, node) != NULL;
}

/* The operand whose attribute the node is, as a node of the IR. */
static nexpr_status read_object(nx_builder *b, nx_values values, const nx_ast_node *node, nx_ref *ret, nexpr_error *err) {
    const nx_ast_ref ref = values.ast->args[node->first_arg].node;
    nx_operand x = values.at[ref];
    x.span = values.ast->nodes[ref].span;
    return nx_operand_to_node(b, &x, ret, err);
}

static nx_operand weak_operand(nx_ref node, nx_span span) {
    return (nx_operand){.node = node, .is_weak = true, .span = span};
}

nexpr_status nx_apply_length(nx_builder *b, nx_values values, const nx_ast_node *node, nx_operand *ret, nexpr_error *err) {
    view_builder v = {.b = b, .values = values, .err = err, .view = {.kind = NX_VIEW_REDUCED, .has_numbers = true}};
    const nx_ast_ref axis = values.ast->args[node->first_arg + 1].node;
    number given;
    nx_ref array, result;
    if (node->arg_count != 2) return nx_fail(err, NEXPR_TYPE, node->span, "a shape has one index");
    NX_TRY(read_object(b, values, shape_of(values.ast, node), &array, err));
    NX_TRY(reserve(&v, 1));
    NX_TRY(read_integer(&v, axis, "the index of a shape", &given));
    add_number(&v, given, values.ast->nodes[axis].span);
    NX_TRY(nx_build_extent(b, array, &v.view, node->span, &result, err));
    *ret = weak_operand(result, node->span);
    return NEXPR_OK;
}

nexpr_status nx_apply_size(nx_builder *b, nx_values values, const nx_ast_node *node, nx_operand *ret, nexpr_error *err) {
    nx_ref array, result;
    NX_TRY(read_object(b, values, node, &array, err));
    NX_TRY(nx_build_extent(b, array, &(nx_view){.kind = NX_VIEW_REDUCED}, node->span, &result, err));
    *ret = weak_operand(result, node->span);
    return NEXPR_OK;
}

nexpr_status nx_apply_ndim(nx_builder *b, nx_values values, const nx_ast_node *node, nx_operand *ret, nexpr_error *err) {
    nx_ref array, result;
    NX_TRY(read_object(b, values, node, &array, err));
    NX_TRY(nx_build_ndim(b, array, node->span, &result, err));
    *ret = weak_operand(result, node->span);
    return NEXPR_OK;
}

/* ------------------------------------------------------------------------------------------------------ functions -- */

nexpr_status nx_apply_transposed(nx_builder *b, const nx_operand *x, nx_span span, nx_operand *ret, nexpr_error *err) {
    return finish(&(view_builder){.b = b, .err = err, .view = {.kind = NX_VIEW_transpose}}, x, span, ret);
}

static nexpr_status add_numbers(view_builder *v, nx_ast_ref ref) {
    const nx_ast_node *node = &v->values.ast->nodes[ref];
    const bool is_tuple = node->kind == NX_AST_TUPLE;
    for (uint32_t i = 0; i < (is_tuple ? node->arg_count : 1); i++) {
        const nx_ast_ref element = is_tuple ? v->values.ast->args[node->first_arg + i].node : ref;
        number given;
        NX_TRY(read_integer(v, element, is_tuple ? "an element" : "the argument", &given));
        add_number(v, given, v->values.ast->nodes[element].span);
    }
    return NEXPR_OK;
}

static bool has_default(nx_view_kind kind) {
    return kind == NX_VIEW_transpose || kind == NX_VIEW_flip || kind == NX_VIEW_squeeze;
}

nexpr_status nx_apply_view(nx_builder *b, nx_view_kind kind, nx_values values, const nx_operand *x, const nx_ast_ref *args,
                           uint32_t count, nx_span span, nx_operand *ret, nexpr_error *err) {
    view_builder v = {.b = b, .values = values, .err = err, .view = {.kind = (uint8_t)kind}};
    size_t most = 0;
    for (uint32_t i = 0; i < count; i++) {
        const nx_ast_node *node = &values.ast->nodes[args[i]];
        most += node->kind == NX_AST_TUPLE ? node->arg_count : 1;
    }
    NX_TRY(reserve(&v, most));
    for (uint32_t i = 0; i < count; i++) {
        const nx_ast_node *node = &values.ast->nodes[args[i]];
        if (node->kind == NX_AST_NONE && has_default(kind) && count == 1) continue;
        if (node->kind == NX_AST_TUPLE && count > 1) {
            return nx_fail(err, NEXPR_TYPE, node->span, "this has to be an integer, not a tuple");
        }
        v.view.has_numbers = true;
        NX_TRY(add_numbers(&v, args[i]));
    }
    return finish(&v, x, span, ret);
}
