/* SPDX-License-Identifier: MIT */
/*
 * Rows of other ranks. Who needs which rows of whom follows from the map, so both sides of a message know of it: a rank with
 * rows needs [begin - before, begin) and [end, end + after), as far as they exist, and every rank that has some of these
 * sends them. Rows are sent from the slab and received in place; where there are axes in front of the one that is split, a
 * row is not contiguous and goes through a buffer.
 *
 * A message is found by its order: both sides list the ranks and pieces in the same way, and MPI keeps the order of messages
 * between two ranks.
 */
#include "runtime/mpi/array.h"

#include <string.h>

enum { TAG = 1, SIDES = 2 };

/* Rows [begin, end) that go to another rank, or come from it. `rows` is where they lie packed or in place. */
typedef struct message {
    int rank, side; /* before (0) or behind (1) the slab of the receiver */
    int64_t begin, end;
    char *rows;
} message;

struct nexpr_mpi_halo {
    nexpr_mpi *mpi;
    const nexpr_mpi_array *array;
    nx_call call; /* that calls of MPI from begin to end belong to; what goes wrong in them, the end agrees on */
    int64_t outer, inner, width[SIDES], first[SIDES], count[SIDES]; /* rows wanted; rows that there are */
    message *messages;
    int send_count, message_count; /* those that are sent come first */
    MPI_Request *requests;
    MPI_Status *statuses; /* that nobody looks at: MPICH's declarations make gcc complain of MPI_STATUSES_IGNORE */
    int request_count, request_capacity;
    char *rows[SIDES], *packed;
    int64_t shape[SIDES][NEXPR_MAX_NDIM];
    bool is_under_way, is_done;
    nx_memory own_memory, list_memory, request_memory, status_memory, row_memory[SIDES], packed_memory;
};

/* ------------------------------------------------------------------------------------------------------ the messages -- */

/* The rows that a rank needs on a side. */
static void needed(const nexpr_mpi_halo *h, int rank, int side, int64_t *ret_begin, int64_t *ret_end) {
    const nx_layout *l = &h->array->layout;
    const int64_t n = l->shape[l->axis], begin = l->first[rank], end = l->first[rank + 1];
    *ret_begin = side ? end : begin < h->width[0] ? 0 : begin - h->width[0];
    *ret_end = !side ? begin : n - end < h->width[1] ? n : end + h->width[1];
    if (begin == end) *ret_end = *ret_begin;
}

/* Notes what `from` has of what `to` needs; with no list it is only counted. */
static void note(nexpr_mpi_halo *h, int from, int to, int side) {
    int64_t begin, end;
    const int64_t *first = h->array->layout.first;
    needed(h, to, side, &begin, &end);
    if (begin < first[from]) begin = first[from];
    if (end > first[from + 1]) end = first[from + 1];
    if (begin >= end || from == to) return;
    const int64_t bytes = h->outer * (end - begin) * h->inner;
    h->request_capacity += (int)((bytes + h->mpi->piece - 1) / h->mpi->piece);
    if (h->messages) {
        h->messages[h->message_count] = (message){.rank = from == h->mpi->rank ? to : from, .side = side, .begin = begin,
                                                  .end = end};
    }
    h->message_count++;
}

static void note_all(nexpr_mpi_halo *h) {
    h->message_count = h->request_capacity = 0;
    for (int r = 0; r < h->mpi->ranks; r++) {
        for (int side = 0; side < SIDES; side++) note(h, h->mpi->rank, r, side);
    }
    h->send_count = h->message_count;
    for (int r = 0; r < h->mpi->ranks; r++) {
        for (int side = 0; side < SIDES; side++) note(h, r, h->mpi->rank, side);
    }
}

static int64_t bytes_of(const nexpr_mpi_halo *h, const message *m) {
    return h->outer * (m->end - m->begin) * h->inner;
}

/* Gives every message its place: in the slab, in the halo's rows, or in the buffer. */
static void place_messages(nx_call *c, nexpr_mpi_halo *h) {
    const nexpr_mpi_array *a = h->array;
    const int64_t origin = nx_layout_begin(&a->layout, h->mpi->rank) - a->before;
    int64_t packed = 0;
    for (int i = 0; i < h->message_count; i++) packed += bytes_of(h, &h->messages[i]);
    if (h->outer > 1) h->packed = nx_call_allocate(c, packed, "rows to send and receive", &h->packed_memory);
    if (!nx_call_is_ok(c)) return;
    char *at = h->packed;
    for (int i = 0; i < h->message_count; i++) {
        message *m = &h->messages[i];
        if (h->outer > 1) m->rows = at;
        else if (i < h->send_count) m->rows = a->data + (m->begin - origin) * h->inner;
        else m->rows = h->rows[m->side] + (m->begin - h->first[m->side]) * h->inner;
        if (at) at += bytes_of(h, m);
    }
}

