/* SPDX-License-Identifier: MIT */
/*
 * What a kernel is, for the VM's kernels and those of math/ alike: a contiguous loop over at most a few thousand elements.
 *
 *   r        n results, aligned as their C type
 *   x[k]     operand k: n elements, or one if bit k of the kernel's form is set
 *
 * r may be equal to an x[k] that is no scalar and has elements of the same size; otherwise they do not overlap. n >= 1.
 * A float result that is NaN is the canonical one (positive, quiet, payload 0); a bool result is 0 or 1; a bool operand
 * is true if not 0. Kernels know nothing of errors, allocate nothing, and give for each element a value that depends on
 * its operands only, never on n, its place or its neighbours.
 */
#ifndef NX_ENGINE_KERNEL_H
#define NX_ENGINE_KERNEL_H

#include <stddef.h>

typedef void nx_kernel(size_t n, void *r, const void *const *x);

/* Forms of a kernel: bit k says that operand k is a scalar. Arity a has forms 0 to 2^a - 2; if all operands are scalars,
 * form 0 with n = 1 serves. */
enum { NX_MAX_ARITY = 3, NX_MAX_FORMS = 7 };

/* Instruction sets with kernels of their own, worst first. */
typedef enum nx_isa { NX_ISA_BASELINE, NX_ISA_AVX2, NX_ISA_AVX512, NX_ISA_COUNT } nx_isa;

#endif
