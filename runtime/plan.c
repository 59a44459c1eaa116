/* SPDX-License-Identifier: MIT */
/*
 * Plans and their runs. Results of one shape are one nest; results of different shapes are nests of their own. A run looks
 * at the addresses only: where an output overlaps an input, or data is not aligned, the nest is linked anew for that.
 */
#include "runtime/plan.h"

#include "runtime/choose.h"
#include "runtime/direct.h"
#include "runtime/explain.h"
#include "runtime/fpenv.h"
#include "runtime/overlap.h"
#include "runtime/passes.h"
#include "runtime/profile.h"
#include "runtime/reduce.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

nexpr_run_options nexpr_run_options_init(void) {
    return (nexpr_run_options){.size = sizeof(nexpr_run_options)};
}

/* -------------------------------------------------------------------------------------------------- planning -- */

static void *take(nexpr_plan *plan, size_t count, size_t size) {
    return nx_arena_alloc(&plan->arena, count, size);
}

static void measure_extent(nx_plan_operand *x) {
    enum { ANCHOR = 1 };
    uintptr_t low, high;
    nexpr_array array = x->array;
    array.data = (void *)(uintptr_t)((uintptr_t)ANCHOR << 62); /* far from either end: only distances matter */
    x->low = x->high = 0;
    if (!nx_extent(&array, &low, &high)) return;
    x->low = (intptr_t)(low - (uintptr_t)array.data);
    x->high = (intptr_t)(high - (uintptr_t)array.data);
}

static nexpr_status copy_array(nexpr_plan *plan, const nexpr_array *array, nx_plan_operand *ret, nexpr_error *err) {
    size_t bytes = (size_t)array->ndim * sizeof(int64_t);
    int64_t *shape = take(plan, 2 * (size_t)array->ndim + 1, sizeof *shape), *strides = shape + array->ndim;
    if (!shape) return nx_fail_memory(err);
    ret->array = *array;
    ret->array.shape = shape;
    ret->array.strides = strides;
    if (array->ndim) memcpy(shape, array->shape, bytes);
    nx_array_strides(array, strides);
    ret->is_used = true;
    measure_extent(ret);
    return NEXPR_OK;
}

nexpr_status nx_plan_set_inputs(nexpr_plan *plan, const nexpr_array *const *inputs, nexpr_error *err) {
    const nexpr *e = plan->expr;
    const uint8_t *used = nx_expr_used(e, e->ir.result_count);
    for (uint32_t i = 0; i < plan->input_count; i++) {
        if (!used[i]) continue;
        NX_TRY(nx_check_array(inputs[i], false, (int)i, err));
        NX_TRY(nx_check_input_dtype(e, inputs, i, err));
        NX_TRY(copy_array(plan, inputs[i], &plan->inputs[i], err));
    }
    return NEXPR_OK;
}

static nexpr_status check_output(const nexpr_plan *plan, const nexpr_array *array, uint32_t index, const nx_shape *shape,
                                 nexpr_error *err) {
    nexpr_dtype dtype = nexpr_result_dtype(plan->expr, (int)index);
    char want[NX_SHAPE_TEXT], have[NX_SHAPE_TEXT];
    NX_TRY(nx_check_array(array, true, (int)index, err));
    if (!nx_shape_equals(shape, array)) {
        return nx_fail_operand(err, NEXPR_SHAPE, (int)index, "output %u has shape %s, but the result has shape %s", index,
                               nx_shape_text(array->ndim, array->shape, have),
                               nx_shape_text(shape->ndim, shape->extent, want));
    }
    if (!nexpr_dtype_can_cast(dtype, array->dtype)) {
        return nx_fail_operand(err, NEXPR_TYPE, (int)index,
                               "output %u is %s, to which the result's %s may not be cast (same_kind)", index,
                               nexpr_dtype_name(array->dtype), nexpr_dtype_name(dtype));
    }
    if (nx_array_overlaps_itself(array)) {
        return nx_fail_operand(err, NEXPR_OVERLAP, (int)index, "elements of output %u overlap each other", index);
    }
    return NEXPR_OK;
}

void nx_nest_set_operand(nx_nest_operand *x, const nx_plan_operand *given, const nx_shape *shape, uint32_t index) {
    x->dtype = given->array.dtype;
    x->swapped = given->array.byte_order == NEXPR_SWAPPED && nexpr_dtype_size(x->dtype) > 1;
    x->is_used = given->is_used;
    x->index = index;
    for (int i = 0; i < shape->ndim && given->is_used; i++)
        x->stride[i] = nx_broadcast_stride(&given->array, shape->ndim, i);
}

