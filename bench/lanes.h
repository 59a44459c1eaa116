/* SPDX-License-Identifier: MIT */
/*
 * Sums in C as one would write them by hand: in 32 lanes, in vectors of the width that the compiler has; wider ones gcc
 * takes apart element by element.
 */
#ifndef BENCH_LANES_H
#define BENCH_LANES_H

#ifdef __AVX512F__
enum { BENCH_LANES = 8 };
#define BENCH_VECTORS(do_one, f) do_one(0, f) do_one(1, f) do_one(2, f) do_one(3, f)
#define BENCH_SUM_OF_VECTORS(l) ((l##0 + l##2) + (l##1 + l##3))
#define BENCH_SUM_OF_LANES(v) (((v)[0] + (v)[4]) + ((v)[2] + (v)[6])) + (((v)[1] + (v)[5]) + ((v)[3] + (v)[7]))
#else
enum { BENCH_LANES = 4 };
#define BENCH_VECTORS(do_one, f)                              \
    do_one(0, f) do_one(1, f) do_one(2, f) do_one(3, f)       \
    do_one(4, f) do_one(5, f) do_one(6, f) do_one(7, f)
#define BENCH_SUM_OF_VECTORS(l) (((l##0 + l##4) + (l##2 + l##6)) + ((l##1 + l##5) + (l##3 + l##7)))
#define BENCH_SUM_OF_LANES(v) ((v)[0] + (v)[2]) + ((v)[1] + (v)[3])
#endif

typedef double bench_lanes __attribute__((vector_size(8 * BENCH_LANES), aligned(8)));
#define BENCH_LANES_AT(x, i) (*(const bench_lanes *)((x) + (i)))

/* Returns the sum over i < n of `vectors`, a macro of i for as many elements as lanes, and of `single`, of those that are
 * left. */
#define BENCH_RETURN_SUM(n, vectors, single)                                  \
    BENCH_VECTORS(BENCH_BEGIN_LANES, vectors)                                 \
    __typeof__(n) i = 0;                                                      \
    for (; i + 32 <= (n); i += 32) {                                          \
        BENCH_VECTORS(BENCH_ADD_LANES, vectors)                               \
    }                                                                         \
    const bench_lanes all_ = BENCH_SUM_OF_VECTORS(l);                         \
    double total_ = BENCH_SUM_OF_LANES(all_);                                 \
    for (; i < (n); i++) total_ += (single);                                  \
    return total_
#define BENCH_BEGIN_LANES(k, vectors) bench_lanes l##k = {0};
#define BENCH_ADD_LANES(k, vectors) l##k += vectors(i + (k)*BENCH_LANES);

#endif
