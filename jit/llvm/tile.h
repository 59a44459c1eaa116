/* SPDX-License-Identifier: MIT */
/* Functions that read columns: rows by the tile. */
#ifndef NX_JIT_LLVM_TILE_H
#define NX_JIT_LLVM_TILE_H

#include "jit/llvm/body.h"

bool has_tiles(const nx_segment *segment);
void write_tiles(emitter *e, vec n, vec rows);

#endif
