/* SPDX-License-Identifier: MIT */
/* Programs over distributed arrays: whatever their layouts and the number of ranks, the bits of nexpr_evaluate. */
#include "tests/mpi/check.h"
#include "tests/mpi/results.h"
#include "tests/support/elements.h"
#include "tests/mpi/shim.h"
#include "tests/support/failing_allocator.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { INPUTS = 3, MAX_RANKS = 64, MOST_RESULTS = 4, MOST_ITEMS = 1 << 18 };

static const char *const names[INPUTS] = {"a", "b", "c"};
static double *values[INPUTS];

static uint64_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static void make_values(void) {
    uint64_t state = 7;
    for (int i = 0; i < INPUTS; i++) {
        values[i] = malloc(MOST_ITEMS * sizeof *values[i]);
        for (int64_t k = 0; k < MOST_ITEMS; k++) {
            values[i][k] = (double)((int64_t)(next_random(&state) % 2000001) - 1000000) / 4099.0;
        }
    }
}

static void free_values(void) {
    for (int i = 0; i < INPUTS; i++) free(values[i]);
}

static nexpr *compile(const char *text, int ndim) {
    nexpr_input types[INPUTS];
    const nexpr_input *list[INPUTS];
    nexpr_program *program = NULL;
    nexpr *expr = NULL;
    for (int i = 0; i < INPUTS; i++) {
        types[i] = nexpr_input_init(names[i], NEXPR_FLOAT64, ndim);
        list[i] = &types[i];
    }
    EXPECT(NEXPR_OK, nexpr_parse(NULL, text, strlen(text), NULL, &program, &err));
    EXPECT(NEXPR_OK, nexpr_compile(NULL, program, list, INPUTS, NULL, NULL, &expr, &err));
    nexpr_program_free(&program);
    return expr;
}

static nexpr_array whole_of(int input, int ndim, const int64_t *shape) {
    nexpr_array a = nexpr_array_init();
    a.dtype = NEXPR_FLOAT64;
    a.ndim = ndim;
    a.shape = shape;
    a.data = values[input];
    return a;
}

/* The results of nexpr_evaluate, in C order. */
static void evaluate_here(const nexpr *expr, int ndim, const int64_t *shape, nexpr_array *results) {
    nexpr_array inputs[INPUTS], *outputs[MOST_RESULTS];
    const nexpr_array *list[INPUTS];
    for (int i = 0; i < INPUTS; i++) {
        inputs[i] = whole_of(i, ndim, shape);
        list[i] = &inputs[i];
    }
    for (int i = 0; i < nexpr_result_count(expr); i++) {
        results[i] = nexpr_array_init();
        outputs[i] = &results[i];
    }
    EXPECT(NEXPR_OK, nexpr_evaluate(expr, NULL, list, outputs, NULL, &err));
}

/* Blocks along axis 0, and later anything. */
static nexpr_mpi_array *distribute(nexpr_mpi *mpi, int input, int ndim, const int64_t *shape, uint64_t seed, int trial) {
    const nexpr_array whole = whole_of(input, ndim, shape);
    const nexpr_mpi_layout layout = nexpr_mpi_layout_init(ndim ? 0 : NEXPR_MPI_REPLICATED);
    nexpr_mpi_array *ret = NULL;
    if (trial) return distribute_randomly(mpi, &whole, seed);
    EXPECT(NEXPR_OK, nexpr_mpi_array_scatter(mpi, 0, &whole, &layout, &ret, &err));
    return ret;
}

