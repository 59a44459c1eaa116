/* SPDX-License-Identifier: MIT */
/* A folder for the files of a test, which all ranks know. */
#ifndef NX_TESTS_MPI_FOLDER_H
#define NX_TESTS_MPI_FOLDER_H

#include "nexpr_mpi.h"

/* Collective. */
void make_test_folder(void);
/* Collective. Removes it with its files, and returns how many there were. */
int remove_test_folder(void);
/* Of a file in it; valid until the next call. */
const char *path_of(const char *name);
bool is_same_file(const char *name, const char *other);
/* Writes a file that holds one array. */
void write_array(const char *name, const char *array_name, const nexpr_array *array);

#endif
