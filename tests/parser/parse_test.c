/* SPDX-License-Identifier: MIT */
/*
 * What the AST says about a text: spans, statements, names; and each error with its place and the word that helps. The
 * structure of trees is compared with Python's by python_test.py.
 */
#include "parser/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct parsed {
    nx_arena arena;
    nx_ast ast;
} parsed;

static void parse(parsed *p, const char *text) {
    nexpr_error err = nexpr_error_init();
    nx_arena_init(&p->arena, NULL);
    if (nx_parse(&p->arena, text, strlen(text), NULL, &p->ast, &err)) fail_msg("%s: %s", text, err.message);
}

static void done(parsed *p) {
    nx_arena_free(&p->arena);
}

/* Asserts that the bytes of a span are `expected`. */
static void assert_span(const parsed *p, nx_span span, const char *expected) {
    assert_true(span.begin <= span.end && span.end <= p->ast.length);
    assert_int_equal(span.end - span.begin, strlen(expected));
    assert_memory_equal(p->ast.text + span.begin, expected, strlen(expected));
}

static const nx_ast_node *root(const parsed *p, uint32_t value) {
    const nx_ast_statement *last = &p->ast.statements[p->ast.statement_count - 1];
    return &p->ast.nodes[p->ast.args[last->first_value + value].node];
}

static const nx_ast_node *child(const parsed *p, const nx_ast_node *node, uint32_t index) {
    return &p->ast.nodes[p->ast.args[node->first_arg + index].node];
}

