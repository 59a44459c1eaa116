/* SPDX-License-Identifier: MIT */
/*
 * The type law. The loop of an operation is the first dtype of its domain, in NumPy's order, to which all operands cast
 * safely. A literal is weak: it takes the dtype that the other operands promote to, or, if its kind is higher, the least
 * dtype of its kind that goes with them (NEP 50).
 */
#include "engine/apply.h"

#include <stdio.h>
#include <string.h>

#define NO_DTYPE NEXPR_DTYPE_COUNT

/* ------------------------------------------------------------------------------------------------ operands -- */

nexpr_dtype nx_operand_dtype(const nx_builder *b, const nx_operand *x) {
    return x->literal ? nx_literal_dtype(x->literal) : (nexpr_dtype)b->ir->nodes[x->node].dtype;
}

/* A literal as a constant of dtype, whose kind can hold it. */
static nexpr_status build_literal(nx_builder *b, const nx_operand *x, nexpr_dtype dtype, nx_ref *ret, nexpr_error *err) {
    nx_value value = {.bits = {0, 0}};
    NX_TRY(nx_literal_to_value(x->literal, dtype, x->span, &value, err));
    return nx_build_const(b, dtype, value, x->span, ret, err);
}

nexpr_status nx_operand_to_node(nx_builder *b, const nx_operand *x, nx_ref *ret, nexpr_error *err) {
    if (x->literal) return build_literal(b, x, nx_literal_dtype(x->literal), ret, err);
    *ret = x->node;
    return NEXPR_OK;
}

static nx_class literal_class(const nx_literal *literal) {
    return nx_dtype_class(nx_literal_dtype(literal));
}

nexpr_status nx_apply_cast(nx_builder *b, const nx_operand *x, nexpr_dtype dtype, nx_span span, nx_operand *ret,
                           nexpr_error *err) {
    nx_ref node;
    nexpr_dtype from = nx_operand_dtype(b, x);
    if (nx_dtype_class(from) == NX_CLASS_COMPLEX && nx_dtype_class(dtype) != NX_CLASS_COMPLEX && dtype != NEXPR_BOOL) {
        return nx_fail(err, NEXPR_TYPE, span,
                       "a %s cannot be cast to %s; write real(...), imag(...) or abs(...) for the part that "
                       "is meant",
                       nexpr_dtype_name(from), nexpr_dtype_name(dtype));
    }
    if (x->literal && dtype != NEXPR_BOOL && literal_class(x->literal) <= nx_dtype_class(dtype)) {
        NX_TRY(build_literal(b, x, dtype, &node, err));
    } else {
        NX_TRY(nx_operand_to_node(b, x, &node, err));
        NX_TRY(nx_build_cast(b, node, dtype, span, &node, err));
    }
    *ret = nx_operand_node(node, span);
    return NEXPR_OK;
}

/* The operand as a node of dtype, to which it casts safely. */
static nexpr_status convert(nx_builder *b, const nx_operand *x, nexpr_dtype dtype, nx_ref *ret, nexpr_error *err) {
    if (x->literal) return build_literal(b, x, dtype, ret, err);
    return nx_build_cast(b, x->node, dtype, x->span, ret, err);
}

/* --------------------------------------------------------------------------------------------------- loops -- */

/* Whether argument i takes part in finding the loop. */
static bool is_loop_arg(nx_op op, int i) {
    nx_sig sig = (nx_sig)nx_op_rows[op].sig;
    return !(sig == NX_SIG_TI_T && i == 1) && !(sig == NX_SIG_BTT_T && i == 0);
}

static bool is_weak(const nx_operand *x) {
    return x->literal ? x->literal->kind != NX_LITERAL_BOOL : x->is_weak;
}

/* What all operands with a dtype of their own promote to; NO_DTYPE if there are only weak literals. */
static nexpr_dtype promote_strong(const nx_builder *b, nx_op op, const nx_operand *args) {
    nexpr_dtype strong = NO_DTYPE;
    for (int i = 0; i < nx_op_rows[op].arity; i++) {
        if (!is_loop_arg(op, i) || is_weak(&args[i])) continue;
        nexpr_dtype dtype = nx_operand_dtype(b, &args[i]);
        strong = strong == NO_DTYPE ? dtype : nx_dtype_promote(strong, dtype);
    }
    return strong;
}

