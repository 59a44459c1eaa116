/* SPDX-License-Identifier: MIT */
/* The tasks of a nest that reduces, from elements to nodes of the tree, and from the groups' nodes to results. */
#include "runtime/compress.h"
#include "runtime/reduce_slab.h"
#include "runtime/reduce_work.h"

#include <string.h>

typedef nx_tree_nodes nodes;
typedef nx_reduce_work work;

/* Elements of a block; elements of leaves that are reduced in memory before it is looked whether more are needed. */
enum { BLOCK_ITEMS = 512, DIRECT_ITEMS = 1 << 16 };

/* ----------------------------------------------------------------------------------------------------- early ends -- */

/* Whether nothing that follows can change the node. */
static bool is_settled(const nx_reduce_part *part, nodes node) {
    if (part->reducer == NX_REDUCER_any) return *node.value;
    return part->reducer == NX_REDUCER_all && !*node.value;
}

static bool are_all_settled(const work *w) {
    const nx_reduce *r = w->r;
    return r->stops_early && atomic_load_explicit(&r->settled, memory_order_relaxed) == (1ull << r->part_count) - 1;
}

static void note_settled(const work *w, uint32_t p, nodes node) {
    if (w->r->stops_early && is_settled(&w->r->parts[p], node)) {
        atomic_fetch_or_explicit(&w->r->settled, 1u << p, memory_order_relaxed);
    }
}

static void note_leaves(const work *w, int64_t leaf, int64_t leaves) {
    for (uint32_t p = 0; p < w->r->part_count && w->r->stops_early; p++) {
        const nx_reduce_part *part = &w->r->parts[p];
        for (int64_t i = 0; i < leaves; i++) note_settled(w, p, nx_nodes_at(part, nx_part_nodes(w, p), leaf + i));
    }
}

/* ------------------------------------------------------------------------------------------------- leaves of a row -- */

/* Leaves of argmin or argmax. Their extrema, which are found at less cost, tell in which leaf the first of the best is; its
 * node stands for all: what the others have makes no difference to the tree. */
static void find_place(const nx_reduce_part *part, const char *x, int64_t first, int64_t count, nodes best, nodes to) {
    const int64_t whole = count / NX_LEAF_ITEMS, rest = count % NX_LEAF_ITEMS, leaves = whole + (rest > 0);
    int64_t *place = (int64_t *)(void *)to.extra, *found = (int64_t *)(void *)best.extra;
    const char *end = x + whole * NX_LEAF_ITEMS * nx_value_size(part);
    part->extremum->leaf((size_t)whole, NX_LEAF_ITEMS, x, 0, to.value, NULL);
    if (rest) part->extremum->leaf(1, (size_t)rest, end, 0, nx_nodes_at(part, to, whole).value, NULL);
    for (int64_t i = 0; i < leaves; i++) place[i] = i;
    nx_copy_nodes(part, best, to, 1);
    for (int64_t i = 1; i < leaves; i++) nx_merge_nodes(part, 1, best, nx_nodes_at(part, to, i), 1, 1);
    const int64_t begin = *found * NX_LEAF_ITEMS, items = nx_min_i64(count - begin, NX_LEAF_ITEMS);
    *found = first + begin + (int64_t)part->kernels->place((size_t)items, x + begin * nx_value_size(part), best.value);
    for (int64_t i = 0; i < leaves; i++) nx_copy_nodes(part, nx_nodes_at(part, to, i), best, 1);
}

