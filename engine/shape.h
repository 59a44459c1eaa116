/* SPDX-License-Identifier: MIT */
/* Shapes: broadcast and printed. */
#ifndef NX_ENGINE_SHAPE_H
#define NX_ENGINE_SHAPE_H

#include "engine/status.h"

/* An extent that is not known before a run is -1. */
typedef struct nx_shape {
    int ndim;
    int64_t count; /* elements */
    int64_t extent[NEXPR_MAX_NDIM];
} nx_shape;

/* Widens *shape, whose count is not looked at, so that an array of these extents broadcasts to it, as in NumPy: axes are
 * matched from the last one; an extent of 1, or a missing axis, stretches, and one that is not known fits any. False if they
 * do not fit. */
bool nx_shape_widen(nx_shape *shape, int ndim, const int64_t *extent);
/* Sets the count, in which extents that are not known do not count. Errors: SHAPE, if no memory could hold so many elements. */
nexpr_status nx_shape_count(nx_shape *shape, nx_span span, nexpr_error *err);
bool nx_shape_equal(const nx_shape *a, const nx_shape *b);
/* "(2, 3)"; buffer is returned. */
enum { NX_SHAPE_TEXT = 128 };
const char *nx_shape_text(int ndim, const int64_t *extent, char buffer[NX_SHAPE_TEXT]);

#endif
