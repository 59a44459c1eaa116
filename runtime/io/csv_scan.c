/* SPDX-License-Identifier: MIT */
/*
 * The first reading of a table. Threads take blocks in turn: under a lock the next megabyte is read and cut behind the last
 * line end that is not in quotes, which the number of quotes tells: outside of a cell in quotes it is even. What they find
 * is kept by place, and of several finds the first place counts, so that the outcome does not depend on who was quicker.
 * In a block whose quotes are wrong the cut may be, too; then this block has a flaw, and what comes later does not count.
 */
#include "runtime/io/csv.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* What all threads share; under the lock but for csv, whose blocks are, too. */
typedef struct scan {
    nx_csv *csv;
    pthread_mutex_t lock;
    int64_t next_offset;
    bool is_over;
    nexpr_status status; /* of the system's failure, if any */
    nexpr_error error;
    size_t flawed_block; /* the first one; SIZE_MAX: none */
    nx_csv_flaw flaw;
    size_t blank_block, blank_at; /* the first blank line behind the rows of its block */
    size_t last_block;            /* that has rows, plus 1 */
    nx_csv_cells *cells;          /* of every column */
    bool lacks_memory;
} scan;

/* What one thread is at. */
typedef struct block {
    size_t index;
    nx_csv_text text;
    int64_t rows, lines;
    nx_csv_flaw flaw;
    size_t blank_at; /* SIZE_MAX: none */
} block;

/* -------------------------------------------------------------------------------------------------------- cutting -- */

typedef struct counts {
    size_t quotes, lines, nuls;
} counts;

/* In short runs, whose sums fit bytes, so that the compiler makes vectors of it. */
static counts count_bytes(const char *at, size_t n) {
    counts sum = {0};
    while (n) {
        size_t run = n < 240 ? n : 240;
        uint8_t quotes = 0, lines = 0, nuls = 0;
        for (size_t i = 0; i < run; i++) {
            quotes = (uint8_t)(quotes + (at[i] == '"'));
            lines = (uint8_t)(lines + (at[i] == '\n'));
            nuls = (uint8_t)(nuls + !at[i]);
        }
        sum.quotes += quotes;
        sum.lines += lines;
        sum.nuls += nuls;
        at += run;
        n -= run;
    }
    return sum;
}

/* Bytes up to and with the last line end outside of quotes; 0 if there is none. */
static size_t find_cut(const char *data, size_t n, size_t quotes) {
    if (!quotes) {
        const char *last = memrchr(data, '\n', n);
        return last ? (size_t)(last - data) + 1 : 0;
    }
    for (bool is_inside = quotes & 1; n; n--) {
        is_inside ^= data[n - 1] == '"';
        if (data[n - 1] == '\n' && !is_inside) return n;
    }
    return 0;
}

/* Reads text from the next offset on and cuts it. Without a line end more is read, but never more than the longest line. */
static nexpr_status cut_block(const scan *s, nx_csv_buffer *buffer, block *b, size_t *ret_bytes, nexpr_error *err) {
    size_t bytes = NX_CSV_BLOCK, cut;
    for (;; bytes = NX_CSV_LONGEST_LINE) {
        NX_IO_TRY(nx_csv_load(s->csv, buffer, s->next_offset, bytes, err));
        counts found = count_bytes(buffer->data, buffer->count);
        bool is_end = buffer->count < bytes;
        cut = is_end ? buffer->count : find_cut(buffer->data, buffer->count, found.quotes);
        if (!cut && !is_end && bytes < NX_CSV_LONGEST_LINE) continue;
        b->lines = (int64_t)(cut < buffer->count ? count_bytes(buffer->data, cut).lines : found.lines);
        if (!cut && !is_end) b->flaw.kind = NX_CSV_LONG_LINE;
        const char *nul = found.nuls ? memchr(buffer->data, 0, cut) : NULL;
        if (nul) b->flaw = (nx_csv_flaw){.kind = NX_CSV_NUL, .at = (size_t)(nul - buffer->data)};
        /* A line end is behind the file's last line, too. */
        size_t added = is_end && cut && buffer->data[cut - 1] != '\n';
        b->text = (nx_csv_text){buffer->data, buffer->data + cut + added, s->csv->separator};
        *ret_bytes = cut;
        return NEXPR_OK;
    }
}

