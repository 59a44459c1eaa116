/* SPDX-License-Identifier: MIT */
/* The tables of what reduce_tmpl.c and fold_tmpl.c were compiled to, by instruction set and dtype. Those of float16, which is
 * reduced in wider types, are empty. */
#include "vm/reduce.h"

#define X(id, suffix, name, class, ctype)                                  \
    extern const nx_reduce_kernels nx_reduce_##suffix##_baseline[NX_REDUCER_COUNT], \
        nx_reduce_##suffix##_avx2[NX_REDUCER_COUNT], nx_reduce_##suffix##_avx512[NX_REDUCER_COUNT]; \
    extern nx_find_fold nx_folds_##suffix##_baseline, nx_folds_##suffix##_avx2, nx_folds_##suffix##_avx512;
NEXPR_DTYPE_MAP(X)
#undef X

const nx_reduce_kernels nx_reduce_f16_baseline[NX_REDUCER_COUNT], nx_reduce_f16_avx2[NX_REDUCER_COUNT],
    nx_reduce_f16_avx512[NX_REDUCER_COUNT];

#define NO_FOLDS(isa)                                                                                  \
    nx_kernel *nx_folds_f16_##isa(nx_reducer reducer, bool is_fused, unsigned id, unsigned form) {     \
        (void)reducer, (void)is_fused, (void)id, (void)form;                                           \
        return NULL;                                                                                   \
    }
NO_FOLDS(baseline)
NO_FOLDS(avx2)
NO_FOLDS(avx512)

static const nx_reduce_kernels *const tables[NX_ISA_COUNT][NEXPR_DTYPE_COUNT] = {
#define X(id, suffix, name, class, ctype)                                 \
    [NX_ISA_BASELINE][NEXPR_##id] = nx_reduce_##suffix##_baseline,        \
    [NX_ISA_AVX2][NEXPR_##id] = nx_reduce_##suffix##_avx2,                \
    [NX_ISA_AVX512][NEXPR_##id] = nx_reduce_##suffix##_avx512,
    NEXPR_DTYPE_MAP(X)
#undef X
};

const nx_reduce_kernels *nx_vm_reduce_kernels(nx_isa isa, nx_reducer reducer, nexpr_dtype loop) {
    const nx_reduce_kernels *k = &tables[isa][loop][reducer];
    return k->leaf ? k : NULL;
}

static nx_find_fold *const folds[NX_ISA_COUNT][NEXPR_DTYPE_COUNT] = {
#define X(id, suffix, name, class, ctype)                            \
    [NX_ISA_BASELINE][NEXPR_##id] = nx_folds_##suffix##_baseline,    \
    [NX_ISA_AVX2][NEXPR_##id] = nx_folds_##suffix##_avx2,            \
    [NX_ISA_AVX512][NEXPR_##id] = nx_folds_##suffix##_avx512,
    NEXPR_DTYPE_MAP(X)
#undef X
};

nx_kernel *nx_vm_fold_kernel(nx_isa isa, nx_reducer reducer, bool is_fused, unsigned id, nexpr_dtype loop, unsigned form) {
    return folds[isa][loop](reducer, is_fused, id, form);
}
