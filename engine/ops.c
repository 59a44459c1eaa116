/* SPDX-License-Identifier: MIT */
/* The tables that ops.def expands to, and questions about them. */
#include "engine/ops.h"

#include <string.h>

#define CALL ""
#define INFIX(spelling, level) spelling
#define PREFIX(spelling) spelling
#define EXACT ULP_ABS(0, 0, 0, 0)
#define ULP(f64, f32) ULP_ABS(f64, f32, 0, 0)
#define ULP_ABS(f64, f32, a64, a32) .ulp64 = f64, .ulp32 = f32, .abs64 = a64, .abs32 = a32

enum {
    ARITY_T_T = 1, ARITY_T_B = 1, ARITY_T_R = 1, ARITY_T_U8 = 1,
    ARITY_TT_T = 2, ARITY_TT_B = 2, ARITY_TI_T = 2, ARITY_RR_T = 2,
    ARITY_TTT_T = 3, ARITY_BTT_T = 3,
};

/* Names of the groups, for the reference. */
#define ARITHMETIC "arithmetic"
#define EXPONENTIAL "exponential and logarithmic"
#define TRIGONOMETRIC "trigonometric and hyperbolic"
#define SPECIAL "special functions"
#define LOGIC "comparison and logic"
#define BITS "bits"
#define COMPLEX "complex numbers"
#define VIEWS "views"
#define REDUCTIONS "reductions"
#define RUNNING "running functions"
#define GENERATORS "generators"
#define SELECTION "selection"
#define RANDOM "random numbers"

