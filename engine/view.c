/* SPDX-License-Identifier: MIT */
#include "engine/view.h"

#include <string.h>

bool nx_view_equal(const nx_view *a, const nx_view *b) {
    return a->kind == b->kind && a->has_numbers == b->has_numbers && a->count == b->count && !a->nodes == !b->nodes &&
           (!a->count || !memcmp(a->numbers, b->numbers, a->count * sizeof *a->numbers)) &&
           (!a->nodes || !memcmp(a->nodes, b->nodes, a->count * sizeof *a->nodes));
}

uint64_t nx_view_hash(const nx_view *view) {
    uint64_t h = view->kind | (uint64_t)view->has_numbers << 8;
    for (uint32_t i = 0; i < view->count; i++) {
        const uint64_t number = (uint64_t)view->numbers[i] + (view->nodes ? view->nodes[i] : 0);
        h = (h ^ number) * 0x9E3779B97F4A7C15u + (h >> 29);
    }
    return h;
}

/* What the functions for the kinds work on. */
typedef struct application {
    const nx_view *view;
    const nx_shape *from;
    nx_span span;
    nx_shape *ret;
    nx_axis *axes; /* of `from` */
    nexpr_error *err;
} application;

static nexpr_status add_axis(const application *a, nx_span span, int64_t extent) {
    if (a->ret->ndim == NEXPR_MAX_NDIM) {
        return nx_fail(a->err, NEXPR_LIMIT, span, "the result has more than %d dimensions", NEXPR_MAX_NDIM);
    }
    a->ret->extent[a->ret->ndim++] = extent;
    return NEXPR_OK;
}

/* Number i as an axis of `ndim`, counted from the end if it is negative. */
static nexpr_status read_axis(const application *a, uint32_t i, int ndim, int *ret) {
    int64_t axis = a->view->numbers[i];
    if (axis < -ndim || axis >= ndim) {
        return nx_fail(a->err, NEXPR_SHAPE, a->view->spans[i], "axis %lld is out of range: there are %d dimensions",
                       (long long)axis, ndim);
    }
    *ret = (int)(axis < 0 ? axis + ndim : axis);
    return NEXPR_OK;
}

/* All numbers as different axes of `ndim`; ret_chosen tells which. */
static nexpr_status read_axes(const application *a, int ndim, int ret[NEXPR_MAX_NDIM], bool ret_chosen[NEXPR_MAX_NDIM]) {
    memset(ret_chosen, 0, NEXPR_MAX_NDIM * sizeof *ret_chosen);
    for (uint32_t i = 0; i < a->view->count; i++) {
        int axis = 0;
        NX_TRY(read_axis(a, i, ndim, &axis));
        if (ret_chosen[axis]) {
            return nx_fail(a->err, NEXPR_SHAPE, a->view->spans[i], "axis %lld is given twice", (long long)a->view->numbers[i]);
        }
        ret_chosen[axis] = true;
        ret[i] = axis;
    }
    return NEXPR_OK;
}

/* ---------------------------------------------------------------------------------------------------------- index -- */

static const int64_t *item_at(const nx_view *view, uint32_t i) {
    return view->numbers + i * NX_ITEM_WORDS;
}

static nexpr_status take_integer(const application *a, uint32_t i, int axis) {
    int64_t extent = a->from->extent[axis], given = item_at(a->view, i)[NX_ITEM_START];
    if (extent >= 0 && (given < -extent || given >= extent)) {
        return nx_fail(a->err, NEXPR_SHAPE, a->view->spans[i * NX_ITEM_WORDS],
                       "index %lld is out of bounds for axis %d of length %lld", (long long)given, axis, (long long)extent);
    }
    a->axes[axis] = (nx_axis){-1, given < 0 ? given + extent : given, 0};
    return NEXPR_OK;
}

/* A bound of a slice, counted from the end if it is negative, within [least, most]. */
static int64_t clip_bound(int64_t bound, int64_t extent, int64_t least, int64_t most) {
    if (bound < 0) bound = bound < -extent ? least : bound + extent;
    return bound < least ? least : bound > most ? most : bound;
}

