/* SPDX-License-Identifier: MIT */
#include "cli/check.h"

#include "cli/name.h"
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>

static int64_t read_number(const any_job *job, int result) {
    nexpr_array array = nexpr_array_init();
    job_array(job, result, &array);
    return *(const int64_t *)array.data;
}

/* Where the first one is, if the shape is known. */
static void find_index(const nexpr *expr, const nexpr_array *const *inputs, int check, finding *f) {
    nexpr_error err = nexpr_error_init();
    int64_t shape[NEXPR_MAX_NDIM], rest = f->first;
    f->total = 1;
    if (nexpr_check_shape(expr, inputs, check, &f->ndim, shape, &err)) f->ndim = -1;
    for (int k = 0; k < f->ndim && f->ndim >= 0; k++) {
        f->total *= shape[k];
        if (shape[k] < 0) f->ndim = -1;
    }
    for (int k = f->ndim - 1; k >= 0; k--) {
        f->index[k] = rest % shape[k];
        rest /= shape[k];
    }
}

int findings_read(const nexpr *expr, const any_job *job, const bindings *b, findings *ret) {
    const int count = nexpr_check_count(expr);
    bind_shapes inputs = {0};
    *ret = (findings){.items = calloc((size_t)count + 1, sizeof *ret->items)};
    const bool has_memory = ret->items && bind_read_shapes(b, &inputs);
    for (int i = 0; has_memory && i < count; i++) {
        finding f = {.check = nexpr_check_init()};
        nexpr_check_describe(expr, i, &f.check);
        f.count = read_number(job, f.check.count);
        f.first = read_number(job, f.check.first);
        if (!f.count) continue;
        find_index(expr, inputs.list, i, &f);
        ret->items[ret->count++] = f;
    }
    bind_free_shapes(&inputs);
    return has_memory ? EXIT_OK : report_run("out of memory");
}

void findings_free(findings *f) {
    free(f->items);
}

static void add_place(phrase *p, const finding *f) {
    if (f->ndim < 0) {
        phrase_add(p, "in %lld elements, first at %lld", (long long)f->count, (long long)f->first);
        return;
    }
    if (!f->ndim) return;
    phrase_add(p, "in %lld of %lld elements, first at [", (long long)f->count, (long long)f->total);
    for (int k = 0; k < f->ndim; k++) phrase_add(p, "%s%lld", k ? ", " : "", (long long)f->index[k]);
    phrase_add(p, "]");
}

void findings_tell(const findings *f, const source *s) {
    for (int i = 0; i < f->count; i++) {
        const finding *item = &f->items[i];
        phrase p = {0};
        add_place(&p, item);
        report_hint("check: %s, %s as %s%s%s", nexpr_check_text(item->check.kind), item->check.operation,
                    nexpr_dtype_name(item->check.dtype), *p.text ? ": " : "", p.text);
        source_show_place(s, item->check.begin, item->check.end);
    }
}

static void write_finding(json *j, const finding *f, const source *s) {
    const size_t begin = f->check.begin, end = f->check.end < s->whole_length ? f->check.end : s->whole_length;
    json_begin(j, NULL, '{');
    json_string(j, "kind", nexpr_check_text(f->check.kind));
    json_string(j, "operation", f->check.operation);
    json_string(j, "dtype", nexpr_dtype_name(f->check.dtype));
    json_text(j, "text", s->whole + begin, end > begin ? end - begin : 0);
    json_int(j, "count", f->count);
    json_int(j, "first", f->first);
    json_end(j, '}');
}

void findings_json(json *j, const findings *f, const source *s) {
    json_begin(j, "checks", '[');
    for (int i = 0; i < f->count; i++) write_finding(j, &f->items[i], s);
    json_end(j, ']');
}
