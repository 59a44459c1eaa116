/* SPDX-License-Identifier: MIT */
/*
 * The two tiers: who runs with which backend, that a run goes over to machine code in its middle, that both have the same
 * bits, and that nothing of it ends a process or a context badly. Where the JIT cannot be had, what needs it is skipped.
 */
#include "tests/runtime/fixture.h"
#include "tests/support/forks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* 16 operations that no superinstruction has, on a, b and c. */
#define LONG "((a*b-c)*(a+b)-b*b+c)*((a-c)*b+a*(b-c))-(a+c)*(a*c-b)+abs(a-b)"

enum { CHILD_SECONDS = 10 };

typedef struct seen {
    long vm, compiled;
    bool is_refused;
    char text[4000];
} seen;

/* Adds up what the plans of a context tell. */
static void note(void *user, const char *text) {
    seen *s = user;
    snprintf(s->text, sizeof s->text, "%s", text);
    s->is_refused |= strstr(text, "refused:") != NULL;
    for (const char *at = text; (at = strstr(at, "  ran: ")); at++) {
        long vm, compiled;
        if (sscanf(at, "  ran: %ld task%*[s] on the VM, %ld", &vm, &compiled) != 2) {
            assert_int_equal(sscanf(at, "  ran: %ld task on the VM, %ld", &vm, &compiled), 2);
        }
        s->vm += vm;
        s->compiled += compiled;
    }
}

static nexpr_context *context_for(nexpr_backend backend, int threads, seen *s) {
    nexpr_context_options options = nexpr_context_options_init();
    nexpr_error err = nexpr_error_init();
    nexpr_context *context;
    options.run_backend = backend;
    options.threads = threads;
    options.report = s ? note : NULL;
    options.report_user = s;
    assert_ok(nexpr_context_new(&options, &context, &err), &err);
    return context;
}

static double *fill(size_t n, double first) {
    double *x = malloc(n * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++) x[i] = first + (double)(i % 1001) * 1e-3;
    return x;
}

typedef struct arrays {
    int64_t n;
    double *a, *b, *c, *r;
} arrays;

static arrays arrays_of(int64_t n) {
    return (arrays){n, fill((size_t)n, 1), fill((size_t)n, 0.5), fill((size_t)n, -1), fill((size_t)n, 0)};
}

static void arrays_free(arrays *x) {
    free(x->a), free(x->b), free(x->c), free(x->r);
}

static void evaluate_into(const nexpr *e, nexpr_context *context, const arrays *x, double *r) {
    nexpr_error err = nexpr_error_init();
    const nexpr_array a = array_of(x->a, F64, 1, &x->n, NULL), b = array_of(x->b, F64, 1, &x->n, NULL),
                      c = array_of(x->c, F64, 1, &x->n, NULL);
    nexpr_array to = array_of(r, F64, 1, &x->n, NULL);
    assert_ok(nexpr_evaluate(e, context, (const nexpr_array *[]){&a, &b, &c}, (nexpr_array *[]){&to}, NULL, &err), &err);
}

static bool has_jit(void) {
    seen s = {0};
    nexpr_context *context = context_for(NEXPR_BACKEND_JIT, 1, &s);
    nexpr *e = compile("a*b-c", F64, F64, F64);
    arrays x = arrays_of(10);
    evaluate_into(e, context, &x, x.r);
    arrays_free(&x);
    nexpr_free(&e);
    nexpr_context_free(&context);
    return s.compiled > 0;
}

/* --------------------------------------------------------------------------------------------------------- choices -- */

static void backends_are_checked(void **state) {
    (void)state;
    nexpr_context_options options = nexpr_context_options_init();
    nexpr_run_options run = nexpr_run_options_init();
    nexpr_error err = nexpr_error_init();
    nexpr_context *context;
    nexpr_plan *plan;
    options.run_backend = (nexpr_backend)7;
    assert_int_equal(nexpr_context_new(&options, &context, &err), NEXPR_ARGUMENT);
    run.backend = (nexpr_backend)-1;
    nexpr *e = compile("1+2", NONE, NONE, NONE);
    const nexpr_array to = array_of(NULL, I64, 0, NULL, NULL);
    assert_int_equal(nexpr_plan_new(e, NULL, NULL, (const nexpr_array *[]){&to}, &run, &plan, &err), NEXPR_ARGUMENT);
    nexpr_free(&e);
}

