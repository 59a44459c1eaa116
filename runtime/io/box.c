/* SPDX-License-Identifier: MIT */
/*
 * Parts of members. The stretches of a file that a part consists of are read where they lie: in place if the file is in C
 * order and holds nothing else, through a buffer otherwise. What has been loaded, or has to be, is copied from memory.
 */
#include "runtime/io/job.h"

#include <stdlib.h>
#include <string.h>

enum { BUFFER = 1 << 20 };

typedef struct part {
    nx_reader *reader;
    const nx_member *member;
    const nx_group *group;
    const nx_box *box;
    int64_t size, step[NEXPR_MAX_NDIM]; /* of an element; elements of `data` from index to index of an axis */
    char *data, *buffer;
} part;

/* Puts records that follow one another in the file to their places; the first is number `from` of the part, by file. */
static void place(const part *p, int64_t from, int64_t count, const char *record) {
    const nx_group *g = p->group;
    int64_t index[NEXPR_MAX_NDIM], to = 0;
    for (int i = 0; i < g->ndim; i++) {
        int k = g->fortran_order ? i : g->ndim - 1 - i;
        index[k] = from % p->box->count[k];
        from /= p->box->count[k];
        to += index[k] * p->step[k];
    }
    for (; count; count--, record += g->item_size) {
        memcpy(p->data + to * p->size, record + p->member->offset, (size_t)p->size);
        for (int i = 0; i < g->ndim; i++) {
            int k = g->fortran_order ? i : g->ndim - 1 - i;
            to += p->step[k];
            if (++index[k] < p->box->count[k]) break;
            to -= p->step[k] * index[k];
            index[k] = 0;
        }
    }
}

static nexpr_status read_stretch(void *user, int64_t at, int64_t from, int64_t count, nexpr_error *err) {
    const part *p = user;
    const int64_t item = p->group->item_size, piece = p->buffer ? BUFFER / item + !(BUFFER / item) : count;
    for (int64_t done = 0, n; done < count; done += n) {
        n = piece < count - done ? piece : count - done;
        char *to = p->buffer ? p->buffer : p->data + from * p->size;
        NX_IO_TRY(nx_reader_read_random(p->reader, p->member->group, (at + done) * item, to, (size_t)(n * item), err));
        if (p->buffer) place(p, from + done, n, p->buffer);
    }
    return NEXPR_OK;
}

static nexpr_status read_file(nexpr_file *file, part *p, nexpr_error *err) {
    const nx_group *g = p->group;
    const char *label = nx_reader_label(p->reader, p->member->group);
    NX_IO_TRY(nx_file_check_once(file, p->member->group, err));
    if ((g->fortran_order && g->ndim > 1) || g->item_size != p->size) {
        p->buffer = malloc(g->item_size > BUFFER ? (size_t)g->item_size : BUFFER);
        if (!p->buffer) return nx_io_fail_memory(err, label);
    }
    nexpr_status status = nx_for_stretches(g->ndim, g->shape, g->fortran_order, p->box, read_stretch, p, err);
    if (!status) status = nx_input_check_size(&p->reader->input, err);
    free(p->buffer);
    return status;
}

static nexpr_status copy_loaded(nexpr_file *file, int index, const part *p, int64_t elements, nexpr_error *err) {
    nexpr_array a = nexpr_array_init();
    int64_t strides[NEXPR_MAX_NDIM], at[NEXPR_MAX_NDIM] = {0};
    NX_IO_TRY(nexpr_file_load(file, index, &a, err));
    nx_group_strides(p->group, p->size, strides);
    if (a.strides) memcpy(strides, a.strides, sizeof *strides * (size_t)a.ndim);
    const char *from = a.data;
    for (int i = 0; i < a.ndim; i++) from += p->box->first[i] * strides[i];
    for (int64_t k = 0; k < elements; k++) {
        memcpy(p->data + k * p->size, from, (size_t)p->size);
        for (int i = a.ndim - 1; i >= 0; i--) {
            from += strides[i];
            if (++at[i] < p->box->count[i]) break;
            from -= strides[i] * at[i];
            at[i] = 0;
        }
    }
    return NEXPR_OK;
}

/* Number of elements of the part; -1 if it is not within the member. */
static int64_t measure(part *p) {
    int64_t elements = 1;
    for (int i = p->group->ndim - 1; i >= 0; i--) {
        const int64_t first = p->box->first[i], count = p->box->count[i], n = p->group->shape[i];
        if (first < 0 || count < 0 || first > n || count > n - first) return -1;
        p->step[i] = elements;
        elements *= count;
    }
    return elements;
}

nexpr_status nexpr_file_read(nexpr_file *file, int index, const int64_t *first, const int64_t *count, void *data,
                             nexpr_error *err) {
    NX_IO_TRY(nx_file_check_usable(file, index, err));
    nx_reader *r = nx_file_reader(file);
    nx_box box;
    const nx_member *m = &r->members[index];
    part p = {.reader = r, .member = m, .group = &r->groups[m->group], .box = &box, .data = data};
    memcpy(box.first, first, (size_t)p.group->ndim * sizeof *first);
    memcpy(box.count, count, (size_t)p.group->ndim * sizeof *count);
    p.size = (int64_t)nexpr_dtype_size(m->dtype);
    const int64_t elements = measure(&p);
    if (elements < 0) {
        return nx_io_fail(err, NEXPR_ARGUMENT, nx_reader_label(r, m->group), "the part to be read is not within the array");
    }
    bool is_in_file = p.group->is_random && !nx_file_is_loaded(file, m->group);
    if (elements) NX_IO_TRY(is_in_file ? read_file(file, &p, err) : copy_loaded(file, index, &p, elements, err));
    const bool is_complex = m->dtype == NEXPR_COMPLEX64 || m->dtype == NEXPR_COMPLEX128;
    const int64_t unit = p.size / (is_complex ? 2 : 1);
    if (m->byte_order != NEXPR_NATIVE && unit > 1) nx_io_swap_bytes(data, elements * p.size, unit);
    char *bytes = data;
    for (int64_t i = 0; m->dtype == NEXPR_BOOL && i < elements; i++) bytes[i] = bytes[i] != 0;
    return NEXPR_OK;
}
