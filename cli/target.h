/* SPDX-License-Identifier: MIT */
/*
 * Where results go: what the arguments of --output say, [NAME=]FILE[:FORMAT]. NAME is the name of a result, or r0, r1, ... by
 * its place if it has none; a FILE without NAME takes every result that has no FILE of its own. Arguments with the same FILE
 * are one output. Without --output results stay in memory and are printed.
 */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include "cli/options.h"

#include "nexpr_io.h"

typedef struct target {
    const char *argument; /* borrowed */
    char *path;           /* owned */
    nexpr_file_format format;
    nexpr_output *output;
    int result_count; /* that go there */
} target;

typedef struct targets {
    target *items; /* one for each FILE */
    int count;
    int result_count;
    int *of; /* for each result of the text the index of its target; -1: printed */
    nexpr_file_sink *sinks;            /* for each result */
    const nexpr_file_sink **sink_list; /* likewise; NULL: printed */
} targets;

enum { RESULT_NAME_MAX = 24 };

/* The name that a result goes by; `text` has room for RESULT_NAME_MAX and is used for those that have none. */
const char *target_result_name(const nexpr *expr, int index, char *text);

/* Results of the text, without those of checks, which stay in memory. */
int target_result_count(const nexpr *expr);

/* Decides and, on the first rank, opens the outputs, or, for a dry run, checks that they could be. On failure the error is reported and the exit
 * status returned; targets_free in any case: it removes what was not committed. */
int targets_open(const settings *o, const nexpr *expr, const volatile int *cancel, targets *ret);
/* Puts all outputs in place. */
int targets_commit(targets *t);
void targets_free(targets *t);
/* Whether a result goes to standard output. */
bool targets_use_standard_output(const targets *t);

#endif