/* The bytecode of the members: the expression's own if these are all results. */
static nexpr_status compile_members(nexpr_plan *plan, const uint32_t *members, uint32_t count, const nx_vm_program **ret,
                                    nexpr_error *err) {
    *ret = plan->expr->code;
    if (count == plan->output_count) return NEXPR_OK;
    nx_ir ir = plan->expr->ir;
    ir.arena = &plan->arena;
    ir.result_count = count;
    ir.results = take(plan, count, sizeof *ir.results);
    if (!ir.results) return nx_fail_memory(err);
    for (uint32_t i = 0; i < count; i++) ir.results[i] = plan->expr->ir.results[members[i]];
    nx_vm_program *program;
    NX_TRY(nx_vm_compile(&ir, &program, err));
    *ret = program;
    return NEXPR_OK;
}

nexpr_status nx_nest_init(nexpr_plan *plan, nx_nest *nest, uint32_t inputs, uint32_t outputs, nexpr_error *err) {
    const uint32_t operands = inputs + outputs;
    *nest = (nx_nest){.memory = &plan->memory, .input_count = inputs, .output_count = outputs,
                      .block_items = plan->run.block_items, .profile = plan->run.profile, .number = plan->nest_count,
                      .pass = plan->pass, .most_workers = nx_plan_threads(plan)};
    nest->operands = take(plan, operands, sizeof *nest->operands);
    int64_t *strides = take(plan, operands, NX_NEST_AXES * sizeof *strides);
    if (!nest->operands || !strides) return nx_fail_memory(err);
    if (plan->context->report.call || plan->run.profile) {
        nest->tasks_run = take(plan, 2, sizeof *nest->tasks_run);
        if (!nest->tasks_run) return nx_fail_memory(err);
    }
    for (uint32_t k = 0; k < operands; k++) nest->operands[k].stride = strides + (size_t)k * NX_NEST_AXES;
    return NEXPR_OK;
}

nexpr_status nx_plan_add_nest(nexpr_plan *plan, nexpr_error *err) {
    nx_nest *nest = &plan->nests[plan->nest_count++];
    plan->total += nest->count;
    nest->has_tier = nx_choose_tier(plan, nest);
    return nest->count ? nx_nest_link(nest, err) : NEXPR_OK;
}

/* The nest of the results members[0..count), which have this shape. */
static nexpr_status make_nest(nexpr_plan *plan, const uint32_t *members, uint32_t count, const nx_shape *shape,
                              nexpr_error *err) {
    nx_nest *nest = &plan->nests[plan->nest_count];
    const nexpr *e = plan->expr;
    NX_TRY(nx_nest_init(plan, nest, plan->input_count, count, err));
    for (uint32_t i = 0; i < plan->input_count; i++) {
        nx_nest_operand *x = &nest->operands[i];
        bool used = false;
        for (uint32_t m = 0; m < count; m++) used |= nx_expr_used(e, members[m])[i];
        x->dtype = e->ir.inputs[i].dtype;
        if (used) nx_nest_set_operand(x, &plan->inputs[i], shape, i);
    }
    for (uint32_t m = 0; m < count; m++) {
        nx_nest_set_operand(&nest->operands[plan->input_count + m], &plan->outputs[members[m]], shape, members[m]);
    }
    NX_TRY(compile_members(plan, members, count, &nest->program, err));
    nx_nest_arrange(nest, shape);
    return nx_plan_add_nest(plan, err);
}

/* Groups the results by shape. */
static nexpr_status make_nests(nexpr_plan *plan, const nx_shape *shapes, nexpr_error *err) {
    uint32_t *members = take(plan, plan->output_count, sizeof *members);
    bool *done = take(plan, plan->output_count, sizeof *done);
    plan->nests = take(plan, plan->output_count, sizeof *plan->nests);
    if (!members || !done || !plan->nests) return nx_fail_memory(err);
    for (uint32_t i = 0; i < plan->output_count; i++) {
        uint32_t count = 0;
        if (done[i]) continue;
        for (uint32_t j = i; j < plan->output_count; j++) {
            if (done[j] || !nx_shape_equal(&shapes[i], &shapes[j])) continue;
            members[count++] = j;
            done[j] = true;
        }
        NX_TRY(make_nest(plan, members, count, &shapes[i], err));
    }
    return NEXPR_OK;
}

