/* SPDX-License-Identifier: MIT */
/*
 * Spaces, passes and boxes: nothing here reads or writes. A pass is cut so that its buffers fit into the memory that is
 * allowed and, where that costs no reading twice, into a cache. Where files of both orders of axes meet, it is cut into
 * tiles that are long in both directions, so that every file is read in long stretches.
 */
#include "runtime/io/job.h"

#include <string.h>

/* Buffers of this size stay in the caches between reading, computing and writing. */
enum { PREFERRED = 6 << 20 };

/* ------------------------------------------------------------------------------------------------------- regions -- */

bool nx_pass_align(const nx_pass *pass, int ndim, const int64_t *shape, nx_axes *ret) {
    const nx_axes *space = &pass->space;
    bool fits = true;
    if (pass->is_whole) {
        *ret = (nx_axes){.ndim = 1, .size = {1}};
        for (int k = 0; k < ndim; k++) ret->size[0] *= shape[k];
        return true;
    }
    ret->ndim = space->ndim;
    for (int k = 0; k < ndim - space->ndim; k++) fits = fits && shape[k] == 1;
    for (int a = 0; a < space->ndim; a++) {
        int k = a - (space->ndim - ndim);
        ret->size[a] = k < 0 ? 1 : shape[k];
        fits = fits && (ret->size[a] == 1 || ret->size[a] == space->size[a]);
    }
    return fits;
}

void nx_region(const nx_pass *pass, const nx_box *box, int ndim, const int64_t *shape, nx_box *ret) {
    for (int k = 0; k < ndim; k++) {
        int a = k + pass->space.ndim - ndim;
        bool follows = a >= 0 && shape[k] == pass->space.size[a];
        if (pass->is_whole) {
            ret->first[k] = 0;
            ret->count[k] = shape[k];
            continue;
        }
        ret->first[k] = follows && shape[k] != 1 ? box->first[a] : 0;
        ret->count[k] = shape[k] == 1 ? 1 : follows ? box->count[a] : 0;
    }
}

bool nx_pass_is_first_time(const nx_pass *pass, const nx_box *box, int ndim, const int64_t *shape) {
    nx_axes axes;
    if (pass->is_whole) return true;
    nx_pass_align(pass, ndim, shape, &axes);
    for (int a = 0; a < axes.ndim; a++) {
        if (axes.size[a] == 1 && box->first[a]) return false;
    }
    return true;
}

/* The axis at a place: place 0 is the outermost. */
static int axis_at(const nx_pass *pass, int place) {
    return pass->fortran_order ? pass->space.ndim - 1 - place : place;
}

void nx_pass_box(const nx_pass *pass, int64_t index, nx_box *ret) {
    for (int place = pass->space.ndim - 1; place >= 0; place--) {
        int a = axis_at(pass, place);
        int64_t first = index % pass->boxes[a] * pass->piece.size[a], left = pass->space.size[a] - first;
        ret->first[a] = first;
        ret->count[a] = left < pass->piece.size[a] ? left : pass->piece.size[a];
        index /= pass->boxes[a];
    }
}

/* The place of the innermost axis that is cut and that the member has; -1 if there is none. */
static int innermost_cut(const nx_pass *pass, const nx_axes *axes) {
    for (int place = pass->space.ndim - 1; place >= 0; place--) {
        int a = axis_at(pass, place);
        if (pass->boxes[a] > 1 && axes->size[a] != 1) return place;
    }
    return -1;
}

bool nx_pass_is_constant(const nx_pass *pass, const nx_axes *axes) {
    return innermost_cut(pass, axes) < 0;
}

int64_t nx_pass_repeats(const nx_pass *pass, const nx_axes *axes) {
    int64_t repeats = 1;
    for (int place = innermost_cut(pass, axes) - 1; place >= 0; place--) {
        int a = axis_at(pass, place);
        if (axes->size[a] == 1) repeats *= pass->boxes[a];
    }
    return repeats;
}

bool nx_pass_is_in_order(const nx_pass *pass, const nx_axes *axes, bool fortran_order) {
    int last = -1;
    bool is_cut = false;
    if (nx_pass_is_constant(pass, axes)) return true;
    for (int k = axes->ndim - 1; k >= 0; k--) { /* from the file's innermost axis outwards */
        int a = fortran_order ? axes->ndim - 1 - k : k;
        if (axes->size[a] == 1) continue;
        int place = pass->fortran_order ? axes->ndim - 1 - a : a;
        if (last >= 0 && place > last) return false;
        if (is_cut && pass->piece.size[a] != 1) return false;
        is_cut = is_cut || pass->boxes[a] > 1;
        last = place;
    }
    return true;
}

