/* SPDX-License-Identifier: MIT */
/*
 * Fork in a process that compiles: while nothing goes on, while a thread is inside the plug-in, while others are inside
 * the cache. The end of the process, and of the library, during a compilation.
 */
#include "tests/jit/fixture.h"

#include <dlfcn.h>
#include <pthread.h>

#include "jit/core.h"
#include "tests/jit/children.h"

enum { FORKS = 40, HELD_NUMBER = 1 };

/* What the child of a fork gets. */
typedef struct heritage {
    nx_jit *jit;
    nx_jit_kernel *held; /* of HELD_NUMBER */
} heritage;

static heritage make_heritage(const char *plugin) {
    nx_jit *jit = jit_with(NULL, plugin);
    heritage h = {jit, get(jit, HELD_NUMBER, true)};
    usleep(10000); /* until the thread sleeps */
    return h;
}

static void drop_heritage(heritage *h) {
    nx_jit_release(&h->held);
    nx_jit_free(&h->jit);
}

static bool is_refused_for(nx_jit_kernel *kernel, const char *reason) {
    bool is = nx_jit_state_of(kernel) == NX_JIT_REFUSED && strstr(nx_jit_info_of(kernel).reason, reason);
    nx_jit_release(&kernel);
    return is;
}

static bool is_right(nx_jit_kernel *kernel, uint64_t number) {
    bool is = number_of(kernel) == number;
    nx_jit_release(&kernel);
    return is;
}

static int use_heritage(void *argument) {
    heritage *h = argument;
    REQUIRE(number_of(h->held) == HELD_NUMBER);
    nx_jit_kernel *again = get(h->jit, HELD_NUMBER, true);
    REQUIRE(nx_jit_info_of(again).source == NX_JIT_FROM_MEMORY && is_right(again, HELD_NUMBER));
    if (CHILD_MAY_START_THREADS) {
        for (uint16_t i = 10; i < 20; i++) REQUIRE(is_right(get(h->jit, i, true), i));
    }
    drop_heritage(h);
    return 0;
}

static void a_child_goes_on_where_the_parent_was(void **state) {
    (void)state;
    heritage h = make_heritage("good");
    assert_int_equal(child_exit_code(use_heritage, &h), 0);
    assert_int_equal(use_heritage(&h), 0);
}

/* Threads of the child itself are the first to meet. */
static void *ask_in_child(void *argument) {
    heritage *h = argument;
    for (uint16_t i = 30; i < 50; i++) REQUIRE(is_right(get(h->jit, i, true), i));
    return NULL;
}

static int use_by_threads(void *argument) {
    heritage *h = argument;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) REQUIRE(!pthread_create(&threads[i], NULL, ask_in_child, h));
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    drop_heritage(h);
    return 0;
}

static void threads_of_a_child_may_ask_at_once(void **state) {
    (void)state;
    heritage h = make_heritage("good");
    if (CHILD_MAY_START_THREADS) assert_int_equal(child_exit_code(use_by_threads, &h), 0);
    drop_heritage(&h);
}

static int use_after_held_lock(void *argument) {
    heritage *h = argument;
    REQUIRE(number_of(h->held) == HELD_NUMBER);
    if (CHILD_MAY_START_THREADS) {
        nx_jit_kernel *again = get(h->jit, HELD_NUMBER, true);
        REQUIRE(nx_jit_info_of(again).source == NX_JIT_FROM_COMPILER && is_right(again, HELD_NUMBER));
    }
    drop_heritage(h);
    return 0;
}

/* The table may be half changed. */
static void what_was_locked_at_a_fork_is_forgotten(void **state) {
    (void)state;
    heritage h = make_heritage("good");
    nx_compiler_lock(h.jit);
    assert_int_equal(child_exit_code(use_after_held_lock, &h), 0);
    nx_compiler_unlock(h.jit);
    drop_heritage(&h);
}

/* Who forks waits until nobody is inside. */
static int go_on_and_exit(void *argument) {
    heritage *h = argument;
    for (uint16_t i = 2; CHILD_MAY_START_THREADS && i < 5; i++) REQUIRE(is_right(get(h->jit, i, true), i));
    exit(0); /* the slow plug-in's destructors run here */
}

static void a_fork_waits_for_who_is_inside(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        heritage h = make_heritage("slow");
        nx_jit_kernel *two = get(h.jit, 2, false), *three = get(h.jit, 3, false);
        usleep(SLOW_MS * 1000 / 4);
        assert_int_equal(nx_jit_state_of(two), NX_JIT_PENDING);
        assert_int_equal(child_exit_code(go_on_and_exit, &h), 0);
        assert_true(is_right(get(h.jit, 3, true), 3));
        nx_jit_release(&two);
        nx_jit_release(&three);
        drop_heritage(&h);
    }
}

/* Without handlers of forks, the plug-in is as the thread left it that was inside. */
static int use_while_compiling(void *argument) {
    heritage *h = argument;
    REQUIRE(number_of(h->held) == HELD_NUMBER);
    REQUIRE(is_right(get(h->jit, HELD_NUMBER, true), HELD_NUMBER));
    if (CHILD_MAY_START_THREADS) {
        REQUIRE(is_refused_for(get(h->jit, 2, true), "forked")); /* was being made */
        REQUIRE(is_refused_for(get(h->jit, 3, true), "forked")); /* was in the queue */
        REQUIRE(is_refused_for(get(h->jit, 4, true), "forked"));
        nx_jit *other = jit_with(NULL, "good");
        REQUIRE(is_refused_for(get(other, 4, true), "forked"));
        nx_jit_free(&other);
    }
    drop_heritage(h);
    return 0;
}

