/* SPDX-License-Identifier: MIT */
/* Machine code for the expression of slower_test.c that has the right bits and takes its time. */
#include "engine/segment.h"

enum { WASTE = 60 };

nx_segment_kernel nexpr_segment;

void nexpr_segment(size_t n, char *const *at, const int64_t *stride, size_t rows) {
    const double *x = (const double *)(const void *)at[1];
    double *r = (double *)(void *)at[0];
    (void)stride, (void)rows;
    for (size_t i = 0; i < n; i++) {
        for (volatile int k = 0; k < WASTE; k++) continue;
        const double a = x[i];
        r[i] = ((((a * a + a) * a - a) * a + a) * a - a) * a + a;
    }
}
