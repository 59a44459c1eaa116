/* SPDX-License-Identifier: MIT */
/* What both readings of a table use: text of the file, threads, errors with their line. */
#include "runtime/io/csv.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_LABEL = 400, LONGEST_QUOTE = 40 };

nexpr_status nx_csv_load(const nx_csv *csv, nx_csv_buffer *buffer, int64_t offset, size_t bytes, nexpr_error *err) {
    size_t needed = bytes + 1 + NX_DECIMAL_PADDING;
    buffer->count = 0;
    if (needed > buffer->capacity) {
        free(buffer->data);
        buffer->capacity = 0;
        buffer->data = malloc(needed);
        if (!buffer->data) return nx_io_fail_memory(err, csv->input->stream.path);
        buffer->capacity = needed;
    }
    NX_IO_TRY(nx_input_read_at(csv->input, buffer->data, bytes, offset, &buffer->count, err));
    buffer->offset = offset;
    memset(buffer->data + buffer->count, 0, 1 + NX_DECIMAL_PADDING);
    buffer->data[buffer->count] = '\n';
    return NEXPR_OK;
}

/* -------------------------------------------------------------------------------------------------------- threads -- */

typedef struct helper {
    pthread_t id;
    int thread;
    void (*work)(void *user, int thread);
    void *user;
} helper;

static void *help(void *argument) {
    const helper *h = argument;
    h->work(h->user, h->thread);
    return NULL;
}

void nx_csv_run(int count, void (*work)(void *user, int thread), void *user) {
    helper helpers[NX_CSV_MOST_THREADS];
    int started = 1;
    sigset_t all, before; /* signals are for the program's own threads */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; started < count; started++) {
        helper *h = &helpers[started];
        *h = (helper){.thread = started, .work = work, .user = user};
        if (pthread_create(&h->id, NULL, help, h)) break; /* fewer will do */
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    work(user, 0);
    for (int i = 1; i < started; i++) pthread_join(helpers[i].id, NULL);
}

/* --------------------------------------------------------------------------------------------------------- errors -- */

nexpr_status nx_csv_fail(const nx_csv *csv, int64_t line, nexpr_status status, nexpr_error *err, const char *format, ...) {
    char label[LONGEST_LABEL + 24], message[sizeof err->message];
    const char *path = csv->input->stream.path;
    size_t n = strlen(path);
    snprintf(label, sizeof label, "%s:%lld", n > LONGEST_LABEL ? path + n - LONGEST_LABEL : path, (long long)line);
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return nx_io_fail(err, status, label, "%s", message);
}

static const char *column_name(const nx_csv *csv, int column) {
    return column < csv->column_count && csv->columns[column].name ? csv->columns[column].name : "";
}

nexpr_status nx_csv_fail_flaw(const nx_csv *csv, const nx_csv_flaw *flaw, int64_t line, nexpr_error *err) {
    char where[96] = "";
    const char *name = column_name(csv, flaw->column);
    if (*name) snprintf(where, sizeof where, "column \"%.60s\": ", name);
#define FAIL(...) return nx_csv_fail(csv, line, NEXPR_FORMAT, err, __VA_ARGS__)
    switch (flaw->kind) {
    case NX_CSV_NUL: FAIL("a NUL byte: this is no text, or text in UTF-16, which has to be converted to UTF-8");
    case NX_CSV_QUOTE_INSIDE:
        FAIL("%sa quote inside a cell; such a cell has to be in quotes, with its own written twice", where);
    case NX_CSV_BEHIND_QUOTE: FAIL("%ssomething behind the closing quote; a quote in a cell is written twice", where);
    case NX_CSV_UNCLOSED: FAIL("%sthe quote is never closed", where);
    case NX_CSV_RETURN: FAIL("%sa carriage return without a line feed; lines end with a line feed, or with both", where);
    case NX_CSV_LONG_CELL: FAIL("%sthe cell has more than %d bytes, the most that is read", where, NX_CSV_LONGEST_CELL);
    case NX_CSV_LONG_LINE:
        FAIL("the line has more than %d bytes, the most that is read (is a quote not closed?)", NX_CSV_LONGEST_LINE);
    case NX_CSV_WRONG_COUNT:
        FAIL("expected %d cell%s as in the header, the line has %d", csv->column_count, csv->column_count == 1 ? "" : "s",
             flaw->column);
    case NX_CSV_BLANK_LINE:
        FAIL("a blank line before the last row%s",
             csv->column_count == 1 ? "; an empty cell alone on its line is \"\"" : "");
    case NX_CSV_FINE: break;
    }
#undef FAIL
    return NEXPR_OK;
}

