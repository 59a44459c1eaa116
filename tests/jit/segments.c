/* SPDX-License-Identifier: MIT */
/* Operands lie in regions of memory between pages that cannot be touched, flush with the end or the beginning. */
#include "tests/jit/segments.h"

#include "jit/elf.h"

#include <stdio.h>
#include <sys/mman.h>

enum { PAGE = 4096, SLACK = 256, ITEM = 16, REGION = (MAX_N * ITEM * 4 / PAGE + 2) * PAGE, GUARD_BYTE = 0xa5 };

/* ---- segments ---- */

unsigned add_input(builder *b, nexpr_dtype dtype, nx_access access, bool is_swapped) {
    assert_true(b->input_count < NX_SEGMENT_OPERANDS && b->value_count == 0);
    b->inputs[b->input_count] = (nx_segment_operand){(uint8_t)dtype, (uint8_t)access, 0, is_swapped};
    return b->input_count++;
}

unsigned add_known(builder *b, nexpr_dtype dtype, unsigned known) {
    const unsigned k = add_input(b, dtype, NX_ACCESS_KNOWN, false);
    b->inputs[k].detail = (uint8_t)known;
    return k;
}

static unsigned add_value(builder *b, nx_segment_value v) {
    assert_true(b->value_count < NX_SEGMENT_VALUES);
    b->values[b->value_count] = v;
    return b->input_count + b->value_count++;
}

nexpr_dtype dtype_of(const builder *b, unsigned index) {
    return index < b->input_count ? b->inputs[index].dtype : b->values[index - b->input_count].dtype;
}

unsigned add_cast(builder *b, nexpr_dtype to, unsigned x) {
    return add_value(b, (nx_segment_value){NX_NODE_CAST, (uint8_t)to, (uint8_t)dtype_of(b, x), 1, 0, {(uint16_t)x}});
}

unsigned add_op(builder *b, nx_op op, nexpr_dtype loop, const unsigned *args) {
    const uint8_t dtype = (uint8_t)nx_op_result_dtype(op, loop);
    nx_segment_value v = {NX_NODE_OP, dtype, (uint8_t)loop, nx_op_rows[op].arity, (uint16_t)op, {0}};
    for (int k = 0; k < v.arity; k++) v.arg[k] = (uint16_t)args[k];
    return add_value(b, v);
}

void add_output(builder *b, nx_access access, unsigned index) {
    assert_true(b->output_count < NX_SEGMENT_OPERANDS);
    b->outputs[b->output_count] = (nx_segment_operand){(uint8_t)dtype_of(b, index), (uint8_t)access, 0, 0};
    b->results[b->output_count++] = (uint16_t)index;
}

void add_lanes(builder *b, nx_reducer reducer, unsigned index) {
    add_output(b, NX_ACCESS_LANES, index);
    b->outputs[b->output_count - 1].detail = (uint8_t)reducer;
}

void add_nodes(builder *b, nx_reducer reducer, unsigned index) {
    add_output(b, NX_ACCESS_NODES, index);
    b->outputs[b->output_count - 1].detail = (uint8_t)reducer;
}

void add_leaves(builder *b, nx_reducer reducer, unsigned index) {
    add_nodes(b, reducer, index);
    b->outputs[b->output_count - 1].access = NX_ACCESS_LEAVES;
}

static char *append(char *to, const void *from, size_t bytes) {
    memcpy(to, from, bytes);
    return to + bytes;
}

const nx_segment *finish(const builder *b) {
    static _Alignas(8) char bytes[16384];
    const nx_segment head = {(uint16_t)b->output_count, (uint16_t)b->input_count, (uint16_t)b->value_count, b->has_rows};
    char *to = append(bytes, &head, sizeof head);
    to = append(to, b->outputs, b->output_count * sizeof *b->outputs);
    to = append(to, b->inputs, b->input_count * sizeof *b->inputs);
    to = append(to, b->values, b->value_count * sizeof *b->values);
    to = append(to, b->results, b->output_count * sizeof *b->results);
    assert_int_equal(to - bytes, nx_segment_bytes((const nx_segment *)bytes));
    return (const nx_segment *)bytes;
}

/* ---- code ---- */

