/* SPDX-License-Identifier: MIT */
/* The one place where the VM's own kernels and those of math/ meet. */
#include "vm/kernels.h"

#include "math/math.h"

nx_kernel *nx_vm_kernel(nx_isa isa, nx_op op, nexpr_dtype loop, unsigned form) {
    return nx_op_is_math(op, loop) ? nx_math_kernel(isa, op, loop, form) : nx_vm_own_kernel(isa, op, loop, form);
}
