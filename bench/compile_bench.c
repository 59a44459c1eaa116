/* SPDX-License-Identifier: MIT */
/*
 * What it takes to get going: from the text of an expression to a plan on the VM, and to the first result of machine code, in
 * a process that has compiled nothing yet, in one that has, from the cache in memory and from the cache on disk; for
 * expressions of 3 to 200 operations. Every figure is a median; expressions are drawn at random, so that none was compiled
 * before. Where there is a limit it is printed beside the figure.
 *
 *   compile_bench [--quick] [--json FILE]
 *   compile_bench --soak COUNT
 *
 * The second compiles and drops so many kernels, and fails if the process has grown from the first half to the second.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/timing.h"
#include "nexpr.h"

enum { ITEMS = 1000, MAX_OPS = 200, MAX_TEXT = 16 * MAX_OPS, MOST_TURNS = 31, COLD_TURNS = 7 };

static const int sizes[] = {3, 10, 40, 200};
enum { SIZES = sizeof sizes / sizeof *sizes };

static double a[ITEMS], b[ITEMS], c[ITEMS], out[ITEMS];

static _Noreturn void die(const char *what, const char *message) {
    fprintf(stderr, "compile_bench: %s: %s\n", what, message);
    exit(1);
}

/* An expression of so many operations on a, b, c and numbers, another one for each seed. */
static void draw_text(int ops, unsigned seed, char text[MAX_TEXT]) {
    static const char *const operands[] = {"a", "b", "c", "0.75"}, *const operators[] = {"+", "-", "*"};
    char *at = text;
    for (int i = 0; i < ops; i++) *at++ = '(';
    at = stpcpy(at, "a");
    for (int i = 0; i < ops; i++) {
        seed = seed * 1664525u + 1013904223u;
        at = stpcpy(stpcpy(stpcpy(at, operators[(seed >> 16) % 3]), operands[(seed >> 20) % 4]), ")");
    }
}

static nexpr_context *make_context(nexpr_backend backend) {
    nexpr_context_options options = nexpr_context_options_init();
    nexpr_error err = nexpr_error_init();
    nexpr_context *context;
    options.run_backend = backend;
    options.threads = 1;
    if (nexpr_context_new(&options, &context, &err)) die("context", err.message);
    return context;
}

/* Nanoseconds from the text to a plan, and on to its first result. */
typedef struct first_call {
    double planned, done;
} first_call;

static nexpr_array vector(double *data) {
    static const int64_t shape[1] = {ITEMS};
    nexpr_array x = nexpr_array_init();
    x.data = data;
    x.dtype = NEXPR_FLOAT64;
    x.ndim = 1;
    x.shape = shape;
    return x;
}

static first_call call_first(nexpr_context *context, const char *text) {
    nexpr_error err = nexpr_error_init();
    const nexpr_input inputs[3] = {nexpr_input_init("a", NEXPR_FLOAT64, 1), nexpr_input_init("b", NEXPR_FLOAT64, 1),
                                   nexpr_input_init("c", NEXPR_FLOAT64, 1)};
    const nexpr_array x = vector(a), y = vector(b), z = vector(c), r = vector(out);
    nexpr_program *program;
    nexpr *expr;
    nexpr_plan *plan;
    const double start = bench_now_ns();
    if (nexpr_parse(context, text, SIZE_MAX, NULL, &program, &err) ||
        nexpr_compile(context, program, (const nexpr_input *[]){&inputs[0], &inputs[1], &inputs[2]}, 3, NULL, NULL, &expr,
                      &err) ||
        nexpr_plan_new(expr, context, (const nexpr_array *[]){&x, &y, &z}, (const nexpr_array *[]){&r}, NULL, &plan, &err)) {
        die(text, err.message);
    }
    const double planned = bench_now_ns();
    if (nexpr_plan_run(plan, (const void *[]){a, b, c}, (void *[]){out}, &err)) die(text, err.message);
    const double done = bench_now_ns();
    nexpr_plan_free(&plan);
    nexpr_free(&expr);
    nexpr_program_free(&program);
    return (first_call){planned - start, done - start};
}

/* ------------------------------------------------------------------------------------------------------ figures -- */

