/* SPDX-License-Identifier: MIT */
/*
 * Segments without a compiler: kernels that compute them value by value with the kernels of the VM. A kernel has no place
 * for a pointer to its segment, so there is a table of so many of them, which one code has at a time.
 */
#ifndef NX_TESTS_VM_INTERPRETER_H
#define NX_TESTS_VM_INTERPRETER_H

#include "vm/vm.h"

/* Installs a kernel for every segment of the code, in place of those of the code before it. */
void interpret_segments(nx_vm_code *code);

#endif
