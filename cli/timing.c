/* SPDX-License-Identifier: MIT */
/*
 * The loop count grows 1, 2, 5, 10, ... until a repeat takes a fifth of a second; all repeats then have it. The best of
 * them is what the machine can do, the median what it does. Arrays lie in memory, and results have their
 * places, from run to run.
 */
#include "cli/timing.h"

#include "cli/insight.h"
#include "cli/progress.h"

#include <stdlib.h>
#include <string.h>

#define LEAST_SECONDS 0.2

typedef struct stopwatch {
    const nexpr *expr;
    nexpr_context *context;
    const nexpr_array *const *inputs;
    nexpr_run_options options;
    nexpr_plan *plan; /* NULL: shapes depend on data, and every run finds them out */
    int input_count, output_count;
    nexpr_array *outputs;
    nexpr_array **output_list;
    const void **input_data;
    void **output_data;
} stopwatch;

static void free_outputs(const stopwatch *w) {
    for (int i = 0; w->outputs && i < w->output_count; i++) nexpr_array_free(&w->outputs[i]);
}

static nexpr_status run_once(stopwatch *w, nexpr_error *err) {
    if (w->plan) return nexpr_plan_run(w->plan, w->input_data, w->output_data, err);
    free_outputs(w);
    for (int i = 0; i < w->output_count; i++) w->outputs[i] = nexpr_array_init();
    return nexpr_evaluate(w->expr, w->context, w->inputs, w->output_list, &w->options, err);
}

static nexpr_status run_loops(stopwatch *w, long loops, double *ret_seconds, nexpr_error *err) {
    const double begin = progress_now();
    for (long i = 0; i < loops; i++) {
        nexpr_status status = run_once(w, err);
        if (status) return status;
    }
    *ret_seconds = progress_now() - begin;
    return NEXPR_OK;
}

static nexpr_status calibrate(stopwatch *w, long *ret_loops, nexpr_error *err) {
    static const int digits[] = {1, 2, 5};
    double seconds = 0;
    nexpr_status status = NEXPR_OK;
    for (long power = 1;; power *= 10) {
        for (int i = 0; i < 3; i++) {
            *ret_loops = digits[i] * power;
            status = run_loops(w, *ret_loops, &seconds, err);
            if (status || seconds >= LEAST_SECONDS) return status;
        }
    }
}

/* ------------------------------------------------------------------------------------------------------- preparing -- */

static int64_t count_of(const nexpr_array *a) {
    int64_t count = 1;
    for (int i = 0; i < a->ndim; i++) count *= a->shape[i];
    return count;
}

static void add_array(timing *t, const nexpr_array *a) {
    const int64_t count = count_of(a);
    t->bytes += count * (int64_t)nexpr_dtype_size(a->dtype);
    if (count > t->elements) t->elements = count;
}

static bool has_known_shapes(const stopwatch *w) {
    for (int i = 0; i < w->output_count; i++) {
        int64_t shape[NEXPR_MAX_NDIM];
        int ndim = 0;
        if (nexpr_result_shape(w->expr, w->inputs, i, &ndim, shape, NULL)) return false;
        for (int k = 0; k < ndim; k++) {
            if (shape[k] < 0) return false;
        }
    }
    return true;
}

/* The first run allocates the results; later ones write there again. */
static nexpr_status prepare(stopwatch *w, timing *t, nexpr_error *err) {
    nexpr_run_options first = w->options;
    first.profile = NULL;
    const double begin = progress_now();
    nexpr_status status = nexpr_evaluate(w->expr, w->context, w->inputs, w->output_list, &first, err);
    if (status) return status;
    t->first_seconds = progress_now() - begin;
    for (int i = 0; i < w->input_count; i++) {
        if (!nexpr_input_is_used(w->expr, i)) continue;
        w->input_data[i] = w->inputs[i]->data;
        add_array(t, w->inputs[i]);
    }
    for (int i = 0; i < w->output_count; i++) {
        w->output_data[i] = w->outputs[i].data;
        add_array(t, &w->outputs[i]);
    }
    if (!has_known_shapes(w)) return NEXPR_OK;
    const nexpr_array *const *outputs = (const nexpr_array *const *)w->output_list;
    return nexpr_plan_new(w->expr, w->context, w->inputs, outputs, &w->options, &w->plan, err);
}

