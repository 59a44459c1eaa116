/* SPDX-License-Identifier: MIT */
/*
 * An allocator that counts what is allocated and fails one allocation, or all from one on. A test runs a piece of code with
 * the first allocation failing, then the second, until it succeeds, and asks each time that nothing has leaked:
 *
 *   failing_allocator failing;
 *   for (long n = 0;; n++) {
 *       const nexpr_allocator *allocator = failing_allocator_init(&failing, n);
 *       nexpr_status status = code(allocator);
 *       assert_int_equal(failing.live_blocks, 0);
 *       if (!failing.failed) break;             -- fewer than n + 1 allocations: all paths have been seen
 *       assert_int_equal(status, NEXPR_MEMORY);
 *   }
 *
 * It may be used by several threads at once.
 */
#ifndef NX_TESTS_FAILING_ALLOCATOR_H
#define NX_TESTS_FAILING_ALLOCATOR_H

#include "nexpr.h"

#include <stdatomic.h>

typedef struct failing_allocator {
    nexpr_allocator allocator;
    long fail_at;           /* number of the allocation that fails, from 0; -1: none */
    bool fail_all_later;    /* and all that follow */
    atomic_long calls;      /* of allocate so far */
    atomic_bool failed;     /* whether an allocation was refused */
    atomic_long live_blocks;
    atomic_long live_bytes; /* not 0 at the end also tells of a release with a wrong size */
} failing_allocator;

/* Returns &f->allocator, for options. */
const nexpr_allocator *failing_allocator_init(failing_allocator *f, long fail_at);

#endif
