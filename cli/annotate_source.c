/* SPDX-License-Identifier: MIT */
/*
 * The text of an expression as nested elements, one for each place. Where a place was measured it has a shade, which covers
 * what stands in it unless that has one of its own: so operations that became one step have one shade. The letters between
 * are links to the line of the IR.
 */
#include "cli/annotate_page.h"

#include "cli/html.h"
#include "cli/insight.h"

#include <string.h>

enum { MOST_MARKS = 400, TITLE_WIDTH = 200 };

static const double levels[] = {0.005, 0.02, 0.05, 0.1, 0.2, 0.35, 0.55};
enum { LEVELS = sizeof levels / sizeof *levels };

int annotate_level(double share) {
    int level = 0;
    while (level < LEVELS && share >= levels[level]) level++;
    return level;
}

void annotate_marks(FILE *out, const places *p) {
    for (int i = 0, count = 0; i < p->count && count < MOST_MARKS; i++) {
        if (p->items[i].key != i) continue;
        count++;
        fprintf(out, "body:has(.k%d:hover) .k%d{background:color-mix(in srgb,var(--mark) 28%%,transparent)}\n", i, i);
    }
}

/* ----------------------------------------------------------------------------------------------------------- title -- */

static void put_dtype_and_shape(FILE *out, const place *x) {
    fputs("&#10;", out);
    if (x->dtype == NEXPR_DTYPE_COUNT) fputs("a literal", out);
    else fprintf(out, "%s %s", nexpr_dtype_name(x->dtype), x->shape ? x->shape : "of unknown shape");
}

static void put_measure(FILE *out, const places *p, const place *x) {
    char text[INSIGHT_TIME_MAX];
    const step_stats *step = &p->steps[x->step];
    const place_time *t = &x->time;
    if (step->segment) fprintf(out, "&#10;segment %d of nest %d: ", step->segment, step->nest);
    else fprintf(out, "&#10;%s: ", step->name);
    fprintf(out, "%s, %.1f %% of the time", insight_time((double)t->ns, text), 100 * t->share);
    if (step->place_count > 1) fprintf(out, ", for %d operations together", step->place_count);
    if (t->elements) fprintf(out, "&#10;%.3g ns per element", (double)t->ns / (double)t->elements);
    if (t->ns) fprintf(out, ", %.3g GB/s", t->bytes / (double)t->ns);
}

static bool is_same_text(const source *s, const place *x, const place *y) {
    const size_t n = x->end - x->begin;
    return n == y->end - y->begin && !memcmp(s->whole + x->begin, s->whole + y->begin, n);
}

/* Of what was not measured by itself: where it went. */
static void put_elsewhere(FILE *out, const source *s, const places *p, int i) {
    const place *x = &p->items[i], *key = &p->items[x->key];
    const int around = places_measured(p, i);
    if (x->key != i && (key->step >= 0 || !is_same_text(s, x, key))) {
        fputs("&#10;computed once, as ", out);
        html_excerpt(out, s->whole + key->begin, key->end - key->begin, TITLE_WIDTH / 4);
        if (key->step >= 0) fprintf(out, ": %.1f %% of the time", 100 * key->time.share);
    } else if (x->value >= 0 && around >= 0) {
        fprintf(out, "&#10;measured with %s: %.1f %%", p->steps[p->items[around].step].name,
                100 * p->items[around].time.share);
    }
}

static void put_title(FILE *out, const source *s, const places *p, int i) {
    const place *x = &p->items[i];
    html_excerpt(out, s->whole + x->begin, x->end - x->begin, TITLE_WIDTH);
    put_dtype_and_shape(out, x);
    if (x->step >= 0) put_measure(out, p, x);
    else put_elsewhere(out, s, p, i);
    if (x->whole_share > x->own_share) fprintf(out, "&#10;with what stands in it: %.1f %%", 100 * x->whole_share);
}

/* ------------------------------------------------------------------------------------------------------------ text -- */

typedef struct pen {
    FILE *out;
    const source *source;
    const places *places;
    size_t at;
} pen;

static void put_piece(const pen *w, int in, size_t end) {
    const place *x = &w->places->items[in];
    const bool is_link = x->value >= 0 && x->value < ANNOTATE_ROWS;
    if (is_link) fprintf(w->out, "<a class=\"k%d\" href=\"#v%d\">", x->key, x->value + 1);
    else fprintf(w->out, "<span class=\"k%d\">", x->key);
    html_text(w->out, w->source->whole + w->at, end - w->at);
    fputs(is_link ? "</a>" : "</span>", w->out);
}

