/* SPDX-License-Identifier: MIT */
/* How many operations a core can do, to compare with: products and sums of vectors in registers, each rounded. */
#ifndef CLI_PEAK_H
#define CLI_PEAK_H

#include <stdbool.h>

/* Operations per second of one core, in float32 or float64. Takes some milliseconds. */
double peak_measure(bool is_single);

#endif
