/* SPDX-License-Identifier: MIT */
/*
 * Loads and stores. No byte outside of an operand is touched: the last few elements go through masked instructions where
 * the machine has them for elements of the size (AVX2: 4 and 8 bytes), else one by one through a buffer on the stack. So do
 * the last elements of strided inputs, unless their step is known. Parts of complex numbers are taken apart in registers.
 */
#include "jit/llvm/memory.h"

#include <stdlib.h>

static bool is_complex(nexpr_dtype dtype) {
    return nx_dtype_class(dtype) == NX_CLASS_COMPLEX;
}

static unsigned item_bytes(nexpr_dtype dtype) {
    return (unsigned)nexpr_dtype_size(dtype);
}

/* A type of a whole element, for addresses and copies. */
static LLVMTypeRef item_type(const emitter *e, nexpr_dtype dtype) {
    const unsigned bytes = item_bytes(dtype);
    return bytes == 16 ? LLVMVectorType(int_type(e, 64), 2) : int_type(e, 8 * bytes);
}

/* The parts of as many elements as there are lanes, as they lie in memory. */
static LLVMTypeRef raw_type(const emitter *e, nexpr_dtype dtype) {
    return LLVMVectorType(memory_type(e, dtype), e->lanes * (is_complex(dtype) ? 2 : 1));
}

static vec load(emitter *e, LLVMTypeRef type, vec address, unsigned alignment) {
    const vec r = LLVMBuildLoad2(e->builder, type, address, "");
    LLVMSetAlignment(r, alignment);
    return r;
}

static vec store(emitter *e, vec v, vec address, unsigned alignment) {
    const vec r = LLVMBuildStore(e->builder, v, address);
    LLVMSetAlignment(r, alignment);
    return r;
}

static vec offset_by(emitter *e, LLVMTypeRef type, vec base, vec index) {
    return LLVMBuildGEP2(e->builder, type, base, &index, 1, "");
}

static vec bytes_behind(emitter *e, vec base, vec bytes) {
    return offset_by(e, int_type(e, 8), base, bytes);
}

static unsigned operand_count(const emitter *e) {
    return (unsigned)e->segment->output_count + e->segment->input_count;
}

vec load_integer(emitter *e, vec array, unsigned index) {
    return load(e, int_type(e, 64), offset_by(e, int_type(e, 64), array, index_constant(e, index)), 8);
}

vec load_address(emitter *e, vec array, unsigned index) {
    return load(e, e->pointer, offset_by(e, e->pointer, array, index_constant(e, index)), 8);
}

static bool is_reduced(nx_access access) {
    return access == NX_ACCESS_NODES || access == NX_ACCESS_LEAVES;
}

/* Where all that lies in memory is complex and end to end, lanes may have any order, the same for all. AVX2 has the fewest
 * instructions for that in which no element leaves its half of a register. */
static bool may_stay_in_halves(const emitter *e) {
    bool all = e->isa == NX_ISA_AVX2 && e->lanes >= 4;
    for (unsigned k = 0; k < operand_count(e); k++) {
        const nx_segment_operand *x = &nx_segment_outputs(e->segment)[k];
        const bool is_uniform = x->access == NX_ACCESS_SCALAR || x->access == NX_ACCESS_KNOWN || x->access == NX_ACCESS_ROW;
        const bool is_block = x->access == NX_ACCESS_BLOCK || x->access == NX_ACCESS_STREAM;
        all &= is_uniform || (is_block && is_complex(x->dtype));
    }
    return all;
}

void open_operands(emitter *e, vec at, vec stride) {
    e->pairs_stay_in_halves = may_stay_in_halves(e);
    for (unsigned k = 0; k < operand_count(e); k++) {
        memory *m = &e->memory[k];
        *m = (memory){.operand = &nx_segment_outputs(e->segment)[k]};
        const nx_access access = m->operand->access;
        if (access == NX_ACCESS_KNOWN) continue;
        m->base = m->first = load_address(e, at, k);
        if (access == NX_ACCESS_STRIDED || access == NX_ACCESS_COLUMN) m->stride = load_integer(e, stride, k);
        const bool has_rows = e->segment->has_rows && !is_reduced(access) && access != NX_ACCESS_SCALAR;
        if (has_rows) m->row_stride = load_integer(e, stride, operand_count(e) + k);
    }
}

