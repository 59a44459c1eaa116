/* SPDX-License-Identifier: MIT */
/* Jobs as the API has them: made, described, run and freed. */
#include "runtime/io/job.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const size_t default_memory = (size_t)256 << 20;

nexpr_file_source nexpr_file_source_init(void) {
    return (nexpr_file_source){.size = sizeof(nexpr_file_source)};
}

nexpr_file_sink nexpr_file_sink_init(void) {
    return (nexpr_file_sink){.size = sizeof(nexpr_file_sink)};
}

nexpr_job_options nexpr_job_options_init(void) {
    return (nexpr_job_options){.size = sizeof(nexpr_job_options)};
}

nexpr_job_info nexpr_job_info_init(void) {
    return (nexpr_job_info){.size = sizeof(nexpr_job_info)};
}

/* -------------------------------------------------------------------------------------------------------- making -- */

static nexpr_status find_shapes(nexpr_job *job, nexpr_error *err) {
    const nexpr_array **arrays = calloc((size_t)job->source_count + 1, sizeof *arrays);
    if (!arrays) return nx_io_fail_memory(err, NULL);
    nexpr_status status = NEXPR_OK;
    for (int i = 0; i < job->source_count; i++) arrays[i] = &job->sources[i].array;
    for (int i = 0; !status && i < job->result_count; i++) {
        nx_result *r = &job->results[i];
        r->dtype = nexpr_result_dtype(job->expr, i);
        r->item_size = (int64_t)nexpr_dtype_size(r->dtype);
        nx_format_spell(r->dtype, NEXPR_NATIVE, r->type);
        status = nexpr_result_shape(job->expr, arrays, i, &r->ndim, r->shape, err);
        int64_t bytes = r->item_size;
        r->count = 1;
        for (int k = 0; !status && k < r->ndim; k++) r->is_unknown = r->is_unknown || r->shape[k] < 0;
        if (r->is_unknown) r->count = 0;
        job->has_unknown = job->has_unknown || r->is_unknown;
        for (int k = 0; !status && !r->is_unknown && k < r->ndim; k++) {
            r->count *= r->shape[k];
            if (!__builtin_mul_overflow(bytes, r->shape[k] ? r->shape[k] : 1, &bytes)) continue;
            status = nx_io_fail(err, NEXPR_SHAPE, NULL, "result %d would have more than 2^63 bytes", i);
        }
    }
    free(arrays);
    return status;
}

/* What is set aside in memory leaves less for buffers, and that may make other cuts. */
static void cut_and_choose(nexpr_job *job) {
    nx_job_cut(job);
    nx_job_choose_access(job);
    job->spool_in_memory = job->spool_bytes > 0 && (uint64_t)job->spool_bytes <= job->max_memory / 2;
    if (!job->spool_in_memory) return;
    int64_t before = job->spool_bytes;
    job->max_memory -= (size_t)before;
    nx_job_cut(job);
    nx_job_choose_access(job);
    if (job->spool_bytes <= before && (!job->slabs || (uint64_t)job->buffer_bytes <= job->max_memory)) return;
    job->spool_in_memory = false; /* the smaller boxes need more set aside: all of it to a file */
    job->max_memory += (size_t)before;
    if (job->slabs) nx_job_cut(job);
}

/* What is not computed in parts has to fit. */
static nexpr_status check_memory(const nexpr_job *job, nexpr_error *err) {
    if (!job->pass_count || !job->passes[0].is_whole || (uint64_t)job->buffer_bytes <= job->max_memory) return NEXPR_OK;
    if (job->slab_bytes && job->slab_bytes < job->buffer_bytes) {
        return nx_io_fail(err, NEXPR_MEMORY, NULL, "computed one row of the first axis at a time, the expression still "
                          "needs %lld bytes, but at most %zu are allowed (max-memory)", (long long)job->slab_bytes,
                          job->max_memory);
    }
    return nx_io_fail(err, NEXPR_MEMORY, NULL, "the expression needs all of an array at once, as a.T and cumsum(a) do: that "
                      "takes %lld bytes for its files, but at most %zu are allowed (max-memory)",
                      (long long)job->buffer_bytes, job->max_memory);
}

static void set_max_memory(nexpr_job *job) {
    const size_t all = job->options.max_memory ? job->options.max_memory : default_memory;
    job->max_memory = all < INT64_MAX ? all : INT64_MAX;
}

/* Where a length depends on data, as within max(a[a > 0]), all is computed at once, and written when it is made. */
static nexpr_status try_slabs(nexpr_job *job, nexpr_error *err) {
    const nexpr_status status = nx_job_make_slabs(job, err);
    job->has_unknown = status == NEXPR_ARGUMENT;
    return job->has_unknown ? NEXPR_OK : status;
}

