/* SPDX-License-Identifier: MIT */
/*
 * Functions that read columns: inputs whose elements lie end to end across the rows. A vector of such a column has one
 * element of each of some rows, so rows are computed several at a time, in tiles: as many columns as a vector has lanes are
 * loaded and transposed in registers, and then the vectors of the iteration are of one row each.
 *
 *   row = 0
 *   until row = rows, a tile's rows at a time:
 *     main:     whole tiles, if there are as many rows
 *     partial:  until j = n, tiles of some rows and columns, under masks
 *
 * What a partial tile has beyond the last row is computed of nothing, and is stored where the last row is, before that.
 */
#include "jit/llvm/tile.h"
#include "jit/llvm/loop.h"

bool has_tiles(const nx_segment *segment) {
    for (int k = 0; k < segment->input_count; k++) {
        if (nx_segment_inputs(segment)[k].access == NX_ACCESS_COLUMN) return true;
    }
    return false;
}

/* The addresses of the tiles that begin in the row. */
static void open_tiles(emitter *e, const shape *s, vec row, vec rows) {
    const unsigned operands = (unsigned)e->segment->output_count + e->segment->input_count;
    const vec last = i_sub(e, rows, index_constant(e, 1));
    vec each[MAX_UNROLL];
    for (unsigned u = 0; u < s->unroll; u++) {
        each[u] = u ? intrinsic2(e, "llvm.umin", i_add(e, row, index_constant(e, u)), last) : row;
    }
    for (unsigned k = 0; k < operands; k++) open_tile_rows(e, &e->memory[k], each, s->unroll);
}

/* All that is left of some rows, behind the whole tiles; j: how far these came. */
static void write_partial(emitter *e, const shape *s, vec n, vec j, vec row_rest) {
    const LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder), partial = block(e, "partial"), done = block(e, "done");
    LLVMBuildCondBr(e->builder, u_lt(e, j, n), partial, done);
    LLVMPositionBuilderAtEnd(e->builder, partial);
    const vec at = index_phi(e, "j");
    const vec rest = intrinsic2(e, "llvm.umin", i_sub(e, n, at), index_constant(e, e->lanes));
    iteration it;
    for (unsigned u = 0; u < s->unroll; u++) {
        it.at[u] = (place){.index = at, .vector = u, .row = u, .rest = rest, .in_tile = true, .row_rest = row_rest};
    }
    compute_places(e, s, &it);
    store_iteration(e, s, &it);
    const vec next = hidden_sum(e, at, e->lanes);
    add_incoming(at, j, before);
    add_incoming(at, next, LLVMGetInsertBlock(e->builder));
    LLVMBuildCondBr(e->builder, u_lt(e, next, n), partial, done);
    LLVMPositionBuilderAtEnd(e->builder, done);
}

void write_tiles(emitter *e, vec n, vec rows) {
    const unsigned count = e->lanes < NX_TILE_ROWS ? e->lanes : NX_TILE_ROWS;
    const shape s = {.unroll = count, .step = e->lanes, .is_tile = true};
    const LLVMBasicBlockRef entry = LLVMGetInsertBlock(e->builder), first = block(e, "tiles"), exit = block(e, "exit");
    LLVMBuildBr(e->builder, first);
    LLVMPositionBuilderAtEnd(e->builder, first);
    const vec row = index_phi(e, "row"), all = index_constant(e, count), none = index_constant(e, 0);
    const vec row_rest = intrinsic2(e, "llvm.umin", i_sub(e, rows, row), all);
    open_tiles(e, &s, row, rows);
    const vec j = write_iterations(e, &s, choose(e, i_eq(e, row_rest, all), n, none), none);
    write_partial(e, &s, n, j, row_rest);
    const vec next = hidden_sum(e, row, count);
    add_incoming(row, none, entry);
    add_incoming(row, next, LLVMGetInsertBlock(e->builder));
    LLVMBuildCondBr(e->builder, u_lt(e, next, rows), first, exit);
    LLVMPositionBuilderAtEnd(e->builder, exit);
}
