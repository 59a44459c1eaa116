/* SPDX-License-Identifier: MIT */
#include "cli/annotate.h"

#include "cli/annotate_page.h"
#include "cli/html.h"
#include "cli/insight.h"
#include "cli/report.h"
#include "cli/roofline.h"
#include "cli/size.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>

/* -------------------------------------------------------------------------------------------------------- the head -- */

enum { TITLE_WIDTH = 80, HEADING_WIDTH = 120 };

/* What the page is about: the title of a program, its file, or the expression itself. */
static void put_name(FILE *out, const source *s, size_t width) {
    if (s->pack.title.length) html_excerpt(out, s->pack.title.begin, s->pack.title.length, width);
    else if (s->label) html_excerpt(out, s->label, strlen(s->label), width);
    else html_excerpt(out, s->text, s->length, width);
}

static void put_head(FILE *out, const annotation *a, const places *p) {
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta name=\"color-scheme\" content=\"light dark\">\n<title>nexpr: ",
          out);
    put_name(out, a->source, TITLE_WIDTH);
    fputs("</title>\n<style>\n", out);
    annotate_style(out);
    annotate_marks(out, p);
    fputs("</style>\n</head>\n<body>\n<main>\n", out);
}

static void put_heading(FILE *out, const source *s) {
    char text[40];
    const time_t now = time(NULL);
    struct tm parts;
    fputs("<header><h1>", out);
    put_name(out, s, HEADING_WIDTH);
    fputs("</h1>\n<p class=\"dim\">", out);
    if (s->label && s->pack.title.length) {
        html_string(out, s->label);
        fputs(" \xC2\xB7 ", out);
    }
    if (gmtime_r(&now, &parts) && strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts)) fputs(text, out);
    fputs(" \xC2\xB7 measured by nexpr</p></header>\n", out);
}

/* ----------------------------------------------------------------------------------------------------------- tiles -- */

/* Machine code is printed within the run, and takes longer than that. */
static bool tells_code(const annotation *a) {
    code_block block = {0};
    for (const char *at = a->code->text; at && code_next(&at, &block);) {
        if (block.detail) return true;
    }
    return false;
}

static void begin_tile(FILE *out, const char *name) {
    fprintf(out, "<div><dt>%s</dt><dd>", name);
}

/* "2,000,000" */
static const char *group_digits(int64_t n, char *text) {
    char digits[24];
    const int length = snprintf(digits, sizeof digits, "%" PRId64, n);
    char *at = text;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0) *at++ = ',';
        *at++ = digits[i];
    }
    *at = 0;
    return text;
}

static void put_nest_tiles(FILE *out, const nexpr_profile *profile, const nexpr_stats *stats) {
    int64_t elements = 0, compiled = 0, vm = 0;
    int threads = 1;
    char text[40];
    for (int i = 0; i < stats->nest_count; i++) {
        nexpr_nest_stats n = nexpr_nest_stats_init();
        nexpr_profile_nest(profile, i, &n);
        elements += n.elements;
        compiled += n.compiled_tasks;
        vm += n.vm_tasks;
        if (n.threads > threads) threads = n.threads;
    }
    begin_tile(out, "elements");
    fprintf(out, "%s <small>in %d nest%s</small></dd></div>\n", group_digits(elements, text), stats->nest_count,
            stats->nest_count == 1 ? "" : "s");
    begin_tile(out, "computed by");
    fprintf(out, "%s <small>%d thread%s</small></dd></div>\n",
            !compiled ? "VM"
            : vm      ? "VM and machine code"
                      : "machine code",
            threads, threads == 1 ? "" : "s");
}

