/* SPDX-License-Identifier: MIT */
/* Jobs through the API: what they refuse, what they say about themselves, and what happens to files while they run. The
 * values are job_test.py's. */
#include "tests/io/fixture.h"

enum { ROWS = 400, COLUMNS = 5, BYTES = ROWS * COLUMNS * 8 };

#define TEXT "{'descr': '<f8', 'fortran_order': False, 'shape': (400, 5)}"

static nexpr *twice; /* 2*a; a: float64 */
static nexpr *two;   /* a + 1, a - 1 */

/* A file with the numbers 0, 1, 2, ... */
static void write_numbers(const char *path) {
    static char bytes[BYTES + 256];
    double numbers[ROWS * COLUMNS];
    size_t size = build_npy(bytes, 1, TEXT, BYTES);
    for (int i = 0; i < ROWS * COLUMNS; i++) numbers[i] = i;
    memcpy(bytes + size - BYTES, numbers, BYTES);
    write_file(path, bytes, size);
}

static nexpr_file *open_numbers(const char *path, const volatile int *cancel) {
    nexpr_file_options options = nexpr_file_options_init();
    nexpr_file *file = NULL;
    options.cancel = cancel;
    assert_int_equal(nexpr_file_open(path, &options, &file, NULL), NEXPR_OK);
    return file;
}

static nexpr_output *new_output(const char *path, bool check_only) {
    nexpr_output_options options = nexpr_output_options_init();
    nexpr_output *output = NULL;
    options.check_only = check_only;
    assert_int_equal(nexpr_output_new(path, &options, &output, NULL), NEXPR_OK);
    return output;
}

/* A job of one input, a member of a file; all results go to the output. */
static nexpr_status make(const nexpr *expr, nexpr_file *file, nexpr_output *output, const nexpr_job_options *options,
                         nexpr_job **ret, nexpr_error *err) {
    nexpr_file_source source = nexpr_file_source_init();
    nexpr_file_sink sink = nexpr_file_sink_init();
    source.file = file;
    sink.output = output;
    return nexpr_job_new(expr, NULL, (const nexpr_file_source *const[]){&source},
                         (const nexpr_file_sink *const[]){&sink, &sink}, options, ret, err);
}

static void expect_message(const nexpr_error *err, const char *message) {
    if (!strstr(err->message, message)) print_message("%s\n", err->message);
    assert_non_null(strstr(err->message, message));
}

static void a_job_describes_itself_and_writes_nothing_when_only_checked(void **state) {
    (void)state;
    write_numbers("a.npy");
    nexpr_file *file = open_numbers("a.npy", NULL);
    nexpr_output *output = new_output("o.npz", true);
    nexpr_job_options options = nexpr_job_options_init();
    options.max_memory = 2000;
    nexpr_job *job = NULL;
    nexpr_error err = nexpr_error_init();
    assert_int_equal(make(two, file, output, &options, &job, &err), NEXPR_OK);
    nexpr_job_info info = nexpr_job_info_init();
    nexpr_member member = nexpr_member_init();
    assert_int_equal(nexpr_job_describe(job, &info), NEXPR_OK);
    assert_int_equal(info.bytes_to_read, BYTES);
    assert_true(info.bytes_to_write > 2 * BYTES && info.bytes_to_write < 2 * BYTES + 600);
    assert_true(info.buffer_bytes <= 2000 && info.boxes > 20);
    assert_int_equal(info.elements, 2 * ROWS * COLUMNS);
    assert_int_equal(nexpr_job_result(job, 1, &member), NEXPR_OK);
    assert_string_equal(member.name, "r1");
    assert_string_equal(member.type, "<f8");
    assert_int_equal(member.bytes, BYTES);
    assert_int_equal(nexpr_job_result(job, 2, &member), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_job_run(job, &err), NEXPR_ARGUMENT);
    expect_message(&err, "o.npz: the output was opened for checks only");
    nexpr_job_free(&job);
    nexpr_output_free(&output);
    nexpr_file_free(&file);
    assert_int_equal(count_files(), 1);
}