static int64_t most_tasks(const nexpr_plan *plan) {
    int64_t most = 1;
    for (uint32_t i = 0; i < plan->nest_count; i++) {
        if (plan->nests[i].task_count > most) most = plan->nests[i].task_count;
    }
    return most;
}

static void free_workers(nexpr_plan *plan) {
    nx_release(plan->memory.use, plan->worker_memory, (size_t)plan->worker_count * plan->worker_bytes + 64, 1);
    plan->worker_memory = NULL;
}

int nx_plan_threads(const nexpr_plan *plan) {
    const int threads = nx_threads_limit(plan->context->threads);
    return plan->run.threads > 0 && plan->run.threads < threads ? plan->run.threads : threads;
}

/* Memory for as many threads as can be used, enough for every nest. */
static nexpr_status make_workers(nexpr_plan *plan, nexpr_error *err) {
    size_t bytes = 64;
    for (uint32_t i = 0; i < plan->nest_count; i++) {
        const nx_nest *nest = &plan->nests[i];
        const size_t both = nest->worker_bytes + (nest->has_tail ? nest[1].worker_bytes : 0);
        if (nest->count && both > bytes) bytes = both;
    }
    int threads = nx_plan_threads(plan);
    int64_t tasks = most_tasks(plan);
    int workers = tasks < threads ? (int)tasks : threads;
    if (plan->worker_memory && plan->worker_bytes >= bytes && plan->worker_count >= workers) return NEXPR_OK;
    void *memory = nx_allocate(plan->memory.use, (size_t)workers * bytes + 64, 1);
    if (!memory) return nx_fail_memory(err);
    free_workers(plan);
    plan->worker_memory = memory;
    plan->worker_bytes = bytes;
    plan->worker_count = workers;
    plan->workers = (char *)plan->worker_memory + (64 - (uintptr_t)plan->worker_memory % 64) % 64;
    return NEXPR_OK;
}

static nexpr_status make_operands(nexpr_plan *plan, nexpr_error *err) {
    plan->inputs = take(plan, plan->input_count, sizeof *plan->inputs);
    plan->outputs = take(plan, plan->output_count, sizeof *plan->outputs);
    plan->spools = take(plan, plan->output_count, sizeof *plan->spools);
    return plan->inputs && plan->outputs && plan->spools ? NEXPR_OK : nx_fail_memory(err);
}

/* Tables of addresses, long enough for every nest. */
static nexpr_status make_tables(nexpr_plan *plan, nexpr_error *err) {
    uint32_t inputs = 0, outputs = 0, operands = 0;
    for (uint32_t i = 0; i < plan->nest_count; i++) {
        const nx_nest *nest = &plan->nests[i];
        const uint32_t its_inputs = nest->input_count + (nest->has_tail ? nest[1].input_count : 0);
        const uint32_t its_outputs = nest->output_count + (nest->has_tail ? nest[1].output_count : 0);
        operands += nest->input_count + nest->output_count;
        if (its_inputs > inputs) inputs = its_inputs;
        if (its_outputs > outputs) outputs = its_outputs;
    }
    plan->nest_inputs = take(plan, inputs, sizeof *plan->nest_inputs);
    plan->nest_outputs = take(plan, outputs, sizeof *plan->nest_outputs);
    if (!plan->nest_inputs || !plan->nest_outputs) return nx_fail_memory(err);
    if (!plan->expr->is_scheduled) return NEXPR_OK;
    plan->all_inputs = take(plan, (size_t)plan->input_count + plan->temporary_count + 1, sizeof *plan->all_inputs);
    plan->all_outputs = take(plan, (size_t)plan->output_count + plan->temporary_count, sizeof *plan->all_outputs);
    plan->places = take(plan, operands, sizeof *plan->places);
    return plan->all_inputs && plan->all_outputs && plan->places ? NEXPR_OK : nx_fail_memory(err);
}

