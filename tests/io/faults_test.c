/* SPDX-License-Identifier: MIT */
/*
 * Every call to the system fails in turn: the linker sends the calls of io_lib through the wrappers here. Whatever fails,
 * the output is the old file or the complete new one, no temporary is left, and the error says what the system said.
 */
#include "tests/io/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <minizip/zip.h>

/* How the calls behave: call number `fail_at` fails with `reason`; `interrupt`: every other call is interrupted; `shorten`:
 * reads and writes do one byte less than asked for, if that is more than one. */
static struct faults {
    bool armed, interrupt, shorten;
    int calls, fail_at, reason;
    int writes, flushes;           /* calls that were let through */
    int64_t reserved;              /* bytes */
    int writes_before;             /* they were reserved */
} faults;

/* Calls come from the threads of a job too. */
static bool fails(void) {
    if (!faults.armed) return false;
    int call = __atomic_add_fetch(&faults.calls, 1, __ATOMIC_RELAXED);
    if (faults.interrupt && call % 2) {
        errno = EINTR;
        return true;
    }
    if (call != faults.fail_at) return false;
    errno = faults.reason;
    return true;
}

static size_t shortened(size_t n) {
    return faults.armed && faults.shorten && n > 1 ? n - 1 : n;
}

static off_t reserving(off_t n) {
    faults.reserved = n;
    faults.writes_before = faults.writes;
    return n;
}

/* WRAP(result type, name, parameters, arguments, result of a failure) */
#define WRAP(type, name, parameters, arguments, failure) \
    type __real_##name parameters;                       \
    type __wrap_##name parameters;                       \
    type __wrap_##name parameters {                      \
        return fails() ? failure : __real_##name arguments; \
    }

WRAP(ssize_t, read, (int fd, void *data, size_t n), (fd, data, shortened(n)), -1)
WRAP(ssize_t, pread, (int fd, void *data, size_t n, off_t at), (fd, data, shortened(n), at), -1)
WRAP(ssize_t, pread64, (int fd, void *data, size_t n, off_t at), (fd, data, shortened(n), at), -1)
WRAP(ssize_t, write, (int fd, const void *data, size_t n), (fd, data, shortened(n)), -1)
WRAP(ssize_t, pwrite, (int fd, const void *data, size_t n, off_t at), (fd, data, (faults.writes++, shortened(n)), at), -1)
WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t n, off_t at), (fd, data, (faults.writes++, shortened(n)), at), -1)
WRAP(int, fallocate, (int fd, int mode, off_t at, off_t n), (fd, mode, at, reserving(n)), -1)
WRAP(int, fallocate64, (int fd, int mode, off_t at, off_t n), (fd, mode, at, reserving(n)), -1)
WRAP(int, fsync, (int fd), ((faults.flushes++, fd)), -1)
WRAP(int, open, (const char *path, int flags, mode_t mode), (path, flags, mode), -1)
WRAP(int, open64, (const char *path, int flags, mode_t mode), (path, flags, mode), -1)

/* Renames are not interrupted. */
static bool rename_fails(void) {
    return !faults.interrupt && fails();
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to) {
    return rename_fails() ? -1 : __real_rename(from, to);
}

int __real_renameat2(int a, const char *from, int b, const char *to, unsigned flags);
int __wrap_renameat2(int a, const char *from, int b, const char *to, unsigned flags);
int __wrap_renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
    return rename_fails() ? -1 : __real_renameat2(a, from, b, to, flags);
}

/* close closes, also when it reports an error. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd) {
    int error = faults.interrupt ? 0 : fails() ? errno : 0, result = __real_close(fd);
    if (!error) return result;
    errno = error;
    return -1;
}

/* Memory fails in a run of its own. */
static struct {
    bool armed;
    int calls, fail_at;
} memory;

static bool is_out_of_memory(void) {
    return memory.armed && __atomic_add_fetch(&memory.calls, 1, __ATOMIC_RELAXED) == memory.fail_at;
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n) {
    return is_out_of_memory() ? NULL : __real_malloc(n);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size) {
    return is_out_of_memory() ? NULL : __real_calloc(n, size);
}

void *__real_realloc(void *old, size_t n);
void *__wrap_realloc(void *old, size_t n);
void *__wrap_realloc(void *old, size_t n) {
    return is_out_of_memory() ? NULL : __real_realloc(old, n);
}

