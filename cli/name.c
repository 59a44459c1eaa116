/* SPDX-License-Identifier: MIT */
#include "cli/name.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Bytes of UTF-8 count as letters: the parser has the last word. */
static bool is_letter(char c) {
    return isalpha((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static size_t identifier_length(const char *text) {
    size_t n = 0;
    if (!is_letter(text[0])) return 0;
    while (is_letter(text[n]) || isdigit((unsigned char)text[n])) n++;
    return n;
}

const char *name_split(const char *text, const char **ret_name, size_t *ret_length) {
    bool is_quoted = text[0] == '`';
    const char *name = text + is_quoted;
    size_t n = is_quoted ? strcspn(name, "`") : identifier_length(name);
    const char *end = name + n;
    if (!n || (is_quoted && *end++ != '`') || *end != '=') return NULL;
    *ret_name = name;
    *ret_length = n;
    return end + 1;
}

bool name_is_identifier(const char *name) {
    size_t n = identifier_length(name);
    return n && !name[n];
}

void phrase_add(phrase *p, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(p->text + p->used, sizeof p->text - p->used, format, args);
    va_end(args);
    if (n > 0) p->used += (size_t)n;
    if (p->used >= sizeof p->text) p->used = sizeof p->text - 1;
}

void phrase_add_name(phrase *p, const char *name) {
    const char *quote = name_is_identifier(name) ? "" : "`";
    phrase_add(p, "%s%s%s", quote, name, quote);
}
