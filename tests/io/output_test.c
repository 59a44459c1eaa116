/* SPDX-License-Identifier: MIT */
/* Writing: what takes the place of what, and what is left behind. */
#include "tests/io/fixture.h"

#include <fcntl.h>
#include <sys/file.h>

static const int64_t shape2[] = {2};
static double numbers[] = {1.5, -2};

static nexpr_array two_numbers(void) {
    return (nexpr_array){.size = sizeof(nexpr_array), .data = numbers, .dtype = NEXPR_FLOAT64, .ndim = 1, .shape = shape2};
}

static nexpr_status save(const char *path, bool force, nexpr_error *err) {
    nexpr_output_options options = nexpr_output_options_init();
    options.force = force;
    nexpr_array array = two_numbers();
    nexpr_output *output = NULL;
    nexpr_status status = nexpr_output_new(path, &options, &output, err);
    if (!status) status = nexpr_output_write(output, NULL, (const nexpr_array *const[]){&array}, 1, err);
    if (!status) status = nexpr_output_commit(output, err);
    nexpr_output_free(&output);
    return status;
}

static void expect_saved(const char *path) {
    char bytes[256];
    assert_int_equal(read_file(path, bytes, sizeof bytes), 128 + 16);
    assert_memory_equal(bytes + 128, numbers, 16);
}

static void expect_refused(const char *path, bool force, nexpr_status status, const char *message) {
    nexpr_error err = nexpr_error_init();
    assert_int_equal(save(path, force, &err), status);
    if (!strstr(err.message, message)) print_message("%s\n", err.message);
    assert_non_null(strstr(err.message, message));
}

static void a_new_file_has_the_header_of_numpy_and_no_temporary_beside_it(void **state) {
    (void)state;
    assert_int_equal(save("x.npy", false, NULL), NEXPR_OK);
    expect_saved("x.npy");
    char bytes[256];
    read_file("x.npy", bytes, sizeof bytes);
    assert_memory_equal(bytes, "\x93NUMPY\1\0\x76\0{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }   ", 70);
    assert_int_equal(bytes[127], '\n');
    assert_int_equal(count_files(), 1);
}

static void an_existing_file_is_replaced_only_by_force(void **state) {
    (void)state;
    write_file("x.npy", "old", 3);
    expect_refused("x.npy", false, NEXPR_IO, "x.npy: exists already");
    char bytes[8];
    assert_int_equal(read_file("x.npy", bytes, sizeof bytes), 3);
    assert_int_equal(save("x.npy", true, NULL), NEXPR_OK);
    expect_saved("x.npy");
    assert_int_equal(count_files(), 1);
}

static void a_file_that_appears_meanwhile_is_not_replaced(void **state) {
    (void)state;
    nexpr_error err = nexpr_error_init();
    nexpr_array array = two_numbers();
    nexpr_output *output = NULL;
    assert_int_equal(nexpr_output_new("x.npy", NULL, &output, &err), NEXPR_OK);
    assert_int_equal(nexpr_output_write(output, NULL, (const nexpr_array *const[]){&array}, 1, &err), NEXPR_OK);
    write_file("x.npy", "new", 3);
    assert_int_equal(nexpr_output_commit(output, &err), NEXPR_IO);
    assert_non_null(strstr(err.message, "exists already"));
    nexpr_output_free(&output);
    assert_int_equal(count_files(), 1);
}

