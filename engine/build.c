/* SPDX-License-Identifier: MIT */
/*
 * The builder. Nodes are found again by a hash over what they compute, so that a common sub-expression is one node by
 * construction; the table doubles when it is half full.
 */
#include "engine/build.h"

#include <string.h>

void nx_builder_init(nx_builder *b, nx_ir *ir, nx_evaluate *evaluate, nexpr_fp_mode fp, size_t max_nodes) {
    ir->evaluate = evaluate;
    *b = (nx_builder){.ir = ir, .fp = fp, .max_nodes = max_nodes};
}

const nx_value *nx_ir_value(const nx_ir *ir, nx_ref node) {
    return &ir->values[ir->nodes[node].index];
}

static uint64_t mix(uint64_t h, uint64_t word) {
    h = (h ^ word) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 32;
}

static uint64_t hash_node(const nx_ir *ir, const nx_node *node, const nx_value *value) {
    uint64_t h = mix(node->kind | node->dtype << 8 | node->loop << 16, node->op | (uint32_t)node->flags << 16);
    for (int i = 0; i < node->arity; i++) h = mix(h, node->arg[i]);
    if (node->kind == NX_NODE_CONST) return mix(mix(h, value->bits[0]), value->bits[1]);
    return mix(h, nx_node_has_view(node) ? nx_view_hash(&ir->views[node->index]) : node->index);
}

static bool is_equal(const nx_builder *b, nx_ref ref, const nx_node *node, const nx_value *value) {
    const nx_node *other = &b->ir->nodes[ref];
    if (other->kind != node->kind || other->dtype != node->dtype || other->loop != node->loop || other->op != node->op ||
        other->flags != node->flags || memcmp(other->arg, node->arg, sizeof node->arg)) {
        return false;
    }
    if (node->kind == NX_NODE_CONST) return !memcmp(nx_ir_value(b->ir, ref), value, sizeof *value);
    if (nx_node_has_view(node)) return nx_view_equal(&b->ir->views[other->index], &b->ir->views[node->index]);
    return other->index == node->index;
}

static uint64_t hash_ref(const nx_builder *b, nx_ref ref) {
    const nx_node *node = &b->ir->nodes[ref];
    return hash_node(b->ir, node, node->kind == NX_NODE_CONST ? nx_ir_value(b->ir, ref) : NULL);
}

/* The bucket that holds an equal node, or the empty one where it belongs. */
static nx_ref *find_bucket(const nx_builder *b, const nx_node *node, const nx_value *value) {
    size_t i = hash_node(b->ir, node, value) & (b->bucket_count - 1);
    while (b->buckets[i] && !is_equal(b, b->buckets[i] - 1, node, value)) i = (i + 1) & (b->bucket_count - 1);
    return &b->buckets[i];
}

static nexpr_status grow_buckets(nx_builder *b, nexpr_error *err) {
    if (b->bucket_count > 2 * (size_t)b->ir->node_count) return NEXPR_OK;
    size_t count = b->bucket_count ? b->bucket_count * 2 : 64;
    nx_ref *buckets = nx_arena_alloc(b->ir->arena, count, sizeof *buckets);
    if (!buckets) return nx_fail_memory(err);
    for (nx_ref ref = 0; ref < b->ir->node_count; ref++) {
        size_t i = hash_ref(b, ref) & (count - 1);
        while (buckets[i]) i = (i + 1) & (count - 1);
        buckets[i] = ref + 1;
    }
    b->buckets = buckets;
    b->bucket_count = count;
    return NEXPR_OK;
}

/* The node equal to *node, which is added if there is none. value belongs to constants. */
static nexpr_status intern(nx_builder *b, nx_node *node, const nx_value *value, nx_ref *ret, nexpr_error *err) {
    nx_ir *ir = b->ir;
    NX_TRY(grow_buckets(b, err));
    nx_ref *bucket = find_bucket(b, node, value);
    if (*bucket) {
        *ret = *bucket - 1;
        return NEXPR_OK;
    }
    if (ir->node_count >= b->max_nodes) {
        return nx_fail(err, NEXPR_LIMIT, node->span,
                       "the expression has more than %zu operations; raise max_nodes or split it", b->max_nodes);
    }
    ir->nodes = nx_arena_grow(ir->arena, ir->nodes, ir->node_count, &b->node_capacity, sizeof *ir->nodes);
    if (!ir->nodes) return nx_fail_memory(err);
    if (value) {
        ir->values = nx_arena_grow(ir->arena, ir->values, ir->value_count, &b->value_capacity, sizeof *ir->values);
        if (!ir->values) return nx_fail_memory(err);
        node->index = ir->value_count;
        ir->values[ir->value_count++] = *value;
    }
    ir->nodes[ir->node_count] = *node;
    *ret = ir->node_count++;
    *bucket = *ret + 1;
    return NEXPR_OK;
}

