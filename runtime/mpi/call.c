/* SPDX-License-Identifier: MIT */
/* Errors, and how ranks agree on them: see call.h. */
#include "runtime/mpi/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNKNOWN = -1 };

/* --------------------------------------------------------------------------------------------------------- errors -- */

static void write_error(nexpr_error *err, nexpr_status status, const char *format, va_list args) {
    err->status = status;
    err->operand = -1;
    err->begin = err->end = 0;
    vsnprintf(err->message, sizeof err->message, format, args);
}

nexpr_status nx_mpi_fail(nexpr_error *err, nexpr_status status, const char *format, ...) {
    if (!err) return status;
    va_list args;
    va_start(args, format);
    write_error(err, status, format, args);
    va_end(args);
    return status;
}

void nx_call_raise(nx_call *c, nexpr_status status, const char *format, ...) {
    if (c->error.status) return;
    va_list args;
    va_start(args, format);
    write_error(&c->error, status, format, args);
    va_end(args);
}

/* Notes in the object that MPI has failed on this rank. */
static void note_failure(nx_call *c, int code, const char *what) {
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0, class = MPI_ERR_OTHER;
    if (MPI_Error_string(code, text, &length)) snprintf(text, sizeof text, "error %d", code);
    MPI_Error_class(code, &class);
    if (c->mpi->broken.status) return;
    const nexpr_status status = class == MPI_ERR_NO_MEM ? NEXPR_MEMORY : NEXPR_COMMUNICATION;
    nx_mpi_fail(&c->mpi->broken, status, "%s: %s failed: %.300s", c->name, what, text);
    if (c->mpi->lost) c->mpi->lost(c->mpi->lost_user, &c->mpi->broken);
}

void nx_call_check(nx_call *c, int code, const char *what) {
    if (code == MPI_SUCCESS) return;
    note_failure(c, code, what);
    if (!c->error.status) c->error = c->mpi->broken;
}

/* ------------------------------------------------------------------------------------------------------ agreement -- */

void nx_call_hash(nx_call *c, const void *data, size_t bytes) { /* FNV-1a */
    for (const unsigned char *p = data, *end = p + bytes; p < end; p++) c->hash = (c->hash ^ *p) * 0x100000001b3u;
}

/* MPI itself can only be asked by a rank whose thread may do so. */
static const char *find_obstacle(const nexpr_mpi *mpi) {
    int is_finalized = 1, is_main = 1;
    if (!mpi) return "the nexpr_mpi object is NULL";
    if (MPI_Finalized(&is_finalized) || is_finalized) return "MPI_Finalize was called";
    if (mpi->main_thread_only && (MPI_Is_thread_main(&is_main) || !is_main)) {
        return "with MPI_THREAD_FUNNELED only the thread that initialised MPI may call this";
    }
    return NULL;
}

nexpr_status nx_call_begin(nx_call *c, nexpr_mpi *mpi, const char *name, nexpr_error *err) {
    const char *obstacle = find_obstacle(mpi);
    if (obstacle) return nx_mpi_fail(err, NEXPR_ARGUMENT, "%s: %s", name, obstacle);
    *c = (nx_call){.mpi = mpi, .name = name, .err = err, .error = nexpr_error_init(), .hash = 0xcbf29ce484222325u};
    if (mpi->broken.status) c->error = mpi->broken;
    nx_call_hash(c, name, strlen(name));
    return NEXPR_OK;
}

static nx_record make_record(const nx_call *c) {
    nx_record r = {.rank = INT32_MAX, .hash = c->hash, .not_hash = ~c->hash};
    const nexpr_error *e = c->error.status ? &c->error : &c->mpi->broken;
    if (!e->status) return r;
    r.rank = c->mpi->rank;
    r.status = e->status;
    r.operand = e->operand;
    r.begin = e->begin;
    r.end = e->end;
    memcpy(r.message, e->message, sizeof r.message);
    return r;
}

/* Cuts at the beginning of a UTF-8 character. */
static void trim(char *message, size_t capacity) {
    size_t n = strlen(message);
    if (n + 1 < capacity) return;
    while (n && ((unsigned char)message[n - 1] & 0xC0) == 0x80) n--;
    if (n && (unsigned char)message[n - 1] >= 0xC0) n--;
    message[n] = 0;
}

static void take_record(nx_call *c, const nx_record *r) {
    c->error.status = (nexpr_status)r->status;
    c->error.operand = r->operand;
    c->error.begin = (size_t)r->begin;
    c->error.end = (size_t)r->end;
    char *message = c->error.message;
    const size_t capacity = sizeof c->error.message;
    const int used = c->mpi->ranks > 1 ? snprintf(message, capacity, "rank %d: ", (int)r->rank) : 0;
    snprintf(message + used, capacity - (size_t)used, "%.*s", (int)sizeof r->message - 1, r->message);
    trim(message, capacity);
}

static void hand_to_caller(const nx_call *c) {
    if (!c->error.status || !c->err) return;
    size_t size = c->err->size && c->err->size < sizeof c->error ? c->err->size : sizeof c->error;
    memcpy((char *)c->err + sizeof size, (const char *)&c->error + sizeof size, size - sizeof size);
}

bool nx_call_goes_on(nx_call *c) {
    nx_record mine = make_record(c), all = {.rank = UNKNOWN};
    int code = MPI_Allreduce(&mine, &all, 1, c->mpi->record_type, c->mpi->record_op, c->mpi->comm);
    if (code != MPI_SUCCESS) note_failure(c, code, "MPI_Allreduce");
    if (all.rank == INT32_MAX && all.hash == c->hash && all.not_hash == ~c->hash) return true;
    if (all.rank == UNKNOWN) {
        c->error = c->mpi->broken;
    } else if (all.rank != INT32_MAX) {
        take_record(c, &all);
    } else {
        nx_call_raise(c, NEXPR_ARGUMENT, "the ranks have called different functions of nexpr_mpi.h, or one of them with "
                      "different arguments");
    }
    hand_to_caller(c);
    return false;
}

nexpr_status nx_call_agree(nx_call *c) {
    return nx_call_goes_on(c) ? NEXPR_OK : c->error.status;
}

/* --------------------------------------------------------------------------------------------------------- memory -- */

char *nx_call_allocate(nx_call *c, int64_t bytes, const char *what, nx_memory *ret) {
    *ret = (nx_memory){NULL, 0};
    if (!nx_call_is_ok(c)) return NULL;
    *ret = (nx_memory){nx_buffer_take(c->mpi->buffers, (size_t)bytes, 0), (size_t)bytes};
    if (!ret->base) nx_call_raise(c, NEXPR_MEMORY, "%s: out of memory: %lld bytes for %s", c->name, (long long)bytes, what);
    return ret->base;
}

bool nx_memory_holds(const nx_memory *memory, int64_t bytes) {
    return memory->base && (size_t)bytes <= memory->bytes;
}

void nx_memory_free(nx_memory *memory) {
    nx_buffer_give(memory->base);
    *memory = (nx_memory){NULL, 0};
}

/* --------------------------------------------------------------------------------------------------------- pieces -- */

void nx_call_bcast(nx_call *c, void *data, int64_t bytes, int root) {
    for (int64_t at = 0, n; at < bytes; at += n) {
        n = c->mpi->piece < bytes - at ? c->mpi->piece : bytes - at;
        nx_call_check(c, MPI_Bcast((char *)data + at, (int)n, MPI_BYTE, root, c->mpi->comm), "MPI_Bcast");
    }
}
