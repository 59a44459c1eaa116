/* SPDX-License-Identifier: MIT */
/*
 * Running reductions: within a leaf from one element to the next, each combined with the node of all leaves before. A task
 * walks a group of leaves; nodes of the groups before come from a nest that reduced these, if there is more than one group.
 * As elements wait for one another within a leaf, several leaves run side by side.
 */
#include "runtime/scan.h"

#include "runtime/reduce_work.h"

#include <string.h>

typedef nx_tree_nodes nodes;
typedef nx_reduce_work work;

/* The node of `leaves` leaves on the stack, which stays as it is; all of them are whole. NULL: there are none. */
static const char *find_prefix(const work *w, int64_t leaves, int64_t cols) {
    const nx_reduce_part *part = w->r->parts;
    const nodes spares[2] = {nx_slot(w, 0, (int)w->r->node_slots - 1), nx_slot(w, 0, (int)w->r->node_slots - 2)};
    int in = 0;
    bool is_first = true;
    for (int j = 0; leaves >> j; j++) {
        if (!(leaves >> j & 1)) continue;
        const int64_t left = w->r->leaf_items << j, right = (leaves & (((int64_t)1 << j) - 1)) * w->r->leaf_items;
        nx_copy_nodes(part, spares[!in], nx_slot(w, 0, j), cols);
        if (!is_first) nx_merge_nodes(part, cols, spares[!in], spares[in], left, right);
        is_first = false;
        in = !in;
    }
    return is_first ? NULL : spares[in].value;
}

/* Leaves before the nest's first one. */
static int64_t leaves_before(const work *w) {
    return w->r->prior ? w->r->prior->leaves : 0;
}

static void push_prior(const work *w, nx_reduce_task t) {
    const nx_reduce *r = w->r;
    const char *node = r->prior->nodes;
    for (int q = 0; q < r->prior->count; q++) {
        for (int64_t leaf = r->prior->bounds[q], end = r->prior->bounds[q + 1]; leaf < end;) {
            const int level = nx_node_level(leaf, end);
            const nodes from = nx_nodes_at(r->parts, (nodes){(char *)(uintptr_t)node, NULL}, t.kept);
            nx_copy_nodes(r->parts, nx_new_slot(w, 0), from, t.count);
            nx_push_node(w, 0, level, leaf, r->leaf_items << level, t.count);
            node += nx_node_bytes(r->parts, r->kept.count);
            leaf += (int64_t)1 << level;
        }
    }
}

/* Puts the nodes of all that comes before the group on the stack. */
static void push_groups(const work *w, nx_reduce_task t) {
    const nx_reduce *r = w->r;
    if (r->prior) push_prior(w, t);
    const int level = __builtin_ctzll((uint64_t)r->group_leaves);
    for (int64_t g = 0; g < t.group; g++) {
        const nodes from = nx_group_nodes(r->prefix, r->prefix->parts, g, t.kept);
        nx_copy_nodes(r->parts, nx_new_slot(w, 0), from, t.count);
        nx_push_node(w, 0, level, leaves_before(w) + g * r->group_leaves, r->group_leaves * r->leaf_items, t.count);
    }
}

static char *target_at(const work *w, char *target, int64_t kept, int64_t reduced) {
    return target + nx_reduce_offset(w->r, w->r->target_stride, kept, reduced);
}

/* Puts the node of a leaf on the stack. */
static void push_leaf(const work *w, int64_t leaf, int64_t items, const char *x) {
    const nodes node = nx_new_slot(w, 0);
    w->r->parts->kernels->leaf(1, (size_t)items, x, leaf * NX_LEAF_ITEMS, node.value, node.extra);
    nx_push_node(w, 0, 0, leaves_before(w) + leaf, items, 1);
}

static void scan_leaf(const work *w, int64_t leaf, int64_t items, const char *x, char *target) {
    w->r->parts->kernels->scan_leaf((size_t)items, x, find_prefix(w, leaves_before(w) + leaf, 1), target);
    if (leaf + 1 < w->r->leaf_count) push_leaf(w, leaf, items, x);
}

/* Whether stores should go past the caches, from leaf to leaf at the same place of a cache line. */
static bool bypasses_caches(const work *w, int64_t stride) {
    enum { LINE = 64 };
    const double written = (double)w->nest->count * (double)nx_value_size(w->r->parts);
    return stride % LINE == 0 && nx_nest_is_uncached(nx_nest_touched_bytes(w->nest) + written);
}

/* Whole leaves behind others, side by side; their nodes are made first, which brings them into the cache. */
static void scan_leaves(const work *w, int64_t leaf, const char *x, char *target) {
    const nx_reduce_part *part = w->r->parts;
    const int64_t size = nx_value_size(part), stride = NX_LEAF_ITEMS * size;
    nx_value prefix[NX_SCAN_WAYS];
    for (int i = 0; i < NX_SCAN_WAYS; i++) {
        memcpy((char *)prefix + i * size, find_prefix(w, leaves_before(w) + leaf + i, 1), (size_t)size);
        push_leaf(w, leaf + i, NX_LEAF_ITEMS, x + i * stride);
    }
    part->kernels->scan_leaves(NX_LEAF_ITEMS, x, stride, prefix, target, stride, bypasses_caches(w, stride));
}

