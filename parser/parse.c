/* SPDX-License-Identifier: MIT */
/*
 * A precedence climber whose recursion is a stack of frames in memory: whatever waits for its right end - a bracket, a
 * call, an operator that has its left operand - is a frame, and `value` is the operand that was read last. An operator
 * first completes the frames that bind at least as tightly (operators.h), then waits itself. So no text can exhaust the C
 * stack, and nodes come out children first.
 *
 * The state says what has to come next: step_operand takes one token of what may begin an operand, step_operator one of
 * what may stand behind it.
 */
#include "parser/parse.h"

#include "parser/constants.h"
#include "parser/names.h"
#include "parser/scan.h"
#include "parser/utf8.h"

#include <string.h>

enum {
    DEFAULT_SOURCE = 1 << 20, DEFAULT_TOKENS = 100000, DEFAULT_NESTING = 1000, DEFAULT_NODES = 100000,
    HARD_LIMIT = 1 << 30, /* spans and references are 32 bits */
};

static const nx_ast_ref NONE = UINT32_MAX;

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

/* -------------------------------------------------------------------------------------------------------- tokens -- */

static nexpr_status advance(parser *p) {
    p->previous_end = p->token.span.end;
    NX_TRY(nx_scan(&p->scanner, &p->token, p->err));
    if (p->token.kind <= NX_TOKEN_NEWLINE || ++p->token_count <= p->max_tokens) return NEXPR_OK;
    return nx_fail(p->err, NEXPR_LIMIT, p->token.span, "the text has more than %zu tokens", p->max_tokens);
}

/* Whether the token behind the next one is the mark `c`, "(" or a single "=". The first byte mostly settles it. What cannot
 * be scanned is reported when it is its turn. */
static bool mark_follows(const parser *p, char c, nx_token_kind kind) {
    const char first = p->scanner.text[p->scanner.at];
    if (first != c && !strchr(" \t\f\r\n\\#", first)) return false;
    nx_scanner ahead = p->scanner;
    nx_token token;
    return !nx_scan(&ahead, &token, NULL) && token.kind == kind;
}

static bool ends_statement(const parser *p) {
    return p->token.kind <= NX_TOKEN_SEMICOLON;
}

/* Where the next token is; the ends of lines and of the text are right behind what was read last. */
static nx_span token_place(const parser *p) {
    return p->token.kind <= NX_TOKEN_NEWLINE ? (nx_span){p->previous_end, p->previous_end} : p->token.span;
}

/* "'+'" or "the end of the line", for messages. */
enum { SHOWN = 24 };
static const char *token_text(const parser *p, char buffer[SHOWN + 8]) {
    if (p->token.kind == NX_TOKEN_END) return "the end of the text";
    if (p->token.kind == NX_TOKEN_NEWLINE) return "the end of the line";
    size_t length = p->token.span.end - p->token.span.begin, kept = length;
    const char *text = p->scanner.text + p->token.span.begin;
    while (kept > SHOWN || (kept < length && ((unsigned char)text[kept] & 0xC0) == 0x80)) kept--;
    char *out = buffer;
    *out++ = '\'';
    memcpy(out, text, kept);
    strcpy(out + kept, kept < length ? "...'" : "'");
    return buffer;
}

static nx_symbol *token_symbol(parser *p) {
    nx_span span = p->token.span;
    if (p->token.kind == NX_TOKEN_QUOTED) span = (nx_span){span.begin + 1, span.end - 1};
    return nx_names_intern(&p->names, p->scanner.text + span.begin, span.end - span.begin);
}

/* --------------------------------------------------------------------------------------------------------- nodes -- */

static nexpr_status add_node(parser *p, nx_ast_node node, nx_ast_ref *ret) {
    nx_ast *ast = p->ast;
    if (ast->node_count >= p->max_nodes) {
        return nx_fail(p->err, NEXPR_LIMIT, node.span, "the expression has more than %zu nodes", p->max_nodes);
    }
    GROW(p, ast->nodes, ast->node_count, p->node_capacity);
    *ret = ast->node_count;
    ast->nodes[ast->node_count++] = node;
    return NEXPR_OK;
}

static nexpr_status add_arg(parser *p, nx_ast_arg arg) {
    GROW(p, p->ast->args, p->ast->arg_count, p->arg_capacity);
    p->ast->args[p->ast->arg_count++] = arg;
    return NEXPR_OK;
}

/* Moves the items from `first` on to the arguments of the AST. */
static nexpr_status move_items(parser *p, size_t first, uint32_t *ret_first, uint32_t *ret_count) {
    *ret_first = p->ast->arg_count;
    *ret_count = (uint32_t)(p->item_count - first);
    for (size_t i = first; i < p->item_count; i++) NX_TRY(add_arg(p, p->items[i]));
    p->item_count = first;
    return NEXPR_OK;
}

