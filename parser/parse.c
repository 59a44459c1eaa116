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
#include "parser/frames.h"
#include "parser/utf8.h"

#include <string.h>

enum {
    DEFAULT_SOURCE = 1 << 20, DEFAULT_TOKENS = 100000, DEFAULT_NESTING = 1000, DEFAULT_NODES = 100000,
    HARD_LIMIT = 1 << 30, /* spans and references are 32 bits */
};

/* -------------------------------------------------------------------------------------------------------- errors -- */

/* Brackets that are open when the statement ends. */
static nexpr_status fail_unclosed(const parser *p) {
    const frame *f = nx_top_frame(p);
    while (!nx_is_bracket(f)) f--;
    return nx_fail(p->err, NEXPR_SYNTAX, f->bracket, "this '%c' is never closed", f->kind == FRAME_INDEX ? '[' : '(');
}

static nexpr_status fail_no_operand(const parser *p) {
    char text[SHOWN + 8];
    if (nx_ends_statement(p) && p->scanner.brackets) return fail_unclosed(p);
    if ((p->token.kind == NX_TOKEN_CLOSE || p->token.kind == NX_TOKEN_CLOSE_INDEX) && !p->scanner.brackets) {
        return nx_fail(p->err, NEXPR_SYNTAX, p->token.span, "this %s closes nothing", nx_token_text(p, text));
    }
    if (p->token.kind == NX_TOKEN_OPEN_INDEX) {
        return nx_fail(p->err, NEXPR_SYNTAX, p->token.span,
                       "there are no lists: several numbers stand in parentheses, as (0, 1)");
    }
    if (p->token.kind == NX_TOKEN_COLON || p->token.kind == NX_TOKEN_ELLIPSIS) {
        return nx_fail(p->err, NEXPR_SYNTAX, p->token.span, "%s stands only in an index, as in x[1:] or x[..., 0]",
                       nx_token_text(p, text));
    }
    return nx_fail(p->err, NEXPR_SYNTAX, nx_token_place(p),
                   "expected a number, a name or '(' before %s", nx_token_text(p, text));
}

static nexpr_status fail_no_operator(const parser *p) {
    char text[SHOWN + 8];
    const nx_span span = p->token.span;
    if (p->token.kind == NX_TOKEN_COLON) {
        return nx_fail(p->err, NEXPR_SYNTAX, span,
                       "':' stands only in an index, as in x[1:]; a choice is x if condition else y");
    }
    if (p->token.kind == NX_TOKEN_OPEN) {
        return nx_fail(p->err, NEXPR_SYNTAX, span, "only the plain name of a function can be called; to multiply, write *");
    }
    const char *hint = p->token.kind == NX_TOKEN_STRING || p->token.infix || p->token.prefix ? "" : "; to multiply, write *";
    return nx_fail(p->err, NEXPR_SYNTAX, span, "expected an operator before %s%s", nx_token_text(p, text), hint);
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
    return nx_take_leaf(p, (nx_ast_node){.kind = NX_AST_LITERAL, .literal = literal});
}

/* Whether what was just read is all that stands there between brackets and commas. */
static bool is_whole(const parser *p) {
    return p->token.kind == NX_TOKEN_COMMA || p->token.kind == NX_TOKEN_CLOSE || p->token.kind == NX_TOKEN_CLOSE_INDEX ||
           nx_ends_statement(p);
}

/* A string is the whole value of a keyword and nothing else. */
static nexpr_status take_string(parser *p) {
    nx_ast_node node = {.kind = NX_AST_STRING};
    const nx_span span = p->token.span;
    const bool is_value = nx_top_frame(p)->kind == FRAME_CALL && nx_top_frame(p)->keyword;
    NX_TRY(nx_constant_string(p->scanner.text, &p->token, p->arena, &node.name, &node.name_length, p->err));
    NX_TRY(nx_take_leaf(p, node));
    if (is_value && is_whole(p)) return NEXPR_OK;
    return nx_fail(p->err, NEXPR_SYNTAX, span, "a string can only be the value of a keyword; quote names with backquotes");
}

