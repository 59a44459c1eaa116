/* SPDX-License-Identifier: MIT */
#include "runtime/profile_record.h"

#include "runtime/explain.h"
#include "runtime/reduce.h"
#include "vm/kernels.h"

#include <string.h>

/* What a thread measured of a nest, in ticks. Code runs on its own cache lines. */
typedef struct worker {
    uint64_t busy;  /* in tasks */
    uint64_t vm;    /* in calls of the backend that were measured */
    uint64_t items, vm_items, since; /* of all calls, of those, and since the last of those */
    nx_vm_sample samples[NX_TIERS];
} __attribute__((aligned(64))) worker;

struct nx_nest_profile {
    nexpr_profile *profile;
    nx_profile_record *record;
    const nexpr_allocator *allocator;
    size_t bytes;
    void *memory; /* this and all behind it */
    const nx_vm_code *code[NX_TIERS];
    uint32_t part_count[NX_TIERS];
    uint32_t *part_of[NX_TIERS]; /* by part of the code: in the record */
    uint32_t rest;               /* the record's part that has what is not the backend's; of nests that reduce */
    int64_t tasks_seen[NX_TIERS];
    int worker_count;
    worker *workers;
};

/* ---------------------------------------------------------------------------------------------------------- records -- */

static bool is_same_part(const nx_vm_part *a, const nx_vm_part *b) {
    return a->kind == b->kind && a->phase == b->phase && a->dtype == b->dtype && a->op == b->op && a->bytes == b->bytes &&
           a->operations == b->operations && a->span.begin == b->span.begin && a->span.end == b->span.end;
}

/* What is not done by the backend, for nests that have such work. */
static nx_vm_part rest_of(const nx_reduce *r) {
    const nx_reduce_part *first = &r->parts[0];
    nx_vm_part part = {.kind = r->compresses ? NX_PART_COMPRESS : NX_PART_REDUCE, .dtype = (uint8_t)first->loop,
                       .op = (uint16_t)first->reducer, .bytes = (uint16_t)nexpr_dtype_size(first->loop)};
    part.operations = (uint16_t)(r->compresses ? 0 : r->part_count);
    for (uint32_t p = 0; p < r->part_count; p++) nx_span_widen(&part.span, r->parts[p].span);
    return part;
}

/* From the first to the last operation of a nest, whatever it was linked to. */
static nx_span span_of(const nx_nest *nest) {
    nx_span span = NX_NOWHERE;
    for (uint32_t i = 0; i + 1 < nx_vm_part_count(nest->code); i++) nx_span_widen(&span, nx_vm_part_at(nest->code, i)->span);
    if (nest->reduce) nx_span_widen(&span, rest_of(nest->reduce).span);
    return span;
}

static nx_profile_record *find_record(const nexpr_profile *p, const nx_nest *nest, nx_span span) {
    const char *kind = nx_explain_kind(nest);
    for (nx_profile_record *r = p->first; r; r = r->next) {
        if (r->kind == kind && r->pass == nest->pass && r->number == nest->number && r->span.begin == span.begin &&
            r->span.end == span.end) {
            return r;
        }
    }
    return NULL;
}

static nx_profile_record *get_record(nexpr_profile *p, const nx_nest *nest) {
    const nx_span span = span_of(nest);
    nx_profile_record *r = find_record(p, nest, span);
    if (r) return r;
    r = nx_arena_alloc(&p->arena, 1, sizeof *r);
    if (!r) return NULL;
    *r = (nx_profile_record){.kind = nx_explain_kind(nest), .pass = nest->pass, .number = nest->number, .span = span,
                             .why = ""};
    if (p->last) p->last->next = r;
    else p->first = r;
    p->last = r;
    p->record_count++;
    return r;
}

/* The place of a part in the record, UINT32_MAX if memory is out; `places` are those of a segment. */
static uint32_t get_part(nexpr_profile *p, nx_profile_record *r, const nx_vm_part *part, bool is_compiled,
                         const nx_span *places) {
    for (uint32_t i = 0; i < r->part_count; i++) {
        if (r->parts[i].is_compiled == is_compiled && is_same_part(&r->parts[i].part, part)) return i;
    }
    nx_profile_part *parts = nx_arena_grow(&p->arena, r->parts, r->part_count, &r->part_capacity, sizeof *parts);
    if (!parts) return UINT32_MAX;
    r->parts = parts;
    nx_span *kept = places ? nx_arena_alloc(&p->arena, part->place_count, sizeof *kept) : NULL;
    if (places && !kept) return UINT32_MAX;
    if (places) memcpy(kept, places, part->place_count * sizeof *kept);
    parts[r->part_count] = (nx_profile_part){.part = *part, .is_compiled = is_compiled, .places = kept};
    nx_vm_part_name(part, parts[r->part_count].name);
    return r->part_count++;
}