static nexpr_status make_plan(nexpr_plan *plan, const nexpr_array *const *inputs, const nexpr_array *const *outputs,
                              nexpr_error *err) {
    const nexpr *e = plan->expr;
    nx_shape *shapes = take(plan, plan->output_count, sizeof *shapes);
    if (!shapes) return nx_fail_memory(err);
    NX_TRY(nx_plan_set_inputs(plan, inputs, err));
    if (!outputs) return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "the outputs are NULL");
    if (e->has_lengths && !e->lengths) {
        return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "an extent depends on the data: use nexpr_evaluate instead of a plan");
    }
    NX_TRY(nx_find_result_shapes(e, inputs, &plan->arena, shapes, err));
    for (uint32_t i = 0; i < plan->output_count; i++) {
        NX_TRY(check_output(plan, outputs[i], i, &shapes[i], err));
        NX_TRY(copy_array(plan, outputs[i], &plan->outputs[i], err));
    }
    NX_TRY(e->is_scheduled ? nx_plan_make_passes(plan, inputs, err) : make_nests(plan, shapes, err));
    return nx_plan_finish(plan, err);
}

nexpr_status nx_plan_finish(nexpr_plan *plan, nexpr_error *err) {
    NX_TRY(make_tables(plan, err));
    NX_TRY(make_workers(plan, err));
    nx_direct_prepare(plan);
    return NEXPR_OK;
}

nexpr_status nx_plan_start(const nexpr *expr, nexpr_context *context, const nexpr_run_options *run, nexpr_plan **ret,
                           nexpr_error *err) {
    nexpr_plan *plan = nx_allocate(context->memory.use, 1, sizeof *plan);
    if (!plan) return nx_fail_memory(err);
    *plan = (nexpr_plan){.expr = nx_expr_ref(expr), .context = context, .run = *run,
                         .backend = nx_choose_backend(context, run->backend), .input_count = expr->ir.input_count,
                         .output_count = expr->ir.result_count};
    nx_memory_init(&plan->memory, context->memory.use);
    nx_arena_init(&plan->arena, plan->memory.use);
    *ret = plan;
    const nexpr_status status = make_operands(plan, err);
    if (status) nexpr_plan_free(ret);
    return status;
}

nexpr_status nx_plan_read_options(const nexpr_run_options *run, nexpr_run_options *ret, nexpr_error *err) {
    *ret = nexpr_run_options_init();
    NX_TRY(NX_READ_STRUCT(ret, run, err));
    if (ret->threads < 0 || ret->block_items < 0) {
        return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "threads and block_items must not be negative");
    }
    if ((unsigned)ret->backend > NEXPR_BACKEND_JIT) {
        return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "%d is no backend", (int)ret->backend);
    }
    return NEXPR_OK;
}

nexpr_status nexpr_plan_new(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                            const nexpr_array *const *outputs, const nexpr_run_options *run, nexpr_plan **ret_plan,
                            nexpr_error *err) {
    nexpr_run_options options;
    NX_TRY(nx_context_get(context, &context, err));
    NX_TRY(nx_plan_read_options(run, &options, err));
    nexpr_plan *plan = NULL;
    nx_laps laps = nx_laps_begin(options.profile);
    NX_TRY(nx_plan_start(expr, context, &options, &plan, err));
    unsigned saved = nx_fpenv_enter();
    nexpr_status status = make_plan(plan, inputs, outputs, err);
    nx_fpenv_leave(saved);
    if (status) nexpr_plan_free(&plan);
    else *ret_plan = plan;
    nx_laps_finish(&laps, NX_LAP_PLAN);
    if (options.profile) nx_profile_expression(options.profile, expr);
    return status;
}

void nexpr_plan_free(nexpr_plan **ret_plan) {
    nexpr_plan *plan = *ret_plan;
    *ret_plan = NULL;
    if (!plan) return;
    nx_explain_plan(plan);
    for (uint32_t i = 0; i < plan->nest_count; i++) nx_nest_free(&plan->nests[i]);
    for (uint32_t i = 0; plan->temporaries && i < plan->temporary_count; i++) nx_buffer_give(plan->temporaries[i]);
    free_workers(plan);
    nexpr_free(&plan->expr);
    nx_arena_free(&plan->arena);
    nx_memory memory = plan->memory;
    nx_release(memory.use ? &memory.copy : NULL, plan, 1, sizeof *plan);
}

/* --------------------------------------------------------------------------------------------- addresses, overlap -- */

/* A quick no: the byte ranges are apart. */
static bool may_overlap(const nx_plan_operand *a, const void *a_data, const nx_plan_operand *b, const void *b_data) {
    intptr_t x = (intptr_t)a_data, y = (intptr_t)b_data;
    return a->low != a->high && b->low != b->high && x + a->low < y + b->high && y + b->low < x + a->high;
}