void open_row(emitter *e, vec row) {
    for (unsigned k = 0; k < operand_count(e); k++) {
        memory *m = &e->memory[k];
        if (m->row_stride) m->base = bytes_behind(e, m->first, i_mul(e, row, m->row_stride));
    }
}

void open_rows(emitter *e, vec row, unsigned count) {
    open_row(e, row);
    for (unsigned k = 0; k < operand_count(e); k++) {
        memory *m = &e->memory[k];
        m->below[0] = m->base;
        for (unsigned u = 1; u < count; u++) {
            m->below[u] = m->row_stride ? bytes_behind(e, m->below[u - 1], m->row_stride) : m->base;
        }
    }
}

void open_tile_rows(emitter *e, memory *m, const vec *row, unsigned rows) {
    if (m->operand->access == NX_ACCESS_COLUMN) {
        m->base = bytes_behind(e, m->first, i_mul(e, row[0], index_constant(e, item_bytes(m->operand->dtype))));
        return;
    }
    for (unsigned u = 0; u < rows && m->row_stride; u++) {
        m->below[u] = bytes_behind(e, m->first, i_mul(e, row[u], m->row_stride));
        if (u == 0) m->base = m->below[u];
    }
}

/* ---- elements and parts ---- */

/* Which element a lane has: the halves of the first and of the second vector with pairs, in turn. */
static unsigned element_of(const emitter *e, unsigned lane) {
    if (!e->pairs_stay_in_halves) return lane;
    const unsigned quarter = e->lanes / 4, half = lane / quarter;
    return (half % 2 * 2 + half / 2) * quarter + lane % quarter;
}

static vec every_other(emitter *e, vec raw, unsigned first) {
    vec lane[64];
    for (unsigned i = 0; i < e->lanes; i++) lane[i] = LLVMConstInt(int_type(e, 32), 2 * element_of(e, i) + first, false);
    return LLVMBuildShuffleVector(e->builder, raw, LLVMGetPoison(LLVMTypeOf(raw)), LLVMConstVector(lane, e->lanes), "");
}

static vec interleaved(emitter *e, value v) {
    vec lane[64];
    for (unsigned i = 0; i < 2 * e->lanes; i++) {
        lane[2 * element_of(e, i / 2) + i % 2] = LLVMConstInt(int_type(e, 32), i / 2 + (i % 2 ? e->lanes : 0), false);
    }
    return LLVMBuildShuffleVector(e->builder, v.part[0], v.part[1], LLVMConstVector(lane, 2 * e->lanes), "");
}

static vec swap_bytes(emitter *e, nexpr_dtype dtype, vec part) {
    const LLVMTypeRef type = LLVMTypeOf(part), bits = int_type(e, part_bits(dtype));
    return LLVMBuildBitCast(e->builder, intrinsic1(e, "llvm.bswap", bits_as(e, part, bits)), type, "");
}

/* From parts as they are in memory to a value. */
static value decode(emitter *e, const nx_segment_operand *operand, value v) {
    const nexpr_dtype dtype = operand->dtype;
    for (int k = 0; k < 2 && operand->is_swapped && part_bytes(dtype) > 1; k++) {
        if (v.part[k]) v.part[k] = swap_bytes(e, dtype, v.part[k]);
    }
    return dtype == NEXPR_BOOL ? single(i_ne(e, v.part[0], zero_like(v.part[0]))) : v;
}

static value take_apart(emitter *e, nexpr_dtype dtype, vec raw) {
    return is_complex(dtype) ? pair(every_other(e, raw, 0), every_other(e, raw, 1)) : single(raw);
}

/* The opposite of both; in native order. */
static vec encode(emitter *e, nexpr_dtype dtype, value v) {
    if (is_complex(dtype)) return interleaved(e, v);
    return dtype == NEXPR_BOOL ? extend_zero(e, v.part[0], int_type(e, 8)) : v.part[0];
}

/* ---- the last few elements ---- */

static bool has_masks(const emitter *e, nexpr_dtype dtype) {
    return e->isa == NX_ISA_AVX512 || part_bytes(dtype) >= 4;
}

