/* SPDX-License-Identifier: MIT */
/*
 * The real math kernels: bounds against MPFR, exact values, special values, and that a value depends on its operands only,
 * whatever the instruction set, the form, the length and the neighbours. NEXPR_TEST_POINTS sets the points per function.
 */
#include "math/math.h"
#include "math/real.h"
#include "points.h"
#include "reference.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static const nexpr_dtype dtypes[] = {NEXPR_FLOAT32, NEXPR_FLOAT64};

static bool is_supported(nx_isa isa) {
    if (isa == NX_ISA_AVX512) return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
    return isa == NX_ISA_BASELINE || (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
}

static size_t points_wanted(size_t standard) {
    const char *text = getenv("NEXPR_TEST_POINTS");
    size_t n = text ? strtoull(text, NULL, 10) : 0;
    return n > 0 ? n : standard;
}

static bool is_exact(nx_op op) {
    return nx_op_rows[op].ulp64 == 0;
}

static const char *name_of(nx_op op) {
    static char buffer[NX_NAME_MAX];
    memset(buffer, 0, sizeof buffer);
    return nx_op_name(op, buffer);
}

/* ---------------------------------------------------------------------------------------------------- calling -- */

/* n operands and results of one dtype, with the values of the operands as doubles beside them. */
typedef struct batch {
    size_t n, size;
    nexpr_dtype dtype;
    double *values[2];
    void *x[2], *r, *other;
} batch;

static batch batch_new(nexpr_dtype dtype, size_t n) {
    batch b = {.n = n, .size = nexpr_dtype_size(dtype), .dtype = dtype, .r = malloc(n * 8), .other = malloc(n * 8)};
    assert_non_null(b.r);
    assert_non_null(b.other);
    for (int k = 0; k < 2; k++) {
        b.values[k] = malloc(n * sizeof(double));
        b.x[k] = malloc(n * sizeof(double));
        assert_non_null(b.values[k]);
        assert_non_null(b.x[k]);
    }
    return b;
}

static void batch_free(batch *b) {
    free(b->values[0]);
    free(b->values[1]);
    free(b->x[0]);
    free(b->x[1]);
    free(b->r);
    free(b->other);
}

static double element(const batch *b, const void *array, size_t i) {
    return b->dtype == NEXPR_FLOAT32 ? (double)((const float *)array)[i] : ((const double *)array)[i];
}

static void batch_convert(batch *b) {
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < b->n; i++) {
            if (b->dtype == NEXPR_FLOAT32) {
                ((float *)b->x[k])[i] = (float)b->values[k][i];
            } else {
                ((double *)b->x[k])[i] = b->values[k][i];
            }
        }
    }
}

static void batch_draw(batch *b, nx_op op, uint64_t seed) {
    points_make(op, b->dtype, seed, b->n, b->values[0], b->values[1]);
    batch_convert(b);
}

static void batch_run(batch *b, nx_isa isa, nx_op op, void *r) {
    nx_math_kernel(isa, op, b->dtype, 0)(b->n, r, (const void *[]){b->x[0], b->x[1]});
}

static double call(nx_isa isa, nx_op op, nexpr_dtype dtype, double x, double y) {
    double r64;
    float x32 = (float)x, y32 = (float)y, r32;
    if (dtype == NEXPR_FLOAT64) {
        nx_math_kernel(isa, op, dtype, 0)(1, &r64, (const void *[]){&x, &y});
        return r64;
    }
    nx_math_kernel(isa, op, dtype, 0)(1, &r32, (const void *[]){&x32, &y32});
    return r32;
}

/* Calls visit for each op with real kernels and each dtype. */
typedef void visit_kernel(nx_op op, nexpr_dtype dtype);

static void for_each_kernel(visit_kernel *visit) {
    for (int op = 0; op < NX_OP_COUNT; op++) {
        for (size_t d = 0; d < LENGTH(dtypes); d++) {
            if (nx_op_is_math((nx_op)op, dtypes[d])) visit((nx_op)op, dtypes[d]);
        }
    }
}

/* --------------------------------------------------------------------------------------------------- the table -- */

static void check_forms_exist(nx_op op, nexpr_dtype dtype) {
    assert_true(reference_has(op));
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        unsigned forms = nx_op_rows[op].arity == 2 ? 3 : 1;
        for (unsigned form = 0; form < forms; form++) assert_non_null(nx_math_kernel((nx_isa)isa, op, dtype, form));
        assert_null(nx_math_kernel((nx_isa)isa, op, dtype, forms));
    }
}

static void every_row_has_its_kernels(void **state) {
    (void)state;
    for_each_kernel(check_forms_exist);
}

static void rows_without_math_have_no_kernel(void **state) {
    (void)state;
    assert_null(nx_math_kernel(NX_ISA_BASELINE, NX_OP_add, NEXPR_FLOAT64, 0));
    assert_null(nx_math_kernel(NX_ISA_BASELINE, NX_OP_sqrt, NEXPR_FLOAT64, 0));
    assert_null(nx_math_kernel(NX_ISA_BASELINE, NX_OP_exp, NEXPR_INT32, 0));
    assert_null(nx_math_kernel(NX_ISA_BASELINE, NX_OP_exp, NEXPR_FLOAT16, 0));
}

