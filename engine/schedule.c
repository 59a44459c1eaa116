/* SPDX-License-Identifier: MIT */
/*
 * Sweeps over the nodes, none of which recurses. Upwards, every node gets its shape, and, if it is an array that lies in
 * memory, its layout; nodes that memory has to hold before others read them are barriers. Then, for each pass, downwards: a
 * node is demanded with a map, which tells the index along each of its axes in terms of the pass's, and demands its operands
 * with maps of their own. And upwards again, where each demand becomes a node of the pass. Equal demands are one, so that a
 * common sub-expression stays common.
 */
#include "engine/scheduler.h"

#include <string.h>

/* ---------------------------------------------------------------------------------------------------------- maps -- */

/* {-1, offset, 0} wherever nothing varies, so that equal maps have equal bytes. */
static nx_axis canonical(int axis, int64_t offset, int64_t step) {
    return axis < 0 || !step ? (nx_axis){-1, offset, 0} : (nx_axis){axis, offset, step};
}

static const nx_axis *identity(const nx_scheduler *s, const nx_shape *shape) {
    nx_axis *map = nx_scheduler_take(s, (size_t)shape->ndim, sizeof *map);
    for (int k = 0; map && k < shape->ndim; k++) map[k] = canonical(k, 0, shape->extent[k] != 1);
    return map;
}

/* The map of a view's array, given that of the view. */
static nx_axis *map_through(const nx_scheduler *s, const nx_axis *axes, int ndim, const nx_axis *map) {
    nx_axis *ret = nx_scheduler_take(s, (size_t)ndim, sizeof *ret);
    for (int k = 0; ret && k < ndim; k++) {
        const nx_axis own = axes[k], outer = own.axis < 0 ? (nx_axis){-1, 0, 0} : map[own.axis];
        ret[k] = canonical(outer.axis, own.offset + own.step * outer.offset, own.step * outer.step);
    }
    return ret;
}

/* The map of an operand that is broadcast, given that of the result. */
static nx_axis *map_broadcast(const nx_scheduler *s, const nx_shape *arg, const nx_shape *result, const nx_axis *map) {
    nx_axis *ret = nx_scheduler_take(s, (size_t)arg->ndim, sizeof *ret);
    for (int k = 0; ret && k < arg->ndim; k++) {
        ret[k] = arg->extent[k] == 1 ? (nx_axis){-1, 0, 0} : map[k + result->ndim - arg->ndim];
    }
    return ret;
}

/* Those of a lookup: the element's, whose axes stand in place of the one that take indexes, and a table's. */
static nx_axis *map_lookup(const nx_scheduler *s, const nx_node *node, int k, const nx_axis *map) {
    const nx_shape *arg = s->state[node->arg[k]].shape, *index = s->state[node->arg[0]].shape;
    const bool is_take = node->op == NX_LOOKUP_take;
    const int axis = is_take ? nx_table_axis(s, &s->ir->nodes[node->arg[1]]) : 0;
    nx_axis *ret = nx_scheduler_take(s, (size_t)arg->ndim, sizeof *ret);
    for (int i = 0; ret && i < arg->ndim; i++) {
        const bool varies = arg->extent[i] != 1 && (k == 0 || (is_take && i != axis));
        const int place = k == 0 ? i + axis : i < axis ? i : i - 1 + index->ndim;
        ret[i] = varies ? map[place] : (nx_axis){-1, 0, 0};
    }
    return ret;
}

/* -------------------------------------------------------------------------------------------------------- demands -- */

static nexpr_status add_demand(nx_scheduler *s, nx_ref i, const nx_axis *map, nx_demand **ret) {
    nx_node_state *state = &s->state[i];
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
    *ret = nx_scheduler_take(s, 1, sizeof **ret);
    if (!*ret) return nx_fail_memory(s->err);
    s->demand_count++;
    **ret = (nx_demand){.map = map, .next = state->demands};
    state->demands = *ret;
    return NEXPR_OK;
}

/* The map of element `index` of those that are reduced to one, given that of this one. */
static const nx_axis *map_few(const nx_scheduler *s, nx_ref i, int64_t index, const nx_axis *map) {
    const nx_shape *array = s->state[s->ir->nodes[i].arg[0]].shape;
    nx_axis *ret = map_through(s, s->state[i].axes, array->ndim, map);
    for (int k = array->ndim - 1; ret && k >= 0; k--) {
        if (s->state[i].axes[k].axis >= 0) continue;
        ret[k].offset = index % array->extent[k];
        index /= array->extent[k];
    }
    return ret;
}

