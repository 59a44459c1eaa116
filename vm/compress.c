/* SPDX-License-Identifier: MIT */
/*
 * Every element is stored at the front and only the chosen ones move it on, so that nothing branches on the data. AVX-512
 * has an instruction for items of 4 and 8 bytes.
 */
#include "vm/compress.h"

#include <immintrin.h>

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
    switch (item_size) {
    case 1: return compress_1(n, x, mask);
    case 2: return compress_2(n, x, mask);
    case 4: return (isa == NX_ISA_AVX512 ? compress_4_avx512 : compress_4)(n, x, mask);
    case 8: return (isa == NX_ISA_AVX512 ? compress_8_avx512 : compress_8)(n, x, mask);
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
