/* SPDX-License-Identifier: MIT */
/* A library that holds the JIT and begins to compile, for a test that unloads it while it does. */
#include "jit/jit.h"

#define API __attribute__((visibility("default")))

API int begin(const char *plugin, const nx_segment *segment);
API int begin(const char *plugin, const nx_segment *segment) {
    static nx_jit *jit; /* like a default context, which nobody frees */
    static nx_jit_kernel *kernel;
    nx_jit_options options = {.disk_cache = "", .plugin = plugin};
    return nx_jit_new(NULL, &options, &jit, NULL) || nx_jit_get(jit, segment, NX_ISA_AVX2, NX_JIT_COMPILE, &kernel, NULL);
}
