/* SPDX-License-Identifier: MIT */
/*
 * Kernels of the reducers (engine/reducers.def, which defines the tree whose parts they are). A node of the tree, for each
 * of some kept elements, is a state in two arrays: `value`, of the loop's dtype, and `extra`, 8 bytes each, of reducers
 * that need more: the int64 index of argmin and argmax, whose value is the extremum; the float64 mean of m2. Arrays of
 * values, states and elements are aligned to their C type, but for the results r of running reductions, which may be a
 * caller's; reducers without extra get NULL.
 *
 * Kernels allocate nothing and never fail. A float that is NaN leaves as the canonical one.
 */
#ifndef NX_VM_REDUCE_H
#define NX_VM_REDUCE_H

#include "engine/kernel.h"
#include "engine/reducer.h"

/* `count` leaves of n elements each (1 <= n <= NX_LEAF_ITEMS), end to end from x on, into value[0..count) and extra. All
 * have the logical index `first` of their first element along the reduced axes. */
typedef void nx_reduce_leaf(size_t count, size_t n, const void *x, int64_t first, void *value, void *extra);

/* Steps `cols` leaves of NX_LEAF_ROWS by `rows` elements: rows of x, row_stride bytes apart, elements of a row end to end.
 * first: the logical index of the first row. done: rows that these leaves had before; 0: they are new. */
typedef void nx_reduce_rows(size_t rows, size_t cols, const void *x, ptrdiff_t row_stride, int64_t first, size_t done,
                            void *value, void *extra);

/* Combines `cols` left halves, of left_count elements each, with the right ones, of right_count. Counts are >= 1. */
typedef void nx_reduce_merge(size_t cols, void *value, void *extra, const void *right_value, const void *right_extra,
                             int64_t left_count, int64_t right_count);

/* The reduction of nothing: of sum +0, of others their start; index 0, mean 0. */
typedef void nx_reduce_start(size_t cols, void *value, void *extra);

/* Running reductions of n elements from left to right, each then combined with *prefix as the left operand (NULL: not). r
 * may be x. */
typedef void nx_scan_leaf(size_t n, const void *x, const void *prefix, void *r);

/* NX_SCAN_WAYS leaves of n elements side by side, x_stride and r_stride bytes apart, apart from one another; prefix has one
 * for each (NULL: not). bypasses: r is written past the caches; a fence is the caller's. */
enum { NX_SCAN_WAYS = 4 };
typedef void nx_scan_leaves(size_t n, const void *x, ptrdiff_t x_stride, const void *prefix, void *r, ptrdiff_t r_stride,
                            bool bypasses);

/* The same down the rows of a leaf of NX_LEAF_ROWS, for `cols` columns: running[0..cols) has the state after the rows
 * before (done: how many; 0: none), and after the call that after the last one. prefix: one per column, or NULL. */
typedef void nx_scan_rows(size_t rows, size_t cols, const void *x, ptrdiff_t row_stride, size_t done, const void *prefix,
                          void *running, void *r, ptrdiff_t r_row_stride);

/* The place of the first of n elements that equals *value, or is NaN as it is; there is one. */
typedef size_t nx_reduce_place(size_t n, const void *x, const void *value);

/*
 * Lanes of a leaf that is handed over in pieces, the kernel's result: n elements are added from lane 0 on. Only the last
 * piece of a leaf may be no multiple of the lanes. They start as `lanes` leaves them, and are then a leaf of 32 elements: one
 * that had no element changes nothing.
 */
typedef nx_kernel nx_fold;

typedef struct nx_reduce_kernels {
    nx_reduce_leaf *leaf;
    nx_reduce_rows *rows;
    nx_reduce_merge *merge;
    nx_reduce_start *start;
    nx_scan_leaf *scan_leaf; /* of sum, prod, min, max; else NULL */
    nx_scan_leaves *scan_leaves;
    nx_scan_rows *scan_rows;
    nx_fold *fold; /* of one operand; NULL if a start may change what it is combined with, or there are extras */
    void (*lanes)(size_t count, void *lanes);
    nx_reduce_place *place; /* of argmin and argmax; else NULL */
    bool has_extra;
} nx_reduce_kernels;

/* NULL if the reducer has no such loop. Thread-safe. */
const nx_reduce_kernels *nx_vm_reduce_kernels(nx_isa isa, nx_reducer reducer, nexpr_dtype loop);

/* The fold of the elements that an op, or a superinstruction, makes of its operands (vm/folds.def); NULL if there is none.
 * loop, form: of the op. */
typedef nx_kernel *nx_find_fold(nx_reducer reducer, bool is_fused, unsigned id, unsigned form);
nx_kernel *nx_vm_fold_kernel(nx_isa isa, nx_reducer reducer, bool is_fused, unsigned id, nexpr_dtype loop, unsigned form);

#endif
