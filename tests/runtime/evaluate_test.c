/* SPDX-License-Identifier: MIT */
/* nexpr_evaluate and nexpr_evaluate_text: shapes, layouts, outputs, overlap, errors. */
#include "tests/runtime/fixture.h"

#include "tests/support/counting.h"

#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>

static nexpr_array evaluate2(const char *text, const nexpr_array *a, const nexpr_array *b) {
    nexpr *e = compile(text, a->dtype, b ? b->dtype : NONE, NONE);
    nexpr_error err = nexpr_error_init();
    nexpr_array r = nexpr_array_init();
    assert_ok(nexpr_evaluate(e, NULL, (const nexpr_array *[]){a, b}, (nexpr_array *[]){&r}, NULL, &err), &err);
    nexpr_free(&e);
    return r;
}

static void allocates_an_aligned_output_of_the_broadcast_shape(void **state) {
    (void)state;
    double column[2] = {10, 20}, row[3] = {1, 2, 3};
    nexpr_array a = array_of(column, F64, 2, DIMS(2, 1), NULL), b = array_of(row, F64, 1, DIMS(3), NULL);
    nexpr_array r = evaluate2("a + b", &a, &b);
    assert_int_equal(r.ndim, 2);
    assert_int_equal(r.shape[0], 2);
    assert_int_equal(r.shape[1], 3);
    assert_int_equal((uintptr_t)r.data % 64, 0);
    const double want[] = {11, 12, 13, 21, 22, 23};
    assert_memory_equal(r.data, want, sizeof want);
    nexpr_array_free(&r);
    assert_null(r.data);
    nexpr_array_free(&r);
}

static void keeps_the_order_of_fortran_inputs(void **state) {
    (void)state;
    double data[6] = {1, 2, 3, 4, 5, 6};
    nexpr_array a = array_of(data, F64, 2, DIMS(3, 2), DIMS(8, 24));
    nexpr_array r = evaluate2("a * 2", &a, NULL);
    assert_int_equal(r.strides[0], 8);
    assert_int_equal(r.strides[1], 24);
    assert_true(((double *)r.data)[5] == 12);
    nexpr_array_free(&r);
}

static void evaluates_scalars_and_empty_arrays(void **state) {
    (void)state;
    double x = 3;
    nexpr_array scalar = array_of(&x, F64, 0, NULL, NULL), empty = array_of(NULL, F64, 2, DIMS(3, 0), NULL);
    nexpr_array r = evaluate2("a * a", &scalar, NULL);
    assert_int_equal(r.ndim, 0);
    assert_true(*(double *)r.data == 9);
    nexpr_array_free(&r);
    r = evaluate2("a + b", &scalar, &empty);
    assert_int_equal(r.ndim, 2);
    assert_int_equal(r.shape[1], 0);
    nexpr_array_free(&r);
    r = evaluate2("1 + 1", &scalar, NULL);
    assert_int_equal(r.dtype, NEXPR_INT64);
    assert_int_equal(*(int64_t *)r.data, 2);
    nexpr_array_free(&r);
}

static void reads_negative_strides_swapped_bytes_and_odd_addresses(void **state) {
    (void)state;
    int32_t swapped[4] = {0x01000000, 0x02000000, 0x03000000, 0x04000000};
    char odd[1 + 4 * sizeof(double)];
    double plain[4] = {10, 20, 30, 40};
    memcpy(odd + 1, plain, sizeof plain);
    nexpr_array a = array_of(swapped + 3, I32, 1, DIMS(4), DIMS(-4)), b = array_of(odd + 1, F64, 1, DIMS(4), NULL);
    a.byte_order = NEXPR_SWAPPED;
    nexpr_array r = evaluate2("a + b", &a, &b);
    const double want[] = {14, 23, 32, 41};
    assert_memory_equal(r.data, want, sizeof want);
    nexpr_array_free(&r);
}

static nexpr_status evaluate_into(const char *text, const nexpr_array *a, nexpr_array *r, nexpr_error *err) {
    nexpr *e = compile(text, a->dtype, NONE, NONE);
    nexpr_status status = nexpr_evaluate(e, NULL, &a, &r, NULL, err);
    nexpr_free(&e);
    return status;
}

