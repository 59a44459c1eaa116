/* SPDX-License-Identifier: MIT */
/* Loops on the pool and on OpenMP: every task once, the right error, no deadlock, no trace in the caller. */
#include "runtime/threads.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xmmintrin.h>

#include <cmocka.h>
#include <omp.h>

#include "runtime/cpus.h"

enum { MOST_TASKS = 100003 };

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__
#endif
#endif

static const nexpr_thread_backend backends[] = {NEXPR_THREADS_POOL, NEXPR_THREADS_OPENMP};
#ifdef __SANITIZE_THREAD__
enum { BACKENDS = 1 }; /* ThreadSanitizer does not see what libgomp does, and reports races that are none */
#else
enum { BACKENDS = 2 };
#endif

static nx_threads *make(int threads, nexpr_thread_backend backend) {
    nx_threads *t = NULL;
    assert_int_equal(nx_threads_new(NULL, threads, backend, &t, NULL), NEXPR_OK);
    return t;
}

static nexpr_status run(nx_threads *t, int64_t count, nx_task *task, void *user, nexpr_error *err) {
    return nx_threads_run(t, 0, count, task, user, NULL, err);
}

/* ------------------------------------------------------------------------------------------ every task once -- */

typedef struct tally {
    atomic_uchar *runs; /* one per task */
    int64_t count;
    int limit;
    atomic_int wrong;
} tally;

static nexpr_status count_task(void *user, int64_t index, int worker, nexpr_error *err) {
    tally *t = user;
    if (index < 0 || index >= t->count || worker < 0 || worker >= t->limit || !err) atomic_fetch_add(&t->wrong, 1);
    else atomic_fetch_add_explicit(&t->runs[index], 1, memory_order_relaxed);
    return NEXPR_OK;
}

static void check_tally(nx_threads *threads, int limit, int64_t count) {
    tally t = {.runs = calloc((size_t)count + 1, 1), .count = count, .limit = nx_threads_limit(threads)};
    assert_non_null(t.runs);
    if (limit && limit < t.limit) t.limit = limit;
    assert_int_equal(nx_threads_run(threads, limit, count, count_task, &t, NULL, NULL), NEXPR_OK);
    assert_int_equal(t.wrong, 0);
    for (int64_t i = 0; i < count; i++) assert_int_equal(t.runs[i], 1);
    free(t.runs);
}

static void every_task_runs_once(void **state) {
    (void)state;
    const int64_t counts[] = {0, 1, 2, 3, 7, 64, 1000, MOST_TASKS};
    const int sizes[] = {1, 2, 3, 8};
    for (int i = 0; i < BACKENDS * 4; i++) {
        nx_threads *t = make(sizes[i % 4], backends[i / 4]);
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
            check_tally(t, 0, counts[k]);
            check_tally(t, 2, counts[k]);
        }
        nx_threads_free(&t);
        assert_null(t);
    }
}

static void short_loops_in_quick_succession_stay_apart(void **state) {
    (void)state;
    nx_threads *t = make(4, NEXPR_THREADS_POOL);
    for (int i = 0; i < 5000; i++) check_tally(t, i % 5, i % 11);
    nx_threads_free(&t);
}

static void parked_threads_wake_again(void **state) {
    (void)state;
    nx_threads *t = make(2, NEXPR_THREADS_POOL);
    assert_false(nx_threads_awake(t));
    for (int i = 0; i < 10; i++) {
        check_tally(t, 0, 100);
        while (nx_threads_awake(t)) usleep(100);
        usleep(1000);
    }
    nx_threads_free(&t);
}

/* The clock is looked at only where the answer depends on it: for work between the two limits while threads are asleep. */
static void work_is_divided_if_long_or_in_succession(void **state) {
    (void)state;
    nx_threads *t = make(2, NEXPR_THREADS_POOL);
    assert_false(nx_threads_are_worth(t, 0));
    assert_false(nx_threads_are_worth(t, 1000));
    assert_true(nx_threads_are_worth(t, 1e6));
    assert_false(nx_threads_are_worth(t, 50000));
    bool follows = false;
    for (int i = 0; i < 1000 && !follows; i++) follows = nx_threads_are_worth(t, 99999);
    assert_true(follows);
    assert_false(nx_threads_are_worth(t, 1000));
    usleep(2000);
    assert_false(nx_threads_are_worth(t, 50000));
    nx_threads_free(&t);
}

