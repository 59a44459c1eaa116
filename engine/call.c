/* SPDX-License-Identifier: MIT */
/*
 * A function's parameters are told by the params column of ops.def: "x, y" or "x, decimals=0". Arguments are bound to them
 * as in Python, by place and then by keyword.
 */
#include "engine/call.h"

#include "engine/view_call.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_PARAMS = 4 };

typedef struct param {
    const char *name, *preset; /* in the row; preset NULL: required */
    size_t length;
} param;

/* Splits "x, decimals=0". */
static int split_params(const char *params, param ret[MAX_PARAMS]) {
    int count = 0;
    for (const char *p = params; *p; count++) {
        size_t length = strcspn(p, "=,");
        ret[count] = (param){.name = p, .length = length};
        p += length;
        if (*p == '=') ret[count].preset = ++p;
        p += strcspn(p, ",");
        p += strspn(p, ", ");
    }
    return count;
}

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
    {"min", "for the lesser of two arrays write minimum(a, b)"},
    {"max", "for the greater of two arrays write maximum(a, b)"},
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

static nexpr_status fail_count(const nx_ast_node *node, const char *params, int required, int count, nexpr_error *err) {
    const char *least = required < count ? "at least " : "";
    bool one = required == 1;
    if (node->arg_count > (uint32_t)count) {
        return nx_fail(err, NEXPR_TYPE, node->span, "'%s' takes %s%d argument%s (%s), but %u are given", node->name,
                       required < count ? "at most " : "", count, count == 1 ? "" : "s", params, node->arg_count);
    }
    return nx_fail(err, NEXPR_TYPE, node->span, "'%s' takes %s%d argument%s (%s), but %u %s given", node->name, least,
                   required, one ? "" : "s", params, node->arg_count, node->arg_count == 1 ? "is" : "are");
}

static nexpr_status fail_keyword(const nx_ast_node *node, const nx_ast_arg *arg, const char *params, const param *known,
                                 int count, nexpr_error *err) {
    nx_suggestion suggestion = nx_suggest(arg->keyword, strlen(arg->keyword));
    char text[96];
    for (int i = 0; i < count; i++) nx_suggest_offer(&suggestion, known[i].name, known[i].length);
    return nx_fail(err, NEXPR_NAME, arg->span, "'%s' has no parameter '%s'%s; it takes (%s)", node->name, arg->keyword,
                   nx_suggest_text(&suggestion, text), params);
}

static int find_param(const param *params, int count, const char *keyword) {
    for (int i = 0; i < count; i++) {
        if (strlen(keyword) == params[i].length && !memcmp(keyword, params[i].name, params[i].length)) return i;
    }
    return -1;
}

/* The arguments of a call by parameter, as indices in the AST's args; ABSENT if it takes its preset. */
#define ABSENT UINT32_MAX
typedef struct binding {
    param params[MAX_PARAMS];
    uint32_t arg[MAX_PARAMS];
    int count;
} binding;

/* Binds the call's arguments to the parameters of `text`. What stands in place of further ones goes to the last parameter's
 * list, if the call has one (`is_open`): ret->arg is then the first of these. */
static nexpr_status bind_args(const nx_ast *ast, const nx_ast_node *node, const char *text, bool is_open, binding *ret,
                              nexpr_error *err) {
    ret->count = split_params(text, ret->params);
    int required = 0;
    for (int i = 0; i < ret->count; i++) {
        required += !ret->params[i].preset;
        ret->arg[i] = ABSENT;
    }
    if (node->arg_count > (uint32_t)ret->count && !is_open) return fail_count(node, text, required, ret->count, err);
    for (uint32_t i = 0; i < node->arg_count; i++) {
        const nx_ast_arg *arg = &ast->args[node->first_arg + i];
        int place = arg->keyword ? find_param(ret->params, ret->count, arg->keyword) : (int)i;
        if (place < 0) return fail_keyword(node, arg, text, ret->params, ret->count, err);
        if (!arg->keyword && place >= ret->count) continue;
        if (ret->arg[place] != ABSENT) {
            return nx_fail(err, NEXPR_TYPE, arg->span, "parameter '%.*s' of '%s' is given twice",
                           (int)ret->params[place].length, ret->params[place].name, node->name);
        }
        ret->arg[place] = node->first_arg + i;
    }
    for (int i = 0; i < ret->count; i++) {
        if (ret->arg[i] == ABSENT && !ret->params[i].preset) return fail_count(node, text, required, ret->count, err);
    }
    return NEXPR_OK;
}

