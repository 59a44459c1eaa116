/* SPDX-License-Identifier: MIT */
/*
 * Compiled segments against the kernels of the VM, bit for bit: every op that is inlined and every cast, on operands of
 * every kind; stores past the caches; and segments made at random. Those that reduce are in segments_reduce_test.c.
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jit/jit.h"
#include "tests/jit/segments.h"

enum { SMALL = 200, SIZES = SMALL + 3 };

/* 1 to SMALL, and some larger ones. */
static const size_t *sizes(void) {
    static size_t n[SIZES];
    for (size_t i = 0; i < SMALL; i++) n[i] = i + 1;
    n[SMALL] = 1000;
    n[SMALL + 1] = 2047;
    n[SMALL + 2] = 4096;
    return n;
}

/* ---- every op ---- */

/* Who has which access: a letter per operand x, y, z, condition, two real parts. B block, S scalar, T strided, and in small
 * letters with the other byte order; R a row's one element; C column. */
static const char *const patterns[] = {"BBBBBB", "SBBSSB", "BSBBBS", "BBSBBB", "BSSSBB", "SSSSSS", "TTTTTT",
                                       "bbbbbb", "tstttB", "TBsBTS"};

static nx_access access_of(char letter) {
    switch (letter) {
    case 'B': case 'b': return NX_ACCESS_BLOCK;
    case 'S': case 's': return NX_ACCESS_SCALAR;
    case 'R': case 'r': return NX_ACCESS_ROW;
    case 'C': case 'c': return NX_ACCESS_COLUMN;
    default: return NX_ACCESS_STRIDED;
    }
}

static unsigned add_by_letter(builder *b, nexpr_dtype dtype, char letter) {
    return add_input(b, dtype, access_of(letter), letter >= 'a');
}

/* The operands that op number `op` wants, of x, y, z, condition and parts in this order. */
static void choose_args(nx_op op, const unsigned *in, unsigned args[NX_MAX_ARITY]) {
    const uint8_t sig = nx_op_rows[op].sig;
    const unsigned of_condition[] = {in[3], in[0], in[1]}, of_parts[] = {in[4], in[5], in[0]};
    memcpy(args, sig == NX_SIG_BTT_T ? of_condition : sig == NX_SIG_RR_T ? of_parts : in, NX_MAX_ARITY * sizeof *args);
}

/* All ops of a loop in one segment. */
static void build_ops(builder *b, nexpr_dtype loop, const char *pattern) {
    const nexpr_dtype dtypes[] = {loop, loop, loop, NEXPR_BOOL, nx_dtype_real(loop), nx_dtype_real(loop)};
    unsigned in[6];
    *b = (builder){.output_count = 0};
    for (int k = 0; k < 6; k++) in[k] = add_by_letter(b, dtypes[k], pattern[k]);
    for (int op = 0; op < NX_OP_COUNT; op++) {
        unsigned args[NX_MAX_ARITY];
        if (!nx_op_is_inlined(op, loop)) continue;
        choose_args(op, in, args);
        add_output(b, NX_ACCESS_BLOCK, add_op(b, op, loop, args));
    }
}

static void check_ops(nexpr_dtype loop, nx_isa isa) {
    static builder b;
    for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
        build_ops(&b, loop, patterns[p]);
        const size_t all = p == 0 ? SIZES : 70;
        check_segment(&b, isa, sizes(), all, &(run){.seed = p, .shift = p == 2 ? 3 : 0});
    }
    build_ops(&b, loop, patterns[0]);
    const size_t edges = edge_count(loop), pairs = edges * edges;
    check_segment(&b, isa, &pairs, 1, &(run){.pairs = true});
}

/* Rows of all lengths up to a few iterations, few and many. */
static void check_rows_of(const builder *b, nx_isa isa, const run *how) {
    static const size_t rows[] = {1, 2, 3, 11, 40};
    code c = compile(b, isa);
    for (size_t n = 1; n <= 140; n += n < 20 ? 1 : 7) {
        run r = *how;
        r.n = n;
        r.rows = rows[n % 5];
        r.seed += n;
        check_run(b, &c, isa, &r);
    }
    code_free(&c);
}

