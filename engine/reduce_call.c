/* SPDX-License-Identifier: MIT */
/*
 * A mask never changes what is reduced, only what the masked elements are: something that leaves the result as it is. So the
 * tree over the elements is the same with and without one.
 */
#include "engine/reduce_call.h"

#include <string.h>

static nexpr_status read_where(const nx_array_call *c, nx_reduce_call *ret) {
    nx_operand mask;
    nx_ref node, like;
    if (nx_find_param(c->bound, "where") < 0 || !nx_is_given(c, "where")) return NEXPR_OK;
    NX_TRY(nx_arg_operand(c, "where", &mask));
    if (nx_operand_dtype(c->x.b, &mask) != NEXPR_BOOL) {
        return nx_fail(c->x.err, NEXPR_TYPE, mask.span, "'where' has to be bool, not %s; write a comparison such as x != 0",
                       nexpr_dtype_name(nx_operand_dtype(c->x.b, &mask)));
    }
    if (mask.literal && mask.literal->integer.count) return NEXPR_OK;
    NX_TRY(nx_operand_to_node(c->x.b, &mask, &node, c->x.err));
    NX_TRY(nx_build_like(c->x.b, node, ret->a.node, mask.span, &like, c->x.err));
    ret->where = nx_operand_node(like, mask.span);
    ret->has_where = true;
    return NEXPR_OK;
}

nexpr_status nx_read_reduction(const nx_array_call *c, const char *name, uint32_t most, nx_reduce_call *ret) {
    bool keeps = false;
    *ret = (nx_reduce_call){.c = c};
    NX_TRY(nx_arg_array(c, name, &ret->a));
    NX_TRY(nx_arg_integers(c, "axis", most, &ret->axes));
    NX_TRY(nx_arg_switch(c, "keepdims", &keeps));
    ret->axes.kind = keeps ? NX_VIEW_REDUCED_KEPT : NX_VIEW_REDUCED;
    ret->axes.function = nx_arena_text(c->x.b->ir->arena, c->node->name, strlen(c->node->name));
    if (!ret->axes.function) return nx_fail_memory(c->x.err);
    ret->dtype = nx_operand_dtype(c->x.b, &ret->a);
    ret->has_dtype = nx_is_given(c, "dtype");
    NX_TRY(nx_arg_dtype(c, &ret->dtype));
    ret->has_initial = nx_is_given(c, "initial");
    if (ret->has_initial) NX_TRY(nx_arg_scalar(c, "initial", &ret->initial));
    return read_where(c, ret);
}

nexpr_status nx_see_through_mask(nx_reduce_call *r) {
    const nx_builder *b = r->c->x.b;
    const nx_node *node = &b->ir->nodes[r->a.node];
    if (node->kind != NX_NODE_COMPRESS || r->has_where || r->axes.has_numbers || r->axes.kind != NX_VIEW_REDUCED) {
        return NEXPR_OK;
    }
    const nx_ref mask = node->arg[1], array = node->arg[0];
    const nx_span span = r->a.span;
    nx_ref same;
    NX_TRY(nx_build_mask_of(r->c->x.b, mask, array, node->span, &same, r->c->x.err));
    r->a = nx_operand_node(array, span);
    r->where = nx_operand_node(same, span);
    r->has_where = true;
    return NEXPR_OK;
}

nexpr_dtype nx_accumulator(nexpr_dtype dtype) {
    switch (nx_dtype_class(dtype)) {
    case NX_CLASS_COMPLEX: return NEXPR_COMPLEX128;
    case NX_CLASS_REAL: return NEXPR_FLOAT64;
    case NX_CLASS_INT: return nx_dtype_is_signed(dtype) ? NEXPR_INT64 : NEXPR_UINT64;
    default: return NEXPR_INT64;
    }
}

nexpr_dtype nx_sum_dtype(nexpr_dtype dtype) {
    return nx_dtype_class(dtype) <= NX_CLASS_INT ? nx_accumulator(dtype) : dtype;
}

nexpr_dtype nx_ordered_dtype(nexpr_dtype dtype) {
    return dtype == NEXPR_BOOL ? NEXPR_UINT8 : dtype == NEXPR_FLOAT16 ? NEXPR_FLOAT32 : dtype;
}

/* -------------------------------------------------------------------------------------------------------- steps -- */

nexpr_status nx_reduce(const nx_reduce_call *r, nx_reducer reducer, nx_operand x, bool may_be_empty, nx_operand *ret) {
    const nx_compose *to = &r->c->x;
    nx_ref node;
    NX_TRY(nx_build_reduce(to->b, reducer, x.node, &r->axes, may_be_empty, to->span, &node, to->err));
    *ret = nx_operand_node(node, to->span);
    return NEXPR_OK;
}

nexpr_status nx_masked(const nx_reduce_call *r, nx_operand x, nx_operand other, nx_operand *ret) {
    *ret = x;
    return r->has_where ? nx_compose_where(&r->c->x, r->where, x, other, ret) : NEXPR_OK;
}

