/* SPDX-License-Identifier: MIT */
/*
 * A collective call as seen by one rank: what it is called, and the first thing that went wrong here. The law of this
 * folder:
 *
 *   - A collective call begins with nx_call_begin, then looks at its own arguments and takes the memory that it needs,
 *     raising what is wrong; then the ranks agree. Only if all of them can go on does any of them go on to what needs others.
 *   - Between two agreements every rank makes the same calls of MPI, whatever happens to it: an error is noted
 *     (nx_call_check) and the exchange is gone through to its end, so that nobody waits for a rank that has left.
 *   - Agreement is one MPI_Allreduce of a record in which the error of the lowest rank wins. All ranks then return the
 *     same status with the same message.
 *   - A rank on which MPI itself failed is broken from then on: it takes part in agreements, and says so in each. If it is
 *     an agreement that MPI reports to have failed, but its outcome is there, that holds: other ranks have it too. They
 *     learn of the failure in the next agreement, and nobody stops alone.
 */
#ifndef NX_MPI_CALL_H
#define NX_MPI_CALL_H

#include "nexpr_mpi.h"

#include "runtime/buffers.h"

/* What ranks agree on. The hashes are of the arguments that have to be the same everywhere: the least h and the least ~h. */
typedef struct nx_record {
    int32_t rank; /* of the error; INT32_MAX: there is none */
    int32_t status, operand;
    uint64_t begin, end;
    uint64_t hash, not_hash;
    char message[sizeof((nexpr_error *)0)->message];
} nx_record;

struct nexpr_mpi {
    MPI_Comm comm;
    MPI_Datatype record_type;
    MPI_Op record_op;
    int rank, ranks, node_rank, node_ranks, nodes, threads;
    bool main_thread_only;
    int64_t piece;
    nexpr_context *context;
    bool owns_context;
    nexpr_allocator allocator; /* the caller's; without functions: there is none */
    nx_buffers *buffers;
    size_t cached;             /* bytes of them that are kept for later calls */
    nexpr_mpi_lost *lost;
    void *lost_user;
    nexpr_error broken; /* the first failure of MPI on this rank */
};

typedef struct nx_call {
    nexpr_mpi *mpi;
    const char *name;
    nexpr_error *err;  /* the caller's, may be NULL */
    nexpr_error error; /* of this rank; status OK: none */
    uint64_t hash;
} nx_call;

/* Begins a call. Not OK: this rank may not call MPI at all, and returns that at once; err is written. */
nexpr_status nx_call_begin(nx_call *c, nexpr_mpi *mpi, const char *name, nexpr_error *err);
/* Ends a phase, but not the call: false if a rank has raised an error, or they have not hashed the same; then
 * c->error.status is to be returned, and err is written. */
bool nx_call_goes_on(nx_call *c);
/* Ends the call: what it returns; err is written. */
nexpr_status nx_call_agree(nx_call *c);
/* Notes an error of this rank, unless there is one. */
__attribute__((format(printf, 3, 4))) void nx_call_raise(nx_call *c, nexpr_status status, const char *format, ...);
/* Notes what a call of MPI returned; `what` is its name. */
void nx_call_check(nx_call *c, int code, const char *what);
/* Whether nothing has gone wrong on this rank. */
static inline bool nx_call_is_ok(const nx_call *c) {
    return !c->error.status;
}
/* Says that these bytes are the same on every rank. */
void nx_call_hash(nx_call *c, const void *data, size_t bytes);
#define NX_CALL_HASH(c, value) nx_call_hash(c, &(value), sizeof(value))

/* Writes an error without a call of MPI: for functions that are not collective. */
__attribute__((format(printf, 3, 4))) nexpr_status nx_mpi_fail(nexpr_error *err, nexpr_status status, const char *format,
                                                                ...);

/* A buffer of the object's. */
typedef struct nx_memory {
    void *base;
    size_t bytes;
} nx_memory;

/* Bytes on a cache line, from *ret; NULL and MEMORY is raised if there are none. `what` is for the message. */
char *nx_call_allocate(nx_call *c, int64_t bytes, const char *what, nx_memory *ret);
/* Whether what was allocated so has room for so many bytes. */
bool nx_memory_holds(const nx_memory *memory, int64_t bytes);
void nx_memory_free(nx_memory *memory);
/* Broadcasts bytes in pieces. */
void nx_call_bcast(nx_call *c, void *data, int64_t bytes, int root);

#endif
