/* SPDX-License-Identifier: MIT */
/*
 * Making typed IR, node by node. The builder keeps the invariants of engine/ir.h: it finds equal nodes, folds constants,
 * widens float16 to float32 and back, and applies the identities and contractions of engine/fold.c, so that no later pass
 * has to.
 */
#ifndef NX_ENGINE_BUILD_H
#define NX_ENGINE_BUILD_H

#include "engine/ir.h"
#include "engine/literal.h"

typedef struct nx_builder {
    nx_ir *ir;
    nexpr_fp_mode fp;
    size_t max_nodes;
    size_t node_capacity, value_capacity, view_capacity, rewrite_capacity;
    nx_ref *buckets;     /* hash table of nodes, node + 1 or 0 */
    size_t bucket_count; /* a power of two */
    bool keeps_folded;   /* notes the operations on constants that were evaluated */
    struct nx_folded *folded;
    size_t folded_count, folded_capacity;
} nx_builder;

/* An operation or cast that is a constant. */
typedef struct nx_folded {
    nx_node node;
    nx_ref value;
} nx_folded;

/* ir is empty but for its arena and inputs. */
void nx_builder_init(nx_builder *b, nx_ir *ir, nx_evaluate *evaluate, nexpr_fp_mode fp, size_t max_nodes);

nexpr_status nx_build_input(nx_builder *b, uint32_t index, nx_span span, nx_ref *ret, nexpr_error *err);
nexpr_status nx_build_const(nx_builder *b, nexpr_dtype dtype, nx_value value, nx_span span, nx_ref *ret, nexpr_error *err);
/* Any cast there is a kernel for: all but complex to real. */
nexpr_status nx_build_cast(nx_builder *b, nx_ref x, nexpr_dtype dtype, nx_span span, nx_ref *ret, nexpr_error *err);
/* The view's numbers and spans are kept, not copied: they have to last as long as the arena. */
nexpr_status nx_build_view(nx_builder *b, nx_ref x, const nx_view *view, nx_span span, nx_ref *ret, nexpr_error *err);
/* The reduction of x, whose dtype is the loop's, along axes that a view of kind REDUCED or REDUCED_KEPT tells; kept like a
 * view. may_be_empty: nothing reduces to the reducer's start even if it has none of its own. */
nexpr_status nx_build_reduce(nx_builder *b, nx_reducer reducer, nx_ref x, const nx_view *axes, bool may_be_empty,
                             nx_span span, nx_ref *ret, nexpr_error *err);
/* The same, running, along the one axis that a view of kind GRID tells. */
nexpr_status nx_build_scan(nx_builder *b, nx_reducer reducer, nx_ref x, const nx_view *axis, nx_span span, nx_ref *ret,
                           nexpr_error *err);
/* The number of elements of x along axes that a view of kind REDUCED tells; int64, a scalar. */
nexpr_status nx_build_extent(nx_builder *b, nx_ref x, const nx_view *axes, nx_span span, nx_ref *ret, nexpr_error *err);
/* The number of x's axes; int64, a scalar. */
nexpr_status nx_build_ndim(nx_builder *b, nx_ref x, nx_span span, nx_ref *ret, nexpr_error *err);
/* Indices of x along the axis that a view of kind GRID tells, as an open grid, or in C order if it tells none; int64. */
nexpr_status nx_build_index(nx_builder *b, nx_ref x, const nx_view *grid, nx_span span, nx_ref *ret, nexpr_error *err);
/* The elements of x where mask, which is bool and of x's shape, is true: one axis of a length that only a run tells. span:
 * the mask's. */
nexpr_status nx_build_compress(nx_builder *b, nx_ref x, nx_ref mask, nx_span span, nx_ref *ret, nexpr_error *err);
/* x, which has the shape of `like` or the lengths of the axes that a view of kind REDUCED tells, lies along these. */
nexpr_status nx_build_along(nx_builder *b, nx_ref x, nx_ref like, const nx_view *axes, nx_span span, nx_ref *ret,
                            nexpr_error *err);
/* mask, which is bool and has the array's shape, lies along the array. */
nexpr_status nx_build_mask_of(nx_builder *b, nx_ref mask, nx_ref array, nx_span span, nx_ref *ret, nexpr_error *err);
/* x broadcast to the shape of `like`. */
nexpr_status nx_build_like(nx_builder *b, nx_ref x, nx_ref like, nx_span span, nx_ref *ret, nexpr_error *err);
/* args[0] has the dtype of nx_lookup_arg_dtype(lookup, loop); the others are views of kind TABLE or DENSE_TABLE, or constants. */
nexpr_status nx_build_lookup(nx_builder *b, nx_lookup lookup, nexpr_dtype loop, const nx_ref *args, int count, nx_span span,
                             nx_ref *ret, nexpr_error *err);
/* args have exactly the dtypes of nx_op_arg_dtype(op, loop, i). */
nexpr_status nx_build_op(nx_builder *b, nx_op op, nexpr_dtype loop, const nx_ref *args, nx_span span, nx_ref *ret,
                         nexpr_error *err);

/* The value of a constant node. */
const nx_value *nx_ir_value(const nx_ir *ir, nx_ref node);

/* engine/fold.c: a simpler node with the same bits for any values, or false. Never drops an input. */
bool nx_fold_identity(const nx_ir *ir, nx_op op, nexpr_dtype loop, const nx_ref *args, nx_ref *ret);
/* engine/fold.c: whether op(args) is a division by a power of two whose reciprocal is one too, which a product with that is
 * in every bit. */
bool nx_fold_reciprocal(const nx_ir *ir, nx_op op, nexpr_dtype loop, const nx_ref *args, nx_value *ret_reciprocal);
/* engine/fold.c: x*y + z as fma where fp_mode is contract; *ret_args are to be built as NX_OP_fma, those of
 * ret_negate's bits negated first. */
bool nx_fold_contract(const nx_ir *ir, nx_op op, nexpr_dtype loop, const nx_ref *args, nx_ref ret_args[3],
                      unsigned *ret_negate);

#endif
