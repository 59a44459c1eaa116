/* SPDX-License-Identifier: MIT */
/* Parsing and compiling: the passes in their order, and the objects that own their memory. */
#include "runtime/expr.h"

#include "engine/check.h"
#include "engine/infer.h"
#include "parser/parse.h"
#include "runtime/fpenv.h"
#include "vm/sample.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_MAX_NODES = 100000, MAX_RESULTS = 1024 };

nexpr_options nexpr_options_init(void) {
    return (nexpr_options){.size = sizeof(nexpr_options)};
}

nexpr_input nexpr_input_init(const char *name, nexpr_dtype dtype, int ndim) {
    return (nexpr_input){.size = sizeof(nexpr_input), .name = name, .dtype = dtype, .ndim = ndim};
}

/* ------------------------------------------------------------------------------------------------ programs -- */

nexpr_status nexpr_parse(nexpr_context *context, const char *text, size_t length, const nexpr_options *given,
                         nexpr_program **ret_program, nexpr_error *err) {
    nexpr_options options = nexpr_options_init();
    NX_TRY(nx_context_get(context, &context, err));
    NX_TRY(NX_READ_STRUCT(&options, given, err));
    if (!text) return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "the text is NULL");
    nexpr_program *p = nx_allocate(context->memory.use, 1, sizeof *p);
    if (!p) return nx_fail_memory(err);
    *p = (nexpr_program){0};
    nx_memory_init(&p->memory, context->memory.use);
    nx_arena_init(&p->arena, p->memory.use);
    const uint64_t begin = nx_ticks();
    unsigned saved = nx_fpenv_enter();
    nexpr_status status = nx_parse(&p->arena, text, length == SIZE_MAX ? strlen(text) : length, &options, &p->ast, err);
    nx_fpenv_leave(saved);
    p->parse_ticks = nx_ticks() - begin;
    if (status) nexpr_program_free(&p);
    else *ret_program = p;
    return status;
}

void nexpr_program_free(nexpr_program **program) {
    nexpr_program *p = *program;
    *program = NULL;
    if (!p) return;
    nx_arena_free(&p->arena);
    nx_memory memory = p->memory;
    nx_release(memory.use ? &memory.copy : NULL, p, 1, sizeof *p);
}

int nexpr_program_name_count(const nexpr_program *program) {
    return (int)program->ast.free_name_count;
}

const char *nexpr_program_name(const nexpr_program *program, int index, bool *ret_constant, size_t *ret_begin,
                               size_t *ret_end) {
    if (index < 0 || (uint32_t)index >= program->ast.free_name_count) return NULL;
    const struct nx_ast_free_name *name = &program->ast.free_names[index];
    if (ret_constant) *ret_constant = nx_is_constant_name(name->name);
    if (ret_begin) *ret_begin = name->span.begin;
    if (ret_end) *ret_end = name->span.end;
    return name->name;
}

/* ----------------------------------------------------------------------------------------------- compiling -- */

static nexpr_status fail_input(nexpr_error *err, int index, const char *what) {
    return nx_fail_operand(err, NEXPR_ARGUMENT, index, "input %d: %s", index, what);
}

static nexpr_status copy_input(nexpr *e, int index, const nexpr_input *given, nexpr_error *err) {
    nexpr_input input = nexpr_input_init(NULL, NEXPR_FLOAT64, -1);
    if (!given) return fail_input(err, index, "is NULL");
    NX_TRY(NX_READ_STRUCT(&input, given, err));
    if (!input.name || !input.name[0]) return fail_input(err, index, "has no name");
    if (!nexpr_dtype_name(input.dtype)) return fail_input(err, index, "has no valid dtype");
    if (input.ndim < -1 || input.ndim > NEXPR_MAX_NDIM) return fail_input(err, index, "ndim has to be -1 or 0 to 64");
    char *name = nx_arena_text(&e->arena, input.name, strlen(input.name));
    if (!name) return nx_fail_memory(err);
    e->ir.inputs[index] = (nx_ir_input){.name = name, .dtype = input.dtype, .ndim = input.ndim};
    return NEXPR_OK;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static nexpr_status check_unique(nexpr *e, nexpr_error *err) {
    uint32_t count = e->ir.input_count;
    const char **names = nx_arena_alloc(&e->arena, count, sizeof *names);
    if (!names) return nx_fail_memory(err);
    for (uint32_t i = 0; i < count; i++) names[i] = e->ir.inputs[i].name;
    qsort(names, count, sizeof *names, compare_names);
    for (uint32_t i = 1; i < count; i++) {
        if (strcmp(names[i - 1], names[i])) continue;
        return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "two inputs have the name '%s'", names[i]);
    }
    return NEXPR_OK;
}

static nexpr_status copy_inputs(nexpr *e, const nexpr_input *const *inputs, int count, nexpr_error *err) {
    if (count < 0 || (count && !inputs)) return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "no inputs are given");
    e->ir.inputs = nx_arena_alloc(&e->arena, (size_t)count, sizeof *e->ir.inputs);
    if (!e->ir.inputs) return nx_fail_memory(err);
    for (int i = 0; i < count; i++) NX_TRY(copy_input(e, i, inputs[i], err));
    e->ir.input_count = (uint32_t)count;
    return check_unique(e, err);
}

