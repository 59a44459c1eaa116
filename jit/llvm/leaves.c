/* SPDX-License-Identifier: MIT */
/*
 * Functions whose rows are leaves: the leaves' part of engine/reducers.def, from elements to nodes. The lanes of a row stay
 * in registers:
 *
 *   open:   the first 32 elements are the lanes
 *   main:   while 32 are left
 *   rest:   the last few, vector by vector under a mask, onto lanes on the stack
 *   fold:   l + (l+16), +8, +4, +2, +1, in ever shorter vectors
 *
 * That is a pass over a row. There is one for all outputs, as long as registers hold their lanes, and a second one for
 * squared distances, which need the mean: what is computed is computed again, of operands that are in the closest cache.
 */
#include "jit/llvm/leaves.h"
#include "jit/llvm/states.h"

#include <string.h>

/* What lanes of an output are in a pass. */
typedef enum stage_kind { AS_VALUE, AS_PLACE, AS_SUM, AS_SQUARES } stage_kind;

typedef struct stage {
    unsigned output;
    stage_kind kind;
    nx_reducer reducer;
    nexpr_dtype loop;
    memory value_lanes, mark_lanes; /* on the stack */
} stage;

/* A set of lanes; of a place the mark is the number of the 32 elements that it is among, as wide as an element. */
typedef struct lane {
    value v;
    vec mark;
} lane;
typedef lane lane_set[NX_SEGMENT_OPERANDS][MAX_UNROLL];

typedef struct frame {
    vec n, row, items; /* items: n as float64 */
    vec first, between;
    vec extra[NX_SEGMENT_OPERANDS];
    vec mean[NX_SEGMENT_OPERANDS]; /* of outputs that have moments: a single float64 */
    unsigned vectors;              /* of 32 elements */
    lane_set before, phis, lanes;
} frame;

/* ---- lanes ---- */

static nexpr_dtype mark_dtype(nexpr_dtype loop) {
    static const nexpr_dtype by_bytes[] = {[1] = NEXPR_UINT8, [2] = NEXPR_UINT16, [4] = NEXPR_UINT32, [8] = NEXPR_UINT64};
    return by_bytes[part_bytes(loop)];
}

/* The number of the 32 elements that begin with j, in all lanes. */
static vec mark_of(emitter *e, const stage *s, vec j) {
    const LLVMTypeRef type = int_type(e, part_bits(s->loop));
    const vec number = i_lshr(e, j, index_constant(e, 5));
    return splat(e, part_bits(s->loop) == 64 ? number : LLVMBuildTrunc(e->builder, number, type, ""));
}

static value squared_distance(emitter *e, const frame *f, const stage *s, value x) {
    const vec distance = f_sub(e, x.part[0], splat(e, f->mean[s->output]));
    return single(f_mul(e, distance, distance));
}

static lane opened(emitter *e, const frame *f, const stage *s, value x) {
    if (s->kind == AS_SQUARES) x = squared_distance(e, f, s, x);
    return (lane){x, s->kind == AS_PLACE ? mark_of(e, s, index_constant(e, 0)) : NULL};
}

/* Adds the elements x, which are among those from j on. */
static lane stepped(emitter *e, const frame *f, const stage *s, lane l, value x, vec j) {
    if (s->kind == AS_PLACE) {
        const vec takes = takes_place(e, s->reducer, s->loop, l.v, x);
        return (lane){choose_value(e, takes, x, l.v), choose(e, takes, mark_of(e, s, j), l.mark)};
    }
    if (s->kind == AS_SQUARES) x = squared_distance(e, f, s, x);
    e->loop = s->loop;
    return (lane){find_step(s->reducer, s->loop)(e, l.v, x), NULL};
}

typedef void each_part(emitter *e, vec *part, const vec *other, LLVMBasicBlockRef from);

/* Calls for each vector that lanes are made of, with that of others. */
static void each_vector(emitter *e, const frame *f, unsigned count, lane_set to, lane_set other, LLVMBasicBlockRef from,
                        each_part *call) {
    for (unsigned i = 0; i < count * f->vectors; i++) {
        lane *l = &to[i / f->vectors][i % f->vectors];
        const lane *x = &other[i / f->vectors][i % f->vectors];
        for (int k = 0; k < 2; k++) {
            if (x->v.part[k]) call(e, &l->v.part[k], &x->v.part[k], from);
        }
        if (x->mark) call(e, &l->mark, &x->mark, from);
    }
}

