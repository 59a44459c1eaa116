/* SPDX-License-Identifier: MIT */
/* Each class computes in a type of its own that holds all of its dtypes: `wide` for ints, double for real and complex. */
#include "reference_kernels.h"

#include <math.h>
#include <string.h>

__extension__ typedef __int128 wide;
__extension__ typedef __float128 quad;

/* ---- float16 ---- */

static quad half_to_quad(uint16_t h) {
    const int exponent = h >> 10 & 31, fraction = h & 0x3ff;
    const double magnitude = exponent == 31 ? (fraction ? NAN : INFINITY)
                             : exponent     ? ldexp(1024 + fraction, exponent - 25)
                                            : ldexp(fraction, -24);
    return h & 0x8000 ? -(quad)magnitude : (quad)magnitude;
}

/* The nearest by bisection; 0x7c00 counts as 65536. */
static uint16_t half_from_quad(quad v) {
    if (v != v) return 0x7e00;
    const quad magnitude = v < 0 ? -v : v;
    const double as_double = (double)v;
    const uint16_t sign = signbit(as_double) ? 0x8000 : 0;
    if (magnitude >= 65536) return (uint16_t)(sign | 0x7c00);
    int low = 0, high = 0x7c00;
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (half_to_quad((uint16_t)middle) <= magnitude) low = middle;
        else high = middle;
    }
    const quad above = high == 0x7c00 ? 65536 : half_to_quad((uint16_t)high);
    const quad twice = half_to_quad((uint16_t)low) + above;
    const bool up = 2 * magnitude > twice || (2 * magnitude == twice && low & 1);
    return (uint16_t)(sign | (up ? high : low));
}

static bool half_op(nx_op op, const nx_value *x, nx_value *ret) {
    const quad a = half_to_quad(x[0].f16), b = half_to_quad(x[1].f16), c = half_to_quad(x[2].f16);
    const bool negative = x[0].f16 & 0x8000;
    switch (op) {
    case NX_OP_fma: ret->f16 = half_from_quad(a * b + c); return true;
    case NX_OP_nextafter:
        if (a != a || b != b) ret->f16 = 0x7e00;
        else if (a == b) ret->f16 = x[0].f16;
        else if (a == 0) ret->f16 = b < 0 ? 0x8001 : 1;
        else ret->f16 = (uint16_t)(x[0].f16 + ((b > a) != negative ? 1 : -1));
        return true;
    case NX_OP_spacing: /* to the next number above, whatever the sign */
        if (a != a || isinf((double)a)) ret->f16 = 0x7e00;
        else if (x[0].f16 == 0x7bff) ret->f16 = 0x7c00;
        else if (a == 0) ret->f16 = 1;
        else ret->f16 = half_from_quad(half_to_quad((uint16_t)(x[0].f16 + (negative ? -1 : 1))) - a);
        return true;
    default: return false;
    }
}

/* ---- ints and bool ---- */

static wide to_wide(nexpr_dtype dtype, nx_value v) {
    if (dtype == NEXPR_BOOL) return v.b != 0;
    const int unused = 64 - 8 * (int)nexpr_dtype_size(dtype);
    return nx_dtype_is_signed(dtype) ? (wide)((int64_t)(v.u64 << unused) >> unused) : (wide)(v.u64 << unused >> unused);
}

static nx_value from_wide(nexpr_dtype dtype, wide v) {
    nx_value ret = {.bits = {0, 0}};
    const uint64_t bits = dtype == NEXPR_BOOL ? v != 0 : (uint64_t)v;
    memcpy(&ret, &bits, nexpr_dtype_size(dtype));
    return ret;
}

static wide floor_quotient(wide x, wide y) {
    const wide q = x / y;
    return q * y != x && (x < 0) != (y < 0) ? q - 1 : q;
}

/* Modulo 2^64, which all narrower ones divide. */
static wide int_power(wide x, wide y) {
    if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
    uint64_t r = 1;
    for (int bit = 63; bit >= 0; bit--) {
        r *= r;
        if ((uint64_t)y >> bit & 1) r *= (uint64_t)x;
    }
    return (wide)r;
}

static wide magnitude(wide x) {
    return x < 0 ? -x : x;
}

static wide euclid(wide x, wide y) {
    while (y) {
        const wide r = x % y;
        x = y;
        y = r;
    }
    return magnitude(x);
}

