/* SPDX-License-Identifier: MIT */
/* Slabs read from files of every kind and order, and written; and what happens when one rank cannot. */
#include "tests/mpi/check.h"
#include "tests/mpi/fail_io.h"
#include "tests/mpi/folder.h"
#include "tests/mpi/shim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_RANKS = 64, MOST_BYTES = 1 << 16 };

static size_t read_bytes(const char *name, char *bytes) {
    FILE *in = fopen(path_of(name), "rb");
    size_t n = in ? fread(bytes, 1, MOST_BYTES, in) : 0;
    if (in) fclose(in);
    return n;
}

/* ------------------------------------------------------------------------------------------------------- reading -- */

typedef struct kind {
    const char *name, *member;
    nexpr_byte_order order;
    bool fortran;
} kind;

static const kind kinds[] = {
    {"c.npy", NULL, NEXPR_NATIVE, false},  {"f.npy", NULL, NEXPR_NATIVE, true}, {"swapped.npy", NULL, NEXPR_SWAPPED, false},
    {"fs.npy", NULL, NEXPR_SWAPPED, true}, {"a.npz", "r0", NEXPR_NATIVE, false}, {"f.npz", "r0", NEXPR_NATIVE, true},
};

static void swap_elements(char *data, int64_t count, int64_t item) {
    for (int64_t i = 0; i < count; i++) {
        for (int64_t k = 0; k < item / 2; k++) {
            char c = data[i * item + k];
            data[i * item + k] = data[i * item + item - 1 - k];
            data[i * item + item - 1 - k] = c;
        }
    }
}

/* An array of which element i, in C order, is number i, as the file is to have it. */
static void save(const kind *k, int ndim, const int64_t *shape) {
    int64_t strides[3], n = 1, data[MOST_BYTES / 16];
    for (int i = 0; i < ndim; i++) n *= shape[i];
    int64_t step = 8;
    for (int i = 0; i < ndim; i++) {
        int axis = k->fortran ? i : ndim - 1 - i;
        strides[axis] = step;
        step *= shape[axis];
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t rest = i, at = 0;
        for (int axis = ndim - 1; axis >= 0; axis--) {
            at += rest % shape[axis] * strides[axis];
            rest /= shape[axis];
        }
        fill_elements((char *)data + at, i, 1, 8);
    }
    if (k->order) swap_elements((char *)data, n, 8);
    nexpr_array a = nexpr_array_init();
    a.data = data;
    a.dtype = NEXPR_INT64;
    a.byte_order = k->order;
    a.ndim = ndim;
    a.shape = shape;
    a.strides = strides;
    nexpr_output *output = NULL;
    nexpr_output_options options = nexpr_output_options_init();
    options.force = true;
    EXPECT(NEXPR_OK, nexpr_output_new(path_of(k->name), &options, &output, &err));
    EXPECT(NEXPR_OK, nexpr_output_write(output, NULL, (const nexpr_array *const[]){&a}, 1, &err));
    EXPECT(NEXPR_OK, nexpr_output_commit(output, &err));
    nexpr_output_free(&output);
}

static void check_reading(nexpr_mpi *mpi, const kind *k, int ndim, const int64_t *shape) {
    int64_t counts[MAX_RANKS];
    PMPI_Barrier(MPI_COMM_WORLD);
    if (!rank) save(k, ndim, shape);
    PMPI_Barrier(MPI_COMM_WORLD);
    for (int i = 0; i < 3 * ndim + 1; i++) {
        nexpr_mpi_layout layout = nexpr_mpi_layout_init(i / 3 < ndim ? i / 3 : NEXPR_MPI_REPLICATED);
        nexpr_mpi_array *a = NULL;
        if (i % 3 == 1) layout.counts = counts;
        if (i / 3 < ndim) random_counts((uint64_t)i, shape[i / 3], counts);
        shim_reset();
        EXPECT(NEXPR_OK, nexpr_mpi_array_from_file(mpi, path_of(k->name), k->member, NULL, i % 3 == 2 ? NULL : &layout,
                                                   i % 3, 2 * (i % 3), &a, &err));
        CHECK(shim.calls == 1); /* the agreement */
        CHECK(a && has_slab(a) && has_wide_slab(a));
        nexpr_mpi_array_info info = nexpr_mpi_array_info_init();
        nexpr_mpi_array_describe(a, &info);
        CHECK(info.axis < 0 || info.count || (!info.before && !info.after)); /* no rows around nothing */
        nexpr_mpi_array_free(&a);
    }
}

