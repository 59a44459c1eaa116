/* SPDX-License-Identifier: MIT */
/*
 * The VM's loop: for every block, for every step, call its kernel. The addresses of registers, slots and constants are
 * written to the thread's table once per call, those of the caller's operands once per row and once per block.
 */
#include "vm/code.h"
#include "vm/sample.h"

#include <inttypes.h>
#include <string.h>

enum { ROWS_AHEAD = 2 };

/* Of what only prefetches: gcc takes a call of it for one without effect, and leaves it out. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

_Static_assert((int)NX_SAMPLE_PANELS == (int)NX_PHASE_COUNT, "phases are kinds of samples");

/* Registers begin half a page away from the output, counted within a page. A load that lies a little behind an earlier
 * store modulo 4096 waits for it, as if it were of the same address; large arrays usually begin at the same place of a
 * page, so that the output stands for all operands; if it is lanes, the first input does. */
static char *place_registers(const nx_vm_code *code, char *scratch, const nx_vm_args *args) {
    const bool by_input = code->is_folding && code->moving_count && !code->moving[0].is_output;
    const char *array = by_input ? args->inputs[code->moving[0].index] : args->outputs[0];
    char *first = scratch + nx_scratch_registers(code);
    return first + (((uintptr_t)array + NX_PAGE / 2 - (uintptr_t)first) & (NX_PAGE - 64));
}

/* A run: what it is asked for, its table of addresses, and the element [0, 0] of its block. */
typedef struct worker {
    const nx_vm_args *args;
    const nx_vm_code *code;
    char **at;
    int64_t place[2];
} worker;

static void place_fixed(const nx_vm_code *code, char **at, const nx_vm_args *args) {
    char *scratch = args->scratch;
    for (uint32_t i = 0; i < code->constant_count; i++) *at++ = (char *)&code->constants[i];
    at += code->moving_count;
    char *slot = scratch + nx_scratch_slots(code), *reg = place_registers(code, scratch, args);
    for (uint32_t i = 0; i < code->slot_count; i++, slot += sizeof(nx_value)) *at++ = slot;
    for (uint32_t i = 0; i < code->register_count; i++, reg += code->blocks.register_bytes) *at++ = reg;
}

static void place_moving(worker *w, int64_t row, int64_t col) {
    const nx_vm_code *code = w->code;
    const nx_vm_args *args = w->args;
    char **at = w->at + code->constant_count;
    w->place[0] = row;
    w->place[1] = col;
    for (uint32_t i = 0; i < code->moving_count; i++) {
        const nx_moving *m = &code->moving[i];
        const char *base = m->is_output ? args->outputs[m->index] : args->inputs[m->index];
        at[i] = (char *)base + row * m->stride[0] + col * m->stride[1];
    }
}

static void advance_moving(worker *w, int64_t cols) {
    const nx_vm_code *code = w->code;
    char **at = w->at + code->constant_count;
    w->place[1] += cols;
    for (uint32_t i = 0; i < code->moving_count; i++) at[i] += cols * code->moving[i].stride[1];
}

static const int64_t *strides(const nx_vm_code *code, uint32_t operand) {
    return code->moving[operand - code->constant_count].stride;
}

/* Notes that element `item` of the block, cols wide, has an index out of bounds, unless an element before it has. */
static void note_fault(const worker *w, const nx_step *s, size_t item, size_t cols, int64_t value) {
    nx_vm_fault *fault = w->args->fault;
    const int64_t row = w->place[0] + (int64_t)(item / cols), col = w->place[1] + (int64_t)(item % cols);
    if (fault->is_set && (row > fault->place[0] || (row == fault->place[0] && col >= fault->place[1]))) return;
    *fault = (nx_vm_fault){true, w->code, s->site, value, {row, col}};
}

static void gather(const worker *w, const nx_step *s, char **at, size_t rows, size_t cols) {
    const nx_site *site = &w->code->sites[s->site];
    const int64_t *stride = strides(w->code, s->src[1]);
    const void *index = at[s->src[0]];
    int64_t value;
    size_t bad = s->kernel.gather(rows, cols, at[s->dst], at[s->src[1]], stride[0], stride[1], index, site->stride,
                                  site->count[0], &value);
    if (bad < rows * cols) note_fault(w, s, bad, cols, value);
}

