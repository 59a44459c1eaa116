/* SPDX-License-Identifier: MIT */
/*
 * What a call costs beside the arithmetic: one element, text to plan, threads that wake or are not worth waking, pages of
 * a fresh output. Every figure is a median; calls that are compared alternate. Where there is a limit, the figure is
 * printed beside it and marked if it is above. A wrong answer ends the program with 1; a figure above its limit does not.
 *
 *   latency_bench [--json FILE]
 */
#include <link.h>
#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/timing.h"
#include "nexpr.h"

enum { TURNS = 9, MOST = 1 << 24, CALLS = 51, MAX_FIGURES = 128 };
#define LEAST_NS 2e6
#define WAVE "(2.0*a-4.5*b)+1.1*(sin(a)+cos(b))"

typedef struct row {
    const char *name, *text;
    double (*meaning)(double a, double b);
} row;

static double linear(double a, double b) {
    return 2.0 * a - 4.5 * b;
}

static double wave(double a, double b) {
    return (2.0 * a - 4.5 * b) + 1.1 * (sin(a) + cos(b));
}

static double polynomial(double a, double b) {
    (void)b;
    return (.25 * a + .75) * a - 1.5 * a - 2;
}

static const row rows[] = {
    {"linear", "2.0*a-4.5*b", linear},
    {"wave", WAVE, wave},
    {"polynomial", "(.25*a+.75)*a-1.5*a-2", polynomial},
};
enum { LINEAR, WAVE_ROW, POLYNOMIAL, ROWS };

static double *a, *b, *out;

static void die(const char *what, const nexpr_error *err) {
    fprintf(stderr, "latency_bench: %s: %s\n", what, err->message);
    exit(1);
}

/* -------------------------------------------------------------------------------------------------- figures -- */

typedef struct figure {
    char name[64];
    const char *unit;
    double value, limit; /* limit 0: none */
} figure;

static figure figures[MAX_FIGURES];
static int figure_count;

static void add(const char *name, double value, const char *unit, double limit) {
    if (figure_count == MAX_FIGURES) abort();
    figure *f = &figures[figure_count++];
    *f = (figure){.unit = unit, .value = value, .limit = limit};
    snprintf(f->name, sizeof f->name, "%s", name);
    if (limit) printf("%-56s %10.3f %-3s limit %8.2f%s\n", name, value, unit, limit, value > limit ? "  ABOVE" : "");
    else printf("%-56s %10.3f %s\n", name, value, unit);
    fflush(stdout);
}

__attribute__((format(printf, 1, 2))) static const char *name_of(const char *format, ...) {
    static char name[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    return name;
}

static void write_json(const char *path) {
    FILE *file = fopen(path, "w");
    if (!file) {
        perror(path);
        exit(1);
    }
    fprintf(file, "[\n");
    for (int i = 0; i < figure_count; i++) {
        const figure *f = &figures[i];
        fprintf(file, " {\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\"", f->name, f->value, f->unit);
        if (f->limit) fprintf(file, ", \"limit\": %g", f->limit);
        fprintf(file, "}%s\n", i + 1 < figure_count ? "," : "");
    }
    fprintf(file, "]\n");
    fclose(file);
}

/* ---------------------------------------------------------------------------------------------------- plans -- */

static nexpr_array array_of(void *data, const int64_t *n) {
    nexpr_array array = nexpr_array_init();
    array.data = data;
    array.dtype = NEXPR_FLOAT64;
    array.ndim = 1;
    array.shape = n;
    return array;
}

static nexpr_program *parse(const char *text) {
    nexpr_error err = nexpr_error_init();
    nexpr_program *program;
    if (nexpr_parse(NULL, text, SIZE_MAX, NULL, &program, &err)) die(text, &err);
    return program;
}

static nexpr *compile(const nexpr_program *program) {
    nexpr_error err = nexpr_error_init();
    nexpr_input x = nexpr_input_init("a", NEXPR_FLOAT64, 1), y = nexpr_input_init("b", NEXPR_FLOAT64, 1);
    nexpr *expr;
    if (nexpr_compile(NULL, program, (const nexpr_input *[]){&x, &y}, 2, NULL, NULL, &expr, &err)) die("compile", &err);
    return expr;
}

/* threads as in nexpr_run_options. */
static nexpr_plan *plan_of(const nexpr *expr, int64_t n, int threads, nexpr_backend backend) {
    nexpr_error err = nexpr_error_init();
    nexpr_run_options run = nexpr_run_options_init();
    nexpr_array array = array_of(NULL, &n);
    nexpr_plan *plan;
    run.threads = threads;
    run.backend = backend;
    if (nexpr_plan_new(expr, NULL, (const nexpr_array *[]){&array, &array}, (const nexpr_array *[]){&array}, &run, &plan,
                       &err)) {
        die("plan", &err);
    }
    return plan;
}

static nexpr *expr_of(const char *text) {
    nexpr_program *program = parse(text);
    nexpr *expr = compile(program);
    nexpr_program_free(&program);
    return expr;
}

static void run_plan(void *plan) {
    nexpr_error err = nexpr_error_init();
    if (nexpr_plan_run(plan, (const void *[]){a, b}, (void *[]){out}, &err)) die("run", &err);
}

static void check(const row *r, const double *result, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        double want = r->meaning(a[i], b[i]);
        if (fabs(result[i] - want) <= 1e-13 * (1 + fabs(want))) continue;
        fprintf(stderr, "latency_bench: %s: element %lld is %.17g, not %.17g\n", r->text, (long long)i, result[i], want);
        exit(1);
    }
}

