/* SPDX-License-Identifier: MIT */
/* Parsing and compiling through the public header: names, types, what becomes of the text, limits. */
#include "tests/runtime/fixture.h"

#include <stdlib.h>

static nexpr_program *parse(const char *text) {
    nexpr_program *program;
    nexpr_error err = nexpr_error_init();
    assert_ok(nexpr_parse(NULL, text, SIZE_MAX, NULL, &program, &err), &err);
    return program;
}

static void lists_free_names_in_the_order_of_use(void **state) {
    (void)state;
    nexpr_program *p = parse("t = b + pi; `odd name`*t + b + a");
    static const char *const want[] = {"b", "pi", "odd name", "a"};
    size_t begin, end;
    bool constant;
    assert_int_equal(nexpr_program_name_count(p), LENGTH(want));
    for (int i = 0; i < LENGTH(want); i++) {
        assert_string_equal(nexpr_program_name(p, i, &constant, &begin, &end), want[i]);
        assert_int_equal(constant, i == 1);
    }
    assert_int_equal(begin, 31);
    assert_int_equal(end, 32);
    assert_null(nexpr_program_name(p, 4, NULL, NULL, NULL));
    assert_null(nexpr_program_name(p, -1, NULL, NULL, NULL));
    nexpr_program_free(&p);
    assert_null(p);
}

static void tells_inputs_and_results(void **state) {
    (void)state;
    nexpr *e = compile("x = a > 1; x, 2*a, a", F32, I64, NONE);
    assert_int_equal(nexpr_input_count(e), 2);
    assert_string_equal(nexpr_input_name(e, 1), "b");
    assert_true(nexpr_input_is_used(e, 0));
    assert_false(nexpr_input_is_used(e, 1));
    assert_int_equal(nexpr_input_ndim(e, 0), -1);
    assert_int_equal(nexpr_result_count(e), 3);
    assert_string_equal(nexpr_result_name(e, 0), "x");
    assert_null(nexpr_result_name(e, 1));
    assert_string_equal(nexpr_result_name(e, 2), "a");
    assert_int_equal(nexpr_result_dtype(e, 0), NEXPR_BOOL);
    assert_int_equal(nexpr_result_dtype(e, 1), NEXPR_FLOAT32);
    assert_null(nexpr_result_name(e, 3));
    assert_null(nexpr_input_name(e, -1));
    nexpr_free(&e);
    assert_null(e);
    nexpr_free(&e);
}

static void tells_the_shape_of_results(void **state) {
    (void)state;
    nexpr *e = compile("a + b, a, 3", F64, F64, NONE);
    nexpr_array a = array_of(NULL, F64, 2, DIMS(4, 1), NULL), b = array_of(NULL, F64, 1, DIMS(5), NULL);
    const nexpr_array *inputs[] = {&a, &b};
    nexpr_error err = nexpr_error_init();
    int64_t shape[NEXPR_MAX_NDIM];
    int ndim;
    assert_ok(nexpr_result_shape(e, inputs, 0, &ndim, shape, &err), &err);
    assert_true(ndim == 2 && shape[0] == 4 && shape[1] == 5);
    assert_ok(nexpr_result_shape(e, inputs, 1, &ndim, shape, &err), &err);
    assert_true(ndim == 2 && shape[0] == 4 && shape[1] == 1);
    assert_ok(nexpr_result_shape(e, inputs, 2, &ndim, shape, &err), &err);
    assert_int_equal(ndim, 0);
    assert_int_equal(nexpr_result_shape(e, inputs, 3, &ndim, shape, &err), NEXPR_ARGUMENT);
    nexpr_free(&e);
}

/* "[2,5) float64 (4,1) %1" for the terms, then the values, one a line. */
typedef struct told_shapes {
    char terms[32][40], values[32][40];
} told_shapes;

static void take_shape(void *user, int term, int value, int ndim, const int64_t *shape) {
    told_shapes *told = user;
    char *text = term >= 0 ? told->terms[term] : told->values[value];
    for (int k = 0; k < ndim; k++) text += sprintf(text, "%s%lld", k ? "," : "", (long long)shape[k]);
}