static wide shift(wide x, wide count, int width, bool left) {
    if (count < 0 || count >= width) return left ? 0 : x < 0 ? -1 : 0;
    return left ? (wide)((uint64_t)x << count) : floor_quotient(x, (wide)1 << count);
}

static int bit_count(wide x) {
    int n = 0;
    for (uint64_t v = (uint64_t)magnitude(x); v; v >>= 1) n += (int)(v & 1);
    return n;
}

static wide compare(nx_op op, int order) {
    switch (op) {
    case NX_OP_equal: return order == 0;
    case NX_OP_not_equal: return order != 0;
    case NX_OP_less: return order < 0;
    case NX_OP_less_equal: return order <= 0;
    case NX_OP_greater: return order > 0;
    default: return order >= 0;
    }
}

static wide least(wide x, wide y) {
    return x < y ? x : y;
}

static wide greatest(wide x, wide y) {
    return x > y ? x : y;
}

static bool int_arithmetic(nx_op op, nexpr_dtype loop, wide x, wide y, wide z, wide *ret) {
    const bool is_bool = loop == NEXPR_BOOL;
    const int width = 8 * (int)nexpr_dtype_size(loop);
    switch (op) {
    case NX_OP_add: *ret = x + y; return true; /* of bools: not 0 */
    case NX_OP_subtract: *ret = x - y; return true;
    case NX_OP_multiply: *ret = (wide)((uint64_t)x * (uint64_t)y); return true;
    case NX_OP_square: *ret = (wide)((uint64_t)x * (uint64_t)x); return true;
    case NX_OP_floor_divide: *ret = y ? floor_quotient(x, y) : 0; return true;
    case NX_OP_remainder: *ret = y ? x - y * floor_quotient(x, y) : 0; return true;
    case NX_OP_fmod: *ret = y ? x % y : 0; return true;
    case NX_OP_power: *ret = int_power(x, y); return true;
    case NX_OP_negative: *ret = -x; return true;
    case NX_OP_absolute: *ret = magnitude(x); return true;
    case NX_OP_sign: *ret = (x > 0) - (x < 0); return true;
    case NX_OP_reciprocal: *ret = x ? 1 / x : 0; return true;
    case NX_OP_gcd: *ret = euclid(x, y); return true;
    case NX_OP_lcm:
        *ret = x && y ? (wide)((uint64_t)(magnitude(x) / euclid(x, y)) * (uint64_t)magnitude(y)) : 0;
        return true;
    case NX_OP_minimum: case NX_OP_fmin: *ret = least(x, y); return true;
    case NX_OP_maximum: case NX_OP_fmax: *ret = greatest(x, y); return true;
    case NX_OP_clip: *ret = least(greatest(x, y), z); return true;
    case NX_OP_bitwise_and: *ret = x & y; return true;
    case NX_OP_bitwise_or: *ret = x | y; return true;
    case NX_OP_bitwise_xor: *ret = x ^ y; return true;
    case NX_OP_invert: *ret = is_bool ? !x : ~x; return true;
    case NX_OP_left_shift: *ret = shift(x, y, width, true); return true;
    case NX_OP_right_shift: *ret = shift(x, y, width, false); return true;
    case NX_OP_bitwise_count: *ret = bit_count(x); return true;
    default: return false;
    }
}

static bool int_logic(nx_op op, wide x, wide y, wide z, wide *ret) {
    switch (op) {
    case NX_OP_positive: case NX_OP_floor: case NX_OP_ceil: case NX_OP_trunc: case NX_OP_conjugate: case NX_OP_real:
        *ret = x;
        return true;
    case NX_OP_imag: case NX_OP_isnan: case NX_OP_isinf: *ret = 0; return true;
    case NX_OP_isfinite: *ret = 1; return true;
    case NX_OP_logical_and: *ret = x && y; return true;
    case NX_OP_logical_or: *ret = x || y; return true;
    case NX_OP_logical_xor: *ret = !x != !y; return true;
    case NX_OP_logical_not: *ret = !x; return true;
    case NX_OP_where: *ret = x ? y : z; return true;
    case NX_OP_equal: case NX_OP_not_equal: case NX_OP_less: case NX_OP_less_equal: case NX_OP_greater:
    case NX_OP_greater_equal:
        *ret = compare(op, (x > y) - (x < y));
        return true;
    default: return false;
    }
}

