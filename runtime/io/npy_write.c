/* SPDX-License-Identifier: MIT */
/*
 * Writing .npy: the header, byte for byte numpy.save's, and the elements in the order that the header promises. An array
 * that is contiguous in that order is written in place, any other is gathered through a buffer of bounded size.
 */
#include "runtime/io/npy_write.h"

#include <stdlib.h>
#include <string.h>

enum { BUFFER = 1 << 20 };

/* An array, checked, its strides made explicit. */
typedef struct walk {
    int ndim;
    int64_t size, count; /* of an element; of elements */
    int64_t shape[NEXPR_MAX_NDIM], strides[NEXPR_MAX_NDIM];
} walk;

/* Whether axes taken in the given order lie without gaps; those of size 1 do not matter. */
static bool is_contiguous(const walk *w, bool fortran_order) {
    int64_t expected = w->size;
    for (int k = 0; k < w->ndim; k++) {
        int i = fortran_order ? k : w->ndim - 1 - k;
        if (w->shape[i] != 1 && w->strides[i] != expected) return false;
        expected *= w->shape[i];
    }
    return true;
}

static nexpr_status describe(const char *path, const nexpr_array *array, walk *w, nexpr_error *err) {
    if (!array || array->ndim < 0 || array->ndim > NEXPR_MAX_NDIM || !nexpr_dtype_size(array->dtype) ||
        (array->ndim && !array->shape)) {
        return nx_io_fail(err, NEXPR_ARGUMENT, path, "no valid array to write");
    }
    *w = (walk){.ndim = array->ndim, .size = (int64_t)nexpr_dtype_size(array->dtype), .count = 1};
    int64_t stride = w->size;
    for (int i = w->ndim - 1; i >= 0; i--) {
        int64_t n = w->shape[i] = array->shape[i];
        w->strides[i] = array->strides ? array->strides[i] : stride;
        if (n < 0 || __builtin_mul_overflow(stride, n ? n : 1, &stride)) {
            return nx_io_fail(err, NEXPR_ARGUMENT, path, "the array to write has an invalid shape");
        }
        w->count *= n;
    }
    if (w->count && !array->data) return nx_io_fail(err, NEXPR_ARGUMENT, path, "the array to write has no data");
    return NEXPR_OK;
}

/* Copies elements from flat index `first` on to `to`. */
static void gather(const walk *w, const char *data, int64_t first, int64_t count, char *to) {
    int64_t index[NEXPR_MAX_NDIM], rest = first;
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
}

static nexpr_status write_gathered(const nx_io_stream *stream, const walk *w, const char *data, nexpr_error *err) {
    char *buffer = malloc(BUFFER);
    if (!buffer) return nx_io_fail_memory(err, stream->path);
    nexpr_status status = NEXPR_OK;
    for (int64_t first = 0, n; first < w->count && !status; first += n) {
        n = BUFFER / w->size < w->count - first ? BUFFER / w->size : w->count - first;
        gather(w, data, first, n, buffer);
        status = nx_io_write(stream, buffer, (size_t)(n * w->size), err);
    }
    free(buffer);
    return status;
}

nexpr_status nx_npy_write(const nx_io_stream *stream, const nexpr_array *array, nexpr_error *err) {
    walk w;
    NX_IO_TRY(describe(stream->path, array, &w, err));
    bool c_order = !w.count || is_contiguous(&w, false);
    bool fortran_order = !c_order && is_contiguous(&w, true);
    char header[NX_NPY_WRITTEN_MAX];
    size_t length = nx_npy_format(array->dtype, array->byte_order, fortran_order, w.ndim, w.shape, header);
    NX_IO_TRY(nx_io_write(stream, header, length, err));
    if (c_order || fortran_order) return nx_io_write(stream, array->data, (size_t)(w.count * w.size), err);
    return write_gathered(stream, &w, array->data, err);
}
