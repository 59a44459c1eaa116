/* SPDX-License-Identifier: MIT */
/*
 * Time by step. Of every so many blocks one is run with a look at the clock behind each of its steps; what that takes is
 * scaled to all. The clock is the processor's counter where that counts at a constant rate, else the system's.
 */
#ifndef NX_VM_SAMPLE_H
#define NX_VM_SAMPLE_H

#include "vm/vm.h"

/* Phases of vm/code.h, and the panels. */
enum { NX_SAMPLE_KINDS = 5, NX_SAMPLE_PANELS = 4, NX_SAMPLE_GAP = 63 };

/* One of these kinds: elements of the blocks so far, of those that were measured, and when the next one is due: at first
 * after every block, then after twice as many each time, up to NX_SAMPLE_GAP. */
typedef struct nx_sample_count {
    uint64_t items, measured, told; /* told: of items, those that were collected before (runtime/profile.c) */
    uint32_t wait, gap;
    double least; /* ticks of an element in the quickest block so far; 0: there was none */
} nx_sample_count;

/* What one thread measures of one code. */
typedef struct nx_vm_sample {
    nx_sample_count counts[NX_SAMPLE_KINDS];
    uint64_t last, overhead;
    uint64_t *ticks; /* by part of the code: of measured blocks only */
    uint64_t *block; /* likewise, of the one that is being measured */
} nx_vm_sample;

/* Now, in ticks of one rate on all processors. */
uint64_t nx_ticks(void);
/* The same when all that comes before is done. */
uint64_t nx_ticks_after(void);
/* What a look at the clock takes, at least. */
uint64_t nx_ticks_overhead(void);

/* Begins a measured block: the clock runs. */
void nx_sample_start(nx_vm_sample *sample, int kind);

/* Whether the block that is about to be run, of so many elements, is to be measured; then it has begun. */
static inline bool nx_sample_begin(nx_vm_sample *sample, int kind, int64_t items) {
    nx_sample_count *count = &sample->counts[kind];
    count->items += (uint64_t)items;
    if (__builtin_expect(count->wait != 0, 1)) {
        count->wait--;
        return false;
    }
    nx_sample_start(sample, kind);
    return true;
}
/* The time since then, or since the last call, was part `i`. */
void nx_sample_note(nx_vm_sample *sample, uint32_t i);
/* The block has ended; its parts were those from `first` up to `end`. If it was interrupted, as its time tells, it does not
 * count: another one of so many would have its time many times over. */
void nx_sample_end(nx_vm_sample *sample, int kind, int64_t items, uint32_t first, uint32_t end);
/* Ticks of all blocks that a part of this kind took, by those that were measured; 0 if none was. */
double nx_sample_scaled(const nx_vm_sample *sample, int kind, uint32_t i);

#endif
