/* SPDX-License-Identifier: MIT */
/*
 * The function around the operations. Elements go by in whole vectors, several per iteration of the main loop, and the last
 * few under a mask:
 *
 *   j = 0
 *   masked:  until j = head, the elements before the first that is aligned for stores past the caches
 *   main:    while as many elements are left as an iteration takes
 *   masked:  until j = n, in the same code
 *
 * If the outputs cannot be aligned, head is n. All loads of an iteration come before its stores. The counter of the main
 * loop goes through an empty piece of assembly: LLVM then sees no induction in it, and has nothing to spend time on.
 *
 * With lanes (NX_ACCESS_LANES) there is the main loop only, and n is a multiple of its step: the lanes stay in registers, or
 * in memory if they are too many, or the code for all of them too long.
 */
#include "jit/llvm/loop.h"
#include "jit/llvm/memory.h"

#include <string.h>

typedef struct shape {
    unsigned unroll, step; /* vectors and elements of an iteration */
    bool has_lanes, lanes_in_registers, has_streams;
} shape;

static const nx_segment_operand *outputs_of(const emitter *e) {
    return nx_segment_outputs(e->segment);
}

/* ---- how wide, how often ---- */

static unsigned wider(unsigned widest, nexpr_dtype dtype) {
    return part_bytes(dtype) > widest ? part_bytes(dtype) : widest;
}

static bool has_access(const nx_segment *s, nx_access access) {
    for (int k = 0; k < s->output_count + s->input_count; k++) {
        if (nx_segment_outputs(s)[k].access == access) return true;
    }
    return false;
}

unsigned lanes_for(const nx_segment *s, nx_isa isa) {
    unsigned widest = 1;
    for (int i = 0; i < s->value_count; i++) {
        const nx_segment_value *v = &nx_segment_values(s)[i];
        widest = wider(wider(widest, v->dtype), v->loop);
    }
    for (int k = 0; k < s->output_count; k++) widest = wider(widest, nx_segment_outputs(s)[k].dtype);
    const unsigned lanes = (isa == NX_ISA_AVX512 ? 64 : 32) / widest;
    return lanes > NX_LANES && has_access(s, NX_ACCESS_LANES) ? NX_LANES : lanes;
}

/* Instructions of a vector's worth of elements, about. */
static unsigned work_of(const emitter *e) {
    const nx_segment *s = e->segment;
    unsigned work = 0;
    for (int i = 0; i < s->value_count; i++) {
        const nx_segment_value *v = &nx_segment_values(s)[i];
        const bool is_complex = nx_dtype_class(v->loop) == NX_CLASS_COMPLEX || nx_dtype_class(v->dtype) == NX_CLASS_COMPLEX;
        work += e->is_uniform[s->input_count + i] ? 0 : is_complex ? 4 : 1;
    }
    for (int k = 0; k < s->input_count; k++) {
        if (nx_segment_inputs(s)[k].access == NX_ACCESS_STRIDED) work += e->lanes;
    }
    return work;
}

enum { MAX_LANE_VECTORS = 16, MAX_LANE_WORK = 160 };

static unsigned lane_vectors(const emitter *e) {
    unsigned vectors = 0;
    for (int k = 0; k < e->segment->output_count; k++) {
        const nx_segment_operand *out = &outputs_of(e)[k];
        const unsigned parts = nx_dtype_class(out->dtype) == NX_CLASS_COMPLEX ? 2 : 1;
        if (out->access == NX_ACCESS_LANES) vectors += parts * (NX_LANES / e->lanes);
    }
    return vectors;
}

static shape shape_of(const emitter *e) {
    const unsigned work = work_of(e), all = NX_LANES / e->lanes;
    shape s = {.has_lanes = has_access(e->segment, NX_ACCESS_LANES), .has_streams = false};
    s.unroll = has_access(e->segment, NX_ACCESS_STRIDED) ? 1 : work <= 8 ? 4 : work <= 20 ? 2 : 1;
    s.lanes_in_registers = s.has_lanes && lane_vectors(e) <= MAX_LANE_VECTORS && work * all <= MAX_LANE_WORK;
    if (s.lanes_in_registers || (s.has_lanes && s.unroll > all)) s.unroll = all;
    for (int k = 0; k < e->segment->output_count; k++) {
        const nx_segment_operand *out = &outputs_of(e)[k];
        if (out->access == NX_ACCESS_STREAM && stream_alignment(e, out->dtype)) s.has_streams = !s.has_lanes;
    }
    s.step = s.unroll * e->lanes;
    return s;
}

