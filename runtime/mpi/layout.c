/* SPDX-License-Identifier: MIT */
/* Maps of ranks: see layout.h. */
#include "runtime/mpi/layout.h"

#include <string.h>

void nx_layout_describe(nx_call *c, nexpr_dtype dtype, int ndim, const int64_t *shape, nx_layout *ret) {
    memset(ret, 0, sizeof *ret);
    ret->axis = NEXPR_MPI_REPLICATED;
    ret->dtype = dtype;
    ret->item = ret->bytes = (int64_t)nexpr_dtype_size(dtype);
    if (!ret->item) nx_call_raise(c, NEXPR_ARGUMENT, "%s: there is no such dtype", c->name);
    if (ndim < 0 || ndim > NEXPR_MAX_NDIM || (ndim && !shape)) {
        nx_call_raise(c, NEXPR_ARGUMENT, "%s: ndim and shape are those of no array", c->name);
    }
    if (!nx_call_is_ok(c)) return;
    ret->ndim = ndim;
    int64_t bytes = ret->item; /* zeros do not hide sizes that are too large */
    for (int i = 0; i < ndim; i++) {
        ret->shape[i] = shape[i];
        if (shape[i] < 0 || __builtin_mul_overflow(bytes, shape[i] ? shape[i] : 1, &bytes)) {
            nx_call_raise(c, NEXPR_SHAPE, "%s: size %lld of axis %d is negative or too large", c->name, (long long)shape[i],
                          i);
            return;
        }
        ret->bytes *= shape[i];
    }
    NX_CALL_HASH(c, dtype);
    NX_CALL_HASH(c, ndim);
    nx_call_hash(c, ret->shape, (size_t)ret->ndim * sizeof *ret->shape);
}

static bool allocate_map(nx_call *c, nx_layout *l) {
    const int64_t bytes = ((int64_t)c->mpi->ranks + 1) * (int64_t)sizeof *l->first;
    l->first = (int64_t *)nx_call_allocate(c, bytes, "the map of ranks", &l->memory);
    return l->first;
}

static void take_counts(nx_call *c, const int64_t *counts, nx_layout *l) {
    const int64_t n = l->shape[l->axis];
    int64_t sum = 0;
    for (int r = 0; r < c->mpi->ranks; r++) {
        l->first[r] = sum;
        if (counts[r] < 0 || counts[r] > n - sum) {
            nx_call_raise(c, NEXPR_SHAPE, "%s: counts[%d] is %lld, where %lld of the %lld indices of axis %d are left",
                          c->name, r, (long long)counts[r], (long long)(n - sum), (long long)n, l->axis);
            return;
        }
        sum += counts[r];
    }
    l->first[c->mpi->ranks] = sum;
    if (sum != n) {
        nx_call_raise(c, NEXPR_SHAPE, "%s: the counts add up to %lld, axis %d has %lld indices", c->name, (long long)sum,
                      l->axis, (long long)n);
    }
    nx_call_hash(c, counts, sizeof *counts * (size_t)c->mpi->ranks);
}

static void make_blocks(const nexpr_mpi *mpi, nx_layout *l) {
    const int64_t n = l->shape[l->axis], each = n / mpi->ranks, more = n % mpi->ranks;
    for (int r = 0; r <= mpi->ranks; r++) l->first[r] = r * each + (r < more ? r : more);
}

void nx_layout_distribute(nx_call *c, const nexpr_mpi_layout *layout, nx_layout *l) {
    nexpr_mpi_layout all = nexpr_mpi_layout_init(l->ndim ? 0 : NEXPR_MPI_REPLICATED);
    if (layout) memcpy(&all, layout, layout->size < sizeof all ? layout->size : sizeof all);
    NX_CALL_HASH(c, all.axis);
    if (!nx_call_is_ok(c)) return;
    if (all.axis < NEXPR_MPI_REPLICATED || all.axis >= l->ndim) {
        nx_call_raise(c, NEXPR_ARGUMENT, "%s: there is no axis %d to split in an array of %d axes", c->name, all.axis,
                      l->ndim);
        return;
    }
    if (all.axis == NEXPR_MPI_REPLICATED || !allocate_map(c, l)) return;
    l->axis = all.axis;
    if (all.counts) take_counts(c, all.counts, l);
    else make_blocks(c->mpi, l);
}

void nx_layout_concentrate(nx_call *c, int rank, nx_layout *l) {
    if (!allocate_map(c, l)) return;
    l->axis = 0;
    for (int r = 0; r <= c->mpi->ranks; r++) l->first[r] = r > rank ? l->shape[0] : 0;
}

void nx_layout_hash(nx_call *c, const nx_layout *l) {
    NX_CALL_HASH(c, l->dtype);
    NX_CALL_HASH(c, l->ndim);
    NX_CALL_HASH(c, l->axis);
    nx_call_hash(c, l->shape, (size_t)l->ndim * sizeof *l->shape);
    if (l->first) nx_call_hash(c, l->first, ((size_t)c->mpi->ranks + 1) * sizeof *l->first);
}

void nx_layout_free(nx_layout *l) {
    nx_memory_free(&l->memory);
    l->first = NULL;
}

int64_t nx_layout_outer(const nx_layout *l) {
    int64_t outer = 1;
    for (int i = 0; i < l->axis; i++) outer *= l->shape[i];
    return outer;
}

int64_t nx_layout_inner(const nx_layout *l) {
    int64_t inner = l->item;
    for (int i = l->axis + 1; i < l->ndim; i++) inner *= l->shape[i];
    return inner;
}

int64_t nx_layout_begin(const nx_layout *l, int rank) {
    return l->first ? l->first[rank] : 0;
}

int64_t nx_layout_end(const nx_layout *l, int rank) {
    return !l->first ? 1 : l->last ? l->last[rank] : l->first[rank + 1];
}

int64_t nx_layout_count(const nx_layout *l, int rank) {
    return nx_layout_end(l, rank) - nx_layout_begin(l, rank);
}

int64_t nx_layout_slab_bytes(const nx_layout *l, int rank) {
    return nx_layout_outer(l) * nx_layout_count(l, rank) * nx_layout_inner(l);
}
