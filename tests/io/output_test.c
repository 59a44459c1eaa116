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
        IN_FOLDER(a_set_cancel_flag_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
