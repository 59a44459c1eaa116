/* SPDX-License-Identifier: MIT */
/* Evaluations in one call: outputs allocated, a plan made, run and dropped; and from text, through the cache. */
#include "parser/parse.h"
#include "runtime/counted.h"
#include "runtime/fpenv.h"
#include "runtime/idle.h"
#include "runtime/lengths.h"
#include "runtime/passes.h"
#include "vm/sample.h"

#include <string.h>

/* ------------------------------------------------------------------------------------------------- outputs -- */

void nexpr_array_free(nexpr_array *array) {
    if (!array || !array->owner) return;
    nx_buffer_give(array->owner);
    array->data = array->owner = NULL;
    array->shape = array->strides = NULL;
}

/* A new array like this one. */
static nexpr_status allocate_like(nexpr_context *context, const nexpr_array *like, nexpr_array *ret, nexpr_error *err) {
    const size_t axes = (size_t)like->ndim * sizeof(int64_t);
    size_t bytes = nexpr_dtype_size(like->dtype);
    for (int i = 0; i < like->ndim; i++) bytes *= (size_t)like->shape[i];
    void *data = nx_buffer_take(context->buffers, bytes, 2 * axes + sizeof(int64_t));
    if (!data) return nx_fail_memory(err);
    int64_t *extent = nx_buffer_header(data), *strides = extent + like->ndim;
    memcpy(extent, like->shape, axes);
    memcpy(strides, like->strides, axes);
    *ret = (nexpr_array){.size = sizeof *ret, .data = data, .dtype = like->dtype, .ndim = like->ndim, .shape = extent,
                         .strides = strides, .owner = data};
    return NEXPR_OK;
}

/* A new array for result `index`, its axes in the order of the inputs'. */
static nexpr_status allocate_output(const nexpr *e, nexpr_context *context, const nexpr_array *const *inputs, uint32_t index,
                                    nexpr_array *ret, nexpr_error *err) {
    nx_shape shape;
    int64_t strides[NEXPR_MAX_NDIM];
    NX_TRY(nx_find_new_result(e, context->memory.use, inputs, index, &shape, strides, err));
    const nexpr_array like = {.dtype = nexpr_result_dtype(e, (int)index), .ndim = shape.ndim, .shape = shape.extent,
                              .strides = strides};
    return allocate_like(context, &like, ret, err);
}

/* The call's operands with new arrays in place of the outputs that have no data yet. */
typedef struct call {
    const nexpr *expr;
    nexpr_context *context;
    nexpr_plan *plan;             /* that was kept, or is made when the outputs are there */
    uint32_t input_count, output_count;
    nexpr_array *made;            /* by output; owner not NULL if it was allocated here */
    const nexpr_array **outputs;  /* NULL: not allocated yet */
    const void **input_data;
    void **output_data;
} call;

static size_t call_bytes(const call *c) {
    return c->output_count * (sizeof *c->made + sizeof *c->outputs + sizeof *c->output_data) +
           c->input_count * sizeof *c->input_data;
}

static void divide_memory(call *c, void *memory) {
    c->made = memory;
    c->outputs = (const nexpr_array **)(void *)(c->made + c->output_count);
    c->output_data = (void **)(c->outputs + c->output_count);
    c->input_data = (const void **)(c->output_data + c->output_count);
}

static bool is_given(const nexpr_array *output) {
    return output->data || (output->shape && output->ndim);
}

static nexpr_status list_outputs(call *c, nexpr_array *const *outputs, nexpr_error *err) {
    for (uint32_t i = 0; i < c->output_count; i++) {
        if (!outputs || !outputs[i] || outputs[i]->size < sizeof **outputs) {
            return nx_fail_operand(err, NEXPR_ARGUMENT, (int)i, "output %u is NULL or has no valid size field", i);
        }
        c->outputs[i] = is_given(outputs[i]) ? outputs[i] : NULL;
        c->made[i] = (nexpr_array){0};
    }
    return NEXPR_OK;
}

static nexpr_status allocate_outputs(call *c, const nexpr_array *const *inputs, nexpr_error *err) {
    for (uint32_t i = 0; i < c->output_count; i++) {
        if (!c->outputs[i]) {
            nexpr_array *made = &c->made[i];
            NX_TRY(c->plan ? allocate_like(c->context, &c->plan->outputs[i].array, made, err)
                           : allocate_output(c->expr, c->context, inputs, i, made, err));
            c->outputs[i] = made;
        }
        c->output_data[i] = c->outputs[i]->data;
    }
    return NEXPR_OK;
}

static nexpr_status make_plan(call *c, const nexpr_array *const *inputs, const nexpr_run_options *run, nexpr_error *err) {
    NX_TRY(nexpr_plan_new(c->expr, c->context, inputs, c->outputs, run, &c->plan, err));
    for (uint32_t i = 0; i < c->output_count; i++) c->plan->outputs[i].is_new = c->made[i].owner;
    return NEXPR_OK;
}

