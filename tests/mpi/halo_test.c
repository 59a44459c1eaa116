/* SPDX-License-Identifier: MIT */
/* Rows around slabs; messages and bytes against the formulas. */
#include "tests/mpi/check.h"
#include "tests/mpi/shim.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_RANKS = 64 };

static int64_t product(const int64_t *size, int begin, int end) {
    int64_t n = 1;
    for (int i = begin; i < end; i++) n *= size[i];
    return n;
}

/* Whether rows [begin, end) of an axis have their elements. */
static bool has_rows(const nexpr_array *rows, const nexpr_mpi_array_info *info, int64_t begin, int64_t end) {
    const int64_t outer = product(info->shape, 0, info->axis), inner = product(info->shape, info->axis + 1, info->ndim);
    const int64_t item = (int64_t)nexpr_dtype_size(info->dtype), n = info->shape[info->axis];
    if (rows->shape[info->axis] != end - begin) return false;
    for (int64_t o = 0; o < outer; o++) {
        const char *data = (const char *)rows->data + o * (end - begin) * inner * item;
        if (!has_elements(data, (o * n + begin) * inner, (end - begin) * inner, item)) return false;
    }
    return true;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static void check_rows(const nexpr_mpi_halo *halo, const nexpr_mpi_array *array, int64_t before, int64_t after) {
    nexpr_mpi_array_info info = nexpr_mpi_array_info_init();
    nexpr_array low = nexpr_array_init(), high = low;
    nexpr_mpi_array_describe(array, &info);
    CHECK(nexpr_mpi_halo_rows(halo, &low, &high) == NEXPR_OK);
    const int64_t begin = info.begin, end = begin + info.count, n = info.shape[info.axis];
    const bool is_empty = begin == end;
    CHECK(has_rows(&low, &info, is_empty ? begin : begin - least(before, begin), begin));
    CHECK(has_rows(&high, &info, end, is_empty ? end : end + least(after, n - end)));
}

static nexpr_mpi_array *generate(nexpr_mpi *mpi, int ndim, const int64_t *size, int axis, const int64_t *counts) {
    nexpr_mpi_layout layout = nexpr_mpi_layout_init(axis);
    nexpr_mpi_array *array = NULL;
    int64_t item = 4;
    layout.counts = counts;
    EXPECT(NEXPR_OK, nexpr_mpi_array_generate(mpi, NEXPR_INT32, ndim, size, &layout, read_elements, &item, &array, &err));
    return array;
}

/* Fetches twice: what was fetched first is written over in between. */
static void check_halo(nexpr_mpi_array *array, int64_t before, int64_t after) {
    nexpr_mpi_halo *halo = NULL;
    nexpr_array low = nexpr_array_init();
    EXPECT(NEXPR_OK, nexpr_mpi_halo_new(array, before, after, &halo, &err));
    for (int i = 0; halo && i < 2; i++) {
        EXPECT(NEXPR_OK, nexpr_mpi_halo_begin(halo, &err));
        for (int tries = 0; i && !nexpr_mpi_halo_test(halo) && tries < 1000; tries++) {}
        EXPECT(NEXPR_OK, nexpr_mpi_halo_end(halo, &err));
        CHECK(nexpr_mpi_halo_test(halo));
        check_rows(halo, array, before, after);
        nexpr_mpi_halo_rows(halo, &low, NULL);
        if (low.data && product(low.shape, 0, low.ndim)) memset(low.data, 1, 4);
    }
    nexpr_mpi_halo_free(&halo);
    CHECK(!halo);
}

void halos_have_the_rows_around(void) {
    static const int64_t widths[][2] = {{0, 0}, {1, 1}, {2, 0}, {0, 3}, {5, 4}, {100, 100}};
    const int64_t p = ranks, lengths[] = {0, 1, p - 1, p, p + 1, 5 * p + 3}, pieces[] = {1, 20, 0};
    int64_t counts[MAX_RANKS];
    nexpr_mpi *const objects[] = {new_mpi(pieces[0]), new_mpi(pieces[1]), new_mpi(pieces[2])};
    for (int i = 0; i < 3 * 6 * 6; i++) {
        nexpr_mpi *mpi = objects[i % 3];
        const int64_t n = lengths[i / 3 % 6], *width = widths[i / 18], size[3] = {i % 2 ? n : 3, i % 2 ? 3 : n, 2};
        const int axis = i % 2 ? 0 : 1;
        for (int uneven = 0; uneven < 2; uneven++) {
            random_counts((uint64_t)i, n, counts);
            nexpr_mpi_array *array = generate(mpi, 3, size, axis, uneven ? counts : NULL);
            check_halo(array, width[0], width[1]);
            nexpr_mpi_array_free(&array);
        }
    }
    for (int i = 0; i < 3; i++) nexpr_mpi_free(&(nexpr_mpi *){objects[i]});
}

/* One message to each neighbour, of the rows that it needs and no more; agreement only when it is made and at the end. */
void halos_send_what_the_formula_says(void) {
    nexpr_mpi *mpi = new_mpi(0);
    const int64_t size[2] = {10 * ranks, 6}, row = 6 * 4;
    nexpr_mpi_array *array = generate(mpi, 2, size, 0, NULL);
    nexpr_mpi_halo *halo = NULL;
    shim_reset();
    EXPECT(NEXPR_OK, nexpr_mpi_halo_new(array, 2, 3, &halo, &err));
    CHECK(shim.agreements == 1 && shim.calls == 1);
    EXPECT(NEXPR_OK, nexpr_mpi_halo_begin(halo, &err));
    CHECK(shim.agreements == 1);
    EXPECT(NEXPR_OK, nexpr_mpi_halo_end(halo, &err));
    const int above = rank > 0, below = rank < ranks - 1; /* neighbours */
    CHECK(shim.agreements == 2 && !shim.exchanges && !shim.broadcasts);
    CHECK(shim.messages == above + below);
    CHECK(shim.sent == (3 * above + 2 * below) * row);
    check_rows(halo, array, 2, 3);
    nexpr_mpi_halo_free(&halo);
    nexpr_mpi_array_free(&array);
    nexpr_mpi_free(&mpi);
}

/* --------------------------------------------------------------------------------------------------------- exchanges -- */

static int64_t rounds_of(int64_t bytes, int64_t piece) {
    return (bytes + piece - 1) / piece;
}

/* From blocks of rows to blocks of columns: all but what stays, in as many rounds as the largest box has pieces. */
static void check_spread(nexpr_mpi *mpi, int64_t piece, const nexpr_mpi_array *rows, const int64_t *size) {
    nexpr_mpi_layout columns = nexpr_mpi_layout_init(1);
    nexpr_mpi_array *b = NULL;
    nexpr_mpi_array_info from = nexpr_mpi_array_info_init(), to = from;
    shim_reset();
    EXPECT(NEXPR_OK, nexpr_mpi_array_redistribute(rows, &columns, &b, &err));
    nexpr_mpi_array_describe(rows, &from);
    nexpr_mpi_array_describe(b, &to);
    const int64_t largest = (size[0] + ranks - 1) / ranks * ((size[1] + ranks - 1) / ranks) * 4;
    CHECK(shim.sent == from.count * (size[1] - to.count) * 4);
    CHECK(shim.exchanges == rounds_of(largest, piece / ranks / 4 * 4));
    CHECK(shim.agreements == 2 && !shim.messages && !shim.broadcasts);
    nexpr_mpi_array_free(&b);
    (void)mpi;
}

static void check_gather(const nexpr_mpi_array *rows, int64_t piece, const int64_t *size) {
    nexpr_mpi_array_info info = nexpr_mpi_array_info_init();
    nexpr_array whole = nexpr_array_init();
    nexpr_mpi_array_describe(rows, &info);
    whole.dtype = NEXPR_INT32;
    whole.ndim = 2;
    whole.shape = size;
    whole.data = malloc((size_t)(size[0] * size[1] * 4));
    shim_reset();
    EXPECT(NEXPR_OK, nexpr_mpi_array_gather(rows, 0, &whole, &err));
    CHECK(shim.sent == (rank ? info.count * size[1] * 4 : 0));
    CHECK(shim.exchanges == rounds_of(size[0] * size[1] * 4, piece) && shim.agreements == 2);
    free(whole.data);
}

void exchanges_send_what_the_formula_says(void) {
    const int64_t size[2] = {5 * ranks + 1, 4 * ranks + 3}, piece = 64 * ranks;
    nexpr_mpi *mpi = new_mpi(piece);
    nexpr_mpi_layout everywhere = nexpr_mpi_layout_init(NEXPR_MPI_REPLICATED);
    shim_reset();
    nexpr_mpi_array *rows = generate(mpi, 2, size, 0, NULL), *all = NULL, *back = NULL;
    CHECK(shim.calls == 1 && shim.agreements == 1); /* a generator sends nothing */
    check_spread(mpi, piece, rows, size);
    check_gather(rows, piece, size);
    shim_reset();
    EXPECT(NEXPR_OK, nexpr_mpi_array_redistribute(rows, &everywhere, &all, &err));
    CHECK(shim.exchanges == rounds_of(size[0] * size[1] * 4, piece));
    nexpr_mpi_layout blocks = nexpr_mpi_layout_init(0);
    shim_reset();
    EXPECT(NEXPR_OK, nexpr_mpi_array_redistribute(all, &blocks, &back, &err));
    CHECK(shim.calls == 2 && shim.agreements == 2); /* everybody has it */
    nexpr_mpi_array_free(&back);
    nexpr_mpi_array_free(&all);
    nexpr_mpi_array_free(&rows);
    nexpr_mpi_free(&mpi);
}