static nexpr_status make_job(nexpr_job *job, const nexpr_file_source *const *sources, const nexpr_file_sink *const *sinks,
                             nexpr_error *err) {
    size_t inputs = (size_t)job->source_count + 1, results = (size_t)job->result_count + 1;
    job->sources = calloc(inputs, sizeof *job->sources);
    job->units = calloc(inputs, sizeof *job->units);
    job->results = calloc(results, sizeof *job->results);
    job->targets = calloc(results, sizeof *job->targets);
    job->passes = calloc(results, sizeof *job->passes);
    if (!job->sources || !job->units || !job->results || !job->targets || !job->passes) return nx_io_fail_memory(err, NULL);
    NX_IO_TRY(nx_job_make_units(job, sources, err));
    NX_IO_TRY(find_shapes(job, err));
    NX_IO_TRY(nx_job_make_targets(job, sinks, err));
    set_max_memory(job);
    if (!nexpr_is_elementwise(job->expr) && !job->has_unknown) NX_IO_TRY(try_slabs(job, err));
    if (!job->slabs) nx_job_make_passes(job);
    if (!job->has_unknown) NX_IO_TRY(nx_job_declare_targets(job, err));
    cut_and_choose(job);
    return check_memory(job, err);
}

nexpr_status nexpr_job_new(const nexpr *expr, nexpr_context *context, const nexpr_file_source *const *sources,
                           const nexpr_file_sink *const *sinks, const nexpr_job_options *options, nexpr_job **ret_job,
                           nexpr_error *err) {
    if (!expr || !ret_job) return nx_io_fail(err, NEXPR_ARGUMENT, NULL, "nexpr_job_new: expr and ret_job are needed");
    nexpr_job *job = calloc(1, sizeof *job);
    if (!job) return nx_io_fail_memory(err, NULL);
    job->expr = expr;
    job->context = context;
    job->source_count = nexpr_input_count(expr);
    job->result_count = nexpr_result_count(expr);
    job->options = nexpr_job_options_init();
    if (options) memcpy(&job->options, options, options->size < sizeof *options ? options->size : sizeof *options);
    nexpr_status status = make_job(job, sources, sinks, err);
    if (status) nexpr_job_free(&job);
    else *ret_job = job;
    return status;
}

void nexpr_job_free(nexpr_job **job) {
    nexpr_job *j = *job;
    if (!j) return;
    nx_job_free_units(j);
    nx_job_free_results(j);
    nexpr_slabs_free(&j->slabs);
    free(j->sources);
    free(j->passes);
    free(j);
    *job = NULL;
}

/* ------------------------------------------------------------------------------------------------------ describing -- */

/* What is read of a unit in all passes; -1 unknown. */
static int64_t count_read(const nexpr_job *job, const nx_unit *u) {
    const nx_group *g = &u->reader->groups[u->group];
    int64_t times = 0, bytes;
    nx_axes axes;
    if (g->stored_bytes < 0 || u->is_aside) return g->stored_bytes;
    if (job->slabs) return nx_slab_read_bytes(job, (int)(u - job->units));
    for (int p = 0; p < job->pass_count; p++) {
        bool has_part = nx_pass_align(&job->passes[p], g->ndim, g->shape, &axes);
        if (has_part) times += nx_pass_repeats(&job->passes[p], &axes);
    }
    return __builtin_mul_overflow(g->stored_bytes, times + u->is_checked, &bytes) ? -1 : bytes;
}

static void add_known(int64_t *sum, int64_t bytes) {
    if (*sum < 0 || bytes < 0 || __builtin_add_overflow(*sum, bytes, sum)) *sum = -1;
}

nexpr_status nexpr_job_describe(const nexpr_job *job, nexpr_job_info *ret_info) {
    nexpr_job_info info = {.size = ret_info->size, .buffer_bytes = job->buffer_bytes, .spool_bytes = job->spool_bytes,
                           .spool_in_memory = job->spool_in_memory, .fortran_order = job->pass_count > 0};
    for (int i = 0; i < job->unit_count; i++) add_known(&info.bytes_to_read, count_read(job, &job->units[i]));
    for (int i = 0; i < job->target_count; i++) {
        add_known(&info.bytes_to_write, job->has_unknown ? -1 : job->targets[i].writer->bytes);
    }
    info.passes = job->pass_count;
    for (int i = 0; i < job->result_count; i++) {
        const nx_result *r = &job->results[i];
        if (r->target < 0) info.bytes_to_keep += r->count * r->item_size;
        info.elements += r->count;
        info.fortran_order = info.fortran_order && r->fortran_order;
    }
    for (int p = 0; p < job->pass_count; p++) info.boxes += job->passes[p].box_count;
    memcpy(ret_info, &info, info.size < sizeof info ? info.size : sizeof info);
    return NEXPR_OK;
}

