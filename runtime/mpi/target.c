/* SPDX-License-Identifier: MIT */
/* What a pass fills: slabs in memory, in place or by a buffer, and files. */
#include "runtime/mpi/program.h"

#include <string.h>

static nx_operand *target_of(const nx_pass_run *p, int k) {
    return &p->program->operands[nexpr_parts_target(p->program->parts, k)];
}

static nexpr_part_array describe(const nx_pass_run *p, int array) {
    nexpr_part_array ret = nexpr_part_array_init();
    nexpr_parts_array(p->program->parts, array, &ret);
    return ret;
}

/* A layout that is cut as the array is. */
static void make_layout(nx_call *c, const nexpr_part_array *a, nx_layout *ret) {
    nx_call scratch = *c; /* all ranks have the same, and need no hash of it */
    nx_layout_describe(&scratch, a->dtype, a->ndim, a->shape, ret);
    c->error = scratch.error;
    if (!nx_call_is_ok(c) || a->axis < 0) return;
    const int64_t bytes = ((int64_t)c->mpi->ranks + 1) * (int64_t)sizeof *ret->first;
    ret->axis = a->axis;
    ret->first = (int64_t *)nx_call_allocate(c, bytes, "the map of ranks", &ret->memory);
    if (ret->first) memcpy(ret->first, a->bounds, (size_t)bytes);
}

/* Whether an array that the caller has can take the target as it is computed. */
static bool can_take(const nexpr_mpi_array *given, const nx_layout *l, int ranks) {
    const nx_layout *g = &given->layout;
    if (g->dtype != l->dtype || g->ndim != l->ndim || memcmp(g->shape, l->shape, sizeof g->shape)) return false;
    if (g->axis != l->axis) return false;
    return !l->first || !memcmp(given->layout.first, l->first, ((size_t)ranks + 1) * sizeof *l->first);
}

/* The shape of a result that goes to a file: rank 0 declares it before the others do. */
static void declare(nx_call *c, const nx_layout *l, nexpr_output *output) {
    nexpr_array whole = nexpr_array_init();
    const nexpr_array *const list[] = {&whole};
    whole.dtype = l->dtype;
    whole.ndim = l->ndim;
    whole.shape = l->shape;
    if (nx_call_is_ok(c)) nexpr_output_declare(output, NULL, list, 1, &c->error);
}

/* The result that a target is, if its layout is known; NULL: it is none. */
static const nx_wanted *wanted_of(const nx_pass_run *p, int k) {
    const int result = nexpr_parts_target(p->program->parts, k) - nexpr_parts_result(p->program->parts, 0);
    return result >= 0 && !p->info.is_counting ? &p->program->wanted[result] : NULL;
}

/* Makes the array that a target is, or describes what will be in a file. */
static void make_target(nx_pass_run *p, int k) {
    nx_call *c = p->call;
    nx_operand *to = target_of(p, k);
    const nexpr_part_array a = describe(p, nexpr_parts_target(p->program->parts, k));
    const nx_wanted *wanted = wanted_of(p, k);
    nexpr_mpi_array *made = nx_array_new(c);
    if (!made) return;
    to->array = to->own = made;
    make_layout(c, &a, &made->layout);
    if (!nx_call_is_ok(c)) return;
    if (wanted && wanted->is_file) {
        to->output = wanted->output;
        if (to->output) declare(c, &made->layout, to->output);
        return;
    }
    const bool is_taken = wanted && wanted->array && can_take(wanted->array, &made->layout, c->mpi->ranks);
    nx_array_place(c, made, 0, 0, is_taken ? wanted->array->data : NULL);
}

void nx_target_join(nx_pass_run *p) {
    nx_call *c = p->call;
    for (int k = 0; k < p->info.target_count && nx_call_is_ok(c); k++) {
        const nx_wanted *wanted = wanted_of(p, k);
        nx_operand *to = target_of(p, k);
        if (!wanted || !wanted->is_file || to->output) continue;
        if (nexpr_output_join(wanted->path, wanted->number, &wanted->options, &to->joined, &c->error)) return;
        to->output = to->joined;
        declare(c, &to->array->layout, to->output);
    }
}

void nx_target_make(nx_pass_run *p) {
    for (int k = 0; k < p->info.target_count && nx_call_is_ok(p->call); k++) make_target(p, k);
}

/* Rows of a target that units compute: of what is appended to, so many behind those that are there. */
static void rows_of(const nx_pass_run *p, const nx_layout *l, int64_t begin, int64_t end, int64_t appended, int64_t *ret) {
    nexpr_parts_target_rows(p->program->parts, begin, end, &ret[0], &ret[1]);
    if (!p->info.appends) return;
    ret[0] = l->first[p->call->mpi->rank] + p->appended;
    ret[1] = ret[0] + appended;
}

/* How much units may append: what is left of the slab, at most. */
static int64_t most_appended(const nx_pass_run *p, const nx_layout *l, int64_t begin, int64_t end) {
    int64_t rows[2];
    if (!p->info.appends) return 0;
    nexpr_parts_target_rows(p->program->parts, begin, end, &rows[0], &rows[1]);
    const int64_t left = nx_layout_count(l, p->call->mpi->rank) - p->appended, most = rows[1] - rows[0];
    return left < most ? left : most;
}

/* Whether these rows of a target lie in the slab as they are computed: without gaps. All of a slab always do. */
static bool is_in_place(const nx_pass_run *p, const nx_operand *to, const int64_t *rows) {
    const nx_layout *l = &to->array->layout;
    if (!to->array->data) return false;
    if (!l->first || nx_layout_outer(l) == 1) return true;
    return !p->info.appends && rows[1] - rows[0] == nx_layout_count(l, p->call->mpi->rank);
}

