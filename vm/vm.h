/* SPDX-License-Identifier: MIT */
/*
 * The block VM, in three steps:
 *
 *   nx_vm_compile   typed IR -> bytecode: what to do, for any shapes. Made once per expression, immutable, shared.
 *   nx_vm_link      bytecode + layout of the operands -> code: kernels chosen, operands resolved. Once per plan, immutable.
 *   nx_vm_run       code + addresses + scratch -> results, for one rectangle of the two innermost axes. Any thread.
 */
#ifndef NX_VM_VM_H
#define NX_VM_VM_H

#include "engine/ir.h"
#include "engine/reducer.h"
#include "engine/segment.h"

typedef struct nx_vm_program nx_vm_program;

/* Lives in ir->arena. Errors: MEMORY, LIMIT. */
nexpr_status nx_vm_compile(const nx_ir *ir, nx_vm_program **ret, nexpr_error *err);
/* As nexpr_listing. */
size_t nx_vm_listing(const nx_vm_program *program, char *buffer, size_t capacity);

/* As nexpr_ir; ir is what the program was made of. */
size_t nx_vm_explain(const nx_vm_program *program, const nx_ir *ir, const char *text, char *buffer, size_t capacity);

/* How an operand lies in memory along the two innermost axes of the plan: [0] the outer, [1] the inner one. */
typedef struct nx_vm_operand {
    nexpr_dtype dtype;   /* inputs: that of the IR; outputs: may differ from the result's (same_kind) */
    bool swapped;
    bool aligned;        /* every element is aligned to its size (of a half, for complex) */
    bool non_temporal;   /* outputs */
    bool is_index;       /* an int64 input that is in no memory: element [i, j] is the address's distance from
                          * NX_INDEX_BASE, plus i*stride[0] + j*stride[1] */
    bool is_folded;      /* outputs: the address is that of the lanes of a leaf (vm/reduce.h), which the elements of a row
                          * are added to; stride[1] is 0, the reducer has a fold */
    nx_reducer reducer;
    int64_t stride[2];   /* bytes */
    int64_t table_stride, table_count; /* of inputs that lookups have as a table: the axis along which they read it. All but
                                        * take want it contiguous and native, with stride {0, 0} */
} nx_vm_operand;

/* Nodes of a reducer's tree that the elements of a result are added to, instead of being written: one for each column, row
 * after row, or one for each row, which is then a leaf. */
typedef struct nx_vm_node {
    uint32_t result;
    nx_reducer reducer;
} nx_vm_node;

/* As far from either end of the addresses as can be: indices of a magnitude below 2^61 have addresses. */
#define NX_INDEX_BASE ((const char *)((uintptr_t)1 << 62))

typedef struct nx_vm_layout {
    int64_t count[2];              /* extent of the two axes */
    const nx_vm_operand *inputs;   /* one per input of the IR; those that are not used are not looked at */
    const nx_vm_operand *outputs;  /* one per result */
    int block_items;               /* 0: chosen */
    bool is_cold;                  /* no cache holds the operands: they come from memory */
    bool has_segments;             /* what can be compiled is joined to segments, whose kernels are installed later */
    bool has_parts;                /* the code can tell what its steps do: nx_vm_part_at */
    const nx_vm_node *nodes;       /* what becomes of all results, if segments can do it; else they are written */
    uint32_t node_count;
    bool has_leaves;               /* of rows */
} nx_vm_layout;

typedef struct nx_vm_code nx_vm_code;

/* allocator may be NULL. Errors: MEMORY. */
nexpr_status nx_vm_link(const nx_vm_program *program, const nexpr_allocator *allocator, const nx_vm_layout *layout,
                        nx_vm_code **ret, nexpr_error *err);
void nx_vm_code_free(const nexpr_allocator *allocator, nx_vm_code *code);
/* The segments of code that was linked for them, and their kernels: all have to be there before the code is run. */
uint32_t nx_vm_segment_count(const nx_vm_code *code);
/* Whether it adds elements to nodes: it is run with args->nodes, and writes no results. */
bool nx_vm_is_stepping(const nx_vm_code *code);
const nx_segment *nx_vm_segment(const nx_vm_code *code, uint32_t i);
void nx_vm_install(nx_vm_code *code, uint32_t i, nx_segment_kernel *kernel);
/* Bytes of scratch that one running thread needs, to be aligned to 64. */
size_t nx_vm_scratch_bytes(const nx_vm_code *code);
/* Elements of a block. */
int nx_vm_block_items(const nx_vm_code *code);
/* Nanoseconds per element, to the order of magnitude, on one thread with operands in the cache. */
double nx_vm_ns_per_item(const nx_vm_code *code);
/* The same, were it linked for segments and these compiled. */
double nx_vm_compiled_ns_per_item(const nx_vm_code *code);
/* Rows and columns that are read together: rectangles should have a multiple of them. */
void nx_vm_granule(const nx_vm_code *code, int64_t ret[2]);