static nexpr_status demand_few(nx_scheduler *s, nx_ref i, nx_demand *d) {
    d->few = nx_scheduler_take(s, s->state[i].few, sizeof *d->few);
    if (!d->few) return nx_fail_memory(s->err);
    for (uint32_t j = 0; j < s->state[i].few; j++) {
        NX_TRY(add_demand(s, s->ir->nodes[i].arg[0], map_few(s, i, j, d->map), &d->few[j]));
    }
    return NEXPR_OK;
}

/* Whether the node's elements are those of arg[0], elsewhere. */
static bool is_other_place(const nx_node *node) {
    return node->kind == NX_NODE_VIEW || node->kind == NX_NODE_ALONG || node->kind == NX_NODE_LIKE;
}

static nexpr_status demand_args(nx_scheduler *s, nx_ref i, nx_demand *d) {
    const nx_node *node = &s->ir->nodes[i];
    const nx_node_state *state = &s->state[i];
    if (state->layout.strides || state->is_known) return NEXPR_OK;
    if (state->few) return demand_few(s, i, d);
    const bool has_axes = node->kind == NX_NODE_VIEW || node->kind == NX_NODE_ALONG, is_moved = is_other_place(node);
    for (int k = 0; k < (is_moved ? 1 : node->arity); k++) {
        const nx_shape *arg = s->state[node->arg[k]].shape;
        const nx_axis *map = has_axes                       ? map_through(s, state->axes, arg->ndim, d->map)
                             : node->kind == NX_NODE_LOOKUP ? map_lookup(s, node, k, d->map)
                                                            : map_broadcast(s, arg, state->shape, d->map);
        NX_TRY(add_demand(s, node->arg[k], map, &d->arg[k]));
    }
    return NEXPR_OK;
}

/* --------------------------------------------------------------------------------------------------------- passes -- */

static void fill_source(const nx_pass *pass, const nx_node_state *state, const nx_demand *d, nx_source *source) {
    source->kind = state->layout.kind;
    source->index = state->layout.index;
    source->offset = state->layout.offset;
    for (int k = 0; k < state->shape->ndim; k++) {
        const nx_axis axis = d->map[k];
        source->offset += state->layout.strides[k] * axis.offset;
        if (axis.axis >= 0) source->stride[axis.axis] += state->layout.strides[k] * axis.step;
    }
    if (!pass->shape->count) source->offset = 0;
}

static nexpr_status build_source(nx_scheduler *s, nx_pass *pass, nx_ref i, const nx_demand *d) {
    const nx_node *node = &s->ir->nodes[i];
    const nx_node_state *state = &s->state[i];
    const uint32_t k = pass->ir.input_count++;
    pass->sources[k].stride = nx_scheduler_take(s, (size_t)pass->shape->ndim, sizeof *pass->sources[k].stride);
    if (!pass->sources[k].stride) return nx_fail_memory(s->err);
    fill_source(pass, state, d, &pass->sources[k]);
    if (nx_is_table(s, node)) {
        const int axis = nx_table_axis(s, node);
        pass->sources[k].table_stride = state->layout.strides[axis];
        pass->sources[k].table_count = state->shape->extent[axis];
    }
    const nx_source_kind kind = state->layout.kind;
    const char *name = kind == NX_SOURCE_INPUT ? s->ir->inputs[state->layout.index].name : "temporary";
    pass->ir.inputs[k] = (nx_ir_input){.name = name, .dtype = (nexpr_dtype)node->dtype, .ndim = -1,
                                       .is_index = kind == NX_SOURCE_INDEX};
    pass->ir.nodes[pass->ir.node_count++] = (nx_node){.kind = NX_NODE_INPUT, .dtype = node->dtype, .index = k,
                                                      .span = node->span};
    return NEXPR_OK;
}

/* The tree of engine/reducers.def, of less elements than it has lanes. */
static void build_few(const nx_scheduler *s, nx_pass *pass, nx_ref i, nx_demand *d) {
    const nx_node *node = &s->ir->nodes[i];
    nx_node step = {.kind = NX_NODE_OP, .dtype = node->dtype, .loop = node->loop, .arity = 2, .span = node->span};
    nx_ref lanes[NX_LANES];
    nx_reducer_find_op((nx_reducer)node->op, &step.op);
    for (uint32_t j = 0; j < s->state[i].few; j++) lanes[j] = d->few[j]->built;
    for (uint32_t half = NX_LANES / 2; half; half /= 2) {
        for (uint32_t j = 0; j < half && j + half < s->state[i].few; j++) {
            step.arg[0] = lanes[j];
            step.arg[1] = lanes[j + half];
            lanes[j] = pass->ir.node_count;
            pass->ir.nodes[pass->ir.node_count++] = step;
        }
    }
    d->built = lanes[0];
}

