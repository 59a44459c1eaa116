/* SPDX-License-Identifier: MIT */
#include "cli/describe.h"

#include "cli/insight.h"
#include "cli/json.h"
#include "cli/name.h"
#include "cli/report.h"
#include "cli/size.h"

#include <string.h>

/* ------------------------------------------------------------------------------------------------------ for people -- */

/* Names are of one column; texts may hold whatever files and programs do. */
typedef struct page {
    FILE *out;
    int width; /* of the names */
} page;

static void put_name(const page *p, const char *name) {
    phrase quoted = {0};
    phrase_add_name(&quoted, name);
    fputs("  ", p->out);
    report_text(p->out, quoted.text, quoted.used);
    fprintf(p->out, "%*s", p->width > (int)quoted.used ? p->width - (int)quoted.used : 0, "");
}

/* Whether its shape depends on data, and was not found yet. */
static bool is_unknown(const nexpr_member *m) {
    for (int i = 0; i < m->ndim; i++) {
        if (m->shape[i] < 0) return true;
    }
    return false;
}

/* "float64 (1000, 2000)" */
static void put_type(FILE *out, const nexpr_member *m) {
    fprintf(out, "%s (", nexpr_dtype_name(m->dtype));
    for (int i = 0; i < m->ndim; i++) {
        fputs(i ? ", " : "", out);
        if (m->shape[i] < 0) putc('?', out);
        else fprintf(out, "%lld", (long long)m->shape[i]);
    }
    if (m->ndim == 1) putc(',', out);
    putc(')', out);
    if (is_unknown(m)) fputs(" unknown until run", out);
}

/* "data.npz:red" */
static void put_place(FILE *out, const char *path, const char *member) {
    report_text(out, path, strlen(path));
    if (member) putc(':', out);
    if (member) report_text(out, member, strlen(member));
}

static void put_about(const page *p, pack_text about) {
    if (!about.length) return;
    fprintf(p->out, "\n  %*s  ", p->width, "");
    report_text(p->out, about.begin, about.length);
}

static const char *path_of(const nexpr_file *file) {
    nexpr_file_info info = nexpr_file_info_init();
    nexpr_file_describe(file, &info);
    return info.path;
}

static void put_input(const page *p, const description *d, const binding *b) {
    nexpr_member member = nexpr_member_init();
    put_name(p, b->name);
    fputs("  ", p->out);
    if (b->file) {
        nexpr_file_member(b->file, b->member, &member);
        put_type(p->out, &member);
        fputs("  ", p->out);
        put_place(p->out, path_of(b->file), member.name);
    } else {
        const char *literal = source_literal(d->source, b->name);
        report_text(p->out, literal, strlen(literal));
    }
    put_about(p, pack_about(&d->source->pack, b->name));
    putc('\n', p->out);
}

static void put_result(const page *p, const description *d, int index) {
    char text[RESULT_NAME_MAX];
    nexpr_member member = nexpr_member_init();
    job_result(d->job, index, &member);
    put_name(p, target_result_name(d->expr, index, text));
    fputs("  ", p->out);
    put_type(p->out, &member);
    fputs("  ", p->out);
    int of = d->targets->of[index];
    if (of < 0) fputs("printed", p->out);
    else put_place(p->out, d->targets->items[of].path, member.name);
    putc('\n', p->out);
}

static void widen(int *width, const char *name) {
    phrase quoted = {0};
    phrase_add_name(&quoted, name);
    if ((int)quoted.used > *width) *width = quoted.used < 24 ? (int)quoted.used : 24;
}

static const char *size_or(int64_t bytes, const char *unknown, char *text) {
    return bytes < 0 ? unknown : bytes ? size_text((double)bytes, text) : "nothing";
}

/* What is written if that is not known. */
static const char *unknown_bytes(const description *d) {
    for (int i = 0; i < d->targets->result_count; i++) {
        nexpr_member member = nexpr_member_init();
        if (!job_result(d->job, i, &member) && is_unknown(&member)) return "as much as is selected";
    }
    return "as much text as the values need";
}

static void put_bytes(FILE *out, const description *d) {
    char read[SIZE_TEXT_MAX], write[SIZE_TEXT_MAX], buffers[SIZE_TEXT_MAX], spool[SIZE_TEXT_MAX];
    nexpr_job_info info = nexpr_job_info_init();
    job_describe(d->job, &info);
    fprintf(out, "reads %s, writes %s", size_or(info.bytes_to_read, "a pipe to its end", read),
            size_or(info.bytes_to_write, unknown_bytes(d), write));
    if (info.passes > 1) fprintf(out, ", in %lld passes", (long long)info.passes);
    if (info.boxes > 1) {
        fprintf(out, ", in %lld pieces with %s of buffers", (long long)info.boxes,
                size_text((double)info.buffer_bytes, buffers));
    }
    if (info.spool_bytes) {
        fprintf(out, ", after keeping %s aside in %s", size_text((double)info.spool_bytes, spool),
                info.spool_in_memory ? "memory" : "a temporary file");
    }
    putc('\n', out);
}

static void put_title(FILE *out, const pack *p) {
    if (!p->title.length) return;
    report_text(out, p->title.begin, p->title.length);
    putc('\n', out);
}

