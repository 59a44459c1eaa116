/* SPDX-License-Identifier: MIT */
/*
 * Three sweeps over the nodes, none of which recurses. Upwards, every node gets its shape, and, if it is an array that lies
 * in memory, its layout. Then, for each pass, downwards: a node is demanded with a map, which tells the index along each of
 * its axes in terms of the pass's, and demands its operands with maps of their own. And upwards again, where each demand
 * becomes a node of the pass. Equal demands are one, so that a common sub-expression stays common.
 */
#include "engine/schedule.h"

#include <string.h>

typedef struct demand {
    const nx_axis *map; /* by axis of the node */
    struct demand *arg[NX_MAX_ARITY];
    nx_ref built;       /* in the pass */
    struct demand *next; /* of the same node */
} demand;

/* Where the elements of a node lie, if they do. */
typedef struct layout {
    bool is_temporary;
    uint32_t index;
    int64_t offset;
    const int64_t *strides; /* by axis; NULL: it has to be computed */
} layout;

typedef struct node_state {
    bool is_needed;
    const nx_shape *shape;
    const nx_axis *axes; /* of a view: the axes of its array in terms of its own */
    int64_t value;       /* of an extent */
    layout layout;
    demand *demands;     /* of the pass that is being made */
} node_state;

typedef struct scheduler {
    const nx_ir *ir;
    const nx_layout *inputs;
    nx_arena *arena;
    nexpr_error *err;
    node_state *state;
    nx_schedule *ret;
    size_t demand_count, max_demands, pass_capacity, temporary_capacity;
} scheduler;

static void *take(const scheduler *s, size_t count, size_t size) {
    return nx_arena_alloc(s->arena, count ? count : 1, size);
}

static const nx_view *view_of(const scheduler *s, const nx_node *node) {
    return &s->ir->views[node->index];
}

static bool is_reshape(const scheduler *s, const nx_node *node) {
    return node->kind == NX_NODE_VIEW && view_of(s, node)->kind == NX_VIEW_reshape;
}

/* -------------------------------------------------------------------------------------------------------- shapes -- */

static void mark_needed(const scheduler *s) {
    for (uint32_t r = 0; r < s->ir->result_count; r++) s->state[s->ir->results[r].node].is_needed = true;
    for (nx_ref i = s->ir->node_count; i-- > 0;) {
        const nx_node *node = &s->ir->nodes[i];
        for (int k = 0; s->state[i].is_needed && k < node->arity; k++) s->state[node->arg[k]].is_needed = true;
    }
}

/* The shape that operands broadcast to; mostly that of one of them. */
static nexpr_status broadcast(const scheduler *s, const nx_node *node, const nx_shape **ret) {
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
    nx_shape *own = take(s, 1, sizeof *own);
    if (!own) return nx_fail_memory(s->err);
    *own = wide;
    *ret = own;
    return NEXPR_OK;
}

static nexpr_status apply_view(const scheduler *s, const nx_node *node, node_state *state) {
    const nx_shape *from = s->state[node->arg[0]].shape;
    nx_shape *shape = take(s, 1, sizeof *shape);
    nx_axis axes[NEXPR_MAX_NDIM], *own = take(s, (size_t)from->ndim, sizeof *own);
    if (!shape || !own) return nx_fail_memory(s->err);
    NX_TRY(nx_view_apply(view_of(s, node), from, node->span, shape, axes, s->err));
    if (!is_reshape(s, node)) memcpy(own, axes, (size_t)from->ndim * sizeof *own);
    state->shape = shape;
    state->axes = own;
    return NEXPR_OK;
}

/* The product of the lengths of axes that the view drops. */
static int64_t extent_of(const nx_shape *from, const node_state *state) {
    int64_t product = 1;
    for (int k = 0; k < from->ndim; k++) product *= state->axes[k].axis < 0 ? from->extent[k] : 1;
    return product;
}

static nexpr_status broadcast_like(const scheduler *s, const nx_node *node, node_state *state) {
    const nx_shape *from = s->state[node->arg[0]].shape, *like = s->state[node->arg[1]].shape;
    nx_shape wide = *like;
    state->shape = like;
    if (nx_shape_widen(&wide, from->ndim, from->extent) && nx_shape_equal(&wide, like)) return NEXPR_OK;
    char have[NX_SHAPE_TEXT], want[NX_SHAPE_TEXT];
    return nx_fail(s->err, NEXPR_SHAPE, node->span, "an array of shape %s does not broadcast to %s",
                   nx_shape_text(from->ndim, from->extent, have), nx_shape_text(like->ndim, like->extent, want));
}