/* Each backend runs what it should, and all have the same bits. */
static void the_backend_that_is_asked_for_runs(void **state) {
    (void)state;
    const bool jit = has_jit();
    arrays x = arrays_of(5000);
    nexpr *e = compile(LONG, F64, F64, F64);
    double *expected = fill(5000, 0);
    for (int backend = NEXPR_BACKEND_JIT; backend >= NEXPR_BACKEND_AUTO; backend--) {
        seen s = {0};
        nexpr_context *context = context_for((nexpr_backend)backend, 1, &s);
        evaluate_into(e, context, &x, backend == NEXPR_BACKEND_JIT ? expected : x.r);
        nexpr_context_free(&context);
        const bool is_compiled = backend == NEXPR_BACKEND_JIT && jit;
        assert_true(is_compiled ? s.compiled > 0 && s.vm == 0 : s.compiled == 0 && s.vm > 0);
        if (backend != NEXPR_BACKEND_JIT) assert_memory_equal(x.r, expected, 5000 * sizeof(double));
        if (backend == NEXPR_BACKEND_JIT && !jit) assert_non_null(strstr(s.text, "refused: "));
    }
    free(expected);
    nexpr_free(&e);
    arrays_free(&x);
}

/* What is run over and over is compiled sooner or later. */
static void repeated_runs_are_compiled(void **state) {
    (void)state;
    if (!has_jit()) skip();
    seen s = {0};
    arrays x = arrays_of(4096);
    nexpr_context *context = context_for(NEXPR_BACKEND_AUTO, 1, &s);
    nexpr *e = compile(LONG, F64, F64, F64);
    for (int i = 0; i < 200000 && !s.compiled; i++) evaluate_into(e, context, &x, x.r);
    assert_true(s.compiled > 0 && s.vm > 0);
    nexpr_free(&e);
    nexpr_context_free(&context);
    arrays_free(&x);
}

/* Of what memory limits no gain is foreseen; but there may be one, and many runs of the VM pay for finding out. */
static void what_memory_limits_is_compiled_at_last(void **state) {
    (void)state;
    if (!has_jit()) skip();
    seen s = {0};
    arrays x = arrays_of(1 << 23);
    nexpr_context *context = context_for(NEXPR_BACKEND_AUTO, 1, &s);
    nexpr *e = compile("a+b-c", F64, F64, F64);
    for (int i = 0; i < 200 && !s.compiled; i++) evaluate_into(e, context, &x, x.r);
    assert_true(s.compiled > 0 && s.vm > 0);
    nexpr_free(&e);
    nexpr_context_free(&context);
    arrays_free(&x);
}

/* A mask's length is found, and its elements are taken, by copies of the expression: what these gain is not lost. */
static void what_is_evaluated_in_stages_is_compiled(void **state) {
    (void)state;
    if (!has_jit()) skip();
    seen s = {0};
    nexpr_error err = nexpr_error_init();
    arrays x = arrays_of(1 << 20);
    nexpr_context *context = context_for(NEXPR_BACKEND_AUTO, 1, &s);
    nexpr *e = compile("(" LONG ")[a > 1.5]", F64, F64, F64);
    const nexpr_array a = array_of(x.a, F64, 1, &x.n, NULL), b = array_of(x.b, F64, 1, &x.n, NULL),
                      c = array_of(x.c, F64, 1, &x.n, NULL);
    for (int i = 0; i < 300 && !s.compiled; i++) {
        nexpr_array to = nexpr_array_init();
        assert_ok(nexpr_evaluate(e, context, (const nexpr_array *[]){&a, &b, &c}, (nexpr_array *[]){&to}, NULL, &err), &err);
        nexpr_array_free(&to);
    }
    assert_true(s.compiled > 0 && s.vm > 0);
    nexpr_free(&e);
    nexpr_context_free(&context);
    arrays_free(&x);
}

static bool is_in_process(const char *name) {
    char line[4400];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && !found && fgets(line, sizeof line, maps)) found = strstr(line, name) != NULL;
    if (maps) fclose(maps);
    return found;
}

/* A process of its own: what it runs is compiled, or found on disk long before compiling would pay, and without LLVM. */
static int run_with_disk(const char *folder, bool is_first) {
    setenv("XDG_CACHE_HOME", folder, 1);
    seen s = {0};
    double gain_ms = 0, bill_ms = 0;
    arrays x = arrays_of(4096);
    nexpr_context *context = context_for(is_first ? NEXPR_BACKEND_JIT : NEXPR_BACKEND_AUTO, 1, &s);
    nexpr *e = compile(LONG, F64, F64, F64);
    for (int i = 0; i < 200000 && !s.compiled; i++) evaluate_into(e, context, &x, x.r);
    const char *const why = strstr(s.text, "would have saved ");
    if (why) sscanf(why, "would have saved %lf ms so far, and is asked for from %lf ms on", &gain_ms, &bill_ms);
    nexpr_free(&e);
    nexpr_context_free(&context); /* writes what is not yet on disk */
    arrays_free(&x);
    if (s.compiled == 0) return 2;
    return is_first || (!is_in_process("libnexpr-jit") && why && gain_ms < bill_ms) ? 0 : 3;
}