static void writes_into_a_given_output_of_another_dtype_layout_and_order(void **state) {
    (void)state;
    double x[3] = {1, 2, 3};
    char odd[1 + 6 * sizeof(float)];
    memset(odd, 0, sizeof odd);
    nexpr_array a = array_of(x, F64, 1, DIMS(3), NULL), r = array_of(odd + 1, F32, 1, DIMS(3), DIMS(8));
    nexpr_error err = nexpr_error_init();
    r.byte_order = NEXPR_SWAPPED;
    assert_ok(evaluate_into("a * 2", &a, &r, &err), &err);
    for (int i = 0; i < 3; i++) {
        uint32_t bits;
        float value;
        memcpy(&bits, odd + 1 + 8 * i, sizeof bits);
        bits = __builtin_bswap32(bits);
        memcpy(&value, &bits, sizeof value);
        assert_true(value == (float)(2 * x[i]));
    }
}

/* One past an aligned address, from where and to where everything goes; under UndefinedBehaviorSanitizer that is seen. */
static void takes_and_gives_arrays_of_any_alignment(void **state) {
    static const char *const texts[] = {
        "sin(a)", "a > 0.5", "a*2 + 1j", "float32(a)*a", "int16(a*9)", "a[::-1]", "a[:9]", "a[a > 0.5]",
        "where(a > 0.5, a, 1)", "random(a, key=1)", "searchsorted(a[:9], a)", "a.reshape(50, 100).T",
        "cumsum(a)", "cumprod(float32(a))", "cummax(a*1j)", "cumsum(int8(a*9))", "cumsum(a[a > 0.5])",
        "cumsum(a.reshape(50, 100), axis=0)", "cumsum(a.reshape(50, 100), axis=1)",
        "sum(a)", "argmax(a)", "std(float32(a))", "sum(a[:0].reshape(9, 0), axis=1)", "sum(a.reshape(50, 100), axis=0)",
        "sum(a.reshape(50, 100)*1j, axis=0)", "argmin(a.reshape(50, 100), axis=1)", "max(a.reshape(500, 10), axis=1)",
        "sum(a.reshape(500, 10) > 0.5, axis=1)", "std(a.reshape(500, 10), axis=1)"};
    enum { N = 5000, BYTES = 16 * N };
    static double plain[N];
    static char odd[BYTES + 1], out[BYTES + 1];
    (void)state;
    for (int i = 0; i < N; i++) plain[i] = i * 7919 % 1009 / 1009.0;
    memcpy(odd + 1, plain, sizeof plain);
    const nexpr_array a = array_of(plain, F64, 1, DIMS(N), NULL), b = array_of(odd + 1, F64, 1, DIMS(N), NULL);
    for (int t = 0; t < LENGTH(texts); t++) {
        nexpr_array expected = evaluate2(texts[t], &a, NULL);
        nexpr_array r = array_of(out + 1, expected.dtype, expected.ndim, expected.shape, expected.strides);
        nexpr_error err = nexpr_error_init();
        int64_t count = 1;
        for (int k = 0; k < expected.ndim; k++) count *= expected.shape[k];
        assert_ok(evaluate_into(texts[t], &b, &r, &err), &err);
        if (memcmp(out + 1, expected.data, (size_t)count * nexpr_dtype_size(r.dtype))) fail_msg("%s", texts[t]);
        nexpr_array_free(&expected);
    }
}

static void refuses_outputs_of_wrong_shape_or_kind(void **state) {
    (void)state;
    double x[3] = {1, 2, 3}, out[4];
    int64_t integers[3];
    nexpr_error err = nexpr_error_init();
    nexpr_array a = array_of(x, F64, 1, DIMS(3), NULL), longer = array_of(out, F64, 1, DIMS(4), NULL);
    nexpr_array ints = array_of(integers, I64, 1, DIMS(3), NULL), same = array_of(out, F64, 1, DIMS(3), DIMS(0));
    assert_int_equal(evaluate_into("a", &a, &longer, &err), NEXPR_SHAPE);
    assert_string_equal(err.message, "output 0 has shape (4,), but the result has shape (3,)");
    assert_int_equal(evaluate_into("a", &a, &ints, &err), NEXPR_TYPE);
    assert_int_equal(evaluate_into("a", &a, &same, &err), NEXPR_OVERLAP);
}

static void refuses_shapes_that_do_not_broadcast(void **state) {
    (void)state;
    double x[6] = {0};
    nexpr_array a = array_of(x, F64, 1, DIMS(3), NULL), b = array_of(x, F64, 2, DIMS(2, 2), NULL), r = nexpr_array_init();
    nexpr *e = compile("a + b", F64, F64, NONE);
    nexpr_error err = nexpr_error_init();
    assert_int_equal(nexpr_evaluate(e, NULL, (const nexpr_array *[]){&a, &b}, (nexpr_array *[]){&r}, NULL, &err),
                     NEXPR_SHAPE);
    assert_string_equal(err.message, "'a' of shape (3,) and 'b' of shape (2, 2) do not broadcast together");
    assert_int_equal(err.operand, 1);
    assert_null(r.data);
    nexpr_free(&e);
}

