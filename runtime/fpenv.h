/* SPDX-License-Identifier: MIT */
/*
 * The floating-point environment that every computing thread has: round to nearest, subnormals kept, exceptions masked.
 * Only SSE's register is looked at; nexpr computes nothing on the x87 unit.
 */
#ifndef NX_RUNTIME_FPENV_H
#define NX_RUNTIME_FPENV_H

#include <xmmintrin.h>

/* All six exceptions masked, no flag raised; and the flags, which nothing here reads. */
enum { NX_FPENV_STANDARD = 0x1F80, NX_FPENV_FLAGS = 0x3F };

/* Sets it and returns what it was, flags included, for nx_fpenv_leave. */
static inline unsigned nx_fpenv_enter(void) {
    unsigned saved = _mm_getcsr();
    if ((saved & ~NX_FPENV_FLAGS) != NX_FPENV_STANDARD) _mm_setcsr(NX_FPENV_STANDARD);
    return saved;
}

static inline void nx_fpenv_leave(unsigned saved) {
    _mm_setcsr(saved);
}

#endif