static nexpr_status add_operator(parser *p, nx_op op, nx_span word, nx_span span, const nx_ast_ref *args, int count,
                                 nx_ast_ref *ret) {
    nx_ast_node node = {.kind = NX_AST_OPERATOR, .span = span, .word = word, .op = op, .first_arg = p->ast->arg_count,
                        .arg_count = (uint32_t)count};
    for (int i = 0; i < count; i++) NX_TRY(add_arg(p, (nx_ast_arg){.node = args[i], .span = p->ast->nodes[args[i]].span}));
    return add_node(p, node, ret);
}

/* Makes a node the value and goes on behind the next token, its last one. */
static nexpr_status take_value(parser *p, nx_ast_node node) {
    p->value = (operand){.begin = node.span.begin, .end = node.span.end, .middle = NONE};
    p->state = BEHIND_OPERAND;
    NX_TRY(add_node(p, node, &p->value.node));
    return advance(p);
}

static nexpr_status take_leaf(parser *p, nx_ast_node node) {
    node.span = node.word = p->token.span;
    return take_value(p, node);
}

/* -------------------------------------------------------------------------------------------------------- frames -- */

static frame *top_frame(const parser *p) {
    return &p->frames[p->frame_count - 1];
}

static nexpr_status push_frame(parser *p, frame f) {
    if (f.nests && p->nesting >= p->max_nesting) {
        return nx_fail(p->err, NEXPR_LIMIT, f.word, "the expression is nested more than %zu deep", p->max_nesting);
    }
    GROW(p, p->frames, p->frame_count, p->frame_capacity);
    p->nesting += f.nests;
    p->frames[p->frame_count++] = f;
    return NEXPR_OK;
}

static frame pop_frame(parser *p) {
    frame f = p->frames[--p->frame_count];
    p->nesting -= f.nests;
    return f;
}

static bool is_bracket(const frame *f) {
    return f->kind <= FRAME_INDEX;
}

/* comparison -> sum { "<" sum }: each further link shares its left operand with the link before it:
 * a < b < c is (a < b) and (b < c). */
static nexpr_status complete_comparison(parser *p, const frame *f) {
    const operand left = f->left, right = p->value;
    const bool chained = left.middle != NONE;
    nx_ast_ref link[2] = {chained ? left.middle : left.node, right.node}, all;
    nx_span span = {chained ? left.middle_begin : left.begin, right.end};
    NX_TRY(add_operator(p, f->op, f->word, span, link, 2, &all));
    if (chained) {
        nx_ast_ref both[2] = {left.node, all};
        NX_TRY(add_operator(p, NX_OP_logical_and, f->word, (nx_span){left.begin, right.end}, both, 2, &all));
    }
    p->value = (operand){.node = all, .begin = left.begin, .end = right.end, .middle = right.node,
                         .middle_begin = right.begin};
    return NEXPR_OK;
}

/* Takes the top frame, an operator or a choice, and makes it the value. */
static nexpr_status complete_frame(parser *p) {
    const frame f = pop_frame(p);
    const operand x = f.left, y = p->value;
    if (f.kind == FRAME_INFIX && f.limit == NX_LEVEL_COMPARE) return complete_comparison(p, &f);
    nx_ast_ref args[3] = {y.node};
    int count = 1;
    uint32_t begin = f.kind == FRAME_PREFIX ? f.word.begin : x.begin;
    if (f.kind == FRAME_INFIX) {
        args[0] = x.node;
        args[1] = y.node;
        count = 2;
    } else if (f.kind == FRAME_ELSE) {
        args[0] = f.condition;
        args[1] = x.node;
        args[2] = y.node;
        count = 3;
    }
    p->value = (operand){.begin = begin, .end = y.end, .middle = NONE};
    return add_operator(p, f.op, f.word, (nx_span){begin, y.end}, args, count, &p->value.node);
}

/* Completes the operators that bind at least as tightly as `level`. */
static nexpr_status complete_tighter(parser *p, int level) {
    while (!is_bracket(top_frame(p)) && top_frame(p)->limit >= level) NX_TRY(complete_frame(p));
    return NEXPR_OK;
}

/* Completes all up to the innermost bracket. */
static nexpr_status complete_to_bracket(parser *p) {
    while (!is_bracket(top_frame(p))) {
        if (top_frame(p)->kind == FRAME_IF) {
            return nx_fail(p->err, NEXPR_SYNTAX, top_frame(p)->word, "'else' is missing: write x if condition else y");
        }
        NX_TRY(complete_frame(p));
    }
    return NEXPR_OK;
}

static nexpr_status add_item(parser *p, const char *keyword, nx_span keyword_span) {
    GROW(p, p->items, p->item_count, p->item_capacity);
    nx_span span = keyword ? keyword_span : p->ast->nodes[p->value.node].span;
    p->items[p->item_count++] = (nx_ast_arg){.node = p->value.node, .keyword = keyword, .span = span};
    return NEXPR_OK;
}

