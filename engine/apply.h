/* SPDX-License-Identifier: MIT */
/* Typing one operation: which loop serves these operands, what they are cast to, and the nodes that follow. */
#ifndef NX_ENGINE_APPLY_H
#define NX_ENGINE_APPLY_H

#include "engine/build.h"

/* A value during inference: a node, or a literal that has no dtype yet (literal not NULL). */
typedef struct nx_operand {
    const nx_literal *literal;
    nx_ref node;
    bool is_weak; /* a node that counts as a literal of its dtype's kind: a number that is known with the shapes */
    nx_span span; /* its place in the text */
} nx_operand;

static inline nx_operand nx_operand_node(nx_ref node, nx_span span) {
    return (nx_operand){.node = node, .span = span};
}

/* The strong dtype of an operand: its node's, or that of the literal alone. */
nexpr_dtype nx_operand_dtype(const nx_builder *b, const nx_operand *x);
/* What operands promote to as those of an operation: literals and weak nodes take the dtype of the others. */
nexpr_dtype nx_promote_operands(const nx_builder *b, const nx_operand *args, int count);
/* The operand as a node; a literal gets its strong dtype. */
nexpr_status nx_operand_to_node(nx_builder *b, const nx_operand *x, nx_ref *ret, nexpr_error *err);
/* dtype(x), as a function call: complex to real is an error that names real(). */
nexpr_status nx_apply_cast(nx_builder *b, const nx_operand *x, nexpr_dtype dtype, nx_span span, nx_operand *ret,
                           nexpr_error *err);
/* op(args), as a function call: literals alone give a strong value. span is the whole, word the operator or name. */
nexpr_status nx_apply(nx_builder *b, nx_op op, const nx_operand *args, nx_span span, nx_span word, nx_operand *ret,
                      nexpr_error *err);

/* engine/expand.c: fun(args), all parameters given. */
nexpr_status nx_expand(nx_builder *b, nx_fun fun, const nx_operand *args, nx_span span, nx_span word, nx_operand *ret,
                       nexpr_error *err);

#endif
