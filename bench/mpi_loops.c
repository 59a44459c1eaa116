/* SPDX-License-Identifier: MIT */
/*
 * The rows of mpi_rows.def as one would write them in C and MPI: messages are posted before the loop that needs none of
 * what comes, sums go through one Allreduce, and what changes its axis goes through one Alltoallv, with buffers that are
 * there. Inner loops are those of expr_loops.c and reduce_rows.c; compiled with -O3 -march=native -ffp-contract=off.
 */
#include "bench/lanes.h"
#include "bench/mpi_bench.h"

#include <math.h>
#include <string.h>

#define VERSION(name) void mpi_c_##name(mpi_task *t, double *restrict result)

enum { TILE_ROWS = 32, TILE_COLUMNS = 8 };

static int64_t least(int64_t x, int64_t y) {
    return x < y ? x : y;
}

static int64_t own_rows(const mpi_task *t) {
    return t->first[t->rank + 1] - t->first[t->rank];
}

/* ---------------------------------------------------------------------------------------------------- elementwise -- */

VERSION(linear) {
    const double *a = t->a, *b = t->b;
    const int64_t n = own_rows(t);
    for (int64_t i = 0; i < n; i++) result[i] = 2.0 * a[i] - 4.5 * b[i];
}

VERSION(polynomial) {
    const double *a = t->a;
    const int64_t n = own_rows(t);
    for (int64_t i = 0; i < n; i++) result[i] = (.25 * a[i] + .75) * a[i] - 1.5 * a[i] - 2;
}

/* ----------------------------------------------------------------------------------------------------------- sums -- */

static double sum_of(int64_t n, const double *a) {
#define ELEMENTS(i) BENCH_LANES_AT(a, i)
    BENCH_RETURN_SUM(n, ELEMENTS, a[i]);
}

static double squares_of(int64_t n, const double *a, double mean) {
#define SQUARES(i) ((BENCH_LANES_AT(a, i) - mean) * (BENCH_LANES_AT(a, i) - mean))
    BENCH_RETURN_SUM(n, SQUARES, (a[i] - mean) * (a[i] - mean));
}

static double sum_of_ranks(const mpi_task *t, double own) {
    double total;
    MPI_Allreduce(&own, &total, 1, MPI_DOUBLE, MPI_SUM, t->comm);
    return total;
}

static double find_deviation(const mpi_task *t, double *ret_mean) {
    *ret_mean = sum_of_ranks(t, sum_of(own_rows(t), t->a)) / (double)t->rows;
    return sqrt(sum_of_ranks(t, squares_of(own_rows(t), t->a, *ret_mean)) / (double)t->rows);
}

VERSION(sum) {
    *result = sum_of_ranks(t, sum_of(own_rows(t), t->a));
}

VERSION(std) {
    double mean;
    *result = find_deviation(t, &mean);
}

VERSION(normalise) {
    double mean;
    const double deviation = find_deviation(t, &mean), *a = t->a;
    const int64_t n = own_rows(t);
    for (int64_t i = 0; i < n; i++) result[i] = (a[i] - mean) / deviation;
}

VERSION(row_sums) {
    const int64_t n = own_rows(t);
    for (int64_t i = 0; i < n; i++) result[i] = sum_of(t->columns, t->a + i * t->columns);
}

/* ---------------------------------------------------------------------------------------------------------- halos -- */

/* Statuses that nobody looks at: MPICH's declarations make gcc complain of MPI_STATUSES_IGNORE. */
enum { MESSAGES = 4 };

/* Posts messages of `n` bytes with the rows at the ends of a slab; returns how many requests. Every rank has rows. */
static int post_rows(const mpi_task *t, const void *from, int64_t n, bool down, void *before, void *after,
                     MPI_Request *ret) {
    const int64_t rows = own_rows(t);
    const char *slab = from;
    const int size = (int)n;
    int count = 0;
    if (t->rank > 0 && down) MPI_Irecv(before, size, MPI_BYTE, t->rank - 1, 0, t->comm, &ret[count++]);
    if (t->rank + 1 < t->ranks) MPI_Irecv(after, size, MPI_BYTE, t->rank + 1, 0, t->comm, &ret[count++]);
    if (t->rank > 0) MPI_Isend(slab, size, MPI_BYTE, t->rank - 1, 0, t->comm, &ret[count++]);
    if (t->rank + 1 < t->ranks && down) {
        MPI_Isend(slab + (rows - 1) * n, size, MPI_BYTE, t->rank + 1, 0, t->comm, &ret[count++]);
    }
    return count;
}

