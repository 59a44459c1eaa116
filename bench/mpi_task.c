/* SPDX-License-Identifier: MIT */
/* A row of mpi_bench at one size: its arrays, one call of nexpr and one of the hand-written version, and their answers. */
#include "bench/mpi_bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 64 };

static void *allocate(int64_t bytes) {
    void *memory = aligned_alloc(LINE, ((size_t)bytes + LINE) / LINE * LINE);
    if (!memory) mpi_die("arrays", "out of memory");
    return memory;
}

/* ---------------------------------------------------------------------------------------------------------- arrays -- */

/* Scrambles an index: the finaliser of MurmurHash3. */
static uint64_t scramble(uint64_t x) {
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccd;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53;
    return x ^ x >> 33;
}

/* Floats from 0.1 up to 1.1. `user` is the number of the array. */
static nexpr_status read_floats(void *user, int64_t first, int64_t count, void *data, nexpr_error *err) {
    (void)err;
    const uint64_t seed = (uint64_t)*(const int *)user << 40;
    for (int64_t i = 0; i < count; i++) {
        ((double *)data)[i] = 0.1 + (double)(scramble(seed + (uint64_t)(first + i)) >> 11) * 0x1p-53;
    }
    return NEXPR_OK;
}

static nexpr_status read_bytes(void *user, int64_t first, int64_t count, void *data, nexpr_error *err) {
    (void)user;
    (void)err;
    for (int64_t i = 0; i < count; i++) ((uint8_t *)data)[i] = (uint8_t)((first + i) * 31 >> 3);
    return NEXPR_OK;
}

static nexpr_mpi_array *generate(const mpi_task *t, int number, const double **ret_data) {
    nexpr_error err = nexpr_error_init();
    nexpr_mpi_array *array = NULL;
    nexpr_array slab = nexpr_array_init();
    const bool is_bytes = t->row->shape == MPI_SHAPE_BYTES;
    const int64_t shape[] = {t->rows, t->columns};
    const nexpr_mpi_layout layout = nexpr_mpi_layout_init(0);
    if (nexpr_mpi_array_generate(t->mpi, is_bytes ? NEXPR_UINT8 : NEXPR_FLOAT64, t->row->shape == MPI_SHAPE_LINE ? 1 : 2,
                                 shape, &layout, is_bytes ? read_bytes : read_floats, &number, &array, &err) ||
        nexpr_mpi_array_local(array, &slab)) {
        mpi_die(t->row->name, err.message);
    }
    *ret_data = slab.data;
    return array;
}

static void find_shape(mpi_task *t) {
    const int64_t side = (int64_t)sqrt((double)t->n);
    t->rows = t->row->shape == MPI_SHAPE_LINE ? t->n : t->row->shape == MPI_SHAPE_SQUARE ? side : 3 * (int64_t)t->ranks;
    t->columns = t->row->shape == MPI_SHAPE_LINE ? 1 : t->row->shape == MPI_SHAPE_SQUARE ? side : t->n;
    t->first = allocate((t->ranks + 1) * (int64_t)sizeof *t->first);
    t->first[0] = 0;
    for (int r = 0; r < t->ranks; r++) {
        t->first[r + 1] = t->first[r] + t->rows / t->ranks + (r < t->rows % t->ranks);
    }
}

/* What ranks have of the hand-written version's result. */
static void find_target(mpi_task *t) {
    const mpi_result result = t->row->result;
    int64_t left = t->rows;
    t->target = nexpr_mpi_layout_init(result == MPI_RESULT_SCALAR ? NEXPR_MPI_REPLICATED
                                      : result == MPI_RESULT_TRANSPOSED || result == MPI_RESULT_ACROSS);
    t->target_counts = allocate(t->ranks * (int64_t)sizeof *t->target_counts);
    for (int r = 0; r < t->ranks; r++) {
        int64_t *count = &t->target_counts[r];
        const bool is_last = r == t->ranks - 1;
        *count = t->first[r + 1] - t->first[r];
        if (result == MPI_RESULT_UNEVEN && is_last) *count = left;
        else if (result == MPI_RESULT_UNEVEN) *count = t->rows * 2 * (r + 1) / ((int64_t)t->ranks * (t->ranks + 1));
        if (result == MPI_RESULT_SHORTER && is_last) --*count;
        if (result == MPI_RESULT_INSIDE) *count -= (r == 0) + is_last;
        left -= *count;
    }
    if (result != MPI_RESULT_SCALAR) t->target.counts = t->target_counts;
}

