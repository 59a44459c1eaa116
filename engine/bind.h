/* SPDX-License-Identifier: MIT */
/*
 * Parameters of a function, as the params column of ops.def tells them: "x, y", "x, decimals=0", or "a, axis=None, *,
 * where=True", where what follows the * takes only keywords. Arguments are bound to them as in Python, by place and then
 * by keyword.
 */
#ifndef NX_ENGINE_BIND_H
#define NX_ENGINE_BIND_H

#include "engine/apply.h"
#include "engine/ast.h"

enum { NX_MAX_PARAMS = 10 };

typedef struct nx_param {
    const char *name, *preset; /* in the row; preset NULL: required */
    size_t length;
} nx_param;

/* The arguments of a call by parameter, as indices in the AST's args; NX_ABSENT if it takes its preset. */
#define NX_ABSENT UINT32_MAX
typedef struct nx_binding {
    nx_param params[NX_MAX_PARAMS];
    uint32_t arg[NX_MAX_PARAMS];
    int count, by_place; /* parameters; those that need no keyword */
} nx_binding;

/* Nodes of the AST, and the operands that they are; of tuples, slices, None and words such as a dtype nothing. */
typedef struct nx_values {
    const nx_ast *ast;
    const nx_operand *at; /* by AST node */
} nx_values;

/* Whether the node is syntax, a word or text, and no operand. */
static inline bool nx_is_word(const nx_ast_node *node) {
    return node->kind == NX_AST_STRING || node->kind >= NX_AST_SLICE;
}
/* Binds the arguments of the call `node` to the parameters of `text`. What stands in place of further ones goes to the last
 * parameter's list, if the call has one (`is_open`): ret->arg is then the first of these. */
nexpr_status nx_bind(const nx_ast *ast, const nx_ast_node *node, const char *text, bool is_open, nx_binding *ret,
                     nexpr_error *err);
/* The parameter that a name means; -1: none. */
int nx_find_param(const nx_binding *bound, const char *name);
/* The argument, an index in the AST's args, as a number or array. */
nexpr_status nx_bound_operand(nx_values values, const nx_ast_node *call, uint32_t arg, nx_operand *ret, nexpr_error *err);
/* Whether argument i of a call of a function with parameters `text` goes to the parameter `name`. */
bool nx_is_arg_of(const nx_ast *ast, const nx_ast_node *call, uint32_t i, const char *text, const char *name);

#endif
