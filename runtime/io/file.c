/* SPDX-License-Identifier: MIT */
/*
 * Files that are opened, described and loaded. A group is loaded as a whole, once, and members are views into it. Memory for
 * data that lies in a regular file is taken at once, because the file's size was compared; anything else gets no more than
 * twice of what has come, whatever it says that it will be.
 */
#include "runtime/io/file.h"
#include "runtime/io/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_PIECE = 1 << 20, DEFAULT_MEMORY = 32 << 20, LISTED = 300 };

static const int64_t default_inflated = (int64_t)64 << 30;

struct nexpr_file {
    nx_reader reader;
    char **data; /* of each group if it is of records, else of each member; NULL: not loaded */
    bool *is_loaded; /* of each group */
    bool *is_checked; /* likewise: its checksum was compared for parts */
    int64_t *strides; /* NEXPR_MAX_NDIM for each group, made when it is loaded */
};

nexpr_file_options nexpr_file_options_init(void) {
    return (nexpr_file_options){.size = sizeof(nexpr_file_options)};
}

nexpr_member nexpr_member_init(void) {
    return (nexpr_member){.size = sizeof(nexpr_member)};
}

nexpr_file_info nexpr_file_info_init(void) {
    return (nexpr_file_info){.size = sizeof(nexpr_file_info)};
}

nexpr_column_type nexpr_column_type_init(const char *name, nexpr_dtype dtype) {
    return (nexpr_column_type){.size = sizeof(nexpr_column_type), .name = name, .dtype = dtype};
}

nexpr_status nx_file_check_once(nexpr_file *file, int group, nexpr_error *err) {
    if (!file->reader.format->check || file->is_checked[group]) return NEXPR_OK;
    NX_IO_TRY(nx_reader_check_all(&file->reader, group, err));
    file->is_checked[group] = true;
    return NEXPR_OK;
}

nx_reader *nx_file_reader(nexpr_file *file) {
    return &file->reader;
}

bool nx_file_is_loaded(const nexpr_file *file, int group) {
    return file->is_loaded[group];
}

/* ------------------------------------------------------------------------------------------------------- opening -- */

static void complete_options(const nexpr_file_options *given, nexpr_file_options *all) {
    *all = nexpr_file_options_init();
    if (given) memcpy(all, given, given->size < sizeof *all ? given->size : sizeof *all);
    all->size = sizeof *all;
    if (!all->max_memory) all->max_memory = DEFAULT_MEMORY;
    if (!all->max_inflated) all->max_inflated = default_inflated;
}

static nexpr_status open_all(nexpr_file *file, const char *path, const nexpr_file_options *options, nexpr_error *err) {
    nx_reader *r = &file->reader;
    NX_IO_TRY(nx_input_open(path, options->cancel, &r->input, err));
    NX_IO_TRY(nx_format_choose(&r->input, options->format, &r->format, err));
    NX_IO_TRY(r->format->open(r, options, err));
    size_t groups = (size_t)r->group_count + 1;
    file->data = calloc(groups + (size_t)r->member_count, sizeof *file->data);
    file->is_loaded = calloc(groups, sizeof *file->is_loaded);
    file->is_checked = calloc(groups, sizeof *file->is_checked);
    file->strides = calloc(groups, NEXPR_MAX_NDIM * sizeof *file->strides);
    return file->data && file->is_loaded && file->is_checked && file->strides ? NEXPR_OK : nx_io_fail_memory(err, path);
}

nexpr_status nexpr_file_open(const char *path, const nexpr_file_options *options, nexpr_file **ret_file, nexpr_error *err) {
    nexpr_file_options all;
    if (!path || !ret_file) return nx_io_fail(err, NEXPR_ARGUMENT, NULL, "nexpr_file_open: path and ret_file are needed");
    complete_options(options, &all);
    if (!nexpr_file_format_name(all.format)) return nx_io_fail(err, NEXPR_ARGUMENT, path, "there is no such format");
    nexpr_file *file = calloc(1, sizeof *file);
    if (!file) return nx_io_fail_memory(err, path);
    nexpr_status status = open_all(file, path, &all, err);
    if (status) nexpr_file_free(&file);
    else *ret_file = file;
    return status;
}

void nexpr_file_free(nexpr_file **file) {
    nexpr_file *f = *file;
    if (!f) return;
    nx_reader *r = &f->reader;
    for (int i = 0; f->data && i < r->group_count + r->member_count; i++) free(f->data[i]);
    if (r->format && r->format->close) r->format->close(r);
    nx_input_close(&r->input);
    free(r->members);
    free(r->groups);
    free(f->data);
    free(f->is_loaded);
    free(f->is_checked);
    free(f->strides);
    free(f);
    *file = NULL;
}

