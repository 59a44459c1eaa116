/* SPDX-License-Identifier: MIT */
/* Loops on libgomp's threads. Nothing here is called, and no thread of libgomp's made, unless that backend is chosen. */
#ifndef NX_RUNTIME_OPENMP_H
#define NX_RUNTIME_OPENMP_H

#include "runtime/loop.h"

/* What OMP_* and omp_set_num_threads say. */
int nx_openmp_limit(void);
/* Runs the loop on at most `threads` threads; on this one alone within a parallel region. */
void nx_openmp_run(nx_loop *loop, int threads);

#endif
