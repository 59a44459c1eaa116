/* SPDX-License-Identifier: MIT */
/* Messages with rows: see rows.h. */
#include "runtime/mpi/rows.h"

#include <string.h>

enum { TAG = 1 };

/* Rows [begin, end) that go to another rank, or come from it. `rows` is where they lie packed or in place. */
typedef struct nx_message {
    int rank, want;
    int64_t begin, end;
    char *rows;
} message;

/* ------------------------------------------------------------------------------------------------------ the messages -- */

static const nx_want *want_of(const nx_rows *r, int rank, int want) {
    return &r->wants[rank * NX_WANTS + want];
}

/* What `from` has of what `to` wants. */
static nx_want meet(const nx_rows *r, int from, int to, int want) {
    const int64_t *first = r->array->layout.first;
    nx_want w = *want_of(r, to, want);
    if (w.begin < first[from]) w.begin = first[from];
    if (w.end > first[from + 1]) w.end = first[from + 1];
    return w;
}

/* Notes a message; with no list it is only counted. */
static void note(nx_rows *r, int from, int to, int want) {
    const nx_want w = meet(r, from, to, want);
    if (w.begin >= w.end || from == to) return;
    const int64_t bytes = r->outer * (w.end - w.begin) * r->inner;
    r->request_capacity += (int)((bytes + r->mpi->piece - 1) / r->mpi->piece);
    if (r->messages) {
        r->messages[r->message_count] = (message){.rank = from == r->mpi->rank ? to : from, .want = want, .begin = w.begin,
                                                  .end = w.end};
    }
    r->message_count++;
}

static void note_all(nx_rows *r) {
    const int me = r->mpi->rank;
    r->message_count = r->request_capacity = 0;
    for (int k = 0; k < r->mpi->ranks; k++) {
        for (int want = 0; want < NX_WANTS; want++) note(r, me, k, want);
    }
    r->send_count = r->message_count;
    for (int k = 0; k < r->mpi->ranks; k++) {
        for (int want = 0; want < NX_WANTS; want++) note(r, k, me, want);
    }
}

static int64_t bytes_of(const nx_rows *r, const message *m) {
    return r->outer * (m->end - m->begin) * r->inner;
}

/* The first row that lies in the array's memory. */
static int64_t origin_of(const nx_rows *r) {
    return nx_layout_begin(&r->array->layout, r->mpi->rank) - r->array->before;
}

static bool is_packed(const nx_rows *r) {
    return r->outer > 1;
}

/* Gives every message its place: in the slab, among the rows wanted, or in the buffer. */
static void place_messages(nx_call *c, nx_rows *r) {
    int64_t packed = 0;
    for (int i = 0; i < r->message_count; i++) packed += bytes_of(r, &r->messages[i]);
    if (is_packed(r)) r->packed = nx_call_allocate(c, packed, "rows to send and receive", &r->packed_memory);
    if (!nx_call_is_ok(c)) return;
    char *at = r->packed;
    for (int i = 0; i < r->message_count; i++) {
        message *m = &r->messages[i];
        if (is_packed(r)) m->rows = at;
        else if (i < r->send_count) m->rows = r->array->data + (m->begin - origin_of(r)) * r->inner;
        else m->rows = r->data[m->want] + (m->begin - want_of(r, r->mpi->rank, m->want)->begin) * r->inner;
        if (at) at += bytes_of(r, m);
    }
}

void nx_rows_prepare(nx_call *c, const nexpr_mpi_array *array, const nx_want *wants, nx_rows *ret) {
    const nx_layout *l = &array->layout;
    nx_rows *r = ret;
    *r = (nx_rows){.mpi = c->mpi, .array = array, .wants = wants, .outer = nx_layout_outer(l), .inner = nx_layout_inner(l)};
    if (!nx_call_is_ok(c)) return;
    for (int want = 0; want < NX_WANTS; want++) {
        const nx_want *w = want_of(r, c->mpi->rank, want);
        r->data[want] = nx_call_allocate(c, r->outer * (w->end - w->begin) * r->inner, "rows of other ranks",
                                         &r->data_memory[want]);
    }
    note_all(r);
    const int64_t n = r->request_capacity;
    message *messages = (message *)nx_call_allocate(c, r->message_count * (int64_t)sizeof *messages, "messages",
                                                    &r->list_memory);
    r->requests = (MPI_Request *)nx_call_allocate(c, n * (int64_t)sizeof *r->requests, "requests", &r->request_memory);
    r->statuses = (MPI_Status *)nx_call_allocate(c, n * (int64_t)sizeof *r->statuses, "statuses", &r->status_memory);
    if (!nx_call_is_ok(c)) return;
    r->messages = messages;
    note_all(r);
    place_messages(c, r);
}

