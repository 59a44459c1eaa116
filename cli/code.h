/* SPDX-License-Identifier: MIT */
/*
 * What a nexpr_report tells, taken apart: the lines about loop nests, and blocks of code, each under a line of its own, such
 * as "  segment 1, assembly:". A run by pieces reports each plan; what was told before is not kept again.
 */
#ifndef CLI_CODE_H
#define CLI_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct code_block {
    int nest;        /* counted from 1, as in the report */
    int segment;     /* likewise */
    unsigned detail; /* NEXPR_REPORT_IR or NEXPR_REPORT_ASSEMBLY; 0: lines about nests */
    const char *text;
    size_t length;
} code_block;

/* The block at *at, which is moved behind it; a code_block of zeros to begin with. False: there are no more. */
bool code_next(const char **at, code_block *block);
/* Prints a report, of code only these details. */
void code_print(FILE *out, const char *report, unsigned detail);

typedef struct code_store {
    char *text; /* owned; NULL: nothing was told */
    size_t length;
} code_store;

/* Keeps a report, unless it was kept before, there is no memory, or it is too much. */
void code_keep(code_store *store, const char *report);
void code_free(code_store *store);

#endif
