/* SPDX-License-Identifier: MIT */
/*
 * The kernels of engine/reducers.def for one dtype on one instruction set: the rows of the table with the loops of lanes.h
 * about them. Compiled as kernels_tmpl.c; of m2 and of scans, which are in files of their own, here are the rows only.
 *
 * The first of the least elements is found in two steps: the least as by min, then its place. Going down rows, what beats a
 * state is kept with its place; within AT_ONCE rows that is a number of the elements' width, so that vectors stay whole.
 */
#include "vm/template.h"

#include CLASS

#include "vm/lanes.h"

#define NAME(id, what) CAT4(id, _, SUFFIX, what)

/* ---- reducers whose state is a value ---- */

INLINE void reduce_rows(steps s, size_t rows, size_t cols, const void *x, ptrdiff_t row_stride, size_t done, T *value) {
    const size_t new = done == 0;
    if (new) copy_row(cols, x, value);
    step_rows(s, rows - new, cols, row_at(x, row_stride, new), row_stride, value);
    make_canonical(cols, value);
}

INLINE void merge(binary *step, size_t cols, T *value, const T *right) {
    INDEPENDENT
    for (size_t c = 0; c < cols; c++) {
        const T v = step(value[c], right[c]);
        value[c] = STORE_T(v);
    }
}

/* The sum of nothing is 0: that it starts from -0 is so that it becomes what is added to it. */
INLINE void fill(size_t cols, T *value, T start) {
    const T zero = ZERO, v = EQ(start, zero) ? zero : start;
    for (size_t c = 0; c < cols; c++) value[c] = STORE_T(v);
}

/* Whether the start changes nothing that it is combined with. */
#define IF_FOLD_sum KEEP
#define IF_FOLD_prod IN_IF
#define IF_FOLD_min KEEP
#define IF_FOLD_max KEEP
#define IF_FOLD_fmin IN_IF
#define IF_FOLD_fmax IN_IF
#define IF_FOLD_any KEEP
#define IF_FOLD_all KEEP

#define FOLD_KERNELS(id, start_)                                                 \
    static void NAME(id, _fold)(size_t n, void *lanes, const void *const *x) {   \
        step_lanes(STEPS_OF(id), n, x[0], lanes, lanes);                               \
    }                                                                            \
    static void NAME(id, _lanes)(size_t count, void *lanes) {                    \
        const T start = start_;                                                  \
        for (size_t i = 0; i < count; i++) ((T *)lanes)[i] = start;              \
    }

#define VALUE_KERNELS(id, start_, step_)                                                                                  \
    STEPS(id, step_)                                                                                                      \
    static void NAME(id, _leaf)(size_t count, size_t n, const void *x, int64_t first, void *value, void *extra) {         \
        (void)first, (void)extra;                                                                                         \
        reduce_leaves(STEPS_OF(id), count, n, x, value);                                                               \
    }                                                                                                                     \
    static void NAME(id, _rows)(size_t rows, size_t cols, const void *x, ptrdiff_t row_stride, int64_t first, size_t done, \
                                void *value, void *extra) {                                                               \
        (void)first, (void)extra;                                                                                         \
        reduce_rows(STEPS_OF(id), rows, cols, x, row_stride, done, value);                                             \
    }                                                                                                                     \
    static void NAME(id, _merge)(size_t cols, void *value, void *extra, const void *right_value, const void *right_extra, \
                                 int64_t left_count, int64_t right_count) {                                               \
        (void)extra, (void)right_extra, (void)left_count, (void)right_count;                                              \
        merge(STEPS_OF(id).step, cols, value, right_value);                                                                 \
    }                                                                                                                     \
    static void NAME(id, _start)(size_t cols, void *value, void *extra) {                                                 \
        (void)extra;                                                                                                      \
        fill(cols, value, start_);                                                                                        \
    }                                                                                                                     \
    IF_FOLD_##id(FOLD_KERNELS(id, start_))

/* ---- reducers whose state is an extremum and its place ---- */

/* Whether x, which comes later, takes l's place, if neither is NaN; false if l is. */
typedef bool beats(T l, T x);
#define FIRST_MINIMUM(l, x) LT(x, l)
#define FIRST_MAXIMUM(l, x) LT(l, x)

