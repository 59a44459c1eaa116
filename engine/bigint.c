/* SPDX-License-Identifier: MIT */
/*
 * Schoolbook arithmetic on sign and magnitude, 32 bits a limb. Magnitudes are added, subtracted and divided by static
 * functions that know no signs; the public ones add the laws of signs. Two's complement exists only inside the bit
 * operations. Invariants: the highest limb in use is not 0, and 0 is not negative.
 */
#include "engine/bigint.h"

#include <math.h>
#include <string.h>

enum { LIMB_BITS = 32, MANTISSA = 53, LEAST_EXPONENT = -1074 };

static int bit_length(const nx_bigint *x) {
    return x->count ? x->count * LIMB_BITS - __builtin_clz(x->limb[x->count - 1]) : 0;
}

static bool fits(const nx_bigint *x) {
    return bit_length(x) <= NX_BIGINT_BITS;
}

static void trim(nx_bigint *x) {
    while (x->count && !x->limb[x->count - 1]) x->count--;
    if (!x->count) x->negative = false;
}

static nx_bigint from_u64(uint64_t v) {
    nx_bigint r = {.count = 2, .limb = {(uint32_t)v, (uint32_t)(v >> 32)}};
    trim(&r);
    return r;
}

nx_bigint nx_bigint_from_i64(int64_t v) {
    nx_bigint r = from_u64(v < 0 ? -(uint64_t)v : (uint64_t)v);
    r.negative = v < 0;
    return r;
}

/* x = x*factor + addend; the room of x has to suffice. */
static void multiply_add(nx_bigint *x, uint32_t factor, uint32_t addend) {
    uint64_t carry = addend;
    for (int i = 0; i < x->count; i++) {
        carry += (uint64_t)x->limb[i] * factor;
        x->limb[i] = (uint32_t)carry;
        carry >>= LIMB_BITS;
    }
    if (carry) x->limb[x->count++] = (uint32_t)carry;
}

static uint32_t digit_value(char c) {
    if (c <= '9') return (uint32_t)(c - '0');
    return (uint32_t)((c | 0x20) - 'a') + 10;
}

bool nx_bigint_parse(nx_bigint *r, const char *digits, size_t length, int base) {
    *r = (nx_bigint){0};
    uint32_t factor = 1, chunk = 0;
    for (size_t i = 0; i < length; i++) {
        if (digits[i] == '_') continue;
        chunk = chunk * (uint32_t)base + digit_value(digits[i]);
        factor *= (uint32_t)base;
        if (factor < 100000000) continue; /* another digit might not fit a limb */
        multiply_add(r, factor, chunk);
        if (!fits(r)) return false;
        factor = 1;
        chunk = 0;
    }
    multiply_add(r, factor, chunk);
    return fits(r);
}

static uint64_t low64(const nx_bigint *x) {
    return (x->count > 0 ? x->limb[0] : 0) | (x->count > 1 ? (uint64_t)x->limb[1] << 32 : 0);
}

bool nx_bigint_to_i64(const nx_bigint *x, int64_t *ret) {
    uint64_t magnitude = low64(x);
    if (x->count > 2 || magnitude > (uint64_t)INT64_MAX + x->negative) return false;
    *ret = (int64_t)(x->negative ? -magnitude : magnitude);
    return true;
}

bool nx_bigint_to_u64(const nx_bigint *x, uint64_t *ret) {
    if (x->count > 2 || x->negative) return false;
    *ret = low64(x);
    return true;
}

static int compare_magnitude(const nx_bigint *x, const nx_bigint *y) {
    if (x->count != y->count) return x->count < y->count ? -1 : 1;
    for (int i = x->count - 1; i >= 0; i--) {
        if (x->limb[i] != y->limb[i]) return x->limb[i] < y->limb[i] ? -1 : 1;
    }
    return 0;
}

int nx_bigint_compare(const nx_bigint *x, const nx_bigint *y) {
    if (x->negative != y->negative) return x->negative ? -1 : 1;
    int order = compare_magnitude(x, y);
    return x->negative ? -order : order;
}

/* |x| + |y| */
static nx_bigint add_magnitude(const nx_bigint *x, const nx_bigint *y) {
    if (x->count < y->count) return add_magnitude(y, x);
    nx_bigint r = {.count = x->count};
    uint64_t carry = 0;
    for (int i = 0; i < x->count; i++) {
        carry += (uint64_t)x->limb[i] + (i < y->count ? y->limb[i] : 0);
        r.limb[i] = (uint32_t)carry;
        carry >>= LIMB_BITS;
    }
    if (carry) r.limb[r.count++] = 1;
    return r;
}

