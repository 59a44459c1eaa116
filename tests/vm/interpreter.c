/* SPDX-License-Identifier: MIT */
#include "interpreter.h"

#include "fixture.h"
#include "vm/reduce.h"

#include <stdlib.h>

enum { MOST = 64 };

static const nx_segment *segments[MOST];

/* A value while a segment is computed: n elements, or one. */
typedef struct column {
    nexpr_dtype dtype;
    bool is_scalar;
    char *data; /* aligned, native, end to end */
} column;

static column read_input(const nx_segment_operand *operand, size_t n, const char *at, int64_t stride) {
    const nexpr_dtype dtype = (nexpr_dtype)operand->dtype;
    const int64_t size = (int64_t)nexpr_dtype_size(dtype);
    const bool is_scalar = operand->access == NX_ACCESS_SCALAR || operand->access == NX_ACCESS_KNOWN ||
                           operand->access == NX_ACCESS_ROW;
    column c = {dtype, is_scalar, aligned_alloc(64, (n * (size_t)size + 127) / 64 * 64)};
    assert_non_null(c.data);
    if (operand->access == NX_ACCESS_KNOWN) {
        memcpy(c.data, &(nx_value){.bits = {operand->detail, 0}}, (size_t)size);
    } else {
        const bool has_stride = operand->access == NX_ACCESS_STRIDED || operand->access == NX_ACCESS_COLUMN;
        const int64_t step = has_stride ? stride : size;
        nx_vm_load_kernel(nx_isa_current(), dtype, operand->is_swapped)(1, is_scalar ? 1 : n, c.data, at, 0, step);
    }
    return c;
}

static column compute(const nx_segment_value *v, size_t n, const column *columns) {
    const nexpr_dtype dtype = (nexpr_dtype)v->dtype, loop = (nexpr_dtype)v->loop;
    const void *x[NX_MAX_ARITY] = {NULL, NULL, NULL};
    column r = {dtype, true, NULL};
    unsigned form = 0;
    for (int k = 0; k < v->arity; k++) {
        x[k] = columns[v->arg[k]].data;
        r.is_scalar &= columns[v->arg[k]].is_scalar;
        if (columns[v->arg[k]].is_scalar) form |= 1u << k;
    }
    r.data = aligned_alloc(64, (n * nexpr_dtype_size(dtype) + 127) / 64 * 64);
    nx_kernel *kernel = v->kind == NX_NODE_CAST ? nx_vm_cast_kernel(nx_isa_current(), loop, dtype)
                                                : nx_vm_kernel(nx_isa_current(), (nx_op)v->op, loop, r.is_scalar ? 0 : form);
    assert_non_null(kernel);
    assert_true(v->kind == NX_NODE_CAST || v->op == NX_OP_power || nx_op_is_inlined((nx_op)v->op, loop));
    kernel(r.is_scalar ? 1 : n, r.data, x);
    return r;
}

static void write_output(const nx_segment_operand *operand, size_t n, char *at, const column *from) {
    const size_t size = nexpr_dtype_size(from->dtype);
    assert_int_equal(operand->dtype, from->dtype);
    if (operand->access == NX_ACCESS_LANES) {
        const nx_reduce_kernels *kernels = nx_vm_reduce_kernels(nx_isa_current(), (nx_reducer)operand->detail, from->dtype);
        assert_true(n % NX_LANES == 0 && !from->is_scalar);
        kernels->fold(n, at, (const void *[]){from->data});
        return;
    }
    assert_true(operand->access == NX_ACCESS_BLOCK || operand->access == NX_ACCESS_STREAM);
    for (size_t i = 0; i < n; i++) memcpy(at + i * size, from->data + (from->is_scalar ? 0 : i * size), size);
}

static void interpret(const nx_segment *s, size_t n, char *const *at, const int64_t *stride) {
    column columns[NX_SEGMENT_OPERANDS + NX_SEGMENT_VALUES];
    const uint32_t values = s->input_count + s->value_count;
    for (uint32_t k = 0; k < s->input_count; k++) {
        columns[k] = read_input(&nx_segment_inputs(s)[k], n, at[s->output_count + k], stride[s->output_count + k]);
    }
    for (uint32_t k = 0; k < s->value_count; k++) columns[s->input_count + k] = compute(&nx_segment_values(s)[k], n, columns);
    for (uint32_t k = 0; k < s->output_count; k++) {
        write_output(&nx_segment_outputs(s)[k], n, at[k], &columns[nx_segment_results(s)[k]]);
    }
    for (uint32_t k = 0; k < values; k++) free(columns[k].data);
}

static void interpret_rows(const nx_segment *s, size_t n, char *const *at, const int64_t *stride, size_t rows) {
    const uint32_t operands = (uint32_t)s->output_count + s->input_count;
    char *in_row[NX_SEGMENT_OPERANDS];
    for (size_t row = 0; row < (s->has_rows ? rows : 1); row++) {
        for (uint32_t k = 0; k < operands; k++) {
            const uint8_t access = nx_segment_outputs(s)[k].access;
            const bool is_one = access == NX_ACCESS_SCALAR || access == NX_ACCESS_KNOWN;
            in_row[k] = at[k] + (s->has_rows && !is_one ? (int64_t)row * stride[operands + k] : 0);
        }
        interpret(s, n, in_row, stride);
    }
}

#define EIGHT(X, k) X(k##0) X(k##1) X(k##2) X(k##3) X(k##4) X(k##5) X(k##6) X(k##7)
/* In octal, as far as MOST. */
#define KERNEL_MAP(X) EIGHT(X, 00) EIGHT(X, 01) EIGHT(X, 02) EIGHT(X, 03) EIGHT(X, 04) EIGHT(X, 05) EIGHT(X, 06) EIGHT(X, 07)
#define X(i)                                                                            \
    static void kernel_##i(size_t n, char *const *at, const int64_t *stride, size_t rows) { \
        interpret_rows(segments[i], n, at, stride, rows);                               \
    }
KERNEL_MAP(X)
#undef X

void interpret_segments(nx_vm_code *code) {
    static nx_segment_kernel *const kernels[MOST] = {
#define X(i) kernel_##i,
        KERNEL_MAP(X)
#undef X
    };
    assert_true(nx_vm_segment_count(code) <= MOST);
    for (uint32_t i = 0; i < nx_vm_segment_count(code); i++) {
        segments[i] = nx_vm_segment(code, i);
        nx_vm_install(code, i, kernels[i]);
    }
}
