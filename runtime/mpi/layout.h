/* SPDX-License-Identifier: MIT */
/*
 * Where the elements of a distributed array are. The map of ranks is kept as it was made, never computed anew: slabs may
 * have any lengths.
 */
#ifndef NX_MPI_LAYOUT_H
#define NX_MPI_LAYOUT_H

#include "runtime/mpi/call.h"

typedef struct nx_layout {
    nexpr_dtype dtype;
    int64_t item; /* bytes of an element */
    int ndim;
    int64_t shape[NEXPR_MAX_NDIM];
    int64_t bytes;  /* of the whole array */
    int axis;       /* NEXPR_MPI_REPLICATED, or: */
    int64_t *first; /* of ranks + 1 */
    const int64_t *last; /* NULL: rank r has the indices from first[r] to first[r + 1]; else to last[r], and ranks may
                            have the same: only what is wanted, never what an array is */
    nx_memory memory;
} nx_layout;

/* Checks dtype and shape, raises ARGUMENT or SHAPE; hashes them. axis and map are not set. */
void nx_layout_describe(nx_call *c, nexpr_dtype dtype, int ndim, const int64_t *shape, nx_layout *ret);
/* Sets axis and map; raises ARGUMENT, SHAPE or MEMORY; hashes them. layout NULL: axis 0, replicated without axes. */
void nx_layout_distribute(nx_call *c, const nexpr_mpi_layout *layout, nx_layout *l);
/* Everything on one rank; not for arrays without axes. */
void nx_layout_concentrate(nx_call *c, int rank, nx_layout *l);
/* Says that an array with this layout is an argument: arrays are told apart by what they are. */
void nx_layout_hash(nx_call *c, const nx_layout *l);
void nx_layout_free(nx_layout *l);

/* Sizes of axes before `axis`, multiplied; and bytes of all behind. Replicated: 1, and all the bytes. */
int64_t nx_layout_outer(const nx_layout *l);
int64_t nx_layout_inner(const nx_layout *l);
/* The indices of a rank; replicated: 0 and 1, as if the whole were one row. */
int64_t nx_layout_begin(const nx_layout *l, int rank);
int64_t nx_layout_end(const nx_layout *l, int rank);
int64_t nx_layout_count(const nx_layout *l, int rank);
/* Bytes of a rank's slab. */
int64_t nx_layout_slab_bytes(const nx_layout *l, int rank);

#endif
