/* SPDX-License-Identifier: MIT */
/*
 * The complex kernels against MPC: |result - exact| <= 8 eps |exact|, give or take one smallest subnormal in each part, on a
 * grid of edges and at random points; against NumPy's special values; and against themselves, for every instruction set,
 * number of elements, form and for results in place of operands.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "complex_reference.h"
#include "math/complex.h"
#include "math/math.h"

#define BOUND 8.0
/* What the arguments of exp2 and the exponents of powers promise (math/README.md). */
#define EXP2_LARGEST 0x1p50
#define POWER_LARGEST 0x1p40

typedef struct function {
    const char *name;
    nx_op op;
    bool real_result, binary;
} function;

#define IS_T_T false, false
#define IS_T_R true, false
#define IS_TT_T false, true
static const function functions[] = {
#define OP(id, group, names, syntax, sig, domain, promote, meaning, math, ...) \
    NX_MATH_COMPLEX_IF_##math({#id, NX_OP_##id, IS_##sig},)
#include "engine/ops.def"
};
enum { FUNCTIONS = sizeof functions / sizeof *functions, CAPACITY = 4096 };

/* Numbers of either precision as pairs of float64; `single`: they are rounded to float32 on their way to a kernel. */
typedef struct pairs {
    double at[CAPACITY][2];
} pairs;

static bool isa_is_here(nx_isa isa) {
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return isa == NX_ISA_AVX512 ? avx512 : isa == NX_ISA_AVX2 ? avx2 : true;
}

/* r = f(z, w) by the kernel; forms as in engine/kernel.h. */
static void compute(const function *f, nx_isa isa, bool single, unsigned form, size_t n, pairs *r, const pairs *z,
                    const pairs *w) {
    static float operands[2][2 * CAPACITY], result[2 * CAPACITY];
    nx_kernel *kernel = nx_math_kernel(isa, f->op, single ? NEXPR_COMPLEX64 : NEXPR_COMPLEX128, form);
    size_t parts = f->real_result ? 1 : 2;
    assert_non_null(kernel);
    if (single) {
        for (size_t i = 0; i < 2 * n; i++) {
            operands[0][i] = (float)z->at[i / 2][i % 2];
            operands[1][i] = (float)w->at[i / 2][i % 2];
        }
        kernel(n, result, (const void *const[]){operands[0], operands[1]});
        for (size_t i = 0; i < parts * n; i++) r->at[i / parts][i % parts] = (double)result[i];
    } else if (parts == 2) {
        kernel(n, r->at, (const void *const[]){z->at, w->at});
    } else {
        double *moduli = malloc(n * sizeof *moduli);
        assert_non_null(moduli);
        kernel(n, moduli, (const void *const[]){z->at});
        for (size_t i = 0; i < n; i++) r->at[i][0] = moduli[i];
        free(moduli);
    }
    for (size_t i = 0; parts == 1 && i < n; i++) r->at[i][1] = 0;
}

static bool same_bits(double a, double b) {
    return memcmp(&a, &b, sizeof a) == 0;
}

