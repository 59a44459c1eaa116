/* SPDX-License-Identifier: MIT */
/*
 * Test points. Each point is drawn by one of a few strategies, in turn: every exponent, special values and their
 * neighbours, thresholds where results overflow, vanish or change their formula, multiples of pi/2, the surroundings of 1
 * and of integers; and for two operands, pairs that nearly cancel or whose power is near a threshold.
 */
#include "points.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define PI 3.14159265358979323846

typedef struct source {
    uint64_t state;
    bool f32;
} source;

uint64_t points_random(uint64_t *state) {
    uint64_t s = *state;
    s ^= s << 13;
    s ^= s >> 7;
    s ^= s << 17;
    *state = s;
    return s * 0x2545F4914F6CDD1D;
}

static double uniform(source *src, double low, double high) {
    return low + (high - low) * ((double)(points_random(&src->state) >> 11) * 0x1p-53);
}

static int below(source *src, int n) {
    return (int)(points_random(&src->state) >> 33) % n;
}

static double sign(source *src, double x) {
    return below(src, 2) ? x : -x;
}

static double log_uniform(source *src, int low, int high) {
    return sign(src, ldexp(uniform(src, 1, 2), low + below(src, high - low)));
}

/* The k-th float of the dtype after x. */
static double step(const source *src, double x, int k) {
    if (src->f32) {
        float f = (float)x;
        for (int i = abs(k); i > 0; i--) f = nextafterf(f, k > 0 ? INFINITY : -INFINITY);
        return f;
    }
    for (int i = abs(k); i > 0; i--) x = nextafter(x, k > 0 ? INFINITY : -INFINITY);
    return x;
}