/* Results are made, or written to arrays of other layouts that are there. */
static void offer_results(nexpr_mpi *mpi, const nexpr *expr, const nexpr_array *wanted, int trial, uint64_t seed,
                          nexpr_mpi_array **results) {
    int64_t counts[MAX_RANKS];
    for (int i = 0; i < nexpr_result_count(expr); i++) {
        results[i] = NULL;
        if (trial < 2) continue;
        nexpr_mpi_layout layout = nexpr_mpi_layout_init(wanted[i].ndim ? 0 : NEXPR_MPI_REPLICATED);
        if (trial > 2 && wanted[i].ndim) {
            layout.axis = (int)(seed % (uint64_t)wanted[i].ndim);
            random_counts(seed + 1, wanted[i].shape[layout.axis], counts);
            layout.counts = counts;
        }
        nexpr_array blank = nexpr_array_init();
        blank.dtype = wanted[i].dtype;
        blank.ndim = wanted[i].ndim;
        blank.shape = wanted[i].shape;
        blank.data = malloc((size_t)elements_bytes(&blank) + 1);
        memset(blank.data, 0x55, (size_t)elements_bytes(&blank));
        EXPECT(NEXPR_OK, nexpr_mpi_array_scatter(mpi, 0, &blank, &layout, &results[i], &err));
        free(blank.data);
    }
}

static void check_text(nexpr_mpi *mpi, const char *text, int ndim, const int64_t *shape) {
    nexpr *expr = compile(text, ndim);
    nexpr_array wanted[MOST_RESULTS];
    evaluate_here(expr, ndim, shape, wanted);
    for (int trial = 0; trial < 4; trial++) {
        nexpr_mpi_array *inputs[INPUTS], *results[MOST_RESULTS];
        uint64_t seed = (uint64_t)trial * 977 + strlen(text);
        for (int i = 0; i < INPUTS; i++) inputs[i] = distribute(mpi, i, ndim, shape, next_random(&seed), trial);
        offer_results(mpi, expr, wanted, trial, next_random(&seed), results);
        EXPECT(NEXPR_OK, nexpr_mpi_evaluate(mpi, expr, (const nexpr_mpi_array *const *)inputs, results, NULL, &err));
        for (int i = 0; i < nexpr_result_count(expr); i++) {
            if (!results[i] || !has_results(results[i], &wanted[i])) check_failed(text, trial, "has other bits");
            nexpr_mpi_array_free(&results[i]);
        }
        for (int i = 0; i < INPUTS; i++) nexpr_mpi_array_free(&inputs[i]);
    }
    for (int i = 0; i < nexpr_result_count(expr); i++) nexpr_array_free(&wanted[i]);
    nexpr_free(&expr);
}

/* For arrays of any number of axes, and for matrices. */
static const char *const any_texts[] = {
    "2*a - 4.5*b", "a + b, a > c", "a + random(a, key=7)", "sum(a), min(b), any(a > 200)", "mean(a), std(a), argmax(a)",
    "(a - mean(a))/std(a)", "sum(abs(a - max(b))*c)", "a[a > 0]", "sum(a[b > 0]), cumsum(a[b > c])*2",
    "reshape(a, -1)[::-1]*2", "reshape(a, -1)[::3]", "cumsum(reshape(a, -1))", "take(reshape(a, -1), index(b, -1) % a.size)",
    "3.5 + 2", "prod(a/200), norm(b)",
};
static const char *const matrix_texts[] = {
    "a[1:] - a[:-1]", "a[2:, 1:-1] + a[:-2, 1:-1] + a[1:-1, 2:] + a[1:-1, :-2] - 4*a[1:-1, 1:-1]", "a.T + 1",
    "sum(-0.0*abs(a), axis=0)", "a[:, ::-1]*2", "a[::-1] + b", "a[::3] + b[::3]", "a + b[0]", "sum(a, axis=0)",
    "sum(a, axis=1)", "sum(a.T, axis=0)",
    "(a - mean(a, axis=0))/std(a, axis=0)", "(a - mean(a, axis=1, keepdims=True))/std(a, axis=1, keepdims=True)",
    "cumsum(a, axis=0)", "cumsum(a, axis=1)", "argmax(a, axis=0), argmin(a, axis=1)", "reshape(a, (-1, 1)) * 3",
    "reshape(a.T, -1)", "cummax(a*b, axis=0)[::-1]", "a[-1, -1], a[0]", "a[:, 0] * b[:, 0]",
    "a[:9, :9] + a[:9, :9].T - a[::-1][:9, :9]",
};

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