/* -------------------------------------------------------------------------------------------------------- points -- */

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint64_t random_bits(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

static double random_unit(void) {
    return (double)(random_bits() >> 11) * 0x1p-53;
}

static double random_between(double low, double high) {
    return low + (high - low) * random_unit();
}

static double random_scaled(double low, double high) {
    return copysign(exp2(random_between(low, high)), random_unit() - 0.5);
}

/* Rounded to the precision; float32 keeps what overflows as its largest number. */
static double rounded(double x, bool single) {
    return !single ? x : fabs(x) > 3.4e38 ? copysign(3.4028234663852886e38, x) : (double)(float)x;
}

/* A point near zeros, poles, branch points and the unit circle, or anywhere. */
static void random_point(double *z, bool single) {
    static const double centres[] = {0, 1, -1, 2, M_PI_2, -M_PI_2, M_PI, 2 * M_PI, 11 * M_PI_2, 22};
    double lowest = single ? -148 : -1073, highest = single ? 127 : 1023, t = random_between(-4, 4);
    double radius = 1 + random_scaled(-53, -3), near[2];
    for (int k = 0; k < 2; k++) near[k] = centres[random_bits() % 10] + (random_bits() % 4 ? random_scaled(-60, -2) : 0);
    switch (random_bits() % 8) {
    case 0: z[0] = random_scaled(lowest, highest), z[1] = random_scaled(lowest, highest); break;
    case 1: z[0] = random_scaled(-40, 11), z[1] = random_scaled(-40, 11); break;
    case 2: z[0] = radius * cos(t), z[1] = radius * sin(t); break;
    case 3: z[0] = near[0], z[1] = random_scaled(lowest, 1); break;
    case 4: z[0] = random_scaled(lowest, 1), z[1] = near[0]; break;
    case 5: z[0] = random_scaled(0, single ? 7.5 : 10.6), z[1] = random_scaled(-20, 10); break;
    case 6: z[0] = random_scaled(-20, 10), z[1] = random_scaled(0, single ? 7.5 : 10.6); break;
    default: z[0] = near[0], z[1] = near[1]; break;
    }
    for (int k = 0; k < 2; k++) z[k] = rounded(z[k], single);
}

/* An exponent that turns z by a large angle, and does not over- or underflow but for rounding. */
static void random_turn(double *w, const double *z, bool single) {
    double l = log(hypot(z[0], z[1])), a = atan2(z[1], z[0]), size = l * l + a * a;
    double re = random_between(-80, 80), im = random_scaled(0, log2(POWER_LARGEST) - 2);
    w[0] = rounded((re * l + im * a) / size, single);
    w[1] = rounded((im * l - re * a) / size, single);
}

/* Signs and pairs of the edges of either precision: returns their number. */
static size_t edge_points(pairs *z, bool single) {
    static const double edges[2][24] = {
        {0, 0x1p-1074, 0x1p-1022, 1e-160, 1e-17, 1e-8, 0.5, 1 - 0x1p-53, 1, 1 + 0x1p-52, M_PI_2, 2, M_PI, 22, 300,
         709.5, 710.3, 745, 1e8, 1e16, 0x1p511, 1e200, 0x1p1023, 1.7976931348623157e308},
        {0, 0x1p-149, 0x1p-126, 1e-23, 1e-10, 1e-4, 0.5, 1 - 0x1p-24, 1, 1 + 0x1p-23, M_PI_2, 2, M_PI, 11, 60,
         88.5, 89.3, 104, 1e4, 1e9, 0x1p63, 1e25, 0x1p127, 3.4028234663852886e38},
    };
    size_t n = 0;
    for (size_t i = 0; i < 24 * 24; i++) {
        for (int signs = 0; signs < 4; signs++, n++) {
            z->at[n][0] = rounded(edges[single][i / 24], single) * (signs & 1 ? -1 : 1);
            z->at[n][1] = rounded(edges[single][i % 24], single) * (signs & 2 ? -1 : 1);
        }
    }
    return n;
}

/* ------------------------------------------------------------------------------------------------------ accuracy -- */

typedef struct error {
    double largest, z[2], w[2], got[2], want[2];
} error;

/* Error of one part in units of eps * size, less one subnormal. */
static double part_error(double got, mpfr_srcptr want, mpfr_srcptr size, bool single) {
    double eps = single ? 0x1p-23 : 0x1p-52, most = single ? 3.4028234663852886e38 : 1.7976931348623157e308;
    mpfr_t t, limit;
    mpfr_inits2(REFERENCE_BITS, t, limit, (mpfr_ptr)0);
    double e = INFINITY;
    if (mpfr_inf_p(want) || isinf(got)) { /* it may overflow where the bound allows it */
        mpfr_mul_d(limit, size, BOUND * eps, MPFR_RNDN);
        mpfr_mul_si(t, want, got < 0 ? -1 : 1, MPFR_RNDN);
        mpfr_add(t, t, limit, MPFR_RNDN);
        if (isinf(got) && mpfr_cmp_d(t, most) >= 0) e = 0;
    } else if (got == got) {
        mpfr_sub_d(t, want, got, MPFR_RNDN);
        mpfr_abs(t, t, MPFR_RNDN);
        mpfr_sub_d(t, t, single ? 0x1p-149 : 0x1p-1074, MPFR_RNDN);
        mpfr_div(t, t, size, MPFR_RNDN);
        e = mpfr_sgn(t) <= 0 ? 0 : mpfr_get_d(t, MPFR_RNDN) / eps;
    }
    mpfr_clears(t, limit, (mpfr_ptr)0);
    return e;
}

static double error_of(const double *got, mpc_srcptr want, bool single) {
    mpfr_t size;
    mpfr_init2(size, REFERENCE_BITS);
    mpc_abs(size, want, MPFR_RNDN);
    double e = 0;
    if (!mpfr_nan_p(mpc_realref(want)) && !mpfr_nan_p(mpc_imagref(want))) {
        e = hypot(part_error(got[0], mpc_realref(want), size, single), part_error(got[1], mpc_imagref(want), size, single));
    }
    mpfr_clear(size);
    return e;
}

/* Whether the bound is promised there. */
static bool in_range(const function *f, const double *z, const double *w) {
    if (f->op == NX_OP_exp2) return fabs(z[1]) <= EXP2_LARGEST;
    if (!f->binary) return true;
    return hypot(w[0], w[1]) * hypot(log(hypot(z[0], z[1])), M_PI) <= POWER_LARGEST && (z[0] != 0 || z[1] != 0);
}

static void measure(const function *f, bool single, size_t n, const pairs *z, const pairs *w, error *worst) {
    static pairs results[NX_ISA_COUNT];
    mpc_t exact, mz, mw;
    mpc_init2(exact, REFERENCE_BITS);
    mpc_init2(mz, 53);
    mpc_init2(mw, 53);
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        if (isa_is_here((nx_isa)isa)) compute(f, (nx_isa)isa, single, 0, n, &results[isa], z, w);
    }
    for (size_t i = 0; i < n; i++) {
        if (!in_range(f, z->at[i], w->at[i])) continue;
        mpc_set_d_d(mz, z->at[i][0], z->at[i][1], MPC_RNDNN);
        mpc_set_d_d(mw, w->at[i][0], w->at[i][1], MPC_RNDNN);
        complex_reference_of(f->op)(exact, mz, mw);
        for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
            if (!isa_is_here((nx_isa)isa)) continue;
            const double *got = results[isa].at[i];
            double e = error_of(got, exact, single);
            if (!(e > worst->largest)) continue;
            *worst = (error){e, {z->at[i][0], z->at[i][1]}, {w->at[i][0], w->at[i][1]}, {got[0], got[1]},
                             {mpfr_get_d(mpc_realref(exact), MPFR_RNDN), mpfr_get_d(mpc_imagref(exact), MPFR_RNDN)}};
        }
    }
    mpc_clear(exact);
    mpc_clear(mz);
    mpc_clear(mw);
}