static nexpr_status take_slice(const application *a, uint32_t i, int axis) {
    const int64_t *item = item_at(a->view, i), extent = a->from->extent[axis];
    if (extent < 0) return add_axis(a, a->view->spans[i * NX_ITEM_WORDS], extent);
    const bool has_start = item[NX_ITEM_GIVEN] & 1, has_stop = item[NX_ITEM_GIVEN] & 2;
    int64_t step = item[NX_ITEM_GIVEN] & 4 ? item[NX_ITEM_STEP] : 1, least = step > 0 ? 0 : -1, most = extent + least, count;
    int64_t start = has_start ? clip_bound(item[NX_ITEM_START], extent, least, most) : step > 0 ? 0 : most;
    int64_t stop = has_stop ? clip_bound(item[NX_ITEM_STOP], extent, least, most) : step > 0 ? most : -1;
    if (!step) return nx_fail(a->err, NEXPR_VALUE, a->view->spans[i * NX_ITEM_WORDS], "the step of a slice cannot be 0");
    if (step > 0) count = stop > start ? (stop - start - 1) / step + 1 : 0;
    else count = start > stop ? (int64_t)((uint64_t)(start - stop - 1) / (0 - (uint64_t)step)) + 1 : 0;
    a->axes[axis] = (nx_axis){a->ret->ndim, count ? start : 0, count > 1 ? step : 0};
    return add_axis(a, a->view->spans[i * NX_ITEM_WORDS], count);
}

/* Axes that an ellipsis, or the end of the items, stands for. */
static nexpr_status take_whole_axes(const application *a, int *axis, int count) {
    for (; count > 0; count--, ++*axis) {
        a->axes[*axis] = (nx_axis){a->ret->ndim, 0, 1};
        NX_TRY(add_axis(a, a->span, a->from->extent[*axis]));
    }
    return NEXPR_OK;
}

static nexpr_status apply_index(const application *a) {
    const uint32_t items = a->view->count / NX_ITEM_WORDS;
    int used = 0, axis = 0;
    for (uint32_t i = 0; i < items; i++) used += item_at(a->view, i)[NX_ITEM_KIND] <= NX_ITEM_SLICE;
    if (used > a->from->ndim) {
        return nx_fail(a->err, NEXPR_SHAPE, a->span, "too many indices: %d for an array of %d dimension%s", used, a->from->ndim,
                       a->from->ndim == 1 ? "" : "s");
    }
    for (uint32_t i = 0; i < items; i++) {
        switch ((nx_item_kind)item_at(a->view, i)[NX_ITEM_KIND]) {
        case NX_ITEM_INTEGER: NX_TRY(take_integer(a, i, axis++)); break;
        case NX_ITEM_SLICE: NX_TRY(take_slice(a, i, axis++)); break;
        case NX_ITEM_ELLIPSIS: NX_TRY(take_whole_axes(a, &axis, a->from->ndim - used)); break;
        case NX_ITEM_NEW_AXIS: NX_TRY(add_axis(a, a->view->spans[i * NX_ITEM_WORDS], 1)); break;
        }
    }
    return take_whole_axes(a, &axis, a->from->ndim - axis);
}

/* --------------------------------------------------------------------------------------------------- axes in order -- */

static nexpr_status apply_order(const application *a, const int order[NEXPR_MAX_NDIM]) {
    for (int i = 0; i < a->from->ndim; i++) {
        a->axes[order[i]] = (nx_axis){i, 0, 1};
        NX_TRY(add_axis(a, a->span, a->from->extent[order[i]]));
    }
    return NEXPR_OK;
}

static nexpr_status apply_transpose(const application *a) {
    const int ndim = a->from->ndim;
    int order[NEXPR_MAX_NDIM];
    bool chosen[NEXPR_MAX_NDIM];
    for (int i = 0; i < ndim; i++) order[i] = ndim - 1 - i;
    if (!a->view->has_numbers) return apply_order(a, order);
    if (a->view->count != (uint32_t)ndim) {
        return nx_fail(a->err, NEXPR_SHAPE, a->span, "the order has %u axes, but the array has %d dimension%s", a->view->count,
                       ndim, ndim == 1 ? "" : "s");
    }
    NX_TRY(read_axes(a, ndim, order, chosen));
    return apply_order(a, order);
}

static nexpr_status apply_swapaxes(const application *a) {
    int order[NEXPR_MAX_NDIM], one = 0, other = 0;
    NX_TRY(read_axis(a, 0, a->from->ndim, &one));
    NX_TRY(read_axis(a, 1, a->from->ndim, &other));
    for (int i = 0; i < a->from->ndim; i++) order[i] = i == one ? other : i == other ? one : i;
    return apply_order(a, order);
}

