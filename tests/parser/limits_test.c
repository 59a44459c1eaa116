/* SPDX-License-Identifier: MIT */
/*
 * Limits at N-1, N and N+1; texts that are as deep, long or wide as a hostile one; and every allocation failing. Each parse
 * runs on a small stack, so that recursion would show.
 */
#include "parser/parse.h"
#include "tests/support/failing_allocator.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { SMALL_STACK = 128 << 10, MILLION = 1000000 };

typedef struct job {
    const char *text;
    size_t length;
    const nexpr_options *options;
    nexpr_status status;
    nexpr_error err;
    uint32_t nodes;
} job;

static void *run(void *argument) {
    job *j = argument;
    nx_arena arena;
    nx_ast ast;
    nx_arena_init(&arena, NULL);
    j->err = nexpr_error_init();
    j->status = nx_parse(&arena, j->text, j->length, j->options, &ast, &j->err);
    j->nodes = j->status ? 0 : ast.node_count;
    nx_arena_free(&arena);
    return NULL;
}

/* The sanitizers' frames are several times as large. */
static size_t stack_size(void) {
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    return 8 * SMALL_STACK;
#else
    return SMALL_STACK;
#endif
}

static job parse(const char *text, size_t length, const nexpr_options *options) {
    job j = {.text = text, .length = length, .options = options};
    pthread_attr_t attributes;
    pthread_t thread;
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, stack_size()), 0);
    assert_int_equal(pthread_create(&thread, &attributes, run, &j), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    return j;
}

/* head, count times unit, middle, count times close, tail; the caller frees it. */
static char *repeat(const char *unit, const char *middle, const char *close, size_t count) {
    size_t n = strlen(unit), m = strlen(close), k = strlen(middle);
    char *text = malloc(count * (n + m) + k + 1), *out = text;
    assert_non_null(text);
    for (size_t i = 0; i < count; i++, out += n) memcpy(out, unit, n);
    memcpy(out, middle, k);
    out += k;
    for (size_t i = 0; i < count; i++, out += m) memcpy(out, close, m);
    *out = 0;
    return text;
}

typedef struct shape { const char *unit, *middle, *close; } shape;

static const shape deep[] = {
    {"(", "a", ")"}, {"-", "a", ""}, {"~", "a", ""}, {"not ", "a", ""}, {"f(", "a", ")"}, {"f(k=", "a", ")"},
    {"a**", "a", ""},
    {"a if b else ", "c", ""}, {"a if (", "c", ") else b"}, {"(a+b*-", "c", ")"}, {"f(a, ", "b", ")"},
};

static void nesting_is_limited_exactly(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof deep / sizeof *deep; i++) {
        const bool two = strchr(deep[i].unit, '(') && (strstr(deep[i].unit, "if") || strchr(deep[i].unit, '-'));
        for (int more = -1; more <= 1; more++) {
            char *text = repeat(deep[i].unit, deep[i].middle, deep[i].close, (size_t)((two ? 500 : 1000) + more));
            job j = parse(text, strlen(text), NULL);
            assert_int_equal(j.status, more > 0 ? NEXPR_LIMIT : NEXPR_OK);
            if (more > 0) assert_true(j.err.end > j.err.begin && j.err.end <= strlen(text));
            free(text);
        }
    }
}

static void the_error_of_nesting_is_at_the_level_that_is_too_deep(void **state) {
    const nexpr_options options = {.size = sizeof options, .max_nesting = 3};
    (void)state;
    assert_int_equal(parse("((-a))", 6, &options).status, NEXPR_OK);
    job j = parse("((-(a)))", 8, &options);
    assert_int_equal(j.status, NEXPR_LIMIT);
    assert_int_equal(j.err.begin, 3);
    assert_int_equal(j.err.end, 4);
    assert_non_null(strstr(j.err.message, "3"));
    assert_int_equal(parse("(a)+(a)+((a))+f(g(-a))+a**b**c**d", 33, &options).status, NEXPR_OK);
}

