/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include "cli/number.h"
#include "cli/report.h"
#include "cli/size.h"

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
                         row->letter ? "," : " ", row->word, *row->argument && row->argument[1] != '=' ? " " : "",
                         row->argument);
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
          "  nexpr \"2*a - 4.5*b\" --input data.npz\n"
          "  nexpr \"where(x > limit, sqrt(x), 0)\" --input x=x.npy --set limit=2 --output y.npy\n"
          "  nexpr \"total = price*count\" --input sales.csv --output totals.csv\n\n", out);
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

static int read_backend(settings *o, const char *text) {
    static const char *const names[] = {[NEXPR_BACKEND_AUTO] = "auto", [NEXPR_BACKEND_VM] = "vm", [NEXPR_BACKEND_JIT] = "jit"};
    for (int i = 0; i <= NEXPR_BACKEND_JIT; i++) {
        if (strcmp(text, names[i])) continue;
        o->backend = (nexpr_backend)i;
        return EXIT_OK;
    }
    return report_use("--backend is auto, vm or jit, not '%s'", text);
}

/* There is something to show only if it is compiled. */
static int show_code(settings *o, unsigned detail) {
    o->explain = true;
    o->report_detail |= detail;
    if (o->backend == NEXPR_BACKEND_AUTO) o->backend = NEXPR_BACKEND_JIT;
    return EXIT_OK;
}

static int read_check(settings *o, const char *text) {
    o->check = true;
    o->check_fails = *text;
    return *text && strcmp(text, "error") ? report_use("--check stands alone or is --check=error, not '%s'", text) : EXIT_OK;
}

static int read_mpi(settings *o, const char *text) {
    static const char *const modes[] = {[MPI_MODE_AUTO] = "auto", [MPI_MODE_ON] = "on", [MPI_MODE_OFF] = "off"};
    for (int i = 0; i <= MPI_MODE_OFF; i++) {
        if (strcmp(text, modes[i])) continue;
        o->mpi = (mpi_mode)i;
        return EXIT_OK;
    }
    return report_use("--mpi is auto, on or off, not '%s'", text);
}

static int read_seconds(const char *word, const char *text, double *ret) {
    char *end;
    *ret = strtod(text, &end);
    if (end != text && !*end && *ret > 0 && *ret < 1e9) return EXIT_OK;
    return report_use("--%s needs a number of seconds, such as 60, not '%s'", word, text);
}

static int read_size(const char *word, const char *text, size_t *ret) {
    return size_read(text, ret) ? EXIT_OK : report_use("--%s needs a size such as 256M or 2G, not '%s'", word, text);
}

static int add(option_list *list, const char *text) {
    list->items[list->count++] = text;
    return EXIT_OK;
}

static int apply(settings *o, option_id id, const char *text) {
    switch (id) {
    case OPTION_INPUT: return add(&o->inputs, text);
    case OPTION_TYPE: return add(&o->types, text);
    case OPTION_SET: return add(&o->sets, text);
    case OPTION_FILE: o->file = text; return EXIT_OK;
    case OPTION_OUTPUT: return add(&o->outputs, text);
    case OPTION_FORCE: o->force = true; return EXIT_OK;
    case OPTION_NO_FSYNC: o->no_fsync = true; return EXIT_OK;
    case OPTION_DTYPE: return read_dtype(o, text);
    case OPTION_MAX_MEMORY: return read_size("max-memory", text, &o->max_memory);
    case OPTION_THREADS: return read_number("threads", text, 1, 4096, &o->threads);
    case OPTION_MPI: return read_mpi(o, text);
    case OPTION_STALL_TIMEOUT: return read_seconds("stall-timeout", text, &o->stall_timeout);
    case OPTION_BACKEND: return read_backend(o, text);
    case OPTION_FP: return read_fp(o, text);
    case OPTION_CHECK: return read_check(o, text);
    case OPTION_PRECISION: return read_number("precision", text, 0, NUMBER_MAX_PRECISION, &o->precision);
    case OPTION_DRY_RUN: o->dry_run = true; return EXIT_OK;
    case OPTION_JSON: o->json = true; return EXIT_OK;
    case OPTION_QUIET: o->quiet = true; return EXIT_OK;
    case OPTION_OPS: o->ops = true; return EXIT_OK;
    case OPTION_BYTECODE: o->bytecode = true; return EXIT_OK;
    case OPTION_EXPLAIN: o->explain = true; return EXIT_OK;
    case OPTION_TIME: o->time = true; return EXIT_OK;
    case OPTION_PROFILE: o->profile = true; return EXIT_OK;
    case OPTION_IR: return show_code(o, NEXPR_REPORT_IR);
    case OPTION_ASM: return show_code(o, NEXPR_REPORT_ASSEMBLY);
    case OPTION_ANNOTATE: o->annotate = text; return EXIT_OK;
    case OPTION_VERSION: o->version = true; return EXIT_OK;
    case OPTION_HELP: o->help = true; return EXIT_OK;
    case OPTION_COUNT: break;
    }
    return EXIT_USE;
}

