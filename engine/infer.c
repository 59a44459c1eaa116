/* SPDX-License-Identifier: MIT */
/*
 * Inference is one loop over the AST's nodes, children before parents: each node becomes an operand, a literal or a node of
 * the IR. Names are looked up where they stand: assigned names first, then inputs, then constants.
 */
#include "engine/infer.h"

#include "engine/call.h"
#include "engine/view_call.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct binding {
    const char *name; /* NULL: empty slot */
    nx_operand value;
    bool is_built;       /* else an input that was not read yet: value.node is its index */
} binding;

typedef struct inference {
    const nx_ast *ast;
    nx_builder *b;
    nx_operand *values; /* by AST node */
    bool *is_word;      /* by AST node: no operand, but read by its parent as it is written */
    binding *bindings;  /* hash table, a power of two large */
    size_t binding_count;
    nexpr_error *err;
} inference;

static const struct { const char *name; double value; } constants[] = {
    {"pi", M_PI}, {"e", M_E}, {"inf", INFINITY}, {"nan", NAN},
};
enum { CONSTANT_COUNT = sizeof constants / sizeof *constants };

bool nx_is_constant_name(const char *name) {
    nexpr_dtype dtype;
    if (!nexpr_dtype_find(name, &dtype, NULL)) return true; /* of dtype= */
    for (int i = 0; i < CONSTANT_COUNT; i++) {
        if (!strcmp(name, constants[i].name)) return true;
    }
    return false;
}

/* --------------------------------------------------------------------------------------------------- names -- */

static binding *find_binding(const inference *inf, const char *name) {
    uint64_t h = 0xCBF29CE484222325u;
    for (const char *p = name; *p; p++) h = (h ^ (unsigned char)*p) * 0x100000001B3u;
    size_t i = h & (inf->binding_count - 1);
    while (inf->bindings[i].name && strcmp(inf->bindings[i].name, name)) i = (i + 1) & (inf->binding_count - 1);
    return &inf->bindings[i];
}

static nexpr_status bind_inputs(inference *inf) {
    const nx_ir *ir = inf->b->ir;
    size_t names = ir->input_count + inf->ast->statement_count;
    inf->binding_count = 16;
    while (inf->binding_count < 2 * names) inf->binding_count *= 2;
    inf->bindings = nx_arena_alloc(ir->arena, inf->binding_count, sizeof *inf->bindings);
    if (!inf->bindings) return nx_fail_memory(inf->err);
    for (uint32_t i = 0; i < ir->input_count; i++) {
        *find_binding(inf, ir->inputs[i].name) = (binding){.name = ir->inputs[i].name, .value.node = i};
    }
    return NEXPR_OK;
}

/* "; the inputs are a, b and more". */
static const char *list_inputs(const nx_ir *ir, char *buffer, size_t capacity) {
    enum { MANY = 8 };
    size_t used = (size_t)snprintf(buffer, capacity, ir->input_count ? "; the inputs are " : "; there are no inputs");
    for (uint32_t i = 0; i < ir->input_count && used < capacity; i++) {
        if (i == MANY) {
            snprintf(buffer + used, capacity - used, " and more");
            break;
        }
        used += (size_t)snprintf(buffer + used, capacity - used, "%s%s", i ? ", " : "", ir->inputs[i].name);
    }
    return buffer;
}

static nexpr_status fail_unknown_name(const inference *inf, const nx_ast_node *node) {
    nx_callee callee;
    if (nx_find_callee(node->name, strlen(node->name), &callee)) {
        return nx_fail(inf->err, NEXPR_NAME, node->span, "'%s' is a function: write %s(...)", node->name, node->name);
    }
    nx_suggestion suggestion = nx_suggest(node->name, strlen(node->name));
    char text[96], list[256];
    for (size_t i = 0; i < inf->binding_count; i++) {
        const char *name = inf->bindings[i].name;
        if (name) nx_suggest_offer(&suggestion, name, strlen(name));
    }
    for (int i = 0; i < CONSTANT_COUNT; i++) nx_suggest_offer(&suggestion, constants[i].name, strlen(constants[i].name));
    nx_suggest_text(&suggestion, text);
    return nx_fail(inf->err, NEXPR_NAME, node->span, "unknown name '%s'%s%s", node->name, text,
                   text[0] ? "" : list_inputs(inf->b->ir, list, sizeof list));
}

static nexpr_status literal_operand(const inference *inf, nx_literal value, nx_span span, nx_operand *ret) {
    nx_literal *literal = nx_arena_alloc(inf->b->ir->arena, 1, sizeof *literal);
    if (!literal) return nx_fail_memory(inf->err);
    *literal = value;
    *ret = (nx_operand){.literal = literal, .span = span};
    return NEXPR_OK;
}

