/* SPDX-License-Identifier: MIT */
/*
 * Casts between all dtypes, as vm/casts_tmpl.c and the FROM words of vm/class_*.h have them. float16 is never computed with:
 * it comes in as float32, and goes out from a float32 that is rounded only once, because it was rounded to odd before.
 */
#include "jit/llvm/emit.h"

#include <math.h>

static bool is_real(nexpr_dtype dtype) {
    return nx_dtype_class(dtype) == NX_CLASS_REAL;
}

static vec from_half(emitter *e, vec bits) {
    const LLVMTypeRef half = LLVMHalfTypeInContext(e->context);
    return widen_real(e, bits_as(e, bits, half), part_type(e, NEXPR_FLOAT32));
}

static vec to_half(emitter *e, vec x) {
    return bits_as(e, narrow_real(e, x, LLVMHalfTypeInContext(e->context)), int_type(e, 16));
}

/* As nx_float_to_odd of vm/half.h. */
static vec float_to_odd(emitter *e, vec x) {
    const uint64_t cut_bits = ((uint64_t)1 << 29) - 1;
    const vec bits = bits_as(e, x, int_type(e, 64)), rest = i_and(e, bits, int_constant(e, 64, cut_bits));
    const vec sticky = choose(e, i_ne(e, rest, zero_like(rest)), int_constant(e, 64, cut_bits + 1), zero_like(rest));
    const vec odd = i_or(e, i_and(e, bits, int_constant(e, 64, ~cut_bits)), sticky);
    return narrow_real(e, bits_as(e, odd, part_type(e, NEXPR_FLOAT64)), part_type(e, NEXPR_FLOAT32));
}

static vec real_from_int(emitter *e, nexpr_dtype from, vec x, LLVMTypeRef type) {
    return nx_dtype_is_signed(from) ? real_from_signed(e, x, type) : real_from_unsigned(e, x, type);
}

/* Ints far beyond float16's range are infinite all the same. */
static vec half_from_int(emitter *e, nexpr_dtype from, vec x) {
    const LLVMTypeRef type = part_type(e, NEXPR_FLOAT32);
    const unsigned bits = part_bits(from);
    if (bits < 32) return to_half(e, real_from_int(e, from, x, type));
    const bool is_signed = nx_dtype_is_signed(from);
    vec near = intrinsic2(e, is_signed ? "llvm.smin" : "llvm.umin", x, int_constant(e, bits, 65536));
    if (is_signed) near = intrinsic2(e, "llvm.smax", near, int_constant(e, bits, (uint64_t)-65536));
    return to_half(e, real_from_signed(e, bits == 64 ? cut(e, near, int_type(e, 32)) : near, type));
}

/* The limits of an int dtype: the least number, and 2 to the power of the first that is beyond the greatest. */
static double lower_limit(nexpr_dtype to) {
    return nx_dtype_is_signed(to) ? -ldexp(1, (int)part_bits(to) - 1) : 0;
}

static double upper_limit(nexpr_dtype to) {
    return ldexp(1, (int)part_bits(to) - nx_dtype_is_signed(to));
}

static vec least_int(emitter *e, nexpr_dtype to) {
    const unsigned bits = part_bits(to);
    return int_constant(e, bits, nx_dtype_is_signed(to) ? (uint64_t)1 << (bits - 1) : 0);
}

static vec greatest_int(emitter *e, nexpr_dtype to) {
    const unsigned bits = part_bits(to);
    return int_constant(e, bits, UINT64_MAX >> (64 - bits + nx_dtype_is_signed(to)));
}

/* Both limits are exact: x is clamped, then converted. */
static vec int_from_clamped(emitter *e, nexpr_dtype from, nexpr_dtype to, vec x) {
    const vec high = real_constant(e, from, upper_limit(to) - 1), low = real_constant(e, from, lower_limit(to));
    const vec below = choose(e, f_lt(e, high, x), high, x), both = choose(e, f_lt(e, below, low), low, below);
    const vec number = choose(e, f_unordered(e, x, x), zero_like(x), both);
    const LLVMTypeRef type = int_type(e, 32);
    if (part_bits(to) < 32) return cut(e, signed_from_real(e, number, type), int_type(e, part_bits(to)));
    return nx_dtype_is_signed(to) ? signed_from_real(e, number, type) : unsigned_from_real(e, number, type);
}

/* What is not between the limits is converted to anything, and replaced. */
static vec int_from_any(emitter *e, nexpr_dtype from, nexpr_dtype to, vec x) {
    const LLVMTypeRef type = int_type(e, part_bits(to));
    const vec high = real_constant(e, from, upper_limit(to)), low = real_constant(e, from, lower_limit(to));
    vec r = nx_dtype_is_signed(to) ? signed_from_real(e, x, type) : unsigned_from_real(e, x, type);
    r = choose(e, f_le(e, x, low), least_int(e, to), r);
    r = choose(e, f_le(e, high, x), greatest_int(e, to), r);
    return choose(e, f_unordered(e, x, x), zero_like(r), r);
}

