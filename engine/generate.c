/* SPDX-License-Identifier: MIT */
/*
 * Arrays out of nothing: one value broadcast to a shape, and functions of the index, in exactly NumPy's order of operations,
 * so that every bit is the same.
 */
#include "engine/array_call.h"

#include <math.h>

/* ---------------------------------------------------------------------------------------------------- one value -- */

/* The value everywhere, of the dtype that is asked for, or of `preset`. */
static nexpr_status fill_shape(const nx_array_call *c, nx_operand value, nexpr_dtype preset, nx_operand *ret) {
    nx_view shape = {.kind = NX_VIEW_broadcast_to};
    NX_TRY(nx_arg_dtype(c, &preset));
    NX_TRY(nx_arg_integers(c, "shape", NEXPR_MAX_NDIM, &shape));
    NX_TRY(nx_compose_cast(&c->x, value, preset, ret));
    return nx_view_operand(c, *ret, &shape, ret);
}

static nexpr_status fill_like(const nx_array_call *c, nx_operand value, nx_operand *ret) {
    nx_operand a;
    nx_ref like;
    NX_TRY(nx_arg_array(c, "a", &a));
    nexpr_dtype dtype = nx_operand_dtype(c->x.b, &a);
    NX_TRY(nx_arg_dtype(c, &dtype));
    NX_TRY(nx_compose_cast(&c->x, value, dtype, ret));
    NX_TRY(nx_build_like(c->x.b, ret->node, a.node, c->x.span, &like, c->x.err));
    *ret = nx_operand_node(like, c->x.span);
    return NEXPR_OK;
}

nexpr_status nx_expand_zeros(const nx_array_call *c, nx_operand *ret) {
    NX_TRY(nx_compose_number(&c->x, 0, true, ret));
    return fill_shape(c, *ret, NEXPR_FLOAT64, ret);
}

nexpr_status nx_expand_ones(const nx_array_call *c, nx_operand *ret) {
    NX_TRY(nx_compose_number(&c->x, 1, true, ret));
    return fill_shape(c, *ret, NEXPR_FLOAT64, ret);
}

nexpr_status nx_expand_full(const nx_array_call *c, nx_operand *ret) {
    NX_TRY(nx_arg_operand(c, "fill_value", ret));
    return fill_shape(c, *ret, nx_operand_dtype(c->x.b, ret), ret);
}

nexpr_status nx_expand_zeros_like(const nx_array_call *c, nx_operand *ret) {
    NX_TRY(nx_compose_number(&c->x, 0, true, ret));
    return fill_like(c, *ret, ret);
}

nexpr_status nx_expand_ones_like(const nx_array_call *c, nx_operand *ret) {
    NX_TRY(nx_compose_number(&c->x, 1, true, ret));
    return fill_like(c, *ret, ret);
}

nexpr_status nx_expand_full_like(const nx_array_call *c, nx_operand *ret) {
    NX_TRY(nx_arg_operand(c, "fill_value", ret));
    return fill_like(c, *ret, ret);
}

/* ------------------------------------------------------------------------------------------------------ indices -- */

static nexpr_status build_index(const nx_array_call *c, nx_operand of, const nx_view *grid, nx_operand *ret) {
    nx_ref node;
    NX_TRY(nx_build_index(c->x.b, of.node, grid, c->x.span, &node, c->x.err));
    *ret = nx_operand_node(node, c->x.span);
    return NEXPR_OK;
}

nexpr_status nx_expand_index(const nx_array_call *c, nx_operand *ret) {
    nx_view grid = {.kind = NX_VIEW_GRID};
    nx_operand a;
    NX_TRY(nx_arg_array(c, "a", &a));
    if (!nx_is_given(c, "axis")) return nx_fail(c->x.err, NEXPR_TYPE, c->x.span, "'index' needs an axis, not None");
    NX_TRY(nx_arg_integers(c, "axis", 1, &grid));
    return build_index(c, a, &grid, ret);
}

/* 0, 1, ... of `shape`, a view of kind broadcast_to, as dtype. */
static nexpr_status count_up(const nx_array_call *c, const nx_view *shape, nexpr_dtype dtype, nx_operand *ret) {
    NX_TRY(nx_compose_number(&c->x, 0, true, ret));
    NX_TRY(nx_view_operand(c, *ret, shape, ret));
    NX_TRY(build_index(c, *ret, &(nx_view){.kind = NX_VIEW_GRID}, ret));
    return nx_compose_cast(&c->x, *ret, dtype, ret);
}