int __real_posix_memalign(void **to, size_t alignment, size_t n);
int __wrap_posix_memalign(void **to, size_t alignment, size_t n);
int __wrap_posix_memalign(void **to, size_t alignment, size_t n) {
    return is_out_of_memory() ? ENOMEM : __real_posix_memalign(to, alignment, n);
}

/* ------------------------------------------------------------------------------------------------------ scenarios -- */

static void disarm(void) {
    faults.armed = memory.armed = false;
}

/* Copies a field of in.npy to out.npy, through a gathering write. */
static nexpr_status copy(const nexpr_output_options *options, nexpr_error *err) {
    nexpr_file *file = NULL;
    nexpr_output *output = NULL;
    nexpr_array array = {.size = sizeof array};
    nexpr_status status = nexpr_file_open("in.npy", NULL, &file, err);
    if (!status) status = nexpr_output_new("out.npy", options, &output, err);
    if (!status) status = nexpr_file_load(file, 1, &array, err);
    if (!status) status = nexpr_output_write(output, NULL, (const nexpr_array *const[]){&array}, 1, err);
    if (!status) status = nexpr_output_commit(output, err);
    disarm();
    nexpr_output_free(&output);
    nexpr_file_free(&file);
    return status;
}

/* Copies a stored and a deflated member of in.npz to out.npz. */
static nexpr_status copy_archive(const nexpr_output_options *options, nexpr_error *err) {
    nexpr_file *file = NULL;
    nexpr_output *output = NULL;
    nexpr_array a = {.size = sizeof a}, b = {.size = sizeof b};
    nexpr_status status = nexpr_file_open("in.npz", NULL, &file, err);
    if (!status) status = nexpr_output_new("out.npz", options, &output, err);
    if (!status) status = nexpr_file_load(file, 0, &a, err);
    if (!status) status = nexpr_file_load(file, 1, &b, err);
    if (!status) status = nexpr_output_write(output, NULL, (const nexpr_array *const[]){&a, &b}, 2, err);
    if (!status) status = nexpr_output_commit(output, err);
    disarm();
    nexpr_output_free(&output);
    nexpr_file_free(&file);
    return status;
}

/* Of a and b, float64 of two dimensions: elementwise; in two passes; of a length that depends on data. */
static nexpr *sum, *scaled, *selected;

/* A job from in.npz to out.npz, with a deflated input that has to be set aside when there are several boxes. */
static nexpr_status run_job(const nexpr *expr, size_t max_memory, const nexpr_output_options *options, nexpr_error *err) {
    nexpr_file *file = NULL;
    nexpr_output *output = NULL;
    nexpr_job_options job = nexpr_job_options_init();
    job.max_memory = max_memory;
    job.threads = 1;
    nexpr_status status = nexpr_file_open("in.npz", NULL, &file, err);
    if (!status) status = nexpr_output_new("out.npz", options, &output, err);
    nexpr_file_source a = {.size = sizeof a, .file = file}, b = {.size = sizeof b, .file = file, .member = 1};
    nexpr_file_sink both = {.size = sizeof both, .output = output};
    if (!status) {
        status = nexpr_evaluate_files(expr, NULL, (const nexpr_file_source *const[]){&a, &b},
                                      (const nexpr_file_sink *const[]){&both, &both}, &job, err);
    }
    if (!status) status = nexpr_output_commit(output, err);
    disarm();
    nexpr_output_free(&output);
    nexpr_file_free(&file);
    return status;
}

static nexpr_status run_at_once(const nexpr_output_options *options, nexpr_error *err) {
    return run_job(sum, 0, options, err);
}

static nexpr_status run_in_boxes(const nexpr_output_options *options, nexpr_error *err) {
    return run_job(sum, 1000, options, err);
}

static nexpr_status run_in_slabs(const nexpr_output_options *options, nexpr_error *err) {
    return run_job(scaled, 2500, options, err);
}

static nexpr_status run_selection(const nexpr_output_options *options, nexpr_error *err) {
    return run_job(selected, 0, options, err);
}

static const struct scenario {
    const char *path;
    nexpr_status (*run)(const nexpr_output_options *options, nexpr_error *err);
    bool has_threads;
} scenarios[] = {
    {"out.npy", copy, false},
    {"out.npz", copy_archive, false},
    {"out.npz", run_at_once, false},
    {"out.npz", run_in_boxes, true},
    {"out.npz", run_in_slabs, true},
    {"out.npz", run_selection, false},
};

enum { SCENARIOS = sizeof scenarios / sizeof *scenarios, INPUTS = 2 };

/* What a scenario writes when nothing fails. */
static struct {
    char bytes[8192];
    size_t size;
} wanted[SCENARIOS];

