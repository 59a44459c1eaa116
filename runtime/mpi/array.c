/* SPDX-License-Identifier: MIT */
/* Distributed arrays: their memory, what they tell of themselves, and those that need no exchange. */
#include "runtime/mpi/array.h"

#include <string.h>

nexpr_mpi_array_info nexpr_mpi_array_info_init(void) {
    return (nexpr_mpi_array_info){.size = sizeof(nexpr_mpi_array_info)};
}

/* --------------------------------------------------------------------------------------------------- life and views -- */

nexpr_mpi_array *nx_array_new(nx_call *c) {
    nx_memory memory;
    nexpr_mpi_array *a = (nexpr_mpi_array *)nx_call_allocate(c, sizeof *a, "an array", &memory);
    if (!a) return NULL;
    memset(a, 0, sizeof *a);
    a->mpi = c->mpi;
    a->own_memory = memory;
    return a;
}

void nexpr_mpi_array_free(nexpr_mpi_array **array) {
    nexpr_mpi_array *a = array ? *array : NULL;
    if (!a) return;
    nx_memory_free(&a->memory);
    if (a->taken.owner) nexpr_array_free(&a->taken);
    nx_layout_free(&a->layout);
    nx_memory own = a->own_memory;
    nx_memory_free(&own);
    *array = NULL;
}

void nx_array_place(nx_call *c, nexpr_mpi_array *a, int64_t before, int64_t after, char *data) {
    if (!nx_call_is_ok(c)) return;
    const nx_layout *l = &a->layout;
    const int64_t count = nx_layout_count(l, c->mpi->rank), rows = before + count + after;
    const int64_t bytes = nx_layout_outer(l) * rows * nx_layout_inner(l);
    a->before = before;
    a->after = after;
    a->data = data ? data : nx_call_allocate(c, bytes, "a slab", &a->memory);
    memcpy(a->local_shape, l->shape, sizeof a->local_shape);
    memcpy(a->wide_shape, l->shape, sizeof a->wide_shape);
    if (l->first) a->local_shape[l->axis] = count;
    if (l->first) a->wide_shape[l->axis] = rows;
    int64_t stride = l->item;
    for (int i = l->ndim - 1; i >= 0; i--) {
        a->strides[i] = stride;
        stride *= a->wide_shape[i];
    }
}

void nx_array_rows(const nexpr_mpi_array *a, int rank, int64_t *ret_begin, int64_t *ret_end) {
    const nx_layout *l = &a->layout;
    const int64_t begin = nx_layout_begin(l, rank), end = nx_layout_end(l, rank), n = l->first ? l->shape[l->axis] : end;
    const bool has_copies = l->first && begin < end;
    *ret_begin = !has_copies ? begin : begin < a->width[0] ? 0 : begin - a->width[0];
    *ret_end = !has_copies ? end : n - end < a->width[1] ? n : end + a->width[1];
}

nx_place nx_array_place_of(const nexpr_mpi_array *a) {
    return (nx_place){.layout = &a->layout, .data = a->data, .before = a->before, .after = a->after};
}

static nexpr_status view(const nexpr_mpi_array *a, const int64_t *shape, int64_t skipped, nexpr_array *ret) {
    *ret = (nexpr_array){.size = ret->size, .data = a->data + skipped, .dtype = a->layout.dtype, .ndim = a->layout.ndim,
                         .shape = shape, .strides = a->strides};
    return NEXPR_OK;
}

nexpr_status nexpr_mpi_array_local(const nexpr_mpi_array *array, nexpr_array *ret_slab) {
    if (!array || !ret_slab) return NEXPR_ARGUMENT;
    return view(array, array->local_shape, array->before * nx_layout_inner(&array->layout), ret_slab);
}

nexpr_status nexpr_mpi_array_local_wide(const nexpr_mpi_array *array, nexpr_array *ret_slab) {
    return array && ret_slab ? view(array, array->wide_shape, 0, ret_slab) : NEXPR_ARGUMENT;
}

