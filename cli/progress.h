/* SPDX-License-Identifier: MIT */
/*
 * The bar of progress. It is drawn on standard error if that is a terminal and the work has taken half a second, and erased
 * when the work is done; nobody else ever sees a byte of it.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct progress {
    bool is_allowed, is_drawn;
    double begin, last; /* seconds */
    double bytes;       /* of the whole work; negative if unknown */
} progress;

/* Seconds on a clock that only goes forward. */
double progress_now(void);
/* Begins; `quiet` forbids the bar. */
progress progress_begin(bool quiet, double bytes);
/* `done` of `total`: a nexpr_progress, whose user is a progress. */
void progress_note(void *user, int64_t done, int64_t total);
void progress_end(progress *p);

#endif