static void permissions_of_a_replaced_file_are_kept(void **state) {
    (void)state;
    write_file("x.npy", "old", 3);
    assert_int_equal(chmod("x.npy", 0640), 0);
    assert_int_equal(save("x.npy", true, NULL), NEXPR_OK);
    struct stat st;
    assert_int_equal(stat("x.npy", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
}

static void a_symbolic_link_stays_and_its_file_is_replaced(void **state) {
    (void)state;
    write_file("real.npy", "old", 3);
    assert_int_equal(symlink("real.npy", "middle"), 0);
    assert_int_equal(symlink("middle", "link.npy"), 0);
    expect_refused("link.npy", false, NEXPR_IO, "exists already");
    assert_int_equal(save("link.npy", true, NULL), NEXPR_OK);
    expect_saved("real.npy");
    struct stat st;
    assert_int_equal(lstat("link.npy", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(symlink("not_there.npy", "dangling.npy"), 0);
    assert_int_equal(save("dangling.npy", false, NULL), NEXPR_OK);
    expect_saved("not_there.npy");
    assert_int_equal(symlink("round.npy", "round.npy"), 0);
    expect_refused("round.npy", true, NEXPR_IO, "Too many levels of symbolic links");
}

static void what_is_no_regular_file_is_written_directly_or_refused(void **state) {
    (void)state;
    assert_int_equal(save("/dev/null", false, NULL), NEXPR_OK);
    expect_refused("/dev/full", false, NEXPR_IO, "/dev/full: cannot write: No space left on device");
    expect_refused(".", true, NEXPR_IO, "is a directory");
    expect_refused("missing/x.npy", false, NEXPR_IO, "missing/x.npy: cannot write: No such file or directory");
    expect_refused("x.txt", false, NEXPR_ARGUMENT, "has to end in .npy");
    expect_refused(".npy", false, NEXPR_ARGUMENT, "has to end in .npy");
    assert_int_equal(count_files(), 0);
}

static void a_stale_temporary_is_removed_and_a_held_one_respected(void **state) {
    (void)state;
    write_file(".x.npy.nexpr-tmp", "left by a killed process", 24);
    assert_int_equal(save("x.npy", false, NULL), NEXPR_OK);
    assert_int_equal(count_files(), 1);
    nexpr_output *output = NULL;
    assert_int_equal(nexpr_output_new("y.npy", NULL, &output, NULL), NEXPR_OK);
    expect_refused("y.npy", false, NEXPR_IO, "another process is writing this file");
    assert_int_equal(access(".y.npy.nexpr-tmp", F_OK), 0);
    nexpr_output_free(&output);
    assert_int_equal(count_files(), 1);
}

static void long_names_have_temporaries_too(void **state) {
    (void)state;
    char name[256];
    memset(name, 'x', sizeof name);
    memcpy(name + 251, ".npy", 5);
    assert_int_equal(save(name, false, NULL), NEXPR_OK);
    expect_saved(name);
    for (int i = 0; i < 124; i++) memcpy(name + 2 * i, "\xc3\xa4", 2);
    strcpy(name + 248, ".npy");
    assert_int_equal(save(name, false, NULL), NEXPR_OK);
    assert_int_equal(count_files(), 2);
}

static void one_array_is_written_and_only_a_complete_one_committed(void **state) {
    (void)state;
    nexpr_error err = nexpr_error_init();
    nexpr_array array = two_numbers(), bad = two_numbers();
    nexpr_output *output = NULL;
    assert_int_equal(nexpr_output_new("x.npy", NULL, &output, &err), NEXPR_OK);
    assert_int_equal(nexpr_output_commit(output, &err), NEXPR_ARGUMENT);
    bad.ndim = 65;
    assert_int_equal(nexpr_output_write(output, NULL, (const nexpr_array *const[]){&bad}, 1, &err), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_output_write(output, NULL, (const nexpr_array *const[]){&array}, 1, &err), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_output_commit(output, &err), NEXPR_ARGUMENT);
    nexpr_output_free(&output);
    assert_int_equal(nexpr_output_new("x.npy", NULL, &output, &err), NEXPR_OK);
    assert_int_equal(nexpr_output_write(output, NULL, (const nexpr_array *const[]){&array}, 1, &err), NEXPR_OK);
    assert_int_equal(nexpr_output_write(output, NULL, (const nexpr_array *const[]){&array}, 1, &err), NEXPR_ARGUMENT);
    assert_non_null(strstr(err.message, "written once"));
    nexpr_output_free(&output);
    assert_int_equal(count_files(), 0);
}

/* Elements of an array given by strides in units of elements, in the order of the file. */
static void expect_written(int ndim, const int64_t *shape, const int64_t *steps, int first, bool fortran,
                           const char *wanted) {
    int8_t memory[64];
    int64_t strides[4];
    for (int i = 0; i < 64; i++) memory[i] = (int8_t)i;
    for (int i = 0; i < ndim; i++) strides[i] = steps[i];
    nexpr_array array = {.size = sizeof array, .data = memory + first, .dtype = NEXPR_INT8, .ndim = ndim, .shape = shape,
                         .strides = strides};
    nexpr_output_options options = nexpr_output_options_init();
    options.force = true;
    nexpr_output *output = NULL;
    assert_int_equal(nexpr_output_new("x.npy", &options, &output, NULL), NEXPR_OK);
    assert_int_equal(nexpr_output_write(output, NULL, (const nexpr_array *const[]){&array}, 1, NULL), NEXPR_OK);
    assert_int_equal(nexpr_output_commit(output, NULL), NEXPR_OK);
    nexpr_output_free(&output);
    char bytes[256];
    size_t size = read_file("x.npy", bytes, sizeof bytes);
    assert_int_equal(size, 128 + strlen(wanted));
    for (size_t i = 128; i < size; i++) assert_int_equal(bytes[i], wanted[i - 128] - 'a');
    const char *order = fortran ? "'fortran_order': True" : "'fortran_order': False";
    assert_non_null(memmem(bytes, 128, order, strlen(order)));
}

static void strides_decide_the_order_of_the_file(void **state) {
    (void)state;
    expect_written(2, (int64_t[]){2, 3}, (int64_t[]){3, 1}, 0, false, "abcdef");
    expect_written(2, (int64_t[]){2, 3}, (int64_t[]){1, 2}, 0, true, "abcdef");
    expect_written(2, (int64_t[]){2, 3}, (int64_t[]){8, 2}, 0, false, "aceikm");
    expect_written(1, (int64_t[]){3}, (int64_t[]){-1}, 2, false, "cba");
    expect_written(2, (int64_t[]){2, 2}, (int64_t[]){0, 1}, 0, false, "abab");
    expect_written(2, (int64_t[]){1, 3}, (int64_t[]){99, 1}, 0, false, "abc");
    expect_written(2, (int64_t[]){3, 1}, (int64_t[]){1, 99}, 0, false, "abc");
    expect_written(3, (int64_t[]){2, 2, 2}, (int64_t[]){2, 1, 4}, 0, false, "aebfcgdh");
    expect_written(2, (int64_t[]){0, 3}, (int64_t[]){7, 7}, 0, false, "");
}

static nexpr_status try_new(const char *path, nexpr_output_options options, nexpr_error *err) {
    nexpr_output *output = NULL;
    int before = count_files();
    nexpr_status status = nexpr_output_new(path, &options, &output, err);
    assert_int_equal(count_files(), before);
    nexpr_output_free(&output);
    return status;
}

static void a_check_says_what_would_be_wrong_and_makes_nothing(void **state) {
    (void)state;
    nexpr_output_options check = nexpr_output_options_init();
    nexpr_error err = nexpr_error_init();
    check.check_only = true;
    assert_int_equal(try_new("x.npz", check, &err), NEXPR_OK);
    assert_int_equal(try_new("missing/x.npz", check, &err), NEXPR_IO);
    assert_non_null(strstr(err.message, "missing/x.npz: cannot write: No such file or directory"));
    assert_int_equal(try_new("x", check, &err), NEXPR_ARGUMENT);
    assert_non_null(strstr(err.message, "x: the name says no format"));
    assert_int_equal(count_files(), 0);
    write_file("x.npy", "old", 3);
    assert_int_equal(try_new("x.npy", check, &err), NEXPR_IO);
    assert_non_null(strstr(err.message, "exists already"));
    check.force = true;
    assert_int_equal(try_new("x.npy", check, &err), NEXPR_OK);
    assert_int_equal(count_files(), 1);
}

/* What a pipe holds before and after the commit; no format: what its name says, which is nothing. */
static void expect_piped(nexpr_file_format format, bool is_early, const char *begin) {
    int ends[2];
    char path[32], bytes[1024];
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
    nexpr_output_options options = nexpr_output_options_init();
    options.format = format;
    nexpr_array array = two_numbers();
    nexpr_output *output = NULL;
    assert_int_equal(nexpr_output_new(path, &options, &output, NULL), NEXPR_OK);
    assert_int_equal(nexpr_output_write(output, NULL, (const nexpr_array *const[]){&array}, 1, NULL), NEXPR_OK);
    ssize_t early = read(ends[0], bytes, sizeof bytes);
    assert_int_equal(early > 0, is_early);
    assert_int_equal(nexpr_output_commit(output, NULL), NEXPR_OK);
    if (!is_early) assert_true(read(ends[0], bytes, sizeof bytes) > 0);
    assert_memory_equal(bytes, begin, strlen(begin));
    nexpr_output_free(&output);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(count_files(), 0);
}

static void a_pipe_gets_an_array_at_once_and_an_archive_when_it_is_complete(void **state) {
    (void)state;
    expect_piped(NEXPR_FILE_AUTO, true, "\x93NUMPY");
    expect_piped(NEXPR_FILE_NPY, true, "\x93NUMPY");
    expect_piped(NEXPR_FILE_RAW, true, "");
    expect_piped(NEXPR_FILE_NPZ, false, "PK\3\4");
}

static void raw_files_have_the_machines_order_of_bytes_and_c_order(void **state) {
    (void)state;
    static const uint8_t data[] = {0, 1, 0, 2, 0, 3, 0, 4}; /* big-endian, the first axis fastest */
    nexpr_array array = {.size = sizeof array};
    nexpr_output *output = NULL;
    array.data = (void *)data;
    array.dtype = NEXPR_UINT16;
    array.byte_order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? NEXPR_SWAPPED : NEXPR_NATIVE;
    array.ndim = 2;
    array.shape = (int64_t[]){2, 2};
    array.strides = (int64_t[]){2, 4};
    assert_int_equal(nexpr_output_new("x.bin", NULL, &output, NULL), NEXPR_OK);
    assert_int_equal(nexpr_output_format(output), NEXPR_FILE_RAW);
    assert_int_equal(nexpr_output_write(output, NULL, (const nexpr_array *const[]){&array}, 1, NULL), NEXPR_OK);
    assert_int_equal(nexpr_output_commit(output, NULL), NEXPR_OK);
    nexpr_output_free(&output);
    char bytes[16];
    assert_int_equal(read_file("x.bin", bytes, sizeof bytes), 8);
    assert_memory_equal(bytes, ((uint16_t[]){1, 3, 2, 4}), 8);
}

static void archives_refuse_names_that_they_would_not_read(void **state) {
    (void)state;
    static const char *const bad[][2] = {{"a", "a"}, {"a", ""}, {"a", "/b"}, {"a", "../b"}, {"a", "b\nc"}, {"a", "b\xff"}};
    nexpr_array array = two_numbers();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        nexpr_output *output = NULL;
        nexpr_error err = nexpr_error_init();
        assert_int_equal(nexpr_output_new("x.npz", NULL, &output, NULL), NEXPR_OK);
        assert_int_equal(nexpr_output_write(output, bad[i], (const nexpr_array *const[]){&array, &array}, 2, &err),
                         NEXPR_ARGUMENT);
        assert_ptr_equal(strstr(err.message, "x.npz: a member cannot have the name"), err.message);
        nexpr_output_free(&output);
    }
    assert_int_equal(count_files(), 0);
}

static void a_set_cancel_flag_leaves_nothing(void **state) {
    (void)state;
    volatile int flag = 0;
    nexpr_output_options options = nexpr_output_options_init();
    options.cancel = &flag;
    nexpr_array array = two_numbers();
    nexpr_output *output = NULL;
    assert_int_equal(nexpr_output_new("x.npy", &options, &output, NULL), NEXPR_OK);
    flag = 1;
    assert_int_equal(nexpr_output_write(output, NULL, (const nexpr_array *const[]){&array}, 1, NULL), NEXPR_CANCELLED);
    nexpr_output_free(&output);
    assert_int_equal(count_files(), 0);
}

int main(void) {
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_new_file_has_the_header_of_numpy_and_no_temporary_beside_it),
        IN_FOLDER(an_existing_file_is_replaced_only_by_force),
        IN_FOLDER(a_file_that_appears_meanwhile_is_not_replaced),
        IN_FOLDER(permissions_of_a_replaced_file_are_kept),
        IN_FOLDER(a_symbolic_link_stays_and_its_file_is_replaced),
        IN_FOLDER(what_is_no_regular_file_is_written_directly_or_refused),
        IN_FOLDER(a_stale_temporary_is_removed_and_a_held_one_respected),
        IN_FOLDER(long_names_have_temporaries_too),
        IN_FOLDER(one_array_is_written_and_only_a_complete_one_committed),
        IN_FOLDER(strides_decide_the_order_of_the_file),
        IN_FOLDER(a_check_says_what_would_be_wrong_and_makes_nothing),
        IN_FOLDER(a_pipe_gets_an_array_at_once_and_an_archive_when_it_is_complete),
        IN_FOLDER(raw_files_have_the_machines_order_of_bytes_and_c_order),
        IN_FOLDER(archives_refuse_names_that_they_would_not_read),
        IN_FOLDER(a_set_cancel_flag_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
