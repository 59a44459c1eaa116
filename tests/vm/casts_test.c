/* SPDX-License-Identifier: MIT */
/* Every cast between two dtypes: against the reference, over all lengths, on every instruction set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reference_kernels.h"
#include "samples.h"
#include "vm/kernels.h"

enum { ITEMS = 300, GUARD_BYTE = 0xa5 }; /* more than two stages of the casts with float16 */

typedef void check_cast(nx_isa isa, nexpr_dtype from, nexpr_dtype to);

static void for_each_cast(check_cast *check) {
    for (int i = 0; i < NX_ISA_COUNT * NEXPR_DTYPE_COUNT * NEXPR_DTYPE_COUNT; i++) {
        const nx_isa isa = (nx_isa)(i % NX_ISA_COUNT);
        const nexpr_dtype from = (nexpr_dtype)(i / NX_ISA_COUNT % NEXPR_DTYPE_COUNT);
        if (nx_isa_is_supported(isa)) check(isa, from, (nexpr_dtype)(i / NX_ISA_COUNT / NEXPR_DTYPE_COUNT));
    }
}

/* Casts n elements and compares with the reference; nothing behind them may change. */
static void check_elements(nx_isa isa, nexpr_dtype from, nexpr_dtype to, size_t n, const void *x) {
    _Alignas(64) unsigned char r[(ITEMS + 1) * 16];
    const size_t size = nexpr_dtype_size(to);
    memset(r, GUARD_BYTE, sizeof r);
    nx_vm_cast_kernel(isa, from, to)(n, r, &x);
    for (size_t i = 0; i < n; i++) {
        const nx_value element = get_value(from, x, i), is = get_value(to, r, i);
        nx_value ought;
        assert_true(reference_cast(from, to, element, &ought));
        if (!memcmp(&is, &ought, size)) continue;
        fail_msg("%s: %s %016llx %016llx to %s is %016llx %016llx, not %016llx %016llx (element %zu of %zu)",
                 nx_isa_name(isa), nexpr_dtype_name(from), (unsigned long long)element.bits[0],
                 (unsigned long long)element.bits[1], nexpr_dtype_name(to), (unsigned long long)is.bits[0],
                 (unsigned long long)is.bits[1], (unsigned long long)ought.bits[0], (unsigned long long)ought.bits[1], i, n);
    }
    for (size_t i = n * size; i < (n + 1) * size; i++) assert_int_equal(r[i], GUARD_BYTE);
}

static void check_existence(nx_isa isa, nexpr_dtype from, nexpr_dtype to) {
    nx_value ignored;
    const nx_value zero = {.bits = {0, 0}};
    assert_int_equal(nx_vm_cast_kernel(isa, from, to) != NULL, reference_cast(from, to, zero, &ignored));
    assert_int_equal(nx_vm_cast_kernel(isa, from, to) == NULL,
                     nx_dtype_class(from) == NX_CLASS_COMPLEX && to != NEXPR_BOOL && nx_dtype_class(to) != NX_CLASS_COMPLEX);
}

static void only_complex_to_real_is_missing(void **state) {
    (void)state;
    for_each_cast(check_existence);
}

static void check_samples(nx_isa isa, nexpr_dtype from, nexpr_dtype to) {
    static uint64_t random;
    _Alignas(64) unsigned char x[ITEMS * 16];
    if (!nx_vm_cast_kernel(isa, from, to)) return;
    fill_samples(from, ITEMS, x, 0, NULL);
    check_elements(isa, from, to, ITEMS, x);
    for (size_t n = 1; n <= 70; n++) {
        fill_samples(from, n, x, 0, &random);
        check_elements(isa, from, to, n, x);
    }
    fill_samples(from, ITEMS, x, 0, &random);
    check_elements(isa, from, to, ITEMS - 1, x);
}

static void casts_give_the_values_of_the_reference(void **state) {
    (void)state;
    for_each_cast(check_samples);
}

static void check_all_halves(nx_isa isa, nexpr_dtype from, nexpr_dtype to) {
    if (from != NEXPR_FLOAT16 || to < NEXPR_FLOAT16) return;
    uint16_t x[256];
    for (unsigned first = 0; first < 65536; first += 256) {
        for (unsigned i = 0; i < 256; i++) x[i] = (uint16_t)(first + i);
        check_elements(isa, from, to, 256, x);
    }
}

static void every_half_widens_exactly(void **state) {
    (void)state;
    for_each_cast(check_all_halves);
}

/* The middle between two neighbours, and the doubles and floats next to it. */
static void check_halfway(nx_isa isa, nexpr_dtype from, nexpr_dtype to) {
    if (to != NEXPR_FLOAT16 || (from != NEXPR_FLOAT32 && from != NEXPR_FLOAT64)) return;
    for (uint16_t h = 0; h < 0x7c00; h = (uint16_t)(h + 7)) {
        nx_value low, high;
        assert_true(reference_cast(NEXPR_FLOAT16, NEXPR_FLOAT64, (nx_value){.f16 = h}, &low));
        assert_true(reference_cast(NEXPR_FLOAT16, NEXPR_FLOAT64, (nx_value){.f16 = (uint16_t)(h + 1)}, &high));
        const double middle = h == 0x7bff ? 65520 : (low.f64 + high.f64) / 2;
        double wide[6] = {middle, __builtin_nextafter(middle, 0), __builtin_nextafter(middle, 1e9), -middle};
        float narrow[6];
        wide[4] = (double)__builtin_nextafterf((float)middle, 0);
        wide[5] = (double)__builtin_nextafterf((float)middle, 1e9f);
        for (int i = 0; i < 6; i++) narrow[i] = (float)wide[i];
        check_elements(isa, from, to, 6, from == NEXPR_FLOAT32 ? (const void *)narrow : wide);
    }
}

static void casts_to_float16_round_once(void **state) {
    (void)state;
    for_each_cast(check_halfway);
}

static void check_in_place(nx_isa isa, nexpr_dtype from, nexpr_dtype to) {
    static uint64_t random;
    _Alignas(64) unsigned char x[ITEMS * 16], ought[ITEMS * 16];
    if (!nx_vm_cast_kernel(isa, from, to) || nexpr_dtype_size(from) != nexpr_dtype_size(to)) return;
    fill_samples(from, ITEMS, x, 0, &random);
    nx_vm_cast_kernel(isa, from, to)(ITEMS, ought, &(const void *){x});
    nx_vm_cast_kernel(isa, from, to)(ITEMS, x, &(const void *){x});
    assert_memory_equal(x, ought, ITEMS * nexpr_dtype_size(to));
}

static void a_cast_may_be_done_in_place(void **state) {
    (void)state;
    for_each_cast(check_in_place);
}

static void floats_saturate_as_integers(void **state) {
    (void)state;
    const double x[] = {__builtin_nan(""), 1e300, -1e300, -0.9, 127.9, 128};
    const int8_t ought[] = {0, 127, -128, 0, 127, 127};
    int8_t r[6];
    nx_vm_cast_kernel(nx_isa_current(), NEXPR_FLOAT64, NEXPR_INT8)(6, r, &(const void *){x});
    assert_memory_equal(r, ought, sizeof r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_complex_to_real_is_missing),
        cmocka_unit_test(casts_give_the_values_of_the_reference),
        cmocka_unit_test(every_half_widens_exactly),
        cmocka_unit_test(casts_to_float16_round_once),
        cmocka_unit_test(a_cast_may_be_done_in_place),
        cmocka_unit_test(floats_saturate_as_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
