/* SPDX-License-Identifier: MIT */
/*
 * What the VM's own kernels and casts mean, one element at a time, written without regard to speed and independently of
 * vm/: integers in 128 bits, float16 and everything that rounds once in 113 bits, the rest as the C library has it.
 */
#ifndef NX_TESTS_VM_REFERENCE_KERNELS_H
#define NX_TESTS_VM_REFERENCE_KERNELS_H

#include "engine/ops.h"
#include "engine/value.h"

/* False if the reference does not know the op. */
bool reference_op(nx_op op, nexpr_dtype loop, const nx_value *args, nx_value *ret);
/* False if there is no such cast. */
bool reference_cast(nexpr_dtype from, nexpr_dtype to, nx_value x, nx_value *ret);

#endif
