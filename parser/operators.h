/* SPDX-License-Identifier: MIT */
/*
 * How tightly operators bind: the one place that knows. The rows come from the INFIX and PREFIX columns of ops.def and,
 * for the three operators that are words, from operators.c.
 */
#ifndef NX_PARSER_OPERATORS_H
#define NX_PARSER_OPERATORS_H

#include "engine/ops.h"

/* Python's levels, loosest first; the names are those of ops.def. */
typedef enum nx_level {
    NX_LEVEL_NONE,
    NX_LEVEL_CHOICE, /* x if c else y */
    NX_LEVEL_LOGICAL_OR,
    NX_LEVEL_LOGICAL_AND,
    NX_LEVEL_LOGICAL_NOT,
    NX_LEVEL_COMPARE,
    NX_LEVEL_OR,
    NX_LEVEL_XOR,
    NX_LEVEL_AND,
    NX_LEVEL_SHIFT,
    NX_LEVEL_SUM,
    NX_LEVEL_PRODUCT,
    NX_LEVEL_UNARY,
    NX_LEVEL_POWER,
} nx_level;

typedef struct nx_operator {
    char spelling[4]; /* without a NUL if it has four bytes */
    uint8_t length;
    uint8_t level; /* nx_level: it takes a left operand whose operators bind at least so tightly */
    uint8_t limit; /* operators of its right operand bind more tightly than this; below level if right-associative */
    uint8_t op;    /* nx_op */
} nx_operator;

/* The longest operator that the `length` bytes of text begin with, as infix and as prefix; NULL where there is none.
 * Returns its length, 0 if text begins with no operator. */
size_t nx_operator_match(const char *text, size_t length, const nx_operator **ret_infix, const nx_operator **ret_prefix);
/* and, or, not: whole words. */
bool nx_operator_word(const char *text, size_t length, const nx_operator **ret_infix, const nx_operator **ret_prefix);

#endif
