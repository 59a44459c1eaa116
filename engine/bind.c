/* SPDX-License-Identifier: MIT */
#include "engine/bind.h"

#include <string.h>

/* Splits "x, decimals=0". */
static void split_params(const char *params, nx_binding *ret) {
    *ret = (nx_binding){.by_place = -1};
    for (const char *p = params; *p;) {
        size_t length = strcspn(p, "=,");
        nx_param param = {.name = p, .length = length};
        p += length;
        if (*p == '=') param.preset = ++p;
        p += strcspn(p, ",");
        p += strspn(p, ", ");
        if (*param.name == '*') ret->by_place = ret->count;
        else ret->params[ret->count++] = param;
    }
    if (ret->by_place < 0) ret->by_place = ret->count;
}

int nx_find_param(const nx_binding *bound, const char *name) {
    for (int i = 0; i < bound->count; i++) {
        const nx_param *param = &bound->params[i];
        if (strlen(name) == param->length && !memcmp(name, param->name, param->length)) return i;
    }
    return -1;
}

bool nx_is_arg_of(const nx_ast *ast, const nx_ast_node *call, uint32_t i, const char *text, const char *name) {
    const nx_ast_arg *arg = &ast->args[call->first_arg + i];
    nx_binding bound;
    split_params(text, &bound);
    const int param = nx_find_param(&bound, name);
    return param >= 0 && (arg->keyword ? nx_find_param(&bound, arg->keyword) == param : i == (uint32_t)param);
}

/* ------------------------------------------------------------------------------------------------------- errors -- */

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

static nexpr_status fail_keyword(const nx_ast_node *node, const nx_ast_arg *arg, const char *params, const nx_binding *bound,
                                 nexpr_error *err) {
    nx_suggestion suggestion = nx_suggest(arg->keyword, strlen(arg->keyword));
    char text[96];
    for (int i = 0; i < bound->count; i++) nx_suggest_offer(&suggestion, bound->params[i].name, bound->params[i].length);
    return nx_fail(err, NEXPR_NAME, arg->span, "'%s' has no parameter '%s'%s; it takes (%s)", node->name, arg->keyword,
                   nx_suggest_text(&suggestion, text), params);
}

/* ------------------------------------------------------------------------------------------------------ binding -- */

static nexpr_status bind_arg(const nx_ast *ast, const nx_ast_node *node, uint32_t i, const char *text, nx_binding *ret,
                             nexpr_error *err) {
    const nx_ast_arg *arg = &ast->args[node->first_arg + i];
    int place = arg->keyword ? nx_find_param(ret, arg->keyword) : (int)i;
    if (place < 0) return fail_keyword(node, arg, text, ret, err);
    if (!arg->keyword && place >= ret->count) return NEXPR_OK;
    if (!arg->keyword && place >= ret->by_place) {
        return nx_fail(err, NEXPR_TYPE, arg->span, "'%s' takes this only with a keyword: (%s)", node->name, text);
    }
    if (ret->arg[place] != NX_ABSENT) {
        return nx_fail(err, NEXPR_TYPE, arg->span, "parameter '%.*s' of '%s' is given twice",
                       (int)ret->params[place].length, ret->params[place].name, node->name);
    }
    ret->arg[place] = node->first_arg + i;
    return NEXPR_OK;
}

nexpr_status nx_bind(const nx_ast *ast, const nx_ast_node *node, const char *text, bool is_open, nx_binding *ret,
                     nexpr_error *err) {
    int required = 0;
    split_params(text, ret);
    for (int i = 0; i < ret->count; i++) {
        required += !ret->params[i].preset;
        ret->arg[i] = NX_ABSENT;
    }
    if (node->arg_count > (uint32_t)ret->count && !is_open) return fail_count(node, text, required, ret->count, err);
    for (uint32_t i = 0; i < node->arg_count; i++) NX_TRY(bind_arg(ast, node, i, text, ret, err));
    for (int i = 0; i < ret->count; i++) {
        if (ret->arg[i] == NX_ABSENT && !ret->params[i].preset) return fail_count(node, text, required, ret->count, err);
    }
    return NEXPR_OK;
}

nexpr_status nx_bound_operand(nx_values values, const nx_ast_node *call, uint32_t arg, nx_operand *ret, nexpr_error *err) {
    const nx_ast_ref ref = values.ast->args[arg].node;
    const nx_ast_node *node = &values.ast->nodes[ref];
    const char *what = node->kind == NX_AST_STRING ? "text" : node->kind == NX_AST_TUPLE ? "tuple" : "None";
    if (node->kind == NX_AST_STRING || node->kind == NX_AST_TUPLE || node->kind == NX_AST_NONE) {
        return nx_fail(err, NEXPR_TYPE, node->span, "'%s' takes no %s here", call->name, what);
    }
    *ret = values.at[ref];
    ret->span = node->span;
    return NEXPR_OK;
}