static void check_error(const function *f, bool single, const error *e) {
    print_message("%-9s %s %6.3f eps at %a %+aj", f->name, single ? "c64 " : "c128", e->largest, e->z[0], e->z[1]);
    if (f->binary) print_message(" to %a %+aj", e->w[0], e->w[1]);
    print_message("\n");
    if (e->largest > BOUND) {
        fail_msg("%s: got %a %+aj, exact %a %+aj", f->name, e->got[0], e->got[1], e->want[0], e->want[1]);
    }
}

static void every_function_is_within_8_eps_on_the_edges(void **state) {
    static pairs z, w;
    (void)state;
    for (size_t k = 0; k < 2 * FUNCTIONS; k++) {
        const function *f = &functions[k / 2];
        bool single = k % 2;
        error worst = {0};
        size_t n = edge_points(&z, single);
        for (size_t i = 0; i < n; i++) {
            w.at[i][0] = rounded(random_scaled(-3, 7), single);
            w.at[i][1] = rounded(random_scaled(-60, 3), single);
        }
        measure(f, single, n, &z, &w, &worst);
        check_error(f, single, &worst);
    }
}

static void every_function_is_within_8_eps_at_random(void **state) {
    static pairs z, w;
    const char *points = getenv("NEXPR_TEST_POINTS");
    size_t n = 3000, rounds = points ? strtoul(points, NULL, 10) / n + 1 : 1;
    (void)state;
    for (size_t k = 0; k < 2 * FUNCTIONS; k++) {
        const function *f = &functions[k / 2];
        bool single = k % 2;
        error worst = {0};
        for (size_t round = 0; round < rounds; round++) {
            for (size_t i = 0; i < n; i++) {
                random_point(z.at[i], single);
                random_point(w.at[i], single);
                if (i % 4 == 0) w.at[i][0] = rounded(random_scaled(0, 8), single);
                if (i % 4 == 2) random_turn(w.at[i], z.at[i], single);
                if (i % 4 == 1) w.at[i][0] = rint(random_scaled(0, 8)), w.at[i][1] = 0;
            }
            measure(f, single, n, &z, &w, &worst);
        }
        check_error(f, single, &worst);
    }
}

