/* SPDX-License-Identifier: MIT */
/* The table of formats, and how one is chosen: a mark in the first bytes decides, then the end of the name, then how the
 * first bytes look. */
#include "runtime/io/format.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

extern const nx_format nx_format_csv, nx_format_npy, nx_format_npz, nx_format_raw, nx_format_tsv;

static const nx_format *const formats[NEXPR_FILE_FORMAT_COUNT] = {
    [NEXPR_FILE_NPY] = &nx_format_npy,
    [NEXPR_FILE_CSV] = &nx_format_csv,
    [NEXPR_FILE_TSV] = &nx_format_tsv,
    [NEXPR_FILE_NPZ] = &nx_format_npz,
    [NEXPR_FILE_RAW] = &nx_format_raw,
};

static const struct {
    const char *name, *endings;
} words[NEXPR_FILE_FORMAT_COUNT] = {
    [NEXPR_FILE_AUTO] = {"auto", ""},
#define X(id, name, endings) [NEXPR_FILE_##id] = {name, endings},
    NEXPR_FILE_FORMAT_MAP(X)
#undef X
};

const nx_format *nx_format_get(nexpr_file_format id) {
    return formats[id];
}

const char *nexpr_file_format_name(nexpr_file_format format) {
    return format >= 0 && format < NEXPR_FILE_FORMAT_COUNT ? words[format].name : NULL;
}

nexpr_status nexpr_file_format_find(const char *name, nexpr_file_format *ret_format, nexpr_error *err) {
    char list[64] = "";
    for (int i = 0; i < NEXPR_FILE_FORMAT_COUNT; i++) {
        if (name && !strcmp(words[i].name, name)) {
            *ret_format = (nexpr_file_format)i;
            return NEXPR_OK;
        }
        if (i) strcat(list, ", ");
        strcat(list, words[i].name);
    }
    return nx_io_fail(err, NEXPR_NAME, NULL, "unknown format '%.40s'; there are %s", name ? name : "", list);
}

/* Whether the last component of a path ends in one of the endings, and is more than that. */
static bool has_ending(const char *path, const char *endings) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = strlen(name);
    for (const char *at = endings; *at;) {
        size_t n = strcspn(at, " ");
        if (length > n && !strncasecmp(name + length - n, at, n)) return true;
        at += n + (at[n] == ' ');
    }
    return false;
}

nexpr_file_format nexpr_file_format_of_name(const char *path) {
    for (int i = 1; path && i < NEXPR_FILE_FORMAT_COUNT; i++) {
        if (has_ending(path, words[i].endings)) return (nexpr_file_format)i;
    }
    return NEXPR_FILE_AUTO;
}

/* The first format of the two kinds, marked or by looks, that recognises the head. */
static const nx_format *recognise(const unsigned char *head, size_t count, bool by_looks) {
    for (int i = 1; i < NEXPR_FILE_FORMAT_COUNT; i++) {
        const nx_format *f = formats[i];
        if (f && f->recognises && f->by_looks == by_looks && f->recognises(head, count)) return f;
    }
    return NULL;
}

static nexpr_status unknown_format(const nx_input *input, size_t count, nexpr_error *err) {
    if (!count) return nx_io_fail(err, NEXPR_FORMAT, input->stream.path, "the file is empty");
    return nx_io_fail(err, NEXPR_FORMAT, input->stream.path, "not a .npy file: it does not begin with \\x93NUMPY; nor is it "
                      "an .npz file or a table of text. A raw file needs its dtype and shape");
}

nexpr_status nx_format_choose(nx_input *input, nexpr_file_format wanted, const nx_format **ret, nexpr_error *err) {
    const unsigned char *head;
    size_t count;
    if (wanted) {
        *ret = formats[wanted];
        return NEXPR_OK;
    }
    NX_IO_TRY(nx_input_peek(input, &head, &count, err));
    nexpr_file_format by_name = nexpr_file_format_of_name(input->stream.path);
    *ret = recognise(head, count, false);
    if (!*ret && by_name && by_name != NEXPR_FILE_RAW) *ret = formats[by_name];
    if (!*ret && !by_name) *ret = recognise(head, count, true);
    return *ret ? NEXPR_OK : unknown_format(input, count, err);
}

nexpr_status nx_format_refuse_several(const nx_writer *w, nexpr_error *err) {
    if (w->member_count == 1) return NEXPR_OK;
    return nx_io_fail(err, NEXPR_ARGUMENT, w->stream.path, "a .%s file holds one array, not %d; several go into an .npz "
                      "file, or each into a file of its own", words[w->format->id].name, w->member_count);
}
