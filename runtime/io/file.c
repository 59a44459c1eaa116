/* SPDX-License-Identifier: MIT */
/*
 * Files that are read: open checks and describes, load reads all data behind the header once and gives views into it.
 * A regular file is read with pread and its size is compared before any memory is taken; anything else is a pipe, read in
 * order, whose size is known only at its end.
 */
#include "nexpr_io.h"

#include "runtime/io/npy.h"
#include "runtime/io/system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HUGE_PAGE = 2 << 20, CACHE_LINE = 64, FIRST_PIECE = 1 << 20 };

struct nexpr_file {
    nx_io_stream stream; /* owns path and fd */
    bool is_regular;
    int64_t size;     /* of a regular file */
    int64_t position; /* of the next byte to read */
    nx_npy_header header;
    char *data; /* NULL until loaded */
};

nexpr_file_options nexpr_file_options_init(void) {
    return (nexpr_file_options){.size = sizeof(nexpr_file_options)};
}

nexpr_member nexpr_member_init(void) {
    return (nexpr_member){.size = sizeof(nexpr_member)};
}

/* Reads the next bytes. */
static nexpr_status read_next(nexpr_file *file, void *data, size_t bytes, size_t *ret_count, nexpr_error *err) {
    int64_t offset = file->is_regular ? file->position : -1;
    NX_IO_TRY(nx_io_read(&file->stream, data, bytes, offset, ret_count, err));
    file->position += (int64_t)*ret_count;
    return NEXPR_OK;
}

/* ------------------------------------------------------------------------------------------------------- opening -- */

