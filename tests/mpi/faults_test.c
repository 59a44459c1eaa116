/* SPDX-License-Identifier: MIT */
/* What goes wrong on one rank, and with MPI: every rank ends with a status, and none waits for ever. */
#include "tests/mpi/check.h"
#include "tests/mpi/shim.h"
#include "tests/support/failing_allocator.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RESULTS = 3 };

static char folder[64];

/* ------------------------------------------------------------------------------------------------------- a scenario -- */

/* Everything that the library can do, in one chain; stops at the first failure. */
typedef struct scenario {
    nexpr_mpi *mpi;
    nexpr_mpi_array *rows, *columns, *copy, *all, *scattered, *read, *results[RESULTS];
    nexpr_mpi_halo *halo;
    bool has_messages;
} scenario;

static nexpr_status fetch_halo(scenario *s, nexpr_error *reterr) {
    nexpr_status status = nexpr_mpi_halo_new(s->columns, 1, 2, &s->halo, reterr);
    if (!status) status = nexpr_mpi_halo_begin(s->halo, reterr);
    if (status) return status;
    nexpr_mpi_halo_test(s->halo);
    return nexpr_mpi_halo_end(s->halo, reterr);
}

static nexpr_status use_file(scenario *s, nexpr_error *reterr) {
    char path[100];
    snprintf(path, sizeof path, "%s/a.npy", folder);
    nexpr_output_options options = nexpr_output_options_init();
    options.force = true;
    options.no_fsync = true;
    nexpr_status status = nexpr_mpi_array_write(s->columns, path, &options, reterr);
    return status ? status : nexpr_mpi_array_from_file(s->mpi, path, NULL, NULL, NULL, 1, 1, &s->read, reterr);
}

static nexpr *compile(const char *text) {
    const nexpr_input a = nexpr_input_init("a", NEXPR_FLOAT64, 2), b = nexpr_input_init("b", NEXPR_FLOAT64, 2);
    const nexpr_input *const inputs[] = {&a, &b};
    nexpr_program *program = NULL;
    nexpr *expr = NULL;
    EXPECT(NEXPR_OK, nexpr_parse(NULL, text, strlen(text), NULL, &program, &err));
    EXPECT(NEXPR_OK, nexpr_compile(NULL, program, inputs, 2, NULL, NULL, &expr, &err));
    nexpr_program_free(&program);
    return expr;
}

/* Boxes; and, where there are messages, rows, leaves, nodes, counts and what is appended. */
static nexpr_status evaluate(scenario *s, nexpr_error *reterr) {
    nexpr *expr = compile(s->has_messages ? "a[1:]*b[:-1], cumsum(sum(a + b, axis=1)), a[a > 0]" : "a + b, b*2");
    const nexpr_mpi_array *const inputs[] = {s->rows, s->columns};
    const nexpr_status status = nexpr_mpi_evaluate(s->mpi, expr, inputs, s->results, NULL, reterr);
    nexpr_free(&expr);
    return status;
}

/* Into an array that is cut along another axis. */
static nexpr_status evaluate_into(scenario *s, nexpr_error *reterr) {
    nexpr *expr = compile("a*2");
    const nexpr_mpi_array *const inputs[] = {s->rows, NULL};
    const nexpr_status status = nexpr_mpi_evaluate(s->mpi, expr, inputs, &s->columns, NULL, reterr);
    nexpr_free(&expr);
    return status;
}

/* From the file that use_file has written, to another. */
static nexpr_status run_job(scenario *s, nexpr_error *reterr) {
    char from[100], to[100];
    nexpr *expr = compile("a - mean(a, axis=0)");
    nexpr_output_options options = nexpr_output_options_init();
    nexpr_file_source source = nexpr_file_source_init();
    nexpr_file_sink sink = nexpr_file_sink_init();
    const nexpr_file_source *const sources[] = {&source, NULL};
    const nexpr_file_sink *const sinks[] = {&sink};
    nexpr_mpi_job *job = NULL;
    snprintf(from, sizeof from, "%s/a.npy", folder);
    snprintf(to, sizeof to, "%s/b.npy", folder);
    options.force = options.no_fsync = true;
    EXPECT(NEXPR_OK, nexpr_file_open(from, NULL, &source.file, &err));
    if (!rank) EXPECT(NEXPR_OK, nexpr_output_new(to, &options, &sink.output, &err));
    nexpr_status status = nexpr_mpi_job_new(s->mpi, expr, sources, sinks, NULL, &job, reterr);
    if (!status) status = nexpr_mpi_job_run(job, reterr);
    nexpr_mpi_job_free(&job);
    nexpr_output_free(&sink.output);
    nexpr_file_free(&source.file);
    nexpr_free(&expr);
    return status;
}

