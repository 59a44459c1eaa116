/* SPDX-License-Identifier: MIT */
/* Calls by name: which argument goes to which parameter, and what is said when it does not fit. */
#ifndef NX_ENGINE_CALL_H
#define NX_ENGINE_CALL_H

#include "engine/bind.h"

/* The call `node`. */
nexpr_status nx_apply_call(nx_builder *b, nx_values values, const nx_ast_node *node, nx_operand *ret, nexpr_error *err);
/* Whether argument i of a call is a dtype: a word, not an operand. */
bool nx_is_dtype_arg(const nx_ast *ast, const nx_ast_node *call, uint32_t i);

#endif
