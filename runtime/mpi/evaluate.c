/* SPDX-License-Identifier: MIT */
/* nexpr_mpi_evaluate: a program between arrays in memory. */
#include "runtime/mpi/program.h"

#include <string.h>

typedef struct evaluation {
    nx_call call;
    const nexpr *expr;
    const nexpr_mpi_array *const *inputs;
    nexpr_mpi_array **results;
    int input_count, result_count;
    nx_program program;
    nx_exchange *exchanges; /* by result, of those that are wanted in another layout */
    nx_memory exchange_memory;
} evaluation;

/* ----------------------------------------------------------------------------------------------------------- planning -- */

/* What ranks can compare of an expression: the types of inputs and results. */
static void hash_expr(nx_call *c, const nexpr *expr) {
    const int inputs = nexpr_input_count(expr), results = nexpr_result_count(expr);
    NX_CALL_HASH(c, inputs);
    NX_CALL_HASH(c, results);
    for (int i = 0; i < inputs; i++) nx_call_hash(c, nexpr_input_name(expr, i), strlen(nexpr_input_name(expr, i)));
    for (int i = 0; i < results; i++) {
        const nexpr_dtype dtype = nexpr_result_dtype(expr, i);
        NX_CALL_HASH(c, dtype);
    }
}

static void check_arguments(evaluation *e) {
    nx_call *c = &e->call;
    if (!e->expr || !e->results || (e->input_count && !e->inputs)) {
        nx_call_raise(c, NEXPR_ARGUMENT, "%s: expr, inputs or results is NULL", c->name);
        return;
    }
    hash_expr(c, e->expr);
    for (int i = 0; i < e->input_count; i++) {
        if (!nexpr_input_is_used(e->expr, i)) continue;
        if (!e->inputs[i]) {
            nx_call_raise(c, NEXPR_ARGUMENT, "%s: '%s' is NULL", c->name, nexpr_input_name(e->expr, i));
        } else if (e->inputs[i]->mpi != c->mpi) {
            nx_call_raise(c, NEXPR_ARGUMENT, "%s: '%s' is an array of another nexpr_mpi", c->name,
                          nexpr_input_name(e->expr, i));
        }
        if (nx_call_is_ok(c)) nx_layout_hash(c, &e->inputs[i]->layout);
    }
    for (int i = 0; i < e->result_count && nx_call_is_ok(c); i++) {
        const nexpr_mpi_array *result = e->results[i];
        if (!result) continue;
        nx_layout_hash(c, &result->layout);
        if (!result->width[0] && !result->width[1]) continue;
        nx_call_raise(c, NEXPR_ARGUMENT, "%s: the array for result %d has copies of other ranks' elements, which would be out "
                      "of date; give one without, or NULL", c->name, i);
    }
}

/* Descriptions of the inputs, in memory that is freed with it. */
typedef struct description {
    nexpr_array *arrays;
    const nexpr_array **array_list;
    nexpr_cut *cuts;
    const nexpr_cut **cut_list;
    nx_memory memory;
} description;

static void describe_inputs(evaluation *e, description *d) {
    nx_call *c = &e->call;
    const int64_t n = e->input_count;
    const int64_t each = sizeof *d->arrays + sizeof *d->array_list + sizeof *d->cuts + sizeof *d->cut_list;
    char *memory = nx_call_allocate(c, n * each + 1, "inputs", &d->memory);
    if (!memory) return;
    memset(memory, 0, (size_t)(n * each));
    d->arrays = (nexpr_array *)memory;
    d->cuts = (nexpr_cut *)(d->arrays + n);
    d->array_list = (const nexpr_array **)(d->cuts + n);
    d->cut_list = (const nexpr_cut **)(d->array_list + n);
    for (int64_t i = 0; i < n; i++) {
        if (!nexpr_input_is_used(e->expr, (int)i)) continue;
        const nx_layout *l = &e->inputs[i]->layout;
        d->arrays[i] = nexpr_array_init();
        d->arrays[i].dtype = l->dtype;
        d->arrays[i].ndim = l->ndim;
        d->arrays[i].shape = l->shape;
        d->arrays[i].data = e->inputs[i]->data;
        d->cuts[i] = (nexpr_cut){.size = sizeof d->cuts[i], .axis = l->axis, .bounds = l->first};
        d->array_list[i] = &d->arrays[i];
        d->cut_list[i] = &d->cuts[i];
    }
}

static void plan(evaluation *e, const nexpr_run_options *run) {
    nx_call *c = &e->call;
    description d = {.arrays = NULL};
    nexpr_parts *parts = NULL;
    check_arguments(e);
    if (nx_call_is_ok(c)) describe_inputs(e, &d);
    if (nx_call_is_ok(c)) {
        nexpr_parts_new(e->expr, c->mpi->context, d.array_list, d.cut_list, c->mpi->ranks, run, &parts, &c->error);
    }
    nx_memory_free(&d.memory);
    nx_program_prepare(c, parts, e->input_count, e->result_count, &e->program);
    for (int i = 0; i < e->input_count && nx_call_is_ok(c); i++) e->program.operands[i].array = e->inputs[i];
}

