/* SPDX-License-Identifier: MIT */
/*
 * Reading .npz files: zip archives of .npy files. minizip finds the directory of the archive and walks through it, zlib
 * inflates. Here stands what minizip lets pass (names, overlaps, methods, bytes behind) and what it cannot do in the
 * versions that are around: entries and archives beyond 4 GiB. A stored entry is a random group of the file, whose checksum
 * is computed as its bytes go by; a deflated one is read in order, by a stream of its own.
 */
#include "runtime/io/npz.h"

#include <minizip/unzip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    LONGEST_NAME = 1024,
    MOST_ENTRIES = 1 << 20,
    LOCAL_HEADER = 30, /* bytes of fixed fields */
    CENTRAL_HEADER = 46,
    END_RECORD = 22,
    LARGE_LOCATOR = 20,
    LARGE_RECORD = 56,
    LARGE_EXTRA = 1,   /* kind of the extra field with sizes and places beyond 4 GiB */
    DEFLATE_RATIO = 1032, /* more cannot be got out of deflated data */
    HAS_NO_SIZES = 1 << 3, /* flag of a local header: they stand behind the data */
    PIECE = 1 << 16,
    WINDOW = 4096,
};
#define LARGEST UINT32_C(0xFFFFFFFF) /* of 32 bits: the true number is in the extra field */

/* The file as minizip reads it: headers byte by byte, so through a small window. A failure is kept for whoever called. */
typedef struct cursor {
    const nx_input *input;
    int64_t position, window_at;
    size_t window_count;
    nexpr_status status;
    nexpr_error err;
    unsigned char window[WINDOW];
} cursor;

/* A deflated entry that is being read. */
typedef struct inflater {
    z_stream z;
    int64_t at, left;   /* of compressed bytes that are still in the file */
    int64_t count;      /* bytes that came out */
    uint32_t crc;       /* of these */
    bool is_at_end, is_complete; /* at the end of the file's bytes; of the deflated data */
    unsigned char piece[PIECE];
} inflater;

typedef struct entry {
    int64_t begin, data, end; /* of the local header; of what is in the entry; behind it */
    int64_t header_bytes;     /* of the .npy file in it */
    int64_t inflated_bytes;
    uint32_t crc;          /* of all of it */
    bool is_deflated;
    uint32_t seen_crc;     /* stored: of the header and of the first `seen` bytes of data */
    int64_t seen;
    inflater *stream;      /* deflated: stands at the group's next element; NULL: not begun */
    nx_npy_header header;
    char *name, *label;
    char *field_names;     /* "a.x" of all fields, one behind the other */
} entry;

typedef struct archive {
    entry *entries; /* one for each group */
    int count, room;
} archive;

/* ------------------------------------------------------------------------------------------------------ minizip -- */

static voidpf cursor_open(voidpf opaque, const void *name, int mode) {
    (void)name;
    (void)mode;
    return opaque;
}

static uLong cursor_read_window(cursor *c, unsigned char *to, uLong size) {
    uLong done = 0;
    while (done < size) {
        if (c->position < c->window_at || c->position >= c->window_at + (int64_t)c->window_count) {
            c->window_at = c->position;
            c->status = nx_input_read_at(c->input, c->window, WINDOW, c->position, &c->window_count, &c->err);
            if (c->status) c->window_count = 0;
            if (!c->window_count) break;
        }
        to[done++] = c->window[c->position++ - c->window_at];
    }
    return done;
}

static uLong cursor_read(voidpf opaque, voidpf stream, void *to, uLong size) {
    cursor *c = stream;
    (void)opaque;
    if (c->status) return 0;
    if (size < WINDOW) return cursor_read_window(c, to, size);
    size_t count = 0;
    c->status = nx_input_read_at(c->input, to, size, c->position, &count, &c->err);
    if (c->status) return 0;
    c->position += (int64_t)count;
    return count;
}

static ZPOS64_T cursor_tell(voidpf opaque, voidpf stream) {
    (void)opaque;
    return (ZPOS64_T)((cursor *)stream)->position;
}

