/* SPDX-License-Identifier: MIT */
/* The first sweep of the scheduler: which nodes are needed, and their shapes. */
#include "engine/scheduler.h"

#include "engine/build.h"

#include <string.h>

/* What tells the numbers of a view has to be known, but is not computed by a pass. */
static void mark_numbers(const nx_scheduler *s, const nx_view *view) {
    for (uint32_t i = 0; view->nodes && i < view->count; i++) {
        if (view->nodes[i]) s->state[view->nodes[i] - 1].has_shape = true;
    }
}

static void mark_needed(const nx_scheduler *s) {
    for (uint32_t r = 0; r < s->ir->result_count; r++) {
        nx_node_state *root = &s->state[s->ir->results[r].node];
        root->has_shape = root->is_computed = true;
        root->readers++;
    }
    for (nx_ref i = s->ir->node_count; i-- > 0;) {
        const nx_node *node = &s->ir->nodes[i];
        if (s->state[i].has_shape && nx_node_has_view(node)) mark_numbers(s, nx_scheduler_view(s, node));
        for (int k = 0; s->state[i].has_shape && k < node->arity; k++) {
            nx_node_state *arg = &s->state[node->arg[k]];
            arg->has_shape = true;
            arg->readers += s->state[i].is_computed && nx_is_read(node, k);
            arg->is_computed = arg->readers > 0;
        }
    }
}

/* The shape that operands broadcast to; mostly that of one of them. */
static nexpr_status broadcast(const nx_scheduler *s, const nx_node *node, const nx_shape **ret) {
    nx_shape wide = *s->state[node->arg[0]].shape;
    for (int k = 1; k < node->arity; k++) {
        const nx_shape *arg = s->state[node->arg[k]].shape;
        const nx_shape before = wide;
        if (nx_shape_widen(&wide, arg->ndim, arg->extent)) continue;
        char one[NX_SHAPE_TEXT], other[NX_SHAPE_TEXT];
        return nx_fail(s->err, NEXPR_SHAPE, node->span, "shapes %s and %s do not broadcast together",
                       nx_shape_text(before.ndim, before.extent, one), nx_shape_text(arg->ndim, arg->extent, other));
    }
    NX_TRY(nx_shape_count(&wide, node->span, s->err));
    for (int k = 0; k < node->arity; k++) {
        *ret = s->state[node->arg[k]].shape;
        if (nx_shape_equal(*ret, &wide)) return NEXPR_OK;
    }
    nx_shape *own = nx_scheduler_take(s, 1, sizeof *own);
    if (!own) return nx_fail_memory(s->err);
    *own = wide;
    *ret = own;
    return NEXPR_OK;
}

/* The view with all its numbers. */
static nexpr_status read_numbers(const nx_scheduler *s, const nx_view *view, nx_view *ret) {
    *ret = *view;
    if (!view->nodes) return NEXPR_OK;
    int64_t *numbers = nx_scheduler_take(s, view->count, sizeof *numbers);
    if (!numbers) return nx_fail_memory(s->err);
    for (uint32_t i = 0; i < view->count; i++) {
        const nx_node_state *teller = view->nodes[i] ? &s->state[view->nodes[i] - 1] : NULL;
        if (teller && !teller->is_known) {
            return nx_fail(s->err, NEXPR_SHAPE, view->spans[i], "this length is not known before the expression runs");
        }
        numbers[i] = teller ? teller->value.i64 : view->numbers[i];
    }
    ret->numbers = numbers;
    return NEXPR_OK;
}

static nexpr_status apply_view(const nx_scheduler *s, const nx_node *node, nx_node_state *state) {
    const nx_shape *from = s->state[node->arg[0]].shape;
    nx_shape *shape = nx_scheduler_take(s, 1, sizeof *shape);
    nx_axis axes[NEXPR_MAX_NDIM], *own = nx_scheduler_take(s, (size_t)from->ndim, sizeof *own);
    if (!shape || !own) return nx_fail_memory(s->err);
    nx_view view;
    NX_TRY(read_numbers(s, nx_scheduler_view(s, node), &view));
    NX_TRY(nx_view_apply(&view, from, node->span, shape, axes, s->err));
    if (!nx_is_reshape(s, node)) memcpy(own, axes, (size_t)from->ndim * sizeof *own);
    state->shape = shape;
    state->axes = own;
    return NEXPR_OK;
}

/* The number of axes, or the product of the lengths of those that the view drops; not known if one of these is not. */
static void find_extent(const nx_scheduler *s, const nx_node *node, nx_node_state *state) {
    const nx_shape *from = s->state[node->arg[0]].shape;
    const bool counts_axes = node->flags & NX_COUNTS_AXES;
    int64_t product = 1;
    state->is_known = true;
    for (int k = 0; k < from->ndim && !counts_axes; k++) {
        if (state->axes[k].axis >= 0) continue;
        product *= from->extent[k];
        state->is_known &= from->extent[k] >= 0;
    }
    state->value.i64 = counts_axes ? from->ndim : product;
}