typedef struct report {
    FILE *json;
    int count;
} report;

/* limit: 0 if there is none. */
static void tell(report *r, const char *what, int ops, double us, double limit) {
    printf("%-34s %4d operations  %10.1f us", what, ops, us);
    if (limit > 0) printf("  (%s %.0f)", us <= limit ? "at most" : "ABOVE", limit);
    printf("\n");
    if (r->json) {
        fprintf(r->json, "%s\n  {\"what\": \"%s\", \"operations\": %d, \"us\": %.3f}", r->count++ ? "," : "", what, ops, us);
    }
}

static double median_us(double *ns, int count) {
    return bench_median(ns, count) * 1e-3;
}

static void measure_vm(report *r, int ops, int turns) {
    double ns[MOST_TURNS];
    char text[MAX_TEXT];
    nexpr_context *context = make_context(NEXPR_BACKEND_VM);
    for (int i = 0; i < turns; i++) {
        draw_text(ops, (unsigned)i + 1000, text);
        ns[i] = call_first(context, text).planned;
    }
    tell(r, "text to plan, VM", ops, median_us(ns, turns), 0);
    nexpr_context_free(&context);
}

/* From the text to the result in a new context, which has nothing in memory. */
static double call_in_fresh(const char *text) {
    nexpr_context *fresh = make_context(NEXPR_BACKEND_JIT);
    const double done = call_first(fresh, text).done;
    nexpr_context_free(&fresh);
    return done;
}

static void measure_warm(report *r, int ops, int turns, unsigned seed) {
    double compiled[MOST_TURNS], again[MOST_TURNS], on_disk[MOST_TURNS];
    char text[MAX_TEXT];
    nexpr_context *context = make_context(NEXPR_BACKEND_JIT);
    draw_text(ops, seed - 1, text);
    call_first(context, text);
    for (int i = 0; i < turns; i++) {
        draw_text(ops, seed + (unsigned)i, text);
        compiled[i] = call_first(context, text).done;
        call_first(context, text); /* compiling has emptied the caches of the CPU */
        again[i] = call_first(context, text).done;
    }
    nexpr_context_free(&context); /* only then everything is on disk */
    for (int i = 0; i < turns; i++) {
        draw_text(ops, seed + (unsigned)i, text);
        on_disk[i] = call_in_fresh(text);
    }
    tell(r, "text to result, compiled", ops, median_us(compiled, turns), ops == 3 ? 3000 : ops == 40 ? 5000 : 0);
    tell(r, "text to result, kernel in memory", ops, median_us(again, turns), 0);
    tell(r, "text to result, kernel on disk", ops, median_us(on_disk, turns), 0);
}

/* ------------------------------------------------------------------------------------------------- cold processes -- */

/* What a child does: one call, whose nanoseconds it prints. */
static int call_once(const char *backend, const char *ops, const char *seed) {
    char text[MAX_TEXT];
    draw_text(atoi(ops), (unsigned)strtoul(seed, NULL, 10), text);
    nexpr_context *context = make_context(!strcmp(backend, "vm") ? NEXPR_BACKEND_VM : NEXPR_BACKEND_JIT);
    printf("%.0f\n", call_first(context, text).done);
    nexpr_context_free(&context);
    return 0;
}

static double run_child(const char *backend, int ops, unsigned seed) {
    char line[400];
    double ns;
    snprintf(line, sizeof line, "/proc/%d/exe --once %s %d %u", (int)getpid(), backend, ops, seed);
    FILE *child = popen(line, "r");
    if (!child || fscanf(child, "%lf", &ns) != 1 || pclose(child)) die(line, "the child failed");
    return ns;
}

static void measure_cold(report *r, int ops, int turns, unsigned seed) {
    double vm[COLD_TURNS], compiled[COLD_TURNS], on_disk[COLD_TURNS];
    for (int i = 0; i < turns; i++) {
        vm[i] = run_child("vm", ops, seed);
        compiled[i] = run_child("jit", ops, seed + (unsigned)i);
        on_disk[i] = run_child("jit", ops, seed + (unsigned)i);
    }
    tell(r, "cold process, VM", ops, median_us(vm, turns), 0);
    tell(r, "cold process, compiled", ops, median_us(compiled, turns), 0);
    tell(r, "cold process, kernel on disk", ops, median_us(on_disk, turns), 0);
}

