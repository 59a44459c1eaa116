/* SPDX-License-Identifier: MIT */
/*
 * nexpr_parts, the API: the passes of an expression, one step at a time. Where extents depend on data, expressions that
 * count them come first, each with passes of its own (runtime/lengths.h).
 */
#include "runtime/fpenv.h"
#include "runtime/idle.h"
#include "runtime/lengths.h"
#include "runtime/parts.h"

#include <string.h>

struct nexpr_parts {
    nx_memory memory;
    nx_arena arena;
    nexpr *expr;
    nexpr_context *context;
    nexpr_run_options run;
    int count;
    nexpr_array *inputs; /* descriptions */
    const nexpr_array **input_list;
    nx_cut *cuts;
    nx_lengths lengths;
    nexpr *counting;     /* whose passes these are; NULL: those of the expression itself */
    nx_parts *passes;
    bool is_pass;        /* the current step */
};

nexpr_cut nexpr_cut_init(void) {
    return (nexpr_cut){.size = sizeof(nexpr_cut), .axis = -1};
}

nexpr_part_array nexpr_part_array_init(void) {
    return (nexpr_part_array){.size = sizeof(nexpr_part_array)};
}

nexpr_part_pass nexpr_part_pass_init(void) {
    return (nexpr_part_pass){.size = sizeof(nexpr_part_pass)};
}

/* -------------------------------------------------------------------------------------------------- making it -- */

static nexpr_status fail_cut(const nexpr_parts *parts, uint32_t input, const char *what, nexpr_error *err) {
    return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "the cut of '%s' %s", parts->expr->ir.inputs[input].name, what);
}

static nexpr_status copy_cut(nexpr_parts *parts, uint32_t i, const nexpr_cut *given, nexpr_error *err) {
    nexpr_cut cut = nexpr_cut_init();
    const nexpr_array *input = &parts->inputs[i];
    const size_t count = (size_t)parts->count + 1;
    parts->cuts[i].axis = -1;
    NX_TRY(NX_READ_STRUCT(&cut, given, err));
    if (cut.axis < 0) return NEXPR_OK;
    if (cut.axis >= input->ndim || !cut.bounds) return fail_cut(parts, i, "is of an axis that it has not", err);
    if (cut.bounds[0]) return fail_cut(parts, i, "does not begin at 0", err);
    for (int r = 0; r < parts->count; r++) {
        if (cut.bounds[r] > cut.bounds[r + 1]) return fail_cut(parts, i, "has bounds that are not in order", err);
    }
    if (cut.bounds[parts->count] != input->shape[cut.axis]) return fail_cut(parts, i, "does not end with the axis", err);
    int64_t *bounds = nx_arena_alloc(&parts->arena, count, sizeof *bounds);
    if (!bounds) return nx_fail_memory(err);
    memcpy(bounds, cut.bounds, count * sizeof *bounds);
    parts->cuts[i] = (nx_cut){cut.axis, bounds};
    return NEXPR_OK;
}

static nexpr_status copy_input(nexpr_parts *parts, uint32_t i, const nexpr_array *given, nexpr_error *err) {
    nexpr_array *input = &parts->inputs[i];
    nx_shape shape;
    NX_TRY(NX_READ_STRUCT(input, given, err));
    NX_TRY(nx_array_shape(input, &shape, err));
    int64_t *extents = nx_arena_alloc(&parts->arena, (size_t)shape.ndim + 1, sizeof *extents);
    if (!extents) return nx_fail_memory(err);
    memcpy(extents, shape.extent, (size_t)shape.ndim * sizeof *extents);
    input->shape = extents;
    input->strides = NULL;
    input->data = NULL;
    input->owner = NULL;
    return NEXPR_OK;
}

