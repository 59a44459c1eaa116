/* SPDX-License-Identifier: MIT */
/* Which array of which file each name of the expression stands for. */
#ifndef CLI_BIND_H
#define CLI_BIND_H

#include "cli/input.h"
#include "cli/source.h"

typedef struct binding {
    const char *name; /* borrowed from the program */
    nexpr_file *file; /* NULL: bound by --set */
    int member;
    const char *by;   /* the argument that bound it, for messages */
} binding;

typedef struct bindings {
    binding *items; /* every name of the expression that is bound, at most one each */
    int count;
    input *inputs;      /* one for each --input */
    nexpr_file **files; /* likewise; inputs of one file share it, and NULL stands for all but the first */
    int input_count;
} bindings;

/*
 * Opens the inputs and binds names:
 *   NAME=FILE            the only array of a file to NAME
 *   NAME=FILE:MEMBER     one of several
 *   FILE, FILE:MEMBER    each array whose own name the expression uses to that name; the only array of a file whose name is
 *                        not used, or that has none, to the only name that is not bound otherwise
 * A name without a value, one with two, one given by hand that is not used, and a file that gives no used name are errors.
 * cancel is handed to the files. On failure the error is reported; the exit status is returned; bind_free in any case.
 */
int bind_inputs(const settings *o, const source *s, const volatile int *cancel, bindings *ret);
void bind_free(bindings *b);

/* The inputs of the expression, as nexpr_result_shape wants them: with their shapes, and without data. */
typedef struct bind_shapes {
    nexpr_array *arrays;
    const nexpr_array **list;
    int64_t (*extents)[NEXPR_MAX_NDIM];
} bind_shapes;

/* False: out of memory. bind_free_shapes in any case. */
bool bind_read_shapes(const bindings *b, bind_shapes *ret);
void bind_free_shapes(bind_shapes *s);

#endif
