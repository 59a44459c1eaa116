/* SPDX-License-Identifier: MIT */
/* What readers of different formats have in common. */
#include "runtime/io/format.h"

#include <stdlib.h>

enum { PIECE = 1 << 20 };

const char *nx_reader_label(const nx_reader *r, int group) {
    return r->groups[group].label ? r->groups[group].label : r->input.stream.path;
}

nexpr_status nx_reader_wrong_size(const nx_reader *r, int group, int64_t actual, nexpr_error *err) {
    const nx_group *g = &r->groups[group];
    int64_t expected = g->count * g->item_size;
    return nx_io_fail(err, NEXPR_FORMAT, nx_reader_label(r, group), "%s: expected %lld bytes of data, the file has %s%lld",
                      actual < expected ? "truncated" : "something behind the data", (long long)expected,
                      !g->is_random && actual > expected ? "at least " : "", (long long)actual);
}

nexpr_status nx_reader_refuse_again(const nx_reader *r, int group, nexpr_error *err) {
    return nx_io_fail(err, NEXPR_IO, nx_reader_label(r, group), "this is a pipe and has been read already");
}

nexpr_status nx_reader_read_pipe(nx_reader *r, int group, int64_t first, int64_t count, void *const *data,
                                 nexpr_error *err) {
    nx_group *g = &r->groups[group];
    if (first != g->next) return nx_reader_refuse_again(r, group, err);
    size_t bytes = (size_t)(count * g->item_size), done, extra = 0;
    NX_IO_TRY(nx_input_read(&r->input, data[0], bytes, &done, err));
    g->next += count;
    if (done == bytes && g->next == g->count) {
        char one;
        NX_IO_TRY(nx_input_read(&r->input, &one, 1, &extra, err));
        g->next = g->count + 1; /* nothing more, not even of an empty group */
    }
    if (done == bytes && !extra) return NEXPR_OK;
    return nx_reader_wrong_size(r, group, first * g->item_size + (int64_t)(done + extra), err);
}

nexpr_status nx_reader_read_random(nx_reader *r, int group, int64_t offset, void *data, size_t bytes, nexpr_error *err) {
    const nx_group *g = &r->groups[group];
    size_t count;
    NX_IO_TRY(nx_input_read_at(&r->input, data, bytes, g->offset + offset, &count, err));
    if (count < bytes) return nx_reader_wrong_size(r, group, offset + (int64_t)count, err);
    return r->format->check ? r->format->check(r, group, offset, data, bytes, err) : NEXPR_OK;
}

nexpr_status nx_reader_check_all(nx_reader *r, int group, nexpr_error *err) {
    const nx_group *g = &r->groups[group];
    char *buffer = malloc(PIECE);
    if (!buffer) return nx_io_fail_memory(err, nx_reader_label(r, group));
    nexpr_status status = NEXPR_OK;
    const int64_t bytes = g->count * g->item_size;
    for (int64_t at = 0; !status && at < bytes; at += PIECE) {
        const size_t n = bytes - at < PIECE ? (size_t)(bytes - at) : PIECE;
        status = nx_reader_read_random(r, group, at, buffer, n, err);
    }
    free(buffer);
    return status;
}
