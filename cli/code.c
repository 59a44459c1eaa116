/* SPDX-License-Identifier: MIT */
#include "cli/code.h"

#include "nexpr.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_KEPT = 16 << 20 };

/* Whether the line is the heading of a block of code. */
static bool read_heading(const char *line, code_block *ret) {
    int segment = 0, end = 0;
    if (sscanf(line, "  segment %d, %n", &segment, &end) != 1 || !end) return false;
    if (!strncmp(line + end, "IR:\n", 4)) ret->detail = NEXPR_REPORT_IR;
    else if (!strncmp(line + end, "assembly:\n", 10)) ret->detail = NEXPR_REPORT_ASSEMBLY;
    else return false;
    ret->segment = segment;
    return true;
}

static bool read_nest(const char *line, int *ret) {
    int nest = 0, of = 0;
    if (sscanf(line, "nest %d of %d", &nest, &of) != 2) return false;
    *ret = nest;
    return true;
}

static const char *next_line(const char *line) {
    const char *end = strchr(line, '\n');
    return end ? end + 1 : line + strlen(line);
}

bool code_next(const char **at, code_block *block) {
    const char *line = *at;
    if (!*line) return false;
    block->detail = 0;
    block->text = line;
    if (read_heading(line, block)) block->text = line = next_line(line);
    else if (read_nest(line, &block->nest)) line = next_line(line);
    code_block other;
    int nest;
    while (*line && !read_heading(line, &other) && !read_nest(line, &nest)) line = next_line(line);
    block->length = (size_t)(line - block->text);
    *at = line;
    return true;
}

void code_print(FILE *out, const char *report, unsigned detail) {
    code_block block = {0};
    while (code_next(&report, &block)) {
        const bool is_wanted = !block.detail || block.detail & detail;
        if (!is_wanted) continue;
        if (block.detail) {
            fprintf(out, "  segment %d, %s:\n", block.segment, block.detail == NEXPR_REPORT_IR ? "IR" : "assembly");
        }
        fwrite(block.text, 1, block.length, out);
    }
}

void code_keep(code_store *store, const char *report) {
    const size_t n = strlen(report);
    if (!n || n > MOST_KEPT - store->length || (store->text && strstr(store->text, report))) return;
    char *text = realloc(store->text, store->length + n + 1);
    if (!text) return;
    memcpy(text + store->length, report, n + 1);
    store->text = text;
    store->length += n;
}

void code_free(code_store *store) {
    free(store->text);
}
