/* SPDX-License-Identifier: MIT */
/* What reading and writing .npz files have in common. */
#ifndef NX_IO_NPZ_H
#define NX_IO_NPZ_H

#include "runtime/io/npy.h"

/* Whether an entry may have this name: relative, without "..", backslashes and control characters, and UTF-8. */
bool nx_npz_is_safe_name(const char *name);

/* The two halves of the format's row in format.c: reading (npz_read.c) and writing (npz_write.c). */
nexpr_status nx_npz_open(nx_reader *r, const nexpr_file_options *options, nexpr_error *err);
nexpr_status nx_npz_read(nx_reader *r, int group, int64_t first, int64_t count, void *const *data, nexpr_error *err);
nexpr_status nx_npz_check(nx_reader *r, int group, int64_t offset, const void *data, size_t bytes, nexpr_error *err);
void nx_npz_close(nx_reader *r);

#endif
