/* SPDX-License-Identifier: MIT */
/* Loads, stores and the non-temporal copy, byte by byte against loops that know no fast path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "samples.h"
#include "vm/kernels.h"

enum { MEMORY = 1 << 16, MAX_ITEMS = 600, GUARD_BYTE = 0xa5 };

/* A rectangle in memory: shape, strides in bytes, offset of element [0, 0] from the middle. */
typedef struct rectangle {
    size_t rows, cols;
    ptrdiff_t row_stride, col_stride, offset;
} rectangle;

/* Of one element: the halves of a complex number are swapped each for itself. */
static void swap_bytes(nexpr_dtype dtype, unsigned char *element) {
    const size_t size = nexpr_dtype_size(nx_dtype_real(dtype)), total = nexpr_dtype_size(dtype);
    for (size_t part = 0; part < total; part += size) {
        for (size_t i = 0; i < size / 2; i++) {
            const unsigned char byte = element[part + i];
            element[part + i] = element[part + size - 1 - i];
            element[part + size - 1 - i] = byte;
        }
    }
}

static unsigned char *address(unsigned char *memory, const rectangle *at, size_t row, size_t col) {
    return memory + MEMORY / 2 + at->offset + (ptrdiff_t)row * at->row_stride + (ptrdiff_t)col * at->col_stride;
}

static void check_load(nx_isa isa, nexpr_dtype dtype, bool swapped, unsigned char *memory, const rectangle *at) {
    _Alignas(64) unsigned char r[(MAX_ITEMS + 1) * 16], ought[(MAX_ITEMS + 1) * 16];
    const size_t size = nexpr_dtype_size(dtype);
    memset(r, GUARD_BYTE, sizeof r);
    memset(ought, GUARD_BYTE, sizeof ought);
    for (size_t i = 0; i < at->rows * at->cols; i++) {
        memcpy(ought + i * size, address(memory, at, i / at->cols, i % at->cols), size);
        if (swapped) swap_bytes(dtype, ought + i * size);
        if (dtype == NEXPR_BOOL) ought[i] = ought[i] != 0;
    }
    nx_vm_load_kernel(isa, dtype, swapped)(at->rows, at->cols, r, address(memory, at, 0, 0), at->row_stride, at->col_stride);
    assert_memory_equal(r, ought, sizeof r);
}

static void check_store(nx_isa isa, nexpr_dtype dtype, bool swapped, const rectangle *at) {
    static unsigned char r[MEMORY], ought[MEMORY];
    static uint64_t random;
    _Alignas(64) unsigned char x[MAX_ITEMS * 16];
    const size_t size = nexpr_dtype_size(dtype), n = at->rows * at->cols;
    for (size_t i = 0; i < n * size; i++) x[i] = (unsigned char)(next_random(&random) & (dtype == NEXPR_BOOL ? 1 : 255));
    memset(r, GUARD_BYTE, sizeof r);
    memset(ought, GUARD_BYTE, sizeof ought);
    for (size_t i = 0; i < n; i++) {
        unsigned char *element = address(ought, at, i / at->cols, i % at->cols);
        memcpy(element, x + i * size, size);
        if (swapped) swap_bytes(dtype, element);
    }
    nx_vm_store_kernel(isa, dtype, swapped)(at->rows, at->cols, address(r, at, 0, 0), at->row_stride, at->col_stride, x);
    assert_memory_equal(r, ought, sizeof r);
}

/* Strides in items, and a row stride of some odd bytes more. Strides of 0 are for loads only, for a store would write an
 * element twice. */
typedef struct layout {
    ptrdiff_t row, col, extra;
    bool is_for_loads_only;
} layout;

enum { LAYOUT_COUNT = 14 };

static void list_layouts(size_t rows, size_t cols, layout ret[LAYOUT_COUNT]) {
    const ptrdiff_t n = (ptrdiff_t)cols, m = (ptrdiff_t)rows;
    const layout all[LAYOUT_COUNT] = {
        {n, 1, 0, false}, {n + 3, 1, 0, false}, {n, 1, 3, false}, {-n, 1, 0, false}, {-n, -1, 0, false},
        {2 * n, 2, 0, false}, {2 * n, -2, 1, false}, {3 * n, 3, 0, false}, {-3 * n, 3, -5, false}, {1, m, 0, false},
        {-1, 2 * m, 0, false}, {0, 1, 0, true}, {1, 0, 1, true}, {0, 0, 0, true},
    };
    memcpy(ret, all, sizeof all);
}

