/* SPDX-License-Identifier: MIT */
/* One pass of a program on one rank: see program.h. */
#include "runtime/mpi/program.h"

#include <string.h>

/* ------------------------------------------------------------------------------------------------------- computing -- */

static void read_slot(void *user) {
    nx_pass_run *p = user;
    nx_fetch_read(p, p->read_slot);
}

static void write_slot(void *user) {
    nx_pass_run *p = user;
    nx_target_write(p, p->write_slot);
}

/* What a courier reports is an error of this rank. */
static void note(nx_pass_run *p, nexpr_error *from) {
    if (from->status && nx_call_is_ok(p->call)) p->call->error = *from;
    *from = nexpr_error_init();
}

/* Begins to read what a chunk needs of files. */
static void begin_reading(nx_pass_run *p, const nx_chunk *chunk) {
    if (!p->has_couriers) return;
    nx_fetch_place(p, chunk);
    if (!nx_call_is_ok(p->call)) return;
    p->read_slot = chunk->slot;
    nx_courier_send(&p->reader, read_slot, p);
}

static void end_reading(nx_pass_run *p) {
    if (!p->has_couriers) return;
    nx_courier_wait(&p->reader);
    note(p, &p->read_error);
}

static void end_writing(nx_pass_run *p) {
    if (!p->has_couriers) return;
    nx_courier_wait(&p->writer);
    note(p, &p->write_error);
}

/* Begins to write what a chunk has of files; that of the chunk before has been written then. */
static void begin_writing(nx_pass_run *p, const nx_chunk *chunk) {
    end_writing(p);
    if (!p->has_couriers || !nx_call_is_ok(p->call)) return;
    p->write_slot = chunk->slot;
    nx_courier_send(&p->writer, write_slot, p);
}

static void compute_chunk(nx_pass_run *p, const nx_chunk *chunk, bool reduces) {
    nexpr_parts *parts = p->program->parts;
    nexpr_error *err = &p->call->error;
    int64_t appended = 0;
    if (!nx_call_is_ok(p->call)) return;
    nx_fetch_views(p, chunk);
    if (reduces) {
        nexpr_parts_reduce_add(parts, chunk->begin, chunk->end, p->views, err);
        return;
    }
    nx_target_place(p, chunk);
    if (!nx_call_is_ok(p->call)) return;
    const int me = p->call->mpi->rank;
    if (nexpr_parts_run(parts, me, chunk->begin, chunk->end, p->views, p->targets, p->info.appends ? &appended : NULL, err)) {
        return;
    }
    nx_target_keep(p, chunk, appended);
    begin_writing(p, chunk);
}

/* How many of so many units fit into a slot; at least one. */
static int64_t units_that_fit(const nx_pass_run *p, int64_t begin, int64_t end, bool reduces) {
    const int64_t room = p->program->buffer_bytes / NX_SLOTS;
    int64_t count = end - begin;
    while (room && count > 1) {
        const int64_t written = reduces ? 0 : nx_target_buffer_bytes(p, begin, begin + count);
        const int64_t bytes = nx_fetch_read_bytes(p, begin, begin + count) + written;
        if (bytes <= room) break;
        const int64_t fits = (int64_t)((double)count * (double)room / (double)bytes);
        count = fits < 1 ? 1 : fits < count ? fits : count - 1;
    }
    return count;
}

/* The next chunk of a stretch, from unit `at` on. */
static nx_chunk next_chunk(const nx_pass_run *p, const nx_stretch *s, int64_t at, int slot, bool reduces) {
    return (nx_chunk){s, at, at + units_that_fit(p, at, s->end, reduces), slot};
}

