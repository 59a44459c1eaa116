/* SPDX-License-Identifier: MIT */
/*
 * Running reductions: within a leaf from one element to the next, each combined with the node of all leaves before. A task
 * walks a group of leaves; nodes of the groups before come from a nest that reduced these, if there is more than one group.
 */
#include "runtime/scan.h"

#include "runtime/reduce_work.h"

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

/* Puts the nodes of all groups before on the stack. */
static void push_groups(const work *w, nx_reduce_task t) {
    const nx_reduce *r = w->r;
    const int level = __builtin_ctzll((uint64_t)r->group_leaves);
    for (int64_t g = 0; g < t.group; g++) {
        const nodes from = nx_group_nodes(r->prefix, r->prefix->parts, g, t.kept);
        nx_copy_nodes(r->parts, nx_new_slot(w, 0), from, t.count);
        nx_push_node(w, 0, level, g * r->group_leaves, r->group_leaves * r->leaf_items, t.count);
    }
}

static char *target_at(const work *w, char *target, int64_t kept, int64_t reduced) {
    return target + nx_reduce_offset(w->r, w->r->target_stride, kept, reduced);
}

static void scan_row(const work *w, nx_reduce_task t, char *target) {
    const nx_reduce *r = w->r;
    const nx_reduce_part *part = r->parts;
    const int64_t first = t.group * r->group_leaves, end = nx_min_i64(r->leaf_count, first + r->group_leaves);
    push_groups(w, t);
    for (int64_t leaf = first; leaf < end && !nx_reduce_is_cancelled(w); leaf++) {
        const int64_t at = leaf * NX_LEAF_ITEMS, items = nx_min_i64(r->reduced.count - at, NX_LEAF_ITEMS);
        if (!w->is_direct) nx_reduce_fill(w, t.kept, at, items);
        const char *x = nx_reduce_elements(w, part, t.kept, at);
        part->kernels->scan_leaf((size_t)items, x, find_prefix(w, leaf, 1), target_at(w, target, t.kept, at));
        if (leaf + 1 == r->leaf_count) break;
        const nodes node = nx_new_slot(w, 0);
        part->kernels->leaf(1, (size_t)items, x, at, node.value, node.extra);
        nx_push_node(w, 0, 0, leaf, items, 1);
    }
}

/* One leaf of columns; the new slot is both what runs and the leaf's node. */
static void scan_leaf_of_columns(const work *w, nx_reduce_task t, int64_t leaf, char *target) {
    const nx_reduce *r = w->r;
    const nx_reduce_part *part = r->parts;
    const int64_t first = leaf * NX_LEAF_ROWS, end = nx_min_i64(r->reduced.count, first + NX_LEAF_ROWS);
    const char *prefix = find_prefix(w, leaf, t.count);
    const int64_t target_stride = r->reduced.ndim ? r->target_stride[r->reduced.axis[0]] : 0;
    for (int64_t at = first, next; at < end; at = next) {
        next = nx_reduce_rows_end(w, at, end);
        if (!w->is_direct) nx_reduce_compute(w, t.kept, at, next - at, t.count, 0);
        part->kernels->scan_rows((size_t)(next - at), (size_t)t.count, nx_reduce_elements(w, part, t.kept, at),
                                 nx_reduce_row_stride(w, part), (size_t)(at - first), prefix, nx_new_slot(w, 0).value,
                                 target_at(w, target, t.kept, at), target_stride);
    }
    nx_push_node(w, 0, 0, leaf, end - first, t.count);
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
    for (int64_t kept = t.kept, last = t.kept + t.count; kept < last; kept++) {
        scan_row(&w, (nx_reduce_task){.kept = kept, .count = 1, .group = t.group}, target);
    }
}