static void every_op_gives_them_in_rows(void **state) {
    (void)state;
    static const char *const in_rows[] = {"BBBBBB", "RBRBRS", "BTrtBB", "RRRRRR"};
    static builder b;
    for (int loop = 0; loop < NEXPR_DTYPE_COUNT; loop++) {
        if (loop == NEXPR_FLOAT16) continue;
        for (size_t p = 0; p < sizeof in_rows / sizeof *in_rows; p++) {
            build_ops(&b, loop, in_rows[p]);
            b.has_rows = true;
            EACH_ISA(isa) check_rows_of(&b, isa, &(run){.seed = p, .shift = p == 2 ? 3 : 0});
        }
    }
}

static void every_op_gives_the_bits_of_its_kernel(void **state) {
    (void)state;
    for (int loop = 0; loop < NEXPR_DTYPE_COUNT; loop++) {
        if (loop == NEXPR_FLOAT16) continue;
        EACH_ISA(isa) check_ops(loop, isa);
    }
}

/* ---- casts ---- */

static bool has_cast(int from, int to) {
    return nx_vm_cast_kernel(NX_ISA_BASELINE, from, to) != NULL;
}

static void build_casts(builder *b, nexpr_dtype from, nx_access access, bool is_swapped) {
    *b = (builder){.output_count = 0};
    const unsigned x = add_input(b, from, access, is_swapped);
    add_output(b, NX_ACCESS_BLOCK, x);
    for (int to = 0; to < NEXPR_DTYPE_COUNT; to++) {
        if (has_cast(from, to)) add_output(b, NX_ACCESS_BLOCK, add_cast(b, to, x));
    }
}

static void every_cast_gives_the_bits_of_its_kernel(void **state) {
    (void)state;
    static builder b;
    for (int from = 0; from < NEXPR_DTYPE_COUNT; from++) {
        EACH_ISA(isa) {
            build_casts(&b, from, NX_ACCESS_BLOCK, false);
            check_segment(&b, isa, sizes(), SIZES, &(run){.seed = 1});
            const size_t many = 50000;
            check_segment(&b, isa, &many, 1, &(run){.seed = 4});
            build_casts(&b, from, NX_ACCESS_STRIDED, true);
            check_segment(&b, isa, sizes(), 70, &(run){.seed = 2, .shift = 1});
            build_casts(&b, from, NX_ACCESS_SCALAR, true);
            check_segment(&b, isa, sizes(), 70, &(run){.seed = 3});
        }
    }
}

/* One cast at a time, so that the vectors are as long as it allows. */
static void single_casts_do_too(void **state) {
    (void)state;
    static builder b;
    for (int i = 0; i < NEXPR_DTYPE_COUNT * NEXPR_DTYPE_COUNT; i++) {
        const int from = i / NEXPR_DTYPE_COUNT, to = i % NEXPR_DTYPE_COUNT;
        if (!has_cast(from, to)) continue;
        b = (builder){.output_count = 0};
        const unsigned x = add_input(&b, from, NX_ACCESS_BLOCK, false);
        add_output(&b, NX_ACCESS_BLOCK, from == to ? x : add_cast(&b, to, x));
        EACH_ISA(isa) check_segment(&b, isa, sizes(), SIZES, &(run){.seed = (uint64_t)i * 2});
    }
}

/* ---- places ---- */

static void results_take_the_place_of_operands(void **state) {
    (void)state;
    static builder b;
    for (int dtype = 0; dtype < NEXPR_DTYPE_COUNT; dtype++) {
        if (dtype == NEXPR_FLOAT16) continue;
        b = (builder){.output_count = 0};
        const unsigned x = add_input(&b, dtype, NX_ACCESS_BLOCK, false), y = add_input(&b, dtype, NX_ACCESS_BLOCK, true);
        const unsigned args[] = {y, x}, sum = add_op(&b, NX_OP_add, dtype, args), again[] = {sum, x};
        add_output(&b, NX_ACCESS_BLOCK, add_op(&b, NX_OP_multiply, dtype, again));
        EACH_ISA(isa) check_segment(&b, isa, sizes(), SIZES, &(run){.seed = 5, .in_place = true});
        EACH_ISA(isa) check_segment(&b, isa, sizes(), SMALL, &(run){.seed = 6, .in_place = true, .shift = 1});
        b.has_rows = true;
        EACH_ISA(isa) check_rows_of(&b, isa, &(run){.seed = 7, .in_place = true});
    }
}

