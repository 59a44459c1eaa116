/* SPDX-License-Identifier: MIT */
/*
 * What an evaluation needs at its peak: its inputs, its outputs, the stated cache of buffers and a little more, however
 * the operands lie and however long the expression is. Every scenario runs in a process of its own, this program again
 * with the scenario's number; the most that was resident is what the system says when it ended, less what a process needs
 * that only loads the library. One scenario takes more on purpose, and has to be caught.
 */
#include "tests/runtime/fixture.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define ALLOWED (8 * MIB)
#define TOO_MUCH (16 * MIB)
#define CACHE_BY_DEFAULT (64 * MIB)
enum { SIDE = 4096, PRODUCTS = 100, PATIENCE = 120 };

typedef enum layout { PLAIN, TRANSPOSED, STRIDED, REVERSED, SWAPPED, MISALIGNED, ROW } layout;

typedef struct scenario {
    const char *name, *text; /* NULL: nothing but the library; "": the long expression */
    layout a, b;
    nexpr_dtype dtype_a, dtype_b, result;
    int threads;        /* 0: all */
    int smaller_rounds; /* evaluations of half the rows, a quarter and so on before the full one, to fill the cache */
    bool given;         /* the output is the caller's */
    size_t waste;       /* taken beside */
} scenario;

static const scenario scenarios[] = {
    {.name = "nothing"},
    {"plain", "2.0*a-4.5*b", PLAIN, PLAIN, F64, F64, F64, .threads = 1},
    {"all threads", "2.0*a-4.5*b", PLAIN, PLAIN, F64, F64, F64},
    {"more threads than processors", "2.0*a-4.5*b", PLAIN, PLAIN, F64, F64, F64, .threads = 16},
    {"caller's output", "2.0*a-4.5*b", PLAIN, PLAIN, F64, F64, F64, .given = true},
    {"transposed", "a+b", TRANSPOSED, PLAIN, F64, F64, F64},
    {"both transposed", "a+b", TRANSPOSED, TRANSPOSED, F64, F64, F64},
    {"strided", "a+b", STRIDED, STRIDED, F64, F64, F64},
    {"reversed", "a+b", REVERSED, PLAIN, F64, F64, F64},
    {"byte-swapped", "a+b", SWAPPED, PLAIN, F64, F64, F64},
    {"misaligned", "a+b", MISALIGNED, PLAIN, F64, F64, F64},
    {"matrix and row", "a+b", PLAIN, ROW, F64, F64, F64},
    {"two dtypes", "a+b", PLAIN, STRIDED, I32, F32, F64},
    {"functions", "arctan2(a,b)*tanh(a)+a**b", PLAIN, PLAIN, F64, F64, F64},
    {"long", "", PLAIN, PLAIN, F64, F64, F64, .threads = 1},
    {"long on all threads", "", PLAIN, PLAIN, F64, F64, F64},
    {"long with strides", "", TRANSPOSED, STRIDED, F64, F64, F64},
    {"cached buffers", "a+b", PLAIN, PLAIN, F64, F64, F64, .smaller_rounds = 6},
};

static const scenario wasteful = {"too much", "2.0*a-4.5*b", PLAIN, PLAIN, F64, F64, F64, .waste = TOO_MUCH};

/* --------------------------------------------------------------------------------------------------- operands -- */

static size_t input_bytes(layout l, nexpr_dtype dtype) {
    size_t items = l == ROW ? SIDE : (size_t)SIDE * SIDE * (l == STRIDED ? 2 : 1);
    return items * nexpr_dtype_size(dtype) + (l == MISALIGNED);
}

static size_t output_bytes(const scenario *s) {
    return (size_t)SIDE * SIDE * nexpr_dtype_size(s->result);
}

static size_t stated_bytes(const scenario *s) {
    if (!s->text) return 0;
    size_t cache = s->smaller_rounds ? CACHE_BY_DEFAULT : 0;
    return input_bytes(s->a, s->dtype_a) + input_bytes(s->b, s->dtype_b) + output_bytes(s) + cache;
}

static void fill(char *data, size_t items, nexpr_dtype dtype, double value, bool swapped) {
    char item[16];
    size_t size = nexpr_dtype_size(dtype);
    if (dtype == F64) memcpy(item, &value, size);
    else if (dtype == F32) memcpy(item, &(float){(float)value}, size);
    else memcpy(item, &(int32_t){(int32_t)value}, size);
    for (size_t i = 0; swapped && i < size / 2; i++) {
        char c = item[i];
        item[i] = item[size - 1 - i];
        item[size - 1 - i] = c;
    }
    for (size_t i = 0; i < items; i++) memcpy(data + i * size, item, size);
}

/* A matrix, or a row of it, of equal elements. */
static nexpr_array make_input(layout l, nexpr_dtype dtype, double value) {
    static int64_t memory[2][2];
    static int made;
    static const int64_t square[] = {SIDE, SIDE};
    int64_t size = (int64_t)nexpr_dtype_size(dtype), *strides = memory[made++];
    size_t bytes = input_bytes(l, dtype);
    char *data = malloc(bytes);
    if (!data) exit(2);
    data += l == MISALIGNED;
    fill(data, bytes / (size_t)size, dtype, value, l == SWAPPED);
    strides[1] = l == TRANSPOSED ? size * SIDE : l == STRIDED ? 2 * size : l == REVERSED ? -size : size;
    strides[0] = l == TRANSPOSED ? size : l == STRIDED ? 2 * size * SIDE : size * SIDE;
    nexpr_array x = array_of(data + (l == REVERSED ? size * (SIDE - 1) : 0), dtype, 2, square, strides);
    if (l == ROW) x = array_of(data, dtype, 1, square, NULL);
    if (l == SWAPPED) x.byte_order = NEXPR_SWAPPED;
    return x;
}

