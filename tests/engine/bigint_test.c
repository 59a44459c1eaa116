/* SPDX-License-Identifier: MIT */
/*
 * Small operands against __int128; large ones by laws that tie operations to others, so that no wrong one agrees with all.
 * tests/parser/python_test.py compares the same functions with Python's integers, through the parser.
 */
#include "engine/bigint.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

__extension__ typedef __int128 wide;

static uint64_t random64(void) {
    static uint64_t state = 0x9E3779B97F4A7C15;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static nx_bigint from_wide(wide v) {
    nx_bigint high = nx_bigint_from_i64((int64_t)(v >> 64)), low, r;
    nx_bigint half = nx_bigint_from_i64((int64_t)((uint64_t)v >> 1)), bit = nx_bigint_from_i64((int64_t)((uint64_t)v & 1));
    assert_true(nx_bigint_shl(&high, &high, 64) && nx_bigint_shl(&low, &half, 1));
    nx_bigint_or(&low, &low, &bit);
    assert_true(nx_bigint_add(&r, &high, &low));
    return r;
}

static void assert_equal(const nx_bigint *x, const nx_bigint *y) {
    assert_int_equal(x->negative, y->negative);
    assert_int_equal(x->count, y->count);
    assert_memory_equal(x->limb, y->limb, (size_t)x->count * sizeof x->limb[0]);
}

static void assert_value(const nx_bigint *x, wide v) {
    nx_bigint y = from_wide(v);
    assert_equal(x, &y);
}

static wide floor_divide(wide x, wide y) {
    wide q = x / y;
    return x % y && (x < 0) != (y < 0) ? q - 1 : q;
}

static void check_small(int64_t a, int64_t b) {
    nx_bigint x = nx_bigint_from_i64(a), y = nx_bigint_from_i64(b), r, q;
    int64_t back;
    assert_true(nx_bigint_to_i64(&x, &back) && back == a);
    assert_true(nx_bigint_add(&r, &x, &y)), assert_value(&r, (wide)a + b);
    assert_true(nx_bigint_sub(&r, &x, &y)), assert_value(&r, (wide)a - b);
    assert_true(nx_bigint_mul(&r, &x, &y)), assert_value(&r, (wide)a * b);
    nx_bigint_and(&r, &x, &y), assert_value(&r, a & b);
    nx_bigint_or(&r, &x, &y), assert_value(&r, a | b);
    nx_bigint_xor(&r, &x, &y), assert_value(&r, a ^ b);
    nx_bigint_invert(&r, &x), assert_value(&r, ~a);
    nx_bigint_negate(&r, &x), assert_value(&r, -(wide)a);
    nx_bigint_shr(&r, &x, (uint64_t)b & 63), assert_value(&r, a >> (b & 63));
    assert_int_equal(nx_bigint_compare(&x, &y), (a > b) - (a < b));
    assert_true(nx_bigint_to_double(&x) == (double)a);
    if (!b) return;
    nx_bigint_divmod(&q, &r, &x, &y);
    assert_value(&q, floor_divide(a, b));
    assert_value(&r, a - floor_divide(a, b) * b);
}

static void small_operands_agree_with_machine_integers(void **state) {
    static const int64_t edges[] = {
        0, 1, -1, 2, -2, 3, 7, -7, 63, 64, 255, INT32_MAX, INT32_MIN, UINT32_MAX, (int64_t)1 << 32, -((int64_t)1 << 32),
        (int64_t)1 << 53, ((int64_t)1 << 53) + 1, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1};
    const int n = sizeof edges / sizeof *edges;
    (void)state;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) check_small(edges[i], edges[j]);
    }
    for (int i = 0; i < 20000; i++) {
        int64_t a = (int64_t)random64() >> (random64() & 63), b = (int64_t)random64() >> (random64() & 63);
        check_small(a, b);
    }
}

/* Of at most `bits` bits, with runs of equal bits. */
static nx_bigint random_bigint(int bits) {
    nx_bigint r = {.count = (bits + 31) / 32};
    for (int i = 0; i < r.count; i++) {
        uint64_t v = random64();
        r.limb[i] = v & 0x300000000 ? (uint32_t)v : v & 0x400000000 ? UINT32_MAX : 0;
    }
    if (bits % 32) r.limb[r.count - 1] &= ((uint32_t)1 << bits % 32) - 1;
    while (r.count && !r.limb[r.count - 1]) r.count--;
    r.negative = r.count && random64() & 1;
    return r;
}

