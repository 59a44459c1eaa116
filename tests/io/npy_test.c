/* SPDX-License-Identifier: MIT */
/* Reading: what is refused, with which words, and what is accepted although numpy.save does not write it so. */
#include "tests/io/fixture.h"

typedef struct malformed {
    int version;
    const char *text;
    int data_bytes;
    nexpr_status status;
    const char *message;
} malformed;

#define DICT(descr, shape) "{'descr': " descr ", 'fortran_order': False, 'shape': " shape ", }\n"
#define FORMAT NEXPR_FORMAT

static const malformed cases[] = {
    {1, DICT("'<f8'", "(10,)"), 72, FORMAT, "truncated: expected 80 bytes of data, the file has 72"},
    {1, DICT("'<f8'", "(10,)"), 81, FORMAT, "something behind the data: expected 80 bytes of data, the file has 81"},
    {1, DICT("'<f8'", "()"), 0, FORMAT, "expected 8 bytes of data, the file has 0"},
    {1, DICT("'<f8'", "(-1,)"), 80, FORMAT, "negative dimension"},
    {1, DICT("'<f8'", "(True,)"), 8, FORMAT, "no integer"},
    {1, DICT("'<f8'", "(4611686018427387904,)"), 0, FORMAT, "more than 2^63 bytes"},
    {1, DICT("'<f8'", "(8589934592, 8589934592)"), 0, FORMAT, "more than 2^63 bytes"},
    {1, DICT("'|i1'", "(4294967296, 4294967296)"), 0, FORMAT, "more than 2^63 bytes"},
    {1, DICT("'<f8'", "(0, 4611686018427387904)"), 0, FORMAT, "more than 2^63 bytes"},
    {1, DICT("'<f8'", "(9223372036854775808,)"), 0, FORMAT, "beyond 64 bits"},
    {1, DICT("'|S9223372036854775807'", "(2,)"), 0, FORMAT, "unknown dtype"},
    {1, DICT("'<f8'", "(3)"), 24, FORMAT, "no tuple"},
    {1, DICT("'<f8'", "3"), 24, FORMAT, "expected '('"},
    {1, DICT("'<f8'", "[3]"), 24, FORMAT, "expected '('"},
    {1, DICT("'<f8'", "(3,,)"), 24, FORMAT, "expected an integer"},
    {1, DICT("'<f8'", "(3 4)"), 24, FORMAT, "expected ',' or ')'"},
    {1, DICT("'<f8'", "(1+2,)"), 24, FORMAT, "expected ',' or ')'"},
    {1, DICT("'<f8'", "(03,)"), 24, FORMAT, "leading 0"},
    {1, DICT("'<f8'", "(3.0,)"), 24, FORMAT, "expected ',' or ')'"},
    {1, DICT("'<f8'", "((((((((((3,)"), 24, FORMAT, "expected an integer"},
    {1, DICT("'|O'", "(3,)"), 24, FORMAT, "Python objects (dtype '|O')"},
    {1, DICT("'O8'", "(3,)"), 24, FORMAT, "Python objects"},
    {1, DICT("[('a', '|O')]", "(3,)"), 24, FORMAT, "Python objects"},
    {1, DICT("'<f3'", "(3,)"), 24, FORMAT, "unknown dtype '<f3'"},
    {1, DICT("'<f'", "(3,)"), 24, FORMAT, "unknown dtype"},
    {1, DICT("''", "(3,)"), 24, FORMAT, "unknown dtype"},
    {1, DICT("'<f8x'", "(3,)"), 24, FORMAT, "unknown dtype"},
    {1, DICT("'float64'", "(3,)"), 24, FORMAT, "unknown dtype"},
    {1, DICT("'<M8[ns'", "(3,)"), 24, FORMAT, "unknown dtype"},
    {1, DICT("7", "(3,)"), 24, FORMAT, "expected a string"},
    {1, DICT("[('a', '<f8'), ('a', '<f8')]", "(1,)"), 16, FORMAT, "two fields are named 'a'"},
    {1, DICT("[('', '<f8')]", "(1,)"), 8, FORMAT, "field without a name"},
    {1, DICT("[('a', '<f8') ('b', '<f8')]", "(1,)"), 16, FORMAT, "between fields"},
    {1, DICT("[('a', '<f8', (-1,))]", "(1,)"), 8, FORMAT, "negative dimension"},
    {1, DICT("[('a', '<f8', (4611686018427387904,))]", "(1,)"), 8, FORMAT, "more than 2^63"},
    {1, DICT("[('a', '<f8'", "(1,)"), 8, FORMAT, "expected '('"},
    {1, DICT("[('a', '<f8', (1,), 0)]", "(1,)"), 8, FORMAT, "expected ')'"},
    {1, DICT("[('a\\x00b', '<f8')]", "(1,)"), 8, FORMAT, "NUL in a string"},
    {1, DICT("[('a\\q', '<f8')]", "(1,)"), 8, FORMAT, "bad escape"},
    {1, DICT("[('a\\ud800', '<f8')]", "(1,)"), 8, FORMAT, "bad escape"},
    {1, DICT("[('a\\x4', '<f8')]", "(1,)"), 8, FORMAT, "bad escape"},
    {3, DICT("[('a\xff', '<f8')]", "(1,)"), 8, FORMAT, "invalid UTF-8"},
    {3, DICT("[('a\xc0\x80', '<f8')]", "(1,)"), 8, FORMAT, "invalid UTF-8"},
    {3, DICT("[('a\xed\xa0\x80', '<f8')]", "(1,)"), 8, FORMAT, "invalid UTF-8"},
    {1, DICT("((((((((((((((((((((('<f8', ()), ())))))", "()"), 8, FORMAT, "nested too deeply"},
    {1, "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", 8, FORMAT, "key 'descr' occurs twice"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'x': 1}", 8, FORMAT, "unknown key 'x'"},
    {1, "{'descr': '<f8', 'fortran_order': False}", 8, FORMAT, "key 'shape' is missing"},
    {1, "{'fortran_order': False, 'shape': (1,)}", 8, FORMAT, "key 'descr' is missing"},
    {1, "{'descr': '<f8', 'shape': (1,)}", 8, FORMAT, "key 'fortran_order' is missing"},
    {1, "{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}", 8, FORMAT, "neither True nor False"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} + x", 8, FORMAT, "something behind the dict"},
    {1, "{'descr': '<f8' 'fortran_order': False, 'shape': (1,)}", 8, FORMAT, "expected ',' or '}'"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)", 8, FORMAT, "expected ',' or '}'"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1,),", 8, FORMAT, "expected a string"},
    {1, "{'descr: '<f8'", 0, FORMAT, "expected ':'"},
    {1, "{'descr", 0, FORMAT, "unterminated string"},
    {1, "", 0, FORMAT, "expected '{'"},
    {1, "__import__('os')", 0, FORMAT, "expected '{'"},
};

