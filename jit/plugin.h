/* SPDX-License-Identifier: MIT */
/*
 * The door between libnexpr and the plug-in libnexpr-jit.so, the only part that knows LLVM. The plug-in has one visible
 * function, nexpr_jit_plugin; everything else goes through the two versioned structs. Bytes go in, bytes come out: the
 * plug-in keeps nothing of the host's and never calls it.
 */
#ifndef NX_JIT_PLUGIN_H
#define NX_JIT_PLUGIN_H

#include "engine/segment.h"

/* Counted up with every change of this file, of engine/segment.h or of the enums that a segment holds. */
enum { NX_JIT_ABI = 5 };

typedef struct nx_jit_host {
    uint32_t abi;        /* NX_JIT_ABI */
    uint32_t size;       /* of this struct */
    uint32_t version;    /* NEXPR_VERSION: both have to be of one version */
} nx_jit_host;

typedef enum nx_jit_product {
    NX_JIT_OBJECT,       /* ELF64, relocatable; one function NX_JIT_SYMBOL of type nx_segment_kernel, no undefined symbol,
                            no writable data, only PC-relative or absolute 64-bit relocations within it */
    NX_JIT_IR_TEXT,      /* not terminated */
    NX_JIT_ASSEMBLY_TEXT,
} nx_jit_product;

#define NX_JIT_SYMBOL "nexpr_segment"

typedef struct nx_jit_plugin {
    uint32_t abi;
    uint32_t size;
    uint32_t (*llvm_version)(void); /* of the LLVM that is in the process: 190107 is 19.1.7 */
    /* CPU and features that code for isa (AVX2 or AVX512) is made for; part of every key. Static, or NULL: not this isa. */
    const char *(*target)(nx_isa isa);
    /* Thread-safe. *ret is released with `release`. Errors: MEMORY, UNSUPPORTED. */
    nexpr_status (*make)(const nx_segment *segment, nx_isa isa, nx_jit_product product, void **ret, size_t *ret_bytes,
                         nexpr_error *err);
    void (*release)(void *bytes);
} nx_jit_plugin;

/* NULL if host is not of this build. */
typedef const nx_jit_plugin *nx_jit_plugin_function(const nx_jit_host *host);
#define NX_JIT_ENTRY "nexpr_jit_plugin"
NEXPR_API nx_jit_plugin_function nexpr_jit_plugin;

#endif
