/* SPDX-License-Identifier: MIT */
/*
 * Bytecode as text, in the language's own words as far as they go: constants and names read back as what they are. A line
 * is `r2 = add_f64 r0, a`; a cast is named by its target and suffixed by its source, as in `r0 = float64_i32 n`. Where a
 * reduction ends a loop nest, `nest 2:` begins the next. The last line tells the results: `return total = r2, r0`.
 */
#include "vm/program.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Counts what does not fit, as snprintf does. */
typedef struct writer {
    char *buffer;
    size_t capacity, length;
    bool numbers_values; /* values are named by their numbers, not by their registers */
    const char *text;    /* that was compiled; NULL: places are not shown */
    size_t text_length;
} writer;

static void put(writer *w, const char *text, size_t n) {
    for (size_t i = 0; i < n; i++, w->length++) {
        if (w->length + 1 < w->capacity) w->buffer[w->length] = text[i];
    }
}

static void put_text(writer *w, const char *text) {
    put(w, text, strlen(text));
}

__attribute__((format(printf, 2, 3))) static void put_format(writer *w, const char *format, ...) {
    char text[64];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put_text(w, text);
}

/* The host's locale may write another decimal point, even one of several bytes. */
static void write_decimal_point(char *text) {
    char *out = text;
    for (const char *in = text; *in;) {
        size_t n = strcspn(in, "0123456789+-e");
        if (n) *out++ = '.';
        in += n;
        if (*in) *out++ = *in++;
    }
    *out = 0;
}

/* With the fewest digits that read back, and always recognisable as a float. */
static void put_float(writer *w, double x, bool is_single) {
    if (x != x || x - x != 0) {
        put_text(w, x != x ? "nan" : x > 0 ? "inf" : "-inf");
        return;
    }
    char text[40];
    bool is_short_integer = x > -1e15 && x < 1e15 && x == (double)(int64_t)x;
    if (is_short_integer) snprintf(text, sizeof text, "%.1f", x);
    for (int digits = 1; !is_short_integer && digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (is_single ? strtof(text, NULL) == (float)x : strtod(text, NULL) == x) break;
    }
    write_decimal_point(text);
    put_text(w, text);
    if (!strpbrk(text, ".e")) put_text(w, ".0");
}

static double half_to_double(uint16_t bits) {
    int exponent = bits >> 10 & 31;
    double fraction = bits & 1023;
    double x = exponent == 31 ? (fraction != 0 ? __builtin_nan("") : __builtin_inf())
               : exponent     ? __builtin_ldexp(fraction + 1024, exponent - 25)
                              : __builtin_ldexp(fraction, -24);
    return bits >> 15 ? -x : x;
}

static void put_complex(writer *w, double re, double im, bool is_single) {
    put_text(w, "complex(");
    put_float(w, re, is_single);
    put_text(w, ", ");
    put_float(w, im, is_single);
    put_text(w, ")");
}

static void put_constant(writer *w, const nx_vm_constant *constant) {
    const nx_value *v = &constant->value;
    switch (constant->dtype) {
    case NEXPR_BOOL: put_text(w, v->b ? "True" : "False"); break;
    case NEXPR_INT8: put_format(w, "%" PRId8, v->i8); break;
    case NEXPR_UINT8: put_format(w, "%" PRIu8, v->u8); break;
    case NEXPR_INT16: put_format(w, "%" PRId16, v->i16); break;
    case NEXPR_UINT16: put_format(w, "%" PRIu16, v->u16); break;
    case NEXPR_INT32: put_format(w, "%" PRId32, v->i32); break;
    case NEXPR_UINT32: put_format(w, "%" PRIu32, v->u32); break;
    case NEXPR_INT64: put_format(w, "%" PRId64, v->i64); break;
    case NEXPR_UINT64: put_format(w, "%" PRIu64, v->u64); break;
    case NEXPR_FLOAT16: put_float(w, half_to_double(v->f16), true); break;
    case NEXPR_FLOAT32: put_float(w, v->f32, true); break;
    case NEXPR_FLOAT64: put_float(w, v->f64, false); break;
    case NEXPR_COMPLEX64: put_complex(w, v->c64[0], v->c64[1], true); break;
    case NEXPR_COMPLEX128: put_complex(w, v->c128[0], v->c128[1], false); break;
    case NEXPR_DTYPE_COUNT: break;
    }
}