/* ------------------------------------------------------------------------------------------------------ bounds -- */

static void check_bound(nx_isa isa, nx_op op, nexpr_dtype dtype, size_t n) {
    const nx_op_row *row = &nx_op_rows[op];
    double bound = (double)(dtype == NEXPR_FLOAT32 ? row->ulp32 : row->ulp64);
    double absolute = dtype == NEXPR_FLOAT32 ? row->abs32 : row->abs64, worst = 0;
    batch b = batch_new(dtype, n);
    batch_draw(&b, op, 1);
    batch_run(&b, isa, op, b.r);
    for (size_t i = 0; i < n; i++) {
        double x = b.values[0][i], y = b.values[1][i], got = element(&b, b.r, i), distance;
        double error = reference_error(op, dtype, x, y, got, &distance);
        if (distance <= absolute) continue;
        if (!(error <= bound)) {
            fail_msg("%s of %s, isa %d: (%a, %a) gives %a, off by %g ulp", name_of(op), nexpr_dtype_name(dtype), isa, x, y,
                     got, error);
        }
        if (error > worst) worst = error;
    }
    print_message("    %-12s %s isa %d: %.4f ulp\n", name_of(op), nexpr_dtype_name(dtype), isa, worst);
    batch_free(&b);
}

static void check_bounds(nx_op op, nexpr_dtype dtype) {
    if (is_exact(op)) return;
    nx_isa best = is_supported(NX_ISA_AVX2) ? NX_ISA_AVX2 : NX_ISA_BASELINE;
    bool slow = op == NX_OP_gamma || op == NX_OP_lgamma || op == NX_OP_erfc || op == NX_OP_ndtri;
    check_bound(best, op, dtype, points_wanted(slow ? 20000 : 60000));
    if (best != NX_ISA_BASELINE) check_bound(NX_ISA_BASELINE, op, dtype, points_wanted(12000) / (slow ? 4 : 1));
}

static void every_function_is_within_its_bound(void **state) {
    (void)state;
    for_each_kernel(check_bounds);
}

/* ------------------------------------------------------------------------------------------ floor_divide & co. -- */

static bool same_bits(const batch *b, const void *p, const void *q, size_t i) {
    return memcmp((const char *)p + i * b->size, (const char *)q + i * b->size, b->size) == 0;
}

static void check_exact(nx_op op, nexpr_dtype dtype) {
    if (!is_exact(op)) return;
    batch b = batch_new(dtype, points_wanted(200000));
    batch_draw(&b, op, 2);
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        if (!is_supported((nx_isa)isa)) continue;
        batch_run(&b, (nx_isa)isa, op, b.r);
        for (size_t i = 0; i < b.n; i++) {
            double x = b.values[0][i], y = b.values[1][i], got = element(&b, b.r, i);
            double want = dtype == NEXPR_FLOAT64 ? reference_exact_f64(op, x, y)
                                                 : (double)reference_exact_f32(op, (float)x, (float)y);
            bool same = isnan(want) ? isnan(got) : got == want && signbit(got) == signbit(want);
            if (!same) {
                fail_msg("%s of %s, isa %d: (%a, %a) gives %a, not %a", name_of(op), nexpr_dtype_name(dtype), isa, x, y, got,
                         want);
            }
        }
    }
    batch_free(&b);
}

static void division_with_remainder_is_numpys_bit_for_bit(void **state) {
    (void)state;
    for_each_kernel(check_exact);
}

/* ------------------------------------------------------------------------------------ nothing but the operands -- */

/* Random bits and the points of the op by turns. */
static void draw_widely(batch *b, nx_op op) {
    uint64_t random = 0x9E3779B97F4A7C15;
    batch_draw(b, op, 3);
    for (int k = 0; k < 2; k++) {
        for (size_t i = b->n / 8; i < b->n; i++) {
            uint64_t bits = points_random(&random);
            /* Half of them are moderate in size. */
            uint64_t high64 = bits >> 2 & 1 ? 0x4000000000000000 : 0x3c00000000000000;
            uint64_t high32 = bits >> 32 & 1 ? 0x40000000 : 0x38000000;
            if (i % 2) bits = b->size == 8 ? (bits & 0x83ffffffffffffff) | high64 : (bits & 0x87ffffff) | high32;
            memcpy((char *)b->x[k] + i * b->size, &bits, b->size);
        }
    }
}

static void check_isas_agree(nx_op op, nexpr_dtype dtype) {
    batch b = batch_new(dtype, points_wanted(160000));
    draw_widely(&b, op);
    batch_run(&b, NX_ISA_AVX2, op, b.r);
    batch_run(&b, NX_ISA_AVX512, op, b.other);
    for (size_t i = 0; i < b.n; i++) {
        if (same_bits(&b, b.r, b.other, i)) continue;
        fail_msg("%s of %s: (%a, %a) gives %a and %a", name_of(op), nexpr_dtype_name(dtype), element(&b, b.x[0], i),
                 element(&b, b.x[1], i), element(&b, b.r, i), element(&b, b.other, i));
    }
    batch_free(&b);
}

