/* SPDX-License-Identifier: MIT */
/*
 * Means and variances. A plain variance is the reducer m2. With a mask, NaN to skip or a mean that is given, it is the mean
 * of squared distances, by a second pass over the array; never the difference of two large sums.
 */
#include "engine/reduce_call.h"

/* ---------------------------------------------------------------------------------------------------------- mean -- */

/* The dtype that a mean is computed and given in. */
static nexpr_dtype mean_dtype(const nx_reduce_call *r) {
    return r->has_dtype || nx_dtype_class(r->dtype) >= NX_CLASS_REAL ? r->dtype : NEXPR_FLOAT64;
}

/* sum(r) / count; floats in 64 bits, which the caller rounds. */
static nexpr_status divide_sum(const nx_reduce_call *r, nx_operand count, nx_operand *ret) {
    nx_reduce_call wide = *r;
    wide.has_dtype = true;
    wide.dtype = mean_dtype(r);
    if (nx_dtype_class(wide.dtype) >= NX_CLASS_REAL) wide.dtype = nx_accumulator(wide.dtype);
    else NX_TRY(nx_compose_cast(&r->c->x, wide.a, wide.dtype, &wide.a));
    NX_TRY(nx_accumulate(&wide, NX_REDUCER_sum, ret));
    return nx_compose2(&r->c->x, NX_OP_divide, *ret, count, ret);
}

static nexpr_status expand_mean(nx_reduce_call *r, nx_operand *ret) {
    nx_operand count;
    const nexpr_dtype dtype = mean_dtype(r);
    if (nx_dtype_class(dtype) >= NX_CLASS_REAL) NX_TRY(nx_compose_cast(&r->c->x, r->a, dtype, &r->a));
    NX_TRY(nx_reduce_count(r, &count));
    NX_TRY(divide_sum(r, count, ret));
    return nx_compose_cast(&r->c->x, *ret, dtype, ret);
}

nexpr_status nx_expand_mean(const nx_array_call *c, nx_operand *ret) {
    nx_reduce_call r;
    NX_TRY(nx_read_reduction(c, "a", NX_ALL_AXES, &r));
    NX_TRY(nx_see_through_mask(&r));
    return expand_mean(&r, ret);
}

/* Masks NaN, if the dtype has it. */
static nexpr_status skip_nan(nx_reduce_call *r) {
    const nx_compose *x = &r->c->x;
    nx_operand valid;
    if (nx_compose_class(x, r->a) <= NX_CLASS_INT) return NEXPR_OK;
    if (r->has_dtype && nx_dtype_class(r->dtype) <= NX_CLASS_INT) {
        return nx_fail(x->err, NEXPR_TYPE, nx_arg_span(r->c, "dtype"), "the dtype has to be a float, because %s is one",
                       nexpr_dtype_name(nx_operand_dtype(x->b, &r->a)));
    }
    NX_TRY(nx_compose1(x, NX_OP_isnan, r->a, &valid));
    NX_TRY(nx_compose1(x, NX_OP_logical_not, valid, &valid));
    if (r->has_where) NX_TRY(nx_compose2(x, NX_OP_logical_and, r->where, valid, &valid));
    r->where = valid;
    r->has_where = true;
    return NEXPR_OK;
}

nexpr_status nx_expand_nanmean(const nx_array_call *c, nx_operand *ret) {
    nx_reduce_call r;
    NX_TRY(nx_read_reduction(c, "a", NX_ALL_AXES, &r));
    NX_TRY(nx_see_through_mask(&r));
    NX_TRY(skip_nan(&r));
    return expand_mean(&r, ret);
}

/* ------------------------------------------------------------------------------------------------------ variance -- */

