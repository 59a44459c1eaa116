/* SPDX-License-Identifier: MIT */
/* See fail_io.h. Only files below /tmp/nexpr-mpi- count, so that MPI's own are left alone. */
#undef _FILE_OFFSET_BITS /* with it open and open64 would be one function here */
#include "tests/mpi/fail_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#pragma GCC visibility push(default)

int fail_io_at = -1, fail_io_errno;
bool fail_io_did;

void fail_io(int at, int how) {
    fail_io_at = at;
    fail_io_errno = how;
    fail_io_did = false;
}

static bool is_ours(int fd) {
    char link[40], path[256];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n < 0 ? 0 : n] = 0;
    return strstr(path, "/nexpr-mpi-");
}

static bool fails(bool counts) {
    if (!counts || fail_io_at < 0 || fail_io_at-- > 0) return false;
    errno = fail_io_errno;
    fail_io_did = true;
    return true;
}

#define AT_PLACE(name, number, kind, type)                                                                                \
    ssize_t name(int fd, kind data, size_t bytes, type offset) {                                                          \
        return fails(fail_io_at >= 0 && is_ours(fd)) ? -1 : syscall(number, fd, data, bytes, offset);                     \
    }
AT_PLACE(pread, SYS_pread64, void *, off_t)
AT_PLACE(pread64, SYS_pread64, void *, off64_t)
AT_PLACE(pwrite, SYS_pwrite64, const void *, off_t)
AT_PLACE(pwrite64, SYS_pwrite64, const void *, off64_t)

int fsync(int fd) {
    return fails(fail_io_at >= 0 && is_ours(fd)) ? -1 : (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to) {
    return fails(strstr(from, "/nexpr-mpi-")) ? -1 : (int)syscall(SYS_rename, from, to);
}

#define OPEN(name)                                                                                                        \
    int name(const char *path, int flags, ...) {                                                                          \
        va_list args;                                                                                                     \
        va_start(args, flags);                                                                                            \
        const int mode = flags & O_CREAT ? va_arg(args, int) : 0;                                                         \
        va_end(args);                                                                                                     \
        return fails(strstr(path, "/nexpr-mpi-")) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);           \
    }
OPEN(open)
OPEN(open64)