int64_t nx_pass_region_count(const nx_pass *pass, const nx_axes *axes) {
    int64_t count = 1;
    if (pass->is_whole) return axes->size[0];
    for (int a = 0; a < axes->ndim; a++) count *= axes->size[a] == 1 ? 1 : pass->piece.size[a];
    return count;
}

void nx_region_strides(int ndim, const int64_t *count, bool fortran_order, int64_t item_size, int64_t *strides) {
    for (int i = 0; i < ndim; i++) {
        int k = fortran_order ? i : ndim - 1 - i;
        strides[k] = item_size;
        if (count[k]) item_size *= count[k];
    }
}

nexpr_status nx_for_stretches(int ndim, const int64_t *shape, bool fortran_order, const nx_box *region, nx_visit *visit,
                              void *user, nexpr_error *err) {
    int64_t length = 1, steps[NEXPR_MAX_NDIM], index[NEXPR_MAX_NDIM] = {0}, at = 0, total = 1, step = 1;
    int inner = 0; /* axes, from the innermost, that a stretch covers */
    for (int i = 0; i < ndim; i++) {
        int k = fortran_order ? i : ndim - 1 - i;
        bool is_joined = i == inner && length == step;
        steps[i] = step;
        at += region->first[k] * step;
        total *= region->count[k];
        if (is_joined) length *= region->count[k];
        inner += is_joined;
        step *= shape[k];
    }
    for (int64_t from = 0; from < total; from += length) {
        NX_IO_TRY(visit(user, at, from, length, err));
        for (int i = inner; i < ndim; i++) {
            int64_t count = region->count[fortran_order ? i : ndim - 1 - i];
            at += steps[i];
            if (++index[i] < count) break;
            at -= steps[i] * count;
            index[i] = 0;
        }
    }
    return NEXPR_OK;
}

/* -------------------------------------------------------------------------------------------------------- passes -- */

/* Makes the space larger so that the shape fits into it; false, and unchanged, if that cannot be. */
static bool extend(nx_axes *space, int ndim, const int64_t *shape) {
    nx_axes larger = {.ndim = ndim > space->ndim ? ndim : space->ndim};
    for (int i = 1; i <= larger.ndim; i++) {
        int64_t a = i <= space->ndim ? space->size[space->ndim - i] : 1, b = i <= ndim ? shape[ndim - i] : 1;
        if (a != b && a != 1 && b != 1) return false;
        larger.size[larger.ndim - i] = a == 1 ? b : a;
    }
    *space = larger;
    return true;
}

/* Order of axes of an array: 1 Fortran, 0 C, -1 if it lies in both orders or in none. */
static int array_order(const nexpr_array *a, const int64_t *strides) {
    bool is_c = true, is_fortran = true;
    int64_t c = (int64_t)nexpr_dtype_size(a->dtype), f = c;
    for (int k = 0; k < a->ndim; k++) {
        is_fortran = is_fortran && (a->shape[k] == 1 || strides[k] == f);
        f *= a->shape[k];
    }
    for (int k = a->ndim - 1; k >= 0; k--) {
        is_c = is_c && (a->shape[k] == 1 || strides[k] == c);
        c *= a->shape[k];
    }
    return is_c == is_fortran ? -1 : is_fortran;
}

static int source_order(const nexpr_job *job, const nx_source *s) {
    int long_axes = 0;
    for (int k = 0; k < s->array.ndim; k++) long_axes += s->array.shape[k] != 1;
    if (long_axes < 2) return -1;
    if (s->unit < 0) return array_order(&s->array, s->strides);
    const nx_unit *u = &job->units[s->unit];
    return u->reader->groups[u->group].fortran_order;
}

/* Fortran order if all inputs of several axes have it and all results may. */
static bool choose_order(const nexpr_job *job, int pass) {
    const nx_pass *p = &job->passes[pass];
    bool any = false;
    nx_axes axes;
    for (int i = 0; i < job->source_count; i++) {
        const nx_source *s = &job->sources[i];
        if (!s->is_used || !nx_pass_align(p, s->array.ndim, s->array.shape, &axes)) continue;
        int order = source_order(job, s);
        if (order == 0) return false;
        any = any || order == 1;
    }
    for (int i = 0; i < job->result_count; i++) {
        const nx_result *r = &job->results[i];
        if (r->pass != pass || r->target < 0) continue;
        const nx_format *f = job->targets[r->target].writer->format;
        if ((f->order_is_lost || f->by_columns) && r->ndim > 1) return false;
    }
    return any;
}