/* A plan for the row, run once, its answer checked. */
static bench_call prepare_with(const row *r, int64_t n, int threads, nexpr_backend backend) {
    nexpr *expr = expr_of(r->text);
    nexpr_plan *plan = plan_of(expr, n, threads, backend);
    nexpr_free(&expr);
    memset(out, 0xFF, (size_t)n * sizeof *out);
    run_plan(plan);
    check(r, out, n);
    return (bench_call){run_plan, plan};
}

static bench_call prepare(const row *r, int64_t n, int threads) {
    return prepare_with(r, n, threads, NEXPR_BACKEND_AUTO);
}

static void drop(bench_call call) {
    nexpr_plan *plan = call.user;
    nexpr_plan_free(&plan);
}

/* ------------------------------------------------------------------------------------------- single elements -- */

static void run_text(void *user) {
    static const int64_t one = 1;
    nexpr_error err = nexpr_error_init();
    nexpr_array x = array_of(a, &one), y = array_of(b, &one), result = array_of(out, &one);
    if (nexpr_evaluate_text(NULL, user, (const char *[]){"a", "b"}, (const nexpr_array *[]){&x, &y}, 2,
                            (nexpr_array *[]){&result}, 1, NULL, NULL, &err)) {
        die(user, &err);
    }
}

/* With an output that is given, or a new one. */
typedef struct evaluation {
    nexpr *expr;
    bool is_new;
} evaluation;

static void run_evaluate(void *user) {
    static const int64_t one = 1;
    const evaluation *e = user;
    nexpr_error err = nexpr_error_init();
    nexpr_array x = array_of(a, &one), y = array_of(b, &one), result = e->is_new ? nexpr_array_init() : array_of(out, &one);
    if (nexpr_evaluate(e->expr, NULL, (const nexpr_array *[]){&x, &y}, (nexpr_array *[]){&result}, NULL, &err)) {
        die("evaluate", &err);
    }
    if (e->is_new) nexpr_array_free(&result);
}

static double median_ns(bench_call call) {
    double ns, ratio;
    bench_compare(&call, 1, TURNS, LEAST_NS, &ns, &ratio);
    return ns;
}

static void measure_one_element(void) {
    static const char *const backends[] = {
        [NEXPR_BACKEND_AUTO] = "auto", [NEXPR_BACKEND_VM] = "vm", [NEXPR_BACKEND_JIT] = "jit"};
    for (int i = 0; i < ROWS; i++) {
        for (int backend = NEXPR_BACKEND_AUTO; backend <= NEXPR_BACKEND_JIT; backend++) {
            bench_call call = prepare_with(&rows[i], 1, 0, (nexpr_backend)backend);
            add(name_of("plan of one element, %s, %s", rows[i].name, backends[backend]), median_ns(call), "ns",
                i == LINEAR ? 50 : 250);
            drop(call);
        }
    }
    evaluation e = {expr_of(rows[LINEAR].text), false};
    add("nexpr_evaluate of one element, linear", median_ns((bench_call){run_evaluate, &e}), "ns", 0);
    e.is_new = true;
    add("nexpr_evaluate of one element, linear, new output", median_ns((bench_call){run_evaluate, &e}), "ns", 0);
    nexpr_free(&e.expr);
    add("nexpr_evaluate_text of one element, cached, linear", median_ns((bench_call){run_text, "2.0*a-4.5*b"}), "ns", 0);
}

