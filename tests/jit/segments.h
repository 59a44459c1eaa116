/* SPDX-License-Identifier: MIT */
/*
 * What the tests of compiled segments share: segments built by hand, operands with memory that cannot be touched on both
 * sides, and a reference that computes every value by a kernel of the VM. check_segment compares all bytes.
 */
#ifndef NX_TESTS_JIT_SEGMENTS_H
#define NX_TESTS_JIT_SEGMENTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/segment.h"
#include "jit/plugin.h"
#include "tests/vm/samples.h"
#include "vm/kernels.h"
#include "vm/reduce.h"

enum { MAX_N = 60000, MOST_NODES = 2048 };

#ifdef SANITIZED /* sees what makes the code, and not the code: one is enough */
#define EACH_ISA(isa) for (nx_isa isa = nx_isa_current(), last_ = isa; isa >= NX_ISA_AVX2 && isa <= last_; isa++)
#else
#define EACH_ISA(isa) for (nx_isa isa = NX_ISA_AVX2; isa <= NX_ISA_AVX512; isa++)
#endif

/* ---- segments ---- */

typedef struct builder {
    nx_segment_operand outputs[NX_SEGMENT_OPERANDS], inputs[NX_SEGMENT_OPERANDS];
    nx_segment_value values[NX_SEGMENT_VALUES];
    uint16_t results[NX_SEGMENT_OPERANDS];
    unsigned output_count, input_count, value_count;
    bool has_rows;
} builder;

/* All inputs first: the number of a value depends on theirs. */
unsigned add_input(builder *b, nexpr_dtype dtype, nx_access access, bool is_swapped);
unsigned add_known(builder *b, nexpr_dtype dtype, unsigned known);
unsigned add_cast(builder *b, nexpr_dtype to, unsigned x);
unsigned add_op(builder *b, nx_op op, nexpr_dtype loop, const unsigned *args);
void add_output(builder *b, nx_access access, unsigned index);
void add_lanes(builder *b, nx_reducer reducer, unsigned index);
void add_nodes(builder *b, nx_reducer reducer, unsigned index);
void add_leaves(builder *b, nx_reducer reducer, unsigned index);
nexpr_dtype dtype_of(const builder *b, unsigned index);
/* The bytes, until the next call. */
const nx_segment *finish(const builder *b);

/* ---- code ---- */

typedef struct code {
    nx_segment_kernel *entry;
    void *memory;
    size_t bytes;
} code;

const nx_jit_plugin *plugin(void);
/* Fails the test unless it compiles, and the object is one that the loader takes. */
code compile(const builder *b, nx_isa isa);
void code_free(code *c);

/* ---- runs ---- */

typedef struct run {
    size_t n, rows;   /* elements of a row; rows: 0 is 1 */
    unsigned shift;   /* bytes that operands lie away from the border of what can be touched; outputs that are streams start
                         so many bytes behind a multiple of 64 */
    bool in_place;    /* the output is the first input */
    bool pairs;       /* inputs 0 and 1 are all pairs of edges, the others random */
    uint64_t seed;    /* of the elements */
    int64_t first, done, between; /* of nodes and leaves: nx_segment_rows */
} run;

/* Runs the code, and fails the test unless it gives the bits of the VM and leaves all other bytes alone. What is for an
 * instruction set that the machine has not is only compiled. */
void check_run(const builder *b, const code *c, nx_isa isa, const run *r);
/* Compiles and runs for all given n. */
void check_segment(const builder *b, nx_isa isa, const size_t *n, size_t count, const run *how);

#endif
