/* SPDX-License-Identifier: MIT */
/*
 * Running a pass: three stages, each at its own box. A reader thread is up to two boxes ahead, a writer thread up to two
 * behind, and the calling thread computes. One lock and one condition carry the three counters; whoever fails sets the
 * status, and everybody ends. Of one box, or where no thread can be started, the calling thread does it all.
 */
#include "runtime/io/job.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* A plan for boxes of one size; index 0 of `extent` is that of the space's first axis. */
typedef struct planned {
    int64_t extent[NEXPR_MAX_NDIM];
    nexpr_plan *plan;
} planned;

typedef struct run {
    nexpr_job *job;
    int pass_index;
    const nx_pass *pass;
    int *current[NX_JOB_SLOTS]; /* of each unit: which of its buffers a box uses */
    planned plans[NX_JOB_PLANS];
    int plan_count, next_plan;
    const void **inputs;
    void **outputs;
    nexpr_array *views; /* of inputs, then of results */
    const nexpr_array **view_list;
    nx_box *regions;  /* likewise; the counts are their shapes */
    int64_t *strides; /* NEXPR_MAX_NDIM each */
    int64_t *done;
    char nothing; /* has the address of what is empty */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t read, computed, written; /* boxes; from here on guarded by the lock */
    nexpr_status status;
    nexpr_error err;
} run;

static int view_count(const nexpr_job *job) {
    return job->source_count + job->result_count;
}

/* ------------------------------------------------------------------------------------------------------ computing -- */

/* The parts of arrays and buffers that belong to a box, without data. */
static void view_box(run *r, const nx_box *box) {
    const nexpr_job *job = r->job;
    for (int i = 0; i < view_count(job); i++) {
        nexpr_array *v = &r->views[i];
        nx_box *region = &r->regions[i];
        int64_t *strides = r->strides + (size_t)i * NEXPR_MAX_NDIM;
        r->view_list[i] = v;
        v->size = sizeof *v;
        v->shape = region->count;
        v->strides = strides;
        if (i < job->source_count) {
            const nx_source *s = &job->sources[i];
            v->dtype = s->array.dtype;
            v->byte_order = s->array.byte_order;
            v->ndim = s->array.ndim;
            nx_region(r->pass, box, v->ndim, s->array.shape, region);
            if (s->unit < 0) {
                memcpy(strides, s->strides, sizeof s->strides);
                continue;
            }
            const nx_unit *u = &job->units[s->unit];
            nx_region_strides(v->ndim, region->count, u->reader->groups[u->group].fortran_order, u->parts[s->part].item_size,
                              strides);
        } else {
            const nx_result *result = &job->results[i - job->source_count];
            v->dtype = result->dtype;
            v->ndim = result->ndim;
            nx_region(r->pass, box, v->ndim, result->shape, region);
            if (result->target < 0) memcpy(strides, result->strides, sizeof result->strides);
            else nx_region_strides(v->ndim, region->count, result->fortran_order, result->item_size, strides);
        }
    }
}

static char *offset(char *data, const nx_box *region, int ndim, const int64_t *strides) {
    for (int k = 0; k < ndim; k++) data += region->first[k] * strides[k];
    return data;
}

/* Addresses for the views. What has no part in the pass is empty, and its address is not looked at. */
static void address_box(run *r, int slot) {
    nexpr_job *job = r->job;
    for (int i = 0; i < job->source_count; i++) {
        const nx_source *s = &job->sources[i];
        if (s->unit >= 0) {
            const nx_unit *u = &job->units[s->unit];
            const char *buffer = u->parts[s->part].buffers[r->current[slot][s->unit]];
            r->inputs[i] = buffer ? buffer + s->offset : &r->nothing;
        } else if (s->is_used) {
            r->inputs[i] = offset(s->array.data, &r->regions[i], s->array.ndim, s->strides);
        }
    }
    for (int i = 0; i < job->result_count; i++) {
        nx_result *result = &job->results[i];
        char *buffer = result->buffers[r->pass->box_count > 1 ? slot : 0];
        if (job->has_unknown) continue;
        if (result->target >= 0) r->outputs[i] = buffer ? buffer : &r->nothing;
        else r->outputs[i] = offset(result->data, &r->regions[job->source_count + i], result->ndim, result->strides);
    }
}

