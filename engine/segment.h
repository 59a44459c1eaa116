/* SPDX-License-Identifier: MIT */
/*
 * A segment: elementwise work that a backend can compile to one loop. It is flat, holds no names, places or addresses, and
 * two segments that do the same have the same bytes, so that it is its own key in caches.
 *
 *   nx_segment                 the head
 *   nx_segment_operand[...]    the outputs, then the inputs
 *   nx_segment_value[...]      what is computed, operands before users
 *   uint16_t[...]              by output, the value that is written to it
 *
 * A value is named by a number: inputs count from 0, computed values behind them. What holds: dtypes are those of the IR
 * (engine/ir.h), every operation is inlined (engine/ops.def), and a result has its output's dtype.
 */
#ifndef NX_ENGINE_SEGMENT_H
#define NX_ENGINE_SEGMENT_H

#include "engine/ir.h"

enum { NX_SEGMENT_OPERANDS = 96, NX_SEGMENT_VALUES = 512 };

/* Rows that are computed at once where there are COLUMN inputs, or a multiple of these. */
enum { NX_TILE_ROWS = 8 };

/* How the elements of a row lie in an operand. Addresses need not be aligned, but of a stream to the size of an element (or
 * of its half). */
typedef enum nx_access {
    NX_ACCESS_SCALAR,  /* inputs: one element serves for all */
    NX_ACCESS_BLOCK,   /* end to end */
    NX_ACCESS_STRIDED, /* inputs: a stride apart, of any sign; 0 is allowed. A step in elements is known where
                          nx_segment_step says so */
    NX_ACCESS_STREAM,  /* outputs: end to end, written past the caches; the caller fences */
    NX_ACCESS_LANES,   /* outputs: NX_LANES lanes of a reducer, of the loop dtype, to which the elements are added: element i
                          to lane i % NX_LANES. n is a multiple of NX_LANES */
    NX_ACCESS_KNOWN,   /* inputs: the integer `known`; there is no memory, the address is not looked at */
    NX_ACCESS_ROW,     /* inputs, if there are rows: one element serves for a row */
    NX_ACCESS_NODES,   /* outputs, if there are rows: nodes of a reducer's tree, of the loop dtype, one for each element of a
                          row: element i of each row in turn is added to node i. All outputs have it, or none */
    NX_ACCESS_LEAVES,  /* the same, but one node for each row, which is a leaf; n is from NX_LANES to NX_LEAF_ITEMS */
    NX_ACCESS_COLUMN,  /* inputs of 4 or 8 bytes that are not complex, if there are rows: the elements of a column end to
                          end, those of a row a stride apart, of any sign */
    NX_ACCESS_COUNT
} nx_access;

typedef struct nx_segment_operand {
    uint8_t dtype;
    uint8_t access;
    uint8_t detail;     /* LANES, NODES, LEAVES: the reducer; KNOWN: the integer; STRIDED: the step, an int8_t, 0 if it is not
                           known */
    uint8_t is_swapped; /* inputs but KNOWN: the other byte order */
} nx_segment_operand;

/* Elements from one to the next, if it is worth code of its own that they are so many; else 0. */
static inline int nx_segment_step(int64_t stride, int64_t item_size) {
    enum { LEAST = -2, MOST = 4 };
    const int64_t step = stride / item_size;
    return step * item_size == stride && step >= LEAST && step <= MOST && step != 1 ? (int)step : 0;
}

typedef struct nx_segment_value {
    uint8_t kind;  /* NX_NODE_OP or NX_NODE_CAST */
    uint8_t dtype; /* of the result */
    uint8_t loop;  /* NX_NODE_OP: dtype T of the kernel; NX_NODE_CAST: dtype of the argument */
    uint8_t arity;
    uint16_t op;
    uint16_t arg[NX_MAX_ARITY];
} nx_segment_value;

typedef struct nx_segment {
    uint16_t output_count, input_count, value_count;
    uint16_t has_rows; /* 0 or 1: the elements are those of several rows, no output has LANES */
} nx_segment;

_Static_assert(sizeof(nx_segment_value) == 12 && sizeof(nx_segment_operand) == 4 && sizeof(nx_segment) == 8, "no padding");

static inline const nx_segment_operand *nx_segment_outputs(const nx_segment *s) {
    return (const nx_segment_operand *)(s + 1);
}

static inline const nx_segment_operand *nx_segment_inputs(const nx_segment *s) {
    return nx_segment_outputs(s) + s->output_count;
}

static inline const nx_segment_value *nx_segment_values(const nx_segment *s) {
    return (const nx_segment_value *)(nx_segment_inputs(s) + s->input_count);
}

static inline const uint16_t *nx_segment_results(const nx_segment *s) {
    return (const uint16_t *)(nx_segment_values(s) + s->value_count);
}

static inline size_t nx_segment_bytes(const nx_segment *s) {
    return sizeof *s + ((size_t)s->output_count + s->input_count) * sizeof(nx_segment_operand) +
           s->value_count * sizeof(nx_segment_value) + s->output_count * sizeof(uint16_t);
}

/*
 * A compiled segment. at[k] and stride[k] (bytes; STRIDED, COLUMN operands) belong to operand k: outputs, then inputs. Of a
 * segment that has rows stride[operands + k] are the bytes from one row to the next, 0 among them, for all but SCALAR and
 * KNOWN; of others `rows` is not looked at. An output of BLOCK may be exactly an input of BLOCK of the same item size, if it
 * is the only output; else nothing overlaps. n, rows >= 1. The results have the bits of the VM's kernels: what is stored and
 * NaN is canonical. The floating-point environment is set.
 *
 * If outputs are NODES or LEAVES, at[operands] is a nx_segment_rows, and at[operands + 1 + k] has what nodes of output k have
 * beside their value, 8 bytes each, end to end (vm/reduce.h), if the reducer needs more.
 */
typedef struct nx_segment_rows {
    int64_t first;   /* the logical index of the first row, or of its first element, along the reduced axes */
    int64_t done;    /* NODES: rows that they had before; 0: they are new, and what is there is nothing */
    int64_t between; /* LEAVES: from a row's first element to that of the next one; 0 if rows are of several nodes */
} nx_segment_rows;

typedef void nx_segment_kernel(size_t n, char *const *at, const int64_t *stride, size_t rows);

#endif