static void hostile_depth_is_an_error_and_quick(void **state) {
    const nexpr_options options = {.size = sizeof options, .max_source = 64 << 20};
    (void)state;
    for (size_t i = 0; i < sizeof deep / sizeof *deep; i++) {
        for (int closed = 0; closed < 2; closed++) {
            char *text = repeat(deep[i].unit, deep[i].middle, closed ? deep[i].close : "", MILLION);
            clock_t start = clock();
            job j = parse(text, strlen(text), &options);
            assert_int_equal(j.status, NEXPR_LIMIT);
            assert_int_equal(parse(text, strlen(text), NULL).status, NEXPR_LIMIT);
            assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 1.0);
            free(text);
        }
    }
}

/* Depth is limited by the option and by memory only. */
static void a_depth_that_is_asked_for_is_given(void **state) {
    const nexpr_options options = {.size = sizeof options, .max_source = 64 << 20, .max_tokens = 10 * MILLION,
                                   .max_nesting = 2 * MILLION, .max_nodes = 10 * MILLION};
    (void)state;
    for (size_t i = 0; i < sizeof deep / sizeof *deep; i++) {
        char *text = repeat(deep[i].unit, deep[i].middle, deep[i].close, 30000);
        assert_int_equal(parse(text, strlen(text), &options).status, NEXPR_OK);
        free(text);
    }
}

static void long_chains_are_no_nesting(void **state) {
    static const shape chains[] = {
        {"a+", "a", ""}, {"a*", "b", ""}, {"a and ", "b", ""}, {"a, ", "b", ""}, {"a-b*c|", "b", ""}};
    (void)state;
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        size_t count = i == 4 ? 16000 : 49999;
        char *text = repeat(chains[i].unit, chains[i].middle, "", count);
        job j = parse(text, strlen(text), NULL);
        assert_int_equal(j.status, NEXPR_OK);
        free(text);
    }
    char *text = repeat("a+", "a", "", MILLION);
    const nexpr_options options = {.size = sizeof options, .max_source = 64 << 20};
    assert_int_equal(parse(text, strlen(text), NULL).status, NEXPR_LIMIT);
    assert_int_equal(parse(text, strlen(text), &options).status, NEXPR_LIMIT);
    free(text);
}

static void source_bytes_are_limited_exactly(void **state) {
    (void)state;
    for (int more = -1; more <= 1; more++) {
        size_t length = (size_t)((1 << 20) + more);
        char *text = malloc(length);
        assert_non_null(text);
        memset(text, ' ', length);
        text[0] = 'a';
        job j = parse(text, length, NULL);
        assert_int_equal(j.status, more > 0 ? NEXPR_LIMIT : NEXPR_OK);
        if (more > 0) assert_int_equal(j.err.begin, 1 << 20);
        free(text);
    }
}

static void tokens_are_limited_exactly(void **state) {
    const nexpr_options options = {.size = sizeof options, .max_nodes = MILLION};
    (void)state;
    for (int more = -1; more <= 1; more++) { /* 2n+1 tokens of a sum, and a sign in front for an even number */
        char *sum = repeat("a+", "a", "", more ? (size_t)(49999 + (more > 0)) : 49999);
        char *text = malloc(strlen(sum) + 2);
        assert_non_null(text);
        strcpy(text, more == 0 ? "-" : "");
        strcat(text, sum);
        job j = parse(text, strlen(text), &options);
        assert_int_equal(j.status, more > 0 ? NEXPR_LIMIT : NEXPR_OK);
        if (more > 0) assert_int_equal(j.err.begin, strlen(text) - 1);
        free(text);
        free(sum);
    }
    const nexpr_options three = {.size = sizeof three, .max_tokens = 3};
    assert_int_equal(parse("\n\n(a\n) # no token\n", 18, &three).status, NEXPR_OK);
    assert_int_equal(parse("\n\n(a\n);", 7, &three).status, NEXPR_LIMIT);
}