static nexpr_status add_block(scan *s, nexpr_error *err) {
    nx_csv *csv = s->csv;
    if (csv->block_count + 1 >= csv->block_capacity) {
        size_t capacity = csv->block_capacity ? 2 * csv->block_capacity : 16;
        nx_csv_block *blocks = realloc(csv->blocks, capacity * sizeof *blocks);
        if (!blocks) return nx_io_fail_memory(err, csv->input->stream.path);
        csv->blocks = blocks;
        csv->block_capacity = capacity;
    }
    csv->blocks[csv->block_count++] = (nx_csv_block){.offset = s->next_offset};
    return NEXPR_OK;
}

/* Gives out the next block; false if there is none. */
static bool take_block(scan *s, nx_csv_buffer *buffer, block *b) {
    *b = (block){.blank_at = SIZE_MAX};
    if (s->is_over) return false;
    size_t bytes = 0;
    s->status = cut_block(s, buffer, b, &bytes, &s->error);
    if (!s->status && (bytes || b->flaw.kind)) s->status = add_block(s, &s->error);
    s->next_offset += (int64_t)bytes;
    s->is_over = s->status || b->flaw.kind || !bytes;
    b->index = s->csv->block_count - 1;
    return !s->status && (bytes || b->flaw.kind);
}

/* ------------------------------------------------------------------------------------------------------- one block -- */

static void note_first(nx_csv_place *first, nx_csv_place place) {
    if (place < *first) *first = place;
}

static void note(const nx_csv_value *value, nx_csv_cells *cells, nx_csv_place place) {
    int64_t unused;
    switch (value->kind) {
    case NX_CSV_EMPTY: cells->has_empty = true; break;
    case NX_CSV_FALSE:
    case NX_CSV_TRUE: note_first(&cells->first_word, place); break;
    case NX_CSV_TEXT: note_first(&cells->first_text, place); break;
    case NX_CSV_NUMBER:
        note_first(&cells->first_number, place);
        if (!cells->has_fraction) cells->has_fraction = !nx_decimal_to_int64(&value->number, &unused);
    }
}

/* Looks at a cell; of a column that cannot be used any more only at its end. */
static const char *scan_cell(const nx_csv_text *text, const char *at, const nx_csv_column *column, nx_csv_cells *cells,
                             nx_csv_place place, nx_csv_flaw *flaw) {
    if (cells->first_text < place || cells->first_misfit < place) return nx_csv_skip_cell(text, at, flaw);
    nx_csv_value value;
    char element[16];
    bool is_integer;
    const char *end = column->is_declared ? NULL : nx_decimal_skim(at, &is_integer);
    if (end && nx_csv_is_cell_end(text, end) && end - at <= NX_CSV_LONGEST_CELL) {
        note_first(&cells->first_number, place);
        cells->has_fraction |= !is_integer;
        return end;
    }
    end = nx_csv_read_cell(text, at, &value, flaw);
    if (!end) return NULL;
    if (!column->is_declared) note(&value, cells, place);
    else if (!nx_csv_store(&value, column->dtype, false, element)) note_first(&cells->first_misfit, place);
    return end;
}

/* The line has another number of cells; `at` is the end of number `count`. */
static const char *fail_count(const nx_csv_text *text, const char *at, const char *row, int count, nx_csv_flaw *flaw) {
    while (*at == text->separator) {
        at = nx_csv_skip_cell(text, at + 1, flaw);
        if (!at) return NULL;
        count++;
    }
    *flaw = (nx_csv_flaw){NX_CSV_WRONG_COUNT, (size_t)(row - text->begin), count};
    return NULL;
}

