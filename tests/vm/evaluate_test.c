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

/* The element, and zeros beyond it. (An initialiser need not clear the bytes of a union beyond the member it names.) */
static void assert_element(nx_value got, const void *expected, size_t size) {
    static const char zeros[sizeof got] = {0};
    assert_memory_equal(&got, expected, size);
    assert_memory_equal((const char *)&got + size, zeros, sizeof got - size);
}

#define ASSERT_ELEMENT(got, type, ...) assert_element(got, (type[]){__VA_ARGS__}, sizeof((type[]){__VA_ARGS__}))

static void ops_of_every_sort_are_evaluated(void **state) {
    (void)state;
    ASSERT_ELEMENT(evaluate_op(NX_OP_subtract, NEXPR_FLOAT64, (nx_value[]){{.f64 = 1}, {.f64 = 2.5}}), double, -1.5);
    ASSERT_ELEMENT(evaluate_op(NX_OP_sqrt, NEXPR_FLOAT32, &(nx_value){.f32 = 2.25f}), float, 1.5f);
    ASSERT_ELEMENT(evaluate_op(NX_OP_fma, NEXPR_FLOAT64, (nx_value[]){{.f64 = 2}, {.f64 = 3}, {.f64 = 4}}), double, 10);
    ASSERT_ELEMENT(evaluate_op(NX_OP_where, NEXPR_INT16, (nx_value[]){{.b = 0}, {.i16 = 3}, {.i16 = -4}}), int16_t, -4);
    ASSERT_ELEMENT(evaluate_op(NX_OP_less, NEXPR_INT8, (nx_value[]){{.i8 = -1}, {.i8 = 1}}), uint8_t, 1);
    ASSERT_ELEMENT(evaluate_op(NX_OP_add, NEXPR_UINT8, (nx_value[]){{.u8 = 200}, {.u8 = 100}}), uint8_t, 44);
    ASSERT_ELEMENT(evaluate_op(NX_OP_complex, NEXPR_COMPLEX128, (nx_value[]){{.f64 = 1}, {.f64 = 2}}), double, 1, 2);
    ASSERT_ELEMENT(evaluate_op(NX_OP_conjugate, NEXPR_COMPLEX64, &(nx_value){.c64 = {1, 2}}), float, 1, -2);
}

static void bytes_beyond_the_element_are_zero(void **state) {
    (void)state;
    nx_value args[2] = {{.bits = {~(uint64_t)0, ~(uint64_t)0}}, {.bits = {~(uint64_t)0, ~(uint64_t)0}}};
    nx_value r = evaluate_op(NX_OP_add, NEXPR_INT8, args);
    ASSERT_ELEMENT(r, int8_t, -2);
}

static void the_result_may_replace_an_operand(void **state) {
    (void)state;
    nx_value v = {.f64 = 3};
    nx_node node = {.kind = NX_NODE_OP, .op = NX_OP_negative, .loop = NEXPR_FLOAT64, .dtype = NEXPR_FLOAT64, .arity = 1};
    nx_vm_evaluate(&node, &v, &v);
    ASSERT_ELEMENT(v, double, -3);
}

static void casts_are_evaluated(void **state) {
    (void)state;
    ASSERT_ELEMENT(reference_cast(NEXPR_INT32, NEXPR_FLOAT64, (nx_value){.i32 = -7}), double, -7);
    ASSERT_ELEMENT(reference_cast(NEXPR_FLOAT64, NEXPR_INT8, (nx_value){.f64 = 1e9}), int8_t, 127);
    ASSERT_ELEMENT(reference_cast(NEXPR_FLOAT64, NEXPR_FLOAT16, (nx_value){.f64 = 1}), uint16_t, 0x3C00);
    ASSERT_ELEMENT(reference_cast(NEXPR_FLOAT32, NEXPR_COMPLEX128, (nx_value){.f32 = 2}), double, 2, 0);
    ASSERT_ELEMENT(reference_cast(NEXPR_BOOL, NEXPR_BOOL, (nx_value){.b = 200}), uint8_t, 1);
    nx_value nan = {.bits = {0xFFF8000000000123u}};
    ASSERT_ELEMENT(reference_cast(NEXPR_FLOAT64, NEXPR_FLOAT64, nan), uint64_t, 0x7FF8000000000000u);
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
