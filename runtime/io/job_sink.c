/* SPDX-License-Identifier: MIT */
/* Where a job's boxes go to. */
#include "runtime/io/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------------------------------------------------- targets -- */

const char *nx_job_result_name(const nexpr_job *job, int index) {
    const nx_result *r = &job->results[index];
    const char *own = nexpr_result_name(job->expr, index);
    return r->given_name ? r->given_name : own ? own : r->name;
}

static nexpr_status find_target(nexpr_job *job, nexpr_output *output, int *ret, nexpr_error *err) {
    for (*ret = 0; *ret < job->target_count; ++*ret) {
        if (job->targets[*ret].output == output) return NEXPR_OK;
    }
    nx_target *t = &job->targets[job->target_count];
    t->writer = nx_output_writer(output, err);
    if (!t->writer) return NEXPR_ARGUMENT;
    t->output = output;
    job->target_count++;
    t->results = calloc((size_t)job->result_count + 1, sizeof *t->results);
    t->data = calloc((size_t)job->result_count + 1, sizeof *t->data);
    return t->results && t->data ? NEXPR_OK : nx_io_fail_memory(err, t->writer->stream.path);
}

/* The results of a target, as its members. */
static nexpr_status declare(nexpr_job *job, int target, nexpr_error *err) {
    nx_target *t = &job->targets[target];
    nx_out_member *members = calloc((size_t)job->result_count + 1, sizeof *members);
    if (!members) return nx_io_fail_memory(err, t->writer->stream.path);
    int count = 0;
    for (int i = 0; i < job->result_count; i++) {
        nx_result *r = &job->results[i];
        if (r->target != target) continue;
        members[count] = (nx_out_member){.name = nx_job_result_name(job, i), .dtype = r->dtype, .ndim = r->ndim,
                                         .fortran_order = r->fortran_order, .count = r->count,
                                         .item_size = r->item_size};
        memcpy(members[count].shape, r->shape, sizeof r->shape);
        t->results[count] = i;
        r->member = count++;
    }
    nexpr_status status = nx_writer_declare(t->writer, members, count, err);
    free(members);
    return status;
}

nexpr_status nx_job_make_targets(nexpr_job *job, const nexpr_file_sink *const *sinks, nexpr_error *err) {
    for (int i = 0; i < job->result_count; i++) {
        bool has_output = sinks && sinks[i] && sinks[i]->output;
        job->results[i].target = -1;
        snprintf(job->results[i].name, sizeof job->results[i].name, "r%d", i);
        if (has_output && sinks[i]->name) {
            job->results[i].given_name = strdup(sinks[i]->name);
            if (!job->results[i].given_name) return nx_io_fail_memory(err, NULL);
        }
        if (has_output) NX_IO_TRY(find_target(job, sinks[i]->output, &job->results[i].target, err));
    }
    return NEXPR_OK;
}

nexpr_status nx_job_declare_targets(nexpr_job *job, nexpr_error *err) {
    for (int t = 0; t < job->target_count; t++) NX_IO_TRY(declare(job, t, err));
    return NEXPR_OK;
}

nexpr_status nx_job_begin_targets(nexpr_job *job, nexpr_error *err) {
    for (int t = 0; t < job->target_count; t++) {
        nx_io_stream *stream = &job->targets[t].writer->stream;
        job->targets[t].has_lent_flag = !stream->cancel;
        if (!stream->cancel) stream->cancel = job->options.cancel;
        NX_IO_TRY(nx_writer_begin(job->targets[t].writer, err));
    }
    return NEXPR_OK;
}

nexpr_status nx_job_finish_targets(nexpr_job *job, nexpr_error *err) {
    for (int t = 0; t < job->target_count; t++) {
        NX_IO_TRY(nx_writer_finish(job->targets[t].writer, err));
        nx_output_set_complete(job->targets[t].output);
    }
    return NEXPR_OK;
}

/* --------------------------------------------------------------------------------------------------------- memory -- */

nexpr_status nx_job_allocate_arrays(nexpr_job *job, nexpr_error *err) {
    for (int i = 0; i < job->result_count; i++) {
        nx_result *r = &job->results[i];
        if ((r->target >= 0 && !r->is_collected) || job->has_unknown) continue;
        nx_region_strides(r->ndim, r->shape, r->fortran_order, r->item_size, r->strides);
        r->data = nx_io_allocate((size_t)(r->count * r->item_size));
        if (r->data) continue;
        return nx_io_fail(err, NEXPR_MEMORY, NULL, "out of memory for a result of %lld bytes; a file can hold it",
                          (long long)(r->count * r->item_size));
    }
    return NEXPR_OK;
}

static void free_buffers(nx_result *r) {
    for (int slot = 0; slot < NX_JOB_SLOTS; slot++) {
        free(r->buffers[slot]);
        r->buffers[slot] = NULL;
    }
}

nexpr_status nx_job_allocate_results(nexpr_job *job, int pass, nexpr_error *err) {
    const nx_pass *p = &job->passes[pass];
    nx_axes axes;
    for (int i = 0; i < job->result_count && !job->has_unknown; i++) {
        nx_result *r = &job->results[i];
        free_buffers(r);
        if (r->target < 0) continue;
        const int64_t row_items = job->slabs ? nx_slab_row_items(job, pass, i) : 0;
        if (job->slabs ? !row_items || r->is_collected : !nx_pass_align(p, r->ndim, r->shape, &axes)) continue;
        const int64_t count = job->slabs ? row_items * p->piece.size[0] : nx_pass_region_count(p, &axes);
        size_t bytes = (size_t)(count * r->item_size);
        for (int slot = 0; slot < (p->box_count > 1 ? NX_JOB_SLOTS : 1); slot++) {
            r->buffers[slot] = nx_io_allocate(bytes);
            if (!r->buffers[slot]) return nx_io_fail_memory(err, job->targets[r->target].writer->stream.path);
        }
    }
    return NEXPR_OK;
}

