/* SPDX-License-Identifier: MIT */
/* Members read by parts, and files written by parts, by one process and by several. */
#include "tests/io/fixture.h"

#include <fcntl.h>

enum { N = 3, M = 4, L = 5 };

static const int64_t shape[] = {N, M, L};
static int32_t numbers[N * M * L];

static nexpr_array all_numbers(void) {
    for (int i = 0; i < N * M * L; i++) numbers[i] = 1000 + i;
    return (nexpr_array){.size = sizeof(nexpr_array), .data = numbers, .dtype = NEXPR_INT32, .ndim = 3, .shape = shape};
}

static void save(const char *path, const nexpr_array *array) {
    nexpr_output *output = NULL;
    nexpr_output_options options = nexpr_output_options_init();
    options.force = true;
    assert_int_equal(nexpr_output_new(path, &options, &output, NULL), NEXPR_OK);
    assert_int_equal(nexpr_output_write(output, NULL, &array, 1, NULL), NEXPR_OK);
    assert_int_equal(nexpr_output_commit(output, NULL), NEXPR_OK);
    nexpr_output_free(&output);
}

/* Whether `part` has the elements of the box. */
static bool is_part(const int32_t *part, const int64_t *first, const int64_t *count) {
    for (int64_t i = 0; i < count[0]; i++) {
        for (int64_t j = 0; j < count[1]; j++) {
            for (int64_t k = 0; k < count[2]; k++) {
                if (*part++ != 1000 + ((first[0] + i) * M + first[1] + j) * L + first[2] + k) return false;
            }
        }
    }
    return true;
}

static void check_all_parts(const char *path, const char *member) {
    nexpr_file *file = NULL;
    int32_t part[N * M * L];
    int index = 0;
    assert_int_equal(nexpr_file_open(path, NULL, &file, NULL), NEXPR_OK);
    if (member) assert_int_equal(nexpr_file_find(file, member, &index, NULL), NEXPR_OK);
    for (int64_t i = 0; i < N * M * L * 8; i++) {
        const int64_t first[] = {i % N, i / N % M, i / (N * M) % L};
        const int64_t count[] = {(N - first[0]) * (i & 1) + !(i & 1), M - first[1], i / 60 % (L - first[2] + 1)};
        assert_int_equal(nexpr_file_read(file, index, first, count, part, NULL), NEXPR_OK);
        assert_true(is_part(part, first, count));
    }
    nexpr_file_free(&file);
}

static void parts_of_every_order_are_read(void **state) {
    (void)state;
    nexpr_array a = all_numbers();
    save("c.npy", &a);
    check_all_parts("c.npy", NULL);
    save("c.npz", &a);
    check_all_parts("c.npz", "r0");
    int32_t turned[N * M * L];
    const int64_t strides[] = {4, 4 * N, 4 * N * M};
    for (int i = 0; i < N * M * L; i++) turned[i / (M * L) + i / L % M * N + i % L * N * M] = __builtin_bswap32(1000 + i);
    a.data = turned;
    a.strides = strides;
    a.byte_order = NEXPR_SWAPPED;
    save("f.npy", &a);
    check_all_parts("f.npy", NULL);
    save("f.npz", &a);
    check_all_parts("f.npz", "r0");
}

