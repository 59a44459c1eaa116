/* SPDX-License-Identifier: MIT */
/* The inside of a profile: who measures (profile.c) writes it, who tells (profile_report.c) reads it. Times are in ticks of
 * vm/sample.h. */
#ifndef NX_RUNTIME_PROFILE_RECORD_H
#define NX_RUNTIME_PROFILE_RECORD_H

#include "runtime/profile.h"

#include <pthread.h>

/* The VM, and segments. NX_BLOCK_PHASE is NX_PHASE_BLOCK of vm/code.h. */
enum { NX_TIERS = 2, NX_TIER_OF_SEGMENTS = 1, NX_BLOCK_PHASE = 3 };

typedef struct nx_profile_part {
    nx_vm_part part;
    bool is_compiled;
    char name[NX_PART_NAME_MAX];
    const nx_span *places; /* part.place_count of them */
    double ticks; /* by samples */
    int64_t elements;
} nx_profile_part;

/* A nest, in all plans that have it. */
typedef struct nx_profile_record {
    struct nx_profile_record *next;
    const char *kind, *why;
    uint32_t pass, number;
    nx_span span;
    int64_t runs, elements, tasks[NX_TIERS];
    double wall, busy, vm; /* vm: of busy, in the backend */
    int threads, block_items, registers, segments;
    int64_t register_bytes;
    double bytes_per_element, operations_per_element, estimated_ns;
    bool is_uncached;
    nx_profile_part *parts;
    uint32_t part_count;
    size_t part_capacity;
} nx_profile_record;

struct nexpr_profile {
    nx_memory memory;
    nexpr_profiled *call;
    void *user;
    uint64_t begin_ticks, begin_ns; /* for the ticks of a nanosecond */
    pthread_mutex_t mutex;          /* guards all that follows */
    nx_arena arena;
    nx_profile_record *first, *last;
    int record_count;
    int64_t runs, added_ns[NEXPR_PHASE_WALL + 1];
    uint64_t laps[NX_LAP_COUNT], parse, compile;
};

#endif
