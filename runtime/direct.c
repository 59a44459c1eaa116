/* SPDX-License-Identifier: MIT */
#include "runtime/direct.h"

#include "runtime/choose.h"
#include "runtime/fpenv.h"
#include "runtime/overlap.h"
#include "runtime/reduce.h"

/* Whether a run of the nest is one task that cannot fail. */
static bool is_one_task(const nx_nest *nest) {
    const nx_reduce *r = nest->reduce;
    return nest->code && !nest->tasks_run && nest->task_count == 1 && !nx_vm_can_fault(nest->code) &&
           !(r && (r->compresses || r->is_prefix || r->slab));
}

void nx_direct_prepare(nexpr_plan *plan) {
    const bool has_passes = plan->all_inputs; /* whose one task may be long: it looks whether it is cancelled */
    plan->is_direct = (has_passes ? !plan->run.cancel : plan->nest_count == 1) && !plan->run.progress && !plan->run.profile;
    for (uint32_t i = 0; i < plan->nest_count; i++) plan->is_direct &= is_one_task(&plan->nests[i]);
}

/* False if the nest was linked for data of another alignment, or for a buffer in its place. */
static inline bool place(const nx_nest_operand *x, const void *data, char **ret) {
    if (!data) return false;
    char *first = (char *)(uintptr_t)data + x->offset;
    const uint8_t state = (uintptr_t)first & (x->alignment - 1u) ? NX_MISALIGNED : 0;
    *ret = first;
    return x->state == state;
}

static inline bool are_apart(const nx_plan_operand *a, const void *a_data, const nx_plan_operand *b, const void *b_data) {
    const intptr_t x = (intptr_t)a_data, y = (intptr_t)b_data;
    return x + a->high <= y + b->low || y + b->high <= x + a->low;
}

/* Whether the input, of the same address as the only output, lies as that does: found out once. */
static bool is_in_place(nexpr_plan *plan, nx_plan_operand *input, const void *data) {
    if (plan->output_count > 1 || plan->all_inputs) return false;
    if (!input->like_output) {
        nexpr_array x = input->array, y = plan->outputs[0].array;
        x.data = y.data = (void *)(uintptr_t)data;
        input->like_output = nx_array_overlap(&x, &y) == NX_OVERLAP_SAME ? 1 : -1;
    }
    return input->like_output > 0;
}

static inline bool place_inputs(const nexpr_plan *plan, const void *const *in, char **ret) {
    const nx_nest *nest = plan->nests;
    for (uint32_t k = 0; k < nest->input_count; k++) {
        const nx_nest_operand *x = &nest->operands[k];
        if (x->is_used && (!in || !place(x, in[x->index], &ret[k]))) return false;
    }
    return true;
}

/* Outputs have to be apart from inputs, but for elements that lie on each other, and from each other. With passes, which may
 * read elsewhere what they have overwritten, from all inputs. */
static inline bool is_output_apart(nexpr_plan *plan, uint32_t j, const void *const *in, void *const *out) {
    const nx_plan_operand *output = &plan->outputs[j];
    for (uint32_t i = 0; i < plan->input_count; i++) {
        nx_plan_operand *input = &plan->inputs[i];
        if (!input->is_used || are_apart(input, in[i], output, out[j])) continue;
        if (in[i] != out[j] || !is_in_place(plan, input, in[i])) return false;
    }
    for (uint32_t i = 0; i < j; i++) {
        if (!are_apart(&plan->outputs[i], out[i], output, out[j])) return false;
    }
    return true;
}

static inline bool place_outputs(nexpr_plan *plan, const void *const *in, void *const *out, char **ret) {
    const nx_nest *nest = plan->nests;
    for (uint32_t k = 0; k < nest->output_count; k++) {
        const nx_nest_operand *x = &nest->operands[nest->input_count + k];
        if (!out || !place(x, out[x->index], &ret[k]) || !is_output_apart(plan, x->index, in, out)) return false;
    }
    return true;
}

