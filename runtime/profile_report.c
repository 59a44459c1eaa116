/* SPDX-License-Identifier: MIT */
/* What a profile tells: ticks become nanoseconds, samples become shares of the time that was measured around them. */
#include "runtime/profile_record.h"
#include "vm/kernels.h"

#include <math.h>
#include <string.h>
#include <time.h>

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

nexpr_status nexpr_profile_new(nexpr_context *context, nexpr_profiled *call, void *user, nexpr_profile **ret_profile,
                               nexpr_error *err) {
    NX_TRY(nx_context_get(context, &context, err));
    if (!ret_profile) return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "ret_profile is NULL");
    nexpr_profile *p = nx_allocate(context->memory.use, 1, sizeof *p);
    if (!p) return nx_fail_memory(err);
    *p = (nexpr_profile){.call = call, .user = user, .begin_ticks = nx_ticks(), .begin_ns = now_ns()};
    nx_memory_init(&p->memory, context->memory.use);
    nx_arena_init(&p->arena, p->memory.use);
    pthread_mutex_init(&p->mutex, NULL);
    *ret_profile = p;
    return NEXPR_OK;
}

void nexpr_profile_free(nexpr_profile **profile) {
    nexpr_profile *p = *profile;
    *profile = NULL;
    if (!p) return;
    pthread_mutex_destroy(&p->mutex);
    nx_arena_free(&p->arena);
    nx_memory memory = p->memory;
    nx_release(memory.use ? &memory.copy : NULL, p, 1, sizeof *p);
}

void nexpr_profile_add(nexpr_profile *p, nexpr_phase phase, int64_t ns) {
    if (!p || (unsigned)phase > NEXPR_PHASE_WALL || ns < 0) return;
    pthread_mutex_lock(&p->mutex);
    p->added_ns[phase] += ns;
    pthread_mutex_unlock(&p->mutex);
}

/* ---------------------------------------------------------------------------------------------------------- reading -- */

/* The lock of a profile that is only read. */
static pthread_mutex_t *mutex_of(const nexpr_profile *p) {
    return (pthread_mutex_t *)&p->mutex;
}

static double ns_per_tick(const nexpr_profile *p) {
    const uint64_t ticks = nx_ticks() - p->begin_ticks, ns = now_ns() - p->begin_ns;
    return ticks ? (double)ns / (double)ticks : 1;
}

static const nx_profile_record *record_at(const nexpr_profile *p, int index) {
    const nx_profile_record *r = index < 0 ? NULL : p->first;
    for (; r && index > 0; index--) r = r->next;
    return r;
}

static bool is_rest(const nx_profile_part *part) {
    return part->part.kind == NX_PART_REDUCE || part->part.kind == NX_PART_COMPRESS;
}

/* What the samples of a nest add up to, and how much time of the nest was that of the backend. */
typedef struct split {
    double sampled, vm, rest;
    bool has_rest;
} split;

static split split_of(const nx_profile_record *r) {
    split s = {.vm = r->busy};
    for (uint32_t i = 0; i < r->part_count; i++) {
        s.sampled += r->parts[i].ticks;
        s.has_rest |= is_rest(&r->parts[i]);
    }
    if (s.has_rest) {
        s.vm = s.sampled > 0 ? fmin(r->vm, r->busy) : 0;
        s.rest = r->busy - s.vm;
    }
    return s;
}

static double part_ticks(const nx_profile_part *part, const split *s) {
    if (is_rest(part)) return s->rest;
    return s->sampled > 0 ? part->ticks / s->sampled * s->vm : 0;
}

static bool is_shown(const nx_profile_part *part) {
    return part->elements > 0;
}

static int shown_count(const nx_profile_record *r) {
    int count = 0;
    for (uint32_t i = 0; i < r->part_count; i++) count += is_shown(&r->parts[i]);
    return count;
}

/* ---------------------------------------------------------------------------------------------------------- telling -- */

#define INIT(type) \
    type type##_init(void) { return (type){.size = sizeof(type)}; }
INIT(nexpr_stats)
INIT(nexpr_nest_stats)
INIT(nexpr_op_stats)

static nexpr_status give(void *ret, size_t size, const void *from, size_t whole) {
    memcpy(ret, from, size < whole ? size : whole);
    return NEXPR_OK;
}

static void fill(const nexpr_profile *p, nexpr_stats *s) {
    const double ns = ns_per_tick(p);
    s->runs = p->runs;
    s->parse_ns = (int64_t)((double)p->parse * ns);
    s->compile_ns = (int64_t)((double)p->compile * ns);
    s->plan_ns = (int64_t)((double)p->laps[NX_LAP_PLAN] * ns);
    s->code_ns = (int64_t)((double)p->laps[NX_LAP_CODE] * ns);
    s->compute_ns = (int64_t)((double)p->laps[NX_LAP_COMPUTE] * ns);
    s->copy_ns = (int64_t)((double)p->laps[NX_LAP_COPY] * ns);
    s->read_ns = (int64_t)((double)p->laps[NX_LAP_READ] * ns) + p->added_ns[NEXPR_PHASE_READ];
    s->write_ns = (int64_t)((double)p->laps[NX_LAP_WRITE] * ns) + p->added_ns[NEXPR_PHASE_WRITE];
    s->wall_ns = p->added_ns[NEXPR_PHASE_WALL];
    if (!s->wall_ns) s->wall_ns = s->plan_ns + s->code_ns + s->compute_ns + s->copy_ns + s->read_ns + s->write_ns;
    s->nest_count = p->record_count;
}