static nexpr_status find_plan(run *r, const nx_box *box, nexpr_plan **ret, nexpr_error *err) {
    const nexpr_job *job = r->job;
    size_t bytes = sizeof *box->count * (size_t)r->pass->space.ndim;
    for (int i = 0; i < r->plan_count; i++) {
        *ret = r->plans[i].plan;
        if (!memcmp(r->plans[i].extent, box->count, bytes)) return NEXPR_OK;
    }
    nexpr_run_options options = nexpr_run_options_init();
    options.threads = job->options.threads;
    options.cancel = job->options.cancel;
    options.profile = job->options.profile;
    planned *p = &r->plans[r->next_plan];
    r->next_plan = (r->next_plan + 1) % NX_JOB_PLANS;
    nexpr_plan_free(&p->plan);
    memcpy(p->extent, box->count, bytes);
    nexpr_status status = nexpr_plan_new(job->expr, job->context, r->view_list, r->view_list + job->source_count, &options,
                                         &p->plan, err);
    if (status) memset(p->extent, 0xFF, bytes); /* fits no box */
    if (!status && r->plan_count < NX_JOB_PLANS) r->plan_count++;
    *ret = p->plan;
    return status;
}

/* Elements of results that were not there before. */
static int64_t count_elements(const run *r, const nx_box *box) {
    int64_t elements = 0;
    for (int i = 0; i < r->job->result_count; i++) {
        const nx_result *result = &r->job->results[i];
        int64_t count = 1;
        bool is_new = result->pass == r->pass_index && nx_pass_is_first_time(r->pass, box, result->ndim, result->shape);
        for (int k = 0; k < result->ndim; k++) count *= r->regions[r->job->source_count + i].count[k];
        if (is_new) elements += count;
    }
    return elements;
}

/* Takes over what the shape and order of a result turned out to be. */
static void describe_made(nx_result *r) {
    int long_axes = 0;
    bool is_fortran = r->target < 0; /* files get C order */
    r->is_unknown = false;
    r->count = 1;
    for (int k = 0; k < r->ndim; k++) {
        r->shape[k] = r->made.shape[k];
        r->strides[k] = r->made.strides[k];
        is_fortran = is_fortran && (r->shape[k] == 1 || r->strides[k] == r->count * r->item_size);
        long_axes += r->shape[k] != 1;
        r->count *= r->shape[k];
    }
    r->fortran_order = is_fortran && long_axes > 1;
}

/* All at once; results say afterwards how long they are. */
static nexpr_status evaluate_whole(run *r, nexpr_error *err) {
    nexpr_job *job = r->job;
    nexpr_run_options options = nexpr_run_options_init();
    nexpr_array **outputs = calloc((size_t)job->result_count + 1, sizeof *outputs);
    if (!outputs) return nx_io_fail_memory(err, NULL);
    options.threads = job->options.threads;
    options.cancel = job->options.cancel;
    options.profile = job->options.profile;
    for (int i = 0; i < job->source_count; i++) r->views[i].data = (void *)(uintptr_t)r->inputs[i];
    for (int i = 0; i < job->result_count; i++) {
        outputs[i] = &job->results[i].made;
        *outputs[i] = nexpr_array_init();
    }
    nexpr_status status = nexpr_evaluate(job->expr, job->context, r->view_list, outputs, &options, err);
    free(outputs);
    for (int i = 0; !status && i < job->result_count; i++) {
        describe_made(&job->results[i]);
        *r->done += job->results[i].count;
    }
    return status;
}

static nexpr_status compute_slab(run *r, const nx_box *box, int slot, nexpr_error *err) {
    NX_IO_TRY(nx_job_compute_slab(r->job, r->pass_index, box, r->current[slot], slot, r->inputs, r->outputs, err));
    *r->done += box->count[0] * r->pass->row_elements;
    return NEXPR_OK;
}

