/* SPDX-License-Identifier: MIT */
/*
 * What the steps of linked code do, in terms of the expression: the linker says what it emits steps for, and each step that
 * it adds is noted with that. Operations that became one step (fuse.c, segment.c) are one part.
 */
#include "vm/linker.h"

#include <stdio.h>
#include <string.h>

/* Bytes of an element of an operand, if there is one for each element of the result. */
static int moved_bytes(linker *l, nx_vm_ref ref) {
    const value *v = value_of(l, ref);
    return v && !nx_phase_is_scalar((nx_phase)v->phase) ? v->size : 0;
}

void nx_part_value(linker *l, uint32_t i) {
    const nx_vm_instruction *instruction = &l->instructions[i];
    int bytes = l->values[i].size, operations = 1;
    nx_vm_part_kind kind = NX_PART_OP;
    if (!l->parts) return;
    if (instruction->kind == NX_NODE_CAST) {
        kind = NX_PART_CAST;
        operations = 0;
    } else if (instruction->kind == NX_NODE_LOOKUP) {
        kind = NX_PART_LOOKUP;
    } else if (instruction->kind == KIND_FUSED) {
        kind = NX_PART_FUSED;
        operations = nx_fused_operations((nx_fused)instruction->op);
    }
    for (int k = 0; k < instruction->arity; k++) bytes += moved_bytes(l, instruction->arg[k]);
    l->part = (nx_vm_part){.kind = (uint8_t)kind, .phase = l->values[i].phase, .dtype = instruction->dtype,
                           .op = instruction->op, .operations = (uint16_t)operations, .bytes = (uint16_t)bytes,
                           .span = instruction->span};
}

void nx_part_load(linker *l, uint32_t i) {
    const nx_vm_input *input = &l->program->inputs[i];
    l->part = (nx_vm_part){.kind = NX_PART_LOAD, .phase = l->inputs[i].phase, .dtype = (uint8_t)input->dtype,
                           .bytes = (uint16_t)(2 * l->inputs[i].size), .span = input->span};
}

void nx_part_store(linker *l, uint32_t r) {
    const nexpr_dtype dtype = l->layout->outputs[r].dtype;
    l->part = (nx_vm_part){.kind = NX_PART_STORE, .phase = NX_PHASE_BLOCK, .dtype = (uint8_t)dtype,
                           .bytes = (uint16_t)(2 * nexpr_dtype_size(dtype)),
                           .span = l->instructions[l->results[r].value].span};
}

/* Its place is from the first to the last of its values. */
void nx_part_segment(linker *l, uint32_t first, uint32_t end) {
    const nx_linked_segment *linked = &l->segments[l->segment_count];
    const nx_segment *s = linked->segment;
    int bytes = 0;
    if (!l->parts) return;
    l->part = (nx_vm_part){.kind = NX_PART_SEGMENT, .phase = NX_PHASE_BLOCK, .dtype = l->instructions[end - 1].dtype,
                           .first_place = l->place_count, .place_count = end - first};
    for (uint32_t i = first; i < end; i++) {
        l->part.operations = (uint16_t)(l->part.operations + (l->instructions[i].kind == NX_NODE_OP));
        nx_span_widen(&l->part.span, l->instructions[i].span);
        l->places[l->place_count++] = l->instructions[i].span;
    }
    for (uint32_t k = 0; k < (uint32_t)s->output_count + s->input_count; k++) {
        const nx_segment_operand *operand = &nx_segment_outputs(s)[k];
        const bool is_moved = operand->access == NX_ACCESS_BLOCK || operand->access == NX_ACCESS_STREAM ||
                              (operand->access == NX_ACCESS_STRIDED && linked->stride[k]);
        if (is_moved) bytes += (int)nexpr_dtype_size((nexpr_dtype)operand->dtype);
    }
    l->part.bytes = (uint16_t)bytes;
}

static nx_vm_part panels_of(const linker *l) {
    nx_vm_part part = {.kind = NX_PART_PANELS, .phase = NX_PHASE_BLOCK};
    for (uint32_t i = 0; i < l->code->panel_count; i++) {
        const nx_vm_input *input = &l->program->inputs[l->code->panels[i].moving];
        part.dtype = (uint8_t)input->dtype;
        part.bytes = (uint16_t)(part.bytes + 2 * l->code->panels[i].item_size);
        nx_span_widen(&part.span, input->span);
    }
    return part;
}

bool nx_parts_keep(linker *l, const nexpr_allocator *allocator) {
    nx_vm_code *code = l->code;
    if (!l->parts) return true;
    l->parts[l->step_count] = panels_of(l);
    code->parts = nx_allocate(allocator, (size_t)l->step_count + 1, sizeof *code->parts);
    if (!code->parts) return false;
    code->part_count = l->step_count + 1;
    memcpy(code->parts, l->parts, code->part_count * sizeof *code->parts);
    if (!l->place_count) return true;
    code->places = nx_allocate(allocator, l->place_count, sizeof *code->places);
    if (!code->places) return false;
    code->place_count = l->place_count;
    memcpy(code->places, l->places, code->place_count * sizeof *code->places);
    return true;
}

/* -------------------------------------------------------------------------------------------------------- telling -- */

uint32_t nx_vm_part_count(const nx_vm_code *code) {
    return code->part_count;
}

const nx_vm_part *nx_vm_part_at(const nx_vm_code *code, uint32_t i) {
    return &code->parts[i];
}

const nx_span *nx_vm_part_places(const nx_vm_code *code, const nx_vm_part *part) {
    return part->place_count ? code->places + part->first_place : NULL;
}

uint32_t nx_vm_register_count(const nx_vm_code *code, size_t *ret_bytes) {
    *ret_bytes = code->blocks.register_bytes;
    return code->register_count;
}

static const char *fused_name(nx_fused id) {
    static const char *const names[NX_FUSED_COUNT] = {
#define FUSED(id, ...) [NX_FUSED_##id] = #id,
#include "vm/fused.def"
    };
    return names[id];
}

const char *nx_vm_part_name(const nx_vm_part *part, char buffer[NX_PART_NAME_MAX]) {
    char op[NX_NAME_MAX];
    const char *name = "";
    switch ((nx_vm_part_kind)part->kind) {
    case NX_PART_OP: name = nx_op_name((nx_op)part->op, op); break;
    case NX_PART_FUSED: name = fused_name((nx_fused)part->op); break;
    case NX_PART_CAST: name = nexpr_dtype_name((nexpr_dtype)part->dtype); break;
    case NX_PART_LOOKUP: name = nx_lookup_name((nx_lookup)part->op); break;
    case NX_PART_LOAD: name = "load"; break;
    case NX_PART_STORE: name = "store"; break;
    case NX_PART_SEGMENT: name = "machine code"; break;
    case NX_PART_PANELS: name = "transpose"; break;
    case NX_PART_REDUCE: name = nx_reducer_name((nx_reducer)part->op); break;
    case NX_PART_COMPRESS: name = "compress"; break;
    }
    snprintf(buffer, NX_PART_NAME_MAX, "%s", name);
    return buffer;
}