nexpr_status nx_build_input(nx_builder *b, uint32_t index, nx_span span, nx_ref *ret, nexpr_error *err) {
    nx_node node = {.kind = NX_NODE_INPUT, .dtype = (uint8_t)b->ir->inputs[index].dtype, .index = index, .span = span};
    return intern(b, &node, NULL, ret, err);
}

nexpr_status nx_build_const(nx_builder *b, nexpr_dtype dtype, nx_value value, nx_span span, nx_ref *ret, nexpr_error *err) {
    nx_node node = {.kind = NX_NODE_CONST, .dtype = (uint8_t)dtype, .span = span};
    return intern(b, &node, &value, ret, err);
}

static nexpr_status note_folded(nx_builder *b, const nx_node *node, nx_ref value, nexpr_error *err) {
    b->folded = nx_arena_grow(b->ir->arena, b->folded, b->folded_count, &b->folded_capacity, sizeof *b->folded);
    if (!b->folded) return nx_fail_memory(err);
    b->folded[b->folded_count++] = (nx_folded){*node, value};
    return NEXPR_OK;
}

static nexpr_status note_rewrite(nx_builder *b, int kind, nx_span span, nexpr_error *err) {
    nx_ir *ir = b->ir;
    ir->rewrites = nx_arena_grow(ir->arena, ir->rewrites, ir->rewrite_count, &b->rewrite_capacity, sizeof *ir->rewrites);
    if (!ir->rewrites) return nx_fail_memory(err);
    ir->rewrites[ir->rewrite_count++] = (nx_rewrite){.kind = kind, .span = span};
    return NEXPR_OK;
}

/* Interns an op or cast, or its value if all arguments are constants. */
static nexpr_status intern_or_evaluate(nx_builder *b, nx_node *node, nx_ref *ret, nexpr_error *err) {
    nx_value args[NX_MAX_ARITY], value = {.bits = {0, 0}};
    for (int i = 0; i < node->arity; i++) {
        if (b->ir->nodes[node->arg[i]].kind != NX_NODE_CONST) return intern(b, node, NULL, ret, err);
        args[i] = *nx_ir_value(b->ir, node->arg[i]);
    }
    b->ir->evaluate(node, args, &value);
    if (node->kind == NX_NODE_OP) NX_TRY(note_rewrite(b, NX_REWRITE_CONSTANT, node->span, err));
    NX_TRY(nx_build_const(b, (nexpr_dtype)node->dtype, value, node->span, ret, err));
    return b->keeps_folded ? note_folded(b, node, *ret, err) : NEXPR_OK;
}

nexpr_status nx_build_cast(nx_builder *b, nx_ref x, nexpr_dtype dtype, nx_span span, nx_ref *ret, nexpr_error *err) {
    uint8_t from = b->ir->nodes[x].dtype;
    if (from == dtype) {
        *ret = x;
        return NEXPR_OK;
    }
    nx_node node = {.kind = NX_NODE_CAST, .dtype = (uint8_t)dtype, .loop = from, .arity = 1, .arg = {x}, .span = span};
    return intern_or_evaluate(b, &node, ret, err);
}

/* Interns a node whose index is that of the view. */
static nexpr_status intern_with_view(nx_builder *b, nx_node *node, const nx_view *view, nx_ref *ret, nexpr_error *err) {
    nx_ir *ir = b->ir;
    node->index = ir->view_count;
    ir->views = nx_arena_grow(ir->arena, ir->views, ir->view_count, &b->view_capacity, sizeof *ir->views);
    if (!ir->views) return nx_fail_memory(err);
    ir->views[ir->view_count] = *view;
    NX_TRY(intern(b, node, NULL, ret, err));
    ir->view_count += ir->nodes[*ret].index == ir->view_count;
    return NEXPR_OK;
}

