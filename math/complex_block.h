/* SPDX-License-Identifier: MIT */
/*
 * What the templates of the complex functions (complex_*_tmpl.c) are written in. They are compiled once per precision and
 * instruction set: the build defines NX_COMPLEX (64 or 128), NX_ISA, and NX_PRECISION as 64.
 *
 * A kernel takes its operands apart in blocks of BLOCK elements, real parts x[] and imaginary parts y[], always in float64;
 * a function of blocks works in place on n elements, n a multiple of WIDTH (the rest is padding), by loops over vectors and
 * calls of the real kernels. NaNs in a block are canonical on entry, so that no sign of a NaN can reach a result.
 * complex64 is the same computation rounded once at the end.
 */
#ifndef NX_MATH_COMPLEX_BLOCK_H
#define NX_MATH_COMPLEX_BLOCK_H

#include "math/complex.h"
#include "math/real.h"
#include "math/vec.h"

#if NX_COMPLEX == 64
typedef float part;
#define NX_MATH_COMPLEX(op) NX_MATH_CAT(nx_math_, op, _c64_, NX_ISA)
#else
typedef double part;
#define NX_MATH_COMPLEX(op) NX_MATH_CAT(nx_math_, op, _c128_, NX_ISA)
#endif

enum { BLOCK = 128 };
typedef double block[BLOCK] __attribute__((aligned(64)));
typedef void block_1(size_t n, double *x, double *y);
typedef void block_2(size_t n, double *x, double *y, const double *u, const double *v);

#define EACH_VECTOR(i, n) for (size_t i = 0; i < (n); i += WIDTH)

/* Calls of the real kernels. */
VEC_FN void real_1(nx_kernel *f, size_t n, double *r, const double *x) {
    f(n, r, (const void *const[]){x});
}

VEC_FN void real_2(nx_kernel *f, size_t n, double *r, const double *x, const double *y) {
    f(n, r, (const void *const[]){x, y});
}

/* Masks. */
VEC_FN M is_inf(V x) {
    return v_abs(x) == v_set1(__builtin_inf());
}

VEC_FN V select1(M m, double a, V b) {
    return v_select(m, v_set1(a), b);
}

/* Operands apart: returns k rounded up to whole vectors; the padding is 1. */
static size_t block_load(size_t k, double *x, double *y, const part *z) {
    for (size_t i = 0; i < k; i++) x[i] = (double)z[2 * i];
    for (size_t i = 0; i < k; i++) y[i] = (double)z[2 * i + 1];
    size_t n = k;
    for (; n % WIDTH; n++) x[n] = 1, y[n] = 0;
    EACH_VECTOR(i, n) {
        v_store(x + i, v_canonical(v_load(x + i)));
        v_store(y + i, v_canonical(v_load(y + i)));
    }
    return n;
}

/* Results together. */
static void block_store(size_t k, part *r, double *x, double *y) {
    for (size_t i = 0; i < k; i += WIDTH) {
        v_store(x + i, v_canonical(v_load(x + i)));
        v_store(y + i, v_canonical(v_load(y + i)));
    }
    for (size_t i = 0; i < k; i++) {
        r[2 * i] = (part)x[i];
        r[2 * i + 1] = (part)y[i];
    }
}

VEC_FN size_t block_length(size_t n, size_t i) {
    return n - i < BLOCK ? n - i : BLOCK;
}

VEC_FN void map_block_1(block_1 *f, size_t n, part *r, const part *z) {
    block x, y;
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t k = block_length(n, i);
        f(block_load(k, x, y, z + 2 * i), x, y);
        block_store(k, r + 2 * i, x, y);
    }
}

#define COMPLEX_KERNEL_1(op, f)                                         \
    void NX_MATH_COMPLEX(op)(size_t n, void *r, const void *const *x) { \
        map_block_1(f, n, r, x[0]);                                     \
    }

#endif
