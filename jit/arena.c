/* SPDX-License-Identifier: MIT */
#include "jit/arena.h"

#include <errno.h>
#include <sys/mman.h>

enum { PAGE = 4096, CHUNK_PAGES = 64 };

/* Code of more pages has a chunk of its own. */
struct nx_code_chunk {
    nx_code_chunk *next;
    unsigned char *base;
    size_t pages;  /* CHUNK_PAGES, or more */
    uint64_t used; /* a bit for each page */
};

void nx_code_arena_init(nx_code_arena *arena, const nexpr_allocator *allocator) {
    *arena = (nx_code_arena){.allocator = allocator};
}

static void free_chunk(nx_code_arena *arena, nx_code_chunk *chunk) {
    munmap(chunk->base, chunk->pages * PAGE);
    nx_release(arena->allocator, chunk, 1, sizeof *chunk);
}

static void lock(nx_code_arena *arena) {
    if (nx_lock_take(&arena->lock) != NX_LOCK_BROKEN) return;
    arena->chunks = NULL;
    arena->generation++;
}

void nx_code_arena_free(nx_code_arena *arena) {
    lock(arena);
    for (nx_code_chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free_chunk(arena, chunk);
    }
    arena->chunks = NULL;
    nx_lock_drop(&arena->lock);
}

static nexpr_status fail(nexpr_error *err) {
    if (errno == ENOMEM || errno == EAGAIN) return nx_fail_memory(err);
    return nx_fail(err, NEXPR_UNSUPPORTED, NX_NOWHERE,
                   "this process may not make memory executable (error %d): PR_SET_MDWE, a seccomp filter or SELinux "
                   "forbids it", errno);
}

/* ----------------------------------------------------------------------------------------- giving out pages -- */

/* The bits of `pages` pages that are free and adjacent, the first there are; 0 if there are none. */
static uint64_t find_free(const nx_code_chunk *chunk, size_t pages) {
    if (pages > CHUNK_PAGES) return 0;
    uint64_t run = pages == CHUNK_PAGES ? UINT64_MAX : (UINT64_C(1) << pages) - 1;
    for (size_t first = 0; first + pages <= CHUNK_PAGES; first++) {
        if (!(chunk->used & run << first)) return run << first;
    }
    return 0;
}

/* It begins writable and is written to because the system merges only mappings that agree in both: pages whose rights change
 * and change back become part of the mapping again. */
static nexpr_status map_chunk(nx_code_chunk *chunk, nexpr_error *err) {
    size_t bytes = chunk->pages * PAGE;
    unsigned char *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return fail(err);
    *(volatile unsigned char *)base = 0;
    if (mprotect(base, bytes, PROT_READ | PROT_EXEC)) {
        nexpr_status status = fail(err);
        munmap(base, bytes);
        return status;
    }
    chunk->base = base;
    return NEXPR_OK;
}

static nexpr_status add_chunk(nx_code_arena *arena, size_t pages, nexpr_error *err) {
    nx_code_chunk *chunk = nx_allocate(arena->allocator, 1, sizeof *chunk);
    if (!chunk) return nx_fail_memory(err);
    *chunk = (nx_code_chunk){.next = arena->chunks, .pages = pages > CHUNK_PAGES ? pages : CHUNK_PAGES};
    nexpr_status status = map_chunk(chunk, err);
    if (status) nx_release(arena->allocator, chunk, 1, sizeof *chunk);
    else arena->chunks = chunk;
    return status;
}

static nexpr_status take_pages(nx_code_arena *arena, size_t pages, nx_code_pages *ret, nexpr_error *err) {
    nx_code_chunk *chunk = arena->chunks;
    uint64_t run = 0;
    while (chunk && !(run = find_free(chunk, pages))) chunk = chunk->next;
    if (!chunk) {
        NX_TRY(add_chunk(arena, pages, err));
        chunk = arena->chunks;
        run = chunk->pages > CHUNK_PAGES ? UINT64_MAX : find_free(chunk, pages);
    }
    chunk->used |= run;
    *ret = (nx_code_pages){chunk->base + __builtin_ctzll(run) * (size_t)PAGE, pages * PAGE, chunk, arena->generation};
    return NEXPR_OK;
}

/* Gives back the address space of a chunk that holds nothing, if there is another one for what comes next. */
static nx_code_chunk *drop_spare(nx_code_arena *arena, nx_code_chunk *chunk) {
    nx_code_chunk **link = &arena->chunks;
    bool has_other = chunk->pages > CHUNK_PAGES;
    for (nx_code_chunk *c = arena->chunks; c; c = c->next) has_other |= c != chunk && !c->used;
    if (chunk->used || !has_other) return NULL;
    while (*link != chunk) link = &(*link)->next;
    *link = chunk->next;
    return chunk;
}

void nx_code_release(nx_code_arena *arena, nx_code_pages *pages) {
    nx_code_pages p = *pages;
    nx_code_chunk *spare = NULL;
    *pages = (nx_code_pages){0};
    if (!p.at) return;
    lock(arena);
    if (p.generation == arena->generation) {
        size_t count = p.bytes / PAGE;
        uint64_t run = count >= CHUNK_PAGES ? UINT64_MAX : (UINT64_C(1) << count) - 1;
        madvise(p.at, p.bytes, MADV_DONTNEED);
        p.chunk->used &= ~(run << (size_t)(p.at - p.chunk->base) / PAGE);
        spare = drop_spare(arena, p.chunk);
    }
    nx_lock_drop(&arena->lock);
    if (spare) free_chunk(arena, spare);
}

/* --------------------------------------------------------------------------------------------- writing code -- */

/* Pages that were given out and that nobody else knows of. What fails here leaves them as they are: without code, and
 * maybe writable, which the next use of them asks for anyway. */
static nexpr_status fill_pages(const nx_code_pages *pages, nx_code_writer *write, void *user, nexpr_error *err) {
    if (mprotect(pages->at, pages->bytes, PROT_READ | PROT_WRITE)) return fail(err);
    NX_TRY(write(user, pages->at, err));
    return mprotect(pages->at, pages->bytes, PROT_READ | PROT_EXEC) ? fail(err) : NEXPR_OK;
}

nexpr_status nx_code_make(nx_code_arena *arena, size_t bytes, nx_code_writer *write, void *user, nx_code_pages *ret,
                          nexpr_error *err) {
    nx_code_pages pages;
    lock(arena);
    nexpr_status status = take_pages(arena, (bytes - 1) / PAGE + 1, &pages, err);
    nx_lock_drop(&arena->lock);
    if (status) return status;
    status = fill_pages(&pages, write, user, err);
    if (status) {
        nx_code_release(arena, &pages);
        return status;
    }
    atomic_store_explicit(&arena->works, true, memory_order_relaxed);
    *ret = pages;
    return NEXPR_OK;
}

static nexpr_status write_return(void *user, unsigned char *at, nexpr_error *err) {
    (void)user, (void)err;
    *at = 0xC3;
    return NEXPR_OK;
}

nexpr_status nx_code_check(nx_code_arena *arena, nexpr_error *err) {
    nx_code_pages pages;
    if (atomic_load_explicit(&arena->works, memory_order_relaxed)) return NEXPR_OK;
    NX_TRY(nx_code_make(arena, 1, write_return, NULL, &pages, err));
    nx_code_release(arena, &pages);
    return NEXPR_OK;
}
