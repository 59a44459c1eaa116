/* SPDX-License-Identifier: MIT */
/* Every way to make an array x every layout x every way out of it, in pieces of all sizes. */
#include "tests/mpi/check.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_RANKS = 64, MAX_LAYOUTS = 16 };

typedef struct shape {
    int ndim;
    int64_t size[3];
} shape;

/* All layouts of a shape that are tried. */
typedef struct layouts {
    int count;
    nexpr_mpi_layout layout[MAX_LAYOUTS];
    int64_t counts[MAX_LAYOUTS][MAX_RANKS];
} layouts;

static void add_layout(layouts *all, int axis, bool has_counts) {
    nexpr_mpi_layout *l = &all->layout[all->count];
    *l = nexpr_mpi_layout_init(axis);
    if (has_counts) l->counts = all->counts[all->count];
    all->count++;
}

static void make_layouts(const shape *s, layouts *all) {
    all->count = 0;
    add_layout(all, NEXPR_MPI_REPLICATED, false);
    for (int axis = 0; axis < s->ndim; axis++) {
        add_layout(all, axis, false);
        random_counts((uint64_t)(s->size[axis] + axis), s->size[axis], all->counts[all->count]);
        add_layout(all, axis, true);
        memset(all->counts[all->count], 0, sizeof all->counts[0]);
        all->counts[all->count][ranks / 2] = s->size[axis];
        add_layout(all, axis, true);
    }
}

static int64_t elements_of(const shape *s) {
    int64_t n = 1;
    for (int i = 0; i < s->ndim; i++) n *= s->size[i];
    return n;
}

/* The whole array, on every rank. */
static nexpr_array make_whole(const shape *s, nexpr_dtype dtype) {
    nexpr_array a = nexpr_array_init();
    int64_t item = (int64_t)nexpr_dtype_size(dtype), n = elements_of(s);
    a.dtype = dtype;
    a.ndim = s->ndim;
    a.shape = s->size;
    a.data = malloc((size_t)(n * item) + 1);
    return a;
}

static void check_gather(const nexpr_mpi_array *array, const shape *s, nexpr_dtype dtype, int root) {
    nexpr_array whole = make_whole(s, dtype);
    EXPECT(NEXPR_OK, nexpr_mpi_array_gather(array, root, rank == root ? &whole : NULL, &err));
    if (rank == root) CHECK(has_elements(whole.data, 0, elements_of(s), (int64_t)nexpr_dtype_size(dtype)));
    free(whole.data);
}

static nexpr_mpi_array *generate(nexpr_mpi *mpi, const shape *s, nexpr_dtype dtype, const nexpr_mpi_layout *layout) {
    int64_t item = (int64_t)nexpr_dtype_size(dtype);
    nexpr_mpi_array *array = NULL;
    EXPECT(NEXPR_OK, nexpr_mpi_array_generate(mpi, dtype, s->ndim, s->size, layout, read_elements, &item, &array, &err));
    CHECK(array && has_slab(array));
    return array;
}

static void check_pairs(nexpr_mpi *mpi, const shape *s, nexpr_dtype dtype) {
    layouts all;
    make_layouts(s, &all);
    for (int i = 0; i < all.count; i++) {
        nexpr_mpi_array *a = generate(mpi, s, dtype, &all.layout[i]), *b = NULL;
        check_gather(a, s, dtype, i % ranks);
        for (int k = 0; k < all.count; k++) {
            EXPECT(NEXPR_OK, nexpr_mpi_array_redistribute(a, &all.layout[k], &b, &err));
            CHECK(b && has_slab(b));
            nexpr_mpi_array_free(&b);
        }
        nexpr_mpi_array_free(&a);
        CHECK(!a);
    }
}

