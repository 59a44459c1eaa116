/* SPDX-License-Identifier: MIT */
/*
 * Names for code, for tools: GDB, which is told of every kernel, and perf, for which NEXPR_PERF=1 writes /tmp/perf-PID.map.
 * A kernel is called nexpr_ and the 16 digits of its hash.
 */
#ifndef NX_JIT_OBSERVE_H
#define NX_JIT_OBSERVE_H

#include "engine/arena.h"

typedef struct nx_observed nx_observed;

/* GDB is told. NULL if memory is out: then it is not. */
nx_observed *nx_observe(const nexpr_allocator *allocator, uint64_t hash, const void *code, size_t bytes);
void nx_unobserve(const nexpr_allocator *allocator, nx_observed *observed);

/* Adds a line to perf's map of this process, if it can. */
void nx_perf_map_add(uint64_t hash, const void *code, size_t bytes);

#endif
