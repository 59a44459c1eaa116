/* SPDX-License-Identifier: MIT */
/* Views as they are written: indexes, .T, and functions such as reshape. */
#ifndef NX_ENGINE_VIEW_CALL_H
#define NX_ENGINE_VIEW_CALL_H

#include "engine/apply.h"
#include "engine/ast.h"

/* What the functions below are given: nodes of the AST, and the operands that they are (of tuples, slices and None nothing). */
typedef struct nx_values {
    const nx_ast *ast;
    const nx_operand *at; /* by AST node */
} nx_values;

/* The index node x[...]. */
nexpr_status nx_apply_index(nx_builder *b, nx_values values, const nx_ast_node *node, nx_operand *ret, nexpr_error *err);
/* x.T */
nexpr_status nx_apply_transposed(nx_builder *b, const nx_operand *x, nx_span span, nx_operand *ret, nexpr_error *err);
/* The function `kind` of x; its numbers are those of args[0..count), nodes of the AST, one after the other: integers, tuples
 * of integers, or None alone. */
nexpr_status nx_apply_view(nx_builder *b, nx_view_kind kind, nx_values values, const nx_operand *x, const nx_ast_ref *args,
                           uint32_t count, nx_span span, nx_operand *ret, nexpr_error *err);

#endif
