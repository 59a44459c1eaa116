/* SPDX-License-Identifier: MIT */
/*
 * The .npy header is a Python dict literal with three keys. This is a scanner for exactly that, not for Python:
 *
 *   header ::= "{" { key ":" value "," } "}"           keys descr, fortran_order, shape, once each, in any order
 *   type   ::= string | "[" { field "," } "]" | "(" type "," shape ")"
 *   field  ::= "(" name "," type [ "," shape ] ")"
 *   name   ::= string | "(" string "," string ")"      a title and the name
 *   shape  ::= "(" { integer "," } ")"                 a comma after the last item is optional but for one integer
 *
 * All memory is taken before the scan, from the length of the text: a field takes at least MIN_FIELD bytes; of a string at
 * most twice its length is kept (Latin-1 becomes UTF-8), and any byte is part of at most two kept spellings of types.
 */
#include "runtime/io/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_FIELD = 8, MAX_DEPTH = 16, SHOWN_TYPE = 60, WRITTEN_ALIGNMENT = 64, GROWTH_DIGITS = 21 };

typedef struct scan {
    const char *path;
    const unsigned char *begin, *at, *end;
    bool utf8; /* version 3; else Latin-1 */
    char *pool; /* free text memory */
    nx_npy_header *header;
    nexpr_error *err;
} scan;

/* A type in a header: of an element, a field or a whole record. */
typedef struct element {
    int64_t size;
    const char *text;
    bool usable, is_void;
    nexpr_dtype dtype;
    nexpr_byte_order byte_order;
} element;

typedef struct dims {
    int ndim;
    int64_t sizes[NEXPR_MAX_NDIM];
} dims;

/* ------------------------------------------------------------------------------------------------------ scanning -- */

static nexpr_status malformed(const scan *s, const char *what) {
    return nx_io_fail(s->err, NEXPR_FORMAT, s->path, "malformed header: %s at byte %zu", what, (size_t)(s->at - s->begin));
}

static void skip_blanks(scan *s) {
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r')) s->at++;
}

/* Whether the next character is c; it is then taken. */
static bool take(scan *s, char c) {
    skip_blanks(s);
    if (s->at == s->end || *s->at != (unsigned char)c) return false;
    s->at++;
    return true;
}

static bool peek(scan *s, char c) {
    skip_blanks(s);
    return s->at < s->end && *s->at == (unsigned char)c;
}

static nexpr_status expect(scan *s, char c) {
    if (take(s, c)) return NEXPR_OK;
    char what[] = "expected 'x'";
    what[sizeof what - 3] = c;
    return malformed(s, what);
}

static void put_utf8(char **to, uint32_t c) {
    int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
    *(*to)++ = (char)(lead[more] | c >> (6 * more));
    while (more--) *(*to)++ = (char)(0x80 | (c >> (6 * more) & 0x3F));
}