static void what_cannot_be_is_refused_before_anything_is_read(void **state) {
    (void)state;
    write_numbers("a.npy");
    write_npy("b.npy", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 8);
    nexpr_file *a = open_numbers("a.npy", NULL), *b = open_numbers("b.npy", NULL);
    nexpr_output *output = new_output("o.npy", false);
    nexpr_job *job = NULL;
    nexpr_error err = nexpr_error_init();
    assert_int_equal(make(two, a, output, NULL, &job, &err), NEXPR_ARGUMENT);
    expect_message(&err, "o.npy: a .npy file holds one array, not 2; several go into an .npz file");
    assert_int_equal(make(twice, b, NULL, NULL, &job, &err), NEXPR_TYPE);
    expect_message(&err, "source 0, of 'a', has another dtype");
    assert_int_equal(nexpr_job_new(twice, NULL, NULL, NULL, NULL, &job, &err), NEXPR_ARGUMENT);
    expect_message(&err, "source 0, of 'a', is missing");
    assert_int_equal(make(twice, a, output, NULL, &job, &err), NEXPR_ARGUMENT);
    expect_message(&err, "written once");
    assert_null(job);
    nexpr_output_free(&output);
    nexpr_file_free(&a);
    nexpr_file_free(&b);
}

static void results_stay_in_memory_without_an_output(void **state) {
    (void)state;
    write_numbers("a.npy");
    nexpr_file *file = open_numbers("a.npy", NULL);
    nexpr_job_options options = nexpr_job_options_init();
    options.max_memory = 1000;
    for (int loaded = 0; loaded < 2; loaded++) {
        nexpr_array array = nexpr_array_init();
        nexpr_job *job = NULL;
        if (loaded) assert_int_equal(nexpr_file_load(file, 0, &array, NULL), NEXPR_OK);
        assert_int_equal(make(two, file, NULL, &options, &job, NULL), NEXPR_OK);
        assert_int_equal(nexpr_job_array(job, 0, &array), NEXPR_ARGUMENT);
        assert_int_equal(nexpr_job_run(job, NULL), NEXPR_OK);
        for (int r = 0; r < 2; r++) {
            assert_int_equal(nexpr_job_array(job, r, &array), NEXPR_OK);
            for (int i = 0; i < ROWS * COLUMNS; i++) assert_true(((double *)array.data)[i] == (r ? i - 1 : i + 1));
        }
        nexpr_job_free(&job);
    }
    nexpr_file_free(&file);
}

typedef struct seen {
    int64_t last, total;
    int calls;
    volatile int *cancel; /* set after some calls */
    const char *truncate;
} seen;

static void see(void *user, int64_t done, int64_t total) {
    seen *s = user;
    assert_true(done > s->last && done <= total);
    s->last = done;
    s->total = total;
    if (++s->calls == 5 && s->cancel) __atomic_store_n(s->cancel, 1, __ATOMIC_RELAXED);
    if (s->calls == 5 && s->truncate) assert_int_equal(truncate(s->truncate, 2000), 0);
}

/* Runs 2*a from a.npy to o.npy in small boxes. */
static nexpr_status run_watched(seen *s, nexpr_error *err) {
    write_numbers("a.npy");
    nexpr_file *file = open_numbers("a.npy", s->cancel);
    nexpr_output *output = new_output("o.npy", false);
    nexpr_job_options options = nexpr_job_options_init();
    options.max_memory = 640;
    options.progress = see;
    options.progress_user = s;
    options.cancel = s->cancel;
    nexpr_job *job = NULL;
    assert_int_equal(make(twice, file, output, &options, &job, err), NEXPR_OK);
    nexpr_status status = nexpr_job_run(job, err);
    if (!status) status = nexpr_output_commit(output, err);
    nexpr_error again = nexpr_error_init();
    assert_int_equal(nexpr_job_run(job, &again), NEXPR_ARGUMENT);
    expect_message(&again, "a job runs once");
    nexpr_job_free(&job);
    nexpr_output_free(&output);
    nexpr_file_free(&file);
    return status;
}