static nx_node node_on(const nx_builder *b, nx_node_kind kind, nexpr_dtype dtype, nx_ref x, nx_span span) {
    return (nx_node){.kind = (uint8_t)kind, .dtype = (uint8_t)dtype, .loop = b->ir->nodes[x].dtype, .arity = 1, .arg = {x},
                     .span = span};
}

nexpr_status nx_build_view(nx_builder *b, nx_ref x, const nx_view *view, nx_span span, nx_ref *ret, nexpr_error *err) {
    nx_node node = node_on(b, NX_NODE_VIEW, (nexpr_dtype)b->ir->nodes[x].dtype, x, span);
    return intern_with_view(b, &node, view, ret, err);
}

nexpr_status nx_build_reduce(nx_builder *b, nx_reducer reducer, nx_ref x, const nx_view *axes, bool may_be_empty,
                             nx_span span, nx_ref *ret, nexpr_error *err) {
    const nexpr_dtype loop = (nexpr_dtype)b->ir->nodes[x].dtype;
    nx_node node = node_on(b, NX_NODE_REDUCE, nx_reducer_result_dtype(reducer, loop), x, span);
    node.op = (uint16_t)reducer;
    node.flags = may_be_empty ? NX_MAY_BE_EMPTY : 0;
    return intern_with_view(b, &node, axes, ret, err);
}

nexpr_status nx_build_scan(nx_builder *b, nx_reducer reducer, nx_ref x, const nx_view *axis, nx_span span, nx_ref *ret,
                           nexpr_error *err) {
    const nexpr_dtype loop = (nexpr_dtype)b->ir->nodes[x].dtype;
    nx_node node = node_on(b, NX_NODE_SCAN, nx_reducer_result_dtype(reducer, loop), x, span);
    node.op = (uint16_t)reducer;
    return intern_with_view(b, &node, axis, ret, err);
}

nexpr_status nx_build_extent(nx_builder *b, nx_ref x, const nx_view *axes, nx_span span, nx_ref *ret, nexpr_error *err) {
    nx_node node = node_on(b, NX_NODE_EXTENT, NEXPR_INT64, x, span);
    return intern_with_view(b, &node, axes, ret, err);
}

nexpr_status nx_build_ndim(nx_builder *b, nx_ref x, nx_span span, nx_ref *ret, nexpr_error *err) {
    nx_node node = node_on(b, NX_NODE_EXTENT, NEXPR_INT64, x, span);
    node.flags = NX_COUNTS_AXES;
    return intern_with_view(b, &node, &(nx_view){.kind = NX_VIEW_REDUCED}, ret, err);
}

nexpr_status nx_build_index(nx_builder *b, nx_ref x, const nx_view *grid, nx_span span, nx_ref *ret, nexpr_error *err) {
    nx_node node = node_on(b, NX_NODE_INDEX, NEXPR_INT64, x, span);
    return intern_with_view(b, &node, grid, ret, err);
}

nexpr_status nx_build_compress(nx_builder *b, nx_ref x, nx_ref mask, nx_span span, nx_ref *ret, nexpr_error *err) {
    static const nx_view all = {.kind = NX_VIEW_REDUCED};
    nx_ref ones = 0, count = 0;
    NX_TRY(nx_build_cast(b, mask, NEXPR_INT64, span, &ones, err));
    NX_TRY(nx_build_reduce(b, NX_REDUCER_sum, ones, &all, false, span, &count, err));
    nx_node node = node_on(b, NX_NODE_COMPRESS, (nexpr_dtype)b->ir->nodes[x].dtype, x, span);
    node.arg[node.arity++] = mask;
    node.arg[node.arity++] = count;
    return intern(b, &node, NULL, ret, err);
}

nexpr_status nx_build_along(nx_builder *b, nx_ref x, nx_ref like, const nx_view *axes, nx_span span, nx_ref *ret,
                            nexpr_error *err) {
    nx_node node = node_on(b, NX_NODE_ALONG, (nexpr_dtype)b->ir->nodes[x].dtype, x, span);
    node.arg[node.arity++] = like;
    return intern_with_view(b, &node, axes, ret, err);
}

