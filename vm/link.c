/* SPDX-License-Identifier: MIT */
/*
 * Bytecode to code for one layout. Every value gets the phase of its latest operand; the phases are then emitted one after
 * the other, with a load before the first use of an input that cannot be read in place, a register, a slot or an output
 * for every value, and whatever a result needs to get into its output. An input with panels is read in place, that is,
 * in its panel.
 *
 * What holds: a value that is a result with another dtype in memory, and a result that is a bare input or constant, is a
 * cast of its own, so that every result is a value of its output's dtype; so is one that is taken from an array, whose NaN
 * may be any. With a single result, its output is written by
 * the last step of a block, which has read all inputs: the output may be exactly one of them.
 */
#include "vm/linker.h"
#include "vm/reduce.h"

/* Where something is while registers and slots are still counted: which part of the table, and the index there. */
enum { IN_CONSTANTS, IN_MOVING, IN_SLOTS, IN_REGISTERS, PART_COUNT, PART_SHIFT = 30 };

/* What a load costs: an element of a block is written, and read again. */
#define NS_PER_MOVED_BYTE 0.02

static uint32_t place(uint32_t part, uint32_t index) {
    return part << PART_SHIFT | index;
}

static uint32_t part_of(uint32_t at) {
    return at >> PART_SHIFT;
}

static uint32_t index_of(uint32_t at) {
    return at & ((1u << PART_SHIFT) - 1);
}

/* ------------------------------------------------------------------------------------- values, phases, last uses -- */

static nx_vm_ref value_ref(uint32_t i) {
    return (nx_vm_ref){NX_VM_VALUE, i & NX_VM_MAX_INDEX};
}

static bool is_take(const nx_vm_instruction *instruction) {
    return instruction->kind == NX_NODE_LOOKUP && instruction->op == NX_LOOKUP_take;
}

static void add_value(linker *l, const nx_vm_instruction *instruction) {
    uint32_t i = l->value_count++;
    nx_phase phase = NX_PHASE_CALL;
    for (int k = 0; k < instruction->arity; k++) {
        nx_phase p = phase_of(l, instruction->arg[k]);
        if (p > phase) phase = p;
    }
    l->instructions[i] = *instruction;
    l->values[i] = (value){.phase = (uint8_t)phase, .size = (uint8_t)nexpr_dtype_size((nexpr_dtype)instruction->dtype),
                           .last = i, .result = NX_VM_NONE};
}

static void attach_result(linker *l, uint32_t r, uint32_t v) {
    l->results[r].value = v;
    l->results[r].next = l->values[v].result;
    l->values[v].result = r;
}

static void add_cast(linker *l, uint32_t r, nx_vm_ref from) {
    const nx_span span = from.kind == NX_VM_INPUT ? l->program->inputs[from.index].span
                       : from.kind == NX_VM_VALUE ? l->instructions[from.index].span : NX_NOWHERE;
    nx_vm_instruction cast = {.kind = NX_NODE_CAST, .dtype = (uint8_t)l->layout->outputs[r].dtype, .span = span,
                              .loop = (uint8_t)l->program->results[r].dtype, .arity = 1, .arg = {from}};
    add_value(l, &cast);
    attach_result(l, r, l->value_count - 1);
}

/* Copies the program's instructions, with casts of results behind what they cast. */
static void add_values(linker *l, uint32_t *renumbered) {
    const nx_vm_program *program = l->program;
    for (uint32_t i = 0; i < program->code_count; i++) {
        nx_vm_instruction instruction = program->code[i];
        for (int k = 0; k < instruction.arity; k++) {
            nx_vm_ref *arg = &instruction.arg[k];
            if (arg->kind == NX_VM_VALUE) *arg = value_ref(renumbered[arg->index]);
        }
        uint32_t v = renumbered[i] = l->value_count;
        add_value(l, &instruction);
        const bool is_taken = is_take(&instruction);
        for (uint32_t r = instruction.result; r != NX_VM_NONE; r = program->results[r].next) {
            if (l->layout->outputs[r].dtype == (nexpr_dtype)instruction.dtype && !is_taken) attach_result(l, r, v);
            else add_cast(l, r, value_ref(v));
        }
    }
    for (uint32_t r = 0; r < program->result_count; r++) {
        if (program->results[r].from.kind != NX_VM_VALUE) add_cast(l, r, program->results[r].from);
    }
}

