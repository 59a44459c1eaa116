/* SPDX-License-Identifier: MIT */
/* How large blocks are, and what they follow from. */
#include "fixture.h"

static bool is_cold, has_segments;

static int items_of_block(nexpr_dtype dtype, int registers, int64_t rows, int64_t cols, int wanted) {
    builder b;
    builder_init(&b);
    nx_ref x[64], a = input(&b, "a", dtype);
    for (int i = 0; i < registers; i++) x[i] = op1(&b, NX_OP_negative, a);
    for (int i = registers - 1; i > 0; i--) x[i - 1] = op2(&b, NX_OP_add, x[i - 1], x[i]);
    add_result(&b, x[0]);
    int64_t size = (int64_t)nexpr_dtype_size(dtype);
    nx_vm_operand operand = {.dtype = dtype, .aligned = true, .stride = {cols * size, size}};
    nx_vm_code *code = NULL;
    const nx_vm_layout layout = {{rows, cols}, &operand, &operand, wanted, is_cold, has_segments};
    assert_int_equal(nx_vm_link(compile(&b), NULL, &layout, &code, NULL), NEXPR_OK);
    int items = nx_vm_block_items(code);
    assert_true(nx_vm_scratch_bytes(code) < 2 * 4096 + (size_t)(registers + 1) * ((size_t)items * (size_t)size + 64));
    nx_vm_code_free(NULL, code);
    builder_free(&b);
    return items;
}

static void a_block_is_a_register_of_4_KiB(void **state) {
    (void)state;
    assert_int_equal(items_of_block(NEXPR_FLOAT64, 1, 1, 1 << 20, 0), 512);
    assert_int_equal(items_of_block(NEXPR_COMPLEX128, 1, 1, 1 << 20, 0), 256);
    assert_int_equal(items_of_block(NEXPR_FLOAT32, 1, 1, 1 << 20, 0), 1024);
    assert_int_equal(items_of_block(NEXPR_INT8, 1, 1, 1 << 20, 0), 4096);
}

static void operands_in_memory_make_it_shorter(void **state) {
    (void)state;
    is_cold = true;
    assert_int_equal(items_of_block(NEXPR_FLOAT64, 1, 1, 1 << 20, 0), 128);
    assert_int_equal(items_of_block(NEXPR_COMPLEX128, 1, 1, 1 << 20, 0), 64);
    assert_int_equal(items_of_block(NEXPR_FLOAT64, 9, 1, 1 << 20, 0), 256);
    is_cold = false;
}

static void tiles_for_segments_are_longer(void **state) {
    (void)state;
    is_cold = true;
    assert_int_equal(items_of_block(NEXPR_FLOAT64, 1, 1 << 20, 3, 0), 126);
    has_segments = true;
    assert_int_equal(items_of_block(NEXPR_FLOAT64, 1, 1 << 20, 3, 0), 1023);
    assert_int_equal(items_of_block(NEXPR_FLOAT64, 20, 1 << 20, 3, 0), 255);
    is_cold = has_segments = false;
}

/* The sum of so many inputs, all in memory. */
static int items_of_sum_of_inputs(int inputs) {
    builder b;
    builder_init(&b);
    enum { MOST = 20 };
    char names[MOST][2] = {{0}};
    nx_vm_operand operands[MOST];
    assert_true(inputs <= MOST);
    nx_ref sum = {0};
    for (int i = 0; i < inputs; i++) {
        names[i][0] = (char)('a' + i);
        const nx_ref x = input(&b, names[i], NEXPR_FLOAT64);
        sum = i ? op2(&b, NX_OP_add, sum, x) : x;
        operands[i] = (nx_vm_operand){.dtype = NEXPR_FLOAT64, .aligned = true, .stride = {8 << 20, 8}};
    }
    add_result(&b, sum);
    nx_vm_code *code = NULL;
    const nx_vm_layout layout = {.count = {1, 1 << 20}, .inputs = operands, .outputs = operands, .is_cold = true};
    assert_int_equal(nx_vm_link(compile(&b), NULL, &layout, &code, NULL), NEXPR_OK);
    const int items = nx_vm_block_items(code);
    nx_vm_code_free(NULL, code);
    builder_free(&b);
    return items;
}

