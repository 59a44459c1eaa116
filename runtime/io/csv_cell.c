/* SPDX-License-Identifier: MIT */
/*
 * Cells: where they end, what they say, and what that is as an element. Knows bytes, not files. Every line ends with a line
 * feed, and no number goes on behind a separator, a quote or a line end, so loops need not look where the text ends; only
 * quotes may swallow line ends.
 */
#include "runtime/io/csv.h"

#include <string.h>

/* ---------------------------------------------------------------------------------------------------------- ends -- */

static const char *fail_at(const nx_csv_text *text, const char *at, nx_csv_flaw_kind kind, nx_csv_flaw *flaw) {
    *flaw = (nx_csv_flaw){.kind = kind, .at = (size_t)(at - text->begin)};
    return NULL;
}

/* The first byte that may end a cell or is a quote. All of these are below '-', and hardly anything else in a table is. */
static const char *find_special(const nx_csv_text *text, const char *at) {
    const uint64_t ones = 0x0101010101010101;
    for (;; at++) {
        for (uint64_t v, low;; at += 8) {
            memcpy(&v, at, sizeof v);
            if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) v = __builtin_bswap64(v);
            low = (v - '-' * ones) & ~v & 0x80 * ones;
            if (!low) continue;
            at += __builtin_ctzll(low) / 8;
            break;
        }
        if (*at == text->separator || *at == '\n' || *at == '\r' || *at == '"') return at;
    }
}

/* The closing quote of the cell whose opening quote is at `at`. */
static const char *find_closing(const nx_csv_text *text, const char *at, nx_csv_flaw *flaw) {
    for (const char *quote = at + 1;; quote += 2) {
        quote = memchr(quote, '"', (size_t)(text->end - quote));
        if (!quote) return fail_at(text, at, NX_CSV_UNCLOSED, flaw);
        if (quote[1] != '"') return quote;
    }
}

const char *nx_csv_skip_cell(const nx_csv_text *text, const char *at, nx_csv_flaw *flaw) {
    const char *end;
    if (*at == '"') {
        const char *quote = find_closing(text, at, flaw);
        if (!quote) return NULL;
        end = quote + 1;
        if (!nx_csv_is_cell_end(text, end)) return fail_at(text, end, NX_CSV_BEHIND_QUOTE, flaw);
    } else {
        end = find_special(text, at);
        if (*end == '"') return fail_at(text, end, NX_CSV_QUOTE_INSIDE, flaw);
        if (*end == '\r' && end[1] != '\n') return fail_at(text, end, NX_CSV_RETURN, flaw);
    }
    return end - at > NX_CSV_LONGEST_CELL ? fail_at(text, at, NX_CSV_LONG_CELL, flaw) : end;
}

const char *nx_csv_find_cell(const nx_csv_text *text, const char *at, nx_csv_cell *ret, nx_csv_flaw *flaw) {
    const char *end = nx_csv_skip_cell(text, at, flaw);
    if (!end) return NULL;
    nx_csv_cell cell = {.begin = at, .end = end, .is_quoted = *at == '"'};
    cell.begin += cell.is_quoted;
    cell.end -= cell.is_quoted;
    while (cell.begin < cell.end && (*cell.begin == ' ' || *cell.begin == '\t')) cell.begin++;
    while (cell.begin < cell.end && (cell.end[-1] == ' ' || cell.end[-1] == '\t')) cell.end--;
    *ret = cell;
    return end;
}

/* -------------------------------------------------------------------------------------------------------- values -- */

static bool is_word(const nx_csv_cell *cell, const char *word) {
    size_t n = strlen(word);
    return (size_t)(cell->end - cell->begin) == n && !memcmp(cell->begin, word, n);
}

const char *nx_csv_read_cell(const nx_csv_text *text, const char *at, nx_csv_value *ret, nx_csv_flaw *flaw) {
    const char *end = nx_decimal_scan(at, &ret->number);
    ret->kind = NX_CSV_NUMBER;
    if (end && nx_csv_is_cell_end(text, end) && end - at <= NX_CSV_LONGEST_CELL) return end;
    nx_csv_cell *cell = &ret->cell;
    end = nx_csv_find_cell(text, at, cell, flaw);
    if (!end) return NULL;
    if (cell->begin == cell->end) ret->kind = NX_CSV_EMPTY;
    else if (nx_decimal_scan(cell->begin, &ret->number) == cell->end) ret->kind = NX_CSV_NUMBER;
    else if (is_word(cell, "True") || is_word(cell, "true")) ret->kind = NX_CSV_TRUE;
    else if (is_word(cell, "False") || is_word(cell, "false")) ret->kind = NX_CSV_FALSE;
    else ret->kind = NX_CSV_TEXT;
    return end;
}