/* Takes one encoded character. UTF-8 has to be valid: shortest form, no surrogates. */
static nexpr_status take_character(scan *s, uint32_t *ret) {
    unsigned char c = *s->at;
    if (!s->utf8 || c < 0x80) {
        *ret = c;
        s->at++;
        return NEXPR_OK;
    }
    int more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    if (c < 0xC2 || c > 0xF4 || s->end - s->at <= more) return malformed(s, "invalid UTF-8");
    uint32_t value = c & (0x3Fu >> more);
    for (int i = 1; i <= more; i++) {
        if ((s->at[i] & 0xC0) != 0x80) return malformed(s, "invalid UTF-8");
        value = value << 6 | (s->at[i] & 0x3F);
    }
    if (value < least[more] || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return malformed(s, "invalid UTF-8");
    s->at += more + 1;
    *ret = value;
    return NEXPR_OK;
}

static int hex_digit(unsigned char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What follows a backslash, as Python's repr writes it. */
static nexpr_status take_escape(scan *s, uint32_t *ret) {
    static const char letters[] = "\\\\''\"\"n\nr\rt\t";
    unsigned char c = s->at < s->end ? *s->at : 0;
    for (const char *pair = letters; *pair; pair += 2) {
        if ((unsigned char)*pair != c) continue;
        *ret = (unsigned char)pair[1];
        s->at++;
        return NEXPR_OK;
    }
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (!digits || s->end - s->at <= digits) return malformed(s, "bad escape");
    uint32_t value = 0;
    for (int i = 1; i <= digits; i++) {
        int digit = hex_digit(s->at[i]);
        if (digit < 0) return malformed(s, "bad escape");
        value = value << 4 | (uint32_t)digit;
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return malformed(s, "bad escape");
    s->at += digits + 1;
    *ret = value;
    return NEXPR_OK;
}

/* Takes a string literal; the text without quotes, NUL-terminated UTF-8, is in the pool. */
static nexpr_status take_string(scan *s, const char **ret) {
    skip_blanks(s);
    if (s->end - s->at > 1 && *s->at == 'u') s->at++; /* Python 2 */
    if (s->at == s->end || (*s->at != '\'' && *s->at != '"')) return malformed(s, "expected a string");
    unsigned char quote = *s->at++;
    char *text = s->pool;
    while (s->at < s->end && *s->at != quote) {
        uint32_t c = 0;
        NX_IO_TRY(take_character(s, &c));
        if (c == '\n') return malformed(s, "unterminated string");
        if (c == '\\') NX_IO_TRY(take_escape(s, &c));
        if (!c) return malformed(s, "NUL in a string");
        put_utf8(&s->pool, c);
    }
    if (s->at == s->end) return malformed(s, "unterminated string");
    s->at++;
    *s->pool++ = 0;
    *ret = text;
    return NEXPR_OK;
}

static nexpr_status take_integer(scan *s, int64_t *ret) {
    skip_blanks(s);
    if (peek(s, '-')) return malformed(s, "negative dimension");
    if (peek(s, 'T') || peek(s, 'F')) return malformed(s, "dimension that is no integer");
    const unsigned char *first = s->at;
    int64_t value = 0;
    for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++) {
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *s->at - '0', &value)) {
            return malformed(s, "dimension beyond 64 bits");
        }
    }
    if (s->at == first) return malformed(s, "expected an integer");
    if (*first == '0' && s->at - first > 1) return malformed(s, "integer with leading 0");
    if (s->at < s->end && *s->at == 'L') s->at++; /* Python 2 */
    *ret = value;
    return NEXPR_OK;
}

/* One integer in parentheses is a tuple only with a comma. */
static nexpr_status take_shape(scan *s, dims *ret) {
    ret->ndim = 0;
    NX_IO_TRY(expect(s, '('));
    bool comma = true;
    while (!take(s, ')')) {
        if (!comma) return malformed(s, "expected ',' or ')' in a shape");
        if (ret->ndim == NEXPR_MAX_NDIM) return malformed(s, "more than 64 dimensions");
        NX_IO_TRY(take_integer(s, &ret->sizes[ret->ndim++]));
        comma = take(s, ',');
    }
    return ret->ndim == 1 && !comma ? malformed(s, "shape that is no tuple") : NEXPR_OK;
}

/* --------------------------------------------------------------------------------------------------------- types -- */

/* The type codes of usable dtypes, from the classes of the dtype map. */
static const struct code {
    char kind;
    uint8_t size;
} codes[NEXPR_DTYPE_COUNT] = {
#define CODE_BOOL(ctype) {'b', 1}
#define CODE_INT(ctype) {(ctype)-1 < (ctype)1 ? 'i' : 'u', sizeof(ctype)}
#define CODE_REAL(ctype) {'f', sizeof(ctype)}
#define CODE_COMPLEX(ctype) {'c', 2 * sizeof(ctype)}
#define X(id, suffix, name, class, ctype) [NEXPR_##id] = CODE_##class(ctype),
    NEXPR_DTYPE_MAP(X)
#undef X
};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
enum { NATIVE = '<', SWAPPED = '>' };
#else
enum { NATIVE = '>', SWAPPED = '<' };
#endif

static nexpr_status unknown_type(const scan *s, const char *text) {
    return nx_io_fail(s->err, NEXPR_FORMAT, s->path, "malformed header: unknown dtype '%.40s'", text);
}