/* Names that could be taken for something else are quoted, as in the text of an expression. */
static bool is_plain(const char *name) {
    const char *digits = name + 1;
    bool is_register = name[0] == 'r' && *digits && !digits[strspn(digits, "0123456789")];
    if (is_register || !*name || (*name >= '0' && *name <= '9')) return false;
    for (const char *c = name; *c; c++) {
        bool is_letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_' || (unsigned char)*c >= 0x80;
        if (!is_letter && !(*c >= '0' && *c <= '9')) return false;
    }
    return true;
}

static void put_name(writer *w, const char *name) {
    const char *quote = is_plain(name) ? "" : "`";
    put_text(w, quote);
    put_text(w, name);
    put_text(w, quote);
}

static void put_ref(writer *w, const nx_vm_program *program, nx_vm_ref ref) {
    switch ((nx_vm_ref_kind)ref.kind) {
    case NX_VM_VALUE:
        if (w->numbers_values) put_format(w, "%%%" PRIu32, ref.index + 1);
        else put_format(w, "r%" PRIu32, program->code[ref.index].reg);
        break;
    case NX_VM_INPUT: put_name(w, program->inputs[ref.index].name); break;
    case NX_VM_CONSTANT: put_constant(w, &program->constants[ref.index]); break;
    }
}

static const char *view_name(nx_view_kind kind) {
    if (kind == NX_VIEW_INDEX) return "index";
    return kind < NX_VIEW_KINDS ? nx_view_rows[kind].names : "whole";
}

static void put_operation(writer *w, const nx_vm_instruction *instruction) {
    char name[NX_NAME_MAX];
    switch ((nx_node_kind)instruction->kind) {
    case NX_NODE_CAST: put_text(w, nexpr_dtype_name((nexpr_dtype)instruction->dtype)); break;
    case NX_NODE_VIEW: put_text(w, view_name((nx_view_kind)instruction->op)); break;
    case NX_NODE_REDUCE: put_format(w, "reduce_%s", nx_reducer_name((nx_reducer)instruction->op)); break;
    case NX_NODE_SCAN: put_format(w, "scan_%s", nx_reducer_name((nx_reducer)instruction->op)); break;
    case NX_NODE_EXTENT: put_text(w, "extent"); break;
    case NX_NODE_INDEX: put_text(w, "indices"); break;
    case NX_NODE_LIKE: put_text(w, "like"); break;
    case NX_NODE_ALONG: put_text(w, "along"); break;
    case NX_NODE_COMPRESS: put_text(w, "compress"); break;
    case NX_NODE_LOOKUP: put_text(w, nx_lookup_name((nx_lookup)instruction->op)); break;
    default: put_text(w, nx_op_name((nx_op)instruction->op, name)); break;
    }
}

static void put_instruction(writer *w, const nx_vm_program *program, const nx_vm_instruction *instruction) {
    put_format(w, "r%" PRIu32 " = ", instruction->reg);
    put_operation(w, instruction);
    put_format(w, "_%s", nx_dtype_suffix((nexpr_dtype)instruction->loop));
    for (int k = 0; k < instruction->arity; k++) {
        put_text(w, k ? ", " : " ");
        put_ref(w, program, instruction->arg[k]);
    }
    put_text(w, "\n");
}

static void put_results(writer *w, const nx_vm_program *program) {
    put_text(w, "return");
    for (uint32_t i = 0; i < program->result_count; i++) {
        const nx_vm_result *result = &program->results[i];
        put_text(w, i ? ", " : " ");
        if (result->name) {
            put_name(w, result->name);
            put_text(w, " = ");
        }
        put_ref(w, program, result->from);
    }
    put_text(w, "\n");
}

