/* SPDX-License-Identifier: MIT */
/*
 * The kernels of reducers on every instruction set, against the definition in engine/reducers.def written out here for one
 * element at a time: bit for bit, whatever the number of leaves, columns and rows in a call.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "reference_kernels.h"
#include "samples.h"
#include "vm/kernels.h"
#include "vm/reduce.h"

enum { MAX_ITEMS = 40000, MAX_LEAF_ITEMS = 16000, MAX_STATES = 4096, ITEM_BYTES = 16, GUARD_BYTE = 0xa5, GUARD = 64 };

typedef struct subject {
    nx_reducer reducer;
    nexpr_dtype loop;
    size_t size;
} subject;

/* What a node of the tree is. extra holds an int64 or a double. */
typedef struct state {
    nx_value value, extra;
} state;

/* States as kernels have them, with guards behind. */
typedef struct states {
    _Alignas(64) unsigned char value[MAX_STATES * ITEM_BYTES + GUARD];
    _Alignas(64) unsigned char extra[MAX_STATES * 8 + GUARD];
} states;

static _Alignas(64) unsigned char input[MAX_ITEMS * ITEM_BYTES], output[MAX_ITEMS * ITEM_BYTES + GUARD];
static state expected[MAX_ITEMS];
static states actual;
static uint64_t seed;
static bool is_supported[NX_ISA_COUNT];

/* ---- the definition ---- */

static nx_value apply(nx_op op, nexpr_dtype loop, nx_value l, nx_value x) {
    const nx_value args[] = {l, x, {0}};
    nx_value ret = {.bits = {0, 0}};
    assert_true(reference_op(op, loop, args, &ret));
    return ret;
}

static nx_value combine(const subject *s, nx_value l, nx_value x) {
    static const nx_op ops[NX_REDUCER_COUNT] = {
        [NX_REDUCER_sum] = NX_OP_add,      [NX_REDUCER_prod] = NX_OP_multiply, [NX_REDUCER_min] = NX_OP_minimum,
        [NX_REDUCER_max] = NX_OP_maximum,  [NX_REDUCER_fmin] = NX_OP_fmin,     [NX_REDUCER_fmax] = NX_OP_fmax,
        [NX_REDUCER_any] = NX_OP_maximum,  [NX_REDUCER_all] = NX_OP_minimum,
    };
    return apply(ops[s->reducer], s->loop, l, x);
}

static bool is_nan(nexpr_dtype loop, nx_value v) {
    switch (loop) {
    case NEXPR_FLOAT32: return isnan(v.f32);
    case NEXPR_FLOAT64: return isnan(v.f64);
    case NEXPR_COMPLEX64: return isnan(v.c64[0]) || isnan(v.c64[1]);
    case NEXPR_COMPLEX128: return isnan(v.c128[0]) || isnan(v.c128[1]);
    default: return false;
    }
}

/* NaNs made canonical, bools 0 or 1. */
static nx_value clean(nexpr_dtype loop, nx_value v) {
    nx_value ret = {.bits = {0, 0}};
    assert_true(reference_cast(loop, loop, v, &ret));
    return ret;
}

static bool is_place(nx_reducer reducer) {
    return reducer == NX_REDUCER_argmin || reducer == NX_REDUCER_argmax;
}

/* Whether x, which comes later, is the first of the least or greatest up to now. */
static bool beats(const subject *s, nx_value l, nx_value x) {
    if (is_nan(s->loop, l) || is_nan(s->loop, x)) return !is_nan(s->loop, l);
    return apply(s->reducer == NX_REDUCER_argmin ? NX_OP_less : NX_OP_greater, s->loop, x, l).b;
}

