/* SPDX-License-Identifier: MIT */
/*
 * Filling an output. An array that is contiguous in the order of the file and has its byte order is written in place, any
 * other is gathered through a buffer of bounded size.
 */
#include "runtime/io/memory.h"
#include "runtime/io/writer.h"

#include <stdlib.h>
#include <string.h>

enum { BUFFER = 1 << 20 };

/* -------------------------------------------------------------------------------------------------- the life of one -- */

nexpr_status nx_out_write_at(nx_writer *w, const void *data, size_t bytes, int64_t offset, nexpr_error *err) {
    if (w->is_random) return nx_io_write(&w->stream, data, bytes, offset, err);
    if (offset != w->position) return nx_io_fail(err, NEXPR_IO, w->stream.path, "a pipe can only be written in order");
    NX_IO_TRY(nx_io_write(&w->stream, data, bytes, -1, err));
    w->position += (int64_t)bytes;
    return NEXPR_OK;
}

nexpr_status nx_out_write(nx_writer *w, const void *data, size_t bytes, nexpr_error *err) {
    NX_IO_TRY(nx_out_write_at(w, data, bytes, w->position, err));
    if (w->is_random) w->position += (int64_t)bytes;
    return NEXPR_OK;
}

nexpr_status nx_writer_put(nx_writer *w, int member, const void *data, size_t bytes, int64_t offset, nexpr_error *err) {
    NX_IO_TRY(nx_out_write_at(w, data, bytes, w->members[member].offset + offset, err));
    if (w->format->wrote) w->format->wrote(w, member, offset, data, bytes);
    return NEXPR_OK;
}

nexpr_status nx_writer_declare(nx_writer *w, const nx_out_member *members, int count, nexpr_error *err) {
    w->members = calloc((size_t)count + 1, sizeof *w->members);
    if (!w->members) return nx_io_fail_memory(err, w->stream.path);
    for (int i = 0; i < count; i++) {
        w->members[i] = members[i];
        w->members[i].name = strdup(members[i].name);
        if (!w->members[i].name) return nx_io_fail_memory(err, w->stream.path);
        w->member_count = i + 1;
    }
    return w->format->plan(w, err);
}

nexpr_status nx_writer_begin(nx_writer *w, nexpr_error *err) {
    if (w->stream.fd < 0) {
        return nx_io_fail(err, NEXPR_ARGUMENT, w->stream.path, "the output was opened for checks only");
    }
    if (w->is_random) NX_IO_TRY(nx_io_reserve(&w->stream, w->bytes, err));
    return w->format->begin ? w->format->begin(w, err) : NEXPR_OK;
}

nexpr_status nx_writer_finish(nx_writer *w, nexpr_error *err) {
    return w->format->finish ? w->format->finish(w, err) : NEXPR_OK;
}

void nx_writer_free(nx_writer *w) {
    if (w->format && w->format->drop) w->format->drop(w);
    for (int i = 0; i < w->member_count; i++) free((char *)w->members[i].name);
    free(w->members);
    w->members = NULL;
    w->member_count = 0;
}

/* --------------------------------------------------------------------------------------------------- whole arrays -- */

/* An array in the order of the file: axes from the slowest to the fastest. */
typedef struct strided {
    const char *data;
    int ndim;
    int64_t size, count; /* of an element; of elements */
    int64_t shape[NEXPR_MAX_NDIM], strides[NEXPR_MAX_NDIM];
    int64_t swap; /* bytes that change their order: an element, half of a complex one; 0: none */
} strided;

static void get_strides(const nexpr_array *a, int64_t size, int64_t *strides) {
    for (int i = a->ndim - 1; i >= 0; i--) {
        strides[i] = a->strides ? a->strides[i] : size;
        size *= a->shape[i] ? a->shape[i] : 1;
    }
}

/* Whether axes taken in the given order lie without gaps; those of size 1 do not matter. */
static bool is_contiguous(const nx_out_member *m, const int64_t *strides, bool fortran_order) {
    int64_t expected = m->item_size;
    for (int k = 0; k < m->ndim; k++) {
        int i = fortran_order ? k : m->ndim - 1 - k;
        if (m->shape[i] != 1 && strides[i] != expected) return false;
        expected *= m->shape[i];
    }
    return true;
}

nexpr_status nx_writer_describe(const nx_writer *w, const char *name, const nexpr_array *array, nx_out_member *ret,
                                nexpr_error *err) {
    const char *path = w->stream.path;
    if (!array || array->ndim < 0 || array->ndim > NEXPR_MAX_NDIM || !nexpr_dtype_size(array->dtype) ||
        (array->ndim && !array->shape)) {
        return nx_io_fail(err, NEXPR_ARGUMENT, path, "no valid array to write");
    }
    bool keeps = !w->format->by_columns && !w->format->order_is_lost;
    *ret = (nx_out_member){.name = name, .dtype = array->dtype, .byte_order = keeps ? array->byte_order : NEXPR_NATIVE,
                           .ndim = array->ndim, .count = 1, .item_size = (int64_t)nexpr_dtype_size(array->dtype)};
    int64_t bytes = ret->item_size, strides[NEXPR_MAX_NDIM];
    for (int i = 0; i < ret->ndim; i++) {
        int64_t n = ret->shape[i] = array->shape[i];
        if (n < 0 || __builtin_mul_overflow(bytes, n ? n : 1, &bytes)) {
            return nx_io_fail(err, NEXPR_ARGUMENT, path, "the array to write has an invalid shape");
        }
        ret->count *= n;
    }
    if (ret->count && !array->data) return nx_io_fail(err, NEXPR_ARGUMENT, path, "the array to write has no data");
    get_strides(array, ret->item_size, strides);
    ret->fortran_order = keeps && ret->count && !is_contiguous(ret, strides, false) && is_contiguous(ret, strides, true);
    return NEXPR_OK;
}