/* Records of 7 bytes: a number between two others, and a bool of any bits. */
static void parts_of_fields_are_read(void **state) {
    (void)state;
    char bytes[128 + 7 * 4];
    memset(bytes, ' ', 128);
    memcpy(bytes, "\x93NUMPY\1\0\x76\0", 10);
    const char *header = "{'descr': [('x', '<u2'), ('y', '>i4'), ('b', '|b1')], 'fortran_order': False, 'shape': (4,), }";
    memcpy(bytes + 10, header, strlen(header));
    bytes[127] = '\n';
    for (int i = 0; i < 4; i++) memcpy(bytes + 128 + 7 * i, (char[]){1, 2, 0, 0, 3, (char)i, (char)(2 * i)}, 7);
    write_file("r.npy", bytes, sizeof bytes);
    nexpr_file *file = NULL;
    int32_t y[2];
    uint8_t b[4];
    assert_int_equal(nexpr_file_open("r.npy", NULL, &file, NULL), NEXPR_OK);
    assert_int_equal(nexpr_file_read(file, 1, (int64_t[]){2}, (int64_t[]){2}, y, NULL), NEXPR_OK);
    assert_int_equal(y[0], 3 * 256 + 2);
    assert_int_equal(y[1], 3 * 256 + 3);
    assert_int_equal(nexpr_file_read(file, 2, (int64_t[]){0}, (int64_t[]){4}, b, NULL), NEXPR_OK);
    assert_memory_equal(b, ((uint8_t[]){0, 1, 1, 1}), 4);
    nexpr_file_free(&file);
}

static void parts_beyond_the_array_and_damaged_archives_are_refused(void **state) {
    (void)state;
    nexpr_array a = all_numbers();
    nexpr_error err = nexpr_error_init();
    nexpr_file *file = NULL;
    int32_t part[N * M * L];
    save("c.npz", &a);
    assert_int_equal(nexpr_file_open("c.npz", NULL, &file, NULL), NEXPR_OK);
    assert_int_equal(nexpr_file_read(file, 0, (int64_t[]){0, 0, 1}, (int64_t[]){1, 1, L}, part, &err), NEXPR_ARGUMENT);
    assert_non_null(strstr(err.message, "not within the array"));
    assert_int_equal(nexpr_file_read(file, 0, (int64_t[]){0, -1, 0}, (int64_t[]){1, 1, 1}, part, NULL), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_file_read(file, 1, (int64_t[]){0, 0, 0}, (int64_t[]){1, 1, 1}, part, NULL), NEXPR_ARGUMENT);
    int fd = open("c.npz", O_WRONLY);
    assert_int_equal(pwrite(fd, "!", 1, 250), 1); /* an element that is not asked for */
    close(fd);
    assert_int_equal(nexpr_file_read(file, 0, (int64_t[]){0, 0, 0}, (int64_t[]){1, 1, 1}, part, &err), NEXPR_FORMAT);
    assert_non_null(strstr(err.message, "checksum"));
    nexpr_file_free(&file);
}

/* ------------------------------------------------------------------------------------------------------- writing -- */

static nexpr_output *begin(const char *path, bool force) {
    nexpr_output *output = NULL;
    nexpr_output_options options = nexpr_output_options_init();
    const nexpr_array a = all_numbers(), *arrays[] = {&a};
    options.force = force;
    assert_int_equal(nexpr_output_new(path, &options, &output, NULL), NEXPR_OK);
    assert_int_equal(nexpr_output_declare(output, NULL, arrays, 1, NULL), NEXPR_OK);
    return output;
}

static void expect_same_files(const char *a, const char *b) {
    char x[2048], y[2048];
    size_t n = read_file(a, x, sizeof x);
    assert_int_equal(read_file(b, y, sizeof y), n);
    assert_memory_equal(x, y, n);
}

