/* SPDX-License-Identifier: MIT */
/*
 * The pool. One caller at a time holds its lock, gives every thread a contiguous run of the loop's tasks, opens the gate,
 * posts the threads and works along. Each takes tasks from the front of its own run, then half of what another has left
 * from the tail. Whoever finds nothing leaves; the caller then closes the gate and waits for those still inside. So a
 * thread that wakes too late finds the gate closed, and nobody waits for it.
 *
 * Invariants: a task index is in one run or taken, never both. The loop, and what tasks wrote before they ended, is
 * handed over by the gate alone: acquired by entering and by the caller's last look, released by opening and leaving.
 * Everything the threads share is atomic; a futex only puts a thread to sleep until its word changes.
 *
 * A forked child has none of the threads, and its copy of the pool may be in any state. The lock holds the number of forks
 * that it was taken under, so the first caller in a child sees that it is stale, takes it over and resets the pool.
 */
#include "runtime/pool.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/cpus.h"
#include "runtime/fpenv.h"

enum { LINE = 64, FANOUT = 4, SPIN_ROUNDS = 32 };
#define SPIN_NS UINT64_C(50000)
#define RETRY_NS UINT64_C(1000000000) /* between attempts to start threads, once one failed */
#ifdef __SANITIZE_ADDRESS__
#define STACK_SIZE ((size_t)8 << 20)
#else
#define STACK_SIZE ((size_t)1 << 20) /* kernels need a few KiB; a progress callback may need more */
#endif

/* What a thread's signal word says. */
enum { IDLE, POSTED, PARKED };

/* The gate: how many pool threads are inside, how many threads the loop may have (0: closed), whether the caller sleeps. */
#define INSIDE UINT32_C(0xFFFF)
#define OPEN_FOR(threads) ((uint32_t)(threads) << 16)
#define THREADS(gate) ((int)((gate) >> 16 & 0x7FFF))
#define CALLER_PARKED (UINT32_C(1) << 31)

_Static_assert(NX_MAX_THREADS <= 0x7FFF, "the gate has room for every thread");

/* A run of units, packed so that one compare-and-swap takes from either end. */
typedef struct run {
    uint32_t begin, end;
} run;

typedef struct slot {
    _Alignas(LINE) _Atomic uint64_t run;
    _Atomic uint32_t signal;
    int index;
    nx_pool *pool;
    pthread_t thread;
} slot;

struct nx_pool {
    const nexpr_allocator *allocator;
    void *memory; /* of slots, before it was aligned */
    slot *slots;  /* 0 is the caller's */
    int limit;
    uint64_t spin_ns;
    _Atomic uint64_t lock; /* 2 * forks, + 1 while it is held */
    _Atomic uint32_t gate;
    atomic_bool stop;
    atomic_int started; /* pool threads; under the lock */
    uint64_t retry_at;  /* under the lock, as are the next two */
    nx_loop *loop;
    int64_t unit; /* tasks that are taken together: 1, unless a run would not fit into 32 bits */
};

/* ---------------------------------------------------------------------------------------------------- fork -- */

static _Atomic uint64_t forks; /* that lie between this process and the one that loaded nexpr */
static pthread_once_t watch_once = PTHREAD_ONCE_INIT;
static bool watched;

static void count_fork(void) {
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
}

static void watch_forks(void) {
    watched = pthread_atfork(NULL, NULL, count_fork) == 0;
}

static uint64_t fork_number(void) {
    return atomic_load_explicit(&forks, memory_order_relaxed);
}

static bool made_in_parent(const nx_pool *pool) {
    return atomic_load_explicit(&pool->lock, memory_order_relaxed) >> 1 != fork_number();
}

static void reset(nx_pool *pool) {
    atomic_store_explicit(&pool->gate, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->started, 0, memory_order_relaxed);
    for (int k = 0; k < pool->limit; k++) atomic_store_explicit(&pool->slots[k].signal, IDLE, memory_order_relaxed);
    pool->retry_at = 0;
}

/* False if another caller holds the lock. */
static bool try_lock(nx_pool *pool) {
    uint64_t held = 2 * fork_number() + 1, now = atomic_load_explicit(&pool->lock, memory_order_relaxed);
    if (now == held) return false;
    if (!atomic_compare_exchange_strong_explicit(&pool->lock, &now, held, memory_order_acquire, memory_order_relaxed)) {
        return false;
    }
    if (now != held - 1) reset(pool);
    return true;
}

static void unlock(nx_pool *pool) {
    atomic_store_explicit(&pool->lock, 2 * fork_number(), memory_order_release);
}