static void add_panel(linker *l, uint32_t moving, const nx_vm_operand *operand) {
    l->code->panels[l->code->panel_count++] =
        (nx_panel){.load = nx_vm_load_kernel(l->code->isa, operand->dtype, operand->swapped), .moving = moving,
                   .item_size = (uint32_t)nexpr_dtype_size(operand->dtype),
                   .repeats = nx_blocks_repeats(&l->code->blocks, operand)};
}

static void describe_operands(linker *l) {
    const nx_vm_program *program = l->program;
    nx_moving *moving = l->code->moving;
    for (uint32_t i = 0; i < program->input_count; i++) {
        uint32_t index = program->inputs[i].index;
        const nx_vm_operand *operand = &l->layout->inputs[index];
        nx_phase phase = nx_blocks_phase(&l->code->blocks, operand);
        bool is_table = program->inputs[i].is_table;
        bool has_panels = !is_table && nx_blocks_has_panels(&l->code->blocks, operand);
        bool is_plain = is_table                    ? true
                        : nx_phase_is_scalar(phase)
                            ? operand->aligned && !operand->swapped && !operand->is_index
                            : phase == NX_PHASE_BLOCK && (has_panels || nx_blocks_are_plain(&l->code->blocks, operand));
        if (has_panels) add_panel(l, i, operand);
        l->inputs[i] = (value){.phase = (uint8_t)phase, .size = (uint8_t)nexpr_dtype_size(operand->dtype),
                               .is_placed = is_plain, .at = place(IN_MOVING, i), .result = NX_VM_NONE};
        moving[i] = (nx_moving){index, false, !operand->is_index && !is_table, {operand->stride[0], operand->stride[1]}};
    }
    for (uint32_t r = 0; r < program->result_count; r++) {
        const nx_vm_operand *operand = &l->layout->outputs[r];
        l->code->is_folding |= operand->is_folded && !l->code->is_stepping;
        l->results[r].is_plain = !operand->is_folded && nx_blocks_are_plain(&l->code->blocks, operand);
        moving[program->input_count + r] = (nx_moving){r, true, true, {operand->stride[0], operand->stride[1]}};
    }
}

/* A value that a later phase reads lasts to the end of the run. */
static void find_last_uses(linker *l) {
    for (uint32_t i = 0; i < l->value_count; i++) {
        value *v = &l->values[i];
        if (v->is_fused) continue;
        for (int k = 0; k < l->instructions[i].arity; k++) {
            value *arg = value_of(l, l->instructions[i].arg[k]);
            if (!arg || arg->last == LASTS) continue;
            arg->last = arg->phase == v->phase ? i : LASTS;
        }
        if (v->result != NX_VM_NONE && v->phase != NX_PHASE_BLOCK) v->last = LASTS;
    }
}

/* -------------------------------------------------------------------------------------------------------- steps -- */

static nx_step *add_step(linker *l, nx_step_kind kind, uint32_t dst, uint32_t src, size_t item_size) {
    nx_step *s = &l->steps[l->step_count++];
    uint32_t none = place(IN_CONSTANTS, 0);
    if (l->parts) l->parts[l->step_count - 1] = l->part;
    *s = (nx_step){.kind = (uint8_t)kind, .item_size = (uint8_t)item_size, .dst = dst,
                   .src = {src, none, none, none, none, none}};
    return s;
}

static void set_kernel(linker *l, nx_step *s, nx_kernel *kernel, const char *what) {
    s->kernel.compute = kernel;
    if (!kernel && !l->missing) l->missing = what;
}

static uint32_t take_register(linker *l) {
    return place(IN_REGISTERS, nx_registers_take(&l->registers));
}