static nexpr_status run(scenario *s, const nexpr_mpi_options *options, nexpr_error *reterr) {
    const int64_t shape[2] = {2 * ranks + 1, 9};
    static double data[1000];
    nexpr_mpi_layout by_columns = nexpr_mpi_layout_init(1), everywhere = nexpr_mpi_layout_init(NEXPR_MPI_REPLICATED);
    nexpr_array whole = {.size = sizeof whole, .data = data, .dtype = NEXPR_FLOAT64, .ndim = 2, .shape = shape}, slab;
    int64_t item = 8;
    nexpr_status status = nexpr_mpi_new(MPI_COMM_WORLD, options, &s->mpi, reterr);
    if (!status) {
        status = nexpr_mpi_array_generate(s->mpi, NEXPR_FLOAT64, 2, shape, NULL, read_elements, &item, &s->rows, reterr);
    }
    if (!status) status = nexpr_mpi_array_redistribute(s->rows, &by_columns, &s->columns, reterr);
    if (!status) status = nexpr_mpi_array_redistribute(s->columns, &everywhere, &s->all, reterr);
    if (!status) status = nexpr_mpi_array_gather(s->columns, 0, &whole, reterr);
    if (!status) status = nexpr_mpi_array_gather(s->rows, 0, &whole, reterr);
    if (!status) status = nexpr_mpi_array_scatter(s->mpi, 0, &whole, &by_columns, &s->scattered, reterr);
    nexpr_mpi_array_free(&s->scattered);
    if (!status) status = nexpr_mpi_array_replicate(s->mpi, 0, &whole, &s->scattered, reterr);
    if (!status) nexpr_mpi_array_local(s->rows, &slab);
    if (!status) status = nexpr_mpi_array_from_slab(s->mpi, 0, &slab, NEXPR_MPI_COPY, &s->copy, reterr);
    if (!status) status = use_file(s, reterr);
    if (!status) status = evaluate(s, reterr);
    if (!status) status = evaluate_into(s, reterr);
    if (!status && s->has_messages) status = run_job(s, reterr);
    return status || !s->has_messages ? status : fetch_halo(s, reterr);
}

static void end(scenario *s) {
    nexpr_mpi_halo_free(&s->halo);
    nexpr_mpi_array_free(&s->rows);
    nexpr_mpi_array_free(&s->columns);
    nexpr_mpi_array_free(&s->copy);
    nexpr_mpi_array_free(&s->all);
    nexpr_mpi_array_free(&s->scattered);
    nexpr_mpi_array_free(&s->read);
    for (int i = 0; i < RESULTS; i++) nexpr_mpi_array_free(&s->results[i]);
    nexpr_mpi_free(&s->mpi);
}

static void make_folder(void) {
    snprintf(folder, sizeof folder, "/tmp/nexpr-mpi-XXXXXX");
    if (!rank) CHECK(mkdtemp(folder));
    PMPI_Bcast(folder, sizeof folder, MPI_BYTE, 0, MPI_COMM_WORLD);
}

static void remove_folder(void) {
    char path[100];
    snprintf(path, sizeof path, "%s/a.npy", folder);
    PMPI_Barrier(MPI_COMM_WORLD);
    if (!rank) unlink(path);
    if (!rank) CHECK(!rmdir(folder)); /* no temporary is left */
}

static nexpr_mpi_options small_pieces(void) {
    nexpr_mpi_options options = nexpr_mpi_options_init();
    options.piece_bytes = 200;
    options.threads = 1;
    return options;
}

/* ------------------------------------------------------------------------------------------------------ failing calls -- */

