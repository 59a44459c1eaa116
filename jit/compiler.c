/* SPDX-License-Identifier: MIT */
/*
 * The background thread: takes code from the queue, in the order that it was asked for, makes it and publishes it.
 *
 * After a fork there is no thread in the child. The first that takes the lock there puts what the thread was at back to
 * the front of the queue and starts a new one; if the lock was held at the fork, table and queue are forgotten instead,
 * with the memory that is in them.
 */
#include <fenv.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "jit/core.h"
#include "jit/elf.h"

#define NO_THREAD "a thread for the compiler cannot be started: %s"

enum { STACK_BYTES = 8 << 20 };

/* What LLVM may take before it has made anything; it ends the process when there is no more. */
#define COMPILER_BYTES (UINT64_C(256) << 20)

uint64_t nx_jit_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* -------------------------------------------------------------------------------------------------- publishing -- */

void nx_compiler_wait(nx_code *code) {
    while (nx_jit_is_pending(code)) nx_sleep_while(&code->state, NX_JIT_PENDING);
}

static void publish(nx_code *code, nx_jit_state state) {
    union {
        void *address;
        nx_segment_kernel *kernel;
    } entry = {.address = state == NX_JIT_READY ? code->pages.at + code->entry_offset : NULL};
    atomic_store_explicit(&code->entry, entry.kernel, memory_order_release);
    atomic_store_explicit(&code->state, state, memory_order_release);
    nx_wake_all(&code->state);
}

static void set_reason(nx_jit *jit, nx_code *code, nexpr_status status, const char *reason) {
    size_t bytes = strlen(reason) + 1;
    code->status = status;
    code->reason = nx_allocate(jit->allocator, 1, bytes);
    if (!code->reason) return;
    code->reason_bytes = bytes;
    memcpy(code->reason, reason, bytes);
}

void nx_compiler_refuse(nx_jit *jit, nx_code *code, nexpr_status status, const char *reason) {
    set_reason(jit, code, status, reason);
    code->ready_ns = nx_jit_now();
    publish(code, NX_JIT_REFUSED);
}

void nx_compiler_drop(nx_jit *jit, nx_code *list) {
    for (nx_code *code = list, *next; code; code = next) {
        next = code->next;
        nx_code_unref(jit->allocator, &jit->arena, code);
    }
}

/* ------------------------------------------------------------------------------------------------------ making -- */

/* Limits of address space and of data, and the columns of /proc/self/statm that count against them. */
static const struct budget {
    int resource, column;
    const char *name;
} budgets[] = {
    {RLIMIT_AS, 0, "address space"},
    {RLIMIT_DATA, 5, "data"},
};

/* Whether a limit leaves less than the compiler may take. */
static bool is_short(const struct budget *budget) {
    unsigned long long p[6];
    struct rlimit limit;
    if (getrlimit(budget->resource, &limit) || limit.rlim_cur == RLIM_INFINITY) return false;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (!statm) return false;
    int read = fscanf(statm, "%llu %llu %llu %llu %llu %llu", &p[0], &p[1], &p[2], &p[3], &p[4], &p[5]);
    fclose(statm);
    uint64_t used = read == 6 ? p[budget->column] * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
    return limit.rlim_cur < used || limit.rlim_cur - used < COMPILER_BYTES;
}

static nexpr_status check_budgets(nexpr_error *err) {
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        if (!is_short(&budgets[i])) continue;
        return nx_fail(err, NEXPR_MEMORY, NX_NOWHERE, "the limit of this process's %s leaves too little for the compiler",
                       budgets[i].name);
    }
    return NEXPR_OK;
}

static nexpr_status write_image(void *user, unsigned char *at, nexpr_error *err) {
    return nx_elf_write(user, at, (uintptr_t)at, err);
}

static void name_code(const nx_jit *jit, nx_code *code, const void *entry, size_t bytes) {
    code->observed = nx_observe(jit->allocator, code->hash, entry, bytes);
    if (jit->has_perf_map) nx_perf_map_add(code->hash, entry, bytes);
}

static nexpr_status load_object(nx_jit *jit, nx_code *code, const void *object, size_t bytes, nexpr_error *err) {
    nx_elf elf;
    NX_TRY(nx_elf_open(object, bytes, &elf, err));
    NX_TRY(nx_code_make(&jit->arena, elf.image_bytes, write_image, &elf, &code->pages, err));
    code->code_bytes = elf.image_bytes;
    name_code(jit, code, code->pages.at + elf.entry, elf.entry_bytes);
    code->entry_offset = elf.entry;
    return NEXPR_OK;
}

/* What was made, until it is on disk. */
typedef struct product {
    void *object; /* NULL: it came from there */
    size_t bytes;
} product;

static nexpr_status compile(nx_jit *jit, nx_code *code, product *ret, nexpr_error *err) {
    NX_TRY(check_budgets(err));
    const nx_segment *segment = (const nx_segment *)code->segment;
    NX_TRY(nx_plugin_make(&jit->plugin, segment, code->isa, NX_JIT_OBJECT, &ret->object, &ret->bytes, err));
    return load_object(jit, code, ret->object, ret->bytes, err);
}