/* out = a + a[shifted], for an output anywhere over a's memory. */
static void gives_the_answer_of_copied_inputs_for_any_overlap(void **state) {
    (void)state;
    enum { N = 5000 };
    static double memory[3 * N], want[N];
    for (int shift = -3; shift <= 3; shift++) {
        for (int reverse = 0; reverse < 2; reverse++) {
            for (int i = 0; i < 3 * N; i++) memory[i] = i;
            for (int i = 0; i < N; i++) want[i] = 2.0 * memory[N + i] + 1;
            nexpr_array a = array_of(memory + N, F64, 1, DIMS(N), NULL);
            nexpr_array r = array_of(memory + N + shift + (reverse ? N - 1 : 0), F64, 1, DIMS(N), DIMS(reverse ? -8 : 8));
            nexpr_error err = nexpr_error_init();
            assert_ok(evaluate_into("2*a + 1", &a, &r, &err), &err);
            for (int i = 0; i < N; i++) assert_true(((double *)r.data)[reverse ? -i : i] == want[i]);
        }
    }
}

static void gives_several_results_that_overlap_their_inputs(void **state) {
    (void)state;
    enum { N = 3000 };
    static double a[N], b[N];
    for (int i = 0; i < N; i++) {
        a[i] = i;
        b[i] = 2 * i;
    }
    nexpr_array x = array_of(a, F64, 1, DIMS(N), NULL), y = array_of(b, F64, 1, DIMS(N), NULL), r = x, s = y;
    nexpr *e = compile("b, a", F64, F64, NONE);
    nexpr_error err = nexpr_error_init();
    assert_ok(nexpr_evaluate(e, NULL, (const nexpr_array *[]){&x, &y}, (nexpr_array *[]){&r, &s}, NULL, &err), &err);
    for (int i = 0; i < N; i++) assert_true(a[i] == 2 * i && b[i] == i);
    assert_int_equal(nexpr_evaluate(e, NULL, (const nexpr_array *[]){&x, &y}, (nexpr_array *[]){&r, &r}, NULL, &err),
                     NEXPR_OVERLAP);
    assert_int_equal(err.operand, 1);
    nexpr_free(&e);
}

static void gives_results_of_different_shapes(void **state) {
    (void)state;
    double column[2] = {1, 2}, row[3] = {10, 20, 30};
    nexpr_array a = array_of(column, F64, 2, DIMS(2, 1), NULL), b = array_of(row, F64, 1, DIMS(3), NULL), r[4];
    nexpr_array *outputs[4] = {&r[0], &r[1], &r[2], &r[3]};
    for (int i = 0; i < 4; i++) r[i] = nexpr_array_init();
    nexpr *e = compile("a*2, a+b, b-1, 7", F64, F64, NONE);
    nexpr_error err = nexpr_error_init();
    assert_ok(nexpr_evaluate(e, NULL, (const nexpr_array *[]){&a, &b}, outputs, NULL, &err), &err);
    assert_int_equal(r[0].ndim, 2);
    assert_true(((double *)r[0].data)[1] == 4);
    assert_true(((double *)r[1].data)[5] == 32);
    assert_int_equal(r[2].ndim, 1);
    assert_true(((double *)r[2].data)[2] == 29);
    assert_int_equal(r[3].ndim, 0);
    assert_int_equal(*(int64_t *)r[3].data, 7);
    for (int i = 0; i < 4; i++) nexpr_array_free(&r[i]);
    nexpr_free(&e);
}

/* 64 dimensions, of which every fourth has two elements. */
static void takes_64_dimensions(void **state) {
    (void)state;
    enum { N = 1 << 16 };
    int64_t shape[64], backward[64], step = 8;
    static double data[N];
    for (int i = 0; i < 64; i++) shape[i] = i % 4 == 0 ? 2 : 1;
    for (int i = 0; i < 64; i++) {
        backward[i] = step;
        step *= shape[i];
    }
    for (int i = 0; i < N; i++) data[i] = i;
    nexpr_array a = array_of(data, F64, 64, shape, NULL), b = array_of(data, F64, 64, shape, backward);
    nexpr_array r = evaluate2("a - b", &a, &b);
    assert_int_equal(r.ndim, 64);
    assert_int_equal(r.strides[0], N * 4); /* C order, as the first input has it */
    for (int i = 0; i < N; i++) {
        int mirrored = 0;
        for (int bit = 0; bit < 16; bit++) mirrored |= (i >> bit & 1) << (15 - bit);
        assert_true(((double *)r.data)[i] == i - mirrored);
    }
    nexpr_array_free(&r);
    a.ndim = 65;
    nexpr_error err = nexpr_error_init();
    nexpr_array out = nexpr_array_init();
    assert_int_equal(evaluate_into("a", &a, &out, &err), NEXPR_SHAPE);
}

