/* SPDX-License-Identifier: MIT */
/* Calls by name: which argument goes to which parameter, and what is said when it does not fit. */
#ifndef NX_ENGINE_CALL_H
#define NX_ENGINE_CALL_H

#include "engine/apply.h"
#include "engine/ast.h"

/* The call `node`, its arguments' values being values[...] by AST node. */
nexpr_status nx_apply_call(nx_builder *b, const nx_ast *ast, const nx_ast_node *node, const nx_operand *values,
                           nx_operand *ret, nexpr_error *err);

#endif