static void quotient_times_divisor_plus_remainder_is_the_dividend(void **state) {
    (void)state;
    for (int i = 0; i < 20000; i++) {
        nx_bigint x = random_bigint(1 + (int)(random64() % 2048)), y = random_bigint(1 + (int)(random64() % 2048));
        nx_bigint q, r, back;
        if (!y.count) continue;
        nx_bigint_divmod(&q, &r, &x, &y);
        assert_true(nx_bigint_mul(&back, &q, &y) || q.count * 32 >= NX_BIGINT_BITS || x.negative != y.negative);
        if (!nx_bigint_mul(&back, &q, &y) || !nx_bigint_add(&back, &back, &r)) continue;
        assert_equal(&back, &x);
        assert_true(!r.count || r.negative == y.negative);
        nx_bigint a = r, b = y;
        a.negative = b.negative = false;
        assert_true(nx_bigint_compare(&a, &b) < 0);
    }
}

/* The quotient digit that is guessed from the two highest limbs is one too large here, even after the correction. */
static void a_quotient_digit_that_was_guessed_too_large_is_put_right(void **state) {
    (void)state;
    nx_bigint x = {.count = 4, .limb = {0, 0, 0x80000000, 0x7FFFFFFF}}, y = {.count = 3, .limb = {1, 0, 0x80000000}};
    nx_bigint q, r, back;
    nx_bigint_divmod(&q, &r, &x, &y);
    assert_value(&q, 0xFFFFFFFE);
    assert_true(nx_bigint_mul(&back, &q, &y) && nx_bigint_add(&back, &back, &r));
    assert_equal(&back, &x);
    assert_true(nx_bigint_compare(&r, &y) < 0);
}

static void large_operands_obey_the_laws_of_arithmetic(void **state) {
    (void)state;
    for (int i = 0; i < 5000; i++) {
        nx_bigint x = random_bigint(1 + (int)(random64() % 1000)), y = random_bigint(1 + (int)(random64() % 1000));
        nx_bigint z = random_bigint(1 + (int)(random64() % 1000)), a, b, c, d;
        assert_true(nx_bigint_add(&a, &x, &y) && nx_bigint_mul(&a, &a, &z)); /* (x + y)z = xz + yz */
        assert_true(nx_bigint_mul(&b, &x, &z) && nx_bigint_mul(&c, &y, &z) && nx_bigint_add(&b, &b, &c));
        assert_equal(&a, &b);
        assert_true(nx_bigint_sub(&a, &x, &y) && nx_bigint_add(&a, &a, &y)); /* (x - y) + y = x */
        assert_equal(&a, &x);
        nx_bigint_xor(&a, &x, &y), nx_bigint_and(&b, &x, &y), nx_bigint_or(&c, &x, &y);
        assert_true(nx_bigint_add(&d, &a, &b)); /* x | y = (x ^ y) + (x & y) */
        assert_equal(&d, &c);
        assert_true(nx_bigint_add(&d, &c, &b) && nx_bigint_add(&a, &x, &y)); /* (x | y) + (x & y) = x + y */
        assert_equal(&d, &a);
        uint64_t shift = random64() % 1000;
        nx_bigint two = nx_bigint_from_i64(2), power;
        assert_true(nx_bigint_pow(&power, &two, shift) && nx_bigint_mul(&a, &x, &power) && nx_bigint_shl(&b, &x, shift));
        assert_equal(&a, &b);
        nx_bigint_divmod(&a, NULL, &x, &power), nx_bigint_shr(&b, &x, shift); /* shr is the floor */
        assert_equal(&a, &b);
    }
}

