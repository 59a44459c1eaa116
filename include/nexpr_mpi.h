/* SPDX-License-Identifier: MIT */
/*
 * nexpr_mpi: arrays that are distributed among the ranks of an MPI communicator. Link libnexpr-mpi (pkg-config nexpr-mpi)
 * besides libnexpr.
 *
 *   nexpr_mpi_new                 communicator        -> nexpr_mpi        (a duplicate of it, and a nexpr_context)
 *   nexpr_mpi_array_from_slab     each rank's slab    -> nexpr_mpi_array
 *   nexpr_mpi_array_from_file     member of a file    -> nexpr_mpi_array  (each rank reads its slab)
 *   nexpr_mpi_array_scatter       array on one rank   -> nexpr_mpi_array
 *   nexpr_mpi_array_replicate     array on one rank   -> nexpr_mpi_array  (every rank has all of it)
 *   nexpr_mpi_array_generate      a function          -> nexpr_mpi_array
 *   nexpr_mpi_array_redistribute  nexpr_mpi_array     -> nexpr_mpi_array  (cut along another axis, or elsewhere)
 *   nexpr_mpi_array_gather        nexpr_mpi_array     -> array on one rank
 *   nexpr_mpi_array_write         nexpr_mpi_array     -> file             (each rank writes its slab)
 *   nexpr_mpi_halo_begin, _end    rows that other ranks have, while this one computes
 *   nexpr_mpi_evaluate            expression, nexpr_mpi_arrays -> nexpr_mpi_arrays
 *
 * An array is split along one axis: rank r has the indices from first[r] up to, but not including, first[r + 1] of it, and
 * all of the other axes, in C order: its slab. Slabs are as the layout says, of any lengths, empty ones included. Or the
 * array is replicated. Sizes are int64 everywhere: data above 2^31 bytes goes in pieces.
 *
 * The conventions are those of nexpr.h: statuses and errors, ret_x, x_free, structs that begin with their size.
 *
 *   Collective.  Says that every rank of the communicator has to call the function, in the same order as its other
 *                collective functions, with the same arguments but for those of which it says otherwise; arguments that are
 *                not the same are an error of status ARGUMENT, not a hang.
 *   Errors.      If a collective function fails on any rank, it returns the same status with the same message on all of
 *                them, that of the lowest rank that failed ("rank 3: data.npy: ..."), and makes nothing anywhere. Nobody is
 *                left waiting. There are two exceptions. A rank that may not call MPI (a NULL object, the wrong thread,
 *                after MPI_Finalize) returns ARGUMENT alone. And when MPI itself reports a failure (status COMMUNICATION),
 *                the rank goes through its part of the exchange to the end, but MPI promises nothing from there on: see
 *                nexpr_mpi_lost. Every later collective call on that object then fails on all ranks.
 *   MPI.         The program calls MPI_Init_thread, with MPI_THREAD_FUNNELED at least, and MPI_Finalize. The library uses
 *                a duplicate of the communicator with an error handler of its own; MPI_COMM_WORLD and other communicators of
 *                the program are left as they are. Functions that call MPI are called from one thread at a time; with
 *                MPI_THREAD_FUNNELED from the one that initialised MPI.
 */
#ifndef NEXPR_MPI_H
#define NEXPR_MPI_H

#include "nexpr_io.h"

#include <mpi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------- communicators -- */

/*
 * Called on a rank when MPI reported a failure there. What other ranks see of it is up to MPI: they may wait for this one
 * for ever. A program that must not hang ends itself here, with MPI_Abort. If the function returns, or is NULL, the library
 * goes on as above: it takes part in the rest of the exchange, and the error is returned.
 */
typedef void nexpr_mpi_lost(void *user, const nexpr_error *err);

