/* SPDX-License-Identifier: MIT */
/*
 * Linear scan: registers are given out in the order of the instructions and come back after a value's last use. Those that
 * came back last go out first, because they are still in the cache.
 */
#ifndef NX_VM_REGISTERS_H
#define NX_VM_REGISTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct nx_registers {
    uint32_t *free; /* a stack with room for every register that can be live */
    uint32_t free_count, count;
} nx_registers;

static inline uint32_t nx_registers_take(nx_registers *r) {
    return r->free_count ? r->free[--r->free_count] : r->count++;
}

static inline void nx_registers_return(nx_registers *r, uint32_t reg) {
    r->free[r->free_count++] = reg;
}

/* A register whose value is read for the last time, and the size of its items. */
typedef struct nx_dying {
    uint32_t reg;
    size_t size;
} nx_dying;

/* The register of a value with items of `size` bytes, made by an instruction after which `count` registers are free. It
 * overwrites one of them only if the items have the same size: kernels allow that, and no other overlap. */
static inline uint32_t nx_registers_replace(nx_registers *r, const nx_dying *dying, int count, size_t size) {
    int chosen = 0;
    while (chosen < count && dying[chosen].size != size) chosen++;
    uint32_t reg = chosen < count ? dying[chosen].reg : nx_registers_take(r);
    for (int k = 0; k < count; k++) {
        if (k != chosen) nx_registers_return(r, dying[k].reg);
    }
    return reg;
}

#endif
