/* SPDX-License-Identifier: MIT */
/* Short ways to compile and to make arrays, for tests of the public API. */
#ifndef TESTS_RUNTIME_FIXTURE_H
#define TESTS_RUNTIME_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "nexpr.h"

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))
/* A shape or strides literal. */
#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

static inline nexpr_array array_of(void *data, nexpr_dtype dtype, int ndim, const int64_t *shape, const int64_t *strides) {
    nexpr_array a = nexpr_array_init();
    a.data = data;
    a.dtype = dtype;
    a.ndim = ndim;
    a.shape = shape;
    a.strides = strides;
    return a;
}

static inline void assert_ok(nexpr_status status, const nexpr_error *err) {
    if (status) fail_msg("%s: %s [%zu,%zu)", nexpr_status_text(status), err->message, err->begin, err->end);
}

/* Compiles text for at most three inputs a, b, c of these dtypes; NEXPR_DTYPE_COUNT ends them early. */
static inline nexpr *compile(const char *text, nexpr_dtype a, nexpr_dtype b, nexpr_dtype c) {
    static const char *const names[] = {"a", "b", "c"};
    nexpr_dtype dtypes[] = {a, b, c};
    nexpr_input inputs[3];
    const nexpr_input *pointers[3];
    nexpr_error err = nexpr_error_init();
    nexpr_program *program;
    nexpr *expr;
    int count = 0;
    for (; count < 3 && dtypes[count] != NEXPR_DTYPE_COUNT; count++) {
        inputs[count] = nexpr_input_init(names[count], dtypes[count], -1);
        pointers[count] = &inputs[count];
    }
    assert_ok(nexpr_parse(NULL, text, SIZE_MAX, NULL, &program, &err), &err);
    assert_ok(nexpr_compile(NULL, program, pointers, count, NULL, NULL, &expr, &err), &err);
    nexpr_program_free(&program);
    return expr;
}

#define F64 NEXPR_FLOAT64
#define F32 NEXPR_FLOAT32
#define I64 NEXPR_INT64
#define I32 NEXPR_INT32
#define NONE NEXPR_DTYPE_COUNT

#endif
