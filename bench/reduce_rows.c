/* SPDX-License-Identifier: MIT */
/*
 * The rows of reduce_rows.def as one would write them in C, compiled twice like expr_loops.c. Sums of the strict build have
 * 32 lanes, as nexpr's leaves have, but none of its tree; the fast build has a plain loop and -ffast-math. In all threads
 * the pieces of a loop are shared out.
 */
#include "bench/expr_reference.h"
#include "bench/lanes.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#define IS_strict 0
#define IS_fast 1
#define IS_plain 1
#define CAT_(a, b, c) a##b##c
#define CAT(a, b, c) CAT_(a, b, c)
#define LOOP(name)                                                                                       \
    void CAT(bench_, BENCH_BUILD, _##name)(bool parallel, size_t rows, size_t columns, void *result,     \
                                           const void *const *inputs)

enum { PIECE = 1 << 15, BLOCK = 4096, MOST_THREADS = 256 };

static size_t least(size_t x, size_t y) {
    return x < y ? x : y;
}

/* ----------------------------------------------------------------------------------------------------------- sums -- */

#if CAT(IS_, BENCH_BUILD, )
#define SUM(n, vectors, single)                         \
    double total = 0;                                   \
    for (size_t i = 0; i < (n); i++) total += (single); \
    return total
#else
#define SUM(n, vectors, single) BENCH_RETURN_SUM(n, vectors, single)
#endif

static double sum_of(size_t n, const double *a) {
#define ELEMENTS(i) BENCH_LANES_AT(a, i)
    SUM(n, ELEMENTS, a[i]);
}

static double dot_of(size_t n, const double *a, const double *b) {
#define PRODUCTS(i) (BENCH_LANES_AT(a, i) * BENCH_LANES_AT(b, i))
    SUM(n, PRODUCTS, a[i] * b[i]);
}

static double squares_of(size_t n, const double *a, double mean) {
#define SQUARES(i) ((BENCH_LANES_AT(a, i) - mean) * (BENCH_LANES_AT(a, i) - mean))
    SUM(n, SQUARES, (a[i] - mean) * (a[i] - mean));
}

/* `piece` of the elements [at, at + m) of n, in one call or in the threads' pieces. */
#define SUM_OF_PIECES(ret, n, piece)                                                       \
    do {                                                                                   \
        double sum_ = 0;                                                                   \
        if (!parallel) {                                                                   \
            const size_t at = 0, m = (n);                                                  \
            sum_ = (piece);                                                                \
        } else {                                                                           \
            _Pragma("omp parallel for reduction(+ : sum_)")                                \
            for (size_t at = 0; at < (n); at += PIECE) {                                   \
                const size_t m = least(PIECE, (n) - at);                                   \
                sum_ += (piece);                                                           \
            }                                                                              \
        }                                                                                  \
        ret = sum_;                                                                        \
    } while (0)

LOOP(sum) {
    const double *a = inputs[0];
    SUM_OF_PIECES(*(double *)result, rows * columns, sum_of(m, a + at));
}

LOOP(dot) {
    const double *a = inputs[0], *b = inputs[1];
    SUM_OF_PIECES(*(double *)result, rows * columns, dot_of(m, a + at, b + at));
}

LOOP(moments) {
    const double *a = inputs[0];
    const size_t n = rows * columns;
    double sum, squares, *r = result;
    SUM_OF_PIECES(sum, n, sum_of(m, a + at));
    const double mean = sum / (double)n;
    SUM_OF_PIECES(squares, n, squares_of(m, a + at, mean));
    r[0] = mean;
    r[1] = sqrt(squares / (double)n);
}

/* Rows are streamed onto columns that stay in the first cache. */
static void add_rows(size_t rows, size_t cols, const double *restrict a, size_t stride, double *restrict r) {
    memset(r, 0, cols * sizeof *r);
    size_t j = 0;
    for (; j + 4 <= rows; j += 4) {
        const double *x = a + j * stride, *y = x + stride, *z = y + stride, *w = z + stride;
        for (size_t i = 0; i < cols; i++) r[i] = (((r[i] + x[i]) + y[i]) + z[i]) + w[i];
    }
    for (; j < rows; j++) {
        for (size_t i = 0; i < cols; i++) r[i] += a[j * stride + i];
    }
}

