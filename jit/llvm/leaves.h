/* SPDX-License-Identifier: MIT */
#ifndef NX_JIT_LLVM_LEAVES_H
#define NX_JIT_LLVM_LEAVES_H

#include "jit/llvm/body.h"

/* Writes the rest of a function whose outputs are NX_ACCESS_LEAVES. */
void write_with_leaves(emitter *e, vec n, vec rows);

#endif
