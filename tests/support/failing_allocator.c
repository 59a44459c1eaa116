/* SPDX-License-Identifier: MIT */
/* malloc, with a count in front. Memory is filled with a pattern, so that nothing passes for zeroed by luck. */
#include "tests/support/failing_allocator.h"

#include <stdlib.h>
#include <string.h>

static void *allocate(void *user, size_t bytes) {
    failing_allocator *f = user;
    const long call = atomic_fetch_add(&f->calls, 1);
    if (f->fail_at >= 0 && (call == f->fail_at || (f->fail_all_later && call > f->fail_at))) {
        atomic_store(&f->failed, true);
        return NULL;
    }
    void *memory = malloc(bytes);
    if (!memory) return NULL;
    memset(memory, 0xA5, bytes);
    atomic_fetch_add(&f->live_blocks, 1);
    atomic_fetch_add(&f->live_bytes, (long)bytes);
    return memory;
}

static void release(void *user, void *memory, size_t bytes) {
    failing_allocator *f = user;
    atomic_fetch_sub(&f->live_blocks, 1);
    atomic_fetch_sub(&f->live_bytes, (long)bytes);
    free(memory);
}

const nexpr_allocator *failing_allocator_init(failing_allocator *f, long fail_at) {
    memset(f, 0, sizeof *f);
    f->fail_at = fail_at;
    f->allocator = (nexpr_allocator){.size = sizeof f->allocator, .user = f, .allocate = allocate, .release = release};
    return &f->allocator;
}
