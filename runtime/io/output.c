/* SPDX-License-Identifier: MIT */
/*
 * Files that are written. The bytes go to .NAME.nexpr-tmp in the directory of the file that they will replace; commit
 * flushes it, renames it and flushes the directory. At any moment the path names the old file or the complete new one.
 *
 * Whoever writes a temporary holds a lock (flock) on it, which ends with its process. A temporary that nobody holds is what
 * a killed process left, and is removed; one that is held means that two processes write the same file, which is an error.
 */
#include "nexpr_io.h"

#include "runtime/io/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST_NAME = 230, MAX_LINKS = 40, MAX_TRIES = 20, PIECE = 1 << 20 };

struct nexpr_output {
    nx_writer writer;    /* its stream owns the path, as the caller gave it, and the file that is written */
    int direct_fd;       /* of a pipe or device that gets a copy of the complete file; else -1 */
    char target[PATH_MAX];    /* the file to replace: the path with its last component's symbolic links followed */
    char temporary[PATH_MAX]; /* "" if the target is written directly */
    bool is_standard; /* output */
    bool force, no_fsync, check_only;
    bool is_joined; /* another process made the temporary, and will commit or remove it */
    enum { EMPTY, BROKEN, DECLARED, COMPLETE, COMMITTED } state;
};

nexpr_output_options nexpr_output_options_init(void) {
    return (nexpr_output_options){.size = sizeof(nexpr_output_options)};
}

static nexpr_status fail_errno(const nexpr_output *o, const char *what, nexpr_error *err) {
    return nx_io_fail_errno(err, o->writer.stream.path, what);
}

/* ---------------------------------------------------------------------------------------------------- the target -- */

/* Bytes of path up to and with the last slash. */
static size_t directory_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Replaces o->target, a symbolic link, by what it points to. */
static nexpr_status follow(nexpr_output *o, nexpr_error *err) {
    char to[PATH_MAX];
    ssize_t n = readlink(o->target, to, sizeof to - 1);
    if (n < 0) return fail_errno(o, "read the symbolic link", err);
    to[n] = 0;
    size_t keep = to[0] == '/' ? 0 : directory_length(o->target);
    if (keep + (size_t)n >= sizeof o->target) {
        errno = ENAMETOOLONG;
        return fail_errno(o, "write", err);
    }
    memcpy(o->target + keep, to, (size_t)n + 1);
    return NEXPR_OK;
}

/* Finds the file behind the path; ret_exists says whether there is one, and st is then about it. */
static nexpr_status resolve(nexpr_output *o, bool *ret_exists, struct stat *st, nexpr_error *err) {
    size_t n = strlen(o->writer.stream.path);
    if (n >= sizeof o->target) errno = ENAMETOOLONG;
    if (n >= sizeof o->target) return fail_errno(o, "write", err);
    memcpy(o->target, o->writer.stream.path, n + 1);
    *ret_exists = !stat(o->target, st);
    if (*ret_exists && !S_ISREG(st->st_mode)) return NEXPR_OK; /* only the system can follow links in /proc to pipes */
    for (int links = 0; links <= MAX_LINKS; links++) {
        *ret_exists = !lstat(o->target, st);
        if (!*ret_exists) return errno == ENOENT ? NEXPR_OK : fail_errno(o, "write", err);
        if (!S_ISLNK(st->st_mode)) return NEXPR_OK;
        NX_IO_TRY(follow(o, err));
    }
    errno = ELOOP;
    return fail_errno(o, "write", err);
}

/* The format: what the options say, else what the name says. */
static nexpr_status choose_format(nexpr_output *o, nexpr_file_format wanted, bool is_direct, nexpr_error *err) {
    const char *path = o->writer.stream.path;
    nexpr_file_format format = wanted ? wanted : nexpr_file_format_of_name(path);
    if (!format && is_direct) format = NEXPR_FILE_NPY;
    if (!format) {
        return nx_io_fail(err, NEXPR_ARGUMENT, path, "the name says no format: it has to end in .npy, .npz, .csv, .tsv "
                          "or .bin, or the format has to be given");
    }
    o->writer.format = nx_format_get(format);
    return NEXPR_OK;
}

static nexpr_status exists_already(const nexpr_output *o, nexpr_error *err) {
    return nx_io_fail(err, NEXPR_IO, o->writer.stream.path, "exists already; --force (in a program: force) replaces it");
}

