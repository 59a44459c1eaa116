/* SPDX-License-Identifier: MIT */
#include "cli/html.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD"

/* Decodes one character, of which `left` bytes are left; its length, or 0 if it is none of UTF-8. */
static size_t decode(const char *text, size_t left, uint32_t *ret) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *c = (const unsigned char *)text;
    const size_t n = c[0] < 0x80 ? 1 : c[0] < 0xC2 ? 0 : c[0] < 0xE0 ? 2 : c[0] < 0xF0 ? 3 : c[0] < 0xF5 ? 4 : 0;
    if (!n || n > left) return 0;
    *ret = n == 1 ? c[0] : c[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((c[i] & 0xC0) != 0x80) return 0;
        *ret = *ret << 6 | (c[i] & 0x3F);
    }
    const bool is_surrogate = *ret >= 0xD800 && *ret < 0xE000;
    return *ret < least[n] || *ret > 0x10FFFF || is_surrogate ? 0 : n;
}

/* Not allowed in a page: control characters but newline and tab, and noncharacters. */
static bool is_forbidden(uint32_t c) {
    if (c < 0x20) return c != '\n' && c != '\t';
    return (c >= 0x7F && c < 0xA0) || (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
}

/* Marks of direction could show a text in another order than it is read in; others take no room. */
static bool is_hidden(uint32_t c) {
    static const uint32_t ranges[][2] = {{0xAD, 0xAD},     {0x61C, 0x61C},   {0x200B, 0x200B}, {0x200E, 0x200F},
                                         {0x2028, 0x202E}, {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xE0000, 0xE007F}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (c >= ranges[i][0] && c <= ranges[i][1]) return true;
    }
    return false;
}

static void put_character(FILE *out, const char *text, size_t n, uint32_t c) {
    switch (c) {
    case '&': fputs("&amp;", out); return;
    case '<': fputs("&lt;", out); return;
    case '>': fputs("&gt;", out); return;
    case '"': fputs("&quot;", out); return;
    case '\'': fputs("&#39;", out); return;
    default: break;
    }
    if (!n || is_forbidden(c)) fputs(REPLACEMENT, out);
    else if (is_hidden(c)) fprintf(out, "[U+%04X]", (unsigned)c);
    else fwrite(text, 1, n, out);
}

void html_text(FILE *out, const char *text, size_t length) {
    for (size_t i = 0, n; i < length; i += n ? n : 1) {
        uint32_t c = 0;
        n = decode(text + i, length - i, &c);
        if (c == '\r' && i + 1 < length && text[i + 1] == '\n') continue;
        put_character(out, text + i, n, c);
    }
}

void html_string(FILE *out, const char *text) {
    html_text(out, text, strlen(text));
}

static size_t count_characters(const char *text, size_t length) {
    size_t count = 0;
    for (size_t i = 0; i < length; i++) count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

/* Bytes of the first `count` characters. */
static size_t skip(const char *text, size_t length, size_t count) {
    size_t i = 0;
    while (i < length) {
        if (((unsigned char)text[i] & 0xC0) != 0x80 && !count--) break;
        i++;
    }
    return i;
}

static void put_line(FILE *out, const char *text, size_t length) {
    bool is_behind_blank = false;
    for (size_t i = 0, n; i < length; i += n) {
        n = strcspn(text + i, " \n\t\r");
        if (n > length - i) n = length - i;
        if (n) html_text(out, text + i, n);
        if (n) is_behind_blank = false;
        if (i + n == length) return;
        if (!is_behind_blank) putc(' ', out);
        is_behind_blank = true;
        n++;
    }
}

void html_excerpt(FILE *out, const char *text, size_t length, size_t width) {
    const size_t count = count_characters(text, length);
    if (count <= width) {
        put_line(out, text, length);
        return;
    }
    const size_t head = skip(text, length, (width - 1) / 2), tail = skip(text, length, count - width / 2);
    put_line(out, text, head);
    fputs("\xE2\x80\xA6", out);
    put_line(out, text + tail, length - tail);
}
