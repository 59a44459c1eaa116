/* SPDX-License-Identifier: MIT */
/*
 * The code of the fake plug-in, compiled to an object at build time: adds a number to n uint64. The number stands in the
 * object's constants as MARKER, where the plug-in finds and replaces it. There are relocations of both kinds: relative to
 * the place, and absolute with 64 bits.
 */
#include "engine/segment.h"
#include "tests/jit/fake.h"

static const uint64_t number = MARKER;
static const uint64_t *const at_number = &number;

#ifdef UNDEFINED
extern const uint64_t elsewhere;
#else
static const uint64_t elsewhere = 7;
#endif

/* Reads a constant where it lies, whatever the compiler knows of it. */
#define READ(r, constant) __asm__("mov %1, %0" : "=r"(r) : "m"(constant))

nx_segment_kernel nexpr_segment;

void nexpr_segment(size_t n, char *const *at, const int64_t *stride, size_t rows) {
    const uint64_t *place, *x = (const uint64_t *)at[1];
    uint64_t add, other, *r = (uint64_t *)at[0];
    (void)stride, (void)rows;
    READ(add, number);
    READ(place, at_number);
    READ(other, elsewhere);
    if (*place != add) add = other;
    for (size_t i = 0; i < n; i++) r[i] = x[i] + add;
}
