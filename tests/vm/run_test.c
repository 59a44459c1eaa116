/* SPDX-License-Identifier: MIT */
/*
 * Linked programs against the reference, bit for bit and with every byte around the outputs: kernel forms, layouts, block
 * sizes, short and long rows, parts, several results, outputs that are inputs, and random programs over the whole op table.
 */
#include "fixture.h"

#include <stdlib.h>

/* ------------------------------------------------------------------------------------------------------- forms -- */

/* Operand k is a constant if bit k of constants is set, else an input. */
static nx_ref operand_of(builder *b, unsigned constants, int k, nexpr_dtype dtype, uint64_t *seed) {
    static const char *const names[] = {"a", "b", "c"};
    if (constants >> k & 1) return constant(b, dtype, random_value(dtype, seed));
    return input(b, names[k], dtype);
}

static void check_form(nx_op id, nexpr_dtype loop, unsigned constants, uint64_t seed) {
    builder b;
    builder_init(&b);
    nx_ref args[NX_MAX_ARITY];
    for (int k = 0; k < nx_op_rows[id].arity; k++)
        args[k] = operand_of(&b, constants, k, nx_op_arg_dtype(id, loop, k), &seed);
    add_result(&b, op(&b, id, loop, args));
    check_program(&b, compile(&b), &(run_case){.count = {1, 1037}, .seed = seed});
    builder_free(&b);
}

static void every_form_of_every_arity_is_used(void **state) {
    (void)state;
    static const nx_op ops[] = {NX_OP_negative, NX_OP_subtract, NX_OP_power, NX_OP_ldexp,
                                NX_OP_fma,      NX_OP_where,    NX_OP_clip};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        for (unsigned constants = 0; constants < 1u << nx_op_rows[ops[i]].arity; constants++) {
            check_form(ops[i], NEXPR_FLOAT64, constants, i);
            check_form(ops[i], NEXPR_FLOAT32, constants, i);
        }
    }
}

static void inputs_that_do_not_vary_are_scalars_too(void **state) {
    (void)state;
    static const layout_kind kinds[] = {LAYOUT_CONTIGUOUS, LAYOUT_SCALAR, LAYOUT_COLUMN, LAYOUT_SCALAR_SWAPPED,
                                        LAYOUT_COLUMN_SWAPPED};
    builder b;
    builder_init(&b);
    nx_ref x = input(&b, "a", NEXPR_FLOAT64), y = input(&b, "b", NEXPR_FLOAT64), z = input(&b, "c", NEXPR_FLOAT64);
    add_result(&b, op3(&b, NX_OP_fma, x, op2(&b, NX_OP_multiply, y, z), op2(&b, NX_OP_subtract, f64(&b, 1), z)));
    nx_vm_program *program = compile(&b);
    for (unsigned i = 0; i < 5 * 5 * 5; i++) {
        for (int cols = 3; cols <= 600; cols += 597) {
            check_program(&b, program,
                          &(run_case){.count = {5, cols}, .inputs = {kinds[i % 5], kinds[i / 5 % 5], kinds[i / 25]}});
        }
    }
    builder_free(&b);
}

/* ----------------------------------------------------------------------------------------------------- programs -- */

/* (a*b + a) - (a*b)*b: shared nodes. */
static nx_ref shared_nodes(builder *b, nx_ref x, nx_ref y) {
    nx_ref product = op2(b, NX_OP_multiply, x, y);
    return op2(b, NX_OP_subtract, op2(b, NX_OP_add, product, x), op2(b, NX_OP_multiply, product, y));
}

static const int64_t shapes[][2] = {{1, 1},   {1, 3},  {1, 3000}, {7, 1},   {9, 2},  {200, 3},
                                    {130, 7}, {33, 9}, {3, 1000}, {2, 129}, {6, 256}};
enum { SHAPES = sizeof shapes / sizeof *shapes };
static const int blocks[] = {0, 1, 7, 256, 5000};
enum { BLOCKS = sizeof blocks / sizeof *blocks };

