/* SPDX-License-Identifier: MIT */
/* Text to tokens, one at a time. */
#ifndef NX_PARSER_SCAN_H
#define NX_PARSER_SCAN_H

#include "engine/status.h"
#include "parser/operators.h"

typedef enum nx_token_kind {
    NX_TOKEN_END,
    NX_TOKEN_NEWLINE, /* never inside brackets */
    NX_TOKEN_SEMICOLON,
    NX_TOKEN_NAME,
    NX_TOKEN_QUOTED,  /* a name in backquotes, which the span includes */
    NX_TOKEN_INTEGER,
    NX_TOKEN_FLOAT,
    NX_TOKEN_IMAGINARY,
    NX_TOKEN_STRING,
    NX_TOKEN_TRUE,
    NX_TOKEN_FALSE,
    NX_TOKEN_NONE,
    NX_TOKEN_IF,
    NX_TOKEN_ELSE,
    NX_TOKEN_OPEN,
    NX_TOKEN_CLOSE,
    NX_TOKEN_OPEN_INDEX,
    NX_TOKEN_CLOSE_INDEX,
    NX_TOKEN_ELLIPSIS,
    NX_TOKEN_COMMA,
    NX_TOKEN_OPERATOR, /* infix, prefix or both; from here on, what may be the beginning of a longer symbol */
    NX_TOKEN_ASSIGN,
    NX_TOKEN_DOT,
    NX_TOKEN_COLON,
} nx_token_kind;

typedef struct nx_token {
    nx_token_kind kind;
    nx_span span;
    const nx_operator *infix, *prefix; /* NX_TOKEN_OPERATOR: NULL if it is none of that kind */
} nx_token;

typedef struct nx_scanner {
    const char *text; /* valid UTF-8 without NUL, NUL-terminated */
    uint32_t length, at;
    uint32_t brackets; /* how many are open, kept by the parser: inside, newlines are blanks */
} nx_scanner;

/* The next token. Errors: SYNTAX, for what is no token and for what other languages write. */
nexpr_status nx_scan(nx_scanner *scanner, nx_token *ret, nexpr_error *err);

#endif