static void make_phi(emitter *e, vec *part, const vec *other, LLVMBasicBlockRef from) {
    *part = LLVMBuildPhi(e->builder, LLVMTypeOf(*other), "lane");
    add_incoming(*part, *other, from);
}

static void join_phi(emitter *e, vec *part, const vec *other, LLVMBasicBlockRef from) {
    (void)e;
    add_incoming(*part, *other, from);
}

/* ---- the last few ---- */

static vec stack_lanes(emitter *e, unsigned bytes) {
    const LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder), entry = LLVMGetEntryBasicBlock(e->function);
    LLVMPositionBuilder(e->builder, entry, LLVMGetFirstInstruction(entry));
    const vec at = LLVMBuildAlloca(e->builder, LLVMArrayType2(int_type(e, 8), bytes), "lanes");
    LLVMSetAlignment(at, 64);
    LLVMPositionBuilderAtEnd(e->builder, here);
    return at;
}

static const nx_segment_operand *block_of(nexpr_dtype dtype) {
    static const nx_segment_operand blocks[NEXPR_DTYPE_COUNT] = {
#define X(id, suffix, name, class, ctype) [NEXPR_##id] = {NEXPR_##id, NX_ACCESS_BLOCK, 0, 0},
        NEXPR_DTYPE_MAP(X)
#undef X
    };
    return &blocks[dtype];
}

static void lay_lanes(emitter *e, stage *s) {
    const unsigned bytes = NX_LANES * (unsigned)nexpr_dtype_size(s->loop);
    s->value_lanes = (memory){.operand = block_of(s->loop), .base = stack_lanes(e, bytes)};
    if (s->kind != AS_PLACE) return;
    s->mark_lanes = (memory){.operand = block_of(mark_dtype(s->loop)), .base = stack_lanes(e, bytes)};
}

static void store_lane(emitter *e, const stage *s, lane l, place *at) {
    store_elements(e, &s->value_lanes, l.v, at, false);
    if (l.mark) store_elements(e, &s->mark_lanes, single(l.mark), at, false);
}

static lane load_lane(emitter *e, const stage *s, place *at) {
    lane l = {load_elements(e, &s->value_lanes, at), NULL};
    if (s->kind == AS_PLACE) l.mark = load_elements(e, &s->mark_lanes, at).part[0];
    return l;
}

/* A vector of them: elements from k on. Lanes are loaded and stored whole: what is loaded behind a masked store waits until
 * that is in the cache. */
static void step_rest(emitter *e, const frame *f, const stage *stages, unsigned count, vec k) {
    const vec rest = intrinsic2(e, "llvm.umin", i_sub(e, f->n, k), index_constant(e, e->lanes));
    place at = {.index = k, .rest = rest}, there = {.index = i_and(e, k, index_constant(e, NX_LANES - 1))};
    write_values(e, &at, 1);
    const vec mask = mask_at(e, &at);
    for (unsigned i = 0; i < count; i++) {
        const lane before = load_lane(e, &stages[i], &there);
        lane l = stepped(e, f, &stages[i], before, result_of(e, stages[i].output, &at), k);
        l.v = choose_value(e, mask, l.v, before.v);
        if (l.mark) l.mark = choose(e, mask, l.mark, before.mark);
        store_lane(e, &stages[i], l, &there);
    }
}

/* From element j on, of which there is one; f->lanes before and after. The builder is then in the block behind. */
static void write_rest(emitter *e, frame *f, const stage *stages, unsigned count, vec j) {
    for (unsigned i = 0; i < count * f->vectors; i++) {
        place at = {.index = index_constant(e, 0), .offset = i % f->vectors * e->lanes};
        store_lane(e, &stages[i / f->vectors], f->lanes[i / f->vectors][i % f->vectors], &at);
    }
    const LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder), rest = block(e, "rest"), after = block(e, "rest_done");
    LLVMBuildBr(e->builder, rest);
    LLVMPositionBuilderAtEnd(e->builder, rest);
    const vec k = index_phi(e, "k");
    step_rest(e, f, stages, count, k);
    const vec next = hidden_sum(e, k, e->lanes);
    add_incoming(k, j, before);
    add_incoming(k, next, LLVMGetInsertBlock(e->builder));
    LLVMBuildCondBr(e->builder, u_lt(e, next, f->n), rest, after);
    LLVMPositionBuilderAtEnd(e->builder, after);
    for (unsigned i = 0; i < count * f->vectors; i++) {
        place at = {.index = index_constant(e, 0), .offset = i % f->vectors * e->lanes};
        f->lanes[i / f->vectors][i % f->vectors] = load_lane(e, &stages[i / f->vectors], &at);
    }
}

