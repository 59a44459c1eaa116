/* SPDX-License-Identifier: MIT */
/*
 * The lanes of the reducers' tree (engine/reducers.def) as loops, for whatever `step` combines two values of T. Everything
 * is inlined where the step is known, and all is made of one loop: rows are added to columns, one row after the other but
 * AT_ONCE of them to a column while it is in a register. The 32 lanes of a leaf are columns; its rows are 32 elements.
 * Vectors of columns, not the columns themselves, wait for each other, so that loads and not latencies set the pace.
 *
 * Comes after the class header, compiled as kernels_tmpl.c.
 */
#ifndef NX_VM_LANES_H
#define NX_VM_LANES_H

#include "vm/kernels.h"
#include "vm/reduce.h"

#define INLINE static inline __attribute__((always_inline, unused))

typedef T binary(T l, T x);

enum { AT_ONCE = 8, SCRATCH_ITEMS = 8192 / sizeof(T), SHORT = 48, FEW = 8 };

/* The loads that transpose elements of T's size. */
#define KIND_b b
#define KIND_i8 u8
#define KIND_u8 u8
#define KIND_i16 u16
#define KIND_u16 u16
#define KIND_i32 u32
#define KIND_u32 u32
#define KIND_f32 u32
#define KIND_i64 u64
#define KIND_u64 u64
#define KIND_f64 u64
#define KIND_c64 u64
#define KIND_c128 u128
#define TRANSPOSE CAT4(nx_load_, CAT2(KIND_, SUFFIX), _, ISA)
extern nx_load_kernel TRANSPOSE;

INLINE const T *row_at(const void *x, ptrdiff_t row_stride, size_t row) {
    return (const T *)((const char *)x + (ptrdiff_t)row * row_stride);
}

INLINE void copy_row(size_t n, const T *x, T *r) {
    for (size_t i = 0; i < n; i++) r[i] = LOAD_T(x[i]);
}

INLINE void make_canonical(size_t n, T *r) {
    for (size_t i = 0; i < n; i++) r[i] = STORE_T(r[i]);
}

/*
 * How an element x is added to a state l. quick: the same but for NaN, if blind: then a NaN among the operands of several
 * quick steps is the result, the first one.
 */
typedef struct steps {
    binary *step, *quick;
    bool blind;
} steps;

/* The quick step of each, and whether it is blind. */
#define QUICK_sum(step) step
#define QUICK_prod(step) step
#define QUICK_min(step) LESSER(l, x)
#define QUICK_max(step) GREATER(l, x)
#define QUICK_fmin(step) step
#define QUICK_fmax(step) step
#define QUICK_any(step) step
#define QUICK_all(step) step
#define BLIND_sum false
#define BLIND_prod false
#define BLIND_min NAN_SPOILS
#define BLIND_max NAN_SPOILS
#define BLIND_fmin false
#define BLIND_fmax false
#define BLIND_any false
#define BLIND_all false