/* None is a whole argument, or a new axis in an index. */
static nexpr_status take_none(parser *p) {
    const nx_span span = p->token.span;
    const frame_kind where = nx_top_frame(p)->kind;
    NX_TRY(nx_take_leaf(p, (nx_ast_node){.kind = NX_AST_NONE}));
    if ((where == FRAME_CALL || where == FRAME_INDEX) && is_whole(p)) return NEXPR_OK;
    return nx_fail(p->err, NEXPR_SYNTAX, span,
                   "None is no value: it stands only for an argument or for a new axis in an index");
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
    frame *call = nx_top_frame(p);
    const nx_span span = p->token.span;
    const bool has_keyword = p->token.kind == NX_TOKEN_NAME && nx_mark_follows(p, '=', NX_TOKEN_ASSIGN);
    p->state = BEFORE_OPERAND;
    if (p->item_count - call->first_item >= MAX_ARGUMENTS) {
        return nx_fail(p->err, NEXPR_LIMIT, span, "a call has more than %d arguments", MAX_ARGUMENTS);
    }
    if (!has_keyword && call->keyword) {
        return nx_fail(p->err, NEXPR_SYNTAX, nx_token_place(p), "arguments without a keyword come before those with one");
    }
    if (!has_keyword) return NEXPR_OK;
    const nx_symbol *symbol = nx_token_symbol(p);
    if (!symbol) return nx_fail_memory(p->err);
    for (size_t i = call->first_item; i < p->item_count; i++) {
        if (p->items[i].keyword == symbol->text) {
            return nx_fail(p->err, NEXPR_SYNTAX, span, "the keyword '%s' is given twice", symbol->text);
        }
    }
    call->keyword = symbol->text;
    call->keyword_span = span;
    NX_TRY(nx_advance(p));
    return nx_advance(p);
}

/* call -> NAME "(" [argument { "," argument } [","]] ")": the closing bracket, where the next token is. */
static nexpr_status close_call(parser *p) {
    const frame call = nx_pop_frame(p);
    nx_ast_node node = {.kind = NX_AST_CALL, .span = {call.word.begin, p->token.span.end}, .word = call.word,
                        .name = call.name, .name_length = (uint32_t)strlen(call.name), .is_method = call.is_method};
    if (call.is_method) node.span.begin = call.left.begin;
    NX_TRY(nx_move_items(p, call.first_item, &node.first_arg, &node.arg_count));
    p->scanner.brackets--;
    return nx_take_value(p, node);
}

static nexpr_status open_group(parser *p) {
    NX_TRY(nx_push_frame(p, (frame){.kind = FRAME_GROUP, .nests = true, .word = p->token.span, .bracket = p->token.span}));
    p->scanner.brackets++;
    return nx_advance(p);
}

/* At the name. The object of a method is its first argument. */
static nexpr_status open_call(parser *p, const nx_symbol *symbol, const operand *object) {
    frame call = {.kind = FRAME_CALL, .nests = true, .word = p->token.span, .name = symbol->text,
                  .first_item = (uint32_t)p->item_count, .is_method = object};
    if (object) {
        call.left = *object;
        NX_TRY(nx_add_item(p, NULL, NX_NOWHERE));
    }
    NX_TRY(nx_advance(p));
    call.bracket = p->token.span;
    NX_TRY(nx_push_frame(p, call));
    p->scanner.brackets++;
    NX_TRY(nx_advance(p));
    return p->token.kind == NX_TOKEN_CLOSE ? close_call(p) : begin_argument(p);
}

static nexpr_status take_name(parser *p) {
    nx_symbol *symbol = nx_token_symbol(p);
    if (!symbol) return nx_fail_memory(p->err);
    if (p->token.kind == NX_TOKEN_NAME && nx_mark_follows(p, '(', NX_TOKEN_OPEN)) return open_call(p, symbol, NULL);
    if (nx_top_frame(p)->kind == FRAME_INDEX && !symbol->assigned && !strcmp(symbol->text, "newaxis")) return take_none(p);
    NX_TRY(list_free_name(p, symbol));
    return nx_take_leaf(p, (nx_ast_node){.kind = NX_AST_NAME, .name = symbol->text, .name_length = symbol->length});
}

/* prefix -> "-" operand | "not" operand ... A prefix that binds less tightly than the operator before it needs
 * parentheses, except that ** takes a sign. */
static nexpr_status push_prefix(parser *p) {
    const nx_operator *prefix = p->token.prefix;
    const frame *before = nx_top_frame(p);
    if (!nx_is_bracket(before) && before->limit > prefix->limit) {
        return nx_fail(p->err, NEXPR_SYNTAX, p->token.span, "'%.*s' needs parentheses here: write (%.*s x)", prefix->length,
                       prefix->spelling, prefix->length, prefix->spelling);
    }
    frame f = {.kind = FRAME_PREFIX, .limit = prefix->limit, .nests = true, .op = (nx_op)prefix->op, .word = p->token.span};
    NX_TRY(nx_push_frame(p, f));
    return nx_advance(p);
}

