/* SPDX-License-Identifier: MIT */
#include "cli/json.h"

#include "cli/report.h"

#include <inttypes.h>
#include <string.h>

static void put_quoted(FILE *out, const char *text, size_t length) {
    putc('"', out);
    for (size_t i = 0, n; i < length; i += n) {
        n = report_character_length(text + i, length - i);
        unsigned char c = (unsigned char)text[i];
        if (!n) fputs("\xEF\xBF\xBD", out);
        else if (c == '"' || c == '\\') fprintf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7F) fprintf(out, "\\u%04x", c);
        else fwrite(text + i, 1, n, out);
        if (!n) n = 1;
    }
    putc('"', out);
}

static void put_key(json *j, const char *key) {
    if (j->needs_comma) fputs(", ", j->out);
    j->needs_comma = true;
    if (!key) return;
    put_quoted(j->out, key, strlen(key));
    fputs(": ", j->out);
}

void json_begin(json *j, const char *key, char bracket) {
    put_key(j, key);
    putc(bracket, j->out);
    j->needs_comma = false;
}

void json_end(json *j, char bracket) {
    putc(bracket, j->out);
    j->needs_comma = true;
}

void json_text(json *j, const char *key, const char *text, size_t length) {
    put_key(j, key);
    put_quoted(j->out, text, length);
}

void json_string(json *j, const char *key, const char *text) {
    if (text) {
        json_text(j, key, text, strlen(text));
    } else {
        put_key(j, key);
        fputs("null", j->out);
    }
}

void json_int(json *j, const char *key, int64_t value) {
    put_key(j, key);
    fprintf(j->out, "%" PRId64, value);
}

void json_count(json *j, const char *key, int64_t value) {
    if (value < 0) json_string(j, key, NULL);
    else json_int(j, key, value);
}

void json_seconds(json *j, const char *key, double value) {
    put_key(j, key);
    fprintf(j->out, "%.6f", value);
}

void json_number(json *j, const char *key, double value) {
    put_key(j, key);
    fprintf(j->out, "%.6g", value);
}

void json_bool(json *j, const char *key, bool value) {
    put_key(j, key);
    fputs(value ? "true" : "false", j->out);
}
