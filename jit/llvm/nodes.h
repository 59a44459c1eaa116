/* SPDX-License-Identifier: MIT */
#ifndef NX_JIT_LLVM_NODES_H
#define NX_JIT_LLVM_NODES_H

#include "jit/llvm/body.h"

/* Writes the rest of a function whose outputs are NX_ACCESS_NODES. */
void write_with_nodes(emitter *e, vec n, vec rows);

#endif
