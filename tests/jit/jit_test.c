/* SPDX-License-Identifier: MIT */
/* Requests: from the plug-in to code that runs, shared and cached, and what becomes of all that goes wrong. */
#include "tests/jit/fixture.h"

#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>

#include "jit/cache.h"
#include "tests/jit/children.h"
#include "tests/jit/maps.h"
#include "tests/support/failing_allocator.h"

static nx_jit *jit_of_options(nx_jit_options options) {
    nx_jit *jit = NULL;
    assert_int_equal(nx_jit_new(NULL, &options, &jit, NULL), NEXPR_OK);
    return jit;
}

static nx_jit *jit_with_room(size_t cache_bytes) {
    return jit_of_options((nx_jit_options){.cache_bytes = cache_bytes, .disk_cache = "", .plugin = plugin_path("good")});
}

static nx_jit_source source_of(nx_jit *jit, uint16_t number) {
    nx_jit_kernel *kernel = get(jit, number, true);
    nx_jit_source source = nx_jit_info_of(kernel).source;
    assert_int_equal(number_of(kernel), number);
    nx_jit_release(&kernel);
    return source;
}

static void expect_refused(const nx_jit_kernel *kernel, const char *reason) {
    nx_jit_info info = nx_jit_info_of(kernel);
    assert_int_equal(nx_jit_state_of(kernel), NX_JIT_REFUSED);
    assert_int_equal(info.state, NX_JIT_REFUSED);
    assert_null(nx_jit_entry(kernel));
    if (!strstr(info.reason, reason)) fail_msg("not '%s' but '%s'", reason, info.reason);
}

/* ------------------------------------------------------------------------------------------------------ asking -- */

static void code_is_made_and_does_what_its_segment_says(void **state) {
    (void)state;
    nx_jit *jit = jit_with(NULL, "good");
    nx_jit_kernel *kernel = get(jit, 41, true);
    nx_jit_info info = nx_jit_info_of(kernel);
    assert_string_equal(info.reason, "");
    assert_int_equal(info.state, NX_JIT_READY);
    assert_int_equal(info.source, NX_JIT_FROM_COMPILER);
    assert_true(info.seconds > 0 && info.seconds < PATIENCE && info.code_bytes > 0);
    assert_int_equal(number_of(kernel), 41);
    nx_jit_release(&kernel);
    assert_null(kernel);
    nx_jit_free(&jit);
    assert_null(jit);
}

static void equal_segments_share_their_code(void **state) {
    (void)state;
    nx_jit *jit = jit_with(NULL, "good");
    nx_jit_kernel *a = get(jit, 1, true), *b = get(jit, 1, false), *c = get(jit, 2, true);
    assert_ptr_equal(nx_jit_entry(a), nx_jit_entry(b));
    assert_ptr_not_equal(nx_jit_entry(a), nx_jit_entry(c));
    assert_int_equal(nx_jit_info_of(a).source, NX_JIT_FROM_COMPILER);
    assert_int_equal(nx_jit_info_of(b).source, NX_JIT_FROM_MEMORY);
    assert_int_equal(nx_jit_info_of(c).source, NX_JIT_FROM_COMPILER);
    assert_int_equal(number_of(c), 2);
    nx_jit_release(&a);
    nx_jit_release(&b);
    nx_jit_release(&c);
    assert_int_equal(source_of(jit, 1), NX_JIT_FROM_MEMORY);
    nx_jit_free(&jit);
}