static void every_malformed_file_is_refused_with_its_reason(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_npy("bad.npy", cases[i].version, cases[i].text, (size_t)cases[i].data_bytes);
        nexpr_error err = nexpr_error_init();
        nexpr_file *file = NULL;
        nexpr_status status = nexpr_file_open("bad.npy", NULL, &file, &err);
        if (status != cases[i].status || !strstr(err.message, cases[i].message)) print_message("%s", cases[i].text);
        assert_int_equal(status, cases[i].status);
        assert_null(file);
        assert_non_null(strstr(err.message, cases[i].message));
        assert_ptr_equal(strstr(err.message, "bad.npy: "), err.message);
    }
}

static void expect_open(const char *path, nexpr_status status, const char *message) {
    nexpr_error err = nexpr_error_init();
    nexpr_file *file = NULL;
    assert_int_equal(nexpr_file_open(path, NULL, &file, &err), status);
    if (!strstr(err.message, message)) print_message("%s\n", err.message);
    assert_non_null(strstr(err.message, message));
    nexpr_file_free(&file);
}

static void a_file_cut_anywhere_is_refused(void **state) {
    (void)state;
    char bytes[256];
    size_t size = build_npy(bytes, 2, DICT("'<f8'", "(2,)"), 16);
    for (size_t n = 0; n < size; n++) {
        write_file("cut.npy", bytes, n);
        expect_open("cut.npy", NEXPR_FORMAT, n == 0 ? "is empty" : n < 6 ? "not a .npy file" : "truncated");
    }
    write_file("cut.npy", bytes, size);
    expect_open("cut.npy", NEXPR_OK, "");
}

static void magic_and_version_are_checked(void **state) {
    (void)state;
    write_file("x.npy", "a,b\n1,2\n3,4\n", 12);
    expect_open("x.npy", NEXPR_FORMAT, "does not begin with \\x93NUMPY");
    write_file("x.npy", "\x93NUMPY\x09\x00\x10\x00 and more", 20);
    expect_open("x.npy", NEXPR_FORMAT, "unknown version 9.0");
    write_file("x.npy", "\x93NUMPY\x01\x01\x10\x00 and more", 20);
    expect_open("x.npy", NEXPR_FORMAT, "unknown version 1.1");
}

