/* SPDX-License-Identifier: MIT */
/*
 * The rows of engine/ops.def that are inlined for a class, as functions that write their meaning, and the steps of
 * engine/reducers.def: what vm/kernels_tmpl.c is to the VM. Comes last in the file of the class, which has defined
 *   LOWERINGS      the name of the table that comes of it, and STEPS
 *   IN_<classes>   KEEP if the class is among them, else DROP, as do the loops of the reducers
 *   ADD(x, y), ... the words, functions of values, with `e` for the emitter. One that is missing is an error of the compiler
 */
#define KEEP(...) __VA_ARGS__
#define DROP(...)
#define IN_NONE DROP

/* Words that all classes have in common. */
#define LOGICAL_AND(x, y) single(i_and(e, TRUTH(x), TRUTH(y)))
#define LOGICAL_OR(x, y) single(i_or(e, TRUTH(x), TRUTH(y)))
#define LOGICAL_XOR(x, y) single(i_xor(e, TRUTH(x), TRUTH(y)))
#define LOGICAL_NOT(x) single(i_not(e, TRUTH(x)))

#define OP(id, group, names, syntax, sig, domain, promote, meaning, math, inlined, accuracy, params, doc) \
    IN_##inlined(static value lower_##id(emitter *e, value x, value y, value z) {                       \
        (void)e, (void)x, (void)y, (void)z;                                                             \
        return meaning;                                                                                 \
    })
#include "engine/ops.def"

lowering *const LOWERINGS[NX_OP_COUNT] = {
#define OP(id, group, names, syntax, sig, domain, promote, meaning, math, inlined, accuracy, params, doc) \
    IN_##inlined([NX_OP_##id] = lower_##id,)
#include "engine/ops.def"
};

/* Reducers whose state is a value. */
#define STEPS_WIDE_T IN_WIDE
#define STEPS_ORDERED_T IN_ORDERED
#define STEPS_BOOL_T IN_BOOL
#define STEPS_ORDERED_I DROP
#define STEPS_DOUBLE_T DROP

#define REDUCER(id, loops, result, start, step, empty, op)                                       \
    STEPS_##loops##_##result(static value step_##id(emitter *e, value l, value x) {          \
        return step;                                                                         \
    })
#include "engine/reducers.def"

stepping *const STEPS[NX_REDUCER_COUNT] = {
#define REDUCER(id, loops, result, start, step, empty, op) STEPS_##loops##_##result([NX_REDUCER_##id] = step_##id,)
#include "engine/reducers.def"
};
