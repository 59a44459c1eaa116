/* SPDX-License-Identifier: MIT */
#include "cli/pack.h"

#include <stdbool.h>
#include <string.h>

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static pack_text trim(pack_text t) {
    while (t.length && is_blank(*t.begin)) t = (pack_text){t.begin + 1, t.length - 1};
    while (t.length && is_blank(t.begin[t.length - 1])) t.length--;
    return t;
}

/* Takes a line off the front of `rest`. */
static pack_text take_line(pack_text *rest) {
    const char *newline = memchr(rest->begin, '\n', rest->length);
    size_t n = newline ? (size_t)(newline - rest->begin) : rest->length, taken = n + (newline != NULL);
    pack_text line = {rest->begin, n};
    *rest = (pack_text){rest->begin + taken, rest->length - taken};
    return line;
}

/* Whether the text is "KEY: ...", and if so what is behind the colon. */
static bool has_key(pack_text text, const char *key, pack_text *ret) {
    size_t n = strlen(key);
    if (text.length <= n || memcmp(text.begin, key, n) || text.begin[n] != ':') return false;
    *ret = trim((pack_text){text.begin + n + 1, text.length - n - 1});
    return true;
}

/* "NAME: about" */
static bool read_input(pack_text text, pack_input *ret) {
    const char *colon = memchr(text.begin, ':', text.length);
    if (!colon) return false;
    size_t n = (size_t)(colon - text.begin);
    pack_text name = trim((pack_text){text.begin, n});
    if (name.length > 2 && *name.begin == '`' && name.begin[name.length - 1] == '`') {
        name = (pack_text){name.begin + 1, name.length - 2};
    }
    *ret = (pack_input){name, trim((pack_text){colon + 1, text.length - n - 1})};
    return name.length > 0;
}

static bool add_input(pack *p, pack_text text) {
    if (p->count == PACK_INPUTS || !read_input(text, &p->inputs[p->count])) return false;
    p->count++;
    return true;
}

/* The inputs are the indented lines below "inputs:", and what stands behind it. */
void pack_read(const char *text, size_t length, pack *ret) {
    *ret = (pack){0};
    pack_text rest = {text, length}, found;
    bool in_inputs = false;
    while (rest.length) {
        pack_text line = trim(take_line(&rest));
        if (!line.length) continue;
        if (*line.begin != '#') return;
        pack_text comment = {line.begin + 1, line.length - 1}, words = trim(comment);
        bool is_indented = comment.length > 1 && is_blank(comment.begin[0]) && is_blank(comment.begin[1]);
        if (in_inputs && is_indented && add_input(ret, words)) continue;
        in_inputs = has_key(words, "inputs", &found);
        if (in_inputs) add_input(ret, found);
        else if (has_key(words, "name", &found)) ret->title = found;
    }
}

pack_text pack_about(const pack *p, const char *name) {
    size_t n = strlen(name);
    for (int i = 0; i < p->count; i++) {
        const pack_input *input = &p->inputs[i];
        if (input->name.length == n && !memcmp(input->name.begin, name, n)) return input->about;
    }
    return (pack_text){0};
}
