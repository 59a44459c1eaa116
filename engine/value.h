/* SPDX-License-Identifier: MIT */
/* One element of any dtype, as it lies in memory. */
#ifndef NX_ENGINE_VALUE_H
#define NX_ENGINE_VALUE_H

#include <stdint.h>

typedef union nx_value {
    uint8_t b, u8;
    int8_t i8;
    int16_t i16;
    uint16_t u16, f16;
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    uint64_t u64;
    float f32;
    double f64;
    float c64[2];
    double c128[2];
    uint64_t bits[2]; /* unused bytes are 0, so that values compare by bits */
} nx_value;

#endif
