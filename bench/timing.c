/* SPDX-License-Identifier: MIT */
#include "bench/timing.h"

#include <stdlib.h>
#include <time.h>

enum { MAX_CALLS = 8 };

double bench_now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

double bench_time_calls(bench_call call, double least_ns) {
    long done = 0;
    double start = bench_now_ns(), ns;
    for (long batch = 1;; batch *= 2) {
        for (long i = 0; i < batch; i++) call.run(call.user);
        done += batch;
        ns = bench_now_ns() - start;
        if (ns >= least_ns) return ns / (double)done;
    }
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare_doubles);
    return values[count / 2];
}

void bench_compare(const bench_call *calls, int count, int repeats, double least_ns, double *ret_ns, double *ret_ratio) {
    static double ns[MAX_CALLS][BENCH_MAX_REPEATS], ratio[MAX_CALLS][BENCH_MAX_REPEATS];
    for (int turn = 0; turn < repeats; turn++) {
        for (int i = 0; i < count; i++) {
            if (calls[i].prepare) calls[i].prepare(calls[i].user);
            ns[i][turn] = bench_time_calls(calls[i], least_ns);
            ratio[i][turn] = ns[0][turn] / ns[i][turn];
        }
    }
    for (int i = 0; i < count; i++) {
        ret_ns[i] = bench_median(ns[i], repeats);
        ret_ratio[i] = bench_median(ratio[i], repeats);
    }
}
