/* SPDX-License-Identifier: MIT */
/* Arrays as text. Failures of the stream stay in it (ferror). */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include "nexpr.h"

#include <stdio.h>

enum { PRINT_PRECISION = 8 }; /* NumPy's default */

/* For a person: what NumPy's str() gives, with at most `precision` digits behind the point (of scalars all, if precision is
 * negative; then arrays have PRINT_PRECISION), and a newline. Arrays of more than 1000 elements are summarised. */
void print_pretty(FILE *out, const nexpr_array *array, int precision);
/* For a program: every element, with digits that read back the same unless precision says less; the last axis of two or more
 * is a line of words separated by blanks; the elements of a vector have a line each. */
void print_rows(FILE *out, const nexpr_array *array, int precision);

#endif
