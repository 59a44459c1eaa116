/* SPDX-License-Identifier: MIT */
/*
 * Reductions that are one reducer, with the dtypes, the empty arrays and the masks that NumPy gives them, and a few made of
 * these.
 */
#include "engine/reduce_call.h"

/* ------------------------------------------------------------------------------------------------- sum and prod -- */

static nexpr_status expand_accumulation(const nx_array_call *c, nx_reducer reducer, bool skips_nan, nx_operand *ret) {
    nx_reduce_call r;
    NX_TRY(nx_read_reduction(c, "a", NX_ALL_AXES, &r));
    if (reducer == NX_REDUCER_sum) NX_TRY(nx_see_through_mask(&r)); /* for products of infinities not even 1 is neutral */
    if (skips_nan) NX_TRY(nx_without_nan(&c->x, r.a, reducer == NX_REDUCER_prod, &r.a));
    return nx_accumulate(&r, reducer, ret);
}

nexpr_status nx_expand_sum(const nx_array_call *c, nx_operand *ret) {
    return expand_accumulation(c, NX_REDUCER_sum, false, ret);
}

nexpr_status nx_expand_prod(const nx_array_call *c, nx_operand *ret) {
    return expand_accumulation(c, NX_REDUCER_prod, false, ret);
}

nexpr_status nx_expand_nansum(const nx_array_call *c, nx_operand *ret) {
    return expand_accumulation(c, NX_REDUCER_sum, true, ret);
}

nexpr_status nx_expand_nanprod(const nx_array_call *c, nx_operand *ret) {
    return expand_accumulation(c, NX_REDUCER_prod, true, ret);
}

/* --------------------------------------------------------------------------------------------------- min and max -- */

/* The initial value, which is also what masked elements are: another one of it changes nothing. */
static nexpr_status reduce_extremum(const nx_reduce_call *r, nx_reducer reducer, nx_op op, nx_operand *ret) {
    const nx_compose *to = &r->c->x;
    const nexpr_dtype loop = nx_ordered_dtype(r->dtype);
    nx_operand x, initial = {0};
    if (r->has_where && !r->has_initial) {
        return nx_fail(to->err, NEXPR_VALUE, r->where.span,
                       "'where' of '%s' needs 'initial', the value where it is never true", r->c->node->name);
    }
    NX_TRY(nx_compose_cast(to, r->a, loop, &x));
    if (r->has_initial) {
        NX_TRY(nx_compose_cast(to, r->initial, r->dtype, &initial));
        NX_TRY(nx_compose_cast(to, initial, loop, &initial));
        NX_TRY(nx_masked(r, x, initial, &x));
    }
    NX_TRY(nx_reduce(r, reducer, x, r->has_initial, ret));
    if (r->has_initial) NX_TRY(nx_compose2(to, op, initial, *ret, ret));
    return nx_compose_cast(to, *ret, r->dtype, ret);
}

static nexpr_status expand_extremum(const nx_array_call *c, nx_reducer reducer, nx_op op, nx_operand *ret) {
    nx_reduce_call r;
    NX_TRY(nx_read_reduction(c, "a", NX_ALL_AXES, &r));
    return reduce_extremum(&r, reducer, op, ret);
}

nexpr_status nx_expand_min(const nx_array_call *c, nx_operand *ret) {
    return expand_extremum(c, NX_REDUCER_min, NX_OP_minimum, ret);
}

nexpr_status nx_expand_max(const nx_array_call *c, nx_operand *ret) {
    return expand_extremum(c, NX_REDUCER_max, NX_OP_maximum, ret);
}

nexpr_status nx_expand_nanmin(const nx_array_call *c, nx_operand *ret) {
    return expand_extremum(c, NX_REDUCER_fmin, NX_OP_fmin, ret);
}

nexpr_status nx_expand_nanmax(const nx_array_call *c, nx_operand *ret) {
    return expand_extremum(c, NX_REDUCER_fmax, NX_OP_fmax, ret);
}

