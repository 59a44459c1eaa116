/* SPDX-License-Identifier: MIT */
#include "runtime/io/system.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Small enough that a cancelled run ends soon, large enough that calls cost nothing. */
enum { PIECE = 8 << 20, LOOK_MS = 100 };

static size_t piece(size_t bytes) {
    return bytes < PIECE ? bytes : PIECE;
}

bool nx_io_is_cancelled(const nx_io_stream *stream, nexpr_error *err) {
    if (!stream->cancel || !__atomic_load_n(stream->cancel, __ATOMIC_RELAXED)) return false;
    nx_io_fail(err, NEXPR_CANCELLED, stream->path, "cancelled");
    return true;
}

/*
 * What is read or written in order may be a pipe, whose other end can be silent for ever, and the signal that sets the flag
 * may interrupt another thread than this one: so the flag is looked at now and then. A pipe that is ready takes
 * PIPE_BUF bytes without waiting. Errors are left to the call that follows.
 */
static nexpr_status wait_for_pipe(const nx_io_stream *stream, short events, nexpr_error *err) {
    struct pollfd one = {.fd = stream->fd, .events = events};
    int ready;
    do {
        ready = poll(&one, 1, LOOK_MS);
        if (nx_io_is_cancelled(stream, err)) return NEXPR_CANCELLED;
    } while (ready == 0 || (ready < 0 && errno == EINTR));
    return NEXPR_OK;
}

nexpr_status nx_io_read(const nx_io_stream *stream, void *data, size_t bytes, int64_t offset, size_t *ret_count,
                        nexpr_error *err) {
    char *to = data;
    size_t done = 0;
    while (done < bytes) {
        if (nx_io_is_cancelled(stream, err)) return NEXPR_CANCELLED;
        if (offset < 0 && stream->cancel) NX_IO_TRY(wait_for_pipe(stream, POLLIN, err));
        size_t n = piece(bytes - done);
        ssize_t got = offset < 0 ? read(stream->fd, to + done, n) : pread(stream->fd, to + done, n, offset + (int64_t)done);
        if (got == 0) break;
        if (got > 0) done += (size_t)got;
        else if (errno != EINTR) return nx_io_fail_errno(err, stream->path, "read");
    }
    *ret_count = done;
    return NEXPR_OK;
}

nexpr_status nx_io_write(const nx_io_stream *stream, const void *data, size_t bytes, int64_t offset, nexpr_error *err) {
    const char *from = data;
    size_t done = 0;
    while (done < bytes) {
        if (nx_io_is_cancelled(stream, err)) return NEXPR_CANCELLED;
        bool may_wait = stream->may_wait && offset < 0 && stream->cancel;
        if (may_wait) NX_IO_TRY(wait_for_pipe(stream, POLLOUT, err));
        size_t n = may_wait && bytes - done > PIPE_BUF ? PIPE_BUF : piece(bytes - done);
        ssize_t put = offset < 0 ? write(stream->fd, from + done, n)
                                 : pwrite(stream->fd, from + done, n, offset + (int64_t)done);
        if (put > 0) {
            done += (size_t)put;
            continue;
        }
        if (put == 0) errno = ENOSPC; /* a device that takes nothing would be asked for ever */
        if (put == 0 || errno != EINTR) return nx_io_fail_errno(err, stream->path, "write");
    }
    return NEXPR_OK;
}

/* For file systems that cannot reserve: whether there is room now is all that can be known. */
static nexpr_status check_room(const nx_io_stream *stream, int64_t bytes, nexpr_error *err) {
    struct statvfs fs;
    if (fstatvfs(stream->fd, &fs) || !fs.f_blocks) return NEXPR_OK; /* some know nothing of their size */
    if (fs.f_bavail >= (uint64_t)bytes / fs.f_frsize) return NEXPR_OK;
    errno = ENOSPC;
    return nx_io_fail_errno(err, stream->path, "write");
}

nexpr_status nx_io_reserve(const nx_io_stream *stream, int64_t bytes, nexpr_error *err) {
    if (bytes <= 0) return NEXPR_OK;
    while (fallocate(stream->fd, 0, 0, bytes)) {
        if (errno == EOPNOTSUPP || errno == ENOSYS) return check_room(stream, bytes, err);
        if (errno != EINTR) return nx_io_fail_errno(err, stream->path, "write");
        if (nx_io_is_cancelled(stream, err)) return NEXPR_CANCELLED;
    }
    return NEXPR_OK;
}