static void a_child_of_a_compiling_parent_does_not_compile(void **state) {
    (void)state;
    heritage h = make_heritage("slow");
    nx_jit_kernel *two = get(h.jit, 2, false), *three = get(h.jit, 3, false);
    usleep(SLOW_MS * 1000 / 4);
    assert_int_equal(nx_jit_state_of(two), NX_JIT_PENDING);
    assert_int_equal(child_exit_code_by(_Fork, use_while_compiling, &h), 0);
    assert_true(is_right(get(h.jit, 3, true), 3));
    nx_jit_release(&two);
    nx_jit_release(&three);
    drop_heritage(&h);
}

typedef struct crowd {
    heritage heritage;
    atomic_bool is_over;
} crowd;

static void *keep_asking(void *argument) {
    crowd *c = argument;
    for (uint16_t i = 0; !atomic_load(&c->is_over); i++) {
        nx_jit_kernel *kernel = get(c->heritage.jit, i, i % 4 == 0);
        nx_jit_release(&kernel);
    }
    return NULL;
}

static int use_after_crowd(void *argument) {
    heritage *h = argument;
    REQUIRE(number_of(h->held) == HELD_NUMBER);
    for (uint16_t i = 0; CHILD_MAY_START_THREADS && i < 20; i++) {
        nx_jit_kernel *kernel = get(h->jit, (uint16_t)(i * 1000), true);
        REQUIRE(nx_jit_entry(kernel) ? number_of(kernel) == i * UINT64_C(1000)
                                     : strstr(nx_jit_info_of(kernel).reason, "forked") != NULL);
        nx_jit_release(&kernel);
    }
    drop_heritage(h);
    return 0;
}

static void a_fork_at_any_moment_leaves_a_child_that_works(void **state) {
    (void)state;
    nx_jit_options options = {.cache_bytes = 64 << 10, .disk_cache = "", .plugin = plugin_path("good")};
    crowd c = {.is_over = false};
    pthread_t threads[3];
    if (IS_WITH_ASAN) return;
    assert_int_equal(nx_jit_new(NULL, &options, &c.heritage.jit, NULL), NEXPR_OK);
    c.heritage.held = get(c.heritage.jit, HELD_NUMBER, true);
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, keep_asking, &c), 0);
    for (int i = 0; i < FORKS; i++) assert_int_equal(child_exit_code(use_after_crowd, &c.heritage), 0);
    atomic_store(&c.is_over, true);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    drop_heritage(&c.heritage);
}

/* ------------------------------------------------------------------------------------------------------ the end -- */

enum { BUSY_WITH = 10 };
static nx_jit *busy;
static nx_jit_kernel *busy_with[BUSY_WITH];

static void make_busy(void) {
    busy = jit_with(NULL, "slow");
    for (uint16_t i = 0; i < BUSY_WITH; i++) busy_with[i] = get(busy, i, i == 0);
}

/* The destructors of the slow plug-in end the process with FAKE_INSIDE if a thread is inside. */
static int exit_while_compiling(void *argument) {
    (void)argument;
    make_busy();
    usleep(SLOW_MS * 1000 / 4);
    exit(0);
}

static void free_at_exit(void) {
    for (int i = 0; i < BUSY_WITH; i++) nx_jit_release(&busy_with[i]);
    nx_jit_free(&busy);
}

/* As a C++ host does that has a context in a static object. */
static int exit_and_free(void *argument) {
    (void)argument;
    atexit(free_at_exit);
    make_busy();
    exit(0);
}

static void a_process_that_ends_waits_for_who_is_inside(void **state) {
    (void)state;
    if (!CHILD_MAY_START_THREADS) return;
    assert_int_equal(child_exit_code(exit_while_compiling, NULL), 0);
    assert_int_equal(child_exit_code(exit_and_free, NULL), 0);
}

static int unload_while_compiling(void *argument) {
    (void)argument;
    char path[4200];
    test_segment s;
    snprintf(path, sizeof path, "%s", plugin_path("slow"));
    snprintf(strrchr(path, '/') + 1, 64, "host.so");
    void *host = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    union {
        void *address;
        int (*function)(const char *, const nx_segment *);
    } begin = {.address = host ? dlsym(host, "begin") : NULL};
    REQUIRE(begin.address);
    REQUIRE(!begin.function(plugin_path("slow"), segment_adding(&s, 1)));
    usleep(SLOW_MS * 1000 / 4);
    REQUIRE(!dlclose(host));
    usleep(SLOW_MS * 1000 * 2);
    return 0;
}

static void a_library_that_compiles_is_not_unloaded(void **state) {
    (void)state;
    if (CHILD_MAY_START_THREADS) assert_int_equal(child_exit_code(unload_while_compiling, NULL), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_that_ends_waits_for_who_is_inside),
        cmocka_unit_test(a_library_that_compiles_is_not_unloaded),
        cmocka_unit_test(a_child_goes_on_where_the_parent_was),
        cmocka_unit_test(threads_of_a_child_may_ask_at_once),
        cmocka_unit_test(what_was_locked_at_a_fork_is_forgotten),
        cmocka_unit_test(a_fork_waits_for_who_is_inside),
        cmocka_unit_test(a_child_of_a_compiling_parent_does_not_compile),
        cmocka_unit_test(a_fork_at_any_moment_leaves_a_child_that_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