/* ------------------------------------------------------------------------------------------------------ arguments -- */

/* The arguments that are left, and what options that may be given once were given. */
typedef struct cursor {
    char **at, **end;
    const char *given[OPTION_COUNT];
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
        return apply(o, id, "");
    }
    const bool may_stand_alone = row->argument[0] == '[' && row->argument[1] == '=';
    if (!attached && !may_stand_alone && c->at == c->end) return report_use("--%s needs %s", row->word, row->argument);
    const char *text = attached ? attached : may_stand_alone ? "" : *c->at++;
    if (row->times == ONCE && c->given[id]) {
        return report_use("--%s is given twice: '%s' and '%s'", row->word, c->given[id], text);
    }
    c->given[id] = text;
    return apply(o, id, text);
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

static int check_expression(const settings *o) {
    if (!o->expression && !o->file) {
        report_use("there is no expression; try nexpr --help");
        if (o->has_attached_value) report_hint("%s", minus_advice);
        return EXIT_USE;
    }
    if (o->expression && o->file) return report_use("there is an expression, '%s', and --file '%s'", o->expression, o->file);
    return EXIT_OK;
}

/* Options that contradict each other, or would have no effect: the user meant something else. */
static int check_sense(const settings *o) {
    bool prints = !o->outputs.count;
    const struct {
        bool is_nonsense;
        const char *advice;
    } rules[] = {
        {o->force && prints && !o->annotate, "--force replaces output files, but there is no --output"},
        {o->no_fsync && prints && !o->annotate, "--no-fsync is about output files, but there is no --output"},
        {o->precision >= 0 && !prints, "--precision is about printing, but results go to --output; files keep every digit"},
        {o->types.count && !o->inputs.count, "--type is about columns of tables, but there is no --input"},
        {o->check && (o->dry_run || o->bytecode), "--check tells what was computed, and nothing is; leave it out"},
        {o->check && o->time, "--check makes an evaluation slower, and --time tells how long it takes; choose one"},
        {o->quiet && o->json, "--quiet leaves out the summary that --json asks for; leave out one of them"},
        {o->quiet && o->dry_run, "--quiet leaves nothing of --dry-run; leave out one of them"},
        {o->bytecode && o->dry_run, "--bytecode and --dry-run each tell something else instead of evaluating; choose one"},
        {o->bytecode && o->json, "--json is about --dry-run and the final summary, and --bytecode has neither"},
        {o->bytecode && (o->time || o->profile), "--bytecode evaluates nothing, so there is no time to tell of"},
        {o->dry_run && (o->time || o->profile), "--dry-run evaluates nothing, so there is no time to tell of"},
        {o->annotate && (o->bytecode || o->dry_run), "--annotate shows where time went, and nothing is computed; leave it out"},
        {o->annotate && !strcmp(o->annotate, "-"), "--annotate needs the name of a file; results go to standard output"},
        {o->quiet && o->time, "--quiet leaves nothing of --time; leave out one of them"},
        {o->precision >= 0 && o->time, "--precision is about printing, but --time prints no results"},
        {o->bytecode && !prints, "--bytecode evaluates nothing that could go to --output"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].is_nonsense) return report_use("%s", rules[i].advice);
    }
    return EXIT_OK;
}

static bool make_list(option_list *list, int room) {
    list->items = calloc((size_t)room + 1, sizeof *list->items);
    return list->items != NULL;
}

int options_read(int argc, char **argv, settings *ret) {
    *ret = (settings){.precision = -1};
    if (!make_list(&ret->inputs, argc) || !make_list(&ret->types, argc) || !make_list(&ret->sets, argc) ||
        !make_list(&ret->outputs, argc)) {
        return report_run("out of memory");
    }
    int status = read_arguments(ret, &(cursor){.at = argv + (argc > 0), .end = argv + argc});
    if (status || ret->help || ret->version || ret->ops) return status;
    status = check_expression(ret);
    return status ? status : check_sense(ret);
}

void options_free(settings *o) {
    free(o->inputs.items);
    free(o->types.items);
    free(o->sets.items);
    free(o->outputs.items);
    free(o->input_copies);
}
