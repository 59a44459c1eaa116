/* SPDX-License-Identifier: MIT */
/*
 * Compiled segments that reduce what they compute, against the kernels of the VM, bit for bit: lanes of leaves, nodes of
 * columns that rows are added to, and rows that are leaves.
 */
#include "tests/jit/segments.h"

/* ---- lanes ---- */

static bool is_stepped(int reducer, int loop) {
    return nx_reducer_has_loop(reducer, loop) && !nx_reducer_gives_index(reducer) && reducer != NX_REDUCER_m2;
}

/* All reducers of a loop, on x or on something computed of it; `count` of them. */
static void build_lanes(builder *b, nexpr_dtype loop, nx_access access, int extra) {
    *b = (builder){.output_count = 0};
    unsigned x = add_input(b, loop, access, false);
    for (int i = 0; i < extra; i++) x = add_op(b, NX_OP_maximum, loop, (unsigned[]){x, 0});
    for (int reducer = 0; reducer < NX_REDUCER_COUNT; reducer++) {
        if (is_stepped(reducer, loop)) add_lanes(b, reducer, x);
    }
    add_output(b, NX_ACCESS_STREAM, x);
}

static void lanes_are_stepped(void **state) {
    (void)state;
    static const size_t n[] = {32, 64, 96, 128, 160, 1024, 4096};
    static builder b;
    for (int loop = 0; loop < NEXPR_DTYPE_COUNT; loop++) {
        if (loop == NEXPR_FLOAT16) continue;
        EACH_ISA(isa) {
            build_lanes(&b, loop, NX_ACCESS_BLOCK, 0);
            check_segment(&b, isa, n, 7, &(run){.seed = 1});
            build_lanes(&b, loop, NX_ACCESS_STRIDED, 3);
            check_segment(&b, isa, n, 7, &(run){.seed = 2, .shift = 1});
            build_lanes(&b, loop, NX_ACCESS_BLOCK, 30);
            check_segment(&b, isa, n, 7, &(run){.seed = 3});
        }
    }
}

/* The rest of a leaf added to its first lanes, and these folded. */
static void check_leaf(nx_reducer reducer, nexpr_dtype loop, nx_isa isa, size_t n, uint64_t seed) {
    static _Alignas(64) char x[NX_LEAF_ITEMS * 16], lanes[NX_LANES * 16];
    nx_value leaf = {.bits = {0, 0}};
    const size_t size = nexpr_dtype_size(loop);
    builder b = {.output_count = 0};
    add_lanes(&b, reducer, add_input(&b, loop, NX_ACCESS_BLOCK, false));
    code c = compile(&b, isa);
    fill_samples(loop, n, x, 0, &seed);
    nx_vm_reduce_kernels(isa, reducer, loop)->leaf(1, n, x, 0, &leaf, NULL);
    memcpy(lanes, x, NX_LANES * size);
    c.entry(n - NX_LANES, (char *[]){lanes, x + NX_LANES * size}, NULL, 1);
    static const nx_op steps[NX_REDUCER_COUNT] = {
        [NX_REDUCER_sum] = NX_OP_add,      [NX_REDUCER_prod] = NX_OP_multiply, [NX_REDUCER_min] = NX_OP_minimum,
        [NX_REDUCER_max] = NX_OP_maximum,  [NX_REDUCER_fmin] = NX_OP_fmin,     [NX_REDUCER_fmax] = NX_OP_fmax,
        [NX_REDUCER_any] = NX_OP_bitwise_or, [NX_REDUCER_all] = NX_OP_bitwise_and,
    };
    for (size_t half = NX_LANES / 2; half; half /= 2) {
        nx_vm_own_kernel(isa, steps[reducer], loop, 0)(half, lanes, (const void *[]){lanes, lanes + half * size});
    }
    assert_memory_equal(lanes, &leaf, size);
    code_free(&c);
}

static void lanes_fold_to_leaves(void **state) {
    (void)state;
    for (int i = 0; i < NX_REDUCER_COUNT * NEXPR_DTYPE_COUNT; i++) {
        const int reducer = i / NEXPR_DTYPE_COUNT, loop = i % NEXPR_DTYPE_COUNT;
        if (!is_stepped(reducer, loop)) continue;
        EACH_ISA(isa) {
            if (!nx_isa_is_supported(isa)) continue;
            check_leaf(reducer, loop, isa, NX_LEAF_ITEMS, (uint64_t)i);
            check_leaf(reducer, loop, isa, 2 * NX_LANES, (uint64_t)i + 1000);
        }
    }
}

/* ---- nodes ---- */

/* All reducers of a loop, down rows of x, or of something computed of it and of a row's one element. */
static void build_nodes(builder *b, nexpr_dtype loop, nx_access access, int extra, bool is_leaves) {
    *b = (builder){.has_rows = true};
    unsigned x = add_input(b, loop, access, access == NX_ACCESS_STRIDED);
    const unsigned row = add_input(b, loop, NX_ACCESS_ROW, false), all = add_input(b, loop, NX_ACCESS_SCALAR, true);
    const unsigned of_row = extra ? add_op(b, NX_OP_minimum, loop, (unsigned[]){row, all}) : row;
    for (int i = 0; i < extra; i++) x = add_op(b, i % 2 ? NX_OP_minimum : NX_OP_maximum, loop, (unsigned[]){x, of_row});
    for (int reducer = 0; reducer < NX_REDUCER_COUNT; reducer++) {
        if (nx_reducer_has_loop(reducer, loop)) (is_leaves ? add_leaves : add_nodes)(b, reducer, x);
    }
}

