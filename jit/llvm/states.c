/* SPDX-License-Identifier: MIT */
#include "jit/llvm/states.h"

#define STATE_WIDE_T STATE_VALUE
#define STATE_ORDERED_T STATE_VALUE
#define STATE_BOOL_T STATE_VALUE
#define STATE_ORDERED_I STATE_PLACE
#define STATE_DOUBLE_T STATE_MOMENT

state_kind state_of(nx_reducer reducer) {
    static const uint8_t kinds[NX_REDUCER_COUNT] = {
#define REDUCER(id, loops, result, start, step, empty, op) [NX_REDUCER_##id] = STATE_##loops##_##result,
#include "engine/reducers.def"
    };
    return (state_kind)kinds[reducer];
}

bool has_state(nx_reducer reducer, nexpr_dtype loop) {
    if (!nx_reducer_has_loop(reducer, loop)) return false;
    switch (state_of(reducer)) {
    case STATE_VALUE: return find_step(reducer, loop);
    case STATE_PLACE: return find_lowering(NX_OP_less, loop);
    default: return true;
    }
}

static vec is_nan(emitter *e, nexpr_dtype loop, value x) {
    e->loop = loop;
    return find_lowering(NX_OP_isnan, loop)(e, x, x, x).part[0];
}

/* Of reals that is one comparison, which is true of a NaN, and what l is. */
vec takes_place(emitter *e, nx_reducer reducer, nexpr_dtype loop, value l, value x) {
    lowering *less = find_lowering(NX_OP_less, loop);
    const nx_class class = nx_dtype_class(loop);
    const bool is_least = reducer == NX_REDUCER_argmin;
    e->loop = loop;
    if (class == NX_CLASS_REAL) {
        const vec is_number = LLVMBuildFCmp(e->builder, LLVMRealORD, l.part[0], l.part[0], "");
        const LLVMRealPredicate beats = is_least ? LLVMRealULT : LLVMRealUGT;
        return i_and(e, is_number, LLVMBuildFCmp(e->builder, beats, x.part[0], l.part[0], ""));
    }
    const vec beats = (is_least ? less(e, x, l, l) : less(e, l, x, x)).part[0];
    if (class != NX_CLASS_COMPLEX) return beats;
    return i_or(e, beats, i_and(e, is_nan(e, loop, x), i_not(e, is_nan(e, loop, l))));
}

value choose_value(emitter *e, vec c, value x, value y) {
    const vec second = x.part[1] ? choose(e, c, x.part[1], y.part[1]) : NULL;
    return pair(choose(e, c, x.part[0], y.part[0]), second);
}
