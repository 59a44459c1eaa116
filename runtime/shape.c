/* SPDX-License-Identifier: MIT */
#include "runtime/shape.h"

nexpr_array nexpr_array_init(void) {
    return (nexpr_array){.size = sizeof(nexpr_array), .dtype = NEXPR_FLOAT64};
}

static nexpr_status fail_array(nexpr_error *err, nexpr_status status, bool is_output, int index, const char *what) {
    return nx_fail_operand(err, status, index, "%s %d %s", is_output ? "output" : "input", index, what);
}

nexpr_status nx_check_array(const nexpr_array *a, bool is_output, int index, nexpr_error *err) {
    if (!a) return fail_array(err, NEXPR_ARGUMENT, is_output, index, "is NULL");
    if (a->size < sizeof *a)
        return fail_array(err, NEXPR_ARGUMENT, is_output, index, "has no valid size field; use nexpr_array_init");
    if (!nexpr_dtype_name(a->dtype)) return fail_array(err, NEXPR_ARGUMENT, is_output, index, "has no valid dtype");
    if (a->byte_order != NEXPR_NATIVE && a->byte_order != NEXPR_SWAPPED) {
        return fail_array(err, NEXPR_ARGUMENT, is_output, index, "has no valid byte order");
    }
    if (a->ndim < 0 || a->ndim > NEXPR_MAX_NDIM) {
        return fail_array(err, NEXPR_SHAPE, is_output, index, "has a number of dimensions that is not 0 to 64");
    }
    if (a->ndim && !a->shape) return fail_array(err, NEXPR_ARGUMENT, is_output, index, "has no shape");
    int64_t bytes = (int64_t)nexpr_dtype_size(a->dtype);
    for (int i = 0; i < a->ndim; i++) {
        if (a->shape[i] < 0) return fail_array(err, NEXPR_SHAPE, is_output, index, "has a negative extent");
        if (__builtin_mul_overflow(bytes, a->shape[i] ? a->shape[i] : 1, &bytes)) {
            return fail_array(err, NEXPR_SHAPE, is_output, index, "is larger than any memory");
        }
    }
    return NEXPR_OK;
}

static nexpr_status fail_broadcast(const nexpr *e, const nexpr_array *const *inputs, const uint8_t *used, uint32_t index,
                                   const nx_shape *before, nexpr_error *err) {
    char a[NX_SHAPE_TEXT], b[NX_SHAPE_TEXT];
    uint32_t other = 0, others = 0;
    for (uint32_t i = 0; i < index; i++) {
        if (!used[i]) continue;
        other = i;
        others++;
    }
    nx_shape_text(inputs[index]->ndim, inputs[index]->shape, b);
    if (others == 1) {
        return nx_fail_operand(err, NEXPR_SHAPE, (int)index,
                               "'%s' of shape %s and '%s' of shape %s do not broadcast together", e->ir.inputs[other].name,
                               nx_shape_text(inputs[other]->ndim, inputs[other]->shape, a), e->ir.inputs[index].name, b);
    }
    return nx_fail_operand(err, NEXPR_SHAPE, (int)index,
                           "'%s' of shape %s does not broadcast with shape %s of the inputs before it",
                           e->ir.inputs[index].name, b, nx_shape_text(before->ndim, before->extent, a));
}

/* The place in the text where shapes of the inputs up to `last`, which are checked, first meet and do not broadcast. */
static nx_span find_conflict(const nexpr *e, const nexpr_array *const *inputs, const uint8_t *used, uint32_t last) {
    const nx_ir *ir = &e->ir;
    nx_shape *shapes = nx_allocate(e->memory.use, ir->node_count, sizeof *shapes);
    nx_span span = NX_NOWHERE;
    for (uint32_t i = 0; shapes && i < ir->node_count && !span.end; i++) {
        const nx_node *node = &ir->nodes[i];
        shapes[i] = (nx_shape){.ndim = 0};
        if (node->kind == NX_NODE_INPUT && node->index <= last && used[node->index]) {
            nx_shape_widen(&shapes[i], inputs[node->index]->ndim, inputs[node->index]->shape);
        }
        for (int k = 0; k < node->arity && !span.end; k++) {
            const nx_shape *arg = &shapes[node->arg[k]];
            if (!nx_shape_widen(&shapes[i], arg->ndim, arg->extent)) span = node->span;
        }
    }
    nx_release(e->memory.use, shapes, ir->node_count, sizeof *shapes);
    return span;
}

