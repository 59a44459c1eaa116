/* SPDX-License-Identifier: MIT */
/*
 * The superinstructions of one dtype on one instruction set: fused.def expanded to contiguous loops. Compiled like
 * kernels_tmpl.c. An op inside a formula is the meaning that ops.def gives it, as a function; only the last result is
 * made canonical, because no op cares which NaN an operand is.
 */
#include "vm/fused.h"
#include "vm/template.h"

#include CLASS

#define FUNCTION_T_T(id, meaning)                                        \
    static inline T CAT2(apply_, id)(const T x) {                        \
        return meaning;                                                  \
    }
#define FUNCTION_TT_T(id, meaning)                                       \
    static inline T CAT2(apply_, id)(const T x, const T y) {             \
        return meaning;                                                  \
    }
#define FUNCTION_TT_B(id, meaning)                                       \
    static inline int CAT2(apply_, id)(const T x, const T y) {           \
        return meaning;                                                  \
    }
#define FUNCTION_BTT_T(id, meaning)                                      \
    static inline T CAT2(apply_, id)(const int x, const T y, const T z) { \
        return meaning;                                                  \
    }
#define FUNCTION_TTT_T DROP
#define FUNCTION_T_B DROP
#define FUNCTION_T_R DROP
#define FUNCTION_T_U8 DROP
#define FUNCTION_TI_T DROP
#define FUNCTION_RR_T DROP

#define OP(id, group, names, syntax, sig, domain, promote, meaning, math, accuracy, params, doc) \
    IN_##domain(UNLESS_##math(FUNCTION_##sig(id, meaning)))
#include "engine/ops.def"
#undef OP

#define OF(id, ...) CAT2(apply_, id)(__VA_ARGS__)

/* The loop, inlined for each form. Operands that a row does not have are its first one, and never read. */
#define FUSED(id, domain, arity, formula) IN_##domain(LOOP(id, arity, formula))
#define OPERAND(k, arity) ((const T *)operand[arity > k ? k : 0])
#define LOOP(id, arity, formula)                                                                                  \
    static inline __attribute__((always_inline)) void CAT2(loop_, id)(size_t n, T *r, const void *const *operand, \
                                                                      unsigned form) {                            \
        const T *xs = OPERAND(0, arity), *ys = OPERAND(1, arity), *zs = OPERAND(2, arity);                        \
        const T *ws = OPERAND(3, arity), *ps = OPERAND(4, arity), *qs = OPERAND(5, arity);                        \
        const T x0 = *xs, y0 = *ys, z0 = *zs, w0 = *ws, p0 = *ps, q0 = *qs;                                       \
        INDEPENDENT                                                                                               \
        for (size_t i = 0; i < n; i++) {                                                                          \
            const T x = form & 1 ? x0 : xs[i], y = form & 2 ? y0 : ys[i], z = form & 4 ? z0 : zs[i];              \
            const T w = form & 8 ? w0 : ws[i], p = form & 16 ? p0 : ps[i], q = form & 32 ? q0 : qs[i];            \
            (void)z, (void)w, (void)p, (void)q;                                                                   \
            r[i] = STORE_T(formula);                                                                              \
        }                                                                                                         \
    }
#define FORM(id, domain, form)
#include "vm/fused.def"
#undef FUSED
#undef FORM

/* The letters of a form as bits. */
enum {
    vv, sv, vs,
    vvv = 0, svv, vsv, ssv, vvs, svs, vss,
    vvvv = 0, svvv, vsvv, ssvv, vvsv, svsv, vssv, sssv, vvvs, svvs, vsvs, ssvs, vvss, svss, vsss,
    vvsss = 28, svsss,
    vvssss = 60, svssss,
};

#define FUSED(id, domain, arity, formula)
#define FORM(id, domain, form) IN_##domain(KERNEL(id, form))
#define KERNEL(id, form)                                                                              \
    static void CAT4(id, _, SUFFIX, _##form)(size_t n, void *result, const void *const *operand) {    \
        CAT2(loop_, id)(n, result, operand, form);                                                    \
    }
#include "vm/fused.def"
#undef FORM

#define FIND CAT4(nx_fused_, SUFFIX, _, ISA)
#define KEY(id, form) ((unsigned)(id) << 6 | (form))
nx_kernel *FIND(nx_fused id, unsigned form);
nx_kernel *FIND(nx_fused id, unsigned form) {
    switch (KEY(id, form)) {
#define FORM(id, domain, form) IN_##domain(case KEY(NX_FUSED_##id, form): return CAT4(id, _, SUFFIX, _##form);)
#include "vm/fused.def"
    default: return NULL;
    }
}