/* The argument as a number or array. */
static nexpr_status read_operand(const nx_ast *ast, const nx_ast_node *call, uint32_t arg, const nx_operand *values,
                                 nx_operand *ret, nexpr_error *err) {
    const nx_ast_ref ref = ast->args[arg].node;
    const nx_ast_node *node = &ast->nodes[ref];
    const char *what = node->kind == NX_AST_STRING ? "text" : node->kind == NX_AST_TUPLE ? "tuple" : "None";
    if (node->kind == NX_AST_STRING || node->kind == NX_AST_TUPLE || node->kind == NX_AST_NONE) {
        return nx_fail(err, NEXPR_TYPE, node->span, "'%s' takes no %s here", call->name, what);
    }
    *ret = values[ref];
    ret->span = node->span;
    return NEXPR_OK;
}

static nexpr_status read_operands(nx_builder *b, const nx_ast *ast, const nx_ast_node *node, const binding *bound,
                                  const nx_operand *values, nx_operand ret[MAX_PARAMS], nexpr_error *err) {
    for (int i = 0; i < bound->count; i++) {
        if (bound->arg[i] != ABSENT) NX_TRY(read_operand(ast, node, bound->arg[i], values, &ret[i], err));
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

static nexpr_status apply_view(nx_builder *b, const nx_callee *callee, const nx_ast *ast, const nx_ast_node *node,
                               const binding *bound, const nx_operand *values, nx_operand *ret, nexpr_error *err) {
    nx_operand x;
    uint32_t count = 0, open = takes_numbers(callee, node) && node->arg_count > 2 ? node->arg_count : 0;
    nx_ast_ref *args = nx_arena_alloc(b->ir->arena, (size_t)open + MAX_PARAMS, sizeof *args);
    if (!args) return nx_fail_memory(err);
    NX_TRY(read_operand(ast, node, bound->arg[0], values, &x, err));
    for (int i = 1; i < bound->count && !open; i++) {
        if (bound->arg[i] != ABSENT) args[count++] = ast->args[bound->arg[i]].node;
    }
    for (uint32_t i = 1; i < open; i++) args[count++] = ast->args[node->first_arg + i].node;
    return nx_apply_view(b, callee->view, (nx_values){ast, values}, &x, args, count, node->span, ret, err);
}

/* The methods that NumPy's arrays have: all views, and these. */
static nexpr_status check_method(const nx_callee *callee, const nx_ast_node *node, nexpr_error *err) {
    static const char *const others[] = {"round", "clip", "conj", "conjugate"};
    if (!node->is_method || callee->kind == NX_CALLEE_VIEW) return NEXPR_OK;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (!strcmp(node->name, others[i])) return NEXPR_OK;
    }
    return nx_fail(err, NEXPR_NAME, node->word, "'%s' is a function and no method: write %s(x)", node->name, node->name);
}

nexpr_status nx_apply_call(nx_builder *b, const nx_ast *ast, const nx_ast_node *node, const nx_operand *values,
                           nx_operand *ret, nexpr_error *err) {
    nx_callee callee;
    binding bound;
    nx_operand args[MAX_PARAMS];
    if (!nx_find_callee(node->name, strlen(node->name), &callee)) return fail_unknown(b, node, err);
    NX_TRY(check_method(&callee, node, err));
    const char *params = callee.kind == NX_CALLEE_OP ? nx_op_rows[callee.op].params
                       : callee.kind == NX_CALLEE_FUN ? nx_fun_rows[callee.fun].params
                       : callee.kind == NX_CALLEE_VIEW ? nx_view_rows[callee.view].params : "x";
    NX_TRY(bind_args(ast, node, params, takes_numbers(&callee, node), &bound, err));
    if (callee.kind == NX_CALLEE_VIEW) return apply_view(b, &callee, ast, node, &bound, values, ret, err);
    NX_TRY(read_operands(b, ast, node, &bound, values, args, err));
    switch (callee.kind) {
    case NX_CALLEE_OP: return nx_apply(b, callee.op, args, node->span, node->word, ret, err);
    case NX_CALLEE_FUN: return nx_expand(b, callee.fun, args, node->span, node->word, ret, err);
    default: return nx_apply_cast(b, &args[0], callee.dtype, node->span, ret, err);
    }
}
