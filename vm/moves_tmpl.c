/* SPDX-License-Identifier: MIT */
/*
 * Moves between memory of any layout and contiguous registers, for one kind of item on one instruction set. Compiled with
 *   ITEM  a C type of the item's size            TURN  what happens to an item on its way: keep, truth, swap16, ...
 *   KIND  names the kind: u32, s64               ISA   names the instruction set
 * Both sides are a rectangle with two byte strides; a load's destination and a store's source are merely contiguous.
 * Memory may have any alignment, so items are accessed as members of a packed structure. Where rows of one side are columns
 * of the other, tiles are transposed (transpose.h).
 */
#include "vm/kernels.h"
#include "vm/lookup.h"
#include "vm/template.h"

/* Two halves of a complex128. */
typedef struct pair {
    uint64_t first, second;
} pair;

#define keep(v) (v)
#define truth(v) ((v) != 0)
#define swap16(v) __builtin_bswap16(v)
#define swap32(v) __builtin_bswap32(v)
#define swap64(v) __builtin_bswap64(v)
#define swap_halves64(v) (__builtin_bswap64(v) << 32 | __builtin_bswap64(v) >> 32)
#define swap_halves128(v) ((pair){__builtin_bswap64((v).first), __builtin_bswap64((v).second)})
#define IS_keep 1
#define IS_truth 0
#define IS_swap16 0
#define IS_swap32 0
#define IS_swap64 0
#define IS_swap_halves64 0
#define IS_swap_halves128 0

typedef struct __attribute__((packed, may_alias)) at {
    ITEM item;
} at;

enum { SIZE = sizeof(at) };

#include "vm/transpose.h"

/* One side of a move. */
typedef struct side {
    char *data;
    ptrdiff_t outer, inner;
} side;

/* Inlined for constant strides, which lets the loop be vectorised; with an unsigned i gcc sees no stride. */
static inline __attribute__((always_inline)) void each(size_t n, char *restrict r, ptrdiff_t to, const char *restrict x,
                                                       ptrdiff_t from) {
    for (ptrdiff_t i = 0; i < (ptrdiff_t)n; i++) {
        const ITEM v = ((const at *)(x + i * from))->item;
        ((at *)(r + i * to))->item = TURN(v);
    }
}

static void fill(size_t n, char *r, const char *x) {
    const ITEM v = ((const at *)x)->item, turned = TURN(v);
    for (size_t i = 0; i < n; i++) ((at *)(r + i * SIZE))->item = turned;
}

static void move_row(size_t n, char *r, ptrdiff_t to, const char *x, ptrdiff_t from) {
    if (to == SIZE) {
        if (from == SIZE && CAT2(IS_, TURN)) memcpy(r, x, n * SIZE);
        else if (from == SIZE) each(n, r, SIZE, x, SIZE);
        else if (from == 0) fill(n, r, x);
        else if (from == 2 * SIZE) each(n, r, SIZE, x, 2 * SIZE);
        else if (from == -SIZE) each(n, r, SIZE, x, -SIZE);
        else each(n, r, SIZE, x, from);
    } else if (from == SIZE && to == 2 * SIZE) {
        each(n, r, 2 * SIZE, x, SIZE);
    } else if (from == SIZE && to == -SIZE) {
        each(n, r, -SIZE, x, SIZE);
    } else {
        each(n, r, to, x, from);
    }
}

/* Half a cache line of one item. */
typedef struct __attribute__((packed, may_alias)) run_at {
    at items[32 / SIZE];
} run_at;
enum { RUN = 32 / SIZE };

/* Every item of x `times` times, at most RUN: each as a whole run, the rest of which the next one overwrites. */
static void repeat(size_t count, size_t times, char *restrict r, const char *restrict x, ptrdiff_t from) {
    const size_t whole = count * times < RUN ? 0 : (count * times - RUN) / times + 1;
    for (size_t i = 0; i < whole; i++) {
        const ITEM v = ((const at *)(x + (ptrdiff_t)i * from))->item, turned = TURN(v);
        run_at run;
        for (int k = 0; k < RUN; k++) run.items[k].item = turned;
        memcpy(r + i * times * SIZE, &run, sizeof run);
    }
    for (size_t i = whole; i < count; i++) fill(times, r + i * times * SIZE, x + (ptrdiff_t)i * from);
}

