/* SPDX-License-Identifier: MIT */
/*
 * kernels_bench: nanoseconds per element of each kernel on each instruction set, beside memcpy of as many bytes as the
 * kernel writes. Operands and result are registers of the VM, 4 KiB for the widest of them, and stay in the L1 cache. A
 * superinstruction is a kernel like others.
 *
 * A loop that a compiler vectorised stands near its siblings and well above the baseline's; a scalar one is many times
 * memcpy. Times show how bad it is; tests/bench/vectorised_test.py reads the machine code and decides.
 */
#include "bench/kernels_walk.h"
#include "bench/timing.h"

#include <fnmatch.h>
#include <getopt.h>
#include <link.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REGISTER_BYTES = 4096, MAX_STRIDE = 3, TRANSPOSED_ROWS = 16, REPEATS = 9, LEAST_NS = 200000 };

typedef struct options {
    const char *op, *dtype, *isa, *json;
    bool all_forms, list;
} options;

/* How the memory side of a move lies: one row, `stride` items from each element to the next; or, without a stride, 16 rows
 * that are the columns of contiguous memory. */
typedef struct layout {
    const char *name;
    ptrdiff_t stride;
} layout;

static const layout layouts[] = {{"[::1]", 1}, {"[::2]", 2}, {"[::-1]", -1}, {"[::3]", MAX_STRIDE}, {".T", 0}};
enum { LAYOUTS = sizeof layouts / sizeof *layouts };

/* What one call works on. Moves have rows and columns, and the memory's strides in bytes. */
typedef struct job {
    const bench_kernel *kernel;
    size_t n, rows, cols;
    ptrdiff_t row_stride, col_stride;
    void *result;
    const void *operands[NX_MAX_OPERANDS];
} job;

typedef struct bench {
    const options *options;
    FILE *json;
    int rows;
    double baseline_ns;
    char *operands[NX_MAX_OPERANDS], *result;
} bench;

static _Noreturn void die(const char *what) {
    fprintf(stderr, "kernels_bench: %s\n", what);
    exit(1);
}

static void run_kernel(void *user) {
    const job *j = user;
    j->kernel->kernel(j->n, j->result, j->operands);
}

static void run_load(void *user) {
    const job *j = user;
    j->kernel->load(j->rows, j->cols, j->result, j->operands[0], j->row_stride, j->col_stride);
}

static void run_store(void *user) {
    const job *j = user;
    j->kernel->store(j->rows, j->cols, j->result, j->row_stride, j->col_stride, j->operands[0]);
}

/* Not inlined and of unknown size, as the VM would call it. */
static void run_memcpy(void *user) {
    const job *j = user;
    memcpy(j->result, j->operands[0], j->n * nexpr_dtype_size(j->kernel->result));
}

/* Scattered over [0, 1), so that branches are not foretold. */
static double scattered(size_t i) {
    return (double)((uint32_t)(i + 1) * 2654435769u) * 0x1p-32;
}

/* A value in the domain of every op: small positive integers, as second operands of a size that shifts and powers take;
 * fractions, but for arccosh. */
static double sample(const bench_kernel *k, int operand, size_t i) {
    const double u = scattered(i + 1000 * (size_t)operand);
    switch (nx_dtype_class(k->args[operand])) {
    case NX_CLASS_BOOL: return u < 0.5;
    case NX_CLASS_INT: return 1 + (int)(u * (operand == 0 ? 100 : 5));
    default: return (k->kind == BENCH_OP && k->op == NX_OP_arccosh ? 1.25 : 0.25) + 0.5 * u;
    }
}

static void fill(const bench_kernel *k, int operand, size_t items, void *data) {
    const nexpr_dtype dtype = k->args[operand], part = nx_dtype_real(dtype);
    nx_kernel *const convert = nx_vm_cast_kernel(NX_ISA_BASELINE, NEXPR_FLOAT64, part);
    const size_t parts = items * (nexpr_dtype_size(dtype) / nexpr_dtype_size(part));
    for (size_t i = 0; i < parts; i++) {
        const double v = sample(k, operand, i);
        convert(1, (char *)data + i * nexpr_dtype_size(part), (const void *const[]){&v});
    }
}

static size_t items_of(const bench_kernel *k) {
    size_t widest = nexpr_dtype_size(k->result);
    for (int i = 0; i < k->arity; i++) {
        const size_t size = nexpr_dtype_size(k->args[i]);
        if (size > widest) widest = size;
    }
    return REGISTER_BYTES / widest;
}

