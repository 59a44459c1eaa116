/* SPDX-License-Identifier: MIT */
/*
 * A row of ops.def with complex kernels has its function ref_<op> here, correct to nearly REFERENCE_BITS: MPC's own, or
 * composed of MPFR's with as many bits as cancel in between, where MPC takes for ever or loses small parts.
 */
#include "complex_reference.h"

#include "math/complex.h"

/* Enough for the sum of any two float64; twice that for their squares. */
enum { WIDE_BITS = 2200 };

#define UNARY(op, call) \
    static void ref_##op(mpc_ptr r, mpc_srcptr z, mpc_srcptr w) { (void)w; call(r, z, MPC_RNDNN); }
UNARY(sqrt, mpc_sqrt)
UNARY(exp, mpc_exp)
UNARY(sin, mpc_sin)
UNARY(cos, mpc_cos)
UNARY(arcsin, mpc_asin)
UNARY(arccos, mpc_acos)
UNARY(sinh, mpc_sinh)
UNARY(cosh, mpc_cosh)
UNARY(arcsinh, mpc_asinh)
UNARY(arccosh, mpc_acosh)

static void ref_absolute(mpc_ptr r, mpc_srcptr z, mpc_srcptr w) {
    (void)w;
    mpc_abs(mpc_realref(r), z, MPFR_RNDN);
    mpfr_set_zero(mpc_imagref(r), 1);
}

static void ref_sign(mpc_ptr r, mpc_srcptr z, mpc_srcptr w) {
    mpfr_t size;
    (void)w;
    mpfr_init2(size, REFERENCE_BITS);
    mpc_abs(size, z, MPFR_RNDN);
    mpc_div_fr(r, z, size, MPC_RNDNN);
    if (mpfr_zero_p(size)) mpc_set_ui(r, 0, MPC_RNDNN);
    mpfr_clear(size);
}

static void ref_exp2(mpc_ptr r, mpc_srcptr z, mpc_srcptr w) {
    mpfr_t log2;
    mpc_t t;
    (void)w;
    mpfr_init2(log2, 2 * REFERENCE_BITS);
    mpc_init2(t, 2 * REFERENCE_BITS);
    mpfr_const_log2(log2, MPFR_RNDN);
    mpc_mul_fr(t, z, log2, MPC_RNDNN);
    mpc_exp(r, t, MPC_RNDNN);
    mpfr_clear(log2);
    mpc_clear(t);
}

static void ref_expm1(mpc_ptr r, mpc_srcptr z, mpc_srcptr w) {
    mpfr_exp_t size = -WIDE_BITS;
    mpc_t t;
    (void)w;
    if (mpfr_regular_p(mpc_realref(z))) size = mpfr_get_exp(mpc_realref(z));
    if (mpfr_regular_p(mpc_imagref(z)) && mpfr_get_exp(mpc_imagref(z)) > size) size = mpfr_get_exp(mpc_imagref(z));
    mpc_init2(t, REFERENCE_BITS + 128 + (size < 0 ? -size : 0));
    mpc_exp(t, z, MPC_RNDNN);
    mpc_sub_ui(r, t, 1, MPC_RNDNN);
    if (mpfr_zero_p(mpc_imagref(z))) mpfr_set(mpc_imagref(r), mpc_imagref(z), MPFR_RNDN);
    mpc_clear(t);
}

/* log(x + iy) to the base (0: e), the squares and their sum exact. */
static void log_parts(mpc_ptr r, mpfr_srcptr x, mpfr_srcptr y, unsigned long base) {
    mpfr_t sum, scale;
    mpfr_init2(sum, 2 * WIDE_BITS);
    mpfr_init2(scale, REFERENCE_BITS);
    mpfr_fmma(sum, x, x, y, y, MPFR_RNDN);
    mpfr_log(mpc_realref(r), sum, MPFR_RNDN);
    mpfr_div_2ui(mpc_realref(r), mpc_realref(r), 1, MPFR_RNDN);
    mpfr_atan2(mpc_imagref(r), y, x, MPFR_RNDN);
    if (base) mpfr_log_ui(scale, base, MPFR_RNDN);
    if (base) mpc_div_fr(r, r, scale, MPC_RNDNN);
    mpfr_clear(sum);
    mpfr_clear(scale);
}

static void ref_log(mpc_ptr r, mpc_srcptr z, mpc_srcptr w) {
    (void)w;
    log_parts(r, mpc_realref(z), mpc_imagref(z), 0);
}

static void ref_log2(mpc_ptr r, mpc_srcptr z, mpc_srcptr w) {
    (void)w;
    log_parts(r, mpc_realref(z), mpc_imagref(z), 2);
}

static void ref_log10(mpc_ptr r, mpc_srcptr z, mpc_srcptr w) {
    (void)w;
    log_parts(r, mpc_realref(z), mpc_imagref(z), 10);
}