static long cursor_seek(voidpf opaque, voidpf stream, ZPOS64_T offset, int origin) {
    cursor *c = stream;
    (void)opaque;
    int64_t base = origin == ZLIB_FILEFUNC_SEEK_SET ? 0 : origin == ZLIB_FILEFUNC_SEEK_CUR ? c->position : c->input->size;
    if (offset > INT64_MAX || __builtin_add_overflow(base, (int64_t)offset, &base)) return -1;
    c->position = base;
    return 0;
}

static int cursor_close(voidpf opaque, voidpf stream) {
    (void)opaque;
    (void)stream;
    return 0;
}

static int cursor_error(voidpf opaque, voidpf stream) {
    (void)opaque;
    return ((cursor *)stream)->status != NEXPR_OK;
}

/* A handle on the archive, and the cursor that it reads through. Both NULL if there is no memory or no archive. */
static unzFile open_handle(const nx_reader *r, cursor **ret) {
    cursor *c = *ret = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->input = &r->input;
    c->err = nexpr_error_init();
    zlib_filefunc64_def calls = {.zopen64_file = cursor_open, .zread_file = cursor_read, .ztell64_file = cursor_tell,
                                 .zseek64_file = cursor_seek, .zclose_file = cursor_close, .zerror_file = cursor_error,
                                 .opaque = c};
    return unzOpen2_64("", &calls);
}

static void close_handle(unzFile *handle, cursor **c) {
    if (*handle) unzClose(*handle);
    free(*c);
    *handle = NULL;
    *c = NULL;
}

/* What is behind a call of minizip that failed: what the system said, too little memory, or `what`. */
static nexpr_status explain(const char *label, const cursor *c, int code, const char *what, nexpr_error *err) {
    if (!c || code == Z_MEM_ERROR || code == UNZ_INTERNALERROR) return nx_io_fail_memory(err, label);
    if (c->status && err) *err = c->err;
    if (c->status) return c->status;
    return nx_io_fail(err, NEXPR_FORMAT, label, "%s", what);
}

/* ------------------------------------------------------------------------------------------------------- entries -- */

static nexpr_status refuse(const char *label, const char *what, nexpr_error *err) {
    return nx_io_fail(err, NEXPR_FORMAT, label, "the entry %s", what);
}

static bool is_utf8(const char *text) {
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        int more = *at < 0x80 ? 0 : *at < 0xC2 ? -1 : *at < 0xE0 ? 1 : *at < 0xF0 ? 2 : *at < 0xF5 ? 3 : -1;
        if (more < 0) return false;
        for (at++; more; more--, at++) {
            if ((*at & 0xC0) != 0x80) return false;
        }
    }
    return true;
}

bool nx_npz_is_safe_name(const char *name) {
    if (!*name || *name == '/' || strchr(name, '\\') || !is_utf8(name)) return false;
    for (const char *at = name; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7F) return false;
    }
    for (const char *at = name; at; at = strchr(at, '/')) {
        at += *at == '/';
        size_t n = strcspn(at, "/");
        if (n == 2 && at[0] == '.' && at[1] == '.') return false;
    }
    return true;
}

/* What can be said before the data is looked at. */
static nexpr_status check_info(const char *label, const unz_file_info64 *info, int64_t size, int64_t max_inflated,
                               nexpr_error *err) {
    bool is_stored = info->compression_method == 0;
    if (info->flag & (1 | 1 << 6 | 1 << 13)) return refuse(label, "is encrypted, which is not supported", err);
    if (!is_stored && info->compression_method != Z_DEFLATED) {
        return nx_io_fail(err, NEXPR_FORMAT, label, "the entry is compressed by method %lu; stored and deflated ones, as "
                          "numpy writes, are read", info->compression_method);
    }
    if (info->compressed_size > (ZPOS64_T)size) return refuse(label, "claims more bytes than the file has", err);
    if (is_stored && info->compressed_size != info->uncompressed_size) return refuse(label, "has contradictory sizes", err);
    if (info->uncompressed_size / DEFLATE_RATIO > info->compressed_size + 1) {
        return nx_io_fail(err, NEXPR_FORMAT, label, "the entry claims to inflate from %lld to %lld bytes, more than deflate "
                          "can do", (long long)info->compressed_size, (long long)info->uncompressed_size);
    }
    if (is_stored || info->uncompressed_size <= (ZPOS64_T)max_inflated) return NEXPR_OK;
    return nx_io_fail(err, NEXPR_FORMAT, label, "the entry claims to inflate to %lld bytes; at most %lld are read",
                      (long long)info->uncompressed_size, (long long)max_inflated);
}

