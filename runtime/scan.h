/* SPDX-License-Identifier: MIT */
/* The tasks of a nest that runs a reduction along one axis (`scans` of nx_reduce): runtime/reduce.h has all else. */
#ifndef NX_RUNTIME_SCAN_H
#define NX_RUNTIME_SCAN_H

#include "runtime/nest.h"

/* As nx_nest_run. The target is args->outputs[0]. */
void nx_scan_run(const nx_nest_args *args, int64_t task, int worker);

#endif
