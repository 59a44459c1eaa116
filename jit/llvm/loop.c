/* SPDX-License-Identifier: MIT */
/*
 * The function around the operations. Elements go by in whole vectors, several per iteration of the main loop, and the last
 * few under a mask:
 *
 *   j = 0
 *   masked:  until j = head, the elements before the first that is aligned for stores past the caches
 *   main:    while as many elements are left as an iteration takes
 *   masked:  until j = n, in the same code
 *
 * If the outputs cannot be aligned, head is n. Where there are rows, that is the body of a loop over these, and behind the
 * main loop comes one of whole vectors.
 */
#include "jit/llvm/loop.h"
#include "jit/llvm/lanes.h"
#include "jit/llvm/leaves.h"
#include "jit/llvm/nodes.h"
#include "jit/llvm/target.h"
#include "jit/llvm/tile.h"

/* At most a vector of elements, from j to the end; returns the next j. */
static vec write_masked(emitter *e, vec j, vec end) {
    place at = {.index = j, .rest = intrinsic2(e, "llvm.umin", i_sub(e, end, j), index_constant(e, e->lanes))};
    write_values(e, &at, 1);
    value results[NX_SEGMENT_OPERANDS];
    for (int k = 0; k < e->segment->output_count; k++) results[k] = result_of(e, k, &at);
    for (int k = 0; k < e->segment->output_count; k++) {
        store_elements(e, &e->memory[k], canonical_value(e, outputs_of(e)[k].dtype, results[k]), &at, false);
    }
    return hidden_sum(e, j, e->lanes);
}

/* Elements up to which the address of an output is not aligned; n if it never is. */
static vec head_of(emitter *e, const memory *m, vec n) {
    const uint64_t alignment = stream_alignment(e, m->operand->dtype), item = nexpr_dtype_size(m->operand->dtype);
    const vec address = LLVMBuildPtrToInt(e->builder, m->base, int_type(e, 64), "");
    const vec bytes = i_and(e, i_neg(e, address), index_constant(e, alignment - 1));
    const vec elements = i_lshr(e, bytes, index_constant(e, (uint64_t)__builtin_ctzll(item)));
    const vec is_whole = i_eq(e, i_and(e, bytes, index_constant(e, item - 1)), index_constant(e, 0));
    return choose(e, is_whole, intrinsic2(e, "llvm.umin", elements, n), n);
}

/* Whether the element at index `head` is aligned. */
static vec is_aligned_at(emitter *e, const memory *m, vec head) {
    const uint64_t alignment = stream_alignment(e, m->operand->dtype), item = nexpr_dtype_size(m->operand->dtype);
    const vec address = LLVMBuildPtrToInt(e->builder, m->base, int_type(e, 64), "");
    const vec there = i_add(e, address, i_mul(e, head, index_constant(e, item)));
    return i_eq(e, i_and(e, there, index_constant(e, alignment - 1)), index_constant(e, 0));
}

/* That of the first stream, if it serves the others as well. */
static vec common_head(emitter *e, vec n) {
    vec head = NULL;
    for (int k = 0; k < e->segment->output_count; k++) {
        const memory *m = &e->memory[k];
        if (m->operand->access != NX_ACCESS_STREAM || !stream_alignment(e, m->operand->dtype)) continue;
        head = head ? choose(e, is_aligned_at(e, m, head), head, n) : head_of(e, m, n);
    }
    return head;
}

/* The blocks of a row, and the phis of the counter. */
typedef struct frame {
    LLVMBasicBlockRef entry, check, rest, masked, exit;
    vec n, head, check_j, rest_j;
} frame;

static void open_frame(emitter *e, const shape *s, frame *f) {
    f->entry = LLVMGetInsertBlock(e->builder);
    f->check = block(e, "check");
    f->masked = block(e, "masked");
    f->exit = block(e, "exit");
    if (s->has_streams) {
        f->head = common_head(e, f->n);
        LLVMBuildCondBr(e->builder, i_eq(e, f->head, index_constant(e, 0)), f->check, f->masked);
    } else {
        LLVMBuildBr(e->builder, f->check);
    }
    LLVMPositionBuilderAtEnd(e->builder, f->check);
    f->check_j = index_phi(e, "j");
    add_incoming(f->check_j, index_constant(e, 0), f->entry);
}