int64_t mpi_task_result_count(const mpi_task *t) {
    const int64_t own = t->target_counts[t->rank];
    switch (t->row->result) {
    case MPI_RESULT_NONE: return 0;
    case MPI_RESULT_SCALAR: return 1;
    case MPI_RESULT_ROWS: return own;
    case MPI_RESULT_INSIDE: return own * (t->columns - 2);
    case MPI_RESULT_ACROSS: return own * t->rows;
    default: return own * t->columns;
    }
}

double mpi_task_bytes(const mpi_task *t) {
    const double elements = (double)t->rows * (double)t->columns;
    const double rows = t->row->kind == MPI_KIND_PINGPONG ? 2 : 2.0 * (t->ranks - 1);
    if (t->row->shape == MPI_SHAPE_BYTES) return rows * (double)t->n;
    const bool is_reduced = t->row->result == MPI_RESULT_SCALAR || t->row->result == MPI_RESULT_ROWS;
    return 8 * elements * ((t->array_b ? 2 : 1) + !is_reduced);
}

static void compile(mpi_task *t) {
    nexpr_error err = nexpr_error_init();
    const nexpr_input a = nexpr_input_init("a", NEXPR_FLOAT64, -1), b = nexpr_input_init("b", NEXPR_FLOAT64, -1);
    const nexpr_input *inputs[] = {&a, &b};
    nexpr_mpi_info info = nexpr_mpi_info_init();
    nexpr_program *program = NULL;
    nexpr_mpi_describe(t->mpi, &info);
    if (nexpr_parse(info.context, t->row->text, SIZE_MAX, NULL, &program, &err) ||
        nexpr_compile(info.context, program, inputs, t->array_b ? 2 : 1, NULL, NULL, &t->expr, &err)) {
        mpi_die(t->row->text, err.message);
    }
    nexpr_program_free(&program);
}

static void make_work(mpi_task *t) {
    const int64_t own = t->first[t->rank + 1] - t->first[t->rank];
    const int64_t most = own * t->columns > (t->columns / t->ranks + 1) * t->rows ? own * t->columns
                                                                                  : (t->columns / t->ranks + 1) * t->rows;
    t->work_bytes = t->row->shape == MPI_SHAPE_BYTES ? t->n : t->row->shape == MPI_SHAPE_SQUARE ? 8 * most : 8;
    for (int i = 0; i < 2; i++) t->work[i] = allocate(t->work_bytes);
    t->counts = allocate(4 * t->ranks * (int64_t)sizeof *t->counts);
}

void mpi_task_make(mpi_task *t, const mpi_row *row, nexpr_mpi *mpi, MPI_Comm comm, int64_t n, nexpr_backend backend) {
    nexpr_error err = nexpr_error_init();
    nexpr_mpi_info info = nexpr_mpi_info_init();
    nexpr_mpi_describe(mpi, &info);
    *t = (mpi_task){.row = row, .mpi = mpi, .comm = comm, .rank = info.rank, .ranks = info.ranks, .piece = info.piece_bytes,
                    .n = n, .run = nexpr_run_options_init()};
    t->run.backend = backend;
    find_shape(t);
    find_target(t);
    make_work(t);
    t->array_a = generate(t, 0, &t->a);
    if (strchr(row->text, 'b')) t->array_b = generate(t, 1, &t->b);
    if (row->kind == MPI_KIND_EVALUATE) compile(t);
    if (row->kind == MPI_KIND_HALO && nexpr_mpi_halo_new(t->array_a, 1, 1, &t->halo, &err)) mpi_die(row->name, err.message);
}

void mpi_task_free(mpi_task *t) {
    mpi_task_reuse(t, false);
    nexpr_mpi_halo_free(&t->halo);
    nexpr_free(&t->expr);
    nexpr_mpi_array_free(&t->array_a);
    nexpr_mpi_array_free(&t->array_b);
    for (int i = 0; i < 2; i++) free(t->work[i]);
    free(t->counts);
    free(t->first);
    free(t->target_counts);
}

/* ----------------------------------------------------------------------------------------------------------- calls -- */

