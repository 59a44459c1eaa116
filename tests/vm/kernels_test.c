/* SPDX-License-Identifier: MIT */
/* The VM's own kernels: there where ops.def says so, right by the reference, the same for every form and instruction set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reference_kernels.h"
#include "samples.h"
#include "vm/kernels.h"

enum { MAX_ITEMS = 70, ITEM_BYTES = 16, GUARD = 64, GUARD_BYTE = 0xa5 };

typedef struct buffer {
    _Alignas(64) unsigned char bytes[MAX_ITEMS * ITEM_BYTES + GUARD];
} buffer;

/* An op with its loop, and what follows from them. */
typedef struct subject {
    nx_op op;
    nexpr_dtype loop, result, args[NX_MAX_ARITY];
    int arity;
    unsigned form_count;
} subject;

static bool has_own_kernel(nx_op op, nexpr_dtype loop) {
    return nx_op_has_kernel(op, loop) && !nx_op_is_math(op, loop);
}

static subject subject_of(nx_op op, nexpr_dtype loop) {
    subject s = {.op = op, .loop = loop, .result = nx_op_result_dtype(op, loop), .arity = nx_op_rows[op].arity};
    for (int k = 0; k < NX_MAX_ARITY; k++) s.args[k] = nx_op_arg_dtype(op, loop, k);
    s.form_count = (1u << s.arity) - 1;
    return s;
}

static void for_each_subject(void (*check)(const subject *s)) {
    for (int op = 0; op < NX_OP_COUNT; op++) {
        for (int loop = 0; loop < NEXPR_DTYPE_COUNT; loop++) {
            if (!has_own_kernel((nx_op)op, (nexpr_dtype)loop)) continue;
            const subject s = subject_of((nx_op)op, (nexpr_dtype)loop);
            check(&s);
        }
    }
}

/* Fails with the element at which two results differ. */
static void check_equal(const subject *s, const char *what, size_t n, const void *is, const void *ought) {
    char name[NX_NAME_MAX];
    const size_t size = nexpr_dtype_size(s->result);
    for (size_t i = 0; i < n; i++) {
        if (!memcmp((const char *)is + i * size, (const char *)ought + i * size, size)) continue;
        const nx_value a = get_value(s->result, is, i), b = get_value(s->result, ought, i);
        fail_msg("%s of %s, %s: element %zu of %zu is %016llx %016llx, not %016llx %016llx", nx_op_name(s->op, name),
                 nexpr_dtype_name(s->loop), what, i, n, (unsigned long long)a.bits[0], (unsigned long long)a.bits[1],
                 (unsigned long long)b.bits[0], (unsigned long long)b.bits[1]);
    }
}

static void check_guard(const buffer *r, size_t used) {
    for (size_t i = used; i < used + GUARD; i++) assert_int_equal(r->bytes[i], GUARD_BYTE);
}

static void kernels_exist_exactly_where_the_table_says(void **state) {
    (void)state;
    for (int i = 0; i < NX_ISA_COUNT * NX_OP_COUNT * NEXPR_DTYPE_COUNT; i++) {
        const nx_isa isa = (nx_isa)(i % NX_ISA_COUNT);
        const nexpr_dtype loop = (nexpr_dtype)(i / NX_ISA_COUNT % NEXPR_DTYPE_COUNT);
        const nx_op op = (nx_op)(i / NX_ISA_COUNT / NEXPR_DTYPE_COUNT);
        const unsigned forms = has_own_kernel(op, loop) ? (1u << nx_op_rows[op].arity) - 1 : 0;
        for (unsigned form = 0; form <= NX_MAX_FORMS; form++) {
            assert_int_equal(nx_vm_own_kernel(isa, op, loop, form) != NULL, form < forms);
        }
    }
}

/* Every edge with every edge, or as many as there is patience for. */
static void check_values(const subject *s) {
    static uint64_t random;
    buffer x[NX_MAX_ARITY], r;
    size_t total = 1, step = 1;
    for (int k = 0; k < s->arity; k++) total *= edge_count(s->args[k]);
    if (total > 12000) step = total / 12000;
    for (size_t at = 0; at < total; at += step) {
        nx_value args[NX_MAX_ARITY] = {{0}}, ought;
        const void *operands[NX_MAX_ARITY];
        size_t index = at + (step > 1 ? (size_t)(next_random(&random) % step) : 0);
        for (int k = 0; k < s->arity; k++, index /= edge_count(s->args[k - 1])) {
            fill_samples(s->args[k], 1, x[k].bytes, index, NULL);
            args[k] = get_value(s->args[k], x[k].bytes, 0);
            operands[k] = x[k].bytes;
        }
        nx_vm_own_kernel(NX_ISA_BASELINE, s->op, s->loop, 0)(1, r.bytes, operands);
        assert_true(reference_op(s->op, s->loop, args, &ought));
        check_equal(s, "against the reference", 1, r.bytes, &ought);
    }
}

static void kernels_give_the_values_of_the_reference(void **state) {
    (void)state;
    for_each_subject(check_values);
}