size_t nx_vm_listing(const nx_vm_program *program, char *buffer, size_t capacity) {
    writer w = {.buffer = buffer, .capacity = capacity};
    for (uint32_t i = 0; i < program->code_count; i++) {
        const nx_vm_instruction *instruction = &program->code[i];
        const bool begins = !i || instruction->nest != instruction[-1].nest;
        if (begins && program->nest_count > 1) put_format(&w, "nest %" PRIu32 ":\n", instruction->nest + 1);
        put_instruction(&w, program, instruction);
    }
    put_results(&w, program);
    if (capacity) buffer[w.length < capacity ? w.length : capacity - 1] = 0;
    return w.length;
}

/* ---------------------------------------------------------------------------------------------------- explaining -- */

/* In one line; what is long is cut between characters. */
static void put_place(writer *w, nx_span span) {
    enum { WIDEST = 60 };
    size_t end = span.end < w->text_length ? span.end : w->text_length;
    const bool is_cut = end > span.begin + WIDEST;
    if (is_cut) end = span.begin + WIDEST;
    while (is_cut && end > span.begin && ((unsigned char)w->text[end] & 0xC0) == 0x80) end--;
    for (size_t i = span.begin; i < end; i++) put(w, w->text[i] == '\n' || w->text[i] == '\t' ? " " : &w->text[i], 1);
    if (is_cut) put_text(w, "...");
}

/* "%2 = float64 multiply 2.0, a    # 2*a" */
static void put_typed(writer *w, const nx_vm_program *program, uint32_t i) {
    enum { COLUMN = 44 };
    const nx_vm_instruction *instruction = &program->code[i];
    const size_t begin = w->length;
    put_format(w, "%%%" PRIu32 " = %s ", i + 1, nexpr_dtype_name((nexpr_dtype)instruction->dtype));
    if (instruction->kind == NX_NODE_CAST) put_format(w, "cast %s", nexpr_dtype_name((nexpr_dtype)instruction->loop));
    else put_operation(w, instruction);
    for (int k = 0; k < instruction->arity; k++) {
        put_text(w, k ? ", " : " ");
        put_ref(w, program, instruction->arg[k]);
    }
    while (w->length < begin + COLUMN) put_text(w, " ");
    put_text(w, "  # ");
    if (w->text) put_place(w, instruction->span);
    if (instruction->uses > 1) put_format(w, "%scommon to %" PRIu32, w->text ? "; " : "", instruction->uses);
    put_text(w, "\n");
}

static void put_rewrite(writer *w, const nx_rewrite *rewrite) {
    static const char *const words[] = {
        [NX_REWRITE_CONSTANT] = "is constant, and was computed",
        [NX_REWRITE_IDENTITY] = "changes nothing, and was left out",
        [NX_REWRITE_RECIPROCAL] = "divides by a power of two: became a multiplication",
        [NX_REWRITE_FMA] = "became fma, rounded once",
    };
    put_text(w, "rewritten: ");
    if (w->text) put_place(w, rewrite->span);
    else put_format(w, "[%" PRIu32 ", %" PRIu32 ")", rewrite->span.begin, rewrite->span.end);
    put_format(w, " %s\n", words[rewrite->kind]);
}

static bool is_repeated(const nx_ir *ir, uint32_t i) {
    const nx_rewrite *x = &ir->rewrites[i], *before = i ? x - 1 : NULL;
    return before && before->kind == x->kind && before->span.begin == x->span.begin && before->span.end == x->span.end;
}

size_t nx_vm_explain(const nx_vm_program *program, const nx_ir *ir, const char *text, char *buffer, size_t capacity) {
    writer w = {.buffer = buffer, .capacity = capacity, .numbers_values = true, .text = text,
                .text_length = text ? strlen(text) : 0};
    for (uint32_t i = 0; i < program->input_count; i++) {
        put_text(&w, "input ");
        put_name(&w, program->inputs[i].name);
        put_format(&w, ": %s\n", nexpr_dtype_name(program->inputs[i].dtype));
    }
    for (uint32_t i = 0; i < program->code_count; i++) put_typed(&w, program, i);
    put_results(&w, program);
    for (uint32_t i = 0; i < ir->rewrite_count; i++) {
        if (!is_repeated(ir, i)) put_rewrite(&w, &ir->rewrites[i]);
    }
    if (capacity) buffer[w.length < capacity ? w.length : capacity - 1] = 0;
    return w.length;
}