/* --------------------------------------------------------------------------------------------------------- tuples -- */

/* Whether the frame below the top one is a call, of which the top one is a whole argument as far as it goes. */
static bool is_argument(const parser *p) {
    return p->frame_count > 1 && p->frames[p->frame_count - 2].kind == FRAME_CALL;
}

/* The "(" turns out to be one of a tuple, at its first comma or at its end. */
static nexpr_status begin_tuple(parser *p) {
    frame *f = nx_top_frame(p);
    if (!is_argument(p)) {
        return nx_fail(p->err, NEXPR_SYNTAX, p->token.span,
                       "a tuple is only an argument of a function; several results are listed without parentheses around "
                       "them");
    }
    f->kind = FRAME_TUPLE;
    f->first_item = (uint32_t)p->item_count;
    return NEXPR_OK;
}

static bool is_empty_tuple(const parser *p) {
    const frame *f = nx_top_frame(p);
    return f->kind == FRAME_GROUP && f->bracket.end == p->previous_end && is_argument(p);
}

/* tuple -> "(" [choice "," [choice { "," choice } [","]]] ")": the closing bracket. */
static nexpr_status close_tuple(parser *p) {
    if (nx_top_frame(p)->kind == FRAME_GROUP) NX_TRY(begin_tuple(p));
    const frame f = nx_pop_frame(p);
    nx_ast_node node = {.kind = NX_AST_TUPLE, .span = {f.bracket.begin, p->token.span.end}, .word = f.bracket};
    NX_TRY(nx_move_items(p, f.first_item, &node.first_arg, &node.arg_count));
    p->scanner.brackets--;
    NX_TRY(nx_take_value(p, node));
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
    NX_TRY(nx_push_frame(p, f));
    p->scanner.brackets++;
    p->state = BEFORE_OPERAND;
    return nx_advance(p);
}

/* A part that is left out. */
static nexpr_status add_none(parser *p, uint32_t place, nx_ast_ref *ret) {
    const nx_span span = {place, place};
    return nx_add_node(p, (nx_ast_node){.kind = NX_AST_NONE, .span = span, .word = span}, ret);
}

/* item -> choice | [choice] ":" [choice] [":" [choice]] | "..." | "None": a colon, behind the part that `has_part` tells
 * about. */
static nexpr_status take_colon(parser *p, bool has_part) {
    frame *f = nx_top_frame(p);
    if (f->colons == 2) {
        return nx_fail(p->err, NEXPR_SYNTAX, p->token.span, "a slice has at most two colons: start:stop:step");
    }
    if (has_part) f->part[f->colons] = p->value.node;
    else NX_TRY(add_none(p, p->token.span.begin, &f->part[f->colons]));
    f->colons++;
    p->state = BEFORE_OPERAND;
    return nx_advance(p);
}

/* Makes the parts of a slice the value. */
static nexpr_status complete_slice(parser *p, bool has_part) {
    frame *f = nx_top_frame(p);
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
    for (int i = 0; i < 3; i++) NX_TRY(nx_add_arg(p, (nx_ast_arg){.node = part[i], .span = p->ast->nodes[part[i]].span}));
    return nx_add_node(p, node, &p->value.node);
}

/* The end of an item, a comma or the closing bracket. */
static nexpr_status end_item(parser *p, bool has_part) {
    const frame *f = nx_top_frame(p);
    if (f->colons) NX_TRY(complete_slice(p, has_part));
    if (p->item_count - f->first_item >= MAX_ITEMS) {
        return nx_fail(p->err, NEXPR_LIMIT, p->token.span, "an index has more than %d items", MAX_ITEMS);
    }
    return nx_add_item(p, NULL, NX_NOWHERE);
}

static nexpr_status close_index(parser *p) {
    const frame f = nx_pop_frame(p);
    const nx_ast_arg base = {.node = f.left.node, .span = p->ast->nodes[f.left.node].span};
    nx_ast_node node = {.kind = NX_AST_INDEX, .span = {f.left.begin, p->token.span.end}, .word = f.word};
    uint32_t items;
    node.first_arg = p->ast->arg_count;
    NX_TRY(nx_add_arg(p, base));
    NX_TRY(nx_move_items(p, f.first_item, &items, &node.arg_count));
    node.arg_count++;
    p->scanner.brackets--;
    return nx_take_value(p, node);
}