static void results_may_have_2048_bits_and_no_more(void **state) {
    (void)state;
    nx_bigint one = nx_bigint_from_i64(1), two = nx_bigint_from_i64(2), top, most, r;
    assert_true(nx_bigint_shl(&top, &one, 2047));
    assert_false(nx_bigint_shl(&r, &one, 2048));
    assert_false(nx_bigint_shl(&r, &one, UINT64_MAX));
    assert_true(nx_bigint_sub(&most, &top, &one) && nx_bigint_add(&most, &most, &top)); /* 2^2048 - 1 */
    assert_int_equal(most.count, 64);
    assert_false(nx_bigint_add(&r, &most, &one));
    assert_false(nx_bigint_mul(&r, &top, &two));
    assert_true(nx_bigint_mul(&r, &most, &one));
    assert_true(nx_bigint_pow(&r, &two, 2047));
    assert_equal(&r, &top);
    assert_false(nx_bigint_pow(&r, &two, 2048));
    assert_false(nx_bigint_pow(&r, &two, UINT64_MAX));
}

static void powers_of_0_and_1_have_no_limit(void **state) {
    (void)state;
    nx_bigint r, zero = nx_bigint_from_i64(0), minus = nx_bigint_from_i64(-1);
    assert_true(nx_bigint_pow(&r, &minus, UINT64_MAX)), assert_value(&r, -1);
    assert_true(nx_bigint_pow(&r, &minus, UINT64_MAX - 1)), assert_value(&r, 1);
    assert_true(nx_bigint_pow(&r, &zero, UINT64_MAX)), assert_value(&r, 0);
    assert_true(nx_bigint_pow(&r, &zero, 0)), assert_value(&r, 1);
}

static void digits_are_read_in_every_base(void **state) {
    (void)state;
    nx_bigint r, expected = nx_bigint_from_i64(INT64_MAX);
    static const struct { const char *digits; int base; } rows[] = {
        {"9_223_372_036_854_775_807", 10}, {"7fff_FFFF_ffffffff", 16}, {"777777777777777777777", 8},
        {"000111111111111111111111111111111111111111111111111111111111111111", 2}, {"0009223372036854775807", 10},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(nx_bigint_parse(&r, rows[i].digits, strlen(rows[i].digits), rows[i].base));
        assert_equal(&r, &expected);
    }
    char text[600];
    memset(text, 'f', sizeof text);
    assert_true(nx_bigint_parse(&r, text, 512, 16));
    assert_false(nx_bigint_parse(&r, text, 513, 16));
    assert_true(nx_bigint_parse(&r, "", 0, 10)), assert_value(&r, 0);
}

static void integers_fit_their_machine_types_up_to_the_edge(void **state) {
    (void)state;
    int64_t i;
    uint64_t u;
    nx_bigint x = from_wide((wide)INT64_MAX), y = from_wide((wide)INT64_MIN), one = nx_bigint_from_i64(1);
    assert_true(nx_bigint_to_i64(&x, &i) && i == INT64_MAX);
    assert_true(nx_bigint_to_i64(&y, &i) && i == INT64_MIN);
    assert_false(nx_bigint_to_u64(&y, &u));
    assert_true(nx_bigint_add(&x, &x, &one) && nx_bigint_sub(&y, &y, &one));
    assert_false(nx_bigint_to_i64(&x, &i) || nx_bigint_to_i64(&y, &i));
    x = from_wide((wide)UINT64_MAX);
    assert_true(nx_bigint_to_u64(&x, &u) && u == UINT64_MAX);
    assert_true(nx_bigint_add(&x, &x, &one));
    assert_false(nx_bigint_to_u64(&x, &u));
}

/* A whole number of at least 2^53. */
static nx_bigint from_double(double v) {
    int exponent;
    nx_bigint r = nx_bigint_from_i64((int64_t)ldexp(frexp(v, &exponent), 53));
    assert_true(nx_bigint_shl(&r, &r, (uint64_t)(exponent - 53)));
    return r;
}

/* d is the double nearest to x: neither neighbour is nearer, and a tie goes to the even one. */
static void doubles_are_nearest(void **state) {
    (void)state;
    for (int i = 0; i < 20000; i++) {
        nx_bigint x = random_bigint(1 + (int)(random64() % 1020));
        double d = nx_bigint_to_double(&x);
        int order = nx_bigint_compare_double(&x, d);
        if (!order) continue;
        double other = nextafter(d, order > 0 ? INFINITY : -INFINITY);
        assert_int_equal(nx_bigint_compare_double(&x, other), -order);
        nx_bigint sum = from_double(d), second = from_double(other), twice;
        assert_true(nx_bigint_add(&sum, &sum, &second) && nx_bigint_add(&twice, &x, &x));
        int side = nx_bigint_compare(&twice, &sum);
        uint64_t bits;
        memcpy(&bits, &d, sizeof bits);
        assert_true(side == -order || (side == 0 && !(bits & 1)));
    }
}