static nexpr_status broadcast_like(const nx_scheduler *s, const nx_node *node, nx_node_state *state) {
    const nx_shape *from = s->state[node->arg[0]].shape, *like = s->state[node->arg[1]].shape;
    nx_shape wide = *like;
    state->shape = like;
    if (nx_shape_widen(&wide, from->ndim, from->extent) && nx_shape_equal(&wide, like)) return NEXPR_OK;
    char have[NX_SHAPE_TEXT], want[NX_SHAPE_TEXT];
    return nx_fail(s->err, NEXPR_SHAPE, node->span, "an array of shape %s does not broadcast to %s",
                   nx_shape_text(from->ndim, from->extent, have), nx_shape_text(like->ndim, like->extent, want));
}

static nexpr_status check_mask(const nx_scheduler *s, const nx_node *node, const nx_shape *array, const nx_shape *mask) {
    char have[NX_SHAPE_TEXT], want[NX_SHAPE_TEXT];
    if (nx_shape_equal(array, mask)) return NEXPR_OK;
    return nx_fail(s->err, NEXPR_SHAPE, node->span, "the mask has shape %s, but the array has shape %s",
                   nx_shape_text(mask->ndim, mask->extent, have), nx_shape_text(array->ndim, array->extent, want));
}

static nexpr_status compress(const nx_scheduler *s, nx_ref i, nx_node_state *state) {
    const nx_node *node = &s->ir->nodes[i];
    NX_TRY(check_mask(s, node, s->state[node->arg[0]].shape, s->state[node->arg[1]].shape));
    nx_shape *own = nx_scheduler_take(s, 1, sizeof *own);
    if (!own) return nx_fail_memory(s->err);
    *own = (nx_shape){.ndim = 1, .extent = {s->lengths ? s->lengths[i] : -1}};
    state->shape = own;
    return nx_shape_count(own, node->span, s->err);
}

/* The axes of arg[1] that arg[0] lies along: those of the view, in its order, or, if the shapes are equal, all. */
static nexpr_status lie_along(const nx_scheduler *s, const nx_node *node, nx_node_state *state) {
    const nx_shape *from = s->state[node->arg[0]].shape, *like = s->state[node->arg[1]].shape;
    const nx_view *view = nx_scheduler_view(s, node);
    nx_axis *axes = nx_scheduler_take(s, (size_t)from->ndim, sizeof *axes), unused[NEXPR_MAX_NDIM];
    nx_shape rest;
    if (!axes) return nx_fail_memory(s->err);
    const bool is_equal = nx_shape_equal(from, like);
    bool fits = is_equal || (view->has_numbers && (uint32_t)from->ndim == view->count);
    if (node->flags & NX_IS_MASK) NX_TRY(check_mask(s, node, like, from));
    NX_TRY(nx_view_apply(view, like, node->span, &rest, unused, s->err));
    for (int k = 0; fits && k < from->ndim; k++) {
        const int axis = is_equal ? k : (int)(view->numbers[k] + (view->numbers[k] < 0 ? like->ndim : 0));
        axes[k] = (nx_axis){axis, 0, 1};
        fits = from->extent[k] == like->extent[axis];
    }
    state->shape = like;
    state->axes = axes;
    if (fits) return NEXPR_OK;
    char have[NX_SHAPE_TEXT], want[NX_SHAPE_TEXT];
    return nx_fail(s->err, NEXPR_SHAPE, node->span, view->has_numbers ? "shape %s is neither %s nor the lengths of the axes that are given" :
                   "shape %s differs from %s", nx_shape_text(from->ndim, from->extent, have),
                   nx_shape_text(like->ndim, like->extent, want));
}

/* Nothing cannot be reduced to an element, unless the reducer has a value for it. */
static nexpr_status check_not_empty(const nx_scheduler *s, const nx_node *node, const nx_shape *result) {
    const nx_shape *from = s->state[node->arg[0]].shape;
    const nx_reducer reducer = (nx_reducer)node->op;
    if (from->count || !result->count || nx_reducer_has_start(reducer) || node->flags & NX_MAY_BE_EMPTY) return NEXPR_OK;
    char text[NX_SHAPE_TEXT];
    return nx_fail(s->err, NEXPR_SHAPE, node->span, "there is no %s of nothing: the array has shape %s",
                   nx_scheduler_view(s, node)->function, nx_shape_text(from->ndim, from->extent, text));
}

