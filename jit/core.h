/* SPDX-License-Identifier: MIT */
/* What an nx_jit consists of. Kernels hold a reference to it, because the arena is in it. */
#ifndef NX_JIT_CORE_H
#define NX_JIT_CORE_H

#include <pthread.h>

#include "jit/cache.h"
#include "jit/disk.h"
#include "jit/plugin_host.h"

struct nx_jit {
    nexpr_allocator copy;
    const nexpr_allocator *allocator; /* &copy, or NULL */
    atomic_size_t refs;
    nx_code_arena arena;
    nx_plugin_host plugin;
    nx_disk disk;           /* this and the next two: of the thread */
    nx_cpu_identity cpu;
    bool knows_cpu;
    bool has_perf_map;
    _Atomic uint32_t work; /* counts what there was to do; the thread sleeps on it */
    nx_lock lock;          /* of the rest */
    nx_code_table table;
    nx_code *queue, **queue_end; /* with a reference each; queue_end is not valid if it is empty */
    nx_code *at_hand;            /* what the thread is making, or made last; with a reference */
    pthread_t thread;
    bool has_thread, is_stopping;
};

static inline bool nx_jit_is_pending(const nx_code *code) {
    return atomic_load_explicit(&code->state, memory_order_acquire) == NX_JIT_PENDING;
}

/* The jit's lock. After a fork it puts in order what the parent's threads left. */
void nx_compiler_lock(nx_jit *jit);
void nx_compiler_unlock(nx_jit *jit);
/* Has new code of the table made; it may be refused at once. Under the lock. */
void nx_compiler_submit(nx_jit *jit, nx_code *code);
/* Code of the table is to be compiled if it is not found. Under the lock. */
void nx_compiler_want(nx_jit *jit, nx_code *code);
/* Refuses code that nobody waits for. Under the lock if it is in the table. */
void nx_compiler_refuse(nx_jit *jit, nx_code *code, nexpr_status status, const char *reason);
/* Waits until it is not pending. */
void nx_compiler_wait(nx_code *code);
/* Drops the queue, and ends the thread after what it is at. */
void nx_compiler_stop(nx_jit *jit);
/* Runs a function on a thread of its own, with a stack that is enough for LLVM, and waits for it. Errors: MEMORY. */
nexpr_status nx_compiler_run(void *(*function)(void *), void *argument, nexpr_error *err);
/* References that a list of code from the table has. */
void nx_compiler_drop(nx_jit *jit, nx_code *list);

uint64_t nx_jit_now(void);

#endif