void nx_reduce_row(const nx_reduce_part *part, const char *x, int64_t first, int64_t count, nodes spare, nodes to) {
    const int64_t whole = count / NX_LEAF_ITEMS;
    int64_t done = 0;
    if (part->extremum && count > NX_LEAF_ITEMS) {
        find_place(part, x, first, count, spare, to);
        return;
    }
    if (whole > 1 && part->reducer != NX_REDUCER_m2) {
        part->kernels->leaf((size_t)whole, NX_LEAF_ITEMS, x, 0, to.value, to.extra);
        done = whole * NX_LEAF_ITEMS;
    }
    for (; done < count; done += NX_LEAF_ITEMS) {
        const nodes leaf = nx_nodes_at(part, to, done / NX_LEAF_ITEMS);
        part->kernels->leaf(1, (size_t)nx_min_i64(count - done, NX_LEAF_ITEMS), x + done * nx_value_size(part), first + done,
                            leaf.value, leaf.extra);
    }
}

/* Leaves of rows at x. */
static void leaves_of_rows(const work *w, uint32_t p, int64_t rows, const char *x, nodes to) {
    const nx_reduce_part *part = &w->r->parts[p];
    const nodes at = w->r->has_odd_targets ? nx_lane_nodes(w, p) : to;
    part->kernels->leaf((size_t)rows, (size_t)w->r->reduced.count, x, 0, at.value, at.extra);
    if (w->r->has_odd_targets) nx_copy_nodes(part, to, at, rows);
}

/* Rows of kept elements that are end to end, and fit a buffer or lie in memory. */
static void reduce_rows_together(const work *w, int64_t kept, int64_t rows) {
    const nx_reduce *r = w->r;
    const int64_t n = r->reduced.count;
    if (!w->is_direct) nx_reduce_compute(w, kept, 0, rows, n, 0);
    for (uint32_t p = 0; p < r->part_count; p++) {
        const nx_reduce_part *part = &r->parts[p];
        const nodes to = nx_task_nodes(w, part, 0, kept), leaves = nx_part_nodes(w, p);
        const char *x = nx_reduce_elements(w, part, kept, 0);
        if (r->leaf_count == 1) leaves_of_rows(w, p, rows, x, to);
        for (int64_t i = 0; i < rows && r->leaf_count > 1; i++) {
            nx_reduce_row(part, x + i * n * nx_value_size(part), 0, n, nx_lane_nodes(w, p), leaves);
            nx_combine_nodes(part, leaves, r->leaf_count, 1, NX_LEAF_ITEMS, n);
            nx_copy_nodes(part, nx_nodes_at(part, to, i), leaves, 1);
        }
        note_settled(w, p, to);
    }
}

/* Makes nodes of leaves, of which the first is number `leaf` of its group, from their lanes: a tree of lanes is that of a leaf
 * of so many elements. */
static void combine_lanes(const work *w, int64_t leaf, int64_t leaves) {
    for (uint32_t p = 0; p < w->r->part_count; p++) {
        const nx_reduce_part *part = &w->r->parts[p];
        const nodes to = nx_nodes_at(part, nx_part_nodes(w, p), leaf);
        part->kernels->leaf((size_t)leaves, NX_LANES, nx_lane_nodes(w, p).value, 0, to.value, NULL);
    }
    note_leaves(w, leaf, leaves);
}

/* Leaves whose elements the backend adds to the lanes: whole ones, or the last one. */
static void fold_leaves(const work *w, int64_t kept, int64_t first, int64_t count, int64_t leaf) {
    const int64_t leaves = count < NX_LEAF_ITEMS ? 1 : count / NX_LEAF_ITEMS;
    for (uint32_t p = 0; p < w->r->part_count; p++) {
        const nx_reduce_part *part = &w->r->parts[p];
        part->kernels->lanes((size_t)(leaves * NX_LANES), nx_lane_nodes(w, p).value);
    }
    nx_reduce_compute(w, kept, first, leaves, count / leaves, 0);
    combine_lanes(w, leaf, leaves);
}

/* How many elements to fold at once, from this one on, of `count`: if a witness may end it all, few at the very first. */
static int64_t folded_items(const nx_reduce *r, int64_t first, int64_t count) {
    const int64_t leaves = r->stops_early && !first ? 1 : nx_min_i64(r->folded_leaves, count / NX_LEAF_ITEMS);
    return leaves ? nx_min_i64(leaves * NX_LEAF_ITEMS, count) : count;
}

