/* SPDX-License-Identifier: MIT */
/* Words of the ops for bool: a byte that is true if not 0, and 0 or 1 once loaded. As in NumPy + is or, * is and. */
#ifndef NX_VM_CLASS_BOOL_H
#define NX_VM_CLASS_BOOL_H

#include "vm/template.h"

#define IN_B KEEP
#define IN_BI KEEP
#define IN_BIF KEEP
#define IN_BIFC KEEP
#define IN_I DROP
#define IN_IF DROP
#define IN_IFC DROP
#define IN_F DROP
#define IN_FH DROP
#define IN_FC DROP
#define IN_C DROP
#define IN_WIDE DROP
#define IN_ORDERED DROP
#define IN_BOOL KEEP
#define IN_DOUBLE DROP
#define UNLESS_NONE KEEP
#define UNLESS_C KEEP

typedef CTYPE T;
typedef T R;

#define LOAD_T(v) ((v) != 0)
#define STORE_T(v) ((T)(v))
#define STORE_R(v) STORE_T(v)

#define ADD(x, y) ((x) | (y))
#define MUL(x, y) ((x) & (y))
#define ABS(x) (x)
#define MINIMUM(x, y) ((x) & (y))
#define MAXIMUM(x, y) ((x) | (y))
#define FMIN MINIMUM
#define FMAX MAXIMUM
#define CLIP(x, low, high) (((x) | (low)) & (high))
#define FLOOR(x) (x)
#define CEIL(x) (x)
#define TRUNC(x) (x)

/* What reductions start from. */
#define ZERO ((T)0)
#define ONE ((T)1)
typedef T MARK; /* an integer of T's width */
#define FIRST_NAN(x, y) ((void)(x), (y))
#define NAN_SPOILS false

#define EQ(x, y) ((x) == (y))
#define NE(x, y) ((x) != (y))
#define LT(x, y) ((x) < (y))
#define LE(x, y) ((x) <= (y))
#define TRUTH(x) (x)
#define WHERE(c, x, y) ((c) ? (x) : (y))
#define ISNAN(x) ((void)(x), 0)
#define ISINF(x) ((void)(x), 0)
#define ISFINITE(x) ((void)(x), 1)

#define AND(x, y) ((x) & (y))
#define OR(x, y) ((x) | (y))
#define XOR(x, y) ((x) ^ (y))
#define INVERT(x) (!(x))

#define RE(x) (x)
#define IM(x) ((void)(x), 0)

/* Casts to bool. */
typedef T CARRIER;
#define FROM_BOOL(v, S) ((v) != 0)
#define FROM_INT(v, S) ((v) != 0)
#define FROM_REAL(v, S) ((v) != 0)
#define FROM_COMPLEX(v, S) (((v).re != 0) | ((v).im != 0))
#define IF_FROM_COMPLEX KEEP

#endif
