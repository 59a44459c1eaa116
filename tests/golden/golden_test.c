/* SPDX-License-Identifier: MIT */
/*
 * Runs golden cases: text files of expressions, inputs and what has to come out. README.md describes the format.
 *
 *   golden_test FILE.nx...
 *
 * The idea: a file is read line by line into one case; the first line behind a case's expectations runs it. Elements are
 * compared as pairs of long double, which hold every element of every dtype exactly. At the end every operation of the
 * table has to have been called by name in some case.
 */
#include "nexpr.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ARRAYS = 8, MAX_ITEMS = 256, MAX_DIMS = 4, MAX_TEXT = 4096 };

typedef struct element {
    long double part[2]; /* real and imaginary */
} element;

/* An array as it is written: its elements, and the same in memory. */
typedef struct array {
    char name[64];
    nexpr_dtype dtype;
    int ndim, count;
    int64_t shape[MAX_DIMS];
    element items[MAX_ITEMS];
    _Alignas(16) char data[MAX_ITEMS * 16];
    bool is_near; /* an expected array that may differ by a few units in the last place */
} array;

typedef struct golden {
    const char *file;
    int line, case_line;
    array inputs[MAX_ARRAYS], expected[MAX_ARRAYS];
    int input_count, expected_count;
    char text[MAX_TEXT];
    bool has_text;
    bool wants_error;
    char status[32], words[256];
    size_t begin, end;
    int passed, failed;
} golden;

static bool op_is_called[1024];

static void complain(golden *g, const char *format, ...) {
    va_list args;
    va_start(args, format);
    printf("%s:%d: ", g->file, g->case_line ? g->case_line : g->line);
    vprintf(format, args);
    printf("\n    > %s\n", g->text);
    va_end(args);
}

static _Noreturn void give_up(const golden *g, const char *what) {
    printf("%s:%d: %s\n", g->file, g->line, what);
    exit(2);
}

/* ------------------------------------------------------------------------------------------------------ elements -- */

static bool is_complex(nexpr_dtype dtype) {
    return dtype >= NEXPR_COMPLEX64;
}

/* Bits of the significand and least exponent of a dtype's parts. */
static void float_format(nexpr_dtype dtype, int *ret_digits, int *ret_least) {
    bool is_single = dtype == NEXPR_FLOAT32 || dtype == NEXPR_COMPLEX64;
    *ret_digits = dtype == NEXPR_FLOAT16 ? 11 : is_single ? 24 : 53;
    *ret_least = dtype == NEXPR_FLOAT16 ? -14 : is_single ? -126 : -1022;
}

/* One unit in the last place of x. */
static long double unit_of(long double x, nexpr_dtype dtype) {
    int digits, least;
    float_format(dtype, &digits, &least);
    int exponent = x == 0 || !isfinite(x) ? least : ilogbl(x);
    return ldexpl(1, (exponent < least ? least : exponent) - digits + 1);
}

static long double half_value(uint16_t bits) {
    int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    long double magnitude = exponent == 31 ? (mantissa ? (long double)NAN : (long double)INFINITY)
                            : exponent == 0 ? ldexpl(mantissa, -24) : ldexpl(1024 + mantissa, exponent - 25);
    return bits >> 15 ? -magnitude : magnitude;
}

static uint16_t half_bits(long double x) {
    uint16_t sign = signbit(x) ? 0x8000 : 0;
    if (isnan(x))
        return 0x7e00;
    long double rounded = fabsl(isinf(x) ? x : rintl(x / unit_of(x, NEXPR_FLOAT16)) * unit_of(x, NEXPR_FLOAT16));
    if (rounded >= 65520)
        return sign | 0x7c00;
    if (rounded < ldexpl(1, -14))
        return (uint16_t)(sign | (int)ldexpl(rounded, 24));
    int exponent = ilogbl(rounded);
    return (uint16_t)(sign | (exponent + 15) << 10 | ((int)ldexpl(rounded, 10 - exponent) & 1023));
}

