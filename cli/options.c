/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include "cli/number.h"
#include "cli/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef enum option_id {
#define OPTION(id, letter, word, argument, values, times, brief, more) OPTION_##id,
#include "cli/options.def"
    OPTION_COUNT
} option_id;

enum option_times { ONCE, MANY };

typedef struct option_row {
    char letter;
    const char *word, *argument;
    enum option_times times;
    const char *brief, *more;
} option_row;

static const option_row rows[OPTION_COUNT] = {
#define OPTION(id, letter, word, argument, values, times, brief, more) \
    [OPTION_##id] = {letter, word, argument, times, brief, more},
#include "cli/options.def"
};

/* ---------------------------------------------------------------------------------------------------------- help -- */

enum { HELP_COLUMN = 26, HELP_WIDTH = 100 };

/* Words from HELP_COLUMN to HELP_WIDTH; the line has come to `column`, which is returned. */
static int print_wrapped(FILE *out, const char *text, int column) {
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (column + 1 + n > HELP_WIDTH) column = fprintf(out, "\n%*s", HELP_COLUMN, "") - 1;
        else if (column > HELP_COLUMN) column += fprintf(out, " ");
        column += fprintf(out, "%.*s", n, text);
        text += n + (text[n] == ' ');
    }
    return column;
}

static void print_row(FILE *out, const option_row *row) {
    int column = fprintf(out, "  %c%c%s --%s%s%s", row->letter ? '-' : ' ', row->letter ? row->letter : ' ',
                         row->letter ? "," : " ", row->word, *row->argument ? " " : "", row->argument);
    if (column >= HELP_COLUMN) fprintf(out, "\n%*s", HELP_COLUMN, "");
    else fprintf(out, "%*s", HELP_COLUMN - column, "");
    column = print_wrapped(out, row->brief, HELP_COLUMN);
    if (*row->more) putc('.', out);
    print_wrapped(out, row->more, column + 1);
    putc('\n', out);
}

void options_print_help(FILE *out) {
    fputs("Usage: nexpr [OPTION]... EXPRESSION\n"
          "Evaluate an array expression with the results of NumPy, and print them or write them to a file.\n\n"
          "  nexpr \"1 + 1\"\n"
          "  nexpr \"2*a - 4.5*b\" --input data.npy\n"
          "  nexpr \"where(x > limit, sqrt(x), 0)\" --input x=x.npy --set limit=2 --output y.npy\n\n", out);
    for (int i = 0; i < OPTION_COUNT; i++) print_row(out, &rows[i]);
    fputs("\nAn EXPRESSION that begins with the letter of an option stands behind --.\n"
          "Exit status: 0 success, 1 evaluation or file error, 2 usage or expression error.\n", out);
}

/* ------------------------------------------------------------------------------------------------------- values -- */

static int read_number(const char *word, const char *text, long least, long most, int *ret) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end || errno || value < least || value > most) {
        return report_use("--%s needs a number from %ld to %ld, not '%s'", word, least, most, text);
    }
    *ret = (int)value;
    return EXIT_OK;
}

static int read_dtype(settings *o, const char *text) {
    nexpr_error err = nexpr_error_init();
    if (nexpr_dtype_find(text, &o->dtype_value, &err)) return report_use("--dtype: %s", err.message);
    o->dtype = &o->dtype_value;
    return EXIT_OK;
}

static int read_fp(settings *o, const char *text) {
    static const char *const modes[] = {[NEXPR_FP_STRICT] = "strict", [NEXPR_FP_CONTRACT] = "contract"};
    for (int i = 0; i <= NEXPR_FP_CONTRACT; i++) {
        if (strcmp(text, modes[i])) continue;
        o->fp = (nexpr_fp_mode)i;
        return EXIT_OK;
    }
    return report_use("--fp is strict or contract, not '%s'", text);
}

/* Values that may be given once. */
static int read_once(const char **to, const char *word, const char *text) {
    if (*to) return report_use("--%s is given twice: '%s' and '%s'", word, *to, text);
    *to = text;
    return EXIT_OK;
}

static int apply(settings *o, option_id id, const char *text) {
    switch (id) {
    case OPTION_INPUT: o->inputs[o->input_count++] = text; return EXIT_OK;
    case OPTION_SET: o->sets[o->set_count++] = text; return EXIT_OK;
    case OPTION_FILE: return read_once(&o->file, "file", text);
    case OPTION_OUTPUT: return read_once(&o->output, "output", text);
    case OPTION_FORCE: o->force = true; return EXIT_OK;
    case OPTION_DTYPE: return read_dtype(o, text);
    case OPTION_THREADS: return read_number("threads", text, 1, 4096, &o->threads);
    case OPTION_FP: return read_fp(o, text);
    case OPTION_PRECISION: return read_number("precision", text, 0, NUMBER_MAX_PRECISION, &o->precision);
    case OPTION_OPS: o->ops = true; return EXIT_OK;
    case OPTION_BYTECODE: o->bytecode = true; return EXIT_OK;
    case OPTION_VERSION: o->version = true; return EXIT_OK;
    case OPTION_HELP: o->help = true; return EXIT_OK;
    case OPTION_COUNT: break;
    }
    return EXIT_USE;
}