static void select(const worker *w, const nx_step *s, char **at, size_t rows, size_t cols) {
    const nx_site *site = &w->code->sites[s->site];
    const int64_t *stride = strides(w->code, s->src[1]), index = *(const int64_t *)at[s->src[0]];
    const int64_t from_start = index < 0 ? index + site->count[0] : index;
    if (from_start >= 0 && from_start < site->count[0]) {
        s->kernel.load(rows, cols, at[s->dst], at[s->src[1]] + from_start * site->stride, stride[0], stride[1]);
        return;
    }
    memset(at[s->dst], 0, rows * cols * s->item_size);
    note_fault(w, s, 0, cols, index);
}

static void look_up(const worker *w, const nx_step *s, char **at, size_t n) {
    const void *table[NX_MAX_TABLES] = {at[s->src[1]], at[s->src[2]]};
    s->kernel.lookup(n, at[s->dst], at[s->src[0]], table, w->code->sites[s->site].count);
}

static inline void run_kernel(const nx_linked_segment *linked, char *const *at, size_t rows, size_t cols) {
    if (linked->segment->has_rows) linked->kernel(cols, at, linked->stride, rows);
    else linked->kernel(rows * cols, at, linked->stride, 1);
}

/* The rows of a panel lie end to end, if it has more than one. */
static void run_rows_of_panels(const nx_vm_code *code, const nx_linked_segment *linked, char *const *at, uint32_t operands,
                               size_t rows, size_t cols) {
    int64_t stride[2 * NX_SEGMENT_OPERANDS];
    memcpy(stride, linked->stride, 2 * operands * sizeof *stride);
    for (const nx_panel *p = code->panels; p != code->panels + code->panel_count; p++) {
        for (uint32_t k = 0; k < operands; k++) {
            if (linked->operand[k] != code->constant_count + p->moving) continue;
            stride[operands + k] = p->repeats ? 0 : (int64_t)cols * p->item_size;
        }
    }
    linked->kernel(cols, at, stride, rows);
}

/* The nodes from [row, col] on, in the places of the outputs and behind the operands. */
static void place_nodes(const nx_vm_code *code, const nx_vm_nodes *nodes, const nx_segment *s, char **at,
                        nx_segment_rows *rows, int64_t row, int64_t col) {
    char **behind = at + s->output_count + s->input_count;
    const int64_t node = code->has_leaves ? row : col, between = nodes->rows.between;
    *rows = (nx_segment_rows){nodes->rows.first + (code->has_leaves ? row * between : row), nodes->rows.done + row, between};
    *behind++ = (char *)rows;
    for (uint32_t k = 0; k < s->output_count; k++) {
        at[k] = nodes->value[k] + node * (int64_t)nexpr_dtype_size((nexpr_dtype)nx_segment_outputs(s)[k].dtype);
        behind[k] = nodes->extra[k] ? nodes->extra[k] + node * (int64_t)sizeof(int64_t) : NULL;
    }
}

static void run_segment(const worker *w, const nx_step *s, size_t rows, size_t cols) {
    const nx_linked_segment *linked = &w->code->segments[s->site];
    const uint32_t operands = (uint32_t)linked->segment->output_count + linked->segment->input_count;
    char *at[2 * NX_SEGMENT_OPERANDS + 1];
    nx_segment_rows number;
    for (uint32_t k = 0; k < operands; k++) at[k] = w->at[linked->operand[k]];
    if (w->code->is_stepping) {
        place_nodes(w->code, w->args->nodes, linked->segment, at, &number, w->place[0], w->place[1]);
    }
    if (linked->segment->has_rows && w->code->panel_count) run_rows_of_panels(w->code, linked, at, operands, rows, cols);
    else run_kernel(linked, at, rows, cols);
}

__attribute__((noinline)) static void move(const worker *w, const nx_step *s, size_t rows, size_t cols) {
    const nx_vm_code *code = w->code;
    char **at = w->at, *dst = at[s->dst], *src = at[s->src[0]];
    const int64_t *stride;
    switch ((nx_step_kind)s->kind) {
    case NX_STEP_LOAD:
        stride = strides(code, s->src[0]);
        s->kernel.load(rows, cols, dst, src, stride[0], stride[1]);
        break;
    case NX_STEP_FILL: s->kernel.load(rows, cols, dst, src, 0, 0); break;
    case NX_STEP_STORE:
        stride = strides(code, s->dst);
        s->kernel.store(rows, cols, dst, stride[0], stride[1], src);
        break;
    case NX_STEP_STORE_NT: nx_vm_store_nt(code->isa, dst, src, rows * cols * s->item_size); break;
    case NX_STEP_LOOKUP: look_up(w, s, at, rows * cols); break;
    case NX_STEP_GATHER: gather(w, s, at, rows, cols); break;
    case NX_STEP_SELECT: select(w, s, at, rows, cols); break;
    case NX_STEP_SEGMENT: run_segment(w, s, rows, cols); break;
    case NX_STEP_COMPUTE: break;
    }
}

