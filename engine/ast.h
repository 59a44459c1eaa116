/* SPDX-License-Identifier: MIT */
/*
 * What the parser makes of a text, before any types: nodes in one array, children before parents, so that every walk over
 * the tree is a loop over the array and nothing recurses. A node may have several parents (the middle of a < b < c).
 */
#ifndef NX_ENGINE_AST_H
#define NX_ENGINE_AST_H

#include "engine/arena.h"
#include "engine/literal.h"
#include "engine/ops.h"
#include "engine/status.h"

typedef uint32_t nx_ast_ref; /* index of a node */

typedef enum nx_ast_kind {
    NX_AST_LITERAL,   /* literal */
    NX_AST_STRING,    /* name: its bytes; only values of keywords */
    NX_AST_NAME,      /* name */
    NX_AST_OPERATOR,  /* op on args: an operator of the text, and, or, not (NX_OP_logical_*), ternary (NX_OP_where with
                         the condition first), one link of a chained comparison */
    NX_AST_CALL,      /* name(args): function looked up later; of x.name(args), x is args[0] and is_method is set */
    NX_AST_ATTRIBUTE, /* args[0].name */
    NX_AST_INDEX,     /* args[0][args[1], ...] */
    NX_AST_SLICE,     /* args[0]:args[1]:args[2] in an index; parts that are left out are NX_AST_NONE */
    NX_AST_ELLIPSIS,  /* ... in an index */
    NX_AST_NONE,      /* None as an argument, None or newaxis in an index */
    NX_AST_TUPLE,     /* (args) as an argument */
} nx_ast_kind;

typedef struct nx_ast_node {
    nx_ast_kind kind;
    nx_span span;        /* the whole sub-expression, its own parentheses not included */
    nx_span word;        /* the operator, function name or attribute name */
    nx_op op;
    bool is_method;      /* NX_AST_CALL */
    bool in_parentheses; /* (x): for hints such as "write (a > 0) & (b < 1)" */
    const char *name;    /* NUL-terminated, without backquotes, in the arena; name_length for strings with NUL bytes */
    uint32_t name_length;
    const nx_literal *literal;
    uint32_t first_arg, arg_count; /* args: ast->args[first_arg ...] */
} nx_ast_node;

typedef struct nx_ast_arg {
    nx_ast_ref node;
    const char *keyword; /* NULL: positional */
    nx_span span;        /* of the keyword, if there is one, else of the node */
} nx_ast_arg;

/* One statement, in the order of the text. The nodes of a statement are those from first_node up to that of the next one. */
typedef struct nx_ast_statement {
    const char *name;     /* name = ...; NULL for the final list of results */
    nx_span name_span;
    nx_ast_ref first_node, node_end;
    uint32_t first_value, value_count; /* roots: ast->args[first_value ...]; one for an assignment */
} nx_ast_statement;

/*
 * The last statement gives the results: an expression, a list of them, or an assignment, whose result has its name.
 * Names of results: the assigned name, the name itself for a bare name, else none.
 */
typedef struct nx_ast {
    const char *text; /* the arena's copy, NUL-terminated */
    size_t length;
    nx_ast_node *nodes;
    nx_ast_arg *args;
    nx_ast_statement *statements;
    uint32_t node_count, arg_count, statement_count;
    /* Names that are read before any statement assigns them, in order of first use. */
    struct nx_ast_free_name {
        const char *name;
        nx_span span;
    } *free_names;
    uint32_t free_name_count;
} nx_ast;

#endif
