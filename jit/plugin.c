/* SPDX-License-Identifier: MIT */
#include "jit/plugin_host.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "jit/lock.h"

#define PLUGIN_FILE "libnexpr-jit.so"

/* --------------------------------------------------------------------------------------------------- finding -- */

/* The file that this code was loaded from, as the system knows it: what the dynamic loader remembers may be relative to a
 * working directory of long ago. */
static bool find_mapped_file(char path[PATH_MAX]) {
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[PATH_MAX + 128];
    uintptr_t self = (uintptr_t)find_mapped_file, begin, end;
    bool found = false;
    while (maps && !found && fgets(line, sizeof line, maps)) {
        int at = 0;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %*s %n", &begin, &end, &at) < 2 || !at) continue;
        if (self < begin || self >= end || line[at] != '/') continue;
        line[strcspn(line, "\n")] = 0;
        found = snprintf(path, PATH_MAX, "%s", line + at) < PATH_MAX;
    }
    if (maps) fclose(maps);
    return found;
}

static bool find_beside(char path[PATH_MAX]) {
    Dl_info info;
    if (!dladdr((void *)(uintptr_t)find_beside, &info) || !info.dli_fname) return false;
    if (*info.dli_fname != '/') {
        if (!find_mapped_file(path)) return false;
    } else if (snprintf(path, PATH_MAX, "%s", info.dli_fname) >= PATH_MAX) {
        return false;
    }
    char *name = strrchr(path, '/') + 1;
    return (size_t)snprintf(name, (size_t)(path + PATH_MAX - name), "%s", PLUGIN_FILE) == strlen(PLUGIN_FILE);
}

static nexpr_status look_at(const char *path, nx_plugin_identity *ret, nexpr_error *err) {
    struct stat info;
    *ret = (nx_plugin_identity){0};
    if (stat(path, &info)) {
        return nx_fail(err, NEXPR_UNSUPPORTED, NX_NOWHERE, "the JIT's plug-in %s cannot be used: %s", path,
                       errno == ENOENT ? "there is no such file" : strerror(errno));
    }
    *ret = (nx_plugin_identity){(uint64_t)info.st_size, info.st_ino, (uint64_t)info.st_mtim.tv_sec,
                                (uint64_t)info.st_mtim.tv_nsec};
    return NEXPR_OK;
}

static nexpr_status find_file(nx_plugin_host *host, const char *path, nexpr_error *err) {
    if (*path != '/') {
        return nx_fail(err, NEXPR_UNSUPPORTED, NX_NOWHERE, "the path of the JIT's plug-in, '%s', is not absolute", path);
    }
    return look_at(path, &host->identity, err);
}

nexpr_status nx_plugin_find(nx_plugin_host *host, const nexpr_allocator *allocator, const char *path, nexpr_error *err) {
    char beside[PATH_MAX];
    *host = (nx_plugin_host){.allocator = allocator, .error = nexpr_error_init()};
    if (!path) path = secure_getenv("NEXPR_JIT_PLUGIN");
    if (!path || !*path) path = find_beside(beside) ? beside : "";
    host->path_bytes = strlen(path) + 1;
    host->path = nx_allocate(allocator, 1, host->path_bytes);
    if (!host->path) return nx_fail_memory(err);
    memcpy(host->path, path, host->path_bytes);
    host->failure = find_file(host, path, &host->error);
    return NEXPR_OK;
}

void nx_plugin_forget(nx_plugin_host *host) {
    nx_release(host->allocator, host->path, 1, host->path_bytes);
    host->path = NULL;
}

/* ---------------------------------------------------------------------------------------------------- inside -- */

/* Of the process, as LLVM's state is. The rest is for who holds the gate. */
static nx_lock gate;
static bool is_ending;
static _Atomic uint32_t visits;
static _Thread_local bool is_inside;

/* A process that ends waits for the compilation at hand: the plug-in's destructors come next. */
static void close_gate(void) {
    if (is_inside || nx_lock_is_broken(&gate)) return;
    nx_lock_take(&gate);
    is_ending = true;
    nx_lock_drop(&gate);
}

/* A fork waits for who is inside, so that the child can compile, and end: the plug-in's destructors would find what a thread
 * left half changed that is not there. It does not wait for ever: who is inside may need what the forking thread holds. */
enum { FORK_WAITS = 5000, FORK_WAIT_NS = 200000 };
static _Thread_local bool is_held_for_fork;
static _Atomic uint32_t waiting_forks;

