/* SPDX-License-Identifier: MIT */
/*
 * Tables as text: a line of names, then lines with one cell for each (RFC 4180). Cells are separated by commas or tabs and
 * may stand in quotes, in which separators and line ends are text and a quote is written twice.
 *
 * A table is read twice. The first time (csv_scan.c) it is cut into blocks of whole lines, every line is checked, the rows
 * are counted and what the cells of every column look like is noted. The second time (csv_read.c) the cells of the wanted
 * columns become numbers. Both work on blocks, which do not depend on each other, in several threads.
 */
#ifndef NX_IO_CSV_H
#define NX_IO_CSV_H

#include "runtime/io/decimal.h"
#include "runtime/io/format.h"

enum {
    NX_CSV_BLOCK = 1 << 20,        /* bytes of text that are worked on at once, but for longer lines */
    NX_CSV_LONGEST_LINE = 4 << 20, /* bytes, with its line end; also of the header */
    NX_CSV_LONGEST_CELL = 64 << 10,
    NX_CSV_MOST_COLUMNS = 1 << 16,
    NX_CSV_MOST_THREADS = 16,
};

/* ---------------------------------------------------------------------------------------------------------- cells -- */

/* What is wrong with the text itself. */
typedef enum nx_csv_flaw_kind {
    NX_CSV_FINE,
    NX_CSV_NUL,
    NX_CSV_QUOTE_INSIDE,
    NX_CSV_BEHIND_QUOTE,
    NX_CSV_UNCLOSED,
    NX_CSV_RETURN,
    NX_CSV_LONG_CELL,
    NX_CSV_LONG_LINE,
    NX_CSV_WRONG_COUNT,
    NX_CSV_BLANK_LINE,
} nx_csv_flaw_kind;

typedef struct nx_csv_flaw {
    nx_csv_flaw_kind kind;
    size_t at;  /* bytes from the beginning of the text */
    int column; /* of the cell; the number of cells for WRONG_COUNT */
} nx_csv_flaw;

/* Whole lines in memory. Behind them is a line feed or a NUL, and NX_DECIMAL_PADDING bytes in all. */
typedef struct nx_csv_text {
    const char *begin, *end;
    char separator;
} nx_csv_text;

/* A cell without its quotes and without blanks around. */
typedef struct nx_csv_cell {
    const char *begin, *end;
    bool is_quoted;
} nx_csv_cell;

/* Finds the end of the cell at `at`: the separator, or the line feed or the carriage return before it. NULL if there is a
 * flaw; the column of that is left to the caller. */
const char *nx_csv_find_cell(const nx_csv_text *text, const char *at, nx_csv_cell *ret, nx_csv_flaw *flaw);
/* The end of the cell at `at` without looking at it; the same. */
const char *nx_csv_skip_cell(const nx_csv_text *text, const char *at, nx_csv_flaw *flaw);

static inline bool nx_csv_is_line_end(const char *at) {
    return *at == '\n' || (*at == '\r' && at[1] == '\n');
}

static inline bool nx_csv_is_cell_end(const nx_csv_text *text, const char *at) {
    return *at == text->separator || nx_csv_is_line_end(at);
}

/* Behind the line end. */
static inline const char *nx_csv_next_line(const char *at) {
    return at + 1 + (*at == '\r');
}

/* What a cell says. */
typedef struct nx_csv_value {
    enum { NX_CSV_EMPTY, NX_CSV_FALSE, NX_CSV_TRUE, NX_CSV_NUMBER, NX_CSV_TEXT } kind;
    nx_decimal number;
    nx_csv_cell cell; /* of TEXT */
} nx_csv_value;

/* Reads the cell at `at` and returns its end, as nx_csv_find_cell. */
const char *nx_csv_read_cell(const nx_csv_text *text, const char *at, nx_csv_value *ret, nx_csv_flaw *flaw);
/* Whether the value is one of dtype; stores it if so. An empty cell is NaN. True and False are floats only if has_words. */
bool nx_csv_store(const nx_csv_value *value, nexpr_dtype dtype, bool has_words, void *to);

