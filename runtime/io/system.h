/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing all of a stretch of bytes: the only places that call read and write. An interrupted call is repeated
 * unless the cancel flag is set, a short one is continued, and work comes in pieces so that the flag is seen in time.
 */
#ifndef NX_IO_SYSTEM_H
#define NX_IO_SYSTEM_H

#include "runtime/io/fail.h"

/* What the calls have in common. */
typedef struct nx_io_stream {
    const char *path; /* for messages */
    int fd;
    const volatile int *cancel; /* may be NULL */
    bool may_wait;              /* a pipe or device that is written: its other end may be slow */
} nx_io_stream;

/* Whether the flag is set; if so err says CANCELLED. */
bool nx_io_is_cancelled(const nx_io_stream *stream, nexpr_error *err);

/* Reads until `bytes` bytes or the end of the file; *ret_count is less than bytes only at the end. offset -1 reads on from
 * the current position. Errors: IO, CANCELLED. */
nexpr_status nx_io_read(const nx_io_stream *stream, void *data, size_t bytes, int64_t offset, size_t *ret_count,
                        nexpr_error *err);
/* Writes all bytes; offset -1 writes on at the current position. Errors: IO, CANCELLED. */
nexpr_status nx_io_write(const nx_io_stream *stream, const void *data, size_t bytes, int64_t offset, nexpr_error *err);
/* Makes sure that a new file can become `bytes` bytes long: the file system gives the space now, or, if it cannot promise
 * any, says that it has as much. Errors: IO, CANCELLED. */
nexpr_status nx_io_reserve(const nx_io_stream *stream, int64_t bytes, nexpr_error *err);

#endif
