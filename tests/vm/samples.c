/* SPDX-License-Identifier: MIT */
/* Edges are listed once as doubles for the float dtypes and once as bit patterns for the ints, and cut to each dtype. */
#include "samples.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const uint64_t int_edges[] = {
    0, 1, 2, 3, 5, 7, 8, 10, 15, 16, 31, 32, 63, 64, 100, 127, 128, 255, 32767, 32768, 65535, 65536,
    INT32_MAX, (uint64_t)INT32_MAX + 1, UINT32_MAX, INT64_MAX, (uint64_t)INT64_MAX + 1,
    UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 2, UINT64_MAX - 7, UINT64_MAX - 63, UINT64_MAX - 126,
};

static const double float_edges[] = {
    0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, -2.5, 2, 3, -7, 0.1, NAN, -NAN, INFINITY, -INFINITY, DBL_MAX, -DBL_MAX, DBL_MIN,
    -DBL_MIN, 0x1p-1074, -0x1p-1074, 0x1.fffffffffffffp-1023, FLT_MAX, -FLT_MAX, FLT_MIN, 0x1p-149, -0x1p-149,
    0x1.fffffcp-127, 65504, 65519.999, 65520, -65536, 0x1p-24, 0x1p-25, 0x1.8p-25, 0x1p-14, 0x1.ffcp-15,
    127.5, 255.9, -128.9, 32767.9, 65535.5, 2147483647.0, 2147483648.0, -2147483649.0, 4294967295.0, 4294967296.0,
    0x1p53, 0x1p63, -0x1p63, 0x1p64, 1 + DBL_EPSILON, 1 - DBL_EPSILON / 2, 4503599627370497.5,
};

/* As bits: 0 of each sign, smallest, largest subnormal and normal, 1, 1.5, -2.5, a large one, infinities, NaNs. */
static const uint16_t half_edges[] = {
    0x0000, 0x8000, 0x0001, 0x8001, 0x03ff, 0x83ff, 0x0400, 0x8400, 0x3c00, 0xbc00, 0x3e00, 0xc100, 0x3555, 0x7bff,
    0xfbff, 0x7c00, 0xfc00, 0x7e00, 0xfe00, 0x7c01, 0x0800, 0x8800, 0x2c00, 0xac00, 0xb000, 0x6400, 0x7800, 0x1400,
};

/* For the parts of complex numbers, whose pairs are many: places in float_edges. */
static const uint8_t part_edges[] = {0, 1, 2, 3, 6, 9, 12, 14, 15, 16, 17, 18, 20, 23, 26};

#define COUNT(array) (sizeof(array) / sizeof *(array))

uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

nx_value get_value(nexpr_dtype dtype, const void *elements, size_t index) {
    const size_t size = nexpr_dtype_size(dtype);
    nx_value v = {.bits = {0, 0}};
    memcpy(&v, (const char *)elements + index * size, size);
    return v;
}

void set_value(nexpr_dtype dtype, void *elements, size_t index, nx_value value) {
    const size_t size = nexpr_dtype_size(dtype);
    memcpy((char *)elements + index * size, &value, size);
}

size_t edge_count(nexpr_dtype dtype) {
    if (dtype == NEXPR_FLOAT16) return COUNT(half_edges);
    switch (nx_dtype_class(dtype)) {
    case NX_CLASS_BOOL: return 4;
    case NX_CLASS_INT: return COUNT(int_edges);
    case NX_CLASS_REAL: return COUNT(float_edges);
    default: return COUNT(part_edges) * COUNT(part_edges);
    }
}

static nx_value float_value(nexpr_dtype dtype, double v) {
    return dtype == NEXPR_FLOAT32 ? (nx_value){.f32 = (float)v} : (nx_value){.f64 = v};
}

static nx_value edge(nexpr_dtype dtype, size_t index) {
    static const uint8_t bools[] = {0, 1, 2, 255};
    index %= edge_count(dtype);
    if (dtype == NEXPR_FLOAT16) return (nx_value){.f16 = half_edges[index]};
    if (nx_dtype_class(dtype) == NX_CLASS_BOOL) return (nx_value){.b = bools[index]};
    if (nx_dtype_class(dtype) == NX_CLASS_INT) return (nx_value){.u64 = int_edges[index]};
    if (nx_dtype_class(dtype) == NX_CLASS_REAL) return float_value(dtype, float_edges[index]);
    const double re = float_edges[part_edges[index % COUNT(part_edges)]];
    const double im = float_edges[part_edges[index / COUNT(part_edges)]];
    return dtype == NEXPR_COMPLEX64 ? (nx_value){.c64 = {(float)re, (float)im}} : (nx_value){.c128 = {re, im}};
}

/* Between -10 and 10, a multiple of 1/8, which is an integer now and then. */
static nx_value small(nexpr_dtype dtype, uint64_t *random) {
    const int64_t eighths = (int64_t)(next_random(random) % 161) - 80;
    const double v = (double)eighths / 8;
    switch (nx_dtype_class(dtype)) {
    case NX_CLASS_BOOL: return (nx_value){.b = (uint8_t)(eighths & 1)};
    case NX_CLASS_INT: return (nx_value){.i64 = eighths / 4};
    case NX_CLASS_REAL: break;
    default:
        if (dtype == NEXPR_COMPLEX64) return (nx_value){.c64 = {(float)v, (float)(v * 3)}};
        return (nx_value){.c128 = {v, v * 3}};
    }
    return dtype == NEXPR_FLOAT16 ? (nx_value){.f16 = half_edges[(eighths & 7) + 8]} : float_value(dtype, v);
}

void fill_samples(nexpr_dtype dtype, size_t n, void *elements, size_t first, uint64_t *random) {
    for (size_t i = 0; i < n; i++) {
        nx_value v = {.bits = {0, 0}};
        const uint64_t way = random ? next_random(random) % 4 : 0;
        if (way == 1) v = (nx_value){.bits = {next_random(random), next_random(random)}};
        else if (way == 2) v = small(dtype, random);
        else v = edge(dtype, random ? (size_t)next_random(random) : first + i);
        set_value(dtype, elements, i, v);
    }
}