/* ------------------------------------------------------------------------------------------------------------ results -- */

static bool is_input(const evaluation *e, const nexpr_mpi_array *array) {
    for (int i = 0; i < e->input_count; i++) {
        if (e->inputs[i] == array) return true;
    }
    return false;
}

/* Arrays that results may be computed in. */
static void offer_results(evaluation *e) {
    for (int i = 0; i < e->result_count && nx_call_is_ok(&e->call); i++) {
        if (e->results[i] && !is_input(e, e->results[i])) e->program.wanted[i].array = e->results[i];
    }
}

static const nexpr_mpi_array *computed(const evaluation *e, int i) {
    return e->program.operands[nexpr_parts_result(e->program.parts, i)].array;
}

static void check_result(evaluation *e, int i) {
    nx_call *c = &e->call;
    const nx_layout *wanted = &e->results[i]->layout, *is = &computed(e, i)->layout;
    if (wanted->dtype != is->dtype) {
        nx_call_raise(c, NEXPR_TYPE, "%s: result %d is %s, and its array %s", c->name, i, nexpr_dtype_name(is->dtype),
                      nexpr_dtype_name(wanted->dtype));
    }
    if (wanted->ndim != is->ndim || memcmp(wanted->shape, is->shape, (size_t)is->ndim * sizeof *is->shape)) {
        nx_call_raise(c, NEXPR_SHAPE, "%s: the array for result %d has another shape", c->name, i);
    }
}

/* How results come into arrays that have another layout. */
static void prepare_results(evaluation *e) {
    nx_call *c = &e->call;
    const int64_t bytes = e->result_count * (int64_t)sizeof *e->exchanges;
    e->exchanges = (nx_exchange *)nx_call_allocate(c, bytes, "results", &e->exchange_memory);
    if (!e->exchanges) return;
    memset(e->exchanges, 0, (size_t)bytes);
    for (int i = 0; i < e->result_count && nx_call_is_ok(c); i++) {
        if (!e->results[i]) continue;
        check_result(e, i);
        const nexpr_mpi_array *from = computed(e, i), *to = e->results[i];
        if (!nx_call_is_ok(c) || from->data == to->data) continue;
        const nx_pattern pattern = !from->layout.first ? NX_LOCAL : !to->layout.first ? NX_REPLICATE : NX_SPREAD;
        nx_exchange_prepare(c, pattern, 0, nx_array_place_of(from), nx_array_place_of(to), &e->exchanges[i]);
    }
}

static void hand_over(evaluation *e) {
    for (int i = 0; i < e->result_count; i++) {
        nexpr_mpi_array *made = nx_program_take_result(&e->program, i);
        if (e->results[i]) nexpr_mpi_array_free(&made);
        else e->results[i] = made;
    }
}

/* Results come into arrays that have another layout. Returns whether there are any. */
static bool move_results(evaluation *e) {
    bool has_moved = false;
    for (int i = 0; i < e->result_count; i++) {
        if (!e->exchanges[i].from.layout) continue;
        nx_exchange_run(&e->call, &e->exchanges[i]);
        has_moved = true;
    }
    return has_moved;
}

/* All that happens between the ranks. Returns whether it was done, on all of them. */
static bool evaluate(evaluation *e) {
    nx_call *c = &e->call;
    if (!nx_program_run(&e->program)) return false;
    prepare_results(e);
    if (!nx_call_goes_on(c)) return false;
    if (move_results(e) && !nx_call_goes_on(c)) return false;
    hand_over(e);
    return true;
}

nexpr_status nexpr_mpi_evaluate(nexpr_mpi *mpi, const nexpr *expr, const nexpr_mpi_array *const *inputs,
                                nexpr_mpi_array **results, const nexpr_run_options *run, nexpr_error *err) {
    evaluation e = {.expr = expr, .inputs = inputs, .results = results};
    const nexpr_status status = nx_call_begin(&e.call, mpi, "nexpr_mpi_evaluate", err);
    if (status) return status;
    e.input_count = expr ? nexpr_input_count(expr) : 0;
    e.result_count = expr ? nexpr_result_count(expr) : 0;
    plan(&e, run);
    offer_results(&e);
    const bool is_done = evaluate(&e);
    for (int i = 0; e.exchanges && i < e.result_count; i++) nx_exchange_free(&e.exchanges[i]);
    nx_memory_free(&e.exchange_memory);
    nx_program_free(&e.program);
    return is_done ? NEXPR_OK : e.call.error.status;
}
