/* SPDX-License-Identifier: MIT */
/*
 * Superinstructions: from the last value to the first, the first row of fused.def whose formula the value's tree has, and
 * for whose scalars there is a kernel, replaces the tree. Phases are known here, so what is computed once per row or call
 * is an operand and never part of a tree; a value that is read twice, or is a result, is an operand too.
 */
#include "vm/linker.h"

/* A formula in prefix order: an op's id, with ON_BOOLS if its loop is bool and not T, or DECODE, then its operands; a variable
 * is LEAF + k, behind TAKE_BOOL if it is a bool. */
enum { MAX_TOKENS = 20, DECODE = NX_OP_COUNT, TAKE_BOOL, LEAF, ON_BOOLS = 1 << 15 };

typedef struct pattern {
    int arity; /* variables */
    uint16_t tokens[MAX_TOKENS];
} pattern;

static const pattern *pattern_of(int id) {
    enum { x = LEAF, y, z, w, p, q };
    static const pattern patterns[] = {
#define OF(id, ...) NX_OP_##id, __VA_ARGS__
#define CAST(x) DECODE, x
#define FLAG(x) TAKE_BOOL, x
#define BOTH(...) NX_OP_bitwise_and | ON_BOOLS, __VA_ARGS__
#define EITHER(...) NX_OP_bitwise_or | ON_BOOLS, __VA_ARGS__
#define FUSED(id, domain, arity, formula) {arity, {formula}},
#include "vm/fused.def"
#undef EITHER
#undef BOTH
#undef FLAG
#undef CAST
#undef OF
    };
    return &patterns[id];
}

/* One attempt at a pattern. The operands of the k-th symmetric op that is met are exchanged if bit k says so. */
typedef struct attempt {
    linker *l;
    const nx_vm_instruction *root;
    const uint16_t *token;
    nexpr_dtype loop;   /* T, NEXPR_DTYPE_COUNT until an op tells */
    nexpr_dtype source; /* of operand 0, if that is cast or a bool, else NEXPR_DTYPE_COUNT */
    unsigned exchanged;
    int symmetric_count, inner_count;
    uint32_t inner[MAX_TOKENS]; /* values that the superinstruction makes superfluous */
    bool is_bound[NX_MAX_OPERANDS];
    nx_vm_ref operand[NX_MAX_OPERANDS];
} attempt;

static bool bind(attempt *m, int k, nx_vm_ref ref) {
    if (m->is_bound[k]) return m->operand[k].kind == ref.kind && m->operand[k].index == ref.index;
    m->is_bound[k] = true;
    m->operand[k] = ref;
    return true;
}

static bool match_operand(attempt *m, nx_vm_ref ref);

static bool match_cast(attempt *m, const nx_vm_instruction *instruction) {
    m->token++;
    m->source = (nexpr_dtype)instruction->loop;
    return instruction->kind == NX_NODE_CAST && instruction->dtype == m->loop && match_operand(m, instruction->arg[0]);
}

/* Whether the dtype that an op works on is the one that the pattern asks for. */
static bool match_loop(attempt *m, bool on_bools, nexpr_dtype loop) {
    if (on_bools) return loop == NEXPR_BOOL;
    if (m->loop == NEXPR_DTYPE_COUNT) m->loop = loop;
    return loop == m->loop;
}

static bool match_op(attempt *m, const nx_vm_instruction *instruction) {
    const uint16_t token = *m->token++;
    nx_op op = (nx_op)(token & ~ON_BOOLS), mirrored = nx_op_mirrored(op);
    if (instruction->kind != NX_NODE_OP || !match_loop(m, token & ON_BOOLS, (nexpr_dtype)instruction->loop)) return false;
    if (instruction->op != op && instruction->op != mirrored) return false;
    bool exchange = mirrored == op ? m->exchanged >> m->symmetric_count++ & 1 : instruction->op == mirrored;
    for (int k = 0; k < instruction->arity; k++) {
        if (!match_operand(m, instruction->arg[exchange ? 1 - k : k])) return false;
    }
    return true;
}

static bool is_leaf(uint16_t token) {
    return token >= LEAF && token < ON_BOOLS;
}

