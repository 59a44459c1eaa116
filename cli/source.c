/* SPDX-License-Identifier: MIT */
#include "cli/source.h"

#include "cli/name.h"
#include "cli/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_FILE = (1 << 20) + 1 }; /* one more than nexpr_parse takes, so that it reports the limit */

/* ------------------------------------------------------------------------------------------------------ reporting -- */

void source_show(const source *s, size_t begin, size_t end) {
    report_place(s->label, s->text, s->length, begin, end);
}

static void show_in_set(const source_set *set, size_t begin, size_t end) {
    char label[128];
    snprintf(label, sizeof label, "--set %.100s", set->name);
    report_place(label, set->literal, strlen(set->literal), begin, end);
}

/* A place in the whole text belongs to the user's text or to a literal. */
void source_show_place(const source *s, size_t begin, size_t end) {
    if (begin >= s->text_begin) {
        source_show(s, begin - s->text_begin, end > s->text_begin ? end - s->text_begin : 0);
        return;
    }
    for (int i = s->set_count - 1; i >= 0; i--) {
        if (begin < s->sets[i].begin) continue;
        show_in_set(&s->sets[i], begin - s->sets[i].begin, end - s->sets[i].begin);
        return;
    }
}

static bool is_about_text(nexpr_status status) {
    return status == NEXPR_SYNTAX || status == NEXPR_NAME || status == NEXPR_TYPE || status == NEXPR_VALUE ||
           status == NEXPR_LIMIT;
}

int source_report(const source *s, const nexpr_error *err) {
    int status = is_about_text(err->status) ? report_use("%s", err->message) : report_run("%s", err->message);
    if (err->begin || err->end) source_show_place(s, err->begin, err->end);
    return status;
}

/* -------------------------------------------------------------------------------------------------------- reading -- */

static int read_stream(FILE *in, const char *path, source *s) {
    s->text = malloc(LARGEST_FILE + 1);
    if (!s->text) return report_run("out of memory");
    s->length = fread(s->text, 1, LARGEST_FILE, in);
    s->text[s->length] = 0;
    return ferror(in) ? report_run("%s: cannot read: %s", path, strerror(errno)) : EXIT_OK;
}

static int read_file(const char *path, source *s) {
    if (!strcmp(path, "-")) {
        s->label = "standard input";
        return read_stream(stdin, s->label, s);
    }
    s->label = path;
    FILE *in = fopen(path, "rbe");
    if (!in) return report_run("%s: cannot open: %s", path, strerror(errno));
    int status = read_stream(in, path, s);
    fclose(in);
    return status;
}

static int read_text(const settings *o, source *s) {
    if (o->file) return read_file(o->file, s);
    s->text = strdup(o->expression);
    if (!s->text) return report_run("out of memory");
    s->length = strlen(s->text);
    return EXIT_OK;
}

static int parse_own(const settings *o, source *s) {
    nexpr_error err = nexpr_error_init();
    s->limits = nexpr_options_init();
    s->limits.fp = o->fp;
    if (!nexpr_parse(s->context, s->text, s->length, &s->limits, &s->own, &err)) return EXIT_OK;
    int status = source_report(s, &err);
    if (o->begins_like_option) report_hint("'%s' was taken as the expression; options are listed by nexpr --help", s->text);
    return status;
}

int source_find_name(const source *s, const char *name) {
    for (int i = 0; i < nexpr_program_name_count(s->own); i++) {
        if (!strcmp(nexpr_program_name(s->own, i, NULL, NULL, NULL), name)) return i;
    }
    return -1;
}

/* ----------------------------------------------------------------------------------------------------------- sets -- */

const char *source_literal(const source *s, const char *name) {
    for (int i = 0; i < s->set_count; i++) {
        if (!strcmp(s->sets[i].name, name)) return s->sets[i].literal;
    }
    return "";
}