static double any_bits(source *src) {
    uint64_t bits = points_random(&src->state);
    if (src->f32) {
        uint32_t low = (uint32_t)(bits >> 32);
        float f;
        memcpy(&f, &low, sizeof f);
        return f;
    }
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static const double specials[] = {
    0, INFINITY, NAN, 1, 0.5, 2, 3, 10, 0x1p-1074, DBL_MIN, DBL_MAX, 0x1p-149, FLT_MIN, FLT_MAX, PI, PI / 2, PI / 4,
    0x1p53, 0x1p52, 0x1p24, 0x1p23, 0x1p64, 0x1p-53, 0x1p-24, 1.5, 4, 100, 1e22,
};

/* Overflow, underflow and subnormal results of exponentials, hyperbolics, erfc, gamma; huge arguments of asinh, lgamma;
 * zeros and the minimum of gamma; places where an implementation may change its formula. */
static const double thresholds[] = {
    709.782712893384, 708.396418532264, 745.133219101941, 1024, 1022, 1074, 1075, 308.254715559917, 307.652655568589,
    323.306215343116, 710.475860073944, 711, 88.7228391, 87.3365448, 103.972077, 128, 126, 149, 150, 38.5318394,
    37.9297795, 44.8534670, 89.4159860, 26.2, 26.543258, 27.226017, 5.86358, 5.92158, 9.19455, 10.0544,
    171.624376956302, 170.6243769563, 177.5, 184.5, 35.0400982, 38.5, 42.5, 2.5563481638716906e305, 4.0850034e36,
    1.3407807929942597e154, 1.8446743e19, 1.4616321449683623, 2, 3, 2.4570247382208, 2.7476826467274, 3.1435808883499,
    3.9552942848586, 36.7368005696771, 17.3286795, 19.0615475, 9.01091290, 0.34657359, 0.69314718, 1.03972077, 0.25,
    0.5, 0.6, 0.75, 0.84375, 1.25, 1.7, 2.3, 2.857, 5.9, 0.41421356, 2.41421356, 1e-4, 1e-8, 7.45e-9, 2.2e-16,
    1.57e-162, 2.2227587494850775e-162, 1e15, 6e14, 39000, 15, 14, 125, 1e307, 1.7e308, 3.4e38, 0.70710678,
    1.41421356, 22, 28, 6.28318531, 1572864, 0x1p30, 708, 20, 0x1p-27, 0x1p-500, 0x1p500, 0.075, 0.925,
    1.3887943864964021e-11,
};

static double pick_special(source *src) {
    double x = specials[below(src, LENGTH(specials))];
    return sign(src, isnan(x) || isinf(x) ? x : step(src, x, below(src, 3) ? 0 : below(src, 9) - 4));
}

static double near(source *src, double x) {
    return x * (1 + log_uniform(src, src->f32 ? -26 : -54, -3));
}

static double near_pi_multiple(source *src) {
    double k = floor(fabs(log_uniform(src, 0, src->f32 ? 40 : 55)));
    return sign(src, step(src, k * (PI / 4), below(src, 5) - 2));
}

static double draw_1(source *src, size_t i) {
    double reach = src->f32 ? 110 : 760;
    switch (i % 12) {
    case 0: return any_bits(src);
    case 1: return pick_special(src);
    case 2:
    case 3: return sign(src, near(src, thresholds[below(src, LENGTH(thresholds))]));
    case 4: return near_pi_multiple(src);
    case 5: return sign(src, 1 + log_uniform(src, src->f32 ? -26 : -55, 0));
    case 6: return uniform(src, -reach, reach);
    case 7: return step(src, rint(uniform(src, -200, 200)), below(src, 7) - 3);
    case 8: return uniform(src, -2, 2);
    case 9: return uniform(src, -40, 40);
    case 10: return log_uniform(src, -30, 4);
    default: return log_uniform(src, -12, 12);
    }
}

/* x ** y is near an edge of the range or anywhere within it. */
static void draw_power(source *src, double *x, double *y) {
    static const double edges[2][3] = {{1024, -1022, -1074}, {128, -126, -149}};
    *x = below(src, 2) ? fabs(log_uniform(src, -20, 20)) : 1 + log_uniform(src, src->f32 ? -23 : -52, -1);
    double edge = below(src, 2) ? near(src, edges[src->f32][below(src, 3)]) : uniform(src, -1100, 1100);
    *y = edge / log2(*x);
}

/* exp(x) + exp(y) is near 1. */
static void draw_cancelling(source *src, double *x, double *y) {
    *x = -fabs(log_uniform(src, -30, 5));
    *y = near(src, log1p(-exp(*x)));
}

static void draw_2(source *src, size_t i, double *x, double *y) {
    *x = draw_1(src, i / 12);
    *y = draw_1(src, points_random(&src->state) >> 32);
    switch (i % 12) {
    case 0: *x = any_bits(src), *y = any_bits(src); return;
    case 1: *x = pick_special(src), *y = pick_special(src); return;
    case 2: *y = near(src, *x); return;
    case 3:
    case 4: draw_power(src, x, y); return;
    case 5: *y = *x * log_uniform(src, -60, 60); return;
    case 6: *x = uniform(src, -20, 20), *y = rint(uniform(src, -40, 40)); return;
    case 7: *x = rint(uniform(src, -100, 100)), *y = rint(uniform(src, -20, 20)) / 2; return;
    case 8: *x = uniform(src, -10, 10), *y = uniform(src, -10, 10); return;
    case 9: draw_cancelling(src, x, y); return;
    case 10: *x = log_uniform(src, -12, 12), *y = log_uniform(src, -12, 12); return;
    default: return;
    }
}

void points_make(nx_op op, nexpr_dtype dtype, uint64_t seed, size_t count, double *x, double *y) {
    source src = {seed * 2654435761 + (uint64_t)op * 977 + 88172645463325252, dtype == NEXPR_FLOAT32};
    for (size_t i = 0; i < count; i++) {
        double second = 0;
        if (nx_op_rows[op].arity == 2) {
            draw_2(&src, i, &x[i], &second);
        } else {
            x[i] = draw_1(&src, i);
        }
        if (y) y[i] = src.f32 ? (float)second : second;
        if (src.f32) x[i] = (float)x[i];
    }
}
