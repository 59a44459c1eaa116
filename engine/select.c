/* SPDX-License-Identifier: MIT */
/*
 * What is chosen by data: elements by index, places in a sorted vector, lines through points, polynomials. All are lookups
 * (lookups.def), whose arrays are views that say: this has to lie in memory.
 */
#include "engine/select.h"

#include "engine/array_call.h"

#include <string.h>

/* x as a table along an axis. */
static nexpr_status build_table(const nx_compose *x, nx_operand array, nx_view_kind kind, int64_t axis, nx_span span,
                                nx_ref *ret) {
    int64_t *number = nx_arena_alloc(x->b->ir->arena, 1, sizeof *number);
    nx_span *place = nx_arena_alloc(x->b->ir->arena, 1, sizeof *place);
    if (!number || !place) return nx_fail_memory(x->err);
    *number = axis;
    *place = span;
    const nx_view view = {.kind = (uint8_t)kind, .has_numbers = true, .count = 1, .numbers = number, .spans = place};
    return nx_build_view(x->b, array.node, &view, array.span, ret, x->err);
}

static nexpr_status build_lookup(const nx_compose *x, nx_lookup lookup, nexpr_dtype loop, const nx_ref *args, int count,
                                 nx_span span, nx_operand *ret) {
    nx_ref node;
    NX_TRY(nx_build_lookup(x->b, lookup, loop, args, count, span, &node, x->err));
    *ret = nx_operand_node(node, x->span);
    return NEXPR_OK;
}

/* --------------------------------------------------------------------------------------------------------- taking -- */

/* a has a dtype; axis_span: the place that tells the axis. */
static nexpr_status take(const nx_compose *x, nx_operand a, nx_operand indices, int64_t axis, nx_span axis_span,
                         nx_operand *ret) {
    const nx_span span = indices.span;
    nx_ref args[2];
    NX_TRY(nx_compose_strong(x, indices, &indices));
    if (nx_compose_class(x, indices) > NX_CLASS_INT) {
        return nx_fail(x->err, NEXPR_TYPE, span, "indices have to be integers, not %s",
                       nexpr_dtype_name(nx_operand_dtype(x->b, &indices)));
    }
    NX_TRY(nx_compose_cast(x, indices, NEXPR_INT64, &indices));
    args[0] = indices.node;
    NX_TRY(build_table(x, a, NX_VIEW_TABLE, axis, axis_span, &args[1]));
    return build_lookup(x, NX_LOOKUP_take, nx_operand_dtype(x->b, &a), args, 2, span, ret);
}

nexpr_status nx_expand_take(const nx_array_call *c, nx_operand *ret) {
    nx_operand a, indices;
    int64_t axis = 0;
    nx_view flat;
    NX_TRY(nx_arg_array(c, "a", &a));
    NX_TRY(nx_arg_operand(c, "indices", &indices));
    const bool has_axis = nx_is_given(c, "axis");
    NX_TRY(nx_arg_integer(c, "axis", &axis));
    if (!has_axis) {
        NX_TRY(nx_view_of_number(c, NX_VIEW_reshape, -1, a.span, &flat));
        NX_TRY(nx_view_operand(c, a, &flat, &a));
    }
    return take(&c->x, a, indices, axis, has_axis ? nx_arg_span(c, "axis") : a.span, ret);
}

static const nx_ast_node *item_of(nx_values values, const nx_ast_node *node, uint32_t i) {
    return &values.ast->nodes[values.ast->args[node->first_arg + i].node];
}

/* An array of this class, or a single value that is no literal; those known with the shapes are integers of a view. */
static bool is_array_of(const nx_builder *b, nx_values values, const nx_ast_node *item, nx_class class) {
    const nx_operand *x = &values.at[item - values.ast->nodes];
    return !nx_is_word(item) && !x->literal && !x->is_weak && nx_dtype_class(nx_operand_dtype(b, x)) == class;
}

static bool is_index_array(const nx_builder *b, nx_values values, const nx_ast_node *item) {
    return is_array_of(b, values, item, NX_CLASS_INT);
}

/* NumPy lets integers and arrays beside it take part in the same choice, which has rules of its own. */
static nexpr_status check_items(const nx_builder *b, nx_values values, const nx_ast_node *node, uint32_t place, nexpr_error *err) {
    for (uint32_t i = 1; i < node->arg_count; i++) {
        const nx_ast_node *item = item_of(values, node, i);
        if (i == place || item->kind == NX_AST_SLICE || item->kind == NX_AST_ELLIPSIS || item->kind == NX_AST_NONE) continue;
        return nx_fail(err, NEXPR_TYPE, item->span,
                       is_index_array(b, values, item)
                           ? "one array of indices at a time; further ones follow as a[i][:, j]"
                           : "beside an array of indices there are only slices, ... and newaxis; integers go first, as in a[2][i]");
    }
    return NEXPR_OK;
}

