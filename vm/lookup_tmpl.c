/* SPDX-License-Identifier: MIT */
/*
 * The lookups of one dtype on one instruction set, but for take (moves_tmpl.c) and random numbers (philox_tmpl.c). Compiled
 * with the macros of kernels_tmpl.c.
 *
 * A binary search waits for the table at each step; a group of elements goes through the same steps side by side, so that
 * the waiting overlaps. Halves are chosen by selects: which half it is, is as good as random.
 */
#include "vm/half.h"
#include "vm/lookup.h"
#include "vm/template.h"

#include CLASS

/* What of this file a class has, and the order in which its arrays are sorted: NaN behind everything else. */
#define CLASS_b 0
#define CLASS_i8 1
#define CLASS_u8 1
#define CLASS_i16 1
#define CLASS_u16 1
#define CLASS_i32 1
#define CLASS_u32 1
#define CLASS_i64 1
#define CLASS_u64 1
#define CLASS_f16 2
#define CLASS_f32 3
#define CLASS_f64 4
#define CLASS_c64 5
#define CLASS_c128 6
#define WHICH CAT2(CLASS_, SUFFIX)
#define IS_HALF (WHICH == 2)
#define IS_REAL (WHICH == 3 || WHICH == 4)
#define IS_COMPLEX (WHICH >= 5)
#define HAS_INTERP (WHICH == 4 || WHICH == 6)

enum { GROUP = 16, CHUNK = 64 };

/* Tables may have any alignment. */
typedef struct __attribute__((packed, may_alias)) loose {
    T item;
} loose;
typedef struct __attribute__((packed, may_alias)) loose_double {
    double item;
} loose_double;

/* ------------------------------------------------------------------------------------------------------ searching -- */

#define SEARCH_GROUP(name, ITEM, TABLE, IS_LOWER)                                                       \
    static inline void name(const TABLE *table, int64_t count, const ITEM x[GROUP], int64_t r[GROUP]) { \
        for (int k = 0; k < GROUP; k++) r[k] = 0;                                                       \
        for (int64_t half; count > 1; count -= half) {                                                  \
            half = count >> 1;                                                                          \
            for (int k = 0; k < GROUP; k++) {                                                           \
                const ITEM t = LOAD_T(table[r[k] + half - 1].item);                                     \
                r[k] += half & -(int64_t)(IS_LOWER);                                                         \
            }                                                                                           \
        }                                                                                               \
        for (int k = 0; count && k < GROUP; k++) {                                                      \
            const ITEM t = LOAD_T(table[r[k]].item);                                                    \
            r[k] += (IS_LOWER);                                                                         \
        }                                                                                               \
    }

/* r of a NaN is `of_nan`, unless T has none. */
#define SEARCHSORTED(name, of_nan)                                                                         \
    static void searchsorted_##name(size_t n, void *result, const void *operand, const void *const *table, \
                                    const int64_t *count) {                                                \
        const T *xs = operand;                                                                             \
        const int64_t numbers = count_numbers(table[0], count[0]);                                         \
        int64_t *r = result;                                                                               \
        for (size_t i = 0; i < n; i += GROUP) {                                                            \
            const size_t m = n - i < GROUP ? n - i : GROUP;                                                \
            T x[GROUP];                                                                                    \
            int64_t found[GROUP];                                                                          \
            for (size_t k = 0; k < GROUP; k++) x[k] = LOAD_T(xs[i + (k < m ? k : 0)]);                     \
            search_##name(table[0], numbers, x, found);                                                    \
            for (size_t k = 0; k < m; k++) r[i + k] = IS_NAN(x[k]) ? (of_nan) : found[k];                  \
        }                                                                                                  \
    }

#if IS_COMPLEX
/* By real, then by imaginary parts; what has a NaN in it is behind what has fewer. */
static inline int is_part_below(R x, R y) {
    return (x < y) | ((y != y) & (x == x));
}

static inline int is_below(T x, T y) {
    const int x_nan = x.im != x.im, y_nan = y.im != y.im;
    if (x.re < y.re) return y_nan || !x_nan;
    if (x.re > y.re) return y_nan && !x_nan;
    if (x.re == y.re || (x.re != x.re && y.re != y.re)) return is_part_below(x.im, y.im);
    return y.re != y.re;
}
#define IS_BELOW(t, x) is_below(t, x)
#define IS_NOT_ABOVE(t, x) !is_below(x, t)
#else
/* A NaN among numbers finds their end. */
#define IS_BELOW(t, x) !((t) >= (x))
#define IS_NOT_ABOVE(t, x) !((t) > (x))
#endif

#if IS_REAL
#define IS_NAN(x) ((x) != (x))

/* Elements before the first NaN. */
static int64_t count_numbers(const loose *table, int64_t count) {
    int64_t first = 0;
    while (first < count) {
        const int64_t half = first + ((count - first) >> 1);
        if (table[half].item == table[half].item) first = half + 1;
        else count = half;
    }
    return first;
}
#else
#define IS_NAN(x) 0
__attribute__((unused)) static inline int64_t count_numbers(const loose *table, int64_t count) {
    (void)table;
    return count;
}
#endif

