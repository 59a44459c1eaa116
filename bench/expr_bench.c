/* SPDX-License-Identifier: MIT */
/*
 * Where the VM stands: each expression through a prepared plan, beside the loops that one would write in C for it, on the
 * same arrays, alternating in one process. The rows are in expr_rows.def and reduce_rows.def; README.md explains the
 * figures.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/expr_report.h"
#include "bench/timing.h"

enum { MAX_SIZES = 32, PAIRS = 9, QUICK_PAIRS = 3 };
static const double LEAST_NS = 2e6, QUICK_LEAST_NS = 1e5;

/* From so many elements on a loop in C is worth a second thread. */
enum { PARALLEL_PLAIN = 1 << 15, PARALLEL_MATH = 1 << 11 };
/* Longer than idle threads of libgomp spin. */
enum { PAUSE_NS = 8000000 };

enum { HAS_PLAIN, HAS_MATH64, HAS_MATH32, HAS_INLINED64, HAS_INLINED32 };
#define ROW(name, text, note, layout, columns, kind, result, a, b, c, formula)                                    \
    {#name, text, note, LAYOUT_##layout, columns, HAS_##kind, dtype_##result, {dtype_##a, dtype_##b, dtype_##c}, \
     bench_strict_##name, bench_fast_##name, 1, 0},
#define PAIR_ROW(name, text, note, p_is, q_is, first, second)                                                          \
    {#name, text, note, LAYOUT_PAIR, 0, HAS_MATH64, dtype_f64, {dtype_f64, dtype_f64, dtype_f64}, bench_strict_##name, \
     bench_fast_##name, 2, 0},
#define REDUCE_ROW(name, text, note, layout, results, result, a, b, bound)                           \
    {#name, text, note, LAYOUT_##layout, 0, false, dtype_##result, {dtype_##a, dtype_##b, dtype_none}, \
     bench_strict_##name, bench_fast_##name, results, bound},
static const bench_row rows[] = {
#include "bench/expr_rows.def"
#include "bench/reduce_rows.def"
};
enum { ROW_COUNT = sizeof rows / sizeof *rows };

typedef struct bench_options {
    const char *rows, *json;
    size_t sizes[MAX_SIZES];
    int size_count;
    bool one_thread, all_threads, is_quick, stagger;
    nexpr_backend backend;
} bench_options;

/* One row at one size in so many threads. */
typedef struct measurement {
    const bench_row *row;
    bench_arrays arrays;
    int threads; /* 0: all */
    nexpr_backend backend;
    nexpr_context *context;
    nexpr *expr;
    nexpr_plan *plan; /* NULL if each call has an output of its own */
} measurement;

static void die(const char *what, const char *message) {
    fprintf(stderr, "expr_bench: %s: %s\n", what, message);
    exit(1);
}

/* ---------------------------------------------------------------------------------------------------------- nexpr -- */

static bool has_unknown_length(const bench_row *row) {
    return row->layout == LAYOUT_FEW || row->layout == LAYOUT_MOST;
}

static bool has_fresh_output(const bench_row *row) {
    return has_unknown_length(row) || row->layout == LAYOUT_FRESH || row->layout == LAYOUT_FRESH_REUSED ||
           row->layout == LAYOUT_FRESH_CACHED;
}

static void make_context(measurement *m) {
    nexpr_error err = nexpr_error_init();
    nexpr_context_options options = nexpr_context_options_init();
    if (m->row->layout == LAYOUT_FRESH_CACHED) options.cached_bytes = (size_t)1 << 30;
    else if (!has_unknown_length(m->row)) options.cached_bytes = SIZE_MAX;
    if (nexpr_context_new(&options, &m->context, &err)) die(m->row->text, err.message);
}

static void compile(measurement *m) {
    nexpr_error err = nexpr_error_init();
    nexpr_input input[BENCH_MAX_INPUTS];
    const nexpr_input *inputs[BENCH_MAX_INPUTS];
    nexpr_program *program;
    for (int k = 0; k < m->arrays.input_count; k++) {
        input[k] = nexpr_input_init((const char *[]){"a", "b", "c"}[k], (nexpr_dtype)m->row->inputs[k], -1);
        inputs[k] = &input[k];
    }
    if (nexpr_parse(NULL, m->row->text, SIZE_MAX, NULL, &program, &err) ||
        nexpr_compile(NULL, program, inputs, m->arrays.input_count, NULL, NULL, &m->expr, &err)) {
        die(m->row->text, err.message);
    }
    nexpr_program_free(&program);
    if ((int)nexpr_result_dtype(m->expr, 0) != m->row->result) die(m->row->text, "the result has another dtype");
}

static nexpr_run_options run_options(const measurement *m) {
    nexpr_run_options run = nexpr_run_options_init();
    run.threads = m->threads;
    run.backend = m->backend;
    return run;
}

static void list_inputs(const measurement *m, const nexpr_array **inputs) {
    for (int k = 0; k < m->arrays.input_count; k++) inputs[k] = &m->arrays.input[k].array;
}

static void make_plan(measurement *m) {
    nexpr_error err = nexpr_error_init();
    nexpr_run_options run = run_options(m);
    const nexpr_array *inputs[BENCH_MAX_INPUTS], *output = &m->arrays.output.array;
    const nexpr_array *outputs[BENCH_MAX_RESULTS] = {output, output};
    list_inputs(m, inputs);
    if (nexpr_plan_new(m->expr, m->context, inputs, outputs, &run, &m->plan, &err)) die(m->row->text, err.message);
}

static void run_plan(void *user) {
    measurement *m = user;
    nexpr_error err = nexpr_error_init();
    const nexpr_array *output = &m->arrays.output.array;
    const size_t each = m->arrays.results / (size_t)m->row->results;
    char *first = output->data, *second = first + each * nexpr_dtype_size(output->dtype);
    void *const outputs[BENCH_MAX_RESULTS] = {first, second};
    if (nexpr_plan_run(m->plan, m->arrays.data, outputs, &err)) die(m->row->text, err.message);
}

static nexpr_array evaluate(measurement *m) {
    nexpr_error err = nexpr_error_init();
    nexpr_run_options run = run_options(m);
    nexpr_array result = nexpr_array_init();
    const nexpr_array *inputs[BENCH_MAX_INPUTS];
    list_inputs(m, inputs);
    if (nexpr_evaluate(m->expr, m->context, inputs, (nexpr_array *[]){&result}, &run, &err)) die(m->row->text, err.message);
    return result;
}

static void run_evaluate(void *user) {
    nexpr_array result = evaluate(user);
    nexpr_array_free(&result);
}

/* --------------------------------------------------------------------------------------------------- loops in C -- */

static bool is_parallel(const measurement *m) {
    return m->threads != 1 && m->arrays.n >= (m->row->has_math ? PARALLEL_MATH : PARALLEL_PLAIN);
}

static void run_loop(const measurement *m, bench_loop *loop, void *output) {
    loop(is_parallel(m), m->arrays.rows, m->arrays.columns, output, m->arrays.c_data);
}

static void run_as_user(const measurement *m, bench_loop *loop) {
    const bench_arrays *arrays = &m->arrays;
    if (m->row->layout != LAYOUT_FRESH && !has_unknown_length(m->row)) {
        run_loop(m, loop, arrays->output.array.data);
        return;
    }
    void *output = malloc(arrays->n * nexpr_dtype_size(arrays->output.array.dtype));
    if (!output) die(m->row->text, "out of memory");
    run_loop(m, loop, output);
    free(output);
}

static void run_strict(void *user) {
    const measurement *m = user;
    run_as_user(m, m->row->strict);
}

static void run_fast(void *user) {
    const measurement *m = user;
    run_as_user(m, m->row->fast);
}

/* -------------------------------------------------------------------------------------------------------- answers -- */

static bool is_close(double x, double y, double bound) {
    return fabs(x - y) <= bound * (1 + fabs(y)) || (isnan(x) && isnan(y));
}

/* Whether floats agree but for what -ffast-math may do to them. */
static bool are_close(nexpr_dtype dtype, size_t n, const void *x, const void *y, double bound) {
    size_t parts = dtype == NEXPR_COMPLEX128 ? 2 : 1;
    for (size_t i = 0; i < n * parts; i++) {
        if (dtype == NEXPR_FLOAT32) {
            if (!is_close(((const float *)x)[i], ((const float *)y)[i], 1e-5)) return false;
        } else if (!is_close(((const double *)x)[i], ((const double *)y)[i], bound)) {
            return false;
        }
    }
    return true;
}

/* A copy of nexpr's answer. */
static void *compute(measurement *m, size_t bytes) {
    void *answer = malloc(bytes);
    if (!answer) die(m->row->text, "out of memory");
    if (m->plan) {
        run_plan(m);
        memcpy(answer, m->arrays.output.array.data, bytes);
    } else {
        nexpr_array result = evaluate(m);
        if (m->row->results == 1 && result.ndim == 1 && (size_t)result.shape[0] != m->arrays.results) {
            die(m->row->text, "the result has another length");
        }
        memcpy(answer, result.data, bytes);
        nexpr_array_free(&result);
    }
    return answer;
}

/* The strict loop gives the same bits, or floats within the row's bound; the fast one the same integers and nearly the same
 * floats. */
static void check_answers(measurement *m) {
    nexpr_dtype dtype = m->arrays.output.array.dtype;
    const size_t n = m->arrays.results, bytes = n * nexpr_dtype_size(dtype);
    const double bound = m->row->bound;
    void *ours = compute(m, bytes), *output = m->arrays.output.array.data;
    memset(output, 0, bytes);
    run_loop(m, m->row->strict, output);
    if (bound > 0 ? !are_close(dtype, n, ours, output, bound) : memcmp(ours, output, bytes)) {
        die(m->row->text, "the strict loop gives another answer");
    }
    memset(output, 0, bytes);
    run_loop(m, m->row->fast, output);
    if (dtype < NEXPR_FLOAT16 ? memcmp(ours, output, bytes) != 0 : !are_close(dtype, n, ours, output, fmax(bound, 1e-13))) {
        die(m->row->text, "the fast loop gives another answer");
    }
    free(ours);
}

/* --------------------------------------------------------------------------------------------------------- timing -- */

/* Threads of libgomp spin after a region, in the way of whoever comes next; and threads that sleep take time to wake. */
static void settle(const measurement *m, void (*run)(void *)) {
    if (m->threads == 1) return;
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    run((void *)m);
}

static void settle_ours(void *user) {
    const measurement *m = user;
    settle(m, m->plan ? run_plan : run_evaluate);
}

static void settle_strict(void *user) {
    settle(user, run_strict);
}

static void settle_fast(void *user) {
    settle(user, run_fast);
}

static void time_calls(measurement *m, const bench_options *options, bench_report *report) {
    double ns[3], ratio[3], n = (double)m->arrays.n, least_ns = options->is_quick ? QUICK_LEAST_NS : LEAST_NS;
    bench_call calls[] = {
        {m->plan ? run_plan : run_evaluate, m, settle_ours},
        {run_strict, m, settle_strict},
        {run_fast, m, settle_fast},
    };
    bench_compare(calls, 3, options->is_quick ? QUICK_PAIRS : PAIRS, least_ns, ns, ratio);
    bench_report_row(report, &(bench_figures){
        .row = m->row, .n = m->arrays.n, .threads = m->threads ? m->threads : bench_cpu_count(),
        .gb_per_s = (double)m->arrays.bytes / ns[0], .ns = ns[0] / n,
        .strict_ns = ns[1] / n, .strict_ratio = ratio[1], .fast_ns = ns[2] / n, .fast_ratio = ratio[2],
    });
}

static void measure_threads(measurement *m, int threads, const bench_options *options, bench_report *report) {
    m->threads = threads;
    make_context(m);
    compile(m);
    if (!has_fresh_output(m->row)) make_plan(m);
    check_answers(m);
    time_calls(m, options, report);
    nexpr_plan_free(&m->plan);
    nexpr_free(&m->expr);
    nexpr_context_free(&m->context);
}

static void measure(const bench_row *row, size_t n, const bench_options *options, bench_report *report) {
    measurement m = {.row = row, .backend = options->backend};
    if (!bench_arrays_make(&m.arrays, row, n, options->stagger)) return;
    if (options->one_thread) measure_threads(&m, 1, options, report);
    if (options->all_threads) measure_threads(&m, 0, options, report);
    bench_arrays_free(&m.arrays);
}

/* -------------------------------------------------------------------------------------------------------- options -- */

static const char help[] =
    "usage: expr_bench [OPTION]...\n"
    "Times expressions beside loops in C: nanoseconds per element, and ratios, below 1 where nexpr is faster.\n"
    "  --rows PATTERN     only rows whose name, text or note contains PATTERN\n"
    "  --sizes N,N,...    elements per array instead of 1,1000,4096,10000,65536,16777216\n"
    "  --threads WHICH    1, all or both (the default)\n"
    "  --backend WHICH    auto (the default), vm or jit\n"
    "  --json FILE        write the figures to FILE too; - for standard output, the text then goes to standard error\n"
    "  --quick            fewer and shorter turns: shows that everything runs, not how fast\n"
    "  --stagger          arrays begin at different offsets within a page, not all at the same\n"
    "  --help             print this\n";

static _Noreturn void reject(const char *what, const char *value) {
    fprintf(stderr, "expr_bench: %s '%s'; see --help\n", what, value);
    exit(2);
}

static void parse_sizes(bench_options *o, const char *text) {
    const char *p = text;
    o->size_count = 0;
    do {
        char *end;
        errno = 0;
        unsigned long long n = *p >= '1' && *p <= '9' ? strtoull(p, &end, 10) : 0;
        if (n == 0 || errno || n > (1ull << 32) || (*end && *end != ',')) reject("bad sizes", text);
        if (o->size_count == MAX_SIZES) reject("too many sizes", text);
        o->sizes[o->size_count++] = (size_t)n;
        p = *end ? end + 1 : NULL;
    } while (p);
}

static void parse_threads(bench_options *o, const char *text) {
    bool is_both = !strcmp(text, "both");
    o->one_thread = is_both || !strcmp(text, "1");
    o->all_threads = is_both || !strcmp(text, "all");
    if (!o->one_thread && !o->all_threads) reject("threads are 1, all or both, not", text);
}

static void parse_backend(bench_options *o, const char *text) {
    static const char *const names[] = {"auto", "vm", "jit"};
    int i = 0;
    while (i < 3 && strcmp(text, names[i])) i++;
    if (i == 3) reject("backends are auto, vm or jit, not", text);
    o->backend = (nexpr_backend)i;
}

static bench_options parse_options(int argc, char **argv) {
    static const struct option known[] = {
        {"rows", required_argument, NULL, 'r'},   {"sizes", required_argument, NULL, 's'},
        {"threads", required_argument, NULL, 't'}, {"json", required_argument, NULL, 'j'},
        {"quick", no_argument, NULL, 'q'},         {"stagger", no_argument, NULL, 'g'},
        {"help", no_argument, NULL, 'h'},          {"backend", required_argument, NULL, 'b'},
        {NULL, 0, NULL, 0},
    };
    bench_options o = {.rows = "", .one_thread = true, .all_threads = true};
    parse_sizes(&o, "1,1000,4096,10000,65536,16777216");
    for (int c; (c = getopt_long(argc, argv, ":", known, NULL)) != -1;) {
        switch (c) {
        case 'r': o.rows = optarg; break;
        case 's': parse_sizes(&o, optarg); break;
        case 't': parse_threads(&o, optarg); break;
        case 'b': parse_backend(&o, optarg); break;
        case 'j': o.json = optarg; break;
        case 'q': o.is_quick = true; break;
        case 'g': o.stagger = true; break;
        case 'h': fputs(help, stdout); exit(0);
        case ':': reject("no value behind", argv[optind - 1]);
        default: reject("unknown option", argv[optind - 1]);
        }
    }
    if (optind < argc) reject("unexpected argument", argv[optind]);
    return o;
}

static bool is_wanted(const bench_row *row, const char *pattern) {
    return strstr(row->name, pattern) || strstr(row->text, pattern) || strstr(row->note, pattern);
}

static void open_report(bench_report *report, const bench_options *o) {
    bool is_stdout = o->json && !strcmp(o->json, "-");
    *report = (bench_report){.text = is_stdout ? stderr : stdout};
    if (!o->json) return;
    report->json = is_stdout ? stdout : fopen(o->json, "w");
    if (report->json) return;
    fprintf(stderr, "expr_bench: %s: %s\n", o->json, strerror(errno));
    exit(2);
}

int main(int argc, char **argv) {
    bench_options o = parse_options(argc, argv);
    bench_report report;
    int wanted = 0;
    for (int i = 0; i < ROW_COUNT; i++) wanted += is_wanted(&rows[i], o.rows);
    if (!wanted) reject("no row is called", o.rows);
    open_report(&report, &o);
    bench_report_begin(&report);
    for (int i = 0; i < ROW_COUNT; i++) {
        for (int s = 0; is_wanted(&rows[i], o.rows) && s < o.size_count; s++) measure(&rows[i], o.sizes[s], &o, &report);
    }
    if (!bench_report_end(&report)) die("output", "cannot be written");
    nexpr_context_free_default();
    return 0;
}
