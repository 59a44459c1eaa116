/* SPDX-License-Identifier: MIT */
/*
 * What the files of the plug-in share: the emitter, which holds what is known about the function that is being written, and
 * small words for the instructions of LLVM IR. All vectors of a function have the same number of lanes, one per element.
 *
 * A value is how an element type lies in registers: bool as i1, ints as ints, float16 as its 16 bits, float32 and float64 as
 * themselves, complex as two vectors. Instructions carry no fast-math flag, ever.
 */
#ifndef NX_JIT_LLVM_EMIT_H
#define NX_JIT_LLVM_EMIT_H

#include "engine/segment.h"

#include <llvm-c/Core.h>

typedef LLVMValueRef vec;

/* Complex numbers have two parts, all others one. */
typedef struct value {
    vec part[2];
} value;

/* Vectors of an iteration. */
enum { MAX_UNROLL = NX_TILE_ROWS };

/* An operand's address in the row, and strides, in the function. */
typedef struct memory {
    const nx_segment_operand *operand;
    vec base, stride;
    vec first, row_stride; /* the address in row 0 */
    vec below[MAX_UNROLL];          /* of several rows at once: the address in each */
} memory;

/* Where a value is the same. */
typedef enum scope { OF_ELEMENT, OF_ROW, OF_ALL } scope;

typedef struct emitter {
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef builder;
    LLVMTypeRef pointer;
    vec function, buffer; /* buffer: on the stack, room for a vector of the largest elements */
    nx_isa isa;
    unsigned lanes;
    nexpr_dtype loop;     /* of the operation that is being lowered */
    const nx_segment *segment;
    memory *memory;       /* outputs, then inputs */
    value *values;        /* inputs, then computed ones; those of the first vector of an iteration, of the second, ... */
    uint8_t *is_uniform;  /* by value: a scope; not 0 if it is not of an element */
    bool pairs_stay_in_halves; /* memory.c: the order of lanes is another */
    bool rows_are_vectors; /* the vectors of an iteration are of several rows, each of one */
} emitter;

static inline value single(vec v) {
    return (value){{v, NULL}};
}

static inline value pair(vec re, vec im) {
    return (value){{re, im}};
}

/* ---- types and constants ---- */

LLVMTypeRef int_type(const emitter *e, unsigned bits);
/* Of a part in a register, and in memory, where a bool is a byte. */
LLVMTypeRef part_type(const emitter *e, nexpr_dtype dtype);
LLVMTypeRef memory_type(const emitter *e, nexpr_dtype dtype);
LLVMTypeRef vector_of(const emitter *e, LLVMTypeRef element);
/* Bytes and bits of a part. */
unsigned part_bytes(nexpr_dtype dtype);
unsigned part_bits(nexpr_dtype dtype);

/* n times the constant or scalar. */
vec splat_constant(vec scalar, unsigned n);
vec splat(emitter *e, vec scalar);
vec index_constant(const emitter *e, uint64_t v); /* a single i64 */
vec int_constant(const emitter *e, unsigned bits, uint64_t v);
vec real_constant(const emitter *e, nexpr_dtype dtype, double v); /* of the part's type */
vec bool_constant(const emitter *e, bool v);
/* Vectors of 0 as v's type has it. */
static inline vec zero_like(vec v) {
    return LLVMConstNull(LLVMTypeOf(v));
}

/* Calls an intrinsic that is overloaded by the type of its first argument. */
vec intrinsic(emitter *e, const char *name, unsigned count, vec *args);

static inline vec intrinsic1(emitter *e, const char *name, vec x) {
    return intrinsic(e, name, 1, &x);
}

static inline vec intrinsic2(emitter *e, const char *name, vec x, vec y) {
    return intrinsic(e, name, 2, (vec[]){x, y});
}

/* ---- instructions ---- */

#define UNARY_INSTRUCTION(name, Build)                     \
    static inline vec name(emitter *e, vec x) {            \
        return LLVMBuild##Build(e->builder, x, "");        \
    }
#define BINARY_INSTRUCTION(name, Build)                    \
    static inline vec name(emitter *e, vec x, vec y) {     \
        return LLVMBuild##Build(e->builder, x, y, "");     \
    }