static void every_layout_of_inputs_and_outputs(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    build_mixed(&b);
    nx_vm_program *program = compile(&b);
    uint64_t seed = 1;
    for (int i = 0; i < LAYOUT_COUNT * LAYOUT_COUNT; i++) {
        run_case c = {.inputs = {(layout_kind)(i % LAYOUT_COUNT), (layout_kind)(i / LAYOUT_COUNT)}, .seed = seed};
        c.inputs[2] = (layout_kind)(next_random(&seed) % LAYOUT_COUNT);
        c.inputs[3] = (layout_kind)(next_random(&seed) % LAYOUT_COUNT);
        c.outputs[0] = (layout_kind)(i % LAYOUT_BROADCAST);
        for (int k = 0; k < 3; k++) {
            memcpy(c.count, shapes[next_random(&seed) % SHAPES], sizeof c.count);
            c.block_items = blocks[next_random(&seed) % BLOCKS];
            c.non_temporal = next_random(&seed) % 4 == 0;
            check_program(&b, program, &c);
        }
    }
    builder_free(&b);
}

static void rows_of_every_short_length_and_every_block_size(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref x = input(&b, "a", NEXPR_FLOAT64), y = input(&b, "b", NEXPR_FLOAT64);
    add_result(&b, shared_nodes(&b, x, y));
    nx_vm_program *program = compile(&b);
    static const layout_kind seconds[] = {LAYOUT_CONTIGUOUS, LAYOUT_ROW, LAYOUT_COLUMN, LAYOUT_GAPS};
    for (int64_t cols = 1; cols <= 9; cols++) {
        for (int k = 0; k < BLOCKS * 4; k++) {
            check_program(&b, program, &(run_case){.count = {301, cols}, .inputs = {LAYOUT_CONTIGUOUS, seconds[k % 4]},
                                                   .outputs = {(layout_kind)(cols % 3)}, .block_items = blocks[k / 4]});
        }
    }
    builder_free(&b);
}

static void no_elements_write_nothing(void **state) {
    (void)state;
    static const int64_t empty[][2] = {{0, 5}, {5, 0}, {0, 0}, {1, 0}};
    builder b;
    builder_init(&b);
    build_mixed(&b);
    nx_vm_program *program = compile(&b);
    for (int i = 0; i < 4; i++) check_program(&b, program, &(run_case){.count = {empty[i][0], empty[i][1]}});
    builder_free(&b);
}

/* As operands of every phase, beside arrays of every layout, and as a result of their own. */
static void indices_are_counted_and_not_read(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref x = input(&b, "a", NEXPR_INT64), i = input_indices(&b, "i"), k = input_indices(&b, "k");
    add_result(&b, op2(&b, NX_OP_subtract, op2(&b, NX_OP_multiply, x, i), k));
    add_result(&b, k);
    nx_vm_program *program = compile(&b);
    uint64_t seed = 5;
    for (int c = 0; c < LAYOUT_COUNT * LAYOUT_COUNT; c++) {
        run_case run = {.inputs = {(layout_kind)(next_random(&seed) % LAYOUT_COUNT), (layout_kind)(c % LAYOUT_COUNT),
                                   (layout_kind)(c / LAYOUT_COUNT)},
                        .outputs = {(layout_kind)(c % LAYOUT_BROADCAST)}, .seed = seed};
        for (int n = 0; n < 3; n++) {
            memcpy(run.count, shapes[next_random(&seed) % SHAPES], sizeof run.count);
            run.block_items = blocks[next_random(&seed) % BLOCKS];
            run.piece[n % 2] = n ? 3 : 0;
            run.is_cold = next_random(&seed) % 2;
            check_program(&b, program, &run);
        }
    }
    builder_free(&b);
}

/* Panels of every size of item, whole and cut, and of one row; beside them operands that vary by row, by column and not at
 * all. */
