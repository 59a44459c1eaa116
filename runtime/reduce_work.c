/* SPDX-License-Identifier: MIT */
#include "runtime/reduce_work.h"

#include "runtime/profile.h"
#include "runtime/threads.h"

#include <string.h>

nx_reduce_work nx_reduce_work_of(const nx_nest_args *args, int worker) {
    const nx_nest *nest = args->nest;
    char *memory = args->workers + (size_t)worker * nest->worker_bytes;
    nx_reduce_work w = {.args = args, .nest = nest, .r = nest->reduce, .inputs = (const char **)(void *)memory,
                        .worker = worker};
    w.outputs = (char **)(void *)memory + nest->input_count;
    w.scratch = memory + nx_nest_pointer_bytes(nest);
    w.buffers = memory + nest->buffers_at;
    w.states = memory + nest->states_at;
    w.kept = memory + nest->kept_at;
    w.is_direct = nx_reduce_is_direct(nest);
    w.fault = nx_nest_fault(args, worker);
    return w;
}

bool nx_reduce_is_cancelled(const nx_reduce_work *w) {
    return nx_is_cancelled(w->args->cancel);
}

nx_reduce_task nx_reduce_task_of(const nx_reduce *r, int64_t task) {
    if (!task) return (nx_reduce_task){.count = nx_min_i64(r->width, r->row_width)}; /* a short run has no other */
    const int64_t pieces = (r->row_width + r->width - 1) / r->width, piece = task / r->group_tasks;
    const int64_t col = piece % pieces * r->width;
    return (nx_reduce_task){.kept = piece / pieces * r->row_width + col, .count = nx_min_i64(r->width, r->row_width - col),
                            .group = task % r->group_tasks * r->task_groups};
}

void nx_reduce_kept_of(const nx_reduce *r, int64_t task, int64_t *ret_first, int64_t *ret_count) {
    const nx_reduce_task t = nx_reduce_task_of(r, task);
    *ret_first = t.kept;
    *ret_count = t.count;
}

/* ---------------------------------------------------------------------------------------------------------- nodes -- */

void nx_merge_nodes(const nx_reduce_part *part, int64_t cols, nx_tree_nodes left, nx_tree_nodes right, int64_t left_count,
                    int64_t right_count) {
    part->kernels->merge((size_t)cols, left.value, left.extra, right.value, right.extra, left_count, right_count);
}

void nx_combine_nodes(const nx_reduce_part *part, nx_tree_nodes first, int64_t count, int64_t cols, int64_t unit,
                      int64_t total) {
    for (int64_t step = 1; step < count; step *= 2) {
        for (int64_t i = 0; i + step < count; i += 2 * step) {
            const int64_t right = nx_min_i64(total, (i + 2 * step) * unit) - (i + step) * unit;
            nx_merge_nodes(part, cols, nx_nodes_at(part, first, i * cols), nx_nodes_at(part, first, (i + step) * cols),
                           step * unit, right);
        }
    }
}

void nx_end_nodes(const nx_reduce_part *part, nx_tree_nodes all, int64_t count) {
    if (!part->adds_zero) return;
    const int64_t bytes = count * nx_value_size(part);
    for (int64_t at = 0; at < bytes; at += (int64_t)sizeof(double)) { /* complex numbers are two */
        double x;
        memcpy(&x, all.value + at, sizeof x);
        x += 0.0;
        memcpy(all.value + at, &x, sizeof x);
    }
}

nx_tree_nodes nx_slot(const nx_reduce_work *w, uint32_t part, int j) {
    return nx_nodes_at(&w->r->parts[part], nx_part_nodes(w, part), j * w->r->node_cols);
}

nx_tree_nodes nx_new_slot(const nx_reduce_work *w, uint32_t part) {
    return nx_slot(w, part, (int)w->r->node_slots - 1 - w->r->spare_slots);
}

void nx_push_node(const nx_reduce_work *w, uint32_t p, int level, int64_t leaves, int64_t items, int64_t cols) {
    const nx_reduce_part *part = &w->r->parts[p];
    const nx_tree_nodes node = nx_new_slot(w, p);
    int64_t left = w->r->leaf_items << level, right = items;
    for (; leaves >> level & 1; level++, right += left, left *= 2) {
        nx_merge_nodes(part, cols, nx_slot(w, p, level), node, left, right);
        nx_copy_nodes(part, node, nx_slot(w, p, level), cols);
    }
    nx_copy_nodes(part, nx_slot(w, p, level), node, cols);
}

nx_tree_nodes nx_pop_nodes(const nx_reduce_work *w, uint32_t p, int64_t leaves, int64_t items, int64_t cols) {
    const int64_t leaf_items = w->r->leaf_items;
    nx_tree_nodes all = {NULL, NULL};
    for (int j = 0; leaves >> j; j++) {
        if (!(leaves >> j & 1)) continue;
        const int64_t begin = (leaves >> (j + 1) << (j + 1)) * leaf_items;
        const int64_t end = nx_min_i64(items, begin + (leaf_items << j));
        if (all.value) nx_merge_nodes(&w->r->parts[p], cols, nx_slot(w, p, j), all, end - begin, items - end);
        all = nx_slot(w, p, j);
    }
    return all;
}

