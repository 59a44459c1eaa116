/* SPDX-License-Identifier: MIT */
#ifndef NX_JIT_LLVM_LANES_H
#define NX_JIT_LLVM_LANES_H

#include "jit/llvm/body.h"

/* Writes the rest of a function that has outputs of NX_ACCESS_LANES. */
void write_with_lanes(emitter *e, const shape *s, vec n);

#endif
