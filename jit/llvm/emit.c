/* SPDX-License-Identifier: MIT */
/* Types and constants, intrinsics, and the way from an op and a dtype to the function that lowers it. */
#include "jit/llvm/emit.h"

#include <string.h>

LLVMTypeRef int_type(const emitter *e, unsigned bits) {
    return LLVMIntTypeInContext(e->context, bits);
}

unsigned part_bytes(nexpr_dtype dtype) {
    return (unsigned)nexpr_dtype_size(nx_dtype_real(dtype));
}

unsigned part_bits(nexpr_dtype dtype) {
    return 8 * part_bytes(dtype);
}

LLVMTypeRef memory_type(const emitter *e, nexpr_dtype dtype) {
    switch (nx_dtype_real(dtype)) {
    case NEXPR_FLOAT32: return LLVMFloatTypeInContext(e->context);
    case NEXPR_FLOAT64: return LLVMDoubleTypeInContext(e->context);
    default: return int_type(e, part_bits(dtype));
    }
}

LLVMTypeRef part_type(const emitter *e, nexpr_dtype dtype) {
    return dtype == NEXPR_BOOL ? int_type(e, 1) : memory_type(e, dtype);
}

LLVMTypeRef vector_of(const emitter *e, LLVMTypeRef element) {
    return LLVMVectorType(element, e->lanes);
}

enum { MAX_LANES = 64 };

vec splat_constant(vec scalar, unsigned n) {
    vec all[2 * MAX_LANES];
    for (unsigned i = 0; i < n; i++) all[i] = scalar;
    return LLVMConstVector(all, n);
}

vec splat(emitter *e, vec scalar) {
    const LLVMTypeRef type = vector_of(e, LLVMTypeOf(scalar));
    const vec first = LLVMBuildInsertElement(e->builder, LLVMGetPoison(type), scalar, index_constant(e, 0), "");
    return LLVMBuildShuffleVector(e->builder, first, LLVMGetPoison(type),
                                  LLVMConstNull(LLVMVectorType(int_type(e, 32), e->lanes)), "");
}

vec index_constant(const emitter *e, uint64_t v) {
    return LLVMConstInt(int_type(e, 64), v, false);
}

vec int_constant(const emitter *e, unsigned bits, uint64_t v) {
    return splat_constant(LLVMConstInt(int_type(e, bits), v, false), e->lanes);
}

vec bool_constant(const emitter *e, bool v) {
    return int_constant(e, 1, v);
}

vec real_constant(const emitter *e, nexpr_dtype dtype, double v) {
    return splat_constant(LLVMConstReal(part_type(e, dtype), v), e->lanes);
}

vec intrinsic(emitter *e, const char *name, unsigned count, vec *args) {
    const unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMTypeRef type = LLVMTypeOf(args[0]);
    const vec function = LLVMGetIntrinsicDeclaration(e->module, id, &type, 1);
    return LLVMBuildCall2(e->builder, LLVMIntrinsicGetType(e->context, id, &type, 1), function, args, count, "");
}

vec hidden_sum(emitter *e, vec x, unsigned y) {
    LLVMTypeRef index = int_type(e, 64), type = LLVMFunctionType(index, &index, 1, false);
    const vec barrier = LLVMGetInlineAsm(type, "", 0, "=r,0", 4, false, false, LLVMInlineAsmDialectATT, false);
    vec sum = i_add(e, x, index_constant(e, y));
    return LLVMBuildCall2(e->builder, type, barrier, &sum, 1, "");
}

lowering *find_lowering(nx_op op, nexpr_dtype loop) {
    if (!nx_op_is_inlined(op, loop)) return NULL;
    switch (nx_dtype_class(loop)) {
    case NX_CLASS_BOOL: return lowerings_bool[op];
    case NX_CLASS_INT: return lowerings_int[op];
    case NX_CLASS_REAL: return lowerings_real[op];
    default: return lowerings_complex[op];
    }
}

stepping *find_step(nx_reducer reducer, nexpr_dtype loop) {
    if (!nx_reducer_has_loop(reducer, loop)) return NULL;
    switch (nx_dtype_class(loop)) {
    case NX_CLASS_BOOL: return steps_bool[reducer];
    case NX_CLASS_INT: return steps_int[reducer];
    case NX_CLASS_REAL: return steps_real[reducer];
    default: return steps_complex[reducer];
    }
}