/* n - ddof in float64; less than 0 only with skips_nan, where NumPy gives NaN. */
static nexpr_status read_divisor(const nx_reduce_call *r, nx_operand count, bool skips_nan, nx_operand *ret) {
    const nx_compose *x = &r->c->x;
    const bool is_correction = nx_is_given(r->c, "correction");
    const char *param = is_correction ? "correction" : "ddof";
    nx_operand ddof, zero;
    *ret = count;
    if (!nx_is_given(r->c, param)) return NEXPR_OK;
    NX_TRY(nx_arg_scalar(r->c, param, &ddof));
    const nx_class class = nx_compose_class(x, ddof);
    if (class != NX_CLASS_INT && class != NX_CLASS_REAL) {
        return nx_fail(x->err, NEXPR_TYPE, nx_arg_span(r->c, param), "'%s' has to be a number", param);
    }
    if (is_correction && nx_is_given(r->c, "ddof")) {
        int64_t preset = 1;
        if (ddof.literal) NX_TRY(nx_arg_integer(r->c, "ddof", &preset));
        if (preset) {
            return nx_fail(x->err, NEXPR_VALUE, nx_arg_span(r->c, "ddof"), "'ddof' and 'correction' are the same: give one");
        }
    }
    NX_TRY(nx_compose_cast(x, ddof, NEXPR_FLOAT64, &ddof));
    NX_TRY(nx_compose2(x, NX_OP_subtract, count, ddof, ret));
    NX_TRY(nx_compose_number(x, 0, false, &zero));
    return skips_nan ? NEXPR_OK : nx_compose2(x, NX_OP_maximum, *ret, zero, ret);
}

/* The sum of squared distances by m2, of the parts of a complex array. */
static nexpr_status sum_distances(const nx_reduce_call *r, nx_operand *ret) {
    const nx_compose *x = &r->c->x;
    nx_operand part, other;
    if (nx_compose_class(x, r->a) != NX_CLASS_COMPLEX) {
        NX_TRY(nx_compose_cast(x, r->a, NEXPR_FLOAT64, &part));
        return nx_reduce(r, NX_REDUCER_m2, part, false, ret);
    }
    NX_TRY(nx_compose1(x, NX_OP_real, r->a, &part));
    NX_TRY(nx_compose_cast(x, part, NEXPR_FLOAT64, &part));
    NX_TRY(nx_reduce(r, NX_REDUCER_m2, part, false, ret));
    NX_TRY(nx_compose1(x, NX_OP_imag, r->a, &part));
    NX_TRY(nx_compose_cast(x, part, NEXPR_FLOAT64, &part));
    NX_TRY(nx_reduce(r, NX_REDUCER_m2, part, false, &other));
    return nx_compose2(x, NX_OP_add, *ret, other, ret);
}

/* The same around a mean that is computed before, or given. */
static nexpr_status sum_around_mean(const nx_reduce_call *r, nx_operand *ret) {
    const nx_compose *x = &r->c->x;
    nx_reduce_call kept = *r;
    nx_operand mean, count, distance;
    const bool is_float = nx_dtype_class(mean_dtype(r)) >= NX_CLASS_REAL;
    kept.axes.kind = NX_VIEW_REDUCED_KEPT;
    if (nx_is_given(r->c, "mean")) {
        NX_TRY(nx_arg_array(r->c, "mean", &mean));
    } else {
        NX_TRY(nx_reduce_count(&kept, &count));
        NX_TRY(divide_sum(&kept, count, &mean));
        if (!is_float) NX_TRY(nx_compose_cast(x, mean, r->dtype, &mean));
    }
    NX_TRY(nx_compose2(x, NX_OP_subtract, r->a, mean, &distance));
    NX_TRY(nx_squared(x, distance, ret));
    if (!is_float) {
        NX_TRY(nx_compose_cast(x, *ret, r->dtype, ret));
        NX_TRY(nx_compose_cast(x, *ret, nx_accumulator(r->dtype), ret));
    }
    return nx_reduce_sum(r, *ret, ret);
}