static nexpr_status run_call(call *c, const nexpr_array *const *inputs, const nexpr_run_options *run, nexpr_error *err) {
    const uint8_t *used = nx_expr_used(c->expr, c->expr->ir.result_count);
    c->plan = nx_idle_take(c->context, c->expr, inputs, c->outputs, run);
    NX_TRY(allocate_outputs(c, inputs, err));
    if (!c->plan) NX_TRY(make_plan(c, inputs, run, err));
    for (uint32_t i = 0; i < c->input_count; i++) c->input_data[i] = used[i] ? inputs[i]->data : NULL;
    return nexpr_plan_run(c->plan, c->input_data, c->output_data, err);
}

static void finish_outputs(call *c, nexpr_array *const *outputs, nexpr_status status) {
    for (uint32_t i = 0; i < c->output_count; i++) {
        if (!c->made[i].owner) continue;
        if (status) nexpr_array_free(&c->made[i]);
        else *outputs[i] = c->made[i];
    }
}

static nexpr_status evaluate(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                             nexpr_array *const *outputs, const nexpr_run_options *run, nexpr_error *err) {
    enum { FEW = 1024 };
    char few[FEW] __attribute__((aligned(16)));
    call c = {.expr = expr, .context = context, .input_count = expr->ir.input_count, .output_count = expr->ir.result_count};
    size_t bytes = call_bytes(&c);
    const nexpr_allocator *allocator = c.context->memory.use;
    void *memory = bytes <= FEW ? few : nx_allocate(allocator, bytes, 1);
    if (!memory) return nx_fail_memory(err);
    divide_memory(&c, memory);
    nexpr_status status = list_outputs(&c, outputs, err);
    if (!status) {
        status = run_call(&c, inputs, run, err);
        nx_idle_give(context, &c.plan);
        finish_outputs(&c, outputs, status);
    }
    if (memory != few) nx_release(allocator, memory, bytes, 1);
    return status;
}

/* Extents that depend on the data are found first. */
static nexpr_status evaluate_in_stages(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                                       nexpr_array *const *outputs, const nexpr_run_options *run, nexpr_error *err) {
    nx_arena arena;
    nx_lengths lengths;
    nx_arena_init(&arena, context->memory.use);
    nexpr_status status = nx_find_lengths(&lengths, expr, context, inputs, run, &arena, err);
    if (!status) status = evaluate(&lengths.known, context, inputs, outputs, run, err);
    nx_arena_free(&arena);
    return status;
}

static nexpr_status run_counted(nexpr_plan *plan, const nexpr_array *const *inputs, nexpr_array *output, nexpr_error *err) {
    int64_t count;
    NX_TRY(nx_counted_count(plan, inputs, &count, err));
    nexpr_array like = plan->outputs[0].array, made;
    like.shape = &count;
    NX_TRY(allocate_like(plan->context, &like, &made, err));
    const nexpr_status status = nx_counted_fill(plan, made.data, err);
    if (status) nexpr_array_free(&made);
    else *output = made;
    return status;
}

/* The extent of the one result is found in between. */
static nexpr_status evaluate_counted(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                                     nexpr_array *output, const nexpr_run_options *run, nexpr_error *err) {
    nexpr_plan *plan = nx_idle_take(context, expr, inputs, (const nexpr_array *const[]){NULL}, run);
    if (!plan) NX_TRY(nx_counted_new(expr, context, inputs, run, &plan, err));
    const nexpr_status status = run_counted(plan, inputs, output, err);
    nx_idle_give(context, &plan);
    return status;
}

static bool may_count(const nexpr *expr, const nexpr_context *context, nexpr_array *const *outputs,
                      const nexpr_run_options *run) {
    nexpr_run_options options;
    if (!expr->is_counted || context->report.call || nx_plan_read_options(run, &options, NULL)) return false;
    return !options.profile && !options.progress && outputs && outputs[0] && outputs[0]->size >= sizeof **outputs &&
           !is_given(outputs[0]);
}

nexpr_status nexpr_evaluate(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                            nexpr_array *const *outputs, const nexpr_run_options *run, nexpr_error *err) {
    NX_TRY(nx_context_get(context, &context, err));
    if (!expr->has_lengths) return evaluate(expr, context, inputs, outputs, run, err);
    if (may_count(expr, context, outputs, run)) return evaluate_counted(expr, context, inputs, outputs[0], run, err);
    return evaluate_in_stages(expr, context, inputs, outputs, run, err);
}

/* --------------------------------------------------------------------------------------------------- from text -- */

/* The options that matter, with zeros in between. */
static void clean_options(const nexpr_options *options, nexpr_options *ret) {
    memset(ret, 0, sizeof *ret);
    ret->fp = options->fp;
    ret->max_source = options->max_source;
    ret->max_tokens = options->max_tokens;
    ret->max_nesting = options->max_nesting;
    ret->max_nodes = options->max_nodes;
    ret->check = options->check;
}

