/* SPDX-License-Identifier: MIT */
/*
 * Fork in a host that evaluates: while the pool sleeps, while another thread is in a loop, while another thread is inside
 * the cache of buffers. The child says how it went by its exit code; an alarm ends it if it hangs.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/buffers.h"
#include "runtime/threads.h"
#include "tests/support/forks.h"

enum { PATIENCE = 30 /* seconds */, FORKS = 40 };

static nx_threads *make(int threads) {
    nx_threads *t = NULL;
    assert_int_equal(nx_threads_new(NULL, threads, NEXPR_THREADS_POOL, &t, NULL), NEXPR_OK);
    return t;
}

typedef struct meeting {
    atomic_int arrived;
    int expected;
} meeting;

/* Returns when as many threads are here as are expected. */
static nexpr_status meet_task(void *user, int64_t index, int worker, nexpr_error *err) {
    (void)index, (void)worker, (void)err;
    meeting *m = user;
    atomic_fetch_add(&m->arrived, 1);
    while (atomic_load(&m->arrived) < m->expected) usleep(50);
    return NEXPR_OK;
}

/* Hangs unless the pool really has `threads` threads. */
static bool pool_works(nx_threads *t, int threads) {
    meeting m = {.expected = threads};
    return nx_threads_run(t, 0, threads, meet_task, &m, NULL, NULL) == NEXPR_OK && m.arrived == threads;
}

/* Runs body in a child and returns whether it said true. */
static bool in_child(bool (*body)(void *), void *argument) {
    pid_t child = fork();
    if (child == 0) {
        alarm(PATIENCE);
        _exit(body(argument) ? 0 : 1);
    }
    int status = 0;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool use_pool(void *argument) {
    return pool_works(argument, 3) && pool_works(argument, 3);
}

static bool use_and_free_pool(void *argument) {
    nx_threads *t = argument;
    bool fine = use_pool(t);
    nx_threads_free(&t);
    return fine;
}

static bool free_pool(void *argument) {
    nx_threads *t = argument;
    nx_threads_free(&t);
    return true;
}

static bool use_pool_in_grandchild(void *argument) {
    return in_child(use_and_free_pool, argument) && use_pool(argument) && in_child(use_and_free_pool, argument) &&
           use_and_free_pool(argument);
}

static void a_child_starts_the_pool_anew(void **state) {
    (void)state;
    if (!CHILD_MAY_START_THREADS) skip();
    nx_threads *t = make(3);
    assert_true(in_child(use_and_free_pool, t)); /* no thread was started yet */
    assert_true(use_pool(t));
    assert_true(in_child(use_and_free_pool, t));
    assert_true(use_pool(t));
    usleep(5000);
    assert_true(in_child(use_pool, t));
    assert_true(in_child(free_pool, t));
    assert_true(use_pool(t));
    nx_threads_free(&t);
}

static void a_grandchild_starts_the_pool_anew(void **state) {
    (void)state;
    if (!CHILD_MAY_START_THREADS) skip();
    nx_threads *t = make(3);
    assert_true(use_pool(t));
    assert_true(in_child(use_pool_in_grandchild, t));
    assert_true(use_pool(t));
    nx_threads_free(&t);
}

/* A thread that evaluates without end until it is told to stop. */
typedef struct busy {
    nx_threads *threads;
    nx_buffers *buffers;
    pthread_t thread;
    atomic_bool stop;
    atomic_int rounds;
    int wrong;
} busy;

static nexpr_status slow_task(void *user, int64_t index, int worker, nexpr_error *err) {
    (void)index, (void)worker, (void)err;
    atomic_fetch_add((atomic_int *)user, 1);
    usleep(20);
    return NEXPR_OK;
}

static void *loop_on(void *argument) {
    busy *b = argument;
    while (!atomic_load(&b->stop)) {
        atomic_int ran = 0;
        if (nx_threads_run(b->threads, 0, 30, slow_task, &ran, NULL, NULL) || ran != 30) b->wrong++;
        atomic_fetch_add(&b->rounds, 1);
    }
    return NULL;
}

static void start(busy *b, void *(*body)(void *)) {
    assert_int_equal(pthread_create(&b->thread, NULL, body, b), 0);
    while (!atomic_load(&b->rounds)) usleep(10);
}

static void stop(busy *b) {
    atomic_store(&b->stop, true);
    pthread_join(b->thread, NULL);
    assert_int_equal(b->wrong, 0);
}

static void forking_while_another_thread_is_in_a_loop_harms_nobody(void **state) {
    (void)state;
    if (!CHILD_MAY_START_THREADS) skip();
    busy b = {.threads = make(3)};
    assert_true(use_pool(b.threads)); /* a thread that is only starting may be inside AddressSanitizer's heap */
    start(&b, loop_on);
    for (int i = 0; i < FORKS; i++) {
        assert_true(in_child(i % 2 ? use_pool : use_and_free_pool, b.threads));
        usleep(i * 7 % 100);
    }
    int rounds = atomic_load(&b.rounds);
    while (atomic_load(&b.rounds) < rounds + 3) usleep(100); /* the parent's loop goes on */
    stop(&b);
    assert_true(use_pool(b.threads));
    nx_threads_free(&b.threads);
}

enum { BUFFER = 100000 };

static bool use_buffers(nx_buffers *buffers) {
    char *data = nx_buffer_take(buffers, BUFFER, 16), *other = nx_buffer_take(buffers, BUFFER, 16);
    if (!data || !other) return false;
    data[0] = data[BUFFER - 1] = 1;
    other[0] = other[BUFFER - 1] = 2;
    bool apart = data[0] == 1 && data[BUFFER - 1] == 1;
    nx_buffer_give(data);
    nx_buffer_give(other);
    return apart;
}

static void *take_and_give_on(void *argument) {
    busy *b = argument;
    while (!atomic_load(&b->stop)) {
        if (!use_buffers(b->buffers)) b->wrong++;
        atomic_fetch_add(&b->rounds, 1);
    }
    return NULL;
}

static bool use_and_drop_buffers(void *argument) {
    nx_buffers *buffers = argument;
    bool fine = use_buffers(buffers) && use_buffers(buffers);
    nx_buffers_unref(&buffers);
    return fine;
}

static void forking_while_another_thread_takes_buffers_harms_nobody(void **state) {
    (void)state;
    busy b = {.buffers = nx_buffers_new(NULL, 1 << 20)};
    assert_non_null(b.buffers);
    start(&b, take_and_give_on);
    for (int i = 0; i < FORKS; i++) assert_true(in_child(use_and_drop_buffers, b.buffers));
    stop(&b);
    nx_buffers_unref(&b.buffers);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_starts_the_pool_anew),
        cmocka_unit_test(a_grandchild_starts_the_pool_anew),
        cmocka_unit_test(forking_while_another_thread_is_in_a_loop_harms_nobody),
        cmocka_unit_test(forking_while_another_thread_takes_buffers_harms_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