static nx_overlap overlap(const nx_plan_operand *a, const void *a_data, const nx_plan_operand *b, const void *b_data) {
    if (!may_overlap(a, a_data, b, b_data)) return NX_OVERLAP_NONE;
    nexpr_array x = a->array, y = b->array;
    x.data = (void *)(uintptr_t)a_data;
    y.data = (void *)(uintptr_t)b_data;
    return nx_array_overlap(&x, &y);
}

/* Whether output i has to be computed beside its place: it overlaps an input otherwise than element by element, or is not
 * alone, so that another result may read what it has overwritten, or a view may read it elsewhere. */
static bool needs_spool(const nexpr_plan *plan, uint32_t i, const void *const *in, void *const *out) {
    for (uint32_t k = 0; k < plan->input_count; k++) {
        if (!plan->inputs[k].is_used) continue;
        nx_overlap found = overlap(&plan->outputs[i], out[i], &plan->inputs[k], in[k]);
        const bool may_move = plan->output_count > 1 || plan->expr->is_scheduled;
        if (found == NX_OVERLAP_SOME || (found == NX_OVERLAP_SAME && may_move)) return true;
    }
    return false;
}

static nexpr_status check_outputs_apart(const nexpr_plan *plan, void *const *out, nexpr_error *err) {
    for (uint32_t i = 0; i < plan->output_count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (overlap(&plan->outputs[i], out[i], &plan->outputs[j], out[j]) == NX_OVERLAP_NONE) continue;
            return nx_fail_operand(err, NEXPR_OVERLAP, (int)i, "output %u overlaps output %u", i, j);
        }
    }
    return NEXPR_OK;
}

nexpr_status nx_plan_check_inputs(const nexpr_plan *plan, const void *const *in, nexpr_error *err) {
    for (uint32_t i = 0; i < plan->input_count; i++) {
        const nx_plan_operand *x = &plan->inputs[i];
        if (!x->is_used || x->low == x->high || (in && in[i])) continue;
        return nx_fail_operand(err, NEXPR_ARGUMENT, (int)i, "the data of '%s' is NULL", plan->expr->ir.inputs[i].name);
    }
    return NEXPR_OK;
}

static nexpr_status check_data(const nexpr_plan *plan, const void *const *in, void *const *out, nexpr_error *err) {
    NX_TRY(nx_plan_check_inputs(plan, in, err));
    for (uint32_t i = 0; i < plan->output_count; i++) {
        if (plan->outputs[i].low == plan->outputs[i].high || (out && out[i])) continue;
        return nx_fail_operand(err, NEXPR_ARGUMENT, (int)i, "the data of output %u is NULL", i);
    }
    return NEXPR_OK;
}

static bool is_misaligned(const nx_nest_operand *x, const void *data) {
    return (uintptr_t)data & (x->alignment - 1u);
}

/* Links the nest anew; the plan is as it was if that cannot be. */
static nexpr_status relink(nexpr_plan *plan, nx_nest *nest, nexpr_error *err) {
    plan->is_direct = false;
    nest->is_stale = true;
    NX_TRY(nx_nest_link(nest, err));
    NX_TRY(make_workers(plan, err));
    nest->is_stale = false;
    nx_direct_prepare(plan);
    return NEXPR_OK;
}

/* Links the nest for both tiers. Without memory for that it stays with the VM, and what it was linked for. */
static void add_tier(nexpr_plan *plan, nx_nest *nest) {
    nest->has_tier = true;
    if (!relink(plan, nest, NULL)) return;
    nx_nest_drop_tier(nest);
    nest->is_stale = false;
    nx_direct_prepare(plan);
}

/* Whether an operand's address is not as the nest was linked for; its state becomes that of the address. */
static bool changes_state(const nexpr_plan *plan, nx_nest *nest, uint32_t k, const void *const *in, void *const *out,
                          const bool *spooled) {
    nx_nest_operand *x = &nest->operands[k];
    const bool is_output = k >= nest->input_count;
    if (!x->is_used || x->is_index || x->is_buffer || x->kept_part) return false;
    const char *first = (const char *)(is_output ? out[x->index] : in[x->index]) + x->offset;
    uint8_t state = is_misaligned(x, first) ? NX_MISALIGNED : 0;
    if (is_output && spooled && x->index < plan->output_count && spooled[x->index]) state = NX_SPOOLED;
    const bool changes = x->state != state;
    x->state = state;
    return changes;
}