/* Writes element i of a in the dtype of memory, and reads it back, so that both agree. */
static void store_element(array *a, int i) {
    size_t size = nexpr_dtype_size(a->dtype);
    char *p = a->data + (size_t)i * size;
    for (int k = 0; k <= is_complex(a->dtype); k++, p += size / 2) {
        long double v = a->items[i].part[k];
        switch (a->dtype) {
        case NEXPR_FLOAT16: memcpy(p, &(uint16_t){half_bits(v)}, 2); break;
        case NEXPR_FLOAT32: case NEXPR_COMPLEX64: memcpy(p, &(float){(float)v}, 4); break;
        case NEXPR_FLOAT64: case NEXPR_COMPLEX128: memcpy(p, &(double){(double)v}, 8); break;
        case NEXPR_UINT64: memcpy(p, &(uint64_t){(uint64_t)v}, 8); break;
        default: memcpy(p, &(int64_t){(int64_t)v}, size); break; /* little endian */
        }
    }
}

static long double load_part(const char *p, nexpr_dtype dtype) {
    union {
        int8_t i8; uint8_t u8; int16_t i16; uint16_t u16; int32_t i32; uint32_t u32; int64_t i64; uint64_t u64;
        float f32; double f64;
    } v = {0};
    memcpy(&v, p, is_complex(dtype) ? nexpr_dtype_size(dtype) / 2 : nexpr_dtype_size(dtype));
    switch (dtype) {
    case NEXPR_BOOL: case NEXPR_UINT8: return v.u8;
    case NEXPR_INT8: return v.i8;
    case NEXPR_INT16: return v.i16;
    case NEXPR_UINT16: return v.u16;
    case NEXPR_INT32: return v.i32;
    case NEXPR_UINT32: return v.u32;
    case NEXPR_INT64: return v.i64;
    case NEXPR_UINT64: return v.u64;
    case NEXPR_FLOAT16: return half_value(v.u16);
    case NEXPR_FLOAT32: case NEXPR_COMPLEX64: return v.f32;
    default: return v.f64;
    }
}

static element load_element(const char *data, int i, nexpr_dtype dtype) {
    size_t size = nexpr_dtype_size(dtype);
    const char *p = data + (size_t)i * size;
    return (element){{load_part(p, dtype), is_complex(dtype) ? load_part(p + size / 2, dtype) : 0}};
}

static bool is_same(long double x, long double y) {
    return (isnan(x) && isnan(y)) || (x == y && signbit(x) == signbit(y));
}

static bool is_near(element x, element y, nexpr_dtype dtype) {
    if (is_same(x.part[0], y.part[0]) && is_same(x.part[1], y.part[1]))
        return true;
    long double off = hypotl(x.part[0] - y.part[0], x.part[1] - y.part[1]);
    return off <= (is_complex(dtype) ? 8 : 4) * unit_of(hypotl(x.part[0], x.part[1]), dtype);
}

/* ------------------------------------------------------------------------------------------------------- reading -- */

static const char *skip_blanks(const char *s) {
    return s + strspn(s, " \t,");
}

/* element = True | False | number; number = float | float 'j' | float signed-float 'j' */
static const char *read_element(golden *g, const char *s, element *ret) {
    char *end;
    bool is_true = strncmp(s, "True", 4) == 0;
    if (is_true || strncmp(s, "False", 5) == 0) {
        *ret = (element){{is_true, 0}};
        return s + (is_true ? 4 : 5);
    }
    *ret = (element){{strtold(s, &end), 0}};
    if (end == s)
        give_up(g, "this is no number");
    if (*end == 'j') {
        *ret = (element){{0, ret->part[0]}};
        return end + 1;
    }
    if (*end != '+' && *end != '-')
        return end;
    ret->part[1] = strtold(end, &end);
    if (*end != 'j')
        give_up(g, "an imaginary part ends with j");
    return end + 1;
}

/* array = element | '[' { array } ']'; all arrays of one level have the same length */
static const char *read_values(golden *g, const char *s, array *a, int depth) {
    s = skip_blanks(s);
    if (*s != '[') {
        if (a->count == MAX_ITEMS)
            give_up(g, "too many elements");
        s = read_element(g, s, &a->items[a->count]);
        store_element(a, a->count);
        a->items[a->count] = load_element(a->data, a->count, a->dtype);
        a->count++;
        return s;
    }
    if (depth == MAX_DIMS)
        give_up(g, "too many dimensions");
    a->ndim = depth + 1 > a->ndim ? depth + 1 : a->ndim;
    int64_t length = 0;
    for (s = skip_blanks(s + 1); *s != ']'; s = skip_blanks(s)) {
        if (*s == '\0')
            give_up(g, "a ] is missing");
        s = read_values(g, s, a, depth + 1);
        length++;
    }
    if (a->shape[depth] >= 0 && a->shape[depth] != length)
        give_up(g, "rows of different lengths");
    a->shape[depth] = length;
    return s + 1;
}

