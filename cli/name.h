/* SPDX-License-Identifier: MIT */
/* Names as the user writes them: identifiers as they are, others in backquotes. */
#ifndef CLI_NAME_H
#define CLI_NAME_H

#include <stdbool.h>
#include <stddef.h>

/* Splits "NAME=REST": ret_name is the name without backquotes (not terminated), the return value what is behind the "=".
 * NULL if the text does not begin with a name and "=". */
const char *name_split(const char *text, const char **ret_name, size_t *ret_length);
bool name_is_identifier(const char *name);

/* A text that is put together piece by piece and silently cut at its capacity. */
typedef struct phrase {
    size_t used;
    char text[1500];
} phrase;

__attribute__((format(printf, 2, 3))) void phrase_add(phrase *p, const char *format, ...);
/* Adds the name as it is written in an expression. */
void phrase_add_name(phrase *p, const char *name);

#endif
