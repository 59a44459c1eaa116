/* SPDX-License-Identifier: MIT */
/* What an expression and the op table tell about themselves. */
#include "runtime/expr.h"
#include "runtime/passes.h"

#include <stdio.h>
#include <string.h>

int nexpr_version(void) {
    return NEXPR_VERSION;
}

static const nx_ir_input *input(const nexpr *e, int index) {
    return index >= 0 && (uint32_t)index < e->ir.input_count ? &e->ir.inputs[index] : NULL;
}

int nexpr_input_count(const nexpr *e) {
    return (int)e->ir.input_count;
}

const char *nexpr_input_name(const nexpr *e, int index) {
    return input(e, index) ? input(e, index)->name : NULL;
}

nexpr_dtype nexpr_input_dtype(const nexpr *e, int index) {
    return input(e, index) ? input(e, index)->dtype : NEXPR_DTYPE_COUNT;
}

int nexpr_input_ndim(const nexpr *e, int index) {
    return input(e, index) ? input(e, index)->ndim : -1;
}

bool nexpr_input_is_used(const nexpr *e, int index) {
    return input(e, index) && nx_expr_used(e, e->ir.result_count)[index];
}

static const nx_ir_result *result(const nexpr *e, int index) {
    return index >= 0 && (uint32_t)index < e->ir.result_count ? &e->ir.results[index] : NULL;
}

int nexpr_result_count(const nexpr *e) {
    return (int)e->ir.result_count;
}

const char *nexpr_result_name(const nexpr *e, int index) {
    return result(e, index) ? result(e, index)->name : NULL;
}

nexpr_dtype nexpr_result_dtype(const nexpr *e, int index) {
    return result(e, index) ? (nexpr_dtype)e->ir.nodes[result(e, index)->node].dtype : NEXPR_DTYPE_COUNT;
}

nexpr_status nexpr_result_shape(const nexpr *e, const nexpr_array *const *inputs, int index, int *ret_ndim,
                                int64_t *ret_shape, nexpr_error *err) {
    if (!result(e, index)) return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "there is no result %d", index);
    nx_shape shape;
    int64_t order[NEXPR_MAX_NDIM];
    NX_TRY(nx_find_new_result(e, e->memory.use, inputs, (uint32_t)index, &shape, order, err));
    *ret_ndim = shape.ndim;
    memcpy(ret_shape, shape.extent, (size_t)shape.ndim * sizeof *ret_shape);
    return NEXPR_OK;
}

size_t nexpr_listing(const nexpr *e, char *buffer, size_t capacity) {
    return nx_vm_listing(e->code, buffer, capacity);
}

size_t nexpr_ir(const nexpr *e, const char *text, char *buffer, size_t capacity) {
    return nx_vm_explain(e->code, &e->ir, text, buffer, capacity);
}

bool nexpr_is_elementwise(const nexpr *e) {
    return !e->is_scheduled;
}

/* ---------------------------------------------------------------------------------------------- the op table -- */

int nexpr_op_count(void) {
    return NX_OP_COUNT + NX_FUN_COUNT + (NX_VIEW_KINDS - 1) + NX_ARRAY_COUNT;
}

/* By the bits of the domain. */
static const char *domain_text(int domain) {
    static const char *const texts[16] = {
        [NX_DOMAIN_I] = "int", [NX_DOMAIN_BI] = "bool int", [NX_DOMAIN_F] = "float", [NX_DOMAIN_IF] = "int float",
        [NX_DOMAIN_BIF] = "bool int float", [NX_DOMAIN_C] = "complex", [NX_DOMAIN_FC] = "float complex",
        [NX_DOMAIN_IFC] = "int float complex", [NX_DOMAIN_BIFC] = "bool int float complex",
    };
    return texts[domain & NX_DOMAIN_BIFC];
}

/* The names behind the first one. */
static const char *aliases(const char *names) {
    const char *rest = names + nx_name_length(names);
    return *rest ? rest + 1 : rest;
}

/* The rows behind those of operations, one table after another. */
static const nx_fun_row *function_row(int function) {
    if (function < NX_FUN_COUNT) return &nx_fun_rows[function];
    function -= NX_FUN_COUNT;
    if (function < NX_VIEW_KINDS - 1) return &nx_view_rows[NX_VIEW_INDEX + 1 + function];
    return &nx_array_rows[function - (NX_VIEW_KINDS - 1)];
}

nexpr_status nexpr_op_describe(int index, nexpr_op_info *ret_info) {
    static const char *const names[] = {
#define OP(id, ...) #id,
#include "engine/ops.def"
#define FUN(id, ...) #id,
#include "engine/ops.def"
#define VIEW(id, ...) #id,
#include "engine/ops.def"
#define ARRAY(id, ...) #id,
#include "engine/ops.def"
    };
    if (index < 0 || index >= nexpr_op_count() || ret_info->size < sizeof(size_t)) return NEXPR_ARGUMENT;
    nexpr_op_info info = {.size = ret_info->size, .name = names[index], .spelling = ""};
    if (index < NX_OP_COUNT) {
        const nx_op_row *row = &nx_op_rows[index];
        info = (nexpr_op_info){.size = ret_info->size,
                               .name = names[index],
                               .aliases = aliases(row->names),
                               .spelling = row->spelling,
                               .params = row->params,
                               .group = row->group,
                               .dtypes = domain_text(row->domain),
                               .doc = row->doc,
                               .ulp64 = row->ulp64,
                               .ulp32 = row->ulp32,
                               .abs64 = row->abs64,
                               .abs32 = row->abs32};
    } else {
        const nx_fun_row *row = function_row(index - NX_OP_COUNT);
        info.aliases = aliases(row->names);
        info.params = row->params;
        info.group = row->group;
        info.dtypes = domain_text(NX_DOMAIN_BIFC);
        info.doc = row->doc;
    }
    memcpy(ret_info, &info, ret_info->size < sizeof info ? ret_info->size : sizeof info);
    return NEXPR_OK;
}