int nx_node_level(int64_t leaf, int64_t end) {
    int level = 63 - __builtin_clzll((uint64_t)(end - leaf));
    if (leaf && __builtin_ctzll((uint64_t)leaf) < level) level = __builtin_ctzll((uint64_t)leaf);
    return level;
}

int64_t nx_node_bytes(const nx_reduce_part *part, int64_t kept) {
    return kept * (nx_value_size(part) + (part->kernels->has_extra ? (int64_t)sizeof(int64_t) : 0));
}

/* -------------------------------------------------------------------------------------------------------- elements -- */

static int64_t offset_along(const nx_reduce_axes *axes, const int64_t *stride, int64_t index) {
    int64_t offset = 0;
    if (!index) return 0;
    for (int i = axes->ndim - 1; i > 0; i--) {
        offset += index % axes->extent[i] * stride[axes->axis[i]];
        index /= axes->extent[i];
    }
    return axes->ndim ? offset + index * stride[axes->axis[0]] : 0;
}

int64_t nx_reduce_offset(const nx_reduce *r, const int64_t *stride, int64_t kept, int64_t reduced) {
    return offset_along(&r->kept, stride, kept) + offset_along(&r->reduced, stride, reduced);
}

static const char *address(const nx_reduce_work *w, uint32_t k, int64_t kept, int64_t reduced) {
    return w->args->inputs[k] + nx_reduce_offset(w->r, w->nest->operands[k].stride, kept, reduced);
}

char *nx_reduce_buffer(const nx_reduce_work *w, uint32_t operand) {
    char *at = w->buffers;
    for (uint32_t k = 0; k < operand; k++) at += nx_reduce_buffer_bytes(w->nest, k);
    return at;
}

static void place_inputs(const nx_reduce_work *w, int64_t kept, int64_t reduced) {
    for (uint32_t k = 0; k < w->nest->input_count; k++) {
        if (w->nest->operands[k].is_used) w->inputs[k] = address(w, k, kept, reduced);
    }
}

/* The code that adds elements to nodes, if it is there. */
static const nx_vm_code *stepping_code(const nx_reduce_work *w) {
    const nx_vm_code *code = w->r->nodes ? nx_nest_code(w->nest) : w->nest->code;
    return nx_vm_is_stepping(code) ? code : NULL;
}

/* A rectangle of elements from these on to nodes, of which `nodes` tells the parts' first ones. */
static void run_stepping(const nx_reduce_work *w, const nx_vm_code *code, int64_t kept, int64_t reduced,
                         const int64_t count[2], const nx_tree_nodes *nodes, nx_segment_rows rows) {
    const int64_t none[2] = {0, 0};
    char *value[NX_SEGMENT_OPERANDS], *extra[NX_SEGMENT_OPERANDS];
    for (uint32_t p = 0; p < w->r->part_count; p++) {
        value[p] = w->outputs[w->r->parts[p].operand] = nodes[p].value;
        extra[p] = nodes[p].extra;
    }
    place_inputs(w, kept, reduced);
    const nx_vm_nodes all = {value, extra, rows};
    nx_vm_args vm = {.code = code, .scratch = w->scratch, .inputs = w->inputs, .outputs = w->outputs, .nodes = &all};
    nx_nest_compute(w->nest, w->worker, &vm, none, count);
}

int64_t nx_reduce_step(const nx_reduce_work *w, int64_t kept, int64_t cols, int64_t first, int64_t at, int64_t end) {
    const nx_reduce *r = w->r;
    const nx_vm_code *code = w->is_direct ? NULL : stepping_code(w);
    if (!code) return at;
    const int64_t rows = r->reduced.ndim ? r->reduced.extent[r->reduced.ndim - 1] : 1;
    const int64_t count[2] = {nx_min_i64(end - at, rows - at % rows), cols};
    nx_tree_nodes nodes[NX_SEGMENT_OPERANDS];
    for (uint32_t p = 0; p < r->part_count; p++) nodes[p] = nx_new_slot(w, p);
    run_stepping(w, code, kept, at, count, nodes, (nx_segment_rows){.first = at, .done = at - first});
    return at + count[0];
}

bool nx_reduce_leaves(const nx_reduce_work *w, int64_t kept, int64_t first, int64_t count, int64_t leaf) {
    const bool is_better_left = count < NX_LANES || (w->is_direct && w->r->has_places);
    const nx_vm_code *code = is_better_left ? NULL : stepping_code(w);
    if (!code) return false;
    const int64_t leaves = count < NX_LEAF_ITEMS ? 1 : count / NX_LEAF_ITEMS, size[2] = {leaves, count / leaves};
    nx_tree_nodes nodes[NX_SEGMENT_OPERANDS];
    for (uint32_t p = 0; p < w->r->part_count; p++) nodes[p] = nx_nodes_at(&w->r->parts[p], nx_part_nodes(w, p), leaf);
    run_stepping(w, code, kept, first, size, nodes, (nx_segment_rows){.first = first, .between = NX_LEAF_ITEMS});
    return true;
}