static void panels_of_every_dtype(void **state) {
    (void)state;
    static const int64_t counts[][2] = {{2, 500}, {3, 20}, {40, 40}, {130, 37}, {140, 333}, {300, 70}, {257, 150}};
    static const int64_t pieces[][2] = {{0, 0}, {128, 0}, {50, 144}, {1, 0}, {0, 31}};
    static const layout_kind kinds[] = {LAYOUT_TRANSPOSED, LAYOUT_TRANSPOSED_DOWN, LAYOUT_TRANSPOSED_STRIDED,
                                        LAYOUT_ROW_STRIDED, LAYOUT_ROW_BACKWARDS};
    static const layout_kind others[] = {LAYOUT_CONTIGUOUS, LAYOUT_ROW,        LAYOUT_COLUMN_SWAPPED, LAYOUT_SCALAR,
                                         LAYOUT_STRIDED,    LAYOUT_TRANSPOSED, LAYOUT_ROW_BACKWARDS};
    uint64_t seed = 9;
    for (int i = 0; i < NEXPR_DTYPE_COUNT * 5 * 5; i++) {
        nexpr_dtype dtype = (nexpr_dtype)(i % NEXPR_DTYPE_COUNT);
        builder b;
        builder_init(&b);
        nx_ref x = input(&b, "a", dtype), y = input(&b, "b", NEXPR_FLOAT32);
        add_result(&b, x);
        add_result(&b, op2(&b, NX_OP_divide, op1(&b, NX_OP_sqrt, y), cast(&b, NEXPR_FLOAT32, op1(&b, NX_OP_isnan, y))));
        run_case c = {.inputs = {kinds[i / NEXPR_DTYPE_COUNT % 5], others[next_random(&seed) % 7]}, .seed = seed};
        for (int k = 0; k < 2; k++) c.outputs[k] = (layout_kind)(next_random(&seed) % LAYOUT_BROADCAST);
        c.block_items = next_random(&seed) % 4 ? 0 : blocks[next_random(&seed) % BLOCKS];
        c.non_temporal = i % 2;
        memcpy(c.count, counts[next_random(&seed) % 7], sizeof c.count);
        memcpy(c.piece, pieces[next_random(&seed) % 5], sizeof c.piece);
        check_program(&b, compile(&b), &c);
        builder_free(&b);
    }
}

static void any_rectangles_tile_the_whole(void **state) {
    (void)state;
    static const int64_t pieces[][2] = {{1, 1}, {2, 0}, {0, 2}, {3, 5}, {7, 100}, {50, 700}};
    builder b;
    builder_init(&b);
    build_mixed(&b);
    nx_vm_program *program = compile(&b);
    for (int i = 0; i < 6 * LAYOUT_COUNT; i++) {
        run_case c = {.inputs = {(layout_kind)(i / 6), LAYOUT_ROW, LAYOUT_COLUMN, LAYOUT_STRIDED},
                      .piece = {pieces[i % 6][0], pieces[i % 6][1]},
                      .outputs = {(layout_kind)(i / 6 % LAYOUT_BROADCAST)}};
        for (int k = 0; k < SHAPES; k++) {
            memcpy(c.count, shapes[k], sizeof c.count);
            if (c.count[0] * c.count[1] < 1000 || pieces[i % 6][0] != 1) check_program(&b, program, &c);
        }
    }
    builder_free(&b);
}

/* ------------------------------------------------------------------------------------------------------ results -- */

static void constants_alone_fill_their_outputs(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    add_result(&b, f64(&b, 1.25));
    add_result(&b, op2(&b, NX_OP_add, f64(&b, 1), f64(&b, 2)));
    add_result(&b, f64(&b, -__builtin_nan("5")));
    add_result(&b, constant(&b, NEXPR_COMPLEX64, (nx_value){.c64 = {1, 2}}));
    nx_vm_program *program = compile(&b);
    for (int i = 0; i < SHAPES * LAYOUT_BROADCAST; i++) {
        layout_kind kind = (layout_kind)(i / SHAPES);
        check_program(&b, program,
                      &(run_case){.count = {shapes[i % SHAPES][0], shapes[i % SHAPES][1]},
                                  .outputs = {kind, kind, kind, kind},
                                  .non_temporal = i % 2});
    }
    builder_free(&b);
}