/* ---- values ---- */

static bool is_input(const emitter *e, unsigned index) {
    return index < e->segment->input_count;
}

static value value_at(emitter *e, unsigned index, place *at) {
    value *v = &e->values[index];
    if (v->part[0]) return *v;
    const memory *m = &e->memory[e->segment->output_count + index];
    return *v = at ? load_elements(e, m, at) : load_uniform(e, m);
}

static value computed(emitter *e, const nx_segment_value *v, place *at) {
    value x[NX_MAX_ARITY] = {{{NULL, NULL}}};
    for (int k = 0; k < v->arity; k++) x[k] = value_at(e, v->arg[k], e->is_uniform[v->arg[k]] ? NULL : at);
    if (v->kind == NX_NODE_CAST) return cast_value(e, v->loop, v->dtype, x[0]);
    e->loop = v->loop;
    if (v->op == NX_OP_power) return integer_power(e, x[0], nx_segment_inputs(e->segment)[v->arg[1]].detail);
    return find_lowering(v->op, v->loop)(e, x[0], x[1], x[2]);
}

/* Marks what depends on nothing but scalars. */
static void find_uniform(emitter *e) {
    const nx_segment *s = e->segment;
    for (int k = 0; k < s->input_count; k++) {
        const uint8_t access = nx_segment_inputs(s)[k].access;
        e->is_uniform[k] = access == NX_ACCESS_SCALAR || access == NX_ACCESS_KNOWN;
    }
    for (int i = 0; i < s->value_count; i++) {
        const nx_segment_value *v = &nx_segment_values(s)[i];
        bool is_uniform = true;
        for (int k = 0; k < v->arity; k++) is_uniform &= e->is_uniform[v->arg[k]];
        e->is_uniform[s->input_count + i] = is_uniform;
    }
}

/* Computes what is uniform, once; or what is not, for a place. */
static void write_values(emitter *e, place *at) {
    const nx_segment *s = e->segment;
    const unsigned count = s->input_count + s->value_count;
    for (unsigned i = 0; i < count; i++) {
        if (!at || !e->is_uniform[i]) e->values[i] = (value){{NULL, NULL}};
        if (!at && e->is_uniform[i] && is_input(e, i)) value_at(e, i, NULL);
    }
    for (unsigned i = s->input_count; i < count; i++) {
        if (e->is_uniform[i] == !at) e->values[i] = computed(e, &nx_segment_values(s)[i - s->input_count], at);
    }
}

static value result_of(emitter *e, unsigned output, place *at) {
    return value_at(e, nx_segment_results(e->segment)[output], at);
}

/* ---- loops ---- */

static LLVMBasicBlockRef block(emitter *e, const char *name) {
    return LLVMAppendBasicBlockInContext(e->context, e->function, name);
}

static vec index_phi(emitter *e, const char *name) {
    return LLVMBuildPhi(e->builder, int_type(e, 64), name);
}

static void add_incoming(vec phi, vec v, LLVMBasicBlockRef from) {
    LLVMAddIncoming(phi, &v, &from, 1);
}

static vec hidden_sum(emitter *e, vec x, unsigned y) {
    LLVMTypeRef index = int_type(e, 64), type = LLVMFunctionType(index, &index, 1, false);
    const vec barrier = LLVMGetInlineAsm(type, "", 0, "=r,0", 4, false, false, LLVMInlineAsmDialectATT, false);
    vec sum = i_add(e, x, index_constant(e, y));
    return LLVMBuildCall2(e->builder, type, barrier, &sum, 1, "");
}

enum { MAX_UNROLL = 8 };

/* What one iteration of the main loop stores, from element j on: first all vectors are computed. */
typedef struct iteration {
    value results[MAX_UNROLL][NX_SEGMENT_OPERANDS];
    place at[MAX_UNROLL];
} iteration;