static void a_header_of_4_GiB_is_refused_before_memory_is_taken(void **state) {
    (void)state;
    write_file("x.npy", "\x93NUMPY\x02\x00\xff\xff\xff\xff{}", 14);
    expect_open("x.npy", NEXPR_FORMAT, "the header claims 4294967295 bytes; at most 65536 are read");
    write_file("x.npy", "\x93NUMPY\x02\x00\x01\x00\x01\x00{}", 14);
    expect_open("x.npy", NEXPR_FORMAT, "the header claims 65537 bytes");
    write_file("x.npy", "\x93NUMPY\x02\x00\x00\x00\x01\x00{}", 14);
    expect_open("x.npy", NEXPR_FORMAT, "truncated header: expected 65548 bytes, the file has 14");
}

static void shapes_have_up_to_64_dimensions(void **state) {
    (void)state;
    for (int ndim = 63; ndim <= 65; ndim++) {
        char text[512] = "{'descr': '<f4', 'fortran_order': True, 'shape': (";
        for (int i = 0; i < ndim; i++) strcat(text, "1,");
        strcat(text, ")}");
        write_npy("x.npy", 1, text, 4);
        expect_open("x.npy", ndim <= 64 ? NEXPR_OK : NEXPR_FORMAT, ndim <= 64 ? "" : "more than 64 dimensions");
    }
}

static void paths_that_are_no_files_give_the_systems_reason(void **state) {
    (void)state;
    expect_open("missing.npy", NEXPR_IO, "missing.npy: cannot open: No such file or directory");
    expect_open(".", NEXPR_IO, "is a directory");
    expect_open("/dev/null", NEXPR_FORMAT, "is empty");
    expect_open("/dev/zero", NEXPR_FORMAT, "not a .npy file");
    expect_open("a\nb", NEXPR_IO, "a\\x0ab: cannot open");
}

/* Opens a file with one float64 member of 2 elements, however it is written. */
static void expect_two_numbers(int version, const char *text) {
    write_npy("x.npy", version, text, 16);
    nexpr_error err = nexpr_error_init();
    nexpr_file *file = NULL;
    nexpr_array array = {.size = sizeof array};
    if (nexpr_file_open("x.npy", NULL, &file, &err)) print_message("%s: %s\n", text, err.message);
    assert_non_null(file);
    assert_int_equal(nexpr_file_load(file, 0, &array, &err), NEXPR_OK);
    assert_int_equal(array.dtype, NEXPR_FLOAT64);
    assert_int_equal(array.ndim, 1);
    assert_int_equal(array.shape[0], 2);
    assert_int_equal(((unsigned char *)array.data)[15], 15);
    nexpr_file_free(&file);
    assert_null(file);
}

static void other_spellings_of_a_good_header_are_read(void **state) {
    (void)state;
    expect_two_numbers(1, "{\"shape\": (2L,), \"descr\": \"<f8\", \"fortran_order\": False}");
    expect_two_numbers(1, "{'shape':(2,),'fortran_order':True,'descr':'f8'}");
    expect_two_numbers(2, " { 'shape' : ( 2 , ) , 'fortran_order' : True , 'descr' : '=f8' , } \n\n");
    expect_two_numbers(3, DICT("'|f8'", "(2,)"));
    expect_two_numbers(1, DICT("[(u'a', '<f8')]", "(2,)"));
    expect_two_numbers(1, DICT("[(('A title', 'a'), '<f8'),]", "(2,)"));
    expect_two_numbers(1, DICT("[('a', '<f8', ()), ('', '|V0')]", "(2,)"));
}

