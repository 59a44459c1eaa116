/* SPDX-License-Identifier: MIT */
/*
 * Integers of Python's kind, for literals: exact, signed, up to NX_BIGINT_BITS bits. Values, no allocation.
 * Functions that can exceed the limit return false then, and *r is undefined. r may be one of the operands.
 */
#ifndef NX_ENGINE_BIGINT_H
#define NX_ENGINE_BIGINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NX_BIGINT_LIMBS = 68, NX_BIGINT_BITS = 2048 }; /* room to divide; a magnitude has at most 2048 bits */

typedef struct nx_bigint {
    bool negative;                   /* never for 0 */
    int count;                       /* limbs in use; 0 for 0; the highest is not 0 */
    uint32_t limb[NX_BIGINT_LIMBS];  /* least significant first */
} nx_bigint;

nx_bigint nx_bigint_from_i64(int64_t v);
/* Digits of base 2, 8, 10 or 16, underscores skipped. */
bool nx_bigint_parse(nx_bigint *r, const char *digits, size_t length, int base);
/* Whether it fits, and then its value. */
bool nx_bigint_to_i64(const nx_bigint *x, int64_t *ret);
bool nx_bigint_to_u64(const nx_bigint *x, uint64_t *ret);
/* Correctly rounded to nearest even; +-inf if too large. */
double nx_bigint_to_double(const nx_bigint *x);
/* x / y for y != 0, correctly rounded as Python's int / int; +-inf if too large. */
double nx_bigint_true_divide(const nx_bigint *x, const nx_bigint *y);
int nx_bigint_compare(const nx_bigint *x, const nx_bigint *y); /* <0, 0, >0 */
/* Compares with a double that is not NaN, exactly. */
int nx_bigint_compare_double(const nx_bigint *x, double y);

bool nx_bigint_add(nx_bigint *r, const nx_bigint *x, const nx_bigint *y);
bool nx_bigint_sub(nx_bigint *r, const nx_bigint *x, const nx_bigint *y);
bool nx_bigint_mul(nx_bigint *r, const nx_bigint *x, const nx_bigint *y);
/* Floor quotient and remainder with the divisor's sign; y != 0. Either result may be NULL. */
void nx_bigint_divmod(nx_bigint *ret_quotient, nx_bigint *ret_remainder, const nx_bigint *x, const nx_bigint *y);
bool nx_bigint_pow(nx_bigint *r, const nx_bigint *x, uint64_t exponent);
/* shift >= 0; shr fills with the sign (floor). */
bool nx_bigint_shl(nx_bigint *r, const nx_bigint *x, uint64_t shift);
void nx_bigint_shr(nx_bigint *r, const nx_bigint *x, uint64_t shift);
/* As on infinite two's complement. */
void nx_bigint_and(nx_bigint *r, const nx_bigint *x, const nx_bigint *y);
void nx_bigint_or(nx_bigint *r, const nx_bigint *x, const nx_bigint *y);
void nx_bigint_xor(nx_bigint *r, const nx_bigint *x, const nx_bigint *y);
void nx_bigint_invert(nx_bigint *r, const nx_bigint *x);
void nx_bigint_negate(nx_bigint *r, const nx_bigint *x);

#endif
