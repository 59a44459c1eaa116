/* SPDX-License-Identifier: MIT */
/*
 * Where a job's boxes come from. A unit that lies in its file as it is, is read wherever a region lies. Any other is read on
 * from where the last region ended; if the boxes do not come in that order, it is first set aside as a whole.
 */
#include "runtime/io/job.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 20, TURNED = 1 << 12 /* elements */ };

static const nx_group *group_of(const nx_unit *u) {
    return &u->reader->groups[u->group];
}

/* -------------------------------------------------------------------------------------------------------- sources -- */

static nexpr_status fail_source(const nexpr_job *job, int index, nexpr_status status, const char *what, nexpr_error *err) {
    nx_io_fail(err, status, NULL, "source %d, of '%s', %s", index, nexpr_input_name(job->expr, index), what);
    if (err) err->operand = index;
    return status;
}

static int find_unit(nexpr_job *job, nexpr_file *file, int group) {
    for (int i = 0; i < job->unit_count; i++) {
        if (job->units[i].file == file && job->units[i].group == group) return i;
    }
    job->units[job->unit_count] = (nx_unit){.file = file, .reader = nx_file_reader(file), .group = group, .pass = -1};
    return job->unit_count++;
}

static void init_part(nexpr_job *job, nx_part *part, const nx_unit *u, int64_t item_size, int member) {
    const nx_io_stream *stream = &u->reader->input.stream;
    *part = (nx_part){.item_size = item_size, .member = member};
    nx_spool_init(&part->spool, stream->path, job->options.cancel, SIZE_MAX, job->options.temporary_directory);
}

/* The part of a unit that has a member: all records, or a column of its own. */
static nexpr_status find_part(nexpr_job *job, nx_unit *u, int member, int *ret, nexpr_error *err) {
    const nx_group *g = group_of(u);
    if (!u->parts) {
        u->parts = calloc((size_t)(g->by_columns ? g->member_count : 1) + 1, sizeof *u->parts);
        if (!u->parts) return nx_io_fail_memory(err, nx_reader_label(u->reader, u->group));
        if (!g->by_columns) init_part(job, &u->parts[u->part_count++], u, g->item_size, -1);
    }
    *ret = 0;
    if (!g->by_columns) return NEXPR_OK;
    while (*ret < u->part_count && u->parts[*ret].member != member) ++*ret;
    if (*ret < u->part_count) return NEXPR_OK;
    int64_t size = (int64_t)nexpr_dtype_size(u->reader->members[member].dtype);
    init_part(job, &u->parts[u->part_count++], u, size, member);
    return NEXPR_OK;
}

static nexpr_status use_file(nexpr_job *job, int index, const nexpr_file_source *from, nexpr_error *err) {
    nx_source *s = &job->sources[index];
    NX_IO_TRY(nx_file_check_usable(from->file, from->member, err));
    const nx_reader *r = nx_file_reader(from->file);
    const nx_member *m = &r->members[from->member];
    const nx_group *g = &r->groups[m->group];
    s->array = (nexpr_array){.size = sizeof s->array, .dtype = m->dtype, .byte_order = m->byte_order, .ndim = g->ndim,
                             .shape = g->shape};
    if (nx_file_is_loaded(from->file, m->group)) return nexpr_file_load(from->file, from->member, &s->array, err);
    s->unit = find_unit(job, from->file, m->group);
    s->offset = g->by_columns ? 0 : m->offset;
    return find_part(job, &job->units[s->unit], from->member, &s->part, err);
}

static nexpr_status use_array(nexpr_job *job, int index, const nexpr_array *array, nexpr_error *err) {
    if (!array || array->ndim < 0 || array->ndim > NEXPR_MAX_NDIM || (array->ndim && !array->shape)) {
        return fail_source(job, index, NEXPR_ARGUMENT, "is neither a member of a file nor an array", err);
    }
    memcpy(&job->sources[index].array, array, sizeof *array);
    return NEXPR_OK;
}

