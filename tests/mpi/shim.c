/* SPDX-License-Identifier: MIT */
/* See shim.h. */
#include "tests/mpi/shim.h"

#include <mpi.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#pragma GCC visibility push(default)

shim_state shim = {.fail_at = -1};
bool shim_has_threads;
static _Atomic bool has_caller;
static pthread_t caller;

void shim_reset(void) {
    shim = (shim_state){.fail_at = -1};
}

/* Whether this call is the one. */
static bool fails(const char *name) {
    if (!atomic_exchange(&has_caller, true)) caller = pthread_self();
    if (!pthread_equal(caller, pthread_self())) shim_has_threads = true;
    const bool is_it = shim.calls++ == shim.fail_at;
    if (is_it) snprintf(shim.failed, sizeof shim.failed, "%s", name);
    shim.has_failed |= is_it;
    return is_it;
}

static int finish(bool failing, int code) {
    return failing ? MPI_ERR_OTHER : code;
}

/* A call that other ranks take part in. */
#define SHARED(name, params, args, count)                                      \
    int MPI_##name params {                                                    \
        const bool failing = fails(#name);                                     \
        count;                                                                 \
        if (failing && shim.mode == SHIM_SKIP) return MPI_ERR_OTHER;           \
        return finish(failing, PMPI_##name args);                              \
    }
/* A call that this rank makes for itself: if it fails, it is not made. */
#define LOCAL(name, params, args)                                              \
    int MPI_##name params {                                                    \
        return fails(#name) ? MPI_ERR_OTHER : PMPI_##name args;                \
    }

static int64_t bytes_of(int count, MPI_Datatype type) {
    int size = 0;
    PMPI_Type_size(type, &size);
    return (int64_t)count * size;
}

static bool is_rank(MPI_Comm comm, int rank) {
    int own = -1;
    PMPI_Comm_rank(comm, &own);
    return own == rank;
}

/* Of counts for each rank, those of the others. */
static int64_t bytes_for_others(const int *counts, MPI_Datatype type, MPI_Comm comm) {
    int own = 0, ranks = 0;
    int64_t sum = 0;
    PMPI_Comm_rank(comm, &own);
    PMPI_Comm_size(comm, &ranks);
    for (int r = 0; r < ranks; r++) sum += r == own ? 0 : bytes_of(counts[r], type);
    return sum;
}

LOCAL(Comm_set_errhandler, (MPI_Comm comm, MPI_Errhandler handler), (comm, handler))
LOCAL(Comm_rank, (MPI_Comm comm, int *rank), (comm, rank))
LOCAL(Comm_size, (MPI_Comm comm, int *size), (comm, size))
LOCAL(Type_contiguous, (int count, MPI_Datatype old, MPI_Datatype *type), (count, old, type))
LOCAL(Type_commit, (MPI_Datatype *type), (type))
LOCAL(Op_create, (MPI_User_function *function, int commute, MPI_Op *op), (function, commute, op))

SHARED(Comm_dup, (MPI_Comm comm, MPI_Comm *copy), (comm, copy), )
SHARED(Comm_split_type, (MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm *part), (comm, type, key, info, part), )
SHARED(Allreduce, (const void *from, void *to, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm),
       (from, to, n, type, op, comm), shim.agreements++)
SHARED(Allgather, (const void *from, int n, MPI_Datatype type, void *to, int m, MPI_Datatype to_type, MPI_Comm comm),
       (from, n, type, to, m, to_type, comm), shim.exchanges++)
SHARED(Bcast, (void *data, int n, MPI_Datatype type, int root, MPI_Comm comm), (data, n, type, root, comm),
       shim.broadcasts++; shim.sent += is_rank(comm, root) ? bytes_of(n, type) : 0)
SHARED(Gatherv, (const void *from, int n, MPI_Datatype type, void *to, const int *counts, const int *places,
                 MPI_Datatype to_type, int root, MPI_Comm comm), (from, n, type, to, counts, places, to_type, root, comm),
       shim.exchanges++; shim.sent += is_rank(comm, root) ? 0 : bytes_of(n, type))
SHARED(Scatterv, (const void *from, const int *counts, const int *places, MPI_Datatype type, void *to, int n,
                  MPI_Datatype to_type, int root, MPI_Comm comm), (from, counts, places, type, to, n, to_type, root, comm),
       shim.exchanges++; shim.sent += is_rank(comm, root) ? bytes_for_others(counts, type, comm) : 0)
SHARED(Allgatherv, (const void *from, int n, MPI_Datatype type, void *to, const int *counts, const int *places,
                    MPI_Datatype to_type, MPI_Comm comm), (from, n, type, to, counts, places, to_type, comm),
       shim.exchanges++; shim.sent += bytes_of(n, type))
SHARED(Alltoallv, (const void *from, const int *counts, const int *places, MPI_Datatype type, void *to, const int *to_counts,
                   const int *to_places, MPI_Datatype to_type, MPI_Comm comm),
       (from, counts, places, type, to, to_counts, to_places, to_type, comm),
       shim.exchanges++; shim.sent += bytes_for_others(counts, type, comm))
SHARED(Isend, (const void *from, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm, MPI_Request *request),
       (from, n, type, to, tag, comm, request), shim.messages++; shim.sent += bytes_of(n, type))
SHARED(Irecv, (void *to, int n, MPI_Datatype type, int from, int tag, MPI_Comm comm, MPI_Request *request),
       (to, n, type, from, tag, comm, request), )
SHARED(Testall, (int n, MPI_Request *requests, int *flag, MPI_Status *statuses), (n, requests, flag, statuses), )
SHARED(Waitall, (int n, MPI_Request *requests, MPI_Status *statuses), (n, requests, statuses), )
