/* SPDX-License-Identifier: MIT */
#include "cli/roofline.h"

#include "cli/peak.h"

#include <math.h>
#include <stdlib.h>

enum { WIDTH = 720, HEIGHT = 380, LEFT = 64, RIGHT = 24, TOP = 20, BOTTOM = 52, MOST_POINTS = 24, MOST_SLOPES = 3 };
#define SAME_RATE 1.6    /* slopes this close are one */
enum { FEW_ITEMS = 500 }; /* such a run takes as long to begin as to do */

typedef struct point {
    int nest;
    double intensity, rate, copy; /* operations per byte and second; bytes per second */
    double busy;                  /* ns */
} point;

typedef struct chart {
    FILE *out;
    point points[MOST_POINTS];
    int count, threads;
    bool is_single;
    double ceiling;
    double slopes[MOST_SLOPES];
    int slope_count;
    double x0, x1, y0, y1; /* decades */
} chart;

static double x_of(const chart *c, double intensity) {
    return LEFT + (log10(intensity) - c->x0) / (c->x1 - c->x0) * (WIDTH - LEFT - RIGHT);
}

static double y_of(const chart *c, double rate) {
    return HEIGHT - BOTTOM - (log10(rate) - c->y0) / (c->y1 - c->y0) * (HEIGHT - TOP - BOTTOM);
}

/* ------------------------------------------------------------------------------------------------------- measuring -- */

static void add_point(chart *c, const nexpr_profile *profile, int index, nexpr_context *context) {
    nexpr_nest_stats n = nexpr_nest_stats_init();
    nexpr_profile_nest(profile, index, &n);
    if (!n.runs || !n.wall_ns || n.elements / n.runs < FEW_ITEMS) return;
    if (n.bytes_per_element <= 0 || n.operations_per_element <= 0) return;
    point p = {.nest = index, .intensity = n.operations_per_element / n.bytes_per_element, .busy = (double)n.busy_ns};
    const double elements = (double)n.elements;
    p.rate = n.operations_per_element * elements * 1e9 / (double)n.wall_ns;
    const double once = n.bytes_per_element * (elements / (double)n.runs);
    nexpr_measure_copy(context, (int64_t)once, n.threads, &p.copy, NULL);
    if (n.threads > c->threads) c->threads = n.threads;
    c->points[c->count++] = p;
}

static int compare_busy(const void *a, const void *b) {
    const point *x = a, *y = b;
    return (x->busy < y->busy) - (x->busy > y->busy);
}

/* The slopes of the nests that took longest. */
static void choose_slopes(chart *c) {
    for (int i = 0; i < c->count && c->slope_count < MOST_SLOPES; i++) {
        bool is_new = c->points[i].copy > 0;
        for (int k = 0; k < c->slope_count; k++) {
            const double ratio = c->slopes[k] / c->points[i].copy;
            is_new &= ratio > SAME_RATE || ratio < 1 / SAME_RATE;
        }
        if (is_new) c->slopes[c->slope_count++] = c->points[i].copy;
    }
}

/* float32 if the slowest operation of all is that. */
static bool is_mostly_single(const nexpr_profile *profile) {
    nexpr_stats stats = nexpr_stats_init();
    nexpr_op_stats slowest = nexpr_op_stats_init();
    nexpr_profile_stats(profile, &stats);
    for (int i = 0; i < stats.nest_count; i++) {
        nexpr_nest_stats n = nexpr_nest_stats_init();
        nexpr_profile_nest(profile, i, &n);
        for (int k = 0; k < n.op_count; k++) {
            nexpr_op_stats o = nexpr_op_stats_init();
            nexpr_profile_op(profile, i, k, &o);
            if (o.ns > slowest.ns) slowest = o;
        }
    }
    return slowest.dtype == NEXPR_FLOAT32 || slowest.dtype == NEXPR_COMPLEX64 || slowest.dtype == NEXPR_FLOAT16;
}

static void choose_range(chart *c) {
    c->x0 = -2, c->x1 = 1;
    c->y0 = c->y1 = log10(c->ceiling);
    for (int i = 0; i < c->count; i++) {
        c->x0 = fmin(c->x0, floor(log10(c->points[i].intensity)));
        c->x1 = fmax(c->x1, ceil(log10(c->points[i].intensity)));
        c->y0 = fmin(c->y0, floor(log10(c->points[i].rate) - 0.3));
        c->y1 = fmax(c->y1, log10(c->points[i].rate));
    }
    for (int k = 0; k < c->slope_count; k++) { /* the ridge is in sight */
        c->x1 = fmax(c->x1, ceil(log10(c->ceiling / c->slopes[k]) + 0.3));
    }
    c->y0 = fmin(c->y0, floor(c->y1) - 2);
    c->y1 = ceil(c->y1 + 0.1);
}

/* --------------------------------------------------------------------------------------------------------- drawing -- */

static const char *rate_text(double rate, char *text, size_t room) {
    static const char *const units[] = {"op/s", "Kop/s", "Mop/s", "Gop/s", "Top/s", "Pop/s"};
    int unit = 0;
    for (; rate >= 999.5 && unit < 5; unit++) rate /= 1000;
    snprintf(text, room, "%.3g %s", rate, units[unit]);
    return text;
}

