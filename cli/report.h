/* SPDX-License-Identifier: MIT */
/*
 * Telling the user what went wrong, on standard error. Control characters in messages and texts are shown as "?"; on a
 * terminal that has them, words of alarm are coloured.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stddef.h>
#include <stdio.h>

enum {
    EXIT_OK = 0,
    EXIT_RUN = 1, /* evaluation or file */
    EXIT_USE = 2, /* usage or expression */
};

/* "nexpr: error: message". Returns EXIT_USE or EXIT_RUN. */
__attribute__((format(printf, 1, 2))) int report_use(const char *format, ...);
__attribute__((format(printf, 1, 2))) int report_run(const char *format, ...);
/*
 * Ranks of an MPI job keep what they report, until it is known who tells it. report_taken is what has been kept so far, owned
 * by the caller, and where in it there is room for saying whose it is; NULL without memory, or if nothing was kept.
 * report_release prints what has been kept, and from then on nothing is.
 */
void report_keep(void);
char *report_taken(size_t *ret_length, size_t *ret_place);
void report_release(void);

/* "nexpr: message", a line of advice below an error. */
__attribute__((format(printf, 1, 2))) void report_hint(const char *format, ...);

/*
 * Shows where in `text` an error is: the line of byte `begin` and a caret under each character up to `end` (one at least). A
 * text of several lines has the number in front, and a long line is cut around the place. `label` (may be NULL) says what
 * text it is.
 */
void report_place(const char *label, const char *text, size_t length, size_t begin, size_t end);

/* Writes text with "?" for control characters and for bytes that are not UTF-8. */
void report_text(FILE *out, const char *text, size_t length);
/* Length of the valid UTF-8 sequence at text, of which `left` bytes are left; 0 if there is none. */
size_t report_character_length(const char *text, size_t left);

#endif
