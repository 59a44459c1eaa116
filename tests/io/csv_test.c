/* SPDX-License-Identifier: MIT */
/* Tables: what is read as what, what is refused with which words, and what is written. */
#include "tests/io/fixture.h"

#include "runtime/io/file.h"

#include <math.h>
#include <unistd.h>

static nexpr_file *open_with(const char *path, const nexpr_file_options *options) {
    nexpr_error err = nexpr_error_init();
    nexpr_file *file = NULL;
    if (nexpr_file_open(path, options, &file, &err)) fail_msg("%s", err.message);
    return file;
}

static nexpr_file *open_text(const char *text) {
    write_file("t.csv", text, strlen(text));
    return open_with("t.csv", NULL);
}

static nexpr_member member_of(const nexpr_file *file, int index) {
    nexpr_member member = nexpr_member_init();
    assert_int_equal(nexpr_file_member(file, index, &member), NEXPR_OK);
    return member;
}

static const void *load(nexpr_file *file, int index) {
    nexpr_error err = nexpr_error_init();
    nexpr_array array = {.size = sizeof array};
    if (nexpr_file_load(file, index, &array, &err)) fail_msg("%s", err.message);
    assert_int_equal(array.byte_order, NEXPR_NATIVE);
    return array.data;
}

/* ------------------------------------------------------------------------------------------------------- malformed -- */

typedef struct malformed {
    const char *text;
    size_t size; /* 0: up to the NUL */
    const char *message;
} malformed;

static const malformed broken[] = {
    {"", 0, "t.csv:1: the file is empty; a table begins with a line of names"},
    {"\xEF\xBB\xBF", 0, "t.csv:1: the file is empty"},
    {"\n1\n", 0, "t.csv:1: the first line is blank"},
    {"\r\n1\n", 0, "t.csv:1: the first line is blank"},
    {"a,b\n1,2\n3\n", 0, "t.csv:3: expected 2 cells as in the header, the line has 1"},
    {"a,b\n1,2,\n", 0, "t.csv:2: expected 2 cells as in the header, the line has 3"},
    {"a,b\n1,2\n3,4,5,6", 0, "t.csv:3: expected 2 cells as in the header, the line has 4"},
    {"a\n1\n2,3\n", 0, "t.csv:3: expected 1 cell as in the header, the line has 2"},
    {"a,b\n1,2\n\n3,4\n", 0, "t.csv:3: a blank line before the last row"},
    {"a\n1\n\n\n3\n", 0, "t.csv:3: a blank line before the last row; an empty cell alone on its line is \"\""},
    {"a,b\n\n1,2\n", 0, "t.csv:2: a blank line"},
    {"a,b\n1,x\"y\n", 0, "t.csv:2: column \"b\": a quote inside a cell"},
    {"a,b\n1, \"2\"\n", 0, "t.csv:2: column \"b\": a quote inside a cell"},
    {"a,b\n\"1\"x,2\n", 0, "t.csv:2: column \"a\": something behind the closing quote"},
    {"a,b\n\"1\" ,2\n", 0, "t.csv:2: column \"a\": something behind the closing quote"},
    {"a,b\n1,\"2\n3,4\n", 0, "t.csv:2: column \"b\": the quote is never closed"},
    {"a,b\n1,2\n3,\"", 0, "t.csv:3: column \"b\": the quote is never closed"},
    {"a,b\n1,\"\"\"", 0, "t.csv:2: column \"b\": the quote is never closed"},
    {"a,b\n\"x\ny\",1\n\"x\n\ny\",2,3\n", 0, "t.csv:4: expected 2 cells as in the header, the line has 3"},
    {"a,b\r1,2\r", 0, "t.csv:1: a carriage return without a line feed"},
    {"a,b\n1\r,2\n", 0, "t.csv:2: column \"a\": a carriage return without a line feed"},
    {"a,b\n1,\0\n", 8, "t.csv:2: a NUL byte"},
    {"a,\0b\n1,2\n", 9, "t.csv:1: a NUL byte"},
    {"\xFF\xFE" "a\0,\0b\0\n\0", 10, "t.csv:1: a NUL byte: this is no text, or text in UTF-16"},
    {"a,\xE9\n1,2\n", 0, "t.csv:1: the name of column 2 is no UTF-8"},
    {"a,\xC0\x80\n1,2\n", 0, "t.csv:1: the name of column 2 is no UTF-8"},
    {"a,\xED\xA0\x80\n1,2\n", 0, "t.csv:1: the name of column 2 is no UTF-8"},
    {"a,\xF4\x90\x80\x80\n1,2\n", 0, "t.csv:1: the name of column 2 is no UTF-8"},
    {"a,\"b\n1,2\n", 0, "t.csv:1: the quote is never closed"},
    {"a,b\"c\n1,2\n", 0, "t.csv:1: a quote inside a cell"},
    {"a,\"b\"c\n1,2\n", 0, "t.csv:1: something behind the closing quote"},
};