static void the_cache_has_a_size(void **state) {
    (void)state;
    int64_t bytes = nx_cpus_cache_bytes();
    assert_in_range(bytes, 1 << 16, (uint64_t)1 << 32);
    assert_int_equal(bytes, nx_cpus_cache_bytes());
}

static _Atomic int64_t largest_index;

static nexpr_status ending_task(void *user, int64_t index, int worker, nexpr_error *err) {
    (void)worker;
    int64_t largest = atomic_load(&largest_index);
    while (index > largest && !atomic_compare_exchange_weak(&largest_index, &largest, index)) continue;
    return index == *(int64_t *)user ? nx_fail(err, NEXPR_VALUE, NX_NOWHERE, "index %d", (int)index) : NEXPR_OK;
}

/* More tasks than the 32 bits of a run can count; only a failure ends that in time. */
static void the_largest_count_is_divided_without_overflow(void **state) {
    (void)state;
    for (int i = 0; i < BACKENDS; i++) {
        nx_threads *t = make(2, backends[i]);
        nexpr_error err = nexpr_error_init();
        int64_t last = 100000;
        atomic_store(&largest_index, 0);
        assert_int_equal(run(t, INT64_MAX, ending_task, &last, &err), NEXPR_VALUE);
        assert_string_equal(err.message, "index 100000");
        assert_true(atomic_load(&largest_index) >= last);
        nx_threads_free(&t);
    }
}

/* ------------------------------------------------------------------------------------- threads and stealing -- */

typedef struct meeting {
    pthread_barrier_t barrier;
    atomic_int workers[8];
    atomic_int unnamed, interruptible;
} meeting;

/* Returns only when as many threads are here as the barrier is for. */
static nexpr_status meet_task(void *user, int64_t index, int worker, nexpr_error *err) {
    (void)index, (void)err;
    meeting *m = user;
    atomic_fetch_add(&m->workers[worker], 1);
    char name[16] = "";
    sigset_t blocked;
    pthread_getname_np(pthread_self(), name, sizeof name);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    if (worker && strcmp(name, "nexpr") != 0) atomic_fetch_add(&m->unnamed, 1);
    bool quiet = sigismember(&blocked, SIGINT) && sigismember(&blocked, SIGPROF);
    if (worker && !quiet) atomic_fetch_add(&m->interruptible, 1);
    pthread_barrier_wait(&m->barrier);
    return NEXPR_OK;
}

static meeting hold_meeting(nx_threads *t, int limit, int threads) {
    meeting m = {.unnamed = 0};
    pthread_barrier_init(&m.barrier, NULL, (unsigned)threads);
    assert_int_equal(nx_threads_run(t, limit, threads, meet_task, &m, NULL, NULL), NEXPR_OK);
    pthread_barrier_destroy(&m.barrier);
    return m;
}

static void all_threads_work_at_once(void **state) {
    (void)state;
    nx_threads *t = make(8, NEXPR_THREADS_POOL);
    for (int repeat = 0; repeat < 20; repeat++) {
        meeting m = hold_meeting(t, 0, 8);
        for (int k = 0; k < 8; k++) assert_int_equal(m.workers[k], 1);
        m = hold_meeting(t, 3, 3);
        for (int k = 0; k < 8; k++) assert_int_equal(m.workers[k], k < 3);
    }
    nx_threads_free(&t);
}

static void pool_threads_have_a_name_and_leave_signals_alone(void **state) {
    (void)state;
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    nx_threads *t = make(2, NEXPR_THREADS_POOL);
    meeting m = hold_meeting(t, 0, 2);
    assert_int_equal(m.unnamed, 0);
    assert_int_equal(m.interruptible, 0);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&before, SIGINT), sigismember(&after, SIGINT));
    nx_threads_free(&t);
}

typedef struct blockade {
    int64_t blocked; /* this task waits until all others are done */
    atomic_int done;
    int count;
} blockade;

