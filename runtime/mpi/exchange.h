/* SPDX-License-Identifier: MIT */
/*
 * Moving elements from one layout to another. Between two ranks goes a box: the indices that one of them has and the other
 * is to have. Boxes go in pieces, so that buffers and counts stay small: in every round each pair of ranks exchanges the
 * next bytes of its box, in C order. All ranks compute the same number of rounds from the two maps. A rank whose boxes lie
 * in one run each sends them from where they are, or receives them where they are to be.
 *
 * Where slabs are contiguous stretches of the whole (no axis in front of the one that is split), gather, scatter and
 * replication need no buffers: a round is then a window of the whole array.
 */
#ifndef NX_MPI_EXCHANGE_H
#define NX_MPI_EXCHANGE_H

#include "runtime/mpi/layout.h"

/* A rank's part of a layout in memory. */
typedef struct nx_place {
    const nx_layout *layout;
    char *data;            /* of the first of before + count + after rows; a place that is written has none but its own */
    int64_t before, after;
} nx_place;

/* A box in a rank's memory: runs of bytes at regular distances. */
typedef struct nx_box {
    int ndim;
    int64_t extent[4], stride[4]; /* of runs */
    int64_t start, run, bytes;
} nx_box;

/* Copies bytes from number `at` on of a box's elements, in C order, to or from packed memory. */
void nx_box_pack(const nx_box *b, const char *array, int64_t at, int64_t bytes, char *packed);
void nx_box_unpack(const nx_box *b, char *array, int64_t at, int64_t bytes, const char *packed);

typedef enum nx_pattern {
    NX_LOCAL,     /* from a replicated array: every rank has what it needs */
    NX_SPREAD,    /* all to all */
    NX_GATHER,    /* to a layout that is concentrated on the root */
    NX_SCATTER,   /* from one */
    NX_REPLICATE, /* to a replicated layout */
} nx_pattern;

typedef struct nx_exchange {
    nx_pattern pattern;
    int root;
    nx_place from, to;
    int64_t quota, rounds;          /* bytes of a box in one round */
    nx_box *send, *receive;         /* for each rank */
    int *counts;                    /* four for each rank: counts and displacements of sends and of receives */
    char *outgoing, *incoming;
    bool sends_in_place, receives_in_place; /* without these buffers: all boxes lie in one run each */
    nx_memory boxes_memory, counts_memory, outgoing_memory, incoming_memory;
    bool is_direct;
} nx_exchange;

/* Prepares; raises MEMORY. Both layouts are of one shape. Sends nothing. */
void nx_exchange_prepare(nx_call *c, nx_pattern pattern, int root, nx_place from, nx_place to, nx_exchange *ret);
/* Moves; all ranks were prepared. */
void nx_exchange_run(nx_call *c, nx_exchange *x);
void nx_exchange_free(nx_exchange *x);

#endif