/* Computes a stretch; while a chunk is computed, the next one is read, and the one before is written. */
static void compute_stretch(nx_pass_run *p, const nx_stretch *s, bool reduces) {
    if (s->begin >= s->end || !nx_call_is_ok(p->call)) return;
    nx_chunk chunk = next_chunk(p, s, s->begin, 0, reduces);
    begin_reading(p, &chunk);
    while (nx_call_is_ok(p->call)) {
        nx_chunk next = {.begin = s->end};
        end_reading(p);
        if (chunk.end < s->end && nx_call_is_ok(p->call)) {
            next = next_chunk(p, s, chunk.end, !chunk.slot, reduces);
            begin_reading(p, &next);
        }
        compute_chunk(p, &chunk, reduces);
        if (next.begin >= s->end) break;
        chunk = next;
    }
    end_reading(p);
    end_writing(p);
}

/* All stretches in order; what is in front of those that need rows, while these come. */
static void compute(nx_pass_run *p, bool reduces) {
    for (int i = 0; i < p->stretch_count; i++) {
        if (p->stretches[i].want >= 0) nx_fetch_end(p);
        compute_stretch(p, &p->stretches[i], reduces);
    }
    nx_fetch_end(p);
}

/* The inside while rows come, then the rest. */
static void compute_around_rows(nx_pass_run *p) {
    for (int i = 0; i < p->stretch_count; i++) {
        if (p->stretches[i].want < 0) compute_stretch(p, &p->stretches[i], false);
    }
    nx_fetch_end(p);
    for (int i = 0; i < p->stretch_count; i++) {
        if (p->stretches[i].want >= 0) compute_stretch(p, &p->stretches[i], false);
    }
}

/* ----------------------------------------------------------------------------------------------------------- nodes -- */

/* Room for the nodes of all ranks; this one's are zero until they are made, so that a failure makes none of them wrong. */
static void prepare_nodes(nx_pass_run *p) {
    nx_call *c = p->call;
    const int ranks = c->mpi->ranks;
    nx_layout *l = &p->node_layout;
    *l = (nx_layout){.dtype = NEXPR_UINT8, .item = 1, .ndim = 1};
    l->first = (int64_t *)nx_call_allocate(c, ((int64_t)ranks + 1) * (int64_t)sizeof *l->first, "a map of nodes", &l->memory);
    if (!l->first) return;
    l->first[0] = 0;
    for (int r = 0; r < ranks; r++) l->first[r + 1] = l->first[r] + nexpr_parts_node_bytes(p->program->parts, r);
    l->bytes = l->shape[0] = l->first[ranks];
    p->all_nodes = *l;
    p->all_nodes.axis = NEXPR_MPI_REPLICATED;
    p->all_nodes.first = NULL;
    p->all_nodes.memory = (nx_memory){NULL, 0};
    const int64_t own = nx_layout_count(l, c->mpi->rank);
    p->nodes = nx_call_allocate(c, l->bytes + own + 64, "nodes of a reduction", &p->node_memory);
    if (!p->nodes) return;
    p->own_nodes = p->nodes + (l->bytes + 63) / 64 * 64;
    memset(p->own_nodes, 0, (size_t)own);
    nx_exchange_prepare(c, NX_REPLICATE, 0, (nx_place){.layout = l, .data = p->own_nodes},
                        (nx_place){.layout = &p->all_nodes, .data = p->nodes}, &p->node_exchange);
}

/* This rank's nodes, and then everybody's. */
static void exchange_nodes(nx_pass_run *p) {
    nx_call *c = p->call;
    nexpr_parts *parts = p->program->parts;
    if (nx_call_is_ok(c)) nexpr_parts_reduce_begin(parts, c->mpi->rank, p->own_nodes, &c->error);
    compute(p, true);
    if (nx_call_is_ok(c)) nexpr_parts_reduce_end(parts);
    nx_exchange_run(c, &p->node_exchange);
    if (nx_call_is_ok(c)) nexpr_parts_settle(parts, p->nodes, &c->error);
}

/* A reduction's targets, which everybody has. */
static void finish_reduction(nx_pass_run *p) {
    const nx_chunk all = {.slot = 0};
    if (nx_call_is_ok(p->call)) nx_target_place(p, &all);
    if (!nx_call_is_ok(p->call) || nexpr_parts_finish(p->program->parts, p->targets, &p->call->error)) return;
    nx_target_keep(p, &all, 0);
    begin_writing(p, &all);
    end_writing(p);
}

