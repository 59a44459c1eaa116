/* SPDX-License-Identifier: MIT */
/*
 * The text that is evaluated: the user's, with an assignment `NAME = (LITERAL)` in front for every --set, so that a set name
 * behaves as the literal would. Errors are shown in the user's text or in the --set they belong to.
 */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include "cli/options.h"
#include "cli/pack.h"

typedef struct source_set {
    char *name;          /* without backquotes */
    const char *literal; /* borrowed from the command line */
    size_t begin;        /* of the literal in the whole text */
} source_set;

typedef struct source {
    nexpr_context *context; /* borrowed */
    char *text; /* the user's */
    size_t length;
    pack pack;         /* what the text says about itself */
    const char *label; /* name of the file that it is from; NULL: the command line */
    source_set *sets;
    int set_count;
    char *whole; /* with the assignments */
    size_t whole_length, text_begin;
    nexpr_program *own;     /* the user's text: its names */
    nexpr_program *program; /* the whole: this is compiled */
    nexpr_options limits;   /* with which the whole is parsed and compiled */
} source;

/* Reads and parses. On failure the error is reported and EXIT_USE or EXIT_RUN returned; source_free in any case. */
int source_read(const settings *o, nexpr_context *context, source *ret);
void source_free(source *s);

/* Index of a name of the user's text, -1 if it has no such name. */
int source_find_name(const source *s, const char *name);
/* What --set gave the name, "" if it did not. */
const char *source_literal(const source *s, const char *name);
/* Reports an error of parsing, compiling or evaluating the whole text, with its place. Returns the exit status. */
int source_report(const source *s, const nexpr_error *err);
/* Points to a place in the whole text: in the user's, or in a --set. */
void source_show_place(const source *s, size_t begin, size_t end);
/* Points to a place in the user's text. */
void source_show(const source *s, size_t begin, size_t end);

#endif