static nexpr_status infer_name(const inference *inf, const nx_ast_node *node, nx_operand *ret) {
    binding *bound = find_binding(inf, node->name);
    if (bound->name) {
        if (!bound->is_built) {
            NX_TRY(nx_build_input(inf->b, bound->value.node, node->span, &bound->value.node, inf->err));
            bound->is_built = true;
        }
        *ret = bound->value;
        ret->span = node->span;
        return NEXPR_OK;
    }
    for (int i = 0; i < CONSTANT_COUNT; i++) {
        if (strcmp(node->name, constants[i].name)) continue;
        return literal_operand(inf, (nx_literal){.kind = NX_LITERAL_FLOAT, .re = constants[i].value}, node->span, ret);
    }
    return fail_unknown_name(inf, node);
}

/* ----------------------------------------------------------------------------------------------- operators -- */

static const nx_ast_node *arg_node(const inference *inf, const nx_ast_node *node, uint32_t i) {
    return &inf->ast->nodes[inf->ast->args[node->first_arg + i].node];
}

static bool is_operator_of(const nx_ast_node *node, nx_promote promote) {
    return node->kind == NX_AST_OPERATOR && nx_op_rows[node->op].promote == promote;
}

/* a > 0 & b < 1 is a > (0 & b) < 1, which nobody means. */
static nexpr_status check_chain(const inference *inf, const nx_ast_node *node) {
    if (node->op != NX_OP_logical_and) return NEXPR_OK;
    const nx_ast_node *left = arg_node(inf, node, 0), *right = arg_node(inf, node, 1);
    while (left->kind == NX_AST_OPERATOR && left->op == NX_OP_logical_and) left = arg_node(inf, left, 1);
    if (!is_operator_of(left, NX_PROMOTE_COMPARE) || !is_operator_of(right, NX_PROMOTE_COMPARE)) return NEXPR_OK;
    const nx_ast_node *middle = arg_node(inf, left, 1);
    if (middle != arg_node(inf, right, 0) || middle->in_parentheses || middle->kind != NX_AST_OPERATOR) return NEXPR_OK;
    if (middle->op != NX_OP_bitwise_and && middle->op != NX_OP_bitwise_or && middle->op != NX_OP_bitwise_xor)
        return NEXPR_OK;
    return nx_fail(inf->err, NEXPR_TYPE, middle->span,
                   "%s binds tighter than comparisons: write (a > 0) %s (b < 1) with parentheses "
                   "around each comparison, or around this if it is meant",
                   nx_op_rows[middle->op].spelling, nx_op_rows[middle->op].spelling);
}

/* Operators on literals alone stay literals. */
static nexpr_status apply_literals(const inference *inf, nx_op op, const nx_operand *args, nx_span span, nx_operand *ret) {
    nx_literal literals[NX_MAX_ARITY], value;
    for (int i = 0; i < nx_op_rows[op].arity; i++) literals[i] = *args[i].literal;
    NX_TRY(nx_literal_apply(op, literals, nx_op_rows[op].arity, span, &value, inf->err));
    return literal_operand(inf, value, span, ret);
}

static bool is_literal_value(const nx_operand *x, nx_literal_kind kind, double value) {
    if (!x->literal || x->literal->kind != kind) return false;
    int64_t integer;
    if (kind == NX_LITERAL_FLOAT) return x->literal->re == value;
    return nx_bigint_to_i64(&x->literal->integer, &integer) && (double)integer == value;
}

/* x**2, x**-1 and x**0.5 have operations of their own, as in NumPy; the integer -1 is refused for integers. */
static nexpr_status apply_power(const inference *inf, const nx_operand *args, nx_span span, nx_span word, nx_operand *ret) {
    nx_class base = nx_dtype_class(nx_operand_dtype(inf->b, &args[0]));
    const nx_literal *exponent = args[1].literal;
    bool is_float = base >= NX_CLASS_REAL;
    nx_op op = NX_OP_power;
    if (is_literal_value(&args[1], NX_LITERAL_INT, 2)) op = NX_OP_square;
    else if (is_float && is_literal_value(&args[1], NX_LITERAL_INT, -1)) op = NX_OP_reciprocal;
    else if (is_float && is_literal_value(&args[1], NX_LITERAL_FLOAT, 0.5)) op = NX_OP_sqrt;
    else if (!is_float && exponent && exponent->kind == NX_LITERAL_INT && exponent->integer.negative) {
        return nx_fail(inf->err, NEXPR_VALUE, args[1].span,
                       "an integer to a negative integer power is no integer; write a float, "
                       "such as -1.0, as the exponent");
    }
    return nx_apply(inf->b, op, args, span, word, ret, inf->err);
}

