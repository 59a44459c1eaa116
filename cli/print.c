/* SPDX-License-Identifier: MIT */
/*
 * NumPy's way of printing arrays: two passes find a common format of all elements shown, a third prints them, wrapping lines
 * at LINE_WIDTH. Rules for floats: scientific if the largest magnitude reaches 10^8 (or the dtype's digits), the least one
 * is below 0.0001, or their ratio is over 1000; digits are the shortest, cut at the precision; in the positional form points
 * are aligned, in the scientific one all have as many digits as the longest.
 */
#include "cli/print.h"

#include "cli/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_WIDTH = 75, SUMMARISE_ABOVE = 1000, EDGE = 3, PART_MAX = 2 * NUMBER_TEXT_MAX };

/* The format of floats, or of one part of complex numbers. */
typedef struct float_format {
    bool is_imaginary, scientific;
    int precision; /* digits behind the point; exactly so many if scientific */
    int left, right; /* widths before and behind the point */
    int exponent_digits;
    int64_t finite, others; /* counts */
    double least, greatest; /* magnitudes of the finite ones but 0 */
    bool has_minus_inf;
} float_format;

typedef struct format {
    bool summarise;
    int width; /* of ints */
    float_format re, im;
} format;

typedef struct printer {
    FILE *out;
    const nexpr_array *array;
    format format;
    int column; /* characters in the current line, but for blanks that may turn out to be at its end */
    int pending; /* those blanks */
} printer;

static int64_t stride_of(const nexpr_array *a, int axis) {
    if (a->strides) return a->strides[axis];
    int64_t stride = (int64_t)nexpr_dtype_size(a->dtype);
    for (int i = a->ndim - 1; i > axis; i--) stride *= a->shape[i];
    return stride;
}

/* The index after i along an axis: a summary leaves out the middle. */
static int64_t next_index(const nexpr_array *a, int axis, int64_t i, bool summarise) {
    bool is_gap = summarise && a->shape[axis] > 2 * EDGE && i == EDGE - 1;
    return is_gap ? a->shape[axis] - EDGE : i + 1;
}

/* Calls visit for every element shown. The depth is that of the dimensions, at most NEXPR_MAX_NDIM. */
typedef void visit_number(format *f, const number *x);

static void visit_shown(const nexpr_array *a, int axis, const char *at, format *f, visit_number *visit) {
    if (axis == a->ndim) {
        number x = number_read(a->dtype, at);
        visit(f, &x);
        return;
    }
    for (int64_t i = 0; i < a->shape[axis]; i = next_index(a, axis, i, f->summarise)) {
        visit_shown(a, axis + 1, at + i * stride_of(a, axis), f, visit);
    }
}

/* ---------------------------------------------------------------------------------------------- finding the format -- */

static void measure_int(format *f, const number *x) {
    char text[NUMBER_TEXT_MAX];
    number_word(x, ALL_DIGITS, text);
    int width = (int)strlen(text);
    if (width > f->width) f->width = width;
}

static double part(const float_format *f, const number *x) {
    return f->is_imaginary ? x->im : x->re;
}

static void measure_magnitude(float_format *f, const number *x) {
    double value = part(f, x), magnitude = fabs(value);
    if (!isfinite(value)) {
        f->others++;
        f->has_minus_inf |= value < 0;
        return;
    }
    f->finite++;
    if (magnitude == 0) return;
    if (magnitude > f->greatest) f->greatest = magnitude;
    if (magnitude < f->least) f->least = magnitude;
}

static void measure_magnitudes(format *f, const number *x) {
    measure_magnitude(&f->re, x);
    measure_magnitude(&f->im, x);
}

/* Comparisons are made in the dtype itself, as NumPy does. */
static bool is_scientific(const float_format *f, nexpr_dtype dtype) {
    if (f->greatest == 0) return false;
    double limit = dtype == NEXPR_FLOAT16 ? 1e3 : dtype == NEXPR_FLOAT32 ? 1e6 : 1e8;
    return f->greatest >= limit || f->least < number_round(0.0001, dtype) ||
           number_round(f->greatest / f->least, dtype) > 1000;
}

static void widen(int *width, size_t to) {
    if ((int)to > *width) *width = (int)to;
}