static nexpr_status expand_variance(const nx_array_call *c, bool skips_nan, bool is_root, nx_operand *ret) {
    const nx_compose *x = &c->x;
    nx_reduce_call r;
    nx_operand count, divisor, nan, zero, bad;
    NX_TRY(nx_read_reduction(c, "a", NX_ALL_AXES, &r));
    NX_TRY(nx_see_through_mask(&r));
    nexpr_dtype dtype = mean_dtype(&r);
    if (!r.has_dtype) dtype = nx_dtype_real(dtype);
    skips_nan &= nx_dtype_class(nx_operand_dtype(x->b, &r.a)) >= NX_CLASS_REAL;
    if (skips_nan) NX_TRY(skip_nan(&r));
    const bool is_complex = nx_compose_class(x, r.a) == NX_CLASS_COMPLEX;
    if (is_complex && r.has_dtype && nx_dtype_class(dtype) != NX_CLASS_COMPLEX) return nx_compose_cast(x, r.a, dtype, ret);
    NX_TRY(nx_reduce_count(&r, &count));
    NX_TRY(read_divisor(&r, count, skips_nan, &divisor));
    if (r.has_where || nx_is_given(c, "mean") || nx_dtype_class(dtype) <= NX_CLASS_INT) NX_TRY(sum_around_mean(&r, ret));
    else NX_TRY(sum_distances(&r, ret));
    NX_TRY(nx_compose2(x, NX_OP_divide, *ret, divisor, ret));
    if (skips_nan && divisor.node != count.node) {
        NX_TRY(nx_compose_number(x, __builtin_nan(""), false, &nan));
        NX_TRY(nx_compose_number(x, 0, false, &zero));
        NX_TRY(nx_compose2(x, NX_OP_less_equal, divisor, zero, &bad));
        NX_TRY(nx_compose_where(x, bad, nan, *ret, ret));
    }
    if (is_root) NX_TRY(nx_compose1(x, NX_OP_sqrt, *ret, ret));
    return nx_compose_cast(x, *ret, dtype, ret);
}

nexpr_status nx_expand_var(const nx_array_call *c, nx_operand *ret) {
    return expand_variance(c, false, false, ret);
}

nexpr_status nx_expand_std(const nx_array_call *c, nx_operand *ret) {
    return expand_variance(c, false, true, ret);
}

nexpr_status nx_expand_nanvar(const nx_array_call *c, nx_operand *ret) {
    return expand_variance(c, true, false, ret);
}

nexpr_status nx_expand_nanstd(const nx_array_call *c, nx_operand *ret) {
    return expand_variance(c, true, true, ret);
}

/* ------------------------------------------------------------------------------------------------------- average -- */

static nexpr_status expand_weighted(nx_reduce_call *r, nx_operand *ret) {
    const nx_compose *x = &r->c->x;
    nx_operand weights, sum;
    NX_TRY(nx_arg_array(r->c, "weights", &weights));
    nexpr_dtype dtype = nx_dtype_promote(r->dtype, nx_operand_dtype(x->b, &weights));
    if (nx_dtype_class(r->dtype) <= NX_CLASS_INT) dtype = nx_dtype_promote(dtype, NEXPR_FLOAT64);
    const nexpr_dtype wide = nx_accumulator(dtype);
    NX_TRY(nx_build_along(x->b, weights.node, r->a.node, &r->axes, weights.span, &weights.node, x->err));
    NX_TRY(nx_compose_cast(x, r->a, wide, ret));
    NX_TRY(nx_compose_cast(x, weights, wide, &weights));
    NX_TRY(nx_compose2(x, NX_OP_multiply, *ret, weights, ret));
    NX_TRY(nx_reduce_sum(r, *ret, ret));
    NX_TRY(nx_avoid_negative_zero(x, ret));
    NX_TRY(nx_reduce_sum(r, weights, &sum));
    NX_TRY(nx_avoid_negative_zero(x, &sum));
    NX_TRY(nx_compose2(x, NX_OP_divide, *ret, sum, ret));
    return nx_compose_cast(x, *ret, dtype, ret);
}

nexpr_status nx_expand_average(const nx_array_call *c, nx_operand *ret) {
    nx_reduce_call r;
    bool returned = false;
    NX_TRY(nx_arg_switch(c, "returned", &returned));
    if (returned) {
        return nx_fail(c->x.err, NEXPR_TYPE, nx_arg_span(c, "returned"),
                       "'average' gives one result; the other one is sum(weights)");
    }
    NX_TRY(nx_read_reduction(c, "a", NX_ALL_AXES, &r));
    return nx_is_given(c, "weights") ? expand_weighted(&r, ret) : expand_mean(&r, ret);
}
