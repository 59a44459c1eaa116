/* SPDX-License-Identifier: MIT */
#include "cli/insight.h"

#include "cli/report.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_WIDTH = 48 };

const char *insight_time(double ns, char *text) {
    static const char *const units[] = {"ns", "us", "ms", "s"};
    int unit = 0;
    for (; ns >= 999.5 && unit < 3; unit++) ns /= 1000;
    snprintf(text, INSIGHT_TIME_MAX, "%.*f %s", !unit || ns >= 99.95 ? 0 : ns >= 9.995 ? 1 : 2, ns, units[unit]);
    return text;
}

static void put_line(FILE *out, const char *text, size_t length) {
    for (size_t n; length; text += n, length -= n) {
        n = strcspn(text, "\n\t");
        if (n > length) n = length;
        report_text(out, text, n);
        if (n == length) return;
        putc(' ', out);
        n++;
    }
}

/* A place of the text in one line; long ones lose their middle. */
static void put_place(FILE *out, const source *s, size_t begin, size_t end) {
    const size_t part = (TEXT_WIDTH - 3) / 2;
    if (end > s->whole_length || begin >= end) return;
    if (end - begin <= TEXT_WIDTH) {
        put_line(out, s->whole + begin, end - begin);
        return;
    }
    size_t head = begin + part, tail = end - part;
    while (head > begin && ((unsigned char)s->whole[head] & 0xC0) == 0x80) head--;
    while (tail < end && ((unsigned char)s->whole[tail] & 0xC0) == 0x80) tail++;
    put_line(out, s->whole + begin, head - begin);
    fputs("...", out);
    put_line(out, s->whole + tail, end - tail);
}

/* ---------------------------------------------------------------------------------------------------------- tables -- */

int insight_phases(const nexpr_stats *s, insight_phase *ret) {
    const insight_phase phases[INSIGHT_PHASES] = {
        {"parse", s->parse_ns}, {"compile", s->compile_ns}, {"plan", s->plan_ns}, {"machine code", s->code_ns},
        {"read", s->read_ns},   {"compute", s->compute_ns}, {"copy", s->copy_ns}, {"write", s->write_ns}};
    int count = 0;
    for (int i = 0; i < INSIGHT_PHASES; i++) {
        if (phases[i].ns) ret[count++] = phases[i];
    }
    return count;
}

bool insight_phases_overlap(const nexpr_stats *s) {
    return s->read_ns + s->compute_ns + s->write_ns > s->wall_ns;
}

static void put_phases(FILE *out, const nexpr_stats *s) {
    insight_phase phases[INSIGHT_PHASES];
    char text[INSIGHT_TIME_MAX];
    const int count = insight_phases(s, phases);
    for (int i = 0; i < count; i++) {
        fprintf(out, "%s%s %s", i ? ", " : "", phases[i].name, insight_time((double)phases[i].ns, text));
    }
    fprintf(out, "; run in %s%s\n", insight_time((double)s->wall_ns, text),
            insight_phases_overlap(s) ? ", for reading, computing and writing overlap" : "");
}

const char *insight_tier(const nexpr_nest_stats *n) {
    return !n->compiled_tasks ? "VM" : n->vm_tasks ? "VM, then machine code" : "machine code";
}

static void put_nest(FILE *out, const nexpr_nest_stats *n, int index) {
    char wall[INSIGHT_TIME_MAX], busy[INSIGHT_TIME_MAX];
    fprintf(out, "\nnest %d, %s, %s: %lld element%s in %s", index + 1, n->kind, insight_tier(n), (long long)n->elements,
            n->elements == 1 ? "" : "s", insight_time((double)n->wall_ns, wall));
    if (n->threads > 1) fprintf(out, ", %s in %d threads", insight_time((double)n->busy_ns, busy), n->threads);
    fputs("\n      time   share    elements  ns/element    GB/s  operation\n", out);
}

static void put_op(FILE *out, const source *s, const nexpr_op_stats *o) {
    char text[INSIGHT_TIME_MAX];
    const double ns = (double)o->ns, bytes = o->bytes_per_element * (double)o->elements;
    fprintf(out, "%10s %5.1f %% %11lld %11.3f %7.1f  %s  ", insight_time(ns, text), 100 * o->share, (long long)o->elements,
            ns / (double)o->elements, ns > 0 ? bytes / ns : 0, o->name);
    put_place(out, s, o->begin, o->end);
    putc('\n', out);
}