static void avx2_and_avx512_give_the_same_bits(void **state) {
    (void)state;
    if (!is_supported(NX_ISA_AVX512) || !is_supported(NX_ISA_AVX2)) skip();
    for_each_kernel(check_isas_agree);
}

/* All results again, but the elements in another order and the pieces of odd lengths. */
static void check_neighbours(nx_op op, nexpr_dtype dtype) {
    enum { N = 4099, STRIDE = 1031 };
    batch b = batch_new(dtype, N), shuffled = batch_new(dtype, N);
    draw_widely(&b, op);
    for (size_t i = 0; i < N; i++) {
        for (int k = 0; k < 2; k++) {
            memcpy((char *)shuffled.x[k] + i * b.size, (char *)b.x[k] + i * STRIDE % N * b.size, b.size);
        }
    }
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        if (!is_supported((nx_isa)isa)) continue;
        nx_kernel *kernel = nx_math_kernel((nx_isa)isa, op, dtype, 0);
        batch_run(&b, (nx_isa)isa, op, b.r);
        for (size_t i = 0, n = 1; i < N; i += n, n = n % 40 + 1) {
            if (n > N - i) n = N - i;
            kernel(n, (char *)shuffled.r + i * b.size,
                   (const void *[]){(char *)shuffled.x[0] + i * b.size, (char *)shuffled.x[1] + i * b.size});
        }
        for (size_t i = 0; i < N; i++) {
            size_t from = i * STRIDE % N;
            if (memcmp((char *)shuffled.r + i * b.size, (char *)b.r + from * b.size, b.size)) {
                fail_msg("%s of %s, isa %d: (%a, %a) depends on its neighbours", name_of(op), nexpr_dtype_name(dtype), isa,
                         element(&b, b.x[0], from), element(&b, b.x[1], from));
            }
        }
    }
    batch_free(&b);
    batch_free(&shuffled);
}

static void a_value_does_not_depend_on_place_length_or_neighbours(void **state) {
    (void)state;
    for_each_kernel(check_neighbours);
}

/* Fills operand k with copies of its first element. */
static void spread(batch *b, int k, size_t from) {
    for (size_t i = 0; i < b->n; i++) memmove((char *)b->x[k] + i * b->size, (char *)b->x[k] + from * b->size, b->size);
}

static void check_scalar_form(nx_op op, nexpr_dtype dtype, nx_isa isa, unsigned form, size_t n) {
    batch b = batch_new(dtype, n);
    batch_draw(&b, op, n + form);
    spread(&b, form == 1 ? 0 : 1, n / 2);
    batch_run(&b, isa, op, b.r);
    char *scalar = malloc(b.size);
    assert_non_null(scalar);
    memcpy(scalar, b.x[form == 1 ? 0 : 1], b.size);
    const void *x[] = {form == 1 ? scalar : b.x[0], form == 2 ? scalar : b.x[1]};
    nx_math_kernel(isa, op, dtype, form)(n, b.other, x);
    assert_memory_equal(b.r, b.other, n * b.size);
    free(scalar);
    batch_free(&b);
}

static void check_in_place(nx_op op, nexpr_dtype dtype, nx_isa isa, int operand, size_t n) {
    batch b = batch_new(dtype, n);
    batch_draw(&b, op, n);
    batch_run(&b, isa, op, b.r);
    batch_run(&b, isa, op, b.x[operand]);
    assert_memory_equal(b.r, b.x[operand], n * b.size);
    batch_free(&b);
}

static void check_lengths(nx_op op, nexpr_dtype dtype) {
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        if (!is_supported((nx_isa)isa)) continue;
        for (size_t n = 1; n <= 40; n++) {
            check_in_place(op, dtype, (nx_isa)isa, 0, n);
            if (nx_op_rows[op].arity < 2) continue;
            check_in_place(op, dtype, (nx_isa)isa, 1, n);
            check_scalar_form(op, dtype, (nx_isa)isa, 1, n);
            check_scalar_form(op, dtype, (nx_isa)isa, 2, n);
        }
    }
}

static void all_forms_agree_in_place_too_for_1_to_40_elements(void **state) {
    (void)state;
    for_each_kernel(check_lengths);
}

static void check_nothing_written_beyond(nx_op op, nexpr_dtype dtype) {
    batch b = batch_new(dtype, 64);
    batch_draw(&b, op, 5);
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        for (unsigned form = 0; is_supported((nx_isa)isa) && form < (nx_op_rows[op].arity == 2 ? 3 : 1); form++) {
            memset(b.r, 0x5a, 64 * b.size);
            nx_math_kernel((nx_isa)isa, op, dtype, form)(13, b.r, (const void *[]){b.x[0], b.x[1]});
            for (size_t i = 13 * b.size; i < 64 * b.size; i++) assert_int_equal(((char *)b.r)[i], 0x5a);
        }
    }
    batch_free(&b);
}

