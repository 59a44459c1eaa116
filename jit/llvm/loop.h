/* SPDX-License-Identifier: MIT */
#ifndef NX_JIT_LLVM_LOOP_H
#define NX_JIT_LLVM_LOOP_H

#include "jit/llvm/emit.h"

/* Lanes of the vectors that suit a segment. */
unsigned lanes_for(const nx_segment *segment, nx_isa isa);
/* Writes the body of e->function, a nx_segment_kernel. */
void write_function(emitter *e);

#endif