/* -------------------------------------------------------------------------------------------------- the temporary -- */

static nexpr_status name_temporary(nexpr_output *o, nexpr_error *err) {
    size_t directory = directory_length(o->target), n = strlen(o->target + directory);
    if (n > LONGEST_NAME) { /* cut between characters, so that the whole stays within NAME_MAX */
        n = LONGEST_NAME;
        while (n && ((unsigned char)o->target[directory + n] & 0xC0) == 0x80) n--;
    }
    int length = snprintf(o->temporary, sizeof o->temporary, "%.*s.%.*s.nexpr-tmp", (int)directory, o->target, (int)n,
                          o->target + directory);
    if (length > 0 && (size_t)length < sizeof o->temporary) return NEXPR_OK;
    o->temporary[0] = 0;
    errno = ENAMETOOLONG;
    return fail_errno(o, "write", err);
}

typedef enum identity { SAME, OTHER, UNKNOWN } identity;

/* Whether the path still names the open file; errno says why it is unknown. */
static identity identify(int fd, const char *path) {
    struct stat a, b;
    if (fstat(fd, &a)) return UNKNOWN;
    if (lstat(path, &b)) return errno == ENOENT ? OTHER : UNKNOWN;
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino ? SAME : OTHER;
}

/* Removes a temporary that nobody holds. */
static nexpr_status remove_stale(nexpr_output *o, nexpr_error *err) {
    int fd;
    do {
        if (nx_io_is_cancelled(&o->writer.stream, err)) return NEXPR_CANCELLED;
        fd = open(o->temporary, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) return errno == ENOENT ? NEXPR_OK : fail_errno(o, "replace what an earlier run left", err);
    nexpr_status status = NEXPR_OK;
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        status = nx_io_fail(err, NEXPR_IO, o->writer.stream.path, "another process is writing this file");
    } else {
        identity which = identify(fd, o->temporary);
        bool failed = which == UNKNOWN || (which == SAME && unlink(o->temporary));
        if (failed) status = fail_errno(o, "remove what an earlier run left", err);
    }
    close(fd);
    return status;
}

/* Gives up a temporary that was just made. */
static nexpr_status abandon(const nexpr_output *o, int fd, const char *name, nexpr_error *err) {
    nexpr_status status = fail_errno(o, "write", err);
    unlink(name);
    close(fd);
    return status;
}

/* Makes the temporary and locks it. Between the two another process may take it for a stale one: then once more. */
static nexpr_status open_temporary(nexpr_output *o, nexpr_error *err) {
    NX_IO_TRY(name_temporary(o, err));
    char name[sizeof o->temporary];
    memcpy(name, o->temporary, sizeof name);
    for (int tries = 0; tries < MAX_TRIES; tries++) {
        if (nx_io_is_cancelled(&o->writer.stream, err)) return NEXPR_CANCELLED;
        int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno == EINTR) continue;
        if (fd < 0 && errno != EEXIST) return fail_errno(o, "write", err);
        if (fd < 0) {
            NX_IO_TRY(remove_stale(o, err));
            continue;
        }
        bool is_held = flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK; /* a file system may have no locks */
        identity which = is_held ? OTHER : identify(fd, name);
        if (which == UNKNOWN) return abandon(o, fd, name, err);
        if (which == SAME) {
            o->writer.stream.fd = fd;
            return NEXPR_OK;
        }
        close(fd);
    }
    return nx_io_fail(err, NEXPR_IO, o->writer.stream.path, "another process is writing this file");
}

/* Gives the temporary the permissions of the file that it will replace, and its owner where that is allowed. */
static nexpr_status keep_permissions(const nexpr_output *o, const struct stat *st, nexpr_error *err) {
    struct stat own;
    if (fstat(o->writer.stream.fd, &own)) return fail_errno(o, "write", err);
    if (own.st_uid != st->st_uid || own.st_gid != st->st_gid) {
        bool failed = fchown(o->writer.stream.fd, st->st_uid, st->st_gid) && errno != EPERM;
        if (failed) return fail_errno(o, "keep the owner", err);
    }
    return fchmod(o->writer.stream.fd, st->st_mode & 0777) ? fail_errno(o, "keep the permissions", err) : NEXPR_OK;
}

static int open_once(const nexpr_output *o) {
    if (o->is_standard) return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return open(o->target, O_WRONLY | O_CLOEXEC | O_NOCTTY);
}