/* ------------------------------------------------------------------------------------------------------ describing -- */

nexpr_status nexpr_file_describe(const nexpr_file *file, nexpr_file_info *ret_info) {
    const nx_reader *r = &file->reader;
    nexpr_file_info info = {.size = ret_info->size, .path = r->input.stream.path, .format = r->format->id,
                            .bytes = r->input.size};
    memcpy(ret_info, &info, info.size < sizeof info ? info.size : sizeof info);
    return NEXPR_OK;
}

int nexpr_file_member_count(const nexpr_file *file) {
    return file->reader.member_count;
}

nexpr_status nexpr_file_member(const nexpr_file *file, int index, nexpr_member *ret_member) {
    const nx_reader *r = &file->reader;
    if (index < 0 || index >= r->member_count) return NEXPR_ARGUMENT;
    const nx_member *m = &r->members[index];
    const nx_group *g = &r->groups[m->group];
    nexpr_member member = {.size = ret_member->size, .name = m->name, .type = m->type, .usable = m->usable,
                           .dtype = m->dtype, .byte_order = m->byte_order, .offset = m->offset, .ndim = g->ndim,
                           .shape = g->shape, .fortran_order = g->fortran_order, .bytes = g->stored_bytes,
                           .in_order = !g->is_random};
    memcpy(ret_member, &member, member.size < sizeof member ? member.size : sizeof member);
    return NEXPR_OK;
}

/* "a, b, c, ..." */
static void list_names(const nx_reader *r, char *list, size_t capacity) {
    size_t used = 0;
    list[0] = 0;
    for (int i = 0; i < r->member_count; i++) {
        const char *name = r->members[i].name, *comma = used ? ", " : "";
        if (!name) continue;
        bool fits = used + strlen(name) + sizeof ", , ..." < capacity;
        used += (size_t)snprintf(list + used, capacity - used, "%s%s", comma, fits ? name : "...");
        if (!fits) return;
    }
}

nexpr_status nexpr_file_find(const nexpr_file *file, const char *name, int *ret_index, nexpr_error *err) {
    const nx_reader *r = &file->reader;
    const char *path = r->input.stream.path;
    if (!name) return nx_io_fail(err, NEXPR_ARGUMENT, path, "no name of a member is given");
    for (int i = 0; i < r->member_count; i++) {
        if (!r->members[i].name || strcmp(r->members[i].name, name)) continue;
        *ret_index = i;
        return NEXPR_OK;
    }
    char list[LISTED];
    list_names(r, list, sizeof list);
    return nx_io_fail(err, NEXPR_NAME, path, "there is no member '%.80s'; %s%s", name,
                      *list ? "there are " : "the file's only array has no name", list);
}

/* -------------------------------------------------------------------------------------------------------- loading -- */

static nexpr_status load_random(nexpr_file *file, int group, nexpr_error *err) {
    nx_reader *r = &file->reader;
    const nx_group *g = &r->groups[group];
    size_t bytes = (size_t)(g->count * g->item_size);
    char *data = file->data[group] = nx_io_allocate(bytes);
    if (!data) return nx_io_fail_memory(err, nx_reader_label(r, group));
    return nx_reader_read_random(r, group, 0, data, bytes, err);
}

/* Elements that come in order, into memory that grows with them. */
static nexpr_status load_stream(nexpr_file *file, int group, nexpr_error *err) {
    nx_reader *r = &file->reader;
    const nx_group *g = &r->groups[group];
    int64_t item = g->item_size ? g->item_size : 1, piece = FIRST_PIECE / item ? FIRST_PIECE / item : 1;
    int64_t done = 0, capacity = 0;
    do {
        int64_t larger = capacity ? 2 * capacity : piece;
        capacity = larger < g->count ? larger : g->count;
        char *data = realloc(file->data[group], capacity ? (size_t)(capacity * item) : 1);
        if (!data) return nx_io_fail_memory(err, nx_reader_label(r, group));
        file->data[group] = data;
        void *to = data + done * g->item_size;
        NX_IO_TRY(r->format->read(r, group, done, capacity - done, &to, err));
        done = capacity;
    } while (done < g->count);
    return NEXPR_OK;
}

