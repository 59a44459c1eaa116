/* SPDX-License-Identifier: MIT */
#include "runtime/io/fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_PATH = 200 };

/* The length of text without a UTF-8 sequence that was cut at its end. */
static size_t whole_utf8(const char *text, size_t n) {
    size_t tail = 0;
    while (tail < n && tail < 3 && ((unsigned char)text[n - 1 - tail] & 0xC0) == 0x80) tail++;
    if (tail == n) return n;
    unsigned char lead = (unsigned char)text[n - 1 - tail];
    size_t need = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    return tail < need ? n - 1 - tail : n;
}

/* Appends text to out behind `used` bytes, control bytes as \xNN. */
static size_t append(char *out, size_t capacity, size_t used, const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = c >= 0x20 && c != 0x7F;
        if (used + (plain ? 2 : 5) > capacity) break;
        if (plain) out[used++] = (char)c;
        else used += (size_t)snprintf(out + used, capacity - used, "\\x%02x", c);
    }
    used = whole_utf8(out, used);
    out[used] = 0;
    return used;
}

static size_t append_path(char *out, size_t capacity, const char *path) {
    size_t n = strlen(path), used = 0;
    if (n > LONGEST_PATH) {
        path += n - LONGEST_PATH;
        while (((unsigned char)*path & 0xC0) == 0x80) path++;
        used = append(out, capacity, used, "...");
    }
    used = append(out, capacity, used, path);
    return append(out, capacity, used, ": ");
}

nexpr_status nx_io_fail(nexpr_error *err, nexpr_status status, const char *path, const char *format, ...) {
    if (!err) return status;
    char raw[sizeof err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    err->status = status;
    err->operand = -1;
    err->begin = err->end = 0;
    size_t used = path ? append_path(err->message, sizeof err->message, path) : 0;
    append(err->message, sizeof err->message, used, raw);
    return status;
}

nexpr_status nx_io_fail_errno(nexpr_error *err, const char *path, const char *what) {
    char buffer[128];
    return nx_io_fail(err, NEXPR_IO, path, "cannot %s: %s", what, strerror_r(errno, buffer, sizeof buffer));
}

nexpr_status nx_io_fail_memory(nexpr_error *err, const char *path) {
    return nx_io_fail(err, NEXPR_MEMORY, path, "out of memory");
}