static void nothing_is_written_beyond_n(void **state) {
    (void)state;
    for_each_kernel(check_nothing_written_beyond);
}

/* --------------------------------------------------------------------------------------------- special values -- */

/* The k-th NaN of a dtype: a negative quiet one and a signalling one, both with a payload. */
static void store_nan(const batch *b, int k, void *r) {
    const uint64_t nans64[] = {0xfff8000000000001, 0x7ff0000000000001};
    const uint32_t nans32[] = {0xffc00001, 0x7f800001};
    memcpy(r, b->size == 8 ? (const void *)&nans64[k] : (const void *)&nans32[k], b->size);
}

static void check_canonical_results(batch *b, nx_isa isa, nx_op op) {
    const uint64_t canonical64 = 0x7ff8000000000000;
    const uint32_t canonical32 = 0x7fc00000;
    const void *want = b->size == 8 ? (const void *)&canonical64 : (const void *)&canonical32;
    batch_run(b, isa, op, b->r);
    for (size_t i = 0; i < b->n; i++) {
        if (isnan(element(b, b->r, i))) assert_memory_equal((char *)b->r + i * b->size, want, b->size);
    }
}

static void check_canonical(nx_op op, nexpr_dtype dtype) {
    static const double values[] = {0, -0.0, 1, -1, -2, -0.5, 0.5, 2, -1e300, 1e300, INFINITY, -INFINITY, NAN};
    enum { N = LENGTH(values), CHOICES = N + 2 };
    batch b = batch_new(dtype, CHOICES * CHOICES);
    for (size_t i = 0; i < b.n; i++) {
        b.values[0][i] = values[i % CHOICES % N];
        b.values[1][i] = values[i / CHOICES % N];
    }
    batch_convert(&b);
    for (size_t i = 0; i < b.n; i++) {
        if (i % CHOICES >= N) store_nan(&b, (int)(i % CHOICES - N), (char *)b.x[0] + i * b.size);
        if (i / CHOICES >= N) store_nan(&b, (int)(i / CHOICES - N), (char *)b.x[1] + i * b.size);
    }
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        if (is_supported((nx_isa)isa)) check_canonical_results(&b, (nx_isa)isa, op);
    }
    batch_free(&b);
}

static void every_nan_is_the_canonical_one(void **state) {
    (void)state;
    for_each_kernel(check_canonical);
}

typedef struct exact_case {
    nx_op op;
    double x, y, want;
} exact_case;

#define UNARY(op, x, want) {NX_OP_##op, x, 0, want}
#define ODD(op) UNARY(op, 0.0, 0.0), UNARY(op, -0.0, -0.0), UNARY(op, NAN, NAN)
#define BINARY(op, x, y, want) {NX_OP_##op, x, y, want}