static nexpr_status infer_operator(const inference *inf, const nx_ast_node *node, nx_operand *ret) {
    nx_operand args[NX_MAX_ARITY];
    bool all_literals = true, all_weak = true;
    NX_TRY(check_chain(inf, node));
    for (uint32_t i = 0; i < node->arg_count; i++) {
        const nx_ast_node *arg = arg_node(inf, node, i);
        if (arg->kind == NX_AST_STRING) {
            return nx_fail(inf->err, NEXPR_TYPE, arg->span, "text is only a value of keywords, not an operand");
        }
        args[i] = inf->values[arg - inf->ast->nodes];
        args[i].span = arg->span;
        all_literals &= args[i].literal != NULL;
        all_weak &= args[i].literal || args[i].is_weak;
    }
    if (all_literals) return apply_literals(inf, node->op, args, node->span, ret);
    if (node->op == NX_OP_power && !args[0].literal) NX_TRY(apply_power(inf, args, node->span, node->word, ret));
    else NX_TRY(nx_apply(inf->b, node->op, args, node->span, node->word, ret, inf->err));
    ret->is_weak = all_weak && nx_operand_dtype(inf->b, ret) != NEXPR_BOOL;
    return NEXPR_OK;
}

/* Attributes that are no operations. *ret_done tells whether this was one. */
static nexpr_status infer_shape_attribute(const inference *inf, const nx_ast_node *node, nx_operand *ret, bool *ret_done) {
    const nx_values values = {inf->ast, inf->values};
    nx_operand arg = inf->values[inf->ast->args[node->first_arg].node];
    arg.span = arg_node(inf, node, 0)->span;
    *ret_done = true;
    if (!strcmp(node->name, "T")) return nx_apply_transposed(inf->b, &arg, node->span, ret, inf->err);
    if (!strcmp(node->name, "size")) return nx_apply_size(inf->b, values, node, ret, inf->err);
    if (!strcmp(node->name, "ndim")) return nx_apply_ndim(inf->b, values, node, ret, inf->err);
    if (!strcmp(node->name, "shape")) {
        return nx_fail(inf->err, NEXPR_TYPE, node->word, "a shape is no operand; write .shape[k] for the length of axis k");
    }
    *ret_done = false;
    return NEXPR_OK;
}

static nexpr_status infer_attribute(const inference *inf, const nx_ast_node *node, nx_operand *ret) {
    static const nx_op attributes[] = {NX_OP_real, NX_OP_imag};
    bool done;
    NX_TRY(infer_shape_attribute(inf, node, ret, &done));
    if (done) return NEXPR_OK;
    nx_suggestion suggestion = nx_suggest(node->name, strlen(node->name));
    char text[96];
    nx_operand arg = inf->values[inf->ast->args[node->first_arg].node];
    arg.span = arg_node(inf, node, 0)->span;
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        const char *name = nx_op_rows[attributes[i]].names;
        nx_suggest_offer(&suggestion, name, strlen(name));
        if (strcmp(node->name, name)) continue;
        if (arg.literal) return apply_literals(inf, attributes[i], &arg, node->span, ret);
        return nx_apply(inf->b, attributes[i], &arg, node->span, node->word, ret, inf->err);
    }
    return nx_fail(inf->err, NEXPR_NAME, node->word,
                   "unknown attribute '%s'%s; there are .real, .imag, .T, .shape, .size and .ndim", node->name,
                   nx_suggest_text(&suggestion, text));
}

/* ---------------------------------------------------------------------------------------------- statements -- */

static nexpr_status infer_node(const inference *inf, const nx_ast_node *node, nx_operand *ret) {
    const nx_values values = {inf->ast, inf->values};
    switch (node->kind) {
    case NX_AST_LITERAL: *ret = (nx_operand){.literal = node->literal, .span = node->span}; return NEXPR_OK;
    case NX_AST_STRING: return NEXPR_OK;
    case NX_AST_NAME: return infer_name(inf, node, ret);
    case NX_AST_OPERATOR: return infer_operator(inf, node, ret);
    case NX_AST_CALL: return nx_apply_call(inf->b, values, node, ret, inf->err);
    case NX_AST_ATTRIBUTE: return infer_attribute(inf, node, ret);
    case NX_AST_INDEX:
        if (nx_is_length(inf->ast, node)) return nx_apply_length(inf->b, values, node, ret, inf->err);
        return nx_apply_index(inf->b, values, node, ret, inf->err);
    case NX_AST_SLICE:
    case NX_AST_ELLIPSIS:
    case NX_AST_NONE:
    case NX_AST_TUPLE: return NEXPR_OK;
    }
    return NEXPR_OK;
}

static nexpr_status fail_text_value(const inference *inf, const nx_ast_node *node) {
    return nx_fail(inf->err, NEXPR_TYPE, node->span, "text is only a value of keywords, not a result");
}