/* ------------------------------------------------------------------------------------------------ special values -- */

/* One part of an expected result: a number of 9 digits, "+-" before it if any sign will do. */
static bool part_matches(double got, char **text) {
    while (**text == ' ' || **text == ',') ++*text;
    bool any_sign = strncmp(*text, "+-", 2) == 0;
    double want = strtod(*text + (any_sign ? 2 : 0), text);
    if (want != want) return same_bits(got, (double)NAN);
    if (any_sign) got = fabs(got);
    if (isinf(want) || want == 0) return got == want && signbit(got) == signbit(want);
    return fabs(got - want) <= 1e-6 * fabs(want);
}

typedef struct special {
    nx_op op;
    double re;
    const char *results;
} special;

static const special specials[] = {
#define ROW(op, re, results) {NX_OP_##op, re, results},
#include "complex_special.def"
};

static const function *function_of(nx_op op) {
    for (size_t k = 0; k < FUNCTIONS; k++) {
        if (functions[k].op == op) return &functions[k];
    }
    return NULL;
}

static void check_special_row(const special *row, nx_isa isa, bool single, double nan) {
    static const double parts[] = {0, -0.0, 1, -1, INFINITY, -INFINITY, (double)NAN};
    static pairs z, r;
    char *text = (char *)(uintptr_t)row->results;
    for (size_t i = 0; i < 7; i++) {
        z.at[i][0] = row->re == row->re ? row->re : nan;
        z.at[i][1] = i < 6 ? parts[i] : nan;
    }
    compute(function_of(row->op), isa, single, 0, 7, &r, &z, &z);
    for (size_t i = 0; i < 7; i++) {
        bool re = part_matches(r.at[i][0], &text), im = part_matches(r.at[i][1], &text);
        if (re && im) continue;
        fail_msg("%s of %g %+gj is %g %+gj on ISA %d", function_of(row->op)->name, row->re, parts[i], r.at[i][0], r.at[i][1],
                 (int)isa);
    }
}

static void special_values_are_numpys_whatever_the_sign_of_a_nan(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof specials / sizeof *specials; k++) {
        for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
            if (!isa_is_here((nx_isa)isa)) continue;
            for (int single = 0; single < 2; single++) {
                check_special_row(&specials[k], (nx_isa)isa, single, (double)NAN);
                check_special_row(&specials[k], (nx_isa)isa, single, -(double)NAN);
            }
        }
    }
}

