/* SPDX-License-Identifier: MIT */
/*
 * What an argument of --input says:
 *
 *   [NAME=]FILE                    NAME=- is standard input
 *   [NAME=]FILE:MEMBER             a member, field or column; splits only if there is no file of the whole name
 *   [NAME=]FILE:FORMAT[:MEMBER]    csv, tsv, npz, npy or raw, where neither content nor ending tell it
 *   [NAME=]FILE:[raw,]TYPE[,ORDER][,SHAPE][,fortran][,offset=BYTES]   a raw file, as in dump.bin:float32,little,1000x2000
 *
 * TYPE is a dtype's name or its short form ("f4", ">f4"), ORDER is "<" or little, ">" or big, without it the machine's; in
 * SHAPE one size may be "?", without a SHAPE it is one axis. A file whose first bytes or ending name its format is never
 * taken for a raw one because a member has a dtype's name.
 */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "cli/options.h"

#include "nexpr_io.h"

typedef struct input {
    const char *argument; /* borrowed, as the user wrote it */
    const char *name;     /* without backquotes, not terminated; NULL if there is none */
    size_t name_length;
    char *path;           /* owned */
    const char *declared; /* what stands behind FILE: but for a MEMBER; "" if nothing; owned */
    const char *member;   /* borrowed from the argument; NULL if there is none */
    nexpr_file_options options;
    int64_t shape[NEXPR_MAX_NDIM];
} input;

/* What is read instead, by every rank of an MPI job, of a pipe: a copy with this descriptor. False: out of memory. */
bool input_use_copy(input *in, int descriptor);

/* Reads an argument. On failure the error is reported and the exit status returned; input_free in any case. */
int input_read(const char *argument, input *ret);
void input_free(input *in);

/* The dtypes of columns that --type gives. The names of columns are owned. */
typedef struct column_types {
    nexpr_column_type *items;
    const char **arguments; /* borrowed */
    bool *used;             /* some table has the column */
    int count;
} column_types;

int column_types_read(const settings *o, column_types *ret);
void column_types_free(column_types *types);

/* Opens the file; a table with those types whose columns it has. Failures are reported. */
int input_open(const input *in, column_types *types, const volatile int *cancel, nexpr_file **ret);

#endif