/* Whole leaves whose lanes are summed block by block, as so many columns, while a block is in the closest cache. */
static void reduce_blocks(const work *w, int64_t kept, int64_t first, int64_t leaf) {
    const nx_reduce *r = w->r;
    for (int64_t done = 0; done < NX_LEAF_ITEMS; done += BLOCK_ITEMS) {
        nx_reduce_fill(w, kept, first + done, BLOCK_ITEMS);
        for (uint32_t p = 0; p < r->part_count; p++) {
            const nx_reduce_part *part = &r->parts[p];
            part->kernels->rows(BLOCK_ITEMS / NX_LANES, NX_LANES, nx_reduce_elements(w, part, kept, first + done),
                                NX_LANES * nx_value_size(part), 0, (size_t)(done / NX_LANES),
                                nx_lane_nodes(w, p).value, NULL);
        }
    }
    combine_lanes(w, leaf, 1);
}

/* Some leaves of a row, of which the first is number `leaf` of its group. */
static void reduce_some_leaves(const work *w, int64_t kept, int64_t first, int64_t count, int64_t leaf) {
    const nx_reduce *r = w->r;
    if (!w->is_direct) nx_reduce_fill(w, kept, first, count);
    for (uint32_t p = 0; p < r->part_count; p++) {
        const nodes to = nx_nodes_at(&r->parts[p], nx_part_nodes(w, p), leaf);
        const char *x = nx_reduce_elements(w, &r->parts[p], kept, first);
        nx_reduce_row(&r->parts[p], x, first, count, nx_lane_nodes(w, p), to);
        note_settled(w, p, to);
    }
}

/* A group of leaves of one row, some at a time. */
static void reduce_group(const work *w, int64_t kept, int64_t group) {
    const nx_reduce *r = w->r;
    const int64_t first = group * r->group_leaves * NX_LEAF_ITEMS;
    const int64_t count = nx_min_i64(r->reduced.count - first, r->group_leaves * NX_LEAF_ITEMS);
    int64_t done = 0;
    while (done < count && !are_all_settled(w) && !nx_reduce_is_cancelled(w)) {
        const int64_t leaf_items = folded_items(r, first + done, count - done);
        if (nx_reduce_leaves(w, kept, first + done, leaf_items, done / NX_LEAF_ITEMS)) {
            note_leaves(w, done / NX_LEAF_ITEMS, (leaf_items + NX_LEAF_ITEMS - 1) / NX_LEAF_ITEMS);
            done += leaf_items;
            continue;
        }
        const bool folds = !w->is_direct && r->folds;
        const bool has_blocks = !w->is_direct && !folds && r->has_lanes && count - done >= NX_LEAF_ITEMS;
        const int64_t most = has_blocks ? NX_LEAF_ITEMS : w->is_direct ? DIRECT_ITEMS : r->capacity;
        const int64_t items = folds ? leaf_items : nx_min_i64(count - done, most);
        if (folds) fold_leaves(w, kept, first + done, items, done / NX_LEAF_ITEMS);
        else if (has_blocks) reduce_blocks(w, kept, first + done, done / NX_LEAF_ITEMS);
        else reduce_some_leaves(w, kept, first + done, items, done / NX_LEAF_ITEMS);
        done += items;
    }
    for (uint32_t p = 0; p < r->part_count; p++) {
        const nx_reduce_part *part = &r->parts[p];
        const nodes leaves = nx_part_nodes(w, p);
        if (!done) part->kernels->start(1, leaves.value, leaves.extra);
        nx_combine_nodes(part, leaves, (done + NX_LEAF_ITEMS - 1) / NX_LEAF_ITEMS, 1, NX_LEAF_ITEMS, done);
        nx_copy_nodes(part, nx_task_nodes(w, part, group, kept), leaves, 1);
    }
}

