/* SPDX-License-Identifier: MIT */
/*
 * The second reading of a table: cells of the wanted columns become elements. The rows that are asked for lie in pieces, one
 * for each block, which threads take in turn and which go straight to their place. What the first reading has checked is
 * checked again, so a file that changes meanwhile is an error and no harm.
 */
#include "runtime/io/csv.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------------- reading -- */

typedef struct job {
    nx_csv *csv;
    int64_t first, count; /* rows */
    void *const *data;
    size_t first_block, block_count;
    atomic_size_t next;    /* block to take, from 0 */
    atomic_bool is_failed;
    nexpr_status status[NX_CSV_MOST_THREADS];
    nexpr_error errors[NX_CSV_MOST_THREADS];
    int64_t end_offset; /* behind the last row; set by the thread that has the last block */
} job;

static nexpr_status has_changed(const nx_csv *csv, nexpr_error *err) {
    return nx_io_fail(err, NEXPR_FORMAT, csv->input->stream.path, "the file was changed while it was read");
}

/* Converts a cell. The usual one, a plain float64, in one go. */
static const char *read_cell(const nx_csv_text *text, const char *at, const nx_csv_column *column, void *to) {
    nx_csv_value value;
    nx_csv_flaw flaw;
    uint64_t bits;
    const char *end = column->dtype == NEXPR_FLOAT64 ? nx_decimal_read_float64(at, &bits) : NULL;
    if (end && nx_csv_is_cell_end(text, end)) {
        memcpy(to, &bits, sizeof bits);
        return end;
    }
    end = nx_csv_read_cell(text, at, &value, &flaw);
    return end && nx_csv_store(&value, column->dtype, column->has_words, to) ? end : NULL;
}

/* Converts the cells of a row that are wanted; returns the next row, NULL if it is not what the first reading saw. */
static const char *read_row(const nx_csv *csv, const nx_csv_text *text, const char *at, void *const *data, int64_t row) {
    nx_csv_flaw flaw;
    for (int i = 0;; i++) {
        const nx_csv_column *column = &csv->columns[i];
        const char *end = data[i] ? read_cell(text, at, column, (char *)data[i] + row * column->size)
                                  : nx_csv_skip_cell(text, at, &flaw);
        bool is_last = i == csv->column_count - 1;
        if (!end || (*end == text->separator) == is_last) return NULL;
        if (is_last) return nx_csv_next_line(end);
        at = end + 1;
    }
}

/* Behind `count` rows; NULL if they are not what the first reading saw. */
static const char *skip_rows(const nx_csv_text *text, const char *at, int64_t count) {
    nx_csv_flaw flaw;
    while (count && at < text->end) {
        at = nx_csv_skip_cell(text, at, &flaw);
        if (!at) return NULL;
        if (*at == text->separator) {
            at++;
        } else {
            at = nx_csv_next_line(at);
            count--;
        }
    }
    return count ? NULL : at;
}

/* Text from `offset`, where a row begins, to the end of a block. What is in memory from the last call on is used. */
static nexpr_status load_rest(const nx_csv *csv, nx_csv_buffer *buffer, int64_t offset, int64_t end, nx_csv_text *ret,
                              nexpr_error *err) {
    int64_t held_end = buffer->offset + (int64_t)buffer->count;
    if (!buffer->count || offset < buffer->offset || held_end != end) {
        NX_IO_TRY(nx_csv_load(csv, buffer, offset, (size_t)(end - offset), err));
        if (buffer->count < (size_t)(end - offset)) return has_changed(csv, err);
    }
    const char *begin = buffer->data + (offset - buffer->offset), *last = buffer->data + buffer->count;
    *ret = (nx_csv_text){begin, last + (last > begin && last[-1] != '\n'), csv->separator};
    return NEXPR_OK;
}

