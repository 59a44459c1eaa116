/* SPDX-License-Identifier: MIT */
/* Columns are counted in code points, and tabs are kept in the line of carets, so that they stand under what they mean. */
#include "cli/report.h"

#include "cli/interrupt.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BEFORE = 60, AFTER = 60, MESSAGE_MAX = 2048 }; /* bytes of a long line shown on both sides of the place */

static bool continues_character(char c) {
    return ((unsigned char)c & 0xC0) == 0x80;
}

size_t report_character_length(const char *text, size_t left) {
    unsigned char c = (unsigned char)*text;
    size_t n = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
    if (n > left) return 0;
    for (size_t i = 1; i < n; i++) {
        if (!continues_character(text[i])) return 0;
    }
    return n;
}

void report_text(FILE *out, const char *text, size_t length) {
    for (size_t i = 0, n; i < length; i += n) {
        n = report_character_length(text + i, length - i);
        bool is_control = n == 1 && ((unsigned char)text[i] < 0x20 || text[i] == 0x7F) && text[i] != '\t';
        bool is_c1 = n == 2 && text[i] == '\xC2' && (unsigned char)text[i + 1] < 0xA0;
        if (!n || is_control || is_c1) putc('?', out);
        else fwrite(text + i, 1, n, out);
        if (!n) n = 1;
    }
}

/* ----------------------------------------------------------------------------------------------------- keeping -- */

static FILE *kept; /* NULL: everything is printed at once */
static char *kept_text;
static size_t kept_length, kept_place;

static FILE *out(void) {
    return kept ? kept : stderr;
}

void report_keep(void) {
    kept_place = 0;
    if (!kept) kept = open_memstream(&kept_text, &kept_length);
}

char *report_taken(size_t *ret_length, size_t *ret_place) {
    if (!kept || fclose(kept)) return NULL;
    char *text = kept_text;
    *ret_length = kept_length;
    *ret_place = kept_place;
    kept = NULL;
    kept_text = NULL;
    report_keep();
    return text;
}

void report_release(void) {
    if (!kept) return;
    const bool is_whole = !fclose(kept);
    kept = NULL;
    if (is_whole) fwrite(kept_text, 1, kept_length, stderr);
    free(kept_text);
    kept_text = NULL;
}

/* ---------------------------------------------------------------------------------------------------- messages -- */

/* Colours are for people who want them: https://no-color.org. */
static bool has_colours(void) {
    const char *unwanted = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(STDERR_FILENO) && !(unwanted && *unwanted) && terminal && strcmp(terminal, "dumb");
}

static void put_coloured(const char *colour, const char *text, size_t length) {
    bool coloured = has_colours();
    if (coloured) fprintf(out(), "\033[%sm", colour);
    fwrite(text, 1, length, out());
    if (coloured) fputs("\033[0m", out());
}

static void put_message(bool is_error, const char *format, va_list args) {
    char message[MESSAGE_MAX];
    vsnprintf(message, sizeof message, format, args);
    put_coloured("1", "nexpr: ", 7);
    if (is_error) put_coloured("1;31", "error: ", 7);
    if (kept && is_error && !kept_place) kept_place = (size_t)ftell(kept);
    report_text(out(), message, strlen(message));
    putc('\n', out());
}

int report_use(const char *format, ...) {
    va_list args;
    va_start(args, format);
    put_message(true, format, args);
    va_end(args);
    return EXIT_USE;
}

int report_run(const char *format, ...) {
    va_list args;
    if (interrupt_flag) return EXIT_RUN; /* the user knows */
    va_start(args, format);
    put_message(true, format, args);
    va_end(args);
    return EXIT_RUN;
}

void report_hint(const char *format, ...) {
    va_list args;
    va_start(args, format);
    put_message(false, format, args);
    va_end(args);
}

/* One blank per character, tabs as they are. */
static void put_blanks(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\t') putc('\t', out());
        else if (!continues_character(text[i])) putc(' ', out());
    }
}

static void put_carets(const char *text, size_t length) {
    size_t count = 0;
    for (size_t i = 0; i < length; i++) count += !continues_character(text[i]);
    char carets[BEFORE + AFTER];
    memset(carets, '^', sizeof carets);
    put_coloured("1;32", carets, !count ? 1 : count < sizeof carets ? count : sizeof carets);
    putc('\n', out());
}

/* The part of a line that is shown: [begin, end) of the text. */
typedef struct window {
    size_t begin, end;
    bool cut_before, cut_after;
} window;

static window choose_window(const char *text, size_t line_begin, size_t line_end, size_t begin, size_t end) {
    window w = {.begin = line_begin, .end = line_end};
    if (line_end - line_begin <= BEFORE + AFTER) return w;
    if (begin - line_begin > BEFORE) {
        w.begin = begin - BEFORE;
        while (w.begin < begin && continues_character(text[w.begin])) w.begin++;
        w.cut_before = true;
    }
    size_t last = end - begin > AFTER ? begin + AFTER : end;
    if (line_end - last > AFTER) {
        w.end = last + AFTER;
        while (w.end > last && continues_character(text[w.end])) w.end--;
        w.cut_after = true;
    }
    return w;
}

void report_place(const char *label, const char *text, size_t length, size_t begin, size_t end) {
    if (begin > length) begin = length;
    size_t line = 1, line_begin = 0;
    for (size_t i = 0; i < begin; i++) {
        if (text[i] != '\n') continue;
        line++;
        line_begin = i + 1;
    }
    const char *newline = memchr(text + begin, '\n', length - begin);
    size_t line_end = newline ? (size_t)(newline - text) : length;
    if (end > line_end) end = line_end;
    if (end < begin) end = begin;
    window w = choose_window(text, line_begin, line_end, begin, end);
    char margin[32] = "  ";
    size_t inner = length && text[length - 1] == '\n' ? length - 1 : length;
    if (line > 1 || memchr(text, '\n', inner)) snprintf(margin, sizeof margin, "%5zu | ", line);
    if (label) fprintf(out(), "  in %s:\n", label);
    fprintf(out(), "%s%s", margin, w.cut_before ? "..." : "");
    report_text(out(), text + w.begin, w.end - w.begin);
    fprintf(out(), "%s\n%*s", w.cut_after ? "..." : "", (int)strlen(margin) + (w.cut_before ? 3 : 0), "");
    put_blanks(text + w.begin, begin - w.begin);
    put_carets(text + begin, (end < w.end ? end : w.end) - begin);
}