nexpr_status nx_check_input(const nexpr *e, const nexpr_array *const *inputs, uint32_t i, nexpr_error *err) {
    const nx_ir_input *input = &e->ir.inputs[i];
    if (!inputs) return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "the inputs are NULL");
    NX_TRY(nx_check_array(inputs[i], false, (int)i, err));
    if (input->ndim < 0 || inputs[i]->ndim == input->ndim) return NEXPR_OK;
    return nx_fail_operand(err, NEXPR_SHAPE, (int)i, "'%s' has %d dimensions, but was declared with %d", input->name,
                           inputs[i]->ndim, input->ndim);
}

nexpr_status nx_check_input_dtype(const nexpr *e, const nexpr_array *const *inputs, uint32_t i, nexpr_error *err) {
    const nx_ir_input *declared = &e->ir.inputs[i];
    if (inputs[i]->dtype == declared->dtype) return NEXPR_OK;
    return nx_fail_operand(err, NEXPR_TYPE, (int)i, "'%s' is %s, but was declared as %s", declared->name,
                           nexpr_dtype_name(inputs[i]->dtype), nexpr_dtype_name(declared->dtype));
}

nexpr_status nx_array_shape(const nexpr_array *a, nx_shape *ret, nexpr_error *err) {
    *ret = (nx_shape){.ndim = a->ndim};
    for (int i = 0; i < a->ndim; i++) ret->extent[i] = a->shape[i];
    return nx_shape_count(ret, NX_NOWHERE, err);
}

void nx_array_strides(const nexpr_array *a, int64_t *ret) {
    int64_t step = (int64_t)nexpr_dtype_size(a->dtype);
    for (int i = a->ndim - 1; i >= 0; i--) {
        ret[i] = a->strides ? a->strides[i] : step;
        step *= a->shape[i];
    }
}

nexpr_status nx_broadcast(const nexpr *e, const nexpr_array *const *inputs, const uint8_t *used, nx_shape *ret,
                          nexpr_error *err) {
    *ret = (nx_shape){.ndim = 0};
    for (uint32_t i = 0; i < e->ir.input_count; i++) {
        if (!used[i]) continue;
        NX_TRY(nx_check_input(e, inputs, i, err));
        nx_shape before = *ret;
        if (nx_shape_widen(ret, inputs[i]->ndim, inputs[i]->shape)) continue;
        const nexpr_status status = fail_broadcast(e, inputs, used, i, &before, err);
        nx_place_error(err, find_conflict(e, inputs, used, i));
        return status;
    }
    return nx_shape_count(ret, NX_NOWHERE, err);
}

bool nx_shape_equals(const nx_shape *shape, const nexpr_array *a) {
    if (a->ndim != shape->ndim) return false;
    for (int i = 0; i < a->ndim; i++) {
        if (a->shape[i] != shape->extent[i]) return false;
    }
    return true;
}

int64_t nx_broadcast_stride(const nexpr_array *a, int ndim, int axis) {
    int own = axis - (ndim - a->ndim);
    if (own < 0 || a->shape[own] == 1) return 0;
    if (a->strides) return a->strides[own];
    int64_t stride = (int64_t)nexpr_dtype_size(a->dtype);
    for (int i = own + 1; i < a->ndim; i++) stride *= a->shape[i];
    return stride;
}
