/* SPDX-License-Identifier: MIT */
/*
 * What this machine can do at most: copy (r = a) and triad (r = a + s*b) with ordinary stores and with those that go around
 * the caches, fused multiplications and additions in registers, and an OpenMP region that does nothing. Compiled for the
 * machine, with -ffast-math. `run` divides what a row needs by these.
 */
#include <omp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#if defined __x86_64__
#include <immintrin.h>
#endif

#include "bench/timing.h"

#define API __attribute__((visibility("default")))

#if defined __AVX512F__
enum { WIDTH = 8 };
#elif defined __AVX__
enum { WIDTH = 4 };
#else
enum { WIDTH = 2 };
#endif
typedef double vector __attribute__((vector_size(sizeof(double) * WIDTH), aligned(8)));
/* So many chains of dependent operations; each a variable, for gcc keeps no array in registers. */
#define EACH_CHAIN(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9)
enum { CHAINS = 10, ROUNDS = 100000 };

API double bench_copy(bool streams, int threads, size_t n, double *r, const double *a, long calls);
API double bench_triad(bool streams, int threads, size_t n, double *r, const double *a, const double *b, long calls);
API double bench_fma(int threads, double *ret_operations);
API double bench_empty_region(int threads, long calls);

static inline void stream(double *r, vector v) {
#if defined __AVX512F__
    _mm512_stream_pd(r, (__m512d)v);
#elif defined __AVX__
    _mm256_stream_pd(r, (__m256d)v);
#elif defined __x86_64__
    _mm_stream_pd(r, (__m128d)v);
#else
    memcpy(r, &v, sizeof v);
#endif
}

static inline void fence(void) {
#if defined __x86_64__
    _mm_sfence();
#endif
}

/* A thread's share of n elements, in whole vectors. */
#define PASS(store, value)                                                               \
    do {                                                                                 \
        const size_t vectors = n / WIDTH, end = vectors * (part + 1) / parts * WIDTH;    \
        for (size_t i = vectors * part / parts * WIDTH; i < end; i += WIDTH) store(r + i, value); \
    } while (0)
#define STORE(p, v) (*(vector *)(p) = (v))
#define LOAD(p) (*(const vector *)(p))

/* Part `part` of `parts` of r = a, or of r = a + 3*b if there is a b. */
static void move(bool streams, size_t n, size_t part, size_t parts, double *r, const double *a, const double *b) {
    if (b) {
        if (streams) PASS(stream, LOAD(a + i) + 3.0 * LOAD(b + i));
        else PASS(STORE, LOAD(a + i) + 3.0 * LOAD(b + i));
    } else {
        if (streams) PASS(stream, LOAD(a + i));
        else PASS(STORE, LOAD(a + i));
    }
    if (streams) fence();
}

/* Nanoseconds of so many passes in so many threads; no region for one. n is a multiple of 8, r one of 64 bytes. */
static double time_moves(bool streams, int threads, size_t n, double *r, const double *a, const double *b, long calls) {
    const double start = bench_now_ns();
    for (long call = 0; call < calls; call++) {
        if (threads == 1) {
            move(streams, n, 0, 1, r, a, b);
        } else {
#pragma omp parallel num_threads(threads)
            move(streams, n, (size_t)omp_get_thread_num(), (size_t)omp_get_num_threads(), r, a, b);
        }
    }
    return bench_now_ns() - start;
}

double bench_copy(bool streams, int threads, size_t n, double *r, const double *a, long calls) {
    return time_moves(streams, threads, n, r, a, NULL, calls);
}

double bench_triad(bool streams, int threads, size_t n, double *r, const double *a, const double *b, long calls) {
    return time_moves(streams, threads, n, r, a, b, calls);
}

/* Nanoseconds of *ret_operations fused operations on single elements, in chains that do not wait for each other. */
double bench_fma(int threads, double *ret_operations) {
    double sum = 0;
    const double start = bench_now_ns();
#pragma omp parallel num_threads(threads) if (threads > 1) reduction(+ : sum)
    {
        vector x = {0}, y = {0};
        x += 0.999;
        y += 0.001;
        __asm__ volatile("" : "+v"(x), "+v"(y));
#define BEGIN(k) vector chain##k = x;
#define STEP(k) chain##k = chain##k * x + y;
#define KEEP(k) __asm__ volatile("" : "+v"(chain##k));
#define SUM(k) sum += chain##k[0];
        EACH_CHAIN(BEGIN)
        for (int round = 0; round < ROUNDS; round++) {
            EACH_CHAIN(STEP)
            EACH_CHAIN(KEEP)
        }
        EACH_CHAIN(SUM)
    }
    const double ns = bench_now_ns() - start;
    *ret_operations = (double)WIDTH * CHAINS * ROUNDS * threads + 0 * sum;
    return ns;
}

double bench_empty_region(int threads, long calls) {
    const double start = bench_now_ns();
    for (long call = 0; call < calls; call++) {
#pragma omp parallel num_threads(threads)
        __asm__ volatile("");
    }
    return bench_now_ns() - start;
}