/* The dtype that a weak operand takes, whose own is `own`, beside operands that promote to `strong`. */
static nexpr_dtype adapt(nexpr_dtype own, nexpr_dtype strong) {
    if (strong == NO_DTYPE) return own;
    nx_class kind = nx_dtype_class(own), other = nx_dtype_class(strong);
    if (kind <= other) return strong;
    return kind == NX_CLASS_COMPLEX && other == NX_CLASS_REAL ? nx_dtype_complex(strong) : own;
}

nexpr_dtype nx_promote_operands(const nx_builder *b, const nx_operand *args, int count) {
    nexpr_dtype strong = NO_DTYPE;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < count; i++) {
            if (is_weak(&args[i]) != (pass == 1)) continue;
            nexpr_dtype dtype = nx_operand_dtype(b, &args[i]);
            if (pass) dtype = adapt(dtype, strong);
            strong = strong == NO_DTYPE ? dtype : nx_dtype_promote(strong, dtype);
        }
    }
    return strong;
}

/* An integer that is not known yet may not fit the dtype of an array that it is compared with, and is compared as it is. */
static bool stays_own(nx_op op, const nx_operand *x, nexpr_dtype own, nexpr_dtype strong) {
    return !x->literal && nx_op_rows[op].promote == NX_PROMOTE_COMPARE && nx_dtype_class(own) == NX_CLASS_INT &&
           strong != NO_DTYPE && nx_dtype_class(strong) <= NX_CLASS_INT;
}

/* The dtypes of the arguments after weak literals have taken theirs. */
static void resolve_args(const nx_builder *b, nx_op op, const nx_operand *args, nexpr_dtype *ret) {
    nexpr_dtype strong = promote_strong(b, op, args);
    for (int i = 0; i < nx_op_rows[op].arity; i++) {
        const nexpr_dtype own = nx_operand_dtype(b, &args[i]);
        const bool adapts = is_loop_arg(op, i) && is_weak(&args[i]) && !stays_own(op, &args[i], own, strong);
        ret[i] = adapts ? adapt(own, strong) : own;
    }
    /* An int literal beside ldexp's integers is as weak as can be, in NumPy: any loop will do. */
    bool is_exponent_int = nx_op_rows[op].sig == NX_SIG_TI_T && nx_dtype_class(ret[1]) == NX_CLASS_INT && !args[1].literal;
    if (is_exponent_int && args[0].literal && args[0].literal->kind == NX_LITERAL_INT) ret[0] = NEXPR_BOOL;
}

static nx_class highest_class(nx_op op, const nexpr_dtype *dtypes) {
    nx_class highest = NX_CLASS_BOOL;
    for (int i = 0; i < nx_op_rows[op].arity; i++) {
        if (is_loop_arg(op, i) && nx_dtype_class(dtypes[i]) > highest) highest = nx_dtype_class(dtypes[i]);
    }
    return highest;
}

static bool accepts(nx_op op, nexpr_dtype loop, const nexpr_dtype *dtypes) {
    if (!nx_op_has_loop(op, loop)) return false;
    for (int i = 0; i < nx_op_rows[op].arity; i++) {
        if (is_loop_arg(op, i) && !nx_dtype_is_safe_cast(dtypes[i], nx_op_arg_dtype(op, loop, i))) return false;
    }
    return true;
}

/* NO_DTYPE if no loop serves. */
static nexpr_dtype find_loop(nx_op op, const nexpr_dtype *dtypes) {
    nx_class highest = highest_class(op, dtypes);
    int first = NEXPR_BOOL;
    if (nx_op_rows[op].promote == NX_PROMOTE_NOBOOL && highest == NX_CLASS_BOOL) return NO_DTYPE;
    if (nx_op_rows[op].promote == NX_PROMOTE_TRUEDIV && highest <= NX_CLASS_INT) first = NEXPR_FLOAT64;
    for (int loop = first; loop < NEXPR_DTYPE_COUNT; loop++) {
        if (accepts(op, (nexpr_dtype)loop, dtypes)) return (nexpr_dtype)loop;
    }
    return NO_DTYPE;
}

/* -------------------------------------------------------------------------------------------------- errors -- */