/* Finds a usable type: `number` bytes of kind `kind`, with a mark of byte order. */
static bool find_code(char kind, int64_t number, char order, nexpr_dtype *ret_dtype, nexpr_byte_order *ret_order) {
    for (int i = 0; i < NEXPR_DTYPE_COUNT; i++) {
        if (codes[i].kind != kind || codes[i].size != number) continue;
        *ret_dtype = (nexpr_dtype)i;
        *ret_order = order == SWAPPED && number > 1 ? NEXPR_SWAPPED : NEXPR_NATIVE;
        return true;
    }
    return false;
}

nexpr_status nexpr_file_type_find(const char *type, nexpr_dtype *ret_dtype, nexpr_byte_order *ret_order, nexpr_error *err) {
    const char *at = type ? type : "";
    char order = *at && strchr("<>|=", *at) ? *at++ : '=';
    bool is_name = nexpr_dtype_find(at, ret_dtype, NULL) == NEXPR_OK;
    if (is_name && find_code(codes[*ret_dtype].kind, codes[*ret_dtype].size, order, ret_dtype, ret_order)) return NEXPR_OK;
    if (!strcmp(at, "?")) at = "b1";
    size_t digits = *at ? strspn(at + 1, "0123456789") : 0;
    int64_t number = digits == 1 || digits == 2 ? strtol(at + 1, NULL, 10) : 0;
    if (number && !at[1 + digits] && find_code(*at, number, order, ret_dtype, ret_order)) return NEXPR_OK;
    return nx_io_fail(err, NEXPR_NAME, NULL, "'%.40s' is no type that nexpr computes with; types are b1, i1 to i8, u1 to "
                      "u8, f2 to f8, c8, c16, with < or > for the byte order, or names such as float64", type ? type : "");
}

/* Bytes of an element of what nexpr cannot compute with; -1 if there is no such type, -2 for objects. */
static int64_t foreign_size(char kind, int64_t number) {
    switch (kind) {
    case 'S':
    case 'a':
    case 'V': return number;
    case 'U': return number <= INT64_MAX / 4 ? number * 4 : -1;
    case 'M':
    case 'm': return number == 8 ? 8 : -1;
    case 'f': return number == 12 || number == 16 ? number : -1;
    case 'c': return number == 24 || number == 32 ? number : -1;
    case 'O': return -2;
    default: return -1;
    }
}

/* "<f8": byte order, kind, number; dates have their unit in brackets behind it. */
static nexpr_status read_type(const scan *s, const char *text, element *ret) {
    const char *at = text;
    char order = strchr("<>|=", *at) && *at ? *at++ : '=';
    char kind = *at;
    if (kind) at++;
    const char *first = at;
    int64_t number = 0;
    for (; *at >= '0' && *at <= '9' && number < INT64_MAX / 10 - 9; at++) number = number * 10 + (*at - '0');
    bool whole = at > first && (!*at || ((kind == 'M' || kind == 'm') && *at == '[' && at[strlen(at) - 1] == ']'));
    *ret = (element){.size = foreign_size(kind, number), .text = text, .is_void = kind == 'V'};
    if (ret->size == -2) {
        return nx_io_fail(s->err, NEXPR_TYPE, s->path, "the file holds Python objects (dtype '%.40s'), which are not read",
                          text);
    }
    if (!whole) return unknown_type(s, text);
    if (find_code(kind, number, order, &ret->dtype, &ret->byte_order)) {
        ret->size = number;
        ret->usable = true;
    }
    return ret->size < 0 ? unknown_type(s, text) : NEXPR_OK;
}

static nexpr_status too_large(const scan *s) {
    return nx_io_fail(s->err, NEXPR_FORMAT, s->path, "malformed header: more than 2^63 bytes of data");
}

/* *size times every dimension; dimensions of 0 are left out if `skip_zeros`. */
static nexpr_status multiply(const scan *s, int64_t *size, const dims *by, bool skip_zeros) {
    for (int i = 0; i < by->ndim; i++) {
        if (skip_zeros && !by->sizes[i]) continue;
        if (__builtin_mul_overflow(*size, by->sizes[i], size)) return too_large(s);
    }
    return NEXPR_OK;
}