static void nodes_are_limited_exactly(void **state) {
    (void)state;
    static const struct { const char *text; size_t nodes; } rows[] = {
        {"a", 1}, {"a+b", 3}, {"f()", 1}, {"f(a, k=b)", 3}, {"a<b<c", 6}, {"-a.real", 3}, {"a if b else c", 4},
        {"x=1;x*x", 4}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int more = -1; more <= 1; more++) {
            const nexpr_options options = {.size = sizeof options, .max_nodes = rows[i].nodes + 1 - (size_t)(more + 1)};
            if (!options.max_nodes) continue;
            job j = parse(rows[i].text, strlen(rows[i].text), &options);
            assert_int_equal(j.status, more > 0 ? NEXPR_LIMIT : NEXPR_OK);
            if (more <= 0) assert_int_equal(j.nodes, rows[i].nodes);
        }
    }
    for (int more = -1; more <= 1; more++) { /* the default: 2n+1 nodes of a sum, and one of a sign */
        char *text = repeat("a+", more == 0 ? "-a" : "a", "", more > 0 ? 50000 : 49999);
        const nexpr_options options = {.size = sizeof options, .max_tokens = MILLION};
        job j = parse(text, strlen(text), &options);
        assert_int_equal(j.status, more > 0 ? NEXPR_LIMIT : NEXPR_OK);
        if (more <= 0) assert_int_equal(j.nodes, 100000 + more);
        free(text);
    }
}

static void many_different_names_are_quick(void **state) {
    enum { COUNT = 24000 };
    char *names = malloc(COUNT * 10), *a = names;
    (void)state;
    assert_non_null(names);
    for (int i = 0; i < COUNT; i++) a += sprintf(a, "%sn%d", i ? "+" : "", i);
    clock_t start = clock();
    assert_int_equal(parse(names, (size_t)(a - names), NULL).status, NEXPR_OK);
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 2.0);
    free(names);
}

static void a_call_has_at_most_255_arguments(void **state) {
    (void)state;
    for (int count = 254; count <= 256; count++) {
        char text[256 * 8 + 8], *end = text;
        end += sprintf(end, "f(");
        for (int i = 0; i < count; i++) end += sprintf(end, "k%d=1,", i);
        end += sprintf(end, ")");
        assert_int_equal(parse(text, (size_t)(end - text), NULL).status, count > 255 ? NEXPR_LIMIT : NEXPR_OK);
    }
}

static void every_failing_allocation_is_reported_and_nothing_leaks(void **state) {
    static const char *const texts[] = {
        "(2.0*a-4.5*b)+1.1*(sin(a)+cos(b))",
        "x = a if b < c < d else f(g(e), k='text', l=h**-i); y1 = x.real; y2 = `b c`; y3 = 1j; -x.imag, (x), y1, y2, y3,",
        "a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+q+r+s+t+u+v+w+x+y+z+aa+ab+ac+ad+ae+af+ag+ah+ai+aj+ak+al+am+an+ao+ap+aq+ar+at+au",
        "((((((((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))))))))))",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (long n = 0;; n++) {
            failing_allocator failing;
            nexpr_error err = nexpr_error_init();
            nx_arena arena;
            nx_ast ast;
            nx_arena_init(&arena, failing_allocator_init(&failing, n));
            nexpr_status status = nx_parse(&arena, texts[i], strlen(texts[i]), NULL, &ast, &err);
            nx_arena_free(&arena);
            assert_int_equal(failing.live_blocks, 0);
            assert_int_equal(failing.live_bytes, 0);
            assert_int_equal(status, failing.failed ? NEXPR_MEMORY : NEXPR_OK);
            assert_int_equal(err.status, status);
            if (!failing.failed) break;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nesting_is_limited_exactly),
        cmocka_unit_test(the_error_of_nesting_is_at_the_level_that_is_too_deep),
        cmocka_unit_test(hostile_depth_is_an_error_and_quick),
        cmocka_unit_test(a_depth_that_is_asked_for_is_given),
        cmocka_unit_test(long_chains_are_no_nesting),
        cmocka_unit_test(source_bytes_are_limited_exactly),
        cmocka_unit_test(tokens_are_limited_exactly),
        cmocka_unit_test(nodes_are_limited_exactly),
        cmocka_unit_test(many_different_names_are_quick),
        cmocka_unit_test(a_call_has_at_most_255_arguments),
        cmocka_unit_test(every_failing_allocation_is_reported_and_nothing_leaks),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
