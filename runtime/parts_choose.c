/* SPDX-License-Identifier: MIT */
/* Which axis of a pass is cut where, and what each part then has to read. See parts.h. */
#include "runtime/parts.h"

#include <string.h>

/* A pass of so many elements whose arrays everybody has is computed by everybody. */
enum { SMALL = 1 << 16 };

static int64_t min(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t max(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* ----------------------------------------------------------------------------------------------------------- reach -- */

int nx_leading_axis(const nx_shape *shape) {
    for (int k = 0; k < shape->ndim; k++) {
        if (shape->extent[k] > 1) return k;
    }
    return 0;
}

int nx_find_axis(const nx_shape *shape, int64_t stride, int64_t extent, int64_t *ret_step) {
    const int64_t size = stride < 0 ? -stride : stride;
    int found = -1;
    int64_t items = 1, step = 0;
    for (int k = shape->ndim - 1; k >= 0 && items <= size; items *= shape->extent[k--]) {
        if (shape->extent[k] == 1) continue;
        found = k;
        step = size % items ? 0 : size / items;
    }
    if (found < 0 || !step || step > (shape->extent[found] - 1) / (extent - 1)) return -1;
    *ret_step = stride < 0 ? -step : step;
    return found;
}

/* Elements before the first one that are read, and behind it, along each axis of the array. */
typedef struct sweep {
    int64_t below[NEXPR_MAX_NDIM], above[NEXPR_MAX_NDIM];
    int64_t low, high; /* in C order */
    bool is_aligned;
} sweep;

static int add_sweep(sweep *s, const nx_shape *shape, int64_t stride, int64_t extent, int64_t *ret_step) {
    *ret_step = 0;
    if (!stride || extent <= 1) return -1;
    *(stride < 0 ? &s->low : &s->high) += stride * (extent - 1);
    const int k = nx_find_axis(shape, stride, extent, ret_step);
    if (k < 0) s->is_aligned = false;
    else *(stride < 0 ? &s->below[k] : &s->above[k]) += *ret_step * (extent - 1);
    return k;
}

/* All of the array but along its leading axis. */
static void set_flat_reach(const nx_shape *shape, const sweep *s, nx_reach *ret) {
    const int leading = nx_leading_axis(shape);
    memset(ret->begin, 0, sizeof ret->begin);
    memcpy(ret->end, shape->extent, (size_t)shape->ndim * sizeof *ret->end);
    if (!shape->ndim) return;
    const int64_t items = shape->count / shape->extent[leading];
    ret->begin[leading] = s->low / items;
    ret->end[leading] = s->high / items + 1;
}

void nx_find_reach(const nx_pass *pass, const nx_source *source, const nx_part_array *array, int axis, int64_t begin,
                   int64_t end, nx_reach *ret) {
    const int64_t size = (int64_t)nexpr_dtype_size(array->dtype);
    const int64_t from = source->offset / size + (axis < 0 ? 0 : begin * (source->stride[axis] / size));
    const nx_shape *shape = &array->shape;
    sweep s = {.low = from, .high = from, .is_aligned = true};
    int64_t step;
    for (int i = 0; i < pass->shape->ndim; i++) {
        const int64_t extent = i == axis ? end - begin : pass->shape->extent[i];
        ret->axis[i] = add_sweep(&s, shape, source->stride[i] / size, extent, &ret->step[i]);
    }
    add_sweep(&s, shape, source->table_stride / size, source->table_count, &step);
    int64_t rest = s.low, items = shape->count;
    for (int k = 0; k < shape->ndim && s.is_aligned; k++) {
        items /= shape->extent[k];
        ret->begin[k] = rest / items;
        ret->first[k] = ret->begin[k] - s.below[k];
        ret->end[k] = ret->first[k] + s.above[k] + 1;
        s.is_aligned &= ret->end[k] <= shape->extent[k];
        rest %= items;
    }
    ret->is_aligned = s.is_aligned;
    if (!s.is_aligned) set_flat_reach(shape, &s, ret);
}

uint32_t nx_parts_array_of(const nx_parts *parts, const nx_source *source) {
    return source->index + (source->kind == NX_SOURCE_TEMPORARY ? parts->input_count : 0);
}

/* ----------------------------------------------------------------------------------------------------------- needs -- */

typedef struct chooser {
    const nx_parts *parts;
    nx_arena *arena;
    nx_part_pass *p;
    int64_t *reach; /* of one array: [part][axis][2] */
} chooser;

static int64_t *reach_at(const chooser *c, int part, int axis) {
    return c->reach + 2 * ((size_t)part * NEXPR_MAX_NDIM + (size_t)axis);
}

static bool computes_nothing(const nx_part_pass *p, int part) {
    return p->axis >= 0 && p->begin[part] >= p->end[part];
}

/* Which way the cut axis of the pass goes through an array: along which of its axes, and forward or backward; not at all; or
 * in no way that has a name. */
static int way_of(const nx_parts *parts, const nx_part_pass *p, const nx_source *source) {
    enum { NOT_AT_ALL = -1, ASKEW = -2 };
    const uint32_t index = nx_parts_array_of(parts, source);
    const nx_part_array *array = &parts->arrays[index];
    nx_reach reach;
    if (p->axis < 0 || array->cut.axis < 0 || !array->shape.count || !p->pass.shape->count) return NOT_AT_ALL;
    if (index < parts->input_count && parts->orders[index] == NEXPR_SWAPPED) return NOT_AT_ALL; /* one need for all */
    nx_find_reach(&p->pass, source, array, p->axis, 0, p->pass.shape->extent[p->axis], &reach);
    if (!reach.is_aligned) return ASKEW;
    return reach.axis[p->axis] < 0 ? NOT_AT_ALL : 2 * reach.axis[p->axis] + (reach.step[p->axis] < 0);
}

/* What every part needs of the array by sources that go one way, along each of its axes. */
static bool find_reaches(const chooser *c, uint32_t need) {
    const nx_part_pass *p = c->p;
    const nx_part_array *array = &c->parts->arrays[p->needs[need].array];
    bool is_aligned = true;
    for (int r = 0; r < c->parts->count; r++) {
        bool is_first = true;
        for (int k = 0; k < NEXPR_MAX_NDIM; k++) memset(reach_at(c, r, k), 0, 2 * sizeof(int64_t));
        for (uint32_t i = 0; i < p->pass.ir.input_count && !computes_nothing(p, r); i++) {
            const nx_source *source = &p->pass.sources[i];
            nx_reach one;
            if (source->kind == NX_SOURCE_INDEX || p->need_of[i] != need) continue;
            nx_find_reach(&p->pass, source, array, p->axis, p->axis < 0 ? 0 : p->begin[r], p->axis < 0 ? 0 : p->end[r],
                          &one);
            is_aligned &= one.is_aligned;
            for (int k = 0; k < array->shape.ndim; k++) {
                int64_t *all = reach_at(c, r, k);
                all[0] = is_first ? one.begin[k] : min(all[0], one.begin[k]);
                all[1] = is_first ? one.end[k] : max(all[1], one.end[k]);
            }
            is_first = false;
        }
    }
    return is_aligned;
}

/* Elements that have to move if every part gets what it needs along this axis. */
static double count_moved(const chooser *c, const nx_part_array *array, int axis) {
    const nx_cut *cut = &array->cut;
    const double row = (double)array->shape.count / (double)array->shape.extent[axis];
    double moved = 0;
    for (int r = 0; r < c->parts->count; r++) {
        const int64_t *need = reach_at(c, r, axis);
        double own = 0;
        if (cut->axis == axis) own = (double)max(0, min(need[1], cut->bounds[r + 1]) - max(need[0], cut->bounds[r]));
        else own = (double)(need[1] - need[0]) * (double)(cut->bounds[r + 1] - cut->bounds[r]) /
                   (double)array->shape.extent[cut->axis];
        moved += ((double)(need[1] - need[0]) - own) * row;
    }
    return moved;
}

/* Along which axis parts get what they need, and how much of it. */
static nexpr_status fill_need(chooser *c, uint32_t index, nexpr_error *err) {
    nx_part_need *need = &c->p->needs[index];
    const nx_part_array *array = &c->parts->arrays[need->array];
    const size_t parts = (size_t)c->parts->count;
    if (array->cut.axis < 0 || !array->shape.count) return NEXPR_OK;
    const bool is_aligned = find_reaches(c, index);
    const int leading = nx_leading_axis(&array->shape);
    double least = 0;
    for (int k = 0; k < array->shape.ndim; k++) {
        if (array->shape.extent[k] == 1 && k != leading) continue;
        if (k != leading && !is_aligned) continue;
        const double moved = count_moved(c, array, k);
        if (need->axis >= 0 && (moved > least || (moved == least && k != array->cut.axis))) continue;
        need->axis = k;
        least = moved;
    }
    need->begin = nx_arena_alloc(c->arena, parts, sizeof *need->begin);
    need->end = nx_arena_alloc(c->arena, parts, sizeof *need->end);
    if (!need->begin || !need->end) return nx_fail_memory(err);
    for (int r = 0; r < c->parts->count; r++) {
        need->begin[r] = reach_at(c, r, need->axis)[0];
        need->end[r] = reach_at(c, r, need->axis)[1];
    }
    c->p->moved += least * (double)nexpr_dtype_size(array->dtype);
    return NEXPR_OK;
}

/* The need that a source belongs to; a new one if it is the first. */
static uint32_t need_of(const chooser *c, const nx_source *source) {
    nx_part_pass *p = c->p;
    const uint32_t array = nx_parts_array_of(c->parts, source);
    const int way = way_of(c->parts, p, source);
    for (uint32_t k = 0; k < p->need_count; k++) {
        if (p->needs[k].array == array && p->needs[k].way == way) return k;
    }
    p->needs[p->need_count] = (nx_part_need){.array = array, .way = way, .axis = -1};
    return p->need_count++;
}

static nexpr_status find_needs(chooser *c, nexpr_error *err) {
    nx_part_pass *p = c->p;
    p->needs = nx_arena_alloc(c->arena, p->pass.ir.input_count, sizeof *p->needs);
    p->need_of = nx_arena_alloc(c->arena, p->pass.ir.input_count, sizeof *p->need_of);
    if (!p->needs || !p->need_of) return nx_fail_memory(err);
    p->need_count = 0;
    p->moved = 0;
    for (uint32_t i = 0; i < p->pass.ir.input_count; i++) {
        if (p->pass.sources[i].kind != NX_SOURCE_INDEX) p->need_of[i] = need_of(c, &p->pass.sources[i]);
    }
    for (uint32_t k = 0; k < p->need_count; k++) NX_TRY(fill_need(c, k, err));
    return NEXPR_OK;
}

/* ------------------------------------------------------------------------------------------------------------ cuts -- */

static bool is_reduced(const nx_pass *pass, int axis) {
    return pass->kind != NX_PASS_ELEMENTWISE && pass->is_reduced[axis];
}

int64_t nx_parts_row_items(const nx_part_pass *p) {
    int64_t items = 1;
    for (int i = 0; i < p->pass.shape->ndim; i++) {
        if (i != p->axis && is_reduced(&p->pass, i)) items *= p->pass.shape->extent[i];
    }
    return items;
}

/* An axis that is reduced can be cut if it is the first of its sort, and what is compressed along the first of all. */
static bool can_cut(const nx_pass *pass, int axis) {
    if (pass->shape->extent[axis] < 2) return false;
    for (int i = 0; i < axis && is_reduced(pass, axis); i++) {
        if (is_reduced(pass, i) && pass->shape->extent[i] > 1) return false;
    }
    return true;
}

/* The bounds of equal parts, the first ones by one longer. */
static void cut_evenly(int64_t count, int parts, int64_t *bounds) {
    for (int r = 0; r <= parts; r++) bounds[r] = count / parts * r + min(r, count % parts);
}

/* The bounds with which parts compute what they have, as far as that can be. */
static bool cut_like(const nx_parts *parts, const nx_pass *pass, const nx_source *source, int axis, int64_t *bounds) {
    if (source->kind == NX_SOURCE_INDEX) return false;
    const nx_part_array *array = &parts->arrays[nx_parts_array_of(parts, source)];
    const int64_t extent = pass->shape->extent[axis];
    nx_reach reach;
    if (array->cut.axis < 0 || !array->shape.count) return false;
    nx_find_reach(pass, source, array, axis, 0, extent, &reach);
    if (!reach.is_aligned || reach.axis[axis] != array->cut.axis || reach.step[axis] <= 0) return false;
    for (int r = 0; r <= parts->count; r++) {
        const int64_t step = reach.step[axis], at = array->cut.bounds[r] - reach.first[array->cut.axis];
        bounds[r] = max(0, min(extent, at <= 0 ? 0 : (at + step - 1) / step));
    }
    bounds[0] = 0;
    bounds[parts->count] = extent;
    return true;
}

/* From bounds of the axis to those of leaves, and to what is read for these. */
static void cut_at_leaves(const chooser *c, const int64_t *bounds) {
    nx_part_pass *p = c->p;
    const nx_shape *shape = p->pass.shape;
    const int64_t row = nx_parts_row_items(p), all = row * shape->extent[p->axis];
    const int64_t leaf = p->pass.by_rows ? NX_LEAF_ROWS : NX_LEAF_ITEMS;
    for (int r = 0; r <= c->parts->count; r++) p->leaves[r] = (bounds[r] * row + leaf - 1) / leaf;
    for (int r = 0; r < c->parts->count; r++) {
        p->begin[r] = p->leaves[r] * leaf / row;
        p->end[r] = (min(all, p->leaves[r + 1] * leaf) + row - 1) / row;
        if (p->leaves[r] == p->leaves[r + 1]) p->end[r] = p->begin[r] = min(p->begin[r], shape->extent[p->axis]);
    }
}

static nexpr_status set_cut(chooser *c, int axis, const int64_t *bounds, nexpr_error *err) {
    nx_part_pass *p = c->p;
    const size_t parts = (size_t)c->parts->count;
    p->axis = axis;
    p->leaves = NULL;
    if (axis < 0) return find_needs(c, err);
    p->begin = nx_arena_alloc(c->arena, parts + 1, sizeof *p->begin);
    p->end = nx_arena_alloc(c->arena, parts + 1, sizeof *p->end);
    if (!p->begin || !p->end) return nx_fail_memory(err);
    if (!is_reduced(&p->pass, axis) || p->pass.kind == NX_PASS_COMPRESS) {
        memcpy(p->begin, bounds, parts * sizeof *bounds);
        memcpy(p->end, bounds + 1, parts * sizeof *bounds);
    } else {
        p->leaves = nx_arena_alloc(c->arena, parts + 1, sizeof *p->leaves);
        if (!p->leaves) return nx_fail_memory(err);
        cut_at_leaves(c, bounds);
    }
    return find_needs(c, err);
}

/* ---------------------------------------------------------------------------------------------------------- choice -- */

static int64_t longest(const nx_part_pass *p, int parts) {
    int64_t most = 0;
    for (int r = 0; r < parts; r++) most = max(most, p->end[r] - p->begin[r]);
    return most;
}

/* Relative to the axis, so that cuts of different axes compare. */
static double imbalance(const nx_part_pass *p, int parts) {
    if (p->axis < 0) return 1;
    return (double)longest(p, parts) / (double)p->pass.shape->extent[p->axis];
}

static nexpr_status try_cut(chooser *c, int axis, const int64_t *bounds, nx_part_pass *best, nexpr_error *err) {
    NX_TRY(set_cut(c, axis, bounds, err));
    const int count = c->parts->count;
    bool is_better = !best->needs || c->p->moved < best->moved;
    if (best->needs && c->p->moved == best->moved) is_better = imbalance(c->p, count) < imbalance(best, count);
    if (is_better) *best = *c->p;
    return NEXPR_OK;
}

static bool is_all_there(const nx_parts *parts, const nx_pass *pass) {
    for (uint32_t i = 0; i < pass->ir.input_count; i++) {
        const nx_source *source = &pass->sources[i];
        if (source->kind != NX_SOURCE_INDEX && parts->arrays[nx_parts_array_of(parts, source)].cut.axis >= 0) return false;
    }
    return true;
}

nexpr_status nx_parts_choose(const nx_parts *parts, nx_arena *arena, nx_part_pass *p, nexpr_error *err) {
    const nx_pass *pass = &p->pass;
    nx_part_pass best = {.needs = NULL};
    chooser c = {.parts = parts, .arena = arena, .p = p};
    c.reach = nx_arena_alloc(arena, (size_t)parts->count * NEXPR_MAX_NDIM, 2 * sizeof *c.reach);
    int64_t *bounds = nx_arena_alloc(arena, (size_t)parts->count + 1, sizeof *bounds);
    if (!c.reach || !bounds) return nx_fail_memory(err);
    const bool is_whole = parts->count == 1 || !pass->shape->count ||
                          (pass->shape->count <= SMALL && is_all_there(parts, pass));
    const int last = pass->kind == NX_PASS_COMPRESS ? nx_leading_axis(pass->shape) + 1 : pass->shape->ndim;
    for (int axis = 0; axis < last && !is_whole; axis++) {
        if (!can_cut(pass, axis)) continue;
        cut_evenly(pass->shape->extent[axis], parts->count, bounds);
        NX_TRY(try_cut(&c, axis, bounds, &best, err));
        for (uint32_t i = 0; i < pass->ir.input_count; i++) {
            if (!cut_like(parts, pass, &pass->sources[i], axis, bounds)) continue;
            NX_TRY(try_cut(&c, axis, bounds, &best, err));
        }
    }
    if (!best.needs) NX_TRY(try_cut(&c, -1, NULL, &best, err));
    best.pass = p->pass;
    *p = best;
    return NEXPR_OK;
}
