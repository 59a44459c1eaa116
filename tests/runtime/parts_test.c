/* SPDX-License-Identifier: MIT */
/*
 * Programs by parts: whatever the cuts of their inputs and the number of parts, the bits of nexpr_evaluate. Here, one after
 * the other computes; each part gets memory of its own that holds no element more than it asked for.
 */
#include "fixture.h"

#include "runtime/lengths.h"
#include "runtime/parts.h"

#include <stdlib.h>

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

/* What every part has of each array. */
typedef struct world {
    nx_parts *parts;
    char *own[MOST_ARRAYS][MOST_PARTS];
    char *whole[MOST_ARRAYS];
} world;

/* Copies [begin, end) of an axis between the whole and a part, in C order each. */
static void move(const nx_part_array *a, int axis, int64_t begin, int64_t end, char *whole, char *part, bool to_part) {
    const int64_t size = (int64_t)nexpr_dtype_size(a->dtype);
    int64_t outer = 1, inner = size;
    if (!a->shape.count || end <= begin) return;
    for (int k = 0; k < a->shape.ndim; k++) *(k < axis ? &outer : &inner) *= k == axis ? 1 : a->shape.extent[k];
    const int64_t extent = axis < 0 ? 1 : a->shape.extent[axis], bytes = (end - begin) * inner;
    for (int64_t i = 0; i < outer; i++) {
        char *there = whole + (i * extent + begin) * inner, *here = part + i * bytes;
        memcpy(to_part ? here : there, to_part ? there : here, (size_t)bytes);
    }
}

static void move_own(const world *w, uint32_t array, int part, char *data, bool to_part) {
    const nx_part_array *a = &w->parts->arrays[array];
    const bool is_cut = a->cut.axis >= 0;
    move(a, a->cut.axis, is_cut ? a->cut.bounds[part] : 0, is_cut ? a->cut.bounds[part + 1] : 1, w->whole[array], data,
         to_part);
}

static char *take(int64_t bytes) {
    char *memory = malloc((size_t)bytes + 1);
    memset(memory, 0x5A, (size_t)bytes + 1);
    return memory;
}

/* What a part needs, out of what all parts have. */
static char *get_need(const world *w, uint32_t k, int part) {
    const nx_part_need *need = &w->parts->current.needs[k];
    const nx_part_array *a = &w->parts->arrays[need->array];
    char *data = take(nx_parts_need_bytes(w->parts, k, part));
    assert_true(a->is_known);
    const bool is_cut = need->axis >= 0;
    move(a, need->axis, is_cut ? need->begin[part] : 0, is_cut ? need->end[part] : 1, w->whole[need->array], data, true);
    return data;
}

/* ---------------------------------------------------------------------------------------------------------- running -- */

typedef struct part_data {
    char *needs[MOST_ARRAYS], *targets[MOST_ARRAYS];
} part_data;

static void get_needs(const world *w, int part, part_data *ret) {
    for (uint32_t k = 0; k < w->parts->current.need_count; k++) ret->needs[k] = get_need(w, k, part);
}

static void take_targets(const world *w, int part, part_data *ret) {
    for (uint32_t k = 0; k < nx_parts_target_count(w->parts); k++) {
        ret->targets[k] = take(nx_parts_own_bytes(w->parts, nx_parts_target(w->parts, k), part));
    }
}

/* All parts' targets become wholes. */
static void keep_targets(world *w, part_data *data) {
    const nx_parts *parts = w->parts;
    for (uint32_t k = 0; k < nx_parts_target_count(parts); k++) {
        const uint32_t target = nx_parts_target(parts, k);
        const nx_part_array *a = &parts->arrays[target];
        free(w->whole[target]);
        w->whole[target] = take(a->shape.count * (int64_t)nexpr_dtype_size(a->dtype));
        if (a->cut.axis >= 0) {
            assert_int_equal(a->cut.bounds[0], 0);
            assert_int_equal(a->cut.bounds[parts->count], a->shape.extent[a->cut.axis]);
        }
        for (int r = 0; r < parts->count; r++) move_own(w, target, r, data[r].targets[k], false);
    }
}

static char *make_nodes(world *w, part_data *data, int64_t bytes) {
    nexpr_error err = nexpr_error_init();
    char *nodes = take(bytes), *at = nodes;
    for (int r = 0; r < w->parts->count; r++) {
        char *own = take(nx_parts_node_bytes(w->parts, r)); /* for sanitizers */
        assert_ok(nx_parts_reduce(w->parts, r, (const void *const *)data[r].needs, own, &err), &err);
        memcpy(at, own, (size_t)nx_parts_node_bytes(w->parts, r));
        at += nx_parts_node_bytes(w->parts, r);
        free(own);
    }
    assert_ok(nx_parts_settle(w->parts, nodes, &err), &err);
    return nodes;
}