/* Kept elements whose rows are end to end: as many as one call of the backend, or of the kernels, can serve. */
static int64_t rows_at_once(const work *w, int64_t kept) {
    const nx_reduce *r = w->r;
    const int64_t n = r->reduced.count;
    if (!r->rows_are_kept || r->group_count > 1 || n > r->capacity) return 1;
    const int64_t inner = r->kept.extent[r->kept.ndim - 1];
    if (w->is_direct && !r->is_end_to_end) return 1;
    const int64_t rows = w->is_direct ? inner : r->capacity / n;
    return nx_min_i64(nx_reduce_most_rows(r, rows), inner - kept % inner);
}

static void reduce_rows(const work *w, int64_t kept, int64_t count, int64_t group) {
    for (int64_t done = 0, rows; done < count && !nx_reduce_is_cancelled(w); done += rows) {
        rows = nx_reduce_short_rows(w, kept + done, count - done);
        if (rows) continue;
        rows = nx_min_i64(rows_at_once(w, kept + done), count - done);
        if (rows > 1) reduce_rows_together(w, kept + done, rows);
        else reduce_group(w, kept + done, group);
    }
}

/* ------------------------------------------------------------------------------------------------- leaves of columns -- */

/* Makes the leaf of all parts from rows [first, end). */
static void step_rows(const work *w, int64_t kept, int64_t cols, int64_t first, int64_t end) {
    for (int64_t at = first, next; at < end; at = next) {
        next = nx_reduce_step(w, kept, cols, first, at, end);
        if (next > at) continue;
        next = nx_reduce_rows_end(w, at, end);
        if (!w->is_direct) nx_reduce_compute(w, kept, at, next - at, cols, 0);
        for (uint32_t p = 0; p < w->r->part_count; p++) {
            const nx_reduce_part *part = &w->r->parts[p];
            const nodes leaf = nx_new_slot(w, p);
            part->kernels->rows((size_t)(next - at), (size_t)cols, nx_reduce_elements(w, part, kept, at),
                                nx_reduce_row_stride(w, part), at, (size_t)(at - first), leaf.value, leaf.extra);
        }
    }
}

static void reduce_columns(const work *w, nx_reduce_task t) {
    const nx_reduce *r = w->r;
    const int64_t first = t.group * r->group_leaves, end = nx_min_i64(r->leaf_count, first + r->group_leaves);
    const int64_t items = nx_min_i64(r->reduced.count, end * NX_LEAF_ROWS) - first * NX_LEAF_ROWS;
    for (int64_t leaf = first; leaf < end && !nx_reduce_is_cancelled(w); leaf++) {
        const int64_t row = leaf * NX_LEAF_ROWS, row_end = nx_min_i64(r->reduced.count, row + NX_LEAF_ROWS);
        step_rows(w, t.kept, t.count, row, row_end);
        for (uint32_t p = 0; p < r->part_count; p++) nx_push_node(w, p, 0, leaf - first, row_end - row, t.count);
    }
    for (uint32_t p = 0; p < r->part_count; p++) {
        const nodes all = nx_pop_nodes(w, p, end - first, items, t.count);
        nx_copy_nodes(&r->parts[p], nx_task_nodes(w, &r->parts[p], t.group, t.kept), all, t.count);
    }
}

/* ----------------------------------------------------------------------------------------------------------- tasks -- */

/* The results of a task that has all elements of what it keeps. */
static void end_task(const work *w, nx_reduce_task t) {
    for (uint32_t p = 0; p < w->r->part_count; p++) {
        const nx_reduce_part *part = &w->r->parts[p];
        if (part->value_is_target) nx_end_nodes(part, nx_task_nodes(w, part, 0, t.kept), t.count);
    }
}

