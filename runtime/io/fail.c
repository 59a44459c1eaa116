/* SPDX-License-Identifier: MIT */
#include "runtime/io/fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_PATH = 200 };

/* Bytes of the valid UTF-8 character at text, 0 if there is none; one of the last bytes may be the NUL. */
static size_t character_length(const unsigned char *text) {
    size_t n = *text < 0x80 ? 1 : *text < 0xC2 ? 0 : *text < 0xE0 ? 2 : *text < 0xF0 ? 3 : *text < 0xF5 ? 4 : 0;
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xC0) != 0x80) return 0;
    }
    return n;
}

/* Appends text to out behind `used` bytes; control characters, and bytes that are not UTF-8, as \xNN. */
static size_t append(char *out, size_t capacity, size_t used, const char *text) {
    while (*text) {
        unsigned char c = (unsigned char)*text;
        size_t n = c < 0x20 || c == 0x7F ? 0 : character_length((const unsigned char *)text);
        if (used + (n ? n + 1 : sizeof "\\xNN") > capacity) break;
        if (n) memcpy(out + used, text, n);
        else snprintf(out + used, capacity - used, "\\x%02x", c);
        used += n ? n : 4;
        text += n ? n : 1;
    }
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