/* The index's axes in place of the one that is indexed. */
static nexpr_status take_shape(const nx_scheduler *s, const nx_node *node, nx_node_state *state) {
    const nx_shape *index = s->state[node->arg[0]].shape, *table = s->state[node->arg[1]].shape;
    const int axis = nx_table_axis(s, &s->ir->nodes[node->arg[1]]), ndim = table->ndim - 1 + index->ndim;
    if (ndim > NEXPR_MAX_NDIM) {
        return nx_fail(s->err, NEXPR_SHAPE, node->span, "the result would have %d dimensions; the most is %d", ndim,
                       NEXPR_MAX_NDIM);
    }
    nx_shape *own = nx_scheduler_take(s, 1, sizeof *own);
    if (!own) return nx_fail_memory(s->err);
    for (int k = 0; k < axis; k++) own->extent[own->ndim++] = table->extent[k];
    for (int k = 0; k < index->ndim; k++) own->extent[own->ndim++] = index->extent[k];
    for (int k = axis + 1; k < table->ndim; k++) own->extent[own->ndim++] = table->extent[k];
    state->shape = own;
    NX_TRY(nx_shape_count(own, node->span, s->err));
    if (table->extent[axis] || !own->count) return NEXPR_OK;
    return nx_fail(s->err, NEXPR_VALUE, node->span, "no index is in bounds for axis %d of length 0", axis);
}

static nexpr_status check_points(const nx_scheduler *s, const nx_node *node) {
    const nx_shape *xp = s->state[node->arg[1]].shape, *fp = s->state[node->arg[2]].shape;
    if (xp->count && xp->count == fp->count) return NEXPR_OK;
    if (!xp->count) return nx_fail(s->err, NEXPR_SHAPE, node->span, "'interp' needs at least one point");
    return nx_fail(s->err, NEXPR_SHAPE, node->span, "'xp' and 'fp' of 'interp' have different lengths: %lld and %lld",
                   (long long)xp->count, (long long)fp->count);
}

static nexpr_status find_shape(const nx_scheduler *s, nx_ref i) {
    static const nx_shape scalar = {.ndim = 0, .count = 1};
    const nx_node *node = &s->ir->nodes[i];
    nx_node_state *state = &s->state[i];
    switch ((nx_node_kind)node->kind) {
    case NX_NODE_INPUT: state->shape = s->inputs[node->index].shape; break;
    case NX_NODE_CONST:
        state->value = *nx_ir_value(s->ir, i);
        state->is_known = true;
        state->shape = &scalar;
        break;
    case NX_NODE_CAST: state->shape = s->state[node->arg[0]].shape; break;
    case NX_NODE_OP: return broadcast(s, node, &state->shape);
    case NX_NODE_VIEW:
    case NX_NODE_INDEX: return apply_view(s, node, state);
    case NX_NODE_REDUCE:
        NX_TRY(apply_view(s, node, state));
        return check_not_empty(s, node, state->shape);
    case NX_NODE_SCAN:
        NX_TRY(apply_view(s, node, state));
        state->shape = s->state[node->arg[0]].shape;
        break;
    case NX_NODE_EXTENT:
        NX_TRY(apply_view(s, node, state));
        find_extent(s, node, state);
        state->shape = &scalar;
        break;
    case NX_NODE_ALONG: return lie_along(s, node, state);
    case NX_NODE_LIKE: return broadcast_like(s, node, state);
    case NX_NODE_LOOKUP:
        if (node->op == NX_LOOKUP_take) return take_shape(s, node, state);
        if (node->op == NX_LOOKUP_interp) NX_TRY(check_points(s, node));
        state->shape = s->state[node->arg[0]].shape;
        break;
    case NX_NODE_COMPRESS: return compress(s, i, state);
    }
    return NEXPR_OK;
}

/* Operations on what is known are known too. */
static void find_value(const nx_scheduler *s, nx_ref i) {
    const nx_node *node = &s->ir->nodes[i];
    nx_node_state *state = &s->state[i];
    nx_value args[NX_MAX_ARITY];
    if (node->kind != NX_NODE_OP && node->kind != NX_NODE_CAST) return;
    for (int k = 0; k < node->arity; k++) {
        if (!s->state[node->arg[k]].is_known) return;
        args[k] = s->state[node->arg[k]].value;
    }
    s->ir->evaluate(node, args, &state->value);
    state->is_known = true;
}

nexpr_status nx_schedule_shapes(nx_scheduler *s) {
    s->state = nx_scheduler_take(s, s->ir->node_count, sizeof *s->state);
    if (!s->state) return nx_fail_memory(s->err);
    mark_needed(s);
    for (nx_ref i = 0; i < s->ir->node_count; i++) {
        if (!s->state[i].has_shape) continue;
        NX_TRY(find_shape(s, i));
        find_value(s, i);
    }
    return NEXPR_OK;
}

nexpr_status nx_result_shapes(const nx_ir *ir, const nx_layout *inputs, const int64_t *lengths, nx_arena *arena,
                              const nx_shape **ret, nexpr_error *err) {
    nx_scheduler s = {.ir = ir, .inputs = inputs, .lengths = lengths, .arena = arena, .err = err};
    NX_TRY(nx_schedule_shapes(&s));
    for (uint32_t r = 0; r < ir->result_count; r++) ret[r] = s.state[ir->results[r].node].shape;
    return NEXPR_OK;
}
