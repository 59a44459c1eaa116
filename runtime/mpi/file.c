/* SPDX-License-Identifier: MIT */
/*
 * Files: every rank reads and writes its own slab with the system's calls, through libnexpr-io, and MPI only agrees on the
 * outcome. MPI-IO is not used: Open MPI 4.1 reports success for writes to a full disk.
 */
#include "runtime/mpi/array.h"

#include <string.h>

/* ------------------------------------------------------------------------------------------------------- reading -- */

typedef struct reading {
    nexpr_file *file;
    nexpr_member member;
    int index;
} reading;

static void open_member(nx_call *c, const char *path, const char *name, const nexpr_file_options *options, reading *r) {
    nexpr_file_info info = nexpr_file_info_init();
    if (!path) nx_call_raise(c, NEXPR_ARGUMENT, "%s: path is NULL", c->name);
    if (!nx_call_is_ok(c)) return;
    if (!strcmp(path, "-")) {
        nx_call_raise(c, NEXPR_ARGUMENT, "%s: standard input cannot be read by all ranks; give a file", c->name);
        return;
    }
    if (nexpr_file_open(path, options, &r->file, &c->error)) return;
    nexpr_file_describe(r->file, &info);
    if (info.bytes < 0) {
        nx_call_raise(c, NEXPR_ARGUMENT, "%.200s: a pipe cannot be read by all ranks; give a file", path);
    } else if (!name && nexpr_file_member_count(r->file) != 1) {
        nx_call_raise(c, NEXPR_ARGUMENT, "%.200s: the file has %d arrays; give the name of one", path,
                      nexpr_file_member_count(r->file));
    }
    if (nx_call_is_ok(c) && name) nexpr_file_find(r->file, name, &r->index, &c->error);
    r->member = nexpr_member_init();
    if (nx_call_is_ok(c)) nexpr_file_member(r->file, r->index, &r->member);
    if (nx_call_is_ok(c) && !r->member.usable) {
        int64_t nothing[NEXPR_MAX_NDIM] = {0}; /* says why it is not */
        nexpr_file_read(r->file, r->index, nothing, nothing, nothing, &c->error);
    }
}

/* With rows around the slab, as far as there are any. */
static void read_slab(nx_call *c, const reading *r, int64_t before, int64_t after, nexpr_mpi_array *a) {
    const nx_layout *l = &a->layout;
    int64_t first[NEXPR_MAX_NDIM] = {0}, count[NEXPR_MAX_NDIM], begin, end;
    if (!nx_call_is_ok(c)) return;
    a->width[0] = before;
    a->width[1] = after;
    nx_array_rows(a, c->mpi->rank, &begin, &end);
    if (l->first) first[l->axis] = begin;
    nx_array_place(c, a, nx_layout_begin(l, c->mpi->rank) - begin, end - nx_layout_end(l, c->mpi->rank), NULL);
    if (!nx_call_is_ok(c)) return;
    memcpy(count, a->wide_shape, sizeof count);
    nexpr_file_read(r->file, r->index, first, count, a->data, &c->error);
}

nexpr_status nexpr_mpi_array_from_file(nexpr_mpi *mpi, const char *path, const char *member,
                                       const nexpr_file_options *options, const nexpr_mpi_layout *layout, int64_t before,
                                       int64_t after, nexpr_mpi_array **ret_array, nexpr_error *err) {
    nx_call c;
    nexpr_status status = nx_call_begin(&c, mpi, "nexpr_mpi_array_from_file", err);
    if (status) return status;
    reading r = {.index = 0};
    NX_CALL_HASH(&c, before);
    NX_CALL_HASH(&c, after);
    if (!ret_array) nx_call_raise(&c, NEXPR_ARGUMENT, "%s: ret_array is NULL", c.name);
    if (before < 0 || after < 0) nx_call_raise(&c, NEXPR_ARGUMENT, "%s: the widths must not be negative", c.name);
    nexpr_mpi_array *a = nx_array_new(&c);
    open_member(&c, path, member, options, &r);
    if (nx_call_is_ok(&c)) {
        nx_layout_describe(&c, r.member.dtype, r.member.ndim, r.member.shape, &a->layout);
        nx_layout_distribute(&c, layout, &a->layout);
        read_slab(&c, &r, before, after, a);
    }
    nexpr_file_free(&r.file);
    return nx_array_finish(&c, a, ret_array);
}

/* ------------------------------------------------------------------------------------------------------- writing -- */

/* Rank 0 makes the temporary; the others find it by its number. */
static void begin_file(nx_call *c, const char *path, const nexpr_output_options *options, const nexpr_array *whole,
                       nexpr_output **output, uint64_t *number) {
    if (!path) nx_call_raise(c, NEXPR_ARGUMENT, "%s: path is NULL", c->name);
    if (!nx_call_is_ok(c) || c->mpi->rank) return;
    if (nexpr_output_new(path, options, output, &c->error)) return;
    if (nexpr_output_share(*output, number, &c->error)) return;
    nexpr_output_declare(*output, NULL, &whole, 1, &c->error);
}

static void put_slab(nx_call *c, const nexpr_mpi_array *a, nexpr_output *output) {
    const nx_layout *l = &a->layout;
    const int64_t outer = nx_layout_outer(l), inner = nx_layout_inner(l), count = nx_layout_count(l, c->mpi->rank);
    const int64_t rows = a->before + count + a->after, n = l->first ? l->shape[l->axis] : 1;
    const int64_t begin = nx_layout_begin(l, c->mpi->rank);
    if (!l->first && c->mpi->rank) return; /* all have the same: rank 0 writes it */
    for (int64_t o = 0; l->bytes && nx_call_is_ok(c) && o < outer; o++) {
        const char *data = a->data + (o * rows + a->before) * inner;
        nexpr_output_put(output, 0, (o * n + begin) * inner / l->item, count * inner / l->item, data, &c->error);
    }
}

static void write_slab(nx_call *c, const nexpr_mpi_array *a, const char *path, const nexpr_output_options *options,
                       const nexpr_array *whole, uint64_t number, nexpr_output **output) {
    if (!nx_call_is_ok(c)) return;
    if (!*output && nexpr_output_join(path, number, options, output, &c->error)) return;
    if (c->mpi->rank && nexpr_output_declare(*output, NULL, &whole, 1, &c->error)) return;
    put_slab(c, a, *output);
    if (nx_call_is_ok(c)) nexpr_output_complete(*output, &c->error);
}

nexpr_status nexpr_mpi_array_write(const nexpr_mpi_array *array, const char *path, const nexpr_output_options *options,
                                   nexpr_error *err) {
    nx_call c;
    nexpr_status status = nx_call_begin(&c, array ? array->mpi : NULL, "nexpr_mpi_array_write", err);
    if (status) return status;
    nexpr_output *output = NULL;
    uint64_t number = 0;
    nexpr_array whole = nexpr_array_init();
    whole.dtype = array->layout.dtype;
    whole.ndim = array->layout.ndim;
    whole.shape = array->layout.shape;
    nx_layout_hash(&c, &array->layout);
    begin_file(&c, path, options, &whole, &output, &number);
    bool goes_on = nx_call_goes_on(&c);
    if (goes_on) {
        nx_call_bcast(&c, &number, sizeof number, 0);
        write_slab(&c, array, path, options, &whole, number, &output);
        goes_on = nx_call_goes_on(&c);
    }
    if (goes_on) {
        if (!c.mpi->rank) nexpr_output_commit(output, &c.error);
        goes_on = nx_call_goes_on(&c);
    }
    nexpr_output_free(&output);
    return goes_on ? NEXPR_OK : c.error.status;
}
