/* SPDX-License-Identifier: MIT */
/*
 * Code is made for the features that an instruction set of nexpr names, no more: what a machine has beyond these does not
 * change it. The order of instructions is tuned for the machine that we run on, whose name is thus part of the key.
 */
#include "jit/llvm/target.h"

#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIPLE "x86_64-unknown-linux-gnu"
#define CPU "x86-64-v3" /* AVX2, FMA, F16C, BMI */

/* As the isas of the top meson.build. Without evex512 LLVM cuts vectors of 64 bytes in two. */
static const char *const features[NX_ISA_COUNT] = {
    [NX_ISA_AVX2] = "",
    [NX_ISA_AVX512] = "+avx512f,+avx512dq,+avx512bw,+avx512vl,+evex512",
};

/* Written once. */
static struct {
    LLVMTargetRef target;
    pthread_key_t machines; /* of a thread */
    bool has_machines;
    char tune[32], name[NX_ISA_COUNT][128];
} the;

/* By instruction set; made when they are asked for. */
typedef struct machines {
    LLVMTargetMachineRef of[NX_ISA_COUNT];
} machines;

/* A thread ends. */
static void free_machines(void *memory) {
    machines *m = memory;
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        if (m->of[isa]) LLVMDisposeTargetMachine(m->of[isa]);
    }
    free(m);
}

static void init(void) {
    the.has_machines = !pthread_key_create(&the.machines, free_machines);
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    char *message = NULL, *host = LLVMGetHostCPUName();
    if (LLVMGetTargetFromTriple(TRIPLE, &the.target, &message)) {
        the.target = NULL;
        LLVMDisposeMessage(message);
    }
    snprintf(the.tune, sizeof the.tune, "%s", host);
    LLVMDisposeMessage(host);
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        if (features[isa]) snprintf(the.name[isa], sizeof the.name[isa], "%s %s tune %s", CPU, features[isa], the.tune);
    }
}

bool target_init(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init);
    return the.target != NULL;
}

const char *target_name(nx_isa isa) {
    return target_init() && features[isa] ? the.name[isa] : NULL;
}

static machines *machines_of_thread(void) {
    machines *m = the.has_machines ? pthread_getspecific(the.machines) : NULL;
    if (m || !the.has_machines) return m;
    m = calloc(1, sizeof *m);
    if (!m || !pthread_setspecific(the.machines, m)) return m;
    free(m);
    return NULL;
}

LLVMTargetMachineRef target_machine(nx_isa isa) {
    machines *m = machines_of_thread();
    if (m && !m->of[isa]) {
        m->of[isa] = LLVMCreateTargetMachine(the.target, TRIPLE, CPU, features[isa], LLVMCodeGenLevelLess, LLVMRelocPIC,
                                             LLVMCodeModelSmall);
    }
    return m ? m->of[isa] : NULL;
}

static void add(LLVMValueRef function, LLVMAttributeRef a) {
    LLVMAddAttributeAtIndex(function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, a);
}

static void attribute(LLVMContextRef context, LLVMValueRef function, const char *key, const char *text) {
    add(function, LLVMCreateStringAttribute(context, key, (unsigned)strlen(key), text, (unsigned)strlen(text)));
}

static void flag(LLVMContextRef context, LLVMValueRef function, const char *name) {
    add(function, LLVMCreateEnumAttribute(context, LLVMGetEnumAttributeKindForName(name, strlen(name)), 0));
}

void target_attributes(LLVMContextRef context, LLVMValueRef function, nx_isa isa) {
    attribute(context, function, "target-cpu", CPU);
    attribute(context, function, "target-features", features[isa]);
    attribute(context, function, "tune-cpu", the.tune);
    /* Else spilled vectors are not aligned, and cross pages by chance. */
    attribute(context, function, "stackrealign", "");
    flag(context, function, "nounwind");
}

void target_keep_order(LLVMContextRef context, LLVMValueRef function) {
    flag(context, function, "optnone");
    flag(context, function, "noinline"); /* which optnone asks for */
}
