/* SPDX-License-Identifier: MIT */
/*
 * One parallel loop, as both thread backends see it: the task, and the outcome so far. Of several failures the one with
 * the lowest index counts; that is well defined because no task below it is ever skipped. Cancelling stops everything.
 */
#ifndef NX_RUNTIME_LOOP_H
#define NX_RUNTIME_LOOP_H

#include <pthread.h>
#include <stdatomic.h>

#include "runtime/threads.h"

typedef struct nx_loop {
    nx_task *task;
    void *user;
    int64_t count;
    const volatile int *cancel;
    _Atomic int64_t stop; /* tasks above this index are skipped: the lowest that failed; -1: cancelled */
    pthread_mutex_t mutex;
    nexpr_status status; /* of task `stop`; under the mutex */
    nexpr_error error;
} nx_loop;

void nx_loop_init(nx_loop *loop, nx_task *task, void *user, int64_t count, const volatile int *cancel);
/* A thread's error record, to be given to nx_loop_step. */
void nx_loop_scratch(nexpr_error *scratch);
/* Runs one task unless the loop was stopped below it. False if higher indices need not be tried any more. */
bool nx_loop_step(nx_loop *loop, int64_t index, int worker, nexpr_error *scratch);
/* Runs all tasks on this thread. */
void nx_loop_alone(nx_loop *loop);
/* The outcome, when all threads are done. Once. */
nexpr_status nx_loop_finish(nx_loop *loop, nexpr_error *err);

#endif
