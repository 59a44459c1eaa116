/* SPDX-License-Identifier: MIT */
/*
 * The tokens are Python's. What Python or another language writes and nexpr does not is a row of a table here, with the
 * words that help; everything else that is no token is an unexpected character. The text ends with a NUL that is not part
 * of it, so looking one byte ahead is always allowed.
 */
#include "parser/scan.h"

#include "parser/utf8.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Symbols of other languages, and what to write. */
typedef struct mistake {
    const char *spelling, *advice;
} mistake;

#define UPDATE "write x = x + ... in full: there are no operators that update a name"
#define BRACES "use parentheses ( ) to group"
#define TRIPLE "strings have one quote at each end"

static const mistake mistakes[] = {
    {"===", "write == to compare"}, {"!==", "write != to compare"}, {"<>", "write != to compare"},
    {"=<", "write <= to compare"}, {"=>", "write >= to compare"}, {"~=", "write != to compare"},
    {"&&", "write 'and', or & for bits"}, {"||", "write 'or', or | for bits"}, {"!", "write 'not', or != to compare"},
    {":=", "write name = value as a statement of its own, separated by ';'"},
    {"+=", UPDATE}, {"-=", UPDATE}, {"*=", UPDATE}, {"/=", UPDATE}, {"//=", UPDATE}, {"%=", UPDATE}, {"**=", UPDATE},
    {"&=", UPDATE}, {"|=", UPDATE}, {"^=", UPDATE}, {"<<=", UPDATE}, {">>=", UPDATE}, {"@=", UPDATE},
    {"{", BRACES}, {"}", BRACES},
    {"?", "write x if condition else y"},
    {"@", "there is no operator for the matrix product"}, {"$", "names have no prefix; quote odd names in backquotes"},
    {"'''", TRIPLE}, {"\"\"\"", TRIPLE},
    {"\xE2\x88\x92", "write the minus sign as -"}, {"\xE2\x80\x93", "write the minus sign as -"},
    {"\xE2\x80\x94", "write the minus sign as -"}, {"\xC3\x97", "write * to multiply"}, {"\xC2\xB7", "write * to multiply"},
    {"\xE2\x8B\x85", "write * to multiply"}, {"\xC3\xB7", "write / to divide"}, {"\xE2\x89\xA4", "write <="},
    {"\xE2\x89\xA5", "write >="}, {"\xE2\x89\xA0", "write !="}, {"\xE2\x88\x9A", "write sqrt(x)"},
    {"\xC2\xB2", "write **2"}, {"\xC2\xB3", "write **3"}, {"\xC2\xAC", "write 'not'"},
    {"\xE2\x80\x98", "write the quotation mark as '"}, {"\xE2\x80\x99", "write the quotation mark as '"},
    {"\xE2\x80\x9C", "write the quotation mark as \""}, {"\xE2\x80\x9D", "write the quotation mark as \""},
    {"\xC2\xA0", "this is a no-break space: write a plain one"},
};

/* Words of Python that are no names. */
typedef struct reserved {
    char spelling[9];
    uint8_t length;
    uint8_t kind; /* NX_TOKEN_NAME: not part of the language */
    const char *advice;
} reserved;

#define WORD(spelling, kind, advice) {spelling, sizeof(spelling) - 1, kind, advice}
#define ALIEN(spelling, advice) WORD(spelling, NX_TOKEN_NAME, advice)
#define NO_STATEMENT "nexpr has expressions and assignments only"
#define QUOTE "as a name it has to be quoted in backquotes"

