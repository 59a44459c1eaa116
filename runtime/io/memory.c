/* SPDX-License-Identifier: MIT */
#include "runtime/io/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20, CACHE_LINE = 64 };

void *nx_io_allocate(size_t bytes) {
    void *data;
    bool is_large = bytes >= 2 * (size_t)HUGE_PAGE;
    if (posix_memalign(&data, is_large ? HUGE_PAGE : CACHE_LINE, bytes ? bytes : 1)) return NULL;
    if (is_large) madvise(data, bytes, MADV_HUGEPAGE);
    return data;
}

void nx_io_swap_bytes(char *data, int64_t bytes, int64_t unit) {
    for (char *end = data + bytes; data < end; data += unit) {
        for (int64_t i = 0; i < unit / 2; i++) {
            char c = data[i];
            data[i] = data[unit - 1 - i];
            data[unit - 1 - i] = c;
        }
    }
}