static inline void run_step(const worker *w, const nx_step *s, int64_t rows, int64_t cols) {
    if (__builtin_expect(s->kind != NX_STEP_COMPUTE, 0)) {
        move(w, s, (size_t)rows, (size_t)cols);
        return;
    }
    const void *x[NX_MAX_OPERANDS];
    for (int k = 0; k < NX_MAX_OPERANDS; k++) x[k] = w->at[s->src[k]];
    s->kernel.compute((size_t)(rows * cols), w->at[s->dst], x);
}

/* Asks for part `part` of `parts` of the next block of inputs whose rows are end to end. All at once would keep the steps
 * from their own memory. */
ALWAYS_INLINE void fetch_ahead(const nx_vm_code *code, char **at, int64_t rows, int64_t cols, int64_t part, int64_t parts) {
    at += code->constant_count;
    for (uint32_t i = 0; i < code->moving_count && !code->moving[i].is_output; i++) {
        const int64_t *stride = code->moving[i].stride;
        if (!code->moving[i].is_memory) continue;
        if (stride[1] <= 0 || stride[1] >= NX_LINE || (rows > 1 && stride[0] != cols * stride[1])) continue;
        const int64_t bytes = rows * cols * stride[1];
        const int64_t size = (bytes / parts + NX_LINE - 1) & -NX_LINE;
        const char *next = at[i] + bytes + part * size;
        for (int64_t k = 0; k < size; k += NX_LINE) __builtin_prefetch(next + k);
    }
}

/* The steps of a block, with a look at the clock behind each of them. */
__attribute__((noinline)) static void run_measured(const worker *w, nx_phase phase, int64_t rows, int64_t cols, bool is_cold) {
    const nx_vm_code *code = w->code;
    nx_vm_sample *sample = w->args->sample;
    const uint32_t first = phase ? code->phase_end[phase - 1] : 0, end = code->phase_end[phase];
    for (uint32_t i = first; i < end; i++) {
        if (is_cold) fetch_ahead(code, w->at, rows, cols, i - first, end - first);
        run_step(w, &code->steps[i], rows, cols);
        nx_sample_note(sample, i);
    }
    nx_sample_end(sample, (int)phase, rows * cols, first, end);
}

/* Whether it is the turn of this block to be measured. */
static inline bool is_measured(const worker *w, nx_phase phase, int64_t rows, int64_t cols) {
    nx_vm_sample *sample = w->args->sample;
    if (__builtin_expect(!sample, 1)) return false;
    if (w->code->phase_end[phase] == (phase ? w->code->phase_end[phase - 1] : 0)) return false;
    return nx_sample_begin(sample, (int)phase, rows * cols);
}

static inline void run_phase(const worker *w, nx_phase phase, int64_t rows, int64_t cols) {
    if (is_measured(w, phase, rows, cols)) {
        run_measured(w, phase, rows, cols, false);
        return;
    }
    const nx_vm_code *code = w->code;
    const nx_step *s = code->steps + (phase ? code->phase_end[phase - 1] : 0);
    const nx_step *end = code->steps + code->phase_end[phase];
    for (; s != end; s++) run_step(w, s, rows, cols);
}

/* run_phase for the steps of a block whose operands come from memory. */
static void run_cold_block(const worker *w, int64_t rows, int64_t cols) {
    if (is_measured(w, NX_PHASE_BLOCK, rows, cols)) {
        run_measured(w, NX_PHASE_BLOCK, rows, cols, true);
        return;
    }
    const nx_vm_code *code = w->code;
    const nx_step *s = code->steps + code->phase_end[NX_PHASE_BLOCK - 1];
    const int64_t count = code->phase_end[NX_PHASE_BLOCK] - code->phase_end[NX_PHASE_BLOCK - 1];
    for (int64_t i = 0; i < count; i++) {
        fetch_ahead(code, w->at, rows, cols, i, count);
        run_step(w, &s[i], rows, cols);
    }
}