int64_t nx_reduce_short_rows(const nx_reduce_work *w, int64_t kept, int64_t count) {
    const nx_reduce *r = w->r;
    const nx_vm_code *code = r->leaf_count == 1 && (r->rows_are_kept || r->is_leaf) ? stepping_code(w) : NULL;
    if (!code || (r->is_leaf && w->is_direct && r->has_places)) return 0;
    const int64_t inner = r->is_leaf ? 1 : r->kept.extent[r->kept.ndim - 1];
    const int64_t rest = r->is_leaf ? 1 : inner - kept % inner; /* a division is dear in a short run */
    const int64_t size[2] = {nx_reduce_most_rows(r, nx_min_i64(rest, count)), r->reduced.count};
    nx_tree_nodes nodes[NX_SEGMENT_OPERANDS];
    for (uint32_t p = 0; p < r->part_count; p++) {
        nodes[p] = r->has_odd_targets ? nx_lane_nodes(w, p) : nx_task_nodes(w, &r->parts[p], 0, kept);
    }
    run_stepping(w, code, kept, 0, size, nodes, (nx_segment_rows){.first = 0});
    for (uint32_t p = 0; r->has_odd_targets && p < r->part_count; p++) {
        nx_copy_nodes(&r->parts[p], nx_task_nodes(w, &r->parts[p], 0, kept), nodes[p], size[0]);
    }
    return size[0];
}

void nx_reduce_compute(const nx_reduce_work *w, int64_t kept, int64_t reduced, int64_t rows, int64_t cols, int64_t at) {
    const nx_nest *nest = w->nest;
    const int64_t first[2] = {0, 0}, count[2] = {rows, cols};
    place_inputs(w, kept, reduced);
    for (uint32_t k = 0; k < nest->output_count; k++) {
        if (w->r->folds) w->outputs[k] = nx_lane_nodes(w, k).value;
        else w->outputs[k] = nx_reduce_buffer(w, k) + at * (int64_t)nexpr_dtype_size(nest->operands[nest->input_count + k].dtype);
    }
    nx_vm_fault later, *fault = w->fault->is_set ? &later : w->fault; /* the first one is told */
    later.is_set = false;
    /* Machine code adds to whole rows of lanes; if it adds to nodes, it has come just now, and has no results. */
    const nx_vm_code *code = w->r->folds && cols % NX_LANES ? nest->code : nx_nest_code(nest);
    if (nx_vm_is_stepping(code)) code = nest->code;
    nx_vm_args vm = {.code = code, .scratch = w->scratch, .inputs = w->inputs, .outputs = w->outputs, .fault = fault};
    nx_nest_compute(nest, w->worker, &vm, first, count);
}

/* Pieces of rows, and whole rows together. */
void nx_reduce_fill(const nx_reduce_work *w, int64_t kept, int64_t reduced, int64_t count) {
    const nx_reduce_axes *axes = &w->r->reduced;
    const int64_t cols = axes->ndim ? axes->extent[axes->ndim - 1] : 1, rows = axes->ndim > 1 ? axes->extent[axes->ndim - 2] : 1;
    for (int64_t done = 0; done < count;) {
        const int64_t at = reduced + done, col = at % cols, row = at / cols % rows, left = count - done;
        int64_t piece_rows = 1, piece_cols = nx_min_i64(cols - col, left);
        if (!col && left >= cols) piece_rows = nx_min_i64(left / cols, rows - row);
        nx_reduce_compute(w, kept, at, piece_rows, piece_cols, done);
        done += piece_rows * piece_cols;
    }
}

const char *nx_reduce_elements(const nx_reduce_work *w, const nx_reduce_part *part, int64_t kept, int64_t reduced) {
    return w->is_direct ? address(w, (uint32_t)w->r->direct[part->operand], kept, reduced) : nx_reduce_buffer(w, part->operand);
}

int64_t nx_reduce_rows_end(const nx_reduce_work *w, int64_t at, int64_t end) {
    const nx_reduce *r = w->r;
    const int64_t rows = r->reduced.ndim ? r->reduced.extent[r->reduced.ndim - 1] : 1;
    const int64_t most = w->is_direct ? end - at : r->capacity / r->width;
    return at + nx_min_i64(nx_min_i64(end - at, rows - at % rows), most);
}

int64_t nx_reduce_row_stride(const nx_reduce_work *w, const nx_reduce_part *part) {
    return w->is_direct ? w->nest->operands[w->r->direct[part->operand]].stride[w->nest->axes - 2]
                        : w->r->width * nx_value_size(part);
}
