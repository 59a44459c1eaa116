/* SPDX-License-Identifier: MIT */
/*
 * Operands for the tests of single kernels: the values of a dtype at which something happens, and random ones; and the
 * sixteen-byte nx_value as the common coin for single elements.
 */
#ifndef NX_TESTS_VM_SAMPLES_H
#define NX_TESTS_VM_SAMPLES_H

#include "engine/dtype.h"
#include "engine/value.h"

/* Fills n elements: all edges of the dtype in turn, starting at edge number `first`, if `random` is 0; else random ones
 * (bits, small numbers, edges), from the state *random. A bool may be any byte. */
void fill_samples(nexpr_dtype dtype, size_t n, void *elements, size_t first, uint64_t *random);
size_t edge_count(nexpr_dtype dtype);

nx_value get_value(nexpr_dtype dtype, const void *elements, size_t index);
void set_value(nexpr_dtype dtype, void *elements, size_t index, nx_value value);
/* Next of a sequence of random numbers. */
uint64_t next_random(uint64_t *state);

#endif
