/* SPDX-License-Identifier: MIT */
/* See results.h. */
#include "tests/mpi/results.h"
#include "tests/mpi/check.h"
#include "tests/support/elements.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_RANKS = 64 };

/* Whether all bits of an exponent are set, and some behind it: of numbers of `size` bytes. */
static bool is_nan(const char *at, int64_t size) {
    static const int exponents[] = {[2] = 5, [4] = 8, [8] = 11};
    const int exponent = exponents[size], fraction = (int)size * 8 - 1 - exponent;
    uint64_t bits = 0;
    memcpy(&bits, at, (size_t)size);
    return (bits >> fraction & ((1u << exponent) - 1)) == (1u << exponent) - 1 && bits << (64 - fraction);
}

static int64_t part_size(nexpr_dtype dtype) {
    const char *name = nexpr_dtype_name(dtype);
    const int64_t size = (int64_t)nexpr_dtype_size(dtype);
    return !strncmp(name, "complex", 7) ? size / 2 : !strncmp(name, "float", 5) ? size : 0;
}

static bool are_equal(const char *a, const char *b, int64_t bytes, nexpr_dtype dtype) {
    const int64_t size = part_size(dtype);
    if (!memcmp(a, b, (size_t)bytes)) return true;
    for (int64_t at = 0; size && at < bytes; at += size) {
        if (memcmp(a + at, b + at, (size_t)size) && !(is_nan(a + at, size) && is_nan(b + at, size))) return false;
    }
    return size;
}

bool has_results(const nexpr_mpi_array *array, const nexpr_array *wanted) {
    char *plain = elements_copy(wanted);
    nexpr_array whole = nexpr_array_init();
    bool same = true;
    whole.dtype = wanted->dtype;
    whole.ndim = wanted->ndim;
    whole.shape = wanted->shape;
    whole.data = malloc((size_t)elements_bytes(wanted) + 1);
    const int root = ranks / 2;
    EXPECT(NEXPR_OK, nexpr_mpi_array_gather(array, root, rank == root ? &whole : NULL, &err));
    if (rank == root) same = are_equal(whole.data, plain, elements_bytes(wanted), wanted->dtype);
    free(whole.data);
    free(plain);
    return same;
}

nexpr_mpi_array *distribute_randomly(nexpr_mpi *mpi, const nexpr_array *whole, uint64_t seed) {
    nexpr_mpi_layout layout = nexpr_mpi_layout_init((int)(seed % (uint64_t)(whole->ndim + 1)) - 1);
    nexpr_mpi_array *ret = NULL;
    int64_t counts[MAX_RANKS];
    if (layout.axis >= 0 && seed / 7 % 3) {
        random_counts(seed, whole->shape[layout.axis], counts);
        layout.counts = counts;
    }
    EXPECT(NEXPR_OK, nexpr_mpi_array_scatter(mpi, 0, whole, &layout, &ret, &err));
    return ret;
}