/* "int8 and float32", literals as "the literal 1.5". */
static void describe_args(const nx_builder *b, nx_op op, const nx_operand *args, char *buffer, size_t capacity) {
    size_t used = 0;
    int arity = nx_op_rows[op].arity;
    buffer[0] = 0;
    for (int i = 0; i < arity && used < capacity; i++) {
        char text[48];
        const char *join = i == 0 ? "" : i == arity - 1 ? " and " : ", ";
        if (args[i].literal) {
            used += (size_t)snprintf(buffer + used, capacity - used, "%sthe literal %s", join,
                                     nx_literal_text(args[i].literal, text, sizeof text));
        } else {
            used += (size_t)snprintf(buffer + used, capacity - used, "%s%s", join,
                                     nexpr_dtype_name(nx_operand_dtype(b, &args[i])));
        }
    }
}

static const char *hint(nx_op op, const nexpr_dtype *dtypes) {
    nx_class highest = highest_class(op, dtypes);
    bool is_bitwise = op == NX_OP_bitwise_and || op == NX_OP_bitwise_or || op == NX_OP_bitwise_xor;
    if (op == NX_OP_subtract && highest == NX_CLASS_BOOL) return "; write ^ (exclusive or) or cast to an integer";
    if (op == NX_OP_negative && highest == NX_CLASS_BOOL) return "; write ~ (not) or cast to an integer";
    if (is_bitwise && highest >= NX_CLASS_REAL) {
        return "; these operators bind tighter than comparisons: write (a > 0) & (b < 1) with parentheses, or and/or";
    }
    if (op == NX_OP_invert && highest >= NX_CLASS_REAL) return "; ~ is for bool and integers, not is for any dtype";
    if (highest == NX_CLASS_COMPLEX) return "; it is not defined for complex numbers";
    if (nx_op_rows[op].domain == NX_DOMAIN_I || nx_op_rows[op].domain == NX_DOMAIN_BI) {
        return highest >= NX_CLASS_REAL ? "; it is for integers, cast with int64(...)"
                                        : "; no integer dtype holds both, cast one";
    }
    return "";
}

static nexpr_status fail_no_loop(const nx_builder *b, nx_op op, const nx_operand *args, const nexpr_dtype *dtypes,
                                 nx_span word, nexpr_error *err) {
    char list[200], name[NX_NAME_MAX];
    describe_args(b, op, args, list, sizeof list);
    const char *spelling = nx_op_rows[op].spelling;
    return nx_fail(err, NEXPR_TYPE, word, "cannot apply '%s' to %s%s", spelling[0] ? spelling : nx_op_name(op, name), list,
                   hint(op, dtypes));
}

/* --------------------------------------------------------------------------------------------- comparisons -- */

/* Whether `op` holds between a smaller left and a larger right operand. */
static bool holds_below(nx_op op) {
    return op == NX_OP_less || op == NX_OP_less_equal || op == NX_OP_not_equal;
}

static nexpr_status apply_op2(nx_builder *b, nx_op op, nexpr_dtype loop, nx_ref x, nx_ref y, nx_span span, nx_ref *ret,
                              nexpr_error *err) {
    return nx_build_op(b, op, loop, (nx_ref[]){x, y}, span, ret, err);
}

/* x op literal, where the literal lies outside of x's integer dtype: a comparison with the least value that is always true
 * or always false, so that x still decides the shape. */
static nexpr_status compare_out_of_range(nx_builder *b, nx_op op, nx_ref x, int side, nx_span span, nx_ref *ret,
                                         nexpr_error *err) {
    nexpr_dtype dtype = (nexpr_dtype)b->ir->nodes[x].dtype;
    bool is_true = side > 0 ? holds_below(op) : holds_below(nx_op_mirrored(op));
    nx_value least = {.bits = {0, 0}};
    if (nx_dtype_is_signed(dtype)) {
        int64_t minimum = -1 - (int64_t)(UINT64_MAX >> (65 - 8 * nexpr_dtype_size(dtype)));
        memcpy(&least, &minimum, nexpr_dtype_size(dtype));
    }
    nx_ref bound;
    NX_TRY(nx_build_const(b, dtype, least, span, &bound, err));
    return apply_op2(b, is_true ? NX_OP_greater_equal : NX_OP_less, dtype, x, bound, span, ret, err);
}