static void prepare(nx_call *c, nexpr_mpi_halo *h) {
    const nx_layout *l = &h->array->layout;
    h->outer = nx_layout_outer(l);
    h->inner = nx_layout_inner(l);
    for (int side = 0; side < SIDES; side++) {
        int64_t end;
        needed(h, h->mpi->rank, side, &h->first[side], &end);
        h->count[side] = end - h->first[side];
        memcpy(h->shape[side], l->shape, sizeof h->shape[side]);
        h->shape[side][l->axis] = h->count[side];
        h->rows[side] = nx_call_allocate(c, h->outer * h->count[side] * h->inner, "a halo", &h->row_memory[side]);
    }
    note_all(h);
    const int64_t list = h->message_count * (int64_t)sizeof *h->messages;
    const int64_t requests = h->request_capacity * (int64_t)sizeof *h->requests;
    message *messages = (message *)nx_call_allocate(c, list, "messages", &h->list_memory);
    const int64_t statuses = h->request_capacity * (int64_t)sizeof *h->statuses;
    h->requests = (MPI_Request *)nx_call_allocate(c, requests, "requests", &h->request_memory);
    h->statuses = (MPI_Status *)nx_call_allocate(c, statuses, "statuses", &h->status_memory);
    if (!nx_call_is_ok(c)) return;
    h->messages = messages;
    note_all(h);
    place_messages(c, h);
}

/* --------------------------------------------------------------------------------------------------------- begin -- */

/* Copies a message's rows between packed memory and a block of rows in which they lie from `row` on. */
static void copy_rows(const nexpr_mpi_halo *h, const message *m, char *block, int64_t block_rows, int64_t row, bool pack) {
    const int64_t bytes = (m->end - m->begin) * h->inner;
    for (int64_t o = 0; o < h->outer; o++) {
        char *rows = block + (o * block_rows + row) * h->inner, *packed = m->rows + o * bytes;
        memcpy(pack ? packed : rows, pack ? rows : packed, (size_t)bytes);
    }
}

static void pack(const nexpr_mpi_halo *h, const message *m) {
    const nexpr_mpi_array *a = h->array;
    const nx_layout *l = &a->layout;
    const int64_t origin = nx_layout_begin(l, h->mpi->rank) - a->before;
    copy_rows(h, m, a->data, a->wide_shape[l->axis], m->begin - origin, true);
}

static void post(nexpr_mpi_halo *h, const message *m, bool is_send) {
    const int64_t bytes = bytes_of(h, m);
    MPI_Comm comm = h->mpi->comm;
    for (int64_t at = 0, n; at < bytes; at += n) {
        MPI_Request *request = &h->requests[h->request_count++];
        n = h->mpi->piece < bytes - at ? h->mpi->piece : bytes - at;
        *request = MPI_REQUEST_NULL;
        if (is_send) {
            nx_call_check(&h->call, MPI_Isend(m->rows + at, (int)n, MPI_BYTE, m->rank, TAG, comm, request), "MPI_Isend");
        } else {
            nx_call_check(&h->call, MPI_Irecv(m->rows + at, (int)n, MPI_BYTE, m->rank, TAG, comm, request), "MPI_Irecv");
        }
    }
}

nexpr_status nexpr_mpi_halo_begin(nexpr_mpi_halo *halo, nexpr_error *err) {
    nexpr_mpi_halo *h = halo;
    nx_call c;
    nexpr_status status = nx_call_begin(&c, h ? h->mpi : NULL, "nexpr_mpi_halo_begin", err);
    if (status) return status;
    if (h->is_under_way) return nx_mpi_fail(err, NEXPR_ARGUMENT, "%s: it has begun already", c.name);
    c.err = NULL;
    h->call = c;
    h->request_count = 0;
    h->is_under_way = true;
    h->is_done = false;
    for (int i = h->send_count; i < h->message_count; i++) post(h, &h->messages[i], false);
    for (int i = 0; i < h->send_count; i++) {
        if (h->outer > 1) pack(h, &h->messages[i]);
        post(h, &h->messages[i], true);
    }
    return NEXPR_OK;
}

/* ---------------------------------------------------------------------------------------------------- test and end -- */

bool nexpr_mpi_halo_test(nexpr_mpi_halo *halo) {
    nexpr_mpi_halo *h = halo;
    int is_done = 1;
    if (!h || !h->is_under_way || h->is_done) return true;
    nx_call_check(&h->call, MPI_Testall(h->request_count, h->requests, &is_done, h->statuses), "MPI_Testall");
    h->is_done = is_done;
    return is_done;
}

