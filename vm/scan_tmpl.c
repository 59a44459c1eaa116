/* SPDX-License-Identifier: MIT */
/*
 * Running reductions, for one dtype on one instruction set: rows of engine/reducers.def as loops from left to right. An
 * element waits for the one before it, so the pace is that of one step, unless several leaves run side by side; the prefix
 * is combined beside that chain, not in it. Results may have any alignment. Compiled as kernels_tmpl.c.
 */
#include "vm/template.h"

#include CLASS

#include "vm/lanes.h"

#define STORE_NT CAT2(nx_store_nt_, ISA)
void STORE_NT(void *dst, const void *src, size_t bytes);

/* An element of a result. */
typedef struct __attribute__((packed, may_alias)) result {
    T item;
} result;

enum { WAYS = NX_SCAN_WAYS, STRETCH = 4096 / sizeof(T), PITCH = STRETCH + 320 / sizeof(T) };
_Static_assert(WAYS == 4, "scan_ways writes them out");

/* n elements of each leaf to rows of `to`, PITCH apart, which is no power of two, so that their lines stay in a cache. None
 * waits for another leaf's. */
INLINE void scan_ways(steps s, size_t n, const T *x, ptrdiff_t x_stride, T running[WAYS], T *to) {
    const T *x0 = x, *x1 = row_at(x, x_stride, 1), *x2 = row_at(x, x_stride, 2), *x3 = row_at(x, x_stride, 3);
    T l0 = running[0], l1 = running[1], l2 = running[2], l3 = running[3];
    for (size_t i = 0; i < n; i++) {
        to[i] = l0 = s.step(l0, LOAD_T(x0[i]));
        to[i + PITCH] = l1 = s.step(l1, LOAD_T(x1[i]));
        to[i + 2 * PITCH] = l2 = s.step(l2, LOAD_T(x2[i]));
        to[i + 3 * PITCH] = l3 = s.step(l3, LOAD_T(x3[i]));
    }
    running[0] = l0;
    running[1] = l1;
    running[2] = l2;
    running[3] = l3;
}

INLINE void add_prefix(steps s, size_t n, const T *prefix, const T *x, result *r) {
    INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const T v = prefix ? s.step(*prefix, x[i]) : x[i];
        r[i].item = STORE_T(v);
    }
}

/* The chain goes to the closest cache, some elements at a time, from where vectors take it on. */
INLINE void scan_leaf(steps s, size_t n, const T *x, const T *prefix, result *r) {
    T made[STRETCH], l = LOAD_T(x[0]), nan = l;
    bool spoils = ISNAN(l);
    made[0] = l;
    for (size_t at = 0, count; at < n; at += count) {
        count = n - at < STRETCH ? n - at : STRETCH;
        for (size_t i = at == 0; i < count; i++) {
            const T e = LOAD_T(x[at + i]);
            l = s.quick(l, e);
            nan = WHERE(spoils, nan, e);
            spoils |= ISNAN(e);
            made[i] = s.blind ? WHERE(spoils, nan, l) : l;
        }
        add_prefix(s, count, prefix, made, r + at);
    }
}

/* Leaves side by side, some elements at a time, which stay in the closest cache. */
INLINE void scan_leaves(steps s, size_t n, const T *x, ptrdiff_t x_stride, const T *prefix, result *r, ptrdiff_t r_stride,
                        bool bypasses) {
    T made[WAYS * PITCH], running[WAYS];
    for (size_t w = 0; w < WAYS; w++) made[w * PITCH] = running[w] = LOAD_T(*row_at(x, x_stride, w));
    for (size_t at = 0, count; at < n; at += count) {
        const size_t whole = STRETCH - ((uintptr_t)(r + at) & 63) / sizeof(T); /* ends where a cache line does */
        const size_t first = at == 0;
        count = n - at < whole ? n - at : whole;
        scan_ways(s, count - first, x + at + first, x_stride, running, made + first);
        for (size_t w = 0; w < WAYS; w++) {
            T *from = made + w * PITCH;
            result *to = (result *)((char *)(r + at) + (ptrdiff_t)w * r_stride);
            add_prefix(s, count, prefix ? prefix + w : NULL, from, bypasses ? (result *)from : to);
            if (bypasses) STORE_NT(to, from, count * sizeof(T));
        }
    }
}

/* Rows as vectors of columns. */
INLINE void scan_row(steps s, size_t cols, const T *x, bool is_first, const T *prefix, T *running, result *r) {
    INDEPENDENT
    for (size_t c = 0; c < cols; c++) {
        const T e = LOAD_T(x[c]), l = is_first ? e : s.step(running[c], e), v = prefix ? s.step(prefix[c], l) : l;
        running[c] = STORE_T(l);
        r[c].item = STORE_T(v);
    }
}

