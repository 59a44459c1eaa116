/* SPDX-License-Identifier: MIT */
/*
 * The transposition of moves_tmpl.c: tiles of N x N items, each a vector of N items by N, go through registers. A vector is
 * as wide as the instruction set has it, so that a tile of large items is made of whole cache lines, each read once though
 * the lines may all be in the same set of a cache. Zipping each line with the one that is half a tile behind, log2 N times,
 * transposes.
 *
 * Lines far apart are no stream that hardware would foresee: those of the tiles to come are prefetched.
 */
#ifndef NX_VM_TRANSPOSE_H
#define NX_VM_TRANSPOSE_H

#define ITEM_BYTES_uint8_t 1
#define ITEM_BYTES_uint16_t 2
#define ITEM_BYTES_uint32_t 4
#define ITEM_BYTES_uint64_t 8
#define ITEM_BYTES_pair 16
#define ITEM_BYTES CAT2(ITEM_BYTES_, ITEM)

/* Small items have lanes enough in 16 bytes, and instructions that zip these. */
#if ITEM_BYTES < 4
#define VECTOR_BYTES 16
#elif defined __AVX512F__
#define VECTOR_BYTES 64
#elif defined __AVX2__
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

#if ITEM_BYTES == 16
enum { TILE = 4 };
#else
enum { TILE = VECTOR_BYTES / ITEM_BYTES };
#endif

/* How many lines are prefetched: more would drive each other out of a set. */
enum { AHEAD = TILE > 8 ? TILE : 8 };

#define UNROLLED _Pragma("GCC unroll 16")

#if ITEM_BYTES == 16

static inline __attribute__((always_inline)) void transpose_tile(char *restrict r, ptrdiff_t to, const char *restrict x,
                                                                 ptrdiff_t from) {
    UNROLLED for (int i = 0; i < TILE; i++) {
        UNROLLED for (int k = 0; k < TILE; k++) memcpy(r + i * to + k * SIZE, x + k * from + i * SIZE, SIZE);
    }
}

#else

typedef ITEM vector __attribute__((vector_size(VECTOR_BYTES)));

typedef struct __attribute__((packed, may_alias)) vector_at {
    vector items;
} vector_at;

/* The lanes of two vectors in turn: of their first halves, of their second halves. */
#if VECTOR_BYTES / ITEM_BYTES == 16
#define LOW_LANES 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_LANES 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif VECTOR_BYTES / ITEM_BYTES == 8
#define LOW_LANES 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_LANES 4, 12, 5, 13, 6, 14, 7, 15
#elif VECTOR_BYTES / ITEM_BYTES == 4
#define LOW_LANES 0, 4, 1, 5
#define HIGH_LANES 2, 6, 3, 7
#else
#define LOW_LANES 0, 2
#define HIGH_LANES 1, 3
#endif

static inline __attribute__((always_inline)) void zip(vector *restrict r, const vector *restrict x) {
    UNROLLED for (int k = 0; k < TILE / 2; k++) {
        r[2 * k] = __builtin_shufflevector(x[k], x[k + TILE / 2], LOW_LANES);
        r[2 * k + 1] = __builtin_shufflevector(x[k], x[k + TILE / 2], HIGH_LANES);
    }
}

static inline __attribute__((always_inline)) void transpose_tile(char *r, ptrdiff_t to, const char *x, ptrdiff_t from) {
    vector a[TILE], b[TILE];
    UNROLLED for (int k = 0; k < TILE; k++) a[k] = ((const vector_at *)(x + k * from))->items;
    zip(b, a);
    if (TILE > 2) zip(a, b);
    if (TILE > 4) zip(b, a);
    if (TILE > 8) zip(a, b);
    UNROLLED for (int k = 0; k < TILE; k++) ((vector_at *)(r + k * to))->items = TILE == 2 || TILE == 8 ? b[k] : a[k];
}

#endif

/* x has `lines` lines of `length` items, neither less than TILE; r the same as columns. The last tile of a line and the
 * tiles of the last lines overlap those before them. */
static void transpose(size_t lines, size_t length, char *r, ptrdiff_t to, const char *x, ptrdiff_t from) {
    for (size_t line = 0; line < lines; line += TILE) {
        if (line > lines - TILE) line = lines - TILE;
        for (size_t i = 0; i < length; i += TILE) {
            if (i > length - TILE) i = length - TILE;
            const char *tile = x + (ptrdiff_t)line * from + (ptrdiff_t)i * SIZE;
            for (int k = 0; k < TILE; k++) __builtin_prefetch(tile + (AHEAD + k) * from);
            transpose_tile(r + (ptrdiff_t)i * to + (ptrdiff_t)line * SIZE, to, tile, from);
        }
    }
}

#endif