static void bare_inputs_are_copied_in_canonical_form(void **state) {
    (void)state;
    for (int dtype = 0; dtype < NEXPR_DTYPE_COUNT; dtype++) {
        builder b;
        builder_init(&b);
        add_result(&b, input(&b, "a", (nexpr_dtype)dtype));
        nx_vm_program *program = compile(&b);
        for (int i = 0; i < LAYOUT_COUNT * LAYOUT_BROADCAST; i++) {
            check_program(&b, program,
                          &(run_case){.count = {4 + 40 * (i % 2), i % 2 ? 3 : 700},
                                      .inputs = {(layout_kind)(i % LAYOUT_COUNT)},
                                      .outputs = {(layout_kind)(i / LAYOUT_COUNT)},
                                      .non_temporal = i % 5 == 0});
        }
        builder_free(&b);
    }
}

static void several_results_share_nodes_and_one_node_is_several_results(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref x = input(&b, "a", NEXPR_FLOAT64), y = input(&b, "b", NEXPR_FLOAT64);
    nx_ref sum = op2(&b, NX_OP_add, x, y), shared = shared_nodes(&b, sum, x), last = op1(&b, NX_OP_negative, shared);
    const nx_ref results[] = {shared, sum, shared, x, last, shared, f64(&b, 3), op1(&b, NX_OP_negative, y)};
    for (int i = 0; i < 8; i++) add_result(&b, results[i]);
    nx_vm_program *program = compile(&b);
    uint64_t seed = 4;
    for (int i = 0; i < 600; i++) {
        run_case c = {
            .seed = seed, .has_output_dtypes = i % 2, .non_temporal = i % 3 == 0, .block_items = blocks[i % BLOCKS]};
        memcpy(c.count, shapes[i % SHAPES], sizeof c.count);
        for (int k = 0; k < 2; k++) c.inputs[k] = (layout_kind)(next_random(&seed) % LAYOUT_COUNT);
        for (int k = 0; k < 8; k++) {
            c.outputs[k] = (layout_kind)(next_random(&seed) % LAYOUT_BROADCAST);
            c.output_dtypes[k] = next_random(&seed) % 2 ? NEXPR_FLOAT32 : NEXPR_FLOAT64;
        }
        check_program(&b, program, &c);
    }
    builder_free(&b);
}

static void outputs_of_another_dtype_are_cast_once(void **state) {
    (void)state;
    for (int from = 0; from < NEXPR_DTYPE_COUNT; from++) {
        builder b;
        builder_init(&b);
        nx_ref x = input(&b, "a", (nexpr_dtype)from);
        nx_ref node = nx_op_has_kernel(NX_OP_maximum, (nexpr_dtype)from) ? op2(&b, NX_OP_maximum, x, x) : x;
        add_result(&b, node);
        nx_vm_program *program = compile(&b);
        for (int to = 0; to < NEXPR_DTYPE_COUNT; to++) {
            if (!nexpr_dtype_can_cast((nexpr_dtype)from, (nexpr_dtype)to)) continue;
            for (int i = 0; i < LAYOUT_BROADCAST; i++) {
                check_program(&b, program,
                              &(run_case){.count = {1 + 30 * (i % 2), i % 2 ? 5 : 1500},
                                          .has_output_dtypes = true,
                                          .output_dtypes = {(nexpr_dtype)to},
                                          .outputs = {(layout_kind)i},
                                          .non_temporal = i % 3 == 0});
            }
        }
        builder_free(&b);
    }
}

