/* SPDX-License-Identifier: MIT */
/*
 * The strict rows with math functions, for one precision (NX_PRECISION) on the instruction set of this machine (NX_ISA).
 * Each row is one loop over vectors, and its functions are nexpr's own, from the template that its kernels are made of: so
 * the ratio is the price of the virtual machine alone, and both give the same bits.
 */
#include "math/real_tmpl.c"

#include "bench/expr_reference.h"

/* As many elements as a vector of float64 has: math functions of float32 are computed in float64. */
#if NX_PRECISION == 32
typedef vf32_half element_vector;
#else
typedef vf64 element_vector;
#endif
enum { STEP = WIDTH_F64 };

VEC_FN element_vector load_elements(const T *p) {
    element_vector x;
    memcpy(&x, p, sizeof x);
    return x;
}

VEC_FN element_vector call_1(wide_1 *f, element_vector x) {
    return __builtin_convertvector(f(__builtin_convertvector(x, vf64)), element_vector);
}

VEC_FN element_vector call_2(wide_2 *f, element_vector x, element_vector y) {
    vf64 r = f(__builtin_convertvector(x, vf64), __builtin_convertvector(y, vf64));
    return __builtin_convertvector(r, element_vector);
}

/* The words of the formulas. */
#define L(c) ((T)(c))
#define sin(x) call_1(real_sin, x)
#define cos(x) call_1(real_cos, x)
#define log(x) call_1(real_log, x)
#define exp(x) call_1(real_exp, x)
#define tanh(x) call_1(real_tanh, x)
#define atan2(x, y) call_2(real_arctan2, x, y)
#define pow(x, y) call_2(real_power, x, y)

typedef element_vector row_formula(element_vector x, element_vector y);

/* What is left over is padded. */
VEC_FN void compute_tail(row_formula *f, size_t n, T *r, const T *a, const T *b) {
    T x[STEP], y[STEP];
    pad(x, a, n, STEP);
    pad(y, b, n, STEP);
    element_vector result = f(load_elements(x), load_elements(y));
    memcpy(r, &result, n * sizeof(T));
}

#define LOOP(pragma, f)                                                                \
    pragma for (size_t i = 0; i < whole; i += STEP) {                                  \
        element_vector result = f(load_elements(a + i), load_elements(b + i));         \
        memcpy(r + i, &result, sizeof result);                                         \
    }                                                                                  \
    if (whole < n) compute_tail(f, n - whole, r + whole, a + whole, b + whole);

#define LOOPS(name, formula)                                                                                      \
    VEC_FN element_vector name##_formula(element_vector x, element_vector y) { return formula; }                  \
    static void name##_serial(size_t n, size_t whole, T *restrict r, const T *restrict a, const T *restrict b) {   \
        LOOP(, name##_formula)                                                                                    \
    }                                                                                                             \
    static void name##_parallel(size_t n, size_t whole, T *restrict r, const T *restrict a, const T *restrict b) { \
        LOOP(_Pragma("omp parallel for"), name##_formula)                                                         \
    }                                                                                                             \
    void bench_strict_##name(bool parallel, size_t rows, size_t columns, void *r, const void *const *inputs) {    \
        size_t n = rows * columns, whole = n - n % STEP;                                                          \
        (parallel ? name##_parallel : name##_serial)(n, whole, r, inputs[0], inputs[1]);                          \
    }

#define LOOPS_PLAIN(...)
#if NX_PRECISION == 32
#define LOOPS_MATH32 LOOPS
#define LOOPS_MATH64(...)
#else
#define LOOPS_MATH32(...)
#define LOOPS_MATH64 LOOPS
#endif

#define ROW(name, text, note, layout, columns, kind, result, a, b, c, formula) LOOPS_##kind(name, formula)
#include "bench/expr_rows.def"