nexpr_status nx_build_mask_of(nx_builder *b, nx_ref mask, nx_ref array, nx_span span, nx_ref *ret, nexpr_error *err) {
    nx_node node = node_on(b, NX_NODE_ALONG, NEXPR_BOOL, mask, span);
    node.arg[node.arity++] = array;
    node.flags = NX_IS_MASK;
    return intern_with_view(b, &node, &(nx_view){.kind = NX_VIEW_REDUCED}, ret, err);
}

nexpr_status nx_build_like(nx_builder *b, nx_ref x, nx_ref like, nx_span span, nx_ref *ret, nexpr_error *err) {
    nx_node node = node_on(b, NX_NODE_LIKE, (nexpr_dtype)b->ir->nodes[x].dtype, x, span);
    node.arg[node.arity++] = like;
    return intern(b, &node, NULL, ret, err);
}

nexpr_status nx_build_lookup(nx_builder *b, nx_lookup lookup, nexpr_dtype loop, const nx_ref *args, int count, nx_span span,
                             nx_ref *ret, nexpr_error *err) {
    nx_node node = {.kind = NX_NODE_LOOKUP, .dtype = (uint8_t)nx_lookup_result_dtype(lookup, loop), .loop = (uint8_t)loop,
                    .arity = (uint8_t)count, .op = (uint16_t)lookup, .span = span};
    memcpy(node.arg, args, (size_t)count * sizeof *args);
    return intern(b, &node, NULL, ret, err);
}

/* float16 through float32: rounded once, after the operation. */
static nexpr_status build_widened(nx_builder *b, nx_op op, const nx_ref *args, nx_span span, nx_ref *ret, nexpr_error *err) {
    nx_ref wide[NX_MAX_ARITY];
    for (int i = 0; i < nx_op_rows[op].arity; i++) {
        wide[i] = args[i];
        if (nx_op_arg_dtype(op, NEXPR_FLOAT16, i) != NEXPR_FLOAT16) continue;
        NX_TRY(nx_build_cast(b, args[i], NEXPR_FLOAT32, span, &wide[i], err));
    }
    nx_ref r;
    NX_TRY(nx_build_op(b, op, NEXPR_FLOAT32, wide, span, &r, err));
    return nx_build_cast(b, r, nx_op_result_dtype(op, NEXPR_FLOAT16), span, ret, err);
}

static nexpr_status build_fma(nx_builder *b, nexpr_dtype loop, nx_ref args[3], unsigned negate, nx_span span, nx_ref *ret,
                              nexpr_error *err) {
    for (int i = 0; i < 3; i++) {
        if (negate >> i & 1) NX_TRY(nx_build_op(b, NX_OP_negative, loop, &args[i], span, &args[i], err));
    }
    return nx_build_op(b, NX_OP_fma, loop, args, span, ret, err);
}

nexpr_status nx_build_op(nx_builder *b, nx_op op, nexpr_dtype loop, const nx_ref *args, nx_span span, nx_ref *ret,
                         nexpr_error *err) {
    if (nx_fold_identity(b->ir, op, loop, args, ret)) return note_rewrite(b, NX_REWRITE_IDENTITY, span, err);
    if (!nx_op_has_kernel(op, loop)) return build_widened(b, op, args, span, ret, err);
    nx_ref fused[3];
    nx_value reciprocal;
    unsigned negate;
    if (nx_fold_reciprocal(b->ir, op, loop, args, &reciprocal)) {
        NX_TRY(nx_build_const(b, loop, reciprocal, span, &fused[1], err));
        fused[0] = args[0];
        NX_TRY(note_rewrite(b, NX_REWRITE_RECIPROCAL, span, err));
        return nx_build_op(b, NX_OP_multiply, loop, fused, span, ret, err);
    }
    if (b->fp == NEXPR_FP_CONTRACT && nx_fold_contract(b->ir, op, loop, args, fused, &negate)) {
        NX_TRY(note_rewrite(b, NX_REWRITE_FMA, span, err));
        return build_fma(b, loop, fused, negate, span, ret, err);
    }
    nx_node node = {.kind = NX_NODE_OP, .dtype = (uint8_t)nx_op_result_dtype(op, loop), .loop = (uint8_t)loop,
                    .arity = nx_op_rows[op].arity, .op = (uint16_t)op, .span = span};
    memcpy(node.arg, args, node.arity * sizeof *args);
    return intern_or_evaluate(b, &node, ret, err);
}
