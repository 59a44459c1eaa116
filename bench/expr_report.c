/* SPDX-License-Identifier: MIT */
/* Each line is written when it is measured, so that a run that is ended early has shown what it found. */
#include "bench/expr_report.h"

#include <sched.h>
#include <string.h>
#include <time.h>

#include "vm/kernels.h"

#ifdef __clang__
#define COMPILER __VERSION__ /* begins with its name */
#else
#define COMPILER "gcc " __VERSION__
#endif

enum { NAME_WIDTH = 46 };

int bench_cpu_count(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

/* "unknown" where the system does not tell. */
static void find_cpu_model(char *model, size_t capacity) {
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(model, capacity, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        char *value = strstr(line, ": ");
        if (strncmp(line, "model name", 10) || !value) continue;
        snprintf(model, capacity, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
        break;
    }
    if (file) fclose(file);
}

static void find_date(char *date, size_t capacity) {
    time_t now = time(NULL);
    struct tm utc;
    strftime(date, capacity, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
}

static void write_string(FILE *file, const char *key, const char *value) {
    fprintf(file, "\"%s\": \"", key);
    for (const char *p = value; *p; p++) {
        if (*p == '"' || *p == '\\') putc('\\', file);
        putc((unsigned char)*p < ' ' ? ' ' : *p, file);
    }
    fputs("\", ", file);
}

static void begin_json(FILE *file, const char *model, const char *date, const char *version) {
    fputs("{", file);
    write_string(file, "machine", model);
    fprintf(file, "\"cpus\": %d, ", bench_cpu_count());
    write_string(file, "isa", nx_isa_name(nx_isa_current()));
    write_string(file, "date", date);
    write_string(file, "compiler", COMPILER);
    write_string(file, "version", version);
    fputs("\"rows\": [", file);
}

void bench_report_begin(bench_report *report) {
    char model[128], date[32], version[32];
    int number = nexpr_version();
    find_cpu_model(model, sizeof model);
    find_date(date, sizeof date);
    snprintf(version, sizeof version, "%d.%d.%d", number / 10000, number / 100 % 100, number % 100);
    fprintf(report->text, "%s, %d CPUs, kernels for %s, %s, nexpr %s, %s\n", model, bench_cpu_count(),
            nx_isa_name(nx_isa_current()), COMPILER, version, date);
    fprintf(report->text, "%-*s %-10s %8s %3s %9s %6s %9s %6s %9s %6s\n", NAME_WIDTH, "row", "dtype", "n", "thr", "ns/item",
            "GB/s", "strict ns", "ratio", "fast ns", "ratio");
    fflush(report->text);
    if (report->json) begin_json(report->json, model, date, version);
}

static void write_text(FILE *file, const bench_figures *f) {
    const bench_row *row = f->row;
    int room = *row->note ? NAME_WIDTH - 2 - (int)strlen(row->note) : NAME_WIDTH;
    bool is_long = (int)strlen(row->text) > room;
    int printed = fprintf(file, "%.*s%s%s%s", is_long ? room - 3 : room, row->text, is_long ? "..." : "",
                          *row->note ? ", " : "", row->note);
    fprintf(file, "%*s %-10s %8zu %3d ", printed < NAME_WIDTH ? NAME_WIDTH - printed : 0, "",
            nexpr_dtype_name((nexpr_dtype)row->result), f->n, f->threads);
    fprintf(file, "%9.3f %6.1f %9.3f %6.2f %9.3f %6.2f\n", f->ns, f->gb_per_s, f->strict_ns, f->strict_ratio, f->fast_ns,
            f->fast_ratio);
    fflush(file);
}

static void write_json(FILE *file, const bench_figures *f, bool is_first) {
    const bench_row *row = f->row;
    fprintf(file, "%s\n {", is_first ? "" : ",");
    write_string(file, "row", row->name);
    write_string(file, "expression", row->text);
    write_string(file, "note", row->note);
    write_string(file, "dtype", nexpr_dtype_name((nexpr_dtype)row->result));
    fprintf(file, "\"n\": %zu, \"threads\": %d, \"ns_per_item\": %.6g, \"gb_per_s\": %.6g, ", f->n, f->threads, f->ns,
            f->gb_per_s);
    fprintf(file, "\"strict_ns_per_item\": %.6g, \"strict_ratio\": %.6g, ", f->strict_ns, f->strict_ratio);
    fprintf(file, "\"fast_ns_per_item\": %.6g, \"fast_ratio\": %.6g}", f->fast_ns, f->fast_ratio);
}

void bench_report_row(bench_report *report, const bench_figures *figures) {
    write_text(report->text, figures);
    if (report->json) write_json(report->json, figures, report->count == 0);
    report->count++;
}

bool bench_report_end(bench_report *report) {
    bool is_good = fflush(report->text) == 0 && !ferror(report->text);
    if (report->json) {
        fputs("\n]}\n", report->json);
        is_good &= fflush(report->json) == 0 && !ferror(report->json);
    }
    return is_good;
}