static bool int_op(nx_op op, nexpr_dtype loop, const nx_value *args, nx_value *ret) {
    wide v[3], r;
    for (int k = 0; k < 3; k++) v[k] = to_wide(nx_op_arg_dtype(op, loop, k), args[k]);
    if (!int_arithmetic(op, loop, v[0], v[1], v[2], &r) && !int_logic(op, v[0], v[1], v[2], &r)) return false;
    *ret = from_wide(nx_op_result_dtype(op, loop), r);
    return true;
}

/* ---- real ---- */

static double to_double(nexpr_dtype dtype, nx_value v) {
    switch (dtype) {
    case NEXPR_FLOAT32: return (double)v.f32;
    case NEXPR_FLOAT64: return v.f64;
    default: return (double)to_wide(dtype, v); /* condition of where, exponent of ldexp: see there */
    }
}

static nx_value from_double(nexpr_dtype dtype, double v) {
    nx_value ret = {.bits = {0, 0}};
    if (dtype == NEXPR_BOOL) ret.b = v != 0;
    else if (dtype == NEXPR_FLOAT32) ret.f32 = v == v ? (float)v : (float)NAN;
    else ret.f64 = v == v ? v : (double)NAN;
    return ret;
}

static double least_float(double x, double y) {
    return x < y ? x : y;
}

static double greatest_float(double x, double y) {
    return x > y ? x : y;
}

static double lower(double x, double y) {
    return x != x || y != y ? NAN : least_float(x, y);
}

static double upper(double x, double y) {
    return x != x || y != y ? NAN : greatest_float(x, y);
}

/* x, where it compares equal to a bound. */
static double clip_float(double x, double low, double high) {
    if (x != x || low != low || high != high) return NAN;
    if (x < low) x = low;
    return x > high ? high : x;
}

/* What float64 results rounded to float32 would get wrong. */
static bool real_single(nx_op op, float x, float y, float z, double *ret) {
    static const double pi = 3.14159265358979323846;
    switch (op) {
    case NX_OP_fma: *ret = (double)fmaf(x, y, z); return true;
    case NX_OP_nextafter: *ret = (double)nextafterf(x, y); return true;
    case NX_OP_spacing:
        *ret = isinf(x) ? NAN : x == 0 ? 0x1p-149 : (double)nextafterf(x, copysignf(INFINITY, x)) - (double)x;
        return true;
    case NX_OP_deg2rad: *ret = (double)x * (double)((float)pi / 180); return true;
    case NX_OP_rad2deg: *ret = (double)x * (double)(180 / (float)pi); return true;
    default: return false;
    }
}

static bool real_double(nx_op op, double x, double y, double z, double *ret) {
    static const double pi = 3.14159265358979323846;
    switch (op) {
    case NX_OP_fma: *ret = fma(x, y, z); return true;
    case NX_OP_nextafter: *ret = nextafter(x, y); return true;
    case NX_OP_spacing: *ret = isinf(x) ? NAN : x == 0 ? 0x1p-1074 : nextafter(x, copysign(INFINITY, x)) - x; return true;
    case NX_OP_deg2rad: *ret = x * (pi / 180); return true;
    case NX_OP_rad2deg: *ret = x * (180 / pi); return true;
    default: return false;
    }
}

static bool real_arithmetic(nx_op op, double x, double y, double z, double *ret) {
    switch (op) {
    case NX_OP_add: *ret = x + y; return true;
    case NX_OP_subtract: *ret = x - y; return true;
    case NX_OP_multiply: *ret = x * y; return true;
    case NX_OP_square: *ret = x * x; return true;
    case NX_OP_divide: *ret = x / y; return true;
    case NX_OP_reciprocal: *ret = 1 / x; return true;
    case NX_OP_sqrt: *ret = sqrt(x); return true;
    case NX_OP_negative: *ret = -x; return true;
    case NX_OP_absolute: case NX_OP_fabs: *ret = fabs(x); return true;
    case NX_OP_sign: *ret = x > 0 ? 1 : x < 0 ? -1 : x != x ? x : 0; return true;
    case NX_OP_copysign: *ret = y == y && signbit(y) ? -fabs(x) : fabs(x); return true;
    case NX_OP_heaviside: *ret = x != x ? x : x == 0 ? y : x > 0; return true;
    case NX_OP_floor: *ret = floor(x); return true;
    case NX_OP_ceil: *ret = ceil(x); return true;
    case NX_OP_trunc: *ret = trunc(x); return true;
    case NX_OP_rint: *ret = rint(x); return true;
    case NX_OP_minimum: *ret = lower(x, y); return true;
    case NX_OP_maximum: *ret = upper(x, y); return true;
    case NX_OP_fmin: *ret = x != x ? y : y != y ? x : least_float(x, y); return true;
    case NX_OP_fmax: *ret = x != x ? y : y != y ? x : greatest_float(x, y); return true;
    case NX_OP_clip: *ret = clip_float(x, y, z); return true;
    default: return false;
    }
}

