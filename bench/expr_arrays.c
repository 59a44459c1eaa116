/* SPDX-License-Identifier: MIT */
/*
 * Arrays lie as a user's do: large ones in huge pages of their own, each 64 bytes behind the beginning of a page. All of
 * their memory is touched before anything is timed. Floats are spread over (0, 1), integers over all of their values, but
 * for int16: these are from 1 to 10000, as reflectances in satellite images are.
 */
#include "bench/expr_arrays.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { OFFSET = 64, STAGGER = 4096 + 192, HUGE_PAGE = 2 << 20 };

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
    case NEXPR_INT16: memcpy(p, &(int16_t){(int16_t)(1 + bits % 10000)}, sizeof(int16_t)); break;
    default: memcpy(p, &bits, nexpr_dtype_size(dtype));
    }
}

/* `bytes` bytes that begin `offset` bytes behind the beginning of a huge page. */
static void *map_region(bench_operand *operand, size_t bytes, size_t offset) {
    operand->region_bytes = bytes + offset + HUGE_PAGE;
    operand->region = mmap(NULL, operand->region_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (operand->region == MAP_FAILED) {
        fprintf(stderr, "expr_bench: no memory for %zu bytes\n", bytes);
        exit(1);
    }
    if (bytes >= HUGE_PAGE) madvise(operand->region, operand->region_bytes, MADV_HUGEPAGE);
    uintptr_t page = ((uintptr_t)operand->region + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    return memset((char *)page + offset, 0, bytes);
}

static void unmap_region(bench_operand *operand) {
    if (operand->region) munmap(operand->region, operand->region_bytes);
}

/* `count` elements in one dimension; the layout may see them otherwise. `place` tells the arrays of a row apart. */
static void make_operand(const bench_arrays *arrays, bench_operand *operand, int dtype, size_t count, int place,
                         bool stagger) {
    size_t item = nexpr_dtype_size((nexpr_dtype)dtype), offset = OFFSET;
    if (stagger) offset += (size_t)place * STAGGER;
    if (arrays->row->layout == LAYOUT_UNALIGNED) offset += item;
    operand->array = nexpr_array_init();
    operand->array.dtype = (nexpr_dtype)dtype;
    operand->array.ndim = 1;
    operand->array.shape = operand->shape;
    operand->array.data = map_region(operand, count * item, offset);
    operand->shape[0] = (int64_t)count;
}

static void fill(bench_operand *operand, size_t count, int k) {
    size_t item = nexpr_dtype_size(operand->array.dtype);
    for (size_t i = 0; i < count; i++) {
        put_element((char *)operand->array.data + i * item, operand->array.dtype, i, (uint64_t)k);
    }
}

static void swap_bytes(bench_operand *operand, size_t count) {
    size_t item = nexpr_dtype_size(operand->array.dtype);
    for (char *p = operand->array.data, *end = p + count * item; p < end; p += item) {
        for (size_t i = 0; i < item / 2; i++) {
            char byte = p[i];
            p[i] = p[item - 1 - i];
            p[item - 1 - i] = byte;
        }
    }
    operand->array.byte_order = NEXPR_SWAPPED;
}

static void set_matrix(bench_operand *operand, size_t rows, size_t columns) {
    operand->array.ndim = 2;
    operand->shape[0] = (int64_t)rows;
    operand->shape[1] = (int64_t)columns;
}

static void set_strides(bench_operand *operand, int64_t first, int64_t second) {
    int64_t item = (int64_t)nexpr_dtype_size(operand->array.dtype);
    operand->strides[0] = first * item;
    operand->strides[1] = second * item;
    operand->array.strides = operand->strides;
}

/* Of a mask, so many in a hundred true; indices below n. */
static void fill_selection(bench_arrays *arrays, size_t count) {
    const uint64_t share = arrays->row->layout == LAYOUT_FEW ? 10 : 90;
    uint8_t *mask = arrays->input[1].array.data;
    int64_t *index = arrays->input[1].array.data;
    const bool is_mask = arrays->row->layout != LAYOUT_GATHER;
    if (is_mask) arrays->results = 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t bits = scrambled(i, 1);
        if (is_mask) arrays->results += mask[i] = bits % 100 < share;
        else index[i] = (int64_t)(bits % count);
    }
}

/* How many elements input k has in memory. */
static size_t count_elements(const bench_arrays *arrays, int k) {
    switch (arrays->row->layout) {
    case LAYOUT_POINTS: return 3 * arrays->rows;
    case LAYOUT_STRIDED: return 2 * arrays->n;
    case LAYOUT_ROW: return k ? arrays->columns : arrays->n;
    case LAYOUT_COLUMN: return k ? arrays->rows : arrays->n;
    default: return arrays->n;
    }
}

/* Makes what nexpr sees of input k out of its `count` elements. */
static void lay_out(bench_arrays *arrays, int k, size_t count) {
    bench_operand *operand = &arrays->input[k];
    switch (arrays->row->layout) {
    case LAYOUT_STRIDED:
        operand->shape[0] = (int64_t)arrays->n;
        set_strides(operand, 2, 0);
        break;
    case LAYOUT_SWAPPED: swap_bytes(operand, count); break;
    case LAYOUT_ROW:
        if (k == 0) set_matrix(operand, arrays->rows, arrays->columns);
        break;
    case LAYOUT_COLUMN: set_matrix(operand, arrays->rows, k ? 1 : arrays->columns); break;
    case LAYOUT_TRANSPOSED:
    case LAYOUT_TRANSPOSED_PLAIN:
        set_matrix(operand, arrays->rows, arrays->columns);
        if (k == 0) set_strides(operand, 1, (int64_t)arrays->rows);
        break;
    case LAYOUT_COLUMN_TOTALS:
    case LAYOUT_ROW_TOTALS:
    case LAYOUT_MATRIX:
    case LAYOUT_INNER:
    case LAYOUT_LARGE_SQUARE: set_matrix(operand, arrays->rows, arrays->columns); break;
    case LAYOUT_POINTS: set_matrix(operand, arrays->rows, 3); break;
    case LAYOUT_FEW:
    case LAYOUT_MOST:
    case LAYOUT_GATHER:
        if (k == 1) fill_selection(arrays, count);
        break;
    default: break;
    }
}

/* The first input, float64, in C order. */
static void make_plain(bench_arrays *arrays, bool stagger) {
    make_operand(arrays, &arrays->plain, NEXPR_FLOAT64, arrays->n, BENCH_MAX_INPUTS + 1, stagger);
    const double *from = arrays->input[0].array.data;
    double *to = arrays->plain.array.data;
    for (size_t i = 0; i < arrays->columns; i++) {
        for (size_t j = 0; j < arrays->rows; j++) to[j * arrays->columns + i] = from[i * arrays->rows + j];
    }
    arrays->c_data[0] = to;
}

static bool is_matrix(bench_layout layout) {
    return (layout >= LAYOUT_ROW && layout <= LAYOUT_TRANSPOSED_PLAIN) ||
           (layout >= LAYOUT_COLUMN_TOTALS && layout <= LAYOUT_POINTS);
}

/* The result's elements; all rows and columns are known. */
static void choose_results(bench_arrays *arrays) {
    switch (arrays->row->layout) {
    case LAYOUT_TOTAL: arrays->results = (size_t)arrays->row->results; break;
    case LAYOUT_PAIR: arrays->results = 2 * arrays->n; break;
    case LAYOUT_COLUMN_TOTALS: arrays->results = arrays->columns; break;
    case LAYOUT_ROW_TOTALS: arrays->results = arrays->rows; break;
    case LAYOUT_INNER: arrays->results = (arrays->rows - 2) * (arrays->columns - 2); break;
    case LAYOUT_SHORTER: arrays->results = arrays->n - 1; break;
    default: arrays->results = arrays->n;
    }
}

static bool choose_shape(bench_arrays *arrays, size_t n) {
    const bench_layout layout = arrays->row->layout;
    arrays->rows = 1;
    arrays->columns = n;
    if (is_matrix(layout)) {
        size_t root = 1;
        if (layout == LAYOUT_LARGE_SQUARE) n *= 4;
        while ((root + 1) * (root + 1) <= n) root++;
        if (layout == LAYOUT_POINTS && root > BENCH_MOST_POINTS) root = BENCH_MOST_POINTS;
        arrays->columns = arrays->row->columns ? arrays->row->columns : root;
        arrays->rows = layout == LAYOUT_POINTS || layout == LAYOUT_LARGE_SQUARE ? root : n / arrays->columns;
        if (arrays->rows < 2 || (layout == LAYOUT_INNER && (arrays->rows < 3 || arrays->columns < 3))) return false;
    }
    arrays->n = arrays->rows * arrays->columns;
    choose_results(arrays);
    return arrays->results > 0;
}

/* Whatever the result's length, its memory has room for n elements of each and one more. */
static void shape_output(bench_arrays *arrays) {
    bench_operand *output = &arrays->output;
    output->shape[0] = (int64_t)arrays->results;
    switch (arrays->row->layout) {
    case LAYOUT_TOTAL: output->array.ndim = 0; break;
    case LAYOUT_PAIR: output->shape[0] = (int64_t)arrays->n; break;
    case LAYOUT_COLUMN_TOTALS:
    case LAYOUT_ROW_TOTALS: break;
    case LAYOUT_INNER: set_matrix(output, arrays->rows - 2, arrays->columns - 2); break;
    default:
        if (is_matrix(arrays->row->layout)) set_matrix(output, arrays->rows, arrays->columns);
    }
}

bool bench_arrays_make(bench_arrays *arrays, const bench_row *row, size_t n, bool stagger) {
    *arrays = (bench_arrays){.row = row};
    if (!choose_shape(arrays, n)) return false;
    make_operand(arrays, &arrays->output, row->result, arrays->n * (size_t)row->results + 1, BENCH_MAX_INPUTS, stagger);
    shape_output(arrays);
    for (int k = 0; k < BENCH_MAX_INPUTS && row->inputs[k] != dtype_none; k++) {
        size_t count = count_elements(arrays, k), read = row->layout == LAYOUT_STRIDED ? arrays->n : count;
        make_operand(arrays, &arrays->input[k], row->inputs[k], count, k, stagger);
        fill(&arrays->input[k], count, k);
        lay_out(arrays, k, count);
        arrays->bytes += read * nexpr_dtype_size((nexpr_dtype)row->inputs[k]);
        arrays->input_count = k + 1;
    }
    for (int k = 0; k < BENCH_MAX_INPUTS; k++) {
        arrays->data[k] = arrays->c_data[k] = arrays->input[k < arrays->input_count ? k : 0].array.data;
    }
    arrays->bytes += arrays->results * nexpr_dtype_size((nexpr_dtype)row->result);
    if (row->layout == LAYOUT_TRANSPOSED_PLAIN) make_plain(arrays, stagger);
    return true;
}

void bench_arrays_free(bench_arrays *arrays) {
    for (int k = 0; k < arrays->input_count; k++) unmap_region(&arrays->input[k]);
    unmap_region(&arrays->output);
    unmap_region(&arrays->plain);
}
