/* SPDX-License-Identifier: MIT */
/*
 * Segments: what is computed for every element and is inlined (engine/ops.def) is not linked to kernels, but joined to as
 * few loops as possible, for a compiler to make. What is left between them are calls: vector math, lookups.
 *
 * First the values are put into another order. Stage s is what can be computed between the calls of stage s-1 and those
 * of stage s; a value goes into the latest stage that its users allow, so that it is computed where it is used and need not
 * be kept. Then link.c emits them in this order, and a run of inlined values is one segment, unless it has too many
 * operands.
 */
#include "vm/linker.h"

#include <string.h>

enum { MAX_EXPONENT = 63 };

/* Arrays that a segment reads side by side: the processor foresees no more, whose lines then come too late. */
enum { MOST_STREAMS = 12 };

/* What a segment that makes leaves computes at most, in additions: it has copies of that, and of more work the reducer's is
 * a small part. For moments all is computed twice, which takes less time than to keep it if it is little. */
enum { MOST_WORK_OF_LEAVES = 40, MOST_WORK_OF_MOMENTS = 8, WORK_OF_DIVISION = 8 };

/* The exponent, if instruction is an integer power by a small literal; else -1. */
static int known_exponent(const linker *l, const nx_vm_instruction *instruction) {
    const nexpr_dtype loop = (nexpr_dtype)instruction->loop;
    if (instruction->kind != NX_NODE_OP || instruction->op != NX_OP_power || nx_dtype_class(loop) != NX_CLASS_INT) return -1;
    if (instruction->arg[1].kind != NX_VM_CONSTANT) return -1;
    const uint64_t bits = l->program->constants[instruction->arg[1].index].value.bits[0];
    return bits <= MAX_EXPONENT ? (int)bits : -1;
}

static uint32_t work_of(const linker *l) {
    uint32_t work = 0;
    for (uint32_t i = 0; i < l->value_count; i++) {
        const nx_vm_instruction *x = &l->instructions[i];
        const bool divides = x->op == NX_OP_divide || x->op == NX_OP_sqrt || x->op == NX_OP_reciprocal;
        const bool is_division = x->kind == NX_NODE_OP && divides;
        work += l->values[i].phase != NX_PHASE_BLOCK ? 0 : is_division ? WORK_OF_DIVISION : 1;
    }
    return work;
}

static uint32_t most_work_of_leaves(const nx_vm_layout *layout) {
    for (uint32_t k = 0; k < layout->node_count; k++) {
        if (layout->nodes[k].reducer == NX_REDUCER_m2) return MOST_WORK_OF_MOMENTS;
    }
    return MOST_WORK_OF_LEAVES;
}

/* Each constant may be two inputs: itself, and as an exponent. */
bool nx_vm_is_one_segment(linker *l) {
    const nx_vm_program *program = l->program;
    const uint32_t outputs = l->code->is_stepping ? l->layout->node_count : program->result_count;
    uint32_t operands = program->input_count + 2 * program->constant_count + outputs;
    for (uint32_t i = 0; i < l->value_count; i++) {
        if (l->values[i].phase != NX_PHASE_BLOCK) operands++;
        else if (!nx_vm_is_inlined(l, i)) return false;
    }
    for (uint32_t r = 0; r < program->result_count; r++) {
        const value *v = &l->values[l->results[r].value];
        if (v->phase != NX_PHASE_BLOCK || l->results[r].next != NX_VM_NONE) return false;
    }
    if (l->code->has_leaves && work_of(l) > most_work_of_leaves(l->layout)) return false;
    return operands <= NX_SEGMENT_OPERANDS && l->value_count <= NX_SEGMENT_VALUES && program->input_count <= MOST_STREAMS;
}

bool nx_vm_is_inlined(linker *l, uint32_t i) {
    const nx_vm_instruction *instruction = &l->instructions[i];
    if (l->values[i].phase != NX_PHASE_BLOCK) return false;
    if (instruction->kind == NX_NODE_CAST || instruction->kind == KIND_FUSED) return true;
    if (known_exponent(l, instruction) >= 0) return true;
    return instruction->kind == NX_NODE_OP && nx_op_is_inlined((nx_op)instruction->op, (nexpr_dtype)instruction->loop);
}