/* All results in one pass without a space. */
static void make_whole_pass(nexpr_job *job) {
    for (int i = 0; i < job->result_count; i++) job->results[i].pass = 0;
    job->passes[0] = (nx_pass){.is_whole = true, .box_count = 1};
    job->pass_count = 1;
}

void nx_job_make_passes(nexpr_job *job) {
    if (!nexpr_is_elementwise(job->expr)) {
        make_whole_pass(job);
        return;
    }
    for (int i = 0; i < job->result_count; i++) {
        nx_result *r = &job->results[i];
        r->pass = r->count ? 0 : -1;
        if (!r->count) continue; /* there is nothing to compute */
        while (r->pass < job->pass_count && !extend(&job->passes[r->pass].space, r->ndim, r->shape)) r->pass++;
        if (r->pass < job->pass_count) continue;
        job->passes[job->pass_count] = (nx_pass){.space.ndim = r->ndim};
        memcpy(job->passes[job->pass_count++].space.size, r->shape, sizeof r->shape);
    }
    for (int p = 0; p < job->pass_count; p++) job->passes[p].fortran_order = choose_order(job, p);
    for (int i = 0; i < job->result_count; i++) {
        nx_result *r = &job->results[i];
        int long_axes = 0;
        for (int k = 0; k < r->ndim; k++) long_axes += r->shape[k] != 1;
        r->fortran_order = r->pass >= 0 && job->passes[r->pass].fortran_order && long_axes > 1;
    }
}

/* ------------------------------------------------------------------------------------------------------- cutting -- */

static void count_boxes(nx_pass *p) {
    int cut = 0;
    p->box_count = 1;
    for (int a = 0; a < p->space.ndim; a++) {
        int64_t size = p->space.size[a], piece = p->piece.size[a];
        p->boxes[a] = (size + piece - 1) / piece;
        p->box_count *= p->boxes[a];
        cut += p->boxes[a] > 1 && piece > 1;
    }
    p->is_tiled = cut > 1;
}

/* What a cut costs: bytes of buffers that change from box to box, of those that do not, and bytes that are read. */
typedef struct cost {
    int64_t moving, resting, read;
} cost;

void nx_add_product(int64_t *sum, int64_t a, int64_t b) {
    int64_t product;
    if (__builtin_mul_overflow(a, b, &product) || __builtin_add_overflow(*sum, product, sum)) *sum = INT64_MAX;
}

int64_t nx_unit_item_bytes(const nx_unit *u) {
    int64_t bytes = 0;
    for (int k = 0; k < u->part_count; k++) bytes += u->parts[k].item_size;
    return bytes;
}

static cost find_cost(const nexpr_job *job, int pass) {
    const nx_pass *p = &job->passes[pass];
    cost c = {0};
    nx_axes axes;
    for (int i = 0; i < job->unit_count; i++) {
        const nx_unit *u = &job->units[i];
        const nx_group *g = &u->reader->groups[u->group];
        if (!nx_pass_align(p, g->ndim, g->shape, &axes)) continue;
        bool rests = nx_pass_is_constant(p, &axes);
        nx_add_product(rests ? &c.resting : &c.moving, nx_pass_region_count(p, &axes) * (rests ? 1 : NX_JOB_SLOTS),
                    nx_unit_item_bytes(u));
        nx_add_product(&c.read, nx_pass_repeats(p, &axes), g->count);
    }
    for (int i = 0; i < job->result_count && !job->has_unknown; i++) {
        const nx_result *r = &job->results[i];
        if (r->target < 0 || !nx_pass_align(p, r->ndim, r->shape, &axes)) continue;
        int64_t slots = p->box_count > 1 ? NX_JOB_SLOTS : 1;
        nx_add_product(&c.moving, nx_pass_region_count(p, &axes) * slots, r->item_size);
    }
    return c;
}

int64_t nx_job_buffer_bytes(const nexpr_job *job, int pass) {
    cost c = find_cost(job, pass);
    nx_add_product(&c.moving, c.resting, 1);
    return c.moving;
}

static bool is_crosswise(const nx_pass *p, const nx_axes *axes, bool fortran_order) {
    int long_axes = 0;
    for (int a = 0; a < axes->ndim; a++) long_axes += axes->size[a] != 1;
    return long_axes > 1 && fortran_order != p->fortran_order;
}