/* ------------------------------------------------------------------------------------------------------- arange -- */

typedef struct range {
    nx_operand start, stop, step, next; /* literals or lengths; next is start + step */
    nexpr_dtype dtype;
    int64_t count;
} range;

static nexpr_status calculate(const nx_compose *x, nx_op op, nx_operand first, nx_operand second, nx_operand *ret) {
    nx_literal *literal = nx_arena_alloc(x->b->ir->arena, 1, sizeof *literal);
    if (!literal) return nx_fail_memory(x->err);
    NX_TRY(nx_literal_apply(op, (nx_literal[]){*first.literal, *second.literal}, 2, x->span, literal, x->err));
    *ret = (nx_operand){.literal = literal, .span = x->span};
    return NEXPR_OK;
}

static bool is_length(const nx_array_call *c, const nx_operand *x) {
    return !x->literal && x->is_weak && nx_operand_dtype(c->x.b, x) == NEXPR_INT64;
}

static nexpr_status read_bound(const nx_array_call *c, const char *param, nx_operand *ret) {
    if (!nx_is_given(c, param)) return NEXPR_OK;
    NX_TRY(nx_arg_operand(c, param, ret));
    if (is_length(c, ret) || (ret->literal && ret->literal->kind != NX_LITERAL_COMPLEX)) return NEXPR_OK;
    return nx_fail(c->x.err, NEXPR_TYPE, ret->span,
                   "'%s' of 'arange' has to be a real number, or an integer made of lengths", param);
}

static nexpr_status read_bounds(const nx_array_call *c, range *ret) {
    NX_TRY(nx_compose_number(&c->x, 0, true, &ret->start));
    NX_TRY(nx_compose_number(&c->x, 1, true, &ret->step));
    const bool has_stop = nx_is_given(c, "stop");
    if (!has_stop && !nx_is_given(c, "start")) {
        return nx_fail(c->x.err, NEXPR_TYPE, c->x.span, "'arange' needs a stop: arange(stop) or arange(start, stop, step)");
    }
    if (has_stop) NX_TRY(read_bound(c, "start", &ret->start));
    NX_TRY(read_bound(c, has_stop ? "stop" : "start", &ret->stop));
    return read_bound(c, "step", &ret->step);
}

static bool is_int(nx_operand x) {
    return x.literal->kind <= NX_LITERAL_INT;
}

static double to_double(nx_operand x) {
    return is_int(x) ? nx_bigint_to_double(&x.literal->integer) : x.literal->re;
}

/* ceil((stop - start) / step) of integers, exactly. */
static nexpr_status count_integers(const nx_array_call *c, range *r) {
    int64_t start, stop, step;
    if (!nx_bigint_to_i64(&r->start.literal->integer, &start) || !nx_bigint_to_i64(&r->stop.literal->integer, &stop) ||
        !nx_bigint_to_i64(&r->step.literal->integer, &step)) {
        return nx_fail(c->x.err, NEXPR_VALUE, c->x.span, "the bounds of 'arange' have to fit int64");
    }
    const bool rises = step > 0;
    const uint64_t length = rises ? (uint64_t)stop - (uint64_t)start : (uint64_t)start - (uint64_t)stop;
    const uint64_t size = rises ? (uint64_t)step : 0 - (uint64_t)step;
    const uint64_t count = start == stop || (stop > start) != rises ? 0 : (length - 1) / size + 1;
    if (count > INT64_MAX) return nx_fail(c->x.err, NEXPR_VALUE, c->x.span, "'arange' would have more than 2**63 elements");
    r->count = (int64_t)count;
    return NEXPR_OK;
}

/* The same of floats, as Python calculates; one element if the quotient is too small for a float. */
static nexpr_status count_floats(const nx_array_call *c, range *r) {
    nx_operand length, quotient;
    NX_TRY(calculate(&c->x, NX_OP_subtract, r->stop, r->start, &length));
    NX_TRY(calculate(&c->x, NX_OP_divide, length, r->step, &quotient));
    const double value = to_double(quotient), count = ceil(value);
    if (!(count < 0x1p62)) {
        return nx_fail(c->x.err, NEXPR_VALUE, c->x.span, "the number of elements of 'arange' is not finite or too large");
    }
    r->count = count > 0 ? (int64_t)count : value == 0 && to_double(length) != 0 && !signbit(value);
    return NEXPR_OK;
}

