/* SPDX-License-Identifier: MIT */
/*
 * Tables that are written: a line of names, then lines of cells. Numbers never need quotes; names do if they have a
 * separator, a quote, a line end or blanks around, or are empty. Lines end with a line feed.
 */
#include "runtime/io/csv.h"

#include <stdlib.h>
#include <string.h>

enum { BUFFER = 256 << 10 };

typedef struct table {
    char separator;
    size_t used;
    char text[BUFFER];
} table;

static nexpr_status flush(nx_writer *w, nexpr_error *err) {
    table *t = w->state;
    size_t used = t->used;
    t->used = 0;
    return used ? nx_out_write(w, t->text, used, err) : NEXPR_OK;
}

static nexpr_status put(nx_writer *w, const char *text, size_t n, nexpr_error *err) {
    table *t = w->state;
    while (n) {
        if (t->used == BUFFER) NX_IO_TRY(flush(w, err));
        size_t part = n < BUFFER - t->used ? n : BUFFER - t->used;
        memcpy(t->text + t->used, text, part);
        t->used += part;
        text += part;
        n -= part;
    }
    return NEXPR_OK;
}

static int compare_names(const void *x, const void *y) {
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static nexpr_status check_names(const nx_writer *w, nexpr_error *err) {
    const char **names = calloc((unsigned)w->member_count, sizeof *names);
    if (!names) return nx_io_fail_memory(err, w->stream.path);
    nexpr_status status = NEXPR_OK;
    for (int i = 0; i < w->member_count; i++) names[i] = w->members[i].name;
    qsort(names, (size_t)w->member_count, sizeof *names, compare_names);
    for (int i = 1; i < w->member_count && !status; i++) {
        if (strcmp(names[i - 1], names[i])) continue;
        status = nx_io_fail(err, NEXPR_ARGUMENT, w->stream.path, "two columns would be named '%.80s'", names[i]);
    }
    free(names);
    return status;
}

nexpr_status nx_csv_plan(nx_writer *w, nexpr_error *err) {
    if (w->member_count < 1) return nx_io_fail(err, NEXPR_ARGUMENT, w->stream.path, "a table needs a column at least");
    for (int i = 0; i < w->member_count; i++) {
        const nx_out_member *m = &w->members[i], *first = &w->members[0];
        if (m->ndim > 1) {
            return nx_io_fail(err, NEXPR_ARGUMENT, w->stream.path, "a table takes results of one dimension, '%.80s' has %d; "
                              "write it to a .npy file, or all of them to an .npz file", m->name, m->ndim);
        }
        if (m->count != first->count) {
            return nx_io_fail(err, NEXPR_ARGUMENT, w->stream.path, "the columns of a table have one length, but '%.80s' has "
                              "%lld and '%.80s' %lld; write them to an .npz file", first->name, (long long)first->count,
                              m->name, (long long)m->count);
        }
    }
    w->bytes = -1;
    return check_names(w, err);
}

/* ------------------------------------------------------------------------------------------------------- writing -- */

static bool needs_quotes(const char *name, char separator) {
    const char marks[] = {separator, '"', '\n', '\r', 0};
    size_t n = strlen(name);
    if (!n || strcspn(name, marks) < n) return true;
    return *name == ' ' || *name == '\t' || name[n - 1] == ' ' || name[n - 1] == '\t';
}

static nexpr_status put_name(nx_writer *w, const char *name, nexpr_error *err) {
    const table *t = w->state;
    if (!needs_quotes(name, t->separator)) return put(w, name, strlen(name), err);
    NX_IO_TRY(put(w, "\"", 1, err));
    for (const char *quote; (quote = strchr(name, '"')); name = quote + 1) {
        NX_IO_TRY(put(w, name, (size_t)(quote - name), err));
        NX_IO_TRY(put(w, "\"\"", 2, err));
    }
    NX_IO_TRY(put(w, name, strlen(name), err));
    return put(w, "\"", 1, err);
}

nexpr_status nx_csv_begin(nx_writer *w, nexpr_error *err) {
    table *t = w->state = malloc(sizeof *t);
    if (!t) return nx_io_fail_memory(err, w->stream.path);
    t->separator = w->format->id == NEXPR_FILE_TSV ? '\t' : ',';
    t->used = 0;
    for (int i = 0; i < w->member_count; i++) {
        if (i) NX_IO_TRY(put(w, &t->separator, 1, err));
        NX_IO_TRY(put_name(w, w->members[i].name, err));
    }
    return put(w, "\n", 1, err);
}

nexpr_status nx_csv_write(nx_writer *w, int64_t first, int64_t count, const void *const *data, nexpr_error *err) {
    (void)first;
    table *t = w->state;
    for (int64_t row = 0; row < count; row++) {
        for (int i = 0; i < w->member_count; i++) {
            const nx_out_member *m = &w->members[i];
            if (BUFFER - t->used < NX_DECIMAL_TEXT_MAX + 1) NX_IO_TRY(flush(w, err));
            t->used += nx_decimal_write(m->dtype, (const char *)data[i] + row * m->item_size, t->text + t->used);
            t->text[t->used++] = i + 1 < w->member_count ? t->separator : '\n';
        }
    }
    return NEXPR_OK;
}

nexpr_status nx_csv_finish(nx_writer *w, nexpr_error *err) {
    return flush(w, err);
}

void nx_csv_drop(nx_writer *w) {
    free(w->state);
    w->state = NULL;
}