/* A pipe or device is written in order; a format that cannot do so is written into a temporary and copied at the end. */
static nexpr_status open_directly(nexpr_output *o, nexpr_error *err) {
    int fd;
    do {
        if (nx_io_is_cancelled(&o->writer.stream, err)) return NEXPR_CANCELLED;
        fd = open_once(o);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) return fail_errno(o, "write", err);
    struct stat st;
    o->writer.stream.may_wait = !fstat(fd, &st) && !S_ISREG(st.st_mode);
    if (!o->writer.format->at_any_place) {
        o->writer.stream.fd = fd;
        return NEXPR_OK;
    }
    o->direct_fd = fd;
    o->writer.is_random = true;
    return nx_spool_open(&o->writer.stream, NULL, &o->writer.stream.fd, err);
}

/* What opening the temporary would find. */
static nexpr_status check_directory(const nexpr_output *o, nexpr_error *err) {
    char path[PATH_MAX] = ".";
    size_t n = directory_length(o->target);
    if (n) snprintf(path, sizeof path, "%.*s", (int)n, o->target);
    return access(path, W_OK | X_OK) ? fail_errno(o, "write", err) : NEXPR_OK;
}

static nexpr_status open_output(nexpr_output *o, nexpr_file_format wanted, nexpr_error *err) {
    bool exists = false, is_direct = o->is_standard;
    const char *path = o->writer.stream.path;
    struct stat st;
    if (!is_direct) NX_IO_TRY(resolve(o, &exists, &st, err));
    if (exists && S_ISDIR(st.st_mode)) return nx_io_fail(err, NEXPR_IO, path, "is a directory");
    if (exists) is_direct = S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode);
    if (exists && !is_direct && !S_ISREG(st.st_mode)) {
        return nx_io_fail(err, NEXPR_IO, path, "is no file that can be replaced");
    }
    NX_IO_TRY(choose_format(o, wanted, is_direct, err));
    if (exists && !is_direct && !o->force) return exists_already(o, err);
    if (o->check_only) return is_direct ? NEXPR_OK : check_directory(o, err);
    if (is_direct) return open_directly(o, err);
    NX_IO_TRY(open_temporary(o, err));
    o->writer.is_random = true;
    return exists ? keep_permissions(o, &st, err) : NEXPR_OK;
}

