/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic of literals as CPython does it: bool is an int, int with float is computed in float, either with complex in
 * complex, and whatever raises there fails here. Each kind has one function per arity, which gets operands that already
 * have its kind. Values as elements are rounded once from the double, as NumPy rounds a Python number.
 */
#include "engine/literal.h"

#include "engine/float_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct complex_value {
    double re, im;
} complex_value;

/* Where errors go. */
typedef struct place {
    nx_span span;
    nexpr_error *err;
    nx_op op;
} place;

static const char *const kind_names[] = {"bool", "int", "float", "complex"};

static nx_literal make_bool(bool v) {
    return (nx_literal){.kind = NX_LITERAL_BOOL, .integer = nx_bigint_from_i64(v)};
}

static nx_literal make_float(double v) {
    return (nx_literal){.kind = NX_LITERAL_FLOAT, .re = v};
}

static nx_literal make_complex(complex_value v) {
    return (nx_literal){.kind = NX_LITERAL_COMPLEX, .re = v.re, .im = v.im};
}

static bool is_integer(const nx_literal *x) {
    return x->kind <= NX_LITERAL_INT;
}

static bool is_true(const nx_literal *x) {
    return is_integer(x) ? x->integer.count != 0 : x->re != 0 || x->im != 0;
}

static nexpr_status fail_zero(const place *at) {
    return nx_fail(at->err, NEXPR_VALUE, at->span, "division of a literal by zero");
}

static nexpr_status fail_large(const place *at) {
    return nx_fail(at->err, NEXPR_VALUE, at->span, "the integer has more than %d bits", NX_BIGINT_BITS);
}

static nexpr_status fail_overflow(const place *at) {
    return nx_fail(at->err, NEXPR_VALUE, at->span, "the float result is too large");
}

static nexpr_status fail_kinds(const place *at, const nx_literal *x, const nx_literal *y) {
    return nx_fail(at->err, NEXPR_TYPE, at->span, "'%s' is not defined for %s%s%s", nx_op_rows[at->op].spelling,
                   kind_names[x->kind], y ? " and " : "", y ? kind_names[y->kind] : "");
}

/* An int or float as a double. */
static nexpr_status to_double(const place *at, const nx_literal *x, double *ret) {
    *ret = is_integer(x) ? nx_bigint_to_double(&x->integer) : x->re;
    if (is_integer(x) && isinf(*ret)) {
        return nx_fail(at->err, NEXPR_VALUE, at->span, "the integer is too large to become a float");
    }
    return NEXPR_OK;
}

/* --------------------------------------------------------------------------------------------------------- float -- */

static bool is_odd(double v) {
    return fmod(fabs(v), 2.0) == 1.0;
}

static double float_mod(double x, double y) {
    double mod = fmod(x, y);
    if (mod == 0) return copysign(0.0, y);
    return (mod < 0) != (y < 0) ? mod + y : mod;
}

static double float_floor_divide(double x, double y) {
    double mod = fmod(x, y), div = (x - mod) / y;
    if (mod != 0 && (mod < 0) != (y < 0)) div -= 1.0;
    if (div == 0) return copysign(0.0, x / y);
    double whole = floor(div);
    return div - whole > 0.5 ? whole + 1.0 : whole;
}

/* x ** y for x not negative and finite, or with a whole y; the edges are Python's, whatever libm makes of them. */
static nexpr_status float_pow(const place *at, double x, double y, double *ret) {
    if (y == 0 || x == 1.0) return *ret = 1.0, NEXPR_OK;
    if (isnan(x) || isnan(y)) return *ret = isnan(x) ? x : y, NEXPR_OK;
    if (isinf(y)) {
        double base = fabs(x);
        *ret = base == 1.0 ? 1.0 : (y > 0) == (base > 1.0) ? INFINITY : 0.0;
        return NEXPR_OK;
    }
    bool negate = x < 0 && is_odd(y);
    if (isinf(x) || x == 0) {
        if (x == 0 && y < 0) return nx_fail(at->err, NEXPR_VALUE, at->span, "0 cannot be raised to a negative power");
        double magnitude = (x != 0) == (y > 0) ? INFINITY : 0.0;
        *ret = is_odd(y) ? copysign(magnitude, x) : magnitude;
        return NEXPR_OK;
    }
    double power = pow(fabs(x), y);
    if (isinf(power)) return fail_overflow(at);
    *ret = negate ? -power : power;
    return NEXPR_OK;
}

