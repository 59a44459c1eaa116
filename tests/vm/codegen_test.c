/* SPDX-License-Identifier: MIT */
/* The bytecode that comes of IR, seen through its listing. */
#include "fixture.h"

#include "vm/program.h"

static void assert_listing(builder *b, const char *expected) {
    char text[2048];
    nx_vm_program *program = compile(b);
    assert_int_equal(nx_vm_listing(program, text, sizeof text), strlen(expected));
    assert_string_equal(text, expected);
}

static void one_instruction_a_node_and_registers_are_reused(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref x = op2(&b, NX_OP_multiply, f64(&b, 2), input(&b, "a", NEXPR_FLOAT64));
    nx_ref y = op2(&b, NX_OP_multiply, f64(&b, 4.5), input(&b, "b", NEXPR_FLOAT64));
    add_result(&b, op2(&b, NX_OP_subtract, x, y));
    assert_listing(&b, "r0 = multiply_f64 2.0, a\n"
                       "r1 = multiply_f64 4.5, b\n"
                       "r0 = subtract_f64 r0, r1\n"
                       "return r0\n");
    builder_free(&b);
}

static void a_register_is_overwritten_only_by_items_of_its_size(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref x = op1(&b, NX_OP_square, input(&b, "a", NEXPR_FLOAT32));
    nx_ref wide = cast(&b, NEXPR_FLOAT64, x);
    nx_ref test = op2(&b, NX_OP_less, wide, f64(&b, 1));
    add_result(&b, op3(&b, NX_OP_where, test, wide, f64(&b, -1)));
    assert_listing(&b, "r0 = square_f32 a\n"
                       "r1 = float64_f32 r0\n"
                       "r0 = less_f64 r1, 1.0\n"
                       "r1 = where_f64 r0, r1, -1.0\n"
                       "return r1\n");
    builder_free(&b);
}

static void a_value_read_twice_by_one_instruction_dies_once(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref x = op1(&b, NX_OP_negative, input(&b, "a", NEXPR_FLOAT64));
    nx_ref y = op2(&b, NX_OP_multiply, x, x);
    nx_ref z = op1(&b, NX_OP_negative, input(&b, "b", NEXPR_FLOAT64));
    add_result(&b, op3(&b, NX_OP_fma, y, z, z));
    assert_listing(&b, "r0 = negative_f64 a\n"
                       "r0 = multiply_f64 r0, r0\n"
                       "r1 = negative_f64 b\n"
                       "r0 = fma_f64 r0, r1, r1\n"
                       "return r0\n");
    builder_free(&b);
}

static void what_no_result_needs_is_dropped(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref a = input(&b, "a", NEXPR_FLOAT64), unused = input(&b, "unused", NEXPR_FLOAT64);
    op2(&b, NX_OP_add, op1(&b, NX_OP_negative, unused), f64(&b, 7));
    add_result(&b, op1(&b, NX_OP_negative, a));
    assert_listing(&b, "r0 = negative_f64 a\nreturn r0\n");
    nx_vm_program *program = compile(&b);
    assert_int_equal(program->input_count, 1);
    assert_int_equal(program->constant_count, 0);
    builder_free(&b);
}

static void results_may_be_anything_and_keep_their_registers(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref a = input(&b, "a", NEXPR_FLOAT64);
    nx_ref x = op1(&b, NX_OP_negative, a);
    nx_ref y = op1(&b, NX_OP_square, x);
    const nx_ref results[] = {y, a, x, f64(&b, 3), x};
    for (int i = 0; i < 5; i++) add_result(&b, results[i]);
    b.ir.results[2].name = "total";
    b.ir.results[4].name = "r2";
    assert_listing(&b, "r0 = negative_f64 a\n"
                       "r1 = square_f64 r0\n"
                       "return r1, a, total = r0, 3.0, `r2` = r0\n");
    nx_vm_program *program = compile(&b);
    assert_int_equal(program->code[0].result, 2);
    assert_int_equal(program->results[2].next, 4);
    assert_int_equal(program->results[4].next, NX_VM_NONE);
    builder_free(&b);
}

static void long_chains_need_one_register_and_no_stack(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref a = input(&b, "a", NEXPR_FLOAT64), x = a;
    for (int i = 0; i < 99998; i++) x = op2(&b, NX_OP_add, x, a);
    add_result(&b, x);
    nx_vm_program *program = compile(&b);
    assert_int_equal(program->code_count, 99998);
    assert_int_equal(program->register_count, 1);
    builder_free(&b);
}

static void values_that_wait_for_each_other_need_registers_of_their_own(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref a = input(&b, "a", NEXPR_FLOAT64), waiting[50000];
    for (int i = 0; i < 50000; i++) waiting[i] = op2(&b, NX_OP_add, a, f64(&b, i));
    nx_ref sum = waiting[0];
    for (int i = 1; i < 50000; i++) sum = op2(&b, NX_OP_add, sum, waiting[i]);
    add_result(&b, sum);
    assert_int_equal(compile(&b)->register_count, 50000);
    builder_free(&b);
}

static int allocations_left;

static void *allocate_some(void *user, size_t bytes) {
    (void)user;
    return allocations_left-- > 0 ? test_malloc(bytes) : NULL;
}

static void release(void *user, void *memory, size_t bytes) {
    (void)user, (void)bytes;
    test_free(memory);
}

static void every_failed_allocation_is_reported(void **state) {
    (void)state;
    builder b;
    builder_init(&b);
    nx_ref x = input(&b, "a", NEXPR_FLOAT64);
    for (int i = 0; i < 3000; i++) x = op2(&b, NX_OP_add, x, f64(&b, i));
    add_result(&b, x);
    const nexpr_allocator allocator = {sizeof allocator, NULL, allocate_some, release};
    int failures = 0;
    for (int n = 0;; n++, failures++) {
        nx_arena arena;
        nx_arena_init(&arena, &allocator);
        nx_ir ir = b.ir;
        ir.arena = &arena;
        allocations_left = n;
        nx_vm_program *program = NULL;
        nexpr_error err = nexpr_error_init();
        nexpr_status status = nx_vm_compile(&ir, &program, &err);
        nx_arena_free(&arena);
        if (!status) break;
        assert_int_equal(status, NEXPR_MEMORY);
        assert_int_equal(err.status, NEXPR_MEMORY);
        assert_null(program);
    }
    assert_true(failures >= 2);
    builder_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_instruction_a_node_and_registers_are_reused),
        cmocka_unit_test(a_register_is_overwritten_only_by_items_of_its_size),
        cmocka_unit_test(a_value_read_twice_by_one_instruction_dies_once),
        cmocka_unit_test(what_no_result_needs_is_dropped),
        cmocka_unit_test(results_may_be_anything_and_keep_their_registers),
        cmocka_unit_test(long_chains_need_one_register_and_no_stack),
        cmocka_unit_test(values_that_wait_for_each_other_need_registers_of_their_own),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