/* The first of the best of AT_ONCE rows, and the first NaN, which is looked for from behind. */
#define LOOK_DOWN(k)                                   \
    do {                                               \
        const bool better = beat(l, e##k);             \
        l = WHERE(better, e##k, l);                    \
        place = better ? (MARK)k : place;        \
    } while (0)
#define LOOK_UP(k)                                     \
    do {                                               \
        const bool is_nan = ISNAN(e##k);               \
        nan = WHERE(is_nan, e##k, nan);                \
        nan_place = is_nan ? (MARK)k : nan_place; \
    } while (0)

INLINE void first_of_eight_rows(beats *beat, size_t cols, const T *x, ptrdiff_t row_stride, int64_t first, T *value,
                                int64_t *index) {
    EIGHT_ROWS(x, row_stride);
    INDEPENDENT
    for (size_t c = 0; c < cols; c++) {
        EIGHT_ELEMENTS(c);
        const T before = value[c];
        T l = before, nan = before;
        MARK place = 0, nan_place = 0;
        LOOK_DOWN(0); LOOK_DOWN(1); LOOK_DOWN(2); LOOK_DOWN(3); LOOK_DOWN(4); LOOK_DOWN(5); LOOK_DOWN(6); LOOK_DOWN(7);
        LOOK_UP(7); LOOK_UP(6); LOOK_UP(5); LOOK_UP(4); LOOK_UP(3); LOOK_UP(2); LOOK_UP(1); LOOK_UP(0);
        const bool has_nan = IS_ONE_NAN;
        const bool is_spoiled = has_nan & !ISNAN(before), is_other = is_spoiled | beat(before, l);
        const int64_t at = first + (int64_t)(is_spoiled ? nan_place : place), old = index[c];
        value[c] = WHERE(is_spoiled, nan, l);
        index[c] = is_other ? at : old;
    }
}

INLINE void first_of_rows(beats *beat, size_t rows, size_t cols, const void *x, ptrdiff_t row_stride, int64_t first,
                          T *value, int64_t *index) {
    size_t row = 0;
    for (; row + AT_ONCE <= rows; row += AT_ONCE) {
        first_of_eight_rows(beat, cols, row_at(x, row_stride, row), row_stride, first + (int64_t)row, value, index);
    }
    for (; row < rows; row++) {
        const T *xs = row_at(x, row_stride, row);
        INDEPENDENT
        for (size_t c = 0; c < cols; c++) {
            const T l = value[c], e = LOAD_T(xs[c]);
            const bool better = beat(l, e) | (ISNAN(e) & !ISNAN(l));
            value[c] = WHERE(better, e, l);
            index[c] = better ? first + (int64_t)row : index[c];
        }
    }
}

INLINE void start_rows(size_t cols, const T *x, int64_t first, T *value, int64_t *index) {
    copy_row(cols, x, value);
    for (size_t c = 0; c < cols; c++) index[c] = first;
}

/* Whether x is what is looked for. */
INLINE bool is_found(T x, T v, bool is_nan) {
    return is_nan ? ISNAN(x) : EQ(x, v);
}

INLINE size_t place_of_either(size_t n, const T *x, T v, bool is_nan) {
    enum { STRIDE = 64 };
    size_t i = 0;
    for (; i + STRIDE <= n; i += STRIDE) {
        MARK any = 0;
        for (size_t k = 0; k < STRIDE; k++) any |= (MARK)is_found(x[i + k], v, is_nan);
        if (any) break;
    }
    while (i + 1 < n && !is_found(x[i], v, is_nan)) i++;
    return i;
}

/* The place of the first element that equals v, or is NaN as v is. There is one. */
INLINE size_t place_of(size_t n, const T *x, T v) {
    return ISNAN(v) ? place_of_either(n, x, v, true) : place_of_either(n, x, v, false);
}

INLINE void first_of_short_leaves(beats *beat, size_t count, size_t n, const T *x, int64_t first, T *value, int64_t *index) {
    T part[SCRATCH_ITEMS];
    for (size_t at = 0, batch; at < count; at += batch) {
        batch = batch_of(count - at, n);
        lay_side_by_side(batch, n, x + at * n, part);
        start_rows(batch, part, first, value + at, index + at);
        first_of_rows(beat, n - 1, batch, part + batch, (ptrdiff_t)(batch * sizeof(T)), first + 1, value + at, index + at);
    }
    make_canonical(count, value);
}

INLINE void first_of_leaves(beats *beat, steps extremum, size_t count, size_t n, const T *x, int64_t first, T *value,
                            int64_t *index) {
    if (n <= SHORT) {
        first_of_short_leaves(beat, count, n, x, first, value, index);
        return;
    }
    reduce_leaves(extremum, count, n, x, value);
    for (size_t i = 0; i < count; i++) {
        const T *leaf = x + i * n;
        const size_t place = place_of(n, leaf, value[i]);
        value[i] = STORE_T(leaf[place]);
        index[i] = first + (int64_t)place;
    }
}

INLINE void merge_first(beats *beat, size_t cols, T *value, int64_t *index, const T *right, const int64_t *right_index) {
    INDEPENDENT
    for (size_t c = 0; c < cols; c++) {
        const T l = value[c], x = right[c];
        const bool better = beat(l, x) | (ISNAN(x) & !ISNAN(l));
        value[c] = WHERE(better, x, l);
        index[c] = better ? right_index[c] : index[c];
    }
}

/* What finds the extremum alone. */
#define EXTREMUM_argmin min
#define EXTREMUM_argmax max

#define PLACE_KERNELS(id, start_, beats_)                                                                                 \
    static inline bool NAME(id, _beats)(T l, T x) {                                                                        \
        return beats_(l, x);                                                                                              \
    }                                                                                                                     \
    static size_t NAME(id, _place)(size_t n, const void *x, const void *value) {                                           \
        return place_of(n, x, *(const T *)value);                                                                         \
    }                                                                                                                     \
    static void NAME(id, _leaf)(size_t count, size_t n, const void *x, int64_t first, void *value, void *extra) {         \
        first_of_leaves(NAME(id, _beats), STEPS_OF(EXTREMUM_##id), count, n, x, first, value, extra);                  \
    }                                                                                                                     \
    static void NAME(id, _rows)(size_t rows, size_t cols, const void *x, ptrdiff_t row_stride, int64_t first, size_t done, \
                                void *value, void *extra) {                                                               \
        const size_t new = done == 0;                                                                                     \
        if (new) start_rows(cols, x, first, value, extra);                                                                \
        first_of_rows(NAME(id, _beats), rows - new, cols, row_at(x, row_stride, new), row_stride, first + (int64_t)new,   \
                      value, extra);                                                                                      \
        make_canonical(cols, value);                                                                                      \
    }                                                                                                                     \
    static void NAME(id, _merge)(size_t cols, void *value, void *extra, const void *right_value, const void *right_extra, \
                                 int64_t left_count, int64_t right_count) {                                               \
        (void)left_count, (void)right_count;                                                                              \
        merge_first(NAME(id, _beats), cols, value, extra, right_value, right_extra);                                      \
    }                                                                                                                     \
    static void NAME(id, _start)(size_t cols, void *value, void *extra) {                                                 \
        fill(cols, value, start_);                                                                                        \
        memset(extra, 0, cols * sizeof(int64_t));                                                                         \
    }

/* ---- the table ---- */

#define KERNELS_WIDE_T VALUE_KERNELS
#define KERNELS_ORDERED_T VALUE_KERNELS
#define KERNELS_BOOL_T VALUE_KERNELS
#define KERNELS_ORDERED_I PLACE_KERNELS
#define KERNELS_DOUBLE_T DROP

#define REDUCER(id, loops, result, start, step, empty, op) IN_##loops(KERNELS_##loops##_##result(id, start, step))
#include "engine/reducers.def"

/* Names of kernels of other files. */
#define SCAN(id, what) CAT4(nx_scan_, id, what, CAT3(SUFFIX, _, ISA))
#define M2(what) CAT3(nx_m2_, what, ISA)

#define IF_SCAN_sum KEEP
#define IF_SCAN_prod KEEP
#define IF_SCAN_min KEEP
#define IF_SCAN_max KEEP
#define IF_SCAN_fmin DROP
#define IF_SCAN_fmax DROP
#define IF_SCAN_any DROP
#define IF_SCAN_all DROP

#define REDUCER(id, loops, result, start, step, empty, op) IN_##loops(DECLARE_##loops##_##result(id))
#define DECLARE_WIDE_T(id) IF_SCAN_##id(extern nx_scan_leaf SCAN(id, _leaf_); \
    extern nx_scan_leaves SCAN(id, _leaves_); extern nx_scan_rows SCAN(id, _rows_);)
#define DECLARE_ORDERED_T DECLARE_WIDE_T
#define DECLARE_BOOL_T DROP
#define DECLARE_ORDERED_I DROP
#define DECLARE_DOUBLE_T(id)                                  \
    extern nx_reduce_leaf M2(leaf_); extern nx_reduce_rows M2(rows_); \
    extern nx_reduce_merge M2(merge_); extern nx_reduce_start M2(start_);
#include "engine/reducers.def"

#define OWN(id) NAME(id, _leaf), NAME(id, _rows), NAME(id, _merge), NAME(id, _start)
#define ROW_WIDE_T(id)                                                                      \
    {OWN(id) IF_SCAN_##id(, SCAN(id, _leaf_), SCAN(id, _leaves_), SCAN(id, _rows_))         \
         IF_FOLD_##id(, .fold = NAME(id, _fold), .lanes = NAME(id, _lanes))}
#define ROW_ORDERED_T ROW_WIDE_T
#define ROW_BOOL_T ROW_WIDE_T
#define ROW_ORDERED_I(id) {OWN(id), .place = NAME(id, _place), .has_extra = true}
#define ROW_DOUBLE_T(id) {M2(leaf_), M2(rows_), M2(merge_), M2(start_), .has_extra = true}

#define TABLE CAT4(nx_reduce_, SUFFIX, _, ISA)
extern const nx_reduce_kernels TABLE[NX_REDUCER_COUNT];
const nx_reduce_kernels TABLE[NX_REDUCER_COUNT] = {
#define REDUCER(id, loops, result, start, step, empty, op) IN_##loops([NX_REDUCER_##id] = ROW_##loops##_##result(id),)
#include "engine/reducers.def"
};