static void special_powers_are_numpys(void **state) {
    static const struct {
        double z[2], w[2];
        const char *result;
    } rows[] = {
        {{0, 0}, {0, 0}, "1 0"}, {{NAN, 0}, {0, 0}, "1 0"}, {{INFINITY, NAN}, {-0.0, 0}, "1 0"},
        {{0, 0}, {1, 0}, "0 0"}, {{-0.0, -0.0}, {3, 0}, "0 0"}, {{0, -0.0}, {1, 1}, "0 0"}, {{0, 0}, {INFINITY, 0}, "0 0"},
        {{0, 0}, {-1, 0}, "nan nan"}, {{0, 0}, {0, 1}, "nan nan"}, {{0, 0}, {NAN, 0}, "nan nan"},
        {{INFINITY, 0}, {1, 0}, "inf 0"}, {{INFINITY, NAN}, {1, 0}, "inf nan"}, {{1, NAN}, {1, 0}, "1 nan"},
        {{INFINITY, 0}, {2, 0}, "inf nan"}, {{INFINITY, INFINITY}, {2, 0}, "nan inf"}, {{INFINITY, 0}, {3, 0}, "nan nan"},
        {{INFINITY, 1}, {3, 0}, "nan inf"}, {{1, INFINITY}, {3, 0}, "-inf nan"}, {{INFINITY, 1}, {4, 0}, "nan nan"},
        {{INFINITY, 0}, {-1, 0}, "nan nan"}, {{INFINITY, 0}, {0.5, 0}, "inf nan"}, {{-INFINITY, 0}, {0.5, 0}, "inf nan"},
        {{INFINITY, 0}, {100, 0}, "inf nan"}, {{1, 0}, {NAN, 0}, "nan nan"}, {{1, 0}, {INFINITY, 0}, "nan nan"},
        {{2, 0}, {INFINITY, 0}, "inf nan"}, {{0.5, 0}, {INFINITY, 0}, "+-0 +-0"}, {{2, 0}, {-INFINITY, 1}, "+-0 +-0"},
        {{2, 0}, {INFINITY, 1}, "inf nan"}, {{2, 0}, {1, INFINITY}, "nan nan"}, {{2, 0}, {3, NAN}, "nan nan"},
        {{3, -0.0}, {2, 0}, "9 -0"}, {{3, -0.0}, {4, 0}, "81 0"}, {{3, -0.0}, {-1, 0}, "0.33333333333 0"},
        {{-2, 0}, {0.5, 0}, "+-0 1.41421356237"}, {{-2, -0.0}, {0.5, 0}, "+-0 -1.41421356237"},
        {{3, 4}, {1, 0}, "3 4"}, {{3, 4}, {-1, 0}, "0.12 -0.16"}, {{2, 0}, {0.5, 0}, "1.41421356237 0"},
    };
    static pairs z, w, r;
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows * 2; k++) {
        memcpy(z.at, rows[k / 2].z, sizeof *z.at);
        memcpy(w.at, rows[k / 2].w, sizeof *w.at);
        for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
            if (!isa_is_here((nx_isa)isa)) continue;
            char *text = (char *)(uintptr_t)rows[k / 2].result;
            compute(function_of(NX_OP_power), (nx_isa)isa, k % 2, 0, 1, &r, &z, &w);
            bool re = part_matches(r.at[0][0], &text), im = part_matches(r.at[0][1], &text);
            if (!re || !im) fail_msg("row %zu: %g %+gj", k / 2, r.at[0][0], r.at[0][1]);
        }
    }
}

static void exact_values_are_exact(void **state) {
    static const struct {
        nx_op op;
        double z[2], w[2], result[2];
    } rows[] = {
        {NX_OP_exp, {0, 0}, {0}, {1, 0}}, {NX_OP_cos, {0, 0}, {0}, {1, -0.0}}, {NX_OP_cosh, {0, 0}, {0}, {1, 0}},
        {NX_OP_exp2, {10, 0}, {0}, {1024, 0}}, {NX_OP_log, {1, 0}, {0}, {0, 0}}, {NX_OP_log2, {8, 0}, {0}, {3, 0}},
        {NX_OP_log10, {1000, 0}, {0}, {3, 0}}, {NX_OP_sqrt, {3, 4}, {0}, {2, 1}}, {NX_OP_sqrt, {-4, -0.0}, {0}, {0, -2}},
        {NX_OP_absolute, {3, 4}, {0}, {5, 0}}, {NX_OP_sign, {0, -2}, {0}, {0, -1}}, {NX_OP_sign, {3, 4}, {0}, {0.6, 0.8}},
        {NX_OP_power, {3, 4}, {2, 0}, {-7, 24}}, {NX_OP_power, {1, 2}, {3, 0}, {-11, -2}},
        {NX_OP_power, {1, 1}, {10, 0}, {0, 32}}, {NX_OP_power, {2, 0}, {-10, 0}, {0x1p-10, 0}},
        {NX_OP_power, {1, 1}, {-2, 0}, {0, -0.5}}, {NX_OP_power, {2, 1}, {7, 0}, {-278, -29}},
    };
    static pairs z, w, r;
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows * 2; k++) {
        const double *want = rows[k / 2].result;
        memcpy(z.at, rows[k / 2].z, sizeof *z.at);
        memcpy(w.at, rows[k / 2].w, sizeof *w.at);
        for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
            if (!isa_is_here((nx_isa)isa)) continue;
            compute(function_of(rows[k / 2].op), (nx_isa)isa, k % 2, 0, 1, &r, &z, &w);
            if (same_bits(r.at[0][0], rounded(want[0], k % 2)) && same_bits(r.at[0][1], rounded(want[1], k % 2))) continue;
            fail_msg("%s of %g %+gj: %a %+aj", function_of(rows[k / 2].op)->name, z.at[0][0], z.at[0][1], r.at[0][0],
                     r.at[0][1]);
        }
    }
}