/* Brings a nest to the states that these addresses ask for, and to a second tier if it shall have one. */
static nexpr_status adapt_nest(nexpr_plan *plan, nx_nest *nest, const void *const *in, void *const *out, const bool *spooled,
                               nexpr_error *err) {
    bool changed = !nest->code || nest->is_stale;
    for (uint32_t k = 0; k < nest->input_count + nest->output_count; k++) {
        changed |= changes_state(plan, nest, k, in, out, spooled);
    }
    if (changed) {
        NX_TRY(relink(plan, nest, err));
        nx_choose_anew(nest);
    }
    if (nest->weight && nx_choose_tier(plan, nest)) add_tier(plan, nest);
    return NEXPR_OK;
}

/* ---------------------------------------------------------------------------------------------------- running -- */

typedef struct nest_run {
    nx_nest_args args;
    const nexpr_plan *plan;
    pthread_mutex_t progress_mutex;
    _Atomic int64_t done;
    bool is_measured;
    double start;               /* seconds; the rest only if it is measured */
    _Atomic int64_t tasks_done; /* of the nest */
} nest_run;

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* May ask for machine code for the tasks that are left. Tasks that an early end leaves nothing to do are shorter than a look
 * at the clock. */
static void look_ahead(nest_run *run) {
    enum { EVERY = 16 };
    const nx_nest *nest = run->args.nest;
    const int64_t done = atomic_fetch_add_explicit(&run->tasks_done, 1, memory_order_relaxed) + 1;
    if (done % EVERY || !nx_tier_is_idle(nest->tier) || done >= nest->task_count) return;
    nx_choose_during(run->plan, nest, done * nx_nest_task_items(nest), seconds_now() - run->start);
}

static void report_progress(nest_run *run) {
    const nexpr_run_options *options = &run->plan->run;
    int64_t step = nx_nest_task_items(run->args.nest), total = run->plan->total;
    atomic_fetch_add(&run->done, step);
    if (pthread_mutex_trylock(&run->progress_mutex)) return;
    int64_t done = atomic_load(&run->done);
    options->progress(options->progress_user, done < total ? done : total, total);
    pthread_mutex_unlock(&run->progress_mutex);
}

static nexpr_status run_task(void *user, int64_t index, int worker, nexpr_error *err) {
    nest_run *run = user;
    const nx_between *between = &run->plan->between;
    NX_TRY(nx_nest_run(&run->args, index, worker, err));
    if (between->call && !worker) between->call(between->user);
    if (run->is_measured) look_ahead(run);
    if (run->plan->run.progress) report_progress(run);
    return NEXPR_OK;
}

static nexpr_status fail_cancelled(nexpr_error *err) {
    return nx_fail(err, NEXPR_CANCELLED, NX_NOWHERE, "the evaluation was cancelled");
}

static nexpr_status run_alone(nest_run *run, nexpr_error *err) {
    nexpr_status status = NEXPR_OK;
    for (int64_t i = 0; i < run->args.nest->task_count && !status; i++) {
        if (nx_is_cancelled(run->plan->run.cancel))
            status = fail_cancelled(err);
        else status = run_task(run, i, 0, err);
    }
    return status;
}

static bool is_worth_dividing(const nexpr_plan *plan, const nx_nest *nest) {
    if (plan->worker_count < 2 || nest->task_count < 2) return false;
    return nx_threads_are_worth(plan->context->threads, nx_nest_estimate(nest));
}

/* Where the nest's operands lie, which go to the tables from `inputs` and `outputs` on. */
static nx_nest_args place_nest(const nexpr_plan *plan, const nx_nest *nest, const void *const *in, void *const *out,
                               const char **inputs, char **outputs) {
    for (uint32_t k = 0; k < nest->input_count; k++) {
        const nx_nest_operand *x = &nest->operands[k];
        inputs[k] = x->is_used && !x->kept_part ? (const char *)in[x->index] + x->offset : NULL;
    }
    for (uint32_t k = 0; k < nest->output_count; k++) {
        const nx_nest_operand *x = &nest->operands[nest->input_count + k];
        const bool spooled = x->state & NX_SPOOLED;
        if (x->is_buffer) outputs[k] = out[nest->reduce->parts[0].target];
        else outputs[k] = spooled ? plan->spools[x->index] : (char *)out[x->index] + x->offset;
    }
    return (nx_nest_args){nest, inputs, outputs, plan->workers, plan->run.cancel, NULL};
}