void nx_job_free_results(nexpr_job *job) {
    for (int i = 0; job->results && i < job->result_count; i++) {
        free_buffers(&job->results[i]);
        free(job->results[i].data);
        free(job->results[i].given_name);
        nexpr_array_free(&job->results[i].made);
    }
    for (int t = 0; job->targets && t < job->target_count; t++) {
        if (job->targets[t].has_lent_flag) job->targets[t].writer->stream.cancel = NULL;
        free(job->targets[t].results);
        free(job->targets[t].data);
    }
    free(job->results);
    free(job->targets);
}

/* -------------------------------------------------------------------------------------------------------- writing -- */

/* A region of a result that is being written. */
typedef struct writing {
    nx_writer *writer;
    const nx_result *result;
    const void *const *data; /* by columns: of every member */
    int slot;
} writing;

static nexpr_status write_stretch(void *user, int64_t at, int64_t from, int64_t count, nexpr_error *err) {
    const writing *w = user;
    const nx_result *r = w->result;
    const char *data = r->buffers[w->slot] + from * r->item_size;
    return nx_writer_put(w->writer, r->member, data, (size_t)(count * r->item_size), at * r->item_size, err);
}

/* Rows of all columns together. */
static nexpr_status write_rows(void *user, int64_t at, int64_t from, int64_t count, nexpr_error *err) {
    const writing *w = user;
    (void)from;
    return w->writer->format->write(w->writer, at, count, w->data, err);
}

static nexpr_status write_result(nexpr_job *job, const nx_pass *p, const nx_box *box, nx_result *r, int slot,
                                 nexpr_error *err) {
    nx_target *t = &job->targets[r->target];
    writing w = {.writer = t->writer, .result = r, .slot = slot, .data = t->data};
    nx_box region;
    nx_region(p, box, r->ndim, r->shape, &region);
    if (!t->writer->format->by_columns) {
        return nx_for_stretches(r->ndim, r->shape, r->fortran_order, &region, write_stretch, &w, err);
    }
    if (r->member) return NEXPR_OK; /* the first column stands for all */
    for (int k = 0; k < t->writer->member_count; k++) t->data[k] = job->results[t->results[k]].buffers[slot];
    return nx_for_stretches(r->ndim, r->shape, false, &region, write_rows, &w, err);
}

/* Elements of a result that follow one another, or rows of the table that its first column stands for. */
static nexpr_status write_run(nexpr_job *job, nx_result *r, int64_t at, int64_t count, int slot, nexpr_error *err) {
    nx_target *t = &job->targets[r->target];
    const char *data = r->is_collected ? r->data : r->buffers[slot];
    if (!t->writer->format->by_columns) {
        return nx_writer_put(t->writer, r->member, data, (size_t)(count * r->item_size), at * r->item_size, err);
    }
    if (r->member) return NEXPR_OK;
    for (int k = 0; k < t->writer->member_count; k++) {
        const nx_result *column = &job->results[t->results[k]];
        t->data[k] = column->is_collected ? column->data : column->buffers[slot];
    }
    return t->writer->format->write(t->writer, at, count, t->data, err);
}

static nexpr_status write_slab(nexpr_job *job, int pass, const nx_box *box, int slot, nexpr_error *err) {
    for (int i = 0; i < job->result_count; i++) {
        nx_result *r = &job->results[i];
        const int64_t row_items = r->target < 0 || r->is_collected ? 0 : nx_slab_row_items(job, pass, i);
        if (row_items) NX_IO_TRY(write_run(job, r, box->first[0] * row_items, box->count[0] * row_items, slot, err));
    }
    return NEXPR_OK;
}

nexpr_status nx_job_write_collected(nexpr_job *job, nexpr_error *err) {
    for (int i = 0; i < job->result_count; i++) {
        nx_result *r = &job->results[i];
        if (r->is_collected && r->count) NX_IO_TRY(write_run(job, r, 0, r->count, 0, err));
    }
    return NEXPR_OK;
}

nexpr_status nx_job_write_made(nexpr_job *job, nexpr_error *err) {
    const nexpr_array **arrays = calloc((size_t)job->result_count + 1, sizeof *arrays);
    nexpr_status status = arrays ? nx_job_declare_targets(job, err) : nx_io_fail_memory(err, NULL);
    if (!status) status = nx_job_begin_targets(job, err);
    for (int t = 0; !status && t < job->target_count; t++) {
        nx_writer *w = job->targets[t].writer;
        for (int k = 0; k < w->member_count; k++) arrays[k] = &job->results[job->targets[t].results[k]].made;
        status = nx_writer_put_arrays(w, arrays, err);
    }
    free(arrays);
    return status;
}

nexpr_status nx_job_write_box(nexpr_job *job, int pass, const nx_box *box, int slot, nexpr_error *err) {
    const nx_pass *p = &job->passes[pass];
    if (job->slabs) return write_slab(job, pass, box, slot, err);
    if (job->has_unknown) return NEXPR_OK; /* nx_job_write_made does it */
    for (int i = 0; i < job->result_count; i++) {
        nx_result *r = &job->results[i];
        if (r->pass != pass || r->target < 0 || !nx_pass_is_first_time(p, box, r->ndim, r->shape)) continue;
        NX_IO_TRY(write_result(job, p, box, r, slot, err));
    }
    return NEXPR_OK;
}
