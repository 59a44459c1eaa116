/* SPDX-License-Identifier: MIT */
/*
 * job_tool MAX_MEMORY EXPRESSION [NAME=[MEMBER@]FILE]... [-o OUTPUT]...: evaluates from files to files and prints what the
 * job said about itself, its peak of memory, and results without an output. MEMBER is a member's name; FILE a path or "-".
 * With one OUTPUT it takes all results, else each takes one. For job_test.py, which compares with numpy.
 */
#include "nexpr_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 32 };

typedef struct work {
    nexpr_program *program;
    nexpr *expr;
    nexpr_job *job;
    nexpr_input inputs[MOST];
    const nexpr_input *input_list[MOST];
    nexpr_file *files[MOST];
    nexpr_file_source sources[MOST];
    const nexpr_file_source *source_list[MOST];
    nexpr_output *outputs[MOST];
    nexpr_file_sink sinks[MOST];
    const nexpr_file_sink *sink_list[MOST];
    int input_count, output_count;
} work;

/* NAME=[MEMBER@]FILE; a file that is named twice is opened once. */
static nexpr_status add_input(work *w, char *argument, nexpr_error *err) {
    static const char *paths[MOST];
    char *file = strchr(argument, '=') + 1, *at = strchr(file, '@');
    int i = w->input_count++, member = 0, other = 0;
    file[-1] = 0;
    if (at) *at = 0;
    const char *name = at ? file : NULL, *path = at ? at + 1 : file;
    w->sources[i] = nexpr_file_source_init();
    while (other < i && strcmp(paths[other], path)) other++;
    paths[i] = path;
    nexpr_status status = NEXPR_OK;
    if (other < i) w->sources[i].file = w->sources[other].file;
    else status = nexpr_file_open(path, NULL, &w->files[i], err);
    if (status) return status;
    if (other == i) w->sources[i].file = w->files[i];
    if (name) status = nexpr_file_find(w->sources[i].file, name, &member, err);
    if (status) return status;
    nexpr_member m = nexpr_member_init();
    nexpr_file_member(w->sources[i].file, member, &m);
    w->sources[i].member = member;
    w->source_list[i] = &w->sources[i];
    w->inputs[i] = nexpr_input_init(argument, m.dtype, m.ndim);
    w->input_list[i] = &w->inputs[i];
    return NEXPR_OK;
}

static nexpr_status add_output(work *w, const char *path, nexpr_error *err) {
    nexpr_output_options options = nexpr_output_options_init();
    options.force = options.no_fsync = true;
    return nexpr_output_new(path, &options, &w->outputs[w->output_count++], err);
}

/* KiB; getrusage would tell of the process that this one was forked from. */
static long peak_memory(void) {
    char line[128];
    long peak = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status)) {
        if (sscanf(line, "VmHWM: %ld", &peak) == 1) break;
    }
    if (status) fclose(status);
    return peak;
}

static void print_result(const work *w, int index) {
    nexpr_array a = nexpr_array_init();
    nexpr_member m = nexpr_member_init();
    if (nexpr_job_result(w->job, index, &m) || nexpr_job_array(w->job, index, &a)) return;
    printf("result %d %s %s:", index, m.type, m.fortran_order ? "F" : "C");
    for (int64_t i = 0; i < m.bytes; i++) printf(" %02x", ((unsigned char *)a.data)[i]);
    printf("\n");
}

static nexpr_status run(work *w, const char *text, size_t max_memory, nexpr_error *err) {
    nexpr_job_options options = nexpr_job_options_init();
    nexpr_job_info info = nexpr_job_info_init();
    options.max_memory = max_memory;
    nexpr_status status = nexpr_parse(NULL, text, SIZE_MAX, NULL, &w->program, err);
    if (!status) status = nexpr_compile(NULL, w->program, w->input_list, w->input_count, NULL, NULL, &w->expr, err);
    if (status) return status;
    int results = nexpr_result_count(w->expr);
    for (int i = 0; i < results; i++) {
        w->sinks[i] = nexpr_file_sink_init();
        w->sinks[i].output = w->output_count ? w->outputs[w->output_count > 1 ? i : 0] : NULL;
        w->sink_list[i] = &w->sinks[i];
    }
    status = nexpr_job_new(w->expr, NULL, w->source_list, w->sink_list, &options, &w->job, err);
    if (status) return status;
    nexpr_job_describe(w->job, &info);
    status = nexpr_job_run(w->job, err);
    for (int i = 0; !status && i < w->output_count; i++) status = nexpr_output_commit(w->outputs[i], err);
    if (status) return status;
    fprintf(stderr, "read %lld write %lld keep %lld buffers %lld spool %lld %s boxes %lld elements %lld fortran %d rss "
            "%ld passes %lld\n",
            (long long)info.bytes_to_read, (long long)info.bytes_to_write, (long long)info.bytes_to_keep,
            (long long)info.buffer_bytes, (long long)info.spool_bytes, info.spool_in_memory ? "memory" : "file",
            (long long)info.boxes, (long long)info.elements, info.fortran_order, peak_memory(),
            (long long)info.passes);
    for (int i = 0; i < results; i++) print_result(w, i);
    return NEXPR_OK;
}

int main(int argc, char **argv) {
    static work w;
    if (argc < 3) return 2;
    nexpr_error err = nexpr_error_init();
    nexpr_status status = NEXPR_OK;
    for (int i = 3; !status && i < argc; i++) {
        if (!strcmp(argv[i], "-o") && i + 1 < argc) status = add_output(&w, argv[++i], &err);
        else status = add_input(&w, argv[i], &err);
    }
    if (!status) status = run(&w, argv[2], (size_t)atoll(argv[1]), &err);
    if (status) fprintf(stderr, "%s: %s\n", nexpr_status_text(status), err.message);
    nexpr_job_free(&w.job);
    for (int i = 0; i < w.output_count; i++) nexpr_output_free(&w.outputs[i]);
    for (int i = 0; i < w.input_count; i++) nexpr_file_free(&w.files[i]);
    nexpr_free(&w.expr);
    nexpr_program_free(&w.program);
    nexpr_context_free_default();
    return status ? 1 : 0;
}