/* The first `count` of n lanes, in ints of a size that makes the comparison one of whole registers. */
static vec first_lanes(emitter *e, unsigned n, vec count) {
    const unsigned bits = (e->isa == NX_ISA_AVX512 ? 512 : 256) / n, width = bits > 64 ? 64 : bits < 8 ? 8 : bits;
    const LLVMTypeRef type = int_type(e, width), vector = LLVMVectorType(type, n);
    vec lane[64];
    for (unsigned i = 0; i < n; i++) lane[i] = LLVMConstInt(type, i, false);
    const vec short_count = width == 64 ? count : LLVMBuildTrunc(e->builder, count, type, "");
    const vec one = LLVMBuildInsertElement(e->builder, LLVMGetPoison(vector), short_count, index_constant(e, 0), "");
    const vec all = LLVMBuildShuffleVector(e->builder, one, LLVMGetPoison(vector),
                                           LLVMConstNull(LLVMVectorType(int_type(e, 32), n)), "");
    return s_lt(e, LLVMConstVector(lane, n), all);
}

vec mask_at(emitter *e, place *at) {
    if (!at->mask) at->mask = first_lanes(e, e->lanes, at->rest);
    return at->mask;
}

static vec mask_of(emitter *e, nexpr_dtype dtype, place *at) {
    if (!is_complex(dtype)) return mask_at(e, at);
    if (!at->pair_mask) at->pair_mask = first_lanes(e, 2 * e->lanes, i_shl(e, at->rest, index_constant(e, 1)));
    return at->pair_mask;
}

static vec call_masked(emitter *e, const char *name, LLVMTypeRef *types, unsigned count, vec *args) {
    size_t length = 0;
    while (name[length]) length++;
    const unsigned id = LLVMLookupIntrinsicID(name, length);
    const vec function = LLVMGetIntrinsicDeclaration(e->module, id, types, 2);
    return LLVMBuildCall2(e->builder, LLVMIntrinsicGetType(e->context, id, types, 2), function, args, count, "");
}

static vec load_masked(emitter *e, LLVMTypeRef type, vec address, vec mask) {
    const vec alignment = LLVMConstInt(int_type(e, 32), 1, false);
    return call_masked(e, "llvm.masked.load", (LLVMTypeRef[]){type, e->pointer}, 4,
                       (vec[]){address, alignment, mask, LLVMConstNull(type)});
}

static void store_masked(emitter *e, vec v, vec address, vec mask) {
    const vec alignment = LLVMConstInt(int_type(e, 32), 1, false);
    call_masked(e, "llvm.masked.store", (LLVMTypeRef[]){LLVMTypeOf(v), e->pointer}, 4, (vec[]){v, address, alignment, mask});
}

/* At the start of the function, where the stack is laid out. */
static vec stack_buffer(emitter *e) {
    if (e->buffer) return e->buffer;
    const LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder), entry = LLVMGetEntryBasicBlock(e->function);
    const vec first = LLVMGetFirstInstruction(entry);
    LLVMPositionBuilder(e->builder, entry, first);
    e->buffer = LLVMBuildAlloca(e->builder, LLVMArrayType2(int_type(e, 8), e->isa == NX_ISA_AVX512 ? 128 : 64), "buffer");
    LLVMSetAlignment(e->buffer, 64);
    LLVMPositionBuilderAtEnd(e->builder, here);
    return e->buffer;
}

/* A loop that copies `count` elements from one address to another, so many bytes apart. */
static void copy_items(emitter *e, LLVMTypeRef item, vec count, vec to, vec to_step, vec from, vec from_step) {
    const LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder);
    const LLVMBasicBlockRef loop = LLVMAppendBasicBlockInContext(e->context, e->function, "copy");
    const LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(e->context, e->function, "copied");
    LLVMBuildBr(e->builder, loop);
    LLVMPositionBuilderAtEnd(e->builder, loop);
    const vec k = LLVMBuildPhi(e->builder, int_type(e, 64), "");
    const vec v = load(e, item, bytes_behind(e, from, i_mul(e, k, from_step)), 1);
    store(e, v, bytes_behind(e, to, i_mul(e, k, to_step)), 1);
    const vec next = hidden_sum(e, k, 1);
    LLVMBuildCondBr(e->builder, u_lt(e, next, count), loop, after);
    LLVMAddIncoming(k, (vec[]){index_constant(e, 0), next}, (LLVMBasicBlockRef[]){before, loop}, 2);
    LLVMPositionBuilderAtEnd(e->builder, after);
}