static bool map_parts(nexpr_profile *p, nx_nest_profile *m) {
    for (int t = 0; t < NX_TIERS; t++) {
        for (uint32_t i = 0; i < m->part_count[t]; i++) {
            const nx_vm_part *part = nx_vm_part_at(m->code[t], i);
            m->part_of[t][i] = get_part(p, m->record, part, t == NX_TIER_OF_SEGMENTS, nx_vm_part_places(m->code[t], part));
            if (m->part_of[t][i] == UINT32_MAX) return false;
        }
    }
    return true;
}

/* Operations of the expression that the nest does for each element. */
static double operations_of(const nx_nest *nest) {
    const uint32_t count = nx_vm_part_count(nest->code);
    double sum = nest->reduce ? rest_of(nest->reduce).operations : 0;
    for (uint32_t i = 0; i < count; i++) {
        const nx_vm_part *part = nx_vm_part_at(nest->code, i);
        if (part->phase == NX_BLOCK_PHASE) sum += part->operations;
    }
    return sum;
}

static void describe(nx_profile_record *r, const nx_nest *nest) {
    size_t register_bytes;
    r->registers = (int)nx_vm_register_count(nest->code, &register_bytes);
    r->register_bytes = (int64_t)register_bytes;
    r->block_items = nx_vm_block_items(nest->code);
    r->segments = nest->tier ? (int)nest->tier->count : 0;
    r->bytes_per_element = nx_nest_touched_bytes(nest) / (double)nest->count;
    r->is_uncached = nx_nest_is_uncached(nx_nest_touched_bytes(nest));
    r->operations_per_element = operations_of(nest);
    r->estimated_ns = nx_vm_ns_per_item(nest->code);
}

/* -------------------------------------------------------------------------------------------------------- measuring -- */

static nx_nest_profile *allocate(const nx_nest *nest, const nexpr_allocator *allocator) {
    const nx_vm_code *code[NX_TIERS] = {nest->code, nest->tier ? nest->tier->code : NULL};
    size_t parts = 0, workers = (size_t)nest->most_workers;
    for (int t = 0; t < NX_TIERS; t++) parts += code[t] ? nx_vm_part_count(code[t]) : 0;
    const size_t bytes = 64 + workers * (sizeof(worker) + 2 * parts * sizeof(uint64_t)) + sizeof(nx_nest_profile) +
                         parts * sizeof(uint32_t);
    char *memory = nx_allocate(allocator, bytes, 1);
    if (!memory) return NULL;
    memset(memory, 0, bytes);
    worker *first = (worker *)(void *)(memory + (64 - (uintptr_t)memory % 64) % 64);
    uint64_t *ticks = (uint64_t *)(void *)(first + workers);
    nx_nest_profile *m = (nx_nest_profile *)(void *)(ticks + 2 * workers * parts);
    uint32_t *part_of = (uint32_t *)(void *)(m + 1);
    *m = (nx_nest_profile){.profile = nest->profile, .allocator = allocator, .bytes = bytes, .memory = memory,
                           .worker_count = (int)workers, .workers = first};
    const uint64_t overhead = nx_ticks_overhead();
    for (int t = 0; t < NX_TIERS; t++) {
        m->code[t] = code[t];
        m->part_count[t] = code[t] ? nx_vm_part_count(code[t]) : 0;
        m->part_of[t] = part_of;
        part_of += m->part_count[t];
        for (size_t w = 0; w < workers; w++, ticks += 2 * m->part_count[t]) {
            first[w].samples[t].ticks = ticks;
            first[w].samples[t].block = ticks + m->part_count[t];
            first[w].samples[t].overhead = overhead;
        }
    }
    return m;
}

nexpr_status nx_profile_attach(nx_nest *nest, nexpr_error *err) {
    nexpr_profile *p = nest->profile;
    nx_nest_profile *m = allocate(nest, nest->memory->use);
    if (!m) return nx_fail_memory(err);
    pthread_mutex_lock(&p->mutex);
    m->record = get_record(p, nest);
    bool is_done = m->record && map_parts(p, m);
    if (is_done && nest->reduce) {
        const nx_vm_part rest = rest_of(nest->reduce);
        m->rest = get_part(p, m->record, &rest, false, NULL);
        is_done = m->rest != UINT32_MAX;
    }
    for (int t = 0; t < NX_TIERS; t++) m->tasks_seen[t] = atomic_load(&nest->tasks_run[t]);
    if (is_done) describe(m->record, nest);
    pthread_mutex_unlock(&p->mutex);
    nest->measured = m;
    if (is_done) return NEXPR_OK;
    nx_profile_detach(nest);
    return nx_fail_memory(err);
}

void nx_profile_detach(nx_nest *nest) {
    nx_nest_profile *m = nest->measured;
    nest->measured = NULL;
    if (m) nx_release(m->allocator, m->memory, m->bytes, 1);
}