/* The commonest of short runs: one leaf where it lies, unless several parts read it, which machine code does at once. */
static bool run_leaf(const nx_nest_args *args) {
    const nx_nest *nest = args->nest;
    const nx_reduce *r = nest->reduce;
    const bool may_step = r->nodes && r->part_count > 1 && !r->has_places && nx_vm_is_stepping(nx_nest_code(nest));
    if (!r->is_leaf || may_step || r->has_odd_targets || !nx_reduce_is_direct(nest)) return false;
    for (uint32_t p = 0; p < r->part_count; p++) {
        const nx_reduce_part *part = &r->parts[p];
        const nodes to = {part->value, part->extra};
        part->kernels->leaf(1, (size_t)r->reduced.count, args->inputs[r->direct[part->operand]], 0, to.value, to.extra);
        nx_end_nodes(part, to, 1);
    }
    return true;
}

void nx_reduce_run(const nx_nest_args *args, int64_t task, int worker) {
    if (run_leaf(args)) return;
    work w = nx_reduce_work_of(args, worker);
    const nx_reduce_task t = nx_reduce_task_of(w.r, task);
    w.first_kept = t.kept;
    if (w.r->slab) nx_reduce_slab_run(&w, t);
    else if (w.r->by_rows) reduce_columns(&w, t);
    else reduce_rows(&w, t.kept, t.count, t.group);
    end_task(&w, t);
}

static bool is_odd_target(const nx_reduce_part *part) {
    const size_t item = nexpr_dtype_size(nx_dtype_real(part->loop));
    return part->extra_is_target ? (uintptr_t)part->extra % sizeof(int64_t) : (uintptr_t)part->value % item;
}

void nx_reduce_begin(nx_nest *nest, void *const *targets) {
    nx_reduce *r = nest->reduce;
    if (r->slab) nx_reduce_slab_begin(nest);
    if (r->stops_early) atomic_store_explicit(&r->settled, 0, memory_order_relaxed);
    r->has_odd_targets = false;
    for (uint32_t p = 0; p < r->part_count; p++) {
        nx_reduce_part *part = &r->parts[p];
        if (part->value_is_target) part->value = targets[part->target];
        if (part->extra_is_target) part->extra = targets[part->target];
        if (part->value_is_target || part->extra_is_target) r->has_odd_targets |= is_odd_target(part);
    }
}

/* The nodes of no elements. */
static void start_nodes(const nx_reduce_part *part, nodes to, int64_t count) {
    nx_value value;
    int64_t extra;
    const nodes one = {(char *)&value, to.extra ? (char *)&extra : NULL};
    part->kernels->start(1, one.value, one.extra);
    for (int64_t i = 0; i < count; i++) nx_copy_nodes(part, nx_nodes_at(part, to, i), one, 1);
}

static size_t result_bytes(const nx_reduce *r, const nx_reduce_part *part) {
    const int64_t count = r->kept.count * (r->scans ? r->reduced.count : 1);
    return (size_t)count * nexpr_dtype_size(nx_reducer_result_dtype(part->reducer, part->loop));
}

void nx_reduce_end(nx_nest *nest, void *const *targets) {
    nx_reduce *r = nest->reduce;
    if (r->slab) nx_reduce_slab_end(nest);
    if (r->compresses && r->is_prefix) nx_compress_end(nest);
    if (r->is_prefix || r->scans || r->compresses || r->slab) return;
    for (uint32_t p = 0; p < r->part_count && r->kept.count; p++) {
        const nx_reduce_part *part = &r->parts[p];
        const nodes all = nx_group_nodes(r, part, 0, 0);
        if (!r->reduced.count) start_nodes(part, all, r->kept.count);
        if (part->value_is_target || part->extra_is_target) continue; /* of one group */
        nx_combine_nodes(part, all, r->group_count, r->kept.count, r->group_leaves * r->leaf_items, r->reduced.count);
        nx_end_nodes(part, all, r->kept.count);
        memcpy(targets[part->target], nx_reducer_gives_index(part->reducer) ? all.extra : all.value, result_bytes(r, part));
    }
}
