/* SPDX-License-Identifier: MIT */
/*
 * The references of real_test.c. A row of `functions` is MPFR's function of the same meaning; 160 bits are enough for every
 * point that a test uses, because MPFR rounds correctly whatever cancels inside. logaddexp has no function of its own
 * there and is computed with the 2200 bits that the widest sum of two float64 needs.
 */
#include "reference.h"

#include <float.h>
#include <math.h>
#include <mpfr.h>

enum { PRECISION = 160, WIDE_PRECISION = 2200 };

typedef int mpfr_function(mpfr_ptr r, mpfr_srcptr x, mpfr_srcptr y);

#define UNARY(name, call) \
    static int name(mpfr_ptr r, mpfr_srcptr x, mpfr_srcptr y) { (void)y; return call(r, x, MPFR_RNDN); }
UNARY(ref_cbrt, mpfr_cbrt)
UNARY(ref_exp, mpfr_exp)
UNARY(ref_exp2, mpfr_exp2)
UNARY(ref_expm1, mpfr_expm1)
UNARY(ref_exp10, mpfr_exp10)
UNARY(ref_log, mpfr_log)
UNARY(ref_log2, mpfr_log2)
UNARY(ref_log10, mpfr_log10)
UNARY(ref_log1p, mpfr_log1p)
UNARY(ref_sin, mpfr_sin)
UNARY(ref_cos, mpfr_cos)
UNARY(ref_tan, mpfr_tan)
UNARY(ref_arcsin, mpfr_asin)
UNARY(ref_arccos, mpfr_acos)
UNARY(ref_arctan, mpfr_atan)
UNARY(ref_sinh, mpfr_sinh)
UNARY(ref_cosh, mpfr_cosh)
UNARY(ref_tanh, mpfr_tanh)
UNARY(ref_arcsinh, mpfr_asinh)
UNARY(ref_arccosh, mpfr_acosh)
UNARY(ref_arctanh, mpfr_atanh)
UNARY(ref_erf, mpfr_erf)
UNARY(ref_erfc, mpfr_erfc)
UNARY(ref_gamma, mpfr_gamma)

#define BINARY(name, call) \
    static int name(mpfr_ptr r, mpfr_srcptr x, mpfr_srcptr y) { return call(r, x, y, MPFR_RNDN); }
BINARY(ref_power, mpfr_pow)
BINARY(ref_hypot, mpfr_hypot)
BINARY(ref_arctan2, mpfr_atan2)

/* p is how much of the normal distribution is below r: Newton's method on the logarithm of the smaller side. */
static int ref_ndtri(mpfr_ptr r, mpfr_srcptr p, mpfr_srcptr y) {
    mpfr_t side, goal, q, step;
    (void)y;
    if (mpfr_nan_p(p) || mpfr_cmp_si(p, 0) < 0 || mpfr_cmp_si(p, 1) > 0) return mpfr_set_nan(r), 0;
    const bool is_upper = mpfr_cmp_d(p, 0.5) > 0;
    mpfr_inits2(PRECISION, side, goal, q, step, (mpfr_ptr)NULL);
    if (is_upper) mpfr_ui_sub(side, 1, p, MPFR_RNDN);
    else mpfr_set(side, p, MPFR_RNDN);
    mpfr_log(goal, side, MPFR_RNDN);
    mpfr_mul_si(r, goal, -2, MPFR_RNDN);
    mpfr_sqrt(r, r, MPFR_RNDN);
    for (int i = 0; i < 40 && !mpfr_zero_p(side); i++) {
        mpfr_sqrt_ui(step, 2, MPFR_RNDN);
        mpfr_div(q, r, step, MPFR_RNDN);
        mpfr_erfc(q, q, MPFR_RNDN); /* twice what is beyond r */
        mpfr_sqr(step, r, MPFR_RNDN);
        mpfr_div_si(step, step, -2, MPFR_RNDN);
        mpfr_exp(step, step, MPFR_RNDN); /* sqrt(2*pi) times the density */
        mpfr_div(step, q, step, MPFR_RNDN);
        mpfr_div_ui(q, q, 2, MPFR_RNDN);
        mpfr_log(q, q, MPFR_RNDN);
        mpfr_sub(q, q, goal, MPFR_RNDN);
        mpfr_mul(step, step, q, MPFR_RNDN);
        mpfr_const_pi(q, MPFR_RNDN);
        mpfr_div_ui(q, q, 2, MPFR_RNDN);
        mpfr_sqrt(q, q, MPFR_RNDN);
        mpfr_mul(step, step, q, MPFR_RNDN);
        mpfr_add(r, r, step, MPFR_RNDN);
        if (mpfr_zero_p(step) || mpfr_zero_p(r) || mpfr_get_exp(step) < mpfr_get_exp(r) - 70) break;
    }
    if (mpfr_zero_p(side)) mpfr_set_inf(r, 1);
    if (mpfr_cmp_d(p, 0.5) == 0) mpfr_set_zero(r, -1);
    if (!is_upper) mpfr_neg(r, r, MPFR_RNDN);
    mpfr_clears(side, goal, q, step, (mpfr_ptr)NULL);
    return 0;
}

static int ref_lgamma(mpfr_ptr r, mpfr_srcptr x, mpfr_srcptr y) {
    int sign;
    (void)y;
    return mpfr_lgamma(r, &sign, x, MPFR_RNDN);
}