static void return_register(linker *l, uint32_t at) {
    if (part_of(at) == IN_REGISTERS) nx_registers_return(&l->registers, index_of(at));
}

static uint32_t take_slot(linker *l) {
    return place(IN_SLOTS, l->slot_count++);
}

/* Gathers an input into a slot or a register. */
static void load_input(linker *l, uint32_t i) {
    value *input = &l->inputs[i];
    const nx_vm_operand *operand = &l->layout->inputs[l->program->inputs[i].index];
    uint32_t dst = nx_phase_is_scalar((nx_phase)input->phase) ? take_slot(l) : take_register(l);
    const nx_vm_part user = l->part;
    nx_part_load(l, i);
    nx_step *s = add_step(l, NX_STEP_LOAD, dst, input->at, input->size);
    s->kernel.load = operand->is_index ? nx_vm_index_kernel(l->code->isa)
                                       : nx_vm_load_kernel(l->code->isa, operand->dtype, operand->swapped);
    l->part = user;
    input->at = dst;
    input->is_placed = true;
    if (!nx_phase_is_scalar((nx_phase)input->phase)) l->code->ns_per_item += NS_PER_MOVED_BYTE * input->size;
}

/* Inputs that vary from block to block are loaded where they are first used, all others at the start of their phase. */
static void load_inputs(linker *l, nx_phase phase) {
    for (uint32_t i = 0; i < l->program->input_count; i++) {
        if (l->inputs[i].phase == phase && !l->inputs[i].is_placed) load_input(l, i);
    }
}

static uint32_t operand_at(linker *l, nx_vm_ref ref) {
    if (ref.kind == NX_VM_CONSTANT) return place(IN_CONSTANTS, ref.index);
    if (ref.kind == NX_VM_INPUT && !l->inputs[ref.index].is_placed) load_input(l, ref.index);
    return value_of(l, ref)->at;
}

/* Fills in the operands of value i. Returns the form of the kernel, and the registers that are read for the last time. */
static unsigned resolve_operands(linker *l, uint32_t i, uint32_t src[], nx_dying dying[], int *ret_count) {
    const nx_vm_instruction *instruction = &l->instructions[i];
    unsigned form = 0;
    int count = 0;
    for (int k = 0; k < instruction->arity; k++) {
        src[k] = operand_at(l, instruction->arg[k]);
        if (nx_phase_is_scalar(phase_of(l, instruction->arg[k]))) form |= 1u << k;
    }
    for (int k = 0; k < instruction->arity; k++) {
        value *arg = value_of(l, instruction->arg[k]);
        if (!arg || arg->last != i || part_of(arg->at) != IN_REGISTERS) continue;
        dying[count++] = (nx_dying){index_of(arg->at), arg->size};
        arg->last = LASTS; /* x*x: only once */
    }
    *ret_count = count;
    return nx_phase_is_scalar((nx_phase)l->values[i].phase) ? 0 : form;
}

static nx_kernel *find_kernel(const linker *l, const nx_vm_instruction *instruction, unsigned form) {
    nexpr_dtype loop = (nexpr_dtype)instruction->loop;
    if (instruction->kind == NX_NODE_CAST) return nx_vm_cast_kernel(l->code->isa, loop, (nexpr_dtype)instruction->dtype);
    if (instruction->kind == KIND_FUSED) {
        return nx_vm_decoding_kernel(l->code->isa, (nx_fused)instruction->op, loop, (nexpr_dtype)instruction->source, form);
    }
    return nx_vm_kernel(l->code->isa, (nx_op)instruction->op, loop, form);
}

static const char *name_of(const nx_vm_instruction *instruction) {
    if (instruction->kind == NX_NODE_LOOKUP) return nx_lookup_name((nx_lookup)instruction->op);
    if (instruction->kind == NX_NODE_CAST) return nexpr_dtype_name((nexpr_dtype)instruction->dtype);
    return nx_op_rows[instruction->op].names;
}

