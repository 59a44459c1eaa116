/* SPDX-License-Identifier: MIT */
/* Running functions: scans along one axis, or in C order, and differences, which are views. */
#include "engine/reduce_call.h"

/* The scan of `a`, of the loop's dtype, along the axis, or of all elements in C order as one axis. */
static nexpr_status scan(const nx_array_call *c, nx_reducer reducer, nx_operand a, nx_operand *ret) {
    const nx_compose *x = &c->x;
    nx_view axis = {.kind = NX_VIEW_GRID}, flat;
    nx_ref node;
    NX_TRY(nx_arg_integers(c, "axis", 1, &axis));
    if (!axis.has_numbers) {
        NX_TRY(nx_view_of_number(c, NX_VIEW_reshape, -1, x->span, &flat));
        NX_TRY(nx_view_operand(c, a, &flat, &a));
        NX_TRY(nx_view_of_number(c, NX_VIEW_GRID, 0, x->span, &axis));
    }
    NX_TRY(nx_build_scan(x->b, reducer, a.node, &axis, x->span, &node, x->err));
    *ret = nx_operand_node(node, x->span);
    return NEXPR_OK;
}

/* A running sum of bool is `any` so far, the maximum as uint8; a product the minimum. */
static nexpr_status accumulate(const nx_array_call *c, nx_reducer reducer, nx_operand *ret) {
    const nx_compose *x = &c->x;
    nx_operand a;
    NX_TRY(nx_arg_array(c, "a", &a));
    nexpr_dtype dtype = nx_sum_dtype(nx_operand_dtype(x->b, &a)), loop;
    NX_TRY(nx_arg_dtype(c, &dtype));
    loop = nx_accumulator(dtype);
    if (dtype == NEXPR_BOOL) {
        loop = NEXPR_UINT8;
        reducer = reducer == NX_REDUCER_sum ? NX_REDUCER_max : NX_REDUCER_min;
    }
    NX_TRY(nx_compose_cast(x, a, dtype, &a));
    NX_TRY(nx_compose_cast(x, a, loop, &a));
    NX_TRY(scan(c, reducer, a, ret));
    return nx_compose_cast(x, *ret, dtype, ret);
}

nexpr_status nx_expand_cumsum(const nx_array_call *c, nx_operand *ret) {
    return accumulate(c, NX_REDUCER_sum, ret);
}

nexpr_status nx_expand_cumprod(const nx_array_call *c, nx_operand *ret) {
    return accumulate(c, NX_REDUCER_prod, ret);
}

static nexpr_status expand_extremum(const nx_array_call *c, nx_reducer reducer, nx_operand *ret) {
    const nx_compose *x = &c->x;
    nx_operand a;
    NX_TRY(nx_arg_array(c, "a", &a));
    const nexpr_dtype dtype = nx_operand_dtype(x->b, &a);
    NX_TRY(nx_compose_cast(x, a, nx_ordered_dtype(dtype), &a));
    NX_TRY(scan(c, reducer, a, ret));
    return nx_compose_cast(x, *ret, dtype, ret);
}

nexpr_status nx_expand_cummin(const nx_array_call *c, nx_operand *ret) {
    return expand_extremum(c, NX_REDUCER_min, ret);
}

nexpr_status nx_expand_cummax(const nx_array_call *c, nx_operand *ret) {
    return expand_extremum(c, NX_REDUCER_max, ret);
}

/* --------------------------------------------------------------------------------------------------- differences -- */

/* x[1:] or x[:-1] along an axis, as an index. Axes counted from the end need an ellipsis before them. */
static nexpr_status slice_axis(const nx_array_call *c, int64_t axis, nx_span span, bool is_later, nx_view *ret) {
    const size_t items = (size_t)(axis < 0 ? 1 - axis : axis + 1), at = axis < 0 ? 1 : items - 1;
    nx_arena *arena = c->x.b->ir->arena;
    int64_t *numbers = nx_arena_alloc(arena, items * NX_ITEM_WORDS, sizeof *numbers);
    nx_span *spans = nx_arena_alloc(arena, items * NX_ITEM_WORDS, sizeof *spans);
    if (!numbers || !spans) return nx_fail_memory(c->x.err);
    for (size_t i = 0; i < items; i++) numbers[i * NX_ITEM_WORDS + NX_ITEM_KIND] = NX_ITEM_SLICE;
    if (axis < 0) numbers[NX_ITEM_KIND] = NX_ITEM_ELLIPSIS;
    int64_t *item = numbers + at * NX_ITEM_WORDS;
    item[NX_ITEM_GIVEN] = is_later ? 1 : 2;
    item[is_later ? NX_ITEM_START : NX_ITEM_STOP] = is_later ? 1 : -1;
    for (size_t i = 0; i < items * NX_ITEM_WORDS; i++) spans[i] = span;
    *ret = (nx_view){.kind = NX_VIEW_INDEX, .has_numbers = true, .count = (uint32_t)(items * NX_ITEM_WORDS),
                     .numbers = numbers, .spans = spans};
    return NEXPR_OK;
}

/* x as it is, if it has the axis: an exchange of the axis with itself. */
static nexpr_status check_axis(const nx_array_call *c, nx_operand x, int64_t axis, nx_span span, nx_operand *ret) {
    nx_arena *arena = c->x.b->ir->arena;
    int64_t *numbers = nx_arena_alloc(arena, 2, sizeof *numbers);
    nx_span *spans = nx_arena_alloc(arena, 2, sizeof *spans);
    if (!numbers || !spans) return nx_fail_memory(c->x.err);
    numbers[0] = numbers[1] = axis;
    spans[0] = spans[1] = span;
    nx_view view = {.kind = NX_VIEW_swapaxes, .has_numbers = true, .count = 2, .numbers = numbers, .spans = spans};
    return nx_view_operand(c, x, &view, ret);
}

nexpr_status nx_expand_diff(const nx_array_call *c, nx_operand *ret) {
    const nx_compose *x = &c->x;
    int64_t n = 1, axis = -1;
    nx_view later, earlier;
    nx_operand a, b;
    NX_TRY(nx_arg_array(c, "a", ret));
    NX_TRY(nx_arg_integer(c, "n", &n));
    NX_TRY(nx_arg_integer(c, "axis", &axis));
    const nx_span span = nx_is_given(c, "axis") ? nx_arg_span(c, "axis") : x->span;
    if (n < 0) return nx_fail(x->err, NEXPR_VALUE, nx_arg_span(c, "n"), "'n' of 'diff' cannot be negative");
    if (axis < -NEXPR_MAX_NDIM || axis >= NEXPR_MAX_NDIM) {
        return nx_fail(x->err, NEXPR_SHAPE, span, "axis %lld is out of range: there are at most %d dimensions",
                       (long long)axis, NEXPR_MAX_NDIM);
    }
    if (!n) return NEXPR_OK;
    NX_TRY(check_axis(c, *ret, axis, span, ret));
    NX_TRY(slice_axis(c, axis, span, true, &later));
    NX_TRY(slice_axis(c, axis, span, false, &earlier));
    const bool is_bool = nx_compose_class(x, *ret) == NX_CLASS_BOOL;
    for (int64_t i = 0; i < n; i++) {
        NX_TRY(nx_view_operand(c, *ret, &later, &a));
        NX_TRY(nx_view_operand(c, *ret, &earlier, &b));
        NX_TRY(nx_compose2(x, is_bool ? NX_OP_not_equal : NX_OP_subtract, a, b, ret));
    }
    return NEXPR_OK;
}
