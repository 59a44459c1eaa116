/* SPDX-License-Identifier: MIT */
/* Programs from files to files: the bytes of nexpr_job_run, whatever the number of ranks and the memory. */
#include "tests/mpi/check.h"
#include "tests/mpi/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUTS = 2, MOST_RESULTS = 3, ROWS = 301, COLS = 97 };

static const char *const names[INPUTS] = {"a", "b"};
static const char *const suffixes[] = {"npy", "npz", "raw", "csv"};

/* ------------------------------------------------------------------------------------------------------------ files -- */

static double value(int64_t i) {
    return (double)((i * 7919 + 13) % 4001 - 2000) / 7.0;
}

/* a.npy lies in C order, f.npy in Fortran order, z.npz holds `b`. */
static void make_inputs(int ndim) {
    int64_t shape[] = {ROWS, COLS}, fortran[] = {8, ROWS * 8};
    double *data = malloc(ROWS * COLS * sizeof *data);
    for (int64_t i = 0; i < ROWS * COLS; i++) data[i] = value(i);
    nexpr_array a = nexpr_array_init(), f;
    a.dtype = NEXPR_FLOAT64;
    a.ndim = ndim;
    a.shape = shape;
    a.data = data;
    f = a;
    f.strides = ndim == 2 ? fortran : NULL;
    write_array("a.npy", "a", &a);
    write_array("f.npy", "a", &f);
    write_array("z.npz", "b", &a);
    free(data);
}

/* ------------------------------------------------------------------------------------------------------------- jobs -- */

typedef struct job {
    const char *text, *files[INPUTS]; /* of inputs */
    const char *suffix;               /* of outputs; NULL: in memory */
    bool is_together;                 /* all results in one file */
    size_t max_memory;
} job;

typedef struct opened {
    nexpr *expr;
    nexpr_file *files[INPUTS];
    nexpr_file_source sources[INPUTS];
    const nexpr_file_source *source_list[INPUTS];
    nexpr_output *outputs[MOST_RESULTS];
    nexpr_file_sink sinks[MOST_RESULTS];
    const nexpr_file_sink *sink_list[MOST_RESULTS];
    nexpr_job_options options;
} opened;

static const char *output_name(const job *j, const char *side, int index) {
    static char name[64];
    snprintf(name, sizeof name, "%s%d.%s", side, j->is_together ? 0 : index, j->suffix ? j->suffix : "none");
    return name;
}

static void open_inputs(const job *j, opened *o) {
    nexpr_input types[INPUTS];
    const nexpr_input *list[INPUTS];
    nexpr_program *program = NULL;
    for (int i = 0; i < INPUTS; i++) {
        nexpr_member member = nexpr_member_init();
        EXPECT(NEXPR_OK, nexpr_file_open(path_of(j->files[i]), NULL, &o->files[i], &err));
        nexpr_file_member(o->files[i], 0, &member);
        types[i] = nexpr_input_init(names[i], member.dtype, member.ndim);
        list[i] = &types[i];
        o->sources[i] = nexpr_file_source_init();
        o->sources[i].file = o->files[i];
        o->source_list[i] = &o->sources[i];
    }
    EXPECT(NEXPR_OK, nexpr_parse(NULL, j->text, strlen(j->text), NULL, &program, &err));
    EXPECT(NEXPR_OK, nexpr_compile(NULL, program, list, INPUTS, NULL, NULL, &o->expr, &err));
    nexpr_program_free(&program);
}

static void open_outputs(const job *j, const char *side, opened *o) {
    nexpr_output_options options = nexpr_output_options_init();
    options.force = options.no_fsync = true;
    for (int i = 0; i < nexpr_result_count(o->expr) && j->suffix; i++) {
        o->sinks[i] = nexpr_file_sink_init();
        o->sink_list[i] = &o->sinks[i];
        if (j->is_together && i) o->sinks[i].output = o->outputs[0];
        else EXPECT(NEXPR_OK, nexpr_output_new(path_of(output_name(j, side, i)), &options, &o->outputs[i], &err));
        if (o->outputs[i]) o->sinks[i].output = o->outputs[i];
    }
}

static void open_job(const job *j, const char *side, bool has_outputs, opened *o) {
    memset(o, 0, sizeof *o);
    open_inputs(j, o);
    if (has_outputs) open_outputs(j, side, o);
    o->options = nexpr_job_options_init();
    o->options.threads = 1;
}

static void close_job(opened *o, bool commits) {
    for (int i = 0; i < MOST_RESULTS; i++) {
        if (o->outputs[i] && commits) EXPECT(NEXPR_OK, nexpr_output_commit(o->outputs[i], &err));
        nexpr_output_free(&o->outputs[i]);
    }
    for (int i = 0; i < INPUTS; i++) nexpr_file_free(&o->files[i]);
    nexpr_free(&o->expr);
}

/* The elements of a result in C order, whatever order it has. */
static void keep(const nexpr_array *from, nexpr_array *to) {
    *to = nexpr_array_init();
    nexpr_array *const list[] = {to};
    EXPECT(NEXPR_OK, nexpr_evaluate_text(NULL, "reshape(x, -1)", (const char *const[]){"x"}, (const nexpr_array *const[]){from}, 1,
                                         list, 1, NULL, NULL, &err));
}

static void run_alone(const job *j, nexpr_array *results) {
    opened o;
    nexpr_job *made = NULL;
    open_job(j, "alone", true, &o);
    EXPECT(NEXPR_OK, nexpr_job_new(o.expr, NULL, o.source_list, o.sink_list, &o.options, &made, &err));
    EXPECT(NEXPR_OK, nexpr_job_run(made, &err));
    for (int i = 0; i < nexpr_result_count(o.expr) && !j->suffix; i++) {
        nexpr_array a = nexpr_array_init();
        CHECK(!nexpr_job_array(made, i, &a));
        keep(&a, &results[i]);
    }
    nexpr_job_free(&made);
    close_job(&o, true);
}

