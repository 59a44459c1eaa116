/* SPDX-License-Identifier: MIT */
/* The op table as C data. ops.def explains the columns. */
#ifndef NX_ENGINE_OPS_H
#define NX_ENGINE_OPS_H

#include "engine/dtype.h"
#include "engine/suggest.h"
#include "engine/view.h"

typedef enum nx_op {
#define OP(id, ...) NX_OP_##id,
#include "engine/ops.def"
    NX_OP_COUNT
} nx_op;

typedef enum nx_fun {
#define FUN(id, ...) NX_FUN_##id,
#include "engine/ops.def"
    NX_FUN_COUNT
} nx_fun;

typedef enum nx_array_fun {
#define ARRAY(id, ...) NX_ARRAY_##id,
#include "engine/ops.def"
    NX_ARRAY_COUNT
} nx_array_fun;

/* Types of arguments and result in terms of the loop's dtype T. */
typedef enum nx_sig {
    NX_SIG_T_T,
    NX_SIG_TT_T,
    NX_SIG_TTT_T,
    NX_SIG_T_B,
    NX_SIG_TT_B,
    NX_SIG_T_R,
    NX_SIG_T_U8,
    NX_SIG_TI_T,
    NX_SIG_BTT_T,
    NX_SIG_RR_T,
} nx_sig;

/* Sets of classes, as bits; HALF: float16 has kernels of its own. */
enum {
    NX_DOMAIN_B = 1,
    NX_DOMAIN_I = 2,
    NX_DOMAIN_F = 4,
    NX_DOMAIN_C = 8,
    NX_DOMAIN_HALF = 16,
    NX_DOMAIN_BI = NX_DOMAIN_B | NX_DOMAIN_I,
    NX_DOMAIN_IF = NX_DOMAIN_I | NX_DOMAIN_F,
    NX_DOMAIN_FC = NX_DOMAIN_F | NX_DOMAIN_C,
    NX_DOMAIN_FH = NX_DOMAIN_F | NX_DOMAIN_HALF,
    NX_DOMAIN_BIF = NX_DOMAIN_BI | NX_DOMAIN_F,
    NX_DOMAIN_IFC = NX_DOMAIN_IF | NX_DOMAIN_C,
    NX_DOMAIN_BIFC = NX_DOMAIN_BI | NX_DOMAIN_FC,
    NX_DOMAIN_NONE = 0,
};

typedef enum nx_promote { NX_PROMOTE_LOOPS, NX_PROMOTE_NOBOOL, NX_PROMOTE_TRUEDIV, NX_PROMOTE_COMPARE } nx_promote;

typedef struct nx_op_row {
    const char *names;    /* NumPy's first, then aliases, separated by blanks */
    const char *spelling; /* of the operator, "" for a function */
    const char *params, *doc, *group;
    uint8_t sig, domain, promote, math, inlined, arity;
    float ulp64, ulp32;
    double abs64, abs32;
} nx_op_row;

extern const nx_op_row nx_op_rows[NX_OP_COUNT];

typedef struct nx_fun_row {
    const char *names, *params, *doc, *group;
} nx_fun_row;

extern const nx_fun_row nx_fun_rows[NX_FUN_COUNT];
/* The functions among the kinds of views; nothing for an index. */
extern const nx_fun_row nx_view_rows[NX_VIEW_KINDS];
extern const nx_fun_row nx_array_rows[NX_ARRAY_COUNT];

/* Length of the first of a row's names. */
int nx_name_length(const char *names);
/* "add": name of an op for messages and listings; `buffer` is returned. */
enum { NX_NAME_MAX = 24 };
const char *nx_op_name(nx_op op, char buffer[NX_NAME_MAX]);

/* What a function name means: an op, a fun, a view, a function of arrays, a cast, or nothing (false). */
typedef struct nx_callee {
    enum { NX_CALLEE_OP, NX_CALLEE_FUN, NX_CALLEE_VIEW, NX_CALLEE_ARRAY, NX_CALLEE_CAST } kind;
    nx_op op;
    nx_fun fun;
    nx_view_kind view;
    nx_array_fun array;
    nexpr_dtype dtype;
} nx_callee;
bool nx_find_callee(const char *name, size_t length, nx_callee *ret);
/* Offers every function name. */
void nx_suggest_callees(nx_suggestion *suggestion);

/* Dtypes of argument `index` and of the result of an op whose loop is `loop`. */
nexpr_dtype nx_op_arg_dtype(nx_op op, nexpr_dtype loop, int index);
nexpr_dtype nx_op_result_dtype(nx_op op, nexpr_dtype loop);
/* Whether dtype is in the domain, and whether it has a kernel (float16 has one in FH only). */
bool nx_op_has_loop(nx_op op, nexpr_dtype loop);
bool nx_op_has_kernel(nx_op op, nexpr_dtype loop);
/* Whether math/ has the kernel. */
bool nx_op_is_math(nx_op op, nexpr_dtype loop);
/* Whether a compiled loop has it inline. */
bool nx_op_is_inlined(nx_op op, nexpr_dtype loop);
/* The op that gives the same bits if its two operands are exchanged; NX_OP_COUNT if there is none. */
nx_op nx_op_mirrored(nx_op op);

#endif