/* The literal has to be one on its own, so that it cannot reach beyond the parentheses that it is put in. */
static int check_literal(const source *s, const source_set *set) {
    nexpr_error err = nexpr_error_init();
    nexpr_program *program = NULL;
    nexpr *expr = NULL;
    nexpr_status status = nexpr_parse(s->context, set->literal, SIZE_MAX, &s->limits, &program, &err);
    if (!status) status = nexpr_compile(NULL, program, NULL, 0, NULL, &s->limits, &expr, &err);
    bool is_one = !status && nexpr_result_count(expr) == 1;
    nexpr_free(&expr);
    nexpr_program_free(&program);
    if (status) {
        report_use("--set %s: '%s' is no literal: %s", set->name, set->literal, err.message);
        if (err.begin || err.end) show_in_set(set, err.begin, err.end);
        return err.status == NEXPR_MEMORY ? EXIT_RUN : EXIT_USE;
    }
    return is_one ? EXIT_OK : report_use("--set %s: '%s' is more than one literal", set->name, set->literal);
}

static int read_set(const char *text, source *s) {
    const char *name;
    size_t length;
    const char *literal = name_split(text, &name, &length);
    if (!literal) {
        report_use("--set needs NAME=LITERAL, not '%s'", text);
        report_hint("an expression that begins with '-s' stands behind --");
        return EXIT_USE;
    }
    source_set set = {.name = strndup(name, length), .literal = literal};
    if (!set.name) return report_run("out of memory");
    s->sets[s->set_count++] = set;
    for (int i = 0; i < s->set_count - 1; i++) {
        if (!strcmp(s->sets[i].name, set.name)) return report_use("name '%s' is bound twice by --set", set.name);
    }
    if (source_find_name(s, set.name) < 0) return report_use("--set %s: the expression has no name '%s'", text, set.name);
    return check_literal(s, &set);
}

static int join(source *s, size_t capacity) {
    s->whole = malloc(capacity);
    if (!s->whole) return report_run("out of memory");
    size_t n = 0;
    for (int i = 0; i < s->set_count; i++) {
        source_set *set = &s->sets[i];
        const char *quote = name_is_identifier(set->name) ? "" : "`";
        n += (size_t)snprintf(s->whole + n, capacity - n, "%s%s%s = (", quote, set->name, quote);
        set->begin = n;
        n += (size_t)snprintf(s->whole + n, capacity - n, "%s)\n", set->literal);
    }
    s->text_begin = n;
    memcpy(s->whole + n, s->text, s->length + 1);
    s->whole_length = n + s->length;
    return EXIT_OK;
}

/* The parts have passed the limits of source and tokens one by one. */
static int parse_whole(source *s) {
    enum { ADDED = sizeof "`` = ()\n" };
    size_t capacity = s->length + 1;
    for (int i = 0; i < s->set_count; i++) capacity += strlen(s->sets[i].name) + strlen(s->sets[i].literal) + ADDED;
    int status = join(s, capacity);
    if (status) return status;
    s->limits.max_source = s->limits.max_tokens = s->whole_length + 1;
    nexpr_error err = nexpr_error_init();
    return nexpr_parse(s->context, s->whole, s->whole_length, &s->limits, &s->program, &err) ? source_report(s, &err) : EXIT_OK;
}

int source_read(const settings *o, nexpr_context *context, source *ret) {
    *ret = (source){.context = context};
    int status = read_text(o, ret);
    if (!status) status = parse_own(o, ret);
    if (!status) pack_read(ret->text, ret->length, &ret->pack);
    if (!status && !(ret->sets = calloc((size_t)o->sets.count + 1, sizeof *ret->sets))) status = report_run("out of memory");
    for (int i = 0; !status && i < o->sets.count; i++) status = read_set(o->sets.items[i], ret);
    return status ? status : parse_whole(ret);
}

void source_free(source *s) {
    for (int i = 0; i < s->set_count; i++) free(s->sets[i].name);
    free(s->sets);
    free(s->text);
    free(s->whole);
    nexpr_program_free(&s->own);
    nexpr_program_free(&s->program);
}
