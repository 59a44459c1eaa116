/* SPDX-License-Identifier: MIT */
/* Views as they are written: indexes, .T, and functions such as reshape. */
#ifndef NX_ENGINE_VIEW_CALL_H
#define NX_ENGINE_VIEW_CALL_H

#include "engine/bind.h"

/* The index node x[...]. */
nexpr_status nx_apply_index(nx_builder *b, nx_values values, const nx_ast_node *node, nx_operand *ret, nexpr_error *err);
/* x.T */
nexpr_status nx_apply_transposed(nx_builder *b, const nx_operand *x, nx_span span, nx_operand *ret, nexpr_error *err);
/* a.shape[k], a.size, a.ndim: weak integers that are known with the shapes. nx_is_length: whether a node of any kind is the
 * first of these, whose a.shape is no operand. */
bool nx_is_length(const nx_ast *ast, const nx_ast_node *node);
nexpr_status nx_apply_length(nx_builder *b, nx_values values, const nx_ast_node *node, nx_operand *ret, nexpr_error *err);
nexpr_status nx_apply_size(nx_builder *b, nx_values values, const nx_ast_node *node, nx_operand *ret, nexpr_error *err);
nexpr_status nx_apply_ndim(nx_builder *b, nx_values values, const nx_ast_node *node, nx_operand *ret, nexpr_error *err);
/* The function `kind` of x; its numbers are those of args[0..count), nodes of the AST, one after the other: integers, tuples
 * of integers, or None alone. */
nexpr_status nx_apply_view(nx_builder *b, nx_view_kind kind, nx_values values, const nx_operand *x, const nx_ast_ref *args,
                           uint32_t count, nx_span span, nx_operand *ret, nexpr_error *err);

#endif
