/* SPDX-License-Identifier: MIT */
/* The command line. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "nexpr.h"

#include <stdio.h>

typedef struct settings {
    const char *expression;    /* NULL if there is none */
    bool begins_like_option;   /* it begins with "-" and was not behind "--" */
    bool has_attached_value;   /* there was an argument such as -iFILE, which may have been meant as an expression */
    const char *file, *output; /* NULL if not given */
    const char **inputs, **sets; /* owned arrays of borrowed arguments */
    int input_count, set_count;
    const nexpr_dtype *dtype; /* NULL, or &dtype_value */
    nexpr_dtype dtype_value;
    int threads;   /* 0 if not given */
    int precision; /* -1 if not given */
    nexpr_fp_mode fp;
    bool force, ops, bytecode, version, help;
} settings;

/*
 * Reads the command line as getopt_long does: -iFILE, -i FILE, --input FILE, --input=FILE, options anywhere, "--" ends them.
 * An argument that begins with "-" and a character that is no option's letter is taken as an expression. On failure the
 * error is reported; the return value is EXIT_OK or EXIT_USE.
 */
int options_read(int argc, char **argv, settings *ret);
void options_free(settings *o);
void options_print_help(FILE *out);

#endif