/* With the nest that goes along, if one does. */
static nexpr_status run_nest(nexpr_plan *plan, nx_nest *nest, const void *const *in, void *const *out, int64_t *done,
                             nexpr_error *err) {
    nest_run run = {.plan = plan, .progress_mutex = PTHREAD_MUTEX_INITIALIZER, .done = *done};
    nx_nest_args tail;
    run.args = place_nest(plan, nest, in, out, plan->nest_inputs, plan->nest_outputs);
    if (nest->has_tail) {
        tail = place_nest(plan, nest + 1, in, out, plan->nest_inputs + nest->input_count,
                          plan->nest_outputs + nest->output_count);
        tail.workers += (size_t)plan->worker_count * nest->worker_bytes;
        run.args.tail = &tail;
    }
    run.is_measured = nest->weight && nx_choose_measures(plan, nest);
    if (run.is_measured) run.start = seconds_now();
    nexpr_status status = is_worth_dividing(plan, nest)
        ? nx_threads_run(plan->context->threads, plan->worker_count, nest->task_count, run_task, &run, plan->run.cancel, err)
        : run_alone(&run, err);
    *done += nest->count + (nest->has_tail ? nest[1].count : 0);
    if (!status && run.is_measured) nx_choose_after(plan, nest, seconds_now() - run.start);
    if (!status && nest->reduce && nx_is_cancelled(plan->run.cancel)) return fail_cancelled(err);
    return status;
}

void nx_plan_fill_tables(nexpr_plan *plan, const void *const *in, char *const *out, const bool *spooled) {
    for (uint32_t i = 0; i < plan->input_count; i++) plan->all_inputs[i] = plan->inputs[i].is_used ? in[i] : NULL;
    for (uint32_t i = 0; i < plan->output_count; i++) {
        plan->all_outputs[i] = spooled && spooled[i] ? plan->spools[i] : out[i];
    }
    for (uint32_t i = 0; i < plan->temporary_count; i++) {
        plan->all_inputs[plan->input_count + i] = plan->all_outputs[plan->output_count + i] = plan->temporaries[i];
    }
    plan->all_inputs[plan->input_count + plan->temporary_count] = NX_INDEX_BASE;
}

/* Makes the nest ready for a run. */
static nexpr_status prepare_nest(nexpr_plan *plan, nx_nest *nest, const void *const *in, void *const *out,
                                 const bool *spooled, nx_laps *laps, nexpr_error *err) {
    nexpr_status status = NEXPR_OK;
    nx_choose_weight(plan, nest);
    if (nest->count) status = adapt_nest(plan, nest, in, out, spooled, err);
    nx_lap_end(laps, NX_LAP_PLAN);
    if (status || !nest->weight) return status;
    nx_choose_before(plan, nest);
    nx_nest_code(nest); /* what has come is installed, even if no task is to ask for it */
    nx_lap_end(laps, NX_LAP_CODE);
    return NEXPR_OK;
}

/* Nests from `first` on. */
static nexpr_status run_range(nexpr_plan *plan, uint32_t first, uint32_t end, const void *const *in, void *const *out,
                              const bool *spooled, nexpr_error *err) {
    int64_t done = 0;
    nexpr_status status = NEXPR_OK;
    nx_laps laps = nx_laps_begin(plan->run.profile);
    plan->has_run = true;
    for (uint32_t i = first; i < end && !status; i++) {
        nx_nest *nest = &plan->nests[i];
        const bool has_tail = nest->has_tail;
        status = prepare_nest(plan, nest, in, out, spooled, &laps, err);
        if (!status && has_tail) status = prepare_nest(plan, nest + 1, in, out, spooled, &laps, err);
        if (status) break;
        if (nest->reduce) nx_reduce_begin(nest, out);
        if (nest->count) status = run_nest(plan, nest, in, out, &done, err);
        if (nest->reduce && !status) nx_reduce_end(nest, out);
        if (laps.profile) nx_profile_nest_ran(&laps, plan, nest);
        i += has_tail;
    }
    if (laps.profile) nx_profile_ran(&laps);
    return status;
}

nexpr_status nx_plan_run_nests(nexpr_plan *plan, uint32_t first, uint32_t end, const void *const *in, void *const *out,
                               nexpr_error *err) {
    return run_range(plan, first, end, in, out, NULL, err);
}