/* Values that have no rounding in float32 either. */
static const exact_case exact_cases[] = {
    ODD(sin), ODD(tan), ODD(arcsin), ODD(arctan), ODD(sinh), ODD(tanh), ODD(arcsinh), ODD(arctanh), ODD(expm1),
    ODD(log1p), ODD(cbrt), ODD(erf), UNARY(sin, INFINITY, NAN), UNARY(cos, -INFINITY, NAN), UNARY(tan, INFINITY, NAN),
    UNARY(cos, 0, 1), UNARY(cos, -0.0, 1), UNARY(arcsin, 1.5, NAN), UNARY(arccos, -1.5, NAN), UNARY(arccos, 1, 0),
    UNARY(arcsin, INFINITY, NAN), UNARY(exp, 0, 1), UNARY(exp, -0.0, 1), UNARY(exp, INFINITY, INFINITY),
    UNARY(exp, -INFINITY, 0), UNARY(exp, 1e5, INFINITY), UNARY(exp, -1e5, 0), UNARY(exp2, 0, 1),
    UNARY(exp2, 1024, INFINITY), UNARY(exp2, -1100, 0), UNARY(exp10, 0, 1), UNARY(exp10, INFINITY, INFINITY),
    UNARY(exp10, -INFINITY, 0), UNARY(exp10, 309, INFINITY), UNARY(exp10, -324, 0), UNARY(exp10, NAN, NAN),
    UNARY(expm1, -INFINITY, -1), UNARY(expm1, INFINITY, INFINITY), UNARY(expm1, -1e5, -1), UNARY(log, 1, 0.0),
    UNARY(log, 0.0, -INFINITY), UNARY(log, -0.0, -INFINITY), UNARY(log, -1, NAN), UNARY(log, -INFINITY, NAN),
    UNARY(log, INFINITY, INFINITY), UNARY(log2, 1, 0.0), UNARY(log2, 0, -INFINITY), UNARY(log2, -1, NAN),
    UNARY(log10, 1, 0.0), UNARY(log10, 0, -INFINITY), UNARY(log10, -1, NAN), UNARY(log1p, -1, -INFINITY),
    UNARY(log1p, -2, NAN), UNARY(log1p, INFINITY, INFINITY), UNARY(log2, INFINITY, INFINITY),
    UNARY(log10, INFINITY, INFINITY), UNARY(sinh, INFINITY, INFINITY), UNARY(sinh, -INFINITY, -INFINITY),
    UNARY(cosh, -INFINITY, INFINITY), UNARY(cosh, 0, 1), UNARY(cosh, -0.0, 1), UNARY(tanh, INFINITY, 1),
    UNARY(tanh, -INFINITY, -1), UNARY(tanh, 1e300, 1), UNARY(arcsinh, INFINITY, INFINITY),
    UNARY(arcsinh, -INFINITY, -INFINITY), UNARY(arccosh, 1, 0), UNARY(arccosh, 0.5, NAN),
    UNARY(arccosh, INFINITY, INFINITY), UNARY(arccosh, -INFINITY, NAN), UNARY(arctanh, 1, INFINITY),
    UNARY(arctanh, -1, -INFINITY), UNARY(arctanh, 1.5, NAN), UNARY(cbrt, INFINITY, INFINITY),
    UNARY(cbrt, -INFINITY, -INFINITY), UNARY(erf, INFINITY, 1), UNARY(erf, -INFINITY, -1), UNARY(erfc, INFINITY, 0),
    UNARY(erfc, -INFINITY, 2), UNARY(erfc, 0, 1), UNARY(ndtri, 0, -INFINITY),
    UNARY(ndtri, -0.0, -INFINITY), UNARY(ndtri, 1, INFINITY), UNARY(ndtri, 0.5, 0), UNARY(ndtri, 2, NAN),
    UNARY(ndtri, -1e-30, NAN), UNARY(ndtri, INFINITY, NAN), UNARY(ndtri, -INFINITY, NAN), UNARY(gamma, 0.0, INFINITY), UNARY(gamma, -0.0, -INFINITY),
    UNARY(gamma, -1, NAN), UNARY(gamma, -200, NAN), UNARY(gamma, INFINITY, INFINITY), UNARY(gamma, -INFINITY, NAN),
    UNARY(gamma, 1, 1), UNARY(gamma, 5, 24), UNARY(gamma, 11, 3628800), UNARY(gamma, 200, INFINITY),
    UNARY(gamma, -1e10, NAN), UNARY(gamma, -300.5, -0.0), UNARY(gamma, -301.5, 0.0), UNARY(lgamma, 1, 0),
    UNARY(lgamma, 2, 0), UNARY(lgamma, 0.0, INFINITY), UNARY(lgamma, -0.0, INFINITY), UNARY(lgamma, -3, INFINITY),
    UNARY(lgamma, INFINITY, INFINITY), UNARY(lgamma, -INFINITY, INFINITY), BINARY(floor_divide, 1.5, 0, INFINITY),
    BINARY(floor_divide, -1.5, 0, -INFINITY), BINARY(floor_divide, 0, 0, NAN), BINARY(floor_divide, 5, INFINITY, 0),
    BINARY(floor_divide, -5, INFINITY, -1), BINARY(floor_divide, INFINITY, 2, NAN), BINARY(floor_divide, -0.0, 3, -0.0),
    BINARY(floor_divide, 7, -2, -4), BINARY(remainder, 5, INFINITY, 5), BINARY(remainder, -5, INFINITY, INFINITY),
    BINARY(remainder, 5, -INFINITY, -INFINITY), BINARY(remainder, 7, -2, -1), BINARY(remainder, -7, 2, 1),
    BINARY(remainder, 4, -2, -0.0), BINARY(remainder, 5, 0, NAN), BINARY(remainder, INFINITY, 3, NAN),
    BINARY(fmod, -7, 2, -1), BINARY(fmod, -4, 2, -0.0), BINARY(fmod, 5, INFINITY, 5), BINARY(fmod, INFINITY, 5, NAN),
    BINARY(fmod, 5, 0, NAN), BINARY(fmod, -0.0, 5, -0.0), BINARY(hypot, 3, -4, 5), BINARY(hypot, INFINITY, NAN, INFINITY),
    BINARY(hypot, NAN, -INFINITY, INFINITY), BINARY(hypot, -0.0, 0, 0), BINARY(hypot, NAN, 1, NAN),
    BINARY(hypot, 0x1p120, 0, 0x1p120), BINARY(arctan2, 0.0, 1, 0.0), BINARY(arctan2, -0.0, 1, -0.0),
    BINARY(arctan2, 0.0, 0.0, 0.0), BINARY(arctan2, -0.0, 0.0, -0.0), BINARY(arctan2, 1, INFINITY, 0.0),
    BINARY(arctan2, -1, INFINITY, -0.0), BINARY(arctan2, NAN, 1, NAN), BINARY(arctan2, 1, NAN, NAN),
    BINARY(logaddexp, INFINITY, INFINITY, INFINITY), BINARY(logaddexp, -INFINITY, -INFINITY, -INFINITY),
    BINARY(logaddexp, INFINITY, -INFINITY, INFINITY), BINARY(logaddexp, 3, -INFINITY, 3),
    BINARY(logaddexp, NAN, INFINITY, NAN), BINARY(logaddexp2, 3, 3, 4), BINARY(logaddexp2, INFINITY, INFINITY, INFINITY),
    BINARY(logaddexp2, -INFINITY, 7, 7), BINARY(logaddexp2, -INFINITY, -INFINITY, -INFINITY),
    BINARY(logaddexp2, 1, NAN, NAN),
    /* C99 F.10.4.4 */
    BINARY(power, 0.0, -3, INFINITY), BINARY(power, -0.0, -3, -INFINITY), BINARY(power, -0.0, -2, INFINITY),
    BINARY(power, -0.0, -2.5, INFINITY), BINARY(power, 0.0, -INFINITY, INFINITY),
    BINARY(power, -0.0, -INFINITY, INFINITY), BINARY(power, -0.0, 3, -0.0), BINARY(power, 0.0, 3, 0.0),
    BINARY(power, -0.0, 2, 0.0), BINARY(power, -0.0, 0.5, 0.0), BINARY(power, -1, INFINITY, 1),
    BINARY(power, -1, -INFINITY, 1), BINARY(power, 1, NAN, 1), BINARY(power, 1, INFINITY, 1), BINARY(power, NAN, 0, 1),
    BINARY(power, INFINITY, 0, 1), BINARY(power, -INFINITY, -0.0, 1), BINARY(power, 0, 0, 1),
    BINARY(power, -8, 1.0 / 3, NAN), BINARY(power, -2, 0.5, NAN), BINARY(power, 0.5, -INFINITY, INFINITY),
    BINARY(power, -2, -INFINITY, 0.0), BINARY(power, -0.5, INFINITY, 0.0), BINARY(power, 2, INFINITY, INFINITY),
    BINARY(power, -INFINITY, -3, -0.0), BINARY(power, -INFINITY, -2, 0.0), BINARY(power, -INFINITY, -0.5, 0.0),
    BINARY(power, -INFINITY, 3, -INFINITY), BINARY(power, -INFINITY, 2, INFINITY),
    BINARY(power, -INFINITY, 0.5, INFINITY), BINARY(power, INFINITY, -1, 0.0), BINARY(power, INFINITY, 0.1, INFINITY),
    BINARY(power, NAN, 1, NAN), BINARY(power, 2, NAN, NAN), BINARY(power, -3, 3, -27), BINARY(power, -3, 4, 81),
    BINARY(power, 7, 5, 16807), BINARY(power, 2, -126, 0x1p-126), BINARY(power, 0.5, 126, 0x1p-126),
    BINARY(power, 4, 0.5, 2), BINARY(power, 10, 3, 1000), BINARY(power, -2, 0x1p80, INFINITY),
    BINARY(power, -0.5, 0x1p80, 0), BINARY(power, INFINITY, NAN, NAN), BINARY(power, 0, NAN, NAN),
    BINARY(power, -1, NAN, NAN), BINARY(power, -1, 3, -1),
};