/* ---- from elements to lanes ---- */

/* 32 elements from j on. */
static void compute_vectors(emitter *e, const frame *f, vec j, place at[MAX_UNROLL]) {
    for (unsigned u = 0; u < f->vectors; u++) at[u] = (place){.index = j, .offset = u * e->lanes, .vector = u};
    write_values(e, at, f->vectors);
}

static void open_lanes(emitter *e, frame *f, const stage *stages, unsigned count) {
    place at[MAX_UNROLL];
    compute_vectors(e, f, index_constant(e, 0), at);
    for (unsigned i = 0; i < count * f->vectors; i++) {
        const unsigned k = i / f->vectors, u = i % f->vectors;
        f->lanes[k][u] = opened(e, f, &stages[k], result_of(e, stages[k].output, &at[u]));
    }
}

static void step_lanes(emitter *e, frame *f, const stage *stages, unsigned count, vec j) {
    place at[MAX_UNROLL];
    compute_vectors(e, f, j, at);
    for (unsigned i = 0; i < count * f->vectors; i++) {
        const unsigned k = i / f->vectors, u = i % f->vectors;
        f->lanes[k][u] = stepped(e, f, &stages[k], f->lanes[k][u], result_of(e, stages[k].output, &at[u]), j);
    }
}

/* As long as 32 elements are left; returns the one that comes then. The builder is in the block behind. */
static vec write_main(emitter *e, frame *f, const stage *stages, unsigned count) {
    const LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder), main = block(e, "main"), after = block(e, "tail");
    const vec step = index_constant(e, NX_LANES), last = i_sub(e, f->n, step);
    LLVMBuildCondBr(e->builder, u_le(e, step, last), main, after);
    LLVMPositionBuilderAtEnd(e->builder, main);
    const vec j = index_phi(e, "j");
    memcpy(f->before, f->lanes, sizeof f->lanes);
    memset(f->phis, 0, sizeof f->phis);
    each_vector(e, f, count, f->phis, f->before, before, make_phi);
    memcpy(f->lanes, f->phis, sizeof f->lanes);
    step_lanes(e, f, stages, count, j);
    const vec next = hidden_sum(e, j, NX_LANES);
    const LLVMBasicBlockRef end = LLVMGetInsertBlock(e->builder);
    add_incoming(j, step, before);
    add_incoming(j, next, end);
    each_vector(e, f, count, f->phis, f->lanes, end, join_phi);
    LLVMBuildCondBr(e->builder, u_le(e, next, last), main, after);

    LLVMPositionBuilderAtEnd(e->builder, after);
    const vec k = index_phi(e, "j");
    add_incoming(k, step, before);
    add_incoming(k, next, end);
    each_vector(e, f, count, f->phis, f->before, before, make_phi);
    each_vector(e, f, count, f->phis, f->lanes, end, join_phi);
    memcpy(f->lanes, f->phis, sizeof f->lanes);
    return k;
}

/* ---- from lanes to nodes ---- */

/* e->lanes lanes of a longer vector, from this one on. */
static vec cut_out(emitter *e, vec v, unsigned first) {
    vec from[NX_LANES];
    for (unsigned i = 0; i < e->lanes; i++) from[i] = LLVMConstInt(int_type(e, 32), first + i, false);
    return LLVMBuildShuffleVector(e->builder, v, LLVMGetPoison(LLVMTypeOf(v)), LLVMConstVector(from, e->lanes), "");
}

static value cut_value(emitter *e, value v, unsigned first) {
    return pair(cut_out(e, v.part[0], first), v.part[1] ? cut_out(e, v.part[1], first) : NULL);
}

/* Of places the mark is now the element's number, of 64 bits; of equals the one that comes first is taken. */
static lane folded(emitter *e, const stage *s, lane l, lane r) {
    if (s->kind != AS_PLACE) {
        e->loop = s->loop;
        return (lane){find_step(s->reducer, s->loop)(e, l.v, r.v), NULL};
    }
    const vec is_beaten = takes_place(e, s->reducer, s->loop, r.v, l.v);
    const vec is_later = i_or(e, is_beaten, u_lt(e, l.mark, r.mark));
    const vec takes = i_or(e, takes_place(e, s->reducer, s->loop, l.v, r.v), i_not(e, is_later));
    return (lane){choose_value(e, takes, r.v, l.v), choose(e, takes, r.mark, l.mark)};
}

