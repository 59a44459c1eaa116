/* SPDX-License-Identifier: MIT */
/*
 * Functions whose elements are added to lanes: a main loop only, since n is a multiple of its step. The lanes stay in
 * registers, or in memory if they are too many, or the code for all of them too long.
 */
#include "jit/llvm/lanes.h"

#include <string.h>

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
    store_elements(e, &e->memory[output], canonical_value(e, outputs_of(e)[output].dtype, *lane), &at, false);
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
        const value l = lane_step(e, output, before, it->results[u][output]);
        store_elements(e, &e->memory[output], canonical_value(e, outputs_of(e)[output].dtype, l), &at, false);
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

void write_with_lanes(emitter *e, const shape *s, vec n) {
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
