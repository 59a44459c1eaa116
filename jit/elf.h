/* SPDX-License-Identifier: MIT */
/*
 * The loader of what the compiler makes: a relocatable ELF64 object for x86-64 with the function NX_JIT_SYMBOL, without
 * writable data and without undefined symbols. The bytes may come from a file that anything may have happened to: whatever
 * is not as it should be is refused, and nothing outside of them is read.
 */
#ifndef NX_JIT_ELF_H
#define NX_JIT_ELF_H

#include "engine/status.h"

enum { NX_ELF_SECTIONS = 64, NX_ELF_ALIGNMENT = 4096 };

/* A checked object. The image is what its sections become in memory, at a multiple of NX_ELF_ALIGNMENT. */
typedef struct nx_elf {
    const unsigned char *bytes;
    size_t count;
    size_t image_bytes;               /* >= 1 */
    size_t entry;                     /* of NX_JIT_SYMBOL, in the image */
    size_t entry_bytes;
    unsigned section_count;
    uint64_t place[NX_ELF_SECTIONS];  /* of a section in the image; NX_ELF_NOWHERE if it is not in it */
} nx_elf;

#define NX_ELF_NOWHERE UINT64_MAX

/* Checks `count` bytes, which have to outlive *ret. Errors: FORMAT. */
nexpr_status nx_elf_open(const void *bytes, size_t count, nx_elf *ret, nexpr_error *err);
/* Writes the image, whose bytes are 0, relocated to run at `address`. Errors: FORMAT. */
nexpr_status nx_elf_write(const nx_elf *elf, unsigned char *image, uint64_t address, nexpr_error *err);

#endif
