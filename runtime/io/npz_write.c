/* SPDX-License-Identifier: MIT */
/*
 * Writing .npz files, and the format's row. Members are stored, so that every byte of the file has its place before the
 * first one is known, and results can be written side by side. Only the checksums come at the end, into places that wait for
 * them. The larger fields of zip64 are written where 32 bits do not suffice. Dates are those of the format's beginning:
 * equal arrays give equal files.
 */
#include "runtime/io/npz.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    LOCAL_HEADER = 30,
    CRC_IN_LOCAL_HEADER = 14,
    LARGE_LOCAL_EXTRA = 20,
    CENTRAL_HEADER = 46,
    LARGEST_CENTRAL_EXTRA = 28,
    END_RECORDS = 56 + 20 + 22,
    LONGEST_NAME = 1000,
    VERSION = 20,
    LARGE_VERSION = 45,
    UTF8_NAME = 1 << 11,
    FIRST_DATE = 0x21, /* 1980-01-01 */
    PIECE = 1 << 20,
};

#define LARGEST UINT32_C(0xFFFFFFFF)

typedef struct entry {
    char *name; /* with .npy */
    int64_t at; /* of the local header */
    int64_t bytes; /* of the .npy file in it */
    size_t header_bytes;
    bool is_large;
    uint32_t crc;  /* of the header and of the first `seen` bytes of data */
    int64_t seen;  /* -1: bytes did not come in order, so they have to be read again */
} entry;

typedef struct archive {
    entry *entries;
    int64_t directory, directory_bytes;
} archive;

/* Bytes that grow a record field by field, little endian. */
typedef struct record {
    unsigned char bytes[LOCAL_HEADER + LONGEST_NAME + CENTRAL_HEADER + LARGEST_CENTRAL_EXTRA + END_RECORDS];
    size_t count;
} record;

static void put(record *r, int bytes, uint64_t value) {
    for (; bytes; bytes--, value >>= 8) r->bytes[r->count++] = (unsigned char)value;
}

static void put_text(record *r, const char *text) {
    size_t n = strlen(text);
    memcpy(r->bytes + r->count, text, n);
    r->count += n;
}

/* ---------------------------------------------------------------------------------------------------------- plan -- */

static nexpr_status refuse_name(const nx_writer *w, const char *name, const char *why, nexpr_error *err) {
    return nx_io_fail(err, NEXPR_ARGUMENT, w->stream.path, "a member cannot have the name '%.80s': %s", name, why);
}

static nexpr_status check_names(const nx_writer *w, nexpr_error *err) {
    for (int i = 0; i < w->member_count; i++) {
        const char *name = w->members[i].name;
        if (!nx_npz_is_safe_name(name)) return refuse_name(w, name, "names are relative paths of printable UTF-8", err);
        if (strlen(name) > LONGEST_NAME) return refuse_name(w, name, "it is too long", err);
        for (int k = 0; k < i; k++) {
            if (!strcmp(w->members[k].name, name)) return refuse_name(w, name, "another member has it", err);
        }
    }
    return NEXPR_OK;
}

static nexpr_status plan_entry(nx_writer *w, entry *e, nx_out_member *m, int64_t at, nexpr_error *err) {
    char header[NX_NPY_WRITTEN_MAX];
    size_t n = strlen(m->name) + sizeof ".npy";
    e->name = malloc(n);
    if (!e->name) return nx_io_fail_memory(err, w->stream.path);
    memcpy(e->name, m->name, n - sizeof ".npy");
    memcpy(e->name + n - sizeof ".npy", ".npy", sizeof ".npy");
    e->at = at;
    e->header_bytes = nx_npy_format(m->dtype, m->byte_order, m->fortran_order, m->ndim, m->shape, header);
    e->crc = (uint32_t)crc32(0, (const unsigned char *)header, (uInt)e->header_bytes);
    e->bytes = (int64_t)e->header_bytes + m->count * m->item_size;
    e->is_large = e->bytes >= LARGEST;
    m->offset = at + LOCAL_HEADER + (int64_t)(n - 1) + (e->is_large ? LARGE_LOCAL_EXTRA : 0) + (int64_t)e->header_bytes;
    return NEXPR_OK;
}