/* -------------------------------------------------------------------------------------------------------- errors -- */

/* Brackets that are open when the statement ends. */
static nexpr_status fail_unclosed(const parser *p) {
    const frame *f = top_frame(p);
    while (!is_bracket(f)) f--;
    return nx_fail(p->err, NEXPR_SYNTAX, f->bracket, "this '%c' is never closed", f->kind == FRAME_INDEX ? '[' : '(');
}

static nexpr_status fail_no_operand(const parser *p) {
    char text[SHOWN + 8];
    if (ends_statement(p) && p->scanner.brackets) return fail_unclosed(p);
    if ((p->token.kind == NX_TOKEN_CLOSE || p->token.kind == NX_TOKEN_CLOSE_INDEX) && !p->scanner.brackets) {
        return nx_fail(p->err, NEXPR_SYNTAX, p->token.span, "this %s closes nothing", token_text(p, text));
    }
    if (p->token.kind == NX_TOKEN_OPEN_INDEX) {
        return nx_fail(p->err, NEXPR_SYNTAX, p->token.span, "there are no lists: several numbers stand in parentheses, as (0, 1)");
    }
    if (p->token.kind == NX_TOKEN_COLON || p->token.kind == NX_TOKEN_ELLIPSIS) {
        return nx_fail(p->err, NEXPR_SYNTAX, p->token.span, "%s stands only in an index, as in x[1:] or x[..., 0]",
                       token_text(p, text));
    }
    return nx_fail(p->err, NEXPR_SYNTAX, token_place(p), "expected a number, a name or '(' before %s", token_text(p, text));
}

static nexpr_status fail_no_operator(const parser *p) {
    char text[SHOWN + 8];
    const nx_span span = p->token.span;
    if (p->token.kind == NX_TOKEN_COLON) {
        return nx_fail(p->err, NEXPR_SYNTAX, span, "':' stands only in an index, as in x[1:]; a choice is x if condition else y");
    }
    if (p->token.kind == NX_TOKEN_OPEN) {
        return nx_fail(p->err, NEXPR_SYNTAX, span, "only the plain name of a function can be called; to multiply, write *");
    }
    const char *hint = p->token.kind == NX_TOKEN_STRING || p->token.infix || p->token.prefix ? "" : "; to multiply, write *";
    return nx_fail(p->err, NEXPR_SYNTAX, span, "expected an operator before %s%s", token_text(p, text), hint);
}

static nexpr_status fail_assignment(const parser *p) {
    const bool is_target = !p->scanner.brackets && !p->assigning;
    const char *text = is_target ? "only a name can be assigned, as in name = value; to compare, write =="
                                 : "'=' assigns once, at the beginning of a statement; to compare, write ==";
    return nx_fail(p->err, NEXPR_SYNTAX, p->token.span, "%s", text);
}

/* ------------------------------------------------------------------------------------------------------- operands -- */

/* number -> INTEGER | FLOAT | IMAGINARY | "True" | "False" */
static nexpr_status take_number(parser *p) {
    nx_literal *literal = nx_arena_alloc(p->arena, 1, sizeof *literal);
    if (!literal) return nx_fail_memory(p->err);
    NX_TRY(nx_constant_number(p->scanner.text, &p->token, literal, p->err));
    return take_leaf(p, (nx_ast_node){.kind = NX_AST_LITERAL, .literal = literal});
}

/* Whether what was just read is all that stands there between brackets and commas. */
static bool is_whole(const parser *p) {
    return p->token.kind == NX_TOKEN_COMMA || p->token.kind == NX_TOKEN_CLOSE || p->token.kind == NX_TOKEN_CLOSE_INDEX ||
           ends_statement(p);
}

/* A string is the whole value of a keyword and nothing else. */
static nexpr_status take_string(parser *p) {
    nx_ast_node node = {.kind = NX_AST_STRING};
    const nx_span span = p->token.span;
    const bool is_value = top_frame(p)->kind == FRAME_CALL && top_frame(p)->keyword;
    NX_TRY(nx_constant_string(p->scanner.text, &p->token, p->arena, &node.name, &node.name_length, p->err));
    NX_TRY(take_leaf(p, node));
    if (is_value && is_whole(p)) return NEXPR_OK;
    return nx_fail(p->err, NEXPR_SYNTAX, span, "a string can only be the value of a keyword; quote names with backquotes");
}

/* None is a whole argument, or a new axis in an index. */
static nexpr_status take_none(parser *p) {
    const nx_span span = p->token.span;
    const frame_kind where = top_frame(p)->kind;
    NX_TRY(take_leaf(p, (nx_ast_node){.kind = NX_AST_NONE}));
    if ((where == FRAME_CALL || where == FRAME_INDEX) && is_whole(p)) return NEXPR_OK;
    return nx_fail(p->err, NEXPR_SYNTAX, span, "None is no value: it stands only for an argument or for a new axis in an index");
}