static vec load_rest(emitter *e, const memory *m, vec address, vec stride, vec rest) {
    const nexpr_dtype dtype = m->operand->dtype;
    const vec buffer = stack_buffer(e), step = index_constant(e, item_bytes(dtype));
    copy_items(e, item_type(e, dtype), rest, buffer, step, address, stride ? stride : step);
    return load(e, raw_type(e, dtype), buffer, 64);
}

static void store_rest(emitter *e, nexpr_dtype dtype, vec raw, vec address, vec rest) {
    const vec buffer = stack_buffer(e), step = index_constant(e, item_bytes(dtype));
    store(e, raw, buffer, 64);
    copy_items(e, item_type(e, dtype), rest, address, step, buffer, step);
}

/* ---- whole vectors ---- */

static vec base_at(const memory *m, const place *at) {
    return at->row ? m->below[at->row] : m->base;
}

static vec block_address(emitter *e, const memory *m, const place *at) {
    const LLVMTypeRef item = item_type(e, m->operand->dtype);
    const vec first = offset_by(e, item, base_at(m, at), at->index);
    return at->offset ? offset_by(e, item, first, index_constant(e, at->offset)) : first;
}

static vec strided_address(emitter *e, const memory *m, const place *at) {
    const vec index = at->offset ? i_add(e, at->index, index_constant(e, at->offset)) : at->index;
    return bytes_behind(e, base_at(m, at), i_mul(e, index, m->stride));
}

/* One element after the other. */
static value load_strided(emitter *e, const memory *m, vec address) {
    const nexpr_dtype dtype = m->operand->dtype;
    const LLVMTypeRef type = memory_type(e, dtype);
    const int parts = is_complex(dtype) ? 2 : 1;
    value v = {{NULL, NULL}};
    for (int k = 0; k < parts; k++) v.part[k] = LLVMGetPoison(vector_of(e, type));
    for (unsigned i = 0; i < e->lanes; i++) {
        if (i > 0) address = bytes_behind(e, address, m->stride);
        for (int k = 0; k < parts; k++) {
            const vec at = k ? bytes_behind(e, address, index_constant(e, part_bytes(dtype))) : address;
            v.part[k] = LLVMBuildInsertElement(e->builder, v.part[k], load(e, type, at, 1), index_constant(e, i), "");
        }
    }
    return v;
}

/* ---- a step that is known ---- */

/* The a*(L - 1) + 1 elements that L lanes have a of are loaded as `a` vectors, each of which begins where the one before it
 * has its last. So no other is touched. */
static int step_of(const memory *m) {
    return (int8_t)m->operand->detail;
}

static unsigned vectors_of(const memory *m) {
    return (unsigned)abs(step_of(m));
}

/* Of the elements of vector q, in the order of memory, those that a lane below at->rest has, and what is between them. */
static vec stepped_mask(emitter *e, const memory *m, unsigned q, const place *at) {
    const unsigned parts = is_complex(m->operand->dtype) ? 2 : 1, first = q * (e->lanes - 1);
    const bool is_down = step_of(m) < 0;
    const vec all = index_constant(e, e->lanes), zero = index_constant(e, 0);
    const vec rest = is_down ? i_sub(e, all, at->rest) : i_sub(e, at->rest, index_constant(e, 1));
    const vec end = i_add(e, i_mul(e, rest, index_constant(e, vectors_of(m))), index_constant(e, !is_down));
    const vec left = intrinsic2(e, "llvm.smax", i_sub(e, end, index_constant(e, first)), zero);
    const vec count = i_mul(e, intrinsic2(e, "llvm.umin", left, all), index_constant(e, parts));
    const vec mask = first_lanes(e, parts * e->lanes, count);
    return is_down ? i_not(e, mask) : mask;
}

static vec load_vector(emitter *e, const memory *m, vec low, unsigned q, const place *at) {
    const nexpr_dtype dtype = m->operand->dtype;
    const vec address = bytes_behind(e, low, index_constant(e, (uint64_t)q * (e->lanes - 1) * item_bytes(dtype)));
    if (!at->rest) return load(e, raw_type(e, dtype), address, 1);
    return load_masked(e, raw_type(e, dtype), address, stepped_mask(e, m, q, at));
}

