/* SPDX-License-Identifier: MIT */
/* The axes of a nest that reduces, and how its work is cut. */
#include "runtime/reduce.h"

#include <string.h>

/* Elements of a task, roughly; of a buffer; and of rows that stay in a cache. */
enum { TASK_ITEMS = 1 << 16, BUFFER_ITEMS = NX_LEAF_ITEMS, ROW_ITEMS = 2048 };
/* Nodes that a worker holds at most: of more than 10**15 elements. */
enum { MOST_SLOTS = 1 << 20 };
/* Of operands that lie across memory: elements and rows of a buffer, and columns of a stretch. */
enum { TILE_ITEMS = 1 << 16, TILE_ROWS = 16, TILE_COLS = 32 };
/* Leaves whose elements are added to lanes in one call of the backend, at most. */
enum { FOLDED_LEAVES = 16 };
/* Nodes that groups leave at most, of all kept elements; groups of one kept element at most. */
enum { MOST_NODES = 1 << 18, MOST_GROUPS = 1 << 18, MOST_SCANNED_GROUPS = 64 };

/* Of a nest, but of none of its pass. */
enum { NO_AXIS = -1 };

static int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* ----------------------------------------------------------------------------------------------------------- axes -- */

/* Whether it scans, or makes the nodes for what does: these two have the same axes, and so the same groups. */
static bool walks_target(const nx_reduce *r) {
    return !r->compresses && (r->scans || r->is_prefix);
}

static bool is_mergeable(const nx_nest *nest, int outer, int inner, int64_t inner_extent) {
    const int64_t *target = nest->reduce->target_stride;
    for (uint32_t k = 0; k < nest->input_count; k++) {
        const int64_t *stride = nest->operands[k].stride;
        if (stride[outer] != stride[inner] * inner_extent) return false;
    }
    return !walks_target(nest->reduce) || target[outer] == target[inner] * inner_extent;
}

/* The axes of one sort without those of length 1, merged where they can be; the merged one is the inner one. */
static void collect_axes(const nx_nest *nest, const nx_pass *pass, bool reduced, nx_reduce_axes *ret) {
    const nx_shape *shape = pass->shape;
    *ret = (nx_reduce_axes){.count = 1};
    for (int i = 0; i < shape->ndim; i++) {
        if (pass->is_reduced[i] != reduced) continue;
        ret->count *= shape->extent[i];
        if (shape->extent[i] == 1) continue;
        int last = ret->ndim - 1;
        if (last >= 0 && is_mergeable(nest, ret->axis[last], i, shape->extent[i])) {
            ret->extent[last] *= shape->extent[i];
            ret->axis[last] = i;
        } else {
            ret->extent[ret->ndim] = shape->extent[i];
            ret->axis[ret->ndim++] = i;
        }
    }
}

/* Of a piece of a pass the axis that was to be the columns may be of length 1, and what scans goes along columns that lie end to
 * end in its target: one column then. */
static bool lacks_columns(const nx_reduce *r) {
    if (!r->by_rows) return false;
    if (!r->kept.ndim) return true;
    return walks_target(r) && r->target_stride[r->kept.axis[r->kept.ndim - 1]] != (int64_t)nexpr_dtype_size(r->parts->loop);
}

static void append_column(nx_reduce_axes *ret) {
    ret->axis[ret->ndim] = NO_AXIS;
    ret->extent[ret->ndim++] = 1;
}

/* The nest's axes: those of the first sort, then those of the second one, of which the backend gets the last two. */
typedef struct order {
    int axis[NX_NEST_AXES];
    int64_t extent[NX_NEST_AXES];
    int count;
} order;

static void append_axes(order *o, nx_reduce_axes *axes, int first, int end) {
    for (int i = first; i < end; i++) {
        o->axis[o->count] = axes->axis[i];
        o->extent[o->count] = axes->extent[i];
        axes->axis[i] = o->count++;
    }
}