/* ---------------------------------------------------------------------------------------------------------- order -- */

static bool is_block_value(linker *l, nx_vm_ref ref) {
    return ref.kind == NX_VM_VALUE && l->values[ref.index].phase == NX_PHASE_BLOCK;
}

static uint32_t earliest_stage(linker *l, const uint32_t *stage, uint32_t i) {
    const nx_vm_instruction *instruction = &l->instructions[i];
    uint32_t earliest = 0;
    for (int k = 0; k < instruction->arity; k++) {
        const nx_vm_ref ref = instruction->arg[k];
        if (!is_block_value(l, ref)) continue;
        const uint32_t from = stage[ref.index] + (nx_vm_is_inlined(l, i) && !nx_vm_is_inlined(l, ref.index));
        if (from > earliest) earliest = from;
    }
    return earliest;
}

/* latest[i] is NX_VM_NONE until a user asks for less. */
static void sink(linker *l, uint32_t *stage, uint32_t *latest) {
    for (uint32_t i = l->value_count; i-- > 0;) {
        const nx_vm_instruction *instruction = &l->instructions[i];
        if (l->values[i].phase != NX_PHASE_BLOCK) continue;
        if (nx_vm_is_inlined(l, i) && l->values[i].result == NX_VM_NONE && latest[i] != NX_VM_NONE) stage[i] = latest[i];
        for (int k = 0; k < instruction->arity; k++) {
            const nx_vm_ref ref = instruction->arg[k];
            if (is_block_value(l, ref) && stage[i] < latest[ref.index]) latest[ref.index] = stage[i];
        }
    }
}

/* Where each value goes: by bucket, those of other phases first, then the segment and the calls of each stage. */
static void sort_by_bucket(linker *l, const uint32_t *stage, uint32_t *bucket_start, uint32_t buckets, uint32_t *to) {
    for (uint32_t b = 0; b <= buckets; b++) bucket_start[b] = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < l->value_count; i++) {
            const bool is_block = l->values[i].phase == NX_PHASE_BLOCK;
            const uint32_t bucket = is_block ? 1 + 2 * stage[i] + !nx_vm_is_inlined(l, i) : 0;
            if (pass) to[i] = bucket_start[bucket]++;
            else bucket_start[bucket + 1]++;
        }
        for (uint32_t b = 1; !pass && b <= buckets; b++) bucket_start[b] += bucket_start[b - 1];
    }
}

static void renumber(linker *l, const uint32_t *to, nx_vm_instruction *instructions, value *values) {
    for (uint32_t i = 0; i < l->value_count; i++) {
        nx_vm_instruction *instruction = &instructions[to[i]];
        *instruction = l->instructions[i];
        values[to[i]] = l->values[i];
        values[to[i]].last = to[i];
        for (int k = 0; k < instruction->arity; k++) {
            nx_vm_ref *arg = &instruction->arg[k];
            if (arg->kind == NX_VM_VALUE) arg->index = to[arg->index] & NX_VM_MAX_INDEX;
        }
    }
    for (uint32_t r = 0; r < l->program->result_count; r++) l->results[r].value = to[l->results[r].value];
    l->instructions = instructions;
    l->values = values;
}

bool nx_vm_order_segments(linker *l) {
    const size_t n = (size_t)l->value_count + 1;
    uint32_t *stage = nx_arena_alloc(l->arena, n, 3 * sizeof *stage), *latest = stage + n, *to = latest + n, stages = 1;
    nx_vm_instruction *instructions = nx_arena_alloc(l->arena, n, sizeof *instructions);
    value *values = nx_arena_alloc(l->arena, n, sizeof *values);
    if (!stage || !instructions || !values) return false;
    for (uint32_t i = 0; i < l->value_count; i++) {
        latest[i] = NX_VM_NONE;
        stage[i] = l->values[i].phase == NX_PHASE_BLOCK ? earliest_stage(l, stage, i) : 0;
        if (stage[i] >= stages) stages = stage[i] + 1;
    }
    uint32_t *bucket_start = nx_arena_alloc(l->arena, 2 * (size_t)stages + 2, sizeof *bucket_start);
    if (!bucket_start) return false;
    sink(l, stage, latest);
    sort_by_bucket(l, stage, bucket_start, 2 * stages + 1, to);
    renumber(l, to, instructions, values);
    return true;
}