/* Element i to lane i % 32, the lanes as l + (l+16), +8, +4, +2, +1; lanes without an element take no part. */
static nx_value tree(const subject *s, size_t n, const nx_value *x) {
    nx_value lane[NX_LANES] = {{0}};
    for (size_t i = 0; i < n; i++) lane[i % NX_LANES] = i < NX_LANES ? x[i] : combine(s, lane[i % NX_LANES], x[i]);
    for (size_t half = 16, live = n < NX_LANES ? n : NX_LANES; half; half /= 2) {
        for (size_t i = 0; i < half; i++) {
            if (i + half < live) lane[i] = combine(s, lane[i], lane[i + half]);
        }
        if (live > half) live = half;
    }
    return clean(s->loop, lane[0]);
}

static state moment(size_t n, nx_value *x) {
    const subject sum = {NX_REDUCER_sum, NEXPR_FLOAT64, 8};
    const double mean = tree(&sum, n, x).f64 / (double)n;
    for (size_t i = 0; i < n; i++) x[i].f64 = (x[i].f64 - mean) * (x[i].f64 - mean);
    const state ret = {tree(&sum, n, x), clean(NEXPR_FLOAT64, (nx_value){.f64 = mean})};
    return ret;
}

static state first_of(const subject *s, size_t n, const nx_value *x, int64_t first) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++) {
        if (beats(s, x[best], x[i])) best = i;
    }
    return (state){clean(s->loop, x[best]), {.i64 = first + (int64_t)best}};
}

static state leaf_of(const subject *s, size_t n, const void *elements, int64_t first) {
    static nx_value x[NX_LEAF_ITEMS];
    for (size_t i = 0; i < n; i++) x[i] = get_value(s->loop, elements, i);
    if (s->reducer == NX_REDUCER_m2) return moment(n, x);
    if (is_place(s->reducer)) return first_of(s, n, x, first);
    return (state){tree(s, n, x), {0}};
}

/* One more element, at `index`, for a state of `done` elements. */
static state step(const subject *s, state l, nx_value x, int64_t index, size_t done) {
    if (s->reducer == NX_REDUCER_m2) {
        const double before = done ? l.extra.f64 : 0, v = done ? l.value.f64 : 0, from_mean = x.f64 - before;
        const double mean = before + from_mean * (1 / (double)(done + 1)), ret = v + from_mean * (x.f64 - mean);
        return (state){clean(s->loop, (nx_value){.f64 = ret}), clean(s->loop, (nx_value){.f64 = mean})};
    }
    if (is_place(s->reducer)) return done && !beats(s, l.value, x) ? l : (state){clean(s->loop, x), {.i64 = index}};
    return (state){done ? combine(s, l.value, x) : clean(s->loop, x), {0}};
}

static state merged(const subject *s, state l, state r, int64_t left, int64_t right) {
    if (s->reducer == NX_REDUCER_m2) {
        const double apart = r.extra.f64 - l.extra.f64, share = (double)right / ((double)left + (double)right);
        const double v = (l.value.f64 + r.value.f64) + apart * apart * ((double)left * share);
        return (state){clean(s->loop, (nx_value){.f64 = v}),
                       clean(s->loop, (nx_value){.f64 = l.extra.f64 + apart * share})};
    }
    if (is_place(s->reducer)) return beats(s, l.value, r.value) ? r : l;
    return (state){combine(s, l.value, r.value), {0}};
}

/* ---- elements ---- */

typedef enum mixture { MIXED, CALM, EQUAL, TIES, ONE_SPECIAL, MIXTURES } mixture;

/* Of every size about 1 and of both signs, with all bits in use: another order of adding gives another sum. */
static double calm_part(void) {
    const double u = (double)(next_random(&seed) >> 11) * 0x1p-53, v = 0.5 + u;
    return next_random(&seed) & 1 ? v : -v;
}

static nx_value calm(nexpr_dtype loop) {
    nx_value v = {.bits = {next_random(&seed), next_random(&seed)}};
    if (loop == NEXPR_FLOAT32) v.f32 = (float)calm_part();
    if (loop == NEXPR_FLOAT64) v.f64 = calm_part();
    if (loop == NEXPR_COMPLEX64) v.c64[0] = (float)calm_part(), v.c64[1] = (float)calm_part();
    if (loop == NEXPR_COMPLEX128) v.c128[0] = calm_part(), v.c128[1] = calm_part();
    return v;
}

