/* SPDX-License-Identifier: MIT */
/*
 * What the choice of tiers costs: every row of expr_rows.def and reduce_rows.def with the backend `auto` beside `vm` and
 * `jit`, of which the better one is what it could have been. Warm: plans that have run for long, in turn, in a process that
 * has loaded LLVM. Fresh: processes with an empty cache that do so many runs that the VM takes 1, 10 or 100 ms for them,
 * from the text to the last result.
 *
 *   auto_bench [--rows PATTERN] [--sizes N,N,...] [--work MS,MS,...] [--threads N,N,...] [--huge] [--all]
 *
 * What is above its limit is measured again, up to three times, and the least counts: on a machine that others use, too,
 * many of a thousand figures would be above. Prints what stays above, or everything, and the worst cases.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/expr_arrays.h"
#include "bench/timing.h"

enum { MAX_NUMBERS = 32, TURNS = 7, CHILDREN = 3, RETRIES = 3, WORST = 8 };
static const double WARM_NS = 6e7, LEAST_NS = 5e5, WARM_LIMIT = 1.10, FRESH_LIMIT = 1.30;

static const struct {
    const char *name;
    nexpr_backend backend;
} backends[] = {{"auto", NEXPR_BACKEND_AUTO}, {"vm", NEXPR_BACKEND_VM}, {"jit", NEXPR_BACKEND_JIT}};
enum { BACKENDS = sizeof backends / sizeof *backends };

#define ROW(name, text, note, layout, columns, kind, result, a, b, c, formula)                                  \
    {#name, text, note, LAYOUT_##layout, columns, false, dtype_##result, {dtype_##a, dtype_##b, dtype_##c},     \
     NULL, NULL, 1, 0},
#define PAIR_ROW(name, text, note, p_is, q_is, first, second) \
    {#name, text, note, LAYOUT_PAIR, 0, true, dtype_f64, {dtype_f64, dtype_f64, dtype_f64}, NULL, NULL, 2, 0},
#define REDUCE_ROW(name, text, note, layout, results, result, a, b, bound) \
    {#name, text, note, LAYOUT_##layout, 0, false, dtype_##result, {dtype_##a, dtype_##b, dtype_none}, NULL, NULL,   \
     results, 0},
static const bench_row rows[] = {
#include "bench/expr_rows.def"
#include "bench/reduce_rows.def"
};
enum { ROW_COUNT = sizeof rows / sizeof *rows };

typedef struct numbers {
    size_t value[MAX_NUMBERS];
    int count;
} numbers;

typedef struct settings {
    const char *rows;
    numbers sizes, work_ms, threads;
    bool all, huge;
} settings;

/* Arrays of 2^26 elements are for these only. */
enum { HUGE = 1 << 26 };
static const char *const huge_rows[] = {"linear", "wave", "polynomial", "bytes", "masks", "sum", "moments", "running",
                                        "rows"};

static _Noreturn void die(const char *what, const char *message) {
    fprintf(stderr, "auto_bench: %s: %s\n", what, message);
    exit(1);
}

/* ---------------------------------------------------------------------------------------------------------- runs -- */

/* A row with one backend. */
typedef struct runner {
    const bench_arrays *arrays;
    nexpr_context *context;
    nexpr *expr;
    nexpr_run_options run;
    nexpr_plan *plan; /* NULL if each run has an output of its own */
} runner;

static void compile(runner *r) {
    nexpr_error err = nexpr_error_init();
    nexpr_input input[BENCH_MAX_INPUTS];
    const nexpr_input *inputs[BENCH_MAX_INPUTS];
    nexpr_program *program;
    const bench_row *row = r->arrays->row;
    for (int k = 0; k < r->arrays->input_count; k++) {
        input[k] = nexpr_input_init((const char *[]){"a", "b", "c"}[k], (nexpr_dtype)row->inputs[k], -1);
        inputs[k] = &input[k];
    }
    if (nexpr_parse(NULL, row->text, SIZE_MAX, NULL, &program, &err) ||
        nexpr_compile(NULL, program, inputs, r->arrays->input_count, NULL, NULL, &r->expr, &err)) {
        die(row->text, err.message);
    }
    nexpr_program_free(&program);
}