static void members_without_a_dtype_of_nexpr_are_listed_but_not_loaded(void **state) {
    (void)state;
    const char *text = DICT("[('s', '|S4'), ('n', [('p', '<f8')]), ('v', '<f4', (2, 1)), ('', '|V3'), ('x', '>i2')]", "(1,)");
    write_npy("x.npy", 1, text, 25);
    nexpr_error err = nexpr_error_init();
    nexpr_file *file = NULL;
    assert_int_equal(nexpr_file_open("x.npy", NULL, &file, &err), NEXPR_OK);
    assert_int_equal(nexpr_file_member_count(file), 4);
    static const char *const messages[] = {"field 's' has dtype '|S4', which nexpr cannot compute with",
                                           "field 'n' has dtype '[('p', '<f8')]'", "field 'v' has dtype ''<f4', (2, 1)'"};
    nexpr_array array = {.size = sizeof array};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(nexpr_file_load(file, i, &array, &err), NEXPR_TYPE);
        if (!strstr(err.message, messages[i])) print_message("%s\n", err.message);
        assert_non_null(strstr(err.message, messages[i]));
    }
    nexpr_member member = nexpr_member_init();
    assert_int_equal(nexpr_file_member(file, 3, &member), NEXPR_OK);
    assert_string_equal(member.name, "x");
    assert_int_equal(member.offset, 23);
    assert_int_equal(member.byte_order, NEXPR_SWAPPED);
    assert_int_equal(nexpr_file_load(file, 3, &array, &err), NEXPR_OK);
    assert_int_equal(((unsigned char *)array.data)[0], 23);
    assert_int_equal(nexpr_file_member(file, 4, &member), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_file_member(file, -1, &member), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_file_load(file, 4, &array, &err), NEXPR_ARGUMENT);
    nexpr_file_free(&file);
}

static void bytes_of_a_bool_become_0_or_1(void **state) {
    (void)state;
    write_npy("x.npy", 1, DICT("'|b1'", "(5,)"), 5);
    nexpr_file *file = NULL;
    nexpr_array array = {.size = sizeof array};
    assert_int_equal(nexpr_file_open("x.npy", NULL, &file, NULL), NEXPR_OK);
    assert_int_equal(nexpr_file_load(file, 0, &array, NULL), NEXPR_OK);
    assert_memory_equal(array.data, "\0\1\1\1\1", 5);
    nexpr_file_free(&file);
}

static void a_file_that_shrinks_after_opening_is_an_error_of_load(void **state) {
    (void)state;
    write_npy("x.npy", 1, DICT("'<f8'", "(100,)"), 800);
    nexpr_error err = nexpr_error_init();
    nexpr_file *file = NULL;
    nexpr_array array = {.size = sizeof array};
    assert_int_equal(nexpr_file_open("x.npy", NULL, &file, &err), NEXPR_OK);
    assert_int_equal(truncate("x.npy", 500), 0);
    assert_int_equal(nexpr_file_load(file, 0, &array, &err), NEXPR_FORMAT);
    assert_non_null(strstr(err.message, "truncated: expected 800 bytes of data, the file has"));
    nexpr_file_free(&file);
}

static void pipes_are_read_in_order_and_checked_at_their_end(void **state) {
    (void)state;
    char bytes[256];
    size_t size = build_npy(bytes, 1, DICT("'<f8'", "(2,)"), 16);
    for (int change = -1; change <= 1; change++) {
        int ends[2];
        char path[32];
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(write(ends[1], bytes, size + (size_t)change), (ssize_t)size + change);
        close(ends[1]);
        snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
        nexpr_file *file = NULL;
        nexpr_array array = {.size = sizeof array};
        assert_int_equal(nexpr_file_open(path, NULL, &file, NULL), NEXPR_OK);
        assert_int_equal(nexpr_file_load(file, 0, &array, NULL), change ? NEXPR_FORMAT : NEXPR_OK);
        nexpr_file_free(&file);
        close(ends[0]);
    }
}

static void a_set_cancel_flag_ends_open(void **state) {
    (void)state;
    write_npy("x.npy", 1, DICT("'<f8'", "(2,)"), 16);
    volatile int flag = 1;
    nexpr_file_options options = nexpr_file_options_init();
    options.cancel = &flag;
    nexpr_file *file = NULL;
    assert_int_equal(nexpr_file_open("x.npy", &options, &file, NULL), NEXPR_CANCELLED);
    assert_null(file);
}

int main(void) {
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(every_malformed_file_is_refused_with_its_reason),
        IN_FOLDER(a_file_cut_anywhere_is_refused),
        IN_FOLDER(magic_and_version_are_checked),
        IN_FOLDER(a_header_of_4_GiB_is_refused_before_memory_is_taken),
        IN_FOLDER(shapes_have_up_to_64_dimensions),
        IN_FOLDER(paths_that_are_no_files_give_the_systems_reason),
        IN_FOLDER(other_spellings_of_a_good_header_are_read),
        IN_FOLDER(members_without_a_dtype_of_nexpr_are_listed_but_not_loaded),
        IN_FOLDER(bytes_of_a_bool_become_0_or_1),
        IN_FOLDER(a_file_that_shrinks_after_opening_is_an_error_of_load),
        IN_FOLDER(pipes_are_read_in_order_and_checked_at_their_end),
        IN_FOLDER(a_set_cancel_flag_ends_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