/* Zeros of both signs, and 1 now and then. */
static nx_value tie(nexpr_dtype loop) {
    nx_value v = {.bits = {0, 0}};
    const uint64_t draw = next_random(&seed);
    const double parts[] = {draw & 1 ? 0.0 : -0.0, draw & 2 ? 0.0 : -0.0};
    const bool one = draw % 64 == 63;
    if (nx_dtype_class(loop) == NX_CLASS_INT) v.bits[0] = one;
    if (loop == NEXPR_FLOAT32) v.f32 = one ? 1 : (float)parts[0];
    if (loop == NEXPR_FLOAT64) v.f64 = one ? 1 : parts[0];
    if (loop == NEXPR_COMPLEX64) v.c64[0] = (float)parts[0], v.c64[1] = one ? 1 : (float)parts[1];
    if (loop == NEXPR_COMPLEX128) v.c128[0] = parts[0], v.c128[1] = one ? 1 : parts[1];
    return v;
}

static void fill(nexpr_dtype loop, mixture how, size_t n, unsigned char *x) {
    const nx_value one = calm(loop);
    if (how == MIXED) fill_samples(loop, n, x, 0, &seed);
    for (size_t i = 0; how != MIXED && i < n; i++) {
        set_value(loop, x, i, how == EQUAL ? one : how == TIES ? tie(loop) : calm(loop));
    }
    if (how == ONE_SPECIAL) {
        fill_samples(loop, 1, x + next_random(&seed) % n * nexpr_dtype_size(loop), (size_t)next_random(&seed), NULL);
    }
}

/* ---- comparing ---- */

static void for_each_subject(void (*check)(const subject *s)) {
    for (int i = 0; i < NX_REDUCER_COUNT * NEXPR_DTYPE_COUNT; i++) {
        const subject s = {(nx_reducer)(i / NEXPR_DTYPE_COUNT), (nexpr_dtype)(i % NEXPR_DTYPE_COUNT),
                           nexpr_dtype_size((nexpr_dtype)(i % NEXPR_DTYPE_COUNT))};
        if (nx_reducer_has_loop(s.reducer, s.loop)) check(&s);
    }
}

/* NULL for an instruction set that this machine lacks. */
static const nx_reduce_kernels *kernels_on(const subject *s, int isa) {
    return is_supported[isa] ? nx_vm_reduce_kernels((nx_isa)isa, s->reducer, s->loop) : NULL;
}

static void *extra_of(const nx_reduce_kernels *k, states *t) {
    return k->has_extra ? t->extra : NULL;
}

static void check_value(const subject *s, const char *what, size_t i, nexpr_dtype dtype, const void *is, nx_value ought) {
    const nx_value v = get_value(dtype, is, i);
    if (!memcmp(&v, &ought, nexpr_dtype_size(dtype))) return;
    fail_msg("%s of %s, %s: number %zu is %016llx %016llx, not %016llx %016llx", nx_reducer_name(s->reducer),
             nexpr_dtype_name(s->loop), what, i, (unsigned long long)v.bits[0], (unsigned long long)v.bits[1],
             (unsigned long long)ought.bits[0], (unsigned long long)ought.bits[1]);
}

static void check_guard(const unsigned char *bytes) {
    for (size_t i = 0; i < GUARD; i++) assert_int_equal(bytes[i], GUARD_BYTE);
}

static void check_states(const subject *s, const char *what, size_t count, const states *is, const state *ought) {
    const bool has_extra = is_place(s->reducer) || s->reducer == NX_REDUCER_m2;
    for (size_t i = 0; i < count; i++) {
        check_value(s, what, i, s->loop, is->value, ought[i].value);
        if (has_extra) check_value(s, what, i, NEXPR_INT64, is->extra, ought[i].extra);
    }
    check_guard(is->value + count * s->size);
    check_guard(is->extra + (has_extra ? count * 8 : 0));
}