static void an_output_may_be_exactly_an_input(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref x = input(&b, "a", NEXPR_FLOAT64), y = input(&b, "b", NEXPR_FLOAT64);
    add_result(&b, op2(&b, NX_OP_subtract, op2(&b, NX_OP_multiply, shared_nodes(&b, x, y), y), x));
    nx_vm_program *program = compile(&b);
    for (int i = 0; i < LAYOUT_BROADCAST * SHAPES * 2 * BLOCKS; i++) {
        int which = i / LAYOUT_BROADCAST / SHAPES % 2;
        layout_kind kind = (layout_kind)(i % LAYOUT_BROADCAST);
        const int64_t *count = shapes[i / LAYOUT_BROADCAST % SHAPES];
        run_case c = {.count = {count[0], count[1]}, .block_items = blocks[i / LAYOUT_BROADCAST / SHAPES / 2]};
        array in[2], copy[2], out = array_new(NEXPR_FLOAT64, kind, count);
        for (int k = 0; k < 2; k++) {
            uint64_t seed = 77 + (uint64_t)k, again = seed;
            in[k] = array_new(NEXPR_FLOAT64, kind, count);
            copy[k] = array_new(NEXPR_FLOAT64, kind, count);
            array_fill(&in[k], &seed);
            array_fill(&copy[k], &again);
        }
        run_program(program, &b.ir, &c, copy, &out);
        run_program(program, &b.ir, &c, in, &in[which]);
        assert_memory_equal(in[which].memory, out.memory, out.bytes);
        assert_memory_equal(in[!which].memory, copy[!which].memory, out.bytes);
        for (int k = 0; k < 2; k++) array_free(&in[k]), array_free(&copy[k]);
        array_free(&out);
    }
    builder_free(&b);
}

/* ------------------------------------------------------------------------------------------------ large programs -- */

static void a_chain_of_20000_operations(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref a = input(&b, "a", NEXPR_FLOAT64), c = input(&b, "b", NEXPR_FLOAT64), x = a;
    for (int i = 0; i < 20000; i++) x = op2(&b, i % 3 ? NX_OP_add : NX_OP_subtract, x, i % 7 ? c : f64(&b, i));
    add_result(&b, x);
    nx_vm_program *program = compile(&b);
    check_program(&b, program, &(run_case){.count = {1, 5}});
    check_program(&b, program, &(run_case){.count = {4, 3}, .inputs = {LAYOUT_STRIDED, LAYOUT_SWAPPED}});
    check_program(&b, program, &(run_case){.count = {4, 3}, .inputs = {LAYOUT_SCALAR, LAYOUT_SCALAR}});
    builder_free(&b);
}

static void wide_expressions_keep_all_their_values(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref x[200], a = input(&b, "a", NEXPR_FLOAT64), s = input(&b, "s", NEXPR_FLOAT32);
    for (int i = 0; i < 200; i++) {
        x[i] = i % 2 ? op2(&b, NX_OP_multiply, a, f64(&b, i)) : cast(&b, NEXPR_FLOAT64, op1(&b, NX_OP_negative, s));
    }
    nx_ref sum = x[0];
    for (int i = 199; i > 0; i--) sum = op2(&b, NX_OP_subtract, x[i], sum);
    add_result(&b, sum);
    nx_vm_program *program = compile(&b);
    for (int i = 0; i < LAYOUT_COUNT; i++) {
        check_program(&b, program,
                      &(run_case){.count = {3, 600}, .inputs = {(layout_kind)i, (layout_kind)((i + 5) % LAYOUT_COUNT)}});
        check_program(&b, program,
                      &(run_case){.count = {90, 4}, .inputs = {(layout_kind)i, (layout_kind)((i + 5) % LAYOUT_COUNT)}});
    }
    builder_free(&b);
}

/* --------------------------------------------------------------------------------------------- random programs -- */

enum { RANDOM_INPUTS = 5 };

/* A node of this dtype: one that is there, or a cast of one. */
static nx_ref find_node(builder *b, nexpr_dtype dtype, uint64_t *seed) {
    for (int tries = 0; tries < 40; tries++) {
        nx_ref x = (nx_ref)(next_random(seed) % b->ir.node_count);
        nexpr_dtype from = (nexpr_dtype)b->ir.nodes[x].dtype;
        if (from == dtype) return x;
        if (tries > 4 && nx_vm_cast_kernel(nx_isa_current(), from, dtype)) return cast(b, dtype, x);
    }
    return constant(b, dtype, random_value(dtype, seed));
}