/* max + log(1 + exp(min - max)) in whichever base. */
static int add_exponentials(mpfr_ptr r, mpfr_srcptr x, mpfr_srcptr y, bool base2) {
    mpfr_t d;
    if (mpfr_equal_p(x, y) && mpfr_inf_p(x)) return mpfr_set(r, x, MPFR_RNDN);
    mpfr_init2(d, WIDE_PRECISION);
    mpfr_sub(d, x, y, MPFR_RNDN);
    mpfr_abs(d, d, MPFR_RNDN);
    mpfr_neg(d, d, MPFR_RNDN);
    mpfr_set_prec(r, PRECISION);
    (base2 ? mpfr_exp2 : mpfr_exp)(r, d, MPFR_RNDN);
    mpfr_log1p(r, r, MPFR_RNDN);
    if (base2) {
        mpfr_t ln2;
        mpfr_init2(ln2, PRECISION);
        mpfr_const_log2(ln2, MPFR_RNDN);
        mpfr_div(r, r, ln2, MPFR_RNDN);
        mpfr_clear(ln2);
    }
    if (mpfr_nan_p(x) || mpfr_nan_p(y)) {
        mpfr_set_nan(d);
    } else {
        mpfr_max(d, x, y, MPFR_RNDN);
    }
    mpfr_add(d, d, r, MPFR_RNDN);
    mpfr_set(r, d, MPFR_RNDN);
    mpfr_clear(d);
    return 0;
}

static int ref_logaddexp(mpfr_ptr r, mpfr_srcptr x, mpfr_srcptr y) {
    return add_exponentials(r, x, y, false);
}

static int ref_logaddexp2(mpfr_ptr r, mpfr_srcptr x, mpfr_srcptr y) {
    return add_exponentials(r, x, y, true);
}

/* Ops that are exact have no function of MPFR's. */
#define ref_floor_divide NULL
#define ref_remainder NULL
#define ref_fmod NULL

#define ROW_NONE(id)
#define ROW_C(id)
#define ROW_F(id) [NX_OP_##id] = ref_##id,
#define ROW_FC(id) [NX_OP_##id] = ref_##id,
static mpfr_function *const functions[NX_OP_COUNT] = {
#define OP(id, group, names, syntax, sig, domain, promote, meaning, math, ...) ROW_##math(id)
#include "engine/ops.def"
};

bool reference_has(nx_op op) {
    return functions[op] || op == NX_OP_floor_divide || op == NX_OP_remainder || op == NX_OP_fmod;
}

/* Log2 of the unit in the last place of ref. */
static long ulp_exponent(nexpr_dtype dtype, mpfr_srcptr ref) {
    int digits = dtype == NEXPR_FLOAT32 ? FLT_MANT_DIG : DBL_MANT_DIG;
    int least = dtype == NEXPR_FLOAT32 ? FLT_MIN_EXP : DBL_MIN_EXP;
    int most = dtype == NEXPR_FLOAT32 ? FLT_MAX_EXP : DBL_MAX_EXP;
    long exponent = mpfr_zero_p(ref) ? least : (long)mpfr_get_exp(ref);
    exponent = exponent < least ? least : exponent > most ? most : exponent;
    return exponent - digits;
}

static void set_extended(mpfr_ptr r, nexpr_dtype dtype, double got) {
    if (isinf(got)) {
        mpfr_set_si_2exp(r, got < 0 ? -1 : 1, dtype == NEXPR_FLOAT32 ? FLT_MAX_EXP : DBL_MAX_EXP, MPFR_RNDN);
    } else {
        mpfr_set_d(r, got, MPFR_RNDN);
    }
}

double reference_error(nx_op op, nexpr_dtype dtype, double x, double y, double got, double *ret_absolute) {
    mpfr_t mx, my, ref, value;
    mpfr_init2(mx, 53);
    mpfr_init2(my, 53);
    mpfr_init2(ref, PRECISION);
    mpfr_init2(value, PRECISION);
    mpfr_set_d(mx, x, MPFR_RNDN);
    mpfr_set_d(my, y, MPFR_RNDN);
    functions[op](ref, mx, my);
    double error, absolute = 0;
    if (mpfr_nan_p(ref) || isnan(got)) {
        error = mpfr_nan_p(ref) && isnan(got) ? 0 : INFINITY;
    } else if (mpfr_inf_p(ref)) {
        error = mpfr_get_d(ref, MPFR_RNDN) == got ? 0 : INFINITY;
    } else {
        long ulp = ulp_exponent(dtype, ref);
        set_extended(value, dtype, got);
        /* Beyond the largest value only the infinity is right. */
        bool beyond = isinf(got) && mpfr_cmpabs(ref, value) >= 0 && mpfr_signbit(ref) == mpfr_signbit(value);
        mpfr_sub(value, value, ref, MPFR_RNDN);
        absolute = beyond ? 0 : fabs(mpfr_get_d(value, MPFR_RNDN));
        mpfr_div_2si(value, value, ulp, MPFR_RNDN);
        error = beyond ? 0 : fabs(mpfr_get_d(value, MPFR_RNDN));
    }
    /* A zero has the sign of what it stands for; but the sum of opposite numbers is +0. */
    bool is_sum = op == NX_OP_logaddexp || op == NX_OP_logaddexp2;
    if (got == 0 && !is_sum && mpfr_signbit(ref) != (signbit(got) != 0)) error = INFINITY;
    if (ret_absolute) *ret_absolute = isinf(error) ? INFINITY : absolute;
    mpfr_clears(mx, my, ref, value, (mpfr_ptr)0);
    return error;
}

#define T double
#define NAME(name) name##_f64
#define LIBM(name) name
#include "reference_mod.h"
#undef T
#undef NAME
#undef LIBM
#define T float
#define NAME(name) name##_f32
#define LIBM(name) name##f
#include "reference_mod.h"

void reference_free(void) {
    mpfr_free_cache();
}