static void check_constructors(nexpr_mpi *mpi, const shape *s, nexpr_dtype dtype) {
    layouts all;
    make_layouts(s, &all);
    nexpr_array whole = make_whole(s, dtype);
    fill_elements(whole.data, 0, elements_of(s), (int64_t)nexpr_dtype_size(dtype));
    for (int i = 0; i < all.count; i++) {
        nexpr_mpi_array *a = NULL, *b = NULL;
        const int root = (i + 1) % ranks;
        EXPECT(NEXPR_OK, nexpr_mpi_array_scatter(mpi, root, rank == root ? &whole : NULL, &all.layout[i], &a, &err));
        CHECK(a && has_slab(a));
        nexpr_array slab = nexpr_array_init();
        nexpr_mpi_array_local(a, &slab);
        EXPECT(NEXPR_OK, nexpr_mpi_array_from_slab(mpi, all.layout[i].axis, &slab, i % 2 ? NEXPR_MPI_BORROW : NEXPR_MPI_COPY,
                                                   &b, &err));
        CHECK(b && has_slab(b));
        nexpr_mpi_array_free(&b);
        nexpr_mpi_array_free(&a);
    }
    nexpr_mpi_array *everywhere = NULL;
    EXPECT(NEXPR_OK, nexpr_mpi_array_replicate(mpi, ranks - 1, rank == ranks - 1 ? &whole : NULL, &everywhere, &err));
    CHECK(everywhere && has_slab(everywhere));
    nexpr_mpi_array_free(&everywhere);
    free(whole.data);
}

void every_layout_becomes_every_other(void) {
    const int64_t p = ranks, lengths[] = {0, 1, p - 1, p, p + 1, 13, 3 * p + 2};
    const int64_t pieces[] = {1, 24, 1000, 0};
    static const nexpr_dtype dtypes[] = {NEXPR_BOOL, NEXPR_FLOAT16, NEXPR_FLOAT32, NEXPR_INT64, NEXPR_COMPLEX128};
    for (int i = 0; i < 4; i++) {
        nexpr_mpi *mpi = new_mpi(pieces[i]);
        for (int k = 0; k < 7; k++) {
            const shape one = {1, {lengths[k]}}, two = {2, {lengths[k], lengths[(k + 3) % 7]}};
            check_pairs(mpi, &one, dtypes[(i + k) % 5]);
            if (i) check_pairs(mpi, &two, dtypes[(i + k + 1) % 5]);
        }
        const shape none = {0, {0}}, three = {3, {3, p + 1, 2}};
        check_pairs(mpi, &none, NEXPR_FLOAT64);
        if (i) check_pairs(mpi, &three, NEXPR_FLOAT64);
        nexpr_mpi_free(&mpi);
        CHECK(!mpi);
    }
}

void every_constructor_makes_every_layout(void) {
    const int64_t p = ranks, pieces[] = {1, 100, 0};
    for (int i = 0; i < 3; i++) {
        nexpr_mpi *mpi = new_mpi(pieces[i]);
        const shape shapes[] = {{0, {0}}, {1, {0}}, {1, {1}}, {1, {p - 1}}, {1, {p}}, {1, {p + 1}}, {1, {101}},
                                {2, {p + 1, 3}}, {2, {0, 5}}, {3, {2, 7, 3}}};
        for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
            check_constructors(mpi, &shapes[k], k % 2 ? NEXPR_FLOAT64 : NEXPR_UINT8);
        }
        nexpr_mpi_free(&mpi);
    }
}

/* 2.5 GiB, cut so that every rank has, sends and gets more than fits into an int. For two ranks. */
void only_large_arrays_go_in_pieces(void) {
    nexpr_mpi *mpi = new_mpi((int64_t)1 << 30);
    const shape s = {1, {((int64_t)5 << 29) + 7}};
    nexpr_mpi_layout blocks = nexpr_mpi_layout_init(0), one = blocks;
    int64_t counts[MAX_RANKS] = {0};
    counts[ranks - 1] = s.size[0];
    one.counts = counts;
    nexpr_mpi_array *a = generate(mpi, &s, NEXPR_UINT8, &one), *b = NULL;
    EXPECT(NEXPR_OK, nexpr_mpi_array_redistribute(a, &blocks, &b, &err));
    nexpr_mpi_array_free(&a);
    CHECK(b && has_slab(b));
    check_gather(b, &s, NEXPR_UINT8, 0);
    nexpr_mpi_array_free(&b);
    nexpr_mpi_free(&mpi);
}