/* ------------------------------------------------------------------------------------------------- waiting -- */

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void futex_wait(_Atomic uint32_t *word, uint32_t value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Watches the bits of *word under mask for a short while; true once they are `wanted`. */
static bool spin(const _Atomic uint32_t *word, uint32_t mask, uint32_t wanted, uint64_t spin_ns) {
    uint64_t end = 0;
    for (int round = 1;; round++) {
        if ((atomic_load_explicit(word, memory_order_acquire) & mask) == wanted) return true;
        if (!spin_ns) return false;
        __builtin_ia32_pause();
        if (round % SPIN_ROUNDS) continue;
        uint64_t now = now_ns();
        if (!end) end = now + spin_ns;
        else if (now > end) return false;
    }
}

static void post(slot *s) {
    if (atomic_exchange_explicit(&s->signal, POSTED, memory_order_acq_rel) == PARKED) futex_wake(&s->signal);
}

static void await_post(slot *s) {
    uint32_t idle = IDLE;
    if (!spin(&s->signal, UINT32_MAX, POSTED, s->pool->spin_ns) &&
        atomic_compare_exchange_strong_explicit(&s->signal, &idle, PARKED, memory_order_acq_rel, memory_order_acquire)) {
        while (atomic_load_explicit(&s->signal, memory_order_acquire) == PARKED) futex_wait(&s->signal, PARKED);
    }
    atomic_exchange_explicit(&s->signal, IDLE, memory_order_acq_rel);
}

/* Thread k wakes a few and these wake the others, so that many sleepers do not hold up the caller. */
static void post_children(nx_pool *pool, int k, int threads) {
    for (int child = k * FANOUT + 1; child <= (k + 1) * FANOUT && child < threads; child++) post(&pool->slots[child]);
}

/* The number of threads of the loop that thread `index` has entered; 0 if the gate is closed or has no place for it. */
static int enter(nx_pool *pool, int index) {
    uint32_t gate = atomic_load_explicit(&pool->gate, memory_order_relaxed);
    do {
        if (index >= THREADS(gate)) return 0;
    } while (!atomic_compare_exchange_weak_explicit(&pool->gate, &gate, gate + 1, memory_order_acquire,
                                                    memory_order_relaxed));
    return THREADS(gate);
}

/* Nothing of the loop may be touched behind this. */
static void leave(nx_pool *pool) {
    uint32_t before = atomic_fetch_sub_explicit(&pool->gate, 1, memory_order_acq_rel);
    if (before & CALLER_PARKED && (before & INSIDE) == 1) futex_wake(&pool->gate);
}

/* Lets nobody in any more, and waits for those inside. */
static void close_gate(nx_pool *pool) {
    atomic_fetch_and_explicit(&pool->gate, INSIDE, memory_order_acq_rel);
    if (spin(&pool->gate, INSIDE, 0, pool->spin_ns)) return;
    atomic_fetch_or_explicit(&pool->gate, CALLER_PARKED, memory_order_acq_rel);
    for (;;) {
        uint32_t gate = atomic_load_explicit(&pool->gate, memory_order_acquire);
        if (!(gate & INSIDE)) return;
        futex_wait(&pool->gate, gate);
    }
}

/* -------------------------------------------------------------------------------------------------- working -- */

static uint64_t pack(run r) {
    return (uint64_t)r.end << 32 | r.begin;
}

static run unpack(uint64_t packed) {
    return (run){(uint32_t)packed, (uint32_t)(packed >> 32)};
}

/* Relaxed, as all of the runs: a run says which tasks there are, and hands over nothing that they read. */
static bool replace(_Atomic uint64_t *at, uint64_t *expected, run r) {
    return atomic_compare_exchange_weak_explicit(at, expected, pack(r), memory_order_relaxed, memory_order_relaxed);
}

/* Takes the first unit of a thread's own run. */
static bool take(slot *s, uint32_t *ret_unit) {
    uint64_t packed = atomic_load_explicit(&s->run, memory_order_relaxed);
    run r;
    do {
        r = unpack(packed);
        if (r.begin >= r.end) return false;
    } while (!replace(&s->run, &packed, (run){r.begin + 1, r.end}));
    *ret_unit = r.begin;
    return true;
}

/* Makes the tail half of another's run, rounded up, one's own. */
static bool steal_from(slot *victim, slot *own) {
    uint64_t packed = atomic_load_explicit(&victim->run, memory_order_relaxed);
    run r;
    uint32_t middle;
    do {
        r = unpack(packed);
        if (r.begin >= r.end) return false;
        middle = r.begin + (r.end - r.begin) / 2;
    } while (!replace(&victim->run, &packed, (run){r.begin, middle}));
    atomic_store_explicit(&own->run, pack((run){middle, r.end}), memory_order_relaxed);
    return true;
}

static bool steal(nx_pool *pool, slot *own, int threads) {
    for (int step = 1; step < threads; step++) {
        if (steal_from(&pool->slots[(own->index + step) % threads], own)) return true;
    }
    return false;
}

/* The tasks of one unit. False if higher ones need not be tried. */
static bool run_unit(const nx_pool *pool, uint32_t unit, int worker, nexpr_error *scratch) {
    int64_t begin = unit * pool->unit, left = pool->loop->count - begin;
    int64_t end = begin + (left < pool->unit ? left : pool->unit);
    for (int64_t i = begin; i < end; i++) {
        if (!nx_loop_step(pool->loop, i, worker, scratch)) return false;
    }
    return true;
}

static void work(nx_pool *pool, slot *own, int threads) {
    nexpr_error scratch;
    nx_loop_scratch(&scratch);
    unsigned saved = nx_fpenv_enter();
    do {
        uint32_t unit;
        while (take(own, &unit)) {
            if (!run_unit(pool, unit, own->index, &scratch)) atomic_store_explicit(&own->run, 0, memory_order_relaxed);
        }
    } while (steal(pool, own, threads));
    nx_fpenv_leave(saved);
}

static void *thread_main(void *argument) {
    slot *own = argument;
    nx_pool *pool = own->pool;
    pthread_setname_np(pthread_self(), "nexpr");
    for (;;) {
        await_post(own);
        if (atomic_load_explicit(&pool->stop, memory_order_acquire)) return NULL;
        int threads = enter(pool, own->index);
        if (!threads) continue;
        post_children(pool, own->index, threads);
        work(pool, own, threads);
        leave(pool);
    }
}

/* ------------------------------------------------------------------------------------------------ the pool -- */

/* With every signal blocked: the host's handlers run on the host's threads. */
static bool start_thread(slot *s) {
    sigset_t all, saved;
    sigfillset(&all);
    pthread_attr_t attr;
    if (pthread_attr_init(&attr)) return false;
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    pthread_sigmask(SIG_SETMASK, &all, &saved);
    int failed = pthread_create(&s->thread, &attr, thread_main, s);
    if (failed == EINVAL) failed = pthread_create(&s->thread, NULL, thread_main, s); /* thread-local data needs more stack */
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
    pthread_attr_destroy(&attr);
    return !failed;
}

/* Starts what is missing of `threads` and returns how many there are, the caller included. */
static int start_threads(nx_pool *pool, int threads) {
    int started = atomic_load_explicit(&pool->started, memory_order_relaxed);
    if (started >= threads - 1) return threads;
    uint64_t now = now_ns();
    if (now < pool->retry_at) return started + 1;
    while (started < threads - 1 && start_thread(&pool->slots[started + 1])) started++;
    if (started < threads - 1) pool->retry_at = now + RETRY_NS;
    atomic_store_explicit(&pool->started, started, memory_order_relaxed);
    return started + 1;
}

static void split(nx_pool *pool, const nx_loop *loop, int threads) {
    pool->unit = (loop->count - 1) / INT32_MAX + 1;
    int64_t units = (loop->count - 1) / pool->unit + 1;
    for (int k = 0; k < threads; k++) {
        run r = {(uint32_t)(units * k / threads), (uint32_t)(units * (k + 1) / threads)};
        atomic_store_explicit(&pool->slots[k].run, pack(r), memory_order_relaxed);
    }
}

void nx_pool_run(nx_pool *pool, nx_loop *loop, int threads) {
    if (!try_lock(pool)) {
        nx_loop_alone(loop);
        return;
    }
    threads = start_threads(pool, threads);
    pool->loop = loop;
    split(pool, loop, threads);
    if (threads > 1) {
        atomic_store_explicit(&pool->gate, OPEN_FOR(threads), memory_order_release);
        post_children(pool, 0, threads);
    }
    work(pool, &pool->slots[0], threads);
    if (threads > 1) close_gate(pool);
    unlock(pool);
}

bool nx_pool_awake(const nx_pool *pool) {
    return pool->limit > 1 && !made_in_parent(pool) && atomic_load_explicit(&pool->started, memory_order_relaxed) > 0 &&
           atomic_load_explicit(&pool->slots[1].signal, memory_order_relaxed) != PARKED;
}

nx_pool *nx_pool_new(const nexpr_allocator *allocator, int limit) {
    pthread_once(&watch_once, watch_forks);
    if (!watched) return NULL;
    nx_pool *pool = nx_allocate(allocator, 1, sizeof *pool);
    if (!pool) return NULL;
    memset(pool, 0, sizeof *pool);
    pool->allocator = allocator;
    pool->limit = limit;
    pool->spin_ns = limit <= nx_cpus() ? SPIN_NS : 0; /* more threads than CPUs: who spins keeps another from its work */
    atomic_store_explicit(&pool->lock, 2 * fork_number(), memory_order_relaxed);
    pool->memory = nx_allocate(allocator, (size_t)limit + 1, sizeof(slot));
    if (!pool->memory) {
        nx_release(allocator, pool, 1, sizeof *pool);
        return NULL;
    }
    pool->slots = (slot *)(((uintptr_t)pool->memory + LINE - 1) / LINE * LINE);
    memset(pool->slots, 0, (size_t)limit * sizeof(slot));
    for (int k = 0; k < limit; k++) {
        pool->slots[k].index = k;
        pool->slots[k].pool = pool;
    }
    return pool;
}

void nx_pool_free(nx_pool *pool) {
    int started = made_in_parent(pool) ? 0 : atomic_load_explicit(&pool->started, memory_order_relaxed);
    atomic_store_explicit(&pool->stop, true, memory_order_release);
    for (int k = 1; k <= started; k++) post(&pool->slots[k]);
    for (int k = 1; k <= started; k++) pthread_join(pool->slots[k].thread, NULL);
    nx_release(pool->allocator, pool->memory, (size_t)pool->limit + 1, sizeof(slot));
    nx_release(pool->allocator, pool, 1, sizeof *pool);
}