/* Keeps the spelling of a type that is no string, for messages; not inside such a type, so that the pool suffices. */
static const char *keep_spelling(scan *s, int depth, const unsigned char *first) {
    if (depth > 1) return "";
    size_t n = (size_t)(s->at - first), kept = n < SHOWN_TYPE ? n : SHOWN_TYPE;
    char *text = s->pool;
    for (size_t i = 0; i < kept; i++) *s->pool++ = (char)(first[i] < 0x80 && first[i] >= 0x20 ? first[i] : '?');
    if (kept < n) s->pool = (char *)memcpy(s->pool, "...", 3) + 3;
    *s->pool++ = 0;
    return text;
}

static nexpr_status take_type(scan *s, int depth, element *ret);

static nexpr_status take_name(scan *s, const char **ret) {
    if (!take(s, '(')) return take_string(s, ret);
    NX_IO_TRY(take_string(s, ret));
    NX_IO_TRY(expect(s, ','));
    NX_IO_TRY(take_string(s, ret));
    return expect(s, ')');
}

static nexpr_status add_member(scan *s, const char *name, const element *type, int64_t offset) {
    nx_npy_header *h = s->header;
    for (int i = 0; i < h->member_count; i++) {
        if (!strcmp(h->members[i].name, name)) {
            return nx_io_fail(s->err, NEXPR_FORMAT, s->path, "malformed header: two fields are named '%.80s'", name);
        }
    }
    h->members[h->member_count++] = (nx_member){.name = name, .type = type->text, .usable = type->usable,
        .dtype = type->dtype, .byte_order = type->byte_order, .offset = offset};
    return NEXPR_OK;
}

/* One field; it is a member of the file if it belongs to the outermost record and has a name. Bytes between fields come as
 * fields of dtype V without a name. */
static nexpr_status take_field(scan *s, int depth, int64_t *offset) {
    const char *name;
    element type;
    NX_IO_TRY(expect(s, '('));
    NX_IO_TRY(take_name(s, &name));
    NX_IO_TRY(expect(s, ','));
    skip_blanks(s);
    const unsigned char *first = s->at;
    NX_IO_TRY(take_type(s, depth + 1, &type));
    if (take(s, ',') && !peek(s, ')')) {
        dims shape;
        NX_IO_TRY(take_shape(s, &shape));
        NX_IO_TRY(multiply(s, &type.size, &shape, false));
        type.usable = type.usable && !shape.ndim;
        type.is_void = false;
        type.text = keep_spelling(s, depth + 1, first);
    }
    NX_IO_TRY(expect(s, ')'));
    if (!*name && !type.is_void) return malformed(s, "field without a name");
    if (*name && depth == 0) NX_IO_TRY(add_member(s, name, &type, *offset));
    return __builtin_add_overflow(*offset, type.size, offset) ? too_large(s) : NEXPR_OK;
}

static nexpr_status take_record(scan *s, int depth, element *ret) {
    const unsigned char *first = s->at++;
    int64_t size = 0;
    bool comma = true;
    while (!take(s, ']')) {
        if (!comma) return malformed(s, "expected ',' or ']' between fields");
        NX_IO_TRY(take_field(s, depth, &size));
        comma = take(s, ',');
    }
    *ret = (element){.size = size, .text = keep_spelling(s, depth, first)};
    return NEXPR_OK;
}

static nexpr_status take_subarray(scan *s, int depth, element *ret) {
    const unsigned char *first = s->at++;
    dims shape;
    NX_IO_TRY(take_type(s, depth + 1, ret));
    NX_IO_TRY(expect(s, ','));
    NX_IO_TRY(take_shape(s, &shape));
    NX_IO_TRY(expect(s, ')'));
    NX_IO_TRY(multiply(s, &ret->size, &shape, false));
    *ret = (element){.size = ret->size, .text = keep_spelling(s, depth, first)};
    return NEXPR_OK;
}

static nexpr_status take_type(scan *s, int depth, element *ret) {
    if (depth > MAX_DEPTH) return malformed(s, "dtype nested too deeply");
    if (peek(s, '[')) return take_record(s, depth, ret);
    if (peek(s, '(')) return take_subarray(s, depth, ret);
    const char *text;
    NX_IO_TRY(take_string(s, &text));
    return read_type(s, text, ret);
}

