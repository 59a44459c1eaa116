/* SPDX-License-Identifier: MIT */
/* The steps of a program, and its arrays: see program.h. */
#include "runtime/mpi/program.h"

#include <string.h>

static void drop_operands(nx_program *program) {
    for (int i = 0; i < program->operand_count; i++) {
        nx_operand *o = &program->operands[i];
        if (i >= program->input_count) nexpr_mpi_array_free(&o->own);
        nexpr_output_free(&o->joined);
    }
}

/* Room for the arrays of the steps to come; inputs stay. */
static void take_operands(nx_program *program) {
    nx_call *c = program->call;
    nx_memory memory;
    const int count = nexpr_parts_array_count(program->parts), kept = program->operand_count ? program->input_count : 0;
    nx_operand *operands = (nx_operand *)nx_call_allocate(c, count * (int64_t)sizeof *operands, "a program", &memory);
    drop_operands(program);
    program->operand_count = kept;
    if (!operands) return;
    memset(operands, 0, (size_t)count * sizeof *operands);
    if (kept) memcpy(operands, program->operands, (size_t)kept * sizeof *operands);
    nx_memory_free(&program->operand_memory);
    program->operand_memory = memory;
    program->operands = operands;
    program->operand_count = count;
}

void nx_program_prepare(nx_call *c, nexpr_parts *parts, int input_count, int result_count, nx_program *ret) {
    *ret = (nx_program){.call = c, .parts = parts, .input_count = input_count, .result_count = result_count};
    if (!nx_call_is_ok(c)) return;
    take_operands(ret);
    const int64_t bytes = result_count * (int64_t)sizeof *ret->wanted;
    ret->wanted = (nx_wanted *)nx_call_allocate(c, bytes, "results", &ret->wanted_memory);
    if (ret->wanted) memset(ret->wanted, 0, (size_t)bytes);
}

void nx_program_free(nx_program *program) {
    if (!program->call) return;
    drop_operands(program);
    for (int i = 0; i < program->input_count && i < program->operand_count; i++) {
        nexpr_mpi_array_free(&program->operands[i].own);
    }
    nexpr_parts_free(&program->parts);
    nexpr_parts_free(&program->forecast);
    nx_memory_free(&program->operand_memory);
    nx_memory_free(&program->wanted_memory);
}

nexpr_mpi_array *nx_program_take_result(nx_program *program, int index) {
    nx_operand *o = &program->operands[nexpr_parts_result(program->parts, index)];
    nexpr_mpi_array *ret = o->own;
    *o = (nx_operand){.array = NULL};
    return ret;
}

/* An extent that was counted: everybody has it. */
static void take_length(nx_program *program) {
    const nx_operand *result = &program->operands[nexpr_parts_result(program->parts, 0)];
    int64_t length;
    memcpy(&length, result->array->data, sizeof length);
    nexpr_error *err = &program->call->error;
    if (!nexpr_parts_set_length(program->parts, length, err)) take_operands(program);
    if (!program->forecast || !nx_call_is_ok(program->call)) return;
    if (!nexpr_parts_set_length(program->forecast, length, err)) nx_program_forecast(program);
}

bool nx_program_run(nx_program *program) {
    nexpr_error *err = &program->call->error;
    for (nexpr_parts_step step;;) {
        if (!nx_call_is_ok(program->call) || nexpr_parts_next(program->parts, &step, err)) step = NEXPR_PARTS_END;
        switch (step) {
        case NEXPR_PARTS_END: return true;
        case NEXPR_PARTS_LENGTH: take_length(program); break;
        case NEXPR_PARTS_PASS:
            if (!nx_pass_run_current(program)) return false;
        }
    }
}
