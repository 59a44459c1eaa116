/* SPDX-License-Identifier: MIT */
/* The reducers' states in machine code, for whoever adds elements to them. */
#ifndef NX_JIT_LLVM_STATES_H
#define NX_JIT_LLVM_STATES_H

#include "jit/llvm/body.h"

/* What a node of a reducer's tree is: a value, an extremum and its place, or a sum of squared distances and a mean. */
typedef enum state_kind { STATE_VALUE, STATE_PLACE, STATE_MOMENT } state_kind;

state_kind state_of(nx_reducer reducer);
/* Whether elements of this dtype can be added to such a state. */
bool has_state(nx_reducer reducer, nexpr_dtype loop);
/* Of argmin and argmax: whether x, which comes later, takes l's place. */
vec takes_place(emitter *e, nx_reducer reducer, nexpr_dtype loop, value l, value x);

/* c ? x : y, part by part. */
value choose_value(emitter *e, vec c, value x, value y);
/* Bits of an element's part in memory, where a bool is a byte. */
static inline unsigned bits_of(nexpr_dtype dtype) {
    return dtype == NEXPR_BOOL ? 8 : part_bits(dtype);
}

#endif
