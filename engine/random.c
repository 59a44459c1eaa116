/* SPDX-License-Identifier: MIT */
/*
 * Random numbers: functions of a key and of an element's place in C order, and of nothing else. Each element has one number of
 * 64 bits, from which everything is made.
 */
#include "engine/array_call.h"

static nexpr_status fail_key(const nx_array_call *c) {
    return nx_fail(c->x.err, NEXPR_VALUE, nx_arg_span(c, "key"), "'key' has to be an integer literal from 0 to 2**128 - 1");
}

static nexpr_status build_word(const nx_array_call *c, uint64_t word, nx_ref *ret) {
    return nx_build_const(c->x.b, NEXPR_UINT64, (nx_value){.u64 = word}, c->x.span, ret, c->x.err);
}

static nexpr_status read_key(const nx_array_call *c, nx_ref ret[2]) {
    nx_operand key;
    uint64_t word[2] = {0, 0};
    NX_TRY(nx_arg_operand(c, "key", &key));
    if (!key.literal || key.literal->kind != NX_LITERAL_INT) return fail_key(c);
    const nx_bigint *k = &key.literal->integer;
    if (k->negative || k->count > 4) return fail_key(c);
    for (int i = 0; i < k->count; i++) word[i / 2] |= (uint64_t)k->limb[i] << 32 * (i % 2);
    NX_TRY(build_word(c, word[0], &ret[0]));
    return build_word(c, word[1], &ret[1]);
}

/* The numbers for the elements of `like`, in the form that the lookup gives them. */
static nexpr_status draw(const nx_array_call *c, nx_lookup form, nx_operand *ret) {
    nx_operand like;
    nx_ref args[3], node;
    NX_TRY(nx_arg_array(c, "like", &like));
    NX_TRY(nx_build_index(c->x.b, like.node, &(nx_view){.kind = NX_VIEW_GRID}, c->x.span, &args[0], c->x.err));
    NX_TRY(read_key(c, &args[1]));
    NX_TRY(nx_build_lookup(c->x.b, form, NEXPR_UINT64, args, 3, c->x.span, &node, c->x.err));
    *ret = nx_operand_node(node, c->x.span);
    return NEXPR_OK;
}

nexpr_status nx_expand_random(const nx_array_call *c, nx_operand *ret) {
    return draw(c, NX_LOOKUP_uniform, ret);
}

nexpr_status nx_expand_normal(const nx_array_call *c, nx_operand *ret) {
    NX_TRY(draw(c, NX_LOOKUP_open_uniform, ret));
    return nx_compose1(&c->x, NX_OP_ndtri, *ret, ret);
}

/* The bounds, and how many integers lie between them. */
static nexpr_status read_bounds(const nx_array_call *c, int64_t *ret_low, uint64_t *ret_count) {
    int64_t high = 0;
    NX_TRY(nx_arg_integer(c, "low", nx_is_given(c, "high") ? ret_low : &high));
    NX_TRY(nx_arg_integer(c, "high", &high));
    *ret_count = (uint64_t)high - (uint64_t)*ret_low;
    if (high > *ret_low) return NEXPR_OK;
    if (!nx_is_given(c, "high")) {
        return nx_fail(c->x.err, NEXPR_VALUE, nx_arg_span(c, "low"),
                       "a single bound of 'integers' has to be at least 1, as the numbers are from 0 to less than it");
    }
    return nx_fail(c->x.err, NEXPR_VALUE, nx_arg_span(c, "high"),
                   "'high' of 'integers' has to be greater than 'low': %lld is not greater than %lld", (long long)high,
                   (long long)*ret_low);
}

nexpr_status nx_expand_integers(const nx_array_call *c, nx_operand *ret) {
    int64_t low = 0;
    uint64_t count;
    nx_ref args[2], start;
    if (!nx_is_given(c, "low")) return nx_fail(c->x.err, NEXPR_TYPE, c->x.span, "'integers' needs a bound, not None");
    NX_TRY(read_bounds(c, &low, &count));
    NX_TRY(draw(c, NX_LOOKUP_philox, ret));
    args[0] = ret->node;
    NX_TRY(build_word(c, count, &args[1]));
    NX_TRY(nx_build_lookup(c->x.b, NX_LOOKUP_scaled, NEXPR_UINT64, args, 2, c->x.span, &args[0], c->x.err));
    NX_TRY(nx_build_cast(c->x.b, args[0], NEXPR_INT64, c->x.span, &args[0], c->x.err));
    NX_TRY(nx_build_const(c->x.b, NEXPR_INT64, (nx_value){.i64 = low}, c->x.span, &start, c->x.err));
    args[1] = start;
    NX_TRY(nx_build_op(c->x.b, NX_OP_add, NEXPR_INT64, args, c->x.span, &args[0], c->x.err));
    *ret = nx_operand_node(args[0], c->x.span);
    return NEXPR_OK;
}