nexpr_status nx_expand_ptp(const nx_array_call *c, nx_operand *ret) {
    nx_reduce_call r;
    nx_operand least, greatest;
    NX_TRY(nx_read_reduction(c, "a", NX_ALL_AXES, &r));
    NX_TRY(reduce_extremum(&r, NX_REDUCER_max, NX_OP_maximum, &greatest));
    NX_TRY(reduce_extremum(&r, NX_REDUCER_min, NX_OP_minimum, &least));
    return nx_compose2(&c->x, NX_OP_subtract, greatest, least, ret);
}

static nexpr_status expand_place(const nx_array_call *c, nx_reducer reducer, nx_operand *ret) {
    nx_reduce_call r;
    NX_TRY(nx_read_reduction(c, "a", 1, &r));
    NX_TRY(nx_compose_cast(&c->x, r.a, nx_ordered_dtype(r.dtype), &r.a));
    return nx_reduce(&r, reducer, r.a, false, ret);
}

nexpr_status nx_expand_argmin(const nx_array_call *c, nx_operand *ret) {
    return expand_place(c, NX_REDUCER_argmin, ret);
}

nexpr_status nx_expand_argmax(const nx_array_call *c, nx_operand *ret) {
    return expand_place(c, NX_REDUCER_argmax, ret);
}

/* --------------------------------------------------------------------------------------------------------- truth -- */

static nexpr_status expand_truth(const nx_array_call *c, nx_reducer reducer, nx_operand *ret) {
    nx_reduce_call r;
    nx_operand start;
    NX_TRY(nx_read_reduction(c, "a", NX_ALL_AXES, &r));
    NX_TRY(nx_see_through_mask(&r));
    NX_TRY(nx_compose_number(&c->x, reducer == NX_REDUCER_all, true, &start));
    NX_TRY(nx_compose_cast(&c->x, start, NEXPR_BOOL, &start));
    NX_TRY(nx_compose_cast(&c->x, r.a, NEXPR_BOOL, ret));
    NX_TRY(nx_masked(&r, *ret, start, ret));
    return nx_reduce(&r, reducer, *ret, false, ret);
}

nexpr_status nx_expand_any(const nx_array_call *c, nx_operand *ret) {
    return expand_truth(c, NX_REDUCER_any, ret);
}

nexpr_status nx_expand_all(const nx_array_call *c, nx_operand *ret) {
    return expand_truth(c, NX_REDUCER_all, ret);
}

nexpr_status nx_expand_count_nonzero(const nx_array_call *c, nx_operand *ret) {
    nx_reduce_call r;
    NX_TRY(nx_read_reduction(c, "a", NX_ALL_AXES, &r));
    NX_TRY(nx_see_through_mask(&r));
    NX_TRY(nx_compose_cast(&c->x, r.a, NEXPR_BOOL, ret));
    NX_TRY(nx_compose_cast(&c->x, *ret, NEXPR_INT64, ret));
    return nx_reduce_sum(&r, *ret, ret);
}

/* --------------------------------------------------------------------------------------------------- made of sums -- */

nexpr_status nx_expand_norm(const nx_array_call *c, nx_operand *ret) {
    nx_reduce_call r;
    if (nx_is_given(c, "ord")) {
        return nx_fail(c->x.err, NEXPR_TYPE, nx_arg_span(c, "ord"),
                       "'norm' is the 2-norm; write sum(abs(x)), max(abs(x)) or sum(abs(x)**p)**(1/p) for another one");
    }
    NX_TRY(nx_read_reduction(c, "x", 2, &r));
    const bool is_int = nx_dtype_class(r.dtype) <= NX_CLASS_INT;
    if (r.axes.has_numbers && !r.axes.count) {
        return nx_fail(c->x.err, NEXPR_TYPE, nx_arg_span(c, "axis"), "'norm' needs one axis, two, or None for all");
    }
    NX_TRY(nx_squared(&c->x, r.a, ret));
    NX_TRY(nx_reduce_sum(&r, *ret, ret));
    NX_TRY(nx_compose1(&c->x, NX_OP_sqrt, *ret, ret));
    return nx_compose_cast(&c->x, *ret, is_int ? NEXPR_FLOAT64 : nx_dtype_real(r.dtype), ret);
}

