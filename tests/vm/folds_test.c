/* SPDX-License-Identifier: MIT */
/*
 * Folds into the lanes of a leaf, on every instruction set: whatever the pieces, they have the bits of the op's kernel with
 * the leaf of the reducer behind it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "samples.h"
#include "vm/fused.h"
#include "vm/kernels.h"
#include "vm/reduce.h"

enum { ITEM_BYTES = 16, LEAF_BYTES = NX_LEAF_ITEMS * ITEM_BYTES, OPERANDS = 2 };

typedef struct fold {
    nx_reducer reducer;
    bool is_fused, is_test;
    unsigned id, form;
    const char *name;
} fold;

enum { v = 0, vv = 0, sv, vs };
#define FOLD_OP(id) false, false, NX_OP_##id
#define FOLD_FUSED(id) true, false, NX_FUSED_##id
#define TEST_OP(id) false, true, NX_OP_##id
#define FOLD(reducer, what, id, domain, form, ...) \
    {NX_REDUCER_##reducer, FOLD_##what(id), form, #reducer " of " #id "_" #form},
#define FOLD_TEST(reducer, what, id, domain, form, ...) \
    {NX_REDUCER_##reducer, TEST_##what(id), form, #reducer " of " #id "_" #form},
static const fold folds[] = {
#include "vm/folds.def"
};

static _Alignas(64) unsigned char operands[OPERANDS][LEAF_BYTES], elements[LEAF_BYTES], lanes[NX_LANES * ITEM_BYTES];
static uint64_t seed;

/* Of floats, anything, or numbers below 1, so that sums are no NaN; or all alike but for one at most, on which a test
 * hangs. */
static void fill_operands(nexpr_dtype dtype) {
    enum { ANYTHING, TAME, ALIKE, MIXTURES };
    const uint64_t draw = next_random(&seed), mixture = draw % MIXTURES;
    const bool is_real = nx_dtype_class(dtype) == NX_CLASS_REAL;
    for (int k = 0; k < OPERANDS; k++) {
        fill_samples(dtype, NX_LEAF_ITEMS, operands[k], 0, &seed);
        for (size_t i = 0; is_real && mixture != ANYTHING && i < NX_LEAF_ITEMS; i++) {
            const double x = mixture == TAME ? (double)(int64_t)next_random(&seed) * 0x1p-63 : 1;
            if (mixture == ALIKE && !k && i == draw / MIXTURES % 64) continue;
            set_value(dtype, operands[k], i, dtype == NEXPR_FLOAT32 ? (nx_value){.f32 = (float)x} : (nx_value){.f64 = x});
        }
    }
}

/* Folds n elements in pieces of whole rows of lanes, and these. */
static nx_value fold_pieces(const nx_reduce_kernels *k, nexpr_dtype dtype, nx_kernel *kernel, unsigned form, size_t size,
                            size_t n) {
    memset(lanes, 0xa5, sizeof lanes);
    k->lanes(NX_LANES, lanes);
    for (size_t at = 0, piece; at < n; at += piece) {
        const void *x[NX_MAX_OPERANDS];
        piece = (1 + next_random(&seed) % (NX_LEAF_ITEMS / NX_LANES)) * NX_LANES;
        if (piece > n - at) piece = n - at;
        for (int i = 0; i < NX_MAX_OPERANDS; i++) x[i] = operands[i % OPERANDS] + (form >> i & 1 ? 0 : at * size);
        kernel(piece, lanes, x);
    }
    unsigned char leaf[ITEM_BYTES];
    k->leaf(1, NX_LANES, lanes, 0, leaf, NULL);
    return get_value(dtype, leaf, 0);
}

static nx_value reduce(nx_reducer reducer, nexpr_dtype dtype, const void *x, size_t n) {
    unsigned char leaf[ITEM_BYTES];
    nx_vm_reduce_kernels(NX_ISA_BASELINE, reducer, dtype)->leaf(1, n, x, 0, leaf, NULL);
    return get_value(dtype, leaf, 0);
}

static void check(const char *name, nexpr_dtype loop, int isa, size_t n, nx_value is, nx_value ought) {
    if (is.bits[0] == ought.bits[0] && is.bits[1] == ought.bits[1]) return;
    fail_msg("%s of %zu %s on %s is %016llx, not %016llx", name, n, nexpr_dtype_name(loop), nx_isa_name((nx_isa)isa),
             (unsigned long long)is.bits[0], (unsigned long long)ought.bits[0]);
}