static nexpr_status use_source(nexpr_job *job, int index, const nexpr_file_source *from, nexpr_error *err) {
    nx_source *s = &job->sources[index];
    if (!from) return fail_source(job, index, NEXPR_ARGUMENT, "is missing", err);
    NX_IO_TRY(from->file ? use_file(job, index, from, err) : use_array(job, index, from->array, err));
    if (s->array.dtype != nexpr_input_dtype(job->expr, index)) {
        return fail_source(job, index, NEXPR_TYPE, "has another dtype than the input was declared with", err);
    }
    if (s->array.strides) memcpy(s->strides, s->array.strides, sizeof *s->strides * (size_t)s->array.ndim);
    else nx_region_strides(s->array.ndim, s->array.shape, false, (int64_t)nexpr_dtype_size(s->array.dtype), s->strides);
    return NEXPR_OK;
}

nexpr_status nx_job_make_units(nexpr_job *job, const nexpr_file_source *const *sources, nexpr_error *err) {
    for (int i = 0; i < job->source_count; i++) {
        nx_source *s = &job->sources[i];
        *s = (nx_source){.unit = -1, .is_used = nexpr_input_is_used(job->expr, i), .array = {.size = sizeof s->array}};
        if (s->is_used) NX_IO_TRY(use_source(job, i, sources ? sources[i] : NULL, err));
    }
    return NEXPR_OK;
}

/* ------------------------------------------------------------------------------------------------- kinds of access -- */

/* Whether all regions of all passes, in their order, are the unit from its beginning to its end, once. */
static bool is_read_once_in_order(const nexpr_job *job, const nx_unit *u, bool once) {
    const nx_group *g = group_of(u);
    if (job->slabs) return nx_slab_is_in_order(job, (int)(u - job->units), once);
    int passes = 0;
    nx_axes axes;
    for (int p = 0; p < job->pass_count; p++) {
        if (!nx_pass_align(&job->passes[p], g->ndim, g->shape, &axes)) continue;
        if (!nx_pass_is_in_order(&job->passes[p], &axes, g->fortran_order)) return false;
        if (once && nx_pass_repeats(&job->passes[p], &axes) > 1) return false;
        passes++;
    }
    return passes <= 1 || !once;
}

void nx_job_choose_access(nexpr_job *job) {
    job->spool_bytes = 0;
    for (int i = 0; i < job->unit_count; i++) {
        nx_unit *u = &job->units[i];
        const nx_group *g = group_of(u);
        u->is_aside = !g->is_random && !is_read_once_in_order(job, u, true);
        u->is_checked = g->is_random && u->reader->format->check && !is_read_once_in_order(job, u, false);
        for (int k = 0; u->is_aside && k < u->part_count; k++) {
            int64_t bytes;
            bool is_huge = __builtin_mul_overflow(g->count, u->parts[k].item_size, &bytes);
            if (is_huge || __builtin_add_overflow(job->spool_bytes, bytes, &job->spool_bytes)) job->spool_bytes = INT64_MAX;
        }
    }
}

/* ------------------------------------------------------------------------------------------------------- preparing -- */

/* Reads elements in order into one buffer for each part. */
static nexpr_status read_on(const nx_unit *u, int64_t first, int64_t count, char *const *to, void **columns,
                            nexpr_error *err) {
    const nx_group *g = group_of(u);
    void *records = to[0];
    if (!g->by_columns) return u->reader->format->read(u->reader, u->group, first, count, &records, err);
    for (int k = 0; k < g->member_count; k++) columns[k] = NULL;
    for (int k = 0; k < u->part_count; k++) columns[u->parts[k].member - g->first_member] = to[k];
    return u->reader->format->read(u->reader, u->group, first, count, columns, err);
}