static nexpr_status complex_binary(const place *at, complex_value x, complex_value y, nx_literal *ret);

static nexpr_status float_binary(const place *at, double x, double y, nx_literal *ret) {
    double r = 0;
    switch (at->op) {
    case NX_OP_add: r = x + y; break;
    case NX_OP_subtract: r = x - y; break;
    case NX_OP_multiply: r = x * y; break;
    case NX_OP_divide:
        if (y == 0) return fail_zero(at);
        r = x / y;
        break;
    case NX_OP_floor_divide:
        if (y == 0) return fail_zero(at);
        r = float_floor_divide(x, y);
        break;
    case NX_OP_remainder:
        if (y == 0) return fail_zero(at);
        r = float_mod(x, y);
        break;
    case NX_OP_power:
        if (x < 0 && isfinite(x) && isfinite(y) && y != floor(y)) {
            return complex_binary(at, (complex_value){x, 0}, (complex_value){y, 0}, ret);
        }
        NX_TRY(float_pow(at, x, y, &r));
        break;
    default: {
        nx_literal kind = make_float(0);
        return fail_kinds(at, &kind, &kind);
    }
    }
    *ret = make_float(r);
    return NEXPR_OK;
}

/* ------------------------------------------------------------------------------------------------------- complex -- */

static complex_value complex_multiply(complex_value x, complex_value y) {
    return (complex_value){x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re};
}

/* Smith's quotient: divides by the greater part of y first; y != 0. */
static complex_value complex_divide(complex_value x, complex_value y) {
    if (fabs(y.re) >= fabs(y.im)) {
        double ratio = y.im / y.re, scale = y.re + y.im * ratio;
        return (complex_value){(x.re + x.im * ratio) / scale, (x.im - x.re * ratio) / scale};
    }
    if (fabs(y.im) >= fabs(y.re)) {
        double ratio = y.re / y.im, scale = y.re * ratio + y.im;
        return (complex_value){(x.re * ratio + x.im) / scale, (x.im * ratio - x.re) / scale};
    }
    return (complex_value){NAN, NAN};
}

static bool is_complex_zero(complex_value x) {
    return x.re == 0 && x.im == 0;
}

/* x ** n for n > 0 by squaring; the first factor is 1, which settles the signs of zeros. */
static complex_value complex_power_whole(complex_value x, int n) {
    complex_value r = {1, 0};
    for (;; x = complex_multiply(x, x)) {
        if (n & 1) r = complex_multiply(r, x);
        n >>= 1;
        if (!n) return r;
    }
}

static nexpr_status complex_power_polar(const place *at, complex_value x, complex_value y, complex_value *ret) {
    double modulus = hypot(x.re, x.im), angle = atan2(x.im, x.re);
    double length = pow(modulus, y.re), phase = angle * y.re;
    if (y.im != 0) {
        length /= exp(angle * y.im);
        phase += y.im * log(modulus);
    }
    if (isinf(phase)) return nx_fail(at->err, NEXPR_VALUE, at->span, "the complex power of an infinite phase is undefined");
    *ret = (complex_value){length * cos(phase), length * sin(phase)};
    return NEXPR_OK;
}

static nexpr_status complex_power(const place *at, complex_value x, complex_value y, complex_value *ret) {
    enum { LARGEST_WHOLE = 100 };
    if (is_complex_zero(y)) return *ret = (complex_value){1, 0}, NEXPR_OK;
    if (is_complex_zero(x) && (y.im != 0 || y.re < 0)) {
        return nx_fail(at->err, NEXPR_VALUE, at->span, "0 cannot be raised to a negative or complex power");
    }
    if (y.im == 0 && y.re == floor(y.re) && fabs(y.re) <= LARGEST_WHOLE) {
        complex_value power = complex_power_whole(x, (int)fabs(y.re));
        if (y.re < 0 && is_complex_zero(power)) return fail_zero(at);
        *ret = y.re > 0 ? power : complex_divide((complex_value){1, 0}, power);
    } else if (is_complex_zero(x)) {
        *ret = (complex_value){0, 0};
    } else {
        NX_TRY(complex_power_polar(at, x, y, ret));
    }
    if (isinf(ret->re) || isinf(ret->im)) return fail_overflow(at);
    return NEXPR_OK;
}