/* |x| - |y| for |x| >= |y| */
static nx_bigint sub_magnitude(const nx_bigint *x, const nx_bigint *y) {
    nx_bigint r = {.count = x->count};
    int64_t borrow = 0;
    for (int i = 0; i < x->count; i++) {
        borrow += (int64_t)x->limb[i] - (i < y->count ? y->limb[i] : 0);
        r.limb[i] = (uint32_t)borrow;
        borrow >>= LIMB_BITS;
    }
    trim(&r);
    return r;
}

static nx_bigint add_signed(const nx_bigint *x, const nx_bigint *y, bool y_negative) {
    nx_bigint r;
    if (x->negative == y_negative) {
        r = add_magnitude(x, y);
        r.negative = x->negative;
    } else if (compare_magnitude(x, y) >= 0) {
        r = sub_magnitude(x, y);
        r.negative = x->negative;
    } else {
        r = sub_magnitude(y, x);
        r.negative = y_negative;
    }
    trim(&r);
    return r;
}

bool nx_bigint_add(nx_bigint *r, const nx_bigint *x, const nx_bigint *y) {
    *r = add_signed(x, y, y->negative);
    return fits(r);
}

bool nx_bigint_sub(nx_bigint *r, const nx_bigint *x, const nx_bigint *y) {
    *r = add_signed(x, y, !y->negative);
    return fits(r);
}

bool nx_bigint_mul(nx_bigint *r, const nx_bigint *x, const nx_bigint *y) {
    if (bit_length(x) + bit_length(y) > NX_BIGINT_BITS + 1 && x->count && y->count) return false;
    nx_bigint product = {.count = x->count + y->count, .negative = x->negative != y->negative};
    if (!x->count || !y->count) product.count = 0;
    for (int i = 0; i < x->count && product.count; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < y->count; j++) {
            carry += (uint64_t)x->limb[i] * y->limb[j] + product.limb[i + j];
            product.limb[i + j] = (uint32_t)carry;
            carry >>= LIMB_BITS;
        }
        product.limb[i + y->count] = (uint32_t)carry;
    }
    trim(&product);
    *r = product;
    return fits(r);
}

/* |x| << shift, which has to have room. */
static nx_bigint shift_left(const nx_bigint *x, int shift) {
    nx_bigint r = {0};
    if (!x->count) return r;
    int limbs = shift / LIMB_BITS, bits = shift % LIMB_BITS;
    for (int i = 0; i < x->count; i++) r.limb[i + limbs] = x->limb[i] << bits;
    r.count = x->count + limbs;
    if (bits) {
        uint32_t top = x->limb[x->count - 1] >> (LIMB_BITS - bits);
        for (int i = x->count - 1; i > 0; i--) r.limb[i + limbs] |= x->limb[i - 1] >> (LIMB_BITS - bits);
        if (top) r.limb[r.count++] = top;
    }
    return r;
}

/* |x| >> shift, toward 0; *ret_lost (may be NULL) tells whether a bit that was set fell out. */
static nx_bigint shift_right(const nx_bigint *x, uint64_t shift, bool *ret_lost) {
    nx_bigint r = {0};
    bool lost = false;
    uint64_t limbs = shift / LIMB_BITS;
    int bits = (int)(shift % LIMB_BITS);
    for (int i = 0; i < x->count && (uint64_t)i < limbs; i++) lost |= x->limb[i] != 0;
    if ((uint64_t)x->count > limbs) {
        int skip = (int)limbs;
        lost |= (x->limb[skip] & (((uint32_t)1 << bits) - 1)) != 0;
        r.count = x->count - skip;
        for (int i = 0; i < r.count; i++) {
            uint64_t pair = x->limb[i + skip] | (i + 1 < r.count ? (uint64_t)x->limb[i + skip + 1] << LIMB_BITS : 0);
            r.limb[i] = (uint32_t)(pair >> bits);
        }
        trim(&r);
    }
    if (ret_lost) *ret_lost = lost;
    return r;
}

