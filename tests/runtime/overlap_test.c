/* SPDX-License-Identifier: MIT */
/* Overlap against brute force: small random arrays in a small piece of memory, whose bytes are marked one by one. */
#include "runtime/overlap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MEMORY = 512, LONGEST = 4, RANDOM_CASES = 60000 };

static char memory[MEMORY];

typedef struct sample {
    nexpr_array array;
    int64_t shape[NEXPR_MAX_NDIM], strides[NEXPR_MAX_NDIM];
} sample;

static uint64_t random_state = 20261122;

static int64_t random_between(int64_t low, int64_t high) {
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return low + (int64_t)((random_state >> 33) % (uint64_t)(high - low + 1));
}

static void make(sample *s, void *data, nexpr_dtype dtype, int ndim, const int64_t *shape, const int64_t *strides) {
    s->array = (nexpr_array){.size = sizeof s->array, .data = data, .dtype = dtype, .ndim = ndim, .shape = s->shape};
    memcpy(s->shape, shape, (size_t)ndim * sizeof *shape);
    if (!strides) return;
    memcpy(s->strides, strides, (size_t)ndim * sizeof *strides);
    s->array.strides = s->strides;
}

static sample vector(void *data, nexpr_dtype dtype, int64_t length, int64_t stride) {
    sample s;
    make(&s, data, dtype, 1, &length, &stride);
    return s;
}

/* `array` points into the sample that it is part of, which may have been copied. */
static const nexpr_array *array_of(sample *s) {
    s->array.shape = s->shape;
    if (s->array.strides) s->array.strides = s->strides;
    return &s->array;
}

static nx_overlap overlap(sample a, sample b) {
    nx_overlap there = nx_array_overlap(array_of(&a), array_of(&b)), back = nx_array_overlap(array_of(&b), array_of(&a));
    assert_int_equal(there, back);
    return there;
}

/* Adds 1 to the count of each byte of each element. */
static void mark(const nexpr_array *a, int64_t at, int axis, int64_t inner, int *counts) {
    if (axis < 0) {
        for (size_t i = 0; i < nexpr_dtype_size(a->dtype); i++) counts[at + (int64_t)i]++;
        return;
    }
    int64_t stride = a->strides ? a->strides[axis] : inner;
    for (int64_t i = 0; i < a->shape[axis]; i++) mark(a, at + i * stride, axis - 1, inner * a->shape[axis], counts);
}

static void mark_all(const nexpr_array *a, int counts[MEMORY]) {
    memset(counts, 0, MEMORY * sizeof *counts);
    mark(a, (char *)a->data - memory, a->ndim - 1, (int64_t)nexpr_dtype_size(a->dtype), counts);
}

/* A random array within the memory. */
static void draw(sample *s) {
    for (;;) {
        int64_t shape[5], strides[5], low = 0, high, unit = random_between(1, 3);
        int ndim = (int)random_between(0, 5);
        nexpr_dtype dtype = (nexpr_dtype)random_between(0, NEXPR_DTYPE_COUNT - 1);
        high = (int64_t)nexpr_dtype_size(dtype);
        unit = unit == 3 ? high : unit;
        for (int k = 0; k < ndim; k++) {
            shape[k] = random_between(random_between(0, 9) ? 1 : 0, LONGEST);
            strides[k] = random_between(-20, 20) * unit;
            int64_t length = shape[k] ? (shape[k] - 1) * strides[k] : 0;
            if (length < 0) low += length;
            else high += length;
        }
        bool c_order = random_between(0, 9) == 0;
        if (c_order) low = 0, high = MEMORY / 2;
        for (int k = 0; k < ndim && c_order; k++) shape[k] = shape[k] > 3 ? 3 : shape[k];
        if (c_order) ndim = ndim > 2 ? 2 : ndim;
        if (high - low > MEMORY) continue;
        int64_t offset = random_between(-low, MEMORY - high);
        make(s, memory + offset, dtype, ndim, shape, c_order ? NULL : strides);
        return;
    }
}

static void random_arrays_overlap_exactly_where_they_share_a_byte(void **state) {
    (void)state;
    int answers[2] = {0, 0};
    for (int i = 0; i < RANDOM_CASES; i++) {
        sample a, b;
        draw(&a);
        draw(&b);
        int counts_a[MEMORY], counts_b[MEMORY], shared = 0;
        mark_all(&a.array, counts_a);
        mark_all(&b.array, counts_b);
        for (int k = 0; k < MEMORY; k++) shared += counts_a[k] && counts_b[k];
        assert_int_equal(nx_array_overlap(&a.array, &b.array) != NX_OVERLAP_NONE, shared > 0);
        assert_int_equal(nx_array_overlap(&b.array, &a.array) != NX_OVERLAP_NONE, shared > 0);
        answers[shared > 0]++;
    }
    assert_true(answers[0] > RANDOM_CASES / 5 && answers[1] > RANDOM_CASES / 5);
}