static nexpr_status complex_binary(const place *at, complex_value x, complex_value y, nx_literal *ret) {
    complex_value r = {0, 0};
    switch (at->op) {
    case NX_OP_add: r = (complex_value){x.re + y.re, x.im + y.im}; break;
    case NX_OP_subtract: r = (complex_value){x.re - y.re, x.im - y.im}; break;
    case NX_OP_multiply: r = complex_multiply(x, y); break;
    case NX_OP_divide:
        if (is_complex_zero(y)) return fail_zero(at);
        r = complex_divide(x, y);
        break;
    case NX_OP_power: NX_TRY(complex_power(at, x, y, &r)); break;
    default: return NEXPR_TYPE; /* fail_kinds was asked before */
    }
    *ret = make_complex(r);
    return NEXPR_OK;
}

/* ------------------------------------------------------------------------------------------------------- integer -- */

/* Any shift by more than the largest integer has bits is the same. */
static nexpr_status shift_count(const place *at, const nx_bigint *y, uint64_t *ret) {
    if (y->negative) return nx_fail(at->err, NEXPR_VALUE, at->span, "a literal is shifted by a negative count");
    if (!nx_bigint_to_u64(y, ret)) *ret = UINT64_MAX;
    return NEXPR_OK;
}

static nexpr_status integer_shift(const place *at, const nx_bigint *x, const nx_bigint *y, nx_bigint *r) {
    uint64_t shift;
    NX_TRY(shift_count(at, y, &shift));
    if (at->op == NX_OP_right_shift) nx_bigint_shr(r, x, shift);
    else if (!nx_bigint_shl(r, x, shift)) return fail_large(at);
    return NEXPR_OK;
}

static nexpr_status integer_divide(const place *at, const nx_bigint *x, const nx_bigint *y, nx_literal *ret) {
    if (!y->count) return fail_zero(at);
    if (at->op == NX_OP_floor_divide) {
        nx_bigint_divmod(&ret->integer, NULL, x, y);
    } else if (at->op == NX_OP_remainder) {
        nx_bigint_divmod(NULL, &ret->integer, x, y);
    } else {
        *ret = make_float(nx_bigint_true_divide(x, y));
        if (isinf(ret->re)) return fail_overflow(at);
    }
    return NEXPR_OK;
}

static nexpr_status integer_power(const place *at, const nx_literal *x, const nx_literal *y, nx_literal *ret) {
    if (y->integer.negative) {
        double base, exponent;
        NX_TRY(to_double(at, x, &base));
        NX_TRY(to_double(at, y, &exponent));
        return float_binary(at, base, exponent, ret);
    }
    uint64_t exponent;
    /* Beyond 64 bits only whether it is odd matters. */
    if (!nx_bigint_to_u64(&y->integer, &exponent)) exponent = UINT64_MAX - 1 + (y->integer.limb[0] & 1);
    return nx_bigint_pow(&ret->integer, &x->integer, exponent) ? NEXPR_OK : fail_large(at);
}

static nexpr_status integer_binary(const place *at, const nx_literal *x, const nx_literal *y, nx_literal *ret) {
    const nx_bigint *a = &x->integer, *b = &y->integer;
    nx_bigint *r = &ret->integer;
    bool fits = true, both_bool = x->kind == NX_LITERAL_BOOL && y->kind == NX_LITERAL_BOOL;
    *ret = (nx_literal){.kind = NX_LITERAL_INT};
    switch (at->op) {
    case NX_OP_add: fits = nx_bigint_add(r, a, b); break;
    case NX_OP_subtract: fits = nx_bigint_sub(r, a, b); break;
    case NX_OP_multiply: fits = nx_bigint_mul(r, a, b); break;
    case NX_OP_divide:
    case NX_OP_floor_divide:
    case NX_OP_remainder: return integer_divide(at, a, b, ret);
    case NX_OP_power: return integer_power(at, x, y, ret);
    case NX_OP_left_shift:
    case NX_OP_right_shift: return integer_shift(at, a, b, r);
    case NX_OP_bitwise_and: nx_bigint_and(r, a, b); break;
    case NX_OP_bitwise_or: nx_bigint_or(r, a, b); break;
    default: nx_bigint_xor(r, a, b); break;
    }
    bool bitwise = at->op == NX_OP_bitwise_and || at->op == NX_OP_bitwise_or || at->op == NX_OP_bitwise_xor;
    if (bitwise && both_bool) ret->kind = NX_LITERAL_BOOL;
    /* Bit operations on two negatives may need one bit more than either. */
    return fits && r->count * 32 <= NX_BIGINT_BITS ? NEXPR_OK : fail_large(at);
}

