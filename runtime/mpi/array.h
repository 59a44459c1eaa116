/* SPDX-License-Identifier: MIT */
/* A distributed array as the files of this folder see it. */
#ifndef NX_MPI_ARRAY_H
#define NX_MPI_ARRAY_H

#include "runtime/mpi/exchange.h"

struct nexpr_mpi_array {
    nexpr_mpi *mpi;
    nx_layout layout;
    int64_t before, after; /* rows that are copies, in front of the slab and behind it, */
    int64_t width[2];      /* and how many were asked for, which all ranks know */
    char *data;            /* of the first of them, in C order */
    int64_t local_shape[NEXPR_MAX_NDIM], wide_shape[NEXPR_MAX_NDIM], strides[NEXPR_MAX_NDIM];
    nx_memory memory, own_memory; /* of elements, if they are this array's; of this struct */
    nexpr_array taken;            /* else, if its owner is not NULL: what was taken over */
};

/* An array of which nothing is set but mpi; NULL and MEMORY is raised. Freed by nexpr_mpi_array_free. */
nexpr_mpi_array *nx_array_new(nx_call *c);
/* Takes memory for the slab of a layout that is complete, and for rows around it, and describes it. data may be given, of
 * memory that is there. */
void nx_array_place(nx_call *c, nexpr_mpi_array *a, int64_t before, int64_t after, char *data);
/* The rows that a rank has, with copies. */
void nx_array_rows(const nexpr_mpi_array *a, int rank, int64_t *ret_begin, int64_t *ret_end);
nx_place nx_array_place_of(const nexpr_mpi_array *a);
/* Raises an error unless it is contiguous in C order and in the machine's byte order. */
void nx_array_check(nx_call *c, const nexpr_array *array);
/* Ends a call that makes an array: hands it to the caller, or frees it. */
nexpr_status nx_array_finish(nx_call *c, nexpr_mpi_array *a, nexpr_mpi_array **ret_array);
/* The same before the end, when ranks do not go on. */
nexpr_status nx_array_give_up(nx_call *c, nexpr_mpi_array *a);

#endif