static int64_t bytes_of_rows(const nx_layout *l, int64_t rows) {
    return nx_layout_outer(l) * (l->first ? rows : 1) * nx_layout_inner(l);
}

int64_t nx_target_buffer_bytes(const nx_pass_run *p, int64_t begin, int64_t end) {
    int64_t bytes = 0, rows[2];
    nexpr_parts_target_rows(p->program->parts, begin, end, &rows[0], &rows[1]);
    for (int k = 0; k < p->info.target_count && !p->info.is_reduction; k++) {
        const nx_operand *to = target_of(p, k);
        if (!is_in_place(p, to, rows)) bytes += bytes_of_rows(&to->array->layout, rows[1] - rows[0]);
    }
    return bytes;
}

/* The product of a target in a slot. */
static nx_product *product_of(const nx_pass_run *p, int k, int slot) {
    return &p->products[k * NX_SLOTS + slot];
}

void nx_target_place(nx_pass_run *p, const nx_chunk *chunk) {
    nx_call *c = p->call;
    for (int k = 0; k < p->info.target_count; k++) {
        const nx_operand *to = target_of(p, k);
        const nx_layout *l = &to->array->layout;
        nx_product *product = product_of(p, k, chunk->slot);
        product->to = to;
        rows_of(p, l, chunk->begin, chunk->end, most_appended(p, l, chunk->begin, chunk->end), product->rows);
        if (is_in_place(p, to, product->rows)) {
            const int64_t skipped = l->first ? product->rows[0] - l->first[c->mpi->rank] : 0;
            p->targets[k] = to->array->data + skipped * nx_layout_inner(l);
            continue;
        }
        const int64_t bytes = bytes_of_rows(l, product->rows[1] - product->rows[0]);
        if (!nx_memory_holds(&product->memory, bytes)) {
            nx_memory_free(&product->memory);
            product->buffer = nx_call_allocate(c, bytes, "a stretch of a result", &product->memory);
        }
        p->targets[k] = product->buffer;
    }
}

/* Writes rows of a result to its file; what everybody has, rank 0 writes. */
static nexpr_status write_rows(nx_pass_run *p, const nx_product *product) {
    const nx_operand *to = product->to;
    const nx_layout *l = &to->array->layout;
    const int64_t outer = nx_layout_outer(l), inner = nx_layout_inner(l) / l->item, all = l->first ? l->shape[l->axis] : 1;
    const int64_t begin = l->first ? product->rows[0] : 0, count = l->first ? product->rows[1] - begin : 1;
    nexpr_status status = NEXPR_OK;
    if ((!l->first && p->call->mpi->rank) || !count || !l->bytes) return NEXPR_OK;
    for (int64_t o = 0; o < outer && !status; o++) {
        const char *data = product->buffer + o * count * inner * l->item;
        status = nexpr_output_put(to->output, 0, (o * all + begin) * inner, count * inner, data, &p->write_error);
    }
    return status;
}

void nx_target_write(nx_pass_run *p, int slot) {
    for (int k = 0; k < p->info.target_count; k++) {
        const nx_product *product = product_of(p, k, slot);
        if (product->to->output && write_rows(p, product)) return;
    }
}

bool nx_target_writes(const nx_pass_run *p) {
    for (int k = 0; k < p->info.target_count; k++) {
        if (target_of(p, k)->output) return true;
    }
    return false;
}

bool nx_target_is_shared(const nx_pass_run *p) {
    for (int k = 0; k < p->info.target_count; k++) {
        const nx_wanted *wanted = wanted_of(p, k);
        if (wanted && wanted->is_file) return true;
    }
    return false;
}

static void copy_rows(const nx_pass_run *p, const nexpr_mpi_array *to, const int64_t *rows, const char *data) {
    const nx_layout *l = &to->layout;
    const int64_t inner = nx_layout_inner(l), all = nx_layout_count(l, p->call->mpi->rank), bytes = (rows[1] - rows[0]) * inner;
    const int64_t first = rows[0] - nx_layout_begin(l, p->call->mpi->rank);
    for (int64_t o = 0; o < nx_layout_outer(l) && bytes; o++) {
        memcpy(to->data + (o * all + first) * inner, data + o * bytes, (size_t)bytes);
    }
}

static void tell_progress(nx_program *program, int64_t elements) {
    if (!program->progress || !elements) return;
    program->done += elements;
    if (program->done > program->total) program->done = program->total;
    program->progress(program->progress_user, program->done, program->total);
}

void nx_target_keep(nx_pass_run *p, const nx_chunk *chunk, int64_t appended) {
    int64_t elements = 0;
    for (int k = 0; k < p->info.target_count; k++) {
        const nx_operand *to = target_of(p, k);
        const nx_layout *l = &to->array->layout;
        nx_product *product = product_of(p, k, chunk->slot);
        rows_of(p, l, chunk->begin, chunk->end, appended, product->rows);
        if (!to->output && !is_in_place(p, to, product->rows)) copy_rows(p, to->array, product->rows, product->buffer);
        if (!wanted_of(p, k)) continue;
        const int64_t bytes = bytes_of_rows(l, product->rows[1] - product->rows[0]);
        elements += bytes / l->item * (l->first ? p->call->mpi->ranks : 1);
    }
    p->appended += appended;
    tell_progress(p->program, elements);
}
