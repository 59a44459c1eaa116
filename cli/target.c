/* SPDX-License-Identifier: MIT */
#include "cli/target.h"

#include "cli/name.h"
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>

const char *target_result_name(const nexpr *expr, int index, char *text) {
    const char *name = nexpr_result_name(expr, index);
    if (name) return name;
    snprintf(text, RESULT_NAME_MAX, "r%d", index);
    return text;
}

int target_result_count(const nexpr *expr) {
    return nexpr_result_count(expr) - 2 * nexpr_check_count(expr);
}

/* ------------------------------------------------------------------------------------------------------- arguments -- */

/* An argument split into name, path and format; the name is a result's index, or -1. */
typedef struct parts {
    const char *name;
    size_t name_length;
    const char *path;
    size_t path_length;
    nexpr_file_format format;
} parts;

static parts split(const char *argument) {
    parts p = {0};
    p.path = name_split(argument, &p.name, &p.name_length);
    if (!p.path) p.path = argument;
    p.path_length = strlen(p.path);
    const char *colon = strrchr(p.path, ':');
    if (!colon || colon == p.path || nexpr_file_format_find(colon + 1, &p.format, NULL)) return p;
    if (p.format != NEXPR_FILE_AUTO) p.path_length = (size_t)(colon - p.path);
    return p;
}

static target *find_path(targets *t, const char *path) {
    for (int i = 0; i < t->count; i++) {
        if (t->items[i].path && !strcmp(t->items[i].path, path)) return &t->items[i];
    }
    return NULL;
}

/* The index of the target for the parts: one with the same path, or a new one. Negative on failure. */
static int add_target(targets *t, const char *argument, const parts *p) {
    char *path = strndup(p->path, p->path_length);
    if (!path) return -report_run("out of memory");
    nexpr_file_format format = p->format ? p->format : nexpr_file_format_of_name(path);
    target *same = find_path(t, path);
    if (same) free(path);
    if (same && same->format != format) {
        return -report_use("--output %s and --output %s are one file in two formats", same->argument, argument);
    }
    if (same) return (int)(same - t->items);
    t->items[t->count] = (target){.argument = argument, .path = path, .format = format};
    return t->count++;
}

/* ------------------------------------------------------------------------------------------------------ assignment -- */

static int refuse_name(const nexpr *expr, const char *argument) {
    phrase p = {0};
    char text[RESULT_NAME_MAX];
    for (int i = 0; i < target_result_count(expr); i++) {
        phrase_add(&p, "%s", i ? ", " : "");
        phrase_add_name(&p, target_result_name(expr, i, text));
    }
    return report_use("--output %s: there is no such result; the expression gives %s", argument, p.text);
}

static int assign_named(targets *t, const nexpr *expr, const char *argument, const parts *p) {
    char text[RESULT_NAME_MAX];
    bool found = false;
    for (int i = 0; i < t->result_count; i++) {
        const char *name = target_result_name(expr, i, text);
        if (strlen(name) != p->name_length || memcmp(name, p->name, p->name_length)) continue;
        found = true;
        if (t->of[i] >= 0) continue;
        int index = add_target(t, argument, p);
        if (index < 0) return -index;
        t->of[i] = index;
        t->items[index].result_count++;
        return EXIT_OK;
    }
    if (!found) return refuse_name(expr, argument);
    return report_use("--output %s: this result has another --output already", argument);
}

/* The one argument without a name takes what is left. */
static int assign_rest(targets *t, const char *argument, const parts *p) {
    int index = add_target(t, argument, p);
    if (index < 0) return -index;
    int before = t->items[index].result_count;
    for (int i = 0; i < t->result_count; i++) {
        if (t->of[i] >= 0) continue;
        t->of[i] = index;
        t->items[index].result_count++;
    }
    if (t->items[index].result_count > before) return EXIT_OK;
    return report_use("--output %s: every result has another --output already", argument);
}

/* "--output r0=FILE --output b=FILE" */
static void advise_names(phrase *p, const nexpr *expr) {
    char text[RESULT_NAME_MAX];
    for (int i = 0; i < target_result_count(expr) && i < 3; i++) {
        phrase_add(p, "%s--output ", i ? " " : "");
        phrase_add_name(p, target_result_name(expr, i, text));
        phrase_add(p, "=FILE");
    }
    if (target_result_count(expr) > 3) phrase_add(p, " ...");
}

static int check_all_assigned(const targets *t, const nexpr *expr) {
    char text[RESULT_NAME_MAX];
    for (int i = 0; t->count && i < t->result_count; i++) {
        if (t->of[i] >= 0) continue;
        phrase p = {0};
        phrase_add_name(&p, target_result_name(expr, i, text));
        return report_use("result %s goes nowhere; add --output %s=FILE, or --output FILE for all that have no other",
                          p.text, p.text);
    }
    return EXIT_OK;
}