static void order_strides(const order *o, int64_t *stride) {
    int64_t old[NX_NEST_AXES];
    memcpy(old, stride, sizeof old);
    for (int i = 0; i < o->count; i++) stride[i] = o->axis[i] == NO_AXIS ? 0 : old[o->axis[i]];
}

/* At least two: the first ones may be of length 1 and no sort. */
static void apply_order(nx_nest *nest, const order *o) {
    nest->axes = o->count;
    memcpy(nest->extent, o->extent, sizeof o->extent);
    for (uint32_t k = 0; k < nest->input_count; k++) order_strides(o, nest->operands[k].stride);
    if (walks_target(nest->reduce)) order_strides(o, nest->reduce->target_stride);
}

static void order_axes(nx_nest *nest) {
    nx_reduce *r = nest->reduce;
    order o = {.count = 0};
    while (o.count + r->kept.ndim + r->reduced.ndim < 2) {
        o.axis[o.count] = NO_AXIS;
        o.extent[o.count++] = 1;
    }
    const int kept = r->kept.ndim - r->by_rows;
    append_axes(&o, &r->kept, 0, kept);
    append_axes(&o, &r->reduced, 0, r->reduced.ndim);
    append_axes(&o, &r->kept, kept, r->kept.ndim);
    apply_order(nest, &o);
    r->rows_are_kept = !r->by_rows && r->reduced.ndim < 2 && kept > 0;
}

/* ---------------------------------------------------------------------------------------------------------- leaves -- */

/* Whether an operand's rows are closer together in memory than its columns. */
static bool is_transposed(const nx_nest *nest) {
    enum { LINE = 64 };
    for (uint32_t k = 0; k < nest->input_count; k++) {
        const nx_nest_operand *x = &nest->operands[k];
        const int64_t row = x->stride[nest->axes - 2], col = x->stride[nest->axes - 1];
        const int64_t row_size = row < 0 ? -row : row, col_size = col < 0 ? -col : col;
        if (x->is_used && !x->is_index && row && row_size < LINE && col_size >= LINE) return true;
    }
    return false;
}

static void choose_capacity(nx_nest *nest) {
    nx_reduce *r = nest->reduce;
    const int64_t cols = nest->extent[nest->axes - 1];
    r->capacity = r->scans ? NX_SCAN_WAYS * BUFFER_ITEMS : BUFFER_ITEMS;
    if (r->by_rows || !is_transposed(nest) || cols > TILE_ITEMS) return;
    r->capacity = cols * TILE_ROWS > TILE_ITEMS ? TILE_ITEMS : cols * TILE_ROWS;
    r->capacity = divide_up(r->capacity, BUFFER_ITEMS) * BUFFER_ITEMS;
}

/* Groups of so many leaves that a task is worth its handling, and few enough to keep their nodes. What runs goes through all
 * groups before: these are few, and more than one only where threads have to share a row. */
static void choose_groups(nx_reduce *r, bool may_share) {
    r->task_groups = 1;
    if (r->slab) {
        r->task_groups = TASK_ITEMS / (r->leaf_items * r->width) + 1;
        r->group_leaves = 1;
        r->group_count = r->reduced.count / r->leaf_items + 2; /* with those that its ends cut */
        return;
    }
    int64_t most = r->kept.count ? MOST_NODES / r->kept.count : 1;
    const bool shares = may_share && r->kept.count / r->width < MOST_SCANNED_GROUPS / 4;
    int64_t limit = MOST_GROUPS;
    if (r->compresses) limit = may_share ? MOST_GROUPS : 1;
    else if (r->scans || r->is_prefix) limit = shares ? MOST_SCANNED_GROUPS : 1;
    most = most < 1 ? 1 : most > limit ? limit : most;
    r->group_leaves = 1;
    const int64_t before = r->prior ? r->prior->leaves : 0;
    while (r->group_leaves < r->leaf_count && !(before & r->group_leaves) && /* groups begin with nodes of the tree */
           (r->group_leaves * r->leaf_items * r->width < TASK_ITEMS || divide_up(r->leaf_count, r->group_leaves) > most)) {
        r->group_leaves *= 2;
    }
    r->group_count = divide_up(r->leaf_count, r->group_leaves);
}

