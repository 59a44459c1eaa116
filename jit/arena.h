/* SPDX-License-Identifier: MIT */
/*
 * Memory for machine code. It is never writable and executable at once: pages that hold no code are made writable, are
 * written, and become executable before anybody learns of them. Chunks of 64 pages are given out page by page; all pages
 * of a chunk that nobody writes at the moment, used or not, have the same rights, so that a chunk is one mapping.
 */
#ifndef NX_JIT_ARENA_H
#define NX_JIT_ARENA_H

#include "engine/arena.h"
#include "engine/status.h"
#include "jit/lock.h"

typedef struct nx_code_chunk nx_code_chunk;

/* Thread-safe. */
typedef struct nx_code_arena {
    const nexpr_allocator *allocator;
    nx_lock lock;
    nx_code_chunk *chunks;
    atomic_bool works;   /* whether any code was made */
    uint32_t generation; /* counts the chunks that were given up: see nx_code_release */
} nx_code_arena;

/* Code in the arena. */
typedef struct nx_code_pages {
    unsigned char *at; /* NULL: none */
    size_t bytes;      /* of whole pages */
    nx_code_chunk *chunk;
    uint32_t generation;
} nx_code_pages;

void nx_code_arena_init(nx_code_arena *arena, const nexpr_allocator *allocator);
/* Nothing is released that was not: code has to be. */
void nx_code_arena_free(nx_code_arena *arena);

/* Whether this process may make code at all: tries, unless it did. Errors: MEMORY, UNSUPPORTED. */
nexpr_status nx_code_check(nx_code_arena *arena, nexpr_error *err);
/* Writes `bytes` > 0 bytes of code: `write` gets zeroed memory at the address that it will run at. Errors: MEMORY,
 * UNSUPPORTED (the system forbids it), what `write` says. */
typedef nexpr_status nx_code_writer(void *user, unsigned char *at, nexpr_error *err);
nexpr_status nx_code_make(nx_code_arena *arena, size_t bytes, nx_code_writer *write, void *user, nx_code_pages *ret,
                          nexpr_error *err);
/* Nobody may be running it. In a process that was forked while a thread was inside the arena, what was made before is not
 * released: nobody knows whose pages it lies in. */
void nx_code_release(nx_code_arena *arena, nx_code_pages *pages);

#endif