static void put_states(const subject *s, size_t count, const state *from, states *to) {
    memset(to, GUARD_BYTE, sizeof *to);
    for (size_t i = 0; i < count; i++) {
        set_value(s->loop, to->value, i, from[i].value);
        if (is_place(s->reducer) || s->reducer == NX_REDUCER_m2) set_value(NEXPR_INT64, to->extra, i, from[i].extra);
    }
}

/* ---- the tests ---- */

static void kernels_exist_exactly_where_the_table_says(void **unused) {
    (void)unused;
    for (int i = 0; i < NX_ISA_COUNT * NX_REDUCER_COUNT * NEXPR_DTYPE_COUNT; i++) {
        const nx_isa isa = (nx_isa)(i % NX_ISA_COUNT);
        const nexpr_dtype loop = (nexpr_dtype)(i / NX_ISA_COUNT % NEXPR_DTYPE_COUNT);
        const nx_reducer reducer = (nx_reducer)(i / NX_ISA_COUNT / NEXPR_DTYPE_COUNT);
        const nx_reduce_kernels *k = nx_vm_reduce_kernels(isa, reducer, loop);
        assert_int_equal(k != NULL, nx_reducer_has_loop(reducer, loop));
        if (!k) continue;
        assert_true(k->leaf && k->rows && k->merge && k->start);
        const bool runs = reducer == NX_REDUCER_sum || reducer == NX_REDUCER_prod || reducer == NX_REDUCER_min ||
                          reducer == NX_REDUCER_max;
        assert_int_equal(k->scan_leaf != NULL, runs);
        assert_int_equal(k->scan_leaves != NULL, runs);
        assert_int_equal(k->scan_rows != NULL, runs);
        assert_int_equal(k->place != NULL, is_place(reducer));
        assert_int_equal(k->has_extra, is_place(reducer) || reducer == NX_REDUCER_m2);
    }
}

static void check_leaves_of(const subject *s, size_t n, size_t count, mixture how) {
    const int64_t first = (int64_t)(next_random(&seed) >> 20);
    fill(s->loop, how, n * count, input);
    for (size_t i = 0; i < count; i++) expected[i] = leaf_of(s, n, input + i * n * s->size, first);
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        const nx_reduce_kernels *k = kernels_on(s, isa);
        if (!k) continue;
        memset(&actual, GUARD_BYTE, sizeof actual);
        k->leaf(count, n, input, first, actual.value, extra_of(k, &actual));
        check_states(s, nx_isa_name((nx_isa)isa), count, &actual, expected);
    }
}

static void check_leaves(const subject *s) {
    static const size_t lengths[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 31, 32, 33, 48, 49, 63, 64, 65, 100, 320, 4095,
                                     NX_LEAF_ITEMS};
    static const size_t counts[] = {1, 2, 3, 7, 8, 9, 33, 300, 1000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
            if (lengths[i] * counts[k] > MAX_LEAF_ITEMS) continue;
            for (mixture how = 0; how < MIXTURES; how++) {
                if ((i + k + how) % 2 == 0) check_leaves_of(s, lengths[i], counts[k], how);
            }
        }
    }
}

static void a_leaf_is_the_tree_of_its_lanes(void **unused) {
    (void)unused;
    for_each_subject(check_leaves);
}