/* The lanes that vector q has are taken over from it. */
static vec merge_vector(emitter *e, const memory *m, vec before, vec vector, unsigned q) {
    const unsigned parts = is_complex(m->operand->dtype) ? 2 : 1, n = parts * e->lanes, a = vectors_of(m);
    vec lane[128];
    for (unsigned i = 0; i < n; i++) {
        const unsigned element = i / parts, item = a * (step_of(m) < 0 ? e->lanes - 1 - element : element);
        const unsigned there = item / (e->lanes - 1) < a ? item / (e->lanes - 1) : a - 1;
        const unsigned from = (item - q * (e->lanes - 1)) * parts + i % parts;
        lane[i] = LLVMConstInt(int_type(e, 32), there == q ? n + from : i, false);
    }
    return LLVMBuildShuffleVector(e->builder, before, vector, LLVMConstVector(lane, n), "");
}

static vec load_stepped(emitter *e, const memory *m, vec address, const place *at) {
    const uint64_t reach = (uint64_t)vectors_of(m) * (e->lanes - 1) * item_bytes(m->operand->dtype);
    const vec low = step_of(m) < 0 ? bytes_behind(e, address, index_constant(e, 0 - reach)) : address;
    vec all = LLVMGetPoison(raw_type(e, m->operand->dtype));
    for (unsigned q = 0; q < vectors_of(m); q++) all = merge_vector(e, m, all, load_vector(e, m, low, q, at), q);
    return all;
}

/* One element for all lanes. */
static value load_same(emitter *e, const memory *m, vec address) {
    const nexpr_dtype dtype = m->operand->dtype;
    const LLVMTypeRef type = memory_type(e, dtype);
    value v = single(splat(e, load(e, type, address, 1)));
    if (is_complex(dtype)) {
        v.part[1] = splat(e, load(e, type, bytes_behind(e, address, index_constant(e, part_bytes(dtype))), 1));
    }
    return decode(e, m->operand, v);
}

static vec load_block(emitter *e, const memory *m, place *at) {
    const nexpr_dtype dtype = m->operand->dtype;
    const vec address = block_address(e, m, at);
    if (!at->rest) return load(e, raw_type(e, dtype), address, 1);
    if (has_masks(e, dtype)) return load_masked(e, raw_type(e, dtype), address, mask_of(e, dtype, at));
    return load_rest(e, m, address, NULL, at->rest);
}

value load_elements(emitter *e, const memory *m, place *at) {
    const nexpr_dtype dtype = m->operand->dtype;
    if (m->operand->access == NX_ACCESS_ROW) return load_same(e, m, base_at(m, at));
    if (m->operand->access != NX_ACCESS_STRIDED) return decode(e, m->operand, take_apart(e, dtype, load_block(e, m, at)));
    const vec address = strided_address(e, m, at);
    if (step_of(m) && (!at->rest || has_masks(e, dtype))) {
        return decode(e, m->operand, take_apart(e, dtype, load_stepped(e, m, address, at)));
    }
    if (!at->rest) return decode(e, m->operand, load_strided(e, m, address));
    return decode(e, m->operand, take_apart(e, dtype, load_rest(e, m, address, m->stride, at->rest)));
}

static value known(emitter *e, const nx_segment_operand *operand) {
    switch (nx_dtype_class(operand->dtype)) {
    case NX_CLASS_BOOL: return single(bool_constant(e, operand->detail != 0));
    case NX_CLASS_INT: return single(int_constant(e, part_bits(operand->dtype), operand->detail));
    default: break;
    }
    if (operand->dtype == NEXPR_FLOAT16) {
        return cast_value(e, NEXPR_FLOAT32, NEXPR_FLOAT16, single(real_constant(e, NEXPR_FLOAT32, operand->detail)));
    }
    const vec re = real_constant(e, operand->dtype, operand->detail);
    return is_complex(operand->dtype) ? pair(re, zero_like(re)) : single(re);
}

value load_uniform(emitter *e, const memory *m) {
    return m->operand->access == NX_ACCESS_KNOWN ? known(e, m->operand) : load_same(e, m, m->base);
}

/* ---- tiles ---- */

/* From lanes x rows to rows x lanes, both powers of two, lanes one or two times the rows: with two, each half of a vector is
 * as if it were alone. First pairs of elements change places, then pairs of these, ... */