/* How many ranks a status is not OK on; Collective. */
static int count_failed(nexpr_status status) {
    int failed = status != NEXPR_OK, all = 0;
    PMPI_Allreduce(&failed, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    return all;
}

/* Runs the scenario with call number `at` of rank `bad` failing; returns the number of calls that it made there. */
static long run_failing(int bad, long at) {
    const nexpr_mpi_options options = small_pieces();
    scenario s = {.has_messages = true};
    shim_reset();
    if (rank == bad) shim.fail_at = at;
    err = nexpr_error_init();
    nexpr_status status = run(&s, &options, &err);
    long calls = shim.calls;
    const bool is_agreement = !strcmp(shim.failed, "Allreduce"), is_told = status && strstr(err.message, shim.failed);
    end(&s);
    const int failed = count_failed(status);
    CHECK(failed == (status ? ranks : 0)); /* the same everywhere */
    const bool has_come = shim.has_failed; /* how often a halo is tested and waited for is a matter of time */
    if (rank == bad && at >= 0) CHECK(has_come ? is_told || (is_agreement && at == calls - 1) : at >= calls);
    if (at < 0) CHECK(!status);
    else if (status) CHECK(status == NEXPR_COMMUNICATION);
    PMPI_Bcast(&calls, 1, MPI_LONG, bad, MPI_COMM_WORLD);
    return calls;
}

/* With many ranks one of them has to do. */
static int first_bad(void) {
    return ranks > 4 ? ranks - 1 : 0;
}

/* With some it is every third call that fails, on each rank other ones. */
static long step(void) {
    return ranks > 2 ? 3 : 1;
}

static long first_at(int bad) {
    return (ranks + bad) % step();
}

/* On one rank after the other, every call in turn reports an error. Of the last agreement nobody has to know. */
void every_failing_call_ends_everywhere(void) {
    make_folder();
    for (int bad = first_bad(); bad < ranks; bad++) {
        const long calls = run_failing(bad, -1);
        for (long at = first_at(bad); at < calls; at += step()) run_failing(bad, at);
    }
    remove_folder();
}

/* Calls that fail on all ranks at once, and are not made: every rank has its own error. */
void calls_that_fail_together_end_everywhere(void) {
    const nexpr_mpi_options options = small_pieces();
    make_folder();
    long calls = 1;
    for (long at = -1; at < calls; at++) {
        scenario s = {.has_messages = false};
        shim_reset();
        shim.fail_at = at;
        shim.mode = SHIM_SKIP;
        err = nexpr_error_init();
        nexpr_status status = run(&s, &options, &err);
        if (at < 0) calls = shim.calls;
        CHECK(status == (at < 0 ? NEXPR_OK : NEXPR_COMMUNICATION));
        shim.fail_at = -1;
        end(&s);
    }
    CHECK(calls > 30);
    remove_folder();
}

static void end_the_job(void *user, const nexpr_error *error) {
    (void)user;
    fprintf(stderr, "lost: %s\n", error->message);
    MPI_Abort(MPI_COMM_WORLD, 3);
}

/* A call that is not made on one rank: the others would wait for it. Does not return; ends_test.py looks at how it ends. */
void only_a_lost_rank_ends_the_job(void) {
    scenario s = {.has_messages = false};
    nexpr_mpi_options options = small_pieces();
    options.lost = end_the_job;
    make_folder();
    rmdir(folder);
    shim_reset();
    shim.mode = SHIM_SKIP;
    if (rank == ranks - 1) shim.fail_at = 18;
    run(&s, &options, &err);
    CHECK(false);
}

/* ------------------------------------------------------------------------------------------------------------ memory -- */

void a_rank_without_memory_fails_on_all(void) {
    failing_allocator failing;
    make_folder();
    for (int bad = first_bad(); bad < ranks; bad++) {
        int failed = 1;
        for (long at = first_at(bad); failed; at += step()) {
            scenario s = {.has_messages = true};
            nexpr_mpi_options options = small_pieces();
            options.allocator = failing_allocator_init(&failing, rank == bad ? at : -1);
            err = nexpr_error_init();
            nexpr_status status = run(&s, &options, &err);
            end(&s);
            failed = failing.failed;
            PMPI_Bcast(&failed, 1, MPI_INT, bad, MPI_COMM_WORLD);
            CHECK(status == (failed ? NEXPR_MEMORY : NEXPR_OK) && is_same_everywhere(&err));
            CHECK(!failing.live_blocks && !failing.live_bytes);
        }
    }
    remove_folder();
}

/* --------------------------------------------------------------------------------------------------------- arguments -- */

static void check_agreed(const char *text) {
    CHECK(is_same_everywhere(&err));
    CHECK(strstr(err.message, text));
}

/* What an object tells of itself. */
static void check_description(const nexpr_mpi *mpi) {
    nexpr_mpi_info info = nexpr_mpi_info_init();
    CHECK(nexpr_mpi_describe(mpi, &info) == NEXPR_OK && info.rank == rank && info.ranks == ranks && info.threads == 1);
    const bool is_together = info.nodes == 1 && info.node_ranks == ranks && info.node_rank == rank;
    const bool is_apart = info.nodes == ranks && info.node_ranks == 1 && info.node_rank == 0; /* MPIR_CVAR_NOLOCAL */
    CHECK((is_together || is_apart) && info.context);
}

/* An evaluation of another array on rank 1, which there may send something; what sends nothing finds out at its end. */
static void check_evaluations(nexpr_mpi *mpi, const char *text) {
    nexpr_mpi_array *arrays[2] = {NULL, NULL}, *made = NULL;
    int64_t item = 8;
    for (int i = 0; i < 2; i++) {
        const int64_t shape[2] = {20 + 11 * i, 2};
        nexpr_mpi_array **array = &arrays[i];
        EXPECT(NEXPR_OK, nexpr_mpi_array_generate(mpi, NEXPR_FLOAT64, 2, shape, NULL, read_elements, &item, array, &err));
    }
    nexpr *expr = compile(rank == 1 ? text : "a*2");
    const nexpr_mpi_array *const inputs[] = {arrays[rank == 1], NULL};
    EXPECT(NEXPR_ARGUMENT, nexpr_mpi_evaluate(mpi, expr, inputs, &made, NULL, &err));
    check_agreed("different arguments");
    CHECK(!made);
    nexpr_free(&expr);
    for (int i = 0; i < 2; i++) nexpr_mpi_array_free(&arrays[i]);
}

/* Arguments, and functions, that are not the same on all ranks. */
static void check_differences(nexpr_mpi *mpi, const nexpr_mpi_array *array) {
    nexpr_mpi_array *a = NULL;
    const int64_t shape[1] = {20 + (rank == 1)};
    int64_t item = 8;
    if (ranks == 1) return;
    EXPECT(NEXPR_ARGUMENT, nexpr_mpi_array_generate(mpi, NEXPR_FLOAT64, 1, shape, NULL, read_elements, &item, &a, &err));
    check_agreed("different arguments");
    EXPECT(NEXPR_ARGUMENT, rank ? nexpr_mpi_array_gather(array, 0, NULL, &err)
                                : nexpr_mpi_array_redistribute(array, NULL, &a, &err));
    check_agreed("different functions");
    CHECK(!a);
    check_evaluations(mpi, "a*2");
    check_evaluations(mpi, "a[1:] - a[:-1]");
    check_evaluations(mpi, "a/sum(a)");
}

static void check_halos(nexpr_mpi_array *array) {
    nexpr_mpi_halo *halo = NULL;
    nexpr_mpi_array *all = NULL;
    const nexpr_mpi_layout everywhere = nexpr_mpi_layout_init(NEXPR_MPI_REPLICATED);
    EXPECT(NEXPR_ARGUMENT, nexpr_mpi_halo_new(array, -1, 0, &halo, &err));
    EXPECT(NEXPR_OK, nexpr_mpi_halo_new(array, 1, 1, &halo, &err));
    EXPECT(NEXPR_ARGUMENT, nexpr_mpi_halo_end(halo, &err));
    check_agreed("it has not begun");
    nexpr_mpi_halo_free(&halo);
    EXPECT(NEXPR_OK, nexpr_mpi_array_redistribute(array, &everywhere, &all, &err));
    EXPECT(NEXPR_ARGUMENT, nexpr_mpi_halo_new(all, 1, 1, &halo, &err));
    check_agreed("a replicated array has no halos");
    nexpr_mpi_array_free(&all);
}

void wrong_arguments_are_agreed_on(void) {
    nexpr_mpi *mpi = new_mpi(0);
    nexpr_mpi_array *a = NULL;
    int64_t shape[1] = {20}, item = 8, counts[64] = {0};
    nexpr_mpi_layout layout = nexpr_mpi_layout_init(1);
    check_description(mpi);
#define GENERATE nexpr_mpi_array_generate(mpi, NEXPR_FLOAT64, 1, shape, &layout, read_elements, &item, &a, &err)
    EXPECT(NEXPR_ARGUMENT, GENERATE);
    check_agreed("there is no axis 1");
    layout.axis = 0;
    layout.counts = counts;
    EXPECT(NEXPR_SHAPE, GENERATE);
    check_agreed("the counts add up to 0, axis 0 has 20");
    counts[0] = 21;
    EXPECT(NEXPR_SHAPE, GENERATE);
    check_agreed("counts[0] is 21");
    CHECK(!a);
    counts[0] = 20;
    EXPECT(NEXPR_OK, GENERATE);
    check_differences(mpi, a);
    EXPECT(NEXPR_ARGUMENT, nexpr_mpi_array_gather(a, ranks, NULL, &err));
    check_agreed("there is no rank");
    EXPECT(NEXPR_ARGUMENT, nexpr_mpi_array_gather(a, 0, NULL, &err));
    check_agreed("the array is NULL");
    check_halos(a);
    CHECK(nexpr_mpi_array_gather(NULL, 0, NULL, NULL) == NEXPR_ARGUMENT);
    nexpr_mpi_array_free(&a);
    nexpr_mpi_free(&mpi);
}

/* Slabs that lie otherwise on one rank are refused on all. */
void slabs_are_checked(void) {
    nexpr_mpi *mpi = new_mpi(0);
    nexpr_mpi_array *a = NULL;
    nexpr_mpi_array_info info = nexpr_mpi_array_info_init();
    int64_t length = 3 + rank, stride = 8, first = 3 * rank + rank * (rank - 1) / 2;
    double data[80];
    nexpr_array slab = {.size = sizeof slab, .data = data, .dtype = NEXPR_FLOAT64, .ndim = 1, .shape = &length,
                        .strides = &stride};
    const int last = ranks - 1;
#define FROM_SLAB(axis, how) nexpr_mpi_array_from_slab(mpi, axis, &slab, how, &a, &err)
    stride = rank == last ? 16 : 8;
    EXPECT(NEXPR_ARGUMENT, FROM_SLAB(0, NEXPR_MPI_BORROW));
    check_agreed("the stride of axis 0 is 16, and would be 8");
    stride = 24 + rank;
    EXPECT(NEXPR_ARGUMENT, FROM_SLAB(0, NEXPR_MPI_BORROW));
    check_agreed("the stride of axis 0 is 24"); /* of all messages that of the lowest rank */
    stride = 8;
    slab.byte_order = rank == last ? NEXPR_SWAPPED : NEXPR_NATIVE;
    EXPECT(NEXPR_ARGUMENT, FROM_SLAB(0, NEXPR_MPI_COPY));
    check_agreed("byte order");
    slab.byte_order = NEXPR_NATIVE;
    EXPECT(NEXPR_ARGUMENT, FROM_SLAB(1, NEXPR_MPI_COPY));
    EXPECT(NEXPR_ARGUMENT, FROM_SLAB(0, NEXPR_MPI_TAKE));
    check_agreed("only what nexpr allocated");
    slab.dtype = rank == last ? NEXPR_INT64 : NEXPR_FLOAT64;
    if (ranks > 1) EXPECT(NEXPR_ARGUMENT, FROM_SLAB(0, NEXPR_MPI_COPY));
    slab.dtype = NEXPR_FLOAT64;
    fill_elements(data, first, length, 8);
    EXPECT(NEXPR_OK, FROM_SLAB(0, NEXPR_MPI_BORROW));
    CHECK(has_slab(a) && nexpr_mpi_array_describe(a, &info) == NEXPR_OK && info.begin == first && info.count == length);
    nexpr_mpi_array_free(&a);
    nexpr_mpi_free(&mpi);
}

/* What nexpr allocated is the array's, if all went well. */
void slabs_are_taken_over(void) {
    nexpr_mpi *mpi = new_mpi(0);
    nexpr_mpi_array *a = NULL;
    const int64_t length = 3 + rank;
    double data[80] = {0};
    nexpr_array from = {.size = sizeof from, .data = data, .dtype = NEXPR_FLOAT64, .ndim = 1, .shape = &length};
    const nexpr_array *inputs[] = {&from};
    nexpr_array slab = nexpr_array_init(), *outputs[] = {&slab};
    const char *const names[] = {"x"};
    EXPECT(NEXPR_OK, nexpr_evaluate_text(NULL, "x + 7", names, inputs, 1, outputs, 1, NULL, NULL, &err));
    const double *where = slab.data;
    EXPECT(NEXPR_ARGUMENT, FROM_SLAB(-2, NEXPR_MPI_TAKE));
    CHECK(slab.data == where && slab.owner);
    EXPECT(NEXPR_OK, FROM_SLAB(0, NEXPR_MPI_TAKE));
    CHECK(!slab.data && !slab.owner);
    nexpr_mpi_array_local(a, &slab);
    CHECK(slab.data == where && where[length - 1] == 7);
    nexpr_mpi_array_free(&a);
    nexpr_mpi_free(&mpi);
}

static nexpr_status refuse(void *user, int64_t first, int64_t count, void *data, nexpr_error *reterr) {
    const int how = *(const int *)user;
    memset(data, 0, (size_t)count);
    if (!how || first + count < 11) return NEXPR_OK;
    if (how == 2) snprintf(reterr->message, sizeof reterr->message, "no more numbers");
    return how == 2 ? NEXPR_VALUE : NEXPR_CALLBACK;
}

void a_function_that_fails_fails_on_all(void) {
    nexpr_mpi *mpi = new_mpi(4);
    nexpr_mpi_array *a = NULL;
    const int64_t shape[1] = {11};
    for (int how = 0; how < 3; how++) {
        const nexpr_status expected = how == 0 ? NEXPR_OK : how == 1 ? NEXPR_CALLBACK : NEXPR_VALUE;
        EXPECT(expected, nexpr_mpi_array_generate(mpi, NEXPR_UINT8, 1, shape, NULL, refuse, &how, &a, &err));
        if (how) check_agreed(how == 1 ? "the function failed at element" : "no more numbers");
        CHECK((a == NULL) == (how > 0));
        nexpr_mpi_array_free(&a);
    }
    nexpr_mpi_free(&mpi);
}

static void *call_elsewhere(void *user) {
    nexpr_mpi_array *a = NULL;
    const int64_t shape[1] = {1};
    int64_t item = 1;
    EXPECT(NEXPR_ARGUMENT, nexpr_mpi_array_generate(user, NEXPR_UINT8, 1, shape, NULL, read_elements, &item, &a, &err));
    CHECK(strstr(err.message, "only the thread that initialised MPI"));
    return NULL;
}

void another_thread_is_turned_away(void) {
    nexpr_mpi *mpi = new_mpi(0);
    pthread_t thread;
    int level;
    MPI_Query_thread(&level);
    CHECK(level == MPI_THREAD_FUNNELED);
    CHECK(!pthread_create(&thread, NULL, call_elsewhere, mpi) && !pthread_join(thread, NULL));
    nexpr_mpi_free(&mpi);
}

/* Parts of a communicator, in another order, at once with the whole; handlers are the program's own. */
void communicators_are_left_as_they_are(void) {
    nexpr_mpi *whole = new_mpi(0), *half = NULL;
    nexpr_mpi_info info = nexpr_mpi_info_init();
    MPI_Comm comm, none = MPI_COMM_NULL;
    MPI_Errhandler handler, of_world;
    nexpr_mpi_array *a = NULL, *b = NULL;
    int64_t shape[1] = {11}, item = 4;
    PMPI_Comm_split(MPI_COMM_WORLD, rank % 2, -rank, &comm);
    EXPECT(NEXPR_OK, nexpr_mpi_new(comm, NULL, &half, &err));
    nexpr_mpi_describe(half, &info);
    CHECK(info.comm != comm && info.ranks == (ranks + 1 - rank % 2) / 2 && info.threads >= 1);
    MPI_Comm_get_errhandler(comm, &handler);
    MPI_Comm_get_errhandler(MPI_COMM_WORLD, &of_world);
    CHECK(handler == MPI_ERRORS_ARE_FATAL && of_world == MPI_ERRORS_ARE_FATAL);
    EXPECT(NEXPR_OK, nexpr_mpi_array_generate(half, NEXPR_INT32, 1, shape, NULL, read_elements, &item, &a, &err));
    EXPECT(NEXPR_OK, nexpr_mpi_array_generate(whole, NEXPR_INT32, 1, shape, NULL, read_elements, &item, &b, &err));
    CHECK(has_slab(b));
    if (rank % 2) EXPECT(NEXPR_ARGUMENT, nexpr_mpi_array_gather(a, 99, NULL, &err)); /* of no interest to the others */
    EXPECT(NEXPR_ARGUMENT, nexpr_mpi_new(none, NULL, &half, &err));
    nexpr_mpi_array_free(&a);
    nexpr_mpi_array_free(&b);
    nexpr_mpi_free(&half);
    nexpr_mpi_free(&whole);
    PMPI_Comm_free(&comm);
}