#if !IS_HALF
SEARCH_GROUP(search_left, T, loose, IS_BELOW(t, x[k]))
SEARCH_GROUP(search_right, T, loose, IS_NOT_ABOVE(t, x[k]))
SEARCHSORTED(left, numbers)
SEARCHSORTED(right, count[0])
#endif

/* ---------------------------------------------------------------------------------------------------- interpolation -- */

#if HAS_INTERP
SEARCH_GROUP(search_point, double, loose_double, !(t > x[k]))

/* The line through [x0, y0] and [x1, y1]; slope by slope, as NumPy repairs what is infinite. */
static inline double on_line(double x, double x0, double x1, double y0, double y1, double slope) {
    double r = slope * (x - x0) + y0;
    if (r != r) {
        r = slope * (x - x1) + y1;
        if (r != r && y0 == y1) r = y0;
    }
    return r;
}

#if IS_COMPLEX
static inline T between(double x, double x0, double x1, T y0, T y1) {
    const double scale = 1 / (x1 - x0);
    return (T){on_line(x, x0, x1, y0.re, y1.re, (y1.re - y0.re) * scale),
               on_line(x, x0, x1, y0.im, y1.im, (y1.im - y0.im) * scale)};
}
#define FROM_DOUBLE(v) ((T){v, 0})
#else
static inline T between(double x, double x0, double x1, T y0, T y1) {
    return on_line(x, x0, x1, y0, y1, (y1 - y0) / (x1 - x0));
}
#define FROM_DOUBLE(v) (v)
#endif

/* j: how many points are not behind x. With a single point NumPy does not look for NaN. */
static inline T interpolate(double x, int64_t j, const loose_double *xp, const loose *fp, int64_t count) {
    if (x != x && count > 1) return FROM_DOUBLE(x);
    if (j <= 0 || x != x) return fp[0].item;
    if (j >= count || xp[j - 1].item == x) return fp[j - 1].item;
    return between(x, xp[j - 1].item, xp[j].item, fp[j - 1].item, fp[j].item);
}

static void interp(size_t n, void *result, const void *operand, const void *const *table, const int64_t *count) {
    const double *xs = operand;
    T *r = result;
    for (size_t i = 0; i < n; i += GROUP) {
        const size_t m = n - i < GROUP ? n - i : GROUP;
        double x[GROUP];
        int64_t found[GROUP];
        for (size_t k = 0; k < GROUP; k++) x[k] = xs[i + (k < m ? k : 0)];
        search_point(table[0], count[0], x, found);
        for (size_t k = 0; k < m; k++) {
            const T y = count[0] ? interpolate(x[k], found[k], table[0], table[1], count[0]) : FROM_DOUBLE(NAN);
            r[i + k] = STORE_T(y);
        }
    }
}
#endif

/* ------------------------------------------------------------------------------------------------------ polynomials -- */

#if IS_HALF
#define ADD(x, y) nx_half_from_float(nx_half_to_float(x) + nx_half_to_float(y))
#define MUL(x, y) nx_half_from_float(nx_half_to_float(x) * nx_half_to_float(y))
#endif

/* A step for all elements, then the next, so that steps of different elements overlap. */
static inline void evaluate(T r[CHUNK], const T x[CHUNK], const loose *p, int64_t count) {
    T y[CHUNK];
    memset(y, 0, sizeof y);
    for (int64_t j = 0; j < count; j++) {
        const T c = LOAD_T(p[j].item);
        for (int k = 0; k < CHUNK; k++) y[k] = ADD(MUL(y[k], x[k]), c);
    }
    for (int k = 0; k < CHUNK; k++) r[k] = STORE_T(y[k]);
}

static void polyval(size_t n, void *result, const void *operand, const void *const *table, const int64_t *count) {
    for (size_t i = 0; i < n; i += CHUNK) {
        const size_t m = n - i < CHUNK ? n - i : CHUNK;
        T x[CHUNK], y[CHUNK];
        memset(x, 0, sizeof x);
        for (size_t k = 0; k < m; k++) x[k] = LOAD_T(((const T *)operand)[i + k]);
        evaluate(y, x, table[0], count[0]);
        memcpy((T *)result + i, y, m * sizeof *y);
    }
}

/* ----------------------------------------------------------------------------------------------------------- tables -- */

#define TABLE CAT4(nx_lookups_, SUFFIX, _, ISA)
extern nx_lookup_kernel *const TABLE[NX_LOOKUP_COUNT];
nx_lookup_kernel *const TABLE[NX_LOOKUP_COUNT] = {
#if !IS_HALF
    [NX_LOOKUP_searchsorted_left] = searchsorted_left,
    [NX_LOOKUP_searchsorted_right] = searchsorted_right,
#endif
#if HAS_INTERP
    [NX_LOOKUP_interp] = interp,
#endif
    [NX_LOOKUP_polyval] = polyval,
};