nexpr_status nexpr_job_result(const nexpr_job *job, int index, nexpr_member *ret_member) {
    if (index < 0 || index >= job->result_count) return NEXPR_ARGUMENT;
    const nx_result *r = &job->results[index];
    nexpr_member member = {.size = ret_member->size, .usable = true, .dtype = r->dtype, .ndim = r->ndim, .shape = r->shape,
                           .type = r->type, .fortran_order = r->fortran_order, .bytes = r->count * r->item_size};
    if (r->is_unknown) member.bytes = -1;
    if (r->target >= 0) {
        const nx_writer *w = job->targets[r->target].writer;
        bool has_names = w->format->by_columns || w->format->id == NEXPR_FILE_NPZ;
        member.name = has_names ? nx_job_result_name(job, index) : NULL;
        member.in_order = !w->is_random && w->stream.fd >= 0;
    }
    memcpy(ret_member, &member, member.size < sizeof member ? member.size : sizeof member);
    return NEXPR_OK;
}

/* --------------------------------------------------------------------------------------------------------- running -- */

int64_t nx_job_clock(const nexpr_job *job) {
    struct timespec now;
    if (!job->options.profile) return 0;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void nx_job_note(const nexpr_job *job, nexpr_phase phase, int64_t since) {
    if (job->options.profile) nexpr_profile_add(job->options.profile, phase, nx_job_clock(job) - since);
}

static nexpr_status prepare(nexpr_job *job, nexpr_error *err) {
    const int64_t begin = nx_job_clock(job);
    nexpr_status status = nx_job_prepare_units(job, err);
    nx_job_note(job, NEXPR_PHASE_READ, begin);
    return status;
}

static nexpr_status finish(nexpr_job *job, nexpr_error *err) {
    const int64_t begin = nx_job_clock(job);
    nexpr_status status = job->has_unknown ? nx_job_write_made(job, err) : nx_job_write_collected(job, err);
    if (!status) status = nx_job_finish_targets(job, err);
    nx_job_note(job, NEXPR_PHASE_WRITE, begin);
    return status;
}

static nexpr_status run_job(nexpr_job *job, nexpr_error *err) {
    int64_t done = 0;
    if (!job->has_unknown) NX_IO_TRY(nx_job_begin_targets(job, err));
    NX_IO_TRY(nx_job_allocate_arrays(job, err));
    NX_IO_TRY(prepare(job, err));
    for (int p = 0; p < job->pass_count; p++) {
        NX_IO_TRY(nx_job_allocate_units(job, p, err));
        NX_IO_TRY(nx_job_allocate_results(job, p, err));
        NX_IO_TRY(nx_job_run_pass(job, p, &done, err));
    }
    NX_IO_TRY(nx_job_check_units(job, err));
    return finish(job, err);
}

nexpr_status nexpr_job_run(nexpr_job *job, nexpr_error *err) {
    if (job->state != NX_JOB_NEW) return nx_io_fail(err, NEXPR_ARGUMENT, NULL, "a job runs once");
    job->state = NX_JOB_FAILED;
    const int64_t begin = nx_job_clock(job);
    nexpr_status status = run_job(job, err);
    nx_job_note(job, NEXPR_PHASE_WALL, begin);
    if (!status) job->state = NX_JOB_DONE;
    return status;
}

nexpr_status nexpr_job_array(const nexpr_job *job, int index, nexpr_array *ret_array) {
    if (job->state != NX_JOB_DONE || index < 0 || index >= job->result_count) return NEXPR_ARGUMENT;
    const nx_result *r = &job->results[index];
    if (r->target >= 0) return NEXPR_ARGUMENT;
    ret_array->data = job->has_unknown ? r->made.data : r->data;
    ret_array->dtype = r->dtype;
    ret_array->byte_order = NEXPR_NATIVE;
    ret_array->ndim = r->ndim;
    ret_array->shape = r->shape;
    ret_array->strides = r->strides;
    ret_array->owner = NULL;
    return NEXPR_OK;
}

nexpr_status nexpr_evaluate_files(const nexpr *expr, nexpr_context *context, const nexpr_file_source *const *sources,
                                  const nexpr_file_sink *const *sinks, const nexpr_job_options *options, nexpr_error *err) {
    nexpr_job *job = NULL;
    nexpr_status status = nexpr_job_new(expr, context, sources, sinks, options, &job, err);
    for (int i = 0; !status && i < job->result_count; i++) {
        if (job->results[i].target >= 0) continue;
        status = nx_io_fail(err, NEXPR_ARGUMENT, NULL, "nexpr_evaluate_files: result %d has no output", i);
    }
    if (!status) status = nexpr_job_run(job, err);
    nexpr_job_free(&job);
    return status;
}
