/* SPDX-License-Identifier: MIT */
/*
 * Arrays lie as a user's do: large ones in huge pages of their own, each 64 bytes behind the beginning of a page. All of
 * their memory is touched before anything is timed. Elements are spread over (0, 1), integers over all of their values.
 */
#include "bench/expr_arrays.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { OFFSET = 64, HUGE_PAGE = 2 << 20 };

/* The same number for the same i and k, always; its bits look random. */
static uint64_t scrambled(uint64_t i, uint64_t k) {
    uint64_t z = (i + (k << 40)) * 0x9e3779b97f4a7c15 + 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* In (0, 1), with all bits of the fraction in use. */
static double unit(uint64_t bits) {
    return (double)(bits >> 11 | 1) * 0x1p-53;
}

static void put_element(char *p, nexpr_dtype dtype, uint64_t i, uint64_t k) {
    uint64_t bits = scrambled(i, k);
    double re = unit(bits), im = unit(scrambled(i, k + BENCH_MAX_INPUTS));
    float re32 = (float)(bits >> 40 | 1) * 0x1p-24f;
    switch (dtype) {
    case NEXPR_FLOAT64: memcpy(p, &re, sizeof re); break;
    case NEXPR_FLOAT32: memcpy(p, &re32, sizeof re32); break;
    case NEXPR_COMPLEX128: memcpy(p, (double[]){re, im}, 2 * sizeof re); break;
    default: memcpy(p, &bits, nexpr_dtype_size(dtype));
    }
}

static void map_region(bench_operand *operand, size_t bytes) {
    operand->region_bytes = bytes + OFFSET + HUGE_PAGE;
    operand->region = mmap(NULL, operand->region_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (operand->region == MAP_FAILED) {
        fprintf(stderr, "expr_bench: no memory for %zu bytes\n", bytes);
        exit(1);
    }
    if (bytes >= HUGE_PAGE) madvise(operand->region, operand->region_bytes, MADV_HUGEPAGE);
    uintptr_t page = ((uintptr_t)operand->region + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    operand->array.data = (char *)page + OFFSET;
    memset(operand->array.data, 0, bytes);
}

static void make_operand(bench_operand *operand, int dtype, size_t n) {
    operand->array = nexpr_array_init();
    operand->array.dtype = (nexpr_dtype)dtype;
    operand->array.ndim = 1;
    operand->shape[0] = (int64_t)n;
    operand->array.shape = operand->shape;
    map_region(operand, n * nexpr_dtype_size((nexpr_dtype)dtype));
}

static void fill(bench_operand *operand, size_t n, uint64_t k) {
    size_t item = nexpr_dtype_size(operand->array.dtype);
    for (size_t i = 0; i < n; i++) put_element((char *)operand->array.data + i * item, operand->array.dtype, i, k);
}

void bench_arrays_make(bench_arrays *arrays, const bench_row *row, size_t n) {
    *arrays = (bench_arrays){.row = row, .rows = 1, .columns = n, .n = n};
    make_operand(&arrays->output, row->result, n);
    arrays->bytes = n * nexpr_dtype_size((nexpr_dtype)row->result);
    for (int k = 0; k < BENCH_MAX_INPUTS; k++) {
        if (row->inputs[k] == dtype_none) {
            arrays->data[k] = arrays->data[0];
            continue;
        }
        make_operand(&arrays->input[k], row->inputs[k], n);
        fill(&arrays->input[k], n, (uint64_t)k);
        arrays->bytes += n * nexpr_dtype_size((nexpr_dtype)row->inputs[k]);
        arrays->data[k] = arrays->input[k].array.data;
        arrays->input_count = k + 1;
    }
}

void bench_arrays_free(bench_arrays *arrays) {
    for (int k = 0; k < arrays->input_count; k++) munmap(arrays->input[k].region, arrays->input[k].region_bytes);
    munmap(arrays->output.region, arrays->output.region_bytes);
}
