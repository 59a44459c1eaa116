/* SPDX-License-Identifier: MIT */
/*
 * Halos: the rows in front of a slab and those behind it, as two wants of each rank that has any (rows.h). A rank needs
 * [begin - before, begin) and [end, end + after), as far as they exist.
 */
#include "runtime/mpi/rows.h"

#include <string.h>

struct nexpr_mpi_halo {
    nexpr_mpi *mpi;
    const nexpr_mpi_array *array;
    nx_call call; /* that calls of MPI from begin to end belong to; what goes wrong in them, the end agrees on */
    nx_want *wants;
    nx_rows rows;
    int64_t shape[NX_WANTS][NEXPR_MAX_NDIM];
    nx_memory own_memory, want_memory;
};

/* ------------------------------------------------------------------------------------------------------------ steps -- */

static void prepare(nx_call *c, nexpr_mpi_halo *h, int64_t before, int64_t after) {
    const nx_layout *l = &h->array->layout;
    const int64_t n = l->shape[l->axis], bytes = c->mpi->ranks * NX_WANTS * (int64_t)sizeof *h->wants;
    h->wants = (nx_want *)nx_call_allocate(c, bytes, "a halo", &h->want_memory);
    if (!nx_call_is_ok(c)) return;
    for (int r = 0; r < c->mpi->ranks; r++) {
        const int64_t begin = l->first[r], end = l->first[r + 1];
        h->wants[r * NX_WANTS] = (nx_want){begin < before ? 0 : begin - before, begin};
        h->wants[r * NX_WANTS + 1] = (nx_want){end, n - end < after ? n : end + after};
        for (int side = 0; side < NX_WANTS && begin == end; side++) h->wants[r * NX_WANTS + side] = (nx_want){begin, begin};
    }
    for (int side = 0; side < NX_WANTS; side++) {
        const nx_want *w = &h->wants[c->mpi->rank * NX_WANTS + side];
        memcpy(h->shape[side], l->shape, sizeof h->shape[side]);
        h->shape[side][l->axis] = w->end - w->begin;
    }
    nx_rows_prepare(c, h->array, h->wants, &h->rows);
}

nexpr_status nexpr_mpi_halo_begin(nexpr_mpi_halo *halo, nexpr_error *err) {
    nexpr_mpi_halo *h = halo;
    nx_call c;
    nexpr_status status = nx_call_begin(&c, h ? h->mpi : NULL, "nexpr_mpi_halo_begin", err);
    if (status) return status;
    if (h->rows.is_under_way) return nx_mpi_fail(err, NEXPR_ARGUMENT, "%s: it has begun already", c.name);
    c.err = NULL;
    h->call = c;
    nx_rows_begin(&h->call, &h->rows);
    return NEXPR_OK;
}

bool nexpr_mpi_halo_test(nexpr_mpi_halo *halo) {
    return !halo || nx_rows_test(&halo->call, &halo->rows);
}

nexpr_status nexpr_mpi_halo_end(nexpr_mpi_halo *halo, nexpr_error *err) {
    nexpr_mpi_halo *h = halo;
    nx_call c;
    nexpr_status status = nx_call_begin(&c, h ? h->mpi : NULL, "nexpr_mpi_halo_end", err);
    if (status) return status;
    if (!h->rows.is_under_way) nx_call_raise(&c, NEXPR_ARGUMENT, "%s: it has not begun", c.name);
    nx_rows_end(&h->call, &h->rows);
    return nx_call_agree(&c);
}

/* ---------------------------------------------------------------------------------------------------- life and views -- */

nexpr_status nexpr_mpi_halo_new(const nexpr_mpi_array *array, int64_t before, int64_t after, nexpr_mpi_halo **ret_halo,
                                nexpr_error *err) {
    nx_call c;
    nexpr_status status = nx_call_begin(&c, array ? array->mpi : NULL, "nexpr_mpi_halo_new", err);
    if (status) return status;
    nx_memory memory;
    nexpr_mpi_halo *h = (nexpr_mpi_halo *)nx_call_allocate(&c, sizeof *h, "a halo", &memory);
    NX_CALL_HASH(&c, before);
    NX_CALL_HASH(&c, after);
    nx_layout_hash(&c, &array->layout);
    if (!ret_halo) nx_call_raise(&c, NEXPR_ARGUMENT, "%s: ret_halo is NULL", c.name);
    if (before < 0 || after < 0) nx_call_raise(&c, NEXPR_ARGUMENT, "%s: the widths must not be negative", c.name);
    if (!array->layout.first) nx_call_raise(&c, NEXPR_ARGUMENT, "%s: a replicated array has no halos", c.name);
    if (h) {
        memset(h, 0, sizeof *h);
        h->own_memory = memory;
        h->mpi = array->mpi;
        h->array = array;
        if (nx_call_is_ok(&c)) prepare(&c, h, before, after);
    }
    status = nx_call_agree(&c);
    if (status) nexpr_mpi_halo_free(&h);
    else *ret_halo = h;
    return status;
}

nexpr_status nexpr_mpi_halo_rows(const nexpr_mpi_halo *halo, nexpr_array *ret_before, nexpr_array *ret_after) {
    nexpr_array *const to[NX_WANTS] = {ret_before, ret_after};
    if (!halo) return NEXPR_ARGUMENT;
    for (int side = 0; side < NX_WANTS; side++) {
        if (!to[side]) continue;
        *to[side] = (nexpr_array){.size = to[side]->size, .data = halo->rows.data[side], .dtype = halo->array->layout.dtype,
                                  .ndim = halo->array->layout.ndim, .shape = halo->shape[side]};
    }
    return NEXPR_OK;
}

void nexpr_mpi_halo_free(nexpr_mpi_halo **halo) {
    nexpr_mpi_halo *h = halo ? *halo : NULL;
    if (!h) return;
    nx_rows_end(&h->call, &h->rows);
    nx_rows_free(&h->rows);
    nx_memory_free(&h->want_memory);
    nx_memory own = h->own_memory;
    nx_memory_free(&own);
    *halo = NULL;
}
