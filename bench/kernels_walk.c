/* SPDX-License-Identifier: MIT */
#include "bench/kernels_walk.h"

#include <stdio.h>

typedef struct walk {
    bench_kernel_visit *visit;
    void *user;
    int flags;
} walk;

static bool is_wanted(const walk *w, nx_isa isa) {
    return w->flags & BENCH_ALL_ISAS || nx_isa_is_supported(isa);
}

static void visit_op(const walk *w, nx_op op, nexpr_dtype loop, unsigned form) {
    bench_kernel k = {.kind = BENCH_OP, .op = op, .dtype = loop, .arity = nx_op_rows[op].arity};
    nx_op_name(op, k.name);
    k.result = nx_op_result_dtype(op, loop);
    for (int i = 0; i < k.arity; i++) {
        k.args[i] = nx_op_arg_dtype(op, loop, i);
        k.form[i] = form >> i & 1 ? 's' : 'v';
    }
    for (k.isa = 0; k.isa < NX_ISA_COUNT; k.isa++) {
        if (!is_wanted(w, k.isa)) continue;
        k.kernel = nx_vm_kernel(k.isa, op, loop, form);
        w->visit(&k, w->user);
    }
}

static void walk_ops(const walk *w) {
    for (nx_op op = 0; op < NX_OP_COUNT; op++) {
        const int arity = nx_op_rows[op].arity;
        const unsigned forms = w->flags & BENCH_ALL_FORMS && arity > 1 ? (1u << arity) - 1 : 1;
        for (nexpr_dtype loop = 0; loop < NEXPR_DTYPE_COUNT; loop++) {
            if (!nx_op_has_kernel(op, loop)) continue;
            for (unsigned form = 0; form < forms; form++) visit_op(w, op, loop, form);
        }
    }
}

enum {
#define X(id, suffix, ...) SOURCE_##suffix = NEXPR_##id,
    NEXPR_DTYPE_MAP(X)
#undef X
};

typedef struct fused_form {
    nx_fused id;
    nexpr_dtype source; /* of operand 0, NEXPR_DTYPE_COUNT if that is like the others */
    const char *name, *letters;
} fused_form;

/* The rows of a superinstruction stand together. */
static const fused_form fused_forms[] = {
#define FORM(id, domain, form) {NX_FUSED_##id, NEXPR_DTYPE_COUNT, #id, #form},
#define FROM(id, source, form) {NX_FUSED_##id, (nexpr_dtype)SOURCE_##source, #id, #form},
#include "vm/fused.def"
};
enum { FUSED_FORMS = sizeof fused_forms / sizeof *fused_forms };

static void visit_fused(const walk *w, const fused_form *f, nexpr_dtype loop) {
    const bool decodes = f->source != NEXPR_DTYPE_COUNT;
    bench_kernel k = {.kind = BENCH_FUSED, .dtype = loop, .result = nx_fused_result(f->id, loop)};
    unsigned form = 0;
    snprintf(k.name, sizeof k.name, "%s%s%s", f->name, decodes ? "_" : "", decodes ? nexpr_dtype_name(f->source) : "");
    snprintf(k.form, sizeof k.form, "%s", f->letters);
    for (; f->letters[k.arity]; k.arity++) {
        k.args[k.arity] = decodes && k.arity == 0 ? f->source : loop;
        form |= (unsigned)(f->letters[k.arity] == 's') << k.arity;
    }
    for (k.isa = 0; k.isa < NX_ISA_COUNT; k.isa++) {
        if (!is_wanted(w, k.isa)) continue;
        k.kernel = nx_vm_decoding_kernel(k.isa, f->id, loop, f->source, form);
        if (k.kernel) w->visit(&k, w->user);
    }
}

static void walk_fused(const walk *w) {
    int end;
    for (int first = 0; first < FUSED_FORMS; first = end) {
        const fused_form *f = &fused_forms[first];
        for (end = first; end < FUSED_FORMS && fused_forms[end].id == f->id && fused_forms[end].source == f->source;) end++;
        const int forms = w->flags & BENCH_ALL_FORMS ? end - first : 1;
        for (nexpr_dtype loop = 0; loop < NEXPR_DTYPE_COUNT; loop++) {
            for (int i = 0; i < forms; i++) visit_fused(w, &f[i], loop);
        }
    }
}

static void walk_casts(const walk *w) {
    for (nexpr_dtype from = 0; from < NEXPR_DTYPE_COUNT; from++) {
        for (nexpr_dtype to = 0; to < NEXPR_DTYPE_COUNT; to++) {
            if (!nx_vm_cast_kernel(NX_ISA_BASELINE, from, to)) continue;
            bench_kernel k = {.kind = BENCH_CAST, .dtype = to, .arity = 1, .args = {from}, .result = to};
            snprintf(k.name, sizeof k.name, "cast_%s", nexpr_dtype_name(from));
            for (k.isa = 0; k.isa < NX_ISA_COUNT; k.isa++) {
                if (!is_wanted(w, k.isa)) continue;
                k.kernel = nx_vm_cast_kernel(k.isa, from, to);
                w->visit(&k, w->user);
            }
        }
    }
}

/* Whether a lesser dtype has the same pair of functions. */
static bool moves_are_known(nexpr_dtype dtype, bool swapped) {
    for (nexpr_dtype other = 0; other < NEXPR_DTYPE_COUNT; other++) {
        for (int turned = 0; turned < 2; turned++) {
            if (other == dtype && turned == swapped) return false;
            if (nx_vm_load_kernel(NX_ISA_BASELINE, other, turned) == nx_vm_load_kernel(NX_ISA_BASELINE, dtype, swapped)) {
                return true;
            }
        }
    }
    return false;
}

static void walk_moves(const walk *w, bench_kernel_kind kind, bool swapped) {
    for (nexpr_dtype dtype = 0; dtype < NEXPR_DTYPE_COUNT; dtype++) {
        if (moves_are_known(dtype, swapped)) continue;
        bench_kernel k = {.kind = kind, .dtype = dtype, .arity = 1, .args = {dtype}, .result = dtype};
        snprintf(k.name, sizeof k.name, "%s%s", swapped ? "swapped_" : "", kind == BENCH_LOAD ? "load" : "store");
        for (k.isa = 0; k.isa < NX_ISA_COUNT; k.isa++) {
            if (!is_wanted(w, k.isa)) continue;
            k.load = kind == BENCH_LOAD ? nx_vm_load_kernel(k.isa, dtype, swapped) : NULL;
            k.store = kind == BENCH_STORE ? nx_vm_store_kernel(k.isa, dtype, swapped) : NULL;
            w->visit(&k, w->user);
        }
    }
}

void bench_walk_kernels(int flags, bench_kernel_visit *visit, void *user) {
    const walk w = {visit, user, flags};
    walk_ops(&w);
    walk_fused(&w);
    walk_casts(&w);
    for (int swapped = 0; swapped < 2; swapped++) {
        walk_moves(&w, BENCH_LOAD, swapped);
        walk_moves(&w, BENCH_STORE, swapped);
    }
}