static size_t distance(ptrdiff_t stride) {
    return stride < 0 ? 0 - (size_t)stride : (size_t)stride;
}

static int is_transposed(size_t rows, size_t cols, const side *r, const side *x) {
    if (rows < TILE || cols < TILE) return 0;
    return (x->outer == SIZE && r->inner == SIZE) || (x->inner == SIZE && r->outer == SIZE);
}

static void turn(size_t n, char *r) {
    for (size_t i = 0; i < n; i++) {
        const ITEM v = ((const at *)(r + i * SIZE))->item;
        ((at *)(r + i * SIZE))->item = TURN(v);
    }
}

/* Items are moved as they are, then turned where they are. */
static void move_transposed(size_t rows, size_t cols, side r, side x) {
    const int is_load = x.outer == SIZE;
    const size_t count = is_load ? rows : cols, length = is_load ? cols : rows;
    const ptrdiff_t to = is_load ? r.outer : r.inner;
    transpose(length, count, r.data, to, x.data, is_load ? x.inner : x.outer);
    if (CAT2(IS_, TURN)) return;
    for (size_t i = 0; i < count; i++) turn(length, r.data + (ptrdiff_t)i * to);
}

/* The other way up, on which the rows are in the order of memory. */
static side flipped(size_t rows, side s) {
    return (side){s.data + (ptrdiff_t)(rows - 1) * s.outer, -s.outer, s.inner};
}

/* Rows end to end on both sides are one long row; else the axis runs inside on which memory is closer together, or that is
 * not very short. */
static void move(size_t rows, size_t cols, side r, side x, const side *memory) {
    const ptrdiff_t n = (ptrdiff_t)cols;
    if (rows > 1 && r.outer == n * r.inner && x.outer == n * x.inner) {
        cols *= rows;
        rows = 1;
    }
    if (is_transposed(rows, cols, &r, &x)) {
        move_transposed(rows, cols, r, x);
        return;
    }
    if (!x.inner && r.inner == SIZE && r.outer == n * SIZE && n <= RUN && rows > 1) {
        repeat(rows, cols, r.data, x.data, x.outer);
        return;
    }
    const int across = rows > 1 && (distance(memory->outer) < distance(memory->inner) || (cols < 8 && rows > cols));
    const size_t count = across ? cols : rows, length = across ? rows : cols;
    const ptrdiff_t r_step = across ? r.inner : r.outer, x_step = across ? x.inner : x.outer;
    for (size_t i = 0; i < count; i++) {
        move_row(length, r.data + (ptrdiff_t)i * r_step, across ? r.outer : r.inner, x.data + (ptrdiff_t)i * x_step,
                 across ? x.outer : x.inner);
    }
}

#define LOAD CAT4(nx_load_, KIND, _, ISA)
#define STORE CAT4(nx_store_, KIND, _, ISA)

nx_load_kernel LOAD;
void LOAD(size_t rows, size_t cols, void *dst, const void *src, ptrdiff_t row_stride, ptrdiff_t col_stride) {
    side r = {dst, (ptrdiff_t)cols * SIZE, SIZE}, x = {(char *)src, row_stride, col_stride};
    if (row_stride == -SIZE && rows > 1) r = flipped(rows, r), x = flipped(rows, x);
    move(rows, cols, r, x, &x);
}

nx_store_kernel STORE;
void STORE(size_t rows, size_t cols, void *dst, ptrdiff_t row_stride, ptrdiff_t col_stride, const void *src) {
    side r = {dst, row_stride, col_stride}, x = {(char *)src, (ptrdiff_t)cols * SIZE, SIZE};
    if (row_stride == -SIZE && rows > 1) r = flipped(rows, r), x = flipped(rows, x);
    move(rows, cols, r, x, &r);
}

