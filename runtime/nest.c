/* SPDX-License-Identifier: MIT */
#include "runtime/nest.h"

#include "runtime/compress.h"
#include "runtime/cpus.h"
#include "runtime/profile.h"
#include "runtime/reduce.h"
#include "runtime/scan.h"
#include "vm/kernels.h"

#include <string.h>

static uint32_t operand_count(const nx_nest *nest) {
    return nest->input_count + nest->output_count;
}

/* ----------------------------------------------------------------------------------------------------- axes -- */

static void move_axis(nx_nest *nest, int from, int to) {
    nest->extent[to] = nest->extent[from];
    for (uint32_t k = 0; k < operand_count(nest); k++) nest->operands[k].stride[to] = nest->operands[k].stride[from];
}

static void drop_unit_axes(nx_nest *nest) {
    int kept = 0;
    for (int i = 0; i < nest->axes; i++) {
        if (nest->extent[i] == 1) continue;
        if (kept != i) move_axis(nest, i, kept);
        kept++;
    }
    nest->axes = kept;
}

/* An axis that no operand walks upward is walked from its other end. */
static void flip_axes(nx_nest *nest) {
    for (int i = 0; i < nest->axes; i++) {
        bool up = false, down = false;
        for (uint32_t k = 0; k < operand_count(nest); k++) {
            up |= nest->operands[k].stride[i] > 0;
            down |= nest->operands[k].stride[i] < 0;
        }
        if (up || !down) continue;
        for (uint32_t k = 0; k < operand_count(nest); k++) {
            nx_nest_operand *x = &nest->operands[k];
            x->offset += x->stride[i] * (nest->extent[i] - 1);
            x->stride[i] = -x->stride[i];
        }
    }
}

/* > 0 if axis i belongs inside of axis j for this operand, < 0 if outside, 0 if it does not care. */
static int compare_strides(int64_t i, int64_t j) {
    int64_t a = i < 0 ? -i : i, b = j < 0 ? -j : j;
    return !a || !b || a == b ? 0 : a < b ? 1 : -1;
}

/* Outputs decide, then inputs, the first that cares. */
static bool belongs_inside(const nx_nest *nest, int i, int j) {
    uint32_t n = operand_count(nest);
    for (uint32_t k = 0; k < n; k++) {
        const nx_nest_operand *x = &nest->operands[(k + nest->input_count) % n];
        int order = compare_strides(x->stride[i], x->stride[j]);
        if (order) return order > 0;
    }
    return false;
}

static void swap_axes(nx_nest *nest, int i, int j) {
    enum { SPARE = NX_NEST_AXES - 1 };
    move_axis(nest, i, SPARE);
    move_axis(nest, j, i);
    move_axis(nest, SPARE, j);
}

static void sort_axes(nx_nest *nest) {
    for (int i = 1; i < nest->axes; i++) {
        for (int j = i; j > 0 && belongs_inside(nest, j - 1, j); j--) swap_axes(nest, j - 1, j);
    }
}

static bool is_mergeable(const nx_nest *nest, int outer, int inner) {
    for (uint32_t k = 0; k < operand_count(nest); k++) {
        const int64_t *stride = nest->operands[k].stride;
        if (stride[outer] != stride[inner] * nest->extent[inner]) return false;
    }
    return true;
}

static void merge_axes(nx_nest *nest) {
    int last = 0;
    for (int i = 1; i < nest->axes; i++) {
        if (is_mergeable(nest, last, i)) {
            int64_t product = nest->extent[last] * nest->extent[i];
            move_axis(nest, i, last);
            nest->extent[last] = product;
        } else if (++last != i) {
            move_axis(nest, i, last);
        }
    }
    if (nest->axes) nest->axes = last + 1;
}

/* The backend reads cache lines of an input whole if its closest axis is one of the two innermost: the innermost one goes
 * by the output. */
static int find_closest_axis(const nx_nest *nest) {
    enum { LONG = 16 };
    const int last = nest->axes - 1;
    for (uint32_t k = 0; k < nest->input_count && nest->extent[last] >= LONG; k++) {
        const int64_t *stride = nest->operands[k].stride;
        int closest = last;
        for (int i = 0; i < last; i++) {
            if (compare_strides(stride[i], stride[closest]) > 0) closest = i;
        }
        if (nest->operands[k].is_used && stride[last] && closest != last) return closest;
    }
    return last - 1;
}

static void pair_axes(nx_nest *nest) {
    if (nest->axes < 3) return;
    for (int i = find_closest_axis(nest); i < nest->axes - 2; i++) swap_axes(nest, i, i + 1);
}