/* Opens the temporary of another process; it is known by its inode number, which all machines see. */
static nexpr_status open_joined(nexpr_output *o, nexpr_file_format wanted, uint64_t number, nexpr_error *err) {
    struct stat st;
    bool exists;
    NX_IO_TRY(resolve(o, &exists, &st, err));
    NX_IO_TRY(choose_format(o, wanted, false, err));
    NX_IO_TRY(name_temporary(o, err));
    int fd;
    do {
        if (nx_io_is_cancelled(&o->writer.stream, err)) return NEXPR_CANCELLED;
        fd = open(o->temporary, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0 && errno != ENOENT) return fail_errno(o, "write to the temporary of another process", err);
    o->writer.stream.fd = fd;
    o->writer.is_random = true;
    if (fd >= 0 && fstat(fd, &st)) return fail_errno(o, "write to the temporary of another process", err);
    if (fd >= 0 && st.st_ino == number) return NEXPR_OK;
    return nx_io_fail(err, NEXPR_IO, o->writer.stream.path, "the temporary that another process made is not to be found "
                      "here: the path has to name the same file for all processes");
}

/* Everything but opened. */
static nexpr_status make_output(const char *path, const nexpr_output_options *options, nexpr_output **ret_output,
                                nexpr_file_format *ret_wanted, nexpr_error *err) {
    nexpr_output_options all = nexpr_output_options_init();
    if (!path || !ret_output) return nx_io_fail(err, NEXPR_ARGUMENT, NULL, "an output needs path and ret_output");
    if (options) memcpy(&all, options, options->size < sizeof all ? options->size : sizeof all);
    if (!nexpr_file_format_name(all.format)) return nx_io_fail(err, NEXPR_ARGUMENT, path, "there is no such format");
    nexpr_output *o = calloc(1, sizeof *o);
    bool is_standard = !strcmp(path, "-");
    char *copy = strdup(is_standard ? "standard output" : path);
    if (!o || !copy) {
        free(o);
        free(copy);
        return nx_io_fail_memory(err, path);
    }
    o->writer.stream = (nx_io_stream){.path = copy, .fd = -1, .cancel = all.cancel};
    o->direct_fd = -1;
    o->is_standard = is_standard;
    o->force = all.force;
    o->no_fsync = all.no_fsync;
    o->check_only = all.check_only;
    *ret_output = o;
    *ret_wanted = all.format;
    return NEXPR_OK;
}

nexpr_status nexpr_output_new(const char *path, const nexpr_output_options *options, nexpr_output **ret_output,
                              nexpr_error *err) {
    nexpr_output *o = NULL;
    nexpr_file_format wanted;
    NX_IO_TRY(make_output(path, options, ret_output ? &o : NULL, &wanted, err));
    nexpr_status status = open_output(o, wanted, err);
    if (status) nexpr_output_free(&o);
    else *ret_output = o;
    return status;
}

nexpr_status nexpr_output_join(const char *path, uint64_t number, const nexpr_output_options *options,
                               nexpr_output **ret_output, nexpr_error *err) {
    nexpr_output *o = NULL;
    nexpr_file_format wanted;
    NX_IO_TRY(make_output(path, options, ret_output ? &o : NULL, &wanted, err));
    o->is_joined = true;
    nexpr_status status = open_joined(o, wanted, number, err);
    if (status) nexpr_output_free(&o);
    else *ret_output = o;
    return status;
}

nexpr_status nexpr_output_share(const nexpr_output *output, uint64_t *ret_number, nexpr_error *err) {
    const nexpr_output *o = output;
    const nx_format *format = o->writer.format;
    struct stat st;
    if (!o->temporary[0] || o->writer.stream.fd < 0 || format->by_columns || format->wrote) {
        return nx_io_fail(err, NEXPR_ARGUMENT, o->writer.stream.path, "several processes can write .npy and raw files, not "
                          "pipes and other formats");
    }
    if (fstat(o->writer.stream.fd, &st)) return fail_errno(o, "write", err);
    *ret_number = st.st_ino;
    return NEXPR_OK;
}

/* ------------------------------------------------------------------------------------------------ write and commit -- */

const char *nexpr_output_temporary(const nexpr_output *output) {
    return output && *output->temporary ? output->temporary : NULL;
}

nexpr_file_format nexpr_output_format(const nexpr_output *output) {
    return output->writer.format->id;
}

nexpr_output_info nexpr_output_info_init(void) {
    return (nexpr_output_info){.size = sizeof(nexpr_output_info)};
}

nexpr_status nexpr_output_describe(const nexpr_output *output, nexpr_output_info *ret_info) {
    if (!output || !ret_info) return NEXPR_ARGUMENT;
    const nexpr_output_info info = {.size = ret_info->size, .path = output->is_standard ? "-" : output->writer.stream.path,
                                    .format = output->writer.format->id, .no_fsync = output->no_fsync};
    memcpy(ret_info, &info, info.size < sizeof info ? info.size : sizeof info);
    return NEXPR_OK;
}

nx_writer *nx_output_writer(nexpr_output *o, nexpr_error *err) {
    if (o->state == EMPTY) {
        o->state = BROKEN;
        return &o->writer;
    }
    nx_io_fail(err, NEXPR_ARGUMENT, o->writer.stream.path, "a file is written once, with all its arrays");
    return NULL;
}

void nx_output_set_complete(nexpr_output *o) {
    o->state = COMPLETE;
}

static nexpr_status write_arrays(nx_writer *w, const char *const *names, const nexpr_array *const *arrays, int count,
                                 nx_out_member *members, nexpr_error *err) {
    char (*numbered)[16] = calloc((size_t)count + 1, sizeof *numbered);
    nexpr_status status = numbered ? NEXPR_OK : nx_io_fail_memory(err, w->stream.path);
    for (int i = 0; !status && i < count; i++) {
        snprintf(numbered[i], sizeof numbered[i], "r%d", i);
        status = nx_writer_describe(w, names && names[i] ? names[i] : numbered[i], arrays[i], &members[i], err);
    }
    if (!status) status = nx_writer_declare(w, members, count, err);
    if (!status) status = nx_writer_begin(w, err);
    if (!status) status = nx_writer_put_arrays(w, arrays, err);
    if (!status) status = nx_writer_finish(w, err);
    free(numbered);
    return status;
}

/* What arrays are written by: the output's writer, and room for as many members, which the caller frees. */
static nexpr_status begin_members(nexpr_output *output, const nexpr_array *const *arrays, int count, nx_writer **ret_writer,
                                  nx_out_member **ret_members, nexpr_error *err) {
    const char *path = output->writer.stream.path;
    if (count < 0 || (count && !arrays)) return nx_io_fail(err, NEXPR_ARGUMENT, path, "no arrays to write");
    *ret_writer = nx_output_writer(output, err);
    if (!*ret_writer) return NEXPR_ARGUMENT;
    *ret_members = calloc((size_t)count + 1, sizeof **ret_members);
    return *ret_members ? NEXPR_OK : nx_io_fail_memory(err, path);
}

nexpr_status nexpr_output_write(nexpr_output *output, const char *const *names, const nexpr_array *const *arrays, int count,
                                nexpr_error *err) {
    nx_writer *w = NULL;
    nx_out_member *members = NULL;
    NX_IO_TRY(begin_members(output, arrays, count, &w, &members, err));
    nexpr_status status = write_arrays(w, names, arrays, count, members, err);
    free(members);
    if (!status) nx_output_set_complete(output);
    return status;
}

static nexpr_status declare(nexpr_output *o, nx_writer *w, const char *const *names, const nexpr_array *const *arrays,
                            int count, nx_out_member *members, nexpr_error *err) {
    char numbered[16];
    nexpr_status status = NEXPR_OK;
    if (w->format->by_columns) {
        return nx_io_fail(err, NEXPR_ARGUMENT, w->stream.path, "a table cannot be written by parts");
    }
    for (int i = 0; !status && i < count; i++) {
        nexpr_array plain = *arrays[i];
        plain.data = members; /* anything: it is not looked at */
        plain.strides = NULL;
        plain.byte_order = NEXPR_NATIVE;
        snprintf(numbered, sizeof numbered, "r%d", i);
        status = nx_writer_describe(w, names && names[i] ? names[i] : numbered, &plain, &members[i], err);
        if (!status && !(members[i].name = strdup(members[i].name))) status = nx_io_fail_memory(err, w->stream.path);
        if (status) members[i].name = NULL;
    }
    if (!status) status = nx_writer_declare(w, members, count, err);
    for (int i = 0; i < count; i++) free((char *)members[i].name);
    return status || o->is_joined ? status : nx_writer_begin(w, err);
}

nexpr_status nexpr_output_declare(nexpr_output *output, const char *const *names, const nexpr_array *const *arrays,
                                  int count, nexpr_error *err) {
    nx_writer *w = NULL;
    nx_out_member *members = NULL;
    NX_IO_TRY(begin_members(output, arrays, count, &w, &members, err));
    nexpr_status status = declare(output, w, names, arrays, count, members, err);
    free(members);
    if (!status) output->state = DECLARED;
    return status;
}

nexpr_status nexpr_output_put(nexpr_output *output, int index, int64_t first, int64_t count, const void *data,
                              nexpr_error *err) {
    nx_writer *w = &output->writer;
    if (output->state != DECLARED || index < 0 || index >= w->member_count) {
        return nx_io_fail(err, NEXPR_ARGUMENT, w->stream.path, "there is no array %d to be written by parts", index);
    }
    const nx_out_member *m = &w->members[index];
    if (first < 0 || count < 0 || first > m->count || count > m->count - first) {
        return nx_io_fail(err, NEXPR_ARGUMENT, w->stream.path, "elements %lld to %lld are not in an array of %lld",
                          (long long)first, (long long)first + (long long)count, (long long)m->count);
    }
    if (!count) return NEXPR_OK;
    return nx_writer_put(w, index, data, (size_t)(count * m->item_size), first * m->item_size, err);
}

static nexpr_status flush(nexpr_output *o, nexpr_error *err) {
    while (fsync(o->writer.stream.fd)) {
        if (errno != EINTR) return fail_errno(o, "write to the disk", err);
        if (nx_io_is_cancelled(&o->writer.stream, err)) return NEXPR_CANCELLED;
    }
    return NEXPR_OK;
}

nexpr_status nexpr_output_complete(nexpr_output *output, nexpr_error *err) {
    nexpr_output *o = output;
    if (o->state != DECLARED) {
        return nx_io_fail(err, NEXPR_ARGUMENT, o->writer.stream.path, "nothing was written by parts");
    }
    o->state = BROKEN;
    if (!o->is_joined) {
        NX_IO_TRY(nx_writer_finish(&o->writer, err));
        o->state = COMPLETE;
        return NEXPR_OK;
    }
    return o->no_fsync ? NEXPR_OK : flush(o, err);
}

/* Renames unless the target exists; in two steps where the file system cannot do it in one. */
static int rename_new(const char *from, const char *to) {
    if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE)) return 0;
    if (errno != EINVAL && errno != ENOSYS) return -1;
    struct stat st;
    bool exists = !lstat(to, &st);
    errno = EEXIST;
    return exists ? -1 : rename(from, to);
}

