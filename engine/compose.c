/* SPDX-License-Identifier: MIT */
#include "engine/compose.h"

nexpr_status nx_compose2(const nx_compose *x, nx_op op, nx_operand first, nx_operand second, nx_operand *ret) {
    return nx_apply(x->b, op, (nx_operand[]){first, second, second}, x->span, x->word, ret, x->err);
}

nexpr_status nx_compose1(const nx_compose *x, nx_op op, nx_operand arg, nx_operand *ret) {
    return nx_compose2(x, op, arg, arg, ret);
}

nexpr_status nx_compose_where(const nx_compose *x, nx_operand condition, nx_operand yes, nx_operand no, nx_operand *ret) {
    return nx_apply(x->b, NX_OP_where, (nx_operand[]){condition, yes, no}, x->span, x->word, ret, x->err);
}

nexpr_status nx_compose_cast(const nx_compose *x, nx_operand arg, nexpr_dtype dtype, nx_operand *ret) {
    return nx_apply_cast(x->b, &arg, dtype, x->span, ret, x->err);
}

nexpr_status nx_compose_number(const nx_compose *x, double value, bool is_int, nx_operand *ret) {
    nx_literal *literal = nx_arena_alloc(x->b->ir->arena, 1, sizeof *literal);
    if (!literal) return nx_fail_memory(x->err);
    if (is_int) *literal = (nx_literal){.kind = NX_LITERAL_INT, .integer = nx_bigint_from_i64((int64_t)value)};
    else *literal = (nx_literal){.kind = NX_LITERAL_FLOAT, .re = value};
    *ret = (nx_operand){.literal = literal, .span = x->span};
    return NEXPR_OK;
}

nexpr_status nx_compose_strong(const nx_compose *x, nx_operand arg, nx_operand *ret) {
    nx_ref node;
    NX_TRY(nx_operand_to_node(x->b, &arg, &node, x->err));
    *ret = nx_operand_node(node, arg.span);
    return NEXPR_OK;
}

nx_class nx_compose_class(const nx_compose *x, nx_operand arg) {
    return nx_dtype_class(nx_operand_dtype(x->b, &arg));
}