/* At least two axes, so that the backend always has its pair. */
static void pad_axes(nx_nest *nest) {
    while (nest->axes < 2) {
        for (int i = nest->axes; i > 0; i--) move_axis(nest, i - 1, i);
        nest->extent[0] = 1;
        for (uint32_t k = 0; k < operand_count(nest); k++) nest->operands[k].stride[0] = 0;
        nest->axes++;
    }
}

void nx_nest_note_alignment(nx_nest *nest) {
    for (uint32_t k = 0; k < operand_count(nest); k++) {
        nx_nest_operand *x = &nest->operands[k];
        int64_t alignment = x->alignment = (uint8_t)nexpr_dtype_size(nx_dtype_real(x->dtype));
        x->is_stride_aligned = true;
        for (int i = 0; i < nest->axes; i++) x->is_stride_aligned &= x->stride[i] % alignment == 0;
    }
}

void nx_nest_arrange(nx_nest *nest, const nx_shape *shape) {
    nest->axes = shape->ndim;
    nest->count = shape->count;
    memcpy(nest->extent, shape->extent, (size_t)shape->ndim * sizeof *shape->extent);
    drop_unit_axes(nest);
    flip_axes(nest);
    sort_axes(nest);
    merge_axes(nest);
    pair_axes(nest);
    pad_axes(nest);
    nx_nest_note_alignment(nest);
}

/* Strides of a new array of this shape, whose axes are ordered by `compare`: > 0 if axis i belongs inside of axis j. */
typedef int compare_axes(const void *operands, const nx_shape *shape, int i, int j);
static void order_by(compare_axes *compare, const void *operands, const nx_shape *shape, size_t item_size,
                     int64_t *ret_strides) {
    int order[NEXPR_MAX_NDIM];
    for (int i = 0; i < shape->ndim; i++) {
        int at = i;
        order[i] = i;
        for (; at > 0 && compare(operands, shape, order[at - 1], order[at]) > 0; at--) {
            int spare = order[at];
            order[at] = order[at - 1];
            order[at - 1] = spare;
        }
    }
    int64_t stride = (int64_t)item_size;
    for (int i = shape->ndim - 1; i >= 0; i--) {
        ret_strides[order[i]] = stride;
        stride *= shape->extent[order[i]] ? shape->extent[order[i]] : 1;
    }
}

typedef struct used_inputs {
    const nexpr *e;
    const nexpr_array *const *inputs;
    const uint8_t *used;
} used_inputs;

static int compare_in_inputs(const void *operands, const nx_shape *shape, int i, int j) {
    const used_inputs *x = operands;
    int verdict = 0;
    for (uint32_t k = 0; k < x->e->ir.input_count && !verdict; k++) {
        if (!x->used[k]) continue;
        verdict = compare_strides(nx_broadcast_stride(x->inputs[k], shape->ndim, i),
                                  nx_broadcast_stride(x->inputs[k], shape->ndim, j));
    }
    return verdict;
}

void nx_nest_order_like(const nexpr *e, const nexpr_array *const *inputs, const uint8_t *used, const nx_shape *shape,
                        size_t item_size, int64_t *ret_strides) {
    order_by(compare_in_inputs, &(used_inputs){e, inputs, used}, shape, item_size, ret_strides);
}

static int compare_in_sources(const void *operands, const nx_shape *shape, int i, int j) {
    const nx_pass *pass = operands;
    int verdict = 0;
    (void)shape;
    for (uint32_t k = 0; k < pass->ir.input_count && !verdict; k++) {
        verdict = compare_strides(pass->sources[k].stride[i], pass->sources[k].stride[j]);
    }
    return verdict;
}

void nx_nest_order_like_sources(const nx_pass *pass, size_t item_size, int64_t *ret_strides) {
    order_by(compare_in_sources, pass, pass->shape, item_size, ret_strides);
}

/* ---------------------------------------------------------------------------------------------------- tasks -- */

double nx_nest_estimate(const nx_nest *nest) {
    return (double)nest->count * nx_vm_ns_per_item(nx_nest_code(nest));
}

const nx_vm_code *nx_nest_code(const nx_nest *nest) {
    const nx_vm_code *compiled = nx_tier_code(nest->tier);
    return compiled ? compiled : nest->code;
}

/* Elements that a thread takes at a time: a sixteenth of the whole, but not less than 4 µs of work nor more than 20, and if
 * there is one thread 60; whole blocks, at most 64 Ki. */