/* Nothing cannot be reduced to an element, unless the reducer has a value for it. */
static nexpr_status check_not_empty(const scheduler *s, const nx_node *node, const nx_shape *result) {
    const nx_shape *from = s->state[node->arg[0]].shape;
    const nx_reducer reducer = (nx_reducer)node->op;
    if (from->count || !result->count || nx_reducer_has_start(reducer) || node->flags & NX_MAY_BE_EMPTY) return NEXPR_OK;
    char text[NX_SHAPE_TEXT];
    return nx_fail(s->err, NEXPR_SHAPE, node->span, "there is no %s of nothing: the array has shape %s",
                   nx_reducer_name(reducer), nx_shape_text(from->ndim, from->extent, text));
}

static nexpr_status find_shape(const scheduler *s, nx_ref i) {
    static const nx_shape scalar = {.ndim = 0, .count = 1};
    const nx_node *node = &s->ir->nodes[i];
    node_state *state = &s->state[i];
    switch ((nx_node_kind)node->kind) {
    case NX_NODE_INPUT: state->shape = s->inputs[node->index].shape; break;
    case NX_NODE_CONST: state->shape = &scalar; break;
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
        state->value = extent_of(s->state[node->arg[0]].shape, state);
        state->shape = &scalar;
        break;
    case NX_NODE_LIKE: return broadcast_like(s, node, state);
    }
    return NEXPR_OK;
}

static nexpr_status find_shapes(scheduler *s) {
    s->state = take(s, s->ir->node_count, sizeof *s->state);
    if (!s->state) return nx_fail_memory(s->err);
    mark_needed(s);
    for (nx_ref i = 0; i < s->ir->node_count; i++) {
        if (s->state[i].is_needed) NX_TRY(find_shape(s, i));
    }
    return NEXPR_OK;
}

nexpr_status nx_result_shapes(const nx_ir *ir, const nx_layout *inputs, nx_arena *arena, const nx_shape **ret,
                              nexpr_error *err) {
    scheduler s = {.ir = ir, .inputs = inputs, .arena = arena, .err = err};
    NX_TRY(find_shapes(&s));
    for (uint32_t r = 0; r < ir->result_count; r++) ret[r] = s.state[ir->results[r].node].shape;
    return NEXPR_OK;
}

/* ---------------------------------------------------------------------------------------------------------- maps -- */

/* {-1, offset, 0} wherever nothing varies, so that equal maps have equal bytes. */
static nx_axis canonical(int axis, int64_t offset, int64_t step) {
    return axis < 0 || !step ? (nx_axis){-1, offset, 0} : (nx_axis){axis, offset, step};
}

static const nx_axis *identity(const scheduler *s, const nx_shape *shape) {
    nx_axis *map = take(s, (size_t)shape->ndim, sizeof *map);
    for (int k = 0; map && k < shape->ndim; k++) map[k] = canonical(k, 0, shape->extent[k] != 1);
    return map;
}

/* The map of a view's array, given that of the view. */
static nx_axis *map_through(const scheduler *s, const nx_axis *axes, int ndim, const nx_axis *map) {
    nx_axis *ret = take(s, (size_t)ndim, sizeof *ret);
    for (int k = 0; ret && k < ndim; k++) {
        const nx_axis own = axes[k], outer = own.axis < 0 ? (nx_axis){-1, 0, 0} : map[own.axis];
        ret[k] = canonical(outer.axis, own.offset + own.step * outer.offset, own.step * outer.step);
    }
    return ret;
}

/* The map of an operand that is broadcast, given that of the result. */
static nx_axis *map_broadcast(const scheduler *s, const nx_shape *arg, const nx_shape *result, const nx_axis *map) {
    nx_axis *ret = take(s, (size_t)arg->ndim, sizeof *ret);
    for (int k = 0; ret && k < arg->ndim; k++) {
        ret[k] = arg->extent[k] == 1 ? (nx_axis){-1, 0, 0} : map[k + result->ndim - arg->ndim];
    }
    return ret;
}

/* ------------------------------------------------------------------------------------------------------- layouts -- */

static void c_strides(const nx_shape *shape, int64_t item_size, int64_t *ret) {
    for (int k = shape->ndim - 1; k >= 0; k--) {
        ret[k] = item_size;
        item_size *= shape->extent[k] ? shape->extent[k] : 1;
    }
}