/* What form 0 gives on vectors is what every form must give, on every instruction set and for every length. */
static void check_forms(const subject *s) {
    static uint64_t random;
    const size_t size = nexpr_dtype_size(s->result);
    for (size_t n = 1; n <= MAX_ITEMS; n++) {
        for (unsigned form = 0; form < s->form_count; form++) {
            buffer vectors[NX_MAX_ARITY], ought, r;
            const void *operands[NX_MAX_ARITY], *full[NX_MAX_ARITY];
            for (int k = 0; k < s->arity; k++) {
                fill_samples(s->args[k], n, vectors[k].bytes, 0, &random);
                const nx_value first = get_value(s->args[k], vectors[k].bytes, 0);
                for (size_t i = 0; form >> k & 1 && i < n; i++) set_value(s->args[k], vectors[k].bytes, i, first);
                operands[k] = full[k] = vectors[k].bytes;
            }
            nx_vm_own_kernel(NX_ISA_BASELINE, s->op, s->loop, 0)(n, ought.bytes, full);
            for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
                if (!nx_isa_is_supported((nx_isa)isa)) continue;
                memset(&r, GUARD_BYTE, sizeof r);
                nx_vm_own_kernel((nx_isa)isa, s->op, s->loop, form)(n, r.bytes, operands);
                check_equal(s, nx_isa_name((nx_isa)isa), n, r.bytes, ought.bytes);
                check_guard(&r, n * size);
            }
        }
    }
}

static void forms_and_instruction_sets_agree_bit_for_bit(void **state) {
    (void)state;
    for_each_subject(check_forms);
}

/* The result over each operand of its size in turn. */
static void check_in_place(const subject *s) {
    static uint64_t random;
    const size_t n = 67;
    for (unsigned form = 0; form < s->form_count; form++) {
        for (int over = 0; over < s->arity; over++) {
            if (form >> over & 1 || nexpr_dtype_size(s->args[over]) != nexpr_dtype_size(s->result)) continue;
            buffer x[NX_MAX_ARITY], ought;
            const void *operands[NX_MAX_ARITY];
            for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
                if (!nx_isa_is_supported((nx_isa)isa)) continue;
                for (int k = 0; k < s->arity; k++) {
                    fill_samples(s->args[k], n, x[k].bytes, 0, &random);
                    operands[k] = x[k].bytes;
                }
                nx_kernel *kernel = nx_vm_own_kernel((nx_isa)isa, s->op, s->loop, form);
                kernel(n, ought.bytes, operands);
                kernel(n, x[over].bytes, operands);
                check_equal(s, "in place", n, x[over].bytes, ought.bytes);
            }
        }
    }
}

static void a_result_may_take_the_place_of_an_operand(void **state) {
    (void)state;
    for_each_subject(check_in_place);
}

/* A few values by hand, so that the reference is held by something too. */
static double f64_of(nx_op op, double x, double y) {
    double r;
    nx_vm_own_kernel(nx_isa_current(), op, NEXPR_FLOAT64, 0)(1, &r, (const void *[]){&x, &y});
    return r;
}

static int i8_of(nx_op op, int8_t x, int8_t y) {
    int8_t r;
    nx_vm_own_kernel(nx_isa_current(), op, NEXPR_INT8, 0)(1, &r, (const void *[]){&x, &y});
    return r;
}

static void integers_wrap_and_divide_downwards(void **state) {
    (void)state;
    assert_int_equal(i8_of(NX_OP_add, 127, 1), -128);
    assert_int_equal(i8_of(NX_OP_floor_divide, -7, 2), -4);
    assert_int_equal(i8_of(NX_OP_floor_divide, -128, -1), -128);
    assert_int_equal(i8_of(NX_OP_floor_divide, 5, 0), 0);
    assert_int_equal(i8_of(NX_OP_remainder, -7, 3), 2);
    assert_int_equal(i8_of(NX_OP_remainder, 7, -3), -2);
    assert_int_equal(i8_of(NX_OP_fmod, -7, 3), -1);
    assert_int_equal(i8_of(NX_OP_power, 2, 7), -128);
    assert_int_equal(i8_of(NX_OP_power, -1, -3), -1);
    assert_int_equal(i8_of(NX_OP_left_shift, 1, 8), 0);
    assert_int_equal(i8_of(NX_OP_right_shift, -1, -1), -1);
    assert_int_equal(i8_of(NX_OP_lcm, 100, 99), (int8_t)9900);
}

static void zeros_and_nans_follow_the_rules(void **state) {
    (void)state;
    assert_true(__builtin_signbit(f64_of(NX_OP_minimum, 0.0, -0.0)));
    assert_false(__builtin_signbit(f64_of(NX_OP_minimum, -0.0, 0.0)));
    assert_true(__builtin_isnan(f64_of(NX_OP_maximum, __builtin_nan(""), 1)));
    assert_true(f64_of(NX_OP_fmax, __builtin_nan(""), 1) == 1);
    assert_true(f64_of(NX_OP_copysign, 2, -__builtin_nan("")) == 2);
    assert_true(f64_of(NX_OP_spacing, -1, 0) == -0x1p-52);
    assert_true(f64_of(NX_OP_nextafter, 0, -1) == -0x1p-1074);
    assert_true(f64_of(NX_OP_rint, 2.5, 0) == 2);
    const double nan = f64_of(NX_OP_subtract, __builtin_inf(), __builtin_inf()), canonical = __builtin_nan("");
    assert_memory_equal(&nan, &canonical, sizeof nan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_exist_exactly_where_the_table_says),
        cmocka_unit_test(kernels_give_the_values_of_the_reference),
        cmocka_unit_test(forms_and_instruction_sets_agree_bit_for_bit),
        cmocka_unit_test(a_result_may_take_the_place_of_an_operand),
        cmocka_unit_test(integers_wrap_and_divide_downwards),
        cmocka_unit_test(zeros_and_nans_follow_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