static void check_shape(nexpr_mpi *mpi, int ndim, int64_t n, int64_t m) {
    const int64_t shape[] = {n, m};
    const int64_t items = ndim > 1 ? n * m : n;
    for (int i = 0; i < LENGTH(any_texts); i++) {
        if (!items && (strstr(any_texts[i], "min") || strstr(any_texts[i], "max") || strchr(any_texts[i], '%'))) continue;
        check_text(mpi, any_texts[i], ndim, shape);
    }
    for (int i = 0; ndim == 2 && n > 2 && m > 2 && i < LENGTH(matrix_texts); i++) check_text(mpi, matrix_texts[i], 2, shape);
}

void programs_have_the_bits_of_one_process(void) {
    const int64_t p = ranks, lengths[] = {0, 1, p - 1, p, p + 1, 4099};
    make_values();
    nexpr_mpi *mpi = new_mpi(0), *tiny = new_mpi(64);
    for (int i = 0; i < LENGTH(lengths); i++) check_shape(mpi, 1, lengths[i], 0);
    check_shape(mpi, 2, 37, 53);
    check_shape(mpi, 2, 700, 31);
    check_shape(tiny, 2, 11, 23);
    check_shape(tiny, 1, 3001, 0);
    nexpr_mpi_free(&mpi);
    nexpr_mpi_free(&tiny);
    free_values();
}

/* What this rank sends for a program over arrays in equal slabs. */
static shim_state sent_for(nexpr_mpi *mpi, const char *text, int64_t n, int64_t m) {
    const int64_t shape[] = {n, m};
    nexpr *expr = compile(text, 2);
    nexpr_mpi_array *inputs[INPUTS], *result = NULL;
    for (int i = 0; i < INPUTS; i++) inputs[i] = distribute(mpi, i, 2, shape, 0, 0);
    shim_reset();
    EXPECT(NEXPR_OK, nexpr_mpi_evaluate(mpi, expr, (const nexpr_mpi_array *const *)inputs, &result, NULL, &err));
    const shim_state sent = shim;
    nexpr_mpi_array_free(&result);
    for (int i = 0; i < INPUTS; i++) nexpr_mpi_array_free(&inputs[i]);
    nexpr_free(&expr);
    return sent;
}

static int log2_of(int64_t n) {
    int level = 0;
    while (n >> (level + 1)) level++;
    return level;
}

void programs_send_what_the_formula_says(void) {
    enum { ROWS = 64, COLS = 16, LEAF = 1024 };
    make_values();
    nexpr_mpi *mpi = new_mpi(0);
    const int64_t n = (int64_t)ROWS * ranks, row = COLS * 8;
    const int before = rank > 0, behind = rank < ranks - 1;
    const int moved = ranks > 1;
    shim_state s = sent_for(mpi, "2*a - 4.5*b", n, COLS);
    CHECK(!s.messages && !s.exchanges && !s.sent && s.agreements == 1);
    s = sent_for(mpi, "sum(a, axis=1)", n, COLS);
    CHECK(!s.messages && !s.exchanges && !s.sent && s.agreements == 1);
    s = sent_for(mpi, "(a - mean(a))/std(a)", n, COLS); /* what is behind the one gather waits for nobody */
    CHECK(s.exchanges <= 1 && s.agreements == 1 + moved);
    s = sent_for(mpi, "cumsum(sum(a[1:] - a[:-1], axis=1))", n, COLS); /* two passes that move something */
    CHECK(s.agreements == 1 + 2 * moved);
    s = sent_for(mpi, "a[2:] + a[1:-1] - a[:-2]", n, COLS);
    CHECK(s.messages <= before + behind && s.sent <= 2 * row * (before + behind) && !s.exchanges);
    s = sent_for(mpi, "a.T + 1", n, COLS);
    CHECK(!s.messages && !s.exchanges && !s.sent);
    s = sent_for(mpi, "a[:16].T + b[:16]", n, COLS);
    CHECK(s.sent <= 16 * row);
    s = sent_for(mpi, "sum(a)", n, COLS);
    const int64_t leaves = ROWS * COLS / LEAF + 1;
    CHECK(s.exchanges <= 1 && s.sent <= 2 * (log2_of(leaves) + 1) * 8 + LEAF * 8);
    CHECK(s.messages <= 2);
    nexpr_mpi_free(&mpi);
    free_values();
}