/* The leaves of a group and the lanes of some; or a stack with a slot for the leaf that is being made. What scans keeps a stack
 * of all leaves, and two nodes for the prefix. */
static void choose_slots(nx_reduce *r) {
    int levels = 1;
    const int64_t before = r->prior ? r->prior->leaves : 0;
    while ((int64_t)1 << levels <= (r->scans ? before + r->leaf_count : r->group_leaves)) levels++;
    r->spare_slots = r->scans ? 2 : 0;
    r->folded_leaves = !r->leaves_are_rows ? 1 : r->group_leaves < FOLDED_LEAVES ? r->group_leaves : FOLDED_LEAVES;
    r->node_slots = r->by_rows || r->scans ? levels + 1 + r->spare_slots : r->group_leaves + r->folded_leaves * NX_LANES;
    r->node_cols = r->by_rows ? r->width : 1;
}

static void choose_width(nx_nest *nest) {
    nx_reduce *r = nest->reduce;
    r->row_width = r->kept.count;
    r->width = 1;
    if (r->by_rows) {
        r->row_width = r->kept.extent[r->kept.ndim - 1];
        const int64_t most = is_transposed(nest) ? TILE_COLS : ROW_ITEMS;
        r->width = r->row_width < most ? r->row_width : most;
        nest->extent[nest->axes - 1] = r->width;
    } else if (r->reduced.count * 2 <= TASK_ITEMS) {
        r->width = TASK_ITEMS / (r->reduced.count ? r->reduced.count : 1);
        if (r->width > r->row_width) r->width = r->row_width;
    }
    if (r->width < 1) r->width = 1;
}

static bool stops_early(const nx_reduce *r) {
    bool all = r->kept.count == 1 && r->part_count <= 32;
    for (uint32_t p = 0; p < r->part_count; p++) {
        all &= r->parts[p].reducer == NX_REDUCER_any || r->parts[p].reducer == NX_REDUCER_all;
    }
    return all;
}

static bool is_leaf(const nx_reduce *r) {
    if (r->slab || r->scans || r->compresses || r->is_prefix) return false;
    return !r->by_rows && r->kept.count == 1 && r->leaf_count == 1;
}

/* Of one group, what is the result goes to the target at once. */
static nexpr_status take_nodes(nx_reduce *r, nx_arena *arena, nexpr_error *err) {
    if (r->scans || (r->compresses && !r->is_prefix)) return NEXPR_OK;
    const bool is_final = r->group_count <= 1 && !r->is_prefix && !r->slab;
    const size_t nodes = (size_t)((r->group_count ? r->group_count : 1) * r->kept.count);
    for (uint32_t p = 0; p < r->part_count; p++) {
        nx_reduce_part *part = &r->parts[p];
        const bool gives_index = nx_reducer_gives_index(part->reducer), has_extra = part->kernels->has_extra;
        part->value_is_target = is_final && !gives_index;
        part->extra_is_target = is_final && gives_index;
        if (!part->value_is_target) part->value = nx_arena_alloc(arena, nodes, nexpr_dtype_size(part->loop));
        if (has_extra && !part->extra_is_target) part->extra = nx_arena_alloc(arena, nodes, sizeof(int64_t));
        if ((!part->value && !part->value_is_target) || (has_extra && !part->extra && !part->extra_is_target)) {
            return nx_fail_memory(err);
        }
    }
    return NEXPR_OK;
}

/* Whether an input's elements are like those of a buffer along the innermost axis. */
static bool is_like_a_buffer(const nx_nest *nest, int input) {
    if (input < 0) return false;
    const nx_nest_operand *x = &nest->operands[input];
    if (x->is_index || x->swapped || x->dtype == NEXPR_BOOL || !x->is_stride_aligned) return false;
    if (!nest->reduce->by_rows && nest->reduce->reduced.ndim > 1) return false;
    return nest->extent[nest->axes - 1] == 1 || x->stride[nest->axes - 1] == (int64_t)nexpr_dtype_size(x->dtype);
}