static nexpr_status copy_aside(const nx_unit *u, char *buffer, int64_t piece, char **to, void **columns, nexpr_error *err) {
    const nx_group *g = group_of(u);
    for (int64_t first = 0, count; first < g->count; first += count) {
        count = piece < g->count - first ? piece : g->count - first;
        char *at = buffer;
        for (int k = 0; k < u->part_count; k++) {
            to[k] = at;
            at += count * u->parts[k].item_size;
        }
        NX_IO_TRY(read_on(u, first, count, to, columns, err));
        for (int k = 0; k < u->part_count; k++) {
            NX_IO_TRY(nx_spool_write(&u->parts[k].spool, to[k], (size_t)(count * u->parts[k].item_size), err));
        }
    }
    return NEXPR_OK;
}

static nexpr_status set_aside(const nexpr_job *job, nx_unit *u, nexpr_error *err) {
    int64_t item = 0;
    for (int k = 0; k < u->part_count; k++) {
        u->parts[k].spool.max_memory = job->spool_in_memory ? (size_t)(group_of(u)->count * u->parts[k].item_size) : 0;
        item += u->parts[k].item_size;
    }
    int64_t piece = item && PIECE / item ? PIECE / item : 1;
    char *buffer = malloc((size_t)(piece * item) + 1), **to = calloc((size_t)u->part_count + 1, sizeof *to);
    void **columns = calloc((size_t)group_of(u)->member_count + 1, sizeof *columns);
    nexpr_status status = buffer && to && columns ? copy_aside(u, buffer, piece, to, columns, err)
                                                  : nx_io_fail_memory(err, nx_reader_label(u->reader, u->group));
    free(buffer);
    free(to);
    free(columns);
    return status;
}

nexpr_status nx_job_prepare_units(nexpr_job *job, nexpr_error *err) {
    for (int i = 0; i < job->unit_count; i++) {
        nx_unit *u = &job->units[i];
        nx_io_stream *stream = &u->reader->input.stream;
        u->has_lent_flag = !stream->cancel;
        if (!stream->cancel) stream->cancel = job->options.cancel;
        if (u->is_aside) NX_IO_TRY(set_aside(job, u, err));
        if (u->is_checked) NX_IO_TRY(nx_reader_check_all(u->reader, u->group, err));
    }
    return NEXPR_OK;
}

static void free_buffers(nx_unit *u) {
    for (int k = 0; k < u->part_count * NX_JOB_SLOTS; k++) {
        free(u->parts[k / NX_JOB_SLOTS].buffers[k % NX_JOB_SLOTS]);
        u->parts[k / NX_JOB_SLOTS].buffers[k % NX_JOB_SLOTS] = NULL;
    }
}

static nexpr_status allocate_buffers(const nx_unit *u, int slots, int64_t count, nexpr_error *err) {
    for (int k = 0; k < u->part_count * slots; k++) {
        nx_part *part = &u->parts[k / slots];
        part->buffers[k % slots] = nx_io_allocate((size_t)(count * part->item_size));
        if (!part->buffers[k % slots]) return nx_io_fail_memory(err, nx_reader_label(u->reader, u->group));
    }
    return NEXPR_OK;
}

/* What is kept is there from the first pass that needs it on. */
static nexpr_status allocate_for_slabs(nexpr_job *job, int pass, nexpr_error *err) {
    for (int i = 0; i < job->unit_count; i++) {
        nx_unit *u = &job->units[i];
        const int64_t count = nx_slab_region_count(job, pass, i);
        if (u->is_kept && u->parts[0].buffers[0]) continue;
        free_buffers(u);
        const bool is_one = u->is_kept || job->passes[pass].box_count == 1;
        if (count) NX_IO_TRY(allocate_buffers(u, is_one ? 1 : NX_JOB_SLOTS, count, err));
    }
    return NEXPR_OK;
}

/* Two buffers for a region that changes from box to box, one for another. */
nexpr_status nx_job_allocate_units(nexpr_job *job, int pass, nexpr_error *err) {
    if (job->slabs) return allocate_for_slabs(job, pass, err);
    const nx_pass *p = &job->passes[pass];
    nx_axes axes;
    for (int i = 0; i < job->unit_count; i++) {
        nx_unit *u = &job->units[i];
        const nx_group *g = group_of(u);
        free_buffers(u);
        if (!nx_pass_align(p, g->ndim, g->shape, &axes)) continue;
        const int slots = nx_pass_is_constant(p, &axes) ? 1 : NX_JOB_SLOTS;
        NX_IO_TRY(allocate_buffers(u, slots, nx_pass_region_count(p, &axes), err));
    }
    return NEXPR_OK;
}