static nexpr_status blocked_task(void *user, int64_t index, int worker, nexpr_error *err) {
    (void)worker, (void)err;
    blockade *b = user;
    while (index == b->blocked && atomic_load(&b->done) < b->count - 1) sched_yield();
    atomic_fetch_add(&b->done, 1);
    return NEXPR_OK;
}

/* Each thread's first task in turn holds its thread up: the others have to take the rest of its run. */
static void tasks_of_a_thread_held_up_are_stolen(void **state) {
    (void)state;
    for (int threads = 2; threads <= 4; threads++) {
        nx_threads *t = make(threads, NEXPR_THREADS_POOL);
        for (int k = 0; k < threads; k++) {
            blockade b = {.count = 100, .blocked = 100 * k / threads};
            assert_int_equal(run(t, b.count, blocked_task, &b, NULL), NEXPR_OK);
            assert_int_equal(b.done, b.count);
        }
        nx_threads_free(&t);
    }
}

/* ------------------------------------------------------------------------------------------- errors, cancel -- */

typedef struct failures {
    int64_t first;
    atomic_int below; /* tasks below `first` that ran */
    bool silent;
} failures;

static nexpr_status failing_task(void *user, int64_t index, int worker, nexpr_error *err) {
    (void)worker;
    failures *f = user;
    if (index < f->first) atomic_fetch_add(&f->below, 1);
    if (index < f->first || (index - f->first) % 13) return NEXPR_OK;
    if (f->silent) return NEXPR_IO;
    return nx_fail_operand(err, index == f->first ? NEXPR_VALUE : NEXPR_TYPE, (int)index, "task %d", (int)index);
}

static void the_error_with_the_lowest_index_is_reported(void **state) {
    (void)state;
    for (int i = 0; i < BACKENDS * 200; i++) {
        nx_threads *t = make(1 + i % 4, backends[i / 200]);
        failures f = {.first = i * 37 % 500};
        nexpr_error err = nexpr_error_init();
        char expected[32];
        snprintf(expected, sizeof expected, "task %d", (int)f.first);
        assert_int_equal(run(t, 500, failing_task, &f, &err), NEXPR_VALUE);
        assert_string_equal(err.message, expected);
        assert_int_equal(err.operand, f.first);
        assert_int_equal(err.status, NEXPR_VALUE);
        assert_int_equal(f.below, f.first);
        nx_threads_free(&t);
    }
}

static void a_failure_without_a_message_gets_one(void **state) {
    (void)state;
    nx_threads *t = make(2, NEXPR_THREADS_POOL);
    failures f = {.first = 3, .silent = true};
    nexpr_error err = nexpr_error_init();
    assert_int_equal(run(t, 10, failing_task, &f, &err), NEXPR_IO);
    assert_string_equal(err.message, nexpr_status_text(NEXPR_IO));
    assert_int_equal(run(t, 10, failing_task, &f, NULL), NEXPR_IO);
    nx_threads_free(&t);
}

static int cancel_flag;

static nexpr_status cancelling_task(void *user, int64_t index, int worker, nexpr_error *err) {
    (void)worker, (void)err;
    atomic_fetch_add((atomic_int *)user, 1);
    if (index == 5) __atomic_store_n(&cancel_flag, 1, __ATOMIC_RELAXED);
    return NEXPR_OK;
}

static void cancelling_ends_the_loop(void **state) {
    (void)state;
    for (int i = 0; i < BACKENDS * 3; i++) {
        nx_threads *t = make(1 + i % 3, backends[i / 3]);
        atomic_int ran = 0;
        nexpr_error err = nexpr_error_init();
        cancel_flag = 0;
        assert_int_equal(nx_threads_run(t, 0, INT64_MAX, cancelling_task, &ran, &cancel_flag, &err), NEXPR_CANCELLED);
        assert_int_equal(err.status, NEXPR_CANCELLED);
        ran = 0;
        assert_int_equal(nx_threads_run(t, 0, 100, cancelling_task, &ran, &cancel_flag, &err), NEXPR_CANCELLED);
        assert_int_equal(ran, 0);
        assert_int_equal(nx_threads_run(t, 0, 0, cancelling_task, &ran, &cancel_flag, &err), NEXPR_OK);
        nx_threads_free(&t);
    }
}