/* ---------------------------------------------------------------------------------------------- kinds of operators -- */

static bool has_complex(nx_op op) {
    return nx_op_rows[op].domain & NX_DOMAIN_C;
}

static bool has_float(nx_op op) {
    return nx_op_rows[op].domain & NX_DOMAIN_F;
}

static nexpr_status binary(const place *at, const nx_literal *x, const nx_literal *y, nx_literal *ret) {
    nx_literal_kind kind = x->kind > y->kind ? x->kind : y->kind;
    if (kind <= NX_LITERAL_INT) return integer_binary(at, x, y, ret);
    if (kind == NX_LITERAL_FLOAT ? !has_float(at->op) : !has_complex(at->op)) return fail_kinds(at, x, y);
    double a, b;
    NX_TRY(to_double(at, x, &a));
    NX_TRY(to_double(at, y, &b));
    if (kind == NX_LITERAL_FLOAT) return float_binary(at, a, b, ret);
    return complex_binary(at, (complex_value){a, x->im}, (complex_value){b, y->im}, ret);
}

static nexpr_status unary(const place *at, const nx_literal *x, nx_literal *ret) {
    *ret = *x;
    if (is_integer(x)) {
        ret->kind = NX_LITERAL_INT;
        if (at->op == NX_OP_negative) nx_bigint_negate(&ret->integer, &x->integer);
        if (at->op == NX_OP_invert) nx_bigint_invert(&ret->integer, &x->integer);
        return ret->integer.count * 32 <= NX_BIGINT_BITS ? NEXPR_OK : fail_large(at);
    }
    if (at->op == NX_OP_invert) return fail_kinds(at, x, NULL);
    if (at->op == NX_OP_negative) {
        ret->re = -x->re;
        if (x->kind == NX_LITERAL_COMPLEX) ret->im = -x->im;
    }
    return NEXPR_OK;
}

enum { UNORDERED = 2 };

/* -1, 0, 1 or UNORDERED, exactly; real numbers only. */
static int compare_real(const nx_literal *x, const nx_literal *y) {
    if (is_integer(x) && is_integer(y)) return nx_bigint_compare(&x->integer, &y->integer);
    if ((!is_integer(x) && isnan(x->re)) || (!is_integer(y) && isnan(y->re))) return UNORDERED;
    if (is_integer(x)) return nx_bigint_compare_double(&x->integer, y->re);
    if (is_integer(y)) return -nx_bigint_compare_double(&y->integer, x->re);
    return (x->re > y->re) - (x->re < y->re);
}

static nexpr_status compare(const place *at, const nx_literal *x, const nx_literal *y, nx_literal *ret) {
    int order;
    if (x->kind == NX_LITERAL_COMPLEX || y->kind == NX_LITERAL_COMPLEX) {
        if (at->op != NX_OP_equal && at->op != NX_OP_not_equal) return fail_kinds(at, x, y);
        nx_literal a = *x, b = *y;
        if (a.kind == NX_LITERAL_COMPLEX) a.kind = NX_LITERAL_FLOAT;
        if (b.kind == NX_LITERAL_COMPLEX) b.kind = NX_LITERAL_FLOAT;
        order = x->im == y->im ? compare_real(&a, &b) : UNORDERED;
    } else {
        order = compare_real(x, y);
    }
    switch (at->op) {
    case NX_OP_equal: *ret = make_bool(order == 0); break;
    case NX_OP_not_equal: *ret = make_bool(order != 0); break;
    case NX_OP_less: *ret = make_bool(order < 0); break;
    case NX_OP_less_equal: *ret = make_bool(order <= 0); break;
    case NX_OP_greater: *ret = make_bool(order == 1); break;
    default: *ret = make_bool(order == 0 || order == 1); break;
    }
    return NEXPR_OK;
}

/* x.real and x.imag; a bool's are ints. */
static nx_literal part(const nx_literal *x, bool imaginary) {
    if (x->kind == NX_LITERAL_COMPLEX) return make_float(imaginary ? x->im : x->re);
    if (x->kind == NX_LITERAL_FLOAT) return make_float(imaginary ? 0.0 : x->re);
    nx_literal r = {.kind = NX_LITERAL_INT};
    if (!imaginary) r.integer = x->integer;
    return r;
}