void describe_pack(FILE *out, const pack *p) {
    put_title(out, p);
    if (p->count) fputs("inputs\n", out);
    for (int i = 0; i < p->count; i++) {
        fputs("  ", out);
        report_text(out, p->inputs[i].name.begin, p->inputs[i].name.length);
        fputs(": ", out);
        report_text(out, p->inputs[i].about.begin, p->inputs[i].about.length);
        putc('\n', out);
    }
}

void describe_plan(FILE *out, const description *d) {
    char text[RESULT_NAME_MAX];
    page p = {.out = out};
    for (int i = 0; i < d->bindings->count; i++) widen(&p.width, d->bindings->items[i].name);
    for (int i = 0; i < d->targets->result_count; i++) widen(&p.width, target_result_name(d->expr, i, text));
    put_title(out, &d->source->pack);
    if (d->bindings->count) fputs("inputs\n", out);
    for (int i = 0; i < d->bindings->count; i++) put_input(&p, d, &d->bindings->items[i]);
    fputs("results\n", out);
    for (int i = 0; i < d->targets->result_count; i++) put_result(&p, d, i);
    put_bytes(out, d);
}

void describe_summary(FILE *out, const description *d) {
    char text[SIZE_TEXT_MAX];
    nexpr_job_info info = nexpr_job_info_init();
    job_describe(d->job, &info);
    fputs("nexpr: ", out);
    if (info.bytes_to_read > 0) fprintf(out, "read %s, ", size_text((double)info.bytes_to_read, text));
    fputs("wrote ", out);
    if (info.bytes_to_write >= 0) fprintf(out, "%s to ", size_text((double)info.bytes_to_write, text));
    if (d->targets->count > 1) fprintf(out, "%d files", d->targets->count);
    else report_text(out, d->targets->items[0].path, strlen(d->targets->items[0].path));
    fprintf(out, " in %.2f s", d->seconds);
    double bytes = (double)info.bytes_to_read + (double)info.bytes_to_write;
    if (info.bytes_to_read >= 0 && info.bytes_to_write >= 0) fprintf(out, ", %s/s", size_text(bytes / d->seconds, text));
    putc('\n', out);
}

/* ------------------------------------------------------------------------------------------------------------ JSON -- */

static void json_type(json *j, const nexpr_member *m) {
    json_string(j, "dtype", nexpr_dtype_name(m->dtype));
    json_begin(j, "shape", '[');
    for (int i = 0; i < m->ndim; i++) json_count(j, NULL, m->shape[i]);
    json_end(j, ']');
    json_count(j, "bytes", m->bytes);
}

static void json_input(json *j, const description *d, const binding *b) {
    pack_text about = pack_about(&d->source->pack, b->name);
    json_begin(j, NULL, '{');
    json_string(j, "name", b->name);
    if (about.length) json_text(j, "about", about.begin, about.length);
    if (b->file) {
        nexpr_file_info info = nexpr_file_info_init();
        nexpr_member member = nexpr_member_init();
        nexpr_file_describe(b->file, &info);
        nexpr_file_member(b->file, b->member, &member);
        json_string(j, "file", info.path);
        json_string(j, "format", nexpr_file_format_name(info.format));
        json_string(j, "member", member.name);
        json_type(j, &member);
    } else {
        json_string(j, "literal", source_literal(d->source, b->name));
    }
    json_end(j, '}');
}

static void json_result(json *j, const description *d, int index) {
    char text[RESULT_NAME_MAX];
    nexpr_member member = nexpr_member_init();
    job_result(d->job, index, &member);
    int of = d->targets->of[index];
    const target *t = of < 0 ? NULL : &d->targets->items[of];
    json_begin(j, NULL, '{');
    json_string(j, "name", target_result_name(d->expr, index, text));
    json_string(j, "file", t ? t->path : NULL);
    json_string(j, "format", t ? nexpr_file_format_name(nexpr_output_format(t->output)) : NULL);
    json_string(j, "member", t ? member.name : NULL);
    json_type(j, &member);
    json_end(j, '}');
}

void describe_json(FILE *out, const description *d) {
    nexpr_job_info info = nexpr_job_info_init();
    const pack *p = &d->source->pack;
    json j = {.out = out};
    job_describe(d->job, &info);
    json_begin(&j, NULL, '{');
    json_bool(&j, "dry_run", d->seconds < 0);
    if (p->title.length) json_text(&j, "title", p->title.begin, p->title.length);
    json_begin(&j, "inputs", '[');
    for (int i = 0; i < d->bindings->count; i++) json_input(&j, d, &d->bindings->items[i]);
    json_end(&j, ']');
    json_begin(&j, "results", '[');
    for (int i = 0; i < d->targets->result_count; i++) json_result(&j, d, i);
    json_end(&j, ']');
    if (d->findings) findings_json(&j, d->findings, d->source);
    json_count(&j, "bytes_read", info.bytes_to_read);
    json_count(&j, "bytes_written", info.bytes_to_write);
    json_count(&j, "buffer_bytes", info.buffer_bytes);
    json_count(&j, "pieces", info.boxes);
    json_count(&j, "passes", info.passes);
    if (d->seconds >= 0) json_seconds(&j, "seconds", d->seconds);
    if (d->timing) timing_json(&j, "time", d->timing);
    if (d->profile) insight_json(&j, "profile", d->source, d->profile);
    json_end(&j, '}');
    putc('\n', out);
}
