/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an object file of the JIT. What is accepted is written to an image of exactly its size, for an address far
 * up and for a low one, and its function has to lie within it. Nothing is run.
 */
#include <stdint.h>
#include <stdlib.h>

#include "jit/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint64_t addresses[] = {0x7F0000001000, 0x10000, 0};
    nx_elf elf;
    nexpr_error err = nexpr_error_init();
    nexpr_status status = nx_elf_open(data, size, &elf, &err);
    require(status == (err.message[0] ? NEXPR_FORMAT : NEXPR_OK));
    if (status) return 0;
    require(elf.entry < elf.image_bytes && elf.entry_bytes <= elf.image_bytes - elf.entry);
    unsigned char *image = calloc(1, elf.image_bytes);
    for (int i = 0; image && i < 3; i++) {
        status = nx_elf_write(&elf, image, addresses[i], &err);
        require(!status || status == NEXPR_FORMAT);
    }
    free(image);
    return 0;
}