/* ------------------------------------------------------------------------------------ callers, nested loops -- */

typedef struct caller {
    nx_threads *threads;
    pthread_t thread;
    int wrong;
} caller;

static nexpr_status add_task(void *user, int64_t index, int worker, nexpr_error *err) {
    (void)worker, (void)err;
    atomic_fetch_add_explicit((_Atomic int64_t *)user, index, memory_order_relaxed);
    return NEXPR_OK;
}

static void *call_often(void *argument) {
    caller *c = argument;
    for (int64_t i = 0; i < 300; i++) {
        _Atomic int64_t sum = 0;
        int64_t count = i % 50;
        if (nx_threads_run(c->threads, 0, count, add_task, &sum, NULL, NULL) || sum != count * (count - 1) / 2) c->wrong++;
        if (i % 100 == 99) usleep(200);
    }
    return NULL;
}

static void many_callers_share_a_pool(void **state) {
    (void)state;
    enum { CALLERS = 8 };
    nx_threads *t = make(2, NEXPR_THREADS_POOL);
    caller callers[CALLERS];
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (caller){.threads = t};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].wrong, 0);
    }
    nx_threads_free(&t);
}

typedef struct nesting {
    nx_threads *threads;
    atomic_int inner, elsewhere;
} nesting;

static nexpr_status inner_task(void *user, int64_t index, int worker, nexpr_error *err) {
    (void)index, (void)err;
    nesting *n = user;
    atomic_fetch_add(&n->inner, 1);
    if (worker) atomic_fetch_add(&n->elsewhere, 1);
    return NEXPR_OK;
}

static nexpr_status outer_task(void *user, int64_t index, int worker, nexpr_error *err) {
    (void)index, (void)worker;
    return run(((nesting *)user)->threads, 10, inner_task, user, err);
}

static void a_loop_within_a_task_runs_alone(void **state) {
    (void)state;
    for (int i = 0; i < BACKENDS; i++) {
        nesting n = {.threads = make(3, backends[i])};
        assert_int_equal(run(n.threads, 100, outer_task, &n, NULL), NEXPR_OK);
        assert_int_equal(n.inner, 1000);
        assert_int_equal(n.elsewhere, 0);
        nx_threads_free(&n.threads);
    }
}

static void openmp_within_a_parallel_region_runs_on_the_calling_thread(void **state) {
    (void)state;
    if (BACKENDS < 2) skip();
    nesting n = {.threads = make(4, NEXPR_THREADS_OPENMP)};
    int failed = 0;
#pragma omp parallel num_threads(2) reduction(+ : failed)
    failed += run(n.threads, 100, inner_task, &n, NULL) != NEXPR_OK;
    assert_int_equal(failed, 0);
    assert_int_equal(n.inner, 100 * 2);
    assert_int_equal(n.elsewhere, 0);
    nx_threads_free(&n.threads);
}

/* ------------------------------------------------------------------------------- threads that do not start -- */

typedef void *thread_function(void *);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, thread_function *function, void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, thread_function *function, void *argument);

static int creations_left = INT_MAX, creation_error;

/* What the linker puts in place of pthread_create. */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, thread_function *function, void *argument) {
    if (creation_error == EINVAL && attr) return EINVAL;
    if (creation_error == EAGAIN && creations_left-- <= 0) return EAGAIN;
    return __real_pthread_create(thread, attr, function, argument);
}

static void threads_that_do_not_start_are_done_without(void **state) {
    (void)state;
    for (int allowed = 0; allowed < 4; allowed++) {
        nx_threads *t = make(4, NEXPR_THREADS_POOL);
        creation_error = EAGAIN;
        creations_left = allowed;
        for (int i = 0; i < 50; i++) check_tally(t, 0, 200);
        if (allowed == 2) hold_meeting(t, 3, 3);
        creation_error = 0;
        check_tally(t, 0, 200);
        nx_threads_free(&t);
    }
}