static void who_does_not_wait_gets_the_code_later(void **state) {
    (void)state;
    nx_jit *jit = jit_with(NULL, "slow");
    nx_jit_kernel *kernel = get(jit, 3, false), *other = get(jit, 3, false);
    assert_int_equal(nx_jit_state_of(kernel), NX_JIT_PENDING);
    assert_int_equal(nx_jit_info_of(other).state, NX_JIT_PENDING);
    assert_string_equal(nx_jit_info_of(other).reason, "");
    assert_null(nx_jit_entry(kernel));
    for (int i = 0; nx_jit_state_of(kernel) == NX_JIT_PENDING && i < PATIENCE * 1000; i++) usleep(1000);
    assert_int_equal(number_of(kernel), 3);
    assert_int_equal(number_of(other), 3);
    assert_int_equal(nx_jit_info_of(other).source, NX_JIT_FROM_COMPILER);
    assert_true(nx_jit_info_of(other).seconds > SLOW_MS * 0.5e-3);
    nx_jit_release(&kernel);
    nx_jit_release(&other);
    nx_jit_free(&jit);
}

static void what_cannot_be_compiled_is_refused(void **state) {
    (void)state;
    static union {
        nx_segment head;
        char bytes[1 << 16];
    } large;
    nx_jit *jit = jit_with(NULL, "good");
    test_segment s;
    nx_jit_kernel *kernel;
    assert_int_equal(nx_jit_get(jit, segment_adding(&s, 1), NX_ISA_BASELINE, NX_JIT_WAIT, &kernel, NULL), NEXPR_OK);
    expect_refused(kernel, "AVX2");
    nx_jit_release(&kernel);
    assert_int_equal(nx_jit_get(jit, segment_adding(&s, 1), NX_ISA_AVX512, NX_JIT_WAIT, &kernel, NULL), NEXPR_OK);
    expect_refused(kernel, "no code for this instruction set");
    nx_jit_release(&kernel);
    large.head = (nx_segment){1, NX_SEGMENT_OPERANDS, 1, 0};
    assert_int_equal(nx_jit_get(jit, &large.head, NX_ISA_AVX2, NX_JIT_WAIT, &kernel, NULL), NEXPR_OK);
    expect_refused(kernel, "too many operands");
    nx_jit_release(&kernel);
    large.head = (nx_segment){1, 1, NX_SEGMENT_VALUES + 1, 0};
    assert_int_equal(nx_jit_get(jit, &large.head, NX_ISA_AVX2, NX_JIT_COMPILE, &kernel, NULL), NEXPR_OK);
    expect_refused(kernel, "too long");
    nx_jit_release(&kernel);
    nx_jit_free(&jit);
}

static void texts_are_made(void **state) {
    (void)state;
    nx_jit *jit = jit_with(NULL, "good"), *failing = jit_with(NULL, "failing");
    test_segment s;
    char *text;
    size_t bytes;
    nexpr_error err = nexpr_error_init();
    segment_adding(&s, 1);
    assert_int_equal(nx_jit_print(jit, &s.head, NX_ISA_AVX2, NX_JIT_IR, &text, &bytes, &err), NEXPR_OK);
    assert_int_equal(bytes, strlen("define void"));
    assert_memory_equal(text, "define void", bytes);
    free(text);
    assert_int_equal(nx_jit_print(jit, &s.head, NX_ISA_AVX2, NX_JIT_ASSEMBLY, &text, &bytes, &err), NEXPR_OK);
    assert_memory_equal(text, "ret", bytes);
    free(text);
    assert_int_equal(nx_jit_print(jit, &s.head, NX_ISA_BASELINE, NX_JIT_IR, &text, &bytes, &err), NEXPR_UNSUPPORTED);
    assert_int_equal(nx_jit_print(failing, &s.head, NX_ISA_AVX2, NX_JIT_IR, &text, &bytes, &err), NEXPR_UNSUPPORTED);
    assert_string_equal(err.message, "op 7 has no code");
    nx_jit_free(&jit);
    nx_jit_free(&failing);
}

/* --------------------------------------------------------------------------------------------------- plug-ins -- */