static uint32_t output_at(const linker *l, uint32_t r) {
    return place(IN_MOVING, l->program->input_count + r);
}

/* The fold of value i, which nothing else reads, into output r; NULL if there is none. An op's mirror has the first two
 * operands the other way round. */
static nx_kernel *find_fold(linker *l, uint32_t i, unsigned form, bool mirrored) {
    const nx_vm_instruction *instruction = &l->instructions[i];
    const value *v = &l->values[i];
    const bool is_fused = instruction->kind == KIND_FUSED;
    if (v->phase != NX_PHASE_BLOCK || v->last != i || v->result == NX_VM_NONE || l->results[v->result].next != NX_VM_NONE) {
        return NULL;
    }
    if (!l->layout->outputs[v->result].is_folded || (!is_fused && instruction->kind != NX_NODE_OP)) return NULL;
    if (is_fused && (mirrored || instruction->source != NEXPR_DTYPE_COUNT)) return NULL;
    unsigned id = instruction->op;
    if (mirrored) {
        if (instruction->arity != 2) return NULL;
        id = nx_op_mirrored((nx_op)instruction->op);
        form = (form & 1) << 1 | (form >> 1 & 1);
    }
    return nx_vm_fold_kernel(l->code->isa, l->layout->outputs[v->result].reducer, is_fused, id,
                             (nexpr_dtype)instruction->loop, form);
}

/* An output that the value can be computed into, else NX_VM_NONE. */
static uint32_t find_home(const linker *l, const value *v) {
    if (v->phase != NX_PHASE_BLOCK) return NX_VM_NONE;
    for (uint32_t r = v->result; r != NX_VM_NONE; r = l->results[r].next) {
        if (l->results[r].is_plain && !l->layout->outputs[r].non_temporal) return r;
    }
    return NX_VM_NONE;
}

static uint32_t choose_place(linker *l, uint32_t i, const nx_dying *dying, int count) {
    value *v = &l->values[i];
    if (nx_phase_is_scalar((nx_phase)v->phase)) return take_slot(l);
    uint32_t home = find_home(l, v);
    if (home == NX_VM_NONE) return place(IN_REGISTERS, nx_registers_replace(&l->registers, dying, count, v->size));
    l->results[home].is_written = true;
    for (int k = 0; k < count; k++) nx_registers_return(&l->registers, dying[k].reg);
    return output_at(l, home);
}

/* A block that is complete in `from` goes into output r. */
static void store_block(linker *l, uint32_t r, uint32_t from) {
    const nx_vm_operand *operand = &l->layout->outputs[r];
    size_t size = nexpr_dtype_size(operand->dtype);
    if (operand->is_folded) {
        const nx_reduce_kernels *k = nx_vm_reduce_kernels(l->code->isa, operand->reducer, operand->dtype);
        set_kernel(l, add_step(l, NX_STEP_COMPUTE, output_at(l, r), from, size), k->fold, nx_reducer_name(operand->reducer));
    } else if (l->results[r].is_plain && operand->non_temporal) {
        add_step(l, NX_STEP_STORE_NT, output_at(l, r), from, size);
        l->code->is_non_temporal = true;
    } else if (l->results[r].is_plain) {
        nx_step *s = add_step(l, NX_STEP_COMPUTE, output_at(l, r), from, size);
        set_kernel(l, s, nx_vm_cast_kernel(l->code->isa, operand->dtype, operand->dtype), nexpr_dtype_name(operand->dtype));
    } else {
        nx_step *s = add_step(l, NX_STEP_STORE, output_at(l, r), from, size);
        s->kernel.store = nx_vm_store_kernel(l->code->isa, operand->dtype, operand->swapped);
    }
}

/* The same from a single element. */
static void fill_block(linker *l, uint32_t r, uint32_t from) {
    const nx_vm_operand *operand = &l->layout->outputs[r];
    bool is_direct = l->results[r].is_plain && !operand->non_temporal;
    uint32_t dst = is_direct ? output_at(l, r) : take_register(l);
    nx_step *s = add_step(l, NX_STEP_FILL, dst, from, nexpr_dtype_size(operand->dtype));
    s->kernel.load = nx_vm_load_kernel(l->code->isa, operand->dtype, false);
    if (is_direct) return;
    store_block(l, r, dst);
    return_register(l, dst);
}

