/* SPDX-License-Identifier: MIT */
/*
 * Memory that is freed all at once. A program owns one arena with everything made for it; passes allocate and never free.
 */
#ifndef NX_ENGINE_ARENA_H
#define NX_ENGINE_ARENA_H

#include "nexpr.h"

/* allocator->allocate and release; NULL means malloc and free. Return NULL when memory is out, also for sizes that
 * overflow. nx_release(a, NULL, n) does nothing. */
void *nx_allocate(const nexpr_allocator *allocator, size_t count, size_t size);
void nx_release(const nexpr_allocator *allocator, void *memory, size_t count, size_t size);

typedef struct nx_arena_chunk nx_arena_chunk;

typedef struct nx_arena {
    const nexpr_allocator *allocator; /* outlives the arena; NULL: malloc */
    nx_arena_chunk *chunks;           /* newest first */
    size_t used;                      /* bytes of the newest chunk */
} nx_arena;

void nx_arena_init(nx_arena *arena, const nexpr_allocator *allocator);
void nx_arena_free(nx_arena *arena);
/* count * size bytes, zeroed, aligned to 16. NULL if memory is out or the product overflows. */
void *nx_arena_alloc(nx_arena *arena, size_t count, size_t size);
/* A NUL-terminated copy of length bytes. */
char *nx_arena_text(nx_arena *arena, const char *text, size_t length);
/* Room for one more element behind `count` elements of `size` bytes: returns `items`, or a copy twice as large with
 * *capacity raised. NULL if memory is out. Old copies stay in the arena, at most doubling its use. */
void *nx_arena_grow(nx_arena *arena, void *items, size_t count, size_t *capacity, size_t size);

#endif