/* ------------------------------------------------------------------------------------------------ text to plan -- */

static void measure_preparation(int64_t n) {
    enum { STAGES = 4, TIMES = 2001 };
    static const char *const names[STAGES] = {"nexpr_parse", "nexpr_compile", "nexpr_plan_new", "text to ready plan"};
    static double ns[STAGES][TIMES];
    for (int i = 0; i < TIMES; i++) {
        double at[STAGES];
        at[0] = bench_now_ns();
        nexpr_program *program = parse(WAVE);
        at[1] = bench_now_ns();
        nexpr *expr = compile(program);
        at[2] = bench_now_ns();
        nexpr_plan *plan = plan_of(expr, n, 0, NEXPR_BACKEND_AUTO);
        at[3] = bench_now_ns();
        nexpr_plan_free(&plan);
        nexpr_free(&expr);
        nexpr_program_free(&program);
        for (int k = 0; k < 3; k++) ns[k][i] = at[k + 1] - at[k];
        ns[3][i] = at[3] - at[0];
    }
    for (int k = 0; k < STAGES; k++) {
        add(name_of("%s, wave, n = %lld", names[k], (long long)n), bench_median(ns[k], TIMES) / 1e3, "µs", k == 3 ? 10 : 0);
    }
}

/* ---------------------------------------------------------------------------------------------------- pauses -- */

/* What the caller does between two calls. */
typedef struct gap {
    const char *name;
    double ns;
    bool busy; /* works, else sleeps */
} gap;

static void wait_for(const gap *g) {
    if (!g->busy) {
        struct timespec t = {(time_t)(g->ns / 1e9), (long)fmod(g->ns, 1e9)};
        nanosleep(&t, NULL);
        return;
    }
    double end = bench_now_ns() + g->ns;
    while (bench_now_ns() < end) continue;
}

static double one_call_ns(bench_call call) {
    double start = bench_now_ns();
    call.run(call.user);
    return bench_now_ns() - start;
}

/* Both calls in turn, each after the gap. Medians of each and of the ratio of the first to the second. */
static void compare_after(const gap *g, const bench_call calls[2], double ret_ns[2], double *ret_ratio) {
    static double ns[2][CALLS], ratio[CALLS];
    for (int i = 0; i < CALLS; i++) {
        for (int k = 0; k < 2; k++) {
            wait_for(g);
            ns[k][i] = one_call_ns(calls[k]);
        }
        ratio[i] = ns[0][i] / ns[1][i];
    }
    for (int k = 0; k < 2; k++) ret_ns[k] = bench_median(ns[k], CALLS);
    *ret_ratio = bench_median(ratio, CALLS);
}

/* A ratio of 1.05 is two equal calls and the noise of a busy machine. */
static void compare_threads(const row *r, int64_t n, const gap *g) {
    bench_call calls[2] = {prepare(r, n, 0), prepare(r, n, 1)};
    double ns[2], ratio[2];
    if (g->ns) compare_after(g, calls, ns, &ratio[1]);
    else bench_compare(calls, 2, TURNS, LEAST_NS, ns, ratio);
    add(name_of("all threads to one, %s, n = %lld, %s", r->name, (long long)n, g->name), ratio[1], "", 1.05);
    add(name_of("  one thread, %s, n = %lld, %s", r->name, (long long)n, g->name), ns[1] / 1e3, "µs", 0);
    for (int k = 0; k < 2; k++) drop(calls[k]);
}

static void measure_threads(void) {
    static const gap gaps[] = {
        {"no gap", 0, false}, {"100 µs asleep", 1e5, false}, {"1 ms asleep", 1e6, false}, {"1 ms busy", 1e6, true}};
    for (int i = 0; i < ROWS; i++) {
        for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++) compare_threads(&rows[i], 10000, &gaps[g]);
    }
    for (int i = 0; i < ROWS; i++) compare_threads(&rows[i], 65536, &gaps[0]);
}