nexpr_status nx_avoid_negative_zero(const nx_compose *x, nx_operand *sum) {
    nx_operand zero;
    if (nx_compose_class(x, *sum) <= NX_CLASS_INT) return NEXPR_OK;
    NX_TRY(nx_compose_number(x, 0, false, &zero));
    return nx_compose2(x, NX_OP_add, *sum, zero, sum);
}

nexpr_status nx_reduce_sum(const nx_reduce_call *r, nx_operand x, nx_operand *ret) {
    nx_operand zero;
    NX_TRY(nx_compose_number(&r->c->x, 0, true, &zero));
    NX_TRY(nx_masked(r, x, zero, &x));
    return nx_reduce(r, NX_REDUCER_sum, x, false, ret);
}

nexpr_status nx_reduce_count(const nx_reduce_call *r, nx_operand *ret) {
    const nx_compose *x = &r->c->x;
    if (r->has_where) {
        NX_TRY(nx_compose_cast(x, r->where, NEXPR_INT64, ret));
        NX_TRY(nx_reduce(r, NX_REDUCER_sum, *ret, false, ret));
    } else {
        nx_view axes = r->axes;
        nx_ref node;
        axes.kind = NX_VIEW_REDUCED;
        NX_TRY(nx_build_extent(x->b, r->a.node, &axes, x->span, &node, x->err));
        *ret = nx_operand_node(node, x->span);
    }
    return nx_compose_cast(x, *ret, NEXPR_FLOAT64, ret);
}

/* A sum of bool, as NumPy has it if dtype=bool asks for it, is `any`, a product `all`. */
static nexpr_status accumulate_bool(const nx_reduce_call *r, nx_reducer reducer, nx_operand x, nx_operand *ret) {
    const bool is_sum = reducer == NX_REDUCER_sum;
    nx_operand start;
    NX_TRY(nx_compose_number(&r->c->x, !is_sum, true, &start));
    NX_TRY(nx_compose_cast(&r->c->x, start, NEXPR_BOOL, &start));
    NX_TRY(nx_masked(r, x, start, &x));
    NX_TRY(nx_reduce(r, is_sum ? NX_REDUCER_any : NX_REDUCER_all, x, false, ret));
    if (!r->has_initial) return NEXPR_OK;
    return nx_compose2(&r->c->x, is_sum ? NX_OP_logical_or : NX_OP_logical_and, r->initial, *ret, ret);
}

nexpr_status nx_accumulate(const nx_reduce_call *r, nx_reducer reducer, nx_operand *ret) {
    const nx_compose *to = &r->c->x;
    const nexpr_dtype dtype = r->has_dtype ? r->dtype : nx_sum_dtype(r->dtype), wide = nx_accumulator(dtype);
    const bool is_sum = reducer == NX_REDUCER_sum;
    nx_operand x, start, initial;
    NX_TRY(nx_compose_cast(to, r->a, dtype, &x));
    if (dtype == NEXPR_BOOL) return accumulate_bool(r, reducer, x, ret);
    NX_TRY(nx_compose_cast(to, x, wide, &x));
    NX_TRY(nx_compose_number(to, !is_sum, true, &start));
    NX_TRY(nx_masked(r, x, start, &x));
    NX_TRY(nx_reduce(r, reducer, x, false, ret));
    if (r->has_initial) {
        NX_TRY(nx_compose_cast(to, r->initial, dtype, &initial));
        NX_TRY(nx_compose_cast(to, initial, wide, &initial));
        NX_TRY(nx_compose2(to, is_sum ? NX_OP_add : NX_OP_multiply, initial, *ret, ret));
    } else if (is_sum) {
        NX_TRY(nx_avoid_negative_zero(to, ret));
    }
    return nx_compose_cast(to, *ret, dtype, ret);
}

nexpr_status nx_squared(const nx_compose *x, nx_operand z, nx_operand *ret) {
    nx_operand re, im;
    if (nx_compose_class(x, z) != NX_CLASS_COMPLEX) {
        NX_TRY(nx_compose_cast(x, z, NEXPR_FLOAT64, ret));
        return nx_compose1(x, NX_OP_square, *ret, ret);
    }
    NX_TRY(nx_compose_cast(x, z, NEXPR_COMPLEX128, &z));
    NX_TRY(nx_compose1(x, NX_OP_real, z, &re));
    NX_TRY(nx_compose1(x, NX_OP_imag, z, &im));
    NX_TRY(nx_compose1(x, NX_OP_square, re, &re));
    NX_TRY(nx_compose1(x, NX_OP_square, im, &im));
    return nx_compose2(x, NX_OP_add, re, im, ret);
}

nexpr_status nx_without_nan(const nx_compose *x, nx_operand a, double value, nx_operand *ret) {
    nx_operand nan, other;
    *ret = a;
    if (nx_compose_class(x, a) <= NX_CLASS_INT) return NEXPR_OK;
    NX_TRY(nx_compose1(x, NX_OP_isnan, a, &nan));
    NX_TRY(nx_compose_number(x, value, true, &other));
    return nx_compose_where(x, nan, other, a, ret);
}