static nexpr_status build_demand(nx_scheduler *s, nx_pass *pass, nx_ref i, nx_demand *d) {
    const nx_node *node = &s->ir->nodes[i];
    d->built = pass->ir.node_count;
    if (s->state[i].layout.strides) return build_source(s, pass, i, d);
    if (s->state[i].few) {
        build_few(s, pass, i, d);
        return NEXPR_OK;
    }
    if (is_other_place(node)) {
        d->built = d->arg[0]->built;
        return NEXPR_OK;
    }
    nx_node *built = &pass->ir.nodes[pass->ir.node_count++];
    *built = *node;
    if (s->state[i].is_known) {
        *built = (nx_node){.kind = NX_NODE_CONST, .dtype = node->dtype, .index = s->state[i].value_index, .span = node->span};
        return NEXPR_OK;
    }
    for (int k = 0; k < node->arity; k++) built->arg[k] = d->arg[k]->built;
    if (node->kind == NX_NODE_LOOKUP && node->op == NX_LOOKUP_take) {
        built->flags = (uint16_t)nx_table_axis(s, &s->ir->nodes[node->arg[1]]);
    }
    return NEXPR_OK;
}

static nexpr_status allocate_pass(nx_scheduler *s, nx_pass *pass, uint32_t target_count, size_t nodes, size_t sources) {
    nx_ir *ir = &pass->ir;
    *ir = (nx_ir){.arena = s->arena, .values = s->values, .value_count = s->value_count,
                  .result_count = target_count};
    ir->nodes = nx_scheduler_take(s, nodes, sizeof *ir->nodes);
    ir->inputs = nx_scheduler_take(s, sources, sizeof *ir->inputs);
    ir->results = nx_scheduler_take(s, target_count, sizeof *ir->results);
    pass->sources = nx_scheduler_take(s, sources, sizeof *pass->sources);
    pass->targets = nx_scheduler_take(s, target_count, sizeof *pass->targets);
    return ir->nodes && ir->inputs && ir->results && pass->sources && pass->targets ? NEXPR_OK : nx_fail_memory(s->err);
}

/* Demands down from `end`, then builds up; the demands are gone at the end. */
static nexpr_status sweep(nx_scheduler *s, nx_pass *pass, nx_ref end, uint32_t target_count) {
    size_t nodes = 0, sources = 0;
    for (nx_ref i = end; i-- > 0;) {
        for (nx_demand *d = s->state[i].demands; d; d = d->next) {
            NX_TRY(demand_args(s, i, d));
            nodes += s->state[i].few ? s->state[i].few - 1 : 1;
            sources += s->state[i].layout.strides != NULL;
        }
    }
    NX_TRY(allocate_pass(s, pass, target_count, nodes, sources));
    for (nx_ref i = 0; i < end; i++) {
        for (nx_demand *d = s->state[i].demands; d; d = d->next) NX_TRY(build_demand(s, pass, i, d));
        s->state[i].demands = NULL;
    }
    return NEXPR_OK;
}

static nexpr_status add_pass(nx_scheduler *s, const nx_pass *pass) {
    nx_schedule *schedule = s->ret;
    schedule->passes = nx_arena_grow(s->arena, schedule->passes, schedule->pass_count, &s->pass_capacity,
                                     sizeof *schedule->passes);
    if (!schedule->passes) return nx_fail_memory(s->err);
    schedule->passes[schedule->pass_count++] = *pass;
    return NEXPR_OK;
}

/* Roots of one shape, as results of the pass's IR. */
static nexpr_status build_pass(nx_scheduler *s, nx_pass *pass, const nx_ref *roots, uint32_t count) {
    pass->shape = s->state[roots[0]].shape;
    const nx_axis *map = identity(s, pass->shape);
    nx_demand **demands = nx_scheduler_take(s, count, sizeof *demands);
    if (!demands) return nx_fail_memory(s->err);
    nx_ref end = 0;
    for (uint32_t r = 0; r < count; r++) {
        NX_TRY(add_demand(s, roots[r], map, &demands[r]));
        if (roots[r] >= end) end = roots[r] + 1;
    }
    NX_TRY(sweep(s, pass, end, count));
    for (uint32_t r = 0; r < count; r++) pass->ir.results[r].node = demands[r]->built;
    return NEXPR_OK;
}