static void check_streams(const builder *b, nx_isa isa, unsigned part) {
    static const size_t some[] = {1, 2, 7, 31, 64, 65, 130, 200, 1111};
    code c = compile(b, isa);
    for (unsigned shift = 0; shift < 64; shift += part) {
        for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
            check_run(b, &c, isa, &(run){.n = some[i], .seed = i, .shift = shift});
        }
    }
    code_free(&c);
}

static void streams_start_anywhere(void **state) {
    (void)state;
    static builder b;
    for (int dtype = 0; dtype < NEXPR_DTYPE_COUNT; dtype++) {
        b = (builder){.output_count = 0};
        const unsigned x = add_input(&b, dtype, NX_ACCESS_BLOCK, true);
        add_output(&b, NX_ACCESS_STREAM, x);
        EACH_ISA(isa) check_streams(&b, isa, (unsigned)nexpr_dtype_size(nx_dtype_real(dtype)));
        b.has_rows = true;
        EACH_ISA(isa) check_rows_of(&b, isa, &(run){.seed = 8});
    }
}

/* Not all of them can be aligned at once. */
static void several_streams_start_anywhere(void **state) {
    (void)state;
    static builder b = {.output_count = 0};
    const unsigned x = add_input(&b, NEXPR_FLOAT64, NX_ACCESS_BLOCK, false);
    const nexpr_dtype to[] = {NEXPR_FLOAT32, NEXPR_INT16, NEXPR_COMPLEX128, NEXPR_UINT8, NEXPR_BOOL};
    add_output(&b, NX_ACCESS_STREAM, x);
    for (int k = 0; k < 5; k++) add_output(&b, k == 2 ? NX_ACCESS_BLOCK : NX_ACCESS_STREAM, add_cast(&b, to[k], x));
    EACH_ISA(isa) check_streams(&b, isa, 8);
}

/* Every step that is known, in every dtype, beside one that is not. */
static void known_steps_touch_nothing_else(void **state) {
    (void)state;
    static const int steps[] = {-2, -1, 2, 3, 4};
    static builder b;
    for (int i = 0; i < NEXPR_DTYPE_COUNT * 5; i++) {
        const nexpr_dtype dtype = (nexpr_dtype)(i / 5);
        b = (builder){.output_count = 0};
        for (int k = 0; k < 2; k++) {
            const unsigned x = add_input(&b, dtype, NX_ACCESS_STRIDED, k);
            b.inputs[x].detail = (uint8_t)(int8_t)steps[(i + 2 * k) % 5];
        }
        add_input(&b, dtype, NX_ACCESS_STRIDED, false);
        for (unsigned x = 0; x < 3; x++) add_output(&b, NX_ACCESS_BLOCK, x);
        EACH_ISA(isa) check_segment(&b, isa, sizes(), SIZES, &(run){.seed = 9});
        b.has_rows = true;
        EACH_ISA(isa) check_rows_of(&b, isa, &(run){.seed = 10});
    }
}

static bool may_be_column(int dtype) {
    const size_t size = nexpr_dtype_size((nexpr_dtype)dtype);
    return (size == 4 || size == 8) && nx_dtype_class((nexpr_dtype)dtype) != NX_CLASS_COMPLEX;
}

/* Every op on columns beside all else; with other dtypes; and in the place of an operand. */
static void columns_are_read_in_tiles(void **state) {
    (void)state;
    static const char *const in_tiles[] = {"CBcBBB", "BcTBBB", "CRSBBB"};
    static builder b;
    for (int loop = 0; loop < NEXPR_DTYPE_COUNT; loop++) {
        for (size_t p = 0; p < sizeof in_tiles / sizeof *in_tiles && may_be_column(loop); p++) {
            build_ops(&b, loop, in_tiles[p]);
            b.has_rows = true;
            EACH_ISA(isa) check_rows_of(&b, isa, &(run){.seed = p});
        }
    }
}