static uint64_t little(const unsigned char *at, int bytes) {
    uint64_t value = 0;
    while (bytes--) value = value << 8 | at[bytes];
    return value;
}

/* ------------------------------------------------------------------------------------------------------- inflating -- */

static void free_inflater(inflater **stream) {
    if (*stream) inflateEnd(&(*stream)->z);
    free(*stream);
    *stream = NULL;
}

/* At the beginning of a deflated entry. */
static nexpr_status make_inflater(const entry *e, inflater **ret, nexpr_error *err) {
    inflater *s = calloc(1, sizeof *s);
    if (!s) return nx_io_fail_memory(err, e->label);
    s->at = e->data;
    s->left = e->end - e->data;
    if (inflateInit2(&s->z, -MAX_WBITS) == Z_OK) {
        *ret = s;
        return NEXPR_OK;
    }
    free(s);
    return nx_io_fail_memory(err, e->label);
}

static nexpr_status fetch_piece(const nx_reader *r, const entry *e, inflater *s, nexpr_error *err) {
    size_t wanted = s->left < PIECE ? (size_t)s->left : PIECE, count = 0;
    NX_IO_TRY(nx_input_read_at(&r->input, s->piece, wanted, s->at, &count, err));
    if (count < wanted) return nx_io_fail(err, NEXPR_FORMAT, e->label, "the file became shorter while it was read");
    s->z.next_in = s->piece;
    s->z.avail_in = (uInt)count;
    s->at += (int64_t)count;
    s->left -= (int64_t)count;
    return NEXPR_OK;
}

/* Delivers up to `bytes` bytes, fewer only at the end of the data. */
static nexpr_status inflate_bytes(const nx_reader *r, const entry *e, inflater *s, void *data, size_t bytes,
                                  size_t *ret_count, nexpr_error *err) {
    enum { MOST = 1 << 30 };
    *ret_count = 0;
    while (*ret_count < bytes && !s->is_at_end) {
        size_t room = bytes - *ret_count < MOST ? bytes - *ret_count : MOST;
        unsigned char *out = (unsigned char *)data + *ret_count;
        if (!s->z.avail_in && s->left) NX_IO_TRY(fetch_piece(r, e, s, err));
        s->z.next_out = out;
        s->z.avail_out = (uInt)room;
        int code = inflate(&s->z, Z_NO_FLUSH);
        size_t count = room - s->z.avail_out;
        s->crc = (uint32_t)crc32_z(s->crc, out, count);
        *ret_count += count;
        s->count += (int64_t)count;
        s->is_complete = code == Z_STREAM_END;
        s->is_at_end = s->is_complete || (code == Z_BUF_ERROR && !s->left);
        if (code == Z_MEM_ERROR) return nx_io_fail_memory(err, e->label);
        if (code == Z_OK || s->is_at_end) continue;
        return nx_io_fail(err, NEXPR_FORMAT, e->label, "damaged: the deflated data cannot be inflated");
    }
    return NEXPR_OK;
}

/* ---------------------------------------------------------------------------------------------------- .npy headers -- */

/* Source of nx_npy_read_header. */
typedef struct header_source {
    const nx_reader *r;
    entry *e;
    inflater *stream; /* NULL: stored */
    int64_t at;       /* stored: of the next byte */
} header_source;

static nexpr_status read_header_bytes(void *user, void *data, size_t bytes, size_t *ret_count, nexpr_error *err) {
    header_source *s = user;
    if (s->stream) return inflate_bytes(s->r, s->e, s->stream, data, bytes, ret_count, err);
    int64_t left = s->e->end - s->at;
    size_t wanted = left < (int64_t)bytes ? (size_t)left : bytes;
    NX_IO_TRY(nx_input_read_at(&s->r->input, data, wanted, s->at, ret_count, err));
    s->at += (int64_t)*ret_count;
    s->e->seen_crc = (uint32_t)crc32_z(s->e->seen_crc, data, *ret_count);
    return NEXPR_OK;
}

