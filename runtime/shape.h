/* SPDX-License-Identifier: MIT */
/* Shapes: checked, broadcast, printed. */
#ifndef NX_RUNTIME_SHAPE_H
#define NX_RUNTIME_SHAPE_H

#include "runtime/expr.h"

typedef struct nx_shape {
    int ndim;
    int64_t count; /* elements */
    int64_t extent[NEXPR_MAX_NDIM];
} nx_shape;

/* Whether the array's struct, ndim, shape and size can be; dtype is not looked at if negative sizes etc. are to be found
 * only. is_output and index are for the message. Errors: ARGUMENT, SHAPE. */
nexpr_status nx_check_array(const nexpr_array *array, bool is_output, int index, nexpr_error *err);
/* The common shape of the inputs that used[] marks; each must be a valid array of the declared ndim. Errors: SHAPE,
 * ARGUMENT. */
nexpr_status nx_broadcast(const nexpr *e, const nexpr_array *const *inputs, const uint8_t *used, nx_shape *ret,
                          nexpr_error *err);
bool nx_shape_equals(const nx_shape *shape, const nexpr_array *array);
/* Stride in bytes of axis `axis` of `ndim` broadcast axes: 0 where the array has extent 1 or no such axis. */
int64_t nx_broadcast_stride(const nexpr_array *array, int ndim, int axis);
/* "(2, 3)"; buffer is returned. */
enum { NX_SHAPE_TEXT = 128 };
const char *nx_shape_text(int ndim, const int64_t *extent, char buffer[NX_SHAPE_TEXT]);

#endif