/* The wanted rows of a block. A block that the last call ended in goes on from there. */
static nexpr_status read_block(job *j, size_t index, nx_csv_buffer *buffer, nexpr_error *err) {
    nx_csv *csv = j->csv;
    const nx_csv_block *block = &csv->blocks[index];
    int64_t end = j->first + j->count, row = block->first_row, offset = block->offset;
    if (csv->next_row == j->first && csv->next_row >= row && csv->next_row < block[1].first_row) {
        row = csv->next_row;
        offset = csv->next_offset;
    }
    nx_csv_text text;
    NX_IO_TRY(load_rest(csv, buffer, offset, block[1].offset, &text, err));
    const char *at = text.begin;
    if (row < j->first) {
        at = skip_rows(&text, at, j->first - row);
        row = j->first;
    }
    int64_t stop = block[1].first_row < end ? block[1].first_row : end;
    for (; row < stop; row++) {
        at = at && at < text.end ? read_row(csv, &text, at, j->data, row - j->first) : NULL;
        if (!at) return has_changed(csv, err);
    }
    if (stop == end) j->end_offset = offset + (at - text.begin);
    return NEXPR_OK;
}

static void read_blocks(void *user, int thread) {
    job *j = user;
    for (size_t i; !j->is_failed && (i = atomic_fetch_add(&j->next, 1)) < j->block_count;) {
        j->errors[thread] = nexpr_error_init();
        j->status[thread] = read_block(j, j->first_block + i, &j->csv->buffers[thread], &j->errors[thread]);
        if (j->status[thread]) j->is_failed = true;
    }
}

/* The block that a row lies in. */
static size_t find_block(const nx_csv *csv, int64_t row) {
    size_t low = 0, high = csv->block_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (csv->blocks[middle].first_row <= row) low = middle;
        else high = middle;
    }
    return low;
}

static nexpr_status csv_read(nx_reader *r, int group, int64_t first, int64_t count, void *const *data, nexpr_error *err) {
    (void)group;
    nx_csv *csv = r->state;
    if (!count) return NEXPR_OK;
    job j = {.csv = csv, .first = first, .count = count, .data = data};
    j.first_block = find_block(csv, first);
    j.block_count = find_block(csv, first + count - 1) + 1 - j.first_block;
    size_t threads = (size_t)csv->thread_count < j.block_count ? (size_t)csv->thread_count : j.block_count;
    nx_csv_run((int)threads, read_blocks, &j);
    for (size_t i = 0; i < threads; i++) {
        if (j.status[i] && err) *err = j.errors[i];
        if (j.status[i]) return j.status[i];
    }
    csv->next_row = first + count;
    csv->next_offset = j.end_offset;
    return NEXPR_OK;
}

/* ------------------------------------------------------------------------------------------------ opening, closing -- */

static int count_processors(void) {
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
    return n < 1 ? 1 : n < NX_CSV_MOST_THREADS ? n : NX_CSV_MOST_THREADS;
}

static void declare(nx_csv_column *column, const nexpr_column_type *type) {
    column->is_declared = true;
    column->dtype = type->dtype;
}

/* Dtypes that the caller wants: first those for every column, then those for one. */
static nexpr_status declare_columns(nx_csv *csv, const nexpr_file_options *options, nexpr_error *err) {
    for (int pass = 0; pass < 2; pass++) {
        for (int k = 0; k < options->column_type_count; k++) {
            const nexpr_column_type *type = options->column_types[k];
            bool is_for_all = !type->name || !*type->name, is_found = is_for_all;
            if (!nexpr_dtype_name(type->dtype)) {
                return nx_io_fail(err, NEXPR_ARGUMENT, csv->input->stream.path, "a column is to have no valid dtype");
            }
            for (int i = 0; i < csv->column_count && is_for_all == !pass; i++) {
                if (!is_for_all && strcmp(csv->columns[i].name, type->name)) continue;
                declare(&csv->columns[i], type);
                is_found = true;
            }
            if (pass && !is_found) {
                return nx_io_fail(err, NEXPR_NAME, csv->input->stream.path, "there is no column '%.80s'", type->name);
            }
        }
    }
    return NEXPR_OK;
}

