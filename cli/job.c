/* SPDX-License-Identifier: MIT */
#include "cli/job.h"

#include <string.h>

/* What the first rank fails by is what a process alone would fail by. */
static nexpr_status leave_out_rank(nexpr_status status, nexpr_error *err) {
    static const char first[] = "rank 0: ";
    const size_t n = sizeof first - 1;
    if (status && !strncmp(err->message, first, n)) memmove(err->message, err->message + n, strlen(err->message + n) + 1);
    return status;
}

nexpr_status job_new(const nexpr_mpi_host *host, struct nexpr_mpi *mpi, const nexpr *expr, nexpr_context *context,
                     const nexpr_file_source *const *sources, const nexpr_file_sink *const *sinks,
                     const nexpr_job_options *options, any_job *ret, nexpr_error *err) {
    *ret = (any_job){.host = host, .mpi = mpi};
    if (host) return leave_out_rank(host->job_new(mpi, expr, sources, sinks, options, &ret->shared, err), err);
    return nexpr_job_new(expr, context, sources, sinks, options, &ret->alone, err);
}

nexpr_status job_describe(const any_job *j, nexpr_job_info *ret_info) {
    return j->host ? j->host->job_describe(j->shared, ret_info) : nexpr_job_describe(j->alone, ret_info);
}

nexpr_status job_result(const any_job *j, int index, nexpr_member *ret_member) {
    return j->host ? j->host->job_result(j->shared, index, ret_member) : nexpr_job_result(j->alone, index, ret_member);
}

nexpr_status job_run(any_job *j, nexpr_error *err) {
    return j->host ? leave_out_rank(j->host->job_run(j->shared, err), err) : nexpr_job_run(j->alone, err);
}

nexpr_status job_array(const any_job *j, int index, nexpr_array *ret_array) {
    return j->host ? j->host->job_array(j->shared, index, ret_array) : nexpr_job_array(j->alone, index, ret_array);
}

void job_free(any_job *j) {
    if (j->host) j->host->job_free(&j->shared);
    nexpr_job_free(&j->alone);
}
