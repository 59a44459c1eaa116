/* SPDX-License-Identifier: MIT */
/* See courier.h. */
#include "runtime/mpi/courier.h"

#include <signal.h>

static void *work(void *user) {
    nx_courier *c = user;
    pthread_mutex_lock(&c->lock);
    while (true) {
        while (!c->errand && !c->ends) pthread_cond_wait(&c->changed, &c->lock);
        if (!c->errand) break;
        nx_errand *errand = c->errand;
        pthread_mutex_unlock(&c->lock);
        errand(c->user);
        pthread_mutex_lock(&c->lock);
        c->errand = NULL;
        pthread_cond_broadcast(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* Signals are for the threads of the program. */
void nx_courier_start(nx_courier *c) {
    sigset_t all, before;
    *c = (nx_courier){.is_running = false};
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    c->is_running = !pthread_create(&c->thread, NULL, work, c);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void nx_courier_send(nx_courier *c, nx_errand *errand, void *user) {
    if (!c->is_running) {
        errand(user);
        return;
    }
    pthread_mutex_lock(&c->lock);
    c->errand = errand;
    c->user = user;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

void nx_courier_wait(nx_courier *c) {
    if (!c->is_running) return;
    pthread_mutex_lock(&c->lock);
    while (c->errand) pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
}

void nx_courier_stop(nx_courier *c) {
    nx_courier_wait(c);
    if (c->is_running) {
        pthread_mutex_lock(&c->lock);
        c->ends = true;
        pthread_cond_broadcast(&c->changed);
        pthread_mutex_unlock(&c->lock);
        pthread_join(c->thread, NULL);
    }
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->changed);
}