static void columns_of_all_dtypes_go_together(void **state) {
    (void)state;
    static builder b;
    for (int i = 0; i < NEXPR_DTYPE_COUNT * NEXPR_DTYPE_COUNT; i++) {
        const int from = i / NEXPR_DTYPE_COUNT, to = i % NEXPR_DTYPE_COUNT;
        if (!may_be_column(from) || !has_cast(from, to)) continue;
        b = (builder){.output_count = 0, .has_rows = true};
        const unsigned x = add_input(&b, from, NX_ACCESS_COLUMN, i % 3 == 0), y = add_input(&b, to, NX_ACCESS_BLOCK, false);
        add_output(&b, NX_ACCESS_BLOCK, from == to ? x : add_cast(&b, to, x));
        add_output(&b, i % 2 ? NX_ACCESS_STREAM : NX_ACCESS_BLOCK, y);
        EACH_ISA(isa) check_rows_of(&b, isa, &(run){.seed = (uint64_t)i});
    }
}

static void columns_go_into_the_place_of_operands(void **state) {
    (void)state;
    static builder b;
    for (int dtype = 0; dtype < NEXPR_DTYPE_COUNT; dtype++) {
        if (!may_be_column(dtype)) continue;
        b = (builder){.output_count = 0, .has_rows = true};
        const unsigned x = add_input(&b, dtype, NX_ACCESS_BLOCK, false), y = add_input(&b, dtype, NX_ACCESS_COLUMN, false);
        add_output(&b, NX_ACCESS_BLOCK, add_op(&b, NX_OP_add, dtype, (unsigned[]){x, y}));
        EACH_ISA(isa) check_rows_of(&b, isa, &(run){.seed = 7, .in_place = true});
    }
}

static void steps_are_whole_and_small(void **state) {
    (void)state;
    assert_int_equal(nx_segment_step(16, 8), 2);
    assert_int_equal(nx_segment_step(-8, 8), -1);
    assert_int_equal(nx_segment_step(32, 8), 4);
    assert_int_equal(nx_segment_step(0, 8), 0);
    assert_int_equal(nx_segment_step(8, 8), 0);
    assert_int_equal(nx_segment_step(12, 8), 0);
    assert_int_equal(nx_segment_step(40, 8), 0);
    assert_int_equal(nx_segment_step(-24, 8), 0);
}

/* ---- powers ---- */

static void known_powers_are_products(void **state) {
    (void)state;
    static builder b;
    for (int loop = NEXPR_INT8; loop <= NEXPR_UINT64; loop++) {
        b = (builder){.output_count = 0};
        const unsigned x = add_input(&b, loop, NX_ACCESS_BLOCK, false);
        for (unsigned k = 0; k < 40; k++) add_known(&b, loop, k < 30 ? k : 3 * k + 7);
        for (unsigned k = 0; k < 20; k++) {
            add_output(&b, NX_ACCESS_BLOCK, add_op(&b, NX_OP_power, loop, (unsigned[]){x, 1 + 2 * k}));
        }
        const size_t n[] = {100, 1000};
        EACH_ISA(isa) check_segment(&b, isa, n, 2, &(run){.seed = 1});
    }
}

/* ---- random segments ---- */

static uint64_t below(uint64_t *seed, uint64_t bound) {
    return next_random(seed) % bound;
}

/* A value of the dtype among those that are there, or a cast of one, or of a part of one. */
static unsigned random_operand(builder *b, nexpr_dtype dtype, uint64_t *seed) {
    const unsigned count = b->input_count + b->value_count, first = (unsigned)below(seed, count);
    for (unsigned i = 0; i < count; i++) {
        if (dtype_of(b, (first + i) % count) == dtype) return (first + i) % count;
    }
    const nexpr_dtype from = dtype_of(b, first);
    if (has_cast(from, dtype)) return add_cast(b, dtype, first);
    return add_cast(b, dtype, add_op(b, NX_OP_imag, from, &first));
}

