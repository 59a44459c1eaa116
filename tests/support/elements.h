/* SPDX-License-Identifier: MIT */
/* The elements of an array, however it lies, for tests that compare bytes. */
#ifndef NX_TESTS_SUPPORT_ELEMENTS_H
#define NX_TESTS_SUPPORT_ELEMENTS_H

#include "nexpr.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of all elements. */
static inline int64_t elements_bytes(const nexpr_array *a) {
    int64_t bytes = (int64_t)nexpr_dtype_size(a->dtype);
    for (int k = 0; k < a->ndim; k++) bytes *= a->shape[k];
    return bytes;
}

/* A copy of them in C order, for free(); NULL without memory. */
static inline char *elements_copy(const nexpr_array *a) {
    const int64_t size = (int64_t)nexpr_dtype_size(a->dtype), count = elements_bytes(a) / size;
    char *ret = malloc((size_t)elements_bytes(a) + 1);
    for (int64_t i = 0; ret && i < count; i++) {
        int64_t rest = i, offset = 0;
        for (int k = a->ndim - 1; k >= 0; k--) {
            offset += rest % a->shape[k] * a->strides[k];
            rest /= a->shape[k];
        }
        memcpy(ret + i * size, (const char *)a->data + offset, (size_t)size);
    }
    return ret;
}

#endif