/* b of dot has exactly a's shape, and both are vectors. */
nexpr_status nx_expand_dot(const nx_array_call *c, nx_operand *ret) {
    const nx_compose *x = &c->x;
    nx_reduce_call r = {.c = c, .axes = {.kind = NX_VIEW_REDUCED}};
    nx_operand b;
    NX_TRY(nx_arg_array(c, "a", &r.a));
    NX_TRY(nx_arg_array(c, "b", &b));
    r.dtype = nx_dtype_promote(nx_operand_dtype(x->b, &r.a), nx_operand_dtype(x->b, &b));
    const nexpr_dtype wide = r.dtype == NEXPR_BOOL ? NEXPR_BOOL : nx_accumulator(r.dtype);
    NX_TRY(nx_view_operand(c, r.a, &(nx_view){.kind = NX_VIEW_VECTOR}, &r.a));
    NX_TRY(nx_view_operand(c, b, &(nx_view){.kind = NX_VIEW_VECTOR}, &b));
    NX_TRY(nx_build_along(x->b, b.node, r.a.node, &(nx_view){.kind = NX_VIEW_REDUCED}, b.span, &b.node, x->err));
    NX_TRY(nx_compose_cast(x, r.a, wide, &r.a));
    NX_TRY(nx_compose_cast(x, b, wide, &b));
    NX_TRY(nx_compose2(x, NX_OP_multiply, r.a, b, ret));
    if (wide == NEXPR_BOOL) return nx_reduce(&r, NX_REDUCER_any, *ret, false, ret);
    NX_TRY(nx_reduce_sum(&r, *ret, ret));
    NX_TRY(nx_avoid_negative_zero(x, ret));
    return nx_compose_cast(x, *ret, r.dtype, ret);
}

/* log(sum(exp(a - m))) + m of the greatest element m, or of 0 if that is infinite or NaN: then exp and log have the right
 * values of their own. The axes are kept for a - m and dropped at the end. */
nexpr_status nx_expand_logsumexp(const nx_array_call *c, nx_operand *ret) {
    const nx_compose *x = &c->x;
    nx_reduce_call r;
    nx_operand peak, finite, zero, shift;
    NX_TRY(nx_read_reduction(c, "a", NX_ALL_AXES, &r));
    const bool keeps = r.axes.kind == NX_VIEW_REDUCED_KEPT, is_float = nx_dtype_class(r.dtype) == NX_CLASS_REAL;
    if (nx_dtype_class(r.dtype) == NX_CLASS_COMPLEX) {
        return nx_fail(x->err, NEXPR_TYPE, r.a.span, "'logsumexp' is not defined for complex numbers");
    }
    r.axes.kind = NX_VIEW_REDUCED_KEPT;
    NX_TRY(nx_compose_cast(x, r.a, NEXPR_FLOAT64, &r.a));
    NX_TRY(nx_compose_number(x, 0, false, &zero));
    NX_TRY(nx_reduce(&r, NX_REDUCER_max, r.a, true, &peak));
    NX_TRY(nx_compose1(x, NX_OP_isfinite, peak, &finite));
    NX_TRY(nx_compose_where(x, finite, peak, zero, &shift));
    NX_TRY(nx_compose2(x, NX_OP_subtract, r.a, shift, ret));
    NX_TRY(nx_compose1(x, NX_OP_exp, *ret, ret));
    NX_TRY(nx_reduce_sum(&r, *ret, ret));
    NX_TRY(nx_compose1(x, NX_OP_log, *ret, ret));
    NX_TRY(nx_compose2(x, NX_OP_add, *ret, shift, ret));
    NX_TRY(nx_compose_cast(x, *ret, is_float ? r.dtype : NEXPR_FLOAT64, ret));
    r.axes.kind = NX_VIEW_squeeze;
    return keeps ? NEXPR_OK : nx_view_operand(c, *ret, &r.axes, ret);
}