static bool has_fresh_output(const bench_row *row) {
    return row->layout == LAYOUT_FEW || row->layout == LAYOUT_MOST || row->layout == LAYOUT_FRESH_CACHED;
}

static void start(runner *r, const bench_arrays *arrays, nexpr_backend backend, int threads) {
    nexpr_error err = nexpr_error_init();
    nexpr_context_options options = nexpr_context_options_init();
    const nexpr_array *inputs[BENCH_MAX_INPUTS], *output = &arrays->output.array;
    const nexpr_array *outputs[BENCH_MAX_RESULTS] = {output, output};
    *r = (runner){.arrays = arrays, .run = nexpr_run_options_init()};
    r->run.threads = threads;
    r->run.backend = backend;
    for (int k = 0; k < arrays->input_count; k++) inputs[k] = &arrays->input[k].array;
    if (nexpr_context_new(&options, &r->context, &err)) die("context", err.message);
    compile(r);
    if (has_fresh_output(arrays->row)) return;
    if (nexpr_plan_new(r->expr, r->context, inputs, outputs, &r->run, &r->plan, &err)) die(arrays->row->text, err.message);
}

static void stop(runner *r) {
    nexpr_plan_free(&r->plan);
    nexpr_free(&r->expr);
    nexpr_context_free(&r->context);
}

static void run_plan(const runner *r) {
    nexpr_error err = nexpr_error_init();
    const nexpr_array *output = &r->arrays->output.array;
    const size_t each = r->arrays->results / (size_t)r->arrays->row->results;
    char *first = output->data, *second = first + each * nexpr_dtype_size(output->dtype);
    void *const outputs[BENCH_MAX_RESULTS] = {first, second};
    if (nexpr_plan_run(r->plan, r->arrays->data, outputs, &err)) die(r->arrays->row->text, err.message);
}

static void run_evaluate(const runner *r) {
    nexpr_error err = nexpr_error_init();
    nexpr_array result = nexpr_array_init();
    const nexpr_array *inputs[BENCH_MAX_INPUTS];
    for (int k = 0; k < r->arrays->input_count; k++) inputs[k] = &r->arrays->input[k].array;
    if (nexpr_evaluate(r->expr, r->context, inputs, (nexpr_array *[]){&result}, &r->run, &err)) {
        die(r->arrays->row->text, err.message);
    }
    nexpr_array_free(&result);
}

static void run_once(void *user) {
    const runner *r = user;
    if (r->plan) run_plan(r);
    else run_evaluate(r);
}

/* -------------------------------------------------------------------------------------------------------- report -- */

/* What was measured of a row: nanoseconds by backend, and `auto` to the better of the others. */
typedef struct figure {
    const bench_row *row;
    size_t n;
    int threads;
    char what[32];
    double ns[BACKENDS], ratio;
} figure;

/* All figures of a kind. */
typedef struct summary {
    const char *name;
    double limit;
    int count, above;
    figure worst[WORST]; /* the first few of them, descending */
} summary;

static summary warm = {.name = "warm", .limit = WARM_LIMIT}, fresh = {.name = "fresh", .limit = FRESH_LIMIT};

static void print_figure(const figure *f, double limit) {
    printf("%-16s %9zu x%d  %-12s auto %12.0f ns  vm %12.0f ns  jit %12.0f ns  ratio %.2f%s\n", f->row->name, f->n,
           f->threads, f->what, f->ns[0], f->ns[1], f->ns[2], f->ratio, f->ratio > limit ? "  ABOVE" : "");
    fflush(stdout);
}

static void tell(summary *s, const figure *f, bool all) {
    const int kept = s->count < WORST ? s->count : WORST;
    int place = kept;
    while (place > 0 && s->worst[place - 1].ratio < f->ratio) place--;
    for (int i = kept < WORST ? kept : WORST - 1; i > place; i--) s->worst[i] = s->worst[i - 1];
    if (place < WORST) s->worst[place] = *f;
    s->count++;
    s->above += f->ratio > s->limit;
    if (f->ratio > s->limit || all) print_figure(f, s->limit);
}