static void random_arrays_overlap_themselves_exactly_where_a_byte_is_used_twice(void **state) {
    (void)state;
    int answers[2] = {0, 0};
    for (int i = 0; i < RANDOM_CASES; i++) {
        sample a;
        draw(&a);
        int counts[MEMORY], twice = 0;
        mark_all(&a.array, counts);
        for (int k = 0; k < MEMORY; k++) twice += counts[k] > 1;
        assert_int_equal(nx_array_overlaps_itself(&a.array), twice > 0);
        answers[twice > 0]++;
    }
    assert_true(answers[0] > RANDOM_CASES / 5 && answers[1] > RANDOM_CASES / 5);
}

static void the_extent_of_random_arrays_is_from_their_first_to_their_last_byte(void **state) {
    (void)state;
    for (int i = 0; i < RANDOM_CASES / 10; i++) {
        sample a;
        draw(&a);
        int counts[MEMORY], first = MEMORY, last = -1;
        mark_all(&a.array, counts);
        for (int k = MEMORY - 1; k >= 0; k--) first = counts[k] ? k : first;
        for (int k = 0; k < MEMORY; k++) last = counts[k] ? k : last;
        uintptr_t low = 0, high = 0;
        assert_int_equal(nx_extent(&a.array, &low, &high), last >= 0);
        if (last < 0) continue;
        assert_int_equal(low, (uintptr_t)memory + (uintptr_t)first);
        assert_int_equal(high, (uintptr_t)memory + (uintptr_t)last + 1);
    }
}

static void real_and_imaginary_parts_do_not_overlap(void **state) {
    (void)state;
    sample real = vector(memory, NEXPR_FLOAT64, 20, 16), imag = vector(memory + 8, NEXPR_FLOAT64, 20, 16);
    assert_int_equal(overlap(real, imag), NX_OVERLAP_NONE);
    assert_int_equal(overlap(vector(memory, NEXPR_COMPLEX128, 20, 16), imag), NX_OVERLAP_SOME);
}

static void even_and_odd_elements_do_not_overlap(void **state) {
    (void)state;
    sample even = vector(memory, NEXPR_INT32, 50, 8), odd = vector(memory + 4 + 49 * 8, NEXPR_INT32, 50, -8);
    assert_int_equal(overlap(even, odd), NX_OVERLAP_NONE);
    assert_int_equal(overlap(even, vector(memory + 3, NEXPR_INT32, 50, 8)), NX_OVERLAP_SOME);
}

static void a_reversed_view_overlaps_but_is_not_the_same(void **state) {
    (void)state;
    sample forward = vector(memory, NEXPR_INT64, 9, 8), backward = vector(memory + 64, NEXPR_INT64, 9, -8);
    assert_int_equal(overlap(forward, backward), NX_OVERLAP_SOME);
    assert_int_equal(overlap(forward, forward), NX_OVERLAP_SAME);
}

static void arrays_that_touch_do_not_overlap(void **state) {
    (void)state;
    assert_int_equal(overlap(vector(memory, NEXPR_INT8, 10, 1), vector(memory + 10, NEXPR_INT8, 10, 1)), NX_OVERLAP_NONE);
    assert_int_equal(overlap(vector(memory, NEXPR_INT8, 10, 1), vector(memory + 9, NEXPR_INT8, 10, 1)), NX_OVERLAP_SOME);
}

static void axes_of_length_one_do_not_make_arrays_different(void **state) {
    (void)state;
    sample a, b, c;
    make(&a, memory, NEXPR_FLOAT32, 3, (int64_t[]){1, 5, 3}, NULL);
    make(&b, memory, NEXPR_UINT32, 2, (int64_t[]){5, 3}, (int64_t[]){12, 4});
    make(&c, memory, NEXPR_UINT32, 4, (int64_t[]){1, 1, 5, 3}, (int64_t[]){-7, 1000000, 12, 4});
    assert_int_equal(overlap(a, b), NX_OVERLAP_SAME);
    assert_int_equal(overlap(a, c), NX_OVERLAP_SAME);
}