static void compute_iteration(emitter *e, const shape *s, vec j, iteration *it) {
    for (unsigned u = 0; u < s->unroll; u++) {
        it->at[u] = (place){.index = j, .offset = u * e->lanes};
        write_values(e, &it->at[u]);
        for (int k = 0; k < e->segment->output_count; k++) it->results[u][k] = result_of(e, k, &it->at[u]);
    }
}

static void store_iteration(emitter *e, const shape *s, iteration *it) {
    for (int k = 0; k < e->segment->output_count; k++) {
        const nx_segment_operand *out = &outputs_of(e)[k];
        if (out->access == NX_ACCESS_LANES) continue;
        const bool past_caches = s->has_streams && out->access == NX_ACCESS_STREAM;
        for (unsigned u = 0; u < s->unroll; u++) store_elements(e, &e->memory[k], it->results[u][k], &it->at[u], past_caches);
    }
}

/* At most a vector of elements, from j to the end; returns the next j. */
static vec write_masked(emitter *e, vec j, vec end) {
    const vec all = index_constant(e, e->lanes);
    place at = {.index = j, .rest = intrinsic2(e, "llvm.umin", i_sub(e, end, j), all)};
    write_values(e, &at);
    value results[NX_SEGMENT_OPERANDS];
    for (int k = 0; k < e->segment->output_count; k++) results[k] = result_of(e, k, &at);
    for (int k = 0; k < e->segment->output_count; k++) store_elements(e, &e->memory[k], results[k], &at, false);
    return i_add(e, j, all);
}

/* Elements up to which the address of an output is not aligned; n if it never is. */
static vec head_of(emitter *e, const memory *m, vec n) {
    const uint64_t alignment = stream_alignment(e, m->operand->dtype), item = nexpr_dtype_size(m->operand->dtype);
    const vec address = LLVMBuildPtrToInt(e->builder, m->base, int_type(e, 64), "");
    const vec bytes = i_and(e, i_neg(e, address), index_constant(e, alignment - 1));
    const vec elements = i_lshr(e, bytes, index_constant(e, (uint64_t)__builtin_ctzll(item)));
    const vec is_whole = i_eq(e, i_and(e, bytes, index_constant(e, item - 1)), index_constant(e, 0));
    return choose(e, is_whole, intrinsic2(e, "llvm.umin", elements, n), n);
}

/* Whether the element at index `head` is aligned. */
static vec is_aligned_at(emitter *e, const memory *m, vec head) {
    const uint64_t alignment = stream_alignment(e, m->operand->dtype), item = nexpr_dtype_size(m->operand->dtype);
    const vec address = LLVMBuildPtrToInt(e->builder, m->base, int_type(e, 64), "");
    const vec there = i_add(e, address, i_mul(e, head, index_constant(e, item)));
    return i_eq(e, i_and(e, there, index_constant(e, alignment - 1)), index_constant(e, 0));
}

/* That of the first stream, if it serves the others as well. */
static vec common_head(emitter *e, vec n) {
    vec head = NULL;
    for (int k = 0; k < e->segment->output_count; k++) {
        const memory *m = &e->memory[k];
        if (m->operand->access != NX_ACCESS_STREAM || !stream_alignment(e, m->operand->dtype)) continue;
        head = head ? choose(e, is_aligned_at(e, m, head), head, n) : head_of(e, m, n);
    }
    return head;
}

/* The blocks of the function, and the phis of the counter. */
typedef struct frame {
    LLVMBasicBlockRef entry, check, main, rest, masked, masked_end, exit;
    vec n, head, check_j, main_j, rest_j, masked_j, masked_limit;
} frame;

static void open_frame(emitter *e, const shape *s, frame *f) {
    f->entry = LLVMGetInsertBlock(e->builder);
    f->check = block(e, "check");
    f->main = block(e, "main");
    f->rest = block(e, "rest");
    f->masked = block(e, "masked");
    f->exit = block(e, "exit");
    if (s->has_streams) {
        f->head = common_head(e, f->n);
        LLVMBuildCondBr(e->builder, i_eq(e, f->head, index_constant(e, 0)), f->check, f->masked);
    } else {
        LLVMBuildBr(e->builder, f->check);
    }
}