static void sleep_ns(long ns) {
    nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

static void before_fork(void) {
    is_held_for_fork = false;
    atomic_fetch_add_explicit(&waiting_forks, 1, memory_order_relaxed);
    for (int i = 0; i < FORK_WAITS && !is_inside && !nx_lock_is_broken(&gate); i++) {
        is_held_for_fork = nx_lock_try(&gate);
        if (is_held_for_fork) return;
        sleep_ns(FORK_WAIT_NS);
    }
}

static void after_fork(void) {
    if (is_held_for_fork) nx_lock_drop(&gate);
    is_held_for_fork = false;
}

static void after_fork_in_parent(void) {
    atomic_fetch_sub_explicit(&waiting_forks, 1, memory_order_relaxed);
    after_fork();
}

static void after_fork_in_child(void) {
    atomic_store_explicit(&waiting_forks, 0, memory_order_relaxed);
    after_fork();
}

static void watch_forks(void) {
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static nexpr_status enter(nexpr_error *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    if (atomic_load_explicit(&waiting_forks, memory_order_relaxed)) sleep_ns(2 * FORK_WAIT_NS); /* it is their turn */
    if (nx_lock_is_broken(&gate)) {
        return nx_fail(err, NEXPR_UNSUPPORTED, NX_NOWHERE,
                       "this process was forked from one that was compiling at that moment");
    }
    nx_lock_take(&gate);
    if (is_ending) {
        nx_lock_drop(&gate);
        return nx_fail(err, NEXPR_UNSUPPORTED, NX_NOWHERE, "the process is ending");
    }
    is_inside = true;
    return NEXPR_OK;
}

/* What ends first at exit is what was registered last, and the plug-in may register more the more it does: so the door is
 * closed again and again, after 1, 2, 4, 8 ... visits. */
static void leave(void) {
    const uint32_t now = atomic_fetch_add_explicit(&visits, 1, memory_order_relaxed) + 1;
    if ((now & (now - 1)) == 0) atexit(close_gate);
    is_inside = false;
    nx_lock_drop(&gate);
}

bool nx_plugin_was_used(void) {
    return atomic_load_explicit(&visits, memory_order_relaxed) > 0;
}

/* Patches of LLVM are taken for each other, as the system's linker does; what was made with which is not (jit/disk.h). */
static nexpr_status check_llvm(const nx_plugin_host *host, const nx_jit_plugin *plugin, nexpr_error *err) {
    const unsigned built = NX_LLVM_VERSION / 100, found = plugin->llvm_version() / 100;
    if (found == built) return NEXPR_OK;
    return nx_fail(err, NEXPR_UNSUPPORTED, NX_NOWHERE,
                   "the JIT's plug-in %s is of LLVM %u.%u, but this library was built for LLVM %u.%u", host->path,
                   found / 100, found % 100, built / 100, built % 100);
}

static nexpr_status shake_hands(nx_plugin_host *host, void *library, nexpr_error *err) {
    const nx_jit_host self = {NX_JIT_ABI, sizeof self, NEXPR_VERSION};
    nx_jit_plugin_function *open;
    *(void **)&open = dlsym(library, NX_JIT_ENTRY);
    if (!open) {
        return nx_fail(err, NEXPR_UNSUPPORTED, NX_NOWHERE, "%s has no function %s: it is no plug-in of nexpr", host->path,
                       NX_JIT_ENTRY);
    }
    const nx_jit_plugin *plugin = open(&self);
    if (!plugin || plugin->abi != NX_JIT_ABI || plugin->size < sizeof *plugin || !plugin->llvm_version ||
        !plugin->target || !plugin->make || !plugin->release) {
        return nx_fail(err, NEXPR_UNSUPPORTED, NX_NOWHERE, "the JIT's plug-in %s is of another version of nexpr",
                       host->path);
    }
    NX_TRY(check_llvm(host, plugin, err));
    host->loaded = plugin;
    return NEXPR_OK;
}

static nexpr_status load_plugin(nx_plugin_host *host, nexpr_error *err) {
    nx_plugin_identity now;
    void *library = dlopen(host->path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        return nx_fail(err, NEXPR_UNSUPPORTED, NX_NOWHERE, "the JIT's plug-in cannot be loaded: %s", dlerror());
    }
    if (look_at(host->path, &now, NULL) || memcmp(&now, &host->identity, sizeof now)) {
        atomic_store_explicit(&host->was_replaced, true, memory_order_relaxed);
    }
    nexpr_status status = shake_hands(host, library, err);
    if (status) dlclose(library);
    return status;
}

static nexpr_status copy(const nx_plugin_host *host, const void *bytes, size_t count, void **ret, size_t *ret_bytes,
                         nexpr_error *err) {
    void *made = nx_allocate(host->allocator, 1, count);
    if (!made) return nx_fail_memory(err);
    memcpy(made, bytes, count);
    *ret = made;
    *ret_bytes = count;
    return NEXPR_OK;
}

static nexpr_status make(nx_plugin_host *host, const nx_segment *segment, nx_isa isa, nx_jit_product product, void **ret,
                         size_t *ret_bytes, nexpr_error *err) {
    void *bytes = NULL;
    size_t count = 0;
    if (!host->loaded->target(isa)) {
        return nx_fail(err, NEXPR_UNSUPPORTED, NX_NOWHERE, "the JIT's plug-in makes no code for this instruction set");
    }
    NX_TRY(host->loaded->make(segment, isa, product, &bytes, &count, err));
    if (!count) return nx_fail(err, NEXPR_UNSUPPORTED, NX_NOWHERE, "the JIT's plug-in made nothing");
    nexpr_status status = copy(host, bytes, count, ret, ret_bytes, err);
    host->loaded->release(bytes);
    return status;
}

nexpr_status nx_plugin_make(nx_plugin_host *host, const nx_segment *segment, nx_isa isa, nx_jit_product product, void **ret,
                            size_t *ret_bytes, nexpr_error *err) {
    NX_TRY(enter(err));
    if (!host->failure && !host->loaded) host->failure = load_plugin(host, &host->error);
    nexpr_status status = host->failure;
    if (status) nx_fail(err, status, NX_NOWHERE, "%s", host->error.message);
    else status = make(host, segment, isa, product, ret, ret_bytes, err);
    leave();
    return status;
}

void nx_plugin_pin_library(void) {
    Dl_info info;
    if (dladdr((void *)(uintptr_t)nx_plugin_pin_library, &info) && info.dli_fname) {
        void *self = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
        if (self) dlclose(self);
    }
}
