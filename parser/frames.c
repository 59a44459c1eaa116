/* SPDX-License-Identifier: MIT */
/*
 * The machine under the grammar. Whatever waits for its right end is a frame; an operator completes the frames that bind at
 * least as tightly, so that nodes come out children first and nothing recurses.
 */
#include "parser/frames.h"

#include <string.h>

/* -------------------------------------------------------------------------------------------------------- tokens -- */

nexpr_status nx_advance(parser *p) {
    p->previous_end = p->token.span.end;
    NX_TRY(nx_scan(&p->scanner, &p->token, p->err));
    if (p->token.kind <= NX_TOKEN_NEWLINE || ++p->token_count <= p->max_tokens) return NEXPR_OK;
    return nx_fail(p->err, NEXPR_LIMIT, p->token.span, "the text has more than %zu tokens", p->max_tokens);
}

bool nx_mark_follows(const parser *p, char c, nx_token_kind kind) {
    const char first = p->scanner.text[p->scanner.at];
    if (first != c && !strchr(" \t\f\r\n\\#", first)) return false;
    nx_scanner ahead = p->scanner;
    nx_token token;
    return !nx_scan(&ahead, &token, NULL) && token.kind == kind;
}

bool nx_ends_statement(const parser *p) {
    return p->token.kind <= NX_TOKEN_SEMICOLON;
}

nx_span nx_token_place(const parser *p) {
    return p->token.kind <= NX_TOKEN_NEWLINE ? (nx_span){p->previous_end, p->previous_end} : p->token.span;
}

const char *nx_token_text(const parser *p, char buffer[SHOWN + 8]) {
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

nx_symbol *nx_token_symbol(parser *p) {
    nx_span span = p->token.span;
    if (p->token.kind == NX_TOKEN_QUOTED) span = (nx_span){span.begin + 1, span.end - 1};
    return nx_names_intern(&p->names, p->scanner.text + span.begin, span.end - span.begin);
}

/* --------------------------------------------------------------------------------------------------------- nodes -- */

nexpr_status nx_add_node(parser *p, nx_ast_node node, nx_ast_ref *ret) {
    nx_ast *ast = p->ast;
    if (ast->node_count >= p->max_nodes) {
        return nx_fail(p->err, NEXPR_LIMIT, node.span, "the expression has more than %zu nodes", p->max_nodes);
    }
    GROW(p, ast->nodes, ast->node_count, p->node_capacity);
    *ret = ast->node_count;
    ast->nodes[ast->node_count++] = node;
    return NEXPR_OK;
}

nexpr_status nx_add_arg(parser *p, nx_ast_arg arg) {
    GROW(p, p->ast->args, p->ast->arg_count, p->arg_capacity);
    p->ast->args[p->ast->arg_count++] = arg;
    return NEXPR_OK;
}

nexpr_status nx_move_items(parser *p, size_t first, uint32_t *ret_first, uint32_t *ret_count) {
    *ret_first = p->ast->arg_count;
    *ret_count = (uint32_t)(p->item_count - first);
    for (size_t i = first; i < p->item_count; i++) NX_TRY(nx_add_arg(p, p->items[i]));
    p->item_count = first;
    return NEXPR_OK;
}

static nexpr_status add_operator(parser *p, nx_op op, nx_span word, nx_span span, const nx_ast_ref *args, int count,
                                 nx_ast_ref *ret) {
    nx_ast_node node = {.kind = NX_AST_OPERATOR, .span = span, .word = word, .op = op, .first_arg = p->ast->arg_count,
                        .arg_count = (uint32_t)count};
    for (int i = 0; i < count; i++) {
        NX_TRY(nx_add_arg(p, (nx_ast_arg){.node = args[i], .span = p->ast->nodes[args[i]].span}));
    }
    return nx_add_node(p, node, ret);
}

nexpr_status nx_take_value(parser *p, nx_ast_node node) {
    p->value = (operand){.begin = node.span.begin, .end = node.span.end, .middle = NONE};
    p->state = BEHIND_OPERAND;
    NX_TRY(nx_add_node(p, node, &p->value.node));
    return nx_advance(p);
}

nexpr_status nx_take_leaf(parser *p, nx_ast_node node) {
    node.span = node.word = p->token.span;
    return nx_take_value(p, node);
}

/* -------------------------------------------------------------------------------------------------------- frames -- */

frame *nx_top_frame(const parser *p) {
    return &p->frames[p->frame_count - 1];
}

nexpr_status nx_push_frame(parser *p, frame f) {
    if (f.nests && p->nesting >= p->max_nesting) {
        return nx_fail(p->err, NEXPR_LIMIT, f.word, "the expression is nested more than %zu deep", p->max_nesting);
    }
    GROW(p, p->frames, p->frame_count, p->frame_capacity);
    p->nesting += f.nests;
    p->frames[p->frame_count++] = f;
    return NEXPR_OK;
}

frame nx_pop_frame(parser *p) {
    frame f = p->frames[--p->frame_count];
    p->nesting -= f.nests;
    return f;
}

bool nx_is_bracket(const frame *f) {
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
    const frame f = nx_pop_frame(p);
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

nexpr_status nx_complete_tighter(parser *p, int level) {
    while (!nx_is_bracket(nx_top_frame(p)) && nx_top_frame(p)->limit >= level) NX_TRY(complete_frame(p));
    return NEXPR_OK;
}

nexpr_status nx_complete_to_bracket(parser *p) {
    while (!nx_is_bracket(nx_top_frame(p))) {
        if (nx_top_frame(p)->kind == FRAME_IF) {
            return nx_fail(p->err, NEXPR_SYNTAX, nx_top_frame(p)->word, "'else' is missing: write x if condition else y");
        }
        NX_TRY(complete_frame(p));
    }
    return NEXPR_OK;
}

nexpr_status nx_add_item(parser *p, const char *keyword, nx_span keyword_span) {
    GROW(p, p->items, p->item_count, p->item_capacity);
    nx_span span = keyword ? keyword_span : p->ast->nodes[p->value.node].span;
    p->items[p->item_count++] = (nx_ast_arg){.node = p->value.node, .keyword = keyword, .span = span};
    return NEXPR_OK;
}
