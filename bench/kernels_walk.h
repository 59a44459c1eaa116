/* SPDX-License-Identifier: MIT */
/*
 * All kernels, one after another: those of engine/ops.def in all forms, the superinstructions of vm/fused.def, the casts,
 * and the loads and stores of each kind of item. Whoever wants to time or look at each of them visits them here.
 */
#ifndef BENCH_KERNELS_WALK_H
#define BENCH_KERNELS_WALK_H

#include "vm/fused.h"
#include "vm/kernels.h"

typedef enum bench_kernel_kind { BENCH_OP, BENCH_FUSED, BENCH_CAST, BENCH_LOAD, BENCH_STORE } bench_kernel_kind;

typedef struct bench_kernel {
    bench_kernel_kind kind;
    char name[2 * NX_NAME_MAX];     /* "add", "multiply_add", "decode_multiply_uint8", "cast_int8", "swapped_load" */
    char form[NX_MAX_OPERANDS + 1]; /* a letter per operand, v or s, of an op or superinstruction; else "" */
    nexpr_dtype dtype;              /* of the loop, of the item moved, or what is cast to */
    nx_isa isa;
    int arity;
    nexpr_dtype args[NX_MAX_OPERANDS], result;
    nx_op op;                       /* if kind is BENCH_OP */
    nx_kernel *kernel;              /* of all but loads and stores */
    nx_load_kernel *load;
    nx_store_kernel *store;
} bench_kernel;

typedef void bench_kernel_visit(const bench_kernel *kernel, void *user);

/* ALL_FORMS: not only the first form of each op and superinstruction. ALL_ISAS: also instruction sets that this machine
 * lacks. */
enum { BENCH_ALL_FORMS = 1, BENCH_ALL_ISAS = 2 };

/* Visits kernels in the order of name, dtype, form, instruction set, baseline first. */
void bench_walk_kernels(int flags, bench_kernel_visit *visit, void *user);

#endif