static bool allocate(stopwatch *w) {
    const size_t inputs = (size_t)w->input_count + 1, outputs = (size_t)w->output_count + 1;
    w->outputs = calloc(outputs, sizeof *w->outputs);
    w->output_list = calloc(outputs, sizeof *w->output_list);
    w->input_data = calloc(inputs, sizeof *w->input_data);
    w->output_data = calloc(outputs, sizeof *w->output_data);
    if (!w->outputs || !w->output_list || !w->input_data || !w->output_data) return false;
    for (int i = 0; i < w->output_count; i++) {
        w->outputs[i] = nexpr_array_init();
        w->output_list[i] = &w->outputs[i];
    }
    return true;
}

static int compare_seconds(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static nexpr_status measure(stopwatch *w, timing *ret, nexpr_error *err) {
    nexpr_status status = allocate(w) ? NEXPR_OK : NEXPR_MEMORY;
    if (status && err) {
        err->status = status;
        snprintf(err->message, sizeof err->message, "out of memory");
    }
    if (!status) status = prepare(w, ret, err);
    if (!status) status = calibrate(w, &ret->loops, err);
    for (int i = 0; !status && i < TIMING_REPEATS; i++) {
        status = run_loops(w, ret->loops, &ret->seconds[i], err);
        ret->seconds[i] /= (double)ret->loops;
    }
    qsort(ret->seconds, TIMING_REPEATS, sizeof *ret->seconds, compare_seconds);
    if (!status && ret->bytes) nexpr_measure_copy(w->context, ret->bytes, w->options.threads, &ret->copy_rate, NULL);
    return status;
}

nexpr_status timing_run(const nexpr *expr, nexpr_context *context, const nexpr_array *const *inputs,
                        const nexpr_run_options *options, timing *ret, nexpr_error *err) {
    stopwatch w = {.expr = expr, .context = context, .inputs = inputs, .options = *options,
                   .input_count = nexpr_input_count(expr), .output_count = nexpr_result_count(expr)};
    *ret = (timing){.threads = options->threads};
    nexpr_status status = measure(&w, ret, err);
    nexpr_plan_free(&w.plan);
    free_outputs(&w);
    free(w.outputs);
    free(w.output_list);
    free(w.input_data);
    free(w.output_data);
    return status;
}

/* --------------------------------------------------------------------------------------------------------- telling -- */

static double rate_of(const timing *t) {
    return t->seconds[0] > 0 ? (double)t->bytes / t->seconds[0] : 0;
}

void timing_print(FILE *out, const timing *t) {
    char best[INSIGHT_TIME_MAX], median[INSIGHT_TIME_MAX], first[INSIGHT_TIME_MAX];
    fprintf(out, "%ld loop%s, best of %d: %s per loop; median %s, first %s\n", t->loops, t->loops == 1 ? "" : "s",
            TIMING_REPEATS, insight_time(t->seconds[0] * 1e9, best),
            insight_time(t->seconds[TIMING_REPEATS / 2] * 1e9, median), insight_time(t->first_seconds * 1e9, first));
    fprintf(out, "%lld element%s", (long long)t->elements, t->elements == 1 ? "" : "s");
    if (t->elements) fprintf(out, ", %.3g ns each", t->seconds[0] * 1e9 / (double)t->elements);
    fprintf(out, "; %.3g GB/s", rate_of(t) * 1e-9);
    if (t->copy_rate > 0) {
        fprintf(out, ", %.0f %% of the %.3g GB/s at which so many bytes are copied here", 100 * rate_of(t) / t->copy_rate,
                t->copy_rate * 1e-9);
    }
    putc('\n', out);
}

void timing_json(json *j, const char *key, const timing *t) {
    json_begin(j, key, '{');
    json_int(j, "loops", t->loops);
    json_int(j, "repeats", TIMING_REPEATS);
    json_number(j, "best_ns", t->seconds[0] * 1e9);
    json_number(j, "median_ns", t->seconds[TIMING_REPEATS / 2] * 1e9);
    json_number(j, "first_ns", t->first_seconds * 1e9);
    json_begin(j, "repeats_ns", '[');
    for (int i = 0; i < TIMING_REPEATS; i++) json_number(j, NULL, t->seconds[i] * 1e9);
    json_end(j, ']');
    json_int(j, "elements", t->elements);
    json_int(j, "bytes", t->bytes);
    if (t->elements) json_number(j, "ns_per_element", t->seconds[0] * 1e9 / (double)t->elements);
    else json_string(j, "ns_per_element", NULL);
    json_number(j, "bytes_per_second", rate_of(t));
    if (t->copy_rate > 0) {
        json_number(j, "copy_bytes_per_second", t->copy_rate);
        json_number(j, "copy_share", rate_of(t) / t->copy_rate);
    } else {
        json_string(j, "copy_bytes_per_second", NULL);
        json_string(j, "copy_share", NULL);
    }
    json_end(j, '}');
}
