/* SPDX-License-Identifier: MIT */
/*
 * The casts to one dtype on one instruction set, from all of NEXPR_DTYPE_MAP. Compiled with the macros of kernels_tmpl.c.
 *
 * FROM_<class> of the class header makes an element from one of another class. float16 never meets them as bits: halves
 * that come in are widened to float first, a stage at a time, and a cast to float16 yields floats (its CARRIER) that are
 * rounded at the end. float_to_odd sees to it that the result is rounded once.
 */
#include "engine/kernel.h"
#include "vm/half.h"
#include "vm/kernels.h"
#include "vm/template.h"

#include CLASS

enum {
    STAGE = 128,
    IS_TO_HALF = sizeof(T) != sizeof(CARRIER), /* float16 alone is carried by another type */
};

#define WHEN_BOOL KEEP
#define WHEN_INT KEEP
#define WHEN_REAL KEEP
#define WHEN_COMPLEX IF_FROM_COMPLEX

/* What the words see of a C type in NEXPR_DTYPE_MAP: that of float16 is told from uint16_t by its class. */
#define SEEN_BOOL(ctype) ctype
#define SEEN_INT(ctype) ctype
#define SEEN_REAL(ctype) __typeof__(_Generic((ctype)0, uint16_t: 0.0f, default: (ctype)0))
#define SEEN_COMPLEX(ctype) struct { ctype re, im; }
#define IS_HALF_BOOL(ctype) 0
#define IS_HALF_INT(ctype) 0
#define IS_HALF_REAL(ctype) (sizeof(ctype) == 2)
#define IS_HALF_COMPLEX(ctype) 0

#define NAME(suffix) CAT4(suffix, _to_, SUFFIX, )
#define SEEN(suffix) seen_##suffix

#define CAST(suffix, class, ctype)                                                                          \
    typedef SEEN_##class(ctype) SEEN(suffix);                                                               \
    static inline void convert_##suffix(size_t n, CARRIER *r, const SEEN(suffix) *x) {                      \
        INDEPENDENT                                                                                         \
        for (size_t i = 0; i < n; i++) r[i] = FROM_##class(x[i], SEEN(suffix));                             \
    }                                                                                                       \
    static void NAME(suffix)(size_t n, void *result, const void *const *operand) {                          \
        if (!IS_TO_HALF && !IS_HALF_##class(ctype)) {                                                       \
            convert_##suffix(n, result, operand[0]);                                                        \
            return;                                                                                         \
        }                                                                                                   \
        for (size_t k = 0; k < n; k += STAGE) {                                                             \
            const size_t m = n - k < STAGE ? n - k : STAGE;                                                 \
            float wide[STAGE];                                                                              \
            CARRIER made[STAGE];                                                                            \
            if (IS_HALF_##class(ctype)) nx_halves_to_floats(m, wide, (const uint16_t *)operand[0] + k);     \
            convert_##suffix(m, IS_TO_HALF ? made : (void *)((T *)result + k),                              \
                             IS_HALF_##class(ctype) ? wide : (const void *)((const SEEN(suffix) *)operand[0] + k)); \
            if (IS_TO_HALF) nx_halves_from_floats(m, (uint16_t *)result + k, (const void *)made);           \
        }                                                                                                   \
    }
#define X(id, suffix, name, class, ctype) WHEN_##class(CAST(suffix, class, ctype))
NEXPR_DTYPE_MAP(X)
#undef X

#define TABLE CAT4(nx_casts_, SUFFIX, _, ISA)
extern nx_kernel *const TABLE[NEXPR_DTYPE_COUNT];
nx_kernel *const TABLE[NEXPR_DTYPE_COUNT] = {
#define X(id, suffix, name, class, ctype) WHEN_##class([NEXPR_##id] = NAME(suffix),)
    NEXPR_DTYPE_MAP(X)
#undef X
};
