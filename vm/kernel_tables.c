/* SPDX-License-Identifier: MIT */
/*
 * The tables of what the templates were compiled to, by instruction set, dtype and kind of item. The names are those of
 * vm/meson.build.
 */
#include "vm/fused.h"
#include "vm/kernels.h"
#include "vm/lookup.h"

/* What there is once per instruction set: declarations and rows of a table. */
#define DECLARE(type, name, dims) extern type name##_baseline dims, name##_avx2 dims, name##_avx512 dims;
#define ROWS(name, index)                       \
    [NX_ISA_BASELINE] index = name##_baseline,  \
    [NX_ISA_AVX2] index = name##_avx2,          \
    [NX_ISA_AVX512] index = name##_avx512,

typedef nx_kernel *const forms[NX_MAX_FORMS];
typedef nx_kernel *find_fused(nx_fused id, nexpr_dtype source, unsigned form);
typedef nx_kernel *const kernel_const;
typedef nx_lookup_kernel *const lookup_const;
typedef void store_nt(void *dst, const void *src, size_t bytes);

#define X(id, suffix, name, class, ctype)       \
    DECLARE(forms, nx_kernels_##suffix, [])     \
    DECLARE(find_fused, nx_fused_##suffix, )    \
    DECLARE(kernel_const, nx_casts_##suffix, [])  \
    DECLARE(lookup_const, nx_lookups_##suffix, [])
NEXPR_DTYPE_MAP(X)
#undef X

static forms *const kernels[NX_ISA_COUNT][NEXPR_DTYPE_COUNT] = {
#define X(id, suffix, name, class, ctype) ROWS(nx_kernels_##suffix, [NEXPR_##id])
    NEXPR_DTYPE_MAP(X)
#undef X
};

static kernel_const *const casts[NX_ISA_COUNT][NEXPR_DTYPE_COUNT] = {
#define X(id, suffix, name, class, ctype) ROWS(nx_casts_##suffix, [NEXPR_##id])
    NEXPR_DTYPE_MAP(X)
#undef X
};

static find_fused *const fused[NX_ISA_COUNT][NEXPR_DTYPE_COUNT] = {
#define X(id, suffix, name, class, ctype) ROWS(nx_fused_##suffix, [NEXPR_##id])
    NEXPR_DTYPE_MAP(X)
#undef X
};

static lookup_const *const lookups[NX_ISA_COUNT][NEXPR_DTYPE_COUNT] = {
#define X(id, suffix, name, class, ctype) ROWS(nx_lookups_##suffix, [NEXPR_##id])
    NEXPR_DTYPE_MAP(X)
#undef X
};

/* Lookups that are not of a dtype. */
#define RANDOM_MAP(X) X(philox) X(uniform) X(open_uniform) X(scaled)

#define X(name) DECLARE(nx_lookup_kernel, nx_##name, )
RANDOM_MAP(X)
#undef X

static nx_lookup_kernel *const randoms[NX_ISA_COUNT][NX_LOOKUP_COUNT] = {
#define X(name) ROWS(nx_##name, [NX_LOOKUP_##name])
    RANDOM_MAP(X)
#undef X
};

/* Kinds of items: plain ones by size, bool on its way in, swapped ones. */
#define KIND_MAP(X) X(u8) X(u16) X(u32) X(u64) X(u128) X(b) X(s16) X(s32) X(s64) X(sc64) X(sc128)

typedef enum kind {
#define X(name) KIND_##name,
    KIND_MAP(X)
#undef X
    KIND_COUNT
} kind;

#define X(name)                                 \
    DECLARE(nx_load_kernel, nx_load_##name, )   \
    DECLARE(nx_store_kernel, nx_store_##name, ) \
    DECLARE(nx_gather_kernel, nx_gather_##name, )
KIND_MAP(X)
#undef X

static nx_load_kernel *const loads[NX_ISA_COUNT][KIND_COUNT] = {
#define X(name) ROWS(nx_load_##name, [KIND_##name])
    KIND_MAP(X)
#undef X
};

static nx_store_kernel *const stores[NX_ISA_COUNT][KIND_COUNT] = {
#define X(name) ROWS(nx_store_##name, [KIND_##name])
    KIND_MAP(X)
#undef X
};

static nx_gather_kernel *const gathers[NX_ISA_COUNT][KIND_COUNT] = {
#define X(name) ROWS(nx_gather_##name, [KIND_##name])
    KIND_MAP(X)
#undef X
};

DECLARE(nx_load_kernel, nx_load_indices, )

static nx_load_kernel *const index_loads[NX_ISA_COUNT] = {ROWS(nx_load_indices, )};

DECLARE(store_nt, nx_store_nt, )

static store_nt *const store_nts[NX_ISA_COUNT] = {ROWS(nx_store_nt, )};

static kind kind_of(nexpr_dtype dtype, bool swapped) {
    const bool is_complex = nx_dtype_class(dtype) == NX_CLASS_COMPLEX;
    switch (nexpr_dtype_size(dtype)) {
    case 1: return KIND_u8;
    case 2: return swapped ? KIND_s16 : KIND_u16;
    case 4: return swapped ? KIND_s32 : KIND_u32;
    case 8: return !swapped ? KIND_u64 : is_complex ? KIND_sc64 : KIND_s64;
    default: return swapped ? KIND_sc128 : KIND_u128;
    }
}

nx_kernel *nx_vm_own_kernel(nx_isa isa, nx_op op, nexpr_dtype loop, unsigned form) {
    return form < NX_MAX_FORMS ? kernels[isa][loop][op][form] : NULL;
}

nx_kernel *nx_vm_fused_kernel(nx_isa isa, nx_fused id, nexpr_dtype loop, unsigned form) {
    return fused[isa][loop](id, NEXPR_DTYPE_COUNT, form);
}

nx_kernel *nx_vm_decoding_kernel(nx_isa isa, nx_fused id, nexpr_dtype loop, nexpr_dtype source, unsigned form) {
    return fused[isa][loop](id, source, form);
}

nx_kernel *nx_vm_cast_kernel(nx_isa isa, nexpr_dtype from, nexpr_dtype to) {
    return casts[isa][to][from];
}

static kind kind_to_load(nexpr_dtype dtype, bool swapped) {
    return dtype == NEXPR_BOOL ? KIND_b : kind_of(dtype, swapped);
}

nx_load_kernel *nx_vm_load_kernel(nx_isa isa, nexpr_dtype dtype, bool swapped) {
    return loads[isa][kind_to_load(dtype, swapped)];
}

nx_gather_kernel *nx_vm_gather_kernel(nx_isa isa, nexpr_dtype dtype, bool swapped) {
    return gathers[isa][kind_to_load(dtype, swapped)];
}

nx_lookup_kernel *nx_vm_lookup_kernel(nx_isa isa, nx_lookup lookup, nexpr_dtype loop) {
    nx_lookup_kernel *kernel = lookups[isa][loop][lookup];
    return kernel || loop != NEXPR_UINT64 ? kernel : randoms[isa][lookup];
}

nx_store_kernel *nx_vm_store_kernel(nx_isa isa, nexpr_dtype dtype, bool swapped) {
    return stores[isa][kind_of(dtype, swapped)];
}

nx_load_kernel *nx_vm_index_kernel(nx_isa isa) {
    return index_loads[isa];
}

void nx_vm_store_nt(nx_isa isa, void *dst, const void *src, size_t bytes) {
    store_nts[isa](dst, src, bytes);
}