VERSION(halo) {
    MPI_Request requests[MESSAGES];
    MPI_Status statuses[MESSAGES];
    (void)result;
    MPI_Waitall(post_rows(t, t->a, t->n, true, t->work[0], t->work[1], requests), requests, statuses);
}

VERSION(diff) {
    const double *a = t->a;
    const int64_t n = own_rows(t);
    MPI_Request requests[MESSAGES];
    MPI_Status statuses[MESSAGES];
    double next = 0;
    const int count = post_rows(t, a, sizeof *a, false, NULL, &next, requests);
    for (int64_t i = 0; i + 1 < n; i++) result[i] = a[i + 1] - a[i];
    MPI_Waitall(count, requests, statuses);
    if (t->rank + 1 < t->ranks) result[n - 1] = next - a[n - 1];
}

static void stencil_row(int64_t n, const double *restrict above, const double *restrict row, const double *restrict below,
                        double *restrict to) {
    for (int64_t j = 1; j + 1 < n; j++) {
        to[j - 1] = row[j] + 0.1 * (above[j] + below[j] + row[j - 1] + row[j + 1] - 4.0 * row[j]);
    }
}

/* Rows [begin, end) of the slab, of which the ones around them are in it. */
static void stencil_rows(const mpi_task *t, int64_t begin, int64_t end, double *restrict result) {
    const int64_t n = t->columns, skipped = t->rank ? 0 : 1;
    for (int64_t i = begin; i < end; i++) {
        const double *row = t->a + i * n;
        stencil_row(n, row - n, row, row + n, result + (i - skipped) * (n - 2));
    }
}

VERSION(stencil) {
    enum { PIECES = 16 };
    const int64_t rows = own_rows(t), n = t->columns, inside = rows - 2, skipped = t->rank ? 0 : 1;
    double *before = t->work[0], *after = t->work[1];
    const double *last = t->a + (rows - 1) * n;
    MPI_Request requests[MESSAGES];
    MPI_Status statuses[MESSAGES];
    const int count = post_rows(t, t->a, n * (int64_t)sizeof *t->a, true, before, after, requests);
    int is_done = !count;
    for (int64_t k = 0; k < PIECES; k++) {
        stencil_rows(t, 1 + inside * k / PIECES, 1 + inside * (k + 1) / PIECES, result);
        if (!is_done) MPI_Testall(count, requests, &is_done, statuses);
    }
    MPI_Waitall(count, requests, statuses);
    const double *above = rows > 1 ? last - n : before, *below = rows > 1 ? t->a + n : after;
    if (t->rank > 0 && (rows > 1 || t->rank + 1 < t->ranks)) stencil_row(n, before, t->a, below, result);
    if (t->rank + 1 < t->ranks && rows > 1) stencil_row(n, above, last, after, result + (rows - 1 - skipped) * (n - 2));
}

/* ----------------------------------------------------------------------------------------------------- other axes -- */

/* Columns that become rank r's: as its rows are, of a square matrix. */
static int64_t columns_of(const mpi_task *t, int r, int64_t *ret_begin) {
    const int64_t each = t->columns / t->ranks, more = t->columns % t->ranks;
    *ret_begin = r * each + least(r, more);
    return each + (r < more);
}

/* Every rank sends others the columns that become theirs: rows of its slab, cut. What comes lies row by row from `to` on,
 * with room for this rank's own rows. */
static void exchange_columns(mpi_task *t, double *to) {
    int *send = t->counts, *sent = send + t->ranks, *receive = sent + t->ranks, *received = receive + t->ranks;
    const int64_t rows = own_rows(t);
    int64_t own_begin, at = 0;
    const int64_t own = columns_of(t, t->rank, &own_begin);
    for (int r = 0; r < t->ranks; r++) {
        int64_t begin;
        const int64_t count = r == t->rank ? 0 : columns_of(t, r, &begin);
        for (int64_t i = 0; i < rows && count; i++) {
            memcpy(t->work[0] + at + i * count, t->a + i * t->columns + begin, (size_t)count * sizeof(double));
        }
        send[r] = (int)(rows * count);
        sent[r] = (int)at;
        receive[r] = r == t->rank ? 0 : (int)((t->first[r + 1] - t->first[r]) * own);
        received[r] = (int)(t->first[r] * own);
        at += send[r];
    }
    MPI_Alltoallv(t->work[0], send, sent, MPI_DOUBLE, to, receive, received, MPI_DOUBLE, t->comm);
}