static void expect_refused(const char *path, const nexpr_file_options *options, nexpr_status status, const char *message) {
    nexpr_error err = nexpr_error_init();
    nexpr_file *file = NULL;
    nexpr_status got = nexpr_file_open(path, options, &file, &err);
    if (got != status || strncmp(err.message, message, strlen(message))) print_message("%s\n", err.message);
    assert_int_equal(got, status);
    assert_int_equal(strncmp(err.message, message, strlen(message)), 0);
    assert_null(file);
}

static void every_malformed_table_is_refused_with_its_line(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        write_file("t.csv", broken[i].text, broken[i].size ? broken[i].size : strlen(broken[i].text));
        expect_refused("t.csv", NULL, NEXPR_FORMAT, broken[i].message);
    }
}

/* A column that cannot be used does not keep others from being used. */
typedef struct unusable {
    const char *text;
    int column;
    const char *message;
} unusable;

static const unusable bad_columns[] = {
    {"x,y\n1,2\nabc,3\n", 0, "t.csv:3: column \"x\": \"abc\" is not a number"},
    {"x,y\nabc,2\n1,3\n", 0, "t.csv:2: column \"x\": \"abc\" is not a number"},
    {"y,x\n2,\"a \"\"b\"\"\"\n", 1, "t.csv:2: column \"x\": \"a \"\"b\"\"\" is not a number"},
    {"y,x\n\"1\n2\",1\n3,4\n5,True\n", 1, "t.csv:5: column \"x\": \"True\" is not a number"},
    {"x,y\nTrue,1\n,2\n0,3\n", 0, "t.csv:4: column \"x\": \"0\" is neither True nor False"},
    {"x,y\n1_000,1\n", 0, "t.csv:2: column \"x\": \"1_000\" is not a number"},
    {"x,y\n0x10,1\n", 0, "t.csv:2: column \"x\": \"0x10\" is not a number"},
    {"x,y\n1 2,1\n", 0, "t.csv:2: column \"x\": \"1 2\" is not a number"},
    {"x,y\n1e,1\n", 0, "t.csv:2: column \"x\": \"1e\" is not a number"},
    {"x,y\nTRUE,1\n", 0, "t.csv:2: column \"x\": \"TRUE\" is not a number"},
    {"x,y\n1+2j,1\n", 0, "t.csv:2: column \"x\": \"1+2j\" is not a number"},
    {"x,y,x\n1,2,3\n", 2, "t.csv:1: columns 1 and 3 are both named \"x\""},
    {"x,y,x\n1,2,3\n", 0, "t.csv:1: columns 1 and 3 are both named \"x\""},
    {"x,,y\n1,2,3\n", 1, "t.csv:1: column 2 has no name"},
    {"x,\"\",\n1,2,3\n", 2, "t.csv:1: column 3 has no name"},
};

static void a_bad_column_is_refused_when_it_is_used(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_columns / sizeof *bad_columns; i++) {
        const unusable *u = &bad_columns[i];
        nexpr_file *file = open_text(u->text);
        nexpr_error err = nexpr_error_init();
        nexpr_array array = {.size = sizeof array};
        assert_false(member_of(file, u->column).usable);
        assert_int_equal(nexpr_file_load(file, u->column, &array, &err), NEXPR_TYPE);
        if (strncmp(err.message, u->message, strlen(u->message))) print_message("%s\n", err.message);
        assert_int_equal(strncmp(err.message, u->message, strlen(u->message)), 0);
        for (int k = 0; k < nexpr_file_member_count(file); k++) {
            if (member_of(file, k).usable) load(file, k);
        }
        nexpr_file_free(&file);
    }
}

/* ----------------------------------------------------------------------------------------------------------- types -- */

