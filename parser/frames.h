/* SPDX-License-Identifier: MIT */
/* What the grammar of parse.c is written with: the state of the parser, its tokens, nodes and stack of frames. */
#ifndef NX_PARSER_FRAMES_H
#define NX_PARSER_FRAMES_H

#include "engine/ast.h"
#include "parser/names.h"
#include "parser/scan.h"

#define NONE UINT32_MAX /* no node */

typedef struct operand {
    nx_ast_ref node;
    uint32_t begin, end;   /* its extent, with its own parentheses */
    nx_ast_ref middle;     /* of a comparison that is not in parentheses: its last operand, where a chain goes on */
    uint32_t middle_begin;
} operand;

typedef enum frame_kind {
    FRAME_LIST,   /* statement: its values are items from first_item on */
    FRAME_GROUP,  /* ( */
    FRAME_TUPLE,  /* ( and a comma: elements are items from first_item on */
    FRAME_CALL,   /* name(: arguments are items from first_item on */
    FRAME_INDEX,  /* left[: what stands between commas are items from first_item on */
    FRAME_PREFIX, /* op */
    FRAME_INFIX,  /* left op */
    FRAME_IF,     /* left if */
    FRAME_ELSE,   /* left if condition else */
} frame_kind;

typedef struct frame {
    frame_kind kind;
    uint8_t limit;       /* operators that bind more tightly may stand in the operand that is awaited */
    bool nests;          /* counts as a level of nesting */
    nx_op op;
    nx_span word;        /* the operator, bracket or function name */
    nx_span bracket;     /* GROUP to INDEX: the bracket */
    operand left;
    nx_ast_ref condition;
    uint32_t first_item;
    nx_ast_ref part[3];  /* INDEX: of the slice that is being read */
    uint8_t colons;      /* INDEX: its colons so far */
    bool is_method;      /* CALL */
    const char *name;    /* CALL: of the function */
    const char *keyword; /* CALL: of the argument that is being read, NULL if it is positional */
    nx_span keyword_span;
} frame;

typedef enum state { BEFORE_OPERAND, BEHIND_OPERAND, STATEMENT_OVER } state;

typedef struct parser {
    nx_arena *arena;
    nexpr_error *err;
    nx_ast *ast;
    size_t max_tokens, max_nesting, max_nodes;

    nx_scanner scanner;
    nx_token token;         /* the next one */
    uint32_t previous_end;  /* of the token before it */
    size_t token_count;

    state state;
    operand value;          /* BEHIND_OPERAND: which */
    frame *frames;
    nx_ast_arg *items;      /* of lists and calls that are not closed yet */
    size_t frame_count, item_count, nesting;
    size_t frame_capacity, item_capacity, node_capacity, arg_capacity, statement_capacity, free_name_capacity;
    nx_names names;
    bool assigning;         /* the statement is an assignment */
} parser;

/* Room for one more element; returns NEXPR_MEMORY from the caller if there is none. */
#define GROW(p, items, count, capacity)                                                            \
    do {                                                                                           \
        void *grown_ = nx_arena_grow((p)->arena, items, count, &(capacity), sizeof *(items));      \
        if (!grown_) return nx_fail_memory((p)->err);                                              \
        (items) = grown_;                                                                          \
    } while (0)

enum { SHOWN = 24 }; /* bytes of a token in messages */

/* Reads the next token. Errors: SYNTAX, LIMIT. */
nexpr_status nx_advance(parser *p);
/* Whether the token behind the next one is the mark `c`, "(" or a single "=". The first byte mostly settles it. What cannot
 * be scanned is reported when it is its turn. */
bool nx_mark_follows(const parser *p, char c, nx_token_kind kind);
bool nx_ends_statement(const parser *p);
/* Where the next token is; the ends of lines and of the text are right behind what was read last. */
nx_span nx_token_place(const parser *p);
/* "'+'" or "the end of the line", for messages. */
const char *nx_token_text(const parser *p, char buffer[SHOWN + 8]);
nx_symbol *nx_token_symbol(parser *p);
nexpr_status nx_add_node(parser *p, nx_ast_node node, nx_ast_ref *ret);
nexpr_status nx_add_arg(parser *p, nx_ast_arg arg);
/* Moves the items from `first` on to the arguments of the AST. */
nexpr_status nx_move_items(parser *p, size_t first, uint32_t *ret_first, uint32_t *ret_count);
/* Makes a node the value and goes on behind the next token, its last one. */
nexpr_status nx_take_value(parser *p, nx_ast_node node);
nexpr_status nx_take_leaf(parser *p, nx_ast_node node);
frame *nx_top_frame(const parser *p);
nexpr_status nx_push_frame(parser *p, frame f);
frame nx_pop_frame(parser *p);
bool nx_is_bracket(const frame *f);
/* Completes the operators that bind at least as tightly as `level`. */
nexpr_status nx_complete_tighter(parser *p, int level);
/* Completes all up to the innermost bracket. */
nexpr_status nx_complete_to_bracket(parser *p);
nexpr_status nx_add_item(parser *p, const char *keyword, nx_span keyword_span);

#endif