LOOP(columns) {
    enum { WIDTH = 2048 };
    const double *a = inputs[0];
    double *r = result;
    if (!parallel) {
        for (size_t i = 0; i < columns; i += WIDTH) add_rows(rows, least(WIDTH, columns - i), a + i, columns, r + i);
        return;
    }
    const size_t width = least(WIDTH, (columns + (size_t)omp_get_max_threads() - 1) / (size_t)omp_get_max_threads());
#pragma omp parallel for
    for (size_t i = 0; i < columns; i += width) add_rows(rows, least(width, columns - i), a + i, columns, r + i);
}

LOOP(rows) {
    const double *a = inputs[0];
    double *r = result;
    if (!parallel) {
        for (size_t j = 0; j < rows; j++) r[j] = sum_of(columns, a + j * columns);
        return;
    }
#pragma omp parallel for
    for (size_t j = 0; j < rows; j++) r[j] = sum_of(columns, a + j * columns);
}

/* ------------------------------------------------------------------------------------------------ what is searched -- */

static double min_of(size_t n, const double *a) {
    double least = a[0];
#pragma omp simd reduction(min : least)
    for (size_t i = 0; i < n; i++) least = a[i] < least ? a[i] : least;
    return least;
}

static double max_of(size_t n, const double *a) {
    double most = a[0];
#pragma omp simd reduction(max : most)
    for (size_t i = 0; i < n; i++) most = a[i] > most ? a[i] : most;
    return most;
}

LOOP(min) {
    const double *a = inputs[0];
    const size_t n = rows * columns;
    double found = a[0];
    if (!parallel) {
        *(double *)result = min_of(n, a);
        return;
    }
#pragma omp parallel for reduction(min : found)
    for (size_t at = 0; at < n; at += PIECE) {
        const double piece = min_of(least(PIECE, n - at), a + at);
        found = piece < found ? piece : found;
    }
    *(double *)result = found;
}

/* The block with the first of the greatest elements among [first, end), and that element. */
static size_t find_block(const double *a, size_t first, size_t end, double *most) {
    size_t found = first;
    *most = a[first];
    for (size_t at = first; at < end; at += BLOCK) {
        const double own = max_of(least(BLOCK, end - at), a + at);
        if (own > *most) {
            *most = own;
            found = at;
        }
    }
    return found;
}

LOOP(place) {
    const double *a = inputs[0];
    const size_t n = rows * columns;
    double most;
    size_t block = 0;
    if (parallel) {
        most = a[0];
#pragma omp parallel for
        for (size_t at = 0; at < n; at += PIECE) {
            double own_most;
            const size_t own = find_block(a, at, least(at + PIECE, n), &own_most);
#pragma omp critical
            if (own_most > most || (own_most == most && own < block)) {
                most = own_most;
                block = own;
            }
        }
    } else {
        block = find_block(a, 0, n, &most);
    }
    while (a[block] != most) block++;
    *(int64_t *)result = (int64_t)block;
}

static bool is_any_above(const double *a, size_t n, double bound) {
    unsigned found = 0;
    for (size_t i = 0; i < n; i++) found |= a[i] > bound;
    return found;
}

static bool any_above(bool parallel, const double *a, size_t n, double bound) {
    bool found = false;
    if (!parallel) {
        for (size_t at = 0; at < n && !found; at += BLOCK) found = is_any_above(a + at, least(BLOCK, n - at), bound);
        return found;
    }
#pragma omp parallel for
    for (size_t at = 0; at < n; at += PIECE) {
        bool is_known;
#pragma omp atomic read
        is_known = found;
        if (is_known || !is_any_above(a + at, least(PIECE, n - at), bound)) continue;
#pragma omp atomic write
        found = true;
    }
    return found;
}

