/* SPDX-License-Identifier: MIT */
/* The table behind nx_math_kernel: ops.def, expanded once for the real and once for the complex kernels. */
#include "math/math.h"

#include "math/real.h"
#include "math/complex.h"

enum { F32, F64, C64, C128, DTYPES, FORMS = 3 };

#define FORMS_T_T(f) {f}
#define FORMS_T_R(f) {f}
#define FORMS_TT_T(f) {f, f##_form1, f##_form2}
#define ISAS(sig, f) {FORMS_##sig(f##_baseline), FORMS_##sig(f##_avx2), FORMS_##sig(f##_avx512)}

#define REAL(id, sig) [F32] = ISAS(sig, nx_math_##id##_f32), [F64] = ISAS(sig, nx_math_##id##_f64),
#define COMPLEX(id, sig) [C64] = ISAS(sig, nx_math_##id##_c64), [C128] = ISAS(sig, nx_math_##id##_c128),
#define KERNELS_NONE(...)
#define KERNELS_F(id, sig) [NX_OP_##id] = {REAL(id, sig)},
#define KERNELS_C(id, sig) [NX_OP_##id] = {COMPLEX(id, sig)},
#define KERNELS_FC(id, sig) [NX_OP_##id] = {REAL(id, sig) COMPLEX(id, sig)},

static nx_kernel *const kernels[NX_OP_COUNT][DTYPES][NX_ISA_COUNT][FORMS] = {
#define OP(id, group, names, syntax, sig, domain, promote, meaning, math, ...) KERNELS_##math(id, sig)
#include "engine/ops.def"
};

nx_kernel *nx_math_kernel(nx_isa isa, nx_op op, nexpr_dtype dtype, unsigned form) {
    if (form >= FORMS) return NULL;
    switch (dtype) {
    case NEXPR_FLOAT32: return kernels[op][F32][isa][form];
    case NEXPR_FLOAT64: return kernels[op][F64][isa][form];
    case NEXPR_COMPLEX64: return kernels[op][C64][isa][form];
    case NEXPR_COMPLEX128: return kernels[op][C128][isa][form];
    default: return NULL;
    }
}