/* ------------------------------------------------------------------------------------------------------- barriers -- */

static nexpr_status make_reshape_pass(nx_scheduler *s, nx_barrier *barrier) {
    nx_pass pass = {.kind = NX_PASS_ELEMENTWISE};
    NX_TRY(build_pass(s, &pass, &barrier->root, 1));
    pass.targets[0] = barrier->target;
    return add_pass(s, &pass);
}

/* All axes of what compresses. */
static bool is_along(const nx_scheduler *s, nx_ref node, int k) {
    if (s->ir->nodes[node].kind == NX_NODE_COMPRESS) return true;
    const bool is_dropped = s->state[node].axes[k].axis < 0;
    return s->ir->nodes[node].kind == NX_NODE_SCAN ? !is_dropped : is_dropped;
}

/* Whether two reductions can share a pass. */
static bool are_alike(const nx_scheduler *s, const nx_barrier *a, const nx_barrier *b) {
    const nx_shape *shape = s->state[a->root].shape;
    if (s->ir->nodes[a->node].kind != NX_NODE_REDUCE || s->ir->nodes[b->node].kind != NX_NODE_REDUCE) return false;
    if (a->level != b->level || !nx_shape_equal(shape, s->state[b->root].shape)) return false;
    for (int k = 0; k < shape->ndim; k++) {
        if (is_along(s, a->node, k) != is_along(s, b->node, k)) return false;
    }
    return true;
}

/* The place of the root among those of a pass, where it is added if it is not there. */
static uint32_t find_root(nx_ref *roots, uint32_t *count, nx_ref root) {
    uint32_t i = 0;
    while (i < *count && roots[i] != root) i++;
    if (i == *count) roots[(*count)++] = root;
    return i;
}

/* The pass of a reduction and of all that are like it, or of one running reduction. */
static nexpr_status make_reduction_pass(nx_scheduler *s, uint32_t first) {
    const nx_barrier *leader = &s->barriers[first];
    const uint32_t most = s->barrier_count - first;
    const nx_shape *shape = s->state[leader->root].shape;
    const nx_node_kind kind = (nx_node_kind)s->ir->nodes[leader->node].kind;
    nx_pass pass = {.kind = NX_PASS_COMPRESS};
    if (kind == NX_NODE_SCAN) pass.kind = NX_PASS_SCAN;
    if (kind == NX_NODE_REDUCE) pass.kind = NX_PASS_REDUCE;
    nx_ref *roots = nx_scheduler_take(s, most + 1, sizeof *roots);
    pass.reductions = nx_scheduler_take(s, most, sizeof *pass.reductions);
    pass.is_reduced = nx_scheduler_take(s, (size_t)shape->ndim, sizeof *pass.is_reduced);
    if (!roots || !pass.reductions || !pass.is_reduced) return nx_fail_memory(s->err);
    for (int k = 0; k < shape->ndim; k++) {
        pass.is_reduced[k] = is_along(s, leader->node, k);
        if (shape->extent[k] != 1) pass.by_rows = !pass.is_reduced[k];
    }
    uint32_t root_count = 0;
    for (uint32_t i = first; i < s->barrier_count; i++) {
        nx_barrier *barrier = &s->barriers[i];
        if (barrier->is_done || (i != first && !are_alike(s, leader, barrier))) continue;
        const nx_node *node = &s->ir->nodes[barrier->node];
        barrier->is_done = true;
        pass.reductions[pass.reduction_count++] =
            (nx_reduction){.reducer = (nx_reducer)node->op, .loop = (nexpr_dtype)node->loop,
                           .operand = find_root(roots, &root_count, barrier->root),
                           .adds_zero = s->state[barrier->node].end != 0, .target = barrier->target, .span = node->span};
    }
    if (kind == NX_NODE_COMPRESS) roots[root_count++] = s->ir->nodes[leader->node].arg[1];
    NX_TRY(build_pass(s, &pass, roots, root_count));
    return add_pass(s, &pass);
}

static nexpr_status make_barrier_passes(nx_scheduler *s) {
    uint32_t done = 0;
    for (uint32_t level = 0; done < s->barrier_count; level++) {
        for (uint32_t i = 0; i < s->barrier_count; i++) {
            nx_barrier *barrier = &s->barriers[i];
            if (barrier->level != level) continue;
            done++;
            if (barrier->is_done) continue;
            const bool is_copy = s->ir->nodes[barrier->node].kind == NX_NODE_VIEW;
            NX_TRY(is_copy ? make_reshape_pass(s, barrier) : make_reduction_pass(s, i));
        }
    }
    return NEXPR_OK;
}