/* check: are there as many as an iteration takes? main: the iterations. rest: are there any left? */
static void write_main(emitter *e, const shape *s, frame *f) {
    LLVMPositionBuilderAtEnd(e->builder, f->check);
    const vec j = f->check_j = index_phi(e, "j"), step = index_constant(e, s->step);
    add_incoming(j, index_constant(e, 0), f->entry);
    const vec last = i_sub(e, f->n, step);
    LLVMBuildCondBr(e->builder, u_le(e, step, i_sub(e, f->n, j)), f->main, f->rest);

    LLVMPositionBuilderAtEnd(e->builder, f->main);
    f->main_j = index_phi(e, "j");
    iteration it;
    compute_iteration(e, s, f->main_j, &it);
    store_iteration(e, s, &it);
    const vec next = hidden_sum(e, f->main_j, s->step);
    const LLVMBasicBlockRef end = LLVMGetInsertBlock(e->builder);
    add_incoming(f->main_j, j, f->check);
    add_incoming(f->main_j, next, end);
    LLVMBuildCondBr(e->builder, u_le(e, next, last), f->main, f->rest);

    LLVMPositionBuilderAtEnd(e->builder, f->rest);
    f->rest_j = index_phi(e, "j");
    add_incoming(f->rest_j, j, f->check);
    add_incoming(f->rest_j, next, end);
    LLVMBuildCondBr(e->builder, u_lt(e, f->rest_j, f->n), f->masked, f->exit);
}

static void write_masked_loop(emitter *e, const shape *s, frame *f) {
    LLVMPositionBuilderAtEnd(e->builder, f->masked);
    const vec j = index_phi(e, "j"), limit = s->has_streams ? index_phi(e, "limit") : f->n;
    const vec next = write_masked(e, j, limit);
    const LLVMBasicBlockRef end = LLVMGetInsertBlock(e->builder);
    add_incoming(j, f->rest_j, f->rest);
    add_incoming(j, next, end);
    if (!s->has_streams) {
        LLVMBuildCondBr(e->builder, u_lt(e, next, limit), f->masked, f->exit);
        return;
    }
    const LLVMBasicBlockRef done = block(e, "masked_done");
    LLVMBuildCondBr(e->builder, u_lt(e, next, limit), f->masked, done);
    add_incoming(j, index_constant(e, 0), f->entry);
    add_incoming(limit, f->n, f->rest);
    add_incoming(limit, limit, end);
    add_incoming(limit, f->head, f->entry);
    LLVMPositionBuilderAtEnd(e->builder, done);
    LLVMBuildCondBr(e->builder, u_lt(e, limit, f->n), f->check, f->exit);
    add_incoming(f->check_j, limit, done);
}

static void write_plain(emitter *e, const shape *s, vec n) {
    frame f = {.n = n};
    open_frame(e, s, &f);
    write_main(e, s, &f);
    write_masked_loop(e, s, &f);
    LLVMPositionBuilderAtEnd(e->builder, f.exit);
    LLVMBuildRetVoid(e->builder);
}

/* ---- lanes ---- */

typedef value lane_set[NX_SEGMENT_OPERANDS][MAX_UNROLL];

static value lane_step(emitter *e, unsigned output, value l, value x) {
    const nx_segment_operand *out = &outputs_of(e)[output];
    e->loop = out->dtype;
    return find_step(out->detail, out->dtype)(e, l, x);
}

/* Calls for each vector of lanes that is in registers. */
typedef void each_vector(emitter *e, unsigned output, unsigned vector, value *lane);

static void each_lane(emitter *e, const shape *s, lane_set lanes, each_vector *call) {
    for (unsigned k = 0; k < e->segment->output_count; k++) {
        if (outputs_of(e)[k].access != NX_ACCESS_LANES) continue;
        for (unsigned u = 0; u < s->unroll; u++) call(e, k, u, &lanes[k][u]);
    }
}

static void load_lane(emitter *e, unsigned output, unsigned vector, value *lane) {
    place at = {.index = index_constant(e, 0), .offset = vector * e->lanes};
    *lane = load_elements(e, &e->memory[output], &at);
}

