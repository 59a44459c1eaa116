/* SPDX-License-Identifier: MIT */
/*
 * Going back to the VM where machine code is slower, and going on with it where memory is out. A stand-in for the
 * compiler (tests/jit/fake_plugin.c) makes code that is some hundred times slower than the VM, so that no measurement can be
 * in doubt.
 */
#include "tests/runtime/fixture.h"

#include <stdlib.h>

#include "tests/support/failing_allocator.h"

enum { N = 1 << 18, RUNS = 40, TRIALS = 8 /* as in runtime/choose.c */ };
#define TEXT "((((a * a + a) * a - a) * a + a) * a - a) * a + a"

typedef struct seen {
    long vm, compiled; /* tasks */
    bool is_left;
} seen;

static void note(void *user, const char *text) {
    const char *ran = strstr(text, "  ran: ");
    seen *s = user;
    assert_non_null(ran);
    assert_int_equal(sscanf(ran, "  ran: %ld task%*[s] on the VM, %ld", &s->vm, &s->compiled), 2);
    s->is_left = strstr(text, "machine code was tried, and is no faster") != NULL;
}

/* So many runs of one plan, and what became of them. */
static void run_plan(nexpr_context *context, const nexpr *e, nexpr_backend backend, int runs, const double *a, double *r) {
    nexpr_error err = nexpr_error_init();
    nexpr_run_options run = nexpr_run_options_init();
    const nexpr_array x = array_of(NULL, F64, 1, DIMS(N), NULL);
    nexpr_plan *plan;
    run.backend = backend;
    run.threads = 1;
    assert_ok(nexpr_plan_new(e, context, (const nexpr_array *[]){&x}, (const nexpr_array *[]){&x}, &run, &plan, &err), &err);
    for (int i = 0; i < runs; i++) assert_ok(nexpr_plan_run(plan, (const void *[]){a}, (void *[]){r}, &err), &err);
    nexpr_plan_free(&plan);
}

static void machine_code_that_is_slower_is_left(void **state) {
    (void)state;
#ifdef SANITIZED /* the VM is slower then */
    skip();
#endif
    static double a[N], expected[N], r[N];
    seen s = {0};
    nexpr_error err = nexpr_error_init();
    nexpr_context_options options = nexpr_context_options_init();
    nexpr_context *context;
    nexpr *e = compile(TEXT, F64, NONE, NONE);
    options.report = note;
    options.report_user = &s;
    assert_ok(nexpr_context_new(&options, &context, &err), &err);
    for (int i = 0; i < N; i++) a[i] = 1 + i * 1e-6;
    run_plan(context, e, NEXPR_BACKEND_VM, 1, a, expected);
    const long tasks = s.vm;
    run_plan(context, e, NEXPR_BACKEND_JIT, 1, a, r);
    if (s.compiled == 0) skip(); /* this machine or this build makes no code */
    assert_memory_equal(r, expected, sizeof r);
    memset(r, 0, sizeof r);
    run_plan(context, e, NEXPR_BACKEND_AUTO, RUNS, a, r); /* the code is in memory, so it runs from the first run on */
    assert_memory_equal(r, expected, sizeof r);
    assert_int_equal(s.vm + s.compiled, tasks * RUNS);
    assert_true(s.is_left);
    assert_in_range(s.compiled, tasks * (TRIALS - 1) + 1, tasks * TRIALS);
    nexpr_free(&e);
    nexpr_context_free(&context);
}

/* A context of its own and a plan, from `count` items to as many `stride` bytes apart, whose allocations do not fail. */
typedef struct poor {
    failing_allocator failing;
    nexpr_context *context;
    nexpr_plan *plan;
} poor;

static void make_poor(poor *p, const nexpr *e, nexpr_backend backend, int64_t count, int64_t stride) {
    nexpr_error err = nexpr_error_init();
    nexpr_context_options options = nexpr_context_options_init();
    nexpr_run_options run = nexpr_run_options_init();
    const nexpr_array x = array_of(NULL, F64, 1, &count, NULL), r = array_of(NULL, F64, 1, &count, &stride);
    const nexpr_array *const from[] = {&x}, *const to[] = {&r};
    options.allocator = failing_allocator_init(&p->failing, -1);
    options.threads = 1;
    run.backend = backend;
    assert_ok(nexpr_context_new(&options, &p->context, &err), &err);
    assert_ok(nexpr_plan_new(e, p->context, from, to, &run, &p->plan, &err), &err);
}

