/* SPDX-License-Identifier: MIT */
/* The table that reducers.def expands to. */
#include "engine/reducer.h"
#include "engine/ops.h"

enum { LOOPS_WIDE, LOOPS_ORDERED, LOOPS_BOOL, LOOPS_DOUBLE };
enum { RESULT_T, RESULT_I };
enum { NO_START, HAS_START };
enum { NO_OP = NX_OP_COUNT };

static const struct { const char *name; uint8_t loops, result, start; uint16_t op; } rows[NX_REDUCER_COUNT] = {
#define REDUCER(id, loops_, result_, start_, step_, empty_, op_) \
    [NX_REDUCER_##id] = {#id, LOOPS_##loops_, RESULT_##result_, empty_, op_},
#include "engine/reducers.def"
};

const char *nx_reducer_name(nx_reducer reducer) {
    return rows[reducer].name;
}

bool nx_reducer_has_loop(nx_reducer reducer, nexpr_dtype loop) {
    switch (rows[reducer].loops) {
    case LOOPS_WIDE:
        return loop == NEXPR_INT64 || loop == NEXPR_UINT64 || loop == NEXPR_FLOAT64 || loop == NEXPR_COMPLEX128;
    case LOOPS_ORDERED: return loop != NEXPR_BOOL && loop != NEXPR_FLOAT16;
    case LOOPS_BOOL: return loop == NEXPR_BOOL;
    default: return loop == NEXPR_FLOAT64;
    }
}

bool nx_reducer_gives_index(nx_reducer reducer) {
    return rows[reducer].result == RESULT_I;
}

nexpr_dtype nx_reducer_result_dtype(nx_reducer reducer, nexpr_dtype loop) {
    return nx_reducer_gives_index(reducer) ? NEXPR_INT64 : loop;
}

bool nx_reducer_has_start(nx_reducer reducer) {
    return rows[reducer].start == HAS_START;
}

bool nx_reducer_find_op(nx_reducer reducer, uint16_t *ret) {
    *ret = rows[reducer].op;
    return *ret != NO_OP;
}
