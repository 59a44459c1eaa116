/* SPDX-License-Identifier: MIT */
/* Shapes of arrays: checked, and broadcast to that of a result. */
#ifndef NX_RUNTIME_SHAPE_H
#define NX_RUNTIME_SHAPE_H

#include "engine/shape.h"
#include "runtime/expr.h"

/* Whether the array's struct, ndim, shape and size can be; dtype is not looked at if negative sizes etc. are to be found
 * only. is_output and index are for the message. Errors: ARGUMENT, SHAPE. */
nexpr_status nx_check_array(const nexpr_array *array, bool is_output, int index, nexpr_error *err);
/* Whether input i is a valid array of the declared ndim. Errors: ARGUMENT, SHAPE. */
nexpr_status nx_check_input(const nexpr *e, const nexpr_array *const *inputs, uint32_t i, nexpr_error *err);
/* Whether it has the declared dtype. Errors: TYPE. */
nexpr_status nx_check_input_dtype(const nexpr *e, const nexpr_array *const *inputs, uint32_t i, nexpr_error *err);
/* Shape and strides of a valid array, those in bytes. */
nexpr_status nx_array_shape(const nexpr_array *array, nx_shape *ret, nexpr_error *err);
void nx_array_strides(const nexpr_array *array, int64_t *ret);
/* The common shape of the inputs that used[] marks; each must be a valid array of the declared ndim. Errors: SHAPE,
 * ARGUMENT. */
nexpr_status nx_broadcast(const nexpr *e, const nexpr_array *const *inputs, const uint8_t *used, nx_shape *ret,
                          nexpr_error *err);
bool nx_shape_equals(const nx_shape *shape, const nexpr_array *array);
/* Stride in bytes of axis `axis` of `ndim` broadcast axes: 0 where the array has extent 1 or no such axis. */
int64_t nx_broadcast_stride(const nexpr_array *array, int ndim, int axis);

#endif
