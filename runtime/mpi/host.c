/* SPDX-License-Identifier: MIT */
/*
 * The table of nexpr_mpi_host.h. Its few functions of MPI's own are for between the calls of nexpr_mpi.h, on the duplicate
 * of nexpr_mpi_info.
 */
#include "nexpr_mpi.h"
#include "nexpr_mpi_host.h"

#include "runtime/mpi/call.h"

#if defined OPEN_MPI
#define FAMILY "Open MPI"
#elif defined MPICH_VERSION || defined MVAPICH2_VERSION || defined I_MPI_VERSION
#define FAMILY "MPICH"
#else
#define FAMILY "MPI"
#endif

enum { LARGEST_PIECE = 1 << 26 };

static nexpr_status start(int *ret_rank, int *ret_ranks, nexpr_error *err) {
    int level = MPI_THREAD_SINGLE;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level) || level < MPI_THREAD_FUNNELED) {
        return nx_mpi_fail(err, NEXPR_UNSUPPORTED, "MPI cannot be used by programs with threads here");
    }
    MPI_Comm_rank(MPI_COMM_WORLD, ret_rank);
    MPI_Comm_size(MPI_COMM_WORLD, ret_ranks);
    return NEXPR_OK;
}

static void finish(void) {
    MPI_Finalize();
}

static void abandon(int exit_status) {
    MPI_Abort(MPI_COMM_WORLD, exit_status);
}

static nexpr_status open_world(nexpr_context *context, nexpr_mpi_lost *lost, void *lost_user, nexpr_mpi **ret_mpi,
                               int *ret_threads, nexpr_error *err) {
    nexpr_mpi_options options = nexpr_mpi_options_init();
    nexpr_mpi_info info = nexpr_mpi_info_init();
    options.context = context;
    options.lost = lost;
    options.lost_user = lost_user;
    nexpr_status status = nexpr_mpi_new(MPI_COMM_WORLD, &options, ret_mpi, err);
    if (status) return status;
    nexpr_mpi_describe(*ret_mpi, &info);
    *ret_threads = info.threads;
    return NEXPR_OK;
}

static nexpr_status check(int code, const char *call, nexpr_error *err) {
    char text[MPI_MAX_ERROR_STRING + 1] = "";
    int length = 0;
    if (code == MPI_SUCCESS) return NEXPR_OK;
    MPI_Error_string(code, text, &length);
    return nx_mpi_fail(err, NEXPR_COMMUNICATION, "%s failed: %s", call, text);
}

static MPI_Comm comm_of(const nexpr_mpi *mpi) {
    nexpr_mpi_info info = nexpr_mpi_info_init();
    nexpr_mpi_describe(mpi, &info);
    return info.comm;
}

static nexpr_status least(nexpr_mpi *mpi, int64_t *values, int count, nexpr_error *err) {
    return check(MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_INT64_T, MPI_MIN, comm_of(mpi)), "MPI_Allreduce", err);
}

static nexpr_status broadcast(nexpr_mpi *mpi, int root, void *data, size_t bytes, nexpr_error *err) {
    nexpr_status status = NEXPR_OK;
    char *at = data;
    for (size_t left = bytes, n; left && !status; left -= n, at += n) {
        n = left < LARGEST_PIECE ? left : LARGEST_PIECE;
        status = check(MPI_Bcast(at, (int)n, MPI_BYTE, root, comm_of(mpi)), "MPI_Bcast", err);
    }
    return status;
}

/* Looked up by its name. */
NEXPR_API nexpr_mpi_host_function nexpr_mpi_host_table;

const nexpr_mpi_host *nexpr_mpi_host_table(void) {
    static const nexpr_mpi_host table = {
        .size = sizeof table,
        .abi = NEXPR_MPI_HOST_ABI,
        .version = NEXPR_VERSION,
        .family = FAMILY,
        .start = start,
        .finish = finish,
        .abandon = abandon,
        .open = open_world,
        .close = nexpr_mpi_free,
        .least = least,
        .broadcast = broadcast,
        .job_new = nexpr_mpi_job_new,
        .job_describe = nexpr_mpi_job_describe,
        .job_result = nexpr_mpi_job_result,
        .job_run = nexpr_mpi_job_run,
        .job_array = nexpr_mpi_job_array,
        .job_free = nexpr_mpi_job_free,
    };
    return &table;
}