static void threads_that_need_a_larger_stack_get_the_default(void **state) {
    (void)state;
    nx_threads *t = make(2, NEXPR_THREADS_POOL);
    creation_error = EINVAL;
    hold_meeting(t, 0, 2);
    creation_error = 0;
    nx_threads_free(&t);
}

/* ------------------------------------------------------------------------------------------- floating point -- */

enum { STANDARD = 0x1F80, FLAGS = 0x3F, FLUSH_AND_ROUND_UP = 0x8040 | 0x4000 };

static nexpr_status check_csr_task(void *user, int64_t index, int worker, nexpr_error *err) {
    (void)err;
    if ((_mm_getcsr() & ~(unsigned)FLAGS) != STANDARD) atomic_fetch_add((atomic_int *)user, 1);
    volatile double zero = 0, raised = 1 / zero;
    (void)raised, (void)index, (void)worker;
    return NEXPR_OK;
}

static void tasks_see_the_standard_environment_and_callers_keep_theirs(void **state) {
    (void)state;
    unsigned saved = _mm_getcsr(), odd = STANDARD | FLUSH_AND_ROUND_UP | 0x10; /* underflow was raised */
    for (int i = 0; i < BACKENDS * 2; i++) {
        nx_threads *t = make(1 + i % 2, backends[i / 2]);
        atomic_int wrong = 0;
        _mm_setcsr(odd);
        nexpr_status status = run(t, 1000, check_csr_task, &wrong, NULL);
        unsigned after = _mm_getcsr();
        _mm_setcsr(saved);
        assert_int_equal(status, NEXPR_OK);
        assert_int_equal(wrong, 0);
        assert_int_equal(after, odd);
        nx_threads_free(&t);
    }
}

/* ----------------------------------------------------------------------------------------- making, counting -- */

typedef struct counting {
    int left, live;
} counting;

static void *counted_allocate(void *user, size_t bytes) {
    counting *c = user;
    if (c->left-- <= 0) return NULL;
    c->live++;
    return malloc(bytes);
}

static void counted_release(void *user, void *memory, size_t bytes) {
    (void)bytes;
    ((counting *)user)->live--;
    free(memory);
}

static void failing_allocations_leave_nothing_behind(void **state) {
    (void)state;
    nexpr_status status = NEXPR_MEMORY;
    int attempts = 0;
    for (; status; attempts++) {
        counting c = {.left = attempts};
        nexpr_allocator a = {sizeof a, &c, counted_allocate, counted_release};
        nx_threads *t = NULL;
        status = nx_threads_new(&a, 3, NEXPR_THREADS_POOL, &t, NULL);
        a = (nexpr_allocator){0}; /* it was copied */
        assert_true(status == NEXPR_OK || (status == NEXPR_MEMORY && !t));
        if (t) check_tally(t, 0, 100);
        nx_threads_free(&t);
        assert_int_equal(c.live, 0);
    }
    assert_true(attempts > 2);
}

static void bad_arguments_are_refused(void **state) {
    (void)state;
    nx_threads *t = NULL;
    nexpr_error err = nexpr_error_init();
    assert_int_equal(nx_threads_new(NULL, -1, NEXPR_THREADS_AUTO, &t, &err), NEXPR_ARGUMENT);
    assert_int_equal(nx_threads_new(NULL, 1, (nexpr_thread_backend)3, &t, &err), NEXPR_ARGUMENT);
    assert_null(t);
    nx_threads_free(&t);
}