/* What an array has of other ranks' elements would not be those any more. */
static void check_not_written(nexpr_mpi *mpi, nexpr_mpi_array *a, const char *name, nexpr_dtype dtype) {
    const nexpr_input input = nexpr_input_init(name, dtype, 1);
    const nexpr_mpi_array *const inputs[] = {a};
    nexpr_program *program = NULL;
    nexpr *expr = NULL;
    nexpr_mpi_array *result = NULL;
    EXPECT(NEXPR_OK, nexpr_mpi_array_from_file(mpi, path_of("t.csv"), name, NULL, NULL, 0, 1, &result, &err));
    EXPECT(NEXPR_OK, nexpr_parse(NULL, name, strlen(name), NULL, &program, &err));
    EXPECT(NEXPR_OK, nexpr_compile(NULL, program, (const nexpr_input *const[]){&input}, 1, NULL, NULL, &expr, &err));
    EXPECT(NEXPR_ARGUMENT, nexpr_mpi_evaluate(mpi, expr, inputs, &result, NULL, &err));
    CHECK(strstr(err.message, "out of date") && is_same_everywhere(&err));
    nexpr_mpi_array_free(&result);
    nexpr_free(&expr);
    nexpr_program_free(&program);
}

static void check_column(nexpr_mpi *mpi) {
    nexpr_mpi_array *a = NULL;
    nexpr_array slab = nexpr_array_init();
    FILE *out = rank ? NULL : fopen(path_of("t.csv"), "w");
    if (out) {
        fprintf(out, "x,y\n");
        for (int i = 0; i < 50; i++) fprintf(out, "%d,%d\n", i, 3 * i);
        fclose(out);
    }
    PMPI_Barrier(MPI_COMM_WORLD);
    EXPECT(NEXPR_OK, nexpr_mpi_array_from_file(mpi, path_of("t.csv"), "y", NULL, NULL, 1, 0, &a, &err));
    nexpr_mpi_array_info info = nexpr_mpi_array_info_init();
    nexpr_mpi_array_describe(a, &info);
    nexpr_mpi_array_local_wide(a, &slab);
    const int64_t *y = slab.data;
    for (int64_t i = 0; i < slab.shape[0]; i++) CHECK(y[i] == 3 * (info.begin - info.before + i));
    check_not_written(mpi, a, "y", info.dtype);
    nexpr_mpi_array_free(&a);
}

void files_are_read_by_slabs(void) {
    const int64_t p = ranks, lengths[] = {0, 1, p - 1, p + 1, 29};
    nexpr_mpi *mpi = new_mpi(0);
    make_test_folder();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        for (int k = 0; k < 5; k++) {
            const int64_t shape[3] = {lengths[k], 3, lengths[(k + 2) % 5]};
            check_reading(mpi, &kinds[i], 1 + k % 3, shape);
        }
    }
    check_column(mpi);
    CHECK(remove_test_folder() == 7);
    nexpr_mpi_free(&mpi);
}

/* ------------------------------------------------------------------------------------------------------- writing -- */

static nexpr_mpi_array *generate(nexpr_mpi *mpi, int ndim, const int64_t *shape, const nexpr_mpi_layout *layout) {
    int64_t item = 8;
    nexpr_mpi_array *a = NULL;
    EXPECT(NEXPR_OK, nexpr_mpi_array_generate(mpi, NEXPR_INT64, ndim, shape, layout, read_elements, &item, &a, &err));
    return a;
}

static nexpr_status write_distributed(const nexpr_mpi_array *a, const char *name, bool force, nexpr_error *reterr) {
    nexpr_output_options options = nexpr_output_options_init();
    options.force = force;
    return nexpr_mpi_array_write(a, path_of(name), &options, reterr);
}

/* Whether a file has the bytes of c.npy, which one process has written. */
static bool is_as_from_one(const char *name) {
    static char one[MOST_BYTES], many[MOST_BYTES];
    size_t n = read_bytes("c.npy", one), m = read_bytes(name, many);
    return n && n == m && !memcmp(one, many, n);
}

void files_are_written_by_slabs(void) {
    const int64_t p = ranks, lengths[] = {0, 1, p - 1, p + 1, 29};
    int64_t counts[MAX_RANKS];
    nexpr_mpi *mpi = new_mpi(0);
    make_test_folder();
    for (int i = 0; i < 30; i++) {
        const int64_t shape[3] = {lengths[i % 5], lengths[(i + 3) % 5], 2};
        const int ndim = i % 4, axis = ndim ? i % ndim : 0;
        nexpr_mpi_layout layout = nexpr_mpi_layout_init(ndim && i % 7 ? axis : NEXPR_MPI_REPLICATED);
        if (ndim && i % 2) {
            random_counts((uint64_t)i, shape[axis], counts);
            layout.counts = counts;
        }
        nexpr_mpi_array *a = generate(mpi, ndim, shape, &layout);
        EXPECT(NEXPR_OK, write_distributed(a, "out.npy", i > 0, &err));
        if (!rank) save(&kinds[0], ndim, shape);
        if (!rank) CHECK(is_as_from_one("out.npy"));
        nexpr_mpi_array_free(&a);
    }
    CHECK(remove_test_folder() == 2);
    nexpr_mpi_free(&mpi);
}

