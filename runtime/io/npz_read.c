/* SPDX-License-Identifier: MIT */
/*
 * Reading .npz files: zip archives of .npy files. minizip (of zlib) reads the structure of the archive and inflates; here
 * stands what it lets pass: names, overlaps, sizes, methods, bytes behind. A stored entry is a random group of the file,
 * whose checksum is computed as its bytes go by; a deflated one is read in order by a handle of its own.
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
    DEFLATE_RATIO = 1032, /* more cannot be got out of deflated data */
    PIECE = 1 << 20,
    WINDOW = 4096,
};

/* The file as minizip reads it: headers byte by byte, so through a small window. A failure is kept for whoever called. */
typedef struct cursor {
    const nx_input *input;
    int64_t position, window_at;
    size_t window_count;
    nexpr_status status;
    nexpr_error err;
    unsigned char window[WINDOW];
} cursor;

typedef struct entry {
    unz64_file_pos place;  /* in the central directory */
    int64_t begin, data, end; /* of the local header; of what is in the entry; behind it */
    int64_t header_bytes;     /* of the .npy file in it */
    int64_t inflated_bytes;
    uint32_t crc;          /* of all of it */
    bool is_deflated;
    uint32_t seen_crc;     /* stored: of the header and of the first `seen` bytes of data */
    int64_t seen;
    unzFile stream;        /* deflated: stands at the group's next element; NULL: not begun */
    cursor *stream_cursor;
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

/* Source of nx_npy_read_header. */
typedef struct header_source {
    unzFile handle;
    const cursor *cursor;
    const char *label;
    uint32_t crc;
} header_source;

static nexpr_status inflate_bytes(unzFile handle, const cursor *c, const char *label, void *data, size_t bytes,
                                  size_t *ret_count, nexpr_error *err) {
    size_t done = 0;
    while (done < bytes) {
        size_t n = bytes - done < PIECE ? bytes - done : PIECE;
        int got = unzReadCurrentFile(handle, (char *)data + done, (unsigned)n);
        if (got < 0 || c->status) return explain(label, c, got, "damaged: the deflated data cannot be inflated", err);
        if (!got) break;
        done += (size_t)got;
    }
    *ret_count = done;
    return NEXPR_OK;
}

static nexpr_status read_header_bytes(void *user, void *data, size_t bytes, size_t *ret_count, nexpr_error *err) {
    header_source *s = user;
    NX_IO_TRY(inflate_bytes(s->handle, s->cursor, s->label, data, bytes, ret_count, err));
    s->crc = (uint32_t)crc32(s->crc, data, (uInt)*ret_count);
    return NEXPR_OK;
}

/* The .npy header of an entry; an array of objects is a member that cannot be used, and says so by no members here. */
static nexpr_status read_npy_header(entry *e, unzFile handle, const cursor *c, nexpr_error *err) {
    header_source source = {.handle = handle, .cursor = c, .label = e->label};
    size_t bytes = 0;
    nexpr_error own = nexpr_error_init();
    nexpr_status status = nx_npy_read_header(e->label, read_header_bytes, &source, &e->header, &bytes, &own);
    if (status == NEXPR_TYPE) return NEXPR_OK;
    if (status && err) *err = own;
    if (status) return status;
    e->header_bytes = (int64_t)bytes;
    e->seen_crc = source.crc;
    int64_t actual = e->inflated_bytes - e->header_bytes, expected = e->header.data_bytes;
    if (actual == expected) return NEXPR_OK;
    return nx_io_fail(err, NEXPR_FORMAT, e->label, "%s: expected %lld bytes of data, the entry has %lld",
                      actual < expected ? "truncated" : "something behind the data", (long long)expected, (long long)actual);
}

/* Where the entry lies, from its local header, and what .npy header is in it. */
static nexpr_status look_inside(entry *e, unzFile handle, const cursor *c, const unz_file_info64 *info, bool is_array,
                                nexpr_error *err) {
    int code = unzOpenCurrentFile(handle);
    if (code) return explain(e->label, c, code, "damaged: the entry's two headers in the archive do not agree", err);
    int extra = unzGetLocalExtrafield(handle, NULL, 0);
    e->data = (int64_t)unzGetCurrentFileZStreamPos64(handle);
    e->begin = e->data - LOCAL_HEADER - (int64_t)info->size_filename - (extra > 0 ? extra : 0);
    e->end = e->data + (int64_t)info->compressed_size;
    nexpr_status status = is_array ? read_npy_header(e, handle, c, err) : NEXPR_OK;
    unzCloseCurrentFile(handle);
    return status;
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
    bool is_array = cut_ending(name);
    e->name = strdup(name);
    e->label = make_label(path, name);
    if (!e->name || !e->label) return nx_io_fail_memory(err, path);
    NX_IO_TRY(check_info(e->label, &info, r->input.size, max_inflated, err));
    unzGetFilePos64(handle, &e->place);
    e->crc = (uint32_t)info.crc;
    e->is_deflated = info.compression_method != 0;
    e->inflated_bytes = (int64_t)info.uncompressed_size;
    return look_inside(e, handle, c, &info, is_array, err);
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

static uint64_t little(const unsigned char *at, int bytes) {
    uint64_t value = 0;
    while (bytes--) value = value << 8 | at[bytes];
    return value;
}

/* Where the directory lies and how many entries it has, by the records at the end of the file. */
typedef struct directory {
    int64_t begin, end;
    uint64_t count;
} directory;

static bool read_exactly(const nx_reader *r, unsigned char *data, size_t bytes, int64_t at, nexpr_status *ret_status,
                         nexpr_error *err) {
    size_t count = 0;
    if (at < 0 || *ret_status) return false;
    *ret_status = nx_input_read_at(&r->input, data, bytes, at, &count, err);
    return !*ret_status && count == bytes;
}

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
        close_handle(&e->stream, &e->stream_cursor);
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

/* A new handle that has passed over the .npy header. */
static nexpr_status begin_stream(nx_reader *r, entry *e, nexpr_error *err) {
    char header[4096];
    size_t count = 0;
    if (e->stream) close_handle(&e->stream, &e->stream_cursor);
    e->stream = open_handle(r, &e->stream_cursor);
    int code = e->stream ? unzGoToFilePos64(e->stream, &e->place) : UNZ_BADZIPFILE;
    if (!code) code = unzOpenCurrentFile(e->stream);
    if (code) return explain(e->label, e->stream_cursor, code, "changed while it was read", err);
    for (int64_t left = e->header_bytes; left; left -= (int64_t)count) {
        size_t n = left < (int64_t)sizeof header ? (size_t)left : sizeof header;
        NX_IO_TRY(inflate_bytes(e->stream, e->stream_cursor, e->label, header, n, &count, err));
        if (count < n) return ends_early(e, e->header_bytes - left + (int64_t)count, err);
    }
    return NEXPR_OK;
}

/* minizip compares the checksum when the last byte has been delivered. */
static nexpr_status end_stream(entry *e, nexpr_error *err) {
    int code = unzCloseCurrentFile(e->stream);
    close_handle(&e->stream, &e->stream_cursor);
    return code == UNZ_CRCERROR ? wrong_checksum(e, err) : NEXPR_OK;
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
    NX_IO_TRY(inflate_bytes(e->stream, e->stream_cursor, e->label, data[0], bytes, &done, err));
    if (done < bytes) return ends_early(e, e->header_bytes + first * g->item_size + (int64_t)done, err);
    g->next += count;
    return g->next == g->count ? end_stream(e, err) : NEXPR_OK;
}