static void assert_value(nx_isa isa, nx_op op, nexpr_dtype dtype, double x, double y, double want) {
    double got = call(isa, op, dtype, x, y);
    if (isnan(want) ? isnan(got) : got == want && signbit(got) == signbit(want)) return;
    fail_msg("%s of %s, isa %d: (%.17g, %.17g) gives %.17g, not %.17g", name_of(op), nexpr_dtype_name(dtype), isa, x, y, got,
             want);
}

static void special_values_are_those_of_c99_and_numpy(void **state) {
    (void)state;
    for (size_t i = 0; i < LENGTH(exact_cases); i++) {
        const exact_case *c = &exact_cases[i];
        for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
            if (!is_supported((nx_isa)isa)) continue;
            assert_value((nx_isa)isa, c->op, NEXPR_FLOAT32, c->x, c->y, c->want);
            assert_value((nx_isa)isa, c->op, NEXPR_FLOAT64, c->x, c->y, c->want);
        }
    }
}

static void quotients_that_users_know(void **state) {
    (void)state;
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        if (!is_supported((nx_isa)isa)) continue;
        assert_value((nx_isa)isa, NX_OP_floor_divide, NEXPR_FLOAT64, 1.0, 0.1, 9);
        assert_value((nx_isa)isa, NX_OP_remainder, NEXPR_FLOAT64, 1.0, 0.1, 0.09999999999999995);
        assert_value((nx_isa)isa, NX_OP_fmod, NEXPR_FLOAT64, 1e300, 3e-10, fmod(1e300, 3e-10));
        assert_value((nx_isa)isa, NX_OP_fmod, NEXPR_FLOAT64, DBL_MAX, 0x1p-1074, 0);
        assert_value((nx_isa)isa, NX_OP_fmod, NEXPR_FLOAT64, DBL_MAX, 3 * 0x1p-1074, fmod(DBL_MAX, 3 * 0x1p-1074));
    }
}

