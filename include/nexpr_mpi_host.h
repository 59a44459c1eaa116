/* SPDX-License-Identifier: MIT */
/*
 * libnexpr-mpi for programs that load it when they find themselves under an MPI launcher, and never link MPI: dlopen, dlsym
 * of NEXPR_MPI_HOST_ENTRY, one call, and all there is to call is in the table that it returns. No header of MPI is needed;
 * everything is about MPI_COMM_WORLD. What is collective and what errors mean: nexpr_mpi.h.
 */
#ifndef NEXPR_MPI_HOST_H
#define NEXPR_MPI_HOST_H

#include "nexpr_io.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NEXPR_MPI_HOST_ENTRY "nexpr_mpi_host_table"

enum { NEXPR_MPI_HOST_ABI = 1 };

struct nexpr_mpi;
struct nexpr_mpi_job;

/* The functions of nexpr_mpi_job, which have the same names there, and what there is to do around them. */
typedef struct nexpr_mpi_host {
    size_t size;
    int abi;
    unsigned version;   /* NEXPR_VERSION of the library */
    const char *family; /* "Open MPI", "MPICH" (and what is compatible with it), or "MPI" */

    /* MPI_Init_thread. MPI itself ends a program that it cannot start. Errors: UNSUPPORTED (no threads). */
    nexpr_status (*start)(int *ret_rank, int *ret_ranks, nexpr_error *err);
    /* MPI_Finalize; MPI_Abort, which does not return. */
    void (*finish)(void);
    void (*abandon)(int exit_status);

    /* Collective. nexpr_mpi_new with this context; NULL: one of its own. *ret_threads is this rank's share of its node. */
    nexpr_status (*open)(nexpr_context *context, void (*lost)(void *user, const nexpr_error *err), void *lost_user,
                         struct nexpr_mpi **ret_mpi, int *ret_threads, nexpr_error *err);
    void (*close)(struct nexpr_mpi **mpi);
    /* Collective. values[i] becomes the least of values[i] of all ranks. Errors: COMMUNICATION, on some ranks maybe. */
    nexpr_status (*least)(struct nexpr_mpi *mpi, int64_t *values, int count, nexpr_error *err);
    /* Collective. What rank `root` has in data. Errors: likewise. */
    nexpr_status (*broadcast)(struct nexpr_mpi *mpi, int root, void *data, size_t bytes, nexpr_error *err);

    nexpr_status (*job_new)(struct nexpr_mpi *mpi, const nexpr *expr, const nexpr_file_source *const *sources,
                            const nexpr_file_sink *const *sinks, const nexpr_job_options *options,
                            struct nexpr_mpi_job **ret_job, nexpr_error *err);
    nexpr_status (*job_describe)(const struct nexpr_mpi_job *job, nexpr_job_info *ret_info);
    nexpr_status (*job_result)(const struct nexpr_mpi_job *job, int index, nexpr_member *ret_member);
    nexpr_status (*job_run)(struct nexpr_mpi_job *job, nexpr_error *err);
    nexpr_status (*job_array)(const struct nexpr_mpi_job *job, int index, nexpr_array *ret_array);
    void (*job_free)(struct nexpr_mpi_job **job);
} nexpr_mpi_host;

typedef const nexpr_mpi_host *nexpr_mpi_host_function(void);

#ifdef __cplusplus
}
#endif
#endif