static nexpr_status open_path(nexpr_file *file, nexpr_error *err) {
    nx_io_stream *stream = &file->stream;
    do {
        if (nx_io_is_cancelled(stream, err)) return NEXPR_CANCELLED;
        stream->fd = open(stream->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    } while (stream->fd < 0 && errno == EINTR);
    if (stream->fd < 0) return nx_io_fail_errno(err, stream->path, "open");
    struct stat st;
    if (fstat(stream->fd, &st)) return nx_io_fail_errno(err, stream->path, "open");
    if (S_ISDIR(st.st_mode)) return nx_io_fail(err, NEXPR_IO, stream->path, "is a directory");
    file->is_regular = S_ISREG(st.st_mode);
    file->size = st.st_size;
    return NEXPR_OK;
}

static nexpr_status truncated_header(const nexpr_file *file, size_t expected, size_t actual, nexpr_error *err) {
    return nx_io_fail(err, NEXPR_FORMAT, file->stream.path, "truncated header: expected %zu bytes, the file has %zu",
                      expected, actual);
}

static nexpr_status read_prefix(nexpr_file *file, nx_npy_prefix *ret, nexpr_error *err) {
    unsigned char bytes[NX_NPY_LONG_PREFIX];
    size_t count, more = 0;
    NX_IO_TRY(read_next(file, bytes, NX_NPY_SHORT_PREFIX, &count, err));
    if (!count) return nx_io_fail(err, NEXPR_FORMAT, file->stream.path, "the file is empty");
    NX_IO_TRY(nx_npy_parse_prefix(file->stream.path, bytes, count, ret, err));
    if (ret->size) return NEXPR_OK;
    NX_IO_TRY(read_next(file, bytes + count, NX_NPY_LONG_PREFIX - count, &more, err));
    if (count + more < NX_NPY_LONG_PREFIX) return truncated_header(file, NX_NPY_LONG_PREFIX, count + more, err);
    return nx_npy_parse_prefix(file->stream.path, bytes, NX_NPY_LONG_PREFIX, ret, err);
}

static nexpr_status read_header(nexpr_file *file, nexpr_error *err) {
    nx_npy_prefix prefix;
    NX_IO_TRY(read_prefix(file, &prefix, err));
    unsigned char *text = malloc(prefix.header_length + 1);
    if (!text) return nx_io_fail_memory(err, file->stream.path);
    size_t count;
    nexpr_status status = read_next(file, text, prefix.header_length, &count, err);
    if (!status && count < prefix.header_length) {
        status = truncated_header(file, prefix.size + prefix.header_length, prefix.size + count, err);
    }
    if (!status) status = nx_npy_parse_header(file->stream.path, prefix.version, text, count, &file->header, err);
    free(text);
    return status;
}

static nexpr_status wrong_size(const nexpr_file *file, int64_t actual, nexpr_error *err) {
    int64_t expected = file->header.data_bytes;
    return nx_io_fail(err, NEXPR_FORMAT, file->stream.path, "%s: expected %lld bytes of data, the file has %s%lld",
                      actual < expected ? "truncated" : "something behind the data", (long long)expected,
                      !file->is_regular && actual > expected ? "at least " : "", (long long)actual);
}

static nexpr_status open_all(nexpr_file *file, nexpr_error *err) {
    NX_IO_TRY(open_path(file, err));
    NX_IO_TRY(read_header(file, err));
    int64_t actual = file->size - file->position;
    return file->is_regular && actual != file->header.data_bytes ? wrong_size(file, actual, err) : NEXPR_OK;
}

nexpr_status nexpr_file_open(const char *path, const nexpr_file_options *options, nexpr_file **ret_file, nexpr_error *err) {
    if (!path || !ret_file) return nx_io_fail(err, NEXPR_ARGUMENT, NULL, "nexpr_file_open: path and ret_file are needed");
    nexpr_file *file = calloc(1, sizeof *file);
    char *copy = strdup(path);
    if (!file || !copy) {
        free(file);
        free(copy);
        return nx_io_fail_memory(err, path);
    }
    file->stream = (nx_io_stream){.path = copy, .fd = -1, .cancel = options ? options->cancel : NULL};
    nexpr_status status = open_all(file, err);
    if (status) nexpr_file_free(&file);
    else *ret_file = file;
    return status;
}

void nexpr_file_free(nexpr_file **file) {
    nexpr_file *f = *file;
    if (!f) return;
    if (f->stream.fd >= 0) close(f->stream.fd);
    nx_npy_header_free(&f->header);
    free((char *)f->stream.path);
    free(f->data);
    free(f);
    *file = NULL;
}

/* ---------------------------------------------------------------------------------------------- describe and load -- */

int nexpr_file_member_count(const nexpr_file *file) {
    return file->header.member_count;
}

nexpr_status nexpr_file_member(const nexpr_file *file, int index, nexpr_member *ret_member) {
    const nx_npy_header *h = &file->header;
    if (index < 0 || index >= h->member_count) return NEXPR_ARGUMENT;
    const nx_npy_member *m = &h->members[index];
    nexpr_member member = {.size = ret_member->size, .name = m->name, .type = m->type, .usable = m->usable,
                           .dtype = m->dtype, .byte_order = m->byte_order, .offset = m->offset, .ndim = h->ndim,
                           .shape = h->shape, .fortran_order = h->fortran_order};
    memcpy(ret_member, &member, member.size < sizeof member ? member.size : sizeof member);
    return NEXPR_OK;
}

/* Large data lies on huge pages: fewer page faults. */
static char *allocate_data(size_t bytes) {
    void *data;
    bool is_large = bytes >= 2 * (size_t)HUGE_PAGE;
    if (posix_memalign(&data, is_large ? HUGE_PAGE : CACHE_LINE, bytes ? bytes : 1)) return NULL;
    if (is_large) madvise(data, bytes, MADV_HUGEPAGE);
    return data;
}

/* The size of a regular file has been checked, so memory for all of it is taken at once. */
static nexpr_status read_file(nexpr_file *file, size_t bytes, size_t *ret_count, nexpr_error *err) {
    file->data = allocate_data(bytes);
    if (!file->data) return nx_io_fail_memory(err, file->stream.path);
    return read_next(file, file->data, bytes, ret_count, err);
}

/* A pipe gets no more memory than twice of what has come, whatever its header says. */
static nexpr_status read_pipe(nexpr_file *file, size_t bytes, size_t *ret_count, nexpr_error *err) {
    size_t capacity = 0, count = 0, more = 0;
    do {
        size_t larger = capacity ? 2 * capacity : FIRST_PIECE;
        capacity = larger < bytes ? larger : bytes;
        char *data = realloc(file->data, capacity ? capacity : 1);
        if (!data) return nx_io_fail_memory(err, file->stream.path);
        file->data = data;
        NX_IO_TRY(read_next(file, data + count, capacity - count, &more, err));
        count += more;
    } while (count == capacity && capacity < bytes);
    *ret_count = count;
    return NEXPR_OK;
}

static nexpr_status read_data(nexpr_file *file, nexpr_error *err) {
    size_t bytes = (size_t)file->header.data_bytes, count = 0, extra = 0;
    NX_IO_TRY(file->is_regular ? read_file(file, bytes, &count, err) : read_pipe(file, bytes, &count, err));
    if (count == bytes) {
        char one;
        NX_IO_TRY(read_next(file, &one, 1, &extra, err));
    }
    return count < bytes || extra ? wrong_size(file, (int64_t)(count + extra), err) : NEXPR_OK;
}

static void normalise_bools(nexpr_file *file) {
    const nx_npy_header *h = &file->header;
    for (int i = 0; i < h->member_count; i++) {
        const nx_npy_member *m = &h->members[i];
        if (!m->usable || m->dtype != NEXPR_BOOL) continue;
        char *at = file->data + (h->count ? m->offset : 0);
        for (int64_t k = 0; k < h->count; k++, at += h->item_size) *at = *at != 0;
    }
}

static nexpr_status load_data(nexpr_file *file, nexpr_error *err) {
    if (file->data) return NEXPR_OK;
    if ((uint64_t)file->header.data_bytes > PTRDIFF_MAX) return nx_io_fail_memory(err, file->stream.path);
    nexpr_status status = read_data(file, err);
    if (status) {
        free(file->data);
        file->data = NULL;
        return status;
    }
    normalise_bools(file);
    return NEXPR_OK;
}

nexpr_status nexpr_file_load(nexpr_file *file, int index, nexpr_array *ret_array, nexpr_error *err) {
    const nx_npy_header *h = &file->header;
    if (index < 0 || index >= h->member_count) {
        return nx_io_fail(err, NEXPR_ARGUMENT, file->stream.path, "there is no member %d", index);
    }
    const nx_npy_member *m = &h->members[index];
    if (!m->usable) {
        return nx_io_fail(err, NEXPR_TYPE, file->stream.path, "%s%.80s%s has dtype '%.60s', which nexpr cannot compute with",
                          m->name ? "field '" : "the array", m->name ? m->name : "", m->name ? "'" : "", m->type);
    }
    NX_IO_TRY(load_data(file, err));
    ret_array->data = file->data + (h->count ? m->offset : 0); /* an empty file has no record to point into */
    ret_array->dtype = m->dtype;
    ret_array->byte_order = m->byte_order;
    ret_array->ndim = h->ndim;
    ret_array->shape = h->shape;
    ret_array->strides = h->strides;
    ret_array->owner = NULL;
    return NEXPR_OK;
}
