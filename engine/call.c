/* SPDX-License-Identifier: MIT */
/* From a name before a bracket to what it means: an op, a function made of ops, a view, a function of arrays or a cast. */
#include "engine/call.h"

#include "engine/array_call.h"
#include "engine/view_call.h"

#include <stdlib.h>
#include <string.h>

/* A preset as a literal: an integer, or a float without a decimal point, which no locale can change. */
static nexpr_status preset_literal(nx_builder *b, const char *text, nx_span span, nx_operand *ret, nexpr_error *err) {
    nx_literal *literal = nx_arena_alloc(b->ir->arena, 1, sizeof *literal);
    if (!literal) return nx_fail_memory(err);
    char *end;
    long integer = strtol(text, &end, 10);
    if (*end == 'e') *literal = (nx_literal){.kind = NX_LITERAL_FLOAT, .re = strtod(text, NULL)};
    else *literal = (nx_literal){.kind = NX_LITERAL_INT, .integer = nx_bigint_from_i64(integer)};
    *ret = (nx_operand){.literal = literal, .span = span};
    return NEXPR_OK;
}

/* ----------------------------------------------------------------------------------------- unknown functions -- */

/* Names that people expect from elsewhere, and what to write instead. */
static const struct { const char *name, *advice; } expected_elsewhere[] = {
    {"permute_dims", "write transpose(a, axes)"},
    {"ravel", "write reshape(a, -1)"},
    {"flatten", "write reshape(a, -1)"},
    {"ogrid", "write index(a, axis)"},
    {"ln", "write log(x)"},
    {"lg", "write log10(x)"},
    {"int", "write int64(x)"},
    {"float", "write float64(x)"},
    {"double", "write float64(x)"},
    {"half", "write float16(x)"},
    {"sqr", "write square(x) or x**2"},
    {"select", "write where(condition, x, y)"},
    {"iif", "write where(condition, x, y)"},
    {"fix", "write trunc(x)"},
    {"roundeven", "write rint(x)"},
    {"not", "write not x or ~x"},
    {"divmod", "write x//y and x%y"},
};

static nexpr_status fail_unknown(const nx_builder *b, const nx_ast_node *node, nexpr_error *err) {
    for (size_t i = 0; i < sizeof expected_elsewhere / sizeof *expected_elsewhere; i++) {
        if (strcmp(node->name, expected_elsewhere[i].name)) continue;
        return nx_fail(err, NEXPR_NAME, node->word, "there is no function '%s'; %s", node->name,
                       expected_elsewhere[i].advice);
    }
    for (uint32_t i = 0; i < b->ir->input_count; i++) {
        if (strcmp(node->name, b->ir->inputs[i].name)) continue;
        return nx_fail(err, NEXPR_NAME, node->word, "'%s' is an array, not a function; a product is written %s*(...)",
                       node->name, node->name);
    }
    nx_suggestion suggestion = nx_suggest(node->name, strlen(node->name));
    char text[96];
    nx_suggest_callees(&suggestion);
    return nx_fail(err, NEXPR_NAME, node->word, "unknown function '%s'%s", node->name, nx_suggest_text(&suggestion, text));
}

/* ------------------------------------------------------------------------------------------------- binding -- */

static nexpr_status read_operands(nx_builder *b, nx_values values, const nx_ast_node *node, const nx_binding *bound,
                                  nx_operand ret[NX_MAX_PARAMS], nexpr_error *err) {
    for (int i = 0; i < bound->count; i++) {
        if (bound->arg[i] != NX_ABSENT) NX_TRY(nx_bound_operand(values, node, bound->arg[i], &ret[i], err));
        else NX_TRY(preset_literal(b, bound->params[i].preset, node->span, &ret[i], err));
    }
    return NEXPR_OK;
}

/* ------------------------------------------------------------------------------------------------------- views -- */

/* As a method, a view takes its numbers also without the parentheses of a tuple: a.reshape(2, 3). */
static bool takes_numbers(const nx_callee *callee, const nx_ast_node *node) {
    const bool has_list = callee->view == NX_VIEW_reshape || callee->view == NX_VIEW_transpose;
    return callee->kind == NX_CALLEE_VIEW && has_list && node->is_method;
}

