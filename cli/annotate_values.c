/* SPDX-License-Identifier: MIT */
/* The tables of --annotate: operations by time, and the values of the IR beside their bytecode. */
#include "cli/annotate_page.h"

#include "cli/html.h"
#include "cli/insight.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_WIDTH = 56, LINE_WIDTH = 160 };

void annotate_share(FILE *out, double share) {
    if (share < 0.0005) fputs("<td class=\"num bar\"></td>", out);
    else
        fprintf(out, "<td class=\"num bar\"><span style=\"width:%.1fpx\"></span>%.1f %%</td>", 80 * (share < 1 ? share : 1),
                100 * share);
}

/* The cell with a part of the text; a link if the part is shown. */
static void put_place(FILE *out, const source *s, const places *p, int at, size_t begin, size_t end) {
    const bool is_link = at >= 0 && place_is_shown(&p->items[at]);
    fputs("<td class=\"place\">", out);
    if (begin >= s->text_begin && begin < end && end <= s->whole_length) {
        if (is_link) fprintf(out, "<a href=\"#p%d\">", at);
        html_excerpt(out, s->whole + begin, end - begin, TEXT_WIDTH);
        if (is_link) fputs("</a>", out);
    }
    fputs("</td>", out);
}

/* ------------------------------------------------------------------------------------------------------- operations -- */

/* The code of a segment, if there is some to show. */
static bool has_code(const annotation *a, const step_stats *step) {
    code_block block = {0};
    for (const char *at = a->code->text; step->segment && at && code_next(&at, &block);) {
        if (block.detail && block.nest == step->nest && block.segment == step->segment) return true;
    }
    return false;
}

static void put_step_name(FILE *out, const annotation *a, const step_stats *step) {
    const bool is_link = has_code(a, step);
    fputs("<td>", out);
    if (is_link) fprintf(out, "<a href=\"#c%d-%d\">", step->nest, step->segment);
    html_string(out, step->name);
    if (step->segment) fprintf(out, ", segment %d", step->segment);
    if (is_link) fputs("</a>", out);
    fputs("</td>", out);
}

static void put_operation(FILE *out, const annotation *a, const places *p, int index) {
    char text[INSIGHT_TIME_MAX];
    const step_stats *step = &p->steps[index];
    const double ns = (double)step->ns;
    const int at = step->begin < step->end ? places_at(p, step->begin, step->end) : -1;
    fprintf(out, "<tr id=\"s%d\"", index);
    if (at >= 0) fprintf(out, " class=\"k%d\"", p->items[at].key);
    putc('>', out);
    annotate_share(out, step->share);
    fprintf(out, "<td class=\"num\">%s</td><td class=\"num\">%" PRId64 "</td>", insight_time(ns, text), step->elements);
    fprintf(out, "<td class=\"num\">%.3f</td><td class=\"num\">%.1f</td>", step->elements ? ns / (double)step->elements : 0,
            ns > 0 ? step->bytes / ns : 0);
    fprintf(out, "<td>%s</td>", nexpr_dtype_name(step->dtype));
    put_step_name(out, a, step);
    put_place(out, a->source, p, at, step->begin, step->end);
    fputs("</tr>\n", out);
}

static void put_nest(FILE *out, const annotation *a, const places *p, int index) {
    nexpr_nest_stats n = nexpr_nest_stats_init();
    char wall[INSIGHT_TIME_MAX];
    int count = 0, *order = places_steps(p, index + 1, &count);
    nexpr_profile_nest(a->profile, index, &n);
    fprintf(out, "<h3 id=\"nest%d\">Nest %d, %s: %" PRId64 " element%s in %s, %s (%s), %d thread%s</h3>\n", index + 1,
            index + 1, n.kind, n.elements, n.elements == 1 ? "" : "s", insight_time((double)n.wall_ns, wall),
            insight_tier(&n), n.isa, n.threads, n.threads == 1 ? "" : "s");
    fprintf(out, "<p class=\"dim\">%.3g bytes and %.3g operations per element; ran there because: ", n.bytes_per_element,
            n.operations_per_element);
    html_string(out, n.why ? n.why : "");
    fputs(
        "</p>\n<div class=\"panel scroll\"><table class=\"operations\"><thead><tr><th>share</th><th class=\"num\">time</th>"
        "<th class=\"num\">elements</th><th class=\"num\">ns/element</th><th "
        "class=\"num\">GB/s</th><th>dtype</th><th>step</th>"
        "<th>text</th></tr></thead><tbody>\n",
        out);
    for (int k = 0; order && k < count && k < ANNOTATE_ROWS; k++) put_operation(out, a, p, order[k]);
    fputs("</tbody></table></div>\n", out);
    free(order);
}

