/* SPDX-License-Identifier: MIT */
/* Programs and compiled expressions, behind the handles of nexpr.h. */
#ifndef NX_RUNTIME_EXPR_H
#define NX_RUNTIME_EXPR_H

#include <stdatomic.h>

#include "engine/ast.h"
#include "engine/ir.h"
#include "runtime/context.h"
#include "vm/vm.h"

struct nexpr_program {
    nx_memory memory;
    nx_arena arena;
    nx_ast ast;
    uint64_t parse_ticks; /* that parsing took */
};

/* Immutable but for the count of references: the handle, plans, the cache. */
struct nexpr {
    atomic_int references;
    nx_memory memory;
    nx_arena arena;
    nx_ir ir;
    bool is_scheduled;       /* not elementwise, so that passes over the arrays are known only when shapes are (engine/schedule.h) */
    bool has_lengths;        /* some extents depend on the data (runtime/lengths.h) */
    bool is_counted;         /* of these only that of the one result, which is what compresses (runtime/counted.h) */
    const int64_t *lengths;  /* of a copy for one evaluation: these extents, by node */
    nexpr *whole;            /* of such a copy: what it is one of; else NULL */
    size_t max_nodes;        /* of all passes */
    nx_vm_program *code;     /* of all results together; scheduled ones only to be listed */
    _Atomic int64_t gain;    /* nanoseconds that the JIT would have saved so far, roughly: runtime/choose.h */
    struct nx_check *checks; /* the last two results of each */
    uint32_t check_count;
    uint64_t parse_ticks, compile_ticks; /* that making it took */
    uint32_t *value_of;      /* by node: the instruction of `code`, counted from 1; 0: none */
    uint8_t *is_used;        /* [result][input]: whether the input decides the result's shape; then, once more, for any */
};

/* Row of is_used for all results together. */
static inline const uint8_t *nx_expr_used(const nexpr *e, uint32_t result) {
    return e->is_used + (size_t)result * e->ir.input_count;
}

nexpr *nx_expr_ref(const nexpr *e);

/* Fills value_of. Errors: MEMORY. */
nexpr_status nx_expr_number_values(nexpr *e, nexpr_error *err);

/* The program's text and types compiled; on failure nothing is kept. */
nexpr_status nx_expr_compile(const nexpr_allocator *allocator, const nx_ast *ast, const nexpr_input *const *inputs,
                             int input_count, const nexpr_dtype *result_dtype, const nexpr_options *options, nexpr **ret,
                             nexpr_error *err);

#endif
