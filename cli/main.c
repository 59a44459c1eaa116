/* SPDX-License-Identifier: MIT */
/*
 * nexpr: the command. Text, names, compile, output file, evaluate, write or print; each step reports its own errors and
 * gives an exit status, and everything is freed on one path.
 */
#include "cli/bind.h"
#include "cli/interrupt.h"
#include "cli/name.h"
#include "cli/ops.h"
#include "cli/options.h"
#include "cli/print.h"
#include "cli/report.h"
#include "cli/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct run {
    settings settings;
    source source;
    bindings bindings;
    nexpr_context *context;
    nexpr *expr;
    nexpr_output *output;
    nexpr_array *inputs, *results; /* in the order of bindings.items, those of --set left out; result_count results */
    const nexpr_array **input_list;
    nexpr_array **result_list;
    int input_count, result_count;
} run;

/* ------------------------------------------------------------------------------------------------------- compiling -- */

static int make_context(run *r) {
    nexpr_context_options options = nexpr_context_options_init();
    nexpr_error err = nexpr_error_init();
    options.threads = r->settings.threads;
    return nexpr_context_new(&options, &r->context, &err) ? report_run("%s", err.message) : EXIT_OK;
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

static int compile(run *r) {
    size_t room = (size_t)r->bindings.count + 1;
    nexpr_input *types = calloc(room, sizeof *types);
    const nexpr_input **list = calloc(room, sizeof *list);
    int status = types && list ? EXIT_OK : report_run("out of memory");
    for (int i = 0; !status && i < r->bindings.count; i++) {
        if (!r->bindings.items[i].file) continue;
        int k = r->input_count++;
        status = describe_input(&r->bindings.items[i], &types[k]);
        list[k] = &types[k];
    }
    nexpr_error err = nexpr_error_init();
    if (!status && nexpr_compile(r->context, r->source.program, list, r->input_count, r->settings.dtype, &r->source.limits,
                                 &r->expr, &err)) {
        status = source_report(&r->source, &err);
    }
    free(types);
    free(list);
    return status;
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

static int allocate_arrays(run *r) {
    r->result_count = nexpr_result_count(r->expr);
    size_t inputs = (size_t)r->input_count + 1, results = (size_t)r->result_count + 1;
    r->inputs = calloc(inputs, sizeof *r->inputs);
    r->input_list = calloc(inputs, sizeof *r->input_list);
    r->results = calloc(results, sizeof *r->results);
    r->result_list = calloc(results, sizeof *r->result_list);
    if (!r->inputs || !r->input_list || !r->results || !r->result_list) return report_run("out of memory");
    for (int i = 0; i < r->input_count; i++) {
        r->inputs[i] = nexpr_array_init();
        r->input_list[i] = &r->inputs[i];
    }
    for (int i = 0; i < r->result_count; i++) {
        r->results[i] = nexpr_array_init();
        r->result_list[i] = &r->results[i];
    }
    return EXIT_OK;
}

/* Before the data is read: an output that cannot be written is an early error. */
static int open_output(run *r) {
    if (!r->settings.output) return EXIT_OK;
    if (r->result_count != 1) {
        return report_use("%s: a .npy file holds one array, but the expression has %d results", r->settings.output,
                          r->result_count);
    }
    interrupt_install();
    nexpr_output_options options = nexpr_output_options_init();
    options.force = r->settings.force;
    options.cancel = &interrupt_flag;
    nexpr_error err = nexpr_error_init();
    return nexpr_output_new(r->settings.output, &options, &r->output, &err) ? report_run("%s", err.message) : EXIT_OK;
}

static int load_inputs(run *r) {
    nexpr_error err = nexpr_error_init();
    for (int i = 0, k = 0; i < r->bindings.count; i++) {
        const binding *b = &r->bindings.items[i];
        if (b->file && nexpr_file_load(b->file, b->member, &r->inputs[k++], &err)) return report_run("%s", err.message);
    }
    return EXIT_OK;
}

/* For an error about shapes: which name has which. */
static void report_shapes(const run *r) {
    for (int i = 0; i < r->input_count; i++) {
        phrase p = {0};
        phrase_add(&p, "  ");
        phrase_add_name(&p, nexpr_input_name(r->expr, i));
        phrase_add(&p, " has shape (");
        for (int k = 0; k < r->inputs[i].ndim; k++) {
            phrase_add(&p, "%s%lld%s", k ? ", " : "", (long long)r->inputs[i].shape[k], r->inputs[i].ndim == 1 ? "," : "");
        }
        report_hint("%s)", p.text);
    }
}

static int evaluate(run *r) {
    nexpr_run_options options = nexpr_run_options_init();
    nexpr_error err = nexpr_error_init();
    options.cancel = &interrupt_flag;
    nexpr_status status = nexpr_evaluate(r->expr, r->context, r->input_list, r->result_list, &options, &err);
    if (!status) return EXIT_OK;
    int code = source_report(&r->source, &err);
    if (status == NEXPR_SHAPE) report_shapes(r);
    return code;
}

/* --------------------------------------------------------------------------------------------------------- results -- */

static int write_result(run *r) {
    nexpr_error err = nexpr_error_init();
    const nexpr_array *result = &r->results[0];
    nexpr_status status = nexpr_output_write(r->output, NULL, &result, 1, &err);
    if (!status) status = nexpr_output_commit(r->output, &err);
    return status ? report_run("%s", err.message) : EXIT_OK;
}

static void print_heading(const run *r, int index) {
    phrase p = {0};
    const char *name = nexpr_result_name(r->expr, index);
    if (name) phrase_add_name(&p, name);
    else phrase_add(&p, "r%d", index);
    printf("%s =%c", p.text, r->results[index].ndim ? '\n' : ' ');
}

static void print_results(const run *r) {
    bool is_terminal = isatty(STDOUT_FILENO);
    for (int i = 0; i < r->result_count; i++) {
        if (is_terminal && r->result_count > 1) print_heading(r, i);
        if (!is_terminal && i) putchar('\n');
        if (is_terminal) print_pretty(stdout, &r->results[i], r->settings.precision);
        else print_rows(stdout, &r->results[i], r->settings.precision);
    }
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

static int evaluate_expression(run *r) {
    int status = source_read(&r->settings, &r->source);
    if (!status) status = bind_inputs(&r->settings, &r->source, &interrupt_flag, &r->bindings);
    if (!status) status = make_context(r);
    if (!status) status = compile(r);
    if (!status && r->settings.bytecode) return print_listing(r);
    if (!status) status = allocate_arrays(r);
    if (!status) status = open_output(r);
    if (!status) status = load_inputs(r);
    if (!status) status = evaluate(r);
    if (status) return status;
    if (r->output) return write_result(r);
    print_results(r);
    return EXIT_OK;
}

static int choose(run *r) {
    if (r->settings.help) options_print_help(stdout);
    else if (r->settings.version) printf("nexpr %d.%d.%d\n", NEXPR_VERSION_MAJOR, NEXPR_VERSION_MINOR, NEXPR_VERSION_PATCH);
    else if (r->settings.ops) ops_print(stdout);
    else return evaluate_expression(r);
    return EXIT_OK;
}

static void free_run(run *r) {
    nexpr_output_free(&r->output);
    for (int i = 0; r->results && i < r->result_count; i++) nexpr_array_free(&r->results[i]);
    free(r->inputs);
    free(r->input_list);
    free(r->results);
    free(r->result_list);
    nexpr_free(&r->expr);
    nexpr_context_free(&r->context);
    bind_free(&r->bindings);
    source_free(&r->source);
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
    int status = options_read(argc, argv, &r.settings);
    if (!status) status = choose(&r);
    free_run(&r);
    nexpr_context_free_default();
    interrupt_finish();
    int closed = close_standard_output();
    return status ? status : closed;
}