static void a_plugin_that_cannot_be_used_is_a_reason(void **state) {
    (void)state;
    const struct {
        const char *name, *reason;
    } cases[] = {
        {"missing", "there is no such file"},
        {"wrong_abi", "another version of nexpr"},
        {"rejecting", "another version of nexpr"},
        {"no_symbol", "has no function nexpr_jit_plugin"},
        {"unresolved", "undefined symbol: nexpr_no_such_function"},
        {"wrong_llvm", "is of LLVM 18.1, but this library was built for LLVM "},
        {"failing", "op 7 has no code"},
        {"malformed", "cannot be loaded: its section headers end behind its 200 bytes"},
        {"undefined", "cannot be loaded: a symbol is undefined"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nx_jit *jit = jit_with(NULL, cases[i].name);
        for (uint16_t number = 0; number < 4; number++) {
            nx_jit_kernel *kernel = get(jit, number / 2, true);
            expect_refused(kernel, cases[i].reason);
            nx_jit_release(&kernel);
        }
        nx_jit_free(&jit);
    }
}

static nx_jit_kernel *get_with_plugin(const char *path, nx_jit **ret_jit) {
    *ret_jit = jit_of_options((nx_jit_options){.disk_cache = "", .plugin = path});
    return get(*ret_jit, 1, true);
}

static void a_plugin_is_looked_for_where_it_belongs(void **state) {
    (void)state;
    char folder[4096], object[4200];
    nx_jit *jit;
    snprintf(folder, sizeof folder, "%s", plugin_path("good"));
    *strrchr(folder, '/') = 0;
    snprintf(object, sizeof object, "%s/kernel_good.bin", folder);
    assert_int_equal(chdir(folder), 0);

    nx_jit_kernel *kernel = get_with_plugin("fake_good.so", &jit);
    expect_refused(kernel, "not absolute");
    nx_jit_release(&kernel);
    nx_jit_free(&jit);

    kernel = get_with_plugin(object, &jit);
    expect_refused(kernel, "cannot be loaded: ");
    nx_jit_release(&kernel);
    nx_jit_free(&jit);

    kernel = get_with_plugin(NULL, &jit);
    snprintf(object, sizeof object, "%s/libnexpr-jit.so", folder);
    expect_refused(kernel, object);
    nx_jit_release(&kernel);
    nx_jit_free(&jit);

    setenv("NEXPR_JIT_PLUGIN", plugin_path("good"), 1);
    kernel = get_with_plugin(NULL, &jit);
    assert_int_equal(number_of(kernel), 1);
    nx_jit_release(&kernel);
    nx_jit_free(&jit);
    unsetenv("NEXPR_JIT_PLUGIN");
}

static void want_of_memory_in_the_compiler_is_forgotten(void **state) {
    (void)state;
    nx_jit *jit = jit_with(NULL, "forgetful");
    nx_jit_kernel *kernel = get(jit, 1, true);
    expect_refused(kernel, "out of memory");
    assert_int_equal(source_of(jit, 1), NX_JIT_FROM_COMPILER);
    expect_refused(kernel, "out of memory");
    nx_jit_release(&kernel);
    nx_jit_free(&jit);
}

static int compile_in_little_space(void *argument) {
    int resource = *(int *)argument;
    nx_jit *jit = jit_with(NULL, "good");
    struct rlimit limit = {200 << 20, RLIM_INFINITY};
    REQUIRE(!setrlimit(resource, &limit));
    nx_jit_kernel *kernel = get(jit, 1, true);
    REQUIRE(strstr(nx_jit_info_of(kernel).reason, "too little for the compiler"));
    nx_jit_release(&kernel);
    limit.rlim_cur = RLIM_INFINITY;
    REQUIRE(!setrlimit(resource, &limit));
    REQUIRE(source_of(jit, 1) == NX_JIT_FROM_COMPILER);
    nx_jit_free(&jit);
    return 0;
}

static void the_compiler_is_not_begun_with_little_memory(void **state) {
    (void)state;
    int resources[] = {RLIMIT_AS, RLIMIT_DATA};
#ifndef SANITIZED
    for (int i = 0; i < 2; i++) assert_int_equal(child_exit_code(compile_in_little_space, &resources[i]), 0);
#else
    (void)resources, (void)compile_in_little_space;
#endif
}

/* ------------------------------------------------------------------------------------------------------ memory -- */

static void kernels_outlive_the_jit_and_the_cache(void **state) {
    (void)state;
    failing_allocator failing;
    nx_jit *jit = jit_with(failing_allocator_init(&failing, -1), "good");
    nx_jit_kernel *kernels[20];
    for (uint16_t i = 0; i < 20; i++) kernels[i] = get(jit, i, true);
    nx_jit_free(&jit);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(number_of(kernels[i]), i);
        nx_jit_release(&kernels[i]);
    }
    assert_int_equal(failing.live_blocks, 0);
    assert_int_equal(failing.live_bytes, 0);
}