static int check_formats(const settings *o, const targets *t, const nexpr *expr) {
    for (int i = 0; i < t->count; i++) {
        const target *item = &t->items[i];
        bool is_text = item->format == NEXPR_FILE_CSV || item->format == NEXPR_FILE_TSV;
        bool holds_one = item->format == NEXPR_FILE_NPY || item->format == NEXPR_FILE_RAW || !item->format;
        if (holds_one && item->result_count > 1) {
            phrase p = {0};
            advise_names(&p, expr);
            const char *format = item->format ? nexpr_file_format_name(item->format) : "npy";
            return report_use("%s: a .%s file holds one array, but the expression has %d results; write them to an .npz or .csv "
                              "file, or each to a file of its own: %s", item->path, format, item->result_count, p.text);
        }
        if (!strcmp(item->path, "-") && !is_text && o->has_terminal) {
            return report_use("--output %s: standard output is a terminal; leave --output out to see the results, or write "
                              "--output -:csv", item->argument);
        }
    }
    return EXIT_OK;
}

/* Named arguments come first, wherever they stand. */
static int assign(const settings *o, const nexpr *expr, targets *t) {
    const char *rest = NULL;
    parts rest_parts = {0};
    for (int i = 0; i < o->outputs.count; i++) {
        const char *argument = o->outputs.items[i];
        parts p = split(argument);
        if (!p.name && rest) {
            phrase advice = {0};
            advise_names(&advice, expr);
            if (t->result_count == 1) return report_use("there is one result, but --output %s and --output %s", rest, argument);
            return report_use("--output %s and --output %s both take all results; name them: %s", rest, argument, advice.text);
        }
        int status = EXIT_OK;
        if (p.name) {
            status = assign_named(t, expr, argument, &p);
        } else {
            rest = argument;
            rest_parts = p;
        }
        if (status) return status;
    }
    int status = rest ? assign_rest(t, rest, &rest_parts) : EXIT_OK;
    if (!status) status = check_all_assigned(t, expr);
    return status ? status : check_formats(o, t, expr);
}

/* -------------------------------------------------------------------------------------------------------- outputs -- */

static int open_output(const settings *o, const volatile int *cancel, target *item) {
    nexpr_output_options options = nexpr_output_options_init();
    nexpr_error err = nexpr_error_init();
    options.force = o->force;
    options.cancel = cancel;
    options.format = item->format;
    options.no_fsync = o->no_fsync;
    options.check_only = o->dry_run;
    return nexpr_output_new(item->path, &options, &item->output, &err) ? report_run("%s", err.message) : EXIT_OK;
}

int targets_open(const settings *o, const nexpr *expr, const volatile int *cancel, targets *ret) {
    int results = target_result_count(expr);
    size_t room = (size_t)nexpr_result_count(expr) + 1;
    *ret = (targets){.items = calloc((size_t)o->outputs.count + 1, sizeof *ret->items), .result_count = results,
                     .of = calloc(room, sizeof *ret->of), .sinks = calloc(room, sizeof *ret->sinks),
                     .sink_list = calloc(room, sizeof *ret->sink_list)};
    if (!ret->items || !ret->of || !ret->sinks || !ret->sink_list) return report_run("out of memory");
    for (int i = 0; i < results; i++) ret->of[i] = -1;
    int status = assign(o, expr, ret);
    for (int i = 0; !status && o->is_first && i < ret->count; i++) status = open_output(o, cancel, &ret->items[i]);
    for (int i = 0; !status && i < results; i++) {
        ret->sinks[i] = nexpr_file_sink_init();
        if (ret->of[i] < 0) continue;
        ret->sinks[i].output = ret->items[ret->of[i]].output;
        ret->sink_list[i] = &ret->sinks[i];
    }
    return status;
}

int targets_commit(targets *t) {
    nexpr_error err = nexpr_error_init();
    for (int i = 0; i < t->count; i++) {
        if (nexpr_output_commit(t->items[i].output, &err)) return report_run("%s", err.message);
    }
    return EXIT_OK;
}

void targets_free(targets *t) {
    for (int i = 0; i < t->count; i++) {
        nexpr_output_free(&t->items[i].output);
        free(t->items[i].path);
    }
    free(t->items);
    free(t->of);
    free(t->sinks);
    free(t->sink_list);
}

bool targets_use_standard_output(const targets *t) {
    for (int i = 0; i < t->count; i++) {
        if (!strcmp(t->items[i].path, "-")) return true;
    }
    return !t->count;
}