/* Marks the nodes that are no operands: dtypes among arguments, a.shape in a.shape[k]. */
static void mark_words(const inference *inf, const nx_ast_statement *statement) {
    for (nx_ast_ref i = statement->first_node; i < statement->node_end; i++) {
        const nx_ast_node *node = &inf->ast->nodes[i];
        const nx_ast_arg *args = &inf->ast->args[node->first_arg];
        for (uint32_t k = 0; node->kind == NX_AST_CALL && k < node->arg_count; k++) {
            const bool is_name = inf->ast->nodes[args[k].node].kind == NX_AST_NAME;
            if (is_name && nx_is_dtype_arg(inf->ast, node, k)) inf->is_word[args[k].node] = true;
        }
        if (nx_is_length(inf->ast, node)) inf->is_word[args[0].node] = true;
    }
}

static nexpr_status infer_statement(const inference *inf, const nx_ast_statement *statement) {
    mark_words(inf, statement);
    for (nx_ast_ref i = statement->first_node; i < statement->node_end; i++) {
        if (!inf->is_word[i]) NX_TRY(infer_node(inf, &inf->ast->nodes[i], &inf->values[i]));
    }
    if (!statement->name) return NEXPR_OK;
    nx_ast_ref value = inf->ast->args[statement->first_value].node;
    if (inf->ast->nodes[value].kind == NX_AST_STRING) return fail_text_value(inf, &inf->ast->nodes[value]);
    binding *bound = find_binding(inf, statement->name);
    *bound = (binding){.name = statement->name, .value = inf->values[value], .is_built = true};
    return NEXPR_OK;
}

static nexpr_status infer_result(const inference *inf, const nx_ast_statement *last, nx_ast_ref value,
                                 const nexpr_dtype *dtype, nx_ir_result *ret) {
    const nx_ast_node *node = &inf->ast->nodes[value];
    nx_operand x = inf->values[value];
    x.span = node->span;
    if (node->kind == NX_AST_STRING) return fail_text_value(inf, node);
    if (dtype) NX_TRY(nx_apply_cast(inf->b, &x, *dtype, node->span, &x, inf->err));
    const char *name = last->name ? last->name : node->kind == NX_AST_NAME ? node->name : NULL;
    if (name) {
        ret->name = nx_arena_text(inf->b->ir->arena, name, strlen(name)); /* the AST does not last as long */
        if (!ret->name) return nx_fail_memory(inf->err);
    }
    return nx_operand_to_node(inf->b, &x, &ret->node, inf->err);
}

static bool is_term(const inference *inf, nx_ast_ref i) {
    switch (inf->ast->nodes[i].kind) {
    case NX_AST_LITERAL:
    case NX_AST_NAME:
    case NX_AST_OPERATOR:
    case NX_AST_CALL:
    case NX_AST_ATTRIBUTE:
    case NX_AST_INDEX: return !inf->is_word[i];
    default: return false;
    }
}

/* The AST does not last, but its operands may be asked for. */
static nexpr_status keep_terms(const inference *inf) {
    nx_ir *ir = inf->b->ir;
    ir->terms = nx_arena_alloc(ir->arena, inf->ast->node_count, sizeof *ir->terms);
    if (!ir->terms) return nx_fail_memory(inf->err);
    for (nx_ast_ref i = 0; i < inf->ast->node_count; i++) {
        const nx_operand *x = &inf->values[i];
        if (!is_term(inf, i)) continue;
        ir->terms[ir->term_count++] = (nx_ir_term){inf->ast->nodes[i].span, x->literal ? NX_NO_NODE : x->node};
    }
    return NEXPR_OK;
}

nexpr_status nx_infer(const nx_ast *ast, nx_builder *b, const nexpr_dtype *result_dtype, nexpr_error *err) {
    inference inf = {.ast = ast, .b = b, .err = err};
    inf.values = nx_arena_alloc(b->ir->arena, ast->node_count, sizeof *inf.values);
    inf.is_word = nx_arena_alloc(b->ir->arena, ast->node_count, sizeof *inf.is_word);
    if (!inf.values || !inf.is_word) return nx_fail_memory(err);
    NX_TRY(bind_inputs(&inf));
    for (uint32_t i = 0; i < ast->statement_count; i++) NX_TRY(infer_statement(&inf, &ast->statements[i]));

    const nx_ast_statement *last = &ast->statements[ast->statement_count - 1];
    nx_ir *ir = b->ir;
    ir->results = nx_arena_alloc(ir->arena, last->value_count, sizeof *ir->results);
    if (!ir->results) return nx_fail_memory(err);
    for (; ir->result_count < last->value_count; ir->result_count++) {
        nx_ast_ref value = ast->args[last->first_value + ir->result_count].node;
        NX_TRY(infer_result(&inf, last, value, result_dtype, &ir->results[ir->result_count]));
    }
    return keep_terms(&inf);
}