static void a_span_covers_its_operands_with_their_parentheses(void **state) {
    static const struct { const char *text, *whole, *word; } rows[] = {
        {" a + b ", "a + b", "+"}, {"((a)) + (b)", "((a)) + (b)", "+"}, {"(a + b)", "a + b", "+"}, {"-(a)", "-(a)", "-"},
        {"not (a)", "not (a)", "not"}, {"(a) if (b) else (c)", "(a) if (b) else (c)", "if"},
        {"f(a, (b) )", "f(a, (b) )", "f"},
        {"(a+b).real", "(a+b).real", "real"}, {"(a)**-(b)", "(a)**-(b)", "**"}, {"`a b`", "`a b`", "`a b`"},
        {"a <= (b) < c", "a <= (b) < c", "<"}, {"x = y * 2", "y * 2", "*"}, {"(1.5)", "1.5", "1.5"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        parsed p;
        parse(&p, rows[i].text);
        assert_span(&p, root(&p, 0)->span, rows[i].whole);
        assert_span(&p, root(&p, 0)->word, rows[i].word);
        done(&p);
    }
}

static void links_of_a_chain_share_their_middle(void **state) {
    parsed p;
    (void)state;
    parse(&p, "a < (b+1) <= c");
    const nx_ast_node *both = root(&p, 0), *first = child(&p, both, 0), *second = child(&p, both, 1);
    assert_int_equal(both->op, NX_OP_logical_and);
    assert_int_equal(first->op, NX_OP_less);
    assert_int_equal(second->op, NX_OP_less_equal);
    assert_ptr_equal(child(&p, first, 1), child(&p, second, 0));
    assert_span(&p, first->span, "a < (b+1)");
    assert_span(&p, second->span, "(b+1) <= c");
    assert_int_equal(p.ast.node_count, 8); /* a b 1 + < c <= and */
    done(&p);
}

static void parentheses_end_a_chain_and_are_recorded(void **state) {
    parsed p;
    (void)state;
    parse(&p, "(a < b) < c");
    assert_int_equal(root(&p, 0)->op, NX_OP_less);
    assert_true(child(&p, root(&p, 0), 0)->in_parentheses);
    assert_false(child(&p, root(&p, 0), 1)->in_parentheses);
    assert_false(root(&p, 0)->in_parentheses);
    done(&p);
}

static void children_stand_before_their_parents(void **state) {
    parsed p;
    (void)state;
    parse(&p, "x = a if b < c < d else f(g(e), k=h**-i); -x.real, (x)");
    for (uint32_t i = 0; i < p.ast.node_count; i++) {
        const nx_ast_node *node = &p.ast.nodes[i];
        for (uint32_t k = 0; k < node->arg_count; k++) assert_true(p.ast.args[node->first_arg + k].node < i);
    }
    done(&p);
}

static void the_condition_is_the_first_argument_of_a_choice(void **state) {
    parsed p;
    (void)state;
    parse(&p, "x if c else y");
    assert_int_equal(root(&p, 0)->op, NX_OP_where);
    assert_string_equal(child(&p, root(&p, 0), 0)->name, "c");
    assert_string_equal(child(&p, root(&p, 0), 1)->name, "x");
    assert_string_equal(child(&p, root(&p, 0), 2)->name, "y");
    done(&p);
}

static void arguments_keep_keywords_and_places(void **state) {
    parsed p;
    (void)state;
    parse(&p, "round((a), decimals = 2,)");
    const nx_ast_arg *args = &p.ast.args[root(&p, 0)->first_arg];
    assert_int_equal(root(&p, 0)->arg_count, 2);
    assert_null(args[0].keyword);
    assert_span(&p, args[0].span, "a");
    assert_string_equal(args[1].keyword, "decimals");
    assert_span(&p, args[1].span, "decimals");
    done(&p);
}

static void an_index_has_slices_ellipses_and_new_axes(void **state) {
    (void)state;
    parsed p;
    parse(&p, "x[1:, ..., None, newaxis, ::-2, y]");
    const nx_ast_node *index = root(&p, 0), *slice = child(&p, index, 1);
    static const nx_ast_kind kinds[] = {NX_AST_NAME, NX_AST_SLICE, NX_AST_ELLIPSIS, NX_AST_NONE, NX_AST_NONE, NX_AST_SLICE,
                                        NX_AST_NAME};
    assert_int_equal(index->kind, NX_AST_INDEX);
    assert_int_equal(index->arg_count, sizeof kinds / sizeof *kinds);
    for (uint32_t i = 0; i < index->arg_count; i++) assert_int_equal(child(&p, index, i)->kind, kinds[i]);
    assert_int_equal(child(&p, slice, 0)->kind, NX_AST_LITERAL);
    assert_int_equal(child(&p, slice, 1)->kind, NX_AST_NONE);
    assert_span(&p, slice->span, "1:");
    assert_span(&p, child(&p, index, 5)->span, "::-2");
    assert_int_equal(p.ast.free_name_count, 2);
    done(&p);
}

static void a_method_takes_its_object_first(void **state) {
    (void)state;
    parsed p;
    parse(&p, "-(x + 1).sum(axis=(0, 1))");
    const nx_ast_node *call = child(&p, root(&p, 0), 0), *axes = child(&p, call, 1);
    assert_int_equal(call->kind, NX_AST_CALL);
    assert_true(call->is_method);
    assert_span(&p, call->span, "(x + 1).sum(axis=(0, 1))");
    assert_span(&p, call->word, "sum");
    assert_int_equal(child(&p, call, 0)->kind, NX_AST_OPERATOR);
    assert_int_equal(axes->kind, NX_AST_TUPLE);
    assert_int_equal(axes->arg_count, 2);
    done(&p);
}

static void strings_are_values_of_keywords(void **state) {
    parsed p;
    (void)state;
    parse(&p, "f(a, mode='it\\'s\\t\\x41\\u00e9\\0\\101\\\n!', b=\"\")");
    const nx_ast_node *text = child(&p, root(&p, 0), 1), *empty = child(&p, root(&p, 0), 2);
    static const char expected[] = "it's\tA\xC3\xA9\0A!";
    assert_int_equal(text->kind, NX_AST_STRING);
    assert_int_equal(text->name_length, sizeof expected - 1);
    assert_memory_equal(text->name, expected, sizeof expected);
    assert_int_equal(empty->name_length, 0);
    done(&p);
}

static void statements_hold_their_nodes_and_values(void **state) {
    parsed p;
    (void)state;
    parse(&p, "\n  x = a + b # sum\n\n\t`y z` = x\\\n * 2;\r\n x, (`y z`\n+\r\n1),\n");
    const nx_ast_statement *s = p.ast.statements;
    assert_int_equal(p.ast.statement_count, 3);
    assert_string_equal(s[0].name, "x");
    assert_span(&p, s[0].name_span, "x");
    assert_string_equal(s[1].name, "y z");
    assert_span(&p, s[1].name_span, "`y z`");
    assert_null(s[2].name);
    assert_int_equal(s[0].value_count, 1);
    assert_int_equal(s[2].value_count, 2);
    assert_int_equal(s[0].first_node, 0);
    assert_int_equal(s[0].node_end, s[1].first_node);
    assert_int_equal(s[1].node_end, s[2].first_node);
    assert_int_equal(s[2].node_end, p.ast.node_count);
    done(&p);
}

static void the_last_statement_may_be_an_assignment(void **state) {
    parsed p;
    (void)state;
    parse(&p, "c = a + b;");
    assert_int_equal(p.ast.statement_count, 1);
    assert_string_equal(p.ast.statements[0].name, "c");
    done(&p);
}

/* Names before "(" are functions; `f` in backquotes is a name; assigned names are not free, unless read before. */
static void free_names_are_those_read_before_they_are_assigned(void **state) {
    static const struct { const char *text, *names; } rows[] = {
        {"b + a*b", "b a "}, {"sin(x) + sin", "x sin "}, {"x = a; y = x + b; y", "a b "}, {"x = x + 1; x", "x "},
        {"pi = 3; pi*r", "r "}, {"e*pi + nan", "e pi nan "}, {"`a b` + `sin`", "a b sin "}, {"x = a; x = x*x; x", "a "},
        {"f(k=v)", "v "}, {"z if c else y", "z c y "}, {"1 + 2", ""}, {"\xC3\xA9 + __class__", "\xC3\xA9 __class__ "},
        {"a.real", "a "}, {"x", "x "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        parsed p;
        char names[64] = "";
        parse(&p, rows[i].text);
        for (uint32_t k = 0; k < p.ast.free_name_count; k++) strcat(strcat(names, p.ast.free_names[k].name), " ");
        assert_string_equal(names, rows[i].names);
        done(&p);
    }
}

static void a_free_name_has_the_place_of_its_first_use(void **state) {
    parsed p;
    (void)state;
    parse(&p, "2 * `a` + a");
    assert_int_equal(p.ast.free_name_count, 1);
    assert_span(&p, p.ast.free_names[0].span, "`a`");
    done(&p);
}

static void literals_have_their_kinds_and_values(void **state) {
    parsed p;
    (void)state;
    parse(&p, "True, 0x_ff, 1_0.5e1_0, .5J, 1., 0b11, 0O17, 00, 0_0.5, 1E5, 9e999, False,");
    static const struct { nx_literal_kind kind; double value; } rows[] = {
        {NX_LITERAL_BOOL, 1}, {NX_LITERAL_INT, 255}, {NX_LITERAL_FLOAT, 10.5e10}, {NX_LITERAL_COMPLEX, 0.5},
        {NX_LITERAL_FLOAT, 1},
        {NX_LITERAL_INT, 3}, {NX_LITERAL_INT, 15}, {NX_LITERAL_INT, 0}, {NX_LITERAL_FLOAT, 0.5}, {NX_LITERAL_FLOAT, 1e5},
        {NX_LITERAL_FLOAT, __builtin_inf()}, {NX_LITERAL_BOOL, 0},
    };
    assert_int_equal(p.ast.statements[0].value_count, sizeof rows / sizeof *rows);
    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const nx_literal *literal = root(&p, i)->literal;
        bool whole = literal->kind <= NX_LITERAL_INT, complex = literal->kind == NX_LITERAL_COMPLEX;
        assert_int_equal(literal->kind, rows[i].kind);
        assert_true((whole ? nx_bigint_to_double(&literal->integer) : complex ? literal->im : literal->re) == rows[i].value);
    }
    done(&p);
}

static void a_byte_order_mark_is_skipped(void **state) {
    parsed p;
    (void)state;
    parse(&p, "\xEF\xBB\xBFx");
    assert_span(&p, root(&p, 0)->span, "x");
    done(&p);
}

/* The bytes between the two markers « and » are the span; the message has to contain the words. */
static const struct mistake { const char *text, *words; nexpr_status status; } mistakes[] = {
#define ROW(text, words) {text, words, NEXPR_SYNTAX}
    ROW("«»", "no expression"), ROW("«# nothing»", "no expression"), ROW("\n «;»", "before ';'"),
    ROW("a +«»", "end of the text"), ROW("a +«»\nb", "end of the line"), ROW("«*»a", "before '*'"),
    ROW("a + «*» b", "before '*'"), ROW("a «b»", "operator before 'b'"), ROW("«2a»", "2*a"), ROW("«0x1g»", "base 16"),
    ROW("«0b12»", "base 2"), ROW("«0o8»", "base 8"), ROW("«0x»", "base 16"), ROW("«0123»", "leading zeros"),
    ROW("«1__0»", "underscore"), ROW("«1_»", "underscore"), ROW("«1e»", "digits"), ROW("«1ex»", "1*ex"),
    ROW("«1.real»", "not a number"), ROW("a if «1else» b", "blank"), ROW("(1«,» 2)", "tuple"), ROW("(«)»", "before ')'"),
    ROW("(a + «)»", "before ')'"), ROW("«(»a", "never closed"), ROW("f«(»a, b", "never closed"),
    ROW("((a)«(»b", "plain name"), ROW("f(a) + («)»", "before ')'"), ROW("«(»(a)", "never closed"),
    ROW("«(»a; b)", "never closed"), ROW("a«)»", "closes nothing"), ROW("«)»", "closes nothing"),
    ROW("a«[»0", "never closed"), ROW("a«]»", "closes nothing"), ROW("«[»1, 2]", "no lists"), ROW("a[«]»", "empty"),
    ROW("a[1:2:3«:»4]", "two colons"), ROW("a[0«)»", "before ')'"), ROW("f(a«]»", "before ']'"), ROW("a[«,»]", "before ','"),
    ROW("a[«*»]", "before '*'"), ROW("a«:»", "in an index"), ROW("«:»", "in an index"), ROW("a[1:«...»]", "in an index"),
    ROW("f(«(1, 2)» + 3)", "no operand"), ROW("f(a, «None» + 1)", "no value"), ROW("f((1, (2«,» 3)))", "tuple"), ROW("«{»a}", "parentheses"), ROW("a «@» b", "matrix"),
    ROW("a «&&» b", "'and'"), ROW("a «||» b", "'or'"), ROW("«!»a", "'not'"), ROW("a «<>» b", "!="),
    ROW("a «===» b", "=="), ROW("a «!==» b", "!="), ROW("a «=<» b", "<="), ROW("a «=>» b", ">="), ROW("a «~=» b", "!="),
    ROW("a «?» b : c", "if condition else"), ROW("a «:=» b", "statement"), ROW("a«:»b", "if condition"),
    ROW("«$»a", "backquotes"), ROW("a «+=» 1", "x = x +"), ROW("a «**=» 1", "x = x +"), ROW("a «//=» 1", "x = x +"),
    ROW("a «>>=» 1", "x = x +"), ROW("a «-=» 1", "x = x +"), ROW("a = b «=» 1", "=="), ROW("(a «=» 1)", "=="),
    ROW("f(a)«=»1", "=="), ROW("True «=» 1", "only a name"), ROW("a+b «=» c", "only a name"),
    ROW("a, b «=» c", "only a name"), ROW("f(«lambda» x: x)", "reserved"), ROW("«lambda» = 3", "reserved"),
    ROW("a «is» b", "=="), ROW("a «in» b", "reserved"), ROW("«None»", "no value"),
    ROW("«for» x", "expressions and assignments"), ROW("«import» numpy", "expressions and assignments"),
    ROW("«return» a", "last expression"), ROW("a.«if»", "attribute"), ROW("a.«»", "attribute"),
    ROW("a«.5»", "operator before '.5'"), ROW("(a)«(»b)", "multiply"),
    ROW("2«(»a)", "multiply"), ROW("`f`«(»a)", "plain name"), ROW("a «if» b", "'else' is missing"),
    ROW("(a «if» b)", "'else' is missing"), ROW("a «else» b", "without 'if'"),
    ROW("a if b «if» c else d else e", "parentheses"), ROW("a == «not» b", "(not x)"), ROW("-«not» b", "(not x)"),
    ROW("a «~» b", "before '~'"), ROW("f(x=1, «2»)", "keyword"), ROW("f(x=1, «x»=2)", "twice"),
    ROW("f(«,»)", "before ','"), ROW("f(a,«,»)", "before ','"), ROW("f(x=«)»", "before ')'"), ROW("«,»", "before ','"),
    ROW("a,«,»", "before ','"), ROW("x = a«,» b", "one value"), ROW("x = a«,»", "one value"), ROW("«a»; b", "not used"),
    ROW("«(a), b»\nc", "not used"), ROW("a=1;«;»b", "before ';'"), ROW("«'abc»", "does not end"),
    ROW("f(k=«'abc»\n')", "does not end"), ROW("«'abc'»", "keyword"), ROW("f(«'a'»)", "keyword"),
    ROW("f(k=«'a'»+'b')", "keyword"), ROW("f(k='«\\q»')", "escape"), ROW("f(k='«\\x»4')", "escape"),
    ROW("f(k='«\\u»d800')", "escape"), ROW("f(k=«r»'a')", "prefix"), ROW("f(k=«'''»a''')", "one quote"),
    ROW("«`abc»", "backquotes"), ROW("«``»", "empty"), ROW("a «\\» b", "continues"), ROW("a «\xE2\x88\x92» b", "as -"),
    ROW("a«\xC2\xB2»", "**2"), ROW("a «\xE2\x89\xA4» b", "<="), ROW("a «\xF0\x9F\x98\x80»", "unexpected character"),
    ROW("a «\x01»", "unexpected character"), ROW("a«...»", "operator before"), ROW("«\xC2\xA0»a", "no-break"),
    ROW("f(«*»a)", "before '*'"), ROW("f(k=«**»a)", "before '**'"), ROW("a + «if» b", "before 'if'"),
    ROW("«=» 3", "before '='"),
    {"1 + «0x1" , "bits", NEXPR_VALUE},
};
#undef ROW

static const char OPEN_MARK[] = "\xC2\xAB", CLOSE_MARK[] = "\xC2\xBB";

/* Removes the first mark from text; returns where it was. */
static size_t take_mark(char *text, const char *mark) {
    char *at = strstr(text, mark);
    assert_non_null(at);
    memmove(at, at + 2, strlen(at + 2) + 1);
    return (size_t)(at - text);
}

static void every_mistake_is_reported_at_its_place(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        char text[1024] = "";
        strcpy(text, mistakes[i].text);
        if (mistakes[i].status == NEXPR_VALUE) { /* 2049 bits */
            memset(text + strlen(text), '0', 512);
            strcat(text, CLOSE_MARK);
        }
        size_t begin = take_mark(text, OPEN_MARK), end = take_mark(text, CLOSE_MARK);
        nexpr_error err = nexpr_error_init();
        nx_arena arena;
        nx_ast ast;
        nx_arena_init(&arena, NULL);
        nexpr_status status = nx_parse(&arena, text, strlen(text), NULL, &ast, &err);
        const bool placed = err.begin == begin && err.end == end;
        if (status != mistakes[i].status || !placed || !strstr(err.message, mistakes[i].words)) {
            fail_msg("'%s': status %d, span %zu to %zu, '%s'; expected %zu to %zu, '%s'", text, status, err.begin, err.end,
                     err.message, begin, end, mistakes[i].words);
        }
        nx_arena_free(&arena);
    }
}

