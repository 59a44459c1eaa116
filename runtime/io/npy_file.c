/* SPDX-License-Identifier: MIT */
/* The .npy format's row: one group behind a header; written byte for byte as numpy.save does. */
#include "runtime/io/npy.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------------- reading -- */

static nexpr_status truncated(const char *label, size_t expected, size_t actual, nexpr_error *err) {
    return nx_io_fail(err, NEXPR_FORMAT, label, "truncated header: expected %zu bytes, the file has %zu", expected, actual);
}

static nexpr_status read_prefix(const char *label, nx_npy_source *source, void *user, nx_npy_prefix *ret, nexpr_error *err) {
    unsigned char bytes[NX_NPY_LONG_PREFIX];
    size_t count, more = 0;
    NX_IO_TRY(source(user, bytes, NX_NPY_SHORT_PREFIX, &count, err));
    if (!count) return nx_io_fail(err, NEXPR_FORMAT, label, "the file is empty");
    NX_IO_TRY(nx_npy_parse_prefix(label, bytes, count, ret, err));
    if (ret->size) return NEXPR_OK;
    NX_IO_TRY(source(user, bytes + count, NX_NPY_LONG_PREFIX - count, &more, err));
    if (count + more < NX_NPY_LONG_PREFIX) return truncated(label, NX_NPY_LONG_PREFIX, count + more, err);
    return nx_npy_parse_prefix(label, bytes, NX_NPY_LONG_PREFIX, ret, err);
}

nexpr_status nx_npy_read_header(const char *label, nx_npy_source *source, void *user, nx_npy_header *ret, size_t *ret_bytes,
                                nexpr_error *err) {
    nx_npy_prefix prefix = {0};
    NX_IO_TRY(read_prefix(label, source, user, &prefix, err));
    unsigned char *text = malloc(prefix.header_length + 1);
    if (!text) return nx_io_fail_memory(err, label);
    size_t count;
    nexpr_status status = source(user, text, prefix.header_length, &count, err);
    if (!status && count < prefix.header_length) {
        status = truncated(label, prefix.size + prefix.header_length, prefix.size + count, err);
    }
    if (!status) status = nx_npy_parse_header(label, prefix.version, text, count, ret, err);
    free(text);
    *ret_bytes = prefix.size + prefix.header_length;
    return status;
}

void nx_npy_describe(const nx_npy_header *h, nx_reader *r, int group) {
    nx_group *g = &r->groups[group];
    g->first_member = r->member_count;
    g->member_count = h->member_count;
    g->ndim = h->ndim;
    memcpy(g->shape, h->shape, sizeof g->shape);
    g->fortran_order = h->fortran_order;
    g->count = h->count;
    g->item_size = h->item_size;
    for (int i = 0; i < h->member_count; i++) {
        r->members[r->member_count] = h->members[i];
        r->members[r->member_count++].group = group;
    }
}

static nexpr_status read_input(void *user, void *data, size_t bytes, size_t *ret_count, nexpr_error *err) {
    return nx_input_read(user, data, bytes, ret_count, err);
}

static nexpr_status open_npy(nx_reader *r, const nexpr_file_options *options, nexpr_error *err) {
    (void)options;
    const char *path = r->input.stream.path;
    nx_npy_header *h = r->state = calloc(1, sizeof *h);
    r->groups = calloc(1, sizeof *r->groups);
    if (!h || !r->groups) return nx_io_fail_memory(err, path);
    size_t bytes = 0;
    nexpr_status status = nx_npy_read_header(path, read_input, &r->input, h, &bytes, err);
    if (status == NEXPR_TYPE && err) err->status = NEXPR_FORMAT; /* there is nothing else in the file */
    if (status) return status == NEXPR_TYPE ? NEXPR_FORMAT : status;
    r->members = calloc((size_t)h->member_count + 1, sizeof *r->members);
    if (!r->members) return nx_io_fail_memory(err, path);
    r->group_count = 1;
    nx_npy_describe(h, r, 0);
    nx_group *g = &r->groups[0];
    g->is_random = r->input.is_random;
    g->offset = (int64_t)bytes;
    g->stored_bytes = h->data_bytes;
    int64_t actual = r->input.size - g->offset;
    return g->is_random && actual != h->data_bytes ? nx_reader_wrong_size(r, 0, actual, err) : NEXPR_OK;
}

static void close_npy(nx_reader *r) {
    if (r->state) nx_npy_header_free(r->state);
    free(r->state);
}

static bool is_npy(const unsigned char *head, size_t count) {
    return count >= 6 && !memcmp(head, "\x93NUMPY", 6);
}

/* ------------------------------------------------------------------------------------------------------- writing -- */

static size_t format_header(const nx_out_member *m, char header[NX_NPY_WRITTEN_MAX]) {
    return nx_npy_format(m->dtype, m->byte_order, m->fortran_order, m->ndim, m->shape, header);
}

static nexpr_status plan_npy(nx_writer *w, nexpr_error *err) {
    char header[NX_NPY_WRITTEN_MAX];
    NX_IO_TRY(nx_format_refuse_several(w, err));
    nx_out_member *m = &w->members[0];
    m->offset = (int64_t)format_header(m, header);
    w->bytes = m->offset + m->count * m->item_size;
    return NEXPR_OK;
}

static nexpr_status begin_npy(nx_writer *w, nexpr_error *err) {
    char header[NX_NPY_WRITTEN_MAX];
    return nx_out_write(w, header, format_header(&w->members[0], header), err);
}

const nx_format nx_format_npy = {
    .id = NEXPR_FILE_NPY,
    .member_kind = "field",
    .recognises = is_npy,
    .open = open_npy,
    .read = nx_reader_read_pipe,
    .close = close_npy,
    .plan = plan_npy,
    .begin = begin_npy,
};
