/* SPDX-License-Identifier: MIT */
/* Each row's loop is its expression in C; ROW makes the function and ROWS the table, so that they cannot go apart. */
#include "bench/expr_reference.h"

#include <math.h>

/* ROW(name, T, text, the same in C for x = a[i], y = b[i]) */
#define ROWS                                                                                                       \
    ROW(linear, double, "2.0*a-4.5*b", 2.0 * x - 4.5 * y)                                                          \
    ROW(polynomial, double, "(.25*a+.75)*a-1.5*a-2", (.25 * x + .75) * x - 1.5 * x - 2)                            \
    ROW(choice, double, "where(a>0.5, sqrt(a), b**2)", x > 0.5 ? sqrt(x) : y * y)                                  \
    ROW(wave, double, "(2.0*a-4.5*b)+1.1*(sin(a)+cos(b))", (2.0 * x - 4.5 * y) + 1.1 * (sin(x) + cos(y)))        \
    ROW(wave32, float, "(2.0*a-4.5*b)+1.1*(sin(a)+cos(b))", (2.0f * x - 4.5f * y) + 1.1f * (sinf(x) + cosf(y)))   \
    ROW(gauss, double, "log(a)+exp(-b*b/2)", log(x) + exp(-y * y / 2))                                            \
    ROW(angles, double, "arctan2(a,b)*tanh(a)+a**b", atan2(x, y) * tanh(x) + pow(x, y))

#define ROW(name, T, text, formula)                                                 \
    static void name(size_t n, void *r, const void *a, const void *b) {             \
        for (size_t i = 0; i < n; i++) {                                            \
            T x = ((const T *)a)[i], y = ((const T *)b)[i];                         \
            (void)y;                                                                \
            ((T *)r)[i] = formula;                                                  \
        }                                                                           \
    }
ROWS
#undef ROW

const bench_row bench_rows[] = {
#define ROW(name, T, text, formula) {text, name, sizeof(T) == sizeof(float)},
    ROWS
#undef ROW
};

const int bench_row_count = sizeof bench_rows / sizeof *bench_rows;
