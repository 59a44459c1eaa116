/* SPDX-License-Identifier: MIT */
#include "jit/cache.h"

#include <string.h>

#include "jit/hash.h"

uint64_t nx_code_hash(nx_isa isa, const nx_segment *segment, size_t bytes) {
    const uint8_t which = (uint8_t)isa;
    return nx_hash(nx_hash(NX_HASH_START, &which, 1), segment, bytes);
}

nx_code *nx_code_new(const nexpr_allocator *allocator, uint64_t hash, nx_isa isa, const nx_segment *segment, size_t bytes) {
    nx_code *code = nx_allocate(allocator, 1, sizeof *code + bytes);
    if (!code) return NULL;
    *code = (nx_code){.refs = 1, .hash = hash, .isa = isa, .segment_bytes = bytes};
    memcpy(code->segment, segment, bytes);
    return code;
}

void nx_code_unref(const nexpr_allocator *allocator, nx_code_arena *arena, nx_code *code) {
    if (atomic_fetch_sub_explicit(&code->refs, 1, memory_order_acq_rel) > 1) return;
    nx_unobserve(allocator, code->observed);
    nx_code_release(arena, &code->pages);
    nx_release(allocator, code->reason, 1, code->reason_bytes);
    nx_release(allocator, code, 1, sizeof *code + code->segment_bytes);
}

/* --------------------------------------------------------------------------------------------------- the table -- */

static size_t bytes_of(const nx_code *code) {
    return sizeof *code + code->segment_bytes + code->reason_bytes + code->pages.bytes;
}

static bool is_of(const nx_code *code, uint64_t hash, nx_isa isa, const nx_segment *segment, size_t bytes) {
    return code->hash == hash && code->isa == isa && code->segment_bytes == bytes && !memcmp(code->segment, segment, bytes);
}

nx_code *nx_code_table_find(const nx_code_table *table, uint64_t hash, nx_isa isa, const nx_segment *segment, size_t bytes) {
    nx_code *code = table->buckets[hash % NX_CODE_BUCKETS];
    while (code && !is_of(code, hash, isa, segment, bytes)) code = code->next;
    return code;
}

static void appraise(nx_code_table *table, nx_code *code) {
    code->worth = table->age + (double)code->uses * (double)code->cost_ns / (double)code->charged;
}

static void charge(nx_code_table *table, nx_code *code) {
    table->bytes -= code->charged;
    code->charged = bytes_of(code);
    table->bytes += code->charged;
}

void nx_code_table_add(nx_code_table *table, nx_code *code) {
    nx_code **bucket = &table->buckets[code->hash % NX_CODE_BUCKETS];
    code->next = *bucket;
    *bucket = code;
    code->is_in_table = true;
    code->uses = 1;
    charge(table, code);
    appraise(table, code);
}

void nx_code_table_use(nx_code_table *table, nx_code *code) {
    code->uses++;
    appraise(table, code);
}

void nx_code_table_made(nx_code_table *table, nx_code *code, uint64_t cost_ns) {
    charge(table, code);
    code->cost_ns = cost_ns;
    appraise(table, code);
}

void nx_code_table_remove(nx_code_table *table, nx_code *code) {
    nx_code **link = &table->buckets[code->hash % NX_CODE_BUCKETS];
    while (*link != code) link = &(*link)->next;
    *link = code->next;
    code->is_in_table = false;
    table->bytes -= code->charged;
}

/* Nobody but the table holds it. Who takes code from the table does so under its lock. */
static bool is_idle(const nx_code *code) {
    return atomic_load_explicit(&code->refs, memory_order_acquire) == 1;
}

static nx_code *find_least(const nx_code_table *table) {
    nx_code *least = NULL;
    for (int i = 0; i < NX_CODE_BUCKETS; i++) {
        for (nx_code *code = table->buckets[i]; code; code = code->next) {
            if ((!least || code->worth < least->worth) && is_idle(code)) least = code;
        }
    }
    return least;
}

nx_code *nx_code_table_shrink(nx_code_table *table, size_t limit) {
    nx_code *removed = NULL, *least;
    while (table->bytes > limit && (least = find_least(table))) {
        table->age = least->worth;
        nx_code_table_remove(table, least);
        least->next = removed;
        removed = least;
    }
    return removed;
}
