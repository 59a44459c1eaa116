/* SPDX-License-Identifier: MIT */
/* How elements come from memory to registers and go back: one vector of them, or the last few. */
#ifndef NX_JIT_LLVM_MEMORY_H
#define NX_JIT_LLVM_MEMORY_H

#include "jit/llvm/emit.h"

/* The elements index + offset, index + offset + 1, ..., one per lane; `rest` of them, an i64 from 1 to the lanes, or all if
 * it is NULL. `vector`: which one of an iteration. The masks are for memory.c: made when they are needed. */
typedef struct place {
    vec index;
    unsigned offset, vector;
    vec rest;
    vec mask, pair_mask;
} place;

/* Writes the loads of all addresses and strides; the addresses in a row. */
void open_operands(emitter *e, vec at, vec stride);
void open_row(emitter *e, vec row);
/* SCALAR, ROW and KNOWN inputs. */
value load_uniform(emitter *e, const memory *m);
/* BLOCK and STRIDED inputs, and lanes. */
value load_elements(emitter *e, const memory *m, place *at);
/* Stores what is canonical. past_caches: not masked, and the address is aligned to the bytes of stream_alignment. */
void store_elements(emitter *e, const memory *m, value v, place *at, bool past_caches);
/* 0: vectors of this dtype are too short for stores past the caches. */
unsigned stream_alignment(const emitter *e, nexpr_dtype dtype);

#endif