static void terms_tell_place_dtype_and_shape(void **state) {
    (void)state;
    static const char text[] = "m = a[1:] > 2; s = sum(b*(b*c), axis=0); t = a[0:7]; where(m, c*4, 1) + s, a/4, b*c";
    static const struct { const char *place, *shape; int dtype, input; bool is_value; } wanted[] = {
        {"a[1:]", "3,1", F64, -1, true}, {"a", "4,1", F64, 0, false}, {"2", "", NEXPR_DTYPE_COUNT, -1, false},
        {"a[1:] > 2", "3,1", NEXPR_BOOL, -1, true}, {"b*c", "2,5", NEXPR_FLOAT32, -1, true},
        {"b*(b*c)", "2,5", NEXPR_FLOAT32, -1, true}, {"sum(b*(b*c), axis=0)", "5", NEXPR_FLOAT32, -1, true},
        {"a[0:7]", "4,1", F64, -1, false}, {"c*4", "5", NEXPR_FLOAT32, -1, true}, {"a/4", "4,1", F64, -1, true},
        {"where(m, c*4, 1) + s", "3,5", NEXPR_FLOAT32, -1, true},
    };
    nexpr *e = compile(text, F64, NEXPR_FLOAT32, NEXPR_FLOAT32);
    const nexpr_array a = array_of(NULL, F64, 2, DIMS(4, 1), NULL), b = array_of(NULL, NEXPR_FLOAT32, 2, DIMS(2, 5), NULL),
                      c = array_of(NULL, NEXPR_FLOAT32, 1, DIMS(5), NULL);
    nexpr_error err = nexpr_error_init();
    told_shapes told = {0};
    assert_ok(nexpr_term_shapes(e, (const nexpr_array *const[]){&a, &b, &c}, take_shape, &told, &err), &err);
    for (int i = 0; i < LENGTH(wanted); i++) {
        int found = 0, last = -1;
        for (int k = 0; k < nexpr_term_count(e); k++) {
            nexpr_term term = nexpr_term_init();
            assert_int_equal(nexpr_term_describe(e, k, &term), NEXPR_OK);
            const size_t n = term.end - term.begin;
            if (n != strlen(wanted[i].place) || memcmp(text + term.begin, wanted[i].place, n)) continue;
            found++;
            assert_int_equal(term.dtype, wanted[i].dtype);
            assert_string_equal(told.terms[k], wanted[i].shape);
            assert_int_equal(term.input, wanted[i].input);
            assert_int_equal(term.value >= 0, wanted[i].is_value);
            assert_true(last < 0 || term.value == last); /* equal terms are one value */
            last = term.value;
            if (term.value >= 0) assert_string_equal(told.values[term.value], wanted[i].shape);
        }
        if (!found) fail_msg("%s is no term", wanted[i].place);
    }
    nexpr_free(&e);
}

static void values_are_the_lines_of_the_listing(void **state) {
    (void)state;
    nexpr *e = compile("sum(a*b) - a", F64, F64, NONE);
    char text[2048];
    nexpr_listing(e, text, sizeof text);
    int lines = 0;
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) lines += strstr(line, " = ") == line + 2;
    assert_int_equal(nexpr_value_count(e), lines);
    nexpr_value value = nexpr_value_init();
    assert_int_equal(nexpr_value_describe(e, 0, &value), NEXPR_OK);
    assert_true(value.begin == 4 && value.end == 7 && value.dtype == F64 && value.uses == 1 && value.nest == 0);
    assert_int_equal(nexpr_value_describe(e, lines - 1, &value), NEXPR_OK);
    assert_true(value.begin == 0 && value.end == 12 && value.nest == 1);
    assert_int_equal(nexpr_value_describe(e, lines, &value), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_value_describe(e, -1, &value), NEXPR_ARGUMENT);
    nexpr_free(&e);
}

