/* SPDX-License-Identifier: MIT */
/* Events in the words of the language itself. A maker keeps its first failure, so that they read as formulas. */
#include "engine/check.h"

#include "engine/compose.h"

#include <string.h>

typedef nx_operand operand;

typedef struct maker {
    nx_compose to;
    nx_builder *b;
    nexpr_status status;
    nx_check *checks;
    size_t count, capacity;
} maker;

/* An operation with its operands and its result. */
typedef struct subject {
    maker *m;
    nx_node node;
    operand r, x[NX_MAX_ARITY];
    nexpr_dtype from; /* of x[0] */
} subject;

/* ----------------------------------------------------------------------------------------------------------- words -- */

static operand one(maker *m, nx_op op, operand x) {
    if (!m->status) m->status = nx_compose1(&m->to, op, x, &x);
    return x;
}

static operand two(maker *m, nx_op op, operand x, operand y) {
    if (!m->status) m->status = nx_compose2(&m->to, op, x, y, &x);
    return x;
}

static operand number(maker *m, double value) {
    operand ret = {0};
    const bool is_int = value >= -0x1p63 && value < 0x1p63 && value == (double)(int64_t)value;
    if (!m->status) m->status = nx_compose_number(&m->to, value, is_int, &ret);
    return ret;
}

static operand cast(maker *m, operand x, nexpr_dtype dtype) {
    if (!m->status) m->status = nx_compose_cast(&m->to, x, dtype, &x);
    return x;
}

static operand compare(maker *m, nx_op op, operand x, double value) {
    return two(m, op, x, number(m, value));
}

static operand both(maker *m, operand x, operand y) {
    return two(m, NX_OP_bitwise_and, x, y);
}

static operand either(maker *m, operand x, operand y) {
    return two(m, NX_OP_bitwise_or, x, y);
}

static operand negated(maker *m, operand x) {
    return one(m, NX_OP_invert, x);
}

static operand nothing(void) {
    return (operand){.is_weak = true};
}

static bool is_nothing(operand x) {
    return x.is_weak;
}

static bool is_float(nexpr_dtype dtype) {
    return nx_dtype_class(dtype) >= NX_CLASS_REAL;
}

static double least_of(nexpr_dtype dtype) {
    return -(double)((uint64_t)1 << (8 * nexpr_dtype_size(dtype) - 1));
}

static nexpr_dtype dtype_of(const maker *m, operand x) {
    return m->status ? NEXPR_FLOAT64 : nx_operand_dtype(m->b, &x);
}

/* ---------------------------------------------------------------------------------------------------------- checks -- */

static const char *name_of(const maker *m, const nx_node *node) {
    char buffer[NX_NAME_MAX];
    const char *name = nexpr_dtype_name((nexpr_dtype)node->dtype);
    if (node->kind == NX_NODE_OP) name = nx_op_name((nx_op)node->op, buffer);
    if (node->kind == NX_NODE_REDUCE || node->kind == NX_NODE_SCAN) name = nx_reducer_name((nx_reducer)node->op);
    return nx_arena_text(m->b->ir->arena, name, strlen(name));
}

/* A check of the same kind at the same place, which is of the operation that this one completes. */
static nx_check *find_check(const maker *m, nexpr_check_kind kind, nx_span span) {
    for (size_t i = m->count; i-- > 0;) {
        if (m->checks[i].kind == kind && !memcmp(&m->checks[i].span, &span, sizeof span)) return &m->checks[i];
    }
    return NULL;
}

/* Adds to such a check. */
static void extend(const subject *s, nexpr_check_kind kind, operand mask) {
    nx_check *check = s->m->status ? NULL : find_check(s->m, kind, s->node.span);
    if (!check) return;
    const operand all = either(s->m, nx_operand_node(check->mask, s->node.span), mask);
    if (!s->m->status) check->mask = all.node;
}

