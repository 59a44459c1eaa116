/* SPDX-License-Identifier: MIT */
/*
 * Compiled segments, for runtime/: asked for by what they do, shared by everybody who asks for the same, kept in a bounded
 * cache, made by one background thread. Nothing here needs LLVM; that is in the plug-in, which is loaded when a segment is
 * neither in memory nor on disk.
 */
#ifndef NX_JIT_JIT_H
#define NX_JIT_JIT_H

#include "engine/segment.h"
#include "engine/status.h"

#include <stdatomic.h>

/* One per context. Thread-safe. */
typedef struct nx_jit nx_jit;

typedef struct nx_jit_options {
    size_t cache_bytes;     /* of code in memory; 0: a default */
    const char *disk_cache; /* an absolute path; NULL: $XDG_CACHE_HOME/nexpr or ~/.cache/nexpr; "": none */
    size_t disk_bytes;      /* 0: a default */
    const char *plugin;     /* an absolute path; NULL: that of NEXPR_JIT_PLUGIN, or libnexpr-jit.so beside this library */
} nx_jit_options;

/* Starts nothing, loads nothing. NULL options: all defaults. Errors: MEMORY. */
nexpr_status nx_jit_new(const nexpr_allocator *allocator, const nx_jit_options *options, nx_jit **ret, nexpr_error *err);
/* Ends the background thread, after the compilation that it is at, and drops the cache. Kernels that somebody still holds
 * stay callable until they are released. */
void nx_jit_free(nx_jit **jit);

typedef enum nx_jit_state {
    NX_JIT_PENDING,
    NX_JIT_READY,
    NX_JIT_REFUSED, /* for the reason in nx_jit_info */
    NX_JIT_ABSENT,  /* from memory and disk, and nobody has asked for more; until somebody does */
} nx_jit_state;

/* How far a request goes. LOOK: what is in memory or on disk; the plug-in is not loaded. COMPILE: it is made if it has to
 * be. WAIT: that, and the call waits until it is ready or refused. */
typedef enum nx_jit_effort { NX_JIT_LOOK, NX_JIT_COMPILE, NX_JIT_WAIT } nx_jit_effort;

typedef enum nx_jit_source { NX_JIT_FROM_COMPILER, NX_JIT_FROM_MEMORY, NX_JIT_FROM_DISK } nx_jit_source;

/* A kernel that was asked for; reference counted. */
typedef struct nx_jit_kernel nx_jit_kernel;

/* The kernel of a segment for an instruction set: at once, or later, from the background. A refusal is no error.
 * Errors: MEMORY. */
nexpr_status nx_jit_get(nx_jit *jit, const nx_segment *segment, nx_isa isa, nx_jit_effort effort, nx_jit_kernel **ret,
                        nexpr_error *err);
void nx_jit_release(nx_jit_kernel **kernel);

/* The machine code; NULL unless it is ready. An atomic read, wait-free, ordered before what it calls. */
nx_segment_kernel *nx_jit_entry(const nx_jit_kernel *kernel);
nx_jit_state nx_jit_state_of(const nx_jit_kernel *kernel);

/* Whether something was asked for that was not in memory: the first time takes longer. Any thread. */
bool nx_jit_has_looked(const nx_jit *jit);
/* Whether the plug-in has made something in this process: the first time takes much longer. Any thread. */
bool nx_jit_has_compiled(void);

/* What became of a request, for introspection. `reason` lives as long as the kernel; "" if there is none. */
typedef struct nx_jit_info {
    nx_jit_state state;
    nx_jit_source source;
    double seconds;    /* from the request to the entry; of a hit, of looking it up */
    size_t code_bytes;
    const char *reason;
} nx_jit_info;
nx_jit_info nx_jit_info_of(const nx_jit_kernel *kernel);

/* Text about a segment, made by the plug-in: LLVM IR or assembly. *ret is from the allocator the jit was made with, to be
 * released with its *ret_bytes. Errors: MEMORY, UNSUPPORTED (no plug-in, or it refuses). */
typedef enum nx_jit_text { NX_JIT_IR, NX_JIT_ASSEMBLY } nx_jit_text;
nexpr_status nx_jit_print(nx_jit *jit, const nx_segment *segment, nx_isa isa, nx_jit_text what, char **ret,
                          size_t *ret_bytes, nexpr_error *err);

#endif
