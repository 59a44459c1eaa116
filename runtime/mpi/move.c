/* SPDX-License-Identifier: MIT */
/* Arrays that come from one rank, go to one, or change their layout: calls around exchange.c. */
#include "runtime/mpi/array.h"

#include <string.h>

static void check_root(nx_call *c, int root) {
    NX_CALL_HASH(c, root);
    if (root < 0 || root >= c->mpi->ranks) {
        nx_call_raise(c, NEXPR_ARGUMENT, "%s: there is no rank %d among %d", c->name, root, c->mpi->ranks);
    }
}

/* What other ranks have to know of the root's array. */
typedef struct header {
    int64_t dtype, ndim, shape[NEXPR_MAX_NDIM];
} header;

static void broadcast_header(nx_call *c, int root, const nexpr_array *array, header *h) {
    memset(h, 0, sizeof *h);
    if (c->mpi->rank == root) {
        h->dtype = array->dtype;
        h->ndim = array->ndim;
        for (int i = 0; i < array->ndim; i++) h->shape[i] = array->shape[i];
    }
    nx_call_bcast(c, h, sizeof *h, root);
}

/* ------------------------------------------------------------------------------------------------------- from one -- */

/* A call that distributes what the root has; `source` is the layout of that. */
typedef struct distribution {
    nx_call call;
    nexpr_mpi_array *array;
    nx_layout source;
    nx_exchange exchange;
} distribution;

static void prepare(distribution *d, int root, const nexpr_array *array, const nexpr_mpi_layout *layout) {
    nx_call *c = &d->call;
    header h;
    broadcast_header(c, root, array, &h);
    nx_layout *l = &d->array->layout;
    nx_layout_describe(c, (nexpr_dtype)h.dtype, (int)h.ndim, h.shape, l);
    d->source = *l;
    nx_layout_distribute(c, layout, l);
    nx_array_place(c, d->array, 0, 0, NULL);
    if (!nx_call_is_ok(c) || !l->first) return;
    nx_layout_concentrate(c, root, &d->source);
    nx_place from = {.layout = &d->source, .data = c->mpi->rank == root ? array->data : NULL};
    nx_exchange_prepare(c, NX_SCATTER, root, from, nx_array_place_of(d->array), &d->exchange);
}

static void distribute(distribution *d, int root, const nexpr_array *array) {
    nx_call *c = &d->call;
    const int64_t bytes = d->array->layout.bytes;
    if (d->array->layout.first) {
        nx_exchange_run(c, &d->exchange);
        return;
    }
    if (c->mpi->rank == root && bytes) memcpy(d->array->data, array->data, (size_t)bytes);
    nx_call_bcast(c, d->array->data, bytes, root);
}

static nexpr_status from_root(distribution *d, int root, const nexpr_array *array, const nexpr_mpi_layout *layout,
                              nexpr_mpi_array **ret_array) {
    nx_call *c = &d->call;
    check_root(c, root);
    if (!ret_array) nx_call_raise(c, NEXPR_ARGUMENT, "%s: ret_array is NULL", c->name);
    if (c->mpi->rank == root) nx_array_check(c, array);
    d->array = nx_array_new(c);
    if (!nx_call_goes_on(c)) return nx_array_give_up(c, d->array);
    prepare(d, root, array, layout);
    const bool goes_on = nx_call_goes_on(c);
    if (goes_on) distribute(d, root, array);
    nexpr_status status = goes_on ? nx_array_finish(c, d->array, ret_array) : nx_array_give_up(c, d->array);
    nx_exchange_free(&d->exchange);
    nx_layout_free(&d->source);
    return status;
}

nexpr_status nexpr_mpi_array_scatter(nexpr_mpi *mpi, int root, const nexpr_array *array, const nexpr_mpi_layout *layout,
                                     nexpr_mpi_array **ret_array, nexpr_error *err) {
    distribution d = {.array = NULL};
    nexpr_status status = nx_call_begin(&d.call, mpi, "nexpr_mpi_array_scatter", err);
    return status ? status : from_root(&d, root, array, layout, ret_array);
}