static nexpr_status apply_flip(const application *a) {
    int order[NEXPR_MAX_NDIM];
    bool chosen[NEXPR_MAX_NDIM];
    NX_TRY(read_axes(a, a->from->ndim, order, chosen));
    for (int i = 0; i < a->from->ndim; i++) {
        const int64_t last = a->from->extent[i] - 1;
        const bool flips = (chosen[i] || !a->view->has_numbers) && last > 0;
        a->axes[i] = (nx_axis){i, flips ? last : 0, flips ? -1 : 1};
        NX_TRY(add_axis(a, a->span, a->from->extent[i]));
    }
    return NEXPR_OK;
}

/* ----------------------------------------------------------------------------------------------- axes come and go -- */

static nexpr_status apply_squeeze(const application *a) {
    int order[NEXPR_MAX_NDIM];
    bool chosen[NEXPR_MAX_NDIM];
    NX_TRY(read_axes(a, a->from->ndim, order, chosen));
    for (uint32_t i = 0; i < a->view->count; i++) {
        int64_t extent = a->from->extent[order[i]];
        if (extent == 1) continue;
        return nx_fail(a->err, NEXPR_SHAPE, a->view->spans[i], "axis %d has length %lld and can only be dropped if it has 1",
                       order[i], (long long)extent);
    }
    for (int i = 0; i < a->from->ndim; i++) {
        const bool goes = a->view->has_numbers ? chosen[i] : a->from->extent[i] == 1;
        a->axes[i] = goes ? (nx_axis){-1, 0, 0} : (nx_axis){a->ret->ndim, 0, 1};
        if (!goes) NX_TRY(add_axis(a, a->span, a->from->extent[i]));
    }
    return NEXPR_OK;
}

static nexpr_status apply_expand_dims(const application *a) {
    const int ndim = a->from->ndim + (int)a->view->count;
    int order[NEXPR_MAX_NDIM], own = 0;
    bool is_new[NEXPR_MAX_NDIM];
    if (a->view->count > (uint32_t)(NEXPR_MAX_NDIM - a->from->ndim)) {
        return nx_fail(a->err, NEXPR_LIMIT, a->span, "the result has more than %d dimensions", NEXPR_MAX_NDIM);
    }
    NX_TRY(read_axes(a, ndim, order, is_new));
    for (int i = 0; i < ndim; i++) {
        if (!is_new[i]) a->axes[own] = (nx_axis){i, 0, 1};
        NX_TRY(add_axis(a, a->span, is_new[i] ? 1 : a->from->extent[own]));
        own += !is_new[i];
    }
    return NEXPR_OK;
}

/* -------------------------------------------------------------------------------------------------------- shapes -- */

/* The numbers as a shape; *ret_open is the axis whose extent is -1, or -1. */
static nexpr_status read_shape(const application *a, int *ret_open) {
    *ret_open = -1;
    for (uint32_t i = 0; i < a->view->count; i++) {
        int64_t extent = a->view->numbers[i];
        if (extent == -1 && *ret_open < 0 && a->view->kind == NX_VIEW_reshape) {
            *ret_open = (int)i;
        } else if (extent < 0) {
            return nx_fail(a->err, NEXPR_VALUE, a->view->spans[i], "a length cannot be %lld%s", (long long)extent,
                           extent == -1 && *ret_open >= 0 ? ": only one can be left open" : "");
        }
        NX_TRY(add_axis(a, a->view->spans[i], extent));
    }
    return NEXPR_OK;
}

/* "(2, -1)": the shape as it is given. */
static nexpr_status fail_reshape(const application *a) {
    char have[NX_SHAPE_TEXT], want[NX_SHAPE_TEXT];
    return nx_fail(a->err, NEXPR_SHAPE, a->span, "an array of shape %s cannot be reshaped to %s",
                   nx_shape_text(a->from->ndim, a->from->extent, have),
                   nx_shape_text((int)a->view->count, a->view->numbers, want));
}

static nexpr_status apply_reshape(const application *a) {
    int open;
    int64_t known = 1;
    NX_TRY(read_shape(a, &open));
    for (int i = 0; i < a->from->ndim; i++) {
        if (a->from->extent[i] >= 0) continue;
        if (open >= 0) a->ret->extent[open] = -1;
        return NEXPR_OK;
    }
    for (int i = 0; i < a->ret->ndim; i++) {
        if (i != open && __builtin_mul_overflow(known, a->ret->extent[i], &known)) return fail_reshape(a);
    }
    if (open >= 0) {
        if (!known || a->from->count % known) return fail_reshape(a);
        a->ret->extent[open] = a->from->count / known;
        known *= a->ret->extent[open];
    }
    return known == a->from->count ? NEXPR_OK : fail_reshape(a);
}

