/* SPDX-License-Identifier: MIT */
/* What a job sees of an open file. */
#ifndef NX_IO_FILE_H
#define NX_IO_FILE_H

#include "runtime/io/format.h"

nx_reader *nx_file_reader(nexpr_file *file);
/* Whether a group was loaded: its members are then arrays in memory, which nexpr_file_load gives. */
bool nx_file_is_loaded(const nexpr_file *file, int group);
/* Compares the checksum of a random group, the first time that it is asked for. */
nexpr_status nx_file_check_once(nexpr_file *file, int group, nexpr_error *err);
/* TYPE if the member is not one to compute with. */
nexpr_status nx_file_check_usable(const nexpr_file *file, int index, nexpr_error *err);
/* Strides of a group's members in bytes, for records that lie in the order of the file. */
void nx_group_strides(const nx_group *group, int64_t item_size, int64_t *strides);

#endif