/* Whether a file lies in the other order than that of the boxes, and whether tiles may then be cut: what can only be read or
 * written in the order of the boxes forbids it. */
static bool find_crosswise(const nexpr_job *job, int pass, bool *ret_may_tile) {
    const nx_pass *p = &job->passes[pass];
    bool any = false;
    nx_axes axes;
    *ret_may_tile = true;
    for (int i = 0; i < job->unit_count; i++) {
        const nx_unit *u = &job->units[i];
        const nx_group *g = &u->reader->groups[u->group];
        if (!nx_pass_align(p, g->ndim, g->shape, &axes)) continue;
        bool is_one = is_crosswise(p, &axes, g->fortran_order);
        any = any || is_one;
        if (!is_one && !g->is_random) *ret_may_tile = false;
    }
    for (int i = 0; i < job->result_count; i++) {
        const nx_result *r = &job->results[i];
        if (r->pass != pass || r->target < 0) continue;
        const nx_writer *w = job->targets[r->target].writer;
        if (w->format->by_columns || (!w->is_random && w->stream.fd >= 0)) *ret_may_tile = false;
    }
    return any;
}

/* Whether the pass, as it is cut now, keeps to the memory. */
static bool fits(nexpr_job *job, int pass, int64_t limit) {
    count_boxes(&job->passes[pass]);
    return nx_job_buffer_bytes(job, pass) <= limit;
}

/* Makes the pieces of an axis as long as they may be, at least 1. */
static bool cut_axis(nexpr_job *job, int pass, int axis, int64_t limit) {
    int64_t *piece = &job->passes[pass].piece.size[axis], low = 1, high = *piece;
    while (low < high) {
        *piece = low + (high - low + 1) / 2;
        if (fits(job, pass, limit)) low = *piece;
        else high = *piece - 1;
    }
    *piece = low;
    return fits(job, pass, limit);
}

/* Halves pieces, on the outermost axis or on the innermost, whichever is longer. */
static void cut_tiles(nexpr_job *job, int pass, int64_t limit) {
    nx_pass *p = &job->passes[pass];
    while (!fits(job, pass, limit)) {
        int outer = 0, inner = p->space.ndim - 1;
        while (outer < p->space.ndim && p->piece.size[axis_at(p, outer)] <= 1) outer++;
        while (inner >= 0 && p->piece.size[axis_at(p, inner)] <= 1) inner--;
        if (inner < 0) return;
        int64_t *a = &p->piece.size[axis_at(p, outer)], *b = &p->piece.size[axis_at(p, inner)];
        if (*a > *b) *a -= *a / 2;
        else *b -= *b / 2;
    }
}

/* Cuts the outermost axes until the limit is kept. */
static void cut_rows(nexpr_job *job, int pass, int64_t limit) {
    nx_pass *p = &job->passes[pass];
    if (fits(job, pass, limit)) return;
    for (int place = 0; place < p->space.ndim; place++) {
        if (cut_axis(job, pass, axis_at(p, place), limit)) return;
    }
}

/* A smaller cut is better for the caches, unless more has to be read then. */
static void cut_for_caches(nexpr_job *job, int pass) {
    nx_pass before = job->passes[pass];
    int64_t resting = find_cost(job, pass).resting, read = find_cost(job, pass).read;
    int64_t limit = resting < INT64_MAX - PREFERRED ? resting + PREFERRED : INT64_MAX;
    cut_rows(job, pass, limit);
    if (find_cost(job, pass).read > read) job->passes[pass] = before;
}

void nx_job_cut(nexpr_job *job) {
    job->buffer_bytes = 0;
    if (job->slabs) {
        nx_job_cut_slabs(job);
        return;
    }
    for (int p = 0; p < job->pass_count; p++) {
        nx_pass *pass = &job->passes[p];
        if (pass->is_whole) {
            job->buffer_bytes = nx_job_buffer_bytes(job, p);
            continue;
        }
        bool may_tile, crosswise = find_crosswise(job, p, &may_tile);
        pass->piece = pass->space;
        if (crosswise && may_tile) cut_tiles(job, p, (int64_t)job->max_memory);
        else cut_rows(job, p, (int64_t)job->max_memory);
        if (!crosswise) cut_for_caches(job, p);
        int64_t bytes = nx_job_buffer_bytes(job, p);
        if (bytes > job->buffer_bytes) job->buffer_bytes = bytes;
    }
}