static void number_lanes(emitter *e, const frame *f, lane *lanes) {
    for (unsigned u = 0; u < f->vectors; u++) {
        vec number[NX_LANES];
        for (unsigned i = 0; i < e->lanes; i++) number[i] = LLVMConstInt(int_type(e, 64), u * e->lanes + i, false);
        const LLVMTypeRef wide = int_type(e, 64);
        const bool is_wide = LLVMTypeOf(lanes[u].mark) == vector_of(e, wide);
        const vec row = is_wide ? lanes[u].mark : extend_zero(e, lanes[u].mark, wide);
        lanes[u].mark = i_add(e, i_shl(e, row, splat(e, index_constant(e, 5))), LLVMConstVector(number, e->lanes));
    }
}

/* The tree of a leaf's lanes: a vector with a single lane. */
static lane fold_lanes(emitter *e, const frame *f, const stage *s, lane *lanes) {
    const unsigned all = e->lanes;
    if (s->kind == AS_PLACE) number_lanes(e, f, lanes);
    for (unsigned half = f->vectors / 2; half; half /= 2) {
        for (unsigned u = 0; u < half; u++) lanes[u] = folded(e, s, lanes[u], lanes[u + half]);
    }
    lane l = lanes[0];
    while (e->lanes > 1) {
        e->lanes /= 2;
        const lane low = {cut_value(e, l.v, 0), l.mark ? cut_out(e, l.mark, 0) : NULL};
        const lane high = {cut_value(e, l.v, e->lanes), l.mark ? cut_out(e, l.mark, e->lanes) : NULL};
        l = folded(e, s, low, high);
    }
    l.v = canonical_value(e, s->loop, l.v);
    e->lanes = all;
    return l;
}

static vec first_of(emitter *e, vec v) {
    return LLVMBuildExtractElement(e->builder, v, index_constant(e, 0), "");
}

static void store_extra(emitter *e, const frame *f, unsigned output, vec scalar) {
    const vec at = LLVMBuildGEP2(e->builder, int_type(e, 64), f->extra[output], (vec[]){f->row}, 1, "");
    LLVMBuildStore(e->builder, scalar, at);
}

/* The node of the row; of a sum the means that are made of it. */
static void write_node(emitter *e, frame *f, const stage *s, lane l) {
    const nx_segment *segment = e->segment;
    const unsigned all = e->lanes;
    e->lanes = 1;
    if (s->kind != AS_SUM) store_item(e, &e->memory[s->output], l.v, f->row);
    if (s->kind == AS_PLACE) {
        const vec first = i_add(e, f->first, i_mul(e, f->row, f->between));
        store_extra(e, f, s->output, i_add(e, first, first_of(e, l.mark)));
    }
    for (unsigned k = 0; k < segment->output_count; k++) {
        if (s->reducer != NX_REDUCER_sum || s->kind == AS_SQUARES) break;
        const bool is_same = nx_segment_results(segment)[k] == nx_segment_results(segment)[s->output];
        if (!is_same || state_of(outputs_of(e)[k].detail) != STATE_MOMENT) continue;
        const value mean = canonical_value(e, NEXPR_FLOAT64, single(f_div(e, l.v.part[0], splat(e, f->items))));
        f->mean[k] = first_of(e, mean.part[0]);
        store_extra(e, f, k, f->mean[k]);
    }
    e->lanes = all;
}

static void write_pass(emitter *e, frame *f, stage *stages, unsigned count) {
    for (unsigned i = 0; i < count; i++) lay_lanes(e, &stages[i]);
    open_lanes(e, f, stages, count);
    const vec j = write_main(e, f, stages, count);
    const LLVMBasicBlockRef tail = LLVMGetInsertBlock(e->builder), rest = block(e, "rest_open"), fold = block(e, "fold");
    lane_set from_tail;
    LLVMBuildCondBr(e->builder, u_lt(e, j, f->n), rest, fold);
    LLVMPositionBuilderAtEnd(e->builder, rest);
    memcpy(from_tail, f->lanes, sizeof from_tail);
    write_rest(e, f, stages, count, j);
    const LLVMBasicBlockRef rest_end = LLVMGetInsertBlock(e->builder);
    LLVMBuildBr(e->builder, fold);
    LLVMPositionBuilderAtEnd(e->builder, fold);
    memset(f->phis, 0, sizeof f->phis);
    each_vector(e, f, count, f->phis, from_tail, tail, make_phi);
    each_vector(e, f, count, f->phis, f->lanes, rest_end, join_phi);
    for (unsigned i = 0; i < count; i++) write_node(e, f, &stages[i], fold_lanes(e, f, &stages[i], f->phis[i]));
}

