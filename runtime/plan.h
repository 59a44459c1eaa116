/* SPDX-License-Identifier: MIT */
/* Plans: everything about an evaluation that depends on shapes and strides, and not on addresses. */
#ifndef NX_RUNTIME_PLAN_H
#define NX_RUNTIME_PLAN_H

#include "runtime/nest.h"

/* The array's struct with shape and strides copied into the plan; the data is that of the run. */
typedef struct nx_plan_operand {
    nexpr_array array;
    bool is_used;
    bool is_new; /* of an output: laid out as new ones are, by nexpr_evaluate */
    intptr_t low, high; /* extent in bytes relative to data; equal if empty */
    int8_t like_output; /* of an input, whether it lies as the only output does: 1, -1; 0: not known (runtime/direct.h) */
} nx_plan_operand;

/* What the thread that runs a plan calls between tasks; call may be NULL. */
typedef struct nx_between {
    void (*call)(void *user);
    void *user;
} nx_between;

struct nexpr_plan {
    nx_memory memory;
    nx_arena arena;
    nexpr *expr;
    nexpr_context *context;
    nexpr_run_options run;
    nexpr_backend backend; /* that is meant by run.backend */
    nx_plan_operand *inputs, *outputs;
    uint32_t input_count, output_count;
    nx_nest *nests;
    uint32_t nest_count;
    const char **nest_inputs; /* addresses of one nest, refilled for each */
    char **nest_outputs;
    char **temporaries;       /* what passes hand to later ones; numbered behind the inputs, and behind the outputs */
    uint32_t temporary_count;
    size_t temporary_bytes;
    const void **all_inputs;  /* with temporaries, NULL without */
    void **all_outputs;
    char **places;            /* of all nests' operands, with temporaries: for runtime/direct.h */
    char **spools;   /* by output: the buffer of one that overlaps an input, during a run */
    char *workers;   /* worker_count pieces of worker_bytes, aligned to 64 */
    void *worker_memory;
    size_t worker_bytes;
    int worker_count;
    int64_t total; /* elements of all nests */
    uint32_t pass; /* of slabs */
    bool has_run;
    bool is_direct;  /* runtime/direct.h */
    bool is_counted; /* runtime/counted.h */
    nx_between between;
};

/* A plan without operands and nests, and what comes when it has them; between the two the caller is to blame for it. */
nexpr_status nx_plan_start(const nexpr *expr, nexpr_context *context, const nexpr_run_options *run, nexpr_plan **ret,
                           nexpr_error *err);
nexpr_status nx_plan_finish(nexpr_plan *plan, nexpr_error *err);
/* The operands of the inputs that are used. Errors: those of nexpr_plan_new about inputs. */
nexpr_status nx_plan_set_inputs(nexpr_plan *plan, const nexpr_array *const *inputs, nexpr_error *err);
/* Options with what is not given, or what is wrong with them. */
nexpr_status nx_plan_read_options(const nexpr_run_options *run, nexpr_run_options *ret, nexpr_error *err);
/* That inputs with elements have data. */
nexpr_status nx_plan_check_inputs(const nexpr_plan *plan, const void *const *in, nexpr_error *err);
/* Of a plan with passes: all_inputs and all_outputs become these addresses, spools in place of outputs (NULL: of none), with
 * the temporaries behind them. */
void nx_plan_fill_tables(nexpr_plan *plan, const void *const *in, char *const *out, const bool *spooled);
/* Runs nests [first, end) on these addresses, in which temporaries stand behind the inputs, and behind the outputs. */
nexpr_status nx_plan_run_nests(nexpr_plan *plan, uint32_t first, uint32_t end, const void *const *in, void *const *out,
                               nexpr_error *err);
/* Threads that a run may use. */
int nx_plan_threads(const nexpr_plan *plan);
/* Room for a nest's operands, whose strides are zero. */
nexpr_status nx_nest_init(nexpr_plan *plan, nx_nest *nest, uint32_t inputs, uint32_t outputs, nexpr_error *err);
/* The nest's operand that is this array, broadcast to the shape. */
void nx_nest_set_operand(nx_nest_operand *x, const nx_plan_operand *given, const nx_shape *shape, uint32_t index);
/* Links the nest behind the last one, which is arranged, and counts it. */
nexpr_status nx_plan_add_nest(nexpr_plan *plan, nexpr_error *err);

#endif