static bool real_logic(nx_op op, double x, double y, double z, double *ret) {
    switch (op) {
    case NX_OP_equal: *ret = x == y; return true;
    case NX_OP_not_equal: *ret = x != y; return true;
    case NX_OP_less: *ret = x < y; return true;
    case NX_OP_less_equal: *ret = x <= y; return true;
    case NX_OP_greater: *ret = x > y; return true;
    case NX_OP_greater_equal: *ret = x >= y; return true;
    case NX_OP_logical_and: *ret = x != 0 && y != 0; return true;
    case NX_OP_logical_or: *ret = x != 0 || y != 0; return true;
    case NX_OP_logical_xor: *ret = (x != 0) != (y != 0); return true;
    case NX_OP_logical_not: *ret = x == 0; return true;
    case NX_OP_where: *ret = x != 0 ? y : z; return true;
    case NX_OP_isnan: *ret = isnan(x); return true;
    case NX_OP_isinf: *ret = isinf(x); return true;
    case NX_OP_isfinite: *ret = isfinite(x); return true;
    case NX_OP_signbit: *ret = !isnan(x) && signbit(x); return true;
    case NX_OP_positive: case NX_OP_conjugate: case NX_OP_real: *ret = x; return true;
    case NX_OP_imag: *ret = 0; return true;
    default: return false;
    }
}

/* Doubles and halves, as often as it takes: exact in 113 bits and their exponents. */
static quad scaled(double x, int64_t exponent) {
    const int64_t e = exponent < -5000 ? -5000 : exponent > 5000 ? 5000 : exponent;
    quad v = (quad)x;
    for (int64_t i = 0; i < e; i++) v *= 2;
    for (int64_t i = 0; i > e; i--) v /= 2;
    return v;
}

static bool real_op(nx_op op, nexpr_dtype loop, const nx_value *args, nx_value *ret) {
    double x[3], r;
    for (int k = 0; k < 3; k++) x[k] = to_double(nx_op_arg_dtype(op, loop, k), args[k]);
    if (op == NX_OP_ldexp) {
        const quad v = scaled(x[0], args[1].i64);
        *ret = from_double(loop, loop == NEXPR_FLOAT32 ? (double)(float)v : (double)v);
        return true;
    }
    const bool known = loop == NEXPR_FLOAT32 ? real_single(op, args[0].f32, args[1].f32, args[2].f32, &r)
                                             : real_double(op, x[0], x[1], x[2], &r);
    if (!known && !real_arithmetic(op, x[0], x[1], x[2], &r) && !real_logic(op, x[0], x[1], x[2], &r)) return false;
    *ret = from_double(nx_op_result_dtype(op, loop), r);
    return true;
}

/* ---- complex ---- */

typedef struct pair {
    double re, im;
} pair;

static pair to_pair(nexpr_dtype dtype, nx_value v) {
    if (dtype == NEXPR_COMPLEX64) return (pair){(double)v.c64[0], (double)v.c64[1]};
    if (dtype == NEXPR_COMPLEX128) return (pair){v.c128[0], v.c128[1]};
    return (pair){to_double(dtype, v), 0};
}

static nx_value from_pair(nexpr_dtype dtype, pair v) {
    nx_value ret = {.bits = {0, 0}};
    const nexpr_dtype part = nx_dtype_real(dtype);
    if (part == dtype) return from_double(dtype, v.re);
    for (int k = 0; k < 2; k++) {
        const nx_value half = from_double(part, k ? v.im : v.re);
        memcpy((char *)&ret + (size_t)k * nexpr_dtype_size(part), &half, nexpr_dtype_size(part));
    }
    return ret;
}