static nexpr_status list_free_name(parser *p, nx_symbol *symbol) {
    nx_ast *ast = p->ast;
    if (symbol->assigned || symbol->listed) return NEXPR_OK;
    GROW(p, ast->free_names, ast->free_name_count, p->free_name_capacity);
    ast->free_names[ast->free_name_count++] = (struct nx_ast_free_name){.name = symbol->text, .span = p->token.span};
    symbol->listed = true;
    return NEXPR_OK;
}

enum { MAX_ARGUMENTS = 255 };

/* argument -> [NAME "="] expression: reads what stands before the expression. */
static nexpr_status begin_argument(parser *p) {
    frame *call = top_frame(p);
    const nx_span span = p->token.span;
    const bool has_keyword = p->token.kind == NX_TOKEN_NAME && mark_follows(p, '=', NX_TOKEN_ASSIGN);
    p->state = BEFORE_OPERAND;
    if (p->item_count - call->first_item >= MAX_ARGUMENTS) {
        return nx_fail(p->err, NEXPR_LIMIT, span, "a call has more than %d arguments", MAX_ARGUMENTS);
    }
    if (!has_keyword && call->keyword) {
        return nx_fail(p->err, NEXPR_SYNTAX, token_place(p), "arguments without a keyword come before those with one");
    }
    if (!has_keyword) return NEXPR_OK;
    const nx_symbol *symbol = token_symbol(p);
    if (!symbol) return nx_fail_memory(p->err);
    for (size_t i = call->first_item; i < p->item_count; i++) {
        if (p->items[i].keyword == symbol->text) {
            return nx_fail(p->err, NEXPR_SYNTAX, span, "the keyword '%s' is given twice", symbol->text);
        }
    }
    call->keyword = symbol->text;
    call->keyword_span = span;
    NX_TRY(advance(p));
    return advance(p);
}

/* call -> NAME "(" [argument { "," argument } [","]] ")": the closing bracket, where the next token is. */
static nexpr_status close_call(parser *p) {
    const frame call = pop_frame(p);
    nx_ast_node node = {.kind = NX_AST_CALL, .span = {call.word.begin, p->token.span.end}, .word = call.word,
                        .name = call.name, .name_length = (uint32_t)strlen(call.name), .is_method = call.is_method};
    if (call.is_method) node.span.begin = call.left.begin;
    NX_TRY(move_items(p, call.first_item, &node.first_arg, &node.arg_count));
    p->scanner.brackets--;
    return take_value(p, node);
}

static nexpr_status open_group(parser *p) {
    NX_TRY(push_frame(p, (frame){.kind = FRAME_GROUP, .nests = true, .word = p->token.span, .bracket = p->token.span}));
    p->scanner.brackets++;
    return advance(p);
}

/* At the name. The object of a method is its first argument. */
static nexpr_status open_call(parser *p, const nx_symbol *symbol, const operand *object) {
    frame call = {.kind = FRAME_CALL, .nests = true, .word = p->token.span, .name = symbol->text,
                  .first_item = (uint32_t)p->item_count, .is_method = object};
    if (object) {
        call.left = *object;
        NX_TRY(add_item(p, NULL, NX_NOWHERE));
    }
    NX_TRY(advance(p));
    call.bracket = p->token.span;
    NX_TRY(push_frame(p, call));
    p->scanner.brackets++;
    NX_TRY(advance(p));
    return p->token.kind == NX_TOKEN_CLOSE ? close_call(p) : begin_argument(p);
}

static nexpr_status take_name(parser *p) {
    nx_symbol *symbol = token_symbol(p);
    if (!symbol) return nx_fail_memory(p->err);
    if (p->token.kind == NX_TOKEN_NAME && mark_follows(p, '(', NX_TOKEN_OPEN)) return open_call(p, symbol, NULL);
    if (top_frame(p)->kind == FRAME_INDEX && !symbol->assigned && !strcmp(symbol->text, "newaxis")) return take_none(p);
    NX_TRY(list_free_name(p, symbol));
    return take_leaf(p, (nx_ast_node){.kind = NX_AST_NAME, .name = symbol->text, .name_length = symbol->length});
}

/* prefix -> "-" operand | "not" operand ... A prefix that binds less tightly than the operator before it needs
 * parentheses, except that ** takes a sign. */
static nexpr_status push_prefix(parser *p) {
    const nx_operator *prefix = p->token.prefix;
    const frame *before = top_frame(p);
    if (!is_bracket(before) && before->limit > prefix->limit) {
        return nx_fail(p->err, NEXPR_SYNTAX, p->token.span, "'%.*s' needs parentheses here: write (%.*s x)", prefix->length,
                       prefix->spelling, prefix->length, prefix->spelling);
    }
    frame f = {.kind = FRAME_PREFIX, .limit = prefix->limit, .nests = true, .op = (nx_op)prefix->op, .word = p->token.span};
    NX_TRY(push_frame(p, f));
    return advance(p);
}