nexpr_status nexpr_mpi_array_describe(const nexpr_mpi_array *array, nexpr_mpi_array_info *ret_info) {
    if (!array || !ret_info) return NEXPR_ARGUMENT;
    const nx_layout *l = &array->layout;
    const int rank = array->mpi->rank;
    nexpr_mpi_array_info all = {.size = ret_info->size, .mpi = array->mpi, .dtype = l->dtype, .ndim = l->ndim,
                                .shape = l->shape, .axis = l->axis, .first = l->first, .begin = nx_layout_begin(l, rank),
                                .count = l->first ? nx_layout_count(l, rank) : 0, .before = array->before,
                                .after = array->after};
    memcpy(ret_info, &all, all.size < sizeof all ? all.size : sizeof all);
    return NEXPR_OK;
}

nexpr_status nx_array_finish(nx_call *c, nexpr_mpi_array *a, nexpr_mpi_array **ret_array) {
    nexpr_status status = nx_call_agree(c);
    if (status) nexpr_mpi_array_free(&a);
    else *ret_array = a;
    return status;
}

nexpr_status nx_array_give_up(nx_call *c, nexpr_mpi_array *a) {
    nexpr_mpi_array_free(&a);
    return c->error.status;
}

/* ----------------------------------------------------------------------------------------------------- from a slab -- */

void nx_array_check(nx_call *c, const nexpr_array *array) {
    if (!array) {
        nx_call_raise(c, NEXPR_ARGUMENT, "%s: the array is NULL", c->name);
        return;
    }
    nx_layout l;
    nx_call scratch = *c; /* its hash is of what may differ */
    nx_layout_describe(&scratch, array->dtype, array->ndim, array->shape, &l);
    c->error = scratch.error;
    if (!nx_call_is_ok(c)) return;
    if (l.bytes && !array->data) nx_call_raise(c, NEXPR_ARGUMENT, "%s: the array has no data", c->name);
    if (array->byte_order != NEXPR_NATIVE) {
        nx_call_raise(c, NEXPR_ARGUMENT, "%s: the array has another byte order than the machine", c->name);
    }
    int64_t expected = l.item;
    for (int i = l.ndim - 1; array->strides && l.bytes && i >= 0; i--) {
        if (l.shape[i] != 1 && array->strides[i] != expected) {
            nx_call_raise(c, NEXPR_ARGUMENT, "%s: the array is not contiguous in C order: the stride of axis %d is %lld, "
                          "and would be %lld", c->name, i, (long long)array->strides[i], (long long)expected);
            return;
        }
        expected *= l.shape[i];
    }
}

/* Tells all ranks the lengths of all slabs. */
static void collect_counts(nx_call *c, nx_layout *l, int64_t count) {
    const int ranks = c->mpi->ranks;
    nx_call_check(c, MPI_Allgather(&count, 1, MPI_INT64_T, l->first + 1, 1, MPI_INT64_T, c->mpi->comm), "MPI_Allgather");
    l->first[0] = 0;
    for (int r = 0; nx_call_is_ok(c) && r < ranks; r++) {
        if (__builtin_add_overflow(l->first[r], l->first[r + 1], &l->first[r + 1])) {
            nx_call_raise(c, NEXPR_SHAPE, "%s: the slabs are too long together", c->name);
        }
    }
    int64_t shape[NEXPR_MAX_NDIM];
    memcpy(shape, l->shape, sizeof shape);
    shape[l->axis] = l->first[ranks];
    nx_layout whole = {.ndim = 0};
    if (nx_call_is_ok(c)) nx_layout_describe(c, l->dtype, l->ndim, shape, &whole);
    memcpy(l->shape, whole.shape, sizeof shape);
    l->bytes = whole.bytes;
}

/* What has to be the same everywhere: all but the length of the axis. */
static void describe_slab(nx_call *c, int axis, const nexpr_array *slab, nx_layout *l) {
    nx_array_check(c, slab);
    NX_CALL_HASH(c, axis);
    if (!nx_call_is_ok(c)) return;
    if (axis < NEXPR_MPI_REPLICATED || axis >= slab->ndim) {
        nx_call_raise(c, NEXPR_ARGUMENT, "%s: there is no axis %d to split in an array of %d axes", c->name, axis,
                      slab->ndim);
        return;
    }
    int64_t shape[NEXPR_MAX_NDIM] = {0};
    for (int i = 0; i < slab->ndim; i++) shape[i] = i == axis ? 0 : slab->shape[i];
    nx_layout_describe(c, slab->dtype, slab->ndim, axis < 0 ? slab->shape : shape, l);
    nexpr_mpi_layout split = nexpr_mpi_layout_init(axis);
    nx_layout_distribute(c, &split, l);
}