static void add_random_op(builder *b, uint64_t *seed) {
    for (;;) {
        const nx_op op = (nx_op)below(seed, NX_OP_COUNT);
        const nexpr_dtype loop = dtype_of(b, (unsigned)below(seed, b->input_count + b->value_count));
        unsigned args[NX_MAX_ARITY] = {0};
        if (!nx_op_is_inlined(op, loop)) continue;
        for (int k = 0; k < nx_op_rows[op].arity; k++) args[k] = random_operand(b, nx_op_arg_dtype(op, loop, k), seed);
        add_op(b, op, loop, args);
        return;
    }
}

static void build_random(builder *b, unsigned most_inputs, unsigned values, uint64_t *seed) {
    static const nx_access accesses[] = {NX_ACCESS_BLOCK, NX_ACCESS_BLOCK, NX_ACCESS_SCALAR, NX_ACCESS_STRIDED,
                                         NX_ACCESS_KNOWN};
    *b = (builder){.output_count = 0};
    const unsigned inputs = 2 + (unsigned)below(seed, most_inputs - 1), outputs = 1 + (unsigned)below(seed, 4);
    add_input(b, NEXPR_FLOAT64, NX_ACCESS_BLOCK, false);
    for (unsigned k = 1; k < inputs; k++) {
        const nx_access access = accesses[below(seed, 5)];
        const nexpr_dtype dtype = (nexpr_dtype)below(seed, NEXPR_DTYPE_COUNT);
        if (access == NX_ACCESS_KNOWN) add_known(b, dtype, (unsigned)below(seed, 120));
        else add_input(b, dtype, access, below(seed, 4) == 0);
    }
    while (b->value_count < values) add_random_op(b, seed);
    for (unsigned k = 0; k < outputs; k++) {
        const unsigned last = b->input_count + b->value_count - 1;
        const unsigned behind = (unsigned)below(seed, k ? b->value_count : 1);
        add_output(b, below(seed, 3) ? NX_ACCESS_BLOCK : NX_ACCESS_STREAM, last - behind);
    }
}

static void random_segments_give_the_bits_of_their_kernels(void **state) {
    (void)state;
    static const size_t n[] = {1, 5, 31, 64, 100, 257};
    static builder b;
    uint64_t seed = 20260101;
    for (unsigned i = 0; i < 300; i++) {
        build_random(&b, i % 30 == 7 ? NX_SEGMENT_OPERANDS - 8 : 7, i % 50 == 0 ? 200 : 1 + i % 25, &seed);
        EACH_ISA(isa) check_segment(&b, isa, n, 6, &(run){.seed = i, .shift = i % 2 * 16});
        b.has_rows = i % 3 == 0;
        EACH_ISA(isa) if (b.has_rows) check_rows_of(&b, isa, &(run){.seed = i});
    }
}

/* Each operation waits for the one before it: several vectors side by side. */
static void long_chains_are_computed_side_by_side(void **state) {
    (void)state;
    static const size_t n[] = {1, 7, 8, 31, 32, 33, 257};
    static const nx_op ops[] = {NX_OP_multiply, NX_OP_add, NX_OP_subtract};
    for (unsigned live = 1; live <= 8; live *= 2) {
        builder b = {.output_count = 0};
        unsigned x[8];
        for (unsigned k = 0; k < live; k++) x[k] = add_input(&b, NEXPR_FLOAT64, NX_ACCESS_BLOCK, false);
        unsigned last = x[0];
        for (unsigned i = 0; i < 150; i++) {
            last = add_op(&b, ops[i % 3], NEXPR_FLOAT64, (unsigned[]){last, x[i % live]});
        }
        add_output(&b, NX_ACCESS_BLOCK, last);
        EACH_ISA(isa) check_segment(&b, isa, n, 7, &(run){.seed = live});
    }
}

/* ---- segments of floats, whose instructions stay in order ---- */