/* Puts the temporary in place. Without force a file that came into being meanwhile is left alone. */
static nexpr_status put_in_place(nexpr_output *o, nexpr_error *err) {
    int failed = o->force ? rename(o->temporary, o->target) : rename_new(o->temporary, o->target);
    if (failed && !o->force && errno == EEXIST) return exists_already(o, err);
    if (failed) return fail_errno(o, "rename the complete temporary to its name", err);
    o->temporary[0] = 0;
    return NEXPR_OK;
}

/* Makes the rename durable. A directory that cannot be opened or flushed by design is left to the system. */
static nexpr_status flush_directory(nexpr_output *o, nexpr_error *err) {
    size_t n = directory_length(o->target);
    char path[PATH_MAX] = ".";
    if (n) snprintf(path, sizeof path, "%.*s", (int)n, o->target);
    int fd, failed;
    do fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    if (fd < 0) return errno == EACCES ? NEXPR_OK : fail_errno(o, "flush the directory of the complete file", err);
    do failed = fsync(fd);
    while (failed && errno == EINTR);
    nexpr_status status = NEXPR_OK;
    if (failed && errno != EINVAL && errno != EROFS) status = fail_errno(o, "flush the directory of the complete file", err);
    close(fd);
    return status;
}

/* Sends the complete file to the pipe or device that it is for. */
static nexpr_status copy_to_direct(nexpr_output *o, nexpr_error *err) {
    nx_io_stream to = o->writer.stream;
    to.fd = o->direct_fd;
    char *piece = malloc(PIECE);
    if (!piece) return nx_io_fail_memory(err, to.path);
    nexpr_status status = NEXPR_OK;
    size_t count = PIECE;
    for (int64_t offset = 0; !status && count == PIECE; offset += (int64_t)count) {
        status = nx_io_read(&o->writer.stream, piece, PIECE, offset, &count, err);
        if (!status) status = nx_io_write(&to, piece, count, -1, err);
    }
    free(piece);
    return status;
}