static void progress_grows_to_the_total(void **state) {
    (void)state;
    seen s = {0};
    assert_int_equal(run_watched(&s, NULL), NEXPR_OK);
    assert_true(s.calls > 20);
    assert_int_equal(s.total, ROWS * COLUMNS);
    assert_int_equal(s.last, s.total);
    assert_int_equal(count_files(), 2);
}

static void a_set_cancel_flag_ends_a_job_and_leaves_nothing(void **state) {
    (void)state;
    volatile int flag = 0;
    seen s = {.cancel = &flag};
    nexpr_error err = nexpr_error_init();
    assert_int_equal(run_watched(&s, &err), NEXPR_CANCELLED);
    assert_true(s.calls < 10);
    assert_int_equal(count_files(), 1);
}

static void a_file_that_is_truncated_while_it_is_read_is_malformed(void **state) {
    (void)state;
    seen s = {.truncate = "a.npy"};
    nexpr_error err = nexpr_error_init();
    assert_int_equal(run_watched(&s, &err), NEXPR_FORMAT);
    expect_message(&err, "a.npy: truncated: expected 16000 bytes of data, the file has 1");
    assert_int_equal(count_files(), 1);
}

static void a_file_that_grows_while_it_is_read_is_malformed(void **state) {
    (void)state;
    write_numbers("a.npy");
    nexpr_file *file = open_numbers("a.npy", NULL);
    nexpr_job *job = NULL;
    nexpr_error err = nexpr_error_init();
    assert_int_equal(make(twice, file, NULL, NULL, &job, &err), NEXPR_OK);
    assert_int_equal(truncate("a.npy", 20000), 0);
    assert_int_equal(nexpr_job_run(job, &err), NEXPR_FORMAT);
    expect_message(&err, "a.npy: changed while it was read");
    nexpr_job_free(&job);
    nexpr_file_free(&file);
}

static void a_pipe_is_consumed_by_a_job(void **state) {
    (void)state;
    static char bytes[BYTES + 256];
    int ends[2];
    char path[32];
    size_t size = build_npy(bytes, 1, TEXT, BYTES);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], bytes, size), (ssize_t)size);
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    nexpr_file *file = open_numbers(path, NULL);
    nexpr_job_options options = nexpr_job_options_init();
    options.max_memory = 1000;
    nexpr_error err = nexpr_error_init();
    for (int run = 0; run < 2; run++) {
        nexpr_job *job = NULL;
        assert_int_equal(make(twice, file, NULL, &options, &job, &err), NEXPR_OK);
        assert_int_equal(nexpr_job_run(job, &err), run ? NEXPR_IO : NEXPR_OK);
        nexpr_job_free(&job);
    }
    expect_message(&err, "this is a pipe and has been read already");
    nexpr_file_free(&file);
    close(ends[0]);
}

int main(void) {
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_job_describes_itself_and_writes_nothing_when_only_checked),
        IN_FOLDER(what_cannot_be_is_refused_before_anything_is_read),
        IN_FOLDER(results_stay_in_memory_without_an_output),
        IN_FOLDER(progress_grows_to_the_total),
        IN_FOLDER(a_set_cancel_flag_ends_a_job_and_leaves_nothing),
        IN_FOLDER(a_file_that_is_truncated_while_it_is_read_is_malformed),
        IN_FOLDER(a_file_that_grows_while_it_is_read_is_malformed),
        IN_FOLDER(a_pipe_is_consumed_by_a_job),
    };
    nexpr_program *program = NULL;
    nexpr_input a = nexpr_input_init("a", NEXPR_FLOAT64, -1);
    const char *const texts[] = {"2*a", "a + 1, a - 1"};
    nexpr **const exprs[] = {&twice, &two};
    for (int i = 0; i < 2; i++) {
        if (nexpr_parse(NULL, texts[i], SIZE_MAX, NULL, &program, NULL)) return 1;
        if (nexpr_compile(NULL, program, (const nexpr_input *const[]){&a}, 1, NULL, NULL, exprs[i], NULL)) return 1;
        nexpr_program_free(&program);
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nexpr_free(&twice);
    nexpr_free(&two);
    nexpr_context_free_default();
    return failed;
}
