/* SPDX-License-Identifier: MIT */
/*
 * The FUN rows of ops.def: functions that are a few operations, in exactly NumPy's order, so that every rounding is the
 * same. Each expand_<id> takes all parameters of its row.
 */
#include "engine/compose.h"

#include <math.h>
#include <stdlib.h>

typedef nexpr_status expand(const nx_compose *x, nx_operand *ret);

/* ------------------------------------------------------------------------------------------------ functions -- */

static nexpr_status expand_float_power(const nx_compose *x, nx_operand *ret) {
    bool is_complex = false;
    for (int i = 0; i < 2; i++) is_complex |= nx_compose_class(x, x->args[i]) == NX_CLASS_COMPLEX;
    nexpr_dtype dtype = is_complex ? NEXPR_COMPLEX128 : NEXPR_FLOAT64;
    nx_operand base, exponent;
    NX_TRY(nx_compose_cast(x, x->args[0], dtype, &base));
    NX_TRY(nx_compose_cast(x, x->args[1], dtype, &exponent));
    return nx_compose2(x, NX_OP_power, base, exponent, ret);
}

/* 10**n; by multiplication up to 10**8, as NumPy does. */
static double power_of_ten(int n) {
    double r = 1;
    if (n >= 9) return pow(10, n);
    while (n-- > 0) r *= 10;
    return r;
}

/* rint(x * scale) / scale, or with the two operations swapped. */
static nexpr_status round_scaled(const nx_compose *x, nx_operand arg, int decimals, nx_operand *ret) {
    nx_operand scale;
    NX_TRY(nx_compose_number(x, power_of_ten(abs(decimals)), false, &scale));
    NX_TRY(nx_compose2(x, decimals > 0 ? NX_OP_multiply : NX_OP_divide, arg, scale, ret));
    NX_TRY(nx_compose1(x, NX_OP_rint, *ret, ret));
    return nx_compose2(x, decimals > 0 ? NX_OP_divide : NX_OP_multiply, *ret, scale, ret);
}

static nexpr_status round_complex(const nx_compose *x, nx_operand arg, int decimals, nx_operand *ret) {
    nx_operand re, im;
    NX_TRY(nx_compose1(x, NX_OP_real, arg, &re));
    NX_TRY(nx_compose1(x, NX_OP_imag, arg, &im));
    NX_TRY(round_scaled(x, re, decimals, &re));
    NX_TRY(round_scaled(x, im, decimals, &im));
    return nx_compose2(x, NX_OP_complex, re, im, ret);
}

static nexpr_status expand_round(const nx_compose *x, nx_operand *ret) {
    const nx_literal *decimals = x->args[1].literal;
    int64_t n;
    nx_operand arg;
    if (!decimals || decimals->kind != NX_LITERAL_INT || !nx_bigint_to_i64(&decimals->integer, &n) || n < -400 || n > 400) {
        return nx_fail(x->err, NEXPR_TYPE, x->args[1].span,
                       "decimals of 'round' has to be an integer literal from -400 to 400");
    }
    NX_TRY(nx_compose_strong(x, x->args[0], &arg));
    nexpr_dtype dtype = nx_operand_dtype(x->b, &arg);
    switch (nx_dtype_class(dtype)) {
    case NX_CLASS_BOOL:
        if (!n) return nx_compose1(x, NX_OP_rint, arg, ret);
        return nx_fail(x->err, NEXPR_TYPE, x->word,
                       "'round' with decimals is not defined for bool; cast it to an integer or float");
    case NX_CLASS_INT:
        *ret = arg;
        if (n >= 0) return NEXPR_OK;
        NX_TRY(round_scaled(x, arg, (int)n, ret));
        return nx_compose_cast(x, *ret, dtype, ret);
    case NX_CLASS_REAL:
        return n ? round_scaled(x, arg, (int)n, ret) : nx_compose1(x, NX_OP_rint, arg, ret);
    case NX_CLASS_COMPLEX:
        return n ? round_complex(x, arg, (int)n, ret) : nx_compose1(x, NX_OP_rint, arg, ret);
    }
    return NEXPR_OK;
}

