/* SPDX-License-Identifier: MIT */
/*
 * fmod and, on it, NumPy's % and //, in the precision itself. All are exact or rounded where NumPy's algorithm rounds.
 *
 * If |x/y| is below 2^(bits of the fraction), x - trunc(x/y)*|y| is exact when fused, and off by at most one |y|. Lanes
 * beyond that (and all lanes where there is no FMA) take libm's fmod, which is exact and so cannot differ.
 */

#if NX_PRECISION == 32
#define LIBM_FMOD fmodf
#define EXACT_QUOTIENT 0x1p23f
#else
#define LIBM_FMOD fmod
#define EXACT_QUOTIENT 0x1p52
#endif

static __attribute__((noinline)) V fmod_lanes(V x, V y, V r, M slow) {
    for (int i = 0; i < WIDTH; i++) {
        if (slow[i]) r[i] = LIBM_FMOD(x[i], y[i]);
    }
    return r;
}

VEC_FN V real_fmod(V x, V y) {
    V a = v_abs(x), b = v_abs(y), q = v_trunc(a / b);
    M invalid = ~v_isfinite(x) | v_isnan(y) | (y == 0), small = a < b;
    V r = v_muladd(-q, b, a);
    r += v_select(r < 0, b, v_set1(0));
    r = v_copysign(v_select(small, a, r), x);
    r = v_select(invalid, v_set1((T)NAN), r);
    M slow = ~(invalid | small | (NX_HAS_FMA ? q < (T)EXACT_QUOTIENT : small));
    return __builtin_expect(v_any(slow), 0) ? fmod_lanes(x, y, r, slow) : r;
}

/* NumPy's divmod for y != 0. */
VEC_FN V divmod(V x, V y, V *ret_mod) {
    V mod = real_fmod(x, y), div = (x - mod) / y, zero = v_set1(0);
    M adjust = (mod != 0) & ((y < 0) != (mod < 0));
    V adjusted = mod + v_select(adjust, y, zero);
    div -= v_select(adjust, v_set1(1), zero);
    *ret_mod = v_select(mod != 0, adjusted, v_copysign(zero, y));
    V floored = v_floor(div);
    floored += v_select(div - floored > (T)0.5, v_set1(1), zero);
    return v_select(div != 0, floored, v_copysign(zero, x / y));
}

VEC_FN V real_floor_divide(V x, V y) {
    V mod;
    V div = divmod(x, y, &mod);
    return v_select(y == 0, x / y, div);
}

VEC_FN V real_remainder(V x, V y) {
    V mod;
    divmod(x, y, &mod);
    return v_select(y == 0, v_set1((T)NAN), mod);
}
