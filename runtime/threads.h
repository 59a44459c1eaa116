/* SPDX-License-Identifier: MIT */
/*
 * Parallel loops, one interface and two backends: the context's pool of POSIX threads, and libgomp.
 */
#ifndef NX_RUNTIME_THREADS_H
#define NX_RUNTIME_THREADS_H

#include "engine/arena.h"
#include "engine/status.h"

/* No loop uses more threads. */
enum { NX_MAX_THREADS = 1024 };

/* Computes task `index` (0 <= index < count) on thread `worker` (0 <= worker < the thread limit given; 0 is the caller's).
 * Returns OK, or a status that stops the loop: tasks with a lower index are still finished, and the error of the lowest
 * index is the one reported. `err` is never NULL. A task must not fork and return in the child. */
typedef nexpr_status nx_task(void *user, int64_t index, int worker, nexpr_error *err);

typedef struct nx_threads nx_threads;

/* Whether the cancel flag of a call (NULL: there is none), which any thread or signal handler may set, is set. */
static inline bool nx_is_cancelled(const volatile int *cancel) {
    return cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED);
}

/* `threads`: at most so many in a loop, with the caller's; 0: NEXPR_NUM_THREADS, else the CPUs that affinity and cgroup
 * allow (with OpenMP: what OMP_* says). backend as in nexpr_context_options. Starts no thread yet. The allocator is
 * copied. Errors: MEMORY, ARGUMENT. */
nexpr_status nx_threads_new(const nexpr_allocator *allocator, int threads, nexpr_thread_backend backend, nx_threads **ret,
                            nexpr_error *err);
/* Joins all threads. No loop may be running. */
void nx_threads_free(nx_threads **threads);
/* The number of threads that a loop may use. */
int nx_threads_limit(const nx_threads *threads);
/* Whether a loop would find a thread that waits for work without sleeping. A hint. */
bool nx_threads_awake(const nx_threads *threads);
/* Whether work of `ns` nanoseconds is worth dividing: long work always; shorter work if threads are awake, or if it comes
 * so soon after such work before it that waking them will pay. */
bool nx_threads_are_worth(nx_threads *threads, double ns);
/*
 * Runs `task` for every index of [0, count), in parallel on at most min(limit, nx_threads_limit) threads (limit 0: no
 * further bound), the caller's included, and returns when all are done. Every thread takes a contiguous run of indices and
 * then steals from the tails of others. A caller that finds the pool busy runs its loop alone, and so does a task that
 * runs a loop. Within a task every thread has round-to-nearest, no flush to zero and masked exceptions; the caller's MXCSR
 * is restored, flags included. `cancel` (may be NULL) is looked at before each task: CANCELLED, whatever else failed.
 * Any number of threads may call it at once. In a forked child the pool starts anew.
 */
nexpr_status nx_threads_run(nx_threads *threads, int limit, int64_t count, nx_task *task, void *user,
                            const volatile int *cancel, nexpr_error *err);

#endif