/* ------------------------------------------------------------------------------------------------------- segments -- */

/* What is known of a segment while it is put together: its operands, and which ones the refs of the program are. */
typedef struct builder {
    linker *l;
    uint32_t first, end; /* values */
    uint32_t input_count, stream_count, output_count;
    nx_vm_ref inputs[NX_SEGMENT_OPERANDS];
    bool is_known[NX_SEGMENT_OPERANDS]; /* an exponent */
    uint32_t outputs[NX_SEGMENT_OPERANDS];
} builder;

static bool is_same(nx_vm_ref x, nx_vm_ref y) {
    return x.kind == y.kind && x.index == y.index;
}

static bool is_inside(const builder *b, nx_vm_ref ref) {
    return ref.kind == NX_VM_VALUE && ref.index >= b->first && ref.index < b->end;
}

/* The input's number, or input_count. Few enough to be searched. */
static uint32_t find_input(const builder *b, nx_vm_ref ref, bool known) {
    uint32_t k = 0;
    while (k < b->input_count && (!is_same(b->inputs[k], ref) || b->is_known[k] != known)) k++;
    return k;
}

static bool is_exponent(const builder *b, const nx_vm_instruction *instruction, int k) {
    return k == 1 && known_exponent(b->l, instruction) >= 0;
}

/* Adds the value behind the last one, unless there are then too many operands. *live: values of the segment that will be
 * read behind it. */
static bool add_value(builder *b, uint32_t *live) {
    linker *l = b->l;
    const uint32_t i = b->end, inputs = b->input_count, streams = b->stream_count;
    const nx_vm_instruction *instruction = &l->instructions[i];
    uint32_t ending = 0;
    for (int k = 0; k < instruction->arity; k++) {
        const nx_vm_ref ref = instruction->arg[k];
        const bool known = is_exponent(b, instruction, k);
        if (is_inside(b, ref)) {
            bool is_again = false;
            for (int j = 0; j < k; j++) is_again |= is_same(instruction->arg[j], ref);
            ending += !is_again && l->values[ref.index].last == i && l->values[ref.index].result == NX_VM_NONE;
        } else if (find_input(b, ref, known) == b->input_count) {
            b->inputs[b->input_count] = ref;
            b->is_known[b->input_count++] = known;
            b->stream_count += ref.kind == NX_VM_INPUT && value_of(l, ref)->phase == NX_PHASE_BLOCK;
        }
        if (b->input_count + *live + 1 > NX_SEGMENT_OPERANDS + ending || b->stream_count > MOST_STREAMS) {
            b->input_count = inputs;
            b->stream_count = streams;
            return false;
        }
    }
    *live += 1 - ending;
    b->end++;
    return true;
}

static void collect(builder *b) {
    linker *l = b->l;
    uint32_t live = 0;
    const uint32_t most = l->value_count - b->first < NX_SEGMENT_VALUES ? l->value_count - b->first : NX_SEGMENT_VALUES;
    while (b->end - b->first < most && nx_vm_is_inlined(l, b->end) && add_value(b, &live)) continue;
    if (l->code->is_stepping) {
        for (uint32_t k = 0; k < l->layout->node_count; k++) {
            b->outputs[b->output_count++] = l->results[l->layout->nodes[k].result].value;
        }
        return;
    }
    for (uint32_t i = b->first; i < b->end; i++) {
        if (l->values[i].result != NX_VM_NONE || l->values[i].last >= b->end) b->outputs[b->output_count++] = i;
    }
}

/* How the elements of a row are read in place, or in a panel. */
static nx_segment_operand in_place(const nx_blocks *blocks, const nx_vm_operand *operand) {
    const int64_t size = (int64_t)nexpr_dtype_size(operand->dtype), stride = operand->stride[1];
    nx_segment_operand ret = {.dtype = (uint8_t)operand->dtype, .access = NX_ACCESS_BLOCK, .is_swapped = operand->swapped};
    if (nx_blocks_has_panels(blocks, operand)) {
        ret.is_swapped = false;
        return ret;
    }
    if (nx_blocks_has_columns(blocks, operand)) {
        ret.access = NX_ACCESS_COLUMN;
        return ret;
    }
    const bool is_block = stride == size || blocks->count[1] == 1;
    ret.access = is_block ? NX_ACCESS_BLOCK : stride ? NX_ACCESS_STRIDED : NX_ACCESS_ROW;
    if (ret.access == NX_ACCESS_STRIDED) ret.detail = (uint8_t)(int8_t)nx_segment_step(stride, size);
    return ret;
}

