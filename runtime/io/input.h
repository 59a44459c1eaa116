/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a file that is read: a regular file, a pipe, or a pipe's content that was set aside. Formats see nothing else
 * of a file.
 */
#ifndef NX_IO_INPUT_H
#define NX_IO_INPUT_H

#include "runtime/io/spool.h"

enum { NX_INPUT_HEAD = 4096 }; /* first bytes, by which a format is recognised */

typedef struct nx_input {
    nx_io_stream stream; /* owns path and fd */
    bool is_random;      /* read_at is allowed, and size is known */
    int64_t size;        /* -1: of a pipe */
    int64_t position;    /* of the next byte for nx_input_read */
    nx_spool spool;      /* a pipe's content, if it was set aside */
    size_t head_count, head_at; /* bytes of a pipe that were peeked at, and how many of them were read since */
    unsigned char head[NX_INPUT_HEAD];
} nx_input;

/* Opens a path; "-" is standard input. Errors: IO, MEMORY, CANCELLED. */
nexpr_status nx_input_open(const char *path, const volatile int *cancel, nx_input *ret, nexpr_error *err);
void nx_input_close(nx_input *input);

/* The first bytes, without reading past them; *ret_count is below NX_INPUT_HEAD only if the file has no more. */
nexpr_status nx_input_peek(nx_input *input, const unsigned char **ret_head, size_t *ret_count, nexpr_error *err);
/* Reads the next bytes; *ret_count is less than `bytes` only at the end. */
nexpr_status nx_input_read(nx_input *input, void *data, size_t bytes, size_t *ret_count, nexpr_error *err);
/* Reads at any place, if is_random; from any thread. *ret_count is less than `bytes` only at the end. */
nexpr_status nx_input_read_at(const nx_input *input, void *data, size_t bytes, int64_t offset, size_t *ret_count,
                              nexpr_error *err);
/* Makes a pipe random by reading it to its end: up to max_memory bytes into memory, more into a file without a name. */
nexpr_status nx_input_set_aside(nx_input *input, size_t max_memory, const char *directory, nexpr_error *err);
/* That a regular file still has the size that it had when it was opened. Errors: FORMAT, IO. */
nexpr_status nx_input_check_size(const nx_input *input, nexpr_error *err);

#endif
