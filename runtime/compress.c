/* SPDX-License-Identifier: MIT */
/* A group of leaves is counted, and, once it is known what comes before it, compressed block by block to its place. */
#include "runtime/compress.h"

#include "runtime/reduce_work.h"
#include "vm/compress.h"
#include "vm/kernels.h"

#include <string.h>

static int64_t *group_counts(const nx_reduce *r) {
    return (int64_t *)(void *)r->parts[0].value;
}

void nx_compress_run(const nx_nest_args *args, int64_t task, int worker) {
    const nx_reduce_work w = nx_reduce_work_of(args, worker);
    const nx_reduce *r = w.r;
    const size_t item = nexpr_dtype_size(w.nest->operands[w.nest->input_count + NX_COMPRESS_ELEMENTS].dtype);
    const int64_t group_items = r->group_leaves * r->leaf_items;
    const int64_t first = task * group_items, end = nx_min_i64(r->reduced.count, first + group_items);
    char *to = (char *)args->outputs[0];
    size_t count = 0;
    if (r->prefix) to += (size_t)group_counts(r->prefix)[task] * item;
    for (int64_t at = first; at < end && !nx_reduce_is_cancelled(&w); at += r->capacity) {
        const size_t items = (size_t)nx_min_i64(end - at, r->capacity);
        nx_reduce_fill(&w, 0, at, (int64_t)items);
        const uint8_t *mask = (const uint8_t *)nx_reduce_buffer(&w, r->is_prefix ? 0 : NX_COMPRESS_MASK);
        if (r->is_prefix) {
            count += nx_vm_count(items, mask);
            continue;
        }
        char *x = nx_reduce_buffer(&w, NX_COMPRESS_ELEMENTS);
        const size_t bytes = nx_vm_compress(nx_isa_current(), item, items, x, mask) * item;
        memcpy(to, x, bytes);
        to += bytes;
    }
    if (r->is_prefix) group_counts(r)[task] = (int64_t)count;
}

void nx_compress_end(nx_nest *nest) {
    int64_t before = 0, *counts = group_counts(nest->reduce);
    for (int64_t g = 0; g < nest->reduce->group_count; g++) {
        const int64_t own = counts[g];
        counts[g] = before;
        before += own;
    }
    nest->reduce->stay_count = before;
}
