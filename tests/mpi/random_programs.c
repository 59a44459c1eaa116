/* SPDX-License-Identifier: MIT */
/* Programs that random_test.py has drawn: each is a text and an archive of its inputs. */
#include "tests/mpi/check.h"
#include "tests/mpi/results.h"
#include "tests/support/elements.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 16, TEXT = 1 << 16 };

/* One program, and its inputs as every rank has them. */
typedef struct drawn {
    char text[TEXT];
    nexpr_file *file;
    nexpr *expr;
    int count;
    nexpr_array inputs[MOST], contiguous[MOST];
} drawn;

static bool read_text(const char *folder, int number, char *ret) {
    char path[400];
    snprintf(path, sizeof path, "%s/%d.nx", folder, number);
    FILE *in = fopen(path, "rb");
    size_t n = in ? fread(ret, 1, TEXT - 1, in) : 0;
    if (in) fclose(in);
    ret[n] = 0;
    return in;
}

/* In C order and the machine's byte order. */
static void copy_plainly(const nexpr_array *from, nexpr_array *to) {
    *to = nexpr_array_init();
    to->dtype = from->dtype;
    to->ndim = from->ndim;
    to->shape = from->shape;
    to->data = malloc((size_t)elements_bytes(to) + 1);
    EXPECT(NEXPR_OK, nexpr_evaluate_text(NULL, "x", (const char *const[]){"x"}, (const nexpr_array *const[]){from}, 1,
                                         (nexpr_array *const[]){to}, 1, NULL, NULL, &err));
}

/* NULL text: that was the last one. */
static bool read_drawn(const char *folder, int number, drawn *d) {
    char path[400];
    nexpr_input types[MOST];
    const nexpr_input *list[MOST];
    nexpr_program *program = NULL;
    if (!read_text(folder, number, d->text)) return false;
    snprintf(path, sizeof path, "%s/%d.npz", folder, number);
    EXPECT(NEXPR_OK, nexpr_file_open(path, NULL, &d->file, &err));
    d->count = nexpr_file_member_count(d->file);
    for (int i = 0; i < d->count; i++) {
        nexpr_member member = nexpr_member_init();
        nexpr_file_member(d->file, i, &member);
        d->inputs[i] = nexpr_array_init();
        EXPECT(NEXPR_OK, nexpr_file_load(d->file, i, &d->inputs[i], &err));
        copy_plainly(&d->inputs[i], &d->contiguous[i]);
        types[i] = nexpr_input_init(member.name, member.dtype, member.ndim);
        list[i] = &types[i];
    }
    EXPECT(NEXPR_OK, nexpr_parse(NULL, d->text, strlen(d->text), NULL, &program, &err));
    EXPECT(NEXPR_OK, nexpr_compile(NULL, program, list, d->count, NULL, NULL, &d->expr, &err));
    nexpr_program_free(&program);
    return true;
}

static void free_drawn(drawn *d) {
    for (int i = 0; i < d->count; i++) free(d->contiguous[i].data);
    nexpr_free(&d->expr);
    nexpr_file_free(&d->file);
}

static void run_distributed(nexpr_mpi *mpi, const drawn *d, int number, const nexpr_array *wanted, nexpr_status expected) {
    nexpr_mpi_array *inputs[MOST] = {NULL}, *results[MOST] = {NULL};
    for (int i = 0; i < d->count; i++) {
        inputs[i] = distribute_randomly(mpi, &d->contiguous[i], (uint64_t)number * 31 + (uint64_t)i * 7 + (uint64_t)ranks);
    }
    const nexpr_status status = nexpr_mpi_evaluate(mpi, d->expr, (const nexpr_mpi_array *const *)inputs, results, NULL, &err);
    if (status != expected) check_failed(d->text, number, err.message);
    for (int i = 0; i < nexpr_result_count(d->expr) && !status; i++) {
        if (!expected && !has_results(results[i], &wanted[i])) check_failed(d->text, number, "has other bits");
        nexpr_mpi_array_free(&results[i]);
    }
    for (int i = 0; i < d->count; i++) nexpr_mpi_array_free(&inputs[i]);
}

static void check_drawn(nexpr_mpi *mpi, const drawn *d, int number) {
    const nexpr_array *inputs[MOST];
    nexpr_array wanted[MOST], *outputs[MOST];
    for (int i = 0; i < d->count; i++) inputs[i] = &d->inputs[i];
    for (int i = 0; i < MOST; i++) {
        wanted[i] = nexpr_array_init();
        outputs[i] = &wanted[i];
    }
    const nexpr_status status = nexpr_evaluate(d->expr, NULL, inputs, outputs, NULL, &err);
    run_distributed(mpi, d, number, wanted, status);
    for (int i = 0; i < MOST && !status; i++) nexpr_array_free(&wanted[i]);
}

void only_random_programs(void) {
    const char *folder = getenv("NEXPR_TEST_FOLDER");
    drawn *d = malloc(sizeof *d);
    nexpr_mpi *mpi = new_mpi(0), *in_pieces = new_mpi(100);
    int number = 0;
    for (; folder; number++) {
        memset(d, 0, sizeof *d);
        if (!read_drawn(folder, number, d)) break;
        check_drawn(number % 3 ? mpi : in_pieces, d, number);
        free_drawn(d);
    }
    CHECK(number > 0);
    free(d);
    nexpr_mpi_free(&mpi);
    nexpr_mpi_free(&in_pieces);
}
