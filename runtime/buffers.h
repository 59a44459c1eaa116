/* SPDX-License-Identifier: MIT */
/*
 * Memory for outputs that the library hands out: aligned to 64 bytes, on huge pages where that pays, with a bounded cache
 * of what was given back. A buffer may outlive the context it was made in.
 */
#ifndef NX_RUNTIME_BUFFERS_H
#define NX_RUNTIME_BUFFERS_H

#include "nexpr.h"

typedef struct nx_buffers nx_buffers;

/* The allocator (NULL: malloc, and mmap for large buffers) is copied. The cache holds at most `cached_bytes` bytes; 0: no
 * cache. NULL if memory is out. Holds one reference. */
nx_buffers *nx_buffers_new(const nexpr_allocator *allocator, size_t cached_bytes);
/* Gives up the reference of nx_buffers_new and empties the cache; no buffer may be taken any more. What the buffers still
 * in use need lives until the last of them is given back. */
void nx_buffers_unref(nx_buffers **buffers);
/* From now on the cache holds at most so many bytes. */
void nx_buffers_allow(nx_buffers *buffers, size_t cached_bytes);
/* Bytes in the cache. */
size_t nx_buffers_cached(nx_buffers *buffers);

/* `bytes` bytes aligned to 64, not zeroed, and `header_bytes` more aligned to 16 for the caller to use (shape, strides).
 * NULL if memory is out, also without what is in the cache. Thread-safe. */
void *nx_buffer_take(nx_buffers *buffers, size_t bytes, size_t header_bytes);
/* The header of a buffer, given what nx_buffer_take returned. */
void *nx_buffer_header(void *data);
/* Gives a buffer back; NULL is fine. Any thread, also when nx_buffers_unref was called. */
void nx_buffer_give(void *data);

#endif