/* ------------------------------------------------------------------------------------------------------ arguments -- */

/* The arguments that are left. */
typedef struct cursor {
    char **at, **end;
} cursor;

static const option_row *find_letter(char letter) {
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (rows[i].letter && rows[i].letter == letter) return &rows[i];
    }
    return NULL;
}

/* The only option that begins like the word, for a hint; NULL if there is none or several. */
static const option_row *find_similar(const char *word, size_t length) {
    const option_row *found = NULL;
    for (int i = 0; i < OPTION_COUNT; i++) {
        size_t n = strlen(rows[i].word);
        if (length < 2 || strncmp(rows[i].word, word, length < n ? (length < 3 ? length : 3) : 3)) continue;
        if (found) return NULL;
        found = &rows[i];
    }
    return found;
}

static const char *const minus_advice = "an expression that begins with '-' stands behind --, as in: nexpr -- \"-a\"";

static int apply_with_next(settings *o, const option_row *row, const char *attached, cursor *c) {
    option_id id = (option_id)(row - rows);
    if (!*row->argument) {
        if (attached) return report_use("--%s takes no value", row->word);
        return apply(o, id, NULL);
    }
    if (attached) return apply(o, id, attached);
    if (c->at == c->end) return report_use("--%s needs %s", row->word, row->argument);
    return apply(o, id, *c->at++);
}

static int read_word(settings *o, const char *word, cursor *c) {
    size_t n = strcspn(word, "=");
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (strlen(rows[i].word) != n || strncmp(rows[i].word, word, n)) continue;
        return apply_with_next(o, &rows[i], word[n] ? word + n + 1 : NULL, c);
    }
    const option_row *similar = find_similar(word, n);
    if (similar) report_use("there is no option --%.*s (did you mean --%s?)", (int)n, word, similar->word);
    else report_use("there is no option --%.*s", (int)n, word);
    report_hint("%s", minus_advice);
    return EXIT_USE;
}

/* -abc: letters of options without values, then one with the rest as its value. */
static int read_letters(settings *o, const char *letters, cursor *c) {
    for (const char *at = letters; *at; at++) {
        const option_row *row = find_letter(*at);
        if (!row) {
            report_use("there is no option -%c in '-%s'", *at, letters);
            report_hint("%s", minus_advice);
            return EXIT_USE;
        }
        bool takes_rest = *row->argument && at[1];
        o->has_attached_value |= takes_rest;
        int status = apply_with_next(o, row, takes_rest ? at + 1 : NULL, c);
        if (status || *row->argument) return status;
    }
    return EXIT_OK;
}

static int read_expression(settings *o, const char *text, bool begins_like_option) {
    if (o->expression) return report_use("there are two expressions: '%s' and '%s'", o->expression, text);
    o->expression = text;
    o->begins_like_option = begins_like_option;
    return EXIT_OK;
}

static int read_arguments(settings *o, cursor *c) {
    bool only_expressions = false;
    while (c->at < c->end) {
        const char *text = *c->at++;
        int status = EXIT_OK;
        if (only_expressions || text[0] != '-' || !text[1]) status = read_expression(o, text, false);
        else if (!strcmp(text, "--")) only_expressions = true;
        else if (text[1] == '-') status = read_word(o, text + 2, c);
        else if (find_letter(text[1])) status = read_letters(o, text + 1, c);
        else status = read_expression(o, text, true);
        if (status) return status;
    }
    return EXIT_OK;
}

static int check(const settings *o) {
    if (o->help || o->version || o->ops) return EXIT_OK;
    if (!o->expression && !o->file) {
        report_use("there is no expression; try nexpr --help");
        if (o->has_attached_value) report_hint("%s", minus_advice);
        return EXIT_USE;
    }
    if (o->expression && o->file) return report_use("there is an expression, '%s', and --file '%s'", o->expression, o->file);
    return EXIT_OK;
}

int options_read(int argc, char **argv, settings *ret) {
    *ret = (settings){.precision = -1};
    ret->inputs = calloc((size_t)argc + 1, sizeof *ret->inputs);
    ret->sets = calloc((size_t)argc + 1, sizeof *ret->sets);
    if (!ret->inputs || !ret->sets) return report_run("out of memory");
    int status = read_arguments(ret, &(cursor){argv + (argc > 0), argv + argc});
    return status ? status : check(ret);
}

void options_free(settings *o) {
    free(o->inputs);
    free(o->sets);
}