void annotate_operations(FILE *out, const annotation *a, const places *p) {
    nexpr_stats stats = nexpr_stats_init();
    nexpr_profile_stats(a->profile, &stats);
    fputs("<section id=\"operations\"><h2>Operations</h2>\n", out);
    for (int i = 0; i < stats.nest_count; i++) put_nest(out, a, p, i);
    if (!stats.nest_count) fputs("<p class=\"dim\">Nothing was computed.</p>\n", out);
    fputs("</section>\n", out);
}

/* ----------------------------------------------------------------------------------------------------------- values -- */

/* A line of a listing, without its newline; *at is moved to the next one. */
typedef struct line {
    const char *text;
    size_t length;
} line;

static line next_line(const char **at) {
    const line ret = {*at, strcspn(*at, "\n")};
    *at += ret.length + ((*at)[ret.length] == '\n');
    return ret;
}

static bool begins(line l, const char *with) {
    return l.length >= strlen(with) && !memcmp(l.text, with, strlen(with));
}

/* The instruction of the next value: lines that begin a nest are left out. */
static line next_instruction(const char **at) {
    line l = next_line(at);
    while (l.length && begins(l, "nest ")) l = next_line(at);
    return l;
}

/* The next typed line, without the comment that ends it. */
static line next_typed(const char **at) {
    line l = next_line(at);
    while (l.length && l.text[0] != '%') l = next_line(at);
    for (size_t i = l.length; i-- > 2;) {
        if (memcmp(l.text + i - 2, "  #", 3)) continue;
        l.length = i - 2;
        break;
    }
    while (l.length && l.text[l.length - 1] == ' ') l.length--;
    return l;
}

static void put_code(FILE *out, line l) {
    fputs("<td><code>", out);
    html_excerpt(out, l.text, l.length, LINE_WIDTH);
    fputs("</code></td>", out);
}

/* Whether every step has a row. */
static bool has_all_steps(const places *p) {
    return p->step_count <= ANNOTATE_ROWS;
}

static void put_segment(FILE *out, const places *p, int index) {
    const step_stats *step = &p->steps[index];
    fputs("<td class=\"in\">", out);
    if (has_all_steps(p)) fprintf(out, "<a href=\"#s%d\">", index);
    fprintf(out, "<span class=\"h%d\">segment %d: %.1f %%</span>", annotate_level(step->share), step->segment,
            100 * step->share);
    fputs(has_all_steps(p) ? "</a></td>" : "</td>", out);
}

/* The share of what was measured at its place, or with what. */
static void put_value_share(FILE *out, const places *p, int at, bool is_first) {
    const int measured = at >= 0 ? places_measured(p, at) : -1;
    if (measured < 0) {
        fputs("<td></td>", out);
        return;
    }
    const place *x = &p->items[measured];
    if (p->steps[x->step].segment) {
        put_segment(out, p, x->step);
    } else if (measured == at) {
        if (is_first) annotate_share(out, x->time.share);
        else fputs("<td class=\"in\" title=\"of the same place as a line above\">\xE2\x80\xB3</td>", out);
    } else {
        fputs("<td class=\"in\">", out);
        if (place_is_shown(x)) fprintf(out, "<a href=\"#p%d\">", measured);
        fputs("in ", out);
        html_string(out, p->steps[x->step].name);
        fputs(place_is_shown(x) ? "</a></td>" : "</td>", out);
    }
}

static void put_value(FILE *out, const annotation *a, const places *p, int v, line typed, line code, bool is_first) {
    nexpr_value value = nexpr_value_init();
    nexpr_value_describe(a->expr, v, &value);
    const int at = p->of_value[v];
    fprintf(out, "<tr id=\"v%d\"", v + 1);
    if (at >= 0) fprintf(out, " class=\"k%d\"", p->items[at].key);
    fputs(">", out);
    put_value_share(out, p, at, is_first);
    put_place(out, a->source, p, at, value.begin, value.end);
    put_code(out, typed);
    fprintf(out, "<td>%s</td>", p->shape_of[v] ? p->shape_of[v] : "?");
    put_code(out, code);
    fputs("</tr>\n", out);
}

static void put_values(FILE *out, const annotation *a, const places *p, const char *ir, const char *listing) {
    const int count = nexpr_value_count(a->expr);
    bool *seen = calloc((size_t)p->count + 1, sizeof *seen); /* by place */
    fputs("<div class=\"panel scroll\"><table class=\"values\"><thead><tr><th>share</th><th>text</th><th>typed value</th>"
          "<th>shape</th><th>bytecode</th></tr></thead><tbody>\n",
          out);
    for (int v = 0; seen && v < count && v < ANNOTATE_ROWS; v++) {
        const line typed = next_typed(&ir), code = next_instruction(&listing);
        bool *is_seen = &seen[p->of_value[v] + 1];
        put_value(out, a, p, v, typed, code, !*is_seen);
        *is_seen = true;
    }
    free(seen);
    fputs("</tbody></table></div>\n", out);
    if (count > ANNOTATE_ROWS) fprintf(out, "<p class=\"dim\">The first %d of %d.</p>\n", ANNOTATE_ROWS, count);
}

