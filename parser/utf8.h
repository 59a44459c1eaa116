/* SPDX-License-Identifier: MIT */
/* UTF-8, as far as names and error messages need it. */
#ifndef NX_PARSER_UTF8_H
#define NX_PARSER_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of text before the first one that is NUL or does not belong to valid UTF-8 (length if there is none). */
size_t nx_utf8_valid_prefix(const char *text, size_t length);
/* The first character of valid UTF-8. */
uint32_t nx_utf8_decode(const char *text, int *ret_length);
/* Writes a character that is no surrogate and at most 0x10FFFF; returns its length, at most 4. */
int nx_utf8_encode(uint32_t c, char *ret_text);
/* Whether a character beyond ASCII may stand in a name: all but blanks, punctuation, operators and other symbols. */
bool nx_utf8_is_letter(uint32_t c);

#endif