/* How an input is read, and from where: in place, if that can be. */
static nx_segment_operand place_input(builder *b, uint32_t k, uint32_t *ret_at, int64_t *ret_stride, int64_t *ret_row) {
    linker *l = b->l;
    const nx_vm_ref ref = b->inputs[k];
    *ret_stride = *ret_row = 0;
    if (ref.kind == NX_VM_CONSTANT) {
        const nx_vm_constant *constant = &l->program->constants[ref.index];
        *ret_at = nx_link_operand(l, ref);
        if (!b->is_known[k]) return (nx_segment_operand){(uint8_t)constant->dtype, NX_ACCESS_SCALAR, 0, false};
        return (nx_segment_operand){(uint8_t)constant->dtype, NX_ACCESS_KNOWN, (uint8_t)constant->value.bits[0], false};
    }
    value *v = value_of(l, ref);
    nx_segment_operand ret = {.dtype = ref.kind == NX_VM_VALUE ? l->instructions[ref.index].dtype
                                                              : (uint8_t)l->program->inputs[ref.index].dtype,
                              .access = nx_phase_is_scalar((nx_phase)v->phase) ? NX_ACCESS_SCALAR : NX_ACCESS_BLOCK};
    if (ref.kind == NX_VM_INPUT && v->phase == NX_PHASE_BLOCK && l->code->blocks.is_whole) {
        const nx_vm_operand *operand = &l->layout->inputs[l->program->inputs[ref.index].index];
        *ret_at = v->at;
        *ret_stride = operand->stride[1];
        *ret_row = operand->stride[0];
        return in_place(&l->code->blocks, operand);
    }
    if (ref.kind == NX_VM_INPUT && !v->is_placed && v->phase == NX_PHASE_BLOCK) {
        const nx_vm_operand *operand = &l->layout->inputs[l->program->inputs[ref.index].index];
        nx_vm_operand as_is = *operand;
        as_is.swapped = false;
        as_is.aligned = true;
        if (!operand->is_index && (nx_blocks_are_plain(&l->code->blocks, &as_is) || !l->code->blocks.is_tiled)) {
            *ret_at = v->at;
            *ret_stride = operand->stride[1];
            return in_place(&l->code->blocks, operand);
        }
    }
    *ret_at = nx_link_operand(l, ref);
    return ret;
}

/* Whether stores past the caches would rarely write part of a cache line, which costs as much as many lines: blocks begin on
 * lines, or are long. */
static bool fills_lines(const linker *l, uint32_t r) {
    enum { LONG_BYTES = 8192 };
    const nx_blocks *blocks = &l->code->blocks;
    const int64_t size = (int64_t)nexpr_dtype_size(l->layout->outputs[r].dtype);
    const int64_t bytes = (blocks->is_tiled ? blocks->rows * blocks->cols : blocks->count[1]) * size;
    if (blocks->count[0] <= 1 || bytes >= LONG_BYTES) return true;
    return (blocks->is_tiled ? bytes : l->layout->outputs[r].stride[0]) % NX_LINE == 0;
}

/* How a result that nothing else reads gets to its output without a register, if not as a block: past the caches, or into
 * lanes. */
static nx_access direct_access(const builder *b, uint32_t i) {
    linker *l = b->l;
    const uint32_t r = l->values[i].result;
    if (l->code->blocks.is_whole) return l->layout->outputs[r].non_temporal && fills_lines(l, r) ? NX_ACCESS_STREAM
                                                                                                : NX_ACCESS_BLOCK;
    if (r == NX_VM_NONE || l->results[r].next != NX_VM_NONE || l->values[i].last >= b->end) return NX_ACCESS_BLOCK;
    if (l->layout->outputs[r].is_folded) return NX_ACCESS_LANES;
    const bool streams = l->results[r].is_plain && l->layout->outputs[r].non_temporal && fills_lines(l, r);
    return streams ? NX_ACCESS_STREAM : NX_ACCESS_BLOCK;
}

