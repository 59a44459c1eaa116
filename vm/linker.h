/* SPDX-License-Identifier: MIT */
/* What is known of a program while it is linked: shared by link.c and fuse.c. */
#ifndef NX_VM_LINKER_H
#define NX_VM_LINKER_H

#include "vm/code.h"
#include "vm/registers.h"

/* In nx_vm_instruction.kind beside NX_NODE_CAST and NX_NODE_OP: a superinstruction, whose id is in `op`. */
enum { KIND_FUSED = NX_NODE_OP + 1 };

/* `last` is the value that reads this one last; LASTS if its register is never free again. */
#define LASTS UINT32_MAX

/* An input, or what an instruction made. */
typedef struct value {
    uint8_t phase;
    uint8_t size;
    bool is_placed;
    bool is_fused; /* it is part of a superinstruction, and not made */
    uint32_t at;
    uint32_t last;
    uint32_t uses;   /* operands that it is, before superinstructions are made */
    uint32_t result; /* first of its results, NX_VM_NONE if none */
} value;

typedef struct result {
    uint32_t value;
    uint32_t next; /* of the same value, or NX_VM_NONE */
    bool is_plain, is_written;
} result;

typedef struct linker {
    const nx_vm_program *program;
    const nx_vm_layout *layout;
    nx_vm_code *code;
    nx_vm_instruction *instructions; /* those of the program and the casts of results; NX_VM_VALUE refs are into values */
    value *values, *inputs;
    result *results;
    uint32_t value_count;
    nx_step *steps;
    uint32_t step_count;
    nx_registers registers;
    uint32_t slot_count;
    const char *missing; /* a kernel that does not exist */
    nx_arena *arena;     /* for as long as the linker */
    nx_linked_segment *segments; /* their operands are places until the end */
    uint32_t segment_count;
    bool is_out_of_memory;
    nx_vm_part *parts; /* by step; NULL: nobody asks */
    nx_vm_part part;   /* of the steps that are added now */
    nx_span *places;   /* of parts that are segments; for each value at most one */
    uint32_t place_count;
} linker;

static inline value *value_of(linker *l, nx_vm_ref ref) {
    return ref.kind == NX_VM_VALUE ? &l->values[ref.index] : ref.kind == NX_VM_INPUT ? &l->inputs[ref.index] : NULL;
}

static inline nx_phase phase_of(linker *l, nx_vm_ref ref) {
    value *v = value_of(l, ref);
    return v ? (nx_phase)v->phase : NX_PHASE_CALL;
}

/* Replaces values that are computed for every element by superinstructions, where fused.def has one. Follows the phases,
 * goes before the last uses. */
void nx_vm_fuse(linker *l);

/* segment.c. Whether value i can be part of a segment, and roughly what it takes there for each element. */
bool nx_vm_is_inlined(linker *l, uint32_t i);
#define NX_NS_PER_INLINED 0.004
/* Whether all that is computed for each element is one segment that reads inputs and writes results where they are. */
bool nx_vm_is_one_segment(linker *l);
/* Brings the values into an order in which those of a segment are neighbours; false if memory is out. Follows the
 * phases, goes before the last uses. */
bool nx_vm_order_segments(linker *l);
/* Emits the segment that begins with this value, and tells the value behind it; false if the value is in none. */
bool nx_vm_emit_segment(linker *l, uint32_t first, uint32_t *ret_end);
/* Copies the segments into the code, when all else is done. */
bool nx_vm_keep_segments(linker *l, const nexpr_allocator *allocator);

/* parts.c. Says what the steps that are added from now on belong to: value i with its operands; the load of input i; the
 * store of result r; a segment of these values. */
void nx_part_value(linker *l, uint32_t i);
void nx_part_load(linker *l, uint32_t i);
void nx_part_store(linker *l, uint32_t r);
void nx_part_segment(linker *l, uint32_t first, uint32_t end);
/* Copies the parts into the code, when all else is done; false if memory is out. */
bool nx_parts_keep(linker *l, const nexpr_allocator *allocator);

/* Operations that a superinstruction stands for. */
int nx_fused_operations(nx_fused id);

/* link.c, for these: the place of an operand, loaded if need be; of an output; one for the elements of a value; and what
 * follows when it is filled. */
uint32_t nx_link_operand(linker *l, nx_vm_ref ref);
uint32_t nx_link_output(const linker *l, uint32_t r);
uint32_t nx_link_new_place(linker *l, uint32_t i);
void nx_link_write_results(linker *l, uint32_t i);
void nx_link_return(linker *l, uint32_t at);
void nx_link_add_segment(linker *l, uint32_t segment);

#endif