/* Marks the nodes that the result needs, from the result down: arguments stand before their users. */
static void mark_needed(const nx_ir *ir, nx_ref root, uint8_t *needed) {
    memset(needed, 0, ir->node_count);
    needed[root] = 1;
    for (nx_ref i = root + 1; i-- > 0;) {
        if (needed[i]) nx_ir_mark_operands(ir, i, needed);
    }
}

/* A node that a result needs. */
static void note_node(nexpr *e, nx_ref i) {
    const nx_node_kind kind = (nx_node_kind)e->ir.nodes[i].kind;
    e->is_scheduled |= kind >= NX_NODE_VIEW;
    if (kind != NX_NODE_COMPRESS) return;
    e->is_counted = !e->has_lengths && e->ir.result_count == 1 && e->ir.results[0].node == i;
    e->has_lengths = true;
}

/* What the results need: which inputs each of them depends on, and all together in a last row. */
static nexpr_status find_used(nexpr *e, nexpr_error *err) {
    const nx_ir *ir = &e->ir;
    uint8_t *needed = nx_arena_alloc(&e->arena, ir->node_count, 1);
    e->is_used = nx_arena_alloc(&e->arena, ((size_t)ir->result_count + 1) * ir->input_count, 1);
    if (!needed || !e->is_used) return nx_fail_memory(err);
    uint8_t *any = e->is_used + (size_t)ir->result_count * ir->input_count;
    for (uint32_t r = 0; r < ir->result_count; r++) {
        mark_needed(ir, ir->results[r].node, needed);
        for (nx_ref i = 0; i < ir->node_count; i++) {
            if (needed[i]) note_node(e, i);
            if (!needed[i] || ir->nodes[i].kind != NX_NODE_INPUT) continue;
            e->is_used[(size_t)r * ir->input_count + ir->nodes[i].index] = 1;
            any[ir->nodes[i].index] = 1;
        }
    }
    return NEXPR_OK;
}

static nexpr_status compile(nexpr *e, const nx_ast *ast, const nexpr_input *const *inputs, int input_count,
                            const nexpr_dtype *result_dtype, const nexpr_options *options, nexpr_error *err) {
    nx_builder builder;
    NX_TRY(copy_inputs(e, inputs, input_count, err));
    nx_builder_init(&builder, &e->ir, nx_vm_evaluate, options->fp,
                    options->max_nodes ? options->max_nodes : DEFAULT_MAX_NODES);
    builder.keeps_folded = options->check;
    NX_TRY(nx_infer(ast, &builder, result_dtype, err));
    if (e->ir.result_count > MAX_RESULTS) {
        return nx_fail(err, NEXPR_LIMIT, NX_NOWHERE, "there are %u results, and at most %d are allowed", e->ir.result_count,
                       MAX_RESULTS);
    }
    if (options->check) NX_TRY(nx_add_checks(&builder, &e->checks, &e->check_count, err));
    NX_TRY(find_used(e, err));
    e->max_nodes = builder.max_nodes;
    NX_TRY(nx_vm_compile(&e->ir, &e->code, err));
    return nx_expr_number_values(e, err);
}

nexpr_status nx_expr_compile(const nexpr_allocator *allocator, const nx_ast *ast, const nexpr_input *const *inputs,
                             int input_count, const nexpr_dtype *result_dtype, const nexpr_options *options, nexpr **ret,
                             nexpr_error *err) {
    nexpr *e = nx_allocate(allocator, 1, sizeof *e);
    if (!e) return nx_fail_memory(err);
    *e = (nexpr){.references = 1};
    nx_memory_init(&e->memory, allocator);
    nx_arena_init(&e->arena, e->memory.use);
    e->ir.arena = &e->arena;
    const uint64_t begin = nx_ticks();
    unsigned saved = nx_fpenv_enter();
    nexpr_status status = compile(e, ast, inputs, input_count, result_dtype, options, err);
    nx_fpenv_leave(saved);
    e->compile_ticks = nx_ticks() - begin;
    if (status) nexpr_free(&e);
    else *ret = e;
    return status;
}

nexpr_status nexpr_compile(nexpr_context *context, const nexpr_program *program, const nexpr_input *const *inputs,
                           int input_count, const nexpr_dtype *result_dtype, const nexpr_options *given, nexpr **ret_expr,
                           nexpr_error *err) {
    nexpr_options options = nexpr_options_init();
    NX_TRY(nx_context_get(context, &context, err));
    NX_TRY(NX_READ_STRUCT(&options, given, err));
    if (!program) return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "the program is NULL");
    if (result_dtype && !nexpr_dtype_name(*result_dtype)) {
        return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "result_dtype is no dtype");
    }
    NX_TRY(nx_expr_compile(context->memory.use, &program->ast, inputs, input_count, result_dtype, &options, ret_expr, err));
    (*ret_expr)->parse_ticks = program->parse_ticks;
    return NEXPR_OK;
}

nexpr *nx_expr_ref(const nexpr *e) {
    nexpr *shared = (nexpr *)e; /* immutable but for this count */
    atomic_fetch_add_explicit(&shared->references, 1, memory_order_relaxed);
    return shared;
}

void nexpr_free(nexpr **expr) {
    nexpr *e = *expr;
    *expr = NULL;
    if (!e || atomic_fetch_sub_explicit(&e->references, 1, memory_order_acq_rel) > 1) return;
    nx_arena_free(&e->arena);
    nx_memory memory = e->memory;
    nx_release(memory.use ? &memory.copy : NULL, e, 1, sizeof *e);
}
