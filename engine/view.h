/* SPDX-License-Identifier: MIT */
/*
 * Views: other ways to number the elements of an array, without moving them. A view is said once, in the text; what it does
 * to a shape is known when shapes are. Every element of a view is one of the array's, and, a reshape excepted, the index
 * along each axis of the array depends on one axis of the view at most (nx_axis).
 */
#ifndef NX_ENGINE_VIEW_H
#define NX_ENGINE_VIEW_H

#include "engine/arena.h"
#include "engine/shape.h"

/*
 * What the numbers of a view are: of an index NX_ITEM_WORDS for each item; of transpose the axes in their new order; of
 * swapaxes, flip and squeeze axes; of reshape and broadcast_to the new shape; of expand_dims places in the result.
 */
typedef enum nx_view_kind {
    NX_VIEW_INDEX, /* x[...] */
#define VIEW(id, ...) NX_VIEW_##id,
#include "engine/ops.def"
    NX_VIEW_KINDS, /* those that can be written; what follows tells the shape of other nodes */
    NX_VIEW_REDUCED = NX_VIEW_KINDS, /* without the axes of the numbers; has_numbers false: of all */
    NX_VIEW_REDUCED_KEPT,            /* the same axes with length 1 */
    NX_VIEW_VECTOR,                  /* the shape itself, which has to have one axis */
    NX_VIEW_GRID,                    /* length 1 along all axes but the number's; has_numbers false: the shape itself */
    NX_VIEW_TABLE,                   /* the array itself, in memory, for a lookup along the number's axis */
    NX_VIEW_DENSE_TABLE,             /* the same, which has to have one axis, contiguous and native */
} nx_view_kind;

typedef enum nx_item_kind { NX_ITEM_INTEGER, NX_ITEM_SLICE, NX_ITEM_ELLIPSIS, NX_ITEM_NEW_AXIS } nx_item_kind;
/* An item in numbers: its kind, the bits of the parts that are given, and the parts: of an integer the first one. */
enum { NX_ITEM_KIND, NX_ITEM_GIVEN, NX_ITEM_START, NX_ITEM_STOP, NX_ITEM_STEP, NX_ITEM_WORDS };

typedef struct nx_view {
    uint8_t kind;
    bool has_numbers;     /* false: the default of the kind, which is not the same as () */
    uint32_t count;       /* of numbers */
    const int64_t *numbers;
    const uint32_t *nodes; /* by number: 1 + the node of the IR whose value it is, 0: what it is; NULL: all are what they are */
    const nx_span *spans; /* of each number, of an item's in place of its kind; not part of what the view is */
    const char *function; /* of axes that are reduced: which of the user's, for messages; not part of what the view is */
} nx_view;

/* The index along an axis: offset + step * (index along `axis`). */
typedef struct nx_axis {
    int axis; /* -1: only offset */
    int64_t offset, step;
} nx_axis;

bool nx_view_equal(const nx_view *a, const nx_view *b);
uint64_t nx_view_hash(const nx_view *view);

/*
 * The view's shape for an array of shape `from`, and, unless it is a reshape, the axes of the array in terms of the view's.
 * Errors: SHAPE, VALUE, at their places in the text.
 */
nexpr_status nx_view_apply(const nx_view *view, const nx_shape *from, nx_span span, nx_shape *ret,
                           nx_axis ret_axes[NEXPR_MAX_NDIM], nexpr_error *err);

#endif