/* Nodes are where the caller says when the code is run. */
static nx_segment_operand place_nodes(builder *b, uint32_t k, uint32_t *ret_at) {
    linker *l = b->l;
    const nx_vm_node *node = &l->layout->nodes[k];
    value *v = &l->values[b->outputs[k]];
    v->at = *ret_at = nx_link_output(l, node->result);
    v->is_placed = l->results[node->result].is_written = true;
    const nx_access access = l->code->has_leaves ? NX_ACCESS_LEAVES : NX_ACCESS_NODES;
    return (nx_segment_operand){l->instructions[b->outputs[k]].dtype, (uint8_t)access, (uint8_t)node->reducer, false};
}

static nx_segment_operand place_output(builder *b, uint32_t k, uint32_t *ret_at, int64_t *ret_row) {
    linker *l = b->l;
    const uint32_t i = b->outputs[k];
    value *v = &l->values[i];
    *ret_row = 0;
    if (l->code->is_stepping) return place_nodes(b, k, ret_at);
    const bool is_whole = l->code->blocks.is_whole;
    const nx_access access = direct_access(b, i);
    nx_segment_operand ret = {.dtype = l->instructions[i].dtype, .access = (uint8_t)access};
    v->at = *ret_at = access == NX_ACCESS_BLOCK && !is_whole ? nx_link_new_place(l, i) : nx_link_output(l, v->result);
    v->is_placed = true;
    *ret_row = is_whole ? l->layout->outputs[v->result].stride[0] : 0;
    if (access == NX_ACCESS_BLOCK && !is_whole) return ret;
    l->results[v->result].is_written = true;
    if (access == NX_ACCESS_STREAM) l->code->is_non_temporal = true;
    else if (access == NX_ACCESS_LANES) ret.detail = (uint8_t)l->layout->outputs[v->result].reducer;
    return ret;
}

static uint16_t number_of(const builder *b, const nx_vm_instruction *instruction, int k) {
    const nx_vm_ref ref = instruction->arg[k];
    if (is_inside(b, ref)) return (uint16_t)(b->input_count + ref.index - b->first);
    return (uint16_t)find_input(b, ref, is_exponent(b, instruction, k));
}

static void write_values(const builder *b, nx_segment_value *values, uint16_t *results) {
    for (uint32_t i = b->first; i < b->end; i++) {
        const nx_vm_instruction *instruction = &b->l->instructions[i];
        nx_segment_value *v = &values[i - b->first];
        *v = (nx_segment_value){.kind = instruction->kind, .dtype = instruction->dtype, .loop = instruction->loop,
                                .arity = instruction->arity, .op = instruction->kind == NX_NODE_OP ? instruction->op : 0};
        for (int k = 0; k < instruction->arity; k++) v->arg[k] = number_of(b, instruction, k);
    }
    for (uint32_t k = 0; k < b->output_count; k++) results[k] = (uint16_t)(b->input_count + b->outputs[k] - b->first);
}

static void return_registers(builder *b) {
    linker *l = b->l;
    for (uint32_t k = 0; k < b->input_count; k++) {
        value *v = value_of(l, b->inputs[k]);
        if (v && v->last >= b->first && v->last < b->end) nx_link_return(l, v->at);
    }
    for (uint32_t k = 0; k < b->output_count; k++) {
        value *v = &l->values[b->outputs[k]];
        nx_link_write_results(l, b->outputs[k]);
        if (v->last < b->end) nx_link_return(l, v->at);
    }
}

/* What moves for each element: 10 ps for a byte, and little for each operation. */
static double estimate(const builder *b, const nx_segment *s) {
    double ns = NX_NS_PER_INLINED * s->value_count;
    for (uint32_t k = 0; k < b->output_count + b->input_count; k++) {
        const nx_segment_operand *operand = &nx_segment_outputs(s)[k];
        if (operand->access != NX_ACCESS_SCALAR && operand->access != NX_ACCESS_KNOWN) {
            ns += 0.01 * (double)nexpr_dtype_size((nexpr_dtype)operand->dtype);
        }
    }
    return ns;
}

