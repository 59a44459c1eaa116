/* SPDX-License-Identifier: MIT */
/*
 * nexpr_mpi_job: a program from files to files. Every rank reads what it needs of the files, stretch by stretch, and writes
 * what it computes. What can only be read as a whole (tables, compressed members), and what is small, every rank has; what
 * can only be written in order (tables, archives, pipes), and what stays in memory, goes to rank 0.
 *
 * A nexpr_job of the same files describes it; with one rank that is also what is run.
 */
#include "runtime/mpi/program.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of a member that every rank reads as a whole, and of the buffers that a stretch goes through. */
enum { SMALL = 1 << 16, STRETCH = 32 << 20 };
static const size_t default_memory = (size_t)256 << 20;

/* Where a result goes; on rank 0 the sink knows the output. The same on all ranks. */
typedef struct result {
    int32_t has_output, is_shared;
    uint64_t number;
    int32_t format, no_fsync;
    char path[4096];
} result;

struct nexpr_mpi_job {
    nexpr_mpi *mpi;
    const nexpr *expr;
    nexpr_job *description;
    nexpr_file_source *sources;
    nexpr_file_sink *sinks; /* of rank 0 */
    nexpr_output **twins;   /* of its outputs, for the description: checked as these are, and never written */
    nexpr_job_options options;
    int source_count, result_count;
    result *results;
    nexpr_array *whole;     /* by result, on rank 0: what is there as a whole */
    int64_t (*shapes)[NEXPR_MAX_NDIM], (*strides)[NEXPR_MAX_NDIM];
    bool is_done, is_alone;
};

/* ----------------------------------------------------------------------------------------------------- describing -- */

/* The twin of a result's output, if an earlier result goes there too. */
static nexpr_output *find_twin(const nexpr_mpi_job *job, int i) {
    for (int k = 0; k < i; k++) {
        if (job->sinks[k].output == job->sinks[i].output) return job->twins[k];
    }
    return NULL;
}

static void make_twin(nx_call *c, nexpr_mpi_job *job, int i) {
    nexpr_output_info info = nexpr_output_info_init();
    nexpr_output_options options = nexpr_output_options_init();
    if (!job->sinks[i].output || !nx_call_is_ok(c)) return;
    job->twins[i] = find_twin(job, i);
    if (job->twins[i]) return;
    nexpr_output_describe(job->sinks[i].output, &info);
    options.format = info.format;
    options.force = options.check_only = true;
    nexpr_output_new(info.path, &options, &job->twins[i], &c->error);
}

static void free_twins(nexpr_mpi_job *job) {
    for (int i = job->result_count; job->twins && i-- > 0;) {
        if (!find_twin(job, i)) nexpr_output_free(&job->twins[i]);
    }
    free(job->twins);
}

/* What a nexpr_job of these files would be: on rank 0 with its outputs. */
static void describe(nx_call *c, nexpr_mpi_job *job) {
    const size_t inputs = (size_t)job->source_count + 1, results = (size_t)job->result_count + 1;
    const nexpr_file_source **sources = calloc(inputs, sizeof *sources);
    const nexpr_file_sink **sinks = calloc(results, sizeof *sinks);
    nexpr_file_sink *twin_sinks = calloc(results, sizeof *twin_sinks);
    job->twins = calloc(results, sizeof *job->twins);
    if (!sources || !sinks || !twin_sinks || !job->twins) nx_call_raise(c, NEXPR_MEMORY, "%s: out of memory", c->name);
    for (int i = 0; i < job->source_count && nx_call_is_ok(c); i++) sources[i] = job->sources[i].size ? &job->sources[i] : NULL;
    for (int i = 0; i < job->result_count && nx_call_is_ok(c); i++) {
        if (!job->is_alone) make_twin(c, job, i);
        twin_sinks[i] = job->sinks[i];
        if (!job->is_alone) twin_sinks[i].output = job->twins[i];
        sinks[i] = &twin_sinks[i];
    }
    nexpr_job_options options = job->options;
    if (!job->is_alone) options.max_memory = SIZE_MAX / 2; /* it is the forecast that finds out what fits */
    if (nx_call_is_ok(c)) {
        nexpr_job_new(job->expr, c->mpi->context, sources, sinks, &options, &job->description, &c->error);
    }
    free(twin_sinks);
    free(sinks);
    free(sources);
}