static void run_pass(world *w) {
    nexpr_error err = nexpr_error_init();
    part_data data[MOST_PARTS] = {{{NULL}}};
    int64_t bytes = 0;
    char *nodes = NULL;
    for (int r = 0; r < w->parts->count; r++) {
        get_needs(w, r, &data[r]);
        bytes += nx_parts_node_bytes(w->parts, r);
    }
    if (bytes) nodes = make_nodes(w, data, bytes);
    for (int r = 0; r < w->parts->count; r++) {
        take_targets(w, r, &data[r]);
        void *const *targets = (void *const *)data[r].targets;
        const void *const *needs = (const void *const *)data[r].needs;
        if (nodes) assert_ok(nx_parts_finish(w->parts, r, needs, nodes, targets, &err), &err);
        else assert_ok(nx_parts_run(w->parts, r, needs, targets, &err), &err);
    }
    keep_targets(w, data);
    for (int r = 0; r < w->parts->count; r++) {
        for (int k = 0; k < MOST_ARRAYS; k++) free(data[r].needs[k]);
        for (int k = 0; k < MOST_ARRAYS; k++) free(data[r].targets[k]);
    }
    free(nodes);
}

/* The bytes that had to move, by the plans' word. Results are copied to `results`. */
static double run_parts(const nexpr *expr, const nexpr_array *const *inputs, const nx_cut *cuts, int count, int threads,
                        char *const *results) {
    world w = {.parts = NULL};
    nexpr_run_options run = nexpr_run_options_init();
    nexpr_error err = nexpr_error_init();
    double moved = 0;
    run.threads = threads;
    assert_ok(nx_parts_new(expr, NULL, inputs, cuts, count, &run, &w.parts, &err), &err);
    assert_true(w.parts->array_count <= MOST_ARRAYS);
    for (int i = 0; i < INPUTS; i++) w.whole[i] = inputs[i]->data;
    for (bool is_one;;) {
        assert_ok(nx_parts_next(w.parts, &is_one, &err), &err);
        if (!is_one) break;
        run_pass(&w);
        moved += w.parts->current.moved;
    }
    for (uint32_t k = INPUTS; k < w.parts->array_count; k++) {
        const uint32_t result = k - w.parts->array_count + w.parts->output_count;
        const nx_part_array *a = &w.parts->arrays[k];
        const size_t bytes = (size_t)a->shape.count * nexpr_dtype_size(a->dtype);
        if (result < w.parts->output_count) memcpy(results[result], w.whole[k], bytes);
        free(w.whole[k]);
    }
    nx_parts_free(&w.parts);
    return moved;
}

static double run_all(const nexpr *expr, const nexpr_array *const *inputs, const nx_cut *cuts, int count, int threads,
                      char *const *results) {
    nx_arena arena;
    nx_lengths lengths;
    nexpr_error err = nexpr_error_init();
    if (!expr->has_lengths) return run_parts(expr, inputs, cuts, count, threads, results);
    nx_arena_init(&arena, NULL);
    assert_ok(nx_lengths_init(&lengths, expr, &arena, &err), &err);
    for (nexpr *counting; (counting = nx_lengths_next(&lengths));) {
        int64_t length;
        run_parts(counting, inputs, cuts, count, threads, (char *[]){(char *)&length});
        nx_lengths_set(&lengths, length);
    }
    const double moved = run_parts(&lengths.known, inputs, cuts, count, threads, results);
    nx_arena_free(&arena);
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

static int64_t bytes_of(const nexpr_array *a) {
    int64_t bytes = (int64_t)nexpr_dtype_size(a->dtype);
    for (int k = 0; k < a->ndim; k++) bytes *= a->shape[k];
    return bytes;
}

/* The elements in C order. */
static char *copy_plain(const nexpr_array *a) {
    const int64_t size = (int64_t)nexpr_dtype_size(a->dtype), count = bytes_of(a) / size;
    char *ret = take(bytes_of(a));
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = i, offset = 0;
        for (int k = a->ndim - 1; k >= 0; k--) {
            offset += rest % a->shape[k] * a->strides[k];
            rest /= a->shape[k];
        }
        memcpy(ret + i * size, (const char *)a->data + offset, (size_t)size);
    }
    return ret;
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
    for (int i = 0; i < result_count; i++) plain[i] = copy_plain(&wanted[i]);
    for (int trial = 0; trial < 4 * LENGTH(counts); trial++) {
        const int count = counts[trial % LENGTH(counts)];
        int64_t bounds[INPUTS][MOST_PARTS + 1];
        nx_cut cuts[INPUTS];
        for (int i = 0; i < INPUTS; i++) {
            cuts[i] = (nx_cut){inputs[i].ndim ? (int)random_below(inputs[i].ndim + 1) - 1 : -1, bounds[i]};
            if (trial < LENGTH(counts)) cuts[i].axis = inputs[i].ndim ? 0 : -1;
            if (cuts[i].axis >= 0) fill_bounds(inputs[i].shape[cuts[i].axis], count, trial < LENGTH(counts), bounds[i]);
        }
        for (int i = 0; i < result_count; i++) results[i] = take(bytes_of(&wanted[i]));
        run_all(expr, list, cuts, count, 1 + trial % 3, results);
        for (int i = 0; i < result_count; i++) {
            if (memcmp(results[i], plain[i], (size_t)bytes_of(&wanted[i]))) {
                fail_msg("%s: result %d is another one with %d parts (trial %d)", text, i, count, trial);
            }
            free(results[i]);
        }
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
    };
    (void)state;
    check_shapes(texts, LENGTH(texts), 2, DIMS(1003, 31));
    check_shapes(texts, LENGTH(texts), 2, DIMS(70, 1700));
    check_shapes(texts, LENGTH(texts), 2, DIMS(1, 50000));
    check_shapes(texts, LENGTH(texts), 2, DIMS(9001, 1));
}