/* All ranks give the same, but for the pointers and `threads`. */
typedef struct nexpr_mpi_options {
    size_t size;
    nexpr_context *context;           /* that evaluates; borrowed for the life of the object. NULL: one of its own */
    const nexpr_allocator *allocator; /* of slabs and buffers, and of the context of its own; copied; NULL: malloc,
                                         and mmap for large ones */
    int threads;                      /* of the context of its own; 0: NEXPR_NUM_THREADS, else the rank's share of the CPUs
                                         of its node: where the affinities of ranks overlap, CPUs are divided */
    int64_t piece_bytes;              /* at most so many bytes in one message, or on one rank in one collective call, and in
                                         each of two buffers; 0: 8 MiB; at most 1 GiB; for tests as little as 1 */
    nexpr_mpi_lost *lost;             /* may be NULL */
    void *lost_user;
    size_t cached_bytes;              /* freed slabs and buffers kept for reuse, but for the time of a job, on each rank; 0:
                                         64 MiB; SIZE_MAX: keep none */
} nexpr_mpi_options;

NEXPR_API nexpr_mpi_options nexpr_mpi_options_init(void);

/* What arrays are distributed over: a duplicate of a communicator, and a context on each rank. Any number may exist. */
typedef struct nexpr_mpi nexpr_mpi;

/*
 * Collective over `comm`, an intracommunicator, of which the object uses a duplicate. options may be NULL.
 * Errors: ARGUMENT (MPI is not initialised, or with MPI_THREAD_SINGLE; no such communicator; bad options), MEMORY,
 * COMMUNICATION. Where MPI is not usable, or the communicator is none, on that rank alone.
 */
NEXPR_API nexpr_status nexpr_mpi_new(MPI_Comm comm, const nexpr_mpi_options *options, nexpr_mpi **ret_mpi, nexpr_error *err);
/* Collective. Frees the duplicate and the context of its own; after MPI_Finalize only what is left. Arrays and halos of the
 * object have to be freed before. */
NEXPR_API void nexpr_mpi_free(nexpr_mpi **mpi);

typedef struct nexpr_mpi_info {
    size_t size;
    MPI_Comm comm;             /* the duplicate: for the caller's own use only between calls of this header */
    int rank, ranks;
    int node_rank, node_ranks; /* among the ranks that share memory with this one */
    int nodes;
    int threads;               /* that this rank computes with, of a context of its own; 0: the context decided */
    int64_t piece_bytes;
    nexpr_context *context;
} nexpr_mpi_info;

NEXPR_API nexpr_mpi_info nexpr_mpi_info_init(void);
/* Not collective. ret_info->size must be set. */
NEXPR_API nexpr_status nexpr_mpi_describe(const nexpr_mpi *mpi, nexpr_mpi_info *ret_info);

/* ------------------------------------------------------------------------------------------------------- layouts -- */

enum { NEXPR_MPI_REPLICATED = -1 };

/* How an array is distributed. The same on all ranks. */
typedef struct nexpr_mpi_layout {
    size_t size;
    int axis;              /* that is split, from 0; NEXPR_MPI_REPLICATED: every rank has the whole array */
    const int64_t *counts; /* how many indices of the axis each rank has: one entry for each rank, the sum is the axis's
                              length. NULL: n / ranks, and one more on the first n % ranks ranks */
} nexpr_mpi_layout;

/* Split along `axis` in blocks, or replicated. */
NEXPR_API nexpr_mpi_layout nexpr_mpi_layout_init(int axis);

/* -------------------------------------------------------------------------------------------------------- arrays -- */

/* A distributed array. Elements are in the machine's byte order. Its object has to outlive it. */
typedef struct nexpr_mpi_array nexpr_mpi_array;

/* Not collective. */
NEXPR_API void nexpr_mpi_array_free(nexpr_mpi_array **array);

/* Pointers belong to the array. */
typedef struct nexpr_mpi_array_info {
    size_t size;
    nexpr_mpi *mpi;
    nexpr_dtype dtype;
    int ndim;
    const int64_t *shape;  /* of the whole array */
    int axis;              /* that is split, or NEXPR_MPI_REPLICATED */
    const int64_t *first;  /* first[r] is the first index that rank r has; first[ranks] is the axis's length. NULL:
                              replicated */
    int64_t begin, count;  /* indices that this rank has; replicated: 0 and 0 */
    int64_t before, after; /* further indices in front of these and behind them of which it has copies, from a file */
} nexpr_mpi_array_info;