/* Of short calls only some are measured; a look at the clock takes as long as some elements. */
void nx_profile_compute(nx_nest_profile *m, int index, nx_vm_args *vm, const int64_t first[2], const int64_t count[2]) {
    enum { MEASURED_ITEMS = 4096 };
    worker *w = &m->workers[index];
    const uint64_t items = (uint64_t)(count[0] * count[1]);
    const bool is_measured = !w->vm_items || w->since >= MEASURED_ITEMS;
    const uint64_t begin = is_measured ? nx_ticks() : 0;
    vm->sample = &w->samples[vm->code == m->code[NX_TIER_OF_SEGMENTS] ? NX_TIER_OF_SEGMENTS : 0];
    nx_vm_run(vm, first, count);
    w->items += items;
    w->since += items;
    if (!is_measured) return;
    w->vm += nx_ticks() - begin;
    w->vm_items += items;
    w->since = 0;
}

void nx_profile_task(nx_nest_profile *m, int index, uint64_t begin) {
    m->workers[index].busy += nx_ticks() - begin;
}

/* ------------------------------------------------------------------------------------------------------- collecting -- */

/* Adds what a worker measured, and begins anew; what no sample was taken of is kept until there is one. */
static void collect_samples(nx_nest_profile *m, worker *w, int tier) {
    nx_vm_sample *sample = &w->samples[tier];
    for (uint32_t i = 0; i < m->part_count[tier]; i++) {
        const bool is_panels = i + 1 == m->part_count[tier];
        const int kind = is_panels ? NX_SAMPLE_PANELS : nx_vm_part_at(m->code[tier], i)->phase;
        nx_profile_part *part = &m->record->parts[m->part_of[tier][i]];
        part->elements += (int64_t)(sample->counts[kind].items - sample->counts[kind].told);
        part->ticks += nx_sample_scaled(sample, kind, i);
        if (sample->counts[kind].measured) sample->ticks[i] = 0;
    }
    for (int kind = 0; kind < NX_SAMPLE_KINDS; kind++) {
        nx_sample_count *count = &sample->counts[kind];
        if (count->measured) count->items = count->measured = 0;
        count->told = count->items;
    }
}

/* Returns the ticks that the worker was busy. */
static uint64_t collect_worker(nx_nest_profile *m, worker *w) {
    const uint64_t busy = w->busy;
    nx_profile_record *r = m->record;
    for (int t = 0; t < NX_TIERS; t++) collect_samples(m, w, t);
    r->busy += (double)busy;
    if (w->vm_items) {
        r->vm += (double)w->vm * (double)w->items / (double)w->vm_items;
        w->vm = w->items = w->vm_items = 0;
    }
    w->busy = 0;
    return busy;
}

/* What came before and behind the tasks was the caller's alone: it combined what threads had made. */
static void collect(nx_nest_profile *m, const nexpr_plan *plan, nx_nest *nest, uint64_t wall) {
    nx_profile_record *r = m->record;
    uint64_t most = 0;
    int threads = 0;
    for (int i = 0; i < m->worker_count; i++) {
        const uint64_t one = collect_worker(m, &m->workers[i]);
        if (one > most) most = one;
        threads += one > 0;
    }
    if (threads > r->threads) r->threads = threads;
    if (nest->reduce && wall > most) r->busy += (double)(wall - most);
    if (nest->reduce) r->parts[m->rest].elements += nest->count;
    for (int t = 0; t < NX_TIERS; t++) {
        const int64_t tasks = atomic_load(&nest->tasks_run[t]);
        r->tasks[t] += tasks - m->tasks_seen[t];
        m->tasks_seen[t] = tasks;
    }
    r->wall += (double)wall;
    r->why = nx_explain_why(plan, nest);
    r->elements += nest->count;
    r->runs++;
}

/* The mutex is locked. */
static void add_laps(nx_laps *laps) {
    for (int k = 0; k < NX_LAP_COUNT; k++) {
        laps->profile->laps[k] += laps->ticks[k];
        laps->ticks[k] = 0;
    }
}

void nx_laps_finish(nx_laps *laps, nx_lap lap) {
    if (!laps->profile) return;
    nx_lap_end(laps, lap);
    pthread_mutex_lock(&laps->profile->mutex);
    add_laps(laps);
    pthread_mutex_unlock(&laps->profile->mutex);
}

void nx_profile_nest_ran(nx_laps *laps, const nexpr_plan *plan, nx_nest *nest) {
    const uint64_t begin = laps->last;
    nx_lap_end(laps, NX_LAP_COMPUTE);
    if (!nest->measured) return;
    pthread_mutex_lock(&laps->profile->mutex);
    collect(nest->measured, plan, nest, laps->last - begin);
    pthread_mutex_unlock(&laps->profile->mutex);
    laps->last = nx_ticks();
}

void nx_profile_ran(nx_laps *laps) {
    nexpr_profile *p = laps->profile;
    pthread_mutex_lock(&p->mutex);
    add_laps(laps);
    p->runs++;
    pthread_mutex_unlock(&p->mutex);
    if (p->call) p->call(p->user, p);
}

void nx_profile_expression(nexpr_profile *p, const nexpr *e) {
    pthread_mutex_lock(&p->mutex);
    p->parse = e->parse_ticks;
    p->compile = e->compile_ticks;
    pthread_mutex_unlock(&p->mutex);
}
