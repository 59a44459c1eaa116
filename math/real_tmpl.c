/* SPDX-License-Identifier: MIT */
/*
 * The real kernels of math/real.h for one precision and one instruction set.
 *
 * A kernel is a loop around a function of one vector, map_*; the functions are real_<op>. Operations that are exact work in
 * the precision itself (real_mod.h); all others are computed in float64, where float32 operands are widened on load and the
 * result is rounded on store, so that float32 results are nearly always correctly rounded (real_f32.h, real_f64.h). What is
 * left over at the end is padded with 1.0 and goes through the same function: an element never sees how many there are.
 */
#include "math/real.h"
#include "math/vec.h"

#include <math.h>
#include <sleef.h>

/* The deterministic family: the same bits for each vector width. */
#if NX_ISA_LEVEL == 2
#define SLEEF(name, accuracy) NX_MATH_CAT(Sleef_finz_, name, d8_, accuracy##avx512f)
#elif NX_ISA_LEVEL == 1
#define SLEEF(name, accuracy) NX_MATH_CAT(Sleef_finz_, name, d4_, accuracy##avx2)
#else
#define SLEEF(name, accuracy) NX_MATH_CAT(Sleef_cinz_, name, d2_, accuracy##sse2)
#endif

#if NX_PRECISION == 32
#include "math/real_f32.h"
#else
#include "math/real_f64.h"
#endif
#include "math/real_mod.h"
#include "math/real_normal.h"

/* The wide functions see WIDTH_F64 elements of either precision as vf64. */
#if NX_PRECISION == 32
#define load_wide(p) v_load_widened(p)
#define store_wide(p, x) v_store_narrowed(p, x)
#else
#define load_wide(p) v_load(p)
#define store_wide(p, x) v_store(p, x)
#endif
enum { STEP_NATIVE = WIDTH, STEP_WIDE = WIDTH_F64 };

/* What a map applies to each vector. */
typedef vf64 wide_1(vf64 x);
typedef vf64 wide_2(vf64 x, vf64 y);
typedef V native_2(V x, V y);
typedef bool lanes_1(vf64 x);
typedef bool lanes_2(vf64 x, vf64 y);

VEC_FN void pad(T *padded, const T *x, size_t n, size_t step) {
    for (size_t i = 0; i < step; i++) padded[i] = i < n ? x[i] : (T)1;
}

VEC_FN void map_wide_1(wide_1 *f, size_t n, T *r, const T *x) {
    size_t i = 0;
    for (; i + STEP_WIDE <= n; i += STEP_WIDE) store_wide(r + i, v_canonical(f(load_wide(x + i))));
    if (i == n) return;
    T buffer[STEP_WIDE];
    pad(buffer, x + i, n - i, STEP_WIDE);
    store_wide(buffer, v_canonical(f(load_wide(buffer))));
    memcpy(r + i, buffer, (n - i) * sizeof(T));
}

/* The same for a function of two parts (real_core.h). */
VEC_FN void map_parts_1(lanes_1 *is_usual, wide_1 *usual, wide_1 *rare, size_t n, T *r, const T *x) {
    size_t i = 0;
    for (; i + STEP_WIDE <= n; i += STEP_WIDE) {
        for (; i + STEP_WIDE <= n; i += STEP_WIDE) {
            vf64 xi = load_wide(x + i);
            if (__builtin_expect(!is_usual(xi), 0)) break;
            store_wide(r + i, usual(xi));
        }
        if (i + STEP_WIDE > n) break;
        store_wide(r + i, v_canonical(rare(load_wide(x + i))));
    }
    map_wide_1(rare, n - i, r + i, x + i);
}

VEC_FN void map_wide_2(wide_2 *f, int form, size_t n, T *r, const T *x, const T *y) {
    const vf64 x0 = v_set1_f64((double)*x), y0 = v_set1_f64((double)*y);
    size_t i = 0;
    for (; i + STEP_WIDE <= n; i += STEP_WIDE) {
        vf64 xi = form == 1 ? x0 : load_wide(x + i), yi = form == 2 ? y0 : load_wide(y + i);
        store_wide(r + i, v_canonical(f(xi, yi)));
    }
    if (i == n) return;
    T xs[STEP_WIDE], ys[STEP_WIDE];
    if (form != 1) pad(xs, x + i, n - i, STEP_WIDE);
    if (form != 2) pad(ys, y + i, n - i, STEP_WIDE);
    store_wide(xs, v_canonical(f(form == 1 ? x0 : load_wide(xs), form == 2 ? y0 : load_wide(ys))));
    memcpy(r + i, xs, (n - i) * sizeof(T));
}

