/* SPDX-License-Identifier: MIT */
/* Reducers: how the elements of an axis become one. reducers.def explains the columns. */
#ifndef NX_ENGINE_REDUCER_H
#define NX_ENGINE_REDUCER_H

#include "engine/dtype.h"

typedef enum nx_reducer {
#define REDUCER(id, ...) NX_REDUCER_##id,
#include "engine/reducers.def"
    NX_REDUCER_COUNT
} nx_reducer;

/* Elements of a leaf of the tree: where the last axis is among the reduced ones, and where it is not. */
enum { NX_LEAF_ITEMS = 4096, NX_LEAF_ROWS = 256, NX_LANES = 32 };

/* "sum"; static. */
const char *nx_reducer_name(nx_reducer reducer);
bool nx_reducer_has_loop(nx_reducer reducer, nexpr_dtype loop);
nexpr_dtype nx_reducer_result_dtype(nx_reducer reducer, nexpr_dtype loop);
/* Whether the result is the place of an element. */
bool nx_reducer_gives_index(nx_reducer reducer);
/* Whether the reduction of nothing has a value. */
bool nx_reducer_has_start(nx_reducer reducer);
/* The nx_op that combines two elements; false: there is none. */
bool nx_reducer_find_op(nx_reducer reducer, uint16_t *ret);

#endif