/* ----------------------------------------------------------------------------------------------------------- making -- */

static void copy_source(nexpr_file_source *to, const nexpr_file_source *from) {
    *to = nexpr_file_source_init();
    memcpy(to, from, from->size < sizeof *to ? from->size : sizeof *to);
    to->size = sizeof *to;
}

static void copy_arguments(nx_call *c, nexpr_mpi_job *job, const nexpr_file_source *const *sources,
                           const nexpr_file_sink *const *sinks, const nexpr_job_options *options) {
    const size_t inputs = (size_t)job->source_count + 1, results = (size_t)job->result_count + 1;
    job->sources = calloc(inputs, sizeof *job->sources);
    job->sinks = calloc(results, sizeof *job->sinks);
    job->results = calloc(results, sizeof *job->results);
    job->whole = calloc(results, sizeof *job->whole);
    job->shapes = calloc(results, sizeof *job->shapes);
    job->strides = calloc(results, sizeof *job->strides);
    if (!job->sources || !job->sinks || !job->results || !job->whole || !job->shapes || !job->strides) {
        nx_call_raise(c, NEXPR_MEMORY, "%s: out of memory", c->name);
        return;
    }
    for (int i = 0; i < job->source_count; i++) {
        if (sources && sources[i]) copy_source(&job->sources[i], sources[i]);
    }
    for (int i = 0; i < job->result_count; i++) {
        job->sinks[i] = nexpr_file_sink_init();
        job->whole[i] = nexpr_array_init();
        const bool is_given = !c->mpi->rank && sinks && sinks[i];
        if (is_given) memcpy(&job->sinks[i], sinks[i], sinks[i]->size < sizeof *job->sinks ? sinks[i]->size : sizeof *job->sinks);
    }
    job->options = nexpr_job_options_init();
    if (options) memcpy(&job->options, options, options->size < sizeof job->options ? options->size : sizeof job->options);
    if (!job->options.max_memory) job->options.max_memory = default_memory;
}

static int results_of(const nexpr_mpi_job *job, const nexpr_output *output) {
    int count = 0;
    for (int i = 0; i < job->result_count; i++) count += job->sinks[i].output == output;
    return count;
}

/* Rank 0 decides how its outputs are written: by all ranks, if they can be and are in C order. */
static void choose_ways(nx_call *c, nexpr_mpi_job *job) {
    for (int i = 0; i < job->result_count && !c->mpi->rank; i++) {
        nexpr_output *output = job->sinks[i].output;
        nexpr_output_info info = nexpr_output_info_init();
        nexpr_member member = nexpr_member_init();
        nexpr_error none = nexpr_error_init();
        result *r = &job->results[i];
        if (!output) continue;
        nexpr_output_describe(output, &info);
        nexpr_job_result(job->description, i, &member);
        *r = (result){.has_output = true, .format = info.format, .no_fsync = info.no_fsync};
        const size_t length = strlen(info.path);
        if (length < sizeof r->path) memcpy(r->path, info.path, length + 1);
        r->is_shared = length < sizeof r->path && results_of(job, output) == 1 && !member.fortran_order &&
                       !nexpr_output_share(output, &r->number, &none);
    }
    nx_call_bcast(c, job->results, job->result_count * (int64_t)sizeof *job->results, 0);
}

