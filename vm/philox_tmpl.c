/* SPDX-License-Identifier: MIT */
/*
 * Random numbers that are functions of a key and an index: Philox 4x64 with 10 rounds (Salmon et al., 2011), numbered as
 * numpy.random.Philox does. Compiled with ISA, which names the instruction set.
 *
 * A block of four numbers costs 20 products of 64 bits, whatever is used of it, each round's waiting for the last one's.
 * Indices that follow one another, and nearly all do, share blocks, and GROUP blocks are computed side by side.
 */
#include "vm/lookup.h"
#include "vm/template.h"

#define UNROLL _Pragma("GCC unroll 16")

enum { GROUP = 2, WORDS = 4, CHUNK = 256, ROUNDS = 10, MADE = CHUNK + 2 * GROUP * WORDS };

__extension__ typedef unsigned __int128 wide;

typedef struct key {
    uint64_t word[2];
} key;

static inline uint64_t read_word(const void *table) {
    uint64_t word;
    memcpy(&word, table, sizeof word);
    return word;
}

static inline uint64_t multiply(uint64_t x, uint64_t y, uint64_t *ret_high) {
    const wide product = (wide)x * y;
    *ret_high = (uint64_t)(product >> 64);
    return (uint64_t)product;
}

/* The blocks of these counters. */
static inline void make_blocks(const uint64_t counter[GROUP], key k, uint64_t r[GROUP][WORDS]) {
    uint64_t c0[GROUP], c1[GROUP] = {0}, c2[GROUP] = {0}, c3[GROUP] = {0};
    for (int g = 0; g < GROUP; g++) c0[g] = counter[g];
    UNROLL
    for (int round = 0; round < ROUNDS; round++) {
        UNROLL
        for (int g = 0; g < GROUP; g++) {
            uint64_t high0, high2;
            const uint64_t low0 = multiply(0xD2E7470EE14C6C93u, c0[g], &high0);
            const uint64_t low2 = multiply(0xCA5A826395121157u, c2[g], &high2);
            c0[g] = high2 ^ c1[g] ^ k.word[0];
            c1[g] = low2;
            c2[g] = high0 ^ c3[g] ^ k.word[1];
            c3[g] = low0;
        }
        k.word[0] += 0x9E3779B97F4A7C15u;
        k.word[1] += 0xBB67AE8584CAA73Bu;
    }
    for (int g = 0; g < GROUP; g++) {
        r[g][0] = c0[g];
        r[g][1] = c1[g];
        r[g][2] = c2[g];
        r[g][3] = c3[g];
    }
}

/* The block that number i is in. */
static inline uint64_t counter_of(int64_t i) {
    return (uint64_t)i / WORDS + 1;
}

static int is_run(size_t n, const int64_t *x) {
    int64_t differences = 0;
    for (size_t i = 0; i < n; i++) differences |= x[i] ^ (x[0] + (int64_t)i);
    return !differences;
}

/* Numbers x to x + n - 1, n at most CHUNK, behind those returned. */
static size_t make_run(size_t n, int64_t x, key k, uint64_t r[MADE]) {
    const size_t skip = (uint64_t)x % WORDS;
    for (size_t i = 0; i < skip + n; i += GROUP * WORDS) {
        uint64_t counter[GROUP];
        for (size_t g = 0; g < GROUP; g++) counter[g] = counter_of(x) + i / WORDS + g;
        make_blocks(counter, k, (uint64_t(*)[WORDS])(r + i));
    }
    return skip;
}

/* Numbers x[0] to x[n - 1], each from a block of its own. */
static void make_single(size_t n, const int64_t *x, key k, uint64_t r[MADE]) {
    for (size_t i = 0; i < n; i += GROUP) {
        uint64_t counter[GROUP], block[GROUP][WORDS];
        for (size_t g = 0; g < GROUP; g++) counter[g] = counter_of(x[i + g < n ? i + g : i]);
        make_blocks(counter, k, block);
        for (size_t g = 0; g < GROUP && i + g < n; g++) r[i + g] = block[g][(uint64_t)x[i + g] % WORDS];
    }
}

static inline uint64_t keep(uint64_t u) {
    return u;
}

static inline double uniform(uint64_t u) {
    return (double)(int64_t)(u >> 11) * 0x1p-53;
}

static inline double open_uniform(uint64_t u) {
    return ((double)(int64_t)(u >> 12) + 0.5) * 0x1p-52;
}

#define KERNEL(id, RESULT, meaning)                                                                                 \
    extern nx_lookup_kernel CAT4(nx_, id, _, ISA);                                                                  \
    void CAT4(nx_, id, _, ISA)(size_t n, void *result, const void *operand, const void *const *table,               \
                               const int64_t *count) {                                                              \
        const int64_t *x = operand;                                                                                 \
        RESULT *r = result;                                                                                         \
        const key k = {{read_word(table[0]), read_word(table[1])}};                                 \
        (void)count;                                                                                                \
        for (size_t i = 0; i < n; i += CHUNK) {                                                                     \
            const size_t m = n - i < CHUNK ? n - i : CHUNK;                                                         \
            uint64_t made[MADE];                                                                    \
            size_t skip = 0;                                                                                        \
            if (is_run(m, x + i)) skip = make_run(m, x[i], k, made);                                                \
            else make_single(m, x + i, k, made);                                                                    \
            for (size_t j = 0; j < m; j++) r[i + j] = meaning(made[skip + j]);                                      \
        }                                                                                                           \
    }

KERNEL(philox, uint64_t, keep)
KERNEL(uniform, double, uniform)
KERNEL(open_uniform, double, open_uniform)

#define SCALED CAT2(nx_scaled_, ISA)
extern nx_lookup_kernel SCALED;
void SCALED(size_t n, void *result, const void *operand, const void *const *table, const int64_t *count) {
    const uint64_t *x = operand, range = read_word(table[0]);
    uint64_t *r = result;
    (void)count;
    INDEPENDENT
    for (size_t i = 0; i < n; i++) multiply(x[i], range, &r[i]);
}
