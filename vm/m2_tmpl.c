/* SPDX-License-Identifier: MIT */
/*
 * The kernels of m2, the sum of squared distances from the mean, for one instruction set. Data with a NaN or an infinity
 * has no distances from its mean: m2 is NaN.
 */
#include "vm/class_real.h"

#include "vm/lanes.h"

static inline T add(T l, T x) {
    return l + x;
}
static const steps sum = {add, add, false};

INLINE T square(T v) {
    return v * v;
}

/* A leaf of at least as many elements as there are lanes. */
INLINE void reduce_moment(size_t n, const T *x, T *value, T *mean) {
    const T about = reduce_leaf(sum, n, x) / (T)n;
    T lane[NX_LANES];
    for (size_t i = 0; i < NX_LANES; i++) lane[i] = square(x[i] - about);
    size_t at = NX_LANES;
    for (; at + NX_LANES <= n; at += NX_LANES) {
        INDEPENDENT
        for (size_t i = 0; i < NX_LANES; i++) lane[i] += square(x[at + i] - about);
    }
    for (size_t i = at; i < n; i++) lane[i - at] += square(x[i] - about);
    const T v = fold_lanes(add, lane);
    *value = STORE_T(v);
    *mean = STORE_T(about);
}

static void reduce_short_moments(size_t count, size_t n, const T *x, T *value, T *mean) {
    T part[SCRATCH_ITEMS], sums[SCRATCH_ITEMS];
    for (size_t at = 0, batch; at < count; at += batch) {
        batch = batch_of(count - at, n);
        lay_side_by_side(batch, n, x + at * n, part);
        memcpy(sums, part, n * batch * sizeof(T));
        fold_rows(add, batch, n, sums);
        for (size_t c = 0; c < batch; c++) sums[c] /= (T)n;
        for (size_t i = 0; i < n; i++) {
            for (size_t c = 0; c < batch; c++) part[i * batch + c] = square(part[i * batch + c] - sums[c]);
        }
        fold_rows(add, batch, n, part);
        for (size_t c = 0; c < batch; c++) value[at + c] = STORE_T(part[c]);
        for (size_t c = 0; c < batch; c++) mean[at + c] = STORE_T(sums[c]);
    }
}

#define M2(what) CAT3(nx_m2_, what, ISA)

extern nx_reduce_start M2(start_);
void M2(start_)(size_t cols, void *value, void *extra) {
    memset(value, 0, cols * sizeof(T));
    memset(extra, 0, cols * sizeof(T));
}

extern nx_reduce_leaf M2(leaf_);
void M2(leaf_)(size_t count, size_t n, const void *x, int64_t first, void *value, void *extra) {
    const T *xs = x;
    T *v = value, *mean = extra;
    (void)first;
    if (n <= SHORT) {
        reduce_short_moments(count, n, xs, v, mean);
        return;
    }
    for (size_t i = 0; i < count; i++) reduce_moment(n, xs + i * n, v + i, mean + i);
}

/* Welford's step, with the reciprocal of the count that includes x. */
#define STEP(x, reciprocal)                   \
    do {                                      \
        const T from_mean = (x) - m;          \
        m += from_mean * (reciprocal);        \
        v += from_mean * ((x) - m);           \
    } while (0)

extern nx_reduce_rows M2(rows_);
void M2(rows_)(size_t rows, size_t cols, const void *x, ptrdiff_t row_stride, int64_t first, size_t done, void *value,
               void *extra) {
    T *values = value, *means = extra;
    size_t row = 0;
    (void)first;
    if (done == 0) M2(start_)(cols, value, extra);
    for (; row + 4 <= rows; row += 4) {
        const T *x0 = row_at(x, row_stride, row), *x1 = row_at(x0, row_stride, 1);
        const T *x2 = row_at(x1, row_stride, 1), *x3 = row_at(x2, row_stride, 1);
        const T count = (T)(done + row + 1);
        const T r0 = 1 / count, r1 = 1 / (count + 1), r2 = 1 / (count + 2), r3 = 1 / (count + 3);
        INDEPENDENT
        for (size_t c = 0; c < cols; c++) {
            T v = values[c], m = means[c];
            STEP(x0[c], r0);
            STEP(x1[c], r1);
            STEP(x2[c], r2);
            STEP(x3[c], r3);
            values[c] = v;
            means[c] = m;
        }
    }
    for (; row < rows; row++) {
        const T *xs = row_at(x, row_stride, row), reciprocal = 1 / (T)(done + row + 1);
        INDEPENDENT
        for (size_t c = 0; c < cols; c++) {
            T v = values[c], m = means[c];
            STEP(xs[c], reciprocal);
            values[c] = v;
            means[c] = m;
        }
    }
    make_canonical(cols, values);
    make_canonical(cols, means);
}

/* Chan's formula. */
extern nx_reduce_merge M2(merge_);
void M2(merge_)(size_t cols, void *value, void *extra, const void *right_value, const void *right_extra, int64_t left_count,
                int64_t right_count) {
    T *v = value, *mean = extra;
    const T *rv = right_value, *right_mean = right_extra;
    const T left = (T)left_count, right = (T)right_count, share = right / (left + right), weight = left * share;
    INDEPENDENT
    for (size_t c = 0; c < cols; c++) {
        const T apart = right_mean[c] - mean[c], total = (v[c] + rv[c]) + square(apart) * weight;
        const T between = mean[c] + apart * share;
        v[c] = STORE_T(total);
        mean[c] = STORE_T(between);
    }
}
