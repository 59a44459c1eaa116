/* SPDX-License-Identifier: MIT */
/*
 * mpi_bench: a row of mpi_rows.def at one size on one rank. Arrays are float64 and split along axis 0 in blocks; the same
 * slabs are read by nexpr and by the C/MPI versions.
 */
#ifndef BENCH_MPI_BENCH_H
#define BENCH_MPI_BENCH_H

#include <nexpr_mpi.h>

#include "bench/mpi_count.h"

typedef struct mpi_task mpi_task;

/* Hand-written: computes this rank's slab of the result. */
typedef void mpi_version(mpi_task *t, double *restrict result);

#define MPI_ROW(name, ...) mpi_version mpi_c_##name;
#include "bench/mpi_rows.def"
#undef MPI_ROW

typedef enum mpi_kind { MPI_KIND_EVALUATE, MPI_KIND_REDISTRIBUTE, MPI_KIND_HALO, MPI_KIND_PINGPONG } mpi_kind;
typedef enum mpi_shape { MPI_SHAPE_LINE, MPI_SHAPE_SQUARE, MPI_SHAPE_BYTES } mpi_shape;

/* How the hand-written version distributes its result. */
typedef enum mpi_result {
    MPI_RESULT_NONE,
    MPI_RESULT_SAME,       /* as the input */
    MPI_RESULT_SCALAR,     /* everybody has it */
    MPI_RESULT_ROWS,       /* one for each row */
    MPI_RESULT_SHORTER,    /* without the last row */
    MPI_RESULT_INSIDE,     /* without the outermost rows and columns */
    MPI_RESULT_TRANSPOSED, /* split along axis 1: as the input, transposed */
    MPI_RESULT_ACROSS,     /* split along axis 1 */
    MPI_RESULT_UNEVEN,     /* split along axis 0, each rank has more than the one before */
} mpi_result;

typedef struct mpi_row {
    const char *name, *text;
    mpi_kind kind;
    mpi_shape shape;
    mpi_result result;
    mpi_version *version;
    double bound;  /* of the difference of answers, relative and absolute; 0: the same bits */
    double target; /* the least of the hand-written version's time / nexpr's; 0: none */
    /* What one call sends: see mpi_rows.def. Below 0: not said. */
    void (*find_limits)(const mpi_task *t, double *ret);
} mpi_row;
enum { MPI_MOST_MESSAGES, MPI_MESSAGES, MPI_MOST_BYTES, MPI_BYTES, MPI_EXCHANGES, MPI_AGREEMENTS, MPI_LIMITS };

struct mpi_task {
    const mpi_row *row;
    nexpr_mpi *mpi;
    MPI_Comm comm;           /* a duplicate for the hand-written versions */
    int rank, ranks;
    int64_t piece;           /* piece_bytes of mpi */
    int64_t n, rows, columns; /* LINE: n rows of one element; BYTES: rows of n bytes, of which each rank has three */
    int64_t *first;          /* first[r]: the first row of rank r; first[ranks]: rows */
    const double *a, *b;     /* slabs */
    double *work[2];         /* of the hand-written version, work_bytes each: what is sent, and what has come */
    int64_t work_bytes;
    int *counts;             /* 4 for each rank, for Alltoallv */

    nexpr_mpi_array *array_a, *array_b;
    nexpr *expr;
    nexpr_run_options run;
    nexpr_mpi_layout target; /* REDISTRIBUTE */
    int64_t *target_counts;
    nexpr_mpi_halo *halo;
    nexpr_mpi_array *reused; /* what every call writes to; NULL: each makes its own */
    double *reused_c;
};

/* Bytes that one call of the row reads and writes on all ranks together, each once. */
double mpi_task_bytes(const mpi_task *t);

/* mpi_task.c. Makes the arrays of a row at a size. Any failure ends the job. */
void mpi_task_make(mpi_task *t, const mpi_row *row, nexpr_mpi *mpi, MPI_Comm comm, int64_t n, nexpr_backend backend);
void mpi_task_free(mpi_task *t);
/* Every call writes to the same result from now on, in the layout in which nexpr computes it, or each has one of its own. */
void mpi_task_reuse(mpi_task *t, bool reuses);
/* Elements of this rank's slab of the hand-written version's result. */
int64_t mpi_task_result_count(const mpi_task *t);
/* One call of nexpr, or of the hand-written version. */
void mpi_task_run_nexpr(mpi_task *t);
void mpi_task_run_c(mpi_task *t);
/* Brings machine code into nexpr's cache, where the backend `auto` finds it. */
void mpi_task_compile(mpi_task *t);
/* Runs both, and compares: whether this rank's parts agree. ret_nexpr, ret_c: what they sent. */
bool mpi_task_check(mpi_task *t, mpi_counts *ret_nexpr, mpi_counts *ret_c);

_Noreturn void mpi_die(const char *what, const char *message);

#endif
