/* SPDX-License-Identifier: MIT */
/*
 * A buffer is one block: a record, the data, the caller's header. The record lies right before the data, so that the data's
 * address is all that one needs to give it back. Small blocks go straight to the allocator, which is as good at them;
 * freed larger ones wait in a short list, newest last. Large blocks without an allocator of the host's are mapped, with
 * the data at a multiple of the huge page size.
 *
 * The list has a lock that nobody waits for long: who does not get it passes the list by. So a child that was forked
 * while another thread held it goes on without a cache, and needs no fork handler.
 *
 * References: one for the context, one for each buffer in use; cached buffers have none.
 */
#include "runtime/buffers.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/arena.h"

enum { ALIGNMENT = 64, HEADER_ALIGNMENT = 16, MOST_CACHED = 32, LOCK_ATTEMPTS = 1000 };
#define HUGE_PAGE ((size_t)2 << 20)
#define SMALLEST_CACHED ((size_t)32 << 10)

typedef struct record {
    nx_buffers *owner;
    void *block;
    size_t block_bytes;
    size_t capacity;      /* bytes from the data to the end of the block */
    size_t header_offset; /* from the data */
    struct record *next;  /* in a list of blocks to be released */
    bool mapped;
} record;

_Static_assert(sizeof(record) <= ALIGNMENT, "the record fits before the data");

struct nx_buffers {
    nexpr_allocator copy;
    const nexpr_allocator *allocator; /* &copy, or NULL */
    _Atomic size_t references;
    _Atomic size_t allowed; /* bytes in the cache; set to 0 before the cache is emptied for good */
    atomic_bool locked;
    int count;     /* under the lock, as is the rest */
    size_t cached; /* bytes */
    record *list[MOST_CACHED];
};

static record *record_of(void *data) {
    return (record *)((char *)data - ALIGNMENT);
}

static void *data_of(record *r) {
    return (char *)r + ALIGNMENT;
}

static uintptr_t round_up(uintptr_t value, size_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

/* ----------------------------------------------------------------------------------------------------- blocks -- */

static record *place_record(nx_buffers *owner, void *block, size_t block_bytes, char *data, bool mapped) {
    record *r = record_of(data);
    *r = (record){.owner = owner, .block = block, .block_bytes = block_bytes, .mapped = mapped};
    r->capacity = (size_t)((char *)block + block_bytes - data);
    return r;
}

static record *allocate_block(nx_buffers *owner, size_t capacity) {
    size_t bytes = capacity + 2 * ALIGNMENT;
    char *block = nx_allocate(owner->allocator, bytes, 1);
    if (!block) return NULL;
    return place_record(owner, block, bytes, (char *)round_up((uintptr_t)block + ALIGNMENT, ALIGNMENT), false);
}

/* The record takes a page of its own before the huge ones. What is mapped beyond is unmapped at once. */
static record *map_block(nx_buffers *owner, size_t capacity) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), slack = HUGE_PAGE + page;
    capacity = round_up(capacity, page);
    char *mapping = mmap(NULL, capacity + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) return NULL;
    char *data = (char *)round_up((uintptr_t)mapping + page, HUGE_PAGE), *block = data - page, *end = data + capacity;
    if (block > mapping) munmap(mapping, (size_t)(block - mapping));
    if (end < mapping + capacity + slack) munmap(end, (size_t)(mapping + capacity + slack - end));
    madvise(data, capacity, MADV_HUGEPAGE);
    return place_record(owner, block, capacity + page, data, true);
}

static void release_block(record *r) {
    if (r->mapped) munmap(r->block, r->block_bytes);
    else nx_release(r->owner->allocator, r->block, r->block_bytes, 1);
}

static void release_list(record *list) {
    for (record *next; list; list = next) {
        next = list->next;
        release_block(list);
    }
}

/* ------------------------------------------------------------------------------------------------------ cache -- */

static bool try_lock(nx_buffers *buffers) {
    for (int i = 0; i < LOCK_ATTEMPTS; i++) {
        if (!atomic_load_explicit(&buffers->locked, memory_order_relaxed) &&
            !atomic_exchange_explicit(&buffers->locked, true, memory_order_acquire)) {
            return true;
        }
        __builtin_ia32_pause();
    }
    return false;
}

static void unlock(nx_buffers *buffers) {
    atomic_store_explicit(&buffers->locked, false, memory_order_release);
}

static record *remove_at(nx_buffers *buffers, int i) {
    record *r = buffers->list[i];
    buffers->cached -= r->block_bytes;
    buffers->count--;
    memmove(buffers->list + i, buffers->list + i + 1, (size_t)(buffers->count - i) * sizeof r);
    return r;
}