/* -------------------------------------------------------------------------------------------------------- results -- */

/* The results of one shape from `first` on that have no pass yet. */
static uint32_t gather_results(const nx_scheduler *s, uint32_t first, bool *is_done, nx_ref *ret_roots,
                               nx_target *ret_targets) {
    const nx_ir *ir = s->ir;
    const nx_shape *shape = s->state[ir->results[first].node].shape;
    uint32_t count = 0;
    for (uint32_t j = first; j < ir->result_count; j++) {
        if (is_done[j] || !nx_shape_equal(shape, s->state[ir->results[j].node].shape)) continue;
        ret_roots[count] = ir->results[j].node;
        ret_targets[count++] = (nx_target){false, j};
        is_done[j] = true;
    }
    return count;
}

/* Results of one shape are one pass. */
static nexpr_status make_result_passes(nx_scheduler *s) {
    const nx_ir *ir = s->ir;
    bool *is_done = nx_scheduler_take(s, ir->result_count, sizeof *is_done);
    nx_ref *roots = nx_scheduler_take(s, ir->result_count, sizeof *roots);
    nx_target *targets = nx_scheduler_take(s, ir->result_count, sizeof *targets);
    if (!is_done || !roots || !targets) return nx_fail_memory(s->err);
    for (uint32_t b = 0; b < s->barrier_count; b++) {
        if (!s->barriers[b].target.is_temporary) is_done[s->barriers[b].target.index] = true;
    }
    for (uint32_t i = 0; i < ir->result_count; i++) {
        if (is_done[i]) continue;
        nx_pass pass = {.kind = NX_PASS_ELEMENTWISE};
        const uint32_t count = gather_results(s, i, is_done, roots, targets);
        NX_TRY(build_pass(s, &pass, roots, count));
        for (uint32_t r = 0; r < count; r++) {
            pass.targets[r] = targets[r];
            pass.ir.results[r].name = ir->results[targets[r].index].name;
        }
        NX_TRY(add_pass(s, &pass));
    }
    return NEXPR_OK;
}

/* Whether the node is a constant of the passes, but not of the IR. */
static bool is_new_value(const nx_scheduler *s, nx_ref i) {
    return s->state[i].is_known && s->state[i].is_computed && s->ir->nodes[i].kind != NX_NODE_CONST;
}

/* The constants of all passes: the IR's, and what became known with the shapes. */
static nexpr_status make_values(nx_scheduler *s) {
    const nx_ir *ir = s->ir;
    size_t count = 0;
    for (nx_ref i = 0; i < ir->node_count; i++) {
        count += is_new_value(s, i);
        if (ir->nodes[i].kind == NX_NODE_CONST) s->state[i].value_index = ir->nodes[i].index;
    }
    s->values = ir->values;
    s->value_count = ir->value_count;
    if (!count) return NEXPR_OK;
    s->values = nx_scheduler_take(s, ir->value_count + count, sizeof *s->values);
    if (!s->values) return nx_fail_memory(s->err);
    if (ir->value_count) memcpy(s->values, ir->values, ir->value_count * sizeof *s->values);
    for (nx_ref i = 0; i < ir->node_count; i++) {
        if (!is_new_value(s, i)) continue;
        s->state[i].value_index = s->value_count;
        s->values[s->value_count++] = s->state[i].value;
    }
    return NEXPR_OK;
}

nexpr_status nx_schedule_make(const nx_ir *ir, const nx_layout *inputs, const int64_t *lengths, const bool *takes_directly,
                              size_t max_nodes, nx_arena *arena, nx_schedule *ret, nexpr_error *err) {
    nx_scheduler s = {.ir = ir, .inputs = inputs, .lengths = lengths, .takes_directly = takes_directly, .arena = arena, .err = err,
                      .ret = ret,
                      .max_demands = max_nodes};
    *ret = (nx_schedule){.pass_count = 0};
    NX_TRY(nx_schedule_shapes(&s));
    NX_TRY(nx_schedule_few(&s));
    NX_TRY(nx_schedule_layouts(&s));
    NX_TRY(make_values(&s));
    NX_TRY(make_barrier_passes(&s));
    return make_result_passes(&s);
}
