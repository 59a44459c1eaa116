/* SPDX-License-Identifier: MIT */
/* What expr_bench prints: a line of text for each measurement, and an object of JSON if a file for it was opened. */
#ifndef BENCH_EXPR_REPORT_H
#define BENCH_EXPR_REPORT_H

#include <stdio.h>

#include "bench/expr_arrays.h"

/* Nanoseconds are per element; ratios are those of nexpr to the loop. */
typedef struct bench_figures {
    const bench_row *row;
    size_t n;
    int threads;
    double gb_per_s, ns, strict_ns, strict_ratio, fast_ns, fast_ratio;
} bench_figures;

typedef struct bench_report {
    FILE *text, *json; /* json may be NULL */
    int count;
} bench_report;

/* CPUs that this process may use. */
int bench_cpu_count(void);
void bench_report_begin(bench_report *report);
void bench_report_row(bench_report *report, const bench_figures *figures);
/* Says whether everything could be written. */
bool bench_report_end(bench_report *report);

#endif
