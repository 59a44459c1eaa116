/* SPDX-License-Identifier: MIT */
/*
 * Evaluation by slabs. A slab is the pass with a shorter first axis: a plan of its own, made for the first slab of a length
 * and kept while slabs have that length. What is whole is given to it at the slab's place.
 */
#include "runtime/slabs.h"

#include "runtime/fpenv.h"
#include "runtime/profile.h"

#include <string.h>

nexpr_slab_part nexpr_slab_part_init(void) {
    return (nexpr_slab_part){.size = sizeof(nexpr_slab_part)};
}

/* ---------------------------------------------------------------------------------------------------------- planning -- */

static nexpr_status copy_inputs(nexpr_slabs *s, const nexpr_array *const *inputs, nexpr_error *err) {
    const uint8_t *used = nx_expr_used(s->expr, s->expr->ir.result_count);
    s->inputs = nx_arena_alloc(&s->arena, s->input_count, sizeof *s->inputs);
    if (!s->inputs) return nx_fail_memory(err);
    for (uint32_t i = 0; i < s->input_count; i++) {
        if (!used[i]) continue;
        NX_TRY(nx_check_input(s->expr, inputs, i, err));
        NX_TRY(nx_check_input_dtype(s->expr, inputs, i, err));
        s->inputs[i].dtype = inputs[i]->dtype;
        s->inputs[i].byte_order = inputs[i]->byte_order;
    }
    return NEXPR_OK;
}

static nexpr_status make_slabs(nexpr_slabs *s, const nexpr_array *const *inputs, nexpr_error *err) {
    const nexpr *e = s->expr;
    nx_layout *layouts;
    NX_TRY(copy_inputs(s, inputs, err));
    if (e->has_lengths) {
        return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE,
                       "cannot be evaluated by slabs: an extent depends on the data; use nexpr_evaluate");
    }
    NX_TRY(nx_find_layouts(e, inputs, &s->arena, &layouts, err));
    bool *takes_directly = nx_arena_alloc(&s->arena, s->output_count, sizeof *takes_directly);
    if (!takes_directly) return nx_fail_memory(err);
    memset(takes_directly, true, s->output_count * sizeof *takes_directly);
    NX_TRY(nx_schedule_make(&e->ir, layouts, NULL, takes_directly, e->max_nodes, &s->arena, &s->schedule, err));
    s->temporaries = nx_arena_alloc(&s->arena, s->schedule.temporary_count, sizeof *s->temporaries);
    if (!s->temporaries) return nx_fail_memory(err);
    for (uint32_t i = 0; i < s->schedule.temporary_count; i++) {
        const nx_temporary *t = &s->schedule.temporaries[i];
        s->bytes += t->count * (int64_t)nexpr_dtype_size(t->dtype);
    }
    NX_TRY(nx_slabs_cut(s, layouts, err));
    s->bytes += (int64_t)s->state_bytes;
    return NEXPR_OK;
}

nexpr_status nexpr_slabs_new(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                             const nexpr_run_options *run, nexpr_slabs **ret_slabs, nexpr_error *err) {
    nexpr_run_options options = nexpr_run_options_init();
    NX_TRY(nx_context_get(context, &context, err));
    NX_TRY(NX_READ_STRUCT(&options, run, err));
    if (options.threads < 0 || options.block_items < 0) {
        return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "threads and block_items must not be negative");
    }
    options.progress = NULL;
    nexpr_slabs *s = nx_allocate(context->memory.use, 1, sizeof *s);
    if (!s) return nx_fail_memory(err);
    *s = (nexpr_slabs){.expr = nx_expr_ref(expr), .context = context, .run = options,
                       .input_count = expr->ir.input_count, .output_count = expr->ir.result_count};
    nx_memory_init(&s->memory, context->memory.use);
    nx_arena_init(&s->arena, s->memory.use);
    nx_laps laps = nx_laps_begin(options.profile);
    unsigned saved = nx_fpenv_enter();
    nexpr_status status = make_slabs(s, inputs, err);
    nx_fpenv_leave(saved);
    if (status) nexpr_slabs_free(&s);
    else *ret_slabs = s;
    nx_laps_finish(&laps, NX_LAP_PLAN);
    if (options.profile) nx_profile_expression(options.profile, expr);
    return status;
}