/* v in the precision of the parts. */
static double cut(bool is_single, double v) {
    return is_single ? (double)(float)v : v;
}

static pair product(bool f, pair x, pair y) {
    return (pair){cut(f, x.re * y.re) - cut(f, x.im * y.im), cut(f, x.re * y.im) + cut(f, x.im * y.re)};
}

static pair quotient(bool f, pair x, pair y) {
    if (fabs(y.re) >= fabs(y.im)) {
        if (y.re == 0 && y.im == 0) return (pair){x.re / fabs(y.re), x.im / fabs(y.re)};
        const double ratio = cut(f, y.im / y.re), scale = cut(f, 1 / cut(f, y.re + cut(f, y.im * ratio)));
        return (pair){cut(f, x.re + cut(f, x.im * ratio)) * scale, cut(f, x.im - cut(f, x.re * ratio)) * scale};
    }
    const double ratio = cut(f, y.re / y.im), scale = cut(f, 1 / cut(f, y.im + cut(f, y.re * ratio)));
    return (pair){cut(f, cut(f, x.re * ratio) + x.im) * scale, cut(f, cut(f, x.im * ratio) - x.re) * scale};
}

static pair inverse(bool f, pair x) {
    if (fabs(x.im) <= fabs(x.re)) {
        const double ratio = cut(f, x.im / x.re), length = cut(f, x.re + cut(f, x.im * ratio));
        return (pair){1 / length, -ratio / length};
    }
    const double ratio = cut(f, x.re / x.im), length = cut(f, cut(f, x.re * ratio) + x.im);
    return (pair){ratio / length, -1 / length};
}

static bool has_nan(pair x) {
    return isnan(x.re) || isnan(x.im);
}

static bool below(pair x, pair y, bool or_equal) {
    if (x.re < y.re) return !isnan(x.im) && !isnan(y.im);
    return x.re == y.re && (or_equal ? x.im <= y.im : x.im < y.im);
}

static bool below_for_clip(pair x, pair y) {
    return x.re == y.re ? x.im < y.im : x.re < y.re;
}

static pair clip_pair(pair x, pair low, pair high) {
    const pair r = has_nan(x) || below_for_clip(low, x) ? x : low;
    return has_nan(r) || below_for_clip(r, high) ? r : high;
}

static bool complex_arithmetic(nx_op op, bool f, pair x, pair y, pair z, pair *ret) {
    switch (op) {
    case NX_OP_add: *ret = (pair){x.re + y.re, x.im + y.im}; return true;
    case NX_OP_subtract: *ret = (pair){x.re - y.re, x.im - y.im}; return true;
    case NX_OP_multiply: *ret = product(f, x, y); return true;
    case NX_OP_square: *ret = product(f, x, x); return true;
    case NX_OP_divide: *ret = quotient(f, x, y); return true;
    case NX_OP_reciprocal: *ret = inverse(f, x); return true;
    case NX_OP_negative: *ret = (pair){-x.re, -x.im}; return true;
    case NX_OP_positive: *ret = x; return true;
    case NX_OP_rint: *ret = (pair){rint(x.re), rint(x.im)}; return true;
    case NX_OP_minimum: *ret = has_nan(x) || below(x, y, true) ? x : y; return true;
    case NX_OP_maximum: *ret = has_nan(x) || below(y, x, true) ? x : y; return true;
    case NX_OP_fmin: *ret = has_nan(y) || below(x, y, true) ? x : y; return true;
    case NX_OP_fmax: *ret = has_nan(y) || below(y, x, true) ? x : y; return true;
    case NX_OP_clip: *ret = clip_pair(x, y, z); return true;
    case NX_OP_conjugate: *ret = (pair){x.re, -x.im}; return true;
    case NX_OP_real: ret->re = x.re; return true;
    case NX_OP_imag: ret->re = x.im; return true;
    case NX_OP_complex: *ret = (pair){x.re, y.re}; return true;
    case NX_OP_where: *ret = x.re != 0 ? y : z; return true;
    default: return false;
    }
}