static nexpr_status close_fd(const nexpr_output *o, int *fd, nexpr_error *err) {
    int failed = *fd >= 0 ? close(*fd) : 0;
    *fd = -1;
    return failed && errno != EINTR ? fail_errno(o, "write", err) : NEXPR_OK;
}

nexpr_status nexpr_output_commit(nexpr_output *output, nexpr_error *err) {
    nexpr_output *o = output;
    if (o->state != COMPLETE) {
        return nx_io_fail(err, NEXPR_ARGUMENT, o->writer.stream.path, "there is no complete file to commit");
    }
    o->state = COMMITTED;
    if (nx_io_is_cancelled(&o->writer.stream, err)) return NEXPR_CANCELLED;
    if (o->direct_fd >= 0) NX_IO_TRY(copy_to_direct(o, err));
    if (o->temporary[0]) {
        if (!o->no_fsync) NX_IO_TRY(flush(o, err));
        NX_IO_TRY(put_in_place(o, err));
        if (!o->no_fsync) NX_IO_TRY(flush_directory(o, err));
    }
    NX_IO_TRY(close_fd(o, &o->direct_fd, err));
    return close_fd(o, &o->writer.stream.fd, err);
}

void nexpr_output_free(nexpr_output **output) {
    nexpr_output *o = *output;
    if (!o) return;
    if (o->temporary[0] && o->writer.stream.fd >= 0 && !o->is_joined) unlink(o->temporary);
    if (o->writer.stream.fd >= 0) close(o->writer.stream.fd);
    if (o->direct_fd >= 0) close(o->direct_fd);
    nx_writer_free(&o->writer);
    free((char *)o->writer.stream.path);
    free(o);
    *output = NULL;
}
