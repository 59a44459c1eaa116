/* SPDX-License-Identifier: MIT */
/* Bytes that are set aside, to be read again in any order: in memory up to a limit, then in a temporary file without a name,
 * which vanishes with the process. */
#ifndef NX_IO_SPOOL_H
#define NX_IO_SPOOL_H

#include "runtime/io/system.h"

typedef struct nx_spool {
    nx_io_stream stream;   /* fd -1: in memory; path is that of the file whose bytes these are, borrowed */
    const char *directory; /* of the temporary, borrowed; NULL: $TMPDIR, else /tmp */
    size_t max_memory;
    char *data;
    size_t capacity;
    int64_t size;
} nx_spool;

void nx_spool_init(nx_spool *spool, const char *path, const volatile int *cancel, size_t max_memory, const char *directory);
/* Appends. Errors: IO, MEMORY, CANCELLED. */
nexpr_status nx_spool_write(nx_spool *spool, const void *data, size_t bytes, nexpr_error *err);
/* Reads at any place, also from several threads. *ret_count is less than `bytes` only at the end. */
nexpr_status nx_spool_read_at(const nx_spool *spool, void *data, size_t bytes, int64_t offset, size_t *ret_count,
                              nexpr_error *err);
void nx_spool_free(nx_spool *spool);
/* A temporary file without a name, open for reading and writing. Errors: IO. */
nexpr_status nx_spool_open(const nx_io_stream *about, const char *directory, int *ret_fd, nexpr_error *err);

#endif