static int64_t task_items(const nx_nest *nest) {
    double ns = nx_nest_estimate(nest) / 16;
    ns = nest->most_workers == 1 ? 60000 : ns < 4000 ? 4000 : ns > 20000 ? 20000 : ns;
    int64_t block = nx_vm_block_items(nest->code), items = (int64_t)(ns / nx_vm_ns_per_item(nest->code));
    if (items > 65536) items = 65536;
    return items < block ? block : items / block * block;
}

static int64_t round_down(int64_t n, int64_t step) {
    return n < step ? step : n / step * step;
}

static void cut_tasks(nx_nest *nest) {
    int64_t rows = nest->extent[nest->axes - 2], cols = nest->extent[nest->axes - 1], items = task_items(nest), granule[2];
    nx_vm_granule(nest->code, granule);
    int64_t most_cols = round_down(items / granule[0], granule[1]);
    nest->task_cols = cols < most_cols ? cols : most_cols;
    nest->task_rows = cols >= most_cols ? granule[0] : round_down(items / cols, granule[0]);
    if (nest->task_rows > rows) nest->task_rows = rows;
    nest->col_tasks = (cols + nest->task_cols - 1) / nest->task_cols;
    nest->row_tasks = (rows + nest->task_rows - 1) / nest->task_rows;
    nest->task_count = nest->col_tasks * nest->row_tasks;
    for (int i = 0; i < nest->axes - 2; i++) nest->task_count *= nest->extent[i];
}

int64_t nx_nest_task_items(const nx_nest *nest) {
    return nest->task_cols * nest->task_rows;
}

bool nx_nest_is_uncached(double bytes) {
    return bytes >= 2.0 * (double)nx_cpus_cache_bytes();
}

double nx_nest_touched_bytes(const nx_nest *nest) {
    double sum = 0;
    for (uint32_t k = 0; k < operand_count(nest); k++) {
        const nx_nest_operand *x = &nest->operands[k];
        double bytes = x->is_used ? (double)nexpr_dtype_size(x->dtype) : 0;
        for (int i = 0; i < nest->axes; i++) {
            if (x->stride[i]) bytes *= (double)nest->extent[i];
        }
        if (x->table_count) bytes *= (double)x->table_count;
        sum += bytes;
    }
    return nest->reduce ? sum * nx_reduce_share(nest->reduce) : sum;
}

double nx_nest_bytes_per_item(const nx_nest *nest) {
    const double bytes = nx_nest_touched_bytes(nest);
    return nx_nest_is_uncached(bytes) ? bytes / (double)nest->count : 0;
}

/* Strides of a spooled output: contiguous in the order of the nest's axes. */
static void spool_strides(const nx_nest *nest, const nx_nest_operand *x, int64_t *stride) {
    int64_t step = (int64_t)nexpr_dtype_size(x->dtype);
    for (int i = nest->axes - 1; i >= 0; i--) {
        stride[i] = step;
        step *= nest->extent[i];
    }
}

static void strides_at_run(const nx_nest *nest, const nx_nest_operand *x, int64_t stride[NX_NEST_AXES]) {
    if (x->state & NX_SPOOLED) spool_strides(nest, x, stride);
    else memcpy(stride, x->stride, (size_t)nest->axes * sizeof *stride);
}

static nx_vm_operand vm_operand(const nx_nest *nest, const nx_nest_operand *x, bool is_output) {
    int64_t stride[NX_NEST_AXES];
    strides_at_run(nest, x, stride);
    bool spooled = x->state & NX_SPOOLED;
    int64_t bytes = nest->count * (int64_t)nexpr_dtype_size(x->dtype);
    return (nx_vm_operand){
        .dtype = x->dtype,
        .is_index = x->is_index,
        .is_folded = x->is_folded,
        .reducer = x->reducer,
        .swapped = x->swapped && !spooled,
        .aligned = spooled || (x->is_stride_aligned && !(x->state & NX_MISALIGNED)),
        .non_temporal = is_output && !spooled && !x->is_buffer && nx_nest_is_uncached((double)bytes),
        .stride = {stride[nest->axes - 2], stride[nest->axes - 1]},
        .table_stride = x->table_stride,
        .table_count = x->table_count,
    };
}

/* The fault is behind the pointers. */
static size_t fault_offset(const nx_nest *nest) {
    return operand_count(nest) * sizeof(char *);
}

size_t nx_nest_pointer_bytes(const nx_nest *nest) {
    return (fault_offset(nest) + sizeof(nx_vm_fault) + 63) / 64 * 64;
}