/* Text of a part with its sign: imaginary ones have always one. */
static void signed_text(const float_format *f, double value, nexpr_dtype dtype, bool fixed, char *text) {
    if (f->is_imaginary && !signbit(value)) *text++ = '+';
    if (!f->scientific) number_positional(value, dtype, f->precision, text);
    else if (fixed) number_scientific_fixed(value, f->precision, f->exponent_digits, text);
    else number_scientific(value, dtype, f->precision, text);
}

static void measure_width(float_format *f, const number *x, int *places) {
    char text[NUMBER_TEXT_MAX + 1];
    double value = part(f, x);
    if (!isfinite(value)) return;
    signed_text(f, value, x->dtype, false, text);
    const char *point = strchr(text, '.'), *e = strchr(text, 'e');
    widen(&f->left, (size_t)(point - text));
    widen(places, (e ? (size_t)(e - point) : strlen(point)) - 1);
    if (e) widen(&f->exponent_digits, strlen(e) - 2);
}

static void measure_widths(format *f, const number *x) {
    measure_width(&f->re, x, &f->re.right);
    if (x->kind == NUMBER_COMPLEX) measure_width(&f->im, x, &f->im.right);
}

static void finish(float_format *f) {
    if (f->scientific) {
        f->precision = f->right;
        f->right += f->exponent_digits + 2;
    }
    if (!f->others) return;
    int words = f->is_imaginary || f->has_minus_inf ? 4 : 3; /* "-inf" or "nan" */
    if (words - f->right - 1 > f->left) f->left = words - f->right - 1;
}

static format find_format(const nexpr_array *a, int precision, bool summarise) {
    float_format plain = {.precision = precision, .least = INFINITY};
    format f = {.summarise = summarise, .re = plain, .im = plain};
    f.im.is_imaginary = true;
    number kind = number_read(a->dtype, &(char[16]){0});
    if (kind.kind != NUMBER_REAL && kind.kind != NUMBER_COMPLEX) {
        visit_shown(a, 0, a->data, &f, measure_int);
        if (kind.kind == NUMBER_BOOL) f.width = 5; /* " True" even if there is no False */
        return f;
    }
    visit_shown(a, 0, a->data, &f, measure_magnitudes);
    f.re.scientific = is_scientific(&f.re, kind.dtype);
    f.im.scientific = is_scientific(&f.im, kind.dtype);
    visit_shown(a, 0, a->data, &f, measure_widths);
    finish(&f.re);
    finish(&f.im);
    return f;
}

/* -------------------------------------------------------------------------------------------------------- printing -- */

/* A part, padded on both sides to the width of the format; `unit` stands behind its digits. */
static void part_text(const float_format *f, const number *x, const char *unit, char *text) {
    double value = part(f, x);
    int width = f->left + f->right + 1;
    if (!isfinite(value)) {
        const char *plus = f->is_imaginary && !(value < 0) ? "+" : "";
        const char *word = isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
        snprintf(text, PART_MAX, "%*s%s%s%s", width - (int)(strlen(plus) + strlen(word)), "", plus, word, unit);
        return;
    }
    char digits[NUMBER_TEXT_MAX + 1];
    signed_text(f, value, x->dtype, true, digits);
    int before = f->left - (int)strcspn(digits, "."), after = width - before - (int)strlen(digits);
    snprintf(text, PART_MAX, "%*s%s%s%*s", before, "", digits, unit, f->scientific ? 0 : after, "");
}

static void element_text(const format *f, const number *x, char *text) {
    if (x->kind == NUMBER_REAL || x->kind == NUMBER_COMPLEX) {
        part_text(&f->re, x, "", text);
        if (x->kind == NUMBER_COMPLEX) part_text(&f->im, x, "j", text + strlen(text));
        return;
    }
    char digits[NUMBER_TEXT_MAX];
    number_word(x, ALL_DIGITS, digits);
    snprintf(text, PART_MAX, "%*s", f->width, digits);
}

static void put_blanks(printer *p, int n) {
    fprintf(p->out, "%*s", n, "");
    p->column += n;
}

static void new_lines(printer *p, int n) {
    for (int i = 0; i < n; i++) putc('\n', p->out);
    p->column = p->pending = 0;
}