nexpr_status nexpr_mpi_job_new(nexpr_mpi *mpi, const nexpr *expr, const nexpr_file_source *const *sources,
                               const nexpr_file_sink *const *sinks, const nexpr_job_options *options,
                               nexpr_mpi_job **ret_job, nexpr_error *err) {
    nx_call c;
    const nexpr_status status = nx_call_begin(&c, mpi, "nexpr_mpi_job_new", err);
    if (status) return status;
    nexpr_mpi_job *job = calloc(1, sizeof *job);
    if (!job) nx_call_raise(&c, NEXPR_MEMORY, "%s: out of memory", c.name);
    if (!expr || !ret_job) nx_call_raise(&c, NEXPR_ARGUMENT, "%s: expr or ret_job is NULL", c.name);
    if (nx_call_is_ok(&c)) {
        *job = (nexpr_mpi_job){.mpi = mpi, .expr = expr, .source_count = nexpr_input_count(expr),
                               .result_count = nexpr_result_count(expr), .is_alone = mpi->ranks == 1};
        copy_arguments(&c, job, sources, sinks, options);
    }
    if (nx_call_is_ok(&c)) describe(&c, job);
    bool goes_on = nx_call_goes_on(&c);
    if (goes_on && !job->is_alone) {
        choose_ways(&c, job);
        goes_on = nx_call_goes_on(&c);
    }
    if (goes_on) *ret_job = job;
    else nexpr_mpi_job_free(&job);
    return goes_on ? NEXPR_OK : c.error.status;
}

void nexpr_mpi_job_free(nexpr_mpi_job **ret_job) {
    nexpr_mpi_job *job = ret_job ? *ret_job : NULL;
    if (!job) return;
    for (int i = 0; job->whole && i < job->result_count; i++) free(job->whole[i].data);
    nexpr_job_free(&job->description);
    free_twins(job);
    free(job->sources);
    free(job->sinks);
    free(job->results);
    free(job->whole);
    free(job->shapes);
    free(job->strides);
    free(job);
    *ret_job = NULL;
}

nexpr_status nexpr_mpi_job_describe(const nexpr_mpi_job *job, nexpr_job_info *ret_info) {
    return nexpr_job_describe(job->description, ret_info);
}

nexpr_status nexpr_mpi_job_result(const nexpr_mpi_job *job, int index, nexpr_member *ret_member) {
    return nexpr_job_result(job->description, index, ret_member);
}

nexpr_status nexpr_mpi_job_array(const nexpr_mpi_job *job, int index, nexpr_array *ret_array) {
    if (job->is_alone) return nexpr_job_array(job->description, index, ret_array);
    if (!job->is_done || index < 0 || index >= job->result_count || !job->whole[index].data) return NEXPR_ARGUMENT;
    const nexpr_array *whole = &job->whole[index];
    *ret_array = (nexpr_array){.size = ret_array->size, .data = whole->data, .dtype = whole->dtype, .ndim = whole->ndim,
                               .shape = whole->shape, .strides = whole->strides};
    return NEXPR_OK;
}

/* ----------------------------------------------------------------------------------------------------------- inputs -- */

/* What is known of an input before it is read. */
typedef struct origin {
    nexpr_array array;  /* description */
    nexpr_cut cut;
    bool is_whole;      /* every rank has it */
    int64_t *bounds;
} origin;

typedef struct running {
    nx_call call;
    nexpr_mpi_job *job;
    origin *origins;
    const nexpr_array **array_list;
    const nexpr_cut **cut_list;
    nx_program program;
    nx_memory memory;
} running;

static void cut_evenly(int64_t n, int parts, int64_t *bounds) {
    for (int r = 0; r <= parts; r++) bounds[r] = n / parts * r + (r < n % parts ? r : n % parts);
}

/* Which part of a member is nearest to each rank: along the axis in which it lies in the file. */
static void describe_member(nx_call *c, const nexpr_file_source *source, origin *o) {
    nexpr_member member = nexpr_member_init();
    nexpr_file_member(source->file, source->member, &member);
    o->array.dtype = member.dtype;
    o->array.ndim = member.ndim;
    o->array.shape = member.shape;
    int64_t bytes = (int64_t)nexpr_dtype_size(member.dtype);
    int axis = -1;
    for (int i = 0; i < member.ndim; i++) {
        bytes *= member.shape[i];
        if (member.shape[i] > 1 && (axis < 0 || member.fortran_order)) axis = i;
    }
    o->is_whole = member.in_order || bytes <= SMALL || axis < 0;
    if (o->is_whole) return;
    o->cut.axis = axis;
    cut_evenly(member.shape[axis], c->mpi->ranks, o->bounds);
    o->cut.bounds = o->bounds;
}