/*
 * What a pause of 20 ms adds to a call on all threads. The processor's caches have cooled as well, which is not the
 * library's doing: so also what it adds on one thread, and on all threads when a call on one has read the data anew.
 */
static void measure_after_pause(const row *r, int64_t n) {
    enum { ALL, ONE, READ_ANEW, KINDS };
    static const char *const names[KINDS] = {"20 ms pause adds", "  on one thread", "  on all, data read anew"};
    static const gap pause = {"", 2e7, false};
    static double added[KINDS][CALLS];
    bench_call all = prepare(r, n, 0), one = prepare(r, n, 1);
    for (int i = 0; i < CALLS; i++) {
        for (int k = 0; k < KINDS; k++) {
            bench_call call = k == ONE ? one : all;
            wait_for(&pause);
            if (k == READ_ANEW) one.run(one.user);
            double cold = one_call_ns(call);
            call.run(call.user);
            added[k][i] = cold - one_call_ns(call);
        }
    }
    for (int k = 0; k < KINDS; k++) {
        add(name_of("%s, %s, n = %lld", names[k], r->name, (long long)n), bench_median(added[k], CALLS) / 1e6, "ms",
            k == ONE ? 0 : 0.2);
    }
    drop(all);
    drop(one);
}

/* What dividing a loop costs: the time on all threads less the share of one, for a loop that is worth it. */
static void measure_region(int threads) {
    int64_t n = 40000;
    bench_call calls[2] = {prepare(&rows[WAVE_ROW], n, 0), prepare(&rows[WAVE_ROW], n, 1)};
    double ns[2], ratio[2];
    bench_compare(calls, 2, TURNS, LEAST_NS, ns, ratio);
    add(name_of("a loop on %d threads, beyond its share, n = %lld", threads, (long long)n), (ns[0] - ns[1] / threads) / 1e3,
        "µs", 0);
    for (int k = 0; k < 2; k++) drop(calls[k]);
}

/* ---------------------------------------------------------------------------------------------- fresh outputs -- */

typedef struct fresh_call {
    nexpr *expr;
    nexpr_context *context;
    int64_t n;
    const row *check; /* compares the next result */
} fresh_call;

static void run_fresh(void *user) {
    fresh_call *f = user;
    nexpr_error err = nexpr_error_init();
    nexpr_array x = array_of(a, &f->n), y = array_of(b, &f->n), result = nexpr_array_init();
    if (nexpr_evaluate(f->expr, f->context, (const nexpr_array *[]){&x, &y}, (nexpr_array *[]){&result}, NULL, &err)) {
        die("evaluate", &err);
    }
    if (f->check) check(f->check, result.data, f->n);
    f->check = NULL;
    nexpr_array_free(&result);
}

static fresh_call fresh_of(const row *r, int64_t n, int threads, size_t cached_bytes) {
    nexpr_error err = nexpr_error_init();
    nexpr_context_options options = nexpr_context_options_init();
    fresh_call f = {expr_of(r->text), NULL, n, r};
    options.threads = threads;
    options.cached_bytes = cached_bytes;
    if (nexpr_context_new(&options, &f.context, &err)) die("context", &err);
    return f;
}

static void measure_fresh(int64_t n, int threads) {
    const row *r = &rows[LINEAR];
    fresh_call without = fresh_of(r, n, threads, SIZE_MAX), with = fresh_of(r, n, threads, (size_t)1 << 30);
    bench_call calls[] = {{run_fresh, &without}, {run_fresh, &with}, prepare(r, n, threads)};
    double ns[3], ratio_without[3], ratio_with[3];
    const char *on = threads == 1 ? "one thread" : "all threads";
    for (int i = 0; i < 2; i++) calls[i].run(calls[i].user);
    bench_compare(calls, 3, TURNS, LEAST_NS, ns, ratio_without);
    bench_compare(calls + 1, 2, TURNS, LEAST_NS, ns, ratio_with);
    add(name_of("fresh output to reused, n = %lld, %s", (long long)n, on), ratio_without[2], "", 1.5);
    add(name_of("  from the cache of buffers, n = %lld, %s", (long long)n, on), ratio_with[1], "", 1.1);
    drop(calls[2]);
    for (int i = 0; i < 2; i++) {
        fresh_call *f = calls[i].user;
        nexpr_free(&f->expr);
        nexpr_context_free(&f->context);
    }
}

