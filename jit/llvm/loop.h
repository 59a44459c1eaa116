/* SPDX-License-Identifier: MIT */
#ifndef NX_JIT_LLVM_LOOP_H
#define NX_JIT_LLVM_LOOP_H

#include "jit/llvm/body.h"

/* Lanes of the vectors that suit a segment. */
unsigned lanes_for(const nx_segment *segment, nx_isa isa);
/* From the block that the builder is in, and element j of n: are there as many as an iteration takes? main: the iterations.
 * The builder is then in the block behind them; returns how far they came. */
vec write_iterations(emitter *e, const shape *s, vec n, vec j);
/* Writes the body of e->function, a nx_segment_kernel. */
void write_function(emitter *e);

#endif
