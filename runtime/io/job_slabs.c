/* SPDX-License-Identifier: MIT */
/*
 * Jobs by slabs (nexpr_slabs_new): what is not elementwise takes several passes, each through the rows of what it computes.
 * A box of such a pass is a slab: a stretch of each file, in the C order of its elements. What a pass needs whole is read
 * once and kept; results that come at the end of a pass are collected in memory, and written when all is done.
 */
#include "runtime/io/job.h"

#include <stdlib.h>
#include <string.h>

/* Buffers of this size stay in the caches between reading, computing and writing. */
static const int64_t preferred = 6 << 20;

static const nx_group *group_of(const nexpr_job *job, int unit) {
    const nx_unit *u = &job->units[unit];
    return &u->reader->groups[u->group];
}

static nexpr_slab_part input_part(const nexpr_job *job, int pass, int input) {
    nexpr_slab_part part = nexpr_slab_part_init();
    nexpr_slabs_input(job->slabs, pass, input, &part);
    return part;
}

static nexpr_slab_part result_part(const nexpr_job *job, int pass, int result) {
    nexpr_slab_part part = nexpr_slab_part_init();
    nexpr_slabs_result(job->slabs, pass, result, &part);
    return part;
}

/* ------------------------------------------------------------------------------------------------------------ regions -- */

/* What both need. */
static void join(nexpr_slab_part *all, const nexpr_slab_part *part) {
    if (part->use == NEXPR_SLAB_NOT) return;
    if (all->use == NEXPR_SLAB_NOT) {
        *all = *part;
    } else if (all->use != part->use || all->row_items != part->row_items) {
        all->use = NEXPR_SLAB_WHOLE;
    } else {
        if (part->before < all->before) all->before = part->before;
        if (part->behind > all->behind) all->behind = part->behind;
    }
}

nexpr_slab_part nx_slab_unit(const nexpr_job *job, int pass, int unit) {
    nexpr_slab_part all = nexpr_slab_part_init();
    for (int i = 0; i < job->source_count; i++) {
        if (job->sources[i].unit != unit) continue;
        const nexpr_slab_part part = input_part(job, pass, i);
        join(&all, &part);
    }
    if (all.use && job->units[unit].is_kept) all.use = NEXPR_SLAB_WHOLE;
    return all;
}

/* Of a file in Fortran order whole rows of its first axis are read; else single elements. */
static int64_t granule(const nx_group *g) {
    return g->fortran_order && g->ndim > 1 && g->count ? g->count / g->shape[0] : 1;
}

void nx_slab_region(const nexpr_job *job, int pass, int unit, const nx_box *box, int64_t *ret_begin, int64_t *ret_end) {
    const nexpr_slab_part part = nx_slab_unit(job, pass, unit);
    const nx_group *g = group_of(job, unit);
    const int64_t n = granule(g);
    *ret_begin = 0;
    *ret_end = part.use == NEXPR_SLAB_WHOLE ? g->count : 0;
    if (part.use != NEXPR_SLAB_ROWS) return;
    *ret_begin = (box->first[0] * part.row_items + part.before) / n * n;
    *ret_end = ((box->first[0] + box->count[0]) * part.row_items + part.behind + n - 1) / n * n;
}

static int64_t region_count(const nexpr_job *job, int pass, int unit, int64_t rows) {
    const nexpr_slab_part part = nx_slab_unit(job, pass, unit);
    const nx_group *g = group_of(job, unit);
    const int64_t n = granule(g);
    if (part.use != NEXPR_SLAB_ROWS) return part.use == NEXPR_SLAB_WHOLE ? g->count : 0;
    int64_t count = rows * part.row_items + part.behind - part.before;
    if (n > 1) count = (count / n + 2) * n;
    return count < g->count ? count : g->count;
}

int64_t nx_slab_region_count(const nexpr_job *job, int pass, int unit) {
    const nx_pass *p = &job->passes[pass];
    return p->box_count ? region_count(job, pass, unit, p->piece.size[0]) : 0;
}

bool nx_slab_is_in_order(const nexpr_job *job, int unit, bool once) {
    const nx_group *g = group_of(job, unit);
    int passes = 0;
    if (job->units[unit].is_kept) return true;
    for (int p = 0; p < job->pass_count; p++) {
        const nexpr_slab_part part = nx_slab_unit(job, p, unit);
        if (part.use == NEXPR_SLAB_NOT || !job->passes[p].space.size[0]) continue;
        if (granule(g) > 1 || part.before || part.behind < 0) return false;
        if (job->passes[p].space.size[0] * part.row_items + part.behind != g->count) return false;
        passes++;
    }
    return passes <= 1 || !once;
}