static const reserved words[] = {
    WORD("if", NX_TOKEN_IF, ""), WORD("else", NX_TOKEN_ELSE, ""), WORD("True", NX_TOKEN_TRUE, ""),
    WORD("False", NX_TOKEN_FALSE, ""), WORD("None", NX_TOKEN_NONE, ""), WORD("and", NX_TOKEN_OPERATOR, ""), WORD("or", NX_TOKEN_OPERATOR, ""),
    WORD("not", NX_TOKEN_OPERATOR, ""),
    ALIEN("is", "write == to compare"), ALIEN("in", QUOTE),
    ALIEN("lambda", "functions cannot be defined"), ALIEN("def", "functions cannot be defined"),
    ALIEN("elif", "write x if a else y if b else z"), ALIEN("as", QUOTE), ALIEN("assert", NO_STATEMENT),
    ALIEN("async", NO_STATEMENT), ALIEN("await", NO_STATEMENT), ALIEN("break", NO_STATEMENT), ALIEN("class", NO_STATEMENT),
    ALIEN("continue", NO_STATEMENT), ALIEN("del", NO_STATEMENT), ALIEN("except", NO_STATEMENT),
    ALIEN("finally", NO_STATEMENT), ALIEN("for", NO_STATEMENT), ALIEN("from", NO_STATEMENT), ALIEN("global", NO_STATEMENT),
    ALIEN("import", NO_STATEMENT), ALIEN("nonlocal", NO_STATEMENT), ALIEN("pass", NO_STATEMENT),
    ALIEN("raise", NO_STATEMENT), ALIEN("return", "the last expression is the result: leave 'return' out"),
    ALIEN("try", NO_STATEMENT), ALIEN("while", NO_STATEMENT), ALIEN("with", NO_STATEMENT), ALIEN("yield", NO_STATEMENT),
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Of ASCII only: length of the text, without locale. */
static bool is_ascii_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

/* Bytes of the character at text if it may stand in a name, else 0. */
static int word_character(const char *text) {
    if ((signed char)*text >= 0) return is_ascii_word(*text);
    int n;
    return nx_utf8_is_letter(nx_utf8_decode(text, &n)) ? n : 0;
}

static int character_length(const char *text) {
    int n;
    nx_utf8_decode(text, &n);
    return n;
}

static nx_span span_of(uint32_t begin, size_t length) {
    return (nx_span){begin, begin + (uint32_t)length};
}

/* "\r\n" or "\n" or "\r": its length, else 0. */
static uint32_t newline_at(const char *text) {
    return *text == '\n' ? 1 : *text != '\r' ? 0 : text[1] == '\n' ? 2 : 1;
}

/* Blanks, comments, backslash-newline, and newlines inside brackets. */
static nexpr_status skip_blanks(nx_scanner *s, nexpr_error *err) {
    for (;;) {
        const char *c = s->text + s->at;
        uint32_t newline = newline_at(c);
        if (*c == ' ' || *c == '\t' || *c == '\f') {
            s->at++;
        } else if (newline && s->brackets) {
            s->at += newline;
        } else if (*c == '#') {
            s->at += (uint32_t)strcspn(c, "\r\n");
        } else if (*c == '\\') {
            newline = newline_at(c + 1);
            if (!newline) {
                return nx_fail(err, NEXPR_SYNTAX, span_of(s->at, 1), "a backslash continues a line, which has to end there");
            }
            s->at += 1 + newline;
        } else {
            return NEXPR_OK;
        }
    }
}

/* The row of a reserved word, NULL if it is none. */
static const reserved *find_reserved(const char *text, size_t length) {
    if (length < 2 || length >= sizeof words->spelling) return NULL;
    for (const reserved *word = words; word < words + COUNT(words); word++) {
        if (word->spelling[0] == text[0] && word->length == length && !memcmp(word->spelling, text, length)) return word;
    }
    return NULL;
}

/* name -> letter { letter | digit } */
static nexpr_status scan_word(nx_scanner *s, nx_token *ret, nexpr_error *err) {
    const char *begin = s->text + s->at, *c = begin;
    for (int n; (n = word_character(c)); c += n) {}
    size_t length = (size_t)(c - begin);
    ret->kind = NX_TOKEN_NAME;
    ret->span = span_of(s->at, length);
    s->at += (uint32_t)length;
    if ((*c == '\'' || *c == '"') && length <= 2 && strspn(begin, "rRbBuUfF") >= length) {
        return nx_fail(err, NEXPR_SYNTAX, ret->span, "strings have no prefixes: leave '%.*s' out", (int)length, begin);
    }
    const reserved *word = find_reserved(begin, length);
    if (!word) return NEXPR_OK;
    ret->kind = (nx_token_kind)word->kind;
    if (word->kind == NX_TOKEN_OPERATOR) nx_operator_word(begin, length, &ret->infix, &ret->prefix);
    if (word->kind != NX_TOKEN_NAME) return NEXPR_OK;
    return nx_fail(err, NEXPR_SYNTAX, ret->span, "'%s' is a reserved word: %s", word->spelling, word->advice);
}

/* quoted -> "`" byte { byte } "`" */
static nexpr_status scan_quoted(nx_scanner *s, nx_token *ret, nexpr_error *err) {
    const char *begin = s->text + s->at;
    size_t length = strcspn(begin + 1, "`\r\n");
    ret->kind = NX_TOKEN_QUOTED;
    ret->span = span_of(s->at, length + 2);
    if (begin[1 + length] != '`') {
        ret->span = span_of(s->at, length + 1);
        return nx_fail(err, NEXPR_SYNTAX, ret->span, "the name in backquotes does not end on this line");
    }
    if (!length) return nx_fail(err, NEXPR_SYNTAX, ret->span, "the name in backquotes is empty");
    s->at = ret->span.end;
    return NEXPR_OK;
}

/* string -> quote { character | "\" character } quote */
static nexpr_status scan_string(nx_scanner *s, nx_token *ret, nexpr_error *err) {
    const char *begin = s->text + s->at, *c = begin + 1;
    while (*c && *c != *begin && !newline_at(c)) {
        if (*c == '\\' && c[1]) c++;
        c += newline_at(c) == 2 ? 2 : 1;
    }
    ret->kind = NX_TOKEN_STRING;
    ret->span = span_of(s->at, (size_t)(c - begin));
    if (*c != *begin) {
        return nx_fail(err, NEXPR_SYNTAX, ret->span, "the string does not end on this line: %c is missing", *begin);
    }
    s->at = ++ret->span.end;
    return NEXPR_OK;
}

/* digits -> digit { ["_"] digit }, for hexadecimal digits too: returns where they end. */
static const char *skip_digits(const char *c, const char *digits) {
    while (strchr(digits, *c | (*c >= 'A' && *c <= 'F' ? 0x20 : 0)) && *c) {
        c++;
        if (*c == '_' && c[1] && strchr(digits, c[1] | (c[1] >= 'A' && c[1] <= 'F' ? 0x20 : 0))) c++;
    }
    return c;
}

/* The digits of a base by its letter, NULL if it is none. */
static const char *base_digits(char letter) {
    switch (letter | 0x20) {
    case 'x': return "0123456789abcdef";
    case 'o': return "01234567";
    case 'b': return "01";
    }
    return NULL;
}

/* decimal -> [digits] ["." [digits]] [("e" | "E") ["+" | "-"] digits] ["j" | "J"]; leading zeros only if not an integer */
static const char *scan_decimal(const char *begin, nx_token_kind *ret_kind) {
    static const char digits[] = "0123456789";
    const char *c = skip_digits(begin, digits);
    *ret_kind = NX_TOKEN_INTEGER;
    if (*c == '.') {
        *ret_kind = NX_TOKEN_FLOAT;
        c = skip_digits(c + 1, digits);
    }
    if (*c == 'e' || *c == 'E') {
        const char *exponent = c + 1 + (c[1] == '+' || c[1] == '-');
        if (is_digit(*exponent)) {
            *ret_kind = NX_TOKEN_FLOAT;
            c = skip_digits(exponent, digits);
        }
    }
    if (*c == 'j' || *c == 'J') {
        *ret_kind = NX_TOKEN_IMAGINARY;
        c++;
    }
    return c;
}

/* What goes on behind a number as if it belonged to it: which mistake is it? */
static nexpr_status fail_number(const char *text, uint32_t at, const char *end, nexpr_error *err) {
    const char *begin = text + at, *rest = end;
    for (int n; (n = word_character(rest)); rest += n) {}
    nx_span span = span_of(at, (size_t)(rest - begin));
    int shown = (int)(span.end - at), head = (int)(end - begin), tail = (int)(rest - end);
    const char *digits = *begin == '0' ? base_digits(begin[1]) : NULL;
    if (digits) {
        return nx_fail(err, NEXPR_SYNTAX, span, "'%.*s' is not a number of base %d", shown, begin, (int)strlen(digits));
    }
    if (*end == '_') {
        return nx_fail(err, NEXPR_SYNTAX, span, "'%.*s' is not a number: underscores stand between digits", shown, begin);
    }
    if (find_reserved(end, (size_t)tail)) {
        return nx_fail(err, NEXPR_SYNTAX, span, "'%.*s': a blank is missing behind the number", shown, begin);
    }
    const bool exponent = (*end == 'e' || *end == 'E') && tail == 1;
    return nx_fail(err, NEXPR_SYNTAX, span, "'%.*s' is not a number%s; to multiply, write %.*s*%.*s", shown, begin,
                   exponent ? " without digits behind the 'e'" : "", head, begin, tail, end);
}

static nexpr_status scan_number(nx_scanner *s, nx_token *ret, nexpr_error *err) {
    const char *begin = s->text + s->at, *end;
    const char *digits = *begin == '0' ? base_digits(begin[1]) : NULL;
    if (digits) {
        ret->kind = NX_TOKEN_INTEGER;
        const char *first = begin + 2 + (begin[2] == '_');
        end = skip_digits(first, digits);
        if (end == first) return fail_number(s->text, s->at, begin + 1, err);
    } else {
        end = scan_decimal(begin, &ret->kind);
    }
    if (word_character(end)) return fail_number(s->text, s->at, end, err);
    ret->span = span_of(s->at, (size_t)(end - begin));
    if (!digits && *begin == '0' && ret->kind == NX_TOKEN_INTEGER && strspn(begin, "0_") != (size_t)(end - begin)) {
        return nx_fail(err, NEXPR_SYNTAX, ret->span, "a whole number has no leading zeros; write 0o for base 8");
    }
    s->at = ret->span.end;
    return NEXPR_OK;
}

/* The row of mistakes that text begins with and that is longer than `length`. */
static const mistake *find_mistake(const char *text, size_t length) {
    const mistake *best = NULL;
    for (const mistake *row = mistakes; row < mistakes + COUNT(mistakes); row++) {
        if (*row->spelling != *text) continue;
        size_t n = strlen(row->spelling);
        if (n <= length || strncmp(row->spelling, text, n)) continue;
        best = row;
        length = n;
    }
    return best;
}

static nexpr_status fail_character(const char *c, uint32_t at, nexpr_error *err) {
    int length = character_length(c);
    return nx_fail(err, NEXPR_SYNTAX, span_of(at, (size_t)length), "unexpected character '%.*s'", length, c);
}

static nx_token_kind mark_kind(char c) {
    switch (c) {
    case ';': return NX_TOKEN_SEMICOLON;
    case '(': return NX_TOKEN_OPEN;
    case ')': return NX_TOKEN_CLOSE;
    case '[': return NX_TOKEN_OPEN_INDEX;
    case ']': return NX_TOKEN_CLOSE_INDEX;
    case ':': return NX_TOKEN_COLON;
    case ',': return NX_TOKEN_COMMA;
    case '=': return NX_TOKEN_ASSIGN;
    case '.': return NX_TOKEN_DOT;
    }
    return NX_TOKEN_END;
}

/* An operator or a mark, the longest that fits; unless something longer is known to be a mistake. */
static nexpr_status scan_symbol(nx_scanner *s, nx_token *ret, nexpr_error *err) {
    const char *c = s->text + s->at;
    size_t length = 1;
    ret->kind = mark_kind(*c);
    if (ret->kind == NX_TOKEN_END || ret->kind >= NX_TOKEN_ASSIGN) { /* "=", "." and ":" may be the beginning of more */
        size_t operator = nx_operator_match(c, s->length - s->at, &ret->infix, &ret->prefix);
        if (operator || ret->kind == NX_TOKEN_END) length = operator;
        if (operator) ret->kind = NX_TOKEN_OPERATOR;
    }
    if (!strncmp(c, "...", 3)) {
        ret->kind = NX_TOKEN_ELLIPSIS;
        length = 3;
    }
    const bool may_go_on = !length || (ret->kind >= NX_TOKEN_OPERATOR && strchr("=&|<>.", c[length]));
    const mistake *row = may_go_on ? find_mistake(c, length) : NULL;
    if (row) {
        ret->span = span_of(s->at, strlen(row->spelling));
        return nx_fail(err, NEXPR_SYNTAX, ret->span, "unexpected '%s': %s", row->spelling, row->advice);
    }
    if (!length) return fail_character(c, s->at, err);
    ret->span = span_of(s->at, length);
    s->at += (uint32_t)length;
    return NEXPR_OK;
}

nexpr_status nx_scan(nx_scanner *s, nx_token *ret, nexpr_error *err) {
    NX_TRY(skip_blanks(s, err));
    const char *c = s->text + s->at;
    uint32_t newline = newline_at(c);
    *ret = (nx_token){.kind = NX_TOKEN_END, .span = {s->at, s->at}};
    if (s->at == s->length) return NEXPR_OK;
    if (newline) {
        ret->kind = NX_TOKEN_NEWLINE;
        ret->span.end = s->at += newline;
        return NEXPR_OK;
    }
    if (is_digit(*c) || (*c == '.' && is_digit(c[1]))) return scan_number(s, ret, err);
    if (word_character(c)) return scan_word(s, ret, err);
    if (*c == '`') return scan_quoted(s, ret, err);
    const bool triple = c[1] == *c && c[2] == *c;
    if ((*c == '\'' || *c == '"') && !triple) return scan_string(s, ret, err);
    return scan_symbol(s, ret, err);
}