static const char *scan_row(const nx_csv *csv, const nx_csv_text *text, const char *row, nx_csv_cells *cells,
                            nx_csv_place place, nx_csv_flaw *flaw) {
    const char *at = row;
    for (int i = 0;; i++) {
        const char *end = scan_cell(text, at, &csv->columns[i], &cells[i], place, flaw);
        if (!end) {
            flaw->column = i;
            return NULL;
        }
        bool is_last = i == csv->column_count - 1;
        if ((*end == text->separator) == is_last) return fail_count(text, end, row, i + 1, flaw);
        if (is_last) return nx_csv_next_line(end);
        at = end + 1;
    }
}

/* All rows up to the first flaw. Blank lines may only be the last ones. */
static void scan_block(const nx_csv *csv, block *b, nx_csv_cells *cells) {
    const nx_csv_text *text = &b->text;
    for (const char *at = text->begin; at < text->end;) {
        if (nx_csv_is_line_end(at)) {
            if (b->blank_at == SIZE_MAX) b->blank_at = (size_t)(at - text->begin);
            at = nx_csv_next_line(at);
        } else if (b->blank_at != SIZE_MAX) {
            b->flaw = (nx_csv_flaw){NX_CSV_BLANK_LINE, b->blank_at, 0};
            return;
        } else {
            at = scan_row(csv, text, at, cells, (nx_csv_place)b->index << NX_CSV_ROW_BITS | b->rows, &b->flaw);
            if (!at) return;
            b->rows++;
        }
    }
}

/* -------------------------------------------------------------------------------------------------------- threads -- */

static nx_csv_cells *new_cells(int count) {
    nx_csv_cells *cells = malloc((size_t)count * sizeof *cells);
    for (int i = 0; cells && i < count; i++) {
        cells[i] = (nx_csv_cells){NX_CSV_NOWHERE, NX_CSV_NOWHERE, NX_CSV_NOWHERE, NX_CSV_NOWHERE, false, false};
    }
    return cells;
}

static void merge_cells(nx_csv_cells *into, const nx_csv_cells *from, int count) {
    for (int i = 0; i < count; i++) {
        note_first(&into[i].first_word, from[i].first_word);
        note_first(&into[i].first_number, from[i].first_number);
        note_first(&into[i].first_text, from[i].first_text);
        note_first(&into[i].first_misfit, from[i].first_misfit);
        into[i].has_empty |= from[i].has_empty;
        into[i].has_fraction |= from[i].has_fraction;
    }
}

/* Until the end, first_row and first_line of a block are numbers of rows and lines of its own. */
static void record(scan *s, const block *b) {
    s->csv->blocks[b->index].first_row = b->rows;
    s->csv->blocks[b->index].first_line = b->lines;
    if (b->flaw.kind && b->index < s->flawed_block) {
        s->flawed_block = b->index;
        s->flaw = b->flaw;
        s->is_over = true;
    }
    if (b->blank_at != SIZE_MAX && b->index < s->blank_block) {
        s->blank_block = b->index;
        s->blank_at = b->blank_at;
    }
    if (b->rows && b->index >= s->last_block) s->last_block = b->index + 1;
}

static void scan_blocks(void *user, int thread) {
    scan *s = user;
    nx_csv *csv = s->csv;
    nx_csv_cells *cells = new_cells(csv->column_count);
    pthread_mutex_lock(&s->lock);
    s->lacks_memory |= !cells && !thread;
    for (block b; cells && take_block(s, &csv->buffers[thread], &b);) {
        pthread_mutex_unlock(&s->lock);
        if (!b.flaw.kind) scan_block(csv, &b, cells);
        pthread_mutex_lock(&s->lock);
        record(s, &b);
    }
    if (cells) merge_cells(s->cells, cells, csv->column_count);
    pthread_mutex_unlock(&s->lock);
    free(cells);
}

/* -------------------------------------------------------------------------------------------------------- outcome -- */

static nx_csv_place earlier(nx_csv_place x, nx_csv_place y) {
    return x < y ? x : y;
}