static void a_file_written_by_parts_is_that_written_at_once(void **state) {
    (void)state;
    nexpr_array a = all_numbers();
    static const char *const names[][2] = {{"a.npy", "b.npy"}, {"a.npz", "b.npz"}, {"a.bin", "b.bin"}};
    for (int i = 0; i < 3; i++) {
        nexpr_output *output = begin(names[i][0], false);
        assert_int_equal(nexpr_output_put(output, 0, 0, 11, numbers, NULL), NEXPR_OK);
        assert_int_equal(nexpr_output_put(output, 0, 11, 0, NULL, NULL), NEXPR_OK);
        assert_int_equal(nexpr_output_put(output, 0, 11, N * M * L - 11, numbers + 11, NULL), NEXPR_OK);
        assert_int_equal(nexpr_output_put(output, 0, N * M * L - 1, 2, numbers, NULL), NEXPR_ARGUMENT);
        assert_int_equal(nexpr_output_put(output, 1, 0, 1, numbers, NULL), NEXPR_ARGUMENT);
        assert_int_equal(nexpr_output_commit(output, NULL), NEXPR_ARGUMENT); /* not complete */
        assert_int_equal(nexpr_output_complete(output, NULL), NEXPR_OK);
        assert_int_equal(nexpr_output_put(output, 0, 0, 1, numbers, NULL), NEXPR_ARGUMENT);
        assert_int_equal(nexpr_output_commit(output, NULL), NEXPR_OK);
        nexpr_output_free(&output);
        save(names[i][1], &a);
        expect_same_files(names[i][0], names[i][1]);
    }
}

static void another_process_writes_its_part(void **state) {
    (void)state;
    nexpr_array a = all_numbers();
    const nexpr_array *arrays[] = {&a};
    uint64_t number = 0;
    nexpr_output *first = begin("a.npy", false), *other = NULL;
    assert_int_equal(nexpr_output_share(first, &number, NULL), NEXPR_OK);
    assert_int_equal(nexpr_output_join("a.npy", number, NULL, &other, NULL), NEXPR_OK);
    assert_int_equal(nexpr_output_declare(other, NULL, arrays, 1, NULL), NEXPR_OK);
    assert_int_equal(nexpr_output_put(first, 0, 0, 20, numbers, NULL), NEXPR_OK);
    assert_int_equal(nexpr_output_put(other, 0, 20, N * M * L - 20, numbers + 20, NULL), NEXPR_OK);
    assert_int_equal(nexpr_output_complete(other, NULL), NEXPR_OK);
    assert_int_equal(nexpr_output_commit(other, NULL), NEXPR_ARGUMENT); /* it is not its file */
    nexpr_output_free(&other);
    assert_int_equal(nexpr_output_complete(first, NULL), NEXPR_OK);
    assert_int_equal(nexpr_output_commit(first, NULL), NEXPR_OK);
    nexpr_output_free(&first);
    save("b.npy", &a);
    expect_same_files("a.npy", "b.npy");
    assert_int_equal(count_files(), 2);
}

static void what_cannot_be_shared_or_joined_says_so(void **state) {
    (void)state;
    nexpr_error err = nexpr_error_init();
    uint64_t number = 0;
    nexpr_output *first = begin("a.npy", false), *other = NULL;
    assert_int_equal(nexpr_output_share(first, &number, NULL), NEXPR_OK);
    assert_int_equal(nexpr_output_join("a.npy", number + 1, NULL, &other, &err), NEXPR_IO);
    assert_non_null(strstr(err.message, "the same file for all processes"));
    assert_int_equal(nexpr_output_join("b.npy", number, NULL, &other, NULL), NEXPR_IO);
    assert_int_equal(count_files(), 1); /* the temporary is the first one's */
    nexpr_output_free(&first);
    assert_int_equal(count_files(), 0);
    first = begin("a.npz", false);
    assert_int_equal(nexpr_output_share(first, &number, &err), NEXPR_ARGUMENT);
    nexpr_output_free(&first);
    const nexpr_array a = all_numbers(), *arrays[] = {&a};
    assert_int_equal(nexpr_output_new("a.csv", NULL, &first, NULL), NEXPR_OK);
    assert_int_equal(nexpr_output_declare(first, NULL, arrays, 1, &err), NEXPR_ARGUMENT);
    nexpr_output_free(&first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(parts_of_every_order_are_read, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(parts_of_fields_are_read, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(parts_beyond_the_array_and_damaged_archives_are_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_file_written_by_parts_is_that_written_at_once, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(another_process_writes_its_part, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_cannot_be_shared_or_joined_says_so, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