static int64_t min_i64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Fills all panels with `rows` x `cols` items from [row, col] on. */
static void load_panels(const nx_vm_code *code, const nx_vm_args *args, int64_t row, int64_t col, int64_t rows,
                        int64_t cols) {
    const bool has_turn = args->sample && nx_sample_begin(args->sample, NX_SAMPLE_PANELS, rows * cols);
    for (const nx_panel *p = code->panels; p != code->panels + code->panel_count; p++) {
        const nx_moving *m = &code->moving[p->moving];
        const char *from = args->inputs[m->index] + row * m->stride[0] + col * m->stride[1];
        const size_t loaded = p->repeats ? 1 : (size_t)rows;
        p->load(loaded, (size_t)cols, (char *)args->scratch + p->offset, from, m->stride[0], m->stride[1]);
    }
    if (!has_turn) return;
    nx_sample_note(args->sample, code->part_count - 1);
    nx_sample_end(args->sample, NX_SAMPLE_PANELS, rows * cols, code->part_count - 1, code->part_count);
}

/* Operands with panels are at item `item` of these, or of their one row. */
static void place_in_panels(const nx_vm_code *code, const nx_vm_args *args, char **at, int64_t item) {
    for (const nx_panel *p = code->panels; p != code->panels + code->panel_count; p++) {
        at[code->constant_count + p->moving] = (char *)args->scratch + p->offset + (p->repeats ? 0 : item * p->item_size);
    }
}

/* Short runs out of many rows are no stream that hardware would foresee: those of a later row, which operands without
 * panels are read from, are prefetched. */
ALWAYS_INLINE void prefetch_row(const nx_vm_code *code, char **at, int64_t rows_ahead, int64_t cols) {
    const nx_panel *p = code->panels, *end = p + code->panel_count;
    for (uint32_t i = 0; i < code->moving_count; i++) {
        const nx_moving *m = &code->moving[i];
        if (p != end && p->moving == i) {
            p++;
        } else if (!m->is_output && m->is_memory && m->stride[0]) {
            const char *x = at[code->constant_count + i] + rows_ahead * m->stride[0];
            const int64_t step = m->stride[1] > NX_LINE ? m->stride[1] : NX_LINE;
            for (int64_t k = 0; k < cols * m->stride[1]; k += step) __builtin_prefetch(x + k);
        }
    }
}

/* The blocks of one group of rows and of one range of columns after the other. */
static void run_panels(worker *w, const int64_t first[2], const int64_t count[2], int64_t block_rows) {
    const nx_vm_code *code = w->code;
    for (int64_t i0 = 0; i0 < count[0]; i0 += code->blocks.panel_rows) {
        int64_t i1 = min_i64(i0 + code->blocks.panel_rows, count[0]);
        for (int64_t j = 0; j < count[1]; j += code->blocks.cols) {
            int64_t cols = min_i64(code->blocks.cols, count[1] - j);
            load_panels(code, w->args, first[0] + i0, first[1] + j, i1 - i0, cols);
            for (int64_t i = i0; i < i1; i += block_rows) {
                place_moving(w, first[0] + i, first[1] + j);
                if (i + ROWS_AHEAD < i1 && !code->blocks.is_whole) prefetch_row(code, w->at, ROWS_AHEAD, cols);
                place_in_panels(code, w->args, w->at, (i - i0) * cols);
                run_phase(w, NX_PHASE_ROW, 1, 1);
                run_phase(w, NX_PHASE_BLOCK, min_i64(block_rows, i1 - i), cols);
            }
        }
    }
}

/* The same without panels. */
static void run_rows(worker *w, const int64_t first[2], const int64_t count[2], int64_t block_rows) {
    const nx_vm_code *code = w->code;
    for (int64_t i = 0; i < count[0]; i += block_rows) {
        int64_t rows = min_i64(block_rows, count[0] - i);
        if (i) place_moving(w, first[0] + i, first[1]);
        run_phase(w, NX_PHASE_ROW, 1, 1);
        for (int64_t j = 0; j < count[1]; j += code->blocks.run_cols) {
            if (j) advance_moving(w, code->blocks.run_cols);
            int64_t cols = min_i64(code->blocks.run_cols, count[1] - j);
            if (code->is_cold) run_cold_block(w, rows, cols);
            else run_phase(w, NX_PHASE_BLOCK, rows, cols);
        }
    }
}

/* ------------------------------------------------------------------------------------------------ a single step -- */

/* Whether the rectangle is one block of one step, whose operands are constants or in the caller's memory. */
static inline bool is_single(const nx_vm_code *code, const int64_t count[2]) {
    return code->phase_end[NX_PHASE_BLOCK] == 1 && code->phase_end[NX_PHASE_BLOCK - 1] == 0 && !code->panel_count &&
           (code->steps->kind == NX_STEP_SEGMENT || code->steps->kind == NX_STEP_COMPUTE) &&
           count[1] <= code->blocks.run_cols && count[0] <= (count[1] == code->blocks.count[1] ? code->blocks.rows : 1);
}

