/* SPDX-License-Identifier: MIT */
/* The outcome of a loop: who may still run, and whose error is reported. See loop.h. */
#include "runtime/loop.h"

#include "runtime/fpenv.h"

void nx_loop_init(nx_loop *loop, nx_task *task, void *user, int64_t count, const volatile int *cancel) {
    loop->task = task;
    loop->user = user;
    loop->count = count;
    loop->cancel = cancel;
    atomic_init(&loop->stop, INT64_MAX);
    pthread_mutex_init(&loop->mutex, NULL);
    loop->status = NEXPR_OK;
}

/* Not the whole record: its text alone is longer than everything else that a short loop touches. */
void nx_loop_scratch(nexpr_error *scratch) {
    scratch->size = sizeof *scratch;
    scratch->status = NEXPR_OK;
    scratch->operand = -1;
    scratch->begin = scratch->end = 0;
    scratch->message[0] = 0;
}

/* Takes the failure of `index` over, if it is the lowest, and clears scratch for the next one. */
static void record(nx_loop *loop, int64_t index, nexpr_status status, nexpr_error *scratch) {
    pthread_mutex_lock(&loop->mutex);
    if (index < atomic_load_explicit(&loop->stop, memory_order_relaxed)) {
        atomic_store_explicit(&loop->stop, index, memory_order_relaxed);
        loop->status = status;
        loop->error = *scratch;
    }
    pthread_mutex_unlock(&loop->mutex);
    nx_loop_scratch(scratch);
}

bool nx_loop_step(nx_loop *loop, int64_t index, int worker, nexpr_error *scratch) {
    if (index > atomic_load_explicit(&loop->stop, memory_order_relaxed)) return false;
    if (nx_is_cancelled(loop->cancel)) {
        nx_fail(scratch, NEXPR_CANCELLED, NX_NOWHERE, "the evaluation was cancelled");
        record(loop, -1, NEXPR_CANCELLED, scratch);
        return false;
    }
    nexpr_status status = loop->task(loop->user, index, worker, scratch);
    if (status == NEXPR_OK) return true;
    record(loop, index, status, scratch);
    return false;
}

void nx_loop_alone(nx_loop *loop) {
    nexpr_error scratch;
    nx_loop_scratch(&scratch);
    unsigned saved = nx_fpenv_enter();
    for (int64_t i = 0; i < loop->count; i++) {
        if (!nx_loop_step(loop, i, 0, &scratch)) break;
    }
    nx_fpenv_leave(saved);
}

nexpr_status nx_loop_finish(nx_loop *loop, nexpr_error *err) {
    pthread_mutex_destroy(&loop->mutex);
    if (loop->status == NEXPR_OK || !err) return loop->status;
    if (loop->error.status == NEXPR_OK) return nx_fail(err, loop->status, NX_NOWHERE, "%s", nexpr_status_text(loop->status));
    size_t size = err->size;
    *err = loop->error;
    err->size = size;
    return loop->status;
}