nexpr_status nexpr_profile_stats(const nexpr_profile *profile, nexpr_stats *ret_stats) {
    nexpr_stats s = {.size = ret_stats->size};
    if (ret_stats->size < sizeof(size_t)) return NEXPR_ARGUMENT;
    pthread_mutex_lock(mutex_of(profile));
    fill(profile, &s);
    pthread_mutex_unlock(mutex_of(profile));
    return give(ret_stats, ret_stats->size, &s, sizeof s);
}

static void fill_nest(const nexpr_profile *p, const nx_profile_record *r, nexpr_nest_stats *s) {
    const double ns = ns_per_tick(p);
    const split parts = split_of(r);
    *s = (nexpr_nest_stats){.size = s->size, .kind = r->kind, .pass = (int)r->pass,
                            .begin = r->span.begin, .end = r->span.end,
                            .runs = r->runs, .elements = r->elements, .wall_ns = (int64_t)(r->wall * ns),
                            .busy_ns = (int64_t)(r->busy * ns), .threads = r->threads, .vm_tasks = r->tasks[0],
                            .compiled_tasks = r->tasks[NX_TIER_OF_SEGMENTS], .why = r->why,
                            .isa = nx_isa_name(nx_isa_current()), .block_items = r->block_items, .registers = r->registers,
                            .register_bytes = r->register_bytes, .segments = r->segments,
                            .bytes_per_element = r->bytes_per_element, .operations_per_element = r->operations_per_element,
                            .estimated_ns = r->estimated_ns, .is_uncached = r->is_uncached, .coverage = parts.vm > 0 ? parts.sampled / parts.vm : 1,
                            .op_count = shown_count(r)};
}

nexpr_status nexpr_profile_nest(const nexpr_profile *profile, int nest, nexpr_nest_stats *ret_stats) {
    nexpr_nest_stats s = {.size = ret_stats->size};
    if (ret_stats->size < sizeof(size_t)) return NEXPR_ARGUMENT;
    pthread_mutex_lock(mutex_of(profile));
    const nx_profile_record *r = record_at(profile, nest);
    if (r) fill_nest(profile, r, &s);
    pthread_mutex_unlock(mutex_of(profile));
    return r ? give(ret_stats, ret_stats->size, &s, sizeof s) : NEXPR_ARGUMENT;
}

static double all_busy(const nexpr_profile *p) {
    double sum = 0;
    for (const nx_profile_record *r = p->first; r; r = r->next) sum += r->busy;
    return sum;
}

static void fill_op(const nexpr_profile *p, const nx_profile_record *r, const nx_profile_part *part, nexpr_op_stats *s) {
    const split parts = split_of(r);
    const double ticks = part_ticks(part, &parts), all = all_busy(p);
    *s = (nexpr_op_stats){.size = s->size, .name = part->name, .begin = part->part.span.begin, .end = part->part.span.end,
                          .dtype = (nexpr_dtype)part->part.dtype, .is_compiled = part->is_compiled,
                          .ns = (int64_t)(ticks * ns_per_tick(p)), .share = all > 0 ? ticks / all : 0,
                          .elements = part->elements, .bytes_per_element = part->part.bytes,
                          .operations = part->part.operations, .place_count = (int)part->part.place_count};
}

static const nx_profile_part *shown_at(const nx_profile_record *r, int index) {
    for (uint32_t i = 0; r && index >= 0 && i < r->part_count; i++) {
        if (is_shown(&r->parts[i]) && !index--) return &r->parts[i];
    }
    return NULL;
}

nexpr_status nexpr_profile_op(const nexpr_profile *profile, int nest, int op, nexpr_op_stats *ret_stats) {
    nexpr_op_stats s = {.size = ret_stats->size};
    if (ret_stats->size < sizeof(size_t)) return NEXPR_ARGUMENT;
    pthread_mutex_lock(mutex_of(profile));
    const nx_profile_record *r = record_at(profile, nest);
    const nx_profile_part *part = shown_at(r, op);
    if (part) fill_op(profile, r, part, &s);
    pthread_mutex_unlock(mutex_of(profile));
    return part ? give(ret_stats, ret_stats->size, &s, sizeof s) : NEXPR_ARGUMENT;
}

nexpr_status nexpr_profile_place(const nexpr_profile *profile, int nest, int op, int index, size_t *ret_begin,
                                 size_t *ret_end) {
    pthread_mutex_lock(mutex_of(profile));
    const nx_profile_part *part = shown_at(record_at(profile, nest), op);
    const bool is_there = part && index >= 0 && (uint32_t)index < part->part.place_count;
    if (is_there) *ret_begin = part->places[index].begin;
    if (is_there) *ret_end = part->places[index].end;
    pthread_mutex_unlock(mutex_of(profile));
    return is_there ? NEXPR_OK : NEXPR_ARGUMENT;
}