/* Rows [0, rows) in two calls, from the top of memory to its end or the other way up. */
static void check_rows_of(const subject *s, size_t rows, size_t cols, size_t gap, bool upwards, size_t cut, mixture how) {
    const size_t length = cols + gap;
    const ptrdiff_t stride = (upwards ? -1 : 1) * (ptrdiff_t)(length * s->size);
    const unsigned char *x = upwards ? input + (rows - 1) * length * s->size : input;
    const int64_t first = (int64_t)(next_random(&seed) >> 20);
    fill(s->loop, how, rows * length, input);
    for (size_t row = 0; row < rows; row++) {
        for (size_t c = 0; c < cols; c++) {
            const nx_value e = get_value(s->loop, x + (ptrdiff_t)row * stride, c);
            expected[c] = step(s, expected[c], e, first + (int64_t)row, row);
        }
    }
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        const nx_reduce_kernels *k = kernels_on(s, isa);
        if (!k) continue;
        memset(&actual, GUARD_BYTE, sizeof actual);
        if (cut) k->rows(cut, cols, x, stride, first, 0, actual.value, extra_of(k, &actual));
        k->rows(rows - cut, cols, x + (ptrdiff_t)cut * stride, stride, first + (int64_t)cut, cut, actual.value,
                extra_of(k, &actual));
        check_states(s, nx_isa_name((nx_isa)isa), cols, &actual, expected);
    }
}

static void check_rows(const subject *s) {
    static const size_t heights[] = {1, 2, 3, 7, 8, 9, 10, 17, 24, 33, 256};
    static const size_t widths[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 64, 65, 130};
    for (size_t i = 0; i < sizeof heights / sizeof *heights; i++) {
        for (size_t k = 0; k < sizeof widths / sizeof *widths; k++) {
            const size_t rows = heights[i];
            const mixture how = (mixture)(next_random(&seed) % MIXTURES);
            check_rows_of(s, rows, widths[k], k % 3, false, 0, how);
            check_rows_of(s, rows, widths[k], 5, i % 2, next_random(&seed) % rows, MIXED);
        }
    }
}

static void rows_are_added_one_by_one_to_each_column(void **unused) {
    (void)unused;
    for_each_subject(check_rows);
}

static void check_cuts(const subject *s) {
    for (size_t cut = 0; cut < 40; cut++) check_rows_of(s, 40, 11, 1, false, cut, cut % 2 ? CALM : MIXED);
}

static void rows_may_be_cut_anywhere(void **unused) {
    (void)unused;
    for_each_subject(check_cuts);
}

/* A state that a few elements left. */
static state some_state(const subject *s) {
    unsigned char x[4 * ITEM_BYTES];
    fill(s->loop, (mixture)(next_random(&seed) % MIXTURES), 4, x);
    return leaf_of(s, 1 + next_random(&seed) % 4, x, (int64_t)(next_random(&seed) >> 20));
}

static void check_merges(const subject *s) {
    static states start, right;
    for (size_t n = 1; n <= 40; n++) {
        const int64_t left_count = 1 + (int64_t)(next_random(&seed) >> (1 + next_random(&seed) % 60));
        const int64_t right_count = 1 + (int64_t)(next_random(&seed) >> (1 + next_random(&seed) % 60));
        state l[40], r[40];
        for (size_t i = 0; i < n; i++) {
            l[i] = some_state(s);
            r[i] = some_state(s);
            expected[i] = merged(s, l[i], r[i], left_count, right_count);
        }
        put_states(s, n, l, &start);
        put_states(s, n, r, &right);
        for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
            const nx_reduce_kernels *k = kernels_on(s, isa);
            if (!k) continue;
            actual = start;
            k->merge(n, actual.value, extra_of(k, &actual), right.value, extra_of(k, &right), left_count, right_count);
            check_states(s, nx_isa_name((nx_isa)isa), n, &actual, expected);
        }
    }
}

static void halves_merge_with_the_left_one_first(void **unused) {
    (void)unused;
    for_each_subject(check_merges);
}

