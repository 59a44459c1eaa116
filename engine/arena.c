/* SPDX-License-Identifier: MIT */
/* A list of chunks, each twice as large as the one before, so that small programs need one and large ones a few. */
#include "engine/arena.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CHUNK = 4096, LARGEST_CHUNK = 1 << 20, ALIGNMENT = 16 };

struct nx_arena_chunk {
    nx_arena_chunk *next;
    size_t size; /* of the whole chunk, this header included */
};

_Static_assert(sizeof(nx_arena_chunk) % ALIGNMENT == 0, "memory behind the header is aligned");

void *nx_allocate(const nexpr_allocator *allocator, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX) return NULL;
    if (!bytes) bytes = 1;
    return allocator ? allocator->allocate(allocator->user, bytes) : malloc(bytes);
}

void nx_release(const nexpr_allocator *allocator, void *memory, size_t count, size_t size) {
    if (!memory) return;
    size_t bytes = count * size;
    if (allocator) allocator->release(allocator->user, memory, bytes ? bytes : 1);
    else free(memory);
}

void nx_arena_init(nx_arena *arena, const nexpr_allocator *allocator) {
    *arena = (nx_arena){.allocator = allocator};
}

void nx_arena_free(nx_arena *arena) {
    const nexpr_allocator *allocator = arena->allocator;
    for (nx_arena_chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        nx_release(allocator, chunk, chunk->size, 1);
    }
    *arena = (nx_arena){.allocator = allocator};
}

static bool add_chunk(nx_arena *arena, size_t bytes) {
    size_t size = arena->chunks ? arena->chunks->size * 2 : FIRST_CHUNK;
    if (size > LARGEST_CHUNK) size = LARGEST_CHUNK;
    if (size < bytes + sizeof(nx_arena_chunk)) size = bytes + sizeof(nx_arena_chunk);
    nx_arena_chunk *chunk = nx_allocate(arena->allocator, size, 1);
    if (!chunk) return false;
    *chunk = (nx_arena_chunk){.next = arena->chunks, .size = size};
    arena->chunks = chunk;
    arena->used = sizeof *chunk;
    return true;
}

void *nx_arena_alloc(nx_arena *arena, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX / 2) return NULL;
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (!arena->chunks || arena->chunks->size - arena->used < bytes) {
        if (!add_chunk(arena, bytes)) return NULL;
    }
    char *memory = (char *)arena->chunks + arena->used;
    arena->used += bytes;
    return memset(memory, 0, bytes);
}

char *nx_arena_text(nx_arena *arena, const char *text, size_t length) {
    char *copy = nx_arena_alloc(arena, length + 1, 1);
    if (copy && length) memcpy(copy, text, length);
    return copy;
}

void *nx_arena_grow(nx_arena *arena, void *items, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) return items;
    size_t larger = *capacity ? *capacity * 2 : 16;
    void *copy = nx_arena_alloc(arena, larger, size);
    if (!copy) return NULL;
    if (count) memcpy(copy, items, count * size);
    *capacity = larger;
    return copy;
}