VEC_FN void map_parts_2(lanes_2 *is_usual, wide_2 *usual, wide_2 *rare, int form, size_t n, T *r, const T *x, const T *y) {
    const vf64 x0 = v_set1_f64((double)*x), y0 = v_set1_f64((double)*y);
    size_t i = 0;
    for (; i + STEP_WIDE <= n; i += STEP_WIDE) {
        for (; i + STEP_WIDE <= n; i += STEP_WIDE) {
            vf64 xi = form == 1 ? x0 : load_wide(x + i), yi = form == 2 ? y0 : load_wide(y + i);
            if (__builtin_expect(!is_usual(xi, yi), 0)) break;
            store_wide(r + i, usual(xi, yi));
        }
        if (i + STEP_WIDE > n) break;
        vf64 xi = form == 1 ? x0 : load_wide(x + i), yi = form == 2 ? y0 : load_wide(y + i);
        store_wide(r + i, v_canonical(rare(xi, yi)));
    }
    map_wide_2(rare, form, n - i, r + i, form == 1 ? x : x + i, form == 2 ? y : y + i);
}

VEC_FN void map_native_2(native_2 *f, int form, size_t n, T *r, const T *x, const T *y) {
    const V x0 = v_set1(*x), y0 = v_set1(*y);
    size_t i = 0;
    for (; i + STEP_NATIVE <= n; i += STEP_NATIVE) {
        V xi = form == 1 ? x0 : v_load(x + i), yi = form == 2 ? y0 : v_load(y + i);
        v_store(r + i, v_canonical(f(xi, yi)));
    }
    if (i == n) return;
    T xs[STEP_NATIVE], ys[STEP_NATIVE];
    if (form != 1) pad(xs, x + i, n - i, STEP_NATIVE);
    if (form != 2) pad(ys, y + i, n - i, STEP_NATIVE);
    v_store(xs, v_canonical(f(form == 1 ? x0 : v_load(xs), form == 2 ? y0 : v_load(ys))));
    memcpy(r + i, xs, (n - i) * sizeof(T));
}

#define NX_MATH_FORM(id, suffix) NX_MATH_CAT(NX_MATH_REAL(id), suffix, , )
/* PARTS_<id>, if it is defined, puts its own map into the second place. */
#undef PARTS_1
#undef PARTS_2
#define PARTS_1(...) ~, map_parts_1(__VA_ARGS__, n, r, x[0])
#define PARTS_2(...) ~, map_parts_2(__VA_ARGS__, form, n, r, x[0], x[1])
#define SECOND(first, second, ...) second
#define SECOND_OF(...) SECOND(__VA_ARGS__)
#define KERNEL_T_T(id, map)                                                        \
    void NX_MATH_REAL(id)(size_t n, void *r, const void *const *x) {               \
        SECOND_OF(PARTS_##id, NX_MATH_CAT(map, _1, , )(real_##id, n, r, x[0]), ~); \
    }
#define KERNEL_FORM(suffix, number, id, map)                                                   \
    void NX_MATH_FORM(id, suffix)(size_t n, void *r, const void *const *x) {                   \
        enum { form = number };                                                                \
        SECOND_OF(PARTS_##id, NX_MATH_CAT(map, _2, , )(real_##id, form, n, r, x[0], x[1]), ~); \
    }
#define KERNEL_TT_T(id, map)        \
    KERNEL_FORM(, 0, id, map)       \
    KERNEL_FORM(_form1, 1, id, map) \
    KERNEL_FORM(_form2, 2, id, map)

/* The column accuracy picks the map. */
#define OP(id, group, names, syntax, sig, domain, promote, meaning, math, inlined, accuracy, ...) \
    NX_MATH_IF_##math(KERNEL_##sig(id, MAP_##accuracy))
#define MAP_EXACT map_native
#define MAP_ULP(...) map_wide
#define MAP_ULP_ABS(...) map_wide
#include "engine/ops.def"

void NX_MATH_REAL(sincos)(size_t n, T *s, T *c, const T *x) {
    T buffer[STEP_WIDE];
    for (size_t i = 0; i < n; i += STEP_WIDE) {
        size_t k = n - i < STEP_WIDE ? n - i : STEP_WIDE;
        pad(buffer, x + i, k, STEP_WIDE);
        vf64 xi = load_wide(buffer), sine = v_canonical(real_sin(xi)), cosine = v_canonical(real_cos(xi));
        store_wide(buffer, sine);
        memcpy(s + i, buffer, k * sizeof(T));
        store_wide(buffer, cosine);
        memcpy(c + i, buffer, k * sizeof(T));
    }
}