static nexpr_status copy_arguments(nexpr_parts *parts, const nexpr_array *const *inputs, const nexpr_cut *const *cuts,
                                   nexpr_error *err) {
    const uint32_t count = parts->expr->ir.input_count;
    const uint8_t *used = nx_expr_used(parts->expr, parts->expr->ir.result_count);
    parts->inputs = nx_arena_alloc(&parts->arena, count, sizeof *parts->inputs);
    parts->input_list = nx_arena_alloc(&parts->arena, (size_t)count + 1, sizeof *parts->input_list);
    parts->cuts = nx_arena_alloc(&parts->arena, count, sizeof *parts->cuts);
    if (!parts->inputs || !parts->input_list || !parts->cuts) return nx_fail_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        parts->inputs[i] = nexpr_array_init();
        if (!used[i]) continue;
        NX_TRY(nx_check_input(parts->expr, inputs, i, err));
        NX_TRY(copy_input(parts, i, inputs[i], err));
        NX_TRY(copy_cut(parts, i, cuts ? cuts[i] : NULL, err));
        parts->input_list[i] = &parts->inputs[i];
    }
    return NEXPR_OK;
}

/* The passes of the next expression that counts, or of the whole. */
static nexpr_status make_passes(nexpr_parts *parts, nexpr_error *err) {
    const nexpr *e = parts->expr;
    nx_parts_free(&parts->passes);
    parts->is_pass = false;
    if (e->has_lengths && !e->lengths) {
        parts->counting = nx_lengths_next(&parts->lengths);
        e = parts->counting ? parts->counting : &parts->lengths.known;
    }
    return nx_parts_new(e, parts->context, parts->input_list, parts->cuts, parts->count, &parts->run, &parts->passes, err);
}

static nexpr_status make_parts(nexpr_parts *parts, nexpr_error *err) {
    if (parts->expr->has_lengths && !parts->expr->lengths) {
        NX_TRY(nx_lengths_init(&parts->lengths, parts->expr, &parts->arena, err));
    }
    return make_passes(parts, err);
}

static void free_parts(nexpr_parts *parts) {
    nx_parts_free(&parts->passes);
    nexpr_free(&parts->expr);
    nx_arena_free(&parts->arena);
    nx_memory memory = parts->memory;
    nx_release(memory.use ? &memory.copy : NULL, parts, 1, sizeof *parts);
}

/* ------------------------------------------------------------------------------------------------------- keeping it -- */

static bool are_cut_alike(const nexpr_parts *x, const nexpr_parts *y, uint32_t i) {
    const nx_cut *a = &x->cuts[i], *b = &y->cuts[i];
    if (a->axis != b->axis) return false;
    return a->axis < 0 || !memcmp(a->bounds, b->bounds, ((size_t)x->count + 1) * sizeof *a->bounds);
}

/* Whether these are of the same arguments. */
static bool are_alike(const nexpr_parts *x, const nexpr_parts *y) {
    if (x->expr != y->expr || x->count != y->count || !nx_idle_are_same(&x->run, &y->run)) return false;
    for (uint32_t i = 0; i < x->expr->ir.input_count; i++) {
        const nexpr_array *a = &x->inputs[i], *b = &y->inputs[i];
        if (a->dtype != b->dtype || a->byte_order != b->byte_order || a->ndim != b->ndim) return false;
        for (int k = 0; k < a->ndim; k++) {
            if (a->shape[k] != b->shape[k]) return false;
        }
        if (x->input_list[i] && !are_cut_alike(x, y, i)) return false;
    }
    return true;
}

/* Those of a call before that were of the same arguments, if the context has any: then `parts` are freed. */
static nexpr_parts *take_idle(nexpr_parts *parts) {
    for (int i = 0; i < NX_IDLE_PARTS; i++) {
        _Atomic(nexpr_parts *) *place = &parts->context->idle_parts[i];
        const bool has_any = atomic_load_explicit(place, memory_order_relaxed);
        nexpr_parts *none = NULL, *found = has_any ? atomic_exchange(place, NULL) : NULL;
        if (found && are_alike(found, parts)) {
            free_parts(parts);
            nx_parts_rewind(found->passes);
            found->is_pass = false;
            return found;
        }
        if (found && !atomic_compare_exchange_strong(place, &none, found)) free_parts(found);
    }
    return NULL;
}

static bool may_be_kept(const nexpr_parts *parts) {
    if (!parts->passes || parts->expr->has_lengths || !nx_parts_is_repeatable(parts->passes)) return false;
    return nx_idle_allows(parts->context, parts->expr, &parts->run);
}