/* x op y for int64 x and uint64 y: by the sign of x, then as uint64. */
static nexpr_status compare_mixed(nx_builder *b, nx_op op, nx_ref x, nx_ref y, nx_span span, nx_ref *ret, nexpr_error *err) {
    nx_ref zero, sign, as_unsigned, rest;
    NX_TRY(nx_build_const(b, NEXPR_INT64, (nx_value){.bits = {0, 0}}, span, &zero, err));
    NX_TRY(nx_build_cast(b, x, NEXPR_UINT64, span, &as_unsigned, err));
    NX_TRY(apply_op2(b, op, NEXPR_UINT64, as_unsigned, y, span, &rest, err));
    if (holds_below(op)) {
        NX_TRY(apply_op2(b, NX_OP_less, NEXPR_INT64, x, zero, span, &sign, err));
        return apply_op2(b, NX_OP_bitwise_or, NEXPR_BOOL, sign, rest, span, ret, err);
    }
    NX_TRY(apply_op2(b, NX_OP_greater_equal, NEXPR_INT64, x, zero, span, &sign, err));
    return apply_op2(b, NX_OP_bitwise_and, NEXPR_BOOL, sign, rest, span, ret, err);
}

static bool is_signed_int(nexpr_dtype dtype) {
    return nx_dtype_class(dtype) == NX_CLASS_INT && nx_dtype_is_signed(dtype);
}

/* Side (-1, 1) on which an int literal lies outside of the dtype it takes, else 0. */
static int out_of_range(const nx_operand *x, nexpr_dtype dtype) {
    if (!x->literal || x->literal->kind != NX_LITERAL_INT || nx_dtype_class(dtype) != NX_CLASS_INT) return 0;
    return nx_literal_range(x->literal, dtype);
}

/* Comparisons that no loop computes exactly; *ret_done tells whether this was one. */
static nexpr_status compare_exactly(nx_builder *b, nx_op op, const nx_operand *args, const nexpr_dtype *dtypes, nx_span span,
                                    nx_ref *ret, bool *ret_done, nexpr_error *err) {
    for (int i = 0; i < 2; i++) {
        const nx_operand *x = &args[i], *y = &args[1 - i];
        nx_op mirrored = i == 0 ? op : nx_op_mirrored(op);
        int side = out_of_range(y, dtypes[1 - i]);
        *ret_done = true;
        if (side && !x->literal) {
            nx_ref node;
            NX_TRY(convert(b, x, dtypes[1 - i], &node, err)); /* a bool beside the literal is int64 */
            return compare_out_of_range(b, mirrored, node, side, span, ret, err);
        }
        if (is_signed_int(dtypes[i]) && dtypes[1 - i] == NEXPR_UINT64) {
            nx_ref left, right;
            NX_TRY(convert(b, x, NEXPR_INT64, &left, err));
            NX_TRY(convert(b, y, NEXPR_UINT64, &right, err));
            return compare_mixed(b, mirrored, left, right, span, ret, err);
        }
    }
    *ret_done = false;
    return NEXPR_OK;
}

/* ------------------------------------------------------------------------------------- literals of other rules -- */

static bool is_true(const nx_literal *x) {
    return x->kind <= NX_LITERAL_INT ? x->integer.count != 0 : x->re != 0 || x->im != 0;
}

static nexpr_status to_bool_literal(nx_builder *b, nx_operand *x, nexpr_error *err) {
    nx_literal *literal = nx_arena_alloc(b->ir->arena, 1, sizeof *literal);
    if (!literal) return nx_fail_memory(err);
    *literal = (nx_literal){.kind = NX_LITERAL_BOOL, .integer = nx_bigint_from_i64(is_true(x->literal))};
    x->literal = literal;
    return NEXPR_OK;
}

/* The least or the greatest value of an integer dtype, in its own bits. */
static nx_value int_limit(nexpr_dtype dtype, bool is_most) {
    const unsigned bits = 8 * (unsigned)nexpr_dtype_size(dtype);
    const bool is_signed = nx_dtype_is_signed(dtype);
    const uint64_t most = UINT64_MAX >> (64 - bits + is_signed), limit = is_most ? most : is_signed ? ~most : 0;
    nx_value value = {.bits = {0, 0}};
    memcpy(&value, &limit, nexpr_dtype_size(dtype));
    return value;
}