/* The newest, most likely still in the processor's cache, that has room without wasting more than a quarter. */
static record *find_cached(nx_buffers *buffers, size_t capacity) {
    if (capacity < SMALLEST_CACHED || !try_lock(buffers)) return NULL;
    record *found = NULL;
    for (int i = buffers->count - 1; i >= 0 && !found; i--) {
        size_t has = buffers->list[i]->capacity;
        if (capacity <= has && has - capacity <= capacity / 4) found = remove_at(buffers, i);
    }
    unlock(buffers);
    return found;
}

/* Takes the oldest out until `bytes` more may be kept. Returns them as a list. */
static record *make_room(nx_buffers *buffers, size_t bytes, size_t allowed) {
    record *dropped = NULL;
    while (buffers->count == MOST_CACHED || (buffers->count && buffers->cached > allowed - bytes)) {
        record *oldest = remove_at(buffers, 0);
        oldest->next = dropped;
        dropped = oldest;
    }
    return dropped;
}

/* Keeps r if it may. Returns the blocks to release. */
static record *insert(nx_buffers *buffers, record *r) {
    r->next = NULL;
    if (r->capacity < SMALLEST_CACHED || !try_lock(buffers)) return r;
    size_t allowed = atomic_load_explicit(&buffers->allowed, memory_order_relaxed);
    record *dropped = r;
    if (r->block_bytes <= allowed) {
        dropped = make_room(buffers, r->block_bytes, allowed);
        buffers->list[buffers->count++] = r;
        buffers->cached += r->block_bytes;
    }
    unlock(buffers);
    return dropped;
}

/* Leaves the newest `bytes` at most. Without the lock (a child forked at a bad moment) blocks are left where they are. */
static void shrink_cache(nx_buffers *buffers, size_t bytes) {
    if (!try_lock(buffers)) return;
    record *dropped = make_room(buffers, 0, bytes);
    unlock(buffers);
    release_list(dropped);
}

static void drop_reference(nx_buffers *buffers) {
    if (atomic_fetch_sub_explicit(&buffers->references, 1, memory_order_acq_rel) != 1) return;
    shrink_cache(buffers, 0);
    nexpr_allocator copy = buffers->copy;
    nx_release(buffers->allocator ? &copy : NULL, buffers, 1, sizeof *buffers);
}

/* -------------------------------------------------------------------------------------------------------- API -- */

nx_buffers *nx_buffers_new(const nexpr_allocator *allocator, size_t cached_bytes) {
    nx_buffers *buffers = nx_allocate(allocator, 1, sizeof *buffers);
    if (!buffers) return NULL;
    memset(buffers, 0, sizeof *buffers);
    if (allocator) {
        buffers->copy = *allocator;
        buffers->allocator = &buffers->copy;
    }
    atomic_init(&buffers->references, 1);
    atomic_init(&buffers->allowed, cached_bytes);
    return buffers;
}

void nx_buffers_unref(nx_buffers **buffers) {
    nx_buffers *b = *buffers;
    *buffers = NULL;
    if (!b) return;
    nx_buffers_allow(b, 0);
    drop_reference(b);
}

void nx_buffers_allow(nx_buffers *buffers, size_t cached_bytes) {
    atomic_store_explicit(&buffers->allowed, cached_bytes, memory_order_relaxed);
    shrink_cache(buffers, cached_bytes);
}

size_t nx_buffers_cached(nx_buffers *buffers) {
    if (!try_lock(buffers)) return 0;
    size_t cached = buffers->cached;
    unlock(buffers);
    return cached;
}

static record *new_block(nx_buffers *buffers, size_t capacity) {
    return capacity >= HUGE_PAGE && !buffers->allocator ? map_block(buffers, capacity) : allocate_block(buffers, capacity);
}

/* What is kept may be just the memory that is missing. */
static record *new_block_instead(nx_buffers *buffers, size_t capacity) {
    if (!nx_buffers_cached(buffers)) return NULL;
    shrink_cache(buffers, 0);
    return new_block(buffers, capacity);
}

void *nx_buffer_take(nx_buffers *buffers, size_t bytes, size_t header_bytes) {
    if (bytes > PTRDIFF_MAX / 2 || header_bytes > PTRDIFF_MAX / 2) return NULL;
    size_t header_offset = round_up(bytes, HEADER_ALIGNMENT);
    size_t capacity = header_offset + header_bytes;
    record *r = find_cached(buffers, capacity);
    if (!r) r = new_block(buffers, capacity);
    if (!r) r = new_block_instead(buffers, capacity);
    if (!r) return NULL;
    r->header_offset = header_offset;
    atomic_fetch_add_explicit(&buffers->references, 1, memory_order_relaxed);
    return data_of(r);
}

void *nx_buffer_header(void *data) {
    return (char *)data + record_of(data)->header_offset;
}

void nx_buffer_give(void *data) {
    if (!data) return;
    record *r = record_of(data);
    nx_buffers *owner = r->owner;
    release_list(insert(owner, r));
    drop_reference(owner);
}
