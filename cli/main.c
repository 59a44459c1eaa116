/* SPDX-License-Identifier: MIT */
/*
 * nexpr: the command. Text, names, compile, outputs, job; then tell what would be done, or do it. Each step reports its own
 * errors and gives an exit status, and everything is freed on one path.
 */
#include "cli/annotate.h"
#include "cli/bind.h"
#include "cli/code.h"
#include "cli/describe.h"
#include "cli/insight.h"
#include "cli/interrupt.h"
#include "cli/job.h"
#include "cli/launch.h"
#include "cli/name.h"
#include "cli/ops.h"
#include "cli/options.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "cli/ranks.h"
#include "cli/report.h"
#include "cli/source.h"
#include "cli/target.h"
#include "cli/timing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct run {
    settings settings;
    ranks ranks;
    source source;
    bindings bindings;
    nexpr_context *context;
    nexpr *expr;
    targets targets;
    any_job job;
    findings findings;
    nexpr_file_source *sources; /* in the order of bindings.items, those of --set left out */
    const nexpr_file_source **source_list;
    int input_count;
    nexpr_array *arrays; /* --time: what the sources were loaded to */
    const nexpr_array **array_list;
    timing timing;
    nexpr_profile *profile; /* NULL: nobody asks */
    nexpr_output *page;     /* --annotate */
    code_store code;        /* for it */
    progress progress;
} run;

/* ------------------------------------------------------------------------------------------------------- compiling -- */

static void take_report(void *user, const char *text) {
    run *r = user;
    if (r->page) code_keep(&r->code, text);
    if (!r->settings.explain) return;
    fflush(stdout);
    code_print(stderr, text, r->settings.report_detail);
}

static int make_context(run *r) {
    nexpr_context_options options = nexpr_context_options_init();
    nexpr_error err = nexpr_error_init();
    options.threads = r->settings.threads ? r->settings.threads : r->ranks.threads;
    options.run_backend = r->settings.backend;
    options.report = r->settings.explain || r->settings.annotate ? take_report : NULL;
    options.report_user = r;
    options.report_detail = r->settings.report_detail;
    if (r->settings.annotate && r->settings.backend != NEXPR_BACKEND_VM) {
        options.report_detail |= NEXPR_REPORT_IR | NEXPR_REPORT_ASSEMBLY;
    }
    nexpr_status status = nexpr_context_new(&options, &r->context, &err);
    const bool measures = r->settings.profile || r->settings.explain || r->settings.annotate;
    if (!status && measures) status = nexpr_profile_new(r->context, NULL, NULL, &r->profile, &err);
    return status ? report_run("%s", err.message) : EXIT_OK;
}

/* A field that nexpr cannot compute with has a name but no dtype; loading it gives the error that says so. */
static int describe_input(const binding *b, nexpr_input *ret) {
    nexpr_member member = nexpr_member_init();
    nexpr_error err = nexpr_error_init();
    nexpr_array none = nexpr_array_init();
    nexpr_file_member(b->file, b->member, &member);
    if (!member.usable && nexpr_file_load(b->file, b->member, &none, &err)) return report_run("%s", err.message);
    *ret = nexpr_input_init(b->name, member.dtype, member.ndim);
    return EXIT_OK;
}

static int compile_for(run *r, nexpr_input *types, const nexpr_input **list) {
    for (int i = 0; i < r->bindings.count; i++) {
        const binding *b = &r->bindings.items[i];
        if (!b->file) continue;
        int k = r->input_count++, status = describe_input(b, &types[k]);
        if (status) return status;
        list[k] = &types[k];
        r->sources[k] = nexpr_file_source_init();
        r->sources[k].file = b->file;
        r->sources[k].member = b->member;
        r->source_list[k] = &r->sources[k];
    }
    nexpr_error err = nexpr_error_init();
    nexpr_options options = r->source.limits;
    options.check = r->settings.check;
    nexpr_status status = nexpr_compile(r->context, r->source.program, list, r->input_count, r->settings.dtype, &options,
                                        &r->expr, &err);
    return status ? source_report(&r->source, &err) : EXIT_OK;
}