/* ------------------------------------------------------------------------------------------------------ the same -- */

/* Random numbers, one in eight with a part that is special. */
static void mixed_points(pairs *z, size_t n, bool single) {
    static const double parts[] = {0, -0.0, INFINITY, -INFINITY, (double)NAN, -(double)NAN, 1, 2};
    for (size_t i = 0; i < n; i++) {
        random_point(z->at[i], single);
        uint64_t bits = random_bits();
        if (bits % 8 == 0) z->at[i][bits / 8 % 2] = parts[bits / 16 % 8];
    }
}

static void assert_same(const function *f, const pairs *a, const pairs *b, size_t n, const pairs *z) {
    for (size_t i = 0; i < n; i++) {
        if (same_bits(a->at[i][0], b->at[i][0]) && same_bits(a->at[i][1], b->at[i][1])) continue;
        fail_msg("%s of %a %+aj: %a %+aj, %a %+aj", f->name, z->at[i][0], z->at[i][1], a->at[i][0], a->at[i][1], b->at[i][0],
                 b->at[i][1]);
    }
}

static void avx2_and_avx512_give_the_same_bits(void **state) {
    static pairs z, w, a, b;
    (void)state;
    if (!isa_is_here(NX_ISA_AVX512)) skip();
    for (size_t k = 0; k < 2 * FUNCTIONS * 4; k++) {
        const function *f = &functions[k / 8];
        mixed_points(&z, CAPACITY, k % 2);
        mixed_points(&w, CAPACITY, k % 2);
        compute(f, NX_ISA_AVX2, k % 2, 0, CAPACITY, &a, &z, &w);
        compute(f, NX_ISA_AVX512, k % 2, 0, CAPACITY, &b, &z, &w);
        assert_same(f, &a, &b, CAPACITY, &z);
    }
}

/* Offset and number of elements must not show. */
static void check_lengths(const function *f, nx_isa isa, bool single, const pairs *z, const pairs *w, const pairs *whole) {
    static pairs part_z, part_w, r, want;
    static const size_t lengths[] = {127, 128, 129, 255, 300};
    for (size_t k = 1; k < 45; k++) {
        size_t n = k <= 40 ? k : lengths[k - 40], offset = 7 * k;
        memcpy(part_z.at, z->at + offset, n * sizeof *z->at);
        memcpy(part_w.at, w->at + offset, n * sizeof *w->at);
        memcpy(want.at, whole->at + offset, n * sizeof *w->at);
        r.at[n][0] = r.at[n][1] = 42;
        compute(f, isa, single, 0, n, &r, &part_z, &part_w);
        assert_same(f, &r, &want, n, &part_z);
        assert_true(r.at[n][0] == 42 && r.at[n][1] == 42);
    }
}

static void elements_do_not_depend_on_their_number_place_or_neighbours(void **state) {
    static pairs z, w, whole;
    (void)state;
    for (size_t k = 0; k < 2 * FUNCTIONS; k++) {
        mixed_points(&z, 700, k % 2);
        mixed_points(&w, 700, k % 2);
        for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
            if (!isa_is_here((nx_isa)isa)) continue;
            compute(&functions[k / 2], (nx_isa)isa, k % 2, 0, 700, &whole, &z, &w);
            check_lengths(&functions[k / 2], (nx_isa)isa, k % 2, &z, &w, &whole);
        }
    }
}