#define COMPARISON(name, Build, predicate)                          \
    static inline vec name(emitter *e, vec x, vec y) {              \
        return LLVMBuild##Build(e->builder, predicate, x, y, "");   \
    }
#define CONVERSION(name, Build)                                     \
    static inline vec name(emitter *e, vec x, LLVMTypeRef element) { \
        return LLVMBuild##Build(e->builder, x, vector_of(e, element), ""); \
    }

UNARY_INSTRUCTION(f_neg, FNeg)
BINARY_INSTRUCTION(f_add, FAdd)
BINARY_INSTRUCTION(f_sub, FSub)
BINARY_INSTRUCTION(f_mul, FMul)
BINARY_INSTRUCTION(f_div, FDiv)
COMPARISON(f_eq, FCmp, LLVMRealOEQ)
COMPARISON(f_ne, FCmp, LLVMRealUNE)
COMPARISON(f_lt, FCmp, LLVMRealOLT)
COMPARISON(f_le, FCmp, LLVMRealOLE)
COMPARISON(f_unordered, FCmp, LLVMRealUNO)

UNARY_INSTRUCTION(i_neg, Neg)
UNARY_INSTRUCTION(i_not, Not)
BINARY_INSTRUCTION(i_add, Add)
BINARY_INSTRUCTION(i_sub, Sub)
BINARY_INSTRUCTION(i_mul, Mul)
BINARY_INSTRUCTION(i_and, And)
BINARY_INSTRUCTION(i_or, Or)
BINARY_INSTRUCTION(i_xor, Xor)
BINARY_INSTRUCTION(i_shl, Shl)
BINARY_INSTRUCTION(i_ashr, AShr)
BINARY_INSTRUCTION(i_lshr, LShr)
COMPARISON(i_eq, ICmp, LLVMIntEQ)
COMPARISON(i_ne, ICmp, LLVMIntNE)
COMPARISON(s_lt, ICmp, LLVMIntSLT)
COMPARISON(s_le, ICmp, LLVMIntSLE)
COMPARISON(u_lt, ICmp, LLVMIntULT)
COMPARISON(u_le, ICmp, LLVMIntULE)

CONVERSION(bits_as, BitCast)
CONVERSION(cut, Trunc)
CONVERSION(extend_sign, SExt)
CONVERSION(extend_zero, ZExt)
CONVERSION(real_from_signed, SIToFP)
CONVERSION(real_from_unsigned, UIToFP)
CONVERSION(signed_from_real, FPToSI)
CONVERSION(unsigned_from_real, FPToUI)
CONVERSION(widen_real, FPExt)
CONVERSION(narrow_real, FPTrunc)

static inline vec choose(emitter *e, vec c, vec x, vec y) {
    return LLVMBuildSelect(e->builder, c, x, y, "");
}

/* x + y, of single i64, of which LLVM does not know that it is one: for the counters of loops, of whose induction it would
 * make a study. */
vec hidden_sum(emitter *e, vec x, unsigned y);

/* ---- operations ---- */

/* An operation of the loop dtype e->loop; operands that it has not are empty. */
typedef value lowering(emitter *e, value x, value y, value z);
/* How an element x is added to a lane l. */
typedef value stepping(emitter *e, value l, value x);

/* What the files of the classes make of the tables; NULL: not inlined. */
extern lowering *const lowerings_bool[], *const lowerings_int[], *const lowerings_real[], *const lowerings_complex[];
extern stepping *const steps_bool[], *const steps_int[], *const steps_real[], *const steps_complex[];
lowering *find_lowering(nx_op op, nexpr_dtype loop);
stepping *find_step(nx_reducer reducer, nexpr_dtype loop);

/* x to the power of a number that is known, by squaring; ints only. */
value integer_power(emitter *e, value x, unsigned exponent);
value cast_value(emitter *e, nexpr_dtype from, nexpr_dtype to, value x);
/* NaN made canonical, as in all that is stored. */
value canonical_value(emitter *e, nexpr_dtype dtype, value x);

#endif