/* --------------------------------------------------------------------------------------------------------- tuples -- */

/* Whether the frame below the top one is a call, of which the top one is a whole argument as far as it goes. */
static bool is_argument(const parser *p) {
    return p->frame_count > 1 && p->frames[p->frame_count - 2].kind == FRAME_CALL;
}

/* The "(" turns out to be one of a tuple, at its first comma or at its end. */
static nexpr_status begin_tuple(parser *p) {
    frame *f = top_frame(p);
    if (!is_argument(p)) {
        return nx_fail(p->err, NEXPR_SYNTAX, p->token.span,
                       "a tuple is only an argument of a function; several results are listed without parentheses around them");
    }
    f->kind = FRAME_TUPLE;
    f->first_item = (uint32_t)p->item_count;
    return NEXPR_OK;
}

static bool is_empty_tuple(const parser *p) {
    const frame *f = top_frame(p);
    return f->kind == FRAME_GROUP && f->bracket.end == p->previous_end && is_argument(p);
}

/* tuple -> "(" [choice "," [choice { "," choice } [","]]] ")": the closing bracket. */
static nexpr_status close_tuple(parser *p) {
    if (top_frame(p)->kind == FRAME_GROUP) NX_TRY(begin_tuple(p));
    const frame f = pop_frame(p);
    nx_ast_node node = {.kind = NX_AST_TUPLE, .span = {f.bracket.begin, p->token.span.end}, .word = f.bracket};
    NX_TRY(move_items(p, f.first_item, &node.first_arg, &node.arg_count));
    p->scanner.brackets--;
    NX_TRY(take_value(p, node));
    if (is_whole(p)) return NEXPR_OK;
    return nx_fail(p->err, NEXPR_SYNTAX, node.span, "a tuple is a whole argument of a function, and no operand");
}

static nexpr_status await_operand(parser *p) {
    p->state = BEFORE_OPERAND;
    return NEXPR_OK;
}

/* ---------------------------------------------------------------------------------------------------------- index -- */

enum { MAX_ITEMS = 255 };

/* index -> operand "[" item { "," item } [","] "]": the opening bracket. */
static nexpr_status open_index(parser *p) {
    frame f = {.kind = FRAME_INDEX, .nests = true, .word = p->token.span, .bracket = p->token.span, .left = p->value,
               .first_item = (uint32_t)p->item_count};
    NX_TRY(push_frame(p, f));
    p->scanner.brackets++;
    p->state = BEFORE_OPERAND;
    return advance(p);
}

/* A part that is left out. */
static nexpr_status add_none(parser *p, uint32_t place, nx_ast_ref *ret) {
    const nx_span span = {place, place};
    return add_node(p, (nx_ast_node){.kind = NX_AST_NONE, .span = span, .word = span}, ret);
}

/* item -> choice | [choice] ":" [choice] [":" [choice]] | "..." | "None": a colon, behind the part that `has_part` tells
 * about. */
static nexpr_status take_colon(parser *p, bool has_part) {
    frame *f = top_frame(p);
    if (f->colons == 2) {
        return nx_fail(p->err, NEXPR_SYNTAX, p->token.span, "a slice has at most two colons: start:stop:step");
    }
    if (has_part) f->part[f->colons] = p->value.node;
    else NX_TRY(add_none(p, p->token.span.begin, &f->part[f->colons]));
    f->colons++;
    p->state = BEFORE_OPERAND;
    return advance(p);
}

/* Makes the parts of a slice the value. */
static nexpr_status complete_slice(parser *p, bool has_part) {
    frame *f = top_frame(p);
    nx_ast_ref part[3];
    memcpy(part, f->part, sizeof part);
    for (int i = f->colons; i < 3; i++) {
        if (has_part && i == f->colons) part[i] = p->value.node;
        else NX_TRY(add_none(p, p->previous_end, &part[i]));
    }
    const uint32_t begin = p->ast->nodes[part[0]].span.begin;
    f->colons = 0;
    nx_ast_node node = {.kind = NX_AST_SLICE, .span = {begin, p->previous_end}, .word = {begin, p->previous_end},
                        .first_arg = p->ast->arg_count, .arg_count = 3};
    for (int i = 0; i < 3; i++) NX_TRY(add_arg(p, (nx_ast_arg){.node = part[i], .span = p->ast->nodes[part[i]].span}));
    return add_node(p, node, &p->value.node);
}

/* The end of an item, a comma or the closing bracket. */
static nexpr_status end_item(parser *p, bool has_part) {
    const frame *f = top_frame(p);
    if (f->colons) NX_TRY(complete_slice(p, has_part));
    if (p->item_count - f->first_item >= MAX_ITEMS) {
        return nx_fail(p->err, NEXPR_LIMIT, p->token.span, "an index has more than %d items", MAX_ITEMS);
    }
    return add_item(p, NULL, NX_NOWHERE);
}