static void store_lane(emitter *e, unsigned output, unsigned vector, value *lane) {
    place at = {.index = index_constant(e, 0), .offset = vector * e->lanes};
    store_elements(e, &e->memory[output], *lane, &at, false);
}

static void open_lane(emitter *e, unsigned output, unsigned vector, value *lane) {
    (void)output, (void)vector;
    for (int k = 0; k < 2; k++) {
        if (lane->part[k]) lane->part[k] = LLVMBuildPhi(e->builder, LLVMTypeOf(lane->part[k]), "lane");
    }
}

static void join_lane(value phi, value v, LLVMBasicBlockRef from) {
    for (int k = 0; k < 2; k++) {
        if (phi.part[k]) add_incoming(phi.part[k], v.part[k], from);
    }
}

/* Lanes in memory are read and written in every iteration: those of elements j, ... */
static void step_memory(emitter *e, const shape *s, unsigned output, vec j, iteration *it) {
    const vec lane = i_and(e, j, index_constant(e, NX_LANES - 1));
    for (unsigned u = 0; u < s->unroll; u++) {
        place at = {.index = lane, .offset = u * e->lanes};
        const value before = load_elements(e, &e->memory[output], &at);
        store_elements(e, &e->memory[output], lane_step(e, output, before, it->results[u][output]), &at, false);
    }
}

static void step_registers(emitter *e, const shape *s, unsigned output, lane_set lanes, iteration *it) {
    for (unsigned u = 0; u < s->unroll; u++) {
        lanes[output][u] = lane_step(e, output, lanes[output][u], it->results[u][output]);
    }
}

static void step_lanes(emitter *e, const shape *s, vec j, lane_set lanes, iteration *it) {
    for (unsigned k = 0; k < e->segment->output_count; k++) {
        if (outputs_of(e)[k].access != NX_ACCESS_LANES) continue;
        if (s->lanes_in_registers) step_registers(e, s, k, lanes, it);
        else step_memory(e, s, k, j, it);
    }
}

static void write_with_lanes(emitter *e, const shape *s, vec n) {
    lane_set first = {{{{NULL, NULL}}}}, phis, lanes;
    if (s->lanes_in_registers) each_lane(e, s, first, load_lane);
    const LLVMBasicBlockRef entry = LLVMGetInsertBlock(e->builder), main = block(e, "main"), exit = block(e, "exit");
    LLVMBuildBr(e->builder, main);
    LLVMPositionBuilderAtEnd(e->builder, main);
    const vec j = index_phi(e, "j");
    memcpy(phis, first, sizeof phis);
    if (s->lanes_in_registers) each_lane(e, s, phis, open_lane);
    memcpy(lanes, phis, sizeof lanes);
    iteration it;
    compute_iteration(e, s, j, &it);
    step_lanes(e, s, j, lanes, &it);
    store_iteration(e, s, &it);
    const vec next = hidden_sum(e, j, s->step);
    const LLVMBasicBlockRef end = LLVMGetInsertBlock(e->builder);
    LLVMBuildCondBr(e->builder, u_lt(e, next, n), main, exit);
    add_incoming(j, index_constant(e, 0), entry);
    add_incoming(j, next, end);
    for (unsigned i = 0; s->lanes_in_registers && i < NX_SEGMENT_OPERANDS * s->unroll; i++) {
        const unsigned k = i / s->unroll, u = i % s->unroll;
        join_lane(phis[k][u], first[k][u], entry);
        join_lane(phis[k][u], lanes[k][u], end);
    }
    LLVMPositionBuilderAtEnd(e->builder, exit);
    if (s->lanes_in_registers) each_lane(e, s, lanes, store_lane);
    LLVMBuildRetVoid(e->builder);
}

void write_function(emitter *e) {
    LLVMPositionBuilderAtEnd(e->builder, block(e, "entry"));
    open_operands(e, LLVMGetParam(e->function, 1), LLVMGetParam(e->function, 2));
    find_uniform(e);
    write_values(e, NULL);
    const shape s = shape_of(e);
    const vec n = LLVMGetParam(e->function, 0);
    if (s.has_lanes) write_with_lanes(e, &s, n);
    else write_plain(e, &s, n);
}