nx_vm_fault *nx_nest_fault(const nx_nest_args *args, int worker) {
    return (nx_vm_fault *)(void *)(args->workers + (size_t)worker * args->nest->worker_bytes + fault_offset(args->nest));
}

/* For whichever tier runs. */
static size_t scratch_bytes(const nx_nest *nest) {
    const size_t vm = nx_vm_scratch_bytes(nest->code), compiled = nest->tier ? nx_vm_scratch_bytes(nest->tier->code) : 0;
    return ((vm > compiled ? vm : compiled) + 63) / 64 * 64;
}

void nx_nest_measure_worker(nx_nest *nest) {
    nest->worker_bytes = nx_nest_pointer_bytes(nest) + scratch_bytes(nest);
    if (!nest->reduce) return;
    nest->buffers_at = nest->states_at = nest->worker_bytes;
    for (uint32_t k = 0; k < nest->output_count; k++) nest->states_at += nx_reduce_buffer_bytes(nest, k);
    nest->kept_at = nest->worker_bytes + nx_reduce_worker_bytes(nest);
    nest->worker_bytes = nest->kept_at + (size_t)nest->reduce->kept_bytes;
}

nexpr_status nx_nest_link(nx_nest *nest, nexpr_error *err) {
    const nexpr_allocator *allocator = nest->memory->use;
    uint32_t n = operand_count(nest);
    nx_vm_operand *operands = nx_allocate(allocator, n, sizeof *operands);
    if (!operands) return nx_fail_memory(err);
    for (uint32_t k = 0; k < n; k++) operands[k] = vm_operand(nest, &nest->operands[k], k >= nest->input_count);
    nx_vm_layout layout = {
        .count = {nest->extent[nest->axes - 2], nest->extent[nest->axes - 1]},
        .inputs = operands,
        .outputs = operands + nest->input_count,
        .block_items = nest->block_items,
        .is_cold = nx_nest_is_uncached(nx_nest_touched_bytes(nest)),
        .has_parts = nest->profile != NULL,
        .nodes = nest->reduce ? nest->reduce->nodes : NULL,
        .node_count = nest->reduce && nest->reduce->nodes ? nest->reduce->part_count : 0,
        .has_leaves = nest->reduce && !nest->reduce->by_rows,
    };
    nx_vm_code *code = NULL;
    nx_tier *tier = NULL;
    nexpr_status status = nx_vm_link(nest->program, allocator, &layout, &code, err);
    if (!status && nest->has_tier) nx_tier_new(nest->program, allocator, &layout, &tier, NULL); /* else the VM runs alone */
    nx_release(allocator, operands, n, sizeof *operands);
    if (status) {
        nx_vm_code_free(allocator, code);
        return status;
    }
    nx_nest_free(nest);
    nest->code = code;
    nest->tier = tier;
    nx_nest_measure_worker(nest);
    (nest->reduce ? nx_reduce_cut_tasks : cut_tasks)(nest);
    return nest->profile ? nx_profile_attach(nest, err) : NEXPR_OK;
}

void nx_nest_drop_tier(nx_nest *nest) {
    nx_tier_free(&nest->tier);
    nest->has_tier = false;
    nx_nest_measure_worker(nest);
}

void nx_nest_free(nx_nest *nest) {
    if (nest->code) nx_vm_code_free(nest->memory->use, nest->code);
    nest->code = NULL;
    nx_tier_free(&nest->tier);
    nx_profile_detach(nest);
}

/* -------------------------------------------------------------------------------------------------- running -- */

/* Address of an operand at a position of the outer axes, counted in C order. */
static char *address_at(const nx_nest *nest, const nx_nest_operand *x, const char *base, int64_t position) {
    int64_t offset = 0, stride[NX_NEST_AXES];
    if (!position) return (char *)base;
    strides_at_run(nest, x, stride);
    for (int i = nest->axes - 3; i >= 0; i--) {
        offset += position % nest->extent[i] * stride[i];
        position /= nest->extent[i];
    }
    return (char *)base + offset;
}

/* Where a worker has the operands' addresses. */
static char **pointers_of(const nx_nest_args *args, int worker) {
    return (char **)(void *)(args->workers + (size_t)worker * args->nest->worker_bytes);
}

/* A rectangle of the backend's two axes, whose operands' addresses are there. */
static void run_rectangle(const nx_nest_args *args, const int64_t first[2], const int64_t count[2], int worker) {
    const nx_nest *nest = args->nest;
    char **inputs = pointers_of(args, worker), **outputs = inputs + nest->input_count, *memory = (char *)inputs;
    nx_vm_args vm = {.code = nx_nest_code(nest), .scratch = memory + nx_nest_pointer_bytes(nest),
                     .inputs = (const char *const *)inputs, .outputs = outputs, .fault = nx_nest_fault(args, worker)};
    nx_nest_compute(nest, worker, &vm, first, count);
}

