/* SPDX-License-Identifier: MIT */
/* What stays of some elements, and how many, on every instruction set, against a loop over single ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vm/compress.h"
#include "vm/kernels.h"

enum { MOST = 70, ROUNDS = 40, SPARE = 64, ITEM = 16 };

/* A number that the last one leads to. */
static uint32_t next(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Masks of all kinds, from none to all true. */
static void make_mask(uint8_t *mask, size_t n, int round, uint32_t *state) {
    const uint32_t most = ROUNDS - 1, share = (uint32_t)round;
    for (size_t i = 0; i < n; i++) mask[i] = next(state) % most < share;
}

static void check_one(nx_isa isa, size_t item, size_t n, const uint8_t *mask, uint32_t *state) {
    unsigned char x[MOST * ITEM + SPARE], before[sizeof x], stays[sizeof x];
    size_t count = 0;
    for (size_t i = 0; i < sizeof x; i++) x[i] = (unsigned char)next(state);
    memcpy(before, x, sizeof x);
    for (size_t i = 0; i < n; i++) {
        if (mask[i]) memcpy(stays + item * count++, x + item * i, item);
    }
    assert_int_equal(nx_vm_compress(isa, item, n, x, mask), count);
    assert_int_equal(nx_vm_count(n, mask), count);
    assert_memory_equal(x, stays, item * count);
    assert_memory_equal(x + item * n, before + item * n, sizeof x - item * n);
}

static void elements_that_stay_are_in_front(void **state) {
    (void)state;
    uint32_t number = 1;
    uint8_t mask[MOST];
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        if (!nx_isa_is_supported((nx_isa)isa)) continue;
        for (size_t item = 1; item <= ITEM; item *= 2) {
            for (size_t n = 0; n <= MOST; n++) {
                for (int round = 0; round < ROUNDS; round++) {
                    make_mask(mask, n, round, &number);
                    check_one((nx_isa)isa, item, n, mask, &number);
                }
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(elements_that_stay_are_in_front)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