static void freeing_drops_what_was_not_begun(void **state) {
    (void)state;
    enum { COUNT = 50 };
    nx_jit *jit = jit_with(NULL, "slow");
    nx_jit_kernel *kernels[COUNT];
    time_t start = time(NULL);
    for (uint16_t i = 0; i < COUNT; i++) kernels[i] = get(jit, i, false);
    nx_jit_free(&jit);
    assert_in_range(time(NULL) - start, 0, COUNT * SLOW_MS / 2000);
    for (int i = 0; i < COUNT; i++) assert_int_not_equal(nx_jit_state_of(kernels[i]), NX_JIT_PENDING);
    expect_refused(kernels[COUNT - 1], "was freed");
    for (int i = 0; i < COUNT; i++) nx_jit_release(&kernels[i]);
}

static void the_cache_is_bounded_and_keeps_what_is_used(void **state) {
    (void)state;
    nx_jit *jit = jit_with_room(20 * 5000);
    nx_jit_kernel *held = get(jit, 1, true);
    int before = read_maps(NULL, NULL).count;
    for (uint16_t i = 100; i < 400; i++) {
        source_of(jit, i);
        for (int k = 0; k < 20; k++) assert_true(source_of(jit, 2) == NX_JIT_FROM_MEMORY || i == 100);
    }
    assert_in_range(read_maps(NULL, NULL).count, 0, before + 10);
    assert_int_equal(source_of(jit, 100), NX_JIT_FROM_COMPILER);
    assert_int_equal(source_of(jit, 1), NX_JIT_FROM_MEMORY); /* because it is held */
    assert_int_equal(number_of(held), 1);
    nx_jit_release(&held);
    nx_jit_free(&jit);
}

static void codes_of_one_hash_are_told_apart(void **state) {
    (void)state;
    static nx_code_table table = {.limit = 1 << 20};
    nx_code_arena arena;
    test_segment s, other;
    size_t bytes = nx_segment_bytes(segment_adding(&s, 1));
    segment_adding(&other, 2);
    nx_code_arena_init(&arena, NULL);
    nx_code *code = nx_code_new(NULL, 5, NX_ISA_AVX2, &s.head, bytes);
    nx_code_table_add(&table, code);
    assert_ptr_equal(nx_code_table_find(&table, 5, NX_ISA_AVX2, &s.head, bytes), code);
    assert_null(nx_code_table_find(&table, 5, NX_ISA_AVX512, &s.head, bytes));
    assert_null(nx_code_table_find(&table, 5, NX_ISA_AVX2, &other.head, bytes));
    assert_null(nx_code_table_find(&table, 5, NX_ISA_AVX2, &s.head, bytes - 1));
    assert_null(nx_code_table_find(&table, 5 + NX_CODE_BUCKETS, NX_ISA_AVX2, &s.head, bytes));
    nx_code_table_remove(&table, code);
    assert_int_equal(table.bytes, 0);
    nx_code_unref(NULL, &arena, code);
    nx_code_arena_free(&arena);
}

