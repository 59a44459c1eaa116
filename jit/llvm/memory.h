/* SPDX-License-Identifier: MIT */
/* How elements come from memory to registers and go back: one vector of them, or the last few. */
#ifndef NX_JIT_LLVM_MEMORY_H
#define NX_JIT_LLVM_MEMORY_H

#include "jit/llvm/emit.h"

/* The elements index + offset, index + offset + 1, ..., one per lane; `rest` of them, an i64 from 1 to the lanes, or all if
 * it is NULL. `vector`: which one of an iteration. The masks are for memory.c: made when they are needed.
 *
 * The vectors of a tile are of as many rows, of which there are row_rest; as many as vectors if that is NULL. */
typedef struct place {
    vec index;
    unsigned offset, vector, row; /* row: of those that are open */
    vec rest;
    vec mask, pair_mask;
    bool in_tile;
    vec row_rest;
} place;

/* Writes the loads of all addresses and strides; the addresses in a row; in `count` rows. */
void open_operands(emitter *e, vec at, vec stride);
void open_row(emitter *e, vec row);
void open_rows(emitter *e, vec row, unsigned count);
/* The address in the rows of a tile, which may be the same. */
void open_tile_rows(emitter *e, memory *m, const vec *row, unsigned rows);
/* Element `index` of an array of addresses, and of one of i64. */
vec load_address(emitter *e, vec array, unsigned index);
vec load_integer(emitter *e, vec array, unsigned index);
/* SCALAR, ROW and KNOWN inputs. */
value load_uniform(emitter *e, const memory *m);
/* BLOCK and STRIDED inputs, ROW inputs in a tile, and lanes. */
value load_elements(emitter *e, const memory *m, place *at);
/* COLUMN inputs: all rows of a tile, whose first place is `at`. */
void load_tile(emitter *e, const memory *m, const place *at, unsigned rows, value ret[MAX_UNROLL]);
/* Stores what is canonical. past_caches: not masked, and the address is aligned to the bytes of stream_alignment. */
void store_elements(emitter *e, const memory *m, value v, place *at, bool past_caches);
/* The first at->rest lanes. */
vec mask_at(emitter *e, place *at);
/* Stores what is canonical and has one lane, as e->lanes says, at this index. */
void store_item(emitter *e, const memory *m, value v, vec index);
/* 0: vectors of this dtype are too short for stores past the caches. */
unsigned stream_alignment(const emitter *e, nexpr_dtype dtype);

#endif
