/* SPDX-License-Identifier: MIT */
/* The words of the ops for bool: one bit. As in NumPy + is or, * is and. */
#include "jit/llvm/emit.h"

#define LOWERINGS lowerings_bool
#define STEPS steps_bool
#define IN_B KEEP
#define IN_I DROP
#define IN_F DROP
#define IN_C DROP
#define IN_BI KEEP
#define IN_IF DROP
#define IN_FC DROP
#define IN_BIF KEEP
#define IN_IFC DROP
#define IN_BIFC KEEP
#define IN_WIDE DROP
#define IN_ORDERED DROP
#define IN_BOOL KEEP

#define P(x) ((x).part[0])

#define ADD(x, y) OR(x, y)
#define MUL(x, y) AND(x, y)
#define ABS(x) (x)
#define MINIMUM(x, y) AND(x, y)
#define MAXIMUM(x, y) OR(x, y)
#define FMIN MINIMUM
#define FMAX MAXIMUM
#define CLIP(x, low, high) single(i_and(e, i_or(e, P(x), P(low)), P(high)))
#define FLOOR(x) (x)
#define CEIL(x) (x)
#define TRUNC(x) (x)

#define EQ(x, y) single(i_eq(e, P(x), P(y)))
#define NE(x, y) XOR(x, y)
#define LT(x, y) single(u_lt(e, P(x), P(y)))
#define LE(x, y) single(u_le(e, P(x), P(y)))
#define TRUTH(x) P(x)
#define WHERE(c, x, y) single(choose(e, P(c), P(x), P(y)))
#define ISNAN(x) single(bool_constant(e, false))
#define ISINF(x) single(bool_constant(e, false))
#define ISFINITE(x) single(bool_constant(e, true))

#define AND(x, y) single(i_and(e, P(x), P(y)))
#define OR(x, y) single(i_or(e, P(x), P(y)))
#define XOR(x, y) single(i_xor(e, P(x), P(y)))
#define INVERT(x) single(i_not(e, P(x)))

#define RE(x) (x)
#define IM(x) single(bool_constant(e, false))

#include "jit/llvm/lower_tmpl.h"