static void terms_without_a_shape_are_left_out(void **state) {
    (void)state;
    nexpr *e = compile("u = a + b; a", F64, F64, NONE);
    const nexpr_array a = array_of(NULL, F64, 1, DIMS(4), NULL), b = array_of(NULL, F64, 1, DIMS(5), NULL);
    nexpr_error err = nexpr_error_init();
    nexpr_term term = nexpr_term_init();
    told_shapes told = {0};
    assert_ok(nexpr_term_shapes(e, (const nexpr_array *const[]){&a, &b}, take_shape, &told, &err), &err);
    assert_string_equal(told.terms[0], "4");
    assert_string_equal(told.terms[2], "");
    assert_ok(nexpr_term_describe(e, 2, &term), &err);
    assert_true(term.begin == 4 && term.end == 9 && term.value == -1 && term.input == -1);
    assert_int_equal(nexpr_term_describe(e, nexpr_term_count(e), &term), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_term_describe(e, -1, &term), NEXPR_ARGUMENT);
    term.size = 0;
    assert_int_equal(nexpr_term_describe(e, 0, &term), NEXPR_ARGUMENT);
    nexpr_free(&e);
}

/* How often `word` stands in the listing. */
static int count_in_listing(const nexpr *e, const char *word) {
    char text[4096];
    int count = 0;
    assert_in_range(nexpr_listing(e, text, sizeof text), 1, sizeof text - 1);
    for (const char *p = text; (p = strstr(p, word)); p++) count++;
    return count;
}

static void makes_equal_expressions_one(void **state) {
    (void)state;
    nexpr *e = compile("sin(a*b) + sin(a*b)**2 + (a*b)", F64, F64, NONE);
    assert_int_equal(count_in_listing(e, "sin"), 1);
    assert_int_equal(count_in_listing(e, "multiply"), 1);
    nexpr_free(&e);
}

static void folds_constants_and_identities(void **state) {
    (void)state;
    static const struct { const char *text; int operations; } cases[] = {
        {"a + sin(2.0)*3", 1}, {"a*1", 0}, {"1*a", 0}, {"a/1", 0}, {"a - 0", 0}, {"a + 0.0", 1}, {"--a", 0}, {"+a", 0},
        {"a**1", 0}, {"a.real", 0}, {"conj(a)", 0}, {"a*0", 1}, {"2*3", 0}, {"where(a > 0, a, a)", 2},
    };
    for (int i = 0; i < LENGTH(cases); i++) {
        nexpr *e = compile(cases[i].text, F64, NONE, NONE);
        char text[1024];
        nexpr_listing(e, text, sizeof text);
        int lines = 0;
        for (const char *p = text; *p; p++) lines += *p == '\n';
        if (lines != cases[i].operations + 1) fail_msg("%s:\n%s", cases[i].text, text);
        nexpr_free(&e);
    }
}

static void operations_by_constants_become_cheaper_ones(void **state) {
    (void)state;
    static const struct { const char *text, *op; } cases[] = {
        {"a/2", "multiply_f64"}, {"a/-0.125", "multiply_f64"}, {"a/3", "divide_f64"}, {"a/0", "divide_f64"},
        {"a/inf", "divide_f64"}, {"a/8.98846567431158e307", "divide_f64"}, {"a/5e-324", "divide_f64"},
        {"2/a", "divide_f64"},
        {"a**2", "square_f64"}, {"a**-1", "reciprocal_f64"}, {"a**0.5", "sqrt_f64"}, {"a**2.0", "power_f64"},
        {"power(a, 2)", "power_f64"}, {"b**2", "square_i64"}, {"b**0.5", "power_f64"},
    };
    for (int i = 0; i < LENGTH(cases); i++) {
        nexpr *e = compile(cases[i].text, F64, I64, NONE);
        assert_int_equal(count_in_listing(e, cases[i].op), 1);
        nexpr_free(&e);
    }
}

static void contracts_only_when_asked(void **state) {
    (void)state;
    static const char *const texts[] = {"a*b + c", "c + a*b", "a*b - c", "c - a*b"};
    /* a*b is 1 - 2^-104: rounded to 1 unless fused */
    double x = 1 + 0x1p-52, y = 1 - 0x1p-52, z = -1, want[] = {-0x1p-104, -0x1p-104, 2, -2};
    for (int i = 0; i < LENGTH(texts) * 2; i++) {
        nexpr_options options = nexpr_options_init();
        nexpr_array a = array_of(&x, F64, 0, NULL, NULL), b = a, c = a, r = nexpr_array_init(), *out = &r;
        nexpr_error err = nexpr_error_init();
        b.data = &y;
        c.data = &z;
        bool fused = i % 2;
        options.fp = fused ? NEXPR_FP_CONTRACT : NEXPR_FP_STRICT;
        assert_ok(nexpr_evaluate_text(NULL, texts[i / 2], (const char *[]){"a", "b", "c"},
                                      (const nexpr_array *[]){&a, &b, &c}, 3, &out, 1, &options, NULL, &err),
                  &err);
        double got = *(double *)r.data;
        if (i / 2 < 2) assert_true(got == (fused ? want[i / 2] : 0));
        else assert_true(got == want[i / 2]);
        nexpr_array_free(&r);
    }
}

