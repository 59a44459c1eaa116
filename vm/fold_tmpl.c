/* SPDX-License-Identifier: MIT */
/*
 * The rows of folds.def for one dtype on one instruction set: loops over whole rows of lanes, which stay in registers.
 * Compiled as kernels_tmpl.c.
 */
#include "vm/fused.h"
#include "vm/reduce.h"
#include "vm/template.h"

#include CLASS

/* The letters of a form as bits. */
enum { v = 0, vv = 0, sv, vs };

#define FOLD(reducer, what, id, domain, form, step, element) \
    IN_##domain(KERNEL(reducer, id, form, T, T, AS_IT_IS, AS_IT_IS, step, element))
#define FOLD_TEST(reducer, what, id, domain, form, step, element) \
    IN_##domain(KERNEL(reducer, id, form, uint8_t, MARK, TO_MARK, TO_BOOL, step, element))
#define AS_IT_IS(e) (e)
#define TO_MARK(e) ((e) ? (MARK)-1 : 0)
#define TO_BOOL(e) ((e) != 0)

/* Lanes are of type R in memory and of type L, as wide as elements, in registers: there a bool is all bits or none. */
#define NAME(reducer, id, form) CAT4(reducer##_##id##_, SUFFIX, _, form)
#define KERNEL(reducer, id, form, R, L, TO_L, TO_R, step, element)                                \
    static void NAME(reducer, id, form)(size_t n, void *result, const void *const *operand) {     \
        const T *xs = operand[0], *ys = #form[1] ? operand[1] : xs, x0 = *xs, y0 = *ys;           \
        R *lane = result;                                                                         \
        L lanes[NX_LANES];                                                                        \
        for (size_t k = 0; k < NX_LANES; k++) lanes[k] = TO_L(lane[k]);                           \
        for (; n >= NX_LANES; n -= NX_LANES) {                                                    \
            INDEPENDENT                                                                           \
            for (size_t k = 0; k < NX_LANES; k++) {                                               \
                const T x = form & 1 ? x0 : xs[k], y = form & 2 ? y0 : ys[k];                     \
                const L l = lanes[k], e = TO_L(element);                                          \
                (void)y;                                                                          \
                lanes[k] = step;                                                                  \
            }                                                                                     \
            xs += form & 1 ? 0 : NX_LANES;                                                        \
            ys += form & 2 ? 0 : NX_LANES;                                                        \
        }                                                                                         \
        for (size_t k = 0; k < n; k++) {                                                          \
            const T x = form & 1 ? x0 : xs[k], y = form & 2 ? y0 : ys[k];                         \
            const L l = lanes[k], e = TO_L(element);                                              \
            (void)y;                                                                              \
            lanes[k] = step;                                                                      \
        }                                                                                         \
        for (size_t k = 0; k < NX_LANES; k++) lane[k] = TO_R(lanes[k]);                           \
    }
#include "vm/folds.def"

#define KEY(reducer, is_fused, id, form) \
    ((unsigned)(reducer) << 24 | (unsigned)(is_fused) << 23 | (unsigned)(id) << NX_MAX_OPERANDS | (unsigned)(form))
#define KEY_OP(reducer, id, form) KEY(NX_REDUCER_##reducer, false, NX_OP_##id, form)
#define KEY_FUSED(reducer, id, form) KEY(NX_REDUCER_##reducer, true, NX_FUSED_##id, form)

#define FIND CAT4(nx_folds_, SUFFIX, _, ISA)
extern nx_find_fold FIND;
nx_kernel *FIND(nx_reducer reducer, bool is_fused, unsigned id, unsigned form) {
    switch (KEY(reducer, is_fused, id, form)) {
#define FOLD(reducer, what, id, domain, form, step, element) \
    IN_##domain(case KEY_##what(reducer, id, form): return NAME(reducer, id, form);)
#define FOLD_TEST FOLD
#include "vm/folds.def"
    default: return NULL;
    }
}