/* The .npy header of an entry; an array of objects is a member that cannot be used, and says so by no members here. */
static nexpr_status read_npy_header(const nx_reader *r, entry *e, nexpr_error *err) {
    header_source source = {.r = r, .e = e, .at = e->data};
    size_t bytes = 0;
    nexpr_error own = nexpr_error_init();
    if (e->is_deflated) NX_IO_TRY(make_inflater(e, &source.stream, err));
    nexpr_status status = nx_npy_read_header(e->label, read_header_bytes, &source, &e->header, &bytes, &own);
    free_inflater(&source.stream);
    if (status == NEXPR_TYPE) return NEXPR_OK;
    if (status && err) *err = own;
    if (status) return status;
    e->header_bytes = (int64_t)bytes;
    int64_t actual = e->inflated_bytes - e->header_bytes, expected = e->header.data_bytes;
    if (actual == expected) return NEXPR_OK;
    return nx_io_fail(err, NEXPR_FORMAT, e->label, "%s: expected %lld bytes of data, the entry has %lld",
                      actual < expected ? "truncated" : "something behind the data", (long long)expected, (long long)actual);
}

/* --------------------------------------------------------------------------------------------------------- headers -- */

static bool read_exactly(const nx_reader *r, unsigned char *data, size_t bytes, int64_t at, nexpr_status *ret_status,
                         nexpr_error *err) {
    size_t count = 0;
    if (at < 0 || *ret_status) return false;
    *ret_status = nx_input_read_at(&r->input, data, bytes, at, &count, err);
    return !*ret_status && count == bytes;
}

/* Replaces numbers that are LARGEST, in this order, by those of the extra field. False if it has not all of them. */
static bool enlarge(const unsigned char *extra, size_t bytes, uint64_t *const numbers[], int count) {
    const unsigned char *at = extra, *end = extra + bytes;
    while (end - at >= 4 && (little(at, 2) != LARGE_EXTRA || (uint64_t)(end - at) < 4 + little(at + 2, 2))) {
        at += 4 + little(at + 2, 2);
        if (at > end) at = end;
    }
    if (end - at >= 4) {
        end = at + 4 + little(at + 2, 2);
        at += 4;
    }
    for (int i = 0; i < count; i++) {
        if (*numbers[i] != LARGEST) continue;
        if (end - at < 8) return false;
        *numbers[i] = little(at, 8);
        at += 8;
    }
    return true;
}

/* Sizes and place of an entry by its header in the directory, which is at `at`. */
static nexpr_status read_central(const nx_reader *r, entry *e, int64_t at, unz_file_info64 *info, nexpr_error *err) {
    unsigned char header[CENTRAL_HEADER], *extra = NULL;
    uint64_t inflated, stored, begin;
    nexpr_status status = NEXPR_OK;
    bool is_whole = read_exactly(r, header, sizeof header, at, &status, err);
    if (status) return status;
    size_t bytes = is_whole ? little(header + 30, 2) : 0;
    inflated = little(header + 24, 4);
    stored = little(header + 20, 4);
    begin = little(header + 42, 4);
    extra = malloc(bytes + 1);
    if (!extra) return nx_io_fail_memory(err, e->label);
    is_whole = is_whole && read_exactly(r, extra, bytes, at + CENTRAL_HEADER + (int64_t)little(header + 28, 2), &status, err);
    is_whole = is_whole && enlarge(extra, bytes, (uint64_t *const[]){&inflated, &stored, &begin}, 3);
    free(extra);
    if (status) return status;
    if (!is_whole || begin > INT64_MAX) return refuse(e->label, "has no valid header in the archive's directory", err);
    info->uncompressed_size = inflated;
    info->compressed_size = stored;
    e->begin = (int64_t)begin;
    return NEXPR_OK;
}