static void doubles_at_the_edges(void **state) {
    (void)state;
    nx_bigint one = nx_bigint_from_i64(1), r, s;
    assert_true(nx_bigint_shl(&r, &one, 1024));
    assert_true(isinf(nx_bigint_to_double(&r)));
    assert_int_equal(nx_bigint_compare_double(&r, INFINITY), -1);
    assert_int_equal(nx_bigint_compare_double(&r, -INFINITY), 1);
    assert_true(nx_bigint_shl(&s, &one, 970) && nx_bigint_sub(&r, &r, &s)); /* half way between the largest and 2^1024 */
    assert_true(isinf(nx_bigint_to_double(&r)));
    assert_true(nx_bigint_sub(&r, &r, &one));
    assert_true(nx_bigint_to_double(&r) == 0x1.fffffffffffffp1023);
    nx_bigint zero = nx_bigint_from_i64(0);
    assert_int_equal(nx_bigint_compare_double(&zero, 5e-324), -1);
    assert_int_equal(nx_bigint_compare_double(&zero, -5e-324), 1);
    assert_int_equal(nx_bigint_compare_double(&zero, -0.0), 0);
    assert_int_equal(nx_bigint_compare_double(&one, 1.5), -1);
    nx_bigint_negate(&one, &one);
    assert_int_equal(nx_bigint_compare_double(&one, -1.5), 1);
}

static void true_quotients_are_rounded_once(void **state) {
    (void)state;
    nx_bigint one = nx_bigint_from_i64(1), three = nx_bigint_from_i64(3), zero = nx_bigint_from_i64(0);
    nx_bigint minus = nx_bigint_from_i64(-1), big, r;
    assert_true(nx_bigint_true_divide(&one, &three) == 1.0 / 3.0);
    assert_true(signbit(nx_bigint_true_divide(&zero, &minus)) && !signbit(nx_bigint_true_divide(&zero, &three)));
    assert_true(nx_bigint_shl(&big, &one, 1074));
    assert_true(nx_bigint_true_divide(&one, &big) == 5e-324);
    assert_true(nx_bigint_shl(&big, &one, 1075));
    assert_true(nx_bigint_true_divide(&one, &big) == 0.0);     /* half of the least subnormal: to even */
    assert_true(nx_bigint_true_divide(&three, &big) == 1e-323); /* 1.5 of it: to even */
    assert_true(nx_bigint_shl(&r, &one, 2000));
    assert_true(nx_bigint_true_divide(&r, &big) == 0x1p925);
    assert_true(isinf(nx_bigint_true_divide(&r, &minus)));
    for (int i = 0; i < 5000; i++) { /* of doubles' integers: the machine's own quotient */
        nx_bigint x = random_bigint(53), y = random_bigint(53);
        if (y.count) assert_true(nx_bigint_true_divide(&x, &y) == nx_bigint_to_double(&x) / nx_bigint_to_double(&y));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_operands_agree_with_machine_integers),
        cmocka_unit_test(quotient_times_divisor_plus_remainder_is_the_dividend),
        cmocka_unit_test(a_quotient_digit_that_was_guessed_too_large_is_put_right),
        cmocka_unit_test(large_operands_obey_the_laws_of_arithmetic),
        cmocka_unit_test(results_may_have_2048_bits_and_no_more),
        cmocka_unit_test(powers_of_0_and_1_have_no_limit),
        cmocka_unit_test(digits_are_read_in_every_base),
        cmocka_unit_test(integers_fit_their_machine_types_up_to_the_edge),
        cmocka_unit_test(doubles_are_nearest),
        cmocka_unit_test(doubles_at_the_edges),
        cmocka_unit_test(true_quotients_are_rounded_once),
    };
    return cmocka_run_group_tests_name("bigint", tests, NULL, NULL);
}
