/* SPDX-License-Identifier: MIT */
/* Segments and kernels of the fake plug-in. Defines what cmocka needs. */
#ifndef NX_TESTS_JIT_FIXTURE_H
#define NX_TESTS_JIT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "jit/jit.h"
#include "tests/jit/fake.h"

/* A segment of one operation, to which the fake plug-in makes code that adds its number. */
typedef struct test_segment {
    nx_segment head;
    nx_segment_operand operands[2];
    nx_segment_value value;
    uint16_t result;
} test_segment;

static inline const nx_segment *segment_adding(test_segment *s, uint16_t number) {
    memset(s, 0, sizeof *s);
    *s = (test_segment){{1, 1, 1, 0}, {{NEXPR_UINT64, NX_ACCESS_BLOCK, 0, 0}, {NEXPR_UINT64, NX_ACCESS_BLOCK, 0, 0}},
                        {NX_NODE_OP, NEXPR_UINT64, NEXPR_UINT64, 1, number, {0}}, 1};
    return &s->head;
}

/* What the kernel adds; UINT64_MAX if it has no code. */
static inline uint64_t number_of(const nx_jit_kernel *kernel) {
    nx_segment_kernel *entry = nx_jit_entry(kernel);
    uint64_t x[3] = {5, 6, 7}, r[3] = {0};
    char *at[] = {(char *)r, (char *)x};
    if (!entry) return UINT64_MAX;
    entry(3, at, NULL, 1);
    assert_true(r[1] == r[0] + 1 && r[2] == r[0] + 2);
    return r[0] - 5;
}

/* The plug-in of a name, which the build made beside this program. */
static inline const char *plugin_path(const char *name) {
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(n > 0);
    path[n] = 0;
    snprintf(strrchr(path, '/') + 1, 64, "fake_%s.so", name);
    return path;
}

/* Without a disk cache. */
static inline nx_jit *jit_with(const nexpr_allocator *allocator, const char *plugin) {
    nx_jit_options options = {.disk_cache = "", .plugin = plugin_path(plugin)};
    nx_jit *jit = NULL;
    assert_int_equal(nx_jit_new(allocator, &options, &jit, NULL), NEXPR_OK);
    return jit;
}

static inline nx_jit_kernel *get(nx_jit *jit, uint16_t number, bool wait) {
    test_segment s;
    nx_jit_kernel *kernel = NULL;
    const nx_jit_effort effort = wait ? NX_JIT_WAIT : NX_JIT_COMPILE;
    assert_int_equal(nx_jit_get(jit, segment_adding(&s, number), NX_ISA_AVX2, effort, &kernel, NULL), NEXPR_OK);
    return kernel;
}

#endif
