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

/* For who asks, or has found them absent. */
static void drop_kernels(nx_tier *tier) {
    for (uint32_t i = 0; tier->kernels && i < tier->count; i++) nx_jit_release(&tier->kernels[i]);
}

void nx_tier_free(nx_tier **ret_tier) {
    nx_tier *tier = *ret_tier;
    *ret_tier = NULL;
    if (!tier) return;
    drop_kernels(tier);
    nx_release(tier->allocator, tier->kernels, tier->count, sizeof *tier->kernels);
    if (tier->code) nx_vm_code_free(tier->allocator, tier->code);
    nx_release(tier->allocator, tier, 1, sizeof *tier);
}

/* Who finds the tier idle has it to itself. */
static bool begin_request(nx_tier *tier, nx_jit_effort effort) {
    int linked = NX_TIER_LINKED, absent = NX_TIER_ABSENT;
    if (atomic_compare_exchange_strong(&tier->state, &linked, NX_TIER_ASKING)) return true;
    return effort != NX_JIT_LOOK && atomic_compare_exchange_strong(&tier->state, &absent, NX_TIER_ASKING);
}

void nx_tier_request(nx_tier *tier, nx_jit *jit, nx_jit_effort effort) {
    if (!nx_tier_is_idle(tier) || !begin_request(tier, effort)) return;
    nexpr_status status = NEXPR_OK;
    for (uint32_t i = 0; i < tier->count && !status; i++) {
        status = nx_jit_get(jit, nx_vm_segment(tier->code, i), nx_isa_current(), effort, &tier->kernels[i], NULL);
    }
    atomic_store_explicit(&tier->state, status ? NX_TIER_REFUSED : NX_TIER_PENDING, memory_order_release);
}

static void change(nx_tier *tier, int from, int to) {
    atomic_compare_exchange_strong(&tier->state, &from, to);
}

void nx_tier_leave(nx_tier *tier) {
    change(tier, NX_TIER_READY, NX_TIER_SLOWER);
}

void nx_tier_rest(nx_tier *tier) {
    change(tier, NX_TIER_READY, NX_TIER_RESTING);
}

void nx_tier_wake(nx_tier *tier) {
    change(tier, NX_TIER_RESTING, NX_TIER_READY);
}

/* READY if all kernels are, REFUSED if one is, else PENDING if one is, else ABSENT. */
static nx_tier_state look(const nx_tier *tier) {
    uint32_t count[NX_JIT_ABSENT + 1] = {0};
    for (uint32_t i = 0; i < tier->count; i++) count[nx_jit_state_of(tier->kernels[i])]++;
    return count[NX_JIT_REFUSED] ? NX_TIER_REFUSED : count[NX_JIT_PENDING] ? NX_TIER_PENDING
         : count[NX_JIT_ABSENT] ? NX_TIER_ABSENT : NX_TIER_READY;
}

/* One thread at a time looks, and writes the kernels into the code when all are there. */
static void install(nx_tier *tier) {
    int pending = NX_TIER_PENDING;
    if (!atomic_compare_exchange_strong(&tier->state, &pending, NX_TIER_INSTALLING)) return;
    const nx_tier_state found = look(tier);
    for (uint32_t i = 0; found == NX_TIER_READY && i < tier->count; i++) {
        nx_vm_install(tier->code, i, nx_jit_entry(tier->kernels[i]));
    }
    if (found == NX_TIER_ABSENT) drop_kernels(tier);
    atomic_store_explicit(&tier->state, found, memory_order_release);
}

const nx_vm_code *nx_tier_code(nx_tier *tier) {
    if (!tier) return NULL;
    if (atomic_load_explicit(&tier->state, memory_order_acquire) == NX_TIER_PENDING) install(tier);
    return atomic_load_explicit(&tier->state, memory_order_acquire) == NX_TIER_READY ? tier->code : NULL;
}