static void casts_results_to_the_dtype_asked_for(void **state) {
    (void)state;
    nexpr_program *p = parse("a > 1, 300");
    nexpr_input a = nexpr_input_init("a", F64, -1);
    const nexpr_input *inputs[] = {&a};
    nexpr_error err = nexpr_error_init();
    nexpr_dtype dtype = NEXPR_FLOAT32;
    nexpr *e;
    assert_ok(nexpr_compile(NULL, p, inputs, 1, &dtype, NULL, &e, &err), &err);
    assert_int_equal(nexpr_result_dtype(e, 0), NEXPR_FLOAT32);
    assert_int_equal(nexpr_result_dtype(e, 1), NEXPR_FLOAT32);
    nexpr_free(&e);
    dtype = NEXPR_INT8;
    assert_int_equal(nexpr_compile(NULL, p, inputs, 1, &dtype, NULL, &e, &err), NEXPR_VALUE);
    assert_int_equal(err.begin, 7);
    nexpr_program_free(&p);
}

static nexpr_status try_compile(const char *text, const nexpr_input *const *inputs, int count, const nexpr_options *options,
                                nexpr_error *err) {
    nexpr_program *p = NULL;
    nexpr *e = NULL;
    nexpr_status status = nexpr_parse(NULL, text, SIZE_MAX, options, &p, err);
    if (!status) status = nexpr_compile(NULL, p, inputs, count, NULL, options, &e, err);
    nexpr_program_free(&p);
    nexpr_free(&e);
    return status;
}

static void refuses_bad_declarations(void **state) {
    (void)state;
    nexpr_input a = nexpr_input_init("a", F64, -1), twin = a, nameless = nexpr_input_init("", F64, -1);
    nexpr_input odd = nexpr_input_init("b", NEXPR_DTYPE_COUNT, -1), deep = nexpr_input_init("b", F64, 65);
    const nexpr_input *bad[] = {&twin, &nameless, &odd, &deep, NULL};
    nexpr_error err = nexpr_error_init();
    for (int i = 0; i < LENGTH(bad); i++) {
        assert_int_equal(try_compile("a", (const nexpr_input *[]){&a, bad[i]}, 2, NULL, &err), NEXPR_ARGUMENT);
    }
    assert_int_equal(nexpr_parse(NULL, NULL, 0, NULL, NULL, &err), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_compile(NULL, NULL, NULL, 0, NULL, NULL, NULL, &err), NEXPR_ARGUMENT);
}

/* Inputs and constants count too; equal ones once. */
static void limits_the_number_of_operations_exactly(void **state) {
    (void)state;
    nexpr_input a = nexpr_input_init("a", F64, -1);
    const nexpr_input *inputs[] = {&a};
    nexpr_error err = nexpr_error_init();
    nexpr_options options = nexpr_options_init();
    nexpr_program *p = parse("sin(a)+a+sin(a)"); /* a, sin(a), sin(a)+a, all */
    nexpr *e = NULL;
    for (size_t limit = 3; limit <= 5; limit++) {
        options.max_nodes = limit;
        nexpr_status status = nexpr_compile(NULL, p, inputs, 1, NULL, &options, &e, &err);
        assert_int_equal(status, limit < 4 ? NEXPR_LIMIT : NEXPR_OK);
        nexpr_free(&e);
    }
    assert_int_equal(err.begin, 0);
    assert_int_equal(err.end, 15);
    nexpr_program_free(&p);
}

static void limits_the_number_of_results(void **state) {
    (void)state;
    char text[2 * 1025 + 1] = "";
    for (int i = 0; i < 1025; i++) memcpy(text + 2 * i, "1,", 3);
    nexpr_error err = nexpr_error_init();
    assert_int_equal(try_compile(text, NULL, 0, NULL, &err), NEXPR_LIMIT);
    text[2 * 1024] = 0;
    assert_int_equal(try_compile(text, NULL, 0, NULL, &err), NEXPR_OK);
}

