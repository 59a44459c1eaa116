/* SPDX-License-Identifier: MIT */
/*
 * The door: a segment is checked, written as LLVM IR in a context of its own, and made what the host asked for. Nothing is
 * kept from one call to the next.
 */
#include "engine/status.h"
#include "jit/llvm/loop.h"
#include "jit/llvm/refuse.h"
#include "jit/llvm/target.h"
#include "jit/plugin.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Core.h>
#include <stdlib.h>
#include <string.h>

/* Warnings have nobody to read them; errors come back as what they are. */
static void ignore_diagnostic(LLVMDiagnosticInfoRef info, void *state) {
    (void)info, (void)state;
}

typedef struct storage {
    memory memory[2 * NX_SEGMENT_OPERANDS];
    value values[MAX_UNROLL * (NX_SEGMENT_OPERANDS + NX_SEGMENT_VALUES)];
    uint8_t is_uniform[NX_SEGMENT_OPERANDS + NX_SEGMENT_VALUES];
} storage;

static void open_function(emitter *e) {
    LLVMTypeRef args[] = {int_type(e, 64), e->pointer, e->pointer, int_type(e, 64)};
    const LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(e->context), args, 4, false);
    e->function = LLVMAddFunction(e->module, NX_JIT_SYMBOL, type);
    target_attributes(e->context, e->function, e->isa);
}

static void write_module(const nx_segment *segment, nx_isa isa, LLVMModuleRef module, storage *s) {
    const LLVMContextRef context = LLVMGetModuleContext(module);
    emitter e = {.context = context, .module = module, .builder = LLVMCreateBuilderInContext(context), .isa = isa,
                 .pointer = LLVMPointerTypeInContext(context, 0), .lanes = lanes_for(segment, isa), .segment = segment,
                 .memory = s->memory, .values = s->values, .is_uniform = s->is_uniform};
    open_function(&e);
    write_function(&e);
    LLVMDisposeBuilder(e.builder);
}

static nexpr_status copy_out(const char *bytes, size_t size, void **ret, size_t *ret_bytes, nexpr_error *err) {
    char *copy = malloc(size ? size : 1);
    if (!copy) return nx_fail_memory(err);
    memcpy(copy, bytes, size);
    *ret = copy;
    *ret_bytes = size;
    return NEXPR_OK;
}

static nexpr_status print_module(LLVMModuleRef module, void **ret, size_t *ret_bytes, nexpr_error *err) {
    char *text = LLVMPrintModuleToString(module);
    const nexpr_status status = copy_out(text, strlen(text), ret, ret_bytes, err);
    LLVMDisposeMessage(text);
    return status;
}

static nexpr_status emit_module(LLVMTargetMachineRef machine, LLVMModuleRef module, LLVMCodeGenFileType type, void **ret,
                                size_t *ret_bytes, nexpr_error *err) {
    LLVMMemoryBufferRef buffer = NULL;
    char *message = NULL;
    if (LLVMTargetMachineEmitToMemoryBuffer(machine, module, type, &message, &buffer)) {
        const nexpr_status status = nx_fail(err, NEXPR_UNSUPPORTED, NX_NOWHERE, "LLVM makes no code of it: %s", message);
        LLVMDisposeMessage(message);
        return status;
    }
    const nexpr_status status = copy_out(LLVMGetBufferStart(buffer), LLVMGetBufferSize(buffer), ret, ret_bytes, err);
    LLVMDisposeMemoryBuffer(buffer);
    return status;
}

static nexpr_status verify_module(LLVMModuleRef module, nexpr_error *err) {
#ifdef NDEBUG
    (void)module, (void)err;
    return NEXPR_OK;
#else
    char *message = NULL;
    nexpr_status status = NEXPR_OK;
    if (LLVMVerifyModule(module, LLVMReturnStatusAction, &message)) {
        status = nx_fail(err, NEXPR_UNSUPPORTED, NX_NOWHERE, "the LLVM IR is wrong: %s", message);
    }
    LLVMDisposeMessage(message);
    return status;
#endif
}

static nexpr_status make_product(LLVMModuleRef module, LLVMTargetMachineRef machine, nx_jit_product product, void **ret,
                                 size_t *ret_bytes, nexpr_error *err) {
    NX_TRY(verify_module(module, err));
    switch (product) {
    case NX_JIT_OBJECT: return emit_module(machine, module, LLVMObjectFile, ret, ret_bytes, err);
    case NX_JIT_ASSEMBLY_TEXT: return emit_module(machine, module, LLVMAssemblyFile, ret, ret_bytes, err);
    default: return print_module(module, ret, ret_bytes, err);
    }
}

static nexpr_status make_with(LLVMTargetMachineRef machine, const nx_segment *segment, nx_isa isa, nx_jit_product product,
                              storage *s, void **ret, size_t *ret_bytes, nexpr_error *err) {
    const LLVMContextRef context = LLVMContextCreate();
    LLVMContextSetDiagnosticHandler(context, ignore_diagnostic, NULL);
    LLVMContextSetDiscardValueNames(context, product == NX_JIT_OBJECT);
    const LLVMModuleRef module = LLVMModuleCreateWithNameInContext("nexpr", context);
    char *triple = LLVMGetTargetMachineTriple(machine);
    const LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
    LLVMSetTarget(module, triple);
    LLVMSetModuleDataLayout(module, layout);
    LLVMDisposeMessage(triple);
    LLVMDisposeTargetData(layout);
    write_module(segment, isa, module, s);
    const nexpr_status status = make_product(module, machine, product, ret, ret_bytes, err);
    LLVMDisposeModule(module);
    LLVMContextDispose(context);
    return status;
}

static nexpr_status make(const nx_segment *segment, nx_isa isa, nx_jit_product product, void **ret, size_t *ret_bytes,
                         nexpr_error *err) {
    if (!target_name(isa)) return nx_fail(err, NEXPR_UNSUPPORTED, NX_NOWHERE, "LLVM has no code generator for this machine");
    NX_TRY(refuse_segment(segment, err));
    NX_TRY(refuse_scarcity(segment, err));
    storage *s = calloc(1, sizeof *s);
    const LLVMTargetMachineRef machine = s ? target_machine(isa) : NULL;
    nexpr_status status = NEXPR_OK;
    if (machine) status = make_with(machine, segment, isa, product, s, ret, ret_bytes, err);
    else status = nx_fail_memory(err);
    free(s);
    return status;
}

static uint32_t llvm_version(void) {
    unsigned major, minor, patch;
    LLVMGetVersion(&major, &minor, &patch);
    return 10000 * major + 100 * minor + patch;
}

static const nx_jit_plugin plugin = {
    .abi = NX_JIT_ABI,
    .size = sizeof(nx_jit_plugin),
    .llvm_version = llvm_version,
    .target = target_name,
    .make = make,
    .release = free,
};

const nx_jit_plugin *nexpr_jit_plugin(const nx_jit_host *host) {
    const bool fits = host->abi == NX_JIT_ABI && host->size == sizeof *host && host->version == NEXPR_VERSION;
    return fits ? &plugin : NULL;
}