/* sin(y)/y of y = pi*x, with the least step from 1 in place of 0. */
static nexpr_status expand_sinc(const nx_compose *x, nx_operand *ret) {
    nx_operand arg, pi, tiny, y, sine;
    NX_TRY(nx_compose_strong(x, x->args[0], &arg));
    NX_TRY(nx_compose_number(x, M_PI, false, &pi));
    NX_TRY(nx_compose2(x, NX_OP_multiply, pi, arg, &y));
    switch (nx_operand_dtype(x->b, &y)) {
    case NEXPR_FLOAT16: NX_TRY(nx_compose_number(x, 0x1p-10, false, &tiny)); break;
    case NEXPR_FLOAT32: NX_TRY(nx_compose_number(x, 0x1p-23, false, &tiny)); break;
    case NEXPR_FLOAT64: NX_TRY(nx_compose_number(x, 0x1p-52, false, &tiny)); break;
    default: NX_TRY(nx_compose_number(x, 1e-20, false, &tiny)); break;
    }
    NX_TRY(nx_compose_where(x, y, y, tiny, &y));
    NX_TRY(nx_compose1(x, NX_OP_sin, y, &sine));
    return nx_compose2(x, NX_OP_divide, sine, y, ret);
}

/* A step of a calculation that NumPy leaves to Python if all operands are literals. */
static nexpr_status calculate(const nx_compose *x, nx_op op, nx_operand first, nx_operand second, nx_operand *ret) {
    if (!first.literal || !second.literal) return nx_compose2(x, op, first, second, ret);
    nx_literal *literal = nx_arena_alloc(x->b->ir->arena, 1, sizeof *literal);
    if (!literal) return nx_fail_memory(x->err);
    NX_TRY(nx_literal_apply(op, (nx_literal[]){*first.literal, *second.literal}, 2, x->span, literal, x->err));
    *ret = (nx_operand){.literal = literal, .span = x->span};
    return NEXPR_OK;
}

/* b of isclose: inexact, a literal weak. Its size, and whether it is finite. */
static nexpr_status prepare_b(const nx_compose *x, nx_operand *b, nx_operand *ret_size, nx_operand *ret_finite) {
    const nx_literal *literal = x->args[1].literal;
    *b = x->args[1];
    if (!literal) {
        nexpr_dtype dtype = nx_operand_dtype(x->b, b);
        if (nx_dtype_class(dtype) < NX_CLASS_REAL) NX_TRY(nx_compose_cast(x, *b, NEXPR_FLOAT64, b));
        NX_TRY(nx_compose1(x, NX_OP_absolute, *b, ret_size));
        return nx_compose1(x, NX_OP_isfinite, *b, ret_finite);
    }
    if (literal->kind <= NX_LITERAL_INT) NX_TRY(nx_compose_number(x, nx_bigint_to_double(&literal->integer), false, b));
    double size = hypot(b->literal->re, b->literal->im);
    NX_TRY(nx_compose_number(x, size, false, ret_size));
    return nx_compose1(x, NX_OP_isfinite, *b, ret_finite);
}

/* abs(a - b) <= atol + rtol*abs(b) & isfinite(b) | a == b */
static nexpr_status expand_isclose(const nx_compose *x, nx_operand *ret) {
    nx_operand a = x->args[0], b, distance, size, bound, finite, same;
    NX_TRY(prepare_b(x, &b, &size, &finite));
    NX_TRY(nx_compose2(x, NX_OP_subtract, a, b, &distance));
    NX_TRY(nx_compose1(x, NX_OP_absolute, distance, &distance));
    NX_TRY(calculate(x, NX_OP_multiply, x->args[2], size, &bound));
    NX_TRY(calculate(x, NX_OP_add, x->args[3], bound, &bound));
    NX_TRY(nx_compose2(x, NX_OP_less_equal, distance, bound, ret));
    NX_TRY(nx_compose2(x, NX_OP_bitwise_and, *ret, finite, ret));
    NX_TRY(nx_compose2(x, NX_OP_equal, a, b, &same));
    return nx_compose2(x, NX_OP_bitwise_or, *ret, same, ret);
}

static nexpr_status expand_angle(const nx_compose *x, nx_operand *ret) {
    nx_operand arg, re, im;
    NX_TRY(nx_compose_strong(x, x->args[0], &arg));
    if (nx_compose_class(x, arg) == NX_CLASS_COMPLEX) {
        NX_TRY(nx_compose1(x, NX_OP_imag, arg, &im));
        NX_TRY(nx_compose1(x, NX_OP_real, arg, &re));
        return nx_compose2(x, NX_OP_arctan2, im, re, ret);
    }
    NX_TRY(nx_compose_number(x, 0, true, &im));
    return nx_compose2(x, NX_OP_arctan2, im, arg, ret);
}

nexpr_status nx_expand(nx_builder *b, nx_fun fun, const nx_operand *args, nx_span span, nx_span word, nx_operand *ret,
                       nexpr_error *err) {
    static expand *const expansions[NX_FUN_COUNT] = {
#define FUN(id, ...) [NX_FUN_##id] = expand_##id,
#include "engine/ops.def"
    };
    return expansions[fun](&(nx_compose){b, args, span, word, err}, ret);
}
