/* SPDX-License-Identifier: MIT */
/*
 * Eight chains of a product and a sum, so many that no core waits for one of them, with vectors as wide as the machine has.
 * No fused operations: results of nexpr are rounded after each one.
 */
#include "cli/peak.h"

#include "cli/progress.h"

#include <stddef.h>
#include <string.h>

enum { CHAINS = 8, ROUNDS = 50000, TRIES = 8, OPERATIONS = 2 };

#define ANY_MACHINE
#define STEP(k) x##k = x##k * factor + term;

#define PEAK(id, T, BYTES, TARGET)                                                                                        \
    typedef T id##_vector __attribute__((vector_size(BYTES)));                                                            \
    TARGET static void id(double *ret) {                                                                                  \
        id##_vector zero = {0}, factor = zero + (T)0.999, term = zero + (T)0.001;                                         \
        id##_vector x0 = zero, x1 = x0 + 1, x2 = x0 + 2, x3 = x0 + 3, x4 = x0 + 4, x5 = x0 + 5, x6 = x0 + 6, x7 = x0 + 7; \
        for (int i = 0; i < ROUNDS; i++) {                                                                                \
            STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7)                                               \
        }                                                                                                                 \
        x0 += x1 + x2 + x3 + x4 + x5 + x6 + x7;                                                                           \
        *ret += (double)x0[0];                                                                                            \
    }

PEAK(double_16, double, 16, ANY_MACHINE)
PEAK(float_16, float, 16, ANY_MACHINE)
#if defined __x86_64__
PEAK(double_32, double, 32, __attribute__((target("avx2"))))
PEAK(float_32, float, 32, __attribute__((target("avx2"))))
PEAK(double_64, double, 64, __attribute__((target("avx512f"))))
PEAK(float_64, float, 64, __attribute__((target("avx512f"))))
#endif

typedef struct width {
    int bytes;
    void (*run[2])(double *ret); /* float64, float32 */
} width;

static width widest(void) {
#if defined __x86_64__
    if (__builtin_cpu_supports("avx512f")) return (width){64, {double_64, float_64}};
    if (__builtin_cpu_supports("avx2")) return (width){32, {double_32, float_32}};
#endif
    return (width){16, {double_16, float_16}};
}

double peak_measure(bool is_single) {
    const width w = widest();
    const double lanes = w.bytes / (is_single ? 4.0 : 8.0);
    double best = 0;
    volatile double kept = 0;
    for (int i = 0; i < TRIES; i++) {
        double sum = 0;
        const double begin = progress_now();
        w.run[is_single](&sum);
        const double seconds = progress_now() - begin, rate = lanes * CHAINS * OPERATIONS * ROUNDS / seconds;
        kept = kept + sum;
        if (seconds > 0 && rate > best) best = rate;
    }
    return best;
}
