/* SPDX-License-Identifier: MIT */
#include "engine/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Ends the text before a UTF-8 sequence that was cut in two. */
static void trim_utf8(char *text) {
    size_t n = strlen(text), tail = 0;
    while (tail < n && tail < 3 && ((unsigned char)text[n - 1 - tail] & 0xC0) == 0x80) tail++;
    if (tail == n) return;
    unsigned char lead = (unsigned char)text[n - 1 - tail];
    size_t need = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    if (tail < need) text[n - 1 - tail] = 0;
}

/* Copies text to out, with control bytes as \xNN. */
static void escape(char *out, size_t capacity, const char *text) {
    size_t used = 0;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = c >= 0x20 && c != 0x7F;
        if (used + (plain ? 2 : 5) > capacity) break;
        if (plain) out[used++] = (char)c;
        else used += (size_t)snprintf(out + used, capacity - used, "\\x%02x", c);
    }
    out[used] = 0;
}

static nexpr_status fail(nexpr_error *err, nexpr_status status, nx_span span, int operand, const char *format,
                         va_list args) {
    if (!err) return status;
    char raw[sizeof err->message];
    vsnprintf(raw, sizeof raw, format, args);
    err->status = status;
    err->operand = operand;
    err->begin = span.begin;
    err->end = span.end;
    escape(err->message, sizeof err->message, raw);
    trim_utf8(err->message);
    return status;
}

nexpr_status nx_fail(nexpr_error *err, nexpr_status status, nx_span span, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fail(err, status, span, -1, format, args);
    va_end(args);
    return status;
}

nexpr_status nx_fail_operand(nexpr_error *err, nexpr_status status, int operand, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fail(err, status, NX_NOWHERE, operand, format, args);
    va_end(args);
    return status;
}

void nx_place_error(nexpr_error *err, nx_span span) {
    if (!err) return;
    err->begin = span.begin;
    err->end = span.end;
}

nexpr_status nx_fail_memory(nexpr_error *err) {
    return nx_fail(err, NEXPR_MEMORY, NX_NOWHERE, "out of memory");
}

const char *nexpr_status_text(nexpr_status status) {
    switch (status) {
#define X(id, text) \
    case NEXPR_##id: return text;
        NEXPR_STATUS_MAP(X)
#undef X
    }
    return "unknown status";
}

nexpr_error nexpr_error_init(void) {
    return (nexpr_error){.size = sizeof(nexpr_error), .operand = -1};
}