static void put_slowest_tile(FILE *out, const source *s, const places *p) {
    int slowest = 0;
    for (int k = 1; k < p->step_count; k++) {
        if (p->steps[k].ns > p->steps[slowest].ns) slowest = k;
    }
    if (slowest >= p->step_count) return;
    const step_stats *step = &p->steps[slowest];
    begin_tile(out, "slowest step");
    fprintf(out, "%.0f %% <small><a href=\"#s%d\">", 100 * step->share, slowest);
    if (step->segment) fprintf(out, "segment %d of nest %d", step->segment, step->nest);
    else if (step->begin >= s->text_begin && step->begin < step->end)
        html_excerpt(out, s->whole + step->begin, step->end - step->begin, 28);
    else html_string(out, step->name);
    fputs("</a></small></dd></div>\n", out);
}

static void put_tiles(FILE *out, const annotation *a, const places *p) {
    char text[INSIGHT_TIME_MAX];
    nexpr_stats stats = nexpr_stats_init();
    nexpr_profile_stats(a->profile, &stats);
    fputs("<dl class=\"tiles\">\n", out);
    begin_tile(out, a->timing ? "a run, best" : "computing");
    fputs(insight_time(a->timing ? a->timing->seconds[0] * 1e9 : (double)stats.compute_ns, text), out);
    if (a->timing) fprintf(out, " <small>of %" PRId64 " runs</small>", stats.runs);
    else if (!tells_code(a)) fprintf(out, " <small>of %s</small>", insight_time((double)stats.wall_ns, text));
    fputs("</dd></div>\n", out);
    put_nest_tiles(out, a->profile, &stats);
    put_slowest_tile(out, a->source, p);
    fputs("</dl>\n", out);
}

/* --------------------------------------------------------------------------------------------------- limits, phases -- */

static void put_limits(FILE *out, const annotation *a) {
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (!memory) return;
    insight_print_limits(memory, a->source, a->profile, a->context);
    const bool failed = fclose(memory) != 0;
    if (!failed && length) {
        fputs("<section id=\"limits\"><h2>What limits it</h2>\n<ul class=\"limits panel\">\n", out);
        for (const char *at = text; *at;) {
            const size_t n = strcspn(at, "\n");
            fputs("<li>", out);
            html_text(out, at, n);
            fputs("</li>\n", out);
            at += n + (at[n] == '\n');
        }
        fputs("</ul></section>\n", out);
    }
    free(text);
}

static void put_phases(FILE *out, const annotation *a) {
    insight_phase phases[INSIGHT_PHASES];
    nexpr_stats stats = nexpr_stats_init();
    char text[INSIGHT_TIME_MAX];
    nexpr_profile_stats(a->profile, &stats);
    const int count = insight_phases(&stats, phases);
    double total = 0;
    for (int i = 0; i < count; i++) total += (double)phases[i].ns;
    if (total <= 0) return;
    fputs("<section id=\"phases\"><h2>Phases</h2>\n<div class=\"phases\" aria-hidden=\"true\">", out);
    for (int i = 0; i < count; i++) {
        fprintf(out, "<span class=\"p%d\" style=\"width:%.3f%%\"></span>", i, 100 * (double)phases[i].ns / total);
    }
    fputs("</div>\n<ul class=\"key\">\n", out);
    for (int i = 0; i < count; i++) {
        fprintf(out, "<li><b class=\"p%d\"></b>%s %s</li>\n", i, phases[i].name, insight_time((double)phases[i].ns, text));
    }
    fputs("</ul>\n", out);
    if (!tells_code(a)) {
        fprintf(out, "<p class=\"dim\">The run took %s%s.</p>\n", insight_time((double)stats.wall_ns, text),
                insight_phases_overlap(&stats) ? ", for reading, computing and writing overlap" : "");
    }
    fputs("</section>\n", out);
}