/* ---------------------------------------------------------------------------------------------------------- tables -- */

/* Where a cell stands: the number of the block, then of the row in it; ordered as in the file. */
typedef int64_t nx_csv_place;
#define NX_CSV_NOWHERE INT64_MAX
enum { NX_CSV_ROW_BITS = 24 }; /* no block has more rows */

/* What the cells of a column are: the place of the first one of each kind, NOWHERE if there is none. */
typedef struct nx_csv_cells {
    nx_csv_place first_word, first_number, first_text; /* of a column without a declared dtype */
    nx_csv_place first_misfit;                         /* of one with it */
    bool has_empty, has_fraction; /* something that is no int64 */
} nx_csv_cells;

typedef struct nx_csv_column {
    char *name;
    bool is_declared;
    nexpr_dtype dtype;
    int64_t size;   /* of an element */
    bool has_words; /* True and False among the numbers */
    enum { NX_CSV_USABLE, NX_CSV_UNNAMED, NX_CSV_TWICE, NX_CSV_BAD_CELL } state;
    int twin;               /* the other column of that name */
    nx_csv_place bad_place; /* of the first cell that does not fit */
} nx_csv_column;

/* There is one more than there are: the end of the table. */
typedef struct nx_csv_block {
    int64_t offset, first_row, first_line; /* lines are counted from 1 */
} nx_csv_block;

/* Text of the file in memory. */
typedef struct nx_csv_buffer {
    char *data;
    size_t capacity, count;
    int64_t offset; /* of data in the file */
} nx_csv_buffer;

typedef struct nx_csv {
    nx_input *input;
    char separator;
    nx_csv_column *columns;
    int column_count;
    char *types; /* the spelling of the dtype of each column, NX_TYPE_MAX bytes each */
    int64_t data_offset, data_line; /* behind the header */
    nx_csv_block *blocks;
    size_t block_count, block_capacity;
    int thread_count;
    nx_csv_buffer buffers[NX_CSV_MOST_THREADS];
    int64_t next_row, next_offset; /* where the last read ended */
} nx_csv;

/* Reads the header: names, columns, and where the data begins. */
nexpr_status nx_csv_read_header(nx_csv *csv, nexpr_error *err);
/* The first reading: fills blocks, and dtype and state of the columns. */
nexpr_status nx_csv_scan(nx_csv *csv, nexpr_error *err);
int64_t nx_csv_row_count(const nx_csv *csv);

/* Reads `bytes` bytes at `offset`, fewer at the end of the file, with what has to be behind them. */
nexpr_status nx_csv_load(const nx_csv *csv, nx_csv_buffer *buffer, int64_t offset, size_t bytes, nexpr_error *err);
/* Runs work(user, 0), work(user, 1), ... at once, in as many threads as there can be of `count`, until all are done. */
void nx_csv_run(int count, void (*work)(void *user, int thread), void *user);

/* "path:line: message" */
__attribute__((format(printf, 5, 6))) nexpr_status nx_csv_fail(const nx_csv *csv, int64_t line, nexpr_status status,
                                                               nexpr_error *err, const char *format, ...);
/* A flaw in words. */
nexpr_status nx_csv_fail_flaw(const nx_csv *csv, const nx_csv_flaw *flaw, int64_t line, nexpr_error *err);
/* Why a column cannot be used. */
nexpr_status nx_csv_refuse_column(const nx_csv *csv, int column, nexpr_error *err);

/* -------------------------------------------------------------------------------------------------------- writing -- */

nexpr_status nx_csv_plan(nx_writer *w, nexpr_error *err);
nexpr_status nx_csv_begin(nx_writer *w, nexpr_error *err);
nexpr_status nx_csv_write(nx_writer *w, int64_t first, int64_t count, const void *const *data, nexpr_error *err);
nexpr_status nx_csv_finish(nx_writer *w, nexpr_error *err);
void nx_csv_drop(nx_writer *w);

#endif
