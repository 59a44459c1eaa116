/* SPDX-License-Identifier: MIT */
#include "vm/sample.h"

#include <cpuid.h>
#include <stdatomic.h>
#include <time.h>
#include <x86intrin.h>

/* CPUID tells whether the counter runs at one rate, whatever the processor does. Looked up once. */
static bool is_constant(void) {
    enum { UNKNOWN = -1, INVARIANT_TSC = 1 << 8 };
    static _Atomic int found = UNKNOWN;
    int is = atomic_load_explicit(&found, memory_order_relaxed);
    if (is != UNKNOWN) return is;
    unsigned a, b, c, d = 0;
    is = __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & INVARIANT_TSC);
    atomic_store_explicit(&found, is, memory_order_relaxed);
    return is;
}

static uint64_t system_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t nx_ticks(void) {
    return is_constant() ? __rdtsc() : system_ns();
}

/* Loads and what computes with them have to be complete; else the time that memory takes would be that of a later step. */
uint64_t nx_ticks_after(void) {
    _mm_lfence();
    return nx_ticks();
}

uint64_t nx_ticks_overhead(void) {
    uint64_t least = UINT64_MAX, last = nx_ticks_after();
    for (int i = 0; i < 32; i++) {
        const uint64_t now = nx_ticks_after();
        if (now - last < least) least = now - last;
        last = now;
    }
    return least;
}

void nx_sample_start(nx_vm_sample *sample, int kind) {
    nx_sample_count *count = &sample->counts[kind];
    count->wait = count->gap;
    if (count->gap < NX_SAMPLE_GAP) count->gap = 2 * count->gap + 1;
    sample->last = nx_ticks_after();
}

void nx_sample_note(nx_vm_sample *sample, uint32_t i) {
    const uint64_t now = nx_ticks_after(), took = now - sample->last;
    sample->block[i] = took > sample->overhead ? took - sample->overhead : 1;
    sample->last = now;
}

void nx_sample_end(nx_vm_sample *sample, int kind, int64_t items, uint32_t first, uint32_t end) {
    enum { INTERRUPTED = 16 };
    nx_sample_count *count = &sample->counts[kind];
    uint64_t sum = 0;
    for (uint32_t i = first; i < end; i++) sum += sample->block[i];
    const double one = (double)sum / (double)items;
    if (count->least > 0 && one > INTERRUPTED * count->least) return;
    if (count->least == 0 || one < count->least) count->least = one;
    for (uint32_t i = first; i < end; i++) sample->ticks[i] += sample->block[i];
    count->measured += (uint64_t)items;
}

double nx_sample_scaled(const nx_vm_sample *sample, int kind, uint32_t i) {
    const nx_sample_count *count = &sample->counts[kind];
    return count->measured ? (double)sample->ticks[i] * (double)count->items / (double)count->measured : 0;
}