static void write_result(linker *l, uint32_t r) {
    value *v = &l->values[l->results[r].value];
    if (l->results[r].is_written) return;
    l->results[r].is_written = true;
    nx_part_store(l, r);
    if (nx_phase_is_scalar((nx_phase)v->phase)) fill_block(l, r, v->at);
    else store_block(l, r, v->at);
}

/* What computing a value costs for each element: 10 ps for each byte that moves, and the work of math functions. */
static double estimate(linker *l, uint32_t i, unsigned form) {
    const nx_vm_instruction *instruction = &l->instructions[i];
    nexpr_dtype loop = (nexpr_dtype)instruction->loop;
    bool is_math = instruction->kind == NX_NODE_OP && nx_op_is_math((nx_op)instruction->op, loop);
    if (instruction->kind == NX_NODE_LOOKUP) return nx_lookup_ns((nx_lookup)instruction->op);
    int bytes = l->values[i].size;
    for (int k = 0; k < instruction->arity; k++) {
        if (!(form >> k & 1)) bytes += value_of(l, instruction->arg[k])->size;
    }
    return 0.01 * bytes + (is_math ? nx_dtype_class(loop) == NX_CLASS_COMPLEX ? 9 : 1.5 : 0);
}

/* The tables of value i, which are inputs or constants. */
static void add_site(linker *l, uint32_t i, nx_step *s) {
    const nx_vm_instruction *instruction = &l->instructions[i];
    nx_site *site = &l->code->sites[s->site = l->code->site_count++];
    *site = (nx_site){.count = {1, 1}, .span = instruction->span, .axis = instruction->axis};
    for (int k = 1; k < instruction->arity; k++) {
        if (instruction->arg[k].kind != NX_VM_INPUT) continue;
        const nx_vm_operand *table = &l->layout->inputs[l->program->inputs[instruction->arg[k].index].index];
        site->count[k - 1] = table->table_count;
        if (k == 1) site->stride = table->table_stride;
    }
}

static void emit_lookup(linker *l, uint32_t i, nx_step *s, bool is_single) {
    const nx_vm_instruction *instruction = &l->instructions[i];
    const nx_isa isa = l->code->isa;
    add_site(l, i, s);
    s->kind = NX_STEP_LOOKUP;
    if (is_take(instruction)) {
        const nx_vm_operand *table = &l->layout->inputs[l->program->inputs[instruction->arg[1].index].index];
        l->code->can_fault = true;
        s->kind = is_single ? NX_STEP_SELECT : NX_STEP_GATHER;
        if (is_single) s->kernel.load = nx_vm_load_kernel(isa, table->dtype, table->swapped);
        else s->kernel.gather = nx_vm_gather_kernel(isa, table->dtype, table->swapped);
        return;
    }
    s->kernel.lookup = nx_vm_lookup_kernel(isa, (nx_lookup)instruction->op, (nexpr_dtype)instruction->loop);
    if (!s->kernel.lookup && !l->missing) l->missing = name_of(instruction);
}

/* Value i, with its operands and their last uses, as a fold into its output. */
static bool emit_fold(linker *l, uint32_t i, const uint32_t src[], unsigned form, const nx_dying *dying, int count) {
    nx_kernel *kernel = find_fold(l, i, form, false);
    const bool mirrored = !kernel;
    if (mirrored) kernel = find_fold(l, i, form, true);
    if (!kernel) return false;
    const uint32_t r = l->values[i].result;
    nx_step *s = add_step(l, NX_STEP_COMPUTE, output_at(l, r), 0, l->values[i].size);
    for (int k = 0; k < l->instructions[i].arity; k++) s->src[k] = src[mirrored ? 1 - k : k];
    s->kernel.compute = kernel;
    for (int k = 0; k < count; k++) nx_registers_return(&l->registers, dying[k].reg);
    l->results[r].is_written = true;
    l->code->ns_per_item += estimate(l, i, form);
    return true;
}