static bool has_disk(const nx_jit *jit) {
    return jit->disk.path && jit->plugin.identity.bytes;
}

static bool make_key(nx_jit *jit, const nx_code *code, nx_disk_key *ret) {
    if (!has_disk(jit)) return false;
    if (!jit->knows_cpu) jit->cpu = nx_cpu_identify();
    jit->knows_cpu = true;
    *ret = (nx_disk_key){NEXPR_VERSION, NX_JIT_ABI, NX_LLVM_VERSION, (uint32_t)code->isa, (uint32_t)code->segment_bytes, 0,
                         jit->plugin.identity, jit->cpu};
    return true;
}

static bool load_from_disk(nx_jit *jit, nx_code *code) {
    nx_disk_key key;
    nx_disk_entry entry;
    if (!make_key(jit, code, &key)) return false;
    if (!nx_disk_load(&jit->disk, &key, (const nx_segment *)code->segment, &entry)) return false;
    bool is_loaded = !load_object(jit, code, entry.object, entry.object_bytes, NULL);
    nx_disk_release(&jit->disk, &entry);
    return is_loaded;
}

/* A plug-in that took the place of the one that was found makes code, but nobody knows whose. */
static void store(nx_jit *jit, const nx_code *code, const product *made) {
    nx_disk_key key;
    if (atomic_load_explicit(&jit->plugin.was_replaced, memory_order_relaxed) || !make_key(jit, code, &key)) return;
    nx_disk_store(&jit->disk, &key, (const nx_segment *)code->segment, made->object, made->bytes);
}

/* Whether nobody wants more of it than that it is looked for; it is then not pending any more. */
static bool let_be(nx_jit *jit, nx_code *code) {
    nx_compiler_lock(jit);
    const bool is_wanted = code->is_wanted;
    if (!is_wanted) publish(code, NX_JIT_ABSENT);
    nx_compiler_unlock(jit);
    return !is_wanted;
}

static nexpr_status make_code(nx_jit *jit, nx_code *code, product *ret, bool *ret_is_absent, nexpr_error *err) {
    NX_TRY(nx_code_check(&jit->arena, err));
    if (load_from_disk(jit, code)) {
        code->source = NX_JIT_FROM_DISK;
        return NEXPR_OK;
    }
    *ret_is_absent = let_be(jit, code);
    return *ret_is_absent ? NEXPR_OK : compile(jit, code, ret, err);
}

/* What the table has to know. A refusal for want of memory says nothing about the segment, and is forgotten. */
static void tell_table(nx_jit *jit, nx_code *code, uint64_t cost_ns) {
    nx_code *dropped = NULL;
    nx_compiler_lock(jit);
    if (code->is_in_table) {
        nx_code_table_made(&jit->table, code, cost_ns);
        if (code->status == NEXPR_MEMORY) {
            nx_code_table_remove(&jit->table, code);
            nx_code_unref(jit->allocator, &jit->arena, code);
        }
        dropped = nx_code_table_shrink(&jit->table, jit->table.limit);
    }
    nx_compiler_unlock(jit);
    nx_compiler_drop(jit, dropped);
}

static void make(nx_jit *jit, nx_code *code) {
    nexpr_error err = nexpr_error_init();
    product made = {0};
    bool is_absent = false;
    uint64_t start = nx_jit_now();
    code->source = NX_JIT_FROM_COMPILER;
    nexpr_status status = make_code(jit, code, &made, &is_absent, &err);
    if (is_absent) return; /* it may be in the queue again */
    if (status) set_reason(jit, code, status, err.message);
    code->ready_ns = nx_jit_now();
    tell_table(jit, code, code->ready_ns - start);
    publish(code, status ? NX_JIT_REFUSED : NX_JIT_READY);
    if (!status && made.object) store(jit, code, &made);
    nx_release(jit->allocator, made.object, 1, made.bytes);
}

/* --------------------------------------------------------------------------------------------------- the queue -- */

static void push_back(nx_jit *jit, nx_code *code) {
    code->next_queued = NULL;
    if (jit->queue) *jit->queue_end = code;
    else jit->queue = code;
    jit->queue_end = &code->next_queued;
}

static void push_front(nx_jit *jit, nx_code *code) {
    if (!jit->queue) jit->queue_end = &code->next_queued;
    code->next_queued = jit->queue;
    jit->queue = code;
}

static nx_code *pop(nx_jit *jit) {
    nx_code *code = jit->queue;
    if (code) jit->queue = code->next_queued;
    return code;
}

