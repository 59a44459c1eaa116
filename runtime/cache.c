/* SPDX-License-Identifier: MIT */
/*
 * A list of entries in the order of their last use, searched from the front: it is short, and the hash is compared first.
 * Nobody waits for the lock for ever: in a child forked while another thread held it, it stays locked, and the cache is
 * then passed by.
 */
#include "runtime/cache.h"

#include "runtime/expr.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

enum { LOCK_TRIES = 1000 };

typedef struct entry {
    struct entry *next;
    uint64_t hash;
    nexpr *expr;
    size_t length;
    char key[];
} entry;

struct nx_cache {
    nx_memory memory;
    pthread_mutex_t mutex;
    entry *first;
    size_t count, capacity;
};

nx_cache *nx_cache_new(const nexpr_allocator *allocator, size_t capacity) {
    nx_cache *cache = nx_allocate(allocator, 1, sizeof *cache);
    if (!cache) return NULL;
    *cache = (nx_cache){.capacity = capacity, .mutex = PTHREAD_MUTEX_INITIALIZER};
    nx_memory_init(&cache->memory, allocator);
    return cache;
}

static void free_entry(nx_cache *cache, entry *x) {
    nexpr_free(&x->expr);
    nx_release(cache->memory.use, x, sizeof *x + x->length, 1);
}

void nx_cache_free(nx_cache **ret_cache) {
    nx_cache *cache = *ret_cache;
    *ret_cache = NULL;
    if (!cache) return;
    for (entry *x = cache->first, *next; x; x = next) {
        next = x->next;
        free_entry(cache, x);
    }
    pthread_mutex_destroy(&cache->mutex);
    nx_memory memory = cache->memory;
    nx_release(memory.use ? &memory.copy : NULL, cache, 1, sizeof *cache);
}

static bool lock(nx_cache *cache) {
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (!pthread_mutex_trylock(&cache->mutex)) return true;
        sched_yield();
    }
    return false;
}

static uint64_t hash_key(const char *key, size_t length) {
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < length; i++) h = (h ^ (unsigned char)key[i]) * 0x100000001B3u;
    return h;
}

/* The link to the entry of this key, or to the end. */
static entry **find_link(nx_cache *cache, uint64_t hash, const void *key, size_t length) {
    entry **link = &cache->first;
    for (; *link; link = &(*link)->next) {
        entry *x = *link;
        if (x->hash == hash && x->length == length && !memcmp(x->key, key, length)) break;
    }
    return link;
}

static void push_front(nx_cache *cache, entry *x) {
    x->next = cache->first;
    cache->first = x;
}

nexpr *nx_cache_find(nx_cache *cache, const void *key, size_t length) {
    uint64_t hash = hash_key(key, length);
    nexpr *found = NULL;
    if (!lock(cache)) return NULL;
    entry **link = find_link(cache, hash, key, length), *x = *link;
    if (x) {
        *link = x->next;
        push_front(cache, x);
        found = nx_expr_ref(x->expr);
    }
    pthread_mutex_unlock(&cache->mutex);
    return found;
}

static entry *remove_last(nx_cache *cache) {
    entry **link = &cache->first;
    while ((*link)->next) link = &(*link)->next;
    entry *last = *link;
    *link = NULL;
    cache->count--;
    return last;
}

void nx_cache_keep(nx_cache *cache, const void *key, size_t length, const nexpr *expr) {
    entry *x = nx_allocate(cache->memory.use, sizeof *x + length, 1), *dropped = NULL;
    if (!x) return;
    *x = (entry){.hash = hash_key(key, length), .expr = nx_expr_ref(expr), .length = length};
    memcpy(x->key, key, length);
    if (lock(cache)) {
        if (*find_link(cache, x->hash, key, length)) {
            dropped = x; /* another thread was faster */
        } else {
            push_front(cache, x);
            if (++cache->count > cache->capacity) dropped = remove_last(cache);
        }
        pthread_mutex_unlock(&cache->mutex);
    } else {
        dropped = x;
    }
    if (dropped) free_entry(cache, dropped);
}