static nexpr_status compute_box(run *r, const nx_box *box, int slot, nexpr_error *err) {
    nexpr_job *job = r->job;
    nexpr_plan *plan = NULL;
    if (job->options.cancel && *job->options.cancel) return nx_io_fail(err, NEXPR_CANCELLED, NULL, "cancelled");
    if (job->slabs) return compute_slab(r, box, slot, err);
    view_box(r, box);
    if (job->has_unknown) {
        address_box(r, slot);
        return evaluate_whole(r, err);
    }
    NX_IO_TRY(find_plan(r, box, &plan, err));
    address_box(r, slot);
    NX_IO_TRY(nexpr_plan_run(plan, r->inputs, r->outputs, err));
    *r->done += count_elements(r, box);
    return NEXPR_OK;
}

/* ---------------------------------------------------------------------------------------------------------- stages -- */

/* Waits until a counter is beyond a box. False if somebody has failed. */
static bool wait_beyond(run *r, const int64_t *counter, int64_t box) {
    pthread_mutex_lock(&r->lock);
    while (!r->status && *counter <= box) pthread_cond_wait(&r->changed, &r->lock);
    bool goes_on = !r->status;
    pthread_mutex_unlock(&r->lock);
    return goes_on;
}

/* Counts a box as done, or ends everything with the first failure. */
static bool advance(run *r, int64_t *counter, nexpr_status status, const nexpr_error *err) {
    pthread_mutex_lock(&r->lock);
    if (status && !r->status) {
        r->status = status;
        r->err = *err;
    }
    if (!status) ++*counter;
    bool goes_on = !r->status;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return goes_on;
}

static nexpr_status read_box(run *r, const nx_box *box, int slot, nexpr_error *err) {
    const int64_t begin = nx_job_clock(r->job);
    nexpr_status status = nx_job_read_box(r->job, r->pass_index, box, r->current[slot], err);
    nx_job_note(r->job, NEXPR_PHASE_READ, begin);
    return status;
}

static nexpr_status write_box(run *r, const nx_box *box, int slot, nexpr_error *err) {
    const int64_t begin = nx_job_clock(r->job);
    nexpr_status status = nx_job_write_box(r->job, r->pass_index, box, slot, err);
    nx_job_note(r->job, NEXPR_PHASE_WRITE, begin);
    return status;
}

static void *read_boxes(void *user) {
    run *r = user;
    for (int64_t k = 0; k < r->pass->box_count; k++) {
        nexpr_error err = nexpr_error_init();
        nx_box box;
        if (!wait_beyond(r, &r->computed, k - NX_JOB_SLOTS)) break;
        nx_pass_box(r->pass, k, &box);
        nexpr_status status = read_box(r, &box, k % NX_JOB_SLOTS, &err);
        if (!advance(r, &r->read, status, &err)) break;
    }
    return NULL;
}

static void *write_boxes(void *user) {
    run *r = user;
    for (int64_t k = 0; k < r->pass->box_count; k++) {
        nexpr_error err = nexpr_error_init();
        nx_box box;
        if (!wait_beyond(r, &r->computed, k)) break;
        nx_pass_box(r->pass, k, &box);
        nexpr_status status = write_box(r, &box, k % NX_JOB_SLOTS, &err);
        if (!advance(r, &r->written, status, &err)) break;
    }
    return NULL;
}

static void report_progress(const run *r) {
    const nexpr_job_options *o = &r->job->options;
    int64_t total = 0;
    for (int i = 0; i < r->job->result_count && !r->job->slabs; i++) total += r->job->results[i].count;
    for (int p = 0; p < r->job->pass_count && r->job->slabs; p++) {
        total += r->job->passes[p].space.size[0] * r->job->passes[p].row_elements;
    }
    if (o->progress) o->progress(o->progress_user, *r->done, total);
}