nexpr_status nexpr_mpi_array_replicate(nexpr_mpi *mpi, int root, const nexpr_array *array, nexpr_mpi_array **ret_array,
                                       nexpr_error *err) {
    distribution d = {.array = NULL};
    const nexpr_mpi_layout everywhere = nexpr_mpi_layout_init(NEXPR_MPI_REPLICATED);
    nexpr_status status = nx_call_begin(&d.call, mpi, "nexpr_mpi_array_replicate", err);
    return status ? status : from_root(&d, root, array, &everywhere, ret_array);
}

/* --------------------------------------------------------------------------------------------------------- to one -- */

/* `into` has to be as the array is. */
static void check_target(nx_call *c, const nexpr_mpi_array *array, const nexpr_array *into) {
    const nx_layout *l = &array->layout;
    nx_array_check(c, into);
    if (!nx_call_is_ok(c)) return;
    if (into->dtype != l->dtype) {
        nx_call_raise(c, NEXPR_TYPE, "%s: the array is of %s, that of the root of %s", c->name, nexpr_dtype_name(l->dtype),
                      nexpr_dtype_name(into->dtype));
    }
    bool fits = into->ndim == l->ndim;
    for (int i = 0; fits && i < l->ndim; i++) fits = into->shape[i] == l->shape[i];
    if (!fits) nx_call_raise(c, NEXPR_SHAPE, "%s: the root's array has not the shape of the distributed one", c->name);
}

static nexpr_status gather(nx_call *c, const nexpr_mpi_array *array, int root, const nexpr_array *into) {
    nx_layout target = array->layout;
    nx_exchange x = {.rounds = 0};
    const bool is_root = c->mpi->rank == root;
    target.first = NULL;
    target.memory = (nx_memory){NULL, 0};
    check_root(c, root);
    if (is_root) check_target(c, array, into);
    if (nx_call_is_ok(c) && array->layout.first) {
        nx_layout_concentrate(c, root, &target);
        nx_place to = {.layout = &target, .data = is_root ? into->data : NULL};
        nx_exchange_prepare(c, NX_GATHER, root, nx_array_place_of(array), to, &x);
    }
    nexpr_status status;
    if (nx_call_goes_on(c)) {
        if (array->layout.first) nx_exchange_run(c, &x);
        else if (is_root && array->layout.bytes) memcpy(into->data, array->data, (size_t)array->layout.bytes);
        status = nx_call_agree(c);
    } else {
        status = c->error.status;
    }
    nx_exchange_free(&x);
    nx_layout_free(&target);
    return status;
}

nexpr_status nexpr_mpi_array_gather(const nexpr_mpi_array *array, int root, const nexpr_array *into, nexpr_error *err) {
    nx_call c;
    nexpr_status status = nx_call_begin(&c, array ? array->mpi : NULL, "nexpr_mpi_array_gather", err);
    if (status) return status;
    nx_layout_hash(&c, &array->layout);
    return gather(&c, array, root, into);
}

/* ---------------------------------------------------------------------------------------------------------- to all -- */

nexpr_status nexpr_mpi_array_redistribute(const nexpr_mpi_array *array, const nexpr_mpi_layout *layout,
                                          nexpr_mpi_array **ret_array, nexpr_error *err) {
    nx_call c;
    nexpr_status status = nx_call_begin(&c, array ? array->mpi : NULL, "nexpr_mpi_array_redistribute", err);
    if (status) return status;
    nx_exchange x = {.rounds = 0};
    nexpr_mpi_array *a = nx_array_new(&c);
    nx_layout_hash(&c, &array->layout);
    if (!ret_array) nx_call_raise(&c, NEXPR_ARGUMENT, "%s: ret_array is NULL", c.name);
    if (a) nx_layout_describe(&c, array->layout.dtype, array->layout.ndim, array->layout.shape, &a->layout);
    if (a) nx_layout_distribute(&c, layout, &a->layout);
    if (a) nx_array_place(&c, a, 0, 0, NULL);
    if (nx_call_is_ok(&c)) {
        nx_pattern pattern = !array->layout.first ? NX_LOCAL : !a->layout.first ? NX_REPLICATE : NX_SPREAD;
        nx_exchange_prepare(&c, pattern, 0, nx_array_place_of(array), nx_array_place_of(a), &x);
    }
    if (nx_call_goes_on(&c)) {
        nx_exchange_run(&c, &x);
        status = nx_array_finish(&c, a, ret_array);
    } else {
        status = nx_array_give_up(&c, a);
    }
    nx_exchange_free(&x);
    return status;
}
