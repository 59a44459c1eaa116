/* SPDX-License-Identifier: MIT */
/*
 * Rewriting by rules that hold for every bit: the identities of fold.def, and the contraction to fma that fp=contract asks
 * for. The builder asks here before it makes a node.
 */
#include "engine/build.h"

typedef struct fold_rule {
    uint8_t op, domain, position;
    int8_t value;
} fold_rule;

static const fold_rule constant_rules[] = {
#define FOLD(op, domain, position, value) {NX_OP_##op, NX_DOMAIN_##domain, position, value},
#include "engine/fold.def"
};

static const uint8_t same_domains[NX_OP_COUNT] = {
#define SAME(op, domain) [NX_OP_##op] = NX_DOMAIN_##domain,
#include "engine/fold.def"
};

static const uint8_t twice_domains[NX_OP_COUNT] = {
#define TWICE(op, domain) [NX_OP_##op] = NX_DOMAIN_##domain,
#include "engine/fold.def"
};

_Static_assert(NX_OP_COUNT <= 256, "fold_rule.op is a byte");

/* Whether the value is the small integer v, and not -0.0. */
static bool is_value(nexpr_dtype dtype, const nx_value *value, int v) {
    switch (dtype) {
    case NEXPR_FLOAT16: return value->f16 == (v ? 0x3C00 : 0);
    case NEXPR_FLOAT32: return value->f32 == (float)v && !__builtin_signbit(value->f32);
    case NEXPR_FLOAT64: return value->f64 == v && !__builtin_signbit(value->f64);
    default: return value->u64 == (uint64_t)v; /* v is 0 or 1, unused bytes are 0 */
    }
}

static bool fold_constant(const nx_ir *ir, nx_op op, nexpr_dtype loop, const nx_ref *args, nx_ref *ret) {
    if (nx_op_rows[op].arity != 2) return false;
    for (size_t i = 0; i < sizeof constant_rules / sizeof *constant_rules; i++) {
        const fold_rule *rule = &constant_rules[i];
        if (rule->op != op || !(rule->domain >> nx_dtype_class(loop) & 1)) continue;
        nx_ref constant = args[rule->position];
        if (ir->nodes[constant].kind != NX_NODE_CONST || !is_value(loop, nx_ir_value(ir, constant), rule->value)) continue;
        *ret = args[1 - rule->position];
        return true;
    }
    return false;
}

bool nx_fold_identity(const nx_ir *ir, nx_op op, nexpr_dtype loop, const nx_ref *args, nx_ref *ret) {
    const nx_node *arg = &ir->nodes[args[0]];
    if (same_domains[op] >> nx_dtype_class(loop) & 1) {
        *ret = args[0];
        return true;
    }
    if (twice_domains[op] >> nx_dtype_class(loop) & 1 && arg->kind == NX_NODE_OP && arg->op == op && arg->loop == loop) {
        *ret = arg->arg[0];
        return true;
    }
    return fold_constant(ir, op, loop, args, ret);
}

/* The reciprocal of a power of two has the exponent mirrored at that of 1; both have to be normal. */
bool nx_fold_reciprocal(const nx_ir *ir, nx_op op, nexpr_dtype loop, const nx_ref *args, nx_value *ret_reciprocal) {
    if (op != NX_OP_divide || (loop != NEXPR_FLOAT32 && loop != NEXPR_FLOAT64)) return false;
    if (ir->nodes[args[1]].kind != NX_NODE_CONST) return false;
    const nx_value *divisor = nx_ir_value(ir, args[1]);
    const bool is_single = loop == NEXPR_FLOAT32;
    const int digits = is_single ? 23 : 52, top = is_single ? 255 : 2047;
    const uint64_t bits = is_single ? divisor->u32 : divisor->u64, one = 1;
    const int exponent = (int)(bits >> digits & (uint64_t)top), mirrored = top - 1 - exponent;
    if (bits & ((one << digits) - 1) || exponent < 1 || mirrored < 1) return false;
    const uint64_t sign = bits >> digits & (uint64_t)(top + 1), reciprocal = (sign | (uint64_t)mirrored) << digits;
    *ret_reciprocal = (nx_value){.bits = {0, 0}};
    if (is_single) ret_reciprocal->u32 = (uint32_t)reciprocal;
    else ret_reciprocal->u64 = reciprocal;
    return true;
}

static bool is_product(const nx_ir *ir, nx_ref ref, nexpr_dtype loop) {
    const nx_node *node = &ir->nodes[ref];
    return node->kind == NX_NODE_OP && node->op == NX_OP_multiply && node->loop == loop;
}

/* x*y + z, z + x*y -> fma(x, y, z);  x*y - z -> fma(x, y, -z);  z - x*y -> fma(-x, y, z) */
bool nx_fold_contract(const nx_ir *ir, nx_op op, nexpr_dtype loop, const nx_ref *args, nx_ref ret_args[3],
                      unsigned *ret_negate) {
    if ((op != NX_OP_add && op != NX_OP_subtract) || (loop != NEXPR_FLOAT32 && loop != NEXPR_FLOAT64)) return false;
    int product = is_product(ir, args[0], loop) ? 0 : 1;
    if (!is_product(ir, args[product], loop)) return false;
    const nx_node *node = &ir->nodes[args[product]];
    ret_args[0] = node->arg[0];
    ret_args[1] = node->arg[1];
    ret_args[2] = args[1 - product];
    *ret_negate = op == NX_OP_add ? 0 : product == 0 ? 4 : 1;
    return true;
}