/* Whether axes i to end - 1 can be walked as one. */
static bool are_one_behind_the_other(const nx_shape *shape, const int64_t *strides, int i, int end) {
    for (; i + 1 < end; i++) {
        if (strides[i] != strides[i + 1] * shape->extent[i + 1]) return false;
    }
    return true;
}

/* The shape without axes of length 1, and its strides. */
static void drop_unit_axes(const nx_shape *from, const int64_t *from_strides, nx_shape *ret, int64_t *ret_strides) {
    *ret = (nx_shape){.count = from->count};
    for (int k = 0; k < from->ndim; k++) {
        if (from->extent[k] == 1) continue;
        ret_strides[ret->ndim] = from_strides[k];
        ret->extent[ret->ndim++] = from->extent[k];
    }
}

/* Strides of the same elements in C order with another shape; false if there are none. Both shapes are walked in the
 * shortest runs of axes with equal products. */
static bool reshape_strides(const nx_shape *from, const int64_t *from_strides, const nx_shape *to, int64_t item_size,
                            int64_t *ret) {
    nx_shape old;
    int64_t old_strides[NEXPR_MAX_NDIM];
    c_strides(to, item_size, ret);
    if (to->count <= 1) return true;
    drop_unit_axes(from, from_strides, &old, old_strides);
    for (int i = 0, k = 0, i1, k1; i < old.ndim && k < to->ndim; i = i1, k = k1) {
        int64_t have = old.extent[i], want = to->extent[k];
        i1 = i + 1;
        k1 = k + 1;
        while (have != want) {
            if (want < have) want *= to->extent[k1++];
            else have *= old.extent[i1++];
        }
        if (!are_one_behind_the_other(&old, old_strides, i, i1)) return false;
        int64_t stride = old_strides[i1 - 1];
        for (int j = k1 - 1; j >= k; j--) {
            ret[j] = stride;
            stride *= to->extent[j];
        }
    }
    return true;
}

static nexpr_status make_pass(scheduler *s, const nx_ref *roots, const nx_target *targets, const char *const *names,
                              uint32_t count);

/* A temporary with the elements of node i in C order. */
static nexpr_status add_temporary(scheduler *s, nx_ref i, uint32_t *ret) {
    nx_schedule *schedule = s->ret;
    schedule->temporaries = nx_arena_grow(s->arena, schedule->temporaries, schedule->temporary_count, &s->temporary_capacity,
                                          sizeof *schedule->temporaries);
    if (!schedule->temporaries) return nx_fail_memory(s->err);
    *ret = schedule->temporary_count++;
    schedule->temporaries[*ret] = (nx_temporary){(nexpr_dtype)s->ir->nodes[i].dtype, s->state[i].shape->count};
    return make_pass(s, &i, &(nx_target){true, *ret}, NULL, 1);
}

static nexpr_status lay_reshape(scheduler *s, const nx_node *node, node_state *state, int64_t *strides) {
    const node_state *array = &s->state[node->arg[0]];
    const int64_t item_size = (int64_t)nexpr_dtype_size((nexpr_dtype)node->dtype);
    state->layout = array->layout;
    state->layout.strides = strides;
    if (array->layout.strides && reshape_strides(array->shape, array->layout.strides, state->shape, item_size, strides)) {
        return NEXPR_OK;
    }
    state->layout = (layout){.is_temporary = true, .strides = strides};
    c_strides(state->shape, item_size, strides);
    return add_temporary(s, node->arg[0], &state->layout.index);
}

/* Inputs, views of what lies in memory, and all reshapes have a layout. */
static nexpr_status find_layout(scheduler *s, nx_ref i) {
    const nx_node *node = &s->ir->nodes[i];
    node_state *state = &s->state[i];
    if (node->kind == NX_NODE_INPUT) {
        state->layout = (layout){.index = node->index, .strides = s->inputs[node->index].strides};
        return NEXPR_OK;
    }
    if (node->kind != NX_NODE_VIEW) return NEXPR_OK;
    const node_state *array = &s->state[node->arg[0]];
    const bool reshapes = is_reshape(s, node);
    if (!reshapes && !array->layout.strides) return NEXPR_OK;
    int64_t *strides = take(s, (size_t)state->shape->ndim, sizeof *strides);
    if (!strides) return nx_fail_memory(s->err);
    if (reshapes) return lay_reshape(s, node, state, strides);
    state->layout = array->layout;
    state->layout.strides = strides;
    for (int k = 0; k < array->shape->ndim; k++) {
        const nx_axis axis = state->axes[k];
        state->layout.offset += array->layout.strides[k] * axis.offset;
        if (axis.axis >= 0) strides[axis.axis] += array->layout.strides[k] * axis.step;
    }
    return NEXPR_OK;
}