static nexpr_status close_index(parser *p) {
    const frame f = pop_frame(p);
    const nx_ast_arg base = {.node = f.left.node, .span = p->ast->nodes[f.left.node].span};
    nx_ast_node node = {.kind = NX_AST_INDEX, .span = {f.left.begin, p->token.span.end}, .word = f.word};
    uint32_t items;
    node.first_arg = p->ast->arg_count;
    NX_TRY(add_arg(p, base));
    NX_TRY(move_items(p, f.first_item, &items, &node.arg_count));
    node.arg_count++;
    p->scanner.brackets--;
    return take_value(p, node);
}

/* What may stand in an index where an operand is awaited, besides operands; *ret_done tells whether it was that. */
static nexpr_status step_index(parser *p, bool *ret_done) {
    const frame *f = top_frame(p);
    *ret_done = true;
    switch (p->token.kind) {
    case NX_TOKEN_COLON: return take_colon(p, false);
    case NX_TOKEN_ELLIPSIS:
        if (f->colons) break;
        NX_TRY(take_leaf(p, (nx_ast_node){.kind = NX_AST_ELLIPSIS}));
        return is_whole(p) ? NEXPR_OK : fail_no_operator(p);
    case NX_TOKEN_COMMA:
        if (!f->colons) break;
        NX_TRY(end_item(p, false));
        return advance(p);
    case NX_TOKEN_CLOSE_INDEX:
        if (f->colons) NX_TRY(end_item(p, false));
        if (p->item_count > f->first_item) return close_index(p);
        return nx_fail(p->err, NEXPR_SYNTAX, p->token.span, "the index is empty");
    default: break;
    }
    *ret_done = false;
    return NEXPR_OK;
}

/* operand -> prefix operand | "(" choice ")" | call | number | NAME */
static nexpr_status step_operand(parser *p) {
    if (top_frame(p)->kind == FRAME_INDEX) {
        bool done;
        NX_TRY(step_index(p, &done));
        if (done) return NEXPR_OK;
    }
    switch (p->token.kind) {
    case NX_TOKEN_INTEGER:
    case NX_TOKEN_FLOAT:
    case NX_TOKEN_IMAGINARY:
    case NX_TOKEN_TRUE:
    case NX_TOKEN_FALSE: return take_number(p);
    case NX_TOKEN_STRING: return take_string(p);
    case NX_TOKEN_NONE: return take_none(p);
    case NX_TOKEN_NAME:
    case NX_TOKEN_QUOTED: return take_name(p);
    case NX_TOKEN_OPEN: return open_group(p);
    case NX_TOKEN_CLOSE: return is_empty_tuple(p) ? close_tuple(p) : fail_no_operand(p);
    case NX_TOKEN_OPERATOR: return p->token.prefix ? push_prefix(p) : fail_no_operand(p);
    default: return fail_no_operand(p);
    }
}

/* ------------------------------------------------------------------------------------------------------ operators -- */

/* attribute -> operand "." NAME */
static nexpr_status take_attribute(parser *p) {
    NX_TRY(advance(p));
    if (p->token.kind != NX_TOKEN_NAME) {
        return nx_fail(p->err, NEXPR_SYNTAX, token_place(p), "expected the name of an attribute behind '.', such as x.real");
    }
    const nx_symbol *symbol = token_symbol(p);
    if (!symbol) return nx_fail_memory(p->err);
    const operand object = p->value;
    if (mark_follows(p, '(', NX_TOKEN_OPEN)) return open_call(p, symbol, &object);
    const nx_ast_ref argument = object.node;
    nx_ast_node node = {.kind = NX_AST_ATTRIBUTE, .span = {p->value.begin, p->token.span.end}, .word = p->token.span,
                        .name = symbol->text, .name_length = symbol->length, .first_arg = p->ast->arg_count, .arg_count = 1};
    NX_TRY(add_arg(p, (nx_ast_arg){.node = argument, .span = p->ast->nodes[argument].span}));
    return take_value(p, node);
}

/* binary -> operand infix operand */
static nexpr_status push_infix(parser *p) {
    const nx_operator *infix = p->token.infix;
    NX_TRY(complete_tighter(p, infix->level));
    frame f = {.kind = FRAME_INFIX, .limit = infix->limit, .nests = infix->level == NX_LEVEL_POWER, .op = (nx_op)infix->op,
               .word = p->token.span, .left = p->value};
    NX_TRY(push_frame(p, f));
    p->state = BEFORE_OPERAND;
    return advance(p);
}

/* choice -> disjunction ["if" disjunction "else" choice]: the "if". */
static nexpr_status push_if(parser *p) {
    NX_TRY(complete_tighter(p, NX_LEVEL_LOGICAL_OR));
    if (top_frame(p)->kind == FRAME_IF) {
        return nx_fail(p->err, NEXPR_SYNTAX, p->token.span, "a choice inside a condition needs parentheses");
    }
    frame f = {.kind = FRAME_IF, .limit = NX_LEVEL_CHOICE, .nests = true, .op = NX_OP_where, .word = p->token.span,
               .left = p->value};
    NX_TRY(push_frame(p, f));
    p->state = BEFORE_OPERAND;
    return advance(p);
}

