/* SPDX-License-Identifier: MIT */
/* Arrays to .npy. */
#ifndef NX_IO_NPY_WRITE_H
#define NX_IO_NPY_WRITE_H

#include "runtime/io/npy.h"
#include "runtime/io/system.h"

/* Writes a whole .npy file at the stream's position. Errors: IO, ARGUMENT, MEMORY, CANCELLED. */
nexpr_status nx_npy_write(const nx_io_stream *stream, const nexpr_array *array, nexpr_error *err);

#endif
