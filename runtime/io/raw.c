/* SPDX-License-Identifier: MIT */
/* The row of raw files: nothing but elements; what they are is declared by whoever opens the file. */
#include "runtime/io/format.h"

#include <stdlib.h>

static nexpr_status bad_options(const nx_reader *r, const char *what, nexpr_error *err) {
    return nx_io_fail(err, NEXPR_ARGUMENT, r->input.stream.path, "the declaration of the raw file %s", what);
}

/* Passes over what stands before the data. */
static nexpr_status skip(nx_reader *r, int64_t bytes, nexpr_error *err) {
    char piece[4096];
    if (r->input.is_random) {
        r->input.position = bytes;
        return NEXPR_OK;
    }
    for (size_t count = 0; bytes; bytes -= (int64_t)count) {
        size_t n = bytes < (int64_t)sizeof piece ? (size_t)bytes : sizeof piece;
        NX_IO_TRY(nx_input_read(&r->input, piece, n, &count, err));
        if (count < n) return nx_io_fail(err, NEXPR_FORMAT, r->input.stream.path, "shorter than the offset of its data");
    }
    return NEXPR_OK;
}

/* The dimension of size -1, from the size of the file; `known` is the bytes of one index of it. */
static nexpr_status find_open_dimension(nx_reader *r, int64_t *size, int64_t known, int64_t offset, nexpr_error *err) {
    int64_t actual = r->input.size - offset;
    if (actual < 0) return nx_io_fail(err, NEXPR_FORMAT, r->input.stream.path, "shorter than the offset of its data");
    if (!known || actual % known) {
        return nx_io_fail(err, NEXPR_FORMAT, r->input.stream.path,
                          "the file has %lld bytes of data, which is no multiple of the %lld bytes of an item of the open "
                          "dimension", (long long)actual, (long long)known);
    }
    *size = actual / known;
    return NEXPR_OK;
}

/* Shape and sizes of the group; every product is checked. */
static nexpr_status measure(nx_reader *r, const nexpr_file_options *o, nexpr_error *err) {
    nx_group *g = &r->groups[0];
    int open_dimension = -1;
    int64_t known = g->item_size;
    g->ndim = o->shape ? o->ndim : 1;
    g->count = 1;
    for (int i = 0; i < g->ndim; i++) {
        g->shape[i] = o->shape ? o->shape[i] : -1;
        if (g->shape[i] < -1) return bad_options(r, "has a negative dimension", err);
        if (g->shape[i] == -1 && open_dimension >= 0) return bad_options(r, "leaves two dimensions open", err);
        if (g->shape[i] == -1) open_dimension = i;
        else if (__builtin_mul_overflow(known, g->shape[i] ? g->shape[i] : 1, &known) ||
                 __builtin_mul_overflow(g->count, g->shape[i], &g->count)) {
            return bad_options(r, "has more than 2^63 bytes", err);
        }
    }
    if (open_dimension < 0) return NEXPR_OK;
    NX_IO_TRY(nx_input_set_aside(&r->input, o->max_memory, o->temporary_directory, err));
    if (!g->count) known = 0;
    NX_IO_TRY(find_open_dimension(r, &g->shape[open_dimension], known, o->offset, err));
    g->count *= g->shape[open_dimension];
    return NEXPR_OK;
}

static nexpr_status open_raw(nx_reader *r, const nexpr_file_options *o, nexpr_error *err) {
    r->groups = calloc(1, sizeof *r->groups);
    r->members = calloc(1, sizeof *r->members);
    r->state = calloc(1, 8);
    if (!r->groups || !r->members || !r->state) return nx_io_fail_memory(err, r->input.stream.path);
    if (!nexpr_dtype_size(o->dtype)) return bad_options(r, "has no valid dtype", err);
    if (o->ndim < 0 || o->ndim > NEXPR_MAX_NDIM) return bad_options(r, "has no valid number of dimensions", err);
    if (o->offset < 0) return bad_options(r, "has a negative offset", err);
    nx_group *g = &r->groups[0];
    *g = (nx_group){.member_count = 1, .fortran_order = o->fortran_order, .item_size = (int64_t)nexpr_dtype_size(o->dtype)};
    NX_IO_TRY(measure(r, o, err));
    g->is_random = r->input.is_random;
    g->offset = o->offset;
    g->stored_bytes = g->count * g->item_size;
    nexpr_byte_order order = g->item_size > 1 ? o->byte_order : NEXPR_NATIVE;
    nx_format_spell(o->dtype, order, r->state);
    r->members[0] = (nx_member){.type = r->state, .usable = true, .dtype = o->dtype, .byte_order = order};
    r->group_count = r->member_count = 1;
    if (g->is_random && r->input.size - o->offset != g->stored_bytes) {
        return nx_reader_wrong_size(r, 0, r->input.size < o->offset ? 0 : r->input.size - o->offset, err);
    }
    return skip(r, o->offset, err);
}

static void close_raw(nx_reader *r) {
    free(r->state);
}

static nexpr_status plan_raw(nx_writer *w, nexpr_error *err) {
    NX_IO_TRY(nx_format_refuse_several(w, err));
    nx_out_member *m = &w->members[0];
    m->offset = 0;
    w->bytes = m->count * m->item_size;
    return NEXPR_OK;
}

const nx_format nx_format_raw = {
    .id = NEXPR_FILE_RAW,
    .order_is_lost = true,
    .open = open_raw,
    .read = nx_reader_read_pipe,
    .close = close_raw,
    .plan = plan_raw,
};