static nx_op random_op_on(nexpr_dtype dtype, uint64_t *seed) {
    for (;;) {
        const nx_op op = (nx_op)below(seed, NX_OP_COUNT);
        bool fits = nx_op_is_inlined(op, dtype) && nx_op_result_dtype(op, dtype) == dtype;
        for (int k = 0; fits && k < nx_op_rows[op].arity; k++) fits = nx_op_arg_dtype(op, dtype, k) == dtype;
        if (fits) return op;
    }
}

/* Operations that mostly go on from the last one's result. */
static void build_chain(builder *b, nexpr_dtype dtype, unsigned values, uint64_t *seed) {
    *b = (builder){.output_count = 0};
    const unsigned inputs = 1 + (unsigned)below(seed, 4);
    for (unsigned k = 0; k < inputs; k++) {
        add_input(b, dtype, k && below(seed, 3) == 0 ? NX_ACCESS_SCALAR : NX_ACCESS_BLOCK, false);
    }
    unsigned last = 0;
    for (unsigned i = 0; i < values; i++) {
        unsigned args[NX_MAX_ARITY] = {last};
        for (int k = 1; k < NX_MAX_ARITY; k++) args[k] = (unsigned)below(seed, inputs);
        last = add_op(b, random_op_on(dtype, seed), dtype, args);
    }
    add_output(b, below(seed, 3) ? NX_ACCESS_BLOCK : NX_ACCESS_STREAM, last);
}

static bool keeps_order(const builder *b) {
    void *text = NULL;
    size_t bytes = 0;
    if (plugin()->make(finish(b), NX_ISA_AVX2, NX_JIT_IR_TEXT, &text, &bytes, NULL)) fail_msg("no IR");
    const bool ret = memmem(text, bytes, "optnone", strlen("optnone")) != NULL;
    plugin()->release(text);
    return ret;
}

static void floats_keep_their_order(void **state) {
    (void)state;
    static const size_t n[] = {1, 7, 24, 100, 257};
    static const nexpr_dtype dtypes[] = {NEXPR_FLOAT64, NEXPR_FLOAT32, NEXPR_COMPLEX128, NEXPR_COMPLEX64};
    static builder b;
    uint64_t seed = 20261123;
    for (unsigned i = 0; i < 160; i++) {
        build_chain(&b, dtypes[i % 4], 1 + i % 53, &seed);
        if (i % 4 < 2) assert_true(keeps_order(&b));
        EACH_ISA(isa) check_segment(&b, isa, n, 5, &(run){.seed = i, .shift = i % 3 * 8});
    }
}

/* In rows, with other bytes, bools or integers. */
static void others_are_left_to_the_scheduler(void **state) {
    (void)state;
    static const struct { nexpr_dtype dtype; bool has_rows, is_swapped; nx_op op; } others[] = {
        {NEXPR_FLOAT64, true, false, NX_OP_add},  {NEXPR_FLOAT64, false, true, NX_OP_add},
        {NEXPR_FLOAT64, false, false, NX_OP_less}, {NEXPR_INT64, false, false, NX_OP_add}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        builder b = {.has_rows = others[i].has_rows};
        const unsigned x = add_input(&b, others[i].dtype, NX_ACCESS_BLOCK, others[i].is_swapped);
        add_output(&b, NX_ACCESS_BLOCK, add_op(&b, others[i].op, others[i].dtype, (unsigned[]){x, x}));
        assert_false(keeps_order(&b));
    }
}

/* ---- refusals ---- */

static void check_refused(const builder *b, const char *reason) {
    nexpr_error err = nexpr_error_init();
    void *bytes = NULL;
    size_t count = 0;
    assert_int_equal(plugin()->make(finish(b), NX_ISA_AVX2, NX_JIT_OBJECT, &bytes, &count, &err), NEXPR_UNSUPPORTED);
    assert_string_equal(err.message, reason);
}