/* "rewritten: [b, e) became ..." */
static void put_rewrite(FILE *out, const annotation *a, const places *p, line l) {
    size_t begin, end;
    int words = 0;
    if (sscanf(l.text, "rewritten: [%zu, %zu) %n", &begin, &end, &words) != 2 || !words) return;
    if (begin < a->source->text_begin || end > a->source->whole_length) return;
    const int at = places_at(p, begin, end);
    fputs("<li><code>", out);
    const bool is_link = at >= 0 && place_is_shown(&p->items[at]);
    if (is_link) fprintf(out, "<a href=\"#p%d\">", at);
    html_excerpt(out, a->source->whole + begin, end - begin, TEXT_WIDTH);
    if (is_link) fputs("</a>", out);
    fputs("</code> ", out);
    html_text(out, l.text + words, l.length - (size_t)words);
    fputs("</li>\n", out);
}

static void put_rewrites(FILE *out, const annotation *a, const places *p, const char *ir) {
    const char *first = strstr(ir, "\nrewritten: ");
    if (!first) return;
    fputs("<h3>Rewritten, with the same bits</h3>\n<ul class=\"limits panel\">\n", out);
    for (const char *at = first + 1; *at;) put_rewrite(out, a, p, next_line(&at));
    fputs("</ul>\n", out);
}

void annotate_values(FILE *out, const annotation *a, const places *p) {
    const size_t ir_length = nexpr_ir(a->expr, NULL, NULL, 0), listing_length = nexpr_listing(a->expr, NULL, 0);
    char *ir = malloc(ir_length + 1), *listing = malloc(listing_length + 1);
    fputs("<section id=\"values\"><h2>Values and bytecode</h2>\n", out);
    if (ir && listing) {
        nexpr_ir(a->expr, NULL, ir, ir_length + 1);
        nexpr_listing(a->expr, listing, listing_length + 1);
        put_values(out, a, p, ir, listing);
        put_rewrites(out, a, p, ir);
    }
    fputs("</section>\n", out);
    free(ir);
    free(listing);
}

/* ------------------------------------------------------------------------------------------------------------- code -- */

static int count_lines(const code_block *block) {
    int lines = 0;
    for (size_t i = 0; i < block->length; i++) lines += block->text[i] == '\n';
    return lines;
}

/* A segment is found by its first block of code; later plans may have others of the same numbers. */
static void put_code_id(FILE *out, const code_block *block, int *nest, int *segment) {
    const bool is_new = block->nest > *nest || (block->nest == *nest && block->segment > *segment);
    if (!is_new) return;
    fprintf(out, " id=\"c%d-%d\"", block->nest, block->segment);
    *nest = block->nest;
    *segment = block->segment;
}

static void put_share_of(FILE *out, const places *p, const code_block *block) {
    for (int k = 0; k < p->step_count; k++) {
        const step_stats *step = &p->steps[k];
        if (!step->segment || step->nest != block->nest || step->segment != block->segment) continue;
        if (has_all_steps(p)) fprintf(out, ", <a href=\"#s%d\">%.1f %% of the time</a>", k, 100 * step->share);
        else fprintf(out, ", %.1f %% of the time", 100 * step->share);
        return;
    }
}

static void put_block(FILE *out, const places *p, const code_block *block, int *nest, int *segment) {
    fputs(block->detail ? "<details" : "<details open", out);
    if (block->detail) put_code_id(out, block, nest, segment);
    fprintf(out, "><summary>nest %d", block->nest);
    if (block->detail) {
        fprintf(out, ", segment %d: %s, %d lines", block->segment, block->detail == NEXPR_REPORT_IR ? "LLVM IR" : "assembly",
                count_lines(block));
        put_share_of(out, p, block);
    }
    fputs("</summary><pre>\n", out);
    html_text(out, block->text, block->length);
    fputs("</pre></details>\n", out);
}

void annotate_code(FILE *out, const annotation *a, const places *p) {
    code_block block = {0};
    int nest = 0, segment = 0;
    const char *at = a->code->text;
    if (!at) return;
    fputs("<section id=\"code\"><h2>Loop nests and machine code</h2>\n<div class=\"panel\">\n", out);
    while (code_next(&at, &block)) put_block(out, p, &block, &nest, &segment);
    fputs("</div></section>\n", out);
}