NEXPR_API nexpr_mpi_array_info nexpr_mpi_array_info_init(void);
/* Not collective. ret_info->size must be set. */
NEXPR_API nexpr_status nexpr_mpi_array_describe(const nexpr_mpi_array *array, nexpr_mpi_array_info *ret_info);
/* Not collective. The slab of this rank, as a view that is valid as long as the array; it may be written to. It lies in C
 * order, and without gaps unless there are copies of other ranks' rows and axes in front of the one that is split. */
NEXPR_API nexpr_status nexpr_mpi_array_local(const nexpr_mpi_array *array, nexpr_array *ret_slab);
/* Not collective. The same with the `before` and `after` further indices: contiguous, in C order. */
NEXPR_API nexpr_status nexpr_mpi_array_local_wide(const nexpr_mpi_array *array, nexpr_array *ret_slab);

/* Whose the memory of a slab is. */
typedef enum nexpr_mpi_ownership {
    NEXPR_MPI_BORROW, /* the caller's, who keeps it as long as the array */
    NEXPR_MPI_COPY,   /* it is copied */
    NEXPR_MPI_TAKE,   /* what nexpr allocated (`owner` is not NULL): on success the array has it, and *slab is cleared */
} nexpr_mpi_ownership;

/*
 * Collective. Makes an array of slabs that are there. `slab` differs from rank to rank: the rank's part, contiguous in C
 * order and in the machine's byte order; dtype and shape are the same everywhere but for the length along `axis`, which may
 * be 0 and adds up to that of the array. axis REPLICATED: every rank has the whole array, with the same elements, which is
 * not checked. Errors: ARGUMENT, SHAPE, MEMORY.
 */
NEXPR_API nexpr_status nexpr_mpi_array_from_slab(nexpr_mpi *mpi, int axis, nexpr_array *slab, nexpr_mpi_ownership ownership,
                                                 nexpr_mpi_array **ret_array, nexpr_error *err);

/*
 * Collective. Distributes an array that rank `root` has, contiguous in C order and in the machine's byte order; on other
 * ranks `array` is not looked at. Errors: ARGUMENT, SHAPE (a layout that does not fit), MEMORY.
 */
NEXPR_API nexpr_status nexpr_mpi_array_scatter(nexpr_mpi *mpi, int root, const nexpr_array *array,
                                               const nexpr_mpi_layout *layout, nexpr_mpi_array **ret_array,
                                               nexpr_error *err);
/* Collective. The same, and every rank gets the whole. */
NEXPR_API nexpr_status nexpr_mpi_array_replicate(nexpr_mpi *mpi, int root, const nexpr_array *array,
                                                 nexpr_mpi_array **ret_array, nexpr_error *err);

/*
 * Collective. Makes an array by a function, which delivers elements by their flat index in C order, as it does for
 * nexpr_stream: `count` elements from number `first` on. A rank asks for those of its slab, in order and in stretches as
 * long as possible, in pieces of piece_bytes. `fill` and `user` may differ from rank to rank. No element is sent.
 * Errors: CALLBACK or what the function returned, ARGUMENT, SHAPE, MEMORY.
 */
NEXPR_API nexpr_status nexpr_mpi_array_generate(nexpr_mpi *mpi, nexpr_dtype dtype, int ndim, const int64_t *shape,
                                                const nexpr_mpi_layout *layout, nexpr_read *fill, void *user,
                                                nexpr_mpi_array **ret_array, nexpr_error *err);

/*
 * Collective. Reads a member of a file; each rank opens the file and reads its slab, and up to `before` and `after` further
 * indices in front and behind where there are any (not for empty slabs). `member` is a name, or NULL for the only array of a
 * file. The path may differ from rank to rank; what the file says of the array's dtype and shape may not. What is
 * compressed, or a table, is read as a whole by every rank. No element is sent. layout may be NULL: axis 0, or replicated
 * without axes. Errors: those of nexpr_file_open, nexpr_file_find and nexpr_file_read; ARGUMENT (pipes), SHAPE.
 */
NEXPR_API nexpr_status nexpr_mpi_array_from_file(nexpr_mpi *mpi, const char *path, const char *member,
                                                 const nexpr_file_options *options, const nexpr_mpi_layout *layout,
                                                 int64_t before, int64_t after, nexpr_mpi_array **ret_array,
                                                 nexpr_error *err);