static int compile(run *r) {
    size_t room = (size_t)r->bindings.count + 1;
    nexpr_input *types = calloc(room, sizeof *types);
    const nexpr_input **list = calloc(room, sizeof *list);
    r->sources = calloc(room, sizeof *r->sources);
    r->source_list = calloc(room, sizeof *r->source_list);
    bool has_memory = types && list && r->sources && r->source_list;
    int status = has_memory ? compile_for(r, types, list) : report_run("out of memory");
    free(types);
    free(list);
    return status;
}

static int print_ir(const run *r) {
    size_t length = nexpr_ir(r->expr, r->source.whole, NULL, 0);
    char *text = malloc(length + 1);
    if (!text) return report_run("out of memory");
    nexpr_ir(r->expr, r->source.whole, text, length + 1);
    fflush(stdout);
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        report_text(stderr, line, (size_t)(end - line));
        putc('\n', stderr);
    }
    free(text);
    return EXIT_OK;
}

static int print_listing(const run *r) {
    size_t length = nexpr_listing(r->expr, NULL, 0);
    char *text = malloc(length + 1);
    if (!text) return report_run("out of memory");
    nexpr_listing(r->expr, text, length + 1);
    fputs(text, stdout);
    free(text);
    return EXIT_OK;
}

/* ------------------------------------------------------------------------------------------------------ evaluating -- */

/* For an error about shapes: which name has which. */
static void report_shapes(const run *r) {
    for (int i = 0; i < r->input_count; i++) {
        phrase p = {0};
        nexpr_member member = nexpr_member_init();
        nexpr_file_member(r->sources[i].file, r->sources[i].member, &member);
        phrase_add(&p, "  ");
        phrase_add_name(&p, nexpr_input_name(r->expr, i));
        phrase_add(&p, " has shape (");
        for (int k = 0; k < member.ndim; k++) {
            phrase_add(&p, "%s%lld%s", k ? ", " : "", (long long)member.shape[k], member.ndim == 1 ? "," : "");
        }
        report_hint("%s)", p.text);
    }
}

/* Before the data is read: an output that cannot be written is an early error. From here on signals clean up. */
static int open_targets(run *r) {
    const bool writes = r->settings.outputs.count || r->settings.annotate;
    if (writes && !r->settings.dry_run) interrupt_install();
    int status = targets_open(&r->settings, r->expr, &interrupt_flag, &r->targets);
    if (status || !r->settings.annotate || !r->settings.is_first) return status;
    return annotate_open(&r->settings, &r->bindings, &r->targets, &interrupt_flag, &r->page);
}

static void note_progress(void *user, int64_t done, int64_t total) {
    run *r = user;
    ranks_beat(&r->ranks);
    if (r->settings.is_first) progress_note(&r->progress, done, total);
}

static int make_job(run *r) {
    nexpr_job_options options = nexpr_job_options_init();
    nexpr_error err = nexpr_error_init();
    options.threads = r->settings.threads;
    options.cancel = &interrupt_flag;
    options.progress = note_progress;
    options.progress_user = r;
    options.max_memory = r->settings.max_memory;
    options.profile = r->settings.time ? NULL : r->profile;
    nexpr_status status = ranks_compute_with(&r->ranks, r->context, &err);
    if (!status) {
        status = job_new(r->ranks.host, r->ranks.computing, r->expr, r->context, r->source_list, r->targets.sink_list,
                         &options, &r->job, &err);
    }
    if (!status) return EXIT_OK;
    int code = source_report(&r->source, &err);
    if (status == NEXPR_SHAPE) report_shapes(r);
    return code;
}

/* All that is used, into memory, for the job too: pipes are read only once. */
static int load_arrays(run *r) {
    r->arrays = calloc((size_t)r->input_count + 1, sizeof *r->arrays);
    r->array_list = calloc((size_t)r->input_count + 1, sizeof *r->array_list);
    if (!r->arrays || !r->array_list) return report_run("out of memory");
    const double begin = progress_now();
    for (int i = 0; i < r->input_count; i++) {
        nexpr_file_source *from = &r->sources[i];
        nexpr_error err = nexpr_error_init();
        r->array_list[i] = &r->arrays[i];
        r->arrays[i] = nexpr_array_init();
        if (nexpr_file_load(from->file, from->member, &r->arrays[i], &err)) return report_run("%s", err.message);
        from->file = NULL;
        from->array = &r->arrays[i];
    }
    if (r->profile) nexpr_profile_add(r->profile, NEXPR_PHASE_READ, (int64_t)((progress_now() - begin) * 1e9));
    return EXIT_OK;
}