/* Whether two constants are the same, so that `formula` needs no exception where it has to be `value`. */
static bool is_same(const nx_array_call *c, nx_operand value, nx_operand formula) {
    const nx_value *a = nx_ir_value(c->x.b->ir, value.node), *b = nx_ir_value(c->x.b->ir, formula.node);
    return a->bits[0] == b->bits[0] && a->bits[1] == b->bits[1];
}

/* Element k is `value`, even where first + k*delta rounds otherwise. */
static nexpr_status pin(const nx_array_call *c, nx_operand index, int k, nx_operand value, nx_operand first,
                        nx_operand delta, nx_operand *ret) {
    const nx_compose *x = &c->x;
    nx_operand number, formula, is_here;
    NX_TRY(nx_compose_number(x, k, true, &number));
    NX_TRY(nx_compose2(x, NX_OP_multiply, delta, number, &formula));
    NX_TRY(nx_compose2(x, NX_OP_add, first, formula, &formula));
    if (is_same(c, value, formula)) return NEXPR_OK;
    NX_TRY(nx_compose2(x, NX_OP_equal, index, number, &is_here));
    return nx_compose_where(x, is_here, value, *ret, ret);
}

/* What the elements of a dtype are calculated in. */
static nexpr_dtype fill_dtype(nexpr_dtype dtype) {
    switch (nx_dtype_class(dtype)) {
    case NX_CLASS_INT: return nx_dtype_is_signed(dtype) ? NEXPR_INT64 : NEXPR_UINT64;
    case NX_CLASS_COMPLEX: return nx_dtype_real(dtype);
    default: return dtype == NEXPR_FLOAT16 ? NEXPR_FLOAT32 : dtype;
    }
}

/* A literal as an element of the range's dtype, in what elements are calculated in. */
static nexpr_status to_element(const nx_array_call *c, const range *r, nx_operand literal, nx_operand *ret) {
    const bool is_complex = nx_dtype_class(r->dtype) == NX_CLASS_COMPLEX;
    NX_TRY(nx_compose_cast(&c->x, literal, is_complex ? nx_dtype_real(r->dtype) : r->dtype, ret));
    return nx_compose_cast(&c->x, *ret, fill_dtype(r->dtype), ret);
}

/* first + i*(second - first), as NumPy fills an array whose first two elements are set. */
static nexpr_status fill_range(const nx_array_call *c, const range *r, nx_operand *ret) {
    const nx_compose *x = &c->x;
    nx_operand first, second, delta, index;
    nx_view shape;
    NX_TRY(nx_view_of_number(c, NX_VIEW_broadcast_to, r->count, x->span, &shape));
    NX_TRY(to_element(c, r, r->start, &first));
    NX_TRY(to_element(c, r, r->count > 1 ? r->next : r->start, &second));
    NX_TRY(nx_compose2(x, NX_OP_subtract, second, first, &delta));
    NX_TRY(count_up(c, &shape, fill_dtype(r->dtype), &index));
    NX_TRY(nx_compose2(x, NX_OP_multiply, index, delta, ret));
    NX_TRY(nx_compose2(x, NX_OP_add, first, *ret, ret));
    NX_TRY(pin(c, index, 0, first, first, delta, ret));
    if (r->count > 1) NX_TRY(pin(c, index, 1, second, first, delta, ret));
    return nx_compose_cast(x, *ret, r->dtype, ret);
}

