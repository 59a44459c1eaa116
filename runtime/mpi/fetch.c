/* SPDX-License-Identifier: MIT */
/*
 * Where the needs of a pass come from. What a rank has itself is read in place. If it needs rows of others besides, its part
 * is run in up to three stretches: inside, all is its own; before and behind it, rows come from others, and for these few
 * units what is needed is put together in a place of its own. So slabs are never copied for the sake of their neighbours,
 * and the inside is computed while the rows are on their way.
 */
#include "runtime/mpi/program.h"

#include <string.h>

/* ------------------------------------------------------------------------------------------------------- what is had -- */

static const nexpr_mpi_array *array_of(const nx_pass_run *p, const nx_fetch *f) {
    return p->program->operands[f->array].array;
}

/* Whether a rank has all that units of its part need. */
static bool has_all(const nx_pass_run *p, int k, int rank, int64_t begin, int64_t end) {
    int64_t have_begin, have_end, need_begin, need_end;
    if (begin >= end) return true;
    nexpr_parts_need(p->program->parts, k, begin, end, &need_begin, &need_end);
    nx_array_rows(array_of(p, &p->fetches[k]), rank, &have_begin, &have_end);
    return need_begin >= need_end || (need_begin >= have_begin && need_end <= have_end);
}

static nx_fetch_kind kind_of(const nx_pass_run *p, int k) {
    const nx_fetch *f = &p->fetches[k];
    if (p->program->operands[f->array].file) return NX_FETCH_READ;
    if (f->axis < 0 || !array_of(p, f)->layout.first) return NX_FETCH_HELD;
    if (f->axis != array_of(p, f)->layout.axis) return NX_FETCH_BOX;
    for (int r = 0; r < p->call->mpi->ranks; r++) {
        int64_t begin, end;
        nexpr_parts_units(p->program->parts, r, &begin, &end);
        if (!has_all(p, k, r, begin, end)) return NX_FETCH_ROWS;
    }
    return NX_FETCH_HELD;
}

static void set_own_view(const nx_pass_run *p, nx_fetch *f) {
    const nexpr_mpi_array *a = array_of(p, f);
    f->held.data = a->data;
    if (a->layout.first) nx_array_rows(a, p->call->mpi->rank, &f->held.begin, &f->held.end);
}

/* ----------------------------------------------------------------------------------------------------------- inside -- */

/* Whether one end of units of a rank's part reaches out of what it has: before it, or behind it. */
static bool reaches_out(const nx_pass_run *p, int rank, int64_t begin, int64_t end, bool behind) {
    for (int k = 0; k < p->info.need_count && begin < end; k++) {
        int64_t have_begin, have_end, need_begin, need_end;
        if (p->fetches[k].kind != NX_FETCH_ROWS) continue;
        nexpr_parts_need(p->program->parts, k, begin, end, &need_begin, &need_end);
        nx_array_rows(array_of(p, &p->fetches[k]), rank, &have_begin, &have_end);
        if (need_begin < need_end && (behind ? need_end > have_end : need_begin < have_begin)) return true;
    }
    return false;
}

/* The same without `n` units at that end. */
static bool reaches_out_without(const nx_pass_run *p, int rank, int64_t begin, int64_t end, bool behind, int64_t n) {
    return reaches_out(p, rank, behind ? begin : begin + n, behind ? end - n : end, behind);
}

/* The least number of units without which one end does not reach out. Few, mostly, so that it is looked for from 0 on, in
 * steps that grow. */
static int64_t count_outside(const nx_pass_run *p, int rank, int64_t begin, int64_t end, bool behind) {
    int64_t low = 0, high = 0;
    for (int64_t step = 1; reaches_out_without(p, rank, begin, end, behind, high); step *= 2) {
        low = high + 1;
        high = end - begin - high > step ? high + step : end - begin;
    }
    while (low < high) {
        const int64_t n = low + (high - low) / 2;
        if (reaches_out_without(p, rank, begin, end, behind, n)) low = n + 1;
        else high = n;
    }
    return low;
}

/* The units of a rank's part between those that reach out before and behind; none if there is no such stretch, as where an
 * array is read backwards. */
static void find_inside(const nx_pass_run *p, int rank, int64_t *ret) {
    int64_t first, last;
    nexpr_parts_units(p->program->parts, rank, &first, &last);
    ret[0] = first + count_outside(p, rank, first, last, false);
    ret[1] = last - count_outside(p, rank, ret[0], last, true);
    if (reaches_out(p, rank, ret[0], ret[1], false) || ret[0] == ret[1]) ret[0] = ret[1] = first;
}

static void find_insides(nx_pass_run *p) {
    const int ranks = p->call->mpi->ranks;
    bool has_rows = false;
    for (int k = 0; k < p->info.need_count; k++) has_rows |= p->fetches[k].kind == NX_FETCH_ROWS;
    const int64_t bytes = 2 * (int64_t)ranks * (int64_t)sizeof *p->inside;
    p->inside = (int64_t *)nx_call_allocate(p->call, bytes, "a pass", &p->inside_memory);
    for (int r = 0; p->inside && r < ranks; r++) {
        if (has_rows) find_inside(p, r, p->inside + 2 * r);
        else nexpr_parts_units(p->program->parts, r, &p->inside[2 * r], &p->inside[2 * r + 1]);
    }
}