static void compiles_long_chains_quickly(void **state) {
    (void)state;
    enum { TERMS = 45000 };
    char *text = malloc(2 * TERMS + 8);
    for (int i = 0; i < TERMS; i++) memcpy(text + 2 * i, "a+", 3);
    strcpy(text + 2 * TERMS, "a");
    nexpr *e = compile(text, F64, NONE, NONE);
    double x = 0.5;
    nexpr_array a = array_of(&x, F64, 0, NULL, NULL), r = nexpr_array_init();
    nexpr_error err = nexpr_error_init();
    assert_ok(nexpr_evaluate(e, NULL, (const nexpr_array *[]){&a}, (nexpr_array *[]){&r}, NULL, &err), &err);
    assert_true(*(double *)r.data == 0.5 * (TERMS + 1));
    nexpr_array_free(&r);
    nexpr_free(&e);
    free(text);
}

static void describes_every_operation(void **state) {
    (void)state;
    assert_true(nexpr_op_count() > 90);
    for (int i = 0; i < nexpr_op_count(); i++) {
        nexpr_op_info info = {.size = sizeof info};
        assert_int_equal(nexpr_op_describe(i, &info), NEXPR_OK);
        assert_true(info.name[0] && info.params[0] && info.group[0] && info.doc[0] && info.dtypes && info.dtypes[0]);
        assert_true(info.doc[strlen(info.doc) - 1] == '.');
    }
    nexpr_op_info info = {.size = sizeof info};
    assert_int_equal(nexpr_op_describe(nexpr_op_count(), &info), NEXPR_ARGUMENT);
    assert_int_equal(nexpr_op_describe(-1, &info), NEXPR_ARGUMENT);
}

static void knows_its_version_statuses_and_dtypes(void **state) {
    (void)state;
    nexpr_dtype dtype;
    nexpr_error err = nexpr_error_init();
    assert_int_equal(nexpr_version(), NEXPR_VERSION);
    assert_string_equal(nexpr_status_text(NEXPR_OVERLAP), "outputs overlap");
    assert_string_equal(nexpr_status_text((nexpr_status)999), "unknown status");
    assert_ok(nexpr_dtype_find("complex64", &dtype, &err), &err);
    assert_int_equal(dtype, NEXPR_COMPLEX64);
    assert_int_equal(nexpr_dtype_size(dtype), 8);
    assert_int_equal(nexpr_dtype_find("float", &dtype, &err), NEXPR_NAME);
    assert_null(nexpr_dtype_name(NEXPR_DTYPE_COUNT));
    assert_int_equal(nexpr_dtype_size(NEXPR_DTYPE_COUNT), 0);
    assert_true(nexpr_dtype_can_cast(NEXPR_UINT8, NEXPR_INT8));
    assert_false(nexpr_dtype_can_cast(NEXPR_INT8, NEXPR_UINT64));
    assert_false(nexpr_dtype_can_cast(NEXPR_COMPLEX64, NEXPR_FLOAT64));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_free_names_in_the_order_of_use),
        cmocka_unit_test(tells_inputs_and_results),
        cmocka_unit_test(tells_the_shape_of_results),
        cmocka_unit_test(terms_tell_place_dtype_and_shape),
        cmocka_unit_test(values_are_the_lines_of_the_listing),
        cmocka_unit_test(terms_without_a_shape_are_left_out),
        cmocka_unit_test(makes_equal_expressions_one),
        cmocka_unit_test(folds_constants_and_identities),
        cmocka_unit_test(operations_by_constants_become_cheaper_ones),
        cmocka_unit_test(contracts_only_when_asked),
        cmocka_unit_test(casts_results_to_the_dtype_asked_for),
        cmocka_unit_test(refuses_bad_declarations),
        cmocka_unit_test(limits_the_number_of_operations_exactly),
        cmocka_unit_test(limits_the_number_of_results),
        cmocka_unit_test(compiles_long_chains_quickly),
        cmocka_unit_test(describes_every_operation),
        cmocka_unit_test(knows_its_version_statuses_and_dtypes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