nexpr_status nx_literal_apply(nx_op op, const nx_literal *args, int arity, nx_span span, nx_literal *ret, nexpr_error *err) {
    const place at = {.span = span, .err = err, .op = op};
    nx_literal r;
    switch (op) {
    case NX_OP_logical_and: r = make_bool(is_true(&args[0]) && is_true(&args[1])); break;
    case NX_OP_logical_or: r = make_bool(is_true(&args[0]) || is_true(&args[1])); break;
    case NX_OP_logical_xor: r = make_bool(is_true(&args[0]) != is_true(&args[1])); break;
    case NX_OP_logical_not: r = make_bool(!is_true(&args[0])); break;
    case NX_OP_where: r = is_true(&args[0]) ? args[1] : args[2]; break;
    case NX_OP_real: r = part(&args[0], false); break;
    case NX_OP_imag: r = part(&args[0], true); break;
    default:
        if (!nx_op_rows[op].spelling[0]) {
            char name[NX_NAME_MAX];
            return nx_fail(err, NEXPR_TYPE, span, "'%s' is no operator on literals", nx_op_name(op, name));
        }
        if (nx_op_rows[op].promote == NX_PROMOTE_COMPARE) NX_TRY(compare(&at, &args[0], &args[1], &r));
        else if (arity == 1) NX_TRY(unary(&at, &args[0], &r));
        else NX_TRY(binary(&at, &args[0], &args[1], &r));
    }
    *ret = r;
    return NEXPR_OK;
}

/* ------------------------------------------------------------------------------------------------------- elements -- */

/* Range of an integer dtype: its least value, negated, and its greatest one. */
static void integer_range(nexpr_dtype dtype, uint64_t *ret_below, uint64_t *ret_above) {
    int bits = (int)nexpr_dtype_size(dtype) * 8;
    uint64_t all = UINT64_MAX >> (64 - bits);
    *ret_above = nx_dtype_is_signed(dtype) ? all >> 1 : all;
    *ret_below = nx_dtype_is_signed(dtype) ? (all >> 1) + 1 : 0;
}

int nx_literal_range(const nx_literal *literal, nexpr_dtype dtype) {
    uint64_t below, above, magnitude;
    nx_bigint absolute = literal->integer;
    absolute.negative = false;
    integer_range(dtype, &below, &above);
    bool inside = nx_bigint_to_u64(&absolute, &magnitude) && magnitude <= (literal->integer.negative ? below : above);
    return inside ? 0 : literal->integer.negative ? -1 : 1;
}

static nexpr_status fail_range(const place *at, const nx_literal *literal, nexpr_dtype dtype) {
    char text[64];
    uint64_t below, above;
    integer_range(dtype, &below, &above);
    return nx_fail(at->err, NEXPR_VALUE, at->span, "%s does not fit %s, which goes from %s%llu to %llu",
                   nx_literal_text(literal, text, sizeof text), nexpr_dtype_name(dtype), below ? "-" : "",
                   (unsigned long long)below, (unsigned long long)above);
}

/* Half precision: 11 bits, least exponent -24; rounded to nearest even in one step. */
static uint16_t to_half(double v) {
    const uint16_t sign = signbit(v) ? 0x8000 : 0;
    const double magnitude = fabs(v);
    int exponent;
    frexp(magnitude, &exponent); /* 2^(exponent-1) <= magnitude */
    if (magnitude >= 65520.0) return sign | 0x7C00;
    if (exponent < -13 || magnitude == 0) exponent = -13; /* subnormal: the last bit is 2^-24 */
    uint16_t mantissa = (uint16_t)nearbyint(ldexp(magnitude, 11 - exponent));
    /* A normal mantissa has bit 10 set, which adds 1 to the exponent's field; so does a carry out of rounding. */
    return (uint16_t)(sign | (((exponent + 13) << 10) + mantissa));
}

static void store_float(double v, nexpr_dtype dtype, int index, nx_value *ret) {
    switch (dtype) {
    case NEXPR_FLOAT16: ret->f16 = isnan(v) ? 0x7E00 : to_half(v); break;
    case NEXPR_FLOAT32:
    case NEXPR_COMPLEX64: ret->c64[index] = isnan(v) ? (float)NAN : (float)v; break;
    default: ret->c128[index] = isnan(v) ? (double)NAN : v; break;
    }
}