static void draw_axes(const chart *c) {
    char text[32];
    const double bottom = HEIGHT - BOTTOM, right = WIDTH - RIGHT;
    for (int d = (int)c->x0; d <= (int)c->x1; d++) {
        const double x = x_of(c, pow(10, d));
        fprintf(c->out,
                "<path class=\"grid\" d=\"M%.1f %d V%.1f\"/><text class=\"tick\" x=\"%.1f\" y=\"%.1f\" "
                "text-anchor=\"middle\">%g</text>\n",
                x, TOP, bottom, x, bottom + 18, pow(10, d));
    }
    for (int d = (int)ceil(c->y0); d <= (int)c->y1; d++) {
        const double y = y_of(c, pow(10, d));
        fprintf(c->out,
                "<path class=\"grid\" d=\"M%d %.1f H%.1f\"/><text class=\"tick\" x=\"%d\" y=\"%.1f\" "
                "text-anchor=\"end\">%s</text>\n",
                LEFT, y, right, LEFT - 8, y + 4, rate_text(pow(10, d), text, sizeof text));
    }
    fprintf(c->out, "<text class=\"axis\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">operations per byte</text>\n",
            (LEFT + right) / 2, HEIGHT - 10);
}

/* From the left or the lower edge up to the ceiling. */
static void draw_slope(const chart *c, int k) {
    const double copy = c->slopes[k];
    const double left = fmax(pow(10, c->x0), pow(10, c->y0) / copy), ridge = c->ceiling / copy;
    const double xa = x_of(c, left), ya = y_of(c, left * copy), xb = x_of(c, ridge), yb = y_of(c, c->ceiling);
    const double angle = atan2(yb - ya, xb - xa) * 180 / M_PI, middle = 0.72 - 0.24 * k;
    const double x = xa + middle * (xb - xa), y = ya + middle * (yb - ya);
    bool is_highest = true;
    for (int i = 0; i < c->slope_count; i++) is_highest &= c->slopes[i] <= copy;
    fprintf(c->out, "<path class=\"roof%s\" d=\"M%.1f %.1f L%.1f %.1f\"/>\n", k ? " other" : "", xa, ya, xb, yb);
    fprintf(c->out,
            "<text class=\"roof-name\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" "
            "transform=\"rotate(%.1f %.1f %.1f)\">copying: %.3g GB/s</text>\n",
            x, is_highest ? y - 7 : y + 16, angle, x, y, copy * 1e-9);
}

static void draw_ceiling(const chart *c) {
    char text[32];
    double from = pow(10, c->x1);
    for (int k = 0; k < c->slope_count; k++) from = fmin(from, c->ceiling / c->slopes[k]);
    if (!c->slope_count) from = pow(10, c->x0);
    const double y = y_of(c, c->ceiling), right = WIDTH - RIGHT;
    fprintf(c->out, "<path class=\"roof\" d=\"M%.1f %.1f H%.1f\"/>\n", x_of(c, fmax(from, pow(10, c->x0))), y, right);
    fprintf(c->out, "<text class=\"roof-name\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s in %s, %d thread%s</text>\n",
            right, y - 7, rate_text(c->ceiling, text, sizeof text), c->is_single ? "float32" : "float64", c->threads,
            c->threads == 1 ? "" : "s");
}

static double limit_of(const chart *c, const point *p) {
    const double slope = p->copy * p->intensity;
    return p->copy > 0 && slope < c->ceiling ? slope : c->ceiling;
}

static void draw_point(const chart *c, const point *p) {
    char rate[32], limit[32];
    const double x = x_of(c, p->intensity), y = y_of(c, p->rate), roof = y_of(c, limit_of(c, p));
    rate_text(p->rate, rate, sizeof rate);
    rate_text(limit_of(c, p), limit, sizeof limit);
    if (roof < y) fprintf(c->out, "<path class=\"gap\" d=\"M%.1f %.1f V%.1f\"/>\n", x, y, roof);
    fprintf(c->out,
            "<g class=\"nest\"><circle cx=\"%.1f\" cy=\"%.1f\" r=\"5.5\"/><title>nest %d: %.3g operations per byte, %s; "
            "the limit there is %s (%.0f %%)</title></g>\n",
            x, y, p->nest + 1, p->intensity, rate, limit, 100 * p->rate / limit_of(c, p));
    const bool is_right = x > WIDTH - RIGHT - 70;
    fprintf(c->out, "<text class=\"nest-name\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">nest %d</text>\n",
            is_right ? x - 10 : x + 10, y + 4, is_right ? "end" : "start", p->nest + 1);
}

static void draw(const chart *c) {
    fprintf(c->out,
            "<svg class=\"roofline\" viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"roofline-title\">\n"
            "<title id=\"roofline-title\">Operations per second against operations per byte</title>\n",
            WIDTH, HEIGHT);
    draw_axes(c);
    for (int k = 0; k < c->slope_count; k++) draw_slope(c, k);
    draw_ceiling(c);
    for (int i = c->count; i-- > 0;) draw_point(c, &c->points[i]);
    fputs("</svg>\n", c->out);
}

bool roofline_draw(FILE *out, const nexpr_profile *profile, nexpr_context *context) {
    chart c = {.out = out, .threads = 1};
    nexpr_stats stats = nexpr_stats_init();
    nexpr_profile_stats(profile, &stats);
    for (int i = 0; i < stats.nest_count && c.count < MOST_POINTS; i++) add_point(&c, profile, i, context);
    if (!c.count) return false;
    qsort(c.points, (size_t)c.count, sizeof *c.points, compare_busy);
    c.is_single = is_mostly_single(profile);
    c.ceiling = peak_measure(c.is_single) * c.threads;
    choose_slopes(&c);
    choose_range(&c);
    draw(&c);
    return true;
}
