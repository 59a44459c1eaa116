/* SPDX-License-Identifier: MIT */
/*
 * Typed IR to bytecode: nodes that no result needs are dropped, inputs and constants become operands, every other node
 * becomes one instruction, in the order of the nodes. Every pass is a loop over the nodes, so depth costs no stack.
 */
#include "vm/program.h"
#include "vm/registers.h"

/* What is known of a node while the program is made. */
typedef struct node_state {
    bool is_live;
    bool is_read; /* by an instruction that was emitted */
    uint32_t nest; /* loop nests that come before: barriers below */
    nx_vm_ref ref;
} node_state;

static void mark_live(const nx_ir *ir, node_state *state) {
    for (uint32_t i = 0; i < ir->result_count; i++) state[ir->results[i].node].is_live = true;
    for (uint32_t i = ir->node_count; i-- > 0;) {
        if (!state[i].is_live) continue;
        for (int k = 0; k < ir->nodes[i].arity; k++) state[ir->nodes[i].arg[k]].is_live = true;
    }
}

static void count_live(const nx_ir *ir, const node_state *state, nx_vm_program *program) {
    for (uint32_t i = 0; i < ir->node_count; i++) {
        if (!state[i].is_live) continue;
        switch ((nx_node_kind)ir->nodes[i].kind) {
        case NX_NODE_INPUT: program->input_count++; break;
        case NX_NODE_CONST: program->constant_count++; break;
        default: program->code_count++; break;
        }
    }
}

static bool allocate(nx_arena *arena, nx_vm_program *program) {
    program->code = nx_arena_alloc(arena, program->code_count, sizeof *program->code);
    program->inputs = nx_arena_alloc(arena, program->input_count, sizeof *program->inputs);
    program->constants = nx_arena_alloc(arena, program->constant_count, sizeof *program->constants);
    program->results = nx_arena_alloc(arena, program->result_count, sizeof *program->results);
    return program->code && program->inputs && program->constants && program->results;
}

static nx_vm_ref emit_input(nx_vm_program *program, const nx_ir *ir, const nx_node *node) {
    const nx_ir_input *input = &ir->inputs[node->index];
    uint32_t i = program->input_count++;
    program->inputs[i] = (nx_vm_input){.name = input->name, .dtype = input->dtype, .index = node->index,
                                        .span = node->span};
    return (nx_vm_ref){NX_VM_INPUT, i};
}

static nx_vm_ref emit_constant(nx_vm_program *program, const nx_ir *ir, const nx_node *node) {
    uint32_t i = program->constant_count++;
    program->constants[i] = (nx_vm_constant){ir->values[node->index], (nexpr_dtype)node->dtype};
    return (nx_vm_ref){NX_VM_CONSTANT, i};
}

static nx_vm_ref emit_instruction(nx_vm_program *program, const nx_ir *ir, node_state *state, const nx_node *node) {
    uint32_t i = program->code_count++;
    nx_vm_instruction *instruction = &program->code[i];
    *instruction = (nx_vm_instruction){.kind = node->kind, .dtype = node->dtype, .loop = node->loop, .arity = node->arity,
                                       .op = node->kind == NX_NODE_VIEW ? ir->views[node->index].kind : node->op,
                                       .axis = node->flags, .span = node->span, .result = NX_VM_NONE,
                                       .node = (nx_ref)(node - ir->nodes), .nest = state[node - ir->nodes].nest};
    for (int k = 0; k < node->arity; k++) {
        node_state *arg = &state[node->arg[k]];
        instruction->arg[k] = arg->ref;
        nx_vm_input *input = arg->ref.kind == NX_VM_INPUT ? &program->inputs[arg->ref.index] : NULL;
        if (input && k && node->kind == NX_NODE_LOOKUP) input->is_table = true;
        else if (input && arg->is_read) input->is_read_twice = true;
        if (arg->ref.kind == NX_VM_VALUE) program->code[arg->ref.index].uses++;
        arg->is_read = true;
    }
    return (nx_vm_ref){NX_VM_VALUE, i};
}

/* What ends a nest: others read it only when it is complete. */
static bool is_barrier(const nx_node *node) {
    return node->kind == NX_NODE_REDUCE || node->kind == NX_NODE_SCAN || node->kind == NX_NODE_COMPRESS;
}

/* The number of nests that the program needs, not counting copies. */
static uint32_t find_nests(const nx_ir *ir, node_state *state) {
    uint32_t last = 0;
    for (uint32_t i = 0; i < ir->node_count; i++) {
        const nx_node *node = &ir->nodes[i];
        for (int k = 0; k < node->arity; k++) {
            const uint32_t first = state[node->arg[k]].nest + is_barrier(&ir->nodes[node->arg[k]]);
            if (first > state[i].nest) state[i].nest = first;
        }
        if (state[i].is_live && state[i].nest > last) last = state[i].nest;
    }
    return last + 1;
}

