/* SPDX-License-Identifier: MIT */
/* FNV-1a, 64 bits: of keys, and the checksum of files. */
#ifndef NX_JIT_HASH_H
#define NX_JIT_HASH_H

#include <stddef.h>
#include <stdint.h>

#define NX_HASH_START UINT64_C(0xCBF29CE484222325)

static inline uint64_t nx_hash(uint64_t hash, const void *bytes, size_t count) {
    const unsigned char *b = bytes;
    for (size_t i = 0; i < count; i++) hash = (hash ^ b[i]) * UINT64_C(0x100000001B3);
    return hash;
}

#endif
