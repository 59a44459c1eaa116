/* SPDX-License-Identifier: MIT */
/*
 * The strict rows with math functions, for one precision (NX_PRECISION) on the instruction set of this machine (NX_ISA).
 * Each row is one loop over vectors, and its functions are nexpr's own, from the template that its kernels are made of, so
 * that both give the same bits.
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

#define WIDE(x) __builtin_convertvector(x, vf64)
#define NARROW(x) __builtin_convertvector(x, element_vector)

/*
 * The functions of the formulas, in two ways. CALLED: a function of a vector, as those of libmvec and SLEEF are. INLINED: a
 * function that has a part for usual operands (math/real_core.h) is that part alone, and *usual tells whether they were, so
 * that there is no call on the way; otherwise the loop does the same elements once more with calls.
 */
typedef enum how { CALLED, INLINED } how;

#undef PARTS_1
#undef PARTS_2
#define PARTS_1(is_usual, part, rare) ~, (*usual &= is_usual(v), part(v))
#define PARTS_2(is_usual, part, rare) ~, (*usual &= is_usual(v, w), part(v, w))
#define FUNCTION_1(op)                                                                                \
    static __attribute__((noinline, unused, const)) element_vector called_##op(element_vector x) {           \
        return NARROW(real_##op(WIDE(x)));                                                            \
    }                                                                                                 \
    VEC_FN element_vector apply_##op(element_vector x, how in, __attribute__((unused)) bool *usual) { \
        const vf64 v = WIDE(x);                                                                       \
        return in == CALLED ? called_##op(x) : NARROW(SECOND_OF(PARTS_##op, real_##op(v), ~));        \
    }
#define FUNCTION_2(op)                                                                                                  \
    static __attribute__((noinline, unused)) element_vector called_##op(element_vector x, element_vector y) {           \
        return NARROW(real_##op(WIDE(x), WIDE(y)));                                                                     \
    }                                                                                                                   \
    VEC_FN element_vector apply_##op(element_vector x, element_vector y, how in, __attribute__((unused)) bool *usual) { \
        const vf64 v = WIDE(x), w = WIDE(y);                                                                            \
        return in == CALLED ? called_##op(x, y) : NARROW(SECOND_OF(PARTS_##op, real_##op(v, w), ~));                    \
    }
FUNCTION_1(sin)
FUNCTION_1(cos)
FUNCTION_1(log)
FUNCTION_1(exp)
FUNCTION_1(tanh)
FUNCTION_1(erf)
FUNCTION_1(arcsin)
FUNCTION_2(arctan2)
FUNCTION_2(power)

/* The words of the formulas. */
#define L(c) ((T)(c))
#define sin(x) apply_sin(x, in, usual)
#define cos(x) apply_cos(x, in, usual)
#define log(x) apply_log(x, in, usual)
#define exp(x) apply_exp(x, in, usual)
#define tanh(x) apply_tanh(x, in, usual)
#define erf(x) apply_erf(x, in, usual)
#define asin(x) apply_arcsin(x, in, usual)
#define sqrt(x) v_sqrt(x)
#define atan2(x, y) apply_arctan2(x, y, in, usual)
#define pow(x, y) apply_power(x, y, in, usual)

typedef element_vector row_formula(element_vector x, element_vector y);

/* What is left over is padded. */
VEC_FN void compute_tail(row_formula *f, size_t n, T *r, const T *a, const T *b) {
    T x[STEP], y[STEP];
    pad(x, a, n, STEP);
    pad(y, b, n, STEP);
    element_vector result = f(load_elements(x), load_elements(y));
    memcpy(r, &result, n * sizeof(T));
}