void nx_rows_free(nx_rows *r) {
    if (!r->mpi) return;
    nx_memory_free(&r->list_memory);
    nx_memory_free(&r->request_memory);
    nx_memory_free(&r->status_memory);
    nx_memory_free(&r->packed_memory);
    for (int want = 0; want < NX_WANTS; want++) nx_memory_free(&r->data_memory[want]);
}

/* ---------------------------------------------------------------------------------------------------------- moving -- */

/* Copies rows between two blocks of them, in which they lie from certain rows on. */
static void copy_rows(const nx_rows *r, int64_t count, const char *from, int64_t from_rows, int64_t from_row, char *to,
                      int64_t to_rows, int64_t to_row) {
    for (int64_t o = 0; o < r->outer && count > 0; o++) {
        memcpy(to + (o * to_rows + to_row) * r->inner, from + (o * from_rows + from_row) * r->inner,
               (size_t)(count * r->inner));
    }
}

static int64_t rows_in_memory(const nx_rows *r) {
    const nexpr_mpi_array *a = r->array;
    return a->before + nx_layout_count(&a->layout, r->mpi->rank) + a->after;
}

static void pack(const nx_rows *r, const message *m) {
    const int64_t count = m->end - m->begin;
    copy_rows(r, count, r->array->data, rows_in_memory(r), m->begin - origin_of(r), m->rows, count, 0);
}

static void unpack(const nx_rows *r, const message *m) {
    const nx_want *w = want_of(r, r->mpi->rank, m->want);
    copy_rows(r, m->end - m->begin, m->rows, m->end - m->begin, 0, r->data[m->want], w->end - w->begin, m->begin - w->begin);
}

/* What the rank wants of its own rows. */
static void copy_own(const nx_rows *r) {
    const int me = r->mpi->rank;
    for (int want = 0; want < NX_WANTS; want++) {
        const nx_want *w = want_of(r, me, want), own = meet(r, me, me, want);
        copy_rows(r, own.end - own.begin, r->array->data, rows_in_memory(r), own.begin - origin_of(r), r->data[want],
                  w->end - w->begin, own.begin - w->begin);
    }
}

static void post(nx_call *c, nx_rows *r, const message *m, bool is_send) {
    const int64_t bytes = bytes_of(r, m);
    MPI_Comm comm = c->mpi->comm;
    for (int64_t at = 0, n; at < bytes; at += n) {
        MPI_Request *request = &r->requests[r->request_count++];
        n = c->mpi->piece < bytes - at ? c->mpi->piece : bytes - at;
        *request = MPI_REQUEST_NULL;
        if (is_send) nx_call_check(c, MPI_Isend(m->rows + at, (int)n, MPI_BYTE, m->rank, TAG, comm, request), "MPI_Isend");
        else nx_call_check(c, MPI_Irecv(m->rows + at, (int)n, MPI_BYTE, m->rank, TAG, comm, request), "MPI_Irecv");
    }
}

void nx_rows_begin(nx_call *c, nx_rows *r) {
    r->request_count = 0;
    r->is_under_way = true;
    r->is_done = false;
    for (int i = r->send_count; i < r->message_count; i++) post(c, r, &r->messages[i], false);
    for (int i = 0; i < r->send_count; i++) {
        if (is_packed(r)) pack(r, &r->messages[i]);
        post(c, r, &r->messages[i], true);
    }
    copy_own(r);
}

bool nx_rows_test(nx_call *c, nx_rows *r) {
    int is_done = 1;
    if (!r->is_under_way || r->is_done) return true;
    nx_call_check(c, MPI_Testall(r->request_count, r->requests, &is_done, r->statuses), "MPI_Testall");
    r->is_done = is_done;
    return is_done;
}

/* Waits for all, also if some have failed: those are MPI_REQUEST_NULL then, or are waited for one by one. */
static void wait_for_all(nx_call *c, nx_rows *r) {
    int code = r->is_done ? MPI_SUCCESS : MPI_Waitall(r->request_count, r->requests, r->statuses);
    nx_call_check(c, code, "MPI_Waitall");
    for (int i = 0; code != MPI_SUCCESS && i < r->request_count; i++) {
        if (r->requests[i] != MPI_REQUEST_NULL) MPI_Wait(&r->requests[i], MPI_STATUS_IGNORE);
    }
    r->is_under_way = false;
}

void nx_rows_end(nx_call *c, nx_rows *r) {
    if (!r->is_under_way) return;
    wait_for_all(c, r);
    for (int i = r->send_count; is_packed(r) && i < r->message_count; i++) unpack(r, &r->messages[i]);
}
