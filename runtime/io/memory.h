/* SPDX-License-Identifier: MIT */
/* Memory for elements. */
#ifndef NX_IO_MEMORY_H
#define NX_IO_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* At least one byte, aligned to a cache line; large stretches lie on huge pages, for fewer page faults. Freed by free().
 * NULL if there is none. */
void *nx_io_allocate(size_t bytes);
/* Reverses the bytes of every unit. */
void nx_io_swap_bytes(char *data, int64_t bytes, int64_t unit);

#endif