static int take_time(run *r) {
    nexpr_run_options options = nexpr_run_options_init();
    nexpr_error err = nexpr_error_init();
    int status = load_arrays(r);
    if (status) return status;
    options.threads = r->settings.threads;
    options.cancel = &interrupt_flag;
    options.profile = r->profile;
    if (!timing_run(r->expr, r->context, r->array_list, &options, &r->timing, &err)) return EXIT_OK;
    status = source_report(&r->source, &err);
    if (err.status == NEXPR_SHAPE) report_shapes(r);
    return status;
}

static double bytes_of(const any_job *job) {
    nexpr_job_info info = nexpr_job_info_init();
    job_describe(job, &info);
    bool is_known = info.bytes_to_read >= 0 && info.bytes_to_write >= 0;
    return is_known ? (double)info.bytes_to_read + (double)info.bytes_to_write : -1;
}

/* What --check found, before outputs are put in place: with =error they are not. */
static int check_results(run *r) {
    if (!r->settings.check || !r->settings.is_first) return EXIT_OK;
    int status = findings_read(r->expr, &r->job, &r->bindings, &r->findings);
    if (status || !r->settings.check_fails || !r->findings.count) return status;
    findings_tell(&r->findings, &r->source);
    return report_run("--check=error: nothing was written");
}

static int run_job(run *r) {
    nexpr_error err = nexpr_error_init();
    r->progress = progress_begin(r->settings.quiet, bytes_of(&r->job));
    nexpr_status status = job_run(&r->job, &err);
    progress_end(&r->progress);
    int code = ranks_agree(&r->ranks, status ? source_report(&r->source, &err) : EXIT_OK);
    if (!code) code = check_results(r);
    if (!code && r->settings.is_first) code = targets_commit(&r->targets);
    return ranks_agree(&r->ranks, code);
}

/* --------------------------------------------------------------------------------------------------------- results -- */

static void print_heading(const run *r, int index, const nexpr_array *array) {
    char text[RESULT_NAME_MAX];
    phrase p = {0};
    phrase_add_name(&p, target_result_name(r->expr, index, text));
    printf("%s =%c", p.text, array->ndim ? '\n' : ' ');
}

static void print_results(const run *r) {
    const bool is_terminal = r->settings.has_terminal;
    for (int i = 0; r->settings.is_first && i < r->targets.result_count; i++) {
        nexpr_array array = nexpr_array_init();
        job_array(&r->job, i, &array);
        if (is_terminal && r->targets.result_count > 1) print_heading(r, i, &array);
        if (!is_terminal && i) putchar('\n');
        if (is_terminal) print_pretty(stdout, &array, r->settings.precision);
        else print_rows(stdout, &array, r->settings.precision);
    }
}

/* Whether results are written to standard output; --time prints none. */
static bool takes_standard_output(const run *r) {
    return targets_use_standard_output(&r->targets) && !(r->settings.time && !r->targets.count);
}

/* The summary is for people who look at a terminal, and for programs that ask for JSON. */
static void tell(const run *r, const description *d) {
    bool is_taken = d->seconds >= 0 && takes_standard_output(r);
    if (r->settings.json) describe_json(is_taken ? stderr : stdout, d);
    else if (d->seconds < 0) describe_plan(stdout, d);
    else if (r->targets.count && !r->settings.quiet && isatty(STDERR_FILENO)) describe_summary(stderr, d);
}

/* What there is to see of how it was computed; plans tell it when they are dropped. */
static void tell_insight(run *r) {
    if (r->settings.profile && !r->settings.json) insight_print(stderr, &r->source, r->profile);
    if (!r->settings.explain) return;
    job_free(&r->job);
    insight_print_limits(stderr, &r->source, r->profile, r->context);
}

/* Last, for it needs what plans tell when they are dropped. */
static int annotate(run *r) {
    const annotation a = {.settings = &r->settings, .source = &r->source, .bindings = &r->bindings, .targets = &r->targets,
                          .expr = r->expr, .context = r->context, .profile = r->profile, .code = &r->code,
                          .timing = r->settings.time ? &r->timing : NULL};
    if (!r->page) return EXIT_OK;
    job_free(&r->job);
    return annotate_write(r->page, &a);
}

