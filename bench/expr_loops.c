/* SPDX-License-Identifier: MIT */
/*
 * The rows as loops that one would write in C, for the compiler to vectorise. Compiled twice: with BENCH_BUILD strict, which
 * leaves out the rows with math functions (expr_math.c has these), and with BENCH_BUILD fast. The loop in all threads is a
 * function of its own: `omp parallel for simd if(...)` would take the vector code from the serial case too, and without
 * the pragma the serial case pays nothing for a region that it does not need.
 */
#include "bench/expr_reference.h"

#include <string.h>
#include <tgmath.h>

#define IS_strict 0
#define IS_fast 1
#define IS_plain 1
#define CAT_(a, b, c) a##b##c
#define CAT(a, b, c) CAT_(a, b, c)
#define LOOP_NAME(name) CAT(bench_, BENCH_BUILD, _##name)

/* gcc 12 makes fused operations of products whose sums and differences alternate, whatever -ffp-contract says. */
#if !CAT(IS_, BENCH_BUILD, ) && defined __GNUC__ && __GNUC__ >= 12
#define APART(product) __builtin_assoc_barrier(product)
#else
#define APART(product) (product)
#endif

/* What stands before a loop over elements and before one over rows, in one thread and in all. */
#define SERIAL_ELEMENTS
#define SERIAL_ROWS
#define PARALLEL_ELEMENTS _Pragma("omp parallel for simd")
#define PARALLEL_ROWS _Pragma("omp parallel for")

static inline double swapped(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = __builtin_bswap64(bits);
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* What the formula works on, wherever it comes from. */
#define ELEMENTS(A, B, C, a_at, b_at, c_at) \
    A x = a_at;                             \
    B y = b_at;                             \
    C z = c_at;                             \
    (void)x, (void)y, (void)z

#define FLAT_LOOP(threads, A, B, C, formula, a_at, b_at, c_at) \
    size_t n = rows * columns;                                 \
    threads##_ELEMENTS for (size_t i = 0; i < n; i++) {        \
        ELEMENTS(A, B, C, a_at, b_at, c_at);                   \
        r[i] = formula;                                        \
    }
#define MATRIX_LOOP(threads, A, B, C, formula, b_at)         \
    threads##_ROWS for (size_t j = 0; j < rows; j++) {       \
        for (size_t i = 0; i < columns; i++) {               \
            ELEMENTS(A, B, C, a[j * columns + i], b_at, *c); \
            r[j * columns + i] = formula;                    \
        }                                                    \
    }
/* The elements of a tile stay in the first cache though their rows may all be a power of two apart. */
enum { TILE_ROWS = 32, TILE_COLUMNS = 8 };
#define TILED_LOOP(threads, A, B, C, formula)                                      \
    threads##_ROWS for (size_t j0 = 0; j0 < rows; j0 += TILE_ROWS) {               \
        size_t j1 = j0 + TILE_ROWS < rows ? j0 + TILE_ROWS : rows;                 \
        for (size_t i0 = 0; i0 < columns; i0 += TILE_COLUMNS) {                    \
            size_t i1 = i0 + TILE_COLUMNS < columns ? i0 + TILE_COLUMNS : columns; \
            for (size_t j = j0; j < j1; j++) {                                     \
                for (size_t i = i0; i < i1; i++) {                                 \
                    ELEMENTS(A, B, C, a[i * rows + j], b[j * columns + i], *c);    \
                    r[j * columns + i] = formula;                                  \
                }                                                                  \
            }                                                                      \
        }                                                                          \
    }