static void print_summary(const summary *s) {
    if (!s->count) return;
    printf("\n%s: %d figures, %d above %.2f; the worst:\n", s->name, s->count, s->above, s->limit);
    for (int i = 0; i < s->count && i < WORST; i++) print_figure(&s->worst[i], s->limit);
}

/* The least of some attempts, of which the first that is within the limit is the last. */
static void settle(figure *f, double limit, void (*attempt)(void *user, figure *f), void *user) {
    figure again = *f;
    attempt(user, f);
    for (int i = 0; i < RETRIES && f->ratio > limit; i++) {
        attempt(user, &again);
        if (again.ratio < f->ratio) *f = again;
    }
}

/* ---------------------------------------------------------------------------------------------------------- warm -- */

static void attempt_warm(void *user, figure *f) {
    double ratio[BACKENDS];
    bench_compare(user, BACKENDS, TURNS, LEAST_NS, f->ns, ratio);
    f->ratio = ratio[1] > ratio[2] ? ratio[1] : ratio[2];
}

/* Returns what a run takes on the VM. */
static double measure_warm(const bench_arrays *arrays, int threads, const settings *o) {
    runner runners[BACKENDS];
    bench_call calls[BACKENDS];
    figure f = {.row = arrays->row, .n = arrays->n, .threads = threads, .what = "warm"};
    for (int i = BACKENDS - 1; i >= 0; i--) {
        start(&runners[i], arrays, backends[i].backend, threads);
        calls[i] = (bench_call){run_once, &runners[i], NULL};
        run_once(&runners[i]);
    }
    bench_time_calls(calls[0], WARM_NS);
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    settle(&f, WARM_LIMIT, attempt_warm, calls);
    tell(&warm, &f, o->all);
    for (int i = 0; i < BACKENDS; i++) stop(&runners[i]);
    return f.ns[1];
}

/* ----------------------------------------------------------------------------------------------- fresh processes -- */

/* A child: `count` runs from the text on, whose nanoseconds it prints. */
static int run_fresh(char **argv) {
    char folder[] = "/tmp/auto_bench.XXXXXX", line[100];
    bench_arrays arrays;
    runner r;
    const int backend = atoi(argv[1]), count = atoi(argv[3]);
    if (!mkdtemp(folder) || setenv("XDG_CACHE_HOME", folder, 1)) die(folder, strerror(errno));
    if (!bench_arrays_make(&arrays, &rows[atoi(argv[0])], strtoull(argv[2], NULL, 10), false)) return 1;
    const double begin = bench_now_ns();
    start(&r, &arrays, backends[backend].backend, atoi(argv[4]));
    for (int i = 0; i < count; i++) run_once(&r);
    printf("%.0f\n", bench_now_ns() - begin);
    stop(&r);
    snprintf(line, sizeof line, "rm -rf '%s'", folder);
    return system(line) != 0;
}

static double time_child(const bench_row *row, int backend, size_t n, long count, int threads) {
    char line[200];
    double ns;
    snprintf(line, sizeof line, "/proc/%d/exe --once %d %d %zu %ld %d", (int)getpid(), (int)(row - rows), backend, n, count,
             threads);
    FILE *child = popen(line, "r");
    if (!child || fscanf(child, "%lf", &ns) != 1 || pclose(child)) die(line, "the child failed");
    return ns;
}

typedef struct children {
    const bench_row *row;
    size_t n;
    long count; /* of runs */
    int threads;
} children;

static void attempt_fresh(void *user, figure *f) {
    const children *c = user;
    double each[BACKENDS][CHILDREN];
    for (int k = 0; k < CHILDREN; k++) {
        for (int i = 0; i < BACKENDS; i++) each[i][k] = time_child(c->row, i, c->n, c->count, c->threads);
    }
    for (int i = 0; i < BACKENDS; i++) f->ns[i] = bench_median(each[i], CHILDREN);
    f->ratio = f->ns[0] / (f->ns[1] < f->ns[2] ? f->ns[1] : f->ns[2]);
}

