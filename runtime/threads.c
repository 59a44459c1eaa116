/* SPDX-License-Identifier: MIT */
/* Chooses the backend and the number of threads; the work is done in pool.c and openmp.c. */
#include "runtime/threads.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/cpus.h"
#include "runtime/openmp.h"
#include "runtime/pool.h"

struct nx_threads {
    nexpr_allocator copy;
    const nexpr_allocator *allocator; /* &copy, or NULL */
    int limit;
    nx_pool *pool; /* NULL: OpenMP */
    _Atomic int64_t asked_ns; /* when nx_threads_are_worth last had to look at the clock */
};

/* Below this, dividing the work costs more than it gives: with threads that wait for work, and with threads asleep. Work
 * that comes within SUCCESSION_NS of the end of the work before it is likely to go on so. */
enum { LEAST_NS_AWAKE = 6000, LEAST_NS_ASLEEP = 100000, SUCCESSION_NS = 30000 };

static nexpr_thread_backend choose_backend(nexpr_thread_backend backend) {
    if (backend != NEXPR_THREADS_AUTO) return backend;
    const char *name = getenv("NEXPR_THREADING");
    return name && strcmp(name, "openmp") == 0 ? NEXPR_THREADS_OPENMP : NEXPR_THREADS_POOL;
}

/* The value of NEXPR_NUM_THREADS; 0 if it is not a positive number. */
static long wanted_threads(void) {
    const char *text = getenv("NEXPR_NUM_THREADS");
    if (!text || *text < '0' || *text > '9') return 0;
    char *end;
    long value = strtol(text, &end, 10);
    return *end ? 0 : value;
}

static int choose_limit(long threads, nexpr_thread_backend backend) {
    if (!threads) threads = wanted_threads();
    if (!threads && backend == NEXPR_THREADS_OPENMP) {
        threads = nx_openmp_limit();
        if (!getenv("OMP_NUM_THREADS") && threads > nx_cpus()) threads = nx_cpus(); /* libgomp knows no quota */
    }
    if (!threads) threads = nx_cpus();
    return threads < NX_MAX_THREADS ? (int)threads : NX_MAX_THREADS;
}

nexpr_status nx_threads_new(const nexpr_allocator *allocator, int threads, nexpr_thread_backend backend, nx_threads **ret,
                            nexpr_error *err) {
    if (threads < 0) return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "the number of threads is %d", threads);
    if ((unsigned)backend > NEXPR_THREADS_OPENMP) {
        return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "no thread backend has number %d", (int)backend);
    }
    nx_threads *t = nx_allocate(allocator, 1, sizeof *t);
    if (!t) return nx_fail_memory(err);
    *t = (nx_threads){.limit = 1};
    if (allocator) {
        t->copy = *allocator;
        t->allocator = &t->copy;
    }
    backend = choose_backend(backend);
    t->limit = choose_limit(threads, backend);
    if (backend == NEXPR_THREADS_POOL && !(t->pool = nx_pool_new(t->allocator, t->limit))) {
        nx_threads_free(&t);
        return nx_fail_memory(err);
    }
    *ret = t;
    return NEXPR_OK;
}

void nx_threads_free(nx_threads **threads) {
    nx_threads *t = *threads;
    *threads = NULL;
    if (!t) return;
    if (t->pool) nx_pool_free(t->pool);
    nexpr_allocator copy = t->copy;
    nx_release(t->allocator ? &copy : NULL, t, 1, sizeof *t);
}

int nx_threads_limit(const nx_threads *threads) {
    return threads->limit;
}

bool nx_threads_awake(const nx_threads *threads) {
    return threads->pool && nx_pool_awake(threads->pool);
}

bool nx_threads_are_worth(nx_threads *threads, double ns) {
    if (ns < LEAST_NS_AWAKE) return false;
    if (ns >= LEAST_NS_ASLEEP || nx_threads_awake(threads)) return true;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t now = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    return now - atomic_exchange_explicit(&threads->asked_ns, now, memory_order_relaxed) < (int64_t)ns + SUCCESSION_NS;
}

nexpr_status nx_threads_run(nx_threads *threads, int limit, int64_t count, nx_task *task, void *user,
                            const volatile int *cancel, nexpr_error *err) {
    if (limit <= 0 || limit > threads->limit) limit = threads->limit;
    if (limit > count) limit = (int)count;
    nx_loop loop;
    nx_loop_init(&loop, task, user, count, cancel);
    if (limit <= 1) nx_loop_alone(&loop);
    else if (threads->pool) nx_pool_run(threads->pool, &loop, limit);
    else nx_openmp_run(&loop, limit);
    return nx_loop_finish(&loop, err);
}