/* An archive of a stored and a deflated array of 20 x 6 numbers, the second in Fortran order. */
static void write_archive(void) {
    static const char *const texts[] = {"{'descr': '<f8', 'fortran_order': False, 'shape': (20, 6)}",
                                        "{'descr': '<f8', 'fortran_order': True, 'shape': (20, 6)}"};
    char bytes[2048];
    zipFile zip = zipOpen64("in.npz", APPEND_STATUS_CREATE);
    assert_non_null(zip);
    for (int i = 0; i < 2; i++) {
        size_t size = build_npy(bytes, 1, texts[i], 960);
        zip_fileinfo info = {0};
        assert_int_equal(zipOpenNewFileInZip64(zip, i ? "b.npy" : "a.npy", &info, NULL, 0, NULL, 0, NULL, i ? Z_DEFLATED : 0,
                                               6, 0), 0);
        assert_int_equal(zipWriteInFileInZip(zip, bytes, (unsigned)size), 0);
        assert_int_equal(zipCloseFileInZip(zip), 0);
    }
    assert_int_equal(zipClose(zip, NULL), 0);
}

static void prepare(const struct scenario *s, bool force) {
    static const char *const text = "{'descr': [('a', '|i1'), ('b', '<f8')], 'fortran_order': False, 'shape': (20,)}";
    faults = (struct faults){0};
    memory.armed = false;
    write_npy("in.npy", 2, text, 180);
    write_archive();
    unlink("out.npy");
    unlink("out.npz");
    if (force) write_file(s->path, "old", 3);
}

static nexpr_status run(const struct scenario *s, bool force, nexpr_error *err) {
    nexpr_output_options options = nexpr_output_options_init();
    options.force = force;
    return s->run(&options, err);
}

static bool holds(const char *path, const char *bytes, size_t size) {
    char got[sizeof wanted->bytes];
    return !access(path, F_OK) && read_file(path, got, sizeof got) == size && !memcmp(got, bytes, size);
}

static bool is_new(const struct scenario *s) {
    return holds(s->path, wanted[s - scenarios].bytes, wanted[s - scenarios].size);
}

static bool is_old(const struct scenario *s, bool force) {
    return force ? holds(s->path, "old", 3) : access(s->path, F_OK) != 0;
}

static int make_all(void **state) {
    make_folder(state);
    setenv("TMPDIR", ".", 1); /* what is set aside would be counted if it stayed */
    for (int i = 0; i < SCENARIOS; i++) {
        prepare(&scenarios[i], false);
        if (run(&scenarios[i], false, NULL)) return -1;
        wanted[i].size = read_file(scenarios[i].path, wanted[i].bytes, sizeof wanted[i].bytes);
        unlink(scenarios[i].path);
    }
    return 0;
}

/* ---------------------------------------------------------------------------------------------------------- tests -- */

/* Returns how many calls there were when nothing failed any more. */
static int sweep(const struct scenario *s, bool force, int reason) {
    for (int n = 1;; n++) {
        prepare(s, force);
        faults = (struct faults){.armed = true, .fail_at = n, .reason = reason};
        nexpr_error err = nexpr_error_init();
        nexpr_status status = run(s, force, &err);
        bool is_through = faults.calls < n;
        assert_true(status == NEXPR_OK ? is_new(s) : is_old(s, force) || is_new(s));
        assert_int_equal(count_files(), INPUTS + (is_new(s) || force));
        if (is_through) {
            assert_int_equal(status, NEXPR_OK);
            return n;
        }
        if (status && !strstr(err.message, strerror(reason))) print_message("call %d: %s\n", n, err.message);
        if (status) assert_non_null(strstr(err.message, strerror(reason)));
        if (status) assert_int_equal(status, NEXPR_IO);
    }
}

static void every_failing_call_leaves_the_old_file_or_the_new_one(void **state) {
    (void)state;
    static const int reasons[] = {EIO, ENOSPC, EDQUOT};
    for (int k = 0; k < SCENARIOS; k++) {
        for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
            assert_true(sweep(&scenarios[k], false, reasons[i]) > 10);
            assert_true(sweep(&scenarios[k], true, reasons[i]) > 10);
        }
    }
}

