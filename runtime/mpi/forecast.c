/* SPDX-License-Identifier: MIT */
/*
 * Whether a program will find memory: its passes are gone through before any is run, and what a rank then holds is added up:
 * arrays that passes hand on, what is fetched of other ranks, nodes. How much a mask keeps of each slab is not known then; an
 * even share is assumed.
 */
#include "runtime/mpi/program.h"

#include <string.h>

/* Bytes of [begin, end) of an axis of the array; -1: of all. */
static int64_t bytes_of(const nexpr_part_array *a, int axis, int64_t begin, int64_t end) {
    int64_t bytes = (int64_t)nexpr_dtype_size(a->dtype);
    for (int i = 0; i < a->ndim; i++) bytes *= i == axis ? end - begin : a->shape[i];
    return bytes;
}

static nexpr_part_array describe(const nx_program *program, int array) {
    nexpr_part_array a = nexpr_part_array_init();
    nexpr_parts_array(program->forecast, array, &a);
    return a;
}

/* Of the largest slab. */
static int64_t slab_bytes(const nx_program *program, const nexpr_part_array *a) {
    int64_t most = 0;
    if (a->axis < 0) return bytes_of(a, -1, 0, 0);
    for (int r = 0; r < program->call->mpi->ranks; r++) {
        const int64_t bytes = bytes_of(a, a->axis, a->bounds[r], a->bounds[r + 1]);
        if (bytes > most) most = bytes;
    }
    return most;
}

/* Whether the array takes memory: not if it lies in a file, or goes to one. */
static bool is_kept(const nx_program *program, int array, const nexpr_part_pass *pass) {
    const int result = array - nexpr_parts_result(program->forecast, 0);
    if (array < program->input_count) return false;
    return result < 0 || pass->is_counting || !program->wanted[result].is_file;
}

/* What a rank has to get of others for a need, or, of a file, for one unit. */
static int64_t need_bytes(const nx_program *program, int need, int rank) {
    int axis;
    int64_t first, last, begin, end;
    const int array = nexpr_parts_need_array(program->forecast, need, &axis);
    const nexpr_part_array a = describe(program, array);
    nexpr_parts_units(program->forecast, rank, &first, &last);
    const bool is_file = array < program->input_count && program->operands[array].file;
    if (is_file && last > first) last = first + 1;
    nexpr_parts_need(program->forecast, need, first, last, &begin, &end);
    if (is_file || (axis >= 0 && axis != a.axis)) return bytes_of(&a, axis, begin, end);
    if (axis < 0 || a.axis < 0) return 0;
    const int64_t before = begin < a.bounds[rank] ? a.bounds[rank] - begin : 0;
    const int64_t behind = end > a.bounds[rank + 1] ? end - a.bounds[rank + 1] : 0;
    return 2 * bytes_of(&a, axis, 0, before + behind < end - begin ? before + behind : end - begin);
}

static int64_t fetched_bytes(const nx_program *program, const nexpr_part_pass *pass) {
    int64_t most = 0;
    for (int r = 0; r < program->call->mpi->ranks; r++) {
        int64_t bytes = 0;
        for (int k = 0; k < pass->need_count; k++) bytes += need_bytes(program, k, r);
        if (bytes > most) most = bytes;
    }
    return most;
}

/* Sets how what is appended to is cut, as if each rank kept as much. */
static void settle(nx_program *program) {
    nx_call *c = program->call;
    const nexpr_part_array a = describe(program, nexpr_parts_target(program->forecast, 0));
    const int ranks = c->mpi->ranks;
    nx_memory memory;
    int64_t *counts = (int64_t *)nx_call_allocate(c, ranks * (int64_t)sizeof *counts, "counts", &memory);
    if (!counts) return;
    for (int r = 0; r < ranks; r++) counts[r] = a.shape[0] / ranks + (r < a.shape[0] % ranks);
    nexpr_parts_settle(program->forecast, counts, &c->error);
    nx_memory_free(&memory);
}

/* What is in memory while a pass runs; and, in *held, what stays behind it. */
static int64_t pass_bytes(nx_program *program, int64_t *held) {
    nexpr_part_pass pass = nexpr_part_pass_init();
    int64_t nodes = 0;
    nexpr_parts_pass(program->forecast, &pass);
    if (pass.appends) settle(program);
    for (int k = 0; k < pass.target_count; k++) {
        const int target = nexpr_parts_target(program->forecast, k);
        const nexpr_part_array a = describe(program, target);
        if (is_kept(program, target, &pass)) *held += slab_bytes(program, &a);
    }
    for (int r = 0; pass.leaves_nodes && r < program->call->mpi->ranks; r++) {
        nodes += nexpr_parts_node_bytes(program->forecast, r);
    }
    return *held + fetched_bytes(program, &pass) + nodes;
}

/* Arrays that no later pass reads are dropped. */
static void drop(const nx_program *program, bool *was_kept, int64_t *held) {
    nexpr_part_pass pass = nexpr_part_pass_init();
    nexpr_parts_pass(program->forecast, &pass);
    const int count = nexpr_parts_array_count(program->forecast);
    for (int i = program->input_count; i < count; i++) {
        const nexpr_part_array a = describe(program, i);
        if (!a.is_known || !is_kept(program, i, &pass)) continue;
        if (was_kept[i] && !a.is_wanted) *held -= slab_bytes(program, &a);
        was_kept[i] = a.is_wanted;
    }
}

static void note_targets(const nx_program *program, bool *was_kept) {
    nexpr_part_pass pass = nexpr_part_pass_init();
    nexpr_parts_pass(program->forecast, &pass);
    for (int k = 0; k < pass.target_count; k++) was_kept[nexpr_parts_target(program->forecast, k)] = true;
}

void nx_program_forecast(nx_program *program) {
    nx_call *c = program->call;
    nx_memory memory;
    nexpr_parts_step step;
    int64_t held = program->held_bytes, most = held;
    const int count = nexpr_parts_array_count(program->forecast);
    bool *was_kept = (bool *)nx_call_allocate(c, count, "a program", &memory);
    if (!was_kept) return;
    memset(was_kept, 0, (size_t)count);
    while (nx_call_is_ok(c) && !nexpr_parts_next(program->forecast, &step, &c->error) && step == NEXPR_PARTS_PASS) {
        const int64_t bytes = pass_bytes(program, &held);
        if (bytes > most) most = bytes;
        note_targets(program, was_kept);
        drop(program, was_kept, &held);
    }
    nx_memory_free(&memory);
    if (most > program->max_memory) {
        nx_call_raise(c, NEXPR_MEMORY, "what passes hand on, and what they get of other ranks, takes %lld bytes on each rank, "
                      "but at most %lld are allowed (max-memory): more ranks need less each", (long long)most,
                      (long long)program->max_memory);
    }
}