void nexpr_slabs_free(nexpr_slabs **slabs) {
    nexpr_slabs *s = *slabs;
    *slabs = NULL;
    if (!s) return;
    for (uint32_t p = 0; s->passes && p < s->schedule.pass_count; p++) nexpr_plan_free(&s->passes[p].plan);
    for (uint32_t i = 0; s->temporaries && i < s->schedule.temporary_count; i++) nx_buffer_give(s->temporaries[i]);
    nx_buffer_give(s->states);
    nexpr_free(&s->expr);
    nx_arena_free(&s->arena);
    nx_memory memory = s->memory;
    nx_release(memory.use ? &memory.copy : NULL, s, 1, sizeof *s);
}

/* ------------------------------------------------------------------------------------------------------ introspection -- */

int nexpr_slabs_pass_count(const nexpr_slabs *s) {
    return (int)s->schedule.pass_count;
}

static const nx_slab_pass *pass_of(const nexpr_slabs *s, int pass) {
    return pass >= 0 && (uint32_t)pass < s->schedule.pass_count ? &s->passes[pass] : NULL;
}

int64_t nexpr_slabs_rows(const nexpr_slabs *s, int pass) {
    return pass_of(s, pass) ? pass_of(s, pass)->rows : -1;
}

int64_t nexpr_slabs_bytes(const nexpr_slabs *s) {
    return s->bytes;
}

static nexpr_status give_part(const nexpr_slab_part *parts, uint32_t count, int index, nexpr_slab_part *ret) {
    if (index < 0 || (uint32_t)index >= count || ret->size < sizeof(size_t)) return NEXPR_ARGUMENT;
    nexpr_slab_part part = parts[index];
    part.size = ret->size;
    memcpy(ret, &part, part.size < sizeof part ? part.size : sizeof part);
    return NEXPR_OK;
}

nexpr_status nexpr_slabs_input(const nexpr_slabs *s, int pass, int input, nexpr_slab_part *ret_part) {
    return pass_of(s, pass) ? give_part(pass_of(s, pass)->inputs, s->input_count, input, ret_part) : NEXPR_ARGUMENT;
}

nexpr_status nexpr_slabs_result(const nexpr_slabs *s, int pass, int result, nexpr_slab_part *ret_part) {
    return pass_of(s, pass) ? give_part(pass_of(s, pass)->results, s->output_count, result, ret_part) : NEXPR_ARGUMENT;
}

/* -------------------------------------------------------------------------------------------------- a slab as a plan -- */

/* Inputs and results with what a nest asks of them. Those of the pass have its shape. */
static void set_operands(const nexpr_slabs *s, const nx_slab_pass *p, const nx_shape *shape, nexpr_plan *plan) {
    for (uint32_t i = 0; i < s->input_count; i++) plan->inputs[i].array = s->inputs[i];
    for (uint32_t i = 0; i < s->output_count; i++) {
        plan->outputs[i] = (nx_plan_operand){.is_used = p->results[i].use != NEXPR_SLAB_NOT};
        plan->outputs[i].array = (nexpr_array){.dtype = nexpr_result_dtype(s->expr, (int)i), .ndim = shape->ndim,
                                               .shape = shape->extent};
    }
}

/* Where sources lie in the first slab; the nest may walk axes from their other ends. */
static nexpr_status note_offsets(nx_slab_pass *p, nexpr_error *err) {
    nexpr_plan *plan = p->plan;
    const uint32_t sources = p->pass.ir.input_count;
    p->offsets = nx_arena_alloc(&plan->arena, (size_t)plan->nest_count * sources, sizeof *p->offsets);
    if (!p->offsets) return nx_fail_memory(err);
    for (uint32_t n = 0; n < plan->nest_count; n++) {
        for (uint32_t k = 0; k < sources; k++) p->offsets[n * sources + k] = plan->nests[n].operands[k].offset;
    }
    return NEXPR_OK;
}

/* Plans of expressions without views have no such tables of their own. */
static nexpr_status make_tables(const nexpr_slabs *s, nexpr_plan *plan, nexpr_error *err) {
    const size_t temporaries = s->schedule.temporary_count;
    plan->all_inputs = nx_arena_alloc(&plan->arena, s->input_count + temporaries + 1, sizeof *plan->all_inputs);
    plan->all_outputs = nx_arena_alloc(&plan->arena, s->output_count + temporaries, sizeof *plan->all_outputs);
    return plan->all_inputs && plan->all_outputs ? NEXPR_OK : nx_fail_memory(err);
}

