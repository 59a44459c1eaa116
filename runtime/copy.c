/* SPDX-License-Identifier: MIT */
/* How fast memory is copied here: what loops that are bound by it are measured by. */
#include "runtime/context.h"

#include <string.h>
#include <time.h>

typedef struct copying {
    char *to, *from;
    size_t bytes; /* of either */
    int parts;
} copying;

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static nexpr_status copy_part(void *user, int64_t index, int worker, nexpr_error *err) {
    const copying *c = user;
    const size_t part = c->bytes / (size_t)c->parts / 64 * 64, first = (size_t)index * part;
    (void)worker, (void)err;
    memcpy(c->to + first, c->from + first, index + 1 < c->parts ? part : c->bytes - first);
    __asm__ volatile("" ::: "memory");
    return NEXPR_OK;
}

/* The best of the copies that fit into some milliseconds, at least three; of small ones many make one. */
static nexpr_status measure(nx_threads *threads, copying *c, double *ret_seconds, nexpr_error *err) {
    enum { LEAST = 3, MOST = 10000 };
    const double limit = 0.02, begin = seconds_now();
    const int times = c->bytes < 1 << 20 ? (int)((1 << 20) / c->bytes) : 1;
    double best = 0, now = begin;
    for (int i = 0; i < MOST && (i < LEAST || now - begin < limit); i++) {
        const double start = seconds_now();
        for (int k = 0; k < times; k++) NX_TRY(nx_threads_run(threads, c->parts, c->parts, copy_part, c, NULL, err));
        now = seconds_now();
        const double one = (now - start) / times;
        if (i && (best == 0 || one < best)) best = one; /* the first one touches the pages */
    }
    *ret_seconds = best > 1e-9 ? best : 1e-9;
    return NEXPR_OK;
}

nexpr_status nexpr_measure_copy(nexpr_context *context, int64_t bytes, int threads, double *ret_bytes_per_second,
                                nexpr_error *err) {
    const int64_t least = 4096, most = (int64_t)1 << 30;
    NX_TRY(nx_context_get(context, &context, err));
    if (threads < 0 || !ret_bytes_per_second) {
        return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "nexpr_measure_copy: threads is negative or ret_bytes_per_second NULL");
    }
    const int limit = nx_threads_limit(context->threads);
    bytes = bytes < least ? least : bytes > most ? most : bytes;
    copying c = {.bytes = (size_t)bytes / 2, .parts = threads > 0 && threads < limit ? threads : limit};
    if (c.bytes < (size_t)c.parts * 65536) c.parts = 1; /* others would take longer to wake */
    char *memory = nx_allocate(context->memory.use, 2 * c.bytes + 64, 1);
    if (!memory) return nx_fail_memory(err);
    memset(memory, 1, 2 * c.bytes + 64);
    c.to = memory;
    c.from = memory + c.bytes + 64;
    double seconds = 1;
    const nexpr_status status = measure(context->threads, &c, &seconds, err);
    nx_release(context->memory.use, memory, 2 * c.bytes + 64, 1);
    if (!status) *ret_bytes_per_second = 2 * (double)c.bytes / seconds;
    return status;
}
