/* SPDX-License-Identifier: MIT */
/*
 * The ARRAY rows of ops.def: calls whose arguments are arrays, and axes, dtypes, shapes and switches beside them. Arguments
 * are read by the name of their parameter; an argument that is None is as good as none.
 */
#ifndef NX_ENGINE_ARRAY_CALL_H
#define NX_ENGINE_ARRAY_CALL_H

#include "engine/bind.h"
#include "engine/compose.h"

typedef struct nx_array_call {
    nx_compose x; /* the call as what is being written */
    nx_values values;
    const nx_ast_node *node;
    const nx_binding *bound;
} nx_array_call;

/* Writes a call as nodes. */
nexpr_status nx_expand_array(nx_builder *b, nx_array_fun fun, nx_values values, const nx_ast_node *node,
                             const nx_binding *bound, nx_operand *ret, nexpr_error *err);

/* By row, in reductions.c, moments.c, running.c and generate.c. */
#define ARRAY(id, ...) nexpr_status nx_expand_##id(const nx_array_call *c, nx_operand *ret);
#include "engine/ops.def"

bool nx_is_given(const nx_array_call *c, const char *param);
/* The place of an argument that is given. */
nx_span nx_arg_span(const nx_array_call *c, const char *param);
/* A number or array; nx_arg_array gives it a dtype, nx_arg_scalar sees to it that it is one element. */
nexpr_status nx_arg_operand(const nx_array_call *c, const char *param, nx_operand *ret);
nexpr_status nx_arg_array(const nx_array_call *c, const char *param, nx_operand *ret);
nexpr_status nx_arg_scalar(const nx_array_call *c, const char *param, nx_operand *ret);
/* Untouched if it is not given. */
nexpr_status nx_arg_switch(const nx_array_call *c, const char *param, bool *ret);
nexpr_status nx_arg_dtype(const nx_array_call *c, nexpr_dtype *ret);
nexpr_status nx_arg_integer(const nx_array_call *c, const char *param, int64_t *ret);
/* An integer or a tuple of up to `most` as the numbers of a view; none if it is not given. Those of a shape may be lengths. */
nexpr_status nx_arg_integers(const nx_array_call *c, const char *param, uint32_t most, nx_view *ret);

/* A view with one number; a weak operand's. */
nexpr_status nx_view_of_operand(const nx_array_call *c, nx_view_kind kind, nx_operand number, nx_view *ret);
nexpr_status nx_view_of_number(const nx_array_call *c, nx_view_kind kind, int64_t number, nx_span span, nx_view *ret);
nexpr_status nx_view_operand(const nx_array_call *c, nx_operand x, const nx_view *view, nx_operand *ret);

#endif
