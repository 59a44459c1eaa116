/* SPDX-License-Identifier: MIT */
/* A pool of POSIX threads that runs one loop at a time. */
#ifndef NX_RUNTIME_POOL_H
#define NX_RUNTIME_POOL_H

#include "runtime/loop.h"

typedef struct nx_pool nx_pool;

/* NULL if memory is out. The allocator outlives the pool. Starts no thread. */
nx_pool *nx_pool_new(const nexpr_allocator *allocator, int limit);
/* Joins the threads, unless they were left behind in the parent by a fork. */
void nx_pool_free(nx_pool *pool);
/* Runs the loop on at most `threads` (<= limit) threads; on this one alone if the pool is busy. */
void nx_pool_run(nx_pool *pool, nx_loop *loop, int threads);
/* Whether the first thread waits for work without sleeping. */
bool nx_pool_awake(const nx_pool *pool);

#endif