/* Code of the table that took so long to make. */
static nx_code *add_code(nx_code_table *table, uint16_t number, uint64_t cost_ns) {
    test_segment s;
    size_t bytes = nx_segment_bytes(segment_adding(&s, number));
    nx_code *code = nx_code_new(NULL, number, NX_ISA_AVX2, &s.head, bytes);
    nx_code_table_add(table, code);
    nx_code_table_made(table, code, cost_ns);
    return code;
}

static bool is_there(const nx_code_table *table, uint16_t number) {
    test_segment s;
    size_t bytes = nx_segment_bytes(segment_adding(&s, number));
    return nx_code_table_find(table, number, NX_ISA_AVX2, &s.head, bytes);
}

static void shrink(nx_code_table *table, size_t limit) {
    nx_code_arena arena;
    nx_code_arena_init(&arena, NULL);
    for (nx_code *code = nx_code_table_shrink(table, limit), *next; code; code = next) {
        next = code->next;
        nx_code_unref(NULL, &arena, code);
    }
    nx_code_arena_free(&arena);
}

static void what_is_worth_least_goes_first(void **state) {
    (void)state;
    static nx_code_table table;
    nx_code *used = add_code(&table, 1, 1000);
    size_t each = table.bytes;
    add_code(&table, 2, 1000);
    add_code(&table, 3, 9000);
    for (int i = 0; i < 4; i++) nx_code_table_use(&table, used);
    shrink(&table, 3 * each);
    assert_int_equal(table.bytes, 3 * each);
    shrink(&table, 3 * each - 1);
    assert_true(is_there(&table, 1) && !is_there(&table, 2) && is_there(&table, 3));
    shrink(&table, each);
    assert_true(!is_there(&table, 1) && is_there(&table, 3));
    shrink(&table, 0);
    assert_int_equal(table.bytes, 0);
}

static void code_that_is_used_no_more_grows_old(void **state) {
    (void)state;
    static nx_code_table table;
    nx_code *used = add_code(&table, 0, 1000);
    size_t each = table.bytes;
    for (int i = 1; i < 10; i++) nx_code_table_use(&table, used);
    for (uint16_t i = 1; i < 200; i++) {
        add_code(&table, i, 1000);
        shrink(&table, 4 * each);
        if (i == 20) assert_true(is_there(&table, 0));
    }
    assert_false(is_there(&table, 0));
    assert_true(is_there(&table, 199));
    shrink(&table, 0);
}

static void ten_thousand_compilations_leave_nothing(void **state) {
    (void)state;
    nx_jit *jit = jit_with_room(64 << 10);
    int mappings = 0;
    long resident = 0;
    for (int i = 0; i < 11000; i++) {
        assert_int_equal(source_of(jit, (uint16_t)i), NX_JIT_FROM_COMPILER);
        if (i == 999) mappings = read_maps(NULL, NULL).count, resident = resident_pages();
    }
    assert_in_range(read_maps(NULL, NULL).count, 0, mappings + 10);
#ifndef SANITIZED
    assert_in_range(resident_pages(), 0, resident + 128);
#endif
    (void)resident;
    nx_jit_free(&jit);
}

static nexpr_status use_all(const nexpr_allocator *allocator) {
    nx_jit_options options = {.disk_cache = "/nowhere/nexpr", .plugin = plugin_path("good")};
    nx_jit *jit = NULL;
    nx_jit_kernel *kernel = NULL, *again = NULL;
    test_segment s;
    char *text = NULL;
    size_t bytes;
    nexpr_status status = nx_jit_new(allocator, &options, &jit, NULL);
    if (!status) status = nx_jit_get(jit, segment_adding(&s, 5), NX_ISA_AVX2, NX_JIT_WAIT, &kernel, NULL);
    if (!status && !nx_jit_entry(kernel)) status = NEXPR_MEMORY;
    if (!status) status = nx_jit_get(jit, &s.head, NX_ISA_AVX2, NX_JIT_WAIT, &again, NULL);
    if (!status) status = nx_jit_print(jit, &s.head, NX_ISA_AVX2, NX_JIT_IR, &text, &bytes, NULL);
    if (!status) assert_int_equal(number_of(again), 5);
    if (text) allocator->release(allocator->user, text, bytes);
    nx_jit_release(&kernel);
    nx_jit_release(&again);
    nx_jit_free(&jit);
    return status;
}

