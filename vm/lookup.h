/* SPDX-License-Identifier: MIT */
/*
 * Kernels of the lookups (engine/lookups.def). Tables are contiguous and native, of any alignment; a key is a table of one
 * uint64. As all kernels they allocate nothing and give for each element what depends on it and the tables only.
 */
#ifndef NX_VM_LOOKUP_H
#define NX_VM_LOOKUP_H

#include "engine/kernel.h"
#include "engine/lookup.h"

enum { NX_MAX_TABLES = NX_MAX_ARITY - 1 };

/* r and x as of nx_kernel. count: elements of the tables. A table of searchsorted may be empty; with one of interp that is,
 * results are NaN. */
typedef void nx_lookup_kernel(size_t n, void *r, const void *x, const void *const *table, const int64_t *count);

/*
 * r[i, j] = element index[i, j] of the table at src + i*row_stride + j*col_stride, whose elements are table_stride bytes
 * apart, and `count`; an index below 0 counts from the end. r and index are contiguous; r may be the index if the items
 * have its size. Where an index is out of bounds nothing is read and r is 0. Returns the first such place, else rows*cols,
 * and the index there in *ret_value.
 */
typedef size_t nx_gather_kernel(size_t rows, size_t cols, void *r, const char *src, ptrdiff_t row_stride,
                                ptrdiff_t col_stride, const int64_t *index, ptrdiff_t table_stride, int64_t count,
                                int64_t *ret_value);

/* Of all but take; NULL if there is none for this loop. */
nx_lookup_kernel *nx_vm_lookup_kernel(nx_isa isa, nx_lookup lookup, nexpr_dtype loop);
nx_gather_kernel *nx_vm_gather_kernel(nx_isa isa, nexpr_dtype dtype, bool swapped);

#endif