/* Its result is given to it, if the array is not NULL. */
static nexpr_mpi_array *run_nexpr(const mpi_task *t) {
    nexpr_error err = nexpr_error_init();
    nexpr_mpi_array *result = t->reused;
    const nexpr_mpi_array *const inputs[] = {t->array_a, t->array_b};
    nexpr_status status = NEXPR_OK;
    switch (t->row->kind) {
    case MPI_KIND_EVALUATE: status = nexpr_mpi_evaluate(t->mpi, t->expr, inputs, &result, &t->run, &err); break;
    case MPI_KIND_REDISTRIBUTE: status = nexpr_mpi_array_redistribute(t->array_a, &t->target, &result, &err); break;
    case MPI_KIND_HALO:
        status = nexpr_mpi_halo_begin(t->halo, &err);
        if (!status) status = nexpr_mpi_halo_end(t->halo, &err);
        break;
    case MPI_KIND_PINGPONG: break;
    }
    if (status) mpi_die(t->row->name, err.message);
    return result;
}

void mpi_task_run_nexpr(mpi_task *t) {
    nexpr_mpi_array *result = run_nexpr(t);
    if (!t->reused) nexpr_mpi_array_free(&result);
}

/* As from the second run of a program on, when its machine code is in the cache. */
void mpi_task_compile(mpi_task *t) {
    const nexpr_backend backend = t->run.backend;
    t->run.backend = NEXPR_BACKEND_JIT;
    mpi_task_run_nexpr(t);
    t->run.backend = backend;
}

static double *run_c(mpi_task *t) {
    double *result = t->reused_c ? t->reused_c : malloc((size_t)mpi_task_result_count(t) * sizeof *result + 1);
    if (!result) mpi_die(t->row->name, "out of memory");
    t->row->version(t, result);
    return result;
}

void mpi_task_run_c(mpi_task *t) {
    double *result = run_c(t);
    if (!t->reused_c) free(result);
}

void mpi_task_reuse(mpi_task *t, bool reuses) {
    nexpr_mpi_array_free(&t->reused);
    free(t->reused_c);
    t->reused_c = NULL;
    if (!reuses) return;
    t->reused = run_nexpr(t);
    t->reused_c = run_c(t);
}

/* --------------------------------------------------------------------------------------------------------- answers -- */

static bool is_near(int64_t n, const double *x, const double *y, double bound) {
    for (int64_t i = 0; i < n; i++) {
        if (!(x[i] == y[i] || fabs(x[i] - y[i]) <= bound * (1 + fabs(y[i])))) return false;
    }
    return true;
}

/* Brings nexpr's result into the hand-written version's layout, and compares. */
static bool has_result(mpi_task *t, const nexpr_mpi_array *ours, const double *theirs) {
    nexpr_error err = nexpr_error_init();
    nexpr_mpi_array *same = NULL;
    nexpr_array slab = nexpr_array_init();
    if (nexpr_mpi_array_redistribute(ours, &t->target, &same, &err) || nexpr_mpi_array_local(same, &slab)) {
        mpi_die(t->row->name, err.message);
    }
    int64_t count = 1;
    for (int i = 0; i < slab.ndim; i++) count *= slab.shape[i];
    const bool is_same = count == mpi_task_result_count(t) && is_near(count, slab.data, theirs, t->row->bound);
    nexpr_mpi_array_free(&same);
    return is_same;
}

static bool has_rows(const mpi_task *t) {
    nexpr_array before = nexpr_array_init(), after = before;
    nexpr_mpi_halo_rows(t->halo, &before, &after);
    return (!t->rank || (before.shape[0] == 1 && !memcmp(before.data, t->work[0], (size_t)t->n))) &&
           (t->rank + 1 == t->ranks || (after.shape[0] == 1 && !memcmp(after.data, t->work[1], (size_t)t->n)));
}

/* The first row of the other rank. */
static bool has_ball(const mpi_task *t) {
    uint8_t *ball = allocate(t->n);
    read_bytes(NULL, t->first[1 - t->rank] * t->n, t->n, ball, NULL);
    const bool is_there = !memcmp(ball, t->work[0], (size_t)t->n);
    free(ball);
    return is_there;
}

bool mpi_task_check(mpi_task *t, mpi_counts *ret_nexpr, mpi_counts *ret_c) {
    mpi_counted = (mpi_counts){0};
    nexpr_mpi_array *ours = run_nexpr(t);
    *ret_nexpr = mpi_counted;
    mpi_counted = (mpi_counts){0};
    double *theirs = run_c(t);
    *ret_c = mpi_counted;
    const bool is_same = t->row->kind == MPI_KIND_PINGPONG ? t->rank > 1 || has_ball(t)
                         : t->row->kind == MPI_KIND_HALO   ? has_rows(t)
                                                           : has_result(t, ours, theirs);
    if (!t->reused) nexpr_mpi_array_free(&ours);
    if (!t->reused_c) free(theirs);
    return is_same;
}