/* Bytes that an evaluation leaves behind when its result is freed. */
static long bytes_left_by(nexpr_mpi *mpi, const nexpr *expr, nexpr_mpi_array *const *inputs,
                          const failing_allocator *counting) {
    const long before = counting->live_bytes;
    nexpr_mpi_array *result = NULL;
    EXPECT(NEXPR_OK, nexpr_mpi_evaluate(mpi, expr, (const nexpr_mpi_array *const *)inputs, &result, NULL, &err));
    nexpr_mpi_array_free(&result);
    return counting->live_bytes - before;
}

/* The slab of a result, and what came of other ranks. */
static void check_kept(nexpr_context *context, const nexpr *expr, size_t cached_bytes) {
    enum { SIDE = 512 };
    const int64_t shape[] = {SIDE, SIDE}, slab = SIDE * SIDE * 8 / ranks;
    failing_allocator counting;
    nexpr_mpi_options options = nexpr_mpi_options_init();
    nexpr_mpi *mpi = NULL;
    nexpr_mpi_array *inputs[INPUTS];
    options.context = context;
    options.cached_bytes = cached_bytes;
    options.allocator = failing_allocator_init(&counting, -1);
    EXPECT(NEXPR_OK, nexpr_mpi_new(MPI_COMM_WORLD, &options, &mpi, &err));
    for (int i = 0; i < INPUTS; i++) inputs[i] = distribute(mpi, i, 2, shape, 0, 0);
    const long kept = bytes_left_by(mpi, expr, inputs, &counting);
    CHECK(cached_bytes == SIZE_MAX ? !kept : kept >= slab && kept <= (long)cached_bytes);
    for (int i = 0; i < 3; i++) bytes_left_by(mpi, expr, inputs, &counting); /* until there are blocks of all sizes */
    CHECK(!bytes_left_by(mpi, expr, inputs, &counting));
    for (int i = 0; i < INPUTS; i++) nexpr_mpi_array_free(&inputs[i]);
    nexpr_mpi_free(&mpi);
    CHECK(!counting.live_blocks && !counting.live_bytes);
}

void buffers_are_kept_between_calls(void) {
    make_values();
    nexpr_context *context = NULL;
    nexpr *expr = compile("a.T + b", 2);
    EXPECT(NEXPR_OK, nexpr_context_new(NULL, &context, &err));
    check_kept(context, expr, (size_t)64 << 20);
    check_kept(context, expr, SIZE_MAX);
    nexpr_free(&expr);
    nexpr_context_free(&context);
    free_values();
}

static int count_threads(void) {
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    while (tasks && readdir(tasks)) count++;
    if (tasks) closedir(tasks);
    return count;
}

/* P ranks of T threads. */
void threads_in_ranks_change_nothing(void) {
    make_values();
    const int before = count_threads();
    for (int threads = ranks > 3 ? 3 : 1; threads <= 3; threads++) {
        nexpr_mpi_options options = nexpr_mpi_options_init();
        nexpr_mpi *mpi = NULL;
        options.threads = threads;
        EXPECT(NEXPR_OK, nexpr_mpi_new(MPI_COMM_WORLD, &options, &mpi, &err));
        check_text(mpi, "(a - mean(a))/std(a), cumsum(reshape(a, -1))", 2, (const int64_t[]){509, 511});
        check_text(mpi, "a[2:, 1:-1] + sin(a[:-2, 1:-1]), a.T + 1, sum(a, axis=0), a[a > b]", 2, (const int64_t[]){509, 511});
        CHECK(!before || ranks > 2 || threads == 1 || count_threads() >= before + threads - 1); /* they are there */
        nexpr_mpi_free(&mpi);
    }
    free_values();
}