static job job_of(const bench *b, const bench_kernel *k, const layout *l) {
    const size_t n = items_of(k), size = nexpr_dtype_size(k->dtype);
    job j = {.kernel = k, .n = n, .rows = 1, .cols = n, .col_stride = l->stride * (ptrdiff_t)size, .result = b->result};
    if (l->stride == 0) {
        j.rows = TRANSPOSED_ROWS;
        j.cols = n / TRANSPOSED_ROWS;
        j.row_stride = (ptrdiff_t)size;
        j.col_stride = (ptrdiff_t)(TRANSPOSED_ROWS * size);
    }
    for (int i = 0; i < k->arity; i++) {
        fill(k, i, l->stride > 1 ? n * (size_t)l->stride : n, b->operands[i]);
        j.operands[i] = b->operands[i];
    }
    if (l->stride < 0 && k->kind == BENCH_LOAD) j.operands[0] = b->operands[0] + (n - 1) * size;
    if (l->stride < 0 && k->kind == BENCH_STORE) j.result = b->result + (n - 1) * size;
    return j;
}

static void print_text(const bench *b, const bench_kernel *k, const char *name, double ns, double copy_ns) {
    if (b->rows == 0) {
        printf("%-30s %-10s %-6s %-8s %9s %9s %8s %8s\n", "kernel", "dtype", "form", "isa", "ns/item", "memcpy", "ratio",
               "speed-up");
    }
    printf("%-30s %-10s %-6s %-8s %9.4f %9.4f %8.1f %8.1f\n", name, nexpr_dtype_name(k->dtype), k->form,
           nx_isa_name(k->isa), ns, copy_ns, ns / copy_ns, b->baseline_ns / ns);
}

static void print_json(const bench *b, const bench_kernel *k, const char *name, double ns, double copy_ns) {
    fprintf(b->json,
            "%s\n  {\"kernel\": \"%s\", \"dtype\": \"%s\", \"form\": \"%s\", \"isa\": \"%s\", \"ns\": %.5f, "
            "\"memcpy_ns\": %.5f, \"ratio\": %.3f, \"speedup\": %.3f}",
            b->rows ? "," : "", name, nexpr_dtype_name(k->dtype), k->form, nx_isa_name(k->isa), ns, copy_ns, ns / copy_ns,
            b->baseline_ns / ns);
}

/* Nanoseconds per call, the least of several turns: what disturbs a call can only make it longer. */
static void time_both(const bench_call calls[2], double ret_ns[2]) {
    ret_ns[0] = ret_ns[1] = INFINITY;
    for (int turn = 0; turn < REPEATS; turn++) {
        for (int i = 0; i < 2; i++) ret_ns[i] = fmin(ret_ns[i], bench_time_calls(calls[i], LEAST_NS));
    }
}

/* Kernels of the baseline are timed whatever isa is wanted: the others are compared with them. */
static void measure(bench *b, const bench_kernel *k, const char *name, const layout *l) {
    const options *o = b->options;
    const bool wanted = !o->isa || !strcmp(o->isa, nx_isa_name(k->isa));
    if (!wanted && k->isa != NX_ISA_BASELINE) return;
    job j = job_of(b, k, l), copy = {.kernel = k, .n = j.n, .result = b->result, .operands = {b->operands[0]}};
    const bench_call calls[] = {
        {k->kind == BENCH_LOAD ? run_load : k->kind == BENCH_STORE ? run_store : run_kernel, &j},
        {run_memcpy, &copy},
    };
    double ns[2];
    time_both(calls, ns);
    for (int i = 0; i < 2; i++) ns[i] /= (double)j.n;
    if (k->isa == NX_ISA_BASELINE) b->baseline_ns = ns[0];
    if (!wanted) return;
    print_text(b, k, name, ns[0], ns[1]);
    if (b->json) print_json(b, k, name, ns[0], ns[1]);
    b->rows++;
}

static bool matches(const options *o, const bench_kernel *k) {
    return (!o->op || !fnmatch(o->op, k->name, 0)) && (!o->dtype || !strcmp(o->dtype, nexpr_dtype_name(k->dtype)));
}

static bool is_move(const bench_kernel *k) {
    return k->kind == BENCH_LOAD || k->kind == BENCH_STORE;
}

static void measure_other(const bench_kernel *k, void *user) {
    if (!is_move(k) && matches(((bench *)user)->options, k)) measure(user, k, k->name, &layouts[0]);
}

/* The layout that the walk of the moves is at. */
typedef struct moves {
    bench *bench;
    const layout *layout;
} moves;

