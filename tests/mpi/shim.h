/* SPDX-License-Identifier: MIT */
/*
 * The calls of MPI that libnexpr-mpi makes, counted, and failed on request: shim.c defines them in the test program, in
 * front of those of the MPI library, and calls PMPI.
 */
#ifndef NX_TESTS_MPI_SHIM_H
#define NX_TESTS_MPI_SHIM_H

#include <stdbool.h>
#include <stdint.h>

typedef enum shim_mode {
    SHIM_REPORT, /* the call is made, and an error is reported, as MPI does for what it notices in the end */
    SHIM_SKIP,   /* the call is not made; for calls that all ranks fail together, and those that need no other rank */
} shim_mode;

typedef struct shim_state {
    long calls;      /* so far */
    long fail_at;    /* the number of the call that fails, from 0; -1: none */
    shim_mode mode;
    bool has_failed;
    char failed[32]; /* its name */
    long agreements, exchanges, messages, broadcasts; /* calls of Allreduce; of Gatherv and the like; of Isend; of Bcast */
    int64_t sent;    /* bytes of data, not of agreements, that go to other ranks; what is broadcast counts at the root */
} shim_state;

extern shim_state shim;
/* Whether a call was made by another thread than the one that made the first. Stays so. */
extern bool shim_has_threads;

/* Counts from 0 on again, and fails nothing. */
void shim_reset(void);

#endif
