/* SPDX-License-Identifier: MIT */
#include "runtime/io/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 256 << 10 };

/* ------------------------------------------------------------------------------------------------------- opening -- */

static int open_once(const char *path, bool is_standard) {
    if (is_standard) return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

/* A regular file can be read at any place; not one that somebody else has begun to read. */
static nexpr_status open_stream(nx_input *input, bool is_standard, nexpr_error *err) {
    nx_io_stream *stream = &input->stream;
    do {
        if (nx_io_is_cancelled(stream, err)) return NEXPR_CANCELLED;
        stream->fd = open_once(stream->path, is_standard);
    } while (stream->fd < 0 && errno == EINTR);
    if (stream->fd < 0) return nx_io_fail_errno(err, stream->path, "open");
    struct stat st;
    if (fstat(stream->fd, &st)) return nx_io_fail_errno(err, stream->path, "open");
    if (S_ISDIR(st.st_mode)) return nx_io_fail(err, NEXPR_IO, stream->path, "is a directory");
    input->is_random = S_ISREG(st.st_mode) && lseek(stream->fd, 0, SEEK_CUR) == 0;
    input->size = input->is_random ? st.st_size : -1;
    return NEXPR_OK;
}

nexpr_status nx_input_open(const char *path, const volatile int *cancel, nx_input *ret, nexpr_error *err) {
    bool is_standard = !strcmp(path, "-");
    char *copy = strdup(is_standard ? "standard input" : path);
    if (!copy) return nx_io_fail_memory(err, path);
    *ret = (nx_input){.stream = {.path = copy, .fd = -1, .cancel = cancel}, .size = -1, .spool.stream.fd = -1};
    nexpr_status status = open_stream(ret, is_standard, err);
    if (status) nx_input_close(ret);
    return status;
}

void nx_input_close(nx_input *input) {
    if (input->stream.path && input->stream.fd >= 0) close(input->stream.fd);
    nx_spool_free(&input->spool);
    free((char *)input->stream.path);
    *input = (nx_input){.stream.fd = -1, .spool.stream.fd = -1};
}

/* ------------------------------------------------------------------------------------------------------- reading -- */

nexpr_status nx_input_read_at(const nx_input *input, void *data, size_t bytes, int64_t offset, size_t *ret_count,
                              nexpr_error *err) {
    if (input->spool.stream.path) return nx_spool_read_at(&input->spool, data, bytes, offset, ret_count, err);
    return nx_io_read(&input->stream, data, bytes, offset, ret_count, err);
}

nexpr_status nx_input_peek(nx_input *input, const unsigned char **ret_head, size_t *ret_count, nexpr_error *err) {
    if (!input->head_count) {
        int64_t offset = input->is_random ? 0 : -1;
        NX_IO_TRY(nx_io_read(&input->stream, input->head, sizeof input->head, offset, &input->head_count, err));
    }
    *ret_head = input->head;
    *ret_count = input->head_count;
    return NEXPR_OK;
}

nexpr_status nx_input_read(nx_input *input, void *data, size_t bytes, size_t *ret_count, nexpr_error *err) {
    size_t left = input->is_random ? 0 : input->head_count - input->head_at, n = bytes < left ? bytes : left, more = 0;
    if (n) memcpy(data, input->head + input->head_at, n);
    input->head_at += n;
    char *to = (char *)data + n;
    if (input->is_random) NX_IO_TRY(nx_input_read_at(input, to, bytes - n, input->position, &more, err));
    else if (n < bytes) NX_IO_TRY(nx_io_read(&input->stream, to, bytes - n, -1, &more, err));
    *ret_count = n + more;
    input->position += (int64_t)(n + more);
    return NEXPR_OK;
}

/* All pieces but the last are full, so that a short one is the end. */
static nexpr_status copy_to_spool(nx_input *input, char *piece, nexpr_error *err) {
    size_t count;
    do {
        NX_IO_TRY(nx_input_read(input, piece, PIECE, &count, err));
        NX_IO_TRY(nx_spool_write(&input->spool, piece, count, err));
    } while (count == PIECE);
    return NEXPR_OK;
}

nexpr_status nx_input_set_aside(nx_input *input, size_t max_memory, const char *directory, nexpr_error *err) {
    if (input->is_random) return NEXPR_OK;
    char *piece = malloc(PIECE);
    if (!piece) return nx_io_fail_memory(err, input->stream.path);
    nx_spool_init(&input->spool, input->stream.path, input->stream.cancel, max_memory, directory);
    nexpr_status status = copy_to_spool(input, piece, err);
    free(piece);
    if (status) return status;
    input->is_random = true;
    input->size = input->spool.size;
    input->position = 0;
    return NEXPR_OK;
}

nexpr_status nx_input_check_size(const nx_input *input, nexpr_error *err) {
    struct stat st;
    if (!input->is_random || input->spool.stream.path) return NEXPR_OK;
    if (fstat(input->stream.fd, &st)) return nx_io_fail_errno(err, input->stream.path, "read");
    if (st.st_size == input->size) return NEXPR_OK;
    return nx_io_fail(err, NEXPR_FORMAT, input->stream.path,
                      "changed while it was read: it had %lld bytes when it was opened and has %lld now",
                      (long long)input->size, (long long)st.st_size);
}
