/* SPDX-License-Identifier: MIT */
/*
 * A loop nest: results of one shape, computed in one pass over a common iteration space. Its axes are those of the shape
 * without extents of 1, in the order of memory, merged where all operands allow it; the two innermost are the backend's, the
 * outer ones an odometer, and the whole is cut into tasks that threads take.
 */
#ifndef NX_RUNTIME_NEST_H
#define NX_RUNTIME_NEST_H

#include "engine/schedule.h"
#include "runtime/shape.h"
#include "runtime/tier.h"

enum { NX_NEST_AXES = NEXPR_MAX_NDIM + 2 };

/* What is wrong with an operand's addresses at run time; the nest is linked for it. */
enum { NX_MISALIGNED = 1, NX_SPOOLED = 2 };

typedef struct nx_nest_operand {
    nexpr_dtype dtype;
    bool is_used, swapped;
    bool is_index;          /* an input that has no memory: the address is the value */
    bool is_buffer;         /* an output that a worker's buffer holds */
    bool is_folded;         /* an output that becomes lanes of this reducer */
    nx_reducer reducer;
    bool is_stride_aligned; /* all strides are multiples of the alignment */
    uint8_t alignment;      /* bytes */
    uint32_t kept_part;     /* an input of a nest that goes along: 1 + the part whose results a worker holds; or 0 */
    uint8_t state;          /* NX_MISALIGNED: not aligned; NX_SPOOLED: an output that goes to a buffer first */
    uint32_t index;         /* of the input, or of the result in the expression */
    int64_t offset;         /* bytes from element [0, 0, ...] to the nest's first element (axes run upward in memory) */
    int64_t *stride;        /* bytes, by axis */
    int64_t table_stride, table_count; /* of the axis along which a lookup reads an input; 0 if none does */
} nx_nest_operand;

typedef struct nx_reduce nx_reduce;
typedef struct nx_nest_profile nx_nest_profile; /* runtime/profile.c */

typedef struct nx_nest {
    const nx_memory *memory;
    const nx_vm_program *program;
    nx_nest_operand *operands; /* all inputs, then the nest's outputs */
    uint32_t input_count, output_count;
    int axes; /* at least 2 */
    int64_t extent[NX_NEST_AXES];
    int64_t count; /* elements */
    int block_items;
    nx_vm_code *code;
    bool has_tier; /* it is to be linked for both tiers */
    bool is_stale; /* memory was out when it was to be linked anew */
    bool is_long;  /* each run is looked at; else one in many: runtime/choose.h */
    uint32_t runs, weight;
    double vm_ns, compiled_ns; /* the least that a run took; 0: none was measured */
    double compiled_sum;       /* nanoseconds of all runs of machine code, by those that were measured */
    uint32_t compiled_runs;    /* that were measured */
    bool is_settled;           /* which of the two is faster */
    nx_tier *tier; /* NULL: there is only the VM */
    _Atomic int64_t *tasks_run; /* [2], by tier; NULL: nobody asks */
    size_t worker_bytes;
    size_t buffers_at, states_at, kept_at; /* of a reduction, in a worker's memory: runtime/reduce_work.h */
    int64_t task_count, row_tasks, col_tasks, task_rows, task_cols;
    nx_reduce *reduce; /* runtime/reduce.h; NULL: elementwise */
    bool has_tail;     /* the next nest is elementwise and goes along: a task computes its elements for the kept ones that
                        * it has just reduced. Its one axis that is longer than 1 is that of the kept elements */
    nexpr_profile *profile;    /* that it is measured for; NULL: nobody asks */
    nx_nest_profile *measured; /* since it was linked; NULL without a profile */
    uint32_t number, pass;     /* in its plan; of the plan, among slabs */
    int most_workers;
} nx_nest;

/* Lays the nest out for operands whose dtype, is_used, swapped, index and stride (by the shape's axes, room for
 * NX_NEST_AXES) are set. */
void nx_nest_arrange(nx_nest *nest, const nx_shape *shape);
/* Notes what alignment the operands have, whose strides are set. */
void nx_nest_note_alignment(nx_nest *nest);
/* Notes how much memory a worker needs, of a nest that is linked. */
void nx_nest_measure_worker(nx_nest *nest);
/* A worker's memory begins with the operands' addresses, in so many bytes; the backend's scratch follows. */
size_t nx_nest_pointer_bytes(const nx_nest *nest);
/* Links the code for the operands' states, in place of the code there was. Errors: MEMORY. */
nexpr_status nx_nest_link(nx_nest *nest, nexpr_error *err);
void nx_nest_free(nx_nest *nest);
/* Leaves the VM alone with it, as before it was linked for two tiers. */
void nx_nest_drop_tier(nx_nest *nest);

/* Where an operand lies while the nest runs. */
typedef struct nx_nest_args {
    const nx_nest *nest;
    const char *const *inputs; /* addresses of the nest's first elements */
    char *const *outputs;      /* spooled ones: of the buffers */
    char *workers;             /* memory of the running threads, worker_bytes each, aligned to 64 */
    const volatile int *cancel; /* of the run; long tasks look at it and end early. May be NULL */
    const struct nx_nest_args *tail; /* of the nest that goes along; NULL: none does */
} nx_nest_args;

/* Computes one task. The floating-point environment is set. Errors: VALUE, for the first element of the task that has one. */
nexpr_status nx_nest_run(const nx_nest_args *args, int64_t task, int worker, nexpr_error *err);
/* Where the worker notes that an index is out of bounds. */
nx_vm_fault *nx_nest_fault(const nx_nest_args *args, int worker);
/* What its tasks run now. */
const nx_vm_code *nx_nest_code(const nx_nest *nest);
/* Whether no cache keeps enough of so many bytes to matter: outputs so large are written past them. */
bool nx_nest_is_uncached(double bytes);
/* Nanoseconds that the whole takes on one thread, roughly. */
double nx_nest_estimate(const nx_nest *nest);
/* Bytes that a run touches. */
double nx_nest_touched_bytes(const nx_nest *nest);
/* Bytes that come from memory for each element; 0 if a cache may have them. */
double nx_nest_bytes_per_item(const nx_nest *nest);
/* Elements of one task, for progress. */
int64_t nx_nest_task_items(const nx_nest *nest);
/* Copies a spooled output from its buffer to its place. */
void nx_nest_unspool(const nx_nest *nest, uint32_t output, const char *buffer, char *destination);

/* Strides of a new array of this shape, with the axes in the order of the used inputs' axes. */
void nx_nest_order_like(const nexpr *e, const nexpr_array *const *inputs, const uint8_t *used, const nx_shape *shape,
                        size_t item_size, int64_t *ret_strides);
/* The same for what the pass computes. */
void nx_nest_order_like_sources(const nx_pass *pass, size_t item_size, int64_t *ret_strides);

#endif