static void what_is_not_inlined_is_refused(void **state) {
    (void)state;
    builder b = {.output_count = 0};
    const unsigned x = add_input(&b, NEXPR_FLOAT64, NX_ACCESS_BLOCK, false);
    add_output(&b, NX_ACCESS_BLOCK, add_op(&b, NX_OP_sin, NEXPR_FLOAT64, &x));
    check_refused(&b, "sin of float64 is not compiled");
    b = (builder){.output_count = 0};
    add_lanes(&b, NX_REDUCER_m2, add_input(&b, NEXPR_FLOAT64, NX_ACCESS_BLOCK, false));
    check_refused(&b, "the reduction m2 of float64 is not compiled");
    b = (builder){.output_count = 0};
    add_output(&b, NX_ACCESS_BLOCK, add_cast(&b, NEXPR_FLOAT64, add_input(&b, NEXPR_COMPLEX64, NX_ACCESS_BLOCK, false)));
    check_refused(&b, "there is no cast from complex64 to float64");
}

/* ---- products ---- */

/* Whole vectors, and stores past the caches that are not cut in pieces. */
static void texts_tell_ir_and_code(void **state) {
    (void)state;
    builder b = {.output_count = 0};
    const unsigned x = add_input(&b, NEXPR_FLOAT64, NX_ACCESS_BLOCK, false), args[] = {x, x};
    add_output(&b, NX_ACCESS_STREAM, add_op(&b, NX_OP_add, NEXPR_FLOAT64, args));
    static const struct { nx_jit_product product; const char *wanted; } texts[] = {
        {NX_JIT_IR_TEXT, "fadd <8 x double>"}, {NX_JIT_ASSEMBLY_TEXT, "vmovntpd\t%zmm"}};
    for (int i = 0; i < 2; i++) {
        void *bytes = NULL;
        size_t count = 0;
        assert_int_equal(plugin()->make(finish(&b), NX_ISA_AVX512, texts[i].product, &bytes, &count, NULL), NEXPR_OK);
        assert_non_null(memmem(bytes, count, texts[i].wanted, strlen(texts[i].wanted)));
        plugin()->release(bytes);
    }
}

static void the_same_segment_gives_the_same_bytes(void **state) {
    (void)state;
    static builder b;
    build_ops(&b, NEXPR_FLOAT32, patterns[9]);
    EACH_ISA(isa) {
        void *bytes[2] = {NULL, NULL};
        size_t count[2] = {0, 0};
        for (int i = 0; i < 2; i++) {
            assert_int_equal(plugin()->make(finish(&b), isa, NX_JIT_OBJECT, &bytes[i], &count[i], NULL), NEXPR_OK);
        }
        assert_int_equal(count[0], count[1]);
        assert_memory_equal(bytes[0], bytes[1], count[0]);
        for (int i = 0; i < 2; i++) plugin()->release(bytes[i]);
    }
}

/* ---- the process ---- */

typedef struct product {
    const nx_segment *segment;
    void *bytes;
    size_t count;
} product;

static void *make_often(void *state) {
    product *p = state;
    for (int i = 0; i < 20; i++) {
        plugin()->release(p->bytes);
        p->bytes = NULL;
        if (plugin()->make(p->segment, NX_ISA_AVX2, NX_JIT_OBJECT, &p->bytes, &p->count, NULL)) return NULL;
    }
    return p;
}