static void many_inputs_make_it_longer_again(void **state) {
    (void)state;
    assert_int_equal(items_of_sum_of_inputs(4), 128);
    assert_int_equal(items_of_sum_of_inputs(5), 256);
    assert_int_equal(items_of_sum_of_inputs(16), 256);
    assert_int_equal(items_of_sum_of_inputs(17), 8192);
}

static void many_live_registers_make_it_shorter(void **state) {
    (void)state;
    assert_int_equal(items_of_block(NEXPR_FLOAT64, 30, 1, 1 << 20, 0), 256);
    assert_int_equal(items_of_block(NEXPR_INT8, 30, 1, 1 << 20, 0), 512);
    assert_int_equal(items_of_block(NEXPR_INT8, 60, 1, 1 << 20, 0), 256);
}

static void inputs_that_are_read_again_count_too(void **state) {
    (void)state;
    /* A chain of negatives and the sum: `registers` values live, and one input, which is read that often. */
    assert_int_equal(items_of_block(NEXPR_FLOAT64, 3, 1, 1 << 20, 0), 512);
    assert_int_equal(items_of_block(NEXPR_FLOAT64, 4, 1, 1 << 20, 0), 256);
}

static void blocks_fit_the_rows(void **state) {
    (void)state;
    assert_int_equal(items_of_block(NEXPR_FLOAT64, 1, 1, 1, 0), 1);
    assert_int_equal(items_of_block(NEXPR_FLOAT64, 1, 10, 1000, 0), 512);
    assert_int_equal(items_of_block(NEXPR_FLOAT64, 1, 10, 520, 0), 320);
    assert_int_equal(items_of_block(NEXPR_FLOAT64, 1, 1000, 100, 0), 500);
    assert_int_equal(items_of_block(NEXPR_FLOAT64, 1, 2, 3, 0), 6);
    assert_int_equal(items_of_block(NEXPR_FLOAT64, 1, 1, 1 << 20, 7), 7);
    assert_int_equal(items_of_block(NEXPR_FLOAT64, 1, 1 << 20, 3, 1000), 999);
}

/* Of a + b with 500 rows of `cols` items, b and the output having these strides. */
static int items_of_sum(int64_t cols, int64_t stride0, int64_t stride1, int64_t out_stride0) {
    builder b;
    builder_init(&b);
    add_result(&b, op2(&b, NX_OP_add, input(&b, "a", NEXPR_FLOAT64), input(&b, "b", NEXPR_FLOAT64)));
    const nx_vm_operand in[2] = {{.dtype = NEXPR_FLOAT64, .aligned = true, .stride = {cols * 8, 8}},
                                 {.dtype = NEXPR_FLOAT64, .aligned = true, .stride = {stride0, stride1}}};
    const nx_vm_operand out = {.dtype = NEXPR_FLOAT64, .aligned = true, .stride = {out_stride0, 8}};
    nx_vm_code *code = NULL;
    assert_int_equal(nx_vm_link(compile(&b), NULL, &(nx_vm_layout){{500, cols}, in, &out, 0}, &code, NULL), NEXPR_OK);
    int items = nx_vm_block_items(code);
    nx_vm_code_free(NULL, code);
    builder_free(&b);
    return items;
}

static void rows_are_tiled_unless_that_means_a_copy_that_long_rows_do_not_need(void **state) {
    (void)state;
    assert_int_equal(items_of_sum(100, 800, 8, 800), 500);
    assert_int_equal(items_of_sum(100, 0, 8, 800), 500);
    assert_int_equal(items_of_sum(100, 1600, 16, 800), 500);
    assert_int_equal(items_of_sum(100, 8, 0, 800), 100);
    assert_int_equal(items_of_sum(100, 808, 8, 800), 100);
    assert_int_equal(items_of_sum(100, 800, 8, 808), 100);
    assert_int_equal(items_of_sum(63, 8, 0, 504), 504);
    assert_int_equal(items_of_sum(64, 8, 0, 512), 64);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_a_register_of_4_KiB),
        cmocka_unit_test(operands_in_memory_make_it_shorter),
        cmocka_unit_test(tiles_for_segments_are_longer),
        cmocka_unit_test(many_inputs_make_it_longer_again),
        cmocka_unit_test(many_live_registers_make_it_shorter),
        cmocka_unit_test(inputs_that_are_read_again_count_too),
        cmocka_unit_test(blocks_fit_the_rows),
        cmocka_unit_test(rows_are_tiled_unless_that_means_a_copy_that_long_rows_do_not_need),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