/* -------------------------------------------------------------------------------------------------------- demands -- */

static nexpr_status add_demand(scheduler *s, nx_ref i, const nx_axis *map, demand **ret) {
    node_state *state = &s->state[i];
    const size_t bytes = (size_t)state->shape->ndim * sizeof *map;
    if (!map) return nx_fail_memory(s->err);
    for (*ret = state->demands; *ret; *ret = (*ret)->next) {
        if (!bytes || !memcmp((*ret)->map, map, bytes)) return NEXPR_OK;
    }
    if (s->demand_count >= s->max_demands) {
        return nx_fail(s->err, NEXPR_LIMIT, s->ir->nodes[i].span,
                       "the expression needs more than %zu operations, because parts of it are used in many views; "
                       "raise max_nodes or split it", s->max_demands);
    }
    *ret = take(s, 1, sizeof **ret);
    if (!*ret) return nx_fail_memory(s->err);
    s->demand_count++;
    **ret = (demand){.map = map, .next = state->demands};
    state->demands = *ret;
    return NEXPR_OK;
}

static nexpr_status demand_args(scheduler *s, nx_ref i, demand *d) {
    const nx_node *node = &s->ir->nodes[i];
    const node_state *state = &s->state[i];
    if (state->layout.strides) return NEXPR_OK;
    for (int k = 0; k < node->arity; k++) {
        const nx_shape *arg = s->state[node->arg[k]].shape;
        const nx_axis *map = node->kind == NX_NODE_VIEW ? map_through(s, state->axes, arg->ndim, d->map)
                                                        : map_broadcast(s, arg, state->shape, d->map);
        NX_TRY(add_demand(s, node->arg[k], map, &d->arg[k]));
    }
    return NEXPR_OK;
}

/* --------------------------------------------------------------------------------------------------------- passes -- */

static void fill_source(const nx_pass *pass, const node_state *state, const demand *d, nx_source *source) {
    source->is_temporary = state->layout.is_temporary;
    source->index = state->layout.index;
    source->offset = state->layout.offset;
    for (int k = 0; k < state->shape->ndim; k++) {
        const nx_axis axis = d->map[k];
        source->offset += state->layout.strides[k] * axis.offset;
        if (axis.axis >= 0) source->stride[axis.axis] += state->layout.strides[k] * axis.step;
    }
    if (!pass->shape->count) source->offset = 0;
}

static nexpr_status build_source(scheduler *s, nx_pass *pass, nx_ref i, const demand *d) {
    const nx_node *node = &s->ir->nodes[i];
    const node_state *state = &s->state[i];
    const uint32_t k = pass->ir.input_count++;
    pass->sources[k].stride = take(s, (size_t)pass->shape->ndim, sizeof *pass->sources[k].stride);
    if (!pass->sources[k].stride) return nx_fail_memory(s->err);
    fill_source(pass, state, d, &pass->sources[k]);
    const char *name = state->layout.is_temporary ? "temporary" : s->ir->inputs[state->layout.index].name;
    pass->ir.inputs[k] = (nx_ir_input){.name = name, .dtype = (nexpr_dtype)node->dtype, .ndim = -1};
    pass->ir.nodes[pass->ir.node_count++] = (nx_node){.kind = NX_NODE_INPUT, .dtype = node->dtype, .index = k,
                                                      .span = node->span};
    return NEXPR_OK;
}

static nexpr_status build_demand(scheduler *s, nx_pass *pass, nx_ref i, demand *d) {
    const nx_node *node = &s->ir->nodes[i];
    d->built = pass->ir.node_count;
    if (s->state[i].layout.strides) return build_source(s, pass, i, d);
    if (node->kind == NX_NODE_VIEW) {
        d->built = d->arg[0]->built;
        return NEXPR_OK;
    }
    nx_node *built = &pass->ir.nodes[pass->ir.node_count++];
    *built = *node;
    for (int k = 0; k < node->arity; k++) built->arg[k] = d->arg[k]->built;
    return NEXPR_OK;
}

