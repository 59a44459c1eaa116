/* SPDX-License-Identifier: MIT */
/* The machine that code is made for. */
#ifndef NX_JIT_LLVM_TARGET_H
#define NX_JIT_LLVM_TARGET_H

#include "engine/kernel.h"

#include <llvm-c/TargetMachine.h>
#include <stdbool.h>

/* Initialises LLVM, once. false: it has no code generator for this machine. Thread-safe. */
bool target_init(void);
/* See nx_jit_plugin. */
const char *target_name(nx_isa isa);
/* The calling thread's own, which lives as long as the thread: making one takes a quarter of a compilation's time. NULL if
 * memory is short. */
LLVMTargetMachineRef target_machine(nx_isa isa);
/* The attributes of a function that say what code is made for. */
void target_attributes(LLVMContextRef context, LLVMValueRef function, nx_isa isa);
/* Instructions stay in the order of the IR, and blocks in theirs; registers are allocated as ever. Takes LLVM 0.7 of the time. */
void target_keep_order(LLVMContextRef context, LLVMValueRef function);

#endif