/* Notes a check of what is not known to be false, for each element of the result. */
static void add(const subject *s, nexpr_check_kind kind, operand mask) {
    maker *m = s->m;
    nx_ir *ir = m->b->ir;
    if (m->status) return;
    const bool is_constant = ir->nodes[mask.node].kind == NX_NODE_CONST;
    if (is_constant && !nx_ir_value(ir, mask.node)->u8) return;
    nx_ref node = mask.node;
    if (ir->nodes[s->r.node].kind != NX_NODE_CONST) {
        m->status = nx_build_like(m->b, node, s->r.node, s->node.span, &node, m->to.err);
    }
    const char *name = name_of(m, &s->node);
    m->checks = nx_arena_grow(ir->arena, m->checks, m->count, &m->capacity, sizeof *m->checks);
    if (!m->status && (!name || !m->checks)) m->status = nx_fail_memory(m->to.err);
    if (m->status) return;
    m->checks[m->count++] = (nx_check){kind, node, s->node.span, name, (nexpr_dtype)s->node.dtype};
}

/* ---------------------------------------------------------------------------------------------------------- floats -- */

/* Whether the op or isnan, say, holds for an operand that is a float. */
static operand holds_for_any(const subject *s, nx_op op, nx_op other) {
    operand all = nothing();
    for (int k = 0; k < s->node.arity; k++) {
        if (!is_float(dtype_of(s->m, s->x[k]))) continue;
        operand own = one(s->m, op, s->x[k]);
        if (other != op) own = either(s->m, own, one(s->m, other, s->x[k]));
        all = is_nothing(all) ? own : either(s->m, all, own);
    }
    return all;
}

static operand is_but(const subject *s, nx_op op, operand excuse) {
    const operand is = one(s->m, op, s->r);
    return is_nothing(excuse) ? is : both(s->m, is, negated(s->m, excuse));
}