static void transpose(emitter *e, vec *v, unsigned rows) {
    vec of_first[16], of_second[16];
    for (unsigned k = 0; k < rows && e->lanes > rows; k++) {
        for (unsigned i = 0; i < e->lanes; i++) of_first[i] = LLVMConstInt(int_type(e, 32), i, false);
        v[k] = LLVMBuildShuffleVector(e->builder, v[k], v[k + rows], LLVMConstVector(of_first, e->lanes), "");
    }
    for (unsigned s = 1; s < rows; s *= 2) {
        for (unsigned i = 0; i < e->lanes; i++) {
            of_first[i] = LLVMConstInt(int_type(e, 32), i & s ? e->lanes + i - s : i, false);
            of_second[i] = LLVMConstInt(int_type(e, 32), i & s ? e->lanes + i : i + s, false);
        }
        for (unsigned k = 0; k < rows; k++) {
            if (k & s) continue;
            const vec x = v[k], y = v[k + s];
            v[k] = LLVMBuildShuffleVector(e->builder, x, y, LLVMConstVector(of_first, e->lanes), "");
            v[k + s] = LLVMBuildShuffleVector(e->builder, x, y, LLVMConstVector(of_second, e->lanes), "");
        }
    }
}

/* Of columns beyond the last one that is taken once more. */
static vec column_address(emitter *e, const memory *m, const place *at, unsigned k) {
    vec index = k ? i_add(e, at->index, index_constant(e, k)) : at->index;
    if (at->rest && k) {
        index = intrinsic2(e, "llvm.umin", index, i_sub(e, i_add(e, at->index, at->rest), index_constant(e, 1)));
    }
    return bytes_behind(e, m->base, i_mul(e, index, m->stride));
}

void load_tile(emitter *e, const memory *m, const place *at, unsigned rows, value ret[MAX_UNROLL]) {
    const LLVMTypeRef type = LLVMVectorType(memory_type(e, m->operand->dtype), rows);
    const vec mask = at->row_rest ? first_lanes(e, rows, at->row_rest) : NULL;
    vec v[16];
    for (unsigned k = 0; k < e->lanes; k++) {
        const vec address = column_address(e, m, at, k);
        v[k] = mask ? load_masked(e, type, address, mask) : load(e, type, address, 1);
    }
    transpose(e, v, rows);
    for (unsigned u = 0; u < rows; u++) ret[u] = decode(e, m->operand, single(v[u]));
}

/* ---- stores ---- */

unsigned stream_alignment(const emitter *e, nexpr_dtype dtype) {
    const unsigned bytes = item_bytes(dtype) * e->lanes, most = e->isa == NX_ISA_AVX512 ? 64 : 32;
    return bytes < 16 ? 0 : bytes < most ? bytes : most;
}

static void mark_non_temporal(emitter *e, vec instruction) {
    static const char name[] = "nontemporal";
    const LLVMMetadataRef one = LLVMValueAsMetadata(LLVMConstInt(int_type(e, 32), 1, false));
    LLVMMetadataRef list[] = {one};
    const LLVMMetadataRef node = LLVMMDNodeInContext2(e->context, list, 1);
    LLVMSetMetadata(instruction, LLVMGetMDKindIDInContext(e->context, name, sizeof name - 1),
                    LLVMMetadataAsValue(e->context, node));
}

void store_elements(emitter *e, const memory *m, value v, place *at, bool past_caches) {
    const nexpr_dtype dtype = m->operand->dtype;
    const vec raw = encode(e, dtype, v), address = block_address(e, m, at);
    const unsigned alignment = past_caches ? stream_alignment(e, dtype) : 0;
    if (at->rest && has_masks(e, dtype)) store_masked(e, raw, address, mask_of(e, dtype, at));
    else if (at->rest) store_rest(e, dtype, raw, address, at->rest);
    else if (alignment) mark_non_temporal(e, store(e, raw, address, alignment));
    else store(e, raw, address, 1);
}

void store_item(emitter *e, const memory *m, value v, vec index) {
    const nexpr_dtype dtype = m->operand->dtype;
    store(e, encode(e, dtype, v), offset_by(e, item_type(e, dtype), m->base, index), 1);
}
