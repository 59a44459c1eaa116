/* SPDX-License-Identifier: MIT */
/*
 * Contexts, and the default one. The default context is the library's only mutable global: a pointer that is
 * set once, atomically.
 */
#include "runtime/context.h"

#include "runtime/idle.h"
#include "runtime/parts.h"

#include <stdatomic.h>
#include <string.h>

enum { DEFAULT_EXPRESSIONS = 64, DEFAULT_BYTES = 64 << 20 };

nexpr_status nx_read_struct(void *ret, const void *given, size_t size, size_t given_size, const char *what,
                            nexpr_error *err) {
    if (!given) return NEXPR_OK;
    if (given_size < sizeof(size_t) || given_size > 4096) {
        return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "the size field of %s is %zu; set it with the _init function", what,
                       given_size);
    }
    memcpy(ret, given, given_size < size ? given_size : size);
    return NEXPR_OK;
}

nexpr_context_options nexpr_context_options_init(void) {
    return (nexpr_context_options){.size = sizeof(nexpr_context_options)};
}

static nexpr_status check_allocator(const nexpr_allocator *allocator, nexpr_error *err) {
    if (!allocator || (allocator->size >= sizeof *allocator && allocator->allocate && allocator->release)) return NEXPR_OK;
    return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "an allocator needs its size and both functions");
}

static nexpr_status make_parts(nexpr_context *c, const nexpr_context_options *options, nexpr_error *err) {
    size_t expressions = options->cached_expressions ? options->cached_expressions : DEFAULT_EXPRESSIONS;
    size_t bytes = options->cached_bytes == SIZE_MAX ? 0 : options->cached_bytes ? options->cached_bytes : DEFAULT_BYTES;
    NX_TRY(nx_threads_new(c->memory.use, options->threads, options->backend, &c->threads, err));
    c->buffers = nx_buffers_new(c->memory.use, bytes);
    c->cache = nx_cache_new(c->memory.use, expressions);
    NX_TRY(nx_jit_new(c->memory.use, &(nx_jit_options){0}, &c->jit, err));
    return c->buffers && c->cache ? NEXPR_OK : nx_fail_memory(err);
}

nexpr_status nexpr_context_new(const nexpr_context_options *given, nexpr_context **ret_context, nexpr_error *err) {
    nexpr_context_options options = nexpr_context_options_init();
    NX_TRY(NX_READ_STRUCT(&options, given, err));
    NX_TRY(check_allocator(options.allocator, err));
    if ((unsigned)options.run_backend > NEXPR_BACKEND_JIT) {
        return nx_fail(err, NEXPR_ARGUMENT, NX_NOWHERE, "%d is no backend", (int)options.run_backend);
    }
    nexpr_context *c = nx_allocate(options.allocator, 1, sizeof *c);
    if (!c) return nx_fail_memory(err);
    *c = (nexpr_context){.backend = options.run_backend,
                         .report = {options.report, options.report_user, options.report_detail}};
    nx_memory_init(&c->memory, options.allocator);
    nexpr_status status = make_parts(c, &options, err);
    if (status) nexpr_context_free(&c);
    else *ret_context = c;
    return status;
}

void nexpr_context_free(nexpr_context **context) {
    nexpr_context *c = *context;
    *context = NULL;
    if (!c) return;
    nx_idle_drop(c);
    nx_parts_drop_idle(c);
    nx_cache_free(&c->cache);
    nx_jit_free(&c->jit);
    nx_threads_free(&c->threads);
    nx_buffers_unref(&c->buffers);
    nx_memory memory = c->memory;
    nx_release(memory.use ? &memory.copy : NULL, c, 1, sizeof *c);
}

static _Atomic(nexpr_context *) default_context;

/* Several threads may make one at once; the first stays. No lock, so that a fork at any moment leaves the child free to go
 * on. */
static nexpr_status make_default(nexpr_context **ret, nexpr_error *err) {
    nexpr_context *made, *there = NULL;
    NX_TRY(nexpr_context_new(NULL, &made, err));
    if (!atomic_compare_exchange_strong(&default_context, &there, made)) {
        nexpr_context_free(&made);
        made = there;
    }
    *ret = made;
    return NEXPR_OK;
}

nexpr_status nx_context_get(nexpr_context *context, nexpr_context **ret, nexpr_error *err) {
    *ret = context ? context : atomic_load_explicit(&default_context, memory_order_acquire);
    return *ret ? NEXPR_OK : make_default(ret, err);
}

void nexpr_context_free_default(void) {
    nexpr_context *c = atomic_exchange(&default_context, NULL);
    nexpr_context_free(&c);
}