/* ... and the "else". */
static nexpr_status push_else(parser *p) {
    NX_TRY(complete_tighter(p, NX_LEVEL_LOGICAL_OR));
    frame *f = top_frame(p);
    if (f->kind != FRAME_IF) {
        return nx_fail(p->err, NEXPR_SYNTAX, p->token.span, "'else' without 'if': write x if condition else y");
    }
    f->kind = FRAME_ELSE;
    f->condition = p->value.node;
    p->state = BEFORE_OPERAND;
    return advance(p);
}

/* group -> "(" choice ")" */
static nexpr_status close_group(parser *p) {
    const frame f = pop_frame(p);
    p->ast->nodes[p->value.node].in_parentheses = true;
    p->value.begin = f.word.begin;
    p->value.end = p->token.span.end;
    p->value.middle = NONE;
    p->scanner.brackets--;
    return advance(p);
}

static nexpr_status close_bracket(parser *p) {
    NX_TRY(complete_to_bracket(p));
    const frame *f = top_frame(p);
    if (f->kind == FRAME_LIST || f->kind == FRAME_INDEX) return fail_no_operand(p);
    if (f->kind == FRAME_GROUP) return close_group(p);
    NX_TRY(add_item(p, f->keyword, f->keyword_span));
    return f->kind == FRAME_TUPLE ? close_tuple(p) : close_call(p);
}

static nexpr_status close_square_bracket(parser *p) {
    NX_TRY(complete_to_bracket(p));
    if (top_frame(p)->kind != FRAME_INDEX) return fail_no_operand(p);
    NX_TRY(end_item(p, true));
    return close_index(p);
}

static nexpr_status take_colon_behind(parser *p) {
    NX_TRY(complete_to_bracket(p));
    return top_frame(p)->kind == FRAME_INDEX ? take_colon(p, true) : fail_no_operator(p);
}

/* The comma of a call or list. Behind the last element it is allowed and means nothing. */
static nexpr_status take_comma(parser *p) {
    NX_TRY(complete_to_bracket(p));
    const frame *f = top_frame(p);
    if (f->kind == FRAME_GROUP) NX_TRY(begin_tuple(p));
    if (f->kind == FRAME_INDEX) {
        NX_TRY(end_item(p, true));
        p->state = BEFORE_OPERAND;
        return advance(p);
    }
    if (f->kind == FRAME_LIST && p->assigning) {
        return nx_fail(p->err, NEXPR_SYNTAX, p->token.span, "an assignment has one value");
    }
    NX_TRY(add_item(p, f->keyword, f->keyword_span));
    NX_TRY(advance(p));
    if (f->kind == FRAME_CALL) return p->token.kind == NX_TOKEN_CLOSE ? close_call(p) : begin_argument(p);
    if (f->kind == FRAME_TUPLE) return p->token.kind == NX_TOKEN_CLOSE ? close_tuple(p) : await_operand(p);
    p->state = ends_statement(p) ? STATEMENT_OVER : BEFORE_OPERAND;
    return NEXPR_OK;
}

static nexpr_status end_statement(parser *p) {
    if (p->scanner.brackets) return fail_unclosed(p);
    NX_TRY(complete_to_bracket(p));
    p->state = STATEMENT_OVER;
    return add_item(p, NULL, NX_NOWHERE);
}

static nexpr_status step_operator(parser *p) {
    switch (p->token.kind) {
    case NX_TOKEN_OPERATOR: return p->token.infix ? push_infix(p) : fail_no_operator(p);
    case NX_TOKEN_IF: return push_if(p);
    case NX_TOKEN_ELSE: return push_else(p);
    case NX_TOKEN_DOT: return take_attribute(p);
    case NX_TOKEN_OPEN_INDEX: return open_index(p);
    case NX_TOKEN_CLOSE: return close_bracket(p);
    case NX_TOKEN_CLOSE_INDEX: return close_square_bracket(p);
    case NX_TOKEN_COLON: return take_colon_behind(p);
    case NX_TOKEN_COMMA: return take_comma(p);
    case NX_TOKEN_ASSIGN: return fail_assignment(p);
    case NX_TOKEN_END:
    case NX_TOKEN_NEWLINE:
    case NX_TOKEN_SEMICOLON: return end_statement(p);
    default: return fail_no_operator(p);
    }
}

/* ----------------------------------------------------------------------------------------------------- statements -- */

