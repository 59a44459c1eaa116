/* SPDX-License-Identifier: MIT */
/*
 * Profiles: where the time of evaluations goes. A nest that is profiled has, for each thread, what that thread measured of
 * it; when the nest has run, this is added to the nest's record in the profile, which outlives plans and is shared by all
 * that were asked to write to it. Without a profile there is nothing of this but one pointer that is NULL.
 */
#ifndef NX_RUNTIME_PROFILE_H
#define NX_RUNTIME_PROFILE_H

#include "runtime/plan.h"
#include "vm/sample.h"

/* Measures the linked nest for its profile, in place of what there was. Errors: MEMORY. */
nexpr_status nx_profile_attach(nx_nest *nest, nexpr_error *err);
void nx_profile_detach(nx_nest *nest);

/* nx_vm_run and nx_profile_compute of a nest that is measured; `vm` is completed. */
void nx_profile_compute(nx_nest_profile *measured, int worker, nx_vm_args *vm, const int64_t first[2],
                        const int64_t count[2]);
static inline void nx_nest_compute(const nx_nest *nest, int worker, nx_vm_args *vm, const int64_t first[2],
                                   const int64_t count[2]) {
    if (__builtin_expect(nest->measured != NULL, 0)) nx_profile_compute(nest->measured, worker, vm, first, count);
    else nx_vm_run(vm, first, count);
}

/* A task that began at `begin`, by nx_ticks, has ended. */
void nx_profile_task(nx_nest_profile *measured, int worker, uint64_t begin);

/* Laps of a run: what happened since the last one belongs to the phase. */
typedef enum nx_lap {
    NX_LAP_PLAN,
    NX_LAP_CODE,
    NX_LAP_COMPUTE,
    NX_LAP_COPY,
    NX_LAP_READ,
    NX_LAP_WRITE,
    NX_LAP_COUNT
} nx_lap;
typedef struct nx_laps {
    nexpr_profile *profile; /* NULL: nobody asks */
    uint64_t last, ticks[NX_LAP_COUNT];
} nx_laps;

static inline nx_laps nx_laps_begin(nexpr_profile *profile) {
    return (nx_laps){.profile = profile, .last = profile ? nx_ticks() : 0};
}

static inline void nx_lap_end(nx_laps *laps, nx_lap lap) {
    if (__builtin_expect(laps->profile == NULL, 1)) return;
    const uint64_t now = nx_ticks();
    laps->ticks[lap] += now - laps->last;
    laps->last = now;
}

/* The last lap ends here: adds all to the profile. */
void nx_laps_finish(nx_laps *laps, nx_lap lap);

/* The nest has run: its tasks have ended. The lap is COMPUTE. */
void nx_profile_nest_ran(nx_laps *laps, const nexpr_plan *plan, nx_nest *nest);
/* A run has ended, whatever came of it: tells who asked. */
void nx_profile_ran(nx_laps *laps);
/* The expression that is going to run, for the time that it took to be made. */
void nx_profile_expression(nexpr_profile *profile, const nexpr *e);

#endif
