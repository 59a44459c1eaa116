/* SPDX-License-Identifier: MIT */
/*
 * Promotion by one law: a cast is safe if the target can hold every value of the source (int64 to float64 excepted, which
 * NumPy calls safe), and two dtypes promote to the first dtype of the map to which both cast safely.
 */
#include "engine/dtype.h"

#include "engine/status.h"

#include <string.h>

typedef struct dtype_row {
    const char *name, *suffix;
    uint8_t class, size;
    bool is_signed;
} dtype_row;

static const dtype_row rows[NEXPR_DTYPE_COUNT] = {
#define X(id, suffix, name, class, ctype)                                                      \
    [NEXPR_##id] = {name, #suffix, NX_CLASS_##class,                                           \
                    sizeof(ctype) * (NX_CLASS_##class == NX_CLASS_COMPLEX ? 2 : 1), (ctype)-1 < (ctype)1},
    NEXPR_DTYPE_MAP(X)
#undef X
};

static bool is_dtype(nexpr_dtype dtype) {
    return (unsigned)dtype < NEXPR_DTYPE_COUNT;
}

const char *nexpr_dtype_name(nexpr_dtype dtype) {
    return is_dtype(dtype) ? rows[dtype].name : NULL;
}

size_t nexpr_dtype_size(nexpr_dtype dtype) {
    return is_dtype(dtype) ? rows[dtype].size : 0;
}

nexpr_status nexpr_dtype_find(const char *name, nexpr_dtype *ret_dtype, nexpr_error *err) {
    for (int i = 0; i < NEXPR_DTYPE_COUNT; i++) {
        if (strcmp(rows[i].name, name)) continue;
        *ret_dtype = (nexpr_dtype)i;
        return NEXPR_OK;
    }
    return nx_fail(err, NEXPR_NAME, NX_NOWHERE,
                   "'%s' is no dtype; there are bool, int8 to int64, uint8 to uint64, float16 to "
                   "float64, complex64 and complex128",
                   name);
}

nx_class nx_dtype_class(nexpr_dtype dtype) {
    return (nx_class)rows[dtype].class;
}

bool nx_dtype_is_signed(nexpr_dtype dtype) {
    return rows[dtype].is_signed;
}

const char *nx_dtype_suffix(nexpr_dtype dtype) {
    return rows[dtype].suffix;
}

nexpr_dtype nx_dtype_real(nexpr_dtype dtype) {
    return dtype == NEXPR_COMPLEX64 ? NEXPR_FLOAT32 : dtype == NEXPR_COMPLEX128 ? NEXPR_FLOAT64 : dtype;
}

nexpr_dtype nx_dtype_complex(nexpr_dtype dtype) {
    return dtype == NEXPR_FLOAT16 || nx_dtype_real(dtype) == NEXPR_FLOAT32 ? NEXPR_COMPLEX64 : NEXPR_COMPLEX128;
}

bool nx_dtype_is_safe_cast(nexpr_dtype from, nexpr_dtype to) {
    if (from == to || from == NEXPR_BOOL) return true;
    nx_class a = nx_dtype_class(from), b = nx_dtype_class(to);
    if (a > b) return false;
    size_t n = nexpr_dtype_size(from), m = nexpr_dtype_size(to);
    if (b == NX_CLASS_COMPLEX) m /= 2;
    if (a == NX_CLASS_COMPLEX) n /= 2;
    if (a != NX_CLASS_INT) return n <= m;
    if (b != NX_CLASS_INT) return n < m || m == 8;
    if (nx_dtype_is_signed(from) == nx_dtype_is_signed(to)) return n <= m;
    return nx_dtype_is_signed(to) && n < m;
}

nexpr_dtype nx_dtype_promote(nexpr_dtype a, nexpr_dtype b) {
    for (int i = 0; i < NEXPR_DTYPE_COUNT; i++) {
        nexpr_dtype dtype = (nexpr_dtype)i;
        if (nx_dtype_is_safe_cast(a, dtype) && nx_dtype_is_safe_cast(b, dtype)) return dtype;
    }
    return NEXPR_COMPLEX128;
}

/* Safe, or within a kind, or to a later kind; of the ints, unsigned comes before signed. */
bool nexpr_dtype_can_cast(nexpr_dtype from, nexpr_dtype to) {
    if (!is_dtype(from) || !is_dtype(to)) return false;
    if (nx_dtype_is_safe_cast(from, to)) return true;
    nx_class a = nx_dtype_class(from), b = nx_dtype_class(to);
    if (a != b) return a < b;
    return a != NX_CLASS_INT || nx_dtype_is_signed(to) || !nx_dtype_is_signed(from);
}
