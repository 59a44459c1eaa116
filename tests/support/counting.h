/* SPDX-License-Identifier: MIT */
/* An allocator that counts: bytes that are live, the most there were, and calls; for a context, from any thread. */
#ifndef NX_TESTS_SUPPORT_COUNTING_H
#define NX_TESTS_SUPPORT_COUNTING_H

#include "nexpr.h"

#include <stdatomic.h>
#include <stdlib.h>

typedef struct counting {
    atomic_size_t live, most, calls;
} counting;

static inline void *count_allocate(void *user, size_t bytes) {
    counting *count = user;
    atomic_fetch_add(&count->calls, 1);
    const size_t live = atomic_fetch_add(&count->live, bytes) + bytes;
    if (live > count->most) count->most = live;
    return malloc(bytes);
}

static inline void count_release(void *user, void *memory, size_t bytes) {
    atomic_fetch_sub(&((counting *)user)->live, bytes);
    free(memory);
}

static inline nexpr_allocator counting_allocator(counting *count) {
    return (nexpr_allocator){sizeof(nexpr_allocator), count, count_allocate, count_release};
}

#endif