/* The same of integers of which some are known only with the shapes. */
static nexpr_status fill_later(const nx_array_call *c, const range *r, nx_operand *ret) {
    const nx_compose *x = &c->x;
    nexpr_dtype dtype = NEXPR_INT64;
    nx_operand length, zero, first, delta;
    nx_view shape;
    NX_TRY(nx_arg_dtype(c, &dtype));
    NX_TRY(nx_compose_number(x, 0, true, &zero));
    NX_TRY(nx_compose2(x, NX_OP_subtract, r->start, r->stop, &length)); /* ceil(b/c) is -(-b//c) */
    NX_TRY(nx_compose2(x, NX_OP_floor_divide, length, r->step, &length));
    NX_TRY(nx_compose1(x, NX_OP_negative, length, &length));
    NX_TRY(nx_compose2(x, NX_OP_maximum, length, zero, &length));
    NX_TRY(nx_view_of_operand(c, NX_VIEW_broadcast_to, length, &shape));
    NX_TRY(count_up(c, &shape, fill_dtype(dtype), ret));
    NX_TRY(nx_compose_cast(x, r->start, fill_dtype(dtype), &first));
    NX_TRY(nx_compose_cast(x, r->step, fill_dtype(dtype), &delta));
    NX_TRY(nx_compose2(x, NX_OP_multiply, *ret, delta, ret));
    NX_TRY(nx_compose2(x, NX_OP_add, first, *ret, ret));
    return nx_compose_cast(x, *ret, dtype, ret);
}

static bool is_weak_int(nx_operand x) {
    return !x.literal || is_int(x);
}

static nexpr_status check_range(const nx_array_call *c, const range *r) {
    nexpr_dtype dtype = NEXPR_INT64;
    NX_TRY(nx_arg_dtype(c, &dtype));
    if (dtype == NEXPR_BOOL) {
        return nx_fail(c->x.err, NEXPR_TYPE, nx_arg_span(c, "dtype"), "'arange' counts in numbers; write arange(...) != 0");
    }
    if (r->step.literal && to_double(r->step) == 0) {
        return nx_fail(c->x.err, NEXPR_VALUE, r->step.span, "the step of 'arange' cannot be 0");
    }
    return NEXPR_OK;
}

nexpr_status nx_expand_arange(const nx_array_call *c, nx_operand *ret) {
    range r;
    NX_TRY(read_bounds(c, &r));
    NX_TRY(check_range(c, &r));
    if (!r.start.literal || !r.stop.literal || !r.step.literal) {
        if (is_weak_int(r.start) && is_weak_int(r.stop) && is_weak_int(r.step)) return fill_later(c, &r, ret);
        return nx_fail(c->x.err, NEXPR_TYPE, c->x.span, "'arange' takes lengths only together with integers");
    }
    const bool is_integer = is_int(r.start) && is_int(r.stop) && is_int(r.step);
    NX_TRY(is_integer ? count_integers(c, &r) : count_floats(c, &r));
    r.dtype = is_integer ? NEXPR_INT64 : NEXPR_FLOAT64;
    NX_TRY(nx_arg_dtype(c, &r.dtype));
    if (r.count > 1) NX_TRY(calculate(&c->x, NX_OP_add, r.start, r.step, &r.next));
    return fill_range(c, &r, ret);
}

/* ----------------------------------------------------------------------------------------------------- linspace -- */

typedef struct line {
    nx_operand start, stop, delta, step, div; /* of dtype */
    nexpr_dtype dtype;                        /* inexact */
    nx_view shape;
    nx_operand steps; /* an integer: those from start to stop, but at least one; div is the same */
} line;

static nexpr_status read_number(const nx_array_call *c, bool has_end, line *ret) {
    int64_t num = 50;
    NX_TRY(nx_arg_integer(c, "num", &num));
    if (num < 0 || num > (int64_t)1 << 53) {
        return nx_fail(c->x.err, NEXPR_VALUE, nx_arg_span(c, "num"), "'num' of 'linspace' has to be from 0 to 2**53");
    }
    const int64_t div = num - has_end;
    NX_TRY(nx_view_of_number(c, NX_VIEW_broadcast_to, num, c->x.span, &ret->shape));
    return nx_compose_number(&c->x, div < 1 ? 1 : (double)div, true, &ret->steps);
}

/* How many there are is a number, or made of lengths. */
static nexpr_status read_count(const nx_array_call *c, bool has_end, line *ret) {
    const nx_compose *x = &c->x;
    nx_operand num, one;
    if (!nx_is_given(c, "num")) return read_number(c, has_end, ret);
    NX_TRY(nx_arg_operand(c, "num", &num));
    if (num.literal && is_int(num)) return read_number(c, has_end, ret);
    if (!is_length(c, &num)) {
        return nx_fail(x->err, NEXPR_TYPE, num.span,
                       "'num' of 'linspace' has to be an integer, written as a number or made of lengths");
    }
    NX_TRY(nx_view_of_operand(c, NX_VIEW_broadcast_to, num, &ret->shape));
    NX_TRY(nx_compose_number(x, 1, true, &one));
    ret->steps = num;
    if (has_end) NX_TRY(nx_compose2(x, NX_OP_subtract, num, one, &ret->steps));
    return nx_compose2(x, NX_OP_maximum, ret->steps, one, &ret->steps);
}

