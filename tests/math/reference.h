/* SPDX-License-Identifier: MIT */
/* What the real math ops should give: MPFR for those with a bound, NumPy's algorithms in scalar C for the exact ones. */
#ifndef NX_TESTS_MATH_REFERENCE_H
#define NX_TESTS_MATH_REFERENCE_H

#include "engine/ops.h"

/* Distance of `got` from the true value in units of the last place of the true value in dtype (float32 or float64), where
 * infinity counts as the first value too large; INFINITY if only one of both is NaN. ret_absolute: the distance itself.
 * Not thread-safe. */
double reference_error(nx_op op, nexpr_dtype dtype, double x, double y, double got, double *ret_absolute);

/* The value of an op whose accuracy is EXACT, to be compared bit for bit. */
double reference_exact_f64(nx_op op, double x, double y);
float reference_exact_f32(nx_op op, float x, float y);

/* Whether there is a reference for the op. */
bool reference_has(nx_op op);
void reference_free(void);

#endif
