/* SPDX-License-Identifier: MIT */
/* Text to AST. */
#ifndef NX_PARSER_PARSE_H
#define NX_PARSER_PARSE_H

#include "engine/ast.h"

/*
 * Parses text into ret, all memory from arena. options may be NULL; limits that are 0 have their defaults.
 * Errors: SYNTAX, LIMIT, VALUE (integer literal too large), MEMORY; each with its span.
 */
nexpr_status nx_parse(nx_arena *arena, const char *text, size_t length, const nexpr_options *options, nx_ast *ret,
                      nexpr_error *err);

#endif