static void add_random_node(builder *b, uint64_t *seed) {
    nx_op id = (nx_op)(next_random(seed) % NX_OP_COUNT);
    nexpr_dtype loop = (nexpr_dtype)(next_random(seed) % NEXPR_DTYPE_COUNT);
    if (!nx_op_has_kernel(id, loop)) return;
    nx_ref args[NX_MAX_ARITY];
    for (int k = 0; k < nx_op_rows[id].arity; k++) args[k] = find_node(b, nx_op_arg_dtype(id, loop, k), seed);
    op(b, id, loop, args);
}

static void check_random_program(uint64_t seed) {
    static const char *const names[RANDOM_INPUTS] = {"a", "b", "c", "d", "e"};
    builder b;
    builder_init(&b);
    run_case c = {.seed = seed, .has_output_dtypes = true, .non_temporal = next_random(&seed) % 8 == 0};
    for (int k = 0; k < RANDOM_INPUTS; k++) {
        input(&b, names[k], (nexpr_dtype)(next_random(&seed) % NEXPR_DTYPE_COUNT));
        c.inputs[k] = next_random(&seed) % 2 ? LAYOUT_CONTIGUOUS : (layout_kind)(next_random(&seed) % LAYOUT_COUNT);
    }
    for (uint64_t n = 5 + next_random(&seed) % 40; n-- > 0;) add_random_node(&b, &seed);
    for (uint64_t r = 0, n = 1 + next_random(&seed) % 3; r < n; r++) {
        nx_ref node = b.ir.node_count - 1 - (nx_ref)(next_random(&seed) % (r ? b.ir.node_count : 3));
        nexpr_dtype from = (nexpr_dtype)b.ir.nodes[node].dtype, to = (nexpr_dtype)(next_random(&seed) % NEXPR_DTYPE_COUNT);
        add_result(&b, node);
        c.output_dtypes[r] = next_random(&seed) % 4 == 0 && nexpr_dtype_can_cast(from, to) ? to : from;
        c.outputs[r] = next_random(&seed) % 2 ? LAYOUT_CONTIGUOUS : (layout_kind)(next_random(&seed) % LAYOUT_BROADCAST);
    }
    memcpy(c.count, shapes[next_random(&seed) % SHAPES], sizeof c.count);
    c.block_items = blocks[next_random(&seed) % BLOCKS];
    if (next_random(&seed) % 4 == 0)
        c.piece[0] = 1 + (int64_t)(next_random(&seed) % 4), c.piece[1] = 1 + (int64_t)(next_random(&seed) % 300);
    check_program(&b, compile(&b), &c);
    builder_free(&b);
}

static void random_programs_over_the_whole_table(void **state) {
    (void)state;
    const char *count = getenv("NEXPR_TEST_PROGRAMS");
    for (long i = 0, n = count ? atol(count) : 1500; i < n; i++) check_random_program((uint64_t)i * 1000003);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_every_arity_is_used),
        cmocka_unit_test(inputs_that_do_not_vary_are_scalars_too),
        cmocka_unit_test(every_layout_of_inputs_and_outputs),
        cmocka_unit_test(rows_of_every_short_length_and_every_block_size),
        cmocka_unit_test(no_elements_write_nothing),
        cmocka_unit_test(indices_are_counted_and_not_read),
        cmocka_unit_test(panels_of_every_dtype),
        cmocka_unit_test(any_rectangles_tile_the_whole),
        cmocka_unit_test(constants_alone_fill_their_outputs),
        cmocka_unit_test(bare_inputs_are_copied_in_canonical_form),
        cmocka_unit_test(several_results_share_nodes_and_one_node_is_several_results),
        cmocka_unit_test(outputs_of_another_dtype_are_cast_once),
        cmocka_unit_test(an_output_may_be_exactly_an_input),
        cmocka_unit_test(a_chain_of_20000_operations),
        cmocka_unit_test(wide_expressions_keep_all_their_values),
        cmocka_unit_test(random_programs_over_the_whole_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