/* arctan2 on the axes: multiples of pi/4, rounded. */
static void arctan2_knows_the_axes(void **state) {
    (void)state;
    static const struct { double y, x, want; } cases[] = {
        {0.0, -1, M_PI}, {-0.0, -1, -M_PI}, {0.0, -0.0, M_PI}, {-0.0, -0.0, -M_PI}, {1, 0.0, M_PI_2}, {-1, -0.0, -M_PI_2},
        {1, -INFINITY, M_PI}, {-1, -INFINITY, -M_PI}, {INFINITY, 1, M_PI_2}, {-INFINITY, -1, -M_PI_2},
        {INFINITY, INFINITY, M_PI_4}, {-INFINITY, INFINITY, -M_PI_4}, {INFINITY, -INFINITY, 3 * M_PI_4},
        {-INFINITY, -INFINITY, -3 * M_PI_4}, {1, 1, M_PI_4}, {-1, 1, -M_PI_4},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
            if (!is_supported((nx_isa)isa)) continue;
            assert_value((nx_isa)isa, NX_OP_arctan2, NEXPR_FLOAT64, cases[i].y, cases[i].x, cases[i].want);
            assert_value((nx_isa)isa, NX_OP_arctan2, NEXPR_FLOAT32, cases[i].y, cases[i].x, (double)(float)cases[i].want);
        }
    }
}

static void powers_and_logarithms_of_2_are_exact(void **state) {
    (void)state;
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        if (!is_supported((nx_isa)isa)) continue;
        for (int k = -1074; k < 1024; k++) {
            assert_value((nx_isa)isa, NX_OP_exp2, NEXPR_FLOAT64, k, 0, ldexp(1, k));
            assert_value((nx_isa)isa, NX_OP_log2, NEXPR_FLOAT64, ldexp(1, k), 0, k);
            assert_value((nx_isa)isa, NX_OP_power, NEXPR_FLOAT64, 2, k, ldexp(1, k));
            if (k < -149 || k >= 128) continue;
            assert_value((nx_isa)isa, NX_OP_exp2, NEXPR_FLOAT32, k, 0, ldexp(1, k));
            assert_value((nx_isa)isa, NX_OP_log2, NEXPR_FLOAT32, ldexp(1, k), 0, k);
            assert_value((nx_isa)isa, NX_OP_power, NEXPR_FLOAT32, 2, k, ldexp(1, k));
        }
    }
}

static void powers_and_logarithms_of_10_are_exact(void **state) {
    (void)state;
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        if (!is_supported((nx_isa)isa)) continue;
        for (int k = -323; k <= 308; k++) {
            char text[16];
            snprintf(text, sizeof text, "1e%d", k);
            double want = strtod(text, NULL);
            assert_value((nx_isa)isa, NX_OP_exp10, NEXPR_FLOAT64, k, 0, want);
            if (k >= -307) assert_value((nx_isa)isa, NX_OP_log10, NEXPR_FLOAT64, want, 0, k);
            if (k >= -45 && k <= 38) assert_value((nx_isa)isa, NX_OP_exp10, NEXPR_FLOAT32, k, 0, (double)strtof(text, NULL));
            if (k >= -37 && k <= 38) assert_value((nx_isa)isa, NX_OP_log10, NEXPR_FLOAT32, want, 0, k);
        }
    }
}

static void powers_1_and_2_are_exact(void **state) {
    (void)state;
    const double values[] = {DBL_MAX, -DBL_MAX, FLT_MAX, 0.1,    -0.1,    0x1p-1074,
                             1e-160,  -3e150,   FLT_MIN, 1.9e19, 1 / 3.0, -0.0};
    for (size_t i = 0; i < LENGTH(values); i++) {
        for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
            if (!is_supported((nx_isa)isa)) continue;
            double x = values[i];
            float f = (float)x;
            assert_value((nx_isa)isa, NX_OP_power, NEXPR_FLOAT64, x, 1, x);
            assert_value((nx_isa)isa, NX_OP_power, NEXPR_FLOAT64, x, 2, x * x);
            assert_value((nx_isa)isa, NX_OP_power, NEXPR_FLOAT32, (double)f, 1, (double)f);
            assert_value((nx_isa)isa, NX_OP_power, NEXPR_FLOAT32, (double)f, 2, (double)(f * f));
        }
    }
}

static void cube_roots_of_cubes_are_exact(void **state) {
    (void)state;
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        for (int k = -200; is_supported((nx_isa)isa) && k <= 200; k++) {
            assert_value((nx_isa)isa, NX_OP_cbrt, NEXPR_FLOAT64, (double)k * k * k, 0, k);
            assert_value((nx_isa)isa, NX_OP_cbrt, NEXPR_FLOAT32, (double)k * k * k, 0, k);
        }
    }
}

/* |sin|, |cos|, |tanh|, |erf| never exceed 1. */
static void bounded_functions_stay_bounded(void **state) {
    (void)state;
    static const nx_op ops[] = {NX_OP_sin, NX_OP_cos, NX_OP_tanh, NX_OP_erf};
    for (size_t o = 0; o < LENGTH(ops); o++) {
        for (size_t d = 0; d < LENGTH(dtypes); d++) {
            batch b = batch_new(dtypes[d], 100000);
            batch_draw(&b, ops[o], 7);
            batch_run(&b, is_supported(NX_ISA_AVX2) ? NX_ISA_AVX2 : NX_ISA_BASELINE, ops[o], b.r);
            for (size_t i = 0; i < b.n; i++) assert_false(fabs(element(&b, b.r, i)) > 1);
            batch_free(&b);
        }
    }
}