int64_t nx_slab_read_bytes(const nexpr_job *job, int unit) {
    const nx_group *g = group_of(job, unit);
    int64_t times = job->units[unit].is_checked, rest = 0, bytes = 0; /* the whole, and elements besides */
    for (int p = 0; p < job->pass_count; p++) {
        const nexpr_slab_part part = nx_slab_unit(job, p, unit);
        const int64_t elements = job->passes[p].space.size[0] * part.row_items + part.behind - part.before;
        if (part.use == NEXPR_SLAB_WHOLE) return g->stored_bytes;
        if (part.use != NEXPR_SLAB_ROWS) continue;
        times += elements == g->count;
        rest += elements == g->count ? 0 : elements;
    }
    nx_add_product(&bytes, times, g->stored_bytes);
    if (rest) nx_add_product(&bytes, (int64_t)((double)rest / (double)g->count * (double)g->stored_bytes), 1);
    return bytes;
}

/* ------------------------------------------------------------------------------------------------------------ results -- */

int64_t nx_slab_row_items(const nexpr_job *job, int pass, int result) {
    const nexpr_slab_part part = result_part(job, pass, result);
    return part.use == NEXPR_SLAB_ROWS ? part.row_items : 0;
}

/* The pass that writes a result, and how. */
static int find_writer(const nexpr_job *job, int result, nexpr_slab_part *ret) {
    *ret = nexpr_slab_part_init();
    for (int p = 0; p < job->pass_count; p++) {
        *ret = result_part(job, p, result);
        if (ret->use) return p;
    }
    return -1;
}

/* Columns of one table are written together: if not all come with the same rows, all are collected. */
static void find_collected(nexpr_job *job) {
    for (int i = 0; i < job->result_count; i++) {
        nx_result *r = &job->results[i];
        nexpr_slab_part part, other;
        r->pass = find_writer(job, i, &part);
        if (r->target < 0) continue;
        if (part.use == NEXPR_SLAB_WHOLE) r->is_collected = true;
        if (!job->targets[r->target].writer->format->by_columns) continue;
        for (int k = 0; k < job->result_count; k++) {
            if (job->results[k].target != r->target) continue;
            const int pass = find_writer(job, k, &other);
            if (pass != r->pass || other.use == NEXPR_SLAB_WHOLE || part.use != other.use) r->is_collected = true;
        }
    }
}

/* ----------------------------------------------------------------------------------------------------------- cutting -- */

/* Bytes that do not depend on the cut. */
static int64_t resting_bytes(const nexpr_job *job) {
    int64_t bytes = nexpr_slabs_bytes(job->slabs);
    for (int i = 0; i < job->unit_count; i++) {
        if (job->units[i].is_kept) nx_add_product(&bytes, group_of(job, i)->count, nx_unit_item_bytes(&job->units[i]));
    }
    for (int i = 0; i < job->result_count; i++) {
        if (job->results[i].is_collected) nx_add_product(&bytes, job->results[i].count, job->results[i].item_size);
    }
    return bytes;
}

/* Bytes of a pass's buffers for slabs of so many rows. */
static int64_t moving_bytes(const nexpr_job *job, int pass, int64_t rows) {
    const int64_t slots = rows < job->passes[pass].space.size[0] ? NX_JOB_SLOTS : 1;
    int64_t bytes = 0;
    for (int i = 0; i < job->unit_count; i++) {
        if (job->units[i].is_kept) continue;
        nx_add_product(&bytes, region_count(job, pass, i, rows) * slots, nx_unit_item_bytes(&job->units[i]));
    }
    for (int i = 0; i < job->result_count; i++) {
        const nx_result *r = &job->results[i];
        if (r->target < 0 || r->is_collected) continue;
        nx_add_product(&bytes, nx_slab_row_items(job, pass, i) * rows * slots, r->item_size);
    }
    return bytes;
}

/* The most rows whose buffers keep to the limit, at least one. */
static int64_t find_rows(const nexpr_job *job, int pass, int64_t limit) {
    int64_t low = 1, high = job->passes[pass].space.size[0];
    if (moving_bytes(job, pass, high) <= limit) return high; /* one slab needs no second buffers */
    while (low < high) {
        const int64_t middle = low + (high - low + 1) / 2;
        if (moving_bytes(job, pass, middle) <= limit) low = middle;
        else high = middle - 1;
    }
    return low;
}