static void compute_boxes(run *r) {
    for (int64_t k = 0; k < r->pass->box_count; k++) {
        nexpr_error err = nexpr_error_init();
        nx_box box;
        if (!wait_beyond(r, &r->read, k) || !wait_beyond(r, &r->written, k - NX_JOB_SLOTS)) break;
        nx_pass_box(r->pass, k, &box);
        nexpr_status status = compute_box(r, &box, k % NX_JOB_SLOTS, &err);
        if (!advance(r, &r->computed, status, &err)) break;
        report_progress(r);
    }
}

/* All stages of all boxes, one after the other. */
static nexpr_status run_alone(run *r, nexpr_error *err) {
    for (int64_t k = 0; k < r->pass->box_count; k++) {
        nx_box box;
        int slot = k % NX_JOB_SLOTS;
        nx_pass_box(r->pass, k, &box);
        NX_IO_TRY(read_box(r, &box, slot, err));
        NX_IO_TRY(compute_box(r, &box, slot, err));
        NX_IO_TRY(write_box(r, &box, slot, err));
        report_progress(r);
    }
    return NEXPR_OK;
}

/* --------------------------------------------------------------------------------------------------------- threads -- */

/* With every signal blocked: the host's handlers run on the host's threads. */
static bool start(pthread_t *thread, void *(*stage)(void *), run *r) {
    sigset_t all, saved;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &saved);
    int failed = pthread_create(thread, NULL, stage, r);
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
    return !failed;
}

static void stop(run *r) {
    pthread_mutex_lock(&r->lock);
    if (!r->status) r->status = NEXPR_CANCELLED;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

static nexpr_status run_overlapped(run *r, nexpr_error *err) {
    pthread_t reader, writer;
    bool alone = false;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    if (!start(&writer, write_boxes, r)) {
        alone = true;
    } else {
        if (start(&reader, read_boxes, r)) {
            compute_boxes(r);
            pthread_join(reader, NULL);
        } else {
            stop(r);
            alone = true;
        }
        pthread_join(writer, NULL);
    }
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    if (alone) return run_alone(r, err);
    if (r->status && err) *err = r->err;
    return r->status;
}

static bool allocate(run *r) {
    size_t views = (size_t)view_count(r->job) + 1;
    for (int slot = 0; slot < NX_JOB_SLOTS; slot++) {
        r->current[slot] = calloc((size_t)r->job->unit_count + 1, sizeof *r->current[slot]);
        if (!r->current[slot]) return false;
    }
    r->inputs = calloc(views, sizeof *r->inputs);
    r->outputs = calloc(views, sizeof *r->outputs);
    r->views = calloc(views, sizeof *r->views);
    r->view_list = calloc(views, sizeof *r->view_list);
    r->regions = calloc(views, sizeof *r->regions);
    r->strides = calloc(views, NEXPR_MAX_NDIM * sizeof *r->strides);
    return r->inputs && r->outputs && r->views && r->view_list && r->regions && r->strides;
}

static void free_run(run *r) {
    for (int i = 0; i < NX_JOB_PLANS; i++) nexpr_plan_free(&r->plans[i].plan);
    for (int slot = 0; slot < NX_JOB_SLOTS; slot++) free(r->current[slot]);
    free(r->inputs);
    free(r->outputs);
    free(r->views);
    free(r->view_list);
    free(r->regions);
    free(r->strides);
}

nexpr_status nx_job_run_pass(nexpr_job *job, int pass, int64_t *done, nexpr_error *err) {
    run r = {.job = job, .pass_index = pass, .pass = &job->passes[pass], .done = done, .err = nexpr_error_init()};
    nexpr_status status = NEXPR_OK;
    if (!allocate(&r)) status = nx_io_fail_memory(err, NULL);
    else if (r.pass->box_count <= 1) status = run_alone(&r, err);
    else status = run_overlapped(&r, err);
    if (!status && job->slabs) status = nx_job_end_slabs(job, pass, err);
    free_run(&r);
    return status;
}
