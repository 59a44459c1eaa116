/* SPDX-License-Identifier: MIT */
/*
 * float16 as bits: conversions from and to float32, singly and in rows, and to it from float64. Every conversion rounds
 * once, half to even. From a wider type it goes through float32 rounded to odd: the last bit of what is kept says whether
 * anything was cut off, and the second rounding is then right. NaN comes out as some quiet NaN of the same sign.
 */
#ifndef NX_VM_HALF_H
#define NX_VM_HALF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __F16C__
#include <immintrin.h>
#endif

enum { NX_HALF_NAN = 0x7e00, NX_HALF_INF = 0x7c00, NX_HALF_SIGN = 0x8000, NX_HALF_MAX = 0x7bff };

static inline float nx_float_from_bits(uint32_t bits) {
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static inline uint32_t nx_float_to_bits(float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static inline float nx_half_to_float(uint16_t h) {
#ifdef __F16C__
    return _cvtsh_ss(h);
#else
    const uint32_t magnitude = h & 0x7fffu, rebias = 112u << 23;
    const uint32_t large = (magnitude << 13) + (magnitude >= NX_HALF_INF ? 2 * rebias : rebias);
    const uint32_t tiny = nx_float_to_bits((float)(int)magnitude * 0x1p-24f);
    return nx_float_from_bits((uint32_t)(h & NX_HALF_SIGN) << 16 | (magnitude < 0x0400 ? tiny : large));
#endif
}

static inline uint16_t nx_half_from_float(float v) {
#ifdef __F16C__
    return _cvtss_sh(v, _MM_FROUND_TO_NEAREST_INT);
#else
    const uint32_t bits = nx_float_to_bits(v), magnitude = bits & 0x7fffffffu;
    /* The sum's unit is float16's smallest number, so the addition rounds. */
    const uint32_t tiny = nx_float_to_bits(nx_float_from_bits(magnitude) + 0.5f) - nx_float_to_bits(0.5f);
    const uint32_t normal = (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
    const uint32_t huge = magnitude > 0x7f800000u ? NX_HALF_NAN : NX_HALF_INF;
    const uint32_t r = magnitude >= 0x47800000u ? huge : magnitude < 0x38800000u ? tiny : normal;
    return (uint16_t)((bits >> 16 & NX_HALF_SIGN) | r);
#endif
}

/* v rounded to odd to float's precision. Where it leaves float's range, float16 has only 0 and infinity. */
static inline float nx_float_to_odd(double v) {
    const uint64_t cut = ((uint64_t)1 << 29) - 1;
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    bits = (bits & ~cut) | (uint64_t)((bits & cut) != 0) << 29;
    memcpy(&v, &bits, sizeof v);
    return (float)v;
}

static inline uint16_t nx_half_from_double(double v) {
    return nx_half_from_float(nx_float_to_odd(v));
}

static inline void nx_halves_to_floats(size_t n, float *r, const uint16_t *x) {
    size_t i = 0;
#ifdef __AVX512F__
    for (; i + 16 <= n; i += 16) _mm512_storeu_ps(r + i, _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(x + i))));
#endif
#ifdef __F16C__
    for (; i + 8 <= n; i += 8) _mm256_storeu_ps(r + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(x + i))));
#endif
    for (; i < n; i++) r[i] = nx_half_to_float(x[i]);
}

static inline void nx_halves_from_floats(size_t n, uint16_t *r, const float *x) {
    size_t i = 0;
#ifdef __AVX512F__
    for (; i + 16 <= n; i += 16) {
        _mm256_storeu_si256((void *)(r + i), _mm512_cvtps_ph(_mm512_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
    }
#endif
#ifdef __F16C__
    for (; i + 8 <= n; i += 8) {
        _mm_storeu_si128((void *)(r + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
    }
#endif
    for (; i < n; i++) r[i] = nx_half_from_float(x[i]);
}

#endif
