/* SPDX-License-Identifier: MIT */
#include "cli/guard.h"

#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/report.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LOOK_EVERY_MS = 50, SIGNAL_EXIT = 128 };
static const double patience = 0.6; /* seconds after a signal: launchers kill after one or two */

struct guard_block {
    _Atomic uint64_t beats;
    _Atomic bool has_spoken, is_ending;
    _Atomic int pids[]; /* of the ranks of this machine; 0: elsewhere, or not begun */
};

struct guard_temporary {
    guard_temporary *next;
    char *path;
    uint64_t inode;
};

/* ----------------------------------------------------------------------------------------------------------- block -- */

static size_t block_bytes(const guard *g) {
    return sizeof(guard_block) + (size_t)g->ranks * sizeof(int);
}

/* Ranks with the same number see each other's processes. */
static int64_t machine_number(void) {
    char text[256] = "";
    uint64_t hash = 14695981039346656037u;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, 64), m;
    if (fd >= 0) close(fd);
    if (n < 0) n = 0;
    m = readlink("/proc/self/ns/pid", text + n, sizeof text - (size_t)n);
    if (m > 0) n += m;
    for (ssize_t i = 0; i < n; i++) hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    return (int64_t)(hash >> 1);
}

static guard_block *map_block(const guard *g, int fd) {
    void *base = mmap(NULL, block_bytes(g), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return base == MAP_FAILED ? NULL : base;
}

bool guard_prepare(guard *g, int rank, int ranks, double stall) {
    g->rank = rank;
    g->ranks = ranks;
    g->stall = stall;
    g->block_file = memfd_create("nexpr", MFD_CLOEXEC);
    if (g->block_file < 0 || ftruncate(g->block_file, (off_t)block_bytes(g))) return false;
    g->block = map_block(g, g->block_file);
    if (!g->block) return false;
    g->block->pids[rank] = getpid();
    return true;
}

void guard_tell_block(const guard *g, int64_t ret[3]) {
    ret[0] = machine_number();
    ret[1] = getpid();
    ret[2] = g->block_file;
}

void guard_take_block(guard *g, const int64_t from[3]) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%lld/fd/%lld", (long long)from[1], (long long)from[2]);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    guard_block *block = fd < 0 ? NULL : map_block(g, fd);
    if (fd >= 0) close(fd);
    if (!block) return;
    munmap(g->block, block_bytes(g));
    g->block = block;
    block->pids[g->rank] = getpid();
}

/* ----------------------------------------------------------------------------------------------------- temporaries -- */

bool guard_add(guard *g, const char *path, uint64_t inode) {
    guard_temporary *added = malloc(sizeof *added);
    if (!added) return false;
    *added = (guard_temporary){atomic_load(&g->temporaries), strdup(path), inode};
    if (!added->path) {
        free(added);
        return false;
    }
    atomic_store(&g->temporaries, added);
    return true;
}

/* Only what the job itself has made: by now another one may be writing there. */
void guard_remove_temporaries(guard *g) {
    struct stat st;
    for (const guard_temporary *t = atomic_load(&g->temporaries); t; t = t->next) {
        if (!lstat(t->path, &st) && st.st_ino == t->inode) unlink(t->path);
    }
}

/* ---------------------------------------------------------------------------------------------------------- ending -- */

bool guard_may_speak(guard *g) {
    return !g->block || !atomic_exchange(&g->block->has_spoken, true);
}

/* Not through stdio, whose locks the main thread may hold. */
__attribute__((noreturn)) static void end(guard *g, int exit_status, const char *message) {
    char line[300];
    guard_remove_temporaries(g);
    if (message && guard_may_speak(g)) {
        const int n = snprintf(line, sizeof line, "nexpr: error: %s\n", message);
        if (write(STDERR_FILENO, line, (size_t)n) != n) errno = 0; /* nobody is there to be told */
    }
    _exit(exit_status);
}

/* The rank that has died, or -1. */
static int find_dead(const guard *g) {
    for (int i = 0; i < g->ranks; i++) {
        const int pid = atomic_load(&g->block->pids[i]);
        if (pid && i != g->rank && kill(pid, 0) && errno == ESRCH) return i;
    }
    return -1;
}

static void look_at_others(guard *g) {
    const int dead = find_dead(g);
    char message[64];
    if (dead < 0 || atomic_load(&g->block->is_ending)) return;
    snprintf(message, sizeof message, "rank %d has died; all others end", dead);
    end(g, EXIT_RUN, message);
}

/* Sleeps until it is time to look again, or a launcher has died; true then. */
static bool wait_for_launcher(const guard *g) {
    struct pollfd files[2] = {{.fd = g->launchers[0], .events = POLLIN}, {.fd = g->launchers[1], .events = POLLIN}};
    return g->is_orphan || poll(files, 2, LOOK_EVERY_MS) > 0;
}

static void end_stalled(guard *g) {
    char message[96];
    snprintf(message, sizeof message, "nothing has moved for %g s (--stall-timeout)", g->stall);
    end(g, EXIT_RUN, message);
}

/* Until there is more to watch than the launchers. Of the ranks, who do not know each other yet, the first one speaks. */
static void watch_launchers(guard *g) {
    while (!atomic_load(&g->has_started) && !atomic_load(&g->is_over)) {
        if (wait_for_launcher(g)) end(g, EXIT_RUN, g->speaks ? "the launcher has died" : NULL);
    }
}

static void *watch(void *user) {
    guard *g = user;
    uint64_t beats = 0;
    watch_launchers(g);
    double moved = progress_now(), noted = 0;
    while (!atomic_load(&g->is_over)) {
        const bool is_orphan = wait_for_launcher(g);
        const double now = progress_now();
        const uint64_t last = beats;
        beats = atomic_load(&g->block->beats);
        if (beats != last) moved = now;
        if (atomic_load(&g->is_over)) break;
        if (is_orphan) end(g, EXIT_RUN, "the launcher has died");
        look_at_others(g);
        if (interrupt_flag && !noted) noted = now;
        if (noted && g->is_of_job && now - noted > patience) end(g, SIGNAL_EXIT + interrupt_flag, NULL);
        if (g->stall > 0 && now - moved > g->stall) end_stalled(g);
    }
    return NULL;
}

static int open_process(guard *g, pid_t pid) {
    const int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (pid > 0 && fd < 0 && errno == ESRCH) g->is_orphan = true;
    return fd;
}

void guard_open(guard *g, const launch *l) {
    sigset_t all, old;
    *g = (guard){.is_of_job = l->has_environment, .speaks = !l->rank, .block_file = -1};
    g->launchers[0] = open_process(g, l->nearest);
    g->launchers[1] = open_process(g, l->front == l->nearest ? 0 : l->front);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old); /* signals are for the main thread, whose calls they interrupt */
    g->is_running = !pthread_create(&g->thread, NULL, watch, g);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

bool guard_start(guard *g) {
    atomic_store(&g->has_started, true);
    return g->is_running;
}

void guard_beat(guard *g) {
    if (g->block) atomic_fetch_add_explicit(&g->block->beats, 1, memory_order_relaxed);
}

void guard_expect_end(guard *g) {
    if (g->block) atomic_store(&g->block->is_ending, true);
}

void guard_stop(guard *g) {
    atomic_store(&g->is_over, true);
    if (g->is_running) pthread_join(g->thread, NULL);
    for (guard_temporary *t = g->temporaries, *next; t; t = next) {
        next = t->next;
        free(t->path);
        free(t);
    }
    if (g->block) munmap(g->block, block_bytes(g));
    if (g->block) close(g->block_file);
    *g = (guard){0};
}