nexpr_status nx_find_index_array(const nx_builder *b, nx_values values, const nx_ast_node *node, uint32_t *ret,
                                 nexpr_error *err) {
    *ret = 0;
    for (uint32_t i = 1; i < node->arg_count && !*ret; i++) {
        if (is_index_array(b, values, item_of(values, node, i))) *ret = i;
    }
    return *ret ? check_items(b, values, node, *ret, err) : NEXPR_OK;
}

nexpr_status nx_take_by_item(nx_builder *b, nx_values values, const nx_ast_node *node, uint32_t place, nx_operand x,
                             nx_operand *ret, nexpr_error *err) {
    const nx_compose compose = {.b = b, .span = node->span, .word = node->span, .err = err};
    nx_operand indices = values.at[item_of(values, node, place) - values.ast->nodes];
    int64_t before = 0, behind = 0;
    bool has_ellipsis = false;
    for (uint32_t i = 1; i < node->arg_count; i++) {
        const bool is_ellipsis = item_of(values, node, i)->kind == NX_AST_ELLIPSIS;
        if (i < place) has_ellipsis |= is_ellipsis;
        if (i < place && !is_ellipsis) before++;
        if (i >= place) behind++;
    }
    indices.span = item_of(values, node, place)->span;
    return take(&compose, x, indices, has_ellipsis ? -behind : before, indices.span, ret);
}

nexpr_status nx_find_mask(const nx_builder *b, nx_values values, const nx_ast_node *node, bool *ret, nexpr_error *err) {
    *ret = false;
    for (uint32_t i = 1; i < node->arg_count; i++) {
        const nx_ast_node *item = item_of(values, node, i);
        if (!is_array_of(b, values, item, NX_CLASS_BOOL)) continue;
        *ret = true;
        if (node->arg_count == 2) continue;
        return nx_fail(err, NEXPR_TYPE, item->span, "a mask has the array's shape and stands alone, as in a[m]");
    }
    return NEXPR_OK;
}

nexpr_status nx_take_by_mask(nx_builder *b, nx_values values, const nx_ast_node *node, nx_operand *ret, nexpr_error *err) {
    const nx_ast_node *base = item_of(values, node, 0);
    const nx_ast_node *item = item_of(values, node, 1);
    nx_operand x = values.at[base - values.ast->nodes], mask = values.at[item - values.ast->nodes];
    nx_ref array, result;
    if (x.literal) {
        return nx_fail(err, NEXPR_TYPE, base->span, "a number has no axes; an array of one dtype is written float64(...)");
    }
    NX_TRY(nx_operand_to_node(b, &x, &array, err));
    NX_TRY(nx_build_compress(b, array, mask.node, item->span, &result, err));
    *ret = nx_operand_node(result, node->span);
    return NEXPR_OK;
}

/* ------------------------------------------------------------------------------------------------------- searching -- */

static nexpr_status read_side(const nx_array_call *c, bool *ret_right) {
    *ret_right = false;
    if (!nx_is_given(c, "side")) return NEXPR_OK;
    const nx_ast_arg *arg = &c->values.ast->args[c->bound->arg[nx_find_param(c->bound, "side")]];
    const nx_ast_node *node = &c->values.ast->nodes[arg->node];
    *ret_right = node->kind == NX_AST_STRING && !strcmp(node->name, "right");
    if (*ret_right || (node->kind == NX_AST_STRING && !strcmp(node->name, "left"))) return NEXPR_OK;
    return nx_fail(c->x.err, NEXPR_VALUE, node->span, "'side' has to be 'left' or 'right'");
}

nexpr_status nx_expand_searchsorted(const nx_array_call *c, nx_operand *ret) {
    nx_operand both[2];
    nx_ref args[2];
    bool is_right;
    NX_TRY(nx_arg_array(c, "a", &both[0]));
    NX_TRY(nx_arg_array(c, "v", &both[1]));
    NX_TRY(read_side(c, &is_right));
    nexpr_dtype dtype = nx_promote_operands(c->x.b, both, 2);
    if (dtype == NEXPR_FLOAT16) dtype = NEXPR_FLOAT32;
    for (int i = 0; i < 2; i++) NX_TRY(nx_compose_cast(&c->x, both[i], dtype, &both[i]));
    args[0] = both[1].node;
    NX_TRY(build_table(&c->x, both[0], NX_VIEW_DENSE_TABLE, 0, nx_arg_span(c, "a"), &args[1]));
    const nx_lookup lookup = is_right ? NX_LOOKUP_searchsorted_right : NX_LOOKUP_searchsorted_left;
    return build_lookup(&c->x, lookup, dtype, args, 2, c->x.span, ret);
}

