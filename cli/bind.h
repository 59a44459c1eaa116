/* SPDX-License-Identifier: MIT */
/* Which file, or which field of a file, each name of the expression stands for. */
#ifndef CLI_BIND_H
#define CLI_BIND_H

#include "cli/source.h"

#include "nexpr_io.h"

typedef struct binding {
    const char *name; /* borrowed from the program */
    nexpr_file *file; /* NULL: bound by --set */
    int member;
    const char *by;   /* the argument that bound it, for messages */
} binding;

typedef struct bindings {
    binding *items; /* every name of the expression that is bound, at most one each */
    int count;
    nexpr_file **files;
    int file_count;
} bindings;

/*
 * Opens the inputs and binds names:
 *   NAME=FILE            a plain file's array to NAME
 *   a structured FILE    each field that the expression uses to its own name
 *   a plain FILE         its array to the only name that is not bound otherwise
 * A name without a value, one with two, one given by hand that is not used, and a file that gives no used name are errors.
 * cancel is handed to the files. On failure the error is reported; the exit status is returned; bind_free in any case.
 */
int bind_inputs(const settings *o, const source *s, const volatile int *cancel, bindings *ret);
void bind_free(bindings *b);

#endif
