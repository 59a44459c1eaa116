/* SPDX-License-Identifier: MIT */
/* The functions of math/vec.h for one precision. vec.h includes this once for each, with VEC_T and its fellows defined. */
#define VEC_NAME(name) NX_MATH_CAT(name, _, VEC_S, )
#define VEC_V NX_MATH_CAT(v, VEC_S, , )
#define VEC_OP(op) VEC_OP_(op, VEC_P)
#define VEC_OP_(op, suffix) VEC_INTRINSIC(op, suffix)
/* The bits of the lanes where a comparison holds: AVX-512. */
#define VEC_COMPARE(x, y, how) VEC_COMPARE_(x, y, how, VEC_P)
#define VEC_COMPARE_(x, y, how, suffix) VEC_COMPARE__(x, y, how, suffix)
#define VEC_COMPARE__(x, y, how, suffix) _mm512_cmp_##suffix##_mask(x, y, how)
#define VEC_SIGN ((VEC_I)((uint64_t)1 << (8 * sizeof(VEC_I) - 1)))

VEC_FN VEC_V VEC_NAME(v_set1)(VEC_T c) {
    return c - (VEC_V){0}; /* keeps -0 */
}

VEC_FN VEC_V VEC_NAME(v_load)(const VEC_T *p) {
    VEC_V x;
    memcpy(&x, p, sizeof x);
    return x;
}

VEC_FN void VEC_NAME(v_store)(VEC_T *p, VEC_V x) {
    memcpy(p, &x, sizeof x);
}

VEC_FN VEC_V VEC_NAME(v_abs)(VEC_V x) {
    return (VEC_V)((VEC_MI)x & ~VEC_SIGN);
}

VEC_FN VEC_V VEC_NAME(v_copysign)(VEC_V x, VEC_V s) {
    return (VEC_V)(((VEC_MI)x & ~VEC_SIGN) | ((VEC_MI)s & VEC_SIGN));
}

VEC_FN VEC_V VEC_NAME(v_mulsign)(VEC_V x, VEC_V s) {
    return (VEC_V)((VEC_MI)x ^ ((VEC_MI)s & VEC_SIGN));
}

VEC_FN VEC_V VEC_NAME(v_select)(VEC_MI m, VEC_V a, VEC_V b) {
    return (VEC_V)(((VEC_MI)a & m) | ((VEC_MI)b & ~m));
}

VEC_FN VEC_V VEC_NAME(v_sqrt)(VEC_V x) {
    return VEC_OP(sqrt)(x);
}

VEC_FN VEC_MI VEC_NAME(v_signbit)(VEC_V x) {
    return (VEC_MI)x < 0;
}

VEC_FN VEC_MI VEC_NAME(v_isnan)(VEC_V x) {
    return x != x;
}

VEC_FN VEC_MI VEC_NAME(v_isfinite)(VEC_V x) {
    return x - x == 0;
}

VEC_FN VEC_V VEC_NAME(v_min)(VEC_V a, VEC_V b) {
    return VEC_OP(min)(a, b);
}

VEC_FN VEC_V VEC_NAME(v_max)(VEC_V a, VEC_V b) {
    return VEC_OP(max)(a, b);
}

VEC_FN VEC_V VEC_NAME(v_canonical)(VEC_V x) {
    VEC_V nan = VEC_NAME(v_set1)((VEC_T)__builtin_nan(""));
#if NX_ISA_LEVEL == 2
    return VEC_OP(mask_mov)(x, VEC_COMPARE(x, x, _CMP_UNORD_Q), nan);
#else
    return VEC_NAME(v_select)(x != x, nan, x);
#endif
}

VEC_FN bool VEC_NAME(v_all_below)(VEC_V x, VEC_T limit) {
    VEC_V y = VEC_NAME(v_set1)(limit);
#if NX_ISA_LEVEL == 2
    return VEC_COMPARE(x, y, _CMP_NLT_UQ) == 0;
#else
    return VEC_OP(movemask)((VEC_V)~(x < y)) == 0;
#endif
}

#if NX_ISA_LEVEL == 2
#define VEC_ROUND(x, mode) VEC_OP(roundscale)(x, mode)
#elif NX_ISA_LEVEL == 1
#define VEC_ROUND(x, mode) VEC_OP(round)(x, mode)
#endif

#if NX_HAS_FMA
VEC_FN VEC_V VEC_NAME(v_rint)(VEC_V x) {
    return VEC_ROUND(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

VEC_FN VEC_V VEC_NAME(v_trunc)(VEC_V x) {
    return VEC_ROUND(x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
}

VEC_FN VEC_V VEC_NAME(v_floor)(VEC_V x) {
    return VEC_ROUND(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}

VEC_FN VEC_V VEC_NAME(v_muladd)(VEC_V a, VEC_V b, VEC_V c) {
    return VEC_OP(fmadd)(a, b, c);
}

VEC_FN VEC_V VEC_NAME(v_mul_error)(VEC_V a, VEC_V b, VEC_V p) {
    return VEC_OP(fmsub)(a, b, p);
}
#else
/* Adding 2^(bits of the fraction) rounds to an integer; from there on every value is one. */
VEC_FN VEC_V VEC_NAME(v_rint)(VEC_V x) {
    VEC_V a = VEC_NAME(v_abs)(x);
    VEC_V r = a + VEC_MAGIC - VEC_MAGIC;
    return VEC_NAME(v_select)(a < VEC_MAGIC, VEC_NAME(v_copysign)(r, x), x);
}

VEC_FN VEC_V VEC_NAME(v_trunc)(VEC_V x) {
    VEC_V a = VEC_NAME(v_abs)(x);
    VEC_V r = a + VEC_MAGIC - VEC_MAGIC;
    r -= VEC_NAME(v_select)(r > a, VEC_NAME(v_set1)(1), VEC_NAME(v_set1)(0));
    return VEC_NAME(v_select)(a < VEC_MAGIC, VEC_NAME(v_copysign)(r, x), x);
}

VEC_FN VEC_V VEC_NAME(v_floor)(VEC_V x) {
    VEC_V r = VEC_NAME(v_rint)(x);
    r -= VEC_NAME(v_select)(r > x, VEC_NAME(v_set1)(1), VEC_NAME(v_set1)(0));
    return VEC_NAME(v_copysign)(r, x);
}

VEC_FN VEC_V VEC_NAME(v_muladd)(VEC_V a, VEC_V b, VEC_V c) {
    return a * b + c;
}

/* Dekker: the fraction rounded to its upper half, and the rest, have exact products. */
VEC_FN VEC_V VEC_NAME(v_mul_error)(VEC_V a, VEC_V b, VEC_V p) {
    const VEC_U half = (VEC_U)1 << (sizeof(VEC_T) == 8 ? 26 : 11), upper = -2 * half;
    VEC_V ah = (VEC_V)(((VEC_MU)a + half) & upper), al = a - ah;
    VEC_V bh = (VEC_V)(((VEC_MU)b + half) & upper), bl = b - bh;
    return ((ah * bh - p) + ah * bl + al * bh) + al * bl;
}
#endif

#undef VEC_NAME
#undef VEC_V
#undef VEC_OP
#undef VEC_OP_
#undef VEC_COMPARE
#undef VEC_COMPARE_
#undef VEC_COMPARE__
#undef VEC_SIGN
#undef VEC_ROUND
#undef VEC_T
#undef VEC_I
#undef VEC_U
#undef VEC_S
#undef VEC_P
#undef VEC_MI
#undef VEC_MU
#undef VEC_MAGIC