/* --------------------------------------------------------------------------------------------------- processes -- */

/* A process that evaluates one element and ends, from fork to the end of the wait. */
static double time_process(const char *backend) {
    int status;
    const double start = bench_now_ns();
    const pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "latency_bench", "--once", backend, (char *)NULL);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status)) {
        fprintf(stderr, "latency_bench: the process for %s failed\n", backend);
        exit(1);
    }
    return bench_now_ns() - start;
}

static int is_llvm(struct dl_phdr_info *info, size_t size, void *user) {
    (void)size, (void)user;
    return strstr(info->dlpi_name, "LLVM") || strstr(info->dlpi_name, "nexpr-jit");
}

/* The child's part. Without machine code, no LLVM may be in it. */
static int run_once(const char *backend) {
    nexpr_error err = nexpr_error_init();
    nexpr_run_options run = nexpr_run_options_init();
    double x = 3, y = 2, r = 0;
    const bool is_jit = !strcmp(backend, "jit");
    const int64_t one = 1;
    nexpr_array first = array_of(&x, &one), second = array_of(&y, &one), result = array_of(&r, &one);
    if (!strcmp(backend, "none")) return 0;
    run.backend = is_jit ? NEXPR_BACKEND_JIT : NEXPR_BACKEND_AUTO;
    if (nexpr_evaluate_text(NULL, "2.0*a-4.5*b", (const char *[]){"a", "b"}, (const nexpr_array *[]){&first, &second}, 2,
                            (nexpr_array *[]){&result}, 1, NULL, &run, &err)) {
        die("--once", &err);
    }
    const bool has_llvm = dl_iterate_phdr(is_llvm, NULL);
    nexpr_context_free_default();
    return r != linear(3, 2) || (has_llvm && !is_jit);
}

static void measure_processes(void) {
    static const struct {
        const char *what, *backend;
        double limit;
    } kinds[] = {{"a process that evaluates nothing", "none", 0}, {"a process that compiles nothing", "auto", 3},
                 {"a process that compiles", "jit", 0}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        double ns[CALLS];
        for (int i = 0; i < CALLS; i++) ns[i] = time_process(kinds[k].backend);
        add(kinds[k].what, bench_median(ns, CALLS) * 1e-6, "ms", kinds[k].limit);
    }
}

/* ------------------------------------------------------------------------------------------------------ main -- */

/* Huge pages, as the library's own buffers have them. */
static double *map(void) {
    enum { HUGE_PAGE = 2 << 20 };
    size_t bytes = MOST * sizeof(double);
    double *data = aligned_alloc(HUGE_PAGE, bytes);
    if (!data) exit(1);
    madvise(data, bytes, MADV_HUGEPAGE);
    return data;
}

static int count_threads(void) {
    const char *wanted = getenv("NEXPR_NUM_THREADS");
    cpu_set_t set;
    if (wanted && atoi(wanted) > 0) return atoi(wanted);
    return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "--once")) return run_once(argv[2]);
    bool json = argc == 3 && !strcmp(argv[1], "--json");
    if (argc != 1 && !json) {
        fprintf(stderr, "usage: latency_bench [--json FILE]\n");
        return 2;
    }
    a = map();
    b = map();
    out = map();
    for (int i = 0; i < MOST; i++) {
        a[i] = 0.25 + 0.5 * (i % 1024) / 1024;
        b[i] = a[i] + 0.25;
    }
    measure_processes();
    measure_one_element();
    measure_preparation(1);
    measure_preparation(MOST);
    measure_region(count_threads());
    measure_threads();
    for (int i = LINEAR; i <= WAVE_ROW; i++) {
        for (int64_t n = 10000; n <= 1 << 20; n = n == 10000 ? 65536 : n * 16) measure_after_pause(&rows[i], n);
    }
    for (int64_t n = 1 << 22; n <= MOST; n *= 4) {
        measure_fresh(n, 1);
        measure_fresh(n, 0);
    }
    if (json) write_json(argv[2]);
    nexpr_context_free_default();
    return 0;
}
