/* SPDX-License-Identifier: MIT */
/* The VM's kernels by name: the doors to the files that are compiled once per dtype and instruction set. */
#ifndef NX_VM_KERNELS_H
#define NX_VM_KERNELS_H

#include "engine/kernel.h"
#include "engine/ops.h"

/* The best instruction set of this machine, or a lesser one named by the environment variable NEXPR_ISA (baseline, avx2,
 * avx512; anything else, or one the machine lacks, is ignored). Looked up once, then constant. Thread-safe. */
nx_isa nx_isa_current(void);
bool nx_isa_is_supported(nx_isa isa);
const char *nx_isa_name(nx_isa isa);

/* The kernel of an op (from math/ where ops.def says so), NULL if there is none. form: see engine/kernel.h. */
nx_kernel *nx_vm_kernel(nx_isa isa, nx_op op, nexpr_dtype loop, unsigned form);
/* The same without math/: NULL for its ops. */
nx_kernel *nx_vm_own_kernel(nx_isa isa, nx_op op, nexpr_dtype loop, unsigned form);
/* Contiguous conversion, NULL for complex to real (bool excepted: any dtype to bool is x != 0). from == to is a copy that
 * makes NaN canonical and bools 0 or 1. */
nx_kernel *nx_vm_cast_kernel(nx_isa isa, nexpr_dtype from, nexpr_dtype to);

/* Gathers a rows x cols rectangle into contiguous, aligned dst (C order), byte strides of any sign or 0, any alignment.
 * dst does not overlap src. */
typedef void nx_load_kernel(size_t rows, size_t cols, void *dst, const void *src, ptrdiff_t row_stride,
                            ptrdiff_t col_stride);
/* Scatters contiguous, aligned src likewise. */
typedef void nx_store_kernel(size_t rows, size_t cols, void *dst, ptrdiff_t row_stride, ptrdiff_t col_stride,
                             const void *src);
/* swapped: the memory side has the other byte order. */
nx_load_kernel *nx_vm_load_kernel(nx_isa isa, nexpr_dtype dtype, bool swapped);
nx_store_kernel *nx_vm_store_kernel(nx_isa isa, nexpr_dtype dtype, bool swapped);
/* Of int64 that are counted, not read: see nx_vm_operand. */
nx_load_kernel *nx_vm_index_kernel(nx_isa isa);
/* Copies `bytes` bytes to dst, aligned to its element size, with non-temporal stores. Another thread may read them only
 * after a store fence of this one. */
void nx_vm_store_nt(nx_isa isa, void *dst, const void *src, size_t bytes);

#endif
