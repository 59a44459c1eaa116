/* SPDX-License-Identifier: MIT */
/* Every allocation and every read fails in turn while tables are read and written: an error, nothing leaked, nothing left.
 * Threads that cannot be started are done without. */
#include "tests/io/fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

static struct faults {
    atomic_bool armed;
    atomic_int calls, threads;
    int fail_at;
    bool refuse_threads;
} faults;

static bool fails(void) {
    if (!faults.armed || ++faults.calls != faults.fail_at) return false;
    errno = ENOMEM;
    return true;
}

#define WRAP(type, failure, name, parameters, arguments) \
    type __real_##name parameters;                       \
    type __wrap_##name parameters;                       \
    type __wrap_##name parameters {                      \
        return fails() ? failure : __real_##name arguments; \
    }

WRAP(void *, NULL, malloc, (size_t size), (size))
WRAP(void *, NULL, calloc, (size_t count, size_t size), (count, size))
WRAP(void *, NULL, realloc, (void *old, size_t size), (old, size))
WRAP(ssize_t, -1, pread, (int fd, void *data, size_t size, off_t offset), (fd, data, size, offset))
WRAP(ssize_t, -1, pread64, (int fd, void *data, size_t size, off_t offset), (fd, data, size, offset))
WRAP(ssize_t, -1, write, (int fd, const void *data, size_t size), (fd, data, size))
WRAP(ssize_t, -1, pwrite, (int fd, const void *data, size_t size, off_t offset), (fd, data, size, offset))
WRAP(ssize_t, -1, pwrite64, (int fd, const void *data, size_t size, off_t offset), (fd, data, size, offset))

int __real_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
    if (faults.refuse_threads) return EAGAIN;
    faults.threads++;
    return __real_pthread_create(id, attributes, start, argument);
}

/* Reads all columns of t.csv and writes them to o.csv. */
static nexpr_status copy_table(nexpr_error *err) {
    nexpr_file *file = NULL;
    nexpr_output *output = NULL;
    nexpr_output_options options = {.size = sizeof options, .force = true, .no_fsync = true};
    const nexpr_column_type type = {sizeof type, "b", NEXPR_FLOAT32};
    const nexpr_column_type *const types[] = {&type};
    nexpr_file_options reading = {.size = sizeof reading, .column_types = types, .column_type_count = 1};
    nexpr_array a = {.size = sizeof a}, b = {.size = sizeof b};
    const nexpr_array *list[] = {&a, &b};
    nexpr_status status = nexpr_file_open("t.csv", &reading, &file, err);
    if (!status) status = nexpr_file_load(file, 0, &a, err);
    if (!status) status = nexpr_file_load(file, 1, &b, err);
    if (!status) status = nexpr_output_new("o.csv", &options, &output, err);
    if (!status) status = nexpr_output_write(output, NULL, list, 2, err);
    if (!status) status = nexpr_output_commit(output, err);
    nexpr_output_free(&output);
    nexpr_file_free(&file);
    return status;
}

static void every_failing_call_is_an_error(void **state) {
    (void)state;
    const char text[] = "a,b,\"c\"\"\"\n1,2.5,x\n3,,y\n";
    write_file("t.csv", text, sizeof text - 1);
    nexpr_status status = NEXPR_MEMORY;
    int last = 0;
    for (int k = 1; status; k++) {
        nexpr_error err = {.size = sizeof err};
        faults.fail_at = last = k;
        faults.calls = 0;
        faults.armed = true;
        status = copy_table(&err);
        faults.armed = false;
        if (!status) break;
        assert_true(status == NEXPR_MEMORY || status == NEXPR_IO);
        assert_true(strstr(err.message, ".csv: out of memory") || strstr(err.message, ": cannot "));
        assert_int_equal(count_files(), 1);
    }
    assert_true(last > 15);
    char bytes[64];
    size_t n = read_file("o.csv", bytes, sizeof bytes);
    assert_int_equal(n, strlen("r0,r1\n1,2.5\n3,nan\n"));
    assert_memory_equal(bytes, "r0,r1\n1,2.5\n3,nan\n", n);
}

/* Why a column is refused is read from the file once more. */
static void a_failing_call_while_a_cell_is_named_is_an_error(void **state) {
    (void)state;
    write_file("t.csv", "a\nx\n", 4);
    for (int k = 1; k <= 2; k++) {
        nexpr_error err = {.size = sizeof err};
        nexpr_file *file = NULL;
        nexpr_array array = {.size = sizeof array};
        assert_int_equal(nexpr_file_open("t.csv", NULL, &file, &err), NEXPR_OK);
        faults.fail_at = k;
        faults.calls = 0;
        faults.armed = true;
        nexpr_status status = nexpr_file_load(file, 0, &array, &err);
        faults.armed = false;
        assert_int_equal(status, k == 1 ? NEXPR_MEMORY : NEXPR_IO);
        nexpr_file_free(&file);
    }
}

static void threads_that_cannot_be_started_are_done_without(void **state) {
    (void)state;
    enum { ROWS = 1 << 20 };
    FILE *out = fopen("t.csv", "w");
    fputs("a,b\n", out);
    for (int i = 0; i < ROWS; i++) fprintf(out, "%d,%d.5\n", i, i);
    fclose(out);
    for (int refuse = 0; refuse < 2; refuse++) {
        nexpr_file *file = NULL;
        nexpr_array array = {.size = sizeof array};
        nexpr_error err = {.size = sizeof err};
        faults.refuse_threads = refuse;
        faults.threads = 0;
        assert_int_equal(nexpr_file_open("t.csv", NULL, &file, &err), NEXPR_OK);
        assert_int_equal(nexpr_file_load(file, 0, &array, &err), NEXPR_OK);
        const int64_t *a = array.data;
        for (int i = 0; i < ROWS; i++) assert_int_equal(a[i], i);
        nexpr_file_free(&file);
        if (sysconf(_SC_NPROCESSORS_ONLN) > 1) assert_int_equal(faults.threads > 0, !refuse);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_failing_call_is_an_error),
        TEST(a_failing_call_while_a_cell_is_named_is_an_error),
        TEST(threads_that_cannot_be_started_are_done_without),
    };
    return cmocka_run_group_tests_name("csv_faults", tests, NULL, NULL);
}