/* One group of all columns, and its members. */
static nexpr_status describe(nx_reader *r, nx_csv *csv, nexpr_error *err) {
    r->groups = calloc(1, sizeof *r->groups);
    r->members = calloc((size_t)csv->column_count, sizeof *r->members);
    csv->types = calloc((size_t)csv->column_count, NX_TYPE_MAX);
    if (!r->groups || !r->members || !csv->types) return nx_io_fail_memory(err, r->input.stream.path);
    int64_t rows = nx_csv_row_count(csv);
    r->group_count = 1;
    r->member_count = csv->column_count;
    r->groups[0] = (nx_group){.member_count = csv->column_count, .ndim = 1, .shape = {rows}, .count = rows,
                              .by_columns = true, .stored_bytes = r->input.size};
    for (int i = 0; i < csv->column_count; i++) {
        nx_csv_column *c = &csv->columns[i];
        char *type = csv->types + i * NX_TYPE_MAX;
        bool is_usable = c->state == NX_CSV_USABLE;
        c->size = (int64_t)nexpr_dtype_size(c->dtype);
        if (is_usable) nx_format_spell(c->dtype, NEXPR_NATIVE, type);
        r->members[i] = (nx_member){.name = c->name, .type = is_usable ? type : "text", .usable = is_usable,
                                    .dtype = c->dtype};
    }
    return NEXPR_OK;
}

static nexpr_status csv_open(nx_reader *r, const nexpr_file_options *options, nexpr_error *err) {
    nx_csv *csv = calloc(1, sizeof *csv);
    if (!csv) return nx_io_fail_memory(err, r->input.stream.path);
    r->state = csv;
    csv->input = &r->input;
    csv->separator = r->format->id == NEXPR_FILE_TSV ? '\t' : ',';
    csv->thread_count = count_processors();
    if (!r->input.is_random) {
        NX_IO_TRY(nx_input_set_aside(&r->input, options->max_memory, options->temporary_directory, err));
    }
    NX_IO_TRY(nx_csv_read_header(csv, err));
    NX_IO_TRY(declare_columns(csv, options, err));
    NX_IO_TRY(nx_csv_scan(csv, err));
    csv->next_row = -1;
    return describe(r, csv, err);
}

static void csv_close(nx_reader *r) {
    nx_csv *csv = r->state;
    if (!csv) return;
    for (int i = 0; i < csv->column_count; i++) free(csv->columns[i].name);
    for (int i = 0; i < NX_CSV_MOST_THREADS; i++) free(csv->buffers[i].data);
    free(csv->columns);
    free(csv->blocks);
    free(csv->types);
    free(csv);
    r->state = NULL;
}

static nexpr_status csv_refuse(const nx_reader *r, int member, nexpr_error *err) {
    return nx_csv_refuse_column(r->state, member, err);
}

/* --------------------------------------------------------------------------------------------------------- looks -- */

/* Whether the head is text, and what its first line has. */
static bool is_text(const unsigned char *head, size_t count, bool *ret_tab, bool *ret_comma) {
    bool is_first = true;
    *ret_tab = *ret_comma = false;
    for (size_t i = 0; i < count; i++) {
        unsigned char c = head[i];
        if (c == 0x7F || (c < ' ' && c != '\t' && c != '\n' && c != '\r')) return false;
        is_first &= c != '\n';
        *ret_tab |= is_first && c == '\t';
        *ret_comma |= is_first && c == ',';
    }
    return count;
}

static bool looks_like_csv(const unsigned char *head, size_t count) {
    bool has_tab, has_comma;
    return is_text(head, count, &has_tab, &has_comma) && (has_comma || !has_tab);
}

static bool looks_like_tsv(const unsigned char *head, size_t count) {
    bool has_tab, has_comma;
    return is_text(head, count, &has_tab, &has_comma) && has_tab && !has_comma;
}

#define TABLE(format, looks)                                                                                             \
    {                                                                                                                    \
        .id = NEXPR_FILE_##format, .member_kind = "column", .by_columns = true, .order_is_lost = true,                  \
        .recognises = looks, .by_looks = true,                                                                           \
        .open = csv_open, .read = csv_read, .refuse = csv_refuse, .close = csv_close, .plan = nx_csv_plan,               \
        .begin = nx_csv_begin, .write = nx_csv_write, .finish = nx_csv_finish, .drop = nx_csv_drop,                      \
    }

const nx_format nx_format_csv = TABLE(CSV, looks_like_csv);
const nx_format nx_format_tsv = TABLE(TSV, looks_like_tsv);