/* f(-x) = parity * f(x), bit for bit. */
static void check_parity(nx_op op, nexpr_dtype dtype, double parity) {
    batch b = batch_new(dtype, 20000);
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        if (!is_supported((nx_isa)isa)) continue;
        batch_draw(&b, op, 8);
        batch_run(&b, (nx_isa)isa, op, b.r);
        for (size_t i = 0; i < b.n; i++) b.values[0][i] *= -1;
        batch_convert(&b);
        batch_run(&b, (nx_isa)isa, op, b.other);
        for (size_t i = 0; i < b.n; i++) {
            double plus = element(&b, b.r, i), minus = element(&b, b.other, i);
            if (!isnan(plus) && (plus * parity != minus || !signbit(plus * parity) != !signbit(minus))) {
                fail_msg("%s of %s, isa %d: no symmetry at %a", name_of(op), nexpr_dtype_name(dtype), isa, b.values[0][i]);
            }
        }
    }
    batch_free(&b);
}

static void odd_and_even_functions_are_so_bit_for_bit(void **state) {
    (void)state;
    static const nx_op odd[] = {NX_OP_sin, NX_OP_tan, NX_OP_arcsin, NX_OP_arctan, NX_OP_sinh, NX_OP_tanh, NX_OP_arcsinh,
                                NX_OP_arctanh, NX_OP_cbrt, NX_OP_erf};
    static const nx_op even[] = {NX_OP_cos, NX_OP_cosh};
    for (size_t d = 0; d < LENGTH(dtypes); d++) {
        for (size_t i = 0; i < LENGTH(odd); i++) check_parity(odd[i], dtypes[d], -1);
        for (size_t i = 0; i < LENGTH(even); i++) check_parity(even[i], dtypes[d], 1);
    }
}

/* -------------------------------------------------------------------------------------------------------- sincos -- */

static nx_math_sincos_f64 *const sincos_f64[] = {
    nx_math_sincos_f64_baseline,
    nx_math_sincos_f64_avx2,
    nx_math_sincos_f64_avx512,
};
static nx_math_sincos_f32 *const sincos_f32[] = {
    nx_math_sincos_f32_baseline,
    nx_math_sincos_f32_avx2,
    nx_math_sincos_f32_avx512,
};

static void sincos_gives_the_bits_of_sin_and_cos(void **state) {
    (void)state;
    for (size_t d = 0; d < LENGTH(dtypes); d++) {
        batch b = batch_new(dtypes[d], 3001);
        draw_widely(&b, NX_OP_sin);
        for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
            if (!is_supported((nx_isa)isa)) continue;
            if (dtypes[d] == NEXPR_FLOAT64) {
                sincos_f64[isa](b.n, b.values[0], b.values[1], b.x[0]);
            } else {
                sincos_f32[isa](b.n, (float *)b.values[0], (float *)b.values[1], b.x[0]);
            }
            batch_run(&b, (nx_isa)isa, NX_OP_sin, b.r);
            batch_run(&b, (nx_isa)isa, NX_OP_cos, b.other);
            assert_memory_equal(b.values[0], b.r, b.n * b.size);
            assert_memory_equal(b.values[1], b.other, b.n * b.size);
        }
        batch_free(&b);
    }
}

static int free_reference(void **state) {
    (void)state;
    reference_free();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_its_kernels),
        cmocka_unit_test(rows_without_math_have_no_kernel),
        cmocka_unit_test(special_values_are_those_of_c99_and_numpy),
        cmocka_unit_test(quotients_that_users_know),
        cmocka_unit_test(arctan2_knows_the_axes),
        cmocka_unit_test(powers_and_logarithms_of_2_are_exact),
        cmocka_unit_test(powers_and_logarithms_of_10_are_exact),
        cmocka_unit_test(powers_1_and_2_are_exact),
        cmocka_unit_test(cube_roots_of_cubes_are_exact),
        cmocka_unit_test(bounded_functions_stay_bounded),
        cmocka_unit_test(odd_and_even_functions_are_so_bit_for_bit),
        cmocka_unit_test(sincos_gives_the_bits_of_sin_and_cos),
        cmocka_unit_test(every_nan_is_the_canonical_one),
        cmocka_unit_test(nothing_is_written_beyond_n),
        cmocka_unit_test(all_forms_agree_in_place_too_for_1_to_40_elements),
        cmocka_unit_test(a_value_does_not_depend_on_place_length_or_neighbours),
        cmocka_unit_test(avx2_and_avx512_give_the_same_bits),
        cmocka_unit_test(division_with_remainder_is_numpys_bit_for_bit),
        cmocka_unit_test(every_function_is_within_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, free_reference);
}