static nexpr_status fill_plan(nexpr_slabs *s, nx_slab_pass *p, int64_t rows, nexpr_error *err) {
    nexpr_plan *plan = p->plan;
    nx_shape *shape = nx_arena_alloc(&plan->arena, 1, sizeof *shape);
    if (!shape) return nx_fail_memory(err);
    *shape = *p->pass.shape;
    if (!p->is_one) {
        shape->count = shape->count / shape->extent[0] * rows;
        shape->extent[0] = rows;
    }
    nx_pass pass = p->pass;
    pass.shape = shape;
    pass.ir.arena = &plan->arena;
    set_operands(s, p, shape, plan);
    plan->temporaries = nx_arena_alloc(&plan->arena, s->schedule.temporary_count, sizeof *plan->temporaries);
    plan->nests = nx_arena_alloc(&plan->arena, 2, sizeof *plan->nests);
    if (!plan->temporaries || !plan->nests) return nx_fail_memory(err);
    plan->temporary_count = s->schedule.temporary_count;
    NX_TRY(nx_plan_add_pass(plan, &s->schedule, &pass, (nx_pass_piece){.slab = p->is_carried ? &p->reduction : NULL}, err));
    NX_TRY(nx_plan_finish(plan, err));
    NX_TRY(make_tables(s, plan, err));
    return note_offsets(p, err);
}

static nexpr_status find_plan(nexpr_slabs *s, nx_slab_pass *p, int64_t rows, nexpr_error *err) {
    if (p->plan && p->plan_rows == rows) return NEXPR_OK;
    nexpr_plan_free(&p->plan);
    nx_laps laps = nx_laps_begin(s->run.profile);
    NX_TRY(nx_plan_start(s->expr, s->context, &s->run, &p->plan, err));
    p->plan->pass = (uint32_t)(p - s->passes);
    const nexpr_status status = fill_plan(s, p, rows, err);
    nx_laps_finish(&laps, NX_LAP_PLAN);
    if (status) nexpr_plan_free(&p->plan);
    p->plan_rows = rows;
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ running -- */

static nexpr_status take_memory(nexpr_slabs *s, nexpr_error *err) {
    if (s->has_memory) return NEXPR_OK;
    for (uint32_t i = 0; i < s->schedule.temporary_count; i++) {
        const nx_temporary *t = &s->schedule.temporaries[i];
        if (s->temporaries[i]) continue;
        s->temporaries[i] = nx_buffer_take(s->context->buffers, (size_t)t->count * nexpr_dtype_size(t->dtype), 0);
        if (!s->temporaries[i]) return nx_fail_memory(err);
    }
    char *at = s->states = nx_buffer_take(s->context->buffers, s->state_bytes, 0);
    if (!at) return nx_fail_memory(err);
    for (uint32_t p = 0; p < s->schedule.pass_count; p++) {
        if (!s->passes[p].is_carried) continue;
        nx_reduce_slab_start(&s->passes[p].reduction, at);
        at += nx_reduce_slab_bytes(&s->passes[p].reduction);
    }
    s->has_memory = true;
    return NEXPR_OK;
}

/* Bytes of a target for a row; 0 if the pass has it as a whole. */
static int64_t target_step(const nexpr_slabs *s, const nx_slab_pass *p, const nx_target *target) {
    if (p->is_carried || !target->is_temporary || !p->rows) return 0;
    const nx_temporary *t = &s->schedule.temporaries[target->index];
    return t->count / p->rows * (int64_t)nexpr_dtype_size(t->dtype);
}

static void set_addresses(const nexpr_slabs *s, const nx_slab_pass *p, const void *const *in, void *const *out) {
    nexpr_plan *plan = p->plan;
    for (uint32_t i = 0; i < s->input_count; i++) plan->all_inputs[i] = p->inputs[i].use ? in[i] : NULL;
    for (uint32_t i = 0; i < s->output_count; i++) {
        plan->all_outputs[i] = p->results[i].use == NEXPR_SLAB_ROWS ? out[i] : NULL;
    }
    for (uint32_t i = 0; i < s->schedule.temporary_count; i++) {
        plan->all_inputs[s->input_count + i] = plan->all_outputs[s->output_count + i] = s->temporaries[i];
    }
    plan->all_inputs[s->input_count + s->schedule.temporary_count] = NX_INDEX_BASE;
}

/* Moves what is whole to the slab's place. */
static void move_to(const nexpr_slabs *s, const nx_slab_pass *p, int64_t first) {
    nexpr_plan *plan = p->plan;
    const uint32_t sources = p->pass.ir.input_count;
    for (uint32_t n = 0; n < plan->nest_count; n++) {
        for (uint32_t k = 0; k < sources; k++) {
            plan->nests[n].operands[k].offset = p->offsets[n * sources + k] + first * p->steps[k];
        }
    }
    for (uint32_t k = 0; k < nx_slab_target_count(&p->pass); k++) {
        const nx_target *target = nx_slab_target(&p->pass, k);
        if (!target->is_temporary) continue;
        plan->all_outputs[s->output_count + target->index] =
            s->temporaries[target->index] + first * target_step(s, p, target);
    }
}

static nexpr_status check_addresses(const nexpr_slabs *s, const nx_slab_pass *p, const void *const *in, void *const *out,
                                    nexpr_error *err) {
    for (uint32_t i = 0; i < s->input_count && p->pass.shape->count; i++) {
        if (!p->inputs[i].use || (in && in[i])) continue;
        return nx_fail_operand(err, NEXPR_ARGUMENT, (int)i, "the data of '%s' is NULL", s->expr->ir.inputs[i].name);
    }
    for (uint32_t i = 0; i < s->output_count; i++) {
        if (p->results[i].use != NEXPR_SLAB_ROWS || !p->results[i].row_items || (out && out[i])) continue;
        return nx_fail_operand(err, NEXPR_ARGUMENT, (int)i, "the data of output %u is NULL", i);
    }
    return NEXPR_OK;
}

static nexpr_status run_slab(nexpr_slabs *s, nx_slab_pass *p, int64_t first, int64_t count, const void *const *in,
                             void *const *out, nexpr_error *err) {
    NX_TRY(check_addresses(s, p, in, out, err));
    NX_TRY(take_memory(s, err));
    NX_TRY(find_plan(s, p, count, err));
    set_addresses(s, p, in, out);
    move_to(s, p, first);
    return nx_plan_run_nests(p->plan, 0, p->plan->nest_count, p->plan->all_inputs, p->plan->all_outputs, err);
}

nexpr_status nexpr_slabs_run(nexpr_slabs *s, int pass, int64_t first_row, int64_t count, const void *const *input_data,
                             void *const *output_data, nexpr_error *err) {
    if (!pass_of(s, pass)) return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "there is no pass %d", pass);
    nx_slab_pass *p = &s->passes[pass];
    if (first_row != p->next || count < 1 || count > p->rows - p->next) {
        return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "the next rows of pass %d are from %lld on, and end at %lld", pass,
                       (long long)p->next, (long long)p->rows);
    }
    if (nx_is_cancelled(s->run.cancel)) return nx_fail(err, NEXPR_CANCELLED, NX_NOWHERE, "the evaluation was cancelled");
    unsigned saved = nx_fpenv_enter();
    nexpr_status status = run_slab(s, p, first_row, count, input_data, output_data, err);
    nx_fpenv_leave(saved);
    if (!status) p->next += count;
    return status;
}