/* Appends a word to the line, which is broken before it if it would become longer than width and that helps. */
static void put_word(printer *p, const char *word, int indent, int width) {
    int length = (int)strlen(word);
    if (p->column + p->pending + length > width && p->column + p->pending > indent) {
        new_lines(p, 1);
        put_blanks(p, indent);
    }
    int blanks = length;
    while (blanks && word[blanks - 1] == ' ') blanks--;
    if (blanks) {
        put_blanks(p, p->pending);
        p->pending = 0;
    }
    fwrite(word, 1, (size_t)blanks, p->out);
    p->column += blanks;
    p->pending += length - blanks;
}

static void put_vector(printer *p, const char *at, int indent, int width) {
    const nexpr_array *a = p->array;
    int axis = a->ndim - 1;
    char text[2 * PART_MAX];
    for (int64_t i = 0, next; i < a->shape[axis]; i = next) {
        next = next_index(a, axis, i, p->format.summarise);
        number x = number_read(a->dtype, at + i * stride_of(a, axis));
        element_text(&p->format, &x, text);
        put_word(p, text, indent, width);
        if (next < a->shape[axis]) p->pending++;
        if (next > i + 1) {
            put_word(p, "...", indent, width);
            p->pending++;
        }
    }
}

static void put_nested(printer *p, int axis, const char *at) {
    const nexpr_array *a = p->array;
    int indent = axis + 1, lines = a->ndim - 1 - axis; /* between neighbours */
    putc('[', p->out);
    p->column++;
    for (int64_t i = 0, next; lines && i < a->shape[axis]; i = next) {
        next = next_index(a, axis, i, p->format.summarise);
        if (i) put_blanks(p, indent);
        put_nested(p, axis + 1, at + i * stride_of(a, axis));
        if (next == a->shape[axis]) break;
        new_lines(p, lines);
        if (next == i + 1) continue;
        put_blanks(p, indent);
        fputs("...", p->out);
        new_lines(p, lines);
    }
    if (!lines) put_vector(p, at, indent, LINE_WIDTH - axis - 1);
    put_blanks(p, p->pending);
    p->pending = 0;
    putc(']', p->out);
}

/* More elements than `limit`? The product may be beyond 64 bits in a view. */
static bool is_larger(const nexpr_array *a, int64_t limit) {
    int64_t n = 1;
    bool larger = false;
    for (int i = 0; i < a->ndim; i++) {
        if (!a->shape[i]) return false;
        larger |= __builtin_mul_overflow(n, a->shape[i], &n) || n > limit;
        if (larger) n = 1;
    }
    return larger;
}

void print_pretty(FILE *out, const nexpr_array *array, int precision) {
    bool is_empty = false;
    for (int i = 0; i < array->ndim; i++) is_empty |= !array->shape[i];
    if (is_empty) {
        fputs("[]\n", out);
    } else if (array->ndim == 0) {
        number x = number_read(array->dtype, array->data);
        char text[2 * NUMBER_TEXT_MAX];
        number_scalar(&x, precision, text);
        fprintf(out, "%s\n", text);
    } else {
        format f = find_format(array, precision < 0 ? PRINT_PRECISION : precision, is_larger(array, SUMMARISE_ABOVE));
        put_nested(&(printer){.out = out, .array = array, .format = f}, 0, array->data);
        putc('\n', out);
    }
}

/* ------------------------------------------------------------------------------------------------------------ rows -- */

static void put_rows(FILE *out, const nexpr_array *a, int axis, const char *at, int precision) {
    if (axis < a->ndim) {
        int64_t n = a->shape[axis], stride = stride_of(a, axis);
        bool is_row = axis == a->ndim - 1 && axis > 0;
        for (int64_t i = 0; i < n && !ferror(out); i++) {
            put_rows(out, a, axis + 1, at + i * stride, precision);
            if (is_row) putc(i < n - 1 ? ' ' : '\n', out);
        }
        return;
    }
    number x = number_read(a->dtype, at);
    char text[2 * NUMBER_TEXT_MAX];
    number_word(&x, precision, text);
    fputs(text, out);
    if (a->ndim < 2) putc('\n', out);
}

void print_rows(FILE *out, const nexpr_array *array, int precision) {
    put_rows(out, array, 0, array->data, precision);
}
