/* SPDX-License-Identifier: MIT */
/*
 * MPICH on UCX waits by polling, and never gives its core away; with more ranks than cores every message then takes a time
 * slice of the system. This stands in front of the function that it polls by, and sleeps when there was nothing for a while.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <time.h>

enum { PATIENCE = 20 };

unsigned ucp_worker_progress(void *worker);

__attribute__((visibility("default"))) unsigned ucp_worker_progress(void *worker) {
    static unsigned (*real)(void *);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "ucp_worker_progress");
    const unsigned count = real ? real(worker) : 0;
    static int empty;
    empty = count ? 0 : empty + 1;
    if (empty > PATIENCE) nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL);
    return count;
}
