/* SPDX-License-Identifier: MIT */
/* A job of this process, or of all ranks: the functions of nexpr_job, whichever it is. */
#ifndef CLI_JOB_H
#define CLI_JOB_H

#include "nexpr_mpi_host.h"

typedef struct any_job {
    nexpr_job *alone;
    const nexpr_mpi_host *host; /* NULL: alone */
    struct nexpr_mpi *mpi;      /* that computes with the context of the job */
    struct nexpr_mpi_job *shared;
} any_job;

/* host and mpi are NULL for a job of this process. Collective otherwise; mpi has to outlive the job. */
nexpr_status job_new(const nexpr_mpi_host *host, struct nexpr_mpi *mpi, const nexpr *expr, nexpr_context *context,
                     const nexpr_file_source *const *sources, const nexpr_file_sink *const *sinks,
                     const nexpr_job_options *options, any_job *ret, nexpr_error *err);
nexpr_status job_describe(const any_job *j, nexpr_job_info *ret_info);
nexpr_status job_result(const any_job *j, int index, nexpr_member *ret_member);
/* Collective. */
nexpr_status job_run(any_job *j, nexpr_error *err);
/* Of ranks: on the first one. */
nexpr_status job_array(const any_job *j, int index, nexpr_array *ret_array);
void job_free(any_job *j);

#endif
