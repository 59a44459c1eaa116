/* SPDX-License-Identifier: MIT */
/*
 * Programs by parts: whatever the cuts of their inputs, the number of parts and the stretches in which these are computed,
 * the bits of nexpr_evaluate. Here, one after the other computes; each gets memory of its own that holds no element more
 * than it asked for.
 */
#include "fixture.h"

#include "nexpr_parts.h"
#include "tests/support/counting.h"
#include "tests/support/elements.h"

#include <pthread.h>
#include <stdlib.h>

static nexpr_context *context; /* of all parts; NULL: the default one */

enum { INPUTS = 3, MOST_PARTS = 8, MOST_RESULTS = 4, MOST_ARRAYS = 64, MOST_ITEMS = 1 << 19 };

static unsigned long random_state = 1;

static int64_t random_below(int64_t n) {
    random_state = random_state * 6364136223846793005ul + 1442695040888963407ul;
    return (int64_t)((random_state >> 33) % (unsigned long)n);
}

static int compare_int64(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* ------------------------------------------------------------------------------------------------------ cut arrays -- */

/* Every array as a whole; parts get copies of what they ask for. */
typedef struct world {
    nexpr_parts *parts;
    int count;
    char *whole[MOST_ARRAYS];
    nexpr_part_pass pass;
} world;

static nexpr_part_array array_in(const world *w, int array) {
    nexpr_part_array a = nexpr_part_array_init();
    assert_int_equal(nexpr_parts_array(w->parts, array, &a), NEXPR_OK);
    assert_true(a.is_known);
    return a;
}

static int64_t items_of(const nexpr_part_array *a) {
    int64_t items = 1;
    for (int k = 0; k < a->ndim; k++) items *= a->shape[k];
    return items;
}

/* Bytes of [begin, end) of an axis; -1: of all. */
static int64_t bytes_in(const nexpr_part_array *a, int axis, int64_t begin, int64_t end) {
    const int64_t bytes = items_of(a) * (int64_t)nexpr_dtype_size(a->dtype);
    return axis < 0 || !bytes ? bytes : bytes / a->shape[axis] * (end - begin);
}

/* Copies [begin, end) of an axis between the whole and a part, in C order each. */
static void move(const nexpr_part_array *a, int axis, int64_t begin, int64_t end, char *whole, char *part, bool to_part) {
    int64_t outer = 1, inner = (int64_t)nexpr_dtype_size(a->dtype);
    if (!items_of(a) || (axis >= 0 && end <= begin)) return;
    for (int k = 0; k < a->ndim; k++) *(k < axis ? &outer : &inner) *= k == axis ? 1 : a->shape[k];
    const int64_t extent = axis < 0 ? 1 : a->shape[axis], from = axis < 0 ? 0 : begin;
    const int64_t bytes = (axis < 0 ? 1 : end - begin) * inner;
    for (int64_t i = 0; i < outer; i++) {
        char *there = whole + (i * extent + from) * inner, *here = part + i * bytes;
        memcpy(to_part ? here : there, to_part ? there : here, (size_t)bytes);
    }
}

static char *take(int64_t bytes) {
    char *memory = malloc((size_t)bytes + 1);
    memset(memory, 0x5A, (size_t)bytes + 1);
    return memory;
}

/* ---------------------------------------------------------------------------------------------------------- running -- */

/* A stretch of a part's units, in memory that holds no element more than it needs. */
typedef struct stretch {
    int part;
    int64_t begin, end;
    nexpr_part_view views[MOST_ARRAYS];
    char *targets[MOST_ARRAYS];
} stretch;

static void get_needs(const world *w, stretch *s) {
    for (int k = 0; k < w->pass.need_count; k++) {
        int axis;
        const nexpr_part_array a = array_in(w, nexpr_parts_need_array(w->parts, k, &axis));
        nexpr_part_view *view = &s->views[k];
        nexpr_parts_need(w->parts, k, s->begin, s->end, &view->begin, &view->end);
        char *data = take(bytes_in(&a, axis, view->begin, view->end));
        move(&a, axis, view->begin, view->end, w->whole[nexpr_parts_need_array(w->parts, k, &axis)], data, true);
        view->data = data;
    }
}

static void drop_needs(const world *w, stretch *s) {
    for (int k = 0; k < w->pass.need_count; k++) free((void *)(uintptr_t)s->views[k].data);
}

/* The next stretch of a part's units: all, or some. */
static bool next_stretch(const world *w, int part, bool is_cut, stretch *s) {
    int64_t begin, end;
    nexpr_parts_units(w->parts, part, &begin, &end);
    const bool is_first = s->part != part;
    *s = (stretch){.part = part, .begin = is_first ? begin : s->end};
    s->end = is_cut && end > s->begin ? s->begin + 1 + random_below(end - s->begin) : end;
    return is_first || s->begin < end;
}

/* What a stretch has of a target, put into the whole. `at` is where what is appended goes. */
static void keep_target(world *w, const stretch *s, int k, int64_t at, int64_t count) {
    const int target = nexpr_parts_target(w->parts, k);
    const nexpr_part_array a = array_in(w, target);
    int64_t begin, end;
    nexpr_parts_target_rows(w->parts, s->begin, s->end, &begin, &end);
    if (w->pass.appends) begin = at, end = at + count;
    move(&a, a.axis, begin, end, w->whole[target], s->targets[k], false);
    free(s->targets[k]);
}

static void run_stretch(world *w, stretch *s, int64_t *at) {
    nexpr_error err = nexpr_error_init();
    int64_t begin, end, count;
    nexpr_parts_target_rows(w->parts, s->begin, s->end, &begin, &end);
    for (int k = 0; k < w->pass.target_count; k++) {
        const nexpr_part_array a = array_in(w, nexpr_parts_target(w->parts, k));
        s->targets[k] = take(w->pass.appends ? items_of(&a) * 16 : bytes_in(&a, a.axis, begin, end));
    }
    get_needs(w, s);
    assert_ok(nexpr_parts_run(w->parts, s->part, s->begin, s->end, s->views, (void *const *)s->targets, &count, &err), &err);
    for (int k = 0; k < w->pass.target_count; k++) keep_target(w, s, k, *at, count);
    *at += count;
    drop_needs(w, s);
}

static char *make_nodes(world *w, bool is_cut) {
    nexpr_error err = nexpr_error_init();
    int64_t bytes = 0;
    stretch s = {.part = -1};
    for (int r = 0; r < w->count; r++) bytes += nexpr_parts_node_bytes(w->parts, r);
    char *nodes = take(bytes), *at = nodes;
    for (int r = 0; r < w->count; r++) {
        const int64_t own_bytes = nexpr_parts_node_bytes(w->parts, r);
        char *own = take(own_bytes); /* for sanitizers */
        assert_ok(nexpr_parts_reduce_begin(w->parts, r, own, &err), &err);
        while (next_stretch(w, r, is_cut, &s)) {
            get_needs(w, &s);
            assert_ok(nexpr_parts_reduce_add(w->parts, s.begin, s.end, s.views, &err), &err);
            drop_needs(w, &s);
        }
        nexpr_parts_reduce_end(w->parts);
        memcpy(at, own, (size_t)own_bytes);
        at += own_bytes;
        free(own);
    }
    assert_ok(nexpr_parts_settle(w->parts, nodes, &err), &err);
    return nodes;
}

/* As a whole, which everybody gets. */
static void finish(world *w) {
    nexpr_error err = nexpr_error_init();
    void *targets[MOST_ARRAYS];
    for (int k = 0; k < w->pass.target_count; k++) targets[k] = w->whole[nexpr_parts_target(w->parts, k)];
    assert_ok(nexpr_parts_finish(w->parts, targets, &err), &err);
}

static void take_targets(world *w) {
    for (int k = 0; k < w->pass.target_count; k++) {
        const int target = nexpr_parts_target(w->parts, k);
        const nexpr_part_array a = array_in(w, target);
        free(w->whole[target]);
        w->whole[target] = take(bytes_in(&a, -1, 0, 0));
        if (a.axis < 0) continue;
        assert_int_equal(a.bounds[0], 0);
        assert_int_equal(a.bounds[w->count], a.shape[a.axis]);
    }
}

static void run_pass(world *w, bool is_cut) {
    stretch s = {.part = -1};
    int64_t appended = 0;
    w->pass = nexpr_part_pass_init();
    assert_int_equal(nexpr_parts_pass(w->parts, &w->pass), NEXPR_OK);
    char *nodes = w->pass.leaves_nodes ? make_nodes(w, is_cut) : NULL;
    take_targets(w);
    if (w->pass.is_reduction) finish(w);
    for (int r = 0; r < w->count && !w->pass.is_reduction; r++) {
        while (next_stretch(w, r, is_cut, &s)) run_stretch(w, &s, &appended);
    }
    free(nodes);
}

static void forget(world *w) {
    for (int k = INPUTS; k < MOST_ARRAYS; k++) {
        free(w->whole[k]);
        w->whole[k] = NULL;
    }
}

/* A length that is wanted. */
static void give_length(world *w) {
    nexpr_error err = nexpr_error_init();
    int64_t length;
    memcpy(&length, w->whole[nexpr_parts_result(w->parts, 0)], sizeof length);
    forget(w);
    assert_ok(nexpr_parts_set_length(w->parts, length, &err), &err);
}

/* The bytes that had to move, by the plans' word. Results, which are to be of these shapes (NULL: any), are copied to `results`. is_cut:
 * parts are run in stretches. */
static double run_all(const nexpr *expr, const nexpr_array *const *inputs, const nexpr_cut *cuts, int count, int threads,
                      bool is_cut, const nexpr_array *wanted, char *const *results) {
    world w = {.count = count};
    const nexpr_cut *const list[INPUTS] = {&cuts[0], &cuts[1], &cuts[2]};
    nexpr_run_options run = nexpr_run_options_init();
    nexpr_error err = nexpr_error_init();
    double moved = 0;
    run.threads = threads;
    assert_ok(nexpr_parts_new(expr, context, inputs, list, count, &run, &w.parts, &err), &err);
    for (int i = 0; i < INPUTS; i++) w.whole[i] = inputs[i]->data;
    for (nexpr_parts_step step;;) {
        assert_true(nexpr_parts_array_count(w.parts) <= MOST_ARRAYS);
        assert_ok(nexpr_parts_next(w.parts, &step, &err), &err);
        if (step == NEXPR_PARTS_END) break;
        if (step == NEXPR_PARTS_LENGTH) {
            give_length(&w);
            continue;
        }
        run_pass(&w, is_cut);
        moved += w.pass.moved;
    }
    for (int k = 0; k < nexpr_result_count(expr); k++) {
        const nexpr_part_array a = array_in(&w, nexpr_parts_result(w.parts, k));
        assert_int_equal(a.ndim, wanted ? wanted[k].ndim : a.ndim);
        if (wanted) assert_memory_equal(a.shape, wanted[k].shape, (size_t)a.ndim * sizeof *a.shape);
        memcpy(results[k], w.whole[nexpr_parts_result(w.parts, k)], (size_t)bytes_in(&a, -1, 0, 0));
    }
    forget(&w);
    nexpr_parts_free(&w.parts);
    return moved;
}

/* ---------------------------------------------------------------------------------------------------------- checking -- */

static double *values[INPUTS];

static void fill_bounds(int64_t extent, int count, bool evenly, int64_t *bounds) {
    for (int r = 0; r <= count; r++) bounds[r] = evenly ? extent * r / count : random_below(extent + 1);
    bounds[0] = 0;
    bounds[count] = extent;
    qsort(bounds, (size_t)count + 1, sizeof *bounds, compare_int64);
}

/* What the elements are that others stand for in a second evaluation, for which there are plans already. */
static void check_other_elements(const nexpr *expr, const nexpr_array *inputs, const nexpr_cut *cuts, int count, int threads,
                                 bool is_cut) {
    nexpr_array others[INPUTS], wanted[MOST_RESULTS], *outputs[MOST_RESULTS];
    const nexpr_array *list[INPUTS] = {&others[0], &others[1], &others[2]};
    nexpr_error err = nexpr_error_init();
    char *results[MOST_RESULTS];
    for (int i = 0; i < INPUTS; i++) {
        others[i] = inputs[i];
        others[i].data = inputs[(i + 1) % INPUTS].data;
    }
    for (int i = 0; i < nexpr_result_count(expr); i++) wanted[i] = nexpr_array_init(), outputs[i] = &wanted[i];
    assert_ok(nexpr_evaluate(expr, NULL, list, outputs, NULL, &err), &err);
    for (int i = 0; i < nexpr_result_count(expr); i++) results[i] = take(elements_bytes(&wanted[i]));
    run_all(expr, list, cuts, count, threads, is_cut, wanted, results);
    for (int i = 0; i < nexpr_result_count(expr); i++) {
        char *plain = elements_copy(&wanted[i]);
        assert_memory_equal(results[i], plain, (size_t)elements_bytes(&wanted[i]));
        nexpr_array_free(&wanted[i]);
        free(results[i]);
        free(plain);
    }
}

static void check(const char *text, const nexpr_array *inputs) {
    static const int counts[] = {1, 2, 3, 4, 7, 8};
    const nexpr_array *list[INPUTS] = {&inputs[0], &inputs[1], &inputs[2]};
    nexpr *expr = compile(text, inputs[0].dtype, inputs[1].dtype, inputs[2].dtype);
    nexpr_error err = nexpr_error_init();
    nexpr_array wanted[MOST_RESULTS], *outputs[MOST_RESULTS];
    char *results[MOST_RESULTS], *plain[MOST_RESULTS];
    const int result_count = nexpr_result_count(expr);
    for (int i = 0; i < result_count; i++) wanted[i] = nexpr_array_init(), outputs[i] = &wanted[i];
    assert_ok(nexpr_evaluate(expr, NULL, list, outputs, NULL, &err), &err);
    for (int i = 0; i < result_count; i++) plain[i] = elements_copy(&wanted[i]);
    for (int trial = 0; trial < 4 * LENGTH(counts); trial++) {
        const int count = counts[trial % LENGTH(counts)];
        int64_t bounds[INPUTS][MOST_PARTS + 1];
        nexpr_cut cuts[INPUTS];
        for (int i = 0; i < INPUTS; i++) {
            cuts[i] = nexpr_cut_init();
            cuts[i].bounds = bounds[i];
            cuts[i].axis = inputs[i].ndim ? (int)random_below(inputs[i].ndim + 1) - 1 : -1;
            if (trial < LENGTH(counts)) cuts[i].axis = inputs[i].ndim ? 0 : -1;
            if (cuts[i].axis >= 0) fill_bounds(inputs[i].shape[cuts[i].axis], count, trial < LENGTH(counts), bounds[i]);
        }
        for (int i = 0; i < result_count; i++) results[i] = take(elements_bytes(&wanted[i]));
        run_all(expr, list, cuts, count, 1 + trial % 3, trial % 4 > 1, wanted, results);
        for (int i = 0; i < result_count; i++) {
            if (memcmp(results[i], plain[i], (size_t)elements_bytes(&wanted[i]))) {
                fail_msg("%s: result %d is another one with %d parts (trial %d)", text, i, count, trial);
            }
            free(results[i]);
        }
        check_other_elements(expr, inputs, cuts, count, 1 + trial % 3, trial % 4 > 1);
    }
    for (int i = 0; i < result_count; i++) {
        nexpr_array_free(&wanted[i]);
        free(plain[i]);
    }
    nexpr_free(&expr);
}

static void check_shapes(const char *const *texts, int count, int ndim, const int64_t *shape) {
    nexpr_array inputs[INPUTS];
    for (int i = 0; i < INPUTS; i++) inputs[i] = array_of(values[i], F64, ndim, shape, NULL);
    for (int i = 0; i < count; i++) check(texts[i], inputs);
}

static void elementwise(void **state) {
    static const char *const texts[] = {"2*a - 4.5*b", "a + b, a > c", "a + random(a, key=7)",
                                        "a*3 + index(reshape(a, -1), 0)[:a.shape[-1]]"};
    (void)state;
    check_shapes(texts, LENGTH(texts), 2, DIMS(203, 31));
    check_shapes(texts, LENGTH(texts), 1, DIMS(100003));
    check_shapes(texts, LENGTH(texts), 3, DIMS(1, 7, 401));
    check_shapes(texts, LENGTH(texts), 1, DIMS(3));
    check_shapes(texts, LENGTH(texts), 1, DIMS(0));
    check_shapes(texts, 2, 0, NULL);
}

static void reductions(void **state) {
    static const char *const texts[] = {
        "sum(a)", "sum(a, axis=0)", "sum(a, axis=1)", "mean(a), std(a)", "mean(a, axis=0), std(a, axis=0)",
        "mean(a, axis=1), var(a, axis=1)", "argmax(a), argmin(a, axis=0), argmax(a, axis=1)", "min(a), max(a), sum(a*b)",
        "any(a > 200), all(a > -300)", "any(a > 240, axis=0)", "prod(a/200, axis=0)", "ptp(a, axis=0), norm(a)",
        "sum(-0.0*abs(a)), sum(-0.0*abs(a), axis=0), sum(-0.0*abs(a), axis=1)",
        "sum(a, axis=0, keepdims=True), max(a, axis=1, keepdims=True), prod(a/200, keepdims=True)",
        "argmin(a, axis=1, keepdims=True), sum(a.T, axis=0), sum(a.T, axis=0, keepdims=True), any(a > 200, keepdims=True)",
    };
    (void)state;
    check_shapes(texts, LENGTH(texts), 2, DIMS(1003, 31));
    check_shapes(texts, LENGTH(texts), 2, DIMS(70, 1700));
    check_shapes(texts, LENGTH(texts), 2, DIMS(1, 50000));
    check_shapes(texts, LENGTH(texts), 2, DIMS(9001, 1));
    check_shapes(texts, LENGTH(texts), 2, DIMS(2003, 3));
}

static void reductions_of_several_axes(void **state) {
    static const char *const texts[] = {
        "sum(a, axis=(0, 2))", "sum(a, axis=(0, 1))", "sum(a, axis=(1, 2))", "var(a, axis=(0, 2))", "std(a, axis=(0, 1))",
        "sum(a), sum(a, axis=0), sum(a, axis=1), sum(a, axis=2)", "argmin(a), max(a, axis=(0, 2))",
        "sum(a, axis=(0, 2), keepdims=True), min(a.T, axis=2), sum(a, axis=2, keepdims=True)",
    };
    (void)state;
    check_shapes(texts, LENGTH(texts), 3, DIMS(301, 7, 13));
    check_shapes(texts, LENGTH(texts), 3, DIMS(11, 3, 900));
}

static void several_passes(void **state) {
    static const char *const texts[] = {
        "(a - mean(a))/std(a)", "(a - mean(a, axis=0))/std(a, axis=0)",
        "(a - mean(a, axis=1, keepdims=True))/std(a, axis=1, keepdims=True)", "sum((a - mean(a))**2), a - min(a, axis=0)",
        "a/sum(a, axis=0) + b/sum(b)", "m = mean(a, axis=0); m, std(a, axis=0), a - m", "sum(abs(a - max(b))*c, axis=0)",
    };
    (void)state;
    check_shapes(texts, LENGTH(texts), 2, DIMS(900, 41));
    check_shapes(texts, LENGTH(texts), 2, DIMS(30, 1500));
    check_shapes(texts, LENGTH(texts), 2, DIMS(2003, 4));
}

static void views(void **state) {
    static const char *const texts[] = {
        "a[1:] - a[:-1]", "sum((a[1:] - a[:-1])**2)",
        "a[2:, 1:-1] + a[:-2, 1:-1] + a[1:-1, 2:] + a[1:-1, :-2] - 4*a[1:-1, 1:-1]", "a[:, ::-1]*2", "a[::3] + b[::3]",
        "sum(a[5:], axis=0)", "reshape(a, -1)[3:]*2", "sum(a[:, 0]*b[:, 1])", "a + b[0]", "a[::-1] + b",
        "argmax(a[::-1, 0])",
        "a[:20, :20] + a[:20, :20].T + a[::-1][:20, :20] - a[3, :20]", "a.T + 1", "sum(a.T, axis=0)", "reshape(a, (-1, 2)) * 3", "a[5] + b[:, ::7][3, 0]", "reshape(a.T, -1)", "a[-1, -1]",
    };
    (void)state;
    check_shapes(texts, LENGTH(texts), 2, DIMS(70, 54));
    check_shapes(texts, LENGTH(texts), 2, DIMS(2000, 22));
}

static void running_functions(void **state) {
    static const char *const texts[] = {"cumsum(a)", "cumsum(a, axis=0)", "cumsum(a, axis=1)", "cummax(a*b, axis=0)[::-1]",
                                        "cumprod(a/200, axis=0)", "cumsum(sum(a, axis=0)), diff(a, axis=0)"};
    (void)state;
    check_shapes(texts, LENGTH(texts), 2, DIMS(3001, 13));
    check_shapes(texts, LENGTH(texts), 2, DIMS(5, 30000));
    check_shapes(texts, 1, 1, DIMS(450001));
    check_shapes(texts, LENGTH(texts), 3, DIMS(3, 17, 3));
}

static void compressed_and_gathered(void **state) {
    static const char *const texts[] = {"a[a > 0]", "sum(a[b > 0]), mean(a[a > 0])", "cumsum(a[b > c])*2", "a[a > 1e9]",
                                        "a[b > 0][1:] - a[b > 0][:-1]", "take(reshape(a, -1), index(b, -1)*7 % a.size)"};
    (void)state;
    static const char *const lines[] = {"take(a[1:2], int64(b[:, 0]*0), axis=0)", "take(a[:, 2:3], int64(b[0]*0), axis=1)",
                                        "take(a, int64(b[:, 0] > 0)*2, axis=0) + c"};
    check_shapes(texts, LENGTH(texts), 2, DIMS(901, 33));
    check_shapes(texts, LENGTH(texts), 1, DIMS(100001));
    check_shapes(texts, LENGTH(texts), 1, DIMS(5));
    check_shapes(lines, LENGTH(lines), 2, DIMS(60, 33));
    check_shapes(lines, LENGTH(lines), 2, DIMS(4, 900));
}

/* Bytes that have to move between so many equal parts of a and b, cut along one axis. */
static double moved(const char *text, int axis, int count, const int64_t *shape) {
    int64_t bounds[MOST_PARTS + 1];
    nexpr_array inputs[INPUTS];
    const nexpr_array *list[INPUTS] = {&inputs[0], &inputs[1], &inputs[2]};
    nexpr_cut cuts[INPUTS];
    char *result = take(shape[0] * shape[1] * 8);
    fill_bounds(shape[axis], count, true, bounds);
    for (int i = 0; i < INPUTS; i++) {
        inputs[i] = array_of(values[i], F64, 2, shape, NULL);
        cuts[i] = (nexpr_cut){sizeof cuts[i], axis, bounds};
    }
    nexpr *expr = compile(text, F64, F64, F64);
    const double bytes = run_all(expr, list, cuts, count, 1, false, NULL, (char *[]){result});
    nexpr_free(&expr);
    free(result);
    return bytes;
}

static void as_little_moves_as_can(void **state) {
    enum { ROWS = 400, COLS = 1024, ROW = COLS * 8, COL = ROWS * 8 };
    const int64_t *shape = DIMS(ROWS, COLS);
    (void)state;
    for (int axis = 0; axis < 2; axis++) {
        assert_true(moved("2*a - 4.5*b", axis, 4, shape) == 0);
        assert_true(moved("a*2 + b[::-1, ::-1]", axis, 1, shape) == 0);
        assert_true(moved("sum(a, axis=0)", axis, 4, shape) <= 3 * 255 * ROW);
        assert_true(moved("sum(a, axis=1)", axis, 4, shape) == 0 || axis == 1);
    }
    assert_true(moved("a[1:] - a[:-1]", 0, 5, shape) == 4 * ROW);
    assert_true(moved("a[1:] - a[:-1]", 1, 5, shape) == 0);
    assert_true(moved("a[:, 2:] - a[:, :-2]", 1, 5, shape) == 4 * 2 * COL);
    assert_true(moved("sum(a)", 0, 4, shape) == 0); /* leaves end with rows */
    assert_true(moved("a.T + b.T", 0, 4, shape) == 0);
    assert_true(moved("a[:, :400] + a[:, :400].T", 0, 4, shape) == 3.0 / 4 * ROWS * 400 * 8);
    assert_true(moved("a - a[0]", 0, 4, shape) == 3 * ROW);
    assert_true(moved("a[:, :400] + b[:, :400].T", 0, 4, shape) == 3.0 / 4 * ROWS * 400 * 8);
}

/* Allocations of an evaluation of a in two parts, cut behind so many rows, which is to have the bits of the whole. */
static size_t allocations(const counting *counted, const nexpr *expr, const nexpr_array *a, int64_t rows) {
    const int64_t bounds[] = {0, rows, a->shape[0]};
    const nexpr_array *const list[INPUTS] = {a, a, a};
    nexpr_array wanted = nexpr_array_init();
    nexpr_error err = nexpr_error_init();
    nexpr_cut cuts[INPUTS];
    for (int i = 0; i < INPUTS; i++) cuts[i] = (nexpr_cut){sizeof cuts[i], 0, bounds};
    assert_ok(nexpr_evaluate(expr, NULL, list, (nexpr_array *[]){&wanted}, NULL, &err), &err);
    char *result = take(elements_bytes(&wanted)), *plain = elements_copy(&wanted);
    const size_t before = counted->calls;
    run_all(expr, list, cuts, 2, 1, false, &wanted, &result);
    const size_t calls = counted->calls - before;
    assert_memory_equal(result, plain, (size_t)elements_bytes(&wanted));
    nexpr_array_free(&wanted);
    free(result);
    free(plain);
    return calls;
}

/* By the same cuts. Others have plans of their own, of which a few are kept. */
static void what_was_planned_is_used_again(void **state) {
    static const char *const texts[] = {"2*a - 4.5", "sum(a)", "sum(a, axis=0)", "(a - mean(a))/std(a)", "a[1:] - a[:-1]"};
    counting counted = {0};
    nexpr_allocator allocator = counting_allocator(&counted);
    nexpr_context_options options = nexpr_context_options_init();
    nexpr_error err = nexpr_error_init();
    const nexpr_array a = array_of(values[0], F64, 2, DIMS(3001, 13), NULL);
    (void)state;
    options.allocator = &allocator;
    options.threads = 1;
    assert_ok(nexpr_context_new(&options, &context, &err), &err);
    for (int i = 0; i < LENGTH(texts); i++) {
        nexpr *expr = compile(texts[i], F64, F64, F64);
        const size_t first = allocations(&counted, expr, &a, 1500), again = allocations(&counted, expr, &a, 1500);
        assert_in_range(3 * again, 1, first);
        assert_true(allocations(&counted, expr, &a, 1501) > again);
        assert_true(allocations(&counted, expr, &a, 0) > again);
        assert_int_equal(allocations(&counted, expr, &a, 1500), again);
        nexpr_free(&expr);
    }
    nexpr_context_free(&context);
    assert_int_equal(counted.live, 0);
}

/* A part may have more of an array than it needs, the one time, and less the next. */
static void a_plan_is_for_what_there_is_of_an_array(void **state) {
    enum { N = 1000, BEGIN = 400 };
    const int64_t bounds[] = {0, BEGIN, N}, shape = N;
    const int64_t firsts[] = {0, BEGIN, 300, BEGIN};
    const nexpr_array a = array_of(values[0], F64, 1, &shape, NULL), *const inputs[] = {&a};
    nexpr_error err = nexpr_error_init();
    nexpr_cut cut = {sizeof cut, 0, bounds};
    double made[N];
    (void)state;
    nexpr *expr = compile("3*a", F64, NONE, NONE);
    for (int i = 0; i < LENGTH(firsts); i++) {
        nexpr_parts *parts;
        nexpr_parts_step step;
        const nexpr_part_view view = {values[0] + firsts[i], firsts[i], N};
        assert_ok(nexpr_parts_new(expr, NULL, inputs, (const nexpr_cut *[]){&cut}, 2, NULL, &parts, &err), &err);
        assert_ok(nexpr_parts_next(parts, &step, &err), &err);
        assert_ok(nexpr_parts_run(parts, 1, BEGIN, N, &view, (void *[]){made}, NULL, &err), &err);
        for (int k = BEGIN; k < N; k++) assert_true(made[k - BEGIN] == 3 * values[0][k]);
        nexpr_parts_free(&parts);
    }
    nexpr_free(&expr);
}

/* What is called while a stretch is computed, and by whom. */
typedef struct watcher {
    pthread_t thread;
    int calls;
} watcher;

static void count_call(void *user) {
    watcher *w = user;
    assert_true(pthread_equal(w->thread, pthread_self()));
    w->calls++;
}

/* The first part of the one pass of `text`, in which something is called between blocks if `is_watched`; how often. */
static int count_calls(const char *text, int threads, bool is_watched) {
    const int64_t n = MOST_ITEMS, bounds[] = {0, n / 2, n};
    nexpr *expr = compile(text, F64, NONE, NONE);
    nexpr_run_options run = nexpr_run_options_init();
    nexpr_error err = nexpr_error_init();
    nexpr_parts *parts;
    nexpr_parts_step step;
    nexpr_part_pass pass = nexpr_part_pass_init();
    watcher w = {.thread = pthread_self()};
    const nexpr_array a = array_of(values[0], F64, 1, &n, NULL), *const inputs[] = {&a};
    nexpr_cut cut = nexpr_cut_init();
    const nexpr_part_view view = {values[0], 0, n};
    double *made = (double *)(void *)take((size_t)n * sizeof *made);
    int64_t begin, end;
    cut.axis = 0;
    cut.bounds = bounds;
    run.threads = threads;
    const nexpr_cut *const cuts[] = {&cut};
    assert_ok(nexpr_parts_new(expr, NULL, inputs, cuts, 2, &run, &parts, &err), &err);
    assert_ok(nexpr_parts_next(parts, &step, &err), &err);
    assert_int_equal(nexpr_parts_pass(parts, &pass), NEXPR_OK);
    if (is_watched) nexpr_parts_between(parts, count_call, &w);
    nexpr_parts_units(parts, 0, &begin, &end);
    if (pass.leaves_nodes) {
        assert_ok(nexpr_parts_reduce_begin(parts, 0, made, &err), &err);
        assert_ok(nexpr_parts_reduce_add(parts, begin, end, &view, &err), &err);
        nexpr_parts_reduce_end(parts);
    } else {
        assert_ok(nexpr_parts_run(parts, 0, begin, end, &view, (void *[]){made}, NULL, &err), &err);
    }
    free(made);
    nexpr_parts_free(&parts);
    nexpr_free(&expr);
    return w.calls;
}

static void the_thread_that_computes_calls_between_blocks(void **state) {
    static const char *const texts[] = {"2*a + 1", "sum(a)", "sum(a*a)", "max(a)"};
    (void)state;
    for (int i = 0; i < LENGTH(texts); i++) {
        for (int threads = 1; threads <= 3; threads++) {
            assert_in_range(count_calls(texts[i], threads, true), 1, MOST_ITEMS);
            assert_int_equal(count_calls(texts[i], threads, false), 0);
        }
        assert_in_range(count_calls(texts[i], 1, true), 3, MOST_ITEMS);
    }
}

int main(void) {
    for (int i = 0; i < INPUTS; i++) {
        values[i] = malloc(MOST_ITEMS * sizeof *values[i]);
        for (int64_t k = 0; k < MOST_ITEMS; k++) values[i][k] = (double)(random_below(2000001) - 1000000) / 4099.0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elementwise),
        cmocka_unit_test(reductions),
        cmocka_unit_test(reductions_of_several_axes),
        cmocka_unit_test(several_passes),
        cmocka_unit_test(views),
        cmocka_unit_test(running_functions),
        cmocka_unit_test(compressed_and_gathered),
        cmocka_unit_test(as_little_moves_as_can),
        cmocka_unit_test(what_was_planned_is_used_again),
        cmocka_unit_test(a_plan_is_for_what_there_is_of_an_array),
        cmocka_unit_test(the_thread_that_computes_calls_between_blocks),
    };
    setenv("NEXPR_BACKEND", "vm", 1);
    const int failed = cmocka_run_group_tests_name("parts", tests, NULL, NULL);
    for (int i = 0; i < INPUTS; i++) free(values[i]);
    return failed;
}