static int execute(run *r) {
    description d = {.source = &r->source, .bindings = &r->bindings, .targets = &r->targets, .expr = r->expr, .job = &r->job,
                     .findings = r->settings.check ? &r->findings : NULL,
                     .profile = r->settings.profile ? r->profile : NULL, .seconds = -1};
    const bool writes = !r->settings.time || r->targets.count;
    if (r->settings.time) d.timing = &r->timing;
    if (!r->settings.dry_run) {
        double begin = progress_now();
        int status = writes ? run_job(r) : EXIT_OK;
        if (status) return status;
        d.seconds = writes ? progress_now() - begin : r->timing.first_seconds;
        if (!r->targets.count && writes) print_results(r);
        fflush(stdout);
        findings_tell(&r->findings, &r->source);
    }
    if (!r->settings.is_first) return EXIT_OK;
    if (r->settings.time && !r->settings.json) timing_print(takes_standard_output(r) ? stderr : stdout, &r->timing);
    tell(r, &d);
    fflush(stdout);
    tell_insight(r);
    return annotate(r);
}

/* Output that could not be written is an error, but a reader who has seen enough is not told so. */
static int close_standard_output(void) {
    bool failed = ferror(stdout) || fflush(stdout);
    int reason = errno;
    if (fclose(stdout) && !failed) {
        failed = true;
        reason = errno;
    }
    if (!failed) return EXIT_OK;
    return reason == EPIPE ? EXIT_RUN : report_run("cannot write to standard output: %s", strerror(reason));
}

static int bind_names(run *r) {
    int status = bind_inputs(&r->settings, &r->source, &interrupt_flag, &r->bindings);
    if (status && r->settings.dry_run && !r->settings.json) describe_pack(stdout, &r->source.pack);
    return status;
}

/* What every rank does for itself. */
static int prepare(run *r) {
    int status = make_context(r);
    if (!status) status = source_read(&r->settings, r->context, &r->source);
    if (!status) status = bind_names(r);
    return status ? status : compile(r);
}

static int evaluate_expression(run *r) {
    int status = ranks_share_inputs(&r->ranks, &r->settings);
    if (!status) status = ranks_agree(&r->ranks, prepare(r));
    if (!status && r->settings.bytecode) return print_listing(r);
    if (!status) status = ranks_agree(&r->ranks, open_targets(r));
    if (!status) status = ranks_guard_targets(&r->ranks, &r->targets, r->page);
    if (!status && r->settings.explain) status = print_ir(r);
    if (!status && r->settings.time) status = take_time(r);
    if (!status) status = ranks_agree(&r->ranks, make_job(r));
    if (!status) status = execute(r);
    return ranks_agree(&r->ranks, status);
}

static int choose(run *r) {
    if (r->settings.help) options_print_help(stdout);
    else if (r->settings.version) printf("nexpr %d.%d.%d\n", NEXPR_VERSION_MAJOR, NEXPR_VERSION_MINOR, NEXPR_VERSION_PATCH);
    else if (r->settings.ops) ops_print(stdout);
    else return evaluate_expression(r);
    return EXIT_OK;
}

static void free_run(run *r) {
    findings_free(&r->findings);
    job_free(&r->job);
    targets_free(&r->targets);
    nexpr_output_free(&r->page);
    code_free(&r->code);
    free(r->sources);
    free(r->source_list);
    free(r->arrays);
    free(r->array_list);
    nexpr_free(&r->expr);
    bind_free(&r->bindings);
    source_free(&r->source);
    nexpr_profile_free(&r->profile);
    ranks_stop_computing(&r->ranks);
    nexpr_context_free(&r->context);
    options_free(&r->settings);
}

/* A file opened as number 0, 1 or 2 would be taken for a standard stream. */
static void reserve_standard_streams(void) {
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd) return;
    }
}

int main(int argc, char **argv) {
    reserve_standard_streams();
    run r = {0};
    const launch from = launch_look();
    if (from.has_environment) report_keep();
    int status = options_read(argc, argv, &r.settings);
    status = ranks_begin(&from, &r.settings, status, &r.ranks);
    if (!status) status = choose(&r);
    free_run(&r);
    ranks_end(&r.ranks);
    interrupt_finish();
    int closed = close_standard_output();
    return status ? status : closed;
}
