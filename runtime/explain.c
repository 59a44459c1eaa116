/* SPDX-License-Identifier: MIT */
#include "runtime/explain.h"

#include "runtime/choose.h"
#include "runtime/reduce.h"
#include "vm/kernels.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Counts what does not fit, as snprintf does. */
typedef struct writer {
    char *buffer;
    size_t capacity, length;
} writer;

static void put(writer *w, const char *text, size_t n) {
    if (w->length + n < w->capacity) memcpy(w->buffer + w->length, text, n);
    w->length += n;
}

__attribute__((format(printf, 2, 3))) static void put_format(writer *w, const char *format, ...) {
    char text[NEXPR_MAX_NDIM * 24 + 600];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put(w, text, n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

static const char *plural(int64_t n) {
    return n == 1 ? "" : "s";
}

const char *nx_explain_kind(const nx_nest *nest) {
    const nx_reduce *r = nest->reduce;
    if (!r) return "elementwise";
    return r->compresses ? r->is_prefix ? "counting" : "compressing" : r->scans ? "running" : "reducing";
}

static void put_shape(writer *w, const nx_nest *nest) {
    put_format(w, "%" PRId64 " element%s, as ", nest->count, plural(nest->count));
    for (int i = 0; i < nest->axes; i++) put_format(w, "%s%" PRId64, i ? " x " : "", nest->extent[i]);
    put_format(w, "; %" PRId64 " task%s\n", nest->task_count, plural(nest->task_count));
}

/* Whether it adds the elements of its outputs to lanes or nodes. */
static bool is_reducing(const nx_segment *s) {
    const uint8_t access = nx_segment_outputs(s)->access;
    return access == NX_ACCESS_LANES || access == NX_ACCESS_NODES || access == NX_ACCESS_LEAVES;
}

static void put_kernel(writer *w, const nx_tier *tier, uint32_t i) {
    const nx_segment *s = nx_vm_segment(tier->code, i);
    put_format(w, "    segment %u: %u operation%s, %u input%s, %u output%s%s; ", i + 1, s->value_count,
               plural(s->value_count), s->input_count, plural(s->input_count), s->output_count, plural(s->output_count),
               is_reducing(s) ? ", reduced" : "");
    if (!tier->kernels[i]) {
        put_format(w, "not asked for\n");
        return;
    }
    static const char *const sources[] = {[NX_JIT_FROM_COMPILER] = "compiled", [NX_JIT_FROM_MEMORY] = "found in memory",
                                          [NX_JIT_FROM_DISK] = "found on disk"};
    const nx_jit_info info = nx_jit_info_of(tier->kernels[i]);
    if (info.state == NX_JIT_REFUSED) put_format(w, "refused: %s\n", info.reason);
    else if (info.state == NX_JIT_PENDING) put_format(w, "still being compiled\n");
    else put_format(w, "%s in %.3g ms, %zu bytes\n", sources[info.source], info.seconds * 1e3, info.code_bytes);
}

const char *nx_explain_why(const nexpr_plan *plan, const nx_nest *nest) {
    if (plan->backend == NEXPR_BACKEND_VM) return "the backend is vm";
    if (!nest->tier && nest->has_tier) return "nothing in it can be compiled";
    if (plan->backend == NEXPR_BACKEND_JIT) return "the backend is jit";
    if (nx_tier_is_left(nest->tier)) return "machine code was tried, and is no faster";
    if (nx_tier_code(nest->tier)) return "machine code pays";
    return nx_choose_explain(plan, nest).is_memory_bound ? "memory limits it, machine code would gain little"
                                                         : "machine code would not have paid yet";
}

static void put_reason(writer *w, const nexpr_plan *plan, const nx_nest *nest) {
    const bool can_run = (nest->tier || !nest->has_tier) && !nx_tier_is_left(nest->tier);
    const bool is_chosen = plan->backend == NEXPR_BACKEND_AUTO && can_run;
    if (!is_chosen) {
        put_format(w, "  why: %s\n", nx_explain_why(plan, nest));
        return;
    }
    const nx_choice choice = nx_choose_explain(plan, nest);
    put_format(w, "  why: machine code would have saved %.3g ms so far, and is asked for from %.3g ms on%s\n",
               choice.gain_ms, choice.bill_ms, choice.is_memory_bound ? "; memory limits it" : "");
}

/* Of what ran: to print what did not would mean to compile it. */
static void put_texts(writer *w, const nexpr_plan *plan, const nx_nest *nest) {
    static const struct {
        unsigned flag;
        nx_jit_text text;
        const char *name;
    } kinds[] = {{NEXPR_REPORT_IR, NX_JIT_IR, "IR"}, {NEXPR_REPORT_ASSEMBLY, NX_JIT_ASSEMBLY, "assembly"}};
    for (uint32_t i = 0; nest->tier && nest->tasks_run[1] && i < nest->tier->count; i++) {
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            char *text;
            size_t bytes;
            nexpr_error err = nexpr_error_init();
            if (!(plan->context->report.detail & kinds[k].flag)) continue;
            put_format(w, "  segment %u, %s:\n", i + 1, kinds[k].name);
            if (nx_jit_print(plan->context->jit, nx_vm_segment(nest->tier->code, i), nx_isa_current(), kinds[k].text, &text,
                             &bytes, &err)) {
                put_format(w, "  %s\n", err.message);
                continue;
            }
            put(w, text, bytes);
            nx_release(plan->context->memory.use, text, bytes, 1);
        }
    }
}

static void put_nest(writer *w, const nexpr_plan *plan, uint32_t index) {
    const nx_nest *nest = &plan->nests[index];
    put_format(w, "nest %u of %u, %s: ", index + 1, plan->nest_count, nx_explain_kind(nest));
    put_shape(w, nest);
    if (!nest->count || !nest->code) return;
    size_t register_bytes;
    const uint32_t registers = nx_vm_register_count(nest->code, &register_bytes);
    put_format(w, "  VM (%s): blocks of %d elements, %u register%s of %zu bytes, %.3g ns per element by estimate\n",
               nx_isa_name(nx_isa_current()), nx_vm_block_items(nest->code), registers, plural(registers), register_bytes,
               nx_vm_ns_per_item(nest->code));
    put_format(w, "  moves %.3g bytes per element%s\n", nx_nest_touched_bytes(nest) / (double)nest->count,
               nx_nest_is_uncached(nx_nest_touched_bytes(nest)) ? ", from and to memory" : ", which caches may have");
    if (nest->tier) {
        put_format(w, "  machine code: %u segment%s, %.3g ns per element by estimate\n", nest->tier->count,
                   plural(nest->tier->count), nx_vm_compiled_ns_per_item(nest->code));
        for (uint32_t i = 0; i < nest->tier->count; i++) put_kernel(w, nest->tier, i);
    }
    const int64_t vm = nest->tasks_run[0], compiled = nest->tasks_run[1];
    put_format(w, "  ran: %" PRId64 " task%s on the VM, %" PRId64 " as machine code, in %d thread%s at most\n", vm,
               plural(vm), compiled, plan->worker_count, plural(plan->worker_count));
    put_reason(w, plan, nest);
    put_texts(w, plan, nest);
}

static void put_plan(writer *w, const nexpr_plan *plan) {
    for (uint32_t i = 0; i < plan->nest_count; i++) put_nest(w, plan, i);
    put(w, "", 1);
}

void nx_explain_plan(const nexpr_plan *plan) {
    const nx_report *report = &plan->context->report;
    const nexpr_allocator *allocator = plan->memory.use;
    if (!report->call || !plan->has_run) return;
    writer measure = {0};
    put_plan(&measure, plan);
    writer w = {nx_allocate(allocator, measure.length + 1, 1), measure.length + 1, 0};
    if (!w.buffer) return;
    put_plan(&w, plan);
    if (w.length == measure.length) report->call(report->user, w.buffer);
    nx_release(allocator, w.buffer, measure.length + 1, 1);
}