static void emit_value(linker *l, uint32_t i) {
    value *v = &l->values[i];
    uint32_t src[NX_MAX_OPERANDS] = {0};
    nx_dying dying[NX_MAX_OPERANDS];
    int count;
    nx_part_value(l, i);
    unsigned form = resolve_operands(l, i, src, dying, &count);
    if (emit_fold(l, i, src, form, dying, count)) return;
    v->at = choose_place(l, i, dying, count);
    v->is_placed = true;
    nx_step *s = add_step(l, NX_STEP_COMPUTE, v->at, 0, v->size);
    for (int k = 0; k < l->instructions[i].arity; k++) s->src[k] = src[k];
    if (l->instructions[i].kind == NX_NODE_LOOKUP) {
        emit_lookup(l, i, s, nx_phase_is_scalar(phase_of(l, l->instructions[i].arg[0])));
    } else {
        set_kernel(l, s, find_kernel(l, &l->instructions[i], form), name_of(&l->instructions[i]));
    }
    if (v->phase != NX_PHASE_BLOCK) return;
    l->code->ns_per_item += estimate(l, i, form);
    l->code->compiled_ns_per_item += nx_vm_is_inlined(l, i) ? NX_NS_PER_INLINED : estimate(l, i, form);
    for (uint32_t r = v->result; r != NX_VM_NONE; r = l->results[r].next) write_result(l, r);
    if (v->last == i) return_register(l, v->at);
}

uint32_t nx_link_operand(linker *l, nx_vm_ref ref) {
    return operand_at(l, ref);
}

uint32_t nx_link_output(const linker *l, uint32_t r) {
    return output_at(l, r);
}

uint32_t nx_link_new_place(linker *l, uint32_t i) {
    return choose_place(l, i, NULL, 0);
}

void nx_link_write_results(linker *l, uint32_t i) {
    for (uint32_t r = l->values[i].result; r != NX_VM_NONE; r = l->results[r].next) write_result(l, r);
}

void nx_link_return(linker *l, uint32_t at) {
    return_register(l, at);
}

void nx_link_add_segment(linker *l, uint32_t segment) {
    add_step(l, NX_STEP_SEGMENT, place(IN_CONSTANTS, 0), place(IN_CONSTANTS, 0), 0)->site = segment;
}

static void emit_phase(linker *l, nx_phase phase) {
    if (phase != NX_PHASE_BLOCK) load_inputs(l, phase);
    for (uint32_t i = 0; i < l->value_count; i++) {
        uint32_t end;
        if (l->values[i].phase != phase || l->values[i].is_fused) continue;
        if (l->segments && nx_vm_emit_segment(l, i, &end)) i = end - 1;
        else emit_value(l, i);
    }
    if (phase == NX_PHASE_BLOCK) {
        for (uint32_t r = 0; r < l->program->result_count; r++) write_result(l, r);
    }
    l->code->phase_end[phase] = l->step_count;
}

/* From places to indices in the table. */
static void number_operands(linker *l) {
    nx_vm_code *code = l->code;
    code->slot_count = l->slot_count;
    code->register_count = l->registers.count;
    uint32_t base[PART_COUNT] = {0, code->constant_count, code->constant_count + code->moving_count,
                                 code->constant_count + code->moving_count + code->slot_count};
    for (nx_step *s = l->steps; s != l->steps + l->step_count; s++) {
        s->dst = base[part_of(s->dst)] + index_of(s->dst);
        for (int k = 0; k < NX_MAX_OPERANDS; k++) s->src[k] = base[part_of(s->src[k])] + index_of(s->src[k]);
    }
    for (uint32_t i = 0; i < l->segment_count; i++) {
        const nx_segment *s = l->segments[i].segment;
        for (uint32_t k = 0; s && k < (uint32_t)s->output_count + s->input_count; k++) {
            uint32_t *at = &l->segments[i].operand[k];
            *at = base[part_of(*at)] + index_of(*at);
        }
    }
}