const nx_jit_plugin *plugin(void) {
    const nx_jit_host host = {NX_JIT_ABI, sizeof host, NEXPR_VERSION};
    const nx_jit_plugin *p = nexpr_jit_plugin(&host);
    assert_non_null(p);
    return p;
}

static void load(const nx_elf *elf, code *ret) {
    nexpr_error err = nexpr_error_init();
    ret->bytes = (elf->image_bytes + PAGE - 1) / PAGE * PAGE;
    ret->memory = mmap(NULL, ret->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(ret->memory, MAP_FAILED);
    if (nx_elf_write(elf, ret->memory, (uint64_t)(uintptr_t)ret->memory, &err)) fail_msg("%s", err.message);
    assert_int_equal(mprotect(ret->memory, ret->bytes, PROT_READ | PROT_EXEC), 0);
    const uintptr_t entry = (uintptr_t)ret->memory + elf->entry;
    memcpy(&ret->entry, &entry, sizeof entry);
}

code compile(const builder *b, nx_isa isa) {
    nexpr_error err = nexpr_error_init();
    void *bytes = NULL;
    size_t count = 0;
    code ret;
    nx_elf elf;
    if (plugin()->make(finish(b), isa, NX_JIT_OBJECT, &bytes, &count, &err)) fail_msg("%s", err.message);
    if (nx_elf_open(bytes, count, &elf, &err)) fail_msg("%s", err.message);
    load(&elf, &ret);
    plugin()->release(bytes);
    return ret;
}

void code_free(code *c) {
    munmap(c->memory, c->bytes);
    *c = (code){0};
}

/* ---- operands ---- */

/* The region of an operand; made once. */
static char *region(unsigned k) {
    static char *regions[NX_SEGMENT_OPERANDS];
    if (!regions[k]) {
        char *all = mmap(NULL, REGION + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(all, MAP_FAILED);
        assert_int_equal(mprotect(all + PAGE, REGION, PROT_READ | PROT_WRITE), 0);
        regions[k] = all + PAGE;
    }
    return regions[k];
}

typedef struct operand {
    nx_segment_operand what;
    char *at, *low, *high; /* element 0 of row 0; what can be touched ends at low and high */
    char *begin, *end;     /* of all elements */
    int64_t stride, row_stride;
    size_t count, rows;    /* elements of a row of its own */
} operand;

static size_t rows_of(const run *r) {
    return r->rows ? r->rows : 1;
}

static int64_t magnitude(int64_t stride) {
    return stride < 0 ? -stride : stride;
}

static char *item_at(const operand *o, size_t row, size_t i) {
    return o->at + (int64_t)row * o->row_stride + (o->count == 1 ? 0 : (int64_t)i * o->stride);
}

/* From row to row, of `reach` bytes: what is written, and what has its place, has no bytes twice. */
static int64_t choose_row_stride(const operand *o, unsigned k, const run *r, bool is_apart, int64_t reach) {
    const int64_t size = (int64_t)nexpr_dtype_size(o->what.dtype);
    const int64_t apart[] = {reach, -reach - size, reach + 3 * size, -reach}, any[] = {size, 0, -size, 2 * reach};
    const uint64_t which = k + r->seed;
    if (is_apart || which % 8 < 4) return apart[which % 4];
    return any[which % 4];
}

/* Element 0 of n, flush with one of the borders but for `shift`. */
static operand place_operand(const nx_segment_operand *what, unsigned k, const run *r, bool is_apart) {
    const size_t size = nexpr_dtype_size(what->dtype);
    operand o = {.what = *what, .low = region(k), .high = region(k) + REGION, .stride = (int64_t)size};
    const bool is_one = what->access == NX_ACCESS_SCALAR || what->access == NX_ACCESS_ROW;
    const bool is_leaves = what->access == NX_ACCESS_LEAVES;
    o.count = is_one ? 1 : what->access == NX_ACCESS_LANES ? NX_LANES : is_leaves ? rows_of(r) : r->n;
    o.rows = what->access == NX_ACCESS_SCALAR || what->access == NX_ACCESS_NODES || is_leaves ? 1 : rows_of(r);
    if (what->access == NX_ACCESS_STRIDED && what->detail) {
        o.stride = (int8_t)what->detail * (int64_t)size;
    } else if (what->access == NX_ACCESS_STRIDED) {
        static const int strides[] = {2, -1, 3, -2, 0, 1};
        o.stride = strides[(k + r->seed) % 6] * (int64_t)size + (r->seed % 3 == 2 ? (int64_t)(k % 3) : 0);
        if (o.stride > 3 * (int64_t)size) o.stride = 3 * (int64_t)size;
    }
    if (what->access == NX_ACCESS_COLUMN) {
        o.stride = ((int64_t)o.rows + (k + (int64_t)r->seed) % 2) * (int64_t)size * (r->seed % 4 < 2 ? 1 : -1);
        o.row_stride = (int64_t)size;
    }
    const int64_t row_reach = (int64_t)(o.count - 1) * magnitude(o.stride) + (int64_t)size;
    if (o.rows > 1 && what->access != NX_ACCESS_COLUMN) o.row_stride = choose_row_stride(&o, k, r, is_apart, row_reach);
    const int64_t reach = row_reach + (int64_t)(o.rows - 1) * magnitude(o.row_stride);
    assert_true(reach + 128 < REGION);
    char *first = (k + r->seed) % 2 ? o.low + r->shift : o.high - r->shift - reach;
    if (what->access == NX_ACCESS_STREAM) first = o.low + 64 + r->shift;
    o.begin = first;
    o.end = first + reach;
    o.at = (o.row_stride < 0 ? o.end - row_reach : first) + (o.stride < 0 ? row_reach - (int64_t)size : 0);
    return o;
}

static void swap_item(nexpr_dtype dtype, char *item) {
    const size_t part = nexpr_dtype_size(nx_dtype_real(dtype)), size = nexpr_dtype_size(dtype);
    for (size_t at = 0; at < size; at += part) {
        for (size_t i = 0; i < part / 2; i++) {
            const char c = item[at + i];
            item[at + i] = item[at + part - 1 - i];
            item[at + part - 1 - i] = c;
        }
    }
}

/* Elements in order and native, as the kernels of the VM want them. */
static void gather(const operand *o, size_t n, size_t rows, char *to) {
    const size_t size = nexpr_dtype_size(o->what.dtype);
    for (size_t i = 0; i < n * rows; i++) {
        memcpy(to + i * size, item_at(o, i / n, i % n), size);
        if (o->what.is_swapped) swap_item(o->what.dtype, to + i * size);
    }
}

static void scatter(const operand *o, const char *from) {
    const size_t size = nexpr_dtype_size(o->what.dtype);
    for (size_t i = 0; i < o->count * o->rows; i++) {
        char *item = item_at(o, i / o->count, i % o->count);
        memcpy(item, from + i * size, size);
        if (o->what.is_swapped) swap_item(o->what.dtype, item);
    }
}

static void fill_input(const operand *o, unsigned k, const run *r) {
    static char samples[MAX_N * ITEM];
    const nexpr_dtype dtype = o->what.dtype;
    const size_t size = nexpr_dtype_size(dtype), edges = edge_count(dtype);
    uint64_t seed = r->seed * 64 + k + 1;
    fill_samples(dtype, o->count * o->rows, samples, (size_t)seed, r->pairs || r->seed % 4 == 0 ? &seed : NULL);
    for (size_t i = 0; r->pairs && k < 2 && i < o->count; i++) {
        fill_samples(dtype, 1, samples + i * size, k ? i / edges : i % edges, NULL);
    }
    scatter(o, samples);
}

/* ---- the reference ---- */

/* Values as arrays of n elements. */
static char *value_array(unsigned index) {
    static char *all;
    enum { ARRAYS = NX_SEGMENT_VALUES + NX_SEGMENT_OPERANDS + 1 };
    if (!all) {
        const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        all = mmap(NULL, (size_t)ARRAYS * MAX_N * ITEM, PROT_READ | PROT_WRITE, flags, -1, 0);
        assert_ptr_not_equal(all, MAP_FAILED);
    }
    return all + (size_t)index * MAX_N * ITEM;
}

static void fill_known(const nx_segment_operand *what, size_t n, char *to) {
    static uint8_t known[MAX_N];
    memset(known, what->detail, n);
    nx_vm_cast_kernel(NX_ISA_BASELINE, NEXPR_UINT8, what->dtype)(n, to, (const void *[]){known});
}

static void compute_values(const builder *b, nx_isa isa, size_t n) {
    for (unsigned i = 0; i < b->value_count; i++) {
        const nx_segment_value *v = &b->values[i];
        nx_kernel *kernel = v->kind == NX_NODE_CAST ? nx_vm_cast_kernel(isa, v->loop, v->dtype)
                                                    : nx_vm_own_kernel(isa, v->op, v->loop, 0);
        const void *x[NX_MAX_ARITY] = {NULL};
        for (int k = 0; k < v->arity; k++) x[k] = value_array(v->arg[k]);
        assert_non_null(kernel);
        kernel(n, value_array(b->input_count + i), x);
    }
}

/* Adds elements to lanes as the reducer says, a row at a time. */
static void step_lanes(const nx_segment_operand *what, nx_isa isa, size_t n, const char *x, char *lanes) {
    static const nx_op steps[NX_REDUCER_COUNT] = {
        [NX_REDUCER_sum] = NX_OP_add,      [NX_REDUCER_prod] = NX_OP_multiply, [NX_REDUCER_min] = NX_OP_minimum,
        [NX_REDUCER_max] = NX_OP_maximum,  [NX_REDUCER_fmin] = NX_OP_fmin,     [NX_REDUCER_fmax] = NX_OP_fmax,
        [NX_REDUCER_any] = NX_OP_bitwise_or, [NX_REDUCER_all] = NX_OP_bitwise_and,
    };
    nx_kernel *step = nx_vm_own_kernel(isa, steps[what->detail], what->dtype, 0);
    for (size_t i = 0; i < n; i += NX_LANES) {
        step(NX_LANES, lanes, (const void *[]){lanes, x + i * nexpr_dtype_size(what->dtype)});
    }
}

/* Lanes and nodes before a run; what nodes have beside their value, before and after. */
static _Alignas(64) char before[NX_SEGMENT_OPERANDS][MOST_NODES * ITEM];
static _Alignas(64) char extra_before[NX_SEGMENT_OPERANDS][MOST_NODES * 8], extra[NX_SEGMENT_OPERANDS][MOST_NODES * 8];

/* The nodes by the VM's kernel, whose extras come to be in extra_before. */
static void step_nodes(const nx_segment_operand *what, nx_isa isa, const run *r, unsigned output, char *nodes) {
    const char *x = value_array(NX_SEGMENT_VALUES + NX_SEGMENT_OPERANDS);
    const size_t size = nexpr_dtype_size(what->dtype);
    const ptrdiff_t row = (ptrdiff_t)(r->n * size);
    for (size_t i = 0; i < rows_of(r) && what->access == NX_ACCESS_LEAVES; i++) {
        const bool has_extra = nx_vm_reduce_kernels(isa, what->detail, what->dtype)->has_extra;
        nx_vm_reduce_kernels(isa, what->detail, what->dtype)->leaf(1, r->n, x + (ptrdiff_t)i * row,
                                                                  r->first + (int64_t)i * r->between, nodes + i * size,
                                                                  has_extra ? extra_before[output] + 8 * i : NULL);
    }
    if (what->access == NX_ACCESS_LEAVES) return;
    nx_vm_reduce_kernels(isa, what->detail, what->dtype)->rows(rows_of(r), r->n, x, row, r->first, (size_t)r->done, nodes,
                                                               extra_before[output]);
}

/* What an output has to be. */
static void expect(const builder *b, unsigned output, nx_isa isa, const run *r, char *to) {
    const nx_segment_operand *what = &b->outputs[output];
    const size_t n = r->n * rows_of(r);
    const char *x = value_array(b->results[output]), *lanes = before[output];
    nx_kernel *copy = nx_vm_cast_kernel(isa, what->dtype, what->dtype);
    if (what->access == NX_ACCESS_NODES || what->access == NX_ACCESS_LEAVES) {
        copy(n, value_array(NX_SEGMENT_VALUES + NX_SEGMENT_OPERANDS), (const void *[]){x});
        if (what->access == NX_ACCESS_NODES) memcpy(to, lanes, r->n * nexpr_dtype_size(what->dtype));
        step_nodes(what, isa, r, output, to);
        return;
    }
    if (what->access != NX_ACCESS_LANES) {
        copy(n, to, (const void *[]){x});
        return;
    }
    copy(NX_LANES, to, (const void *[]){lanes});
    step_lanes(what, isa, n, x, to);
}

/* ---- runs ---- */

static void fill_slack(const operand *o) {
    char *from = o->begin - SLACK < o->low ? o->low : o->begin - SLACK;
    char *to = o->end + SLACK > o->high ? o->high : o->end + SLACK;
    memset(from, GUARD_BYTE, (size_t)(to - from));
}

/* Behind every row, and in front of all. */
static bool slack_is_whole(const operand *o) {
    const size_t size = nexpr_dtype_size(o->what.dtype);
    bool whole = true;
    for (const char *c = o->begin - SLACK < o->low ? o->low : o->begin - SLACK; c < o->begin; c++) {
        whole &= *c == (char)GUARD_BYTE;
    }
    for (size_t row = 0; row < o->rows; row++) {
        const char *end = item_at(o, row, o->count - 1) + size;
        const bool is_last = end == o->end;
        const char *next = is_last ? end + SLACK : end + magnitude(o->row_stride) - o->count * size;
        for (; end < o->high && end < next; end++) whole &= *end == (char)GUARD_BYTE;
    }
    return whole;
}

static void name_result(const builder *b, unsigned output, char *to, size_t capacity) {
    const unsigned index = b->results[output];
    const nx_segment_value *v = index < b->input_count ? NULL : &b->values[index - b->input_count];
    char name[NX_NAME_MAX];
    if (!v) snprintf(to, capacity, "input %u", index);
    else if (v->kind == NX_NODE_OP) snprintf(to, capacity, "%s of %s", nx_op_name(v->op, name), nexpr_dtype_name(v->loop));
    else snprintf(to, capacity, "cast to %s of %s", nexpr_dtype_name(v->dtype), nexpr_dtype_name(v->loop));
}

static void fail_at(const builder *b, unsigned output, nx_isa isa, const run *r, size_t i, const char *actual,
                    const char *wanted) {
    const nexpr_dtype dtype = b->outputs[output].dtype;
    const nx_value is = get_value(dtype, actual, i), has_to_be = get_value(dtype, wanted, i);
    char name[64];
    name_result(b, output, name, sizeof name);
    for (unsigned k = 0; k < b->input_count && k < 8; k++) {
        const nx_value x = get_value(b->inputs[k].dtype, value_array(k), i);
        print_message("input %u (access %d): %016llx %016llx\n", k, b->inputs[k].access, (unsigned long long)x.bits[0],
                      (unsigned long long)x.bits[1]);
    }
    print_message("is         %016llx %016llx\nhas to be  %016llx %016llx\n", (unsigned long long)is.bits[0],
                  (unsigned long long)is.bits[1], (unsigned long long)has_to_be.bits[0],
                  (unsigned long long)has_to_be.bits[1]);
    fail_msg("output %u, %s, %s, %zu x %zu, seed %llu: element %zu", output, name, nx_isa_name(isa), rows_of(r), r->n,
             (unsigned long long)r->seed, i);
}

static void compare_extras(const builder *b, unsigned output, nx_isa isa, const run *r) {
    for (size_t i = 0; i < MOST_NODES; i++) {
        if (!memcmp(extra[output] + 8 * i, extra_before[output] + 8 * i, 8)) continue;
        fail_msg("output %u, %s of %s, %s, %zu x %zu, seed %llu: extra of node %zu", output,
                 nx_reducer_name(b->outputs[output].detail), nexpr_dtype_name(b->outputs[output].dtype), nx_isa_name(isa),
                 rows_of(r), r->n, (unsigned long long)r->seed, i);
    }
}

static bool has_extras(const operand *o) {
    return o->what.access == NX_ACCESS_NODES || o->what.access == NX_ACCESS_LEAVES;
}

static void compare(const builder *b, unsigned output, nx_isa isa, const run *r, const operand *o) {
    static _Alignas(64) char wanted[MAX_N * ITEM];
    const size_t size = nexpr_dtype_size(o->what.dtype);
    expect(b, output, isa, r, wanted);
    if (has_extras(o)) compare_extras(b, output, isa, r);
    for (size_t i = 0; i < o->count * o->rows; i++) {
        const char *item = item_at(o, i / o->count, i % o->count);
        if (memcmp(item, wanted + i * size, size)) fail_at(b, output, isa, r, i, item - i * size, wanted);
    }
    if (!slack_is_whole(o)) fail_msg("output %u, %zu x %zu: bytes beside it were written", output, rows_of(r), r->n);
}

static bool is_state(const operand *o) {
    return o->what.access == NX_ACCESS_LANES || has_extras(o);
}

static void fill_extras(unsigned output, const run *r) {
    uint64_t seed = r->seed * 64 + output;
    fill_samples(NEXPR_FLOAT64, MOST_NODES, extra[output], 0, &seed);
    memcpy(extra_before[output], extra[output], sizeof *extra);
}

/* What is in nodes has been stored by a kernel. */
static void clean_nodes(const operand *o, char *nodes) {
    const nexpr_dtype dtype = o->what.dtype;
    nx_vm_cast_kernel(NX_ISA_BASELINE, dtype, dtype)(o->count, nodes, (const void *[]){nodes});
    memcpy(o->at, nodes, o->count * nexpr_dtype_size(dtype));
}

static void open_outputs(const builder *b, const run *r, operand *o, const operand *inputs) {
    for (unsigned k = 0; k < b->output_count; k++) {
        o[k] = r->in_place ? inputs[0] : place_operand(&b->outputs[k], k, r, true);
        o[k].what = b->outputs[k];
        if (!r->in_place) fill_slack(&o[k]);
        if (!is_state(&o[k])) continue;
        assert_true(o[k].count <= MOST_NODES);
        fill_input(&o[k], k + 7, r);
        memcpy(before[k], o[k].at, o[k].count * nexpr_dtype_size(o[k].what.dtype));
        if (has_extras(&o[k])) clean_nodes(&o[k], before[k]);
        fill_extras(k, r);
    }
}

void check_run(const builder *b, const code *c, nx_isa isa, const run *r) {
    if (!nx_isa_is_supported(isa)) return;
    operand o[NX_SEGMENT_OPERANDS], *inputs = o + b->output_count;
    char *at[2 * NX_SEGMENT_OPERANDS + 1];
    int64_t stride[2 * NX_SEGMENT_OPERANDS];
    nx_segment_rows rows = {r->first, r->done, r->between};
    const unsigned count = b->output_count + b->input_count;
    const size_t all = r->n * rows_of(r);
    assert_true(all <= MAX_N && count <= NX_SEGMENT_OPERANDS && (b->has_rows || rows_of(r) == 1));
    for (unsigned k = 0; k < b->input_count; k++) {
        inputs[k] = place_operand(&b->inputs[k], b->output_count + k, r, r->in_place && k == 0);
        if (r->in_place && k == 0) fill_slack(&inputs[k]);
        if (b->inputs[k].access == NX_ACCESS_KNOWN) fill_known(&b->inputs[k], all, value_array(k));
        else fill_input(&inputs[k], k, r), gather(&inputs[k], r->n, rows_of(r), value_array(k));
    }
    compute_values(b, isa, all);
    open_outputs(b, r, o, inputs);
    for (unsigned k = 0; k < count; k++) {
        at[k] = o[k].what.access == NX_ACCESS_KNOWN ? NULL : o[k].at;
        stride[k] = o[k].stride;
        stride[count + k] = o[k].row_stride;
    }
    at[count] = (char *)&rows;
    for (unsigned k = 0; k < b->output_count; k++) at[count + 1 + k] = extra[k];
    c->entry(r->n, at, stride, rows_of(r));
    for (unsigned k = 0; k < b->output_count; k++) compare(b, k, isa, r, &o[k]);
}

void check_segment(const builder *b, nx_isa isa, const size_t *n, size_t count, const run *how) {
    code c = compile(b, isa);
    for (size_t i = 0; i < count; i++) {
        run r = *how;
        r.n = n[i];
        r.seed += i;
        check_run(b, &c, isa, &r);
    }
    code_free(&c);
}