/* 200 operations, nested so that what is not yet added has to be kept. */
static char *long_text(void) {
    enum { TERM = 32 };
    char *text = malloc(PRODUCTS * TERM), *at = text;
    if (!text) exit(2);
    for (int i = 0; i < PRODUCTS; i++) at += sprintf(at, "%c*%d.5+(", "ab"[i % 2], i);
    at += sprintf(at, "1.0");
    for (int i = 0; i < PRODUCTS; i++) *at++ = ')';
    *at = 0;
    return text;
}

/* ----------------------------------------------------------------------------------------------- in the child -- */

static void require(bool good, const scenario *s, const char *what) {
    if (good) return;
    fprintf(stderr, "%s: %s\n", s->name, what);
    exit(2);
}

/* One evaluation of the first `rows` rows; its corner elements are those of an evaluation of a single element. */
static void evaluate(const scenario *s, const nexpr *expr, nexpr_context *context, const nexpr_array *a, const nexpr_array *b,
                     int64_t rows) {
    nexpr_error err = nexpr_error_init();
    nexpr_array x = *a, y = *b, r = nexpr_array_init(), one = array_of(&(double){0}, s->result, 0, NULL, NULL);
    nexpr_array first = array_of(a->data, a->dtype, 0, NULL, NULL), second = array_of(b->data, b->dtype, 0, NULL, NULL);
    const int64_t shape[] = {rows, SIDE}, none[] = {0, 0};
    first.byte_order = a->byte_order;
    x.shape = shape;
    if (y.ndim == 2) y.shape = shape;
    if (s->given) r = array_of(malloc(output_bytes(s)), s->result, 2, shape, NULL);
    nexpr_status status = nexpr_evaluate(expr, context, (const nexpr_array *[]){&x, &y}, (nexpr_array *[]){&r}, NULL, &err);
    require(!status, s, err.message);
    status = nexpr_evaluate(expr, context, (const nexpr_array *[]){&first, &second}, (nexpr_array *[]){&one}, NULL, &err);
    require(!status, s, err.message);
    const int64_t *step = s->given ? none : r.strides;
    const char *last = (char *)r.data + step[0] * (rows - 1) + step[1] * (SIDE - 1);
    size_t size = nexpr_dtype_size(s->result);
    require(!memcmp(one.data, r.data, size) && !memcmp(one.data, last, size), s, "wrong result");
    if (s->given) free(r.data);
    else nexpr_array_free(&r);
}

static nexpr *compile_scenario(const scenario *s) {
    char *text = *s->text ? NULL : long_text();
    nexpr *expr = compile(text ? text : s->text, s->dtype_a, s->dtype_b, NONE);
    free(text);
    require(nexpr_result_dtype(expr, 0) == s->result, s, "the result has another dtype");
    return expr;
}

static void run_scenario(const scenario *s) {
    nexpr_error err = nexpr_error_init();
    nexpr_context_options options = nexpr_context_options_init();
    nexpr_context *context;
    alarm(PATIENCE);
    if (!s->text) return;
    options.threads = s->threads;
    options.run_backend = NEXPR_BACKEND_VM; /* LLVM, once it is loaded, has some 60 MiB of its own */
    require(!nexpr_context_new(&options, &context, &err), s, err.message);
    nexpr_array a = make_input(s->a, s->dtype_a, 3), b = make_input(s->b, s->dtype_b, 2);
    nexpr *expr = compile_scenario(s);
    char *waste = malloc(s->waste + 1);
    require(waste, s, "out of memory");
    for (size_t i = 0; i < s->waste; i++) ((volatile char *)waste)[i] = 1;
    for (int i = s->smaller_rounds; i >= 0; i--) evaluate(s, expr, context, &a, &b, SIDE >> i);
    nexpr_free(&expr);
    nexpr_context_free(&context);
}

/* ------------------------------------------------------------------------------------------------- the checks -- */

static const char *program;

/* Bytes that were resident at most. */
static size_t peak_of(int number) {
    char text[16];
    int status;
    struct rusage usage;
    snprintf(text, sizeof text, "%d", number);
    pid_t child = fork();
    if (child == 0) {
        execl(program, program, text, (char *)NULL);
        _exit(127);
    }
    assert_true(child > 0 && wait4(child, &status, 0, &usage) == child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    return (size_t)usage.ru_maxrss * 1024;
}

/* What the scenario takes beyond what it may. */
static long excess_of(int number, const scenario *s) {
    size_t baseline = peak_of(0), peak = peak_of(number);
    long beside = (long)(peak - baseline) - (long)stated_bytes(s);
    print_message("%-28s %6.1f MiB and %5.2f\n", s->name, (double)stated_bytes(s) / (double)MIB,
                  (double)beside / (double)MIB);
    return beside - (long)ALLOWED;
}

static void an_evaluation_needs_little_beside_its_operands(void **state) {
    (void)state;
    for (int i = 1; i < LENGTH(scenarios); i++) {
        if (excess_of(i, &scenarios[i]) > 0) fail_msg("%s: more than 8 MiB beside its operands", scenarios[i].name);
    }
}

static void what_is_too_much_is_seen(void **state) {
    (void)state;
    assert_true(excess_of(LENGTH(scenarios), &wasteful) > 0);
}

int main(int argc, char **argv) {
    program = argv[0];
    if (argc == 2) {
        int number = atoi(argv[1]);
        run_scenario(number < LENGTH(scenarios) ? &scenarios[number] : &wasteful);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_evaluation_needs_little_beside_its_operands),
        cmocka_unit_test(what_is_too_much_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