/* ------------------------------------------------------------------------------------------------------ memory -- */

/* Every instruction is a step, every input may need a load, every result a cast, a fill and a store. */
static size_t max_values(const nx_vm_program *program) {
    return (size_t)program->code_count + program->result_count;
}

static size_t max_steps(const nx_vm_program *program) {
    return max_values(program) + program->input_count + 2 * (size_t)program->result_count;
}

static size_t count_lookups(const nx_vm_program *program) {
    size_t count = 0;
    for (uint32_t i = 0; i < program->code_count; i++) count += program->code[i].kind == NX_NODE_LOOKUP;
    return count;
}

static bool allocate_linker(linker *l, nx_arena *arena, uint32_t **ret_renumbered) {
    const nx_vm_program *program = l->program;
    size_t n = max_values(program);
    l->instructions = nx_arena_alloc(arena, n, sizeof *l->instructions);
    l->values = nx_arena_alloc(arena, n, sizeof *l->values);
    l->inputs = nx_arena_alloc(arena, program->input_count, sizeof *l->inputs);
    l->results = nx_arena_alloc(arena, program->result_count, sizeof *l->results);
    l->registers.free = nx_arena_alloc(arena, n + program->input_count + 1, sizeof *l->registers.free);
    *ret_renumbered = nx_arena_alloc(arena, program->code_count, sizeof **ret_renumbered);
    l->segments = l->layout->has_segments ? nx_arena_alloc(arena, n + 1, sizeof *l->segments) : NULL;
    if (l->layout->has_segments && !l->segments) return false;
    l->parts = l->layout->has_parts ? nx_arena_alloc(arena, max_steps(program) + 1, sizeof *l->parts) : NULL;
    l->places = l->layout->has_parts ? nx_arena_alloc(arena, n + 1, sizeof *l->places) : NULL;
    if (l->layout->has_parts && (!l->parts || !l->places)) return false;
    return l->instructions && l->values && l->inputs && l->results && l->registers.free && *ret_renumbered;
}

static nx_vm_code *allocate_code(linker *l, const nexpr_allocator *allocator) {
    const nx_vm_program *program = l->program;
    size_t moving_count = (size_t)program->input_count + program->result_count;
    size_t bytes = sizeof(nx_vm_code) + program->constant_count * sizeof(nx_value) + moving_count * sizeof(nx_moving) +
                   program->input_count * sizeof(nx_panel) + max_steps(program) * sizeof(nx_step) +
                   count_lookups(program) * sizeof(nx_site);
    nx_vm_code *code = nx_allocate(allocator, bytes, 1);
    if (!code) return NULL;
    *code = (nx_vm_code){.bytes = bytes, .ns_per_item = 0.01, .compiled_ns_per_item = 0.01, .is_cold = l->layout->is_cold,
                         .isa = nx_isa_current(),
                         .constant_count = program->constant_count,
                         .moving_count = (uint32_t)moving_count};
    code->constants = (nx_value *)(code + 1);
    code->moving = (nx_moving *)(code->constants + program->constant_count);
    code->panels = (nx_panel *)(code->moving + moving_count);
    l->steps = (nx_step *)(code->panels + program->input_count);
    code->steps = l->steps;
    code->sites = (nx_site *)(l->steps + max_steps(program));
    for (uint32_t i = 0; i < program->constant_count; i++) code->constants[i] = program->constants[i].value;
    return code;
}

/* Blocks keep values in the cache from one step to the next: a single step needs none. */
static void choose_run_cols(linker *l) {
    nx_blocks *blocks = &l->code->blocks;
    bool is_single = l->step_count - l->code->phase_end[NX_PHASE_BLOCK - 1] == 1;
    blocks->run_cols = is_single && !blocks->is_tiled ? blocks->count[1] : blocks->cols;
    if (is_single || blocks->is_long) l->code->is_cold = false; /* the processor's own prefetching does better */
}