/* The key of a text with its types: every byte that the compiled expression depends on. */
static nexpr_status make_key(nx_arena *arena, const char *text, const char *const *names, const nexpr_array *const *inputs,
                             int input_count, const nexpr_options *options, char **ret_key, size_t *ret_length,
                             nexpr_error *err) {
    nexpr_options clean;
    clean_options(options, &clean);
    size_t length = sizeof clean + strlen(text) + 1;
    for (int i = 0; i < input_count; i++) length += strlen(names[i]) + 2;
    char *key = nx_arena_alloc(arena, length, 1), *at = key;
    if (!key) return nx_fail_memory(err);
    memcpy(at, &clean, sizeof clean);
    at = stpcpy(at + sizeof clean, text) + 1;
    for (int i = 0; i < input_count; i++) {
        at = stpcpy(at, names[i]) + 1;
        *at++ = (char)inputs[i]->dtype;
    }
    *ret_key = key;
    *ret_length = length;
    return NEXPR_OK;
}

static nexpr_status compile_text(nexpr_context *context, nx_arena *arena, const char *text, const char *const *names,
                                 const nexpr_array *const *arrays, int input_count, const nexpr_options *options,
                                 nexpr **ret, nexpr_error *err) {
    nexpr_input *inputs = nx_arena_alloc(arena, (size_t)input_count, sizeof *inputs);
    const nexpr_input **pointers = nx_arena_alloc(arena, (size_t)input_count, sizeof *pointers);
    nx_ast ast;
    if (!inputs || !pointers) return nx_fail_memory(err);
    for (int i = 0; i < input_count; i++) {
        inputs[i] = nexpr_input_init(names[i], arrays[i]->dtype, -1);
        pointers[i] = &inputs[i];
    }
    const uint64_t begin = nx_ticks();
    unsigned saved = nx_fpenv_enter();
    nexpr_status status = nx_parse(arena, text, strlen(text), options, &ast, err);
    nx_fpenv_leave(saved);
    const uint64_t parse_ticks = nx_ticks() - begin;
    if (!status) status = nx_expr_compile(context->memory.use, &ast, pointers, input_count, NULL, options, ret, err);
    if (!status) (*ret)->parse_ticks = parse_ticks;
    return status;
}

static nexpr_status check_names(const char *const *names, const nexpr_array *const *inputs, int input_count,
                                nexpr_error *err) {
    if (input_count < 0 || (input_count && (!names || !inputs))) {
        return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "names or inputs are NULL");
    }
    for (int i = 0; i < input_count; i++) {
        if (!names[i]) return nx_fail_operand(err, NEXPR_ARGUMENT, i, "input %d has no name", i);
        NX_TRY(nx_check_array(inputs[i], false, i, err));
    }
    return NEXPR_OK;
}

/* The expression, from the cache or compiled and kept there. */
static nexpr_status get_expr(nexpr_context *context, nx_arena *arena, const char *text, const char *const *names,
                             const nexpr_array *const *inputs, int input_count, const nexpr_options *options, nexpr **ret,
                             nexpr_error *err) {
    char *key = NULL;
    size_t length = 0;
    NX_TRY(make_key(arena, text, names, inputs, input_count, options, &key, &length, err));
    *ret = nx_cache_find(context->cache, key, length);
    if (*ret) return NEXPR_OK;
    NX_TRY(compile_text(context, arena, text, names, inputs, input_count, options, ret, err));
    nx_cache_keep(context->cache, key, length, *ret);
    return NEXPR_OK;
}

nexpr_status nexpr_evaluate_text(nexpr_context *context, const char *text, const char *const *names,
                                 const nexpr_array *const *inputs, int input_count, nexpr_array *const *outputs,
                                 int output_count, const nexpr_options *given, const nexpr_run_options *run,
                                 nexpr_error *err) {
    nexpr_options options = nexpr_options_init();
    nexpr *expr = NULL;
    NX_TRY(nx_context_get(context, &context, err));
    NX_TRY(NX_READ_STRUCT(&options, given, err));
    if (!text) return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "the text is NULL");
    NX_TRY(check_names(names, inputs, input_count, err));
    nx_arena arena;
    nx_arena_init(&arena, context->memory.use);
    nexpr_status status = get_expr(context, &arena, text, names, inputs, input_count, &options, &expr, err);
    nx_arena_free(&arena);
    if (status) return status;
    if ((uint32_t)output_count != expr->ir.result_count) {
        status = nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "the text has %u result%s, but %d output%s given",
                         expr->ir.result_count, expr->ir.result_count == 1 ? "" : "s", output_count,
                         output_count == 1 ? " is" : "s are");
    } else {
        status = nexpr_evaluate(expr, context, inputs, outputs, run, err);
    }
    nexpr_free(&expr);
    return status;
}