/* target -> NAME "=" */
static nexpr_status read_target(parser *p, nx_ast_statement *statement, nx_symbol **ret_symbol) {
    const bool is_name = p->token.kind == NX_TOKEN_NAME || p->token.kind == NX_TOKEN_QUOTED;
    p->assigning = is_name && mark_follows(p, '=', NX_TOKEN_ASSIGN);
    *ret_symbol = NULL;
    if (!p->assigning) return NEXPR_OK;
    *ret_symbol = token_symbol(p);
    if (!*ret_symbol) return nx_fail_memory(p->err);
    statement->name = (*ret_symbol)->text;
    statement->name_span = p->token.span;
    NX_TRY(advance(p));
    return advance(p);
}

/* statement -> [target] choice { "," choice } [","] */
static nexpr_status read_statement(parser *p) {
    nx_ast *ast = p->ast;
    nx_ast_statement statement = {.first_node = ast->node_count};
    nx_symbol *symbol;
    NX_TRY(read_target(p, &statement, &symbol));
    NX_TRY(push_frame(p, (frame){.kind = FRAME_LIST}));
    p->state = BEFORE_OPERAND;
    while (p->state != STATEMENT_OVER) NX_TRY(p->state == BEFORE_OPERAND ? step_operand(p) : step_operator(p));
    pop_frame(p);
    NX_TRY(move_items(p, 0, &statement.first_value, &statement.value_count));
    if (symbol) symbol->assigned = true;
    statement.node_end = ast->node_count;
    GROW(p, ast->statements, ast->statement_count, p->statement_capacity);
    ast->statements[ast->statement_count++] = statement;
    return NEXPR_OK;
}

/* A statement that is not the last one has to assign. */
static nexpr_status check_effect(const parser *p, nx_span span) {
    if (p->assigning) return NEXPR_OK;
    return nx_fail(p->err, NEXPR_SYNTAX, span,
                   "this value is not used: assign it to a name, or list all results in the last statement, with commas");
}

static nexpr_status skip_newlines(parser *p) {
    while (p->token.kind == NX_TOKEN_NEWLINE) NX_TRY(advance(p));
    return NEXPR_OK;
}

/* program -> { NEWLINE } statement { (";" | NEWLINE) { NEWLINE } statement } [";"] { NEWLINE } */
static nexpr_status read_program(parser *p) {
    NX_TRY(advance(p));
    NX_TRY(skip_newlines(p));
    if (p->token.kind == NX_TOKEN_END) {
        return nx_fail(p->err, NEXPR_SYNTAX, (nx_span){0, p->scanner.length}, "the text has no expression");
    }
    for (;;) {
        nx_span span = p->token.span;
        NX_TRY(read_statement(p));
        span.end = p->previous_end;
        if (p->token.kind == NX_TOKEN_SEMICOLON) NX_TRY(advance(p));
        NX_TRY(skip_newlines(p));
        if (p->token.kind == NX_TOKEN_END) return NEXPR_OK;
        NX_TRY(check_effect(p, span));
    }
}

/* --------------------------------------------------------------------------------------------------------- limits -- */

static size_t limit_or(size_t limit, size_t standard) {
    return !limit ? standard : limit < HARD_LIMIT ? limit : HARD_LIMIT;
}

static nexpr_status check_text(const char *text, size_t length, size_t max_source, nexpr_error *err) {
    if (length > max_source) {
        const nx_span span = {(uint32_t)max_source, (uint32_t)max_source};
        return nx_fail(err, NEXPR_LIMIT, span, "the text has %zu bytes; the limit is %zu", length, max_source);
    }
    const size_t valid = nx_utf8_valid_prefix(text, length);
    if (valid == length) return NEXPR_OK;
    const nx_span span = {(uint32_t)valid, (uint32_t)valid + 1};
    if (!text[valid]) return nx_fail(err, NEXPR_SYNTAX, span, "the text has a NUL byte");
    return nx_fail(err, NEXPR_SYNTAX, span, "byte 0x%02x is not valid UTF-8", (unsigned char)text[valid]);
}

nexpr_status nx_parse(nx_arena *arena, const char *text, size_t length, const nexpr_options *options, nx_ast *ret,
                      nexpr_error *err) {
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    const nexpr_options given = options ? *options : (nexpr_options){0};
    NX_TRY(check_text(text, length, limit_or(given.max_source, DEFAULT_SOURCE), err));
    nx_ast ast = {.text = nx_arena_text(arena, text, length), .length = length};
    if (!ast.text) return nx_fail_memory(err);
    parser p = {
        .arena = arena, .err = err, .ast = &ast, .names.arena = arena,
        .max_tokens = limit_or(given.max_tokens, DEFAULT_TOKENS),
        .max_nesting = limit_or(given.max_nesting, DEFAULT_NESTING),
        .max_nodes = limit_or(given.max_nodes, DEFAULT_NODES),
        .scanner = {.text = ast.text, .length = (uint32_t)length, .at = strncmp(ast.text, byte_order_mark, 3) ? 0 : 3},
    };
    NX_TRY(read_program(&p));
    *ret = ast;
    return NEXPR_OK;
}