LOOP(none) {
    *(bool *)result = any_above(parallel, inputs[0], rows * columns, 2);
}

LOOP(early) {
    *(bool *)result = any_above(parallel, inputs[0], rows * columns, 0.5);
}

/* ----------------------------------------------------------------------------------------------- matrices and rows -- */

static void distances_from(size_t n, double x, double y, double z, const double *restrict xs, const double *restrict ys,
                           const double *restrict zs, double *restrict r) {
    for (size_t i = 0; i < n; i++) {
        const double dx = x - xs[i], dy = y - ys[i], dz = z - zs[i];
        r[i] = sqrt(dx * dx + dy * dy + dz * dz);
    }
}

/* The points' coordinates are laid apart first. */
LOOP(distances) {
    const double *a = inputs[0];
    double *r = result, x[BENCH_MOST_POINTS], y[BENCH_MOST_POINTS], z[BENCH_MOST_POINTS];
    (void)columns;
    for (size_t i = 0; i < rows; i++) {
        x[i] = a[3 * i];
        y[i] = a[3 * i + 1];
        z[i] = a[3 * i + 2];
    }
    if (!parallel) {
        for (size_t j = 0; j < rows; j++) distances_from(rows, x[j], y[j], z[j], x, y, z, r + j * rows);
        return;
    }
#pragma omp parallel for
    for (size_t j = 0; j < rows; j++) distances_from(rows, x[j], y[j], z[j], x, y, z, r + j * rows);
}

static void normalise(size_t n, const double *restrict a, double *restrict r) {
    const double mean = sum_of(n, a) / (double)n, std = sqrt(squares_of(n, a, mean) / (double)n);
    for (size_t i = 0; i < n; i++) r[i] = (a[i] - mean) / std;
}

LOOP(normal_rows) {
    const double *a = inputs[0];
    double *r = result;
    if (!parallel) {
        for (size_t j = 0; j < rows; j++) normalise(columns, a + j * columns, r + j * columns);
        return;
    }
#pragma omp parallel for
    for (size_t j = 0; j < rows; j++) normalise(columns, a + j * columns, r + j * columns);
}

static void subtract(size_t n, const double *restrict a, double *restrict r) {
    for (size_t i = 0; i < n; i++) r[i] = a[i + 1] - a[i];
}

LOOP(steps) {
    const double *a = inputs[0];
    const size_t n = rows * columns - 1;
    double *r = result;
    if (!parallel) {
        subtract(n, a, r);
        return;
    }
#pragma omp parallel for
    for (size_t at = 0; at < n; at += PIECE) subtract(least(PIECE, n - at), a + at, r + at);
}

static void apply_stencil(size_t n, const double *restrict above, const double *restrict a, const double *restrict below,
                          double *restrict r) {
    for (size_t i = 0; i < n; i++) r[i] = above[i + 1] + below[i + 1] + a[i] + a[i + 2] - 4 * a[i + 1];
}

LOOP(stencil) {
    const double *a = inputs[0];
    const size_t n = columns - 2;
    double *r = result;
    if (!parallel) {
        for (size_t j = 0; j + 2 < rows; j++) {
            apply_stencil(n, a + j * columns, a + (j + 1) * columns, a + (j + 2) * columns, r + j * n);
        }
        return;
    }
#pragma omp parallel for
    for (size_t j = 0; j < rows - 2; j++) {
        apply_stencil(n, a + j * columns, a + (j + 1) * columns, a + (j + 2) * columns, r + j * n);
    }
}

/* Rows [first, end) of a square, in tiles that stay in the first cache though their rows may be a power of two apart. */
static void add_transposed(size_t first, size_t end, size_t n, const double *restrict a, double *restrict r) {
    enum { TILE = 8 };
    for (size_t i0 = 0; i0 < n; i0 += TILE) {
        const size_t i1 = least(i0 + TILE, n);
        for (size_t j = first; j < end; j++) {
            for (size_t i = i0; i < i1; i++) r[j * n + i] = a[j * n + i] + a[i * n + j];
        }
    }
}

