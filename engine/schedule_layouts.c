/* SPDX-License-Identifier: MIT */
/*
 * The second sweep of the scheduler: what lies in memory, and how. Inputs do, views of what does, and what a barrier leaves:
 * reductions, and reshapes of what does not lie as it would have to. Indices are like an array whose addresses are values.
 */
#include "engine/scheduler.h"

#include "engine/build.h"

void nx_c_strides(const nx_shape *shape, int64_t item_size, int64_t *ret) {
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
    nx_c_strides(to, item_size, ret);
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

/* The result that the node is and that can stand in for its temporary, or -1. */
static int64_t find_direct_result(const nx_scheduler *s, nx_ref i) {
    if (!s->takes_directly || s->state[i].readers != 1 || s->ir->nodes[i].kind == NX_NODE_VIEW) return -1;
    for (uint32_t r = 0; r < s->ir->result_count; r++) {
        if (s->ir->results[r].node == i && s->takes_directly[r]) return r;
    }
    return -1;
}

/* Whether the node adds +0.0 to a sum that nothing else reads: the sum then ends with that, and they are one barrier. */
static bool is_end(const nx_scheduler *s, nx_ref i) {
    const nx_node *node = &s->ir->nodes[i];
    if (node->kind != NX_NODE_OP || node->op != NX_OP_add) return false;
    const nx_node *sum = &s->ir->nodes[node->arg[0]], *zero = &s->ir->nodes[node->arg[1]];
    const nx_node_state *state = &s->state[node->arg[0]];
    if (sum->kind != NX_NODE_REDUCE || sum->op != NX_REDUCER_sum || state->few || state->readers != 1) return false;
    if (node->loop != NEXPR_FLOAT64 && node->loop != NEXPR_COMPLEX128) return false;
    if (zero->kind != NX_NODE_CONST) return false;
    const nx_value *value = nx_ir_value(s->ir, node->arg[1]);
    return !value->bits[0] && !value->bits[1];
}

static nexpr_status add_barrier(nx_scheduler *s, nx_ref i, nexpr_dtype dtype, int64_t count, uint32_t *ret) {
    nx_schedule *schedule = s->ret;
    const nx_ref root = s->ir->nodes[i].arg[0];
    const int64_t result = find_direct_result(s, s->state[i].end ? s->state[i].end : i);
    schedule->temporaries = nx_arena_grow(s->arena, schedule->temporaries, schedule->temporary_count, &s->temporary_capacity,
                                          sizeof *schedule->temporaries);
    s->barriers = nx_arena_grow(s->arena, s->barriers, s->barrier_count, &s->barrier_capacity, sizeof *s->barriers);
    if (!schedule->temporaries || !s->barriers) return nx_fail_memory(s->err);
    nx_barrier *barrier = &s->barriers[s->barrier_count++];
    *barrier = (nx_barrier){.root = root, .node = i, .level = s->state[i].level};
    if (result >= 0) {
        barrier->target = (nx_target){false, (uint32_t)result};
    } else {
        *ret = schedule->temporary_count++;
        schedule->temporaries[*ret] = (nx_temporary){dtype, count};
        barrier->target = (nx_target){true, *ret};
    }
    s->state[i].level++;
    return NEXPR_OK;
}

/* A temporary with the elements of the node in C order. */
static nexpr_status lay_behind_barrier(nx_scheduler *s, nx_ref i) {
    const nexpr_dtype dtype = (nexpr_dtype)s->ir->nodes[i].dtype;
    nx_node_state *state = &s->state[i];
    int64_t *strides = nx_scheduler_take(s, (size_t)state->shape->ndim, sizeof *strides);
    if (!strides) return nx_fail_memory(s->err);
    nx_c_strides(state->shape, (int64_t)nexpr_dtype_size(dtype), strides);
    state->layout = (nx_node_layout){.kind = NX_SOURCE_TEMPORARY, .strides = strides};
    return add_barrier(s, i, dtype, state->shape->count, &state->layout.index);
}

static nexpr_status lay_reshape(nx_scheduler *s, nx_ref i) {
    const nx_node *node = &s->ir->nodes[i];
    nx_node_state *state = &s->state[i];
    const nx_node_state *array = &s->state[node->arg[0]];
    const int64_t item_size = (int64_t)nexpr_dtype_size((nexpr_dtype)node->dtype);
    if (!array->layout.strides) return lay_behind_barrier(s, i);
    int64_t *strides = nx_scheduler_take(s, (size_t)state->shape->ndim, sizeof *strides);
    if (!strides) return nx_fail_memory(s->err);
    if (!reshape_strides(array->shape, array->layout.strides, state->shape, item_size, strides)) return lay_behind_barrier(s, i);
    state->layout = array->layout;
    state->layout.strides = strides;
    return NEXPR_OK;
}

static nexpr_status lay_view(nx_scheduler *s, nx_ref i) {
    nx_node_state *state = &s->state[i];
    const nx_node_state *array = &s->state[s->ir->nodes[i].arg[0]];
    if (!array->layout.strides) return NEXPR_OK;
    int64_t *strides = nx_scheduler_take(s, (size_t)state->shape->ndim, sizeof *strides);
    if (!strides) return nx_fail_memory(s->err);
    state->layout = array->layout;
    state->layout.strides = strides;
    for (int k = 0; k < array->shape->ndim; k++) {
        const nx_axis axis = state->axes[k];
        state->layout.offset += array->layout.strides[k] * axis.offset;
        if (axis.axis >= 0) strides[axis.axis] += array->layout.strides[k] * axis.step;
    }
    return NEXPR_OK;
}

/* What lies in memory as the lookup wants it is its table where it lies; anything else goes there. */
static nexpr_status lay_table(nx_scheduler *s, nx_ref i) {
    const nx_node *node = &s->ir->nodes[i];
    const nx_node_state *array = &s->state[node->arg[0]];
    const nx_node_layout *layout = &array->layout;
    bool fits = layout->strides && layout->kind != NX_SOURCE_INDEX;
    if (fits && nx_scheduler_view(s, node)->kind == NX_VIEW_DENSE_TABLE) {
        const int64_t size = (int64_t)nexpr_dtype_size((nexpr_dtype)node->dtype);
        fits = (array->shape->count <= 1 || layout->strides[0] == size) &&
               !(layout->kind == NX_SOURCE_INPUT && s->inputs[layout->index].is_swapped);
    }
    return fits ? lay_view(s, i) : lay_behind_barrier(s, i);
}

/* An open grid has steps of 1 along its axis; the index of an element in C order goes by strides in elements. */
static nexpr_status lay_index(nx_scheduler *s, nx_ref i) {
    nx_node_state *state = &s->state[i];
    int64_t *strides = nx_scheduler_take(s, (size_t)state->shape->ndim, sizeof *strides);
    if (!strides) return nx_fail_memory(s->err);
    nx_c_strides(state->shape, 1, strides);
    state->layout = (nx_node_layout){.kind = NX_SOURCE_INDEX, .strides = strides};
    return NEXPR_OK;
}

static nexpr_status find_layout(nx_scheduler *s, nx_ref i) {
    const nx_node *node = &s->ir->nodes[i];
    nx_node_state *state = &s->state[i];
    for (int k = 0; k < node->arity; k++) {
        if (s->state[node->arg[k]].level > state->level) state->level = s->state[node->arg[k]].level;
    }
    switch ((nx_node_kind)node->kind) {
    case NX_NODE_INPUT:
        state->layout = (nx_node_layout){.index = node->index, .strides = s->inputs[node->index].strides};
        return NEXPR_OK;
    case NX_NODE_VIEW:
        if (nx_is_table(s, node)) return lay_table(s, i);
        return nx_is_reshape(s, node) ? lay_reshape(s, i) : lay_view(s, i);
    case NX_NODE_INDEX: return lay_index(s, i);
    case NX_NODE_REDUCE: return state->few ? NEXPR_OK : lay_behind_barrier(s, i);
    case NX_NODE_SCAN:
    case NX_NODE_COMPRESS: return lay_behind_barrier(s, i);
    case NX_NODE_OP:
        if (is_end(s, i)) state->layout = s->state[node->arg[0]].layout;
        return NEXPR_OK;
    default: return NEXPR_OK;
    }
}

nexpr_status nx_schedule_layouts(nx_scheduler *s) {
    for (nx_ref i = 0; i < s->ir->node_count; i++) {
        if (s->state[i].is_computed && is_end(s, i)) s->state[s->ir->nodes[i].arg[0]].end = i;
    }
    for (nx_ref i = 0; i < s->ir->node_count; i++) {
        if (s->state[i].is_computed) NX_TRY(find_layout(s, i));
    }
    return NEXPR_OK;
}
