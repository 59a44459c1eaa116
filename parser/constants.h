/* SPDX-License-Identifier: MIT */
/* Tokens that are values: numbers and strings. */
#ifndef NX_PARSER_CONSTANTS_H
#define NX_PARSER_CONSTANTS_H

#include "engine/arena.h"
#include "engine/literal.h"
#include "parser/scan.h"

/* The value of a token of kind INTEGER, FLOAT, IMAGINARY, TRUE or FALSE. Error: VALUE, an integer that is too large. */
nexpr_status nx_constant_number(const char *text, const nx_token *token, nx_literal *ret, nexpr_error *err);

/* The bytes of a STRING, escapes resolved, NUL-terminated in the arena. Errors: SYNTAX, MEMORY. */
nexpr_status nx_constant_string(const char *text, const nx_token *token, nx_arena *arena, const char **ret,
                                uint32_t *ret_length, nexpr_error *err);

#endif
