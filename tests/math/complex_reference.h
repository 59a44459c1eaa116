/* SPDX-License-Identifier: MIT */
/* The complex functions by MPC, for complex_test.c. */
#ifndef NX_TESTS_MATH_COMPLEX_REFERENCE_H
#define NX_TESTS_MATH_COMPLEX_REFERENCE_H

#include <mpc.h>

#include "engine/ops.h"

enum { REFERENCE_BITS = 160 };

typedef void complex_reference(mpc_ptr r, mpc_srcptr z, mpc_srcptr w);

/* The function of an op that has complex kernels; r has REFERENCE_BITS, z and w are float64. */
complex_reference *complex_reference_of(nx_op op);

#endif