/* ------------------------------------------------------------------------------------------------------- storing -- */

/* The low `size` bytes of an integer. */
static void put(uint64_t bits, size_t size, void *to) {
    uint8_t b8 = (uint8_t)bits;
    uint16_t b16 = (uint16_t)bits;
    uint32_t b32 = (uint32_t)bits;
    switch (size) {
    case 1: memcpy(to, &b8, 1); break;
    case 2: memcpy(to, &b16, 2); break;
    case 4: memcpy(to, &b32, 4); break;
    default: memcpy(to, &bits, 8); break;
    }
}

static bool store_bool(const nx_csv_value *value, void *to) {
    bool is_bit = value->kind == NX_CSV_NUMBER && value->number.is_integer && !value->number.kind &&
                  value->number.digits <= 1 && !value->number.is_cut && !value->number.is_negative;
    put(value->kind == NX_CSV_NUMBER ? value->number.digits : value->kind == NX_CSV_TRUE, 1, to);
    return is_bit || value->kind == NX_CSV_TRUE || value->kind == NX_CSV_FALSE;
}

static bool store_integer(const nx_csv_value *value, bool is_signed, size_t size, void *to) {
    if (value->kind != NX_CSV_NUMBER) return false;
    uint64_t u = 0;
    int64_t i = 0, most = INT64_MAX >> (64 - 8 * size);
    if (is_signed ? !nx_decimal_to_int64(&value->number, &i) || i > most || i < -most - 1
                  : !nx_decimal_to_uint64(&value->number, &u) || u > UINT64_MAX >> (64 - 8 * size)) return false;
    put(is_signed ? (uint64_t)i : u, size, to);
    return true;
}

static bool store_real(const nx_csv_value *value, nexpr_dtype dtype, size_t size, bool has_words, void *to) {
    nx_decimal number = {.digits = value->kind == NX_CSV_TRUE};
    switch (value->kind) {
    case NX_CSV_NUMBER: put(nx_decimal_to_float(&value->number, dtype), size, to); return true;
    case NX_CSV_EMPTY: number.kind = NX_DECIMAL_NAN; break;
    case NX_CSV_TEXT: return false;
    default:
        if (!has_words) return false;
    }
    put(nx_decimal_to_float(&number, dtype), size, to);
    return true;
}

/* "1+2j", "2j" or "1", with or without parentheses. */
static bool scan_complex(const nx_csv_cell *cell, nx_decimal part[2]) {
    const char *at = cell->begin, *end = cell->end;
    if (*at == '(' && end[-1] == ')') at++, end--;
    part[0] = part[1] = (nx_decimal){0};
    at = nx_decimal_scan(at, &part[0]);
    if (!at || at == end) return at == end;
    if (*at == 'j' || *at == 'J') {
        part[1] = part[0];
        part[0] = (nx_decimal){0};
    } else {
        if (*at != '+' && *at != '-') return false;
        at = nx_decimal_scan(at, &part[1]);
    }
    return at && (*at == 'j' || *at == 'J') && at + 1 == end;
}

static bool store_complex(const nx_csv_value *value, size_t size, void *to) {
    nx_decimal part[2] = {value->number, {0}};
    if (value->kind == NX_CSV_EMPTY) part[0] = (nx_decimal){.kind = NX_DECIMAL_NAN};
    else if (value->kind == NX_CSV_TEXT ? !scan_complex(&value->cell, part) : value->kind != NX_CSV_NUMBER) return false;
    nexpr_dtype of_part = size == sizeof(float) ? NEXPR_FLOAT32 : NEXPR_FLOAT64;
    put(nx_decimal_to_float(&part[0], of_part), size, to);
    put(nx_decimal_to_float(&part[1], of_part), size, (char *)to + size);
    return true;
}

#define STORE_BOOL(ctype) store_bool(value, to)
#define STORE_INT(ctype) store_integer(value, (ctype)-1 < (ctype)1, sizeof(ctype), to)
#define STORE_REAL(ctype) store_real(value, dtype, sizeof(ctype), has_words, to)
#define STORE_COMPLEX(ctype) store_complex(value, sizeof(ctype), to)

bool nx_csv_store(const nx_csv_value *value, nexpr_dtype dtype, bool has_words, void *to) {
    switch (dtype) {
#define X(id, suffix, name, class, ctype) \
    case NEXPR_##id: return STORE_##class(ctype);
        NEXPR_DTYPE_MAP(X)
#undef X
    default: return false;
    }
}