static void results_may_replace_an_operand(void **state) {
    static pairs z, w, r, t;
    const size_t n = 301;
    (void)state;
    for (size_t k = 0; k < FUNCTIONS; k++) {
        const function *f = &functions[k];
        if (f->real_result) continue;
        mixed_points(&z, n, false);
        mixed_points(&w, n, false);
        for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
            if (!isa_is_here((nx_isa)isa)) continue;
            compute(f, (nx_isa)isa, false, 0, n, &r, &z, &w);
            t = z;
            compute(f, (nx_isa)isa, false, 0, n, &t, &t, &w);
            assert_same(f, &t, &r, n, &z);
            t = w;
            if (f->binary) compute(f, (nx_isa)isa, false, 0, n, &t, &z, &t);
            if (f->binary) assert_same(f, &t, &r, n, &z);
        }
    }
}

static void scalar_forms_of_power_are_the_vector_form(void **state) {
    static pairs z, w, one, r, want;
    const function *f = function_of(NX_OP_power);
    const size_t n = 300;
    (void)state;
    for (unsigned k = 0; k < 200; k++) {
        bool single = k % 2;
        unsigned form = 1 + k / 2 % 2;
        mixed_points(&z, n, single);
        mixed_points(&w, n, single);
        if (k % 8 > 3) w.at[0][0] = (double)(k % 9) - 3, w.at[0][1] = 0;
        pairs *spread = form == 1 ? &z : &w;
        one = *spread;
        for (size_t i = 0; i < n; i++) memcpy(spread->at[i], one.at[0], sizeof *one.at);
        for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
            if (!isa_is_here((nx_isa)isa)) continue;
            compute(f, (nx_isa)isa, single, 0, n, &want, &z, &w);
            compute(f, (nx_isa)isa, single, form, n, &r, form == 1 ? &one : &z, form == 2 ? &one : &w);
            assert_same(f, &r, &want, n, &z);
        }
    }
}

static void conjugates_have_conjugate_results(void **state) {
    static pairs z, r, s;
    const size_t n = CAPACITY;
    (void)state;
    for (size_t k = 0; k < 2 * FUNCTIONS; k++) {
        const function *f = &functions[k / 2];
        if (f->binary || f->real_result) continue;
        for (size_t i = 0; i < n; i++) random_point(z.at[i], k % 2);
        compute(f, NX_ISA_BASELINE, k % 2, 0, n, &r, &z, &z);
        for (size_t i = 0; i < n; i++) z.at[i][1] = -z.at[i][1];
        compute(f, NX_ISA_BASELINE, k % 2, 0, n, &s, &z, &z);
        for (size_t i = 0; i < n; i++) s.at[i][1] = -s.at[i][1];
        for (size_t i = 0; i < n; i++) {
            bool no_sign = f->op == NX_OP_sign && z.at[i][0] == 0 && z.at[i][1] == 0;
            bool undefined = no_sign || isnan(r.at[i][1]) || isnan(s.at[i][1]);
            if (undefined) r.at[i][1] = s.at[i][1] = 0;
        }
        assert_same(f, &r, &s, n, &z);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_function_is_within_8_eps_on_the_edges),
        cmocka_unit_test(every_function_is_within_8_eps_at_random),
        cmocka_unit_test(special_values_are_numpys_whatever_the_sign_of_a_nan),
        cmocka_unit_test(special_powers_are_numpys),
        cmocka_unit_test(exact_values_are_exact),
        cmocka_unit_test(avx2_and_avx512_give_the_same_bits),
        cmocka_unit_test(elements_do_not_depend_on_their_number_place_or_neighbours),
        cmocka_unit_test(results_may_replace_an_operand),
        cmocka_unit_test(scalar_forms_of_power_are_the_vector_form),
        cmocka_unit_test(conjugates_have_conjugate_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