static bool complex_logic(nx_op op, pair x, pair y, pair *ret) {
    const bool a = x.re != 0 || x.im != 0, b = y.re != 0 || y.im != 0, same = x.re == y.re && x.im == y.im;
    switch (op) {
    case NX_OP_equal: ret->re = same; return true;
    case NX_OP_not_equal: ret->re = !same; return true;
    case NX_OP_less: ret->re = below(x, y, false); return true;
    case NX_OP_less_equal: ret->re = below(x, y, true); return true;
    case NX_OP_greater: ret->re = below(y, x, false); return true;
    case NX_OP_greater_equal: ret->re = below(y, x, true); return true;
    case NX_OP_logical_and: ret->re = a && b; return true;
    case NX_OP_logical_or: ret->re = a || b; return true;
    case NX_OP_logical_xor: ret->re = a != b; return true;
    case NX_OP_logical_not: ret->re = !a; return true;
    case NX_OP_isnan: ret->re = has_nan(x); return true;
    case NX_OP_isinf: ret->re = isinf(x.re) || isinf(x.im); return true;
    case NX_OP_isfinite: ret->re = isfinite(x.re) && isfinite(x.im); return true;
    default: return false;
    }
}

static bool complex_op(nx_op op, nexpr_dtype loop, const nx_value *args, nx_value *ret) {
    pair x[3], r = {0, 0};
    for (int k = 0; k < 3; k++) x[k] = to_pair(nx_op_arg_dtype(op, loop, k), args[k]);
    const bool is_single = loop == NEXPR_COMPLEX64;
    if (!complex_arithmetic(op, is_single, x[0], x[1], x[2], &r) && !complex_logic(op, x[0], x[1], &r)) return false;
    *ret = from_pair(nx_op_result_dtype(op, loop), r);
    return true;
}

bool reference_op(nx_op op, nexpr_dtype loop, const nx_value *args, nx_value *ret) {
    *ret = (nx_value){.bits = {0, 0}};
    if (loop == NEXPR_FLOAT16) return half_op(op, args, ret);
    switch (nx_dtype_class(loop)) {
    case NX_CLASS_REAL: return real_op(op, loop, args, ret);
    case NX_CLASS_COMPLEX: return complex_op(op, loop, args, ret);
    default: return int_op(op, loop, args, ret);
    }
}

/* ---- casts ---- */

static wide saturated(nexpr_dtype to, quad v) {
    const int width = 8 * (int)nexpr_dtype_size(to), magnitude_bits = width - nx_dtype_is_signed(to);
    const wide high = ((wide)1 << magnitude_bits) - 1, low = nx_dtype_is_signed(to) ? -high - 1 : 0;
    return v != v ? 0 : v >= (quad)high ? high : v <= (quad)low ? low : (wide)v;
}

static nx_value rounded(nexpr_dtype to, quad v) {
    nx_value ret = {.bits = {0, 0}};
    if (to == NEXPR_FLOAT16) ret.f16 = half_from_quad(v);
    else if (to == NEXPR_FLOAT32) ret.f32 = v == v ? (float)v : (float)NAN;
    else ret.f64 = v == v ? (double)v : (double)NAN;
    return ret;
}

bool reference_cast(nexpr_dtype from, nexpr_dtype to, nx_value x, nx_value *ret) {
    const nx_class a = nx_dtype_class(from), b = nx_dtype_class(to);
    const bool is_wide = a == NX_CLASS_BOOL || a == NX_CLASS_INT;
    const pair parts = is_wide || from == NEXPR_FLOAT16 ? (pair){0, 0} : to_pair(from, x);
    const quad re = is_wide ? (quad)to_wide(from, x) : from == NEXPR_FLOAT16 ? half_to_quad(x.f16) : (quad)parts.re;
    if (b == NX_CLASS_BOOL) *ret = from_wide(to, re != 0 || parts.im != 0);
    else if (a == NX_CLASS_COMPLEX && b != NX_CLASS_COMPLEX) return false;
    else if (b == NX_CLASS_INT) *ret = from_wide(to, is_wide ? to_wide(from, x) : saturated(to, re));
    else if (b == NX_CLASS_REAL) *ret = rounded(to, re);
    else *ret = from_pair(to, (pair){to == NEXPR_COMPLEX64 ? (double)(float)re : (double)re, parts.im});
    return true;
}