static bool is_same_array(const nexpr_array *a, const nexpr_array *b) {
    return a->dtype == b->dtype && a->shape[0] == b->shape[0] &&
           !memcmp(a->data, b->data, (size_t)a->shape[0] * nexpr_dtype_size(a->dtype));
}

static void check_arrays(const job *j, nexpr_mpi_job *made, nexpr_array *alone, int count) {
    for (int i = 0; i < count && !rank; i++) {
        nexpr_array a = nexpr_array_init(), copy;
        CHECK(!nexpr_mpi_job_array(made, i, &a));
        keep(&a, &copy);
        if (!is_same_array(&copy, &alone[i])) check_failed(j->text, i, "another array than alone");
        nexpr_array_free(&copy);
        nexpr_array_free(&alone[i]);
    }
}

static void check_job(nexpr_mpi *mpi, const job *j) {
    opened o;
    nexpr_mpi_job *made = NULL;
    nexpr_array alone[MOST_RESULTS];
    if (!rank) run_alone(j, alone);
    open_job(j, "ranks", !rank, &o);
    o.options.max_memory = j->max_memory;
    EXPECT(NEXPR_OK, nexpr_mpi_job_new(mpi, o.expr, o.source_list, o.sink_list, &o.options, &made, &err));
    const nexpr_status status = made ? nexpr_mpi_job_run(made, &err) : err.status;
    if (status) check_failed(j->text, (int)status, err.message);
    else if (!j->suffix) check_arrays(j, made, alone, nexpr_result_count(o.expr));
    const int count = nexpr_result_count(o.expr);
    nexpr_mpi_job_free(&made);
    close_job(&o, !status && !rank);
    for (int i = 0; i < count && !rank && j->suffix; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s", output_name(j, "alone", i));
        if (!is_same_file(name, output_name(j, "ranks", i))) check_failed(j->text, i, name);
    }
}

static const char *const texts[] = {
    "2*a - 4.5*b", "a[1:] - a[:-1], b + 1", "a.T + 1", "a + b.T[0, 0], a > b", "sum(a), mean(b)", "sum(a, axis=0), a*b",
    "(a - mean(a))/std(a)", "cumsum(a, axis=0)", "a[a > 0], a*2", "reshape(a, -1)[::-1]", "random(a, key=3) + a",
    "a[::-1] + b", "take(reshape(a, -1), index(b, -1)*7 % a.size)", "1.5", "a[:, :9] + a[:9, 0]",
    "a[2:, 1:-1] + a[:-2, 1:-1] + a[1:-1, 2:] + a[1:-1, :-2] - 4*a[1:-1, 1:-1]",
};

void jobs_write_the_bytes_of_one_process(void) {
    static const size_t memories[] = {0, 700000};
    make_test_folder();
    nexpr_mpi *mpi = new_mpi(0);
    if (!rank) make_inputs(2);
    PMPI_Barrier(MPI_COMM_WORLD);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        job j = {.text = texts[i], .files = {"a.npy", "z.npz"}, .suffix = suffixes[i % 3], .max_memory = memories[i % 2]};
        j.is_together = !strcmp(j.suffix, "npz");
        check_job(mpi, &j);
        j.suffix = "npy";
        j.is_together = false;
        j.max_memory = memories[(i + 1) % 2];
        check_job(mpi, &j);
        j.files[0] = j.files[1] = "f.npy";
        check_job(mpi, &j);
        j.suffix = NULL;
        check_job(mpi, &j);
    }
    nexpr_mpi_free(&mpi);
    remove_test_folder();
}

void jobs_write_tables(void) {
    static const char *const vectors[] = {"a + b, a > b", "a[a > 0]", "cumsum(a), b"};
    make_test_folder();
    nexpr_mpi *mpi = new_mpi(1000);
    if (!rank) make_inputs(1);
    PMPI_Barrier(MPI_COMM_WORLD);
    for (int i = 0; i < 3; i++) {
        job j = {.text = vectors[i], .files = {"a.npy", "z.npz"}, .suffix = "csv", .is_together = true};
        check_job(mpi, &j);
        j.files[0] = j.files[1] = "alone0.csv";
        if (!i) {
            j.text = "a*2"; /* of the table that was just written */
            j.suffix = "npy";
            check_job(mpi, &j);
        }
    }
    nexpr_mpi_free(&mpi);
    remove_test_folder();
}

void what_does_not_fit_is_not_begun(void) {
    const job j = {.text = "a - cumsum(a, axis=0)[::-1]", .files = {"a.npy", "a.npy"}, .suffix = "npy"};
    opened o;
    nexpr_mpi_job *made = NULL;
    make_test_folder();
    nexpr_mpi *mpi = new_mpi(0);
    if (!rank) make_inputs(2);
    PMPI_Barrier(MPI_COMM_WORLD);
    open_job(&j, "ranks", !rank, &o);
    o.options.max_memory = 20000;
    EXPECT(ranks > 1 ? NEXPR_OK : NEXPR_MEMORY, nexpr_mpi_job_new(mpi, o.expr, o.source_list, o.sink_list, &o.options, &made,
                                                                &err));
    if (made) EXPECT(NEXPR_MEMORY, nexpr_mpi_job_run(made, &err));
    nexpr_mpi_job_free(&made);
    close_job(&o, false);
    nexpr_mpi_free(&mpi);
    remove_test_folder();
}