/* ----------------------------------------------------------------------------------------------------------- gather -- */

enum { CHECKED = 512 }; /* indices that are looked at before any is used */

/* Inlined for constant strides, as `each` is. */
static inline __attribute__((always_inline)) void pick(size_t n, at *r, const char *src, ptrdiff_t stride,
                                                       const int64_t *index, ptrdiff_t table_stride, int64_t count) {
    INDEPENDENT
    for (ptrdiff_t i = 0; i < (ptrdiff_t)n; i++) {
        const int64_t at_end = index[i] < 0 ? count : 0;
        const ITEM v = ((const at *)(src + i * stride + (index[i] + at_end) * table_stride))->item;
        r[i].item = TURN(v);
    }
}

/* The same of one element after the other, with indices that count from the start: gcc would build vectors of elements that it
 * loads singly, which takes longer. */
static void pick_from_start(size_t n, at *r, const char *src, const int64_t *index) {
    for (size_t i = 0; i < n; i++) {
        const ITEM v = ((const at *)(src + index[i] * SIZE))->item;
        r[i].item = TURN(v);
        __asm__("" : "+r"(i));
    }
}

/* Whether all indices are in bounds and count from the start: all bits of either are those of a sign. */
static bool are_from_start(size_t n, const int64_t *index, int64_t count) {
    uint64_t signs = 0;
    for (size_t i = 0; i < n; i++) signs |= (uint64_t)index[i] | ((uint64_t)count - 1 - (uint64_t)index[i]);
    return !(signs >> 63);
}

/* The first index that is out of bounds, n if none is. */
static size_t first_outside(size_t n, const int64_t *index, int64_t count) {
    size_t i = 0;
    while (i < n && (uint64_t)index[i] + (uint64_t)count < 2 * (uint64_t)count) i++;
    return i;
}

/* A row or part of one. */
static size_t pick_checked(size_t n, at *r, const char *src, ptrdiff_t stride, const int64_t *index, ptrdiff_t table_stride,
                           int64_t count, int64_t *ret_value) {
    const bool is_plain = are_from_start(n, index, count);
    if (is_plain && !stride && table_stride == SIZE) {
        pick_from_start(n, r, src, index);
        return n;
    }
    const size_t bad = is_plain ? n : first_outside(n, index, count);
    if (bad == n) {
        if (!stride && table_stride == SIZE) pick(n, r, src, 0, index, SIZE, count);
        else if (!stride) pick(n, r, src, 0, index, table_stride, count);
        else pick(n, r, src, stride, index, table_stride, count);
        return n;
    }
    *ret_value = index[bad];
    for (size_t i = 0; i < n; i++) {
        const char *at_i = src + (ptrdiff_t)i * stride;
        if (first_outside(1, index + i, count)) pick(1, r + i, at_i, 0, index + i, table_stride, count);
        else memset(r + i, 0, SIZE);
    }
    return bad;
}

#define GATHER CAT4(nx_gather_, KIND, _, ISA)

extern nx_gather_kernel GATHER;
size_t GATHER(size_t rows, size_t cols, void *r, const char *src, ptrdiff_t row_stride, ptrdiff_t col_stride,
              const int64_t *index, ptrdiff_t table_stride, int64_t count, int64_t *ret_value) {
    size_t bad = rows * cols;
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0, m; k < cols; k += m) {
            const size_t place = i * cols + k;
            const char *x = src + (ptrdiff_t)i * row_stride + (ptrdiff_t)k * col_stride;
            int64_t value = 0;
            m = cols - k < CHECKED ? cols - k : CHECKED;
            const size_t first = pick_checked(m, (at *)r + place, x, col_stride, index + place, table_stride, count, &value);
            if (first == m || bad < rows * cols) continue;
            bad = place + first;
            *ret_value = value;
        }
    }
    return bad;
}
