/* SPDX-License-Identifier: MIT */
/* Buffers: alignment, the bounds of the cache, life beyond the context, failing allocators, many threads. */
#include "runtime/buffers.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { KIB = 1 << 10, MIB = 1 << 20 };

/* An allocator that counts; the memory that it gives is aligned to 16 and no more. */
typedef struct counting {
    atomic_int left, live;
    atomic_size_t bytes;
    size_t most; /* 0: any number of them */
} counting;

static void *counted_allocate(void *user, size_t bytes) {
    counting *c = user;
    if (atomic_fetch_sub(&c->left, 1) <= 0) return NULL;
    if (c->most && atomic_load(&c->bytes) + bytes > c->most) return NULL;
    char *memory = malloc(bytes + 128);
    if (!memory) return NULL;
    char *odd = (char *)(((uintptr_t)memory + 64) / 64 * 64 + 16);
    ((void **)(void *)odd)[-1] = memory;
    atomic_fetch_add(&c->live, 1);
    atomic_fetch_add(&c->bytes, bytes);
    return odd;
}

static void counted_release(void *user, void *memory, size_t bytes) {
    counting *c = user;
    atomic_fetch_sub(&c->live, 1);
    atomic_fetch_sub(&c->bytes, bytes);
    free(((void **)memory)[-1]);
}

static nx_buffers *make(counting *c, size_t cached_bytes) {
    nexpr_allocator allocator = {sizeof allocator, c, counted_allocate, counted_release};
    atomic_store(&c->left, 1 << 30);
    nx_buffers *buffers = nx_buffers_new(&allocator, cached_bytes);
    assert_non_null(buffers);
    return buffers;
}

static void *take(nx_buffers *buffers, size_t bytes) {
    void *data = nx_buffer_take(buffers, bytes, 0);
    assert_non_null(data);
    return data;
}

static void data_and_header_are_aligned_and_apart(void **state) {
    (void)state;
    counting c = {0};
    nx_buffers *all[] = {make(&c, MIB), nx_buffers_new(NULL, MIB)};
    const size_t sizes[] = {0, 1, 63, 64, 65, 1000, 32 * KIB, 100001, 2 * MIB - 1, 2 * MIB, 2 * MIB + 1, 7 * MIB + 4097};
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        size_t bytes = sizes[i / 2], header_bytes = i % 3 * 512;
        char *data = nx_buffer_take(all[i % 2], bytes, header_bytes);
        assert_non_null(data);
        char *header = nx_buffer_header(data);
        assert_int_equal((uintptr_t)data % 64, 0);
        assert_int_equal((uintptr_t)header % 16, 0);
        assert_true(header >= data + bytes);
        memset(data, 0xAA, bytes);
        memset(header, 0x55, header_bytes);
        for (size_t k = 0; k < bytes; k++) assert_int_equal((unsigned char)data[k], 0xAA);
        nx_buffer_give(data);
    }
    nx_buffers_unref(&all[0]);
    nx_buffers_unref(&all[1]);
    assert_int_equal(c.live, 0);
}

static void large_buffers_lie_on_huge_pages(void **state) {
    (void)state;
    nx_buffers *buffers = nx_buffers_new(NULL, 0);
    for (int i = 0; i < 3; i++) {
        void *data = take(buffers, (size_t)(2 + i) * MIB + 100);
        assert_int_equal((uintptr_t)data % (2 * MIB), 0);
        nx_buffer_give(data);
    }
    nx_buffers_unref(&buffers);
}

static void a_freed_buffer_is_taken_again_if_it_fits(void **state) {
    (void)state;
    counting c = {0};
    nx_buffers *buffers = make(&c, MIB);
    void *data = take(buffers, 125 * KIB);
    nx_buffer_give(data);
    assert_ptr_equal(take(buffers, 125 * KIB), data);
    nx_buffer_give(data);
    assert_ptr_equal(take(buffers, 101 * KIB), data);
    nx_buffer_give(data);
    int live = c.live;
    void *small = take(buffers, 99 * KIB), *large = take(buffers, 126 * KIB);
    assert_int_equal(c.live, live + 2);
    nx_buffer_give(small);
    nx_buffer_give(large);
    nx_buffers_unref(&buffers);
    assert_null(buffers);
    assert_int_equal(c.live, 0);
}

