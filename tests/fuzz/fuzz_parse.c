/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer entry for the parser and the arithmetic of literals. A text either fails with an error that has a place and a
 * message, or gives an AST that keeps the promises of engine/ast.h; broken promises trap.
 */
#include "parser/parse.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                 \
    do {                                   \
        if (!(condition)) __builtin_trap(); \
    } while (0)

static void check_error(nexpr_status status, const nexpr_error *err, size_t size) {
    REQUIRE(err->status == status && status != NEXPR_MEMORY);
    REQUIRE(err->begin <= err->end && err->end <= size);
    REQUIRE(err->message[0] && memchr(err->message, 0, sizeof err->message));
}

static void check_span(const nx_ast *ast, nx_span span) {
    REQUIRE(span.begin < span.end && span.end <= ast->length);
}

static void check_node(const nx_ast *ast, uint32_t index) {
    const nx_ast_node *node = &ast->nodes[index];
    if (node->kind == NX_AST_NONE && node->span.begin == node->span.end) return; /* a part of a slice that is left out */
    check_span(ast, node->span);
    check_span(ast, node->word);
    REQUIRE(node->word.begin >= node->span.begin && node->word.end <= node->span.end);
    REQUIRE((uint64_t)node->first_arg + node->arg_count <= ast->arg_count);
    for (uint32_t k = 0; k < node->arg_count; k++) {
        const nx_ast_arg *arg = &ast->args[node->first_arg + k];
        REQUIRE(arg->node < index);
        if (ast->nodes[arg->node].kind != NX_AST_NONE) check_span(ast, arg->span);
    }
    if (node->kind == NX_AST_LITERAL) REQUIRE(node->literal);
    if (node->kind == NX_AST_NAME) REQUIRE(node->name_length == strlen(node->name));
}

static void check_statements(const nx_ast *ast) {
    uint32_t next = 0;
    REQUIRE(ast->statement_count);
    for (uint32_t i = 0; i < ast->statement_count; i++) {
        const nx_ast_statement *s = &ast->statements[i];
        REQUIRE(s->first_node == next && s->node_end > next && s->node_end <= ast->node_count);
        REQUIRE(s->value_count && (uint64_t)s->first_value + s->value_count <= ast->arg_count);
        REQUIRE(!s->name || s->value_count == 1);
        REQUIRE(s->name || i + 1 == ast->statement_count);
        for (uint32_t k = 0; k < s->value_count; k++) {
            nx_ast_ref value = ast->args[s->first_value + k].node;
            REQUIRE(value >= s->first_node && value < s->node_end);
        }
        next = s->node_end;
    }
    REQUIRE(next == ast->node_count);
}

/* Folds operators of literals, as deep as they go; a value also has a text and elements. */
static void fold(nx_arena *arena, const nx_ast *ast) {
    const nx_literal **values = nx_arena_alloc(arena, ast->node_count, sizeof *values);
    REQUIRE(values);
    for (uint32_t i = 0; i < ast->node_count; i++) {
        const nx_ast_node *node = &ast->nodes[i];
        nx_literal args[3], *result;
        char text[700];
        nx_value element;
        bool known = node->kind == NX_AST_OPERATOR;
        if (node->kind == NX_AST_LITERAL) values[i] = node->literal;
        for (uint32_t k = 0; known && k < node->arg_count; k++) {
            const nx_literal *arg = values[ast->args[node->first_arg + k].node];
            known = arg != NULL;
            if (known) args[k] = *arg;
        }
        if (!known) continue;
        REQUIRE((result = nx_arena_alloc(arena, 1, sizeof *result)));
        if (nx_literal_apply(node->op, args, (int)node->arg_count, node->span, result, NULL)) continue;
        values[i] = result;
        nx_literal_text(result, text, sizeof text);
        for (int dtype = 0; dtype < NEXPR_DTYPE_COUNT; dtype++) {
            (void)nx_literal_to_value(result, (nexpr_dtype)dtype, node->span, &element, NULL);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    nx_arena arena;
    nx_ast ast;
    nexpr_error err = nexpr_error_init();
    nx_arena_init(&arena, NULL);
    nexpr_status status = nx_parse(&arena, size ? (const char *)data : "", size, NULL, &ast, &err);
    if (status) {
        check_error(status, &err, size);
    } else {
        for (uint32_t i = 0; i < ast.node_count; i++) check_node(&ast, i);
        check_statements(&ast);
        fold(&arena, &ast);
    }
    nx_arena_free(&arena);
    return 0;
}
