/* SPDX-License-Identifier: MIT */
/*
 * What the choice of tiers costs: every elementwise row of expr_rows.def with the backend `auto` beside `vm` and `jit`, of
 * which the better one is what it could have been. Warm: plans that have run for long, in turn. Fresh: processes with an
 * empty cache that do so many runs that the VM takes 1, 10 or 100 ms for them, from the text to the last result.
 *
 *   auto_bench [--rows PATTERN] [--sizes N,N,...] [--work MS,MS,...] [--threads COUNT] [--all]
 *
 * Prints what is above its limit, or everything.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/expr_arrays.h"
#include "bench/timing.h"

enum { MAX_NUMBERS = 32, TURNS = 7, CHILDREN = 3 };
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
static const bench_row rows[] = {
#include "bench/expr_rows.def"
};
enum { ROW_COUNT = sizeof rows / sizeof *rows };

typedef struct numbers {
    size_t value[MAX_NUMBERS];
    int count;
} numbers;

typedef struct settings {
    const char *rows;
    numbers sizes, work_ms;
    int threads;
    bool all;
} settings;

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
    nexpr_plan *plan;
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

static void start(runner *r, const bench_arrays *arrays, nexpr_backend backend, int threads) {
    nexpr_error err = nexpr_error_init();
    nexpr_context_options options = nexpr_context_options_init();
    nexpr_run_options run = nexpr_run_options_init();
    const nexpr_array *inputs[BENCH_MAX_INPUTS], *output = &arrays->output.array;
    const nexpr_array *outputs[BENCH_MAX_RESULTS] = {output, output};
    *r = (runner){.arrays = arrays};
    run.threads = threads;
    run.backend = backend;
    for (int k = 0; k < arrays->input_count; k++) inputs[k] = &arrays->input[k].array;
    if (nexpr_context_new(&options, &r->context, &err)) die("context", err.message);
    compile(r);
    if (nexpr_plan_new(r->expr, r->context, inputs, outputs, &run, &r->plan, &err)) die(arrays->row->text, err.message);
}

static void stop(runner *r) {
    nexpr_plan_free(&r->plan);
    nexpr_free(&r->expr);
    nexpr_context_free(&r->context);
}

static void run_once(void *user) {
    const runner *r = user;
    nexpr_error err = nexpr_error_init();
    const nexpr_array *output = &r->arrays->output.array;
    const size_t each = r->arrays->results / (size_t)r->arrays->row->results;
    char *first = output->data, *second = first + each * nexpr_dtype_size(output->dtype);
    void *const outputs[BENCH_MAX_RESULTS] = {first, second};
    if (nexpr_plan_run(r->plan, r->arrays->data, outputs, &err)) die(r->arrays->row->text, err.message);
}

/* -------------------------------------------------------------------------------------------------------- report -- */

/* Of `auto` to the better of the others. */
static void tell(const bench_row *row, size_t n, const char *what, const double ns[BACKENDS], double ratio, double limit,
                 bool all) {
    if (ratio <= limit && !all) return;
    printf("%-16s %9zu  %-12s auto %12.0f ns  vm %12.0f ns  jit %12.0f ns  ratio %.2f%s\n", row->name, n, what, ns[0], ns[1],
           ns[2], ratio, ratio > limit ? "  ABOVE" : "");
    fflush(stdout);
}

/* Returns what a run takes on the VM. */
static double measure_warm(const bench_arrays *arrays, const settings *o) {
    runner runners[BACKENDS];
    bench_call calls[BACKENDS];
    double ns[BACKENDS], ratio[BACKENDS];
    for (int i = 0; i < BACKENDS; i++) {
        start(&runners[i], arrays, backends[i].backend, o->threads);
        calls[i] = (bench_call){run_once, &runners[i], NULL};
    }
    bench_time_calls(calls[0], WARM_NS);
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    bench_compare(calls, BACKENDS, TURNS, LEAST_NS, ns, ratio);
    tell(arrays->row, arrays->n, "warm", ns, ratio[1] > ratio[2] ? ratio[1] : ratio[2], WARM_LIMIT, o->all);
    for (int i = 0; i < BACKENDS; i++) stop(&runners[i]);
    return ns[1];
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

static void measure_fresh(const bench_row *row, size_t n, double run_ns, size_t work_ms, const settings *o) {
    double each[BACKENDS][CHILDREN], ns[BACKENDS];
    char what[32];
    const long count = (double)work_ms * 1e6 > run_ns ? (long)((double)work_ms * 1e6 / run_ns) : 1;
    for (int k = 0; k < CHILDREN; k++) {
        for (int i = 0; i < BACKENDS; i++) each[i][k] = time_child(row, i, n, count, o->threads);
    }
    for (int i = 0; i < BACKENDS; i++) ns[i] = bench_median(each[i], CHILDREN);
    snprintf(what, sizeof what, "fresh %zu ms", work_ms);
    tell(row, n, what, ns, ns[0] / (ns[1] < ns[2] ? ns[1] : ns[2]), FRESH_LIMIT, o->all);
}

static void measure(const bench_row *row, size_t n, const settings *o) {
    bench_arrays arrays;
    if (!bench_arrays_make(&arrays, row, n, false)) return;
    const double run_ns = measure_warm(&arrays, o);
    bench_arrays_free(&arrays);
    for (int i = 0; i < o->work_ms.count; i++) {
        const bool is_again = i && run_ns > (double)o->work_ms.value[i] * 1e6;
        if (!is_again) measure_fresh(row, n, run_ns, o->work_ms.value[i], o);
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
    const bool has_plan = row->layout < LAYOUT_FRESH || row->layout == LAYOUT_PAIR;
    return has_plan && (strstr(row->name, pattern) || strstr(row->text, pattern) || strstr(row->note, pattern));
}

int main(int argc, char **argv) {
    settings o = {"", parse_numbers("1,100,1000,4096,65536,1048576,16777216"), parse_numbers("1,10,100"), 1, false};
    if (argc == 7 && !strcmp(argv[1], "--once")) return run_fresh(argv + 2);
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!strcmp(argv[i], "--all")) o.all = true;
        else if (!value) die(argv[i], "usage: auto_bench [--rows TEXT] [--sizes N,..] [--work MS,..] [--threads N] [--all]");
        else if (!strcmp(argv[i], "--rows")) o.rows = argv[++i];
        else if (!strcmp(argv[i], "--sizes")) o.sizes = parse_numbers(argv[++i]);
        else if (!strcmp(argv[i], "--work")) o.work_ms = parse_numbers(argv[++i]);
        else if (!strcmp(argv[i], "--threads")) o.threads = atoi(argv[++i]);
        else die(argv[i], "unknown option");
    }
    for (int i = 0; i < ROW_COUNT; i++) {
        for (int s = 0; is_wanted(&rows[i], o.rows) && s < o.sizes.count; s++) measure(&rows[i], o.sizes.value[s], &o);
    }
    return 0;
}
