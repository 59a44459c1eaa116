/* SPDX-License-Identifier: MIT */
/*
 * The host's side of jit/plugin.h: finds the plug-in, loads it when it is first needed, and is the only way into it. A
 * plug-in that cannot be used is not tried again; the reason is kept. One that was loaded stays until the process ends.
 *
 * LLVM has state of its own, which a fork or the end of the process finds half changed if a thread is inside. So one
 * thread at a time is inside, in the whole process; who forks waits for it, and a process that ends waits for it and then
 * lets nobody in. A child that was made otherwise (_Fork), while a thread was inside, cannot compile.
 */
#ifndef NX_JIT_PLUGIN_HOST_H
#define NX_JIT_PLUGIN_HOST_H

#include "engine/arena.h"
#include "engine/status.h"
#include "jit/plugin.h"

#include <stdatomic.h>

/* What tells one build of the plug-in from others without loading it. Without padding. */
typedef struct nx_plugin_identity {
    uint64_t bytes, inode, seconds, nanoseconds; /* all 0: there is no plug-in */
} nx_plugin_identity;

typedef struct nx_plugin_host {
    const nexpr_allocator *allocator;
    char *path;                   /* NULL: there is none */
    size_t path_bytes;
    nx_plugin_identity identity;  /* when it was found */
    atomic_bool was_replaced;     /* what was loaded is not what was found */
    const nx_jit_plugin *loaded;  /* this and the rest: for who is inside */
    nexpr_status failure;
    nexpr_error error;
} nx_plugin_host;

/* Looks at the file, without loading it. `path` (NULL: that of NEXPR_JIT_PLUGIN, or libnexpr-jit.so beside this library)
 * has to be absolute; whatever is wrong with it is told by nx_plugin_make. Errors: MEMORY. */
nexpr_status nx_plugin_find(nx_plugin_host *host, const nexpr_allocator *allocator, const char *path, nexpr_error *err);
/* Whether somebody was inside the plug-in, in this process. */
bool nx_plugin_was_used(void);
void nx_plugin_forget(nx_plugin_host *host);

/* What the plug-in makes of a segment, from the host's allocator. Needs a stack of 8 MiB. Errors: MEMORY, UNSUPPORTED. */
nexpr_status nx_plugin_make(nx_plugin_host *host, const nx_segment *segment, nx_isa isa, nx_jit_product product, void **ret,
                            size_t *ret_bytes, nexpr_error *err);

/* From now on this library is not unloaded, whatever is closed: a thread of its own is about to run. */
void nx_plugin_pin_library(void);

#endif
