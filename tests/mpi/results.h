/* SPDX-License-Identifier: MIT */
/* Results of distributed evaluations beside those of one process. */
#ifndef NX_TESTS_MPI_RESULTS_H
#define NX_TESTS_MPI_RESULTS_H

#include "nexpr_mpi.h"

/* Collective. Whether the array, gathered, has the elements of `wanted`, bit for bit but for the sign and payload of NaN. */
bool has_results(const nexpr_mpi_array *array, const nexpr_array *wanted);
/* Collective. Distributes what all ranks have in a layout that the seed decides: along any axis, uneven, or replicated. */
nexpr_mpi_array *distribute_randomly(nexpr_mpi *mpi, const nexpr_array *whole, uint64_t seed);

#endif
