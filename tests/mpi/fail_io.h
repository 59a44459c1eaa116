/* SPDX-License-Identifier: MIT */
/* Makes the system refuse one call on this rank: fail_io.c stands in front of pread, pwrite, fsync, open and rename. */
#ifndef NX_TESTS_MPI_FAIL_IO_H
#define NX_TESTS_MPI_FAIL_IO_H

#include <stdbool.h>

extern int fail_io_at;     /* number of the call that fails, from 0; -1: none */
extern int fail_io_errno;  /* how */
extern bool fail_io_did;   /* whether one has failed */

/* Fails call number `at` from now on; -1: none. */
void fail_io(int at, int how);

#endif