#define LOOP(pragma, name, way)                                                  \
    pragma for (size_t i = 0; i < whole; i += STEP) {                            \
        const element_vector x = load_elements(a + i), y = load_elements(b + i); \
        bool usual = true;                                                       \
        element_vector result = name##_formula(x, y, way, &usual);               \
        if (__builtin_expect(!usual, 0)) result = name##_called(x, y);           \
        memcpy(r + i, &result, sizeof result);                                   \
    }                                                                            \
    if (whole < n) compute_tail(name##_called, n - whole, r + whole, a + whole, b + whole);

#define LOOPS(name, way, formula)                                                                                     \
    VEC_FN element_vector name##_formula(element_vector x, element_vector y, how in, bool *usual) { return formula; } \
    static __attribute__((noinline)) element_vector name##_called(element_vector x, element_vector y) {               \
        return name##_formula(x, y, CALLED, NULL);                                                                    \
    }                                                                                                                 \
    static void name##_serial(size_t n, size_t whole, T *restrict r, const T *restrict a, const T *restrict b) {      \
        LOOP(, name, way)                                                                                             \
    }                                                                                                                 \
    static void name##_parallel(size_t n, size_t whole, T *restrict r, const T *restrict a, const T *restrict b) {    \
        LOOP(_Pragma("omp parallel for"), name, way)                                                                  \
    }                                                                                                                 \
    void bench_strict_##name(bool parallel, size_t rows, size_t columns, void *r, const void *const *inputs) {        \
        size_t n = rows * columns, whole = n - n % STEP;                                                              \
        (parallel ? name##_parallel : name##_serial)(n, whole, r, inputs[0], inputs[1]);                              \
    }

/* Two results of three inputs, always with calls. */
#define PAIR_LOOP(pragma, name)                                                                         \
    pragma for (size_t i = 0; i < whole; i += STEP) {                                                   \
        name##_formula(load_elements(a + i), load_elements(b + i), load_elements(c + i), r + i, s + i); \
    }                                                                                                   \
    if (whole < n) name##_tail(n - whole, r + whole, s + whole, a + whole, b + whole, c + whole);

#define PAIR_ARGUMENTS T *restrict r, T *restrict s, const T *restrict a, const T *restrict b, const T *restrict c
#define PAIR_LOOPS(name, p_is, q_is, first, second)                                                            \
    VEC_FN void name##_formula(element_vector x, element_vector y, element_vector z, T *r, T *s) {             \
        const how in = CALLED;                                                                                 \
        bool *const usual = NULL;                                                                              \
        const element_vector p = p_is, q = q_is;                                                               \
        const element_vector one = first, two = second;                                                        \
        memcpy(r, &one, sizeof one);                                                                           \
        memcpy(s, &two, sizeof two);                                                                           \
    }                                                                                                          \
    static __attribute__((noinline)) void name##_tail(size_t n, PAIR_ARGUMENTS) {                              \
        T x[STEP], y[STEP], z[STEP], one[STEP], two[STEP];                                                     \
        pad(x, a, n, STEP);                                                                                    \
        pad(y, b, n, STEP);                                                                                    \
        pad(z, c, n, STEP);                                                                                    \
        name##_formula(load_elements(x), load_elements(y), load_elements(z), one, two);                        \
        memcpy(r, one, n * sizeof(T));                                                                         \
        memcpy(s, two, n * sizeof(T));                                                                         \
    }                                                                                                          \
    static void name##_serial(size_t n, size_t whole, PAIR_ARGUMENTS) {                                        \
        PAIR_LOOP(, name)                                                                                      \
    }                                                                                                          \
    static void name##_parallel(size_t n, size_t whole, PAIR_ARGUMENTS) {                                      \
        PAIR_LOOP(_Pragma("omp parallel for"), name)                                                           \
    }                                                                                                          \
    void bench_strict_##name(bool parallel, size_t rows, size_t columns, void *r, const void *const *inputs) { \
        const size_t n = rows * columns, whole = n - n % STEP;                                                 \
        T *const s = (T *)r + n;                                                                               \
        (parallel ? name##_parallel : name##_serial)(n, whole, r, s, inputs[0], inputs[1], inputs[2]);         \
    }

#define LOOPS_PLAIN(...)
#define LOOPS_CALLED(name, formula) LOOPS(name, CALLED, formula)
#define LOOPS_INLINED(name, formula) LOOPS(name, INLINED, formula)
#if NX_PRECISION == 32
#define LOOPS_MATH32 LOOPS_CALLED
#define LOOPS_INLINED32 LOOPS_INLINED
#define LOOPS_MATH64(...)
#define LOOPS_INLINED64(...)
#define PAIR_ROW(...)
#else
#define PAIR_ROW(name, text, note, p_is, q_is, first, second) PAIR_LOOPS(name, p_is, q_is, first, second)
#define LOOPS_MATH32(...)
#define LOOPS_INLINED32(...)
#define LOOPS_MATH64 LOOPS_CALLED
#define LOOPS_INLINED64 LOOPS_INLINED
#endif

#define ROW(name, text, note, layout, columns, kind, result, a, b, c, formula) LOOPS_##kind(name, formula)
#include "bench/expr_rows.def"
