/* SPDX-License-Identifier: MIT */
/* The scanner has checked the form of numbers, so only their size can be wrong; escapes of strings are checked here. */
#include "parser/constants.h"

#include "engine/float_text.h"
#include "parser/utf8.h"

#include <string.h>

static nexpr_status integer(const char *digits, size_t length, nx_span span, nx_literal *ret, nexpr_error *err) {
    int base = 10;
    if (length > 2 && digits[0] == '0') {
        char letter = digits[1] | 0x20;
        base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
    }
    size_t prefix = base == 10 ? 0 : 2;
    ret->kind = NX_LITERAL_INT;
    if (nx_bigint_parse(&ret->integer, digits + prefix, length - prefix, base)) return NEXPR_OK;
    return nx_fail(err, NEXPR_VALUE, span, "the integer has more than %d bits", NX_BIGINT_BITS);
}

nexpr_status nx_constant_number(const char *text, const nx_token *token, nx_literal *ret, nexpr_error *err) {
    const char *digits = text + token->span.begin;
    size_t length = token->span.end - token->span.begin;
    *ret = (nx_literal){0};
    switch (token->kind) {
    case NX_TOKEN_INTEGER: return integer(digits, length, token->span, ret, err);
    case NX_TOKEN_FLOAT:
        ret->kind = NX_LITERAL_FLOAT;
        ret->re = nx_float_parse(digits, length);
        return NEXPR_OK;
    case NX_TOKEN_IMAGINARY:
        ret->kind = NX_LITERAL_COMPLEX;
        ret->im = nx_float_parse(digits, length - 1);
        return NEXPR_OK;
    default:
        ret->kind = NX_LITERAL_BOOL;
        ret->integer = nx_bigint_from_i64(token->kind == NX_TOKEN_TRUE);
        return NEXPR_OK;
    }
}

/* -1 if c is no digit of the base. */
static int digit_of(char c, int base) {
    int lower = c | 0x20;
    int value = c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
    return value < base ? value : -1;
}

/* Up to `most` digits at *c; returns how many there were. */
static int read_digits(const char **c, int most, int base, uint32_t *ret) {
    int n = 0;
    *ret = 0;
    for (int digit; n < most && (digit = digit_of(**c, base)) >= 0; n++, (*c)++) {
        *ret = *ret * (uint32_t)base + (uint32_t)digit;
    }
    return n;
}

/* escape -> "\" ( newline | one of \ ' " a b f n r t v | 1 to 3 octal digits | x, u, U with 2, 4, 8 hexadecimal digits )
 * *c stands behind the backslash. Appends to *out; false if it is no escape. */
static bool resolve_escape(const char **c, char **out) {
    static const char names[] = "\\'\"abfnrtv", values[] = "\\'\"\a\b\f\n\r\t\v";
    const char *simple = strchr(names, **c);
    uint32_t code;
    if (**c && simple) {
        *(*out)++ = values[simple - names];
        (*c)++;
        return true;
    }
    if (**c == '\n' || **c == '\r') {
        *c += **c == '\r' && (*c)[1] == '\n' ? 2 : 1;
        return true;
    }
    int digits = **c == 'x' ? 2 : **c == 'u' ? 4 : **c == 'U' ? 8 : 0;
    if (digits) (*c)++;
    int n = digits ? read_digits(c, digits, 16, &code) : read_digits(c, 3, 8, &code);
    if (digits ? n != digits : n == 0) return false;
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
    *out += nx_utf8_encode(code, *out);
    return true;
}

nexpr_status nx_constant_string(const char *text, const nx_token *token, nx_arena *arena, const char **ret,
                                uint32_t *ret_length, nexpr_error *err) {
    const char *c = text + token->span.begin + 1, *end = text + token->span.end - 1;
    char *bytes = nx_arena_alloc(arena, (size_t)(end - c) + 1, 1), *out = bytes; /* no escape is shorter than its value */
    if (!bytes) return nx_fail_memory(err);
    while (c < end) {
        if (*c != '\\') {
            *out++ = *c++;
            continue;
        }
        nx_span span = {(uint32_t)(c - text), (uint32_t)(c - text) + 2};
        c++;
        if (!resolve_escape(&c, &out)) {
            return nx_fail(err, NEXPR_SYNTAX, span, "this is no escape sequence; a backslash is written \\\\");
        }
    }
    *ret = bytes;
    *ret_length = (uint32_t)(out - bytes);
    return NEXPR_OK;
}
