/* SPDX-License-Identifier: MIT */
/* --time: an expression on arrays in memory, again and again, as Python's timeit does it. */
#ifndef CLI_TIMING_H
#define CLI_TIMING_H

#include "cli/json.h"
#include "cli/options.h"

enum { TIMING_REPEATS = 7 };

typedef struct timing {
    long loops;                      /* runs of a repeat */
    double seconds[TIMING_REPEATS];  /* of a run, by repeat, the quickest first */
    double first_seconds;            /* of the very first one, with planning */
    int64_t elements;                /* of the largest array */
    int64_t bytes;                   /* of the inputs that are used and of the results */
    double copy_rate;                /* bytes per second, read and written; 0: unknown */
    int threads;                     /* that were allowed; 0: all */
} timing;

/* Runs. inputs are those of the expression. profile may be NULL. Cancelled by a flag. On failure err is filled. */
nexpr_status timing_run(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                        const nexpr_run_options *options, timing *ret, nexpr_error *err);
void timing_print(FILE *out, const timing *t);
/* As member `key` of an object; tests/schemas/time.json. */
void timing_json(json *j, const char *key, const timing *t);

#endif