/* Finds row number `row` of a block and the cell in it, and the line where the cell begins. */
static bool find_place(const nx_csv_text *text, int64_t row, int column, nx_csv_cell *ret, int64_t *line) {
    const char *at = text->begin, *start = at, *end = at;
    nx_csv_flaw flaw;
    for (bool is_found = false; at < text->end && !is_found;) {
        for (int i = 0;; i++, at = end + 1) {
            is_found = row == 0 && i == column;
            start = at;
            end = nx_csv_find_cell(text, at, ret, &flaw);
            if (!end) return false;
            if (is_found || *end != text->separator) break;
        }
        at = nx_csv_next_line(end);
        row--;
    }
    for (const char *c = text->begin; c < start; c++) *line += *c == '\n';
    return true;
}

static nexpr_status fail_cell(const nx_csv *csv, const nx_csv_column *column, const nx_csv_cell *cell, int64_t line,
                              nexpr_error *err) {
    bool is_long = cell->end - cell->begin > LONGEST_QUOTE;
    char what[64];
    const char *dtype = nexpr_dtype_name(column->dtype);
    if (column->is_declared) snprintf(what, sizeof what, "no %s, as which it is to be read", dtype);
    else strcpy(what, column->has_words ? "neither True nor False, as those before are" : "not a number");
    return nx_csv_fail(csv, line, NEXPR_TYPE, err, "column \"%.60s\": \"%.*s%s\" is %s", column->name,
                       is_long ? LONGEST_QUOTE : (int)(cell->end - cell->begin), cell->begin, is_long ? "..." : "", what);
}

static nexpr_status refuse_cell(const nx_csv *csv, int index, nexpr_error *err) {
    const nx_csv_column *column = &csv->columns[index];
    const nx_csv_block *block = &csv->blocks[column->bad_place >> NX_CSV_ROW_BITS];
    nx_csv_buffer buffer = {0};
    nx_csv_cell cell = {"", "", false};
    int64_t line = block->first_line;
    nexpr_status status = nx_csv_load(csv, &buffer, block->offset, (size_t)(block[1].offset - block->offset), err);
    if (!status) {
        nx_csv_text text = {buffer.data, buffer.data + buffer.count + 1, csv->separator};
        find_place(&text, column->bad_place & ((1 << NX_CSV_ROW_BITS) - 1), index, &cell, &line);
        status = fail_cell(csv, column, &cell, line, err);
    }
    free(buffer.data);
    return status;
}

nexpr_status nx_csv_refuse_column(const nx_csv *csv, int column, nexpr_error *err) {
    const nx_csv_column *c = &csv->columns[column];
    switch (c->state) {
    case NX_CSV_UNNAMED: return nx_csv_fail(csv, 1, NEXPR_TYPE, err, "column %d has no name to use it by", column + 1);
    case NX_CSV_TWICE:
        return nx_csv_fail(csv, 1, NEXPR_TYPE, err, "columns %d and %d are both named \"%.60s\"; rename one to use it",
                           (column < c->twin ? column : c->twin) + 1, (column < c->twin ? c->twin : column) + 1, c->name);
    default: return refuse_cell(csv, column, err);
    }
}