/* The operations of a nest, the slowest first; NULL if memory is out. */
static nexpr_op_stats *sorted_ops(const nexpr_profile *profile, int nest, int count) {
    nexpr_op_stats *ops = calloc((size_t)count + 1, sizeof *ops);
    for (int k = 0; ops && k < count; k++) {
        nexpr_op_stats o = nexpr_op_stats_init();
        int at = k;
        nexpr_profile_op(profile, nest, k, &o);
        for (; at > 0 && ops[at - 1].ns < o.ns; at--) ops[at] = ops[at - 1];
        ops[at] = o;
    }
    return ops;
}

void insight_print(FILE *out, const source *s, const nexpr_profile *profile) {
    nexpr_stats stats = nexpr_stats_init();
    nexpr_profile_stats(profile, &stats);
    put_phases(out, &stats);
    for (int i = 0; i < stats.nest_count; i++) {
        nexpr_nest_stats n = nexpr_nest_stats_init();
        nexpr_profile_nest(profile, i, &n);
        nexpr_op_stats *ops = sorted_ops(profile, i, n.op_count);
        put_nest(out, &n, i);
        for (int k = 0; ops && k < n.op_count; k++) put_op(out, s, &ops[k]);
        free(ops);
    }
}

/* ------------------------------------------------------------------------------------------------------------ JSON -- */

static void json_place(json *j, const source *s, size_t begin, size_t end) {
    const bool is_known = begin < end && end <= s->whole_length;
    json_int(j, "begin", (int64_t)begin - (is_known ? (int64_t)s->text_begin : 0));
    json_int(j, "end", (int64_t)end - (is_known ? (int64_t)s->text_begin : 0));
    if (is_known) json_text(j, "text", s->whole + begin, end - begin);
    else json_string(j, "text", NULL);
}

static void json_op(json *j, const source *s, const nexpr_op_stats *o) {
    json_begin(j, NULL, '{');
    json_string(j, "name", o->name);
    json_place(j, s, o->begin, o->end);
    json_string(j, "dtype", nexpr_dtype_name(o->dtype));
    json_bool(j, "compiled", o->is_compiled);
    json_int(j, "ns", o->ns);
    json_number(j, "share", o->share);
    json_int(j, "elements", o->elements);
    json_number(j, "bytes_per_element", o->bytes_per_element);
    json_int(j, "operations", o->operations);
    json_end(j, '}');
}

static void json_nest(json *j, const source *s, const nexpr_profile *profile, int index) {
    nexpr_nest_stats n = nexpr_nest_stats_init();
    nexpr_profile_nest(profile, index, &n);
    json_begin(j, NULL, '{');
    json_string(j, "kind", n.kind);
    json_int(j, "pass", n.pass);
    json_place(j, s, n.begin, n.end);
    json_int(j, "runs", n.runs);
    json_int(j, "elements", n.elements);
    json_int(j, "wall_ns", n.wall_ns);
    json_int(j, "busy_ns", n.busy_ns);
    json_int(j, "threads", n.threads);
    json_int(j, "vm_tasks", n.vm_tasks);
    json_int(j, "compiled_tasks", n.compiled_tasks);
    json_string(j, "why", n.why);
    json_string(j, "isa", n.isa);
    json_int(j, "block_items", n.block_items);
    json_int(j, "registers", n.registers);
    json_int(j, "register_bytes", n.register_bytes);
    json_int(j, "segments", n.segments);
    json_number(j, "bytes_per_element", n.bytes_per_element);
    json_number(j, "operations_per_element", n.operations_per_element);
    json_number(j, "estimated_ns_per_element", n.estimated_ns);
    json_bool(j, "uncached", n.is_uncached);
    json_number(j, "coverage", n.coverage);
    json_begin(j, "operations", '[');
    for (int k = 0; k < n.op_count; k++) {
        nexpr_op_stats o = nexpr_op_stats_init();
        nexpr_profile_op(profile, index, k, &o);
        json_op(j, s, &o);
    }
    json_end(j, ']');
    json_end(j, '}');
}

