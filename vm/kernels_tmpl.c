/* SPDX-License-Identifier: MIT */
/*
 * The kernels of one dtype on one instruction set: engine/ops.def expanded to contiguous loops in all forms.
 *
 * Compiled once per dtype and instruction set, with
 *   SUFFIX        of the dtype, f64            ISA    name of the instruction set, avx2
 *   CTYPE         its C type, double           CLASS  the header of its class, "vm/class_real.h"
 * The class header says which rows are its own (IN_<domain>, UNLESS_<math>) and what the words of the column `meaning` are.
 * A loop reads operands through LOAD_<type> and writes through STORE_<type>, the canonical form of a result. Forms are
 * spelled in the kernel's name, a letter per operand: less_f64_vs compares a vector with a scalar.
 */
#include "engine/kernel.h"
#include "engine/ops.h"
#include "vm/template.h"

#include CLASS

/* Types in the column `sig`, beside T and R of the class. */
typedef uint8_t B;
typedef uint8_t U8;
typedef int64_t I;

#define LOAD_B(v) ((v) != 0)
#define LOAD_I(v) (v)
#define STORE_B(v) ((uint8_t)(v))
#define STORE_U8(v) ((uint8_t)(v))

/* The three shapes of a loop. s0, s1, s2 are 1 for a scalar operand. */
#define KERNEL1(name, X, RESULT, meaning)                                      \
    static void name(size_t n, void *result, const void *const *operand) {    \
        const X *xs = operand[0];                                              \
        RESULT *r = result;                                                    \
        INDEPENDENT                                                            \
        for (size_t i = 0; i < n; i++) {                                       \
            const X x = LOAD_##X(xs[i]);                                       \
            r[i] = STORE_##RESULT(meaning);                                    \
        }                                                                      \
    }

#define KERNEL2(name, s0, s1, X, Y, RESULT, meaning)                           \
    static void name(size_t n, void *result, const void *const *operand) {    \
        const X *xs = operand[0], x0 = LOAD_##X(xs[0]);                        \
        const Y *ys = operand[1], y0 = LOAD_##Y(ys[0]);                        \
        RESULT *r = result;                                                    \
        INDEPENDENT                                                            \
        for (size_t i = 0; i < n; i++) {                                       \
            const X x = s0 ? x0 : LOAD_##X(xs[i]);                             \
            const Y y = s1 ? y0 : LOAD_##Y(ys[i]);                             \
            r[i] = STORE_##RESULT(meaning);                                    \
        }                                                                      \
    }

#define KERNEL3(name, s0, s1, s2, X, Y, Z, RESULT, meaning)                    \
    static void name(size_t n, void *result, const void *const *operand) {    \
        const X *xs = operand[0], x0 = LOAD_##X(xs[0]);                        \
        const Y *ys = operand[1], y0 = LOAD_##Y(ys[0]);                        \
        const Z *zs = operand[2], z0 = LOAD_##Z(zs[0]);                        \
        RESULT *r = result;                                                    \
        INDEPENDENT                                                            \
        for (size_t i = 0; i < n; i++) {                                       \
            const X x = s0 ? x0 : LOAD_##X(xs[i]);                             \
            const Y y = s1 ? y0 : LOAD_##Y(ys[i]);                             \
            const Z z = s2 ? z0 : LOAD_##Z(zs[i]);                             \
            r[i] = STORE_##RESULT(meaning);                                    \
        }                                                                      \
    }

#define NAME(id, form) CAT4(id, _, SUFFIX, form)
#define UNARY(id, X, RESULT, meaning) KERNEL1(NAME(id, _v), X, RESULT, meaning)
#define BINARY(id, X, Y, RESULT, meaning)                                      \
    KERNEL2(NAME(id, _vv), 0, 0, X, Y, RESULT, meaning)                        \
    KERNEL2(NAME(id, _sv), 1, 0, X, Y, RESULT, meaning)                        \
    KERNEL2(NAME(id, _vs), 0, 1, X, Y, RESULT, meaning)
#define TERNARY(id, X, Y, Z, RESULT, meaning)                                  \
    KERNEL3(NAME(id, _vvv), 0, 0, 0, X, Y, Z, RESULT, meaning)                 \
    KERNEL3(NAME(id, _svv), 1, 0, 0, X, Y, Z, RESULT, meaning)                 \
    KERNEL3(NAME(id, _vsv), 0, 1, 0, X, Y, Z, RESULT, meaning)                 \
    KERNEL3(NAME(id, _ssv), 1, 1, 0, X, Y, Z, RESULT, meaning)                 \
    KERNEL3(NAME(id, _vvs), 0, 0, 1, X, Y, Z, RESULT, meaning)                 \
    KERNEL3(NAME(id, _svs), 1, 0, 1, X, Y, Z, RESULT, meaning)                 \
    KERNEL3(NAME(id, _vss), 0, 1, 1, X, Y, Z, RESULT, meaning)

#define LOOPS_T_T(id, meaning) UNARY(id, T, T, meaning)
#define LOOPS_T_B(id, meaning) UNARY(id, T, B, meaning)
#define LOOPS_T_R(id, meaning) UNARY(id, T, R, meaning)
#define LOOPS_T_U8(id, meaning) UNARY(id, T, U8, meaning)
#define LOOPS_TT_T(id, meaning) BINARY(id, T, T, T, meaning)
#define LOOPS_TT_B(id, meaning) BINARY(id, T, T, B, meaning)
#define LOOPS_TI_T(id, meaning) BINARY(id, T, I, T, meaning)
#define LOOPS_RR_T(id, meaning) BINARY(id, R, R, T, meaning)
#define LOOPS_TTT_T(id, meaning) TERNARY(id, T, T, T, T, meaning)
#define LOOPS_BTT_T(id, meaning) TERNARY(id, B, T, T, T, meaning)

#define OP(id, group, names, syntax, sig, domain, promote, meaning, math, inlined, accuracy, params, doc) \
    IN_##domain(UNLESS_##math(LOOPS_##sig(id, meaning)))
#include "engine/ops.def"

#define FORMS1(id) {NAME(id, _v)}
#define FORMS2(id) {NAME(id, _vv), NAME(id, _sv), NAME(id, _vs)}
#define FORMS3(id)                                                                                         \
    {NAME(id, _vvv), NAME(id, _svv), NAME(id, _vsv), NAME(id, _ssv), NAME(id, _vvs), NAME(id, _svs), NAME(id, _vss)}
#define FORMS_T_T FORMS1
#define FORMS_T_B FORMS1
#define FORMS_T_R FORMS1
#define FORMS_T_U8 FORMS1
#define FORMS_TT_T FORMS2
#define FORMS_TT_B FORMS2
#define FORMS_TI_T FORMS2
#define FORMS_RR_T FORMS2
#define FORMS_TTT_T FORMS3
#define FORMS_BTT_T FORMS3

#define TABLE CAT4(nx_kernels_, SUFFIX, _, ISA)
extern nx_kernel *const TABLE[NX_OP_COUNT][NX_MAX_FORMS];
nx_kernel *const TABLE[NX_OP_COUNT][NX_MAX_FORMS] = {
#define OP(id, group, names, syntax, sig, domain, promote, meaning, math, inlined, accuracy, params, doc) \
    IN_##domain(UNLESS_##math([NX_OP_##id] = FORMS_##sig(id),))
#include "engine/ops.def"
};