/* The sizes if they are large, and the place. */
static int central_extra(const entry *e) {
    return e->is_large ? 4 + 24 : e->at >= LARGEST ? 4 + 8 : 0;
}

static bool needs_large_end(const nx_writer *w, const archive *z) {
    return z->directory + z->directory_bytes >= LARGEST || w->member_count >= 0xFFFF;
}

static nexpr_status plan_npz(nx_writer *w, nexpr_error *err) {
    NX_IO_TRY(check_names(w, err));
    archive *z = w->state = calloc(1, sizeof *z);
    if (z) z->entries = calloc((size_t)w->member_count + 1, sizeof *z->entries);
    if (!z || !z->entries) return nx_io_fail_memory(err, w->stream.path);
    for (int i = 0; i < w->member_count; i++) {
        nx_out_member *m = &w->members[i];
        NX_IO_TRY(plan_entry(w, &z->entries[i], m, z->directory, err));
        if (__builtin_add_overflow(m->offset, m->count * m->item_size, &z->directory)) {
            return nx_io_fail(err, NEXPR_ARGUMENT, w->stream.path, "the file would have more than 2^63 bytes");
        }
        z->directory_bytes += CENTRAL_HEADER + (int64_t)strlen(z->entries[i].name) + central_extra(&z->entries[i]);
    }
    w->bytes = z->directory + z->directory_bytes + (needs_large_end(w, z) ? END_RECORDS : 22);
    return NEXPR_OK;
}

static void drop_npz(nx_writer *w) {
    archive *z = w->state;
    for (int i = 0; z && z->entries && i < w->member_count; i++) free(z->entries[i].name);
    if (z) free(z->entries);
    free(z);
    w->state = NULL;
}

/* -------------------------------------------------------------------------------------------------------- records -- */

static uint16_t name_flags(const char *name) {
    for (; *name; name++) {
        if ((unsigned char)*name >= 0x80) return UTF8_NAME;
    }
    return 0;
}

/* What local and central headers share: from the needed version to the length of the name. */
static void put_common(record *r, const entry *e, bool is_large) {
    put(r, 2, is_large ? LARGE_VERSION : VERSION);
    put(r, 2, name_flags(e->name));
    put(r, 2, 0); /* stored */
    put(r, 2, 0);
    put(r, 2, FIRST_DATE);
    put(r, 4, e->crc);
    for (int i = 0; i < 2; i++) put(r, 4, e->is_large ? LARGEST : (uint64_t)e->bytes);
    put(r, 2, strlen(e->name));
}

static void put_local(record *r, const entry *e) {
    put(r, 4, 0x04034B50);
    put_common(r, e, e->is_large);
    put(r, 2, e->is_large ? LARGE_LOCAL_EXTRA : 0);
    put_text(r, e->name);
    if (!e->is_large) return;
    put(r, 2, 1);
    put(r, 2, LARGE_LOCAL_EXTRA - 4);
    for (int i = 0; i < 2; i++) put(r, 8, (uint64_t)e->bytes);
}

static void put_central(record *r, const entry *e) {
    int extra = central_extra(e);
    put(r, 4, 0x02014B50);
    put(r, 2, 3 << 8 | LARGE_VERSION); /* made on Unix */
    put_common(r, e, extra > 0);
    put(r, 2, (uint64_t)extra);
    put(r, 6, 0); /* comment, disk, kind of content */
    put(r, 4, UINT32_C(0644) << 16);
    put(r, 4, extra ? LARGEST : (uint64_t)e->at);
    put_text(r, e->name);
    if (!extra) return;
    put(r, 2, 1);
    put(r, 2, (uint64_t)extra - 4);
    for (int i = 0; i < (e->is_large ? 2 : 0); i++) put(r, 8, (uint64_t)e->bytes);
    put(r, 8, (uint64_t)e->at);
}

