/* SPDX-License-Identifier: MIT */
/* Whether arrays share memory. Nothing here reads an array's data. */
#ifndef NX_RUNTIME_OVERLAP_H
#define NX_RUNTIME_OVERLAP_H

#include "nexpr.h"

typedef enum nx_overlap {
    NX_OVERLAP_NONE, /* no byte belongs to both */
    NX_OVERLAP_SAME, /* element i of one is element i of the other: the same address, element size, lengths and strides,
                        axes counted from the last and those of length 1 left aside */
    NX_OVERLAP_SOME, /* any other way, or too hard to tell */
} nx_overlap;

/* The bytes from *ret_low up to but not including *ret_high hold the whole array. False if the array is empty. Extents
 * that no memory can have give all addresses. */
bool nx_extent(const nexpr_array *a, uintptr_t *ret_low, uintptr_t *ret_high);
/* Exact, but for arrays so oddly strided that the search is given up. Empty arrays overlap nothing. */
nx_overlap nx_array_overlap(const nexpr_array *a, const nexpr_array *b);
/* Whether two elements share a byte. True also if the search is given up. */
bool nx_array_overlaps_itself(const nexpr_array *a);

#endif
