/* SPDX-License-Identifier: MIT */
/* The parts of the page of --annotate, in their order. Whatever is not of nexpr itself is written by html_text. */
#ifndef CLI_ANNOTATE_PAGE_H
#define CLI_ANNOTATE_PAGE_H

#include "cli/annotate.h"
#include "cli/places.h"

/* The style sheet. */
void annotate_style(FILE *out);
/* A rule for each place: to point at it marks it wherever it is shown. */
void annotate_marks(FILE *out, const places *p);
/* The text with its sub-expressions shaded. */
void annotate_source(FILE *out, const annotation *a, const places *p);
/* A table of operations for each loop nest. */
void annotate_operations(FILE *out, const annotation *a, const places *p);
/* Typed IR and bytecode line by line, with what each is of the text, and what was rewritten. */
void annotate_values(FILE *out, const annotation *a, const places *p);
/* Loop nests, and the machine code that ran. */
void annotate_code(FILE *out, const annotation *a, const places *p);

enum { ANNOTATE_ROWS = 3000 }; /* of a table, at most */

/* 0 to 7 by share of the time. */
int annotate_level(double share);
/* A cell with a bar for a share. */
void annotate_share(FILE *out, double share);

#endif