static void large_mapped_buffers_are_reused_too(void **state) {
    (void)state;
    nx_buffers *buffers = nx_buffers_new(NULL, 64 * MIB);
    void *data = take(buffers, 10 * MIB);
    memset(data, 1, 10 * MIB);
    nx_buffer_give(data);
    assert_true(nx_buffers_cached(buffers) >= 10 * MIB);
    assert_ptr_equal(take(buffers, 9 * MIB), data);
    assert_int_equal(nx_buffers_cached(buffers), 0);
    nx_buffer_give(data);
    nx_buffers_unref(&buffers);
}

static void the_cache_never_holds_more_than_it_may(void **state) {
    (void)state;
    counting c = {0};
    nx_buffers *buffers = make(&c, MIB);
    void *data[100];
    for (int i = 0; i < 100; i++) data[i] = take(buffers, (size_t)(20 + 7 * i) * KIB);
    for (int i = 0; i < 100; i++) {
        nx_buffer_give(data[i]);
        assert_true(nx_buffers_cached(buffers) <= MIB);
    }
    assert_true(nx_buffers_cached(buffers) > MIB / 2);
    assert_true(c.bytes < MIB + 4 * KIB);
    assert_ptr_equal(take(buffers, 713 * KIB), data[99]); /* the newest stayed */
    nx_buffer_give(data[99]);
    nx_buffer_give(take(buffers, 2 * MIB)); /* larger than the whole cache: it goes, the others stay */
    assert_true(nx_buffers_cached(buffers) > MIB / 2);
    nx_buffers_unref(&buffers);
    assert_int_equal(c.live, 0);
}

static void the_cache_never_holds_more_than_a_few_buffers(void **state) {
    (void)state;
    counting c = {0};
    nx_buffers *buffers = make(&c, 100 * MIB);
    void *data[64];
    for (int i = 0; i < 64; i++) data[i] = take(buffers, 40 * KIB);
    for (int i = 0; i < 64; i++) nx_buffer_give(data[i]);
    assert_true(c.live <= 33);
    nx_buffers_unref(&buffers);
    assert_int_equal(c.live, 0);
}

static void small_buffers_and_a_cache_of_nothing_are_not_kept(void **state) {
    (void)state;
    counting c = {0};
    nx_buffers *keeps = make(&c, MIB), *forgets = make(&c, 0);
    nx_buffer_give(take(keeps, KIB));
    nx_buffer_give(take(forgets, 100 * KIB));
    assert_int_equal(nx_buffers_cached(keeps) + nx_buffers_cached(forgets), 0);
    nx_buffers_unref(&keeps);
    nx_buffers_unref(&forgets);
    assert_int_equal(c.live, 0);
}

static void what_is_kept_goes_where_less_is_allowed(void **state) {
    (void)state;
    counting c = {0};
    nx_buffers *buffers = make(&c, MIB);
    void *first = take(buffers, 100 * KIB), *second = take(buffers, 200 * KIB);
    nx_buffer_give(first);
    nx_buffer_give(second);
    nx_buffers_allow(buffers, 250 * KIB);
    assert_ptr_equal(take(buffers, 200 * KIB), second); /* the newest stayed */
    nx_buffers_allow(buffers, 0);
    nx_buffer_give(second);
    assert_int_equal(nx_buffers_cached(buffers), 0);
    nx_buffers_allow(buffers, MIB);
    nx_buffer_give(take(buffers, 100 * KIB));
    assert_true(nx_buffers_cached(buffers) >= 100 * KIB);
    nx_buffers_unref(&buffers);
    assert_int_equal(c.live, 0);
}

static void what_is_kept_goes_where_memory_is_out(void **state) {
    (void)state;
    counting c = {.most = 300 * KIB};
    nx_buffers *buffers = make(&c, MIB);
    nx_buffer_give(take(buffers, 200 * KIB));
    nx_buffer_give(take(buffers, 250 * KIB));
    assert_null(nx_buffer_take(buffers, 350 * KIB, 0));
    assert_int_equal(nx_buffers_cached(buffers), 0);
    nx_buffers_unref(&buffers);
    assert_int_equal(c.live, 0);
}