static size_t some_length(int turn) {
    static const size_t lengths[] = {1, 5, 31, 32, 33, 64, 100, 4095, NX_LEAF_ITEMS};
    enum { COUNT = sizeof lengths / sizeof *lengths };
    return turn < COUNT ? lengths[turn] : 1 + next_random(&seed) % NX_LEAF_ITEMS;
}

static void pieces_make_the_leaf(void **unused) {
    (void)unused;
    for (int i = 0; i < NX_REDUCER_COUNT * NEXPR_DTYPE_COUNT * NX_ISA_COUNT; i++) {
        const int isa = i % NX_ISA_COUNT;
        const nexpr_dtype loop = (nexpr_dtype)(i / NX_ISA_COUNT % NEXPR_DTYPE_COUNT);
        const nx_reducer reducer = (nx_reducer)(i / NX_ISA_COUNT / NEXPR_DTYPE_COUNT);
        const nx_reduce_kernels *k = nx_vm_reduce_kernels((nx_isa)isa, reducer, loop);
        if (!k || !nx_isa_is_supported((nx_isa)isa)) continue;
        const bool is_exact = nx_dtype_class(loop) != NX_CLASS_COMPLEX || reducer == NX_REDUCER_sum ||
                              reducer == NX_REDUCER_min || reducer == NX_REDUCER_max;
        assert_int_equal(k->fold != NULL, !k->has_extra && is_exact);
        for (int turn = 0; k->fold && turn < 30; turn++) {
            const size_t n = some_length(turn);
            fill_operands(loop);
            check(nx_reducer_name(reducer), loop, isa, n,
                  fold_pieces(k, loop, k->fold, 0, nexpr_dtype_size(loop), n), reduce(reducer, loop, operands[0], n));
        }
    }
}

static void check_fold(const fold *f, nexpr_dtype loop, int isa, nx_kernel *kernel) {
    const nexpr_dtype dtype = f->is_test ? NEXPR_BOOL : loop;
    const nx_reduce_kernels *k = nx_vm_reduce_kernels((nx_isa)isa, f->reducer, dtype);
    const void *x[NX_MAX_OPERANDS];
    for (int i = 0; i < NX_MAX_OPERANDS; i++) x[i] = operands[i % OPERANDS];
    nx_kernel *op = f->is_fused ? nx_vm_fused_kernel(NX_ISA_BASELINE, (nx_fused)f->id, loop, f->form)
                                : nx_vm_own_kernel(NX_ISA_BASELINE, (nx_op)f->id, loop, f->form);
    assert_non_null(op);
    for (int turn = 0; turn < 30; turn++) {
        const size_t n = some_length(turn);
        fill_operands(loop);
        op(n, elements, x);
        check(f->name, loop, isa, n, fold_pieces(k, dtype, kernel, f->form, nexpr_dtype_size(loop), n),
              reduce(f->reducer, dtype, elements, n));
    }
}

static void a_fold_has_the_bits_of_the_op_and_the_reducer(void **unused) {
    (void)unused;
    for (size_t row = 0; row < sizeof folds / sizeof *folds; row++) {
        const fold *f = &folds[row];
        int loops = 0;
        for (int i = 0; i < NX_ISA_COUNT * NEXPR_DTYPE_COUNT; i++) {
            const int isa = i % NX_ISA_COUNT;
            const nexpr_dtype loop = (nexpr_dtype)(i / NX_ISA_COUNT);
            nx_kernel *kernel = nx_vm_fold_kernel((nx_isa)isa, f->reducer, f->is_fused, f->id, loop, f->form);
            loops += kernel != NULL;
            if (kernel && nx_isa_is_supported((nx_isa)isa)) check_fold(f, loop, isa, kernel);
        }
        assert_true(loops > 0);
    }
    assert_null(nx_vm_fold_kernel(NX_ISA_BASELINE, NX_REDUCER_sum, false, NX_OP_multiply, NEXPR_FLOAT16, vv));
    assert_null(nx_vm_fold_kernel(NX_ISA_BASELINE, NX_REDUCER_max, false, NX_OP_multiply, NEXPR_FLOAT64, vv));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_make_the_leaf),
        cmocka_unit_test(a_fold_has_the_bits_of_the_op_and_the_reducer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
