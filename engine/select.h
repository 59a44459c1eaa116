/* SPDX-License-Identifier: MIT */
/* Elements chosen by an array of indices, where they are written as an index. */
#ifndef NX_ENGINE_SELECT_H
#define NX_ENGINE_SELECT_H

#include "engine/bind.h"

/* The place among the arguments of an index node x[...] of the one that is an array of integers; 0 if there is none. Errors:
 * TYPE, if others cannot stand beside it. */
nexpr_status nx_find_index_array(const nx_builder *b, nx_values values, const nx_ast_node *node, uint32_t *ret,
                                 nexpr_error *err);
/* Whether the index node x[...] has a mask: a bool array. Errors: TYPE, if it does not stand alone. */
nexpr_status nx_find_mask(const nx_builder *b, nx_values values, const nx_ast_node *node, bool *ret, nexpr_error *err);
/* The elements of x where the mask, its one index, is true. */
nexpr_status nx_take_by_mask(nx_builder *b, nx_values values, const nx_ast_node *node, nx_operand *ret, nexpr_error *err);
/* Elements of x along the axis that item `place` of the index stands for. */
nexpr_status nx_take_by_item(nx_builder *b, nx_values values, const nx_ast_node *node, uint32_t place, nx_operand x,
                             nx_operand *ret, nexpr_error *err);

#endif