static void describe_inputs(running *run) {
    nx_call *c = &run->call;
    const nexpr_mpi_job *job = run->job;
    const int64_t n = job->source_count, parts = c->mpi->ranks + 1;
    const int64_t each = sizeof *run->origins + sizeof *run->array_list + sizeof *run->cut_list +
                         parts * (int64_t)sizeof(int64_t);
    char *memory = nx_call_allocate(c, n * each + 1, "inputs", &run->memory);
    if (!memory) return;
    memset(memory, 0, (size_t)(n * each));
    run->origins = (origin *)memory;
    run->array_list = (const nexpr_array **)(run->origins + n);
    run->cut_list = (const nexpr_cut **)(run->array_list + n);
    int64_t *bounds = (int64_t *)(run->cut_list + n);
    for (int i = 0; i < n; i++, bounds += parts) {
        origin *o = &run->origins[i];
        const nexpr_file_source *source = &job->sources[i];
        if (!nexpr_input_is_used(job->expr, i)) continue;
        o->array = nexpr_array_init();
        o->cut = nexpr_cut_init();
        o->bounds = bounds;
        o->is_whole = !source->file;
        if (source->file) describe_member(c, source, o);
        else o->array = *source->array;
        o->array.byte_order = NEXPR_NATIVE;
        o->array.strides = NULL;
        o->array.data = source->file ? (void *)memory : source->array->data; /* not looked at */
        run->array_list[i] = &o->array;
        run->cut_list[i] = &o->cut;
    }
}

/* Reads a whole input, or copies it, into an array of this rank's own, in C order. */
static void load(running *run, int i) {
    nx_call *c = &run->call;
    const nexpr_file_source *source = &run->job->sources[i];
    const origin *o = &run->origins[i];
    nexpr_mpi_array *a = nx_array_new(c);
    if (!a) return;
    run->program.operands[i].array = run->program.operands[i].own = a;
    nx_layout_describe(c, o->array.dtype, o->array.ndim, o->array.shape, &a->layout);
    nx_array_place(c, a, 0, 0, NULL);
    if (!nx_call_is_ok(c)) return;
    if (source->file) {
        const int64_t zero[NEXPR_MAX_NDIM] = {0};
        nexpr_file_read(source->file, source->member, zero, a->layout.shape, a->data, &c->error);
        return;
    }
    nexpr_array to = nexpr_array_init();
    to.dtype = o->array.dtype;
    to.ndim = o->array.ndim;
    to.shape = o->array.shape;
    to.data = a->data;
    nexpr_evaluate_text(c->mpi->context, "x", (const char *const[]){"x"}, (const nexpr_array *const[]){source->array}, 1,
                        (nexpr_array *const[]){&to}, 1, NULL, NULL, &c->error);
}

/* ------------------------------------------------------------------------------------------------------------- runs -- */

static void set_wanted(running *run) {
    for (int i = 0; i < run->job->result_count; i++) {
        const result *r = &run->job->results[i];
        nx_wanted *w = &run->program.wanted[i];
        if (!r->is_shared) continue;
        *w = (nx_wanted){.output = run->job->sinks[i].output, .is_file = true, .path = r->path, .number = r->number};
        w->options = nexpr_output_options_init();
        w->options.format = (nexpr_file_format)r->format;
        w->options.no_fsync = r->no_fsync;
        w->options.cancel = run->job->options.cancel;
    }
}

static void set_limits(running *run) {
    const nexpr_mpi_job *job = run->job;
    nx_program *program = &run->program;
    nexpr_job_info info = nexpr_job_info_init();
    const int64_t most = job->options.max_memory < INT64_MAX ? (int64_t)job->options.max_memory : INT64_MAX;
    program->max_memory = most;
    program->buffer_bytes = most / 2 < STRETCH ? most / 2 + 1 : STRETCH;
    if (run->call.mpi->rank) return;
    nexpr_job_describe(job->description, &info);
    program->progress = job->options.progress;
    program->progress_user = job->options.progress_user;
    program->total = info.elements;
}

