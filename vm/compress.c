/* SPDX-License-Identifier: MIT */
/*
 * Every element is stored at the front and only the chosen ones move it on, so that nothing branches on the data. For items
 * of 4 and 8 bytes AVX-512 has an instruction, and AVX2 moves four at a time as a table says.
 */
#include "vm/compress.h"

#include <immintrin.h>
#include <string.h>

typedef struct pair {
    uint64_t low, high;
} pair;

#define COMPRESS(name, ITEM)                                                  \
    static size_t name(size_t n, void *items, const uint8_t *mask) {          \
        ITEM *x = items;                                                      \
        size_t kept = 0;                                                      \
        for (size_t i = 0; i < n; i++) {                                      \
            x[kept] = x[i];                                                   \
            kept += mask[i] != 0;                                             \
        }                                                                     \
        return kept;                                                          \
    }

COMPRESS(compress_1, uint8_t)
COMPRESS(compress_2, uint16_t)
COMPRESS(compress_4, uint32_t)
COMPRESS(compress_8, uint64_t)
COMPRESS(compress_16, pair)

/* Which of four are chosen, by the bits of the row: first those, in order; what comes behind them does not matter. */
#define FIRST(b) ((b) & 1 ? 0 : (b) & 2 ? 1 : (b) & 4 ? 2 : 3)
#define REST(b) ((b) & ((b) - 1))
#define FOUR(b, AT) {AT(FIRST(b)), AT(FIRST(REST(b))), AT(FIRST(REST(REST(b)))), AT(3)}
#define ROWS(AT)                                                                                                     \
    {FOUR(0, AT), FOUR(1, AT), FOUR(2, AT), FOUR(3, AT), FOUR(4, AT), FOUR(5, AT), FOUR(6, AT), FOUR(7, AT),         \
     FOUR(8, AT), FOUR(9, AT), FOUR(10, AT), FOUR(11, AT), FOUR(12, AT), FOUR(13, AT), FOUR(14, AT), FOUR(15, AT)}
#define BYTES_OF(k) 0x03020100u + 0x04040404u * (k)           /* of an item of 4 bytes */
#define HALVES_OF(k) 0x100000000u + 0x200000002u * (uint64_t)(k) /* of one of 8 bytes */
static const uint32_t bytes_of_chosen[16][4] __attribute__((aligned(16))) = ROWS(BYTES_OF);
static const uint64_t halves_of_chosen[16][4] __attribute__((aligned(32))) = ROWS(HALVES_OF);

/* Four bytes, each 0 or 1, as bits. */
static unsigned four_bits(const uint8_t *mask) {
    uint32_t bytes;
    memcpy(&bytes, mask, sizeof bytes);
    return bytes * 0x10204080u >> 28;
}

__attribute__((target("avx2,popcnt"))) static size_t compress_4_avx2(size_t n, void *items, const uint8_t *mask) {
    uint32_t *x = items;
    size_t kept = 0, i = 0;
    for (; i + 4 <= n; i += 4) {
        const unsigned bits = four_bits(mask + i);
        const __m128i order = _mm_load_si128((const __m128i *)(const void *)bytes_of_chosen[bits]);
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(x + i));
        _mm_storeu_si128((__m128i *)(void *)(x + kept), _mm_shuffle_epi8(v, order));
        kept += (unsigned)__builtin_popcount(bits);
    }
    memmove(x + kept, x + i, (n - i) * sizeof *x);
    return kept + compress_4(n - i, x + kept, mask + i);
}

__attribute__((target("avx2,popcnt"))) static size_t compress_8_avx2(size_t n, void *items, const uint8_t *mask) {
    uint64_t *x = items;
    size_t kept = 0, i = 0;
    for (; i + 4 <= n; i += 4) {
        const unsigned bits = four_bits(mask + i);
        const __m256i order = _mm256_load_si256((const __m256i *)(const void *)halves_of_chosen[bits]);
        const __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(x + i));
        _mm256_storeu_si256((__m256i *)(void *)(x + kept), _mm256_permutevar8x32_epi32(v, order));
        kept += (unsigned)__builtin_popcount(bits);
    }
    memmove(x + kept, x + i, (n - i) * sizeof *x);
    return kept + compress_8(n - i, x + kept, mask + i);
}

/* Sixteen bits of the mask; `left` elements are left. */
__attribute__((target("avx512f,avx512bw,avx512vl"))) static unsigned chosen(const uint8_t *mask, size_t left) {
    const __mmask16 valid = left < 16 ? (__mmask16)((1u << left) - 1) : 0xFFFF;
    const __m128i bytes = _mm_maskz_loadu_epi8(valid, mask);
    return _mm_test_epi8_mask(bytes, bytes);
}

__attribute__((target("avx512f,avx512bw,avx512vl"))) static size_t compress_4_avx512(size_t n, void *items,
                                                                                      const uint8_t *mask) {
    uint32_t *x = items;
    size_t kept = 0;
    for (size_t i = 0; i < n; i += 16) {
        const unsigned bits = chosen(mask + i, n - i);
        const __m512i v = _mm512_maskz_compress_epi32((__mmask16)bits, _mm512_maskz_loadu_epi32((__mmask16)bits, x + i));
        const unsigned count = (unsigned)__builtin_popcount(bits);
        _mm512_mask_storeu_epi32(x + kept, (__mmask16)((1u << count) - 1), v);
        kept += count;
    }
    return kept;
}

__attribute__((target("avx512f,avx512bw,avx512vl"))) static size_t compress_8_avx512(size_t n, void *items,
                                                                                      const uint8_t *mask) {
    uint64_t *x = items;
    size_t kept = 0;
    for (size_t i = 0; i < n; i += 8) {
        const unsigned bits = chosen(mask + i, n - i < 8 ? n - i : 8);
        const __m512i v = _mm512_maskz_compress_epi64((__mmask8)bits, _mm512_maskz_loadu_epi64((__mmask8)bits, x + i));
        const unsigned count = (unsigned)__builtin_popcount(bits);
        _mm512_mask_storeu_epi64(x + kept, (__mmask8)((1u << count) - 1), v);
        kept += count;
    }
    return kept;
}

size_t nx_vm_compress(nx_isa isa, size_t item_size, size_t n, void *x, const uint8_t *mask) {
    static size_t (*const by_isa[][2])(size_t n, void *items, const uint8_t *mask) = {
        [NX_ISA_BASELINE] = {compress_4, compress_8},
        [NX_ISA_AVX2] = {compress_4_avx2, compress_8_avx2},
        [NX_ISA_AVX512] = {compress_4_avx512, compress_8_avx512},
    };
    switch (item_size) {
    case 1: return compress_1(n, x, mask);
    case 2: return compress_2(n, x, mask);
    case 4: return by_isa[isa][0](n, x, mask);
    case 8: return by_isa[isa][1](n, x, mask);
    default: return compress_16(n, x, mask);
    }
}

size_t nx_vm_count(size_t n, const uint8_t *mask) {
    __m128i sums = _mm_setzero_si128(); /* of the lower and the upper eight bytes */
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(mask + i));
        sums = _mm_add_epi64(sums, _mm_sad_epu8(bytes, _mm_setzero_si128()));
    }
    size_t count = (size_t)_mm_cvtsi128_si64(sums) + (size_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(sums, sums));
    for (; i < n; i++) count += mask[i];
    return count;
}
