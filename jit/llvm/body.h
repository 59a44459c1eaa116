/* SPDX-License-Identifier: MIT */
/* The body of a loop: what one iteration computes, and its stores. */
#ifndef NX_JIT_LLVM_BODY_H
#define NX_JIT_LLVM_BODY_H

#include "jit/llvm/memory.h"

typedef struct shape {
    unsigned unroll, step; /* vectors and elements of an iteration */
    bool has_lanes, lanes_in_registers, has_streams, is_tile;
    bool in_order; /* instructions stay in the order in which they are written */
} shape;

/* After find_uniform. */
shape shape_of(const emitter *e);
/* Of a vector's worth of elements: instructions, about; vectors that are kept at once, where they are most. */
unsigned work_of(const emitter *e);
unsigned most_live(const emitter *e);

/* Finds out what is the same for all elements, or for those of a row. */
void find_uniform(emitter *e);
/* Computes what is, once; what is not, for the vectors of an iteration. */
void write_uniform(emitter *e, scope of);
/* What was computed of a row is that of this vector's. */
void keep_row(emitter *e, unsigned vector);
void write_values(emitter *e, place *at, unsigned vectors);
value result_of(emitter *e, unsigned output, place *at);

/* What one iteration of the main loop stores, from element j on: first all vectors are computed. */
typedef struct iteration {
    value results[MAX_UNROLL][NX_SEGMENT_OPERANDS];
    place at[MAX_UNROLL];
} iteration;

void compute_iteration(emitter *e, const shape *s, vec j, iteration *it);
/* The same for places that are set: of a tile. */
void compute_places(emitter *e, const shape *s, iteration *it);
/* All but lanes. */
void store_iteration(emitter *e, const shape *s, iteration *it);

/* ---- small words of loops ---- */

static inline const nx_segment_operand *outputs_of(const emitter *e) {
    return nx_segment_outputs(e->segment);
}

static inline LLVMBasicBlockRef block(emitter *e, const char *name) {
    return LLVMAppendBasicBlockInContext(e->context, e->function, name);
}

static inline vec index_phi(emitter *e, const char *name) {
    return LLVMBuildPhi(e->builder, int_type(e, 64), name);
}

static inline void add_incoming(vec phi, vec v, LLVMBasicBlockRef from) {
    LLVMAddIncoming(phi, &v, &from, 1);
}

#endif