static nexpr_status run_nests(nexpr_plan *plan, const void *const *in, void *const *out, const bool *spooled,
                              nexpr_error *err) {
    if (plan->all_inputs) {
        nx_plan_fill_tables(plan, in, (char *const *)out, spooled);
        in = plan->all_inputs;
        out = plan->all_outputs;
    }
    NX_TRY(run_range(plan, 0, plan->nest_count, in, out, spooled, err));
    if (plan->run.progress && plan->total) plan->run.progress(plan->run.progress_user, plan->total, plan->total);
    return NEXPR_OK;
}

static size_t array_bytes(const nexpr_array *array) {
    size_t bytes = nexpr_dtype_size(array->dtype);
    for (int k = 0; k < array->ndim; k++) bytes *= (size_t)array->shape[k];
    return bytes;
}

static nexpr_status take_spools(nexpr_plan *plan, const bool *spooled, nexpr_error *err) {
    for (uint32_t i = 0; i < plan->output_count; i++) {
        if (!spooled[i]) continue;
        plan->spools[i] = nx_buffer_take(plan->context->buffers, array_bytes(&plan->outputs[i].array), 0);
        if (!plan->spools[i]) return nx_fail_memory(err);
    }
    return NEXPR_OK;
}

static void give_spools(nexpr_plan *plan) {
    for (uint32_t i = 0; i < plan->output_count; i++) {
        nx_buffer_give(plan->spools[i]);
        plan->spools[i] = NULL;
    }
}

/* What a barrier leaves in an output lies there as it does in the spool. */
static void unspool_barrier(const nexpr_plan *plan, const nx_reduce *r, void *const *out) {
    for (uint32_t p = 0; p < r->part_count && !r->is_prefix; p++) {
        const uint32_t i = r->parts[p].target;
        if (i >= plan->output_count || !plan->spools[i]) continue;
        memcpy(out[i], plan->spools[i], array_bytes(&plan->outputs[i].array));
    }
}

static void unspool(nexpr_plan *plan, void *const *out) {
    for (uint32_t i = 0; i < plan->nest_count; i++) {
        const nx_nest *nest = &plan->nests[i];
        if (nest->reduce) unspool_barrier(plan, nest->reduce, out);
        for (uint32_t k = 0; k < nest->output_count; k++) {
            const nx_nest_operand *x = &nest->operands[nest->input_count + k];
            if (x->is_buffer || !(x->state & NX_SPOOLED)) continue;
            nx_nest_unspool(nest, k, plan->spools[x->index], (char *)out[x->index] + x->offset);
        }
    }
}

/* The slow way, for outputs that overlap inputs. */
static nexpr_status run_spooled(nexpr_plan *plan, const void *const *in, void *const *out, nexpr_error *err) {
    bool *spooled = nx_allocate(plan->memory.use, plan->output_count, sizeof *spooled);
    if (!spooled) return nx_fail_memory(err);
    for (uint32_t i = 0; i < plan->output_count; i++) spooled[i] = needs_spool(plan, i, in, out);
    nexpr_status status = take_spools(plan, spooled, err);
    if (!status) status = run_nests(plan, in, out, spooled, err);
    nx_laps laps = nx_laps_begin(plan->run.profile);
    if (!status) unspool(plan, out);
    nx_laps_finish(&laps, NX_LAP_COPY);
    give_spools(plan);
    nx_release(plan->memory.use, spooled, plan->output_count, sizeof *spooled);
    return status;
}

static nexpr_status run_plan(nexpr_plan *plan, const void *const *in, void *const *out, nexpr_error *err) {
    NX_TRY(check_data(plan, in, out, err));
    if (plan->output_count > 1) NX_TRY(check_outputs_apart(plan, out, err));
    for (uint32_t i = 0; i < plan->output_count; i++) {
        if (needs_spool(plan, i, in, out)) return run_spooled(plan, in, out, err);
    }
    return run_nests(plan, in, out, NULL, err);
}

nexpr_status nexpr_plan_run(nexpr_plan *plan, const void *const *input_data, void *const *output_data, nexpr_error *err) {
    if (nx_direct_run(plan, input_data, output_data)) return NEXPR_OK;
    unsigned saved = nx_fpenv_enter();
    nexpr_status status = run_plan(plan, input_data, output_data, err);
    nx_fpenv_leave(saved);
    return status;
}