#define LOOP_FLAT(threads, ...) FLAT_LOOP(threads, __VA_ARGS__, a[i], b[i], c[i])
#define LOOP_STRIDED(threads, ...) FLAT_LOOP(threads, __VA_ARGS__, a[2 * i], b[2 * i], c[i])
#define LOOP_SWAPPED(threads, ...) FLAT_LOOP(threads, __VA_ARGS__, swapped(a[i]), swapped(b[i]), c[i])
#define LOOP_ROW(threads, ...) MATRIX_LOOP(threads, __VA_ARGS__, b[i])
#define LOOP_COLUMN(threads, ...) MATRIX_LOOP(threads, __VA_ARGS__, b[j])
#define LOOP_TRANSPOSED TILED_LOOP
#define LOOP_TRANSPOSED_PLAIN LOOP_FLAT
#define LOOP_UNALIGNED LOOP_FLAT
#define LOOP_FRESH LOOP_FLAT
#define LOOP_FRESH_REUSED LOOP_FLAT
#define LOOP_FRESH_CACHED LOOP_FLAT

#define ARGUMENTS(R, A, B, C) \
    size_t rows, size_t columns, R *restrict r, const A *restrict a, const B *restrict b, const C *restrict c

/* row_item is the type of the row's literals. */
#define L(c) ((row_item)(c))
#define LOOPS(name, layout, R, A, B, C, formula)                                                           \
    static void name##_serial(ARGUMENTS(R, A, B, C)) {                                                     \
        typedef R row_item __attribute__((unused));                                                        \
        LOOP_##layout(SERIAL, A, B, C, formula)                                                            \
    }                                                                                                      \
    static void name##_parallel(ARGUMENTS(R, A, B, C)) {                                                   \
        typedef R row_item __attribute__((unused));                                                        \
        LOOP_##layout(PARALLEL, A, B, C, formula)                                                          \
    }                                                                                                      \
    void LOOP_NAME(name)(bool parallel, size_t rows, size_t columns, void *r, const void *const *inputs) { \
        (parallel ? name##_parallel : name##_serial)(rows, columns, r, inputs[0], inputs[1], inputs[2]);   \
    }

#define LOOPS_PLAIN LOOPS
#if CAT(IS_, BENCH_BUILD, )
#define LOOPS_MATH64 LOOPS
#define LOOPS_MATH32 LOOPS
#define LOOPS_INLINED64 LOOPS
#define LOOPS_INLINED32 LOOPS
#else
#define LOOPS_MATH64(...)
#define LOOPS_MATH32(...)
#define LOOPS_INLINED64(...)
#define LOOPS_INLINED32(...)
#endif

#if CAT(IS_, BENCH_BUILD, )
#define PAIR_LOOP(pragma, p_is, q_is, first, second) \
    typedef double row_item;                         \
    pragma for (size_t i = 0; i < n; i++) {          \
        const double x = a[i], y = b[i], z = c[i];   \
        const double p = p_is, q = q_is;             \
        r[i] = first;                                \
        s[i] = second;                               \
    }
#define PAIR_ARGUMENTS                                                                                    \
    size_t n, double *restrict r, double *restrict s, const double *restrict a, const double *restrict b, \
        const double *restrict c
#define PAIR_ROW(name, text, note, p_is, q_is, first, second)                                                 \
    static void name##_serial(PAIR_ARGUMENTS) {                                                               \
        PAIR_LOOP(, p_is, q_is, first, second)                                                                \
    }                                                                                                         \
    static void name##_parallel(PAIR_ARGUMENTS) {                                                             \
        PAIR_LOOP(PARALLEL_ELEMENTS, p_is, q_is, first, second)                                               \
    }                                                                                                         \
    void LOOP_NAME(name)(bool parallel, size_t rows, size_t columns, void *r, const void *const *inputs) {    \
        const size_t n = rows * columns;                                                                      \
        (parallel ? name##_parallel : name##_serial)(n, r, (double *)r + n, inputs[0], inputs[1], inputs[2]); \
    }
#else
#define PAIR_ROW(...)
#endif

#define ROW(name, text, note, layout, columns, kind, result, a, b, c, formula) \
    LOOPS_##kind(name, layout, item_##result, item_##a, item_##b, item_##c, (formula))
#include "bench/expr_rows.def"