#define STEPS_OF(id) CAT4(id, _, SUFFIX, _steps)
#define STEPS(id, step_)                                        \
    static inline T CAT4(id, _, SUFFIX, _step)(T l, T x) {      \
        return step_;                                           \
    }                                                           \
    static inline T CAT4(id, _, SUFFIX, _quick)(T l, T x) {     \
        return QUICK_##id(step_);                               \
    }                                                           \
    static const steps STEPS_OF(id) = {CAT4(id, _, SUFFIX, _step), CAT4(id, _, SUFFIX, _quick), BLIND_##id};

/* The eight rows from x on. */
#define EIGHT_ROWS(x, row_stride)                                                                           \
    const T *x0 = (x), *x1 = row_at(x0, row_stride, 1), *x2 = row_at(x1, row_stride, 1),                    \
            *x3 = row_at(x2, row_stride, 1), *x4 = row_at(x3, row_stride, 1), *x5 = row_at(x4, row_stride, 1), \
            *x6 = row_at(x5, row_stride, 1), *x7 = row_at(x6, row_stride, 1)
/* Their elements in column c. */
#define EIGHT_ELEMENTS(c)                                                                                   \
    const T e0 = LOAD_T(x0[c]), e1 = LOAD_T(x1[c]), e2 = LOAD_T(x2[c]), e3 = LOAD_T(x3[c]);                 \
    const T e4 = LOAD_T(x4[c]), e5 = LOAD_T(x5[c]), e6 = LOAD_T(x6[c]), e7 = LOAD_T(x7[c])
#define IS_ONE_NAN (ISNAN(e0) | ISNAN(e1) | ISNAN(e2) | ISNAN(e3) | ISNAN(e4) | ISNAN(e5) | ISNAN(e6) | ISNAN(e7))

INLINE void step_eight_rows(steps s, size_t cols, const T *x, ptrdiff_t row_stride, T *value) {
    EIGHT_ROWS(x, row_stride);
    INDEPENDENT
    for (size_t c = 0; c < cols; c++) {
        EIGHT_ELEMENTS(c);
        const T before = value[c];
        T l = s.quick(s.quick(s.quick(s.quick(before, e0), e1), e2), e3);
        l = s.quick(s.quick(s.quick(s.quick(l, e4), e5), e6), e7);
        const bool spoils = ISNAN(before) | IS_ONE_NAN;
        const T late = FIRST_NAN(e4, FIRST_NAN(e5, FIRST_NAN(e6, e7)));
        const T early = FIRST_NAN(e0, FIRST_NAN(e1, FIRST_NAN(e2, e3)));
        const T nan = FIRST_NAN(before, FIRST_NAN(early, late));
        value[c] = s.blind ? WHERE(spoils, nan, l) : l;
    }
}

/* l of every column becomes step(... step(l, x[0]) ..., x[rows - 1]). */
INLINE void step_rows(steps s, size_t rows, size_t cols, const void *x, ptrdiff_t row_stride, T *value) {
    size_t row = 0;
    for (; row + AT_ONCE <= rows; row += AT_ONCE) step_eight_rows(s, cols, row_at(x, row_stride, row), row_stride, value);
    for (; row < rows; row++) {
        const T *xs = row_at(x, row_stride, row);
        INDEPENDENT
        for (size_t c = 0; c < cols; c++) value[c] = s.step(value[c], LOAD_T(xs[c]));
    }
}

/* Whole rows of lanes, which stay in registers and are `from` before: memory is read from front to back, as the machine
 * expects it to be. Of steps that are blind, all NaN are the same one. */
INLINE void step_rows_of_lanes(steps s, size_t rows, const T *x, const T *from, T lane[NX_LANES]) {
    T l[NX_LANES];
    MARK spoiled[NX_LANES] = {0};
    copy_row(NX_LANES, from, l);
    for (size_t i = 0; s.blind && i < NX_LANES; i++) spoiled[i] = ISNAN(l[i]) ? (MARK)-1 : 0;
    for (size_t row = 0; row < rows; row++, x += NX_LANES) {
        INDEPENDENT
        for (size_t i = 0; i < NX_LANES; i++) {
            const T e = LOAD_T(x[i]);
            l[i] = s.quick(l[i], e);
            if (s.blind) spoiled[i] |= ISNAN(e) ? (MARK)-1 : 0;
        }
    }
    for (size_t i = 0; i < NX_LANES; i++) lane[i] = s.blind ? WHERE(spoiled[i], FIRST_NAN(l[i], l[i]), l[i]) : l[i];
}

/* Lanes that are `from` before, with elements added from lane 0 on. Only the last ones of a leaf are no multiple of the
 * lanes. */
INLINE void step_lanes(steps s, size_t n, const T *x, const T *from, T *lane) {
    const size_t whole = n / NX_LANES;
    if (s.blind && sizeof(T) != sizeof(MARK)) {
        if (from != lane) copy_row(NX_LANES, from, lane);
        step_rows(s, whole, NX_LANES, x, NX_LANES * sizeof(T), lane);
    } else {
        step_rows_of_lanes(s, whole, x, from, lane);
    }
    for (size_t i = 0; i < n % NX_LANES; i++) lane[i] = s.step(lane[i], LOAD_T(x[whole * NX_LANES + i]));
}

INLINE void fold_half(binary *step, size_t half, T *lane) {
    for (size_t i = 0; i < half; i++) lane[i] = step(lane[i], lane[i + half]);
}

/* Halves of known sizes, which stay in registers. */
INLINE T fold_lanes(binary *step, T lane[NX_LANES]) {
    fold_half(step, 16, lane);
    fold_half(step, 8, lane);
    fold_half(step, 4, lane);
    fold_half(step, 2, lane);
    return step(lane[0], lane[1]);
}
_Static_assert(NX_LANES == 32, "fold_lanes has that many");

/* A leaf of at least as many elements as there are lanes. */
INLINE void make_lanes(steps s, size_t n, const T *x, T *lane) {
    step_lanes(s, n - NX_LANES, x + NX_LANES, x, lane);
}

INLINE T reduce_leaf(steps s, size_t n, const T *x) {
    T lane[NX_LANES];
    make_lanes(s, n, x, lane);
    return fold_lanes(s.step, lane);
}

INLINE void add_row(binary *step, size_t n, T *l, const T *x) {
    INDEPENDENT
    for (size_t i = 0; i < n; i++) l[i] = step(l[i], x[i]);
}

/* How many leaves of n elements have room in the scratch memory, of `count`. */
INLINE size_t batch_of(size_t count, size_t n) {
    const size_t most = SCRATCH_ITEMS / n;
    return count < most ? count : most;
}

INLINE void lay_few(size_t count, size_t n, const T *x, T *part) {
    for (size_t c = 0; c < count; c++) {
        for (size_t i = 0; i < n; i++) part[i * count + c] = LOAD_T(x[c * n + i]);
    }
}

/* Element i of `count` leaves of n elements to row i of `part`, so that they are reduced as vectors of leaves. */
static __attribute__((noinline)) void lay_side_by_side(size_t count, size_t n, const T *x, T *part) {
    switch (n) {
    case 1: copy_row(count, x, part); break;
    case 2: lay_few(count, 2, x, part); break;
    case 3: lay_few(count, 3, x, part); break;
    case 4: lay_few(count, 4, x, part); break;
    case 5: lay_few(count, 5, x, part); break;
    case 6: lay_few(count, 6, x, part); break;
    case 7: lay_few(count, 7, x, part); break;
    default:
        if (n < 16 && sizeof(T) <= 4) lay_few(count, n, x, part); /* less than a tile */
        else TRANSPOSE(n, count, part, x, sizeof(T), (ptrdiff_t)(n * sizeof(T)));
    }
}

/* Leaves that are side by side: row i is added to lane i % 32, the first one is the lane; lanes without one take no part. */
INLINE void fold_rows(binary *step, size_t count, size_t n, T *part) {
    for (size_t i = NX_LANES; i < n; i++) add_row(step, count, part + i % NX_LANES * count, part + i * count);
    for (size_t half = NX_LANES / 2, live = n; half; half /= 2) {
        for (size_t i = 0; i + half < live; i++) add_row(step, count, part + i * count, part + (i + half) * count);
        if (live > half) live = half;
    }
}

/* Leaves of a known number of elements, at most four, which can be read into vectors of leaves. */
INLINE void reduce_few(binary *step, size_t count, size_t n, const T *x, T *value) {
    INDEPENDENT
    for (size_t c = 0; c < count; c++) {
        const T e0 = LOAD_T(x[c * n]), e1 = LOAD_T(x[c * n + 1]);
        const T e2 = n > 2 ? LOAD_T(x[c * n + 2]) : e0, e3 = n > 3 ? LOAD_T(x[c * n + 3]) : e0;
        const T even = n > 2 ? step(e0, e2) : e0, odd = n > 3 ? step(e1, e3) : e1, v = step(even, odd);
        value[c] = STORE_T(v);
    }
}

/* Leaves of few elements are laid side by side. */
INLINE void reduce_leaves(steps s, size_t count, size_t n, const T *x, T *value) {
    T part[SCRATCH_ITEMS];
    switch (n) {
    case 2: reduce_few(s.step, count, 2, x, value); return;
    case 3: reduce_few(s.step, count, 3, x, value); return;
    case 4: reduce_few(s.step, count, 4, x, value); return;
    default: break;
    }
    for (size_t i = 0; n > SHORT && i < count; i++) {
        const T v = reduce_leaf(s, n, x + i * n);
        value[i] = STORE_T(v);
    }
    for (size_t at = 0, batch; n <= SHORT && at < count; at += batch) {
        batch = batch_of(count - at, n);
        lay_side_by_side(batch, n, x + at * n, part);
        fold_rows(s.step, batch, n, part);
        for (size_t i = 0; i < batch; i++) value[at + i] = STORE_T(part[i]);
    }
}

#endif