static strided begin_walk(const nx_out_member *m, const nexpr_array *a) {
    strided w = {.data = a->data, .ndim = m->ndim, .size = m->item_size, .count = m->count};
    int64_t strides[NEXPR_MAX_NDIM];
    get_strides(a, m->item_size, strides);
    for (int k = 0; k < m->ndim; k++) {
        int i = m->fortran_order ? m->ndim - 1 - k : k;
        w.shape[k] = m->shape[i];
        w.strides[k] = strides[i];
    }
    bool is_complex = m->dtype == NEXPR_COMPLEX64 || m->dtype == NEXPR_COMPLEX128;
    if (a->byte_order != m->byte_order && m->item_size > 1) w.swap = m->item_size / (is_complex ? 2 : 1);
    return w;
}

/* Copies elements from number `first` on to `to`. */
static void gather(const strided *w, int64_t first, int64_t count, char *to) {
    int64_t index[NEXPR_MAX_NDIM], rest = first, bytes = count * w->size;
    const char *data = w->data;
    char *begin = to;
    for (int i = w->ndim - 1; i >= 0; i--) {
        index[i] = rest % w->shape[i];
        rest /= w->shape[i];
        data += index[i] * w->strides[i];
    }
    for (; count; count--, to += w->size) {
        memcpy(to, data, (size_t)w->size);
        for (int i = w->ndim - 1; i >= 0; i--) {
            data += w->strides[i];
            if (++index[i] < w->shape[i]) break;
            data -= w->strides[i] * w->shape[i];
            index[i] = 0;
        }
    }
    if (w->swap) nx_io_swap_bytes(begin, bytes, w->swap);
}

static nexpr_status put_array(nx_writer *w, int member, const nexpr_array *array, char *buffer, nexpr_error *err) {
    const nx_out_member *m = &w->members[member];
    strided walk = begin_walk(m, array);
    int64_t strides[NEXPR_MAX_NDIM];
    get_strides(array, m->item_size, strides);
    if (!walk.swap && is_contiguous(m, strides, m->fortran_order)) {
        return nx_writer_put(w, member, array->data, (size_t)(m->count * m->item_size), 0, err);
    }
    for (int64_t first = 0, n; first < m->count; first += n) {
        n = BUFFER / m->item_size < m->count - first ? BUFFER / m->item_size : m->count - first;
        gather(&walk, first, n, buffer);
        NX_IO_TRY(nx_writer_put(w, member, buffer, (size_t)(n * m->item_size), first * m->item_size, err));
    }
    return NEXPR_OK;
}

/* All columns have the same number of rows: the format's plan has seen to that. */
static nexpr_status put_columns(nx_writer *w, const nexpr_array *const *arrays, char *buffer, const void **data,
                                nexpr_error *err) {
    int64_t row = 0, rows = w->members[0].count;
    for (int i = 0; i < w->member_count; i++) row += w->members[i].item_size;
    int64_t most = BUFFER / row ? BUFFER / row : 1;
    for (int64_t first = 0, n; first < rows; first += n) {
        n = most < rows - first ? most : rows - first;
        char *to = buffer;
        for (int i = 0; i < w->member_count; i++) {
            strided walk = begin_walk(&w->members[i], arrays[i]);
            gather(&walk, first, n, to);
            data[i] = to;
            to += n * w->members[i].item_size;
        }
        NX_IO_TRY(w->format->write(w, first, n, data, err));
    }
    return NEXPR_OK;
}

nexpr_status nx_writer_put_arrays(nx_writer *w, const nexpr_array *const *arrays, nexpr_error *err) {
    int64_t row = 0;
    for (int i = 0; i < w->member_count; i++) row += w->members[i].item_size;
    char *buffer = malloc(row > BUFFER ? (size_t)row : BUFFER);
    const void **data = calloc((size_t)w->member_count + 1, sizeof *data);
    nexpr_status status = buffer && data ? NEXPR_OK : nx_io_fail_memory(err, w->stream.path);
    if (!status && w->format->by_columns && w->member_count) status = put_columns(w, arrays, buffer, data, err);
    for (int i = 0; !status && !w->format->by_columns && i < w->member_count; i++) {
        status = put_array(w, i, arrays[i], buffer, err);
    }
    free(buffer);
    free(data);
    return status;
}