static void run_elements(const nx_nest_args *args, int64_t task, int worker) {
    const nx_nest *nest = args->nest;
    int64_t rows = nest->extent[nest->axes - 2], cols = nest->extent[nest->axes - 1];
    int64_t first[2] = {0, 0}, count[2] = {nest->task_rows, nest->task_cols}, position = 0;
    if (nest->task_count > 1) {
        first[0] = task / nest->col_tasks % nest->row_tasks * nest->task_rows;
        first[1] = task % nest->col_tasks * nest->task_cols;
        position = task / nest->col_tasks / nest->row_tasks;
    }
    if (count[0] > rows - first[0]) count[0] = rows - first[0];
    if (count[1] > cols - first[1]) count[1] = cols - first[1];
    char **inputs = pointers_of(args, worker), **outputs = inputs + nest->input_count;
    for (uint32_t k = 0; k < nest->input_count; k++) {
        const nx_nest_operand *x = &nest->operands[k];
        if (x->is_used) inputs[k] = address_at(nest, x, args->inputs[k], position);
    }
    for (uint32_t k = 0; k < nest->output_count; k++) {
        outputs[k] = address_at(nest, &nest->operands[nest->input_count + k], args->outputs[k], position);
    }
    run_rectangle(args, first, count, worker);
}

/* What follows on the kept elements of a task, some of them in the worker's memory, from the task's first one on. */
static void run_tail(const nx_nest_args *args, int64_t task, int worker) {
    const nx_nest *nest = args->nest, *tail = args->tail->nest;
    char **inputs = pointers_of(args->tail, worker), *kept = (char *)pointers_of(args, worker) + nest->kept_at;
    int64_t first[2] = {0, 0}, count[2] = {1, 0};
    nx_reduce_kept_of(nest->reduce, task, &first[1], &count[1]);
    for (uint32_t k = 0; k < tail->input_count; k++) {
        const nx_nest_operand *x = &tail->operands[k];
        inputs[k] = (char *)(uintptr_t)args->tail->inputs[k];
        if (!x->kept_part) continue;
        const int64_t at = nest->reduce->parts[x->kept_part - 1].kept_at, before = first[1] * (int64_t)nexpr_dtype_size(x->dtype);
        inputs[k] = (char *)((uintptr_t)kept + (uintptr_t)(at - before));
    }
    for (uint32_t k = 0; k < tail->output_count; k++) inputs[tail->input_count + k] = args->tail->outputs[k];
    run_rectangle(args->tail, first, count, worker);
}

nexpr_status nx_nest_run(const nx_nest_args *args, int64_t task, int worker, nexpr_error *err) {
    const nx_reduce *r = args->nest->reduce;
    nx_vm_fault *fault = nx_nest_fault(args, worker);
    fault->is_set = false;
    if (args->nest->tasks_run) {
        atomic_fetch_add_explicit(&args->nest->tasks_run[nx_tier_code(args->nest->tier) != NULL], 1, memory_order_relaxed);
    }
    const uint64_t begin = args->nest->measured ? nx_ticks() : 0;
    (!r ? run_elements : r->compresses ? nx_compress_run : r->scans ? nx_scan_run : nx_reduce_run)(args, task, worker);
    if (args->tail) run_tail(args, task, worker);
    if (args->nest->measured) nx_profile_task(args->nest->measured, worker, begin);
    return fault->is_set ? nx_vm_fail(fault, err) : NEXPR_OK;
}

void nx_nest_unspool(const nx_nest *nest, uint32_t output, const char *buffer, char *destination) {
    const nx_nest_operand *x = &nest->operands[nest->input_count + output];
    nx_store_kernel *store = nx_vm_store_kernel(nx_isa_current(), x->dtype, x->swapped);
    size_t rows = (size_t)nest->extent[nest->axes - 2], cols = (size_t)nest->extent[nest->axes - 1];
    nx_nest_operand plain = *x;
    plain.state = 0;
    int64_t positions = nest->count / (int64_t)(rows * cols);
    for (int64_t i = 0; i < positions; i++) {
        store(rows, cols, address_at(nest, &plain, destination, i), x->stride[nest->axes - 2], x->stride[nest->axes - 1],
              buffer + (size_t)i * rows * cols * nexpr_dtype_size(x->dtype));
    }
}