/*
 * Collective. A new array with the same elements in another layout; NEXPR_MPI_REPLICATED included. Between two layouts of
 * which neither is replicated, every rank sends what is not its own once, through at most two buffers of piece_bytes (more
 * where there are more ranks than elements in them). Errors: SHAPE (a layout that does not fit), ARGUMENT, MEMORY.
 */
NEXPR_API nexpr_status nexpr_mpi_array_redistribute(const nexpr_mpi_array *array, const nexpr_mpi_layout *layout,
                                                    nexpr_mpi_array **ret_array, nexpr_error *err);
/*
 * Collective. Copies the whole array into that of rank `root`: `into` has its dtype and shape, is contiguous in C order and
 * in the machine's byte order; on other ranks it is not looked at. Errors: ARGUMENT, SHAPE, TYPE, MEMORY.
 */
NEXPR_API nexpr_status nexpr_mpi_array_gather(const nexpr_mpi_array *array, int root, const nexpr_array *into,
                                              nexpr_error *err);
/*
 * Collective. Writes a .npy or raw file: rank 0 makes the temporary of nexpr_output, every rank writes its slab into it, and
 * rank 0 puts it in place when all have flushed theirs. At any failure the old file stays, or none. The path has to name one
 * file on all ranks. options may be NULL. The bytes are those of nexpr_output_write.
 * Errors: those of nexpr_output_write and nexpr_output_commit; ARGUMENT for what cannot be written at any place: pipes, and
 * the formats that are written in order.
 */
NEXPR_API nexpr_status nexpr_mpi_array_write(const nexpr_mpi_array *array, const char *path,
                                             const nexpr_output_options *options, nexpr_error *err);

/* --------------------------------------------------------------------------------------------------------- halos -- */

/*
 * Rows of other ranks that lie before and behind a slab. A row is all that has one index of the split axis. A halo is made
 * once, and its rows are fetched as often as wanted:
 *
 *   nexpr_mpi_halo_new
 *   nexpr_mpi_halo_begin    messages are on their way
 *     compute what needs no halo, nexpr_mpi_halo_test now and then: MPI moves data only while it is called
 *   nexpr_mpi_halo_end      the rows are there
 *   nexpr_mpi_halo_free
 *
 * Between begin and end the rows that others fetch must not be changed. A rank without rows fetches none.
 */
typedef struct nexpr_mpi_halo nexpr_mpi_halo;

/*
 * Collective. Prepares `before` rows in front of each slab and `after` behind it, fewer at the ends of the array. Halos may
 * be wider than the neighbours' slabs; then they come from several ranks. A rank sends one message to each rank that needs
 * rows of it, and gets one from each that it needs rows of (more if they are longer than piece_bytes).
 * Errors: ARGUMENT (a replicated array, negative widths), MEMORY.
 */
NEXPR_API nexpr_status nexpr_mpi_halo_new(const nexpr_mpi_array *array, int64_t before, int64_t after,
                                          nexpr_mpi_halo **ret_halo, nexpr_error *err);
/* Collective, but waits for nobody. Errors are kept for nexpr_mpi_halo_end, but for ARGUMENT: it has begun already. */
NEXPR_API nexpr_status nexpr_mpi_halo_begin(nexpr_mpi_halo *halo, nexpr_error *err);
/* Not collective. Lets MPI move data; true when all of this rank's messages have gone and come, or none are under way. */
NEXPR_API bool nexpr_mpi_halo_test(nexpr_mpi_halo *halo);
/* Collective. Waits for the messages. Errors: COMMUNICATION; ARGUMENT: it has not begun. */
NEXPR_API nexpr_status nexpr_mpi_halo_end(nexpr_mpi_halo *halo, nexpr_error *err);
/* Not collective. The rows in front of the slab and behind it, as views that are valid as long as the halo: contiguous, of
 * the array's dtype and shape but for their number, which may be 0. Each of the two may be NULL. */
NEXPR_API nexpr_status nexpr_mpi_halo_rows(const nexpr_mpi_halo *halo, nexpr_array *ret_before, nexpr_array *ret_after);
/* Not collective, unless it has begun and not ended: then it waits for the messages. */
NEXPR_API void nexpr_mpi_halo_free(nexpr_mpi_halo **halo);