static void run_with_nodes(nx_pass_run *p) {
    exchange_nodes(p);
    if (p->info.appends && nx_call_is_ok(p->call)) nx_target_make(p);
    if (p->info.is_reduction) finish_reduction(p);
    else compute(p, false);
}

/* ------------------------------------------------------------------------------------------------------------ a pass -- */

static void prepare(nx_pass_run *p) {
    nx_call *c = p->call;
    const int64_t needs = p->info.need_count, targets = p->info.target_count;
    const int64_t bytes = needs * (int64_t)(sizeof *p->fetches + sizeof *p->views) +
                          targets * (int64_t)(sizeof *p->targets + NX_SLOTS * sizeof *p->products);
    char *list = nx_call_allocate(c, bytes + 1, "a pass", &p->list_memory);
    if (!list) {
        p->info.need_count = p->info.target_count = 0;
        return;
    }
    memset(list, 0, (size_t)bytes);
    p->fetches = (nx_fetch *)list;
    p->views = (nexpr_part_view *)(p->fetches + needs);
    p->products = (nx_product *)(p->views + needs);
    p->targets = (void **)(p->products + targets * NX_SLOTS);
    nx_fetch_prepare(p);
    if (!p->info.appends) nx_target_make(p);
    if (p->info.leaves_nodes && nx_call_is_ok(c)) prepare_nodes(p);
}

static void free_pass(nx_pass_run *p) {
    nx_fetch_free(p);
    for (int k = 0; k < p->info.target_count * NX_SLOTS; k++) nx_memory_free(&p->products[k].memory);
    nx_exchange_free(&p->node_exchange);
    nx_layout_free(&p->node_layout);
    nx_memory_free(&p->node_memory);
    nx_memory_free(&p->list_memory);
}

/* Frees arrays that no later pass reads. */
static void drop_arrays(nx_program *program) {
    for (int i = program->input_count; i < program->operand_count; i++) {
        nexpr_part_array a = nexpr_part_array_init();
        nexpr_parts_array(program->parts, i, &a);
        if (a.is_wanted || !program->operands[i].own) continue;
        nexpr_mpi_array_free(&program->operands[i].own);
        program->operands[i].array = NULL;
    }
}

static void start_couriers(nx_pass_run *p) {
    p->has_couriers = nx_fetch_reads(p) || nx_target_writes(p);
    p->read_error = p->write_error = nexpr_error_init();
    if (!p->has_couriers) return;
    nx_courier_start(&p->reader);
    nx_courier_start(&p->writer);
}

static void stop_couriers(nx_pass_run *p) {
    if (!p->has_couriers) return;
    nx_courier_stop(&p->reader);
    nx_courier_stop(&p->writer);
}

/* Whether the pass can begin. Where it makes no call of MPI, and finds no file, a rank that has failed keeps nobody waiting:
 * the next agreement tells. */
static bool goes_on(const nx_pass_run *p) {
    const bool is_shared = p->info.leaves_nodes || nx_fetch_moves(p) || nx_target_is_shared(p);
    return (nx_call_is_ok(p->call) && !is_shared) || nx_call_goes_on(p->call);
}

bool nx_pass_run_current(nx_program *program) {
    nx_pass_run p = {.program = program, .call = program->call, .info = nexpr_part_pass_init()};
    if (nx_call_is_ok(p.call)) {
        nexpr_parts_pass(program->parts, &p.info);
        prepare(&p);
    }
    const bool begins = goes_on(&p);
    if (begins) {
        nx_fetch_begin(&p);
        nx_target_join(&p);
        if (nx_fetch_moves(&p)) nexpr_parts_between(program->parts, nx_fetch_go_on, &p);
        start_couriers(&p);
        if (p.info.leaves_nodes) run_with_nodes(&p);
        else compute_around_rows(&p);
        stop_couriers(&p);
        drop_arrays(program);
    }
    free_pass(&p);
    return begins;
}
