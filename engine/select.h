/* SPDX-License-Identifier: MIT */
/* Elements chosen by an array of indices, where they are written as an index. */
#ifndef NX_ENGINE_SELECT_H
#define NX_ENGINE_SELECT_H

#include "engine/bind.h"

/* The place among the arguments of an index node x[...] of the one that is an array of integers; 0 if there is none. Errors:
 * TYPE, if others cannot stand beside it. */
nexpr_status nx_find_index_array(const nx_builder *b, nx_values values, const nx_ast_node *node, uint32_t *ret,
                                 nexpr_error *err);
/* Elements of x along the axis that item `place` of the index stands for. */
nexpr_status nx_take_by_item(nx_builder *b, nx_values values, const nx_ast_node *node, uint32_t place, nx_operand x,
                             nx_operand *ret, nexpr_error *err);

#endif
