/* SPDX-License-Identifier: MIT */
/*
 * Compiled code, and the table of it by what it does. The table is bounded by bytes. What goes first is worth least: uses
 * times the time that it took to make, by byte, on top of the worth of what went last when it was used last, so that what
 * is not used any more grows old. Code that somebody holds stays.
 */
#ifndef NX_JIT_CACHE_H
#define NX_JIT_CACHE_H

#include "jit/arena.h"
#include "jit/jit.h"
#include "jit/observe.h"

/* Code, or what is to become code: reference counted. What `state` publishes is constant from then on. */
typedef struct nx_code {
    atomic_size_t refs;
    _Atomic uint32_t state; /* nx_jit_state; a word to sleep on */
    _Atomic(nx_segment_kernel *) entry;
    nx_jit_source source;   /* published by state, as are the next nine */
    nexpr_status status;
    char *reason;           /* NULL: none, or no memory for it */
    size_t reason_bytes, code_bytes;
    uint64_t ready_ns;
    nx_code_pages pages;
    size_t entry_offset;
    nx_observed *observed;
    struct nx_code *next_queued;
    struct nx_code *next;   /* in the table: under its lock, as is the rest */
    bool is_in_table;
    bool is_wanted;         /* whatever it takes; else it is only looked for */
    size_t charged;         /* what the table counts it with */
    uint64_t uses, cost_ns;
    double worth;
    uint64_t hash;          /* constant, as is the rest: of isa and segment */
    nx_isa isa;
    size_t segment_bytes;
    _Alignas(nx_segment) char segment[];
} nx_code;

enum { NX_CODE_BUCKETS = 1024 };

/* All functions are for who holds the lock of the table. */
typedef struct nx_code_table {
    nx_code *buckets[NX_CODE_BUCKETS];
    size_t bytes, limit;
    double age; /* the worth of what went last */
} nx_code_table;

uint64_t nx_code_hash(nx_isa isa, const nx_segment *segment, size_t bytes);
/* PENDING, with one reference. NULL if memory is out. */
nx_code *nx_code_new(const nexpr_allocator *allocator, uint64_t hash, nx_isa isa, const nx_segment *segment, size_t bytes);
/* Drops a reference that is not needed any more. */
void nx_code_unref(const nexpr_allocator *allocator, nx_code_arena *arena, nx_code *code);

/* NULL if it is not there. No new reference. */
nx_code *nx_code_table_find(const nx_code_table *table, uint64_t hash, nx_isa isa, const nx_segment *segment, size_t bytes);
void nx_code_table_add(nx_code_table *table, nx_code *code);
/* Counts a use. */
void nx_code_table_use(nx_code_table *table, nx_code *code);
/* Code of the table was made: it has more bytes and a cost. */
void nx_code_table_made(nx_code_table *table, nx_code *code, uint64_t cost_ns);
/* The table's reference goes to the caller. */
void nx_code_table_remove(nx_code_table *table, nx_code *code);
/* Removes what the table is too large by and returns it, linked by `next`; each with the table's reference. */
nx_code *nx_code_table_shrink(nx_code_table *table, size_t limit);

#endif
