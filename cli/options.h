/* SPDX-License-Identifier: MIT */
/* The command line. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "nexpr.h"

#include <stdio.h>

typedef enum mpi_mode { MPI_MODE_AUTO, MPI_MODE_ON, MPI_MODE_OFF } mpi_mode;

/* Arguments of an option that may be repeated: an owned array of borrowed texts. */
typedef struct option_list {
    const char **items;
    int count;
} option_list;

typedef struct settings {
    const char *expression;  /* NULL if there is none */
    bool begins_like_option; /* it begins with "-" and was not behind "--" */
    bool has_attached_value; /* there was an argument such as -iFILE, which may have been meant as an expression */
    const char *file;        /* NULL if not given */
    option_list inputs, sets, types, outputs;
    const nexpr_dtype *dtype; /* NULL, or &dtype_value */
    nexpr_dtype dtype_value;
    size_t max_memory; /* 0 if not given */
    nexpr_backend backend;
    bool explain, time, profile;
    const char *annotate; /* path of the page; NULL if not given */
    unsigned report_detail;
    mpi_mode mpi;
    double stall_timeout; /* seconds; 0 if not given */
    int threads;       /* 0 if not given */
    int precision;     /* -1 if not given */
    nexpr_fp_mode fp;
    bool check, check_fails;
    bool force, no_fsync, dry_run, json, quiet, ops, bytecode, version, help;

    /* How the command was started: see ranks_begin. */
    bool is_first;      /* alone, or the first rank: the one that writes */
    bool has_terminal;  /* standard output is a terminal */
    int *input_copies;  /* owned; for each input the descriptor of a copy, -1: none; NULL: no copies */
    char file_copy[32]; /* the path of a copy of the file */
} settings;

/*
 * Reads the command line as getopt_long does: -iFILE, -i FILE, --input FILE, --input=FILE, options anywhere, "--" ends them.
 * An argument that begins with "-" and a character that is no option's letter is taken as an expression. Options that make
 * no sense together are errors. On failure the error is reported; the return value is EXIT_OK, EXIT_USE or EXIT_RUN.
 */
int options_read(int argc, char **argv, settings *ret);
void options_free(settings *o);
void options_print_help(FILE *out);

#endif
