/* SPDX-License-Identifier: MIT */
/* The context: threads, caches and allocator that calls share. */
#ifndef NX_RUNTIME_CONTEXT_H
#define NX_RUNTIME_CONTEXT_H

#include "engine/status.h"
#include "jit/jit.h"
#include "runtime/buffers.h"
#include "runtime/cache.h"
#include "runtime/threads.h"

/* A copy of an allocator, for objects that outlive the context they were made in. `use` is NULL for malloc. */
typedef struct nx_memory {
    nexpr_allocator copy;
    const nexpr_allocator *use;
} nx_memory;

/* memory must not move afterwards. */
static inline void nx_memory_init(nx_memory *memory, const nexpr_allocator *allocator) {
    memory->use = NULL;
    if (!allocator) return;
    memory->copy = *allocator;
    memory->use = &memory->copy;
}

typedef struct nx_report {
    nexpr_report *call; /* NULL: nobody asks */
    void *user;
    unsigned detail;
} nx_report;

enum { NX_IDLE_PLANS = 8, NX_IDLE_PARTS = 4 };

struct nexpr_context {
    nx_memory memory;
    nx_threads *threads;
    nx_buffers *buffers;
    nx_cache *cache;
    nx_jit *jit;
    nexpr_backend backend;
    nx_report report;
    _Atomic(nexpr_plan *) idle[NX_IDLE_PLANS]; /* runtime/idle.h */
    _Atomic(struct nexpr_parts *) idle_parts[NX_IDLE_PARTS]; /* runtime/parts_steps.c */
    _Atomic int64_t memory_ns_per_gib[2]; /* of the fastest run over memory so far, by one thread and by several; 0: none */
};

/* The context itself, or the default one for NULL. Thread-safe. */
nexpr_status nx_context_get(nexpr_context *context, nexpr_context **ret, nexpr_error *err);

/* Checks a public struct that the caller may have made with an older, smaller version of the header, and copies it over
 * the defaults in *ret. given may be NULL. */
#define NX_READ_STRUCT(ret, given, err) nx_read_struct(ret, given, sizeof *(ret), (given) ? (given)->size : 0, #given, err)
nexpr_status nx_read_struct(void *ret, const void *given, size_t size, size_t given_size, const char *what,
                            nexpr_error *err);

#endif