/* -------------------------------------------------------------------------------------------------------- header -- */

static nexpr_status take_descr(scan *s) {
    bool is_record = peek(s, '[');
    element type;
    NX_IO_TRY(take_type(s, 0, &type));
    s->header->item_size = type.size;
    if (is_record) return NEXPR_OK;
    s->header->member_count = 1;
    s->header->members[0] = (nx_member){.type = type.text, .usable = type.usable, .dtype = type.dtype,
                                            .byte_order = type.byte_order};
    return NEXPR_OK;
}

static nexpr_status take_order(scan *s) {
    skip_blanks(s);
    size_t left = (size_t)(s->end - s->at);
    if (left >= 4 && !memcmp(s->at, "True", 4)) {
        s->header->fortran_order = true;
        s->at += 4;
        return NEXPR_OK;
    }
    if (left < 5 || memcmp(s->at, "False", 5)) return malformed(s, "fortran_order is neither True nor False");
    s->at += 5;
    return NEXPR_OK;
}

static nexpr_status take_array_shape(scan *s) {
    dims shape;
    NX_IO_TRY(take_shape(s, &shape));
    s->header->ndim = shape.ndim;
    memcpy(s->header->shape, shape.sizes, sizeof shape.sizes[0] * (size_t)shape.ndim);
    return NEXPR_OK;
}

static const struct key {
    const char *name;
    nexpr_status (*take)(scan *);
} keys[] = {{"descr", take_descr}, {"fortran_order", take_order}, {"shape", take_array_shape}};

enum { KEY_COUNT = sizeof keys / sizeof *keys };

static nexpr_status take_entry(scan *s, bool seen[KEY_COUNT]) {
    const char *name;
    NX_IO_TRY(take_string(s, &name));
    NX_IO_TRY(expect(s, ':'));
    for (int i = 0; i < KEY_COUNT; i++) {
        if (strcmp(keys[i].name, name)) continue;
        if (seen[i]) return nx_io_fail(s->err, NEXPR_FORMAT, s->path, "malformed header: key '%s' occurs twice", name);
        seen[i] = true;
        return keys[i].take(s);
    }
    return nx_io_fail(s->err, NEXPR_FORMAT, s->path, "malformed header: unknown key '%.80s'", name);
}

static nexpr_status take_header(scan *s) {
    bool seen[KEY_COUNT] = {false};
    NX_IO_TRY(expect(s, '{'));
    bool comma = true;
    while (!take(s, '}')) {
        if (!comma) return malformed(s, "expected ',' or '}'");
        NX_IO_TRY(take_entry(s, seen));
        comma = take(s, ',');
    }
    skip_blanks(s);
    if (s->at < s->end) return malformed(s, "something behind the dict");
    for (int i = 0; i < KEY_COUNT; i++) {
        if (seen[i]) continue;
        return nx_io_fail(s->err, NEXPR_FORMAT, s->path, "malformed header: key '%s' is missing", keys[i].name);
    }
    return NEXPR_OK;
}

/* Sizes of the whole. A dimension of 0 does not excuse others whose product is beyond 64 bits. */
static nexpr_status measure(scan *s) {
    nx_npy_header *h = s->header;
    dims all = {.ndim = h->ndim};
    memcpy(all.sizes, h->shape, sizeof h->shape[0] * (size_t)h->ndim);
    int64_t bytes = h->item_size ? h->item_size : 1;
    NX_IO_TRY(multiply(s, &bytes, &all, true));
    h->count = 1;
    NX_IO_TRY(multiply(s, &h->count, &all, false));
    h->data_bytes = h->count * h->item_size;
    return NEXPR_OK;
}

nexpr_status nx_npy_parse_header(const char *path, int version, const unsigned char *text, size_t length,
                                 nx_npy_header *ret, nexpr_error *err) {
    nx_npy_header header = {.members = calloc(length / MIN_FIELD + 1, sizeof *header.members),
                            .text = malloc(6 * length + 16)};
    scan s = {.path = path, .begin = text, .at = text, .end = text + length, .utf8 = version >= 3, .pool = header.text,
              .header = &header, .err = err};
    nexpr_status status = header.members && header.text ? take_header(&s) : nx_io_fail_memory(err, path);
    if (!status) status = measure(&s);
    if (status) nx_npy_header_free(&header);
    else *ret = header;
    return status;
}