/* "float64 [1, 2]" */
static void read_array(golden *g, const char *s, array *a) {
    char dtype[32];
    int used = 0;
    if (sscanf(s, " %31s%n", dtype, &used) != 1 || nexpr_dtype_find(dtype, &a->dtype, NULL) != NEXPR_OK)
        give_up(g, "a dtype is missing");
    a->ndim = a->count = 0;
    memset(a->shape, -1, sizeof a->shape);
    s = read_values(g, s + used, a, 0);
    if (*skip_blanks(s) != '\0')
        give_up(g, "text behind the array");
}

/* ------------------------------------------------------------------------------------------------------- running -- */

/* Element i in C order; the axes may lie in another one. */
static const char *element_address(const nexpr_array *a, int64_t i) {
    const char *at = a->data;
    for (int k = a->ndim - 1; k >= 0; k--) {
        at += i % a->shape[k] * a->strides[k];
        i /= a->shape[k];
    }
    return at;
}

static bool check_array(golden *g, int index, const nexpr_array *found) {
    const array *expected = &g->expected[index];
    if (found->dtype != expected->dtype) {
        complain(g, "result %d is %s, not %s", index, nexpr_dtype_name(found->dtype), nexpr_dtype_name(expected->dtype));
        return false;
    }
    bool same_shape = found->ndim == expected->ndim;
    for (int k = 0; same_shape && k < found->ndim; k++)
        same_shape = found->shape[k] == expected->shape[k];
    if (!same_shape) {
        complain(g, "result %d has another shape", index);
        return false;
    }
    for (int i = 0; i < expected->count; i++) {
        element x = expected->items[i], y = load_element(element_address(found, i), 0, found->dtype);
        bool fits = expected->is_near ? is_near(x, y, found->dtype)
                                      : is_same(x.part[0], y.part[0]) && is_same(x.part[1], y.part[1]);
        if (!fits) {
            complain(g, "result %d, element %d is %.21Lg %.21Lg, not %.21Lg %.21Lg", index, i, y.part[0], y.part[1],
                     x.part[0], x.part[1]);
            return false;
        }
    }
    return true;
}

static const char *status_name(nexpr_status status) {
#define X(id, text) [NEXPR_##id] = #id,
    static const char *const names[] = {NEXPR_STATUS_MAP(X)};
#undef X
    return names[status];
}

static bool check_error(golden *g, nexpr_status status, const nexpr_error *err) {
    if (strcmp(status_name(status), g->status) != 0)
        complain(g, "%s (%s), not %s", status_name(status), status ? err->message : "", g->status);
    else if (err->begin != g->begin || err->end != g->end)
        complain(g, "the error is at %zu:%zu, not %zu:%zu (%s)", err->begin, err->end, g->begin, g->end, err->message);
    else if (strstr(err->message, g->words) == NULL)
        complain(g, "the message is '%s', without '%s'", err->message, g->words);
    else
        return true;
    return false;
}

static bool run_case(golden *g) {
    const char *names[MAX_ARRAYS];
    nexpr_array inputs[MAX_ARRAYS], outputs[MAX_ARRAYS];
    const nexpr_array *input_list[MAX_ARRAYS];
    nexpr_array *output_list[MAX_ARRAYS];
    for (int i = 0; i < MAX_ARRAYS; i++) {
        array *a = &g->inputs[i];
        names[i] = a->name;
        inputs[i] = nexpr_array_init();
        inputs[i].data = a->data;
        inputs[i].dtype = a->dtype;
        inputs[i].ndim = a->ndim;
        inputs[i].shape = a->shape;
        outputs[i] = nexpr_array_init();
        input_list[i] = &inputs[i];
        output_list[i] = &outputs[i];
    }
    nexpr_error err = nexpr_error_init();
    int output_count = g->wants_error ? 1 : g->expected_count;
    nexpr_status status = nexpr_evaluate_text(NULL, g->text, names, input_list, g->input_count, output_list, output_count,
                                              NULL, NULL, &err);
    bool good = true;
    if (g->wants_error) {
        good = check_error(g, status, &err);
    } else if (status) {
        complain(g, "%s at %zu:%zu: %s", status_name(status), err.begin, err.end, err.message);
        good = false;
    }
    for (int i = 0; status == NEXPR_OK && i < output_count; i++) {
        good = good && (g->wants_error || check_array(g, i, &outputs[i]));
        nexpr_array_free(&outputs[i]);
    }
    return good;
}