/* What a loop around everything would read and write for each element. */
static double moved_bytes(const linker *l) {
    double bytes = 0;
    for (uint32_t i = 0; i < l->program->input_count; i++) {
        if (l->inputs[i].phase == NX_PHASE_BLOCK) bytes += l->inputs[i].size;
    }
    for (uint32_t r = 0; r < l->program->result_count; r++) {
        const nx_vm_operand *operand = &l->layout->outputs[r];
        if (!operand->is_folded && !l->layout->node_count) bytes += (double)nexpr_dtype_size(operand->dtype);
    }
    return bytes;
}

static void place_panels(nx_vm_code *code) {
    size_t offset = nx_scratch_panels(code);
    for (uint32_t i = 0; i < code->panel_count; i++) {
        code->panels[i].offset = offset;
        offset += nx_panel_bytes(code, &code->panels[i]);
    }
}

static void describe(linker *l, const nx_blocks *blocks, uint32_t *renumbered) {
    l->code->blocks = *blocks;
    l->code->panel_count = l->value_count = 0;
    l->code->is_stepping = blocks->is_whole && l->layout->node_count;
    l->code->has_leaves = l->code->is_stepping && l->layout->has_leaves;
    describe_operands(l);
    add_values(l, renumbered);
}

/* The blocks depend on what is computed for each element, and that on the blocks. */
static void choose_blocks(linker *l, uint32_t *renumbered) {
    nx_blocks blocks;
    if (l->segments && nx_blocks_choose_whole(l->program, l->layout, &blocks)) {
        describe(l, &blocks, renumbered);
        if (nx_vm_is_one_segment(l)) return;
    }
    blocks = nx_blocks_choose(l->program, l->layout);
    describe(l, &blocks, renumbered);
}

/* False if memory is out. */
static bool link_code(linker *l, const nexpr_allocator *allocator, uint32_t *renumbered) {
    choose_blocks(l, renumbered);
    if (!l->segments) nx_vm_fuse(l);
    else if (!nx_vm_order_segments(l)) return false;
    find_last_uses(l);
    for (int phase = 0; phase < NX_PHASE_COUNT; phase++) emit_phase(l, (nx_phase)phase);
    number_operands(l);
    choose_run_cols(l);
    place_panels(l->code);
    l->code->compiled_ns_per_item += 0.01 * moved_bytes(l);
    return !l->is_out_of_memory && nx_vm_keep_segments(l, allocator) && nx_parts_keep(l, allocator);
}

nexpr_status nx_vm_link(const nx_vm_program *program, const nexpr_allocator *allocator, const nx_vm_layout *layout,
                        nx_vm_code **ret, nexpr_error *err) {
    nx_arena arena;
    linker l = {.program = program, .layout = layout, .arena = &arena};
    uint32_t *renumbered;
    nx_arena_init(&arena, allocator);
    nexpr_status status = NEXPR_OK;
    if (!allocate_linker(&l, &arena, &renumbered) || !(l.code = allocate_code(&l, allocator))) {
        status = nx_fail_memory(err);
    } else if (!link_code(&l, allocator, renumbered)) {
        status = nx_fail_memory(err);
    } else if (l.missing) {
        status = nx_fail(err, NEXPR_TYPE, NX_NOWHERE, "'%.*s' has no kernel for these dtypes", nx_name_length(l.missing),
                         l.missing);
    }
    if (!status) *ret = l.code;
    else nx_vm_code_free(allocator, l.code);
    nx_arena_free(&arena);
    return status;
}

void nx_vm_code_free(const nexpr_allocator *allocator, nx_vm_code *code) {
    if (!code) return;
    if (code->segments) nx_release(allocator, code->segments, code->segment_bytes, 1);
    if (code->parts) nx_release(allocator, code->parts, code->part_count, sizeof *code->parts);
    if (code->places) nx_release(allocator, code->places, code->place_count, sizeof *code->places);
    nx_release(allocator, code, code->bytes, 1);
}