/* x = |x| / divisor, returns the remainder. */
static uint32_t divide_small(nx_bigint *x, uint32_t divisor) {
    uint64_t rest = 0;
    for (int i = x->count - 1; i >= 0; i--) {
        rest = rest << LIMB_BITS | x->limb[i];
        x->limb[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    x->negative = false;
    trim(x);
    return (uint32_t)rest;
}

/* u -= digit * v at u; returns whether it went below 0. */
static bool subtract_multiple(uint32_t *u, const nx_bigint *v, uint32_t digit) {
    uint64_t carry = 0;
    int64_t borrow = 0;
    for (int i = 0; i <= v->count; i++) {
        carry += (uint64_t)digit * (i < v->count ? v->limb[i] : 0);
        borrow += (int64_t)u[i] - (uint32_t)carry;
        u[i] = (uint32_t)borrow;
        carry >>= LIMB_BITS;
        borrow >>= LIMB_BITS;
    }
    return borrow < 0;
}

static void add_back(uint32_t *u, const nx_bigint *v) {
    uint64_t carry = 0;
    for (int i = 0; i <= v->count; i++) {
        carry += (uint64_t)u[i] + (i < v->count ? v->limb[i] : 0);
        u[i] = (uint32_t)carry;
        carry >>= LIMB_BITS;
    }
}

/* The digit of the quotient that the two highest limbs suggest: right, or too large by at most 2 (Knuth, 4.3.1 D3). */
static uint32_t guess_digit(const uint32_t *top, const nx_bigint *v) {
    uint64_t high = v->limb[v->count - 1], next = v->limb[v->count - 2];
    uint64_t pair = (uint64_t)top[0] << LIMB_BITS | top[-1];
    uint64_t digit = pair / high, rest = pair % high;
    while (digit > UINT32_MAX || digit * next > (rest << LIMB_BITS | top[-2])) {
        digit--;
        rest += high;
        if (rest > UINT32_MAX) break;
    }
    return (uint32_t)digit;
}

/* |x| / |y| and |x| % |y| by long division, both scaled so that the divisor's highest bit is set. */
static void divide_magnitude(const nx_bigint *x, const nx_bigint *y, nx_bigint *ret_quotient, nx_bigint *ret_remainder) {
    if (y->count == 1) {
        *ret_quotient = *x;
        *ret_remainder = from_u64(divide_small(ret_quotient, y->limb[0]));
        return;
    }
    int scale = __builtin_clz(y->limb[y->count - 1]);
    nx_bigint u = shift_left(x, scale), v = shift_left(y, scale), q = {0};
    uint32_t rest[NX_BIGINT_LIMBS + 1] = {0};
    memcpy(rest, u.limb, sizeof u.limb);
    for (int i = u.count - v.count; i >= 0; i--) {
        uint32_t digit = guess_digit(rest + i + v.count, &v);
        if (subtract_multiple(rest + i, &v, digit)) {
            add_back(rest + i, &v);
            digit--;
        }
        q.limb[i] = digit;
        if (digit && q.count <= i) q.count = i + 1;
    }
    memcpy(u.limb, rest, sizeof u.limb);
    u.count = NX_BIGINT_LIMBS;
    trim(&u);
    *ret_remainder = shift_right(&u, (uint64_t)scale, NULL);
    *ret_quotient = q;
}

void nx_bigint_divmod(nx_bigint *ret_quotient, nx_bigint *ret_remainder, const nx_bigint *x, const nx_bigint *y) {
    const nx_bigint one = from_u64(1);
    nx_bigint q, r;
    bool signs_differ = x->negative != y->negative, y_negative = y->negative;
    divide_magnitude(x, y, &q, &r);
    if (signs_differ && r.count) { /* floor is one below the quotient of the magnitudes */
        q = add_magnitude(&q, &one);
        r = sub_magnitude(y, &r);
    }
    q.negative = signs_differ && q.count;
    r.negative = y_negative && r.count;
    if (ret_quotient) *ret_quotient = q;
    if (ret_remainder) *ret_remainder = r;
}

bool nx_bigint_pow(nx_bigint *r, const nx_bigint *x, uint64_t exponent) {
    nx_bigint base = *x, power = from_u64(1);
    if (bit_length(&base) <= 1 && exponent > 2) exponent = 2 - exponent % 2; /* 0, 1, -1 */
    if (exponent > NX_BIGINT_BITS) return false;
    for (;;) {
        if (exponent & 1 && !nx_bigint_mul(&power, &power, &base)) return false;
        exponent >>= 1;
        if (!exponent) break;
        if (!nx_bigint_mul(&base, &base, &base)) return false;
    }
    *r = power;
    return true;
}

bool nx_bigint_shl(nx_bigint *r, const nx_bigint *x, uint64_t shift) {
    bool negative = x->negative;
    if (x->count && shift > (uint64_t)(NX_BIGINT_BITS - bit_length(x))) return false;
    *r = shift_left(x, x->count ? (int)shift : 0);
    r->negative = negative;
    return true;
}

void nx_bigint_shr(nx_bigint *r, const nx_bigint *x, uint64_t shift) {
    const nx_bigint one = from_u64(1);
    bool lost, negative = x->negative;
    *r = shift_right(x, shift, &lost);
    if (negative && lost) *r = add_magnitude(r, &one);
    r->negative = negative && r->count;
}

void nx_bigint_negate(nx_bigint *r, const nx_bigint *x) {
    *r = *x;
    r->negative = !x->negative && x->count;
}

void nx_bigint_invert(nx_bigint *r, const nx_bigint *x) {
    const nx_bigint minus_one = nx_bigint_from_i64(-1);
    *r = add_signed(&minus_one, x, !x->negative && x->count);
}

/* Two's complement of NX_BIGINT_LIMBS limbs, to and fro: its negation is its own inverse. */
static void complement(uint32_t limb[NX_BIGINT_LIMBS]) {
    uint64_t carry = 1;
    for (int i = 0; i < NX_BIGINT_LIMBS; i++) {
        carry += (uint32_t)~limb[i];
        limb[i] = (uint32_t)carry;
        carry >>= LIMB_BITS;
    }
}

static void to_complement(uint32_t limb[NX_BIGINT_LIMBS], const nx_bigint *x) {
    memset(limb, 0, NX_BIGINT_LIMBS * sizeof *limb);
    memcpy(limb, x->limb, (size_t)x->count * sizeof *limb);
    if (x->negative) complement(limb);
}

static void from_complement(nx_bigint *r, const uint32_t limb[NX_BIGINT_LIMBS]) {
    memcpy(r->limb, limb, sizeof r->limb);
    r->negative = limb[NX_BIGINT_LIMBS - 1] >> (LIMB_BITS - 1);
    r->count = NX_BIGINT_LIMBS;
    if (r->negative) complement(r->limb);
    trim(r);
}

#define BITWISE(name, OPERATOR)                                                            \
    void nx_bigint_##name(nx_bigint *r, const nx_bigint *x, const nx_bigint *y) {          \
        uint32_t a[NX_BIGINT_LIMBS], b[NX_BIGINT_LIMBS];                                   \
        to_complement(a, x);                                                               \
        to_complement(b, y);                                                               \
        for (int i = 0; i < NX_BIGINT_LIMBS; i++) a[i] = a[i] OPERATOR b[i];               \
        from_complement(r, a);                                                             \
    }
BITWISE(and, &)
BITWISE(or, |)
BITWISE(xor, ^)

/* |x| * 2^exponent, and a little more if sticky, rounded to nearest even. The last bit of a double is worth at least
 * 2^LEAST_EXPONENT, so that subnormal results are rounded once too. */
static double round_to_double(const nx_bigint *x, int exponent, bool sticky) {
    if (!x->count) return 0.0;
    int top = bit_length(x) + exponent;
    if (top > 1024) return INFINITY;
    int last = top - MANTISSA > LEAST_EXPONENT ? top - MANTISSA : LEAST_EXPONENT;
    int drop = last - exponent;
    if (drop <= 0) return ldexp((double)low64(x), exponent);
    bool lost;
    nx_bigint half = shift_right(x, (uint64_t)drop - 1, &lost);
    uint64_t mantissa = low64(&half);
    bool round = mantissa & 1;
    mantissa >>= 1;
    if (round && (lost || sticky || mantissa & 1)) mantissa++;
    return ldexp((double)mantissa, last);
}

double nx_bigint_to_double(const nx_bigint *x) {
    double magnitude = round_to_double(x, 0, false);
    return x->negative ? -magnitude : magnitude;
}

double nx_bigint_true_divide(const nx_bigint *x, const nx_bigint *y) {
    enum { QUOTIENT_BITS = 58 }; /* enough for a mantissa and the bit behind it; the remainder is the rest */
    int shift = QUOTIENT_BITS - (bit_length(x) - bit_length(y));
    nx_bigint a = shift > 0 ? shift_left(x, shift) : *x, b = shift < 0 ? shift_left(y, -shift) : *y, q, r;
    divide_magnitude(&a, &b, &q, &r);
    double magnitude = round_to_double(&q, -shift, r.count != 0);
    return x->negative != y->negative ? -magnitude : magnitude;
}

int nx_bigint_compare_double(const nx_bigint *x, double y) {
    if (isinf(y)) return y > 0 ? -1 : 1;
    double whole = trunc(y);
    int exponent;
    uint64_t mantissa = (uint64_t)ldexp(frexp(fabs(whole), &exponent), MANTISSA);
    nx_bigint m = from_u64(mantissa);
    exponent -= MANTISSA;
    m = exponent >= 0 ? shift_left(&m, exponent) : shift_right(&m, (uint64_t)-exponent, NULL);
    m.negative = whole < 0;
    int order = nx_bigint_compare(x, &m);
    return order ? order : (y < whole) - (y > whole);
}