/* Of floats, `real` in every part of the number or only in the first. */
static nx_value start_value(nexpr_dtype loop, double real, double imag, uint64_t integer) {
    switch (loop) {
    case NEXPR_FLOAT32: return (nx_value){.f32 = (float)real};
    case NEXPR_FLOAT64: return (nx_value){.f64 = real};
    case NEXPR_COMPLEX64: return (nx_value){.c64 = {(float)real, (float)imag}};
    case NEXPR_COMPLEX128: return (nx_value){.c128 = {real, imag}};
    default: return (nx_value){.bits = {integer, 0}};
    }
}

static nx_value start_of(const subject *s) {
    const unsigned width = 8 * (unsigned)s->size;
    const bool is_signed = nx_dtype_is_signed(s->loop);
    const uint64_t all = width == 64 ? UINT64_MAX : ((uint64_t)1 << width % 64) - 1;
    const uint64_t greatest = is_signed ? all >> 1 : all, least = is_signed ? all ^ all >> 1 : 0;
    switch (s->reducer) {
    case NX_REDUCER_prod: case NX_REDUCER_all: return start_value(s->loop, 1, 0, 1);
    case NX_REDUCER_min: case NX_REDUCER_argmin: return start_value(s->loop, INFINITY, INFINITY, greatest);
    case NX_REDUCER_max: case NX_REDUCER_argmax: return start_value(s->loop, -INFINITY, -INFINITY, least);
    case NX_REDUCER_fmin: return start_value(s->loop, NAN, NAN, greatest);
    case NX_REDUCER_fmax: return start_value(s->loop, NAN, NAN, least);
    default: return start_value(s->loop, 0, 0, 0);
    }
}

static void check_start(const subject *s) {
    for (size_t n = 1; n <= 40; n++) {
        for (size_t i = 0; i < n; i++) expected[i] = (state){start_of(s), {.bits = {0, 0}}};
        for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
            const nx_reduce_kernels *k = kernels_on(s, isa);
            if (!k) continue;
            memset(&actual, GUARD_BYTE, sizeof actual);
            k->start(n, actual.value, extra_of(k, &actual));
            check_states(s, nx_isa_name((nx_isa)isa), n, &actual, expected);
        }
    }
}

static void the_reduction_of_nothing_is_the_start(void **unused) {
    (void)unused;
    for_each_subject(check_start);
}

/* Where running results go that are not over the elements; they need not be aligned. */
static unsigned char *running_results(const subject *s, bool is_aligned) {
    return output + (!is_aligned && s->size > 1);
}

/* Into an array of its own, and over the elements. */
static void check_scan_of(const subject *s, size_t n, bool has_prefix, mixture how) {
    nx_value prefix, running = {.bits = {0, 0}};
    fill(s->loop, how, n, input);
    fill(s->loop, how, 1, (unsigned char *)&prefix);
    prefix = clean(s->loop, prefix);
    for (size_t i = 0; i < n; i++) {
        const nx_value e = get_value(s->loop, input, i);
        running = i ? combine(s, running, e) : clean(s->loop, e);
        expected[i].value = has_prefix ? combine(s, prefix, running) : running;
    }
    for (int turn = 0; turn < 2 * NX_ISA_COUNT; turn++) {
        const nx_reduce_kernels *k = kernels_on(s, turn / 2);
        if (!k) continue;
        unsigned char *const r = running_results(s, turn % 2);
        memset(output, GUARD_BYTE, sizeof output);
        if (turn % 2) memcpy(output, input, n * s->size);
        k->scan_leaf(n, turn % 2 ? output : input, has_prefix ? &prefix : NULL, r);
        for (size_t i = 0; i < n; i++) check_value(s, nx_isa_name((nx_isa)(turn / 2)), i, s->loop, r, expected[i].value);
        check_guard(r + n * s->size);
    }
}

static void check_scan(const subject *s) {
    static const size_t lengths[] = {1, 2, 3, 31, 32, 33, 100, 4096};
    if (!nx_vm_reduce_kernels(NX_ISA_BASELINE, s->reducer, s->loop)->scan_leaf) return;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (mixture how = 0; how < MIXTURES; how++) {
            check_scan_of(s, lengths[i], false, how);
            check_scan_of(s, lengths[i], true, how);
        }
    }
}

