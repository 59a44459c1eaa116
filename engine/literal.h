/* SPDX-License-Identifier: MIT */
/*
 * Literals: values that are not arrays yet and have no dtype of their own, only a kind. Operators on literals alone give
 * what Python gives, and fail where Python raises. (and, or, not and chained comparisons give bool, as they do for arrays.)
 */
#ifndef NX_ENGINE_LITERAL_H
#define NX_ENGINE_LITERAL_H

#include "engine/bigint.h"
#include "engine/ops.h"
#include "engine/status.h"
#include "engine/value.h"

typedef enum nx_literal_kind { NX_LITERAL_BOOL, NX_LITERAL_INT, NX_LITERAL_FLOAT, NX_LITERAL_COMPLEX } nx_literal_kind;

typedef struct nx_literal {
    nx_literal_kind kind;
    nx_bigint integer;  /* BOOL (0 or 1) and INT */
    double re, im;      /* FLOAT and COMPLEX */
} nx_literal;

/*
 * The value of an operator on literals, by Python's rules: any op of the table that has an operator spelling, and
 * NX_OP_logical_and, _or, _not (bool), NX_OP_where (the chosen operand as it is), real, imag. Errors, at span:
 *   VALUE  division by zero, negative shift, a result over NX_BIGINT_BITS, a float overflow where Python raises
 *   TYPE   what Python has not: ~1.5, 1.5 & 2, 1j // 2, 1j < 2
 */
nexpr_status nx_literal_apply(nx_op op, const nx_literal *args, int arity, nx_span span, nx_literal *ret, nexpr_error *err);

/*
 * The literal as one element of dtype, which must be of a kind that can hold it (an int literal in any numeric dtype, a
 * float literal in a float or complex one, and so on); rounded once, as NumPy does for a weak scalar. Errors, at span:
 *   VALUE  an int that does not fit the integer dtype: names the value, the dtype and its range;
 *          an int beyond float64 for a float dtype.
 */
nexpr_status nx_literal_to_value(const nx_literal *literal, nexpr_dtype dtype, nx_span span, nx_value *ret,
                                 nexpr_error *err);

/* -1 below the integer dtype's range, 1 above it, 0 inside. For literals of kind INT and BOOL. */
int nx_literal_range(const nx_literal *literal, nexpr_dtype dtype);

/* Strong dtype of a literal that is a result or an argument of a function of literals: bool, int64, float64, complex128. */
nexpr_dtype nx_literal_dtype(const nx_literal *literal);

/* The literal as Python's repr writes it, cut with "..." to capacity; returns buffer. */
const char *nx_literal_text(const nx_literal *literal, char *buffer, size_t capacity);

#endif