/* ---- passes ---- */

/* Whether the output's elements are summed anyway. */
static bool has_sum(const emitter *e, unsigned output) {
    const uint16_t *results = nx_segment_results(e->segment);
    for (unsigned k = 0; k < e->segment->output_count; k++) {
        if (results[k] == results[output] && (outputs_of(e)[k].detail == NX_REDUCER_sum ||
                                              (k < output && outputs_of(e)[k].detail == NX_REDUCER_m2))) return true;
    }
    return false;
}

/* The stages before means are known, or behind. */
static unsigned list_stages(const emitter *e, bool has_means, stage *ret) {
    unsigned count = 0;
    for (unsigned k = 0; k < e->segment->output_count; k++) {
        const nx_segment_operand *out = &outputs_of(e)[k];
        stage s = {.output = k, .reducer = out->detail, .loop = out->dtype};
        const state_kind state = state_of(out->detail);
        if (has_means ? state != STATE_MOMENT : state == STATE_MOMENT && has_sum(e, k)) continue;
        s.kind = state == STATE_VALUE ? AS_VALUE : state == STATE_PLACE ? AS_PLACE : has_means ? AS_SQUARES : AS_SUM;
        if (state == STATE_MOMENT) s.reducer = NX_REDUCER_sum;
        ret[count++] = s;
    }
    return count;
}

/* Vectors that the lanes of a stage are. */
static unsigned vectors_of(const frame *f, const stage *s) {
    const unsigned parts = nx_dtype_class(s->loop) == NX_CLASS_COMPLEX ? 2 : 1;
    return f->vectors * (parts + (s->kind == AS_PLACE));
}

static void write_passes(emitter *e, frame *f, bool has_means) {
    stage stages[NX_SEGMENT_OPERANDS];
    const unsigned count = list_stages(e, has_means, stages), most = e->isa == NX_ISA_AVX512 ? 24 : 12;
    for (unsigned i = 0, next; i < count; i = next) {
        unsigned vectors = vectors_of(f, &stages[i]);
        for (next = i + 1; next < count && vectors + vectors_of(f, &stages[next]) <= most; next++) {
            vectors += vectors_of(f, &stages[next]);
        }
        write_pass(e, f, &stages[i], next - i);
    }
}

static void open_frame(emitter *e, frame *f) {
    const vec at = LLVMGetParam(e->function, 1);
    const unsigned operands = (unsigned)e->segment->output_count + e->segment->input_count;
    const vec numbers = load_address(e, at, operands);
    f->vectors = NX_LANES / e->lanes;
    f->first = load_integer(e, numbers, 0);
    f->between = load_integer(e, numbers, 2);
    f->items = LLVMBuildUIToFP(e->builder, f->n, part_type(e, NEXPR_FLOAT64), "");
    for (unsigned k = 0; k < e->segment->output_count; k++) {
        if (state_of(outputs_of(e)[k].detail) != STATE_VALUE) f->extra[k] = load_address(e, at, operands + 1 + k);
    }
}

void write_with_leaves(emitter *e, vec n, vec rows) {
    frame f = {.n = n};
    open_frame(e, &f);
    const LLVMBasicBlockRef entry = LLVMGetInsertBlock(e->builder), first = block(e, "row"), exit = block(e, "rows_done");
    LLVMBuildBr(e->builder, first);
    LLVMPositionBuilderAtEnd(e->builder, first);
    f.row = index_phi(e, "row");
    open_row(e, f.row);
    write_uniform(e, OF_ROW);
    write_passes(e, &f, false);
    write_passes(e, &f, true);
    const vec next = hidden_sum(e, f.row, 1);
    add_incoming(f.row, index_constant(e, 0), entry);
    add_incoming(f.row, next, LLVMGetInsertBlock(e->builder));
    LLVMBuildCondBr(e->builder, u_lt(e, next, rows), first, exit);
    LLVMPositionBuilderAtEnd(e->builder, exit);
    LLVMBuildRetVoid(e->builder);
}
