/* SPDX-License-Identifier: MIT */
/* What the API tells of an expression's checks. */
#include "engine/check.h"

#include "runtime/passes.h"

#include <string.h>

const char *nexpr_check_text(nexpr_check_kind kind) {
    static const char *const texts[] = {
#define X(id, text) text,
        NEXPR_CHECK_MAP(X)
#undef X
    };
    return (unsigned)kind < NEXPR_CHECK_KINDS ? texts[kind] : NULL;
}

nexpr_check nexpr_check_init(void) {
    return (nexpr_check){.size = sizeof(nexpr_check)};
}

int nexpr_check_count(const nexpr *expr) {
    return (int)expr->check_count;
}

static const nx_check *check_of(const nexpr *e, int index) {
    return index >= 0 && (uint32_t)index < e->check_count ? &e->checks[index] : NULL;
}

nexpr_status nexpr_check_describe(const nexpr *expr, int index, nexpr_check *ret) {
    const nx_check *check = check_of(expr, index);
    if (!check || ret->size < sizeof(size_t)) return NEXPR_ARGUMENT;
    const int first = (int)(expr->ir.result_count - 2 * expr->check_count) + 2 * index;
    const nexpr_check all = {.size = ret->size, .kind = check->kind, .begin = check->span.begin, .end = check->span.end,
                             .operation = check->operation, .dtype = check->dtype, .count = first, .first = first + 1};
    memcpy(ret, &all, ret->size < sizeof all ? ret->size : sizeof all);
    return NEXPR_OK;
}

/* That of an expression whose one result is the check's mask. */
static nexpr_status find_shape(const nexpr *e, const nexpr_array *const *inputs, const nx_check *check, nx_arena *arena,
                               nx_shape *ret, nexpr_error *err) {
    nx_layout *layouts;
    const nx_shape *shape;
    nx_ir_result result = {.node = check->mask};
    nx_ir ir = e->ir;
    ir.results = &result;
    ir.result_count = 1;
    NX_TRY(nx_find_layouts(e, inputs, arena, &layouts, err));
    NX_TRY(nx_result_shapes(&ir, layouts, e->lengths, arena, &shape, err));
    *ret = *shape;
    return NEXPR_OK;
}

nexpr_status nexpr_check_shape(const nexpr *expr, const nexpr_array *const *inputs, int index, int *ret_ndim,
                               int64_t *ret_shape, nexpr_error *err) {
    const nx_check *check = check_of(expr, index);
    nx_arena arena;
    nx_shape shape;
    if (!check) return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "there is no check %d", index);
    nx_arena_init(&arena, expr->memory.use);
    const nexpr_status status = find_shape(expr, inputs, check, &arena, &shape, err);
    nx_arena_free(&arena);
    if (status) return status;
    *ret_ndim = shape.ndim;
    memcpy(ret_shape, shape.extent, (size_t)shape.ndim * sizeof *ret_shape);
    return NEXPR_OK;
}