/* -------------------------------------------------------------------------------------------------------- reading -- */

/* A region that is being read. */
typedef struct reading {
    const nx_unit *unit;
    int part, slot;
} reading;

/* Bytes of a part from this one on, wherever it lies. */
static nexpr_status read_bytes(const nx_unit *u, int part, int64_t at, char *to, size_t bytes, nexpr_error *err) {
    size_t done;
    if (!u->is_aside) return nx_reader_read_random(u->reader, u->group, at, to, bytes, err);
    NX_IO_TRY(nx_spool_read_at(&u->parts[part].spool, to, bytes, at, &done, err));
    return done == bytes ? NEXPR_OK : nx_reader_wrong_size(u->reader, u->group, at + (int64_t)done, err);
}

static nexpr_status read_stretch(void *user, int64_t at, int64_t from, int64_t count, nexpr_error *err) {
    const reading *r = user;
    const nx_part *part = &r->unit->parts[r->part];
    char *to = part->buffers[r->slot] + from * part->item_size;
    return read_bytes(r->unit, r->part, at * part->item_size, to, (size_t)(count * part->item_size), err);
}

static nexpr_status read_next(void *user, int64_t at, int64_t from, int64_t count, nexpr_error *err) {
    const reading *r = user;
    const nx_unit *u = r->unit;
    size_t parts = (size_t)u->part_count;
    char **to = calloc(parts + 1, sizeof *to);
    void **columns = calloc((size_t)group_of(u)->member_count + 1, sizeof *columns);
    nexpr_status status = to && columns ? NEXPR_OK : nx_io_fail_memory(err, nx_reader_label(u->reader, u->group));
    for (size_t k = 0; !status && k < parts; k++) to[k] = u->parts[k].buffers[r->slot] + from * u->parts[k].item_size;
    if (!status) status = read_on(u, at, count, to, columns, err);
    free(to);
    free(columns);
    return status;
}

static bool is_same_region(const nx_box *a, const nx_box *b, int ndim) {
    size_t bytes = (size_t)ndim * sizeof *a->first;
    return !memcmp(a->first, b->first, bytes) && !memcmp(a->count, b->count, bytes);
}

static nexpr_status read_unit(nx_unit *u, const nx_box *region, nexpr_error *err) {
    const nx_group *g = group_of(u);
    reading r = {.unit = u, .slot = u->current};
    if (!g->is_random && !u->is_aside) {
        return nx_for_stretches(g->ndim, g->shape, g->fortran_order, region, read_next, &r, err);
    }
    for (; r.part < u->part_count; r.part++) {
        NX_IO_TRY(nx_for_stretches(g->ndim, g->shape, g->fortran_order, region, read_stretch, &r, err));
    }
    return NEXPR_OK;
}

/* ---------------------------------------------------------------------------------------------------- reading slabs -- */

/* Elements of a file in Fortran order on their way to their places in a region in C order. */
typedef struct turning {
    reading to;
    const nx_box *rows; /* the region, by the file's axes */
    char *scratch;
    char **parts;       /* of the scratch */
} turning;

/* Puts elements that follow one another in the file to their places. */
static void turn(const turning *t, int64_t at, int64_t from, int64_t count) {
    const nx_group *g = group_of(t->to.unit);
    int64_t index[NEXPR_MAX_NDIM], place = 0, steps[NEXPR_MAX_NDIM], step = 1;
    for (int k = g->ndim - 1; k >= 0; k--) {
        steps[k] = step;
        step *= t->rows->count[k];
    }
    for (int k = 0; k < g->ndim; at /= g->shape[k++]) {
        index[k] = at % g->shape[k] - t->rows->first[k];
        place += index[k] * steps[k];
    }
    for (int64_t i = 0; i < count; i++) {
        for (int p = 0; p < t->to.unit->part_count; p++) {
            const nx_part *part = &t->to.unit->parts[p];
            memcpy(part->buffers[t->to.slot] + (from + place) * part->item_size, t->parts[p] + i * part->item_size,
                   (size_t)part->item_size);
        }
        for (int k = 0; k < g->ndim; k++) {
            place += steps[k];
            if (++index[k] < t->rows->count[k]) break;
            place -= steps[k] * t->rows->count[k];
            index[k] = 0;
        }
    }
}