static void refuses_sizes_beyond_memory(void **state) {
    (void)state;
    double x = 1;
    int64_t huge = (int64_t)1 << 40;
    nexpr_array a = array_of(&x, F64, 2, (int64_t[]){huge, huge}, DIMS(0, 0)), r = nexpr_array_init();
    nexpr_error err = nexpr_error_init();
    assert_int_equal(evaluate_into("a", &a, &r, &err), NEXPR_SHAPE);
    a.shape = (int64_t[]){-1, 2};
    assert_int_equal(evaluate_into("a", &a, &r, &err), NEXPR_SHAPE);
    a.ndim = 1;
    a.shape = (int64_t[]){huge << 12};
    assert_int_equal(evaluate_into("a", &a, &r, &err), NEXPR_MEMORY);
}

static void refuses_arrays_that_are_not_as_declared(void **state) {
    (void)state;
    double x = 1;
    nexpr_array a = array_of(&x, F64, 0, NULL, NULL), r = nexpr_array_init(), wrong = a;
    const nexpr_array *inputs[1] = {&wrong};
    nexpr *e = compile("a", F64, NONE, NONE);
    nexpr_error err = nexpr_error_init();
    nexpr_array *out = &r;
    wrong.dtype = NEXPR_INT64;
    assert_int_equal(nexpr_evaluate(e, NULL, inputs, &out, NULL, &err), NEXPR_TYPE);
    wrong = a;
    wrong.size = 0;
    assert_int_equal(nexpr_evaluate(e, NULL, inputs, &out, NULL, &err), NEXPR_ARGUMENT);
    wrong = a;
    wrong.data = NULL;
    assert_int_equal(nexpr_evaluate(e, NULL, inputs, &out, NULL, &err), NEXPR_ARGUMENT);
    inputs[0] = NULL;
    assert_int_equal(nexpr_evaluate(e, NULL, inputs, &out, NULL, &err), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_evaluate(e, NULL, NULL, &out, NULL, NULL), NEXPR_ARGUMENT);
    assert_null(r.data);
    nexpr_free(&e);
}

static void stores_a_canonical_nan(void **state) {
    (void)state;
    uint64_t odd[2] = {0xFFF8000000000123, 0x7FF0000000000001};
    nexpr_array a = array_of(odd, F64, 1, DIMS(2), NULL);
    static const char *const texts[] = {
        "a", "-a", "abs(a)", "copysign(a, -1.0)", "where(a > 0, 1.0, a)", "float64(float32(a))"};
    for (int i = 0; i < LENGTH(texts); i++) {
        nexpr_array r = evaluate2(texts[i], &a, NULL);
        for (int k = 0; k < 2; k++) assert_int_equal(((uint64_t *)r.data)[k], 0x7FF8000000000000);
        nexpr_array_free(&r);
    }
}

static void caches_texts_and_tells_them_apart_by_dtype(void **state) {
    (void)state;
    double x[2] = {1, 2};
    int64_t y[2] = {7, 9};
    nexpr_array a = array_of(x, F64, 1, DIMS(2), NULL), b = array_of(y, I64, 1, DIMS(2), NULL);
    nexpr_error err = nexpr_error_init();
    for (int i = 0; i < 300; i++) {
        char text[32];
        nexpr_array r = nexpr_array_init(), *out = &r;
        const nexpr_array *in = i % 2 ? &a : &b;
        snprintf(text, sizeof text, "a // 2 + %d", i / 2 % 100);
        assert_ok(nexpr_evaluate_text(NULL, text, (const char *[]){"a"}, &in, 1, &out, 1, NULL, NULL, &err), &err);
        assert_int_equal(r.dtype, i % 2 ? NEXPR_FLOAT64 : NEXPR_INT64);
        if (i % 2) assert_true(((double *)r.data)[1] == 1 + i / 2 % 100);
        else assert_int_equal(((int64_t *)r.data)[1], 4 + i / 2 % 100);
        nexpr_array_free(&r);
    }
}