static void store_integer(uint64_t v, nexpr_dtype dtype, nx_value *ret) {
    switch (nexpr_dtype_size(dtype)) {
    case 1: ret->u8 = (uint8_t)v; break;
    case 2: ret->u16 = (uint16_t)v; break;
    case 4: ret->u32 = (uint32_t)v; break;
    default: ret->u64 = v; break;
    }
}

static nexpr_status integer_to_value(const place *at, const nx_literal *literal, nexpr_dtype dtype, nx_value *ret) {
    if (nx_literal_range(literal, dtype)) return fail_range(at, literal, dtype);
    uint64_t magnitude;
    nx_bigint absolute = literal->integer;
    absolute.negative = false;
    nx_bigint_to_u64(&absolute, &magnitude);
    store_integer(literal->integer.negative ? -magnitude : magnitude, dtype, ret);
    return NEXPR_OK;
}

nexpr_status nx_literal_to_value(const nx_literal *literal, nexpr_dtype dtype, nx_span span, nx_value *ret,
                                 nexpr_error *err) {
    const place at = {.span = span, .err = err};
    const nx_class class = nx_dtype_class(dtype);
    nx_value value = {.bits = {0, 0}};
    if ((int)literal->kind > (int)class) {
        return nx_fail(err, NEXPR_TYPE, span, "a %s literal has no value in %s", kind_names[literal->kind],
                       nexpr_dtype_name(dtype));
    }
    if (class == NX_CLASS_BOOL) {
        value.b = literal->integer.count != 0;
    } else if (class == NX_CLASS_INT) {
        NX_TRY(integer_to_value(&at, literal, dtype, &value));
    } else {
        double re;
        NX_TRY(to_double(&at, literal, &re));
        store_float(re, dtype, 0, &value);
        if (class == NX_CLASS_COMPLEX) store_float(literal->im, dtype, 1, &value);
    }
    *ret = value;
    return NEXPR_OK;
}

nexpr_dtype nx_literal_dtype(const nx_literal *literal) {
    static const nexpr_dtype dtypes[] = {NEXPR_BOOL, NEXPR_INT64, NEXPR_FLOAT64, NEXPR_COMPLEX128};
    return dtypes[literal->kind];
}

/* ----------------------------------------------------------------------------------------------------------- text -- */

enum { DECIMAL_DIGITS = 640 }; /* of the largest integer: 617 */

static const char *integer_text(const nx_bigint *x, char buffer[DECIMAL_DIGITS]) {
    const nx_bigint billion = nx_bigint_from_i64(1000000000);
    nx_bigint rest = *x, chunk;
    int begin = DECIMAL_DIGITS - 1;
    buffer[begin] = 0;
    rest.negative = false;
    do {
        nx_bigint_divmod(&rest, &chunk, &rest, &billion);
        uint32_t digits = chunk.count ? chunk.limb[0] : 0;
        for (int i = 0; i < 9 && (rest.count || digits || i == 0); i++, digits /= 10) {
            buffer[--begin] = (char)('0' + digits % 10);
        }
    } while (rest.count);
    if (x->negative) buffer[--begin] = '-';
    return buffer + begin;
}

/* Python leaves out a real part that is +0, and brackets the sum otherwise. */
static void complex_text(double re, double im, char *buffer, size_t capacity) {
    char a[NX_FLOAT_TEXT_MAX], b[NX_FLOAT_TEXT_MAX];
    nx_float_text(re, false, a);
    nx_float_text(im, false, b);
    if (re == 0 && !signbit(re)) snprintf(buffer, capacity, "%sj", b);
    else snprintf(buffer, capacity, "(%s%s%sj)", a, b[0] == '-' ? "" : "+", b);
}

const char *nx_literal_text(const nx_literal *literal, char *buffer, size_t capacity) {
    char text[DECIMAL_DIGITS];
    const char *whole = text;
    switch (literal->kind) {
    case NX_LITERAL_BOOL: whole = literal->integer.count ? "True" : "False"; break;
    case NX_LITERAL_INT: whole = integer_text(&literal->integer, text); break;
    case NX_LITERAL_FLOAT: nx_float_text(literal->re, true, text); break;
    case NX_LITERAL_COMPLEX: complex_text(literal->re, literal->im, text, sizeof text); break;
    }
    if (!capacity) return buffer;
    size_t length = strlen(whole), kept = length < capacity ? length : capacity - 1;
    memcpy(buffer, whole, kept);
    buffer[kept] = 0;
    if (kept < length && kept >= 3) memcpy(buffer + kept - 3, "...", 3);
    return buffer;
}