static inline char *find_operand(const nx_vm_args *args, const nx_vm_code *code, uint32_t i, const int64_t first[2]) {
    if (i < code->constant_count) return (char *)&code->constants[i];
    const nx_moving *m = &code->moving[i - code->constant_count];
    const char *base = m->is_output ? args->outputs[m->index] : args->inputs[m->index];
    return (char *)base + first[0] * m->stride[0] + first[1] * m->stride[1];
}

/* Without a table of addresses. */
static void run_single(const nx_vm_args *args, const nx_vm_code *code, const int64_t first[2], size_t rows, size_t cols) {
    const nx_step *s = code->steps;
    if (s->kind == NX_STEP_COMPUTE) {
        const void *x[NX_MAX_OPERANDS];
        for (int k = 0; k < NX_MAX_OPERANDS; k++) x[k] = find_operand(args, code, s->src[k], first);
        s->kernel.compute(rows * cols, find_operand(args, code, s->dst, first), x);
        return;
    }
    const nx_linked_segment *linked = &code->segments[s->site];
    const uint32_t operands = (uint32_t)linked->segment->output_count + linked->segment->input_count;
    char *at[2 * NX_SEGMENT_OPERANDS + 1];
    nx_segment_rows number;
    for (uint32_t k = 0; k < operands; k++) at[k] = find_operand(args, code, linked->operand[k], first);
    if (code->is_stepping) place_nodes(code, args->nodes, linked->segment, at, &number, first[0], first[1]);
    run_kernel(linked, at, rows, cols);
}

void nx_vm_run(const nx_vm_args *args, const int64_t first[2], const int64_t count[2]) {
    const nx_vm_code *code = args->code;
    const nx_blocks *blocks = &code->blocks;
    worker w = {.args = args, .code = code, .at = args->scratch};
    if (count[0] <= 0 || count[1] <= 0) return;
    if (is_single(code, count) && !args->sample) {
        run_single(args, code, first, (size_t)count[0], (size_t)count[1]);
        if (code->is_non_temporal) __builtin_ia32_sfence();
        return;
    }
    /* Parts of short rows are not contiguous beyond a row. */
    int64_t block_rows = count[1] == blocks->count[1] || blocks->is_whole ? blocks->rows : 1;
    place_fixed(code, w.at, args);
    place_moving(&w, first[0], first[1]);
    run_phase(&w, NX_PHASE_CALL, 1, 1);
    if (blocks->is_tiled) run_phase(&w, NX_PHASE_TILE, min_i64(block_rows, count[0]), count[1]);
    (code->panel_count ? run_panels : run_rows)(&w, first, count, block_rows);
    if (code->is_non_temporal) __builtin_ia32_sfence();
}

bool nx_vm_can_fault(const nx_vm_code *code) {
    return code->can_fault;
}

bool nx_vm_is_stepping(const nx_vm_code *code) {
    return code->is_stepping;
}

nexpr_status nx_vm_fail(const nx_vm_fault *fault, nexpr_error *err) {
    const nx_site *site = &fault->code->sites[fault->lookup];
    return nx_fail(err, NEXPR_VALUE, site->span, "index %" PRId64 " is out of bounds for axis %d of length %" PRId64,
                   fault->value, site->axis, site->count[0]);
}

size_t nx_vm_scratch_bytes(const nx_vm_code *code) {
    size_t bytes = nx_scratch_panels(code);
    for (uint32_t i = 0; i < code->panel_count; i++) bytes += nx_panel_bytes(code, &code->panels[i]);
    return bytes;
}

double nx_vm_ns_per_item(const nx_vm_code *code) {
    return code->ns_per_item;
}

double nx_vm_compiled_ns_per_item(const nx_vm_code *code) {
    return code->compiled_ns_per_item;
}

int nx_vm_block_items(const nx_vm_code *code) {
    return (int)(code->blocks.rows * code->blocks.cols);
}

/* A panel of one row is worth loading for a few. */
void nx_vm_granule(const nx_vm_code *code, int64_t ret[2]) {
    enum { FEW_ROWS = 8 };
    ret[0] = code->blocks.has_columns ? NX_TILE_ROWS : code->panel_count ? FEW_ROWS : 1;
    for (uint32_t p = 0; p < code->panel_count; p++) {
        if (!code->panels[p].repeats) ret[0] = code->blocks.panel_rows;
    }
    ret[1] = code->blocks.cols;
}