/* Leaves some elements apart, which stay as they are. */
static void check_scan_leaves_of(const subject *s, size_t n, mixture how, bool has_prefix, bool bypasses) {
    enum { WAYS = NX_SCAN_WAYS, GAP = 3 };
    const size_t items = n + GAP;
    unsigned char prefix[WAYS * sizeof(nx_value)], guard[GAP * sizeof(nx_value)];
    fill(s->loop, how, WAYS * items, input);
    fill(s->loop, how, WAYS, prefix);
    unsigned char *const r = running_results(s, how % 2);
    memset(guard, GUARD_BYTE, sizeof guard);
    for (size_t w = 0; w < WAYS; w++) {
        const nx_value v = clean(s->loop, get_value(s->loop, prefix, w));
        memcpy(prefix + w * s->size, &v, s->size);
    }
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        const nx_reduce_kernels *k = kernels_on(s, isa);
        const ptrdiff_t stride = (ptrdiff_t)(items * s->size);
        if (!k) continue;
        memset(output, GUARD_BYTE, sizeof output);
        k->scan_leaves(n, input, stride, has_prefix ? prefix : NULL, r, stride, bypasses);
        __builtin_ia32_sfence();
        for (size_t w = 0; w < WAYS; w++) {
            nx_value running = {.bits = {0, 0}};
            for (size_t i = 0; i < n; i++) {
                const nx_value e = get_value(s->loop, input, w * items + i);
                running = i ? combine(s, running, e) : clean(s->loop, e);
                const nx_value v = has_prefix ? combine(s, get_value(s->loop, prefix, w), running) : running;
                check_value(s, nx_isa_name((nx_isa)isa), w * items + i, s->loop, r, v);
            }
            assert_memory_equal(r + (w * items + n) * s->size, guard, GAP * s->size);
        }
    }
}

static void check_scan_leaves(const subject *s) {
    static const size_t lengths[] = {1, 2, 3, 100, 127, 128, 129, 513, 1100};
    if (!nx_vm_reduce_kernels(NX_ISA_BASELINE, s->reducer, s->loop)->scan_leaves) return;
    for (size_t i = 0; i < 4 * sizeof lengths / sizeof *lengths; i++) {
        for (mixture how = 0; how < MIXTURES; how++) check_scan_leaves_of(s, lengths[i / 4], how, i % 2, i / 2 % 2);
    }
}

static void leaves_run_side_by_side_as_alone(void **unused) {
    (void)unused;
    for_each_subject(check_scan_leaves);
}

static void running_leaves_go_from_left_to_right(void **unused) {
    (void)unused;
    for_each_subject(check_scan);
}

typedef struct scan_case {
    size_t rows, cols, x_gap, r_gap, cut;
    bool has_prefix, in_place;
    mixture how;
} scan_case;

/* What row `row` of the result ought to be; `running` goes along. */
static void scan_row(const subject *s, const scan_case *c, size_t row, const unsigned char *x, const unsigned char *prefix,
                     state *running, state *ought) {
    for (size_t i = 0; i < c->cols; i++) {
        const nx_value e = get_value(s->loop, x, i);
        running[i].value = row ? combine(s, running[i].value, e) : clean(s->loop, e);
        ought[i].value = c->has_prefix ? combine(s, get_value(s->loop, prefix, i), running[i].value) : running[i].value;
    }
}