/* That GDB is not told of code is no failure. */
static void every_allocation_may_fail(void **state) {
    (void)state;
    failing_allocator failing;
    int failures = 0;
    for (long n = 0;; n++) {
        nexpr_status status = use_all(failing_allocator_init(&failing, n));
        assert_int_equal(failing.live_blocks, 0);
        assert_int_equal(failing.live_bytes, 0);
        if (!failing.failed) break;
        assert_true(status == NEXPR_MEMORY || status == NEXPR_OK);
        failures += status == NEXPR_MEMORY;
    }
    assert_in_range(failures, 8, 100);
}

static int threads_that_fail; /* pthread_create returns EAGAIN so often */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*function)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*function)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*function)(void *), void *argument) {
    if (threads_that_fail && threads_that_fail--) return EAGAIN;
    return __real_pthread_create(thread, attr, function, argument);
}

static void a_thread_that_cannot_start_is_a_reason(void **state) {
    (void)state;
    nx_jit *jit = jit_with(NULL, "good");
    threads_that_fail = 1;
    nx_jit_kernel *kernel = get(jit, 9, true);
    expect_refused(kernel, "thread");
    assert_int_equal(source_of(jit, 9), NX_JIT_FROM_COMPILER);
    nx_jit_release(&kernel);
    nx_jit_free(&jit);
}

/* ----------------------------------------------------------------------------------------------------- threads -- */

typedef struct counter {
    nx_lock lock;
    int count;
} counter;

static void *count_up(void *argument) {
    counter *c = argument;
    for (int i = 0; i < 20000; i++) {
        nx_lock_take(&c->lock);
        int count = c->count;
        if (i % 64 == 0) sched_yield();
        c->count = count + 1;
        nx_lock_drop(&c->lock);
    }
    return NULL;
}

static void a_lock_is_held_by_one_and_nobody_is_forgotten(void **state) {
    (void)state;
    pthread_t threads[8];
    counter c = {.count = 0};
    alarm(PATIENCE);
    for (int i = 0; i < 8; i++) assert_int_equal(pthread_create(&threads[i], NULL, count_up, &c), 0);
    for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
    alarm(0);
    assert_int_equal(c.count, 8 * 20000);
}

enum { THREADS = 6, ROUNDS = 300, NUMBERS = 40 };

typedef struct crowd {
    nx_jit *jit;
    atomic_bool is_over;
    atomic_int seen_writable_code;
} crowd;

static void *ask_at_random(void *argument) {
    crowd *c = argument;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    for (int i = 0; i < ROUNDS; i++) {
        uint16_t number = (uint16_t)(rand_r(&seed) % NUMBERS);
        nx_jit_kernel *kernel = get(c->jit, number, rand_r(&seed) % 2);
        if (nx_jit_entry(kernel)) assert_int_equal(number_of(kernel), number);
        nx_jit_release(&kernel);
    }
    return NULL;
}

static void *watch_maps(void *argument) {
    crowd *c = argument;
    while (!atomic_load(&c->is_over)) atomic_fetch_add(&c->seen_writable_code, read_maps(NULL, NULL).writable_code);
    return NULL;
}

static void many_threads_may_ask(void **state) {
    (void)state;
    pthread_t threads[THREADS + 1];
    crowd c = {.jit = jit_with_room(64 << 10)};
    assert_int_equal(pthread_create(&threads[THREADS], NULL, watch_maps, &c), 0);
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, ask_at_random, &c), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    atomic_store(&c.is_over, true);
    pthread_join(threads[THREADS], NULL);
    assert_int_equal(c.seen_writable_code, 0);
    nx_jit_free(&c.jit);
}