/* The first cell that says something decides between words and numbers. */
static void infer(nx_csv_column *column, const nx_csv_cells *c) {
    column->bad_place = c->first_misfit;
    if (!column->is_declared) {
        column->has_words = c->first_word < c->first_number;
        column->bad_place = earlier(c->first_text, column->has_words ? c->first_number : c->first_word);
        bool is_bare = c->first_word == NX_CSV_NOWHERE && c->first_number == NX_CSV_NOWHERE;
        if (c->has_empty || c->has_fraction || is_bare) column->dtype = NEXPR_FLOAT64;
        else column->dtype = column->has_words ? NEXPR_BOOL : NEXPR_INT64;
    }
    if (column->state == NX_CSV_USABLE && column->bad_place != NX_CSV_NOWHERE) column->state = NX_CSV_BAD_CELL;
}

/* Numbers of rows and lines become sums. */
static void sum_up(scan *s) {
    nx_csv *csv = s->csv;
    int64_t row = 0, line = csv->data_line;
    for (size_t i = 0; i < csv->block_count; i++) {
        nx_csv_block *b = &csv->blocks[i];
        int64_t rows = b->first_row, lines = b->first_line;
        b->first_row = row;
        b->first_line = line;
        row += rows;
        line += lines;
    }
    csv->blocks[csv->block_count] = (nx_csv_block){s->next_offset, row, line};
}

/* The line of a byte of a block. */
static nexpr_status find_line(nx_csv *csv, size_t index, size_t at, int64_t *ret_line, nexpr_error *err) {
    nx_csv_buffer *buffer = &csv->buffers[0];
    NX_IO_TRY(nx_csv_load(csv, buffer, csv->blocks[index].offset, at, err));
    *ret_line = csv->blocks[index].first_line + (int64_t)count_bytes(buffer->data, buffer->count).lines;
    return NEXPR_OK;
}

static nexpr_status conclude(scan *s, nexpr_error *err) {
    nx_csv *csv = s->csv;
    if (s->lacks_memory) return nx_io_fail_memory(err, csv->input->stream.path);
    if (s->status && err) *err = s->error;
    if (s->status) return s->status;
    sum_up(s);
    bool is_blank_followed = s->flawed_block != SIZE_MAX || s->blank_block + 1 < s->last_block;
    if (is_blank_followed && s->blank_block < s->flawed_block) {
        s->flawed_block = s->blank_block;
        s->flaw = (nx_csv_flaw){NX_CSV_BLANK_LINE, s->blank_at, 0};
    }
    if (s->flawed_block != SIZE_MAX) {
        int64_t line;
        NX_IO_TRY(find_line(csv, s->flawed_block, s->flaw.at, &line, err));
        return nx_csv_fail_flaw(csv, &s->flaw, line, err);
    }
    for (int i = 0; i < csv->column_count; i++) infer(&csv->columns[i], &s->cells[i]);
    return NEXPR_OK;
}

nexpr_status nx_csv_scan(nx_csv *csv, nexpr_error *err) {
    scan s = {.csv = csv, .next_offset = csv->data_offset, .flawed_block = SIZE_MAX, .blank_block = SIZE_MAX - 1,
              .error = nexpr_error_init(), .cells = new_cells(csv->column_count)};
    csv->blocks = malloc(sizeof *csv->blocks);
    if (!s.cells || !csv->blocks || pthread_mutex_init(&s.lock, NULL)) {
        free(s.cells);
        return nx_io_fail_memory(err, csv->input->stream.path);
    }
    csv->block_capacity = 1;
    int64_t blocks = (csv->input->size - csv->data_offset) / NX_CSV_BLOCK;
    nx_csv_run(blocks < csv->thread_count ? (int)blocks + 1 : csv->thread_count, scan_blocks, &s);
    nexpr_status status = conclude(&s, err);
    pthread_mutex_destroy(&s.lock);
    free(s.cells);
    return status;
}

int64_t nx_csv_row_count(const nx_csv *csv) {
    return csv->blocks[csv->block_count].first_row;
}