static void reductions_of_several_axes(void **state) {
    static const char *const texts[] = {
        "sum(a, axis=(0, 2))", "sum(a, axis=(0, 1))", "sum(a, axis=(1, 2))", "var(a, axis=(0, 2))", "std(a, axis=(0, 1))",
        "sum(a), sum(a, axis=0), sum(a, axis=1), sum(a, axis=2)", "argmin(a), max(a, axis=(0, 2))",
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
}

static void views(void **state) {
    static const char *const texts[] = {
        "a[1:] - a[:-1]", "sum((a[1:] - a[:-1])**2)",
        "a[2:, 1:-1] + a[:-2, 1:-1] + a[1:-1, 2:] + a[1:-1, :-2] - 4*a[1:-1, 1:-1]", "a[:, ::-1]*2", "a[::3] + b[::3]",
        "sum(a[5:], axis=0)", "reshape(a, -1)[3:]*2", "sum(a[:, 0]*b[:, 1])", "a + b[0]", "a[::-1] + b",
        "argmax(a[::-1, 0])",
        "a.T + 1", "sum(a.T, axis=0)", "reshape(a, (-1, 2)) * 3", "a[5] + b[:, ::7][3, 0]", "reshape(a.T, -1)", "a[-1, -1]",
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
}

static void compressed_and_gathered(void **state) {
    static const char *const texts[] = {"a[a > 0]", "sum(a[b > 0]), mean(a[a > 0])", "cumsum(a[b > c])*2", "a[a > 1e9]",
                                        "a[b > 0][1:] - a[b > 0][:-1]", "take(reshape(a, -1), index(b, -1)*7 % a.size)"};
    (void)state;
    check_shapes(texts, LENGTH(texts), 2, DIMS(901, 33));
    check_shapes(texts, LENGTH(texts), 1, DIMS(100001));
    check_shapes(texts, LENGTH(texts), 1, DIMS(5));
}

/* Bytes that have to move between so many equal parts of a and b, cut along one axis. */
static double moved(const char *text, int axis, int count, const int64_t *shape) {
    int64_t bounds[MOST_PARTS + 1];
    nexpr_array inputs[INPUTS];
    const nexpr_array *list[INPUTS] = {&inputs[0], &inputs[1], &inputs[2]};
    nx_cut cuts[INPUTS];
    char *result = take(shape[0] * shape[1] * 8);
    fill_bounds(shape[axis], count, true, bounds);
    for (int i = 0; i < INPUTS; i++) {
        inputs[i] = array_of(values[i], F64, 2, shape, NULL);
        cuts[i] = (nx_cut){axis, bounds};
    }
    nexpr *expr = compile(text, F64, F64, F64);
    const double bytes = run_all(expr, list, cuts, count, 1, (char *[]){result});
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
    assert_true(moved("a[:, :400] + b[:, :400].T", 0, 4, shape) == 3.0 / 4 * ROWS * 400 * 8);
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
    };
    setenv("NEXPR_BACKEND", "vm", 1);
    const int failed = cmocka_run_group_tests_name("parts", tests, NULL, NULL);
    for (int i = 0; i < INPUTS; i++) free(values[i]);
    return failed;
}