static void what_broadcasting_would_turn_is_not_the_same(void **state) {
    (void)state;
    sample column, row;
    make(&column, memory, NEXPR_INT8, 2, (int64_t[]){5, 1}, (int64_t[]){1, 1});
    make(&row, memory, NEXPR_INT8, 2, (int64_t[]){1, 5}, (int64_t[]){1, 1});
    assert_int_equal(overlap(column, row), NX_OVERLAP_SOME);
}

static void other_sizes_shapes_and_strides_are_not_the_same(void **state) {
    (void)state;
    sample a = vector(memory, NEXPR_INT32, 8, 4), transposed, square;
    assert_int_equal(overlap(a, vector(memory, NEXPR_INT16, 8, 4)), NX_OVERLAP_SOME);
    assert_int_equal(overlap(a, vector(memory, NEXPR_INT32, 7, 4)), NX_OVERLAP_SOME);
    assert_int_equal(overlap(a, vector(memory, NEXPR_INT32, 8, 8)), NX_OVERLAP_SOME);
    make(&square, memory, NEXPR_INT8, 2, (int64_t[]){4, 4}, NULL);
    make(&transposed, memory, NEXPR_INT8, 2, (int64_t[]){4, 4}, (int64_t[]){1, 4});
    assert_int_equal(overlap(square, transposed), NX_OVERLAP_SOME);
}

static void scalars_are_the_same_at_one_address_only(void **state) {
    (void)state;
    sample a, b;
    make(&a, memory + 16, NEXPR_COMPLEX128, 0, (int64_t[]){0}, NULL);
    make(&b, memory + 16, NEXPR_COMPLEX128, 2, (int64_t[]){1, 1}, (int64_t[]){3, 0});
    assert_int_equal(overlap(a, b), NX_OVERLAP_SAME);
    b.array.data = memory + 31;
    assert_int_equal(overlap(a, b), NX_OVERLAP_SOME);
    b.array.data = memory + 32;
    assert_int_equal(overlap(a, b), NX_OVERLAP_NONE);
}

static void empty_arrays_overlap_nothing(void **state) {
    (void)state;
    sample empty, full = vector(memory, NEXPR_INT8, 100, 1);
    make(&empty, memory, NEXPR_INT8, 3, (int64_t[]){5, 0, INT64_MAX}, (int64_t[]){0, 0, INT64_MAX});
    uintptr_t low, high;
    assert_false(nx_extent(&empty.array, &low, &high));
    assert_int_equal(overlap(empty, full), NX_OVERLAP_NONE);
    assert_int_equal(overlap(empty, empty), NX_OVERLAP_NONE);
    assert_false(nx_array_overlaps_itself(&empty.array));
}

static void a_stride_of_zero_is_overlap_unless_the_length_is_one(void **state) {
    (void)state;
    sample a = vector(memory, NEXPR_INT8, 2, 0), b = vector(memory, NEXPR_INT8, 1, 0);
    assert_true(nx_array_overlaps_itself(array_of(&a)));
    assert_false(nx_array_overlaps_itself(array_of(&b)));
}

/* 2^n elements in C order along n axes of length 2, as far as addresses reach. */
static void make_deep(sample *s, char *data, int ndim, int64_t item_stride) {
    int64_t shape[NEXPR_MAX_NDIM], strides[NEXPR_MAX_NDIM];
    for (int k = 0; k < ndim; k++) {
        bool real_axis = k < 40;
        shape[k] = real_axis ? 2 : 1;
        strides[k] = real_axis ? item_stride << k : 0;
    }
    make(s, data, NEXPR_FLOAT32, ndim, shape, strides);
}

static void sixty_four_dimensions_are_decided(void **state) {
    (void)state;
    sample a, b;
    make_deep(&a, memory, NEXPR_MAX_NDIM, 8);
    make_deep(&b, memory + 4, NEXPR_MAX_NDIM, 8);
    assert_int_equal(overlap(a, a), NX_OVERLAP_SAME);
    assert_int_equal(overlap(a, b), NX_OVERLAP_NONE);
    assert_false(nx_array_overlaps_itself(array_of(&a)));
    a.strides[39] = 24; /* 8 + 16, the strides of axes 0 and 1 */
    assert_true(nx_array_overlaps_itself(array_of(&a)));
}