static int exit_code_with_disk(const char *folder, const char *what) {
    int status;
    const pid_t child = fork();
    if (!child) {
        alarm(60);
        execl("/proc/self/exe", "tier_test", what, folder, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void what_is_on_disk_is_looked_for_early(void **state) {
    (void)state;
    char folder[] = "/tmp/nexpr-tier-XXXXXX", command[64];
    if (!has_jit()) skip();
    assert_non_null(mkdtemp(folder));
    assert_int_equal(exit_code_with_disk(folder, "--first"), 0);
    assert_int_equal(exit_code_with_disk(folder, "--second"), 0);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

/* A long run begins on the VM and ends as machine code. */
static void a_run_goes_over_in_its_middle(void **state) {
    (void)state;
    enum { N = 1 << 24 };
    if (!has_jit()) skip();
    arrays x = arrays_of(N);
    nexpr_context *vm = context_for(NEXPR_BACKEND_VM, 0, NULL);
    nexpr *e = compile("sqrt(" LONG ")/(1+sqrt(a*a+b*b))", F64, F64, F64);
    double *expected = fill(N, 0);
    long mixed = 0;
    evaluate_into(e, vm, &x, expected);
    for (int threads = 1; threads <= 8; threads *= 2) {
        seen s = {0};
        nexpr *fresh = compile("sqrt(" LONG ")/(1+sqrt(a*a+b*b))", F64, F64, F64); /* nothing is known of it */
        nexpr_context *context = context_for(NEXPR_BACKEND_AUTO, threads, &s);
        evaluate_into(fresh, context, &x, x.r);
        nexpr_context_free(&context);
        nexpr_free(&fresh);
        assert_memory_equal(x.r, expected, N * sizeof(double));
        mixed += s.vm > 0 && s.compiled > 0;
    }
    assert_true(mixed > 0);
    free(expected);
    nexpr_free(&e);
    nexpr_context_free(&vm);
    arrays_free(&x);
}

/* ------------------------------------------------------------------------------------------------------- lifetimes -- */

typedef struct caller {
    nexpr_context *context;
    const nexpr *e;
    const arrays *x;
    double *r;
} caller;

static void *call(void *user) {
    const caller *c = user;
    for (int i = 0; i < 20; i++) evaluate_into(c->e, c->context, c->x, c->r);
    return NULL;
}

/* Many threads ask for the same kernels at once. */
static void threads_share_kernels(void **state) {
    (void)state;
    enum { CALLERS = 6 };
    arrays x = arrays_of(3000);
    double *expected = fill(3000, 0);
    nexpr_context *context = context_for(NEXPR_BACKEND_JIT, 1, NULL), *vm = context_for(NEXPR_BACKEND_VM, 1, NULL);
    nexpr *e = compile("(a*b-c)/(a+b)", F64, F64, F64);
    pthread_t threads[CALLERS];
    caller callers[CALLERS];
    evaluate_into(e, vm, &x, expected);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (caller){context, e, &x, fill(3000, 0)};
        assert_int_equal(pthread_create(&threads[i], NULL, call, &callers[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
        assert_memory_equal(callers[i].r, expected, 3000 * sizeof(double));
        free(callers[i].r);
    }
    nexpr_free(&e);
    nexpr_context_free(&context);
    nexpr_context_free(&vm);
    free(expected);
    arrays_free(&x);
}

/* A child of a process that compiles computes as before, on whichever tier. */
static void a_forked_child_goes_on(void **state) {
    (void)state;
    arrays x = arrays_of(3000);
    double *expected = fill(3000, 0);
    nexpr_context *context = context_for(NEXPR_BACKEND_JIT, 1, NULL);
    nexpr *e = compile("(a*b-c)/(a+b)*c", F64, F64, F64), *other = compile("(a/b-c)/(a*b)-c", F64, F64, F64);
    evaluate_into(e, context, &x, expected);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        alarm(30);
        evaluate_into(e, context, &x, x.r);
        bool ok = !memcmp(x.r, expected, 3000 * sizeof(double));
        evaluate_into(other, context, &x, x.r); /* compiled by nobody yet */
        for (int i = 0; i < 3000; i++) ok &= x.r[i] == (x.a[i] / x.b[i] - x.c[i]) / (x.a[i] * x.b[i]) - x.c[i];
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    nexpr_free(&e);
    nexpr_free(&other);
    nexpr_context_free(&context);
    free(expected);
    arrays_free(&x);
}

/* Compiles one expression after another, no two alike. */
typedef struct compiling {
    nexpr_context *context;
    const arrays *x;
    atomic_bool is_over;
} compiling;

static void *keep_compiling(void *user) {
    compiling *c = user;
    for (unsigned i = 0; !atomic_load(&c->is_over); i++) {
        char text[200] = "a";
        for (unsigned k = 0; k < 14; k++) {
            const char *const steps[] = {"+b", "*c", "-c", "*b"};
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s", steps[(k & 1) * 2 + (i >> k & 1)]);
        }
        double r[100];
        nexpr *e = compile(text, F64, F64, F64);
        evaluate_into(e, c->context, c->x, r);
        nexpr_free(&e);
    }
    return NULL;
}

/* Evaluates what nobody has compiled yet, and ends as a program does: with LLVM's destructors. */
static _Noreturn void evaluate_and_exit(nexpr_context *context, const nexpr *e, const arrays *x, const double *expected) {
    alarm(CHILD_SECONDS);
    evaluate_into(e, context, x, x->r);
    exit(memcmp(x->r, expected, (size_t)x->n * sizeof *expected) ? 1 : 0);
}

/* Children that are forked at any moment of compilations. */
static void children_of_a_compiling_process_end(void **state) {
    (void)state;
    if (IS_WITH_ASAN) skip();
    enum { CHILDREN = 100 };
    arrays x = arrays_of(100);
    double *expected = fill(100, 0);
    compiling c = {context_for(NEXPR_BACKEND_JIT, 1, NULL), &x, false};
    nexpr_context *vm = context_for(NEXPR_BACKEND_VM, 1, NULL);
    nexpr *e = compile("(a/b-c)/(a*b)-c*c", F64, F64, F64);
    pthread_t thread;
    evaluate_into(e, vm, &x, expected);
    assert_int_equal(pthread_create(&thread, NULL, keep_compiling, &c), 0);
    for (int i = 0; i < CHILDREN; i++) {
        int status;
        usleep((useconds_t)(i * 137 % 5000));
        const pid_t child = fork();
        assert_true(child >= 0);
        if (!child) evaluate_and_exit(i & 1 ? vm : c.context, e, &x, expected);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    atomic_store(&c.is_over, true);
    pthread_join(thread, NULL);
    nexpr_free(&e);
    nexpr_context_free(&vm);
    nexpr_context_free(&c.context);
    free(expected);
    arrays_free(&x);
}

/* A process that ends while its background thread compiles. */
static void exit_during_a_compilation(void **state) {
    (void)state;
    enum { N = 1 << 22 };
    for (int i = 0; i < 4; i++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (!child) {
            alarm(30);
            arrays x = arrays_of(N);
            nexpr *e = compile(i & 1 ? "sqrt(" LONG ")/(1+sqrt(a*a+b*b))" : LONG, F64, F64, F64);
            evaluate_into(e, NULL, &x, x.r);
            nexpr_free(&e);
            arrays_free(&x);
            if (i & 2) nexpr_context_free_default();
            exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

int main(int argc, char **argv) {
    if (argc == 3) return run_with_disk(argv[2], !strcmp(argv[1], "--first"));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backends_are_checked),
        cmocka_unit_test(the_backend_that_is_asked_for_runs),
        cmocka_unit_test(repeated_runs_are_compiled),
        cmocka_unit_test(what_memory_limits_is_compiled_at_last),
        cmocka_unit_test(what_is_evaluated_in_stages_is_compiled),
        cmocka_unit_test(what_is_on_disk_is_looked_for_early),
        cmocka_unit_test(a_run_goes_over_in_its_middle),
        cmocka_unit_test(threads_share_kernels),
        cmocka_unit_test(a_forked_child_goes_on),
        cmocka_unit_test(children_of_a_compiling_process_end),
        cmocka_unit_test(exit_during_a_compilation),
    };
    setenv("XDG_CACHE_HOME", "/dev/null", 1); /* nothing is kept, and nothing found */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
