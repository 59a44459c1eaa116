/* SPDX-License-Identifier: MIT */
/*
 * Text of the user or of a file in an HTML page: it can neither end what it stands in nor look like other text. The same
 * escapes hold in elements, in attributes between quotes, and in SVG.
 */
#ifndef CLI_HTML_H
#define CLI_HTML_H

#include <stddef.h>
#include <stdio.h>

/* Control characters and bytes that are not UTF-8 become U+FFFD; characters that are not seen, or reorder others, are named.
 */
void html_text(FILE *out, const char *text, size_t length);
void html_string(FILE *out, const char *text);
/* In one line, of at most `width` characters: what is longer loses its middle. */
void html_excerpt(FILE *out, const char *text, size_t length, size_t width);

#endif
