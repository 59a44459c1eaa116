/* SPDX-License-Identifier: MIT */
/*
 * The parser as a filter, for python_test.py: each line of standard input is a text in which \n, \\ and \0 are escaped. The
 * answer is one line: "error STATUS BEGIN END MESSAGE", or, for each statement, its name, "=" and its values, separated by
 * commas. A value without names is folded and written as Python's repr, another one as a tree, (op x y).
 */
#include "parser/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct folded {
    bool known;
    nx_literal literal;
} folded;

static nexpr_status fold(const nx_ast *ast, folded *values, nexpr_error *err) {
    for (uint32_t i = 0; i < ast->node_count; i++) {
        const nx_ast_node *node = &ast->nodes[i];
        nx_literal args[3];
        values[i].known = node->kind == NX_AST_OPERATOR;
        if (node->kind == NX_AST_LITERAL) values[i] = (folded){true, *node->literal};
        if (node->kind != NX_AST_OPERATOR) continue;
        for (uint32_t k = 0; k < node->arg_count; k++) {
            const folded *arg = &values[ast->args[node->first_arg + k].node];
            values[i].known &= arg->known;
            args[k] = arg->literal;
        }
        if (!values[i].known) continue;
        NX_TRY(nx_literal_apply(node->op, args, (int)node->arg_count, node->span, &values[i].literal, err));
    }
    return NEXPR_OK;
}

static const char *head_of(const nx_ast_node *node) {
    switch (node->kind) {
    case NX_AST_INDEX: return "[]";
    case NX_AST_SLICE: return ":";
    case NX_AST_TUPLE: return ",";
    default: return node->name;
    }
}

/* Small texts only: it recurses. */
static void print_tree(const nx_ast *ast, const folded *values, nx_ast_ref ref) {
    const nx_ast_node *node = &ast->nodes[ref];
    char text[1024], name[NX_NAME_MAX];
    if (values[ref].known) {
        fputs(nx_literal_text(&values[ref].literal, text, sizeof text), stdout);
        return;
    }
    if (node->kind == NX_AST_NAME) printf("%s", node->name);
    if (node->kind == NX_AST_STRING) printf("'%s'", node->name);
    if (node->kind == NX_AST_NONE) printf("None");
    if (node->kind == NX_AST_ELLIPSIS) printf("...");
    if (!node->arg_count && node->kind != NX_AST_CALL && node->kind != NX_AST_TUPLE) return;
    const bool dotted = node->kind == NX_AST_ATTRIBUTE || node->is_method;
    printf("(%s%s", dotted ? "." : "", node->kind == NX_AST_OPERATOR ? nx_op_name(node->op, name) : head_of(node));
    for (uint32_t k = 0; k < node->arg_count; k++) {
        const nx_ast_arg *arg = &ast->args[node->first_arg + k];
        printf(" %s%s", arg->keyword ? arg->keyword : "", arg->keyword ? "=" : "");
        print_tree(ast, values, arg->node);
    }
    putchar(')');
}

static void print_program(const nx_ast *ast, const folded *values) {
    for (uint32_t i = 0; i < ast->statement_count; i++) {
        const nx_ast_statement *statement = &ast->statements[i];
        if (i) fputs("; ", stdout);
        if (statement->name) printf("%s = ", statement->name);
        for (uint32_t k = 0; k < statement->value_count; k++) {
            if (k) fputs(", ", stdout);
            print_tree(ast, values, ast->args[statement->first_value + k].node);
        }
    }
    putchar('\n');
}

static void answer(const char *text, size_t length) {
    nexpr_error err = nexpr_error_init();
    nx_arena arena;
    nx_ast ast;
    nx_arena_init(&arena, NULL);
    nexpr_status status = nx_parse(&arena, text, length, NULL, &ast, &err);
    folded *values = status ? NULL : nx_arena_alloc(&arena, ast.node_count, sizeof *values);
    if (!status) status = values ? fold(&ast, values, &err) : NEXPR_MEMORY;
    if (status) printf("error %d %zu %zu %s\n", (int)status, err.begin, err.end, err.message);
    else print_program(&ast, values);
    nx_arena_free(&arena);
}

static size_t unescape(char *line, size_t length) {
    char *out = line;
    for (const char *c = line; c < line + length; c++) {
        if (*c != '\\') *out++ = *c;
        else if (*++c == 'n') *out++ = '\n';
        else *out++ = *c == '0' ? '\0' : *c;
    }
    return (size_t)(out - line);
}

int main(void) {
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t n; (n = getline(&line, &capacity, stdin)) > 0;) answer(line, unescape(line, (size_t)n - 1));
    free(line);
    return 0;
}
