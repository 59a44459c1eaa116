/* SPDX-License-Identifier: MIT */
/* Element types: their properties, all derived from NEXPR_DTYPE_MAP, and the casts between them. */
#ifndef NX_ENGINE_DTYPE_H
#define NX_ENGINE_DTYPE_H

#include "nexpr.h"

typedef enum nx_class { NX_CLASS_BOOL, NX_CLASS_INT, NX_CLASS_REAL, NX_CLASS_COMPLEX } nx_class;

nx_class nx_dtype_class(nexpr_dtype dtype);
bool nx_dtype_is_signed(nexpr_dtype dtype); /* of the ints */
/* Short name for listings and kernels: "f64". */
const char *nx_dtype_suffix(nexpr_dtype dtype);
/* float32 of complex64, float64 of complex128; any other dtype itself. */
nexpr_dtype nx_dtype_real(nexpr_dtype dtype);
/* The complex dtype that holds a real dtype's computations: float16 and float32 give complex64, all others complex128. */
nexpr_dtype nx_dtype_complex(nexpr_dtype dtype);
/* NumPy's casting='safe'. */
bool nx_dtype_is_safe_cast(nexpr_dtype from, nexpr_dtype to);
/* NumPy's result_type of two dtypes. */
nexpr_dtype nx_dtype_promote(nexpr_dtype a, nexpr_dtype b);

#endif