/* ----------------------------------------------------------------------------------------------------- evaluation -- */

/*
 * Collective. Evaluates an expression, any of the language, over distributed and replicated arrays: inputs[i] is input i of
 * the expression, of the declared dtype and ndim; NULL if it is not used. All ranks give the same expression, though each has
 * an object of its own, and arrays of this object. The results have the bits of nexpr_evaluate.
 *
 * results has an entry for each result. Where it is NULL, an array is made, cut along the axis along which it was computed,
 * or replicated. Otherwise the array has the result's dtype and shape and is written to, in the layout that it has; if that
 * is the one in which the result is computed, in place. It may be an input, but has no copies of other ranks' elements, as
 * arrays from files may. After a failure its elements are undefined.
 *
 * What is computed where is decided so that the fewest bytes move. Elementwise work sends nothing where slabs match; shifted
 * slices get rows of other ranks, and what needs none is computed while they come; a reduction along the split axis sends
 * nodes of its tree, some for each rank and kept element; what is cut along another axis than it is needed is redistributed.
 * run may be NULL; `cancel` of any rank cancels all; `progress` is not used. Errors: those of nexpr_evaluate, ARGUMENT.
 */
NEXPR_API nexpr_status nexpr_mpi_evaluate(nexpr_mpi *mpi, const nexpr *expr, const nexpr_mpi_array *const *inputs,
                                          nexpr_mpi_array **results, const nexpr_run_options *run, nexpr_error *err);

/* ----------------------------------------------------------------------------------------------------------- files -- */

/* An evaluation from files to files by all ranks: nexpr_job (nexpr_io.h) over MPI. With one rank it is a nexpr_job. */
typedef struct nexpr_mpi_job nexpr_mpi_job;

/*
 * Collective. As nexpr_job_new. All ranks give the same expression, each its own object, which has to outlive the job.
 * sources[i] is for input i: every rank has opened the file itself, or has the same array. sinks are those of rank 0; on
 * other ranks they are not looked at. Of `options`, max_memory and threads are those of each rank; progress and its user
 * those of rank 0; temporary_directory is not used. Reads no data and writes none. Errors: as of nexpr_job_new.
 *
 * A .npy or raw output that holds one result, in C order, is written by all ranks, each its part; others, and results that
 * stay in memory, rank 0 gets as a whole. Members of files are read by parts; tables, and what is compressed, by every rank
 * as a whole, which counts against max_memory.
 */
NEXPR_API nexpr_status nexpr_mpi_job_new(nexpr_mpi *mpi, const nexpr *expr, const nexpr_file_source *const *sources,
                                         const nexpr_file_sink *const *sinks, const nexpr_job_options *options,
                                         nexpr_mpi_job **ret_job, nexpr_error *err);
/* Not collective. As nexpr_job_describe, of a nexpr_job of the same files: bytes of the whole, not of a rank's part. */
NEXPR_API nexpr_status nexpr_mpi_job_describe(const nexpr_mpi_job *job, nexpr_job_info *ret_info);
/* Not collective. As nexpr_job_result. */
NEXPR_API nexpr_status nexpr_mpi_job_result(const nexpr_mpi_job *job, int index, nexpr_member *ret_member);
/*
 * Collective. Runs, once. The outputs of rank 0 are then complete, but still have to be committed there. The bytes are those
 * of nexpr_job_run, for any number of ranks. A cancel flag of any rank cancels all.
 * Errors: as of nexpr_job_run; MEMORY also if what passes hand on does not fit: that is found out before any of it is run.
 * After a failure free the outputs.
 */
NEXPR_API nexpr_status nexpr_mpi_job_run(nexpr_mpi_job *job, nexpr_error *err);
/* Not collective. On rank 0: a result that was kept in memory, or gathered; it is valid until the job is freed. ARGUMENT
 * before the run, on other ranks, and for other results. */
NEXPR_API nexpr_status nexpr_mpi_job_array(const nexpr_mpi_job *job, int index, nexpr_array *ret_array);
/* Not collective. Frees the job, not its files and outputs. */
NEXPR_API void nexpr_mpi_job_free(nexpr_mpi_job **job);

#ifdef __cplusplus
}
#endif
#endif