/* Of the options, which have gaps between fields, only the fields count. */
static void cached_texts_are_found_whatever_lies_between_options(void **state) {
    (void)state;
    counting count = {0};
    nexpr_allocator allocator = counting_allocator(&count);
    nexpr_context_options with = nexpr_context_options_init();
    nexpr_error err = nexpr_error_init();
    nexpr_context *context;
    with.allocator = &allocator;
    assert_ok(nexpr_context_new(&with, &context, &err), &err);
    double x[2] = {1, 2}, y[2];
    size_t calls[4];
    const char *const names[] = {"a"};
    const nexpr_array a = array_of(x, F64, 1, DIMS(2), NULL), *in = &a;
    nexpr_array r = array_of(y, F64, 1, DIMS(2), NULL), *out = &r;
    for (int i = 0; i < 4; i++) {
        nexpr_options options;
        memset(&options, i * 0x55, sizeof options);
        options.size = sizeof options;
        options.fp = NEXPR_FP_STRICT;
        options.max_source = options.max_tokens = options.max_nesting = options.max_nodes = 0;
        options.check = false;
        const size_t before = count.calls;
        assert_ok(nexpr_evaluate_text(context, "a*3 + sqrt(a)", names, &in, 1, &out, 1, &options, NULL, &err), &err);
        calls[i] = count.calls - before;
    }
    assert_true(calls[0] > calls[1]);
    assert_int_equal(calls[2], calls[1]);
    assert_int_equal(calls[3], calls[1]);
    nexpr_context_free(&context);
    assert_int_equal(count.live, 0);
}

static void text_errors_have_their_place(void **state) {
    (void)state;
    nexpr_array r = nexpr_array_init(), *out = &r;
    nexpr_error err = nexpr_error_init();
    assert_int_equal(nexpr_evaluate_text(NULL, "1 + foo", NULL, NULL, 0, &out, 1, NULL, NULL, &err), NEXPR_NAME);
    assert_int_equal(err.begin, 4);
    assert_int_equal(err.end, 7);
    assert_int_equal(nexpr_evaluate_text(NULL, "1, 2", NULL, NULL, 0, &out, 1, NULL, NULL, &err), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_evaluate_text(NULL, "1, 2", NULL, NULL, 0, &out, 1, NULL, NULL, NULL), NEXPR_ARGUMENT);
}

/* One byte repeated 2^31 + 3 times, into as many. */
static void counts_beyond_32_bits(void **state) {
    (void)state;
    int64_t n = ((int64_t)1 << 31) + 3;
    uint8_t five = 5, *out = aligned_alloc(2 << 20, (size_t)n / (2 << 20) * (2 << 20) + (2 << 20));
    if (!out) skip();
    madvise(out, (size_t)n, MADV_HUGEPAGE);
    out[n - 1] = out[n - 2] = 0;
    nexpr_array a = array_of(&five, NEXPR_UINT8, 1, &n, DIMS(0)), r = array_of(out, NEXPR_UINT8, 1, &n, NULL);
    nexpr_error err = nexpr_error_init();
    assert_ok(evaluate_into("a + 1", &a, &r, &err), &err);
    assert_true(out[0] == 6 && out[INT32_MAX] == 6 && out[n - 2] == 6 && out[n - 1] == 6);
    free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocates_an_aligned_output_of_the_broadcast_shape),
        cmocka_unit_test(keeps_the_order_of_fortran_inputs),
        cmocka_unit_test(evaluates_scalars_and_empty_arrays),
        cmocka_unit_test(reads_negative_strides_swapped_bytes_and_odd_addresses),
        cmocka_unit_test(writes_into_a_given_output_of_another_dtype_layout_and_order),
        cmocka_unit_test(takes_and_gives_arrays_of_any_alignment),
        cmocka_unit_test(refuses_outputs_of_wrong_shape_or_kind),
        cmocka_unit_test(refuses_shapes_that_do_not_broadcast),
        cmocka_unit_test(gives_the_answer_of_copied_inputs_for_any_overlap),
        cmocka_unit_test(gives_several_results_that_overlap_their_inputs),
        cmocka_unit_test(gives_results_of_different_shapes),
        cmocka_unit_test(takes_64_dimensions),
        cmocka_unit_test(refuses_sizes_beyond_memory),
        cmocka_unit_test(refuses_arrays_that_are_not_as_declared),
        cmocka_unit_test(stores_a_canonical_nan),
        cmocka_unit_test(caches_texts_and_tells_them_apart_by_dtype),
        cmocka_unit_test(cached_texts_are_found_whatever_lies_between_options),
        cmocka_unit_test(text_errors_have_their_place),
        cmocka_unit_test(counts_beyond_32_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