static void bytes_that_are_no_text_are_reported_where_they_stand(void **state) {
    static const struct { const char *text; size_t length, place; const char *words; } rows[] = {
        {"a\0b", 3, 1, "NUL"}, {"abcdefghij\0", 11, 10, "NUL"}, {"\0", 1, 0, "NUL"}, {"a # \xFF", 5, 4, "0xff"},
        {"\xC3", 1, 0, "UTF-8"},
        {"abcdefghijkl\xC0\xAF", 14, 12, "UTF-8"}, {"\xED\xA0\x80", 3, 0, "UTF-8"}, {"\xF4\x90\x80\x80", 4, 0, "UTF-8"},
        {"\xE0\x80\xAF", 3, 0, "UTF-8"}, {"\xF0\x80\x80\xAF", 4, 0, "UTF-8"}, {"`\x80`", 3, 1, "UTF-8"},
        {"\xE2\x82", 2, 0, "UTF-8"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nexpr_error err = nexpr_error_init();
        nx_arena arena;
        nx_ast ast;
        nx_arena_init(&arena, NULL);
        assert_int_equal(nx_parse(&arena, rows[i].text, rows[i].length, NULL, &ast, &err), NEXPR_SYNTAX);
        assert_int_equal(err.begin, rows[i].place);
        assert_int_equal(err.end, rows[i].place + 1);
        assert_non_null(strstr(err.message, rows[i].words));
        nx_arena_free(&arena);
    }
}

static void every_operator_of_the_table_is_understood(void **state) {
    (void)state;
    for (int op = 0; op < NX_OP_COUNT; op++) {
        char text[32];
        const char *spelling = nx_op_rows[op].spelling;
        if (!*spelling) continue;
        snprintf(text, sizeof text, "%s%sa", nx_op_rows[op].arity == 2 ? "b" : "", spelling);
        parsed p;
        parse(&p, text);
        assert_int_equal(root(&p, 0)->op, op);
        assert_int_equal(root(&p, 0)->arg_count, nx_op_rows[op].arity);
        done(&p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_span_covers_its_operands_with_their_parentheses),
        cmocka_unit_test(links_of_a_chain_share_their_middle),
        cmocka_unit_test(parentheses_end_a_chain_and_are_recorded),
        cmocka_unit_test(children_stand_before_their_parents),
        cmocka_unit_test(the_condition_is_the_first_argument_of_a_choice),
        cmocka_unit_test(arguments_keep_keywords_and_places),
        cmocka_unit_test(an_index_has_slices_ellipses_and_new_axes),
        cmocka_unit_test(a_method_takes_its_object_first),
        cmocka_unit_test(strings_are_values_of_keywords),
        cmocka_unit_test(statements_hold_their_nodes_and_values),
        cmocka_unit_test(the_last_statement_may_be_an_assignment),
        cmocka_unit_test(free_names_are_those_read_before_they_are_assigned),
        cmocka_unit_test(a_free_name_has_the_place_of_its_first_use),
        cmocka_unit_test(literals_have_their_kinds_and_values),
        cmocka_unit_test(a_byte_order_mark_is_skipped),
        cmocka_unit_test(every_mistake_is_reported_at_its_place),
        cmocka_unit_test(bytes_that_are_no_text_are_reported_where_they_stand),
        cmocka_unit_test(every_operator_of_the_table_is_understood),
    };
    return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
