/* SPDX-License-Identifier: MIT */
/*
 * Bytecode: a list of instructions, each of which makes one value from inputs, constants and values made before it. Nothing
 * in it depends on shapes or strides; whether an input is read in place or loaded, and what is computed once instead of
 * once per element, is decided in link.c, as is which instructions become one (fuse.c).
 */
#ifndef NX_VM_PROGRAM_H
#define NX_VM_PROGRAM_H

#include "vm/fused.h"
#include "vm/vm.h"

typedef enum nx_vm_ref_kind {
    NX_VM_VALUE,    /* what instruction `index` made */
    NX_VM_INPUT,    /* program->inputs[index] */
    NX_VM_CONSTANT, /* program->constants[index] */
} nx_vm_ref_kind;

typedef struct nx_vm_ref {
    uint32_t kind : 2, index : 30; /* kind: nx_vm_ref_kind */
} nx_vm_ref;

enum { NX_VM_MAX_INSTRUCTIONS = 1 << 28, NX_VM_MAX_INDEX = (1 << 30) - 1 };
#define NX_VM_NONE UINT32_MAX

typedef struct nx_vm_instruction {
    uint8_t kind;  /* NX_NODE_CAST, NX_NODE_OP or NX_NODE_LOOKUP; others in a program that is only listed */
    uint8_t dtype; /* of the value */
    uint8_t loop;  /* NX_NODE_OP, NX_NODE_LOOKUP: dtype T of the kernel; NX_NODE_CAST: dtype of the argument */
    uint8_t arity;
    uint8_t source; /* of a superinstruction, in linked code only: dtype of operand 0, if it is cast on its way */
    uint16_t op;   /* NX_NODE_OP; NX_NODE_VIEW: its kind; NX_NODE_REDUCE, NX_NODE_SCAN: the reducer; NX_NODE_LOOKUP: which */
    uint16_t axis; /* NX_NODE_LOOKUP: of the table, for messages */
    nx_span span;  /* its place in the text, likewise */
    nx_vm_ref arg[NX_MAX_OPERANDS];
    uint32_t reg;    /* where the value is kept if every operand is read in place; link.c gives out registers anew */
    uint32_t uses;   /* operands that it is */
    nx_ref node;     /* of the IR; not in linked code */
    uint32_t nest;   /* of a program that is only listed: the loop nest that it is in */
    uint32_t result; /* the first result that the value is, NX_VM_NONE if it is none; the others by nx_vm_result.next */
} nx_vm_instruction;

typedef struct nx_vm_result {
    nx_vm_ref from;
    nexpr_dtype dtype;
    const char *name; /* NULL: none */
    uint32_t next;    /* the next result of the same instruction, or NX_VM_NONE */
} nx_vm_result;

/* An input that is used; the others do not exist here. */
typedef struct nx_vm_input {
    const char *name;
    nexpr_dtype dtype;
    uint32_t index;    /* in the arguments of nx_vm_run */
    bool is_read_twice;
    bool is_table; /* of lookups, and nothing else */
    nx_span span;  /* of its first use */
} nx_vm_input;

typedef struct nx_vm_constant {
    nx_value value;
    nexpr_dtype dtype;
} nx_vm_constant;

struct nx_vm_program {
    nx_vm_instruction *code;
    nx_vm_input *inputs;
    nx_vm_constant *constants;
    nx_vm_result *results;
    uint32_t code_count, input_count, constant_count, result_count;
    uint32_t nest_count;     /* 1, but in a program that is only listed */
    uint32_t register_count; /* that nx_vm_instruction.reg needs */
};

#endif
