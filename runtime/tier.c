/* SPDX-License-Identifier: MIT */
#include "runtime/tier.h"

#include "vm/kernels.h"

nexpr_status nx_tier_new(const nx_vm_program *program, const nexpr_allocator *allocator, const nx_vm_layout *layout,
                         nx_tier **ret, nexpr_error *err) {
    nx_vm_layout with_segments = *layout;
    nx_tier *tier = nx_allocate(allocator, 1, sizeof *tier);
    *ret = NULL;
    if (!tier) return nx_fail_memory(err);
    *tier = (nx_tier){.allocator = allocator};
    with_segments.has_segments = true;
    nexpr_status status = nx_vm_link(program, allocator, &with_segments, &tier->code, err);
    if (!status) tier->count = nx_vm_segment_count(tier->code);
    if (tier->count) {
        tier->kernels = nx_allocate(allocator, tier->count, sizeof *tier->kernels);
        for (uint32_t i = 0; tier->kernels && i < tier->count; i++) tier->kernels[i] = NULL;
        if (!tier->kernels) status = nx_fail_memory(err);
    }
    if (status || !tier->count) nx_tier_free(&tier);
    *ret = tier;
    return status;
}

void nx_tier_free(nx_tier **ret_tier) {
    nx_tier *tier = *ret_tier;
    *ret_tier = NULL;
    if (!tier) return;
    for (uint32_t i = 0; tier->kernels && i < tier->count; i++) nx_jit_release(&tier->kernels[i]);
    nx_release(tier->allocator, tier->kernels, tier->count, sizeof *tier->kernels);
    if (tier->code) nx_vm_code_free(tier->allocator, tier->code);
    nx_release(tier->allocator, tier, 1, sizeof *tier);
}

void nx_tier_request(nx_tier *tier, nx_jit *jit, bool wait) {
    int linked = NX_TIER_LINKED;
    if (!tier || !atomic_compare_exchange_strong(&tier->state, &linked, NX_TIER_ASKING)) return;
    nexpr_status status = NEXPR_OK;
    for (uint32_t i = 0; i < tier->count && !status; i++) {
        status = nx_jit_get(jit, nx_vm_segment(tier->code, i), nx_isa_current(), wait, &tier->kernels[i], NULL);
    }
    atomic_store_explicit(&tier->state, status ? NX_TIER_REFUSED : NX_TIER_PENDING, memory_order_release);
}

void nx_tier_leave(nx_tier *tier) {
    int ready = NX_TIER_READY;
    atomic_compare_exchange_strong(&tier->state, &ready, NX_TIER_SLOWER);
}

/* READY if all kernels are, REFUSED if one is, else PENDING. */
static nx_tier_state look(const nx_tier *tier) {
    nx_tier_state state = NX_TIER_READY;
    for (uint32_t i = 0; i < tier->count; i++) {
        const nx_jit_state kernel = nx_jit_state_of(tier->kernels[i]);
        if (kernel == NX_JIT_REFUSED) return NX_TIER_REFUSED;
        if (kernel == NX_JIT_PENDING) state = NX_TIER_PENDING;
    }
    return state;
}

/* One of the threads that find all kernels there writes them into the code. */
static void install(nx_tier *tier) {
    int pending = NX_TIER_PENDING;
    const nx_tier_state found = look(tier);
    if (found == NX_TIER_PENDING || !atomic_compare_exchange_strong(&tier->state, &pending, NX_TIER_INSTALLING)) return;
    for (uint32_t i = 0; found == NX_TIER_READY && i < tier->count; i++) {
        nx_vm_install(tier->code, i, nx_jit_entry(tier->kernels[i]));
    }
    atomic_store_explicit(&tier->state, found, memory_order_release);
}

const nx_vm_code *nx_tier_code(nx_tier *tier) {
    if (!tier) return NULL;
    if (atomic_load_explicit(&tier->state, memory_order_acquire) == NX_TIER_PENDING) install(tier);
    return atomic_load_explicit(&tier->state, memory_order_acquire) == NX_TIER_READY ? tier->code : NULL;
}