void nx_npy_header_free(nx_npy_header *header) {
    free(header->members);
    free(header->text);
    *header = (nx_npy_header){0};
}

nexpr_status nx_npy_parse_prefix(const char *path, const unsigned char *bytes, size_t count, nx_npy_prefix *ret,
                                 nexpr_error *err) {
    static const unsigned char magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
    if (count < sizeof magic || memcmp(bytes, magic, sizeof magic)) {
        return nx_io_fail(err, NEXPR_FORMAT, path, "not a .npy file: it does not begin with \\x93NUMPY");
    }
    if (count < NX_NPY_SHORT_PREFIX) {
        return nx_io_fail(err, NEXPR_FORMAT, path, "truncated header: expected at least %d bytes, the file has %zu",
                          NX_NPY_SHORT_PREFIX, count);
    }
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7]) {
        return nx_io_fail(err, NEXPR_FORMAT, path, "unknown version %d.%d of the .npy format; 1.0, 2.0 and 3.0 are read",
                          bytes[6], bytes[7]);
    }
    *ret = (nx_npy_prefix){.version = bytes[6], .header_length = bytes[8] | (size_t)bytes[9] << 8};
    size_t size = ret->version == 1 ? NX_NPY_SHORT_PREFIX : NX_NPY_LONG_PREFIX;
    if (count < size) return NEXPR_OK;
    ret->size = size;
    if (ret->version > 1) ret->header_length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (ret->header_length <= NX_NPY_MAX_HEADER) return NEXPR_OK;
    return nx_io_fail(err, NEXPR_FORMAT, path, "the header claims %zu bytes; at most %d are read", ret->header_length,
                      NX_NPY_MAX_HEADER);
}

/* numpy.save leaves room for the growing dimension to become GROWTH_DIGITS long. */
static int growth_blanks(bool fortran_order, int ndim, const int64_t *shape) {
    if (!ndim) return 0;
    int digits = snprintf(NULL, 0, "%lld", (long long)shape[fortran_order ? ndim - 1 : 0]);
    return GROWTH_DIGITS - digits;
}

void nx_format_spell(nexpr_dtype dtype, nexpr_byte_order order, char ret[NX_TYPE_MAX]) {
    char mark = codes[dtype].size == 1 ? '|' : order == NEXPR_NATIVE ? NATIVE : SWAPPED;
    snprintf(ret, NX_TYPE_MAX, "%c%c%d", mark, codes[dtype].kind, codes[dtype].size);
}

size_t nx_npy_format(nexpr_dtype dtype, nexpr_byte_order order, bool fortran_order, int ndim, const int64_t *shape,
                     char out[NX_NPY_WRITTEN_MAX]) {
    char type[NX_TYPE_MAX];
    nx_format_spell(dtype, order, type);
    size_t n = NX_NPY_SHORT_PREFIX, room = NX_NPY_WRITTEN_MAX;
    n += (size_t)snprintf(out + n, room - n, "{'descr': '%s', 'fortran_order': %s, 'shape': (", type,
                          fortran_order ? "True" : "False");
    for (int i = 0; i < ndim; i++) {
        n += (size_t)snprintf(out + n, room - n, "%s%lld%s", i ? ", " : "", (long long)shape[i], ndim == 1 ? "," : "");
    }
    n += (size_t)snprintf(out + n, room - n, "), }%*s", growth_blanks(fortran_order, ndim, shape), "");
    size_t total = (n + 1) / WRITTEN_ALIGNMENT * WRITTEN_ALIGNMENT + WRITTEN_ALIGNMENT;
    memset(out + n, ' ', total - n);
    out[total - 1] = '\n';
    memcpy(out, "\x93NUMPY\1", 8);
    out[8] = (char)((total - NX_NPY_SHORT_PREFIX) & 0xFF);
    out[9] = (char)((total - NX_NPY_SHORT_PREFIX) >> 8);
    return total;
}