nexpr_status nexpr_mpi_array_from_slab(nexpr_mpi *mpi, int axis, nexpr_array *slab, nexpr_mpi_ownership ownership,
                                       nexpr_mpi_array **ret_array, nexpr_error *err) {
    nx_call c;
    nexpr_status status = nx_call_begin(&c, mpi, "nexpr_mpi_array_from_slab", err);
    if (status) return status;
    nexpr_mpi_array *a = nx_array_new(&c);
    NX_CALL_HASH(&c, ownership);
    if (!ret_array) nx_call_raise(&c, NEXPR_ARGUMENT, "%s: ret_array is NULL", c.name);
    if (a) describe_slab(&c, axis, slab, &a->layout);
    if (nx_call_is_ok(&c) && ownership == NEXPR_MPI_TAKE && !slab->owner) {
        nx_call_raise(&c, NEXPR_ARGUMENT, "%s: only what nexpr allocated can be taken over", c.name);
    }
    if (!nx_call_goes_on(&c)) return nx_array_give_up(&c, a);
    if (axis >= 0) collect_counts(&c, &a->layout, slab->shape[axis]);
    nx_array_place(&c, a, 0, 0, ownership == NEXPR_MPI_COPY ? NULL : slab->data);
    if (nx_call_is_ok(&c) && ownership == NEXPR_MPI_COPY) {
        const int64_t bytes = nx_layout_slab_bytes(&a->layout, mpi->rank);
        if (bytes) memcpy(a->data, slab->data, (size_t)bytes);
    }
    status = nx_array_finish(&c, a, ret_array);
    if (status || ownership != NEXPR_MPI_TAKE) return status;
    (*ret_array)->taken = *slab;
    *slab = nexpr_array_init();
    return NEXPR_OK;
}

/* ---------------------------------------------------------------------------------------------------- by a function -- */

static void ask(nx_call *c, nexpr_read *fill, void *user, int64_t first, int64_t count, char *to) {
    nexpr_error *e = &c->error;
    nexpr_status status = fill(user, first, count, to, e);
    if (!status) {
        *e = nexpr_error_init();
    } else if (!e->message[0]) {
        e->status = NEXPR_OK;
        nx_call_raise(c, status, "%s: the function failed at element %lld: %s", c->name, (long long)first,
                      nexpr_status_text(status));
    }
    if (status) e->status = status;
}

static void fill_slab(nx_call *c, nexpr_mpi_array *a, nexpr_read *fill, void *user) {
    const nx_layout *l = &a->layout;
    const int64_t outer = nx_layout_outer(l), inner = nx_layout_inner(l) / l->item, begin = nx_layout_begin(l, c->mpi->rank);
    const int64_t count = nx_layout_count(l, c->mpi->rank) * inner, axis = l->first ? l->shape[l->axis] : 1;
    const int64_t piece = c->mpi->piece / l->item ? c->mpi->piece / l->item : 1;
    char *to = a->data;
    for (int64_t o = 0; o < outer; o++) {
        const int64_t first = (o * axis + begin) * inner;
        for (int64_t at = 0, n; nx_call_is_ok(c) && at < count; at += n, to += n * l->item) {
            n = piece < count - at ? piece : count - at;
            ask(c, fill, user, first + at, n, to);
        }
    }
}

nexpr_status nexpr_mpi_array_generate(nexpr_mpi *mpi, nexpr_dtype dtype, int ndim, const int64_t *shape,
                                      const nexpr_mpi_layout *layout, nexpr_read *fill, void *user,
                                      nexpr_mpi_array **ret_array, nexpr_error *err) {
    nx_call c;
    nexpr_status status = nx_call_begin(&c, mpi, "nexpr_mpi_array_generate", err);
    if (status) return status;
    nexpr_mpi_array *a = nx_array_new(&c);
    if (!ret_array || !fill) nx_call_raise(&c, NEXPR_ARGUMENT, "%s: fill or ret_array is NULL", c.name);
    if (a) nx_layout_describe(&c, dtype, ndim, shape, &a->layout);
    if (a) nx_layout_distribute(&c, layout, &a->layout);
    if (a) nx_array_place(&c, a, 0, 0, NULL);
    if (nx_call_is_ok(&c)) fill_slab(&c, a, fill, user);
    return nx_array_finish(&c, a, ret_array);
}