/* Reads elements from place `at` of the file on to `to`, one buffer for each part. */
static nexpr_status read_at(const nx_unit *u, int64_t at, int64_t count, char *const *to, nexpr_error *err) {
    if (!group_of(u)->is_random && !u->is_aside) {
        void **columns = calloc((size_t)group_of(u)->member_count + 1, sizeof *columns);
        nexpr_status status = columns ? read_on(u, at, count, to, columns, err)
                                      : nx_io_fail_memory(err, nx_reader_label(u->reader, u->group));
        free(columns);
        return status;
    }
    for (int p = 0; p < u->part_count; p++) {
        const int64_t size = u->parts[p].item_size;
        NX_IO_TRY(read_bytes(u, p, at * size, to[p], (size_t)(count * size), err));
    }
    return NEXPR_OK;
}

typedef struct turned_stretch {
    const turning *turning;
    int64_t from; /* of the region in the buffer */
} turned_stretch;

static nexpr_status read_turned(void *user, int64_t at, int64_t from, int64_t count, nexpr_error *err) {
    const turned_stretch *t = user;
    (void)from;
    for (int64_t done = 0, n; done < count; done += n) {
        n = count - done < TURNED ? count - done : TURNED;
        NX_IO_TRY(read_at(t->turning->to.unit, at + done, n, t->turning->parts, err));
        turn(t->turning, at + done, t->from, n);
    }
    return NEXPR_OK;
}

/* Whole rows of the first axis, which lie in pieces in such a file. */
static nexpr_status read_rows(const nx_unit *u, int slot, int64_t at, int64_t from, int64_t count, nexpr_error *err) {
    const nx_group *g = group_of(u);
    const int64_t inner = g->count / g->shape[0];
    nx_box rows = {.first = {at / inner}};
    turning t = {.to = {.unit = u, .slot = slot}, .rows = &rows};
    int64_t item = 0;
    for (int k = 0; k < g->ndim; k++) rows.count[k] = k ? g->shape[k] : count / inner;
    for (int p = 0; p < u->part_count; p++) item += u->parts[p].item_size;
    char *scratch = malloc((size_t)(TURNED * item) + 1);
    t.parts = calloc((size_t)u->part_count + 1, sizeof *t.parts);
    nexpr_status status = scratch && t.parts ? NEXPR_OK : nx_io_fail_memory(err, nx_reader_label(u->reader, u->group));
    char *next = scratch;
    for (int p = 0; !status && p < u->part_count; p++) {
        t.parts[p] = next;
        next += TURNED * u->parts[p].item_size;
    }
    turned_stretch user = {&t, from};
    if (!status) status = nx_for_stretches(g->ndim, g->shape, true, &rows, read_turned, &user, err);
    free(scratch);
    free(t.parts);
    return status;
}

/* Reads elements, in C order, of the region into the unit's buffers from item `from` on. */
static nexpr_status read_region(const nx_unit *u, int slot, int64_t at, int64_t from, int64_t count, nexpr_error *err) {
    const nx_group *g = group_of(u);
    if (!count) return NEXPR_OK;
    if (g->fortran_order && g->ndim > 1) return read_rows(u, slot, at, from, count, err);
    char **to = calloc((size_t)u->part_count + 1, sizeof *to);
    if (!to) return nx_io_fail_memory(err, nx_reader_label(u->reader, u->group));
    for (int p = 0; p < u->part_count; p++) to[p] = u->parts[p].buffers[slot] + from * u->parts[p].item_size;
    nexpr_status status = read_at(u, at, count, to, err);
    free(to);
    return status;
}