/* Forgets the direct inputs if not all outputs have one. */
static void find_direct(nx_nest *nest) {
    nx_reduce *r = nest->reduce;
    bool all = true;
    r->is_end_to_end = true;
    for (uint32_t k = 0; k < nest->output_count; k++) {
        all &= is_like_a_buffer(nest, r->direct[k]);
        if (!all) break;
        const nx_nest_operand *x = &nest->operands[r->direct[k]];
        r->is_end_to_end &= x->stride[nest->axes - 2] == nest->extent[nest->axes - 1] * (int64_t)nexpr_dtype_size(x->dtype);
    }
    if (!all || r->compresses) r->direct[0] = -1;
}

bool nx_reduce_is_direct(const nx_nest *nest) {
    const nx_reduce *r = nest->reduce;
    for (uint32_t k = 0; k < nest->output_count; k++) {
        if (r->direct[k] < 0 || nest->operands[r->direct[k]].state & NX_MISALIGNED) return false;
    }
    return true;
}

/* Whether each row is long, reduced on its own, and by one reducer for each of the backend's outputs. */
static bool can_fold(const nx_nest *nest) {
    const nx_reduce *r = nest->reduce;
    bool all = !r->slab && !r->scans && !r->compresses && !r->is_prefix && !r->by_rows && r->reduced.ndim <= 1;
    all &= r->part_count == nest->output_count && r->reduced.count * 2 > r->capacity;
    for (uint32_t p = 0; p < r->part_count; p++) all &= r->parts[p].operand == p && r->parts[p].kernels->fold;
    return all;
}

/* Of a single row the leaves are the backend's rows, so that it does several in a call. */
static void cut_row_into_leaves(nx_nest *nest) {
    nx_reduce *r = nest->reduce;
    r->leaves_are_rows = (r->folds || (r->nodes && !r->by_rows && r->reduced.count > NX_LEAF_ITEMS)) && r->kept.count == 1 &&
                         r->reduced.ndim == 1;
    if (!r->leaves_are_rows) return;
    nest->extent[nest->axes - 2] = r->leaf_count;
    nest->extent[nest->axes - 1] = NX_LEAF_ITEMS;
    for (uint32_t k = 0; k < nest->input_count; k++) {
        int64_t *stride = nest->operands[k].stride;
        stride[nest->axes - 2] = stride[nest->axes - 1] * NX_LEAF_ITEMS;
    }
}

/* The buffers, as the backend's outputs; or the lanes of a leaf, all of which are at one address. */
static void lay_buffers(nx_nest *nest) {
    const nx_reduce *r = nest->reduce;
    for (uint32_t k = 0; k < nest->output_count; k++) {
        nx_nest_operand *x = &nest->operands[nest->input_count + k];
        memset(x->stride, 0, NX_NEST_AXES * sizeof *x->stride);
        if (r->folds) {
            x->is_folded = true;
            x->reducer = r->parts[k].reducer;
            if (r->leaves_are_rows) x->stride[nest->axes - 2] = NX_LANES * (int64_t)nexpr_dtype_size(x->dtype);
            continue;
        }
        x->stride[nest->axes - 1] = (int64_t)nexpr_dtype_size(x->dtype);
        x->stride[nest->axes - 2] = x->stride[nest->axes - 1] * nest->extent[nest->axes - 1];
    }
}

/* What machine code can add elements to as it computes them: the nodes of leaves. Those of rows lie end to end, and it wants
 * them to have lanes. */
