/* SPDX-License-Identifier: MIT */
/*
 * Functions whose elements are added to nodes, rows onto columns: the rows' part of engine/reducers.def. Some rows go by at
 * once, a vector of each side by side, so that the nodes are read and written once for all of them; then single rows:
 *
 *   while `count` rows are left:           whole vectors of columns, then the last few under a mask
 *   while one is left:                     the same
 *
 * A node that is new is what its first element makes of it; what was in its place is loaded, and not chosen.
 */
#include "jit/llvm/nodes.h"
#include "jit/llvm/states.h"

/* What is known of the rows that are open. */
typedef struct rows_at_once {
    unsigned count;
    vec first;                  /* i64: the logical index of the first of them */
    vec new_bits;               /* i64: all ones if the nodes are new, else 0 */
    vec reciprocal[MAX_UNROLL]; /* float64: of how many elements a node then has */
} rows_at_once;

/* Where the nodes of an output are, and what they have beside their value. */
typedef struct node_memory {
    const memory *value;
    memory extra;
} node_memory;

/* Adds the elements x[] of the rows, in their order, to the nodes at a place. */
typedef void stepping_nodes(emitter *e, const rows_at_once *rows, const node_memory *to, place *at, const value *x);

/* ---- words ---- */

/* Whether nodes are new, by lane; elements have so many bits. */
static vec are_new(emitter *e, const rows_at_once *rows, unsigned bits) {
    const vec one = bits == 64 ? rows->new_bits : LLVMBuildTrunc(e->builder, rows->new_bits, int_type(e, bits), "");
    const vec all = splat(e, one);
    return s_lt(e, all, zero_like(all));
}

static nexpr_dtype dtype_at(const memory *m) {
    return (nexpr_dtype)m->operand->dtype;
}

static unsigned bits_at(const memory *m) {
    return bits_of(dtype_at(m));
}

static void store_node(emitter *e, const memory *m, value v, place *at) {
    store_elements(e, m, canonical_value(e, dtype_at(m), v), at, false);
}

/* ---- reducers whose state is a value ---- */

static void step_values(emitter *e, const rows_at_once *rows, const node_memory *to, place *at, const value *x) {
    const nx_reducer reducer = to->value->operand->detail;
    stepping *step = find_step(reducer, dtype_at(to->value));
    const value before = load_elements(e, to->value, at);
    value l = before;
    for (unsigned u = 0; u < rows->count; u++) {
        e->loop = dtype_at(to->value);
        l = step(e, l, x[u]);
        if (u == 0) l = choose_value(e, are_new(e, rows, bits_at(to->value)), x[0], l);
    }
    store_node(e, to->value, l, at);
}

/* ---- reducers whose state is an extremum and its place ---- */

/* Within the rows a place is a number of the elements' width; that of no row is their count. */
static void step_places(emitter *e, const rows_at_once *rows, const node_memory *to, place *at, const value *x) {
    const nexpr_dtype loop = dtype_at(to->value);
    const LLVMTypeRef wide = int_type(e, 64);
    value l = load_elements(e, to->value, at);
    const vec old = load_elements(e, &to->extra, at).part[0];
    const vec none = int_constant(e, bits_at(to->value), rows->count);
    vec mark = none;
    for (unsigned u = 0; u < rows->count; u++) {
        const vec k = int_constant(e, bits_at(to->value), u);
        vec takes = takes_place(e, to->value->operand->detail, loop, l, x[u]);
        if (u == 0) takes = i_or(e, takes, are_new(e, rows, bits_at(to->value)));
        l = choose_value(e, takes, x[u], l);
        mark = choose(e, takes, k, mark);
    }
    const vec steps = bits_at(to->value) == 64 ? mark : extend_zero(e, mark, wide);
    const vec here = i_add(e, splat(e, rows->first), steps);
    store_node(e, to->value, l, at);
    store_elements(e, &to->extra, single(choose(e, i_eq(e, mark, none), old, here)), at, false);
}