static nexpr_status apply_view(nx_builder *b, const nx_callee *callee, nx_values values, const nx_ast_node *node,
                               const nx_binding *bound, nx_operand *ret, nexpr_error *err) {
    const nx_ast *ast = values.ast;
    nx_operand x;
    uint32_t count = 0, open = takes_numbers(callee, node) && node->arg_count > 2 ? node->arg_count : 0;
    nx_ast_ref *args = nx_arena_alloc(b->ir->arena, (size_t)open + NX_MAX_PARAMS, sizeof *args);
    if (!args) return nx_fail_memory(err);
    NX_TRY(nx_bound_operand(values, node, bound->arg[0], &x, err));
    for (int i = 1; i < bound->count && !open; i++) {
        if (bound->arg[i] != NX_ABSENT) args[count++] = ast->args[bound->arg[i]].node;
    }
    for (uint32_t i = 1; i < open; i++) args[count++] = ast->args[node->first_arg + i].node;
    return nx_apply_view(b, callee->view, values, &x, args, count, node->span, ret, err);
}

/* The methods that NumPy's arrays have: all views, and these. */
static nexpr_status check_method(const nx_callee *callee, const nx_ast_node *node, nexpr_error *err) {
    static const char *const others[] = {
        "round", "clip", "conj", "conjugate", "sum", "prod", "min", "max", "mean", "var", "std", "any", "all",
        "argmin", "argmax", "dot", "cumsum", "cumprod", "take", "searchsorted",
    };
    if (!node->is_method || callee->kind == NX_CALLEE_VIEW) return NEXPR_OK;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (!strcmp(node->name, others[i])) return NEXPR_OK;
    }
    return nx_fail(err, NEXPR_NAME, node->word, "'%s' is a function and no method: write %s(x)", node->name, node->name);
}

static const char *params_of(const nx_callee *callee) {
    switch (callee->kind) {
    case NX_CALLEE_OP: return nx_op_rows[callee->op].params;
    case NX_CALLEE_FUN: return nx_fun_rows[callee->fun].params;
    case NX_CALLEE_VIEW: return nx_view_rows[callee->view].params;
    case NX_CALLEE_ARRAY: return nx_array_rows[callee->array].params;
    default: return "x";
    }
}

bool nx_is_dtype_arg(const nx_ast *ast, const nx_ast_node *call, uint32_t i) {
    nx_callee callee;
    return nx_find_callee(call->name, strlen(call->name), &callee) && callee.kind == NX_CALLEE_ARRAY &&
           nx_is_arg_of(ast, call, i, params_of(&callee), "dtype");
}

/* A function that chooses or compares drops some of what it is made of: that is not checked. */
static void hide(nx_ir *ir, nx_ref first, nx_ref result) {
    bool drops = ir->nodes[result].dtype == NEXPR_BOOL;
    for (nx_ref i = first; i < ir->node_count; i++) drops |= ir->nodes[i].kind == NX_NODE_OP && ir->nodes[i].op == NX_OP_where;
    for (nx_ref i = first; i < ir->node_count && drops; i++) {
        if (ir->nodes[i].kind == NX_NODE_OP || ir->nodes[i].kind == NX_NODE_CAST) ir->nodes[i].flags |= NX_IS_HIDDEN;
    }
}

static nexpr_status expand(nx_builder *b, nx_fun fun, const nx_operand *args, const nx_ast_node *node, nx_operand *ret,
                           nexpr_error *err) {
    const nx_ref first = b->ir->node_count;
    NX_TRY(nx_expand(b, fun, args, node->span, node->word, ret, err));
    if (b->keeps_folded && !ret->literal) hide(b->ir, first, ret->node);
    return NEXPR_OK;
}

nexpr_status nx_apply_call(nx_builder *b, nx_values values, const nx_ast_node *node, nx_operand *ret, nexpr_error *err) {
    nx_callee callee;
    nx_binding bound;
    nx_operand args[NX_MAX_PARAMS];
    if (!nx_find_callee(node->name, strlen(node->name), &callee)) return fail_unknown(b, node, err);
    NX_TRY(check_method(&callee, node, err));
    NX_TRY(nx_bind(values.ast, node, params_of(&callee), takes_numbers(&callee, node), &bound, err));
    if (callee.kind == NX_CALLEE_VIEW) return apply_view(b, &callee, values, node, &bound, ret, err);
    if (callee.kind == NX_CALLEE_ARRAY) return nx_expand_array(b, callee.array, values, node, &bound, ret, err);
    NX_TRY(read_operands(b, values, node, &bound, args, err));
    switch (callee.kind) {
    case NX_CALLEE_OP: return nx_apply(b, callee.op, args, node->span, node->word, ret, err);
    case NX_CALLEE_FUN: return expand(b, callee.fun, args, node, ret, err);
    default: return nx_apply_cast(b, &args[0], callee.dtype, node->span, ret, err);
    }
}