/* What a step of linked code does, in terms of the expression. Operations that became one step are one part; it has the place
 * of the outermost one, whose text contains that of the others. */
typedef enum nx_vm_part_kind {
    NX_PART_OP,      /* `op` */
    NX_PART_FUSED,   /* a superinstruction, whose last operation is `op` */
    NX_PART_CAST,
    NX_PART_LOOKUP,  /* `op` is an nx_lookup */
    NX_PART_LOAD,    /* of an input that cannot be read in place */
    NX_PART_STORE,   /* of a result that cannot be computed in place */
    NX_PART_SEGMENT, /* machine code */
    NX_PART_PANELS,  /* transposed inputs, loaded for many rows at once */
    NX_PART_REDUCE,  /* `op` is an nx_reducer; not of linked code but of who runs it (runtime/profile.c) */
    NX_PART_COMPRESS, /* likewise */
} nx_vm_part_kind;

typedef struct nx_vm_part {
    uint8_t kind, phase;
    uint8_t dtype; /* of what it makes */
    uint16_t op;
    uint16_t operations; /* of the expression that it does; 0: it only moves elements */
    uint16_t bytes; /* that it reads and writes for each element */
    nx_span span;   /* empty if it is of no place in the text */
    uint32_t first_place, place_count; /* of a segment: nx_vm_part_places */
} nx_vm_part;

/* Of code that was linked with has_parts: one for each step, then one for all panels. */
uint32_t nx_vm_part_count(const nx_vm_code *code);
const nx_vm_part *nx_vm_part_at(const nx_vm_code *code, uint32_t i);
/* The places of all that a segment does, place_count of them; NULL if there are none. */
const nx_span *nx_vm_part_places(const nx_vm_code *code, const nx_vm_part *part);
/* "multiply", "load": for tables; `buffer` is returned. */
enum { NX_PART_NAME_MAX = 40 };
const char *nx_vm_part_name(const nx_vm_part *part, char buffer[NX_PART_NAME_MAX]);
/* Registers that a running thread has, of so many bytes each. */
uint32_t nx_vm_register_count(const nx_vm_code *code, size_t *ret_bytes);

/* An index that is out of bounds, at the first element of a rectangle that has one. */
typedef struct nx_vm_fault {
    bool is_set;
    const nx_vm_code *code; /* that found it */
    uint32_t lookup;  /* in the code */
    int64_t value;    /* the index */
    int64_t place[2]; /* of the element along the two axes */
} nx_vm_fault;

/* Whether nx_vm_run may set a fault; the error that one is, while its code is there. */
bool nx_vm_can_fault(const nx_vm_code *code);
nexpr_status nx_vm_fail(const nx_vm_fault *fault, nexpr_error *err);

/* The nodes of the layout, for each column, or each row: values, and what else they have (vm/reduce.h); what `rows` says is
 * of row 0. Rows that are leaves are whole, and have at least NX_LANES elements. */
typedef struct nx_vm_nodes {
    char *const *value, *const *extra;
    nx_segment_rows rows;
} nx_vm_nodes;

/* Operand addresses at element [0, 0] of the two innermost axes. */
typedef struct nx_vm_args {
    const void *code; /* nx_vm_code */
    void *scratch;    /* of the calling thread */
    const char *const *inputs;
    char *const *outputs;
    nx_vm_fault *fault; /* of the calling thread; may be NULL if the code cannot fault */
    const nx_vm_nodes *nodes;
    struct nx_vm_sample *sample; /* of the calling thread, to measure steps with (vm/sample.h); NULL: nobody asks */
} nx_vm_args;

/* Computes the rectangle of elements [first, first + count) of the two axes. Sets args->fault, unless it is set already, if
 * an index is out of bounds; results are then arbitrary. The signature of every backend's
 * kernels. The caller has set the floating-point environment. */
typedef void nx_nest_body(const nx_vm_args *args, const int64_t first[2], const int64_t count[2]);
nx_nest_body nx_vm_run;

/* Evaluates one node whose arguments are constants: for folding. */
void nx_vm_evaluate(const nx_node *node, const nx_value *args, nx_value *ret);

#endif