/* Between sub-expressions: assignments and comments. A name in backquotes may have a "#". */
static void put_between(const pen *w, size_t end) {
    const char *text = w->source->whole;
    bool is_comment = false, is_quoted = false;
    for (size_t i = w->at; i < end; i++) {
        if (text[i] == '`' && !is_comment) is_quoted = !is_quoted;
        if (text[i] == '#' && !is_comment && !is_quoted) {
            fputs("<i>", w->out);
            is_comment = true;
        }
        if (text[i] == '\n' && is_comment) {
            fputs("</i>", w->out);
            is_comment = false;
        }
        size_t n = 1;
        while (i + n < end && !strchr("`#\n", text[i + n])) n++;
        html_text(w->out, text + i, n);
        i += n - 1;
    }
    if (is_comment) fputs("</i>", w->out);
}

static void put_up_to(pen *w, int in, size_t end) {
    if (end <= w->at) return;
    if (in >= 0) put_piece(w, in, end);
    else put_between(w, end);
    w->at = end;
}

static void open_place(const pen *w, int i) {
    const place *x = &w->places->items[i];
    fprintf(w->out, "<span id=\"p%d\"", i);
    if (x->step >= 0) fprintf(w->out, " class=\"h%d\"", annotate_level(x->time.share));
    fputs(" title=\"", w->out);
    put_title(w->out, w->source, w->places, i);
    fputs("\">", w->out);
}

static void put_text(pen *w) {
    const places *p = w->places;
    int in = -1;
    for (int i = 0; i < p->count; i++) {
        const place *x = &p->items[i];
        if (!place_is_shown(x)) continue;
        for (; in >= 0 && p->items[in].end <= x->begin; in = p->items[in].parent) {
            put_up_to(w, in, p->items[in].end);
            fputs("</span>", w->out);
        }
        put_up_to(w, in, x->begin);
        open_place(w, i);
        in = i;
    }
    for (; in >= 0; in = p->items[in].parent) {
        put_up_to(w, in, p->items[in].end);
        fputs("</span>", w->out);
    }
    put_up_to(w, -1, w->source->whole_length);
}

/* ---------------------------------------------------------------------------------------------------------- gutter -- */

static size_t line_end(const source *s, size_t at) {
    const char *end = memchr(s->whole + at, '\n', s->whole_length - at);
    return end ? (size_t)(end - s->whole) : s->whole_length;
}

/* What was measured within the line; places are in the order of their beginnings. */
static double line_share(const places *p, size_t begin, size_t end, int *next) {
    double share = 0;
    for (; *next < p->count && p->items[*next].begin < end; ++*next) {
        const place *x = &p->items[*next];
        if (x->begin >= begin && x->end <= end) share += x->own_share;
    }
    return share;
}

static void put_gutter(FILE *out, const source *s, const places *p) {
    int next = 0, number = 0;
    fputs("<pre class=\"gutter\" aria-hidden=\"true\">", out);
    for (size_t at = s->text_begin; at < s->whole_length;) {
        const size_t end = line_end(s, at);
        const double share = line_share(p, at, end, &next);
        if (share >= 0.0005) fprintf(out, "<span>%5.1f %%  </span>%4d\n", 100 * share, ++number);
        else fprintf(out, "%4d\n", ++number);
        at = end + 1;
    }
    fputs("</pre>", out);
}

static void put_legend(FILE *out) {
    fputs("<div class=\"legend\"><p>share of the time, each operation without its operands</p>", out);
    for (int i = 0; i <= LEVELS; i++) {
        if (i < LEVELS) fprintf(out, "<span class=\"h%d\">&lt; %g %%</span>", i, 100 * levels[i]);
        else fprintf(out, "<span class=\"h%d\">more</span>", i);
    }
    fputs("</div>\n", out);
}

void annotate_source(FILE *out, const annotation *a, const places *p) {
    const source *s = a->source;
    const size_t inner =
        s->whole_length > s->text_begin && s->whole[s->whole_length - 1] == '\n' ? s->whole_length - 1 : s->whole_length;
    const bool has_lines = memchr(s->whole + s->text_begin, '\n', inner - s->text_begin) != NULL;
    pen w = {out, s, p, s->text_begin};
    fprintf(out, "<section id=\"expression\"><h2>Expression</h2>\n<div class=\"panel text%s\">", has_lines ? "" : " one");
    if (has_lines) put_gutter(out, s, p);
    fputs("<pre class=\"source\">\n", out); /* a first newline is not shown */
    put_text(&w);
    fputs("</pre></div>\n", out);
    put_legend(out);
    if (p->elsewhere >= 0.0005) {
        fprintf(out,
                "<p class=\"dim\">%.1f %% of the time went to steps that have no place in the text, such as storing "
                "results.</p>\n",
                100 * p->elsewhere);
    }
    fputs("</section>\n", out);
}
