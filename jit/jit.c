/* SPDX-License-Identifier: MIT */
/*
 * Requests. A kernel is what one caller asked for: the code, which all who ask for the same share, and how it was come by.
 */
#include "jit/jit.h"

#include <stdlib.h>
#include <string.h>

#include "jit/core.h"

enum { DEFAULT_CACHE = 16 << 20, DEFAULT_DISK = 64 << 20 };

struct nx_jit_kernel {
    nx_jit *jit;
    nx_code *code;
    bool was_ready;
    uint64_t asked_ns, found_ns;
};

/* ------------------------------------------------------------------------------------------------------ the jit -- */

static void unref(nx_jit *jit) {
    if (atomic_fetch_sub_explicit(&jit->refs, 1, memory_order_acq_rel) > 1) return;
    nexpr_allocator copy = jit->copy;
    const nexpr_allocator *allocator = jit->allocator ? &copy : NULL;
    nx_code_arena_free(&jit->arena);
    nx_release(allocator, jit, 1, sizeof *jit);
}

static nexpr_status find_files(nx_jit *jit, const nx_jit_options *options, nexpr_error *err) {
    size_t disk_bytes = options->disk_bytes ? options->disk_bytes : DEFAULT_DISK;
    jit->table.limit = options->cache_bytes ? options->cache_bytes : DEFAULT_CACHE;
    NX_TRY(nx_plugin_find(&jit->plugin, jit->allocator, options->plugin, err));
    return nx_disk_init(&jit->disk, jit->allocator, options->disk_cache, disk_bytes, err);
}

nexpr_status nx_jit_new(const nexpr_allocator *allocator, const nx_jit_options *options, nx_jit **ret, nexpr_error *err) {
    static const nx_jit_options defaults = {0};
    nx_jit *jit = nx_allocate(allocator, 1, sizeof *jit);
    if (!jit) return nx_fail_memory(err);
    memset(jit, 0, sizeof *jit);
    if (allocator) {
        jit->copy = *allocator;
        jit->allocator = &jit->copy;
    }
    const char *perf = secure_getenv("NEXPR_PERF");
    jit->has_perf_map = perf && !strcmp(perf, "1");
    jit->refs = 1;
    nx_code_arena_init(&jit->arena, jit->allocator);
    nexpr_status status = find_files(jit, options ? options : &defaults, err);
    if (status) nx_jit_free(&jit);
    else *ret = jit;
    return status;
}

void nx_jit_free(nx_jit **ret_jit) {
    nx_jit *jit = *ret_jit;
    *ret_jit = NULL;
    if (!jit) return;
    nx_compiler_stop(jit);
    nx_compiler_lock(jit);
    for (int i = 0; i < NX_CODE_BUCKETS; i++) {
        nx_code *list = jit->table.buckets[i];
        jit->table.buckets[i] = NULL;
        for (nx_code *code = list; code; code = code->next) code->is_in_table = false;
        nx_compiler_drop(jit, list);
    }
    nx_compiler_unlock(jit);
    nx_plugin_forget(&jit->plugin);
    nx_disk_forget(&jit->disk);
    unref(jit);
}

/* -------------------------------------------------------------------------------------------------------- asking -- */

/* Why no code can be made, whatever the segment; NULL if it can. */
static const char *reason_against(const nx_segment *segment, nx_isa isa) {
    if (isa != NX_ISA_AVX2 && isa != NX_ISA_AVX512) return "the JIT needs a CPU with AVX2, FMA and F16C";
    if (segment->output_count + segment->input_count > NX_SEGMENT_OPERANDS) return "the expression has too many operands";
    if (segment->value_count > NX_SEGMENT_VALUES) return "the expression is too long to be compiled";
    return NULL;
}

static nx_code *refused_code(nx_jit *jit, const nx_segment *segment, nx_isa isa, const char *reason) {
    nx_code *code = nx_code_new(jit->allocator, 0, isa, segment, sizeof *segment);
    if (code) nx_compiler_refuse(jit, code, NEXPR_UNSUPPORTED, reason);
    return code;
}

/* With a reference for the caller. *ret_was_ready: it was made before. */
static nx_code *find_or_submit(nx_jit *jit, const nx_segment *segment, nx_isa isa, bool is_wanted, bool *ret_was_ready) {
    size_t bytes = nx_segment_bytes(segment);
    uint64_t hash = nx_code_hash(isa, segment, bytes);
    nx_compiler_lock(jit);
    nx_code *code = nx_code_table_find(&jit->table, hash, isa, segment, bytes);
    *ret_was_ready = false;
    if (code) {
        nx_code_table_use(&jit->table, code);
        atomic_fetch_add_explicit(&code->refs, 1, memory_order_relaxed);
        if (is_wanted) nx_compiler_want(jit, code);
        *ret_was_ready = !nx_jit_is_pending(code);
    } else if ((code = nx_code_new(jit->allocator, hash, isa, segment, bytes))) {
        atomic_fetch_add_explicit(&code->refs, 1, memory_order_relaxed);
        code->is_wanted = is_wanted;
        nx_code_table_add(&jit->table, code);
        nx_compiler_submit(jit, code);
    }
    nx_compiler_unlock(jit);
    return code;
}