/* What may stand in an index where an operand is awaited, besides operands; *ret_done tells whether it was that. */
static nexpr_status step_index(parser *p, bool *ret_done) {
    const frame *f = nx_top_frame(p);
    *ret_done = true;
    switch (p->token.kind) {
    case NX_TOKEN_COLON: return take_colon(p, false);
    case NX_TOKEN_ELLIPSIS:
        if (f->colons) break;
        NX_TRY(nx_take_leaf(p, (nx_ast_node){.kind = NX_AST_ELLIPSIS}));
        return is_whole(p) ? NEXPR_OK : fail_no_operator(p);
    case NX_TOKEN_COMMA:
        if (!f->colons) break;
        NX_TRY(end_item(p, false));
        return nx_advance(p);
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
    if (nx_top_frame(p)->kind == FRAME_INDEX) {
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
    NX_TRY(nx_advance(p));
    if (p->token.kind != NX_TOKEN_NAME) {
        return nx_fail(p->err, NEXPR_SYNTAX, nx_token_place(p),
                       "expected the name of an attribute behind '.', such as x.real");
    }
    const nx_symbol *symbol = nx_token_symbol(p);
    if (!symbol) return nx_fail_memory(p->err);
    const operand object = p->value;
    if (nx_mark_follows(p, '(', NX_TOKEN_OPEN)) return open_call(p, symbol, &object);
    const nx_ast_ref argument = object.node;
    nx_ast_node node = {.kind = NX_AST_ATTRIBUTE, .span = {p->value.begin, p->token.span.end}, .word = p->token.span,
                        .name = symbol->text, .name_length = symbol->length, .first_arg = p->ast->arg_count, .arg_count = 1};
    NX_TRY(nx_add_arg(p, (nx_ast_arg){.node = argument, .span = p->ast->nodes[argument].span}));
    return nx_take_value(p, node);
}

/* binary -> operand infix operand */
static nexpr_status push_infix(parser *p) {
    const nx_operator *infix = p->token.infix;
    NX_TRY(nx_complete_tighter(p, infix->level));
    frame f = {.kind = FRAME_INFIX, .limit = infix->limit, .nests = infix->level == NX_LEVEL_POWER, .op = (nx_op)infix->op,
               .word = p->token.span, .left = p->value};
    NX_TRY(nx_push_frame(p, f));
    p->state = BEFORE_OPERAND;
    return nx_advance(p);
}

/* choice -> disjunction ["if" disjunction "else" choice]: the "if". */
static nexpr_status push_if(parser *p) {
    NX_TRY(nx_complete_tighter(p, NX_LEVEL_LOGICAL_OR));
    if (nx_top_frame(p)->kind == FRAME_IF) {
        return nx_fail(p->err, NEXPR_SYNTAX, p->token.span, "a choice inside a condition needs parentheses");
    }
    frame f = {.kind = FRAME_IF, .limit = NX_LEVEL_CHOICE, .nests = true, .op = NX_OP_where, .word = p->token.span,
               .left = p->value};
    NX_TRY(nx_push_frame(p, f));
    p->state = BEFORE_OPERAND;
    return nx_advance(p);
}

/* ... and the "else". */
static nexpr_status push_else(parser *p) {
    NX_TRY(nx_complete_tighter(p, NX_LEVEL_LOGICAL_OR));
    frame *f = nx_top_frame(p);
    if (f->kind != FRAME_IF) {
        return nx_fail(p->err, NEXPR_SYNTAX, p->token.span, "'else' without 'if': write x if condition else y");
    }
    f->kind = FRAME_ELSE;
    f->condition = p->value.node;
    p->state = BEFORE_OPERAND;
    return nx_advance(p);
}

/* group -> "(" choice ")" */
static nexpr_status close_group(parser *p) {
    const frame f = nx_pop_frame(p);
    p->ast->nodes[p->value.node].in_parentheses = true;
    p->value.begin = f.word.begin;
    p->value.end = p->token.span.end;
    p->value.middle = NONE;
    p->scanner.brackets--;
    return nx_advance(p);
}

static nexpr_status close_bracket(parser *p) {
    NX_TRY(nx_complete_to_bracket(p));
    const frame *f = nx_top_frame(p);
    if (f->kind == FRAME_LIST || f->kind == FRAME_INDEX) return fail_no_operand(p);
    if (f->kind == FRAME_GROUP) return close_group(p);
    NX_TRY(nx_add_item(p, f->keyword, f->keyword_span));
    return f->kind == FRAME_TUPLE ? close_tuple(p) : close_call(p);
}

static nexpr_status close_square_bracket(parser *p) {
    NX_TRY(nx_complete_to_bracket(p));
    if (nx_top_frame(p)->kind != FRAME_INDEX) return fail_no_operand(p);
    NX_TRY(end_item(p, true));
    return close_index(p);
}

static nexpr_status take_colon_behind(parser *p) {
    NX_TRY(nx_complete_to_bracket(p));
    return nx_top_frame(p)->kind == FRAME_INDEX ? take_colon(p, true) : fail_no_operator(p);
}

/* The comma of a call or list. Behind the last element it is allowed and means nothing. */
static nexpr_status take_comma(parser *p) {
    NX_TRY(nx_complete_to_bracket(p));
    const frame *f = nx_top_frame(p);
    if (f->kind == FRAME_GROUP) NX_TRY(begin_tuple(p));
    if (f->kind == FRAME_INDEX) {
        NX_TRY(end_item(p, true));
        p->state = BEFORE_OPERAND;
        return nx_advance(p);
    }
    if (f->kind == FRAME_LIST && p->assigning) {
        return nx_fail(p->err, NEXPR_SYNTAX, p->token.span, "an assignment has one value");
    }
    NX_TRY(nx_add_item(p, f->keyword, f->keyword_span));
    NX_TRY(nx_advance(p));
    if (f->kind == FRAME_CALL) return p->token.kind == NX_TOKEN_CLOSE ? close_call(p) : begin_argument(p);
    if (f->kind == FRAME_TUPLE) return p->token.kind == NX_TOKEN_CLOSE ? close_tuple(p) : await_operand(p);
    p->state = nx_ends_statement(p) ? STATEMENT_OVER : BEFORE_OPERAND;
    return NEXPR_OK;
}

static nexpr_status end_statement(parser *p) {
    if (p->scanner.brackets) return fail_unclosed(p);
    NX_TRY(nx_complete_to_bracket(p));
    p->state = STATEMENT_OVER;
    return nx_add_item(p, NULL, NX_NOWHERE);
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
    p->assigning = is_name && nx_mark_follows(p, '=', NX_TOKEN_ASSIGN);
    *ret_symbol = NULL;
    if (!p->assigning) return NEXPR_OK;
    *ret_symbol = nx_token_symbol(p);
    if (!*ret_symbol) return nx_fail_memory(p->err);
    statement->name = (*ret_symbol)->text;
    statement->name_span = p->token.span;
    NX_TRY(nx_advance(p));
    return nx_advance(p);
}

/* statement -> [target] choice { "," choice } [","] */
static nexpr_status read_statement(parser *p) {
    nx_ast *ast = p->ast;
    nx_ast_statement statement = {.first_node = ast->node_count};
    nx_symbol *symbol;
    NX_TRY(read_target(p, &statement, &symbol));
    NX_TRY(nx_push_frame(p, (frame){.kind = FRAME_LIST}));
    p->state = BEFORE_OPERAND;
    while (p->state != STATEMENT_OVER) NX_TRY(p->state == BEFORE_OPERAND ? step_operand(p) : step_operator(p));
    nx_pop_frame(p);
    NX_TRY(nx_move_items(p, 0, &statement.first_value, &statement.value_count));
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
    while (p->token.kind == NX_TOKEN_NEWLINE) NX_TRY(nx_advance(p));
    return NEXPR_OK;
}

/* program -> { NEWLINE } statement { (";" | NEWLINE) { NEWLINE } statement } [";"] { NEWLINE } */
static nexpr_status read_program(parser *p) {
    NX_TRY(nx_advance(p));
    NX_TRY(skip_newlines(p));
    if (p->token.kind == NX_TOKEN_END) {
        return nx_fail(p->err, NEXPR_SYNTAX, (nx_span){0, p->scanner.length}, "the text has no expression");
    }
    for (;;) {
        nx_span span = p->token.span;
        NX_TRY(read_statement(p));
        span.end = p->previous_end;
        if (p->token.kind == NX_TOKEN_SEMICOLON) NX_TRY(nx_advance(p));
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