/* The last ones come first; those that have waited longest fall out. */
void nexpr_parts_free(nexpr_parts **ret_parts) {
    nexpr_parts *parts = ret_parts ? *ret_parts : NULL;
    if (!parts) return;
    *ret_parts = NULL;
    for (int i = 0; i < NX_IDLE_PARTS && parts && may_be_kept(parts); i++) {
        parts = atomic_exchange(&parts->context->idle_parts[i], parts);
    }
    if (parts) free_parts(parts);
}

void nx_parts_drop_idle(nexpr_context *context) {
    for (int i = 0; i < NX_IDLE_PARTS; i++) {
        nexpr_parts *parts = atomic_exchange(&context->idle_parts[i], NULL);
        if (parts) free_parts(parts);
    }
}

nexpr_status nexpr_parts_new(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                             const nexpr_cut *const *cuts, int count, const nexpr_run_options *run, nexpr_parts **ret_parts,
                             nexpr_error *err) {
    nexpr_run_options options = nexpr_run_options_init();
    NX_TRY(nx_context_get(context, &context, err));
    NX_TRY(NX_READ_STRUCT(&options, run, err));
    if (count < 1) return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "there have to be parts: not %d", count);
    nexpr_parts *parts = nx_allocate(context->memory.use, 1, sizeof *parts);
    if (!parts) return nx_fail_memory(err);
    *parts = (nexpr_parts){.expr = nx_expr_ref(expr), .context = context, .run = options, .count = count};
    nx_memory_init(&parts->memory, context->memory.use);
    nx_arena_init(&parts->arena, parts->memory.use);
    nexpr_status status = copy_arguments(parts, inputs, cuts, err);
    nexpr_parts *found = status ? NULL : take_idle(parts);
    if (!found && !status) status = make_parts(parts, err);
    if (status) free_parts(parts);
    else *ret_parts = found ? found : parts;
    return status;
}

/* ----------------------------------------------------------------------------------------------------------- steps -- */

nexpr_status nexpr_parts_next(nexpr_parts *parts, nexpr_parts_step *ret_step, nexpr_error *err) {
    const unsigned saved = nx_fpenv_enter();
    const nexpr_status status = nx_parts_next(parts->passes, &parts->is_pass, err);
    nx_fpenv_leave(saved);
    if (status) return status;
    *ret_step = parts->is_pass ? NEXPR_PARTS_PASS : parts->counting ? NEXPR_PARTS_LENGTH : NEXPR_PARTS_END;
    return NEXPR_OK;
}

nexpr_status nexpr_parts_set_length(nexpr_parts *parts, int64_t length, nexpr_error *err) {
    if (!parts->counting || parts->is_pass || length < 0) {
        return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "no length is wanted here, or it is negative: %lld",
                       (long long)length);
    }
    nx_lengths_set(&parts->lengths, length);
    return make_passes(parts, err);
}

int nexpr_parts_array_count(const nexpr_parts *parts) {
    return (int)parts->passes->array_count;
}

int nexpr_parts_result(const nexpr_parts *parts, int index) {
    const nx_parts *passes = parts->passes;
    return (int)(passes->array_count - passes->output_count) + index;
}

nexpr_status nexpr_parts_array(const nexpr_parts *parts, int array, nexpr_part_array *ret) {
    const nx_parts *passes = parts->passes;
    if (array < 0 || (uint32_t)array >= passes->array_count) return NEXPR_ARGUMENT;
    const nx_part_array *a = &passes->arrays[array];
    const nexpr_part_array all = {
        .size = ret->size, .dtype = a->dtype, .ndim = a->shape.ndim, .shape = a->shape.extent, .axis = a->cut.axis,
        .bounds = a->cut.bounds, .is_known = a->is_known,
        .is_wanted = array >= nexpr_parts_result(parts, 0) || passes->last_use[array] > passes->next};
    memcpy(ret, &all, ret->size < sizeof all ? ret->size : sizeof all);
    return NEXPR_OK;
}

/* ------------------------------------------------------------------------------------------------ the current pass -- */

