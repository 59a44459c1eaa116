/* SPDX-License-Identifier: MIT */
/* JSON, written as it is said: commas and quotes are put where they belong. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct json {
    FILE *out;
    bool needs_comma;
} json;

/* Each takes the key of a member, or NULL for elements of an array and for the whole. */
void json_begin(json *j, const char *key, char bracket); /* '{' or '[' */
void json_end(json *j, char bracket);                    /* '}' or ']' */
void json_text(json *j, const char *key, const char *text, size_t length); /* bytes that are not UTF-8 become U+FFFD */
void json_string(json *j, const char *key, const char *text);              /* null if text is NULL */
void json_int(json *j, const char *key, int64_t value);
void json_count(json *j, const char *key, int64_t value); /* null if negative: unknown */
void json_seconds(json *j, const char *key, double value);
void json_number(json *j, const char *key, double value); /* of six significant digits */
void json_bool(json *j, const char *key, bool value);

#endif