/* The table of targets of a pass that ends. */
static nexpr_status finish_reduction(nexpr_slabs *s, nx_slab_pass *p, void *const *out, nexpr_error *err) {
    void **targets = nx_arena_alloc(&s->arena, (size_t)s->output_count + s->schedule.temporary_count, sizeof *targets);
    if (!targets) return nx_fail_memory(err);
    for (uint32_t i = 0; i < s->output_count; i++) {
        if (p->results[i].use != NEXPR_SLAB_WHOLE) continue;
        targets[i] = out ? out[i] : NULL;
        if (targets[i] || !p->reduction.all.kept.count) continue;
        return nx_fail_operand(err, NEXPR_ARGUMENT, (int)i, "the data of output %u is NULL", i);
    }
    for (uint32_t i = 0; i < s->schedule.temporary_count; i++) targets[s->output_count + i] = s->temporaries[i];
    nx_reduce_slab_finish(&p->reduction, targets);
    return NEXPR_OK;
}

nexpr_status nexpr_slabs_end_pass(nexpr_slabs *s, int pass, void *const *output_data, nexpr_error *err) {
    if (!pass_of(s, pass)) return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "there is no pass %d", pass);
    nx_slab_pass *p = &s->passes[pass];
    if (p->next != p->rows || p->is_ended) {
        return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "pass %d has %s", pass,
                       p->is_ended ? "ended before" : "rows that were not computed");
    }
    NX_TRY(take_memory(s, err));
    p->is_ended = true;
    nexpr_plan_free(&p->plan);
    if (!p->is_carried) return NEXPR_OK;
    unsigned saved = nx_fpenv_enter();
    nexpr_status status = finish_reduction(s, p, output_data, err);
    nx_fpenv_leave(saved);
    return status;
}
