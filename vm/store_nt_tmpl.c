/* SPDX-License-Identifier: MIT */
/*
 * The copy to outputs that no cache can hold, compiled once per instruction set: whole cache lines by stores that bypass
 * the caches, head and tail by plain ones.
 */
#include "vm/template.h"

#include <immintrin.h>

static inline void stream_line(char *r, const char *x) {
#if defined __AVX512F__
    _mm512_stream_si512((void *)r, _mm512_loadu_si512((const void *)x));
#elif defined __AVX2__
    for (int k = 0; k < 64; k += 32) _mm256_stream_si256((void *)(r + k), _mm256_loadu_si256((const void *)(x + k)));
#else
    for (int k = 0; k < 64; k += 16) _mm_stream_si128((void *)(r + k), _mm_loadu_si128((const void *)(x + k)));
#endif
}

#define STORE_NT CAT2(nx_store_nt_, ISA)
void STORE_NT(void *dst, const void *src, size_t bytes);
void STORE_NT(void *dst, const void *src, size_t bytes) {
    char *r = dst;
    const char *x = src;
    const size_t to_line = (0 - (uintptr_t)r) & 63, head = to_line < bytes ? to_line : bytes;
    memcpy(r, x, head);
    size_t i = head;
    for (; i + 64 <= bytes; i += 64) stream_line(r + i, x + i);
    memcpy(r + i, x + i, bytes - i);
}