static void run_scan_rows(const nx_reduce_kernels *k, const scan_case *c, size_t size, const unsigned char *prefix,
                          unsigned char *r) {
    const size_t x_length = (c->cols + c->x_gap) * size, r_length = (c->cols + c->r_gap) * size;
    const unsigned char *x = c->in_place ? output : input;
    const void *before = c->has_prefix ? prefix : NULL;
    memset(output, GUARD_BYTE, sizeof output);
    memset(&actual, GUARD_BYTE, sizeof actual);
    if (c->in_place) memcpy(output, input, c->rows * x_length);
    if (c->cut) k->scan_rows(c->cut, c->cols, x, (ptrdiff_t)x_length, 0, before, actual.value, r, (ptrdiff_t)r_length);
    k->scan_rows(c->rows - c->cut, c->cols, x + c->cut * x_length, (ptrdiff_t)x_length, c->cut, before, actual.value,
                 r + c->cut * r_length, (ptrdiff_t)r_length);
}

static void check_scan_rows_of(const subject *s, const scan_case *c) {
    static unsigned char prefix[MAX_STATES * ITEM_BYTES];
    static state running[MAX_STATES];
    const size_t x_length = c->cols + c->x_gap, r_length = c->cols + c->r_gap;
    unsigned char *const r = running_results(s, c->in_place);
    fill(s->loop, c->how, c->rows * x_length, input);
    fill(s->loop, c->how, c->cols, prefix);
    for (size_t i = 0; i < c->cols; i++) set_value(s->loop, prefix, i, clean(s->loop, get_value(s->loop, prefix, i)));
    for (size_t row = 0; row < c->rows; row++) {
        scan_row(s, c, row, input + row * x_length * s->size, prefix, running, expected + row * c->cols);
    }
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) {
        const nx_reduce_kernels *k = kernels_on(s, isa);
        if (!k) continue;
        run_scan_rows(k, c, s->size, prefix, r);
        for (size_t i = 0; i < c->rows * c->cols; i++) {
            const unsigned char *row = r + i / c->cols * r_length * s->size;
            check_value(s, nx_isa_name((nx_isa)isa), i % c->cols, s->loop, row, expected[i].value);
        }
        for (size_t i = 0; i < c->cols; i++) check_value(s, "state", i, s->loop, actual.value, running[i].value);
        check_guard(actual.value + c->cols * s->size);
        check_guard(r + ((c->rows - 1) * r_length + c->cols) * s->size);
    }
}

static void check_scan_rows(const subject *s) {
    static const size_t heights[] = {1, 2, 3, 17, 256}, widths[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 17, 33, 130};
    if (!nx_vm_reduce_kernels(NX_ISA_BASELINE, s->reducer, s->loop)->scan_rows) return;
    for (size_t i = 0; i < sizeof heights / sizeof *heights * (sizeof widths / sizeof *widths) * 4; i++) {
        scan_case c = {.rows = heights[i / 4 % 5], .cols = widths[i / 20], .has_prefix = i % 2, .in_place = i / 2 % 2};
        c.x_gap = next_random(&seed) % 4;
        c.r_gap = next_random(&seed) % 4;
        c.cut = next_random(&seed) % c.rows;
        c.how = (mixture)(next_random(&seed) % MIXTURES);
        if (c.in_place) c.x_gap = c.r_gap = 0;
        check_scan_rows_of(s, &c);
    }
}

static void running_rows_go_down_each_column(void **unused) {
    (void)unused;
    for_each_subject(check_scan_rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_exist_exactly_where_the_table_says),
        cmocka_unit_test(a_leaf_is_the_tree_of_its_lanes),
        cmocka_unit_test(rows_are_added_one_by_one_to_each_column),
        cmocka_unit_test(rows_may_be_cut_anywhere),
        cmocka_unit_test(halves_merge_with_the_left_one_first),
        cmocka_unit_test(the_reduction_of_nothing_is_the_start),
        cmocka_unit_test(running_leaves_go_from_left_to_right),
        cmocka_unit_test(leaves_run_side_by_side_as_alone),
        cmocka_unit_test(running_rows_go_down_each_column),
    };
    for (int isa = 0; isa < NX_ISA_COUNT; isa++) is_supported[isa] = nx_isa_is_supported((nx_isa)isa);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
