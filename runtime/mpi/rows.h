/* SPDX-License-Identifier: MIT */
/*
 * Rows of a distributed array, brought to ranks that want them. A row is all that has one index of the split axis. What each
 * rank wants is known to all, so both sides of a message know of it: every rank that has some of the rows sends them, one
 * message to a rank for each of its wants, in pieces if it is longer. Rows are sent from the slab and received in place;
 * where there are axes in front of the split one, a row is not contiguous and goes through a buffer.
 *
 * A message is found by its order: both sides list ranks, wants and pieces in the same way, and MPI keeps the order of
 * messages between two ranks.
 */
#ifndef NX_MPI_ROWS_H
#define NX_MPI_ROWS_H

#include "runtime/mpi/array.h"

enum { NX_WANTS = 2 };

/* Rows [begin, end) of the array, all that a rank wants at one place. Empty: none. */
typedef struct nx_want {
    int64_t begin, end;
} nx_want;

struct nx_message;

typedef struct nx_rows {
    nexpr_mpi *mpi;
    const nexpr_mpi_array *array;
    const nx_want *wants;   /* rank by rank, NX_WANTS for each; has to stay */
    char *data[NX_WANTS];   /* where this rank's rows are put, in C order, its own among them */
    int64_t outer, inner;   /* stretches of a row, bytes of each */
    struct nx_message *messages;
    int send_count, message_count; /* those that are sent come first */
    MPI_Request *requests;
    MPI_Status *statuses;   /* that nobody looks at: MPICH's declarations make gcc complain of MPI_STATUSES_IGNORE */
    int request_count, request_capacity;
    char *packed;
    bool is_under_way, is_done;
    nx_memory list_memory, request_memory, status_memory, data_memory[NX_WANTS], packed_memory;
} nx_rows;

/* Takes memory for the rows that this rank wants, and lists the messages; raises MEMORY. No call of MPI. */
void nx_rows_prepare(nx_call *c, const nexpr_mpi_array *array, const nx_want *wants, nx_rows *ret);
/* Sends messages on their way, and copies the rank's own rows. Waits for nobody. */
void nx_rows_begin(nx_call *c, nx_rows *r);
/* Lets MPI move data; true when all of this rank's messages have gone and come, or none are under way. */
bool nx_rows_test(nx_call *c, nx_rows *r);
/* Waits for the messages, if any are under way. Then the rows are there. */
void nx_rows_end(nx_call *c, nx_rows *r);
/* Frees what is not under way. */
void nx_rows_free(nx_rows *r);

#endif