static void ref_log1p(mpc_ptr r, mpc_srcptr z, mpc_srcptr w) {
    mpfr_t sum;
    (void)w;
    mpfr_init2(sum, WIDE_BITS);
    mpfr_add_ui(sum, mpc_realref(z), 1, MPFR_RNDN);
    log_parts(r, sum, mpc_imagref(z), 0);
    mpfr_clear(sum);
}

/* sinh x cosh x / d + i sin y cos y / d, d = sinh^2 x + cos^2 y; from 1000 on 1 + i 4 sin y cos y e^-2x. */
static void tanh_parts(mpfr_ptr re, mpfr_ptr im, mpfr_srcptr x, mpfr_srcptr y) {
    mpfr_t sh, ch, s, c, d;
    mpfr_inits2(2 * REFERENCE_BITS, sh, ch, s, c, d, (mpfr_ptr)0);
    mpfr_sin_cos(s, c, y, MPFR_RNDN);
    if (mpfr_cmpabs_ui(x, 1000) > 0) {
        mpfr_set_si(re, mpfr_sgn(x), MPFR_RNDN);
        mpfr_mul_si(d, x, -2 * mpfr_sgn(x), MPFR_RNDN);
        mpfr_exp(d, d, MPFR_RNDN);
        mpfr_mul_ui(d, d, 4, MPFR_RNDN);
    } else {
        mpfr_sinh_cosh(sh, ch, x, MPFR_RNDN);
        mpfr_fmma(d, sh, sh, c, c, MPFR_RNDN);
        mpfr_ui_div(d, 1, d, MPFR_RNDN);
        mpfr_mul(re, sh, ch, MPFR_RNDN);
        mpfr_mul(re, re, d, MPFR_RNDN);
    }
    mpfr_mul(im, s, c, MPFR_RNDN);
    mpfr_mul(im, im, d, MPFR_RNDN);
    mpfr_clears(sh, ch, s, c, d, (mpfr_ptr)0);
}

static void ref_tanh(mpc_ptr r, mpc_srcptr z, mpc_srcptr w) {
    (void)w;
    tanh_parts(mpc_realref(r), mpc_imagref(r), mpc_realref(z), mpc_imagref(z));
}

static void ref_tan(mpc_ptr r, mpc_srcptr z, mpc_srcptr w) {
    (void)w;
    tanh_parts(mpc_imagref(r), mpc_realref(r), mpc_imagref(z), mpc_realref(z));
}

/* log1p(4x / |1 - z|^2) / 4 + i atan2(2y, 1 - |z|^2) / 2 for x >= 0, the squares and their sums exact. */
static void arctanh_parts(mpfr_ptr re, mpfr_ptr im, mpfr_srcptr x, mpfr_srcptr y) {
    mpfr_t t, u;
    mpfr_inits2(2 * WIDE_BITS, t, u, (mpfr_ptr)0);
    mpfr_abs(u, x, MPFR_RNDN);
    mpfr_ui_sub(t, 1, u, MPFR_RNDN);
    mpfr_fmma(t, t, t, y, y, MPFR_RNDN);
    mpfr_mul_ui(u, u, 4, MPFR_RNDN);
    mpfr_div(re, u, t, MPFR_RNDN);
    mpfr_log1p(re, re, MPFR_RNDN);
    mpfr_div_ui(re, re, 4, MPFR_RNDN);
    mpfr_setsign(re, re, mpfr_signbit(x), MPFR_RNDN);
    mpfr_fmma(t, x, x, y, y, MPFR_RNDN);
    mpfr_ui_sub(t, 1, t, MPFR_RNDN);
    mpfr_mul_ui(u, y, 2, MPFR_RNDN);
    mpfr_atan2(im, u, t, MPFR_RNDN);
    mpfr_div_ui(im, im, 2, MPFR_RNDN);
    mpfr_clears(t, u, (mpfr_ptr)0);
}

static void ref_arctanh(mpc_ptr r, mpc_srcptr z, mpc_srcptr w) {
    (void)w;
    arctanh_parts(mpc_realref(r), mpc_imagref(r), mpc_realref(z), mpc_imagref(z));
}

static void ref_arctan(mpc_ptr r, mpc_srcptr z, mpc_srcptr w) {
    (void)w;
    arctanh_parts(mpc_imagref(r), mpc_realref(r), mpc_imagref(z), mpc_realref(z));
}

/* exp(w log z) with room for an exponent of 2^100: mpc_pow takes long over powers that are nearly exact. */
static void ref_power(mpc_ptr r, mpc_srcptr z, mpc_srcptr w) {
    mpc_t t;
    mpc_init2(t, 2 * REFERENCE_BITS);
    mpc_log(t, z, MPC_RNDNN);
    mpc_mul(t, w, t, MPC_RNDNN);
    mpc_exp(r, t, MPC_RNDNN);
    mpc_clear(t);
}

complex_reference *complex_reference_of(nx_op op) {
    switch (op) {
#define OP(id, group, names, syntax, sig, domain, promote, meaning, math, ...) \
    NX_MATH_COMPLEX_IF_##math(case NX_OP_##id: return ref_##id;)
#include "engine/ops.def"
    default: return 0;
    }
}
