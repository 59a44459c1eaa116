/* SPDX-License-Identifier: MIT */
/*
 * A thread that does one errand at a time for another: reads what is needed next, or writes what was computed last. It never
 * calls MPI. Where there can be no thread, errands are done at once.
 */
#ifndef NX_MPI_COURIER_H
#define NX_MPI_COURIER_H

#include <pthread.h>
#include <stdbool.h>

typedef void nx_errand(void *user);

typedef struct nx_courier {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    nx_errand *errand; /* NULL: none is under way */
    void *user;
    bool is_running, ends;
} nx_courier;

void nx_courier_start(nx_courier *courier);
/* Begins an errand; the one before has been waited for. */
void nx_courier_send(nx_courier *courier, nx_errand *errand, void *user);
/* Returns when no errand is under way. */
void nx_courier_wait(nx_courier *courier);
/* Waits, and ends the thread. */
void nx_courier_stop(nx_courier *courier);

#endif
