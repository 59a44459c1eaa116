/* SPDX-License-Identifier: MIT */
/* What an output is for code that writes into it: declared, begun, filled and finished; and arrays written as a whole. */
#ifndef NX_IO_WRITER_H
#define NX_IO_WRITER_H

#include "runtime/io/format.h"

/* Takes a copy of the members (names too) and plans the file. Errors: ARGUMENT, MEMORY. */
nexpr_status nx_writer_declare(nx_writer *w, const nx_out_member *members, int count, nexpr_error *err);
/* Reserves the space, and writes what stands before the elements. */
nexpr_status nx_writer_begin(nx_writer *w, nexpr_error *err);
/* Writes bytes of a member's data. Not by columns. */
nexpr_status nx_writer_put(nx_writer *w, int member, const void *data, size_t bytes, int64_t offset, nexpr_error *err);
/* Writes what stands behind the elements. */
nexpr_status nx_writer_finish(nx_writer *w, nexpr_error *err);
void nx_writer_free(nx_writer *w);

/* Describes an array as a member of such a file, without offset. Errors: ARGUMENT. */
nexpr_status nx_writer_describe(const nx_writer *w, const char *name, const nexpr_array *array, nx_out_member *ret,
                                nexpr_error *err);
/* Writes the elements of all members of a file that was begun. arrays[i] is that of which member i was made. */
nexpr_status nx_writer_put_arrays(nx_writer *w, const nexpr_array *const *arrays, nexpr_error *err);

/* The output's writer; NULL with an error if members were declared before, or it was committed. */
nx_writer *nx_output_writer(nexpr_output *output, nexpr_error *err);
/* Says that all was written, so that the output may be committed. */
void nx_output_set_complete(nexpr_output *output);

#endif