static void scan_row(const work *w, nx_reduce_task t, char *target) {
    const nx_reduce *r = w->r;
    const int64_t first = t.group * r->group_leaves, end = nx_min_i64(r->leaf_count, first + r->group_leaves);
    const int64_t whole = nx_min_i64(end, r->reduced.count / NX_LEAF_ITEMS);
    push_groups(w, t);
    for (int64_t leaf = first, count; leaf < end && !nx_reduce_is_cancelled(w); leaf += count) {
        count = leaves_before(w) + leaf && leaf + NX_SCAN_WAYS <= whole ? NX_SCAN_WAYS : 1;
        const int64_t at = leaf * NX_LEAF_ITEMS, items = nx_min_i64(r->reduced.count - at, count * NX_LEAF_ITEMS);
        if (!w->is_direct) nx_reduce_fill(w, t.kept, at, items);
        const char *x = nx_reduce_elements(w, r->parts, t.kept, at);
        char *to = target_at(w, target, t.kept, at);
        if (count > 1) scan_leaves(w, leaf, x, to);
        else scan_leaf(w, leaf, items, x, to);
    }
}

/* Whether the kept elements from this one on, up to `last`, have so many rows, each a leaf, that these run side by side. */
static bool has_rows_together(const work *w, int64_t kept, int64_t last) {
    const nx_reduce *r = w->r;
    if (r->leaf_count != 1 || r->prior || !r->rows_are_kept || last - kept < NX_SCAN_WAYS) return false;
    const int64_t inner = r->kept.extent[r->kept.ndim - 1];
    return kept % inner + NX_SCAN_WAYS <= inner;
}

static void scan_rows_together(const work *w, int64_t kept, char *target) {
    const nx_reduce *r = w->r;
    const nx_reduce_part *part = r->parts;
    const int axis = r->kept.axis[r->kept.ndim - 1];
    const int64_t n = r->reduced.count, to_stride = r->target_stride[axis];
    if (!w->is_direct) nx_reduce_compute(w, kept, 0, NX_SCAN_WAYS, n, 0);
    const int64_t stride = w->is_direct ? w->nest->operands[r->direct[part->operand]].stride[axis] : n * nx_value_size(part);
    part->kernels->scan_leaves((size_t)n, nx_reduce_elements(w, part, kept, 0), stride, NULL, target_at(w, target, kept, 0),
                               to_stride, bypasses_caches(w, to_stride));
}

/* One leaf of columns; the new slot is both what runs and the leaf's node. */
static void scan_leaf_of_columns(const work *w, nx_reduce_task t, int64_t leaf, char *target) {
    const nx_reduce *r = w->r;
    const nx_reduce_part *part = r->parts;
    const int64_t first = leaf * NX_LEAF_ROWS, end = nx_min_i64(r->reduced.count, first + NX_LEAF_ROWS);
    const char *prefix = find_prefix(w, leaves_before(w) + leaf, t.count);
    const int64_t target_stride = r->reduced.ndim ? r->target_stride[r->reduced.axis[0]] : 0;
    for (int64_t at = first, next; at < end; at = next) {
        next = nx_reduce_rows_end(w, at, end);
        if (!w->is_direct) nx_reduce_compute(w, t.kept, at, next - at, t.count, 0);
        part->kernels->scan_rows((size_t)(next - at), (size_t)t.count, nx_reduce_elements(w, part, t.kept, at),
                                 nx_reduce_row_stride(w, part), (size_t)(at - first), prefix, nx_new_slot(w, 0).value,
                                 target_at(w, target, t.kept, at), target_stride);
    }
    nx_push_node(w, 0, 0, leaves_before(w) + leaf, end - first, t.count);
}

void nx_scan_run(const nx_nest_args *args, int64_t task, int worker) {
    const work w = nx_reduce_work_of(args, worker);
    const nx_reduce *r = w.r;
    nx_reduce_task t = nx_reduce_task_of(r, task);
    char *target = args->outputs[0];
    if (r->by_rows) {
        push_groups(&w, t);
        const int64_t end = nx_min_i64(r->leaf_count, (t.group + 1) * r->group_leaves);
        for (int64_t leaf = t.group * r->group_leaves; leaf < end && !nx_reduce_is_cancelled(&w); leaf++) {
            scan_leaf_of_columns(&w, t, leaf, target);
        }
        return;
    }
    for (int64_t kept = t.kept, last = t.kept + t.count, rows; kept < last; kept += rows) {
        rows = has_rows_together(&w, kept, last) ? NX_SCAN_WAYS : 1;
        if (rows > 1) scan_rows_together(&w, kept, target);
        else scan_row(&w, (nx_reduce_task){.kept = kept, .count = 1, .group = t.group}, target);
    }
    __builtin_ia32_sfence();
}
