/* SPDX-License-Identifier: MIT */
/* One node on constants: the reference of the other tests, so here it is held against known values. */
#include "fixture.h"

static nx_value evaluate_op(nx_op id, nexpr_dtype loop, const nx_value *args) {
    nx_node node = {.kind = NX_NODE_OP, .op = (uint16_t)id, .loop = (uint8_t)loop, .arity = nx_op_rows[id].arity,
                    .dtype = (uint8_t)nx_op_result_dtype(id, loop)};
    nx_value r = {.bits = {~0u, ~0u}};
    nx_vm_evaluate(&node, args, &r);
    return r;
}

static void assert_value(nx_value got, nx_value expected) {
    assert_int_equal(got.bits[0], expected.bits[0]);
    assert_int_equal(got.bits[1], expected.bits[1]);
}

static void ops_of_every_sort_are_evaluated(void **state) {
    (void)state;
    assert_value(evaluate_op(NX_OP_subtract, NEXPR_FLOAT64, (nx_value[]){{.f64 = 1}, {.f64 = 2.5}}), (nx_value){.f64 = -1.5});
    assert_value(evaluate_op(NX_OP_sqrt, NEXPR_FLOAT32, &(nx_value){.f32 = 2.25f}), (nx_value){.f32 = 1.5f});
    assert_value(evaluate_op(NX_OP_fma, NEXPR_FLOAT64, (nx_value[]){{.f64 = 2}, {.f64 = 3}, {.f64 = 4}}), (nx_value){.f64 = 10});
    assert_value(evaluate_op(NX_OP_where, NEXPR_INT16, (nx_value[]){{.b = 0}, {.i16 = 3}, {.i16 = -4}}), (nx_value){.i16 = -4});
    assert_value(evaluate_op(NX_OP_less, NEXPR_INT8, (nx_value[]){{.i8 = -1}, {.i8 = 1}}), (nx_value){.b = 1});
    assert_value(evaluate_op(NX_OP_add, NEXPR_UINT8, (nx_value[]){{.u8 = 200}, {.u8 = 100}}), (nx_value){.u8 = 44});
    assert_value(evaluate_op(NX_OP_complex, NEXPR_COMPLEX128, (nx_value[]){{.f64 = 1}, {.f64 = 2}}), (nx_value){.c128 = {1, 2}});
    assert_value(evaluate_op(NX_OP_conjugate, NEXPR_COMPLEX64, &(nx_value){.c64 = {1, 2}}), (nx_value){.c64 = {1, -2}});
}

static void bytes_beyond_the_element_are_zero(void **state) {
    (void)state;
    nx_value args[2] = {{.bits = {~(uint64_t)0, ~(uint64_t)0}}, {.bits = {~(uint64_t)0, ~(uint64_t)0}}};
    nx_value r = evaluate_op(NX_OP_add, NEXPR_INT8, args);
    assert_value(r, (nx_value){.i8 = -2});
}

static void the_result_may_replace_an_operand(void **state) {
    (void)state;
    nx_value v = {.f64 = 3};
    nx_node node = {.kind = NX_NODE_OP, .op = NX_OP_negative, .loop = NEXPR_FLOAT64, .dtype = NEXPR_FLOAT64, .arity = 1};
    nx_vm_evaluate(&node, &v, &v);
    assert_value(v, (nx_value){.f64 = -3});
}

static void casts_are_evaluated(void **state) {
    (void)state;
    assert_value(reference_cast(NEXPR_INT32, NEXPR_FLOAT64, (nx_value){.i32 = -7}), (nx_value){.f64 = -7});
    assert_value(reference_cast(NEXPR_FLOAT64, NEXPR_INT8, (nx_value){.f64 = 1e9}), (nx_value){.i8 = 127});
    assert_value(reference_cast(NEXPR_FLOAT64, NEXPR_FLOAT16, (nx_value){.f64 = 1}), (nx_value){.f16 = 0x3C00});
    assert_value(reference_cast(NEXPR_FLOAT32, NEXPR_COMPLEX128, (nx_value){.f32 = 2}), (nx_value){.c128 = {2, 0}});
    assert_value(reference_cast(NEXPR_BOOL, NEXPR_BOOL, (nx_value){.b = 200}), (nx_value){.b = 1});
    assert_value(reference_cast(NEXPR_FLOAT64, NEXPR_FLOAT64, (nx_value){.bits = {0xFFF8000000000123u}}),
                 (nx_value){.bits = {0x7FF8000000000000u}});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ops_of_every_sort_are_evaluated),
        cmocka_unit_test(bytes_beyond_the_element_are_zero),
        cmocka_unit_test(the_result_may_replace_an_operand),
        cmocka_unit_test(casts_are_evaluated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