static void put_end(record *r, const nx_writer *w, const archive *z) {
    uint64_t count = (uint64_t)w->member_count, at = (uint64_t)z->directory, bytes = (uint64_t)z->directory_bytes;
    bool is_large = needs_large_end(w, z);
    if (is_large) {
        put(r, 4, 0x06064B50);
        put(r, 8, 56 - 12);
        put(r, 2, LARGE_VERSION);
        put(r, 2, LARGE_VERSION);
        put(r, 8, 0); /* disks */
        put(r, 8, count);
        put(r, 8, count);
        put(r, 8, bytes);
        put(r, 8, at);
        put(r, 4, 0x07064B50);
        put(r, 4, 0);
        put(r, 8, at + bytes);
        put(r, 4, 1);
    }
    put(r, 4, 0x06054B50);
    put(r, 4, 0); /* disks */
    put(r, 2, is_large ? 0xFFFF : count);
    put(r, 2, is_large ? 0xFFFF : count);
    put(r, 4, is_large ? LARGEST : bytes);
    put(r, 4, is_large ? LARGEST : at);
    put(r, 2, 0);
}

/* -------------------------------------------------------------------------------------------------------- writing -- */

static nexpr_status begin_npz(nx_writer *w, nexpr_error *err) {
    archive *z = w->state;
    char header[NX_NPY_WRITTEN_MAX];
    for (int i = 0; i < w->member_count; i++) {
        const nx_out_member *m = &w->members[i];
        entry *e = &z->entries[i];
        record r = {.count = 0};
        put_local(&r, e);
        NX_IO_TRY(nx_out_write_at(w, r.bytes, r.count, e->at, err));
        size_t n = nx_npy_format(m->dtype, m->byte_order, m->fortran_order, m->ndim, m->shape, header);
        NX_IO_TRY(nx_out_write_at(w, header, n, m->offset - (int64_t)n, err));
    }
    return NEXPR_OK;
}

static void wrote_npz(nx_writer *w, int member, int64_t offset, const void *data, size_t bytes) {
    entry *e = &((archive *)w->state)->entries[member];
    if (offset != e->seen) {
        e->seen = -1;
        return;
    }
    e->crc = (uint32_t)crc32_z(e->crc, data, bytes);
    e->seen += (int64_t)bytes;
}

/* The checksum of an entry whose bytes were not written in order. */
static nexpr_status read_again(nx_writer *w, entry *e, const nx_out_member *m, nexpr_error *err) {
    unsigned char *piece = malloc(PIECE);
    if (!piece) return nx_io_fail_memory(err, w->stream.path);
    nexpr_status status = NEXPR_OK;
    e->crc = 0;
    for (int64_t done = 0; !status && done < e->bytes;) {
        size_t n = e->bytes - done < PIECE ? (size_t)(e->bytes - done) : PIECE, count = 0;
        status = nx_io_read(&w->stream, piece, n, m->offset - (int64_t)e->header_bytes + done, &count, err);
        if (!status && count < n) status = nx_io_fail(err, NEXPR_IO, w->stream.path, "became shorter while it was written");
        e->crc = (uint32_t)crc32_z(e->crc, piece, count);
        done += (int64_t)count;
    }
    free(piece);
    return status;
}

static nexpr_status finish_npz(nx_writer *w, nexpr_error *err) {
    archive *z = w->state;
    int64_t at = z->directory;
    for (int i = 0; i < w->member_count; i++) {
        entry *e = &z->entries[i];
        if (e->seen < 0) NX_IO_TRY(read_again(w, e, &w->members[i], err));
        record r = {.count = 0}, crc = {.count = 0};
        put(&crc, 4, e->crc);
        NX_IO_TRY(nx_out_write_at(w, crc.bytes, crc.count, e->at + CRC_IN_LOCAL_HEADER, err));
        put_central(&r, e);
        NX_IO_TRY(nx_out_write_at(w, r.bytes, r.count, at, err));
        at += (int64_t)r.count;
    }
    record r = {.count = 0};
    put_end(&r, w, z);
    return nx_out_write_at(w, r.bytes, r.count, at, err);
}

static bool is_npz(const unsigned char *head, size_t count) {
    return count >= 4 && (!memcmp(head, "PK\3\4", 4) || !memcmp(head, "PK\5\6", 4));
}

const nx_format nx_format_npz = {
    .id = NEXPR_FILE_NPZ,
    .member_kind = "member",
    .at_any_place = true,
    .recognises = is_npz,
    .open = nx_npz_open,
    .read = nx_npz_read,
    .check = nx_npz_check,
    .close = nx_npz_close,
    .plan = plan_npz,
    .begin = begin_npz,
    .wrote = wrote_npz,
    .finish = finish_npz,
    .drop = drop_npz,
};