bool nx_vm_emit_segment(linker *l, uint32_t first, uint32_t *ret_end) {
    builder b = {.l = l, .first = first, .end = first};
    if (!nx_vm_is_inlined(l, first)) return false;
    collect(&b);
    *ret_end = b.end;
    const nx_segment head = {.output_count = (uint16_t)b.output_count, .input_count = (uint16_t)b.input_count,
                             .value_count = (uint16_t)(b.end - b.first), .has_rows = l->code->blocks.is_whole};
    const uint32_t operands = b.output_count + b.input_count;
    nx_linked_segment *linked = &l->segments[l->segment_count];
    nx_segment *s = nx_arena_alloc(l->arena, nx_segment_bytes(&head), 1);
    linked->operand = nx_arena_alloc(l->arena, operands, sizeof *linked->operand);
    linked->stride = nx_arena_alloc(l->arena, operands, 2 * sizeof *linked->stride);
    if (!s || !linked->operand || !linked->stride) {
        l->is_out_of_memory = true;
        return true;
    }
    *s = head;
    linked->segment = s;
    nx_segment_operand *to = (nx_segment_operand *)(s + 1);
    for (uint32_t k = 0, at = b.output_count; k < b.input_count; k++, at++) {
        to[at] = place_input(&b, k, &linked->operand[at], &linked->stride[at], &linked->stride[operands + at]);
    }
    for (uint32_t k = 0; k < b.output_count; k++) {
        linked->stride[k] = 0;
        to[k] = place_output(&b, k, &linked->operand[k], &linked->stride[operands + k]);
    }
    nx_part_segment(l, b.first, b.end);
    write_values(&b, (nx_segment_value *)(to + operands), (uint16_t *)nx_segment_results(s));
    nx_link_add_segment(l, l->segment_count++);
    l->code->ns_per_item += estimate(&b, s);
    return_registers(&b);
    return true;
}

/* --------------------------------------------------------------------------------------------------------- memory -- */

static size_t align8(size_t n) {
    return (n + 7) & ~(size_t)7;
}

static size_t operand_count(const nx_segment *s) {
    return (size_t)s->output_count + s->input_count;
}

static size_t stride_count(const nx_segment *s) {
    return operand_count(s) * (s->has_rows ? 2 : 1);
}

static size_t kept_bytes(const nx_segment *s) {
    return stride_count(s) * sizeof(int64_t) + operand_count(s) * sizeof(uint32_t) + nx_segment_bytes(s);
}

/* Copies what the linker's arena holds to `at`. */
static nx_linked_segment keep(const nx_linked_segment *from, char *at) {
    const size_t n = operand_count(from->segment), strides = stride_count(from->segment);
    nx_linked_segment to = {.stride = (int64_t *)(void *)at};
    to.operand = (uint32_t *)(void *)(to.stride + strides);
    nx_segment *segment = (nx_segment *)(void *)(to.operand + n);
    memcpy(to.stride, from->stride, strides * sizeof *to.stride);
    memcpy(to.operand, from->operand, n * sizeof *to.operand);
    memcpy(segment, from->segment, nx_segment_bytes(from->segment));
    to.segment = segment;
    return to;
}

bool nx_vm_keep_segments(linker *l, const nexpr_allocator *allocator) {
    nx_vm_code *code = l->code;
    size_t bytes = l->segment_count * sizeof *code->segments;
    if (!l->segment_count) return true;
    for (uint32_t i = 0; i < l->segment_count; i++) bytes += align8(kept_bytes(l->segments[i].segment));
    code->segments = nx_allocate(allocator, bytes, 1);
    if (!code->segments) return false;
    code->segment_bytes = bytes;
    code->segment_count = l->segment_count;
    char *at = (char *)(code->segments + l->segment_count);
    for (uint32_t i = 0; i < l->segment_count; i++) {
        code->segments[i] = keep(&l->segments[i], at);
        at += align8(kept_bytes(l->segments[i].segment));
    }
    return true;
}

uint32_t nx_vm_segment_count(const nx_vm_code *code) {
    return code->segment_count;
}

const nx_segment *nx_vm_segment(const nx_vm_code *code, uint32_t i) {
    return code->segments[i].segment;
}

void nx_vm_install(nx_vm_code *code, uint32_t i, nx_segment_kernel *kernel) {
    code->segments[i].kernel = kernel;
}
