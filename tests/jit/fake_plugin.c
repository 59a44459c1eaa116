/* SPDX-License-Identifier: MIT */
/*
 * A plug-in that knows no LLVM: its code is the object of kernel.c, in which the marker is replaced by the operation of the
 * segment's first value. FAKE says what is wrong with it (NO_SYMBOL too), OBJECT is the object's path.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jit/plugin.h"
#include "tests/jit/fake.h"

__asm__(".section .rodata\nobject_begin: .incbin \"" OBJECT "\"\nobject_end:\n.previous\n");
extern const unsigned char object_begin[] __attribute__((visibility("hidden")));
extern const unsigned char object_end[] __attribute__((visibility("hidden")));

static const char *target(nx_isa isa) {
    return isa == NX_ISA_AVX2 ? "fake" : NULL;
}

static nexpr_status fail(nexpr_error *err, nexpr_status status, const char *message) {
    if (err) strcpy(err->message, message);
    return status;
}

static nexpr_status make_object(const nx_segment *segment, void **ret, size_t *ret_bytes) {
    size_t bytes = FAKE == FAKE_MALFORMED ? 200 : (size_t)(object_end - object_begin);
    unsigned char *object = malloc(bytes);
    uint64_t marker = MARKER, number = segment->value_count ? nx_segment_values(segment)->op : 0;
    if (!object) return NEXPR_MEMORY;
    memcpy(object, object_begin, bytes);
    unsigned char *at = memmem(object, bytes, &marker, sizeof marker);
    if (at) memcpy(at, &number, sizeof number);
    *ret = object;
    *ret_bytes = bytes;
    return NEXPR_OK;
}

static nexpr_status make_text(nx_jit_product product, void **ret, size_t *ret_bytes) {
    const char *text = product == NX_JIT_IR_TEXT ? "define void" : "ret";
    *ret_bytes = strlen(text);
    return (*ret = strdup(text)) ? NEXPR_OK : NEXPR_MEMORY;
}

static atomic_int inside;

/* As with LLVM's destructors, nobody may be inside. */
__attribute__((destructor)) static void end(void) {
    if (FAKE == FAKE_SLOW) usleep(SLOW_MS * 500); /* somebody may come in */
    if (atomic_load(&inside)) _exit(FAKE_INSIDE);
}

static void take_time(void) {
    atomic_fetch_add(&inside, 1);
    usleep(SLOW_MS * 1000);
    atomic_fetch_sub(&inside, 1);
}

static nexpr_status make(const nx_segment *segment, nx_isa isa, nx_jit_product product, void **ret, size_t *ret_bytes,
                         nexpr_error *err) {
    static int calls;
    (void)isa;
    if (FAKE == FAKE_SLOW) take_time();
    if (FAKE == FAKE_FAILING) return fail(err, NEXPR_UNSUPPORTED, "op 7 has no code");
    if (FAKE == FAKE_FORGETFUL && !calls++) return fail(err, NEXPR_MEMORY, "out of memory");
    return product == NX_JIT_OBJECT ? make_object(segment, ret, ret_bytes) : make_text(product, ret, ret_bytes);
}

static uint32_t llvm_version(void) {
    return FAKE == FAKE_WRONG_LLVM ? 180100 : NX_LLVM_VERSION;
}

static const nx_jit_plugin plugin = {
    FAKE == FAKE_WRONG_ABI ? NX_JIT_ABI + 1 : NX_JIT_ABI, sizeof plugin, llvm_version, target, make, free,
};

void nexpr_no_such_function(void);

#ifdef NO_SYMBOL
#define nexpr_jit_plugin nexpr_other_plugin
NEXPR_API nx_jit_plugin_function nexpr_other_plugin;
#endif

const nx_jit_plugin *nexpr_jit_plugin(const nx_jit_host *host) {
    if (FAKE == FAKE_UNRESOLVED) nexpr_no_such_function();
    if (FAKE == FAKE_REJECTING || host->abi != NX_JIT_ABI || host->version != NEXPR_VERSION) return NULL;
    return &plugin;
}
