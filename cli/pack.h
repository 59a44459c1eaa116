/* SPDX-License-Identifier: MIT */
/*
 * The documentation that a program may begin with: comments in front of the first statement, such as
 *
 *   # name: Normalised difference vegetation index
 *   # inputs:
 *   #   red: reflectance in the red band
 *   #   nir: reflectance in the near infrared
 *
 * Other comments are passed over.
 */
#ifndef CLI_PACK_H
#define CLI_PACK_H

#include <stddef.h>

/* A piece of the program's text. */
typedef struct pack_text {
    const char *begin;
    size_t length;
} pack_text;

typedef struct pack_input {
    pack_text name, about; /* the name is without backquotes */
} pack_input;

enum { PACK_INPUTS = 100 }; /* inputs that are documented at most */

typedef struct pack {
    pack_text title; /* length 0 if there is none */
    pack_input inputs[PACK_INPUTS];
    int count;
} pack;

/* The pack's texts point into `text`, which need not end with a NUL. */
void pack_read(const char *text, size_t length, pack *ret);
/* What is said about an input; length 0 if nothing is. */
pack_text pack_about(const pack *p, const char *name);

#endif
