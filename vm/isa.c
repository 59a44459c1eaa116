/* SPDX-License-Identifier: MIT */
/*
 * Which kernels this machine can run. An instruction set counts only with all of the extensions that meson.build compiles
 * its kernels for, and only if the system saves its registers, which __builtin_cpu_supports sees to for avx2 and avx512f.
 */
#include "vm/kernels.h"

#include <cpuid.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[NX_ISA_COUNT] = {
    [NX_ISA_BASELINE] = "baseline",
    [NX_ISA_AVX2] = "avx2",
    [NX_ISA_AVX512] = "avx512",
};

/* The two that compilers do not all know by name. */
static bool has_f16c(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && c & bit_F16C;
}

static bool has_lzcnt(void) {
    unsigned a, b, c, d;
    return __get_cpuid(0x80000001, &a, &b, &c, &d) && c & bit_LZCNT;
}

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") && has_f16c() && has_lzcnt();
}

static bool has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
}

bool nx_isa_is_supported(nx_isa isa) {
    __builtin_cpu_init();
    switch (isa) {
    case NX_ISA_BASELINE: return true;
    case NX_ISA_AVX2: return has_avx2();
    case NX_ISA_AVX512: return has_avx2() && has_avx512();
    default: return false;
    }
}

static nx_isa choose(void) {
    const char *wanted = getenv("NEXPR_ISA");
    nx_isa best = NX_ISA_BASELINE;
    for (int i = 0; i < NX_ISA_COUNT; i++) {
        if (!nx_isa_is_supported((nx_isa)i)) continue;
        best = (nx_isa)i;
        if (wanted && !strcmp(wanted, names[i])) return best;
    }
    return best;
}

/* Threads that come first at once find the same. */
nx_isa nx_isa_current(void) {
    static atomic_int chosen = -1;
    int isa = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (isa < 0) {
        isa = (int)choose();
        int unset = -1;
        if (!atomic_compare_exchange_strong(&chosen, &unset, isa)) isa = unset;
    }
    return (nx_isa)isa;
}

const char *nx_isa_name(nx_isa isa) {
    return (unsigned)isa < NX_ISA_COUNT ? names[isa] : NULL;
}