/* ------------------------------------------------------------------------------------------------------- tools -- */

/* What GDB looks at. */
typedef struct gdb_entry {
    struct gdb_entry *next, *before;
    const char *file;
    uint64_t bytes;
} gdb_entry;

extern struct {
    uint32_t version, action;
    gdb_entry *relevant, *first;
} __jit_debug_descriptor;

static void gdb_is_told_where_code_is(void **state) {
    (void)state;
    assert_null(__jit_debug_descriptor.first);
    nx_jit *jit = jit_with(NULL, "good");
    nx_jit_kernel *a = get(jit, 1, true), *b = get(jit, 2, true);
    gdb_entry *second = __jit_debug_descriptor.first, *first = second->next;
    assert_null(first->next);
    assert_ptr_equal(first->before, second);
    const Elf64_Ehdr *header = (const void *)first->file;
    const Elf64_Shdr *sections = (const void *)(first->file + header->e_shoff);
    const Elf64_Sym *symbol = (const Elf64_Sym *)(const void *)(first->file + sections[2].sh_offset) + 1;
    assert_int_equal(symbol->st_value, (uintptr_t)nx_jit_entry(a));
    assert_memory_equal(first->file + sections[3].sh_offset + symbol->st_name, "nexpr_", 6);
    nx_jit_release(&a);
    nx_jit_release(&b);
    nx_jit_free(&jit);
    assert_null(__jit_debug_descriptor.first);
}

static void perf_gets_a_map_if_it_is_wanted(void **state) {
    (void)state;
    char path[64], line[128] = "", wanted[64];
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    assert_int_not_equal(access(path, F_OK), 0);
    setenv("NEXPR_PERF", "1", 1);
    nx_jit *jit = jit_with(NULL, "good");
    unsetenv("NEXPR_PERF");
    nx_jit_kernel *kernel = get(jit, 1, true);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    unlink(path);
    snprintf(wanted, sizeof wanted, "%lx ", (unsigned long)(uintptr_t)nx_jit_entry(kernel));
    assert_memory_equal(line, wanted, strlen(wanted));
    assert_non_null(strstr(line, " nexpr_"));
    nx_jit_release(&kernel);
    nx_jit_free(&jit);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gdb_is_told_where_code_is),
        cmocka_unit_test(perf_gets_a_map_if_it_is_wanted),
        cmocka_unit_test(code_is_made_and_does_what_its_segment_says),
        cmocka_unit_test(equal_segments_share_their_code),
        cmocka_unit_test(who_does_not_wait_gets_the_code_later),
        cmocka_unit_test(what_cannot_be_compiled_is_refused),
        cmocka_unit_test(texts_are_made),
        cmocka_unit_test(a_plugin_that_cannot_be_used_is_a_reason),
        cmocka_unit_test(a_plugin_is_looked_for_where_it_belongs),
        cmocka_unit_test(want_of_memory_in_the_compiler_is_forgotten),
        cmocka_unit_test(the_compiler_is_not_begun_with_little_memory),
        cmocka_unit_test(kernels_outlive_the_jit_and_the_cache),
        cmocka_unit_test(freeing_drops_what_was_not_begun),
        cmocka_unit_test(the_cache_is_bounded_and_keeps_what_is_used),
        cmocka_unit_test(codes_of_one_hash_are_told_apart),
        cmocka_unit_test(what_is_worth_least_goes_first),
        cmocka_unit_test(code_that_is_used_no_more_grows_old),
        cmocka_unit_test(ten_thousand_compilations_leave_nothing),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_thread_that_cannot_start_is_a_reason),
        cmocka_unit_test(a_lock_is_held_by_one_and_nobody_is_forgotten),
        cmocka_unit_test(many_threads_may_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