/* Notes which functions the text calls. */
static void note_calls(const char *text) {
    for (int op = 0; op < nexpr_op_count(); op++) {
        nexpr_op_info info = {.size = sizeof info};
        nexpr_op_describe(op, &info);
        char names[256];
        snprintf(names, sizeof names, "%s %s", info.name, info.aliases);
        for (char *rest = names, *name; (name = strtok_r(rest, " ", &rest));) {
            char call[80];
            snprintf(call, sizeof call, "%s(", name);
            for (const char *p = text; (p = strstr(p, call)); p++)
                op_is_called[op] |= p == text || !(isalnum((unsigned char)p[-1]) || p[-1] == '_');
        }
    }
}

/* Runs the case read so far, if there is one, and makes room for the next, which has the same inputs. */
static void finish_case(golden *g) {
    if (!g->has_text)
        return;
    if (!g->wants_error && g->expected_count == 0)
        give_up(g, "a case has no expectation");
    bool good = run_case(g);
    if (good)
        g->passed++;
    else
        g->failed++;
    if (good && !g->wants_error)
        note_calls(g->text);
    g->text[0] = '\0';
    g->has_text = false;
    g->expected_count = 0;
    g->wants_error = false;
}

static void add_text(golden *g, const char *line) {
    if (g->expected_count || g->wants_error)
        finish_case(g);
    if (!g->has_text)
        g->case_line = g->line;
    g->has_text = true;
    size_t used = strlen(g->text);
    if (used + strlen(line) + 2 > MAX_TEXT)
        give_up(g, "the text is too long");
    snprintf(g->text + used, MAX_TEXT - used, "%s%s", used ? "\n" : "", line);
}

static void add_error(golden *g, const char *line) {
    int used = 0;
    if (sscanf(line, "%31s %zu:%zu %n", g->status, &g->begin, &g->end, &used) != 3)
        give_up(g, "an error is written as ! STATUS BEGIN:END WORDS");
    snprintf(g->words, sizeof g->words, "%s", line + used);
    g->wants_error = true;
}

static array *next_array(golden *g, array *list, int *count) {
    if (*count == MAX_ARRAYS)
        give_up(g, "too many arrays");
    return &list[(*count)++];
}

static void read_line(golden *g, char *line) {
    line[strcspn(line, "\n")] = '\0';
    char *colon = strchr(line, ':');
    if (line[0] == '#')
        return;
    if (line[0] == '\0') {
        finish_case(g);
        g->input_count = 0;
    } else if (line[0] == '>') {
        add_text(g, line + 1 + (line[1] == ' '));
    } else if (line[0] == '=' || line[0] == '~') {
        array *a = next_array(g, g->expected, &g->expected_count);
        a->is_near = line[0] == '~';
        read_array(g, line + 1, a);
    } else if (line[0] == '!') {
        add_error(g, line + 1);
    } else if (colon && (size_t)(colon - line) < sizeof g->inputs[0].name) {
        finish_case(g);
        array *a = next_array(g, g->inputs, &g->input_count);
        snprintf(a->name, sizeof a->name, "%.*s", (int)(colon - line), line);
        read_array(g, colon + 1, a);
    } else {
        give_up(g, "a line begins with #, >, =, ~, ! or NAME:");
    }
}

static void run_file(golden *g, const char *path) {
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t capacity = 0;
    g->file = path;
    g->line = 0;
    if (!file)
        give_up(g, "cannot be read");
    while (getline(&line, &capacity, file) >= 0) {
        g->line++;
        read_line(g, line);
    }
    read_line(g, (char[]){""});
    free(line);
    fclose(file);
}

static int count_ops_without_case(void) {
    int missing = 0;
    for (int op = 0; op < nexpr_op_count(); op++) {
        nexpr_op_info info = {.size = sizeof info};
        nexpr_op_describe(op, &info);
        if (!op_is_called[op]) {
            printf("no golden case calls %s()\n", info.name);
            missing++;
        }
    }
    return missing;
}

int main(int argc, char **argv) {
    golden *g = calloc(1, sizeof *g);
    if (!g || argc < 2)
        return 2;
    for (int i = 1; i < argc; i++)
        run_file(g, argv[i]);
    g->passed += nexpr_op_count();
    int missing = count_ops_without_case();
    int passed = g->passed - missing, failed = g->failed + missing;
    printf("%d passed, %d failed\n", passed, failed);
    free(g);
    nexpr_context_free_default();
    return failed > 0;
}
