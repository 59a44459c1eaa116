/* SPDX-License-Identifier: MIT */
/*
 * The load of an input that is no array: its moving address, counted from NX_INDEX_BASE, is its value, and its strides are
 * what the value grows by. Compiled with ISA, which names the instruction set.
 */
#include "vm/kernels.h"
#include "vm/template.h"
#include "vm/vm.h"

#define LOAD CAT2(nx_load_indices_, ISA)

nx_load_kernel LOAD;
void LOAD(size_t rows, size_t cols, void *dst, const void *src, ptrdiff_t row_stride, ptrdiff_t col_stride) {
    int64_t *r = dst, first = (int64_t)((uintptr_t)src - (uintptr_t)NX_INDEX_BASE);
    for (size_t i = 0; i < rows; i++, r += cols, first += row_stride) {
        for (int64_t k = 0; k < (int64_t)cols; k++) r[k] = first + k * col_stride;
    }
}