static void free_poor(poor *p) {
    nexpr_plan_free(&p->plan);
    nexpr_context_free(&p->context);
    assert_int_equal(p->failing.live_blocks, 0);
    assert_int_equal(p->failing.live_bytes, 0);
}

/* Allocation n of the runs fails, or all from it on. Returns how many there were; -1: one failed. */
static long run_poorly(const nexpr *e, long n, bool all_later, const double *a, const double *expected) {
    static double r[N];
    nexpr_error err = nexpr_error_init();
    poor p;
    make_poor(&p, e, NEXPR_BACKEND_AUTO, N, sizeof(double));
    const long before = atomic_load(&p.failing.calls);
    p.failing.fail_all_later = all_later;
    p.failing.fail_at = before + n;
    for (int i = 0; i < 3; i++) {
        memset(r, 0, sizeof r);
        assert_ok(nexpr_plan_run(p.plan, (const void *[]){a}, (void *[]){r}, &err), &err);
        assert_memory_equal(r, expected, sizeof r);
    }
    const long calls = atomic_load(&p.failing.calls) - before;
    const bool failed = p.failing.failed;
    free_poor(&p);
    return failed ? -1 : calls;
}

/* Whatever fails of what a second tier needs, a run goes on with what there is. */
static void runs_need_no_memory_for_a_second_tier(void **state) {
    (void)state;
    static double a[N], expected[N];
    nexpr *e = compile(TEXT, F64, NONE, NONE);
    for (int i = 0; i < N; i++) a[i] = 1 + i * 1e-6;
    run_plan(NULL, e, NEXPR_BACKEND_VM, 1, a, expected);
    for (int all_later = 0; all_later <= 1; all_later++) {
        long n = 0, calls;
        while ((calls = run_poorly(e, n, all_later, a, expected)) < 0) n++;
        assert_true(calls > 3); /* it was linked */
    }
    nexpr_free(&e);
}

/* x[i] / 3 to r[2 * i], which may be in x. */
static nexpr_status divide(poor *p, double *x, double *r, int count) {
    nexpr_error err = nexpr_error_init();
    for (int i = 0; i < count; i++) x[i] = i;
    const nexpr_status status = nexpr_plan_run(p->plan, (const void *[]){x}, (void *[]){r}, &err);
    for (int i = 0; i < count && !status; i++) assert_true(r[2 * i] == i / 3.0);
    return status;
}

/* An output that overlaps an input is spooled, which needs other code; a run without memory for that fails, and only it. */
static void a_run_without_memory_fails_alone(void **state) {
    (void)state;
    enum { FEW = 40 };
    static double x[2 * FEW], r[2 * FEW];
    nexpr *e = compile("a / 3", F64, NONE, NONE);
    bool failed = true;
    for (long n = 0; failed; n++) {
        poor p;
        make_poor(&p, e, NEXPR_BACKEND_VM, FEW, 2 * sizeof *x);
        assert_int_equal(divide(&p, x, r, FEW), NEXPR_OK);
        p.failing.fail_at = atomic_load(&p.failing.calls) + n;
        const nexpr_status status = divide(&p, x, x, FEW);
        failed = p.failing.failed;
        assert_int_equal(status, failed ? NEXPR_MEMORY : NEXPR_OK);
        p.failing.fail_at = -1;
        for (int i = 0; i < 4; i++) assert_int_equal(divide(&p, x, i & 1 ? r : x, FEW), NEXPR_OK);
        free_poor(&p);
    }
    nexpr_free(&e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machine_code_that_is_slower_is_left),
        cmocka_unit_test(a_run_without_memory_fails_alone),
        cmocka_unit_test(runs_need_no_memory_for_a_second_tier),
    };
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    setenv("NEXPR_JIT_PLUGIN", PLUGIN, 1);
    setenv("NEXPR_ISA", "avx2", 1); /* what the stand-in makes code for */
    unsetenv("NEXPR_BACKEND");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
