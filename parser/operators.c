/* SPDX-License-Identifier: MIT */
/* The syntax column of ops.def, sorted into two tables. */
#include "parser/operators.h"

#include <string.h>

_Static_assert(NX_OP_COUNT <= UINT8_MAX, "an op fits nx_operator.op");

/* ** is the one operator that is right-associative: its right operand may hold another ** and even a sign. */
#define LIMIT(level) ((level) == NX_LEVEL_POWER ? NX_LEVEL_UNARY - 1 : (level))
#define ROW(spelling, level, op) {spelling, sizeof(spelling) - 1, level, LIMIT(level), op}
#define DROP(id)

static const nx_operator infix_rows[] = {
/* ROW_INFIX leaves the name of a macro that takes the id behind it. */
#define ROW_CALL(id)
#define ROW_PREFIX(spelling) DROP
#define ROW_INFIX(spelling, level) {spelling, sizeof(spelling) - 1, NX_LEVEL_##level, LIMIT(NX_LEVEL_##level), WITH
#define WITH(id) NX_OP_##id},
#define OP(id, group, names, syntax, ...) ROW_##syntax(id)
#include "engine/ops.def"
#undef ROW_PREFIX
#undef ROW_INFIX
};

static const nx_operator prefix_rows[] = {
#define ROW_INFIX(spelling, level) DROP
#define ROW_PREFIX(spelling) {spelling, sizeof(spelling) - 1, NX_LEVEL_UNARY, NX_LEVEL_UNARY, WITH
#define OP(id, group, names, syntax, ...) ROW_##syntax(id)
#include "engine/ops.def"
};

static const nx_operator word_rows[] = {
    ROW("or", NX_LEVEL_LOGICAL_OR, NX_OP_logical_or),
    ROW("and", NX_LEVEL_LOGICAL_AND, NX_OP_logical_and),
    ROW("not", NX_LEVEL_LOGICAL_NOT, NX_OP_logical_not),
};

static const nx_operator *longest(const nx_operator *rows, size_t count, const char *text, size_t length) {
    const nx_operator *best = NULL;
    for (const nx_operator *row = rows; row < rows + count; row++) {
        if (row->spelling[0] != text[0] || row->length > length || (best && best->length > row->length)) continue;
        if (row->length < 2 || !memcmp(row->spelling, text, row->length)) best = row;
    }
    return best;
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

size_t nx_operator_match(const char *text, size_t length, const nx_operator **ret_infix, const nx_operator **ret_prefix) {
    const nx_operator *infix = longest(infix_rows, COUNT(infix_rows), text, length);
    const nx_operator *prefix = longest(prefix_rows, COUNT(prefix_rows), text, length);
    size_t n = infix ? infix->length : 0, m = prefix ? prefix->length : 0, most = n > m ? n : m;
    *ret_infix = n == most && most ? infix : NULL;
    *ret_prefix = m == most && most ? prefix : NULL;
    return most;
}

bool nx_operator_word(const char *text, size_t length, const nx_operator **ret_infix, const nx_operator **ret_prefix) {
    const nx_operator *row = longest(word_rows, COUNT(word_rows), text, length);
    if (!row || row->length != length) return false;
    bool is_prefix = row->level == NX_LEVEL_LOGICAL_NOT;
    *ret_infix = is_prefix ? NULL : row;
    *ret_prefix = is_prefix ? row : NULL;
    return true;
}