/* ---------------------------------------------------------------------------------------------------------- soak -- */

enum { KERNELS_PER_CONTEXT = 50, SOAK_OPS = 8, MOST_MAPPINGS = 4, MOST_KIB = 2048 };

/* What the process has. */
typedef struct extent {
    int mappings;
    long kib;
} extent;

static extent measure_extent(void) {
    extent e = {0};
    long pages = 0;
    FILE *maps = fopen("/proc/self/maps", "re"), *memory = fopen("/proc/self/statm", "re");
    if (!maps || !memory || fscanf(memory, "%*d %ld", &pages) != 1) die("/proc/self", "cannot be read");
    for (int byte; (byte = getc(maps)) != EOF;) e.mappings += byte == '\n';
    fclose(maps);
    fclose(memory);
    e.kib = pages * (sysconf(_SC_PAGESIZE) / 1024);
    return e;
}

static extent tell_extent(const char *when, int count) {
    const extent e = measure_extent();
    printf("%-6s %6d kernels  %4d mappings  %7ld KiB resident\n", when, count, e.mappings, e.kib);
    fflush(stdout);
    return e;
}

/* Kernels first to last - 1, those that differ in their text. */
static void compile_kernels(int first, int last) {
    char text[MAX_TEXT];
    while (first < last) {
        nexpr_context *context = make_context(NEXPR_BACKEND_JIT);
        for (int i = 0; i < KERNELS_PER_CONTEXT && first < last; i++, first++) {
            draw_text(SOAK_OPS, (unsigned)first * 2654435761u + 1, text);
            call_first(context, text);
        }
        nexpr_context_free(&context);
    }
}

/* What a process takes for the first kernels is for good, so the halves are compared. */
static void soak(int count) {
    const int half = count / 2;
    tell_extent("start", 0);
    compile_kernels(0, half);
    const extent before = tell_extent("half", half);
    compile_kernels(half, count);
    const extent after = tell_extent("end", count);
    if (after.mappings > before.mappings + MOST_MAPPINGS) die("soak", "mappings are left behind");
    if (after.kib > before.kib + MOST_KIB) die("soak", "memory is left behind");
}

/* A folder of its own for the kernels on disk. */
static void move_cache(char *folder) {
    if (!mkdtemp(folder) || setenv("XDG_CACHE_HOME", folder, 1)) die(folder, strerror(errno));
}

static void remove_cache(const char *folder) {
    char line[100];
    snprintf(line, sizeof line, "rm -rf '%s'", folder);
    if (system(line)) fprintf(stderr, "compile_bench: %s is left behind\n", folder);
}

int main(int argc, char **argv) {
    if (argc == 5 && !strcmp(argv[1], "--once")) return call_once(argv[2], argv[3], argv[4]);
    bool quick = false;
    int soak_count = 0;
    report r = {0};
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--quick")) quick = true;
        else if (!strcmp(argv[i], "--json") && i + 1 < argc) r.json = fopen(argv[++i], "w");
        else if (!strcmp(argv[i], "--soak") && i + 1 < argc) soak_count = atoi(argv[++i]);
        else die(argv[i], "usage: compile_bench [--quick] [--json FILE] [--soak COUNT]");
    }
    char folder[] = "/tmp/compile_bench.XXXXXX";
    move_cache(folder);
    for (int i = 0; i < ITEMS; i++) a[i] = 1 + i * 1e-4, b[i] = 1 - i * 1e-4, c[i] = i * 1e-4;
    if (r.json) fprintf(r.json, "[");
    if (soak_count) soak(soak_count);
    for (int s = 0; s < SIZES && !soak_count; s++) {
        measure_vm(&r, sizes[s], quick ? 3 : MOST_TURNS);
        measure_warm(&r, sizes[s], quick ? 2 : MOST_TURNS, 5000);
        measure_cold(&r, sizes[s], quick ? 1 : COLD_TURNS, 9000);
    }
    remove_cache(folder);
    if (r.json && (fprintf(r.json, "\n]\n") < 0 || fclose(r.json))) die("JSON", strerror(errno));
    return 0;
}
