/* SPDX-License-Identifier: MIT */
/* A hash table with open addressing, at most half full. The seed is an address, so that no text can aim at one slot. */
#include "parser/names.h"

#include <string.h>

enum { FIRST_CAPACITY = 16 };

static uint64_t hash_name(const nx_names *names, const char *text, size_t length) {
    uint64_t h = (uint64_t)(uintptr_t)names->arena ^ length;
    for (size_t i = 0; i < length; i++) {
        h = (h ^ (unsigned char)text[i]) * 0x9E3779B97F4A7C15;
        h ^= h >> 29;
    }
    return h;
}

static nx_symbol **find_slot(nx_symbol **slots, size_t capacity, uint64_t hash, const char *text, size_t length) {
    for (size_t i = hash;; i++) {
        nx_symbol **slot = &slots[i & (capacity - 1)], *symbol = *slot;
        if (!symbol) return slot;
        if (symbol->hash == hash && symbol->length == length && !memcmp(symbol->text, text, length)) return slot;
    }
}

static bool grow(nx_names *names) {
    size_t capacity = names->capacity ? names->capacity * 2 : FIRST_CAPACITY;
    nx_symbol **slots = nx_arena_alloc(names->arena, capacity, sizeof *slots);
    if (!slots) return false;
    for (size_t i = 0; i < names->capacity; i++) {
        nx_symbol *symbol = names->slots[i];
        if (symbol) *find_slot(slots, capacity, symbol->hash, symbol->text, symbol->length) = symbol;
    }
    names->slots = slots;
    names->capacity = capacity;
    return true;
}

nx_symbol *nx_names_intern(nx_names *names, const char *text, size_t length) {
    if (names->count * 2 >= names->capacity && !grow(names)) return NULL;
    uint64_t hash = hash_name(names, text, length);
    nx_symbol **slot = find_slot(names->slots, names->capacity, hash, text, length);
    if (*slot) return *slot;
    nx_symbol *symbol = nx_arena_alloc(names->arena, sizeof *symbol + length + 1, 1);
    if (!symbol) return NULL;
    symbol->hash = hash;
    symbol->length = (uint32_t)length;
    memcpy(symbol->text, text, length);
    names->count++;
    return *slot = symbol;
}
