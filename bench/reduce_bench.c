/* SPDX-License-Identifier: MIT */
/*
 * reduce_bench: nanoseconds per element of the reducers' kernels, on elements that stay in the caches: whole leaves and
 * short ones, leaves down the rows of few and of many columns, merges, running reductions.
 */
#include "bench/timing.h"
#include "vm/kernels.h"
#include "vm/reduce.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS = 1 << 14, REPEATS = 9, LEAST_NS = 100000 };

typedef enum form { LEAF, ROWS, SCAN, SCAN_LEAVES, SCAN_ROWS } form;

/* LEAF: count leaves of n elements. ROWS: n rows of `count` columns. */
typedef struct shape {
    const char *name;
    form form;
    size_t n, count;
} shape;

static const shape shapes[] = {
    {"leaf 4096", LEAF, 4096, 1},    {"leaf 100", LEAF, 100, 40},    {"leaf 33", LEAF, 33, 124},
    {"leaf 16", LEAF, 16, 256},      {"leaf 8", LEAF, 8, 512},       {"leaf 3", LEAF, 3, 1365},
    {"leaf 2", LEAF, 2, 2048},       {"leaf 1", LEAF, 1, 4096},      {"rows 1", ROWS, 256, 1},
    {"rows 3", ROWS, 256, 3},        {"rows 8", ROWS, 256, 8},       {"rows 16", ROWS, 256, 16},
    {"rows 64", ROWS, 64, 64},       {"rows 2048", ROWS, 8, 2048},   {"scan", SCAN, 4096, 1},
    {"scan leaves", SCAN_LEAVES, 1024, NX_SCAN_WAYS}, {"scan rows 3", SCAN_ROWS, 256, 3},
    {"scan rows 512", SCAN_ROWS, 8, 512},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef struct job {
    const nx_reduce_kernels *k;
    const shape *shape;
    size_t size;
    char *x, *value, *extra, *r;
} job;

static void run(void *user) {
    const job *j = user;
    const shape *s = j->shape;
    const ptrdiff_t stride = (ptrdiff_t)(s->count * j->size);
    switch (s->form) {
    case LEAF: j->k->leaf(s->count, s->n, j->x, 0, j->value, j->extra); break;
    case ROWS: j->k->rows(s->n, s->count, j->x, stride, 0, 0, j->value, j->extra); break;
    case SCAN: j->k->scan_leaf(s->n, j->x, j->value, j->r); break;
    case SCAN_LEAVES:
        j->k->scan_leaves(s->n, j->x, (ptrdiff_t)(s->n * j->size), j->value, j->r, (ptrdiff_t)(s->n * j->size), false);
        break;
    case SCAN_ROWS: j->k->scan_rows(s->n, s->count, j->x, stride, 0, j->value, j->extra, j->r, stride); break;
    }
}

static void measure(nx_isa isa, nx_reducer reducer, nexpr_dtype dtype, const shape *s, char *memory) {
    job j = {nx_vm_reduce_kernels(isa, reducer, dtype), s, nexpr_dtype_size(dtype), memory, NULL, NULL, NULL};
    double ns = INFINITY;
    if (s->form >= SCAN && !j.k->scan_leaf) return; /* who has one has all */
    /* Apart by odd numbers of lines: addresses equal but for multiples of 4096 would wait for each other. */
    j.value = memory + ITEMS * 16 + 64;
    j.extra = j.value + ITEMS * 16 + 1088;
    j.r = j.extra + ITEMS * 16 + 1088;
    for (int i = 0; i < REPEATS; i++) ns = fmin(ns, bench_time_calls((bench_call){run, &j, NULL}, LEAST_NS));
    printf("%-8s %-10s %-14s %-8s %8.4f\n", nx_reducer_name(reducer), nexpr_dtype_name(dtype), s->name, nx_isa_name(isa),
           ns / (double)(s->n * s->count));
}

/* Between 0.5 and 1.5, or integers below 100, in no order; bools are false, so that nothing is known early. */
static void fill(nexpr_dtype dtype, char *x) {
    const nexpr_dtype part = nx_dtype_real(dtype);
    nx_kernel *const convert = nx_vm_cast_kernel(NX_ISA_BASELINE, NEXPR_FLOAT64, part);
    const bool is_float = nx_dtype_class(part) == NX_CLASS_REAL;
    const size_t size = nexpr_dtype_size(part), parts = ITEMS * (nexpr_dtype_size(dtype) / size);
    for (size_t i = 0; i < parts; i++) {
        const double u = (double)((uint32_t)(i + 1) * 2654435769u) * 0x1p-32, v = is_float ? 0.5 + u : floor(100 * u);
        convert(1, x + i * size, (const void *const[]){&v});
    }
    if (dtype == NEXPR_BOOL) memset(x, 0, ITEMS);
}

static const char help[] =
    "usage: reduce_bench [REDUCER|all [DTYPE|all [ISA]]]\n"
    "Time the kernels of reductions, in nanoseconds per element.\n";

int main(int argc, char **argv) {
    const char *reducer_name = argc > 1 ? argv[1] : "all", *dtype_name = argc > 2 ? argv[2] : "all";
    const char *isa_name = argc > 3 ? argv[3] : "all";
    char *memory = aligned_alloc(4096, ITEMS * 16 * 8);
    int rows = 0;
    if (!memory) return 1;
    for (int i = 0; i < NX_REDUCER_COUNT * NEXPR_DTYPE_COUNT * NX_ISA_COUNT; i++) {
        const nx_isa isa = (nx_isa)(i % NX_ISA_COUNT);
        const nexpr_dtype dtype = (nexpr_dtype)(i / NX_ISA_COUNT % NEXPR_DTYPE_COUNT);
        const nx_reducer reducer = (nx_reducer)(i / NX_ISA_COUNT / NEXPR_DTYPE_COUNT);
        if (!nx_isa_is_supported(isa) || !nx_vm_reduce_kernels(isa, reducer, dtype)) continue;
        if (strcmp(reducer_name, "all") && strcmp(reducer_name, nx_reducer_name(reducer))) continue;
        if (strcmp(dtype_name, "all") && strcmp(dtype_name, nexpr_dtype_name(dtype))) continue;
        if (strcmp(isa_name, "all") && strcmp(isa_name, nx_isa_name(isa))) continue;
        memset(memory, 0, ITEMS * 16 * 8);
        fill(dtype, memory);
        for (int k = 0; k < SHAPES; k++, rows++) measure(isa, reducer, dtype, &shapes[k], memory);
    }
    free(memory);
    if (rows == 0) fputs(help, stderr);
    return rows == 0;
}
