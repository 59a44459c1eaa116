/* SPDX-License-Identifier: MIT */
/* First whatever says its name (--set, NAME=FILE, members), then the one array that may take the one name that is left. */
#include "cli/bind.h"

#include "cli/name.h"
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>

enum { LISTED = 12 }; /* names that a message lists at most */

/* An input as it is bound: the file is open. */
typedef struct candidate {
    const input *input;
    nexpr_file *file;
    int member; /* -1: all */
} candidate;

typedef struct binder {
    const source *source;
    bindings *out;
    column_types types;
    candidate unnamed[2]; /* arrays without a name that is used; two are enough to know that there are several */
    int unnamed_count;
    phrase members; /* "; data.npy has the fields x, y" */
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

/* "fields x, y" */
static void add_members(phrase *p, const nexpr_file *file) {
    static const char *const words[NEXPR_FILE_FORMAT_COUNT] = {[NEXPR_FILE_NPY] = "fields", [NEXPR_FILE_NPZ] = "arrays",
                                                               [NEXPR_FILE_CSV] = "columns", [NEXPR_FILE_TSV] = "columns"};
    nexpr_file_info info = nexpr_file_info_init();
    int count = 0;
    nexpr_file_describe(file, &info);
    phrase_add(p, "%s ", words[info.format] ? words[info.format] : "arrays");
    if (!nexpr_file_member_count(file)) phrase_add(p, "(none)");
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

/* Whether a member goes by its own name. */
static bool has_used_name(const binder *b, const nexpr_file *file, int index) {
    nexpr_member member = nexpr_member_init();
    return !nexpr_file_member(file, index, &member) && member.name && source_find_name(b->source, member.name) >= 0;
}

static int bind_member(binder *b, const candidate *c, int index) {
    nexpr_member member = nexpr_member_init();
    nexpr_file_member(c->file, index, &member);
    return add_binding(b, member.name, c->file, index, c->input->argument);
}

static int bind_all(binder *b, const candidate *c) {
    int used = 0;
    phrase p = {0}, uses = {0};
    for (int i = 0; i < nexpr_file_member_count(c->file); i++) {
        if (!has_used_name(b, c->file, i)) continue;
        int status = bind_member(b, c, i);
        if (status) return status;
        used++;
    }
    add_members(&p, c->file);
    phrase_add(&b->members, "; %s has the %s", c->input->argument, p.text);
    if (used) return EXIT_OK;
    add_uses(&uses, b);
    return report_use("input %s gives no name that is used: it has the %s; %s", c->input->argument, p.text, uses.text);
}

static int bind_unnamed_file(binder *b, const candidate *c) {
    int only = c->member >= 0 ? c->member : nexpr_file_member_count(c->file) == 1 ? 0 : -1;
    if (only < 0) return bind_all(b, c);
    if (has_used_name(b, c->file, only)) return bind_member(b, c, only);
    if (b->unnamed_count < 2) b->unnamed[b->unnamed_count] = (candidate){c->input, c->file, only};
    b->unnamed_count++;
    return EXIT_OK;
}

static int bind_named(binder *b, const candidate *c) {
    const input *in = c->input;
    int count = nexpr_file_member_count(c->file), length = (int)in->name_length;
    if (c->member < 0 && count != 1) {
        phrase p = {0};
        add_members(&p, c->file);
        return report_use("--input %s: the file has the %s; choose one, as in %.*s=FILE:MEMBER, or leave out '%.*s=' to use "
                          "them by their names", in->argument, p.text, length, in->name, length, in->name);
    }
    char *name = strndup(in->name, in->name_length);
    if (!name) return report_run("out of memory");
    int status = add_binding(b, name, c->file, c->member < 0 ? 0 : c->member, in->argument);
    free(name);
    return status;
}

/* An earlier input of the same file shares it: a pipe can be read only once. */
static nexpr_file *find_open(const bindings *b, const input *in) {
    for (int i = 0; i < b->input_count; i++) {
        const input *other = &b->inputs[i];
        if (b->files[i] && !strcmp(other->path, in->path) && !strcmp(other->declared, in->declared)) return b->files[i];
    }
    return NULL;
}

static int check_standard_input(const settings *o, const bindings *b, const input *in) {
    if (strcmp(in->path, "-")) return EXIT_OK;
    if (o->file && !strcmp(o->file, "-")) {
        return report_use("--file - and --input %s both read standard input", in->argument);
    }
    for (int i = 0; i < b->input_count; i++) {
        if (strcmp(b->inputs[i].path, "-") || !strcmp(b->inputs[i].declared, in->declared)) continue;
        return report_use("--input %s and --input %s say different things of standard input", b->inputs[i].argument,
                          in->argument);
    }
    return EXIT_OK;
}

static int open_input(binder *b, const settings *o, const volatile int *cancel, candidate *ret) {
    input *in = &b->out->inputs[b->out->input_count];
    nexpr_error err = nexpr_error_init();
    int status = check_standard_input(o, b->out, in);
    if (status) return status;
    *ret = (candidate){in, find_open(b->out, in), -1};
    if (!ret->file) {
        status = input_open(in, &b->types, cancel, &ret->file);
        if (status) return status;
        b->out->files[b->out->input_count] = ret->file;
    }
    if (!in->member || !nexpr_file_find(ret->file, in->member, &ret->member, &err)) return EXIT_OK;
    return report_use("%s", err.message);
}

static int bind_file(binder *b, const settings *o, const volatile int *cancel) {
    candidate c;
    const int index = b->out->input_count, copy = o->input_copies ? o->input_copies[index] : -1;
    int status = input_read(o->inputs.items[index], &b->out->inputs[index]);
    if (!status && copy >= 0 && !input_use_copy(&b->out->inputs[index], copy)) status = report_run("out of memory");
    if (!status) status = open_input(b, o, cancel, &c);
    b->out->input_count++; /* also on failure: what it holds is freed */
    if (status) return status;
    return c.input->name ? bind_named(b, &c) : bind_unnamed_file(b, &c);
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
    const candidate *c = &b->unnamed[0];
    const char *argument = c->input->argument;
    int unbound, first = find_unbound(b, &unbound);
    if (unbound == 1 && b->unnamed_count == 1) {
        const char *name = nexpr_program_name(b->source->own, first, NULL, NULL, NULL);
        return add_binding(b, name, c->file, c->member, argument);
    }
    phrase p = {0};
    if (!unbound) {
        add_uses(&p, b);
        return report_use("input %s gives no name that is used: %s%s", argument, p.text,
                          nexpr_program_name_count(b->source->own) ? ", which need no other value" : "");
    }
    add_names(&p, b, true);
    if (unbound == 1) {
        return report_use("inputs %s and %s could both be %s; write --input %s=FILE for one and leave out the other",
                          argument, b->unnamed[1].input->argument, p.text, p.text);
    }
    phrase how = {0};
    add_argument(&how, "--input", nexpr_program_name(b->source->own, first, NULL, NULL, NULL), argument);
    return report_use("input %s could be any of %s; write %s", argument, p.text, how.text);
}

static int check_types_used(const column_types *types) {
    for (int i = 0; i < types->count; i++) {
        if (!types->used[i]) return report_use("--type %s: no input is a table with such a column", types->arguments[i]);
    }
    return EXIT_OK;
}

/* What the program itself says about the names that have no value. */
static void hint_at_documentation(const binder *b) {
    for (int i = 0; i < nexpr_program_name_count(b->source->own); i++) {
        bool is_constant;
        const char *name = nexpr_program_name(b->source->own, i, &is_constant, NULL, NULL);
        pack_text about = pack_about(&b->source->pack, name);
        if (is_constant || find_binding(b->out, name) || !about.length) continue;
        report_hint("%s: %.*s", name, (int)about.length, about.begin);
    }
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
    int status = report_use("no value for %s; write %s%s", names.text, how.text, b->members.text);
    source_show(b->source, begin, end);
    hint_at_documentation(b);
    return status;
}

static int bind_everything(binder *b, const settings *o, const volatile int *cancel) {
    const source *s = b->source;
    int status = column_types_read(o, &b->types);
    for (int i = 0; !status && i < s->set_count; i++) status = add_binding(b, s->sets[i].name, NULL, 0, "--set");
    for (int i = 0; !status && i < o->inputs.count; i++) status = bind_file(b, o, cancel);
    if (!status) status = check_types_used(&b->types);
    if (!status) status = bind_unnamed(b);
    return status ? status : check_all_bound(b);
}

int bind_inputs(const settings *o, const source *s, const volatile int *cancel, bindings *ret) {
    size_t room = (size_t)o->inputs.count + 1;
    *ret = (bindings){.items = calloc((size_t)nexpr_program_name_count(s->own) + 1, sizeof *ret->items),
                      .inputs = calloc(room, sizeof *ret->inputs), .files = calloc(room, sizeof *ret->files)};
    if (!ret->items || !ret->inputs || !ret->files) return report_run("out of memory");
    binder b = {.source = s, .out = ret};
    int status = bind_everything(&b, o, cancel);
    column_types_free(&b.types);
    if (status && o->begins_like_option) report_hint("'%s' was taken as the expression; see nexpr --help", o->expression);
    return status;
}

void bind_free(bindings *b) {
    for (int i = 0; i < b->input_count; i++) {
        nexpr_file_free(&b->files[i]);
        input_free(&b->inputs[i]);
    }
    free(b->items);
    free(b->inputs);
    free(b->files);
}

/* --------------------------------------------------------------------------------------------------------- shapes -- */

static void read_shape(const binding *b, int64_t *extents, nexpr_array *ret) {
    nexpr_member member = nexpr_member_init();
    nexpr_file_member(b->file, b->member, &member);
    memcpy(extents, member.shape, (size_t)member.ndim * sizeof *extents);
    *ret = nexpr_array_init();
    ret->dtype = member.dtype;
    ret->ndim = member.ndim;
    ret->shape = extents;
}

bool bind_read_shapes(const bindings *b, bind_shapes *ret) {
    const size_t room = (size_t)b->count + 1;
    int k = 0;
    *ret = (bind_shapes){calloc(room, sizeof *ret->arrays), calloc(room, sizeof *ret->list),
                         calloc(room, sizeof *ret->extents)};
    if (!ret->arrays || !ret->list || !ret->extents) return false;
    for (int i = 0; i < b->count; i++) {
        if (!b->items[i].file) continue;
        read_shape(&b->items[i], ret->extents[k], &ret->arrays[k]);
        ret->list[k] = &ret->arrays[k];
        k++;
    }
    return true;
}

void bind_free_shapes(bind_shapes *s) {
    free(s->arrays);
    free(s->list);
    free(s->extents);
}
