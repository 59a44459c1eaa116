/* SPDX-License-Identifier: MIT */
#include "engine/shape.h"

#include <stdio.h>
#include <string.h>

const char *nx_shape_text(int ndim, const int64_t *extent, char buffer[NX_SHAPE_TEXT]) {
    size_t used = 0;
    buffer[used++] = '(';
    for (int i = 0; i < ndim; i++) {
        if (used > NX_SHAPE_TEXT - 32) {
            used += (size_t)snprintf(buffer + used, NX_SHAPE_TEXT - used, "...");
            break;
        }
        const char *after = i + 1 < ndim ? ", " : ndim == 1 ? "," : "";
        used += (size_t)snprintf(buffer + used, NX_SHAPE_TEXT - used, "%lld%s", (long long)extent[i], after);
    }
    buffer[used++] = ')';
    buffer[used] = 0;
    return buffer;
}

bool nx_shape_widen(nx_shape *shape, int ndim, const int64_t *extent) {
    if (ndim > shape->ndim) {
        int added = ndim - shape->ndim;
        memmove(shape->extent + added, shape->extent, (size_t)shape->ndim * sizeof *shape->extent);
        for (int i = 0; i < added; i++) shape->extent[i] = 1;
        shape->ndim = ndim;
    }
    for (int i = 0; i < ndim; i++) {
        int64_t *own = &shape->extent[shape->ndim - ndim + i];
        if (*own == 1 || (*own < 0 && extent[i] != 1)) *own = extent[i];
        else if (extent[i] >= 0 && extent[i] != 1 && extent[i] != *own) return false;
    }
    return true;
}

nexpr_status nx_shape_count(nx_shape *shape, nx_span span, nexpr_error *err) {
    shape->count = 1;
    bool overflow = false, empty = false;
    for (int i = 0; i < shape->ndim; i++) {
        overflow |= __builtin_mul_overflow(shape->count, shape->extent[i] > 0 ? shape->extent[i] : 1, &shape->count);
        empty |= !shape->extent[i];
    }
    char text[NX_SHAPE_TEXT];
    if (overflow || shape->count > INT64_MAX / 16) {
        return nx_fail(err, NEXPR_SHAPE, span, "the result's shape %s is larger than any memory",
                       nx_shape_text(shape->ndim, shape->extent, text));
    }
    if (empty) shape->count = 0;
    return NEXPR_OK;
}

bool nx_shape_equal(const nx_shape *a, const nx_shape *b) {
    return a->ndim == b->ndim && !memcmp(a->extent, b->extent, (size_t)a->ndim * sizeof *a->extent);
}
