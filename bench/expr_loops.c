/* SPDX-License-Identifier: MIT */
/*
 * The rows as loops that one would write in C, for the compiler to vectorise. Compiled twice: with BENCH_BUILD strict, which
 * leaves out the rows with math functions (expr_math.c has these), and with BENCH_BUILD fast. The loop in all threads is a
 * function of its own, because `omp parallel for simd if(...)` would take the vector code from the serial case too.
 */
#include "bench/expr_reference.h"

#include <tgmath.h>

#define IS_strict 0
#define IS_fast 1
#define CAT_(a, b, c) a##b##c
#define CAT(a, b, c) CAT_(a, b, c)
#define LOOP_NAME(name) CAT(bench_, BENCH_BUILD, _##name)

#define ARGUMENTS(R, A, B, C) \
    size_t rows, size_t columns, R *restrict r, const A *restrict a, const B *restrict b, const C *restrict c

/* An element of each input, wherever it lies. */
#define ELEMENTS(A, B, C, a_at, b_at, c_at) \
    A x = a_at;                             \
    B y = b_at;                             \
    C z = c_at;                             \
    (void)x, (void)y, (void)z

#define NEST_FLAT(pragma, A, B, C, formula)            \
    size_t n = rows * columns;                         \
    pragma for (size_t i = 0; i < n; i++) {            \
        ELEMENTS(A, B, C, a[i], b[i], c[i]);           \
        r[i] = formula;                                \
    }

/* gcc 12 makes fused operations of products whose sums and differences alternate, whatever -ffp-contract says. */
#if !CAT(IS_, BENCH_BUILD, ) && defined __GNUC__ && __GNUC__ >= 12
#define APART(product) __builtin_assoc_barrier(product)
#else
#define APART(product) (product)
#endif

/* row_item is the type of the row's literals. */
#define L(c) ((row_item)(c))
#define LOOPS(name, layout, R, A, B, C, formula)                                                               \
    static void name##_serial(ARGUMENTS(R, A, B, C)) {                                                         \
        typedef R row_item __attribute__((unused));                                                            \
        NEST_##layout(, A, B, C, formula)                                                                      \
    }                                                                                                          \
    static void name##_parallel(ARGUMENTS(R, A, B, C)) {                                                       \
        typedef R row_item __attribute__((unused));                                                            \
        NEST_##layout(_Pragma("omp parallel for simd"), A, B, C, formula)                                      \
    }                                                                                                          \
    void LOOP_NAME(name)(bool parallel, size_t rows, size_t columns, void *r, const void *const *inputs) {     \
        (parallel ? name##_parallel : name##_serial)(rows, columns, r, inputs[0], inputs[1], inputs[2]);       \
    }

#define LOOPS_PLAIN LOOPS
#if CAT(IS_, BENCH_BUILD, )
#define LOOPS_MATH64 LOOPS
#define LOOPS_MATH32 LOOPS
#else
#define LOOPS_MATH64(...)
#define LOOPS_MATH32(...)
#endif

#define ROW(name, text, layout, columns, kind, result, a, b, c, formula) \
    LOOPS_##kind(name, layout, item_##result, item_##a, item_##b, item_##c, (formula))
#include "bench/expr_rows.def"
