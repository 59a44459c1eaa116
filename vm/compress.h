/* SPDX-License-Identifier: MIT */
/* Moving the chosen elements of a block together. */
#ifndef NX_VM_COMPRESS_H
#define NX_VM_COMPRESS_H

#include <stdint.h>

#include "engine/kernel.h"

/* Moves the elements of x, of item_size bytes (1, 2, 4, 8 or 16), whose mask is not 0 to the front, in order; how many they
 * are. What follows them is undefined. x is aligned to 64 bytes. */
size_t nx_vm_compress(nx_isa isa, size_t item_size, size_t n, void *x, const uint8_t *mask);
/* How many of n bytes, 0 or 1, are 1. */
size_t nx_vm_count(size_t n, const uint8_t *mask);

#endif
