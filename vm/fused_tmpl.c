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

#define OP(id, group, names, syntax, sig, domain, promote, meaning, math, inlined, accuracy, params, doc) \
    IN_##domain(UNLESS_##math(FUNCTION_##sig(id, meaning)))
#include "engine/ops.def"
#undef OP

#define OF(id, ...) CAT2(apply_, id)(__VA_ARGS__)
/* Element i of operand 0, of the integer dtype `source`, as T. */
#define CAST(x) (NEXPR_DTYPE_MAP(SELECT)(T) 0)
#define SELECT(id, suffix, name, class, ctype) SELECT_##class(id, ctype)
#define SELECT_BOOL(id, ctype)
#define SELECT_INT(id, ctype) source == NEXPR_##id ? (T)((const ctype *)first)[i]:
#define SELECT_REAL(id, ctype)
#define SELECT_COMPLEX(id, ctype)

#define FLAG(x) (((const uint8_t *)first)[i] != 0)
#define BOTH(a, b) ((a) & (b))
#define EITHER(a, b) ((a) | (b))

/*
 * The loop, inlined for each form. Operands that a row does not have are its second one, and never read; so is x where a
 * cast stands for it.
 */
#define FUSED(id, domain, arity, formula) IN_##domain(LOOP(id, arity, T, STORE_T(formula)))
#define PREDICATE(id, domain, arity, formula) IN_##domain(LOOP(id, arity, uint8_t, (uint8_t)(formula)))
#define OPERAND(k, arity) ((const T *)operand[arity > k ? k : 1])
#define LOOP(id, arity, R, stored)                                                                                  \
    static inline __attribute__((always_inline)) void CAT2(loop_, id)(size_t n, R *r, const void *const *operand, \
                                                                      unsigned form, nexpr_dtype source) {        \
        const void *first = operand[0];                                                                           \
        const T *xs = source == NEXPR_DTYPE_COUNT ? OPERAND(0, arity) : OPERAND(1, arity);                        \
        const T *ys = OPERAND(1, arity), *zs = OPERAND(2, arity), *ws = OPERAND(3, arity);                        \
        const T *ps = OPERAND(4, arity), *qs = OPERAND(5, arity);                                                 \
        const T x0 = *xs, y0 = *ys, z0 = *zs, w0 = *ws, p0 = *ps, q0 = *qs;                                       \
        (void)first;                                                                                              \
        INDEPENDENT                                                                                               \
        for (size_t i = 0; i < n; i++) {                                                                          \
            const T x = form & 1 ? x0 : xs[i], y = form & 2 ? y0 : ys[i], z = form & 4 ? z0 : zs[i];              \
            const T w = form & 8 ? w0 : ws[i], p = form & 16 ? p0 : ps[i], q = form & 32 ? q0 : qs[i];            \
            (void)x, (void)z, (void)w, (void)p, (void)q;                                                          \
            r[i] = stored;                                                                              \
        }                                                                                                         \
    }
#include "vm/fused.def"

/* The letters of a form as bits. */
enum {
    vv, sv, vs,
    vvv = 0, svv, vsv, ssv, vvs, svs, vss,
    vvvv = 0, svvv, vsvv, ssvv, vvsv, svsv, vssv, sssv, vvvs, svvs, vsvs, ssvs, vvss, svss, vsss,
    vvsss = 28, svsss,
    vvvvsv = 16, vvssss = 60, svssss,
};

#define FORM(id, domain, form) IN_##domain(KERNEL(id, form, CAT4(id, _, SUFFIX, _##form), NEXPR_DTYPE_COUNT))
#define FROM(id, source, form) IN_F(KERNEL(id, form | 1, DECODING(id, source, form), (nexpr_dtype)SOURCE_##source))
#define DECODING(id, source, form) CAT4(id, _##source##_, SUFFIX, _##form)
#define KERNEL(id, form, name, source)                                              \
    static void name(size_t n, void *result, const void *const *operand) {          \
        CAT2(loop_, id)(n, result, operand, form, source);                          \
    }
enum {
#define X(id, suffix, ...) SOURCE_##suffix = NEXPR_##id,
    NEXPR_DTYPE_MAP(X)
#undef X
};
#include "vm/fused.def"

#define FIND CAT4(nx_fused_, SUFFIX, _, ISA)
#define KEY(id, source, form) ((unsigned)(id) << 12 | (unsigned)(source) << 6 | (form))
nx_kernel *FIND(nx_fused id, nexpr_dtype source, unsigned form);
nx_kernel *FIND(nx_fused id, nexpr_dtype source, unsigned form) {
    switch (KEY(id, source, form)) {
#define FORM(id, domain, form) \
    IN_##domain(case KEY(NX_FUSED_##id, NEXPR_DTYPE_COUNT, form): return CAT4(id, _, SUFFIX, _##form);)
#define FROM(id, source, form) \
    IN_F(case KEY(NX_FUSED_##id, SOURCE_##source, form): return DECODING(id, source, form);)
#include "vm/fused.def"
    default: return NULL;
    }
}
