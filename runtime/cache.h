/* SPDX-License-Identifier: MIT */
/* Compiled expressions by key, the least recently used one out first. */
#ifndef NX_RUNTIME_CACHE_H
#define NX_RUNTIME_CACHE_H

#include "nexpr.h"

typedef struct nx_cache nx_cache;

/* NULL if memory is out. */
nx_cache *nx_cache_new(const nexpr_allocator *allocator, size_t capacity);
void nx_cache_free(nx_cache **cache);
/* A reference to the expression of this key, to be freed by the caller, or NULL. Thread-safe. */
nexpr *nx_cache_find(nx_cache *cache, const void *key, size_t length);
/* Keeps a reference of its own under a copy of the key; if memory is out, or another thread holds the cache for long, the
 * expression is just not kept. Thread-safe. */
void nx_cache_keep(nx_cache *cache, const void *key, size_t length, const nexpr *expr);

#endif