/* Where the data lies, by the local header, which has to say what that in the directory says. */
static nexpr_status read_local(const nx_reader *r, entry *e, const char *name, const unz_file_info64 *info, nexpr_error *err) {
    unsigned char header[LOCAL_HEADER], own[LONGEST_NAME];
    nexpr_status status = NEXPR_OK;
    bool agrees = read_exactly(r, header, sizeof header, e->begin, &status, err) && !memcmp(header, "PK\3\4", 4) &&
                  little(header + 8, 2) == info->compression_method && little(header + 26, 2) == info->size_filename;
    agrees = agrees && read_exactly(r, own, info->size_filename, e->begin + LOCAL_HEADER, &status, err) &&
             !memcmp(own, name, info->size_filename);
    if (status) return status;
    if (agrees && !(little(header + 6, 2) & HAS_NO_SIZES)) {
        const uint64_t stored = little(header + 18, 4), inflated = little(header + 22, 4);
        agrees = little(header + 14, 4) == info->crc && (stored == LARGEST || stored == info->compressed_size) &&
                 (inflated == LARGEST || inflated == info->uncompressed_size);
    }
    if (!agrees) {
        return nx_io_fail(err, NEXPR_FORMAT, e->label, "damaged: the entry's two headers in the archive do not agree");
    }
    e->data = e->begin + LOCAL_HEADER + (int64_t)info->size_filename + (int64_t)little(header + 28, 2);
    e->end = e->data + (int64_t)info->compressed_size;
    return NEXPR_OK;
}

static char *make_label(const char *path, const char *name) {
    size_t n = strlen(path) + strlen(name) + 2;
    char *text = malloc(n);
    if (text) snprintf(text, n, "%s:%s", path, name);
    return text;
}

static bool cut_ending(char *name) {
    size_t n = strlen(name);
    bool is_array = n > 4 && !strcmp(name + n - 4, ".npy");
    if (is_array) name[n - 4] = 0;
    return is_array;
}

/* Reads about the entry at which the handle stands. Directories are passed over: *ret_used is then false. */
static nexpr_status read_entry(nx_reader *r, entry *e, unzFile handle, const cursor *c, int64_t max_inflated, bool *ret_used,
                               nexpr_error *err) {
    const char *path = r->input.stream.path;
    unz_file_info64 info;
    char name[LONGEST_NAME + 1] = "";
    int code = unzGetCurrentFileInfo64(handle, &info, name, LONGEST_NAME, NULL, 0, NULL, 0);
    if (code) return explain(path, c, code, "damaged: the archive's directory cannot be read", err);
    if (info.size_filename > LONGEST_NAME || info.size_filename != strlen(name) || !nx_npz_is_safe_name(name)) {
        return nx_io_fail(err, NEXPR_FORMAT, path, "an entry has the name '%.80s', which is refused", name);
    }
    *ret_used = name[info.size_filename - 1] != '/';
    if (!*ret_used) return NEXPR_OK;
    e->name = strdup(name);
    if (!e->name) return nx_io_fail_memory(err, path);
    bool is_array = cut_ending(e->name);
    e->label = make_label(path, e->name);
    if (!e->label) return nx_io_fail_memory(err, path);
    NX_IO_TRY(read_central(r, e, (int64_t)unzGetOffset64(handle), &info, err));
    NX_IO_TRY(check_info(e->label, &info, r->input.size, max_inflated, err));
    e->crc = (uint32_t)info.crc;
    e->is_deflated = info.compression_method != 0;
    e->inflated_bytes = (int64_t)info.uncompressed_size;
    NX_IO_TRY(read_local(r, e, name, &info, err));
    return is_array ? read_npy_header(r, e, err) : NEXPR_OK;
}

/* ------------------------------------------------------------------------------------------------------- archives -- */