static vec int_from_real(emitter *e, nexpr_dtype from, nexpr_dtype to, vec x) {
    const bool limits_are_exact = part_bits(to) < (from == NEXPR_FLOAT32 ? 32 : 64);
    return limits_are_exact ? int_from_clamped(e, from, to, x) : int_from_any(e, from, to, x);
}

static vec int_from_int(emitter *e, nexpr_dtype from, nexpr_dtype to, vec x) {
    const unsigned old = part_bits(from), new = part_bits(to);
    if (old == new) return x;
    if (old > new) return cut(e, x, int_type(e, new));
    return nx_dtype_is_signed(from) ? extend_sign(e, x, int_type(e, new)) : extend_zero(e, x, int_type(e, new));
}

static vec bool_from(emitter *e, nexpr_dtype from, value x) {
    const vec part = x.part[0], zero = zero_like(part);
    switch (nx_dtype_class(from)) {
    case NX_CLASS_BOOL: return part;
    case NX_CLASS_INT: return i_ne(e, part, zero);
    case NX_CLASS_REAL: return f_ne(e, part, zero);
    default: return i_or(e, f_ne(e, part, zero), f_ne(e, x.part[1], zero));
    }
}

static vec int_from(emitter *e, nexpr_dtype from, nexpr_dtype to, vec x) {
    switch (nx_dtype_class(from)) {
    case NX_CLASS_BOOL: return extend_zero(e, x, int_type(e, part_bits(to)));
    case NX_CLASS_INT: return int_from_int(e, from, to, x);
    default: return int_from_real(e, from, to, x);
    }
}

/* Parts of complex numbers too. `from` and `to` are no float16. */
static vec real_from(emitter *e, nexpr_dtype from, nexpr_dtype to, vec x) {
    const LLVMTypeRef type = part_type(e, to);
    switch (nx_dtype_class(from)) {
    case NX_CLASS_BOOL: return real_from_unsigned(e, x, type);
    case NX_CLASS_INT: return real_from_int(e, from, x, type);
    default: break;
    }
    const unsigned old = part_bits(from), new = part_bits(to);
    return old == new ? x : old > new ? narrow_real(e, x, type) : widen_real(e, x, type);
}

static vec half_from(emitter *e, nexpr_dtype from, vec x) {
    switch (nx_dtype_class(from)) {
    case NX_CLASS_BOOL: return choose(e, x, int_constant(e, 16, 0x3c00), int_constant(e, 16, 0));
    case NX_CLASS_INT: return half_from_int(e, from, x);
    default: return to_half(e, from == NEXPR_FLOAT64 ? float_to_odd(e, x) : x);
    }
}

value cast_value(emitter *e, nexpr_dtype from, nexpr_dtype to, value x) {
    if (from == to) return x;
    if (from == NEXPR_FLOAT16) {
        x = single(from_half(e, x.part[0]));
        from = NEXPR_FLOAT32;
    }
    if (to == NEXPR_FLOAT16) return single(half_from(e, from, x.part[0]));
    switch (nx_dtype_class(to)) {
    case NX_CLASS_BOOL: return single(bool_from(e, from, x));
    case NX_CLASS_INT: return single(int_from(e, from, to, x.part[0]));
    case NX_CLASS_REAL: return single(real_from(e, from, to, x.part[0]));
    default: break;
    }
    const vec re = real_from(e, from, to, x.part[0]);
    return pair(re, x.part[1] ? real_from(e, from, to, x.part[1]) : zero_like(re));
}

static vec canonical_half(emitter *e, vec bits) {
    const vec magnitude = i_and(e, bits, int_constant(e, 16, 0x7fff));
    return choose(e, u_lt(e, int_constant(e, 16, 0x7c00), magnitude), int_constant(e, 16, 0x7e00), bits);
}

static vec canonical_part(emitter *e, nexpr_dtype dtype, vec x) {
    return choose(e, f_unordered(e, x, x), real_constant(e, dtype, NAN), x);
}

value canonical_value(emitter *e, nexpr_dtype dtype, value x) {
    if (dtype == NEXPR_FLOAT16) return single(canonical_half(e, x.part[0]));
    if (nx_dtype_class(dtype) == NX_CLASS_COMPLEX) {
        return pair(canonical_part(e, dtype, x.part[0]), canonical_part(e, dtype, x.part[1]));
    }
    return is_real(dtype) ? single(canonical_part(e, dtype, x.part[0])) : x;
}