/* Columns too few for that stay in registers. */
INLINE void scan_columns(steps s, size_t rows, size_t cols, const void *x, ptrdiff_t row_stride, bool is_new,
                         const T *prefix, T *running, void *r, ptrdiff_t r_row_stride) {
    T l[4] = {0}, before[4] = {0};
    for (size_t c = 0; c < cols; c++) {
        l[c] = is_new ? LOAD_T(((const T *)x)[c]) : running[c];
        before[c] = prefix ? prefix[c] : l[c];
    }
    for (size_t row = 0; row < rows; row++) {
        const T *xs = row_at(x, row_stride, row);
        result *rs = (result *)((char *)r + (ptrdiff_t)row * r_row_stride);
        for (size_t c = 0; c < cols; c++) {
            const T e = LOAD_T(xs[c]);
            l[c] = is_new && row == 0 ? e : s.step(l[c], e);
            const T v = prefix ? s.step(before[c], l[c]) : l[c];
            rs[c].item = STORE_T(v);
        }
    }
    for (size_t c = 0; c < cols; c++) running[c] = STORE_T(l[c]);
}

INLINE void scan_rows(steps s, size_t rows, size_t cols, const void *x, ptrdiff_t row_stride, bool is_new, const T *prefix,
                      T *running, void *r, ptrdiff_t r_row_stride) {
    for (size_t c = 0, width; cols < FEW && c < cols; c += width) {
        const T *xs = (const T *)x + c, *before = prefix ? prefix + c : NULL;
        result *rs = (result *)r + c;
        width = cols - c < 4 ? cols - c : 4;
        if (width == 4) scan_columns(s, rows, 4, xs, row_stride, is_new, before, running + c, rs, r_row_stride);
        if (width == 3) scan_columns(s, rows, 3, xs, row_stride, is_new, before, running + c, rs, r_row_stride);
        if (width == 2) scan_columns(s, rows, 2, xs, row_stride, is_new, before, running + c, rs, r_row_stride);
        if (width == 1) scan_columns(s, rows, 1, xs, row_stride, is_new, before, running + c, rs, r_row_stride);
    }
    for (size_t row = 0; cols >= FEW && row < rows; row++) {
        const T *xs = row_at(x, row_stride, row);
        result *rs = (result *)((char *)r + (ptrdiff_t)row * r_row_stride);
        if (is_new && row == 0) scan_row(s, cols, xs, true, prefix, running, rs);
        else if (prefix) scan_row(s, cols, xs, false, prefix, running, rs);
        else scan_row(s, cols, xs, false, NULL, running, rs);
    }
}

#define NAME(id, what) CAT4(nx_scan_, id, what, CAT3(SUFFIX, _, ISA))

#define KERNELS(id, step_)                                                                                               \
    STEPS(id, step_)                                                                                                     \
    extern nx_scan_leaf NAME(id, _leaf_);                                                                                \
    void NAME(id, _leaf_)(size_t n, const void *x, const void *prefix, void *r) {                                        \
        if (prefix) scan_leaf(STEPS_OF(id), n, x, prefix, r);                                                            \
        else scan_leaf(STEPS_OF(id), n, x, NULL, r);                                                                     \
    }                                                                                                                    \
    extern nx_scan_leaves NAME(id, _leaves_);                                                                            \
    void NAME(id, _leaves_)(size_t n, const void *x, ptrdiff_t x_stride, const void *prefix, void *r, ptrdiff_t r_stride, \
                            bool bypasses) {                                                                             \
        if (prefix) scan_leaves(STEPS_OF(id), n, x, x_stride, prefix, r, r_stride, bypasses);                            \
        else scan_leaves(STEPS_OF(id), n, x, x_stride, NULL, r, r_stride, bypasses);                                     \
    }                                                                                                                    \
    extern nx_scan_rows NAME(id, _rows_);                                                                                \
    void NAME(id, _rows_)(size_t rows, size_t cols, const void *x, ptrdiff_t row_stride, size_t done, const void *prefix, \
                          void *running, void *r, ptrdiff_t r_row_stride) {                                              \
        scan_rows(STEPS_OF(id), rows, cols, x, row_stride, done == 0, prefix, running, r, r_row_stride);                 \
    }

/* What has running reductions. */
#define KERNELS_sum KERNELS
#define KERNELS_prod KERNELS
#define KERNELS_min KERNELS
#define KERNELS_max KERNELS
#define KERNELS_fmin DROP
#define KERNELS_fmax DROP
#define KERNELS_any DROP
#define KERNELS_all DROP
#define KERNELS_argmin DROP
#define KERNELS_argmax DROP
#define KERNELS_m2 DROP

#define REDUCER(id, loops, result, start, step, empty, op) IN_##loops(KERNELS_##id(id, step))
#include "engine/reducers.def"
