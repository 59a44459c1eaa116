/* SPDX-License-Identifier: MIT */
/* First whatever says its name (--set, NAME=FILE, fields), then the one file that may take the one name that is left. */
#include "cli/bind.h"

#include "cli/name.h"
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>

enum { LISTED = 12 }; /* names that a message lists at most */

typedef struct binder {
    const source *source;
    bindings *out;
    const char *unnamed[2]; /* plain files without a name; two are enough to know that there are several */
    nexpr_file *unnamed_file;
    int unnamed_count;
    phrase fields; /* "data.npy has the fields x, y" */
} binder;

static const binding *find_binding(const bindings *b, const char *name) {
    for (int i = 0; i < b->count; i++) {
        if (!strcmp(b->items[i].name, name)) return &b->items[i];
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------------------- wording -- */

static void add_listed(phrase *p, int *count, const char *name) {
    if ((*count)++ > LISTED) return;
    if (*count > LISTED) {
        phrase_add(p, ", ...");
        return;
    }
    if (*count > 1) phrase_add(p, ", ");
    phrase_add_name(p, name);
}

static void add_fields(phrase *p, const nexpr_file *file) {
    int count = 0;
    for (int i = 0; i < nexpr_file_member_count(file); i++) {
        nexpr_member member = nexpr_member_init();
        nexpr_file_member(file, i, &member);
        add_listed(p, &count, member.name);
    }
}

/* Names of the expression; of the unbound ones only those that are no constants. Returns their number. */
static int add_names(phrase *p, const binder *b, bool only_unbound) {
    int count = 0;
    for (int i = 0; i < nexpr_program_name_count(b->source->own); i++) {
        bool is_constant;
        const char *name = nexpr_program_name(b->source->own, i, &is_constant, NULL, NULL);
        if (!only_unbound || (!is_constant && !find_binding(b->out, name))) add_listed(p, &count, name);
    }
    return count;
}

/* "--input a=FILE"; backquotes are quoted for the shell. */
static void add_argument(phrase *p, const char *option, const char *name, const char *value) {
    const char *quote = name_is_identifier(name) ? "" : "'";
    phrase_add(p, "%s %s", option, quote);
    phrase_add_name(p, name);
    phrase_add(p, "=%s%s", value, quote);
}

/* "the expression uses a, b" or "the expression uses no names" */
static void add_uses(phrase *p, const binder *b) {
    phrase names = {0};
    phrase_add(p, "the expression uses %s", add_names(&names, b, false) ? names.text : "no names");
}

/* ------------------------------------------------------------------------------------------------------- binding -- */

static int add_binding(binder *b, const char *name, nexpr_file *file, int member, const char *by) {
    int index = source_find_name(b->source, name);
    phrase p = {0};
    if (index < 0) {
        add_uses(&p, b);
        return report_use("%s: %s, not '%s'", by, p.text, name);
    }
    const binding *other = find_binding(b->out, name);
    if (other) return report_use("name '%s' is bound twice: by %s and by %s", name, other->by, by);
    const char *own = nexpr_program_name(b->source->own, index, NULL, NULL, NULL);
    b->out->items[b->out->count++] = (binding){.name = own, .file = file, .member = member, .by = by};
    return EXIT_OK;
}

static int bind_fields(binder *b, nexpr_file *file, const char *by) {
    int used = 0;
    for (int i = 0; i < nexpr_file_member_count(file); i++) {
        nexpr_member member = nexpr_member_init();
        nexpr_file_member(file, i, &member);
        if (source_find_name(b->source, member.name) < 0) continue;
        int status = add_binding(b, member.name, file, i, by);
        if (status) return status;
        used++;
    }
    phrase p = {0};
    add_fields(&p, file);
    phrase_add(&b->fields, "; %s has the fields %s", by, p.used ? p.text : "(none)");
    if (used) return EXIT_OK;
    phrase uses = {0};
    add_uses(&uses, b);
    return report_use("input %s gives no name that is used: it has the fields %s; %s", by, p.used ? p.text : "(none)",
                      uses.text);
}

static bool is_plain(const nexpr_file *file) {
    nexpr_member member = nexpr_member_init();
    return nexpr_file_member_count(file) == 1 && !nexpr_file_member(file, 0, &member) && !member.name;
}

static int bind_named(binder *b, nexpr_file *file, const char *name, size_t length, const char *by) {
    if (!is_plain(file)) {
        phrase p = {0};
        add_fields(&p, file);
        return report_use("--input %s: the file has fields, which have names of their own (%s); leave out '%.*s='", by,
                          p.text, (int)length, name);
    }
    char *copy = strndup(name, length);
    if (!copy) return report_run("out of memory");
    int status = add_binding(b, copy, file, 0, by);
    free(copy);
    return status;
}

static int bind_file(binder *b, const char *argument, const volatile int *cancel) {
    const char *name = NULL;
    size_t length = 0;
    const char *path = name_split(argument, &name, &length);
    nexpr_file_options options = nexpr_file_options_init();
    options.cancel = cancel;
    nexpr_error err = nexpr_error_init();
    nexpr_file *file = NULL;
    if (nexpr_file_open(path ? path : argument, &options, &file, &err)) return report_run("%s", err.message);
    b->out->files[b->out->file_count++] = file;
    if (path) return bind_named(b, file, name, length, argument);
    if (!is_plain(file)) return bind_fields(b, file, argument);
    if (b->unnamed_count < 2) b->unnamed[b->unnamed_count] = argument;
    b->unnamed_count++;
    b->unnamed_file = file;
    return EXIT_OK;
}

/* The first name without a value, -1 if there is none; ret_count says how many there are. */
static int find_unbound(const binder *b, int *ret_count) {
    int first = -1;
    *ret_count = 0;
    for (int i = 0; i < nexpr_program_name_count(b->source->own); i++) {
        bool is_constant;
        const char *name = nexpr_program_name(b->source->own, i, &is_constant, NULL, NULL);
        if (is_constant || find_binding(b->out, name)) continue;
        if ((*ret_count)++ == 0) first = i;
    }
    return first;
}

static int bind_unnamed(binder *b) {
    if (!b->unnamed_count) return EXIT_OK;
    int unbound, first = find_unbound(b, &unbound);
    if (unbound == 1 && b->unnamed_count == 1) {
        const char *name = nexpr_program_name(b->source->own, first, NULL, NULL, NULL);
        return add_binding(b, name, b->unnamed_file, 0, b->unnamed[0]);
    }
    phrase p = {0};
    if (!unbound) {
        add_uses(&p, b);
        return report_use("input %s gives no name that is used: %s%s", b->unnamed[0], p.text,
                          nexpr_program_name_count(b->source->own) ? ", which need no other value" : "");
    }
    add_names(&p, b, true);
    if (unbound == 1) {
        return report_use("inputs %s and %s could both be %s; write --input %s=FILE for one and leave out the other",
                          b->unnamed[0], b->unnamed[1], p.text, p.text);
    }
    phrase how = {0};
    add_argument(&how, "--input", nexpr_program_name(b->source->own, first, NULL, NULL, NULL), b->unnamed[0]);
    return report_use("input %s could be any of %s; write %s", b->unnamed[0], p.text, how.text);
}

static int check_all_bound(const binder *b) {
    int unbound, first = find_unbound(b, &unbound);
    if (first < 0) return EXIT_OK;
    size_t begin, end;
    phrase names = {0}, how = {0};
    const char *name = nexpr_program_name(b->source->own, first, NULL, &begin, &end);
    add_argument(&how, "--input", name, "FILE");
    phrase_add(&how, " or ");
    add_argument(&how, "--set", name, "NUMBER");
    add_names(&names, b, true);
    int status = report_use("no value for %s; write %s%s", names.text, how.text, b->fields.text);
    source_show(b->source, begin, end);
    return status;
}

int bind_inputs(const settings *o, const source *s, const volatile int *cancel, bindings *ret) {
    *ret = (bindings){.items = calloc((size_t)nexpr_program_name_count(s->own) + 1, sizeof *ret->items),
                      .files = calloc((size_t)o->input_count + 1, sizeof *ret->files)};
    if (!ret->items || !ret->files) return report_run("out of memory");
    binder b = {.source = s, .out = ret};
    int status = EXIT_OK;
    for (int i = 0; !status && i < s->set_count; i++) status = add_binding(&b, s->sets[i].name, NULL, 0, "--set");
    for (int i = 0; !status && i < o->input_count; i++) status = bind_file(&b, o->inputs[i], cancel);
    if (!status) status = bind_unnamed(&b);
    if (!status) status = check_all_bound(&b);
    if (status && o->begins_like_option) report_hint("'%s' was taken as the expression; see nexpr --help", o->expression);
    return status;
}

void bind_free(bindings *b) {
    for (int i = 0; i < b->file_count; i++) nexpr_file_free(&b->files[i]);
    free(b->items);
    free(b->files);
}
