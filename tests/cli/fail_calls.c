/* SPDX-License-Identifier: MIT */
/*
 * A library for LD_PRELOAD that makes calls to the system fail, for faults_test.py. The environment says how:
 *
 *   FAIL_AT=N       call number N fails ...
 *   FAIL_ERRNO=E    ... with this errno
 *   FAIL_FOREVER=1  and so do all behind it that do the same
 *   FAIL_CALL=NAME  only calls whose names begin so are counted, and fail
 *   FAIL_EINTR=1    every other call that signals may interrupt is interrupted
 *   FAIL_SHORT=1    reads and writes do half of what they are asked for
 *   FAIL_COUNT=F    the number of calls, and the name of the one that failed, are written to the file F at the end
 *
 * The calls are those that nexpr and its libraries make; what stdio does inside glibc is failed at its own functions.
 */
#undef _FILE_OFFSET_BITS /* with it open and open64 would be one function here */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#pragma GCC visibility push(default)

static int calls, interruptible, fail_at, fail_errno;
static bool forever, interrupts, shortens;
static const char *volatile failed = "";
static const char *only = "";

static int number_from(const char *name) {
    const char *text = getenv(name);
    return text ? atoi(text) : 0;
}

__attribute__((constructor)) static void begin(void) {
    fail_at = number_from("FAIL_AT");
    fail_errno = number_from("FAIL_ERRNO");
    forever = number_from("FAIL_FOREVER");
    if (getenv("FAIL_CALL")) only = getenv("FAIL_CALL");
    interrupts = number_from("FAIL_EINTR");
    shortens = number_from("FAIL_SHORT");
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("FAIL_COUNT");
    char text[64];
    if (!path) return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    int n = snprintf(text, sizeof text, "%d %s", calls, failed);
    if (fd >= 0 && syscall(SYS_write, fd, text, n) == n) syscall(SYS_close, fd);
}

/* Whether this call fails; errno is then set. */
static bool fails(const char *name) {
    if (strncmp(name, only, strlen(only))) return false;
    int n = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    bool again = forever && *failed && !strcmp(failed, name);
    if (n != fail_at && !again) return false;
    failed = name;
    errno = fail_errno;
    return true;
}

static bool fails_or_is_interrupted(const char *name) {
    if (interrupts && __atomic_add_fetch(&interruptible, 1, __ATOMIC_SEQ_CST) % 2) {
        errno = EINTR;
        return true;
    }
    return fails(name);
}

static size_t shortened(size_t n) {
    return shortens && n > 1 ? n / 2 : n;
}

/* The next function of this name. */
#define REAL(name) (__extension__(__typeof__(&name)) next(#name))

static void *next(const char *name) {
    void *real = dlsym(RTLD_NEXT, name);
    if (!real) abort();
    return real;
}

#define WRAP(type, name, parameters, arguments, check, failure) \
    type name parameters {                                      \
        return check(#name) ? failure : REAL(name) arguments;   \
    }

WRAP(ssize_t, read, (int fd, void *data, size_t n), (fd, data, shortened(n)), fails_or_is_interrupted, -1)
WRAP(ssize_t, pread, (int fd, void *data, size_t n, off_t at), (fd, data, shortened(n), at), fails_or_is_interrupted, -1)
WRAP(ssize_t, pread64, (int fd, void *data, size_t n, off64_t at), (fd, data, shortened(n), at), fails_or_is_interrupted, -1)
WRAP(ssize_t, write, (int fd, const void *data, size_t n), (fd, data, shortened(n)), fails_or_is_interrupted, -1)
WRAP(ssize_t, pwrite, (int fd, const void *data, size_t n, off_t at), (fd, data, shortened(n), at),
     fails_or_is_interrupted, -1)
WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t n, off64_t at), (fd, data, shortened(n), at),
     fails_or_is_interrupted, -1)
WRAP(int, fsync, (int fd), (fd), fails_or_is_interrupted, -1)
WRAP(int, fdatasync, (int fd), (fd), fails_or_is_interrupted, -1)
WRAP(int, ftruncate, (int fd, off_t n), (fd, n), fails_or_is_interrupted, -1)
WRAP(int, ftruncate64, (int fd, off64_t n), (fd, n), fails_or_is_interrupted, -1)
WRAP(int, fallocate, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n), fails_or_is_interrupted, -1)
WRAP(int, fallocate64, (int fd, int mode, off64_t at, off64_t n), (fd, mode, at, n), fails_or_is_interrupted, -1)
WRAP(int, posix_fallocate, (int fd, off_t at, off_t n), (fd, at, n), fails, errno)
WRAP(int, posix_fallocate64, (int fd, off64_t at, off64_t n), (fd, at, n), fails, errno)
WRAP(int, rename, (const char *from, const char *to), (from, to), fails, -1)
WRAP(int, renameat2, (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags), fails, -1)
WRAP(int, flock, (int fd, int how), (fd, how), fails, -1)
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode), fails, -1)
WRAP(int, fchown, (int fd, uid_t user, gid_t group), (fd, user, group), fails, -1)
WRAP(int, fstat, (int fd, struct stat *st), (fd, st), fails, -1)
WRAP(int, fstat64, (int fd, struct stat64 *st), (fd, st), fails, -1)
WRAP(int, stat, (const char *path, struct stat *st), (path, st), fails, -1)
WRAP(int, stat64, (const char *path, struct stat64 *st), (path, st), fails, -1)
WRAP(int, lstat, (const char *path, struct stat *st), (path, st), fails, -1)
WRAP(int, lstat64, (const char *path, struct stat64 *st), (path, st), fails, -1)
WRAP(int, fstatvfs, (int fd, struct statvfs *st), (fd, st), fails, -1)
WRAP(int, fstatvfs64, (int fd, struct statvfs64 *st), (fd, st), fails, -1)
WRAP(ssize_t, readlink, (const char *path, char *to, size_t n), (path, to, n), fails, -1)
WRAP(off_t, lseek, (int fd, off_t to, int from), (fd, to, from), fails, -1)
WRAP(off64_t, lseek64, (int fd, off64_t to, int from), (fd, to, from), fails, -1)
WRAP(int, access, (const char *path, int mode), (path, mode), fails, -1)
WRAP(int, mkostemp, (char *template, int flags), (template, flags), fails, -1)
WRAP(int, mkostemp64, (char *template, int flags), (template, flags), fails, -1)
WRAP(FILE *, fopen, (const char *path, const char *mode), (path, mode), fails, NULL)
WRAP(FILE *, fopen64, (const char *path, const char *mode), (path, mode), fails, NULL)

#define WRAP_OPEN(name)                                                      \
    int name(const char *path, int flags, ...) {                             \
        va_list args;                                                        \
        va_start(args, flags);                                               \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0; \
        va_end(args);                                                        \
        return fails_or_is_interrupted(#name) ? -1 : REAL(name)(path, flags, mode); \
    }
WRAP_OPEN(open)
WRAP_OPEN(open64)

/* They do their work, also when they report an error. */
int close(int fd) {
    bool failing = fails("close");
    int error = errno, result = REAL(close)(fd);
    if (failing) errno = error;
    return failing ? -1 : result;
}

int fclose(FILE *file) {
    bool failing = fails("fclose");
    int error = errno, result = REAL(fclose)(file);
    if (failing) errno = error;
    return failing ? EOF : result;
}

int fflush(FILE *file) {
    bool failing = fails("fflush");
    int error = errno, result = REAL(fflush)(file);
    if (failing) errno = error;
    return failing ? EOF : result;
}