static nexpr_status allocate_pass(scheduler *s, nx_pass *pass, uint32_t target_count, size_t nodes, size_t sources) {
    nx_ir *ir = &pass->ir;
    *ir = (nx_ir){.arena = s->arena, .values = s->ir->values, .value_count = s->ir->value_count,
                  .result_count = target_count};
    ir->nodes = take(s, nodes, sizeof *ir->nodes);
    ir->inputs = take(s, sources, sizeof *ir->inputs);
    ir->results = take(s, target_count, sizeof *ir->results);
    pass->sources = take(s, sources, sizeof *pass->sources);
    pass->targets = take(s, target_count, sizeof *pass->targets);
    return ir->nodes && ir->inputs && ir->results && pass->sources && pass->targets ? NEXPR_OK : nx_fail_memory(s->err);
}

/* Demands down from `end`, then builds up; the demands are gone at the end. */
static nexpr_status sweep(scheduler *s, nx_pass *pass, nx_ref end, uint32_t target_count) {
    size_t nodes = 0, sources = 0;
    for (nx_ref i = end; i-- > 0;) {
        for (demand *d = s->state[i].demands; d; d = d->next) {
            NX_TRY(demand_args(s, i, d));
            nodes++;
            sources += s->state[i].layout.strides != NULL;
        }
    }
    NX_TRY(allocate_pass(s, pass, target_count, nodes, sources));
    for (nx_ref i = 0; i < end; i++) {
        for (demand *d = s->state[i].demands; d; d = d->next) NX_TRY(build_demand(s, pass, i, d));
        s->state[i].demands = NULL;
    }
    return NEXPR_OK;
}

/* The pass of `count` roots of one shape. names may be NULL. */
static nexpr_status make_pass(scheduler *s, const nx_ref *roots, const nx_target *targets, const char *const *names,
                              uint32_t count) {
    nx_schedule *schedule = s->ret;
    const nx_shape *shape = s->state[roots[0]].shape;
    const nx_axis *map = identity(s, shape);
    demand **demands = take(s, count, sizeof *demands);
    if (!demands) return nx_fail_memory(s->err);
    nx_ref end = 0;
    for (uint32_t r = 0; r < count; r++) {
        NX_TRY(add_demand(s, roots[r], map, &demands[r]));
        if (roots[r] >= end) end = roots[r] + 1;
    }
    nx_pass pass = {.shape = shape};
    NX_TRY(sweep(s, &pass, end, count));
    for (uint32_t r = 0; r < count; r++) {
        pass.targets[r] = targets[r];
        pass.ir.results[r] = (nx_ir_result){.name = names ? names[r] : NULL, .node = demands[r]->built};
    }
    schedule->passes = nx_arena_grow(s->arena, schedule->passes, schedule->pass_count, &s->pass_capacity,
                                     sizeof *schedule->passes);
    if (!schedule->passes) return nx_fail_memory(s->err);
    schedule->passes[schedule->pass_count++] = pass;
    return NEXPR_OK;
}

/* Results of one shape are one pass. */
static nexpr_status make_result_passes(scheduler *s) {
    const nx_ir *ir = s->ir;
    bool *is_done = take(s, ir->result_count, sizeof *is_done);
    nx_ref *roots = take(s, ir->result_count, sizeof *roots);
    nx_target *targets = take(s, ir->result_count, sizeof *targets);
    const char **names = take(s, ir->result_count, sizeof *names);
    if (!is_done || !roots || !targets || !names) return nx_fail_memory(s->err);
    for (uint32_t i = 0; i < ir->result_count; i++) {
        const nx_shape *shape = s->state[ir->results[i].node].shape;
        uint32_t count = 0;
        for (uint32_t j = i; j < ir->result_count && !is_done[i]; j++) {
            if (is_done[j] || !nx_shape_equal(shape, s->state[ir->results[j].node].shape)) continue;
            roots[count] = ir->results[j].node;
            names[count] = ir->results[j].name;
            targets[count++] = (nx_target){false, j};
            if (j > i) is_done[j] = true;
        }
        is_done[i] = true;
        if (count) NX_TRY(make_pass(s, roots, targets, names, count));
    }
    return NEXPR_OK;
}

nexpr_status nx_schedule_make(const nx_ir *ir, const nx_layout *inputs, size_t max_nodes, nx_arena *arena, nx_schedule *ret,
                              nexpr_error *err) {
    scheduler s = {.ir = ir, .inputs = inputs, .arena = arena, .err = err, .ret = ret, .max_demands = max_nodes};
    *ret = (nx_schedule){.pass_count = 0};
    NX_TRY(find_shapes(&s));
    for (nx_ref i = 0; i < ir->node_count; i++) {
        if (s.state[i].is_needed) NX_TRY(find_layout(&s, i));
    }
    return make_result_passes(&s);
}
