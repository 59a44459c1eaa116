/* SPDX-License-Identifier: MIT */
/* A library that holds the JIT and begins to compile, for a test that unloads it while it does. */
#include "jit/jit.h"

#define API __attribute__((visibility("default")))

API int begin(const char *plugin, const nx_segment *segment);
API int begin(const char *plugin, const nx_segment *segment) {
    nx_jit_options options = {.disk_cache = "", .plugin = plugin};
    nx_jit *jit; /* as a default context it is never freed */
    nx_jit_kernel *kernel;
    return nx_jit_new(NULL, &options, &jit, NULL) || nx_jit_get(jit, segment, NX_ISA_AVX2, false, &kernel, NULL);
}