/* Whether a file lies so that short slabs mean short stretches. */
static bool wants_long_slabs(const nexpr_job *job, int pass) {
    for (int i = 0; i < job->unit_count; i++) {
        if (nx_slab_unit(job, pass, i).use == NEXPR_SLAB_ROWS && granule(group_of(job, i)) > 1) return true;
    }
    return false;
}

/* Bytes that slabs have in common with those before. */
static int64_t common_bytes(const nexpr_job *job, int pass) {
    int64_t bytes = 0;
    for (int i = 0; i < job->unit_count; i++) {
        const nexpr_slab_part part = nx_slab_unit(job, pass, i);
        if (part.behind > part.before) nx_add_product(&bytes, part.behind - part.before, nx_unit_item_bytes(&job->units[i]));
    }
    return bytes;
}

static void cut_pass(nexpr_job *job, int pass, int64_t limit) {
    nx_pass *p = &job->passes[pass];
    const int64_t rows = p->space.size[0], most = find_rows(job, pass, limit);
    int64_t wanted = preferred;
    nx_add_product(&wanted, 4 * NX_JOB_SLOTS, common_bytes(job, pass));
    p->piece.size[0] = most;
    if (wanted < limit && !wants_long_slabs(job, pass)) p->piece.size[0] = find_rows(job, pass, wanted);
    p->boxes[0] = p->box_count = rows ? (rows + p->piece.size[0] - 1) / p->piece.size[0] : 0;
}

bool nx_job_cut_slabs(nexpr_job *job) {
    const int64_t resting = resting_bytes(job), limit = (int64_t)job->max_memory - resting;
    int64_t largest = 0;
    for (int p = 0; p < job->pass_count; p++) {
        cut_pass(job, p, limit);
        const int64_t bytes = job->passes[p].box_count ? moving_bytes(job, p, job->passes[p].piece.size[0]) : 0;
        if (bytes > largest) largest = bytes;
    }
    job->buffer_bytes = largest;
    nx_add_product(&job->buffer_bytes, resting, 1);
    return job->buffer_bytes <= (int64_t)job->max_memory;
}

/* ----------------------------------------------------------------------------------------------------------- making -- */

/* The sources as slabs find them: those of files are in C order in their buffers. */
static nexpr_status make_slabs(nexpr_job *job, nexpr_array *arrays, const nexpr_array **list, int64_t *strides,
                               nexpr_error *err) {
    nexpr_run_options options = nexpr_run_options_init();
    options.threads = job->options.threads;
    options.cancel = job->options.cancel;
    options.profile = job->options.profile;
    for (int i = 0; i < job->source_count; i++) {
        const nx_source *s = &job->sources[i];
        int64_t *own = strides + (size_t)i * NEXPR_MAX_NDIM;
        list[i] = &arrays[i];
        arrays[i] = s->array;
        arrays[i].strides = own;
        if (s->unit < 0) memcpy(own, s->strides, sizeof s->strides);
        else nx_region_strides(s->array.ndim, s->array.shape, false, job->units[s->unit].parts[s->part].item_size, own);
    }
    return nexpr_slabs_new(job->expr, job->context, list, &options, &job->slabs, err);
}

static nexpr_status plan_slabs(nexpr_job *job, nexpr_error *err) {
    const size_t count = (size_t)job->source_count + 1;
    nexpr_array *arrays = calloc(count, sizeof *arrays);
    const nexpr_array **list = calloc(count, sizeof *list);
    int64_t *strides = calloc(count, NEXPR_MAX_NDIM * sizeof *strides);
    nexpr_status status = arrays && list && strides ? make_slabs(job, arrays, list, strides, err)
                                                    : nx_io_fail_memory(err, NULL);
    free(arrays);
    free(list);
    free(strides);
    return status;
}

static void describe_pass(const nexpr_job *job, int pass, nx_pass *ret) {
    *ret = (nx_pass){.space = {.ndim = 1, .size = {nexpr_slabs_rows(job->slabs, pass)}}, .piece = {.ndim = 1}};
    for (int i = 0; i < job->source_count; i++) {
        const nexpr_slab_part part = input_part(job, pass, i);
        if (part.use == NEXPR_SLAB_ROWS) ret->row_elements += part.row_items;
    }
    for (int i = 0; i < job->result_count; i++) ret->row_elements += nx_slab_row_items(job, pass, i);
    if (!ret->row_elements) ret->row_elements = 1;
}