/* Likewise the inputs and outputs of one nest of several, by the tables of all; `ret` is of all operands. */
static inline bool place_operands(const nexpr_plan *plan, const nx_nest *nest, char **ret) {
    for (uint32_t k = 0; k < nest->input_count; k++) {
        const nx_nest_operand *x = &nest->operands[k];
        if (x->is_index) ret[k] = (char *)(uintptr_t)plan->all_inputs[x->index] + x->offset;
        else if (x->is_used && !place(x, plan->all_inputs[x->index], &ret[k])) return false;
    }
    for (uint32_t k = nest->input_count; k < nest->input_count + nest->output_count; k++) {
        const nx_nest_operand *x = &nest->operands[k];
        if (x->is_buffer) ret[k] = plan->all_outputs[nest->reduce->parts[0].target];
        else if (!place(x, plan->all_outputs[x->index], &ret[k])) return false;
    }
    return true;
}

/* All nests' operands. Data that is not there is found out about before the addresses are told from each other. */
static bool place_all(nexpr_plan *plan, const void *const *in, void *const *out) {
    char **places = plan->places;
    for (uint32_t i = 0; i < plan->input_count; i++) {
        if (plan->inputs[i].is_used && (!in || !in[i])) return false;
    }
    for (uint32_t j = 0; j < plan->output_count; j++) {
        if (!out || !out[j] || !is_output_apart(plan, j, in, out)) return false;
    }
    nx_plan_fill_tables(plan, in, (char *const *)out, NULL);
    for (uint32_t i = 0; i < plan->nest_count; i++) {
        const nx_nest *nest = &plan->nests[i];
        if (!nx_choose_at_once(plan, nest) || !place_operands(plan, nest, places)) return false;
        places += nest->input_count + nest->output_count;
    }
    return true;
}

static void run_one(nexpr_plan *plan, nx_nest *nest, char **places) {
    const nx_nest_args args = {.nest = nest, .inputs = (const char *const *)places, .outputs = places + nest->input_count,
                               .workers = plan->workers};
    if (!nest->reduce) {
        char *scratch = plan->workers + nx_nest_pointer_bytes(nest);
        nx_vm_run(&(nx_vm_args){nx_nest_code(nest), scratch, args.inputs, args.outputs, NULL}, (const int64_t[2]){0, 0},
                  &nest->extent[nest->axes - 2]);
        return;
    }
    nx_reduce_begin(nest, plan->all_outputs);
    nx_nest_run(&args, 0, 0, NULL);
    nx_reduce_end(nest, plan->all_outputs);
}

/* One nest after the other, of a program with passes. */
static bool run_passes(nexpr_plan *plan, const void *const *in, void *const *out) {
    if (!place_all(plan, in, out)) return false;
    const unsigned saved = nx_fpenv_enter();
    char **places = plan->places;
    for (uint32_t i = 0; i < plan->nest_count; i++) {
        nx_nest *nest = &plan->nests[i];
        run_one(plan, nest, places);
        nest->runs++;
        places += nest->input_count + nest->output_count;
    }
    nx_fpenv_leave(saved);
    plan->has_run = true;
    return true;
}

bool nx_direct_run(nexpr_plan *plan, const void *const *in, void *const *out) {
    nx_nest *nest = plan->nests;
    if (!plan->is_direct || nx_is_cancelled(plan->run.cancel)) return false;
    if (plan->all_inputs) return run_passes(plan, in, out);
    const nx_vm_code *code = nx_choose_at_once(plan, nest);
    char **inputs = (char **)(void *)plan->workers, **outputs = inputs + nest->input_count;
    if (!code || !place_inputs(plan, in, inputs) || !place_outputs(plan, in, out, outputs)) return false;
    const unsigned saved = nx_fpenv_enter();
    nx_vm_run(&(nx_vm_args){code, plan->workers + nx_nest_pointer_bytes(nest), (const char *const *)inputs, outputs, NULL},
              (const int64_t[2]){0, 0}, &nest->extent[nest->axes - 2]);
    nx_fpenv_leave(saved);
    nest->runs++;
    return true;
}