static void threads_make_the_same_at_once(void **state) {
    (void)state;
    enum { THREADS = 4, ROOM = 1024 };
    static _Alignas(8) char segments[THREADS][ROOM];
    static builder b;
    product made[THREADS], alone;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        build_casts(&b, NEXPR_INT8 + i, NX_ACCESS_BLOCK, false);
        memcpy(segments[i], finish(&b), nx_segment_bytes(finish(&b)));
        made[i] = (product){.segment = (const nx_segment *)segments[i]};
        assert_int_equal(pthread_create(&threads[i], NULL, make_often, &made[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *done = NULL;
        pthread_join(threads[i], &done);
        assert_non_null(done);
        alone = (product){.segment = made[i].segment};
        assert_non_null(make_often(&alone));
        assert_int_equal(alone.count, made[i].count);
        assert_memory_equal(alone.bytes, made[i].bytes, alone.count);
        plugin()->release(alone.bytes);
        plugin()->release(made[i].bytes);
    }
}

/* In a process of its own: 0 if it was refused for want of memory. */
static int make_with_little_memory(const nx_segment *segment) {
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%llu", &pages) != 1) return 2;
    fclose(file);
    const struct rlimit limit = {pages * 4096 + (32 << 20), RLIM_INFINITY};
    if (setrlimit(RLIMIT_AS, &limit)) return 3;
    nexpr_error err = nexpr_error_init();
    void *bytes = NULL;
    size_t count = 0;
    if (plugin()->make(segment, NX_ISA_AVX2, NX_JIT_OBJECT, &bytes, &count, &err) != NEXPR_UNSUPPORTED) return 4;
    return strstr(err.message, "of memory are left") ? 0 : 5;
}

/* By the library that loads it, from the file that is installed. */
static void the_plugin_serves_the_library(void **state) {
    (void)state;
    nexpr_error err = nexpr_error_init();
    nx_jit *jit = NULL;
    nx_jit_kernel *kernel = NULL;
    builder b = {.output_count = 0};
    const unsigned x = add_input(&b, NEXPR_INT32, NX_ACCESS_BLOCK, false), args[] = {x, x};
    add_output(&b, NX_ACCESS_BLOCK, add_op(&b, NX_OP_multiply, NEXPR_INT32, args));
    assert_int_equal(nx_jit_new(NULL, &(nx_jit_options){.disk_cache = "", .plugin = PLUGIN}, &jit, &err), NEXPR_OK);
    assert_int_equal(nx_jit_get(jit, finish(&b), NX_ISA_AVX2, NX_JIT_WAIT, &kernel, &err), NEXPR_OK);
    if (!nx_jit_entry(kernel)) fail_msg("%s", nx_jit_info_of(kernel).reason);
    int32_t elements[] = {1, -2, 3, 4, 5, 6, 7, 8, 9, 46341}, squares[10];
    nx_jit_entry(kernel)(10, (char *[]){(char *)squares, (char *)elements}, NULL, 1);
    for (int i = 0; i < 10; i++) assert_int_equal(squares[i], (int32_t)((uint32_t)elements[i] * (uint32_t)elements[i]));
    nx_jit_release(&kernel);
    nx_jit_free(&jit);
}

static void scarce_memory_is_a_refusal(void **state) {
    (void)state;
    builder b = {.output_count = 0};
    add_output(&b, NX_ACCESS_BLOCK, add_input(&b, NEXPR_FLOAT64, NX_ACCESS_BLOCK, false));
    const pid_t child = fork();
    if (child == 0) _exit(make_with_little_memory(finish(&b)));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_gives_the_bits_of_its_kernel),
        cmocka_unit_test(every_op_gives_them_in_rows),
        cmocka_unit_test(every_cast_gives_the_bits_of_its_kernel),
        cmocka_unit_test(single_casts_do_too),
        cmocka_unit_test(results_take_the_place_of_operands),
        cmocka_unit_test(streams_start_anywhere),
        cmocka_unit_test(several_streams_start_anywhere),
        cmocka_unit_test(known_powers_are_products),
        cmocka_unit_test(known_steps_touch_nothing_else),
        cmocka_unit_test(steps_are_whole_and_small),
        cmocka_unit_test(columns_are_read_in_tiles),
        cmocka_unit_test(columns_of_all_dtypes_go_together),
        cmocka_unit_test(columns_go_into_the_place_of_operands),
        cmocka_unit_test(random_segments_give_the_bits_of_their_kernels),
        cmocka_unit_test(long_chains_are_computed_side_by_side),
        cmocka_unit_test(floats_keep_their_order),
        cmocka_unit_test(others_are_left_to_the_scheduler),
        cmocka_unit_test(what_is_not_inlined_is_refused),
        cmocka_unit_test(texts_tell_ir_and_code),
        cmocka_unit_test(the_same_segment_gives_the_same_bytes),
        cmocka_unit_test(threads_make_the_same_at_once),
        cmocka_unit_test(scarce_memory_is_a_refusal),
        cmocka_unit_test(the_plugin_serves_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
