/* SPDX-License-Identifier: MIT */
/*
 * A function's parameters are told by the params column of ops.def: "x, y" or "x, decimals=0". Arguments are bound to them
 * as in Python, by place and then by keyword.
 */
#include "engine/call.h"

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

/* Binds the call's arguments to the parameters of `text`. */
static nexpr_status bind_args(nx_builder *b, const nx_ast *ast, const nx_ast_node *node, const char *text,
                              const nx_operand *values, nx_operand ret[MAX_PARAMS], nexpr_error *err) {
    param params[MAX_PARAMS];
    bool given[MAX_PARAMS] = {false};
    int count = split_params(text, params), required = 0;
    for (int i = 0; i < count; i++) required += !params[i].preset;
    if (node->arg_count > (uint32_t)count) return fail_count(node, text, required, count, err);
    for (uint32_t i = 0; i < node->arg_count; i++) {
        const nx_ast_arg *arg = &ast->args[node->first_arg + i];
        int place = arg->keyword ? find_param(params, count, arg->keyword) : (int)i;
        if (place < 0) return fail_keyword(node, arg, text, params, count, err);
        if (given[place]) {
            return nx_fail(err, NEXPR_TYPE, arg->span, "parameter '%.*s' of '%s' is given twice", (int)params[place].length,
                           params[place].name, node->name);
        }
        if (ast->nodes[arg->node].kind == NX_AST_STRING) {
            return nx_fail(err, NEXPR_TYPE, ast->nodes[arg->node].span, "'%s' takes no text here", node->name);
        }
        given[place] = true;
        ret[place] = values[arg->node];
        ret[place].span = ast->nodes[arg->node].span;
    }
    for (int i = 0; i < count; i++) {
        if (given[i]) continue;
        if (!params[i].preset) return fail_count(node, text, required, count, err);
        NX_TRY(preset_literal(b, params[i].preset, node->span, &ret[i], err));
    }
    return NEXPR_OK;
}

nexpr_status nx_apply_call(nx_builder *b, const nx_ast *ast, const nx_ast_node *node, const nx_operand *values,
                           nx_operand *ret, nexpr_error *err) {
    nx_callee callee;
    nx_operand args[MAX_PARAMS];
    if (!nx_find_callee(node->name, strlen(node->name), &callee)) return fail_unknown(b, node, err);
    const char *params = callee.kind == NX_CALLEE_OP ? nx_op_rows[callee.op].params
                       : callee.kind == NX_CALLEE_FUN ? nx_fun_rows[callee.fun].params : "x";
    NX_TRY(bind_args(b, ast, node, params, values, args, err));
    switch (callee.kind) {
    case NX_CALLEE_OP: return nx_apply(b, callee.op, args, node->span, node->word, ret, err);
    case NX_CALLEE_FUN: return nx_expand(b, callee.fun, args, node->span, node->word, ret, err);
    default: return nx_apply_cast(b, &args[0], callee.dtype, node->span, ret, err);
    }
}