/* A bound of clip beyond the integer dtype is the dtype's own bound; one that is not known yet is limited to it later. */
static nexpr_status limit_bound(nx_builder *b, nx_operand *x, nexpr_dtype dtype, nexpr_error *err) {
    const int side = out_of_range(x, dtype);
    if (side) {
        x->literal = NULL;
        return nx_build_const(b, dtype, int_limit(dtype, side > 0), x->span, &x->node, err);
    }
    if (x->literal || nx_dtype_class(dtype) != NX_CLASS_INT || nx_dtype_is_safe_cast(NEXPR_INT64, dtype)) return NEXPR_OK;
    nx_ref args[3] = {x->node};
    for (int i = 0; i < 2; i++) {
        const bool is_wide = dtype == NEXPR_UINT64 && i == 1;
        NX_TRY(nx_build_const(b, is_wide ? NEXPR_INT64 : dtype, int_limit(is_wide ? NEXPR_INT64 : dtype, i), x->span,
                              &args[i + 1], err));
        NX_TRY(nx_build_cast(b, args[i + 1], NEXPR_INT64, x->span, &args[i + 1], err));
    }
    return nx_build_op(b, NX_OP_clip, NEXPR_INT64, args, x->span, &x->node, err);
}

/* Rewrites literals where an op does not take them as weak numbers. */
static nexpr_status prepare_literals(nx_builder *b, nx_op op, nx_operand *args, nexpr_error *err) {
    bool is_logical =
        op == NX_OP_logical_and || op == NX_OP_logical_or || op == NX_OP_logical_xor || op == NX_OP_logical_not;
    for (int i = 0; i < nx_op_rows[op].arity; i++) {
        bool is_condition = is_logical || (nx_op_rows[op].sig == NX_SIG_BTT_T && i == 0);
        if (is_condition && args[i].literal) NX_TRY(to_bool_literal(b, &args[i], err));
    }
    if (op != NX_OP_clip) return NEXPR_OK;
    nexpr_dtype dtypes[NX_MAX_ARITY];
    resolve_args(b, op, args, dtypes);
    if (promote_strong(b, op, args) == NO_DTYPE || highest_class(op, dtypes) > NX_CLASS_INT) return NEXPR_OK;
    for (int i = 1; i < 3; i++) {
        if (is_weak(&args[i])) NX_TRY(limit_bound(b, &args[i], dtypes[i], err));
    }
    return NEXPR_OK;
}

/* Arguments outside of the loop's law: the condition of where, the exponent of ldexp. */
static nexpr_status convert_arg(nx_builder *b, nx_op op, nexpr_dtype loop, int i, const nx_operand *x, nx_ref *ret,
                                nexpr_error *err) {
    nexpr_dtype dtype = nx_op_arg_dtype(op, loop, i);
    if (is_loop_arg(op, i) || dtype == NEXPR_BOOL) return convert(b, x, dtype, ret, err);
    nexpr_dtype from = nx_operand_dtype(b, x);
    if (!nx_dtype_is_safe_cast(from, dtype)) {
        char name[NX_NAME_MAX];
        return nx_fail(err, NEXPR_TYPE, x->span, "argument %d of '%s' has to be an integer that fits %s, not %s", i + 1,
                       nx_op_name(op, name), nexpr_dtype_name(dtype), nexpr_dtype_name(from));
    }
    return convert(b, x, dtype, ret, err);
}

nexpr_status nx_apply(nx_builder *b, nx_op op, const nx_operand *given, nx_span span, nx_span word, nx_operand *ret,
                      nexpr_error *err) {
    int arity = nx_op_rows[op].arity;
    nx_operand args[NX_MAX_ARITY];
    nexpr_dtype dtypes[NX_MAX_ARITY];
    nx_ref nodes[NX_MAX_ARITY], result;
    memcpy(args, given, (size_t)arity * sizeof *args);
    NX_TRY(prepare_literals(b, op, args, err));
    resolve_args(b, op, args, dtypes);
    if (nx_op_rows[op].promote == NX_PROMOTE_COMPARE) {
        bool done;
        NX_TRY(compare_exactly(b, op, args, dtypes, span, &result, &done, err));
        *ret = nx_operand_node(result, span);
        if (done) return NEXPR_OK;
    }
    nexpr_dtype loop = find_loop(op, dtypes);
    if (loop == NO_DTYPE) return fail_no_loop(b, op, args, dtypes, word, err);
    for (int i = 0; i < arity; i++) NX_TRY(convert_arg(b, op, loop, i, &args[i], &nodes[i], err));
    NX_TRY(nx_build_op(b, op, loop, nodes, span, &result, err));
    *ret = nx_operand_node(result, span);
    return NEXPR_OK;
}
