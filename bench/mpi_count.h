/* SPDX-License-Identifier: MIT */
/*
 * What a rank sends, counted: mpi_count.c defines the functions of MPI by which libnexpr-mpi and mpi_loops.c send, in front
 * of those of the MPI library, and calls PMPI.
 */
#ifndef BENCH_MPI_COUNT_H
#define BENCH_MPI_COUNT_H

#include <stdint.h>

typedef struct mpi_counts {
    int64_t messages;   /* from this rank to another one */
    int64_t exchanges;  /* calls of Alltoallv, Allgatherv and the like */
    int64_t allreduces; /* of nexpr: agreements */
    int64_t bytes;      /* of data, not of Allreduce, that go to other ranks: to how many ranks does not matter */
} mpi_counts;

extern mpi_counts mpi_counted;

#endif
