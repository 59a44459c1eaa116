/* SPDX-License-Identifier: MIT */
/* Superinstructions by name: the rows of fused.def, and their kernels. */
#ifndef NX_VM_FUSED_H
#define NX_VM_FUSED_H

#include "engine/kernel.h"
#include "engine/ops.h"

typedef enum nx_fused {
#define FUSED(id, ...) NX_FUSED_##id,
#include "vm/fused.def"
    NX_FUSED_COUNT
} nx_fused;

/* The dtype of its result. */
nexpr_dtype nx_fused_result(nx_fused id, nexpr_dtype loop);

/* Operands of a kernel, superinstructions included. */
enum { NX_MAX_OPERANDS = 6 };

/* NULL if there is no such form for this loop dtype. The contract is engine/kernel.h, with more operands. */
nx_kernel *nx_vm_fused_kernel(nx_isa isa, nx_fused id, nexpr_dtype loop, unsigned form);
/* The same for a formula with CAST(x) or FLAG(x), where operand 0 has the dtype `source`. NEXPR_DTYPE_COUNT: neither. */
nx_kernel *nx_vm_decoding_kernel(nx_isa isa, nx_fused id, nexpr_dtype loop, nexpr_dtype source, unsigned form);

#endif