static void types_follow_from_all_cells(void **state) {
    (void)state;
    const struct {
        const char *cells;
        const char *type;
    } cases[] = {
        {"1\n-2\n+3\n", "<i8"}, {"1\n2.0\n", "<f8"}, {"1\n2e3\n", "<f8"}, {"1\n\"\"\n", "<f8"}, {"True\nfalse\n", "|b1"},
        {"true\nFalse\n", "|b1"}, {"True\n\"\"\n", "<f8"}, {"\"\"\n\" \"\n", "<f8"}, {"", "<f8"}, {"nan\n", "<f8"},
        {"1\ninf\n", "<f8"}, {"-Infinity\n", "<f8"}, {"9223372036854775807\n-9223372036854775808\n", "<i8"},
        {"9223372036854775808\n", "<f8"}, {"-9223372036854775809\n", "<f8"}, {"00000000000000000000007\n", "<i8"},
        {"\"1\"\n\" 2 \"\n", "<i8"},
        {" 1\n\t2 \n", "<i8"}, {"1.\n", "<f8"}, {".5\n", "<f8"}, {"x\n", "text"}, {"-\n", "text"},
        {"1000000000000000000\n", "<i8"}, {"99999999999999999999999\n", "<f8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, "x\n%s", cases[i].cells);
        nexpr_file *file = open_text(text);
        nexpr_member member = member_of(file, 0);
        if (strcmp(member.type, cases[i].type)) print_message("%s: %s\n", cases[i].cells, member.type);
        assert_string_equal(member.type, cases[i].type);
        nexpr_file_free(&file);
    }
}

static void cells_become_values(void **state) {
    (void)state;
    nexpr_file *file = open_text("i,f,b,w\n1,0.1,True,True\n -7 ,\"1e400\",false,\n9223372036854775807,,true,False\n");
    const int64_t *i = load(file, 0);
    const double *f = load(file, 1), *w = load(file, 3);
    const uint8_t *b = load(file, 2);
    assert_true(i[0] == 1 && i[1] == -7 && i[2] == INT64_MAX);
    assert_true(f[0] == 0.1 && f[1] == (double)INFINITY && isnan(f[2]));
    assert_true(b[0] == 1 && b[1] == 0 && b[2] == 1);
    assert_true(w[0] == 1 && isnan(w[1]) && w[2] == 0);
    nexpr_file_free(&file);
}

/* The column's type comes from other cells, but the value from the text. */
static void integers_in_a_float_column_are_read_as_floats(void **state) {
    (void)state;
    nexpr_file *file = open_text("x\n-0\n9007199254740993\n18446744073709551616\n0.5\n");
    const double *x = load(file, 0);
    assert_true(x[0] == 0 && signbit(x[0]) && x[1] == 9007199254740992.0 && x[2] == 0x1p64 && x[3] == 0.5);
    nexpr_file_free(&file);
}

static const nexpr_column_type *declared(nexpr_file_options *options, nexpr_column_type *type) {
    static const nexpr_column_type *list[1];
    list[0] = type;
    *options = nexpr_file_options_init();
    options->column_types = list;
    options->column_type_count = 1;
    return type;
}

static void declared_types_are_kept_to(void **state) {
    (void)state;
    const struct {
        nexpr_dtype dtype;
        const char *good, *bad, *message;
    } cases[] = {
        {NEXPR_BOOL, "True\n0\n1\nfalse\n", "2", "t.csv:6: column \"x\": \"2\" is no bool"},
        {NEXPR_INT8, "-128\n127\n +5\n-0\n", "128", "t.csv:6: column \"x\": \"128\" is no int8"},
        {NEXPR_INT8, "1\n2\n3\n4\n", "-129", "t.csv:6: column \"x\": \"-129\" is no int8"},
        {NEXPR_UINT8, "255\n0\n-0\n1\n", "-1", "t.csv:6: column \"x\": \"-1\" is no uint8"},
        {NEXPR_INT16, "-32768\n32767\n0\n0\n", "32768", "t.csv:6: column \"x\": \"32768\" is no int16"},
        {NEXPR_UINT16, "65535\n0\n0\n0\n", "65536", "t.csv:6: column \"x\": \"65536\" is no uint16"},
        {NEXPR_INT32, "-2147483648\n2147483647\n0\n0\n", "1.0", "t.csv:6: column \"x\": \"1.0\" is no int32"},
        {NEXPR_UINT32, "4294967295\n0\n0\n0\n", "4294967296", "t.csv:6: column \"x\": \"4294967296\" is no uint32"},
        {NEXPR_INT64, "-9223372036854775808\n1\n0\n0\n", "\"\"", "t.csv:6: column \"x\": \"\" is no int64"},
        {NEXPR_UINT64, "18446744073709551615\n018446744073709551615\n0\n0\n", "18446744073709551616",
         "t.csv:6: column \"x\": \"18446744073709551616\" is no uint64"},
        {NEXPR_FLOAT16, "1\n\"\"\n1e9\nnan\n", "True", "t.csv:6: column \"x\": \"True\" is no float16"},
        {NEXPR_FLOAT32, "1\n\"\"\n1e99\n-inf\n", "x", "t.csv:6: column \"x\": \"x\" is no float32"},
        {NEXPR_FLOAT64, "1\n\"\"\n1e99\n-inf\n", "1e", "t.csv:6: column \"x\": \"1e\" is no float64"},
        {NEXPR_COMPLEX64, "(1+2j)\n1\n2j\n\"\"\n", "(1+2)", "t.csv:6: column \"x\": \"(1+2)\" is no complex64"},
        {NEXPR_COMPLEX128, "1-2J\n(nan-infj)\n(-0-0j)\n2\n", "( 1)", "t.csv:6: column \"x\": \"( 1)\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        nexpr_column_type type = nexpr_column_type_init("x", cases[i].dtype);
        nexpr_file_options options;
        declared(&options, &type);
        snprintf(text, sizeof text, "x\n%s", cases[i].good);
        write_file("t.csv", text, strlen(text));
        nexpr_file *file = open_with("t.csv", &options);
        load(file, 0);
        assert_int_equal(member_of(file, 0).dtype, cases[i].dtype);
        nexpr_file_free(&file);
        snprintf(text, sizeof text, "x\n%s%s\n", cases[i].good, cases[i].bad);
        write_file("t.csv", text, strlen(text));
        file = open_with("t.csv", &options);
        nexpr_error err = nexpr_error_init();
        nexpr_array array = {.size = sizeof array};
        assert_int_equal(nexpr_file_load(file, 0, &array, &err), NEXPR_TYPE);
        if (!strstr(err.message, cases[i].message)) print_message("%s\n", err.message);
        assert_ptr_equal(strstr(err.message, cases[i].message), err.message);
        nexpr_file_free(&file);
    }
}

static void a_type_may_be_for_all_columns_or_for_one(void **state) {
    (void)state;
    const nexpr_column_type one = nexpr_column_type_init("b", NEXPR_INT16), all = nexpr_column_type_init("", NEXPR_FLOAT32),
                            none = nexpr_column_type_init("c", NEXPR_INT8);
    const nexpr_column_type *const types[] = {&one, &all}, *const wrong[] = {&none};
    nexpr_file_options options = nexpr_file_options_init();
    options.column_types = types;
    options.column_type_count = 2;
    write_file("t.csv", "a,b\n1,2\n", 8);
    nexpr_file *file = open_with("t.csv", &options);
    assert_int_equal(member_of(file, 0).dtype, NEXPR_FLOAT32);
    assert_int_equal(member_of(file, 1).dtype, NEXPR_INT16);
    assert_true(*(const float *)load(file, 0) == 1 && *(const int16_t *)load(file, 1) == 2);
    nexpr_file_free(&file);
    options.column_types = wrong;
    options.column_type_count = 1;
    expect_refused("t.csv", &options, NEXPR_NAME, "t.csv: there is no column 'c'");
}

static void complex_cells_have_two_parts(void **state) {
    (void)state;
    nexpr_column_type type = nexpr_column_type_init("x", NEXPR_COMPLEX128);
    nexpr_file_options options;
    declared(&options, &type);
    const char text[] = "x\n(1+2j)\n-1.5e3-infj\n2J\n7\n\"\"\n(-0-0j)\n";
    write_file("t.csv", text, sizeof text - 1);
    nexpr_file *file = open_with("t.csv", &options);
    const double *x = load(file, 0);
    assert_true(x[0] == 1 && x[1] == 2 && x[2] == -1500 && x[3] == -(double)INFINITY && x[4] == 0 && x[5] == 2);
    assert_true(x[6] == 7 && x[7] == 0 && isnan(x[8]) && x[9] == 0 && signbit(x[10]) && signbit(x[11]));
    nexpr_file_free(&file);
}

/* ---------------------------------------------------------------------------------------------------------- layout -- */

static void names_are_unquoted(void **state) {
    (void)state;
    nexpr_file *file = open_text("\xEF\xBB\xBF" "a, b b ,\" c \",\"d,e\",\"f\"\"g\",\"h\ni\",\xCE\xB8\r\n1,2,3,4,5,6,7\r\n");
    const char *const names[] = {"a", "b b", " c ", "d,e", "f\"g", "h\ni", "\xCE\xB8"};
    assert_int_equal(nexpr_file_member_count(file), 7);
    for (int i = 0; i < 7; i++) {
        assert_string_equal(member_of(file, i).name, names[i]);
        assert_int_equal(*(const int64_t *)load(file, i), i + 1);
    }
    nexpr_file_free(&file);
}

static void line_ends_may_differ_and_the_last_be_missing(void **state) {
    (void)state;
    const char *const texts[] = {"a,b\n1,2\n3,4", "a,b\n1,2\n3,4\n", "a,b\r\n1,2\r\n3,4\r\n", "a,b\r\n1,2\n3,4\r\n",
                                 "a,b\n1,2\n3,4\n\n\n", "a,b\n1,2\n3,4\r\n\r\n\n", "a,b\n1,2\n3,4\n\r", "a,b\n1,2\n3,\"4\""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        nexpr_file *file = open_text(texts[i]);
        nexpr_member member = member_of(file, 1);
        assert_true(member.ndim == 1 && member.shape[0] == 2);
        const int64_t *b = load(file, 1);
        assert_true(b[0] == 2 && b[1] == 4);
        nexpr_file_free(&file);
    }
}

static void a_table_may_have_no_rows(void **state) {
    (void)state;
    const char *const texts[] = {"a,b", "a,b\n", "a,b\r\n\r\n\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        nexpr_file *file = open_text(texts[i]);
        assert_int_equal(member_of(file, 0).shape[0], 0);
        load(file, 1);
        nexpr_file_free(&file);
    }
}

static void quoted_cells_hold_anything(void **state) {
    (void)state;
    nexpr_file *file = open_text("t,x\n\"a,b\",1\n\"line\nline\r\nline\",2\n\"\"\"\",3\n\"\",4\n\",\"\"\n\",5\n");
    const int64_t *x = load(file, 1);
    assert_int_equal(member_of(file, 1).shape[0], 5);
    for (int i = 0; i < 5; i++) assert_int_equal(x[i], i + 1);
    nexpr_file_free(&file);
}

static void tabs_separate_where_the_name_says_so(void **state) {
    (void)state;
    write_file("t.tsv", "a b\tc,d\n1 \t2\n3\t\n", 16);
    nexpr_file *file = open_with("t.tsv", NULL);
    assert_string_equal(member_of(file, 1).name, "c,d");
    assert_string_equal(member_of(file, 0).type, "<i8");
    assert_string_equal(member_of(file, 1).type, "<f8");
    nexpr_file_free(&file);
    nexpr_file_options options = nexpr_file_options_init();
    options.format = NEXPR_FILE_CSV;
    write_file("t.tsv", "a,b\n1,2\n", 8);
    file = open_with("t.tsv", &options);
    assert_int_equal(nexpr_file_member_count(file), 2);
    nexpr_file_free(&file);
}

static void a_nameless_file_is_known_by_its_looks(void **state) {
    (void)state;
    const struct {
        const char *text;
        nexpr_file_format format;
    } cases[] = {{"a,b\n1,2\n", NEXPR_FILE_CSV}, {"a\tb\n1\t2\n", NEXPR_FILE_TSV}, {"a\n1\n", NEXPR_FILE_CSV}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_file("table", cases[i].text, strlen(cases[i].text));
        nexpr_file *file = open_with("table", NULL);
        nexpr_file_info info = nexpr_file_info_init();
        assert_int_equal(nexpr_file_describe(file, &info), NEXPR_OK);
        assert_int_equal(info.format, cases[i].format);
        nexpr_file_free(&file);
    }
}

/* ---------------------------------------------------------------------------------------------------------- limits -- */

static char *repeat(char *to, const char *text, size_t count) {
    size_t n = strlen(text);
    for (size_t i = 0; i < count; i++) memcpy(to + i * n, text, n);
    return to + count * n;
}

static void caps_are_kept_to(void **state) {
    (void)state;
    char *text = malloc(9 << 20), *end;
    end = repeat(stpcpy(text, "a,b\n1,"), "7", 65536);
    write_file("t.csv", text, (size_t)(end - text));
    nexpr_file *file = open_with("t.csv", NULL);
    assert_true(*(const double *)load(file, 1) == (double)INFINITY);
    nexpr_file_free(&file);
    *end++ = '7';
    write_file("t.csv", text, (size_t)(end - text));
    expect_refused("t.csv", NULL, NEXPR_FORMAT, "t.csv:2: column \"b\": the cell has more than 65536 bytes");
    end = repeat(stpcpy(text, "a,b\n1,\""), "x", 8 << 20);
    write_file("t.csv", text, (size_t)(end - text));
    expect_refused("t.csv", NULL, NEXPR_FORMAT, "t.csv:2: the line has more than 4194304 bytes");
    end = repeat(text, "x", 5 << 20);
    write_file("t.csv", text, (size_t)(end - text));
    expect_refused("t.csv", NULL, NEXPR_FORMAT, "t.csv:1: the line has more than 4194304 bytes");
    end = repeat(text, "x,", 65536);
    write_file("t.csv", text, (size_t)(end - text) - 1);
    file = open_with("t.csv", NULL);
    nexpr_file_free(&file);
    write_file("t.csv", text, (size_t)(end - text));
    expect_refused("t.csv", NULL, NEXPR_FORMAT, "t.csv:1: more than 65536 columns");
    free(text);
}

/* Rows of many blocks, with quotes that hold line ends, so that cuts are hard to find. */
static size_t write_large(const char *path, int64_t rows, int64_t bad_row, const char *bad) {
    FILE *out = fopen(path, "w");
    fputs("i,\"text\nof two lines\",x\n", out);
    size_t lines = 2;
    for (int64_t k = 0; k < rows; k++) {
        const char *text = k % 3 ? "\"a\nb,\"\"\n\"" : "plain";
        if (k == bad_row) fprintf(out, "%s\n", bad);
        else fprintf(out, "%lld,%s,%.3f\n", (long long)k, text, (double)k / 4);
        if (k < bad_row) lines += k % 3 ? 3 : 1;
    }
    fclose(out);
    return lines + 1;
}

static void large_tables_are_read_in_blocks(void **state) {
    (void)state;
    const int64_t rows = 300000;
    write_large("t.csv", rows, -1, "");
    nexpr_file *file = open_with("t.csv", NULL);
    assert_int_equal(member_of(file, 0).shape[0], rows);
    assert_string_equal(member_of(file, 1).type, "text");
    const int64_t *i = load(file, 0);
    const double *x = load(file, 2);
    for (int64_t k = 0; k < rows; k++) assert_true(i[k] == k && x[k] == (double)k / 4);
    nexpr_file_free(&file);
}

/* As a job reads: some columns, in boxes of rows, mostly in order. */
static void rows_are_read_in_boxes(void **state) {
    (void)state;
    enum { ROWS = 300000, MOST = 100000 };
    write_large("t.csv", ROWS, -1, "");
    nexpr_file *file = open_with("t.csv", NULL);
    nx_reader *r = nx_file_reader(file);
    int64_t *i = malloc(sizeof *i * MOST);
    double *x = malloc(sizeof *x * MOST);
    const int64_t sizes[] = {1, 7, 100, 12345, 65536, 3, 99999}, starts[] = {0, 0, 150000, 1, 299999, 299999, 0};
    for (size_t k = 0; k < 7; k++) {
        for (int64_t first = starts[k], count, box = 0; first < ROWS && box < 40; first += count, box++) {
            count = ROWS - first < sizes[k] ? ROWS - first : sizes[k];
            void *const data[] = {k % 2 ? NULL : i, NULL, x};
            nexpr_error err = nexpr_error_init();
            if (r->format->read(r, 0, first, count, data, &err)) fail_msg("%s", err.message);
            for (int64_t n = 0; n < count; n++) {
                assert_true(x[n] == (double)(first + n) / 4 && (k % 2 || i[n] == first + n));
            }
        }
    }
    free(i);
    free(x);
    nexpr_file_free(&file);
}

static void the_first_flaw_of_a_large_table_is_reported(void **state) {
    (void)state;
    const struct {
        const char *row, *message;
    } cases[] = {{"1,x", "expected 3 cells as in the header, the line has 2"}, {"", "a blank line before the last row"},
                 {"1,x\",2", "a quote inside a cell"}, {"1,\"x\"y,2", "something behind the closing"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[128];
        for (int64_t row = 5; row < 300000; row += 99999) {
            size_t line = write_large("t.csv", 300000, row, cases[i].row);
            nexpr_error err = nexpr_error_init();
            nexpr_file *file = NULL;
            assert_int_equal(nexpr_file_open("t.csv", NULL, &file, &err), NEXPR_FORMAT);
            snprintf(message, sizeof message, "t.csv:%zu: ", line);
            if (strncmp(err.message, message, strlen(message))) print_message("%s %s\n", message, err.message);
            assert_int_equal(strncmp(err.message, message, strlen(message)), 0);
            assert_non_null(strstr(err.message, cases[i].message));
        }
    }
}

/* Threads find them in any order. */
static void of_two_flaws_the_first_is_reported(void **state) {
    (void)state;
    char *text = malloc(2 << 20), *end = repeat(stpcpy(text, "a,b\n"), "1,2\n", 150000);
    end = stpcpy(end, "1\n");
    end = stpcpy(repeat(end, "1,2\n", 300000), "3\n");
    for (int k = 0; k < 20; k++) {
        write_file("t.csv", text, (size_t)(end - text));
        expect_refused("t.csv", NULL, NEXPR_FORMAT, "t.csv:150002: expected 2 cells as in the header, the line has 1");
    }
    free(text);
}

/* More of them than one block holds. */
static void many_blank_lines_are_fine_at_the_end_only(void **state) {
    (void)state;
    char *text = malloc(4 << 20), *end = repeat(stpcpy(text, "a\n1\n"), "\n", 3 << 20);
    write_file("t.csv", text, (size_t)(end - text));
    nexpr_file *file = open_with("t.csv", NULL);
    assert_int_equal(member_of(file, 0).shape[0], 1);
    nexpr_file_free(&file);
    *end++ = '2';
    write_file("t.csv", text, (size_t)(end - text));
    expect_refused("t.csv", NULL, NEXPR_FORMAT, "t.csv:3: a blank line before the last row");
    text[4 + (1 << 20) - 2] = '2'; /* the first byte of the second block */
    write_file("t.csv", text, 4 + (1 << 20));
    expect_refused("t.csv", NULL, NEXPR_FORMAT, "t.csv:3: a blank line before the last row");
    free(text);
}

static void the_first_bad_cell_of_a_large_table_is_named(void **state) {
    (void)state;
    for (int64_t row = 3; row < 300000; row += 99999) {
        char message[128];
        size_t line = write_large("t.csv", 300000, row, "1,x,\"0\n\"");
        nexpr_file *file = open_with("t.csv", NULL);
        assert_true(member_of(file, 2).usable == false);
        nexpr_error err = nexpr_error_init();
        nexpr_array array = {.size = sizeof array};
        assert_int_equal(nexpr_file_load(file, 2, &array, &err), NEXPR_TYPE);
        snprintf(message, sizeof message, "t.csv:%zu: column \"x\": \"0\\x0a\" is not a number", line);
        assert_string_equal(err.message, message);
        nexpr_file_free(&file);
    }
}

static void a_file_that_changes_is_an_error(void **state) {
    (void)state;
    const char *const later[] = {"a,b\n1,2\n", "a,b\n1,2\n3,4,5", "a,b\n1,2\n3,x\n4", "a,b\n1,2\n\"\"\"\"\"\"\""};
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        nexpr_file *file = open_text("a,b\n1,2\n3,4\n5,6\n");
        write_file("t.csv", later[i], strlen(later[i]));
        nexpr_error err = nexpr_error_init();
        nexpr_array array = {.size = sizeof array};
        assert_int_equal(nexpr_file_load(file, 0, &array, &err), NEXPR_FORMAT);
        assert_non_null(strstr(err.message, "t.csv"));
        nexpr_file_free(&file);
    }
}

/* -------------------------------------------------------------------------------------------------------- writing -- */

static nexpr_array array_of(const void *data, nexpr_dtype dtype, const int64_t *count) {
    nexpr_array array = {.size = sizeof array};
    array.data = (void *)data;
    array.dtype = dtype;
    array.ndim = 1;
    array.shape = count;
    return array;
}

static nexpr_status write_table(const char *path, const char *const *names, const nexpr_array *const *arrays, int count,
                                nexpr_error *err) {
    nexpr_output *output = NULL;
    nexpr_output_options options = nexpr_output_options_init();
    options.force = options.no_fsync = true;
    nexpr_status status = nexpr_output_new(path, &options, &output, err);
    if (!status) status = nexpr_output_write(output, names, arrays, count, err);
    if (!status) status = nexpr_output_commit(output, err);
    nexpr_output_free(&output);
    return status;
}

static void expect_written(const char *path, const char *text) {
    char bytes[1024];
    size_t n = read_file(path, bytes, sizeof bytes - 1);
    bytes[n] = 0;
    assert_string_equal(bytes, text);
}

static void elements_are_written_as_python_does(void **state) {
    (void)state;
    const int64_t n = 5;
    const double f[] = {0.1, -0.0, 1e16, 1e-5, NAN};
    const float g[] = {0.1f, 16777216, INFINITY, 1e-45f, 123456.7f};
    const uint16_t h[] = {0x2E66, 0xFC00, 0x0001, 0x7BFF, 0x3C00}; /* 0.1, -inf, the least, the largest, 1 */
    const uint8_t b[] = {1, 0, 1, 1, 0};
    const int64_t i[] = {INT64_MIN, INT64_MAX, 0, -1, 100};
    const uint64_t u[] = {UINT64_MAX, 0, 9, 10, 12345678901234567890u};
    const double c[] = {1, 2, 0, -2.5, -0.0, 1, NAN, INFINITY, 1e20, -0.0};
    const nexpr_array arrays[] = {array_of(f, NEXPR_FLOAT64, &n), array_of(g, NEXPR_FLOAT32, &n),
                                  array_of(h, NEXPR_FLOAT16, &n), array_of(b, NEXPR_BOOL, &n),
                                  array_of(i, NEXPR_INT64, &n),   array_of(u, NEXPR_UINT64, &n),
                                  array_of(c, NEXPR_COMPLEX128, &n)};
    const nexpr_array *list[] = {arrays, arrays + 1, arrays + 2, arrays + 3, arrays + 4, arrays + 5, arrays + 6};
    nexpr_error err = nexpr_error_init();
    assert_int_equal(write_table("o.csv", NULL, list, 7, &err), NEXPR_OK);
    expect_written("o.csv", "r0,r1,r2,r3,r4,r5,r6\n"
                            "0.1,0.1,0.1,True,-9223372036854775808,18446744073709551615,(1+2j)\n"
                            "-0.0,16777216.0,-inf,False,9223372036854775807,0,-2.5j\n"
                            "1e+16,inf,6e-08,True,0,9,(-0+1j)\n"
                            "1e-05,1e-45,65500.0,True,-1,10,(nan+infj)\n"
                            "nan,123456.7,1.0,False,100,12345678901234567890,(1e+20-0j)\n");
}

static void names_are_quoted_where_they_have_to_be(void **state) {
    (void)state;
    const int64_t n = 1, x[] = {1};
    const nexpr_array array = array_of(x, NEXPR_INT64, &n);
    const nexpr_array *list[] = {&array, &array, &array, &array, &array, &array};
    const char *const names[] = {"a b", "c,d", "e\"f", "g\nh", " i", "\xCE\xB8\tj"};
    nexpr_error err = nexpr_error_init();
    assert_int_equal(write_table("o.csv", names, list, 6, &err), NEXPR_OK);
    expect_written("o.csv", "a b,\"c,d\",\"e\"\"f\",\"g\nh\",\" i\",\xCE\xB8\tj\n1,1,1,1,1,1\n");
    assert_int_equal(write_table("o.tsv", names, list, 6, &err), NEXPR_OK);
    expect_written("o.tsv", "a b\tc,d\t\"e\"\"f\"\t\"g\nh\"\t\" i\"\t\"\xCE\xB8\tj\"\n1\t1\t1\t1\t1\t1\n");
    nexpr_file *file = open_with("o.tsv", NULL);
    for (int i = 0; i < 6; i++) assert_string_equal(member_of(file, i).name, names[i]);
    nexpr_file_free(&file);
}

static void tables_refuse_what_they_cannot_hold(void **state) {
    (void)state;
    const int64_t one = 1, two = 2, x[] = {1, 2, 3, 4}, square[] = {2, 2};
    const nexpr_array a = array_of(x, NEXPR_INT64, &one), b = array_of(x, NEXPR_INT64, &two);
    nexpr_array matrix = array_of(x, NEXPR_INT64, square);
    matrix.ndim = 2;
    const nexpr_array *lengths[] = {&a, &b}, *ranks[] = {&matrix}, *twins[] = {&a, &a};
    const char *const same[] = {"x", "x"};
    nexpr_error err = nexpr_error_init();
    assert_int_equal(write_table("o.csv", NULL, lengths, 2, &err), NEXPR_ARGUMENT);
    assert_string_equal(err.message, "o.csv: the columns of a table have one length, but 'r0' has 1 and 'r1' 2; write them "
                                     "to an .npz file");
    assert_int_equal(write_table("o.csv", NULL, ranks, 1, &err), NEXPR_ARGUMENT);
    assert_non_null(strstr(err.message, "results of one dimension, 'r0' has 2"));
    assert_int_equal(write_table("o.csv", same, twins, 2, &err), NEXPR_ARGUMENT);
    assert_non_null(strstr(err.message, "two columns would be named 'x'"));
    assert_int_equal(count_files(), 0);
}

static void what_is_written_is_read_back(void **state) {
    (void)state;
    enum { ROWS = 200000 };
    const int64_t n = ROWS;
    double *x = malloc(sizeof *x * ROWS);
    uint64_t bits = 1;
    for (int i = 0; i < ROWS; i++) {
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        memcpy(&x[i], &bits, sizeof bits);
        if (isnan(x[i])) x[i] = i;
    }
    const nexpr_array array = array_of(x, NEXPR_FLOAT64, &n);
    const nexpr_array *list[] = {&array, &array};
    nexpr_error err = nexpr_error_init();
    assert_int_equal(write_table("o.csv", NULL, list, 2, &err), NEXPR_OK);
    nexpr_file *file = open_with("o.csv", NULL);
    assert_memory_equal(load(file, 1), x, sizeof *x * ROWS);
    nexpr_file_free(&file);
    free(x);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_malformed_table_is_refused_with_its_line),
        TEST(a_bad_column_is_refused_when_it_is_used),
        TEST(types_follow_from_all_cells),
        TEST(cells_become_values),
        TEST(integers_in_a_float_column_are_read_as_floats),
        TEST(declared_types_are_kept_to),
        TEST(a_type_may_be_for_all_columns_or_for_one),
        TEST(complex_cells_have_two_parts),
        TEST(names_are_unquoted),
        TEST(line_ends_may_differ_and_the_last_be_missing),
        TEST(a_table_may_have_no_rows),
        TEST(quoted_cells_hold_anything),
        TEST(tabs_separate_where_the_name_says_so),
        TEST(a_nameless_file_is_known_by_its_looks),
        TEST(caps_are_kept_to),
        TEST(large_tables_are_read_in_blocks),
        TEST(rows_are_read_in_boxes),
        TEST(the_first_flaw_of_a_large_table_is_reported),
        TEST(of_two_flaws_the_first_is_reported),
        TEST(many_blank_lines_are_fine_at_the_end_only),
        TEST(the_first_bad_cell_of_a_large_table_is_named),
        TEST(a_file_that_changes_is_an_error),
        TEST(elements_are_written_as_python_does),
        TEST(names_are_quoted_where_they_have_to_be),
        TEST(tables_refuse_what_they_cannot_hold),
        TEST(what_is_written_is_read_back),
    };
    return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