vec write_iterations(emitter *e, const shape *s, vec n, vec j) {
    const LLVMBasicBlockRef check = LLVMGetInsertBlock(e->builder), main = block(e, "main"), rest = block(e, "rest");
    const vec step = index_constant(e, s->step), last = i_sub(e, n, step);
    LLVMBuildCondBr(e->builder, u_le(e, step, i_sub(e, n, j)), main, rest);

    LLVMPositionBuilderAtEnd(e->builder, main);
    const vec main_j = index_phi(e, "j");
    iteration it;
    compute_iteration(e, s, main_j, &it);
    store_iteration(e, s, &it);
    const vec next = hidden_sum(e, main_j, s->step);
    const LLVMBasicBlockRef end = LLVMGetInsertBlock(e->builder);
    add_incoming(main_j, j, check);
    add_incoming(main_j, next, end);
    LLVMBuildCondBr(e->builder, u_le(e, next, last), main, rest);

    LLVMMoveBasicBlockAfter(rest, end);
    LLVMPositionBuilderAtEnd(e->builder, rest);
    const vec rest_j = index_phi(e, "j");
    add_incoming(rest_j, j, check);
    add_incoming(rest_j, next, end);
    return rest_j;
}

/* Rows may be short, so that what is left of them matters. */
static void write_main(emitter *e, const shape *s, frame *f) {
    f->rest_j = write_iterations(e, s, f->n, f->check_j);
    if (e->segment->has_rows && s->unroll > 1) {
        shape one = *s;
        one.unroll = 1;
        one.step = e->lanes;
        f->rest_j = write_iterations(e, &one, f->n, f->rest_j);
    }
    f->rest = LLVMGetInsertBlock(e->builder);
    LLVMBuildCondBr(e->builder, u_lt(e, f->rest_j, f->n), f->masked, f->exit);
}

static void write_masked_loop(emitter *e, const shape *s, frame *f) {
    LLVMPositionBuilderAtEnd(e->builder, f->masked);
    const vec j = index_phi(e, "j"), limit = s->has_streams ? index_phi(e, "limit") : f->n;
    const vec next = write_masked(e, j, limit);
    const LLVMBasicBlockRef end = LLVMGetInsertBlock(e->builder);
    add_incoming(j, f->rest_j, f->rest);
    add_incoming(j, next, end);
    if (!s->has_streams) {
        LLVMBuildCondBr(e->builder, u_lt(e, next, limit), f->masked, f->exit);
        return;
    }
    const LLVMBasicBlockRef done = block(e, "masked_done");
    LLVMBuildCondBr(e->builder, u_lt(e, next, limit), f->masked, done);
    add_incoming(j, index_constant(e, 0), f->entry);
    add_incoming(limit, f->n, f->rest);
    add_incoming(limit, limit, end);
    add_incoming(limit, f->head, f->entry);
    LLVMPositionBuilderAtEnd(e->builder, done);
    LLVMBuildCondBr(e->builder, u_lt(e, limit, f->n), f->check, f->exit);
    add_incoming(f->check_j, limit, done);
}

/* The builder is then in the block behind the row. */
static void write_row(emitter *e, const shape *s, vec n) {
    frame f = {.n = n};
    open_frame(e, s, &f);
    write_main(e, s, &f);
    write_masked_loop(e, s, &f);
    LLVMPositionBuilderAtEnd(e->builder, f.exit);
}

static void write_rows(emitter *e, const shape *s, vec n, vec rows) {
    const LLVMBasicBlockRef entry = LLVMGetInsertBlock(e->builder), first = block(e, "row"), exit = block(e, "rows_done");
    LLVMBuildBr(e->builder, first);
    LLVMPositionBuilderAtEnd(e->builder, first);
    const vec row = index_phi(e, "row");
    open_row(e, row);
    write_uniform(e, OF_ROW);
    write_row(e, s, n);
    const vec next = hidden_sum(e, row, 1);
    add_incoming(row, index_constant(e, 0), entry);
    add_incoming(row, next, LLVMGetInsertBlock(e->builder));
    LLVMBuildCondBr(e->builder, u_lt(e, next, rows), first, exit);
    LLVMPositionBuilderAtEnd(e->builder, exit);
}

void write_function(emitter *e) {
    LLVMPositionBuilderAtEnd(e->builder, block(e, "entry"));
    open_operands(e, LLVMGetParam(e->function, 1), LLVMGetParam(e->function, 2));
    find_uniform(e);
    write_uniform(e, OF_ALL);
    const shape s = shape_of(e);
    if (s.in_order) target_keep_order(e->context, e->function);
    const vec n = LLVMGetParam(e->function, 0);
    const nx_access access = outputs_of(e)->access;
    if (access == NX_ACCESS_NODES || access == NX_ACCESS_LEAVES) {
        (access == NX_ACCESS_NODES ? write_with_nodes : write_with_leaves)(e, n, LLVMGetParam(e->function, 3));
        return;
    }
    if (s.has_lanes) {
        write_with_lanes(e, &s, n);
        return;
    }
    if (has_tiles(e->segment)) write_tiles(e, n, LLVMGetParam(e->function, 3));
    else if (e->segment->has_rows) write_rows(e, &s, n, LLVMGetParam(e->function, 3));
    else write_row(e, &s, n);
    LLVMBuildRetVoid(e->builder);
}
