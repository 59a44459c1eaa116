/* SPDX-License-Identifier: MIT */
/* Folding computes with the same kernels as everything else, on one element: there is no second arithmetic. */
#include "vm/kernels.h"
#include "vm/vm.h"

#include <assert.h>

void nx_vm_evaluate(const nx_node *node, const nx_value *args, nx_value *ret) {
    nexpr_dtype loop = (nexpr_dtype)node->loop;
    nx_isa isa = nx_isa_current();
    nx_kernel *kernel = node->kind == NX_NODE_CAST ? nx_vm_cast_kernel(isa, loop, (nexpr_dtype)node->dtype)
                                                   : nx_vm_kernel(isa, (nx_op)node->op, loop, 0);
    assert(kernel);
    const void *x[NX_MAX_ARITY] = {NULL};
    for (int k = 0; k < node->arity; k++) x[k] = &args[k];
    nx_value r = {.bits = {0, 0}};
    kernel(1, &r, x);
    *ret = r;
}
