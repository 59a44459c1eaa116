/* SPDX-License-Identifier: MIT */
/*
 * The second tier of a nest: the same program linked for segments, whose kernels come from the JIT. The VM's code is always
 * there and runs until all kernels are; then runs go over to it, between tasks. Both have the same bits.
 */
#ifndef NX_RUNTIME_TIER_H
#define NX_RUNTIME_TIER_H

#include "jit/jit.h"
#include "vm/vm.h"

typedef enum nx_tier_state {
    NX_TIER_LINKED,     /* its kernels have not been asked for */
    NX_TIER_ABSENT,     /* nor found; only compiling helps */
    NX_TIER_ASKING,     /* a thread does it */
    NX_TIER_PENDING,    /* they have been */
    NX_TIER_INSTALLING, /* a thread does it */
    NX_TIER_READY,
    NX_TIER_RESTING,    /* ready, while the VM is measured */
    NX_TIER_REFUSED,    /* one of them was */
    NX_TIER_SLOWER,     /* than the VM, as was found out */
} nx_tier_state;

typedef struct nx_tier {
    const nexpr_allocator *allocator;
    nx_vm_code *code;
    nx_jit_kernel **kernels; /* by segment; NULL: not asked for, or memory was out */
    uint32_t count;
    _Atomic int state;
} nx_tier;

/* Links the program once more. *ret stays NULL if it has nothing to compile. Errors: MEMORY. */
nexpr_status nx_tier_new(const nx_vm_program *program, const nexpr_allocator *allocator, const nx_vm_layout *layout,
                         nx_tier **ret, nexpr_error *err);
void nx_tier_free(nx_tier **tier);
/* Asks for the kernels, unless it has been done. Any thread, at any time. */
void nx_tier_request(nx_tier *tier, nx_jit *jit, nx_jit_effort effort);
/* Back to the VM for good, if the tier is ready; or until it is woken. Any thread, at any time. */
void nx_tier_leave(nx_tier *tier);
void nx_tier_rest(nx_tier *tier);
void nx_tier_wake(nx_tier *tier);
static inline bool nx_tier_is_resting(nx_tier *tier) {
    return tier && atomic_load_explicit(&tier->state, memory_order_relaxed) == NX_TIER_RESTING;
}
static inline bool nx_tier_is_left(nx_tier *tier) {
    return tier && atomic_load_explicit(&tier->state, memory_order_relaxed) == NX_TIER_SLOWER;
}
/* Whether there is one whose kernels have not been asked for; or not to be compiled. */
static inline bool nx_tier_is_linked(nx_tier *tier) {
    return tier && atomic_load_explicit(&tier->state, memory_order_relaxed) == NX_TIER_LINKED;
}
static inline bool nx_tier_is_idle(nx_tier *tier) {
    return nx_tier_is_linked(tier) || (tier && atomic_load_explicit(&tier->state, memory_order_relaxed) == NX_TIER_ABSENT);
}
/* The code that runs, its own or that of the VM, if it is settled which one; else NULL. */
static inline const nx_vm_code *nx_tier_settled(nx_tier *tier, const nx_vm_code *vm) {
    const int state = tier ? atomic_load_explicit(&tier->state, memory_order_acquire) : NX_TIER_LINKED;
    if (state == NX_TIER_READY) return tier->code;
    return state == NX_TIER_LINKED || state == NX_TIER_ABSENT || state >= NX_TIER_REFUSED ? vm : NULL;
}
/* The tier's code once all kernels are there, else NULL. Any thread, at any time; tier may be NULL. */
const nx_vm_code *nx_tier_code(nx_tier *tier);

#endif