/* One nest after the other; a program that is run and not only listed has but one. */
static void emit_nest(nx_vm_program *program, const nx_ir *ir, node_state *state, uint32_t nest) {
    for (uint32_t i = 0; i < ir->node_count; i++) {
        const nx_node *node = &ir->nodes[i];
        if (!state[i].is_live || state[i].nest != nest) continue;
        switch ((nx_node_kind)node->kind) {
        case NX_NODE_INPUT: state[i].ref = emit_input(program, ir, node); break;
        case NX_NODE_CONST: state[i].ref = emit_constant(program, ir, node); break;
        default: state[i].ref = emit_instruction(program, ir, state, node); break;
        }
    }
}

static void emit(nx_vm_program *program, const nx_ir *ir, node_state *state) {
    program->code_count = program->input_count = program->constant_count = 0;
    program->nest_count = find_nests(ir, state);
    for (uint32_t nest = 0; nest < program->nest_count; nest++) emit_nest(program, ir, state, nest);
}

static void emit_results(nx_vm_program *program, const nx_ir *ir, const node_state *state) {
    for (uint32_t i = ir->result_count; i-- > 0;) {
        const nx_ir_result *from = &ir->results[i];
        nx_vm_result *result = &program->results[i];
        *result = (nx_vm_result){state[from->node].ref, (nexpr_dtype)ir->nodes[from->node].dtype, from->name, NX_VM_NONE};
        if (result->from.kind != NX_VM_VALUE) continue;
        nx_vm_instruction *instruction = &program->code[result->from.index];
        result->next = instruction->result;
        instruction->result = i;
    }
}

/* The instruction that reads each value last; the program's end for results. */
static void find_last_uses(const nx_vm_program *program, uint32_t *last) {
    for (uint32_t i = 0; i < program->code_count; i++) {
        const nx_vm_instruction *instruction = &program->code[i];
        last[i] = instruction->result == NX_VM_NONE ? i : program->code_count;
        for (int k = 0; k < instruction->arity; k++) {
            nx_vm_ref arg = instruction->arg[k];
            if (arg.kind == NX_VM_VALUE && last[arg.index] < i) last[arg.index] = i;
        }
    }
}

static nexpr_status give_registers(nx_vm_program *program, nx_arena *arena, nexpr_error *err) {
    uint32_t *last = nx_arena_alloc(arena, program->code_count, 2 * sizeof *last);
    if (!last) return nx_fail_memory(err);
    nx_registers registers = {.free = last + program->code_count};
    find_last_uses(program, last);
    for (uint32_t i = 0; i < program->code_count; i++) {
        nx_vm_instruction *instruction = &program->code[i];
        nx_dying dying[NX_MAX_ARITY];
        int count = 0;
        for (int k = 0; k < instruction->arity; k++) {
            nx_vm_ref arg = instruction->arg[k];
            if (arg.kind != NX_VM_VALUE || last[arg.index] != i) continue;
            dying[count++] = (nx_dying){program->code[arg.index].reg, nexpr_dtype_size(program->code[arg.index].dtype)};
            last[arg.index] = NX_VM_NONE;
        }
        instruction->reg = nx_registers_replace(&registers, dying, count, nexpr_dtype_size(instruction->dtype));
    }
    program->register_count = registers.count;
    return NEXPR_OK;
}

nexpr_status nx_vm_compile(const nx_ir *ir, nx_vm_program **ret, nexpr_error *err) {
    if (ir->node_count > NX_VM_MAX_INSTRUCTIONS || ir->result_count > NX_VM_MAX_INSTRUCTIONS) {
        return nx_fail(err, NEXPR_LIMIT, NX_NOWHERE, "the expression has more than %d operations", NX_VM_MAX_INSTRUCTIONS);
    }
    node_state *state = nx_arena_alloc(ir->arena, ir->node_count, sizeof *state);
    nx_vm_program *program = nx_arena_alloc(ir->arena, 1, sizeof *program);
    if (!state || !program) return nx_fail_memory(err);
    mark_live(ir, state);
    count_live(ir, state, program);
    program->result_count = ir->result_count;
    if (!allocate(ir->arena, program)) return nx_fail_memory(err);
    emit(program, ir, state);
    emit_results(program, ir, state);
    NX_TRY(give_registers(program, ir->arena, err));
    *ret = program;
    return NEXPR_OK;
}