nexpr_status nexpr_parts_pass(const nexpr_parts *parts, nexpr_part_pass *ret) {
    const nx_part_pass *p = parts->passes->current;
    if (!parts->is_pass) return NEXPR_ARGUMENT;
    const bool leaves_nodes = p->leaves || nx_parts_counts(p);
    const nexpr_part_pass all = {
        .size = ret->size, .need_count = (int)p->need_count, .target_count = (int)nx_parts_target_count(parts->passes),
        .is_cut = p->axis >= 0, .leaves_nodes = leaves_nodes, .is_reduction = p->leaves && p->pass.kind == NX_PASS_REDUCE,
        .appends = nx_parts_counts(p), .is_counting = parts->counting, .moved = p->moved};
    memcpy(ret, &all, ret->size < sizeof all ? ret->size : sizeof all);
    return NEXPR_OK;
}

void nexpr_parts_units(const nexpr_parts *parts, int part, int64_t *ret_begin, int64_t *ret_end) {
    nx_parts_units(parts->passes, part, ret_begin, ret_end);
}

int nexpr_parts_need_array(const nexpr_parts *parts, int need, int *ret_axis) {
    const nx_part_need *n = &parts->passes->current->needs[need];
    *ret_axis = n->axis;
    return (int)n->array;
}

void nexpr_parts_need(const nexpr_parts *parts, int need, int64_t begin, int64_t end, int64_t *ret_begin, int64_t *ret_end) {
    nx_parts_need(parts->passes, (uint32_t)need, begin, end, ret_begin, ret_end);
}

int nexpr_parts_target(const nexpr_parts *parts, int target) {
    return (int)nx_parts_target(parts->passes, (uint32_t)target);
}

void nexpr_parts_target_rows(const nexpr_parts *parts, int64_t begin, int64_t end, int64_t *ret_begin, int64_t *ret_end) {
    const nx_part_pass *p = parts->passes->current;
    nx_parts_rows(parts->passes, begin, end, ret_begin, ret_end);
    if (!nx_parts_counts(p) || !p->pass.shape->count) return;
    const int64_t row = p->pass.shape->count / p->pass.shape->extent[p->axis];
    *ret_begin *= row;
    *ret_end *= row;
}

void nexpr_parts_between(nexpr_parts *parts, nexpr_parts_call *call, void *user) {
    parts->passes->between = (nx_between){call, user};
}

nexpr_status nexpr_parts_run(nexpr_parts *parts, int part, int64_t begin, int64_t end, const nexpr_part_view *views,
                             void *const *targets, int64_t *ret_count, nexpr_error *err) {
    const unsigned saved = nx_fpenv_enter();
    const nexpr_status status = nx_parts_run(parts->passes, part, begin, end, views, targets, ret_count, err);
    nx_fpenv_leave(saved);
    return status;
}

int64_t nexpr_parts_node_bytes(const nexpr_parts *parts, int part) {
    return nx_parts_node_bytes(parts->passes, part);
}

nexpr_status nexpr_parts_reduce_begin(nexpr_parts *parts, int part, void *ret_nodes, nexpr_error *err) {
    return nx_parts_reduce_begin(parts->passes, part, ret_nodes, err);
}

nexpr_status nexpr_parts_reduce_add(nexpr_parts *parts, int64_t begin, int64_t end, const nexpr_part_view *views,
                                    nexpr_error *err) {
    const unsigned saved = nx_fpenv_enter();
    const nexpr_status status = nx_parts_reduce_add(parts->passes, begin, end, views, err);
    nx_fpenv_leave(saved);
    return status;
}

void nexpr_parts_reduce_end(nexpr_parts *parts) {
    nx_parts_reduce_end(parts->passes);
}

nexpr_status nexpr_parts_settle(nexpr_parts *parts, const void *nodes, nexpr_error *err) {
    return nx_parts_settle(parts->passes, nodes, err);
}

nexpr_status nexpr_parts_finish(nexpr_parts *parts, void *const *targets, nexpr_error *err) {
    const unsigned saved = nx_fpenv_enter();
    const nexpr_status status = nx_parts_finish(parts->passes, targets, err);
    nx_fpenv_leave(saved);
    return status;
}