static void buffers_outlive_their_context(void **state) {
    (void)state;
    counting c = {0};
    nx_buffers *buffers = make(&c, MIB);
    char *first = take(buffers, 100 * KIB), *second = take(buffers, 10);
    nx_buffer_give(take(buffers, 200 * KIB));
    nx_buffers_unref(&buffers);
    assert_int_equal(c.live, 3); /* what is cached went at once */
    memset(first, 1, 100 * KIB);
    nx_buffer_give(first);
    assert_int_equal(c.live, 2);
    second[9] = 1;
    nx_buffer_give(second);
    assert_int_equal(c.live, 0);
    nx_buffer_give(NULL);
    nx_buffers_unref(&buffers);
}

static void memory_that_is_out_gives_null(void **state) {
    (void)state;
    counting c = {0};
    nexpr_allocator allocator = {sizeof allocator, &c, counted_allocate, counted_release};
    assert_null(nx_buffers_new(&allocator, MIB));
    nx_buffers *buffers = make(&c, MIB), *mapped = nx_buffers_new(NULL, MIB);
    atomic_store(&c.left, 0);
    assert_null(nx_buffer_take(buffers, 10, 10));
    assert_null(nx_buffer_take(mapped, SIZE_MAX, 0));
    assert_null(nx_buffer_take(mapped, 0, SIZE_MAX));
    assert_null(nx_buffer_take(mapped, SIZE_MAX / 4, 0));
    assert_null(nx_buffer_take(mapped, SIZE_MAX / 4, SIZE_MAX / 4));
    nx_buffers_unref(&buffers);
    nx_buffers_unref(&mapped);
    assert_int_equal(c.live, 0);
}

enum { THREADS = 4, ROUNDS = 3000 };

typedef struct user {
    nx_buffers *buffers;
    pthread_t thread;
    int number, wrong;
    char *last; /* left to be given back by another thread */
} user;

static void *use_often(void *argument) {
    user *u = argument;
    char *held[4] = {NULL};
    for (int i = 0; i < ROUNDS; i++) {
        int k = i % 4;
        if (held[k] && held[k][0] != u->number) u->wrong++;
        nx_buffer_give(held[k]);
        held[k] = nx_buffer_take(u->buffers, (size_t)(40 + i * 31 % 50) * KIB, 64);
        if (!held[k] || (held[k][0] = (char)u->number) == 0) u->wrong++;
    }
    for (int k = 1; k < 4; k++) nx_buffer_give(held[k]);
    u->last = held[0];
    return NULL;
}

static void many_threads_take_and_give(void **state) {
    (void)state;
    counting c = {0};
    nx_buffers *buffers = make(&c, 400 * KIB);
    user users[THREADS];
    for (int i = 0; i < THREADS; i++) {
        users[i] = (user){.buffers = buffers, .number = i + 1};
        assert_int_equal(pthread_create(&users[i].thread, NULL, use_often, &users[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(users[i].thread, NULL);
        assert_int_equal(users[i].wrong, 0);
    }
    nx_buffers_unref(&buffers);
    for (int i = 0; i < THREADS; i++) nx_buffer_give(users[i].last);
    assert_int_equal(c.live, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_and_header_are_aligned_and_apart),
        cmocka_unit_test(large_buffers_lie_on_huge_pages),
        cmocka_unit_test(a_freed_buffer_is_taken_again_if_it_fits),
        cmocka_unit_test(large_mapped_buffers_are_reused_too),
        cmocka_unit_test(the_cache_never_holds_more_than_it_may),
        cmocka_unit_test(the_cache_never_holds_more_than_a_few_buffers),
        cmocka_unit_test(small_buffers_and_a_cache_of_nothing_are_not_kept),
        cmocka_unit_test(what_is_kept_goes_where_less_is_allowed),
        cmocka_unit_test(what_is_kept_goes_where_memory_is_out),
        cmocka_unit_test(buffers_outlive_their_context),
        cmocka_unit_test(memory_that_is_out_gives_null),
        cmocka_unit_test(many_threads_take_and_give),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