VERSION(axis_0_to_1) {
    int64_t begin;
    const int64_t own = columns_of(t, t->rank, &begin), rows = own_rows(t);
    for (int64_t i = 0; i < rows; i++) {
        memcpy(result + (t->first[t->rank] + i) * own, t->a + i * t->columns + begin, (size_t)own * sizeof(double));
    }
    exchange_columns(t, result);
}

VERSION(even_to_uneven) {
    int *send = t->counts, *sent = send + t->ranks, *receive = sent + t->ranks, *received = receive + t->ranks;
    int64_t begin = 0, own_begin = 0;
    for (int r = 0; r < t->rank; r++) own_begin += t->target_counts[r];
    const int64_t own_end = own_begin + t->target_counts[t->rank], *first = t->first;
    for (int r = 0; r < t->ranks; begin += t->target_counts[r], r++) {
        const int64_t end = begin + t->target_counts[r];
        const int64_t low = begin > first[t->rank] ? begin : first[t->rank], high = least(end, first[t->rank + 1]);
        const int64_t from = first[r] > own_begin ? first[r] : own_begin, up_to = least(first[r + 1], own_end);
        send[r] = low < high && r != t->rank ? (int)(high - low) : 0;
        sent[r] = send[r] ? (int)(low - first[t->rank]) : 0;
        receive[r] = from < up_to && r != t->rank ? (int)(up_to - from) : 0;
        received[r] = receive[r] ? (int)(from - own_begin) : 0;
        if (r == t->rank && low < high) {
            memcpy(result + (low - own_begin), t->a + (low - first[r]), (size_t)(high - low) * sizeof(double));
        }
    }
    MPI_Alltoallv(t->a, send, sent, MPI_DOUBLE, result, receive, received, MPI_DOUBLE, t->comm);
}

/* to[j][i] = from[i][j] + add[j][i], or 1 without `add`; in tiles, strides in elements. */
static inline __attribute__((always_inline)) void transpose(int64_t rows, int64_t columns, const double *from,
                                                            int64_t from_stride, const double *add, int64_t add_stride,
                                                            double *restrict to, int64_t to_stride) {
    for (int64_t j = 0; j < columns; j += TILE_ROWS) {
        for (int64_t i = 0; i < rows; i += TILE_COLUMNS) {
            const int64_t j_end = least(columns, j + TILE_ROWS), i_end = least(rows, i + TILE_COLUMNS);
            for (int64_t y = j; y < j_end; y++) {
                for (int64_t x = i; x < i_end; x++) {
                    to[y * to_stride + x] = from[x * from_stride + y] + (add ? add[y * add_stride + x] : 1.0);
                }
            }
        }
    }
}

VERSION(transposed) {
    const int64_t rows = own_rows(t);
    transpose(rows, t->columns, t->a, t->columns, NULL, 0, result, rows);
}

/* The transpose of a, and `add`. */
static void add_transposed(mpi_task *t, const double *add, double *restrict result) {
    int64_t begin;
    const int64_t own = columns_of(t, t->rank, &begin), n = t->columns;
    exchange_columns(t, t->work[1]);
    for (int r = 0; r < t->ranks; r++) {
        const int64_t first = t->first[r], rows = t->first[r + 1] - first;
        const double *from = r == t->rank ? t->a + begin : t->work[1] + first * own;
        transpose(rows, own, from, r == t->rank ? n : own, add + first, n, result + first, n);
    }
}

VERSION(across) {
    add_transposed(t, t->b, result);
}

VERSION(symmetric) {
    add_transposed(t, t->a, result);
}

/* ------------------------------------------------------------------------------------------------------ ping-pong -- */

VERSION(pingpong) {
    const int other = 1 - t->rank, size = (int)t->n;
    (void)result;
    if (t->rank > 1) return;
    if (t->rank) MPI_Recv(t->work[0], size, MPI_BYTE, other, 0, t->comm, MPI_STATUS_IGNORE);
    MPI_Send(t->a, size, MPI_BYTE, other, 0, t->comm);
    if (!t->rank) MPI_Recv(t->work[0], size, MPI_BYTE, other, 0, t->comm, MPI_STATUS_IGNORE);
}