static void put_roofline(FILE *out, const annotation *a) {
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    const bool is_drawn = memory && roofline_draw(memory, a->profile, a->context);
    if (memory && !fclose(memory) && is_drawn) {
        fputs("<section id=\"roofline\"><h2>Roofline</h2>\n<div class=\"panel scroll\">\n", out);
        fwrite(text, 1, length, out);
        fputs("</div>\n<p class=\"dim\">Below the slope a nest waits for memory, or for the cache that holds so many bytes: "
              "the slope "
              "is how fast memory is copied here. The ceiling is what vectors of products and sums in registers reach. A "
              "call such as "
              "sin counts as one operation, so nests with such calls stay far below.</p></section>\n",
              out);
    }
    free(text);
}

/* ---------------------------------------------------------------------------------------------------------- inputs -- */

static void put_member(FILE *out, const binding *b) {
    nexpr_member m = nexpr_member_init();
    nexpr_file_info info = nexpr_file_info_init();
    nexpr_file_describe(b->file, &info);
    nexpr_file_member(b->file, b->member, &m);
    fprintf(out, "<td>%s</td><td>(", nexpr_dtype_name(m.dtype));
    for (int k = 0; k < m.ndim; k++) {
        fprintf(out, m.shape[k] < 0 ? "%s?" : "%s%" PRId64, k ? ", " : "", m.shape[k]);
        if (m.ndim == 1) putc(',', out);
    }
    fputs(")</td><td class=\"wrap\">", out);
    html_string(out, info.path);
    if (m.name) {
        fputs(" : ", out);
        html_string(out, m.name);
    }
    fputs("</td>", out);
}

static void put_input(FILE *out, const annotation *a, const binding *b) {
    const pack_text about = pack_about(&a->source->pack, b->name);
    fputs("<tr><td>", out);
    html_string(out, b->name);
    fputs("</td>", out);
    if (b->file) {
        put_member(out, b);
    } else {
        fputs("<td></td><td></td><td class=\"wrap\">--set: ", out);
        html_string(out, source_literal(a->source, b->name));
        fputs("</td>", out);
    }
    fputs("<td class=\"wrap\">", out);
    html_text(out, about.begin, about.length);
    fputs("</td></tr>\n", out);
}

static void put_inputs(FILE *out, const annotation *a) {
    if (!a->bindings->count) return;
    fputs("<section id=\"inputs\"><h2>Inputs</h2>\n<div class=\"panel scroll\"><table><thead><tr><th>name</th><th>dtype</th>"
          "<th>shape</th><th>from</th><th>about</th></tr></thead><tbody>\n",
          out);
    for (int i = 0; i < a->bindings->count; i++) put_input(out, a, &a->bindings->items[i]);
    fputs("</tbody></table></div></section>\n", out);
}

/* --------------------------------------------------------------------------------------------------------- machine -- */

static void put_processor(FILE *out) {
    char line[256];
    FILE *in = fopen("/proc/cpuinfo", "re");
    while (in && fgets(line, sizeof line, in)) {
        const char *name = strchr(line, ':');
        if (strncmp(line, "model name", 10) || !name) continue;
        html_excerpt(out, name + 2, strcspn(name + 2, "\n"), 80);
        fputs(", ", out);
        break;
    }
    if (in) fclose(in);
}

static void put_footer(FILE *out, const annotation *a) {
    static const char *const backends[] = {
        [NEXPR_BACKEND_AUTO] = "auto", [NEXPR_BACKEND_VM] = "vm", [NEXPR_BACKEND_JIT] = "jit"};
    const int version = nexpr_version();
    struct utsname system;
    fputs("<footer><p>", out);
    put_processor(out);
    if (!uname(&system)) {
        html_string(out, system.sysname);
        putc(' ', out);
        html_string(out, system.release);
        putc(' ', out);
        html_string(out, system.machine);
    }
    fprintf(out, ". nexpr %d.%d.%d, backend %s, %s arithmetic", version / 10000, version / 100 % 100, version % 100,
            backends[a->settings->backend], a->settings->fp == NEXPR_FP_CONTRACT ? "contract" : "strict");
    if (a->settings->threads)
        fprintf(out, ", at most %d thread%s", a->settings->threads, a->settings->threads == 1 ? "" : "s");
    fputs(".</p>\n<p>Times are those of this run; VM steps are sampled by block, machine code is measured by segment. To "
          "point at a "
          "place marks it everywhere on the page.</p></footer>\n",
          out);
}