static nexpr_status make_passes(nexpr_job *job, nexpr_error *err) {
    const int count = nexpr_slabs_pass_count(job->slabs);
    nx_pass *passes = calloc((size_t)count + 1, sizeof *passes);
    if (!passes) return nx_io_fail_memory(err, NULL);
    free(job->passes);
    job->passes = passes;
    job->pass_count = count;
    for (int p = 0; p < count; p++) {
        describe_pass(job, p, &passes[p]);
        for (int i = 0; i < job->unit_count; i++) {
            job->units[i].is_kept = job->units[i].is_kept || nx_slab_unit(job, p, i).use == NEXPR_SLAB_WHOLE;
        }
    }
    find_collected(job);
    return NEXPR_OK;
}

/* Whether everything at once keeps to the memory, and saves reading files again. */
static bool is_better_whole(const nexpr_job *job) {
    int64_t bytes = 0;
    bool is_read_again = false;
    for (int i = 0; i < job->unit_count; i++) {
        int passes = 0;
        nx_add_product(&bytes, group_of(job, i)->count, nx_unit_item_bytes(&job->units[i]));
        for (int p = 0; p < job->pass_count; p++) passes += nx_slab_unit(job, p, i).use == NEXPR_SLAB_ROWS;
        is_read_again = is_read_again || passes > 1;
    }
    for (int i = 0; i < job->result_count; i++) {
        if (job->results[i].target >= 0) nx_add_product(&bytes, job->results[i].count, job->results[i].item_size);
    }
    return is_read_again && bytes <= (int64_t)job->max_memory;
}

static void drop_slabs(nexpr_job *job) {
    nexpr_slabs_free(&job->slabs);
    job->pass_count = 0;
    for (int i = 0; i < job->unit_count; i++) job->units[i].is_kept = false;
    for (int i = 0; i < job->result_count; i++) job->results[i].is_collected = false;
}

nexpr_status nx_job_make_slabs(nexpr_job *job, nexpr_error *err) {
    NX_IO_TRY(plan_slabs(job, err));
    NX_IO_TRY(make_passes(job, err));
    const bool fits = nx_job_cut_slabs(job);
    if (!fits) job->slab_bytes = job->buffer_bytes;
    if (!fits || is_better_whole(job)) drop_slabs(job);
    return NEXPR_OK;
}

/* ----------------------------------------------------------------------------------------------------------- running -- */

/* The distance of the elements of an array in memory that is in C order. */
static int64_t distance_of(const nx_source *s) {
    for (int k = s->array.ndim - 1; k >= 0; k--) {
        if (s->array.shape[k] != 1) return s->strides[k];
    }
    return (int64_t)nexpr_dtype_size(s->array.dtype);
}

static const void *find_input(const nexpr_job *job, int pass, int input, const nx_box *box, const int *current) {
    const nx_source *s = &job->sources[input];
    const nexpr_slab_part part = input_part(job, pass, input);
    const int64_t first = part.use == NEXPR_SLAB_ROWS ? box->first[0] * part.row_items + part.before : 0;
    if (part.use == NEXPR_SLAB_NOT) return NULL;
    if (s->unit < 0) return (const char *)s->array.data + first * distance_of(s);
    const nx_part *from = &job->units[s->unit].parts[s->part];
    int64_t begin, end;
    nx_slab_region(job, pass, s->unit, box, &begin, &end);
    return from->buffers[current[s->unit]] + (first - begin) * from->item_size + s->offset;
}

nexpr_status nx_job_compute_slab(nexpr_job *job, int pass, const nx_box *box, const int *current, int slot,
                                 const void **inputs, void **outputs, nexpr_error *err) {
    for (int i = 0; i < job->source_count; i++) inputs[i] = find_input(job, pass, i, box, current);
    for (int i = 0; i < job->result_count; i++) {
        nx_result *r = &job->results[i];
        const int64_t first = box->first[0] * nx_slab_row_items(job, pass, i);
        outputs[i] = r->data ? r->data + first * r->item_size : r->buffers[slot];
    }
    return nexpr_slabs_run(job->slabs, pass, box->first[0], box->count[0], inputs, outputs, err);
}

nexpr_status nx_job_end_slabs(nexpr_job *job, int pass, nexpr_error *err) {
    void **outputs = calloc((size_t)job->result_count + 1, sizeof *outputs);
    if (!outputs) return nx_io_fail_memory(err, NULL);
    for (int i = 0; i < job->result_count; i++) outputs[i] = job->results[i].data;
    nexpr_status status = nexpr_slabs_end_pass(job->slabs, pass, outputs, err);
    free(outputs);
    return status;
}