static void every_failing_allocation_is_reported(void **state) {
    (void)state;
    for (int k = 0; k < SCENARIOS; k++) {
        const struct scenario *s = &scenarios[k];
        int n = 0;
        for (nexpr_status status = NEXPR_MEMORY; status;) {
            prepare(s, true);
            memory.armed = true;
            memory.calls = 0;
            memory.fail_at = ++n;
            nexpr_error err = nexpr_error_init();
            status = run(s, true, &err);
            assert_true(status == NEXPR_OK || status == NEXPR_MEMORY);
            assert_true(status ? is_old(s, true) : is_new(s));
            assert_int_equal(count_files(), INPUTS + 1);
        }
        assert_true(n > 6);
    }
}

static void interrupted_and_short_calls_are_continued(void **state) {
    (void)state;
    for (int k = 0; k < SCENARIOS; k++) {
        for (int mode = 1; mode < 4; mode++) {
            if (scenarios[k].has_threads && mode & 1) continue; /* "every other call" is nothing where threads meet */
            prepare(&scenarios[k], false);
            faults = (struct faults){.armed = true, .interrupt = mode & 1, .shorten = mode & 2};
            nexpr_error err = nexpr_error_init();
            if (run(&scenarios[k], false, &err)) print_message("%s\n", err.message);
            assert_true(is_new(&scenarios[k]));
            assert_int_equal(count_files(), INPUTS + 1);
        }
    }
}

/* Finds the call that can fail with this reason and is made up for; all others make the whole fail. */
static void expect_one_to_be_made_up_for(const struct scenario *s, int reason) {
    int made_up = 0, n = 1;
    for (;; n++) {
        prepare(s, false);
        faults = (struct faults){.armed = true, .fail_at = n, .reason = reason};
        bool is_good = run(s, false, NULL) == NEXPR_OK;
        if (faults.calls < n) break;
        if (is_good) assert_true(is_new(s));
        made_up += is_good;
    }
    assert_true(made_up > 0);
}

static void file_systems_without_renameat2_or_reserved_space_work(void **state) {
    (void)state;
    expect_one_to_be_made_up_for(&scenarios[0], ENOSYS);
    expect_one_to_be_made_up_for(&scenarios[0], EOPNOTSUPP);
    expect_one_to_be_made_up_for(&scenarios[1], EOPNOTSUPP);
}

static void space_is_reserved_before_anything_is_written(void **state) {
    (void)state;
    for (int k = 0; k < SCENARIOS; k++) {
        prepare(&scenarios[k], false);
        assert_int_equal(run(&scenarios[k], false, NULL), NEXPR_OK);
        assert_int_equal(faults.reserved, wanted[k].size);
        assert_int_equal(faults.writes_before, 0);
        assert_true(faults.writes > 0);
    }
}

static void data_and_directory_are_flushed_unless_that_is_not_wanted(void **state) {
    (void)state;
    for (int k = 0; k < SCENARIOS; k++) {
        for (int no_fsync = 0; no_fsync < 2; no_fsync++) {
            nexpr_output_options options = nexpr_output_options_init();
            options.no_fsync = no_fsync;
            prepare(&scenarios[k], false);
            assert_int_equal(scenarios[k].run(&options, NULL), NEXPR_OK);
            assert_int_equal(faults.flushes, no_fsync ? 0 : 2);
        }
    }
}

static nexpr *compile(const char *text) {
    nexpr_input a = nexpr_input_init("a", NEXPR_FLOAT64, 2), b = nexpr_input_init("b", NEXPR_FLOAT64, 2);
    nexpr_program *program = NULL;
    nexpr *expr = NULL;
    if (nexpr_parse(NULL, text, SIZE_MAX, NULL, &program, NULL)) return NULL;
    nexpr_compile(NULL, program, (const nexpr_input *const[]){&a, &b}, 2, NULL, NULL, &expr, NULL);
    nexpr_program_free(&program);
    return expr;
}

int main(void) {
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_all, remove_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(every_failing_call_leaves_the_old_file_or_the_new_one),
        IN_FOLDER(every_failing_allocation_is_reported),
        IN_FOLDER(interrupted_and_short_calls_are_continued),
        IN_FOLDER(space_is_reserved_before_anything_is_written),
        IN_FOLDER(data_and_directory_are_flushed_unless_that_is_not_wanted),
        IN_FOLDER(file_systems_without_renameat2_or_reserved_space_work),
    };
    sum = compile("c = a + b; c, a");
    scaled = compile("(a - min(a, axis=0))*b, max(b, axis=0)");
    selected = compile("a[a > b], b");
    if (!sum || !scaled || !selected) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nexpr_free(&sum);
    nexpr_free(&scaled);
    nexpr_free(&selected);
    nexpr_context_free_default();
    return failed;
}