/* ------------------------------------------------------------------------------------------------------------ page -- */

static void put_page(FILE *out, const annotation *a, const places *p) {
    put_head(out, a, p);
    put_heading(out, a->source);
    put_tiles(out, a, p);
    annotate_source(out, a, p);
    put_limits(out, a);
    put_phases(out, a);
    annotate_operations(out, a, p);
    put_roofline(out, a);
    annotate_values(out, a, p);
    annotate_code(out, a, p);
    put_inputs(out, a);
    put_footer(out, a);
    fputs("</main>\n</body>\n</html>\n", out);
}

/* The page in memory. False: out of memory. */
static bool make_page(const annotation *a, const nexpr_array *const *inputs, char **ret_text, size_t *ret_length) {
    places p = {0};
    FILE *out = open_memstream(ret_text, ret_length);
    bool is_made = out && places_find(a->source, a->expr, inputs, a->profile, &p);
    if (is_made) put_page(out, a, &p);
    if (out) is_made = !ferror(out) && is_made;
    if (out && fclose(out)) is_made = false;
    places_free(&p);
    return is_made;
}

static int write_page(nexpr_output *output, const char *text, size_t length) {
    nexpr_error err = nexpr_error_init();
    const int64_t count = (int64_t)length;
    nexpr_array bytes = nexpr_array_init();
    bytes.data = (char *)text;
    bytes.dtype = NEXPR_UINT8;
    bytes.ndim = 1;
    bytes.shape = &count;
    nexpr_status status = nexpr_output_write(output, NULL, (const nexpr_array *const[]){&bytes}, 1, &err);
    if (!status) status = nexpr_output_commit(output, &err);
    return status ? report_run("%s", err.message) : EXIT_OK;
}

int annotate_write(nexpr_output *output, const annotation *a) {
    char *text = NULL;
    size_t length = 0;
    bind_shapes inputs;
    const bool is_made = bind_read_shapes(a->bindings, &inputs) && make_page(a, inputs.list, &text, &length);
    const int status = is_made ? write_page(output, text, length) : report_run("out of memory for --annotate");
    free(text);
    bind_free_shapes(&inputs);
    return status;
}

/* --------------------------------------------------------------------------------------------------------- opening -- */

static bool is_same_file(const char *a, const char *b) {
    struct stat x, y;
    if (!strcmp(a, b)) return true;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino && S_ISREG(x.st_mode);
}

/* --force lets results replace inputs; a page in place of data is a mistake. */
static int check_path(const settings *o, const bindings *b, const targets *t) {
    for (int i = 0; i < b->input_count; i++) {
        if (b->inputs[i].path && is_same_file(o->annotate, b->inputs[i].path)) {
            return report_use("--annotate %s: this file is an input", o->annotate);
        }
    }
    for (int i = 0; i < t->count; i++) {
        if (is_same_file(o->annotate, t->items[i].path))
            return report_use("--annotate %s: results go to this file", o->annotate);
    }
    if (o->file && is_same_file(o->annotate, o->file))
        return report_use("--annotate %s: this file is the program", o->annotate);
    return EXIT_OK;
}

int annotate_open(const settings *o, const bindings *b, const targets *t, const volatile int *cancel, nexpr_output **ret) {
    nexpr_output_options options = nexpr_output_options_init();
    nexpr_error err = nexpr_error_init();
    int status = check_path(o, b, t);
    if (status) return status;
    options.force = o->force;
    options.cancel = cancel;
    options.format = NEXPR_FILE_RAW; /* bytes as they are */
    options.no_fsync = o->no_fsync;
    return nexpr_output_new(o->annotate, &options, ret, &err) ? report_run("%s", err.message) : EXIT_OK;
}