/* --------------------------------------------------------------------------------------------------- interpolation -- */

static nexpr_status read_points(const nx_array_call *c, const char *param, nexpr_dtype dtype, nx_operand *ret) {
    NX_TRY(nx_arg_array(c, param, ret));
    if (dtype == NEXPR_FLOAT64 && nx_compose_class(&c->x, *ret) == NX_CLASS_COMPLEX) {
        return nx_fail(c->x.err, NEXPR_TYPE, nx_arg_span(c, param), "'%s' of 'interp' has to be real", param);
    }
    return nx_compose_cast(&c->x, *ret, dtype, ret);
}

/* The element at the end of a vector. */
static nexpr_status end_of(const nx_array_call *c, nx_operand vector, int64_t index, nx_operand *ret) {
    nx_arena *arena = c->x.b->ir->arena;
    int64_t *words = nx_arena_alloc(arena, NX_ITEM_WORDS, sizeof *words);
    nx_span *spans = nx_arena_alloc(arena, NX_ITEM_WORDS, sizeof *spans);
    if (!words || !spans) return nx_fail_memory(c->x.err);
    words[NX_ITEM_KIND] = NX_ITEM_INTEGER;
    words[NX_ITEM_START] = index;
    for (int i = 0; i < NX_ITEM_WORDS; i++) spans[i] = vector.span;
    const nx_view view = {.kind = NX_VIEW_INDEX, .has_numbers = true, .count = NX_ITEM_WORDS, .numbers = words, .spans = spans};
    return nx_view_operand(c, vector, &view, ret);
}

/* The value that is asked for outside of the points: below the first if is_left, else above the last. */
static nexpr_status replace_outside(const nx_array_call *c, bool is_left, nx_operand x, nx_operand xp, nexpr_dtype dtype,
                                    nx_operand *y) {
    const char *param = is_left ? "left" : "right";
    nx_operand value, end, is_outside;
    if (!nx_is_given(c, param)) return NEXPR_OK;
    NX_TRY(nx_arg_scalar(c, param, &value));
    NX_TRY(nx_compose_cast(&c->x, value, dtype, &value));
    NX_TRY(end_of(c, xp, is_left ? 0 : -1, &end));
    NX_TRY(nx_compose2(&c->x, is_left ? NX_OP_less : NX_OP_greater, x, end, &is_outside));
    return nx_compose_where(&c->x, is_outside, value, *y, y);
}

nexpr_status nx_expand_interp(const nx_array_call *c, nx_operand *ret) {
    nx_operand x, xp, fp;
    nx_ref args[3];
    NX_TRY(nx_arg_array(c, "fp", &fp));
    const nexpr_dtype dtype = nx_compose_class(&c->x, fp) == NX_CLASS_COMPLEX ? NEXPR_COMPLEX128 : NEXPR_FLOAT64;
    NX_TRY(read_points(c, "x", NEXPR_FLOAT64, &x));
    NX_TRY(read_points(c, "xp", NEXPR_FLOAT64, &xp));
    NX_TRY(read_points(c, "fp", dtype, &fp));
    args[0] = x.node;
    NX_TRY(build_table(&c->x, xp, NX_VIEW_DENSE_TABLE, 0, nx_arg_span(c, "xp"), &args[1]));
    NX_TRY(build_table(&c->x, fp, NX_VIEW_DENSE_TABLE, 0, nx_arg_span(c, "fp"), &args[2]));
    NX_TRY(build_lookup(&c->x, NX_LOOKUP_interp, dtype, args, 3, c->x.span, ret));
    NX_TRY(replace_outside(c, true, x, xp, dtype, ret));
    return replace_outside(c, false, x, xp, dtype, ret);
}

/* ----------------------------------------------------------------------------------------------------- polynomials -- */

nexpr_status nx_expand_polyval(const nx_array_call *c, nx_operand *ret) {
    nx_operand both[2];
    nx_ref args[2];
    NX_TRY(nx_arg_array(c, "p", &both[0]));
    NX_TRY(nx_arg_array(c, "x", &both[1]));
    const nexpr_dtype dtype = nx_promote_operands(c->x.b, both, 2);
    for (int i = 0; i < 2; i++) NX_TRY(nx_compose_cast(&c->x, both[i], dtype, &both[i]));
    args[0] = both[1].node;
    NX_TRY(build_table(&c->x, both[0], NX_VIEW_DENSE_TABLE, 0, nx_arg_span(c, "p"), &args[1]));
    return build_lookup(&c->x, NX_LOOKUP_polyval, dtype, args, 2, c->x.span, ret);
}