/* ---- m2 ---- */

/* Welford's steps. */
static void step_moments(emitter *e, const rows_at_once *rows, const node_memory *to, place *at, const value *x) {
    const vec new = are_new(e, rows, 64);
    vec v = load_elements(e, to->value, at).part[0], m = load_elements(e, &to->extra, at).part[0];
    v = choose(e, new, zero_like(v), v);
    m = choose(e, new, zero_like(m), m);
    for (unsigned u = 0; u < rows->count; u++) {
        const vec element = x[u].part[0], from_mean = f_sub(e, element, m);
        m = f_add(e, m, f_mul(e, from_mean, splat(e, rows->reciprocal[u])));
        v = f_add(e, v, f_mul(e, from_mean, f_sub(e, element, m)));
    }
    store_node(e, to->value, single(v), at);
    store_node(e, &to->extra, single(m), at);
}

static stepping_nodes *const node_steps[] = {
    [STATE_VALUE] = step_values, [STATE_PLACE] = step_places, [STATE_MOMENT] = step_moments};

/* ---- loops ---- */

typedef struct frame {
    vec n, rows;
    vec first, done; /* of nx_segment_rows */
    node_memory nodes[NX_SEGMENT_OPERANDS];
} frame;

static void open_nodes(emitter *e, frame *f) {
    static const nx_segment_operand index = {.dtype = NEXPR_INT64, .access = NX_ACCESS_BLOCK},
                                    mean = {.dtype = NEXPR_FLOAT64, .access = NX_ACCESS_BLOCK};
    const vec at = LLVMGetParam(e->function, 1);
    const unsigned operands = (unsigned)e->segment->output_count + e->segment->input_count;
    const vec counts = load_address(e, at, operands);
    f->first = load_integer(e, counts, 0);
    f->done = load_integer(e, counts, 1);
    for (unsigned k = 0; k < e->segment->output_count; k++) {
        const nx_reducer reducer = outputs_of(e)[k].detail;
        f->nodes[k].value = &e->memory[k];
        if (state_of(reducer) == STATE_VALUE) continue;
        f->nodes[k].extra = (memory){.operand = nx_reducer_gives_index(reducer) ? &index : &mean,
                                     .base = load_address(e, at, operands + 1 + k)};
    }
}

/* Elements from column j on, a vector of each row; `rest` of them, or all lanes. */
static void step_columns(emitter *e, const frame *f, const rows_at_once *rows, vec j, vec rest) {
    place at[MAX_UNROLL];
    value x[MAX_UNROLL];
    for (unsigned u = 0; u < rows->count; u++) at[u] = (place){.index = j, .vector = u, .row = u, .rest = rest};
    write_values(e, at, rows->count);
    for (unsigned k = 0; k < e->segment->output_count; k++) {
        for (unsigned u = 0; u < rows->count; u++) x[u] = result_of(e, k, &at[u]);
        node_steps[state_of(outputs_of(e)[k].detail)](e, rows, &f->nodes[k], &at[0], x);
    }
}

/* The builder is then in the block behind the columns. */
static void write_columns(emitter *e, const frame *f, const rows_at_once *rows) {
    const LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder), whole = block(e, "whole"), rest = block(e, "rest"),
                            masked = block(e, "masked"), after = block(e, "columns_done");
    const vec lanes = index_constant(e, e->lanes), last = i_sub(e, f->n, lanes);
    LLVMBuildCondBr(e->builder, u_le(e, lanes, f->n), whole, rest);

    LLVMPositionBuilderAtEnd(e->builder, whole);
    const vec j = index_phi(e, "j");
    step_columns(e, f, rows, j, NULL);
    const vec next = hidden_sum(e, j, e->lanes);
    const LLVMBasicBlockRef end = LLVMGetInsertBlock(e->builder);
    add_incoming(j, index_constant(e, 0), before);
    add_incoming(j, next, end);
    LLVMBuildCondBr(e->builder, u_le(e, next, last), whole, rest);

    LLVMPositionBuilderAtEnd(e->builder, rest);
    const vec k = index_phi(e, "j");
    add_incoming(k, index_constant(e, 0), before);
    add_incoming(k, next, end);
    LLVMBuildCondBr(e->builder, u_lt(e, k, f->n), masked, after);
    LLVMPositionBuilderAtEnd(e->builder, masked);
    step_columns(e, f, rows, k, i_sub(e, f->n, k));
    LLVMBuildBr(e->builder, after);
    LLVMPositionBuilderAtEnd(e->builder, after);
}