/* Two axes of a million elements with strides that have much in common. */
static void long_skewed_axes_are_decided_at_once(void **state) {
    (void)state;
    enum { LONG = 1000000 };
    sample a, b;
    make(&a, memory, NEXPR_FLOAT64, 2, (int64_t[]){LONG, LONG}, (int64_t[]){16 * 999983, 16});
    make(&b, memory + 8, NEXPR_FLOAT64, 2, (int64_t[]){LONG, LONG}, (int64_t[]){16 * 999983, 16});
    assert_int_equal(overlap(a, b), NX_OVERLAP_NONE);
    assert_true(nx_array_overlaps_itself(&a.array)); /* 999983 < LONG */
    a.shape[1] = 999983;
    assert_false(nx_array_overlaps_itself(&a.array));
    make(&a, memory, NEXPR_INT8, 2, (int64_t[]){LONG, LONG}, (int64_t[]){3 * 999983, 3 * 1000003});
    assert_false(nx_array_overlaps_itself(&a.array)); /* coprime, so 1000003 steps would be needed */
    a.strides[0] = 3 * 999979, a.strides[1] = 3 * 900001;
    assert_true(nx_array_overlaps_itself(&a.array));
}

/*
 * 64 strides M + e with 0 < e, and a byte at 1000 M. No sum hits it: it would need 1000 steps, and the sum of their e is
 * then neither 0 nor a multiple of M. But to see that by trying takes forever, so the answer is that they may overlap.
 */
static void a_search_without_end_is_given_up(void **state) {
    (void)state;
    const int64_t m = INT64_C(1) << 40;
    int64_t shape[NEXPR_MAX_NDIM], strides[NEXPR_MAX_NDIM];
    for (int k = 0; k < NEXPR_MAX_NDIM; k++) {
        shape[k] = 40;
        strides[k] = m + 1 + k * k * INT64_C(7919) % 100003;
    }
    sample a, b;
    make(&a, memory, NEXPR_INT8, NEXPR_MAX_NDIM, shape, strides);
    make(&b, (void *)((uintptr_t)memory + 1000 * (uintptr_t)m), NEXPR_INT8, 0, shape, NULL);
    assert_int_equal(overlap(a, b), NX_OVERLAP_SOME);
    assert_true(nx_array_overlaps_itself(&a.array));
}

static void extents_beyond_memory_count_as_overlap(void **state) {
    (void)state;
    sample huge = vector(memory, NEXPR_INT64, INT64_MAX, INT64_MAX), low = vector(memory, NEXPR_INT64, 2, INT64_MIN);
    sample c_order;
    sample small = vector(memory, NEXPR_INT8, 3, 1);
    make(&c_order, memory, NEXPR_INT64, 2, (int64_t[]){INT64_MAX / 2, INT64_MAX / 2}, NULL);
    assert_int_equal(overlap(huge, small), NX_OVERLAP_SOME);
    assert_int_equal(overlap(low, small), NX_OVERLAP_SOME);
    assert_int_equal(overlap(c_order, small), NX_OVERLAP_SOME);
    assert_true(nx_array_overlaps_itself(&c_order.array));
    uintptr_t from, to;
    assert_true(nx_extent(array_of(&huge), &from, &to));
    assert_true(from == 0 && to == UINTPTR_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_arrays_overlap_exactly_where_they_share_a_byte),
        cmocka_unit_test(random_arrays_overlap_themselves_exactly_where_a_byte_is_used_twice),
        cmocka_unit_test(the_extent_of_random_arrays_is_from_their_first_to_their_last_byte),
        cmocka_unit_test(real_and_imaginary_parts_do_not_overlap),
        cmocka_unit_test(even_and_odd_elements_do_not_overlap),
        cmocka_unit_test(a_reversed_view_overlaps_but_is_not_the_same),
        cmocka_unit_test(arrays_that_touch_do_not_overlap),
        cmocka_unit_test(axes_of_length_one_do_not_make_arrays_different),
        cmocka_unit_test(what_broadcasting_would_turn_is_not_the_same),
        cmocka_unit_test(other_sizes_shapes_and_strides_are_not_the_same),
        cmocka_unit_test(scalars_are_the_same_at_one_address_only),
        cmocka_unit_test(empty_arrays_overlap_nothing),
        cmocka_unit_test(a_stride_of_zero_is_overlap_unless_the_length_is_one),
        cmocka_unit_test(sixty_four_dimensions_are_decided),
        cmocka_unit_test(long_skewed_axes_are_decided_at_once),
        cmocka_unit_test(a_search_without_end_is_given_up),
        cmocka_unit_test(extents_beyond_memory_count_as_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