/* The stretches of a rank's part, in order. Returns how many. */
static int find_stretches(const nx_pass_run *p, int rank, nx_stretch *ret) {
    int64_t first, last;
    const int64_t *inside = p->inside + 2 * rank;
    int count = 0;
    nexpr_parts_units(p->program->parts, rank, &first, &last);
    if (inside[0] == inside[1]) {
        ret[0] = (nx_stretch){first, last, 0};
        return 1;
    }
    if (first < inside[0]) ret[count++] = (nx_stretch){first, inside[0], 0};
    ret[count++] = (nx_stretch){inside[0], inside[1], -1};
    if (inside[1] < last) ret[count++] = (nx_stretch){inside[1], last, 1};
    return count;
}

/* ---------------------------------------------------------------------------------------------------------- preparing -- */

static void prepare_rows(nx_pass_run *p, int k) {
    nx_fetch *f = &p->fetches[k];
    const int ranks = p->call->mpi->ranks;
    const int64_t bytes = ranks * NX_WANTS * (int64_t)sizeof *f->wants;
    set_own_view(p, f);
    f->wants = (nx_want *)nx_call_allocate(p->call, bytes, "rows that ranks want", &f->want_memory);
    if (!nx_call_is_ok(p->call)) return;
    memset(f->wants, 0, (size_t)bytes);
    for (int r = 0; r < ranks; r++) {
        nx_stretch stretches[NX_STRETCHES];
        const int count = find_stretches(p, r, stretches);
        for (int i = 0; i < count; i++) {
            const nx_stretch *s = &stretches[i];
            if (s->want < 0 || has_all(p, k, r, s->begin, s->end)) continue;
            nx_want *want = &f->wants[r * NX_WANTS + s->want];
            nexpr_parts_need(p->program->parts, k, s->begin, s->end, &want->begin, &want->end);
        }
    }
    nx_rows_prepare(p->call, array_of(p, f), f->wants, &f->rows);
}

static void prepare_box(nx_pass_run *p, int k) {
    nx_fetch *f = &p->fetches[k];
    const nexpr_mpi_array *a = array_of(p, f);
    const int ranks = p->call->mpi->ranks, me = p->call->mpi->rank;
    const int64_t bytes = 2 * ((int64_t)ranks + 1) * (int64_t)sizeof *f->target.first;
    f->target = a->layout;
    f->target.memory = (nx_memory){NULL, 0};
    f->target.axis = f->axis;
    f->target.first = (int64_t *)nx_call_allocate(p->call, bytes, "a map of ranks", &f->target.memory);
    if (!f->target.first) return;
    int64_t *last = f->target.first + ranks + 1;
    f->target.last = last;
    for (int r = 0; r < ranks; r++) {
        int64_t begin, end;
        nexpr_parts_units(p->program->parts, r, &begin, &end);
        nexpr_parts_need(p->program->parts, k, begin, end, &f->target.first[r], &last[r]);
    }
    char *box = nx_call_allocate(p->call, nx_layout_slab_bytes(&f->target, me), "what other ranks have", &f->box_memory);
    f->held = (nexpr_part_view){box, f->target.first[me], last[me]};
    nx_exchange_prepare(p->call, NX_SPREAD, 0, nx_array_place_of(a), (nx_place){.layout = &f->target, .data = box},
                        &f->exchange);
}

static void prepare_read(nx_pass_run *p, nx_fetch *f) {
    const nx_operand *from = &p->program->operands[f->array];
    nexpr_member member = nexpr_member_init();
    nexpr_file_member(from->file, from->member, &member);
    f->row = (int64_t)nexpr_dtype_size(member.dtype);
    for (int i = 0; i < member.ndim; i++) f->row *= i == f->axis ? 1 : member.shape[i];
}

void nx_fetch_prepare(nx_pass_run *p) {
    for (int k = 0; k < p->info.need_count; k++) {
        nx_fetch *f = &p->fetches[k];
        f->array = nexpr_parts_need_array(p->program->parts, k, &f->axis);
        f->kind = kind_of(p, k);
    }
    find_insides(p);
    for (int k = 0; k < p->info.need_count && nx_call_is_ok(p->call); k++) {
        nx_fetch *f = &p->fetches[k];
        switch (f->kind) {
        case NX_FETCH_HELD: set_own_view(p, f); break;
        case NX_FETCH_ROWS: prepare_rows(p, k); break;
        case NX_FETCH_BOX: prepare_box(p, k); break;
        case NX_FETCH_READ: prepare_read(p, f); break;
        }
    }
    if (p->inside) p->stretch_count = find_stretches(p, p->call->mpi->rank, p->stretches);
}