static nexpr_status load_columns(nexpr_file *file, int group, nexpr_error *err) {
    nx_reader *r = &file->reader;
    const nx_group *g = &r->groups[group];
    char **data = file->data + r->group_count + g->first_member;
    for (int i = 0; i < g->member_count; i++) {
        const nx_member *m = &r->members[g->first_member + i];
        if (m->usable && !(data[i] = nx_io_allocate((size_t)g->count * nexpr_dtype_size(m->dtype)))) {
            return nx_io_fail_memory(err, nx_reader_label(r, group));
        }
    }
    return r->format->read(r, group, 0, g->count, (void *const *)data, err);
}

static void drop_data(nexpr_file *file, int group) {
    const nx_group *g = &file->reader.groups[group];
    char **columns = file->data + file->reader.group_count + g->first_member;
    free(file->data[group]);
    file->data[group] = NULL;
    for (int i = 0; i < g->member_count; i++) {
        free(columns[i]);
        columns[i] = NULL;
    }
}

void nx_group_strides(const nx_group *g, int64_t item_size, int64_t *strides) {
    for (int k = 0; k < g->ndim; k++) {
        int i = g->fortran_order ? k : g->ndim - 1 - k;
        strides[i] = item_size;
        if (g->shape[i]) item_size *= g->shape[i];
    }
}

/* Address of a member's first element. An empty group has no record to point into. */
static char *member_data(const nexpr_file *file, int index) {
    const nx_member *m = &file->reader.members[index];
    const nx_group *g = &file->reader.groups[m->group];
    if (g->by_columns) return file->data[file->reader.group_count + index];
    return file->data[m->group] + (g->count ? m->offset : 0);
}

static void normalise_bools(nexpr_file *file, int group) {
    const nx_group *g = &file->reader.groups[group];
    for (int i = g->first_member; i < g->first_member + g->member_count; i++) {
        const nx_member *m = &file->reader.members[i];
        if (!m->usable || m->dtype != NEXPR_BOOL || g->by_columns) continue;
        char *at = member_data(file, i);
        for (int64_t k = 0; k < g->count; k++, at += g->item_size) *at = *at != 0;
    }
}

static nexpr_status load_group(nexpr_file *file, int group, nexpr_error *err) {
    nx_reader *r = &file->reader;
    const nx_group *g = &r->groups[group];
    if (file->is_loaded[group]) return NEXPR_OK;
    if (!g->by_columns && (uint64_t)g->count * (uint64_t)g->item_size > PTRDIFF_MAX) {
        return nx_io_fail_memory(err, nx_reader_label(r, group));
    }
    nexpr_status status = g->is_random    ? load_random(file, group, err)
                          : g->by_columns ? load_columns(file, group, err)
                                          : load_stream(file, group, err);
    if (!status) status = nx_input_check_size(&r->input, err);
    if (status) {
        drop_data(file, group);
        return status;
    }
    normalise_bools(file, group);
    nx_group_strides(g, g->item_size, file->strides + (size_t)group * NEXPR_MAX_NDIM);
    file->is_loaded[group] = true;
    return NEXPR_OK;
}

nexpr_status nx_file_check_usable(const nexpr_file *file, int index, nexpr_error *err) {
    const nx_reader *r = &file->reader;
    if (index < 0 || index >= r->member_count) {
        return nx_io_fail(err, NEXPR_ARGUMENT, r->input.stream.path, "there is no member %d", index);
    }
    const nx_member *m = &r->members[index];
    if (m->usable) return NEXPR_OK;
    if (r->format->refuse) return r->format->refuse(r, index, err);
    const char *kind = r->format->member_kind;
    return nx_io_fail(err, NEXPR_TYPE, r->input.stream.path, "%s%s%.80s%s has dtype '%.60s', which nexpr cannot compute "
                      "with", m->name ? kind : "the array", m->name ? " '" : "", m->name ? m->name : "", m->name ? "'" : "",
                      m->type);
}

nexpr_status nexpr_file_load(nexpr_file *file, int index, nexpr_array *ret_array, nexpr_error *err) {
    NX_IO_TRY(nx_file_check_usable(file, index, err));
    const nx_member *m = &file->reader.members[index];
    const nx_group *g = &file->reader.groups[m->group];
    NX_IO_TRY(load_group(file, m->group, err));
    ret_array->data = member_data(file, index);
    ret_array->dtype = m->dtype;
    ret_array->byte_order = m->byte_order;
    ret_array->ndim = g->ndim;
    ret_array->shape = g->shape;
    ret_array->strides = g->by_columns ? NULL : file->strides + (size_t)m->group * NEXPR_MAX_NDIM;
    ret_array->owner = NULL;
    return NEXPR_OK;
}