/* What slabs have in common is not read again. */
static nexpr_status read_slab(nexpr_job *job, int pass, int unit, const nx_box *box, nexpr_error *err) {
    nx_unit *u = &job->units[unit];
    int64_t begin, end, known = 0;
    nx_slab_region(job, pass, unit, box, &begin, &end);
    const int before = u->current;
    const bool is_first = !box->first[0];
    u->current = is_first ? 0 : 1 - before;
    if (!is_first && u->region.first[0] <= begin && begin < u->region.count[0]) {
        known = (u->region.count[0] < end ? u->region.count[0] : end) - begin;
        for (int p = 0; p < u->part_count; p++) {
            const nx_part *part = &u->parts[p];
            memcpy(part->buffers[u->current], part->buffers[before] + (begin - u->region.first[0]) * part->item_size,
                   (size_t)(known * part->item_size));
        }
    }
    u->region.first[0] = begin;
    u->region.count[0] = end;
    return read_region(u, u->current, begin + known, known, end - begin - known, err);
}

static nexpr_status read_slabs(nexpr_job *job, int pass, const nx_box *box, int *ret_current, nexpr_error *err) {
    for (int i = 0; i < job->unit_count; i++) {
        nx_unit *u = &job->units[i];
        if (!nx_slab_region_count(job, pass, i)) continue;
        if (!u->is_kept) NX_IO_TRY(read_slab(job, pass, i, box, err));
        else if (u->pass < 0) NX_IO_TRY(read_region(u, 0, 0, 0, group_of(u)->count, err));
        u->pass = pass;
        ret_current[i] = u->is_kept ? 0 : u->current;
    }
    return NEXPR_OK;
}

/* ----------------------------------------------------------------------------------------------------------- boxes -- */

nexpr_status nx_job_read_box(nexpr_job *job, int pass, const nx_box *box, int *ret_current, nexpr_error *err) {
    if (job->slabs) return read_slabs(job, pass, box, ret_current, err);
    const nx_pass *p = &job->passes[pass];
    for (int i = 0; i < job->unit_count; i++) {
        nx_unit *u = &job->units[i];
        const nx_group *g = group_of(u);
        nx_box region;
        if (!u->parts[0].buffers[0]) continue;
        nx_region(p, box, g->ndim, g->shape, &region);
        if (u->pass != pass || !is_same_region(&region, &u->region, g->ndim)) {
            u->current = u->pass == pass && u->parts[0].buffers[1] ? 1 - u->current : 0;
            u->pass = pass;
            u->region = region;
            NX_IO_TRY(read_unit(u, &region, err));
        }
        ret_current[i] = u->current;
    }
    return NEXPR_OK;
}

/* --------------------------------------------------------------------------------------------------------- the end -- */

/* What holds nothing was never read; a pipe may still hold more than nothing. */
static nexpr_status check_empty(const nx_unit *u, nexpr_error *err) {
    const nx_group *g = group_of(u);
    char nothing, *to = &nothing;
    if (g->is_random || g->by_columns || g->count || u->is_aside) return NEXPR_OK;
    return read_on(u, 0, 0, &to, NULL, err);
}

nexpr_status nx_job_check_units(nexpr_job *job, nexpr_error *err) {
    for (int i = 0; i < job->unit_count; i++) {
        NX_IO_TRY(check_empty(&job->units[i], err));
        NX_IO_TRY(nx_input_check_size(&job->units[i].reader->input, err));
    }
    return NEXPR_OK;
}

void nx_job_free_units(nexpr_job *job) {
    for (int i = 0; job->units && i < job->unit_count; i++) {
        nx_unit *u = &job->units[i];
        if (u->has_lent_flag) u->reader->input.stream.cancel = NULL;
        for (int k = 0; k < u->part_count; k++) {
            nx_spool_free(&u->parts[k].spool);
            for (int slot = 0; slot < NX_JOB_SLOTS; slot++) free(u->parts[k].buffers[slot]);
        }
        free(u->parts);
    }
    free(job->units);
}