static bool has_moments(const emitter *e) {
    for (unsigned k = 0; k < e->segment->output_count; k++) {
        if (state_of(outputs_of(e)[k].detail) == STATE_MOMENT) return true;
    }
    return false;
}

/* Opens `count` rows from number `row` of the call on. */
static void open_some(emitter *e, const frame *f, vec row, unsigned count, rows_at_once *ret) {
    const LLVMTypeRef real = part_type(e, NEXPR_FLOAT64);
    const vec before = i_add(e, f->done, row);
    *ret = (rows_at_once){.count = count, .first = i_add(e, f->first, row)};
    ret->new_bits = LLVMBuildSExt(e->builder, i_eq(e, before, index_constant(e, 0)), int_type(e, 64), "");
    for (unsigned u = count; u-- > 0;) {
        open_row(e, u ? i_add(e, row, index_constant(e, u)) : row);
        write_uniform(e, OF_ROW);
        keep_row(e, u);
        if (!has_moments(e)) continue;
        const vec items = LLVMBuildSIToFP(e->builder, i_add(e, before, index_constant(e, u + 1)), real, "");
        ret->reciprocal[u] = f_div(e, LLVMConstReal(real, 1), items);
    }
    open_rows(e, row, count);
}

/* From row `from` on, as long as `count` rows are left. Returns the next one. */
static vec write_rows(emitter *e, const frame *f, vec from, unsigned count) {
    const LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder), check = block(e, "rows_check"), some = block(e, "rows"),
                            after = block(e, "rows_done");
    LLVMBuildBr(e->builder, check);
    LLVMPositionBuilderAtEnd(e->builder, check);
    const vec row = index_phi(e, "row");
    LLVMBuildCondBr(e->builder, u_le(e, index_constant(e, count), i_sub(e, f->rows, row)), some, after);
    LLVMPositionBuilderAtEnd(e->builder, some);
    rows_at_once rows;
    open_some(e, f, row, count, &rows);
    write_columns(e, f, &rows);
    const vec next = hidden_sum(e, row, count);
    add_incoming(row, from, before);
    add_incoming(row, next, LLVMGetInsertBlock(e->builder));
    LLVMBuildBr(e->builder, check);
    LLVMPositionBuilderAtEnd(e->builder, after);
    return row;
}

/* As many that the cache lines they are read from find room in a set of the first cache, what is computed in registers. */
static unsigned rows_for(const emitter *e) {
    enum { MOST_LINES = 8, MOST_WORK = 64 };
    const unsigned registers = e->isa == NX_ISA_AVX512 ? 24 : 12, live = most_live(e), work = work_of(e);
    unsigned lines = 0, count = MAX_UNROLL;
    for (unsigned k = 0; k < e->segment->input_count; k++) lines += e->is_uniform[k] == OF_ELEMENT;
    while (count > 1 && (count * lines > MOST_LINES || count * live > registers || count * work > MOST_WORK)) count /= 2;
    return count;
}

void write_with_nodes(emitter *e, vec n, vec rows) {
    frame f = {.n = n, .rows = rows};
    const unsigned count = rows_for(e);
    e->rows_are_vectors = true;
    open_nodes(e, &f);
    vec row = index_constant(e, 0);
    if (count > 1) row = write_rows(e, &f, row, count);
    write_rows(e, &f, row, 1);
    LLVMBuildRetVoid(e->builder);
}