void insight_json(json *j, const char *key, const source *s, const nexpr_profile *profile) {
    nexpr_stats stats = nexpr_stats_init();
    nexpr_profile_stats(profile, &stats);
    json_begin(j, key, '{');
    json_int(j, "runs", stats.runs);
    json_int(j, "parse_ns", stats.parse_ns);
    json_int(j, "compile_ns", stats.compile_ns);
    json_int(j, "plan_ns", stats.plan_ns);
    json_int(j, "code_ns", stats.code_ns);
    json_int(j, "compute_ns", stats.compute_ns);
    json_int(j, "copy_ns", stats.copy_ns);
    json_int(j, "read_ns", stats.read_ns);
    json_int(j, "write_ns", stats.write_ns);
    json_int(j, "wall_ns", stats.wall_ns);
    json_begin(j, "nests", '[');
    for (int i = 0; i < stats.nest_count; i++) json_nest(j, s, profile, i);
    json_end(j, ']');
    json_end(j, '}');
}

/* ---------------------------------------------------------------------------------------------------------- limits -- */

/* A loop that moves its bytes at this part of the speed of copying waits for them. One that takes so many times what
 * its steps are estimated to take in a cache may wait for something else. A run of few elements takes as long to begin
 * as to do. */
#define MEMORY_BOUND 0.6
#define UNEXPECTED 3
enum { FEW_ITEMS = 500, FEW_RUNS = 3 };

static void put_slowest(FILE *out, const source *s, const nexpr_profile *profile, int nest, const nexpr_nest_stats *n) {
    nexpr_op_stats *ops = sorted_ops(profile, nest, n->op_count);
    if (ops && n->op_count > 1 && n->busy_ns > 0) {
        fprintf(out, "; %.0f %% of the time is in ", 100 * (double)ops[0].ns / (double)n->busy_ns);
        if (ops[0].begin < ops[0].end) put_place(out, s, ops[0].begin, ops[0].end);
        else fputs(ops[0].name, out);
        fprintf(out, " (%s)", ops[0].name);
    }
    free(ops);
}

/* What limits a nest that moves its bytes at this part of the speed of copying. The estimate knows no slow functions, and
 * few runs do not tell these from pages that are touched for the first time. */
static const char *limit_of(const nexpr_nest_stats *n, double reached) {
    const double ns = (double)n->busy_ns / (double)n->elements;
    if (reached >= MEMORY_BOUND) return n->is_uncached ? "memory-bound" : "bound by the caches";
    if (n->runs >= FEW_RUNS || ns <= UNEXPECTED * n->estimated_ns) return "compute-bound";
    return "bound by computing, or by touching memory for the first time (--time runs it again)";
}

static void put_limit(FILE *out, const source *s, const nexpr_profile *profile, int index, nexpr_context *context) {
    nexpr_nest_stats n = nexpr_nest_stats_init();
    char text[INSIGHT_TIME_MAX];
    double copy = 0;
    nexpr_profile_nest(profile, index, &n);
    if (!n.runs || !n.wall_ns || !n.elements) return;
    const int64_t once = n.elements / n.runs;
    fprintf(out, "nest %d is ", index + 1);
    if (once < FEW_ITEMS) {
        fprintf(out, "bound by getting going: %s for %lld element%s\n",
                insight_time((double)n.wall_ns / (double)n.runs, text), (long long)once, once == 1 ? "" : "s");
        return;
    }
    nexpr_measure_copy(context, (int64_t)(n.bytes_per_element * (double)once), n.threads, &copy, NULL);
    const double rate = n.bytes_per_element * (double)n.elements * 1e9 / (double)n.wall_ns;
    const double reached = copy > 0 ? rate / copy : 0;
    fprintf(out, "%s: %.3g bytes per element, %.2g operations per byte", limit_of(&n, reached), n.bytes_per_element,
            n.bytes_per_element > 0 ? n.operations_per_element / n.bytes_per_element : 0);
    if (copy > 0) fprintf(out, "; reached %.0f %% of copy speed", 100 * reached);
    if (reached < MEMORY_BOUND) put_slowest(out, s, profile, index, &n);
    putc('\n', out);
}

void insight_print_limits(FILE *out, const source *s, const nexpr_profile *profile, nexpr_context *context) {
    nexpr_stats stats = nexpr_stats_init();
    nexpr_profile_stats(profile, &stats);
    for (int i = 0; i < stats.nest_count; i++) put_limit(out, s, profile, i, context);
}