/* -------------------------------------------------------------------------------------------------------- failures -- */

static void check_unreadable(nexpr_mpi *mpi, int bad, const char *name, nexpr_status status, const char *text) {
    nexpr_mpi_array *a = NULL;
    char expected[200];
    EXPECT(status, nexpr_mpi_array_from_file(mpi, path_of(rank == bad ? name : "c.npy"), NULL, NULL, NULL, 0, 0, &a, &err));
    snprintf(expected, sizeof expected, "rank %d: ", bad);
    CHECK(!a && is_same_everywhere(&err) && strstr(err.message, text));
    CHECK(ranks == 1 || !strncmp(err.message, expected, strlen(expected)));
}

void what_one_rank_cannot_read_fails_on_all(void) {
    nexpr_mpi *mpi = new_mpi(0);
    const int64_t shape[1] = {1000};
    static char bytes[MOST_BYTES];
    make_test_folder();
    if (!rank) {
        save(&kinds[0], 1, shape);
        size_t n = read_bytes("c.npy", bytes);
        FILE *out = fopen(path_of("short.npy"), "wb");
        CHECK(out && fwrite(bytes, 1, n - 100, out) == n - 100 && !fclose(out));
    }
    PMPI_Barrier(MPI_COMM_WORLD);
    for (int bad = 0; bad < ranks; bad++) {
        check_unreadable(mpi, bad, "missing.npy", NEXPR_IO, "No such file");
        check_unreadable(mpi, bad, "short.npy", NEXPR_FORMAT, "truncated");
        for (int at = 0, failed = 1; failed; at++) { /* every read and open of one rank */
            nexpr_mpi_array *a = NULL;
            fail_io(rank == bad ? at : -1, EIO);
            err = nexpr_error_init();
            nexpr_status status = nexpr_mpi_array_from_file(mpi, path_of("c.npy"), NULL, NULL, NULL, 0, 0, &a, &err);
            failed = fail_io_did;
            fail_io(-1, 0);
            PMPI_Bcast(&failed, 1, MPI_INT, bad, MPI_COMM_WORLD);
            CHECK(status == (failed ? NEXPR_IO : NEXPR_OK) && is_same_everywhere(&err));
            CHECK((a == NULL) == failed);
            nexpr_mpi_array_free(&a);
        }
    }
    remove_test_folder();
    nexpr_mpi_free(&mpi);
}

/* Fails every call to the system on one rank after the other: the old file stays, and there is no temporary. */
void what_one_rank_cannot_write_fails_on_all(void) {
    nexpr_mpi *mpi = new_mpi(0);
    const int64_t old[1] = {7}, shape[1] = {100};
    static char before[MOST_BYTES], after[MOST_BYTES];
    make_test_folder();
    nexpr_mpi_array *a = generate(mpi, 1, shape, NULL);
    for (int bad = 0; bad < ranks; bad++) {
        for (int at = 0, failed = 1; failed; at++) {
            if (!rank) save(&kinds[0], 1, old);
            size_t n = rank ? 0 : read_bytes("c.npy", before);
            fail_io(rank == bad ? at : -1, ENOSPC);
            err = nexpr_error_init();
            nexpr_status status = write_distributed(a, "c.npy", true, &err);
            failed = fail_io_did;
            fail_io(-1, 0);
            PMPI_Bcast(&failed, 1, MPI_INT, bad, MPI_COMM_WORLD);
            CHECK(status == (failed ? NEXPR_IO : NEXPR_OK) && is_same_everywhere(&err));
            size_t m = rank ? 0 : read_bytes("c.npy", after);
            const bool is_old = n == m && !memcmp(before, after, n);
            if (!rank && failed) CHECK(is_old || strstr(err.message, "flush the directory"));
            if (!rank) CHECK(access(path_of(".c.npy.nexpr-tmp"), F_OK));
        }
    }
    EXPECT(NEXPR_IO, write_distributed(a, "c.npy", false, &err)); /* it is there */
    CHECK(strstr(err.message, "exists already") && is_same_everywhere(&err));
    EXPECT(NEXPR_ARGUMENT, write_distributed(a, "x.csv", false, &err));
    nexpr_mpi_array_free(&a);
    CHECK(remove_test_folder() == 1);
    nexpr_mpi_free(&mpi);
}