/* Everything up to the first exchange. */
static void prepare(running *run) {
    nx_call *c = &run->call;
    const nexpr_mpi_job *job = run->job;
    nexpr_run_options options = nexpr_run_options_init();
    nexpr_parts *parts = NULL;
    options.threads = job->options.threads;
    options.cancel = job->options.cancel;
    options.profile = job->options.profile;
    describe_inputs(run);
    if (nx_call_is_ok(c)) {
        nexpr_parts_new(job->expr, c->mpi->context, run->array_list, run->cut_list, c->mpi->ranks, &options, &parts, &c->error);
    }
    nx_program_prepare(c, parts, job->source_count, job->result_count, &run->program);
    if (nx_call_is_ok(c)) set_wanted(run);
    for (int i = 0; i < job->source_count && nx_call_is_ok(c); i++) {
        if (!run->array_list[i]) continue;
        run->program.operands[i].file = job->sources[i].file;
        run->program.operands[i].member = job->sources[i].member;
        if (!run->origins[i].is_whole) continue;
        load(run, i);
        run->program.operands[i].file = NULL;
        if (job->sources[i].file && nx_call_is_ok(c)) run->program.held_bytes += run->program.operands[i].array->layout.bytes;
    }
    set_limits(run);
    if (nx_call_is_ok(c)) {
        nexpr_parts_new(job->expr, c->mpi->context, run->array_list, run->cut_list, c->mpi->ranks, &options,
                        &run->program.forecast, &c->error);
    }
    if (nx_call_is_ok(c)) nx_program_forecast(&run->program);
}

/* All ranks flush what they wrote, and only then rank 0 says that the files are complete. */
static bool complete_outputs(running *run) {
    nx_call *c = &run->call;
    const nx_program *program = &run->program;
    for (int i = 0; i < run->job->result_count && nx_call_is_ok(c); i++) {
        nexpr_output *joined = program->operands[nexpr_parts_result(program->parts, i)].joined;
        if (joined) nexpr_output_complete(joined, &c->error);
    }
    if (!nx_call_goes_on(c)) return false;
    for (int i = 0; i < run->job->result_count && nx_call_is_ok(c) && !c->mpi->rank; i++) {
        if (run->job->results[i].is_shared) nexpr_output_complete(run->job->sinks[i].output, &c->error);
    }
    return true;
}

/* Memory of rank 0 for a result that is wanted as a whole. */
static void make_whole(nx_call *c, nexpr_mpi_job *job, const nexpr_mpi_array *from, int i) {
    nexpr_array *whole = &job->whole[i];
    const nx_layout *l = &from->layout;
    whole->data = malloc((size_t)l->bytes + 1);
    if (!whole->data) nx_call_raise(c, NEXPR_MEMORY, "out of memory for a result of %lld bytes", (long long)l->bytes);
    memcpy(job->shapes[i], l->shape, sizeof job->shapes[i]);
    int64_t stride = l->item;
    for (int k = l->ndim; k-- > 0; stride *= l->shape[k]) job->strides[i][k] = stride;
    whole->dtype = l->dtype;
    whole->ndim = l->ndim;
    whole->shape = job->shapes[i];
    whole->strides = job->strides[i];
}

static bool gather_results(running *run) {
    nx_call *c = &run->call;
    nexpr_mpi_job *job = run->job;
    nx_program *program = &run->program;
    for (int i = 0; i < job->result_count && nx_call_is_ok(c) && !c->mpi->rank; i++) {
        const nexpr_mpi_array *from = program->operands[nexpr_parts_result(program->parts, i)].array;
        if (!job->results[i].is_shared) make_whole(c, job, from, i);
    }
    if (!nx_call_goes_on(c)) return false;
    for (int i = 0; i < job->result_count; i++) {
        const nexpr_mpi_array *from = program->operands[nexpr_parts_result(program->parts, i)].array;
        if (job->results[i].is_shared) continue;
        if (nexpr_mpi_array_gather(from, 0, &job->whole[i], &c->error)) return false;
    }
    return true;
}

