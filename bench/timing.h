/* SPDX-License-Identifier: MIT */
/* What the benchmark programs share: a clock, calls timed in bulk, medians, and pairs of calls that alternate. */
#ifndef BENCH_TIMING_H
#define BENCH_TIMING_H

#include <stddef.h>

enum { BENCH_MAX_REPEATS = 101 };

/* Something that is timed: run(user) is one call. prepare(user), if there is one, comes before each turn and
 * is not timed. */
typedef struct bench_call {
    void (*run)(void *user);
    void *user;
    void (*prepare)(void *user);
} bench_call;

/* CLOCK_MONOTONIC in nanoseconds. */
double bench_now_ns(void);

/* Nanoseconds per call, over as many calls as take least_ns together, at least one. */
double bench_time_calls(bench_call call, double least_ns);

/* Sorts the values. */
double bench_median(double *values, int count);

/* The calls in turn, `repeats` times (at most BENCH_MAX_REPEATS) for at least least_ns each. ret_ns[i]: the median of call
 * i's nanoseconds; ret_ratio[i]: the median of the ratios of call 0 to call i of the same turn. */
void bench_compare(const bench_call *calls, int count, int repeats, double least_ns, double *ret_ns, double *ret_ratio);

#endif
