/* SPDX-License-Identifier: MIT */
/*
 * The OpenMP backend, and the only file that sees omp.h. For programs that are OpenMP themselves: they get one set of
 * threads, and OMP_* rules it. What libgomp does badly (it exits when a thread cannot start, hangs in a forked child,
 * wakes slowly) is why the pool is the default.
 */
#include "runtime/openmp.h"

#include <omp.h>

#include "runtime/fpenv.h"

enum { PIECES = 16 }; /* of each thread's share, so that fast threads can take from slow ones */

int nx_openmp_limit(void) {
    return omp_get_max_threads();
}

static void work(nx_loop *loop, int64_t grain) {
    nexpr_error scratch;
    nx_loop_scratch(&scratch);
    int worker = omp_get_thread_num();
    unsigned saved = nx_fpenv_enter();
#pragma omp for schedule(dynamic) nowait
    for (int64_t piece = 0; piece < (loop->count - 1) / grain + 1; piece++) {
        int64_t end = loop->count - piece * grain > grain ? (piece + 1) * grain : loop->count;
        for (int64_t i = piece * grain; i < end; i++) {
            if (!nx_loop_step(loop, i, worker, &scratch)) break;
        }
    }
    nx_fpenv_leave(saved);
}

void nx_openmp_run(nx_loop *loop, int threads) {
    if (threads > nx_openmp_limit()) threads = nx_openmp_limit();
    if (threads <= 1 || omp_in_parallel()) {
        nx_loop_alone(loop);
        return;
    }
    int64_t grain = loop->count / ((int64_t)threads * PIECES);
    if (grain < 1) grain = 1;
#pragma omp parallel num_threads(threads)
    work(loop, grain);
}