/* The recursion is as deep as the pattern, not as the expression. */
static bool match_operand(attempt *m, nx_vm_ref ref) {
    if (*m->token == TAKE_BOOL) {
        m->token++;
        m->source = NEXPR_BOOL;
    }
    if (is_leaf(*m->token)) return bind(m, *m->token++ - LEAF, ref);
    if (ref.kind != NX_VM_VALUE) return false;
    const value *v = &m->l->values[ref.index], *root = &m->l->values[m->root - m->l->instructions];
    if (v->uses != 1 || v->result != NX_VM_NONE || v->phase != root->phase) return false;
    m->inner[m->inner_count++] = ref.index;
    return (*m->token == DECODE ? match_cast : match_op)(m, &m->l->instructions[ref.index]);
}

static bool has_kernel(const attempt *m, int id, int arity) {
    unsigned form = 0;
    for (int k = 0; k < arity; k++) {
        if (nx_phase_is_scalar(phase_of(m->l, m->operand[k]))) form |= 1u << k;
    }
    return nx_vm_decoding_kernel(m->l->code->isa, (nx_fused)id, m->loop, m->source, form);
}

static void replace(attempt *m, int id, int arity) {
    nx_vm_instruction *root = &m->l->instructions[m->root - m->l->instructions];
    for (int k = 0; k < m->inner_count; k++) m->l->values[m->inner[k]].is_fused = true;
    root->kind = KIND_FUSED;
    root->op = (uint16_t)id;
    root->loop = (uint8_t)m->loop;
    root->arity = (uint8_t)arity;
    root->source = (uint8_t)m->source;
    for (int k = 0; k < arity; k++) root->arg[k] = m->operand[k];
}

/* Tries the exchanges in the order of a counter whose lowest digit is the op that is met last; those that differ only
 * beyond the point of failure are left out. */
static bool fuse_as(linker *l, uint32_t i, int id) {
    const pattern *p = pattern_of(id);
    unsigned exchanged = 0;
    if (l->instructions[i].op != (p->tokens[0] & ~ON_BOOLS)) return false;
    for (;;) {
        attempt m = {.l = l, .root = &l->instructions[i], .token = p->tokens, .exchanged = exchanged,
                     .loop = NEXPR_DTYPE_COUNT, .source = NEXPR_DTYPE_COUNT};
        if (match_op(&m, m.root) && has_kernel(&m, id, p->arity)) {
            replace(&m, id, p->arity);
            return true;
        }
        int k = m.symmetric_count;
        for (; k && exchanged >> (k - 1) & 1; k--) exchanged &= ~(1u << (k - 1));
        if (!k) return false;
        exchanged |= 1u << (k - 1);
    }
}

static void count_uses(linker *l) {
    for (uint32_t i = 0; i < l->value_count; i++) {
        for (int k = 0; k < l->instructions[i].arity; k++) {
            value *arg = value_of(l, l->instructions[i].arg[k]);
            if (arg) arg->uses++;
        }
    }
}

nexpr_dtype nx_fused_result(nx_fused id, nexpr_dtype loop) {
    static const bool is_predicate[NX_FUSED_COUNT] = {
#define PREDICATE(id, ...) [NX_FUSED_##id] = true,
#include "vm/fused.def"
    };
    return is_predicate[id] ? NEXPR_BOOL : loop;
}

int nx_fused_operations(nx_fused id) {
    const uint16_t *token = pattern_of(id)->tokens;
    int count = 0;
    for (int wanted = 1; wanted > 0; token++) {
        const int op = *token & ~ON_BOOLS;
        if (is_leaf(*token)) wanted--;
        if (op >= NX_OP_COUNT) continue;
        wanted += nx_op_rows[op].arity - 1;
        count++;
    }
    return count;
}

void nx_vm_fuse(linker *l) {
    count_uses(l);
    for (uint32_t i = l->value_count; i-- > 0;) {
        const value *v = &l->values[i];
        if (v->is_fused || nx_phase_is_scalar((nx_phase)v->phase) || l->instructions[i].kind != NX_NODE_OP) continue;
        for (int id = 0; id < NX_FUSED_COUNT && !fuse_as(l, i, id); id++) continue;
    }
}