static void check_rectangles(nx_isa isa, nexpr_dtype dtype, bool swapped, unsigned char *memory) {
    static const size_t shapes[][2] = {
        {1, 1},  {1, 2},   {1, 7},  {1, 64},  {1, 131}, {2, 3}, {3, 33}, {5, 1},
        {37, 2}, {16, 16}, {19, 31}, {24, 17}, {8, 70},  {1, 0}, {0, 4},
    };
    const ptrdiff_t size = (ptrdiff_t)nexpr_dtype_size(dtype);
    for (size_t shape = 0; shape < sizeof shapes / sizeof *shapes; shape++) {
        const size_t rows = shapes[shape][0], cols = shapes[shape][1];
        layout list[LAYOUT_COUNT];
        list_layouts(rows, cols, list);
        for (int i = 0; i < LAYOUT_COUNT * 2; i++) {
            const layout *l = &list[i / 2];
            const rectangle at = {rows, cols, l->row * size + l->extra, l->col * size, i % 2}; /* aligned or not */
            check_load(isa, dtype, swapped, memory, &at);
            if (!l->is_for_loads_only) check_store(isa, dtype, swapped, &at);
        }
    }
}

static void loads_and_stores_move_every_byte_to_its_place(void **state) {
    (void)state;
    static unsigned char memory[MEMORY];
    uint64_t random = 0;
    for (size_t i = 0; i < MEMORY; i++) memory[i] = (unsigned char)(next_random(&random) % 4 ? next_random(&random) : 0);
    for (int i = 0; i < NX_ISA_COUNT * NEXPR_DTYPE_COUNT * 2; i++) {
        const nx_isa isa = (nx_isa)(i % NX_ISA_COUNT);
        const nexpr_dtype dtype = (nexpr_dtype)(i / NX_ISA_COUNT % NEXPR_DTYPE_COUNT);
        if (nx_isa_is_supported(isa)) check_rectangles(isa, dtype, i >= NX_ISA_COUNT * NEXPR_DTYPE_COUNT, memory);
    }
}

static void bools_are_0_or_1_once_loaded(void **state) {
    (void)state;
    const unsigned char x[] = {0, 1, 2, 128, 255, 0, 7};
    const unsigned char ought[] = {0, 1, 1, 1, 1, 0, 1};
    unsigned char r[7];
    nx_vm_load_kernel(nx_isa_current(), NEXPR_BOOL, false)(1, 7, r, x, 7, 1);
    assert_memory_equal(r, ought, 7);
}

static void nans_are_moved_as_they_are(void **state) {
    (void)state;
    const uint64_t x[] = {0xfff8000000000001u, 0x7ff0000000000001u};
    uint64_t r[2];
    nx_vm_load_kernel(nx_isa_current(), NEXPR_FLOAT64, false)(1, 2, r, x + 1, 0, -8);
    assert_int_equal(r[0], x[1]);
    assert_int_equal(r[1], x[0]);
}

static void the_non_temporal_copy_is_a_copy(void **state) {
    (void)state;
    _Alignas(64) static unsigned char x[512], r[768], ought[768];
    uint64_t random = 1;
    for (size_t i = 0; i < sizeof x; i++) x[i] = (unsigned char)next_random(&random);
    for (size_t bytes = 0; bytes <= 300; bytes++) {
        for (size_t offset = 0; offset < 70; offset += 1 + bytes % 3) {
            memset(ought, GUARD_BYTE, sizeof ought);
            memcpy(ought + offset, x + offset % 5, bytes);
            for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
                if (!nx_isa_is_supported((nx_isa)isa)) continue;
                memset(r, GUARD_BYTE, sizeof r);
                nx_vm_store_nt((nx_isa)isa, r + offset, x + offset % 5, bytes);
                assert_memory_equal(r, ought, sizeof r);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_and_stores_move_every_byte_to_its_place),
        cmocka_unit_test(bools_are_0_or_1_once_loaded),
        cmocka_unit_test(nans_are_moved_as_they_are),
        cmocka_unit_test(the_non_temporal_copy_is_a_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
