/* SPDX-License-Identifier: MIT */
/* See check.h. */
#include "tests/mpi/check.h"
#include "tests/mpi/shim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int rank, ranks, failures;
nexpr_error err;

void check_failed(const char *file, int line, const char *what) {
    if (failures++ < 5) fprintf(stderr, "rank %d of %d: %s:%d: %s\n", rank, ranks, file, line, what);
}

void check_status(const char *file, int line, nexpr_status expected, nexpr_status found, const nexpr_error *error) {
    char text[700];
    if (expected == found && (!expected || error->status == found)) return;
    snprintf(text, sizeof text, "expected '%s', found '%s': %s", nexpr_status_text(expected), nexpr_status_text(found),
             error->message);
    check_failed(file, line, text);
}

bool is_same_everywhere(const nexpr_error *error) {
    nexpr_error first = *error;
    PMPI_Bcast(&first, sizeof first, MPI_BYTE, 0, MPI_COMM_WORLD);
    return first.status == error->status && !strcmp(first.message, error->message);
}

static bool is_wanted(int argc, char **argv, const char *name) {
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], name)) return true;
    }
    return argc < 2 && strncmp(name, "only_", 5);
}

nexpr_mpi *new_mpi(int64_t piece) {
    nexpr_mpi_options options = nexpr_mpi_options_init();
    nexpr_mpi *mpi = NULL;
    options.piece_bytes = piece;
    options.threads = 1;
    EXPECT(NEXPR_OK, nexpr_mpi_new(MPI_COMM_WORLD, &options, &mpi, &err));
    return mpi;
}

/* Whether all ranks found nothing wrong; rank 0 says so. */
static bool run_test(const char *name, void (*test)(void)) {
    int all = failures = 0;
    double begin = MPI_Wtime();
    test();
    CHECK(!shim_has_threads); /* whatever has threads, MPI is called from one */
    PMPI_Allreduce(&failures, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    if (!rank) printf("%s %s (%.2f s)\n", all ? "FAIL" : "ok  ", name, MPI_Wtime() - begin);
    if (!rank) fflush(stdout);
    return !all;
}

int main(int argc, char **argv) {
    int level, failed = 0, passed = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
    PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
    PMPI_Comm_size(MPI_COMM_WORLD, &ranks);
#define X(name) \
    if (is_wanted(argc, argv, #name)) *(run_test(#name, name) ? &passed : &failed) += 1;
    TESTS(X)
#undef X
    if (!rank) printf("%d ranks: %d passed, %d failed\n", ranks, passed, failed);
    MPI_Finalize();
    return failed || !passed;
}

/* ------------------------------------------------------------------------------------------------------- elements -- */

static unsigned char byte_of(int64_t element, int64_t byte) {
    uint64_t x = (uint64_t)element * 0x9E3779B97F4A7C15u + (uint64_t)byte * 0xD1B54A32D192ED03u;
    return (unsigned char)(x >> 41);
}

void fill_elements(void *data, int64_t first, int64_t count, int64_t item) {
    unsigned char *p = data;
    for (int64_t i = 0; i < count * item; i++) p[i] = byte_of(first + i / item, i % item);
}

bool has_elements(const void *data, int64_t first, int64_t count, int64_t item) {
    const unsigned char *p = data;
    for (int64_t i = 0; i < count * item; i++) {
        if (p[i] != byte_of(first + i / item, i % item)) return false;
    }
    return true;
}

nexpr_status read_elements(void *user, int64_t first, int64_t count, void *data, nexpr_error *reterr) {
    (void)reterr;
    fill_elements(data, first, count, *(const int64_t *)user);
    return NEXPR_OK;
}

/* Rows [begin, end) of the split axis, stretch by stretch. */
static bool has_rows(const nexpr_mpi_array_info *info, const nexpr_array *slab, int64_t begin, int64_t end) {
    const int64_t item = (int64_t)nexpr_dtype_size(info->dtype), n = info->axis < 0 ? 1 : info->shape[info->axis];
    int64_t outer = 1, inner = 1;
    for (int i = 0; i < info->axis; i++) outer *= info->shape[i];
    for (int i = info->axis + 1; i < info->ndim; i++) inner *= info->shape[i];
    const int64_t step = info->axis > 0 ? slab->strides[info->axis - 1] : 0;
    for (int64_t o = 0; o < outer; o++) {
        const char *data = (const char *)slab->data + o * step;
        if (!has_elements(data, (o * n + begin) * inner, (end - begin) * inner, item)) return false;
    }
    return true;
}

bool has_slab(const nexpr_mpi_array *array) {
    nexpr_mpi_array_info info = nexpr_mpi_array_info_init();
    nexpr_array slab = nexpr_array_init();
    nexpr_mpi_array_describe(array, &info);
    nexpr_mpi_array_local(array, &slab);
    if (info.axis < 0) return has_rows(&info, &slab, 0, 1);
    return slab.shape[info.axis] == info.count && info.begin == info.first[rank] &&
           has_rows(&info, &slab, info.begin, info.begin + info.count);
}

bool has_wide_slab(const nexpr_mpi_array *array) {
    nexpr_mpi_array_info info = nexpr_mpi_array_info_init();
    nexpr_array slab = nexpr_array_init();
    nexpr_mpi_array_describe(array, &info);
    nexpr_mpi_array_local_wide(array, &slab);
    if (info.axis < 0) return has_slab(array);
    return slab.shape[info.axis] == info.before + info.count + info.after &&
           has_rows(&info, &slab, info.begin - info.before, info.begin + info.count + info.after);
}

void random_counts(uint64_t seed, int64_t n, int64_t *counts) {
    for (int r = 0; r < ranks; r++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        counts[r] = r + 1 == ranks ? n : (seed >> 33) % 3 ? (int64_t)((seed >> 35) % (uint64_t)(n + 1)) : 0;
        n -= counts[r];
    }
}