LOOP(symmetric) {
    enum { TILE = 32 };
    const double *a = inputs[0];
    double *r = result;
    (void)columns;
    if (!parallel) {
        for (size_t j = 0; j < rows; j += TILE) add_transposed(j, least(j + TILE, rows), rows, a, r);
        return;
    }
#pragma omp parallel for
    for (size_t j = 0; j < rows; j += TILE) add_transposed(j, least(j + TILE, rows), rows, a, r);
}

/* ------------------------------------------------------------------------------------------------- what is selected -- */

/* Without branches. What is stored behind the last element that is taken is inside of a's length. */
static size_t compress(size_t n, const double *restrict a, const uint8_t *restrict mask, double *restrict r) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        r[count] = a[i];
        count += mask[i];
    }
    return count;
}

/* The same, with nothing stored behind it. */
static void compress_within(size_t n, const double *restrict a, const uint8_t *restrict mask, double *restrict r,
                            size_t room) {
    size_t count = 0;
    for (size_t i = 0; i < n && count < room; i++) {
        r[count] = a[i];
        count += mask[i];
    }
}

static size_t count_true(size_t n, const uint8_t *mask) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += mask[i];
    return count;
}

static void select_some(bool parallel, size_t n, double *r, const double *a, const uint8_t *mask) {
    size_t count[MOST_THREADS + 1] = {0};
    if (!parallel) {
        compress(n, a, mask, r);
        return;
    }
#pragma omp parallel num_threads((int)least((size_t)omp_get_max_threads(), MOST_THREADS))
    {
        const size_t threads = (size_t)omp_get_num_threads(), own = (size_t)omp_get_thread_num();
        const size_t first = n / threads * own, end = own + 1 < threads ? first + n / threads : n;
        count[own + 1] = count_true(end - first, mask + first);
        size_t before = 0;
#pragma omp barrier
        for (size_t k = 0; k <= own; k++) before += count[k];
        compress_within(end - first, a + first, mask + first, r + before, count[own + 1]);
    }
}

LOOP(few) {
    select_some(parallel, rows * columns, result, inputs[0], inputs[1]);
}

LOOP(most) {
    select_some(parallel, rows * columns, result, inputs[0], inputs[1]);
}

static void gather(size_t n, const double *restrict a, const int64_t *restrict index, double *restrict r) {
    for (size_t i = 0; i < n; i++) r[i] = a[index[i]];
}

LOOP(gathered) {
    const double *a = inputs[0];
    const int64_t *index = inputs[1];
    const size_t n = rows * columns;
    double *r = result;
    if (!parallel) {
        gather(n, a, index, r);
        return;
    }
#pragma omp parallel for
    for (size_t at = 0; at < n; at += PIECE) gather(least(PIECE, n - at), a, index + at, r + at);
}

static double run_on(double total, size_t n, const double *restrict a, double *restrict r) {
    for (size_t i = 0; i < n; i++) r[i] = total += a[i];
    return total;
}

LOOP(running) {
    const double *a = inputs[0];
    const size_t n = rows * columns;
    double *r = result, sum[MOST_THREADS + 1] = {0};
    if (!parallel) {
        run_on(0, n, a, r);
        return;
    }
#pragma omp parallel num_threads((int)least((size_t)omp_get_max_threads(), MOST_THREADS))
    {
        const size_t threads = (size_t)omp_get_num_threads(), own = (size_t)omp_get_thread_num();
        const size_t first = n / threads * own, end = own + 1 < threads ? first + n / threads : n;
        sum[own + 1] = sum_of(end - first, a + first);
        double before = 0;
#pragma omp barrier
        for (size_t k = 0; k <= own; k++) before += sum[k];
        run_on(before, end - first, a + first, r + first);
    }
}