static void measure_fresh(const bench_row *row, size_t n, double run_ns, size_t work_ms, int threads, const settings *o) {
    const double work_ns = (double)work_ms * 1e6;
    children c = {row, n, work_ns > run_ns ? (long)(work_ns / run_ns) : 1, threads};
    figure f = {.row = row, .n = n, .threads = threads};
    snprintf(f.what, sizeof f.what, "fresh %zu ms", work_ms);
    settle(&f, FRESH_LIMIT, attempt_fresh, &c);
    tell(&fresh, &f, o->all);
}

static void measure(const bench_row *row, size_t n, int threads, const settings *o) {
    bench_arrays arrays;
    if (!bench_arrays_make(&arrays, row, n, false)) return;
    const double run_ns = measure_warm(&arrays, threads, o);
    bench_arrays_free(&arrays);
    for (int i = 0; i < o->work_ms.count; i++) {
        const bool is_again = i && run_ns > (double)o->work_ms.value[i] * 1e6;
        if (!is_again) measure_fresh(row, n, run_ns, o->work_ms.value[i], threads, o);
    }
}

/* ------------------------------------------------------------------------------------------------------- options -- */

static numbers parse_numbers(const char *text) {
    numbers ret = {.count = 0};
    for (const char *p = text; *p;) {
        char *end;
        errno = 0;
        const unsigned long long value = strtoull(p, &end, 10);
        if (end == p || errno || (*end && *end != ',') || value == 0 || ret.count == MAX_NUMBERS) die("bad numbers", text);
        ret.value[ret.count++] = (size_t)value;
        p = *end ? end + 1 : end;
    }
    return ret;
}

static bool is_wanted(const bench_row *row, const char *pattern) {
    const bool is_once = row->layout != LAYOUT_FRESH && row->layout != LAYOUT_FRESH_REUSED; /* these are for C */
    return is_once && (strstr(row->name, pattern) || strstr(row->text, pattern) || strstr(row->note, pattern));
}

static bool is_huge(const bench_row *row) {
    for (size_t i = 0; i < sizeof huge_rows / sizeof *huge_rows; i++) {
        if (!strcmp(row->name, huge_rows[i])) return true;
    }
    return false;
}

static settings parse_options(int argc, char **argv) {
    settings o = {"", parse_numbers("1,10,100,1000,4096,16384,65536,1048576,16777216"), parse_numbers("1,10,100"),
                  parse_numbers("1"), false, false};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!strcmp(argv[i], "--all")) o.all = true;
        else if (!strcmp(argv[i], "--huge")) o.huge = true;
        else if (!value) die(argv[i], "[--rows TEXT] [--sizes N,..] [--work MS,..] [--threads N,..] [--huge] [--all]");
        else if (!strcmp(argv[i], "--rows")) o.rows = argv[++i];
        else if (!strcmp(argv[i], "--sizes")) o.sizes = parse_numbers(argv[++i]);
        else if (!strcmp(argv[i], "--work")) o.work_ms = parse_numbers(argv[++i]);
        else if (!strcmp(argv[i], "--threads")) o.threads = parse_numbers(argv[++i]);
        else die(argv[i], "unknown option");
    }
    return o;
}

int main(int argc, char **argv) {
    if (argc == 7 && !strcmp(argv[1], "--once")) return run_fresh(argv + 2);
    const settings o = parse_options(argc, argv);
    const double begin = bench_now_ns();
    for (int i = 0; i < ROW_COUNT; i++) {
        if (!is_wanted(&rows[i], o.rows)) continue;
        for (int t = 0; t < o.threads.count; t++) {
            const int threads = (int)o.threads.value[t];
            for (int s = 0; s < o.sizes.count; s++) measure(&rows[i], o.sizes.value[s], threads, &o);
            if (o.huge && is_huge(&rows[i])) measure(&rows[i], HUGE, threads, &o);
        }
    }
    print_summary(&warm);
    print_summary(&fresh);
    printf("\n%.1f minutes\n", (bench_now_ns() - begin) / 60e9);
    return 0;
}