static void the_environment_gives_the_number_of_threads(void **state) {
    (void)state;
    const struct {
        const char *value;
        int threads;
    } cases[] = {{"3", 3}, {"1", 1}, {"007", 7}, {"5000", NX_MAX_THREADS}, {"99999999999999999999", NX_MAX_THREADS},
                 {"", 0},  {"0", 0}, {"-2", 0},  {"2x", 0},                {" 2", 0}, {"two", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setenv("NEXPR_NUM_THREADS", cases[i].value, 1);
        nx_threads *t = make(0, NEXPR_THREADS_POOL), *fixed = make(2, NEXPR_THREADS_POOL);
        assert_int_equal(nx_threads_limit(t), cases[i].threads ? cases[i].threads : nx_cpus());
        assert_int_equal(nx_threads_limit(fixed), 2);
        nx_threads_free(&t);
        nx_threads_free(&fixed);
    }
    unsetenv("NEXPR_NUM_THREADS");
    nx_threads *t = make(1000000, NEXPR_THREADS_POOL);
    assert_int_equal(nx_threads_limit(t), NX_MAX_THREADS);
    nx_threads_free(&t);
}

static nexpr_status see_openmp_task(void *user, int64_t index, int worker, nexpr_error *err) {
    (void)index, (void)worker, (void)err;
    if (omp_in_parallel()) atomic_fetch_add((atomic_int *)user, 1);
    return NEXPR_OK;
}

static int tasks_in_openmp(nexpr_thread_backend backend) {
    nx_threads *t = make(2, backend);
    atomic_int seen = 0;
    assert_int_equal(run(t, 10, see_openmp_task, &seen, NULL), NEXPR_OK);
    nx_threads_free(&t);
    return seen;
}

static void the_environment_chooses_the_backend_of_auto(void **state) {
    (void)state;
    if (BACKENDS < 2) skip();
    omp_set_num_threads(2);
    setenv("NEXPR_THREADING", "openmp", 1);
    assert_int_equal(tasks_in_openmp(NEXPR_THREADS_AUTO), 10);
    assert_int_equal(tasks_in_openmp(NEXPR_THREADS_POOL), 0);
    setenv("NEXPR_THREADING", "pool", 1);
    assert_int_equal(tasks_in_openmp(NEXPR_THREADS_AUTO), 0);
    setenv("NEXPR_THREADING", "neither", 1);
    assert_int_equal(tasks_in_openmp(NEXPR_THREADS_AUTO), 0);
    unsetenv("NEXPR_THREADING");
    assert_int_equal(tasks_in_openmp(NEXPR_THREADS_AUTO), 0);
    assert_int_equal(tasks_in_openmp(NEXPR_THREADS_OPENMP), 10);
}

static void openmp_obeys_omp_set_num_threads(void **state) {
    (void)state;
    if (BACKENDS < 2) skip();
    omp_set_num_threads(1);
    assert_int_equal(tasks_in_openmp(NEXPR_THREADS_OPENMP), 0);
    omp_set_num_threads(2);
    assert_int_equal(tasks_in_openmp(NEXPR_THREADS_OPENMP), 10);
}

static void affinity_limits_the_cpus(void **state) {
    (void)state;
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    int first = 0;
    while (!CPU_ISSET(first, &all)) first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_in_range(nx_cpus(), 1, (unsigned)CPU_COUNT(&all));
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    int cpus = nx_cpus();
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    assert_int_equal(cpus, 1);
}

/* ----------------------------------------------------------------------------------------------- cgroups -- */

/* Writes folder/name, making the folders on the way. */
static void write_file(const char *folder, const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

typedef struct group_file {
    const char *name, *text;
} group_file;

typedef struct quota_case {
    const char *membership;
    group_file files[4];
    int cpus;
} quota_case;

static const quota_case quota_cases[] = {
    {"0::/\n", {{"cpu.max", "max 100000\n"}}, INT_MAX},
    {"0::/\n", {{"cpu.max", "200000 100000\n"}}, 2},
    {"0::/a/b\n", {{"a/b/cpu.max", "150000 100000\n"}}, 2},
    {"0::/a/b\n", {{"a/b/cpu.max", "1000 100000\n"}}, 1},
    {"0::/a/b\n", {{"a/b/cpu.max", "max 100000\n"}, {"a/cpu.max", "300000 100000\n"}}, 3},
    {"0::/a/b\n", {{"a/b/cpu.max", "800000 100000\n"}, {"cpu.max", "700001 100000\n"}}, 8},
    {"0::/not/here\n", {{"cpu.max", "500000 100000\n"}}, 5},
    {"0::/\n", {{"cpu.max", "rubbish\n"}}, INT_MAX},
    {"0::/\n", {{"cpu.max", ""}}, INT_MAX},
    {"0::/\n", {{"cpu.max", "100000 0\n"}}, INT_MAX},
    {"0::/\n", {{"cpu.max", "9223372036854775807 1\n"}}, INT_MAX},
    {"4:cpu,cpuacct:/x\n", {{"cpu,cpuacct/x/cpu.cfs_quota_us", "250000\n"},
                            {"cpu,cpuacct/x/cpu.cfs_period_us", "100000\n"}}, 3},
    {"4:cpuacct,cpu:/x\n", {{"cpu/cpu.cfs_quota_us", "400000\n"}, {"cpu/cpu.cfs_period_us", "100000\n"}}, 4},
    {"4:cpu:/\n", {{"cpu/cpu.cfs_quota_us", "-1\n"}, {"cpu/cpu.cfs_period_us", "100000\n"}}, INT_MAX},
    {"4:cpu:/\n", {{"cpu/cpu.cfs_quota_us", "100000\n"}}, INT_MAX},
    {"4:cpuset:/\n", {{"cpu/cpu.cfs_quota_us", "400000\n"}, {"cpu/cpu.cfs_period_us", "100000\n"}}, INT_MAX},
    {"4:cpuset:/\n3:cpu:/\n0::/\n", {{"cpu/cpu.cfs_quota_us", "400000\n"}, {"cpu/cpu.cfs_period_us", "100000\n"},
                                     {"cpu.max", "600000 100000\n"}}, 4},
    {"no colon\n\n::\n4:cpu\n", {{"cpu.max", "max 1\n"}}, INT_MAX},
};

static void the_quota_of_the_cgroup_and_those_above_counts(void **state) {
    (void)state;
    char root[] = "/tmp/nexpr-test-XXXXXX", mount[64], membership[64], command[64];
    assert_non_null(mkdtemp(root));
    snprintf(membership, sizeof membership, "%s/membership", root);
    for (size_t i = 0; i < sizeof quota_cases / sizeof *quota_cases; i++) {
        const quota_case *c = &quota_cases[i];
        snprintf(mount, sizeof mount, "%s/%zu", root, i);
        write_file(root, "membership", c->membership);
        for (int k = 0; k < 4 && c->files[k].name; k++) write_file(mount, c->files[k].name, c->files[k].text);
        if (nx_cpus_quota(membership, mount) != c->cpus) fail_msg("case %zu: %d", i, nx_cpus_quota(membership, mount));
    }
    assert_int_equal(nx_cpus_quota("/nonexistent", root), INT_MAX);
    snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(short_loops_in_quick_succession_stay_apart),
        cmocka_unit_test(parked_threads_wake_again),
        cmocka_unit_test(work_is_divided_if_long_or_in_succession),
        cmocka_unit_test(the_cache_has_a_size),
        cmocka_unit_test(the_largest_count_is_divided_without_overflow),
        cmocka_unit_test(all_threads_work_at_once),
        cmocka_unit_test(pool_threads_have_a_name_and_leave_signals_alone),
        cmocka_unit_test(tasks_of_a_thread_held_up_are_stolen),
        cmocka_unit_test(the_error_with_the_lowest_index_is_reported),
        cmocka_unit_test(a_failure_without_a_message_gets_one),
        cmocka_unit_test(cancelling_ends_the_loop),
        cmocka_unit_test(many_callers_share_a_pool),
        cmocka_unit_test(a_loop_within_a_task_runs_alone),
        cmocka_unit_test(openmp_within_a_parallel_region_runs_on_the_calling_thread),
        cmocka_unit_test(threads_that_do_not_start_are_done_without),
        cmocka_unit_test(threads_that_need_a_larger_stack_get_the_default),
        cmocka_unit_test(tasks_see_the_standard_environment_and_callers_keep_theirs),
        cmocka_unit_test(failing_allocations_leave_nothing_behind),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(the_environment_gives_the_number_of_threads),
        cmocka_unit_test(the_environment_chooses_the_backend_of_auto),
        cmocka_unit_test(openmp_obeys_omp_set_num_threads),
        cmocka_unit_test(affinity_limits_the_cpus),
        cmocka_unit_test(the_quota_of_the_cgroup_and_those_above_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
