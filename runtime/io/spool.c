/* SPDX-License-Identifier: MIT */
#include "runtime/io/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_CAPACITY = 64 << 10 };

void nx_spool_init(nx_spool *spool, const char *path, const volatile int *cancel, size_t max_memory, const char *directory) {
    *spool = (nx_spool){.stream = {.path = path, .fd = -1, .cancel = cancel}, .directory = directory,
                        .max_memory = max_memory};
}

void nx_spool_free(nx_spool *spool) {
    if (spool->stream.path && spool->stream.fd >= 0) close(spool->stream.fd);
    free(spool->data);
    *spool = (nx_spool){.stream.fd = -1};
}

/* Where the file system has no files without a name: one that loses its name at once. */
static int open_and_unlink(const char *directory) {
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/nexpr-XXXXXX", directory);
    if (length < 0 || (size_t)length >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) unlink(path);
    return fd;
}

nexpr_status nx_spool_open(const nx_io_stream *about, const char *directory, int *ret_fd, nexpr_error *err) {
    const char *from_environment = getenv("TMPDIR");
    if (!directory) directory = from_environment && *from_environment ? from_environment : "/tmp";
    int fd;
    do {
        if (nx_io_is_cancelled(about, err)) return NEXPR_CANCELLED;
        fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) fd = open_and_unlink(directory);
    if (fd < 0) {
        char what[256];
        snprintf(what, sizeof what, "make a temporary file in %.200s", directory);
        return nx_io_fail_errno(err, about->path, what);
    }
    *ret_fd = fd;
    return NEXPR_OK;
}

static nexpr_status move_to_file(nx_spool *s, nexpr_error *err) {
    NX_IO_TRY(nx_spool_open(&s->stream, s->directory, &s->stream.fd, err));
    NX_IO_TRY(nx_io_write(&s->stream, s->data, (size_t)s->size, 0, err));
    free(s->data);
    s->data = NULL;
    s->capacity = 0;
    return NEXPR_OK;
}

/* Room for `bytes` more in memory: twice of what there was, but not beyond the limit. */
static nexpr_status grow(nx_spool *s, size_t bytes, nexpr_error *err) {
    size_t need = (size_t)s->size + bytes, larger = s->capacity ? 2 * s->capacity : FIRST_CAPACITY;
    if (need <= s->capacity) return NEXPR_OK;
    if (larger > s->max_memory) larger = s->max_memory;
    if (larger < need) larger = need;
    char *data = realloc(s->data, larger);
    if (!data) return nx_io_fail_memory(err, s->stream.path);
    s->data = data;
    s->capacity = larger;
    return NEXPR_OK;
}

nexpr_status nx_spool_write(nx_spool *s, const void *data, size_t bytes, nexpr_error *err) {
    if (!bytes) return NEXPR_OK;
    if (s->stream.fd < 0 && (uint64_t)s->size + bytes > s->max_memory) NX_IO_TRY(move_to_file(s, err));
    if (s->stream.fd >= 0) {
        NX_IO_TRY(nx_io_write(&s->stream, data, bytes, s->size, err));
    } else {
        NX_IO_TRY(grow(s, bytes, err));
        memcpy(s->data + s->size, data, bytes);
    }
    s->size += (int64_t)bytes;
    return NEXPR_OK;
}

nexpr_status nx_spool_read_at(const nx_spool *s, void *data, size_t bytes, int64_t offset, size_t *ret_count,
                              nexpr_error *err) {
    if (s->stream.fd >= 0) return nx_io_read(&s->stream, data, bytes, offset, ret_count, err);
    size_t left = offset < s->size ? (size_t)(s->size - offset) : 0, n = bytes < left ? bytes : left;
    if (n) memcpy(data, s->data + offset, n);
    *ret_count = n;
    return NEXPR_OK;
}