static nexpr_status apply_broadcast_to(const application *a) {
    int open;
    NX_TRY(read_shape(a, &open));
    nx_shape wide = *a->ret;
    const int added = wide.ndim - a->from->ndim;
    if (added < 0 || !nx_shape_widen(&wide, a->from->ndim, a->from->extent) || !nx_shape_equal(&wide, a->ret)) {
        char have[NX_SHAPE_TEXT], want[NX_SHAPE_TEXT];
        return nx_fail(a->err, NEXPR_SHAPE, a->span, "an array of shape %s does not broadcast to %s",
                       nx_shape_text(a->from->ndim, a->from->extent, have),
                       nx_shape_text((int)a->view->count, a->view->numbers, want));
    }
    for (int i = 0; i < a->from->ndim; i++) {
        a->axes[i] = a->from->extent[i] == 1 ? (nx_axis){-1, 0, 0} : (nx_axis){i + added, 0, 1};
    }
    return NEXPR_OK;
}

/* ------------------------------------------------------------------------------------------- shapes of other nodes -- */

static nexpr_status apply_reduced(const application *a) {
    int order[NEXPR_MAX_NDIM];
    bool chosen[NEXPR_MAX_NDIM];
    const bool keeps = a->view->kind == NX_VIEW_REDUCED_KEPT;
    NX_TRY(read_axes(a, a->from->ndim, order, chosen));
    for (int i = 0; i < a->from->ndim; i++) {
        const bool goes = chosen[i] || !a->view->has_numbers;
        a->axes[i] = goes ? (nx_axis){-1, 0, 0} : (nx_axis){a->ret->ndim, 0, 1};
        if (!goes || keeps) NX_TRY(add_axis(a, a->span, goes ? 1 : a->from->extent[i]));
    }
    return NEXPR_OK;
}

static nexpr_status apply_grid(const application *a) {
    int axis = 0;
    if (a->view->has_numbers) NX_TRY(read_axis(a, 0, a->from->ndim, &axis));
    for (int i = 0; i < a->from->ndim; i++) {
        const bool stays = i == axis || !a->view->has_numbers;
        a->axes[i] = stays ? (nx_axis){i, 0, 1} : (nx_axis){-1, 0, 0};
        NX_TRY(add_axis(a, a->span, stays ? a->from->extent[i] : 1));
    }
    return NEXPR_OK;
}

static nexpr_status apply_vector(const application *a) {
    char text[NX_SHAPE_TEXT];
    if (a->from->ndim != 1) {
        return nx_fail(a->err, NEXPR_SHAPE, a->span, "this has to be a vector, with one axis, but its shape is %s",
                       nx_shape_text(a->from->ndim, a->from->extent, text));
    }
    a->axes[0] = (nx_axis){0, 0, 1};
    return add_axis(a, a->span, a->from->extent[0]);
}

static nexpr_status apply_table(const application *a) {
    int axis;
    char text[NX_SHAPE_TEXT];
    if (a->view->kind == NX_VIEW_DENSE_TABLE && a->from->ndim != 1) {
        return nx_fail(a->err, NEXPR_SHAPE, a->view->spans[0], "this has to be a vector, with one axis, but its shape is %s",
                       nx_shape_text(a->from->ndim, a->from->extent, text));
    }
    NX_TRY(read_axis(a, 0, a->from->ndim, &axis));
    for (int i = 0; i < a->from->ndim; i++) {
        a->axes[i] = (nx_axis){i, 0, 1};
        NX_TRY(add_axis(a, a->span, a->from->extent[i]));
    }
    return NEXPR_OK;
}

nexpr_status nx_view_apply(const nx_view *view, const nx_shape *from, nx_span span, nx_shape *ret,
                           nx_axis ret_axes[NEXPR_MAX_NDIM], nexpr_error *err) {
    typedef nexpr_status apply(const application *a);
    static apply *const by_kind[] = {
        [NX_VIEW_INDEX] = apply_index,
#define VIEW(id, ...) [NX_VIEW_##id] = apply_##id,
#include "engine/ops.def"
        [NX_VIEW_REDUCED] = apply_reduced,
        [NX_VIEW_REDUCED_KEPT] = apply_reduced,
        [NX_VIEW_VECTOR] = apply_vector,
        [NX_VIEW_GRID] = apply_grid,
        [NX_VIEW_TABLE] = apply_table,
        [NX_VIEW_DENSE_TABLE] = apply_table,
    };
    *ret = (nx_shape){.ndim = 0};
    NX_TRY(by_kind[view->kind](&(application){view, from, span, ret, ret_axes, err}));
    return nx_shape_count(ret, span, err);
}