/* Waits for all, also if some have failed: those are MPI_REQUEST_NULL then, or are waited for one by one. */
static void wait_for_all(nexpr_mpi_halo *h) {
    int code = h->is_done ? MPI_SUCCESS : MPI_Waitall(h->request_count, h->requests, h->statuses);
    nx_call_check(&h->call, code, "MPI_Waitall");
    for (int i = 0; code != MPI_SUCCESS && i < h->request_count; i++) {
        if (h->requests[i] != MPI_REQUEST_NULL) MPI_Wait(&h->requests[i], MPI_STATUS_IGNORE);
    }
    h->is_under_way = false;
}

static void unpack(const nexpr_mpi_halo *h, const message *m) {
    copy_rows(h, m, h->rows[m->side], h->count[m->side], m->begin - h->first[m->side], false);
}

nexpr_status nexpr_mpi_halo_end(nexpr_mpi_halo *halo, nexpr_error *err) {
    nexpr_mpi_halo *h = halo;
    nx_call c;
    nexpr_status status = nx_call_begin(&c, h ? h->mpi : NULL, "nexpr_mpi_halo_end", err);
    if (status) return status;
    if (h->is_under_way) {
        wait_for_all(h);
        for (int i = h->send_count; h->outer > 1 && i < h->message_count; i++) unpack(h, &h->messages[i]);
    } else {
        nx_call_raise(&c, NEXPR_ARGUMENT, "%s: it has not begun", c.name);
    }
    return nx_call_agree(&c);
}

/* ---------------------------------------------------------------------------------------------------- life and views -- */

nexpr_status nexpr_mpi_halo_new(const nexpr_mpi_array *array, int64_t before, int64_t after, nexpr_mpi_halo **ret_halo,
                                nexpr_error *err) {
    nx_call c;
    nexpr_status status = nx_call_begin(&c, array ? array->mpi : NULL, "nexpr_mpi_halo_new", err);
    if (status) return status;
    nx_memory memory;
    nexpr_mpi_halo *h = (nexpr_mpi_halo *)nx_call_allocate(&c, sizeof *h, "a halo", &memory);
    NX_CALL_HASH(&c, before);
    NX_CALL_HASH(&c, after);
    nx_layout_hash(&c, &array->layout);
    if (!ret_halo) nx_call_raise(&c, NEXPR_ARGUMENT, "%s: ret_halo is NULL", c.name);
    if (before < 0 || after < 0) nx_call_raise(&c, NEXPR_ARGUMENT, "%s: the widths must not be negative", c.name);
    if (!array->layout.first) nx_call_raise(&c, NEXPR_ARGUMENT, "%s: a replicated array has no halos", c.name);
    if (h) {
        memset(h, 0, sizeof *h);
        h->own_memory = memory;
        h->mpi = array->mpi;
        h->array = array;
        h->width[0] = before;
        h->width[1] = after;
        if (nx_call_is_ok(&c)) prepare(&c, h);
    }
    status = nx_call_agree(&c);
    if (status) nexpr_mpi_halo_free(&h);
    else *ret_halo = h;
    return status;
}

nexpr_status nexpr_mpi_halo_rows(const nexpr_mpi_halo *halo, nexpr_array *ret_before, nexpr_array *ret_after) {
    nexpr_array *const to[SIDES] = {ret_before, ret_after};
    if (!halo) return NEXPR_ARGUMENT;
    for (int side = 0; side < SIDES; side++) {
        if (!to[side]) continue;
        *to[side] = (nexpr_array){.size = to[side]->size, .data = halo->rows[side], .dtype = halo->array->layout.dtype,
                                  .ndim = halo->array->layout.ndim, .shape = halo->shape[side]};
    }
    return NEXPR_OK;
}

void nexpr_mpi_halo_free(nexpr_mpi_halo **halo) {
    nexpr_mpi_halo *h = halo ? *halo : NULL;
    if (!h) return;
    const nexpr_mpi *mpi = h->mpi;
    if (h->is_under_way) wait_for_all(h);
    nx_mpi_release(mpi, &h->list_memory);
    nx_mpi_release(mpi, &h->request_memory);
    nx_mpi_release(mpi, &h->status_memory);
    nx_mpi_release(mpi, &h->packed_memory);
    for (int side = 0; side < SIDES; side++) nx_mpi_release(mpi, &h->row_memory[side]);
    nx_memory own = h->own_memory;
    nx_mpi_release(mpi, &own);
    *halo = NULL;
}