const nx_op_row nx_op_rows[NX_OP_COUNT] = {
#define OP(id, group_, names_, syntax_, sig_, domain_, promote_, meaning_, math_, inlined_, accuracy_, params_, doc_) \
    [NX_OP_##id] = {.names = names_, .spelling = syntax_, .params = params_, .doc = doc_, .group = group_,                \
                    .sig = NX_SIG_##sig_, .domain = NX_DOMAIN_##domain_, .promote = NX_PROMOTE_##promote_,                \
                    .math = NX_DOMAIN_##math_, .inlined = NX_DOMAIN_##inlined_, .arity = ARITY_##sig_, accuracy_},
#include "engine/ops.def"
};

const nx_fun_row nx_fun_rows[NX_FUN_COUNT] = {
#define FUN(id, group_, names_, params_, doc_) \
    [NX_FUN_##id] = {.names = names_, .params = params_, .doc = doc_, .group = group_},
#include "engine/ops.def"
};

const nx_fun_row nx_view_rows[NX_VIEW_KINDS] = {
#define VIEW(id, group_, names_, params_, doc_) \
    [NX_VIEW_##id] = {.names = names_, .params = params_, .doc = doc_, .group = group_},
#include "engine/ops.def"
};

const nx_fun_row nx_array_rows[NX_ARRAY_COUNT] = {
#define ARRAY(id, group_, names_, params_, doc_) \
    [NX_ARRAY_##id] = {.names = names_, .params = params_, .doc = doc_, .group = group_},
#include "engine/ops.def"
};

int nx_name_length(const char *names) {
    return (int)strcspn(names, " ");
}

const char *nx_op_name(nx_op op, char buffer[NX_NAME_MAX]) {
    const char *names = nx_op_rows[op].names;
    size_t n = (size_t)nx_name_length(names);
    memcpy(buffer, names, n);
    buffer[n] = 0;
    return buffer;
}

/* Calls visit for every name that can stand before "(", until it returns true. */
typedef bool visit_name(void *state, const char *name, size_t length, nx_callee callee);

static bool visit_row(visit_name *visit, void *state, const char *names, nx_callee callee) {
    for (const char *name = names; *name;) {
        size_t length = strcspn(name, " ");
        if (visit(state, name, length, callee)) return true;
        name += length;
        name += *name == ' ';
    }
    return false;
}

static bool visit_callees(visit_name *visit, void *state) {
    for (int i = 0; i < NX_OP_COUNT; i++) {
        if (visit_row(visit, state, nx_op_rows[i].names, (nx_callee){.kind = NX_CALLEE_OP, .op = (nx_op)i})) return true;
    }
    for (int i = 0; i < NX_FUN_COUNT; i++) {
        if (visit_row(visit, state, nx_fun_rows[i].names, (nx_callee){.kind = NX_CALLEE_FUN, .fun = (nx_fun)i})) return true;
    }
    for (int i = NX_VIEW_INDEX + 1; i < NX_VIEW_KINDS; i++) {
        nx_callee callee = {.kind = NX_CALLEE_VIEW, .view = (nx_view_kind)i};
        if (visit_row(visit, state, nx_view_rows[i].names, callee)) return true;
    }
    for (int i = 0; i < NX_ARRAY_COUNT; i++) {
        nx_callee callee = {.kind = NX_CALLEE_ARRAY, .array = (nx_array_fun)i};
        if (visit_row(visit, state, nx_array_rows[i].names, callee)) return true;
    }
    for (int i = 0; i < NEXPR_DTYPE_COUNT; i++) {
        nx_callee callee = {.kind = NX_CALLEE_CAST, .dtype = (nexpr_dtype)i};
        if (visit_row(visit, state, nexpr_dtype_name(callee.dtype), callee)) return true;
    }
    return false;
}

typedef struct find_state {
    const char *name;
    size_t length;
    nx_callee *ret;
} find_state;

static bool find_equal(void *state, const char *name, size_t length, nx_callee callee) {
    find_state *find = state;
    if (length != find->length || memcmp(name, find->name, length)) return false;
    *find->ret = callee;
    return true;
}

bool nx_find_callee(const char *name, size_t length, nx_callee *ret) {
    return visit_callees(find_equal, &(find_state){name, length, ret});
}

static bool offer(void *state, const char *name, size_t length, nx_callee callee) {
    (void)callee;
    nx_suggest_offer(state, name, length);
    return false;
}

void nx_suggest_callees(nx_suggestion *suggestion) {
    visit_callees(offer, suggestion);
}

nexpr_dtype nx_op_arg_dtype(nx_op op, nexpr_dtype loop, int index) {
    switch ((nx_sig)nx_op_rows[op].sig) {
    case NX_SIG_TI_T: return index == 1 ? NEXPR_INT64 : loop;
    case NX_SIG_BTT_T: return index == 0 ? NEXPR_BOOL : loop;
    case NX_SIG_RR_T: return nx_dtype_real(loop);
    default: return loop;
    }
}

nexpr_dtype nx_op_result_dtype(nx_op op, nexpr_dtype loop) {
    switch ((nx_sig)nx_op_rows[op].sig) {
    case NX_SIG_T_B:
    case NX_SIG_TT_B: return NEXPR_BOOL;
    case NX_SIG_T_U8: return NEXPR_UINT8;
    case NX_SIG_T_R: return nx_dtype_real(loop);
    default: return loop;
    }
}

bool nx_op_has_loop(nx_op op, nexpr_dtype loop) {
    return nx_op_rows[op].domain >> nx_dtype_class(loop) & 1;
}

bool nx_op_has_kernel(nx_op op, nexpr_dtype loop) {
    return nx_op_has_loop(op, loop) && (loop != NEXPR_FLOAT16 || nx_op_rows[op].domain & NX_DOMAIN_HALF);
}

bool nx_op_is_math(nx_op op, nexpr_dtype loop) {
    return nx_op_rows[op].math >> nx_dtype_class(loop) & 1;
}

bool nx_op_is_inlined(nx_op op, nexpr_dtype loop) {
    return loop != NEXPR_FLOAT16 && nx_op_rows[op].inlined >> nx_dtype_class(loop) & 1;
}

nx_op nx_op_mirrored(nx_op op) {
    switch (op) {
    case NX_OP_add: case NX_OP_multiply:
    case NX_OP_bitwise_and: case NX_OP_bitwise_or: case NX_OP_bitwise_xor:
    case NX_OP_equal: case NX_OP_not_equal: return op;
    case NX_OP_less: return NX_OP_greater;
    case NX_OP_less_equal: return NX_OP_greater_equal;
    case NX_OP_greater: return NX_OP_less;
    case NX_OP_greater_equal: return NX_OP_less_equal;
    default: return NX_OP_COUNT;
    }
}