/* Rows of n elements; the rest as in a run. */
typedef struct shape {
    size_t rows, n;
    int64_t first, done, between;
} shape;

/* Without a lowering a reducer is refused. */
static void check_shapes(const shape *shapes, size_t count, bool is_leaves) {
    static const struct { nx_access access; int extra; } forms[] = {
        {NX_ACCESS_BLOCK, 0}, {NX_ACCESS_STRIDED, 3}, {NX_ACCESS_BLOCK, 12}};
    static builder b;
    for (int i = 0; i < 3 * NEXPR_DTYPE_COUNT; i++) {
        build_nodes(&b, i / 3, forms[i % 3].access, forms[i % 3].extra, is_leaves);
        EACH_ISA(isa) {
            if (!nx_isa_is_supported(isa) || !b.output_count) continue;
            code c = compile(&b, isa);
            for (size_t k = 0; k < count; k++) {
                const shape *s = &shapes[k];
                check_run(&b, &c, isa, &(run){.n = s->n, .rows = s->rows, .first = s->first, .done = s->done,
                                              .between = s->between, .seed = (uint64_t)i + k, .shift = (unsigned)k % 3});
            }
            code_free(&c);
        }
    }
}

/* New nodes and others, few rows and many, columns less than a vector and more. */
static void nodes_are_stepped(void **state) {
    (void)state;
    static const shape shapes[] = {
        {1, 1, 0, 0, 0},    {2, 7, 0, 0, 0},      {8, 8, 256, 0, 0},    {9, 33, 1 << 20, 3, 0},
        {3, 64, 5, 1, 0},   {17, 100, 7, 255, 0}, {256, 130, 512, 0, 0}};
    check_shapes(shapes, sizeof shapes / sizeof *shapes, false);
}

/* Each alone, where more rows go by at once, of short cycles of few values: places are those of the first of equals. */
static void nodes_are_stepped_one_by_one(void **state) {
    (void)state;
    static builder b;
    for (int i = 0; i < NX_REDUCER_COUNT * NEXPR_DTYPE_COUNT; i++) {
        const int reducer = i / NEXPR_DTYPE_COUNT, loop = i % NEXPR_DTYPE_COUNT;
        if (!nx_reducer_has_loop(reducer, loop)) continue;
        b = (builder){.has_rows = true};
        add_nodes(&b, reducer, add_input(&b, loop, NX_ACCESS_BLOCK, false));
        EACH_ISA(isa) {
            if (!nx_isa_is_supported(isa)) continue;
            code c = compile(&b, isa);
            for (size_t k = 0; k < 4; k++) {
                check_run(&b, &c, isa, &(run){.n = 37 + k, .rows = 29, .first = 1000, .done = k % 2 ? 4 : 0, .seed = 4 * k});
            }
            code_free(&c);
        }
    }
}

/* ---- leaves ---- */

/* All at once, so that there are several passes. */
static void leaves_are_reduced(void **state) {
    (void)state;
    static const shape shapes[] = {
        {1, 32, 0, 0, 0}, {3, 33, 0, 0, 0},          {2, 63, 7, 0, 100},   {1, 64, 4096, 0, 0},
        {5, 95, 0, 0, 0}, {3, 100, 1 << 20, 0, 4096}, {2, 4096, 5, 0, 4096}};
    check_shapes(shapes, sizeof shapes / sizeof *shapes, true);
}

/* Each alone, and moments with a sum of the same elements; whole leaves too. */
static void leaves_are_reduced_one_by_one(void **state) {
    (void)state;
    static const size_t n[] = {32, 39, 1000, 4095, 4096};
    static builder b;
    for (int i = 0; i < (NX_REDUCER_COUNT + 1) * NEXPR_DTYPE_COUNT; i++) {
        const int reducer = i / NEXPR_DTYPE_COUNT, loop = i % NEXPR_DTYPE_COUNT;
        const bool is_pair = reducer == NX_REDUCER_COUNT;
        if (is_pair ? loop != NEXPR_FLOAT64 : !nx_reducer_has_loop(reducer, loop)) continue;
        b = (builder){.has_rows = true};
        const unsigned x = add_input(&b, loop, NX_ACCESS_BLOCK, false);
        add_leaves(&b, is_pair ? NX_REDUCER_m2 : reducer, x);
        if (is_pair) add_leaves(&b, NX_REDUCER_sum, x);
        EACH_ISA(isa) {
            if (!nx_isa_is_supported(isa)) continue;
            code c = compile(&b, isa);
            for (size_t k = 0; k < 5; k++) {
                check_run(&b, &c, isa,
                          &(run){.n = n[k], .rows = 3, .first = 1000, .between = 4096, .seed = (uint64_t)i + k});
                check_run(&b, &c, isa, &(run){.n = n[k], .rows = 2, .first = 10, .seed = 4 * k});
            }
            code_free(&c);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_are_stepped),
        cmocka_unit_test(lanes_fold_to_leaves),
        cmocka_unit_test(nodes_are_stepped),
        cmocka_unit_test(nodes_are_stepped_one_by_one),
        cmocka_unit_test(leaves_are_reduced),
        cmocka_unit_test(leaves_are_reduced_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