/* The next thing to make, after what is at hand; NULL: the end. */
static nx_code *next_job(nx_jit *jit) {
    for (;;) {
        uint32_t seen = atomic_load_explicit(&jit->work, memory_order_acquire);
        nx_compiler_lock(jit);
        bool is_stopping = jit->is_stopping;
        nx_code *code = is_stopping ? NULL : pop(jit), *done = jit->at_hand;
        jit->at_hand = code;
        nx_compiler_unlock(jit);
        if (done) nx_code_unref(jit->allocator, &jit->arena, done);
        if (code || is_stopping) return code;
        nx_sleep_while(&jit->work, seen);
    }
}

static void *thread_main(void *argument) {
    nx_jit *jit = argument;
    pthread_setname_np(pthread_self(), "nexpr-jit");
    fesetenv(FE_DFL_ENV); /* the compiler folds constants; it began as a copy of who asked */
    for (nx_code *code; (code = next_job(jit));) make(jit, code);
    return NULL;
}

/* With every signal blocked: the host's handlers run on the host's threads. */
static int start_thread(pthread_t *ret, void *(*function)(void *), void *argument) {
    sigset_t all, saved;
    pthread_attr_t attr;
    sigfillset(&all);
    int failed = pthread_attr_init(&attr);
    if (failed) return failed;
    nx_plugin_pin_library();
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &saved);
    failed = pthread_create(ret, &attr, function, argument);
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
    pthread_attr_destroy(&attr);
    return failed;
}

nexpr_status nx_compiler_run(void *(*function)(void *), void *argument, nexpr_error *err) {
    pthread_t thread;
    int failed = start_thread(&thread, function, argument);
    if (failed) return nx_fail(err, NEXPR_MEMORY, NX_NOWHERE, NO_THREAD, strerror(failed));
    pthread_join(thread, NULL);
    return NEXPR_OK;
}

/* Refuses everything in the queue if there is no thread and none can be started. */
static void need_thread(nx_jit *jit) {
    char reason[128];
    int failed = jit->has_thread ? 0 : start_thread(&jit->thread, thread_main, jit);
    if (!failed) {
        jit->has_thread = true;
        return;
    }
    snprintf(reason, sizeof reason, NO_THREAD, strerror(failed));
    for (nx_code *code; (code = pop(jit));) {
        nx_compiler_refuse(jit, code, NEXPR_MEMORY, reason);
        if (code->is_in_table) {
            nx_code_table_remove(&jit->table, code);
            nx_code_unref(jit->allocator, &jit->arena, code);
        }
        nx_code_unref(jit->allocator, &jit->arena, code);
    }
}

void nx_compiler_submit(nx_jit *jit, nx_code *code) {
    if (!code->is_wanted && !has_disk(jit)) {
        publish(code, NX_JIT_ABSENT);
        return;
    }
    atomic_fetch_add_explicit(&code->refs, 1, memory_order_relaxed);
    push_back(jit, code);
    need_thread(jit);
    atomic_fetch_add_explicit(&jit->work, 1, memory_order_release);
    nx_wake_all(&jit->work);
}

void nx_compiler_want(nx_jit *jit, nx_code *code) {
    code->is_wanted = true;
    if (atomic_load_explicit(&code->state, memory_order_relaxed) != NX_JIT_ABSENT) return;
    atomic_store_explicit(&code->state, NX_JIT_PENDING, memory_order_release);
    nx_compiler_submit(jit, code);
}

void nx_compiler_stop(nx_jit *jit) {
    nx_compiler_lock(jit);
    jit->is_stopping = true;
    nx_code *queue = jit->queue;
    jit->queue = NULL;
    bool has_thread = jit->has_thread;
    nx_compiler_unlock(jit);
    for (nx_code *code = queue, *next; code; code = next) {
        next = code->next_queued;
        nx_compiler_refuse(jit, code, NEXPR_CANCELLED, "the context was freed");
        nx_code_unref(jit->allocator, &jit->arena, code);
    }
    atomic_fetch_add_explicit(&jit->work, 1, memory_order_release);
    nx_wake_all(&jit->work);
    if (has_thread) pthread_join(jit->thread, NULL);
    jit->has_thread = false;
}

/* -------------------------------------------------------------------------------------------------------- fork -- */

static void forget(nx_jit *jit) {
    jit->table = (nx_code_table){.limit = jit->table.limit};
    jit->queue = jit->at_hand = NULL;
}

/* What was absent and then wanted is, while it is still at hand. */
static bool is_queued(const nx_jit *jit, const nx_code *code) {
    const nx_code *other = jit->queue;
    while (other && other != code) other = other->next_queued;
    return other;
}

void nx_compiler_lock(nx_jit *jit) {
    nx_lock_state state = nx_lock_take(&jit->lock);
    if (state == NX_LOCK_OWN) return;
    if (state == NX_LOCK_BROKEN) forget(jit);
    nx_code *code = jit->at_hand;
    if (code && nx_jit_is_pending(code) && !is_queued(jit, code)) push_front(jit, code);
    jit->at_hand = NULL;
    jit->has_thread = false;
    if (jit->queue) need_thread(jit);
}

void nx_compiler_unlock(nx_jit *jit) {
    nx_lock_drop(&jit->lock);
}