void nx_fetch_free(nx_pass_run *p) {
    for (int k = 0; k < p->info.need_count; k++) {
        nx_fetch *f = &p->fetches[k];
        nx_rows_free(&f->rows);
        nx_exchange_free(&f->exchange);
        nx_layout_free(&f->target);
        nx_memory_free(&f->want_memory);
        nx_memory_free(&f->box_memory);
        for (int slot = 0; slot < NX_SLOTS; slot++) nx_memory_free(&f->portions[slot].memory);
    }
    nx_memory_free(&p->inside_memory);
}

/* ---------------------------------------------------------------------------------------------------------- fetching -- */

void nx_fetch_begin(nx_pass_run *p) {
    for (int k = 0; k < p->info.need_count; k++) {
        nx_fetch *f = &p->fetches[k];
        if (f->kind == NX_FETCH_ROWS) nx_rows_begin(p->call, &f->rows);
    }
    for (int k = 0; k < p->info.need_count; k++) {
        nx_fetch *f = &p->fetches[k];
        if (f->kind == NX_FETCH_BOX) nx_exchange_run(p->call, &f->exchange);
    }
}

void nx_fetch_go_on(void *pass_run) {
    nx_pass_run *p = pass_run;
    for (int k = 0; k < p->info.need_count; k++) {
        if (p->fetches[k].kind == NX_FETCH_ROWS) nx_rows_test(p->call, &p->fetches[k].rows);
    }
}

void nx_fetch_end(nx_pass_run *p) {
    for (int k = 0; k < p->info.need_count; k++) nx_rows_end(p->call, &p->fetches[k].rows);
}

/* ------------------------------------------------------------------------------------------------------------ views -- */

int64_t nx_fetch_read_bytes(const nx_pass_run *p, int64_t begin, int64_t end) {
    int64_t bytes = 0;
    for (int k = 0; k < p->info.need_count; k++) {
        int64_t first, last;
        if (p->fetches[k].kind != NX_FETCH_READ) continue;
        nexpr_parts_need(p->program->parts, k, begin, end, &first, &last);
        bytes += p->fetches[k].axis < 0 ? p->fetches[k].row : (last - first) * p->fetches[k].row;
    }
    return bytes;
}

bool nx_fetch_reads(const nx_pass_run *p) {
    for (int k = 0; k < p->info.need_count; k++) {
        if (p->fetches[k].kind == NX_FETCH_READ) return true;
    }
    return false;
}

bool nx_fetch_moves(const nx_pass_run *p) {
    for (int k = 0; k < p->info.need_count; k++) {
        if (p->fetches[k].kind == NX_FETCH_ROWS || p->fetches[k].kind == NX_FETCH_BOX) return true;
    }
    return false;
}

/* What a chunk needs of a member; its memory grows. */
static void place_portion(nx_pass_run *p, int k, const nx_chunk *chunk) {
    nx_fetch *f = &p->fetches[k];
    nx_portion *to = &f->portions[chunk->slot];
    const nx_operand *from = &p->program->operands[f->array];
    nexpr_member member = nexpr_member_init();
    int64_t bytes = f->row;
    nexpr_file_member(from->file, from->member, &member);
    memset(to->first, 0, sizeof to->first);
    memcpy(to->count, member.shape, (size_t)member.ndim * sizeof *to->count);
    if (f->axis >= 0) {
        nexpr_parts_need(p->program->parts, k, chunk->begin, chunk->end, &to->view.begin, &to->view.end);
        to->first[f->axis] = to->view.begin;
        bytes *= to->count[f->axis] = to->view.end - to->view.begin;
    }
    if (!nx_memory_holds(&to->memory, bytes)) {
        nx_memory_free(&to->memory);
        to->buffer = nx_call_allocate(p->call, bytes, "what is read of a file", &to->memory);
    }
    to->view.data = to->buffer;
}

void nx_fetch_place(nx_pass_run *p, const nx_chunk *chunk) {
    for (int k = 0; k < p->info.need_count && nx_call_is_ok(p->call); k++) {
        if (p->fetches[k].kind == NX_FETCH_READ) place_portion(p, k, chunk);
    }
}

void nx_fetch_read(nx_pass_run *p, int slot) {
    for (int k = 0; k < p->info.need_count; k++) {
        const nx_fetch *f = &p->fetches[k];
        const nx_portion *to = &f->portions[slot];
        const nx_operand *from = &p->program->operands[f->array];
        if (f->kind != NX_FETCH_READ) continue;
        if (nexpr_file_read(from->file, from->member, to->first, to->count, to->buffer, &p->read_error)) return;
    }
}

void nx_fetch_views(nx_pass_run *p, const nx_chunk *chunk) {
    const int want_number = chunk->stretch->want;
    for (int k = 0; k < p->info.need_count; k++) {
        const nx_fetch *f = &p->fetches[k];
        p->views[k] = f->kind == NX_FETCH_READ ? f->portions[chunk->slot].view : f->held;
        if (f->kind != NX_FETCH_ROWS || want_number < 0) continue;
        const nx_want *want = &f->wants[p->call->mpi->rank * NX_WANTS + want_number];
        if (want->begin < want->end) p->views[k] = (nexpr_part_view){f->rows.data[want_number], want->begin, want->end};
    }
}