/* A bound of its own dtype, or a literal, which takes the other one's. */
static nexpr_status read_line(const nx_array_call *c, line *ret) {
    const nx_compose *x = &c->x;
    nx_operand zero;
    NX_TRY(nx_arg_scalar(c, "start", &ret->start));
    NX_TRY(nx_arg_scalar(c, "stop", &ret->stop));
    NX_TRY(nx_compose_number(x, 0, false, &zero));
    ret->dtype = nx_promote_operands(x->b, (nx_operand[]){ret->start, ret->stop, zero}, 3);
    NX_TRY(nx_compose_cast(x, ret->start, ret->dtype, &ret->start));
    NX_TRY(nx_compose_cast(x, ret->stop, ret->dtype, &ret->stop));
    return nx_compose2(x, NX_OP_subtract, ret->stop, ret->start, &ret->delta);
}

/* i*step, or i/div*delta where the step is too small for a float. */
static nexpr_status scale_index(const nx_array_call *c, const line *l, nx_operand index, nx_operand *ret) {
    const nx_compose *x = &c->x;
    nx_operand zero, is_zero, quotient;
    NX_TRY(nx_compose_number(x, 0, true, &zero));
    NX_TRY(nx_compose2(x, NX_OP_multiply, index, l->step, ret));
    NX_TRY(nx_compose2(x, NX_OP_equal, l->step, zero, &is_zero));
    const bool is_known = x->b->ir->nodes[is_zero.node].kind == NX_NODE_CONST;
    if (is_known && !nx_ir_value(x->b->ir, is_zero.node)->b) return NEXPR_OK;
    NX_TRY(nx_compose2(x, NX_OP_divide, index, l->div, &quotient));
    NX_TRY(nx_compose2(x, NX_OP_multiply, quotient, l->delta, &quotient));
    return nx_compose_where(x, is_zero, quotient, *ret, ret);
}

static nexpr_status fill_line(const nx_array_call *c, line *l, bool has_end, nx_operand *ret) {
    const nx_compose *x = &c->x;
    nx_operand index, is_last;
    NX_TRY(count_up(c, &l->shape, l->dtype, &index));
    NX_TRY(nx_compose_cast(x, l->steps, l->dtype, &l->div));
    NX_TRY(nx_compose2(x, NX_OP_divide, l->delta, l->div, &l->step));
    NX_TRY(scale_index(c, l, index, ret));
    NX_TRY(nx_compose2(x, NX_OP_add, *ret, l->start, ret));
    if (!has_end) return NEXPR_OK;
    NX_TRY(count_up(c, &l->shape, NEXPR_INT64, &index)); /* of a single element, which is start, none is the last */
    NX_TRY(nx_compose2(x, NX_OP_equal, index, l->steps, &is_last));
    return nx_compose_where(x, is_last, l->stop, *ret, ret);
}

nexpr_status nx_expand_linspace(const nx_array_call *c, nx_operand *ret) {
    line l;
    bool has_end = true, returns_step = false;
    NX_TRY(nx_arg_switch(c, "endpoint", &has_end));
    NX_TRY(nx_arg_switch(c, "retstep", &returns_step));
    if (returns_step) {
        return nx_fail(c->x.err, NEXPR_TYPE, nx_arg_span(c, "retstep"), "'linspace' gives one result, not the step");
    }
    NX_TRY(read_count(c, has_end, &l));
    NX_TRY(read_line(c, &l));
    NX_TRY(fill_line(c, &l, has_end, ret));
    nexpr_dtype dtype = l.dtype;
    NX_TRY(nx_arg_dtype(c, &dtype));
    if (nx_dtype_class(dtype) == NX_CLASS_INT && nx_dtype_class(l.dtype) == NX_CLASS_REAL) {
        NX_TRY(nx_compose1(&c->x, NX_OP_floor, *ret, ret));
    }
    return nx_compose_cast(&c->x, *ret, dtype, ret);
}