static void measure_move(const bench_kernel *k, void *user) {
    const moves *m = user;
    char name[sizeof k->name + 8];
    if (!is_move(k) || !matches(m->bench->options, k)) return;
    snprintf(name, sizeof name, "%s%s", k->name, m->layout->name);
    measure(m->bench, k, name, m->layout);
}

static void measure_all(bench *b) {
    bench_walk_kernels(b->options->all_forms ? BENCH_ALL_FORMS : 0, measure_other, b);
    for (int i = 0; i < LAYOUTS; i++) bench_walk_kernels(0, measure_move, &(moves){b, &layouts[i]});
}

static int find_load_address(struct dl_phdr_info *info, size_t size, void *user) {
    (void)size;
    *(uintptr_t *)user = info->dlpi_addr;
    return 1; /* the program comes first */
}

/* The place of a kernel in this program's file. */
static void list(const bench_kernel *k, void *user) {
    bench *b = user;
    uintptr_t program = 0;
    if (!matches(b->options, k) || (b->options->isa && strcmp(b->options->isa, nx_isa_name(k->isa)))) return;
    dl_iterate_phdr(find_load_address, &program);
    const uintptr_t address = k->kernel ? (uintptr_t)k->kernel : k->load ? (uintptr_t)k->load : (uintptr_t)k->store;
    printf("%s %s %s %s %jx\n", k->name, nexpr_dtype_name(k->dtype), k->form[0] ? k->form : "-", nx_isa_name(k->isa),
           (uintmax_t)(address - program));
    b->rows++;
}

static const char help[] =
    "usage: kernels_bench [OPTION]...\n"
    "Time every kernel on blocks in the L1 cache, beside memcpy of the bytes that it writes.\n"
    "\n"
    "  --op NAME      only the kernels of this name; a pattern such as 'cast_*' is fine\n"
    "  --dtype NAME   only loops of this dtype (casts to it, moves of it)\n"
    "  --isa NAME     only this instruction set: baseline, avx2, avx512\n"
    "  --forms        all forms, not only the first of each op and superinstruction\n"
    "  --json FILE    write the figures to FILE as well\n"
    "  --list         time nothing, print name, dtype, form, instruction set, address; even of what cannot run\n"
    "  --help         print this\n";

static _Noreturn void misuse(const char *what, const char *value) {
    fprintf(stderr, "kernels_bench: %s%s; see --help\n", what, value);
    exit(2);
}

static options parse_options(int argc, char **argv) {
    static const struct option names[] = {
        {"op", required_argument, NULL, 'o'},
        {"dtype", required_argument, NULL, 'd'},
        {"isa", required_argument, NULL, 'i'},
        {"json", required_argument, NULL, 'j'},
        {"forms", no_argument, NULL, 'f'},
        {"list", no_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    options o = {0};
    nexpr_dtype dtype;
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'o': o.op = optarg; break;
        case 'd': o.dtype = optarg; break;
        case 'i': o.isa = optarg; break;
        case 'j': o.json = optarg; break;
        case 'f': o.all_forms = true; break;
        case 'l': o.list = true; break;
        case 'h': fputs(help, stdout); exit(0);
        default: exit(2);
        }
    }
    if (optind < argc) misuse("unexpected argument ", argv[optind]);
    if (o.dtype && nexpr_dtype_find(o.dtype, &dtype, NULL)) misuse("no dtype ", o.dtype);
    nx_isa isa = 0;
    while (o.isa && isa < NX_ISA_COUNT && strcmp(o.isa, nx_isa_name(isa))) isa++;
    if (o.isa && (isa == NX_ISA_COUNT || !nx_isa_is_supported(isa))) misuse("no such instruction set here: ", o.isa);
    return o;
}

int main(int argc, char **argv) {
    const options o = parse_options(argc, argv);
    static char registers[NX_MAX_OPERANDS + 1][MAX_STRIDE * REGISTER_BYTES] __attribute__((aligned(REGISTER_BYTES)));
    bench b = {.options = &o, .result = registers[NX_MAX_OPERANDS]};
    for (int i = 0; i < NX_MAX_OPERANDS; i++) b.operands[i] = registers[i];
    if (o.json && !(b.json = fopen(o.json, "w"))) die("cannot write the JSON file");
    if (b.json) fputs("[", b.json);
    if (o.list) bench_walk_kernels(BENCH_ALL_ISAS | (o.all_forms ? BENCH_ALL_FORMS : 0), list, &b);
    else measure_all(&b);
    if (b.json) fputs("\n]\n", b.json);
    if (b.json && fclose(b.json)) die("cannot write the JSON file");
    if (b.rows == 0) misuse("no such kernel", "");
    return 0;
}
