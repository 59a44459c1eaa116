/* SPDX-License-Identifier: MIT */
/* The checks before anything is compiled: behind them no step can fail for a reason of the segment's. */
#include "jit/llvm/refuse.h"
#include "jit/llvm/loop.h"
#include "jit/llvm/states.h"

#define REFUSE(...) return nx_fail(err, NEXPR_UNSUPPORTED, NX_NOWHERE, __VA_ARGS__)

static nexpr_status refuse_counts(const nx_segment *s, nexpr_error *err) {
    const int operands = s->output_count + s->input_count;
    if (s->output_count < 1 || operands > NX_SEGMENT_OPERANDS || s->value_count > NX_SEGMENT_VALUES) {
        REFUSE("a compiled segment has 1 to %d operands and at most %d values", NX_SEGMENT_OPERANDS, NX_SEGMENT_VALUES);
    }
    return NEXPR_OK;
}

static bool is_of_nodes(nx_access access) {
    return access == NX_ACCESS_NODES || access == NX_ACCESS_LEAVES;
}

/* A tile has at most 16 columns. */
static bool fits_tiles(const nx_segment *s, const nx_segment_operand *o) {
    const size_t size = nexpr_dtype_size(o->dtype);
    return s->has_rows && (size == 4 || size == 8) && nx_dtype_class(o->dtype) != NX_CLASS_COMPLEX &&
           lanes_for(s, NX_ISA_AVX512) <= 16;
}

static nexpr_status refuse_operand(const nx_segment *s, const nx_segment_operand *o, bool is_output, nexpr_error *err) {
    static const bool fits[2][NX_ACCESS_COUNT] = {
        {[NX_ACCESS_SCALAR] = true, [NX_ACCESS_BLOCK] = true, [NX_ACCESS_STRIDED] = true, [NX_ACCESS_KNOWN] = true,
         [NX_ACCESS_ROW] = true, [NX_ACCESS_COLUMN] = true},
        {[NX_ACCESS_BLOCK] = true, [NX_ACCESS_STREAM] = true, [NX_ACCESS_LANES] = true, [NX_ACCESS_NODES] = true,
         [NX_ACCESS_LEAVES] = true},
    };
    const nx_access first = nx_segment_outputs(s)->access;
    const bool has_nodes = is_of_nodes(first);
    const bool is_kind = o->dtype < NEXPR_DTYPE_COUNT && o->access < NX_ACCESS_COUNT && !(is_output && o->is_swapped) &&
                         (s->has_rows ? o->access != NX_ACCESS_LANES : o->access != NX_ACCESS_ROW && !has_nodes);
    const bool is_fit = o->access != NX_ACCESS_COLUMN || (fits_tiles(s, o) && !has_nodes);
    const bool is_other = is_output && (has_nodes || is_of_nodes(o->access)) && o->access != first;
    if (!is_kind || !is_fit || !fits[is_output][o->access] || is_other) {
        REFUSE("operands of this kind are not compiled");
    }
    if (o->access != NX_ACCESS_LANES && !is_of_nodes(o->access)) return NEXPR_OK;
    if (o->detail >= NX_REDUCER_COUNT) REFUSE("there is no such reducer");
    if (has_nodes ? !has_state(o->detail, o->dtype) : !find_step(o->detail, o->dtype)) {
        REFUSE("the reduction %s of %s is not compiled", nx_reducer_name(o->detail), nexpr_dtype_name(o->dtype));
    }
    return NEXPR_OK;
}

static nexpr_dtype dtype_of(const nx_segment *s, unsigned index) {
    return index < s->input_count ? nx_segment_inputs(s)[index].dtype : nx_segment_values(s)[index - s->input_count].dtype;
}

static bool is_known(const nx_segment *s, unsigned index) {
    return index < s->input_count && nx_segment_inputs(s)[index].access == NX_ACCESS_KNOWN;
}

static bool is_power_by_known(const nx_segment *s, const nx_segment_value *v) {
    return v->op == NX_OP_power && nx_dtype_class(v->loop) == NX_CLASS_INT && is_known(s, v->arg[1]);
}

static nexpr_status refuse_op(const nx_segment *s, const nx_segment_value *v, nexpr_error *err) {
    char name[NX_NAME_MAX];
    if (v->op >= NX_OP_COUNT || v->arity != nx_op_rows[v->op].arity) REFUSE("there is no such operation");
    if (!is_power_by_known(s, v) && !find_lowering(v->op, v->loop)) {
        REFUSE("%s of %s is not compiled", nx_op_name(v->op, name), nexpr_dtype_name(v->loop));
    }
    bool fits = v->dtype == nx_op_result_dtype(v->op, v->loop);
    for (int k = 0; k < v->arity; k++) fits &= dtype_of(s, v->arg[k]) == nx_op_arg_dtype(v->op, v->loop, k);
    if (!fits) REFUSE("the operands of %s have other dtypes than its loop", nx_op_name(v->op, name));
    return NEXPR_OK;
}

static nexpr_status refuse_cast(const nx_segment *s, const nx_segment_value *v, nexpr_error *err) {
    const bool loses = nx_dtype_class(v->loop) == NX_CLASS_COMPLEX && nx_dtype_class(v->dtype) != NX_CLASS_COMPLEX &&
                       v->dtype != NEXPR_BOOL;
    if (v->arity != 1 || loses || dtype_of(s, v->arg[0]) != v->loop) {
        REFUSE("there is no cast from %s to %s", nexpr_dtype_name(v->loop), nexpr_dtype_name(v->dtype));
    }
    return NEXPR_OK;
}

static nexpr_status refuse_value(const nx_segment *s, unsigned index, nexpr_error *err) {
    const nx_segment_value *v = &nx_segment_values(s)[index];
    const bool is_kind = v->dtype < NEXPR_DTYPE_COUNT && v->loop < NEXPR_DTYPE_COUNT && v->arity <= NX_MAX_ARITY;
    if (!is_kind) REFUSE("there is no such dtype");
    for (int k = 0; k < v->arity; k++) {
        if (v->arg[k] >= s->input_count + index) REFUSE("an operand comes after its user");
    }
    if (v->kind == NX_NODE_CAST) return refuse_cast(s, v, err);
    if (v->kind == NX_NODE_OP) return refuse_op(s, v, err);
    REFUSE("values are operations and casts");
}

nexpr_status refuse_segment(const nx_segment *s, nexpr_error *err) {
    NX_TRY(refuse_counts(s, err));
    for (unsigned k = 0; k < (unsigned)s->output_count + s->input_count; k++) {
        NX_TRY(refuse_operand(s, &nx_segment_outputs(s)[k], k < s->output_count, err));
    }
    for (unsigned i = 0; i < s->value_count; i++) NX_TRY(refuse_value(s, i, err));
    for (unsigned k = 0; k < s->output_count; k++) {
        const unsigned result = nx_segment_results(s)[k];
        const bool exists = result < (unsigned)s->input_count + s->value_count;
        if (!exists || dtype_of(s, result) != nx_segment_outputs(s)[k].dtype) REFUSE("a result has not its output's dtype");
    }
    return NEXPR_OK;
}