static nexpr_status name_nodes(nx_reduce *r, nx_arena *arena, nexpr_error *err) {
    if (r->slab || r->scans || r->compresses || r->is_prefix) return NEXPR_OK;
    if (!r->by_rows && (r->reduced.ndim != 1 || r->reduced.count < NX_LANES)) return NEXPR_OK;
    r->nodes = nx_arena_alloc(arena, r->part_count, sizeof *r->nodes);
    if (!r->nodes) return nx_fail_memory(err);
    for (uint32_t p = 0; p < r->part_count; p++) r->nodes[p] = (nx_vm_node){r->parts[p].operand, r->parts[p].reducer};
    return NEXPR_OK;
}

nexpr_status nx_reduce_arrange(nx_nest *nest, const nx_pass *pass, bool may_share, nx_arena *arena, nexpr_error *err) {
    nx_reduce *r = nest->reduce;
    nest->count = pass->shape->count;
    r->by_rows = pass->by_rows;
    collect_axes(nest, pass, false, &r->kept);
    collect_axes(nest, pass, true, &r->reduced);
    if (lacks_columns(r)) append_column(&r->kept);
    r->leaf_items = r->by_rows ? NX_LEAF_ROWS : NX_LEAF_ITEMS;
    r->leaf_count = divide_up(r->reduced.count, r->leaf_items);
    order_axes(nest);
    choose_width(nest);
    choose_capacity(nest);
    choose_groups(r, may_share);
    r->folds = can_fold(nest);
    NX_TRY(name_nodes(r, arena, err));
    cut_row_into_leaves(nest);
    choose_slots(r);
    if (r->node_slots > MOST_SLOTS) {
        return nx_fail(err, NEXPR_LIMIT, NX_NOWHERE, "%lld elements are more than can be reduced", (long long)r->reduced.count);
    }
    r->stops_early = stops_early(r);
    r->is_leaf = is_leaf(r);
    r->has_lanes = true;
    for (uint32_t p = 0; p < r->part_count; p++) {
        r->has_lanes &= !r->parts[p].kernels->has_extra;
        r->has_places |= r->parts[p].extremum != NULL;
    }
    lay_buffers(nest);
    nx_nest_note_alignment(nest);
    find_direct(nest);
    return take_nodes(r, arena, err);
}

/* ----------------------------------------------------------------------------------------------------------- tasks -- */

static size_t round_up(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

size_t nx_reduce_buffer_bytes(const nx_nest *nest, uint32_t operand) {
    const nx_nest_operand *x = &nest->operands[nest->input_count + operand];
    if (nest->reduce->folds) return 0;
    return round_up((size_t)nest->reduce->capacity * nexpr_dtype_size(x->dtype));
}

size_t nx_reduce_nodes_bytes(const nx_reduce *r, size_t item_size) {
    return round_up((size_t)(r->node_slots * r->node_cols) * item_size);
}

size_t nx_reduce_worker_bytes(const nx_nest *nest) {
    const nx_reduce *r = nest->reduce;
    size_t bytes = 0;
    for (uint32_t k = 0; k < nest->output_count; k++) bytes += nx_reduce_buffer_bytes(nest, k);
    for (uint32_t p = 0; p < r->part_count; p++) {
        bytes += nx_reduce_nodes_bytes(r, nexpr_dtype_size(r->parts[p].loop));
        if (r->parts[p].kernels->has_extra) bytes += nx_reduce_nodes_bytes(r, sizeof(int64_t));
    }
    return bytes;
}

double nx_reduce_share(const nx_reduce *r) {
    return r->by_rows && r->width ? (double)r->row_width / (double)r->width : 1;
}

void nx_reduce_cut_tasks(nx_nest *nest) {
    nx_reduce *r = nest->reduce;
    const int64_t rows = r->row_width ? r->kept.count / r->row_width : 0;
    r->group_tasks = divide_up(r->group_count, r->task_groups);
    nest->task_count = rows * divide_up(r->row_width, r->width) * r->group_tasks;
    nest->task_rows = r->group_leaves * r->leaf_items < r->reduced.count ? r->group_leaves * r->leaf_items : r->reduced.count;
    nest->task_cols = r->width;
}