/* Whether an operand is at a pole of the function. */
static operand is_at_pole(const subject *s) {
    operand all = nothing();
#define POLE(op_, k, relation, value)                                                                    \
    if (s->node.op == NX_OP_##op_) {                                                                     \
        const operand at = compare(s->m, NX_OP_##relation, s->x[k], value);                              \
        all = is_nothing(all) ? at : either(s->m, all, at);                                              \
    }
#include "engine/checks.def"
    return all;
}

static void check_float_op(const subject *s) {
    maker *m = s->m;
    const nexpr_check_kind nan = s->node.arity > 1 ? NEXPR_CHECK_NAN : NEXPR_CHECK_DOMAIN;
    add(s, nan, is_but(s, NX_OP_isnan, holds_for_any(s, NX_OP_isnan, NX_OP_isnan)));
    const operand infinite = is_but(s, NX_OP_isinf, holds_for_any(s, NX_OP_isinf, NX_OP_isnan)), pole = is_at_pole(s);
    if (is_nothing(pole)) {
        add(s, NEXPR_CHECK_OVERFLOW, infinite);
        return;
    }
    add(s, NEXPR_CHECK_DIVISION, both(m, infinite, pole));
    add(s, NEXPR_CHECK_OVERFLOW, both(m, infinite, negated(m, pole)));
}

/* -------------------------------------------------------------------------------------------------------- integers -- */

static bool is_signed(const subject *s) {
    return nx_dtype_is_signed((nexpr_dtype)s->node.loop);
}

static operand is_least(const subject *s, operand x) {
    return compare(s->m, NX_OP_equal, x, least_of((nexpr_dtype)s->node.loop));
}

static operand wraps_add(const subject *s) {
    maker *m = s->m;
    if (!is_signed(s)) return two(m, NX_OP_less, s->r, s->x[0]);
    const operand a = two(m, NX_OP_bitwise_xor, s->x[0], s->r), b = two(m, NX_OP_bitwise_xor, s->x[1], s->r);
    return compare(m, NX_OP_less, both(m, a, b), 0);
}

static operand wraps_subtract(const subject *s) {
    maker *m = s->m;
    if (!is_signed(s)) return two(m, NX_OP_greater, s->x[1], s->x[0]);
    const operand a = two(m, NX_OP_bitwise_xor, s->x[0], s->x[1]), b = two(m, NX_OP_bitwise_xor, s->x[0], s->r);
    return compare(m, NX_OP_less, both(m, a, b), 0);
}

/* r = x*y, if it did not wrap around, is a multiple of x, y times. */
static operand wraps_product(const subject *s, operand x, operand y, operand r) {
    maker *m = s->m;
    const operand other = two(m, NX_OP_not_equal, two(m, NX_OP_floor_divide, r, x), y);
    const operand rest = compare(m, NX_OP_not_equal, two(m, NX_OP_remainder, r, x), 0);
    operand ret = both(m, compare(m, NX_OP_not_equal, x, 0), either(m, other, rest));
    if (is_signed(s)) ret = either(m, ret, both(m, compare(m, NX_OP_equal, x, -1), is_least(s, y)));
    return ret;
}

static operand wraps_multiply(const subject *s) {
    return wraps_product(s, s->x[0], s->x[1], s->r);
}

static operand wraps_square(const subject *s) {
    return wraps_product(s, s->x[0], s->x[0], s->r);
}

static operand wraps_negative(const subject *s) {
    return is_signed(s) ? is_least(s, s->x[0]) : compare(s->m, NX_OP_not_equal, s->x[0], 0);
}

static operand wraps_absolute(const subject *s) {
    return is_signed(s) ? is_least(s, s->x[0]) : nothing();
}

static operand wraps_left_shift(const subject *s) {
    return two(s->m, NX_OP_not_equal, two(s->m, NX_OP_right_shift, s->r, s->x[1]), s->x[0]);
}

static operand wraps_floor_divide(const subject *s) {
    if (!is_signed(s)) return nothing();
    return both(s->m, is_least(s, s->x[0]), compare(s->m, NX_OP_equal, s->x[1], -1));
}

/* Whether an integer is not what floats make of it: one that wrapped around is far from that. */
static operand is_far_from(maker *m, operand r, operand wanted) {
    const operand distance = one(m, NX_OP_absolute, two(m, NX_OP_subtract, cast(m, r, NEXPR_FLOAT64), wanted));
    const operand most = two(m, NX_OP_multiply, one(m, NX_OP_absolute, wanted), number(m, 0.25));
    return either(m, two(m, NX_OP_greater, distance, most), one(m, NX_OP_isinf, wanted));
}

static operand wraps_power(const subject *s) {
    maker *m = s->m;
    const operand wanted = two(m, NX_OP_power, cast(m, s->x[0], NEXPR_FLOAT64), cast(m, s->x[1], NEXPR_FLOAT64));
    operand can_grow = compare(m, NX_OP_greater, s->x[0], 1); /* of -1 floats do not see whether the power is odd */
    if (is_signed(s)) {
        can_grow = either(m, can_grow, compare(m, NX_OP_less, s->x[0], -1));
        can_grow = both(m, can_grow, compare(m, NX_OP_greater_equal, s->x[1], 0));
    }
    return both(m, can_grow, is_far_from(m, s->r, wanted));
}

static operand wraps_lcm(const subject *s) {
    maker *m = s->m;
    const operand factor = two(m, NX_OP_floor_divide, s->x[0], two(m, NX_OP_gcd, s->x[0], s->x[1]));
    const operand wanted = two(m, NX_OP_multiply, cast(m, factor, NEXPR_FLOAT64), cast(m, s->x[1], NEXPR_FLOAT64));
    return is_far_from(m, s->r, one(m, NX_OP_absolute, wanted));
}

static operand wraps(const subject *s) {
    switch (s->node.op) {
#define WRAP(op) case NX_OP_##op: return wraps_##op(s);
#include "engine/checks.def"
    default: return nothing();
    }
}

/* What an integer must not be divided by: 0, or of a negative power. */
static operand is_divided_by_zero(const subject *s) {
    maker *m = s->m;
#define DIVISOR(op_, k) if (s->node.op == NX_OP_##op_) return compare(m, NX_OP_equal, s->x[k], 0);
#include "engine/checks.def"
    if (s->node.op != NX_OP_power || !is_signed(s)) return nothing();
    return both(m, compare(m, NX_OP_equal, s->x[0], 0), compare(m, NX_OP_less, s->x[1], 0));
}

static void check_integer_op(const subject *s) {
    const operand wrapped = wraps(s), divided = is_divided_by_zero(s);
    if (!is_nothing(wrapped)) add(s, NEXPR_CHECK_WRAP, wrapped);
    if (!is_nothing(divided)) add(s, NEXPR_CHECK_DIVISION, divided);
}

static void check_op(const subject *s) {
    const bool is_of_integers = nx_dtype_class((nexpr_dtype)s->node.loop) == NX_CLASS_INT;
    if (is_float((nexpr_dtype)s->node.dtype)) check_float_op(s);
    else if (is_of_integers && s->node.dtype != NEXPR_BOOL) check_integer_op(s);
}

/* ----------------------------------------------------------------------------------------------------------- casts -- */

static void check_integer_cast(const subject *s) {
    maker *m = s->m;
    const operand other = two(m, NX_OP_not_equal, cast(m, s->r, s->from), s->x[0]);
    const operand turns = two(m, NX_OP_not_equal, compare(m, NX_OP_less, s->r, 0), compare(m, NX_OP_less, s->x[0], 0));
    add(s, NEXPR_CHECK_WRAP, either(m, other, turns));
}

static void check_rounding_cast(const subject *s, operand r) {
    maker *m = s->m;
    const operand infinite = one(m, NX_OP_isinf, r);
    operand other = two(m, NX_OP_not_equal, cast(m, r, s->from), s->x[0]);
    if (!is_float(s->from)) {
        const double end = nx_dtype_is_signed(s->from) ? -least_of(s->from) : -2 * least_of(s->from);
        other = either(m, other, compare(m, NX_OP_equal, cast(m, r, NEXPR_FLOAT64), end)); /* of which the way back saturates */
        add(s, NEXPR_CHECK_OVERFLOW, infinite);
        add(s, NEXPR_CHECK_INEXACT, both(m, negated(m, infinite), other));
        return;
    }
    add(s, NEXPR_CHECK_OVERFLOW, both(m, infinite, one(m, NX_OP_isfinite, s->x[0])));
    add(s, NEXPR_CHECK_INEXACT, both(m, one(m, NX_OP_isfinite, r), other));
}

static void check_truncating_cast(const subject *s) {
    maker *m = s->m;
    const operand whole = one(m, NX_OP_trunc, s->x[0]);
    const operand fits = two(m, NX_OP_equal, cast(m, s->r, NEXPR_FLOAT64), cast(m, whole, NEXPR_FLOAT64));
    add(s, NEXPR_CHECK_DOMAIN, negated(m, fits));
    add(s, NEXPR_CHECK_INEXACT, both(m, fits, two(m, NX_OP_not_equal, whole, s->x[0])));
}

/* The dtype of the parts. */
static nexpr_dtype real_of(nexpr_dtype dtype) {
    return dtype == NEXPR_COMPLEX64 ? NEXPR_FLOAT32 : dtype == NEXPR_COMPLEX128 ? NEXPR_FLOAT64 : dtype;
}

/* Rounding to float16 is part of an operation that float32 serves. */
static bool is_of_operation(const subject *s) {
    const nx_node *x = &s->m->b->ir->nodes[s->node.arg[0]];
    return s->node.dtype == NEXPR_FLOAT16 && x->kind == NX_NODE_OP && !memcmp(&x->span, &s->node.span, sizeof x->span);
}

static void check_cast(const subject *s) {
    maker *m = s->m;
    const nexpr_dtype to = (nexpr_dtype)s->node.dtype;
    const nx_class from_class = nx_dtype_class(s->from), to_class = nx_dtype_class(to);
    if (to_class == NX_CLASS_BOOL || from_class == NX_CLASS_BOOL) return;
    if (to_class == NX_CLASS_INT) {
        if (from_class == NX_CLASS_INT) check_integer_cast(s);
        else check_truncating_cast(s);
        return;
    }
    if (is_float(s->from) && nexpr_dtype_size(real_of(s->from)) <= nexpr_dtype_size(real_of(to))) return;
    if (m->status) return;
    if (is_of_operation(s)) {
        extend(s, NEXPR_CHECK_OVERFLOW, both(m, one(m, NX_OP_isinf, s->r), one(m, NX_OP_isfinite, s->x[0])));
        return;
    }
    const bool has_parts = to_class == NX_CLASS_COMPLEX && from_class != NX_CLASS_COMPLEX;
    check_rounding_cast(s, has_parts ? one(m, NX_OP_real, s->r) : s->r);
}

/* ------------------------------------------------------------------------------------------------------ reductions -- */

/* x reduced, or run, as the subject is. */
static operand alike(const subject *s, nx_reducer reducer, operand x) {
    maker *m = s->m;
    nx_ref node = x.node;
    if (m->status) return x;
    const nx_view view = m->b->ir->views[s->node.index];
    const bool runs = s->node.kind == NX_NODE_SCAN;
    m->status = runs ? nx_build_scan(m->b, reducer, x.node, &view, s->node.span, &node, m->to.err)
                     : nx_build_reduce(m->b, reducer, x.node, &view, true, s->node.span, &node, m->to.err);
    return nx_operand_node(node, s->node.span);
}

/* Whether there was one before. */
static operand any_alike(const subject *s, operand mask) {
    return compare(s->m, NX_OP_greater, alike(s, NX_REDUCER_sum, cast(s->m, mask, NEXPR_INT64)), 0);
}

/* Whether a sum of 64-bit integers wraps around: the sums of their upper and lower halves do not. */
static operand wraps_sum(const subject *s) {
    maker *m = s->m;
    const double half = 4294967296.0;
    const nexpr_dtype loop = (nexpr_dtype)s->node.loop;
    operand bits = cast(m, number(m, 32), loop), mask = cast(m, number(m, half - 1), loop);
    const operand upper = alike(s, NX_REDUCER_sum, two(m, NX_OP_right_shift, s->x[0], bits));
    const operand lower = alike(s, NX_REDUCER_sum, both(m, s->x[0], mask));
    const operand all = two(m, NX_OP_add, upper, two(m, NX_OP_right_shift, lower, bits));
    if (!is_signed(s)) return compare(m, NX_OP_greater_equal, all, half);
    return either(m, compare(m, NX_OP_less, all, -half / 2), compare(m, NX_OP_greater_equal, all, half / 2));
}

static operand wraps_prod(const subject *s) {
    return is_far_from(s->m, s->r, alike(s, NX_REDUCER_prod, cast(s->m, s->x[0], NEXPR_FLOAT64)));
}

static void check_reduction(const subject *s) {
    maker *m = s->m;
    const nx_reducer reducer = (nx_reducer)s->node.op;
    const bool adds = reducer == NX_REDUCER_sum || reducer == NX_REDUCER_prod || reducer == NX_REDUCER_m2;
    if (!adds) return;
    if (is_float((nexpr_dtype)s->node.loop)) {
        const operand nan = one(m, NX_OP_isnan, s->x[0]), infinite = one(m, NX_OP_isinf, s->x[0]);
        add(s, NEXPR_CHECK_NAN, is_but(s, NX_OP_isnan, any_alike(s, nan)));
        add(s, NEXPR_CHECK_OVERFLOW, is_but(s, NX_OP_isinf, any_alike(s, either(m, nan, infinite))));
        return;
    }
    add(s, NEXPR_CHECK_WRAP, reducer == NX_REDUCER_sum ? wraps_sum(s) : wraps_prod(s));
}

/* --------------------------------------------------------------------------------------------------------- programs -- */

static void check_node(maker *m, const nx_node *node, nx_ref value) {
    subject s = {.m = m, .node = *node, .r = nx_operand_node(value, node->span)};
    m->to.span = m->to.word = node->span;
    for (int k = 0; k < node->arity; k++) s.x[k] = nx_operand_node(node->arg[k], node->span);
    if (node->arity) s.from = (nexpr_dtype)m->b->ir->nodes[node->arg[0]].dtype;
    switch (node->kind) {
    case NX_NODE_OP: check_op(&s); break;
    case NX_NODE_CAST: check_cast(&s); break;
    case NX_NODE_REDUCE:
    case NX_NODE_SCAN: check_reduction(&s); break;
    default: break;
    }
}

/* Whether the node's argument is computed for it, and not only its shape asked for. */
static bool needs_value(const nx_node *node, int k) {
    switch (node->kind) {
    case NX_NODE_EXTENT:
    case NX_NODE_INDEX: return false;
    case NX_NODE_ALONG:
    case NX_NODE_LIKE: return k == 0;
    case NX_NODE_COMPRESS: return k < 2;
    default: return true;
    }
}

static nexpr_status mark_computed(const nx_ir *ir, uint8_t **ret, nexpr_error *err) {
    uint8_t *marks = nx_arena_alloc(ir->arena, (size_t)ir->node_count + 1, 1);
    if (!marks) return nx_fail_memory(err);
    for (uint32_t r = 0; r < ir->result_count; r++) marks[ir->results[r].node] = 1;
    for (nx_ref i = ir->node_count; i-- > 0;) {
        const nx_node *node = &ir->nodes[i];
        for (int k = 0; marks[i] && k < node->arity; k++) {
            if (needs_value(node, k)) marks[node->arg[k]] = 1;
        }
    }
    *ret = marks;
    return NEXPR_OK;
}

static nexpr_status add_result(maker *m, nx_reducer reducer, const nx_check *check, nexpr_dtype dtype, nx_ir_result *ret) {
    static const nx_view all = {.kind = NX_VIEW_REDUCED};
    nx_ref node;
    NX_TRY(nx_build_cast(m->b, check->mask, dtype, check->span, &node, m->to.err));
    NX_TRY(nx_build_reduce(m->b, reducer, node, &all, true, check->span, &node, m->to.err));
    *ret = (nx_ir_result){.node = node};
    return NEXPR_OK;
}

static nexpr_status add_results(maker *m) {
    nx_ir *ir = m->b->ir;
    nx_ir_result *results = nx_arena_alloc(ir->arena, ir->result_count + 2 * m->count, sizeof *results);
    if (!results) return nx_fail_memory(m->to.err);
    memcpy(results, ir->results, ir->result_count * sizeof *results);
    for (size_t i = 0; i < m->count; i++) {
        nx_ir_result *own = &results[ir->result_count + 2 * i];
        NX_TRY(add_result(m, NX_REDUCER_sum, &m->checks[i], NEXPR_INT64, &own[0]));
        NX_TRY(add_result(m, NX_REDUCER_argmax, &m->checks[i], NEXPR_UINT8, &own[1]));
    }
    ir->results = results;
    ir->result_count += 2 * (uint32_t)m->count;
    return NEXPR_OK;
}

nexpr_status nx_add_checks(nx_builder *b, nx_check **ret_checks, uint32_t *ret_count, nexpr_error *err) {
    enum { NODES_OF_CHECKS = 64 }; /* for each of the program's, at most */
    maker m = {.to = {.b = b, .err = err}, .b = b};
    const nx_ref count = b->ir->node_count;
    uint8_t *is_computed = NULL;
    b->keeps_folded = false;
    b->max_nodes *= NODES_OF_CHECKS;
    NX_TRY(mark_computed(b->ir, &is_computed, err));
    for (size_t i = 0; i < b->folded_count && !m.status; i++) check_node(&m, &b->folded[i].node, b->folded[i].value);
    for (nx_ref i = 0; i < count && !m.status; i++) {
        const nx_node node = b->ir->nodes[i];
        if (is_computed[i] && !(node.flags & NX_IS_HIDDEN)) check_node(&m, &node, i);
    }
    NX_TRY(m.status);
    NX_TRY(add_results(&m));
    *ret_checks = m.checks;
    *ret_count = (uint32_t)m.count;
    return NEXPR_OK;
}