static int compare_places(const void *a, const void *b) {
    const entry *x = *(entry *const *)a, *y = *(entry *const *)b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* Entries do not overlap, and all lie before the directory. */
static nexpr_status check_places(const nx_reader *r, const archive *z, int64_t limit, nexpr_error *err) {
    entry **sorted = malloc(((size_t)z->count + 1) * sizeof(entry *));
    if (!sorted) return nx_io_fail_memory(err, r->input.stream.path);
    for (int i = 0; i < z->count; i++) sorted[i] = &z->entries[i];
    qsort(sorted, (size_t)z->count, sizeof *sorted, compare_places);
    nexpr_status status = NEXPR_OK;
    for (int i = 0; !status && i < z->count; i++) {
        int64_t next = i + 1 < z->count ? sorted[i + 1]->begin : limit;
        if (sorted[i]->begin >= 0 && sorted[i]->end <= next) continue;
        status = refuse(sorted[i]->label, "overlaps with another part of the archive", err);
    }
    free(sorted);
    return status;
}

static int compare_names(const void *a, const void *b) {
    return strcmp((*(const nx_member *const *)a)->name, (*(const nx_member *const *)b)->name);
}

static nexpr_status check_names(const nx_reader *r, nexpr_error *err) {
    const nx_member **sorted = malloc(((size_t)r->member_count + 1) * sizeof(nx_member *));
    if (!sorted) return nx_io_fail_memory(err, r->input.stream.path);
    for (int i = 0; i < r->member_count; i++) sorted[i] = &r->members[i];
    qsort(sorted, (size_t)r->member_count, sizeof *sorted, compare_names);
    nexpr_status status = NEXPR_OK;
    for (int i = 0; !status && i + 1 < r->member_count; i++) {
        if (strcmp(sorted[i]->name, sorted[i + 1]->name)) continue;
        status = nx_io_fail(err, NEXPR_FORMAT, r->input.stream.path, "two members are named '%.80s'", sorted[i]->name);
    }
    free(sorted);
    return status;
}

/* Where the directory lies and how many entries it has, by the records at the end of the file. */
typedef struct directory {
    int64_t begin, end;
    uint64_t count;
} directory;

/* The larger record of archives beyond 4 GiB, if there is one before the record that is at `end`. */
static bool find_large_record(const nx_reader *r, int64_t end, directory *ret, nexpr_status *ret_status, nexpr_error *err) {
    unsigned char locator[LARGE_LOCATOR], record[LARGE_RECORD];
    if (!read_exactly(r, locator, sizeof locator, end - LARGE_LOCATOR, ret_status, err)) return false;
    if (memcmp(locator, "PK\6\7", 4)) return false;
    int64_t at = (int64_t)little(locator + 8, 8);
    if (!read_exactly(r, record, sizeof record, at, ret_status, err) || memcmp(record, "PK\6\6", 4)) return false;
    *ret = (directory){.begin = (int64_t)little(record + 48, 8), .count = little(record + 32, 8), .end = at};
    return little(record + 4, 8) == (uint64_t)(end - LARGE_LOCATOR - at - 12);
}

/* Nothing stands behind the last record but its comment, and nothing between it and the directory. */
static nexpr_status find_directory(const nx_reader *r, uint64_t comment, directory *ret, nexpr_error *err) {
    unsigned char end[END_RECORD];
    nexpr_status status = NEXPR_OK;
    int64_t at = r->input.size - END_RECORD - (int64_t)comment;
    bool is_end = read_exactly(r, end, sizeof end, at, &status, err) && !memcmp(end, "PK\5\6", 4) &&
                  little(end + 20, 2) == comment;
    if (!status && !is_end) {
        return nx_io_fail(err, NEXPR_FORMAT, r->input.stream.path, "damaged: the file does not end where its archive ends; it is "
                          "truncated, or has something behind it");
    }
    uint64_t size = little(end + 12, 4);
    if (!find_large_record(r, at, ret, &status, err)) {
        *ret = (directory){.begin = (int64_t)little(end + 16, 4), .count = little(end + 10, 2), .end = at};
        is_end = (uint64_t)ret->begin + size == (uint64_t)at;
    }
    if (status || is_end) return status;
    return nx_io_fail(err, NEXPR_FORMAT, r->input.stream.path,
                      "the directory of the archive does not lie where the archive says");
}

/* "a.x" for every field. */
static nexpr_status name_fields(nx_reader *r, entry *e, nx_member *members, nexpr_error *err) {
    size_t room = 0, prefix = strlen(e->name) + 2;
    for (int i = 0; i < e->header.member_count; i++) room += members[i].name ? strlen(members[i].name) + prefix : 0;
    if (!room) {
        for (int i = 0; i < e->header.member_count; i++) members[i].name = e->name;
        return NEXPR_OK;
    }
    char *at = e->field_names = malloc(room);
    if (!at) return nx_io_fail_memory(err, r->input.stream.path);
    for (int i = 0; i < e->header.member_count; i++) {
        int n = snprintf(at, room, "%s.%s", e->name, members[i].name);
        members[i].name = at;
        at += n + 1;
        room -= (size_t)n + 1;
    }
    return NEXPR_OK;
}

/* An entry becomes a group with its members; one that is no array becomes a member that cannot be used. */
static nexpr_status describe(nx_reader *r, entry *e, int group, nexpr_error *err) {
    nx_group *g = &r->groups[group];
    int first = r->member_count, count = e->header.member_count ? e->header.member_count : 1;
    nx_member *members = realloc(r->members, (size_t)(first + count) * sizeof *members);
    if (!members) return nx_io_fail_memory(err, r->input.stream.path);
    r->members = members;
    *g = (nx_group){.label = e->label, .first_member = first, .member_count = count};
    if (!e->header.members) {
        members[r->member_count++] = (nx_member){.name = e->name, .type = "no array of numbers", .group = group};
        return NEXPR_OK;
    }
    nx_npy_describe(&e->header, r, group);
    g->is_random = !e->is_deflated;
    g->offset = e->data + e->header_bytes;
    g->stored_bytes = e->is_deflated ? e->end - e->data : e->header.data_bytes;
    NX_IO_TRY(name_fields(r, e, members + first, err));
    return g->is_random && !e->header.data_bytes ? nx_npz_check(r, group, 0, "", 0, err) : NEXPR_OK;
}

static nexpr_status read_entries(nx_reader *r, archive *z, unzFile handle, const cursor *c, const directory *d,
                                 int64_t max_inflated, nexpr_error *err) {
    const char *path = r->input.stream.path;
    int code = d->count ? unzGoToFirstFile(handle) : UNZ_END_OF_LIST_OF_FILE;
    if (d->count && !code && (int64_t)unzGetOffset64(handle) != d->begin) code = UNZ_BADZIPFILE;
    for (uint64_t i = 0; !code && i < d->count; i++) {
        bool is_used = false;
        NX_IO_TRY(read_entry(r, &z->entries[z->count], handle, c, max_inflated, &is_used, err));
        z->count += is_used;
        code = unzGoToNextFile(handle);
    }
    if (code != UNZ_END_OF_LIST_OF_FILE) {
        return explain(path, c, code, "damaged: the archive's directory cannot be read", err);
    }
    NX_IO_TRY(check_places(r, z, d->begin, err));
    for (int i = 0; i < z->count; i++) {
        r->group_count = i + 1;
        NX_IO_TRY(describe(r, &z->entries[i], i, err));
    }
    return check_names(r, err);
}

static nexpr_status read_archive(nx_reader *r, archive *z, unzFile handle, const cursor *c, int64_t max_inflated,
                                 nexpr_error *err) {
    const char *path = r->input.stream.path;
    unz_global_info64 info;
    directory d = {0};
    if (r->input.size == END_RECORD && !find_directory(r, 0, &d, NULL) && !d.count) return NEXPR_OK; /* minizip finds none */
    if (!handle) {
        return explain(path, c, 0, "damaged or truncated: the directory of a zip archive is missing at the end of the file",
                       err);
    }
    unzGetGlobalInfo64(handle, &info);
    NX_IO_TRY(find_directory(r, info.size_comment, &d, err));
    if (d.count != info.number_entry) return refuse(path, "count of the archive is contradictory", err);
    if (info.number_entry > (ZPOS64_T)r->input.size / CENTRAL_HEADER || info.number_entry > MOST_ENTRIES) {
        return nx_io_fail(err, NEXPR_FORMAT, path, "the archive claims %lld entries, more than it has room for or than "
                          "are read (%d)", (long long)info.number_entry, MOST_ENTRIES);
    }
    size_t room = (size_t)info.number_entry + 1;
    z->entries = calloc(room, sizeof *z->entries);
    r->groups = calloc(room, sizeof *r->groups);
    if (!z->entries || !r->groups) return nx_io_fail_memory(err, path);
    z->room = (int)room;
    return read_entries(r, z, handle, c, &d, max_inflated, err);
}

nexpr_status nx_npz_open(nx_reader *r, const nexpr_file_options *o, nexpr_error *err) {
    cursor *c = NULL;
    NX_IO_TRY(nx_input_set_aside(&r->input, o->max_memory, o->temporary_directory, err));
    archive *z = r->state = calloc(1, sizeof *z);
    if (!z) return nx_io_fail_memory(err, r->input.stream.path);
    unzFile handle = open_handle(r, &c);
    nexpr_status status = read_archive(r, z, handle, c, o->max_inflated, err);
    close_handle(&handle, &c);
    return status;
}

void nx_npz_close(nx_reader *r) {
    archive *z = r->state;
    for (int i = 0; z && i < z->room; i++) {
        entry *e = &z->entries[i];
        free_inflater(&e->stream);
        nx_npy_header_free(&e->header);
        free(e->name);
        free(e->label);
        free(e->field_names);
    }
    if (z) free(z->entries);
    free(z);
}

/* ---------------------------------------------------------------------------------------------------------- data -- */

static nexpr_status wrong_checksum(const entry *e, nexpr_error *err) {
    return nx_io_fail(err, NEXPR_FORMAT, e->label, "damaged: the checksum of the entry is not that of its bytes");
}

nexpr_status nx_npz_check(nx_reader *r, int group, int64_t offset, const void *data, size_t bytes, nexpr_error *err) {
    entry *e = &((archive *)r->state)->entries[group];
    int64_t end = offset + (int64_t)bytes;
    if (end < e->seen || (end == e->seen && bytes)) return NEXPR_OK;
    if (offset > e->seen) return nx_io_fail(err, NEXPR_IO, e->label, "was not read in order");
    size_t known = (size_t)(e->seen - offset);
    e->seen_crc = (uint32_t)crc32_z(e->seen_crc, (const unsigned char *)data + known, bytes - known);
    e->seen = end;
    return end == e->header.data_bytes && e->seen_crc != e->crc ? wrong_checksum(e, err) : NEXPR_OK;
}

static nexpr_status ends_early(const entry *e, int64_t bytes, nexpr_error *err) {
    return nx_io_fail(err, NEXPR_FORMAT, e->label, "damaged: the deflated data ends after %lld of %lld bytes",
                      (long long)bytes, (long long)e->inflated_bytes);
}

/* A new stream that has passed over the .npy header. */
static nexpr_status begin_stream(const nx_reader *r, entry *e, nexpr_error *err) {
    char header[4096];
    size_t count = 0;
    free_inflater(&e->stream);
    NX_IO_TRY(make_inflater(e, &e->stream, err));
    for (int64_t left = e->header_bytes; left; left -= (int64_t)count) {
        size_t n = left < (int64_t)sizeof header ? (size_t)left : sizeof header;
        NX_IO_TRY(inflate_bytes(r, e, e->stream, header, n, &count, err));
        if (count < n) return ends_early(e, e->stream->count, err);
    }
    return NEXPR_OK;
}

/* The deflated data ends with the last element, and nothing stands behind it. */
static nexpr_status end_stream(const nx_reader *r, entry *e, nexpr_error *err) {
    inflater *s = e->stream;
    size_t count = 0;
    char more;
    NX_IO_TRY(inflate_bytes(r, e, s, &more, 1, &count, err));
    bool is_over = s->is_complete && !count && !s->left && !s->z.avail_in;
    bool is_right = s->crc == e->crc;
    free_inflater(&e->stream);
    if (!is_right) return wrong_checksum(e, err);
    return is_over ? NEXPR_OK
                   : nx_io_fail(err, NEXPR_FORMAT, e->label, "damaged: the deflated data does not end where the entry does");
}

nexpr_status nx_npz_read(nx_reader *r, int group, int64_t first, int64_t count, void *const *data, nexpr_error *err) {
    entry *e = &((archive *)r->state)->entries[group];
    nx_group *g = &r->groups[group];
    size_t bytes = (size_t)(count * g->item_size), done = 0;
    if (!first) {
        NX_IO_TRY(begin_stream(r, e, err));
        g->next = 0;
    }
    if (first != g->next || !e->stream) return nx_reader_refuse_again(r, group, err);
    NX_IO_TRY(inflate_bytes(r, e, e->stream, data[0], bytes, &done, err));
    if (done < bytes) return ends_early(e, e->stream->count, err);
    g->next += count;
    return g->next == g->count ? end_stream(r, e, err) : NEXPR_OK;
}