/* Results that inputs in Fortran order have made are in this order too. */
static void reorder(nx_call *c, nexpr_mpi_job *job, int i) {
    nexpr_member member = nexpr_member_init();
    nexpr_job_result(job->description, i, &member);
    nexpr_array from = job->whole[i], *to = &job->whole[i];
    if (!member.fortran_order || !nx_call_is_ok(c)) return;
    int64_t old_strides[NEXPR_MAX_NDIM], stride = (int64_t)nexpr_dtype_size(from.dtype);
    memcpy(old_strides, job->strides[i], sizeof old_strides);
    from.strides = old_strides;
    for (int k = 0; k < from.ndim; k++) {
        job->strides[i][k] = stride;
        stride *= from.shape[k];
    }
    to->data = malloc((size_t)stride + 1);
    if (!to->data) nx_call_raise(c, NEXPR_MEMORY, "out of memory for a result of %lld bytes", (long long)stride);
    else nexpr_evaluate_text(c->mpi->context, "x", (const char *const[]){"x"}, (const nexpr_array *const[]){&from}, 1,
                             (nexpr_array *const[]){to}, 1, NULL, NULL, &c->error);
    free(from.data);
}

/* Writes all results of one output. */
static void write_output(nx_call *c, nexpr_mpi_job *job, nexpr_output *output) {
    const size_t room = (size_t)job->result_count + 1;
    const nexpr_array **arrays = calloc(room, sizeof *arrays);
    const char **names = calloc(room, sizeof *names);
    int count = 0;
    if (!arrays || !names) nx_call_raise(c, NEXPR_MEMORY, "%s: out of memory", c->name);
    for (int i = 0; i < job->result_count && nx_call_is_ok(c); i++) {
        nexpr_member member = nexpr_member_init();
        if (job->sinks[i].output != output) continue;
        nexpr_job_result(job->description, i, &member);
        names[count] = member.name;
        arrays[count++] = &job->whole[i];
    }
    if (nx_call_is_ok(c)) nexpr_output_write(output, names, arrays, count, &c->error);
    free(arrays);
    free(names);
}

/* What rank 0 has to write by itself. */
static void write_results(running *run) {
    nx_call *c = &run->call;
    nexpr_mpi_job *job = run->job;
    for (int i = 0; i < job->result_count && !c->mpi->rank; i++) {
        if (!job->results[i].is_shared) reorder(c, job, i);
    }
    for (int i = 0; i < job->result_count && nx_call_is_ok(c) && !c->mpi->rank; i++) {
        bool is_first = job->results[i].has_output && !job->results[i].is_shared;
        for (int k = 0; k < i && is_first; k++) is_first = job->sinks[k].output != job->sinks[i].output;
        if (is_first) write_output(c, job, job->sinks[i].output);
    }
}

static bool run_between_ranks(running *run) {
    nx_call *c = &run->call;
    if (!nx_call_goes_on(c)) return false;
    if (!nx_program_run(&run->program) || !nx_call_goes_on(c)) return false;
    if (!complete_outputs(run) || !gather_results(run)) return false;
    write_results(run);
    return nx_call_goes_on(c);
}

static nexpr_status run_job(running *run) {
    prepare(run);
    run->job->is_done = run_between_ranks(run);
    nx_program_free(&run->program);
    nx_memory_free(&run->memory);
    return run->job->is_done ? NEXPR_OK : run->call.error.status;
}

nexpr_status nexpr_mpi_job_run(nexpr_mpi_job *job, nexpr_error *err) {
    running run = {.job = job};
    nexpr_status status = nx_call_begin(&run.call, job ? job->mpi : NULL, "nexpr_mpi_job_run", err);
    if (status) return status;
    nx_buffers_allow(job->mpi->buffers, 0); /* what is kept would come on top of max_memory */
    status = job->is_alone ? nexpr_job_run(job->description, err) : run_job(&run);
    nx_buffers_allow(job->mpi->buffers, job->mpi->cached);
    return status;
}
