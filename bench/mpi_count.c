/* SPDX-License-Identifier: MIT */
/* See mpi_count.h. */
#include "bench/mpi_count.h"

#include <mpi.h>

#pragma GCC visibility push(default)

mpi_counts mpi_counted;

static int64_t bytes_of(int count, MPI_Datatype type) {
    int size = 0;
    PMPI_Type_size(type, &size);
    return (int64_t)count * size;
}

static int rank_in(MPI_Comm comm) {
    int rank = -1;
    PMPI_Comm_rank(comm, &rank);
    return rank;
}

/* Of counts for each rank, those of the others. */
static int64_t bytes_for_others(const int *counts, MPI_Datatype type, MPI_Comm comm) {
    int ranks = 0;
    int64_t sum = 0;
    const int own = rank_in(comm);
    PMPI_Comm_size(comm, &ranks);
    for (int r = 0; r < ranks; r++) sum += r == own ? 0 : bytes_of(counts[r], type);
    return sum;
}

#define COUNTED(name, params, args, kind, sent) \
    int MPI_##name params {                     \
        mpi_counted.kind++;                     \
        mpi_counted.bytes += (sent);            \
        return PMPI_##name args;                \
    }

COUNTED(Send, (const void *from, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm), (from, n, type, to, tag, comm),
        messages, bytes_of(n, type))
COUNTED(Isend, (const void *from, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm, MPI_Request *request),
        (from, n, type, to, tag, comm, request), messages, bytes_of(n, type))
COUNTED(Allreduce, (const void *from, void *to, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm),
        (from, to, n, type, op, comm), allreduces, 0)
COUNTED(Bcast, (void *data, int n, MPI_Datatype type, int root, MPI_Comm comm), (data, n, type, root, comm),
        exchanges, rank_in(comm) == root ? bytes_of(n, type) : 0)
COUNTED(Allgather, (const void *from, int n, MPI_Datatype type, void *to, int m, MPI_Datatype to_type, MPI_Comm comm),
        (from, n, type, to, m, to_type, comm), exchanges, bytes_of(n, type))
COUNTED(Allgatherv, (const void *from, int n, MPI_Datatype type, void *to, const int *counts, const int *places,
                     MPI_Datatype to_type, MPI_Comm comm), (from, n, type, to, counts, places, to_type, comm),
        exchanges, bytes_of(n, type))
COUNTED(Gatherv, (const void *from, int n, MPI_Datatype type, void *to, const int *counts, const int *places,
                  MPI_Datatype to_type, int root, MPI_Comm comm), (from, n, type, to, counts, places, to_type, root, comm),
        exchanges, rank_in(comm) == root ? 0 : bytes_of(n, type))
COUNTED(Scatterv, (const void *from, const int *counts, const int *places, MPI_Datatype type, void *to, int n,
                   MPI_Datatype to_type, int root, MPI_Comm comm), (from, counts, places, type, to, n, to_type, root, comm),
        exchanges, rank_in(comm) == root ? bytes_for_others(counts, type, comm) : 0)
COUNTED(Alltoallv, (const void *from, const int *counts, const int *places, MPI_Datatype type, void *to,
                    const int *to_counts, const int *to_places, MPI_Datatype to_type, MPI_Comm comm),
        (from, counts, places, type, to, to_counts, to_places, to_type, comm),
        exchanges, bytes_for_others(counts, type, comm))