nexpr_status nx_jit_get(nx_jit *jit, const nx_segment *segment, nx_isa isa, nx_jit_effort effort, nx_jit_kernel **ret,
                        nexpr_error *err) {
    nx_jit_kernel *kernel = nx_allocate(jit->allocator, 1, sizeof *kernel);
    const char *reason = reason_against(segment, isa);
    if (!kernel) return nx_fail_memory(err);
    *kernel = (nx_jit_kernel){.jit = jit, .asked_ns = nx_jit_now()};
    if (reason) kernel->code = refused_code(jit, segment, isa, reason);
    else kernel->code = find_or_submit(jit, segment, isa, effort != NX_JIT_LOOK, &kernel->was_ready);
    if (!kernel->code) {
        nx_release(jit->allocator, kernel, 1, sizeof *kernel);
        return nx_fail_memory(err);
    }
    atomic_fetch_add_explicit(&jit->refs, 1, memory_order_relaxed);
    kernel->found_ns = nx_jit_now();
    if (effort == NX_JIT_WAIT) nx_compiler_wait(kernel->code);
    *ret = kernel;
    return NEXPR_OK;
}

void nx_jit_release(nx_jit_kernel **ret_kernel) {
    nx_jit_kernel *kernel = *ret_kernel;
    *ret_kernel = NULL;
    if (!kernel) return;
    nx_jit *jit = kernel->jit;
    nx_code_unref(jit->allocator, &jit->arena, kernel->code);
    nx_release(jit->allocator, kernel, 1, sizeof *kernel);
    unref(jit);
}

/* ------------------------------------------------------------------------------------------------------- telling -- */

nx_segment_kernel *nx_jit_entry(const nx_jit_kernel *kernel) {
    return atomic_load_explicit(&kernel->code->entry, memory_order_acquire);
}

nx_jit_state nx_jit_state_of(const nx_jit_kernel *kernel) {
    return (nx_jit_state)atomic_load_explicit(&kernel->code->state, memory_order_acquire);
}

bool nx_jit_has_looked(const nx_jit *jit) {
    return atomic_load_explicit(&jit->work, memory_order_relaxed) > 0;
}

bool nx_jit_has_compiled(void) {
    return nx_plugin_was_used();
}

nx_jit_info nx_jit_info_of(const nx_jit_kernel *kernel) {
    const nx_code *code = kernel->code;
    nx_jit_info info = {.state = nx_jit_state_of(kernel), .reason = ""};
    if (info.state == NX_JIT_PENDING || info.state == NX_JIT_ABSENT) return info;
    info.source = kernel->was_ready ? NX_JIT_FROM_MEMORY : code->source;
    info.seconds = (double)((kernel->was_ready ? kernel->found_ns : code->ready_ns) - kernel->asked_ns) * 1e-9;
    info.code_bytes = code->code_bytes;
    if (info.state == NX_JIT_REFUSED) info.reason = code->reason ? code->reason : nexpr_status_text(code->status);
    return info;
}

/* ---------------------------------------------------------------------------------------------------------- texts -- */

typedef struct print_job {
    nx_jit *jit;
    const nx_segment *segment;
    nx_isa isa;
    nx_jit_product product;
    void **ret;
    size_t *ret_bytes;
    nexpr_status status;
    nexpr_error *err;
} print_job;

static void *print(void *argument) {
    print_job *job = argument;
    nx_plugin_host *plugin = &job->jit->plugin;
    job->status = nx_plugin_make(plugin, job->segment, job->isa, job->product, job->ret, job->ret_bytes, job->err);
    return NULL;
}

nexpr_status nx_jit_print(nx_jit *jit, const nx_segment *segment, nx_isa isa, nx_jit_text what, char **ret,
                          size_t *ret_bytes, nexpr_error *err) {
    void *bytes;
    nx_jit_product product = what == NX_JIT_IR ? NX_JIT_IR_TEXT : NX_JIT_ASSEMBLY_TEXT;
    print_job job = {jit, segment, isa, product, &bytes, ret_bytes, NEXPR_OK, err};
    const char *reason = reason_against(segment, isa);
    if (reason) return nx_fail(err, NEXPR_UNSUPPORTED, NX_NOWHERE, "%s", reason);
    NX_TRY(nx_compiler_run(print, &job, err));
    NX_TRY(job.status);
    *ret = bytes;
    return NEXPR_OK;
}
