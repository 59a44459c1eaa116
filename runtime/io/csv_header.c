/* SPDX-License-Identifier: MIT */
/* The first line of a table: the names of its columns. */
#include "runtime/io/csv.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of UTF-8's mark that may stand before the header. */
static size_t mark_length(const char *data, size_t n) {
    return n >= 3 && !memcmp(data, "\xEF\xBB\xBF", 3) ? 3 : 0;
}

/* Behind the first line end outside of quotes; NULL if there is none. */
static const char *find_line_end(const char *data, const char *end) {
    bool is_inside = false;
    for (; data < end; data++) {
        is_inside ^= *data == '"';
        if (*data == '\n' && !is_inside) return data + 1;
    }
    return NULL;
}

/* The first line, with its line end; behind a file of one line without one there is one. */
static nexpr_status load_line(nx_csv *csv, nx_csv_text *ret, nexpr_error *err) {
    nx_csv_buffer *buffer = &csv->buffers[0];
    for (size_t bytes = NX_INPUT_HEAD;; bytes = NX_CSV_LONGEST_LINE) {
        NX_IO_TRY(nx_csv_load(csv, buffer, 0, bytes, err));
        const char *data = buffer->data, *end = find_line_end(data, data + buffer->count);
        bool is_whole = buffer->count < bytes;
        if (!end && !is_whole && bytes < NX_CSV_LONGEST_LINE) continue;
        if (!end && !is_whole) return nx_csv_fail_flaw(csv, &(nx_csv_flaw){.kind = NX_CSV_LONG_LINE}, 1, err);
        csv->data_offset = end ? end - data : (int64_t)buffer->count;
        size_t mark = mark_length(data, buffer->count);
        *ret = (nx_csv_text){data + mark, end ? end : data + buffer->count + 1, csv->separator};
        if (memchr(data, 0, (size_t)csv->data_offset)) {
            return nx_csv_fail_flaw(csv, &(nx_csv_flaw){.kind = NX_CSV_NUL}, 1, err);
        }
        if (!nx_csv_is_line_end(ret->begin)) return NEXPR_OK;
        return nx_csv_fail(csv, 1, NEXPR_FORMAT, err, buffer->count > mark
                           ? "the first line is blank; it has to name the columns"
                           : "the file is empty; a table begins with a line of names");
    }
}

/* Bytes of the UTF-8 sequence at `at`, 0 if it is none: shortest form, no surrogates. Behind the text is a NUL. */
static int sequence_length(const unsigned char *at) {
    if (*at < 0x80) return 1;
    int n = *at >= 0xF0 ? 4 : *at >= 0xE0 ? 3 : 2;
    uint32_t c = *at & (0x7F >> n), least = n == 2 ? 0x80 : n == 3 ? 0x800 : 0x10000;
    if (*at < 0xC2 || *at > 0xF4) return 0;
    for (int i = 1; i < n; i++) {
        if ((at[i] & 0xC0) != 0x80) return 0;
        c = c << 6 | (at[i] & 0x3F);
    }
    return c >= least && c < 0x110000 && (c < 0xD800 || c > 0xDFFF) ? n : 0;
}

static bool is_utf8(const char *name) {
    const unsigned char *at = (const unsigned char *)name;
    for (int n; *at; at += n) {
        n = sequence_length(at);
        if (!n) return false;
    }
    return true;
}

/* A copy of a name, NULL without memory; blanks around it are kept in quotes. */
static char *copy_name(const nx_csv_cell *cell, const char *begin, const char *end) {
    if (cell->is_quoted) begin++, end--;
    else begin = cell->begin, end = cell->end;
    char *name = malloc((size_t)(end - begin) + 1), *to = name;
    if (!name) return NULL;
    for (; begin < end; begin++) {
        *to++ = *begin;
        begin += cell->is_quoted && *begin == '"';
    }
    *to = 0;
    return name;
}

/* Takes the name, from malloc. */
static nexpr_status add_column(nx_csv *csv, char *name, int *capacity, nexpr_error *err) {
    if (csv->column_count == *capacity) {
        *capacity = *capacity ? 2 * *capacity : 16;
        nx_csv_column *columns = realloc(csv->columns, (size_t)*capacity * sizeof *columns);
        if (!columns) {
            free(name);
            return nx_io_fail_memory(err, csv->input->stream.path);
        }
        csv->columns = columns;
    }
    csv->columns[csv->column_count++] = (nx_csv_column){.name = name};
    if (!name) return nx_io_fail_memory(err, csv->input->stream.path);
    if (is_utf8(name)) return NEXPR_OK;
    return nx_csv_fail(csv, 1, NEXPR_FORMAT, err, "the name of column %d is no UTF-8; convert the file", csv->column_count);
}

static int compare_names(const void *x, const void *y) {
    return strcmp((*(nx_csv_column *const *)x)->name, (*(nx_csv_column *const *)y)->name);
}

/* Marks columns that no name, or not only one, belongs to. */
static nexpr_status find_twins(nx_csv *csv, nexpr_error *err) {
    nx_csv_column **sorted = malloc((size_t)csv->column_count * sizeof *sorted);
    if (!sorted) return nx_io_fail_memory(err, csv->input->stream.path);
    for (int i = 0; i < csv->column_count; i++) sorted[i] = &csv->columns[i];
    qsort(sorted, (size_t)csv->column_count, sizeof *sorted, compare_names);
    for (int i = 0; i < csv->column_count; i++) {
        nx_csv_column *c = sorted[i];
        const nx_csv_column *twin = i && !compare_names(&sorted[i - 1], &sorted[i]) ? sorted[i - 1] : NULL;
        if (!twin && i + 1 < csv->column_count && !compare_names(&sorted[i], &sorted[i + 1])) twin = sorted[i + 1];
        if (twin) c->twin = (int)(twin - csv->columns);
        c->state = !*c->name ? NX_CSV_UNNAMED : twin ? NX_CSV_TWICE : NX_CSV_USABLE;
    }
    free(sorted);
    return NEXPR_OK;
}

nexpr_status nx_csv_read_header(nx_csv *csv, nexpr_error *err) {
    nx_csv_text text;
    NX_IO_TRY(load_line(csv, &text, err));
    int capacity = 0;
    for (const char *at = text.begin, *end;; at = end + 1) {
        nx_csv_cell cell;
        nx_csv_flaw flaw;
        end = nx_csv_find_cell(&text, at, &cell, &flaw);
        if (!end) {
            flaw.column = csv->column_count;
            return nx_csv_fail_flaw(csv, &flaw, 1, err);
        }
        if (csv->column_count == NX_CSV_MOST_COLUMNS) {
            return nx_csv_fail(csv, 1, NEXPR_FORMAT, err, "more than %d columns, the most that are read",
                               NX_CSV_MOST_COLUMNS);
        }
        NX_IO_TRY(add_column(csv, copy_name(&cell, at, end), &capacity, err));
        if (*end != csv->separator) break;
    }
    csv->data_line = 1;
    for (const char *c = text.begin; c < csv->buffers[0].data + csv->data_offset; c++) csv->data_line += *c == '\n';
    return find_twins(csv, err);
}
