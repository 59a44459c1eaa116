/* SPDX-License-Identifier: MIT */
/* The leaves of a slab, whole or cut, and the stack that their nodes are pushed on. See reduce_slab.h. */
#include "runtime/reduce_slab.h"

#include "vm/kernels.h"

#include <string.h>

typedef nx_tree_nodes nodes;
typedef nx_reduce_work work;

static size_t round_up(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

/* -------------------------------------------------------------------------------------------------------- the stack -- */

static nexpr_status set_parts(nx_reduce *all, const nx_pass *pass, const uint32_t *targets, nx_arena *arena,
                              nexpr_error *err) {
    all->parts = nx_arena_alloc(arena, pass->reduction_count, sizeof *all->parts);
    if (!all->parts) return nx_fail_memory(err);
    for (; all->part_count < pass->reduction_count; all->part_count++) {
        const nx_reduction *from = &pass->reductions[all->part_count];
        all->parts[all->part_count] = (nx_reduce_part){
            .kernels = nx_vm_reduce_kernels(nx_isa_current(), from->reducer, from->loop),
            .reducer = from->reducer, .loop = from->loop, .adds_zero = from->adds_zero, .operand = from->operand,
            .target = targets[all->part_count]};
    }
    return NEXPR_OK;
}

nexpr_status nx_reduce_slab_init(nx_reduce_slab *slab, const nx_pass *pass, const uint32_t *targets, nx_arena *arena,
                                 nexpr_error *err) {
    *slab = (nx_reduce_slab){.row_items = 1};
    nx_reduce *all = &slab->all;
    all->kept.count = 1;
    for (int i = 1; i < pass->shape->ndim; i++) {
        *(pass->is_reduced[i] ? &slab->row_items : &all->kept.count) *= pass->shape->extent[i];
    }
    all->reduced.count = slab->row_items * pass->shape->extent[0];
    all->by_rows = pass->by_rows;
    all->leaf_items = all->by_rows ? NX_LEAF_ROWS : NX_LEAF_ITEMS;
    all->leaf_count = (all->reduced.count + all->leaf_items - 1) / all->leaf_items;
    all->node_cols = all->kept.count;
    all->node_slots = 2;
    while ((int64_t)1 << (all->node_slots - 1) <= all->leaf_count) all->node_slots++;
    slab->leaf_room = nx_min_i64(all->reduced.count, NX_LEAF_ITEMS);
    return set_parts(all, pass, targets, arena, err);
}

static size_t states_bytes(const nx_reduce_slab *s) {
    size_t bytes = 0;
    for (uint32_t p = 0; p < s->all.part_count; p++) {
        bytes += nx_reduce_nodes_bytes(&s->all, nexpr_dtype_size(s->all.parts[p].loop));
        if (s->all.parts[p].kernels->has_extra) bytes += nx_reduce_nodes_bytes(&s->all, sizeof(int64_t));
    }
    return bytes;
}

/* Of the first `operands` operands, each of which has the dtype of the loops that reduce it. */
static size_t carry_bytes(const nx_reduce_slab *s, uint32_t operands) {
    size_t bytes = 0;
    for (uint32_t k = 0; k < operands; k++) {
        for (uint32_t p = 0; p < s->all.part_count; p++) {
            if (s->all.parts[p].operand != k) continue;
            bytes += round_up((size_t)(s->all.kept.count * s->leaf_room * nx_value_size(&s->all.parts[p])));
            break;
        }
    }
    return bytes;
}

static size_t all_carry_bytes(const nx_reduce_slab *s) {
    return s->all.by_rows ? 0 : carry_bytes(s, s->all.part_count);
}

size_t nx_reduce_slab_bytes(const nx_reduce_slab *slab) {
    return states_bytes(slab) + 2 * all_carry_bytes(slab);
}

void nx_reduce_slab_start(nx_reduce_slab *slab, char *memory) {
    slab->states = memory;
    slab->carry[0] = memory + states_bytes(slab);
    slab->carry[1] = slab->carry[0] + all_carry_bytes(slab);
}

/* Who works with the stack. */
static work stack_of(nx_reduce_slab *s) {
    return (work){.r = &s->all, .states = s->states};
}

/* ------------------------------------------------------------------------------------------------------------ leaves -- */

/* The part of a leaf that the slab has, in reduced elements of the whole. */
typedef struct cut {
    int64_t leaf_begin, leaf_end, begin, end;
} cut;

static cut find_cut(const nx_reduce_slab *s, int64_t count, int64_t group) {
    const int64_t n = s->all.leaf_items, leaf_begin = (s->before / n + group) * n;
    cut c = {leaf_begin, nx_min_i64(leaf_begin + n, s->all.reduced.count), leaf_begin, s->before + count};
    if (c.begin < s->before) c.begin = s->before;
    if (c.end > c.leaf_end) c.end = c.leaf_end;
    return c;
}

static void step_columns(const work *w, nx_reduce_task t, const cut *c) {
    nx_reduce_slab *s = w->r->slab;
    const int64_t first = c->begin - s->before, end = c->end - s->before, done = c->begin - c->leaf_begin;
    const work stack = stack_of(s);
    for (uint32_t p = 0; p < w->r->part_count && done; p++) {
        const nx_reduce_part *part = &w->r->parts[p];
        nx_copy_nodes(part, nx_group_nodes(w->r, part, t.group, t.kept), nx_nodes_at(part, nx_new_slot(&stack, p), t.kept),
                      t.count);
    }
    for (int64_t at = first, next; at < end; at = next) {
        next = nx_reduce_rows_end(w, at, end);
        if (!w->is_direct) nx_reduce_compute(w, t.kept, at, next - at, t.count, 0);
        for (uint32_t p = 0; p < w->r->part_count; p++) {
            const nx_reduce_part *part = &w->r->parts[p];
            const nodes leaf = nx_group_nodes(w->r, part, t.group, t.kept);
            part->kernels->rows((size_t)(next - at), (size_t)t.count, nx_reduce_elements(w, part, t.kept, at),
                                nx_reduce_row_stride(w, part), s->before + at, (size_t)(done + at - first), leaf.value,
                                leaf.extra);
        }
    }
}

/* A leaf that begins in this slab and is cut at its end takes the other carry: that at the beginning still needs its own. */
static char *carry_at(const nx_reduce_slab *s, const nx_reduce_part *part, int64_t kept, const cut *c) {
    char *carry = s->carry[c->begin > c->leaf_begin ? s->current : !s->current];
    return carry + carry_bytes(s, part->operand) + kept * s->leaf_room * nx_value_size(part);
}

static void step_leaf(const work *w, int64_t kept, int64_t group, const cut *c) {
    const nx_reduce_slab *s = w->r->slab;
    const int64_t at = c->begin - s->before, count = c->end - c->begin, done = c->begin - c->leaf_begin;
    const bool is_ended = c->end == c->leaf_end;
    if (!w->is_direct) nx_reduce_fill(w, kept, at, count);
    for (uint32_t p = 0; p < w->r->part_count; p++) {
        const nx_reduce_part *part = &w->r->parts[p];
        const nodes to = nx_group_nodes(w->r, part, group, kept);
        const char *x = nx_reduce_elements(w, part, kept, at);
        if (done || !is_ended) {
            char *carry = carry_at(s, part, kept, c);
            memcpy(carry + done * nx_value_size(part), x, (size_t)(count * nx_value_size(part)));
            x = carry;
        }
        if (is_ended) part->kernels->leaf(1, (size_t)(c->end - c->leaf_begin), x, c->leaf_begin, to.value, to.extra);
    }
}

/* Which leaf the group is. */
static int64_t leaf_of(const nx_reduce_slab *s, int64_t group) {
    return s->before / s->all.leaf_items + group;
}

static bool is_left_out(const nx_reduce_slab *s, int64_t group) {
    return s->is_part && (leaf_of(s, group) < s->slab_leaf || leaf_of(s, group) >= s->slab_end);
}

/* How many groups from this one on, up to `end`, are whole leaves of one row in memory, to be reduced at once. */
static int64_t count_whole(const nx_reduce_work *w, int64_t group, int64_t end) {
    const nx_reduce *r = w->r;
    int64_t count = 0;
    for (; w->is_direct && !r->by_rows && r->kept.count == 1 && group + count < end; count++) {
        const cut c = find_cut(r->slab, r->reduced.count, group + count);
        if (is_left_out(r->slab, group + count) || c.end - c.begin < NX_LEAF_ITEMS) break;
    }
    return count;
}

static void reduce_whole(const nx_reduce_work *w, int64_t group, int64_t count) {
    const nx_reduce *r = w->r;
    const int64_t first = find_cut(r->slab, r->reduced.count, group).begin;
    for (uint32_t p = 0; p < r->part_count; p++) {
        const nx_reduce_part *part = &r->parts[p];
        const char *x = nx_reduce_elements(w, part, 0, first - r->slab->before);
        nx_reduce_row(part, x, first, count * NX_LEAF_ITEMS, nx_lane_nodes(w, p), nx_group_nodes(r, part, group, 0));
    }
}

static void reduce_group(const nx_reduce_work *w, nx_reduce_task t) {
    const cut c = find_cut(w->r->slab, w->r->reduced.count, t.group);
    if (is_left_out(w->r->slab, t.group)) return;
    if (w->r->by_rows) step_columns(w, t, &c);
    else for (int64_t i = 0; i < t.count; i++) step_leaf(w, t.kept + i, t.group, &c);
}

void nx_reduce_slab_run(const nx_reduce_work *w, nx_reduce_task t) {
    const int64_t end = nx_min_i64(w->r->group_count, t.group + w->r->task_groups);
    for (int64_t done; t.group < end && !nx_reduce_is_cancelled(w); t.group += done) {
        done = count_whole(w, t.group, end);
        if (done) reduce_whole(w, t.group, done);
        else reduce_group(w, t);
        done += !done;
    }
}

/* ------------------------------------------------------------------------------------------------------------- slabs -- */

void nx_reduce_slab_begin(nx_nest *nest) {
    nx_reduce *r = nest->reduce;
    const int64_t n = r->leaf_items, end = r->slab->before + r->reduced.count;
    r->group_count = (end + n - 1) / n - r->slab->before / n;
    if (nest->count) nx_reduce_cut_tasks(nest);
}

int64_t nx_reduce_slab_node_bytes(const nx_reduce_slab *s) {
    int64_t bytes = 0;
    for (uint32_t p = 0; p < s->all.part_count; p++) bytes += nx_node_bytes(&s->all.parts[p], s->all.kept.count);
    return bytes;
}

/* The node of a part at this place, among others. */
static nodes node_at(const nx_reduce_slab *s, uint32_t p, char *at) {
    for (uint32_t k = 0; k < p; k++) at += nx_node_bytes(&s->all.parts[k], s->all.kept.count);
    const nx_reduce_part *part = &s->all.parts[p];
    return (nodes){at, part->kernels->has_extra ? at + s->all.kept.count * nx_value_size(part) : NULL};
}

/* Writes the slot behind the nodes that are done. */
static void leave_slot(nx_reduce_slab *s, const work *stack, int slot) {
    for (uint32_t p = 0; p < s->all.part_count; p++) {
        nx_copy_nodes(&s->all.parts[p], node_at(s, p, s->nodes), nx_slot(stack, p, slot), s->all.kept.count);
    }
    s->nodes += nx_reduce_slab_node_bytes(s);
}

/* As nx_push_node, with what there is of the part; a node whose left neighbour is not the part's is done. */
static void push_node(nx_reduce_slab *s, const work *stack, int level, int64_t leaf, int64_t items) {
    const int new_slot = (int)s->all.node_slots - 1;
    int64_t left = s->all.leaf_items << level, right = items;
    for (; leaf >> level & 1; level++, right += left, left *= 2) {
        if (!(s->held >> level & 1)) {
            leave_slot(s, stack, new_slot);
            return;
        }
        for (uint32_t p = 0; p < s->all.part_count; p++) {
            const nx_reduce_part *part = &s->all.parts[p];
            nx_merge_nodes(part, s->all.kept.count, nx_slot(stack, p, level), nx_new_slot(stack, p), left, right);
            nx_copy_nodes(part, nx_new_slot(stack, p), nx_slot(stack, p, level), s->all.kept.count);
        }
        s->held &= ~((uint64_t)1 << level);
    }
    for (uint32_t p = 0; p < s->all.part_count; p++) {
        nx_copy_nodes(&s->all.parts[p], nx_slot(stack, p, level), nx_new_slot(stack, p), s->all.kept.count);
    }
    s->held |= (uint64_t)1 << level;
}

void nx_reduce_slab_leave(nx_reduce_slab *s) {
    const work stack = stack_of(s);
    for (int slot = (int)s->all.node_slots - 2; slot >= 0; slot--) {
        if (s->held >> slot & 1) leave_slot(s, &stack, slot);
    }
    s->held = 0;
}

const char *nx_reduce_slab_take(nx_reduce_slab *s, int64_t leaf, int64_t end, const char *from) {
    const work stack = stack_of(s);
    const int64_t n = s->all.leaf_items;
    for (int level; leaf < end; leaf += (int64_t)1 << level, from += nx_reduce_slab_node_bytes(s)) {
        level = nx_node_level(leaf, end);
        const int64_t items = nx_min_i64(s->all.reduced.count, (leaf + ((int64_t)1 << level)) * n) - leaf * n;
        for (uint32_t p = 0; p < s->all.part_count; p++) {
            const nodes node = node_at(s, p, (char *)(uintptr_t)from);
            nx_copy_nodes(&s->all.parts[p], nx_new_slot(&stack, p), node, s->all.kept.count);
            nx_push_node(&stack, p, level, leaf, items, s->all.kept.count);
        }
    }
    s->leaves = leaf;
    return from;
}

/* Takes the leaves of a part's slab, as large nodes. */
static void end_slab_of_part(const nx_nest *nest) {
    const nx_reduce *r = nest->reduce;
    nx_reduce_slab *s = r->slab;
    const work stack = stack_of(s);
    const int64_t n = s->all.leaf_items, kept = r->kept.count, first = leaf_of(s, 0);
    const int64_t end = nx_min_i64(s->slab_end, first + r->group_count);
    for (int64_t leaf = s->slab_leaf > first ? s->slab_leaf : first, count; leaf < end; leaf += count) {
        const int level = nx_node_level(leaf, end);
        count = (int64_t)1 << level;
        const int64_t items = nx_min_i64(s->all.reduced.count, (leaf + count) * n) - leaf * n;
        for (uint32_t p = 0; p < r->part_count; p++) {
            const nx_reduce_part *part = &r->parts[p];
            const nodes node = nx_group_nodes(r, part, leaf - first, 0);
            nx_combine_nodes(part, node, count, kept, n, items);
            nx_copy_nodes(part, nx_new_slot(&stack, p), node, kept);
        }
        push_node(s, &stack, level, leaf, items);
    }
}

void nx_reduce_slab_end(nx_nest *nest) {
    const nx_reduce *r = nest->reduce;
    nx_reduce_slab *s = r->slab;
    if (s->is_part) {
        end_slab_of_part(nest);
        return;
    }
    const work stack = stack_of(s);
    for (int64_t g = 0; g < r->group_count && nest->count; g++) {
        const cut c = find_cut(s, r->reduced.count, g);
        const bool is_ended = c.end == c.leaf_end;
        for (uint32_t p = 0; p < r->part_count && (is_ended || r->by_rows); p++) {
            const nx_reduce_part *part = &r->parts[p];
            nx_copy_nodes(part, nx_new_slot(&stack, p), nx_group_nodes(r, part, g, 0), r->kept.count);
            if (is_ended) nx_push_node(&stack, p, 0, s->leaves, c.end - c.leaf_begin, r->kept.count);
        }
        s->leaves += is_ended;
        if (!is_ended && c.begin == c.leaf_begin) s->current = !s->current;
    }
    s->before += r->reduced.count;
}

void nx_reduce_slab_finish(nx_reduce_slab *s, void *const *targets) {
    const nx_reduce *r = &s->all;
    const work stack = stack_of(s);
    for (uint32_t p = 0; p < r->part_count && r->kept.count; p++) {
        const nx_reduce_part *part = &r->parts[p];
        const bool gives_index = nx_reducer_gives_index(part->reducer);
        nodes all = nx_new_slot(&stack, p);
        if (r->reduced.count) all = nx_pop_nodes(&stack, p, s->leaves, r->reduced.count, r->kept.count);
        else part->kernels->start((size_t)r->kept.count, all.value, all.extra);
        nx_end_nodes(part, all, r->kept.count);
        const size_t item = gives_index ? sizeof(int64_t) : nexpr_dtype_size(part->loop);
        memcpy(targets[part->target], gives_index ? all.extra : all.value, (size_t)r->kept.count * item);
    }
}
